"""Are two typed expressions of one shape equal wherever the assumptions hold?

Rational expressions are evaluated at random points of a large prime field (Schwartz 1980, Zippel 1979): a difference is certain,
equality has an error bound that is computed from the degrees. Piecewise rational ones are evaluated exactly on both sides of every
boundary and on it. Roots, exponentials and the like are evaluated with 50 digits, which both verdicts must survive.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import prod
from random import Random
from typing import Final

from autograder.algebra.assumptions import assumed
from autograder.algebra.evaluation import (
    Exact,
    Modular,
    Number,
    Point,
    Real,
    Ring,
    Undefined,
    Unsupported,
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
from autograder.algebra.limits import DIGITS, EQUAL_BELOW, MAX_BREAKS, REAL_POINTS, RETRIES, SWEEP_COORDINATES, SWEEP_LINES, WITNESS_TRIES
from autograder.algebra.symbols import SCALAR, Symbols
from autograder.algebra.tree import Expr, dims_in, needs, symbols_in

EXACT: Final = Exact()
NUDGE: Final = 10**7 + 19
"""One over it is how far a point is moved to look beside it."""
FEW_TRIES: Final = 10
"""Points of a small size before a larger one is tried: some differences do not show at small sizes."""
MAX_TURNS: Final = 8
"""Combinations of variants of symbols (both determinants of orthogonal matrices) that are looked at."""
BIG_LITERAL_BITS: Final = 40
"""Beyond so many bits of typed numbers, equality modulo the prime is checked with fractions as well."""


@dataclass(frozen=True)
class Witness:
    """A point at which two expressions differ. values: symbol name -> number or rows; expected, answer: None where undefined."""

    values: Mapping[str, Value]
    expected: Value
    answer: Value


@dataclass(frozen=True)
class Outcome:
    """equal: None where it could not be decided, and `reason` says why. error: bound on the chance that `equal` is wrong."""

    equal: bool | None
    method: str
    error: float = 0.0
    reason: str = ""
    boundary: bool = False
    """They differ, but only on boundaries between pieces."""
    where: tuple[Mapping[str, int], Mapping[str, Value]] | None = None
    """Sizes and exact values of a point at which they differ, where the decision was made at exact points."""


@lru_cache(maxsize=4096)
def fingerprint(e: Expr) -> str:
    """A digest of a tree."""
    return hashlib.sha256(repr(e).encode("utf-8", "replace")).hexdigest()


def seed_of(*parts: str | Expr) -> int:
    """A seed that hangs on content alone."""
    return int.from_bytes(
        hashlib.sha256("\x1f".join(p if isinstance(p, str) else fingerprint(p) for p in parts).encode("utf-8", "replace")).digest()[:8],
        "big",
    )


def mode_of(*expressions: Expr) -> str:
    """`field`, `pieces` or `real`: the ring that these expressions need."""
    wanted: frozenset[str] = frozenset()
    for e in expressions:
        wanted |= needs(e)
    if "real" in wanted or {"order", "constant"} <= wanted:
        return "real"
    return "pieces" if "order" in wanted else "field"


def decide_pair(expected: Expr, answer: Expr, table: Symbols, seed: int) -> Outcome:
    """The decision for two expressions of one shape. Raises OutOfBudget."""
    if expected == answer:
        return Outcome(True, "normal-form")
    mode = mode_of(expected, answer)
    if mode == "field":
        return in_field(expected, answer, table, seed)
    if mode == "pieces":
        return at_points(expected, answer, table, seed, EXACT)
    return at_points(expected, answer, table, seed, Real())


def occurring(expected: Expr, answer: Expr) -> frozenset[str]:
    """Keys of all symbols in either."""
    return symbols_in(expected) | symbols_in(answer)


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


def equal_values(ring: Ring, one: Value, two: Value) -> bool:
    """Exactly, or for real numbers to EQUAL_BELOW digits of the larger."""
    if isinstance(one, list):
        return all(equal_values(ring, x, y) for r, s in zip(one, two, strict=True) for x, y in zip(r, s, strict=True))
    if not isinstance(ring, Real):
        return bool(one == two)
    difference = abs(one - two)
    if difference == 0:
        return True
    scale = max(abs(one), abs(two))
    return bool(difference <= scale * ring.ctx.mpf(10) ** -EQUAL_BELOW or scale <= ring.tiny)


# --- rational expressions


def in_field(expected: Expr, answer: Expr, table: Symbols, seed: int) -> Outcome:
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
                return Outcome(False, "exact")
            top, bottom = rational_degree(expected, sizes)
            top_, bottom_ = rational_degree(answer, sizes)
            error = max(error, max(top + bottom_, top_ + bottom, 1) / ring.p)
            good += 1
            if good == turns:
                done += 1
                break
        if done >= 2 or (done == 1 and len(sets) == 1):
            break
    if done == 0 and undefined:
        return Outcome(False, "exact", reason="undefined")
    if done == 0 or (undefined and done < 2 and len(sets) > 1):
        if undefined:
            return Outcome(False, "exact", reason="undefined")
        return Outcome(None, "exact", reason="the expected expression has no value at random points")
    if literal_bits(expected) + literal_bits(answer) > BIG_LITERAL_BITS:
        return confirmed_exactly(expected, answer, table, rng, sets[0], error)
    return Outcome(True, "exact", error)


def confirmed_exactly(expected: Expr, answer: Expr, table: Symbols, rng: Random, sizes: Mapping[str, int], error: float) -> Outcome:
    """Numbers as long as the prime may be multiples of it: one more evaluation with fractions."""
    constants = "constant" in needs(expected) | needs(answer)
    ring: Ring = Real() if constants else EXACT
    for _ in range(RETRIES):
        values = draw_values(table, occurring(expected, answer), sizes, EXACT, small_draw(rng, 9), rng)
        point = Point(ring, sizes, lift(values, ring))
        try:
            if equal_values(ring, value_at(expected, point), value_at(answer, point)):
                return Outcome(True, "exact", error)
            return Outcome(False, "exact", where=(sizes, values))
        except Undefined:
            continue
    return Outcome(None, "exact", reason="very long numbers, and no exact value to compare")


def literal_bits(e: Expr) -> int:
    """Bits of all typed numbers together."""
    own = e.data.numerator.bit_length() + e.data.denominator.bit_length() - 1 if e.op == "num" else 0
    return own + sum(literal_bits(a) for a in e.args)


# --- at exact points, evaluated exactly or with high precision


def at_points(expected: Expr, answer: Expr, table: Symbols, seed: int, ring: Ring) -> Outcome:
    """At random points of both signs, and, where there are pieces, along lines across every boundary."""
    rng = Random(seed)
    method = "numeric" if isinstance(ring, Real) else "exact"
    compared = undefined = 0
    sets = shapes_for(expected, answer, table)[:2]
    for sizes in sets:
        check_cost(expected, sizes)
        check_cost(answer, sizes)
        here = 0
        for values in random_points(expected, answer, table, sizes, rng):
            state = compare(expected, answer, sizes, values, ring)
            if state == "different":
                return Outcome(False, method, where=(sizes, values))
            if state == "undefined":
                undefined += 1
                if undefined == 1:
                    first = (sizes, values)
            compared += state == "equal"
            here += state == "equal"
            if here >= (REAL_POINTS if method == "numeric" else 8):
                break
    if undefined:
        return Outcome(False, method, reason="undefined", where=first)
    if "order" in needs(expected) | needs(answer):
        on_boundary = None
        lines = size_sets(sets[0], 2)[0]  # small: a boundary is found by moving one entry
        for swept, values in sweep(expected, answer, table, lines, rng):
            sizes = dict(swept)
            state = compare(expected, answer, sizes, values, ring)
            if state in ("different", "undefined"):
                outcome = Outcome(False, method, where=(sizes, values), reason="undefined" if state == "undefined" else "")
                if not at_boundary(expected, answer, sizes, values):
                    return outcome
                on_boundary = on_boundary or outcome
            compared += state == "equal"
        if on_boundary is not None:
            return Outcome(False, method, where=on_boundary.where, boundary=True, reason=on_boundary.reason)
    if compared < 2:
        return Outcome(None, method, reason="no two random points at which the expected expression has a value")
    return Outcome(True, method)


def compare(expected: Expr, answer: Expr, sizes: Mapping[str, int], values: Mapping[str, Value], ring: Ring) -> str:
    """`equal`, `different`, `undefined` (the answer has no value although the expected has) or `skipped`."""
    point = Point(ring, sizes, lift(values, ring) if isinstance(ring, Real) else values)
    try:
        wanted = value_at(expected, point)
    except Undefined:
        return "skipped"
    try:
        got = value_at(answer, point)
    except Undefined:
        return "undefined"
    if equal_values(ring, wanted, got):
        return "equal"
    if isinstance(ring, Real):
        finer = Real(3 * DIGITS)
        point = Point(finer, sizes, lift(values, finer))
        try:
            if equal_values(finer, value_at(expected, point), value_at(answer, point)):
                return "equal"
        except Undefined:
            return "skipped"
    return "different"


def random_points(expected: Expr, answer: Expr, table: Symbols, sizes: Mapping[str, int], rng: Random) -> Iterator[dict[str, Value]]:
    """Exact points, each followed by one with the signs of all free scalars turned."""
    keys = occurring(expected, answer)
    free = {k for k in keys if table.by_key(k).shape == SCALAR and assumed(table.by_key(k).assumptions).allows(-1)}
    for turn in range(4 * RETRIES):
        try:
            values = draw_values(table, keys, sizes, EXACT, wide_draw(rng), rng, turn=turn)
        except Undefined:
            continue
        yield values
        if free and not table.constraints:
            yield {k: -v if k in free else v for k, v in values.items()}


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


def difference(one: Expr, two: Expr) -> Expr:
    """one - two"""
    minus = Expr("num", (), Fraction(-1), SCALAR)
    negative = Expr("mul", (minus, two), None, SCALAR) if two.shape == SCALAR else Expr("scale", (minus, two), None, two.shape)
    return Expr("add", (one, negative), None, one.shape)


def flat(value: Value) -> list[Number]:
    """Entries of a value."""
    return [x for row in value for x in row] if isinstance(value, list) else [value]


def switch_values(conditions: list[Expr], sizes: Mapping[str, int], values: Mapping[str, Value]) -> list[Number | None]:
    """Exact values of all switches; None where there is none."""
    out: list[Number | None] = []
    for e in conditions:
        try:
            out += flat(value_at(e, Point(EXACT, sizes, values)))
        except (Undefined, Unsupported, KeyError):  # noqa: PERF203 - no value at this point
            out.append(None)
    return out


def at_boundary(expected: Expr, answer: Expr, sizes: Mapping[str, int], values: Mapping[str, Value]) -> bool:
    """Is some switch zero here that is not zero close by? (A switch may vanish on a whole piece: max(0, z) > 0.)"""
    conditions = list(dict.fromkeys([*switches(expected), *switches(answer)]))
    here = switch_values(conditions, sizes, values)
    if not any(x == 0 for x in here if x is not None):
        return False
    for sign in (1, -1):
        close = switch_values(conditions, sizes, nudged(values, sign))
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


def sweep(
    expected: Expr, answer: Expr, table: Symbols, sizes: Mapping[str, int], rng: Random
) -> Iterator[tuple[Mapping[str, int], dict[str, Value]]]:
    """Points along lines through random points, one coordinate moving: on every boundary, between them, and beyond."""
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
        for key, i, j in coordinates(table, moving, base, rng):
            given = assumed(table.by_key(key).assumptions)
            for t in breaks(conditions, sizes, base, key, i, j, given.above):
                if given.allows(t):
                    yield sizes, moved(base, key, i, j, t)


def coordinates(table: Symbols, moving: list[str], base: Mapping[str, Value], rng: Random) -> list[tuple[str, int, int]]:
    """Scalars and single entries that may move on their own."""
    out: list[tuple[str, int, int]] = []
    for key in moving:
        if not assumed(table.by_key(key).assumptions).moves_freely:
            continue
        value = base[key]
        if isinstance(value, list):
            places = [(i, j) for i in range(len(value)) for j in range(len(value[0]))]
            out += [(key, i, j) for i, j in rng.sample(places, min(2, len(places)))]
        else:
            out.append((key, 0, 0))
    limit = SWEEP_COORDINATES if all(table.by_key(key).shape == SCALAR for key in moving) else SWEEP_COORDINATES // 2
    return out if len(out) <= limit else rng.sample(out, limit)


def moved(base: Mapping[str, Value], key: str, i: int, j: int, t: Fraction) -> dict[str, Value]:
    """The point with one coordinate at t."""
    values = dict(base)
    value = values[key]
    if isinstance(value, list):
        values[key] = [[t if (r, c) == (i, j) else x for c, x in enumerate(row)] for r, row in enumerate(value)]
    else:
        values[key] = t
    return values


def breaks(
    conditions: list[Expr], sizes: Mapping[str, int], base: Mapping[str, Value], key: str, i: int, j: int, low: Fraction | None
) -> list[Fraction]:
    """Where switches vanish along a line, points between these places and beyond them. Linear and quadratic switches are solved."""
    samples = [switch_values(conditions, sizes, moved(base, key, i, j, Fraction(t))) for t in (1, 2, 3, 4)]
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


# --- a point that a person can check


def find_witness(expected: Expr, answer: Expr, table: Symbols, outcome: Outcome, seed: int) -> Witness | None:
    """Small whole numbers at which the two differ, replayed exactly; None if none is found."""
    rng = Random(seed + 1)
    mode = mode_of(expected, answer)
    constants = "constant" in needs(expected) | needs(answer)
    replay: Ring = Real() if mode == "real" or constants else EXACT
    keys = [s.key for s in table.declared if s.key not in table.definitions]
    dims = {name for s in table.declared for dim in s.shape for name in dim.names} | set(dims_in(expected) | dims_in(answer))
    best: tuple[float, dict[str, int], dict[str, Value]] | None = None
    quick: Ring = Modular(prime_of(seed), rng) if mode == "field" else replay
    if not outcome.boundary:
        up, down = size_sets(dims)[:2]
        two, three = dict.fromkeys(dims, 2), dict.fromkeys(dims, 3)
        for sizes, tries in ((two, FEW_TRIES), (three, FEW_TRIES), (up, WITNESS_TRIES), (down, WITNESS_TRIES), (two, WITNESS_TRIES)):
            found = 0
            for k in range(tries if mode == "field" else tries // 2):
                try:
                    values = draw_values(table, keys, sizes, EXACT, small_draw(rng, 3 if k < 30 else 9), rng, plain=True)
                except Undefined:
                    continue
                if differs(expected, answer, sizes, values, quick, outcome.reason == "undefined"):
                    cost = sum(abs(x) + 20 * (x.denominator > 1) for v in values.values() for x in flat(v))
                    if best is None or cost < best[0]:
                        best = (float(cost), sizes, values)
                    found += 1
                    if found >= 4:
                        break
            if best is not None:
                break
    if best is None and outcome.where is not None:
        sizes, values = dict(outcome.where[0]), dict(outcome.where[1])
        rest = [s for s in keys if s not in values]
        for name in dims:
            sizes.setdefault(name, 3)
        values |= draw_values(table, rest, sizes, EXACT, small_draw(rng), rng, plain=True)
        best = (0.0, sizes, values)
    if best is None:
        return None
    _, sizes, values = best
    return replayed(expected, answer, table, sizes, values, replay)


def differs(expected: Expr, answer: Expr, sizes: Mapping[str, int], values: Mapping[str, Value], ring: Ring, undefined: bool) -> bool:
    """Do they differ at an exact point?"""
    point = Point(ring, sizes, lift(values, ring))
    try:
        wanted = value_at(expected, point)
    except (Undefined, Unsupported):
        return False
    try:
        return not equal_values(ring, wanted, value_at(answer, point))
    except Undefined:
        return undefined
    except Unsupported:
        return False


def replayed(
    expected: Expr, answer: Expr, table: Symbols, sizes: Mapping[str, int], values: Mapping[str, Value], ring: Ring
) -> Witness | None:
    """The witness with both values, from the exact point; None if they do not differ after all."""
    point = Point(ring, sizes, lift(values, ring))
    try:
        wanted = value_at(expected, point)
        try:
            got = value_at(answer, point)
        except Undefined:
            got = None
    except (Undefined, Unsupported):
        return None
    if got is not None and equal_values(ring, wanted, got):
        return None
    named = {s.name: values[s.key] for s in table.declared if s.key in values}
    return Witness(named, wanted, got)
