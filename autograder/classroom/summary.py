"""What is said of a class when it is graded: grades.csv, the page, what changed since an earlier time."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from autograder.assignment import load_assignment
from autograder.classroom.compare import changes_csv, compare_results, earlier_results
from autograder.classroom.gradebook import decided_submissions, grades_csv
from autograder.classroom.journal import Outcome, read_run
from autograder.classroom.queue import waiting_groups
from autograder.report import NEEDS_REVIEW, classroom, replace_text
from autograder.submission import Handed

LARGEST_GROUPS = 20
"""Groups of the review queue that the page names."""


class Written(NamedTuple):
    """What was written: a line about it for the terminal, and how many things in it need a look."""

    line: str
    concerns: int


@dataclass(frozen=True)
class Conclusion:
    """One run of a folder, and who belongs to the class."""

    out: Path
    run: int
    handed: tuple[Handed, ...]
    suite: Path
    profile: str

    def standing(self) -> Iterator[tuple[str, Outcome]]:
        """What stands of the class, one submission at a time."""
        names = {handed.name for handed in self.handed}
        return ((name, outcome) for name, outcome in read_run(self.out, self.run) if name in names)

    def write_grades(self) -> Written:
        """Writes grades.csv and class.html; a line about them, and how many submissions the grader failed at."""
        assignment = load_assignment(self.suite)
        profile = assignment.profile(self.profile)
        text = grades_csv(self.handed, self.standing(), assignment, profile)
        lost = self.lost_decisions(text)
        replace_text(self.out / "grades.csv", text)
        states: Counter[str] = Counter()
        rows: list[dict[str, Any]] = []
        parts: dict[str, dict[str, Any]] = {
            n: {"number": n, "name": "", "max_score": p, "sum": 0.0, "counts": Counter()} for n, p in profile.points.items()
        }
        broken = 0
        for name, outcome in self.standing():
            states[outcome.state] += 1
            broken += outcome.state == "failed" or (outcome.state == "graded" and not outcome.is_final)
            tests = json.loads(outcome.results)["tests"] if outcome.results else []
            for test in tests:
                part = parts[test["number"]]
                part["name"] = test["name"]
                part["sum"] += test["score"]
                part["counts"][test["extra_data"]["verdict"]] += 1
            review = sum(NEEDS_REVIEW in test["tags"] for test in tests)
            row = {"name": name, "state": outcome.state, "reason": outcome.reason, "score": outcome.score}
            rows.append({**row, "seconds": outcome.seconds, "review": review})
        for part in parts.values():
            part["mean"] = part["sum"] / max(1, states["graded"])
        listed = [parts[n] for n in sorted(parts, key=assignment.place)]
        groups = waiting_groups(self.standing(), assignment)
        waiting = [{"part": g.part, "count": len(g.members), "kinds": ", ".join(g.kinds)} for g in groups[:LARGEST_GROUPS]]
        about = f"{assignment.name} {assignment.edition}, profile {self.profile}, suite {assignment.version} {assignment.suite_hash}."
        replace_text(self.out / "class.html", classroom.class_page(assignment.title, about, rows, listed, waiting))
        told = ", ".join(f"{count} {state}" for state, count in states.most_common()) or "none graded"
        many = "1 answer waits" if len(groups) == 1 else f"{len(groups)} different answers wait"
        wait = f"; {many} for a person (`autograder review {self.out}`)" if groups else ""
        line = f"{len(self.handed)} submissions ({told}): {self.out / 'grades.csv'}, {self.out / 'class.html'}{wait}{lost}"
        return Written(line, broken)

    def lost_decisions(self, text: str) -> str:
        """A line about submissions that a person had decided about when grades.csv was last written, and that have no decision now."""
        try:
            held, holds = decided_submissions((self.out / "grades.csv").read_text(encoding="utf-8")), decided_submissions(text)
        except (OSError, ValueError, csv.Error):
            return ""
        gone = len(held & {handed.name for handed in self.handed} - holds)
        many = "1 submission has" if gone == 1 else f"{gone} submissions have"
        return f"\n{many} lost a person's decision that held before; was it meant to go? `--overrides` names the file." if gone else ""

    def write_changes(self, against: Path, earlier: int | None) -> Written:
        """Writes changes.html and changes.csv; a line for each of the largest causes, and how many parts changed.

        earlier: the run to hold it against, where `against` has several. Raises UsageError.
        """
        assignment = load_assignment(self.suite)
        comparison = compare_results(earlier_results(against, earlier), self.standing(), assignment)
        replace_text(self.out / "changes.csv", changes_csv(comparison))
        replace_text(self.out / "changes.html", classroom.changes_page(assignment.title, str(against), comparison))
        count = sum(len(group.changes) for group in comparison.groups)
        lines = [f"{count} part{'s' * (count != 1)} changed against {against}: {self.out / 'changes.html'}, {self.out / 'changes.csv'}"]
        for group in comparison.groups[:LARGEST_GROUPS]:
            many = "submission" if len(group.changes) == 1 else "submissions"
            lines.append(f"  {len(group.changes)} {many}: {group.cause}")
        return Written("\n".join(lines), count)
