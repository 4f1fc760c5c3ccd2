"""One submission -> Report, by driving pytest once over the suite.

With `out`, results.json is there from the first moment and is replaced after every check: a kill at any time
leaves a valid file that says what was not reached.
"""

from __future__ import annotations

import contextlib
import io
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.assignment import Assignment, Profile
from autograder.desk import Desk, load_public, open_desk
from autograder.errors import AutograderError
from autograder.plugin import BENCH
from autograder.report import gradescope
from autograder.score import Report, TestEntry, scored
from autograder.verdict import undecided


class SuiteFailed(AutograderError):
    """The suite itself could not be run: our fault or its author's, exit code 1."""


class _Session:
    """Registered with pytest for one run: puts the desk there and gathers the entries."""

    def __init__(self, desk: Desk, heard: Callable[[TestEntry], None]) -> None:
        self.desk = desk
        self.heard = heard
        self.numbers: list[str] = []
        self.problems: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        bench = config.stash[BENCH]
        bench.assignments[self.desk.assignment.folder] = self.desk.assignment
        bench.desks[self.desk.assignment.folder] = self.desk
        bench.heard = self.heard
        bench.collected = self.numbers.extend

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problems.append(report.longreprtext)


def grade(
    path: Path,
    assignment: Assignment,
    profile: str = "full",
    *,
    seconds: float | None = None,
    out: Path | None = None,
    heard: Callable[[TestEntry], None] = lambda _: None,
) -> Report:
    """Grades one submission.

    seconds: for the whole of it, wall clock. out: where results.json goes. heard: told of every entry once it is decided.
    Raises UsageError for unusable input (nothing is written then), SuiteFailed where the suite cannot be run.
    """
    began = time.monotonic()
    chosen = assignment.profile(profile)
    with open_desk(path, assignment, chosen, seconds=seconds) as desk:
        entries: dict[str, TestEntry] = {number: _pending(number, assignment, chosen) for number in chosen.points}

        def report(*, complete: bool, public: tuple[str, ...] = ()) -> Report:
            return Report(
                assignment=assignment,
                profile=chosen,
                submission=desk.submission.name,
                entries=tuple(entries[n] for n in sorted(entries, key=assignment.place)),
                notes=desk.notes,
                public=public,
                printed="".join(desk.student.printed),
                seed=desk.seed,
                packages=desk.packages(),
                protections=desk.student.worker.protections,
                execution_time=time.monotonic() - began,
                complete=complete,
                faults=tuple(str(e.verdict.evidence.get("said", e.number)) for e in entries.values() if e.verdict.kind == "error"),
            )

        def decided(entry: TestEntry) -> None:
            entries[entry.number] = entry
            heard(entry)
            if out is not None:
                gradescope.write(report(complete=False), out)

        if out is not None:
            gradescope.write(report(complete=False), out)
        _drive(desk, decided)
        final = report(complete=True, public=tuple(_public_checks(desk)))
        if out is not None:
            gradescope.write(final, out)
        return final


def _pending(number: str, assignment: Assignment, profile: Profile) -> TestEntry:
    """What stands in results.json for a check until it is decided: no points for what nobody has looked at."""
    entry = scored(number, assignment, profile, undecided("Not reached: grading was cut short before this check."))
    return TestEntry(**{**vars(entry), "score": 0.0})


def _drive(desk: Desk, heard: Callable[[TestEntry], None]) -> None:
    """Runs the suite. Raises SuiteFailed where it does not collect, or does not cover the profile."""
    folder = desk.assignment.folder
    session = _Session(desk, heard)
    said = io.StringIO()
    autoload = os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # what else is installed here must not change a grade
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = pytest.main(
                [
                    *("-c", os.devnull, "--rootdir", str(folder), "--import-mode=importlib", "-p", "autograder.plugin"),
                    *("-p", "no:cacheprovider", "-p", "no:doctest", "-p", "no:junitxml", "-p", "no:faulthandler", "-q"),
                    *("--profile", desk.profile.name, str(folder)),
                ],
                plugins=[session],
            )
    finally:
        if autoload is None:
            del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        else:
            os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = autoload
    uncovered = sorted(set(desk.profile.points) - set(session.numbers), key=desk.assignment.place)
    if session.problems or uncovered or status in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
        why = session.problems or ([f"no test for {', '.join(uncovered)}"] if session.numbers else []) or [said.getvalue().strip()]
        raise SuiteFailed(f"the suite {folder.name} cannot be run: {why[0]}")


def _public_checks(desk: Desk) -> list[str]:
    """What the public properties say of the student's code: only what is wrong, a line each, and how many hold."""
    checks = {n: check for n, check in load_public(desk.assignment).PUBLIC_CHECKS.items() if n in desk.profile.points}
    if time.monotonic() > desk.ends:
        return []
    said = {number: check(desk.student, desk.rng(f"public {number}")) for number, check in checks.items()}
    wrong = [f"{number}: {problem}" for number, problem in said.items() if problem]
    return [*wrong, f"{len(said) - len(wrong)} of {len(said)} hold."] if said else []
