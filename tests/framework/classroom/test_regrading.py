"""A class regraded, on a toy assignment: every row with its reason, resuming, kills, Ctrl-C, the lock, a full disk."""

import json
import os
import pty
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from places import ROOT
from submissions.made_up import RIGHT, SUITE, TOY, WRONG, export, handed_in, rows, zipped

from autograder.assignment import load_assignment
from autograder.classroom.gradebook import formula_safe
from autograder.classroom.regrading import regrade
from autograder.errors import UsageError
from autograder.grading.run import grade
from autograder.report import gradescope

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="regrade forks")

SLOW = "import time\n\ndef double(x):\n    time.sleep(0.5)\n    return 2 * x\n\ndef half(x):\n    return x / 2\n"
CODE = {
    "right": RIGHT,
    "wrong": WRONG,
    "raises": "def double(x):\n    return {}[x]\n\ndef half(x):\n    raise ValueError('no')\n",
    "exits": "import os\nos._exit(0)\n",
    "prints": "print('\\x1b[31m<b>hello</b>' * 50)\n" + RIGHT,
    "breaks-the-suite": "def half(x):\n    return 'break the suite'\n",
    "kills": "import os, signal\n\ndef double(x):\n    os.kill(os.getppid(), signal.SIGKILL)\n    os.kill(0, signal.SIGKILL)\n",
}


def command(path, out, *words):
    return [sys.executable, "-m", "autograder", "regrade", str(path), "--out", str(out), "--assignment", str(SUITE), *map(str, words)]


def gradings(out):
    """What the journal holds of each grading that was begun: submission, state, run."""
    database = sqlite3.connect(out / "journal.sqlite")
    found = database.execute("SELECT submission, state, run FROM gradings ORDER BY id").fetchall()
    database.close()
    return found


def timeless(text):
    return {**json.loads(text), "execution_time": 0}


