"""Is what a training function recorded gradient descent? The gradient of every recorded step is computed again; nothing is trained.

Parameters and inputs carry the units of the suite. All arithmetic here is double precision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from autograder.evidence import Recorded, StepCount, TrainingEvidence, change_of, gradient_of, read_recorded
from autograder.numeric.arrays import SINGLE, failed, jsonable, wrong_type
from autograder.numeric.exact import Array
from autograder.numeric.model import Model, Slope
from autograder.verdict import Json, Verdict, correct, incorrect, partial
from autograder.worker import Reply

GRADIENT_TOLERANCE = 1e-4
"""Error of a recorded gradient, over the mean absolute term of its sum, that is accepted. Single precision (6e-8 an
operation, some tens of operations a term) stays below 5e-6; the slips that are looked for are above 1e-2."""

VALUE_ROUNDINGS = 8.0
"""Roundings of single precision, of the value itself, that a recorded value may be off."""

NOT_UPDATED_SHARE = 0.4
"""Share of the points where some of several parameters are learned right and the others never move."""

RECORD_SHARE = 0.7
"""Share of the points where the steps are right and what is recorded as gradients is not."""


# What a training function recorded ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trace:
    """A training function's record, rebuilt."""

    inputs: Array
    """(n,)"""
    targets: Array
    """As returned, axes of length 1 removed."""
    values: Array
    """(steps + 1, p): the parameters at the start and after each step, in the order asked for."""
    gradients: Array
    """(steps + 1, p): the gradient that led to each entry; NaN in the first row."""
    notes: tuple[str, ...] = ()


def read_trace(reply: Reply, start: Sequence[float]) -> Trace | Verdict:
    """The record `(train_data, values, gradients)` that a call returned, or the verdict where it is none.

    start: the parameters before the first step, all different where there are several: another order of the columns is
    recognised by it. Rows may be lists, tuples or arrays; a table that lies on its side is turned.
    """
    if reply.failure is not None:
        return failed(reply)
    value = reply.value
    if not isinstance(value, list | tuple) or len(value) != 3:
        got = f"{len(value)} values" if isinstance(value, list | tuple) else f"one value of type {type(value).__name__}"
        return wrong_type(reply, f"{got} where 3 are due: train_data, values, grad_values")
    data, given_values, given_gradients = value
    if not isinstance(data, list | tuple | np.ndarray) or (isinstance(data, np.ndarray) and not data.ndim) or len(data) != 2:
        return wrong_type(reply, "train_data that is no pair (frequencies, magnitudes)")
    inputs, targets = _numbers(data[0]), _numbers(data[1])
    values, gradients = _numbers(given_values), _numbers(given_gradients)
    if inputs is None or targets is None or values is None or gradients is None:
        named = ("frequencies", "magnitudes", "values", "grad_values")
        odd = next(name for name, array in zip(named, (inputs, targets, values, gradients), strict=True) if array is None)
        return wrong_type(reply, f"{odd} that are no numbers")
    count = len(start)
    tables = [_table(values, count), _table(gradients, count)]
    if tables[0] is None or tables[1] is None:
        odd = "values" if tables[0] is None else "grad_values"
        return wrong_type(reply, f"{odd} of shape {(values if tables[0] is None else gradients).shape}; an entry for each step is due")
    table, steps = tables[0], tables[1]
    notes = []
    if len(steps) == len(table) - 1 and np.isfinite(steps).all():
        steps = np.vstack([np.full(count, np.nan), steps])
        notes.append("grad_values lacks its first entry, NaN.")
    elif len(steps) and not np.isnan(steps[0]).all():
        notes.append("grad_values[0] is not NaN, though no gradient led to the start.")
    if not len(table):
        return wrong_type(reply, "no values: the start is due at least")
    if not inputs.size:
        return wrong_type(reply, "no frequencies")
    if len(steps) != len(table):
        return wrong_type(reply, f"{len(table)} values but {len(steps)} gradients")
    order = _order(table[0], np.asarray(start, dtype=float))
    if order is None:
        return incorrect(
            "values[0] is not where the circuit started.",
            evidence=_evidence(reply, 0, Recorded("start"), list(start), table[0].tolist(), SINGLE),
            slip="start",
        )
    return Trace(inputs.ravel(), np.squeeze(targets), table[:, order], steps[:, order], tuple(notes))


def _numbers(value: Any) -> Array | None:
    """Numbers of any nesting as an array; rows of tensors with axes of length 1 too. None for anything else."""
    try:
        array = np.asarray(value)
        if array.dtype.kind in "fiub":
            return array.astype(np.float64)
    except ValueError:
        pass  # rows of different shapes, which the rest looks at
    if not isinstance(value, list | tuple) or not len(value):
        return None
    parts = [_numbers(item) for item in value]
    rows = [part.ravel() for part in parts if part is not None]
    if len(rows) != len(parts) or len({row.size for row in rows}) != 1:
        return None
    return np.stack(rows)


