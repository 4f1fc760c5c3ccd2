"""The plan of the house: which rooms may import which, what each keeps to itself, and how large a room's modules grow."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from places import PACKAGE

LADDER = (
    {"errors"},
    {"evidence"},
    {"verdict"},
    {"assignment", "mathtext", "worker"},
    {"submission"},
    {"writeup"},
    {"phrases", "algebra", "numeric"},
    {"report"},
    {"grading"},
    {"check"},
    {"replay", "classroom", "authoring", "suite"},
    {"cli"},
    {"__main__"},
)
"""The rooms, lowest first: a room imports from lower steps, or from its own without a circle."""

ALGEBRA = (
    {"limits", "symbols", "tree", "calculus", "assumptions"},
    {"notation"},
    {"evaluation"},
    {"equivalence"},
    {"derivations"},
    {"scalar"},
)
"""The same inside `algebra`: data first, then what reads, computes, decides and follows."""

ONLY_IN = {
    "sympy": {"algebra"},
    "torch": {"worker"},
    "mpmath": {"algebra"},
    "pytest": {"grading"},
    "typer": {"cli"},
    "jinja2": {"report"},
}
"""Libraries that one room keeps to itself."""

LINES = 500
"""A module becomes a room long before this."""

TO_BE_REWRITTEN = {
    "writeup/_final.py",
    "writeup/_structure.py",
    "phrases/_quantities.py",
    "algebra/derivations/chains.py",
    "algebra/scalar/shown.py",
}
"""Longer modules that read text. They are replaced as a whole when there is one reading for all judges."""

DEPTH = {"algebra": 2}
"""Packages inside packages: one more level, in the largest room only."""

FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__"): path for path in FILES}
PACKAGES = {name for name, path in MODULES.items() if path.name == "__init__.py"}


class Import(NamedTuple):
    """One name that a file imports. module: as written, without `autograder.`; name: what is taken from it."""

    module: str
    name: str


@cache
def tree(path: Path) -> ast.Module:
    """A file, parsed."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(path: Path) -> tuple[str, ...]:
    """Every module that a file imports anywhere in it, functions included, as written in full."""
    names: list[str] = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(names)


def ours(path: Path) -> Iterator[Import]:
    """What a file imports of ours."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            assert not [a.name for a in node.names if a.name.split(".")[0] == "autograder"], f"{path}: from autograder... import ..."
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "autograder":
            module = (node.module or "").removeprefix("autograder").removeprefix(".")
            yield from (Import(module, alias.name) for alias in node.names)


def target(one: Import) -> str:
    """The file that an import reaches: a module named, or the module or door from which the name is taken."""
    full = f"{one.module}.{one.name}".removeprefix(".")
    return full if full in MODULES and not (one.module in PACKAGES and one.name in bound(one.module)) else one.module


@cache
def bound(package: str) -> frozenset[str]:
    """Names that a door binds itself, by importing them."""
    return frozenset(a.asname or a.name for n in tree(MODULES[package]).body if isinstance(n, ast.ImportFrom) for a in n.names)


@cache
def exported(package: str) -> frozenset[str]:
    """`__all__` of a door."""
    for node in tree(MODULES[package]).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return frozenset(ast.literal_eval(node.value))
    return frozenset()


def room(name: str) -> str:
    """The room that a module belongs to: itself, or the package that it lies in."""
    return name.split(".")[0]


def step(name: str, ladder: tuple[set[str], ...]) -> int:
    """The step of a room on a ladder."""
    return next(i for i, rooms in enumerate(ladder) if name in rooms)


def short(path: Path) -> str:
    """A file as people name it."""
    return path.relative_to(PACKAGE).as_posix()


every_module = pytest.mark.parametrize("name", sorted(set(MODULES) - {"__init__"}))


def test_every_room_has_its_step():
    assert {room(name) for name in MODULES} - {"__init__"} == set().union(*LADDER)
    inside = {name.split(".")[1] for name in MODULES if name.startswith("algebra.")}
    assert inside <= set().union(*ALGEBRA)


@every_module
def test_imports_go_down_the_ladder(name):
    mine = step(room(name), LADDER)
    assert not [i for i in ours(MODULES[name]) if room(target(i)) != room(name) and step(room(target(i)), LADDER) > mine]
    if room(name) == "algebra" and name != "algebra":
        mine = step(name.split(".")[1], ALGEBRA)
        inside = [target(i) for i in ours(MODULES[name]) if room(target(i)) == "algebra"]
        assert not [other for other in inside if other == "algebra" or step(other.split(".")[1], ALGEBRA) > mine]


@every_module
def test_others_come_in_by_the_door(name):
    """From outside a room only what its door lists is imported, be it a name or, where loading it is to wait, a module."""
    home = name if name in PACKAGES else name.rpartition(".")[0]
    around = {""} | {home[:i] for i, char in enumerate(home + ".") if char == "."}
    for one in ours(MODULES[name]):
        parts = one.module.split(".")
        outer = next((p for i in range(len(parts)) if (p := ".".join(parts[: i + 1])) in PACKAGES and p not in around), None)
        if outer is not None:
            assert one.module == outer, f"{name} goes past the door of {outer}: {one.module}.{one.name}"
            assert one.name in exported(outer), f"the door of {outer} does not list {one.name}, which {name} takes"


def test_doors_hold_nothing_else():
    """A door imports, and lists what it lets out. What it lists is there, and somebody takes it."""
    taken = {(i.module, i.name) for name in MODULES for i in ours(MODULES[name]) if name != i.module}
    taken |= {
        (i.module, i.name) for path in (PACKAGE.parent / "tests").rglob("*.py") if "autograder" in path.read_text() for i in ours(path)
    }
    for package in PACKAGES - {"__init__"}:
        for node in tree(MODULES[package]).body:
            assert isinstance(node, ast.ImportFrom | ast.Expr | ast.Assign), f"{package}: line {node.lineno}"
        assert bound(package) <= exported(package)
        assert all(name in bound(package) or f"{package}.{name}" in MODULES for name in exported(package))
        assert not [name for name in exported(package) if (package, name) not in taken], package
    assert exported("suite") == bound("suite")


def test_no_circle_between_files():
    """Imports inside functions count: a circle that opens late is a circle all the same."""
    needs = {name: {target(i) for i in ours(path)} - {name, ""} for name, path in MODULES.items()}
    done: set[str] = set()
    while len(done) < len(needs):
        free = {name for name, others in needs.items() if name not in done and others <= done}
        assert free, f"these import each other in a circle: {sorted(set(needs) - done)}"
        done |= free


def test_no_room_lies_deeper_than_the_plan():
    assert not [name for name in PACKAGES if name.count(".") >= DEPTH.get(room(name), 1)]


@pytest.mark.parametrize("path", FILES, ids=short)
def test_libraries_stay_in_their_room(path):
    tops = {name.split(".")[0] for name in imported(path)}
    mine = room(short(path).removesuffix(".py").replace("/", "."))
    for library, rooms in ONLY_IN.items():
        assert library not in tops or mine in rooms


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
    assert {short(p) for p in FILES if len(p.read_text(encoding="utf-8").splitlines()) > LINES} == TO_BE_REWRITTEN


def test_a_class_has_its_name_to_itself():
    """One class name once in the package, private ones left out."""
    homes: dict[str, list[str]] = {}
    for name, path in MODULES.items():
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(name)
    assert not {name: where for name, where in homes.items() if len(where) > 1}
