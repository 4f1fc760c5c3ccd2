"""Decisions in a student's words: `equivalent`, and what the other judges of this room share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Literal, Protocol, runtime_checkable

from autograder.algebra.equivalence.decision import AnswerDecision, decide_expression
from autograder.algebra.notation import read_expected, render
from autograder.algebra.symbols import Symbols
from autograder.algebra.tree import Expr, show_shape
from autograder.errors import Unreadable
from autograder.evidence import SymbolicEvidence, TextEvidence
from autograder.verdict import READ_AS, Verdict, correct, error, incorrect, missing, undecided, unreadable, verdict_unless_typed

MAX_SHOWN: Final = 4_000
"""Characters of a text in the evidence."""


@runtime_checkable
class AnswerLike(Protocol):
    """What the write-up hands over for a part."""

    @property
    def text(self) -> str:
        """The final answer as typed."""
        ...

    @property
    def body(self) -> str:
        """The whole part."""
        ...

    @property
    def state(self) -> Literal["typed", "missing", "image", "foreign"]:
        """Whether there is anything to read."""
        ...


SLIPS: Final[Mapping[str, str]] = {
    "transposed": "This is the transpose of what was asked: look at which side of the products is a row and which a column.",
    "sign": "The sign is wrong.",
    "missing_term": "A term is missing.",
    "wrong_order": "The factors are right, but their order is not: matrices do not commute.",
    "assumed_symmetric": "This holds for a symmetric matrix only, and the matrix need not be symmetric.",
    "inverted": "Something is upside down: an inverse (or a fraction) is missing, is one too many, or is turned over.",
    "shape": "The shape is wrong.",
}


def typed(answer: AnswerLike | str) -> str | Verdict:
    """The text to judge, or the verdict if there is none."""
    if isinstance(answer, str):
        return answer if answer.strip() else missing()
    other = verdict_unless_typed(answer, "a formula")
    if other is not None:
        return other
    return answer.text if answer.text.strip() else missing()


def equivalent(answer: AnswerLike | str, expected: Any, symbols: Symbols, *, partial_credit: Mapping[str, float] | None = None) -> Verdict:
    """Is the final answer equal to the expected expression, wherever the declared assumptions hold?

    answer: text, or an answer of the write-up. expected: text, or a sympy expression over `names(symbols)`; for the latter sympy's own
    proof is attempted as well. partial_credit: name of a slip (`transposed`, `scaled`) -> share that an answer with it earns.
    Raises ValueError for an expected expression that cannot be read.
    """
    return credited(_equivalent(answer, expected, symbols), partial_credit or {})


def credited(verdict: Verdict, partial_credit: Mapping[str, float]) -> Verdict:
    """A wrong answer with its share, if its slip has one."""
    share = partial_credit.get((verdict.slip or "").partition(":")[0], 0.0)
    return replace(verdict, kind="partial", share=share) if verdict.kind == "incorrect" and share > 0 else verdict


def _equivalent(answer: AnswerLike | str, expected: Any, symbols: Symbols) -> Verdict:
    text = typed(answer)
    if isinstance(text, Verdict):
        return text
    if isinstance(expected, str):
        truth, shown, proof = read_expected(expected, symbols), expected, None
    else:
        from autograder.algebra.equivalence.sympy_bridge import from_sympy, proved

        truth = from_sympy(expected, symbols)
        shown, proof = str(expected), proved
    decision = decide_expression(text, truth, symbols)
    verdict = as_verdict(decision, text, shown, symbols)
    if proof is None or decision.verdict not in ("equivalent", "different") or decision.expression is None:
        return verdict
    return certified(verdict, decision, proof(truth, decision.expression, symbols))


def certified(verdict: Verdict, decision: AnswerDecision, proof: bool | None) -> Verdict:
    """The verdict with what sympy says of it; where the two disagree it is our own error."""
    if proof is None:
        return verdict
    if proof and decision.verdict == "equivalent":
        return replace(verdict, method=f"proved by sympy; {verdict.method}")
    if proof:
        message = "Two of our methods disagree about this answer: a person looks at it."
        return error(message, evidence=verdict.evidence).with_read(verdict.read)
    return verdict


def method_text(decision: AnswerDecision) -> str:
    """How it was decided, in a few words."""
    if decision.method == "normal-form":
        return "the same expression"
    if decision.method == "exact" and decision.error:
        power = math.floor(math.log10(decision.error)) + 1
        return f"exact random evaluation (error below 1e{power})"
    if decision.method == "exact":
        return "exact evaluation at points on both sides of every boundary and on it"
    return "evaluation with 50 digits at random points"


def read_line(e: Expr | None, symbols: Symbols) -> str:
    """`Read as: (M + N)ᵀ z`"""
    return "" if e is None else f"{READ_AS}{render(e, symbols)}"


def as_verdict(decision: AnswerDecision, text: str, shown: str, symbols: Symbols) -> Verdict:
    """A decision as a verdict with feedback and evidence."""
    read = read_line(decision.expression, symbols)
    if decision.verdict == "equivalent":
        return correct(method=method_text(decision), read=read)
    if decision.verdict == "unreadable":
        bad = Unreadable(text, decision.offset or 0, decision.reason or "it is not understood", decision.accepted)
        return unreadable(bad.explain())
    if decision.verdict == "undecided":
        return undecided(f"This could not be decided: {decision.reason}.", read=read, evidence=TextEvidence(said=text[:MAX_SHOWN]))
    evidence = symbolic_evidence(decision, text, shown, symbols)
    method = "exact evaluation" if decision.method == "exact" else method_text(decision)
    return incorrect(feedback(decision), evidence=evidence, slip=decision.diagnosis, method=method, read=read)


def feedback(decision: AnswerDecision) -> str:
    """What is wrong, without what would be right."""
    slip = decision.diagnosis
    if decision.boundary:
        return "Right but for the boundary between the cases."
    if slip == "shape":
        if decision.expression is None:
            return f"The shapes do not fit: {decision.reason}."
        return f"The shape is wrong: this is {show_shape(decision.expression.shape)}."
    if slip and slip.startswith("scaled"):
        return f"This is off by a constant factor of {slip.partition(':')[2]}."
    if slip:
        return SLIPS[slip]
    return "This is not equal to what was asked; it differs for some values of the symbols."


def symbolic_evidence(decision: AnswerDecision, text: str, shown: str, symbols: Symbols) -> SymbolicEvidence:
    """A difference as evidence: both formulas, and its witness."""
    witness = dict(decision.witness or {})
    return SymbolicEvidence(
        symbols={s.name: s.text for s in symbols.declared},
        expected=shown[:MAX_SHOWN],
        answer=text[:MAX_SHOWN],
        witness=witness.pop("values", None),
        **witness,
    )
