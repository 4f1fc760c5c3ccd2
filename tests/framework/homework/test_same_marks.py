"""The same mistakes in submissions of different content get the same marks: inputs and draws are seeded by the content.

The banks of code have tests of their own beside theirs (`test_bank.py`, `test_color_organ.py`); this one grades whole submissions.
"""

from __future__ import annotations

import pytest
from submissions.flawed_bank import BANK, graded_bank

FEW = tuple("ab")
TWENTY = tuple("cdefghijklmnopqrstuv")


def marks(copies: tuple[str, ...]) -> dict[str, list[dict[str, float]]]:
    """For each submission of the flawed bank, by its flaws, what each of its copies gets."""
    found: dict[str, list[dict[str, float]]] = {}
    for group, _, _, report in graded_bank(*copies):
        name = ", ".join(flaw["loses"][0] for flaw in group)
        found.setdefault(name, []).append({entry.number: entry.score for entry in report.entries})
    return found


@pytest.mark.parametrize("copies", [FEW, pytest.param(TWENTY, marks=pytest.mark.slow)], ids=len)
def test_copies_of_a_flawed_submission_get_the_same_marks(copies: tuple[str, ...]) -> None:
    assert len(BANK) > 20
    for name, scores in marks(copies).items():
        assert len(scores) == len(copies)
        assert [score for score in scores if score != scores[0]] == [], name
