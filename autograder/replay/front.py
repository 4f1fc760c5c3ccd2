"""What the command line prints of a replay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from autograder.assignment import Assignment
from autograder.check import sheet_of
from autograder.errors import UsageError
from autograder.evidence import read_evidence
from autograder.replay.again import run_again
from autograder.replay.entry import heading, read_results
from autograder.replay.script import script
from autograder.report import plain, replace_text


def replay(results: Path, number: str, submission: Path | None, *, assignment: str | None = None, out: Path | None = None) -> Iterator[str]:
    """Lines that show the entry `number` of a results.json and, with the submission, what that does on the same evidence now.

    assignment: where the results' own is not beside the package. out: where a stand-alone script goes.
    Raises UsageError where there is no such entry, no such assignment or no submission.
    """
    read = read_results(results)
    if number not in read.entries:
        raise UsageError(f"{results}: no entry {number!r}; there are {', '.join(read.entries)}")
    entry = read.entries[number]
    yield from (plain(line) for line in heading(entry))
    if entry.evidence:
        yield "Evidence:"
        yield from (plain(f"    {line}") for line in read_evidence(entry.evidence).show())
    else:
        yield "There is no evidence in this entry: nothing to run again."
    sheet: Assignment | None = None
    again = None
    if submission is not None:
        sheet = sheet_of(assignment or str(read.about.get("assignment")))
        suite = read.about.get("suite") or {}
        (again,) = run_again([entry], submission, sheet)
        yield ""
        yield "The submission now:"
        if suite.get("hash") not in (None, sheet.suite_hash):
            yield f"    (the suite has changed since: {suite.get('hash')} then, {sheet.suite_hash} now)"
        yield from (plain(f"    {line}") for line in again.lines)
    if out is not None:
        replace_text(out, script(entry, again.calls if again else (), sheet or _sheet(assignment or str(read.about.get("assignment")))))
        yield ""
        yield f"{out}: run it in the folder of the submission, or name that folder."


def _sheet(name: str) -> Assignment | None:
    try:
        return sheet_of(name)
    except UsageError:
        return None
