"""What replaying and writing scripts hands to evidence: the submission as it is now, formulas, recorded calls.

A kind of evidence knows what it wants to know; the rooms above know the submission, the suite and the algebra. These
protocols are all that the two say to each other, and `replay` implements them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from autograder.evidence.values import Json


class Unwritable(Exception):
    """A formula that has no value at a point, or no line of numpy."""


class Formulas(Protocol):
    """Formulas over the declared symbols of a part. sizes: a number for each named dimension."""

    @property
    def dimensions(self) -> Sequence[str]:
        """The named dimensions of the symbols, sorted."""

    def shapes(self, sizes: Mapping[str, int]) -> Mapping[str, tuple[int, int]]:
        """Rows and columns of every declared symbol, by name."""

    def sizes(self, witness: Mapping[str, Json]) -> Mapping[str, int]:
        """The sizes that follow from the shapes of a witness."""

    def value(self, text: str, witness: Mapping[str, Json]) -> Json:
        """The value of a formula as typed, at a witness; "undefined" where it has none there. Raises Unwritable."""

    def line(self, text: str, sizes: Mapping[str, int]) -> str:
        """A formula as typed, as a Python expression over numpy. Raises Unwritable; KeyError for a dimension without a size."""

    def predicates(self, text: str) -> list[str]:
        """What the words of a condition say of one matrix: expressions over numpy in which {0} stands for it."""


@dataclass(frozen=True)
class Returned:
    """What a call gives now. failure: what happened instead of a value, a sentence; empty where there is one."""

    value: Any
    failure: str = ""


class SubmissionNow(Protocol):
    """The submission and the part on which evidence is tried again."""

    def answer(self) -> str:
        """The final answer of the part; empty where there is none."""

    def formulas(self, symbols: Mapping[str, str]) -> Formulas:
        """Formulas over the symbols that evidence declares."""

    def call(self, function: str, args: Json) -> Returned | None:
        """What the function returns for stored arguments; None where these cannot be made again."""

    def as_json(self, value: Any) -> Json:
        """A returned value as it stands in evidence."""

    def place_of(self, piece: str | None) -> int | None:
        """Which of several returned values is called so; None where that is not known."""


class Tried(NamedTuple):
    """What came of trying evidence again. still: whether the difference is there; None where the evidence alone does not tell."""

    lines: Sequence[str]
    still: bool | None


@dataclass(frozen=True)
class MadeCall:
    """A recorded call as a script makes it again."""

    function: str
    """`circuit.train`, or `@name` for an object that an earlier call made."""
    name: str
    """Variable for what it returns."""
    arguments: str
    """As Python, in brackets' place."""
    seed: int
    """With which the generators are seeded before it."""
    value: Any
    """What it returned when it was recorded."""


class ScriptContext(Protocol):
    """What is known of the part that a script is written for, beside its evidence."""

    @property
    def slip(self) -> str | None:
        """Name of the slip that the verdict names."""

    def formulas(self, symbols: Mapping[str, str]) -> Formulas:
        """Formulas over the symbols that evidence declares."""

    def formulas_of_steps(self) -> Formulas | None:
        """Formulas over the symbols of the part's derivation; None where the suite is not at hand."""

    def place_of(self, piece: str | None) -> int | None:
        """Which of several returned values is called so; None where that is not known."""

    def imports(self, function: str) -> list[str]:
        """Lines that make the student's module known, in which the function is."""

    def of_notebook(self, function: str) -> bool:
        """Whether the function is one of those that a notebook defines."""

    def run_of(self, function: str, args: Json) -> Sequence[MadeCall]:
        """The recorded call that the evidence may speak of, last, after those that made the objects that it takes; empty without one."""
