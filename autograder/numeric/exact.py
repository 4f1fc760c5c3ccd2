"""Truth in exact arithmetic: fractions and whole numbers, where the answer is rational."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]


def rationals(numbers: object) -> npt.NDArray[np.object_]:
    """Numbers as exact fractions, shape kept; `+`, `*` and `@` on the result are exact. Floats have to be finite."""
    array = np.asarray(numbers)
    exact = [Fraction(item) if isinstance(item, Fraction) else Fraction(*item.as_integer_ratio()) for item in array.ravel().tolist()]
    result = np.empty(len(exact), dtype=object)
    result[:] = exact
    return result.reshape(array.shape)


def solved(A: object, b: object) -> npt.NDArray[np.object_]:
    """The exact solution of A x = b. A: (n, n). b: (n,) or (n, m).

    Gauss-Jordan elimination on whole numbers, in which every division comes out even (Bareiss, Math. Comp. 22, 1968).
    Raises ZeroDivisionError where A is singular. For small systems only: the numbers grow.
    """
    right = rationals(b)
    n = right.shape[0]
    rows = np.hstack([rationals(A), right.reshape(n, -1)])
    for r in range(n):
        factor = math.lcm(*(entry.denominator for entry in rows[r]))
        rows[r] = [entry.numerator * (factor // entry.denominator) for entry in rows[r]]
    before = 1
    for column in range(n):
        pivot = next((r for r in range(column, n) if rows[r, column]), None)
        if pivot is None:
            raise ZeroDivisionError("the matrix is singular")
        rows[[column, pivot]] = rows[[pivot, column]]
        others = np.arange(n) != column
        rows[others] = (rows[column, column] * rows[others] - rows[others, column : column + 1] * rows[column]) // before
        before = rows[column, column]
    return rationals([[Fraction(entry, before) for entry in row] for row in rows[:, n:]]).reshape(right.shape)


def floats(numbers: object) -> Array:
    """Numbers or fractions as float64, each correctly rounded; shape kept."""
    array = np.asarray(numbers)
    return np.array([float(item) for item in array.ravel().tolist()], dtype=np.float64).reshape(array.shape)
