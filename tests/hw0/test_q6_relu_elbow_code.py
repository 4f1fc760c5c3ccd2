"""Problem 6, code: the elbow of a ReLU and what a step of SGD does to it.

Inputs are small binary fractions, so that every sum and product is exact in floating point: whether a unit is on, off or on
its kink is the same for everybody. Truth is computed with fractions; on the kink the gradient of ReLU is 0.
Each input is a written frame, which fixes all that a mistake may hang on (signs, sizes, which units are on), with random last digits: it
cannot be guessed, and the same mistake costs the same whatever was drawn.
"""

from fractions import Fraction

import numpy as np
from gradescope_utils.autograder_utils.decorators import number, weight
from public import POINTS

from autograder.suite import combined, floats, near, pieces, rationals, together

QUARTERS = 4
"""Random numbers are quarters: exact in any floating-point type."""


def quarters(rng, low, high, *shape):
    """Quarters from `low` to `high` quarters without 0; a float, or an array of the shape given."""
    drawn = rng.integers(low, high + 1, shape) / QUARTERS
    drawn = np.where(drawn == 0, 0.25, drawn)
    return drawn if shape else float(drawn)


def signed(rng):
    return float(rng.choice([-1.0, 1.0]))


def drawn(rng, frame):
    """A unit (w, b, x, y) or a network (W1, b, W2, x, y, lam) with other last digits in b and in the target."""
    w, b, *between, y = frame[:5] if len(frame) > 4 else frame
    digits = rng.integers(-2, 3, np.shape(b)) / 16
    return w, b + digits if np.shape(b) else b + float(digits), *between, y + int(rng.integers(-2, 3)) / 16, *frame[5:]


# One unit: points (w, b, x, y) where it is on, off, or on the kink.


def point_on_kink(rng):
    """A unit with w x + b = 0 exactly, and a target that it misses."""
    w, x = signed(rng) * quarters(rng, 2, 12), signed(rng) * quarters(rng, 2, 12)
    return w, -w * x, x, quarters(rng, 1, 16)


ON = ((1.5, 1200.25, 2.5, -700.5), (0.5, 3.25, -1.5, 9.5), (-0.75, 2.5, 0.5, -1.25), (-3.5, 1300.25, -0.75, 2600.5))
"""Units that are on: all signs of w and x, residuals and targets of both signs, near the elbow and far above any bound."""
AT_ZERO = (1.5, 2.25, 0.0, -0.75)
"""The unit is on by its b alone, and w stays."""
OFF = ((2.5, 1.25, -900.5, -700.25), (-0.5, -0.25, 2.5, 3.25))


# Truth.


def gradients_of(w, b, x, y):
    """(dl/dphi, dl/dw, dl/db), exactly."""
    w, b, x, y = (Fraction(v) for v in (w, b, x, y))
    z = w * x + b
    residual = max(Fraction(0), z) - y
    return (residual, residual * x, residual) if z > 0 else (residual, Fraction(0), Fraction(0))


def updated(w, b, x, y, lam):
    """(w', b'), exactly."""
    _, grad_w, grad_b = gradients_of(w, b, x, y)
    return Fraction(w) - Fraction(lam) * grad_w, Fraction(b) - Fraction(lam) * grad_b


def sizes(w, b, x, y):
    """The gradients with absolute values in place of every term: the scale of what rounding costs."""
    residual = abs(w * x) + abs(b) + abs(y)
    return residual, residual * abs(x), residual


# Networks f(x) = W2 max(0, W1 x + b).


def elbows_after(W1, b, W2, x, y, lam):
    """The new elbows exactly, and the scale of their errors: that of numerator and denominator, each over the denominator."""
    W1, b, W2 = rationals(W1), rationals(b), rationals(W2)
    x, y, lam = Fraction(x), Fraction(y), Fraction(lam)
    z = W1 * x + b
    on = np.array([value > 0 for value in z])
    residual = W2[on] @ z[on] - y if on.any() else -y
    grad_b = np.where(on, residual * W2, Fraction(0))
    numerator, denominator = b - lam * grad_b, W1 - lam * grad_b * x
    size = lam * (np.sum(np.abs(W2) * (np.abs(W1 * x) + np.abs(b))) + abs(y)) * np.abs(W2)
    scale = (np.abs(b) + size + np.abs(numerator / denominator) * (np.abs(W1) + size * abs(x))) / np.abs(denominator)
    return -numerator / denominator, floats(scale), on


