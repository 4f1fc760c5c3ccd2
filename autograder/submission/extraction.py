"""The definitions that a suite asks for, with what they need, as each part of the notebook would have seen it.

A notebook binds one name again and again: the resistors that are wanted, the loss, the rate. A function looks such a
name up when it is called, so "the notebook's `train`" means nothing until one says when. Here a wanted function is
taken as it was at its first call after its last definition; a name in it as it was bound at that moment. Where two
wanted names saw different bindings, each gets a namespace of its own in the worker, and the module that the suite
talks to only collects them (program slicing, Weiser, IEEE TSE 10(4), 1984, over top-level statements).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autograder.errors import Unreadable
from autograder.submission.bindings import Statement, called_name
from autograder.submission.cells import MAX_CODE_CHARACTERS, Piece, notebook_cells, pieces_of
from autograder.submission.slicing import Program, Slice
from autograder.worker import Unit

LABEL = "autograder"
"""Where units of our own say that they stand."""

MAX_REMARKS = 12
"""Remarks about cells; what is beyond is counted."""

FIRST_UNIT = Unit(
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
    script = Program([], is_script=True)
    notebook = Program([], is_script=False)
    if text_py is not None:
        if len(text_py) > MAX_CODE_CHARACTERS:
            remarks.append(f"{py_name}: {len(text_py)} characters of code are more than is read ({MAX_CODE_CHARACTERS}).")
        else:
            script = Program(list(pieces_of(text_py, py_name, 0)), is_script=True)
    if notebook_json is not None:
        try:
            pieces = _without_imports_of(_pieces_of_notebook(notebook_json, notebook_name), Path(py_name).stem if script.bound else "")
            notebook = Program(pieces, is_script=False, before=script.statements)
        except Unreadable as error:
            remarks.append(f"{error.reason[0].upper()}{error.reason[1:]}. Accepted would be: {error.accepted}.")
    slices: dict[str, Slice] = {}
    aliases: list[tuple[str, str, Slice]] = []
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
    if sum(len(cell.source) for cell in cells) > MAX_CODE_CHARACTERS:
        raise Unreadable("", 0, f"{label} holds more code than is read ({MAX_CODE_CHARACTERS} characters)", "a notebook of ordinary length")
    return [piece for cell in cells for piece in pieces_of(cell.source, f"{label}, cell {cell.position}", cell.position)]


def _without_imports_of(pieces: Sequence[Piece], module: str) -> list[Piece]:
    """Without `from module import ...` of the script beside the notebook: its statements come first anyway."""
    return [p for p in pieces if not (isinstance(p.node, ast.ImportFrom) and p.node.module == module)]


def _units(
    slices: Mapping[str, Slice],
    aliases: Sequence[tuple[str, str, Slice]],
    spoilt: Sequence[tuple[str, str]],
    *,
    annotations: bool,
) -> tuple[Unit, ...]:
    """The first unit, every statement in its namespaces, and the wanted names collected. Slices that agree share a namespace.

    spoilt: names that are to be there and to fail, with the reason.
    """
    spaces: list[dict[int, Statement]] = []
    finals: list[dict[str, tuple[int, ...]]] = []

    def place(cut: Slice) -> int:
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
        units.append(Unit(f"{name} = __namespaces__.export({number}, {text!r}, {name!r})", LABEL, 0))
    units += [Unit(f"{name} = __namespaces__.spoilt({reason!r})", LABEL, 0) for name, reason in spoilt]
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
        return Unit(f"__namespaces__.run_all({space}, {piece.origin!r}, {parts!r}, {annotations})", piece.origin, piece.line - 1)
    statement = statements[0]
    calls = statement.loops or any(called_name(call) in functions for call in statement.calls)
    guarded = calls and not isinstance(statement.node, _DEFINITIONS)
    given = (space, piece.origin, piece.line, piece.code, tuple(sorted(statement.binds)), guarded, annotations)
    return Unit(f"__namespaces__.run{given!r}", piece.origin, piece.line - 1)
