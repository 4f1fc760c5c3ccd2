"""Problem 4: Tikhonov regularisation, once by its formula and once as plain least squares on augmented data.

The model is w ~ N(0, Sigma), y = X w + noise ~ N(0, I); X (n, d), y (n,), Sigma (d, d) symmetric positive definite.
Numbers have no units. Both functions at the ends compute the same MAP estimate. The one by augmentation is the better
one in floating point: least squares through an orthogonal factorisation loses kappa(X_hat) eps, while a formula
with X^T X loses kappa(X_hat)^2 eps.
"""

import numpy as np


def tikhonov(X, y, Sigma):
    """The MAP estimate by its formula, (X^T X + Sigma^-1)^-1 X^T y.

    X: (n, d). y: (n,). Sigma: (d, d) symmetric positive definite. Returns shape (d,).

    The outer inverse is never formed: solving the system is cheaper and more accurate than inverting its matrix.
    Sigma^-1 itself stands in the formula, and so it is computed.
    """
    precision = np.linalg.inv(Sigma)
    return np.linalg.solve(X.T @ X + precision, X.T @ y)


def augment(X, y, Sigma):
    """Rows that stand for the prior: X_hat = [X; Gamma] and y_hat = [y; 0] with Gamma^T Gamma = Sigma^-1.

    X: (n, d). y: (n,). Sigma: (d, d) symmetric positive definite. Returns X_hat (n + d, d) and y_hat (n + d,).

    Any such Gamma serves, as only Gamma^T Gamma enters the least-squares problem. Here Sigma = L L^T (Cholesky) gives
    Gamma = L^-1, because then Gamma^T Gamma = L^-T L^-1 = (L L^T)^-1; no inverse of Sigma is ever formed.
    """
    d = X.shape[1]
    Gamma = np.linalg.solve(np.linalg.cholesky(Sigma), np.eye(d))
    return np.vstack([X, Gamma]), np.concatenate([y, np.zeros(d)])


def tikhonov_by_augmentation(X, y, Sigma):
    """The MAP estimate as the least-squares solution of X_hat w = y_hat.

    X: (n, d). y: (n,). Sigma: (d, d) symmetric positive definite. Returns shape (d,).

    X_hat has full column rank whatever X is, because Gamma is invertible: the solution is unique. QR keeps the problem
    at the condition number of X_hat. (`lstsq` would do as well, with its cut-off switched off: its default calls the
    smallest singular values zero once X and Gamma differ in size by more than 1 / eps.)
    """
    X_hat, y_hat = augment(X, y, Sigma)
    Q, R = np.linalg.qr(X_hat)
    return np.linalg.solve(R, Q.T @ y_hat)
