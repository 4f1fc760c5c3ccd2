"""Problem 3, written: the norm of the iterates grows at most linearly, however badly conditioned the features are."""

from gradescope_utils.autograder_utils.decorators import number, weight
from public import POINTS

from autograder.phrases import said_something
from autograder.verdict import undecided


@number("3")
@weight(POINTS["3"])
def test_bound_on_the_iterates(answer, judge):
    """3: the norm of w_t is at most that of w_{t-1} plus eta alpha |y|"""
    given = said_something(answer("3"))
    judge(undecided("A person reads this derivation.", read=given.read) if given.kind == "correct" else given)
