"""Letters of a derivation that stand for names of the problem, told by which names occur."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Final, NamedTuple, TypeAlias

from autograder.algebra.derivations.rubric import Rubric
from autograder.algebra.symbols import key_of
from autograder.errors import OutOfBudget, Unreadable
from autograder.mathtext import Name, group_at, read_name, script_text, tokens

MAX_BINDINGS: Final = 8
"""Ways to bind letters that are tried for one derivation."""


class Renaming(NamedTuple):
    """A letter as typed, and the name of the problem that it stands for."""

    letter: str
    name: str


Binding: TypeAlias = tuple[Renaming, ...]


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


def bindings(rubric: Rubric, present: frozenset[str]) -> Iterator[Binding]:
    """Ways in which letters that are typed may stand for names of the problem that do not occur themselves. The first binds nothing.

    present: keys of the names that occur. Hatted names follow their letter.
    """
    yield ()
    declared = {key_of(name) for name in rubric.symbols}
    options: dict[str, list[Renaming]] = {}
    for name, others in rubric.roles.items():
        if key_of(name) in present or any(key_of(a) in present for a in rubric.aliases.get(name, ())):
            continue
        for other in others:
            if key_of(other) in present and key_of(other) not in declared:
                options.setdefault(other, []).append(Renaming(other, name))
    if not options:
        return
    count = 0
    choices: list[list[Renaming | None]] = [[*fitting, None] for fitting in options.values()]
    for choice in product(*choices):
        kept = tuple(c for c in choice if c is not None)
        if kept and len({renaming.name for renaming in kept}) == len(kept):
            yield kept
            count += 1
            if count >= MAX_BINDINGS:
                return


def second_letters(rubric: Rubric, present: frozenset[str], binding: Binding) -> Iterator[Binding]:
    """The binding with one more letter, for a name that occurs under another one already."""
    taken = {renaming.letter for renaming in binding} | set(rubric.symbols)
    count = 0
    for name, others in rubric.roles.items():
        for other in others:
            if other not in taken and key_of(other) in present:
                yield (*binding, Renaming(other, name))
                count += 1
                if count >= MAX_BINDINGS:
                    return


def with_accents(rubric: Rubric, binding: Binding) -> Iterator[Renaming]:
    """The binding, and accented names whose letter is bound: `\\hat{A}` is `\\hat{X}` where A is X."""
    for renaming in binding:
        yield renaming
        name = read_name(renaming.name)
        for other in rubric.symbols:
            accented = read_name(other)
            if accented.accents and accented.base == name.base and not accented.sub:
                yield Renaming(f"\\{accented.accents[0]}{{{renaming.letter}}}", other)
