"""What is said of a call that gave no value: for students to read, the same in every run, made from what the guest says only
after it has been cut and cleaned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from autograder.worker import leftovers
from autograder.worker.reply import Failure, FailureKind

MESSAGE_CHARACTERS = 500
"""Characters of a failure's message."""

LINE_CHARACTERS = 120
"""Characters of the place that a failure names."""

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
_CONTROL = re.compile(r"[^\S\n]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")
_KINDS: tuple[FailureKind, ...] = ("missing", "raised", "exited", "killed", "timeout", "memory", "type", "import", "skipped")
"""Kinds of failure that a guest may report of itself."""

_SIGNALS = {4: "illegal instruction", 6: "abort", 7: "bus error", 8: "arithmetic error", 9: "killed", 11: "segmentation fault"}


def how_it_ended(how: str, memory: int, disk: int) -> Failure:
    """What became of a guest that is gone: `how` is that of `Ended`, memory and disk are its limits in bytes."""
    what, _, number = how.partition(" ")
    if what == "memory":
        return Failure("memory", f"used more than {memory // 2**20} MB of memory")
    if what == "disk":
        return Failure("killed", f"wrote more than {disk // 2**20} MB to files")
    if what == "entries":
        return Failure("killed", f"left more than {leftovers.MAX_ENTRIES} files and folders")
    if what == "idle":
        return Failure("killed", "computed on after it had answered, and was stopped")
    if what == "signal":
        return Failure("killed", f"its process died of signal {number} ({_SIGNALS.get(int(number), 'unknown')})")
    if what == "exit":
        return Failure("exited", f"ended its process with exit status {number} instead of returning")
    return Failure("killed", "closed its connection and was stopped")


def failure_of(record: Any, scratch: str) -> Failure:
    """A guest's account of a failure, made fit for people; a nonsensical one says so."""
    if type(record) is not dict or record.get("kind") not in _KINDS:
        return Failure("killed", "its process answered nonsense")
    text, line = (tidy(value, cap, scratch) if isinstance(value, str) else "" for value, cap in _parts(record))
    return Failure(record["kind"], text or "failed", line)


def _parts(record: dict[str, Any]) -> Iterator[tuple[Any, int]]:
    yield record.get("message"), MESSAGE_CHARACTERS
    yield record.get("line"), LINE_CHARACTERS


def tidy(text: str, cap: int, scratch: str = "") -> str:
    """No temporary paths, addresses or control characters, and not too long."""
    text = _CONTROL.sub(" ", without_places(text.encode("utf-8", "replace").decode(), scratch)).strip()
    return text if len(text) <= cap else text[: cap - 1] + "…"


def without_places(text: str, scratch: str) -> str:
    """A text without the scratch folder's path and without addresses: they differ from run to run."""
    if scratch:
        text = re.sub(re.escape(scratch) + r"(/\d+(/work/?)?)?", "", text)
    return _ADDRESS.sub("0x…", text)


def while_loading(failure: Failure, label: str = "") -> Failure:
    """A failure of a call that loads: it says so, and where the unit stands."""
    where = f" ({label})" if label else ""
    return Failure(failure.kind, f"while loading{where}: {failure.message}", failure.line or label)


def lost_parent() -> Failure:
    """What watches over student code ended, twice, while the same source was the only one that ran."""
    return Failure("killed", "ended the process that watches over it, and is not run again")


def lost_object(head: str) -> Failure:
    """A kept object is asked for that is not there."""
    return Failure("skipped", f"{head} is not there: the call that makes it failed, or its process had to be replaced")


def not_handed_in(source: str) -> Failure:
    """A source is asked for that the submission does not have."""
    return Failure("missing", f"nothing was handed in for {source}")


def not_reached() -> Failure:
    """The deadline of the whole came first."""
    return Failure("not_reached", "not reached: the time for this submission was used up")
