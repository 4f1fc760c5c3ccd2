import numpy as np


def gradient_step(F, y, w, eta):
    F, y, w = (np.asarray(a, dtype=np.float32) for a in (F, y, w))
    return w - np.float32(eta) * F.T @ (F @ w - y)


def run_gradient_descent(F, y, eta, steps):
    F, y = np.asarray(F, dtype=np.float32), np.asarray(y, dtype=np.float32)
    w = np.zeros(F.shape[1], dtype=np.float32)
    rows = [w]
    for _ in range(steps):
        w = w - np.float32(eta) * F.T @ (F @ w - y)
        rows.append(w)
    return np.array(rows)


def largest_stable_step(F):
    with np.errstate(divide="ignore"):
        return np.float32(2) / np.linalg.norm(F.astype(np.float32), 2) ** 2


def norm_bound(F, y, eta, steps):
    F, y = F.astype(np.float32), y.astype(np.float32)
    return np.arange(steps + 1, dtype=np.float32) * np.float32(eta) * np.linalg.norm(F, 2) * np.linalg.norm(y)
