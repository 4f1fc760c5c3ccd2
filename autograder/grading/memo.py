"""Verdicts on written answers across a class: what was decided on the same words is not decided again.

A judge is handed answers that note what it looks at. A verdict follows from that alone, so it holds for every submission that agrees
there: the same formula on line 40 of one and on line 52 of another is judged once, while a derivation, whose verdict names its lines, is
remembered with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from autograder.verdict import Verdict
from autograder.writeup import Answer

MAX_REMEMBERED = 5_000
"""Verdicts that a class's memory holds: some kilobytes each."""

MAX_CHARACTERS = 20_000
"""Characters that were looked at beyond which a verdict is not remembered."""

NOTEBOOK = "_seen"

FIELDS = frozenset(f.name for f in fields(Answer))


class Whereabouts(NamedTuple):
    """A field of the answer to a part."""

    part: str
    field: str


@dataclass(frozen=True)
class Remembered:
    """What an item decided. looked_at: the values that it saw. set_score: what it gave to gradescope-utils' `set_score`, if anything."""

    item: str
    looked_at: tuple[tuple[Whereabouts, Any], ...]
    verdict: Verdict
    set_score: float | None


class _Watched(Answer):
    """An answer that notes which of its fields are read. A copy notes nothing: to make it, all that it keeps was read."""

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name in FIELDS:
            content = super().__getattribute__("__dict__")
            if NOTEBOOK in content:
                content[NOTEBOOK][Whereabouts(content["part"], name)] = value
        return value


class Looks:
    """Hands out answers and notes which of their fields are looked at, and what was there."""

    def __init__(self, answer: Callable[[str], Answer]) -> None:
        self._answer = answer
        self._seen: dict[Whereabouts, Any] = {}

    def __call__(self, part: str) -> Answer:
        """The answer of a part."""
        watched = _Watched(**vars(self._answer(part)))
        vars(watched)[NOTEBOOK] = self._seen
        return watched

    @property
    def seen(self) -> tuple[tuple[Whereabouts, Any], ...]:
        """Everything that was looked at so far."""
        return tuple(sorted(self._seen.items()))


@dataclass
class Memory:
    """What is known of a class. Only of items that decide by text, and only what does not hang on the time that there was: nothing
    that is `undecided`.
    """

    known: dict[tuple[str, tuple[tuple[Whereabouts, Any], ...]], Remembered] = field(default_factory=dict)
    ways: dict[str, set[tuple[Whereabouts, ...]]] = field(default_factory=dict)
    """What each item was seen to look at."""
    fresh: list[Remembered] = field(default_factory=list)
    """What was decided since this process began."""

    def recall(self, item: str, answer: Callable[[str], Answer]) -> Remembered | None:
        """What was decided where an item saw the same, if it was."""
        for way in self.ways.get(item, ()):
            found = self.known.get((item, tuple((place, getattr(answer(place.part), place.field)) for place in way)))
            if found is not None:
                return found
        return None

    def note(self, item: str, looks: Looks, verdict: Verdict, set_score: float | None) -> None:
        """Notes a verdict that was decided just now, if others can rely on it."""
        if verdict.kind not in ("undecided", "error"):
            self.fresh.append(Remembered(item, looks.seen, verdict, set_score))

    def learn(self, decided: Remembered) -> None:
        """Remembers a verdict, as long as there is room."""
        characters = sum(len(value) for _, value in decided.looked_at if isinstance(value, str))
        if len(self.known) < MAX_REMEMBERED and characters <= MAX_CHARACTERS:
            self.known[decided.item, decided.looked_at] = decided
            self.ways.setdefault(decided.item, set()).add(tuple(place for place, _ in decided.looked_at))
