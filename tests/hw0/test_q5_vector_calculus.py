"""Problem 5: vector calculus. Truth is sympy's own derivative of the given function, in numerator layout (a row)."""

from derivations import VECTOR_CALCULUS as STEPS
from gradescope_utils.autograder_utils.decorators import number, partial_credit, weight
from public import POINTS, VECTOR_CALCULUS

from autograder.suite import derivative, equivalent, names, same_condition, step_remarks

x, c, A = names(VECTOR_CALCULUS, "x c A")


def judged(given, truth):
    """The verdict on a derivative. Steps shown on the way are checked and remarked on; they cost nothing."""
    return equivalent(given, truth, VECTOR_CALCULUS).with_remarks(*step_remarks(given, STEPS))


@number("5.a")
@weight(POINTS["5.a"])
def test_derivative_of_inner_product(answer, judge):
    """5(a): the derivative of x^T c"""
    judge(judged(answer("5.a"), derivative(x.T * c, x)))


@number("5.b")
@weight(POINTS["5.b"])
def test_derivative_of_squared_norm(answer, judge):
    """5(b): the derivative of the squared norm of x"""
    judge(judged(answer("5.b"), derivative(x.T * x, x)))


@number("5.c")
@weight(POINTS["5.c"])
def test_derivative_of_linear_map(answer, judge):
    """5(c): the derivative of A x"""
    judge(judged(answer("5.c"), derivative(A * x, x)))


@number("5.d")
@weight(POINTS["5.d"])
def test_quadratic_form(answer, judge):
    """5(d): x^T A x, whose derivative has a term for each x"""
    judge(judged(answer("5.d"), derivative(x.T * A * x, x)))


@number("5.e")
@partial_credit(POINTS["5.e"])
def test_when_it_simplifies(answer, judge, set_score=None):
    """5(e): when the derivative of x^T A x is 2 x^T A for every x; a condition that is only sufficient earns half"""
    phrases = {
        "symmetric": "A = A^T",
        "self-adjoint": "A = A^T",
        "equal to its transpose": "A = A^T",
        "equals its transpose": "A = A^T",
        "diagonal": "A diagonal",
        "positive definite": "A positive_definite",
        "the identity": "A = I",
        "identity matrix": "A = I",
        "zero matrix": "A = 0",
        "orthogonal": "A orthogonal",
        "invertible": "A invertible",
        "skew-symmetric": "A = -A^T",
        "antisymmetric": "A = -A^T",
    }
    set_score(judge(same_condition(answer("5.e"), "A = A^T", VECTOR_CALCULUS, phrases=phrases)))
