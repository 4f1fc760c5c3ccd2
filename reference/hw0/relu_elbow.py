"""Problem 6: where a ReLU bends, and how one step of SGD moves the bend.

One unit computes phi(x) = max(0, w x + b) of a number x; the loss of a point (x, y) is l = 1/2 (phi(x) - y)^2. The
network of (c) and (d) has d such units: f(x) = W2 max(0, W1 x + b) with W1 (d, 1), b (d,), W2 (1, d).
The gradient of ReLU at 0 is defined as 0: a point on the elbow moves nothing. Numbers have no units.
"""

import numpy as np


def elbow(w, b):
    """The x at which w x + b changes sign: -b / w. w: a number, not 0. b: a number. Returns a number."""
    return -b / w


def gradients(w, b, x, y):
    """The derivatives of l = 1/2 (phi(x) - y)^2 at the point (x, y).

    w, b, x, y: numbers. Returns (dl/dphi, dl/dw, dl/db).

    The first is phi(x) - y on both sides of the elbow: it asks how l changes with phi, whatever phi depends on. The other
    two go through phi and so are 0 where the unit is off, and on the elbow itself.
    """
    z = w * x + b
    residual = max(0, z) - y
    if z > 0:
        return residual, residual * x, residual
    return residual, 0.0, 0.0


def sgd_update(w, b, x, y, lam):
    """One step of SGD of size lam on the point (x, y). w, b, x, y, lam: numbers. Returns the new (w, b).

    Both gradients are taken at the old w and b: the two are updated together.
    """
    _, grad_w, grad_b = gradients(w, b, x, y)
    return w - lam * grad_w, b - lam * grad_b


def network_elbows(W1, b):
    """The elbow of every hidden unit, -b_i / W1_i.

    W1: (d, 1) or (d,), no entry 0. b: (d,). Returns shape (d,).

    W1 is flattened first: (d,) divided by (d, 1) would broadcast to (d, d).
    """
    return -np.asarray(b) / np.ravel(W1)


def network_elbows_after_step(W1, b, W2, x, y, lam):
    """The elbows after one step of SGD of size lam on W1 and b, from l = 1/2 (f(x) - y)^2 at the point (x, y).

    W1: (d, 1) or (d,). b: (d,). W2: (1, d) or (d,). x, y, lam: numbers. Returns shape (d,).

    By the chain rule dl/db_i = (f(x) - y) W2_i where unit i is on and 0 where it is off, and dl/dW1_i is x times that.
    W2 stays as it is: the elbows do not depend on it, and the gradients are taken before anything moves.
    """
    W1, b, W2 = np.ravel(W1), np.ravel(b), np.ravel(W2)
    z = W1 * x + b
    on = z > 0
    residual = W2 @ np.maximum(0, z) - y
    grad_b = np.where(on, residual * W2, 0.0)
    grad_W1 = grad_b * x
    return network_elbows(W1 - lam * grad_W1, b - lam * grad_b)
