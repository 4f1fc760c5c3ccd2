"""What a derivation is judged by: the problem's symbols and facts, the names that may stand for them, and what has to be reached."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from typing import Final

from autograder.algebra.derivations.chains import Notation
from autograder.algebra.derivations.domain import Domain, Introduced
from autograder.algebra.notation import definition, read_expected, symbols
from autograder.algebra.symbols import Symbols
from autograder.algebra.tree import zero
from autograder.errors import OutOfBudget, Unreadable
from autograder.mathtext import Name, group_at, read_name, script_text, tokens

MAX_BINDINGS: Final = 8
"""Ways to bind letters that are tried for one derivation."""


@dataclass(frozen=True)
class Waypoint:
    """Something that a derivation has to reach.

    name: in feedback, what is missing (`the triangle inequality`). weight: its share of the points. values: texts; reached by a valid
    relation with a side of one of these values. residuals: `left = right` texts; reached by an equation that says the same, up to a
    factor. bounds: pairs (left, right); reached by a chain of valid steps from the one to the other. mentions: names of which the side
    must mention one. away_from: names; the value must be reached by a side that mentions none of them, in a chain with a side that
    mentions one (the two sides of a computation). final: what the derivation has to end in: the final answer may say it as well.
    Beside names, `block` and `eye` are a matrix written out and an identity.
    """

    name: str
    weight: float
    values: tuple[str, ...] = ()
    residuals: tuple[str, ...] = ()
    bounds: tuple[tuple[str, str], ...] = ()
    mentions: tuple[str, ...] = ()
    away_from: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    """Names of which the side must mention none."""
    implied_by: tuple[str, ...] = ()
    """Names of other waypoints that cannot be reached without this one."""
    final: bool = False
    either: tuple[Waypoint, ...] = ()
    """Other ways to reach it; only their conditions count."""


@dataclass(frozen=True)
class Sequence:
    """Iterates: `w_t` after `w_{t-1}`, in other letters too. base: the letter as declared; bases, indices: what may be typed instead."""

    base: str
    index: str
    bases: tuple[str, ...] = ()
    indices: tuple[str, ...] = ("k", "n", "i", "j", "s", "m", "T", "\\tau")


@dataclass(frozen=True)
class Rubric:
    """A problem whose answer is a derivation.

    symbols: name -> declaration, as for `symbols`. definitions, constraints, functions: as there. uppers: name -> text, `0 < name <= text`.
    solutions: name of a free symbol -> the value that it also may stand for: an equation that holds only there is an equation for it,
    and no identity. recursion: (last, counter, next): the last iterate also stands for one that is reached from zero. singular: name ->
    the matrix of which it is any singular value. varies: name -> name of its differential. generic: names that stand for any value of their
    shape (lemmas have them) until they are defined. aliases: further spellings. roles: name ->
    letters that may be typed for it where it does not occur. Where several symbols vary, a step may keep all but one
    still. waypoints: what must be reached.
    answer: the name that a formula alone after `Answer:` is meant to equal.
    """

    symbols: Mapping[str, str]
    waypoints: tuple[Waypoint, ...]
    definitions: Mapping[str, str] = field(default_factory=dict)
    constraints: tuple[str, ...] = ()
    functions: Mapping[str, str] = field(default_factory=dict)
    uppers: Mapping[str, str] = field(default_factory=dict)
    solutions: Mapping[str, str] = field(default_factory=dict)
    recursion: tuple[str, str, str] | None = None
    singular: Mapping[str, str] = field(default_factory=dict)
    varies: Mapping[str, str] = field(default_factory=dict)
    generic: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sequence: Sequence | None = None
    answer: str = ""

    def __hash__(self) -> int:
        return hash(self.identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rubric) and self.identity == other.identity

    @property
    def identity(self) -> str:
        """All of it as text."""
        return repr([(k, sorted(v.items()) if isinstance(v, Mapping) else v) for k, v in sorted(self.__dict__.items())])


@dataclass(frozen=True)
class Setting:
    """A rubric with one choice of letters."""

    table: Symbols
    domains: tuple[Domain, ...]
    notation: Notation
    binding: Mapping[str, str]
    """Letter typed -> name in the problem, where they differ."""


def key_of(name: str) -> str:
    """The canonical key of a declared name."""
    return read_name(name).key


@lru_cache(maxsize=256)
def setting(rubric: Rubric, binding: tuple[tuple[str, str], ...] = ()) -> Setting:
    """The rubric's symbols with further spellings. Raises ValueError for a rubric that cannot be read, or letters that clash."""
    aliases: dict[str, list[str]] = {name: list(others) for name, others in rubric.aliases.items()}
    for letter, name in _following(rubric, binding):
        aliases.setdefault(name, []).append(letter)
    names = {**rubric.symbols, **rubric.generic}
    for name, differential in rubric.varies.items():
        names[differential] = rubric.symbols[name]
    table = symbols(names, aliases=aliases, functions=rubric.functions, definitions=rubric.definitions, constraints=rubric.constraints)
    uppers = tuple((key_of(name), read_expected(text, table)) for name, text in rubric.uppers.items())
    parts = tuple(Introduced("singular", (key_of(name),), read_expected(of, table)) for name, of in rubric.singular.items())
    free = Domain(table, uppers, introduced=parts)
    domains = [free]
    if rubric.solutions:
        values = tuple((key_of(name), read_expected(text, table)) for name, text in rubric.solutions.items())
        domains.append(Domain(table, uppers, values=values, introduced=parts, solved=True))
    if rubric.recursion is not None:
        last, counter, following = rubric.recursion
        step = definition(table, key_of(following))
        domains.append(Domain(table, uppers, recursion=(key_of(last), key_of(counter), step), introduced=parts))
    varies = {key_of(name): key_of(d) for name, d in rubric.varies.items()}
    if len(varies) > 1:
        for one in varies:
            still = tuple((d, zero(table.by_key(d).shape)) for key, d in varies.items() if key != one)
            domains.append(Domain(table, uppers, values=still, introduced=parts))
    return Setting(table, tuple(domains), Notation(table, {}, varies, frozenset(key_of(name) for name in rubric.generic)), dict(binding))


