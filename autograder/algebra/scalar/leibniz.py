"""Derivatives, differentials and names after a step, as they stand in a formula about scalars -> names of their own with a meaning.

`\\frac{\\partial \\ell}{\\partial w}`, `dl/dw`, `\\frac{d}{d\\phi} \\frac12 (\\phi - y)^2`, `\\phi'(x)`, and `w'` or `w_{t+1}`
against `w_t`. Where a notation has several readings, each is tried (`reading`): a step is false only if it is false in all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from autograder.algebra.calculus import differential
from autograder.algebra.derivations import closing, declared, node_of
from autograder.algebra.notation import Node, Typer, is_numpy
from autograder.algebra.scalar.situation import CompiledSituation, Situation, expanded, slope
from autograder.algebra.symbols import SCALAR, key_of
from autograder.algebra.tree import Expr, Misshapen, degree, symbols_in
from autograder.errors import Unreadable
from autograder.mathtext import GREEK, read_name

READINGS: Final = 3
"""How many ways there are to read a derivative that acts on what follows, or a prime."""
MAX_PARTS: Final = 16
"""Derivatives and differentials of one side."""
MAX_NAMES: Final = 300
"""Of one text."""
# fmt: off
_UNICODE: Final = {
    "ℓ": "\\ell ", "φ": "\\phi ", "ϕ": "\\phi ", "Φ": "\\Phi ", "λ": "\\lambda ", "η": "\\eta ", "α": "\\alpha ", "∂": "\\partial ",
    "′": "'", "’": "'", "ŷ": "\\hat{y}", "ε": "\\epsilon ", "δ": "\\delta ", "∇": "\\nabla ", "𝟙": "\\mathbb{1}", "σ": "\\sigma ",
    "Δ": "\\Delta ", "⁺": "^+", "ₜ₊₁": "_{t+1}", "ₜ₋₁": "_{t-1}", "ₜ": "_{t}", "ₖ₊₁": "_{k+1}", "ₖ": "_{k}",
}
# fmt: on
_SPACES: Final = re.compile(
    r"(?<!\\)\\(?:[,;:!> ]|(?:displaystyle|textstyle|rm|it|sf|left|right|[bB]igg?[lrm]?|limits|thinspace)(?![A-Za-z]))|~"
)
_UPRIGHT: Final = re.compile(r"\\(?:text|textrm|mathrm|mathsf|operatorname|mathit|rm|textit|mbox)\s*\{\s*([A-Za-z]+)\s*\}")
_FRACTION: Final = re.compile(r"\\[dtc]?frac\s*\{")
_D: Final = r"(?:\\partial(?![A-Za-z])|(?<![A-Za-z\\_^])d)"
_ABOVE: Final = re.compile(rf"^\s*{_D}\s*(?P<of>.*)$", re.DOTALL)
_CALLED: Final = r"(?:\s*\(\s*\w\s*\))?"
_OF: Final = rf"\\?[A-Za-z]+(?:\s*_\{{?\w+\}}?)?{_CALLED}|\((?:[^()]|\([^()]*\))*\)"
_SLASHED: Final = re.compile(rf"{_D}\s*(?P<of>{_OF})?\s*/\s*{_D}\s*(?P<in>\\?[A-Za-z]+(?:_\{{new\}})?{_CALLED})")
_BELOW: Final = re.compile(
    rf"\\(?:nabla|partial)\s*_\s*(?:\{{\s*(?P<v1>[^{{}}]+)\s*\}}|(?P<v2>\\?[A-Za-z]))\s*(?P<of>\\?[A-Za-z]+{_CALLED})?(?![A-Za-z])"
)
_DIFFERENTIAL: Final = re.compile(
    r"(?<![A-Za-z\\_^])d\s*(?:(?P<open>[(\[])|(?P<name>\\[A-Za-z]+(?:\s*\{\s*[A-Za-z]\s*\})?|[A-Za-z]+)(?![A-Za-z]))"
)
_INDEX: Final = r"(?:t|k|n|i|s|j|\\tau)"
_NEXT: Final = rf"{_INDEX}\s*\+\s*1"
_LAST: Final = rf"{_INDEX}\s*-\s*1"
_LATER: Final = r"\(?(?:new|next|after|updated|upd|post|final)\)?"
_EARLIER: Final = r"\(?(?:old|before|prev|previous|cur|current|orig|init|initial)\)?"
_ARGUMENT: Final = r"(?:\\[A-Za-z]+(?:\{\w\})?|[A-Za-z])(?:_\w)?(?:\s*\(\s*\w\s*\))?"
_PRIME: Final = r"(?:'|\^\s*\{?\s*(?:\\prime|')\s*\}?)"
_LEFTOVER: Final = re.compile(
    r"'|\\prime|\^\s*\{?\s*(?:\*|\\ast|\\star|\+|-)\s*\}?(?![\dA-Za-z(])|\^\s*\{\s*\("
    r"|\\(?:d?dot|sigma|l?dots|cdots|sum|int|lim|Delta)(?![A-Za-z])"
)
"""What is left of primes, stars and the like has no certain meaning among scalars."""


class ScalarReader:
    """Sides of steps read, with the names that a text has introduced so far."""

    def __init__(self, situation: Situation, compiled: CompiledSituation, body: str) -> None:
        self.situation = situation
        self.compiled = compiled
        self.table = compiled.table
        self.meanings: dict[str, Expr] = dict(compiled.meanings)
        self.body = normal(body)
        self.strong: set[str] = {*compiled.moved.values(), *compiled.differentials.values(), key_of(situation.descent.loss)}
        """Keys of names that only a claim mentions: derivatives, differentials, what the step has moved."""
        self.made: set[str] = set()
        """Keys of the names that this reader has made, for derivatives and differentials."""
        self.own: dict[str, Expr] = {}
        """Keys of names that the text itself has defined."""
        self.reading = 0
        self.several = False
        """Has something been read in one of several ways?"""
        self.rates = self._rates()
        self.shifted = re.search(rf"_\s*\{{\s*{_LAST}\s*\}}|\{{\s*\(\s*{_LAST}\s*\)\s*\}}", self.body) is not None and not re.search(
            rf"_\s*\{{\s*{_NEXT}\s*\}}|\{{\s*\(\s*{_NEXT}\s*\)\s*\}}", self.body
        )
        """Steps go from t - 1 to t."""
        names = "|".join(map(re.escape, situation.descent.names))
        counts = set(re.findall(rf"(?<![A-Za-z\\])(?:{names})\s*[_^]\s*\{{?\s*\(?\s*(\d)", self.body))
        self.counted = "0" in counts or counts == {"1"}
        """Steps go from 0 to 1, or from no index to 1."""

    def _rates(self) -> tuple[str, ...]:
        """Letters that stand for the rate, where the text does not use the letter of the problem."""
        rate = self.situation.descent.rate
        if any(re.search(rf"(?<![A-Za-z\\]){re.escape(s)}(?![A-Za-z])", self.body) for s in spellings(self.situation, rate, soft=False)):
            return ()
        return self.situation.soft.get(rate, ())

    # --- text

    def put(self, text: str) -> str:
        """A side with a name for everything that is no plain formula. Raises Unreadable, Misshapen, OutOfBudget."""
        if "\\Xi" in text or "Ξ" in text:
            raise Unreadable(text, 0, "the names of this module are no names of a text")
        text = self.renamed(normal(text))
        text = self.without_derivatives(text)
        text = self.without_differentials(text)
        text = self.without_slopes(text)
        left = _LEFTOVER.search(text) or self.indexed(text)
        if left:
            raise Unreadable(text, left.start(), f"what {left[0].strip()!r} means here is not certain")
        return text

    def indexed(self, text: str) -> re.Match[str] | None:
        """An index on one of the problem's names that is none of its spellings."""
        names = "|".join(map(re.escape, self.situation.free))
        for m in re.finditer(rf"(?<![A-Za-z\\])(?:{names})\s*_\s*(?:\{{[^{{}}]*\}}|\w)", text):
            if self.table.exact(read_name(m[0])) is None:
                return m
        return None

    def renamed(self, text: str) -> str:
        """Names before and after the step, and names of places, as they are declared. Raises Unreadable."""
        letters = "".join(n for n in self.situation.free if len(n) == 1)
        text = re.sub(rf"(?<![A-Za-z\\])[{letters}]{{2,}}(?![A-Za-z])", lambda m: " ".join(m[0]), text)
        for name in self.situation.layers:
            for letter in spellings(self.situation, name):
                many = "+" if name in self.situation.functions else "*"
                text = re.sub(rf"((?<![A-Za-z\\]){re.escape(letter)})\s*\(\s*{_ARGUMENT}(?:\s*[,;]\s*{_ARGUMENT}){many}\s*\)", r"\1 ", text)
        names = [*self.situation.descent.names, *self.situation.places]
        for name in names:
            for letter in sorted(set(spellings(self.situation, name)), key=len, reverse=True):
                if key_of(letter) in self.own:
                    continue
                text = _versions(text, letter, name, self.shifted, self.counted)
            if re.search(rf"(?<![A-Za-z\\]){re.escape(name)}(?:_\{{new\}})?\s*['(]", text) and name in self.situation.places:
                raise Unreadable(text, 0, f"{name} as a function")
        for letter in self.rates:
            text = re.sub(rf"(?<![A-Za-z\\]){re.escape(letter)}(?![A-Za-z])", lambda _: f" {self.situation.descent.rate} ", text)
        return text

    def without_derivatives(self, text: str) -> str:
        """Every derivative as a name."""
        for _ in range(MAX_PARTS):
            found = self._fraction(text) or self._slashed(text)
            if found is None:
                return text
            text = found
        raise Unreadable(text, 0, "more derivatives than are read")

    def _fraction(self, text: str) -> str | None:
        """The last `\\frac{d A}{d v}` replaced; None if there is none."""
        for m in reversed(list(_FRACTION.finditer(text))):
            stop = closing(text, m.end() - 1, "{}")
            below = re.match(r"\s*\{", text[stop + 1 :]) if stop is not None else None
            if stop is None or below is None:
                continue
            last = closing(text, stop + below.end(), "{}")
            if last is None:
                continue
            above, under = _ABOVE.match(text[m.end() : stop]), _ABOVE.match(text[stop + 1 + below.end() : last])
            if above is None or under is None or not under["of"].strip():
                continue
            if above["of"].strip():
                return f"{text[: m.start()]} {self.derivative(above['of'], under['of'])} {text[last + 1 :]}"
            return self._acting(text, m.start(), last + 1, under["of"])
        return None

    def _slashed(self, text: str) -> str | None:
        m = _SLASHED.search(text)
        if m is not None:
            if m["of"]:
                return f"{text[: m.start()]} {self.derivative(m['of'], m['in'])} {text[m.end() :]}"
            return self._acting(text, m.start(), m.end(), m["in"])
        m = _BELOW.search(text)
        if m is not None and not m["of"]:
            return self._acting(text, m.start(), m.end(), m["v1"] or m["v2"])
        if m is not None:
            return f"{text[: m.start()]} {self.derivative(m['of'], m['v1'] or m['v2'])} {text[m.end() :]}"
        return None

    def _acting(self, text: str, start: int, end: int, variable: str) -> str:
        """An operator d/dv and what it acts on: a term, all that follows, or one factor."""
        rest = text[end:]
        lead = len(rest) - len(rest.lstrip())
        opened = rest[lead : lead + 1]
        unit = closing(rest, lead, {"(": "()", "[": "[]", "{": "{}"}.get(opened, "()")) if opened in ("(", "[", "{") else None
        one = len(rest) if unit is None else unit + 1
        one += len(re.match(r"(?:\s*\^\s*(?:\{[^{}]*\}|\w|\\[A-Za-z]+))*", rest[one:])[0]) if unit is not None else 0  # type: ignore[index]
        spans = list(dict.fromkeys((_term(rest), len(rest), one)))
        self.several = self.several or len(spans) > 1
        span = spans[min(self.reading, len(spans) - 1)]
        return f"{text[:start]} {self.derivative(rest[:span], variable)} {rest[span:]}"

    def derivative(self, of: str, variable: str) -> str:
        """A name for dA/dv."""
        v = self.plain(variable)
        if v.op != "sym":
            raise Unreadable(variable, 0, "a derivative in something that is no name")
        return self.named(slope(self.plain(of), v.data, self.compiled, self.meanings))

    def without_differentials(self, text: str) -> str:
        """`d(...)`, `d\\phi(x)`, `dl` as names."""
        at = 0
        for _ in range(MAX_PARTS):
            m = _DIFFERENTIAL.search(text, at)
            if m is None:
                return text
            stop = closing(text, m.end() - 1, "()" if m["open"] == "(" else "[]") if m["open"] else m.end() - 1
            if stop is None:
                return text
            argument = re.match(r"\s*\(\s*\w\s*\)", text[stop + 1 :]) if m["name"] else None
            try:
                e = self.plain(text[m.end() : stop] if m["open"] else m["name"])
            except (Unreadable, Misshapen):
                at = m.end()
                continue
            lone = self.compiled.differentials.get(e.data) if e.op == "sym" and e.data in self.compiled.free else None
            name = self.table.by_key(lone).name if lone else self.named(self.differential(e))
            text = f"{text[: m.start()]} {name} {text[stop + 1 + (argument.end() if argument else 0) :]}"
            at = m.start() + len(name)
        return text

    def differential(self, e: Expr) -> Expr:
        """de, when all of the free symbols vary."""
        compiled = self.compiled
        directions = {k: Expr("sym", (), d, SCALAR) for k, d in compiled.differentials.items() if k in compiled.free}
        return differential(expanded(e, self.meanings), directions)

    def without_slopes(self, text: str) -> str:
        """`\\phi'(x)` for a layer: its slope in what it is made of, or in its argument."""
        for name in self.situation.layers:
            argument = self.situation.functions.get(name, "").split("|")[0]
            for letter in spellings(self.situation, name, soft=False):
                typed = re.compile(rf"(?<![A-Za-z\\]){re.escape(letter)}\s*{_PRIME}(?:\s*\(([^()]*)\))?")
                while argument and (m := typed.search(text)):
                    inner = expanded(self.meanings[key_of(name)], self.meanings, frozenset(self.compiled.layers))
                    below = [k for k in self.compiled.layers if k in symbols_in(inner)]
                    ways = [below[0] if below else key_of(argument), key_of(argument)]
                    self.several = True
                    e = slope(Expr("sym", (), key_of(name), SCALAR), ways[min(self.reading, 1)], self.compiled, self.meanings)
                    text = f"{text[: m.start()]} {self.named(e)} {text[m.end() :]}"
        return text

    def named(self, meaning: Expr) -> str:
        """A name for an expression, the same for the same one."""
        for k in range(MAX_NAMES):
            name = f"\\Xi_{{{k}}}"
            key = key_of(name)
            if self.meanings.get(key, meaning) != meaning:
                continue
            if key not in self.meanings:
                self.table, _ = declared(self.table, read_name(name), name, SCALAR)
                self.meanings[key] = meaning
                self.strong.add(key)
                self.made.add(key)
            return name
        raise Unreadable("", 0, "more names than are kept")

    # --- expressions

    def plain(self, text: str) -> Expr:
        """A formula in names of the table. Raises Unreadable, Misshapen, OutOfBudget."""
        return self.typed(node_of(text, self.table), text)

    def typed(self, node: Node, text: str) -> Expr:
        """A tree in declared names, those of the text's own put in."""
        e = Typer(self.table, numpy=is_numpy(text)).whole(node, SCALAR)
        degree(e)
        return _put_in(e, self.own)

    def define(self, text: str, e: Expr) -> None:
        """A name of the text's own from here on."""
        name = read_name(text)
        table, key = declared(self.table, name, text, SCALAR)
        self.table = replace(table, functions={k: v for k, v in table.functions.items() if k != key})
        self.own[key] = e
        self.strong.discard(key)


