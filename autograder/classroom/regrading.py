"""Many submissions: some jobs grade, one process writes the journal and everything else in the folder."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from types import FrameType
from typing import Any

from autograder.assignment import PACKAGE, Assignment
from autograder.classroom.compare import check_earlier
from autograder.classroom.jobs import Broken, Graded, Job, Ready, Unchanged, Work
from autograder.classroom.journal import Journal, JournalFailed, Outcome, not_stored
from autograder.classroom.progress import Watch, shorten_name
from autograder.classroom.summary import Conclusion, Written
from autograder.errors import AutograderError, UsageError
from autograder.grading import Overrides, fingerprint, load_overrides
from autograder.report import gradescope
from autograder.submission import Handed, read_class
from autograder.worker import child

PACKAGES = ("gradescope-utils", "mpmath", "numpy", "pytest", "sympy", "torch")
"""What verdicts rest on beside the suite and ourselves: another version of one of them, and everything is graded again."""

TICK_SECONDS = 0.2
"""Between two looks at the jobs when nothing happens."""

CONCLUDE_SECONDS = 600.0
"""For writing what is said of the class as a whole."""

CONCLUDE_MEGABYTES = 4_096
"""Memory for it: of a class only names, scores and what waits for a person are held at once."""

MAX_RESTARTS = 20
"""Jobs that may die in a run before we believe that the fault is not a submission's."""


class Stopped(AutograderError):
    """A person stopped it; what was done stands."""


@dataclass
class _Stop:
    """Whether to stop: after what is running (Ctrl-C), or at once (again)."""

    asked: int = 0

    @contextlib.contextmanager
    def listening(self) -> Iterator[_Stop]:
        """Counts SIGINT and SIGTERM instead of being ended by them."""

        def heard(_signal: int, _frame: FrameType | None) -> None:
            self.asked += 1

        before = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def regrade(
    path: Path,
    out: Path,
    assignment: Assignment,
    profile: str,
    *,
    seconds: float | None = None,
    jobs: int | None = None,
    resume: bool = False,
    overrides: Path | None = None,
    against: Path | None = None,
) -> int:
    """Grades everything that lies at the path. Returns how many submissions the grader itself failed at.

    `out/NAME/results.json` for each, `out/grades.csv` with a row for each person, `out/class.html`, `out/journal.sqlite`. resume: go on
    with the last run; without it a new run begins, and what did not change (content, suite, grader, decisions) is taken over all the
    same. against: an earlier folder, or an export with scores; what changed goes to `out/changes.html` and `out/changes.csv`.
    Raises UsageError, JournalFailed where the folder cannot be written, Stopped after Ctrl-C.
    """
    assignment.profile(profile)
    if seconds is not None and not seconds > 0:
        raise UsageError(f"a deadline of {seconds:g} seconds: give a number above 0")
    if jobs is not None and jobs < 1:
        raise UsageError(f"{jobs} jobs: give a number from 1")
    if not hasattr(os, "fork"):
        raise UsageError("regrade forks a process for each submission, which this system cannot do; use Linux, macOS or WSL")
    decisions = load_overrides(overrides, assignment) if overrides is not None else Overrides()
    if against is not None:
        check_earlier(against)
    if out.resolve().is_relative_to(path.resolve()):
        raise UsageError(f"--out {out} lies in {path}, where the next run would grade results as submissions; give a folder beside it")
    room = read_class(path)
    for note in room.notes:
        print(note, file=sys.stderr)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UsageError(f"{out}: no folder can be made there ({problem.strerror})") from None
    about = _about(assignment, profile, seconds)
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    with Journal(out) as journal:
        last = journal.last_run()
        run = last.number if resume and last is not None and last.key == key else journal.begin_run(key, about)
        if resume and last is not None and last.number != run:
            print("The suite, the grader or the options changed since the last run: a new one begins.", file=sys.stderr)
        conclude = Conclusion(out, run, room.handed, assignment.folder, profile)
        try:
            with _scratch(out) as scratch, _storing(out):
                work = Work(room, assignment.folder, profile, seconds, overrides, scratch)
                _Run(journal, run, key, out, work, decisions, min(jobs or _cores(), len(room.handed))).drive()
        except Stopped:
            _conclude(conclude.write_grades)
            raise
        broken = _conclude(conclude.write_grades)
        if against is not None:
            same = against.is_dir() and against.resolve() == out.resolve()
            _conclude(conclude.write_changes, against, journal.run_before(run) if same else None)
        return broken


def _conclude(work: Callable[..., Written], *args: Any) -> int:
    """Does it in a process of its own, since a class's results take memory; prints what it says and returns what it counts."""
    try:
        written = child.run(work, *args, seconds=CONCLUDE_SECONDS, megabytes=CONCLUDE_MEGABYTES)
    except child.ChildRaised as problem:
        raise (UsageError if problem.is_usage_error else AutograderError)(problem.message) from None
    print(written.line)
    return written.concerns


