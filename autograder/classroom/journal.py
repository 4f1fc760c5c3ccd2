"""The journal of a class: which submission was graded when, by which suite, with what result. One SQLite file in the folder.

The process that holds the journal is the only one that writes, and a lock keeps a second one out. Every submission is
written down when it is begun and, in one transaction with its results, when it is done: a kill at any moment loses
what was in flight and nothing else.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import json
import os
import sqlite3
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from autograder.errors import AutograderError, UsageError
from autograder.report import writable

HAS_LOCKS = importlib.util.find_spec("fcntl") is not None
if HAS_LOCKS:  # not on Windows
    import fcntl

JOURNAL = "journal.sqlite"
LOCK = "journal.lock"

SCHEMA = 1
"""Of the tables below; a journal of another version is refused."""

COMPRESSION = 6
"""zlib's level for results: JSON of this kind shrinks to a tenth in a millisecond."""

TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,            -- suite, grader, packages, profile and deadline in one hash: results under one key agree
    about TEXT NOT NULL,          -- the same as JSON, for people
    began REAL NOT NULL,          -- seconds since 1970
    ended REAL                    -- when the last submission was done; NULL while there is work left
);
CREATE TABLE IF NOT EXISTS gradings (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs(id),
    submission TEXT NOT NULL,
    began REAL NOT NULL,
    seconds REAL,                 -- NULL: in flight, or lost in flight
    state TEXT,                   -- graded, unusable (the reason says why), failed (the grader's own fault)
    reason TEXT,
    content TEXT,                 -- hash of what was handed in
    score REAL,
    results BLOB,                 -- results.json, compressed by zlib
    review BLOB,                  -- what a person has to know of each part: JSON, compressed
    decisions TEXT,               -- hash of the persons' decisions that were applied
    facts TEXT                    -- of the worker: versions and protections, as JSON
);
CREATE INDEX IF NOT EXISTS by_submission ON gradings (submission, id);
CREATE TABLE IF NOT EXISTS standing (
    run INTEGER NOT NULL REFERENCES runs(id),
    submission TEXT NOT NULL,
    grading INTEGER NOT NULL REFERENCES gradings(id),  -- of this run, or of an earlier one that was not done again
    PRIMARY KEY (run, submission)
);
"""


class JournalFailed(AutograderError):
    """The journal cannot be written: the disk is full or broken. What it held before is still there."""


@dataclass(frozen=True)
class Outcome:
    """What grading one submission came to."""

    state: str
    """`graded`, `unusable` or `failed`."""
    reason: str = ""
    content: str = ""
    results: str = ""
    """Text of its results.json; empty unless graded."""
    review: dict[str, Any] = field(default_factory=dict)
    decisions: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    score: float | None = None
    seconds: float = 0.0

    @property
    def is_final(self) -> bool:
        """Whether doing it again could not help: it was graded, and no part failed for the grader's own fault."""
        return self.state == "graded" and '"verdict": "error"' not in self.results


class Run(NamedTuple):
    """One run of a folder. key: what its results hang on beside the submissions, as a hash."""

    number: int
    key: str
    is_ended: bool


class Grading(NamedTuple):
    """One grading that was ended, by its number in the journal."""

    number: int
    outcome: Outcome


class Journal:
    """The journal of one folder, locked. A context manager.

    Raises UsageError where another process holds it or the file is not one of ours, JournalFailed where it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = _locked(folder / LOCK)
        try:
            with _storing(folder), contextlib.ExitStack() as opened:
                self._db = opened.enter_context(contextlib.closing(_opened(folder / JOURNAL)))
                self._db.executescript(TABLES)
                self._db.execute(f"PRAGMA user_version = {SCHEMA}")
                opened.pop_all()
        except BaseException:
            os.close(self.lock)
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        os.close(self.lock)

    # runs -----------------------------------------------------------------------------------------------------------

    def last_run(self) -> Run | None:
        """The last run, if there is one."""
        row = self._db.execute("SELECT id, key, ended IS NOT NULL FROM runs ORDER BY id DESC LIMIT 1").fetchone()
        return Run(row[0], row[1], bool(row[2])) if row else None

    def run_before(self, run: int) -> int:
        """The run before this one; 0, in which nothing stands, if it is the first."""
        return int(self._db.execute("SELECT max(id) FROM runs WHERE id < ?", (run,)).fetchone()[0] or 0)

    def begin_run(self, key: str, about: dict[str, Any]) -> int:
        """A new run; its number."""
        with _storing(self.folder), self._db:
            return int(
                self._db.execute("INSERT INTO runs (key, about, began) VALUES (?, ?, ?)", (key, json.dumps(about), time.time())).lastrowid
                or 0
            )

    def end_run(self, run: int) -> None:
        """Notes that nothing of the run is left to do."""
        with _storing(self.folder), self._db:
            self._db.execute("UPDATE runs SET ended = ? WHERE id = ?", (time.time(), run))

    # gradings ---------------------------------------------------------------------------------------------------------

    def begin(self, run: int, submission: str) -> int:
        """Notes that a submission is in flight; the grading's number."""
        with _storing(self.folder), self._db:
            statement = "INSERT INTO gradings (run, submission, began) VALUES (?, ?, ?)"
            return int(self._db.execute(statement, (run, submission, time.time())).lastrowid or 0)

    def end(self, grading: int, outcome: Outcome) -> None:
        """Writes what it came to; from here on it stands in its run."""
        with _storing(self.folder), self._db:
            self._db.execute(
                "UPDATE gradings SET seconds = ?, state = ?, reason = ?, content = ?, score = ?, results = ?, review = ?,"
                " decisions = ?, facts = ? WHERE id = ?",
                (
                    *(outcome.seconds, outcome.state, writable(outcome.reason), outcome.content, outcome.score),
                    *(_packed(outcome.results), _packed(json.dumps(outcome.review))),
                    *(outcome.decisions, json.dumps(outcome.facts), grading),
                ),
            )
            self._db.execute("INSERT OR REPLACE INTO standing SELECT run, submission, id FROM gradings WHERE id = ?", (grading,))

    def take_over(self, run: int, submission: str, grading: int) -> None:
        """An earlier grading of the submission stands in this run too."""
        with _storing(self.folder), self._db:
            self._db.execute("INSERT OR REPLACE INTO standing VALUES (?, ?, ?)", (run, submission, grading))

    def earlier(self, key: str, submission: str) -> Grading | None:
        """The last grading of a submission under this key that was ended, in any run; without its results' text."""
        row = self._db.execute(
            "SELECT g.id, g.state, g.reason, g.content, g.score, g.seconds, g.decisions, g.review, g.results FROM gradings g"
            " JOIN runs r ON r.id = g.run WHERE r.key = ? AND g.submission = ? AND g.state IS NOT NULL ORDER BY g.id DESC LIMIT 1",
            (key, submission),
        ).fetchone()
        if row is None:
            return None
        number, state, reason, content, score, seconds, decisions, review, results = row
        review = json.loads(_unpacked(review) or "{}")
        outcome = Outcome(state, reason, content, _unpacked(results), review, decisions=decisions, score=score, seconds=seconds)
        return Grading(number, outcome)

    def standing(self, run: int) -> Iterator[tuple[str, Outcome]]:
        """What stands in a run, one submission after another in the order of their names."""
        names = [row[0] for row in self._db.execute("SELECT submission FROM standing WHERE run = ? ORDER BY submission", (run,))]
        for name in names:  # one at a time: a class's results are not all held in memory
            row = self._db.execute(
                "SELECT g.state, g.reason, g.content, g.score, g.seconds, g.decisions, g.review, g.results, g.facts FROM gradings g"
                " JOIN standing s ON s.grading = g.id WHERE s.run = ? AND s.submission = ?",
                (run, name),
            ).fetchone()
            state, reason, content, score, seconds, decisions, review, results, facts = row
            review = json.loads(_unpacked(review) or "{}")
            yield name, Outcome(state, reason, content, _unpacked(results), review, decisions, json.loads(facts or "{}"), score, seconds)

    def names(self, run: int) -> set[str]:
        """The submissions that stand in a run."""
        return {row[0] for row in self._db.execute("SELECT submission FROM standing WHERE run = ?", (run,))}


def read_run(folder: Path, run: int | None = None) -> Iterator[tuple[str, Outcome]]:
    """What stands in a run of a folder (the last by default), without locking it. Raises UsageError where there is no journal."""
    path = folder / JOURNAL
    if not path.is_file():
        raise UsageError(f"{folder}: no {JOURNAL} in it; give a folder that `autograder regrade --out` wrote")
    journal = Journal.__new__(Journal)
    journal.folder = folder
    try:
        with contextlib.closing(_opened(path)) as journal._db:
            last = journal.last_run()
            if last is not None:
                yield from journal.standing(run if run is not None else last.number)
    except sqlite3.Error as problem:
        raise UsageError(f"{path}: cannot be read ({problem})") from None


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=30.0)
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")  # with WAL, safe against a kill; power loss may cost the last rows, never the file
    except sqlite3.DatabaseError as problem:
        db.close()
        if "full" in str(problem) or "disk" in str(problem):
            raise
        raise UsageError(f"{path}: no journal of ours ({problem}); give another folder, or remove it") from None
    if version not in (0, SCHEMA):
        db.close()
        raise UsageError(f"{path}: a journal of version {version}, this is version {SCHEMA}; give another folder")
    return db


def _locked(path: Path) -> int:
    """The lock, held. Raises UsageError where another process holds it."""
    with _storing(path.parent):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    if not HAS_LOCKS:
        return handle
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(handle, 100).decode("ascii", "replace").strip()
        os.close(handle)
        raise UsageError(
            f"{path.parent}: another regrade writes there (process {holder or 'unknown'}); wait for it, or give another folder"
        ) from None
    with contextlib.suppress(OSError):  # who holds it is only told
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
    return handle


@contextlib.contextmanager
def _storing(folder: Path) -> Iterator[None]:
    """Turns what a full or broken disk raises into one line."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as problem:
        raise JournalFailed(not_stored(folder, problem)) from None


def not_stored(folder: Path, problem: Exception) -> str:
    """One line about a folder that could not be written."""
    full = getattr(problem, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "full" in str(problem)
    what = "the disk is full" if full else f"cannot be written ({problem})"
    return f"{folder}: {what}; nothing that was graded is lost, and `--resume` goes on when there is room"


def _packed(text: str) -> bytes:
    return zlib.compress(writable(text).encode(), COMPRESSION)


def _unpacked(blob: bytes | None) -> str:
    return zlib.decompress(blob).decode() if blob else ""
