"""Derivatives of scalar expressions in a scalar symbol, and differentials of expressions of any shape."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from autograder.algebra.symbols import SCALAR
from autograder.algebra.tree import Expr, Misshapen, number, scaled, substituted, symbols_in, total, zero


def _mul(one: Expr, two: Expr) -> Expr:
    if (one.op == "num" and one.data == 0) or (two.op == "num" and two.data == 0):
        return number(0)
    if one.op == "num" and one.data == 1:
        return two
    if two.op == "num" and two.data == 1:
        return one
    return Expr("mul", (one, two), None, SCALAR)


def differentiate(e: Expr, key: str) -> Expr:
    """de/dv for a scalar expression of scalars. At a kink of max, min, relu and abs the derivative is 0.

    Raises Misshapen for what it does not differentiate.
    """
    if e.shape != SCALAR:
        raise Misshapen("a derivative of something else than a single number", 0)
    if e.op == "sym":
        return number(1 if e.data == key else 0)
    if e.op in ("num", "const", "dim", "index"):
        return number(0)
    if e.op == "add":
        return total([differentiate(a, key) for a in e.args], SCALAR)
    if e.op in ("mul", "matmul") and all(a.shape == SCALAR for a in e.args):
        one, two = e.args
        return total([_mul(differentiate(one, key), two), _mul(one, differentiate(two, key))], SCALAR)
    if e.op == "recip":
        square = Expr("recip", (Expr("pow", (e.args[0],), Fraction(2), SCALAR),), None, SCALAR)
        return _mul(number(-1), _mul(square, differentiate(e.args[0], key)))
    if e.op == "pow":
        power = e.data - 1
        inner = e.args[0] if power == 1 else Expr("pow", (e.args[0],), power, SCALAR)
        return _mul(_mul(number(e.data), inner), differentiate(e.args[0], key))
    if e.op == "fn":
        return _mul(_outer(e), differentiate(e.args[0], key))
    if e.op in ("max", "min") and len(e.args) == 2:
        one, two = e.args
        above = ">" if e.op == "max" else "<"
        first = Expr("rel", (one, two), above, SCALAR)
        second = Expr("rel", (two, one), above, SCALAR)
        always = Expr("true", (), None, SCALAR)
        return Expr("cases", (differentiate(one, key), first, differentiate(two, key), second, number(0), always), None, SCALAR)
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
        return _mul(number(-1), fn("sin"))
    if e.data == "sqrt":
        return _mul(number(Fraction(1, 2)), Expr("recip", (fn("sqrt"),), None, SCALAR))
    raise Misshapen(f"a derivative of {e.data}", 0)


def differential(e: Expr, varies: Mapping[str, Expr]) -> Expr:
    """de, linear in the differentials of the symbols that vary (key -> differential, of the symbol's shape); all others are constant.

    By the rules of Magnus and Neudecker (Matrix Differential Calculus, chapter 8). Raises Misshapen for what it does not differentiate.
    """
    if not symbols_in(e) & varies.keys():
        return zero(e.shape)
    parts = e.args
    if e.op == "sym":
        return varies[e.data]
    if e.op == "add":
        return total([differential(a, varies) for a in parts], e.shape)
    if e.op in ("mul", "scale", "matmul", "had"):
        one, two = parts
        first = Expr(e.op, (differential(one, varies), two), e.data, e.shape)
        second = Expr(e.op, (one, differential(two, varies)), e.data, e.shape)
        return total([x for x, a in ((first, one), (second, two)) if symbols_in(a) & varies.keys()], e.shape)
    if e.op in ("transpose", "trace", "diag", "diagonal", "esum", "block", "sum"):
        return Expr(e.op, tuple(differential(a, varies) for a in parts), e.data, e.shape)
    if e.op == "elem":
        return Expr(e.op, (differential(parts[0], varies), *parts[1:]), e.data, e.shape)
    if e.op == "inverse":
        inner = Expr("matmul", (e, differential(parts[0], varies)), None, e.shape)
        return scaled(-1, Expr("matmul", (inner, e), None, e.shape))
    if e.op == "recip":
        return scaled(-1, Expr("mul", (Expr("pow", (e,), Fraction(2), SCALAR), differential(parts[0], varies)), None, SCALAR))
    if e.op == "pow":
        lower = parts[0] if e.data == 2 else Expr("pow", parts, e.data - 1, SCALAR)
        return scaled(e.data, Expr("mul", (lower, differential(parts[0], varies)), None, SCALAR))
    if e.op == "norm" and e.data in ("2", "F"):
        entries = Expr("had", (parts[0], differential(parts[0], varies)), None, parts[0].shape)
        return Expr("mul", (Expr("recip", (e,), None, SCALAR), Expr("esum", (entries,), None, SCALAR)), None, SCALAR)
    if e.op == "fn" and e.shape == SCALAR and e.data in ("exp", "log", "sqrt", "relu", "abs", "sin", "cos"):
        slope = differentiate(Expr("fn", (Expr("sym", (), "", SCALAR),), e.data, SCALAR), "")
        return Expr("mul", (substituted(slope, {"": parts[0]}), differential(parts[0], varies)), None, SCALAR)
    if e.op == "cases":
        return Expr("cases", tuple(differential(a, varies) if k % 2 == 0 else a for k, a in enumerate(parts)), None, e.shape)
    if e.op == "max" and len(parts) == 2 and e.shape == SCALAR:
        one, two = parts
        above = Expr("rel", (one, two), ">", SCALAR)
        below = Expr("rel", (one, two), "<", SCALAR)
        always = Expr("true", (), None, SCALAR)
        rows = (differential(one, varies), above, differential(two, varies), below, zero(SCALAR), always)
        return Expr("cases", rows, None, SCALAR)
    raise Misshapen("a derivative of this", 0)
