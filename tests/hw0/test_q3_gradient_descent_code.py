"""Problem 3, code: gradient descent for least squares and the bound on its iterates.

F is (n, d), y (n,), w (d,). Truth is computed with fractions, so that what is left of a difference is the student's.
"""

from fractions import Fraction
from math import isqrt

import numpy as np
from gradescope_utils.autograder_utils.decorators import number, weight
from public import POINTS

from autograder.suite import at_least, combined, near, rationals

# Inputs. Small whole numbers, so that a person can read and replay them; no entry is 0, so that none hides a mistake.


def whole(rng, *shape):
    """Whole numbers from -4 to 4 without 0, as floats."""
    return rng.integers(1, 5, shape) * rng.choice([-1.0, 1.0], shape)


def least_squares_problem(rng, n, d):
    """F, y, w of whole numbers, w not optimal in any coordinate: gradient, transposes and n matter."""
    while True:
        F, y, w = whole(rng, n, d), whole(rng, n), whole(rng, d)
        if np.all(F.T @ (F @ w - y) != 0) and np.all(F.T @ y != 0):
            return F, y, w


def rank_deficient(rng, n, d):
    """F whose last column repeats the first, with y and w."""
    F, y, w = least_squares_problem(rng, n, d)
    F[:, -1] = F[:, 0]
    return F, y, w


def ill_conditioned(rng):
    """F (5, 3) with condition number 1e8: columns of sizes 1e4, 1 and 1e-4 before they are mixed by a rotation."""
    Q, _ = np.linalg.qr(rng.standard_normal((5, 3)))
    V, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    return Q @ np.diag([1e4, 1.0, 1e-4]) @ V.T, whole(rng, 5), whole(rng, 3)


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


# Judges of one call each.


def judged_step(student, F, y, w, eta):
    truth = step(rationals(F), rationals(y), rationals(w), Fraction(eta))
    return near(student("gradient_descent.gradient_step", F, y, w, eta), truth, scale=step_scale(F, y, w, eta))


def judged_run(student, F, y, eta, steps):
    truth, scale = iterates(F, y, eta, steps)
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
    tall, wide = least_squares_problem(rng, 4, 3), least_squares_problem(rng, 2, 3)
    line, flat, hard = least_squares_problem(rng, 3, 1), rank_deficient(rng, 4, 3), ill_conditioned(rng)
    still = (np.zeros((3, 2)), whole(rng, 3), whole(rng, 2))
    judge(
        combined(
            [
                (0.30, judged_step(student, *tall, 0.125)),
                (0.30, judged_step(student, *wide, 0.9 * stable_limit(wide[0]))),
                (0.10, judged_step(student, *line, 0.25)),
                (0.10, judged_step(student, *tall, 1.1 * stable_limit(tall[0]))),
                (0.05, judged_step(student, *flat, 0.1 * stable_limit(flat[0]))),
                (0.05, judged_step(student, *still, 0.5)),
                (0.10, judged_step(student, *hard, 0.9 * stable_limit(hard[0]))),
            ],
            core=2,
        )
    )


@number("3.code.run_gradient_descent")
@weight(POINTS["3.code.run_gradient_descent"])
def test_run_gradient_descent(student, judge, rng):
    """run_gradient_descent(F, y, eta, steps): w_0 = 0, then steps more rows"""
    tall, wide = least_squares_problem(rng, 4, 3)[:2], least_squares_problem(rng, 2, 3)[:2]
    line, flat, hard = least_squares_problem(rng, 3, 1)[:2], rank_deficient(rng, 4, 3)[:2], ill_conditioned(rng)[:2]
    still = (np.zeros((3, 2)), whole(rng, 3))
    judge(
        combined(
            [
                (0.25, judged_run(student, *tall, 0.9 * stable_limit(tall[0]), 5)),
                (0.25, judged_run(student, *wide, 0.1 * stable_limit(wide[0]), 3)),
                (0.10, judged_run(student, *tall, 0.125, 0)),
                (0.10, judged_run(student, *tall, 0.125, 1)),
                (0.05, judged_run(student, *line, 0.9 * stable_limit(line[0]), 4)),
                (0.05, judged_run(student, *tall, 1.1 * stable_limit(tall[0]), 12)),
                (0.05, judged_run(student, *flat, 0.9 * stable_limit(flat[0]), 4)),
                (0.05, judged_run(student, *still, 0.5, 3)),
                (0.10, judged_run(student, *hard, 0.9 * stable_limit(hard[0]), 6)),
            ],
            core=2,
        )
    )


@number("3.code.largest_stable_step")
@weight(POINTS["3.code.largest_stable_step"])
def test_largest_stable_step(student, judge, rng):
    """largest_stable_step(F): 2 / sigma_max(F)^2, infinite for F = 0"""
    judge(
        combined(
            [
                (0.30, judged_limit(student, least_squares_problem(rng, 4, 3)[0])),
                (0.20, judged_limit(student, least_squares_problem(rng, 2, 3)[0])),
                (0.10, judged_limit(student, least_squares_problem(rng, 3, 1)[0])),
                (0.10, judged_limit(student, rank_deficient(rng, 4, 3)[0])),
                (0.15, judged_limit(student, ill_conditioned(rng)[0])),
                (0.15, judged_limit(student, np.zeros((3, 2)))),
            ],
            core=2,
        )
    )


@number("3.code.norm_bound")
@weight(POINTS["3.code.norm_bound"])
def test_norm_bound(student, judge, rng):
    """norm_bound(F, y, eta, steps): t eta alpha ||y||_2 for t = 0 ... steps; it bounds ||w_t||_2 where eta <= 2 / alpha^2"""
    tall, wide = least_squares_problem(rng, 4, 3)[:2], least_squares_problem(rng, 2, 3)[:2]
    line, flat, hard = least_squares_problem(rng, 3, 1)[:2], rank_deficient(rng, 4, 3)[:2], ill_conditioned(rng)[:2]
    judge(
        combined(
            [
                (0.30, judged_bound(student, *tall, 0.1 * stable_limit(tall[0]), 4)),
                (0.20, judged_bound(student, *wide, 0.9 * stable_limit(wide[0]), 3)),
                (0.10, judged_bound(student, *tall, 1.1 * stable_limit(tall[0]), 4)),
                (0.05, judged_bound(student, *line, 0.25, 3)),
                (0.05, judged_bound(student, *tall, 0.125, 0)),
                (0.05, judged_bound(student, *tall, 0.125, 1)),
                (0.05, judged_bound(student, np.zeros((3, 2)), whole(rng, 3), 0.5, 2)),
                (0.05, judged_as_bound(student, *tall, 0.9 * stable_limit(tall[0]), 6)),
                (0.05, judged_as_bound(student, *flat, 0.1 * stable_limit(flat[0]), 6)),
                (0.10, judged_bound(student, *hard, 0.9 * stable_limit(hard[0]), 5)),
            ],
            core=2,
        )
    )
