"""Problem 2: which situations violate the course's policies?"""

from gradescope_utils.autograder_utils.decorators import number, weight
from public import POINTS

from autograder.suite import yes_or_no


@number("2.a")
@weight(POINTS["2.a"])
def test_shared_solution(answer, judge):
    """2(a): two students write one solution together and both submit it"""
    judge(yes_or_no(answer("2.a"), True))


@number("2.b")
@weight(POINTS["2.b"])
def test_notes_at_a_party(answer, judge):
    """2(b): notes taken at a homework party, written up alone, with credit"""
    judge(yes_or_no(answer("2.b"), False))


@number("2.c")
@weight(POINTS["2.c"])
def test_proof_found_while_studying(answer, judge):
    """2(c): a proof found while studying, understood, rewritten and cited"""
    judge(yes_or_no(answer("2.c"), False))


@number("2.d")
@weight(POINTS["2.d"])
def test_copied_from_a_friend(answer, judge):
    """2(d): a friend's solution copied into a notebook, then submitted with credit"""
    judge(yes_or_no(answer("2.d"), True))


@number("2.e")
@weight(POINTS["2.e"])
def test_photographs(answer, judge):
    """2(e): photographs of a finished solution, from which a friend writes"""
    judge(yes_or_no(answer("2.e"), True))
