"""The symbol table of a problem: what may occur in an answer, of what shape, under what assumptions.

Names are compared by a canonical key, so that `\\lambda`, `lambda` and `λ` are one name and so are
`W^{(1)}_i` and `W_i^{(1)}`. What a student varies beyond that (an index up or down, a layer with or without its
brackets, the letter case of a scripted name, a hat spelled out) is found by `Symbols.find` if exactly one declared
name fits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from autograder.mathtext import LOOKALIKES, Name, read_name, split_digits


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
        if name.sub or name.sup or split_digits(name.base)[1]:
            found = self._loose.get(name.loose)
            if found is not None:
                return found
            if len(name.base.rstrip("0123456789")) == 1 and not self.exact(Name(name.base)):
                return self._loose.get(Name(name.base.swapcase(), name.accents, name.sub, name.sup, name.primes).loose)
        return None

    def by_key(self, key: str) -> Symbol:
        """The symbol with this key."""
        return self._exact[key]


@lru_cache(maxsize=4096)
def key_of(name: str) -> str:
    """The canonical key of a declared name."""
    return read_name(name).key


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
