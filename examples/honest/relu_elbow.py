# HW0 problem 6, plain Python
def relu(z):
    return z if z > 0 else 0.0


def elbow(w, b):
    return -b / w


def gradients(w, b, x, y):
    z = w * x + b
    dphi = relu(z) - y
    if z > 0:
        return [dphi, dphi * x, dphi]
    return [dphi, 0.0, 0.0]


def sgd_update(w, b, x, y, lam):
    _, dw, db = gradients(w, b, x, y)
    return [w - lam * dw, b - lam * db]


def network_elbows(W1, b):
    W1 = W1.reshape(-1)
    return [elbow(W1[i], b[i]) for i in range(len(b))]


def network_elbows_after_step(W1, b, W2, x, y, lam):
    W1, W2 = W1.reshape(-1), W2.reshape(-1)
    f = 0.0
    for i in range(len(b)):
        f += W2[i] * relu(W1[i] * x + b[i])
    elbows = []
    for i in range(len(b)):
        if W1[i] * x + b[i] > 0:
            g = (f - y) * W2[i]
            elbows.append(elbow(W1[i] - lam * g * x, b[i] - lam * g))
        else:
            elbows.append(elbow(W1[i], b[i]))
    return elbows
