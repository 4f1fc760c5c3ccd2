"""Conditions and examples on a case's parameters, as students state them: `w > bx`, `b is negative`, `w = 1, b = -1/2`.

A tiny exact reader of its own: relations between rational expressions in the case's symbols, evaluated with
fractions. Anything else is no condition.
"""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

Point = Mapping[str, Fraction]
Value = Callable[[Point], Fraction]

MAX_RELATION = 120
"""Characters of one relation."""
MAX_NESTING = 12
MAX_POWER = 6
MAX_DIGITS = 12

RELATIONS: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "≤": operator.le,
    "≥": operator.ge,
    "=": operator.eq,
    "≠": operator.ne,
}
TOKEN = re.compile(r"\s*(?:(?P<number>\d+(?:\.\d+)?|\.\d+)|(?P<word>[^\W\d_]+(?:_\w+)?)|(?P<sign>[-+*/^()|<>≤≥=≠·×]))")
BLANKS = re.compile(r"\s*")
SPOKEN = (
    (re.compile(r"\b(?:is |are |be )?(?:strictly )?(?:greater|larger|bigger|more|higher) than or equal to\b|\bat least\b|>="), " ≥ "),
    (re.compile(r"\b(?:is |are |be )?(?:strictly )?(?:less|smaller|lower) than or equal to\b|\bat most\b|<="), " ≤ "),
    (re.compile(r"\b(?:is |are |be )?(?:strictly )?(?:greater|larger|bigger|higher) than\b|\bexceeds\b|\bis above\b"), " > "),
    (re.compile(r"\b(?:is |are |be )?(?:strictly )?(?:less|smaller|lower) than\b|\bis below\b"), " < "),
    (re.compile(r"\bis equal to\b|\bequals?\b"), " = "),
    (re.compile(r"!=|/="), " ≠ "),
    (re.compile(r"\b(?:is|are) (?:non-?negative|not negative)\b"), " ≥ 0 "),
    (re.compile(r"\b(?:is|are) (?:non-?positive|not positive)\b"), " ≤ 0 "),
    (re.compile(r"\b(?:is|are) (?:strictly )?positive\b"), " > 0 "),
    (re.compile(r"\b(?:is|are) (?:strictly )?negative\b"), " < 0 "),
    (re.compile(r"\b(?:is|are) zero\b"), " = 0 "),
)
ADJECTIVE = re.compile(r"\b(?:for|with|when|if|a|and)\s+(?:a\s+)?(positive|negative|zero)\s+([^\W\d_]{1,8})\b")
SIGNS = {"positive": ">", "negative": "<", "zero": "="}


@dataclass(frozen=True)
class Condition:
    """Relations that hold together; text[start:end]. fixed: variables that are set to a number, as in an example."""

    start: int
    end: int
    text: str
    relations: tuple[Callable[[Point], bool], ...]
    fixed: Mapping[str, Fraction]
    constants: tuple[Fraction, ...]

    def holds(self, point: Point) -> bool:
        """Whether all relations hold at a point; a division by zero holds nowhere."""
        try:
            return all(relation(point) for relation in self.relations)
        except ZeroDivisionError:
            return False


def spoken_relations(text: str) -> str:
    """`w is larger than bx` as `w > bx`, `b is negative` as `b < 0`, `for negative b` as `if b < 0`."""
    text = ADJECTIVE.sub(lambda m: f" if {m[2]} {SIGNS[m[1]]} 0 ", text)
    for pattern, sign in SPOKEN:
        text = pattern.sub(sign, text)
    return text


def conditions(text: str, symbols: Mapping[str, str]) -> list[Condition]:
    """The conditions of a sentence, in order. symbols: how each variable may be written -> its name.

    Relations that only commas or `and` separate are one condition.
    """
    result: list[Condition] = []
    for one in _relations(text, symbols):
        if result and re.fullmatch(r"[\s,&()]*(?:and|also|while)?[\s,&()]*(?:that|if|when)?\s*", text[result[-1].end : one.start]):
            last = result.pop()
            result.append(
                Condition(
                    last.start,
                    one.end,
                    text[last.start : one.end].strip(),
                    last.relations + one.relations,
                    {**last.fixed, **one.fixed},
                    last.constants + one.constants,
                )
            )
        else:
            result.append(one)
    return result


def _relations(text: str, symbols: Mapping[str, str]) -> Iterator[Condition]:
    """Each longest run of numbers, symbols and operators that is a chain of relations."""
    run: list[tuple[str, int, int]] = []
    at = 0
    while at <= len(text):
        found = TOKEN.match(text, at)
        pieces = _pieces(found, symbols) if found else None
        if pieces is None:
            condition = _chain(run, text, symbols)
            if condition is not None:
                yield condition
            run = []
            at = found.end() if found else BLANKS.match(text, at).end() + 1  # type: ignore[union-attr]  # it matches anywhere
            continue
        assert found is not None
        begin = found.end() - len(found[0].lstrip())
        run += [(piece, begin, found.end()) for piece in pieces]
        at = found.end()


