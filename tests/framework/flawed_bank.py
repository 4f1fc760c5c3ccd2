"""The bank of flawed submissions: packed into few submissions, because flaws of different parts do not meet."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from autograder.assignment import Assignment

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).resolve().parent / "flawed"
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


def _meet(one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    """Whether two flaws cannot stand in one submission: 7.e to 7.g are judged by the loss that is in the code."""
    sevens = any(n.startswith("7.code.loss_fn") for n in one["loses"] + two["loses"]) and any(
        n[:3] in ("7.e", "7.f", "7.g") for n in one["loses"] + two["loses"]
    )
    return bool(set(one["loses"]) & set(two["loses"])) or (one.get("file") is not None and one.get("file") == two.get("file")) or sevens


def written(group: Iterable[Mapping[str, Any]], folder: Path, assignment: Assignment) -> Path:
    """Writes the submission of a group of flaws into a folder."""
    folder.mkdir(parents=True)
    answers: dict[str, str] = {}
    for flaw in group:
        answers |= flaw.get("answers", {})
        if "file" in flaw:
            (folder / flaw["file"]).write_text(flaw["code"], encoding="utf-8")
    if answers:
        (folder / "writeup.md").write_text(writeup(answers, assignment), encoding="utf-8")
    return folder


def writeup(answers: Mapping[str, str], assignment: Assignment) -> str:
    """A write-up with these final answers, in the order of the sheet."""
    lines: list[str] = []
    for problem in assignment.problems:
        parts = [n for n in problem.numbers() if n in answers]
        lines += [f"## {problem.number}. {problem.title}", ""] if parts else []
        for number in parts:
            marks = "".join(f"({mark})" for mark in number.split(".")[1:])
            lines += [marks, "", f"Answer: {answers[number]}", ""]
    return "\n".join(lines)


def told(text: str, due: str) -> bool:
    """Whether a text holds what is due, however it is spaced and bracketed."""
    plain = _plain(due)
    return len(plain) >= 3 and plain in _plain(text)


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


def _plain(text: str) -> str:
    for old, new in {**SAME, **LETTERS}.items():
        text = text.replace(old, new)
    return "".join(c for c in text if c not in " \t\n{}$")
