"""Whose fault it is. The tree of what we raise:

    AutograderError
    ├── UsageError        unusable arguments or input: one line on standard error, exit code 2
    ├── Unreadable        a student's text that cannot be read: verdict `unreadable`, shown with a caret
    └── OutOfBudget       beyond one of our caps: verdict `undecided`, a person looks

A student's code that fails is no exception of ours: it comes back as a `worker.Failure` inside a `Reply`
and becomes the verdict `incorrect`. Anything else that is raised is our own bug: verdict `error`, exit code 1.

This module imports nothing of ours.
"""

from __future__ import annotations

CARET_CONTEXT = 60
"""Characters shown on each side of the place that a caret points at."""


class AutograderError(Exception):
    """Root of everything that this package raises on purpose."""


class UsageError(AutograderError):
    """Arguments or input that cannot be used; `str()` is the one line that the user sees."""


class Unreadable(AutograderError):
    """A student's text that cannot be read.

    text: what was read, as typed. offset: where it broke, in characters of `text`. reason: what is wrong
    there, one clause. accepted: what would be accepted instead, one clause or empty.
    """

    def __init__(self, text: str, offset: int, reason: str, accepted: str = "") -> None:
        super().__init__(reason)
        self.text = text
        self.offset = max(0, min(offset, len(text)))
        self.reason = reason
        self.accepted = accepted

    def explain(self) -> str:
        """The text with a caret under the place, the reason, and what would be accepted; three or four lines."""
        start = max(0, self.offset - CARET_CONTEXT)
        window = "".join(c if c.isprintable() else " " for c in self.text[start : self.offset + CARET_CONTEXT])
        lines = [f"Your answer cannot be read: {self.reason}."]
        if window.strip():
            lines += [f"    {window}", f"    {' ' * (self.offset - start)}^"]
        if self.accepted:
            lines.append(f"Accepted would be: {self.accepted}.")
        return "\n".join(lines)


class OutOfBudget(AutograderError):
    """One of our named caps was passed. limit: the cap's name. value: what was asked for."""

    def __init__(self, limit: str, value: object) -> None:
        super().__init__(f"{value} is beyond our limit {limit}")
        self.limit = limit
        self.value = value
