"""The student's check before handing in: is everything there, how is each answer read, what is visibly wrong.

Only the suite's `public.py` is opened, never the reference or the tests, so nothing here can tell whether an answer is
right. What is found comes as `Finding`s, one by one, in the order in which a person wants them: the files, the written
answers, code without torch, code with torch, what would be uploaded. The terminal and the page are made of them.
"""

from __future__ import annotations

import ast
import difflib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from autograder.assignment import Assignment, is_code
from autograder.check.public import Example, State, read_answer
from autograder.grading import ABSENT, Student, code_of, load_public, rng_of, seed_of
from autograder.numeric import Numbers, numbers, pieces
from autograder.submission import ARCHIVE_SUFFIXES, Submission
from autograder.verdict import Verdict
from autograder.worker import File, Limits, Reply, Source, Unit, Units, Worker, has_torch, layers, needs_torch
from autograder.writeup import WriteUp, read_writeup

SLOW_SECONDS = 1.0
"""A call that takes longer is remarked on."""

CLOSE_NAME = 0.7
"""How much alike two names are (difflib's ratio) for one to be taken for a misspelling of the other."""

NOT_WRITTEN = "NotImplementedError"
"""What a template's functions raise."""

CHANGES = """
def changed_by(name, *arguments):
    import copy
    import numpy
    before = copy.deepcopy(arguments)
    {target}(*arguments)
    return [k for k, (a, b) in enumerate(zip(arguments, before)) if not numpy.array_equal(numpy.asarray(a), numpy.asarray(b))]
"""
"""Runs beside the student's code: which arguments a call changes in place."""


@dataclass(frozen=True)
class Finding:
    """One thing that the check found out."""

    section: Literal["files", "written", "code", "upload"]
    number: str
    """Of the part or function; empty for what is about the whole."""
    state: State
    lines: tuple[str, ...]
    formula: str = ""
    name: str = ""
    source: str = ""
    """What it hangs on: the module of a function, `` for the write-up."""


def uploaded_files(submission: Submission) -> list[str]:
    """The files that count: archives inside of a submission are not opened."""
    return [f for f in submission.files if not f.lower().endswith(ARCHIVE_SUFFIXES)]


