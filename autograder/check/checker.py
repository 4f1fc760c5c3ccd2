"""The student's check before handing in: is everything there, how is each answer read, what is visibly wrong.

Only the suite's `public.py` is opened, never the reference or the tests, so nothing here can tell whether an answer is
right. What is found comes as `Finding`s, one by one, in the order in which a person wants them: the files, the written
answers, code without torch, code with torch, what would be uploaded. The terminal and the page are made of them.
"""

from __future__ import annotations

import ast
import difflib
import importlib.util
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from autograder.algebra import Expr, Followed, Rubric, Symbols, follow, key_of, read_typed, render, sequence_letters, statements_of
from autograder.assignment import PACKAGE, Assignment, find_assignment, is_code, load_assignment
from autograder.errors import OutOfBudget, Unreadable
from autograder.grading import Student, code_sources, load_public, rng_of, seed_of
from autograder.numeric import Numbers, numbers, pieces
from autograder.submission import ARCHIVE_SUFFIXES, Submission, open_submission, write_archive
from autograder.verdict import Verdict
from autograder.worker import File, Limits, Reply, Source, Units, Worker, layers
from autograder.writeup import Answer, WriteUp, read_writeup

State = Literal["read", "unreadable", "missing", "person", "holds", "wrong", "said"]

SLOW_SECONDS = 1.0
"""A call that takes longer is remarked on."""

CLOSE_NAME = 0.7
"""How much alike two names are (difflib's ratio) for one to be taken for a misspelling of the other."""

MAX_UNREAD = 6
"""Steps that could not be read and are shown; the rest are counted."""

MAX_STEP = 160
"""Characters of a step that is shown."""

SIZES = re.compile(r"\\(?:left|right)(?![A-Za-z])\s*")
"""Sizes of brackets, of which a step that is cut from a chain may keep one half."""

READ_AS = "Read as: "
"""Stands before a formula as it was read, in a judge's account."""

NOT_WRITTEN = "NotImplementedError"
"""What a template's functions raise."""

LISTED = 12
"""Numbers that the summary names; the rest are counted."""

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
class Reading:
    """How one written answer is read."""

    state: State
    lines: tuple[str, ...]
    formula: str = ""
    """The formula as it is understood, in the notation of the algebra room; pages typeset it."""


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


@dataclass(frozen=True)
class Example:
    """A call that a suite's `public.py` names: how the sheet defines a function and what a call of it returns.

    signature: `linear.solve(A, b)`, module first. arguments: makes the arguments of an example call; without it only
    name and parameters are looked at. returns: the shape of each returned value. names: of the values, where there are
    several. then: where the call makes an object, the arguments with which that is called.
    """

    signature: str
    arguments: Callable[[np.random.Generator], tuple[Any, ...]] | None = None
    returns: tuple[tuple[int, ...], ...] = ((),)
    names: tuple[str, ...] = ()
    then: tuple[Any, ...] | None = None

    @property
    def function(self) -> str:
        """`linear.solve`"""
        return self.signature.partition("(")[0]

    @property
    def module(self) -> str:
        """`ridge`"""
        return self.signature.partition(".")[0]

    @property
    def parameters(self) -> str:
        """`(X, y, Sigma)`"""
        return self.signature[len(self.function) :]


# Written answers ------------------------------------------------------------------------------------------------------


def formula(answer: Answer, table: Symbols) -> Reading:
    """A formula as the algebra room understands it, and its shape: with symbols only, without a truth.

    What cannot be read comes back with a caret under the place and what would be accepted.
    """
    where = _where(answer)
    try:
        read = read_typed(answer.text, table, None)
    except Unreadable as problem:
        return Reading("unreadable", (*problem.explain().splitlines(), where))
    except OutOfBudget as problem:
        return Reading("unreadable", (f"Your answer cannot be read: it is too long or too deeply nested ({problem}).", where))
    if read.expression is None:
        told = Unreadable(answer.text, read.at, f"the shapes do not fit: {read.misfit}").explain().splitlines()
        return Reading("wrong", (*told, where))
    shown = render(read.expression, table)
    rows, columns = read.expression.shape
    shape = "a single number" if (str(rows), str(columns)) == ("1", "1") else f"{rows} × {columns}"
    return Reading("read", (f"{shown}", f"{shape}; {where}"), shown)