def spellings(situation: Situation, name: str, *, soft: bool = True) -> tuple[str, ...]:
    """How a name is typed, with the soft spellings or without."""
    own = (f"\\{name}", name) if name in GREEK else (name,)
    return (*own, *situation.aliases.get(name, ()), *(situation.soft.get(name, ()) if soft else ()))


def _put_in(e: Expr, own: Mapping[str, Expr]) -> Expr:
    return expanded(e, {k: v for k, v in own.items() if k in symbols_in(e)}) if symbols_in(e) & own.keys() else e


def worded(body: str, situation: Situation) -> str:
    """The text with names of places that are words (`\\text{new elbow}`) as names."""
    for name in situation.places:
        word = rf"{re.escape(name)}(?:\s+(?:position|location|point))?"
        upright = rf"\\(?:text|textrm|mathrm|operatorname|mbox)\s*\{{\s*(?:(new|updated)|old)?\s*{word}\s*\}}"
        for typed in (upright, rf"\b(new|updated)\s+{word}(?=\s*(?:=|'|$))"):
            for m in reversed(list(re.finditer(typed, body, re.IGNORECASE))):
                body = body[: m.start()] + (f"{name}_{{new}}" if m[1] else name) + body[m.end() :]
    return body


def normal(text: str) -> str:
    """Signs and words in one spelling, spaces and sizes of brackets dropped."""
    for sign, spelled in _UNICODE.items():
        text = text.replace(sign, spelled)
    text = _UPRIGHT.sub(lambda m: f" {m[1]} " if len(m[1]) > 1 else f" {m[1]}", text)
    return _SPACES.sub(" ", text)


