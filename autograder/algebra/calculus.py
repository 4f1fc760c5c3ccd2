"""Derivatives of scalar expressions in a scalar symbol: for definitions such as `\\phi'(x)`."""

from __future__ import annotations

from fractions import Fraction

from autograder.algebra.symbols import SCALAR
from autograder.algebra.tree import Expr, Misshapen


def _number(value: int | Fraction) -> Expr:
    return Expr("num", (), Fraction(value), SCALAR)


def _mul(one: Expr, two: Expr) -> Expr:
    if (one.op == "num" and one.data == 0) or (two.op == "num" and two.data == 0):
        return _number(0)
    if one.op == "num" and one.data == 1:
        return two
    if two.op == "num" and two.data == 1:
        return one
    return Expr("mul", (one, two), None, SCALAR)


def _add(terms: list[Expr]) -> Expr:
    kept = [t for t in terms if not (t.op == "num" and t.data == 0)]
    if not kept:
        return _number(0)
    return kept[0] if len(kept) == 1 else Expr("add", tuple(kept), None, SCALAR)


def differentiate(e: Expr, key: str) -> Expr:
    """de/dv for a scalar expression of scalars. At a kink of max, min, relu and abs the derivative is 0.

    Raises Misshapen for what it does not differentiate.
    """
    if e.shape != SCALAR:
        raise Misshapen("a derivative of something else than a single number", 0)
    if e.op == "sym":
        return _number(1 if e.data == key else 0)
    if e.op in ("num", "const", "dim", "index"):
        return _number(0)
    if e.op == "add":
        return _add([differentiate(a, key) for a in e.args])
    if e.op in ("mul", "matmul") and all(a.shape == SCALAR for a in e.args):
        one, two = e.args
        return _add([_mul(differentiate(one, key), two), _mul(one, differentiate(two, key))])
    if e.op == "recip":
        square = Expr("recip", (Expr("pow", (e.args[0],), Fraction(2), SCALAR),), None, SCALAR)
        return _mul(_number(-1), _mul(square, differentiate(e.args[0], key)))
    if e.op == "pow":
        power = e.data - 1
        inner = e.args[0] if power == 1 else Expr("pow", (e.args[0],), power, SCALAR)
        return _mul(_mul(_number(e.data), inner), differentiate(e.args[0], key))
    if e.op == "fn":
        return _mul(_outer(e), differentiate(e.args[0], key))
    if e.op in ("max", "min") and len(e.args) == 2:
        one, two = e.args
        above = ">" if e.op == "max" else "<"
        first = Expr("rel", (one, two), above, SCALAR)
        second = Expr("rel", (two, one), above, SCALAR)
        always = Expr("true", (), None, SCALAR)
        return Expr("cases", (differentiate(one, key), first, differentiate(two, key), second, _number(0), always), None, SCALAR)
    if e.op == "cases":
        parts: list[Expr] = []
        for value, condition in zip(e.args[::2], e.args[1::2], strict=True):
            parts += [differentiate(value, key), condition]
        return Expr("cases", tuple(parts), None, SCALAR)
    raise Misshapen("a derivative of this", 0)


def _outer(e: Expr) -> Expr:
    """The derivative of the function itself."""
    x = e.args[0]

    def fn(name: str) -> Expr:
        return Expr("fn", (x,), name, SCALAR)

    if e.data in ("exp", "relu", "sigmoid", "softplus", "tanh", "log"):
        return fn(f"{e.data}_prime")
    if e.data == "abs":
        return fn("sign")
    if e.data == "sin":
        return fn("cos")
    if e.data == "cos":
        return _mul(_number(-1), fn("sin"))
    if e.data == "sqrt":
        return _mul(_number(Fraction(1, 2)), Expr("recip", (fn("sqrt"),), None, SCALAR))
    raise Misshapen(f"a derivative of {e.data}", 0)
