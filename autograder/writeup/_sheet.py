"""The sheet's tree of parts, and which of its problems a title names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from functools import cache, lru_cache

from autograder.assignment import Problem

MAX_TITLE = 200
"""Characters of a title that is compared."""
MAX_TITLES = 200
"""Different titles that are compared letter by letter; the others must be exact."""
ALIKE = 0.8
"""Titles are the same from this ratio of matching characters on."""


HEADINGS_KEPT = 2_000
"""Headings of which it is remembered what they name: a class has most of them in common, with each other and with the template."""


class Sheet:
    """The tree of parts of each problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = {p.number: p for p in problems}
        self.letters = {p.number: tuple(dict.fromkeys(part.split(".")[0] for part in p.parts if part)) for p in problems}
        self.subs: dict[str, dict[str, tuple[str, ...]]] = {
            p.number: {a: tuple(part.split(".", 1)[1] for part in p.parts if part.startswith(a + ".")) for a in self.letters[p.number]}
            for p in problems
        }
        self._titles = tuple((p.number, normal(t)) for p in problems for t in (p.title, *p.also))
        self._compared: dict[str, Problem | None] = {normal(t): p for p in reversed(problems) for t in (*reversed(p.also), p.title)}
        self._left = MAX_TITLES

    def by_title(self, title: str) -> Problem | None:
        """The problem whose title this is, but for case, punctuation, an abbreviation or a slip of the pen."""
        wanted = normal(title)
        if len(wanted) < 3 or len(wanted) > MAX_TITLE:
            return None
        if wanted not in self._compared:
            self._left -= 1
            number = _most_alike(self._titles, wanted) if self._left >= 0 else None
            self._compared[wanted] = self.problems[number] if number is not None else None
        return self._compared[wanted]

    def resolve(self, problem: Problem, tokens: Sequence[str], current: str) -> str | None:
        """The path of a mark (`b` or `b.ii`) in a problem, after the part `current`; None where it is none."""
        letters, subs = self.letters[problem.number], self.subs[problem.number]
        first = tokens[0]
        if len(tokens) > 1:
            children = subs.get(first, ())
            second = _roman(tokens[1], children)
            return f"{first}.{second}" if second else None
        letter, _, sub = current.partition(".")
        children = subs.get(letter, ())
        if first in children and (first not in letters or not sub or children.index(first) > children.index(sub)):
            return f"{letter}.{first}"
        if first in letters:
            return first
        if first in children:
            return f"{letter}.{first}"
        if not letter:
            holder = next((a for a in letters if first in subs[a]), None)
            return f"{holder}.{first}" if holder else None
        return None


@lru_cache(HEADINGS_KEPT)
def _most_alike(titles: tuple[tuple[str, str], ...], wanted: str) -> str | None:
    """The number of the problem whose title is most like this one, if it is like enough. titles: number and title, normal."""
    best: float = 0.0
    found: str | None = None
    words = set(wanted.split())
    for number, known in titles:
        other = set(known.split())
        common = words & other
        inside = len(other) >= 2 and (other <= words or (len(words) >= 2 and words <= other and len(words) * 2 >= len(other)))
        score = 0.85 if inside and len(common) * 2 >= len(words) else 0.0
        if 3 * len(wanted) > 2 * len(known) and 3 * len(known) > 2 * len(wanted):
            matcher = _matcher(known)
            matcher.set_seq1(wanted)
            if matcher.real_quick_ratio() >= ALIKE and matcher.quick_ratio() >= ALIKE:
                score = max(score, matcher.ratio())
        if score >= ALIKE and score > best:
            best, found = score, number
    return found


@cache
def _matcher(known: str) -> difflib.SequenceMatcher[str]:
    """Compares with a title of the sheet. One each: what it prepares hangs on the second sequence alone."""
    return difflib.SequenceMatcher(None, "", known, autojunk=False)


def _roman(token: str, children: Sequence[str]) -> str | None:
    """The sub-part that a token names: its own name, or its place as a digit."""
    if token in children:
        return token
    if token.isdigit() and 1 <= int(token) <= len(children):
        return children[int(token) - 1]
    return None


def normal(title: str) -> str:
    """Lower-case words of a title, without markup or punctuation."""
    words = re.sub(r"\\[A-Za-z]+|[{}$*_`]", " ", title).casefold()
    words = words.replace("’", "").replace("'", "").replace("isation", "ization").replace("colour", "color").replace("&", " and ")
    return " ".join(re.findall(r"[^\W_]+", words))
