"""Problem 7: learning the resistors of a color organ.

Frequencies are angular, rad/s. Resistors are in ohms, the capacitor in farads. Tensors are torch tensors.
Fill in everything below and keep the names and arguments; train nothing when this file is imported.
"""

import torch
from torch import nn

cap_value = 1e-6            # farads
cutoff_mag = 0.5**0.5       # magnitude at the cutoff frequency; the LED is lit above it


# Transfer functions. freqs: tensor of any shape, rad/s. They return a tensor of the same shape.


def evaluate_lp_circuit(freqs, R_low):
    """Magnitude of the low pass. R_low: ohms."""
    raise NotImplementedError


def evaluate_hp_circuit(freqs, R_high):
    """Magnitude of the high pass. R_high: ohms."""
    raise NotImplementedError


def evaluate_bp_circuit(freqs, R_low, R_high):
    """Magnitude of the band pass. R_low: ohms, of its low-pass half. R_high: ohms, of its high-pass half."""
    raise NotImplementedError


def evaluate_bp_bode(freqs, low_cutoff, high_cutoff):
    """Bode plot of the band pass in dB, from two ReLUs.

    low_cutoff: rad/s, of the low-pass half. high_cutoff: rad/s, of the high-pass half.
    """
    raise NotImplementedError


# Circuits: torch modules. forward takes freqs (rad/s) and returns what the function above returns.


class LowPassCircuit(nn.Module):
    """Low pass with one parameter R, ohms."""

    def __init__(self, R):
        super().__init__()
        raise NotImplementedError

    def forward(self, freqs):
        raise NotImplementedError


class HighPassCircuit(nn.Module):
    """High pass with one parameter R, ohms."""

    def __init__(self, R):
        super().__init__()
        raise NotImplementedError

    def forward(self, freqs):
        raise NotImplementedError


class BandPassCircuit(nn.Module):
    """Band pass with parameters R_low and R_high, ohms."""

    def __init__(self, R_low, R_high):
        super().__init__()
        raise NotImplementedError

    def forward(self, freqs):
        raise NotImplementedError


class BandPassBodePlot(nn.Module):
    """Bode plot with parameters low_cutoff and high_cutoff, rad/s."""

    def __init__(self, low_cutoff, high_cutoff):
        super().__init__()
        raise NotImplementedError

    def forward(self, freqs):
        raise NotImplementedError


class ColorOrganCircuit(nn.Module):
    """Sub-modules low, high and band. Returns low, band and high stacked: shape (3, n) for freqs of shape (n,)."""

    def __init__(self, R_low, R_high, R_band_low, R_band_high):
        super().__init__()
        raise NotImplementedError

    def forward(self, freqs):
        raise NotImplementedError


# The loss of part (e), elementwise: a tensor of predicted magnitudes and a tensor of labels (0 or 1) of one shape in, a tensor of
# that shape out.

loss_fn = None


# Training. Each function takes dataset_size training frequencies 2 pi 10^U, U uniform on (0, 6), and runs plain gradient
# descent with learning rate lr on the mean of loss_fn over all elements, until the loss or the gradient is below 1e-6 or
# max_training_steps steps are done. Each returns
#   train_data   (frequencies, magnitudes)
#   values       the parameters at the start and after each step; with several parameters each entry is a row
#                (band pass: low, high; color organ: low, band low, band high, high)
#   grad_values  the gradients of those steps in the same form; the first entry is NaN


def train_lp_circuit_tf(circuit, loss_fn, dataset_size, max_training_steps, lr):
    """Learn a LowPassCircuit (desired cutoff 800 Hz) from magnitudes."""
    raise NotImplementedError


def train_lp_circuit_binary(circuit, loss_fn, dataset_size, max_training_steps, lr):
    """Learn a LowPassCircuit (desired cutoff 800 Hz) from binary labels."""
    raise NotImplementedError


def train_hp_circuit_binary(circuit, loss_fn, dataset_size, max_training_steps, lr):
    """Learn a HighPassCircuit (desired cutoff 5000 Hz) from binary labels."""
    raise NotImplementedError


def train_bp_circuit_binary(circuit, loss_fn, dataset_size, max_training_steps, lr):
    """Learn a BandPassCircuit (desired band 1000 Hz to 4000 Hz) from binary labels."""
    raise NotImplementedError


def train_bp_bode(circuit, loss_fn, dataset_size, max_training_steps, lr):
    """Fit a BandPassBodePlot to the magnitudes of the desired band pass (1000 Hz to 4000 Hz) in dB."""
    raise NotImplementedError


def train_co_circuit(circuit, loss_fn, dataset_size, max_training_steps, lr):
    """Learn a ColorOrganCircuit (800 Hz; 1000 Hz to 4000 Hz; 5000 Hz) from binary labels."""
    raise NotImplementedError
