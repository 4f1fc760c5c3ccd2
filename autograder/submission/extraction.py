"""The definitions that a suite asks for, with what they need, as each part of the notebook would have seen it.

A notebook binds one name again and again: the resistors that are wanted, the loss, the rate. A function looks such a
name up when it is called, so "the notebook's `train`" means nothing until one says when. Here a wanted function is
taken as it was at its first call after its last definition; a name in it as it was bound at that moment. Where two
wanted names saw different bindings, each gets a namespace of its own in the worker, and the module that the suite
talks to only collects them (program slicing, Weiser, IEEE TSE 10(4), 1984, over top-level statements).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autograder.errors import Unreadable
from autograder.submission.bindings import Statement, called_name, statements_of, text_of
from autograder.submission.cells import MAX_CODE_CHARACTERS, Piece, notebook_cells, pieces_of

LABEL = "autograder"
"""Where units of our own say that they stand."""

MAX_REMARKS = 12
"""Remarks about cells; what is beyond is counted."""

ARGUMENTS_SEEN = 5
"""Positional arguments of a call that can be asked for."""

Unit = tuple[str, str, int]
"""(code, label of where it stands, line before its first line), as the worker wants it."""

FIRST_UNIT: Unit = (
    '__stand_ins__.install()\n__namespaces__ = __stand_ins__.Namespaces(__name__, globals().get("__file__"))',
    LABEL,
    0,
)
"""Executed before anything of a student's: plots and progress bars that accept everything and do nothing, installed or not."""


@dataclass(frozen=True)
class Extraction:
    """What was taken from one script, one notebook, or both."""

    units: tuple[Unit, ...]
    """Executed by the worker in this order in one namespace, which then holds the wanted names that are there, and for each
    wanted function NAME that loops and is called at the top level, as NAME__argument_0, NAME__argument_1, ..., those arguments
    of its last call which may be functions: the loss that a part was really trained with."""
    defined: frozenset[str] = frozenset()
    """Wanted names that are bound somewhere, whether or not their statements work."""
    lost: Mapping[str, str] = field(default_factory=dict)
    """Wanted names that are bound only by text that does not parse: why."""
    remarks: tuple[str, ...] = ()
    """One sentence each, for the student: what was odd or left out."""


def definitions(
    text_py: str | None,
    notebook_json: str | None,
    wanted: Sequence[str],
    *,
    py_name: str = "the script",
    notebook_name: str = "the notebook",
) -> Extraction:
    """Takes the wanted names out of a script and a notebook, name by name, the script first.

    text_py, notebook_json: the files' texts, None where there is no such file. py_name, notebook_name: their names, for
    messages. Nothing is executed, and training runs (calls of wanted functions that hold loops) never get into a unit.
    A notebook that cannot be read is a remark, and so is each cell that does not parse; never raises for what was handed in.
    """
    remarks: list[str] = []
    wanted = tuple(dict.fromkeys(wanted))
    script = _Program([], is_script=True)
    notebook = _Program([], is_script=False)
    if text_py is not None:
        if len(text_py) > MAX_CODE_CHARACTERS:
            remarks.append(f"{py_name}: {len(text_py)} characters of code are more than is read ({MAX_CODE_CHARACTERS}).")
        else:
            script = _Program(list(pieces_of(text_py, py_name, 0)), is_script=True)
    if notebook_json is not None:
        try:
            pieces = _without_imports_of(_pieces_of_notebook(notebook_json, notebook_name), Path(py_name).stem if script.bound else "")
            notebook = _Program(pieces, is_script=False, before=script.statements)
        except Unreadable as error:
            remarks.append(f"{error.reason[0].upper()}{error.reason[1:]}. Accepted would be: {error.accepted}.")
    slices: dict[str, _Slice] = {}
    aliases: list[tuple[str, str, _Slice]] = []
    spoilt: list[tuple[str, str]] = []
    lost: dict[str, str] = {}
    for name in wanted:
        program = script if name in script.bound else notebook
        if program is script and script.is_only_placeholder(name) and name in notebook.bound and not notebook.is_only_placeholder(name):
            program = notebook
            remarks.append(f"{name}: {py_name} holds a placeholder, so the notebook's is used.")
        if name in program.bound:
            slices[name] = program.wanted(name, wanted)
        else:
            broken = [p for p in (*script.lost, *notebook.lost) if name in p.names]
            if broken:
                lost[name] = f"{broken[0].origin}, {broken[0].problem}"
        for position, text, given in program.arguments(name, wanted):
            alias = f"{name}__argument_{position}"
            if isinstance(given, Piece):
                spoilt.append((alias, f"{given.origin}, {given.problem}"))
            else:
                aliases.append((alias, text, given))
    remarks += [*script.remarks(), *notebook.remarks()]
    units = _units(slices, aliases, spoilt, annotations=script.annotations or notebook.annotations)
    if len(remarks) > MAX_REMARKS:
        remarks[MAX_REMARKS:] = [f"{len(remarks) - MAX_REMARKS} more remarks of this kind are left out."]
    return Extraction(units, frozenset(slices), lost, tuple(remarks))


