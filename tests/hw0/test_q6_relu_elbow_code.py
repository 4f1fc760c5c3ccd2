"""Problem 6, code: the elbow of a ReLU and what a step of SGD does to it.

Inputs are small binary fractions, so that every sum and product is exact in floating point: whether a unit is on, off or on
its kink is the same for everybody. Truth is computed with fractions; on the kink the gradient of ReLU is 0.
"""

from fractions import Fraction

import numpy as np
from gradescope_utils.autograder_utils.decorators import number, weight
from public import POINTS

from autograder.suite import combined, floats, near, pieces, rationals

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


def judged_network(student, net, *, column=False):
    """Two verdicts on one call: on the units that are on and on those that stay. column: W1 as (d, 1) and W2 as (1, d)."""
    W1, b, W2, x, y, lam = net
    truth, scale, on = elbows_after(*net)
    reply = student("relu_elbow.network_elbows_after_step", *((W1[:, None], b, W2[None, :]) if column else (W1, b, W2)), x, y, lam)
    return near(reply, truth, scale=scale, entries=on), near(reply, truth, scale=scale, entries=~on)


def each_for_itself(checks):
    """The shares add up and none is required, but for nothing right there is nothing."""
    return combined(checks, core=0 if any(verdict.share for _, verdict in checks) else 1)


@number("6.code.elbow")
@weight(POINTS["6.code.elbow"])
def test_elbow(student, judge, rng):
    """elbow(w, b): -b / w"""
    judge(
        combined(
            [
                (0.3, judged_elbow(student, quarters(rng, 2, 12), quarters(rng, 1, 12) + 4.0)),
                (0.2, judged_elbow(student, -quarters(rng, 2, 12), quarters(rng, 1, 12) + 4.0)),
                (0.2, judged_elbow(student, 3.0, -2.0)),
                (0.2, judged_elbow(student, 2, 3)),
                (0.1, judged_elbow(student, -1.5, 0.0)),
            ],
            core=3,
        )
    )


@number("6.code.gradients")
@weight(POINTS["6.code.gradients"])
def test_gradients(student, judge, rng):
    """gradients(w, b, x, y): (dl/dphi, dl/dw, dl/db), each scored for itself; most of it where the unit is on"""
    points = [point_on(rng, *signs) for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
    points += [point_off(rng, 1, -1), point_off(rng, -1, 1), point_on_kink(rng)]
    shares = (0.25, 0.15, 0.15, 0.15, 0.13, 0.12, 0.05)
    by_point = [judged_gradients(student, point) for point in points]
    by_derivative = [combined(list(zip(shares, verdicts, strict=True)), core=4) for verdicts in zip(*by_point, strict=True)]
    judge(each_for_itself([(1 / 3, verdict) for verdict in by_derivative]))


@number("6.code.sgd_update")
@weight(POINTS["6.code.sgd_update"])
def test_sgd_update(student, judge, rng):
    """sgd_update(w, b, x, y, lam): (w', b'), both from the gradients at the old w and b; nothing moves where the unit is off"""
    points = [point_on(rng, *signs) for signs in ((1, 1), (1, -1), (-1, 1))] + [
        point_off(rng, 1, -1),
        point_off(rng, -1, 1),
        point_on_kink(rng),
    ]
    shares = (0.3, 0.2, 0.2, 0.13, 0.12, 0.05)
    by_point = [judged_update(student, point, lam) for point, lam in zip(points, (0.5, 0.125, 0.25, 0.5, 0.25, 0.125), strict=True)]
    by_parameter = [combined(list(zip(shares, verdicts, strict=True)), core=3) for verdicts in zip(*by_point, strict=True)]
    judge(each_for_itself([(1 / 2, verdict) for verdict in by_parameter]))


@number("6.code.network_elbows")
@weight(POINTS["6.code.network_elbows"])
def test_network_elbows(student, judge, rng):
    """network_elbows(W1, b): -b_i / W1_i, for W1 as (d, 1) and as (d,)"""
    W1, b = quarters(rng, 2, 12, 4) * rng.choice([-1.0, 1.0], 4), quarters(rng, -12, 12, 4)
    judge(
        each_for_itself(
            [
                (0.5, judged_elbows(student, W1[:, None], b)),
                (0.4, judged_elbows(student, W1[::-1].copy(), b)),
                (0.1, judged_elbows(student, W1[:1, None], b[:1])),
            ]
        )
    )


@number("6.code.network_elbows_after_step")
@weight(POINTS["6.code.network_elbows_after_step"])
def test_network_elbows_after_step(student, judge, rng):
    """network_elbows_after_step(W1, b, W2, x, y, lam): units that are on move, the others stay"""
    on, off = judged_network(student, network(rng, 4, on=[0, 2]))
    on_column, off_column = judged_network(student, network(rng, 5, on=[1, 2, 4]), column=True)
    all_on, _ = judged_network(student, network(rng, 3, on=[0, 1, 2]))
    single, _ = judged_network(student, network(rng, 1, on=[0]), column=True)
    _, none_on = judged_network(student, network(rng, 3, on=[]))
    _, on_kink = judged_network(student, network(rng, 3, on=[0, 1], kink=[2]))
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