def judged(verdict: Verdict, answer: Answer) -> Reading:
    """How a judge read an answer, with nothing of what it decided."""
    if verdict.kind == "unreadable":
        return Reading("unreadable", (*verdict.message.splitlines(), _where(answer)))
    if verdict.kind == "missing":
        return Reading("missing", tuple(verdict.read.splitlines()))
    shown = verdict.read or quoted(answer)
    formula_of = next((line.partition(READ_AS)[2] for line in shown.splitlines() if READ_AS in line), "")
    return Reading("person" if verdict.kind == "undecided" else "read", tuple(shown.splitlines()), formula_of)


def derived(answer: Answer, facts: Rubric) -> Reading:
    """How a derivation is read: how many steps, in which letters, what could not be read and on which line; nothing of what holds.

    facts: a rubric without waypoints. What is said hangs on notation alone: a false step is as well read as a true one.
    """
    text = statements_of(answer.body, max(1, answer.start))
    followed = follow(text, answer.body, answer.text, facts)
    read: list[tuple[int, str]] = []
    unread: list[str] = []
    for step in followed.steps:
        sides = [side for side in (step.left, step.right) if side is not None]
        why = next((side.unread for side in sides if side.unread), "" if sides else step.how)
        shown = f"`{_short(SIZES.sub('', step.text))}`"
        if why:
            unread.append(f"not readable, line {step.line}: {shown}: {_short(why)}")
        else:
            read.append((step.line, shown))
    if not read:
        told = f"none of {len(unread)} steps can be read" if unread else "no steps are found: relations such as a = b or a ≤ b"
        return Reading("person", (f"{told}; a person reads it.", *_some(unread), quoted(answer)))
    first, last = min(line for line, _ in read), max(line for line, _ in read)
    place = f"line {first}" if first == last else f"lines {first} to {last}"
    lines = [f"{len(read)} step{'s are' if len(read) > 1 else ' is'} read, {place}{_letters(answer, followed, facts)}"]
    lines += [f"{len(unread)} more {'is' if len(unread) == 1 else 'are'} left to a person:"] if unread else []
    lines += _some(unread)
    lines += [quoted(answer)] if answer.how.startswith("after") else [f"the last one, line {read[-1][0]}: {read[-1][1]}"]
    if not text.complete:
        lines.append("It is longer than what is read here; a person reads the rest.")
    return Reading("read", tuple(lines))


def _letters(answer: Answer, followed: Followed, facts: Rubric) -> str:
    """Which of the letters that were typed stand for the sheet's own."""
    table = followed.setting.table
    of = {key_of(name): name for name in facts.symbols}
    said = [
        f"{letter} as {render(Expr('sym', (), key_of(name), table.by_key(key_of(name)).shape), table)}"
        for letter, name in followed.binding.items()
        if key_of(name) in of
    ]
    iterates = sequence_letters(answer.body, facts.sequence) if facts.sequence else None
    if facts.sequence and iterates and iterates != (facts.sequence.base, facts.sequence.index, 0):
        base, index, ahead = iterates
        said.append(f"{base}_{f'{{{index}+1}}' if ahead else index} as {facts.sequence.base}_{facts.sequence.index}")
    return f", with {', '.join(said)}" if said else ", in the letters of the sheet"


def _some(unread: Sequence[str]) -> list[str]:
    more = len(unread) - MAX_UNREAD
    return [*unread[:MAX_UNREAD], *([f"and {more} more"] if more > 0 else [])]


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MAX_STEP else f"{text[:MAX_STEP]}…"


def quoted(answer: Answer, limit: int = 200) -> str:
    """The answer as it was found, on one line."""
    text = " ".join(answer.text.split())
    return f"{text[:limit]}{'…' if len(text) > limit else ''}  ({_where(answer)})"


def _where(answer: Answer) -> str:
    said = f"{answer.file}, line {answer.line}, {answer.how or 'as found'}"
    return f"{said}; {answer.note}" if answer.note else said


