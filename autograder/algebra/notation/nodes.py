"""The raw tree that the reader builds: what was typed, names resolved, shapes not looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """op and data:

    num (Fraction) · sym (key) · dim (name) · const (`pi`, `e`) · index (name) · eye, zeros, ones (tuple of dimension texts)
    add · neg · prod (operators between the factors) · had · pow (base, exponent) · transpose · pinv · inverse
    call (function) · norm (kind) · bars · sum (index, lower, upper as Node or None) · elem (base, *indices) · block (columns)
    cases (value, condition, value, condition, ...) · rel (operator) · and · or · not · true
    """

    op: str
    args: tuple[Node, ...] = ()
    data: Any = None
    at: int = 0
