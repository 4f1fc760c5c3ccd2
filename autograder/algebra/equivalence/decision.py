"""Text against text: the decision about one answer, with its witness and the slip that explains it."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

from autograder.algebra.equivalence.identity import Equality, decide_pair, seed_of
from autograder.algebra.equivalence.slips import diagnose
from autograder.algebra.equivalence.witness import Witness, find_witness
from autograder.algebra.limits import CACHED_DECISIONS
from autograder.algebra.notation import Node, Typer, is_numpy, read_answer, read_expected
from autograder.algebra.symbols import Shape, Symbols
from autograder.algebra.tree import Expr, Misshapen, degree
from autograder.errors import OutOfBudget, Unreadable
from autograder.mathtext import MAX_CHARACTERS
from autograder.verdict import Json

OF_THE_TEXT: Final = frozenset(
    {"MAX_CHARACTERS", "MAX_TOKENS", "MAX_DEPTH", "MAX_TREE_DEPTH", "MAX_DIGITS", "MAX_DECIMAL_EXPONENT", "MAX_FACTORS"}
)
"""Limits that the text itself exceeds, so that it is unreadable; beyond the others it is read and cannot be decided."""

LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class AnswerDecision:
    """One answer against one expected expression.

    verdict: `equivalent`, `different`, `unreadable`, `undecided` or `error`. diagnosis: name of the slip, or None.
    witness: with `different`, `{"values": {name: number or rows}, "expected_value", "answer_value"}` or
    `{"expected_shape", "answer_shape"}`. method: `normal-form`, `exact`, `numeric`, `sympy` or None. reason, offset: what could not
    be read, and where in the answer. error: bound on the chance that an exact `equivalent` is wrong.
    expression: the answer as it was read.
    """

    verdict: str
    diagnosis: str | None = None
    witness: Mapping[str, Json] | None = None
    method: str | None = None
    reason: str | None = None
    offset: int | None = None
    error: float = 0.0
    expression: Expr | None = None
    accepted: str = ""
    boundary: bool = False
    """The two differ on boundaries between pieces alone."""


@dataclass(frozen=True)
class TypedAnswer:
    """A text read: the typed expression, or where its shapes do not fit."""

    node: Node
    expression: Expr | None
    misfit: str = ""
    at: int = 0


def read_typed(text: str, table: Symbols, expected: Shape | None) -> TypedAnswer:
    """Read and type an answer. Raises Unreadable, OutOfBudget."""
    node = read_answer(text, table)
    try:
        e = Typer(table, numpy=is_numpy(text)).whole(node, expected)
        degree(e)
    except Misshapen as bad:
        return TypedAnswer(node, None, str(bad), bad.at)
    return TypedAnswer(node, e)


def decide(answer_text: str, expected_text: str, symbols: Symbols) -> AnswerDecision:
    """Is the answer the expected expression?

    Raises ValueError if the expected text cannot be read: that is not the student's fault. A failure of ours is `undecided` and logged.
    """
    return decide_expression(answer_text, read_expected(expected_text, symbols), symbols)


@lru_cache(maxsize=CACHED_DECISIONS)
def decide_expression(answer_text: str, expected: Expr, symbols: Symbols) -> AnswerDecision:
    """`decide` for an expected expression that has been read."""
    try:
        return _decide(answer_text, expected, symbols)
    except Unreadable as bad:
        return AnswerDecision("unreadable", reason=bad.reason, offset=bad.offset, accepted=bad.accepted)
    except OutOfBudget as bad:
        if bad.limit in OF_THE_TEXT:
            return AnswerDecision("unreadable", reason=f"this is too long or too deeply nested: {bad}", offset=0)
        return AnswerDecision("undecided", reason=str(bad), offset=0)
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, AssertionError, RecursionError, MemoryError):
        LOG.exception("a defect of the algebra room, at an answer of %d characters", len(answer_text))
        return AnswerDecision("undecided", reason="our own decider failed on this answer; a person should look", offset=0)


def _decide(text: str, expected: Expr, table: Symbols) -> AnswerDecision:
    reading = read_typed(text, table, expected.shape)
    e = reading.expression
    if e is None:
        witness = {"expected_shape": shape_json(expected.shape), "answer_shape": reading.misfit}
        return AnswerDecision("different", "shape", witness, "exact", reading.misfit, reading.at)
    seed = seed_of(text[:MAX_CHARACTERS], expected, table.identity)
    if e.shape != expected.shape:
        witness = {"expected_shape": shape_json(expected.shape), "answer_shape": shape_json(e.shape)}
        return AnswerDecision("different", diagnose(expected, e, table, seed), witness, "exact", expression=e)
    equality = decide_pair(expected, e, table, seed)
    if equality.equal is None:
        return AnswerDecision("undecided", method=None, reason=equality.reason, expression=e)
    if equality.equal:
        return AnswerDecision("equivalent", method=equality.method, error=equality.error, expression=e)
    return different(expected, e, table, equality, seed)


def different(expected: Expr, e: Expr, table: Symbols, equality: Equality, seed: int) -> AnswerDecision:
    """A difference with its witness and diagnosis; without a witness it is undecided."""
    found = find_witness(expected, e, table, equality, seed)
    if found is None:
        return AnswerDecision("undecided", reason="they differ, but no point was found that shows it", expression=e)
    slip = None if equality.boundary or equality.undefined else diagnose(expected, e, table, seed)
    return AnswerDecision("different", slip, witness_json(found), equality.method, expression=e, boundary=equality.boundary)


def shape_json(shape: Shape) -> list[str]:
    """`["n", "1"]`"""
    return [str(shape[0]), str(shape[1])]


def witness_json(found: Witness) -> dict[str, Json]:
    """A witness as JSON: whole numbers, fractions as text, other reals as floats, matrices as rows."""
    return {
        "values": {name: value_json(value) for name, value in found.values.items()},
        "expected_value": value_json(found.expected),
        "answer_value": "undefined" if found.answer is None else value_json(found.answer),
    }


def value_json(value: Any) -> Json:
    """A number or rows."""
    if isinstance(value, list):
        return [[value_json(x) for x in row] for row in value]
    if isinstance(value, (int, Fraction)):
        value = Fraction(value)
        return value.numerator if value.denominator == 1 else str(value)
    number = float(value)
    return number if math.isfinite(number) else ("nan" if math.isnan(number) else "inf" if number > 0 else "-inf")
