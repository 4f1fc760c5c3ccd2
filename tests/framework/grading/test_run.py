"""Grading end to end, on a toy assignment: what each kind of item becomes, deadlines, partial files, broken suites."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from places import TOY

from autograder.assignment import load_assignment
from autograder.errors import UsageError
from autograder.grading.collection import SuiteFailed
from autograder.grading.desk import Student
from autograder.grading.run import grade
from autograder.report import gradescope
from autograder.worker import Reply

SUITE = TOY / "tests" / "toy"
RIGHT = {
    "writeup.md": "# 1. Numbers\n\n(a)\n\nAnswer: yes\n\n(b)\n\nAnswer: words\n",
    "toy.py": "def double(x):\n    return 2 * x\n\ndef half(x):\n    return x / 2\n",
}


def submission(folder, **changed):
    """A folder with the right toy submission, files changed (or left out, with None) by name."""
    folder.mkdir(exist_ok=True)
    for name, text in {**RIGHT, **{key.replace("__", "."): value for key, value in changed.items()}}.items():
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8")
    return folder


def graded(path, **options):
    """The entries of a report, by number."""
    report = grade(path, load_assignment(SUITE), **options)
    return {entry.number: entry for entry in report.entries}


def test_a_right_submission(tmp_path):
    report = grade(submission(tmp_path / "s"), load_assignment(SUITE), out=tmp_path / "results.json")
    entries = {entry.number: entry for entry in report.entries}

    assert [e.verdict.kind for e in report.entries] == ["correct", "undecided", "correct", "correct"]
    assert report.score == 10 + 5 + 40 + 40
    assert (entries["1.a"].visibility, entries["1.a"].tags) == ("visible", ("easy",))
    assert entries["1.b"].visibility == "after_published"
    assert report.public == ("1 of 1 hold.",)
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert list(gradescope.faults(results)) == []
    assert results["extra_data"]["complete"] is True
    assert results["extra_data"]["suite"]["version"] == "3"


def test_set_score_wins_over_the_share_and_never_leaks_into_the_next_run(tmp_path):
    wrong = submission(tmp_path / "wrong", toy__py="def double(x):\n    return x\n")
    assert graded(wrong)["1.code.double"].score == 7

    absent = submission(tmp_path / "absent", toy__py="def half(x):\n    return x / 2\n")
    assert graded(absent)["1.code.double"].score == 0


def test_what_fails_on_one_submission_alone_is_an_error_that_holds_nothing(tmp_path):
    entries = graded(submission(tmp_path / "s", toy__py="def half(x):\n    return 'break the suite'\n"))

    assert entries["1.code.half"].verdict.kind == "error"
    assert entries["1.code.half"].score == 0
    assert entries["1.code.half"].tags == ("needs-review",)
    assert "ZeroDivisionError" in entries["1.code.half"].verdict.evidence["said"]
    assert "ZeroDivisionError" not in entries["1.code.half"].feedback


def broken_suite(folder):
    """The toy, with a suite that fails at `half` whatever is handed in."""
    for part in ("reference", "tests"):
        shutil.copytree(TOY / part, folder / part)
    file = folder / "tests" / "toy" / "test_q1_numbers.py"
    file.write_text(
        file.read_text(encoding="utf-8").replace('isinstance(reply.value, str) and reply.value == "break the suite"', "True"),
        encoding="utf-8",
    )
    return load_assignment(folder / "tests" / "toy")


def test_what_fails_on_the_reference_too_costs_nobody_points(tmp_path):
    assignment = broken_suite(tmp_path / "broken")
    of_submission = {e.number: e for e in grade(submission(tmp_path / "s"), assignment).entries}
    of_reference = {e.number: e for e in grade(assignment.reference, assignment).entries}

    for entries in (of_submission, of_reference):
        assert (entries["1.code.half"].verdict.kind, entries["1.code.half"].score) == ("error", 40)
        assert "needs-review" in entries["1.code.half"].tags
        assert "costs nobody points" in entries["1.code.half"].feedback
        assert entries["1.a"].verdict.kind == "correct"


def test_without_a_reference_nobody_can_say_that_the_grader_is_broken(tmp_path):
    assignment = broken_suite(tmp_path / "broken")
    shutil.rmtree(assignment.reference)

    entries = {e.number: e for e in grade(submission(tmp_path / "s"), assignment).entries}
    assert (entries["1.code.half"].verdict.kind, entries["1.code.half"].score) == ("error", 0)


def test_an_item_that_makes_no_decision_is_an_error(tmp_path):
    entries = graded(submission(tmp_path / "s", toy__py="def half(x):\n    raise ValueError('no decision')\n"))

    assert entries["1.code.half"].verdict.kind == "error"


def test_code_that_never_ends_costs_only_itself(tmp_path):
    code = "def double(x):\n    while True:\n        pass\n\ndef half(x):\n    return x / 2\n"
    entries = graded(submission(tmp_path / "s", toy__py=code))

    assert entries["1.code.double"].verdict.kind == "incorrect"
    assert [entries[n].score for n in ("1.a", "1.code.half")] == [10, 40]


def test_what_the_deadline_did_not_reach_is_said(tmp_path):
    code = "def double(x):\n    while True:\n        pass\n\ndef half(x):\n    return x / 2\n"
    began = time.monotonic()
    entries = graded(submission(tmp_path / "s", toy__py=code), seconds=2.5)

    assert entries["1.a"].score == 10
    assert entries["1.code.half"].verdict.kind == "incorrect"
    assert entries["1.code.half"].verdict.evidence["failure"] == "not_reached"
    assert time.monotonic() - began < 30


def test_torch_that_only_the_submission_needs_and_that_is_not_installed_here_waits_for_a_person(tmp_path, monkeypatch, caplog):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "torch" else found(name, *more))
    entries = graded(submission(tmp_path / "s", toy__py="import torch\n\ndef double(x):\n    return 2 * x\n"))

    assert {n: e.verdict.kind for n, e in entries.items()} == {
        "1.a": "correct",
        "1.b": "undecided",
        "1.code.double": "error",
        "1.code.half": "error",
    }
    assert entries["1.code.double"].score == 0
    assert "torch, which is not installed" in entries["1.code.double"].verdict.evidence["said"]
    assert "public check of 1.code.double failed" in caplog.text


def test_a_profile_leaves_out_and_rescales(tmp_path):
    entries = graded(submission(tmp_path / "s"), profile="words")

    assert {n: e.max_score for n, e in entries.items()} == {"1.a": 50, "1.b": 50}


def test_an_empty_submission_is_missing_everywhere(tmp_path):
    (tmp_path / "empty").mkdir()

    assert {e.verdict.kind for e in graded(tmp_path / "empty").values()} == {"missing"}


def test_unusable_input_writes_nothing(tmp_path):
    with pytest.raises(UsageError):
        grade(tmp_path / "nowhere", load_assignment(SUITE), out=tmp_path / "results.json")

    assert not (tmp_path / "results.json").exists()


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_deadline_lies_in_the_future(tmp_path, seconds):
    with pytest.raises(UsageError, match="deadline"):
        graded(submission(tmp_path / "s"), seconds=seconds)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("test_q1_numbers.py", '@number("1.a")', '@number("1.z")', "1.z"),
        ("test_q1_numbers.py", '@weight(POINTS["1.a"])', "@weight(3)", "1.a"),
        ("test_q1_numbers.py", '@number("1.b")\n@weight(POINTS["1.b"])', '@number("1.a")\n@weight(POINTS["1.a"])', "already"),
        ("test_q1_numbers.py", '@number("1.b")\n@weight(POINTS["1.b"])\ndef test_words', "def helper", "no test for 1.b"),
        ("test_q1_numbers.py", "from public import POINTS", "from public import NOTHING", "NOTHING"),
        ("test_q1_numbers.py", "def test_words(answer, judge)", "def test_words(answer, judge, nonsense)", None),
    ],
)
def test_a_broken_suite_says_where(tmp_path, file, old, new, said):
    """A suite that does not fit its sheet is refused; a test that cannot be set up is that part's error."""
    shutil.copytree(TOY, tmp_path / "toy", ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "toy" / "tests" / "toy" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    script = (
        "import sys\nfrom pathlib import Path\nfrom autograder.assignment import load_assignment\n"
        "from autograder.grading.run import grade, SuiteFailed\n"
        "try:\n    r = grade(Path(sys.argv[1]), load_assignment(Path(sys.argv[2])))\n"
        "    print([e.verdict.kind for e in r.entries if e.number == '1.b'])\n"
        "except SuiteFailed as p:\n    print('SuiteFailed', p)\n"
    )
    where = [str(submission(tmp_path / "s")), str(path.parent)]
    ran = subprocess.run([sys.executable, "-c", script, *where], capture_output=True, text=True, check=True, timeout=60)

    assert (said in ran.stdout and "SuiteFailed" in ran.stdout) if said else "['error']" in ran.stdout, ran.stdout + ran.stderr


def test_a_missing_public_file_is_one_line(tmp_path):
    shutil.copytree(TOY, tmp_path / "toy", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "toy" / "tests" / "toy" / "public.py").unlink()

    with pytest.raises((UsageError, SuiteFailed), match="public"):
        grade(submission(tmp_path / "s"), load_assignment(tmp_path / "toy" / "tests" / "toy"))


def test_two_gradings_give_the_same_bytes(tmp_path):
    """In processes of their own, as users run it."""
    path = submission(tmp_path / "s", toy__py="def double(x):\n    return [x]\n\ndef half(x):\n    return object()\n")
    texts = []
    for name in ("one.json", "two.json"):
        command = [sys.executable, "-m", "autograder", "grade", str(path), "--assignment", str(SUITE), "--out", str(tmp_path / name)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        results = json.loads((tmp_path / name).read_text(encoding="utf-8"))
        results["execution_time"] = 0
        texts.append(json.dumps(results))

    assert texts[0] == texts[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a process by signal")
def test_a_kill_leaves_a_whole_file_that_says_what_was_not_reached(tmp_path):
    code = "def double(x):\n    while True:\n        pass\n\ndef half(x):\n    return x / 2\n"
    out = tmp_path / "results.json"
    command = [sys.executable, "-m", "autograder", "grade", str(submission(tmp_path / "s", toy__py=code)), "--assignment", str(SUITE)]
    process = subprocess.Popen([*command, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while time.monotonic() < until and not (out.exists() and '"correct"' in out.read_text(encoding="utf-8")):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()

    results = json.loads(out.read_text(encoding="utf-8"))
    tests = {test["number"]: test for test in results["tests"]}
    assert list(gradescope.faults(results)) == []
    assert results["extra_data"]["complete"] is False
    assert tests["1.a"]["score"] == 10
    assert tests["1.code.half"]["score"] == 0
    assert "Not reached" in tests["1.code.half"]["output"]


def test_without_torch_only_what_was_written_waits_for_it():
    """What needs torch and cannot run is our fault; what was never written is missing, which the worker says."""
    asked = []

    class Asked:
        def call(self, function, *_, **__):
            asked.append(function)
            return Reply(function, ())

    student = Student(Asked(), without=frozenset({"organ", "other"}), written={"organ": frozenset({"there"})})
    for function in ("organ.there", "organ.there.part", "other.anything"):
        with pytest.raises(RuntimeError, match="torch"):
            student(function)
    student("organ.never_written")

    assert asked == ["organ.never_written"]
