"""Caps on typed mathematics as text. Beyond one of them a text is refused, never half read."""

from __future__ import annotations

from typing import Final

MAX_CHARACTERS: Final = 4_000
"""Of an answer, looked at before anything else."""
MAX_TOKENS: Final = 900
MAX_ARGUMENT: Final = 20_000
"""Characters of one group in braces."""
