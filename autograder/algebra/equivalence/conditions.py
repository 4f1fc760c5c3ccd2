"""Answers that are conditions: `u = 2 v`, `b_{ij} = c_{ji}`, "B is orthogonal".

Two conditions are the same if each implies the other. A condition that is linear in its unknowns is solved exactly, and the other one
is evaluated at random solutions; any other is looked for among structured matrices, which can refute but not prove.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from autograder.algebra.equivalence.conjuncts import Conjunct, read_condition_answer, read_stated
from autograder.algebra.equivalence.decision import value_json
from autograder.algebra.equivalence.identity import seed_of
from autograder.algebra.equivalence.solutions import holds, solutions
from autograder.algebra.equivalence.verdicts import MAX_SHOWN, AnswerLike, typed
from autograder.algebra.evaluation import Unsupported, Value
from autograder.algebra.symbols import Symbols
from autograder.errors import OutOfBudget, Unreadable
from autograder.evidence import SymbolicEvidence
from autograder.mathtext import MAX_CHARACTERS
from autograder.verdict import Verdict, correct, incorrect, partial, undecided, unreadable

METHOD: Final = "each condition evaluated at exact solutions of the other"
SUFFICIENT_SHARE: Final = 0.5


def same_condition(
    answer: AnswerLike | str,
    expected_condition: str,
    symbols: Symbols,
    *,
    phrases: Mapping[str, str] | None = None,
    sufficient: Sequence[str] = (),
    share: float = SUFFICIENT_SHARE,
) -> Verdict:
    """Is the answer the same condition?

    expected_condition: an equation such as `B v = 0`. Symbols of the table that it does not name may occur in the
    answer and are meant for all their values.
    phrases: words -> condition text, either an equation or `SYMBOL assumption` (`A diagonal`). sufficient: conditions that are known
    to imply the expected one: they earn `share`, and so does every other condition that implies it without being implied.
    Raises ValueError for an expected condition or a phrase that cannot be read.
    """
    known = {words.lower(): read_stated(text, symbols) for words, text in (phrases or {}).items()}
    truth = read_stated(expected_condition, symbols)
    text = typed(answer)
    if isinstance(text, Verdict):
        return text
    if len(text) > MAX_CHARACTERS:
        return unreadable("Your answer cannot be read: it is too long.")
    failure: Unreadable | None = None
    parts: list[Conjunct] = []
    body = answer.body if not isinstance(answer, str) else ""
    for source in dict.fromkeys((text, body[:MAX_CHARACTERS])):
        if not source.strip():
            continue
        try:
            parts = read_condition_answer(source, symbols, known)
        except Unreadable as bad:
            failure = failure or bad
            continue
        except OutOfBudget:
            failure = failure or Unreadable(source, 0, "it is too long or too deeply nested")
            continue
        break
    if not parts:
        assert failure is not None
        return unreadable(failure.explain())
    read = "Read as: " + " and ".join(p.text for p in parts)
    return _compared(text, parts, truth, expected_condition, symbols, sufficient, share, read)


def _compared(
    text: str,
    parts: list[Conjunct],
    truth: list[Conjunct],
    shown: str,
    symbols: Symbols,
    sufficient: Sequence[str],
    share: float,
    read: str,
) -> Verdict:
    negated = [p for p in parts if p.text.startswith("not ")]
    seed = seed_of(text, shown, symbols.identity)

    def evidence(values: Mapping[str, Value], right: bool, theirs: bool) -> SymbolicEvidence:
        named = {s.name: value_json(values[s.key]) for s in symbols.declared if s.key in values}
        return SymbolicEvidence(
            symbols={s.name: s.text for s in symbols.declared},
            expected=shown,
            answer=text[:MAX_SHOWN],
            witness=named,
            expected_value=right,
            answer_value=theirs,
        )

    on_truth, proper_truth = solutions(truth, symbols, seed)
    if negated:
        values = next(iter(on_truth), {})
        return incorrect(
            "This is the opposite of the condition, or part of it.",
            evidence=evidence(values, True, False),
            slip="negated",
            method=METHOD,
            read=read,
        )
    on_answer, proper = solutions(parts, symbols, seed + 1)
    try:
        broken = next((v for v in on_truth if not holds(parts, v, symbols, seed)), None)
        beyond = next((v for v in on_answer if not holds(truth, v, symbols, seed)), None)
    except Unsupported:
        return undecided("This condition cannot be decided: a person looks at it.", read=read)
    if broken is None and beyond is None:
        if proper and proper_truth:
            return correct(method=METHOD, read=read)
        return undecided("No case was found in which the two conditions differ, and none that proves them the same.", read=read)
    if beyond is not None:
        message = "This condition is not enough." if broken is None else "This is another condition."
        return incorrect(
            message, evidence=evidence(beyond, False, True), slip="necessary_only" if broken is None else None, method=METHOD, read=read
        )
    assert broken is not None
    listed = any(read_stated(s, symbols) == parts for s in sufficient if "=" in s or len(s.split()) == 2)
    if not (proper or listed or (on_answer and any(p.assumption for p in parts))):
        return undecided("No case was found that decides about this condition: a person looks at it.", read=read)
    message = "This condition is enough, but it asks for more than is needed."
    return partial(share, message, evidence=evidence(broken, True, False), slip="sufficient_only", method=METHOD, read=read)
