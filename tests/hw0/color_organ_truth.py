"""What is true of problem 7: transfer functions and their derivatives, labels, and where honest training ends.

numpy in double precision; frequencies angular (rad/s), resistors in ohms, cutoffs of the Bode plot in rad/s, capacitor
in farads. Nothing here is ever sent to the worker.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autograder.suite import Window

Array = npt.NDArray[np.float64]

CAPACITANCE = 1e-6
CUTOFF_MAGNITUDE = 1 / math.sqrt(2)
DECADES = 6.0
"""Training frequencies are 2 pi 10^U(0, DECADES)."""
DATASET_SIZE = 1000
"""Of the notebook's training: the spread of what is learned is that of this many frequencies."""
STOP_BELOW = 1e-6
"""Of the stopping rule, on the loss and on the gradients."""

LEDS_HZ = (300.0, 500.0, 700.0, 900.0, 1100.0, 1300.0, 1500.0)
LEDS_LIT = 3


def resistor_at(hertz: float) -> float:
    """The resistor, ohms, whose filter has this cutoff: 1 / (2 pi f C)."""
    return 1 / (2 * math.pi * hertz * CAPACITANCE)


cutoff_of = resistor_at
"""The same formula the other way round: cutoff in Hz of a resistor in ohms."""

LOW_DESIRED = resistor_at(800)
HIGH_DESIRED = resistor_at(5000)
BAND_LOW_DESIRED = resistor_at(4000)
BAND_HIGH_DESIRED = resistor_at(1000)
BODE_LOW_DESIRED = 2 * math.pi * 4000
BODE_HIGH_DESIRED = 2 * math.pi * 1000


def low_pass(omega: Array, resistor: Array | float) -> Array:
    """1 / sqrt(1 + (R C omega)^2); broadcasts."""
    return low_pass_and_slope(omega, resistor)[0]


def high_pass(omega: Array, resistor: Array | float) -> Array:
    """R C omega / sqrt(1 + (R C omega)^2); broadcasts."""
    return high_pass_and_slope(omega, resistor)[0]


def band_pass(omega: Array, low: Array | float, high: Array | float) -> Array:
    """Product of the low pass and the high pass."""
    return low_pass(omega, low) * high_pass(omega, high)


def low_pass_and_slope(omega: Array, resistor: Array | float) -> tuple[Array, Array]:
    """The low pass and its derivative in R, 1/ohm: -R (C omega)^2 |H|^3."""
    speed = CAPACITANCE * omega
    ratio = resistor * speed
    magnitude = 1 / np.sqrt(1 + ratio * ratio)
    return magnitude, -ratio * speed * (magnitude * magnitude * magnitude)


def high_pass_and_slope(omega: Array, resistor: Array | float) -> tuple[Array, Array]:
    """The high pass and its derivative in R, 1/ohm: C omega / (1 + (R C omega)^2)^(3/2)."""
    speed = CAPACITANCE * omega
    ratio = resistor * speed
    inverse = 1 / np.sqrt(1 + ratio * ratio)
    return ratio * inverse, speed * (inverse * inverse * inverse)


def low_pass_slope(omega: Array, resistor: Array | float) -> Array:
    """Derivative of the low pass in R, 1/ohm."""
    return low_pass_and_slope(omega, resistor)[1]


def high_pass_slope(omega: Array, resistor: Array | float) -> Array:
    """Derivative of the high pass in R, 1/ohm."""
    return high_pass_and_slope(omega, resistor)[1]


def bode(omega: Array, low_cutoff: Array | float, high_cutoff: Array | float) -> Array:
    """The band pass's asymptotes in dB: -20 per decade above low_cutoff, +20 per decade below high_cutoff. omega > 0."""
    return -20 * np.maximum(0, np.log10(omega / low_cutoff)) - 20 * np.maximum(0, np.log10(high_cutoff / omega))


def decibels(magnitude: Array) -> Array:
    """20 log10 of a magnitude."""
    return 20 * np.log10(magnitude)


