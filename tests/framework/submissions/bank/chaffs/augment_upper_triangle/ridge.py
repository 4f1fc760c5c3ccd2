import numpy as np


def tikhonov(X, y, Sigma):
    return np.linalg.solve(X.T @ X + np.linalg.inv(Sigma), X.T @ y)


def augment(X, y, Sigma):
    Gamma = np.linalg.inv(np.linalg.cholesky(Sigma).T)
    return np.vstack([X, Gamma]), np.concatenate([y, np.zeros(X.shape[1])])


def tikhonov_by_augmentation(X, y, Sigma):
    M = X.T @ X + np.linalg.inv(Sigma)
    return np.linalg.solve(M, X.T @ y)
