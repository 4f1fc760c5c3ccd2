import torch


def gradient_step(F, y, w, eta):
    F, y = torch.as_tensor(F), torch.as_tensor(y)
    w = torch.tensor(w, requires_grad=True)
    loss = 0.5 * torch.sum((F @ w - y) ** 2)
    loss.backward()
    return (w - eta * w.grad).detach()


def run_gradient_descent(F, y, eta, steps):
    F, y = torch.as_tensor(F), torch.as_tensor(y)
    w = torch.zeros(F.shape[1], dtype=F.dtype)
    rows = [w]
    for _ in range(steps):
        w = w - eta * F.T @ (F @ w - y)
        rows.append(w)
    return torch.stack(rows)


def largest_stable_step(F):
    return 2 / torch.linalg.matrix_norm(torch.as_tensor(F), 2) ** 2


def norm_bound(F, y, eta, steps):
    F, y = torch.as_tensor(F), torch.as_tensor(y)
    return torch.arange(steps + 1) * eta * torch.linalg.matrix_norm(F, 2) * torch.linalg.vector_norm(y)
