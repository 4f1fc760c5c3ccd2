"""Pure Python: no array but what comes in; lists come out."""

import math


def gradient_step(F, y, w, eta):
    n, d = len(F), len(w)
    residual = [sum(F[i][j] * w[j] for j in range(d)) - y[i] for i in range(n)]
    return [w[j] - eta * sum(F[i][j] * residual[i] for i in range(n)) for j in range(d)]


def run_gradient_descent(F, y, eta, steps):
    rows = [[0.0] * len(F[0])]
    for _ in range(steps):
        rows.append(gradient_step(F, y, rows[-1], eta))
    return rows


def _sigma_max_squared(F):
    """Jacobi's rotations on F^T F."""
    d = len(F[0])
    G = [[float(sum(row[i] * row[j] for row in F)) for j in range(d)] for i in range(d)]
    for _ in range(60):
        for p in range(d):
            for q in range(p + 1, d):
                if G[p][q] == 0:
                    continue
                angle = 0.5 * math.atan2(2 * G[p][q], G[q][q] - G[p][p])
                c, s = math.cos(angle), math.sin(angle)
                for k in range(d):
                    G[k][p], G[k][q] = c * G[k][p] - s * G[k][q], s * G[k][p] + c * G[k][q]
                for k in range(d):
                    G[p][k], G[q][k] = c * G[p][k] - s * G[q][k], s * G[p][k] + c * G[q][k]
    return max(G[i][i] for i in range(d))


def largest_stable_step(F):
    top = _sigma_max_squared(F)
    return 2 / top if top else math.inf


def norm_bound(F, y, eta, steps):
    step = eta * math.sqrt(_sigma_max_squared(F)) * math.sqrt(sum(v * v for v in y))
    return tuple(t * step for t in range(steps + 1))