def _reading(read: Callable[[Answer], Reading | str], answer: Answer) -> Reading:
    if answer.state == "missing":
        return Reading("missing", (answer.note,) if answer.note else ())
    if answer.state in ("image", "foreign"):
        return Reading("person", (answer.note or "a person reads it",))
    given = read(answer)
    return given if isinstance(given, Reading) else Reading("read", tuple(given.splitlines()))


# The check --------------------------------------------------------------------------------------------------------------


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
        files = [f for f in self.submission.files if not f.lower().endswith(ARCHIVE_SUFFIXES)]
        yield Finding("files", "", "said" if files else "missing", (f"Files: {', '.join(files) or 'none'}",))
        for note in self.submission.notes:
            yield Finding("files", "", "said", (note,))
        sources, remarks = code_sources(self.submission, self.assignment)
        for note in remarks:
            yield Finding("files", "", "said", (note,))
        if self.public is None:
            self.load()
        if wanted("writeup"):
            writeup = read_writeup(self.submission, self.assignment)
            for note in writeup.notes:
                yield Finding("files", "", "said", (note,))
            yield from self._written(writeup)
        yield from self._code({name: source for name, source in sources.items() if wanted(name)}, wanted)
        yield from self._upload(files)

    def _numbers(self, *, code: bool) -> list[str]:
        return [n for n in sorted(self.assignment.points, key=self.assignment.place) if is_code(n) == code]

    def _name(self, number: str) -> str:
        return self.assignment.titles.get(number) or number.rpartition(".")[2]

    def _written(self, writeup: WriteUp) -> Iterator[Finding]:
        for number in self._numbers(code=False):
            reading = _reading(self.public.READINGS[number], writeup.answer(number))
            yield Finding("written", number, reading.state, reading.lines, reading.formula, self._name(number))

    # code

    def _code(self, sources: Mapping[str, Source], wanted: Callable[[str], bool]) -> Iterator[Finding]:
        """First what needs no torch, then what does: importing it takes seconds."""
        numbers_ = [n for n in self._numbers(code=True) if n in self.public.PUBLIC_CHECKS or n in self.examples]
        of = {n: self.examples[n].module if n in self.examples else "" for n in numbers_}
        torch = {name for name, source in sources.items() if self._mentions_torch(source)}
        groups = [(False, [n for n in numbers_ if of[n] not in torch]), (True, [n for n in numbers_ if of[n] in torch])]
        installed = importlib.util.find_spec("torch") is not None
        for with_torch, members in groups:
            members = [n for n in members if wanted(of[n])]
            if with_torch and not installed:
                yield from self._without_torch(members, sources)
            elif members:
                chosen = {n: s for n, s in sources.items() if (n in torch) == with_torch}
                with ExitStack() as closing:
                    try:
                        yield from self._run(members, chosen, with_torch, closing)
                    except RuntimeError as problem:  # the worker's, where no process can be had
                        yield Finding("code", "", "person", (f"Your code could not be run on this machine: {problem}",))

    def _mentions_torch(self, source: Source) -> bool:
        return any("torch" in code for code in self._texts(source))

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
            if _takes(there.get(name, ""), example.parameters) is False:
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
        if said is not None and said.startswith("missing"):
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
        parts = pieces(reply, example.names) if example.names else [reply]
        came: list[str] = []
        for part, shape in zip(parts, example.returns, strict=True):
            read = numbers(part, shape)
            if isinstance(read, Verdict):
                return ("missing", "", []) if read.kind == "missing" else ("wrong", "", read.message.splitlines())
            if read.axes:
                lines.append(f"{read.axes}; axes of length 1 too many or too few cost points")
            lines += _not_finite(read, part)
            came.append(f"shape {np.shape(part.value)}, {np.asarray(part.value).dtype}" if np.shape(part.value) else "a number")
        changed = student(f"_changes_in_{example.module}.changed_by", example.function.rpartition(".")[2], *arguments)
        if example.then is None and changed.failure is None and isinstance(changed.value, list) and changed.value:
            which = ", ".join(_parameter(example, k) for k in changed.value)
            lines.append(f"changes its argument {which} in place; that costs nothing, but surprises whoever calls it")
        if seconds > SLOW_SECONDS:
            lines.append(f"took {seconds:.1f} s for one small call; a call may take {self.assignment.call_seconds:g} s when it is graded")
        wrong = any("axes" in line or "finite" in line for line in lines)
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
            defined = any(_defines(code, name) for code in self._texts(sources[example.module]))
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
        return Units([*before, (load + CHANGES.format(target="getattr(_module, name)"), "the check's own probe", 0)])
    return Units([*source.units, (CHANGES.format(target="globals()[name]"), "the check's own probe", 0)])