@dataclass
class Checker:
    """One submission under check. Iterating over `findings` runs it, in the order in which things are found."""

    assignment: Assignment
    submission: Submission
    public: Any = None
    examples: Mapping[str, Example] = field(default_factory=dict)
    protected: str = ""
    """What the student's code was kept by, once that is known: it is said once."""

    def load(self) -> None:
        """Opens the suite's public.py: after the first output, because it takes a moment. Raises UsageError."""
        self.public = load_public(self.assignment)
        self.examples = getattr(self.public, "EXAMPLES", {})

    def findings(self, wanted: Callable[[str], bool] = lambda _: True) -> Iterator[Finding]:
        """wanted: which sources to look at, by module, and `writeup`; all by default."""
        files = uploaded_files(self.submission)
        yield Finding("files", "", "said" if files else "missing", (f"Files: {', '.join(files) or 'none'}",))
        for note in self.submission.notes:
            yield Finding("files", "", "said", (note,))
        code = code_of(self.submission, self.assignment)
        for note in code.remarks:
            yield Finding("files", "", "said", (note,))
        if self.public is None:
            self.load()
        if wanted("writeup"):
            writeup = read_writeup(self.submission, self.assignment)
            for note in writeup.notes:
                yield Finding("files", "", "said", (note,))
            yield from self._written(writeup)
        yield from self._code({name: source for name, source in code.sources.items() if wanted(name)}, wanted)
        yield from self._upload(files)

    def _numbers(self, *, code: bool) -> list[str]:
        return [n for n in sorted(self.assignment.points, key=self.assignment.place) if is_code(n) == code]

    def _name(self, number: str) -> str:
        return self.assignment.titles.get(number) or number.rpartition(".")[2]

    def _written(self, writeup: WriteUp) -> Iterator[Finding]:
        for number in self._numbers(code=False):
            reading = read_answer(self.public.READINGS[number], writeup.answer(number))
            yield Finding("written", number, reading.state, reading.lines, reading.formula, self._name(number))

    # code

    def _code(self, sources: Mapping[str, Source], wanted: Callable[[str], bool]) -> Iterator[Finding]:
        """First what needs no torch, then what does: importing it takes seconds."""
        numbers_ = [n for n in self._numbers(code=True) if n in self.public.PUBLIC_CHECKS or n in self.examples]
        of = {n: self.examples[n].module if n in self.examples else "" for n in numbers_}
        torch = {name for name, source in sources.items() if any(needs_torch(code) for code in self._texts(source))}
        groups = [(False, [n for n in numbers_ if of[n] not in torch]), (True, [n for n in numbers_ if of[n] in torch])]
        for with_torch, members in groups:
            members = [n for n in members if wanted(of[n])]
            if with_torch and not has_torch():
                yield from self._without_torch(members, sources)
            elif members:
                chosen = {n: s for n, s in sources.items() if (n in torch) == with_torch}
                with ExitStack() as closing:
                    try:
                        yield from self._run(members, chosen, with_torch, closing)
                    except RuntimeError as problem:  # the worker's, where no process can be had
                        yield Finding("code", "", "person", (f"Your code could not be run on this machine: {problem}",))

    def _texts(self, source: Source) -> list[str]:
        if isinstance(source, File):
            return [(self.submission.root / source.path).read_bytes().decode("utf-8", "replace")]
        return [code for code, _, _ in source.units]

    def _run(self, members: Sequence[str], sources: Mapping[str, Source], torch: bool, closing: ExitStack) -> Iterator[Finding]:
        worker = closing.enter_context(
            Worker(
                self.submission.root,
                {**sources, **{f"_changes_in_{name}": _with_probe(name, source) for name, source in sources.items()}},
                torch=torch,
                seed=seed_of(self.submission),
                limits=Limits(call=self.assignment.call_seconds),
            )
        )
        student, signatures = Student(worker), {name: worker.names(name) for name in sources}
        for number in members:
            state, lines = self._function(number, student, signatures)
            source = self.examples[number].module if number in self.examples else ""
            yield Finding("code", number, state, lines, name=number.rpartition(".")[2], source=source)
        if not self.protected:
            self.protected = layers.in_words(worker.protections)
            yield Finding("code", "", "said", (self.protected,))
        printed = "".join(student.printed).strip()
        if printed:
            yield Finding("code", "", "said", ("Your code printed:", *printed.splitlines()[:20]))

    def _function(self, number: str, student: Student, signatures: Mapping[str, Mapping[str, str]]) -> tuple[State, tuple[str, ...]]:
        """State and lines of one function: name, parameters, an example call, the public property."""
        lines: list[str] = []
        came = ""
        example = self.examples.get(number)
        if example is not None:
            there = signatures.get(example.module, {})
            name = example.function.rpartition(".")[2]
            other = difflib.get_close_matches(
                name, [n for n in there if "__" not in n and n not in self._expected(example.module)], 1, CLOSE_NAME
            )
            if there and name not in there and other:
                lines.append(f"there is no {name}; is {other[0]} meant to be it?")
            if _can_take(there.get(name, ""), example.parameters) is False:
                lines.append(f"is defined as {there[name]}; the sheet has {name}{example.parameters}")
            if example.arguments is None and name not in there:
                failure = student.worker.load(example.module) if example.module in signatures else None
                lines += [f"its file cannot be loaded: {failure.message} {failure.line}".rstrip()] if failure is not None else []
                return ("wrong" if lines else "missing"), tuple(lines)
            if example.arguments is not None:
                state, came, said = self._example(number, example, student)
                lines += said
                if state != "holds":
                    return ("wrong" if lines and state == "missing" else state), tuple(lines)
        public = self.public.PUBLIC_CHECKS.get(number)
        if public is None:
            return "holds", (came or "is there", *lines)
        said = public(student, rng_of(self.submission, f"public {number}"))
        if said == ABSENT:
            return ("wrong", tuple(lines)) if lines else ("missing", ())
        about = said or (public.__doc__ or "holds").strip().partition("\n")[0] + (f" ({came})" if came else "")
        return ("wrong" if said else "holds"), (about, *lines)

    def _expected(self, module: str) -> set[str]:
        return {e.function.rpartition(".")[2] for e in self.examples.values() if e.module == module}

    def _example(self, number: str, example: Example, student: Student) -> tuple[State, str, list[str]]:
        """One call: exceptions, what comes back, changes in place, speed. The state, what came back, what is to be said."""
        assert example.arguments is not None
        arguments = example.arguments(rng_of(self.submission, f"example {number}"))
        began = time.monotonic()
        reply = student(example.function, *arguments, keep="made" if example.then is not None else None)
        if reply.failure is None and example.then is not None:
            reply = Reply(**{**vars(student("@made", *example.then)), "function": example.function})
        seconds = time.monotonic() - began
        if reply.failure is not None and reply.failure.message.startswith(NOT_WRITTEN):
            return "wrong", "", [f"is not written yet: it raises {NOT_WRITTEN} ({reply.failure.line})"]
        lines: list[str] = []
        wrong = False
        parts = pieces(reply, example.names) if example.names else [reply]
        came: list[str] = []
        for part, shape in zip(parts, example.returns, strict=True):
            read = numbers(part, shape)
            if isinstance(read, Verdict):
                return ("missing", "", []) if read.kind == "missing" else ("wrong", "", read.message.splitlines())
            if read.axes:
                wrong = True
                lines.append(f"{read.axes}; axes of length 1 too many or too few cost points")
            strange = _not_finite(read, part)
            wrong = wrong or bool(strange)
            lines += strange
            came.append(f"shape {np.shape(part.value)}, {np.asarray(part.value).dtype}" if np.shape(part.value) else "a number")
        changed = student(f"_changes_in_{example.module}.changed_by", example.function.rpartition(".")[2], *arguments)
        if example.then is None and changed.failure is None and isinstance(changed.value, list) and changed.value:
            which = ", ".join(_parameter(example, k) for k in changed.value)
            lines.append(f"changes its argument {which} in place; that costs nothing, but surprises whoever calls it")
        if seconds > SLOW_SECONDS:
            lines.append(f"took {seconds:.1f} s for one small call; a call may take {self.assignment.call_seconds:g} s when it is graded")
        return ("wrong" if wrong else "holds"), f"returns {'; '.join(came)}", lines

    def _without_torch(self, members: Sequence[str], sources: Mapping[str, Source]) -> Iterator[Finding]:
        """torch is not installed here: only whether each name is defined can be said."""
        if members:
            yield Finding(
                "code",
                "",
                "person",
                ("torch is not installed here, so what needs it is not run: install the extra `torch` to check it too.",),
            )
        for number in members:
            example = self.examples[number]
            name = example.function.rpartition(".")[2]
            defined = any(_has_definition(code, name) for code in self._texts(sources[example.module]))
            yield Finding(
                "code",
                number,
                "person" if defined else "missing",
                ("defined; not run",) if defined else (),
                name=name,
                source=example.module,
            )

    # what would be uploaded

    def _upload(self, files: Sequence[str]) -> Iterator[Finding]:
        sizes = [(file, (self.submission.root / file).stat().st_size) for file in files]
        width = max((len(file) for file, _ in sizes), default=0)
        lines = [f"  {file:<{width}}  {_size(size):>9}" for file, size in sizes]
        total = f"{len(sizes)} file{'s' * (len(sizes) != 1)}, {_size(sum(size for _, size in sizes))}"
        yield Finding("upload", "", "said" if files else "missing", (*lines, total))


