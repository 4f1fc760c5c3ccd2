"""Losses as tables, and where their mean gradients vanish."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from drawing import examples
from hypothesis import given
from hypothesis import strategies as st
from straight_line import Line, squared

from autograder.numeric.losses import TabulatedLoss, loss_grid, stationary, stationary_point
from autograder.numeric.model import mean_gradient


@dataclass(frozen=True)
class Threshold:
    """Predictions 1 / (1 + p x) of binary targets: positive up to x = 1."""

    @property
    def predict(self):
        return lambda inputs, p: (1 / (1 + p[0] * inputs))[None]

    @property
    def slopes(self):
        return lambda inputs, p: (-inputs / (1 + p[0] * inputs) ** 2)[None, None]

    def targets(self, inputs):
        return (inputs < 1).astype(float)[None]


NODES = 10 ** np.linspace(-3, 3, 1201)
WEIGHTS = np.full(NODES.size, 1 / NODES.size)


def table(function):
    grid = loss_grid()
    return TabulatedLoss(grid, np.stack([function(grid, np.zeros_like(grid)), function(grid, np.ones_like(grid))]))


LOSSES = {
    "squared error": (lambda x, y: (x - y) ** 2, lambda x, y: 2 * (x - y)),
    "cross entropy": (lambda x, y: -y * np.log(x) - (1 - y) * np.log(1 - x), lambda x, y: (x - y) / (x * (1 - x))),
    "exponentials": (lambda x, y: (np.exp(x) - np.exp(y)) ** 2, lambda x, y: 2 * (np.exp(x) - np.exp(y)) * np.exp(x)),
    "sharp sigmoid": (
        lambda x, y: (1 / (1 + np.exp(-20 * (x - 0.7))) - y) ** 2,
        lambda x, y: 2 * (1 / (1 + np.exp(-20 * (x - 0.7))) - y) * 20 * np.exp(-20 * (x - 0.7)) / (1 + np.exp(-20 * (x - 0.7))) ** 2,
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_table_knows_the_slope_of_a_loss(name):
    value, slope = LOSSES[name]
    own = table(value)
    x = np.linspace(0.02, 0.98, 97)
    for label in (0.0, 1.0):
        expected = slope(x, label)
        assert np.abs(own.slope(x, np.full_like(x, label)) - expected).max() <= 2e-3 * np.abs(expected).max()
    assert own.is_smooth()
    assert not own.is_constant()
    assert own.is_squared_error() == (name == "squared error")


@given(st.floats(0.01, 100), st.floats(-5, 5))
@examples(30)
def test_squared_error_is_recognised_in_any_scale(factor, shift):
    assert table(lambda x, y: factor * (x - y) ** 2 + shift).is_squared_error()
    assert not table(lambda x, y: factor * (x - 0.3 - 0.7 * y) ** 2 + shift).is_squared_error()


def test_kinks_jumps_and_constants():
    assert not table(lambda x, y: np.abs(x - 0.5 - 0 * y)).is_smooth()
    assert not table(lambda x, y: (x > 0.6) - y + 0 * x).is_smooth()
    assert table(lambda x, y: 3 + 0 * x).is_constant()
    step = table(lambda x, y: ((x > 0.7) - y) ** 2 + 0 * x)
    assert np.abs(step.slope(np.linspace(0.01, 0.99, 50), np.zeros(50))).max() < 1e-9


def test_stationary_is_where_the_mean_gradient_vanishes():
    own = table(LOSSES["squared error"][0])
    end = stationary(Threshold(), own.slope, NODES, WEIGHTS, 5.0, (1e-3, 1e3))
    assert end.minima == 1
    exact = stationary(Threshold(), LOSSES["squared error"][1], NODES, WEIGHTS, 5.0, (1e-3, 1e3))
    assert end.value == pytest.approx(exact.value, rel=1e-4)
    at = mean_gradient(Threshold(), LOSSES["squared error"][1], NODES, WEIGHTS, np.array([exact.value]))
    assert abs(at[0]) < 1e-8


@pytest.mark.parametrize("start", [0.01, 1.0, 100.0])
def test_a_reversed_loss_runs_away(start):
    end = stationary(Threshold(), lambda x, y: -2 * (x - y), NODES, WEIGHTS, start, (1e-3, 1e3))
    assert end.value in (0.0, math.inf)
    assert end.minima == 0


def test_a_constant_loss_goes_nowhere():
    assert math.isnan(stationary(Threshold(), lambda x, y: 0 * x, NODES, WEIGHTS, 1.0, (1e-3, 1e3)).value)


def test_two_minima_are_counted_and_the_start_decides():
    def slope(x, y):
        return np.where(y > 0.5, 1.0, -1.0) * np.sin(12 * x)

    ends = {round(stationary(Threshold(), slope, NODES, WEIGHTS, start, (1e-3, 1e3)).value, 6) for start in (0.05, 1.0, 30.0)}
    assert stationary(Threshold(), slope, NODES, WEIGHTS, 1.0, (1e-3, 1e3)).minima > 1
    assert len(ends) > 1


def test_newton_finds_the_stationary_point_of_several_parameters():
    model = Line()
    nodes = np.linspace(1, 2, 101)
    weights = np.full(nodes.size, 1 / nodes.size)
    assert stationary_point(model, squared, nodes, weights, np.array([1.0, 1.0])) == pytest.approx([2.0, 3.0])
    assert stationary_point(model, lambda x, y: 0 * x + 1.0, nodes, weights, np.array([1.0, 1.0])) is None
