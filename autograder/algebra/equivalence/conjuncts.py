"""Conditions as they are typed, `u = 2 v`, `b_{ij} = c_{ji}`, "B is orthogonal", read as conjuncts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from autograder.algebra.assumptions import assumption_called, known_assumptions
from autograder.algebra.notation import Grammar, Node, Typer, is_numpy, split_chain, statements
from autograder.algebra.symbols import Symbols
from autograder.algebra.tree import Expr, Misshapen
from autograder.errors import OutOfBudget, Unreadable
from autograder.mathtext import RELATION_SIGNS, Token, tokens

INDICES: Final = frozenset("ijkl")
_NEGATION: Final = re.compile(
    r"\b(not|never|no|isn't|isnt|cannot|can't|without|unless|neither|nor|doesn't|need not)\b|n['’]t\b", re.IGNORECASE
)
_PREFIX: Final = re.compile(r"(anti|skew|non|a|un|hermitian|pseudo|block|para)[-\s]*$", re.IGNORECASE)
_MATH: Final = re.compile(r"\$\$(.+?)\$\$|\$([^$]+?)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)


@dataclass(frozen=True)
class Conjunct:
    """One conjunct: an equation (a residual that vanishes), a comparison, or an assumption about a symbol."""

    text: str
    residual: Expr | None = None
    relation: Expr | None = None
    assumption: tuple[str, str] | None = None
    indices: tuple[tuple[str, str], ...] = ()
    """Free indices and the dimensions that they run over."""


@lru_cache(maxsize=512)
def _stated(text: str, symbols: Symbols) -> tuple[Conjunct, ...]:
    name, _, words = " ".join(text.split()).partition(" ")
    said = assumption_called(words)
    if said is not None:
        symbol = next((s for s in symbols.declared if s.name == name), None)
        if symbol is None:
            raise ValueError(f"the condition {text!r} names {name!r}, which is not declared")
        return (Conjunct(text, assumption=(symbol.key, said.name)),)
    if re.fullmatch(r"[A-Za-z_ -]+", words) and any(s.name == name for s in symbols.declared):
        there = ", ".join(one.name for one in known_assumptions())
        raise ValueError(f"the condition {text!r} says {words!r}, which is no assumption; assumptions are {there}")
    try:
        return tuple(_equations(text, text, symbols))
    except Unreadable as bad:
        raise ValueError(f"the condition {text!r} cannot be read at character {bad.offset + 1}: {bad.reason}") from None
    except OutOfBudget as bad:
        raise ValueError(f"the condition {text!r} cannot be used: {bad}") from None


def read_stated(text: str, symbols: Symbols) -> list[Conjunct]:
    """A condition of the suite. Raises ValueError."""
    return list(_stated(text, symbols))


def read_condition_answer(text: str, symbols: Symbols, phrases: Mapping[str, list[Conjunct]]) -> list[Conjunct]:
    """The conjuncts that an answer states, in words or formulas. Raises Unreadable, OutOfBudget."""
    if re.search(r"\b(either|maybe|perhaps|depends)\b|\?", text, re.IGNORECASE):
        found = re.search(r"\b(either|maybe|perhaps|depends)\b|\?", text, re.IGNORECASE)
        assert found is not None
        raise Unreadable(text, found.start(), f"{found[0]!r} leaves the answer open", "one condition such as u = 2 v")
    spoken = list(_spoken(text, phrases))
    failure: Unreadable | None = None
    written: list[Conjunct] = []
    for start, piece in _pieces(text):
        blanked = " " * start + piece
        try:
            written = _equations(text, blanked, symbols)
        except Unreadable as bad:
            failure = failure or bad
            continue
        except OutOfBudget:
            if not spoken:
                raise
            continue
    if written:
        negation = _negated_equation(text)
        if negation is not None:
            written = [Conjunct(f"not {p.text}", p.residual, p.relation, p.assumption, p.indices) for p in written]
    if not spoken and not written:
        if failure is None:
            failure = Unreadable(text, 0, "no condition was found", "one condition such as u = 2 v, or the word for it")
        raise failure
    if written and spoken and not any(p.text.startswith("not ") for p in spoken):
        same = [p for p in spoken if p.text.lower() in phrases]
        return [*written, *same]
    return spoken or written


def _negated_equation(text: str) -> str | None:
    found = re.search(r"\b(not|never|unless)\b|n['’]t\b", text, re.IGNORECASE)
    return found[0] if found else None


def _spoken(text: str, phrases: Mapping[str, list[Conjunct]]) -> Iterator[Conjunct]:
    """Phrases in the text, the longest first, each with the negation before it."""
    taken: list[tuple[int, int]] = []
    lowered = text.lower()
    for words in sorted(phrases, key=len, reverse=True):
        for match in re.finditer(rf"(?<![A-Za-z]){re.escape(words)}(?![A-Za-z])", lowered):
            if any(a < match.end() and match.start() < b for a, b in taken):
                continue
            taken.append((match.start(), match.end()))
            before = re.split(r"[.;,\n]|\bthat\b|\bif\b|\bwhen\b", text[: match.start()])[-1]
            prefix = _PREFIX.search(text[: match.start()].rstrip("- \u2010\u2011"))
            if (
                prefix is not None
                and re.search(r"(?<![A-Za-z])" + prefix[0].strip("- ") + r"[-\s\u2010\u2011]*$", text[: match.start()])
                and prefix[1].lower() != "a"
            ):
                raise Unreadable(
                    text,
                    prefix.start(),
                    f"{prefix[0].strip()} {words} is a condition that is not known here",
                    "one condition such as u = 2 v",
                )
            for p in phrases[words]:
                yield Conjunct(f"not {words}" if _NEGATION.search(before) else words, p.residual, p.relation, p.assumption, p.indices)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Places that may hold an equation: formulas between dollars, else the text and its clauses."""
    found = list(_MATH.finditer(text))
    if found:
        for m in found:
            k = next(k for k in range(1, 5) if m.group(k) is not None)
            yield m.start(k), m.group(k)
        return
    yield 0, text
    for clause in re.finditer(r"[^,;.:\n]+", text):
        piece = clause[0]
        if any(sign in piece for sign in "=<>≤≥") or "\\" in piece:
            lead = re.match(
                r"(?:\s*(?:[A-Za-z]{2,}|[A-Za-z]+['’]t|a)\b(?!\s*[=_^({\[]))*\s*(?:\b(?:iff|if|when|that|is|means|condition|where|namely|and|so|only|have|need|i\.e)\b\s*)?",
                piece,
            )
            offset = lead.end() if lead else 0
            kept = re.split(
                r"\s(?:for all|for every|for any|for|holds|must|since|because|so|where|which|i\.e|meaning|that is|is|in order)\b",
                piece[offset:],
            )[0]
            yield clause.start() + offset, kept


