"""A verdict's evidence shown again, and that part of a submission decided once more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from autograder.assignment import find_assignment
from autograder.errors import UsageError
from autograder.grade import grade
from autograder.report.gradescope import entry_document, inert


def replay(results: Path, number: str, submission: Path | None) -> Iterator[str]:
    """Lines that show the entry `number` of a results.json. Raises UsageError where there is no such entry."""
    try:
        document = json.loads(results.read_text(encoding="utf-8"))
        entries = {test["number"]: test for test in document["tests"]}
        about = document["extra_data"]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise UsageError(f"{results}: not a results.json of ours ({type(problem).__name__}: {problem})") from None
    if number not in entries:
        raise UsageError(f"{results}: no entry {number!r}; there are {', '.join(entries)}")
    yield from _shown(entries[number])
    if submission is not None:
        report = grade(submission, find_assignment(about["assignment"]), about["profile"])
        again = next(entry_document(entry) for entry in report.entries if entry.number == number)
        yield ""
        yield "Decided again now:"
        yield from _shown(again)


def _shown(test: dict[str, object]) -> Iterator[str]:
    extra = test["extra_data"]
    assert isinstance(extra, dict)
    yield f"{test['number']}  {test['name']}: {extra['verdict']}, {test['score']:g} of {test['max_score']:g} points"
    yield from (f"    {line}" for line in inert(str(test["output"])).splitlines())
    if extra["method"]:
        yield f"    decided by: {extra['method']}"
    if extra["evidence"]:
        yield "    evidence:"
        yield from (f"        {line}" for line in json.dumps(extra["evidence"], ensure_ascii=False, indent=1).splitlines())
