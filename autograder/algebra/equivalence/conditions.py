"""Answers that are conditions: `u = 2 v`, `b_{ij} = c_{ji}`, "B is orthogonal".

Two conditions are the same if each implies the other. A condition that is linear in its unknowns is solved exactly, and the other one
is evaluated at random solutions; any other is looked for among structured matrices, which can refute but not prove.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise, product
from random import Random
from typing import Final

from autograder.algebra.equivalence.decision import value_json
from autograder.algebra.equivalence.identity import EXACT, flat, seed_of
from autograder.algebra.equivalence.verdicts import MAX_SHOWN, AnswerLike, typed
from autograder.algebra.evaluation import (
    Point,
    Undefined,
    Unsupported,
    Value,
    condition_holds,
    determinant,
    draw_values,
    inverse,
    matmul,
    size_sets,
    small_draw,
    transpose,
    value_at,
)
from autograder.algebra.limits import MAX_CONDITION_POINTS
from autograder.algebra.notation import ASSUMPTIONS, Grammar, Node, Typer, is_numpy, split_chain, statements
from autograder.algebra.symbols import SCALAR, Symbols
from autograder.algebra.tree import Expr, Misshapen, needs, symbols_in
from autograder.errors import OutOfBudget, Unreadable
from autograder.evidence import SymbolicEvidence
from autograder.mathtext import MAX_CHARACTERS, RELATION_SIGNS, Token, tokens
from autograder.verdict import Verdict, correct, incorrect, partial, undecided, unreadable

METHOD: Final = "each condition evaluated at exact solutions of the other"
SUFFICIENT_SHARE: Final = 0.5
INDICES: Final = frozenset("ijkl")
SIZE: Final = 3
QUANTIFIED_DRAWS: Final = 3
"""Values of a symbol that the condition holds for all of."""
_NEGATION: Final = re.compile(
    r"\b(not|never|no|isn't|isnt|cannot|can't|without|unless|neither|nor|doesn't|need not)\b|n['’]t\b", re.IGNORECASE
)
_PREFIX: Final = re.compile(r"(anti|skew|non|a|un|hermitian|pseudo|block|para)[-\s]*$", re.IGNORECASE)
_MATH: Final = re.compile(r"\$\$(.+?)\$\$|\$([^$]+?)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)


@dataclass(frozen=True)
class Part:
    """One conjunct: an equation (a residual that vanishes), a comparison, or an assumption about a symbol."""

    text: str
    residual: Expr | None = None
    relation: Expr | None = None
    assumption: tuple[str, str] | None = None
    indices: tuple[tuple[str, str], ...] = ()
    """Free indices and the dimensions that they run over."""


def same_condition(
    answer: AnswerLike | str,
    expected_condition: str,
    symbols: Symbols,
    *,
    phrases: Mapping[str, str] | None = None,
    sufficient: Sequence[str] = (),
    share: float = SUFFICIENT_SHARE,
) -> Verdict:
    """Is the answer the same condition?

    expected_condition: an equation such as `B v = 0`. Symbols of the table that it does not name may occur in the
    answer and are meant for all their values.
    phrases: words -> condition text, either an equation or `SYMBOL assumption` (`A diagonal`). sufficient: conditions that are known
    to imply the expected one: they earn `share`, and so does every other condition that implies it without being implied.
    Raises ValueError for an expected condition or a phrase that cannot be read.
    """
    known = {words.lower(): read_stated(text, symbols) for words, text in (phrases or {}).items()}
    truth = read_stated(expected_condition, symbols)
    text = typed(answer)
    if isinstance(text, Verdict):
        return text
    if len(text) > MAX_CHARACTERS:
        return unreadable("Your answer cannot be read: it is too long.")
    failure: Unreadable | None = None
    parts: list[Part] = []
    body = answer.body if not isinstance(answer, str) else ""
    for source in dict.fromkeys((text, body[:MAX_CHARACTERS])):
        if not source.strip():
            continue
        try:
            parts = read_condition_answer(source, symbols, known)
        except Unreadable as bad:
            failure = failure or bad
            continue
        except OutOfBudget:
            failure = failure or Unreadable(source, 0, "it is too long or too deeply nested")
            continue
        break
    if not parts:
        assert failure is not None
        return unreadable(failure.explain())
    read = "Read as: " + " and ".join(p.text for p in parts)
    return _compared(text, parts, truth, expected_condition, symbols, sufficient, share, read)


def _compared(
    text: str, parts: list[Part], truth: list[Part], shown: str, symbols: Symbols, sufficient: Sequence[str], share: float, read: str
) -> Verdict:
    negated = [p for p in parts if p.text.startswith("not ")]
    seed = seed_of(text, shown, symbols.identity)

    def evidence(values: Mapping[str, Value], right: bool, theirs: bool) -> SymbolicEvidence:
        named = {s.name: value_json(values[s.key]) for s in symbols.declared if s.key in values}
        return SymbolicEvidence(
            symbols={s.name: s.text for s in symbols.declared},
            expected=shown,
            answer=text[:MAX_SHOWN],
            witness=named,
            expected_value=right,
            answer_value=theirs,
        )

    on_truth, proper_truth = solutions(truth, symbols, seed)
    if negated:
        values = next(iter(on_truth), {})
        return incorrect(
            "This is the opposite of the condition, or part of it.",
            evidence=evidence(values, True, False),
            slip="negated",
            method=METHOD,
            read=read,
        )
    on_answer, proper = solutions(parts, symbols, seed + 1)
    try:
        broken = next((v for v in on_truth if not holds(parts, v, symbols, seed)), None)
        beyond = next((v for v in on_answer if not holds(truth, v, symbols, seed)), None)
    except Unsupported:
        return undecided("This condition cannot be decided: a person looks at it.", read=read)
    if broken is None and beyond is None:
        if proper and proper_truth:
            return correct(method=METHOD, read=read)
        return undecided("No case was found in which the two conditions differ, and none that proves them the same.", read=read)
    if beyond is not None:
        message = "This condition is not enough." if broken is None else "This is another condition."
        return incorrect(
            message, evidence=evidence(beyond, False, True), slip="necessary_only" if broken is None else None, method=METHOD, read=read
        )
    assert broken is not None
    listed = any(read_stated(s, symbols) == parts for s in sufficient if "=" in s or len(s.split()) == 2)
    if not (proper or listed or (on_answer and any(p.assumption for p in parts))):
        return undecided("No case was found that decides about this condition: a person looks at it.", read=read)
    message = "This condition is enough, but it asks for more than is needed."
    return partial(share, message, evidence=evidence(broken, True, False), slip="sufficient_only", method=METHOD, read=read)


# --- reading


@lru_cache(maxsize=512)
def _stated(text: str, symbols: Symbols) -> tuple[Part, ...]:
    words = text.split()
    if len(words) == 2 and words[1] in ASSUMPTIONS:
        symbol = next((s for s in symbols.declared if s.name == words[0]), None)
        if symbol is None:
            raise ValueError(f"the condition {text!r} names {words[0]!r}, which is not declared")
        return (Part(text, assumption=(symbol.key, words[1])),)
    try:
        return tuple(_equations(text, text, symbols))
    except Unreadable as bad:
        raise ValueError(f"the condition {text!r} cannot be read at character {bad.offset + 1}: {bad.reason}") from None
    except OutOfBudget as bad:
        raise ValueError(f"the condition {text!r} cannot be used: {bad}") from None


def read_stated(text: str, symbols: Symbols) -> list[Part]:
    """A condition of the suite. Raises ValueError."""
    return list(_stated(text, symbols))


def read_condition_answer(text: str, symbols: Symbols, phrases: Mapping[str, list[Part]]) -> list[Part]:
    """The conjuncts that an answer states, in words or formulas. Raises Unreadable, OutOfBudget."""
    if re.search(r"\b(either|maybe|perhaps|depends)\b|\?", text, re.IGNORECASE):
        found = re.search(r"\b(either|maybe|perhaps|depends)\b|\?", text, re.IGNORECASE)
        assert found is not None
        raise Unreadable(text, found.start(), f"{found[0]!r} leaves the answer open", "one condition such as u = 2 v")
    spoken = list(_spoken(text, phrases))
    failure: Unreadable | None = None
    written: list[Part] = []
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
            written = [Part(f"not {p.text}", p.residual, p.relation, p.assumption, p.indices) for p in written]
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


def _spoken(text: str, phrases: Mapping[str, list[Part]]) -> Iterator[Part]:
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
                yield Part(f"not {words}" if _NEGATION.search(before) else words, p.residual, p.relation, p.assumption, p.indices)


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


def _equations(text: str, candidate: str, symbols: Symbols) -> list[Part]:
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


def _equation(text: str, one: list[Token], two: list[Token], symbols: Symbols, numpy: bool) -> Part:
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
    return Part(shown, residual=e, indices=tuple(sorted((name, str(dim)) for name, dim in ranges.items())))


def indices_in(e: Expr) -> set[str]:
    """Free indices that occur in a tree."""
    if e.op == "index":
        return {e.data}
    inner = {name for a in e.args for name in indices_in(a)}
    return inner - {e.data[0]} if e.op == "sum" else inner


def _comparison(text: str, statement: list[Token], symbols: Symbols, numpy: bool) -> Part:
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
    return Part(" ".join(text[statement[0].at : end].split()), relation=e)


# --- deciding


def _keys(parts: Sequence[Part]) -> frozenset[str]:
    out: frozenset[str] = frozenset()
    for p in parts:
        for e in (p.residual, p.relation):
            out |= symbols_in(e) if e is not None else frozenset()
        if p.assumption:
            out |= {p.assumption[0]}
    return out


def _sizes(symbols: Symbols) -> dict[str, int]:
    return size_sets(symbols.dimensions, SIZE)[0]


def _residuals(p: Part, values: Mapping[str, Value], sizes: Mapping[str, int]) -> list[Fraction]:
    """All entries of an equation's residual, over all values of its free indices."""
    assert p.residual is not None
    names = [name for name, _ in p.indices]
    ranges = [range(1, sizes.get(dim, SIZE) + 1) if not dim.isdigit() else range(1, int(dim) + 1) for _, dim in p.indices]
    out: list[Fraction] = []
    for combination in product(*ranges):
        out += flat(value_at(p.residual, Point(EXACT, sizes, values), dict(zip(names, combination, strict=True))))
    return out


