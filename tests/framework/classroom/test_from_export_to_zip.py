"""The whole way of a decision: an export graded, one answer decided in the terminal, graded again, shipped in a zip and run there.

Everything is done with the commands that a person types. Each test looks at what one of them left.
"""

import csv
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from submissions.made_up import SUITE, export, handed_in, rows, run_autograder, unpacked, with_environment, zipped

from autograder.report import gradescope

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="regrade forks")

SAME = {"submission_1", "submission_5", "submission_7"}
"""Those of the export who gave the same words; two of them in different letters and punctuation."""
REASON = "Good, even so: Zoë's =1+1"
DECIDED = f"Decided by a person: {REASON}"
WAITS = "quit: "


def autograder(cwd, *words):
    """A command as it is typed, and what it printed."""
    ran = subprocess.run(
        [sys.executable, "-m", "autograder", *map(str, words)], cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr
    return ran.stdout


class Terminal:
    """A person at a terminal: reads until something is asked, types, and goes on."""

    def __init__(self, cwd, *words):
        self.ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "autograder", *map(str, words)]
        self.process = subprocess.Popen(command, cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)

    def until(self, asked):
        """Everything that is shown until the question, or until the end where there is none."""
        shown, end = b"", time.monotonic() + 60
        while asked is None or asked not in shown.decode("utf-8", "replace"):
            assert select.select([self.ours], [], [], max(0, end - time.monotonic()))[0], shown
            try:
                piece = os.read(self.ours, 4096)
            except OSError:  # how a terminal ends on Linux
                piece = b""
            if not piece:
                assert asked is None, shown
                break
            shown += piece
        return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode("utf-8", "replace")).replace("\r\n", "\n")

    def type(self, line, asked):
        os.write(self.ours, f"{line}\n".encode())
        return self.until(asked)

    def end(self):
        assert self.process.wait(30) == 0
        os.close(self.ours)


def kept(out):
    """Every results.json of a class, by submission."""
    return {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in out.glob("*/results.json")}


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """All of it once; what each command showed, and what was there before and after."""
    base = tmp_path_factory.mktemp("story")
    path = zipped(export(base / "class"), base / "export.zip")
    grading = ("regrade", "export.zip", "--out", "out", "--assignment", SUITE)
    told = [autograder(base, *grading)]
    before = {"results": kept(base / "out"), "rows": rows(base / "out")}

    person = Terminal(base, "review", "out", "--overrides", "decisions.toml")
    shown = person.until(WAITS)
    shown += person.type("3 a slip of the hand", WAITS)
    shown += person.type("u", WAITS)
    shown += person.type(f"8 {REASON}", WAITS)
    shown += person.type("q", None)
    person.end()

    told.append(autograder(base, *grading, "--overrides", "decisions.toml", "--against", "out"))
    after = {"results": kept(base / "out"), "rows": rows(base / "out")}
    told.append(autograder(base, "build", "--assignment", SUITE, "--overrides", "decisions.toml"))
    return SimpleNamespace(base=base, export=path, told=told, walk=shown, before=before, after=after)


def test_the_first_grading_ends_with_a_row_for_everyone(story):
    assert "8 submissions (6 graded, 2 unusable)" in story.told[0]
    assert "3 different answers wait for a person (`autograder review out`)" in story.told[0]
    found = story.before["rows"]
    assert {row["submission"] for row in found} == {*(f"submission_{n}" for n in "1234579"), "submission_6.zip"}
    for row in found:  # points, or why there are none
        assert row["reason"] if row["score"] in ("", "0.0") else row["state"] == "graded"
    assert not any(row["decided_by_person"] for row in found)


def test_the_walk_shows_the_answer_once_and_nobodys_name(story):
    assert "3 different answers to look at, 0 decided already; decisions go to decisions.toml" in story.walk
    assert "[1/3] 1.b Say something: undecided, 3 submissions, worth 10 points" in story.walk
    assert "1.b: 3 of 10 points for 3 submissions: a slip of the hand" in story.walk
    assert f"1.b: 8 of 10 points for 3 submissions: {REASON}" in story.walk
    assert "1 decided now, 2 left." in story.walk
    assert "submission_" not in story.walk
    assert not re.search("Zoë O|Bob|HYPERLINK|example.edu", story.walk)
    decided = (story.base / "decisions.toml").read_text(encoding="utf-8")
    assert decided.count("[[decision]]") == 1
    assert f'reason = "{REASON}"' in decided


