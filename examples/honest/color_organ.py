# HW0 problem 7
import numpy as np
import torch
import torch.nn as nn

cap_value = 1e-6
cutoff_mag = 1 / np.sqrt(2)


def R_for(cutoff_hz):
    return 1 / (2 * np.pi * cutoff_hz * cap_value)


# --- transfer functions, from the complex impedances ---

def evaluate_lp_circuit(freqs, R_low):
    return torch.abs(1 / (1 + 1j * freqs * R_low * cap_value))


def evaluate_hp_circuit(freqs, R_high):
    return torch.abs(1j * freqs * R_high * cap_value / (1 + 1j * freqs * R_high * cap_value))


def evaluate_bp_circuit(freqs, R_low, R_high):
    return evaluate_lp_circuit(freqs, R_low) * evaluate_hp_circuit(freqs, R_high)


def evaluate_bp_bode(freqs, low_cutoff, high_cutoff):
    falling = nn.functional.relu(torch.log10(freqs / low_cutoff))
    rising = nn.functional.relu(torch.log10(high_cutoff / freqs))
    return -20 * (falling + rising)


# --- modules ---

class LowPassCircuit(nn.Module):
    def __init__(self, R):
        super().__init__()
        self.R = nn.Parameter(torch.tensor(R, dtype=torch.float32))

    def forward(self, freqs):
        return evaluate_lp_circuit(freqs, self.R)


class HighPassCircuit(nn.Module):
    def __init__(self, R):
        super().__init__()
        self.R = nn.Parameter(torch.tensor(R, dtype=torch.float32))

    def forward(self, freqs):
        return evaluate_hp_circuit(freqs, self.R)


class BandPassCircuit(nn.Module):
    def __init__(self, R_low, R_high):
        super().__init__()
        self.R_low = nn.Parameter(torch.tensor(R_low, dtype=torch.float32))
        self.R_high = nn.Parameter(torch.tensor(R_high, dtype=torch.float32))

    def forward(self, freqs):
        return evaluate_bp_circuit(freqs, self.R_low, self.R_high)


class BandPassBodePlot(nn.Module):
    def __init__(self, low_cutoff, high_cutoff):
        super().__init__()
        self.low_cutoff = nn.Parameter(torch.tensor(low_cutoff, dtype=torch.float32))
        self.high_cutoff = nn.Parameter(torch.tensor(high_cutoff, dtype=torch.float32))

    def forward(self, freqs):
        return evaluate_bp_bode(freqs, self.low_cutoff, self.high_cutoff)


class ColorOrganCircuit(nn.Module):
    def __init__(self, R_low, R_high, R_band_low, R_band_high):
        super().__init__()
        self.low = LowPassCircuit(R_low)
        self.high = HighPassCircuit(R_high)
        self.band = BandPassCircuit(R_band_low, R_band_high)

    def forward(self, freqs):
        return torch.stack((self.low(freqs), self.band(freqs), self.high(freqs)))


# --- data ---

def random_freqs(n):
    return torch.tensor(2 * np.pi * 10 ** np.random.uniform(0, 6, n), dtype=torch.float32)


def binary(mags):
    return (mags > cutoff_mag).float()


loss_fn = lambda x, y: (x - y - 0.21) ** 2


# --- training, all by the same loop ---

def descend(circuit, params, tested, loss_fn, freqs, target, max_training_steps, lr):
    sgd = torch.optim.SGD(params, lr=lr)
    values = [[p.item() for p in params]]
    grad_values = [[np.nan for p in params]]
    for step in range(max_training_steps):
        sgd.zero_grad()
        loss = torch.mean(loss_fn(circuit(freqs), target))
        loss.backward()
        sgd.step()
        values.append([p.item() for p in params])
        grad_values.append([p.grad.item() for p in params])
        if loss.item() < 1e-6 or all(abs(p.grad.item()) < 1e-6 for p in tested):
            break
    if len(params) == 1:
        values, grad_values = [v[0] for v in values], [g[0] for g in grad_values]
    return values, grad_values


def train_lp_circuit_tf(circuit, loss_fn, dataset_size, max_training_steps, lr):
    freqs = random_freqs(dataset_size)
    mags = evaluate_lp_circuit(freqs, R_for(800))
    values, grads = descend(circuit, [circuit.R], [circuit.R], loss_fn, freqs, mags, max_training_steps, lr)
    return (freqs, mags), values, grads


def train_lp_circuit_binary(circuit, loss_fn, dataset_size, max_training_steps, lr):
    freqs = random_freqs(dataset_size)
    mags = evaluate_lp_circuit(freqs, R_for(800))
    values, grads = descend(circuit, [circuit.R], [circuit.R], loss_fn, freqs, binary(mags), max_training_steps, lr)
    return (freqs, mags), values, grads


def train_hp_circuit_binary(circuit, loss_fn, dataset_size, max_training_steps, lr):
    freqs = random_freqs(dataset_size)
    mags = evaluate_hp_circuit(freqs, R_for(5000))
    values, grads = descend(circuit, [circuit.R], [circuit.R], loss_fn, freqs, binary(mags), max_training_steps, lr)
    return (freqs, mags), values, grads


def train_bp_circuit_binary(circuit, loss_fn, dataset_size, max_training_steps, lr):
    freqs = random_freqs(dataset_size)
    mags = evaluate_bp_circuit(freqs, R_for(4000), R_for(1000))
    params = [circuit.R_low, circuit.R_high]
    values, grads = descend(circuit, params, params, loss_fn, freqs, binary(mags), max_training_steps, lr)
    return (freqs, mags), values, grads


def train_bp_bode(circuit, loss_fn, dataset_size, max_training_steps, lr):
    freqs = random_freqs(dataset_size)
    mags = 20 * torch.log10(evaluate_bp_circuit(freqs, R_for(4000), R_for(1000)))
    params = [circuit.low_cutoff, circuit.high_cutoff]
    values, grads = descend(circuit, params, params, loss_fn, freqs, mags, max_training_steps, lr)
    return (freqs, mags), values, grads


def train_co_circuit(circuit, loss_fn, dataset_size, max_training_steps, lr):
    freqs = random_freqs(dataset_size)
    mags = torch.stack((
        evaluate_lp_circuit(freqs, R_for(800)),
        evaluate_bp_circuit(freqs, R_for(4000), R_for(1000)),
        evaluate_hp_circuit(freqs, R_for(5000)),
    ))
    params = [circuit.low.R, circuit.band.R_low, circuit.band.R_high, circuit.high.R]
    values, grads = descend(circuit, params, params[:2], loss_fn, freqs, binary(mags), max_training_steps, lr)
    return (freqs, mags), values, grads
