import numpy as np


def tikhonov(X, y, Sigma):
    return np.linalg.solve(X.T @ X + 1 / Sigma, X.T @ y)


def augment(X, y, Sigma):
    Gamma = np.linalg.cholesky(np.linalg.inv(Sigma)).T
    return np.vstack([X, Gamma]), np.concatenate([y, np.zeros(X.shape[1])])


def tikhonov_by_augmentation(X, y, Sigma):
    Gamma = np.linalg.inv(np.linalg.cholesky(Sigma))
    A, b = np.vstack([X, Gamma]), np.concatenate([y, np.zeros(X.shape[1])])
    return np.linalg.lstsq(A, b, rcond=None)[0]
