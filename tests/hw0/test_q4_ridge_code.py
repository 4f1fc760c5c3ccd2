"""Problem 4, code: Tikhonov regularisation by its formula and by augmented data.

X is (n, d), y (n,), Sigma (d, d) symmetric positive definite. The estimate that is due is computed with fractions.
"""

import numpy as np
from gradescope_utils.autograder_utils.decorators import number, weight
from public import POINTS

from autograder.suite import Verdict, combined, floats, measured, near, numbers, pieces, rationals, solved, together

# Inputs. Each is a written frame, which fixes all that a mistake may hang on (signs, sizes, shapes, correlations), with random last
# digits: it cannot be guessed, and the same mistake costs the same whatever was drawn.


def drawn(rng, frame, *, features=True):
    """X, y, Sigma of a frame with other last digits; X keeps its own where its rank is what matters."""
    X, y, Sigma = frame
    return X + features * rng.integers(-8, 9, X.shape) / 1024, y + rng.integers(-3, 4, y.shape) / 16, Sigma


def rotation(rng, n, d):
    """n rows, d orthonormal columns, far from any axis."""
    return np.linalg.qr(rng.standard_normal((n, d)))[0]


CORRELATED = np.array([[2.0, 1.0, -1.0], [1.0, 2.0, 1.0], [-1.0, 1.0, 4.0]])
"""A covariance that is no diagonal; its triangles, roots and inverse all differ."""

WEAK_PRIOR = (
    np.array([[0.5, -0.25, 0.75], [0.25, 1.0, -0.5], [-0.75, 0.5, 0.25], [1.0, 0.25, -0.25]]),
    np.array([-820.5, 640.25, 910.75, -300.5]),
    8 * CORRELATED,
)
"""X, y, Sigma with fractions and a small X^T X + Sigma^-1, in which whatever is added weighs more than in any draw; large weights."""
TIGHT_PRIOR = (
    np.array([[3.0, -2.0, 1.0, 2.0], [1.0, 3.0, -2.0, -1.0]]),
    np.array([5.0, -4.0]),
    np.array([[9.0, 3.0, -3.0, 3.0], [3.0, 5.0, 1.0, -1.0], [-3.0, 1.0, 6.0, 2.0], [3.0, -1.0, 2.0, 8.0]]) / 256,
)
"""Fewer rows than columns, and a small Sigma, in which whatever is added weighs more than in any draw."""
LINE = (np.array([[-1.5], [2.25], [0.75]]), np.array([2.5, -4.0, 3.5]), np.array([[0.375]]))
ONE_ROW = (np.array([[1.5, -2.0, 0.5]]), np.array([-2.5]), CORRELATED)
RANK_ONE = (np.outer([1.0, -2.0, 3.0], [2.0, -1.0, 1.5]), np.array([3.0, 1.0, -2.5]), CORRELATED)
"""Only the prior tells the weights apart. Square and not normal: X X^T, X^T X and X X differ."""


def ill_scaled():
    """Correlated weights whose standard deviations differ by 1e4, so that Sigma's condition number is 1e8."""
    D = np.diag([1e-2, 1.0, 1e2])
    return WEAK_PRIOR[0] * 4, np.array([2.0, -3.0, 1.0, 3.0]), D @ CORRELATED @ D


def nearly_rank_one():
    """X with singular values 1e4, 1 and 1e-4, no column of which is small."""
    fixed = np.random.default_rng(4)
    X = rotation(fixed, 6, 3) @ np.diag([1e4, 1.0, 1e-4]) @ rotation(fixed, 3, 3).T
    return X, np.array([2.0, -3.0, 1.0, 3.0, -1.0, 2.0]), CORRELATED


def ill_conditioned_covariance():
    """Sigma with condition number 1e6, in no coordinate small: about the largest that single precision can still factorise."""
    fixed = np.random.default_rng(5)
    V = rotation(fixed, 3, 3)
    Sigma = V @ np.diag([1e3, 1.0, 1e-3]) @ V.T
    return np.vstack([WEAK_PRIOR[0] * 4, [1.0, -3.0, 2.0]]), np.array([2.0, -3.0, 1.0, 3.0, -1.0]), (Sigma + Sigma.T) / 2


# Truth, and the error that rounding may cause.


def estimate(X, y, Sigma):
    """(X^T X + Sigma^-1)^-1 X^T y exactly, as (I + Sigma X^T X)^-1 Sigma X^T y."""
    X, y, Sigma = rationals(X), rationals(y), rationals(Sigma)
    return solved(rationals(np.eye(Sigma.shape[0])) + Sigma @ X.T @ X, Sigma @ (X.T @ y))


