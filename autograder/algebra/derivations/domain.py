"""Where the relations of a derivation are to hold, and points of it: tilted in batches, or one of them again with 50 digits.

Random points alone do not refute a false bound: `|w| + 0.9 eta alpha |y|` is violated at none of thousands of Gaussian points. So points
are tilted: matrices of low rank and of extreme scale, vectors along singular directions, step sizes on the boundary of what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from autograder.algebra.assumptions import Assumed, assumed
from autograder.algebra.equivalence import seed_of
from autograder.algebra.evaluation import Batch, Point, Real, SampleBatch, Undefined, Value, evaluate_batch, size_sets, value_at
from autograder.algebra.notation import solve_constraint
from autograder.algebra.symbols import ONE, SCALAR, Symbol, Symbols
from autograder.algebra.tree import Expr, symbols_in

POINTS: Final = 48
"""Of one batch; there is a batch for every set of sizes."""
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


class Upper(NamedTuple):
    """A symbol, by key, between zero and `bound`."""

    key: str
    bound: Expr


class Fixed(NamedTuple):
    """A free symbol, by key, that has a value."""

    key: str
    value: Expr


class Iteration(NamedTuple):
    """An iterate that is reached from zero. last, counter: keys; following: the next iterate in terms of the last."""

    last: str
    counter: str
    following: Expr


class TypedRelation(NamedTuple):
    """A relation between typed expressions."""

    left: Expr
    sign: str
    right: Expr


@dataclass(frozen=True)
class Domain:
    """Where the relations of a derivation are to hold.

    table: symbols with assumptions and constraints. introduced: decompositions, in their order. assumed: relations that were assumed on
    the way.
    """

    table: Symbols
    uppers: tuple[Upper, ...] = ()
    values: tuple[Fixed, ...] = ()
    iteration: Iteration | None = None
    introduced: tuple[Introduced, ...] = ()
    assumed: tuple[TypedRelation, ...] = ()
    solved: bool = False
    """The values are those that equations are solved for."""


@dataclass(frozen=True)
class Draws:
    """What is drawn freely at every point of a batch.

    symbols: values by key. fractions: key of a symbol between zero and a bound -> the share of the bound that it is. places: key of a
    singular value -> which one it is, counted around.
    """

    symbols: Mapping[str, Batch]
    fractions: Mapping[str, Batch]
    places: Mapping[str, Batch]

    def every(self) -> Iterator[Batch]:
        """All of it."""
        for drawn in (self.symbols, self.fractions, self.places):
            yield from drawn.values()


@dataclass(frozen=True)
class DomainBatch(SampleBatch):
    """Points of a domain."""

    draws: Draws


@lru_cache(maxsize=256)
def sample_batches(domain: Domain, *, small: bool = False) -> tuple[DomainBatch, ...]:
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


def _drawn(domain: Domain, sizes: Mapping[str, int], rng: np.random.Generator, small: bool) -> DomainBatch:
    count = POINTS * (4 if small else 1)
    table = domain.table
    targets = {solve_constraint(table, text)[0] for text in table.constraints}
    fixed = targets | {key for key, _ in domain.uppers} | {k for i in domain.introduced for k in i.keys}
    free = [s for s in table.declared if s.key not in fixed and s.key not in table.definitions]
    symbols: dict[str, Batch] = {}
    for symbol in sorted(free, key=lambda s: (s.shape == SCALAR, ONE in s.shape)):
        symbols[symbol.key] = _symbol(symbol, table, sizes, symbols, rng, count, small)
    fractions: dict[str, Batch] = {}
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
        fractions[key] = part[:, None, None]
    if domain.iteration is not None:
        symbols[domain.iteration.counter] = rng.integers(1, LONGEST_RUN + 1, size=count).astype(float)[:, None, None]
    places: dict[str, Batch] = {}
    for one in domain.introduced:
        if one.kind == "singular":
            places[one.keys[0]] = rng.integers(0, 12, size=count).astype(float)[:, None, None]
    draws = Draws(symbols, fractions, places)
    return DomainBatch(sizes, _completed(domain, sizes, draws, count), count, draws)


def _completed(domain: Domain, sizes: Mapping[str, int], draws: Draws, count: int) -> dict[str, Batch]:
    """Every symbol from what was drawn: constraints solved, intervals scaled, values put in, decompositions made."""
    values = dict(draws.symbols)

    def at(e: Expr) -> Batch:
        return np.ascontiguousarray(evaluate_batch(e, SampleBatch(sizes, values, count)).values)

    for text in domain.table.constraints:
        target, e = solve_constraint(domain.table, text)
        values[target] = at(e)
    for key, upper in domain.uppers:
        values[key] = draws.fractions[key] * at(upper)
    late = {key for i in domain.introduced for key in i.keys}
    for key, e in domain.values:
        if not symbols_in(e) & late:
            values[key] = at(e)
    if domain.iteration is not None:
        last, counter, following = domain.iteration
        now = np.zeros_like(values[last])
        for k in range(1, LONGEST_RUN):
            values[last] = now
            now = np.where(values[counter] > k, at(following), now)
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
                place = draws.places[one.keys[0]][:, 0, 0].astype(int) % s.shape[1]
                values[one.keys[0]] = s[np.arange(count), place][:, None, None]
    for key, e in domain.values:
        if symbols_in(e) & late:
            values[key] = at(e)
    return values


def _symbol(
    symbol: Symbol, table: Symbols, sizes: Mapping[str, int], base: Mapping[str, Batch], rng: np.random.Generator, count: int, small: bool
) -> Batch:
    given = assumed(symbol.assumptions)
    if symbol.shape == SCALAR:
        if small:
            x = rng.choice([1.0, 2.0, 0.5, 3.0, 4.0, 0.25], size=count)
        else:
            x = np.where(rng.random(count) < 0.5, 10.0 ** rng.uniform(-2, 2, size=count), rng.uniform(0.1, 3, size=count))
        if given.allows(-1):
            x = x * rng.choice([1.0, -1.0], size=count)
        if given.allows(0):
            x = np.where(rng.random(count) < 0.1, 0.0, x)
        return given.numbers(x[:, None, None], rng, small)
    rows, columns = symbol.shape[0].size(sizes), symbol.shape[1].size(sizes)
    if ONE in symbol.shape:
        return _vectors(symbol, table, base, rng, (count, rows, columns), small)
    return _matrices(given, rng, (count, rows, columns), small)


def _matrices(given: Assumed, rng: np.random.Generator, shape: tuple[int, int, int], small: bool) -> Batch:
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
    return given.batch(np.asarray(a), np.asarray(ints, dtype=np.float64), rng, small)


def _vectors(
    symbol: Symbol, table: Symbols, base: Mapping[str, Batch], rng: np.random.Generator, shape: tuple[int, int, int], small: bool
) -> Batch:
    count = shape[0]
    ints = rng.integers(-2, 3, size=shape) * (rng.random(shape) < 0.75) * 1.0
    if small:
        return np.asarray(ints)
    length = next(d for d in symbol.shape if d != ONE) if symbol.shape != (ONE, ONE) else ONE
    tall = shape[1] >= shape[2]
    plain: Batch = rng.normal(size=shape)
    spread = np.asarray(10.0 ** rng.uniform(-2, 2, size=(count, 1, 1)), dtype=np.float64)
    choices: list[Batch] = [plain, plain * spread, np.zeros(shape), np.asarray(ints, dtype=np.float64)]
    for other in table.declared:
        a = base.get(other.key)
        if a is None or ONE in other.shape:
            continue
        u, _, vt = np.linalg.svd(a, full_matrices=True)
        scale = 10.0 ** rng.uniform(-1, 1, size=(count, 1, 1)) * rng.choice([1.0, -1.0], size=(count, 1, 1))
        for side, along in ((other.shape[0], u), (other.shape[1], vt.swapaxes(1, 2))):
            if side == length:
                ends = (along[:, :, :1], along[:, :, -1:])
                choices += [(column if tall else column.swapaxes(1, 2)) * scale for column in ends]
    kind = rng.integers(0, len(choices), size=(count, 1, 1))
    return np.asarray(np.select([kind == k for k in range(len(choices))], choices, 0.0))


# --- a point with 50 digits


def exact_point(domain: Domain, batch: DomainBatch, k: int, ring: Real) -> Point:
    """Point k of a batch with everything that is no free choice computed again in the ring. Raises Undefined."""
    values: dict[str, Value] = {}
    for key, drawn in batch.draws.symbols.items():
        rows = [[ring.const(Fraction(float(x))) for x in row] for row in drawn[k]]
        values[key] = rows[0][0] if domain.table.by_key(key).shape == SCALAR else rows
    for text in domain.table.constraints:
        target, e = solve_constraint(domain.table, text)
        values[target] = value_at(e, Point(ring, batch.sizes, values))
    for key, upper in domain.uppers:
        share = ring.const(Fraction(float(batch.draws.fractions[key][k, 0, 0])))
        values[key] = share * value_at(upper, Point(ring, batch.sizes, values))
    late = {key for i in domain.introduced for key in i.keys}
    for key, e in domain.values:
        if not symbols_in(e) & late:
            values[key] = value_at(e, Point(ring, batch.sizes, values))
    if domain.iteration is not None:
        last, counter, following = domain.iteration
        values[last] = [[ring.const(Fraction(0)) for _ in row] for row in values[last]]
        for _ in range(int(values[counter]) - 1):
            values[last] = value_at(following, Point(ring, batch.sizes, values))
    for one in domain.introduced:
        _decompose(one, values, batch, k, ring)
    for key, e in domain.values:
        if symbols_in(e) & late:
            values[key] = value_at(e, Point(ring, batch.sizes, values))
    return Point(ring, batch.sizes, values)


def _decompose(one: Introduced, values: dict[str, Value], batch: DomainBatch, k: int, ring: Real) -> None:
    ctx = ring.ctx
    source = value_at(one.source, Point(ring, batch.sizes, values))
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
            values[one.keys[0]] = s[int(batch.draws.places[one.keys[0]][k, 0, 0]) % min(rows, columns)]
            return
        middle = [[s[i] if i == j else ctx.mpf(0) for j in range(columns)] for i in range(rows)]
        parts = [_listed(u), middle, _listed(vt.T)]
    values |= zip(one.keys, parts, strict=True)


def _listed(matrix: Any) -> list[list[Any]]:
    return [[matrix[i, j] for j in range(matrix.cols)] for i in range(matrix.rows)]
