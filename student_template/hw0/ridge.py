"""Problem 4: Tikhonov regularisation by its formula and by augmented data.

X (n, d), y (n,) and Sigma (d, d), symmetric positive definite, are numpy arrays of floats. Numbers have no units.
Fill in the three functions; keep their names and arguments.
"""

import numpy as np


def tikhonov(X, y, Sigma):
    """The MAP estimate of w by its formula.

    X: (n, d). y: (n,). Sigma: (d, d), the covariance of the prior. Returns shape (d,).
    """
    raise NotImplementedError


def augment(X, y, Sigma):
    """The augmented data (X_hat, y_hat).

    X: (n, d). y: (n,). Sigma: (d, d). Returns a pair: X_hat, shape (n + d, d), and y_hat, shape (n + d,).
    The rows of X and the entries of y come first.
    """
    raise NotImplementedError


def tikhonov_by_augmentation(X, y, Sigma):
    """The least-squares solution of the augmented problem.

    X: (n, d). y: (n,). Sigma: (d, d). Returns shape (d,).
    """
    raise NotImplementedError
