"""Processes that grade one submission after another, each in a fork of its own.

A job is a warm parent: pytest and the suite are imported and collected, truths are computed (by grading the reference once), and
beside it stand the worker's parents with numpy and torch imported. It runs no student code and keeps nothing of a submission: a
fork grades, answers and is gone, so memory does not grow with the class and nothing leaks from one submission to the next.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from autograder.assignment import Assignment, load_assignment
from autograder.classroom.huge_pages import enlarge
from autograder.classroom.journal import Outcome
from autograder.errors import AutograderError, UsageError
from autograder.grading import Overrides, Remembered, fingerprint, load_overrides, review_key
from autograder.report import Report, gradescope
from autograder.submission import ClassFiles, ClassRoom, Handed
from autograder.worker import child, needs_torch

GRACE_SECONDS = 30.0
"""Beyond a grading's own deadline, before its process is killed."""

GRADING_MEGABYTES = 4_096
"""Memory that grading one submission may add to what its job holds: an address space, of which little is ever used."""

END_SECONDS = 30.0
"""For a job to end by itself when its orders have ended."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Each job computes on one thread; there are as many jobs as cores."""

REVIEWED = ("undecided", "unreadable", "error")
"""Verdicts at which a person should look."""

MAX_BODY = 6_000
"""Characters of a part that are kept for the person who looks at it."""

UNPACKED = "handed"
"""Folder in a fork's scratch for what comes out of an archive."""

DESCRIPTORS = 4_096
"""File descriptors that a job closes: all that it may have inherited."""


@dataclass(frozen=True)
class Work:
    """What all jobs of a run have in common."""

    room: ClassRoom
    suite: Path
    profile: str
    seconds: float | None
    overrides: Path | None
    scratch: Path


@dataclass(frozen=True)
class Order:
    """A submission to grade. known: the content for which a result stands; then only that is checked."""

    handed: Handed
    known: str


@dataclass(frozen=True)
class Ready:
    """What a job says once: orders can come."""


@dataclass(frozen=True)
class Broken:
    """What a job says instead where it can grade nothing. is_usage: whether arguments or input are unusable."""

    message: str
    is_usage: bool


@dataclass(frozen=True)
class Unchanged:
    """The answer to an order whose submission is what a result stands for."""


@dataclass(frozen=True)
class Graded:
    """The answer to any other order. counts: of verdicts. learned: what later submissions need not have decided again."""

    outcome: Outcome
    counts: Mapping[str, int] = field(default_factory=dict)
    learned: tuple[Remembered, ...] = ()


class Job:
    """One such process, as the one that gives the orders sees it. At most one order is under way."""

    def __init__(self, work: Work) -> None:
        self._connection, theirs = Pipe()
        self.handed: Handed | None = None
        self.grading: int | None = None
        self.since = time.monotonic()
        self.ready = False
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _live(work, theirs)
        theirs.close()

    def fileno(self) -> int:
        """What becomes readable when there is an answer, or when the job died."""
        return self._connection.fileno()

    def order(self, handed: Handed, known: str, grading: int | None) -> None:
        """Begins a submission. known: the content for which a result stands; then only that is checked."""
        self.handed, self.grading, self.since = handed, grading, time.monotonic()
        with contextlib.suppress(OSError):  # it died: found out by `answer`
            self._connection.send(Order(handed, known))

    def answer(self) -> Ready | Broken | Unchanged | Graded | None:
        """What it said; None if it died."""
        try:
            said: Ready | Broken | Unchanged | Graded = self._connection.recv()
        except (EOFError, OSError):
            return None
        return said

    def end(self) -> None:
        """No more orders; waits until it is gone, and kills it if that takes too long."""
        self._connection.close()
        until = time.monotonic() + END_SECONDS
        while time.monotonic() < until:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return
            time.sleep(0.01)
        self.kill()

    def kill(self) -> int:
        """Kills it with what it is grading (its forks die with it); how it had ended, as waitpid says."""
        self._connection.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            return os.waitpid(self.pid, 0)[1]
        return 0


