import numpy as np


def gradient_step(F, y, w, eta):
    gradient = 2 * F.T @ (F @ w - y)      # derivative of ||Fw - y||^2
    return w - eta * gradient


def run_gradient_descent(F, y, eta, steps):
    w = np.zeros(F.shape[1])
    all_w = []
    for t in range(steps):
        w = w - eta * F.T @ (F @ w - y)
        all_w.append(w)
    return np.array(all_w)


def largest_stable_step(F):
    sigma = np.linalg.svd(F, compute_uv=False)
    return float(2 / sigma[0] ** 2)


def norm_bound(F, y, eta, steps):
    alpha = np.linalg.norm(F)
    return np.arange(steps + 1) * eta * alpha * np.linalg.norm(y)
