import numpy as np


def _sigma(F):
    v = np.ones(F.shape[1])
    for _ in range(10):
        v = F.T @ (F @ v)
        if not v.any():
            return 0.0
        v = v / np.linalg.norm(v)
    return np.linalg.norm(F @ v)


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
    s = _sigma(F)
    return 2 / s**2 if s > 0 else np.inf


def norm_bound(F, y, eta, steps):
    alpha = np.linalg.svd(F, compute_uv=False).max()
    return np.array([t * eta * alpha * np.linalg.norm(y) for t in range(steps + 1)])