def labels_of(magnitude: Array) -> Array:
    """1.0 where the LED is lit, else 0.0."""
    return (magnitude > CUTOFF_MAGNITUDE).astype(float)


# A circuit that learns ------------------------------------------------------------------------------------------------

Parameters = Array
"""Shape (parameters,)."""


@dataclass(frozen=True)
class Learner:
    """A circuit with parameters, and what it is trained on. Predictions and targets of n frequencies have shape (channels, n)."""

    parameters: tuple[str, ...]
    predict: Callable[[Array, Parameters], Array]
    """(omega (n,), parameters) -> (channels, n)."""
    slopes: Callable[[Array, Parameters], Array]
    """(omega (n,), parameters) -> (parameters, channels, n), the derivatives of the predictions."""
    wanted: Callable[[Array], Array]
    """omega (n,) -> magnitudes (or dB) of the desired circuit, (channels, n)."""
    binary: bool
    """Whether it learns from labels made of these magnitudes."""
    desired: tuple[float, ...]

    def targets(self, omega: Array) -> Array:
        """What the loss compares the predictions with, (channels, n)."""
        return labels_of(self.wanted(omega)) if self.binary else self.wanted(omega)


def _bode_slopes(omega: Array, p: Parameters) -> Array:
    slope = 20 / math.log(10)
    low = np.where(omega > p[0], slope / p[0], 0.0)
    high = np.where(omega < p[1], -slope / p[1], 0.0)
    return np.stack([low, high])[:, None, :]


def _band_slopes(omega: Array, p: Parameters) -> Array:
    low, low_slope = low_pass_and_slope(omega, p[0])
    high, high_slope = high_pass_and_slope(omega, p[1])
    return np.stack([low_slope * high, low * high_slope])[:, None]


def _organ(omega: Array, p: Parameters) -> Array:
    return np.stack([low_pass(omega, p[0]), band_pass(omega, p[1], p[2]), high_pass(omega, p[3])])


def _organ_slopes(omega: Array, p: Parameters) -> Array:
    slopes = np.zeros((4, 3, omega.size))
    slopes[0, 0] = low_pass_slope(omega, p[0])
    slopes[1:3, 1] = _band_slopes(omega, p[1:3])[:, 0]
    slopes[3, 2] = high_pass_slope(omega, p[3])
    return slopes


def _low_learner(*, binary: bool) -> Learner:
    return Learner(
        ("R",),
        lambda omega, p: low_pass(omega, p[0])[None],
        lambda omega, p: low_pass_slope(omega, p[0])[None, None],
        lambda omega: low_pass(omega, LOW_DESIRED)[None],
        binary,
        (LOW_DESIRED,),
    )


LOW = _low_learner(binary=False)
LOW_BINARY = _low_learner(binary=True)
HIGH_BINARY = Learner(
    ("R",),
    lambda omega, p: high_pass(omega, p[0])[None],
    lambda omega, p: high_pass_slope(omega, p[0])[None, None],
    lambda omega: high_pass(omega, HIGH_DESIRED)[None],
    True,
    (HIGH_DESIRED,),
)
BAND_BINARY = Learner(
    ("R_low", "R_high"),
    lambda omega, p: band_pass(omega, p[0], p[1])[None],
    _band_slopes,
    lambda omega: band_pass(omega, BAND_LOW_DESIRED, BAND_HIGH_DESIRED)[None],
    True,
    (BAND_LOW_DESIRED, BAND_HIGH_DESIRED),
)
BODE = Learner(
    ("low_cutoff", "high_cutoff"),
    lambda omega, p: bode(omega, p[0], p[1])[None],
    _bode_slopes,
    lambda omega: decibels(band_pass(omega, BAND_LOW_DESIRED, BAND_HIGH_DESIRED))[None],
    False,
    (BODE_LOW_DESIRED, BODE_HIGH_DESIRED),
)
ORGAN_BINARY = Learner(
    ("low.R", "band.R_low", "band.R_high", "high.R"),
    _organ,
    _organ_slopes,
    lambda omega: _organ(omega, np.array([LOW_DESIRED, BAND_LOW_DESIRED, BAND_HIGH_DESIRED, HIGH_DESIRED])),
    True,
    (LOW_DESIRED, BAND_LOW_DESIRED, BAND_HIGH_DESIRED, HIGH_DESIRED),
)


