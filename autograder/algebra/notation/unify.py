"""Dimensions that are not known yet, and making two of them one."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from autograder.algebra.limits import MAX_NODES
from autograder.algebra.symbols import ONE, SCALAR, Dim, Symbols
from autograder.algebra.tree import Expr, Misshapen, number
from autograder.errors import OutOfBudget


class Unknown:
    """A dimension that is not known yet."""

    __slots__ = ("one", "value")

    def __init__(self, *, one: bool = False) -> None:
        self.value: Dim | Unknown | None = None
        self.one = one
        """May it be 1? Not for I and a vector of ones: of size one they are scalars written strangely."""


class Unifier:
    """Unification of dimensions with a trail to undo it, and the building of typed nodes."""

    def __init__(
        self,
        table: Symbols,
        *,
        definition: Callable[[Symbols, str], Expr],
        numpy: bool = False,
    ) -> None:
        self.table = table
        self.definition = definition
        self.numpy = numpy
        self.trail: list[Unknown] = []
        self.nodes = 0
        self.ranges: dict[str, Any] = {}

    def find(self, dim: Any) -> Any:
        """Follow an unknown to what it stands for."""
        while isinstance(dim, Unknown) and dim.value is not None:
            dim = dim.value
        return dim

    def _unify(self, one: Any, two: Any) -> bool:
        """Make two dimensions one, if that is possible."""
        one, two = self.find(one), self.find(two)
        if one is two or (isinstance(one, Dim) and isinstance(two, Dim)):
            return bool(one is two or one == two)
        if isinstance(two, Unknown) and not isinstance(one, Unknown):
            one, two = two, one
        assert isinstance(one, Unknown)
        if two == ONE and not one.one:
            return False
        if isinstance(two, Unknown) and one.one != two.one:
            one, two = (one, two) if one.one else (two, one)
        one.value = two
        self.trail.append(one)
        return True

    def _undo(self, mark: int) -> None:
        while len(self.trail) > mark:
            self.trail.pop().value = None

    def _unify_shapes(self, one: tuple[Any, Any], two: tuple[Any, Any]) -> bool:
        mark = len(self.trail)
        if self._unify(one[0], two[0]) and self._unify(one[1], two[1]):
            return True
        self._undo(mark)
        return False

    def _is_scalar(self, e: Expr) -> bool:
        return bool(self.find(e.shape[0]) == ONE and self.find(e.shape[1]) == ONE)

    def _resolved(self, e: Expr) -> tuple[Any, Any]:
        return (self.find(e.shape[0]), self.find(e.shape[1]))

    def close(self, e: Expr) -> Expr:
        """Put the dimensions in. One that is still open is the only dimension of the problem, if there is only one."""
        shape = (self._settle(e.shape[0]), self._settle(e.shape[1]))
        data = e.data
        if e.op == "sum":
            data = e.data._replace(upper=self._settle(e.data.upper))
        args = tuple(self.close(a) for a in e.args)
        if shape == SCALAR:  # what turned out to be a single number is written as one
            if e.op == "zeros":
                return number(0)
            if e.op == "transpose":
                return args[0]
            if e.op == "scale":
                return Expr("mul", args, None, SCALAR)
        return Expr(e.op, args, data, shape)

    def _settle(self, dim: Any) -> Dim:
        dim = self.find(dim)
        if isinstance(dim, Dim):
            return dim
        square = {d for s in self.table.declared for d in s.shape if d != ONE}
        if len(square) == 1:
            return square.pop()
        raise Misshapen("the size of I, 0 or 1 cannot be told", 0)

    def _make(self, op: str, args: tuple[Expr, ...], data: Any = None, shape: tuple[Any, Any] = SCALAR) -> Expr:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise OutOfBudget("MAX_NODES", f"more than {MAX_NODES} parts")
        return Expr(op, args, data, shape)

    def _number(self, value: Fraction | int) -> Expr:
        return self._make("num", (), Fraction(value))

    def _negated(self, e: Expr) -> Expr:
        if e.op == "num":
            return self._number(-e.data)
        return self._scaled(self._number(-1), e)

    def _scaled(self, factor: Expr, e: Expr) -> Expr:
        if self._is_scalar(e):
            return self._make("mul", (factor, e))
        return self._make("scale", (factor, e), None, e.shape)

    def _transposed(self, e: Expr) -> Expr:
        if self._is_scalar(e):
            return e
        if e.op == "transpose":
            return e.args[0]
        return self._make("transpose", (e,), None, (e.shape[1], e.shape[0]))
