import numpy as np


def gradient_step(F, y, w, eta):
    return w - eta * F.T @ (F @ w - y)


def run_gradient_descent(F, y, eta, steps):
    w = np.zeros(F.shape[1])
    rows = [w]
    for _ in range(steps):
        w = w - eta * F.T @ (F @ w - y)
        rows.append(w)
    return np.array(rows)


def largest_stable_step(F):
    square = F.shape[0] == F.shape[1]
    s = np.abs(np.linalg.eigvals(F)).max() if square else np.linalg.norm(F, 2)
    return 2 / s**2 if s > 0 else np.inf


def norm_bound(F, y, eta, steps):
    alpha = np.linalg.svd(F, compute_uv=False).max()
    return np.array([t * eta * alpha * np.linalg.norm(y) for t in range(steps + 1)])
