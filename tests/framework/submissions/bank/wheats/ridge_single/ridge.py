import numpy as np


def _single(*arrays):
    return [np.asarray(a, dtype=np.float32) for a in arrays]


def tikhonov(X, y, Sigma):
    X, y, Sigma = _single(X, y, Sigma)
    return np.linalg.solve(X.T @ X + np.linalg.inv(Sigma), X.T @ y)


def augment(X, y, Sigma):
    X, y, Sigma = _single(X, y, Sigma)
    _, s, Vt = np.linalg.svd(Sigma)
    return np.vstack([X, np.diag(1 / np.sqrt(s)) @ Vt]), np.concatenate([y, np.zeros(len(s), np.float32)])


def tikhonov_by_augmentation(X, y, Sigma):
    X_hat, y_hat = augment(X, y, Sigma)
    return np.linalg.lstsq(X_hat, y_hat, rcond=None)[0]