def _versions(text: str, letter: str, name: str, shifted: bool, counted: bool) -> str:
    """A letter with the marks of before and after the step, as the declared names."""
    alone = rf"(?<![A-Za-z\\])(?:{re.escape(letter)})(?![A-Za-z])"
    dressed = rf"(?:\\(?:tilde|hat|widetilde|widehat)\s*\{{?\s*{alone}\s*\}}?)"
    later = [_NEXT, _LATER, "\\+", *([_INDEX] if shifted else []), *(["1"] if counted else [])]
    earlier = [_EARLIER, *([_LAST] if shifted else [_INDEX]), *(["0"] if counted else [])]
    bounded = r"(?![A-Za-z0-9])"

    def script(options: list[str]) -> str:
        inner = "|".join(options)
        return rf"\s*[_^]\s*(?:\{{\s*\(?\s*(?:{inner})\s*\)?\s*\}}|(?:{inner}){bounded})"

    new = f" {name}_{{new}} "
    text = re.sub(rf"{alone}(?:{script(later)}|\s*{_PRIME}(?!\s*\())|{dressed}", lambda _: new, text)
    if letter != name or earlier:
        text = re.sub(rf"{alone}{script(earlier)}", lambda _: f" {name} ", text)
    if letter != name:
        text = re.sub(rf"{alone}(?!\s*[_^'])", lambda _: f" {name} ", text)
    return text


def _term(text: str) -> int:
    """Where the first term of a sum ends."""
    depth = 0
    for k, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if depth < 0 or (depth == 0 and c in "+-" and text[:k].strip()):
            return k
    return len(text)


__all__ = ["READINGS", "ScalarReader", "normal", "worded"]
