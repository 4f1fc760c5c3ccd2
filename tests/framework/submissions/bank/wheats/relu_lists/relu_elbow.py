"""No numpy: numbers and lists."""


def elbow(w, b):
    return b / -w


def gradients(w, b, x, y):
    phi = (w * x + b + abs(w * x + b)) / 2
    slope = float(w * x + b > 0)
    return [phi - y, (phi - y) * slope * x, (phi - y) * slope]


def sgd_update(w, b, x, y, lam):
    _, d_w, d_b = gradients(w, b, x, y)
    return [w - lam * d_w, b - lam * d_b]


def _flat(values):
    for v in values:
        yield from (v if hasattr(v, "__len__") else [v])


def network_elbows(W1, b):
    return [-bi / wi for wi, bi in zip(_flat(W1), b, strict=True)]


def network_elbows_after_step(W1, b, W2, x, y, lam):
    first, second = list(_flat(W1)), list(_flat(W2))
    out = sum(v * max(0.0, w * x + bi) for v, w, bi in zip(second, first, b, strict=True))
    result = []
    for v, w, bi in zip(second, first, b, strict=True):
        if w * x + bi > 0:
            result.append((bi - lam * (out - y) * v) / (lam * (out - y) * v * x - w))
        else:
            result.append(-bi / w)
    return result
