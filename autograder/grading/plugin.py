"""pytest hooks and fixtures: wiring only.

A test under a folder that holds an `assignment.toml` is an item of a suite. It takes the fixtures `answer`, `student`,
`judge` and `rng`, decides, and hands its verdict to `judge`. With no submission named, the suite grades its reference:

    pytest tests/NAME --submission DIR
"""

from __future__ import annotations

import inspect
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import numpy as np
import pytest

from autograder.assignment import Assignment, is_code, load_assignment
from autograder.evidence import FailureEvidence, TextEvidence
from autograder.grading.desk import Desk, Student, open_desk
from autograder.grading.memo import Looks, Memory
from autograder.report import TestEntry, make_entry
from autograder.verdict import Verdict, error, incorrect
from autograder.writeup import Answer

SUITE_FILE = "assignment.toml"

GIVEN = frozenset(("desk", "answer", "student", "rng", "judge"))
"""The fixtures of suites."""

DECIDES_BY_TEXT = frozenset(("answer", "judge"))
"""An item that asks for nothing else decides by the answers that it reads alone."""

LAST_WORD_SECONDS = 0.25
"""What an item may take after the deadline: enough to say that something was never handed in, too little to start anything."""


FAILED_HERE = "The grader failed at this part: a person looks at it, and until then it holds no points."
"""Of an `error`. Where the reference fails at the same item, the grader is broken, and the part holds its points after all."""


class DeadlinePassed(BaseException):
    """The whole grading's time is over. No Exception, so that no judge takes it for a failure of the student's."""


class Judge:
    """Takes the verdict of one item and returns the points that it earns."""

    def __init__(self, worth: float) -> None:
        self.worth = worth
        self.verdict: Verdict | None = None

    def __call__(self, verdict: Verdict) -> float:
        """Records the verdict; the points of its share. Raises RuntimeError on a second verdict."""
        if self.verdict is not None:
            raise RuntimeError("an item hands exactly one verdict to judge; use verdict.combined for several checks")
        self.verdict = verdict
        return verdict.share * self.worth


class Bench:
    """The desks of this pytest run, one for each suite, and who hears of finished entries."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.desks: dict[Path, Desk] = {}
        self.assignments: dict[Path, Assignment] = {}
        self.heard: Callable[[TestEntry], None] = lambda _: None
        self.memory: Memory | None = None
        self.collected: Callable[[list[str]], None] = lambda _: None
        self.closing = ExitStack()

    def assignment(self, folder: Path) -> Assignment:
        """The assignment whose suite lies in the folder."""
        if folder not in self.assignments:
            self.assignments[folder] = load_assignment(folder)
        return self.assignments[folder]

    def desk(self, folder: Path) -> Desk:
        """The desk at which this run grades for that suite: as put there by `grade`, else opened now."""
        if folder not in self.desks:
            assignment = self.assignment(folder)
            given = self.config.getoption("submission")
            path = Path(given) if given else assignment.reference
            desk = open_desk(path, assignment, assignment.profile(self.config.getoption("profile")))
            self.desks[folder] = self.closing.enter_context(desk)
        return self.desks[folder]


BENCH = pytest.StashKey[Bench]()
JUDGE = pytest.StashKey[Judge]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--submission` and `--profile`."""
    group = parser.getgroup("autograder")
    group.addoption("--submission", help="grade this submission (default: the suite's own reference)")
    group.addoption("--profile", default="full", help="profile of the assignment (default: full)")


