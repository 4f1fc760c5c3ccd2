"""grades.csv: a row for each person, groups expanded, whatever became of the submission."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence

from autograder.assignment import Assignment, Profile
from autograder.classroom.journal import Outcome
from autograder.grading import BY_PERSON, DECIDED
from autograder.report import NEEDS_REVIEW, writable
from autograder.submission import Handed, Person

ABOUT = ("name", "sid", "email", "submission", "submitted", "seconds_late")
"""Columns before the points."""

AFTER = ("needs_review", "decided_by_person", "state", "reason")
"""Columns after them."""

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a cell begins with that a spreadsheet would compute."""

NOT_GRADED = "not graded in this run"

NOTHING = "nothing that is graded was found: "
"""Before what is known of a submission in which every part is missing."""


def formula_safe(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula: text is made writable, and marked as text by an apostrophe."""
    if not isinstance(cell, str):
        return cell
    text = writable(cell)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


def grades_csv(handed: Iterable[Handed], outcomes: Iterable[tuple[str, Outcome]], assignment: Assignment, profile: Profile) -> str:
    """The text of grades.csv, rows by submission and person. outcomes: what stands, by submission; the others get a row without points."""
    numbers = sorted(profile.points, key=assignment.place)
    by_name = {h.name: h for h in handed}
    rows: list[dict[str, object]] = []
    for name, outcome in outcomes:
        if name in by_name:
            rows += _rows(by_name.pop(name), outcome)
    for h in by_name.values():
        rows += _rows(h, Outcome("", NOT_GRADED))
    rows.sort(key=lambda row: str(row["submission"]))
    return csv_text([*ABOUT, "score", *numbers, *AFTER], rows)


def decided_submissions(text: str) -> frozenset[str]:
    """The submissions for which a grades.csv has a decision of a person."""
    return frozenset(str(row.get("submission")) for row in csv.DictReader(io.StringIO(text)) if row.get("decided_by_person"))


def csv_text(columns: Sequence[str], rows: Iterable[dict[str, object]]) -> str:
    """A CSV text with no cell that a spreadsheet would compute."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows({key: formula_safe(cell) for key, cell in row.items()} for row in rows)
    return text.getvalue()


def _rows(handed: Handed, outcome: Outcome) -> list[dict[str, object]]:
    common: dict[str, object] = {
        "submission": handed.name,
        "submitted": handed.submitted,
        "seconds_late": "" if handed.late is None else round(handed.late),
        "state": outcome.state,
        "reason": outcome.reason,
    }
    if outcome.results:
        document = json.loads(outcome.results)
        tests = document["tests"]
        common |= {"score": document["score"], **{test["number"]: test["score"] for test in tests}}
        if all(test["extra_data"]["verdict"] == "missing" for test in tests):  # who looks at a row of zeros asks why
            notes, _, _ = document["output"].partition("\n\n")
            common["reason"] = f"{NOTHING}{' '.join(notes.split())}"
        common["needs_review"] = sum(NEEDS_REVIEW in test["tags"] for test in tests)
        decided = [f"{test['number']}: {_reason(test['output'])}" for test in tests if BY_PERSON in test["tags"]]
        common["decided_by_person"] = "; ".join(decided)
    return [{"name": p.name, "sid": p.sid, "email": p.email, **common} for p in handed.people or (Person(),)]


def _reason(output: str) -> str:
    return " ".join(output.partition(DECIDED)[2].split())
