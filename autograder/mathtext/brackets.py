"""Brackets in typed mathematics: where what is opened is closed."""

from __future__ import annotations

from autograder.mathtext.limits import MAX_ARGUMENT


def braced(text: str, start: int, opening: str = "{", closing: str = "}") -> int | None:
    """The offset just after the group that opens at `start`, or None where it does not close near enough."""
    if not text.startswith(opening, start):
        return None
    depth, at, end = 0, start, min(len(text), start + MAX_ARGUMENT)
    while at < end:
        char = text[at]
        if char == "\\":
            at += 1
        elif char == opening:
            depth += 1
        elif char == closing:
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return None
