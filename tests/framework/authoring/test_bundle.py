"""The zip for Gradescope, and its two scripts in Gradescope's layout."""

import json
import os
import re
import subprocess
import sys
import zipfile

import pytest
from places import ROOT
from submissions.flawed_bank import DUE, plain, told
from submissions.made_up import run_autograder, unpacked, with_environment

from autograder.assignment import load_assignment
from autograder.authoring.bundle import build, build_handout
from autograder.errors import UsageError
from autograder.report import gradescope

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

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
    monkeypatch.setattr("autograder.authoring.bundle.PACKAGE", tmp_path / "site" / "autograder")
    with pytest.raises(UsageError, match="checkout"):
        list(build(tmp_path / "a.zip", HW0, "full", None))


@pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")
def test_a_broken_environment_still_leaves_a_valid_file(bundle, tmp_path):
    results = run_autograder(unpacked(bundle[0], tmp_path))

    assert list(gradescope.faults(results)) == []
    assert "not a grade" in results["output"]


@pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")
def test_even_without_the_fallback(bundle, tmp_path):
    root = unpacked(bundle[0], tmp_path)
    (root / "source" / "fallback.json").unlink()

    assert run_autograder(root)["tests"]


@pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")
def test_the_run_script_grades_with_the_environment_that_setup_made(bundle, tmp_path):
    """With the packages that are here in place of those that setup.sh installs: that one is a slow test of its own."""
    root = with_environment(unpacked(bundle[0], tmp_path))
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
    root = unpacked(bundle[0], tmp_path)
    environment = {**os.environ, "AUTOGRADER_ROOT": str(root)}
    subprocess.run(["bash", "source/setup.sh"], cwd=root, env=environment, check=True, capture_output=True, timeout=1200)
    for file in (ROOT / "reference" / "hw0").iterdir():
        if re.fullmatch(r".*\.(py|md)", file.name):
            (root / "submission" / file.name).write_bytes(file.read_bytes())

    results = run_autograder(root)

    assert results["score"] == 100


# The students' handout.


@pytest.fixture(scope="module")
def handout(tmp_path_factory):
    """The handout, built once and unpacked, and what building it said."""
    room = tmp_path_factory.mktemp("handout")
    said = list(build_handout(room / "handout.zip", HW0))
    with zipfile.ZipFile(room / "handout.zip") as archive:
        archive.extractall(room / "home")
    return room / "handout.zip", room / "home", said


def test_the_handout_holds_the_framework_the_template_and_the_public_half(handout):
    names = set(zipfile.ZipFile(handout[0]).namelist())

    assert {n for n in names if n.startswith("tests/")} == {"tests/hw0/assignment.toml", "tests/hw0/public.py"}
    assert {f"student_template/hw0/{p.name}" for p in (ROOT / "student_template" / "hw0").iterdir() if p.is_file()} <= names
    assert {"README.md", "pyproject.toml", "autograder/check/checker.py", "autograder/report/page.css"} <= names
    tops = {n.partition("/")[0] for n in names}
    assert tops == {"README.md", "pyproject.toml", "autograder", "student_template", "tests"}
    assert "pip install" in "".join(handout[2])


NOT_ANSWERS = {"student_template/hw0/relu_elbow.py": ("6.a.ii",)}
"""The question itself states the loss, in which the derivative's text stands."""


def test_no_reference_value_is_in_the_handout(handout):
    """Every text in the zip against every value that is due, in every notation of five characters or more."""
    looked = 0
    for path in sorted(p for p in handout[1].rglob("*") if p.is_file()):
        name = path.relative_to(handout[1]).as_posix()
        text = path.read_text(encoding="utf-8")
        for number, values in DUE.items():
            if number not in NOT_ANSWERS.get(name, ()):
                looked += 1
                assert [v for v in values if told(text, v, least=5)] == [], (name, number)
    assert looked > 500


