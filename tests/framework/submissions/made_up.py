"""What several tests make up: submissions to the toy, a class as Gradescope exports it, and Gradescope's own layout around a built zip."""

import csv
import json
import os
import subprocess
import sys
import sysconfig
import zipfile

from places import TOY

from autograder.assignment import load_assignment

SUITE = TOY / "tests" / "toy"
SHEET = load_assignment(SUITE)

RIGHT = "def double(x):\n    return 2 * x\n\ndef half(x):\n    return x / 2\n"
WRONG = "def double(x):\n    return x\n"
WRITEUP = "# 1. Numbers\n\n(a)\n\nAnswer: {}\n\n(b)\n\nAnswer: {}\n"

METADATA = """---
:assignment:
  :due_date: 2024-09-06 23:59:00 -07:00
submission_1:
  :submitters:
  - {":name": "=HYPERLINK(1)", ":sid": "001", ":email": "a@example.edu"}
  - {":name": "Zoë O'Neil, Jr.", ":sid": 2}
  :created_at: 2024-09-07 00:00:00.000000000 -07:00
  :score: 50.0
submission_2:
  :submitters: [{":name": "+1-Bob", ":sid": "-3", ":email": "@evil"}]
  :created_at: 2024-09-06 23:00:00.000000000 -07:00
submission_9:
  :submitters: [{":name": "Lost"}]
"""


def handed_in(folder, code=RIGHT, answer="yes", words="words"):
    """A submission to the toy."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "writeup.md").write_text(WRITEUP.format(answer, words), encoding="utf-8")
    (folder / "toy.py").write_text(code, encoding="utf-8")
    return folder


def export(base):
    """A class: groups, missing e-mails, odd names, an empty submission, broken zips, large notebooks; 1, 5 and 7 give the same words."""
    root = base / "assignment_7_export"
    handed_in(root / "submission_1")
    handed_in(root / "submission_2", WRONG, "no", words="other words")
    (root / "submission_3").mkdir()
    (root / "submission_4").mkdir()
    (root / "submission_4" / "homework.zip").write_bytes(b"PK\x03\x04 broken")
    handed_in(root / "submission_5")
    handed_in(root / "submission_7", WRONG, "perhaps", words="Words. ")
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 1, "source": "x = 1\n" * 500_000}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    for name in ("submission_5", "submission_7"):
        (root / name / "work.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    (root / "submission_6.zip").write_bytes(b"PK\x03\x04 broken")
    (root / "submission_metadata.yml").write_text(METADATA, encoding="utf-8")
    return root


def zipped(folder, target, compression=zipfile.ZIP_DEFLATED):
    """The folder as a zip, with the folder itself in it."""
    with zipfile.ZipFile(target, "w", compression) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder.parent).as_posix())
    return target


def rows(out):
    """The rows of grades.csv."""
    with (out / "grades.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def unpacked(archive, root):
    """A built zip as Gradescope unpacks it, with an empty submission."""
    with zipfile.ZipFile(archive) as built:
        built.extractall(root / "source")
    for script in ("setup.sh", "run_autograder"):
        (root / "source" / script).chmod(0o755)
    (root / "submission").mkdir()
    return root


def with_environment(root):
    """What setup.sh leaves, made of the packages that are installed here: what is run is the zip's own code."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root / "venv")], check=True, timeout=60)
    (packages,) = (root / "venv" / "lib").glob("python*/site-packages")
    lines = [str(root / "source"), *{sysconfig.get_path(kind) for kind in ("purelib", "platlib")}]
    (packages / "autograder.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def run_autograder(root):
    """Runs the script as Gradescope does, and returns the results."""
    environment = {**os.environ, "AUTOGRADER_ROOT": str(root)}
    subprocess.run([str(root / "source" / "run_autograder")], env=environment, check=True, capture_output=True, timeout=120)
    return json.loads((root / "results" / "results.json").read_text(encoding="utf-8"))
