"""A stated formula of numbers -> a function of numpy arrays, entry by entry. Read by our reader, never evaluated as code."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from autograder.algebra.notation import Typer, read_answer, symbols
from autograder.algebra.symbols import key_of
from autograder.algebra.tree import Expr, Misshapen, degree
from autograder.errors import OutOfBudget, Unreadable
from autograder.mathtext import ENTRYWISE, MAX_CHARACTERS

_LAMBDA: Final = re.compile(r"(?:\\lambda|λ|\blambda)\s*\(?\s*([A-Za-z]\w*(?:\s*,\s*[A-Za-z]\w*)*)\s*\)?\s*(?::|\.|->|\\to)(?!\d)")
_HEAD: Final = re.compile(
    r"(?<![A-Za-z\\])\\?(?:text|mathrm|operatorname)?\{?[A-Za-z][\w\\]*\}?\s*\(\s*([A-Za-z]\w*(?:\s*,\s*[A-Za-z]\w*)*)\s*\)\s*(?::=|=(?!=))"
)
SAME_NAME: Final = frozenset(
    {"exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "sinh", "cosh", "abs", "sign", "log1p", "expm1", "log2", "log10"}
)
"""Functions that numpy calls as we do."""
ACCEPTED: Final = "a formula such as (x - y)^2 or lambda x, y: (x - y)**2"


def numeric_function(text: str, arguments: tuple[str, ...] = ("x", "y")) -> Callable[..., Any]:
    """The function that `text` states, of as many numpy arrays (or numbers) as there are arguments; all are broadcast.

    text: a formula in the arguments' names, `f(x, y) = ...`, or the text of a lambda, whose own parameter names then count, in
    their order. Raises Unreadable (with the place) where there is no such formula.
    """
    if len(text) > MAX_CHARACTERS:
        raise Unreadable(text, 0, f"a text of {len(text)} characters", ACCEPTED)
    blanked, parameters = _parameters(text, arguments)
    try:
        table = symbols(dict.fromkeys(parameters, "scalar"))
    except ValueError as bad:
        raise Unreadable(text, 0, f"the names of the arguments cannot be used: {bad}", ACCEPTED) from None
    try:
        node = read_answer(blanked, table)
        e = Typer(table, numpy=True).whole(node)
        degree(e)
    except Unreadable as bad:
        raise Unreadable(text, bad.offset, bad.reason, bad.accepted or ACCEPTED) from None
    except Misshapen as bad:
        raise Unreadable(text, bad.at, str(bad), ACCEPTED) from None
    except OutOfBudget as bad:
        raise Unreadable(text, 0, f"the formula is too long: {bad}", ACCEPTED) from None
    keys = list(map(key_of, parameters))
    _check(e, text)

    def function(*values: Any) -> Any:
        """The stated formula, entry by entry."""
        import numpy as np

        if len(values) != len(keys):
            raise TypeError(f"{len(keys)} arguments are due, {len(values)} were given")
        with np.errstate(all="ignore"):
            return _value(e, dict(zip(keys, (np.asarray(v, dtype=float) for v in values), strict=True)), np)

    return function


def _parameters(text: str, arguments: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The text with the head of a lambda blanked, and the names that its body is written in."""
    for pattern in (_LAMBDA, _HEAD):
        found = list(pattern.finditer(text))
        if not found:
            continue
        match = found[-1]
        names = tuple(n.strip() for n in match[1].split(","))
        if len(names) != len(arguments):
            if pattern is _HEAD:
                continue
            raise Unreadable(text, match.start(1), f"a function of {len(names)} arguments where {len(arguments)} are due", ACCEPTED)
        return " " * match.end() + _body(text, match.end()), names
    return text, arguments


def _body(text: str, start: int) -> str:
    """What belongs to the formula that begins at `start`: up to the dollar that closes, else up to the end of the line."""
    inside = text[:start].count("$") % 2 == 1
    found = re.search(r"\$" if inside else r"\n\s*\n|\n(?=\s*[A-Za-z]{3,}\s)", text[start:])
    return text[start : start + found.start()] if found else text[start:]


def _check(e: Expr, text: str) -> None:
    """Raises Unreadable for what has no value entry by entry."""
    allowed = {"num", "sym", "const", "add", "mul", "recip", "pow", "power", "fn", "max", "min", "cases", "rel", "and", "or", "not", "true"}
    if e.op not in allowed or (e.op == "fn" and e.data not in ENTRYWISE):
        raise Unreadable(text, 0, f"{e.op} is no operation on single numbers", ACCEPTED)
    for a in e.args:
        _check(a, text)


def _value(e: Expr, values: dict[str, Any], np: Any) -> Any:
    if e.op == "num":
        return float(e.data)
    if e.op == "sym":
        return values[e.data]
    if e.op == "const":
        return np.pi if e.data == "pi" else np.e
    if e.op == "cases":
        parts = np.broadcast_arrays(*(_value(a, values, np) for a in e.args))
        return np.select([np.asarray(c, dtype=bool) for c in parts[1::2]], list(parts[::2]), default=np.nan)
    args = [_value(a, values, np) for a in e.args]
    if e.op == "add":
        return sum(args[1:], args[0])
    if e.op == "mul":
        return args[0] * args[1]
    if e.op == "recip":
        return 1.0 / np.asarray(args[0], dtype=float)
    if e.op == "pow":
        return np.power(np.asarray(args[0], dtype=float), float(e.data))
    if e.op == "power":
        return np.power(np.asarray(args[0], dtype=float), args[1])
    if e.op in ("max", "min"):
        out = args[0]
        for a in args[1:]:
            out = np.maximum(out, a) if e.op == "max" else np.minimum(out, a)
        return out
    if e.op == "rel":
        compare = {"<": np.less, ">": np.greater, "<=": np.less_equal, ">=": np.greater_equal, "=": np.equal, "!=": np.not_equal}
        return compare[e.data](args[0], args[1])
    if e.op == "true":
        return True
    if e.op in ("and", "or"):
        out = args[0]
        for a in args[1:]:
            out = np.logical_and(out, a) if e.op == "and" else np.logical_or(out, a)
        return out
    if e.op == "not":
        return np.logical_not(args[0])
    return _function(e.data, args[0], np)


def _function(name: str, x: Any, np: Any) -> Any:
    if name in SAME_NAME:
        return getattr(np, name)(x)
    if name == "atan":
        return np.arctan(x)
    if name == "relu":
        return np.maximum(x, 0.0)
    if name in ("relu_prime",):
        return np.where(np.asarray(x) > 0, 1.0, 0.0)
    if name in ("sigmoid", "softplus_prime"):
        return 1.0 / (1.0 + np.exp(-np.asarray(x, dtype=float)))
    if name == "softplus":
        return np.logaddexp(0.0, x)
    if name == "sigmoid_prime":
        s = 1.0 / (1.0 + np.exp(-np.asarray(x, dtype=float)))
        return s * (1.0 - s)
    if name == "tanh_prime":
        return 1.0 - np.tanh(x) ** 2
    if name == "exp_prime":
        return np.exp(x)
    return 1.0 / np.asarray(x, dtype=float)  # reciprocal, log_prime
