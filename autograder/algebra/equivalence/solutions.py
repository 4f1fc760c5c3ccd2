"""Points at which a condition holds: solved for exactly where it is linear in its unknowns, else looked for among structured matrices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from random import Random
from typing import Final

from autograder.algebra.assumptions import MatrixAssumption, Sampling, assumed, assumption, cayley, known_assumptions
from autograder.algebra.equivalence.conjuncts import Conjunct
from autograder.algebra.evaluation import (
    EXACT,
    Point,
    RingAlgebra,
    Undefined,
    Unsupported,
    Value,
    condition_holds,
    draw_values,
    flat,
    size_sets,
    small_draw,
    value_at,
)
from autograder.algebra.limits import MAX_CONDITION_POINTS
from autograder.algebra.symbols import SCALAR, Symbols
from autograder.algebra.tree import needs, symbols_in

SIZE: Final = 3
QUANTIFIED_DRAWS: Final = 3
"""Values of a symbol that the condition holds for all of."""
ALGEBRA: Final = RingAlgebra(EXACT)
STRUCTURES: Final = ("skew", "rotation", "unit", "zero", "nilpotent", "scalar", "involution", "projection", "any")
"""Kinds of matrices that no symbol is declared as, beside the assumptions."""


def _keys(parts: Sequence[Conjunct]) -> frozenset[str]:
    out: frozenset[str] = frozenset()
    for p in parts:
        for e in (p.residual, p.relation):
            out |= symbols_in(e) if e is not None else frozenset()
        if p.assumption:
            out |= {p.assumption[0]}
    return out


def _sizes(symbols: Symbols) -> dict[str, int]:
    return size_sets(symbols.dimensions, SIZE)[0]


def _residuals(p: Conjunct, values: Mapping[str, Value], sizes: Mapping[str, int]) -> list[Fraction]:
    """All entries of an equation's residual, over all values of its free indices."""
    assert p.residual is not None
    names = [name for name, _ in p.indices]
    ranges = [range(1, sizes.get(dim, SIZE) + 1) if not dim.isdigit() else range(1, int(dim) + 1) for _, dim in p.indices]
    out: list[Fraction] = []
    for combination in product(*ranges):
        out += flat(value_at(p.residual, Point(EXACT, sizes, values), dict(zip(names, combination, strict=True))))
    return out


def holds(parts: Sequence[Conjunct], values: Mapping[str, Value], symbols: Symbols, seed: int) -> bool:
    """Do all conjuncts hold at a point, for all values of the symbols that the point does not give? Raises Unsupported."""
    sizes = _sizes(symbols)
    rng = Random(seed + 7)
    missing = sorted(_keys(parts) - set(values))
    for _ in range(QUANTIFIED_DRAWS if missing else 1):
        point = dict(values)
        if missing:
            point |= draw_values(symbols, missing, sizes, EXACT, small_draw(rng, 9), rng)
        for p in parts:
            try:
                if p.residual is not None and any(x != 0 for x in _residuals(p, point, sizes)):
                    return False
                if p.relation is not None and not condition_holds(p.relation, Point(EXACT, sizes, point)):
                    return False
            except Undefined:
                return False
            if p.assumption is not None and not assumption(p.assumption[1]).holds(point[p.assumption[0]], ALGEBRA):
                return False
    return True


def solutions(parts: Sequence[Conjunct], symbols: Symbols, seed: int) -> tuple[list[dict[str, Value]], bool]:
    """Points at which all conjuncts hold, and whether they are random among all such points (so that they can prove as well as refute)."""
    rng = Random(seed)
    sizes = _sizes(symbols)
    unknown = sorted(
        k for k in _keys(parts) if symbols.by_key(k).shape != SCALAR and 1 not in (d.size(sizes) for d in symbols.by_key(k).shape)
    )
    if not unknown:
        unknown = sorted(_keys(parts))
    solved = _linear_solutions(parts, unknown, symbols, sizes, rng) if all(p.residual is not None for p in parts) else None
    if solved is not None:
        return solved, True
    out = []
    proper = all(p.assumption is not None for p in parts)
    for values in _structured(parts, unknown, symbols, sizes, rng):
        try:
            if holds(parts, values, symbols, seed):
                out.append(values)
        except Unsupported:
            continue
        if len(out) >= MAX_CONDITION_POINTS:
            break
    return out, proper and bool(out)


