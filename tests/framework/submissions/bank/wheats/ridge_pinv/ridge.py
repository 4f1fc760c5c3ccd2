import numpy as np


def tikhonov(X, y, Sigma):
    return np.linalg.pinv(X.T.dot(X) + np.linalg.pinv(Sigma)).dot(X.T).dot(y)


def augment(X, y, Sigma):
    values, vectors = np.linalg.eigh(Sigma)
    Gamma = np.diag(1 / np.sqrt(values)) @ vectors.T
    return [np.r_[X, Gamma], np.r_[y, np.zeros(len(Gamma))]]


def tikhonov_by_augmentation(X, y, Sigma):
    X_hat, y_hat = augment(X, y, Sigma)
    return np.linalg.pinv(X_hat) @ y_hat
