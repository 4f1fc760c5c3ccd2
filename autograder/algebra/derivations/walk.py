"""One pass over a derivation: what it introduces and assumes on its way, and each of its relations decided."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from autograder.algebra.calculus import differential
from autograder.algebra.derivations.chains import (
    Notation,
    Step,
    StepSide,
    closing,
    decided,
    declared,
    expressions,
    one_name_squared,
    read_side,
    single_name,
    three_names,
)
from autograder.algebra.derivations.counterexample import Fingerprints, fingerprint, is_alike, violation
from autograder.algebra.derivations.domain import Domain, Fixed, Introduced, TypedRelation
from autograder.algebra.derivations.iterates import rewritten, sequence_letters
from autograder.algebra.derivations.rubric import Rubric
from autograder.algebra.derivations.setting import Setting
from autograder.algebra.derivations.steps import Formula, Relation
from autograder.algebra.evaluation import Unsupported
from autograder.algebra.notation import read_expected
from autograder.algebra.symbols import ONE, SCALAR, key_of
from autograder.algebra.tree import Expr, Misshapen, occurring, substituted
from autograder.errors import OutOfBudget
from autograder.mathtext import Name, read_name

MAX_DIFFERENTIALS: Final = 12
"""Of one side."""
MAX_NAMES: Final = 200
"""Expressions of one derivation whose differentials are taken."""
MAX_FALSE: Final = 10
"""False steps after which the rest is left to a person."""
MAX_SHOWN: Final = 300
"""Characters of a quoted step."""
_BETWEEN: Final = r"(?:\s+(?:that|any|some|all|which|a|the|we have|only|also|now))*\W*$"
_ASSUMES: Final = re.compile(
    rf"\b(?:assum(?:e|es|ing)|suppos(?:e|ing))\b|\b(?:if|when|whenever|provided|as long as|let|choose|pick|take|consider|fix){_BETWEEN}",
    re.IGNORECASE,
)
_GIVEN: Final = re.compile(rf"\b(?:for|where|with|given|under){_BETWEEN}", re.IGNORECASE)
"""Before a formula about one of the problem's own symbols these assume; before any other they lead up to a claim."""
_CASES: Final = re.compile(r"\b(?:cases?|either|otherwise|unless|would|were)\b", re.IGNORECASE)
_IF: Final = re.compile(r"\b(?:if|when|whenever|suppos\w*|assum\w*|provided|in the case)\b", re.IGNORECASE)
_STABLE: Final = re.compile(r"diverg|converg|stable|blow|explod|small enough|sufficiently small", re.IGNORECASE)
"""What the problem says of the step size itself: no assumption."""
_SUPPOSED: Final = re.compile(r"\b(?:contradiction|case\s+\d|wlog|w\.l\.o\.g|without (?:any )?loss)", re.IGNORECASE)
"""What is supposed so holds until the end, as far as we can tell."""
_CLAUSE: Final = re.compile(
    r"\b(?:then|so|therefore|hence|thus|we (?:have|get|obtain)|gives?|implies|it follows)\b|[:;]|§\s*[.,]?\s*(?=[A-Z])", re.IGNORECASE
)
_AFRESH: Final = re.compile(
    r"\b(?:let|define|defined|denote|denoting|write|where|set|call|with|put|as|for|now|next|consider|take|choose|redefine|instead)\b"
    + _BETWEEN,
    re.IGNORECASE,
)
"""Right before a name: it starts afresh, whatever it stood for."""
_ANOTHER: Final = re.compile(
    r"\b(?:alternativ\w*|another|other way|method|approach|proof|attempt|similarly|likewise|analogous\w*|case|example|instead|now|next"
    r"|reus\w*|re-?defin\w*|again|lemma)\b|\n\s*(?:#|\([a-z0-9]+\)|\d+[.)])",
    re.IGNORECASE,
)
"""Between two definitions of a name: a new start."""
_SPLITS: Final = re.compile(r"decompos|\bsvd\b|singular value|factor|diagonali[sz]|spectral|eigen|written as", re.IGNORECASE)
_DIFFERENTIAL: Final = re.compile(
    r"(?<![A-Za-z\\_^{])(?:d|\\mathrm\s*\{\s*d\s*\}|\\operatorname\s*\{\s*d\s*\})\s*(?:\\left)?\s*"
    r"(?:(?P<open>\()|(?P<name>\\(?:phi|varphi|ell)|[φϕ])\s*(?:\(\s*\w\s*\))?)"
)
_TIMES: Final = re.compile(r"(?<=[\s}*])x(?=\s+[A-Za-z\\{])")


