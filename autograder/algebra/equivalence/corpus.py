"""A corpus of cases, one JSON object a line -> one verdict a line, streaming."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from autograder.algebra.equivalence.decision import AnswerDecision, decide_expression
from autograder.algebra.notation import cached_symbols, read_expected
from autograder.algebra.symbols import Symbols
from autograder.algebra.tree import Expr
from autograder.errors import UsageError

FIELDS: Final = ("id", "symbols", "expected", "answer")


@dataclass
class Tally:
    """What a run of `equiv_lines` came to; it grows while the lines are read."""

    verdicts: Counter[str] = field(default_factory=Counter)
    methods: Counter[str] = field(default_factory=Counter)
    proved: int = 0
    """Cases that were decided otherwise and that sympy proved as well."""

    def count(self, decision: AnswerDecision, proved: bool) -> None:
        """One more case."""
        self.verdicts[decision.verdict] += 1
        if decision.method:
            self.methods[decision.method] += 1
        self.proved += proved

    @property
    def has_failed(self) -> bool:
        """Did two methods disagree somewhere? (Exit code 1.)"""
        return self.verdicts["error"] > 0

    def text(self) -> str:
        """One line for standard error."""
        total = sum(self.verdicts.values())
        counts = ", ".join(f"{n} {verdict}" for verdict, n in sorted(self.verdicts.items()))
        methods = ", ".join(f"{n} {method}" for method, n in sorted(self.methods.items()))
        proved = f"; {self.proved} proved by sympy" if self.proved else ""
        return f"{total} cases: {counts or 'none'}" + (f" (decided by: {methods}{proved})" if methods else "")


def equiv_lines(lines: Iterable[str], prove: bool = False, tally: Tally | None = None) -> Iterator[str]:
    """A verdict as a line of JSON (without its end) for every case, in order.

    prove: sympy attempts each equivalence as well; where it proves what exact evaluation refutes the verdict is `error`.
    tally: counts while the lines are read. A table or an expected expression that cannot be read is `undecided`, with the reason.
    Raises UsageError, naming the line, for a line that is no case.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        case = read_case(line, number)
        decision, proved = judged(case, prove)
        if tally is not None:
            tally.count(decision, proved)
        yield json.dumps(
            {
                "id": case["id"],
                "verdict": decision.verdict,
                "diagnosis": decision.diagnosis,
                "witness": decision.witness,
                "method": decision.method,
                "reason": decision.reason,
                "offset": decision.offset,
            },
            allow_nan=False,
        )


def read_case(line: str, number: int) -> dict[str, Any]:
    """One line as a case. Raises UsageError."""
    try:
        case = json.loads(line)
    except (ValueError, RecursionError) as bad:
        raise UsageError(f"line {number} is no JSON: {str(bad)[:200]}") from None
    if not isinstance(case, dict):
        raise UsageError(f"line {number} is no JSON object; a case has the keys {', '.join(FIELDS)}")
    absent = [name for name in FIELDS if name not in case]
    if absent:
        raise UsageError(f"line {number} lacks {absent[0]!r}; a case has the keys {', '.join(FIELDS)}")
    table = case["symbols"]
    if not isinstance(table, dict) or not all(isinstance(v, str) for v in table.values()):
        raise UsageError(f'line {number}: \'symbols\' is no object of texts such as {{"x": "vector n"}}')
    for name in ("expected", "answer"):
        if not isinstance(case[name], str):
            raise UsageError(f"line {number}: {name!r} is no text")
    return case


def judged(case: dict[str, Any], prove: bool) -> tuple[AnswerDecision, bool]:
    """The decision about a case, and whether sympy proved it."""
    try:
        table = cached_symbols(tuple(case["symbols"].items()))
        expected = read_expected(case["expected"], table)
    except ValueError as bad:
        return AnswerDecision("undecided", reason=f"the case cannot be used: {bad}", offset=None), False
    decision = decide_expression(case["answer"], expected, table)
    if prove and decision.expression is not None and decision.verdict in ("equivalent", "different"):
        return cross_checked(decision, expected, table)
    return decision, False


def cross_checked(decision: AnswerDecision, expected: Expr, table: Symbols) -> tuple[AnswerDecision, bool]:
    """The decision after sympy's attempt."""
    from autograder.algebra.equivalence.sympy_bridge import proved

    assert decision.expression is not None
    if decision.expression.shape != expected.shape or not proved(expected, decision.expression, table):
        return decision, False
    if decision.verdict == "equivalent":
        return replace(decision, method="sympy"), True
    reason = "sympy proves equal what exact evaluation refutes"
    return replace(decision, verdict="error", reason=reason, offset=None), True
