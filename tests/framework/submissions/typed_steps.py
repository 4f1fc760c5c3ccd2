"""What tests of derivations share: an answer as the write-up hands it over, and the suite's rubrics and situations."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from places import HW0, ROOT, SHARED

from autograder.assignment import load_assignment
from autograder.submission.intake import open_submission
from autograder.writeup import WriteUp, read_writeup

CORPUS = ROOT / "tests" / "corpora" / "derivations"
SAMPLE = SHARED / "samples" / "real-writeup.md"
MARK = "%!"
"""In a text of the corpus: what stands on this line is false, and how."""

sys.path.insert(0, str(HW0))
sys.modules.pop("public", None)  # another suite's, where one was collected before
from derivations import ELBOW_CALCULUS, ELBOW_LOCATION, ELBOW_STEPS, GRADIENT_DESCENT, RIDGE, VECTOR_CALCULUS  # noqa: E402
from public import STEPS  # noqa: E402

__all__ = [
    "ELBOW_CALCULUS",
    "ELBOW_LOCATION",
    "ELBOW_STEPS",
    "GRADIENT_DESCENT",
    "RIDGE",
    "STEPS",
    "VECTOR_CALCULUS",
    "Typed",
    "corpus",
    "real_writeup",
]


@dataclass
class Typed:
    """What the write-up hands over."""

    body: str
    text: str = ""
    state: str = "typed"
    start: int = 1
    how: str = ""
    line: int = 1


def corpus(name: str) -> Iterator[Any]:
    """(part, text, line -> what is claimed of it) for each text of a file."""
    for part in (CORPUS / name).read_text(encoding="utf-8").split("\n# ")[1:]:
        head, _, body = part.partition("\n")
        lines = body.strip("\n").split("\n")
        claims = {k: line.partition(MARK)[2].strip() for k, line in enumerate(lines, 1) if MARK in line}
        yield pytest.param(head.split()[0], "\n".join(line.partition(MARK)[0].rstrip() for line in lines), claims, id=head)


def real_writeup() -> WriteUp:
    """The parts of a real student's write-up; skips where it is not at hand."""
    if not SAMPLE.exists():
        pytest.skip("the real write-up is not at hand")
    assignment = load_assignment(ROOT / "tests" / "hw0")
    with open_submission(SAMPLE, assignment) as submission:
        return read_writeup(submission, assignment)
