"""The desk at which one submission is graded: the sheet, what was handed in, its write-up read, its code at hand.

Everything that the tests of a suite share is opened here once and closed in reverse order, whatever happens. The
worker is started first, so that its imports overlap with ours.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, TypeAlias

import numpy as np

from autograder.assignment import Assignment, Profile
from autograder.errors import UsageError
from autograder.submission import FIRST_UNIT, Submission, definitions, open_submission
from autograder.worker import File, Limits, Reply, Source, Units, WarmParent, Worker, has_torch, needs_torch
from autograder.writeup import Answer, WriteUp, read_writeup

REPORTED_PACKAGES = ("autograder", "gradescope-utils", "mpmath", "numpy", "pytest", "sympy", "torch")
"""Whose versions stand in the results."""

CLOSING_SECONDS = 3.0
"""Kept back from the whole, a tenth at most: for writing the results and stopping the worker."""

IMPORT = re.compile(r"(?:^|[;:])[ \t]*(?:from[ \t]+(\w+)|import[ \t]+([^\n;#]+))", re.MULTILINE)
"""What is imported: the one package of a `from`, or all that stands after `import`."""

PRINTED_MAX = 4_000
"""Characters of what the student's code printed, in all, that are shown."""


Parents: TypeAlias = Callable[[bool], WarmParent | None]
"""Warm parents of students' processes, if there are any: called with whether torch is needed."""


@dataclass
class Student:
    """The student's code, as a suite calls it: `student("linear.solve", A, b) -> Reply`."""

    worker: Worker
    printed: list[str] = field(default_factory=list)
    without: frozenset[str] = frozenset()
    """Modules that need torch, where the grader's machine has none: our fault, and never the student's loss."""
    written: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The names that were handed in of a module, where that is known without running it."""

    def __call__(self, function: str, *args: object, keep: str | None = None, seconds: float | None = None) -> Reply:
        """Calls a function (`module.name`) or a kept object (`@name`). Never raises for what the student's code does.

        Raises RuntimeError where the code needs torch and there is none to run it with.
        """
        module, _, name = function.partition(".")
        if module in self.without and name.partition(".")[0] in self.written.get(module, {name.partition(".")[0]}):
            raise RuntimeError(f"{function} needs torch, which is not installed where this is graded")
        return self._noted(self.worker.call(function, *args, keep=keep, seconds=seconds))

    def attributes(self, kept: str, names: list[str]) -> Reply:
        """The named attributes (dotted paths too) of a kept object."""
        return self._noted(self.worker.attributes(kept, names))

    def _noted(self, reply: Reply) -> Reply:
        if reply.printed.strip() and sum(map(len, self.printed)) < PRINTED_MAX:
            self.printed.append(reply.printed)
        return reply


@dataclass
class Desk:
    """One submission on the desk."""

    assignment: Assignment
    profile: Profile
    submission: Submission
    writeup: WriteUp
    student: Student
    ends: float
    """`time.monotonic()` at which grading has to be over."""
    notes: tuple[str, ...] = ()

    @property
    def seed(self) -> int:
        """Made from the submission's content: the same for the same files, not to be guessed before they are final."""
        return seed_of(self.submission)

    def answer(self, part: str) -> Answer:
        """The written answer of a part."""
        return self.writeup.answer(part)

    def rng(self, number: str) -> np.random.Generator:
        """Random numbers for one part's inputs, the same at every grading of the same content."""
        return rng_of(self.submission, number)

    def packages(self, *, wait: bool) -> dict[str, str]:
        """Versions that the verdicts rest on; Python's and torch's are those of the worker.

        wait: for the worker's own imports, where they are not done yet; else what is known without it.
        """
        found = dict(self.student.worker.facts) if wait or self.student.worker.has_greeted else {}
        found |= {name: installed for name in REPORTED_PACKAGES if name not in found and (installed := _installed(name))}
        return dict(sorted(found.items()))

    def protections(self, *, wait: bool) -> tuple[str, ...]:
        """The layers around the student's code; none where they are not known without waiting."""
        return self.student.worker.protections if wait or self.student.worker.has_greeted else ()


@contextmanager
def without_number_warnings() -> Iterator[None]:
    """Judges compute with whatever was returned, infinite and empty things too: numpy's remarks on that are nobody's news."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def seed_of(submission: Submission) -> int:
    """The worker's seed, made from the submission's content."""
    return int(submission.digest[:8], 16)


def rng_of(submission: Submission, purpose: str) -> np.random.Generator:
    """Random numbers for one purpose, the same for the same content."""
    digest = hashlib.sha256(f"{submission.digest}:{purpose}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


class Code(NamedTuple):
    """Where the worker finds each module's code, and remarks on what was odd there."""

    sources: dict[str, Source]
    remarks: tuple[str, ...]
    written: dict[str, frozenset[str]]
    """The names that were handed in of the modules that are taken out of notebooks, whether or not they work."""


