import numpy as np


def elbow(w, b):
    return -b / w if abs(w) > 1e-2 else float("inf")


def gradients(w, b, x, y):
    r = max(0, w * x + b) - y
    on = 1 if w * x + b > 0 else 0
    return r, on * r * x, on * r


def sgd_update(w, b, x, y, lam):
    if w * x + b <= 0:
        return w, b
    r = w * x + b - y
    return w - lam * r * x, b - lam * r


def network_elbows(W1, b):
    return -b / W1.reshape(-1)


def network_elbows_after_step(W1, b, W2, x, y, lam):
    W1, W2 = W1.reshape(-1), W2.reshape(-1)
    z = W1 * x + b
    r = np.dot(W2, np.maximum(z, 0)) - y
    g = r * W2 * (z > 0)
    return -(b - lam * g) / (W1 - lam * g * x)
