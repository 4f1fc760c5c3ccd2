"""Which single slip turns the expected expression into the answer.

Slips are rewritings of the expected tree, tried in a fixed order (several names may fit one answer), compared with the answer at one
random point and then confirmed by the full decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import permutations
from random import Random
from typing import Final

from autograder.algebra.assumptions import assumed, misfit
from autograder.algebra.equivalence.identity import EXACT, decide_pair, equal_values, flat, mode_of, occurring, shapes_for
from autograder.algebra.evaluation import (
    Modular,
    Number,
    Point,
    Real,
    Ring,
    Undefined,
    Unsupported,
    Value,
    draw_values,
    field_draw,
    lift,
    prime_of,
    value_at,
    wide_draw,
)
from autograder.algebra.limits import MAX_SLIPS, MAX_TERMS
from autograder.algebra.symbols import SCALAR, Symbol, Symbols
from autograder.algebra.tree import Expr
from autograder.errors import OutOfBudget

MAX_RATIO: Final = 1000
"""Numerator and denominator of a constant factor that is named."""


def diagnose(expected: Expr, answer: Expr, table: Symbols, seed: int) -> str | None:
    """The name of the slip, or None. The two are known to differ."""
    if expected.shape != answer.shape:
        flipped = flip(expected)
        if flipped.shape == answer.shape and decide_pair(flipped, answer, table, seed).equal:
            return "transposed"
        return "shape"
    probe = Probe(expected, answer, table, seed)
    if expected.shape != SCALAR and expected.shape[0] == expected.shape[1] and probe.confirmed(flip(expected)):
        return "transposed"
    scaled = probe.constant_factor()
    if scaled is not None:
        return scaled
    tried = 0
    for name, candidate in candidates(expected):
        tried += 1
        if tried > MAX_SLIPS:
            break
        if name == "assumed_symmetric":
            found = probe.assumed_symmetric()
            if found:
                return found
            continue
        if name == "missing_term" and candidate is None:
            if probe.some_terms():
                return name
            continue
        if candidate is not None and probe.confirmed(candidate):
            return name
    return None


def candidates(expected: Expr) -> Iterator[tuple[str, Expr | None]]:
    """Slips in the order of their priority."""
    for e in sign_slips(expected):
        yield "sign", e
    yield "missing_term", None
    for e in dropped_terms(expected):
        yield "missing_term", e
    for e in reordered(pushed(expected)):
        yield "wrong_order", e
    yield "assumed_symmetric", None
    for e in leaf_transposes(expected):
        yield "transposed", e
    for e in inversions(expected):
        yield "inverted", e


class Probe:
    """One random point (two for what is not rational) at which candidates are compared with the answer."""

    def __init__(self, expected: Expr, answer: Expr, table: Symbols, seed: int) -> None:
        self.expected, self.answer, self.table, self.seed = expected, answer, table, seed
        self.mode = mode_of(expected, answer)
        self.rng = Random(seed + 2)
        self.points = self.draw(table)
        self.memos: dict[int, tuple[Point, dict[Expr, Value]]] = {}
        self.values = [self.value(answer, p) for p in self.points]

    def draw(self, table: Symbols, count: int | None = None) -> list[Point]:
        """Random points that honour a table."""
        keys = occurring(self.expected, self.answer)
        sizes = shapes_for(self.expected, self.answer, table)[0]
        points = []
        for _ in range(count or (1 if self.mode == "field" else 3)):
            try:
                if self.mode == "field":
                    ring: Ring = Modular(prime_of(self.seed), self.rng)
                    assert isinstance(ring, Modular)
                    values = draw_values(table, keys, sizes, ring, field_draw(ring, self.rng), self.rng)
                else:
                    ring = Real() if self.mode == "real" else EXACT
                    values = lift(draw_values(table, keys, sizes, EXACT, wide_draw(self.rng), self.rng), ring)
            except Undefined:
                continue
            points.append(Point(ring, sizes, values))
        return points

    def value(self, e: Expr, point: Point) -> Value:
        """None where there is none. What candidates share is computed once, kept with its point (whose id must not be given away)."""
        try:
            return value_at(e, point, memo=self.memos.setdefault(id(point), (point, {}))[1])
        except (Undefined, Unsupported):
            return None

    def confirmed(self, candidate: Expr) -> bool:
        """Is the candidate the answer?"""
        if candidate.shape != self.answer.shape:
            return False
        hits = 0
        for point, got in zip(self.points, self.values, strict=True):
            if got is None:
                continue
            value = self.value(candidate, point)
            if value is None:
                continue
            if not equal_values(point.ring, value, got):
                return False
            hits += 1
        if not hits:
            return False
        try:
            return decide_pair(candidate, self.answer, self.table, self.seed).equal is True
        except OutOfBudget:
            return False

    def constant_factor(self) -> str | None:
        """`sign` or `scaled:K` where the answer is a constant times the expected expression."""
        points = self.points if len(self.points) > 1 else self.draw(self.table, 1) + self.points
        ratios = []
        for point in points:
            wanted, got = self.value(self.expected, point), self.value(self.answer, point)
            if wanted is None or got is None:
                continue
            ring = point.ring
            pairs = [(x, y) for x, y in zip(flat(wanted), flat(got), strict=True) if not ring.is_zero(x)]
            if not pairs:
                continue
            ratios.append((ring, ring.red(pairs[0][1] * ring.inv(pairs[0][0]))))
        for factor in sorted(
            {f for ring, ratio in ratios for f in known_factors(ring, ratio)}, key=lambda f: (abs(f[1]), f[0].denominator, abs(f[0]))
        ):
            number, power = factor
            candidate = scaled(expected=self.expected, number=number, power=power)
            if (number != 1 or power) and self.confirmed(candidate):
                if number == -1 and not power:
                    return "sign"
                return f"scaled:{number}" if power == 0 else f"scaled:{number}*pi" if power == 1 else f"scaled:{number}/pi"
        return None

    def some_terms(self) -> bool:
        """Is the answer the sum of some, not all, of the expanded terms of the expected expression?"""
        if not self.points or self.values[0] is None:
            return False
        try:
            terms = expanded(self.expected)
        except OutOfBudget:
            return False
        point, got = self.points[0], self.values[0]
        groups = merged(self, point, terms)
        if groups is None or not 2 <= len(groups) <= 8:
            return False
        target = flat(got)
        ring = point.ring
        for mask in range(1, 2 ** len(groups) - 1):
            chosen = [g for k, g in enumerate(groups) if mask >> k & 1]
            total = [ring.red(sum(entries)) for entries in zip(*(v for v, _ in chosen), strict=True)]
            if all(equal_values(ring, x, y) for x, y in zip(total, target, strict=True)):
                parts = tuple(t for _, ts in chosen for t in ts)
                candidate = parts[0] if len(parts) == 1 else Expr("add", parts, None, self.expected.shape)
                if self.confirmed(candidate):
                    return True
        return False

    def assumed_symmetric(self) -> str | None:
        """Do the two agree once every square matrix is symmetric?"""
        keys = occurring(self.expected, self.answer)
        square = [s for s in self.table.declared if s.key in keys and mistaken_for_symmetric(s)]
        if not square:
            return None
        changed = {s.key: replace(s, assumptions=s.assumptions | {"symmetric"}) for s in square}
        declared = tuple(changed.get(s.key, s) for s in self.table.declared)
        exact = {k: changed.get(s.key, s) for k, s in self.table._exact.items()}
        table = replace(self.table, declared=declared, _exact=exact)
        points = self.draw(table, 2)
        for point in points:
            wanted, got = self.value(self.expected, point), self.value(self.answer, point)
            if wanted is None or got is None or not equal_values(point.ring, wanted, got):
                return None
        if not points:
            return None
        try:
            before, after = merged(self, self.points[0], expanded(self.expected)), merged(self, self.points[0], expanded(self.answer))
        except (OutOfBudget, IndexError):
            return "assumed_symmetric"
        if before is not None and after is not None and len(after) < len(before):
            return "assumed_symmetric"
        return None if any(self.confirmed(e) for e in leaf_transposes(self.expected)) else "assumed_symmetric"


def mistaken_for_symmetric(s: Symbol) -> bool:
    """Is a symbol a square matrix that need not be symmetric, but could be?"""
    given = assumed(s.assumptions)
    return (
        s.shape != SCALAR
        and s.shape[0] == s.shape[1]
        and not given.implies("symmetric")
        and all(one.mistaken_for_symmetric for one in given.of_matrices)
        and not misfit(s.assumptions | {"symmetric"})
    )


def known_factors(ring: Ring, ratio: Number) -> list[tuple[Fraction, int]]:
    """Constants that a ratio may be: a small fraction, or one times pi or over pi."""
    out = []
    shifts: list[tuple[int, Number]] = [(0, ratio)]
    try:
        pi = ring.constant("pi")
        shifts += [(1, ring.red(ratio * ring.inv(pi))), (-1, ring.red(ratio * pi))]
    except Unsupported:
        pass
    for power, x in shifts:
        number = small_fraction(ring, x)
        if number is not None and number != 0:
            out.append((number, power))
    return out


def small_fraction(ring: Ring, x: Number) -> Fraction | None:
    """The fraction with small numerator and denominator that x is, if it is one."""
    if isinstance(ring, Modular):
        old, new, s, t = ring.p, x % ring.p, 0, 1
        while new > MAX_RATIO:
            quotient = old // new
            old, new, s, t = new, old - quotient * new, t, s - quotient * t
        if t == 0 or abs(t) > MAX_RATIO:
            return None
        return Fraction(new, t)
    if isinstance(ring, Real):
        near = Fraction(str(ring.ctx.nstr(x, 40, strip_zeros=False, min_fixed=-400, max_fixed=400))).limit_denominator(MAX_RATIO)
        return near if abs(near.numerator) <= MAX_RATIO and equal_values(ring, ring.const(near), x) else None
    return x if abs(x.numerator) <= MAX_RATIO and x.denominator <= MAX_RATIO else None


def number(value: Fraction | int) -> Expr:
    """A constant."""
    return Expr("num", (), Fraction(value), SCALAR)


def times(factor: Expr, e: Expr) -> Expr:
    """A scalar times an expression."""
    return Expr("mul" if e.shape == SCALAR else "scale", (factor, e), None, e.shape)


def scaled(expected: Expr, number: Fraction, power: int) -> Expr:
    """A constant times the expected expression."""
    factor = Expr("num", (), number, SCALAR)
    if power:
        pi = Expr("const", (), "pi", SCALAR)
        factor = times(factor, pi if power > 0 else Expr("recip", (pi,), None, SCALAR))
    return times(factor, expected)


def flip(e: Expr) -> Expr:
    """The transpose."""
    if e.shape == SCALAR:
        return e
    return e.args[0] if e.op == "transpose" else Expr("transpose", (e,), None, (e.shape[1], e.shape[0]))


CONDITIONS: Final = frozenset({"rel", "and", "or", "not", "true"})


def everywhere(e: Expr, change: Callable[[Expr], Iterator[Expr]]) -> Iterator[Expr]:
    """The tree with one node changed, for every node and every way in which `change` changes it."""
    if e.op not in CONDITIONS:
        yield from change(e)
    for k, below in enumerate(e.args):
        for new in everywhere(below, change):
            yield Expr(e.op, (*e.args[:k], new, *e.args[k + 1 :]), e.data, e.shape)


def sign_slips(e: Expr) -> Iterator[Expr]:
    """One term with the other sign."""

    def change(node: Expr) -> Iterator[Expr]:
        if node.op == "add":
            for k, term in enumerate(node.args):
                yield Expr("add", (*node.args[:k], times(number(-1), term), *node.args[k + 1 :]), None, node.shape)

    return everywhere(e, change)


def dropped_terms(e: Expr) -> Iterator[Expr]:
    """One term of one sum left out."""

    def change(node: Expr) -> Iterator[Expr]:
        if node.op == "add":
            for k in range(len(node.args)):
                rest = (*node.args[:k], *node.args[k + 1 :])
                yield rest[0] if len(rest) == 1 else Expr("add", rest, None, node.shape)

    return everywhere(e, change)


def pushed(e: Expr) -> Expr:
    """Transposes and inverses of products taken to the factors, so that factors can be exchanged."""
    args = tuple(pushed(a) for a in e.args)
    e = Expr(e.op, args, e.data, e.shape)
    if e.op in ("transpose", "inverse"):
        inner = e.args[0]
        turned = e.op == "transpose"

        def wrap(x: Expr) -> Expr:
            return pushed(flip(x) if turned else Expr("inverse", (x,), None, x.shape))

        if inner.op == "matmul" and (e.op == "transpose" or all(a.shape[0] == a.shape[1] and a.shape != SCALAR for a in inner.args)):
            left, right = inner.args
            return Expr("matmul", (wrap(right), wrap(left)), None, e.shape)
        if inner.op == "scale" and e.op == "transpose":
            return Expr("scale", (inner.args[0], wrap(inner.args[1])), None, e.shape)
        if inner.op == "add" and e.op == "transpose":
            return Expr("add", tuple(wrap(a) for a in inner.args), None, e.shape)
        if e.op == "transpose" and inner.op == "inverse":
            return Expr("inverse", (wrap(inner.args[0]),), None, e.shape)
    return e


def word_of(e: Expr) -> list[Expr]:
    """The factors of a matrix product, scalars inside it left where they are."""
    return [f for a in e.args for f in word_of(a)] if e.op == "matmul" else [e]


def reordered(e: Expr) -> Iterator[Expr]:
    """The factors of one product in another order; inside a trace, around the circle."""

    def change(node: Expr) -> Iterator[Expr]:
        if node.op != "matmul":
            return
        word = word_of(node)
        if len(word) <= 4:
            orders = [p for p in permutations(range(len(word))) if p != tuple(range(len(word)))]
        else:
            orders = []
            for k in range(len(word) - 1):
                p = list(range(len(word)))
                p[k], p[k + 1] = p[k + 1], p[k]
                orders.append(tuple(p))
        for order in orders:
            product: Expr | None = word[order[0]]
            for k in order[1:]:
                assert product is not None
                if product.shape[1] != word[k].shape[0]:
                    product = None
                    break
                product = Expr("matmul", (product, word[k]), None, (product.shape[0], word[k].shape[1]))
            if product is not None and product.shape == node.shape:
                yield product

    return everywhere(e, change)


def leaf_transposes(e: Expr) -> Iterator[Expr]:
    """One square part transposed."""

    def change(node: Expr) -> Iterator[Expr]:
        if node.shape != SCALAR and node.shape[0] == node.shape[1] and node.op not in ("eye", "zeros", "diag"):
            yield flip(node)

    return everywhere(e, change)


def inversions(e: Expr) -> Iterator[Expr]:
    """The whole upside down; one inverse forgotten; one too many."""

    def change(node: Expr) -> Iterator[Expr]:
        if node.op in ("inverse", "recip"):
            yield node.args[0]
        elif node.op not in ("num", "eye", "zeros", "const") and node.shape[0] == node.shape[1]:
            yield Expr("recip" if node.shape == SCALAR else "inverse", (node,), None, node.shape)

    return everywhere(e, change)


def expanded(e: Expr) -> list[Expr]:
    """The terms of `e` multiplied out. Raises OutOfBudget beyond MAX_TERMS."""
    if e.op == "add":
        out = [t for a in e.args for t in expanded(a)]
    elif e.op in ("mul", "scale", "matmul", "had"):
        out = [Expr(e.op, (x, y), None, e.shape) for x in expanded(e.args[0]) for y in expanded(e.args[1])]
    elif e.op in ("transpose", "trace", "esum", "diag", "diagonal") or e.op == "sum":
        out = [Expr(e.op, (x,), e.data, e.shape) for x in expanded(e.args[0])]
    elif e.op == "pow" and e.data in (2, 3):
        base = expanded(e.args[0])
        out = base
        for _ in range(int(e.data) - 1):
            out = [times(x, y) for x in out for y in base]
    elif e.op == "mpow" and e.data in (2, 3):
        base = expanded(e.args[0])
        out = base
        for _ in range(int(e.data) - 1):
            out = [Expr("matmul", (x, y), None, e.shape) for x in out for y in base]
    else:
        out = [e]
    if len(out) > MAX_TERMS:
        raise OutOfBudget("MAX_TERMS", len(out))
    return out


def merged(probe: Probe, point: Point, terms: list[Expr]) -> list[tuple[list[Number], tuple[Expr, ...]]] | None:
    """Terms that are multiples of each other taken together, those that cancel left out: (entries, terms). None where one has no value."""
    ring = point.ring
    groups: list[tuple[list[Number], tuple[Expr, ...]]] = []
    for term in terms:
        value = probe.value(term, point)
        if value is None:
            return None
        entries = flat(value)
        for k, (total, members) in enumerate(groups):
            first = flat(probe.value(members[0], point))
            place = next((i for i, x in enumerate(first) if not ring.is_zero(x)), None)
            if place is None:
                continue
            ratio = ring.red(entries[place] * ring.inv(first[place]))
            if small_fraction(ring, ratio) is not None and all(
                equal_values(ring, ring.red(ratio * x), y) for x, y in zip(first, entries, strict=True)
            ):
                groups[k] = ([ring.red(x + y) for x, y in zip(total, entries, strict=True)], (*members, term))
                break
        else:
            groups.append((entries, (term,)))
    return [g for g in groups if not all(ring.is_zero(x) for x in g[0])]
