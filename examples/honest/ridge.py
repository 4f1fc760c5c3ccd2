# HW0 problem 4
import numpy as np
from numpy.linalg import cholesky, inv, lstsq


def tikhonov(X, y, Sigma):
    return inv(X.T @ X + inv(Sigma)) @ (X.T @ y)


def augment(X, y, Sigma):
    # Sigma^-1 = L L^T, so Gamma = L^T gives Gamma^T Gamma = Sigma^-1
    Gamma = cholesky(inv(Sigma)).T
    X_hat = np.concatenate((X, Gamma), axis=0)
    y_hat = np.concatenate((y, np.zeros(Gamma.shape[0])))
    return X_hat, y_hat


def tikhonov_by_augmentation(X, y, Sigma):
    X_hat, y_hat = augment(X, y, Sigma)
    w, *_ = lstsq(X_hat, y_hat, rcond=None)
    return w
