"""How an answer is read, where nobody asks whether it is right: for the student's own check."""

from __future__ import annotations

from autograder.algebra.equivalence.decision import read_typed
from autograder.algebra.equivalence.verdicts import AnswerLike, read_line, typed
from autograder.algebra.symbols import Symbols
from autograder.errors import OutOfBudget, Unreadable
from autograder.verdict import Verdict


def reading(answer: AnswerLike | str, symbols: Symbols) -> str:
    """One or more lines: the expression as it was read; where its shapes do not fit; or a caret where it cannot be read."""
    text = typed(answer)
    if isinstance(text, Verdict):
        return text.message
    try:
        read = read_typed(text, symbols, None)
    except Unreadable as problem:
        return problem.explain()
    except OutOfBudget as problem:
        return f"Your answer cannot be read: it is too long or too deeply nested ({problem})."
    return read_line(read.expression, symbols) if read.expression is not None else f"The shapes do not fit: {read.misfit}."