def _pieces(found: re.Match[str], symbols: Mapping[str, str]) -> list[str] | None:
    """The tokens of a match; a word such as `bx` is its symbols. None where it is no mathematics of this case."""
    if found["number"] or found["sign"]:
        return [found["number"] or found["sign"]]
    word = found["word"]
    if word in symbols:
        return [word]
    if len(word) <= 3 and all(letter in symbols for letter in word):
        return list(word)
    return None


def _chain(run: Sequence[tuple[str, int, int]], text: str, symbols: Mapping[str, str]) -> Condition | None:
    run = _balanced(run)
    places = [i for i, (token, _, _) in enumerate(run) if token in RELATIONS]
    if not places or not run or run[-1][2] - run[0][1] > MAX_RELATION:
        return None
    sides: list[tuple[Value, frozenset[str], Fraction | None]] = []
    cuts = [-1, *places, len(run)]
    for left, right in itertools.pairwise(cuts):
        side = _expression([token for token, _, _ in run[left + 1 : right]], symbols)
        if side is None:
            return None
        sides.append(side)
    relations: list[Callable[[Point], bool]] = []
    fixed: dict[str, Fraction] = {}
    for index, place in enumerate(places):
        (a, left_names, left_value), (b, right_names, right_value) = sides[index], sides[index + 1]
        if not left_names and not right_names:
            continue
        relations.append(_compare(RELATIONS[run[place][0]], a, b))
        for names, value in ((left_names, right_value), (right_names, left_value)):
            if run[place][0] == "=" and len(names) == 1 and value is not None and len(run) <= 6 + len(places):
                fixed[next(iter(names))] = value
    if not relations:
        return None
    constants = tuple(value for _, _, value in sides if value is not None)
    begin, end = run[0][1], run[-1][2]
    return Condition(begin, end, text[begin:end].strip(), tuple(relations), fixed, constants)


def _balanced(run: Sequence[tuple[str, int, int]]) -> Sequence[tuple[str, int, int]]:
    """The run without a parenthesis that the prose around it opens or closes: `(if w > b)`."""
    surplus = sum((token == "(") - (token == ")") for token, _, _ in run)
    begin, end = 0, len(run)
    while begin < end and surplus > 0 and run[begin][0] == "(":
        begin, surplus = begin + 1, surplus - 1
    while begin < end and surplus < 0 and run[end - 1][0] == ")":
        end, surplus = end - 1, surplus + 1
    return run[begin:end]


def _compare(relation: Callable[[Fraction, Fraction], bool], a: Value, b: Value) -> Callable[[Point], bool]:
    return lambda point: relation(a(point), b(point))


def _expression(tokens: Sequence[str], symbols: Mapping[str, str]) -> tuple[Value, frozenset[str], Fraction | None] | None:
    """The value of an expression as a function of the point, its variables, and its value if it has none."""
    reader = _Reader(tokens, symbols)
    try:
        value = reader.sum(0)
    except ValueError:
        return None
    if reader.at != len(tokens):
        return None
    names = frozenset(symbols[t] for t in tokens if t in symbols)
    try:
        return value, names, None if names else value({})
    except ZeroDivisionError:
        return None


class _Reader:
    """Recursive descent over one side of a relation. Raises ValueError where it is none."""

    def __init__(self, tokens: Sequence[str], symbols: Mapping[str, str]) -> None:
        self._tokens = tokens
        self._symbols = symbols
        self.at = 0

    def _next(self) -> str:
        return self._tokens[self.at] if self.at < len(self._tokens) else ""

    def sum(self, depth: int) -> Value:
        value = self._product(depth)
        while self._next() in ("+", "-"):
            sign = operator.add if self._next() == "+" else operator.sub
            self.at += 1
            value = _both(sign, value, self._product(depth))
        return value

    def _product(self, depth: int) -> Value:
        value = self._factor(depth)
        while self._next() not in ("", "+", "-", ")", "|"):
            divide = self._next() == "/"
            if self._next() in ("*", "/", "·", "×"):
                self.at += 1
            value = _both(operator.truediv if divide else operator.mul, value, self._factor(depth))
        return value

    def _factor(self, depth: int) -> Value:
        token = self._next()
        self.at += 1
        if depth > MAX_NESTING:
            raise ValueError("nested too deeply")
        if token in ("-", "+"):
            inner = self._factor(depth + 1)
            return inner if token == "+" else lambda point: -inner(point)
        if token in ("(", "|"):
            inside = self.sum(depth + 1)
            if self._next() != (")" if token == "(" else "|"):
                raise ValueError("not closed")
            self.at += 1
            base = inside if token == "(" else lambda point: abs(inside(point))
        elif token[:1].isdigit() or token[:1] == ".":
            if len(token) > MAX_DIGITS:
                raise ValueError("too many digits")
            number = Fraction(token)
            base = lambda point: number  # noqa: E731, ARG005
        elif token in self._symbols:
            name = self._symbols[token]
            base = lambda point: point[name]  # noqa: E731
        else:
            raise ValueError("no factor")
        if self._next() == "^":
            self.at += 1
            power = self._next()
            self.at += 1
            if not power.isdigit() or int(power) > MAX_POWER:
                raise ValueError("no power")
            return lambda point: base(point) ** int(power)
        return base


def _both(sign: Callable[[Fraction, Fraction], Fraction], a: Value, b: Value) -> Value:
    return lambda point: sign(a(point), b(point))
