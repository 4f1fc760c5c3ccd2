"""What does a loss yield? A table of the loss, and where its mean gradient vanishes, by root finding instead of training.

Parameters and inputs carry the units of the suite. All arithmetic here is double precision.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from autograder.numeric.exact import Array
from autograder.numeric.model import Model, Slope, mean_gradient

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
