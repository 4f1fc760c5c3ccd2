"""Plots and progress bars in any module of a student's: installed or not, importing and using them costs no points."""

import pytest
from places import TOY

from autograder.assignment import load_assignment
from autograder.check.checker import Checker
from autograder.grading.run import grade
from autograder.submission.intake import open_submission

SUITE = load_assignment(TOY / "tests" / "toy")
CODE = """
import {package}
{more}

def double(x):
    return 2 * x

def half(x):
    return x / 2
"""


def handed_in(folder, code):
    (folder / "toy.py").write_text(code, encoding="utf-8")
    return folder


def scores(folder):
    return {entry.number: entry.score for entry in grade(folder, SUITE).entries if ".code." in entry.number}


@pytest.mark.parametrize(
    ("package", "more"),
    [
        ("tqdm", "from tqdm import tqdm, trange\nTOTAL = sum(tqdm([1, 2])) + sum(trange(3))\nassert TOTAL == 6"),
        ("tqdm.auto", "from tqdm.auto import tqdm as bar"),
        ("matplotlib.pyplot as plt", "fig, ax = plt.subplots()\nax.plot([1, 2])\nplt.show()"),
        ("seaborn as sns", "sns.set_theme()"),
        ("ipywidgets", "from IPython.display import display\ndisplay(1)"),
    ],
)
def test_a_module_may_import_what_only_draws_or_talks(tmp_path, package, more):
    folder = handed_in(tmp_path, CODE.format(package=package, more=more))

    assert scores(folder) == {"1.code.double": 40, "1.code.half": 40}
    with open_submission(folder, SUITE) as submission:
        found = {f.number: f for f in Checker(SUITE, submission).findings()}
    assert found["1.code.double"].state == "holds"


def test_a_file_of_ones_own_may_be_called_like_a_package(tmp_path):
    (tmp_path / "rich.py").write_text("TWO = 2\n", encoding="utf-8")
    folder = handed_in(
        tmp_path, "import tqdm\nfrom rich import TWO\n\ndef double(x):\n    return TWO * x\n\ndef half(x):\n    return x / TWO\n"
    )

    assert scores(folder) == {"1.code.double": 40, "1.code.half": 40}


def test_what_is_no_stand_in_is_still_missed(tmp_path):
    assert scores(handed_in(tmp_path, CODE.format(package="nothing_of_that_name", more=""))) == {"1.code.double": 0, "1.code.half": 0}


def test_a_module_of_ones_own_is_imported_as_ever(tmp_path):
    (tmp_path / "helper.py").write_text("import tqdm\nTWO = 2\n", encoding="utf-8")
    folder = handed_in(tmp_path, "from helper import TWO\n\ndef double(x):\n    return TWO * x\n\ndef half(x):\n    return x / TWO\n")

    assert scores(folder) == {"1.code.double": 40, "1.code.half": 40}
