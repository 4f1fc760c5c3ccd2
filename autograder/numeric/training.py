"""Training judged without training: recorded steps against gradients, losses by what they yield, values by honest spread.

Three questions, none of which needs minutes of gradient descent:

* Is what a training function recorded gradient descent? `descends` recomputes the gradient of every recorded step.
* What does a loss yield? `stationary` finds where its mean gradient vanishes, by root finding on a table of the loss.
* Where may an honest run end? `outcome_window`: the estimate that makes the mean of N independent gradient terms vanish
  exceeds r where that mean is negative at r, so its quantiles are those of a mean (Huber, Robust Statistics, 2nd ed.,
  section 3.2), which one term of Cornish and Fisher's expansion corrects for skewness. With several parameters the
  score of one is made orthogonal to the others' (the profile score; van der Vaart, Asymptotic Statistics, section 5.3).

Parameters and inputs carry the units of the suite. All arithmetic here is double precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, permutations
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from autograder.evidence import Recorded, StepCount, TrainingEvidence, change_of, gradient_of, read_recorded
from autograder.numeric.arrays import failed, jsonable, wrong_type
from autograder.verdict import Json, Verdict, correct, incorrect, partial
from autograder.worker import Reply

Array: TypeAlias = npt.NDArray[np.float64]
Slope: TypeAlias = Callable[[Array, Array], Array]
"""Derivative of an elementwise loss in the prediction: (predictions, targets) -> an array of their shape."""

GRADIENT_TOLERANCE = 1e-4
"""Error of a recorded gradient, over the mean absolute term of its sum, that is accepted. Single precision (6e-8 an
operation, some tens of operations a term) stays below 5e-6; the slips that are looked for are above 1e-2."""

VALUE_ROUNDINGS = 8.0
"""Roundings of single precision, of the value itself, that a recorded value may be off."""

SINGLE = float(np.finfo(np.float32).eps)

NOT_UPDATED_SHARE = 0.4
"""Share of the points where some of several parameters are learned right and the others never move."""

RECORD_SHARE = 0.7
"""Share of the points where the steps are right and what is recorded as gradients is not."""

LOSS_POINTS = 801
"""Predictions in the table of a loss."""
PREDICTIONS = (1e-4, 1 - 1e-6)
"""Ends of the table: magnitudes come no nearer to 0 and 1 on the way from a start to an answer."""
KINK_SHARE = 0.05
"""A jump of the slope between neighbouring points of the table, over the slope's range, from which on a loss has a kink ..."""
KINK_CONTRAST = 12.0
"""... if it is this many times larger than the changes on both sides of it."""

JUMP_REACH = 5
JUMP_CONTRAST = 40.0
"""A slope this many times larger than those of its neighbours (5 on each side) is a jump of the loss, not its slope."""

SEARCH_POINTS = 120
"""Parameters on a log grid at which the sign of the mean gradient is looked at."""

ROOT_STEPS = 60
ROOT_TOLERANCE = 1e-9

_NORMAL_QUANTILE = 3.2905267314919255
"""Of 0.0005 below and above a window: 99.9 % of honest runs lie inside."""
WINDOW_POINTS = 33
WINDOW_REACH = 0.6
"""A window is looked for within factors exp(+-0.6) of its centre."""
PROFILE_STEPS = 3


class Model(Protocol):
    """Something with parameters that predicts, and what its predictions are compared with. n inputs, c channels.

    Parameters are an array of shape (p,), or (p, k, 1) for k settings at once; then every shape below has k before n.
    """

    @property
    def predict(self) -> Callable[[Array, Array], Array]:
        """(inputs (n,), parameters) -> predictions (c, n)."""

    @property
    def slopes(self) -> Callable[[Array, Array], Array]:
        """(inputs (n,), parameters) -> derivatives of the predictions (p, c, n)."""

    def targets(self, inputs: Array) -> Array:
        """What the loss compares predictions with, (c, n)."""


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
    if not isinstance(data, list | tuple | np.ndarray) or len(data) != 2:
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
        bad: npt.NDArray[np.bool_] = ~(np.abs(got - expected) <= allowed)
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


