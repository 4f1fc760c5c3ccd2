"""The command line as people meet it: exit codes, one line for bad input, help, the three uses."""

import csv
import json
import subprocess
import sys
import time

import pytest
from places import ROOT

from autograder import cli
from autograder.errors import UsageError

TOY = ROOT / "tests" / "corpora" / "toy"
SUITE = TOY / "tests" / "toy"
COMMANDS = ("grade", "check", "regrade", "review", "replay", "build", "equiv")


def run(*words, cwd=None):
    """Runs the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "autograder", *map(str, words)], capture_output=True, text=True, cwd=cwd, check=False, timeout=120
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    ran = run(command, "--help")

    assert ran.returncode == 0
    assert "Usage" in ran.stdout


def test_without_words_it_says_what_there_is():
    ran = run()

    assert all(command in ran.stdout + ran.stderr for command in COMMANDS)


@pytest.mark.parametrize(
    "words",
    [
        ("grade",),
        ("grade", "nowhere"),
        ("grade", ROOT / "Makefile"),
        ("grade", TOY / "reference" / "toy", "--assignment", "nope"),
        ("grade", TOY / "reference" / "toy", "--assignment", SUITE, "--profile", "nope"),
        ("grade", TOY / "reference" / "toy", "--assignment", SUITE, "--deadline", "soon"),
        ("grade", TOY / "reference" / "toy", "--assignment", SUITE, "--deadline", "0"),
        ("grade", TOY / "reference" / "toy", "--out", "no/such/folder/results.json"),
        ("grade", "--no-such-option"),
        ("nonsense",),
        ("check", "nowhere"),
        ("regrade", "nowhere", "--out", "out"),
        ("review", "nowhere"),
        ("replay", "nowhere.json", "1.a"),
        ("equiv", "nowhere.jsonl"),
    ],
    ids=lambda words: " ".join(str(w) for w in words)[-60:],
)
def test_unusable_input_is_one_line_and_code_2(words, tmp_path):
    ran = run(*words, cwd=tmp_path)

    assert ran.returncode == 2
    assert len(ran.stderr.strip().splitlines()) == 1, ran.stderr
    assert not list(tmp_path.rglob("results.json"))


def test_grade_prints_the_table_and_writes_both_files(tmp_path):
    out, page = tmp_path / "results.json", tmp_path / "report.html"
    ran = run("grade", TOY / "reference" / "toy", "--assignment", SUITE, "--out", out, "--report", page)

    assert ran.returncode == 0, ran.stderr
    assert "1.code.half" in ran.stdout
    assert "95 of 100 points" in ran.stdout
    assert str(out) in ran.stdout.replace("\n", "")
    assert json.loads(out.read_text(encoding="utf-8"))["score"] == 95
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_an_error_verdict_exits_with_1_and_still_writes(tmp_path):
    (tmp_path / "toy.py").write_text("def half(x):\n    return 'break the suite'\n", encoding="utf-8")
    ran = run("grade", tmp_path, "--assignment", SUITE, "--out", tmp_path / "results.json")

    assert ran.returncode == 1
    assert (tmp_path / "results.json").exists()


def test_check_reads_answers_and_needs_no_reference(tmp_path):
    ran = run("check", TOY / "reference" / "toy", "--assignment", SUITE)

    assert ran.returncode == 0, ran.stderr
    assert "1.a  read as 'yes'" in ran.stdout
    assert "1.code.double: of zero is zero" in ran.stdout


def test_replay_shows_the_evidence_and_decides_again(tmp_path):
    path = tmp_path / "toy.py"
    path.write_text("def double(x):\n    return x\n", encoding="utf-8")
    run("grade", tmp_path, "--assignment", SUITE, "--out", tmp_path / "results.json")
    ran = run("replay", tmp_path / "results.json", "1.code.double")

    assert ran.returncode == 0
    assert "partial, 7 of 40 points" in ran.stdout
    assert "argument 1 = " in ran.stdout
    assert run("replay", tmp_path / "results.json", "9.z").returncode == 2


def test_regrade_gives_each_a_file_and_a_row_whatever_they_hold(tmp_path):
    room = tmp_path / "class"
    for name, text in {"anna": "def double(x):\n    return 2 * x\n", "=cmd": "import os\nos._exit(0)\n", "empty": None}.items():
        (room / name).mkdir(parents=True)
        if text:
            (room / name / "toy.py").write_text(text, encoding="utf-8")
    (room / "broken.zip").write_bytes(b"PK\x03\x04 not a zip")
    ran = run("regrade", room, "--out", tmp_path / "out", "--assignment", SUITE)

    assert ran.returncode == 0, ran.stderr
    rows = {row["submission"]: row for row in csv.DictReader((tmp_path / "out" / "grades.csv").read_text(encoding="utf-8").splitlines())}
    assert rows["anna"]["score"] == "40.0"
    assert float(rows["empty"]["score"]) == 0
    assert "'=cmd" in rows
    assert rows["broken.zip"]["score"] == ""
    assert rows["broken.zip"]["reason"]
    assert json.loads((tmp_path / "out" / "anna" / "results.json").read_text(encoding="utf-8"))["score"] == 40


def test_regrade_of_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "none").mkdir()

    assert run("regrade", tmp_path / "none", "--out", tmp_path / "out").returncode == 2


def test_equiv_gives_a_line_for_each_case_and_a_summary(tmp_path):
    cases = [
        {"id": "a", "symbols": {"x": "vector n", "M": "matrix n n"}, "expected": "M x", "answer": "$Mx$"},
        {"id": "b", "symbols": {"x": "vector n", "M": "matrix n n"}, "expected": "M x", "answer": "x^T M\u2028"},
        {"id": "c", "symbols": {"x": "vector n"}, "expected": "x", "answer": "q"},
    ]
    (tmp_path / "cases.jsonl").write_text("".join(json.dumps(c, ensure_ascii=False) + "\n" for c in cases), encoding="utf-8")
    ran = run("equiv", tmp_path / "cases.jsonl")

    assert ran.returncode == 0, ran.stderr
    assert [(v["id"], v["verdict"]) for v in map(json.loads, ran.stdout.split("\n")[:-1])] == [
        ("a", "equivalent"),
        ("b", "different"),
        ("c", "unreadable"),
    ]
    assert "3 cases" in ran.stderr


def test_equiv_refuses_a_line_that_is_no_case(tmp_path):
    (tmp_path / "cases.jsonl").write_text('{"id": "a"}\n', encoding="utf-8")
    ran = run("equiv", tmp_path / "cases.jsonl")

    assert ran.returncode == 2
    assert len(ran.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(("words", "whole"), [((), 300), (("--deadline", "20"), 20)])
def test_the_deadline_counts_from_the_start_of_the_command(monkeypatch, words, whole):
    """What our own imports took is no longer there for the submission."""
    given = []

    def graded(*_, seconds, **__):
        given.append(seconds)
        raise UsageError("seen enough")

    monkeypatch.setattr("autograder.grading.run.grade", graded)
    monkeypatch.setattr(cli, "BEGAN", time.monotonic() - 5)
    monkeypatch.setattr(sys, "argv", ["autograder", "grade", str(TOY / "reference" / "toy"), *words])
    with pytest.raises(SystemExit):
        cli.main()

    assert whole - 10 < given[0] <= whole - 5
