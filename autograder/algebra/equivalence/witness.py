"""A point at which two expressions differ, in small numbers that a person can check."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from autograder.algebra.equivalence.identity import Equality, in_ring, is_same_value, mode_of
from autograder.algebra.evaluation import (
    EXACT,
    Modular,
    Number,
    Point,
    Real,
    Ring,
    Undefined,
    Unsupported,
    Value,
    draw_values,
    flat,
    prime_of,
    size_sets,
    small_draw,
    value_at,
)
from autograder.algebra.limits import WITNESS_TRIES
from autograder.algebra.symbols import Symbols
from autograder.algebra.tree import Expr, dims_in, needs

FEW_TRIES: Final = 10
"""Points of a small size before a larger one is tried: some differences do not show at small sizes."""


@dataclass(frozen=True)
class Witness:
    """A point at which two expressions differ. values: symbol name -> number or rows; expected, answer: None where undefined."""

    values: Mapping[str, Value]
    expected: Value
    answer: Value


def find_witness(expected: Expr, answer: Expr, table: Symbols, equality: Equality, seed: int) -> Witness | None:
    """Small whole numbers at which the two differ, computed again exactly; None if none is found."""
    rng = Random(seed + 1)
    mode = mode_of(expected, answer)
    constants = "constant" in needs(expected) | needs(answer)
    final: Ring = Real() if mode == "real" or constants else EXACT
    keys = [s.key for s in table.declared if s.key not in table.definitions]
    dims = {name for s in table.declared for dim in s.shape for name in dim.names} | set(dims_in(expected) | dims_in(answer))
    best: Point | None = None
    least = math.inf
    quick: Ring = Modular(prime_of(seed), rng) if mode == "field" else final
    if not equality.boundary:
        up, down = size_sets(dims)[:2]
        two, three = dict.fromkeys(dims, 2), dict.fromkeys(dims, 3)
        for sizes, tries in ((two, FEW_TRIES), (three, FEW_TRIES), (up, WITNESS_TRIES), (down, WITNESS_TRIES), (two, WITNESS_TRIES)):
            found = 0
            for k in range(tries if mode == "field" else tries // 2):
                draw = small_draw(rng, 3 if k < 30 else 9)
                try:
                    point = Point(EXACT, sizes, draw_values(table, keys, sizes, EXACT, draw, rng, plain=True))
                except Undefined:
                    continue
                if is_different_at(expected, answer, point, quick, undefined=equality.undefined):
                    cost = cost_by_hand(point)
                    if cost < least:
                        best, least = point, float(cost)
                    found += 1
                    if found >= 4:
                        break
            if best is not None:
                break
    if best is None and equality.where is not None:
        sizes, values = dict(equality.where.sizes), dict(equality.where.values)
        rest = [s for s in keys if s not in values]
        for name in dims:
            sizes.setdefault(name, 3)
        values |= draw_values(table, rest, sizes, EXACT, small_draw(rng), rng, plain=True)
        best = Point(EXACT, sizes, values)
    return None if best is None else witness_at(expected, answer, table, best, final)


def cost_by_hand(exact: Point) -> Number:
    """How hard an exact point is to check by hand."""
    return sum(abs(x) + 20 * (x.denominator > 1) for v in exact.values.values() for x in flat(v))


def is_different_at(expected: Expr, answer: Expr, exact: Point, ring: Ring, *, undefined: bool) -> bool:
    """Do they differ at an exact point, computed in a ring? undefined: the answer having no value counts."""
    point = in_ring(exact, ring)
    try:
        wanted = value_at(expected, point)
    except (Undefined, Unsupported):
        return False
    try:
        return not is_same_value(ring, wanted, value_at(answer, point))
    except Undefined:
        return undefined
    except Unsupported:
        return False


def witness_at(expected: Expr, answer: Expr, table: Symbols, exact: Point, ring: Ring) -> Witness | None:
    """The witness with both values, computed again from the exact point; None if they do not differ after all."""
    point = in_ring(exact, ring)
    try:
        wanted = value_at(expected, point)
        try:
            got = value_at(answer, point)
        except Undefined:
            got = None
    except (Undefined, Unsupported):
        return None
    if got is not None and is_same_value(ring, wanted, got):
        return None
    named = {s.name: exact.values[s.key] for s in table.declared if s.key in exact.values}
    return Witness(named, wanted, got)