# A loss and what it yields --------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class TabulatedLoss:
    """An elementwise loss for labels 0 and 1, known by its values on a grid of predictions. Equal tables are equal, and have one hash:
    what follows from a loss can be remembered.
    """

    predictions: Array
    """(m,), increasing, within (0, 1]."""
    values: Array
    """(2, m), finite: for label 0 and label 1."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TabulatedLoss) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    @cached_property
    def _content(self) -> bytes:
        return np.asarray(self.predictions, dtype=float).tobytes() + np.asarray(self.values, dtype=float).tobytes()

    def slope(self, prediction: Array, label: Array) -> Array:
        """Derivative in the prediction, by central differences of the table; error of second order in its spacing.

        A jump of the loss itself has no derivative and moves no parameter: its interval takes the slope of those around it.
        """
        middles, slopes = self._slopes
        lit = np.broadcast_to(label > 0.5, prediction.shape)
        found = np.empty(prediction.shape)
        found[lit] = np.interp(prediction[lit], middles, slopes[1])
        found[~lit] = np.interp(prediction[~lit], middles, slopes[0])
        return found

    @cached_property
    def _slopes(self) -> tuple[Array, Array]:
        """Middles of the table's intervals, and the slopes there for both labels."""
        slopes = np.diff(self.values, axis=1) / np.diff(self.predictions)
        return (self.predictions[1:] + self.predictions[:-1]) / 2, np.stack([_without_jumps(row) for row in slopes])

    def is_constant(self) -> bool:
        """Whether no prediction is better than another."""
        return bool(np.ptp(self.values, axis=1).max() <= 1e-12 * max(1.0, float(np.abs(self.values).max())))

    def is_smooth(self) -> bool:
        """Whether its slope has no jump, nor the loss itself."""
        slopes = np.diff(self.values, axis=1) / np.diff(self.predictions)
        for row in slopes:
            jumps = np.abs(np.diff(row))
            span = float(np.ptp(row))
            for place in np.flatnonzero(jumps > KINK_SHARE * span) if span > 0 else ():
                before, after = jumps[max(0, place - 1 - JUMP_REACH) : max(0, place - 1)], jumps[place + 2 : place + 2 + JUMP_REACH]
                if not before.size or not after.size:
                    continue  # at an end, where logarithms bend
                if jumps[place] > KINK_CONTRAST * max(np.median(before), np.median(after)) + 1e-9 * span:
                    return False
        return True

    def is_squared_error(self) -> bool:
        """Whether it is c (x - y)^2 + d: the loss that moves nothing."""
        design = np.stack([(self.predictions - 0.0) ** 2, (self.predictions - 1.0) ** 2])
        centred = self.values - self.values.mean(axis=1, keepdims=True)
        plain = design - design.mean(axis=1, keepdims=True)
        factor = float((centred * plain).sum() / (plain**2).sum())
        return factor > 0 and bool(np.abs(centred - factor * plain).max() <= 1e-5 * factor)


def _without_jumps(slopes: Array) -> Array:
    """Slopes with those that stand out among their neighbours by far replaced by the neighbours' median."""
    padded = np.pad(slopes, JUMP_REACH, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * JUMP_REACH + 1)
    others = np.delete(around, JUMP_REACH, axis=1)
    usual = np.median(np.abs(others), axis=1)
    jumps = np.abs(slopes) > JUMP_CONTRAST * usual + 1e-6 * np.abs(slopes).max(initial=0.0)
    return np.where(jumps, np.median(others, axis=1), slopes)


def loss_grid(points: int = LOSS_POINTS) -> Array:
    """The predictions at which a loss is tabulated, denser at both ends, where logarithms bend. Shape (points,)."""
    angle = np.linspace(0, math.pi, points)
    return PREDICTIONS[0] + (PREDICTIONS[1] - PREDICTIONS[0]) * (1 - np.cos(angle)) / 2


def mean_gradient(model: Model, slope: Slope, inputs: Array, weights: Array, parameters: Array) -> Array:
    """The gradient of the weighted mean loss. inputs, weights: (n,). parameters: (p,) or (p, k, 1). Returns (p,) or (p, k)."""
    targets = model.targets(inputs)
    if parameters.ndim == 3:
        targets = targets[:, None, :]
    outer = slope(model.predict(inputs, parameters), np.broadcast_to(targets, np.broadcast_shapes(targets.shape)))
    return np.asarray((outer[None] * model.slopes(inputs, parameters) * weights).sum(axis=-1).sum(axis=1))


