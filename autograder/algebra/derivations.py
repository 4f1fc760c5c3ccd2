"""A derivation judged: followed step by step, scored by what it reaches, with the first false step and numbers that show it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, runtime_checkable

from autograder.algebra.bounds import Domain, Introduced, alike, fingerprint, used, violation
from autograder.algebra.chains import (
    Notation,
    Side,
    Step,
    decided,
    declared,
    expressions,
    one_name_squared,
    read_side,
    single_name,
    slope_of,
    three_names,
)
from autograder.algebra.differentials import substituted
from autograder.algebra.evaluate import Point, value_at
from autograder.algebra.expression import Expr, Misshapen, definition, read_expected
from autograder.algebra.rings import Real, Undefined, Unsupported
from autograder.algebra.rubric import Rubric, Setting, Waypoint, bindings, key_of, rewritten, sequence_letters, setting, typed_names
from autograder.algebra.steps import Formula, Relation, Text, statements_of
from autograder.algebra.symbols import ONE, SCALAR
from autograder.errors import OutOfBudget, Unreadable
from autograder.verdict import Json, Verdict, correct, incorrect, missing, partial, undecided

FALSE_STEP: Final = 0.2
"""Of the points, for the first step that is false."""
FURTHER_STEP: Final = 0.1
"""For each further one: mistakes are carried on."""
SLIP_OF_THE_PEN: Final = 0.05
"""Of the points, for a false step that is explained by a slip of the pen: brackets left out, something transposed."""
PEN: Final = frozenset({"missing_parentheses", "transposed", "shape"})
MOST_LOST: Final = 0.6
"""Of the points, to false steps together."""
ARGUED: Final = 4
"""Valid steps, other than the claim in other arrangements, from which on there may be a route that the rubric does not know."""
WORDY: Final = 40
"""Words of prose from which on an argument may stand in the words alone."""
MAX_SHOWN: Final = 300
"""Characters of a quoted step."""
_ASSUMES: Final = re.compile(r"\b(assum(?:e|ing|es)|suppos(?:e|ing)|let|choose|pick|consider)\b", re.IGNORECASE)
_NEAR: Final = re.compile(
    r"\b(if|when|whenever|provided|given|for|where|with|under|as long as|because we (?:assume|choose))(?:\s+(?:that|any|some|all|which|a|the|we have|only))*\W*$",
    re.IGNORECASE,
)
_CASES: Final = re.compile(
    r"\b(contradiction|case|either|otherwise|wlog|without loss|unless|would|were|hypothesis|inductive|induction)\b", re.IGNORECASE
)
_CLAUSE: Final = re.compile(
    r"\b(?:then|so|therefore|hence|thus|we (?:have|get|obtain)|gives?|implies|it follows)\b|[:;]|§\s*[.,]?\s*(?=[A-Z])", re.IGNORECASE
)
_DEFINES: Final = re.compile(r"\b(let|define|defined|denote|denoting|write|where|set|call|with|put|as)\b", re.IGNORECASE)
_SPLITS: Final = re.compile(r"decompos|\bsvd\b|singular value|factor|diagonali[sz]|spectral|eigen|written as", re.IGNORECASE)
_TIMES: Final = re.compile(r"(?<=[\s}*])x(?=\s+[A-Za-z\\{])")
_RESTRICTS: Final = re.compile(r"full (?:column |row )?rank|linearly independent columns|invertible (?:F|X|matrix F)", re.IGNORECASE)


@runtime_checkable
class DerivationLike(Protocol):
    """What the write-up hands over for a part."""

    @property
    def text(self) -> str:
        """The final answer as typed."""
        ...

    @property
    def body(self) -> str:
        """The whole part."""
        ...

    @property
    def state(self) -> str:
        """`typed`, `missing`, `image` or `foreign`."""
        ...

    @property
    def start(self) -> int:
        """Line on which the body begins."""
        ...


@dataclass(frozen=True)
class Followed:
    """A derivation followed with one choice of letters."""

    steps: tuple[Step, ...]
    reached: frozenset[str]
    binding: Mapping[str, str]
    setting: Setting
    introduced: tuple[Introduced, ...]

    def count(self, verdict: str) -> int:
        """How many steps have a verdict."""
        return sum(s.verdict == verdict for s in self.steps)


def derivation(answer: DerivationLike, rubric: Rubric) -> Verdict:
    """Is this a valid derivation of what the rubric asks for?

    Every relation is decided on its own; which route is taken does not matter, only what is reached. `correct` if all waypoints are reached and no
    step is false; `partial` with the first false step, or with what is missing; `undecided` where too little could be read. A step is called false only with a
    counterexample (evidence of kind `steps`). Raises ValueError for a rubric that cannot be read.
    """
    if answer.state == "missing":
        return missing()
    if answer.state == "image":
        return undecided("This part was handed in as an image: a person reads it.", read="Found an image where a derivation was due.")
    if answer.state == "foreign":
        return undecided("This looks like another homework: a person looks at it.", read="The write-up looks like another homework.")
    text = statements_of(answer.body, max(1, answer.start))
    if not re.search(r"[^\W_]", answer.body) or not (text.items or text.words):
        return missing()
    return _verdict(follow(text, answer.body, answer.text, rubric), text, rubric)


def follow(text: Text, body: str, final: str, rubric: Rubric) -> Followed:
    """Every step decided, with the letters under which most of it holds."""
    best: Followed | None = None
    present = typed_names(_formulas(text))
    for binding in bindings(rubric, present):
        try:
            here = _followed(text, body, final, rubric, binding, present)
        except ValueError:
            continue  # these letters clash with declared ones
        if best is None or _rank(here) < _rank(best):
            best = here
    assert best is not None
    return best


def _formulas(text: Text) -> Iterator[str]:
    for item in text.items:
        if isinstance(item, Relation):
            yield item.left
            yield item.right
        else:
            yield item.text


def _rank(one: Followed) -> tuple[int, int, int]:
    return (one.count("unreadable") + 2 * one.count("false") - one.count("holds"), one.count("false"), len(one.binding))


class _Walk:
    """One pass over a derivation: what has been introduced and assumed so far, and the steps decided."""

    def __init__(self, rubric: Rubric, chosen: Setting, body: str, present: frozenset[str]) -> None:
        self.rubric = rubric
        self.chosen = chosen
        self.notation: Notation = chosen.notation
        self.domains: tuple[Domain, ...] = chosen.domains
        self.letters = sequence_letters(body, rubric.sequence) if rubric.sequence else None
        self.steps: list[Step] = []
        self.present = present
        self.lone_x = len(re.findall(r"(?<![A-Za-z\\_^{])x(?![A-Za-z])", body)) == 1
        # a single x, between two factors, is a sign of multiplication
        self.carried: dict[str, Side] = {}
        self.hypothetical = False
        self._prints: _Prints | None = None
        self.matrix: tuple[str, Expr] | None = None
        self.names = {s.key: s.name for s in chosen.table.declared}

    @property
    def prints(self) -> _Prints:
        """Fingerprints at points of where the derivation ends."""
        if self._prints is None or self._prints.domain != self.domains[0]:
            self._prints = _Prints(replace(self.domains[0], assumed=()))
        return self._prints

    def put(self, text: str) -> str:
        """A side in the rubric's names for iterates."""
        return rewritten(text, self.rubric.sequence, self.letters) if self.rubric.sequence and self.letters else text

    def side(self, text: str) -> Side:
        side = self.carried.get(text) or read_side(self.put(text), self.notation)
        if side.unknown == "x" and self.lone_x:
            again = read_side(_TIMES.sub(" ", self.put(text)), self.notation)
            side = again if not again.unread else side
        return side

    # --- what is no relation

    def formula(self, item: Formula) -> None:
        if item.broken and item.relational:
            self.steps.append(Step(item.line, _shown(item.text), "unreadable", item.broken))
            return
        if item.broken:
            return
        names = three_names(self.put(item.text))
        if names and self.matrix is not None and _SPLITS.search(item.words) and self.decompose(names, self.matrix[1]):
            return
        side = self.side(item.text)
        if side.node is None or side.operator:
            return
        e = self.first(side)
        if e is not None and ONE not in e.shape and not (side.node.op == "sym"):
            self.matrix = (item.text, e)

    def first(self, side: Side) -> Expr | None:
        """A side typed on its own, if it can be."""
        if side.expression is not None:
            return side.expression
        if side.node is None:
            return None
        try:
            for e in expressions(side, self.notation):
                return e if isinstance(e, Expr) else None
        except OutOfBudget:
            return None
        return None

    def decompose(self, names: tuple[str, str, str], source: Expr) -> bool:
        """`source = U S V^T` with names that are new; False if it is nothing of the kind."""
        keys: list[str] = []
        table, base = self.notation.table, self.domains[0].table
        same = names[0].replace(" ", "") == names[2].replace(" ", "")
        rows, columns = source.shape
        if ONE in source.shape or same and rows != columns:
            return False
        shapes = [(rows, rows), (rows, columns), (columns, columns)][: 2 if same else 3]
        for typed, shape in zip(names, shapes, strict=False):
            found = single_name(typed)
            if found is None or self.chosen.table.exact(found[0]) is not None:
                return False
            table, key = declared(table, found[0], typed, shape)
            base, _ = declared(base, found[0], typed, shape)
            keys.append(key)
        if same and not self.symmetric(source):
            return False
        one = Introduced("eigen" if same else "svd", tuple(keys), source, tuple(names[: len(keys)]))
        meanings = {k: v for k, v in self.notation.meanings.items() if k not in keys}
        self.notation = replace(self.notation, table=table, meanings=meanings)
        kept = tuple(i for i in self.domains[0].introduced if not set(i.keys) & set(keys))
        self.domains = tuple(replace(d, table=base, introduced=(*kept, one)) for d in self.domains)
        self.names |= {k: t for k, t in zip(keys, names, strict=False)}
        return True

    def root(self, typed: str, kind: str, source: Expr) -> bool:
        """`source = L L^T` with a name that is new."""
        found = single_name(typed)
        if found is None or self.notation.table.exact(found[0]) is not None or ONE in source.shape or source.shape[0] != source.shape[1]:
            return False
        if not self.symmetric(source):
            return False
        table, key = declared(self.notation.table, found[0], typed, source.shape)
        base, _ = declared(self.domains[0].table, found[0], typed, source.shape)
        self.notation = replace(self.notation, table=table)
        one = Introduced(kind, (key,), source, (typed,))
        self.domains = tuple(replace(d, table=base, introduced=(*d.introduced, one)) for d in self.domains)
        return True

    def chosen_freely(self, step: Step) -> bool:
        """`Gamma = ...` for a symbol that the problem fixes by a constraint alone: does the constraint hold for this choice?"""
        one, two = (s.expression if s else None for s in (step.left, step.right))
        if one is None or two is None or step.sign != "=":
            return False
        table, domain = self.chosen.table, self.domains[0]
        for name, value in ((one, two), (two, one)):
            if name.op != "sym" or name.data in used(value) or not table.constraints:
                continue
            sides = [[read_expected(side, table) for side in text.split("=")] for text in table.constraints]
            if not any(name.data in used(a, b) for a, b in sides):
                continue
            try:
                kept = all(
                    violation(substituted(a, {name.data: value}), "=", substituted(b, {name.data: value}), domain) is None for a, b in sides
                )
            except (Unsupported, Misshapen):
                return False
            if kept:
                more = tuple(replace(d, values=(*d.values, (name.data, value))) for d in self.domains)
                self.domains = (*self.domains, *more)
                return True
        return False

    def symmetric(self, e: Expr) -> bool:
        flipped = Expr("transpose", (e,), None, (e.shape[1], e.shape[0]))
        try:
            return alike(fingerprint(e, self.domains[0]), fingerprint(flipped, self.domains[0]))
        except Unsupported:
            return False

    # --- relations

    def relation(self, item: Relation) -> None:
        step = Step(item.line, _shown(item.text), "unreadable", sign=item.sign, chain=item.chain)
        clause = _CLAUSE.split(item.words)[-1]
        if _CASES.search(item.words):
            self.hypothetical = True
        if item.sign == "=" and self.introduced(item, step):
            return
        left, right = self.side(item.left), self.side(item.right)
        if left.misfit or right.misfit:
            self.steps.append(replace(step, how="a side does not fit, as said above", left=left, right=right))
            return
        step = decided(step, left, right, self.notation, self.domains)
        for typed, side in ((item.left, step.left), (item.right, step.right)):
            if side is not None and (
                side.misfit or step.slip == "missing_parentheses" and side.node is not read_side(self.put(typed), self.notation).node
            ):
                self.carried[typed] = side
        assumed = _ASSUMES.search(clause) or _NEAR.search(clause)
        if step.verdict == "false" and not step.shapes:
            own = {k for side in (step.left, step.right) if side for k in side.mentions}
            if own & (self.notation.meanings.keys() - {k for k in self.notation.meanings if k in (own and set())}) and _redefines(
                item, self.notation
            ):
                step = replace(step, verdict="unreadable", how="the name stood for something else before", slip="two_meanings", found=None)
            elif self.chosen_freely(step):
                step = replace(step, verdict="holds", how="a choice that the problem leaves open", found=None)
            elif assumed and not self.ranged(step):
                self.assume(step)
                step = replace(
                    step, verdict="unreadable", how="an assumption that the problem does not make", slip="assumption", found=None
                )
            elif self.hypothetical:
                step = replace(step, verdict="unreadable", how="it may rest on what was supposed before", found=None)
        self.steps.append(step)

    def ranged(self, step: Step) -> bool:
        """Does it say how large something may be whose range the problem gives?"""
        if step.sign == "=" or step.left is None or step.right is None:
            return False
        limited = {key for key, _ in self.domains[0].uppers}
        return any(side.node is not None and side.node.op == "sym" and side.node.data in limited for side in (step.left, step.right))

    def assume(self, step: Step) -> None:
        """What is assumed beyond the problem narrows where later steps have to hold."""
        one, two = (s.expression if s else None for s in (step.left, step.right))
        if one is None or two is None or one.shape != two.shape or any(s is not None and s.operator for s in (step.left, step.right)):
            self.hypothetical = True
            return
        self.domains = tuple(replace(d, assumed=(*d.assumed, (one, step.sign, two))) for d in self.domains)

    def introduced(self, item: Relation, step: Step) -> bool:
        """`A = ...` with a new name: a definition, and so no claim. Also `F = U S V^T`."""
        for typed, other in ((item.left, item.right), (item.right, item.left)):
            names = three_names(self.put(typed)) or one_name_squared(self.put(typed))
            if names is None:
                continue
            side = self.side(other)
            e = self.first(side) if side.node is not None else None
            if e is not None and (self.decompose(names, e) if len(names) == 3 else self.root(names[0], names[1], e)):
                self.steps.append(replace(step, verdict="holds", how="a decomposition that exists", left=side, right=Side(typed)))
                return True
        for typed, other in ((item.left, item.right), (item.right, item.left)):
            found = single_name(self.put(typed))
            if found is None:
                continue
            name, argument = found
            again = name.key in self.notation.meanings and (item.defines or _DEFINES.search(item.words) is not None)
            if self.notation.table.find(name) is not None and not again:
                continue
            if name.base in self.notation.table.dimensions or name.base in ("I", "e", "pi") and not name.accents:
                continue
            side = self.side(other)
            if side.node is None or side.operator or name.key in side.mentions:
                continue
            e = self.first(side)
            if e is None:
                continue
            table, key = declared(self.notation.table, name, typed.strip(), e.shape, argument)
            self.notation = replace(self.notation, table=table, meanings={**self.notation.meanings, key: e})
            kept = replace(side, expression=e)
            self.steps.append(
                replace(
                    step,
                    verdict="holds",
                    how=f"a definition of {typed.strip()}",
                    left=Side(typed, mentions=frozenset({key}), expression=e),
                    right=kept,
                )
            )
            return True
        return False


