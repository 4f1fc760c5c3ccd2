"""What a training is judged with: a model that predicts, the slope of a loss, and the gradient that the two make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np

from autograder.numeric.exact import Array

Slope: TypeAlias = Callable[[Array, Array], Array]
"""Derivative of an elementwise loss in the prediction: (predictions, targets) -> an array of their shape."""


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


def mean_gradient(model: Model, slope: Slope, inputs: Array, weights: Array, parameters: Array) -> Array:
    """The gradient of the weighted mean loss. inputs, weights: (n,). parameters: (p,) or (p, k, 1). Returns (p,) or (p, k)."""
    targets = model.targets(inputs)
    if parameters.ndim == 3:
        targets = targets[:, None, :]
    outer = slope(model.predict(inputs, parameters), np.broadcast_to(targets, np.broadcast_shapes(targets.shape)))
    return np.asarray((outer[None] * model.slopes(inputs, parameters) * weights).sum(axis=-1).sum(axis=1))
