"""Text -> typed expression, with the definitions of its table put in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import lru_cache

from autograder.algebra.notation.reader import is_numpy, read_answer
from autograder.algebra.notation.shapes import Inference
from autograder.algebra.symbols import Shape, Symbol, Symbols
from autograder.algebra.tree import Expr, Misshapen, degree, show_shape
from autograder.errors import OutOfBudget, Unreadable
from autograder.mathtext import read_name


class Typer(Inference):
    """Shape inference that knows the definitions of its table."""

    def __init__(self, table: Symbols, *, numpy: bool = False) -> None:
        super().__init__(table, definition=definition, numpy=numpy)


def read(text: str, table: Symbols, expected: Shape | None = None) -> Expr:
    """text -> typed expression. Raises Unreadable, Misshapen, OutOfBudget."""
    node = read_answer(text, table)
    e = Typer(table, numpy=is_numpy(text)).whole(node, expected)
    degree(e)
    return e


@lru_cache(maxsize=1024)
def read_expected(text: str, table: Symbols) -> Expr:
    """The expected expression of a problem. Raises ValueError if it cannot be read: that is the suite's fault."""
    try:
        return read(text, table)
    except Unreadable as bad:
        raise ValueError(f"the expected expression {text!r} cannot be read at character {bad.offset + 1}: {bad.reason}") from None
    except (Misshapen, OutOfBudget) as bad:
        raise ValueError(f"the expected expression {text!r} cannot be used: {bad}") from None


@lru_cache(maxsize=1024)
def definition(table: Symbols, key: str) -> Expr:
    """What a defined name stands for."""
    bare = dataclasses.replace(table, definitions={k: v for k, v in table.definitions.items() if k != key})
    return read_expected(table.definitions[key], bare)


def with_definitions(table: Symbols, definitions: object) -> Symbols:
    """The table with its defined names declared. Raises ValueError where one cannot be read or has another shape."""
    assert isinstance(definitions, Mapping)
    declared, exact, loose = list(table.declared), dict(table._exact), dict(table._loose)
    for text, value in definitions.items():
        name = read_name(text)
        partial = dataclasses.replace(table, declared=tuple(declared), definitions={}, _exact=exact, _loose=loose)
        e = read_expected(value, partial)
        known = exact.get(name.key)
        if known is None:
            symbol = Symbol(text, name.key, e.shape, frozenset(), f"= {value}")
            declared.append(symbol)
            exact[name.key] = symbol
            loose[name.loose] = symbol if name.loose not in loose else None
        elif known.shape != e.shape:
            raise ValueError(f"{text!r} is declared as {known.text} but its definition is {show_shape(e.shape)}")
    return dataclasses.replace(table, declared=tuple(declared), _exact=exact, _loose=loose)