def _redefines(item: Relation, notation: Notation) -> bool:
    found = single_name(item.left)
    return found is not None and found[0].key in notation.meanings


def _followed(text: Text, body: str, final: str, rubric: Rubric, binding: tuple[tuple[str, str], ...], present: frozenset[str]) -> Followed:
    walk = _Walk(rubric, setting(rubric, binding), body, present)
    for item in text.items:
        if isinstance(item, Formula):
            walk.formula(item)
        else:
            walk.relation(item)
    steps = tuple(walk.steps)
    if _RESTRICTS.search(text.prose):
        steps = tuple(
            replace(s, verdict="unreadable", how="it may rest on the rank that the text supposes", found=None)
            if s.verdict == "false" and not s.shapes
            else s
            for s in steps
        )
    reached = frozenset(w.name for w in rubric.waypoints if _reached(w, steps, final, walk))
    reached |= {name for w in rubric.waypoints for name in w.implied_by if w.name in reached}
    return Followed(steps, reached, dict(binding), walk.chosen, tuple(i for i in walk.domains[0].introduced if i.kind != "singular"))


# --- what is reached


def _reached(waypoint: Waypoint, steps: tuple[Step, ...], final: str, walk: _Walk) -> bool:
    if any(_reached(other, steps, final, walk) for other in waypoint.either):
        return True
    table = walk.chosen.table
    valid = [s for s in steps if s.verdict == "holds"]
    away = {key_of(n) if n not in ("block", "eye") else n for n in waypoint.away_from}
    mentions = {key_of(n) if n not in ("block", "eye") else n for n in waypoint.mentions}
    without = {key_of(n) if n not in ("block", "eye") else n for n in waypoint.without}
    prints = walk.prints
    for text in waypoint.values:
        value = read_expected(text, table)
        chains: dict[int, list[Side]] = {}
        for s in steps:
            for side in (s.left, s.right):
                if side is None or side.expression is None or side.operator or not prints.same(side.expression, value):
                    continue
                if s.verdict == "holds":
                    chains.setdefault(s.chain, []).append(side)
        for sides in chains.values():
            if not away:
                if any((not mentions or side.mentions & mentions) and not side.mentions & without for side in sides):
                    return True
                continue
            through = any(side.mentions & away for side in sides)
            if through and any(not side.mentions & away and (not mentions or side.mentions & mentions) for side in sides):
                return True
    for text in waypoint.residuals:
        left, right = (read_expected(side, table) for side in text.split("="))
        residual = _difference(left, right)
        if any(_says(s, residual, prints, walk) for s in valid if s.sign == "="):
            return True
    for low, high in waypoint.bounds:
        one, two = read_expected(low, table), read_expected(high, table)
        if _bounded(valid, one, two, prints, walk):
            return True
    if waypoint.final:
        ends = [s.right for s in steps[-1:] if s.right is not None] + [read_side(walk.put(_last_side(final)), walk.notation)]
        for side in ends:
            e = walk.first(side) if side.node is not None and not side.operator else None
            if e is not None and not side.mentions & without and any(prints.same(e, read_expected(t, table)) for t in waypoint.values):
                return True
    return False


