"""Problem 6, written: where the elbow of a ReLU is, its gradients, and what a step of SGD does to it."""

from fractions import Fraction

from derivations import ELBOW_CALCULUS, ELBOW_LOCATION, ELBOW_STEPS
from gradescope_utils.autograder_utils.decorators import number, partial_credit, weight
from public import ELBOW, NETWORK_ELBOW, POINTS

from autograder.suite import (
    ParameterRegion,
    Subject,
    claim,
    combined,
    correct,
    equivalent,
    equivalent_by_region,
    read_claims,
    shown_remarks,
)

# Steps shown on the way are checked and remarked on; they cost nothing. What is said of the answer itself is not said again.

# (a) One unit, phi = max(0, w x + b). Right on one side of the elbow is worth half; a difference on the elbow alone, a tenth.

ACTIVE, INACTIVE = "where the unit is active", "where the unit is inactive"


def piecewise(active, inactive):
    """The two regions of a unit, with what is due on each."""
    return [(ACTIVE, "w x + b > 0", active, 0.5), (INACTIVE, "w x + b <= 0", inactive, 0.5)]


def with_steps(verdict, given, situation):
    """The verdict with remarks on the steps above the answer."""
    return verdict.with_remarks(*shown_remarks(given, situation, said=given.text))


@number("6.a.i")
@weight(POINTS["6.a.i"])
def test_location_of_the_elbow(answer, judge):
    """6(a)(i): where the elbow is"""
    given = answer("6.a.i")
    judge(with_steps(equivalent(given, "-b/w", ELBOW), given, ELBOW_LOCATION))


@number("6.a.ii")
@partial_credit(POINTS["6.a.ii"])
def test_derivative_in_the_prediction(answer, judge, set_score=None):
    """6(a)(ii): the derivative of the loss in phi, which is the same on both sides"""
    chained = (
        r"(\phi(x) - y) \phi'(x)",
        0.5,
        "chain_rule",
        "The derivative of phi itself belongs to (iii) and (iv): here phi is what varies.",
    )
    given = answer("6.a.ii")
    verdict = equivalent_by_region(given, piecewise("w x + b - y", "-y"), ELBOW, alternatives=[chained])
    set_score(judge(with_steps(verdict, given, ELBOW_CALCULUS)))


@number("6.a.iii")
@partial_credit(POINTS["6.a.iii"])
def test_derivative_in_w(answer, judge, set_score=None):
    """6(a)(iii): the derivative of the loss in w"""
    given = answer("6.a.iii")
    set_score(judge(with_steps(equivalent_by_region(given, piecewise("(w x + b - y) x", "0"), ELBOW), given, ELBOW_CALCULUS)))


@number("6.a.iv")
@partial_credit(POINTS["6.a.iv"])
def test_derivative_in_b(answer, judge, set_score=None):
    """6(a)(iv): the derivative of the loss in b"""
    given = answer("6.a.iv")
    set_score(judge(with_steps(equivalent_by_region(given, piecewise("w x + b - y", "0"), ELBOW), given, ELBOW_CALCULUS)))


# (b) One step on a point with phi(x) - y = 1. Truth is computed at exact points all over each case, its ends included.


def after_step(at):
    """(w, b) after the step: the gradients are x and 1 where the unit is active, else 0."""
    active = at["w"] * at["x"] + at["b"] > 0
    return (at["w"] - at["lambda"] * at["x"], at["b"] - at["lambda"]) if active else (at["w"], at["b"])


def slope(at):
    """The slope before and after."""
    return at["w"], after_step(at)[0]


def elbow(at):
    """The elbow before and after."""
    w, b = after_step(at)
    return -at["b"] / at["w"], -b / w


MOVES = (
    Subject("slope", ("slope", "slope of the line", "gradient of the line", "w"), slope, 0.5),
    Subject(
        "elbow",
        ("elbow", "kink", "corner", "hinge", "elbow location", "bend", "turning point", "knee", "breakpoint"),
        elbow,
        0.5,
        place=True,
        landmarks={
            "origin": lambda at: Fraction(0),
            "zero": lambda at: Fraction(0),
            "data point": lambda at: at["x"],
            "training point": lambda at: at["x"],
            "point": lambda at: at["x"],
        },
    ),
)

