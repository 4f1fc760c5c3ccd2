"""The symbol table of a problem: what may occur in an answer, of what shape, under what assumptions.

Names are compared by a canonical key, so that `\\lambda`, `lambda` and `λ` are one name and so are
`W^{(1)}_i` and `W_i^{(1)}`. What a student varies beyond that (an index up or down, a layer with or without its
brackets, the letter case of a scripted name, a hat spelled out) is found by `Symbols.find` if exactly one declared
name fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from autograder.algebra.vocabulary import ACCENTS, LOOKALIKES
from autograder.errors import Unreadable

ASSUMPTIONS: Final = frozenset({"symmetric", "positive_definite", "orthogonal", "invertible", "diagonal", "positive", "nonzero"})
SHAPES: Final = {"scalar": 0, "vector": 1, "row": 1, "matrix": 2}
SCALAR_ASSUMPTIONS: Final = frozenset({"positive", "nonzero"})
TOGETHER: Final = frozenset(
    {
        frozenset({"symmetric", "positive_definite"}),
        frozenset({"symmetric", "diagonal"}),
        frozenset({"symmetric", "invertible"}),
        frozenset({"diagonal", "invertible"}),
        frozenset({"diagonal", "positive_definite"}),
        frozenset({"positive_definite", "invertible"}),
        frozenset({"orthogonal", "invertible"}),
        frozenset({"orthogonal", "symmetric"}),
        frozenset({"positive", "nonzero"}),
        frozenset({"positive", "diagonal"}),
        frozenset({"nonzero", "diagonal"}),
        frozenset({"orthogonal", "diagonal"}),
        frozenset({"symmetric", "positive"}),
        frozenset({"symmetric", "nonzero"}),
        frozenset({"invertible", "positive"}),
        frozenset({"invertible", "nonzero"}),
    }
)
"""Pairs of assumptions for which there is a sampler; a table with another pair is refused rather than misread."""


class Dim(NamedTuple):
    """A dimension: a sum of named sizes and a number, `n + d` or `3`."""

    number: int
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [*self.names, *([str(self.number)] if self.number or not self.names else [])]
        return "+".join(parts)

    def plus(self, other: Dim) -> Dim:
        """Of two blocks beside each other."""
        return Dim(self.number + other.number, tuple(sorted(self.names + other.names)))

    def size(self, sizes: Mapping[str, int]) -> int:
        """With numbers for the names."""
        return self.number + sum(sizes[name] for name in self.names)


ONE: Final = Dim(1)
Shape: TypeAlias = tuple[Dim, Dim]
SCALAR: Final[Shape] = (ONE, ONE)


@dataclass(frozen=True, slots=True)
class Name:
    """A name taken apart. `sub` and `sup` hold scripts without blanks and braces, `sup` only what is no exponent."""

    base: str
    accents: tuple[str, ...] = ()
    sub: str = ""
    sup: str = ""
    primes: int = 0

    @property
    def key(self) -> str:
        """The canonical spelling."""
        text = "".join(f"{a} " for a in self.accents) + self.base
        return f"{text}_{self.sub}^{self.sup}{chr(39) * self.primes}"

    @property
    def loose(self) -> str:
        """The spelling with scripts as a set: up or down, in brackets or not, digits at the end of the letters as well."""
        base, digits = _split_digits(self.base)
        pieces = sorted([*_pieces(self.sub), *_pieces(self.sup), *([digits] if digits else [])])
        return "".join(f"{a} " for a in self.accents) + f"{base}|{','.join(pieces)}{chr(39) * self.primes}"


def _split_digits(base: str) -> tuple[str, str]:
    match = re.fullmatch(r"([A-Za-z]+?)(\d+)", base)
    return (match[1], match[2]) if match else (base, "")


def _pieces(script: str) -> list[str]:
    return [piece for piece in re.split(r"[,()\[\]]+", script) if piece]


@dataclass(frozen=True, slots=True)
class Symbol:
    """One declared symbol. A vector is a column."""

    name: str
    """As declared."""
    key: str
    shape: Shape
    assumptions: frozenset[str]
    text: str
    """The declaration, `matrix n n symmetric`."""


@dataclass(frozen=True, eq=False)
class Symbols:
    """A frozen symbol table; build it with `symbols`."""

    declared: tuple[Symbol, ...]
    functions: Mapping[str, str]
    """Key of a name that may be followed by its argument -> text of the argument(s): `f(x)` is `f`."""
    definitions: Mapping[str, str]
    """Key of a name -> the text that it stands for."""
    constraints: tuple[str, ...]
    _exact: Mapping[str, Symbol] = field(repr=False)
    _loose: Mapping[str, Symbol | None] = field(repr=False)
    dimensions: frozenset[str] = field(repr=False)
    identity: str = field(repr=False)
    """The whole table as text: what caches and seeds hang on."""

    def __hash__(self) -> int:
        return hash(self.identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Symbols) and self.identity == other.identity

    def exact(self, name: Name) -> Symbol | None:
        """The symbol that is called exactly this, in any of its spellings."""
        return self._exact.get(name.key)

    def find(self, name: Name) -> Symbol | None:
        """The symbol that is called this, scripts and letter case read generously; None where none or several fit."""
        found = self._exact.get(name.key)
        if found is not None:
            return found
        if name.base in LOOKALIKES:
            found = self.find(Name(LOOKALIKES[name.base], name.accents, name.sub, name.sup, name.primes))
            if found is not None:
                return found
        if name.sub or name.sup or _split_digits(name.base)[1]:
            found = self._loose.get(name.loose)
            if found is not None:
                return found
            if len(name.base.rstrip("0123456789")) == 1 and not self.exact(Name(name.base)):
                return self._loose.get(Name(name.base.swapcase(), name.accents, name.sub, name.sup, name.primes).loose)
        return None

    def by_key(self, key: str) -> Symbol:
        """The symbol with this key."""
        return self._exact[key]


def parse_dim(text: str) -> Dim:
    """`n`, `3`, `n+d`, `2n` is refused. Raises ValueError."""
    number, names = 0, []
    for part in text.split("+"):
        if re.fullmatch(r"\d{1,3}", part):
            number += int(part)
        elif re.fullmatch(r"[A-Za-z]\w*", part):
            names.append(part)
        else:
            raise ValueError(f"{text!r} is no dimension; a dimension is a name, a number, or a sum of these such as n+d")
    if not names and number < 1:
        raise ValueError(f"{text!r} is no dimension: it is not positive")
    return Dim(number, tuple(sorted(names)))


def _declaration(name: str, text: str) -> tuple[Shape, frozenset[str]]:
    words = text.split()
    if not words or words[0] not in SHAPES:
        raise ValueError(f"symbol {name!r} is declared as {text!r}; a declaration begins with scalar, vector N, row N or matrix N M")
    count = SHAPES[words[0]]
    if len(words) < 1 + count:
        raise ValueError(f"symbol {name!r} is declared as {text!r}; a {words[0]} has {count} dimension{'s' * (count > 1)}")
    dims = [parse_dim(word) for word in words[1 : 1 + count]]
    assumptions = frozenset(words[1 + count :])
    unknown = sorted(assumptions - ASSUMPTIONS)
    if unknown:
        raise ValueError(f"symbol {name!r} is declared with {unknown[0]!r}; assumptions are {', '.join(sorted(ASSUMPTIONS))}")
    shape = {0: SCALAR, 1: (dims[0] if dims else ONE, ONE)}.get(count, (dims[0], dims[-1]) if dims else SCALAR)
    if words[0] == "row":
        shape = (ONE, dims[0])
    if count == 2 and shape[0] != shape[1] and assumptions - SCALAR_ASSUMPTIONS:
        raise ValueError(f"symbol {name!r} is declared as {text!r}, but only a square matrix is {sorted(assumptions)[0]}")
    if count < 2 and assumptions - SCALAR_ASSUMPTIONS:
        raise ValueError(f"symbol {name!r} is declared as {text!r}, but only a matrix is {sorted(assumptions - SCALAR_ASSUMPTIONS)[0]}")
    for one in assumptions:
        for two in assumptions - {one}:
            if frozenset({one, two}) not in TOGETHER:
                raise ValueError(f"symbol {name!r}: there is no sampler for {one} together with {two}")
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

    declared: name as typed -> `scalar`, `vector n`, `row n` or `matrix n m`, then assumptions (`symmetric`,
    `positive_definite`, `orthogonal`, `invertible`, `diagonal`, `positive`, `nonzero`). aliases: declared name -> other spellings.
    functions: name -> the argument after which it is the same name (`{"phi": "x"}`: `\\phi(x)` is phi).
    definitions: name -> what it stands for; the name may be new (its shape is that of its definition) or declared.
    constraints: equations between declared names that hold by definition, `Gamma^T Gamma = Sigma^{-1}`; the left side is a
    product G^T G or G G^T of one symbol and the right side is made of the others.

    Raises ValueError, with one clear line, for a table that cannot be read.
    """
    from autograder.algebra.lexer import read_name  # the lexer needs Name from here

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
        from autograder.algebra.reader import check_definitions  # the reader needs Symbols from here

        table = check_definitions(table, definitions or {})
    if rules:
        from autograder.algebra.sample import solve_constraint  # samplers need Symbols from here

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
