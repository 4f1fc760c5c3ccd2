import numpy as np

f = np.float32


def elbow(w, b):
    return -f(b) * (f(1) / f(w))


def gradients(w, b, x, y):
    w, b, x, y = f(w), f(b), f(x), f(y)
    r = np.maximum(w * x + b, f(0)) - y
    on = np.heaviside(w * x + b, f(0))
    return np.array([r, r * on * x, r * on], dtype=f)


def sgd_update(w, b, x, y, lam):
    g = gradients(w, b, x, y)
    return f(w) - f(lam) * g[1], f(b) - f(lam) * g[2]


def network_elbows(W1, b):
    return (-b / np.squeeze(W1, axis=1) if W1.ndim == 2 else -b / W1).astype(f)


def network_elbows_after_step(W1, b, W2, x, y, lam):
    W1, b, W2 = W1.astype(f).ravel(), b.astype(f), W2.astype(f).ravel()
    x, y, lam = f(x), f(y), f(lam)
    on = W1 * x + b > 0
    error = np.sum(W2[on] * (W1[on] * x + b[on])) - y
    new_W1, new_b = W1.copy(), b.copy()
    new_W1[on] -= lam * error * W2[on] * x
    new_b[on] -= lam * error * W2[on]
    return -new_b / new_W1
