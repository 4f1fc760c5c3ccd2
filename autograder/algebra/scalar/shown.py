"""Steps of scalar calculus that are shown above a final answer: followed, and remarked on where one is surely false.

A step is about the case of its part unless its text says otherwise, and counts as holding if it holds in any case, in any reading and for
any choice of what varies that may have been meant. What only sets or supposes something is no step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from autograder.algebra.derivations import Relation, Step, Violation, node_of, single_name, statements_of
from autograder.algebra.equivalence import is_same_value
from autograder.algebra.evaluation import Exact, Point, Real, Undefined, Unsupported, value_at
from autograder.algebra.notation import Node, read_expected
from autograder.algebra.scalar.leibniz import READINGS, ScalarReader, normal, worded
from autograder.algebra.scalar.situation import (
    CompiledSituation,
    SampledCase,
    Situation,
    compile_situation,
    expanded,
    set_to,
    truth_of,
    value_of,
)
from autograder.algebra.symbols import key_of
from autograder.algebra.tree import Expr, Misshapen, needs, substituted, symbols_in
from autograder.errors import OutOfBudget, Unreadable

STATES: Final = re.compile(r"=|←|≔|\\(?:leftarrow|gets|coloneqq)(?![A-Za-z])")
"""Without one of these a text shows no step."""
APART: Final = 1e-9
"""Relative difference in double precision beyond which a point is computed again exactly."""
TRIED: Final = 4
"""Points that are computed again."""
MOST_READ: Final = 40
"""Relations of one part."""
_SUPPOSES: Final = re.compile(
    r"\b(?:if|iff|when|whenever|unless|suppos\w*|assum\w*|provided|only|exactly|equality|say|e\.g\.?|example|take|pick|choose|want|need|solve|solving"
    r"|set|setting)(?:\s+(?:that|any|some|and only if|we|have|for|at|where|when|is|it|by|the))*[^\w§]*$",
    re.IGNORECASE,
)
"""Right before a formula: it is supposed and not claimed."""
_CONDITIONAL: Final = re.compile(
    r"\b(?:if|iff|when|whenever|unless|suppos\w*|assum\w*|would|were|had|provided|wrong|false|not|never|instead|mistake|contradiction|cannot|except"
    r"|counterexample|another|different|unlike|without|ignor\w*|linear)\b",
    re.IGNORECASE,
)
_DENIED: Final = re.compile(
    r"\b(?:would|were|wrong|false|not|never|instead|mistake|cannot|unless|except|another|different|unlike|without)\b", re.IGNORECASE
)
"""What is said so may be false on purpose."""
_IN_PLACE: Final = re.compile(r"←|≔|:=|\\(?:leftarrow|gets|coloneqq)(?![A-Za-z])|\bin place\b|[-+]=")
_WORD_BEFORE: Final = re.compile(r"(?:(?<![\\A-Za-z{])[A-Za-z]{3,}\s*:?|:)[\s$&]*\Z")
_NAME: Final = re.compile(r"\s*\\?[A-Za-z]+(?:\s*\(\s*\w\s*\))?\s*")
_FOR_ALL_THAT_FOLLOWS: Final = re.compile(r"\b(?:contradiction|wlog|w\.l\.o\.g|without (?:any )?loss)", re.IGNORECASE)
_PARAGRAPH: Final = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True)
class _Read:
    """A side read. expression: in free symbols; whole: as typed, with the names of the problem; node: the raw tree."""

    node: Node
    whole: Expr
    expression: Expr
    names: frozenset[str]

    @property
    def lone(self) -> str:
        """The key, where it is one name."""
        return str(self.node.data) if self.node.op == "sym" else ""

    @property
    def is_number(self) -> bool:
        """Is it a number, and no symbol in it?"""
        return not symbols_in(self.whole)


class Following:
    """One pass over the steps of a part."""

    def __init__(self, body: str, start: int, situation: Situation, said: str) -> None:
        self.situation = situation
        self.body = body = worded(body, situation)
        self.said = _bare(said)
        self.compiled: CompiledSituation = compile_situation(situation)
        self.reader = ScalarReader(situation, self.compiled, body)
        self.steps: list[Step] = []
        self.claiming: dict[int, bool] = {}
        """Chains that have claimed something."""
        self.cases: dict[int, set[str]] = {}
        """Cases in which all links of a chain hold so far."""
        self.sure: set[str] = set()
        """Keys of names of places for which a valid step shows that they mean the place."""
        self.relations = [i for i in statements_of(body, start).items if isinstance(i, Relation)][:MOST_READ]
        self.in_place = _IN_PLACE.search(body) is not None or any(self.updates(i) for i in self.relations)
        self.supposed: set[int] = set()

    def run(self) -> tuple[Step, ...]:
        """Every relation as a step."""
        for item in self.relations:
            self.steps.append(self.step(item))
        return tuple(self.steps)

    def updates(self, item: Relation) -> str:
        """The name that `w := w - ...` or `w = w - ...` moves, if it is such a line."""
        for name in self.situation.descent.names:
            alone = rf"(?<![A-Za-z\\]){re.escape(name)}(?![A-Za-z_^'])"
            if normal(item.left).strip() == name and (item.defines or re.search(alone, normal(item.right))):
                return name
        return ""

    # --- one relation

    def step(self, item: Relation) -> Step:
        """Decides a relation. Never raises for what it holds."""
        step = Step(item.line, " ".join(item.text.split()), "unreadable", sign=item.sign, chain=item.chain)
        if item.sign != "=":
            return replace(step, how="no equation")
        if _FOR_ALL_THAT_FOLLOWS.search(item.words):
            self.supposed.add(-1)
        if self.supposed & {-1, item.chain} or self.is_supposed(item):
            self.supposed.add(item.chain)
            return replace(step, how="it is supposed")
        outcome: Step | None = None
        for reading in range(READINGS):
            self.reader.reading, self.reader.several = reading, False
            try:
                here = self.tried(item, step, first=reading == 0)
            except (Unreadable, Misshapen) as bad:
                here = replace(step, how=str(bad))
            except OutOfBudget as bad:
                here = replace(step, how=f"it is too long: {bad}")
            except (Unsupported, Undefined, ZeroDivisionError, KeyError, OverflowError) as bad:
                here = replace(step, how=f"it has no value: {bad}")
            if here.verdict == "holds":
                return here
            if outcome is None or here.verdict == "unreadable":
                outcome = here
            if not self.reader.several:
                break
        assert outcome is not None
        if outcome.verdict == "false" and self._has_soft_name(item):
            return self._owned(item, outcome)
        return outcome

    def is_supposed(self, item: Relation) -> bool:
        """Does the text say right before it that it is supposed? In one formula (`if $z > 0, w' = w - x$`) that is said of the first."""
        if not _SUPPOSES.search(item.words):
            return False
        place = self.relations.index(item)
        before = self.relations[place - 1] if place else None
        return before is None or before.words != item.words or "$" in self.body[before.at : item.at]

    def _owned(self, item: Relation, step: Step) -> Step:
        """A false equation for a name that a text may use for something of its own is taken for its definition."""
        letters = [letter for spelled in self.situation.soft.values() for letter in spelled]
        if any(_bare(normal(item.left)) == _bare(normal(letter)) for letter in letters):
            try:
                self.reader.define(item.left, self.side(item.right).whole)
            except (Unreadable, Misshapen, OutOfBudget):
                self.supposed.add(-1)
        return replace(step, verdict="unreadable", how="what the name stands for is not certain", found=None)

    def _has_soft_name(self, item: Relation) -> bool:
        """Does a name occur that may stand for something else, where nothing shows that it does not?"""
        for name, letters in self.situation.soft.items():
            if name in self.sure:
                continue
            place = name in self.situation.places
            if place and self.situation.about and re.search(self.situation.about, self.around(item), re.IGNORECASE):
                continue
            for letter in letters:
                alone = rf"(?<![A-Za-z\\]){re.escape(normal(letter))}(?![A-Za-z])"
                typed = any(re.search(alone, normal(side)) for side in (item.left, item.right))
                if typed and (place or any(re.fullmatch(rf"\s*{alone}\s*", normal(r.left)) for r in self.relations)):
                    return True
        return False

    def side(self, text: str) -> _Read:
        """A side read. Raises Unreadable, Misshapen, OutOfBudget."""
        put = self.reader.put(text)
        node = node_of(put, self.reader.table)
        whole = self.reader.typed(node, put)
        return _Read(node, whole, expanded(whole, self.reader.meanings), symbols_in(whole))

    def tried(self, item: Relation, step: Step, *, first: bool) -> Step:
        """The relation in one reading."""
        moved = self.updates(item)
        if first and not moved and self.introduced(item):
            return replace(step, verdict="holds", how="a definition")
        left = self.side(f"{moved}_{{new}}" if moved else item.left)
        right = self.side(item.right)
        # a chain goes on where the step was written in place: its first side is the moved name
        held = self.anywhere(left, right, item)
        claims = self.is_claim(left, right, item)
        self.claiming[item.chain] = self.claiming.get(item.chain, False) or claims
        if held:
            self.confirm(left, right)
            return replace(step, verdict="holds" if claims else "unreadable", how=held if claims else "it sets something")
        if not claims:
            return replace(step, how="it sets or supposes something")
        doubt = self.doubt(item, left, right)
        if doubt:
            return replace(step, how=doubt)
        found = self.counterexample(left, right, item)
        if found is None:
            return replace(step, how="no point was found that shows it")
        return replace(step, verdict="false", how=found[0], found=found[1])

    def introduced(self, item: Relation) -> bool:
        """`z = w x + b` with a name that is not the problem's: a definition."""
        for typed, other in ((item.left, item.right), (item.right, item.left)):
            try:
                renamed = self.reader.renamed(normal(typed)).strip()
                found = single_name(renamed)
                if found is None or found[0].base in ("I", "pi") or self.reader.table.find(found[0]) is not None:
                    continue
                side = self.side(other)
            except (Unreadable, Misshapen, OutOfBudget):
                continue
            if found[0].key in side.names:
                continue
            self.reader.define(renamed.split("(")[0].strip(), self.layer(side))
            return True
        return False

    def layer(self, side: _Read) -> Expr:
        """A value; the layer that it is, if it is one, so that derivatives go through it."""
        for key in self.compiled.layers:
            whole = expanded(self.reader.meanings[key], self.reader.meanings)
            if any(
                _is_alike(side.expression, whole, w) for w in self.compiled.samples[self.situation.main.name][:1]
            ) and self._is_alike_everywhere(side.expression, whole):
                return Expr("sym", (), key, whole.shape)
        return side.whole

    def _is_alike_everywhere(self, one: Expr, two: Expr) -> bool:
        return all(_is_alike(one, two, samples[0]) for samples in self.compiled.samples.values())

    # --- what is a claim

    def is_claim(self, left: _Read, right: _Read, item: Relation) -> bool:
        """Does it say something that can be false, rather than set or suppose something?"""
        reader = self.reader
        strong = [bool(side.names & reader.strong) for side in (left, right)]
        places = {key for name in self.situation.places for key in (key_of(name), self.compiled.moved[key_of(name)])}
        strong = [s or bool(side.names & places) for s, side in zip(strong, (left, right), strict=True)]
        if left.lone and right.lone and (left.names | right.names) & places:
            return False
        for one, other in ((left, right), (right, left)):
            if one.is_number:
                value = one.whole.data if one.whole.op == "num" else None
                return other.lone in reader.made and value in (0, 1, -1) and not self.has_numbers()
            directions = {d for k, d in self.compiled.differentials.items() if k in self.compiled.free}
            sets = one.lone in {*self.compiled.free, *directions} and not other.names & reader.strong - directions
            if sets and not self.claiming.get(item.chain, False) and not self._is_solving(left, right):
                return False
        if self._is_solving(left, right):
            return True
        if any(strong) or self.claiming.get(item.chain, False):
            return True
        return any(_quotients(side.node) >= 2 for side in (left, right)) and not (left.lone or right.lone)

    def _is_solving(self, left: _Read, right: _Read) -> bool:
        """An equation for the point that is solved for."""
        names = symbols_in(left.expression) | symbols_in(right.expression)
        if not self.compiled.solved or (left.names | right.names) - set(self.compiled.free):
            return False
        wanted = {key_of(n) for n in self.situation.solved}
        return names == wanted | {k for n in self.situation.solved for k in symbols_in(self._solution(n))}

    def _solution(self, name: str) -> Expr:
        return expanded(read_expected(self.situation.solved[name], self.compiled.table), self.compiled.meanings)

    def has_numbers(self) -> bool:
        """Does the text put in numbers for symbols?"""
        names = "|".join(re.escape(n) for n in self.situation.free)
        given = rf"(?<!\\partial )(?<![A-Za-z/])\\?(?:{names})\s*=\s*-?\s*(?:\d|\.\d|\\[dt]?frac\s*\{{?\d)"
        return re.search(given, self.reader.body) is not None

    def doubt(self, item: Relation, left: _Read, right: _Read) -> str:
        """Why a step that fails may still be right as it was meant."""
        typed = _bare(item.right)
        if self.said and (self.said == typed or self.said.endswith(f"={typed}")):
            return "it is the answer itself"
        if left.names & self.reader.own.keys() and left.lone:
            return "the name stood for something else before"
        if self.is_conditional(item) or self.holds_for_values_set(left, right, item):
            return "it may rest on what was supposed before"
        if self.is_jump(item):
            return "where it goes on from is not certain"
        if self.holds_usually(left, right, item):
            return "it holds where the text may suppose it to"
        return ""

    def is_jump(self, item: Relation) -> bool:
        """Does it begin with a sign, after words that may have named another left side?"""
        place = self.relations.index(item)
        before = self.relations[place - 1] if place else None
        if before is None or before.chain != item.chain or before.right != item.left:
            return False
        said = "$" in self.body[before.at : item.at] and re.search(r"[A-Za-z]{3,}", item.words.rpartition("§")[2]) is not None
        return said or _WORD_BEFORE.search(self.body[: item.at]) is not None

    def holds_usually(self, left: _Read, right: _Read, item: Relation) -> bool:
        """Does it hold under what a text may take for granted?"""
        if not self.situation.usual:
            return False
        said = _has_cases(left.node) or _has_cases(right.node)
        cases = (self.situation.main, *self.situation.others)
        samples = [self.compiled.samples[c.name][0] for c in cases] if said else [self.admitted(item)[0]]
        return all(_is_alike(left.expression, right.expression, w, w.usual) for w in samples)

    def holds_for_values_set(self, left: _Read, right: _Read, this: Relation) -> bool:
        """Does it hold for the values that the text gives to symbols somewhere?"""
        settings: list[dict[str, Expr]] = []
        for item in self.relations:
            if item is this or item.sign != "=" or not any(_NAME.fullmatch(normal(s)) for s in (item.left, item.right)):
                continue
            try:
                one, two = self.side(item.left), self.side(item.right)
            except (Unreadable, Misshapen, OutOfBudget):
                continue
            for lone, other in ((one.lone, two), (two.lone, one)):
                directions = {d for k, d in self.compiled.differentials.items() if k in self.compiled.free}
                sets = lone in directions or (lone in self.compiled.free and not other.names & self.reader.strong)
                if sets and lone not in symbols_in(other.expression):
                    if not settings or lone in settings[-1]:
                        settings.append({})
                    settings[-1][lone] = other.expression
        for together in settings:
            for values in (together, *({k: v} for k, v in together.items())):
                for case in (self.situation.main, *self.situation.others):
                    sampled = set_to(self.situation, self.compiled, case, values)
                    if sampled is not None and _is_alike(left.expression, right.expression, sampled):
                        return True
        return False

    def is_conditional(self, item: Relation) -> bool:
        """Does the sentence suppose something that its case does not say anyway?"""
        if not _CONDITIONAL.search(item.words):
            return False
        if _DENIED.search(item.words):
            return True
        found = False
        for other in self.sentence(item):
            if other.chain == item.chain:
                continue
            try:
                left, right = self.side(other.left), self.side(other.right)
                if (left.names | right.names) & self.reader.strong:
                    continue
                found = True
                relation = Expr("rel", (left.expression, right.expression), other.sign, left.whole.shape)
                if not any(self._is_true(relation, w) for w in self.admitted(item)):
                    return True
            except (Unreadable, Misshapen, OutOfBudget, Unsupported):
                return True
        return not found and not re.search(self.situation.main.words or r"(?!)", item.words, re.IGNORECASE)

    def _is_true(self, relation: Expr, sampled: SampledCase) -> bool:
        return bool(truth_of(relation, {}, sampled.batch.values, sampled.batch.count).all())

    def sentence(self, item: Relation) -> Iterator[Relation]:
        """Relations before it in the same sentence, and those of its own formula that state no equation."""
        for other in self.relations:
            same = other.words == item.words or (other.words and item.words.startswith(other.words))
            if same and other.at <= item.at and other is not item:
                yield other

    def around(self, item: Relation) -> str:
        """The words near a relation: its paragraph, and the one before where that is a formula alone."""
        at = min(item.at, max(0, len(self.body) - 1))
        edges = [0, *(m.end() for m in _PARAGRAPH.finditer(self.body)), len(self.body)]
        k = max(i for i, e in enumerate(edges[:-1]) if e <= at)
        own = self.body[edges[k] : edges[k + 1]]
        before = self.body[edges[k - 1] : edges[k]] if k else ""
        return own if re.search(r"[a-z]{4,}", re.sub(r"\\[A-Za-z]+|\$[^$]*\$", " ", own)) else f"{before} {own}"

    # --- where it holds

    def admitted(self, item: Relation) -> tuple[SampledCase, ...]:
        """Where it may have been meant to hold, without its directions."""
        others = [
            case
            for case in self.situation.others
            if self.situation.open_cases or (case.words and re.search(case.words, self.around(item), re.IGNORECASE))
        ]
        return tuple(self.compiled.samples[case.name][0] for case in (self.situation.main, *others))

    def anywhere(self, left: _Read, right: _Read, item: Relation) -> str:
        """In which case it holds; empty if in none in which it may have been meant."""
        one, two = left.expression, right.expression
        if one == two:
            return "the same expression"
        if self._is_solving(left, right) and all(_is_alike(one, two, w) for w in self.compiled.solved[:1]):
            return "at the solution"
        if _has_cases(left.node) or _has_cases(right.node):
            # it says itself where it holds, and so has to hold in every case
            cases = [self.compiled.samples[c.name] for c in (self.situation.main, *self.situation.others)]
            return "in every case" if all(any(_is_alike(one, two, w) for w in samples) for samples in cases) else ""
        varying = (symbols_in(one) | symbols_in(two)) & set(self.compiled.differentials.values())
        held: set[str] = set()
        for sampled in self.admitted(item):
            if sampled.case.name not in self.cases.get(item.chain, {sampled.case.name}):
                continue  # the links before it hold in other cases, and a chain is about one
            for here in self.compiled.samples[sampled.case.name] if varying else (sampled,):
                still = here is not self.compiled.samples[self.situation.main.name][0]
                if _is_alike(one, two, here) and not (
                    still and _is_empty(one, here) and not _has_zero(left.node) and not _has_zero(right.node)
                ):
                    held.add(sampled.case.name)
                    break
        if held:
            self.cases[item.chain] = held
            return "exact evaluation at points"
        if self.in_place and item.chain and self._holds_after(one, two, item):
            return "for the values after the step"
        return ""

    def _holds_after(self, one: Expr, two: Expr, item: Relation) -> bool:
        """Where a text writes the step in place, its names may mean what they are after it."""
        moved = {k: v for k, v in self.compiled.moved.items() if k in self.compiled.free}
        there = {k: expanded(Expr("sym", (), v, one.shape), self.reader.meanings) for k, v in moved.items()}
        for a, b in ((one, _replaced(two, there)), (_replaced(one, there), two)):
            if any(_is_alike(a, b, w) for w in self.admitted(item)[:1]):
                return True
        return False

    def confirm(self, left: _Read, right: _Read) -> None:
        """A place that a valid step speaks of by a name: the name means the place."""
        for name in self.situation.soft:
            keys = {key_of(name), self.compiled.moved.get(key_of(name), "")} - {""}
            if keys & (left.names | right.names):
                self.sure.add(name)

    def counterexample(self, left: _Read, right: _Read, item: Relation) -> tuple[str, Violation] | None:
        """A point in small numbers at which the sides differ, computed exactly, and the name of its case."""
        samples = list(self.admitted(item))
        if _has_cases(left.node) or _has_cases(right.node):
            samples = [self.compiled.samples[c.name][0] for c in (self.situation.main, *self.situation.others)]
        if self._is_solving(left, right):
            samples = [self.compiled.solved[0]]
        for sampled in samples:
            gap = _gap(left.expression, right.expression, sampled)
            places = np.flatnonzero(gap > APART)
            for k in places[np.argsort(sampled.cost[places], kind="stable")][:TRIED]:
                found = _exactly(left.expression, right.expression, sampled, int(k))
                if found is not None:
                    return sampled.case.name, found
        return None