def _pieces_of_notebook(text: str, label: str) -> list[Piece]:
    cells = notebook_cells(text, label)
    if sum(len(source) for _, source in cells) > MAX_CODE_CHARACTERS:
        raise Unreadable("", 0, f"{label} holds more code than is read ({MAX_CODE_CHARACTERS} characters)", "a notebook of ordinary length")
    return [piece for position, source in cells for piece in pieces_of(source, f"{label}, cell {position}", position)]


def _without_imports_of(pieces: Sequence[Piece], module: str) -> list[Piece]:
    """Without `from module import ...` of the script beside the notebook: its statements come first anyway."""
    return [p for p in pieces if not (isinstance(p.node, ast.ImportFrom) and p.node.module == module)]


@dataclass(frozen=True)
class _Slice:
    """The statements that a name rests on, and what each name is bound by at the end of them."""

    statements: tuple[Statement, ...]

    def final(self) -> dict[str, tuple[int, ...]]:
        """Name -> the statements of this slice that bind or change it."""
        found: dict[str, tuple[int, ...]] = {}
        for statement in self.statements:
            for name in statement.binds | statement.changes:
                found[name] = (*found.get(name, ()), statement.index)
        return found


class _Program:
    """All statements of one script or notebook in the order of their text, which is taken for the order of execution."""

    def __init__(self, pieces: list[Piece], *, is_script: bool, before: Sequence[Statement] = ()) -> None:
        self._is_script = is_script
        own, self.lost = statements_of(list(_flattened(pieces, is_script=is_script)), first=len(before))
        self.statements = [*before, *own]
        self.bound = {name for statement in own for name in statement.binds}
        self._loops_in = _looping(self.statements)
        self.annotations = any(isinstance(s.node, ast.ImportFrom) and s.node.module == "__future__" for s in self.statements)
        self._own = own

    def remarks(self) -> list[str]:
        """What a student should know of this file."""
        said = [f"{piece.origin}: {piece.problem or 'it cannot stand there'}; what this defines is left out." for piece in self.lost]
        for statement in self._own:
            if isinstance(statement.node, ast.Expr) and isinstance(statement.node.value, ast.Lambda):
                piece = statement.piece
                said.append(f"{piece.origin}, line {piece.line}: a `lambda` that is not assigned to a name changes nothing.")
        return said

    def wanted(self, name: str, wanted: Iterable[str]) -> _Slice:
        """The slice of a name as its first call after its last definition saw it."""
        last = max(s.index for s in self._own if name in s.binds)
        calls = [s.index for s in self._own if s.index > last and any(called_name(c) == name for c in s.calls)]
        moment = calls[0] if calls else self._unused(name, last, frozenset(wanted))
        return self._slice([(name, moment, moment)], frozenset(wanted))

    def is_only_placeholder(self, name: str) -> bool:
        """Whether the last binding of a name is what templates hold: None, or functions that do nothing or raise NotImplementedError."""
        return _is_placeholder(next(s.node for s in reversed(self._own) if name in s.binds))

    def arguments(self, name: str, wanted: Iterable[str]) -> list[tuple[int, str, _Slice | Piece]]:
        """(position, text, slice) for the arguments of the last call of a function that loops which may be functions themselves.

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
            found: list[tuple[int, str, _Slice | Piece]] = []
            for position, argument in sorted(given.items())[:ARGUMENTS_SEEN]:
                if not self._can_be_function(argument, statement, names):
                    continue
                needs = [n.id for n in ast.walk(argument) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
                needs = [need for need in needs if need not in _lambda_parameters(argument)]
                broken = [piece for need in needs for piece in self._spoilt(need, statement)]
                if broken:
                    found.append((position, "", broken[-1]))
                    continue
                cut = self._slice([(need, statement.index, statement.index) for need in needs], names)
                found.append((position, text_of(argument), cut))
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
        here = [p for p in self.lost if name in p.names and p.cell == at.piece.cell and p.line < at.piece.line]
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

    def _slice(self, needs: Iterable[tuple[str, int, int]], wanted: frozenset[str]) -> _Slice:
        """needs: (name, moment at which what is in it is looked up, moment before which it is bound)."""
        taken: set[int] = set()
        seen: set[tuple[str, int, int]] = set()
        waiting = list(needs)
        while waiting:
            need = waiting.pop()
            if need in seen:
                continue
            seen.add(need)
            name, moment, before = need
            for statement in self._binding(name, before, wanted):
                taken.add(statement.index)
                waiting += [(early, statement.index, statement.index) for early in statement.early]
                waiting += [(late, moment, moment) for late in statement.late]
        last = max(taken, default=-1)
        for statement in self.statements:
            if statement.index < last and (statement.star or statement.setting) and statement.index not in taken:
                taken.add(statement.index)
                if statement.setting:
                    for early in statement.early:
                        taken |= {s.index for s in self._binding(early, statement.index, wanted)}
        return _Slice(tuple(self.statements[i] for i in sorted(taken)))

    def _binding(self, name: str, before: int, wanted: frozenset[str]) -> list[Statement]:
        """The statements that make a name what it is just before a moment: its binding and what changed it since.

        Where nothing binds it before, its first binding after: cells are not always run from top to bottom.
        """
        found: list[Statement] = []
        for statement in reversed(self.statements[:before]):
            if name in statement.changes and not self._is_training(statement, wanted):
                found.append(statement)
            if name in statement.binds and not self._is_training(statement, wanted):
                found.append(statement)
                if statement.certain:
                    return found
        if not any(name in s.binds for s in found):
            after = [s for s in self.statements[before:] if name in s.binds and not self._is_training(s, wanted)]
            return [*found, *after[:1]] if after else []
        return found

    def _is_training(self, statement: Statement, wanted: frozenset[str]) -> bool:
        """Whether executing it runs a wanted function that loops: minutes of training, never run as they stand."""
        return any(called_name(call) in wanted & self._loops_in for call in statement.calls)


def _looping(statements: Sequence[Statement]) -> frozenset[str]:
    """Functions that loop, or call one that does."""
    functions = [s for s in statements if isinstance(s.node, ast.FunctionDef | ast.AsyncFunctionDef)]
    found: set[str] = set()
    while more := {name for s in functions if s.loops or s.late & found for name in s.binds} - found:
        found |= more
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


def _units(
    slices: Mapping[str, _Slice],
    aliases: Sequence[tuple[str, str, _Slice]],
    spoilt: Sequence[tuple[str, str]],
    *,
    annotations: bool,
) -> tuple[Unit, ...]:
    """The first unit, every statement in its namespaces, and the wanted names collected. Slices that agree share a namespace.

    spoilt: names that are to be there and to fail, with the reason.
    """
    spaces: list[dict[int, Statement]] = []
    finals: list[dict[str, tuple[int, ...]]] = []

    def place(cut: _Slice) -> int:
        final = cut.final()
        fitting = (n for n, known in enumerate(finals) if all(known.get(name, bound) == bound for name, bound in final.items()))
        number = next(fitting, len(finals))
        if number == len(finals):
            spaces.append({})
            finals.append({})
        spaces[number].update({s.index: s for s in cut.statements})
        finals[number].update(final)
        return number

    exports = [(name, name, place(cut)) for name, cut in slices.items()]
    exports += [(name, text, place(cut)) for name, text, cut in aliases]
    if not exports and not spoilt:
        return ()
    units: list[Unit] = [FIRST_UNIT]
    functions = {
        name
        for space in spaces
        for s in space.values()
        if isinstance(s.node, ast.FunctionDef) or (isinstance(s.node, ast.Assign) and isinstance(s.node.value, ast.Lambda))
        for name in s.binds
    }
    for number, space in enumerate(spaces):
        together: list[Statement] = []
        for statement in (space[index] for index in sorted(space)):
            alone = not _has_no_calls(statement)
            if together and (alone or statement.piece.origin != together[0].piece.origin):
                units.append(_unit(number, together, annotations, functions))
                together = []
            together.append(statement)
            if alone:
                units.append(_unit(number, together, annotations, functions))
                together = []
        if together:
            units.append(_unit(number, together, annotations, functions))
    for name, text, number in exports:
        units.append((f"{name} = __namespaces__.export({number}, {text!r}, {name!r})", LABEL, 0))
    units += [(f"{name} = __namespaces__.spoilt({reason!r})", LABEL, 0) for name, reason in spoilt]
    return tuple(units)


def _has_no_calls(statement: Statement) -> bool:
    """Whether executing it runs no other code: definitions without decorators, and plain assignments."""
    node = statement.node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return not node.decorator_list and not statement.calls
    return isinstance(node, ast.Assign | ast.AnnAssign) and not statement.calls and not statement.loops


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _unit(space: int, statements: Sequence[Statement], annotations: bool, functions: set[str]) -> Unit:
    """One unit for one statement, or for several of one cell that call nothing."""
    piece = statements[0].piece
    if len(statements) > 1:
        parts = tuple((s.piece.line, s.piece.code, tuple(sorted(s.binds))) for s in statements)
        return f"__namespaces__.run_all({space}, {piece.origin!r}, {parts!r}, {annotations})", piece.origin, piece.line - 1
    statement = statements[0]
    calls = statement.loops or any(called_name(call) in functions for call in statement.calls)
    guarded = calls and not isinstance(statement.node, _DEFINITIONS)
    given = (space, piece.origin, piece.line, piece.code, tuple(sorted(statement.binds)), guarded, annotations)
    return f"__namespaces__.run{given!r}", piece.origin, piece.line - 1
