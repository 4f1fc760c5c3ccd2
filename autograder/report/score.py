"""Item + points + Verdict -> TestEntry, and the Report that a grading ends with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from autograder.assignment import Assignment, Profile
from autograder.verdict import SHARE_SLACK, Verdict
from autograder.writeup import Answer

NEEDS_REVIEW = "needs-review"
"""Tag of entries at which a person should look."""

PROVISIONAL = "Provisional:"
"""What the output of an undecided entry begins with."""

SCORE_DIGITS = 6
"""Scores are rounded to this many decimals: far below what anyone sees, and free of rounding's last digits."""


@dataclass(frozen=True)
class TestEntry:
    """One line of the report: a written part or a function."""

    __test__ = False  # pytest: a value, not a test class

    number: str
    name: str
    score: float
    max_score: float
    status: str | None
    """`passed` or `failed`; None where a person decides."""
    visibility: str
    tags: tuple[str, ...]
    verdict: Verdict
    feedback: str
    """What the student reads: how the answer was read, the message, remarks."""

    @property
    def first_line(self) -> str:
        """The line of feedback that stands in a table."""
        return self.verdict.message.partition("\n")[0]


@dataclass(frozen=True)
class Report:
    """What grading one submission ends with. Reports of every format are pure functions of it."""

    assignment: Assignment
    profile: Profile
    submission: str
    """The submission's name as given."""
    entries: tuple[TestEntry, ...]
    notes: tuple[str, ...]
    """How the submission as a whole was read; students see them at once."""
    public: tuple[str, ...]
    """What the public checks found; students see it at once."""
    printed: str
    """What the student's code printed, capped."""
    seed: int
    packages: Mapping[str, str]
    protections: tuple[str, ...]
    execution_time: float
    complete: bool = True
    """False in what is written while grading is still under way."""
    faults: tuple[str, ...] = field(default=())
    """The grader's own failures, for staff: one traceback each."""
    content: str = ""
    """Hash of the submission's content."""
    answers: Mapping[str, Answer] = field(default_factory=dict)
    """What was found for each written part."""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Hashes of those answers, by which decisions of persons know them."""

    @property
    def score(self) -> float:
        """Sum of the entries' scores."""
        return round(sum(entry.score for entry in self.entries), SCORE_DIGITS)

    @property
    def max_score(self) -> float:
        """Sum of the entries' maximal scores."""
        return round(sum(entry.max_score for entry in self.entries), SCORE_DIGITS)


def make_entry(
    number: str,
    assignment: Assignment,
    profile: Profile,
    verdict: Verdict,
    *,
    name: str | None = None,
    visibility: str | None = None,
    tags: tuple[str, ...] = (),
    set_score: float | None = None,
) -> TestEntry:
    """The entry of one item.

    name, visibility, tags: what the item's decorators say, else the assignment's. set_score: what the item gave to
    gradescope-utils' `set_score`, in points of the assignment (not of the profile); it replaces the verdict's share.
    """
    points, worth = profile.points[number], assignment.points[number]
    share = verdict.share if set_score is None or worth == 0 else max(0.0, min(1.0, set_score / worth))
    status: str | None = "passed" if share >= 1.0 - SHARE_SLACK and verdict.kind == "correct" else "failed"
    if verdict.kind == "undecided":
        policy = assignment.provisional.get(number, 0.0)
        share, status, tags = policy if verdict.provisional is None else verdict.provisional, None, (*tags, NEEDS_REVIEW)
    elif verdict.kind == "error":
        # Nothing, since a submission may have provoked it; `held` where the grader fails on the reference too.
        share, tags = 0.0, (*tags, NEEDS_REVIEW)
    return TestEntry(
        number=number,
        name=name or assignment.titles.get(number) or number.rpartition(".")[2],
        score=round(points * share, SCORE_DIGITS),
        max_score=points,
        status=status,
        visibility=visibility or assignment.visibility,
        tags=tuple(dict.fromkeys(tags)),
        verdict=verdict,
        feedback=feedback(verdict, echo=number not in assignment.never_echo),
    )


def hold_points(entry: TestEntry) -> TestEntry:
    """The entry of an `error` with all of its points: the grader fails here on the reference too, which is no student's loss."""
    verdict = replace(entry.verdict, message="The grader is broken at this part, for every submission. It costs nobody points.")
    return replace(entry, score=entry.max_score, verdict=verdict, feedback=feedback(verdict))


def withhold_points(entry: TestEntry) -> TestEntry:
    """The entry without its points: nobody has looked at the work yet."""
    return replace(entry, score=0.0)


def feedback(verdict: Verdict, *, echo: bool = True) -> str:
    """What the student reads of a verdict. echo: whether the answer itself may be repeated."""
    lines = [verdict.message]
    if echo and verdict.read and verdict.read not in verdict.message:
        lines = [verdict.read] if verdict.message in verdict.read else [verdict.read, verdict.message]
    lines += [f"Remark: {remark}" for remark in verdict.remarks]
    text = "\n".join(lines)
    return f"{PROVISIONAL} {text}" if verdict.kind == "undecided" else text
