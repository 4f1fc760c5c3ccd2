"""Typed expressions: a tree with a shape at every node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, NamedTuple

from autograder.algebra.limits import MAX_DEGREE
from autograder.algebra.symbols import SCALAR, Dim
from autograder.errors import AutograderError, OutOfBudget

ORDERED_FUNCTIONS: Final = frozenset({"abs", "sign", "relu", "relu_prime"})


@dataclass(frozen=True, slots=True)
class Expr:
    """op, children, data and shape. Scalars have shape (1, 1).

    num (Fraction) · sym (key) · dim · const · index (name) · eye · zeros · ones · add · scale (scalar, matrix) · mul (scalars) · matmul ·
    had · pow (Fraction) · power (scalar to a scalar) · mpow (int) · inverse · pinv · recip · transpose · trace · det · fn (name) ·
    max · min · norm (kind) · diag · diagonal · esum · sum (SumRange) · elem · block (columns) · cases · conditions as in Node
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
    def is_scalar(self) -> bool:
        """Is it a single number?"""
        return self.shape == SCALAR


class SumRange(NamedTuple):
    """The data of a `sum`: the index `name` runs from `lower` (0, 1 or 2) up to a dimension, or to one less where it is counted from 0."""

    name: str
    lower: int
    upper: Any

    def __repr__(self) -> str:
        return repr(tuple(self))  # seeds hang on this text


class Misfit(Enum):
    """What it says of an answer that its shapes do not fit."""

    SURE = "it is false however it was meant"
    POWER = "a power of this has no meaning; it is false where an inverse is meant"
    NOTATION = "it may be meant in a way that is not read here"


class Misshapen(AutograderError):
    """Shapes that do not fit. at: place in the text; message: what does not fit, one clause."""

    def __init__(self, message: str, at: int, misfit: Misfit = Misfit.NOTATION) -> None:
        super().__init__(message)
        self.at = at
        self.misfit = misfit


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


def is_index_only(e: Expr) -> bool:
    """Is it a whole number made of indices, such as `k - 1`?"""
    return e.op == "index" or (
        e.op in ("num", "add", "mul") and all(is_index_only(a) for a in e.args) and (e.op != "num" or e.data.denominator == 1)
    )


@lru_cache(maxsize=16384)
def needs(e: Expr) -> frozenset[str]:
    """Of a ring: `order` (comparisons), `real` (roots, exp and the like), `constant` (pi, e)."""
    out: frozenset[str] = frozenset()
    for a in e.args:
        out |= needs(a)
    if e.op in ("max", "min", "cases", "rel") or (e.op == "norm" and e.data in ("1", "inf")):
        return out | {"order"}
    if e.op == "power" and is_index_only(e.args[1]):
        return out
    if e.op == "norm" or e.op in ("power", "sqrtm") or (e.op == "pow" and e.data.denominator != 1):
        return out | {"real"}
    if e.op == "fn" and e.data != "reciprocal":
        return out | ({"order"} if e.data in ORDERED_FUNCTIONS else {"real"})
    if e.op == "const":
        return out | {"constant"}
    return out


@lru_cache(maxsize=16384)
def symbols_in(e: Expr) -> frozenset[str]:
    """Keys of the symbols that occur."""
    if e.op == "sym":
        return frozenset({e.data})
    out: frozenset[str] = frozenset()
    for a in e.args:
        out |= symbols_in(a)
    return out


def occurring(*expressions: Expr) -> frozenset[str]:
    """Keys of the symbols of all of these."""
    return frozenset().union(*map(symbols_in, expressions))


@lru_cache(maxsize=16384)
def dims_in(e: Expr) -> frozenset[str]:
    """Names of the dimensions that occur."""
    out = frozenset(name for dim in e.shape for name in dim.names)
    if e.op == "dim":
        out |= {e.data}
    if e.op == "sum":
        out |= set(e.data.upper.names)
    for a in e.args:
        out |= dims_in(a)
    return out


# --- builders


def number(value: int | Fraction) -> Expr:
    """A number."""
    return Expr("num", (), Fraction(value), SCALAR)


def zero(shape: tuple[Any, Any]) -> Expr:
    """The zero of a shape."""
    return number(0) if shape == SCALAR else Expr("zeros", (), None, shape)


def symbol(key: str, shape: tuple[Any, Any] = SCALAR) -> Expr:
    """A symbol by its key."""
    return Expr("sym", (), key, shape)


def times(factor: Expr, e: Expr) -> Expr:
    """A single number times an expression of any shape."""
    return Expr("mul" if e.shape == SCALAR else "scale", (factor, e), None, e.shape)


def scaled(factor: int | Fraction, e: Expr) -> Expr:
    """A multiple."""
    return times(number(factor), e)


def transposed(e: Expr) -> Expr:
    """The transpose; twice is not at all, and a single number is its own."""
    if e.shape == SCALAR:
        return e
    return e.args[0] if e.op == "transpose" else Expr("transpose", (e,), None, (e.shape[1], e.shape[0]))


def difference(one: Expr, two: Expr) -> Expr:
    """one - two"""
    return Expr("add", (one, scaled(-1, two)), None, one.shape)


def added(terms: tuple[Expr, ...]) -> Expr:
    """A sum of terms as they are, zero or not; of one, the term itself."""
    return terms[0] if len(terms) == 1 else Expr("add", terms, None, terms[0].shape)


def total(terms: list[Expr], shape: tuple[Any, Any]) -> Expr:
    """A sum without its zero terms."""
    kept = [t for t in terms if t.op != "zeros" and not (t.op == "num" and t.data == 0)]
    if not kept:
        return zero(shape)
    return added(tuple(kept))


def substituted(e: Expr, values: Mapping[str, Expr]) -> Expr:
    """The expression with other expressions, of the same shapes, for some of its symbols."""
    if not values or not symbols_in(e) & values.keys():
        return e
    if e.op == "sym":
        return values[e.data]
    return Expr(e.op, tuple(substituted(a, values) for a in e.args), e.data, e.shape)
