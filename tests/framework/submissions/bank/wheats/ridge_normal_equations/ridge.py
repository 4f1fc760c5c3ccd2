import numpy as np


def _solve(M, v):
    """Two triangular systems."""
    L = np.linalg.cholesky(M)
    return np.linalg.solve(L.T, np.linalg.solve(L, v))


def tikhonov(X, y, Sigma):
    return _solve(X.T @ X + np.linalg.inv(Sigma), X.T @ y)


def augment(X, y, Sigma):
    Gamma = -np.linalg.inv(np.linalg.cholesky(Sigma))[::-1]
    return np.vstack([X, Gamma]), np.concatenate([y, np.zeros(X.shape[1])])


def tikhonov_by_augmentation(X, y, Sigma):
    Gamma = np.linalg.inv(np.linalg.cholesky(Sigma))
    X_hat = np.vstack([X, Gamma])
    y_hat = np.concatenate([y, np.zeros(X.shape[1])])
    return np.linalg.solve(X_hat.T @ X_hat, X_hat.T @ y_hat)
