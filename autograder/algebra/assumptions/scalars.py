"""Assumptions on numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

import numpy as np

from autograder.algebra.assumptions.assumption import (
    Batch,
    BatchSampling,
    LinearAlgebra,
    Number,
    NumberAssumption,
    RingLike,
    Sampling,
    entries,
)
from autograder.algebra.assumptions.matrices import away_from_singular

MAX_REDRAWS: Final = 20


class Nonzero(NumberAssumption):
    """A number that is not 0."""

    name = "nonzero"
    in_sympy = ("nonzero",)
    moves_freely = True

    def holds_of(self, x: Number, ring: RingLike) -> bool:
        """Is it another number?"""
        return not ring.is_zero(x)

    def holds(self, value: Any, algebra: LinearAlgebra) -> bool:
        """A vector or a matrix is not zero if one entry is not; all entries of those that are drawn are not."""
        return any(self.holds_of(x, algebra.ring) for x in entries(value))

    def number(self, x: Number, sampling: Sampling) -> Number:
        """Drawn again until it is not zero."""
        for _ in range(MAX_REDRAWS):
            if not sampling.algebra.ring.is_zero(x):
                return x
            x = sampling.draw()
        return sampling.algebra.ring.const(Fraction(1))

    def on_batch(self, a: Batch, sampling: BatchSampling) -> Batch:
        """A square matrix is made invertible as well, which is tilted less far from the others than one without small entries."""
        if sampling.assumed.implies("invertible"):
            return a
        if a.shape[1] != a.shape[2]:
            return np.where(a == 0.0, 1.0, a)
        return away_from_singular(a, sampling)


class Positive(NumberAssumption):
    """A number above 0. In a finite field, which has no order, it is one that is not 0."""

    name = "positive"
    implies = frozenset({"nonzero"})
    in_sympy = ("positive",)
    moves_freely = True
    above = Fraction(0)

    def holds_of(self, x: Number, ring: RingLike) -> bool:
        """Is it above 0?"""
        return ring.sign(x) > 0 if ring.ordered else not ring.is_zero(x)

    def number(self, x: Number, sampling: Sampling) -> Number:
        """With its sign turned if that is negative."""
        ring = sampling.algebra.ring
        return -x if ring.ordered and ring.sign(x) < 0 else x

    def on_batch(self, a: Batch, sampling: BatchSampling) -> Batch:
        """Without their signs."""
        return np.asarray(np.abs(a) + (0.0 if sampling.small else 1e-3))
