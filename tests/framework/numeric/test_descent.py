"""Recorded training: what is gradient descent, and what slip explains what is not."""

import math
from dataclasses import replace

import numpy as np
import pytest
from straight_line import Line, squared

from autograder.numeric.descent import Hypothesis, Trace, descends, gradient_terms, read_trace
from autograder.worker import Failure, Reply

RNG = np.random.default_rng(5)
INPUTS = RNG.normal(size=60)


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