BELOW = (
    np.array([1.5, -2.5, -0.75, 2.25]),
    np.array([900.5, -1.25, 700.25, -600.5]),
    np.array([-1.25, 0.75, 0.5, -1.5]),
    1.5,
    -2000.75,
    0.0625,
)
"""Networks (W1, b, W2, x, y, lam). The output is negative and far from its target, itself negative; some units are on."""
LEFT = (np.array([1.25, 2.5, -1.75, -0.5]), np.array([4.5, 1.25, 0.75, -3.25]), np.array([-1.5, -0.5, 1.75, 0.75]), -1.25, 9.5, 0.25)
"""x and the residual are negative, the output is positive."""
SHORT = (np.array([-0.75, 1.5, 2.25, -1.75]), np.array([1.25, -2.5, 0.75, 0.5]), np.array([2.0, -0.75, 1.5, 0.5]), -0.5, 9.25, 0.5)
"""The same with a larger step."""
ALL_ON = (np.array([0.5, -1.25, 1.75]), np.array([2.5, 3.25, 0.75]), np.array([1.25, 0.5, -0.75]), 1.5, -3.5, 0.375)
ONE_UNIT = (np.array([-1.25]), np.array([700.5]), np.array([-1.5]), -2.5, 20.25, 0.0625)
NONE_ON = (np.array([-1.5, 2.25, 0.75]), np.array([-2.5, 0.25, -1.25]), np.array([-1.25, -0.5, 1.75]), -0.5, -3.5, 0.5)
WITH_KINK = (np.array([1.5, -0.5, 2.5]), np.array([1.25, 2.75, -3.75]), np.array([-1.5, 0.75, 1.25]), 1.5, -4.25, 0.25)


# Judges of one call each.


def judged_elbow(student, w, b):
    return near(student("relu_elbow.elbow", w, b), -Fraction(b) / Fraction(w))


def judged_gradients(student, point):
    """Verdicts for dl/dphi, dl/dw and dl/db at one point."""
    replies = pieces(student("relu_elbow.gradients", *point), ("dl/dphi", "dl/dw", "dl/db"))
    return [near(reply, truth, scale=size) for reply, truth, size in zip(replies, gradients_of(*point), sizes(*point), strict=True)]


def judged_update(student, point, lam):
    """Verdicts for w' and b' at one point."""
    w, b, *_ = point
    _, in_w, in_b = sizes(*point)
    replies = pieces(student("relu_elbow.sgd_update", *point, lam), ("the new w", "the new b"))
    scales = (abs(w) + lam * in_w, abs(b) + lam * in_b)
    return [near(reply, truth, scale=size) for reply, truth, size in zip(replies, updated(*point, lam), scales, strict=True)]


def judged_elbows(student, W1, b):
    return near(student("relu_elbow.network_elbows", W1, b), -rationals(b) / rationals(np.ravel(W1)))


def judged_network(student, *networks, column=False):
    """Two verdicts on these networks: on the units that are on and on those that stay. column: W1 as (d, 1) and W2 as (1, d)."""
    on, off = [], []
    for net in networks:
        W1, b, W2, x, y, lam = net
        truth, scale, active = elbows_after(*net)
        reply = student("relu_elbow.network_elbows_after_step", *((W1[:, None], b, W2[None, :]) if column else (W1, b, W2)), x, y, lam)
        on.append(near(reply, truth, scale=scale, entries=active))
        off.append(near(reply, truth, scale=scale, entries=~active))
    return together(*on), together(*off)


def each_for_itself(checks):
    """The shares add up and none is required, but for nothing right there is nothing."""
    return combined(checks, core=0 if any(verdict.share for _, verdict in checks) else 1)


