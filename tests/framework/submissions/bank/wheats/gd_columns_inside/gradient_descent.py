import numpy as np


def gradient_step(F, y, w, eta):
    w_col, y_col = w.reshape(-1, 1), y.reshape(-1, 1)
    new = w_col - eta * np.matmul(np.transpose(F), np.matmul(F, w_col) - y_col)
    return new.flatten()


def run_gradient_descent(F, y, eta, steps):
    W = np.zeros((F.shape[1], 1))
    for _ in range(steps):
        W = np.hstack([W, (gradient_step(F, y, W[:, -1], eta)).reshape(-1, 1)])
    return W.T


def largest_stable_step(F):
    with np.errstate(divide="ignore"):
        return np.array(2 / np.max(np.linalg.svd(F)[1]) ** 2)


def norm_bound(F, y, eta, steps):
    increments = np.full(steps, eta * np.linalg.norm(F, ord=2) * np.linalg.norm(y))
    return np.concatenate([[0.0], np.cumsum(increments)])
