"""The zip for Gradescope, and its two scripts in Gradescope's layout."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from autograder.assignment import load_assignment
from autograder.bundle import build
from autograder.errors import UsageError
from autograder.report import gradescope

ROOT = Path(__file__).resolve().parents[2]
HW0 = load_assignment(ROOT / "tests" / "hw0")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The zip, built once, and what building it said."""
    path = tmp_path_factory.mktemp("build") / "autograder.zip"
    return path, list(build(path, HW0, "full", None))


def test_scripts_lie_at_the_root_and_can_be_executed(bundle):
    with zipfile.ZipFile(bundle[0]) as archive:
        modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}

    assert modes["setup.sh"] & 0o111
    assert modes["run_autograder"] & 0o111
    assert {"autograder/cli.py", "tests/hw0/assignment.toml", "tests/hw0/public.py", "pyproject.toml"} <= set(modes)


def test_neither_the_reference_nor_our_own_tests_are_in_it(bundle):
    names = zipfile.ZipFile(bundle[0]).namelist()

    assert not [n for n in names if n.startswith(("reference/", "student_template/", "tests/framework", "tests/corpora", "examples/"))]
    assert not [n for n in names if "__pycache__" in n]


def test_it_says_what_torch_will_cost(bundle, tmp_path):
    assert any("gigabytes" in line for line in bundle[1])

    named = list(build(tmp_path / "a.zip", HW0, "course", "https://example.org/cpu"))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.read("torch_index").decode().strip() == "https://example.org/cpu"
        assert archive.read("profile").decode().strip() == "course"
    assert not any("gigabytes" in line for line in named)


def test_the_same_files_give_the_same_zip(bundle, tmp_path):
    list(build(tmp_path / "again.zip", HW0, "full", None))

    assert (tmp_path / "again.zip").read_bytes() == bundle[0].read_bytes()


def test_the_fallback_is_valid_names_every_part_and_gives_nothing(bundle):
    with zipfile.ZipFile(bundle[0]) as archive:
        results = json.loads(archive.read("fallback.json"))

    assert list(gradescope.faults(results)) == []
    assert {test["number"] for test in results["tests"]} == set(HW0.points)
    assert results["score"] == 0
    assert {test["extra_data"]["verdict"] for test in results["tests"]} == {"error"}


def test_not_in_a_checkout_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("autograder.bundle.__file__", str(tmp_path / "site" / "autograder" / "bundle.py"))
    with pytest.raises(UsageError, match="checkout"):
        list(build(tmp_path / "a.zip", HW0, "full", None))


def unpacked(bundle, root):
    """The zip unpacked as Gradescope does, with an empty submission."""
    with zipfile.ZipFile(bundle[0]) as archive:
        archive.extractall(root / "source")
    for script in ("setup.sh", "run_autograder"):
        (root / "source" / script).chmod(0o755)
    (root / "submission").mkdir()
    return root


def run_autograder(root):
    """Runs the script as Gradescope does, and returns the results."""
    environment = {**os.environ, "AUTOGRADER_ROOT": str(root)}
    subprocess.run([str(root / "source" / "run_autograder")], env=environment, check=True, capture_output=True, timeout=120)
    return json.loads((root / "results" / "results.json").read_text(encoding="utf-8"))


@pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")
def test_a_broken_environment_still_leaves_a_valid_file(bundle, tmp_path):
    results = run_autograder(unpacked(bundle, tmp_path))

    assert list(gradescope.faults(results)) == []
    assert "not a grade" in results["output"]


@pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")
def test_even_without_the_fallback(bundle, tmp_path):
    root = unpacked(bundle, tmp_path)
    (root / "source" / "fallback.json").unlink()

    assert run_autograder(root)["tests"]


@pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")
def test_the_run_script_grades_with_the_environment_that_setup_made(bundle, tmp_path):
    """With this interpreter in place of the one that setup.sh installs: that one is a slow test of its own."""
    root = unpacked(bundle, tmp_path)
    binary = root / "venv" / "bin"
    binary.mkdir(parents=True)
    (binary / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    (binary / "python").chmod(0o755)
    (root / "submission" / "writeup.md").write_text("# 2. Course Policies\n\n(a)\n\nAnswer: yes\n", encoding="utf-8")

    results = run_autograder(root)

    assert list(gradescope.faults(results)) == []
    assert results["extra_data"]["complete"] is True
    assert results["score"] == 1


def test_only_the_two_scripts_read_the_root():
    """AUTOGRADER_ROOT moves Gradescope's layout for a test; nothing else may depend on it."""
    files = [p for p in (ROOT / "autograder").rglob("*.py") if "AUTOGRADER_ROOT" in p.read_text(encoding="utf-8")]

    assert files == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")
def test_setup_and_run_from_nothing(bundle, tmp_path):
    """An empty root, the zip in it, setup.sh with all its downloads, and the reference graded."""
    root = unpacked(bundle, tmp_path)
    environment = {**os.environ, "AUTOGRADER_ROOT": str(root)}
    subprocess.run(["bash", "source/setup.sh"], cwd=root, env=environment, check=True, capture_output=True, timeout=1200)
    for file in (ROOT / "reference" / "hw0").iterdir():
        if re.fullmatch(r".*\.(py|md)", file.name):
            (root / "submission" / file.name).write_bytes(file.read_bytes())

    results = run_autograder(root)

    assert results["score"] == 100
