"""Assumptions on square matrices. Conditions are searched in the order in which they are defined."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

import numpy as np

from autograder.algebra.assumptions.assumption import (
    Batch,
    BatchedAssumption,
    BatchSampling,
    LinearAlgebra,
    Matrix,
    MatrixAssumption,
    Sampling,
    assumed,
)

MAX_REDRAWS: Final = 20


class Diagonal(BatchedAssumption):
    """A matrix whose entries beside the diagonal are 0."""

    name = "diagonal"
    implies = frozenset({"symmetric"})
    combines = frozenset({"invertible", "positive_definite", "positive", "nonzero"})
    in_sympy = ("diagonal", "symmetric")
    in_numpy = "np.array_equal({0}, np.diag(np.diag({0})))"

    def holds(self, value: Any, algebra: LinearAlgebra) -> bool:
        """Nothing beside the diagonal."""
        m = rows_of(value)
        return all(algebra.ring.is_zero(x) for i, row in enumerate(m) for j, x in enumerate(row) if i != j)

    def impose(self, m: Matrix, sampling: Sampling) -> Matrix:
        """Its diagonal alone."""
        zero = sampling.algebra.ring.const(Fraction(0))
        return [[x if i == j else zero for j, x in enumerate(row)] for i, row in enumerate(m)]

    def sample(self, n: int, sampling: Sampling) -> Matrix:
        """Numbers on the diagonal that the eigenvalues of the others have."""
        of_entries = {one.name for one in sampling.assumed.of_numbers}
        numbers = replace(sampling, assumed=assumed(frozenset(of_entries.union(*(one.eigenvalues for one in sampling.others)))))
        zero = sampling.algebra.ring.const(Fraction(0))
        return [[numbers.number() if i == j else zero for j in range(n)] for i in range(n)]

    def impose_on_batch(self, a: Batch, sampling: BatchSampling) -> Batch:  # noqa: ARG002 - nothing is drawn
        """Their diagonals alone."""
        return np.asarray(a * np.eye(a.shape[1])[None])


class PositiveDefinite(BatchedAssumption):
    """A symmetric matrix A with v^T A v > 0 for every vector v but 0."""

    name = "positive_definite"
    words = ("positive definite", "definite")
    implies = frozenset({"symmetric", "invertible"})
    in_sympy = ("positive_definite", "symmetric")
    in_numpy = "bool(np.all(np.linalg.eigvalsh(({0} + {0}.T) / 2) > 0))"
    eigenvalues = frozenset({"positive"})

    def holds(self, value: Any, algebra: LinearAlgebra) -> bool:
        """By Sylvester's criterion: all leading minors are positive."""
        m = rows_of(value)
        minors = (algebra.determinant([row[:k] for row in m[:k]]) for k in range(1, len(m) + 1))
        return is_symmetric(m, algebra) and all(algebra.ring.sign(d) > 0 for d in minors)

    def impose(self, m: Matrix, sampling: Sampling) -> Matrix:
        """m m^T + I"""
        algebra = sampling.algebra
        return combined(algebra, algebra.matmul(m, algebra.transpose(m)), algebra.identity(len(m)), 1)

    def impose_on_batch(self, a: Batch, sampling: BatchSampling) -> Batch:
        """a a^T and a multiple of I that keeps it definite, less of it where it may be steep."""
        return np.asarray(a @ a.swapaxes(1, 2) + np.eye(a.shape[1]) * (1.0 if sampling.small else 0.1))