def pytest_configure(config: pytest.Config) -> None:
    """Opens nothing yet: a run without items of a suite costs nothing."""
    config.stash[BENCH] = Bench(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Closes the desks, workers first."""
    config.stash[BENCH].closing.close()


def suite_folder(item: pytest.Item) -> Path | None:
    """The suite that an item belongs to, if it is an item of a suite."""
    return _suite_folder(item.path)


@cache
def _suite_folder(file: Path) -> Path | None:
    return file.parent if (file.parent / SUITE_FILE).is_file() else None


def number_of(item: pytest.Item) -> str:
    """What gradescope-utils' `@number` says."""
    return str(getattr(getattr(item, "function", None), "__number__", ""))


def pytest_pycollect_makemodule(module_path: Path) -> None:
    """A suite's files import each other by plain names (`from public import POINTS`); those of another suite are forgotten."""
    folder = module_path.parent
    if not (folder / SUITE_FILE).is_file():
        return
    sys.path[:] = [str(folder), *(entry for entry in sys.path if entry != str(folder))]
    for sibling in folder.glob("*.py"):
        loaded = sys.modules.get(sibling.stem)
        if loaded is not None and getattr(loaded, "__file__", None) != str(sibling):
            del sys.modules[sibling.stem]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keeps what the profile asks for, written parts first, and refuses a suite that does not fit its sheet."""
    bench = config.stash[BENCH]
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    seen: dict[tuple[Path, str], pytest.Item] = {}
    for item in items:
        folder = suite_folder(item)
        if folder is None:
            kept.append(item)
            continue
        assignment, number = bench.assignment(folder), number_of(item)
        if number not in assignment.points:
            raise pytest.UsageError(f"{item.nodeid}: @number({number!r}) is not among the points of {folder / SUITE_FILE}")
        weight = getattr(item.function, "__weight__", None)  # type: ignore[attr-defined]
        if weight != assignment.points[number]:
            raise pytest.UsageError(
                f"{item.nodeid}: @weight({weight}) but {SUITE_FILE} gives {number} {assignment.points[number]:g} points"
            )
        if (folder, number) in seen:
            raise pytest.UsageError(f"{item.nodeid}: {number} is graded by {seen[folder, number].nodeid} already")
        seen[folder, number] = item
        wanted = number in assignment.profile(config.getoption("profile")).points
        (kept if wanted else dropped).append(item)
    graded = [item for item in kept if suite_folder(item)]
    places = iter(sorted(graded, key=lambda i: (is_code(number_of(i)), bench.assignment(i.path.parent).place(number_of(i)))))
    items[:] = [next(places) if suite_folder(item) else item for item in kept]
    config.hook.pytest_deselected(items=dropped)
    bench.collected([number_of(item) for item in items if suite_folder(item)])


@contextmanager
def alarm(ends: float) -> Iterator[None]:
    """Raises DeadlinePassed in the body at the time `ends`, where the platform has timers and this is the main thread."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(_signal: int, _frame: FrameType | None) -> None:
        raise DeadlinePassed

    before = signal.signal(signal.SIGALRM, over)
    try:
        signal.setitimer(signal.ITIMER_REAL, max(LAST_WORD_SECONDS, ends - time.monotonic()))
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Runs an item that asks for our fixtures alone; pytest's own way there takes longer than most items themselves."""
    folder = suite_folder(item)
    if folder is None or not isinstance(item, pytest.Function) or not is_plain(item):
        return None
    bench, hook = item.config.stash[BENCH], item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    call = _called(lambda: bench.desk(folder), "setup")
    if call.excinfo is None:
        desk: Desk = call.result
        call = _called(lambda: _run(item, desk, bench.memory), "call")
    report = hook.pytest_runtest_makereport(item=item, call=call)
    hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _called(function: Callable[[], Any], when: Literal["setup", "call"]) -> pytest.CallInfo[Any]:
    return pytest.CallInfo.from_call(function, when, reraise=(pytest.exit.Exception, KeyboardInterrupt))


def _run(item: pytest.Function, desk: Desk, memory: Memory | None) -> None:
    """Calls an item's function; recalls what it would decide, where that is known."""
    asked = _asked_for(item.function)
    judge = _judge_of(item, desk)
    given: dict[str, Any] = {"desk": desk, "answer": desk.answer, "student": desk.student, "judge": judge}
    with _bounded(item, desk):
        if memory is None or not asked <= DECIDES_BY_TEXT:
            if "rng" in asked:
                given["rng"] = desk.rng(number_of(item))
            item.function(**{name: given[name] for name in asked})
            return
        known = memory.recall(item.nodeid, desk.answer)
        if known is not None:
            judge(known.verdict)
            if known.set_score is not None:
                vars(item.function)["__score__"] = known.set_score
            return
        given["answer"] = looks = Looks(desk.answer)
        item.function(**{name: given[name] for name in asked})
        if judge.verdict is not None:
            memory.note(item.nodeid, looks, judge.verdict, vars(item.function).get("__score__"))


def _judge_of(item: pytest.Item, desk: Desk) -> Judge:
    """Who takes the item's verdict."""
    judge = item.stash[JUDGE] = Judge(desk.assignment.points[number_of(item)])
    return judge


@contextmanager
def _bounded(item: pytest.Item, desk: Desk) -> Iterator[None]:
    """No item outlives the grading's deadline, and none sees the score that another set on the same function."""
    vars(item.function).pop("__score__", None)  # type: ignore[attr-defined]
    with alarm(desk.ends):
        yield


def is_plain(item: pytest.Function) -> bool:
    """Whether nothing of pytest's is asked for: no marks or parameters, no fixtures but ours, and these not those of a suite's own."""
    own = (item.path.parent / "conftest.py").is_file() or any(hasattr(item.module, name) for name in GIVEN)
    marked = hasattr(item, "callspec") or any(True for _ in item.iter_markers())
    return not own and not marked and _asked_for(item.function) <= GIVEN and set(item.fixturenames) <= GIVEN | {"request"}


@cache
def _asked_for(function: Callable[..., Any]) -> frozenset[str]:
    """The fixtures that an item's function asks for."""
    return frozenset(p.name for p in inspect.signature(function).parameters.values() if p.default is p.empty)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """An item that goes pytest's way is bounded as the others are."""
    folder = suite_folder(item)
    if folder is None:
        return (yield)
    with _bounded(item, item.config.stash[BENCH].desk(folder)):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Verdict -> TestEntry; and in pytest's own words, an item passes that is `correct`, and is skipped if a person decides."""
    report = yield
    folder = suite_folder(item)
    failed_setup = call.when == "setup" and call.excinfo is not None
    if folder is None or not (call.when == "call" or failed_setup):
        return report
    bench, number = item.config.stash[BENCH], number_of(item)
    assignment = bench.assignment(folder)
    verdict = verdict_of(item, call)
    if not is_code(number) and not failed_setup:
        verdict = with_place(verdict, bench.desk(folder).answer(number))
    function = item.function  # type: ignore[attr-defined]
    entry = make_entry(
        number,
        assignment,
        assignment.profile(item.config.getoption("profile")),
        verdict,
        visibility=getattr(function, "__visibility__", None),
        tags=tuple(getattr(function, "__tags__", ())),
        set_score=vars(function).get("__score__"),
    )
    bench.heard(entry)
    if verdict.kind == "correct":
        return report
    if verdict.kind == "undecided":
        report.outcome, report.longrepr = "skipped", (str(item.path), 0, f"needs review: {entry.first_line}")
    elif verdict.kind != "error":
        report.outcome, report.longrepr = "failed", f"{number}: {verdict.kind}\n{entry.feedback}\n{dict(verdict.evidence)}"
    return report


def with_place(verdict: Verdict, answer: Answer) -> Verdict:
    """The verdict with the answer's place in the file, where its judge did not say it: students look it up there."""
    if answer.state != "typed" or f"{answer.file}, line " in verdict.read:
        return verdict
    place = f"{answer.file}, line {answer.line}"
    return verdict.with_read(f"{place}: {verdict.read}" if verdict.read else f"{place}.")


def verdict_of(item: pytest.Item, call: pytest.CallInfo[None]) -> Verdict:
    """The item's verdict: what it handed to `judge`, or why it did not come to that."""
    if call.excinfo is not None:
        if call.excinfo.errisinstance(DeadlinePassed):
            message = "Not reached: the submission used up the time for grading."
            evidence = FailureEvidence(function=number_of(item), args=[], failure="not_reached", message=message, line="")
            return incorrect(message, evidence=evidence).with_read(message)
        said = "".join(traceback.format_exception(call.excinfo.type, call.excinfo.value, call.excinfo.tb)[-6:])
        return error(FAILED_HERE, evidence=TextEvidence(said=said))
    judge = item.stash.get(JUDGE, None)
    if judge is None or judge.verdict is None:
        return error(FAILED_HERE, evidence=TextEvidence(said=f"{item.nodeid}: the suite made no decision"))
    return judge.verdict


@pytest.fixture
def desk(request: pytest.FixtureRequest) -> Desk:
    """The submission under grading and what belongs to it."""
    folder = suite_folder(request.node)
    if folder is None:
        raise pytest.UsageError(f"{request.node.nodeid}: this fixture is for suites, in a folder with {SUITE_FILE}")
    return request.config.stash[BENCH].desk(folder)


@pytest.fixture
def answer(desk: Desk) -> Callable[[str], Answer]:
    """`answer("5.d")`: the written answer of a part."""
    return desk.answer


@pytest.fixture
def student(desk: Desk) -> Student:
    """`student("linear.solve", A, b)`: a Reply of the student's code."""
    return desk.student


@pytest.fixture
def rng(desk: Desk, request: pytest.FixtureRequest) -> np.random.Generator:
    """Random numbers for this part's inputs: the same at every grading of the same content."""
    return desk.rng(number_of(request.node))


@pytest.fixture
def judge(desk: Desk, request: pytest.FixtureRequest) -> Judge:
    """`judge(verdict)`: decides the item, once; returns the points earned, for gradescope-utils' `set_score`."""
    return _judge_of(request.node, desk)
