"""Typed expressions: a tree with a shape at every node."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any

from autograder.algebra.limits import MAX_DEGREE
from autograder.algebra.symbols import SCALAR, Dim
from autograder.errors import AutograderError, OutOfBudget


@dataclass(frozen=True, slots=True)
class Expr:
    """op, children, data and shape. Scalars have shape (1, 1).

    num (Fraction) · sym (key) · dim · const · index (name) · eye · zeros · ones · add · scale (scalar, matrix) · mul (scalars) · matmul ·
    had · pow (Fraction) · power (scalar to a scalar) · mpow (int) · inverse · pinv · recip · transpose · trace · det · fn (name) ·
    max · min · norm (kind) · diag · diagonal · esum · sum (index, range as Dim) · elem · block (columns) · cases · conditions as in Node
    """

    op: str
    args: tuple[Expr, ...]
    data: Any
    shape: tuple[Any, Any]
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.op, self.args, self.data, self.shape)))

    def __hash__(self) -> int:
        return self._hash  # kept: trees are keys of many caches, and hashing one anew costs its size

    @property
    def scalar(self) -> bool:
        """Is it a single number?"""
        return self.shape == SCALAR


class Misshapen(AutograderError):
    """Shapes that do not fit. at: place in the text; message: what does not fit, one clause."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


def show_shape(shape: tuple[Any, Any]) -> str:
    """`n × 1`, `scalar`."""
    if shape == SCALAR:
        return "a single number"
    return f"{show_dim(shape[0])} × {show_dim(shape[1])}"


def show_dim(dim: Any) -> str:
    """A dimension as text; `?` where it is open."""
    return str(dim) if isinstance(dim, Dim) else "?"


def constant(e: Expr) -> Fraction | None:
    """The value of an expression of numbers alone; None for any other."""
    if e.op == "num":
        value: Fraction = e.data
        return value
    if e.op == "mul":
        one, two = constant(e.args[0]), constant(e.args[1])
        return None if one is None or two is None else one * two
    if e.op == "add":
        parts = [constant(a) for a in e.args]
        return None if any(p is None for p in parts) else sum((p for p in parts if p is not None), Fraction(0))
    if e.op == "recip":
        below = constant(e.args[0])
        return 1 / below if below else None
    return None


@lru_cache(maxsize=65536)
def size(e: Expr) -> int:
    """Nodes of a tree."""
    return 1 + sum(size(a) for a in e.args)


def degree(e: Expr) -> int:
    """A cap on powers of powers: the degree counted on the tree, inverses as their argument."""
    below = [degree(a) for a in e.args]
    if e.op in ("sym",):
        return 1
    if e.op in ("mul", "scale", "matmul", "had", "power"):
        total = sum(below)
    elif e.op in ("pow", "mpow"):
        total = below[0] * max(1, abs(int(e.data)))
    else:
        total = max(below, default=0)
    if total > MAX_DEGREE:
        raise OutOfBudget("MAX_DEGREE", f"a degree of {total}")
    return total
