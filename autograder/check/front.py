"""What a student sees of a check: the findings as lines of text, a summary, the zip that would be uploaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from autograder.assignment import PACKAGE, Assignment, find_assignment, load_assignment
from autograder.check.checker import Checker, Finding, uploaded_files
from autograder.check.public import State
from autograder.submission import open_submission, write_archive

LISTED = 12
"""Numbers that the summary names; the rest are counted."""

STATES: Mapping[State, str] = {
    "read": "",
    "unreadable": "UNREADABLE",
    "missing": "no answer found",
    "person": "a person looks",
    "holds": "",
    "wrong": "LOOK HERE",
    "said": "",
}
"""How each state is called; nothing where there is nothing to do."""

HEADINGS = {
    "files": "",
    "written": "How your answers are read (not whether they are right):",
    "code": "Your code:",
    "upload": "You would upload:",
}


def sheet_of(name_or_path: str) -> Assignment:
    """The assignment of that name or path; an installed handout carries its own inside the package. Raises UsageError."""
    carried = PACKAGE / "handout" / name_or_path
    return load_assignment(carried) if (carried / "assignment.toml").is_file() else find_assignment(name_or_path)


def check(path: Path, assignment: Assignment, heard: Callable[[Finding], None] = lambda _: None) -> Iterator[str]:
    """Lines for the student, as they come. heard: told of every finding. Raises UsageError where the path is no submission."""
    with open_submission(path, assignment) as submission:
        yield f"{assignment.title}: {submission.name}"
        found: list[Finding] = []
        section = "files"
        for finding in Checker(assignment, submission).findings():
            found.append(finding)
            heard(finding)
            if finding.section != section:
                yield from _absent(found, section)
                section = finding.section
                yield ""
                yield HEADINGS[section]
            yield from finding_lines(finding)
        yield ""
        yield summary_line(found)


def finding_lines(finding: Finding) -> Iterator[str]:
    """A finding as lines for the terminal; nothing for what is missing, which is said together."""
    if not finding.number:
        yield from finding.lines
        return
    if finding.state == "missing":
        return
    head = f"{finding.number:>8}  " if finding.section == "written" else f"  {finding.number}: "
    lines = [line for line in finding.lines if line] or [finding.state]
    marked = STATES[finding.state]
    yield head + (f"{marked}  {lines[0]}" if marked else lines[0])
    yield from (f"{'':10}{line}" for line in lines[1:])


def _absent(found: Sequence[Finding], section: str) -> Iterator[str]:
    absent = [f.number for f in found if f.section == section and f.state == "missing" and f.number]
    what = {"written": "No answer found for", "code": "  No function found for"}.get(section)
    if absent and what:
        yield f"{what}: {', '.join(absent)}."


def summary_line(found: Sequence[Finding]) -> str:
    """One line: how much of it needs a look."""
    look = [f.number for f in found if f.number and f.state in ("unreadable", "wrong")]
    absent = sum(1 for f in found if f.number and f.state == "missing")
    rest = f" and {len(look) - LISTED} more" if len(look) > LISTED else ""
    said = f"Look again at: {', '.join(look[:LISTED])}{rest}." if look else "Nothing that could be checked here is visibly wrong."
    idle = sum(1 for f in found if f.number and f.section == "code" and f.state == "person")
    said += f" {absent} of the parts and functions are missing." if absent else ""
    return f"{said} {idle} functions were not run here." if idle else said


def write_zip(path: Path, assignment: Assignment, out: Path) -> int:
    """Writes what would be uploaded as a zip; the number of files. Raises UsageError, OSError."""
    with open_submission(path, assignment) as submission:
        files = uploaded_files(submission)
        write_archive(out, {file: submission.root / file for file in files})
    return len(files)
