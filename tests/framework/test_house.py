"""The plan of the house: which rooms may import which, and what each keeps to itself."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "autograder"

LEVELS = (
    {"verdict", "errors", "child"},
    {"archive", "assignment", "submission", "writeup", "phrases", "notebook", "algebra", "worker", "numeric", "training"},
    {"desk", "score", "plugin", "remembered", "report"},
    {"overrides", "suite", "grade", "check"},
    {"export", "store", "grades", "progress", "against", "pages", "jobs", "conclusion", "regrade", "review", "replay", "bundle"},
    {"cli"},
    {"__init__", "__main__"},
)
"""Lowest first. A module imports from lower levels, or from its own without a cycle."""

ONLY_IN = {
    "sympy": {"algebra"},
    "torch": {"worker"},
    "mpmath": {"algebra"},
    "pytest": {"plugin", "suite"},
    "typer": {"cli"},
    "jinja2": {"report"},
}
"""Libraries that one room keeps to itself."""

FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """The room that a file belongs to: its module, or the package that it lies in."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def level(name: str) -> int:
    """The level of a room, by its number."""
    return next(i for i, rooms in enumerate(LEVELS) if name in rooms)


def imported(path: Path) -> set[str]:
    """Every module that a file imports anywhere in it, as written in full."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def ours(path: Path) -> set[str]:
    """The rooms of ours that a file imports from."""
    return {name.split(".")[1] for name in imported(path) if name.startswith("autograder.") and name.count(".")}


def test_every_room_has_a_level():
    assert {room(path) for path in FILES} <= set().union(*LEVELS)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_go_down_the_ladder(path):
    """A module imports nothing of ours from a level above its own."""
    above = {other for other in ours(path) - {room(path)} if level(other) > level(room(path))}
    assert not above
    if level(room(path)) == 0:
        assert not ours(path) - {room(path), "errors"}


def test_no_cycles_within_a_level():
    edges = {name: set() for name in set().union(*LEVELS)}
    for path in FILES:
        edges[room(path)] |= ours(path) - {room(path)}
    done: set[str] = set()
    while len(done) < len(edges):
        free = {name for name, needs in edges.items() if name not in done and needs <= done}
        assert free, f"these import each other in a circle: {sorted(set(edges) - done)}"
        done |= free


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_libraries_stay_in_their_room(path):
    tops = {name.split(".")[0] for name in imported(path)}
    for library, rooms in ONLY_IN.items():
        assert library not in tops or room(path) in rooms


@pytest.mark.parametrize(("file", "of_ours"), [("guest.py", {"wire", "stand_ins"}), ("stand_ins.py", set()), ("wire.py", set())])
def test_the_guest_imports_only_the_wire_and_the_stand_ins(file, of_ours):
    """What runs beside student code holds nothing else of ours."""
    names = {name for name in imported(PACKAGE / "worker" / file) if name.startswith("autograder")}
    assert names <= {"autograder.worker", *(f"autograder.worker.{name}" for name in of_ours)}


@pytest.mark.parametrize("path", [p for p in PACKAGE.rglob("*") if p.suffix in {".py", ".html"}], ids=lambda p: p.name)
def test_the_framework_knows_no_assignment(path):
    """No name of any homework stands in the framework; the default of the command line is the one place."""
    text = path.read_text(encoding="utf-8")
    if path.name == "cli.py":
        text = text.replace('AssignmentOption = "hw0"', "")
    known = re.findall(r"hw0|color.?organ|R_low|R_high|tikhonov|relu_elbow|cutoff_mag|gradient_descent\b", text)
    assert not known


def test_modules_stay_readable():
    """A module becomes a room long before this."""
    assert not [p.name for p in FILES if len(p.read_text(encoding="utf-8").splitlines()) > 750]
