"""Points, status and tags of an entry, for each kind of verdict."""

import pytest
from places import HW0

from autograder.assignment import load_assignment
from autograder.report.score import NEEDS_REVIEW, PROVISIONAL, hold_points, make_entry
from autograder.verdict import correct, error, incorrect, missing, partial, undecided, unreadable

HW0 = load_assignment(HW0)
FULL = HW0.profile("full")
SHOWN = {"kind": "text", "said": "shown"}


@pytest.mark.parametrize(
    ("verdict", "score", "status"),
    [
        (correct(method="exact"), 3.0, "passed"),
        (partial(0.5, "half", evidence=SHOWN), 1.5, "failed"),
        (incorrect("no", evidence=SHOWN), 0.0, "failed"),
        (unreadable("?"), 0.0, "failed"),
        (missing(), 0.0, "failed"),
        (undecided("look"), 0.0, None),
    ],
)
def test_each_kind(verdict, score, status):
    entry = make_entry("5.d", HW0, FULL, verdict)

    assert (entry.score, entry.max_score, entry.status) == (score, 3.0, status)


def test_undecided_holds_what_the_policy_says_and_asks_for_a_person():
    entry = make_entry("3", HW0, FULL, undecided("a person looks", read="Read as: a derivation"))

    assert (entry.score, entry.status) == (5.0, None)
    assert NEEDS_REVIEW in entry.tags
    assert entry.feedback.startswith(PROVISIONAL)


def test_our_fault_is_not_their_loss():
    entry = make_entry("5.d", HW0, FULL, error("we failed"))
    kept = hold_points(entry)

    assert (entry.score, entry.status) == (0.0, "failed")
    assert (kept.score, kept.status, kept.tags) == (3.0, "failed", entry.tags)
    assert NEEDS_REVIEW in entry.tags


@pytest.mark.parametrize(("points", "score"), [(0, 0.0), (1.5, 1.5), (3, 3.0), (99, 3.0), (-1, 0.0)])
def test_set_score_is_in_points_and_capped(points, score):
    assert make_entry("5.d", HW0, FULL, partial(0.9, "?", evidence=SHOWN), set_score=points).score == score


def test_set_score_is_rescaled_with_the_profile():
    course = HW0.profile("course")

    entry = make_entry("5.d", HW0, course, partial(0.9, "?", evidence=SHOWN), set_score=1.5)

    assert entry.score == pytest.approx(course.points["5.d"] / 2)


def test_what_must_not_be_echoed_is_not():
    entry = make_entry("8.b", HW0, FULL, correct("Complete.", method="not empty", read="a name that belongs to somebody"))

    assert "somebody" not in entry.feedback


def test_a_remark_is_shown():
    assert "Remark: slow" in make_entry("5.d", HW0, FULL, correct(method="exact").with_remarks("slow", "")).feedback