def _linear_solutions(
    parts: Sequence[Conjunct], unknown: Sequence[str], symbols: Symbols, sizes: Mapping[str, int], rng: Random
) -> list[dict[str, Value]] | None:
    """Random solutions of equations that are linear in the unknowns' entries; None where they are not linear."""
    shapes = [(k, symbols.by_key(k).shape[0].size(sizes), symbols.by_key(k).shape[1].size(sizes)) for k in unknown]
    count = sum(r * c for _, r, c in shapes)
    if any(symbols.by_key(k).assumptions for k in unknown) or any(needs(p.residual) for p in parts if p.residual is not None):
        return None
    others = sorted(_keys(parts) - set(unknown))
    draws = [draw_values(symbols, others, sizes, EXACT, small_draw(rng, 5), rng) for _ in range(QUANTIFIED_DRAWS + 2 if others else 1)]

    def build(entries: Sequence[Fraction]) -> dict[str, Value]:
        out: dict[str, Value] = {}
        at = 0
        for k, r, c in shapes:
            rows = [list(entries[at + i * c : at + (i + 1) * c]) for i in range(r)]
            out[k] = rows if symbols.by_key(k).shape != SCALAR else rows[0][0]
            at += r * c
        return out

    def residual(entries: Sequence[Fraction]) -> list[Fraction]:
        return [x for d in draws for p in parts for x in _residuals(p, build(entries) | d, sizes)]

    zero = [Fraction(0)] * count
    try:
        constant = residual(zero)
        columns = []
        for k in range(count):
            unit = list(zero)
            unit[k] = Fraction(1)
            columns.append([x - c for x, c in zip(residual(unit), constant, strict=True)])
        trial = [Fraction(rng.randint(-9, 9)) for _ in range(count)]
        predicted = [c + sum(x * col[i] for x, col in zip(trial, columns, strict=True)) for i, c in enumerate(constant)]
        if residual(trial) != predicted:
            return None
    except (Undefined, Unsupported):
        return None
    particular, basis = _solve([[col[i] for col in columns] for i in range(len(constant))], [-c for c in constant], count)
    if particular is None:
        return []
    out = []
    for _ in range(6):
        weights = [Fraction(rng.choice((1, 2, 3, -1, -2))) for _ in basis]
        entries = [p + sum(w * b[k] for w, b in zip(weights, basis, strict=True)) for k, p in enumerate(particular)]
        out.append(build(entries))
    return out


def _solve(rows: list[list[Fraction]], right: list[Fraction], count: int) -> tuple[list[Fraction] | None, list[list[Fraction]]]:
    """A particular solution and a basis of the null space, by elimination."""
    table = [[*row, b] for row, b in zip(rows, right, strict=True) if any(row) or b]
    pivots: list[int] = []
    r = 0
    for c in range(count):
        pivot = next((i for i in range(r, len(table)) if table[i][c] != 0), None)
        if pivot is None:
            continue
        table[r], table[pivot] = table[pivot], table[r]
        head = [x / table[r][c] for x in table[r]]
        table[r] = head
        for i in range(len(table)):
            if i != r and table[i][c] != 0:
                factor = table[i][c]
                table[i] = [x - factor * y for x, y in zip(table[i], head, strict=True)]
        pivots.append(c)
        r += 1
    if any(row[-1] != 0 for row in table[r:]):
        return None, []
    particular = [Fraction(0)] * count
    for i, c in enumerate(pivots):
        particular[c] = table[i][-1]
    basis = []
    for free in (c for c in range(count) if c not in pivots):
        vector = [Fraction(0)] * count
        vector[free] = Fraction(1)
        for i, c in enumerate(pivots):
            vector[c] = -table[i][free]
        basis.append(vector)
    return particular, basis


def _structured(
    parts: Sequence[Conjunct], unknown: Sequence[str], symbols: Symbols, sizes: Mapping[str, int], rng: Random
) -> Iterator[dict[str, Value]]:
    """Matrices of many kinds: what a condition that cannot be solved is looked for among."""
    assumed = sorted({p.assumption for p in parts if p.assumption is not None})
    kinds = [*(one.name for one in known_assumptions() if isinstance(one, MatrixAssumption)), *STRUCTURES]
    for k in range(6 * len(kinds)):
        values: dict[str, Value] = {}
        for key in unknown:
            symbol = symbols.by_key(key)
            if symbol.shape == SCALAR or symbol.shape[0] != symbol.shape[1]:
                values |= draw_values(symbols, [key], sizes, EXACT, small_draw(rng), rng)
                continue
            own = [name for s, name in assumed if s == key]
            values[key] = _matrix(own[0] if own else kinds[k % len(kinds)], symbol.shape[0].size(sizes), rng)
        yield values


def _matrix(kind: str, n: int, rng: Random) -> Value:
    """A small matrix of a kind."""
    sampling = Sampling(ALGEBRA, lambda: Fraction(rng.randint(-3, 3)), rng, assumed(frozenset()))
    m = sampling.entries(n, n)
    unit = ALGEBRA.identity(n)
    if kind not in STRUCTURES:
        one = assumption(kind)
        return one.point(m, sampling) if isinstance(one, MatrixAssumption) else m
    if kind == "scalar":
        return [[m[0][0] * x for x in row] for row in unit]
    if kind == "zero":
        return [[Fraction(0)] * n for _ in range(n)]
    if kind == "unit":
        return unit
    if kind == "nilpotent":
        return [[m[i][j] if j > i else Fraction(0) for j in range(n)] for i in range(n)]
    if kind == "skew":
        return [[Fraction(0) if i == j else (m[i][j] if i < j else -m[j][i]) for j in range(n)] for i in range(n)]
    if kind == "rotation":
        return cayley(sampling.entries(n, n), ALGEBRA) or unit
    if kind in ("involution", "projection"):
        basis = _matrix("invertible", n, rng)
        values = [Fraction(rng.choice((1, -1) if kind == "involution" else (1, 0))) for _ in range(n)]
        stretched = [[x * v for x, v in zip(row, values, strict=True)] for row in basis]
        inverse = ALGEBRA.inverse(basis)
        assert inverse is not None
        return ALGEBRA.matmul(stretched, inverse)
    return m
