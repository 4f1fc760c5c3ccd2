"""Problem 3, code: gradient descent for least squares and the bound on its iterates.

F is (n, d), y (n,), w (d,). Truth is computed with fractions, so that what is left of a difference is the student's.
"""

from fractions import Fraction
from math import isqrt

import numpy as np
from gradescope_utils.autograder_utils.decorators import number, weight
from public import POINTS

from autograder.suite import at_least, combined, near, rationals, together

# Inputs. Each is a written frame, which fixes all that a mistake may hang on (signs, sizes, shapes, singular values), with random
# last digits: it cannot be guessed, and the same mistake costs the same whatever was drawn.


def drawn(rng, frame, *, features=True):
    """F, y, w of a frame with other last digits; F keeps its own where its rank is what matters."""
    F, y, w = frame
    return F + features * rng.integers(-8, 9, F.shape) / 1024, y + rng.integers(-3, 4, y.shape) / 16, w + rng.integers(-3, 4, w.shape) / 16


def with_singular_values(sizes):
    """F (4, 4), not normal, with these four singular values. The first vectors, left and right, are orthogonal to ones and to e_1."""
    left = np.array([[0, 1, 0, -1], [0, 1, -2, 1], [3, -1, -1, -1], [1, 1, 1, 1]], dtype=float)
    right = np.array([[0, 1, -1, 0], [1, 0, 0, -1], [1, -1, -1, 1], [1, 1, 1, 1]], dtype=float)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (left, right)]
    return unit[0].T @ np.diag(sizes) @ unit[1]


def ill_conditioned():
    """F (5, 3) with condition number 1e8, y, w. Singular values 1e4, 1 and 1e-4, no column is small, gradients up to 1e8."""
    fixed = np.random.default_rng(3)
    Q, V = (np.linalg.qr(fixed.standard_normal((n, 3)))[0] for n in (5, 3))
    return Q @ np.diag([1e4, 1.0, 1e-4]) @ V.T, np.array([3.0, -1.0, 2.0, -4.0, 1.0]), np.array([-2.0, 3.0, 1.0])


TALL = (
    np.array([[3.5, -1.0, 2.25], [-2.0, 4.5, 1.5], [1.25, 3.0, -5.5], [-4.0, -2.5, 0.75]]),
    np.array([-3100.5, 2400.25, -1900.75, 4000.5]),
    np.array([710.5, -825.25, 640.75]),
)
"""F, y, w with fractions, both signs, and gradients, residuals and iterates larger than those of any draw: clipped they are wrong."""
WIDE = (np.array([[2.5, -3.0, 1.25], [-1.5, 0.75, 3.5]]), np.array([-2300.5, 1700.25]), np.array([515.25, 430.5, -620.75]))
SMALL = (np.array([[3.0, -1.0], [2.0, 2.0], [-1.0, 4.0]]) / 2**10, np.array([2.0, -3.0, 1.0]) / 2**20, np.array([1.0, -2.0]) / 2**10)
"""Gradients of 1e-8, below what an early stop waits for, and room for a step far above 1."""
ONE_ROW = (np.array([[3.0, -2.0, 1.0]]), np.array([-5.0]), np.array([2.0, -1.0, 3.0]))
LINE = (np.array([[-1.5], [2.25], [0.75]]), np.array([2.5, -4.0, 3.5]), np.array([-0.75]))
RANK_ONE = (np.outer([1.0, -2.0, 3.0], [2.0, 1.0, -1.0]), np.array([5.0, 1.0, -2.5]), np.array([2.0, 3.0, -1.5]))
"""Square and not normal: F F^T, F^T F and F F differ, and so do the norm and the largest eigenvalue."""
STILL = (np.zeros((3, 2)), np.array([-3.0, 1.0, 2.0]), np.array([4.0, -2.0]))
SETTLING = (np.array([[1.0, 1.0], [1.0, -1.0], [2.0, 0.0]]), np.array([3.0, -5.0, 4.0]))
"""With a step of 1/4 every error is halved in each step: after 40 nothing moves by more than 1e-11."""
CLOSE = (with_singular_values([5.0, 4.9999, 2.0, 1.0]), with_singular_values([5.0, 4.0, 2.0, 1.0]))
"""Iterations for the first singular value hardly converge, or start orthogonal to what they look for."""


