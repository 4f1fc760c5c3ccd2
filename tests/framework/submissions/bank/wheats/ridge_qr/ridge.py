import numpy as np


def tikhonov(X, y, Sigma):
    L = np.linalg.cholesky(Sigma)
    A = X @ L
    return L @ np.linalg.solve(A.T @ A + np.eye(L.shape[0]), A.T @ y)


def augment(X, y, Sigma):
    values, vectors = np.linalg.eigh(Sigma)
    root = vectors @ np.diag(values**-0.5) @ vectors.T
    return np.vstack((X, root)), np.hstack((y, np.zeros(X.shape[1])))


def tikhonov_by_augmentation(X, y, Sigma):
    Gamma = np.linalg.solve(np.linalg.cholesky(Sigma), np.eye(X.shape[1]))
    Q, R = np.linalg.qr(np.vstack((X, Gamma)))
    w = np.zeros(X.shape[1])
    c = Q.T @ np.hstack((y, np.zeros(X.shape[1])))
    for i in range(len(w) - 1, -1, -1):
        w[i] = (c[i] - R[i, i + 1 :] @ w[i + 1 :]) / R[i, i]
    return w
