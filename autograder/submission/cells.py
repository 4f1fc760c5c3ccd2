"""From the text of a notebook or script to statements that parse, each with the place where it stands.

Reads only. The notebook formats 3 and 4 differ in where cells and their text are kept; everything else of a notebook
(outputs, widgets' state, pictures) is never looked at. They are read leniently from JSON, because files that break the
schema in places of no interest here are common, and because `nbformat` costs 0.3 s that every grading would pay.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from autograder.errors import Unreadable

MAX_CODE_CHARACTERS = 2_000_000
"""Characters of code (outputs not counted) that are looked at; homework notebooks hold some 40,000."""

MAX_MAGIC_LINE = 2_000
"""Characters of a line that may be a magic; longer ones are data."""

MAX_IPYTHON = 4_000
"""Characters of a cell that IPython is asked about: it reads all of it again for each magic in it, up to 500 times."""

MAX_CELL_MAGICS = 20
"""Magics of a whole cell, one above the other."""

SHOWN_CHARACTERS = 80
"""Characters of a student's line that a remark repeats."""

_CELL_MAGICS_WITH_CODE = ("time", "timeit", "capture", "prun", "memit", "mprun", "lprun", "skip", "debug")
_LINE_MAGICS_WITH_CODE = ("time", "timeit", "prun", "memit")
_PYLAB = "import numpy; import numpy as np; from numpy import *; import matplotlib.pyplot as plt"

_CELL_MAGIC = re.compile(r"\A(\s*)%%(\w+)[^\n]*\n?")
_LINE_MAGIC = re.compile(r"^(\s*)%(\w+)(.*)$")
_SHELL = re.compile(r"^(\s*)!.*$")
_ASSIGNED_MAGIC = re.compile(r"^(\s*\w[\w, ]*=)\s*(?:!|%(\w+))(.*)$")
_HELP = re.compile(r"^(\s*)(?:\?{1,2}[\w.*]+|[\w.*]+\?{1,2})\s*(?:;\s*)?$")
_PASTED_PROMPT = re.compile(r"^(\s*)(?:In \[\d*\]:|>>>) ?")
_BOUND_BY_BROKEN = re.compile(r"^(?:async\s+)?(?:def|class)\s+(\w+)|^(\w+)[ \t]*(?::[^=\n]{0,200})?=(?!=)", re.MULTILINE)
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTINUES = re.compile(r"^(?:[)\]}#]|else\b|elif\b|except\b|finally\b)")


@dataclass(frozen=True)
class Piece:
    """One statement at the top level, or what stands there and does not parse."""

    node: ast.stmt | None
    """None where the text does not parse."""
    code: str
    cell: int
    """Position of the cell in its file, from 1; 0 for a script."""
    origin: str
    """`color.ipynb, cell 3` or `color.py`."""
    line: int
    """Line of the code's first line in its cell or script, from 1."""
    problem: str = ""
    """Why it does not parse, one clause."""
    names: frozenset[str] = frozenset()
    """What a text that does not parse would have bound."""


class Cell(NamedTuple):
    """A code cell. position: from 1, among all cells."""

    position: int
    source: str