@number("6.code.elbow")
@weight(POINTS["6.code.elbow"])
def test_elbow(student, judge, rng):
    """elbow(w, b): -b / w"""

    def judged(*units):
        return together(*(judged_elbow(student, w, b) for w, b in units))

    judge(
        combined(
            [
                (0.3, judged((1.25, -1100.5 + quarters(rng, 1, 12)))),
                (0.2, judged((-1.75, 5.5 + quarters(rng, 1, 12)))),
                (0.2, judged((3.0, -2.0), (0.0009765625, 2.5))),
                (0.2, judged((-3, 2))),
                (0.1, judged((-1.5, 0.0))),
            ],
            core=3,
        )
    )


@number("6.code.gradients")
@weight(POINTS["6.code.gradients"])
def test_gradients(student, judge, rng):
    """gradients(w, b, x, y): (dl/dphi, dl/dw, dl/db), each scored for itself; most of it where the unit is on"""
    points = [*(drawn(rng, point) for point in (*ON, AT_ZERO, *OFF)), point_on_kink(rng)]
    shares = (0.25, 0.15, 0.13, 0.13, 0.04, 0.13, 0.12, 0.05)
    by_point = [judged_gradients(student, point) for point in points]
    by_derivative = [combined(list(zip(shares, verdicts, strict=True)), core=4) for verdicts in zip(*by_point, strict=True)]
    judge(each_for_itself([(1 / 3, verdict) for verdict in by_derivative]))


@number("6.code.sgd_update")
@weight(POINTS["6.code.sgd_update"])
def test_sgd_update(student, judge, rng):
    """sgd_update(w, b, x, y, lam): (w', b'), both from the gradients at the old w and b; nothing moves where the unit is off"""
    points = [*(drawn(rng, point) for point in (*ON, AT_ZERO, *OFF)), point_on_kink(rng)]
    rates, shares = (0.75, 3.0, 0.25, 0.0625, 0.5, 0.375, 0.25, 0.125), (0.3, 0.14, 0.12, 0.1, 0.04, 0.13, 0.12, 0.05)
    by_point = [judged_update(student, point, lam) for point, lam in zip(points, rates, strict=True)]
    by_parameter = [combined(list(zip(shares, verdicts, strict=True)), core=4) for verdicts in zip(*by_point, strict=True)]
    judge(each_for_itself([(1 / 2, verdict) for verdict in by_parameter]))


@number("6.code.network_elbows")
@weight(POINTS["6.code.network_elbows"])
def test_network_elbows(student, judge, rng):
    """network_elbows(W1, b): -b_i / W1_i, for W1 as (d, 1) and as (d,)"""
    W1 = np.array([3.0, -0.75, 640.5, -1.5, 0.5])
    b = np.array([-2.0, -900.25, 2.5, 0.0, 1.75]) + np.array([0.0, 1.0, 1.0, 0.0, 1.0]) * rng.integers(-2, 3, 5) / 16
    judge(
        each_for_itself(
            [
                (0.5, together(judged_elbows(student, W1[:, None], b), judged_elbows(student, -W1[::-1, None], b - 0.25))),
                (0.4, judged_elbows(student, W1[::-1].copy(), 0.5 - b)),
                (0.1, judged_elbows(student, W1[1:2, None], b[1:2])),
            ]
        )
    )


@number("6.code.network_elbows_after_step")
@weight(POINTS["6.code.network_elbows_after_step"])
def test_network_elbows_after_step(student, judge, rng):
    """network_elbows_after_step(W1, b, W2, x, y, lam): units that are on move, the others stay"""
    on, off = judged_network(student, drawn(rng, BELOW), drawn(rng, SHORT))
    on_column, off_column = judged_network(student, drawn(rng, BELOW), drawn(rng, LEFT), column=True)
    all_on, _ = judged_network(student, drawn(rng, ALL_ON))
    single, _ = judged_network(student, drawn(rng, ONE_UNIT), column=True)
    _, none_on = judged_network(student, drawn(rng, NONE_ON))
    _, on_kink = judged_network(student, WITH_KINK)
    mixed = each_for_itself([(0.5, on), (0.5, on_column)])
    judge(
        combined(
            [
                (0.65, combined([(0.70, mixed), (0.20, all_on), (0.10, single)])),
                (0.30, each_for_itself([(0.4, off), (0.4, off_column), (0.2, none_on)])),
                (0.05, on_kink),
            ]
        )
    )