def shown_steps(answer: object, situation: Situation, *, said: str = "") -> tuple[Step, ...]:
    """The equations above a final answer, decided. answer: what the write-up hands over for a part. said: the final answer, which is judged
    elsewhere, so that nothing is said of it twice. Raises ValueError for a situation that cannot be read."""
    body, state = str(getattr(answer, "body", "")), getattr(answer, "state", "typed")
    if state != "typed" or not STATES.search(body):
        return ()
    start = int(getattr(answer, "start", 0) or 0)
    return Following(body, max(1, start), situation, said).run()


def shown_remarks(answer: object, situation: Situation, *, said: str = "") -> tuple[str, ...]:
    """A sentence for each equation above a final answer that is surely false, with numbers that show it."""
    steps = shown_steps(answer, situation, said=said)
    if not steps:
        return ()
    names = {s.key: s.name.lstrip("\\") for s in compile_situation(situation).table.declared}
    return tuple(dict.fromkeys(_sentence(s, names) for s in steps if s.verdict == "false"))


def _sentence(step: Step, names: Mapping[str, str]) -> str:
    found = step.found
    assert found is not None
    point = ", ".join(f"{names[k]} = {_shown(v)}" for k, v in found.values.items())
    where = f" ({step.how})" if step.how else ""
    return (
        f"Line {step.line}: `{step.text}` does not hold: for {point}{where} the left side is {_shown(found.left)} "
        f"and the right side is {_shown(found.right)}."
    )


