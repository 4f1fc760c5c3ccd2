"""What a name rests on at a moment: a slice of a script or notebook (program slicing, Weiser, IEEE TSE 10(4), 1984, over top-level
statements).
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from autograder.submission.bindings import Statement, called_name, statements_of, text_of
from autograder.submission.cells import Piece

ARGUMENTS_SEEN = 5
"""Positional arguments of a call that can be asked for."""

NO_MOMENT = -1
"""In the place of a moment at which nothing is looked up."""

MAX_NEEDS = 500_000
"""Names that are followed to what binds them, for all that is wanted of one program; homework needs some thousands."""


@dataclass(frozen=True)
class Slice:
    """The statements that a name rests on, and what each name is bound by at the end of them."""

    statements: tuple[Statement, ...]

    def final(self) -> dict[str, tuple[int, ...]]:
        """Name -> the statements of this slice that bind or change it."""
        found: dict[str, list[int]] = {}
        for statement in self.statements:
            for name in statement.binds | statement.changes:
                found.setdefault(name, []).append(statement.index)
        return {name: tuple(indices) for name, indices in found.items()}


class Argument(NamedTuple):
    """An argument of a call that may be a function. given: what it rests on, or the text that meant to bind it and does not parse."""

    position: int
    text: str
    given: Slice | Piece


class _Touching(NamedTuple):
    """statements: by name, in order. functions: names whose statements need others when they are called, so that it matters when."""

    statements: dict[str, list[Statement]]
    functions: frozenset[str]


class Program:
    """All statements of one script or notebook in the order of their text, which is taken for the order of execution."""

    def __init__(self, pieces: list[Piece], *, is_script: bool, before: Sequence[Statement] = ()) -> None:
        self._is_script = is_script
        own, self.lost = statements_of(list(_flattened(pieces, is_script=is_script)), first=len(before))
        self.statements = [*before, *own]
        self.bound = {name for statement in own for name in statement.binds}
        self._loops_in = _looping(self.statements)
        self._lost_by_name: dict[str, list[Piece]] = {}
        for piece in self.lost:
            for name in piece.names:
                self._lost_by_name.setdefault(name, []).append(piece)
        self._touching: dict[frozenset[str], _Touching] = {}
        self._needs = 0
        self.annotations = any(isinstance(s.node, ast.ImportFrom) and s.node.module == "__future__" for s in self.statements)
        self._own = own

    def remarks(self) -> list[str]:
        """What a student should know of this file."""
        said = [f"{piece.origin}: {piece.problem or 'it cannot stand there'}; what this defines is left out." for piece in self.lost]
        if self._needs >= MAX_NEEDS:
            said.insert(0, f"{self._own[0].piece.origin}: names rest on more statements than are followed ({MAX_NEEDS}).")
        for statement in self._own:
            if isinstance(statement.node, ast.Expr) and isinstance(statement.node.value, ast.Lambda):
                piece = statement.piece
                said.append(f"{piece.origin}, line {piece.line}: a `lambda` that is not assigned to a name changes nothing.")
        return said

    def wanted(self, name: str, wanted: Iterable[str]) -> Slice:
        """The slice of a name as its first call after its last definition saw it."""
        last = max(s.index for s in self._own if name in s.binds)
        calls = [s.index for s in self._own if s.index > last and any(called_name(c) == name for c in s.calls)]
        moment = calls[0] if calls else self._unused(name, last, frozenset(wanted))
        return self._slice([(name, moment, moment)], frozenset(wanted))

    def is_only_placeholder(self, name: str) -> bool:
        """Whether the last binding of a name is what templates hold: None, or functions that do nothing or raise NotImplementedError."""
        return _is_placeholder(next(s.node for s in reversed(self._own) if name in s.binds))

    def arguments(self, name: str, wanted: Iterable[str]) -> list[Argument]:
        """The arguments of the last call of a function that loops which may be functions themselves.

        Where the call's own cell meant to bind an argument in text that does not parse, that piece instead of a slice.
        Empty for a script that binds no wanted name twice: there the names speak for themselves.
        """
        names = frozenset(wanted)
        if self._is_script and all(sum(w in s.binds for s in self._own) <= 1 for w in names):
            return []
        if name in self.bound and name not in self._loops_in:
            return []
        parameters = self._parameters(name)
        for statement in reversed(self._own):
            calls = [call for call in statement.calls if called_name(call) == name]
            if not calls:
                continue
            given: dict[int, ast.expr] = {}
            for position, argument in enumerate(calls[-1].args):
                if isinstance(argument, ast.Starred):
                    break
                given[position] = argument
            for keyword in calls[-1].keywords:
                if keyword.arg in parameters:
                    given[parameters.index(keyword.arg)] = keyword.value
            found: list[Argument] = []
            for position, argument in sorted(given.items())[:ARGUMENTS_SEEN]:
                if not self._can_be_function(argument, statement, names):
                    continue
                loaded = (n.id for n in ast.walk(argument) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
                own = _lambda_parameters(argument)
                needs = [need for need in dict.fromkeys(loaded) if need not in own]
                broken = [piece for need in needs for piece in self._spoilt(need, statement)]
                if broken:
                    found.append(Argument(position, "", broken[-1]))
                    continue
                cut = self._slice([(need, statement.index, statement.index) for need in needs], names)
                found.append(Argument(position, text_of(argument), cut))
            return found
        return []

    def _can_be_function(self, argument: ast.expr, at: Statement, wanted: frozenset[str]) -> bool:
        """Whether an argument may be a function: a lambda, `nn.MSELoss()`, a name not bound to a number or an object of a wanted class."""
        if isinstance(argument, ast.Lambda | ast.Attribute):
            return True
        if isinstance(argument, ast.Call):
            return isinstance(argument.func, ast.Attribute) and isinstance(argument.func.value, ast.Name | ast.Attribute)
        if not isinstance(argument, ast.Name):
            return False
        binding = next((s.node for s in reversed(self.statements[: at.index]) if argument.id in s.binds), None)
        if not isinstance(binding, ast.Assign):
            return True
        made = isinstance(binding.value, ast.Call) and called_name(binding.value) in wanted
        return not made and not isinstance(binding.value, ast.Constant)

    def _parameters(self, name: str) -> list[str]:
        nodes = [s.node for s in self._own if name in s.binds and isinstance(s.node, ast.FunctionDef)]
        return [a.arg for a in (*nodes[-1].args.posonlyargs, *nodes[-1].args.args)] if nodes else []

    def _spoilt(self, name: str, at: Statement) -> list[Piece]:
        """The text of that statement's cell, before it, that meant to bind the name, does not parse, and is not made good since."""
        here = [p for p in self._lost_by_name.get(name, ()) if p.cell == at.piece.cell and p.line < at.piece.line]
        if not here:
            return []
        bound = [s.piece.line for s in self._own if name in s.binds and s.piece.cell == at.piece.cell and s.piece.line < at.piece.line]
        return [p for p in here if p.line > max(bound, default=0)]

    def _unused(self, name: str, last: int, wanted: frozenset[str]) -> int:
        """The moment at which a name is looked at that is never called at the top level.

        The one, after its cell (in a script: after itself), at which a value that it rests on is bound anew; else the end. A function
        that is defined anew does not count: that is a correction.
        """
        cell = self.statements[last].piece.cell
        end = last + 1 if self._is_script else 1 + max(s.index for s in self._own if s.piece.cell == cell)
        rests_on = {bound for s in self._slice([(name, end, last + 1)], wanted).statements for bound in s.binds}
        anew = (s.index for s in self.statements[end:] if s.binds & rests_on and _has_value(s.node))
        return next(anew, len(self.statements))

    def _slice(self, needs: Iterable[tuple[str, int, int]], wanted: frozenset[str]) -> Slice:
        """needs: (name, moment at which what is in it is looked up, moment before which it is bound)."""
        taken: set[int] = set()
        seen: set[tuple[str, int, int, bool]] = set()
        waiting = [(name, moment, before, False) for name, moment, before in needs]
        while waiting and self._needs < MAX_NEEDS:
            name, moment, before, is_bound = waiting.pop()
            if name not in self._touching_by(wanted).functions:
                moment = NO_MOMENT  # so that each of a thousand changes of one object is followed once, not once for each later one
            need = (name, moment, before, is_bound)
            if need in seen:
                continue
            seen.add(need)
            statement = self._touched(name, before, wanted, is_bound=is_bound)
            if statement is None:
                continue
            taken.add(statement.index)
            self._needs += 1 + len(statement.early) + len(statement.late)
            waiting += [(early, statement.index, statement.index, False) for early in statement.early]
            waiting += [(late, moment, moment, False) for late in statement.late]
            if statement.index < before and not (name in statement.binds and statement.certain):
                waiting.append((name, moment, statement.index, is_bound or name in statement.binds))  # what was there before it counts too
        last = max(taken, default=-1)
        walked: set[tuple[str, int]] = set()
        for statement in self.statements[: max(last, 0)]:
            if (statement.star or statement.setting) and statement.index not in taken:
                taken.add(statement.index)
                if statement.setting:
                    for early in statement.early:
                        taken |= self._binding(early, statement.index, wanted, walked)
        return Slice(tuple(self.statements[i] for i in sorted(taken)))

    def _binding(self, name: str, before: int, wanted: frozenset[str], walked: set[tuple[str, int]]) -> set[int]:
        """The statements that make a name what it is just before a moment: its binding and what changed it since.

        walked: where such a walk has been, which then was all that there is from there.
        """
        found: set[int] = set()
        is_bound = False
        while self._needs < MAX_NEEDS and (statement := self._touched(name, before, wanted, is_bound=is_bound)) is not None:
            self._needs += 1
            found.add(statement.index)
            is_bound = is_bound or name in statement.binds
            if (name, statement.index) in walked or statement.index >= before or (name in statement.binds and statement.certain):
                break
            walked.add((name, statement.index))
            before = statement.index
        return found

    def _touched(self, name: str, before: int, wanted: frozenset[str], *, is_bound: bool) -> Statement | None:
        """The last statement before a moment that binds or changes a name, training left out; None for a name that nothing binds.

        Where there is none, and nothing that was found after it binds the name (is_bound), the first that does from that moment on:
        cells are not always run from top to bottom.
        """
        touching = self._touching_by(wanted).statements.get(name, [])
        place = bisect_left(touching, before, key=lambda s: s.index)
        if place:
            return touching[place - 1]
        return None if is_bound else next((s for s in touching if name in s.binds), None)

    def _touching_by(self, wanted: frozenset[str]) -> _Touching:
        """What binds or changes each name which some statement binds, training left out."""
        if wanted not in self._touching:
            found: dict[str, list[Statement]] = {}
            bound: set[str] = set()
            for statement in self.statements:
                if not self._is_training(statement, wanted):
                    bound |= statement.binds
                    for name in statement.binds | statement.changes:
                        found.setdefault(name, []).append(statement)
            functions = frozenset(name for name, touching in found.items() if any(s.late for s in touching))
            self._touching[wanted] = _Touching({name: touching for name, touching in found.items() if name in bound}, functions)
        return self._touching[wanted]

    def _is_training(self, statement: Statement, wanted: frozenset[str]) -> bool:
        """Whether executing it runs a wanted function that loops: minutes of training, never run as they stand."""
        return any(called_name(call) in wanted & self._loops_in for call in statement.calls)