def holds(parts: Sequence[Part], values: Mapping[str, Value], symbols: Symbols, seed: int) -> bool:
    """Do all conjuncts hold at a point, for all values of the symbols that the point does not give? Raises Unsupported."""
    sizes = _sizes(symbols)
    rng = Random(seed + 7)
    missing = sorted(_keys(parts) - set(values))
    for _ in range(QUANTIFIED_DRAWS if missing else 1):
        point = dict(values)
        if missing:
            point |= draw_values(symbols, missing, sizes, EXACT, small_draw(rng, 9), rng)
        for p in parts:
            try:
                if p.residual is not None and any(x != 0 for x in _residuals(p, point, sizes)):
                    return False
                if p.relation is not None and not condition_holds(p.relation, Point(EXACT, sizes, point)):
                    return False
            except Undefined:
                return False
            if p.assumption is not None and not _has(point[p.assumption[0]], p.assumption[1]):
                return False
    return True


def _has(value: Value, assumption: str) -> bool:
    """Does a value have a property?"""
    m = value if isinstance(value, list) else [[value]]
    n = len(m)
    entries = [(i, j) for i in range(n) for j in range(len(m[0]))]
    if assumption == "positive":
        return all(m[i][j] > 0 for i, j in entries)
    if assumption == "nonzero":
        return any(m[i][j] != 0 for i, j in entries)
    if assumption == "symmetric":
        return all(m[i][j] == m[j][i] for i, j in entries)
    if assumption == "diagonal":
        return all(m[i][j] == 0 for i, j in entries if i != j)
    if assumption == "orthogonal":
        return matmul(EXACT, m, transpose(m)) == [[Fraction(int(i == j)) for j in range(n)] for i in range(n)]
    if assumption == "invertible":
        return bool(determinant(EXACT, m) != 0)
    minors = [determinant(EXACT, [row[:k] for row in m[:k]]) for k in range(1, n + 1)]
    return _has(m, "symmetric") and all(d > 0 for d in minors)


