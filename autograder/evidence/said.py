"""Evidence that is words: what was said, by whom it may concern."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from autograder.evidence.base import Evidence


@dataclass(frozen=True, kw_only=True)
class TextEvidence(Evidence):
    """Nothing to run: a text that a person reads."""

    kind: ClassVar[str] = "text"
    said: str
