"""Where the relations of a derivation are to hold, and points of it: tilted in batches, or one of them again with 50 digits.

Random points alone do not refute a false bound: `|w| + 0.9 eta alpha |y|` is violated at none of thousands of Gaussian points. So points
are tilted: matrices of low rank and of extreme scale, vectors along singular directions, step sizes on the boundary of what is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

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


@dataclass(frozen=True)
class Domain:
    """Where the relations of a derivation are to hold.

    table: symbols with assumptions and constraints. uppers: (key, e) for `0 < symbol <= e`. values: (key, e) for a free symbol that has
    this value. recursion: (key of the last iterate, key of the counter, the next iterate in terms of the last): the last iterate is one
    that is reached from zero. introduced: decompositions, in their order. assumed: relations that were assumed on the way.
    """

    table: Symbols
    uppers: tuple[tuple[str, Expr], ...] = ()
    values: tuple[tuple[str, Expr], ...] = ()
    recursion: tuple[str, str, Expr] | None = None
    introduced: tuple[Introduced, ...] = ()
    assumed: tuple[tuple[Expr, str, Expr], ...] = ()
    solved: bool = False
    """The values are those that equations are solved for."""


@lru_cache(maxsize=256)
def clouds(domain: Domain, *, small: bool = False) -> tuple[SampleBatch, ...]:
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


def _drawn(domain: Domain, sizes: Mapping[str, int], rng: np.random.Generator, small: bool) -> SampleBatch:
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
    return SampleBatch(sizes, base, _completed(domain, sizes, base, count), count)


def _completed(domain: Domain, sizes: Mapping[str, int], base: Mapping[str, Batch], count: int) -> dict[str, Batch]:
    """Every symbol from what was drawn: constraints solved, intervals scaled, values put in, decompositions made."""
    values: dict[str, Batch] = {k: v for k, v in base.items() if " of " not in k}

    def at(e: Expr) -> Batch:
        value = evaluate_batch(e, SampleBatch(sizes, base, values, count))[0]
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


def exact_point(domain: Domain, cloud: SampleBatch, k: int, ring: Real) -> Point:
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
        _decompose(one, values, cloud, ring)
    for key, e in domain.values:
        if symbols_in(e) & late:
            values[key] = value_at(e, Point(ring, cloud.sizes, values))
    return Point(ring, cloud.sizes, {key: value for key, value in values.items() if " of " not in key})


def _decompose(one: Introduced, values: dict[str, Value], cloud: SampleBatch, ring: Real) -> None:
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
    values |= zip(one.keys, parts, strict=True)


def _listed(matrix: Any) -> list[list[Any]]:
    return [[matrix[i, j] for j in range(matrix.cols)] for i in range(matrix.rows)]