class Walk:
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
        self.carried: dict[str, StepSide] = {}
        self.hypothetical = False
        self._prints: Fingerprints | None = None
        self.matrix: tuple[str, Expr] | None = None
        self.names = {s.key: s.name for s in chosen.table.declared}
        self.body = body
        self.defined: dict[str, Relation] = {}
        """Key of a name that the text has defined -> where it has."""
        self.former: list[tuple[Name, str, Expr]] = []
        """What names stood for before they were given another meaning."""
        self.pending: list[tuple[int, Step, tuple[tuple[Name, str, Expr], ...]]] = []
        """Second meanings that no step has used yet: place of the step, the step as it is then, and what the names stood for."""

    @property
    def prints(self) -> Fingerprints:
        """Fingerprints at points of where the derivation ends."""
        if self._prints is None or self._prints.domain != self.domains[0]:
            self._prints = Fingerprints(replace(self.domains[0], assumed=()))
        return self._prints

    def put(self, text: str) -> str:
        """A side in the rubric's names for iterates, with a name for every differential of an expression."""
        if self.rubric.sequence and self.letters:
            text = rewritten(text, self.rubric.sequence, self.letters)
        return self.without_differentials(text) if self.notation.differentials else text

    def without_differentials(self, text: str) -> str:
        """`d(x^T c)` and `d\\phi(x)`, of what is defined, as names of their own."""
        for _ in range(MAX_DIFFERENTIALS):
            match = _DIFFERENTIAL.search(text)
            if match is None:
                return text
            opened = match.end() - 1 if match["open"] else -1
            stop = closing(text, opened) if opened >= 0 else match.end() - 1
            if stop is None:
                return text
            inner = read_side(text[match.end() : stop].removesuffix("\\right") if opened >= 0 else match["name"], self.notation)
            e = self.first(inner) if inner.node is not None and not inner.operator else None
            name = None if e is None else self.differential_of(e)
            if name is None:
                return text
            text = f"{text[: match.start()]} {{{name}}} {text[stop + 1 :]}"
        return text

    def differential_of(self, e: Expr) -> str | None:
        """A name for de, the same for the same expression; None for what is not differentiated here."""
        table = self.notation.table
        varies = {key: Expr("sym", (), d, table.by_key(key).shape) for key, d in self.notation.differentials.items()}
        try:
            meaning = differential(e, varies)
        except Misshapen:
            return None
        for k in range(MAX_NAMES):
            name = f"\\Delta_{{q{k}}}"
            key = key_of(name)
            if self.notation.meanings.get(key, meaning) != meaning:
                continue
            table, key = declared(table, read_name(name), name, e.shape)
            self.notation = replace(self.notation, table=table, meanings={**self.notation.meanings, key: meaning})
            return name
        return None

    def side(self, text: str) -> StepSide:
        """A side as far as it can be read here."""
        side = self.carried.get(text) or read_side(self.put(text), self.notation)
        if side.unknown == "x" and self.lone_x:
            again = read_side(_TIMES.sub(" ", self.put(text)), self.notation)
            side = again if not again.unread else side
        return side

    # --- what is no relation

    def formula(self, item: Formula) -> None:
        """A formula that states nothing: what a decomposition is of, or what could not be taken apart."""
        if item.broken and item.relational:
            self.steps.append(Step(item.line, quoted(item.text), "unreadable", item.broken))
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
        if e is not None and ONE not in e.shape and side.node.op != "sym":
            self.matrix = (item.text, e)

    def first(self, side: StepSide) -> Expr | None:
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
        if ONE in source.shape or (same and rows != columns):
            return False
        shapes = [(rows, rows), (rows, columns), (columns, columns)][: 2 if same else 3]
        for typed, shape in zip(names, shapes, strict=False):
            found = single_name(typed)
            if found is None or self.chosen.table.exact(found[0]) is not None:
                return False
            table, key = declared(table, found[0], typed, shape)
            base, _ = declared(base, found[0], typed, shape)
            keys.append(key)
        if same and not self.is_symmetric(source):
            return False
        one = Introduced("eigen" if same else "svd", tuple(keys), source, tuple(names[: len(keys)]))
        meanings = {k: v for k, v in self.notation.meanings.items() if k not in keys}
        self.notation = replace(self.notation, table=table, meanings=meanings)
        kept = tuple(i for i in self.domains[0].introduced if not set(i.keys) & set(keys))
        self.domains = tuple(replace(d, table=base, introduced=(*kept, one)) for d in self.domains)
        self.names |= dict(zip(keys, names, strict=False))
        return True

    def root(self, typed: str, kind: str, source: Expr) -> bool:
        """`source = L L^T` with a name that is new."""
        found = single_name(typed)
        if found is None or self.notation.table.exact(found[0]) is not None or ONE in source.shape or source.shape[0] != source.shape[1]:
            return False
        if not self.is_symmetric(source):
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
            if name.op != "sym" or name.data in occurring(value) or not table.constraints:
                continue
            sides = [[read_expected(side, table) for side in text.split("=")] for text in table.constraints]
            if not any(name.data in occurring(a, b) for a, b in sides):
                continue
            try:
                kept = all(
                    violation(substituted(a, {name.data: value}), "=", substituted(b, {name.data: value}), domain) is None for a, b in sides
                )
            except (Unsupported, Misshapen):
                return False
            if kept:
                more = tuple(replace(d, values=(*d.values, Fixed(name.data, value))) for d in self.domains)
                self.domains = (*self.domains, *more)
                return True
        return False

    def is_symmetric(self, e: Expr) -> bool:
        """Is a matrix symmetric wherever the assumptions hold?"""
        flipped = Expr("transpose", (e,), None, (e.shape[1], e.shape[0]))
        try:
            return is_alike(fingerprint(e, self.domains[0]), fingerprint(flipped, self.domains[0]))
        except Unsupported:
            return False

    # --- relations

    def relation(self, item: Relation) -> None:
        """A relation: a definition, or a step that is decided."""
        step = Step(item.line, quoted(item.text), "unreadable", sign=item.sign, chain=item.chain)
        clause = _CLAUSE.split(item.words)[-1]
        self.hypothetical = self.hypothetical or _SUPPOSED.search(item.words) is not None
        if item.sign == "=" and self.introduced(item, step):
            return
        left, right = self.side(item.left), self.side(item.right)
        if left.misfit or right.misfit:
            self.steps.append(replace(step, how="a side does not fit, as said above", left=left, right=right))
            return
        if sum(s.verdict == "false" for s in self.steps) >= MAX_FALSE:
            self.steps.append(replace(step, how="many steps before it are false", left=left, right=right))
            return
        step = decided(step, left, right, self.notation, self.domains)
        for typed, side in ((item.left, step.left), (item.right, step.right)):
            if side is not None and (
                side.misfit or (step.slip == "missing_parentheses" and side.node is not read_side(self.put(typed), self.notation).node)
            ):
                self.carried[typed] = side
        stable = _STABLE.search(item.words) is not None
        assumed = (_ASSUMES.search(clause) and not stable) or (_GIVEN.search(clause) and self.is_parameter(step)) or self.is_sized(step)
        conditional = self.hypothetical or _CASES.search(item.words) or (_IF.search(item.words) and not stable)
        if step.verdict == "false" and _is_redefinition(item, self.notation):
            step = self.second_meaning(item, step, certain=not (assumed or conditional))
        elif step.verdict == "false" and self.holds_before(item):
            step = replace(step, verdict="holds", how="with what the name stood for before", found=None, slip="", shapes=None)
        elif step.verdict == "false" and not step.shapes:
            if any(side is not None and side.mentions & self.notation.generic for side in (step.left, step.right)):
                step = replace(
                    step, verdict="unreadable", how="it holds for some vectors only, and which are meant is not said", found=None
                )
            elif self.chosen_freely(step):
                step = replace(step, verdict="holds", how="a choice that the problem leaves open", found=None)
            elif assumed and not self.is_ranged(step):
                self.assume(step)
                step = replace(
                    step, verdict="unreadable", how="an assumption that the problem does not make", slip="assumption", found=None
                )
            elif conditional and not self.is_ranged(step):
                step = replace(step, verdict="unreadable", how="it may rest on what was supposed before", found=None)
        if step.verdict == "holds" and self.pending:
            self.convict(item, step)
        self.steps.append(step)

    def second_meaning(self, item: Relation, step: Step, *, certain: bool) -> Step:
        """`A = ...` where A stands for something else already, and nothing is said of a new start: one symbol, two meanings. With `:=` that
        is certain; with `=` only when a step uses the second meaning, since it may be said of a moment or a special case.

        An objective in a variable is not meant: what is left out of it is often a constant that does not matter. Nor is an equation that
        is to be solved, nor another way to the same end.
        """
        unread = replace(
            step, verdict="unreadable", how="the name stood for something else before", slip="two_meanings", found=None, shapes=None
        )
        found = single_name(self.put(item.left))
        before = self.defined.get(found[0].key) if found is not None else None
        meaning = self.first(step.right) if step.right is not None else None
        if found is None or before is None or meaning is None or not certain or not occurring(meaning) or step.sign != "=":
            return unread
        name, argument = found
        typed = item.left.strip()
        known = len(self.former)
        self.former.append((name, typed, self.notation.meanings[name.key]))
        table, key = declared(self.notation.table, name, typed, meaning.shape, argument)
        self.notation = replace(self.notation, table=table, meanings={**self.notation.meanings, key: meaning})
        self.vary(name, typed, meaning)
        self.defined[key] = item
        if argument or (meaning.shape == SCALAR and self.notation.differentials) or _ANOTHER.search(self.body[before.at : item.at]):
            return unread
        first = before.right if before.left.strip() == typed else before.left
        named = replace(step, how=f"`{typed}` stands for `{quoted(first)}` on line {before.line}", slip="two_meanings")
        if item.defines:
            return named
        self.pending.append((len(self.steps), named, tuple(self.former[known:])))
        return unread

    def convict(self, item: Relation, step: Step) -> None:
        """A step that holds with the second meaning of a name, and fails with the first, shows that the name has two."""
        for one in tuple(self.pending):
            place, named, former = one
            mentioned = {name.key for name, _, _ in former}
            uses = any(side is not None and side.mentions & mentioned for side in (step.left, step.right))
            if uses and self.with_former(item, former).verdict == "false":
                self.steps[place] = named
                self.pending.remove(one)

    def holds_before(self, item: Relation) -> bool:
        """Does a step hold with what a name stood for before it was given a second meaning?"""
        for one in self.former:
            step = self.with_former(item, (one,))
            mentions = frozenset().union(*(side.mentions for side in (step.left, step.right) if side is not None))
            if step.verdict == "holds" and one[0].key in mentions:
                return True
        return False

    def with_former(self, item: Relation, former: tuple[tuple[Name, str, Expr], ...]) -> Step:
        """A step decided with what names stood for before."""
        kept = self.notation
        for name, typed, meaning in former:
            table, key = declared(self.notation.table, name, typed, meaning.shape)
            self.notation = replace(self.notation, table=table, meanings={**self.notation.meanings, key: meaning})
        left, right = self.side(item.left), self.side(item.right)
        step = decided(Step(item.line, "", "unreadable", sign=item.sign), left, right, self.notation, self.domains)
        self.notation = kept
        return step

    def is_sized(self, step: Step) -> bool:
        """Does it compare one of the problem's dimensions with something?"""
        return any(side is not None and side.node is not None and side.node.op == "dim" for side in (step.left, step.right))

    def is_parameter(self, step: Step) -> bool:
        """Is a side one of the problem's free symbols, or one of its dimensions?"""
        free = {x.key for x in self.chosen.table.declared} - self.chosen.table.definitions.keys()
        nodes = [side.node for side in (step.left, step.right) if side is not None and side.node is not None]
        return any(node.op == "dim" or (node.op == "sym" and node.data in free) for node in nodes)

    def is_ranged(self, step: Step) -> bool:
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
        self.domains = tuple(replace(d, assumed=(*d.assumed, TypedRelation(one, step.sign, two))) for d in self.domains)

    def introduced(self, item: Relation, step: Step) -> bool:
        """`A = ...` with a new name: a definition, and so no claim. Also `F = U S V^T`."""
        for typed, other in ((item.left, item.right), (item.right, item.left)):
            names = three_names(self.put(typed)) or one_name_squared(self.put(typed))
            if names is None:
                continue
            side = self.side(other)
            e = self.first(side) if side.node is not None else None
            if e is not None and (self.decompose(names, e) if len(names) == 3 else self.root(names[0], names[1], e)):
                self.steps.append(replace(step, verdict="holds", how="a decomposition that exists", left=side, right=StepSide(typed)))
                return True
        for typed, other in ((item.left, item.right), (item.right, item.left)):
            found = single_name(self.put(typed))
            if found is None:
                continue
            name, argument = found
            again = name.key in self.notation.meanings and _AFRESH.search(item.words) is not None
            again = again and typed is item.left and not name.key.startswith(("d", "Delta_q"))
            if self.notation.table.find(name) is not None and not again and name.key not in self.notation.generic:
                continue
            if name.base in self.notation.table.dimensions or (name.base in ("I", "e", "pi") and not name.accents):
                continue
            side = self.side(other)
            if side.node is None or side.operator or name.key in side.mentions:
                continue
            e = self.first(side)
            if e is None:
                continue
            table, key = declared(self.notation.table, name, typed.strip(), e.shape, argument)
            meanings = {**self.notation.meanings, key: e}
            self.notation = replace(self.notation, table=table, meanings=meanings, generic=self.notation.generic - {key})
            self.defined[key] = item
            self.vary(name, typed, e)
            kept = replace(side, expression=e)
            self.steps.append(
                replace(
                    step,
                    verdict="holds",
                    how=f"a definition of {typed.strip()}",
                    left=StepSide(typed, mentions=frozenset({key}), expression=e),
                    right=kept,
                )
            )
            return True
        return False

    def vary(self, name: Name, typed: str, e: Expr) -> None:
        """With `f` comes `df`."""
        varies = {key: Expr("sym", (), d, self.notation.table.by_key(key).shape) for key, d in self.notation.differentials.items()}
        if not varies or name.sub or name.accents:
            return
        try:
            meaning = differential(e, varies)
        except Misshapen:
            return
        ours = Name(f"d{name.base}")
        if self.notation.table.exact(ours) is None or ours.key in self.notation.meanings:
            if ours.key in self.notation.meanings:
                self.former.append((ours, f"d{typed.strip()}", self.notation.meanings[ours.key]))
            table, key = declared(self.notation.table, ours, f"d{typed.strip()}", e.shape)
            self.notation = replace(self.notation, table=table, meanings={**self.notation.meanings, key: meaning})


def _is_redefinition(item: Relation, notation: Notation) -> bool:
    found = single_name(item.left)
    return found is not None and found[0].key in notation.meanings


def quoted(text: str) -> str:
    """A step as it is quoted."""
    text = " ".join(text.split())
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + " …"