def typed_names(texts: Iterable[str]) -> frozenset[str]:
    """Keys of all names that may be meant in some formulas: letters of runs of letters too, with and without indices."""
    out: set[str] = set()
    for text in texts:
        try:
            toks = tokens(text)
        except (Unreadable, OutOfBudget):
            continue
        for k, t in enumerate(toks):
            if t.kind != "word":
                continue
            accents = tuple(sorted(u.value for u in toks[max(0, k - 2) : k] if u.kind == "accent")) if k else ()
            letters = [t.value] if t.latex else [t.value, *t.value]
            for letter in letters:
                out.add(Name(letter).key)
                if accents:
                    out.add(Name(letter, accents).key)
            if toks[k + 1].kind == "sub":
                out.add(Name(letters[-1], accents, toks[k + 1].value).key)
            elif toks[k + 1].value == "_" and toks[k + 1].kind == "op":
                group, _ = group_at(toks, k + 2)
                out.add(Name(letters[-1], accents, script_text([g for g in group if g.kind != "style"])).key)
    return frozenset(out)


def bindings(rubric: Rubric, present: frozenset[str]) -> Iterator[tuple[tuple[str, str], ...]]:
    """Ways in which letters that are typed may stand for names of the problem that do not occur themselves. The first binds nothing.

    present: keys of the names that occur. A binding is (letter as typed, name in the problem), hatted names following their letter.
    """
    yield ()
    declared = {key_of(name) for name in rubric.symbols}
    options: dict[str, list[tuple[str, str]]] = {}
    for name, others in rubric.roles.items():
        if key_of(name) in present or any(key_of(a) in present for a in rubric.aliases.get(name, ())):
            continue
        for other in others:
            if key_of(other) in present and key_of(other) not in declared:
                options.setdefault(other, []).append((other, name))
    if not options:
        return
    count = 0
    choices: list[list[tuple[str, str] | None]] = [[*fitting, None] for fitting in options.values()]
    for choice in product(*choices):
        kept = tuple(c for c in choice if c is not None)
        if kept and len({name for _, name in kept}) == len(kept):
            yield kept
            count += 1
            if count >= MAX_BINDINGS:
                return


