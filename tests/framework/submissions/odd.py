"""Odd replies and odd texts: everything that the wire can carry, everything that can be typed, for judges that must never raise.

Both generators draw from a `random.Random`, so that a find is told by its seed. `OddStudent` answers calls as the reference does and,
now and then, with something else: of another type, shape, size or depth, ragged, empty, not finite, huge, a failure of any kind, or
different at every call.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, get_args

import numpy as np

from autograder.grading.desk import Student
from autograder.worker import Failure, Reply, wire
from autograder.worker.reply import FailureKind

KINDS = get_args(FailureKind)
INTEGERS = (0, 1, -1, 2, 3, 255, 2**31, 2**63, -(2**64), 10**400, -(10**1200))
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-320, 5e-324, 1e308, -1e308, float("nan"), float("inf"), float("-inf"))
TEXTS = ("", " ", "1", "nan", "yes", "0.5", "[1, 2]", "\x00", "é" * 9, "x" * 300, "<b>&amp;</b>", "10" * 400)
PLACES = ("", "a.py, line 3")
SIZES = (0, 0, 1, 1, 2, 3, 4, 5, 7, 20, 1000)


def number(rng: Random) -> Any:
    """One odd number."""
    kind = rng.randrange(4)
    if kind == 0:
        return rng.choice(INTEGERS)
    if kind == 1:
        return rng.choice(FLOATS)
    if kind == 2:
        return complex(rng.choice(FLOATS), rng.choice(FLOATS))
    return rng.gauss(0, 10.0 ** rng.randint(-6, 6))


def array(rng: Random, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """An array of any dtype that travels, of the shape or of any."""
    if shape is None:
        shape = tuple(rng.choice(SIZES) for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 5))))
        if int(np.prod(shape, dtype=object)) > 5000:
            shape = shape[:1]
    dtype = rng.choice(list(wire.DTYPES.values()))
    generator = np.random.default_rng(rng.randrange(2**32))
    if dtype.kind == "b":
        return generator.integers(0, 2, shape).astype(dtype)
    if dtype.kind in "iu":
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        return generator.integers(low, high, shape, dtype=dtype, endpoint=True) if rng.random() < 0.5 else np.ones(shape, dtype)
    with np.errstate(all="ignore"):
        made = (generator.standard_normal(shape) * 10.0 ** rng.randint(-3, 300)).astype(dtype)
    if made.size and rng.random() < 0.5:
        made.reshape(-1)[rng.randrange(made.size)] = rng.choice((np.nan, np.inf, -np.inf, 0))
    return made


def value(rng: Random, depth: int = 0) -> Any:
    """Anything that the wire carries."""
    kind = rng.randrange(9 if depth < 6 else 4)
    if kind == 0:
        return rng.choice((None, True, False))
    if kind == 1:
        return rng.choice(TEXTS)
    if kind in (2, 3):
        return number(rng)
    if kind in (4, 5):
        return array(rng)
    if kind == 6:
        return {rng.choice(("polynomial", "a", "")): value(rng, depth + 1) for _ in range(rng.randrange(3))}
    made = [value(rng, depth + 1) for _ in range(rng.choice((0, 1, 2, 3, 4, 9)))]
    return tuple(made) if kind == 7 else made


def bent(rng: Random, right: Any) -> Any:
    """A right value with something odd about it: a part replaced, another shape or type, more or fewer, nested."""
    if isinstance(right, list | tuple) and right and rng.random() < 0.7:
        items = list(right)
        place = rng.randrange(len(items))
        items[place] = bent(rng, items[place])
        return type(right)(items)
    if isinstance(right, np.ndarray) and rng.random() < 0.7:
        way = rng.randrange(8)
        if way == 0:
            return right[..., None]
        if way == 1:
            return right.reshape(-1)
        if way == 2:
            return right[:-1] if right.ndim else right
        if way == 3:
            return right[:0] if right.ndim else right.reshape(1)
        if way == 4:
            return [np.asarray(row) for row in right] if right.ndim else right.tolist()
        if way == 5:
            return tuple(right.tolist()) if right.ndim else complex(right)
        if way == 6:
            return array(rng, right.shape)
        changed = np.array(right, copy=True)
        if changed.size:
            changed.reshape(-1)[rng.randrange(changed.size)] = 0 if changed.dtype.kind not in "fc" else rng.choice((np.nan, np.inf, 0.0))
        return changed
    way = rng.randrange(5)
    if way == 0:
        return [right]
    if way == 1:
        return (right, right)
    if way == 2:
        return {"value": right}
    return value(rng)


@dataclass
class OddStudent(Student):
    """Answers as `right` does, but for a share of odd replies. all_odd: never with the right value."""

    right: Student | None = None
    rng: Random = field(default_factory=Random)
    odd: float = 0.3
    known: dict[str, Reply] = field(default_factory=dict)
    """Right replies, by the call: the reference is asked once for each."""

    def __call__(self, function: str, *args: object, keep: str | None = None, seconds: float | None = None) -> Reply:
        return self._told(f"{function} {keep} {args!r}", lambda: self.right(function, *args, keep=keep, seconds=seconds))

    def attributes(self, kept: str, names: list[str]) -> Reply:
        return self._told(f"{kept} {names}", lambda: self.right.attributes(kept, names))

    def failure(self) -> Failure:
        """Any failure, with any message."""
        return Failure(self.rng.choice(KINDS), self.rng.choice(TEXTS), self.rng.choice(PLACES))

    def _told(self, call: str, ask: Any) -> Reply:
        if call not in self.known:
            self.known[call] = ask()
        reply = self.known[call]
        if self.rng.random() >= self.odd:
            return reply
        way = self.rng.random()
        if way < 0.15:
            return replace(reply, value=None, failure=self.failure())
        if way < 0.5 and self.odd < 1:
            return replace(reply, value=bent(self.rng, reply.value), failure=None)
        return replace(reply, value=value(self.rng), failure=None)


PIECES = (
    *(r"\sqrt ", r"\frac 1", r"\nabla", r"\frac{d}{dx}", r"\frac{", "}", "{", "(", ")", "[", "]", "$", "$$", r"\[", r"\]", r"\(", r"\)"),
    *("_", "^", "'", "x", "A", "c", "w", "b", "λ", r"\lambda", r"\hat", r"\sum_", r"\begin{cases}", r"\end{cases}", r"\begin{bmatrix}"),
    *("&", r"\\", "=", "<", ">", r"\le", r"\neq", "if ", "otherwise ", "not ", " and ", " or ", "\n", "\n\n", "Answer: ", r"\boxed{", "1"),
    *("0", "10" * 30, "1e999", "-", "+", "*", "@", "/", "T", "^T", r"^\top", "ᵀ", "²", "‖", "|", r"\|", "∂", "Σ", "…", r"\dots", ",", ";"),
    *(
        ":",
        ".",
        "%",
        "#",
        "~~",
        "<del>",
        "`",
        "```",
        "\\",
        "\x00",
        "\u200b",
        "\u202e",
        "é",
        "𝐱",
        "👍",
        "200 Ω",
        "5 kHz",
        "±",
        "slope ",
        "elbow ",
    ),
    *("increases ", "left ", "|a|b|", "\t", "\u00a0", "- ", "1. ", "(a) "),
)

PAIRS = (("(", ")"), ("{", "}"), (r"\frac{1}{", "}"), (r"\sqrt{", "}"), ("x_{", "}"), ("x^{", "}"), (r"\left(", r"\right)"))


def text(rng: Random) -> str:
    """An odd text, as it is or as a formula."""
    before, after = rng.choice((("", ""), ("$", "$"), ("$$x = ", "$$"), ("= ", ""), (r"\(", r"\)")))
    return f"{before}{_text(rng)}{after}"


def _text(rng: Random) -> str:
    """An odd text: pieces of notation in no order, repeated far too often, nested far too deep, or cut off anywhere."""
    way = rng.randrange(5)
    if way == 0:
        return rng.choice(PIECES) * rng.choice((1, 5, 50, 300, 400, 1500))
    if way == 1:
        opening, closing = rng.choice(
            (("(", ")"), ("{", "}"), (r"\frac{1}{", "}"), (r"\sqrt{", "}"), ("x_{", "}"), ("x^{", "}"), (r"\left(", r"\right)"))
        )
        deep = rng.choice((3, 20, 60, 300))
        return opening * deep + rng.choice(PIECES) + closing * (deep - rng.choice((0, 0, 1)))
    if way == 2:
        return "".join(rng.choice(PIECES) for _ in range(rng.choice((1, 2, 3, 5, 8, 13, 40, 200))))
    if way == 3:
        unit = "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 4)))
        return unit * rng.choice((2, 10, 100, 700))
    return " ".join("".join(rng.choice(PIECES) for _ in range(rng.randint(1, 4))) for _ in range(rng.choice((2, 6, 20))))


def texts(rng: Random, count: int) -> Iterator[str]:
    """Several of them."""
    return (text(rng) for _ in range(count))
