"""Problem 3: gradient descent for least squares.

The loss is 1/2 ||F w - y||^2 with features F (n, d), targets y (n,) and weights w (d,): numpy arrays of floats.
Numbers have no units. Fill in the four functions; keep their names and arguments.
"""

import numpy as np


def gradient_step(F, y, w, eta):
    """One step of gradient descent with step size eta.

    F: (n, d). y: (n,). w: (d,). eta: a number > 0. Returns the next w, shape (d,).
    """
    raise NotImplementedError


def run_gradient_descent(F, y, eta, steps):
    """All iterates of gradient descent from w_0 = 0.

    F: (n, d). y: (n,). eta: a number > 0. steps: an integer >= 0.
    Returns shape (steps + 1, d); row t is w_t.
    """
    raise NotImplementedError


def largest_stable_step(F):
    """The supremum of the step sizes for which gradient descent cannot diverge.

    F: (n, d), of any rank. Returns a number (np.inf is one).
    """
    raise NotImplementedError


def norm_bound(F, y, eta, steps):
    """The problem's bound on the norm of w_t for t = 0 ... steps.

    F: (n, d). y: (n,). eta: a number > 0. steps: an integer >= 0. Returns shape (steps + 1,).
    """
    raise NotImplementedError