def frequency_nodes(per_decade: int = 60) -> tuple[Array, Array]:
    """(omega, weights) that integrate over the training frequencies' distribution: the limit of many samples.

    Midpoints in log10(f), with the places where labels jump as ends of intervals, so that no interval straddles one.
    Resistors from it are exact to 1e-5 of themselves, a thousandth of what the LEDs can tell.
    """
    edges = [0.0, *sorted(math.log10(f) for f in label_edges_hz()), DECADES]
    nodes, weights = [], []
    for start, end in pairwise(edges):
        count = max(8, round((end - start) * per_decade))
        nodes.append(start + (np.arange(count) + 0.5) * (end - start) / count)
        weights.append(np.full(count, (end - start) / count / DECADES))
    return 2 * math.pi * 10 ** np.concatenate(nodes), np.concatenate(weights)


def label_edges_hz() -> tuple[float, ...]:
    """Frequencies, Hz, at which a label jumps: 800, the band's two, 5000.

    The band pass |H|^2 = (f/fh)^2 / ((1 + (f/fl)^2)(1 + (f/fh)^2)) > 1/2 is a quadratic inequality in f^2.
    """
    low, high = 4000.0**2, 1000.0**2
    middle = (low - high) / 2
    root = math.sqrt(middle**2 - low * high)
    return 800.0, math.sqrt(middle - root), math.sqrt(middle + root), 5000.0


def standard_loss_slope(prediction: Array, label: Array) -> Array:
    """Derivative in the prediction of (x - (0.3 + 0.7 y))^2, a loss for (e) that does what is asked."""
    return 2 * (prediction - (0.3 + 0.7 * label))


def squared_error_slope(prediction: Array, target: Array) -> Array:
    """Derivative in the prediction of (x - y)^2."""
    return 2 * (prediction - target)


# Windows ----------------------------------------------------------------------------------------------------------------


def load_windows(path: Path | None = None) -> Mapping[str, Any]:
    """`windows.json`: measured by benchmarks/windows.py, with seed, sample size, quantiles and date."""
    text = (path or Path(__file__).with_name("windows.json")).read_text(encoding="utf-8")
    return json.loads(text)


def honest_windows(part: str, path: Path | None = None) -> list[Window]:
    """For each parameter of (d) to (h) the range of honest runs, from whichever side they come. Ohms, (h) in Hz."""
    stored = load_windows(path)
    sides = stored["parts"][part]["windows"].values()
    ends = np.array(list(sides))
    return _hull(ends, _provenance(stored))


def organ_windows(start: float, path: Path | None = None) -> list[Window] | None:
    """For (i) the ranges of low, band low, band high, high, ohms, for a start of all four; None outside of what was measured.

    Between two measured starts the range reaches over both.
    """
    stored = load_windows(path)
    measured = {float(key): ends for key, ends in stored["parts"]["7.i"]["windows"].items()}
    around = [max((s for s in measured if s <= start), default=None), min((s for s in measured if s >= start), default=None)]
    if None in around:
        return None
    ends = np.array([measured[s] for s in around])
    return _hull(ends, f"{_provenance(stored)}, start {start:g} ohm")


def _hull(ends: Array, where: str) -> list[Window]:
    """ends: (alternatives, parameters, 2). For each parameter the smallest window that holds all alternatives."""
    return [Window(float(low), float(high), where) for low, high in zip(ends[..., 0].min(0), ends[..., 1].max(0), strict=True)]


def _provenance(stored: Mapping[str, Any]) -> str:
    about = stored["provenance"]
    low, high = about["quantiles"]
    return f"{about['script']}, seed {about['seed']}, {about['date']}, quantiles {low} and {high}"