@dataclass
class _Run:
    """One run under way."""

    journal: Journal
    run: int
    key: str
    out: Path
    work: Work
    decisions: Overrides
    count: int
    jobs: list[Job] = field(default_factory=list)
    restarts: int = 0

    def drive(self) -> None:
        """Until everything is done or a person stops it (Stopped)."""
        waiting = list(reversed(self.work.room.handed))
        with _Stop().listening() as stop, Watch(len(waiting)) as watch:
            try:
                for _ in range(self.count):
                    self.jobs.append(Job(self.work))
                while (waiting and not stop.asked) or any(job.handed for job in self.jobs):
                    if stop.asked > 1:
                        break
                    self.step(waiting, watch, stop)
                while self.jobs and self.jobs[-1].ready and not stop.asked:
                    self.jobs.pop().end()
            finally:
                for job in self.jobs:
                    job.kill()
            left = watch.total - watch.done
            if left:
                raise Stopped(f"stopped with {left} of {watch.total} submissions left; `--resume` goes on")
        self.journal.end_run(self.run)

    def step(self, waiting: list[Handed], watch: Watch, stop: _Stop) -> None:
        """Gives orders to whoever is free and takes what was answered."""
        for job in self.jobs:
            if job.ready and job.handed is None and waiting and not stop.asked:
                watch.started()
                self.order(job, waiting.pop())
        by_handle = {job.fileno(): job for job in self.jobs}
        for handle in wait(list(by_handle), TICK_SECONDS):
            assert isinstance(handle, int)
            self.hear(by_handle[handle], watch)
        busy = [(time.monotonic() - job.since, job.handed.name) for job in self.jobs if job.handed is not None]
        watch.tick(f"{shorten_name(max(busy)[1])} {max(busy)[0]:.0f} s" if busy else "")

    def order(self, job: Job, handed: Handed) -> None:
        """Begins a submission; where a result of the same content may stand already, only its content is looked at first."""
        earlier = self.journal.earlier(self.key, handed.name)
        if earlier is not None and earlier.outcome.is_final and earlier.outcome.decisions == self.fitting(handed, earlier.outcome):
            job.order(handed, earlier.outcome.content, None)
        else:
            job.order(handed, "", self.journal.begin(self.run, handed.name))

    def fitting(self, handed: Handed, outcome: Outcome) -> str:
        """The decisions that fit what was handed in, as one hash."""
        return fingerprint(self.decisions.fitting(outcome.review.get("keys", {}), handed.name, outcome.content))

    def hear(self, job: Job, watch: Watch) -> None:
        """One answer of a job, or its end."""
        said = job.answer()
        if said is None:
            self.replace(job, watch)
        elif isinstance(said, Broken):
            raise (UsageError if said.is_usage else AutograderError)(said.message)
        elif isinstance(said, Ready):
            job.ready = True
        elif job.handed is not None:
            handed, job.handed = job.handed, None
            self.done(handed, job.grading, said, watch)

    def replace(self, job: Job, watch: Watch) -> None:
        """A job died: killed for memory, say. What it was grading gets a row with the reason, another job takes its place."""
        status = job.kill()
        self.jobs.remove(job)
        self.restarts += 1
        how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"status {status}"
        if not job.ready or self.restarts > MAX_RESTARTS:
            raise AutograderError(f"a grading process ended by itself ({how}); is there enough memory for {self.count} of them?")
        if job.handed is not None:
            outcome = Outcome("failed", f"the grader's process died ({how})", seconds=time.monotonic() - job.since)
            self.done(job.handed, job.grading, Graded(outcome), watch)
        self.jobs.append(Job(self.work))

    def done(self, handed: Handed, grading: int | None, said: Unchanged | Graded, watch: Watch) -> None:
        """Journal first, then results.json."""
        if isinstance(said, Unchanged):
            earlier = self.journal.earlier(self.key, handed.name)
            assert earlier is not None
            outcome = earlier.outcome
            self.journal.take_over(self.run, handed.name, earlier.number)
            counts = Counter(test["extra_data"]["verdict"] for test in json.loads(outcome.results)["tests"])
        else:
            outcome = said.outcome
            counts = Counter(said.counts or {outcome.state: 1})
            self.journal.end(grading if grading is not None else self.journal.begin(self.run, handed.name), outcome)
        self.place(handed, outcome)
        watch.finished(handed.name, outcome.seconds, dict(counts))

    def place(self, handed: Handed, outcome: Outcome) -> None:
        """Puts results.json where it belongs; an old one goes where there is none now."""
        folder = self.out / handed.name
        path = folder / "results.json"
        if not outcome.results:
            path.unlink(missing_ok=True)
            return
        folder.mkdir(exist_ok=True)
        if not (path.is_file() and path.read_bytes() == outcome.results.encode()):
            gradescope.replace_text(path, outcome.results)


def _about(assignment: Assignment, profile: str, seconds: float | None) -> dict[str, Any]:
    """Everything that a result hangs on beside the submission."""
    versions = {}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return {
        "assignment": assignment.name,
        "suite": {"version": assignment.version, "hash": assignment.suite_hash},
        "grader": _source_hash(PACKAGE),
        "packages": versions,
        "python": platform.python_version(),
        "profile": profile,
        "seconds": assignment.total_seconds if seconds is None else seconds,
    }


def _source_hash(package: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package).as_posix()}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _cores() -> int:
    """Cores that we may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def _scratch(out: Path) -> Iterator[Path]:
    """A folder for what is unpacked. Its name hangs on `out`, so that what a killed run left there is removed by the next."""
    mine = hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir(), f"autograder-regrade-{os.getuid()}-{mine}")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(mode=0o711)
    except OSError:  # someone else's
        folder = Path(tempfile.mkdtemp(prefix="autograder-regrade-"))
        folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _storing(out: Path) -> Iterator[None]:
    """A full disk is one clear line, wherever in the folder it shows."""
    try:
        yield
    except OSError as problem:
        raise JournalFailed(not_stored(out, problem)) from None