@dataclass(frozen=True)
class Yield:
    """Where descent on a mean loss of one parameter ends."""

    value: float
    """0 or inf where it runs away, NaN where nothing moves."""
    minima: int
    """Minima over the whole range of the parameter."""
    curve: tuple[tuple[float, float], ...]
    """(parameter, mean gradient) at some points around it, for pictures."""


def stationary(
    model: Model,
    slope: Slope,
    inputs: Array,
    weights: Array,
    start: float,
    reach: tuple[float, float] = (1.0, 1e5),
    points: int = SEARCH_POINTS,
) -> Yield:
    """Follows -gradient of the mean loss from `start` to the first place where it vanishes; one parameter, positive.

    The sign is looked at on a log grid of `points` over `reach`, then the root is refined to 1e-9 of itself.
    """
    grid = np.exp(np.linspace(math.log(reach[0]), math.log(reach[1]), points))
    gradient = mean_gradient(model, slope, inputs, weights, grid[None, :, None])[0]
    curve = tuple((float(r), float(g)) for r, g in zip(grid[::4], gradient[::4], strict=True))
    noise = 1e-9 * float(np.abs(gradient).max())
    signs = np.where(gradient > noise, 1, np.where(gradient < -noise, -1, 0))
    moving = np.flatnonzero(signs)
    if not moving.size or not np.isfinite(gradient).all():
        return Yield(math.nan, 0, curve)
    rises = [(i, j) for i, j in pairwise(moving) if signs[i] < 0 < signs[j]]
    here = int(moving[np.argmin(np.abs(np.log(grid[moving] / start)))])
    if signs[here] > 0:
        before = [pair for pair in rises if pair[1] <= here]
        bracket = before[-1] if before else None
        away = 0.0
    else:
        after = [pair for pair in rises if pair[0] >= here]
        bracket = after[0] if after else None
        away = math.inf
    if bracket is None:
        return Yield(away, len(rises), curve)
    ends = [math.log(grid[i]) for i in bracket]
    at = [float(gradient[i]) for i in bracket]
    last = -1
    for _ in range(ROOT_STEPS):  # regula falsi, Illinois
        middle = (ends[0] * at[1] - ends[1] * at[0]) / (at[1] - at[0])
        value = float(mean_gradient(model, slope, inputs, weights, np.array([math.exp(middle)]))[0])
        side = 1 if value > 0 else 0
        moved = abs(middle - ends[side])
        ends[side], at[side] = middle, value
        at[1 - side] *= 0.5 if last == side else 1.0
        last = side
        if moved < ROOT_TOLERANCE or value == 0.0:
            break
    return Yield(math.exp(middle), len(rises), curve)


def stationary_point(model: Model, slope: Slope, inputs: Array, weights: Array, start: Array) -> Array | None:
    """The root of the mean gradient by Newton's method in the logarithms of the parameters; None where it does not converge."""
    logs = np.log(np.asarray(start, dtype=float))
    for _ in range(40):
        gradient = mean_gradient(model, slope, inputs, weights, np.exp(logs)) * np.exp(logs)
        columns = []
        for j in range(len(logs)):
            shifted = logs.copy()
            shifted[j] += 1e-5
            columns.append((mean_gradient(model, slope, inputs, weights, np.exp(shifted)) * np.exp(shifted) - gradient) / 1e-5)
        hessian = np.stack(columns, axis=1)
        if not np.isfinite(hessian).all() or np.linalg.eigvalsh((hessian + hessian.T) / 2).min() <= 0:
            step = -np.clip(gradient / (np.abs(gradient).max() or 1.0), -1, 1) * 0.1
        else:
            step = np.clip(-np.linalg.solve(hessian, gradient), -0.3, 0.3)
        logs = logs + step
        if np.abs(step).max() < 1e-9:
            return np.asarray(np.exp(logs))
    return None


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
