"""Problem 6, code: the elbow of a ReLU and what a step of SGD does to it.

Inputs are small binary fractions, so that every sum and product is exact in floating point: whether a unit is on, off or on
its kink is the same for everybody. Truth is computed with fractions; on the kink the gradient of ReLU is 0.
Beside the random ones, in the same share of the points, stand written ones with both signs of everything and with numbers larger than
any draw's: what some draw shows one of these shows too, so that the same mistake costs the same whatever was drawn.
"""

from fractions import Fraction
from functools import partial

import numpy as np
from gradescope_utils.autograder_utils.decorators import number, weight
from public import POINTS

from autograder.suite import combined, floats, near, pieces, rationals, together

QUARTERS = 4
"""Random numbers are quarters: exact in any floating-point type."""

NOT_ONE = [0.5, 0.75, 1.25, 1.5, 1.75, 2.0]
"""Factors that are missed where they are forgotten."""


def quarters(rng, low, high, *shape):
    """Quarters from `low` to `high` quarters without 0; a float, or an array of the shape given."""
    drawn = rng.integers(low, high + 1, shape) / QUARTERS
    drawn = np.where(drawn == 0, 0.25, drawn)
    return drawn if shape else float(drawn)


def signed(rng):
    return float(rng.choice([-1.0, 1.0]))


# One unit: points (w, b, x, y) where it is on, off, or on the kink.


def point_on(rng, w_sign, x_sign):
    """A unit that is on at x, with w and x of the given signs. Residual, x and the three gradients all differ from each other."""
    while True:
        w, x = w_sign * quarters(rng, 2, 12), x_sign * quarters(rng, 2, 12)
        b, y = quarters(rng, -16, 16), quarters(rng, -16, 16)
        z = w * x + b
        if z > 0 and z != y and len({z - y, (z - y) * x, z, y, x, 1.0}) == 6:
            return w, b, x, y


def point_off(rng, w_sign, x_sign):
    """A unit that is off at x, by at least one quarter."""
    while True:
        w, x = w_sign * quarters(rng, 2, 12), x_sign * quarters(rng, 2, 12)
        b, y = quarters(rng, -32, 16), quarters(rng, 1, 16)
        if w * x + b < 0:
            return w, b, x, y


def point_on_kink(rng):
    """A unit with w x + b = 0 exactly, and a target that it misses."""
    w, x = signed(rng) * quarters(rng, 2, 12), signed(rng) * quarters(rng, 2, 12)
    return w, -w * x, x, quarters(rng, 1, 16)


ON = {
    (1, 1): ((1.5, 1200.25, 2.5, -700.5), (0.75, 0.25, 1.25, 40.5), (1.5, -0.5, 0.5, 0.125)),
    (1, -1): ((2.5, 900.5, -1.25, 2100.75), (0.5, 3.25, -1.5, -2.5)),
    (-1, 1): ((-1.25, 1100.75, 3.5, 2300.5), (-0.75, 2.5, 0.25, -1.25)),
    (-1, -1): ((-3.5, 1300.25, -0.75, -500.5), (-1.5, -1.25, -2.75, 8.5)),
}
"""Units that are on, by the signs of w and x: residuals of both signs, targets of both signs, values far above any bound."""
AT_ZERO = ((1.5, 2.25, 0.0, -0.75), (-1.5, 0.75, 0.0, 3.25))
"""x = 0: the unit is on or off by its b alone, and w stays."""
OFF = {
    (1, -1): ((2.5, 1.25, -900.5, -700.25), (0.75, 0.5, -1.5, 3.25), (1.25, -2.5, 0.0, -1.75)),
    (-1, 1): ((-1.5, 2.25, 1100.75, 640.5), (-0.5, -0.25, 2.5, -1.25), (-1.75, -0.75, 0.0, 2.5)),
}
ON_KINK = ((1.5, -3.75, 2.5, -4.5), (-0.75, 0.9375, 1.25, 3.25), (2.5, 0.0, 0.0, 1.75))


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


