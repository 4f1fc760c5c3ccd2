import torch


def tikhonov(X, y, Sigma):
    X, y, Sigma = map(torch.as_tensor, (X, y, Sigma))
    return torch.linalg.solve(X.T @ X + torch.linalg.inv(Sigma), X.T @ y)


def augment(X, y, Sigma):
    X, y, Sigma = map(torch.as_tensor, (X, y, Sigma))
    Gamma = torch.linalg.inv(torch.linalg.cholesky(Sigma))
    return torch.cat([X, Gamma]), torch.cat([y, torch.zeros(len(Sigma), dtype=y.dtype)])


def tikhonov_by_augmentation(X, y, Sigma):
    X_hat, y_hat = augment(X, y, Sigma)
    return torch.linalg.lstsq(X_hat, y_hat[:, None]).solution[:, 0]
