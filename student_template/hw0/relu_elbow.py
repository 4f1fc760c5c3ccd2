"""Problem 6: the elbow of a ReLU, and what a step of SGD does to it.

phi(x) = max(0, w x + b), and the loss of a point (x, y) is 1/2 (phi(x) - y)^2. The gradient of ReLU at 0 is 0.
Numbers are floats without units. Fill in the five functions; keep their names and arguments.
"""

import numpy as np


def elbow(w, b):
    """Where phi bends. w: a number, not 0. b: a number. Returns a number."""
    raise NotImplementedError


def gradients(w, b, x, y):
    """The derivatives of the loss with respect to phi, w and b, in this order.

    w, b, x, y: numbers. Returns three numbers.
    """
    raise NotImplementedError


def sgd_update(w, b, x, y, lam):
    """One step of SGD of size lam on the point (x, y). w, b, x, y, lam: numbers. Returns the new w and the new b."""
    raise NotImplementedError


def network_elbows(W1, b):
    """The elbow of each hidden unit of W2 max(0, W1 x + b).

    W1: (d, 1) or (d,), no entry 0. b: (d,). Returns shape (d,).
    """
    raise NotImplementedError


def network_elbows_after_step(W1, b, W2, x, y, lam):
    """The elbows after one step of SGD of size lam on W1 and b, at the point (x, y).

    The loss is 1/2 (W2 max(0, W1 x + b) - y)^2. W1: (d, 1) or (d,). b: (d,). W2: (1, d) or (d,).
    x, y, lam: numbers. Returns shape (d,).
    """
    raise NotImplementedError
