"""Search for a counterexample to a relation between typed expressions, and its replay with 50 digits.

A whole batch of tilted points is evaluated at once in double precision, and what looks violated is replayed with 50 digits and with 150;
only what survives that is called false. No violation in N points is evidence for a bound and no proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from autograder.algebra.derivations.domain import Domain, DomainBatch, TypedRelation, exact_point, sample_batches
from autograder.algebra.equivalence import is_same_value
from autograder.algebra.evaluation import Batch, Real, Undefined, Unsupported, Value, evaluate_batch, flat, value_at
from autograder.algebra.limits import DIGITS
from autograder.algebra.tree import Expr
from autograder.errors import OutOfBudget

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


@dataclass(frozen=True)
class Violation:
    """A point at which a relation fails, replayed with 50 digits. strict: it fails only because both sides are equal there."""

    sizes: Mapping[str, int]
    values: Mapping[str, Value]
    left: Value
    right: Value
    strict: bool = False


def violation(left: Expr, sign: str, right: Expr, domain: Domain) -> Violation | None:
    """A point of the domain at which `left sign right` fails, in small numbers if there is one; None if none was found.

    left, right: of one shape, single numbers unless the sign is `=`. A strict bound that fails only where both sides are equal comes back
    with `strict`. Raises Unsupported, OutOfBudget.
    """
    if sign in (">", ">="):
        found = violation(right, sign.replace(">", "<"), left, domain)
        return None if found is None else Violation(found.sizes, found.values, found.right, found.left, found.strict)
    found = _search(left, sign, right, domain, sample_batches(domain))
    if found is None:
        return None
    small = _search(left, sign, right, domain, sample_batches(domain, small=True))
    return small if small is not None and small.strict == found.strict else found


def both_fail(first: TypedRelation, second: TypedRelation, domain: Domain) -> tuple[Violation, Violation] | None:
    """One point of the domain at which two relations fail, in small numbers if there is one. Raises Unsupported, OutOfBudget."""
    for batch in (*sample_batches(domain, small=True), *sample_batches(domain)):
        one, two = (_suspected(*relation, domain, batch) for relation in (first, second))
        for k in _ranked(one.suspects & two.suspects, one.gap, batch):
            found = tuple(violation_at(*relation, domain, batch, k) for relation in (first, second))
            if all(v is not None and not v.strict for v in found):
                return found[0], found[1]  # type: ignore[return-value]
    return None


@dataclass(frozen=True)
class _Suspected:
    """A relation at the points of a batch. allowed: where both sides have a value and what was assumed holds."""

    allowed: NDArray[np.bool_]
    suspects: NDArray[np.bool_]
    gap: NDArray[np.float64]
    right: Batch


def _suspected(left: Expr, sign: str, right: Expr, domain: Domain, batch: DomainBatch) -> _Suspected:
    if sign in (">", ">="):
        left, sign, right = right, sign.replace(">", "<"), left
    one, scale_left = evaluate_batch(left, batch)
    two, scale_right = evaluate_batch(right, batch)
    allowed: NDArray[np.bool_] = np.asarray(np.isfinite(one).all(axis=(1, 2)) & np.isfinite(two).all(axis=(1, 2)))
    for hypothesis in domain.assumed:
        allowed &= _holding(hypothesis, batch)
    scale = np.maximum(np.abs(one).max(axis=(1, 2)), np.abs(two).max(axis=(1, 2)))
    scale = scale + CANCELLED * np.maximum(scale_left, scale_right) + 1e-300
    with np.errstate(all="ignore"):
        if sign == "=":
            gap = np.abs(one - two).max(axis=(1, 2)) / scale
            return _Suspected(allowed, allowed & (gap > SUSPICIOUS), gap, two)
        gap = (one - two)[:, 0, 0] / scale
        return _Suspected(allowed, allowed & (gap > EXCEEDED), gap, two)


def _search(left: Expr, sign: str, right: Expr, domain: Domain, batches: tuple[DomainBatch, ...]) -> Violation | None:
    equal: Violation | None = None
    points = 0
    for batch in batches:
        here = _suspected(left, sign, right, domain, batch)
        points += int(here.allowed.sum())
        for k in _ranked(here.suspects, here.gap, batch):
            found = violation_at(left, sign, right, domain, batch, k)
            if found is not None:
                return found
        if sign == "<" and equal is None:
            inside = np.ones(batch.count, dtype=bool)
            for key, _ in domain.uppers:
                inside &= batch.draws.fractions[key][:, 0, 0] < 1
            nonzero = np.abs(here.right[:, 0, 0]) > 0
            for k in _ranked(here.allowed & inside & nonzero & (np.abs(here.gap) < EXCEEDED), here.gap, batch)[:1]:
                equal = violation_at(left, sign, right, domain, batch, k)
    if points < FEWEST_POINTS:
        raise Unsupported("hardly any of our points satisfies what was assumed")
    return equal


def _ranked(suspects: NDArray[np.bool_], gap: NDArray[np.float64], batch: DomainBatch) -> list[int]:
    """The points to replay: those of the smallest numbers first, then those of the largest gaps."""
    found = np.flatnonzero(suspects)
    if not len(found):
        return []
    cost = np.zeros(batch.count)
    for drawn in batch.draws.every():
        cost = cost + np.abs(drawn).sum(axis=(1, 2)) + 20.0 * (drawn != np.round(drawn)).sum(axis=(1, 2))
    by_cost = found[np.argsort(cost[found], kind="stable")][: SUSPECTS // 2]
    by_gap = found[np.argsort(-gap[found], kind="stable")][: SUSPECTS // 2]
    return list(dict.fromkeys(int(k) for k in (*by_cost, *by_gap)))


def _holding(hypothesis: TypedRelation, batch: DomainBatch) -> NDArray[np.bool_]:
    left, sign, right = hypothesis
    with np.errstate(all="ignore"):
        one, two = evaluate_batch(left, batch).values, evaluate_batch(right, batch).values
        scale = np.abs(one).max(axis=(1, 2)) + np.abs(two).max(axis=(1, 2)) + 1e-300
        gap = (one - two).max(axis=(1, 2)) / scale
        if sign == "=":
            return np.asarray(np.abs(one - two).max(axis=(1, 2)) / scale < EXCEEDED)
        return np.asarray(gap <= EXCEEDED if sign in ("<=", "<") else gap >= -EXCEEDED)


def violation_at(left: Expr, sign: str, right: Expr, domain: Domain, batch: DomainBatch, k: int) -> Violation | None:
    """Does the relation fail at point k of a batch, computed with 50 digits? What is left of terms that cancel shrinks with more digits."""
    try:
        found = _failing(left, sign, right, domain, batch, k, Real())
        if found is None or found.strict:
            return found
        finer = _failing(left, sign, right, domain, batch, k, Real(3 * DIGITS))
    except (Undefined, ZeroDivisionError, ValueError):
        return None
    if finer is None or _gap(finer) < _gap(found) / 2:
        return None
    return finer


def _gap(found: Violation) -> Any:
    return max(abs(x - y) for x, y in zip(flat(found.left), flat(found.right), strict=True))


def _failing(left: Expr, sign: str, right: Expr, domain: Domain, batch: DomainBatch, k: int, ring: Real) -> Violation | None:
    point = exact_point(domain, batch, k, ring)
    one, two = value_at(left, point), value_at(right, point)
    strict = False
    if sign == "=":
        if is_same_value(ring, one, two):
            return None
    else:
        scale = max(abs(one), abs(two))
        if one - two <= EXCEEDED * scale:
            if sign == "<=" or abs(one - two) > ring.tiny * scale or scale <= ring.tiny:
                return None
            strict = True
    return Violation(batch.sizes, point.values, one, two, strict)


def fingerprint(e: Expr, domain: Domain) -> tuple[Batch, ...]:
    """Values at the points of every batch: two expressions are taken for the same value if these agree."""
    return tuple(evaluate_batch(e, batch).values for batch in sample_batches(domain))


def is_alike(one: tuple[Batch, ...], two: tuple[Batch, ...], *, scaled: bool = False) -> bool:
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
        return all(_is_close(a, factor * b) for a, b in zip(one, two, strict=True))


def _is_close(a: Batch, b: Batch) -> bool:
    """Nearly everywhere to rounding, and nowhere far apart."""
    sound = np.isfinite(a).all(axis=(1, 2)) & np.isfinite(b).all(axis=(1, 2))
    if not sound.any():
        return False
    a, b = a[sound], b[sound]
    scale = np.maximum(np.abs(a).max(axis=(1, 2)), np.abs(b).max(axis=(1, 2)))
    gap = np.abs(a - b).max(axis=(1, 2))
    return bool(np.median(gap / (scale + 1e-300)) <= SUSPICIOUS and (gap <= 1e-4 * (scale + 1e-6 * scale.max())).all())


class Fingerprints:
    """Fingerprints, each computed once."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.known: dict[Expr, Any] = {}

    def of(self, e: Expr) -> Any:
        """The fingerprint, or None where there is none."""
        if e not in self.known:
            try:
                self.known[e] = fingerprint(e, self.domain)
            except (Unsupported, KeyError, OutOfBudget):
                self.known[e] = None
        return self.known[e]

    def has_same_value(self, one: Expr, two: Expr, *, scaled: bool = False) -> bool:
        """Have both the same value, up to a factor if `scaled`?"""
        if one.shape != two.shape:
            return False
        if one == two:
            return True
        a, b = self.of(one), self.of(two)
        return a is not None and b is not None and is_alike(a, b, scaled=scaled)