def _with_probe(name: str, source: Source) -> Source:
    if isinstance(source, File):
        load = f"import importlib.util\n_spec = importlib.util.spec_from_file_location({name!r}, {source.path!r})\n"
        load += "_module = importlib.util.module_from_spec(_spec)\n_spec.loader.exec_module(_module)\n"
        before = [source.before] if source.before is not None else []
        return Units([*before, Unit(load + CHANGES.format(target="getattr(_module, name)"), "the check's own probe", 0)])
    return Units([*source.units, Unit(CHANGES.format(target="globals()[name]"), "the check's own probe", 0)])


def _not_finite(read: Numbers, reply: Reply) -> list[str]:
    bad = int(np.count_nonzero(~np.isfinite(read.values)))
    return [f"{reply.function.rpartition('.')[2]}: {bad} of {read.values.size} numbers are not finite"] if bad else []


def _parameter(example: Example, place: object) -> str:
    names = [p.strip() for p in example.parameters.strip("()").split(",")]
    return names[place] if isinstance(place, int) and 0 <= place < len(names) else "(unknown)"


def _can_take(defined: str, wanted: str) -> bool | None:
    """Whether a function defined like this can be called with as many arguments; None where that cannot be told."""
    try:
        given, due = (_arguments(text) for text in (defined[defined.index("(") :], wanted))
    except (ValueError, SyntaxError):
        return None
    most = len(given.args) + len(given.posonlyargs)
    least = most - len(given.defaults)
    return least <= len(due.args) and (len(due.args) <= most or given.vararg is not None)


def _arguments(text: str) -> ast.arguments:
    """Raises SyntaxError for what is no parameter list, such as one with a default that has no literal."""
    definition = ast.parse(f"def f{text}: ...").body[0]
    assert isinstance(definition, ast.FunctionDef)
    return definition.args


def _has_definition(code: str, name: str) -> bool:
    try:
        body = ast.walk(ast.parse(code))
    except SyntaxError:
        return False
    kinds = (ast.FunctionDef, ast.ClassDef)
    return any(
        (isinstance(n, kinds) and n.name == name) or (isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and n.id == name)
        for n in body
    )


def _size(count: int) -> str:
    return f"{count} B" if count < 1024 else f"{count / 1024:.1f} KiB" if count < 2**20 else f"{count / 2**20:.1f} MiB"