def _equations(text: str, candidate: str, symbols: Symbols) -> list[Conjunct]:
    """The conjuncts of the last statement with a relation in it. Raises Unreadable, OutOfBudget."""
    toks = tokens(candidate)
    stated = [s for s in statements(text, toks, every=True) if any(t.kind == "op" and t.value in RELATION_SIGNS for t in s)]
    if not stated:
        at = next((t.at for t in toks if t.kind not in ("eof", "math")), 0)
        raise Unreadable(text, at, "there is no equation", "one condition such as u = 2 v")
    statement = _without_quantifier(stated[-1])
    numpy = is_numpy(candidate)
    if any(t.kind == "op" and t.value in RELATION_SIGNS - {"="} for t in statement):
        return [_comparison(text, statement, symbols, numpy)]
    sides = split_chain(statement)
    out = []
    for one, two in pairwise(sides):
        out.append(_equation(text, one, two, symbols, numpy))
    return out


def _without_quantifier(statement: list[Token]) -> list[Token]:
    """Without `for all i, j`."""
    for k, t in enumerate(statement):
        if (t.kind == "word" and t.value in ("for", "forall", "where", "whenever", "holds")) or (t.kind == "cmd" and t.value == "forall"):
            return statement[:k]
    return statement


def _side(text: str, toks: list[Token], symbols: Symbols, numpy: bool) -> Node:
    if not toks:
        raise Unreadable(text, len(text.rstrip()), "one side of the equation is missing", "one condition such as u = 2 v")
    end = toks[-1].end
    free = frozenset(i for i in INDICES if not any(s.name == i for s in symbols.declared))
    return Grammar(text, [*toks, Token("eof", "", end, end)], symbols, numpy=numpy, free=free).whole()


def _equation(text: str, one: list[Token], two: list[Token], symbols: Symbols, numpy: bool) -> Conjunct:
    left, right = _side(text, one, symbols, numpy), _side(text, two, symbols, numpy)
    shown = " ".join(text[one[0].at : two[-1].end].split())
    typer = Typer(symbols, numpy=numpy)
    try:
        e = typer.infer(Node("add", (left, Node("neg", (right,), None, right.at)), None, left.at))
        ranges = {name: typer.find(dim) for name, dim in typer.ranges.items()}
        loose = sorted(indices_in(e) - set(ranges))
        if loose:
            raise Unreadable(text, one[0].at, f"the index {loose[0]!r} stands for no entry", "u_i = 2 v_i")
        e = typer.close(e)
    except Misshapen as bad:
        raise Unreadable(text, bad.at, f"the shapes in this equation do not fit: {bad}", "one condition such as u = 2 v") from None
    return Conjunct(shown, residual=e, indices=tuple(sorted((name, str(dim)) for name, dim in ranges.items())))


def indices_in(e: Expr) -> set[str]:
    """Free indices that occur in a tree."""
    if e.op == "index":
        return {e.data}
    inner = {name for a in e.args for name in indices_in(a)}
    return inner - {e.data[0]} if e.op == "sum" else inner


def _comparison(text: str, statement: list[Token], symbols: Symbols, numpy: bool) -> Conjunct:
    end = statement[-1].end
    grammar = Grammar(text, [*statement, Token("eof", "", end, end)], symbols, numpy=numpy)
    node = grammar.condition()
    if grammar.tok.kind != "eof":
        raise grammar.unexpected()
    typer = Typer(symbols, numpy=numpy)
    try:
        e = typer.close(typer.condition(node))
    except Misshapen as bad:
        raise Unreadable(text, bad.at, f"this comparison cannot be used: {bad}", "one condition such as u = 2 v") from None
    return Conjunct(" ".join(text[statement[0].at : end].split()), relation=e)
