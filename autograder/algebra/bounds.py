"""Search for a counterexample to a relation between typed expressions, and its replay with 50 digits.

Random points alone do not refute a false bound: `|w| + 0.9 eta alpha |y|` is violated at none of thousands of Gaussian points.
So points are tilted: matrices of low rank and of extreme scale, vectors along singular directions, step sizes on the boundary of what
is allowed. A whole batch of points is evaluated at once in double precision, and what looks violated is replayed with 50 digits;
only what survives that is called false. No violation in N points is evidence for a bound and no proof.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from autograder.algebra.decide import equal_values, seed_of
from autograder.algebra.evaluate import Point, symbols_in, value_at
from autograder.algebra.expression import Expr
from autograder.algebra.limits import DIGITS
from autograder.algebra.rings import Real, Undefined, Unsupported, Value
from autograder.algebra.sample import size_sets, solve_constraint
from autograder.algebra.symbols import ONE, SCALAR, Symbol, Symbols

Batch = NDArray[np.float64]
"""Values at many points: shape (points, rows, columns), 1 x 1 for a number."""

POINTS: Final = 48
"""Of one batch; there is a batch for every set of sizes."""
FEWEST_POINTS: Final = 24
"""Points that satisfy what was assumed, and at which both sides have a value: fewer say nothing."""
SUSPECTS: Final = 4
"""Points of a batch that are replayed with 50 digits."""
SUSPICIOUS: Final = 1e-7
"""Relative difference in double precision beyond which an equation is replayed."""
EXCEEDED: Final = 1e-9
"""Relative excess beyond which a bound is replayed, and counts as violated."""
CANCELLED: Final = 1e-6
"""Of the largest term of a sum: what may cancel counts as the scale of a difference."""
LONGEST_RUN: Final = 6
"""Steps of a recursion from its start."""


@dataclass(frozen=True)
class Introduced:
    """Names that stand for parts of a decomposition of `source`: kind `svd` (U, S, V), `eigen` (Q, D), `lower` (L of L L^T),
    `upper` (R of R^T R), `singular` (one singular value)."""

    kind: str
    keys: tuple[str, ...]
    source: Expr
    names: tuple[str, ...] = ()
    """As typed."""


@dataclass(frozen=True)
class Domain:
    """Where the relations of a derivation are to hold.

    table: symbols with assumptions and constraints. uppers: (key, e) for `0 < symbol <= e`. values: (key, e) for a free symbol that has this
    value. recursion: (key of the last iterate, key of the counter, the next iterate in terms of the last): iterates started at zero. introduced: decompositions, in their order.
    assumed: relations that were assumed on the way.
    """

    table: Symbols
    uppers: tuple[tuple[str, Expr], ...] = ()
    values: tuple[tuple[str, Expr], ...] = ()
    recursion: tuple[str, str, Expr] | None = None
    introduced: tuple[Introduced, ...] = ()
    assumed: tuple[tuple[Expr, str, Expr], ...] = ()


@dataclass(frozen=True)
class Cloud:
    """Points of one set of sizes. base: what is drawn freely; values: every symbol."""

    sizes: Mapping[str, int]
    base: Mapping[str, Batch]
    values: Mapping[str, Batch]
    count: int


@dataclass(frozen=True)
class Violation:
    """A point at which a relation fails, replayed with 50 digits. strict: it fails only because both sides are equal there."""

    sizes: Mapping[str, int]
    values: Mapping[str, Value]
    left: Value
    right: Value
    strict: bool = False


# --- evaluation of a batch


class _Batched:
    """Expressions at all points of a cloud. `largest` is the largest term of any sum, point by point."""

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
            number = {"num": lambda: float(e.data), "dim": lambda: self.sizes[e.data], "index": lambda: self.index[e.data]}[e.op]()
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
        return base ** (int(exponent) if exponent.denominator == 1 else float(exponent))

    def of_power(self, e: Expr) -> Batch:
        return np.asarray(np.power(self.at(e.args[0]), self.at(e.args[1])))

    def of_mpow(self, e: Expr) -> Batch:
        return np.asarray(np.linalg.matrix_power(self.at(e.args[0]), e.data))

    def of_inverse(self, e: Expr) -> Batch:
        a = self.at(e.args[0])
        try:
            return np.asarray(np.linalg.inv(a))
        except np.linalg.LinAlgError:
            out = np.full_like(a, np.nan)
            for k, one in enumerate(a):
                try:
                    out[k] = np.linalg.inv(one)
                except np.linalg.LinAlgError:
                    continue
            return out

    def of_pinv(self, e: Expr) -> Batch:
        return np.asarray(np.linalg.pinv(self.at(e.args[0])))

    def of_transpose(self, e: Expr) -> Batch:
        return self.at(e.args[0]).swapaxes(1, 2)

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
        return int(e.op == "index" and e.data in self.from_zero or any(self._shift(a) for a in e.args))

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
            return np.maximum(x, 0.0)
        if e.data == "relu_prime":
            return (x > 0) * 1.0
        raise Unsupported(str(e.data))

    def of_sqrtm(self, e: Expr) -> Batch:
        a = self.at(e.args[0])
        sound = np.isfinite(a).all(axis=(1, 2), keepdims=True)
        found, q = np.linalg.eigh(np.where(sound, a, 0.0))
        root = (q * np.sqrt(found)[:, None, :]) @ q.swapaxes(1, 2)
        return np.where(sound & (found > 0).all(axis=1)[:, None, None], root, np.nan)

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
        values = np.broadcast_arrays(*(self.at(a) for a in e.args[::2]))
        holds = [np.broadcast_to(self.holds(c), values[0].shape) for c in e.args[1::2]]
        return np.asarray(np.select(holds, list(values), default=np.nan))

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


def evaluate(e: Expr, cloud: Cloud) -> tuple[Batch, NDArray[np.float64]]:
    """The values at every point of a cloud, shape (points, rows, columns), and the largest term of a sum on the way, shape (points,).

    Not a number where there is no value. Raises Unsupported for what double precision does not compute.
    """
    batched = _Batched(cloud.values, cloud.sizes, cloud.count)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        value = batched.at(e)
    return np.broadcast_to(value, (cloud.count, *value.shape[1:])), batched.largest


# --- points


@lru_cache(maxsize=256)
def clouds(domain: Domain, *, small: bool = False) -> tuple[Cloud, ...]:
    """Batches of points of a domain, tilted; with `small`, of small whole numbers and small sizes, for people."""
    names = sorted({name for s in domain.table.declared for dim in s.shape for name in dim.names})
    if small:
        sets = [dict.fromkeys(names, 1), *({n: (2 if n == m else 1) for n in names} for m in names), dict.fromkeys(names, 2)]
        sets += [{n: (3 if n == m else 2) for n in names} for m in names]
    else:
        sets = [dict.fromkeys(names, 1), dict.fromkeys(names, 2), dict.fromkeys(names, 3), *size_sets(names, 2)[:2], size_sets(names, 3)[0]]
    unique = list({tuple(sorted(s.items())): s for s in sets}.values())
    rng = np.random.default_rng(seed_of(domain.table.identity, "small" if small else "tilted"))
    return tuple(_drawn(domain, sizes, rng, small) for sizes in unique)


def _drawn(domain: Domain, sizes: Mapping[str, int], rng: np.random.Generator, small: bool) -> Cloud:
    count = POINTS * (4 if small else 1)
    table = domain.table
    targets = {solve_constraint(table, text)[0] for text in table.constraints}
    fixed = targets | {key for key, _ in domain.uppers} | {k for i in domain.introduced for k in i.keys}
    free = [s for s in table.declared if s.key not in fixed and s.key not in table.definitions]
    base: dict[str, Batch] = {}
    for symbol in sorted(free, key=lambda s: (s.shape == SCALAR, ONE in s.shape)):
        base[symbol.key] = _symbol(symbol, table, sizes, base, rng, count, small)
    for key, _ in domain.uppers:
        choice = rng.integers(0, 4, size=count)
        spread = 10.0 ** rng.uniform(-3, 0, size=count)
        part = np.choose(
            choice,
            [
                np.ones(count),
                np.full(count, 0.5),
                np.full(count, 0.25) if small else rng.uniform(0.01, 1, size=count),
                np.full(count, 0.75) if small else spread,
            ],
        )
        base[f"part of {key}"] = part[:, None, None]
    if domain.recursion is not None:
        base[domain.recursion[1]] = rng.integers(1, LONGEST_RUN + 1, size=count).astype(float)[:, None, None]
    for one in domain.introduced:
        if one.kind == "singular":
            base[f"place of {one.keys[0]}"] = rng.integers(0, 12, size=count).astype(float)[:, None, None]
    return Cloud(sizes, base, _completed(domain, sizes, base, count), count)


def _completed(domain: Domain, sizes: Mapping[str, int], base: Mapping[str, Batch], count: int) -> dict[str, Batch]:
    """Every symbol from what was drawn: constraints solved, intervals scaled, values put in, decompositions made."""
    values: dict[str, Batch] = {k: v for k, v in base.items() if " of " not in k}

    def at(e: Expr) -> Batch:
        value = evaluate(e, Cloud(sizes, base, values, count))[0]
        return np.ascontiguousarray(value)

    for text in domain.table.constraints:
        target, e = solve_constraint(domain.table, text)
        values[target] = at(e)
    for key, upper in domain.uppers:
        values[key] = base[f"part of {key}"] * at(upper)
    late = {key for i in domain.introduced for key in i.keys}
    for key, e in domain.values:
        if not symbols_in(e) & late:
            values[key] = at(e)
    if domain.recursion is not None:
        last, counter, step = domain.recursion
        now = np.zeros_like(values[last])
        for k in range(1, LONGEST_RUN):
            values[last] = now
            now = np.where(values[counter] > k, at(step), now)
        values[last] = now
    for one in domain.introduced:
        source = at(one.source)
        with np.errstate(all="ignore"):
            sound = np.where(np.isfinite(source).all(axis=(1, 2), keepdims=True), source, 0.0)
            if one.kind == "svd":
                u, s, vt = np.linalg.svd(sound, full_matrices=True)
                middle = np.zeros_like(sound)
                for k in range(s.shape[1]):
                    middle[:, k, k] = s[:, k]
                values |= dict(zip(one.keys, (u, middle, vt.swapaxes(1, 2)), strict=True))
            elif one.kind == "eigen":
                found, q = np.linalg.eigh(sound)
                values |= dict(zip(one.keys, (q, found[:, :, None] * np.eye(found.shape[1])[None]), strict=True))
            elif one.kind in ("lower", "upper"):
                found, q = np.linalg.eigh(sound)
                made = np.where(found[:, None, :] > 0, q * np.sqrt(np.abs(found))[:, None, :], np.nan)
                values[one.keys[0]] = made if one.kind == "lower" else made.swapaxes(1, 2)
            else:
                s = np.linalg.svd(sound, compute_uv=False)
                place = base[f"place of {one.keys[0]}"][:, 0, 0].astype(int) % s.shape[1]
                values[one.keys[0]] = s[np.arange(count), place][:, None, None]
    for key, e in domain.values:
        if symbols_in(e) & late:
            values[key] = at(e)
    return values


def _symbol(
    symbol: Symbol, table: Symbols, sizes: Mapping[str, int], base: Mapping[str, Batch], rng: np.random.Generator, count: int, small: bool
) -> Batch:
    assumed = symbol.assumptions
    if symbol.shape == SCALAR:
        if small:
            x = rng.choice([1.0, 2.0, 0.5, 3.0, 4.0, 0.25], size=count)
        else:
            x = np.where(rng.random(count) < 0.5, 10.0 ** rng.uniform(-2, 2, size=count), rng.uniform(0.1, 3, size=count))
        if "positive" not in assumed:
            x = x * rng.choice([1.0, -1.0], size=count)
            if "nonzero" not in assumed:
                x = np.where(rng.random(count) < 0.1, 0.0, x)
        return np.asarray(x[:, None, None])
    rows, columns = symbol.shape[0].size(sizes), symbol.shape[1].size(sizes)
    if ONE in symbol.shape:
        return _vectors(symbol, table, base, rng, (count, rows, columns), small)
    return _matrices(assumed, rng, (count, rows, columns), small)


def _matrices(assumed: frozenset[str], rng: np.random.Generator, shape: tuple[int, int, int], small: bool) -> Batch:
    count, rows, columns = shape
    ints = rng.integers(-2, 3, size=shape) * (rng.random(shape) < 0.7) * 1.0
    if small:
        a = ints * rng.choice([1.0, 1.0, 1.0, 0.5], size=(count, 1, 1))
    else:
        plain = rng.normal(size=shape)
        scale = 10.0 ** rng.uniform(-2, 2, size=(count, 1, 1))
        single = rng.normal(size=(count, rows, 1)) @ rng.normal(size=(count, 1, columns))
        thin = plain * (np.arange(columns) < max(1, columns - 1))
        u, _, vt = np.linalg.svd(plain, full_matrices=False)
        steep = (u * 10.0 ** -np.arange(u.shape[2])) @ vt
        kind = rng.integers(0, 6, size=(count, 1, 1))
        a = np.select(
            [kind == 0, kind == 1, kind == 2, kind == 3, kind == 4], [plain, plain * scale, single * scale, thin, steep * scale], ints
        )
    if "orthogonal" in assumed:
        q, r = np.linalg.qr(rng.normal(size=shape))
        signs = np.where(np.diagonal(r, axis1=1, axis2=2) < 0, -1.0, 1.0)
        turned = q * signs[:, None, :] * np.where(rng.random(count) < 0.5, -1.0, 1.0)[:, None, None] ** (np.arange(columns) == 0)
        order = np.argsort(rng.random((count, rows)), axis=1)
        plain = np.eye(rows)[order] * rng.choice([1.0, -1.0], size=(count, 1, columns))
        a = plain if small else turned
        return np.asarray(
            a @ np.where(np.arange(rows) % 2, -1.0, 1.0)[:, None] * a.swapaxes(1, 2) if "symmetric" in assumed and not small else a
        )
    if "diagonal" in assumed:
        a = a * np.eye(rows)[None]
    if "positive_definite" in assumed:
        return np.asarray(a @ a.swapaxes(1, 2) + np.eye(rows) * (1.0 if small else 0.1))
    if "symmetric" in assumed:
        a = np.tril(a) + np.tril(a, -1).swapaxes(1, 2)
    if "invertible" in assumed or "nonzero" in assumed:
        low = np.abs(np.linalg.det(a)) < (0.5 if small else 1e-6) * (1e-300 + np.abs(a).max(axis=(1, 2))) ** rows
        a = np.where(low[:, None, None], a + 7.0 * np.eye(rows) if not small else np.eye(rows) * (1 + np.abs(ints)), a)
    if "positive" in assumed:
        a = np.abs(a) + (0.0 if small else 1e-3)
    return np.asarray(a)


def _vectors(
    symbol: Symbol, table: Symbols, base: Mapping[str, Batch], rng: np.random.Generator, shape: tuple[int, int, int], small: bool
) -> Batch:
    count = shape[0]
    ints = rng.integers(-2, 3, size=shape) * (rng.random(shape) < 0.75) * 1.0
    if small:
        return np.asarray(ints)
    length = next(d for d in symbol.shape if d != ONE) if symbol.shape != (ONE, ONE) else ONE
    tall = shape[1] >= shape[2]
    plain = rng.normal(size=shape)
    choices: list[Batch] = [plain, plain * 10.0 ** rng.uniform(-2, 2, size=(count, 1, 1)), np.zeros(shape), ints]
    for other in table.declared:
        a = base.get(other.key)
        if a is None or ONE in other.shape:
            continue
        u, _, vt = np.linalg.svd(a, full_matrices=True)
        scale = 10.0 ** rng.uniform(-1, 1, size=(count, 1, 1)) * rng.choice([1.0, -1.0], size=(count, 1, 1))
        for side, along in ((other.shape[0], u), (other.shape[1], vt.swapaxes(1, 2))):
            if side == length:
                for column in (along[:, :, :1], along[:, :, -1:]):
                    choices.append((column if tall else column.swapaxes(1, 2)) * scale)
    kind = rng.integers(0, len(choices), size=(count, 1, 1))
    return np.asarray(np.select([kind == k for k in range(len(choices))], choices, 0.0))


# --- a point with 50 digits


def exact_point(domain: Domain, cloud: Cloud, k: int, ring: Real) -> Point:
    """Point k of a cloud with everything that is no free choice computed again in the ring. Raises Undefined."""
    values: dict[str, Value] = {}
    for key, batch in cloud.base.items():
        rows = [[ring.const(Fraction(float(x))) for x in row] for row in batch[k]]
        number = " of " in key or domain.table.by_key(key).shape == SCALAR
        values[key] = rows[0][0] if number else rows
    for text in domain.table.constraints:
        target, e = solve_constraint(domain.table, text)
        values[target] = value_at(e, Point(ring, cloud.sizes, values))
    for key, upper in domain.uppers:
        values[key] = values[f"part of {key}"] * value_at(upper, Point(ring, cloud.sizes, values))
    late = {key for i in domain.introduced for key in i.keys}
    for key, e in domain.values:
        if not symbols_in(e) & late:
            values[key] = value_at(e, Point(ring, cloud.sizes, values))
    if domain.recursion is not None:
        last, counter, step = domain.recursion
        values[last] = [[ring.const(Fraction(0)) for _ in row] for row in values[last]]
        for _ in range(int(values[counter]) - 1):
            values[last] = value_at(step, Point(ring, cloud.sizes, values))
    for one in domain.introduced:
        _decompose(one, values, cloud, k, ring)
    for key, e in domain.values:
        if symbols_in(e) & late:
            values[key] = value_at(e, Point(ring, cloud.sizes, values))
    return Point(ring, cloud.sizes, {key: value for key, value in values.items() if " of " not in key})


def _decompose(one: Introduced, values: dict[str, Value], cloud: Cloud, k: int, ring: Real) -> None:
    ctx = ring.ctx
    source = value_at(one.source, Point(ring, cloud.sizes, values))
    source = source if isinstance(source, list) else [[source]]
    rows, columns = len(source), len(source[0])
    if one.kind in ("lower", "upper"):
        found, q = ctx.eigsy(ctx.matrix(source))
        if any(x <= 0 for x in found):
            raise Undefined("a root of a matrix that is not positive definite")
        made = [[q[i, j] * ctx.sqrt(found[j]) for j in range(rows)] for i in range(rows)]
        parts = [made if one.kind == "lower" else [list(row) for row in zip(*made, strict=True)]]
    elif one.kind == "eigen":
        found, q = ctx.eigsy(ctx.matrix(source))
        parts = [_listed(q), [[found[i] if i == j else ctx.mpf(0) for j in range(rows)] for i in range(rows)]]
    else:
        wide = rows < columns
        matrix = ctx.matrix(source)
        u, s, vt = ctx.svd_r(matrix.T if wide else matrix, full_matrices=True)
        if wide:
            u, vt = vt.T, u.T
        if one.kind == "singular":
            values[one.keys[0]] = s[int(values[f"place of {one.keys[0]}"]) % min(rows, columns)]
            return
        middle = [[s[i] if i == j else ctx.mpf(0) for j in range(columns)] for i in range(rows)]
        parts = [_listed(u), middle, _listed(vt.T)]
    for key, part in zip(one.keys, parts, strict=True):
        values[key] = part if rows > 1 or columns > 1 or len(part) > 1 else part[0][0]


def _listed(matrix: Any) -> list[list[Any]]:
    return [[matrix[i, j] for j in range(matrix.cols)] for i in range(matrix.rows)]


# --- the search


def violation(left: Expr, sign: str, right: Expr, domain: Domain) -> Violation | None:
    """A point of the domain at which `left sign right` fails, in small numbers if there is one; None if none was found.

    left, right: of one shape, single numbers unless the sign is `=`. A strict bound that fails only where both sides are equal comes back with
    `strict`. Raises Unsupported, OutOfBudget.
    """
    if sign in (">", ">="):
        found = violation(right, sign.replace(">", "<"), left, domain)
        return None if found is None else Violation(found.sizes, found.values, found.right, found.left, found.strict)
    found = _search(left, sign, right, domain, clouds(domain))
    if found is None:
        return None
    small = _search(left, sign, right, domain, clouds(domain, small=True))
    return small if small is not None and small.strict == found.strict else found


def _search(left: Expr, sign: str, right: Expr, domain: Domain, batches: tuple[Cloud, ...]) -> Violation | None:
    equal: Violation | None = None
    points = 0
    for cloud in batches:
        one, scale_left = evaluate(left, cloud)
        two, scale_right = evaluate(right, cloud)
        allowed = np.isfinite(one).all(axis=(1, 2)) & np.isfinite(two).all(axis=(1, 2))
        for hypothesis in domain.assumed:
            allowed &= _holding(hypothesis, cloud)
        points += int(allowed.sum())
        scale = np.maximum(np.abs(one).max(axis=(1, 2)), np.abs(two).max(axis=(1, 2)))
        scale = scale + CANCELLED * np.maximum(scale_left, scale_right) + 1e-300
        with np.errstate(all="ignore"):
            if sign == "=":
                gap = np.abs(one - two).max(axis=(1, 2)) / scale
                suspects = allowed & (gap > SUSPICIOUS)
            else:
                gap = (one - two)[:, 0, 0] / scale
                suspects = allowed & (gap > EXCEEDED)
        for k in _ranked(suspects, gap, cloud):
            found = replayed(left, sign, right, domain, cloud, k)
            if found is not None:
                return found
        if sign == "<" and equal is None:
            inside = np.ones(cloud.count, dtype=bool)
            for key, _ in domain.uppers:
                inside &= cloud.base[f"part of {key}"][:, 0, 0] < 1
            nonzero = np.abs(two[:, 0, 0]) > 0
            for k in _ranked(allowed & inside & nonzero & (np.abs(gap) < EXCEEDED), gap, cloud)[:1]:
                equal = replayed(left, sign, right, domain, cloud, k)
    if points < FEWEST_POINTS:
        raise Unsupported("hardly any of our points satisfies what was assumed")
    return equal


def _ranked(suspects: NDArray[np.bool_], gap: NDArray[np.float64], cloud: Cloud) -> list[int]:
    """The points to replay: those of the smallest numbers first, then those of the largest gaps."""
    found = np.flatnonzero(suspects)
    if not len(found):
        return []
    cost = np.zeros(cloud.count)
    for batch in cloud.base.values():
        cost = cost + np.abs(batch).sum(axis=(1, 2)) + 20.0 * (batch != np.round(batch)).sum(axis=(1, 2))
    by_cost = found[np.argsort(cost[found], kind="stable")][: SUSPECTS // 2]
    by_gap = found[np.argsort(-gap[found], kind="stable")][: SUSPECTS // 2]
    return list(dict.fromkeys(int(k) for k in (*by_cost, *by_gap)))


def _holding(hypothesis: tuple[Expr, str, Expr], cloud: Cloud) -> NDArray[np.bool_]:
    left, sign, right = hypothesis
    with np.errstate(all="ignore"):
        one, two = evaluate(left, cloud)[0], evaluate(right, cloud)[0]
        scale = np.abs(one).max(axis=(1, 2)) + np.abs(two).max(axis=(1, 2)) + 1e-300
        gap = (one - two).max(axis=(1, 2)) / scale
        if sign == "=":
            return np.asarray(np.abs(one - two).max(axis=(1, 2)) / scale < EXCEEDED)
        return np.asarray(gap <= EXCEEDED if sign in ("<=", "<") else gap >= -EXCEEDED)


def replayed(left: Expr, sign: str, right: Expr, domain: Domain, cloud: Cloud, k: int) -> Violation | None:
    """Does the relation fail at point k of a cloud, computed with 50 digits? What is left of terms that cancel shrinks with more digits."""
    try:
        found = _failing(left, sign, right, domain, cloud, k, Real())
        if found is None or found.strict:
            return found
        finer = _failing(left, sign, right, domain, cloud, k, Real(3 * DIGITS))
    except (Undefined, ZeroDivisionError, ValueError):
        return None
    if finer is None or _gap(finer) < _gap(found) / 2:
        return None
    return finer


def _gap(found: Violation) -> Any:
    return max(abs(x - y) for x, y in zip(_entries(found.left), _entries(found.right), strict=True))


def _entries(value: Value) -> list[Any]:
    return [x for row in value for x in row] if isinstance(value, list) else [value]


def _failing(left: Expr, sign: str, right: Expr, domain: Domain, cloud: Cloud, k: int, ring: Real) -> Violation | None:
    point = exact_point(domain, cloud, k, ring)
    one, two = value_at(left, point), value_at(right, point)
    strict = False
    if sign == "=":
        if equal_values(ring, one, two):
            return None
    else:
        scale = max(abs(one), abs(two))
        if one - two <= EXCEEDED * scale:
            if sign == "<=" or abs(one - two) > ring.tiny * scale or scale <= ring.tiny:
                return None
            strict = True
    return Violation(cloud.sizes, point.values, one, two, strict)


def used(*expressions: Expr) -> frozenset[str]:
    """Keys of the symbols of all of these."""
    return frozenset().union(*(symbols_in(e) for e in expressions))


def fingerprint(e: Expr, domain: Domain) -> tuple[Batch, ...]:
    """Values at the points of every cloud: two expressions are taken for the same value if these agree."""
    return tuple(evaluate(e, cloud)[0] for cloud in clouds(domain))


def alike(one: tuple[Batch, ...], two: tuple[Batch, ...], *, scaled: bool = False) -> bool:
    """Do two fingerprints agree, with `scaled` up to one constant factor that is not zero?"""
    if any(a.shape != b.shape for a, b in zip(one, two, strict=True)):
        return False
    factor = 1.0
    if scaled:
        flat_one, flat_two = (np.concatenate([x.ravel() for x in xs]) for xs in (one, two))
        sound = np.isfinite(flat_one) & np.isfinite(flat_two) & (np.abs(flat_two) > 1e-3)
        if not sound.any():
            return False
        factor = float(np.median(flat_one[sound] / flat_two[sound]))
        if factor == 0 or not np.isfinite(factor):
            return False
    with np.errstate(all="ignore"):
        return all(_close(a, factor * b) for a, b in zip(one, two, strict=True))


def _close(a: Batch, b: Batch) -> bool:
    """Nearly everywhere to rounding, and nowhere far apart."""
    sound = np.isfinite(a).all(axis=(1, 2)) & np.isfinite(b).all(axis=(1, 2))
    if not sound.any():
        return False
    a, b = a[sound], b[sound]
    scale = np.maximum(np.abs(a).max(axis=(1, 2)), np.abs(b).max(axis=(1, 2)))
    gap = np.abs(a - b).max(axis=(1, 2))
    return bool(np.median(gap / (scale + 1e-300)) <= SUSPICIOUS and (gap <= 1e-4 * (scale + 1e-6 * scale.max())).all())
