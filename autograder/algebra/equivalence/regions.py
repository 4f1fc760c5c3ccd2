"""Answers that are given piece by piece: compared on each region of the problem separately."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import Final

from autograder.algebra.equivalence.decision import Decision, read_typed, shape_json, value_json
from autograder.algebra.equivalence.identity import EXACT, at_boundary, decide_pair, equal_values, mode_of, seed_of, shapes_for, sweep
from autograder.algebra.equivalence.verdicts import AnswerLike, as_verdict, read_line, symbolic_evidence, typed
from autograder.algebra.evaluation import (
    Exact,
    Point,
    Real,
    Ring,
    Undefined,
    Value,
    condition_holds,
    draw_values,
    lift,
    small_draw,
    value_at,
    wide_draw,
)
from autograder.algebra.notation import Grammar, Typer, read_expected
from autograder.algebra.symbols import Symbols
from autograder.algebra.tree import Expr, Misshapen, symbols_in
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


@dataclass
class _Found:
    inside: int = 0
    wrong: tuple[Mapping[str, Value], Value, Value | None] | None = None
    kink: tuple[Mapping[str, Value], Value, Value | None] | None = None


def equivalent_by_region(
    answer: AnswerLike | str,
    regions: Sequence[Region | tuple[str, str, str, float]],
    symbols: Symbols,
    *,
    alternatives: Sequence[tuple[str, float, str, str]] = (),
) -> Verdict:
    """Is the answer right on each region?

    regions: (name, condition, expected, share); the conditions exclude each other, the shares add up to 1. An answer that is right on some
    regions earns their shares; one that differs on a boundary between regions alone loses at most BOUNDARY_COST.
    alternatives: (expected, share, slip, message): a wrong answer that equals one of these earns its share where that is more.
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
        decision = Decision("different", "shape", witness, "exact", reading.misfit or None, reading.at, expression=e)
        return as_verdict(decision, text, shown, symbols)
    try:
        return _judged(text, e, parts, conditions, expected, symbols, alternatives, shown)
    except OutOfBudget as bad:
        return undecided(f"This could not be decided: {bad}.", read=read_line(e, symbols))


def _judged(
    text: str,
    e: Expr,
    parts: Sequence[Region],
    conditions: Sequence[Expr],
    expected: Sequence[Expr],
    symbols: Symbols,
    alternatives: Sequence[tuple[str, float, str, str]],
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

    def evidence(k: int, at: tuple[Mapping[str, Value], Value, Value | None]) -> SymbolicEvidence:
        values, wanted, got = at
        named = {s.name: value_json(values[s.key]) for s in symbols.declared if s.key in values}
        witness = {"values": named, "expected_value": value_json(wanted), "answer_value": "undefined" if got is None else value_json(got)}
        return replace(symbolic_evidence(Decision("different", None, witness), text, shown, symbols), region=parts[k].name)

    if not wrong:
        k = kinks[0]
        at = found[k].kink
        assert at is not None
        message = "Right but for the boundary between the cases."
        return partial(1.0 - BOUNDARY_COST, message, evidence=evidence(k, at), slip="boundary", method=METHOD, read=read)
    first = found[wrong[0]].wrong
    assert first is not None
    share = sum(r.share for k, r in enumerate(parts) if k not in wrong) - (BOUNDARY_COST if kinks else 0.0)
    best: tuple[float, str, str] | None = None
    seed = seed_of(text[:MAX_CHARACTERS], symbols.identity)
    for other, worth, slip, message in alternatives:
        truth = read_expected(other, symbols)
        if truth.shape == e.shape and decide_pair(truth, e, symbols, seed).equal and (best is None or worth > best[0]):
            best = (worth, slip, message)
    if best is not None and best[0] > share:
        return partial(best[0], best[2], evidence=evidence(wrong[0], first), slip=best[1], method=METHOD, read=read)
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
    for k, (sizes, values) in enumerate(_points(e, whole, symbols, rng)):
        if k >= MAX_POINTS and all(f.inside for f in found):
            break
        exact = Point(Exact(), sizes, values)
        region = next((i for i, c in enumerate(conditions) if condition_holds(c, exact)), None)
        if region is None:
            continue
        here = found[region]
        point = Point(ring, sizes, lift(values, ring))
        try:
            wanted = value_at(expected[region], point)
        except Undefined:
            continue
        try:
            got = value_at(e, point)
        except Undefined:
            got = None
        kink = at_boundary(whole, e, sizes, values)
        here.inside += not kink
        if got is None or not equal_values(ring, wanted, got):
            if kink:
                if here.kink is None or _cost(values) < _cost(here.kink[0]):
                    here.kink = (values, wanted, got)
            elif here.wrong is None or _cost(values) < _cost(here.wrong[0]):
                here.wrong = (values, wanted, got)
    return found


def _cost(values: Mapping[str, Value]) -> float:
    """How hard a point is to check by hand."""
    entries = [x for v in values.values() for x in ([y for row in v for y in row] if isinstance(v, list) else [v])]
    return float(sum(abs(x) + 20 * (x.denominator > 1) for x in entries))


def _points(e: Expr, whole: Expr, symbols: Symbols, rng: Random) -> Iterator[tuple[Mapping[str, int], dict[str, Value]]]:
    """Along lines across every boundary, then random small and wide ones."""
    sizes = shapes_for(whole, e, symbols)[0]
    keys = symbols_in(whole) | symbols_in(e)
    yield from sweep(whole, e, symbols, sizes, rng)
    for k in range(2 * MAX_POINTS):
        try:
            yield sizes, draw_values(symbols, keys, sizes, Exact(), small_draw(rng) if k % 2 else wide_draw(rng), rng)
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
