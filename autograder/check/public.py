"""What a suite's `public.py` says in: how a function is to be called, and how each written answer is read.

Nothing here knows a truth: what is read of an answer hangs on its notation alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from autograder.algebra import Expr, Followed, Rubric, Symbols, follow, key_of, read_typed, render, sequence_letters, statements_of
from autograder.errors import OutOfBudget, Unreadable
from autograder.verdict import READ_AS, Verdict
from autograder.writeup import Answer

State = Literal["read", "unreadable", "missing", "person", "holds", "wrong", "said"]

MAX_UNREAD = 6
"""Steps that could not be read and are shown; the rest are counted."""

MAX_STEP = 160
"""Characters of a step that is shown."""

SIZES = re.compile(r"\\(?:left|right)(?![A-Za-z])\s*")
"""Sizes of brackets, of which a step that is cut from a chain may keep one half."""


@dataclass(frozen=True)
class Reading:
    """How one written answer is read."""

    state: State
    lines: tuple[str, ...]
    formula: str = ""
    """The formula as it is understood, in the notation of the algebra room; pages typeset it."""


@dataclass(frozen=True)
class Example:
    """A call that a suite's `public.py` names: how the sheet defines a function and what a call of it returns.

    signature: `linear.solve(A, b)`, module first. arguments: makes the arguments of an example call; without it only
    name and parameters are looked at. returns: the shape of each returned value. names: of the values, where there are
    several. then: where the call makes an object, the arguments with which that is called.
    """

    signature: str
    arguments: Callable[[np.random.Generator], tuple[Any, ...]] | None = None
    returns: tuple[tuple[int, ...], ...] = ((),)
    names: tuple[str, ...] = ()
    then: tuple[Any, ...] | None = None

    @property
    def function(self) -> str:
        """`linear.solve`"""
        return self.signature.partition("(")[0]

    @property
    def module(self) -> str:
        """`ridge`"""
        return self.signature.partition(".")[0]

    @property
    def parameters(self) -> str:
        """`(X, y, Sigma)`"""
        return self.signature[len(self.function) :]


def read_formula(answer: Answer, table: Symbols) -> Reading:
    """A formula as the algebra room understands it, and its shape: with symbols only, without a truth.

    What cannot be read comes back with a caret under the place and what would be accepted.
    """
    where = _where(answer)
    try:
        read = read_typed(answer.text, table, None)
    except Unreadable as problem:
        return Reading("unreadable", (*problem.explain().splitlines(), where))
    except OutOfBudget as problem:
        return Reading("unreadable", (f"Your answer cannot be read: it is too long or too deeply nested ({problem}).", where))
    if read.expression is None:
        told = Unreadable(answer.text, read.at, f"the shapes do not fit: {read.misfit}").explain().splitlines()
        return Reading("wrong", (*told, where))
    shown = render(read.expression, table)
    rows, columns = read.expression.shape
    shape = "a single number" if (str(rows), str(columns)) == ("1", "1") else f"{rows} × {columns}"
    return Reading("read", (f"{shown}", f"{shape}; {where}"), shown)


def reading_of(verdict: Verdict, answer: Answer) -> Reading:
    """How a judge read an answer, with nothing of what it decided."""
    if verdict.kind == "unreadable":
        return Reading("unreadable", (*verdict.message.splitlines(), _where(answer)))
    if verdict.kind == "missing":
        return Reading("missing", tuple(verdict.read.splitlines()))
    shown = verdict.read or quote(answer)
    formula_of = next((line.partition(READ_AS)[2] for line in shown.splitlines() if READ_AS in line), "")
    return Reading("person" if verdict.kind == "undecided" else "read", tuple(shown.splitlines()), formula_of)


def read_derivation(answer: Answer, facts: Rubric) -> Reading:
    """How a derivation is read: how many steps, in which letters, what could not be read and on which line; nothing of what holds.

    facts: a rubric without waypoints. What is said hangs on notation alone: a false step is as well read as a true one.
    """
    text = statements_of(answer.body, max(1, answer.start))
    followed = follow(text, answer.body, answer.text, facts)
    read: list[tuple[int, str]] = []
    unread: list[str] = []
    for step in followed.steps:
        sides = [side for side in (step.left, step.right) if side is not None]
        why = next((side.unread for side in sides if side.unread), "" if sides else step.how)
        shown = f"`{_short(SIZES.sub('', step.text))}`"
        if why:
            unread.append(f"not readable, line {step.line}: {shown}: {_short(why)}")
        else:
            read.append((step.line, shown))
    if not read:
        told = f"none of {len(unread)} steps can be read" if unread else "no steps are found: relations such as a = b or a ≤ b"
        return Reading("person", (f"{told}; a person reads it.", *_some(unread), quote(answer)))
    first, last = min(line for line, _ in read), max(line for line, _ in read)
    place = f"line {first}" if first == last else f"lines {first} to {last}"
    lines = [f"{len(read)} step{'s are' if len(read) > 1 else ' is'} read, {place}{_letters(answer, followed, facts)}"]
    lines += [f"{len(unread)} more {'is' if len(unread) == 1 else 'are'} left to a person:"] if unread else []
    lines += _some(unread)
    lines += [quote(answer)] if answer.how.startswith("after") else [f"the last one, line {read[-1][0]}: {read[-1][1]}"]
    if not text.complete:
        lines.append("It is longer than what is read here; a person reads the rest.")
    return Reading("read", tuple(lines))


def _letters(answer: Answer, followed: Followed, facts: Rubric) -> str:
    """Which of the letters that were typed stand for the sheet's own."""
    table = followed.setting.table
    of = {key_of(name): name for name in facts.symbols}
    said = [
        f"{letter} as {render(Expr('sym', (), key_of(name), table.by_key(key_of(name)).shape), table)}"
        for letter, name in followed.binding.items()
        if key_of(name) in of
    ]
    iterates = sequence_letters(answer.body, facts.sequence) if facts.sequence else None
    if facts.sequence and iterates and iterates != (facts.sequence.base, facts.sequence.index, 0):
        base, index, ahead = iterates
        said.append(f"{base}_{f'{{{index}+1}}' if ahead else index} as {facts.sequence.base}_{facts.sequence.index}")
    return f", with {', '.join(said)}" if said else ", in the letters of the sheet"


def _some(unread: Sequence[str]) -> list[str]:
    more = len(unread) - MAX_UNREAD
    return [*unread[:MAX_UNREAD], *([f"and {more} more"] if more > 0 else [])]


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MAX_STEP else f"{text[:MAX_STEP]}…"


def quote(answer: Answer, limit: int = 200) -> str:
    """The answer as it was found, on one line."""
    text = " ".join(answer.text.split())
    return f"{text[:limit]}{'…' if len(text) > limit else ''}  ({_where(answer)})"


def _where(answer: Answer) -> str:
    said = f"{answer.file}, line {answer.line}, {answer.how or 'as found'}"
    return f"{said}; {answer.note}" if answer.note else said


def read_answer(read: Callable[[Answer], Reading | str], answer: Answer) -> Reading:
    """How an answer is read, by what its suite names for that; what was not typed is for a person, or missing."""
    if answer.state == "missing":
        return Reading("missing", (answer.note,) if answer.note else ())
    if answer.state in ("image", "foreign"):
        return Reading("person", (answer.note or "a person reads it",))
    given = read(answer)
    return given if isinstance(given, Reading) else Reading("read", tuple(given.splitlines()))