def _last_side(final: str) -> str:
    found = statements_of(re.sub(r"^([\s$]*)&?\s*=", r"\1", final))
    for item in reversed(found.items):
        return item.right if isinstance(item, Relation) else item.text
    return final


class _Prints:
    """Fingerprints, each computed once."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.known: dict[Expr, Any] = {}

    def of(self, e: Expr) -> Any:
        if e not in self.known:
            try:
                self.known[e] = fingerprint(e, self.domain)
            except (Unsupported, KeyError, OutOfBudget):
                self.known[e] = None
        return self.known[e]

    def same(self, one: Expr, two: Expr, *, scaled: bool = False) -> bool:
        if one.shape != two.shape:
            return False
        if one == two:
            return True
        a, b = self.of(one), self.of(two)
        return a is not None and b is not None and alike(a, b, scaled=scaled)


def _difference(one: Expr, two: Expr) -> Expr:
    from autograder.algebra.decide import difference

    return difference(one, two)


def _says(step: Step, residual: Expr, prints: _Prints, walk: _Walk) -> bool:
    """Does an equation say that a residual is zero?"""
    left, right = step.left, step.right
    if left is None or right is None or left.expression is None or right.expression is None:
        return False
    variable = left.variable or right.variable
    if variable:
        operated, other = (left, right) if left.operator else (right, left)
        assert operated.expression is not None
        assert other.expression is not None
        try:
            slope = slope_of(operated.expression, variable, walk.notation)
        except Misshapen:
            return False
        direction = Expr("sym", (), walk.notation.differentials[variable], residual.shape)
        row = Expr("transpose", (residual,), None, (residual.shape[1], residual.shape[0])) if residual.shape != SCALAR else residual
        along = Expr("matmul" if residual.shape != SCALAR else "mul", (row, direction), None, SCALAR)
        stated = operated.operator == "argmin" or other.expression.op in ("zeros", "num")
        return stated and prints.same(slope, along, scaled=True)
    if left.expression.shape != residual.shape or right.expression.shape != residual.shape:
        return False
    return prints.same(_difference(left.expression, right.expression), residual, scaled=True)


def _bounded(valid: list[Step], low: Expr, high: Expr, prints: _Prints, walk: _Walk) -> bool:
    """Is there a chain of valid steps that leads from a value at most up to another?"""
    chains: dict[int, list[Step]] = {}
    for s in valid:
        chains.setdefault(s.chain, []).append(s)
    for steps in chains.values():
        rising = False
        falling = False
        for s in steps:
            if s.left is None or s.right is None or s.left.expression is None or s.right.expression is None:
                continue
            one, two = s.left.expression, s.right.expression
            rising = rising or prints.same(one, low)
            falling = falling or prints.same(one, high)
            if rising and s.sign in ("=", "<", "<=") and prints.same(two, high):
                return True
            if falling and s.sign in ("=", ">", ">=") and prints.same(two, low):
                return True
    return False


# --- the verdict


def _verdict(followed: Followed, text: Text, rubric: Rubric) -> Verdict:
    steps = followed.steps
    false = [s for s in steps if s.verdict == "false"]
    unread = [s for s in steps if s.verdict == "unreadable"]
    lacking = [w for w in rubric.waypoints if w.name not in followed.reached]
    evidence = _evidence(steps, followed)
    read = _read(followed, text)
    remarks = _remarks(followed, unread)
    if not lacking and not false:
        return correct("Every step that could be checked holds.", method=_method(steps), read=read, evidence=evidence).with_remarks(
            *remarks
        )
    unclear = bool(unread) or not text.complete
    open_ = unclear or text.words >= WORDY or _argued(steps, followed, rubric) >= ARGUED
    share = sum(w.weight for w in rubric.waypoints if w.name in followed.reached)
    if false:
        if unclear:
            share += sum(w.weight for w in lacking if not w.final)
        pen = sum(s.slip in PEN for s in false)
        lost = pen * SLIP_OF_THE_PEN + (FALSE_STEP + FURTHER_STEP * (len(false) - pen - 1) if pen < len(false) else 0.0)
        share = max(0.0, share - min(lost, MOST_LOST))
        first = false[0]
        message = _complaint(first, followed)
        more = [_complaint(s, followed) for s in false[1:]]
        slip = first.slip or None
        if lacking:
            more.append(_lack(lacking))
        if share <= 0:
            return incorrect(message, evidence=evidence, slip=slip, method="counterexample", read=read).with_remarks(*more, *remarks)
        return partial(round(min(share, 0.95), 4), message, evidence=evidence, slip=slip, method="counterexample", read=read).with_remarks(
            *more, *remarks
        )
    ended = any(w.final and w.name in followed.reached for w in rubric.waypoints)
    if open_ and (ended or unclear and unread and unread[-1] is steps[-1] or not steps):
        notes = [_lack(lacking), *remarks] if steps else remarks
        return replace(
            undecided("Too little of this could be read to decide it: a person reads this derivation.", read=read, evidence=evidence)
        ).with_remarks(*notes)
    if open_ and share <= 0:
        return undecided(
            "Too little of this could be read to decide it: a person reads this derivation.", read=read, evidence=evidence
        ).with_remarks(*remarks)
    alone = all(w.final for w in rubric.waypoints if w.name in followed.reached)
    message = "The claim is stated, but not derived." if alone and share > 0 else _lack(lacking)
    if share <= 0 or alone:
        return incorrect(message, evidence=evidence, slip="not_derived" if alone and share > 0 else "incomplete", read=read).with_remarks(
            *remarks
        )
    return partial(
        round(min(share, 0.95), 4),
        message,
        evidence=evidence,
        slip="incomplete",
        method="every step holds, but not all is there",
        read=read,
    ).with_remarks(*remarks)


def _argued(steps: tuple[Step, ...], followed: Followed, rubric: Rubric) -> int:
    """Valid steps that speak of more than the claim does."""
    claim: set[str] = set()
    for waypoint in rubric.waypoints:
        if waypoint.final:
            for text in (*waypoint.values, *(t for pair in waypoint.bounds for t in pair)):
                claim |= read_side(text, followed.setting.notation).mentions
    found = set()
    for s in steps:
        if s.verdict == "holds" and s.left is not None and s.right is not None and (s.left.mentions | s.right.mentions) - claim:
            found.add((s.left.text, s.right.text))
    return len(found)


def _lack(lacking: list[Waypoint]) -> str:
    return f"Not found among the steps: {'; '.join(w.name for w in lacking)}."


def _method(steps: tuple[Step, ...]) -> str:
    holds = [s for s in steps if s.verdict == "holds"]
    sampled = sum("tilted" in s.how or "no violation" in s.how for s in holds)
    exact = len(holds) - sampled
    parts = [f"{exact} steps exactly"] if exact else []
    parts += [f"{sampled} without a violation in tilted samples"] if sampled else []
    return "step by step: " + ", ".join(parts or ["nothing to check"])


def _read(followed: Followed, text: Text) -> str:
    counts = f"{len(followed.steps)} steps read: {followed.count('holds')} hold, {followed.count('false')} false, {followed.count('unreadable')} left to a person."
    bound = "; ".join(f"{letter} is read as {name}" for letter, name in followed.binding.items())
    return f"{counts} {bound[:1].upper()}{bound[1:]}." if bound else counts


def _remarks(followed: Followed, unread: list[Step]) -> list[str]:
    out = [
        f"Line {s.line}: `{s.text}` holds with ≤, but both sides can be equal."
        for s in followed.steps
        if s.slip == "strict" and s.verdict == "holds"
    ]
    out += [f"Line {s.line}: `{s.text}` could not be checked: {s.how}." for s in unread[:6]]
    if len(unread) > 6:
        out.append(f"{len(unread) - 6} more steps could not be checked.")
    return out


def _complaint(step: Step, followed: Followed) -> str:
    head = f"Line {step.line}: `{step.text}`"
    if step.slip == "missing_parentheses":
        return f"{head} lacks brackets: {step.how.replace('? × ?', 'a square matrix')}."
    if step.shapes:
        return f"{head}: the shapes do not fit: {step.how}."
    found = step.found
    assert found is not None
    values = _values(step, followed)
    point = ", ".join(f"{name} = {_text(value)}" for name, value in values.items() if name not in (LEFT, RIGHT))
    if any(side is not None and side.operator for side in (step.left, step.right)):
        return f"{head} does not hold: for {point} the two sides differ in that direction, {_text(values[LEFT])} against {_text(values[RIGHT])}."
    return f"{head} does not hold: for {point} the left side is {_text(values[LEFT])} and the right side is {_text(values[RIGHT])}."


LEFT: Final = "left side"
RIGHT: Final = "right side"
DIGITS_SHOWN: Final = 12


def _number(x: Any) -> Json:
    value = float(x)
    near = round(value)
    if abs(value - near) <= 1e-14 * max(1.0, abs(value)) and abs(near) < 10**15:
        return int(near)
    return float(f"{value:.{DIGITS_SHOWN}g}")


def _json(value: Any) -> Json:
    return [[_number(x) for x in row] for row in value] if isinstance(value, list) else _number(value)


def _text(value: Json) -> str:
    if isinstance(value, list):
        if all(len(row) == 1 for row in value):
            return "[" + ", ".join(f"{row[0]:.4g}" for row in value) + "]ᵀ" if len(value) > 1 else f"[{value[0][0]:.4g}]"
        return "[" + "; ".join(", ".join(f"{x:.4g}" for x in row) for row in value) + "]"
    return f"{value:.6g}"


def _values(step: Step, followed: Followed) -> dict[str, Json]:
    """What a person needs to replay a counterexample: every symbol that the sides are made of, and both values."""
    found = step.found
    assert found is not None
    table = followed.setting.table
    keys: set[str] = set()
    for side in (step.left, step.right):
        if side is not None and side.expression is not None:
            keys |= used(side.expression) | {k for k in side.mentions if k in table.definitions}
        if side is not None and side.operator:
            keys.add(followed.setting.notation.differentials[side.variable])
    for one in reversed(followed.introduced):
        if keys & set(one.keys):
            keys |= used(one.source)
    for key in list(keys):
        if key in table.definitions:
            keys |= used(definition(table, key))
    out: dict[str, Json] = {}
    for symbol in table.declared:
        if symbol.key not in keys:
            continue
        if symbol.key in table.definitions:
            try:
                value = value_at(definition(table, symbol.key), Point(Real(), found.sizes, found.values))
            except (Undefined, Unsupported, KeyError):
                continue
            out[symbol.name] = _json(value)
        elif symbol.key in found.values:
            out[symbol.name] = _json(found.values[symbol.key])
    for one in followed.introduced:
        for key, name in zip(one.keys, one.names, strict=True):
            if key in keys and key in found.values:
                out[name] = _json(found.values[key])
    out[LEFT] = _json(found.left)
    out[RIGHT] = _json(found.right)
    return out


def _evidence(steps: tuple[Step, ...], followed: Followed) -> dict[str, Json]:
    """Evidence of kind `steps`, see docs/schema.md."""
    listed: list[Json] = []
    for s in steps:
        witness: Json = None
        if s.verdict == "false":
            witness = {"shapes": s.how} if s.shapes else _values(s, followed)
        listed.append({"line": s.line, "text": s.text, "verdict": s.verdict, "witness": witness, "how": s.how, "slip": s.slip or None})
    return {"kind": "steps", "steps": listed}


def _shown(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + " …"


__all__ = ["Followed", "derivation", "follow"]
_unused = (Undefined, Unreadable)