def network(rng, d, *, on, kink=()):
    """W1, b, W2 (each (d,)), x, y, lam: the units `on` are on at x, those in `kink` on their kink, the others off.

    No unit's new W1 comes near 0, the error of the network is not 0, and the units that are off would not cancel if they were on.
    """
    while True:
        x, y, lam = signed(rng) * float(rng.choice(NOT_ONE)), quarters(rng, -16, 16), 0.125
        W1 = quarters(rng, 2, 12, d) * rng.choice([-1.0, 1.0], d)
        W2 = rng.choice(NOT_ONE, d) * rng.choice([-1.0, 1.0], d)
        z = np.where(np.isin(np.arange(d), on), quarters(rng, 1, 12, d), -quarters(rng, 1, 12, d))
        b = np.where(np.isin(np.arange(d), kink), 0.0, z) - W1 * x
        moved = lam * (W2 @ np.maximum(0, W1 * x + b) - y) * W2
        off = np.minimum(0, W1 * x + b)
        if np.any(off) and W2 @ off == 0:
            continue
        if np.all(np.abs(moved) >= 0.25) and np.all(np.abs(W1 - moved * x) >= 0.25) and np.all(b != 0):
            return W1, b, W2, x, y, lam


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


SEVERAL = (
    (
        np.array([1.5, -2.5, -0.75, 2.25]),
        np.array([900.5, -1.25, 700.25, -600.5]),
        np.array([-1.25, 0.75, 0.5, -1.5]),
        1.5,
        -2000.75,
        0.0625,
    ),
    (
        np.array([1.25, 2.5, -1.75, -0.5]),
        np.array([4.5, 1.25, 0.75, -3.25]),
        np.array([-1.5, -0.5, 1.75, 0.75]),
        -1.25,
        -1.5,
        0.25,
    ),
    (
        np.array([0.75, -1.5, -2.25, 1.75]),
        np.array([1.25, -2.5, 0.75, 0.5]),
        np.array([2.0, -0.75, 1.5, 0.5]),
        0.5,
        9.25,
        0.5,
    ),
)
"""Networks (W1, b, W2, x, y, lam) of which some units are on. Outputs, residuals, targets and x of both signs, four sizes of steps."""
ALL_ON = (
    (np.array([2.5, -1.5, 0.75]), np.array([800.25, 950.5, 1200.75]), np.array([0.75, -2.0, 0.5]), -1.75, 30.5, 0.0625),
    (np.array([0.5, -1.25, 1.75]), np.array([2.5, 3.25, 0.75]), np.array([1.25, 0.5, -0.75]), 1.5, -3.5, 0.375),
    (np.array([1.5, -2.5]), np.array([2.25, 1.75]), np.array([-0.75, 1.5]), 0.0, 5.25, 0.25),
)
ONE_UNIT = (
    (np.array([-1.25]), np.array([700.5]), np.array([-1.5]), -2.5, 20.25, 0.0625),
    (np.array([1.75]), np.array([1.25]), np.array([0.75]), 0.5, 6.5, 0.5),
)
NONE_ON = (
    (np.array([1.5, -0.75, 2.25]), np.array([-900.5, -400.25, -700.75]), np.array([1.25, -0.5, 1.75]), 1.5, 30.5, 0.25),
    (np.array([-1.5, 2.25, 0.75]), np.array([-2.5, 0.25, -1.25]), np.array([-1.25, -0.5, 1.75]), -0.5, -3.5, 0.5),
)
WITH_KINK = ((np.array([1.5, -0.5, 2.5]), np.array([1.25, 2.75, -3.75]), np.array([-1.5, 0.75, 1.25]), 1.5, -4.25, 0.25),)


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


def by_piece(groups, judged):
    """For each value that a call returns its checks: groups of (share, calls), where all calls of a group have to be right."""
    judged_groups = [(share, [judged(*call) for call in calls]) for share, calls in groups]
    count = len(judged_groups[0][1][0])
    return [[(share, together(*(pieces_[i] for pieces_ in replies))) for share, replies in judged_groups] for i in range(count)]


@number("6.code.elbow")
@weight(POINTS["6.code.elbow"])
def test_elbow(student, judge, rng):
    """elbow(w, b): -b / w"""

    def judged(*units):
        return together(*(judged_elbow(student, w, b) for w, b in units))

    judge(
        combined(
            [
                (0.3, judged((1.5, 2.5), (3.0, -2.0), (1.25, -1100.5), (quarters(rng, 2, 12), quarters(rng, 1, 12) + 4.0))),
                (0.2, judged((-1.75, 5.5), (-0.75, -2.5), (-640.25, 0.5), (-quarters(rng, 2, 12), quarters(rng, 1, 12) + 4.0))),
                (0.2, judged((0.0009765625, 2.5), (3.0, -0.0009765625))),
                (0.2, judged((2, 3), (-3, 2))),
                (0.1, judged((-1.5, 0.0))),
            ],
            core=3,
        )
    )