def _live(work: Work, connection: Connection) -> None:
    """In the fork: never returns, and runs nothing of the parent's on its way out."""
    try:
        os.setsid()  # Ctrl-C is for the parent, which lets us finish
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _die_with_parent()
        own = connection.fileno()
        os.closerange(3, own)
        os.closerange(own + 1, DESCRIPTORS)
        os.environ.update(dict.fromkeys(THREADS, "1"))
        try:
            _serve(work, connection)
        except AutograderError as problem:
            connection.send(Broken(str(problem), isinstance(problem, UsageError)))
        except BaseException:
            connection.send(Broken("".join(traceback.format_exc().splitlines(keepends=True)[-6:]), is_usage=False))
    finally:
        os._exit(0)


def _die_with_parent() -> None:
    """The kernel kills us when our parent is gone (Linux); elsewhere a job notices by the end of its orders."""
    from autograder.worker import layers

    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            layers.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _serve(work: Work, connection: Connection) -> None:
    """Collects the suite and answers orders until they end."""
    from autograder.grading import Memory, collection
    from autograder.worker import WarmParent

    assignment = load_assignment(work.suite)
    overrides = load_overrides(work.overrides, assignment) if work.overrides is not None else Overrides()
    parents: dict[bool, WarmParent] = {}

    def answer(suite: collection.Suite) -> None:
        grader = Grader(work, assignment, suite, parents, overrides, work.room.open())
        suite.memory = Memory()
        grader.warm_up()
        grader.make_room()
        for decided in suite.memory.fresh:
            suite.memory.learn(decided)
        gc.collect()
        gc.freeze()  # so that a collection in a fork does not touch, and so copy, every page of ours
        connection.send(Ready())
        limit = (assignment.total_seconds if work.seconds is None else work.seconds) + GRACE_SECONDS
        while True:
            try:
                order: Order = connection.recv()
            except EOFError:
                return
            said = _isolated(grader, order, limit)
            connection.send(replace(said, learned=()) if isinstance(said, Graded) else said)
            for decided in said.learned if isinstance(said, Graded) else ():
                suite.memory.learn(decided)
            grader.make_room()
            if isinstance(said, Graded) and said.outcome.facts.get("packages", {}).get("torch"):
                grader.start_parent(torch=True)  # the next one need not wait for its import

    collection.collect(assignment, assignment.profile(work.profile), answer)
    for parent in parents.values():
        parent.close()