class Orthogonal(MatrixAssumption):
    """A matrix Q with Q Q^T = I, of determinant 1 or -1.

    One that is symmetric as well is an involution, which much else holds for: no answer is explained by it.
    """

    name = "orthogonal"
    implies = frozenset({"invertible"})
    combines = frozenset({"symmetric", "diagonal"})
    in_sympy = ("orthogonal",)
    in_numpy = "np.allclose({0} @ {0}.T, np.eye(len({0})))"
    variants = 2
    mistaken_for_symmetric = False

    def holds(self, value: Any, algebra: LinearAlgebra) -> bool:
        """Is the transpose the inverse?"""
        m = rows_of(value)
        product = combined(algebra, algebra.matmul(m, algebra.transpose(m)), algebra.identity(len(m)), -1)
        return all(algebra.ring.is_zero(x) for row in product for x in row)

    def impose(self, m: Matrix, sampling: Sampling) -> Matrix:
        """A rotation, by Cayley."""
        return cayley(m, sampling.algebra) or sampling.algebra.identity(len(m))

    def sample(self, n: int, sampling: Sampling) -> Matrix:
        """Of determinant 1 or -1: with equal chance, or as the variant says.

        Cayley's transform reaches determinant 1 only; one column changes its sign half of the time. A symmetric one is Q D Q^T with signs
        on the diagonal of D.
        """
        algebra, rng, ring = sampling.algebra, sampling.rng, sampling.algebra.ring
        one, zero = ring.const(Fraction(1)), ring.const(Fraction(0))
        if sampling.assumed.implies("diagonal"):
            return [[rng.choice((one, ring.red(-one))) if i == j else zero for j in range(n)] for i in range(n)]
        symmetric = sampling.assumed.implies("symmetric")
        signs = [rng.choice((1, -1)) for _ in range(n)]
        if sampling.variant is not None and not sampling.plain:
            flipped = sampling.variant == 1
            minus_ones = sum(s < 0 for s in signs)
            if (minus_ones % 2 == 1) != flipped:
                signs[0] = -signs[0]
            if not symmetric:
                signs[0] = -1 if flipped else 1
        if sampling.plain and not symmetric:
            order = list(range(n))
            rng.shuffle(order)
            return [[one * signs[i] if j == order[i] else zero for j in range(n)] for i in range(n)]
        for _ in range(MAX_REDRAWS):
            q = cayley([[sampling.draw() for _ in range(n)] for _ in range(n)], algebra)
            if q is None:
                continue
            if symmetric:
                scaled = [[ring.red(x * sign) for x, sign in zip(row, signs, strict=True)] for row in q]
                return algebra.matmul(scaled, algebra.transpose(q))
            return first_column_turned(q, algebra) if signs[0] < 0 else q
        return algebra.identity(n)

    def point(self, m: Matrix, sampling: Sampling) -> Matrix:
        """Of small fractions, of either determinant."""
        q = self.impose([[sampling.draw() for _ in row] for row in m], sampling)
        return first_column_turned(q, sampling.algebra) if sampling.rng.random() < 0.5 else q

    def batch(self, sampling: BatchSampling) -> Batch:
        """Uniform ones of both determinants, reflections where they are symmetric; signed permutations where readable values are wanted."""
        rng, shape = sampling.rng, sampling.matrices.shape
        count, n, _ = shape
        q, r = np.linalg.qr(rng.normal(size=shape))
        signs = np.where(np.diagonal(r, axis1=1, axis2=2) < 0, -1.0, 1.0)
        turned = q * signs[:, None, :] * np.where(rng.random(count) < 0.5, -1.0, 1.0)[:, None, None] ** (np.arange(n) == 0)
        order = np.argsort(rng.random((count, n)), axis=1)
        plain = np.eye(n)[order] * rng.choice([1.0, -1.0], size=(count, 1, n))
        a = plain if sampling.small else turned
        names = sampling.assumed.names
        if "diagonal" in names or ("symmetric" in names and sampling.small):
            a = np.eye(n) * rng.choice([1.0, -1.0], size=(count, 1, n))
        elif "symmetric" in names:
            reflected = (a * np.where(np.arange(n) % 2, -1.0, 1.0)) @ a.swapaxes(1, 2)
            a = (reflected + reflected.swapaxes(1, 2)) / 2
        return np.asarray(a)


