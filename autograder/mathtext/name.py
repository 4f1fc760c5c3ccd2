"""A name as it is typed, taken apart: letter, accents, scripts, primes."""

from __future__ import annotations

import re
from dataclasses import dataclass


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
        base, digits = split_digits(self.base)
        pieces = sorted([*_pieces(self.sub), *_pieces(self.sup), *([digits] if digits else [])])
        return "".join(f"{a} " for a in self.accents) + f"{base}|{','.join(pieces)}{chr(39) * self.primes}"


def split_digits(base: str) -> tuple[str, str]:
    """`W1` as letters and digits, `("W", "1")`; no digits where it is not of that form."""
    match = re.fullmatch(r"([A-Za-z]+?)(\d+)", base)
    return (match[1], match[2]) if match else (base, "")


def _pieces(script: str) -> list[str]:
    return [piece for piece in re.split(r"[,()\[\]]+", script) if piece]
