"""Problem 4, code: Tikhonov regularisation by its formula and by augmented data.

X is (n, d), y (n,), Sigma (d, d) symmetric positive definite. The estimate that is due is computed with fractions.
"""

import numpy as np
from gradescope_utils.autograder_utils.decorators import number, weight
from public import POINTS

from autograder.suite import Verdict, combined, floats, least_squares, measured, near, numbers, pieces, rationals, solved

# Inputs. Whole numbers where a person can follow them.


def whole(rng, *shape):
    """Whole numbers from -3 to 3 without 0, as floats."""
    return rng.integers(1, 4, shape) * rng.choice([-1.0, 1.0], shape)


def covariance(rng, d):
    """A covariance of whole numbers that is no diagonal: L L^T with a lower triangle L of -1 and 1, and 2 or 3 on its diagonal."""
    L = np.tril(rng.choice([-1.0, 1.0], (d, d)), -1) + np.diag(rng.choice([2.0, 3.0], d))
    return L @ L.T


def rotation(rng, n, d):
    """n rows, d orthonormal columns, far from any axis."""
    return np.linalg.qr(rng.standard_normal((n, d)))[0]


def regression(rng, n, d):
    """X, y, Sigma of whole numbers."""
    return whole(rng, n, d), whole(rng, n), covariance(rng, d)


def rank_deficient(rng):
    """X whose last column repeats the first: only the prior tells the two weights apart."""
    X, y, Sigma = regression(rng, 5, 3)
    X[:, -1] = X[:, 0]
    return X, y, Sigma


def ill_scaled(rng):
    """Correlated weights whose standard deviations differ by 1e4, so that Sigma's condition number is 1e8."""
    X, y, _ = regression(rng, 5, 3)
    D = np.diag([1e-2, 1.0, 1e2])
    return X, y, D @ np.array([[2.0, 1.0, -1.0], [1.0, 2.0, 1.0], [-1.0, 1.0, 4.0]]) @ D


def ill_conditioned_features(rng):
    """X with condition number 1e8, no column of which is small."""
    return rotation(rng, 6, 3) @ np.diag([1e4, 1.0, 1e-4]) @ rotation(rng, 3, 3).T, whole(rng, 6), covariance(rng, 3)


def ill_conditioned_covariance(rng):
    """Sigma with condition number 1e6, in no coordinate small: about the largest that single precision can still factorise."""
    V = rotation(rng, 3, 3)
    Sigma = V @ np.diag([1e3, 1.0, 1e-3]) @ V.T
    return whole(rng, 5, 3), whole(rng, 5), (Sigma + Sigma.T) / 2


# Truth, and the error that rounding may cause.


def estimate(X, y, Sigma):
    """(X^T X + Sigma^-1)^-1 X^T y exactly, as (I + Sigma X^T X)^-1 Sigma X^T y."""
    X, y, Sigma = rationals(X), rationals(y), rationals(Sigma)
    return solved(rationals(np.eye(Sigma.shape[0])) + Sigma @ X.T @ X, Sigma @ (X.T @ y))


def closed_form_scale(X, y, Sigma, truth):
    """Error of the estimate where every matrix and vector in its formula is off by a rounding unit times its own condition, shape (d,).

    With M = X^T X + Sigma^-1: rounding X^T X costs ||X||^2 ||w||, inverting Sigma costs kappa(Sigma) ||Sigma^-1 w||, rounding X^T y
    costs ||X|| ||y||, and all of it goes through M^-1 (Higham, section 7.1). The same estimate may be written Sigma X^T K^-1 y
    with K = I + X Sigma X^T; the error of that goes through M^-1 X^T and Sigma X^T, and the larger of the two is allowed. The units of
    the weights play no part: they are scaled to variance 1 before a norm is taken, so that an ill-scaled Sigma is no excuse.
    truth: the estimate.
    """
    D = np.sqrt(np.diag(Sigma))
    w = floats(truth) / D
    X, C = X * D, Sigma / np.outer(D, D)
    precision, K = np.linalg.inv(C), np.eye(len(y)) + X @ C @ X.T
    M_inverse, size = np.linalg.inv(X.T @ X + precision), np.linalg.norm(X, 2)
    inverting = np.linalg.cond(C) * np.linalg.norm(precision @ w)
    by_M = np.linalg.norm(M_inverse, 2) * (size**2 * np.linalg.norm(w) + inverting + size * np.linalg.norm(y))
    through = np.linalg.norm(M_inverse @ X.T, 2) * np.linalg.norm(K, 2) + np.linalg.norm(C @ X.T, 2)
    return D * max(by_M, through * np.linalg.norm(np.linalg.solve(K, y)))


