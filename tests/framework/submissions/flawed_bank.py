"""The bank of flawed submissions: packed into few submissions, because flaws of different parts do not meet."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from places import HW0, SUBMISSIONS

from autograder.assignment import Assignment, load_assignment
from autograder.grading.collection import Suite, collect
from autograder.grading.run import grade
from autograder.report import gradescope
from autograder.report.score import Report
from autograder.worker import WarmParent

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = SUBMISSIONS / "flawed"
BANK: list[dict[str, Any]] = tomllib.loads((HERE / "bank.toml").read_text(encoding="utf-8"))["flawed"]
DUE: Mapping[str, list[str]] = tomllib.loads((HERE / "answers.toml").read_text(encoding="utf-8"))


def packed() -> list[list[dict[str, Any]]]:
    """The bank in groups in which no part is answered and no function defined twice."""
    groups: list[list[dict[str, Any]]] = []
    for flaw in BANK:
        group = next((g for g in groups if not any(_meet(flaw, other) for other in g)), None)
        if group is None:
            groups.append(group := [])
        group.append(flaw)
    return groups


@cache
def graded_bank(*copies: str) -> tuple[tuple[list[dict[str, Any]], Path, Path, Report], ...]:
    """(group of flaws, folder of their submission, its results.json, its report) of the whole bank; graded once in a run.

    copies: for each of these names, the same submissions with a file of that name beside them, whose content is thereby another.
    """
    room = Path(tempfile.mkdtemp(prefix="flawed-"))
    atexit.register(shutil.rmtree, room, ignore_errors=True)
    hw0 = load_assignment(HW0)
    warm: dict[bool, WarmParent] = {}
    found: list[tuple[list[dict[str, Any]], Path, Path, Report]] = []

    def parents(torch: bool) -> WarmParent:
        if torch not in warm:
            warm[torch] = WarmParent(torch=torch)
        return warm[torch]

    def use(suite: Suite) -> None:
        for (place, group), copy in product(enumerate(packed()), copies or ("",)):
            folder = written(group, room / f"{place}{copy}", hw0)
            if copy:
                (folder / f"{copy}.csv").write_text("", encoding="utf-8")
            results = room / f"{place}{copy}.json"
            report = grade(folder, hw0, suite=suite, parents=parents)
            gradescope.write(report, results)
            found.append((group, folder, results, report))

    try:
        collect(hw0, hw0.profile("full"), use)
    finally:
        for parent in warm.values():
            parent.close()
    return tuple(found)


def _meet(one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    """Whether two flaws cannot stand in one submission: 7.e to 7.g are judged by the loss that is in the code."""
    loses = one["loses"] + two["loses"]
    sevens = "7.code.loss_fn" in loses and bool({"7.e", "7.f", "7.g"} & set(loses))
    return bool(set(one["loses"]) & set(two["loses"])) or (one.get("file") is not None and one.get("file") == two.get("file")) or sevens


def written(group: Iterable[Mapping[str, Any]], folder: Path, assignment: Assignment) -> Path:
    """Writes the submission of a group of flaws into a folder."""
    folder.mkdir(parents=True)
    answers: dict[str, str] = {}
    for flaw in group:
        answers |= {number: f"Answer: {text}" for number, text in flaw.get("answers", {}).items()}
        answers |= flaw.get("bodies", {})
        if "file" in flaw:
            (folder / flaw["file"]).write_text(flaw["code"], encoding="utf-8")
    if answers:
        (folder / "writeup.md").write_text(writeup(answers, assignment), encoding="utf-8")
    return folder


def writeup(answers: Mapping[str, str], assignment: Assignment) -> str:
    """A write-up in which each part holds this text, in the order of the sheet."""
    lines: list[str] = []
    for problem in assignment.problems:
        parts = [n for n in problem.numbers() if n in answers]
        lines += [f"## {problem.number}. {problem.title}", ""] if parts else []
        for number in parts:
            marks = "".join(f"({mark})" for mark in number.split(".")[1:])
            lines += [*([marks, ""] if marks else []), answers[number], ""]
    return "\n".join(lines)


def told(text: str, due: str, *, least: int = 3) -> bool:
    """Whether a text holds what is due, however it is spaced and bracketed. least: characters of what can be told at all."""
    wanted = plain(due)
    return len(wanted) >= least and wanted in plain(text)


SAME = {
    "ᵀ": "^T",
    "\\top": "T",
    "\\mathsf": "",
    "−": "-",
    "\\left": "",
    "\\right": "",
    "&lt;": "<",
    "*": "",
    "@": "",
    "\\hat": "",
    "\\cdot": "",
}
LETTERS = {"\\phi": "φ", "phi": "φ", "\\lambda": "λ", "lambda": "λ"}


@cache
def plain(text: str) -> str:
    """A text without what does not matter to a formula."""
    for old, new in {**SAME, **LETTERS}.items():
        text = text.replace(old, new)
    return "".join(c for c in text if c not in " \t\n{}$")
