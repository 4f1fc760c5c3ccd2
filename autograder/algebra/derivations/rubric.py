"""What a derivation is judged by: the problem's symbols and facts, the names that may stand for them, and what has to be reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Bound(NamedTuple):
    """`left <= right`, as texts. Where a suite writes a pair, it is made into one."""

    left: str
    right: str


class Recursion(NamedTuple):
    """Names of the last iterate, of the counter, and of the next iterate, which is defined by the last. A plain triple is made into one."""

    last: str
    counter: str
    following: str


@dataclass(frozen=True)
class Waypoint:
    """Something that a derivation has to reach.

    name: in feedback, what is missing (`the triangle inequality`). weight: its share of the points. values: texts; reached by a valid
    relation with a side of one of these values. residuals: `left = right` texts; reached by an equation that says the same, up to a
    factor. bounds: reached by a chain of valid steps from the one side to the other. mentions: names of which the side
    must mention one. away_from: names; the value must be reached by a side that mentions none of them, in a chain with a side that
    mentions one (the two sides of a computation). final: what the derivation has to end in: the final answer may say it as well.
    Beside names, `block` and `eye` are a matrix written out and an identity.
    """

    name: str
    weight: float
    values: tuple[str, ...] = ()
    residuals: tuple[str, ...] = ()
    bounds: tuple[Bound, ...] = ()
    mentions: tuple[str, ...] = ()
    away_from: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    """Names of which the side must mention none."""
    implied_by: tuple[str, ...] = ()
    """Names of other waypoints that cannot be reached without this one."""
    final: bool = False
    either: tuple[Waypoint, ...] = ()
    """Other ways to reach it; only their conditions count."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "bounds", tuple(Bound(*pair) for pair in self.bounds))


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
    and no identity. recursion: its last iterate also stands for one that is reached from zero. singular: name ->
    the matrix of which it is any singular value. varies: name -> name of its differential. generic: names that stand for any value of their
    shape (lemmas have them) until they are defined. aliases: further spellings. roles: name ->
    letters that may be typed for it where it does not occur. Where several symbols vary, a step may keep all but one
    still. waypoints: what must be reached.
    answer: the name that a formula alone after `Answer:` is meant to equal. about: pattern of words that an argument of this problem
    uses; what speaks neither of these nor of the symbols is no attempt, and holds nothing while it waits for a person.
    """

    symbols: Mapping[str, str]
    waypoints: tuple[Waypoint, ...]
    definitions: Mapping[str, str] = field(default_factory=dict)
    constraints: tuple[str, ...] = ()
    functions: Mapping[str, str] = field(default_factory=dict)
    uppers: Mapping[str, str] = field(default_factory=dict)
    solutions: Mapping[str, str] = field(default_factory=dict)
    recursion: Recursion | None = None
    singular: Mapping[str, str] = field(default_factory=dict)
    varies: Mapping[str, str] = field(default_factory=dict)
    generic: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sequence: Sequence | None = None
    answer: str = ""
    about: str = ""

    def __post_init__(self) -> None:
        if self.recursion is not None:
            object.__setattr__(self, "recursion", Recursion(*self.recursion))

    def __hash__(self) -> int:
        return hash(self.identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rubric) and self.identity == other.identity

    @property
    def identity(self) -> str:
        """All of it that decides a step, as text."""
        decisive = ((k, v) for k, v in sorted(self.__dict__.items()) if k != "about")
        return repr([(k, sorted(v.items()) if isinstance(v, Mapping) else v) for k, v in decisive])