GRID = tuple(Fraction(k, 2) for k in (-6, -2, -1, 1, 2, 6))
OFFSETS = tuple(Fraction(k, 2) for k in (-12, -4, -2, -1, 0, 1, 2, 4, 12))
STEPS = (Fraction(1, 10), Fraction(1, 1000))
"""Small steps: lambda |x| < |w| keeps the sign of the slope."""


def case(name, belongs):
    """The points of a case of (b)."""
    return ParameterRegion(
        name,
        {"w": GRID, "b": OFFSETS, "x": GRID, "lambda": STEPS},
        lambda at: at["lambda"] * abs(at["x"]) < abs(at["w"]) and belongs(at["w"], at["x"], at["w"] * at["x"] + at["b"]),
        symbols={"lambda": ("λ", "\\lambda", "lam")},
    )


def moved(given, where):
    """The verdict on what slope and elbow do in a case of (b), with remarks on the steps shown."""
    return claim(given, MOVES, where).with_remarks(*shown_remarks(given, ELBOW_STEPS[given.part]))


@number("6.b.i")
@partial_credit(POINTS["6.b.i"])
def test_step_on_an_inactive_point(answer, judge, set_score=None):
    """6(b)(i): phi(x) = 0"""
    set_score(judge(moved(answer("6.b.i"), case("phi(x) = 0", lambda w, x, z: z <= 0))))


@number("6.b.ii")
@partial_credit(POINTS["6.b.ii"])
def test_step_with_w_and_x_positive(answer, judge, set_score=None):
    """6(b)(ii): w > 0, x > 0, phi(x) > 0"""
    set_score(judge(moved(answer("6.b.ii"), case("w > 0, x > 0, phi(x) > 0", lambda w, x, z: w > 0 and x > 0 and z > 0))))


@number("6.b.iii")
@partial_credit(POINTS["6.b.iii"])
def test_step_with_x_negative(answer, judge, set_score=None):
    """6(b)(iii): w > 0, x < 0, phi(x) > 0"""
    set_score(judge(moved(answer("6.b.iii"), case("w > 0, x < 0, phi(x) > 0", lambda w, x, z: w > 0 and x < 0 and z > 0))))


@number("6.b.iv")
@partial_credit(POINTS["6.b.iv"])
def test_step_with_w_negative(answer, judge, set_score=None):
    """6(b)(iv): w < 0, x > 0, phi(x) > 0"""
    set_score(judge(moved(answer("6.b.iv"), case("w < 0, x > 0, phi(x) > 0", lambda w, x, z: w < 0 and x > 0 and z > 0))))


# (c), (d) A hidden layer.

UNIT_ACTIVE, UNIT_INACTIVE = "W^{(1)}_i x + b_i > 0", "W^{(1)}_i x + b_i <= 0"
STEPPED = r"-\frac{b_i - \lambda (\hat{f} - y) W^{(2)}_i}{W^{(1)}_i - \lambda (\hat{f} - y) W^{(2)}_i x}"
UNMOVED = "-b_i / W^{(1)}_i"


@number("6.c")
@weight(POINTS["6.c"])
def test_elbow_of_a_unit(answer, judge):
    """6(c): the elbow of hidden unit i"""
    judge(equivalent(answer("6.c"), UNMOVED, NETWORK_ELBOW))


@number("6.d")
@partial_credit(POINTS["6.d"])
def test_elbow_of_a_unit_after_a_step(answer, judge, set_score=None):
    """6(d): the elbow of hidden unit i after one step; inactive units stay, and that may be said in words"""
    given = answer("6.d")
    active = equivalent_by_region(given, [(ACTIVE, UNIT_ACTIVE, STEPPED, 1.0)], NETWORK_ELBOW)
    inactive = equivalent_by_region(given, [(INACTIVE, UNIT_INACTIVE, UNMOVED, 1.0)], NETWORK_ELBOW)
    if inactive.kind in ("incorrect", "unreadable") and any(c.move == "same" for c in read_claims(given.body, MOVES[1:])):
        inactive = correct(method="said in words")
    set_score(judge(combined([(0.8, active), (0.2, inactive)], core=0)))
