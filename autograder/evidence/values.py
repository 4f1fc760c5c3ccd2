"""Values of evidence as text: a few digits for people, exact Python for scripts."""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, TypeAlias

Json: TypeAlias = Any
"""None, bool, int, finite float, str, or lists and string-keyed dicts of these."""

SHOWN_WIDTH = 100
"""Characters of an array on one line; a longer one gets a line for each row."""

IN_A_ROW = 6
"""Numbers of a long list on one line."""

COMMENT_WIDTH = 100
"""Characters of a comment in a script."""

AGREE = 1e-12
"""Two values of one formula agree within this of the larger: witnesses are exact, values in evidence have 16 digits."""

NOT_FINITE = ("inf", "-inf", "nan")
"""Numbers that JSON does not have, as the texts that evidence has for them."""


def named(name: str, value: Json, *, sign: str = " =") -> Iterator[str]:
    """`    x = [[1], [2]]`, with a line for each row where it is long."""
    text = shown(value)
    if len(text) <= SHOWN_WIDTH or not isinstance(value, list):
        yield f"    {name}{sign} {text}"
        return
    yield f"    {name}{sign}"
    if any(isinstance(item, list) for item in value):
        yield from (f"        {shown(row)}" for row in value)
    else:
        rows = (value[k : k + IN_A_ROW] for k in range(0, len(value), IN_A_ROW))
        yield from (f"        {', '.join(map(shown, row))}" for row in rows)


def shown(value: Json) -> str:
    """A value in a few digits."""
    if isinstance(value, list):
        return f"[{', '.join(shown(item) for item in value)}]"
    return number(value) if isinstance(value, float) else str(value)


def number(value: Json) -> str:
    """A number in seven digits; texts such as `-5/3` and `inf` as they are."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "nothing" if value is None else str(value)
    return f"{value:.7g}" if math.isfinite(value) else str(value)


def as_numbers(value: Json) -> Any:
    """Evidence with the texts `inf`, `-inf` and `nan` as numbers again."""
    if isinstance(value, list):
        return [as_numbers(item) for item in value]
    return float(value) if value in NOT_FINITE else value


def as_json(value: Json) -> Json:
    """A number of evidence as JSON has it: infinities and NaN as the texts `inf`, `-inf` and `nan`."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def same(one: Json, two: Json) -> bool:
    """Whether two values of evidence are the same number or array, up to the digits of a float."""
    if isinstance(one, list) or isinstance(two, list):
        return isinstance(one, list) and isinstance(two, list) and len(one) == len(two) and all(map(same, one, two))
    try:
        a, b = (float(Fraction(v)) if isinstance(v, str | int) and v not in NOT_FINITE else float(v) for v in (one, two))
    except (ValueError, TypeError):
        return bool(one == two)
    return a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= AGREE * max(abs(a), abs(b))


# Python -----------------------------------------------------------------------------------------------------------------


def variable(name: str) -> str:
    """A declared name as an identifier: `W^{(1)}_i` is `W_1_i`, `\\hat{f}` is `hat_f`."""
    text = re.sub(r"[\W_]+", "_", name.replace("-", "_minus_").replace("+", "_plus_")).strip("_") or "symbol"
    text = f"v{text}" if text[0].isdigit() else text
    return f"{text}_" if keyword.iskeyword(text) or text in ("np", "sys") else text


def numpy_value(value: Json) -> str:
    """A value of evidence as Python: `np.array([[1.0], [2 / 3]])`, `5 / 3`, `float('nan')`."""
    if isinstance(value, list):
        return f"np.array({_nested(value)})"
    return _scalar(value)


def _nested(value: Json) -> str:
    return f"[{', '.join(_nested(item) for item in value)}]" if isinstance(value, list) else _scalar(value)


def _scalar(value: Json) -> str:
    if value in NOT_FINITE:
        return f"float({value!r})"
    if isinstance(value, str) and re.fullmatch(r"-?\d+(/\d+)?", value):
        return value.replace("/", " / ")
    return repr(value)


def comment(value: object) -> str:
    """A text as the rest of a line of Python."""
    return " ".join(str(value).split())[:COMMENT_WIDTH]


def comparison(name: str, accepted: str) -> list[str]:
    """Lines that compare the variable `name` with `expected`. accepted: how large the error may be, as Python."""
    return [
        f"error = np.max(np.where(np.equal({name}, expected), 0, np.abs(np.subtract({name}, expected, dtype=float))))",
        f"differs = not error <= {accepted}",
    ]
