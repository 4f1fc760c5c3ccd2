"""Typed expressions: raw tree -> tree with a shape at every node, before anything is computed.

Dimensions are symbolic; a product is associated so that its shapes compose, `I`, `0` and `1` take their size from where
they stand. What has no consistent shapes raises `Misshapen`, which is a verdict about the answer and no failure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any

from autograder.algebra.limits import MAX_DEGREE, MAX_EXPONENT, MAX_NODES, MAX_SUM
from autograder.algebra.nodes import Node
from autograder.algebra.reader import read_answer
from autograder.algebra.symbols import ONE, SCALAR, Dim, Name, Shape, Symbol, Symbols, parse_dim
from autograder.algebra.vocabulary import ENTRYWISE
from autograder.errors import AutograderError, OutOfBudget, Unreadable


@dataclass(frozen=True, slots=True)
class Expr:
    """op, children, data and shape. Scalars have shape (1, 1).

    num (Fraction) · sym (key) · dim · const · index (name) · eye · zeros · ones · add · scale (scalar, matrix) · mul (scalars) · matmul · had ·
    pow (Fraction) · power (scalar to a scalar) · mpow (int) · inverse · pinv · recip · transpose · trace · det · logabsdet · fn (name) ·
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


class Unknown:
    """A dimension that is not known yet; `hint` is its text if one was typed (`I_n`)."""

    __slots__ = ("hint", "value")

    def __init__(self, hint: str = "") -> None:
        self.value: Dim | Unknown | None = None
        self.hint = hint


def show_shape(shape: tuple[Any, Any]) -> str:
    """`n × 1`, `scalar`."""
    if shape == SCALAR:
        return "a single number"
    return f"{show_dim(shape[0])} × {show_dim(shape[1])}"


def show_dim(dim: Any) -> str:
    """A dimension as text; `?` where it is open."""
    return str(dim) if isinstance(dim, Dim) else "?"


def zero_node(node: Node) -> bool:
    """A bare 0, which fits every shape in a sum."""
    return node.op == "num" and node.data == 0