def _looping(statements: Sequence[Statement]) -> frozenset[str]:
    """Functions that loop, or call one that does."""
    callers: dict[str, list[Statement]] = {}
    waiting: list[Statement] = []
    for statement in statements:
        if isinstance(statement.node, ast.FunctionDef | ast.AsyncFunctionDef):
            for name in statement.late:
                callers.setdefault(name, []).append(statement)
            if statement.loops:
                waiting.append(statement)
    found: set[str] = set()
    while waiting:
        for name in waiting.pop().binds - found:
            found.add(name)
            waiting += callers.get(name, ())
    return frozenset(found)


def _flattened(pieces: Sequence[Piece], *, is_script: bool) -> Iterable[Piece]:
    """Imports one by one, and what a notebook does under `if __name__ == "__main__":`, where that is true."""
    for piece in pieces:
        node = piece.node
        if isinstance(node, ast.Import) and len(node.names) > 1:
            for alias in node.names:
                single = ast.Import([alias])
                yield Piece(single, text_of(single), piece.cell, piece.origin, piece.line)
        elif isinstance(node, ast.If) and re.sub(r"\s", "", text_of(node.test)) in ("__name__=='__main__'", "'__main__'==__name__"):
            for inner in node.orelse if is_script else node.body:
                yield Piece(inner, text_of(inner), piece.cell, piece.origin, piece.line + inner.lineno - node.lineno)
        else:
            yield piece


def _has_value(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign | ast.AnnAssign) and not isinstance(node.value, ast.Lambda)


def _is_placeholder(node: ast.stmt) -> bool:
    if isinstance(node, ast.FunctionDef):
        body = [s for s in node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
        return all(isinstance(s, ast.Pass) or (isinstance(s, ast.Raise) and "NotImplementedError" in text_of(s)) for s in body)
    if isinstance(node, ast.ClassDef):
        methods = [s for s in node.body if isinstance(s, ast.FunctionDef)]
        return bool(methods) and all("raise NotImplementedError" in text_of(m) for m in methods)
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and node.value.value in (None, ...)


def _lambda_parameters(node: ast.expr) -> set[str]:
    return {a.arg for n in ast.walk(node) if isinstance(n, ast.Lambda) for a in n.args.args}
