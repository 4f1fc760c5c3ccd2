"""Where honest runs end."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from straight_line import Line, squared

from autograder.numeric.windows import outcome_window


def test_the_window_of_a_mean_is_that_of_its_normal_distribution():
    """Fitting a constant b to x: the estimate is the mean of n draws, whose quantiles are known."""

    @dataclass(frozen=True)
    class Constant:
        @property
        def predict(self):
            return lambda inputs, p: (p[0] + 0 * inputs)[None]

        @property
        def slopes(self):
            return lambda inputs, p: np.ones_like(inputs + 0 * p[0])[None, None]

        def targets(self, inputs):
            return inputs[None]

    nodes = 10 + (np.arange(2000) + 0.5) / 2000  # uniform on 10 to 11
    weights = np.full(2000, 1 / 2000)
    ((low, high),) = outcome_window(Constant(), squared, nodes, weights, np.array([10.5]), 400, 0.0)
    spread = math.sqrt(1 / 12 / 400)
    assert low == pytest.approx(10.5 - 3.2905 * spread, abs=1e-3)
    assert high == pytest.approx(10.5 + 3.2905 * spread, abs=1e-3)
    ((near_low, near_high),) = outcome_window(Constant(), squared, nodes, weights, np.array([10.5]), 400, 0.02)
    assert near_low == pytest.approx(low - 0.01, abs=1e-3)
    assert near_high == pytest.approx(high + 0.01, abs=1e-3)


def test_the_window_of_two_parameters_is_that_of_least_squares():
    """The line, with an error that is a function of x: simulated estimates lie in the windows as often as they should."""
    model = Line(wiggle=1.0)
    nodes = np.linspace(1, 2, 4001)
    weights = np.full(nodes.size, 1 / nodes.size)
    centre = np.linalg.lstsq(np.stack([np.ones_like(nodes), nodes], 1), model.targets(nodes)[0], rcond=None)[0]
    found = outcome_window(model, squared, nodes, weights, centre, 500, 0.0)
    rng = np.random.default_rng(1)
    estimates = []
    for _ in range(1500):
        x = rng.uniform(1, 2, 500)
        estimates.append(np.linalg.lstsq(np.stack([np.ones_like(x), x], 1), model.targets(x)[0], rcond=None)[0])
    spread = np.std(estimates, axis=0)
    for j, (low, high) in enumerate(found):
        assert (high - low) / 2 == pytest.approx(3.29 * spread[j], rel=0.08)
        assert low < np.min(estimates, axis=0)[j] + 0.5 * spread[j]
        assert high > np.max(estimates, axis=0)[j] - 0.5 * spread[j]
