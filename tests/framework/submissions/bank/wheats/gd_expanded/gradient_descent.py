import numpy as np


def gradient_step(F, y, w, eta):
    A = np.eye(F.shape[1]) - eta * (F.T @ F)
    return A @ w + eta * (F.T @ y)


def run_gradient_descent(F, y, eta, steps):
    iterates = np.zeros((steps + 1, F.shape[1]))
    A, c = np.eye(F.shape[1]) - eta * (F.T @ F), eta * (F.T @ y)
    for t in range(steps):
        iterates[t + 1] = A @ iterates[t] + c
    return iterates


def largest_stable_step(F):
    top = np.linalg.eigvalsh(F.T @ F)[-1]
    return float("inf") if top == 0 else 2.0 / top


def norm_bound(F, y, eta, steps):
    alpha = np.sqrt(np.linalg.eigvalsh(F.T @ F)[-1])
    return np.linspace(0, steps, steps + 1) * (eta * alpha * np.sqrt(y @ y))