class Symmetric(BatchedAssumption):
    """A matrix that is its own transpose."""

    name = "symmetric"
    combines = frozenset({"invertible", "positive", "nonzero"})
    in_sympy = ("symmetric",)
    in_numpy = "np.array_equal({0}, {0}.T)"

    def holds(self, value: Any, algebra: LinearAlgebra) -> bool:
        """Entry by entry."""
        return is_symmetric(rows_of(value), algebra)

    def impose(self, m: Matrix, sampling: Sampling) -> Matrix:  # noqa: ARG002 - nothing is drawn
        """The upper half on both sides."""
        n = len(m)
        return [[m[min(i, j)][max(i, j)] for j in range(n)] for i in range(n)]

    def impose_on_batch(self, a: Batch, sampling: BatchSampling) -> Batch:  # noqa: ARG002 - nothing is drawn
        """The lower half on both sides."""
        return np.asarray(np.tril(a) + np.tril(a, -1).swapaxes(1, 2))


class Invertible(BatchedAssumption):
    """A matrix that has an inverse."""

    name = "invertible"
    combines = frozenset({"positive", "nonzero"})
    in_sympy = ("invertible",)
    in_numpy = "np.linalg.matrix_rank({0}) == len({0})"
    moves_freely = True
    eigenvalues = frozenset({"nonzero"})

    def holds(self, value: Any, algebra: LinearAlgebra) -> bool:
        """By its determinant."""
        return not algebra.ring.is_zero(algebra.determinant(rows_of(value)))

    def impose(self, m: Matrix, sampling: Sampling) -> Matrix:
        """With one added on the diagonal, here and there, until it is."""
        ring = sampling.algebra.ring
        for _ in range(MAX_REDRAWS):
            if sampling.algebra.inverse(m) is not None:
                return m
            k = sampling.rng.randrange(len(m))
            m[k][k] = ring.red(m[k][k] + ring.const(Fraction(1)))
        return sampling.algebra.identity(len(m))

    def point(self, m: Matrix, sampling: Sampling) -> Matrix:
        """The unit matrix where the one drawn is singular."""
        return m if self.holds(m, sampling.algebra) else sampling.algebra.identity(len(m))

    def impose_on_batch(self, a: Batch, sampling: BatchSampling) -> Batch:
        """Those that are nearly singular are moved away."""
        return away_from_singular(a, sampling)


def rows_of(value: Any) -> Matrix:
    """A value as a matrix; a number is one of a single entry."""
    return value if isinstance(value, list) else [[value]]


def combined(algebra: LinearAlgebra, one: Matrix, two: Matrix, sign: int) -> Matrix:
    """one + sign two"""
    red = algebra.ring.red
    return [[red(x + sign * y) for x, y in zip(r, s, strict=True)] for r, s in zip(one, two, strict=True)]


def is_symmetric(m: Matrix, algebra: LinearAlgebra) -> bool:
    """Is a square matrix its own transpose?"""
    return all(algebra.ring.is_zero(x - m[j][i]) for i, row in enumerate(m) for j, x in enumerate(row))


def cayley(m: Matrix, algebra: LinearAlgebra) -> Matrix | None:
    """(I - S)(I + S)^-1, a rotation, with S the skew matrix that has the upper half of m; None where there is no inverse."""
    ring, n = algebra.ring, len(m)
    zero = ring.const(Fraction(0))
    skew = [[zero if i == j else (m[i][j] if i < j else ring.red(-m[j][i])) for j in range(n)] for i in range(n)]
    unit = algebra.identity(n)
    inverse = algebra.inverse(combined(algebra, unit, skew, 1))
    return None if inverse is None else algebra.matmul(combined(algebra, unit, skew, -1), inverse)


def first_column_turned(m: Matrix, algebra: LinearAlgebra) -> Matrix:
    """With the sign of the first column turned, and so that of the determinant."""
    return [[algebra.ring.red(-row[0]), *row[1:]] for row in m]


def away_from_singular(a: Batch, sampling: BatchSampling) -> Batch:
    """A batch in which no matrix is singular, up to its scale."""
    small, unit = sampling.small, np.eye(a.shape[1])
    low = np.abs(np.linalg.det(a)) < (0.5 if small else 1e-6) * (1e-300 + np.abs(a).max(axis=(1, 2))) ** a.shape[1]
    return np.asarray(np.where(low[:, None, None], a + 7.0 * unit if not small else unit * (1 + np.abs(sampling.whole)), a))
