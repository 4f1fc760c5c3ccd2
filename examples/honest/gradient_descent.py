# HW0 problem 3
import numpy as np


def gradient_step(F, y, w, eta):
    # w_t = (I - eta F^T F) w_{t-1} + eta F^T y
    A = np.eye(F.shape[1]) - eta * F.T @ F
    return A @ w + eta * F.T @ y


def run_gradient_descent(F, y, eta, steps):
    history = [np.zeros(F.shape[1])]
    while len(history) < steps + 1:
        history.append(gradient_step(F, y, history[-1], eta))
    return history


def largest_stable_step(F):
    # largest eigenvalue of F^T F = sigma_max^2
    top = np.max(np.linalg.eigvalsh(F.T @ F))
    if top == 0:
        return float("inf")
    return 2.0 / top


def norm_bound(F, y, eta, steps):
    alpha = np.linalg.svd(F)[1][0]
    return [t * eta * alpha * np.linalg.norm(y) for t in range(steps + 1)]