# Judges of one call each.


def judged_estimate(student, function, X, y, Sigma):
    truth = estimate(X, y, Sigma)
    return near(student(function, X, y, Sigma), truth, scale=closed_form_scale(X, y, Sigma, truth), method="forward error, c eps kappa,")


def judged_minimiser(student, X, y, Sigma):
    """tikhonov_by_augmentation as the least-squares solution that it is: backward error on the augmented data."""
    Gamma = np.linalg.solve(np.linalg.cholesky(Sigma), np.eye(Sigma.shape[0]))
    X_hat, y_hat = np.vstack([X, Gamma]), np.concatenate([y, np.zeros(Sigma.shape[0])])
    return least_squares(student("ridge.tikhonov_by_augmentation", X, y, Sigma), X_hat, y_hat, estimate(X, y, Sigma))


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


@number("4.code.tikhonov")
@weight(POINTS["4.code.tikhonov"])
def test_tikhonov(student, judge, rng):
    """tikhonov(X, y, Sigma): (X^T X + Sigma^-1)^-1 X^T y"""
    judge(
        combined(
            [
                (0.35, judged_estimate(student, "ridge.tikhonov", *regression(rng, 5, 3))),
                (0.25, judged_estimate(student, "ridge.tikhonov", *regression(rng, 2, 4))),
                (0.10, judged_estimate(student, "ridge.tikhonov", *regression(rng, 3, 1))),
                (0.10, judged_estimate(student, "ridge.tikhonov", *rank_deficient(rng))),
                (0.10, judged_estimate(student, "ridge.tikhonov", *ill_scaled(rng))),
                (0.05, judged_estimate(student, "ridge.tikhonov", *ill_conditioned_features(rng))),
                (0.05, judged_estimate(student, "ridge.tikhonov", *ill_conditioned_covariance(rng))),
            ],
            core=2,
        )
    )


@number("4.code.augment")
@weight(POINTS["4.code.augment"])
def test_augment(student, judge, rng):
    """augment(X, y, Sigma): X over Gamma and y over zeros, with any Gamma for which Gamma^T Gamma = Sigma^-1"""
    judge(
        combined(
            [
                (0.35, judged_augmentation(student, *regression(rng, 5, 3))),
                (0.25, judged_augmentation(student, *regression(rng, 2, 4))),
                (0.15, judged_augmentation(student, *regression(rng, 3, 1))),
                (0.15, judged_augmentation(student, *ill_scaled(rng))),
                (0.10, judged_augmentation(student, *ill_conditioned_covariance(rng))),
            ],
            core=2,
        )
    )


@number("4.code.tikhonov_by_augmentation")
@weight(POINTS["4.code.tikhonov_by_augmentation"])
def test_tikhonov_by_augmentation(student, judge, rng):
    """tikhonov_by_augmentation(X, y, Sigma): the least-squares solution of the augmented problem"""
    judge(
        combined(
            [
                (0.35, judged_estimate(student, "ridge.tikhonov_by_augmentation", *regression(rng, 5, 3))),
                (0.25, judged_estimate(student, "ridge.tikhonov_by_augmentation", *regression(rng, 2, 4))),
                (0.10, judged_estimate(student, "ridge.tikhonov_by_augmentation", *regression(rng, 3, 1))),
                (0.10, judged_estimate(student, "ridge.tikhonov_by_augmentation", *rank_deficient(rng))),
                (0.05, judged_estimate(student, "ridge.tikhonov_by_augmentation", *ill_scaled(rng))),
                (0.05, judged_estimate(student, "ridge.tikhonov_by_augmentation", *ill_conditioned_covariance(rng))),
                (0.10, judged_minimiser(student, *ill_conditioned_features(rng))),
            ],
            core=2,
        )
    )