@pytest.fixture(scope="module")
def graded_class(tmp_path_factory):
    """A class of folders, regraded once by two jobs."""
    base = tmp_path_factory.mktemp("class")
    for name, code in CODE.items():
        handed_in(base / "room" / name, code)
    ran = subprocess.run(command(base / "room", base / "out", "--jobs", "2"), capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 1, ran.stderr  # one verdict is `error`
    return base


def test_the_verdicts_are_those_of_grade_to_the_byte(graded_class):
    for name in CODE:
        alone = graded_class / "alone.json"
        report = grade(graded_class / "room" / name, load_assignment(SUITE), out=alone)
        assert report.complete
        together = (graded_class / "out" / name / "results.json").read_text(encoding="utf-8")
        assert timeless(together) == timeless(alone.read_text(encoding="utf-8")), name
        assert list(timeless(together)) == list(timeless(alone.read_text(encoding="utf-8")))
        assert list(gradescope.faults(json.loads(together))) == []


@pytest.mark.slow
def test_the_full_suite_says_in_a_class_what_it_says_alone(tmp_path):
    """Every item of the homework, with what a class remembers: the same submission twice, and others between."""
    root = ROOT
    names = {"a": "reference/hw0", "b": "examples/honest", "c": "examples/flawed", "d": "student_template/hw0", "e": "examples/honest"}
    for name, path in names.items():
        shutil.copytree(root / path, tmp_path / "room" / name, ignore=shutil.ignore_patterns("__pycache__"))
    suite = root / "tests" / "hw0"
    assert regrade(tmp_path / "room", tmp_path / "out", load_assignment(suite), "full", jobs=1) == 0
    for name in names:
        words = [sys.executable, "-m", "autograder", "grade", str(tmp_path / "room" / name), "--assignment", str(suite)]
        subprocess.run([*words, "--out", str(tmp_path / "alone.json")], capture_output=True, check=True, timeout=300)
        together = timeless((tmp_path / "out" / name / "results.json").read_text(encoding="utf-8"))
        assert together == timeless((tmp_path / "alone.json").read_text(encoding="utf-8")), name


def test_whatever_they_hold_each_has_a_row(graded_class):
    found = {row["submission"]: row for row in rows(graded_class / "out")}

    assert set(found) == set(CODE)
    assert [float(found[n]["score"]) for n in ("right", "wrong", "exits", "kills")] == [95, 22, 15, 15]
    assert found["breaks-the-suite"]["needs_review"] == "2"
    assert {row["state"] for row in found.values()} == {"graded"}


def test_resuming_a_finished_run_grades_nothing_and_restores_what_was_lost(graded_class):
    out = graded_class / "resumed"
    shutil.copytree(graded_class / "out", out)
    before = gradings(out)
    (out / "right" / "results.json").unlink()
    (out / "wrong" / "results.json").write_text("{}", encoding="utf-8")
    subprocess.run(command(graded_class / "room", out, "--resume"), capture_output=True, check=False, timeout=120)

    again = gradings(out)[len(before) :]
    assert {name for name, _, _ in again} == {"breaks-the-suite"}  # an error may have gone away
    for name in CODE:
        assert (out / name / "results.json").read_bytes() == (graded_class / "out" / name / "results.json").read_bytes() or name == again[
            0
        ][0]


def test_only_what_changed_is_graded_again(graded_class, tmp_path):
    room, out = tmp_path / "room", tmp_path / "out"
    for name in ("right", "wrong"):
        shutil.copytree(graded_class / "room" / name, room / name)
    assignment = load_assignment(SUITE)
    assert regrade(room, out, assignment, "full") == 0
    handed_in(room / "wrong", RIGHT)
    assert regrade(room, out, assignment, "full") == 0
    assert gradings(out) == [("right", "graded", 1), ("wrong", "graded", 1), ("wrong", "graded", 2)]
    assert [row["score"] for row in rows(out)] == ["95.0", "95.0"]

    regrade(room, out, assignment, "words", resume=True)
    assert gradings(out)[3:] == [("right", "graded", 3), ("wrong", "graded", 3)]
    (room / "wrong" / "toy.py").unlink()
    shutil.rmtree(room / "wrong")
    (room / "wrong").write_bytes(b"")
    (room / "wrong.zip").write_bytes(b"PK broken")
    regrade(room, out, assignment, "words")
    assert [(row["submission"], row["state"]) for row in rows(out)] == [("right", "graded"), ("wrong.zip", "unusable")]


def test_what_became_unusable_keeps_no_old_mark(tmp_path):
    room, out = tmp_path / "room", tmp_path / "out"
    room.mkdir()
    with zipfile.ZipFile(room / "a.zip", "w") as archive:
        archive.writestr("toy.py", RIGHT)
    regrade(room, out, load_assignment(SUITE), "full")
    assert (out / "a.zip" / "results.json").is_file()

    (room / "a.zip").write_bytes(b"PK broken")
    regrade(room, out, load_assignment(SUITE), "full")
    assert not (out / "a.zip" / "results.json").exists()
    assert rows(out)[0]["score"] == ""
    assert "no readable zip" in rows(out)[0]["reason"]


def test_an_export_ends_with_a_row_and_a_reason_for_every_person(tmp_path):
    regrade(zipped(export(tmp_path), tmp_path / "export.zip"), tmp_path / "out", load_assignment(SUITE), "full", jobs=1)
    found = rows(tmp_path / "out")

    assert [(row["submission"], row["name"]) for row in found] == [
        ("submission_1", "'=HYPERLINK(1)"),
        ("submission_1", "Zoë O'Neil, Jr."),
        ("submission_2", "'+1-Bob"),
        *((f"submission_{n}", "") for n in ("3", "4", "5", "6.zip", "7")),
        ("submission_9", "Lost"),
    ]
    assert [row["seconds_late"] for row in found[:3]] == ["60", "60", "0"]
    assert (found[1]["sid"], found[1]["email"]) == ("2", "")
    assert (found[2]["sid"], found[2]["email"]) == ("'-3", "'@evil")
    assert [row["score"] for row in found] == ["95.0", "95.0", "12.0", "0.0", "0.0", "95.0", "", "12.0", ""]
    assert [row["state"] for row in found[-4:]] == ["graded", "unusable", "graded", "unusable"]
    assert [bool(row["reason"]) for row in found] == [False, False, False, True, True, False, True, False, True]
    assert found[3]["reason"] == "nothing that is graded was found: No write-up was found."
    assert "homework.zip is an archive inside the submission" in found[4]["reason"]
    assert not [row for row in found if str(tmp_path) in row["reason"] and "export.zip" not in row["reason"]]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1", " =1", "＝1"])
def test_no_cell_is_a_formula(cell):
    assert str(formula_safe(cell)).startswith("'")
    assert formula_safe("plain - text") == "plain - text"
    assert formula_safe(-1.5) == -1.5


def undisturbed(room, out):
    regrade(room, out, load_assignment(SUITE), "full")
    return {row["submission"]: row for row in rows(out)}


def killed_and_resumed(room, out, moments, seed):
    """Kills a run with SIGKILL at random moments and resumes it each time, then lets it end."""
    chance = random.Random(seed)
    kills = 0
    for _ in range(moments):
        process = subprocess.Popen(command(room, out, "--resume"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        line = process.stderr.readline() if chance.random() < 0.7 else ""
        time.sleep(chance.uniform(0, 1.2 if line else 0.6))
        kills += process.poll() is None
        process.kill()
        process.wait()
        process.stderr.close()
        in_flight = {name for name, state, _ in gradings(out) if state is None} if (out / "journal.sqlite").exists() else set()
        assert len(in_flight) <= 2 * (kills + 1)
    ended = subprocess.run(command(room, out, "--resume"), capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr
    return kills


def held_against(room, out, plain):
    """The final grades are those of an undisturbed run, and nothing that stood was graded twice."""
    assert {row["submission"]: row for row in rows(out)} == plain
    done = [name for name, state, _ in gradings(out) if state is not None]
    assert sorted(done) == sorted(set(done)) == sorted(plain)
    for name in plain:
        assert json.loads((out / name / "results.json").read_text(encoding="utf-8"))["extra_data"]["complete"] is True


def test_kill_9_loses_only_what_was_in_flight(tmp_path):
    room = tmp_path / "room"
    for number in range(6):
        handed_in(room / f"s{number}", SLOW if number % 2 else RIGHT.replace("2 * x", f"2 * x + {number % 3}"))
    plain = undisturbed(room, tmp_path / "plain")
    assert killed_and_resumed(room, tmp_path / "out", 2, seed=3) >= 1
    held_against(room, tmp_path / "out", plain)


@pytest.mark.slow
def test_kill_9_at_twenty_random_moments_of_sixty_submissions(tmp_path):
    room = tmp_path / "room"
    for number in range(60):
        code = {0: SLOW, 1: CODE["wrong"], 2: CODE["exits"]}.get(number % 5, RIGHT)
        handed_in(room / f"s{number:02d}", code + f"\nN = {number}\n")
    plain = undisturbed(room, tmp_path / "plain")
    assert killed_and_resumed(room, tmp_path / "out", 20, seed=1) >= 10
    held_against(room, tmp_path / "out", plain)


def test_ctrl_c_finishes_what_runs_and_a_second_run_is_kept_out(tmp_path):
    room, out, many = tmp_path / "room", tmp_path / "out", 15  # more than are graded while the second run starts, on a slow machine too
    for number in range(many):
        handed_in(room / f"s{number:02}", SLOW)
    process = subprocess.Popen(command(room, out, "--jobs", "1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first = process.stderr.readline()
    second = subprocess.run(command(room, out), capture_output=True, text=True, check=False, timeout=60)
    process.send_signal(signal.SIGINT)
    _, complained = process.communicate(timeout=60)

    assert first.startswith(f"[1/{many}]")
    assert second.returncode == 2
    assert len(second.stderr.splitlines()) == 1
    assert "another regrade writes there" in second.stderr
    assert process.returncode == 1
    states = [state for _, state, _ in gradings(out)]
    assert states == ["graded"] * len(states)  # what was in flight was finished
    assert 1 < len(states) < many
    assert f"stopped with {many - len(states)} of {many} submissions left; `--resume` goes on" in complained.splitlines()[-1]
    assert [row["reason"] for row in rows(out)].count("not graded in this run") == many - len(states)

    ended = subprocess.run(command(room, out, "--resume"), capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert sorted(gradings(out)) == [(f"s{n:02}", "graded", 1) for n in range(many)]


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_a_job_that_is_killed_costs_its_submission_a_reason_and_nothing_else(tmp_path):
    room, out = tmp_path / "room", tmp_path / "out"
    for number in range(3):
        handed_in(room / f"s{number}", SLOW)
    process = subprocess.Popen(command(room, out, "--jobs", "1"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    process.stderr.readline()
    until = time.monotonic() + 30
    while time.monotonic() < until and ("s1", None, 1) not in gradings(out):
        time.sleep(0.05)
    (job,) = children(process.pid)
    os.kill(job, signal.SIGKILL)
    assert process.wait(60) == 1
    process.stderr.close()

    assert [(row["submission"], row["state"]) for row in rows(out)] == [("s0", "graded"), ("s1", "failed"), ("s2", "graded")]
    assert "died (signal 9)" in rows(out)[1]["reason"]
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if str(job) == p.parent.name and p.read_bytes()]


def test_a_terminal_has_a_bar_with_rate_verdicts_and_the_slowest(tmp_path):
    handed_in(tmp_path / "room" / "anna", RIGHT)
    handed_in(tmp_path / "room" / "ben", SLOW)
    ours, theirs = pty.openpty()
    with subprocess.Popen(command(tmp_path / "room", tmp_path / "out"), stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        drawn = b""
        try:
            while piece := os.read(ours, 4096):
                drawn += piece
        except OSError:  # how a terminal ends on Linux
            pass
        assert process.wait(60) == 0
    os.close(ours)

    shown = drawn.decode("utf-8", "replace")
    assert "2/2" in shown
    assert re.search(r"\d/s, 6\s+correct", shown)
    assert "slowest ben" in shown


def test_a_full_disk_is_one_line_and_resuming_goes_on(tmp_path):
    """On a file system of 1 MB, where we may mount one."""
    room, small = tmp_path / "room", tmp_path / "small"
    for number in range(4):
        handed_in(room / f"s{number}", f"print('x{number}')\n" + RIGHT)
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(small)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        filler = small / "filler"
        filler.write_bytes(b"x" * 250_000)
        ran = subprocess.run(command(room, small / "out", "--jobs", "1"), capture_output=True, text=True, check=False, timeout=60)
        assert ran.returncode == 1
        assert "the disk is full; nothing that was graded is lost" in ran.stderr.splitlines()[-1]
        assert "Traceback" not in ran.stderr
        filler.unlink()
        ran = subprocess.run(command(room, small / "out", "--resume"), capture_output=True, text=True, check=False, timeout=60)
        assert ran.returncode == 0, ran.stderr
        assert len(rows(small / "out")) == 4
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize(
    "options", [{"jobs": 0}, {"seconds": 0}, {"profile": "nope"}, {"overrides": Path("nowhere.toml")}, {"against": Path("nowhere")}]
)
def test_unusable_options_write_nothing(tmp_path, options):
    handed_in(tmp_path / "room" / "anna", RIGHT)
    with pytest.raises(UsageError):
        regrade(tmp_path / "room", tmp_path / "out", load_assignment(SUITE), **{"profile": "full", **options})
    assert not (tmp_path / "out").exists()


def test_a_suite_that_cannot_be_run_is_one_line(tmp_path):
    shutil.copytree(TOY, tmp_path / "toy", ignore=shutil.ignore_patterns("__pycache__"))
    suite = tmp_path / "toy" / "tests" / "toy"
    (suite / "test_q1_numbers.py").write_text("import nothing_of_that_name\n", encoding="utf-8")
    handed_in(tmp_path / "room" / "anna", RIGHT)
    words = [
        sys.executable,
        "-m",
        "autograder",
        "regrade",
        str(tmp_path / "room"),
        "--out",
        str(tmp_path / "out"),
        "--assignment",
        str(suite),
    ]
    ran = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)

    assert ran.returncode == 1
    assert "the suite toy cannot be run" in ran.stderr
    assert "Traceback (most recent call last)" not in ran.stderr


@pytest.mark.parametrize("place", ["", "out", "anna/out", "../room/out"])
def test_results_are_not_written_where_the_next_run_would_grade_them(tmp_path, place):
    handed_in(tmp_path / "room" / "anna", RIGHT)
    ran = subprocess.run(command(tmp_path / "room", tmp_path / "room" / place), capture_output=True, text=True, check=False, timeout=60)

    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    assert "where the next run would grade results as submissions" in ran.stderr
    assert sorted(p.name for p in (tmp_path / "room").rglob("*")) == ["anna", "toy.py", "writeup.md"]


def test_no_name_of_a_submission_meets_another_or_a_file_of_ours(tmp_path):
    """A class in which one brings metadata of its own, one only a zip, and others are called like what is written beside them."""
    names = (
        "journal.sqlite",
        "journal.sqlite-shm",
        "journal.sqlite-wal",
        "class.html",
        "class.html_",
        "Class.html",
        "overrides.toml",
        "anna",
        "anna.",
    )
    for name in names:
        handed_in(tmp_path / "room" / name, RIGHT)
    (tmp_path / "room" / "anna" / "submission_metadata.yml").write_text("submission_1:\n  :submitters: []\n", encoding="utf-8")
    zipped(handed_in(tmp_path / "ben", RIGHT), tmp_path / "ben.zip")
    (tmp_path / "room" / "ben").mkdir()
    shutil.move(tmp_path / "ben.zip", tmp_path / "room" / "ben" / "my homework.zip")

    assert regrade(tmp_path / "room", tmp_path / "out", load_assignment(SUITE), "full") == 0
    found = rows(tmp_path / "out")
    assert len({row["submission"].casefold().rstrip(".") for row in found}) == len(names) + 1
    assert {row["score"] for row in found} == {"95.0"}
    assert all((tmp_path / "out" / row["submission"] / "results.json").is_file() for row in found)
    assert (tmp_path / "out" / "class.html").is_file()
    assert regrade(tmp_path / "room", tmp_path / "out", load_assignment(SUITE), "full") == 0
    assert len(gradings(tmp_path / "out")) == len(found)


def test_broken_metadata_cost_a_line_and_not_the_class(tmp_path, capfd):
    root = export(tmp_path)
    (root / "submission_metadata.yml").write_text("a: [1, 2\nb", encoding="utf-8")
    assert regrade(root, tmp_path / "out", load_assignment(SUITE), "full") == 0
    said = capfd.readouterr().err

    assert [line for line in said.splitlines() if re.search("is no YAML at line .*: persons, times and earlier scores are not known", line)]
    assert "submission_1" in {row["submission"] for row in rows(tmp_path / "out")}
