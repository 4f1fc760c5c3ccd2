"""One letter that stands for two things: steps that hold only under different meanings of it, and a point at which both fail."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from autograder.algebra.derivations.chains import Step
from autograder.algebra.derivations.counterexample import both_fail
from autograder.algebra.derivations.domain import Domain, TypedRelation
from autograder.algebra.derivations.letters import Renaming
from autograder.algebra.derivations.rubric import Rubric
from autograder.algebra.derivations.steps import Formula, Relation, Text
from autograder.algebra.evaluation import Unsupported
from autograder.algebra.symbols import key_of
from autograder.errors import OutOfBudget

MAX_TRIALS: Final = 4
"""Other meanings that are tried for one derivation."""


def other_meanings(rubric: Rubric, steps: tuple[Step, ...], binding: Mapping[str, str]) -> Iterator[Renaming]:
    """What letters of false steps may stand for beside what they are taken for."""
    false = [s.text for s in steps if s.verdict == "false" and not s.shapes and s.slip != "two_meanings"]
    holding = [s.text for s in steps if s.verdict == "holds"]
    count = 0
    for name, letters in rubric.roles.items():
        for letter in letters:
            if binding.get(letter) == name or key_of(letter) == key_of(name):
                continue
            if not any(map(pattern_of(letter).search, false)) or (letter in binding and not any(map(pattern_of(letter).search, holding))):
                continue
            yield Renaming(letter, name)
            count += 1
            if count >= MAX_TRIALS:
                return


def pattern_of(letter: str) -> re.Pattern[str]:
    """A letter alone, in a formula."""
    return re.compile(rf"(?<![A-Za-z\\\\]){re.escape(letter)}(?![A-Za-z])(?!\s*_)")


def put_in(meaning: Renaming, text: Text) -> Text:
    """The text with a letter written as the name."""
    pattern = pattern_of(meaning.letter)

    def put(side: str) -> str:
        return pattern.sub(lambda _: f" {meaning.name} ", side)

    def changed(item: Relation | Formula) -> Relation | Formula:
        if isinstance(item, Relation):
            return replace(item, left=put(item.left), right=put(item.right))
        return replace(item, text=put(item.text))

    return replace(text, items=tuple(map(changed, text.items)))


def told_apart(
    here: tuple[Step, ...], there: tuple[Step, ...], meaning: Renaming, taken: str, domain: Domain, *, own: bool
) -> tuple[Step, ...] | None:
    """The steps with the slip named, where one holds with the letter as it is taken (`here`) and fails with the other meaning (`there`),
    and another one the other way round; None where that is not so, or no point shows it.

    taken: what the letter is taken for. own: the problem itself says so, so that the slip is what needs the other meaning; else it is the
    later one of the two. Further steps hold with the meaning that they need.
    """
    if len(here) != len(there):
        return None
    mentions = [k for k, s in enumerate(here) if pattern_of(meaning.letter).search(s.text) is not None]
    first = [k for k in mentions if here[k].verdict == "holds" and there[k].verdict == "false" and there[k].found is not None]
    second = [k for k in mentions if here[k].verdict == "false" and here[k].found is not None and there[k].verdict == "holds"]
    for j in second:
        for i in first:
            found = _failing_together(here[j], there[i], domain)
            if found is None:
                continue
            one, two = found[0], replace(found[1], text=here[i].text)
            k, slip, other, means, meant = (j, one, two, meaning.name, taken) if own or j > i else (i, two, one, taken, meaning.name)
            how = f"`{meaning.letter}` is {meant} in `{other.text}` on line {other.line} and {means} here"
            named = replace(slip, verdict="false", slip="two_meanings", how=how, other=other)
            rest = {m: replace(there[m], text=here[m].text) for m in second if m != k}
            return tuple(named if m == k else rest.get(m, s) for m, s in enumerate(here))
    return None


def _failing_together(one: Step, two: Step, domain: Domain) -> tuple[Step, Step] | None:
    """Both steps with one point at which both fail."""
    relations = []
    for step in (one, two):
        left, right = (side.expression if side is not None and not side.operator else None for side in (step.left, step.right))
        if left is None or right is None:
            return None
        relations.append(TypedRelation(left, step.sign, right))
    try:
        found = both_fail(relations[0], relations[1], domain)
    except (Unsupported, OutOfBudget, KeyError):
        return None  # a name that only one of the two knows
    return (replace(one, found=found[0]), replace(two, found=found[1])) if found is not None else None
