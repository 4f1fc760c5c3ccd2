"""Where may an honest run end? Windows for trained values, from the inputs' distribution instead of many trainings.

The estimate that makes the mean of N independent gradient terms vanish exceeds r where that mean is negative at r, so its quantiles are
those of a mean (Huber, Robust Statistics, 2nd ed., section 3.2), which one term of Cornish and Fisher's expansion corrects for skewness.
With several parameters the score of one is made orthogonal to the others' (the profile score; van der Vaart, Asymptotic Statistics,
section 5.3).
"""

from __future__ import annotations

import math

import numpy as np

from autograder.numeric.exact import Array
from autograder.numeric.model import Model, Slope

_NORMAL_QUANTILE = 3.2905267314919255
"""Of 0.0005 below and above a window: 99.9 % of honest runs lie inside."""
WINDOW_POINTS = 33
WINDOW_REACH = 0.6
"""A window is looked for within factors exp(+-0.6) of its centre."""
PROFILE_STEPS = 3


def outcome_window(
    model: Model, slope: Slope, inputs: Array, weights: Array, centre: Array, samples: int, stop_below: float
) -> list[tuple[float, float]]:
    """For each parameter the range in which 99.9 % of honest runs end: descent on `samples` random inputs to a small gradient.

    inputs, weights: nodes that integrate over the inputs' distribution. centre: where the mean gradient vanishes, (p,).
    stop_below: runs stop where every gradient is below this, so the range reaches from one side's stop to the other's.
    """
    return [_window(model, slope, inputs, weights, centre, j, samples, stop_below) for j in range(len(centre))]


def _window(
    model: Model, slope: Slope, inputs: Array, weights: Array, centre: Array, j: int, samples: int, stop_below: float
) -> tuple[float, float]:
    grid = centre[j] * np.exp(np.linspace(-WINDOW_REACH, WINDOW_REACH, WINDOW_POINTS))
    settings = np.repeat(centre[:, None, None], WINDOW_POINTS, axis=1)
    settings[j, :, 0] = grid
    targets = np.broadcast_to(model.targets(inputs)[:, None, :], (1, WINDOW_POINTS, inputs.size))

    def terms(at: Array) -> Array:
        return np.asarray((slope(model.predict(inputs, at), targets)[None] * model.slopes(inputs, at)).sum(axis=1))

    tilt = np.zeros(WINDOW_POINTS)
    others = [k for k in range(len(centre)) if k != j]
    for k in others:  # one at a time: the others' mean gradient is kept at zero along the grid
        for _ in range(PROFILE_STEPS):
            width = 1e-4 * settings[k, :, 0]
            shifted = settings.copy()
            shifted[k, :, 0] += width
            now, then = terms(settings) @ weights, terms(shifted) @ weights
            curvature = (then[k] - now[k]) / width
            change = np.clip(-now[k] / curvature, -0.2 * settings[k, :, 0], 0.2 * settings[k, :, 0])
            settings[k, :, 0] += np.where(np.isfinite(change), change, 0.0)
            tilt = (then[j] - now[j]) / width / curvature
    psi = terms(settings)
    score = psi[j] - sum((tilt[:, None] * psi[k] for k in others), np.zeros_like(psi[j]))
    mean = score @ weights
    spread = np.sqrt(np.maximum((score**2) @ weights - mean**2, 1e-300))
    skew = (((score - mean[:, None]) ** 3) @ weights) / spread**3
    level = stop_below * (1 + (np.abs(tilt) if others else 0.0))
    bend = skew / (6 * math.sqrt(samples)) * (_NORMAL_QUANTILE**2 - 1)
    ends = []
    for side in (1.0, -1.0):
        excess = (-side * level - mean) * math.sqrt(samples) / spread - (side * _NORMAL_QUANTILE + bend)
        ends.append(_first_crossing(np.log(grid), excess, from_left=side > 0))
    return math.exp(ends[0]), math.exp(ends[1])


def _first_crossing(x: Array, y: Array, *, from_left: bool) -> float:
    """Where y falls through 0 next to the middle of the grid, on the side asked for; the grid's end where it does not."""
    middle = len(x) // 2
    inside = range(middle, 0, -1) if from_left else range(middle, len(x) - 1)
    for i in inside:
        a, b = (i - 1, i) if from_left else (i, i + 1)
        if y[a] >= 0 > y[b]:
            return float(x[a] + (x[b] - x[a]) * y[a] / (y[a] - y[b]))
    return float(x[0] if from_left else x[-1])
