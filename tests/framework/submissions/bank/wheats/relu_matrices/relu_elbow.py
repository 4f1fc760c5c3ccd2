import numpy as np


def elbow(w, b):
    return np.array(-b / w)


def gradients(w, b, x, y):
    z = w * x + b
    d_phi = np.maximum(z, 0) - y
    d_w = np.where(z > 0, d_phi * x, 0.0)
    d_b = np.where(z > 0, d_phi, 0.0)
    return d_phi, d_w, d_b


def sgd_update(w, b, x, y, lam):
    _, d_w, d_b = gradients(w, b, x, y)
    return np.array([w, b]) - lam * np.array([d_w, d_b])


def network_elbows(W1, b):
    W1 = W1.reshape(len(b), 1)
    return (-b.reshape(-1, 1) / W1)[:, 0]


def network_elbows_after_step(W1, b, W2, x, y, lam):
    d = len(b)
    W1, b, W2 = W1.reshape(d, 1), b.reshape(d, 1), W2.reshape(1, d)
    X = np.array([[x]])
    z = W1 @ X + b
    delta = (W2 @ np.maximum(z, 0) - y) * W2.T * (z > 0)
    W1 -= lam * delta @ X.T
    b -= lam * delta
    return (-b / W1).reshape(d)
