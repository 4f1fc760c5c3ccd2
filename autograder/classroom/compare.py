"""A class against an earlier one: every part that changed, with both verdicts and what they rested on, grouped by cause."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.assignment import Assignment
from autograder.classroom.gradebook import csv_text
from autograder.classroom.journal import JOURNAL, Outcome, read_run
from autograder.errors import UsageError
from autograder.report import MAX_EVIDENCE_TEXT, inert
from autograder.submission import check_metadata, metadata

SLACK = 1e-6
"""Points that two scores may differ by and still be the same."""

COLUMNS = (
    *("cause", "submissions", "submission", "part", "old_verdict", "new_verdict", "old_score", "new_score", "max_score"),
    *("old_slip", "new_slip", "old_output", "new_output", "old_evidence", "new_evidence"),
)

ABSENT = "not there"


@dataclass(frozen=True)
class PartResult:
    """What one of the two said of a part. verdict: empty where only a score is known."""

    verdict: str
    score: float | None
    max_score: float | None
    slip: str
    output: str
    evidence: str


@dataclass(frozen=True)
class Change:
    """A part of a submission that is not what it was."""

    submission: str
    part: str
    old: PartResult
    new: PartResult

    @property
    def cause(self) -> str:
        """`5.d unreadable → correct`, with slips where they differ, with points where the verdict stayed."""
        old, new = self.old.verdict, self.new.verdict
        if self.old.slip != self.new.slip:
            old, new = (f"{v} ({s})" if s else v for v, s in ((old, self.old.slip), (new, self.new.slip)))
        if old == new or ABSENT in (old, new) or not (old and new):
            old, new = (ABSENT if s.score is None else f"{s.verdict} {s.score:g} points".strip() for s in (self.old, self.new))
        return f"{self.part} {old} → {new}"


@dataclass(frozen=True)
class ChangeGroup:
    """All changes of one cause."""

    cause: str
    changes: tuple[Change, ...]

    @property
    def points(self) -> float:
        """What all of them together gained or lost."""
        return round(sum((c.new.score or 0.0) - (c.old.score or 0.0) for c in self.changes), 6)


@dataclass(frozen=True)
class Comparison:
    """Everything that changed. only_old, only_new: submissions that one of the two has alone."""

    groups: tuple[ChangeGroup, ...]
    same: int
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]


def check_earlier(path: Path) -> None:
    """Raises UsageError where nothing at the path can be compared with, before an afternoon of grading is spent."""
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder; --against takes a folder that regrade wrote, or Gradescope's export")
    if path.is_dir() and ((path / JOURNAL).is_file() or next(path.glob("*/results.json"), None) is not None):
        return
    check_metadata(path)


def compare_results(
    old: Iterable[tuple[str, Mapping[str, PartResult]]], new: Iterable[tuple[str, Outcome]], assignment: Assignment
) -> Comparison:
    """Holds what stands now against what was said earlier, by submission and part."""
    earlier = dict(old)
    changes: list[Change] = []
    same, only_new = 0, []
    for name, outcome in new:
        if name not in earlier:
            only_new.append(name)
            continue
        before = earlier.pop(name)
        found = list(_changes(name, before, _entries(outcome.results) if outcome.results else {}))
        changes += found
        same += not found
    by_cause: dict[str, list[Change]] = {}
    for change in changes:
        by_cause.setdefault(change.cause, []).append(change)
    groups = [ChangeGroup(cause, tuple(sorted(found, key=lambda c: c.submission))) for cause, found in by_cause.items()]
    groups.sort(key=lambda g: (-len(g.changes), assignment.place(g.changes[0].part), g.cause))
    return Comparison(tuple(groups), same, tuple(sorted(earlier)), tuple(sorted(only_new)))


def changes_csv(comparison: Comparison) -> str:
    """A row for each change, the largest groups first."""
    rows: list[dict[str, object]] = []
    for group in comparison.groups:
        for c in group.changes:
            row: dict[str, object] = {"cause": group.cause, "submissions": len(group.changes), "submission": c.submission, "part": c.part}
            for word, side in (("old", c.old), ("new", c.new)):
                row |= {f"{word}_{key}": getattr(side, key) for key in ("verdict", "score", "slip", "output", "evidence")}
            row["max_score"] = c.new.max_score if c.new.max_score is not None else c.old.max_score
            rows.append({key: "" if value is None else value for key, value in row.items()})
    return csv_text(COLUMNS, rows)


def _changes(name: str, old: Mapping[str, PartResult], new: Mapping[str, PartResult]) -> Iterator[Change]:
    absent = PartResult(ABSENT, None, None, "", "", "")
    for part in dict.fromkeys((*new, *old)):
        before, now = old.get(part, absent), new.get(part, absent)
        moved = abs((before.score or 0.0) - (now.score or 0.0)) > SLACK
        judged = bool(before.verdict and now.verdict) and (before.verdict, before.slip) != (now.verdict, now.slip)
        if moved or judged:
            yield Change(name, part, before, now)


def earlier_results(path: Path, run: int | None = None) -> Iterator[tuple[str, Mapping[str, PartResult]]]:
    """Submission and, by part, what was said of it: by a run of a folder (the last by default), by results.json files in folders, or by
    Gradescope's export. Raises UsageError.
    """
    if path.is_dir() and (path / JOURNAL).is_file():
        for name, outcome in read_run(path, run):
            yield name, _entries(outcome.results) if outcome.results else {}
    elif path.is_dir() and next(path.glob("*/results.json"), None) is not None:
        for file in sorted(path.glob("*/results.json")):
            yield file.parent.name, _entries(file.read_text(encoding="utf-8", errors="replace"))
    else:
        for name, record in metadata(path).items():
            if isinstance(record, dict) and isinstance(record.get("results"), dict):
                yield name, _sides(record["results"])


def _entries(text: str) -> Mapping[str, PartResult]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return _sides(document) if isinstance(document, dict) else {}


def _sides(document: Mapping[str, Any]) -> dict[str, PartResult]:
    """The entries of a results.json of anyone's: ours have a verdict, others a score."""
    found = {}
    tests = document.get("tests")
    for test in tests if isinstance(tests, list) else []:
        if not isinstance(test, dict):
            continue
        extra: Any = test.get("extra_data")
        extra = extra if isinstance(extra, dict) else {}
        evidence = extra.get("evidence")
        number = str(test.get("number") or test.get("name") or "")
        found[number] = PartResult(
            verdict=str(extra.get("verdict") or ""),
            score=_number(test.get("score")),
            max_score=_number(test.get("max_score")),
            slip=str(extra.get("slip") or ""),
            output=inert(str(test.get("output") or ""), MAX_EVIDENCE_TEXT),
            evidence=inert(json.dumps(evidence, ensure_ascii=False), MAX_EVIDENCE_TEXT) if evidence else "",
        )
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