def stable_limit(F):
    """2 / sigma_max(F)^2, the limit of the step size."""
    return float(2 / np.linalg.norm(F, 2) ** 2)


# Truth, and the error that rounding may cause.


def step(F, y, w, eta):
    """w - eta F^T (F w - y), exactly. Arguments are fractions."""
    return w - eta * (F.T @ (F @ w - y))


def step_scale(F, y, w, eta):
    """The same formula in absolute values: error of one rounding unit in every operation, in any order."""
    F, w = np.abs(F), np.abs(w)
    return w + abs(eta) * (F.T @ (F @ w + np.abs(y)))


def iterates(F, y, eta, steps):
    """w_0 ... w_steps exactly, shape (steps + 1, d), and the scale of their errors.

    An error made in one step is multiplied by I - eta F^T F in each later one; so the scale grows by that norm.
    """
    exact_F, exact_y, exact_eta = rationals(F), rationals(y), Fraction(eta)
    d = F.shape[1]
    growth = np.linalg.norm(np.eye(d) - eta * F.T @ F, 2)
    w, scale, rows, scales = rationals(np.zeros(d)), 0.0, [rationals(np.zeros(d))], [np.zeros(d)]
    for _ in range(steps):
        scale = growth * scale + np.linalg.norm(step_scale(F, y, w.astype(float), eta))
        w = step(exact_F, exact_y, w, exact_eta)
        rows.append(w)
        scales.append(np.full(d, scale))
    return np.array(rows), np.array(scales)


