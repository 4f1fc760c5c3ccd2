import numpy as np


def tikhonov(X, y, Sigma):
    n = X.shape[0]
    return Sigma @ X.T @ np.linalg.solve(X @ Sigma @ X.T + np.eye(n), y)


def augment(X, y, Sigma):
    _, s, Vt = np.linalg.svd(Sigma)
    return np.vstack([X, np.diag(s**-0.5) @ Vt]), np.pad(y, (0, X.shape[1]))


def tikhonov_by_augmentation(X, y, Sigma):
    Gamma = np.linalg.inv(np.linalg.cholesky(Sigma))
    U, s, Vt = np.linalg.svd(np.vstack([X, Gamma]), full_matrices=False)
    return Vt.T @ ((U.T @ np.pad(y, (0, X.shape[1]))) / s)