def notebook_cells(text: str, label: str) -> list[Cell]:
    """The code cells, in order; Markdown and raw cells count but are left out.

    Reads formats 3 and 4, with what students' tools leave of them. label: the file's name for messages.
    Raises Unreadable where this is no notebook, with the place.
    """
    accepted = "a Jupyter notebook (.ipynb, format 3 or 4), saved again by Jupyter, Colab or VS Code"
    bare = text.lstrip("\ufeff \t\r\n")
    if not bare:
        raise Unreadable(text, 0, f"{label} is empty", accepted)
    try:
        content = json.loads(bare)
    except json.JSONDecodeError as error:
        start = len(text) - len(bare)
        what = "holds a merge conflict" if bare[error.pos :].startswith("<<<<<<<") else f"is no valid JSON ({error.msg})"
        raise Unreadable(text, start + error.pos, f"{label} {what} at line {error.lineno}, column {error.colno}", accepted) from None
    except RecursionError:
        raise Unreadable(text, 0, f"{label} is nested too deeply to be a notebook", accepted) from None
    except ValueError as error:  # an integer of more digits than Python reads
        raise Unreadable(text, 0, f"{label} is no valid notebook ({error})", accepted) from None
    cells: list[object] = []
    if isinstance(content, dict) and isinstance(content.get("cells"), list):
        cells = content["cells"]
    elif isinstance(content, dict) and isinstance(content.get("worksheets"), list):
        sheets = [sheet for sheet in content["worksheets"] if isinstance(sheet, dict)]
        cells = [cell for sheet in sheets if isinstance(sheet.get("cells"), list) for cell in sheet["cells"]]
    else:
        raise Unreadable(text, 0, f"{label} is JSON, but no notebook: it has neither `cells` nor `worksheets`", accepted)
    found = []
    for position, cell in enumerate(cells, start=1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", cell.get("input", ""))
            lines = source if isinstance(source, list) else [source]
            joined = "".join(line for line in lines if isinstance(line, str))
            found.append(Cell(position, joined.replace("\r\n", "\n").replace("\r", "\n")))
    return found


def pieces_of(code: str, origin: str, cell: int) -> Iterator[Piece]:
    """The statements of one cell or script, in order; what does not parse loses only itself."""
    code = _SURROGATE.sub("\ufffd", code).replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff").replace("\x00", " ").replace("\f", " ")
    tree = _parsed(code)
    if tree is None:
        code = _without_magics(code)
        tree = _parsed(code)
    if tree is None and (dedented := textwrap.dedent(code)) != code:
        code, tree = dedented, _parsed(dedented)
    if tree is None and "?" not in code and len(code) <= MAX_IPYTHON and re.search(r"[!%]", code):
        code, tree = _by_ipython(code)
    if tree is not None:
        yield from _statements(tree, code, 0, origin, cell)
        return
    for first, chunk in _chunks(code):
        part = _parsed(chunk)
        if part is not None:
            yield from _statements(part, chunk, first, origin, cell)
        else:
            yield _broken(chunk, first, origin, cell)


def _parsed(code: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a student's invalid escape in a string is no concern here
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _statements(tree: ast.Module, code: str, before: int, origin: str, cell: int) -> Iterator[Piece]:
    lines = code.split("\n")
    encoded = _EncodedLines(lines)
    taken = 0
    for node, following in zip(tree.body, [*tree.body[1:], None], strict=False):
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        last = node.end_lineno or first
        if first == taken or (following is not None and following.lineno == last):  # several statements on a line, with semicolons
            text = encoded.segment(node)
        else:
            text = "\n".join(lines[first - 1 : last])
        taken = last
        yield Piece(node, text, cell, origin, before + first)


class _EncodedLines:
    """The text of statements that share a line; `ast.get_source_segment` splits the whole code again for each."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._last: tuple[int, bytes] = (-1, b"")

    def segment(self, node: ast.stmt) -> str:
        """A statement as it stands in the code."""
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        if first == last:
            return self._line(first)[node.col_offset : node.end_col_offset].decode()
        begin = self._line(first)[node.col_offset :].decode()
        return "\n".join([begin, *self._lines[first + 1 : last], self._line(last)[: node.end_col_offset].decode()])

    def _line(self, number: int) -> bytes:
        """A line in UTF-8, by whose bytes `ast` counts."""
        if self._last[0] != number:
            self._last = (number, self._lines[number].encode())
        return self._last[1]


def _chunks(code: str) -> Iterator[tuple[int, str]]:
    """(lines before it, text) of everything that begins at the left margin; a decorator stays with what it decorates."""
    lines = code.split("\n")
    starts: list[int] = []
    decorated = False
    for number, line in enumerate(lines):
        if line[:1].strip() and not _CONTINUES.match(line):
            if not decorated:
                starts.append(number)
            decorated = line.startswith("@")
    starts = starts or [0]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield start, "\n".join(lines[start:end]).rstrip()


def _broken(chunk: str, before: int, origin: str, cell: int) -> Piece:
    line, reason = 1, "invalid syntax"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(chunk)
    except SyntaxError as error:
        line, reason = error.lineno or 1, error.msg
    except (ValueError, RecursionError, MemoryError) as error:
        reason = type(error).__name__
    shown = next(iter(chunk.split("\n")[line - 1 : line]), "").strip()[:SHOWN_CHARACTERS]
    if "?" in re.sub(r"#.*", "", shown):
        reason = "it still holds the `?` of the template"
    names = frozenset(name for match in _BOUND_BY_BROKEN.finditer(chunk) for name in match.groups() if name)
    return Piece(None, chunk, cell, origin, before + 1, f"line {before + line}, `{shown}`: {reason}", names)


def _without_magics(code: str) -> str:
    """The code with magics, shell lines and help replaced by Python that does what matters here; lines keep their numbers."""
    above = 0  # lines that were taken off the top
    for _ in range(MAX_CELL_MAGICS):  # %%capture above %%time
        match = _CELL_MAGIC.match(code)
        if match is None:
            break
        if match.group(2) not in _CELL_MAGICS_WITH_CODE:
            return "\n" * (above + code.count("\n"))  # %%bash, %%html, %%writefile, ...: no Python of this notebook
        above += code.count("\n", 0, match.end())
        code = code[match.end() :]
    return "\n" * above + "\n".join(_plain_line(line) for line in code.split("\n"))


def _plain_line(line: str) -> str:
    if len(line) > MAX_MAGIC_LINE:
        return line
    line = _PASTED_PROMPT.sub(r"\1", line)
    if match := _LINE_MAGIC.match(line):
        indent, name, rest = match.groups()
        if name == "pylab":
            return indent + _PYLAB
        body = re.sub(r"^(?:\s*-\S+(?:\s+\d+)?)*\s*", "", rest) if name in _LINE_MAGICS_WITH_CODE else ""
        return indent + (body or "pass")
    if match := _SHELL.match(line) or _HELP.match(line):
        return f"{match.group(1)}pass"
    if match := _ASSIGNED_MAGIC.match(line):
        target, name, rest = match.groups()
        return f"{target} {rest.strip() or 'None'}" if name in _LINE_MAGICS_WITH_CODE else f"{target} []"
    return line


def _by_ipython(code: str) -> tuple[str, ast.Module | None]:
    """What IPython itself makes of input that is still no Python. Slow to import, so the last resort."""
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        changed = TransformerManager().transform_cell(code)
    except (SyntaxError, ValueError, RecursionError):
        return code, None
    if changed.rstrip("\n").count("\n") != code.rstrip("\n").count("\n"):
        return code, None  # lines have moved, so its places would be wrong
    tree = _parsed(changed)
    return (changed, tree) if tree is not None else (code, None)
