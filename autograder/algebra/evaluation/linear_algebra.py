"""Linear algebra over a ring: matrices are lists of rows, and every number is of the ring."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from operator import mul

from autograder.algebra.evaluation.rings import Matrix, Number, Ring, Undefined, Value


def flat(value: Value) -> list[Number]:
    """The entries of a value, row by row; of a number itself."""
    return [x for row in value for x in row] if isinstance(value, list) else [value]


def transpose(a: Matrix) -> Matrix:
    """Rows for columns."""
    return [list(row) for row in zip(*a, strict=True)]


def matmul(ring: Ring, a: Matrix, b: Matrix) -> Matrix:
    """The matrix product."""
    red = ring.red
    columns = list(zip(*b, strict=True))
    return [[red(sum(map(mul, row, column))) for column in columns] for row in a]


def identity(ring: Ring, n: int) -> Matrix:
    """The unit matrix."""
    one, zero = ring.const(Fraction(1)), ring.const(Fraction(0))
    return [[one if i == j else zero for j in range(n)] for i in range(n)]


def inverse(ring: Ring, a: Matrix) -> Matrix:
    """By Gauss and Jordan. Raises Undefined for a singular matrix."""
    n = len(a)
    red = ring.red
    rows = [list(row) + unit for row, unit in zip(a, identity(ring, n), strict=True)]
    for k in range(n):
        pivot = _pivot(ring, rows, k)
        if pivot is None:
            raise Undefined("an inverse of a singular matrix")
        rows[k], rows[pivot] = rows[pivot], rows[k]
        scale = ring.inv(rows[k][k])
        head = rows[k] = [red(x * scale) for x in rows[k]]
        for i in range(n):
            factor = rows[i][k]
            if i != k and factor != 0:
                rows[i] = [red(x - factor * y) for x, y in zip(rows[i], head, strict=True)]
    return [row[n:] for row in rows]


def determinant(ring: Ring, a: Matrix) -> Number:
    """By elimination."""
    rows = [list(row) for row in a]
    n = len(rows)
    red = ring.red
    result = ring.const(Fraction(1))
    for k in range(n):
        pivot = _pivot(ring, rows, k)
        if pivot is None:
            return ring.const(Fraction(0))
        if pivot != k:
            rows[k], rows[pivot] = rows[pivot], rows[k]
            result = red(-result)
        result = red(result * rows[k][k])
        scale = ring.inv(rows[k][k])
        for i in range(k + 1, n):
            factor = red(rows[i][k] * scale)
            if factor != 0:
                rows[i] = [red(x - factor * y) for x, y in zip(rows[i], rows[k], strict=True)]
    return result


def _pivot(ring: Ring, rows: Matrix, k: int) -> int | None:
    candidates = [i for i in range(k, len(rows)) if not ring.is_zero(rows[i][k])]
    return max(candidates, key=lambda i: ring.size(rows[i][k])) if candidates else None


@dataclass(frozen=True)
class RingAlgebra:
    """Linear algebra over a ring, as the samplers of assumptions take it."""

    ring: Ring

    def identity(self, n: int) -> Matrix:
        """The unit matrix."""
        return identity(self.ring, n)

    def transpose(self, a: Matrix) -> Matrix:
        """Rows for columns."""
        return transpose(a)

    def matmul(self, a: Matrix, b: Matrix) -> Matrix:
        """The matrix product."""
        return matmul(self.ring, a, b)

    def inverse(self, a: Matrix) -> Matrix | None:
        """None for a singular matrix."""
        try:
            return inverse(self.ring, a)
        except Undefined:
            return None

    def determinant(self, a: Matrix) -> Number:
        """By elimination."""
        return determinant(self.ring, a)
