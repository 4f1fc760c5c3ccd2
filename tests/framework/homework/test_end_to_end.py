"""hw0 as its users run it: the reference, the template, nothing, code that breaks, examples, a notebook."""

import json
import shutil
import subprocess
import sys

import pytest
from places import ROOT, SHARED

from autograder.assignment import is_code, load_assignment

REFERENCE = ROOT / "reference" / "hw0"
HW0 = load_assignment(ROOT / "tests" / "hw0")
CHECKER = SHARED / "tools" / "check_results.py"


def grade(path, out, *options):
    """results.json of a grading in a process of its own; held against the outside checker where that is at hand."""
    command = [sys.executable, "-m", "autograder", "grade", str(path), "--out", str(out), *options]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    if CHECKER.exists():
        checked = subprocess.run([sys.executable, str(CHECKER), str(out)], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout
    return json.loads(out.read_text(encoding="utf-8"))


def verdicts(results):
    """Number -> verdict."""
    return {test["number"]: test["extra_data"]["verdict"] for test in results["tests"]}


def wrong(results):
    """Number -> (verdict, output) of everything that lost points."""
    return {t["number"]: (t["extra_data"]["verdict"], t["output"]) for t in results["tests"] if t["score"] < t["max_score"] - 1e-9}


def test_the_reference_earns_everything(tmp_path):
    results = grade(REFERENCE, tmp_path / "results.json")

    assert wrong(results) == {}
    assert results["score"] == 100
    assert {v for n, v in verdicts(results).items() if is_code(n)} == {"correct"}


def test_the_template_earns_nothing(tmp_path):
    results = grade(ROOT / "student_template" / "hw0", tmp_path / "results.json")

    assert {t["number"]: t["score"] for t in results["tests"] if t["score"]} == {}


def test_an_empty_folder_is_missing_everywhere(tmp_path):
    (tmp_path / "empty").mkdir()
    results = grade(tmp_path / "empty", tmp_path / "results.json")

    assert set(verdicts(results).values()) == {"missing"}
    assert results["score"] == 0


def test_the_zip_gets_what_the_folder_gets(tmp_path):
    shutil.make_archive(str(tmp_path / "mine"), "zip", REFERENCE.parent, REFERENCE.name)
    zipped, folder = (grade(p, tmp_path / "r.json") for p in (tmp_path / "mine.zip", REFERENCE))

    zipped["execution_time"] = folder["execution_time"] = 0
    assert zipped == folder


def test_a_lone_write_up_is_graded(tmp_path):
    shutil.copy(REFERENCE / "writeup.md", tmp_path / "my answers.md")
    results = grade(tmp_path / "my answers.md", tmp_path / "results.json")

    assert {n for n, (v, _) in wrong(results).items() if v != "missing"} == set()
    assert {n for n, v in verdicts(results).items() if v == "missing"} == {n for n in HW0.points if is_code(n)}


def test_a_notebook_alone_is_graded(tmp_path):
    """The color organ's code in a notebook's cells, its write-up in Markdown cells."""
    code = (REFERENCE / "color_organ.py").read_text(encoding="utf-8")
    text = (REFERENCE / "writeup.md").read_text(encoding="utf-8")
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": text},
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": f"%matplotlib inline\n{code}"},
    ]
    notebook = tmp_path / "Homework.ipynb"
    notebook.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}), encoding="utf-8")
    results = grade(notebook, tmp_path / "results.json")

    lost = {n for n, (v, _) in wrong(results).items() if v != "missing"}
    assert lost == set()
    assert {n for n, v in verdicts(results).items() if v == "missing"} == {n for n in HW0.points if is_code(n) and not n.startswith("7.")}


@pytest.mark.slow  # loading may take half a minute
def test_code_that_hangs_exits_or_swallows_memory_costs_only_itself(tmp_path):
    """The write-up and the color organ keep all their points."""
    folder = tmp_path / "s"
    shutil.copytree(REFERENCE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "ridge.py").write_text("while True:\n    pass\n", encoding="utf-8")
    (folder / "gradient_descent.py").write_text("import os\nos._exit(0)\n", encoding="utf-8")
    (folder / "relu_elbow.py").write_text("hoard = []\nwhile True:\n    hoard.append(bytearray(10**7))\n", encoding="utf-8")
    results = grade(folder, tmp_path / "results.json")

    broken = {n for n in HW0.points if is_code(n) and not n.startswith("7.")}
    assert set(wrong(results)) == broken
    assert {verdicts(results)[n] for n in broken} == {"incorrect"}


def test_the_course_profile_needs_only_write_up_and_notebook(tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    for name in ("writeup.md", "color_organ.py"):
        shutil.copy(REFERENCE / name, folder)
    results = grade(folder, tmp_path / "results.json", "--profile", "course")

    assert results["score"] == pytest.approx(100)


@pytest.mark.parametrize(("example", "low", "high"), [("honest", 95, 100), ("flawed", 15, 80)])
def test_the_examples(tmp_path, example, low, high):
    results = grade(ROOT / "examples" / example, tmp_path / "results.json")

    assert low <= results["score"] <= high, wrong(results)


def test_check_works_without_the_reference(tmp_path):
    """A copy of the project without the reference and without the suite's tests: what a student has."""
    home = tmp_path / "home"
    shutil.copytree(ROOT / "autograder", home / "autograder", ignore=shutil.ignore_patterns("__pycache__"))
    (home / "tests" / "hw0").mkdir(parents=True)
    for name in ("assignment.toml", "public.py"):
        shutil.copy(ROOT / "tests" / "hw0" / name, home / "tests" / "hw0")
    script = (
        f"import sys; sys.path.insert(0, {str(home)!r}); from autograder.cli import main; "
        "sys.argv = ['autograder', 'check', sys.argv[1]]; main()"
    )
    ran = subprocess.run([sys.executable, "-c", script, str(REFERENCE)], capture_output=True, text=True, check=False, timeout=120, cwd=home)

    assert ran.returncode == 0, ran.stderr
    assert "No answer found" not in ran.stdout
    assert "No function found" not in ran.stdout


@pytest.mark.skipif(not (SHARED / "samples" / "real-writeup.md").exists(), reason="the real write-up is not at hand")
def test_a_real_write_up(tmp_path):
    """Typed as students type: no `Answer:` lines, prose around the formulas."""
    found = verdicts(grade(SHARED / "samples" / "real-writeup.md", tmp_path / "results.json"))

    expected = dict.fromkeys(("2.a", "2.b", "2.c", "2.d", "2.e", "5.a", "5.b", "5.c", "5.d", "5.e", "6.a.i", "6.c", "7.a"), "correct")
    expected |= {"6.a.ii": "partial", "6.a.iii": "correct", "6.a.iv": "correct"}
    expected |= {"6.b.i": "correct", "6.b.ii": "partial", "6.b.iii": "correct", "6.b.iv": "correct"}
    expected |= {"7.b": "partial", "7.c": "correct", "7.d": "correct", "7.e": "partial", "7.f": "correct", "7.g": "missing"}
    expected |= {"7.h": "undecided", "7.i": "undecided", "8.a": "correct", "8.b": "correct", "8.c": "correct"}
    assert {n: v for n, v in found.items() if n in expected} == expected
    assert found["6.d"] in {"incorrect", "partial"}
