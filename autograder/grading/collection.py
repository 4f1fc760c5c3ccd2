"""A suite, collected by pytest once and run for any number of desks.

`collect` drives pytest up to the point where items would run and hands over there: to run them for one desk (`grade`), or to
fork a process for each submission of a class, in which everything that the suite computed while it was imported is there already.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Collection, Iterator

import pytest

from autograder.assignment import Assignment, Profile
from autograder.errors import AutograderError
from autograder.grading.desk import Desk, without_number_warnings
from autograder.grading.memo import Memory
from autograder.grading.plugin import BENCH, number_of
from autograder.report import TestEntry

NOT_NEEDED = (
    *("cacheprovider", "doctest", "junitxml", "faulthandler"),
    *("logging", "warnings", "unraisableexception", "threadexception"),  # half a millisecond for each item, and nobody reads them
    *("setuponly", "setupplan", "subtests", "unittest", "recwarn", "pastebin", "stepwise", "legacypath"),  # a fifth of what is left
)
"""Plugins of pytest's own that a grading does without. Output is redirected for the whole run, so it is not captured item by item."""


class SuiteFailed(AutograderError):
    """The suite itself could not be run: our fault or its author's, exit code 1."""


class Suite:
    """The collected items of one profile. memory: of a class, where there is one."""

    memory: Memory | None = None

    def __init__(self, session: pytest.Session, assignment: Assignment) -> None:
        self._session = session
        self._assignment = assignment

    def run(self, desk: Desk, heard: Callable[[TestEntry], None], numbers: Collection[str] | None = None) -> None:
        """Runs the items for this desk, in this process; of `numbers` alone, where these are given.

        heard: told of every entry once it is decided.
        """
        bench = self._session.config.stash[BENCH]
        bench.desks[self._assignment.folder] = desk
        bench.heard, bench.memory = heard, self.memory
        items = [item for item in self._session.items if numbers is None or number_of(item) in numbers]
        with without_number_warnings():
            for item, following in zip(items, [*items[1:], None], strict=True):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


class _Handover:
    """Registered with pytest for one run: hands over when everything is collected."""

    def __init__(self, assignment: Assignment, profile: Profile, use: Callable[[Suite], None]) -> None:
        self.assignment = assignment
        self.profile = profile
        self.use = use
        self.numbers: list[str] = []
        self.problems: list[str] = []
        self.raised: BaseException | None = None

    @property
    def uncovered(self) -> list[str]:
        """Numbers of the profile that no item grades."""
        return sorted(set(self.profile.points) - set(self.numbers), key=self.assignment.place)

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        bench = config.stash[BENCH]
        bench.assignments[self.assignment.folder] = self.assignment
        bench.collected = self.numbers.extend

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problems.append(report.longreprtext)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if not self.problems and not self.uncovered:
            try:
                self.use(Suite(session, self.assignment))
            except BaseException as problem:  # pytest would turn it into an exit status
                self.raised = problem
        return True


def collect(assignment: Assignment, profile: Profile, use: Callable[[Suite], None]) -> None:
    """Collects the suite and calls `use` with it, with standard output and error captured.

    Raises SuiteFailed where the suite does not collect or does not cover the profile, and whatever `use` raises.
    """
    handover = _Handover(assignment, profile, use)
    said = io.StringIO()
    with _no_other_plugins(), _own_modules(assignment), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = pytest.main(
            [
                *("-c", os.devnull, "--rootdir", str(assignment.folder), "--import-mode=importlib", "-p", "autograder.grading.plugin"),
                *(word for plugin in NOT_NEEDED for word in ("-p", f"no:{plugin}")),
                *("--capture=no", "-q"),
                *("--profile", profile.name, str(assignment.folder)),
            ],
            plugins=[handover],
        )
    if handover.raised is not None:
        raise handover.raised
    if handover.problems or handover.uncovered or status in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
        uncovered = [f"no test for {', '.join(handover.uncovered)}"] if handover.numbers and handover.uncovered else []
        why = handover.problems or uncovered or [said.getvalue().strip()]
        raise SuiteFailed(f"the suite {assignment.folder.name} cannot be run: {why[0]}")


@contextlib.contextmanager
def _own_modules(assignment: Assignment) -> Iterator[None]:
    """A suite's files import each other by plain names, such as `public`: afterwards nobody else finds them under these."""
    path = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = path
        for sibling in assignment.folder.glob("*.py"):
            if getattr(sys.modules.get(sibling.stem), "__file__", None) == str(sibling):
                del sys.modules[sibling.stem]


@contextlib.contextmanager
def _no_other_plugins() -> Iterator[None]:
    """What else is installed here must not change a grade."""
    name = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
