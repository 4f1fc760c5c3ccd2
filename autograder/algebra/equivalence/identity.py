"""Are two typed expressions of one shape equal wherever the assumptions hold?

Rational expressions are evaluated at random points of a large prime field (Schwartz 1980, Zippel 1979): a difference is certain,
equality has an error bound that is computed from the degrees. Piecewise rational ones are evaluated exactly on both sides of every
boundary and on it. Roots, exponentials and the like are evaluated with 50 digits, which both verdicts must survive.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from math import prod
from random import Random
from typing import Final, Literal

from autograder.algebra.assumptions import assumed
from autograder.algebra.equivalence.boundaries import is_at_boundary, sweep
from autograder.algebra.evaluation import (
    EXACT,
    Modular,
    Point,
    Real,
    Ring,
    Undefined,
    Value,
    check_cost,
    draw_values,
    field_draw,
    lift,
    prime_of,
    rational_degree,
    size_sets,
    small_draw,
    value_at,
    wide_draw,
    word_length,
)
from autograder.algebra.limits import DIGITS, EQUAL_BELOW, REAL_POINTS, RETRIES
from autograder.algebra.symbols import SCALAR, Symbols
from autograder.algebra.tree import Expr, dims_in, needs, occurring

MAX_TURNS: Final = 8
"""Combinations of variants of symbols (both determinants of orthogonal matrices) that are looked at."""
BIG_LITERAL_BITS: Final = 40
"""Beyond so many bits of typed numbers, equality modulo the prime is checked with fractions as well."""


@dataclass(frozen=True)
class Equality:
    """Whether two expressions are equal.

    equal: None where it could not be decided, and `reason` says why. error: bound on the chance that `equal` is wrong.
    """

    equal: bool | None
    method: str
    error: float = 0.0
    reason: str = ""
    undefined: bool = False
    """They differ in that the second has no value where the first has."""
    boundary: bool = False
    """They differ, but only on boundaries between pieces."""
    where: Point | None = None
    """An exact point at which they differ, where the decision was made at such points."""


class Agreement(Enum):
    """What two expressions do at one point."""

    EQUAL = "both have one value"
    DIFFERENT = "they have different values"
    UNDEFINED = "the second has no value although the first has"
    SKIPPED = "the first has no value"


@lru_cache(maxsize=4096)
def digest(e: Expr) -> str:
    """A digest of a tree."""
    return hashlib.sha256(repr(e).encode("utf-8", "replace")).hexdigest()


def seed_of(*parts: str | Expr) -> int:
    """A seed that hangs on content alone."""
    return int.from_bytes(
        hashlib.sha256("\x1f".join(p if isinstance(p, str) else digest(p) for p in parts).encode("utf-8", "replace")).digest()[:8],
        "big",
    )


def mode_of(*expressions: Expr) -> Literal["field", "pieces", "real"]:
    """The ring that these expressions need: a prime field, fractions for what has pieces, or real numbers."""
    wanted: frozenset[str] = frozenset()
    for e in expressions:
        wanted |= needs(e)
    if "real" in wanted or {"order", "constant"} <= wanted:
        return "real"
    return "pieces" if "order" in wanted else "field"


def decide_pair(expected: Expr, answer: Expr, table: Symbols, seed: int) -> Equality:
    """The decision for two expressions of one shape. Raises OutOfBudget."""
    if expected == answer:
        return Equality(True, "normal-form")
    mode = mode_of(expected, answer)
    if mode == "field":
        return in_field(expected, answer, table, seed)
    if mode == "pieces":
        return at_points(expected, answer, table, seed, EXACT)
    return at_points(expected, answer, table, seed, Real())


def shapes_for(expected: Expr, answer: Expr, table: Symbols) -> list[dict[str, int]]:
    """Size sets for the dimensions that occur, larger for longer products."""
    dims = set(dims_in(expected) | dims_in(answer))
    for key in occurring(expected, answer):
        dims |= {name for dim in table.by_key(key).shape for name in dim.names}
    for text in table.constraints:
        if text:
            dims |= set(table.dimensions)
    longest = max(word_length(expected), word_length(answer))
    smallest = 3 if longest <= 5 else 4 if longest <= 8 else 5
    sets = size_sets(dims, smallest)
    return sets if dims else sets[:1]


def is_same_value(ring: Ring, one: Value, two: Value) -> bool:
    """Exactly, or for real numbers to EQUAL_BELOW digits of the larger."""
    if isinstance(one, list):
        return all(is_same_value(ring, x, y) for r, s in zip(one, two, strict=True) for x, y in zip(r, s, strict=True))
    if not isinstance(ring, Real):
        return bool(one == two)
    difference = abs(one - two)
    if difference == 0:
        return True
    scale = max(abs(one), abs(two))
    return bool(difference <= scale * ring.ctx.mpf(10) ** -EQUAL_BELOW or scale <= ring.tiny)


# --- rational expressions


def in_field(expected: Expr, answer: Expr, table: Symbols, seed: int) -> Equality:
    """Exact random evaluation modulo a random prime."""
    rng = Random(seed)
    keys = occurring(expected, answer)
    done = 0
    error = 0.0
    sets = shapes_for(expected, answer, table)
    undefined = 0
    turns = min(MAX_TURNS, prod(assumed(table.by_key(k).assumptions).variants for k in keys))
    for sizes in sets:
        check_cost(expected, sizes)
        check_cost(answer, sizes)
        good = 0
        for turn in range(2 * turns):
            ring = Modular(prime_of(seed), rng)
            values = draw_values(table, keys, sizes, ring, field_draw(ring, rng), rng, turn=turn)
            point = Point(ring, sizes, values)
            try:
                wanted = value_at(expected, point)
            except Undefined:
                continue
            try:
                got = value_at(answer, point)
            except Undefined:
                undefined += 1
                continue
            if wanted != got:
                return Equality(False, "exact")
            top, bottom = rational_degree(expected, sizes)
            top_, bottom_ = rational_degree(answer, sizes)
            error = max(error, max(top + bottom_, top_ + bottom, 1) / ring.p)
            good += 1
            if good == turns:
                done += 1
                break
        if done >= 2 or (done == 1 and len(sets) == 1):
            break
    if undefined and (done == 0 or (done < 2 and len(sets) > 1)):
        return Equality(False, "exact", undefined=True)
    if done == 0:
        return Equality(None, "exact", reason="the expected expression has no value at random points")
    if literal_bits(expected) + literal_bits(answer) > BIG_LITERAL_BITS:
        return confirmed_exactly(expected, answer, table, rng, sets[0], error)
    return Equality(True, "exact", error)


def confirmed_exactly(expected: Expr, answer: Expr, table: Symbols, rng: Random, sizes: Mapping[str, int], error: float) -> Equality:
    """Numbers as long as the prime may be multiples of it: one more evaluation with fractions."""
    constants = "constant" in needs(expected) | needs(answer)
    ring: Ring = Real() if constants else EXACT
    for _ in range(RETRIES):
        exact = Point(EXACT, sizes, draw_values(table, occurring(expected, answer), sizes, EXACT, small_draw(rng, 9), rng))
        point = in_ring(exact, ring)
        try:
            if is_same_value(ring, value_at(expected, point), value_at(answer, point)):
                return Equality(True, "exact", error)
            return Equality(False, "exact", where=exact)
        except Undefined:
            continue
    return Equality(None, "exact", reason="very long numbers, and no exact value to compare")


def literal_bits(e: Expr) -> int:
    """Bits of all typed numbers together."""
    own = e.data.numerator.bit_length() + e.data.denominator.bit_length() - 1 if e.op == "num" else 0
    return own + sum(literal_bits(a) for a in e.args)


# --- at exact points, evaluated exactly or with high precision


def at_points(expected: Expr, answer: Expr, table: Symbols, seed: int, ring: Ring) -> Equality:
    """At random points of both signs, and, where there are pieces, along lines across every boundary."""
    rng = Random(seed)
    method = "numeric" if isinstance(ring, Real) else "exact"
    compared = 0
    undefined: Point | None = None
    sets = shapes_for(expected, answer, table)[:2]
    for sizes in sets:
        check_cost(expected, sizes)
        check_cost(answer, sizes)
        here = 0
        for point in random_points(expected, answer, table, sizes, rng):
            agreement = compare(expected, answer, point, ring)
            if agreement is Agreement.DIFFERENT:
                return Equality(False, method, where=point)
            if agreement is Agreement.UNDEFINED:
                undefined = undefined or point
            here += agreement is Agreement.EQUAL
            if here >= (REAL_POINTS if method == "numeric" else 8):
                break
        compared += here
    if undefined is not None:
        return Equality(False, method, undefined=True, where=undefined)
    if "order" in needs(expected) | needs(answer):
        on_boundary: Equality | None = None
        lines = size_sets(sets[0], 2)[0]  # small: a boundary is found by moving one entry
        for point in sweep(expected, answer, table, lines, rng):
            agreement = compare(expected, answer, point, ring)
            if agreement in (Agreement.DIFFERENT, Agreement.UNDEFINED):
                found = Equality(False, method, where=point, undefined=agreement is Agreement.UNDEFINED)
                if not is_at_boundary(expected, answer, point):
                    return found
                on_boundary = on_boundary or replace(found, boundary=True)
            compared += agreement is Agreement.EQUAL
        if on_boundary is not None:
            return on_boundary
    if compared < 2:
        return Equality(None, method, reason="no two random points at which the expected expression has a value")
    return Equality(True, method)


def in_ring(exact: Point, ring: Ring) -> Point:
    """The same point with its values in another ring."""
    return exact if ring is exact.ring else Point(ring, exact.sizes, lift(exact.values, ring))


def compare(expected: Expr, answer: Expr, exact: Point, ring: Ring) -> Agreement:
    """What the two do at an exact point, computed in a ring."""
    point = in_ring(exact, ring)
    try:
        wanted = value_at(expected, point)
    except Undefined:
        return Agreement.SKIPPED
    try:
        got = value_at(answer, point)
    except Undefined:
        return Agreement.UNDEFINED
    if is_same_value(ring, wanted, got):
        return Agreement.EQUAL
    if isinstance(ring, Real):
        finer = Real(3 * DIGITS)
        point = in_ring(exact, finer)
        try:
            if is_same_value(finer, value_at(expected, point), value_at(answer, point)):
                return Agreement.EQUAL
        except Undefined:
            return Agreement.SKIPPED
    return Agreement.DIFFERENT


def random_points(expected: Expr, answer: Expr, table: Symbols, sizes: Mapping[str, int], rng: Random) -> Iterator[Point]:
    """Exact points, each followed by one with the signs of all free scalars turned."""
    keys = occurring(expected, answer)
    free = {k for k in keys if table.by_key(k).shape == SCALAR and assumed(table.by_key(k).assumptions).allows(-1)}
    for turn in range(4 * RETRIES):
        try:
            values = draw_values(table, keys, sizes, EXACT, wide_draw(rng), rng, turn=turn)
        except Undefined:
            continue
        yield Point(EXACT, sizes, values)
        if free and not table.constraints:
            yield Point(EXACT, sizes, {k: -v if k in free else v for k, v in values.items()})
