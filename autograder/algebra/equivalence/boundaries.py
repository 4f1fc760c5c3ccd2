"""Boundaries between the pieces of two expressions, and exact points on them, beside them and between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import pairwise
from random import Random
from typing import Final, NamedTuple

from autograder.algebra.assumptions import assumed
from autograder.algebra.evaluation import (
    EXACT,
    Number,
    Point,
    Undefined,
    Unsupported,
    Value,
    draw_values,
    flat,
    small_draw,
    value_at,
    wide_draw,
)
from autograder.algebra.limits import MAX_BREAKS, SWEEP_COORDINATES, SWEEP_LINES
from autograder.algebra.symbols import SCALAR, Symbols
from autograder.algebra.tree import Expr, difference, occurring, symbols_in

NUDGE: Final = 10**7 + 19
"""One over it is how far a point is moved to look beside it."""


class Coordinate(NamedTuple):
    """One entry of a symbol's value, by key; of a scalar its only one."""

    key: str
    row: int = 0
    column: int = 0


def switches(e: Expr) -> list[Expr]:
    """Differences whose sign decides which piece holds."""
    out = [s for a in e.args for s in switches(a)]
    if e.op == "rel":
        out.append(difference(e.args[0], e.args[1]))
    elif e.op == "fn" and e.data in ("abs", "sign", "relu", "relu_prime"):
        out.append(e.args[0])
    elif e.op in ("max", "min"):
        out += [difference(a, b) for k, a in enumerate(e.args) for b in e.args[k + 1 :] if a.shape == b.shape]
        for a in e.args:
            for b in e.args:
                if a.shape != SCALAR and b.shape == SCALAR and b.op == "num" and b.data == 0:
                    out.append(a)
    return out


def switch_values(conditions: list[Expr], sizes: Mapping[str, int], values: Mapping[str, Value]) -> list[Number | None]:
    """Exact values of all switches; None where there is none."""
    out: list[Number | None] = []
    for e in conditions:
        try:
            out += flat(value_at(e, Point(EXACT, sizes, values)))
        except (Undefined, Unsupported, KeyError):  # noqa: PERF203 - no value at this point
            out.append(None)
    return out


def is_at_boundary(expected: Expr, answer: Expr, point: Point) -> bool:
    """Is some switch zero here that is not zero close by? (A switch may vanish on a whole piece: max(0, z) > 0.)"""
    conditions = list(dict.fromkeys([*switches(expected), *switches(answer)]))
    here = switch_values(conditions, point.sizes, point.values)
    if not any(x == 0 for x in here if x is not None):
        return False
    for sign in (1, -1):
        close = switch_values(conditions, point.sizes, nudged(point.values, sign))
        if len(close) == len(here) and any(x == 0 and y is not None and y != 0 for x, y in zip(here, close, strict=True)):
            return True
    return False


def nudged(values: Mapping[str, Value], sign: int) -> dict[str, Value]:
    """The point with every entry moved a little, each by another amount."""
    out: dict[str, Value] = {}
    count = 0
    for key in sorted(values):
        value = values[key]
        rows = value if isinstance(value, list) else [[value]]
        moved_rows: list[list[Number]] = []
        for row in rows:
            moved_rows.append([])
            for x in row:
                count += 1
                moved_rows[-1].append(x + sign * Fraction(count * count + 1, NUDGE))
        out[key] = moved_rows if isinstance(value, list) else moved_rows[0][0]
    return out


def sweep(expected: Expr, answer: Expr, table: Symbols, sizes: Mapping[str, int], rng: Random) -> Iterator[Point]:
    """Exact points along lines through random points, one coordinate moving: on every boundary, between them, and beyond."""
    conditions = list(dict.fromkeys([*switches(expected), *switches(answer)]))
    moving = sorted({k for c in conditions for k in symbols_in(c)})
    keys = occurring(expected, answer)
    if table.constraints:
        return
    large = any(table.by_key(k).shape != SCALAR for k in moving)
    for line in range(SWEEP_LINES - large):
        try:
            base = draw_values(table, keys, sizes, EXACT, wide_draw(rng) if line % 2 else small_draw(rng), rng)
        except Undefined:
            continue
        for entry in coordinates(table, moving, base, rng):
            given = assumed(table.by_key(entry.key).assumptions)
            for t in breaks(conditions, sizes, base, entry, given.above):
                if given.allows(t):
                    yield Point(EXACT, sizes, moved(base, entry, t))


def coordinates(table: Symbols, moving: list[str], base: Mapping[str, Value], rng: Random) -> list[Coordinate]:
    """Scalars and single entries that may move on their own."""
    out: list[Coordinate] = []
    for key in moving:
        if not assumed(table.by_key(key).assumptions).moves_freely:
            continue
        value = base[key]
        if isinstance(value, list):
            places = [(i, j) for i in range(len(value)) for j in range(len(value[0]))]
            out += [Coordinate(key, i, j) for i, j in rng.sample(places, min(2, len(places)))]
        else:
            out.append(Coordinate(key))
    limit = SWEEP_COORDINATES if all(table.by_key(key).shape == SCALAR for key in moving) else SWEEP_COORDINATES // 2
    return out if len(out) <= limit else rng.sample(out, limit)


def moved(base: Mapping[str, Value], entry: Coordinate, t: Fraction) -> dict[str, Value]:
    """The point with one coordinate at t."""
    values = dict(base)
    value = values[entry.key]
    if isinstance(value, list):
        place = (entry.row, entry.column)
        values[entry.key] = [[t if (r, c) == place else x for c, x in enumerate(row)] for r, row in enumerate(value)]
    else:
        values[entry.key] = t
    return values


def breaks(
    conditions: list[Expr], sizes: Mapping[str, int], base: Mapping[str, Value], entry: Coordinate, low: Fraction | None
) -> list[Fraction]:
    """Where switches vanish along a line, points between these places and beyond them. Linear and quadratic switches are solved."""
    samples = [switch_values(conditions, sizes, moved(base, entry, Fraction(t))) for t in (1, 2, 3, 4)]
    roots: set[Fraction] = set()
    if len({len(s) for s in samples}) != 1:
        return []
    for a, b, c, d in zip(*samples, strict=True):
        if a is None or b is None or c is None or d is None:
            continue
        second = (c - 2 * b + a) / 2
        if (d - 2 * c + b) / 2 != second:
            continue
        slope = (b - a) - 3 * second
        constant = a - slope - second
        if second == 0:
            if slope != 0:
                roots.add(-constant / slope)
        else:
            try:
                root = EXACT.root_power(slope * slope - 4 * second * constant, Fraction(1, 2))
            except (Undefined, Unsupported):
                continue
            roots |= {(-slope + root) / (2 * second), (-slope - root) / (2 * second)}
    kept = sorted(r for r in roots if low is None or r > low)[:MAX_BREAKS]
    if not kept:
        return []
    first = kept[0] - 1 if low is None else (kept[0] + low) / 2
    between = [(x + y) / 2 for x, y in pairwise(kept)]
    return [first, *kept, *between, kept[-1] + 1]
