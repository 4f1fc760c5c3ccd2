"""Which names a statement binds, changes and needs, and when: at once, or only when a function in it is called.

Scopes are Python's own (`symtable`), so a local variable is never taken for a global one.
"""

from __future__ import annotations

import ast
import builtins
import symtable
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from autograder.submission.cells import Piece

PROCESS_WIDE_SETTINGS = ("set_", "manual_seed")
"""How functions of a library are called that change how later statements work and bind nothing (`torch.set_default_dtype`)."""

CHANGING_METHODS = ("append", "extend", "insert", "update", "add", "setdefault", "pop", "remove", "clear", "fill_", "copy_", "register")
"""Methods that alter their object; `plt.show()` and `circuit.train()` change nothing that a definition rests on."""

_BUILT_IN = frozenset(dir(builtins)) | {"__file__", "__name__", "display", "get_ipython"}
_FUNCTION_LIKE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPOUND = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.With, ast.AsyncWith, ast.Match)


@dataclass(frozen=True)
class Statement:
    """A piece that parses, and what it does to names."""

    index: int
    """Place in the order of execution."""
    piece: Piece
    node: ast.stmt
    binds: frozenset[str]
    certain: bool
    """False where it may bind or not (conditions, loops) or adds to what was there (`x += 1`)."""
    changes: frozenset[str]
    """Names whose object it alters without binding them: `desired["low"] = 5`, `values.append(1)`, `Circuit.forward = f`."""
    early: frozenset[str]
    """Names that it needs when it is executed."""
    late: frozenset[str]
    """Names that the functions defined in it need when they are called."""
    calls: tuple[ast.Call, ...]
    """Calls that happen when it is executed, in order."""
    star: bool
    """`from ... import *`."""
    setting: bool
    """Calls something like `torch.set_default_dtype`, which binds nothing and concerns everything after it."""
    loops: bool
    """There is a loop in it, at any depth."""


def statements_of(pieces: list[Piece], first: int = 0) -> tuple[list[Statement], list[Piece]]:
    """(statements in order, pieces that cannot be used), numbered from `first`."""
    found: list[Statement] = []
    lost: list[Piece] = []
    for piece in pieces:
        statement = None if piece.node is None else _statement(piece, piece.node, first + len(found))
        if statement is None:
            lost.append(piece)
        else:
            found.append(statement)
    return found, lost


def _statement(piece: Piece, node: ast.stmt, index: int) -> Statement | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _analysed(piece, node, index, symtable.symtable(piece.code, piece.origin, "exec"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # `return` outside of a function, ten thousand parentheses and the like


def _analysed(piece: Piece, node: ast.stmt, index: int, table: symtable.SymbolTable) -> Statement:
    star = isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    binds = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    early = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    late: set[str] = set()
    for child in table.get_children():
        _collect(child, early, late, in_function=False)
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        early |= late  # a lambda in `list(map(lambda f: g(f), values))` is called at once
    changes = frozenset(_changed(node)) - binds
    annotations = {n.id for a in _annotations(node) for n in ast.walk(a) if isinstance(n, ast.Name)}
    return Statement(
        index=index,
        piece=piece,
        node=node,
        binds=frozenset(binds),
        certain=not isinstance(node, (*_COMPOUND, ast.AugAssign, ast.Delete)),
        changes=changes,
        early=frozenset((early | changes | annotations) - _BUILT_IN),
        late=frozenset(late - _BUILT_IN),
        calls=tuple(_calls_at_once(node)),
        star=star,
        setting=isinstance(node, ast.Expr) and _is_setting(node.value),
        loops=any(isinstance(n, ast.For | ast.While | ast.comprehension) for n in ast.walk(node)),
    )


def _collect(table: symtable.SymbolTable, early: set[str], late: set[str], *, in_function: bool) -> None:
    """Adds the global names that a nested scope refers to: at once for a class body or a comprehension, else when called."""
    inside = in_function or (table.get_type() == "function" and table.get_name() not in ("listcomp", "genexpr", "setcomp", "dictcomp"))
    into = late if inside else early
    into |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and symbol.is_referenced()}
    for child in table.get_children():
        _collect(child, early, late, in_function=inside)


def _changed(node: ast.stmt) -> Iterator[str]:
    """Names whose object a statement alters, the statements inside of conditions and loops included."""
    if isinstance(node, (*_COMPOUND, ast.ExceptHandler, ast.match_case)):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
                yield from _changed(child)  # type: ignore[arg-type]
        return
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign | ast.Delete):
        targets = list(node.targets)
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        targets = [node.value.func] if node.value.func.attr in CHANGING_METHODS else []
    for target in targets:
        inner: ast.expr = target
        while isinstance(inner, ast.Attribute | ast.Subscript | ast.Call):
            inner = inner.func if isinstance(inner, ast.Call) else inner.value
        if inner is not target and isinstance(inner, ast.Name):
            yield inner.id


def _annotations(node: ast.stmt) -> Iterator[ast.expr]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        yield from (argument.annotation for argument in arguments if argument.annotation is not None)
        if node.returns is not None:
            yield node.returns


def _calls_at_once(node: ast.AST) -> Iterator[ast.Call]:
    """Calls outside of function bodies, in the order of the text."""
    if isinstance(node, ast.Call):
        yield node
    for field, value in ast.iter_fields(node):
        if field == "body" and isinstance(node, _FUNCTION_LIKE):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _calls_at_once(child)


def _is_setting(value: ast.expr) -> bool:
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute)):
        return False
    return isinstance(value.func.value, ast.Name) and value.func.attr.startswith(PROCESS_WIDE_SETTINGS)


def text_of(node: ast.AST) -> str:
    """The node as Python text; empty where it is nested too deeply for that, or holds an integer of more digits than Python writes."""
    try:
        return ast.unparse(node)
    except (RecursionError, ValueError, MemoryError):
        return ""


def called_name(call: ast.Call) -> str:
    """`f` in `f(x)`; empty for anything else that is called."""
    return call.func.id if isinstance(call.func, ast.Name) else ""