def test_nothing_of_the_reference_or_of_what_was_measured_is_in_the_handout(handout):
    """No function of the reference, line by line, and no number of windows.json with four digits or more."""
    texts = "\n".join(p.read_text(encoding="utf-8") for p in handout[1].rglob("*") if p.is_file())
    given = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "student_template" / "hw0").iterdir() if p.suffix == ".py")
    for path in (ROOT / "reference" / "hw0").glob("*.py"):
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        formulas = [line for line in lines if re.match(r"(return|\w+ =) .*[-+*/@].*", line) and len(plain(line)) > 20]
        assert formulas or path.name == "relu_elbow.py"
        assert [line for line in formulas if line in texts and line not in given] == [], path.name
    windows = (ROOT / "tests" / "hw0" / "windows.json").read_text(encoding="utf-8")
    numbers = {n for n in re.findall(r"\d+\.\d{2,}", windows) if len(n.replace(".", "").strip("0")) >= 4}
    assert len(numbers) > 20
    assert {n for n in numbers if re.search(rf"(?<![\d.]){re.escape(n)}(?!\d)", texts)} == set()


def test_torch_is_an_extra_of_the_handout(handout):
    project = tomllib.loads((handout[1] / "pyproject.toml").read_text(encoding="utf-8"))
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    assert not [need for need in project["project"]["dependencies"] if need.startswith("torch")]
    assert project["project"]["optional-dependencies"]["torch"][0].startswith("torch")
    assert project["project"]["requires-python"] == ours["project"]["requires-python"]
    assert project["tool"]["setuptools"]["package-dir"] == {"autograder.handout.hw0": "tests/hw0"}
    packages = {p.parent.relative_to(ROOT).as_posix().replace("/", ".") for p in (ROOT / "autograder").rglob("*.py")}
    assert set(project["tool"]["setuptools"]["packages"]) == packages | {"autograder.handout.hw0"}


def test_the_same_files_give_the_same_handout(handout, tmp_path):
    list(build_handout(tmp_path / "again.zip", HW0))

    assert (tmp_path / "again.zip").read_bytes() == handout[0].read_bytes()


def test_a_handout_needs_its_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("autograder.authoring.bundle.PACKAGE", tmp_path / "site" / "autograder")
    with pytest.raises(UsageError, match=r"handout\.md"):
        list(build_handout(tmp_path / "a.zip", HW0))


def test_the_handout_checks_where_it_was_unpacked(handout, tmp_path):
    """From the unpacked folder alone, with the project's own packages out of the way."""
    program = "import sys; sys.path.insert(0, sys.argv.pop(1)); sys.argv[0] = 'autograder'; from autograder.cli import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(handout[1])}
    words = [
        sys.executable,
        "-c",
        program,
        str(handout[1]),
        "check",
        str(ROOT / "examples" / "flawed"),
        "--report",
        str(tmp_path / "r.html"),
    ]
    ran = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path, env=environment)

    assert ran.returncode == 0, ran.stderr
    assert "UNREADABLE" in ran.stdout
    assert "LOOK HERE" in ran.stdout
    assert (tmp_path / "r.html").stat().st_size > 10_000


@pytest.mark.slow
def test_the_handout_is_installed_by_one_command(handout, tmp_path):
    """A new environment without torch; the installed package carries the suite, and nothing called tests is installed."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, timeout=300)
    binary = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([str(binary / "python"), "-m", "pip", "install", "-q", str(handout[0])], check=True, timeout=900, cwd=tmp_path)
    for submission, holds in (
        (ROOT / "student_template" / "hw0", "not written yet"),
        (ROOT / "examples" / "honest", "torch is not installed here"),
        (ROOT / "examples" / "flawed", "UNREADABLE"),
    ):
        ran = subprocess.run(
            [str(binary / "autograder"), "check", str(submission)], capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path
        )
        assert ran.returncode == 0, ran.stderr
        assert holds in ran.stdout
    program = "import importlib.util as u; print([n for n in ('tests', 'reference', 'student_template') if u.find_spec(n)])"
    found = subprocess.run([str(binary / "python"), "-I", "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert found.stdout.strip() == "[]"
