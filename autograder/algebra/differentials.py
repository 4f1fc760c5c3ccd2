"""Differentials of typed expressions of any shape: what d(...) of an expression is when some of its symbols vary."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from autograder.algebra.evaluate import symbols_in
from autograder.algebra.expression import Expr, Misshapen
from autograder.algebra.symbols import SCALAR


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
        return _sum([differential(a, varies) for a in parts], e.shape)
    if e.op in ("mul", "scale", "matmul", "had"):
        one, two = parts
        first = Expr(e.op, (differential(one, varies), two), e.data, e.shape)
        second = Expr(e.op, (one, differential(two, varies)), e.data, e.shape)
        return _sum([x for x, a in ((first, one), (second, two)) if symbols_in(a) & varies.keys()], e.shape)
    if e.op in ("transpose", "trace", "diag", "diagonal", "esum", "block", "sum"):
        return Expr(e.op, tuple(differential(a, varies) for a in parts), e.data, e.shape)
    if e.op == "elem":
        return Expr(e.op, (differential(parts[0], varies), *parts[1:]), e.data, e.shape)
    if e.op == "inverse":
        inner = Expr("matmul", (e, differential(parts[0], varies)), None, e.shape)
        return scaled(Fraction(-1), Expr("matmul", (inner, e), None, e.shape))
    if e.op == "recip":
        return scaled(Fraction(-1), Expr("mul", (Expr("pow", (e,), Fraction(2), SCALAR), differential(parts[0], varies)), None, SCALAR))
    if e.op == "pow":
        lower = parts[0] if e.data == 2 else Expr("pow", parts, e.data - 1, SCALAR)
        return scaled(e.data, Expr("mul", (lower, differential(parts[0], varies)), None, SCALAR))
    if e.op == "norm" and e.data in ("2", "F"):
        entries = Expr("had", (parts[0], differential(parts[0], varies)), None, parts[0].shape)
        return Expr("mul", (Expr("recip", (e,), None, SCALAR), Expr("esum", (entries,), None, SCALAR)), None, SCALAR)
    if e.op == "fn" and e.shape == SCALAR and e.data in ("exp", "log", "sqrt", "relu", "abs", "sin", "cos"):
        from autograder.algebra.calculus import differentiate

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


def zero(shape: tuple[Any, Any]) -> Expr:
    """The zero of a shape."""
    return Expr("num", (), Fraction(0), SCALAR) if shape == SCALAR else Expr("zeros", (), None, shape)


def scaled(factor: Fraction, e: Expr) -> Expr:
    """A multiple."""
    number = Expr("num", (), Fraction(factor), SCALAR)
    return Expr("mul" if e.shape == SCALAR else "scale", (number, e), None, e.shape)


def _sum(terms: list[Expr], shape: tuple[Any, Any]) -> Expr:
    kept = [t for t in terms if t.op != "zeros" and not (t.op == "num" and t.data == 0)]
    if not kept:
        return zero(shape)
    return kept[0] if len(kept) == 1 else Expr("add", tuple(kept), None, shape)


def substituted(e: Expr, values: Mapping[str, Expr]) -> Expr:
    """The expression with other expressions, of the same shapes, for some of its symbols."""
    if not values or not symbols_in(e) & values.keys():
        return e
    if e.op == "sym":
        return values[e.data]
    return Expr(e.op, tuple(substituted(a, values) for a in e.args), e.data, e.shape)
