"""One submission -> Report, by driving pytest once over the suite.

With `out`, results.json is there from the first moment and is replaced after every check: a kill at any time
leaves a valid file that says what was not reached.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Set
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from autograder.assignment import Assignment, Profile, is_code
from autograder.errors import AutograderError, UsageError
from autograder.grading.collection import Suite, SuiteFailed, collect
from autograder.grading.desk import ABSENT, Desk, Parents, load_public, open_desk, without_number_warnings
from autograder.grading.overrides import Overrides, answer_keys, apply_decision
from autograder.report import Report, TestEntry, gradescope, hold_points, make_entry, withhold_points
from autograder.verdict import undecided

__all__ = ["SuiteFailed", "grade"]


def grade(
    path: Path,
    assignment: Assignment,
    profile: str = "full",
    *,
    seconds: float | None = None,
    out: Path | None = None,
    heard: Callable[[TestEntry], None] = lambda _: None,
    suite: Suite | None = None,
    parents: Parents | None = None,
    overrides: Overrides | None = None,
    known_as: str = "",
) -> Report:
    """Grades one submission.

    seconds: for the whole of it, wall clock. out: where results.json goes. heard: told of every entry once it is decided.
    overrides: decisions of persons, applied to what fits; known_as: the submission's name there, if it is not the path's.
    suite, parents: the suite collected and the worker's parents started beforehand, for a class; each grading has its own otherwise.
    Raises UsageError for unusable input (`out` is as it was then), SuiteFailed where the suite cannot be run.
    """
    began = time.monotonic()
    chosen = assignment.profile(profile)
    with ExitStack() as opened:
        with _unopened(path, assignment, chosen, out):
            desk = opened.enter_context(open_desk(path, assignment, chosen, seconds=seconds, parents=parents))
        answers = {number: desk.answer(number) for number in chosen.points if not is_code(number)}
        keys = {number: answer_keys(answer) for number, answer in answers.items()}
        decisions = (overrides or Overrides()).fitting(keys, known_as or desk.submission.name, desk.submission.digest)
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
                packages=desk.packages(wait=complete),
                protections=desk.protections(wait=complete),
                execution_time=time.monotonic() - began,
                complete=complete,
                content=desk.submission.digest,
                answers=answers,
                keys=keys,
                faults=tuple(str(e.verdict.evidence.get("said", e.number)) for e in entries.values() if e.verdict.kind == "error"),
            )

        def note_entry(entry: TestEntry) -> None:
            entry = apply_decision(entry, decisions.get(entry.number), assignment, chosen)
            entries[entry.number] = entry
            heard(entry)
            if out is not None:
                gradescope.write(report(complete=False), out)

        if out is not None:
            gradescope.write(report(complete=False), out)

        def decide(collected: Suite) -> None:
            collected.run(desk, note_entry)
            failed = {number for number, entry in entries.items() if entry.verdict.kind == "error"}
            for number in sorted(_failing_on_reference(collected, failed, desk, parents), key=assignment.place):
                note_entry(hold_points(entries[number]))

        if suite is None:
            collect(assignment, chosen, decide)
        else:
            decide(suite)
        right = {number for number, entry in entries.items() if entry.verdict.kind == "correct"}
        final = report(complete=True, public=tuple(_public_checks(desk, right)))
        if out is not None:
            gradescope.write(final, out)
        return final


@contextmanager
def _unopened(path: Path, assignment: Assignment, profile: Profile, out: Path | None) -> Iterator[None]:
    """While a submission is opened, results.json says that nothing was reached: whatever it does to us, something valid stands there."""
    if out is None:
        yield
        return
    before = out.read_bytes() if out.is_file() else None
    entries = tuple(_pending(number, assignment, profile) for number in sorted(profile.points, key=assignment.place))
    gradescope.write(Report(assignment, profile, path.name, entries, (), (), "", 0, {}, (), 0.0, complete=False), out)
    try:
        yield
    except UsageError:
        if before is None:
            out.unlink(missing_ok=True)
        else:
            out.write_bytes(before)
        raise


def _pending(number: str, assignment: Assignment, profile: Profile) -> TestEntry:
    """What stands in results.json for a check until it is decided: no points for what nobody has looked at."""
    return withhold_points(make_entry(number, assignment, profile, undecided("Not reached: grading was cut short before this check.")))


def _failing_on_reference(suite: Suite, failed: Set[str], desk: Desk, parents: Parents | None) -> set[str]:
    """Of the numbers at which grading failed, those at which it fails on the reference too.

    Nothing where there is no reference, or no time left to ask it: then nobody can say that the submission had no part in it.
    """
    assignment, left = desk.assignment, desk.ends - time.monotonic()
    if not failed or left <= 0 or not assignment.reference.is_dir():
        return set()
    broken: set[str] = set()

    def heard(entry: TestEntry) -> None:
        if entry.verdict.kind == "error":
            broken.add(entry.number)

    with suppress(AutograderError), open_desk(assignment.reference, assignment, desk.profile, seconds=left, parents=parents) as fresh:
        if fresh.submission.digest == desk.submission.digest:
            return set(failed)
        suite.run(fresh, heard, failed)
    return broken


def _public_checks(desk: Desk, right: Set[str]) -> list[str]:
    """What the public properties say of the student's code: only what is wrong, a line each, and how many hold.

    right: numbers that were judged correct. The judge asks for more than the properties do, so these hold.
    """
    checks = {n: check for n, check in load_public(desk.assignment).PUBLIC_CHECKS.items() if n in desk.profile.points}
    if time.monotonic() > desk.ends:
        return []
    with without_number_warnings():
        said = dict(pair for n, check in checks.items() for pair in ([(n, None)] if n in right else _public_check(desk, n, check)))
    there = {number: problem for number, problem in said.items() if problem != ABSENT}
    wrong = [f"{number}: {problem}" for number, problem in there.items() if problem]
    return [*wrong, f"{len(there) - len(wrong)} of {len(there)} hold."] if there else []


def _public_check(desk: Desk, number: str, check: Callable[..., str | None]) -> Iterator[tuple[str, str | None]]:
    """The number and what its check says; nothing where the check itself fails, which must not cost the grading that is done."""
    try:
        yield number, check(desk.student, desk.rng(f"public {number}"))
    except Exception as problem:
        logging.getLogger(__name__).warning("the public check of %s failed: %s: %s", number, type(problem).__name__, problem)
