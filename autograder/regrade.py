"""Many submissions, each graded in a process of its own: results.json of each, and grades.csv."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from autograder import child
from autograder.assignment import Assignment
from autograder.errors import UsageError
from autograder.grade import grade
from autograder.report import gradescope

METADATA = "submission_metadata.yml"
"""What Gradescope's export holds beside the submissions' folders."""

GRACE_SECONDS = 30.0
"""Beyond the grading's own deadline, before its process is killed."""

USABLE = {".zip", ".ipynb", ".md", ".tex"}


def submissions_in(folder: Path) -> list[Path]:
    """The submissions in a folder, by name. Raises UsageError where there is none."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; give a folder of submissions (folders or zips), such as Gradescope's export unzipped")
    found = [p for p in sorted(folder.iterdir()) if not p.name.startswith((".", "__")) and (p.is_dir() or p.suffix.lower() in USABLE)]
    if not found:
        raise UsageError(f"{folder}: no submissions in it; expected folders, zips, notebooks or write-ups")
    return found


def regrade(folder: Path, out: Path, assignment: Assignment, profile: str, *, seconds: float | None = None) -> int:
    """Grades every submission in the folder. Returns how many the grader itself failed at.

    `out/NAME/results.json` for each, and `out/grades.csv` with a row for each, those that could not be graded with
    the reason. Raises UsageError.
    """
    assignment.profile(profile)
    found = submissions_in(folder)
    out.mkdir(parents=True, exist_ok=True)
    limit = (assignment.total_seconds if seconds is None else seconds) + GRACE_SECONDS
    rows: list[dict[str, object]] = []
    failures = 0
    with _progress(len(found)) as done:
        for path in found:
            target = out / path.name
            target.mkdir(exist_ok=True)
            row: dict[str, object] = {"submission": path.name, "reason": ""}
            try:
                results = child.run(_results, path, assignment.folder, profile, seconds, target / "results.json", seconds=limit)
            except child.ChildFailed as problem:
                failures += 1
                row["reason"] = f"the grader failed: {problem}"
            else:
                if isinstance(results, str):
                    row["reason"] = results
                else:
                    failures += any(test["extra_data"]["verdict"] == "error" for test in results["tests"])
                    row |= {"score": results["score"], **{test["number"]: test["score"] for test in results["tests"]}}
            rows.append(row)
            done(path.name)
    gradescope.replace_text(out / "grades.csv", _csv(rows, sorted(assignment.profile(profile).points, key=assignment.place)))
    print(f"{len(rows)} submissions, {sum('score' in row for row in rows)} graded: {out / 'grades.csv'}")
    return failures


def _results(path: Path, suite: Path, profile: str, seconds: float | None, out: Path) -> Any:
    """Grades in this (child) process; the results, or the reason why the submission is unusable."""
    from autograder.assignment import load_assignment

    try:
        report = grade(path, load_assignment(suite), profile, seconds=seconds, out=out)
    except UsageError as problem:
        return str(problem)
    return gradescope.document(report)


def formula_safe(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _csv(rows: list[dict[str, object]], numbers: list[str]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["submission", "score", *numbers, "reason"], lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows({key: formula_safe(cell) for key, cell in row.items()} for row in rows)
    return text.getvalue()


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """A bar on a terminal, a line for each submission elsewhere."""
    if not sys.stderr.isatty():
        count = iter(range(1, total + 1))
        yield lambda name: print(f"[{next(count)}/{total}] {gradescope.inert(name, 200)}", file=sys.stderr)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    from rich.console import Console

    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("grading", total=total)

        def done(name: str) -> None:
            bar.update(task, advance=1, description=gradescope.inert(name, 40))

        yield done