def _table(array: Array, columns: int) -> Array | None:
    """(steps, columns) of what was recorded, turned where it lies on its side."""
    flat = np.squeeze(array) if array.ndim > 2 else array
    if columns == 1:
        return flat.reshape(-1, 1)
    if flat.ndim != 2:
        return None
    if flat.shape[1] == columns:
        return flat
    return flat.T if flat.shape[0] == columns else None


def _order(first: Array, start: Array) -> list[int] | None:
    """For each parameter its column in the record, from the values at the start; None where they do not match."""
    for candidate in permutations(range(len(start))):
        if np.allclose(first[list(candidate)], start, rtol=1e-5):
            return list(candidate)
    return None


# Gradient descent -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hypothesis:
    """A gradient that somebody may have computed: the right one, or that of a slip."""

    slip: str
    """Empty for the right one."""
    said: str
    """The slip in a sentence."""
    terms: Callable[[Array], Array]
    """parameters (p,) -> (p, m): the terms whose mean is the gradient."""


def gradient_terms(model: Model, slope: Slope, inputs: Array, targets: Array, *, swapped: bool = False) -> Callable[[Array], Array]:
    """parameters (p,) -> (p, m): slope(prediction, target) * d prediction, for m = channels * inputs terms.

    swapped: for a loss that was called with target and prediction in the wrong order; `slope` is then its derivative in
    its second argument.
    """

    def terms(parameters: Array) -> Array:
        prediction = model.predict(inputs, parameters)
        outer = slope(targets, prediction) if swapped else slope(prediction, targets)
        return np.asarray((outer[None] * model.slopes(inputs, parameters)).reshape(len(parameters), -1))

    return terms


def descends(
    reply: Reply,
    trace: Trace,
    hypotheses: Sequence[Hypothesis],
    rate: float,
    names: Sequence[str],
    *,
    tolerance: float = GRADIENT_TOLERANCE,
) -> Verdict:
    """Whether the recorded steps are plain gradient descent with this rate on the first hypothesis.

    hypotheses: the right gradient first, then slips, one of which may explain what is there. names: of the parameters.
    tolerance: error of a gradient over the mean absolute term, larger where the terms are finite differences.
    The values on which each step starts are the recorded ones, so an error does not spread to later steps.
    """
    if len(trace.values) < 2:
        return incorrect(
            "It took no step.",
            slip="no_step",
            evidence=_evidence(reply, 0, StepCount(), "at least 1", 0, 0.0),
            method="recomputed gradients",
        )
    if not np.isfinite(trace.values).all():
        return _not_finite(reply, trace, hypotheses, rate, names, tolerance)
    moved = np.diff(trace.values, axis=0)
    right = _Steps.of(trace, hypotheses[0], tolerance)
    update = right.wrong(moved, -rate * right.gradients, rate)
    recorded = right.wrong(trace.gradients[1:], right.gradients, 1.0)
    if update is None and recorded is None:
        steps = len(moved)
        return correct(method=f"gradients of {steps} steps recomputed, error below {tolerance:g} of the mean absolute term")
    if update is None and recorded is not None:
        step, column = recorded
        return partial(
            RECORD_SHARE,
            f"The steps are right, but grad_values[{step + 1}] is not the gradient that led to values[{step + 1}].",
            slip="recorded_gradient",
            evidence=_evidence(
                reply,
                step + 1,
                gradient_of(names[column]),
                right.gradients[step, column],
                trace.gradients[step + 1, column],
                right.tolerance[step, column],
            ),
            method="recomputed gradients",
        )
    assert update is not None
    step, column = update
    evidence = _evidence(
        reply,
        step + 1,
        change_of(names[column]),
        -rate * right.gradients[step, column],
        moved[step, column],
        rate * right.tolerance[step, column],
    )
    still = [name for j, name in enumerate(names) if not moved[:, j].any() and np.abs(right.gradients[:, j]).max() > 0]
    if still and len(still) < len(names):
        others = [j for j, name in enumerate(names) if name not in still]
        if all(right.wrong(moved, -rate * right.gradients, rate, only=j) is None for j in others):
            said = f"{' and '.join(still)} never {'changes' if len(still) == 1 else 'change'}; the rest is learned as it should be."
            return partial(NOT_UPDATED_SHARE, said, slip="not_updated", evidence=evidence, method="recomputed gradients")
    if still:
        verb = "never changes" if len(still) == 1 else "never change"
        return incorrect(f"{' and '.join(still)} {verb}.", slip="not_updated", evidence=evidence)
    slip, said = _explained(trace, moved, hypotheses, rate, tolerance)
    return incorrect(said or f"Step {step + 1} does not change {names[column]} by -lr times the gradient.", slip=slip, evidence=evidence)


