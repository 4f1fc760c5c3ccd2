"""Problem 1 of the toy: one item of each kind that a suite may hold."""

from gradescope_utils.autograder_utils.decorators import number, partial_credit, tags, visibility, weight
from public import POINTS

from autograder.suite import NumericEvidence, correct, failed, incorrect, near, partial, said_something, undecided, yes_or_no


@number("1.a")
@weight(POINTS["1.a"])
@visibility("visible")
@tags("easy")
def test_even(answer, judge):
    """1(a): is two even?"""
    judge(yes_or_no(answer("1.a"), True))


@number("1.b")
@weight(POINTS["1.b"])
def test_words(answer, judge):
    """1(b): a person reads it"""
    given = said_something(answer("1.b"))
    judge(undecided("A person reads this.", read=given.read) if given.kind == "correct" else given)


@number("1.code.double")
@partial_credit(POINTS["1.code.double"])
def test_double(student, judge, rng, set_score=None):
    """double(x)"""
    x = float(rng.integers(1, 100))
    reply = student("toy.double", x)
    shown = NumericEvidence(function="toy.double", args=[x], expected=2 * x, got=repr(reply.value))
    if reply.failure is not None:
        set_score(judge(failed(reply)))
    elif type(reply.value) not in (int, float) or not -1e6 < reply.value < 1e6:
        set_score(judge(incorrect("Not a number of this size.", evidence=shown)))
    elif reply.value == 2 * x:
        set_score(judge(correct(method="exact")))
    else:
        judge(partial(0.5, "Not the double.", evidence=shown))
        set_score(7)


@number("1.code.half")
@weight(POINTS["1.code.half"])
def test_half(student, judge):
    """half(x)"""
    reply = student("toy.half", 4.0)
    if reply.failure is not None and reply.failure.kind == "raised" and "no decision" in reply.failure.message:
        return
    if isinstance(reply.value, str) and reply.value == "break the suite":
        raise ZeroDivisionError("the suite itself is broken here")
    judge(near(reply, 2.0))