def solutions(parts: Sequence[Part], symbols: Symbols, seed: int) -> tuple[list[dict[str, Value]], bool]:
    """Points at which all conjuncts hold, and whether they are random among all such points (so that they can prove as well as refute)."""
    rng = Random(seed)
    sizes = _sizes(symbols)
    unknown = sorted(
        k for k in _keys(parts) if symbols.by_key(k).shape != SCALAR and 1 not in (d.size(sizes) for d in symbols.by_key(k).shape)
    )
    if not unknown:
        unknown = sorted(_keys(parts))
    solved = _linear_solutions(parts, unknown, symbols, sizes, rng) if all(p.residual is not None for p in parts) else None
    if solved is not None:
        return solved, True
    out = []
    proper = all(p.assumption is not None for p in parts)
    for values in _structured(parts, unknown, symbols, sizes, rng):
        try:
            if holds(parts, values, symbols, seed):
                out.append(values)
        except Unsupported:
            continue
        if len(out) >= MAX_CONDITION_POINTS:
            break
    return out, proper and bool(out)


def _linear_solutions(
    parts: Sequence[Part], unknown: Sequence[str], symbols: Symbols, sizes: Mapping[str, int], rng: Random
) -> list[dict[str, Value]] | None:
    """Random solutions of equations that are linear in the unknowns' entries; None where they are not linear."""
    shapes = [(k, symbols.by_key(k).shape[0].size(sizes), symbols.by_key(k).shape[1].size(sizes)) for k in unknown]
    count = sum(r * c for _, r, c in shapes)
    if any(symbols.by_key(k).assumptions for k in unknown) or any(needs(p.residual) for p in parts if p.residual is not None):
        return None
    others = sorted(_keys(parts) - set(unknown))
    draws = [draw_values(symbols, others, sizes, EXACT, small_draw(rng, 5), rng) for _ in range(QUANTIFIED_DRAWS + 2 if others else 1)]

    def build(entries: Sequence[Fraction]) -> dict[str, Value]:
        out: dict[str, Value] = {}
        at = 0
        for k, r, c in shapes:
            rows = [list(entries[at + i * c : at + (i + 1) * c]) for i in range(r)]
            out[k] = rows if symbols.by_key(k).shape != SCALAR else rows[0][0]
            at += r * c
        return out

    def residual(entries: Sequence[Fraction]) -> list[Fraction]:
        return [x for d in draws for p in parts for x in _residuals(p, build(entries) | d, sizes)]

    zero = [Fraction(0)] * count
    try:
        constant = residual(zero)
        columns = []
        for k in range(count):
            unit = list(zero)
            unit[k] = Fraction(1)
            columns.append([x - c for x, c in zip(residual(unit), constant, strict=True)])
        trial = [Fraction(rng.randint(-9, 9)) for _ in range(count)]
        predicted = [c + sum(x * col[i] for x, col in zip(trial, columns, strict=True)) for i, c in enumerate(constant)]
        if residual(trial) != predicted:
            return None
    except (Undefined, Unsupported):
        return None
    particular, basis = _solve([[col[i] for col in columns] for i in range(len(constant))], [-c for c in constant], count)
    if particular is None:
        return []
    out = []
    for _ in range(6):
        weights = [Fraction(rng.choice((1, 2, 3, -1, -2))) for _ in basis]
        entries = [p + sum(w * b[k] for w, b in zip(weights, basis, strict=True)) for k, p in enumerate(particular)]
        out.append(build(entries))
    return out