def _shown(value: object) -> str:
    if isinstance(value, Fraction):
        return str(value)
    return f"{float(value):.6g}"  # type: ignore[arg-type]


def _bare(text: str) -> str:
    """Without everything that is only seen."""
    return re.sub(r"[\s$.,;&]|\\(?:left|right|displaystyle|boxed|[,;!:])(?![A-Za-z])", "", text)


def _replaced(e: Expr, values: Mapping[str, Expr]) -> Expr:
    keys = symbols_in(e)
    return substituted(e, {k: values.get(k, Expr("sym", (), k, e.shape)) for k in keys}) if keys & values.keys() else e


def _gap(one: Expr, two: Expr, sampled: SampledCase) -> NDArray[np.float64]:
    """Relative differences at the points of a sampled; not a number where a side has no value."""
    a, b = (value_of(e, sampled.batch.values, sampled.batch.count)[:, 0, 0] for e in (one, two))
    with np.errstate(all="ignore"):
        return np.asarray(np.abs(a - b) / np.maximum(np.maximum(np.abs(a), np.abs(b)), 1e-3))


def _is_alike(one: Expr, two: Expr, sampled: SampledCase, where: NDArray[np.bool_] | None = None) -> bool:
    gap = _gap(one, two, sampled)
    sound = np.isfinite(gap) if where is None else np.isfinite(gap) & where
    return bool(sound.any()) and bool((gap[sound] <= APART).all())


