"""The entries of a results.json."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.errors import UsageError
from autograder.verdict import Json


@dataclass(frozen=True)
class Entry:
    """What stands in results.json for one part or function."""

    number: str
    name: str
    verdict: str
    score: float
    max_score: float
    output: str
    method: str | None
    slip: str | None
    evidence: Mapping[str, Json]


@dataclass(frozen=True)
class Results:
    """A results.json of ours. about: its `extra_data`."""

    entries: Mapping[str, Entry]
    about: Mapping[str, Any]


def read_results(path: Path) -> Results:
    """Reads a results.json. Raises UsageError where it is none of ours."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        entries = {}
        for test in document["tests"]:
            extra = test["extra_data"]
            entries[str(test["number"])] = Entry(
                number=str(test["number"]),
                name=str(test["name"]),
                verdict=str(extra["verdict"]),
                score=float(test["score"]),
                max_score=float(test["max_score"]),
                output=str(test["output"]),
                method=extra.get("method"),
                slip=extra.get("slip"),
                evidence=dict(extra.get("evidence") or {}),
            )
        return Results(entries, dict(document["extra_data"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise UsageError(f"{path}: not a results.json of ours ({type(problem).__name__}: {problem})") from None


def heading(entry: Entry) -> Iterator[str]:
    """The entry without its evidence."""
    yield f"{entry.number}  {entry.name}: {entry.verdict}, {entry.score:g} of {entry.max_score:g} points"
    yield from (f"    {line}" for line in entry.output.splitlines())
    if entry.method:
        yield f"    decided by: {entry.method}"
    if entry.slip:
        yield f"    slip: {entry.slip}"
