"""What the framework must know of an assignment: its sheet, points, titles, files, profiles and policy.

An assignment is three folders of one name: the suite (`tests/NAME`, with `assignment.toml`, `public.py` and a pytest
file per problem), the reference (`reference/NAME`) and the template (`student_template/NAME`). They lie beside the
package, or anywhere with a path.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from autograder.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PACKAGE = Path(__file__).resolve().parent
"""The folder of this package. Suites lie beside it, or, in an installed handout, inside."""

TOTAL_POINTS = 100.0
"""Every profile is rescaled to this."""

CODE_MARK = ".code."
"""`PROBLEM.code.FUNCTION` is the number of a function; any other number is a written part."""

VISIBILITIES = ("hidden", "after_due_date", "after_published", "visible")


@dataclass(frozen=True)
class Problem:
    """One problem of the sheet. parts: sub-part numbers such as `a` or `b.ii`; a problem without parts has `("",)`."""

    number: str
    title: str
    also: tuple[str, ...]
    parts: tuple[str, ...]

    def numbers(self) -> tuple[str, ...]:
        """The full numbers of the written parts: `5.a`, or `3` for a problem without parts."""
        return tuple(f"{self.number}.{part}" if part else self.number for part in self.parts)


@dataclass(frozen=True)
class Files:
    """Names of the files that a submission may hold; letter case does not matter."""

    writeup: tuple[str, ...]
    code: tuple[str, ...]
    notebook: str | None
    definitions: Mapping[str, tuple[str, ...]]
    """Module -> the names that are taken out of its .py file and, where that lacks them, out of the notebook, without
    running the rest of either. Modules not named here are loaded whole."""


@dataclass(frozen=True)
class Profile:
    """Points of each number, adding up to 100. Numbers without points are reported only if broken."""

    name: str
    points: Mapping[str, float]
    given: frozenset[str]


@dataclass(frozen=True)
class Assignment:
    """An assignment as its `assignment.toml` states it."""

    folder: Path
    """The suite's folder."""
    name: str
    title: str
    edition: str
    version: str
    call_seconds: float
    total_seconds: float
    files: Files
    problems: tuple[Problem, ...]
    titles: Mapping[str, str]
    points: Mapping[str, float]
    provisional: Mapping[str, float]
    visibility: str
    never_echo: frozenset[str]
    profiles: Mapping[str, Profile]

    def profile(self, name: str) -> Profile:
        """The profile of that name. Raises UsageError naming those that there are."""
        if name not in self.profiles:
            raise UsageError(f"profile {name!r} is not one of {self.name}'s: {', '.join(self.profiles)}")
        return self.profiles[name]

    @cached_property
    def suite_hash(self) -> str:
        """sha256 over the suite's files, names and contents, in 16 hexadecimal digits."""
        digest = hashlib.sha256()
        for path in sorted(self.folder.rglob("*")):
            if path.suffix in {".py", ".toml", ".json"} and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(self.folder).as_posix()}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()[:16]

    def place(self, number: str) -> tuple[int, int]:
        """Sort key of a number: its problem's place on the sheet, then its place among the points."""
        problem = number.partition(".")[0]
        at = next((i for i, p in enumerate(self.problems) if p.number == problem), len(self.problems))
        return at, tuple(self.points).index(number) if number in self.points else len(self.points)

    @property
    def home(self) -> Path:
        """The folder that holds `tests/`, `reference/` and `student_template/`."""
        return self.folder.parent.parent

    @property
    def reference(self) -> Path:
        """The submission that earns every point. May be absent (on a student's machine it is)."""
        return self.home / "reference" / self.name

    @property
    def template(self) -> Path:
        """What students start from."""
        return self.home / "student_template" / self.name


def is_code(number: str) -> bool:
    """Whether the number is a function's, not a written part's."""
    return CODE_MARK in number


