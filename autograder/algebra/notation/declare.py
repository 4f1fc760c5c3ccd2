"""Symbol tables made from what a suite declares: names, shapes, assumptions, definitions and constraints, read as a student's text is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from autograder.algebra.assumptions import assumed, misfit
from autograder.algebra.notation.expression import read_expected, with_definitions
from autograder.algebra.symbols import ONE, SCALAR, Shape, Symbol, Symbols, parse_dim
from autograder.algebra.tree import Expr, symbols_in
from autograder.errors import Unreadable
from autograder.mathtext import ACCENTS, Name, read_name

SHAPES: Final = {"scalar": 0, "vector": 1, "row": 1, "matrix": 2}


def _declaration(name: str, text: str) -> tuple[Shape, frozenset[str]]:
    words = text.split()
    if not words or words[0] not in SHAPES:
        raise ValueError(f"symbol {name!r} is declared as {text!r}; a declaration begins with scalar, vector N, row N or matrix N M")
    count = SHAPES[words[0]]
    if len(words) < 1 + count:
        raise ValueError(f"symbol {name!r} is declared as {text!r}; a {words[0]} has {count} dimension{'s' * (count > 1)}")
    dims = [parse_dim(word) for word in words[1 : 1 + count]]
    assumptions = frozenset(words[1 + count :])
    problem = misfit(assumptions)
    if problem:
        raise ValueError(f"symbol {name!r}: {problem}")
    of_matrices = [one.name for one in assumed(assumptions).of_matrices]
    shape = {0: SCALAR, 1: (dims[0] if dims else ONE, ONE)}.get(count, (dims[0], dims[-1]) if dims else SCALAR)
    if words[0] == "row":
        shape = (ONE, dims[0])
    if of_matrices and not (count == 2 and shape[0] == shape[1]):
        due = "a square matrix" if count == 2 else "a matrix"
        raise ValueError(f"symbol {name!r} is declared as {text!r}, but only {due} is {of_matrices[0]}")
    return shape, assumptions


def symbols(
    declared: Mapping[str, str],
    *,
    aliases: Mapping[str, Iterable[str]] | None = None,
    functions: Mapping[str, str] | None = None,
    definitions: Mapping[str, str] | None = None,
    constraints: Iterable[str] = (),
) -> Symbols:
    """A symbol table.

    declared: name as typed -> `scalar`, `vector n`, `row n` or `matrix n m`, then assumptions by their names (`symmetric`, `positive`: see
    `algebra/assumptions`). aliases: declared name -> other spellings.
    functions: name -> the argument after which it is the same name (`{"phi": "x"}`: `\\phi(x)` is phi).
    definitions: name -> what it stands for; the name may be new (its shape is that of its definition) or declared.
    constraints: equations between declared names that hold by definition, `Gamma^T Gamma = Sigma^{-1}`; the left side is a
    product G^T G or G G^T of one symbol and the right side is made of the others.

    Raises ValueError, with one clear line, for a table that cannot be read.
    """

    def named(text: object, what: str) -> Name:
        if not isinstance(text, str):
            raise ValueError(f"{what} {text!r} is no text")  # noqa: TRY004 - one kind of error for a bad table
        try:
            return read_name(text)
        except Unreadable as bad:
            raise ValueError(f"{what} {text!r} cannot be read as a name: {bad.reason}") from None

    exact: dict[str, Symbol] = {}
    order: list[Symbol] = []
    loose: dict[str, Symbol | None] = {}

    def enter(name: Name, symbol: Symbol) -> None:
        if exact.get(name.key, symbol) is not symbol:
            raise ValueError(f"{symbol.name!r} and {exact[name.key].name!r} are the same name")
        exact[name.key] = symbol
        loose[name.loose] = symbol if loose.get(name.loose, symbol) is symbol else None

    entries: list[tuple[Name, Symbol]] = []
    for text, declaration in declared.items():
        if not isinstance(declaration, str):
            raise ValueError(f"symbol {text!r} is declared as {declaration!r}; a text such as 'matrix n m' is due")  # noqa: TRY004
        name = named(text, "symbol")
        shape, assumptions = _declaration(text, declaration)
        symbol = Symbol(text, name.key, shape, assumptions, declaration)
        entries.append((name, symbol))
        order.append(symbol)
        enter(name, symbol)
    by_name = {symbol.name: symbol for symbol in order}
    for text, others in (aliases or {}).items():
        if text not in by_name:
            raise ValueError(f"alias of {text!r}, which is not declared")
        for other in others:
            enter(named(other, "alias"), by_name[text])
    for name, symbol in entries:
        for spelled in _spelled_out(name):
            if spelled.key not in exact:
                enter(spelled, symbol)
    meant = {named(text, "function").key: argument for text, argument in (functions or {}).items()}
    defined = {named(text, "definition").key: value for text, value in (definitions or {}).items()}
    dimensions = frozenset(d for s in order for dim in s.shape for d in dim.names)
    rules = tuple(constraints)
    identity = repr(
        (
            [(s.name, s.text) for s in order],
            sorted((k, s.key) for k, s in exact.items()),
            sorted(meant.items()),
            sorted(defined.items()),
            rules,
        )
    )
    table = Symbols(tuple(order), meant, defined, rules, exact, loose, dimensions, identity)
    if defined:
        table = with_definitions(table, definitions or {})
    if rules:
        for rule in rules:
            solve_constraint(table, rule)
    return table


def _spelled_out(name: Name) -> list[Name]:
    """`\\hat{X}` as it is typed without LaTeX: X_hat, Xhat, hatX."""
    if name.sub in ACCENTS and not name.accents and not name.sup and not name.primes:
        return [Name(name.base, (ACCENTS[name.sub],))]
    if len(name.accents) != 1 or name.sup or name.primes:
        return []
    accent = name.accents[0]
    if name.sub:
        return [Name(f"{name.base}{accent}", sub=name.sub)]
    return [Name(name.base, sub=accent), Name(f"{name.base}{accent}"), Name(f"{accent}{name.base}"), Name(accent, sub=name.base)]


@lru_cache(maxsize=256)
def cached_symbols(declared: tuple[tuple[str, str], ...]) -> Symbols:
    """`symbols` for a table given as pairs: corpora repeat their tables."""
    return symbols(dict(declared))


@lru_cache(maxsize=256)
def solve_constraint(table: Symbols, text: str) -> tuple[str, Expr]:
    """`Gamma^T Gamma = Sigma^{-1}` as (Sigma, (Gamma^T Gamma)^{-1}). Raises ValueError where no side is a symbol or its inverse."""
    left, sign, right = text.partition("=")
    if not sign:
        raise ValueError(f"the constraint {text!r} is no equation")
    sides = [read_expected(side, table) for side in (left, right)]
    for one, other in (sides, sides[::-1]):
        if one.op == "sym" and one.data not in symbols_in(other):
            return one.data, other
        if one.op in ("inverse", "recip") and one.args[0].op == "sym" and one.args[0].data not in symbols_in(other):
            return one.args[0].data, Expr(one.op, (other,), None, other.shape)
    raise ValueError(f"the constraint {text!r} gives no symbol: one side must be a symbol or its inverse")
