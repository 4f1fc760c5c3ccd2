"""Ordinary numbers as a ring: what a sampler that was written for exact numbers needs to draw in double precision."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

import numpy as np

WELL_CONDITIONED: Final = 1e8
"""Beyond it a matrix has no inverse for us: it would be rounding."""


class Floats:
    """Double precision; comparisons also hold for fractions."""

    ordered: Final = True

    def const(self, value: Fraction) -> float:
        """Rounded."""
        return float(value)

    def red(self, x: float) -> float:
        """As it is."""
        return x

    def is_zero(self, x: Any) -> bool:
        """Exactly zero."""
        return bool(x == 0)

    def sign(self, x: Any) -> int:
        """-1, 0 or 1."""
        return int(x > 0) - int(x < 0)


class FloatAlgebra:
    """Matrices of ordinary numbers, as lists of rows."""

    def __init__(self) -> None:
        self.ring: Final = Floats()

    def identity(self, n: int) -> list[list[Any]]:
        """The unit matrix."""
        return _rows(np.eye(n))

    def transpose(self, a: list[list[Any]]) -> list[list[Any]]:
        """Rows for columns."""
        return [list(row) for row in zip(*a, strict=True)]

    def matmul(self, a: list[list[Any]], b: list[list[Any]]) -> list[list[Any]]:
        """The matrix product."""
        return _rows(np.array(a, dtype=np.float64) @ np.array(b, dtype=np.float64))

    def inverse(self, a: list[list[Any]]) -> list[list[Any]] | None:
        """None where it is mostly rounding."""
        m = np.array(a, dtype=np.float64)
        return _rows(np.linalg.inv(m)) if np.linalg.cond(m) < WELL_CONDITIONED else None

    def determinant(self, a: list[list[Any]]) -> float:
        """By elimination."""
        return float(np.linalg.det(np.array(a, dtype=np.float64)))


def _rows(a: Any) -> list[list[Any]]:
    return [[float(x) for x in row] for row in a]
