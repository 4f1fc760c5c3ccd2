"""Problem 3: gradient descent for least squares, and how far its iterates can go.

The loss is L(w) = 1/2 ||F w - y||^2 with features F (n, d), targets y (n,) and weights w (d,); numbers have no
units. Its gradient is F^T (F w - y), so a step of size eta is

    w_t = w_{t-1} - eta F^T (F w_{t-1} - y) = (I - eta F^T F) w_{t-1} + eta F^T y.

Everything in this problem follows from that second form: I - eta F^T F decides whether the iteration can diverge,
and eta F^T y is all that a step can add. The write-up derives the bound; this file computes with it.
"""

import numpy as np


def gradient_step(F, y, w, eta):
    """One step of gradient descent on 1/2 ||F w - y||^2.

    F: (n, d). y: (n,). w: (d,). eta: step size, a number. Returns the next w, shape (d,).

    The residual is formed first: two products with a vector, n d multiplications each, where F^T F would cost n d^2.
    There is no factor 2 and no 1/n, as the loss has the factor 1/2 and is a sum, not a mean.
    """
    residual = F @ w - y
    return w - eta * (F.T @ residual)


def run_gradient_descent(F, y, eta, steps):
    """All iterates of gradient descent from w_0 = 0.

    F: (n, d). y: (n,). eta: step size. steps: how many steps, 0 or more.
    Returns shape (steps + 1, d): row t is w_t, so that row 0 is the start and steps = 0 gives one row of zeros.
    """
    iterates = np.zeros((steps + 1, F.shape[1]))
    for t in range(1, steps + 1):
        iterates[t] = gradient_step(F, y, iterates[t - 1], eta)
    return iterates


def largest_stable_step(F):
    """The supremum of the step sizes for which gradient descent cannot diverge: 2 / sigma_max(F)^2.

    F: (n, d). Returns a number, infinite for F = 0.

    I - eta F^T F has the eigenvalues 1 - eta sigma_i^2 (and 1 where F has no rank). None exceeds 1 for eta > 0; the
    smallest stays above -1 just as long as eta sigma_max^2 < 2. With F = 0 nothing ever moves, whatever eta is.
    """
    sigma_max = np.linalg.norm(F, 2)
    return np.inf if sigma_max == 0 else 2 / sigma_max**2


def norm_bound(F, y, eta, steps):
    """The bound t eta alpha ||y||_2 on ||w_t||_2 for t = 0 ... steps, with alpha = sigma_max(F).

    F: (n, d). y: (n,). eta: step size. steps: 0 or more. Returns shape (steps + 1,).

    It is a bound only where eta <= 2 / alpha^2; as a formula it can be written down for any eta.
    """
    alpha = np.linalg.norm(F, 2)
    return np.arange(steps + 1) * eta * alpha * np.linalg.norm(y)
