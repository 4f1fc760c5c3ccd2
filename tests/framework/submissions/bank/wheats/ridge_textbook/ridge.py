import numpy as np
from numpy.linalg import cholesky, inv


def tikhonov(X, y, Sigma):
    return inv(X.T @ X + inv(Sigma)) @ (X.T @ y)


def augment(X, y, Sigma):
    d = Sigma.shape[0]
    X_hat = np.concatenate((X, cholesky(inv(Sigma)).T), axis=0)
    y_hat = np.append(y, np.zeros(d))
    return X_hat, y_hat


def tikhonov_by_augmentation(X, y, Sigma):
    X_hat, y_hat = augment(X, y, Sigma)
    return inv(X_hat.T @ X_hat) @ (X_hat.T @ y_hat)