def second_letters(rubric: Rubric, present: frozenset[str], binding: tuple[tuple[str, str], ...]) -> Iterator[tuple[tuple[str, str], ...]]:
    """The binding with one more letter, for a name that occurs under another one already."""
    taken = {letter for letter, _ in binding} | set(rubric.symbols)
    count = 0
    for name, others in rubric.roles.items():
        for other in others:
            if other not in taken and key_of(other) in present:
                yield (*binding, (other, name))
                count += 1
                if count >= MAX_BINDINGS:
                    return


def _following(rubric: Rubric, binding: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    """The binding, and accented names whose letter is bound: `\\hat{A}` is `\\hat{X}` where A is X."""
    for letter, name in binding:
        yield letter, name
        for other in rubric.symbols:
            accented = read_name(other)
            if accented.accents and accented.base == read_name(name).base and not accented.sub:
                yield f"\\{accented.accents[0]}{{{letter}}}", other


# --- sequences


@lru_cache(maxsize=512)
def _patterns(base: str, indices: tuple[str, ...]) -> list[tuple[re.Pattern[str], str]]:
    alone = "" if base.startswith("\\") else r"(?<![A-Za-z\\])"
    dressed = rf"(?:\\(?:mathbf|bm|boldsymbol|vec|mathrm|hat)\s*\{{\s*{re.escape(base)}\s*\}}|{alone}{re.escape(base)}(?![A-Za-z]))"
    index = "|".join(re.escape(i) for i in indices)
    below = rf"\s*_\s*(?:\{{\s*\(?\s*(?P<i>{index})\s*(?P<s>[+-]\s*1)?\s*\)?\s*\}}|(?P<j>{index})(?![A-Za-z]))"
    above = rf"\s*\^\s*\{{\s*\(\s*(?P<i>{index})\s*(?P<s>[+-]\s*1)?\s*\)\s*\}}"
    return [(re.compile(dressed + below), "below"), (re.compile(dressed + above), "above")]


def sequence_letters(body: str, sequence: Sequence) -> tuple[str, str, int] | None:
    """The base and the index that a text uses for iterates, and 1 if it steps from t to t + 1; None where it has no iterates."""
    for base in (sequence.base, *sequence.bases):
        counts: dict[str, set[str]] = {}
        for pattern, _ in _patterns(base, (sequence.index, *sequence.indices)):
            for m in pattern.finditer(body):
                index = m.groupdict().get("j") or m["i"]
                counts.setdefault(index, set()).add("".join((m["s"] or "").split()) if m["s"] else "")
        for index in (sequence.index, *sequence.indices):
            shifts = counts.get(index, set())
            if shifts & {"-1"} or shifts & {"+1"} or (len(shifts) == 1 and index == sequence.index):
                return base, index, int("+1" in shifts and "-1" not in shifts)
    return None


def rewritten(text: str, sequence: Sequence, letters: tuple[str, str, int]) -> str:
    """A side with its iterates in the letters of the rubric."""
    base, index, shift = letters
    following = f"{{{sequence.base}_{sequence.index}}}"
    last = f"{{{sequence.base}_{{{sequence.index}-1}}}}"

    def put(m: re.Match[str]) -> str:
        step = "".join((m["s"] or "").split()) if m["s"] else ""
        at = {"": 0, "+1": 1, "-1": -1}[step] - shift
        return {0: following, -1: last}.get(at, f"{{{sequence.base}_{{{sequence.index}{at:+d}}}}}")

    for pattern, _ in _patterns(base, (index,)):
        text = pattern.sub(put, text)
    alone = "" if base.startswith("\\") else r"(?<![A-Za-z\\])"
    dressed = rf"(?:\\(?:mathbf|bm|boldsymbol|vec)\s*\{{\s*{re.escape(base)}\s*\}}|{alone}{re.escape(base)}(?![A-Za-z]))"
    zero = dressed + r"\s*(?:_\s*(?:0|\{\s*0\s*\})|\^\s*\{\s*\(0\)\s*\})"
    text = re.sub(zero, f"{{{sequence.base}_0}}", text)
    if index != sequence.index or shift:
        count = f"({sequence.index} - 1)" if shift else sequence.index
        text = re.sub(rf"(?<![A-Za-z\\_^{{]){re.escape(index)}(?![A-Za-z_^}}])|(?<=[(\s]){re.escape(index)}(?=\\)", count, text)
    return text
