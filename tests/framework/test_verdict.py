"""Verdicts: what each kind must carry, and how several become one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.verdict import combined, correct, error, incorrect, missing, partial, undecided, unreadable

SHOWN = {"kind": "text", "said": "shown"}


def test_correct_says_how():
    with pytest.raises(ValueError, match="says how"):
        correct(method="")


@pytest.mark.parametrize("build", [lambda: incorrect("no", evidence={}), lambda: partial(0.5, "half", evidence={})])
def test_a_loss_carries_evidence(build):
    with pytest.raises(ValueError, match="evidence"):
        build()


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan, math.inf])
def test_a_share_is_a_share(share):
    with pytest.raises(ValueError, match="share"):
        partial(share, "?", evidence=SHOWN)


def test_a_wrong_core_gains_nothing_from_the_edges():
    whole = combined([(0.5, incorrect("wrong sign", evidence=SHOWN)), (0.5, correct(method="exact"))])

    assert (whole.kind, whole.share, whole.message) == ("incorrect", 0.0, "wrong sign")


def test_an_edge_costs_its_share():
    whole = combined([(0.9, correct(method="exact")), (0.1, incorrect("at the kink", evidence=SHOWN))])

    assert (whole.kind, whole.message) == ("partial", "at the kink")
    assert whole.share == pytest.approx(0.9)


def test_all_correct_is_correct_and_keeps_remarks():
    whole = combined([(0.5, correct(method="exact").with_remarks("slow")), (0.5, correct(method="backward error"))])

    assert whole.kind == "correct"
    assert whole.method == "exact; backward error"
    assert whole.remarks == ("slow",)


@pytest.mark.parametrize("ours", [error("we failed"), undecided("a person looks")])
def test_our_doubt_is_never_their_loss(ours):
    assert combined([(0.5, incorrect("no", evidence=SHOWN)), (0.5, ours)]).kind == ours.kind


def test_missing_everywhere_is_missing():
    assert combined([(0.5, missing()), (0.5, missing())]).kind == "missing"


def test_shares_add_up():
    with pytest.raises(ValueError, match="add up to 1"):
        combined([(0.5, correct(method="exact"))])


VERDICTS = st.one_of(
    st.just(correct(method="exact")),
    st.just(incorrect("no", evidence=SHOWN)),
    st.just(unreadable("?")),
    st.just(missing()),
    st.builds(lambda s: partial(s, "half", evidence=SHOWN), st.floats(0.01, 0.99)),
)


@given(st.lists(VERDICTS, min_size=1, max_size=6))
def test_combining_never_gains(verdicts):
    """The whole earns at most the sum of its parts, and everything only if every part does."""
    whole = combined([(1 / len(verdicts), v) for v in verdicts])

    assert whole.share <= sum(v.share for v in verdicts) / len(verdicts) + 1e-9
    assert (whole.kind == "correct") == all(v.kind == "correct" for v in verdicts)
