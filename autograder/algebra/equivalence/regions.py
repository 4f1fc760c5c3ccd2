"""Answers that are given piece by piece: compared on each region of the problem separately."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import Final, NamedTuple

from autograder.algebra.equivalence.boundaries import is_at_boundary, sweep
from autograder.algebra.equivalence.decision import AnswerDecision, read_typed, shape_json, witness_json
from autograder.algebra.equivalence.identity import decide_pair, in_ring, is_same_value, mode_of, seed_of, shapes_for
from autograder.algebra.equivalence.verdicts import AnswerLike, as_verdict, read_line, symbolic_evidence, typed
from autograder.algebra.equivalence.witness import Witness, cost_by_hand
from autograder.algebra.evaluation import (
    EXACT,
    Point,
    Real,
    Ring,
    Undefined,
    Value,
    condition_holds,
    draw_values,
    small_draw,
    value_at,
    wide_draw,
)
from autograder.algebra.notation import Grammar, Typer, read_expected
from autograder.algebra.symbols import Symbols
from autograder.algebra.tree import Expr, Misshapen, occurring
from autograder.errors import OutOfBudget, Unreadable
from autograder.evidence import SymbolicEvidence
from autograder.mathtext import MAX_CHARACTERS, tokens
from autograder.verdict import Json, Verdict, correct, incorrect, partial, undecided, unreadable

BOUNDARY_COST: Final = 0.1
"""Share of the points that a difference on a boundary alone costs, at most."""
MAX_POINTS: Final = 160
METHOD: Final = "exact evaluation at points inside every region and on the boundaries"


@dataclass(frozen=True)
class Region:
    """name: for the feedback (`where the unit is active`). condition, expected: texts. share: of the points."""

    name: str
    condition: str
    expected: str
    share: float


class Alternative(NamedTuple):
    """A wrong answer that earns something: its text, its share of the points, the name of its slip, and what is said of it."""

    expected: str
    share: float
    slip: str
    message: str


class _Miss(NamedTuple):
    """An exact point at which the answer is wrong, and both values; got: None where it has none."""

    exact: Point
    wanted: Value
    got: Value | None


@dataclass
class _Found:
    inside: int = 0
    wrong: _Miss | None = None
    kink: _Miss | None = None


def equivalent_by_region(
    answer: AnswerLike | str,
    regions: Sequence[Region | tuple[str, str, str, float]],
    symbols: Symbols,
    *,
    alternatives: Sequence[Alternative | tuple[str, float, str, str]] = (),
) -> Verdict:
    """Is the answer right on each region?

    regions: (name, condition, expected, share); the conditions exclude each other, the shares add up to 1. An answer that is right on some
    regions earns their shares; one that differs on a boundary between regions alone loses at most BOUNDARY_COST.
    alternatives: a wrong answer that equals one of these earns its share where that is more.
    Raises ValueError for regions that cannot be read or whose shares do not add up.
    """
    parts = [r if isinstance(r, Region) else Region(*r) for r in regions]
    if abs(sum(r.share for r in parts) - 1.0) > 1e-9:
        raise ValueError(f"the shares of the regions add up to {sum(r.share for r in parts)}, not to 1")
    text = typed(answer)
    if isinstance(text, Verdict):
        return text
    expected = [read_expected(r.expected, symbols) for r in parts]
    conditions = [read_condition(r.condition, symbols) for r in parts]
    shape = expected[0].shape
    shown = "; ".join(f"{r.expected} where {r.condition}" for r in parts)
    try:
        reading = read_typed(text, symbols, shape)
    except Unreadable as bad:
        return unreadable(bad.explain())
    except OutOfBudget as bad:
        return unreadable(f"Your answer cannot be read: it is too long or too deeply nested ({bad}).")
    e = reading.expression
    if e is None or e.shape != shape:
        witness: dict[str, Json] = {"expected_shape": shape_json(shape), "answer_shape": shape_json(e.shape) if e else reading.misfit}
        decision = AnswerDecision("different", "shape", witness, "exact", reading.misfit or None, reading.at, expression=e)
        return as_verdict(decision, text, shown, symbols)
    try:
        return _judged(text, e, parts, conditions, expected, symbols, [Alternative(*a) for a in alternatives], shown)
    except OutOfBudget as bad:
        return undecided(f"This could not be decided: {bad}.", read=read_line(e, symbols))


def _judged(
    text: str,
    e: Expr,
    parts: Sequence[Region],
    conditions: Sequence[Expr],
    expected: Sequence[Expr],
    symbols: Symbols,
    alternatives: Sequence[Alternative],
    shown: str,
) -> Verdict:
    read = read_line(e, symbols)
    found = compare_regions(e, conditions, expected, symbols, seed_of(text[:MAX_CHARACTERS], shown, symbols.identity))
    if any(f.inside == 0 for f in found):
        empty = next(r.name for r, f in zip(parts, found, strict=True) if f.inside == 0)
        return undecided(f"No point was found {empty}: a person looks at it.", read=read)
    wrong = [k for k, f in enumerate(found) if f.wrong is not None]
    kinks = [k for k, f in enumerate(found) if f.kink is not None and f.wrong is None]
    if not wrong and not kinks:
        return correct(method=METHOD, read=read)

    def evidence(k: int, at: _Miss) -> SymbolicEvidence:
        values = at.exact.values
        witness = Witness({s.name: values[s.key] for s in symbols.declared if s.key in values}, at.wanted, at.got)
        shown_there = symbolic_evidence(AnswerDecision("different", None, witness_json(witness)), text, shown, symbols)
        return replace(shown_there, region=parts[k].name)

    if not wrong:
        k = kinks[0]
        at = found[k].kink
        assert at is not None
        message = "Right but for the boundary between the cases."
        return partial(1.0 - BOUNDARY_COST, message, evidence=evidence(k, at), slip="boundary", method=METHOD, read=read)
    first = found[wrong[0]].wrong
    assert first is not None
    share = sum(r.share for k, r in enumerate(parts) if k not in wrong) - (BOUNDARY_COST if kinks else 0.0)
    best: Alternative | None = None
    seed = seed_of(text[:MAX_CHARACTERS], symbols.identity)
    for other in alternatives:
        truth = read_expected(other.expected, symbols)
        if truth.shape == e.shape and decide_pair(truth, e, symbols, seed).equal and (best is None or other.share > best.share):
            best = other
    if best is not None and best.share > share:
        return partial(best.share, best.message, evidence=evidence(wrong[0], first), slip=best.slip, method=METHOD, read=read)
    names = " and ".join(parts[k].name for k in wrong)
    if share <= 0 or len(wrong) == len(parts):
        return incorrect(f"This is wrong {names}.", evidence=evidence(wrong[0], first), method=METHOD, read=read)
    return partial(share, f"This is wrong {names}.", evidence=evidence(wrong[0], first), slip="region", method=METHOD, read=read)


def compare_regions(e: Expr, conditions: Sequence[Expr], expected: Sequence[Expr], symbols: Symbols, seed: int) -> list[_Found]:
    """For each region, how many points inside were compared, and the first at which the answer is wrong: inside, and on a boundary."""
    rng = Random(seed)
    found = [_Found() for _ in conditions]
    whole = Expr("cases", tuple(x for pair in zip(expected, conditions, strict=True) for x in pair), None, e.shape)
    ring: Ring = Real() if mode_of(whole, e) == "real" else EXACT
    for k, exact in enumerate(_points(e, whole, symbols, rng)):
        if k >= MAX_POINTS and all(f.inside for f in found):
            break
        region = next((i for i, c in enumerate(conditions) if condition_holds(c, exact)), None)
        if region is None:
            continue
        here = found[region]
        point = in_ring(exact, ring)
        try:
            wanted = value_at(expected[region], point)
        except Undefined:
            continue
        try:
            got = value_at(e, point)
        except Undefined:
            got = None
        kink = is_at_boundary(whole, e, exact)
        here.inside += not kink
        if got is None or not is_same_value(ring, wanted, got):
            miss = _Miss(exact, wanted, got)
            if kink:
                here.kink = _easier(here.kink, miss)
            else:
                here.wrong = _easier(here.wrong, miss)
    return found


def _easier(known: _Miss | None, new: _Miss) -> _Miss:
    """The one that is easier to check by hand."""
    return new if known is None or cost_by_hand(new.exact) < cost_by_hand(known.exact) else known


def _points(e: Expr, whole: Expr, symbols: Symbols, rng: Random) -> Iterator[Point]:
    """Along lines across every boundary, then random small and wide ones."""
    sizes = shapes_for(whole, e, symbols)[0]
    keys = occurring(whole, e)
    yield from sweep(whole, e, symbols, sizes, rng)
    for k in range(2 * MAX_POINTS):
        try:
            yield Point(EXACT, sizes, draw_values(symbols, keys, sizes, EXACT, small_draw(rng) if k % 2 else wide_draw(rng), rng))
        except Undefined:  # noqa: PERF203 - no value at this point
            continue


@lru_cache(maxsize=512)
def read_condition(text: str, symbols: Symbols) -> Expr:
    """A condition of the suite, `w x + b > 0`. Raises ValueError."""
    try:
        grammar = Grammar(text, tokens(text), symbols)
        node = grammar.condition()
        if grammar.tok.kind != "eof":
            raise grammar.unexpected()
        typer = Typer(symbols)
        return typer.close(typer.condition(node))
    except Unreadable as bad:
        raise ValueError(f"the condition {text!r} cannot be read at character {bad.offset + 1}: {bad.reason}") from None
    except (Misshapen, OutOfBudget) as bad:
        raise ValueError(f"the condition {text!r} cannot be used: {bad}") from None