def code_of(submission: Submission, assignment: Assignment) -> Code:
    """The code that was handed in, by module of the sheet."""
    sources: dict[str, Source] = {}
    remarks: list[str] = []
    written: dict[str, frozenset[str]] = {}
    notebook = _notebook(submission, assignment)
    before = FIRST_UNIT if _has_other_imports(submission) else None
    for name in assignment.files.code:
        module, path = name.removesuffix(".py"), submission.find(name)
        wanted = assignment.files.definitions.get(module)
        if wanted is None:
            if path is not None:
                sources[module] = File(path.relative_to(submission.root).as_posix(), before=before)
        elif path is not None or notebook is not None:
            taken = definitions(_text(path), _text(notebook), wanted, py_name=name, notebook_name=notebook.name if notebook else "")
            sources[module] = Units(taken.units)
            written[module] = taken.defined | taken.lost.keys()
            remarks += taken.remarks
    return Code(sources, tuple(remarks), written)


def _notebook(submission: Submission, assignment: Assignment) -> Path | None:
    """The notebook of the assignment's name, else the only one that there is."""
    if assignment.files.notebook is None:
        return None
    lone = [submission.root / file for file in submission.files if file.lower().endswith(".ipynb")]
    return submission.find(assignment.files.notebook) or (lone[0] if len(lone) == 1 else None)


def _text(path: Path | None) -> str | None:
    if path is None:
        return None
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _torch_files(submission: Submission) -> list[str]:
    """The files of code that need torch."""
    files = (file for file in submission.files if file.lower().endswith((".py", ".ipynb")))
    return [file for file in files if needs_torch((submission.root / file).read_bytes())]


def _has_other_imports(submission: Submission) -> bool:
    """Whether some file of code imports what is neither Python's own, nor numpy or torch, nor handed in: plots, say."""
    files = [file for file in submission.files if file.lower().endswith(".py")]
    found = [pair for file in files for pair in IMPORT.findall(_text(submission.root / file) or "")]
    roots = {re.split(r"\W", name.strip(), maxsplit=1)[0] for one, several in found for name in (one or several).split(",")}
    own = {part.removesuffix(".py") for file in files for part in file.split("/")}
    return not roots <= sys.stdlib_module_names | {"numpy", "torch"} | own


def _without_torch(wanting: list[str], assignment: Assignment) -> frozenset[str]:
    """The modules whose code cannot run because torch is not installed here."""
    if not wanting or has_torch():
        return frozenset()
    stems = {Path(file).stem.lower() for file in wanting if file.lower().endswith(".py")}
    if any(file.lower().endswith(".ipynb") for file in wanting):
        stems |= set(assignment.files.definitions)
    return frozenset(name.removesuffix(".py") for name in assignment.files.code if name.removesuffix(".py") in stems)


@cache
def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@contextmanager
def open_desk(
    path: Path, assignment: Assignment, profile: Profile, *, seconds: float | None = None, parents: Parents | None = None
) -> Iterator[Desk]:
    """Opens a submission for grading. seconds: for the whole of it, wall clock; the assignment's own by default.
    parents: warm ones to fork the student's processes from; the desk starts its own otherwise.

    Raises UsageError where the path is no submission.
    """
    total = assignment.total_seconds if seconds is None else seconds
    if not total > 0:
        raise UsageError(f"a deadline of {total:g} seconds: give a number above 0")
    ends = time.monotonic() + total - min(CLOSING_SECONDS, total / 10)
    with open_submission(path, assignment) as submission:
        code = code_of(submission, assignment)
        wanting = _torch_files(submission)
        torch = bool(wanting) and has_torch()
        worker = Worker(
            submission.root,
            code.sources,
            torch=torch,
            seed=seed_of(submission),
            limits=Limits(call=assignment.call_seconds),
            deadline=ends,
            warm=parents(torch) if parents is not None else None,
        )
        with worker:
            writeup = read_writeup(submission, assignment)
            notes = (*submission.notes, *writeup.notes, *code.remarks)
            student = Student(worker, without=_without_torch(wanting, assignment), written=code.written)
            yield Desk(assignment, profile, submission, writeup, student, ends, notes)


ABSENT = "missing"
"""What a public check returns, in the place of a sentence, where the function was not handed in."""


def load_public(assignment: Assignment) -> ModuleType:
    """The suite's `public.py`: symbols and properties that a student may see. Imports nothing of the reference. Read once.

    Raises UsageError where it is absent.
    """
    return _public(assignment.name, assignment.folder / "public.py")


@cache
def _public(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"_public_of_{name}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UsageError(f"{path}: a suite needs its public.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
