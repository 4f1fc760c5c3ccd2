"""What grading or checking found -> one self-contained page: everything in it escaped, nothing fetched from outside.

A grading's page is for staff: it holds evidence, and with it expected values. A check's page is for the student who ran it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import jinja2
from markupsafe import Markup

from autograder.assignment import Assignment
from autograder.evidence import read_evidence
from autograder.report.gradescope import json_safe, plain, public_output, replace_text
from autograder.report.plots import picture
from autograder.report.score import Report, TestEntry
from autograder.report.table import points, summary
from autograder.report.typeset import mathml
from autograder.verdict import READ_AS


class FindingLike(Protocol):
    """What a check finds out about one part, function or the whole."""

    @property
    def section(self) -> str:
        """`files`, `written`, `code` or `upload`."""

    @property
    def number(self) -> str:
        """Of the part or function; empty for the whole."""

    @property
    def state(self) -> str:
        """`read`, `unreadable`, `missing`, `person`, `holds`, `wrong`, `said`."""

    @property
    def lines(self) -> Sequence[str]:
        """What is said."""

    @property
    def formula(self) -> str:
        """The formula as it is understood, where there is one."""

    @property
    def name(self) -> str:
        """Title of the part, name of the function."""


class Lines(NamedTuple):
    """Lines of text that are shown alike. has_columns: whether they are to stay under each other, as a caret under a place."""

    has_columns: bool
    text: str


@dataclass(frozen=True)
class PartBlock:
    """One part or function as the page shows it. Markup is ours; every text is made plain before, and escaped by the template."""

    number: str
    name: str
    badge: str
    kind: str
    """Class of the badge."""
    worth: str = ""
    formula: Markup | None = None
    said: tuple[Lines, ...] = ()
    method: str = ""
    evidence: str = ""
    picture: Markup | None = None


@dataclass(frozen=True)
class ProblemBlock:
    """A problem with its parts and functions."""

    number: str
    title: str
    parts: tuple[PartBlock, ...]


@dataclass(frozen=True)
class View:
    """A page."""

    title: str
    name: str
    summary: str
    audience: str
    lead: str
    """What is said before the parts."""
    problems: tuple[ProblemBlock, ...]
    tail: str = ""
    tail_title: str = ""
    about: str = ""


def page(report: Report) -> str:
    """The HTML text of a grading's page, for staff."""
    assignment = report.assignment
    suite = f"suite {assignment.version} {assignment.suite_hash}"
    return _rendered(
        View(
            title=assignment.title,
            name=plain(report.submission),
            summary=str(summary(report)),
            audience="For staff: evidence holds expected values.",
            lead=plain(public_output(report)),
            problems=_problems(assignment, [_graded(entry) for entry in report.entries]),
            about=f"{assignment.name} {assignment.edition}, profile {report.profile.name}, {suite}. "
            f"Protections: {', '.join(report.protections) or 'none'}.",
        )
    )


def write(report: Report, path: Path) -> None:
    """Writes a grading's page, replacing what was there in one step. Raises OSError."""
    replace_text(path, page(report))


def check_page(assignment: Assignment, name: str, findings: Sequence[FindingLike]) -> str:
    """The HTML text of a check's page."""
    counts = {state: sum(f.state == state and bool(f.number) for f in findings) for state in CHECKED}
    told = ", ".join(f"{count} {CHECKED[state]}" for state, count in counts.items() if count)
    return _rendered(
        View(
            title=f"{assignment.title}: check before handing in",
            name=plain(name),
            summary=told or "nothing was found",
            audience="How your answers are read and what is visibly wrong. Whether they are right is not known here.",
            lead=plain(
                "\n".join(line for f in findings if f.section == "files" or (f.section == "code" and not f.number) for line in f.lines)
            ),
            problems=_problems(assignment, [_checked(f) for f in findings if f.number]),
            tail=plain("\n".join(line for f in findings if f.section == "upload" for line in f.lines)),
            tail_title="You would upload",
        )
    )


def write_check(assignment: Assignment, name: str, findings: Sequence[FindingLike], path: Path) -> None:
    """Writes a check's page, replacing what was there in one step. Raises OSError."""
    replace_text(path, check_page(assignment, name, findings))


CHECKED = {
    "read": "read",
    "holds": "holds",
    "wrong": "look here",
    "unreadable": "unreadable",
    "person": "for a person",
    "missing": "missing",
}
"""States of a check as badges."""

KINDS = {"read": "correct", "holds": "correct", "wrong": "incorrect", "person": "undecided"}
"""Which verdict's colour a state has, where it is not called the same."""


def _graded(entry: TestEntry) -> PartBlock:
    verdict = entry.verdict
    said: list[str] = []
    formula: Markup | None = None
    for line in entry.feedback.splitlines():
        where, mark, read = line.partition(READ_AS)
        shown = mathml(read) if mark and formula is None else None
        if shown is not None:
            formula = Markup(shown)
            line = where.rstrip(" :")
        if line:
            said.append(line)
    evidence = json_safe(verdict.evidence)
    drawn = picture(evidence)
    return PartBlock(
        number=entry.number,
        name=_name(entry.number, entry.name),
        badge=verdict.kind,
        kind=verdict.kind,
        worth=f"{points(entry.score)} of {points(entry.max_score)}",
        formula=formula,
        said=_blocks(said),
        method=plain(verdict.method or ""),
        evidence=plain("\n".join(read_evidence(evidence).show())) if evidence else "",
        picture=Markup(drawn) if drawn else None,
    )


def _checked(finding: FindingLike) -> PartBlock:
    shown = mathml(finding.formula) if finding.formula else None
    lines = [line for line in finding.lines if shown is None or not line.endswith(finding.formula)]
    return PartBlock(
        number=finding.number,
        name=_name(finding.number, finding.name),
        badge=CHECKED[finding.state],
        kind=KINDS.get(finding.state, finding.state),
        formula=Markup(shown) if shown else None,
        said=_blocks(lines),
    )


def _name(number: str, name: str) -> str:
    """The name, unless the number says it already: `1.code.double`."""
    return "" if number.endswith(f".{name}") else plain(name)


def _blocks(lines: Iterable[str]) -> tuple[Lines, ...]:
    """Lines gathered into blocks; the ones that are indented keep their columns."""
    found: list[tuple[bool, list[str]]] = []
    for line in lines:
        columns = line.startswith("    ")
        if not found or found[-1][0] != columns:
            found.append((columns, []))
        found[-1][1].append(line)
    return tuple(Lines(columns, plain("\n".join(block))) for columns, block in found)


def _problems(assignment: Assignment, parts: Iterable[PartBlock]) -> tuple[ProblemBlock, ...]:
    """The parts under their problems, in the order of the sheet; within a problem as they come."""
    found = list(parts)
    problems = [
        ProblemBlock(p.number, p.title, tuple(part for part in found if part.number.partition(".")[0] == p.number))
        for p in assignment.problems
    ]
    return tuple(problem for problem in problems if problem.parts)


def _rendered(view: View) -> str:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    style = Markup((Path(__file__).parent / "page.css").read_text(encoding="utf-8"))
    return environment.get_template("page.html").render(view=view, style=style)