class Typer:
    """One pass over a raw tree; dimensions are unified on the way and put in at the end."""

    def __init__(self, table: Symbols, *, numpy: bool = False, sizes: Mapping[str, Dim] | None = None) -> None:
        self.table = table
        self.numpy = numpy
        self.trail: list[Unknown] = []
        self.nodes = 0
        self.ranges: dict[str, Any] = dict(sizes or {})

    # --- dimensions

    def find(self, dim: Any) -> Any:
        """Follow an unknown to what it stands for."""
        while isinstance(dim, Unknown) and dim.value is not None:
            dim = dim.value
        return dim

    def same(self, one: Any, two: Any) -> bool:
        """Make two dimensions one, if that is possible."""
        one, two = self.find(one), self.find(two)
        if one is two or (isinstance(one, Dim) and isinstance(two, Dim)):
            return bool(one is two or one == two)
        if isinstance(two, Unknown) and not isinstance(one, Unknown):
            one, two = two, one
        if two == ONE:
            return False  # an identity or a vector of ones of size one is a scalar written strangely
        assert isinstance(one, Unknown)
        one.value = two
        self.trail.append(one)
        return True

    def undo(self, mark: int) -> None:
        while len(self.trail) > mark:
            self.trail.pop().value = None

    def same_shape(self, one: tuple[Any, Any], two: tuple[Any, Any]) -> bool:
        mark = len(self.trail)
        if self.same(one[0], two[0]) and self.same(one[1], two[1]):
            return True
        self.undo(mark)
        return False

    def is_scalar(self, e: Expr) -> bool:
        return self.find(e.shape[0]) == ONE and self.find(e.shape[1]) == ONE

    def resolved(self, e: Expr) -> tuple[Any, Any]:
        return (self.find(e.shape[0]), self.find(e.shape[1]))

    # --- entry

    def whole(self, node: Node, expected: Shape | None = None) -> Expr:
        """The typed tree; an open shape is taken from `expected` where it fits."""
        e = self.infer(node)
        if expected is not None:
            if zero_node(node) and expected != SCALAR:
                e = Expr("zeros", (), None, expected)
            self.same_shape(e.shape, expected)
        return self.close(e)

    def close(self, e: Expr) -> Expr:
        """Put the dimensions in. One that is still open is the only dimension of the problem, if there is only one."""
        shape = (self.settle(e.shape[0]), self.settle(e.shape[1]))
        data = e.data
        if e.op == "sum":
            data = (e.data[0], e.data[1], self.settle(e.data[2]))
        return Expr(e.op, tuple(self.close(a) for a in e.args), data, shape)

    def settle(self, dim: Any) -> Dim:
        dim = self.find(dim)
        if isinstance(dim, Dim):
            return dim
        if dim.hint:
            try:
                return parse_dim(dim.hint)
            except ValueError:
                pass
        square = {d for s in self.table.declared for d in s.shape if d != ONE}
        if len(square) == 1:
            return square.pop()
        raise Misshapen("the size of I, 0 or 1 cannot be told", 0)

    def make(self, op: str, args: tuple[Expr, ...], data: Any = None, shape: tuple[Any, Any] = SCALAR) -> Expr:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise OutOfBudget("MAX_NODES", f"more than {MAX_NODES} parts")
        return Expr(op, args, data, shape)

    def infer(self, node: Node) -> Expr:
        """Dispatch on the raw operation."""
        handler = getattr(self, f"on_{node.op}", None)
        if handler is None:
            raise Misshapen("a condition stands where a value is due", node.at)
        result: Expr = handler(node)
        return result

    def number(self, value: Fraction | int) -> Expr:
        return self.make("num", (), Fraction(value))

    # --- leaves

    def on_num(self, node: Node) -> Expr:
        return self.number(node.data)

    def on_sym(self, node: Node) -> Expr:
        if node.data in self.table.definitions:
            e = definition(self.table, node.data)
            self.nodes += size(e)
            if self.nodes > MAX_NODES:
                raise OutOfBudget("MAX_NODES", f"more than {MAX_NODES} parts")
            return e
        return self.make("sym", (), node.data, self.table.by_key(node.data).shape)

    def on_dim(self, node: Node) -> Expr:
        return self.make("dim", (), node.data)

    def on_const(self, node: Node) -> Expr:
        return self.make("const", (), node.data)

    def on_index(self, node: Node) -> Expr:
        return self.make("index", (), node.data)

    def typed_dim(self, text: str) -> Any:
        """A dimension as typed under I, 0 or 1; only dimensions of the problem bind, other letters are decoration."""
        try:
            dim = parse_dim(text)
        except ValueError:
            return Unknown()
        if all(name in self.table.dimensions for name in dim.names):
            return dim
        return Unknown(text)

    def on_eye(self, node: Node) -> Expr:
        dims = [self.typed_dim(d) for d in node.data] or [Unknown()]
        if len(dims) > 1 and not self.same(dims[0], dims[1]):
            raise Misshapen("an identity matrix is square", node.at)
        return self.make("eye", (), None, (dims[0], dims[0]))

    def on_zeros(self, node: Node) -> Expr:
        return self.filled("zeros", node)

    def on_ones(self, node: Node) -> Expr:
        return self.filled("ones", node)

    def filled(self, op: str, node: Node) -> Expr:
        dims = [self.typed_dim(d) for d in node.data]
        if len(dims) == 2:
            return self.make(op, (), None, (dims[0], dims[1]))
        if op == "zeros" and not dims:
            return self.make(op, (), None, (Unknown(), Unknown()))
        return self.make(op, (), None, (dims[0] if dims else Unknown(), ONE))

    # --- sums and products

    def on_neg(self, node: Node) -> Expr:
        return self.negated(self.infer(node.args[0]))

    def negated(self, e: Expr) -> Expr:
        if e.op == "num":
            return self.number(-e.data)
        return self.scaled(self.number(-1), e)

    def scaled(self, factor: Expr, e: Expr) -> Expr:
        if self.is_scalar(e):
            return self.make("mul", (factor, e))
        return self.make("scale", (factor, e), None, e.shape)

    def on_add(self, node: Node) -> Expr:
        terms = [self.infer(a) for a in node.args]
        bare = [zero_node(a if a.op != "neg" else a.args[0]) for a in node.args]
        shaped = [t for t, zero in zip(terms, bare, strict=True) if not zero]
        if not shaped:
            return self.number(0)
        shape: tuple[Any, Any] = shaped[0].shape
        for t, a in zip(terms, node.args, strict=True):
            if t in shaped and not self.same_shape(shape, t.shape):
                one, two = show_shape(self.resolved(shaped[0])), show_shape(self.resolved(t))
                raise Misshapen(f"{one} and {two} cannot be added", a.at)
        return self.make("add", tuple(shaped), None, shape) if len(shaped) > 1 else shaped[0]

    def on_prod(self, node: Node) -> Expr:
        operators = node.data
        if operators == ("dot",):
            return self.dot(self.infer(node.args[0]), self.infer(node.args[1]), node.at)
        factors = [self.infer(a) for a in node.args]
        mark = len(self.trail)
        try:
            return self.left_fold(factors, operators, node)
        except Misshapen as bad:
            if len(factors) < 3 or ("/" in operators and not self.scalar_divisors(factors, operators)):
                raise
            self.undo(mark)
            best = self.any_association(factors, operators, node)
            if best is None:
                raise bad from None
            return best

    def left_fold(self, factors: list[Expr], operators: tuple[str, ...], node: Node) -> Expr:
        e = factors[0]
        for operator, factor, typed in zip(operators, factors[1:], node.args[1:], strict=True):
            e = self.join(e, operator, factor, typed.at)
        return e

    def scalar_divisors(self, factors: list[Expr], operators: tuple[str, ...]) -> bool:
        return all(operator != "/" or self.is_scalar(f) for operator, f in zip(operators, factors[1:], strict=True))

    def any_association(self, factors: list[Expr], operators: tuple[str, ...], node: Node) -> Expr | None:
        """Some association whose shapes compose, found by dynamic programming over intervals; all that compose agree."""
        items: list[Expr] = []
        joins: list[str] = []
        for k, factor in enumerate(factors):
            operator = operators[k - 1] if k else ""
            if operator == "/":
                factor = self.make("recip", (factor,))
            if k:
                joins.append("" if operator == "/" else operator)
            items.append(factor)
        if len(items) > 1 and not all(self.is_scalar(f) for f in items):
            kept = [k for k, f in enumerate(items) if not (f.op == "eye" and isinstance(self.find(f.shape[0]), Unknown))]
            if len(kept) < len(items) and kept:
                joins = [joins[k - 1] for k in kept[1:]]
                items = [items[k] for k in kept]
        n = len(items)
        best: dict[tuple[int, int], Expr] = {(k, k): items[k] for k in range(n)}
        for width in range(1, n):
            for i in range(n - width):
                j = i + width
                for cut in range(j - 1, i - 1, -1):
                    left, right = best.get((i, cut)), best.get((cut + 1, j))
                    if left is None or right is None:
                        continue
                    mark = len(self.trail)
                    try:
                        best[i, j] = self.join(left, joins[cut], right, node.at)
                        break
                    except Misshapen:
                        self.undo(mark)
        return best.get((0, n - 1))

    def join(self, left: Expr, operator: str, right: Expr, at: int) -> Expr:
        """One binary product."""
        if operator == "/":
            if not self.is_scalar(right):
                if self.numpy and self.same_shape(left.shape, right.shape):
                    return self.make("had", (left, self.make("fn", (right,), "reciprocal", right.shape)), None, left.shape)
                raise Misshapen(f"a division by {show_shape(self.resolved(right))}", at)
            if right.op == "num" and right.data:
                return self.scaled(self.number(1 / right.data), left) if left.op != "num" else self.number(left.data / right.data)
            return self.scaled(self.make("recip", (right,)), left)
        if self.is_scalar(left):
            return self.scaled(left, right)
        if self.is_scalar(right):
            return self.scaled(right, left)
        if operator == "*" and self.numpy and self.same_shape(left.shape, right.shape):
            return self.make("had", (left, right), None, left.shape)
        if self.same(left.shape[1], right.shape[0]):
            return self.make("matmul", (left, right), None, (left.shape[0], right.shape[1]))
        if operator in (".", "dot"):
            inner = self.inner(left, right)
            if inner is not None:
                return inner
        if operator in ("@", "dot"):
            return self.dot(left, right, at)
        one, two = show_shape(self.resolved(left)), show_shape(self.resolved(right))
        raise Misshapen(f"a product of {one} and {two} does not compose", at)

    def inner(self, left: Expr, right: Expr) -> Expr | None:
        """Of two columns (or two rows) of one length."""
        if self.find(left.shape[1]) == ONE and self.find(right.shape[1]) == ONE and self.same(left.shape[0], right.shape[0]):
            return self.make("matmul", (self.transposed(left), right), None, SCALAR)
        if self.find(left.shape[0]) == ONE and self.find(right.shape[0]) == ONE and self.same(left.shape[1], right.shape[1]):
            return self.make("matmul", (left, self.transposed(right)), None, SCALAR)
        return None

    def dot(self, left: Expr, right: Expr, at: int) -> Expr:
        """numpy's product, where a vector may stand for a row or a column."""
        if self.is_scalar(left) or self.is_scalar(right):
            return self.join(left, "", right, at)
        if self.same(left.shape[1], right.shape[0]):
            return self.make("matmul", (left, right), None, (left.shape[0], right.shape[1]))
        inner = self.inner(left, right)
        if inner is not None:
            return inner
        if self.find(left.shape[1]) == ONE and self.same(left.shape[0], right.shape[0]):
            return self.make("matmul", (self.transposed(left), right), None, (ONE, right.shape[1]))
        one, two = show_shape(self.resolved(left)), show_shape(self.resolved(right))
        raise Misshapen(f"a product of {one} and {two} does not compose", at)

    def transposed(self, e: Expr) -> Expr:
        if self.is_scalar(e):
            return e
        if e.op == "transpose":
            return e.args[0]
        return self.make("transpose", (e,), None, (e.shape[1], e.shape[0]))

    # --- powers, inverses

    def on_transpose(self, node: Node) -> Expr:
        return self.transposed(self.infer(node.args[0]))

    def on_inverse(self, node: Node) -> Expr:
        return self.inverted(self.infer(node.args[0]), node.at)

    def inverted(self, e: Expr, at: int) -> Expr:
        if self.is_scalar(e):
            return self.make("recip", (e,))
        if not self.same(e.shape[0], e.shape[1]):
            raise Misshapen(f"an inverse of {show_shape(self.resolved(e))}", at)
        return self.make("inverse", (e,), None, e.shape)

    def on_pinv(self, node: Node) -> Expr:
        e = self.infer(node.args[0])
        if self.is_scalar(e):
            return self.make("recip", (e,))
        return self.make("pinv", (e,), None, (e.shape[1], e.shape[0]))

    def on_pow(self, node: Node) -> Expr:
        base, exponent = self.infer(node.args[0]), self.infer(node.args[1])
        if not self.is_scalar(exponent):
            if base.op == "const" and base.data == "e":
                return self.entrywise("exp", exponent, node.at)
            raise Misshapen("an exponent that is no number", node.at)
        value = constant(exponent)
        if (
            base.op == "norm"
            and base.data in ("2", "F")
            and value is not None
            and value.denominator == 1
            and value % 2 == 0
            and 0 < value <= MAX_EXPONENT
        ):
            return self.integer_power(self.squared_norm(base.args[0]), int(value) // 2)
        if self.is_scalar(base):
            if base.op == "const" and base.data == "e" and value is None:
                return self.make("fn", (exponent,), "exp")
            if value is None:
                return self.make("power", (base, exponent))
            if value.denominator == 1:
                if abs(value) > MAX_EXPONENT:
                    raise OutOfBudget("MAX_EXPONENT", f"the exponent {value}")
                if base.op == "const" and base.data == "e":
                    return self.make("fn", (exponent,), "exp")
                return self.integer_power(base, int(value))
            if value.denominator > 64 or abs(value) > MAX_EXPONENT:
                raise OutOfBudget("MAX_EXPONENT", f"the exponent {value}")
            if value == Fraction(1, 2):
                return self.make("fn", (base,), "sqrt")
            return self.make("pow", (base,), value)
        if value is None or value.denominator != 1:
            if value in (Fraction(1, 2), Fraction(-1, 2)) and self.same(base.shape[0], base.shape[1]):
                root = self.make("sqrtm", (base,), None, base.shape)
                return root if value == Fraction(1, 2) else self.inverted(root, node.at)
            raise Misshapen(f"a power of {show_shape(self.resolved(base))} whose exponent is no whole number", node.at)
        if self.numpy and value > 0 and not self.same(base.shape[0], base.shape[1]):
            return self.entrywise_power(base, int(value))
        if not self.same(base.shape[0], base.shape[1]):
            raise Misshapen(f"a power of {show_shape(self.resolved(base))}", node.at)
        if abs(value) > MAX_EXPONENT:
            raise OutOfBudget("MAX_EXPONENT", f"the exponent {value}")
        if value < 0:
            base = self.inverted(base, node.at)
        return base if abs(value) == 1 else self.make("mpow", (base,), int(abs(value)), base.shape)

    def integer_power(self, base: Expr, value: int) -> Expr:
        if value == 1:
            return base
        if base.op == "num" and (base.data or value > 0) and abs(value) * base.data.numerator.bit_length() < 400:
            return self.number(base.data**value)
        if value < 0:
            return self.make("recip", (self.integer_power(base, -value),))
        return self.make("pow", (base,), Fraction(value))

    def entrywise_power(self, base: Expr, value: int) -> Expr:
        if value > MAX_EXPONENT:
            raise OutOfBudget("MAX_EXPONENT", f"the exponent {value}")
        e = base
        for _ in range(value - 1):
            e = self.make("had", (e, base), None, base.shape)
        return e

    def squared_norm(self, e: Expr) -> Expr:
        if self.is_scalar(e):
            return self.make("pow", (e,), Fraction(2))
        if self.find(e.shape[1]) == ONE:
            return self.make("matmul", (self.transposed(e), e), None, SCALAR)
        if self.find(e.shape[0]) == ONE:
            return self.make("matmul", (e, self.transposed(e)), None, SCALAR)
        return self.make("esum", (self.make("had", (e, e), None, e.shape),))

    # --- norms and functions

    def on_norm(self, node: Node) -> Expr:
        e = self.infer(node.args[0])
        kind = node.data
        vector = ONE in (self.find(e.shape[0]), self.find(e.shape[1]))
        if self.is_scalar(e):
            return self.make("fn", (e,), "abs")
        if kind is None:
            kind = "2" if vector else ("F" if self.numpy else "spectral")
        if not vector and kind == "2":
            kind = "spectral"
        if vector and kind in ("F", "spectral"):
            kind = "2"
        if not vector and kind in ("1", "inf", "max"):
            raise Misshapen("a norm of a matrix other than the Frobenius and the spectral norm", node.at)
        return self.make("norm", (e,), "inf" if kind == "max" else kind)

    def on_bars(self, node: Node) -> Expr:
        e = self.infer(node.args[0])
        if self.is_scalar(e):
            return self.make("fn", (e,), "abs")
        if self.find(e.shape[0]) == ONE or self.find(e.shape[1]) == ONE:
            return self.make("norm", (e,), "2")
        return self.determinant(e, node.at)

    def determinant(self, e: Expr, at: int) -> Expr:
        if self.is_scalar(e):
            return e
        if not self.same(e.shape[0], e.shape[1]):
            raise Misshapen(f"a determinant of {show_shape(self.resolved(e))}", at)
        return self.make("det", (e,))

    def on_call(self, node: Node) -> Expr:
        function = node.data
        args = [self.infer(a) for a in node.args]
        e = args[0]
        if function in ENTRYWISE:
            return self.entrywise(function, e, node.at)
        if function == "trace":
            if self.is_scalar(e):
                return e
            if not self.same(e.shape[0], e.shape[1]):
                raise Misshapen(f"a trace of {show_shape(self.resolved(e))}", node.at)
            return self.make("trace", (e,))
        if function in ("det", "logdet"):
            value = self.determinant(e, node.at)
            return value if function == "det" else self.make("fn", (value,), "log")
        if function in ("had", "ediv"):
            other = args[1]
            if function == "ediv":
                other = self.make("fn", (other,), "reciprocal", other.shape) if not self.is_scalar(other) else self.make("recip", (other,))
            return self.hadamard(e, other, node.at)
        if function == "epow":
            return self.elementwise_power(node, e, args[1])
        if function in ("max", "min"):
            return self.extreme(function, args, node)
        if function == "inner":
            return self.inner_product(e, args[1], node.at)
        if function == "diag":
            if self.find(e.shape[1]) == ONE and not self.is_scalar(e):
                return self.make("diag", (e,), None, (e.shape[0], e.shape[0]))
            if self.find(e.shape[0]) == ONE and not self.is_scalar(e):
                return self.make("diag", (self.transposed(e),), None, (e.shape[1], e.shape[1]))
            if self.is_scalar(e):
                return e
            if not self.same(e.shape[0], e.shape[1]):
                raise Misshapen(f"the diagonal of {show_shape(self.resolved(e))}", node.at)
            return self.make("diagonal", (e,), None, (e.shape[0], ONE))
        if function in ("esum", "mean"):
            total = e if self.is_scalar(e) else self.make("esum", (e,))
            if function == "esum" or self.is_scalar(e):
                return total
            count = self.make("size", (e,))
            return self.make("mul", (self.make("recip", (count,)), total))
        if function == "softmax":
            powers = self.entrywise("exp", e, node.at)
            return self.scaled(self.make("recip", (self.make("esum", (powers,)),)), powers)
        if function == "logsumexp":
            return self.make("fn", (self.make("esum", (self.entrywise("exp", e, node.at),)),), "log")
        if function == "prime":
            return self.derivative_of_definition(node)
        raise Misshapen(f"{function} is not computed here", node.at)

    def entrywise(self, function: str, e: Expr, at: int) -> Expr:
        """A function of a scalar, or of every entry of a vector; of a matrix only in numpy's spelling."""
        if (
            not self.is_scalar(e)
            and ONE not in (self.find(e.shape[0]), self.find(e.shape[1]))
            and not self.numpy
            and function in ("exp", "log", "sqrt")
        ):
            raise Misshapen(f"{function} of a matrix, of which there are two kinds", at)
        if function == "abs" and e.op == "num":
            return self.number(abs(e.data))
        return self.make("fn", (e,), function, e.shape)

    def hadamard(self, one: Expr, two: Expr, at: int) -> Expr:
        if self.is_scalar(one) or self.is_scalar(two):
            return self.scaled(one, two) if self.is_scalar(one) else self.scaled(two, one)
        if not self.same_shape(one.shape, two.shape):
            raise Misshapen(
                f"{show_shape(self.resolved(one))} and {show_shape(self.resolved(two))} cannot be multiplied entry by entry", at
            )
        return self.make("had", (one, two), None, one.shape)

    def elementwise_power(self, node: Node, base: Expr, exponent: Expr) -> Expr:
        if self.is_scalar(base):
            return self.on_pow(Node("pow", node.args, None, node.at))
        value = constant(exponent)
        if value is None or value.denominator != 1 or value < 1:
            raise Misshapen("a power of a vector entry by entry", node.at)
        return self.entrywise_power(base, int(value))

    def extreme(self, function: str, args: list[Expr], node: Node) -> Expr:
        if len(args) == 1:
            if node.args[0].op == "block":
                args = list(args[0].args)
            else:
                raise Misshapen("a maximum of one thing", node.at)
        shaped = [a for a in args if not self.is_scalar(a)]
        shape: tuple[Any, Any] = shaped[0].shape if shaped else SCALAR
        for a in shaped:
            if not self.same_shape(shape, a.shape):
                raise Misshapen("a maximum of different shapes", node.at)
        return self.make(function, tuple(args), None, shape)

    def inner_product(self, one: Expr, two: Expr, at: int) -> Expr:
        if self.is_scalar(one) and self.is_scalar(two):
            return self.scaled(one, two)
        found = self.inner(one, two)
        if found is not None:
            return found
        if self.same_shape(one.shape, two.shape):
            return self.make("trace", (self.make("matmul", (self.transposed(one), two), None, (one.shape[1], two.shape[1])),))
        raise Misshapen(f"an inner product of {show_shape(self.resolved(one))} and {show_shape(self.resolved(two))}", at)

    def derivative_of_definition(self, node: Node) -> Expr:
        """`\\phi'(x)`: the derivative of a definition in the argument that the table declares for it."""
        from autograder.algebra.calculus import differentiate

        key = node.args[0].data
        argument = self.table.functions[key].split("|")[0]
        symbol = self.table.exact(Name(argument))
        if symbol is None:
            raise Misshapen(f"the derivative in {argument}", node.at)
        e = differentiate(definition(self.table, key), symbol.key)
        self.nodes += size(e)
        return e

    # --- indices

    def on_sum(self, node: Node) -> Expr:
        index, has_lower, has_upper = node.data
        rest = list(node.args[1:])
        lower = constant(self.infer(rest.pop(0))) if has_lower else Fraction(1)
        if lower is None or lower.denominator != 1 or lower not in (0, 1, 2):
            raise Misshapen("a sum from somewhere else than 1", node.at)
        upper: Any = Unknown()
        if has_upper:
            upper = self.range_of(rest.pop(0))
            if lower == 0:
                upper = Dim(upper.number + 1, upper.names)  # counted from 0: as many values as entries
        outer = self.ranges.get(index)
        self.ranges[index] = upper
        body = self.infer(node.args[0])
        if outer is None:
            del self.ranges[index]
        else:
            self.ranges[index] = outer
        return self.make("sum", (body,), (index, int(lower), upper), body.shape)

    def range_of(self, node: Node) -> Any:
        """The upper end of a sum as a dimension."""
        if node.op == "dim":
            return Dim(0, (node.data,))
        if node.op == "num" and node.data.denominator == 1 and 0 <= node.data <= MAX_SUM:
            return Dim(int(node.data))
        if node.op == "add" and len(node.args) == 2:
            first, second = node.args
            shift = second.args[0].data if second.op == "neg" and second.args[0].op == "num" else None
            if shift == 1:
                whole = self.range_of(first)
                return Dim(whole.number - 1, whole.names)
        if node.op == "sym":
            name = self.table.by_key(node.data).name
            if name in self.table.dimensions:
                return Dim(0, (name,))
        raise Misshapen("a sum whose end is no dimension of the problem", node.at)

    def on_elem(self, node: Node) -> Expr:
        base = self.infer(node.args[0])
        indices = node.args[1:]
        if self.is_scalar(base):
            raise Misshapen("an index on a single number", node.at)
        vector = ONE in (self.find(base.shape[0]), self.find(base.shape[1]))
        if not vector and len(indices) == 1 and indices[0].op == "num" and 10 < indices[0].data < 100:
            indices = tuple(Node("num", (), Fraction(int(digit)), node.at) for digit in str(indices[0].data))  # A_{12} is in row 1
        if len(indices) != (1 if vector else 2):
            raise Misshapen(f"{len(indices)} indices on {show_shape(self.resolved(base))}", node.at)
        dims = [d for d in base.shape if self.find(d) != ONE] if vector else list(base.shape)
        for position, dim in zip(indices, dims, strict=True):
            if position.op == "index":
                known = self.ranges.setdefault(position.data, Unknown())
                if not self.same(known, dim):
                    raise Misshapen(f"the index {position.data} runs over two different ranges", node.at)
        typed = tuple(self.infer(i) for i in indices)
        return self.make("elem", (base, *typed))

    def on_block(self, node: Node) -> Expr:
        columns = node.data
        entries = [self.infer(a) for a in node.args]
        rows = [entries[k : k + columns] for k in range(0, len(entries), columns)]
        typed = [node.args[k : k + columns] for k in range(0, len(entries), columns)]
        heights: list[Any] = []
        widths: list[Any] = [None] * columns
        for row, nodes in zip(rows, typed, strict=True):
            height: Any = None
            for k, (entry, a) in enumerate(zip(row, nodes, strict=True)):
                if zero_node(a):
                    continue
                if height is None:
                    height = entry.shape[0]
                elif not self.same(height, entry.shape[0]):
                    raise Misshapen("blocks of different heights beside each other", a.at)
                if widths[k] is None:
                    widths[k] = entry.shape[1]
                elif not self.same(widths[k], entry.shape[1]):
                    raise Misshapen("blocks of different widths above each other", a.at)
            heights.append(height)
        heights = [ONE if h is None and all(w is None or self.find(w) == ONE for w in widths) else h for h in heights]
        filled = []
        for row, nodes, height in zip(rows, typed, heights, strict=True):
            for k, (entry, a) in enumerate(zip(row, nodes, strict=True)):
                if zero_node(a):
                    width = widths[k] if widths[k] is not None else (ONE if height is not None and self.find(height) == ONE else Unknown())
                    widths[k] = width
                    tall = height if height is not None else Unknown()
                    zero = (tall, width)
                    filled.append(self.make("zeros", (), None, zero) if zero != SCALAR else self.number(0))
                else:
                    filled.append(entry)
        total = self.total([self.find(filled[k * columns].shape[0]) for k in range(len(rows))], node.at)
        across = self.total([self.find(w) for w in widths], node.at)
        return self.make("block", tuple(filled), columns, (total, across))

    def total(self, dims: list[Any], at: int) -> Any:
        if len(dims) == 1:
            return dims[0]
        if any(not isinstance(d, Dim) for d in dims):
            square = {d for s in self.table.declared for d in s.shape if d != ONE}
            if len(square) == 1:
                only = next(iter(square))
                for d in dims:
                    if not isinstance(d, Dim):
                        self.same(d, only)
                dims = [self.find(d) for d in dims]
            else:
                raise Misshapen("the size of a block cannot be told", at)
        out = dims[0]
        for d in dims[1:]:
            out = out.plus(d)
        return out

    # --- cases

    def on_cases(self, node: Node) -> Expr:
        values = [self.infer(a) for a in node.args[::2]]
        bare = [zero_node(a) for a in node.args[::2]]
        conditions = [self.condition(a) for a in node.args[1::2]]
        shaped = [v for v, zero in zip(values, bare, strict=True) if not zero]
        shape: tuple[Any, Any] = shaped[0].shape if shaped else SCALAR
        for v in shaped:
            if not self.same_shape(shape, v.shape):
                raise Misshapen("cases of different shapes", node.at)
        out: list[Expr] = []
        for value, zero, condition in zip(values, bare, conditions, strict=True):
            if zero and shape != SCALAR:
                value = self.make("zeros", (), None, shape)
            out += [value, condition]
        return self.make("cases", tuple(out), None, shape)

    def condition(self, node: Node) -> Expr:
        """A condition, typed; comparisons are between scalars, or entry by entry with a scalar."""
        if node.op == "true":
            return self.make("true", ())
        if node.op in ("and", "or", "not"):
            return self.make(node.op, tuple(self.condition(a) for a in node.args))
        if node.op != "rel":
            raise Misshapen("a value stands where a condition is due", node.at)
        left, right = self.infer(node.args[0]), self.infer(node.args[1])
        if not (self.is_scalar(left) and self.is_scalar(right)):
            raise Misshapen("a condition compares something else than single numbers", node.at)
        return self.make("rel", (left, right), node.data)


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


def is_numpy(text: str) -> bool:
    """Is the text in numpy's spelling, where `*` acts on entries?"""
    from autograder.algebra.reader import _NUMPY

    return _NUMPY.search(text) is not None


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
    """The table with its defined names declared. Raises ValueError for a definition that cannot be read or has another shape than declared."""
    from autograder.algebra.lexer import read_name

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
