"""Evidence of a choice that was read from words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from autograder.evidence.base import Evidence


@dataclass(frozen=True, kw_only=True)
class ChoiceEvidence(Evidence):
    """Which of a few answers is right, and which was given."""

    kind: ClassVar[str] = "choice"
    expected: str
    got: str

    def show(self) -> Iterator[str]:
        """Both."""
        yield f"read as: {self.got}; expected: {self.expected}"
