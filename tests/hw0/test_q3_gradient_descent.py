"""Problem 3, written: the norm of the iterates grows at most linearly, however badly conditioned the features are."""

from derivations import GRADIENT_DESCENT
from gradescope_utils.autograder_utils.decorators import number, weight
from public import POINTS

from autograder.suite import derivation


@number("3")
@weight(POINTS["3"])
def test_bound_on_the_iterates(answer, judge):
    """3: the norm of w_t is at most that of w_{t-1} plus eta alpha |y|"""
    judge(derivation(answer("3"), GRADIENT_DESCENT))