def _solve(rows: list[list[Fraction]], right: list[Fraction], count: int) -> tuple[list[Fraction] | None, list[list[Fraction]]]:
    """A particular solution and a basis of the null space, by elimination."""
    table = [[*row, b] for row, b in zip(rows, right, strict=True) if any(row) or b]
    pivots: list[int] = []
    r = 0
    for c in range(count):
        pivot = next((i for i in range(r, len(table)) if table[i][c] != 0), None)
        if pivot is None:
            continue
        table[r], table[pivot] = table[pivot], table[r]
        head = [x / table[r][c] for x in table[r]]
        table[r] = head
        for i in range(len(table)):
            if i != r and table[i][c] != 0:
                factor = table[i][c]
                table[i] = [x - factor * y for x, y in zip(table[i], head, strict=True)]
        pivots.append(c)
        r += 1
    if any(row[-1] != 0 for row in table[r:]):
        return None, []
    particular = [Fraction(0)] * count
    for i, c in enumerate(pivots):
        particular[c] = table[i][-1]
    basis = []
    for free in (c for c in range(count) if c not in pivots):
        vector = [Fraction(0)] * count
        vector[free] = Fraction(1)
        for i, c in enumerate(pivots):
            vector[c] = -table[i][free]
        basis.append(vector)
    return particular, basis


