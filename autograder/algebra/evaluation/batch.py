"""Typed expressions at many points at once, in double precision: for finding what is then replayed with 50 digits."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autograder.algebra.evaluation.rings import Unsupported
from autograder.algebra.tree import Expr

Batch = NDArray[np.float64]
"""Values at many points: shape (points, rows, columns), 1 x 1 for a number."""


@dataclass(frozen=True)
class SampleBatch:
    """Points of one set of sizes, with the value of every symbol."""

    sizes: Mapping[str, int]
    values: Mapping[str, Batch]
    count: int


class BatchValue(NamedTuple):
    """An expression at every point of a batch. largest: the largest term of any sum on the way, shape (points,)."""

    values: Batch
    largest: NDArray[np.float64]


class _Batched:
    """Expressions at all points of a batch. `largest` is the largest term of any sum, point by point."""

    def __init__(self, values: Mapping[str, Batch], sizes: Mapping[str, int], count: int) -> None:
        self.values = values
        self.sizes = sizes
        self.count = count
        self.index: dict[str, int] = {}
        self.from_zero: set[str] = set()
        self.largest: NDArray[np.float64] = np.zeros(count)

    def at(self, e: Expr) -> Batch:
        if e.op == "sym":
            return self.values[e.data]
        if e.op in ("num", "dim", "index"):
            number = e.data if e.op == "num" else (self.sizes if e.op == "dim" else self.index)[e.data]
            return np.full((1, 1, 1), float(number))
        handler = getattr(self, f"of_{e.op}", None)
        if handler is None:
            raise Unsupported(e.op)
        result: Batch = handler(e)
        return result

    def shape(self, e: Expr) -> tuple[int, int]:
        return e.shape[0].size(self.sizes), e.shape[1].size(self.sizes)

    def of_const(self, e: Expr) -> Batch:
        return np.full((1, 1, 1), np.pi if e.data == "pi" else np.e)

    def of_eye(self, e: Expr) -> Batch:
        return np.eye(self.shape(e)[0])[None]

    def of_zeros(self, e: Expr) -> Batch:
        return np.zeros((1, *self.shape(e)))

    def of_ones(self, e: Expr) -> Batch:
        return np.ones((1, *self.shape(e)))

    def of_size(self, e: Expr) -> Batch:
        rows, columns = self.shape(e.args[0])
        return np.full((1, 1, 1), float(rows * columns))

    def of_add(self, e: Expr) -> Batch:
        total: Batch | None = None
        for a in e.args:
            term = self.at(a)
            self.largest = np.maximum(self.largest, np.abs(term).max(axis=(1, 2)))
            total = term if total is None else total + term
        assert total is not None
        return total

    def of_mul(self, e: Expr) -> Batch:
        return self.at(e.args[0]) * self.at(e.args[1])

    of_scale = of_mul
    of_had = of_mul

    def of_matmul(self, e: Expr) -> Batch:
        return self.at(e.args[0]) @ self.at(e.args[1])

    def of_recip(self, e: Expr) -> Batch:
        return 1.0 / self.at(e.args[0])

    def of_pow(self, e: Expr) -> Batch:
        exponent: Fraction = e.data
        base = self.at(e.args[0])
        return np.asarray(base ** (int(exponent) if exponent.denominator == 1 else float(exponent)))

    def of_power(self, e: Expr) -> Batch:
        return np.asarray(np.power(self.at(e.args[0]), self.at(e.args[1])))

    def of_mpow(self, e: Expr) -> Batch:
        return np.asarray(np.linalg.matrix_power(self.at(e.args[0]), e.data))

    def of_inverse(self, e: Expr) -> Batch:
        a = self.at(e.args[0])
        try:
            return np.asarray(np.linalg.inv(a))
        except np.linalg.LinAlgError:
            # a singular one among them is undefined, and the others keep their values
            finite = np.asarray(np.isfinite(a).all(axis=(1, 2)))
            sound = finite & (np.linalg.matrix_rank(np.where(finite[:, None, None], a, 0.0)) == a.shape[1])
            out = np.full_like(a, np.nan)
            out[sound] = np.linalg.inv(a[sound])
            return out

    def of_pinv(self, e: Expr) -> Batch:
        return np.asarray(np.linalg.pinv(self.at(e.args[0])))

    def of_transpose(self, e: Expr) -> Batch:
        return np.asarray(self.at(e.args[0]).swapaxes(1, 2))

    def of_trace(self, e: Expr) -> Batch:
        return np.asarray(np.trace(self.at(e.args[0]), axis1=1, axis2=2))[:, None, None]

    def of_det(self, e: Expr) -> Batch:
        return np.asarray(np.linalg.det(self.at(e.args[0])))[:, None, None]

    def of_diag(self, e: Expr) -> Batch:
        v = self.at(e.args[0])
        return v * np.eye(v.shape[1])[None]

    def of_diagonal(self, e: Expr) -> Batch:
        return np.asarray(np.diagonal(self.at(e.args[0]), axis1=1, axis2=2))[:, :, None]

    def of_esum(self, e: Expr) -> Batch:
        return np.asarray(self.at(e.args[0]).sum(axis=(1, 2), keepdims=True))

    def of_block(self, e: Expr) -> Batch:
        entries = [self.at(a) for a in e.args]
        count = max(len(x) for x in entries)
        entries = [np.broadcast_to(x, (count, *x.shape[1:])) for x in entries]
        rows = [np.concatenate(entries[k : k + e.data], axis=2) for k in range(0, len(entries), e.data)]
        return np.concatenate(rows, axis=1)

    def of_sum(self, e: Expr) -> Batch:
        index, lower, dim = e.data
        outer = self.index.get(index)
        if lower == 0:
            self.from_zero.add(index)
        total: Batch = np.zeros((1, *self.shape(e)))
        for k in range(lower, dim.size(self.sizes) + min(lower, 1)):
            self.index[index] = k
            total = total + self.at(e.args[0])
        self.from_zero.discard(index)
        self.index.pop(index, None)
        if outer is not None:
            self.index[index] = outer
        return total

    def of_elem(self, e: Expr) -> Batch:
        a = self.at(e.args[0])
        places = [round(float(self.at(i).flat[0])) + self._shift(i) for i in e.args[1:]]
        if len(places) == 1:
            places = [places[0], 1] if a.shape[2] == 1 else [1, places[0]]
        i, j = places
        if not (1 <= i <= a.shape[1] and 1 <= j <= a.shape[2]):
            return np.full((len(a), 1, 1), np.nan)
        return a[:, i - 1 : i, j - 1 : j]

    def _shift(self, e: Expr) -> int:
        return int((e.op == "index" and e.data in self.from_zero) or any(self._shift(a) for a in e.args))

    def of_fn(self, e: Expr) -> Batch:
        x = self.at(e.args[0])
        simple: dict[str, Any] = {
            "abs": np.abs, "sqrt": np.sqrt, "exp": np.exp, "log": np.log, "sign": np.sign, "sin": np.sin, "cos": np.cos, "tan": np.tan,
            "tanh": np.tanh, "atan": np.arctan,
        }  # fmt: skip
        if e.data in simple:
            return np.asarray(simple[e.data](x))
        if e.data == "reciprocal":
            return 1.0 / x
        if e.data == "relu":
            return np.asarray(np.maximum(x, 0.0))
        if e.data == "relu_prime":
            return np.asarray(x > 0, dtype=np.float64)
        raise Unsupported(str(e.data))

    def of_sqrtm(self, e: Expr) -> Batch:
        a = self.at(e.args[0])
        sound = np.isfinite(a).all(axis=(1, 2), keepdims=True)
        found, q = np.linalg.eigh(np.where(sound, a, 0.0))
        root = (q * np.sqrt(found)[:, None, :]) @ q.swapaxes(1, 2)
        positive = np.asarray((found > 0).all(axis=1))[:, None, None]
        return np.asarray(np.where(sound & positive, root, np.nan))

    def of_norm(self, e: Expr) -> Batch:
        a = self.at(e.args[0])
        if e.data == "spectral":
            finite = np.isfinite(a).all(axis=(1, 2), keepdims=True)
            values = np.linalg.svd(np.where(finite, a, 0.0), compute_uv=False)
            return np.where(finite, values.max(axis=1)[:, None, None], np.nan)
        if e.data in ("2", "F"):
            return np.asarray(np.sqrt((a * a).sum(axis=(1, 2), keepdims=True)))
        sizes = np.abs(a)
        return np.asarray(sizes.sum(axis=(1, 2), keepdims=True) if e.data == "1" else sizes.max(axis=(1, 2), keepdims=True))

    def of_max(self, e: Expr) -> Batch:
        out = self.at(e.args[0])
        for a in e.args[1:]:
            out = np.maximum(out, self.at(a))
        return out

    def of_min(self, e: Expr) -> Batch:
        out = self.at(e.args[0])
        for a in e.args[1:]:
            out = np.minimum(out, self.at(a))
        return out

    def of_cases(self, e: Expr) -> Batch:
        values = [self.at(a) for a in e.args[::2]]
        # a condition may have more points than the values, which may all be constants
        every = np.broadcast_arrays(*values, *(self.holds(c) for c in e.args[1::2]))
        return np.asarray(np.select(list(every[len(values) :]), list(every[: len(values)]), default=np.nan))

    def holds(self, e: Expr) -> NDArray[np.bool_]:
        if e.op == "true":
            return np.ones((1, 1, 1), dtype=bool)
        if e.op == "not":
            return ~self.holds(e.args[0])
        if e.op in ("and", "or"):
            out = self.holds(e.args[0])
            for a in e.args[1:]:
                out = out & self.holds(a) if e.op == "and" else out | self.holds(a)
            return out
        left, right = self.at(e.args[0]), self.at(e.args[1])
        compare = {"<": np.less, ">": np.greater, "<=": np.less_equal, ">=": np.greater_equal, "=": np.equal, "!=": np.not_equal}
        return np.asarray(compare[e.data](left, right))


def evaluate_batch(e: Expr, batch: SampleBatch) -> BatchValue:
    """The values of an expression at every point of a batch, not a number where there is none.

    Raises Unsupported for what double precision does not compute.
    """
    batched = _Batched(batch.values, batch.sizes, batch.count)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            value = batched.at(e)
        except np.linalg.LinAlgError as bad:
            raise Unsupported(f"double precision does not compute this: {bad}") from None
    return BatchValue(np.broadcast_to(value, (batch.count, *value.shape[1:])), batched.largest)