def _not_finite(
    reply: Reply, trace: Trace, hypotheses: Sequence[Hypothesis], rate: float, names: Sequence[str], tolerance: float
) -> Verdict:
    """The verdict where values are not finite from some step on: right where right descent leaves the finite numbers there too."""
    step = int(np.flatnonzero(~np.isfinite(trace.values).all(axis=1))[0])
    if step >= 2:
        before = Trace(trace.inputs, trace.targets, trace.values[:step], trace.gradients[:step], trace.notes)
        with np.errstate(all="ignore"):
            following = before.values[-1] - rate * hypotheses[0].terms(before.values[-1]).mean(axis=1)
        if not np.isfinite(following).all():
            return descends(reply, before, hypotheses, rate, names, tolerance=tolerance)
    return incorrect(
        f"After step {step} a value is not finite.",
        slip="not_finite",
        evidence=_evidence(reply, step, Recorded("values"), "finite numbers", trace.values[step].tolist(), 0.0),
    )


@dataclass(frozen=True)
class _Steps:
    """One hypothesis along a trace."""

    gradients: Array
    """(steps, p), at the values before each step."""
    tolerance: Array
    """(steps, p)"""
    roundings: Array
    """(steps, p): what the recorded values' own rounding may add to their difference."""
    count: int
    """Terms of each mean."""

    @classmethod
    def of(cls, trace: Trace, hypothesis: Hypothesis, tolerance: float) -> _Steps:
        with np.errstate(all="ignore"):
            terms = np.stack([hypothesis.terms(row) for row in trace.values[:-1]])
        scale = np.abs(terms).mean(axis=2)
        roundings = VALUE_ROUNDINGS * SINGLE * np.abs(trace.values[:-1])
        return cls(terms.mean(axis=2), tolerance * scale, roundings, terms.shape[2])

    def wrong(self, got: Array, expected: Array, factor: float, only: int | None = None) -> tuple[int, int] | None:
        """The first (step, parameter) at which the two differ, or None. factor: of the gradient in what is compared."""
        if got.shape != expected.shape:
            return 0, 0
        allowed = abs(factor) * self.tolerance + (self.roundings if factor != 1.0 else 0.0)
        near = np.isfinite(expected) & np.isfinite(allowed)  # what overflows is near to everything, and so to nothing
        bad: npt.NDArray[np.bool_] = ~(near & (np.abs(got - expected) <= allowed))
        if only is not None:
            bad[:, [j for j in range(bad.shape[1]) if j != only]] = False
        places = np.argwhere(bad)
        return (int(places[0][0]), int(places[0][1])) if len(places) else None


def _explained(trace: Trace, moved: Array, hypotheses: Sequence[Hypothesis], rate: float, tolerance: float) -> tuple[str | None, str]:
    """(slip, sentence) that explains steps which are not the right ones; (None, "") where nothing known does."""
    for hypothesis in hypotheses:
        steps = _Steps.of(trace, hypothesis, tolerance)
        so = f"{hypothesis.said} " if hypothesis.said else ""
        for factor, slip, said in (
            (1.0, "", ""),
            (-1.0, "sign", "It climbs: each step adds lr times the gradient instead of taking it away."),
            (float(steps.count), "sum_for_mean", "The loss is the sum over all elements where their mean is due."),
        ):
            if steps.wrong(moved, -rate * factor * steps.gradients, rate * factor) is None:
                if hypothesis.slip and slip:
                    return hypothesis.slip, f"{so}{said}"
                if hypothesis.slip or slip:
                    return hypothesis.slip or slip, f"{so}{said}".strip()
    return _scaled(trace, moved, _Steps.of(trace, hypotheses[0], tolerance), rate)


def _scaled(trace: Trace, moved: Array, right: _Steps, rate: float) -> tuple[str | None, str]:
    """Whether the steps are a constant times the gradient: the rate is not the one asked for, or the gradient is a multiple."""
    with np.errstate(all="ignore"):
        ratios = (-moved / right.gradients)[np.abs(right.gradients) > 10 * right.tolerance]
    if not ratios.size or not np.isfinite(ratios).all():
        return None, ""
    factor = float(np.median(ratios))
    if factor == 0.0 or right.wrong(moved, -factor * right.gradients, factor) is not None:
        return None, ""
    if right.wrong(trace.gradients[1:], right.gradients, 1.0) is None:
        return "learning_rate", f"Each step is {factor:.6g} times the gradient, where lr = {rate:.6g} was asked for."
    return "scaled_gradient", f"Each step is {factor / rate:.6g} times what lr times the gradient of the mean loss is."


def _evidence(reply: Reply, step: int, quantity: Recorded, expected: Json, got: Json, threshold: float) -> TrainingEvidence:
    return TrainingEvidence(
        function=reply.function,
        args=jsonable(list(reply.args)),
        step=step,
        quantity=quantity,
        expected=jsonable(expected),
        got=jsonable(got),
        threshold=jsonable(threshold),
    )


def training_evidence(reply: Reply, step: int, quantity: str, expected: Json, got: Json, threshold: float = 0.0) -> TrainingEvidence:
    """What was due at a step of a run, and what is there. quantity: `steps`, `frequencies`, or other words for what is compared."""
    return _evidence(reply, step, read_recorded(quantity), expected, got, threshold)