def _structured(
    parts: Sequence[Part], unknown: Sequence[str], symbols: Symbols, sizes: Mapping[str, int], rng: Random
) -> Iterator[dict[str, Value]]:
    """Matrices of many kinds: what a condition that cannot be solved is looked for among."""
    assumed = sorted({p.assumption for p in parts if p.assumption is not None})
    kinds = [
        "diagonal",
        "positive_definite",
        "orthogonal",
        "symmetric",
        "invertible",
        "skew",
        "rotation",
        "unit",
        "zero",
        "nilpotent",
        "scalar",
        "involution",
        "projection",
        "any",
    ]
    for k in range(6 * len(kinds)):
        values: dict[str, Value] = {}
        for key in unknown:
            symbol = symbols.by_key(key)
            if symbol.shape == SCALAR or symbol.shape[0] != symbol.shape[1]:
                values |= draw_values(symbols, [key], sizes, EXACT, small_draw(rng), rng)
                continue
            own = [name for s, name in assumed if s == key]
            values[key] = _matrix(own[0] if own else kinds[k % len(kinds)], symbol.shape[0].size(sizes), rng)
        yield values


def _matrix(kind: str, n: int, rng: Random) -> Value:
    """A small matrix of a kind."""
    m = [[Fraction(rng.randint(-3, 3)) for _ in range(n)] for _ in range(n)]
    unit = [[Fraction(int(i == j)) for j in range(n)] for i in range(n)]
    if kind in ("diagonal", "scalar"):
        return [[(m[i][i] if kind == "diagonal" else m[0][0]) if i == j else Fraction(0) for j in range(n)] for i in range(n)]
    if kind == "zero":
        return [[Fraction(0)] * n for _ in range(n)]
    if kind == "unit":
        return unit
    if kind == "nilpotent":
        return [[m[i][j] if j > i else Fraction(0) for j in range(n)] for i in range(n)]
    if kind == "symmetric":
        return [[m[min(i, j)][max(i, j)] for j in range(n)] for i in range(n)]
    if kind == "skew":
        return [[Fraction(0) if i == j else (m[i][j] if i < j else -m[j][i]) for j in range(n)] for i in range(n)]
    if kind == "positive_definite":
        gram = matmul(EXACT, m, transpose(m))
        return [[x + u for x, u in zip(r, s, strict=True)] for r, s in zip(gram, unit, strict=True)]
    if kind in ("orthogonal", "rotation"):
        skew = _matrix("skew", n, rng)
        plus = [[u + s for u, s in zip(a, b, strict=True)] for a, b in zip(unit, skew, strict=True)]
        minus = [[u - s for u, s in zip(a, b, strict=True)] for a, b in zip(unit, skew, strict=True)]
        q = matmul(EXACT, minus, inverse(EXACT, plus))
        return [[-row[0], *row[1:]] for row in q] if kind == "orthogonal" and rng.random() < 0.5 else q
    if kind in ("involution", "projection"):
        basis = _matrix("invertible", n, rng)
        values = [Fraction(rng.choice((1, -1) if kind == "involution" else (1, 0))) for _ in range(n)]
        stretched = [[x * v for x, v in zip(row, values, strict=True)] for row in basis]
        return matmul(EXACT, stretched, inverse(EXACT, basis))
    if kind == "invertible" and determinant(EXACT, m) == 0:
        return unit
    return m
