"""What is decided of an answer that was not typed: one place for every judge."""

from __future__ import annotations

from typing import Protocol

from autograder.verdict import Verdict, missing, undecided


class HasState(Protocol):
    """An answer, as far as this asks; its `note` is read where it has one."""

    @property
    def state(self) -> str:
        """`typed`, `missing`, `image` or `foreign`."""
        ...


def verdict_unless_typed(answer: HasState, due: str = "") -> Verdict | None:
    """The verdict of an answer that is missing, a picture, or of another homework; None where there is text.

    due: what can be read alone, `a formula`; the account says that it was due. Without it, the account is what the write-up noted.
    """
    if answer.state == "typed":
        return None
    note: str = "" if due else getattr(answer, "note", "")
    if answer.state == "missing":
        verdict = missing()
        return verdict.with_read(f"{verdict.message} ({note}.)") if note else verdict
    if not due:
        note = note or "a person reads it"
        said = f"{note[0].upper()}{note[1:]}."
        return undecided(said, read=said)
    if answer.state == "image":
        return undecided("This part was handed in as an image: a person reads it.", read=f"Found an image where {due} was due.")
    return undecided("This looks like another homework: a person looks at it.", read="The write-up looks like another homework.")