def test_exactly_the_submissions_with_that_answer_changed(story):
    """Every results.json and every row, entry by entry."""
    old, new = story.before["results"], story.after["results"]
    assert set(old) == set(new)
    assert {name for name in new if old[name] != new[name]} == SAME
    for name in SAME:
        entries = {test["number"]: test for test in new[name]["tests"]}
        assert [test for test in old[name]["tests"] if test != entries[test["number"]]] == [
            next(test for test in old[name]["tests"] if test["number"] == "1.b")
        ]
        assert entries["1.b"]["score"] == 8
        assert DECIDED in entries["1.b"]["output"]
        assert new[name]["score"] == old[name]["score"] + 3
        rest = {"score", "tests", "execution_time"}
        assert {k: v for k, v in new[name].items() if k not in rest} == {k: v for k, v in old[name].items() if k not in rest}

    assert len(story.before["rows"]) == len(story.after["rows"]) == 9
    for one, two in zip(story.before["rows"], story.after["rows"], strict=True):
        differ = {key for key in one if one[key] != two[key]}
        assert differ == ({"score", "1.b", "needs_review", "decided_by_person"} if one["submission"] in SAME else set()), one["submission"]


def test_the_csv_has_the_reason(story):
    said = {(row["submission"], row["name"]): row["decided_by_person"] for row in story.after["rows"] if row["decided_by_person"]}

    assert {name for name, _ in said} == SAME
    assert len(said) == 4  # one of them was handed in by two people
    assert set(said.values()) == {f"1.b: {REASON}"}


def test_what_changed_is_named(story):
    assert "3 parts changed against out" in story.told[1]
    assert "3 submissions: 1.b undecided → partial" in story.told[1]
    with (story.base / "out" / "changes.csv").open(encoding="utf-8", newline="") as file:
        changes = list(csv.DictReader(file))
    assert [(c["submission"], c["part"], c["old_score"], c["new_score"]) for c in changes] == [
        (n, "1.b", "5.0", "8.0") for n in sorted(SAME)
    ]
    assert all(DECIDED in c["new_output"] for c in changes)
    page = (story.base / "out" / "changes.html").read_text(encoding="utf-8")
    assert set(re.findall(r"submission_\d", page)) == SAME
    assert "3 submissions: 1.b undecided → partial" in page


@pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")
@pytest.mark.parametrize("setup", ["packages of this environment", pytest.param("setup.sh", marks=pytest.mark.slow)])
def test_in_the_built_zip_the_decision_holds_there_and_only_there(story, setup, tmp_path):
    """Gradescope's layout, and submissions as Gradescope puts them there: one with that answer, one without, and one handed in later."""
    assert "1 decision of a person goes with it." in story.told[2]
    root = unpacked(story.base / "autograder.zip", tmp_path / "root")
    if setup == "setup.sh":
        environment = {**os.environ, "AUTOGRADER_ROOT": str(root)}
        subprocess.run(["bash", "source/setup.sh"], cwd=root, env=environment, check=True, capture_output=True, timeout=1200)
    else:
        with_environment(root)
    # A submission that was not there when the decision was made, under a number that no export has.
    late = handed_in(tmp_path / "late", words="WORDS")
    there = export(tmp_path / "class")
    for number, folder in ((1, there / "submission_1"), (2, there / "submission_2"), (4711, late)):
        shutil.rmtree(root / "submission")
        shutil.copytree(folder, root / "submission")
        (root / "submission_metadata.json").write_text(json.dumps({"id": number, "users": []}), encoding="utf-8")
        results = run_autograder(root)

        assert list(gradescope.faults(results)) == []
        assert results["extra_data"]["complete"] is True
        if number != 4711:
            assert results["tests"] == story.after["results"][f"submission_{number}"]["tests"]
        entry = next(test for test in results["tests"] if test["number"] == "1.b")
        assert (entry["score"], DECIDED in entry["output"]) == ((5, False) if number == 2 else (8, True))
        assert json.dumps(results, ensure_ascii=False).count(DECIDED) == (0 if number == 2 else 2)  # its output and its evidence


def test_leaving_the_decisions_out_is_noticed(story, tmp_path):
    """They hold as long as the file is given; that they are gone is said even where nothing is compared."""
    shutil.copytree(story.base / "out", tmp_path / "out")
    grading = ("regrade", story.export, "--out", "out", "--assignment", SUITE)

    assert "lost" not in story.told[1]
    assert "3 submissions have lost a person's decision that held before" in autograder(tmp_path, *grading)
    assert rows(tmp_path / "out") == story.before["rows"]
    again = autograder(tmp_path, *grading, "--overrides", story.base / "decisions.toml")
    assert "lost" not in again
    assert rows(tmp_path / "out") == story.after["rows"]