def _is_empty(e: Expr, sampled: SampledCase) -> bool:
    return not np.any(value_of(e, sampled.batch.values, sampled.batch.count))


def _has_zero(node: Node) -> bool:
    """Is a 0 written in it?"""
    return (node.op == "num" and node.data == 0) or any(map(_has_zero, node.args))


def _has_cases(node: Node) -> bool:
    """Does it say what it is case by case?"""
    return node.op == "cases" or any(map(_has_cases, node.args))


def _quotients(node: Node) -> int:
    """Fractions among the terms of a sum."""
    if node.op == "neg":
        return _quotients(node.args[0])
    if node.op == "add":
        return sum(_quotients(a) for a in node.args)
    divided = node.op == "prod" and "/" in (node.data or ())
    return int(divided or node.op in ("frac", "div") or (node.op == "prod" and any(a.op in ("frac", "div") for a in node.args)))


def _exactly(one: Expr, two: Expr, sampled: SampledCase, k: int) -> Violation | None:
    """The difference at a point, in fractions where they do; with 50 digits else."""
    keys = symbols_in(one) | symbols_in(two)
    whole = needs(one) | needs(two)
    ring = Real() if whole & {"real", "constant"} else Exact()
    values = {key: Fraction(float(batch[k, 0, 0])).limit_denominator(10**6) for key, batch in sampled.batch.values.items() if key in keys}
    point = Point(ring, {}, {key: ring.const(v) for key, v in values.items()})
    try:
        a, b = value_at(one, point), value_at(two, point)
    except (Undefined, Unsupported, ZeroDivisionError):
        return None
    return None if is_same_value(ring, a, b) else Violation({}, values, a, b)


__all__ = ["Following", "shown_remarks", "shown_steps"]