def closed_form_scale(X, y, Sigma, truth):
    """Error of the estimate where every matrix and vector in its formula is off by a rounding unit times its own condition, shape (d,).

    With M = X^T X + Sigma^-1 = X_hat^T X_hat: rounding M costs ||X_hat||^2 ||w||, inverting Sigma costs kappa(Sigma) ||Sigma^-1 w||,
    rounding X_hat^T y_hat costs ||X_hat|| ||y||, and all of it goes through M^-1 (Higham, section 7.1): condition number of X_hat
    squared, as the normal equations have it, which the sheet itself writes down. The same estimate may be written Sigma X^T K^-1 y
    with K = I + X Sigma X^T; the error of that goes through M^-1 X^T and Sigma X^T, and the larger of the two is allowed. The units of
    the weights play no part: they are scaled to variance 1 before a norm is taken, so that an ill-scaled Sigma is no excuse.
    truth: the estimate.
    """
    D = np.sqrt(np.diag(Sigma))
    w = floats(truth) / D
    X, C = X * D, Sigma / np.outer(D, D)
    precision, K = np.linalg.inv(C), np.eye(len(y)) + X @ C @ X.T
    M = X.T @ X + precision
    M_inverse, size = np.linalg.inv(M), np.sqrt(np.linalg.norm(M, 2))
    inverting = np.linalg.cond(C) * np.linalg.norm(precision @ w)
    by_M = np.linalg.norm(M_inverse, 2) * (size**2 * np.linalg.norm(w) + inverting + size * np.linalg.norm(y))
    through = np.linalg.norm(M_inverse @ X.T, 2) * np.linalg.norm(K, 2) + np.linalg.norm(C @ X.T, 2)
    return D * max(by_M, through * np.linalg.norm(np.linalg.solve(K, y)))


# Judges of one call each.


def judged_estimate(student, function, X, y, Sigma):
    truth = estimate(X, y, Sigma)
    return near(student(function, X, y, Sigma), truth, scale=closed_form_scale(X, y, Sigma, truth), method="forward error, c eps kappa,")


def judged_X_hat(reply, X, Sigma):
    """X over any Gamma with Gamma^T Gamma = Sigma^-1, up to what inverting Sigma costs: kappa(Sigma) rounding units.

    The difference is taken with the weights scaled to variance 1, so that every entry of an ill-scaled Sigma^-1 counts.
    """
    n, d = X.shape
    precision = floats(solved(Sigma, np.eye(d)))
    read = numbers(reply, (n + d, d))
    if isinstance(read, Verdict):
        return read
    top = np.arange(n + d)[:, None] < n
    kept = near(reply, np.vstack([X, np.zeros((d, d))]), entries=np.broadcast_to(top, (n + d, d)), method="X on top")
    if kept.share == 0.0:
        return kept
    Gamma, units = read.values[n:], np.sqrt(np.outer(np.diag(Sigma), np.diag(Sigma)))
    with np.errstate(all="ignore"):
        defect = np.linalg.norm(units * (Gamma.T @ Gamma - precision)) / np.linalg.norm(units * precision)
    value = defect / (read.unit * np.linalg.cond(Sigma))
    said = "the rows below X are no Gamma with Gamma^T Gamma = Sigma^-1"
    quantity = "Gamma^T Gamma = Sigma^-1, over kappa(Sigma),"
    return measured(reply, read, precision, said, quantity=quantity, value=float(np.nan_to_num(value, nan=np.inf)))


def judged_augmentation(student, X, y, Sigma):
    X_hat, y_hat = pieces(student("ridge.augment", X, y, Sigma), ("X_hat", "y_hat"))
    return combined(
        [(0.7, judged_X_hat(X_hat, X, Sigma)), (0.3, near(y_hat, np.concatenate([y, np.zeros(len(Sigma))]), method="y over zeros"))]
    )


def estimates(student, judge, rng, function):
    """Both functions compute the same estimate, and are judged on the same inputs by the same measure.

    The sheet asks for no backward stability: normal equations are right where rounding in them explains the error.
    """

    def judged(*problems):
        return together(*(judged_estimate(student, function, *problem) for problem in problems))

    judge(
        combined(
            [
                (0.35, judged(drawn(rng, WEAK_PRIOR))),
                (0.25, judged(drawn(rng, TIGHT_PRIOR))),
                (0.10, judged(drawn(rng, ONE_ROW), drawn(rng, LINE))),
                (0.10, judged(drawn(rng, RANK_ONE, features=False))),
                (0.05, judged(ill_scaled())),
                (0.05, judged(ill_conditioned_covariance())),
                (0.10, judged(nearly_rank_one())),
            ],
            core=2,
        )
    )


@number("4.code.tikhonov")
@weight(POINTS["4.code.tikhonov"])
def test_tikhonov(student, judge, rng):
    """tikhonov(X, y, Sigma): (X^T X + Sigma^-1)^-1 X^T y"""
    estimates(student, judge, rng, "ridge.tikhonov")


@number("4.code.augment")
@weight(POINTS["4.code.augment"])
def test_augment(student, judge, rng):
    """augment(X, y, Sigma): X over Gamma and y over zeros, with any Gamma for which Gamma^T Gamma = Sigma^-1"""

    def judged(*problems):
        return together(*(judged_augmentation(student, *problem) for problem in problems))

    judge(
        combined(
            [
                (0.35, judged(drawn(rng, WEAK_PRIOR))),
                (0.25, judged(drawn(rng, TIGHT_PRIOR))),
                (0.15, judged(drawn(rng, LINE))),
                (0.15, judged(ill_scaled())),
                (0.10, judged(ill_conditioned_covariance())),
            ],
            core=2,
        )
    )


@number("4.code.tikhonov_by_augmentation")
@weight(POINTS["4.code.tikhonov_by_augmentation"])
def test_tikhonov_by_augmentation(student, judge, rng):
    """tikhonov_by_augmentation(X, y, Sigma): the least-squares solution of the augmented problem"""
    estimates(student, judge, rng, "ridge.tikhonov_by_augmentation")
