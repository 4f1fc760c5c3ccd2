"""Problem 4, written: the augmented least-squares problem has the MAP estimate as its solution."""

from derivations import RIDGE
from gradescope_utils.autograder_utils.decorators import number, weight
from public import POINTS

from autograder.suite import derivation


@number("4")
@weight(POINTS["4"])
def test_augmented_solution(answer, judge):
    """4: the solution of the augmented problem"""
    judge(derivation(answer("4"), RIDGE))
