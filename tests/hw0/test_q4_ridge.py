"""Problem 4, written: the augmented least-squares problem has the MAP estimate as its solution."""

from gradescope_utils.autograder_utils.decorators import number, weight
from public import POINTS

from autograder.phrases import said_something
from autograder.verdict import undecided


@number("4")
@weight(POINTS["4"])
def test_augmented_solution(answer, judge):
    """4: the solution of the augmented problem"""
    given = said_something(answer("4"))
    judge(undecided("A person reads this derivation.", read=given.read) if given.kind == "correct" else given)