def find_assignment(name_or_path: str) -> Assignment:
    """The assignment of that name beside the package, or the one at that path (a suite's folder, or a folder that
    holds `tests/NAME`). Raises UsageError.
    """
    beside = PACKAGE.parent / "tests"
    if re.fullmatch(r"[A-Za-z][\w-]*", name_or_path) and (beside / name_or_path / "assignment.toml").is_file():
        return load_assignment(beside / name_or_path)
    given = Path(name_or_path)
    candidates = [given, *sorted(p.parent for p in given.glob("tests/*/assignment.toml"))] if given.is_dir() else []
    suites = [p for p in candidates if (p / "assignment.toml").is_file()]
    if len(suites) == 1:
        return load_assignment(suites[0])
    known = ", ".join(sorted(p.parent.name for p in beside.glob("*/assignment.toml"))) or "none"
    found = f"{len(suites)} suites there" if suites else "no assignment.toml there"
    raise UsageError(f"assignment {name_or_path!r}: {found}; give the name of one beside the package ({known}) or a suite's folder")


def load_assignment(folder: Path) -> Assignment:
    """Reads `assignment.toml` in a suite's folder. Raises UsageError with the key that is wrong."""
    path = folder / "assignment.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise UsageError(f"{path}: cannot be read: {problem}") from None
    try:
        return _assignment(folder.resolve(), document)
    except KeyError as problem:
        raise UsageError(f"{path}: lacks the key {problem}") from None
    except (TypeError, ValueError, AttributeError) as problem:
        raise UsageError(f"{path}: {problem}") from None


def _assignment(folder: Path, document: Mapping[str, Any]) -> Assignment:
    deadlines, files, feedback = document.get("deadlines", {}), document.get("files", {}), document.get("feedback", {})
    points = {str(number): float(value) for number, value in document["points"].items()}
    wrong = [number for number, value in points.items() if not value >= 0]
    if wrong or not any(points.values()):
        raise ValueError(f"points are numbers from 0, and not all are 0; look at {', '.join(wrong) or 'all of them'}")
    problems = tuple(
        Problem(str(p["number"]), str(p["title"]), tuple(p.get("also", ())), tuple(p.get("parts", ("",)))) for p in document["problems"]
    )
    written = {number for problem in problems for number in problem.numbers()}
    astray = sorted(n for n in points if not is_code(n) and n not in written)
    if astray:
        raise ValueError(f"points for {', '.join(astray)}, which no problem of the sheet has")
    provisional = {str(number): float(share) for number, share in document.get("provisional", {}).items()}
    visibility = str(feedback.get("visibility", "after_due_date"))
    if visibility not in VISIBILITIES:
        raise ValueError(f"feedback.visibility is {visibility!r}, not one of {', '.join(VISIBILITIES)}")
    profiles = {name: _profile(name, about, points) for name, about in document.get("profiles", {"full": {}}).items()}
    return Assignment(
        folder=folder,
        name=str(document["name"]),
        title=str(document["title"]),
        edition=str(document["edition"]),
        version=str(document["version"]),
        call_seconds=float(deadlines.get("call", 5)),
        total_seconds=float(deadlines.get("total", 300)),
        files=Files(
            writeup=tuple(files.get("writeup", ("writeup.md", "writeup.tex"))),
            code=tuple(files.get("code", ())),
            notebook=files.get("notebook"),
            definitions={module: tuple(names) for module, names in files.get("definitions", {}).items()},
        ),
        problems=problems,
        titles={str(n): str(t) for n, t in document.get("titles", {}).items()},
        points=points,
        provisional=provisional,
        visibility=visibility,
        never_echo=frozenset(feedback.get("never_echo", ())),
        profiles=profiles,
    )


def _profile(name: str, about: Mapping[str, Any], points: Mapping[str, float]) -> Profile:
    left_out, given = about.get("leave_out", ()), frozenset(about.get("given", ()))
    kept = {n: 0.0 if n in given else p for n, p in points.items() if not any(fnmatchcase(n, pattern) for pattern in left_out)}
    total = sum(kept.values())
    if total <= 0 or not given <= set(points):
        raise ValueError(f"profile {name} leaves no points, or gives numbers that have none: {', '.join(sorted(given - set(points)))}")
    return Profile(name, {n: round(p * TOTAL_POINTS / total, 10) for n, p in kept.items()}, given)