def norm(w):
    """||w||_2 of fractions, rounded down by less than one part in 2^100, so that any w has one, however small."""
    square = sum((entry * entry for entry in w), Fraction(0))
    if square == 0:
        return Fraction(0)
    shift = 2 ** (256 + max(0, square.denominator.bit_length() - square.numerator.bit_length()))
    return Fraction(isqrt(square.numerator * shift * shift // square.denominator), shift)


def one_weight(F, y, eta, steps):
    """Iterates for one row and one weight, (y / F) (1 - (1 - eta F^2)^t), and the scale of their errors, both of shape (steps + 1, 1)."""
    t = np.arange(steps + 1)[:, None]
    rows = -y / F * np.expm1(t * np.log1p(-eta * F**2))
    return rows, t * eta * (F**2 * np.abs(rows) + np.abs(F * y)) + np.abs(rows)


# Judges of one call each.


def judged_step(student, F, y, w, eta):
    truth = step(rationals(F), rationals(y), rationals(w), Fraction(eta))
    return near(student("gradient_descent.gradient_step", F, y, w, eta), truth, scale=step_scale(F, y, w, eta))


def judged_run(student, F, y, eta, steps):
    truth, scale = iterates(F, y, eta, steps)
    return near(student("gradient_descent.run_gradient_descent", F, y, eta, steps), truth, scale=scale)


def judged_long_run(student):
    """1,100 small steps: more than a usual bound on iterations, and none of them the last that moves anything."""
    F, y, eta, steps = np.array([[1.5]]), np.array([-3.0]), 2.0**-10, 1100
    truth, scale = one_weight(F, y, eta, steps)
    return near(student("gradient_descent.run_gradient_descent", F, y, eta, steps), truth, scale=scale)


def judged_limit(student, F):
    return near(student("gradient_descent.largest_stable_step", F), stable_limit(F) if np.any(F) else np.inf)


def judged_bound(student, F, y, eta, steps):
    alpha, size = np.linalg.norm(F, 2), np.linalg.norm(y)
    return near(student("gradient_descent.norm_bound", F, y, eta, steps), [t * eta * alpha * size for t in range(steps + 1)])


def judged_as_bound(student, F, y, eta, steps):
    truth, _ = iterates(F, y, eta, steps)
    return at_least(student("gradient_descent.norm_bound", F, y, eta, steps), [norm(w) for w in truth])


@number("3.code.gradient_step")
@weight(POINTS["3.code.gradient_step"])
def test_gradient_step(student, judge, rng):
    """gradient_step(F, y, w, eta): w - eta F^T (F w - y)"""
    tall, hard = drawn(rng, TALL), ill_conditioned()

    def judged(problem, eta):
        return judged_step(student, *problem, eta)

    judge(
        combined(
            [
                (0.30, judged(tall, 0.0625)),
                (0.30, judged(drawn(rng, WIDE), 0.03125)),
                (0.10, together(judged(drawn(rng, ONE_ROW), 0.375), judged(drawn(rng, LINE), 0.25))),
                (0.05, judged(tall, 1.1 * stable_limit(tall[0]))),
                (0.05, judged(SMALL, 2.0**12)),
                (0.05, judged(drawn(rng, RANK_ONE, features=False), 0.0078125)),
                (0.05, judged(drawn(rng, STILL, features=False), 0.5)),
                (0.10, judged(hard, 0.9 * stable_limit(hard[0]))),
            ],
            core=2,
        )
    )


@number("3.code.run_gradient_descent")
@weight(POINTS["3.code.run_gradient_descent"])
def test_run_gradient_descent(student, judge, rng):
    """run_gradient_descent(F, y, eta, steps): w_0 = 0, then steps more rows"""
    tall, hard = drawn(rng, TALL), ill_conditioned()

    def judged(problem, eta, steps):
        return judged_run(student, *problem[:2], eta, steps)

    judge(
        combined(
            [
                (0.20, judged(tall, 0.9 * stable_limit(tall[0]), 4)),
                (0.25, judged(drawn(rng, WIDE), 0.0625, 3)),
                (0.10, judged(tall, 0.125, 0)),
                (0.10, judged(tall, 0.125, 1)),
                (0.05, judged(drawn(rng, LINE), 0.125, 3)),
                (0.05, together(judged(tall, 0.0625, 3), judged(SMALL, 2.0**18, 4))),
                (0.05, together(judged(SETTLING, 0.25, 40), judged_long_run(student))),
                (0.05, judged(drawn(rng, RANK_ONE, features=False), 0.0078125, 4)),
                (0.05, judged(drawn(rng, STILL, features=False), 0.5, 3)),
                (0.10, judged(hard, 0.9 * stable_limit(hard[0]), 4)),
            ],
            core=2,
        )
    )


@number("3.code.largest_stable_step")
@weight(POINTS["3.code.largest_stable_step"])
def test_largest_stable_step(student, judge, rng):
    """largest_stable_step(F): 2 / sigma_max(F)^2, infinite for F = 0"""

    def judged(*several):
        return together(*(judged_limit(student, F) for F in several))

    judge(
        combined(
            [
                (0.25, judged(drawn(rng, TALL)[0])),
                (0.15, judged(drawn(rng, WIDE)[0])),
                (0.10, judged(drawn(rng, LINE)[0])),
                (0.10, judged(RANK_ONE[0])),
                (0.10, judged(*CLOSE)),
                (0.15, judged(ill_conditioned()[0])),
                (0.15, judged(STILL[0], SMALL[0] / 2**20)),
            ],
            core=2,
        )
    )


@number("3.code.norm_bound")
@weight(POINTS["3.code.norm_bound"])
def test_norm_bound(student, judge, rng):
    """norm_bound(F, y, eta, steps): t eta alpha ||y||_2 for t = 0 ... steps; it bounds ||w_t||_2 where eta <= 2 / alpha^2"""
    tall, hard = drawn(rng, TALL), ill_conditioned()

    def judged(problem, eta, steps):
        return judged_bound(student, *problem[:2], eta, steps)

    def judged_close(F):
        return judged_bound(student, F, np.array([2.0, -1.0, 3.0, 1.0]), 0.03125, 3)

    judge(
        combined(
            [
                (0.25, judged(tall, 0.015625, 4)),
                (0.20, judged(drawn(rng, WIDE), 0.03125, 3)),
                (0.10, together(judged(tall, 0.5, 2), judged(SMALL, 2.0**12, 3))),
                (0.05, judged(drawn(rng, LINE), 0.25, 3)),
                (0.05, judged(tall, 0.125, 0)),
                (0.05, judged(tall, 0.125, 1)),
                (0.05, judged(STILL, 0.5, 2)),
                (0.05, judged_as_bound(student, *tall[:2], 0.9 * stable_limit(tall[0]), 4)),
                (0.05, judged(drawn(rng, RANK_ONE, features=False), 0.0078125, 4)),
                (0.05, together(*map(judged_close, CLOSE))),
                (0.10, judged(hard, 0.9 * stable_limit(hard[0]), 5)),
            ],
            core=2,
        )
    )