@number("6.code.gradients")
@weight(POINTS["6.code.gradients"])
def test_gradients(student, judge, rng):
    """gradients(w, b, x, y): (dl/dphi, dl/dw, dl/db), each scored for itself; most of it where the unit is on"""
    groups = [(share, [*ON[signs], point_on(rng, *signs)]) for share, signs in zip((0.25, 0.15, 0.15, 0.15), ON, strict=True)]
    groups += [(0.25, [*OFF[1, -1], *OFF[-1, 1], AT_ZERO[0], point_off(rng, 1, -1), point_off(rng, -1, 1)])]
    groups += [(0.05, [*ON_KINK, point_on_kink(rng)])]
    by_derivative = by_piece([(share, [(point,) for point in points]) for share, points in groups], partial(judged_gradients, student))
    judge(each_for_itself([(1 / 3, combined(checks, core=4)) for checks in by_derivative]))


@number("6.code.sgd_update")
@weight(POINTS["6.code.sgd_update"])
def test_sgd_update(student, judge, rng):
    """sgd_update(w, b, x, y, lam): (w', b'), both from the gradients at the old w and b; nothing moves where the unit is off"""
    groups = [
        (share, [*zip(ON[signs], (0.75, 3.0, 0.0625), strict=False), (point_on(rng, *signs), lam)])
        for share, signs, lam in zip((0.3, 0.15, 0.15, 0.1), ON, (0.5, 0.125, 0.25, 0.375), strict=True)
    ]
    off = [(point, lam) for signs in OFF for point, lam in zip(OFF[signs], (0.75, 3.0, 0.0625), strict=True)]
    groups += [(0.25, [*off, (AT_ZERO[0], 0.5), (point_off(rng, 1, -1), 0.5), (point_off(rng, -1, 1), 0.25)])]
    groups += [(0.05, [*((point, 0.75) for point in ON_KINK), (point_on_kink(rng), 0.125)])]
    by_parameter = by_piece(groups, partial(judged_update, student))
    judge(each_for_itself([(1 / 2, combined(checks, core=4)) for checks in by_parameter]))


@number("6.code.network_elbows")
@weight(POINTS["6.code.network_elbows"])
def test_network_elbows(student, judge, rng):
    """network_elbows(W1, b): -b_i / W1_i, for W1 as (d, 1) and as (d,)"""
    W1, b = quarters(rng, 2, 12, 4) * rng.choice([-1.0, 1.0], 4), quarters(rng, -12, 12, 4)
    slopes, offsets = np.array([3.0, -0.75, 640.5, -1.5, 0.5]), np.array([-2.0, -900.25, 2.5, 0.0, 1.75])
    judge(
        each_for_itself(
            [
                (0.5, together(judged_elbows(student, slopes[:, None], offsets), judged_elbows(student, W1[:, None], b))),
                (0.4, together(judged_elbows(student, slopes[::-1].copy(), offsets), judged_elbows(student, W1[::-1].copy(), b))),
                (0.1, together(judged_elbows(student, np.array([[-3.0]]), np.array([2.0])), judged_elbows(student, W1[:1, None], b[:1]))),
            ]
        )
    )


@number("6.code.network_elbows_after_step")
@weight(POINTS["6.code.network_elbows_after_step"])
def test_network_elbows_after_step(student, judge, rng):
    """network_elbows_after_step(W1, b, W2, x, y, lam): units that are on move, the others stay"""
    on, off = judged_network(student, *SEVERAL, network(rng, 4, on=[0, 2]))
    on_column, off_column = judged_network(student, *SEVERAL, network(rng, 5, on=[1, 2, 4]), column=True)
    all_on, _ = judged_network(student, *ALL_ON, network(rng, 3, on=[0, 1, 2]))
    single, _ = judged_network(student, *ONE_UNIT, network(rng, 1, on=[0]), column=True)
    _, none_on = judged_network(student, *NONE_ON, network(rng, 3, on=[]))
    _, on_kink = judged_network(student, *WITH_KINK, network(rng, 3, on=[0, 1], kink=[2]))
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
