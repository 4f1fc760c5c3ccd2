"""Training judged without training: recorded steps, losses on tables, and where honest runs end."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.numeric.descent import Hypothesis, Trace, descends, gradient_terms, read_trace
from autograder.numeric.losses import TabulatedLoss, loss_grid, stationary, stationary_point
from autograder.numeric.model import mean_gradient
from autograder.numeric.windows import outcome_window
from autograder.worker import Failure, Reply

RNG = np.random.default_rng(5)
INPUTS = RNG.normal(size=60)


@dataclass(frozen=True)
class Line:
    """Predictions a + b x: two parameters, everything known in closed form. Targets 2 + 3 x and noise that is a function of x."""

    wiggle: float = 0.0

    @property
    def predict(self):
        return lambda inputs, p: (p[0] + p[1] * inputs)[None]

    @property
    def slopes(self):
        return lambda inputs, p: np.stack([np.ones_like(inputs + 0 * p[0]), inputs + 0 * p[1]])[:, None]

    def targets(self, inputs):
        return (2 + 3 * inputs + self.wiggle * np.sin(9 * inputs))[None]


def squared(prediction, target):
    return 2 * (prediction - target)


def run(steps=4, rate=0.1, start=(1.0, 0.5), change=lambda gradient, step: gradient, single=False):
    """A trace of gradient descent on the line; change: of the gradient that is used."""
    model, values, gradients = Line(), [np.array(start)], [np.full(2, np.nan)]
    for step in range(steps):
        gradient = gradient_terms(model, squared, INPUTS, model.targets(INPUTS))(values[-1]).mean(axis=1)
        used = np.asarray(change(gradient, step))
        following = values[-1] - rate * used
        values.append(following.astype(np.float32).astype(float) if single else following)
        gradients.append(used)
    return Trace(INPUTS, model.targets(INPUTS)[0], np.array(values), np.array(gradients))


REPLY = Reply("organ.train", (1, 2.0))


def hypotheses():
    model = Line()
    right = gradient_terms(model, squared, INPUTS, model.targets(INPUTS))
    wrong = gradient_terms(model, squared, INPUTS, -model.targets(INPUTS))
    return [Hypothesis("", "", right), Hypothesis("labels", "The targets have the wrong sign.", wrong)]


def verdict(trace, rate=0.1):
    return descends(REPLY, trace, hypotheses(), rate, ("a", "b"))


def test_gradient_descent_is_recognised():
    found = verdict(run())
    assert found.kind == "correct"
    assert "4 steps" in found.method


def test_single_precision_is_good_enough():
    assert verdict(run(single=True)).kind == "correct"


@pytest.mark.parametrize(
    ("change", "slip"),
    [
        (lambda g, step: -g, "sign"),
        (lambda g, step: 60 * g, "sum_for_mean"),
        (lambda g, step: 0.3 * g, "scaled_gradient"),
        (lambda g, step: [g[0], 0.0], "not_updated"),
        (lambda g, step: [0.0, 0.0], "not_updated"),
        (lambda g, step: g[::-1], None),
        (lambda g, step: g * (1.0 if step < 3 else 1.01), None),
    ],
)
def test_slips_are_named(change, slip):
    found = verdict(run(rate=1e-3, change=change), rate=1e-3)
    assert found.slip == slip
    assert found.share < 1
    assert found.evidence["kind"] == "training"
    assert found.evidence["expected"] != found.evidence["got"]


def test_another_rate_than_the_one_asked_for():
    found = verdict(run(rate=0.03), rate=0.1)
    assert found.slip == "learning_rate"
    assert "0.03 times the gradient, where lr = 0.1" in found.message


def test_one_of_two_parameters_left_out_keeps_a_part():
    found = verdict(run(change=lambda g, step: [g[0], 0.0]))
    assert (found.kind, found.slip) == ("partial", "not_updated")
    assert "b never changes" in found.message


def test_a_hypothesis_that_explains_the_steps_names_the_slip():
    model, trace = Line(), run(steps=1)
    wrong = gradient_terms(model, squared, INPUTS, -model.targets(INPUTS))(trace.values[0]).mean(axis=1)
    values = np.array([trace.values[0], trace.values[0] - 0.1 * wrong])
    found = verdict(Trace(INPUTS, trace.targets, values, np.array([[np.nan, np.nan], wrong])))
    assert (found.slip, found.message) == ("labels", "The targets have the wrong sign.")


def test_right_steps_with_wrong_records_are_partial():
    trace = run()
    found = verdict(replace(trace, gradients=trace.gradients * 2))
    assert (found.kind, found.slip) == ("partial", "recorded_gradient")


def test_no_step_and_values_that_are_not_finite():
    trace = run()
    assert verdict(Trace(INPUTS, trace.targets, trace.values[:1], trace.gradients[:1])).slip == "no_step"
    broken = trace.values.copy()
    broken[2] = np.nan
    assert verdict(replace(trace, values=broken)).slip == "not_finite"


def test_leaving_the_finite_numbers_as_right_descent_does_is_right():
    model = Line()
    right = Hypothesis(
        "", "", gradient_terms(model, lambda x, y: np.where(np.abs(x) > 50, np.nan, 2 * (x - y)), INPUTS, model.targets(INPUTS))
    )
    values = [np.array([1.0, 0.5])]
    for _ in range(4):
        values.append(values[-1] - 20.0 * right.terms(values[-1]).mean(axis=1))
    values = np.array(values)
    assert np.isnan(values[-1]).all()
    first = int(np.flatnonzero(np.isnan(values).any(axis=1))[0])
    assert first >= 2
    gradients = np.vstack([np.full(2, np.nan), [right.terms(v).mean(axis=1) for v in values[:-1]]])
    trace = Trace(INPUTS, model.targets(INPUTS)[0], values, gradients)
    assert descends(REPLY, trace, [right], 20.0, ("a", "b")).kind == "correct"


# Records ----------------------------------------------------------------------------------------------------------------

DATA = (np.arange(3.0), np.ones(3))
NAN = math.nan


def recorded(value, start=(1.0, 2.0)):
    return read_trace(replace(REPLY, value=value), start)


def test_a_record_of_rows_lists_and_arrays():
    for values in ([[1, 2], [3, 4]], np.array([[1, 2], [3, 4]]), [np.array([1, 2]), (3, 4)], [[np.array(1.0), np.array([2.0])], [3, 4]]):
        trace = recorded((DATA, values, [[NAN, NAN], [5, 6]]))
        assert trace.values.tolist() == [[1, 2], [3, 4]]


def test_columns_in_another_order_and_on_their_side():
    trace = recorded((DATA, [[2, 1], [4, 3], [6, 5]], [[NAN, NAN], [6, 5], [8, 7]]))
    assert trace.values.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert trace.gradients[1:].tolist() == [[5, 6], [7, 8]]
    trace = recorded((DATA, [[1, 3, 5], [2, 4, 6]], [[NAN, 5, 7], [NAN, 6, 8]]))
    assert trace.values.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_gradients_without_their_first_entry_are_noted():
    trace = recorded((DATA, [1.0, 2.0, 3.0], [5.0, 6.0]), start=(1.0,))
    assert trace.gradients.shape == (3, 1)
    assert trace.notes
    assert recorded((DATA, [1.0, 2.0], [5.0, 6.0]), start=(1.0,)).notes


@pytest.mark.parametrize(
    "value",
    [
        None,
        5.0,
        (DATA, [1.0]),
        (DATA, [1.0], [NAN], [2.0]),
        (np.ones(3), [1.0], [NAN]),
        (5, [1.0], [NAN]),
        (DATA, ["one"], [NAN]),
        (DATA, [[1.0, 2.0], [3.0]], [NAN]),
        (("a", "b"), [1.0], [NAN]),
        (DATA, [1.0, 2.0, 3.0], [NAN]),
        (DATA, None, [NAN]),
    ],
)
def test_what_is_no_record_is_said(value):
    found = recorded(value, start=(1.0,))
    assert (found.kind, found.slip) == ("incorrect", "type")
    assert found.evidence["failure"] == "type"


def test_a_record_of_several_parameters_needs_a_row_for_each_step():
    assert recorded((DATA, [1.0, 2.0, 3.0], [NAN, 1.0, 2.0])).slip == "type"
    assert recorded((DATA, np.ones((4, 3)), np.ones((4, 3)))).slip == "type"


def test_another_start_and_a_call_that_failed():
    assert recorded((DATA, [4.0], [NAN]), start=(1.0,)).slip == "start"
    failed = replace(REPLY, failure=Failure("raised", "ValueError: no"))
    assert read_trace(failed, (1.0,)).evidence["failure"] == "raised"


# Losses -----------------------------------------------------------------------------------------------------------------


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
@settings(max_examples=30, deadline=None)
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


# Where honest runs end --------------------------------------------------------------------------------------------------


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


def test_newton_finds_the_stationary_point_of_several_parameters():
    model = Line()
    nodes = np.linspace(1, 2, 101)
    weights = np.full(nodes.size, 1 / nodes.size)
    assert stationary_point(model, squared, nodes, weights, np.array([1.0, 1.0])) == pytest.approx([2.0, 3.0])
    assert stationary_point(model, lambda x, y: 0 * x + 1.0, nodes, weights, np.array([1.0, 1.0])) is None