def _not_finite(read: Numbers, reply: Reply) -> list[str]:
    bad = int(np.count_nonzero(~np.isfinite(read.values)))
    return [f"{reply.function.rpartition('.')[2]}: {bad} of {read.values.size} numbers are not finite"] if bad else []


def _parameter(example: Example, place: object) -> str:
    names = [p.strip() for p in example.parameters.strip("()").split(",")]
    return names[place] if isinstance(place, int) and 0 <= place < len(names) else "(unknown)"


def _takes(defined: str, wanted: str) -> bool | None:
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


def _defines(code: str, name: str) -> bool:
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


# What people see --------------------------------------------------------------------------------------------------------

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
            yield from shown(finding)
        yield ""
        yield summary(found)


def shown(finding: Finding) -> Iterator[str]:
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


def summary(found: Sequence[Finding]) -> str:
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
        files = [f for f in submission.files if not f.lower().endswith(ARCHIVE_SUFFIXES)]
        write_archive(out, {file: submission.root / file for file in files})
    return len(files)


# Watching ---------------------------------------------------------------------------------------------------------------

LOOK_SECONDS = 0.4
"""Seconds between two looks at the files while watching."""


def watch(
    path: Path,
    assignment: Assignment,
    heard: Callable[[Sequence[Finding]], None] = lambda _: None,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str]:
    """The whole check, then after every save what has changed, until interrupted.

    heard: told of all that is known after each round. sleep: waits between two looks. Raises UsageError at the start.
    """
    before: dict[object, Finding] = {}
    seen = stamps(path)
    yield from check(path, assignment, lambda f: before.__setitem__((f.section, f.number or f.lines), f))
    heard(list(before.values()))
    yield ""
    yield "Watching; save a file to check it again, Ctrl-C to stop."
    while True:
        sleep(LOOK_SECONDS)
        now = stamps(path)
        changed = {name for name in {*seen, *now} if seen.get(name) != now.get(name)}
        if not changed:
            continue
        seen = now
        yield ""
        yield f"Saved: {', '.join(sorted(changed))}"
        news = 0
        with open_submission(path, assignment) as submission:
            for finding in Checker(assignment, submission).findings(_touched(changed, assignment)):
                key = (finding.section, finding.number or finding.lines)
                if finding.number and before.get(key) != finding:
                    news += 1
                    before[key] = finding
                    yield from shown(finding) if finding.state != "missing" else (f"{finding.number:>8}  {STATES['missing']}",)
        heard(list(before.values()))
        if not news:
            yield "Nothing is read or behaves differently."


def stamps(path: Path) -> dict[str, tuple[int, int]]:
    """When each file was last changed and how long it is; what disappears while we look is left out."""
    found: dict[str, tuple[int, int]] = {}
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if not any(part.startswith((".", "__")) for part in file.relative_to(path).parts):
            try:
                about = file.stat()
            except OSError:
                continue
            if file.is_file():
                found[file.name] = (about.st_mtime_ns, about.st_size)
    return found


def _touched(changed: set[str], assignment: Assignment) -> Callable[[str], bool]:
    """Which sources have to be looked at again: a module for its own file, everything for a notebook or an archive."""
    written = tuple({Path(name).suffix.lower() for name in assignment.files.writeup} | {".md", ".tex"})
    everything = any(not name.lower().endswith((".py", *written)) for name in changed)
    modules = {name.lower().removesuffix(".py") for name in changed if name.lower().endswith(".py")}
    writeup = any(name.lower().endswith(written) for name in changed)
    # A module that is none of the sheet's may be imported by any of them.
    helper = bool(modules - {name.lower().removesuffix(".py") for name in assignment.files.code})

    def wanted(source: str) -> bool:
        return everything or (writeup if source == "writeup" else helper or source.lower() in modules or (not source and bool(modules)))

    return wanted
