"""The student's check before handing in: is everything there, how is each answer read, what is visibly wrong.

The same desk as `grade`, but only the suite's `public.py`: neither the reference nor the tests are opened, so
nothing here can tell whether an answer is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from autograder.assignment import Assignment, is_code
from autograder.desk import Desk, load_public, open_desk
from autograder.report.gradescope import inert
from autograder.writeup import Answer


def check(path: Path, assignment: Assignment) -> Iterator[str]:
    """Lines for the student, as they come. Raises UsageError where the path is no submission."""
    with open_desk(path, assignment, next(iter(assignment.profiles.values()))) as desk:
        public = load_public(assignment)
        yield f"{assignment.title}: {inert(desk.submission.name, 200)}"
        yield f"Files: {', '.join(inert(file, 200) for file in desk.submission.files) or 'none'}"
        yield from (inert(note) for note in desk.notes)
        yield ""
        yield "How your answers are read (not whether they are right):"
        absent = []
        for number in (n for n in sorted(assignment.points, key=assignment.place) if not is_code(n)):
            answer = desk.answer(number)
            if answer.state == "missing":
                absent.append(number)
            else:
                first, *rest = inert(_reading(public.READINGS[number], answer)).splitlines() or [""]
                yield f"{number:>8}  {first}"
                yield from (f"{'':8}  {line}" for line in rest)
        if absent:
            yield f"No answer found for: {', '.join(absent)}."
        yield ""
        yield "Your code:"
        yield from (inert(line) for line in _code(desk, public.PUBLIC_CHECKS))


def _reading(read: object, answer: Answer) -> str:
    assert callable(read)
    return str(read(answer))


def _code(desk: Desk, checks: dict[str, object]) -> Iterator[str]:
    absent = []
    for number in (n for n in sorted(desk.assignment.points, key=desk.assignment.place) if is_code(n)):
        public = checks.get(number)
        if public is None:
            continue
        assert callable(public)
        said = public(desk.student, desk.rng(f"public {number}"))
        if said is not None and said.startswith("missing"):
            absent.append(number)
        else:
            yield f"  {number}: {said or (public.__doc__ or 'holds').strip().partition(chr(10))[0]}"
    if absent:
        yield f"  No function found for: {', '.join(absent)}."
