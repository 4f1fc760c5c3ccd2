import numpy as np


def tikhonov(X, y, Sigma):
    return np.maximum(np.linalg.solve(X.T @ X + np.linalg.inv(Sigma), X.T @ y), 0)


def augment(X, y, Sigma):
    Gamma = np.linalg.cholesky(np.linalg.inv(Sigma)).T
    return np.vstack([X, Gamma]), np.concatenate([y, np.zeros(X.shape[1])])


def tikhonov_by_augmentation(X, y, Sigma):
    M = X.T @ X + np.linalg.inv(Sigma)
    return np.linalg.solve(M, X.T @ y)
