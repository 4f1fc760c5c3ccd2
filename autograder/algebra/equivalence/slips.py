"""Which single slip turns the expected expression into the answer.

Slips are rewritings of the expected tree, tried in a fixed order (several names may fit one answer), compared with the answer at one
random point and then confirmed by the full decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import permutations
from random import Random
from typing import Final, NamedTuple

from autograder.algebra.assumptions import assumed, misfit
from autograder.algebra.equivalence.identity import decide_pair, is_same_value, mode_of, shapes_for
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
    field_draw,
    flat,
    lift,
    prime_of,
    value_at,
    wide_draw,
)
from autograder.algebra.limits import MAX_SLIPS, MAX_TERMS
from autograder.algebra.symbols import SCALAR, Symbol, Symbols
from autograder.algebra.tree import Expr, added, number, occurring, scaled, times, transposed
from autograder.errors import OutOfBudget

MAX_RATIO: Final = 1000
"""Numerator and denominator of a constant factor that is named."""


def diagnose(expected: Expr, answer: Expr, table: Symbols, seed: int) -> str | None:
    """The name of the slip, or None. The two are known to differ."""
    if expected.shape != answer.shape:
        flipped = transposed(expected)
        if flipped.shape == answer.shape and decide_pair(flipped, answer, table, seed).equal:
            return "transposed"
        return "shape"
    probe = Probe(expected, answer, table, seed)
    if expected.shape != SCALAR and expected.shape[0] == expected.shape[1] and probe.is_confirmed(transposed(expected)):
        return "transposed"
    factor = probe.constant_factor()
    if factor is not None:
        return factor
    for tried, slip in enumerate(slips_of(expected)):
        if tried >= MAX_SLIPS:
            break
        if slip.is_made(probe):
            return slip.name
    return None


class Factor(NamedTuple):
    """A constant: a fraction, times pi (`pi` is 1), over pi (-1) or neither (0)."""

    number: Fraction
    pi: int = 0

    def __str__(self) -> str:
        return f"{self.number}{('', '*pi', '/pi')[self.pi]}"


ONE_TIMES: Final = Factor(Fraction(1))


class TermGroup(NamedTuple):
    """Terms of a sum that are multiples of each other. entries: of the value of their sum."""

    entries: list[Number]
    terms: tuple[Expr, ...]


class Slip(NamedTuple):
    """A mistake that may have been made. is_made: does it explain the answer of a probe?"""

    name: str
    is_made: Callable[[Probe], bool]


def slips_of(expected: Expr) -> Iterator[Slip]:
    """Slips in the order of their priority."""
    yield from rewritings("sign", sign_slips(expected))
    yield Slip("missing_term", Probe.is_sum_of_some_terms)
    yield from rewritings("missing_term", dropped_terms(expected))
    yield from rewritings("wrong_order", reordered(pushed(expected)))
    yield Slip("assumed_symmetric", Probe.has_assumed_symmetric)
    yield from rewritings("transposed", leaf_transposes(expected))
    yield from rewritings("inverted", inversions(expected))


def rewritings(name: str, trees: Iterable[Expr]) -> Iterator[Slip]:
    """A slip for each tree that the expected one may have become."""
    for e in trees:
        yield Slip(name, lambda probe, e=e: probe.is_confirmed(e))  # type: ignore[misc]


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

    def is_confirmed(self, candidate: Expr) -> bool:
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
            if not is_same_value(point.ring, value, got):
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
        known = {f for ring, ratio in ratios for f in known_factors(ring, ratio)}
        for factor in sorted(known, key=lambda f: (abs(f.pi), f.number.denominator, abs(f.number))):
            if factor != ONE_TIMES and self.is_confirmed(constant_multiple(factor, self.expected)):
                return "sign" if factor == Factor(Fraction(-1)) else f"scaled:{factor}"
        return None

    def is_sum_of_some_terms(self) -> bool:
        """Is the answer the sum of some, not all, of the expanded terms of the expected expression?"""
        if not self.points or self.values[0] is None:
            return False
        try:
            terms = multiplied_out(self.expected)
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
            summed = [ring.red(sum(entries)) for entries in zip(*(g.entries for g in chosen), strict=True)]
            if all(is_same_value(ring, x, y) for x, y in zip(summed, target, strict=True)):
                parts = tuple(t for g in chosen for t in g.terms)
                if self.is_confirmed(added(parts)):
                    return True
        return False

    def has_assumed_symmetric(self) -> bool:
        """Do the two agree once every square matrix is symmetric?"""
        keys = occurring(self.expected, self.answer)
        square = [s for s in self.table.declared if s.key in keys and mistaken_for_symmetric(s)]
        if not square:
            return False
        changed = {s.key: replace(s, assumptions=s.assumptions | {"symmetric"}) for s in square}
        declared = tuple(changed.get(s.key, s) for s in self.table.declared)
        exact = {k: changed.get(s.key, s) for k, s in self.table._exact.items()}
        table = replace(self.table, declared=declared, _exact=exact)
        points = self.draw(table, 2)
        for point in points:
            wanted, got = self.value(self.expected, point), self.value(self.answer, point)
            if wanted is None or got is None or not is_same_value(point.ring, wanted, got):
                return False
        if not points:
            return False
        try:
            before, after = (merged(self, self.points[0], multiplied_out(e)) for e in (self.expected, self.answer))
        except (OutOfBudget, IndexError):
            return True
        if before is not None and after is not None and len(after) < len(before):
            return True
        return not any(self.is_confirmed(e) for e in leaf_transposes(self.expected))


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


def known_factors(ring: Ring, ratio: Number) -> list[Factor]:
    """Constants that a ratio may be."""
    out = []
    shifts: list[tuple[int, Number]] = [(0, ratio)]
    try:
        pi = ring.constant("pi")
        shifts += [(1, ring.red(ratio * ring.inv(pi))), (-1, ring.red(ratio * pi))]
    except Unsupported:
        pass
    for power, x in shifts:
        value = small_fraction(ring, x)
        if value is not None and value != 0:
            out.append(Factor(value, power))
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
        return near if abs(near.numerator) <= MAX_RATIO and is_same_value(ring, ring.const(near), x) else None
    return x if abs(x.numerator) <= MAX_RATIO and x.denominator <= MAX_RATIO else None


def constant_multiple(factor: Factor, e: Expr) -> Expr:
    """A constant times an expression."""
    constant = number(factor.number)
    if factor.pi:
        pi = Expr("const", (), "pi", SCALAR)
        constant = times(constant, pi if factor.pi > 0 else Expr("recip", (pi,), None, SCALAR))
    return times(constant, e)


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
                yield Expr("add", (*node.args[:k], scaled(-1, term), *node.args[k + 1 :]), None, node.shape)

    return everywhere(e, change)


def dropped_terms(e: Expr) -> Iterator[Expr]:
    """One term of one sum left out."""

    def change(node: Expr) -> Iterator[Expr]:
        if node.op == "add":
            for k in range(len(node.args)):
                rest = (*node.args[:k], *node.args[k + 1 :])
                yield added(rest)

    return everywhere(e, change)


def pushed(e: Expr) -> Expr:
    """Transposes and inverses of products taken to the factors, so that factors can be exchanged."""
    args = tuple(pushed(a) for a in e.args)
    e = Expr(e.op, args, e.data, e.shape)
    if e.op in ("transpose", "inverse"):
        inner = e.args[0]
        turned = e.op == "transpose"

        def wrap(x: Expr) -> Expr:
            return pushed(transposed(x) if turned else Expr("inverse", (x,), None, x.shape))

        if inner.op == "matmul" and (e.op == "transpose" or all(a.shape[0] == a.shape[1] and a.shape != SCALAR for a in inner.args)):
            left, right = inner.args
            return Expr("matmul", (wrap(right), wrap(left)), None, e.shape)
        if inner.op == "scale" and e.op == "transpose":
            return times(inner.args[0], wrap(inner.args[1]))
        if inner.op == "add" and e.op == "transpose":
            return added(tuple(wrap(a) for a in inner.args))
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
            yield transposed(node)

    return everywhere(e, change)


def inversions(e: Expr) -> Iterator[Expr]:
    """The whole upside down; one inverse forgotten; one too many."""

    def change(node: Expr) -> Iterator[Expr]:
        if node.op in ("inverse", "recip"):
            yield node.args[0]
        elif node.op not in ("num", "eye", "zeros", "const") and node.shape[0] == node.shape[1]:
            yield Expr("recip" if node.shape == SCALAR else "inverse", (node,), None, node.shape)

    return everywhere(e, change)


def multiplied_out(e: Expr) -> list[Expr]:
    """The terms of `e` multiplied out. Raises OutOfBudget beyond MAX_TERMS."""
    if e.op == "add":
        out = [t for a in e.args for t in multiplied_out(a)]
    elif e.op in ("mul", "scale", "matmul", "had"):
        out = [Expr(e.op, (x, y), None, e.shape) for x in multiplied_out(e.args[0]) for y in multiplied_out(e.args[1])]
    elif e.op in ("transpose", "trace", "esum", "diag", "diagonal") or e.op == "sum":
        out = [Expr(e.op, (x,), e.data, e.shape) for x in multiplied_out(e.args[0])]
    elif e.op == "pow" and e.data in (2, 3):
        base = multiplied_out(e.args[0])
        out = base
        for _ in range(int(e.data) - 1):
            out = [times(x, y) for x in out for y in base]
    elif e.op == "mpow" and e.data in (2, 3):
        base = multiplied_out(e.args[0])
        out = base
        for _ in range(int(e.data) - 1):
            out = [Expr("matmul", (x, y), None, e.shape) for x in out for y in base]
    else:
        out = [e]
    if len(out) > MAX_TERMS:
        raise OutOfBudget("MAX_TERMS", len(out))
    return out


def merged(probe: Probe, point: Point, terms: list[Expr]) -> list[TermGroup] | None:
    """Terms that are multiples of each other taken together, those that cancel left out. None where one has no value."""
    ring = point.ring
    groups: list[TermGroup] = []
    for term in terms:
        value = probe.value(term, point)
        if value is None:
            return None
        entries = flat(value)
        for k, group in enumerate(groups):
            first = flat(probe.value(group.terms[0], point))
            place = next((i for i, x in enumerate(first) if not ring.is_zero(x)), None)
            if place is None:
                continue
            ratio = ring.red(entries[place] * ring.inv(first[place]))
            if small_fraction(ring, ratio) is not None and all(
                is_same_value(ring, ring.red(ratio * x), y) for x, y in zip(first, entries, strict=True)
            ):
                groups[k] = TermGroup([ring.red(x + y) for x, y in zip(group.entries, entries, strict=True)], (*group.terms, term))
                break
        else:
            groups.append(TermGroup(entries, (term,)))
    return [g for g in groups if not all(ring.is_zero(x) for x in g.entries)]
