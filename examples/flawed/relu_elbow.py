import numpy as np


def elbow(w, b):
    return -b / w


def gradients(w, b, x, y):
    phi = max(0, w * x + b)
    if w * x + b >= 0:
        return phi - y, (phi - y) * x, phi - y
    return 0, 0, 0


def sgd_update(w, b, x, y, lam):
    w = w - lam * gradients(w, b, x, y)[1]
    b = b - lam * gradients(w, b, x, y)[2]
    return w, b


def network_elbows(W1, b):
    return -b / W1


def network_elbows_after_step(W1, b, W2, x, y, lam):
    active = W1[:, 0] * x + b > 0
    f = W2[0] @ np.maximum(0, W1[:, 0] * x + b)
    for i in range(len(b) + 1):
        if active[i]:
            b[i] = b[i] - lam * (f - y) * W2[0][i]
            W1[i, 0] = W1[i, 0] - lam * (f - y) * W2[0][i] * x
    return -b / W1[:, 0]
