import numpy as np


def tikhonov(X, y, Sigma):
    return np.linalg.solve(X.T @ X + np.linalg.inv(Sigma), X.T @ y)


def augment(X, y, Sigma):
    Gamma = np.linalg.cholesky(np.linalg.inv(Sigma)).T
    return np.vstack([X, Gamma]), np.concatenate([y, np.zeros(X.shape[1])])


def tikhonov_by_augmentation(X, y, Sigma):
    X_hat, y_hat = augment(X, y, Sigma)
    return np.linalg.solve(X_hat.T @ X_hat + 1e-9 * np.eye(X.shape[1]), X_hat.T @ y_hat)