@dataclass
class Grader:
    """What a job grades with."""

    work: Work
    assignment: Assignment
    suite: Any
    parents: dict[bool, Any]
    overrides: Overrides
    source: ClassFiles
    enlarged: set[int] = field(default_factory=set)

    def start_parent(self, *, torch: bool) -> None:
        """A warm parent of students' processes, where there is none yet and the system can fork them."""
        from autograder.worker import WarmParent, can_fork

        if torch not in self.parents and can_fork():
            self.parents[torch] = WarmParent(torch=torch)
            self.parents[torch].stand_by()

    def make_room(self) -> None:
        """For the next submission: a supervisor that stands by, and large pages for the parents of students' processes, once each
        when their imports are done, which save half of what a fork of them costs.
        """
        from autograder.worker import ParentGone, processes

        for torch, parent in list(self.parents.items()):
            try:
                parent.stand_by()
                if parent.pid not in self.enlarged and processes.children(parent.pid):
                    self.enlarged.add(parent.pid)
                    enlarge(parent.pid)
                    parent.stand_by(anew=True)  # one that shares these pages
            except ParentGone:  # noqa: PERF203 - two at most
                parent.close()
                del self.parents[torch]
                self.start_parent(torch=torch)

    def warm_up(self) -> None:
        """Grades the reference, so that what its truths need is imported and computed before the first fork. Whatever
        comes of it is of no interest here, but whether it needs torch: then most submissions do.
        """
        self.start_parent(torch=False)
        if not self.assignment.reference.is_dir():
            return
        if any(needs_torch(path.read_bytes()) for path in self.assignment.reference.glob("*.py")):
            self.start_parent(torch=True)
        with contextlib.suppress(AutograderError):
            gradescope.document(self._report(self.assignment.reference, "", Overrides()))

    def grade(self, order: Order, scratch: Path) -> Unchanged | Graded:
        """Grades one submission; raises UsageError where it is unusable. Runs in a fork."""
        from autograder.submission import open_submission

        tempfile.tempdir = str(scratch)
        self.suite.memory.fresh.clear()
        unpacked = scratch / UNPACKED
        unpacked.mkdir(mode=0o700)
        path = self.source.submission(order.handed, unpacked)
        if order.known:
            with open_submission(path, self.assignment) as submission:
                if submission.digest == order.known:
                    return Unchanged()
        report = self._report(path, order.handed.name, self.overrides)
        document = gradescope.document(report)
        kinds = [entry.verdict.kind for entry in report.entries]
        outcome = Outcome(
            state="graded",
            content=report.content,
            score=report.score,
            results=gradescope.dumps(document),
            review=self._review(report),
            decisions=self._fingerprint(report, order.handed.name),
            facts={"suite": str(self.work.suite), "packages": dict(report.packages), "protections": list(report.protections)},
        )
        return Graded(outcome, {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}, tuple(self.suite.memory.fresh))

    def _report(self, path: Path, name: str, overrides: Overrides) -> Report:
        from autograder.grading import run

        return run.grade(
            path,
            self.assignment,
            self.work.profile,
            seconds=self.work.seconds,
            suite=self.suite,
            parents=self.parents.get,
            overrides=overrides,
            known_as=name,
        )

    def _review(self, report: Report) -> dict[str, Any]:
        """What a person has to know of a submission: the hashes of its answers, and what waits for a decision."""
        waiting = []
        for entry in report.entries:
            if entry.verdict.kind not in REVIEWED:
                continue
            answer = report.answers.get(entry.number)
            waiting.append(
                {
                    "part": entry.number,
                    "kind": entry.verdict.kind,
                    "key": review_key(answer, entry.verdict) if answer is not None else "",
                    "text": answer.text[:MAX_BODY] if answer is not None else "",
                    "body": answer.body[:MAX_BODY] if answer is not None else "",
                    "place": f"{answer.file}, line {answer.line}" if answer is not None and answer.file else "",
                    "message": gradescope.plain(entry.feedback),
                    "evidence": gradescope.json_safe(entry.verdict.evidence),
                }
            )
        return {"keys": {number: list(keys) for number, keys in report.keys.items()}, "waiting": waiting}

    def _fingerprint(self, report: Report, name: str) -> str:
        return fingerprint(self.overrides.fitting(report.keys, name, report.content))


def _isolated(grader: Grader, order: Order, limit: float) -> Unchanged | Graded:
    """Grades in a fork; whatever happens there, an answer."""
    base = Path(tempfile.mkdtemp(prefix="job-", dir=grader.work.scratch))
    base.chmod(0o711)  # students' processes have their own user, and their folders lie below
    began = time.monotonic()
    try:
        said: Unchanged | Graded = child.run(_in_fork, grader, order, base, seconds=limit, megabytes=GRADING_MEGABYTES)
    except child.ChildRaised as problem:
        unusable = problem.is_usage_error
        reason = problem.message if unusable else f"the grader failed: {problem}"
        reason = reason.replace(f"{base}/{UNPACKED}/", "").encode("utf-8", "replace").decode()
        said = Graded(Outcome("unusable" if unusable else "failed", reason))
    except child.ChildTimeout:
        said = Graded(Outcome("failed", f"the grader did not end within {limit:g} s and was killed"))
    except child.ChildFailed as problem:
        said = Graded(Outcome("failed", f"the grader failed: {problem}"))
    finally:
        _remove(base)
    if isinstance(said, Unchanged):
        return said
    return replace(said, outcome=replace(said.outcome, seconds=round(time.monotonic() - began, 3)))


def _in_fork(grader: Grader, order: Order, scratch: Path) -> Unchanged | Graded:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent()
    return grader.grade(order, scratch)


def _remove(folder: Path) -> None:
    from autograder.worker import leftovers

    leftovers.remove_tree(str(folder))
