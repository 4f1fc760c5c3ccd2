"""Problem 8: homework process and study group. Completeness only; the study group is never repeated in a report."""

from gradescope_utils.autograder_utils.decorators import number, weight
from public import POINTS

from autograder.suite import said_something


@number("8.a")
@weight(POINTS["8.a"])
def test_sources(answer, judge):
    """8(a): sources used"""
    judge(said_something(answer("8.a")))


@number("8.b")
@weight(POINTS["8.b"])
def test_study_group(answer, judge):
    """8(b): study group"""
    judge(said_something(answer("8.b"), echo=False))


@number("8.c")
@weight(POINTS["8.c"])
def test_hours(answer, judge):
    """8(c): hours spent"""
    judge(said_something(answer("8.c")))
