"""The zips: what an instructor uploads to Gradescope, and what students get.

The handout holds the framework, the template and the suite's `public.py` and `assignment.toml`: neither the reference
nor the tests nor what was measured. Its pyproject.toml is ours with torch as an extra, because only some problems need
torch and it is larger than all the rest; the suite is installed inside the package, so that nothing called `tests` ends
up among the installed packages.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from autograder.assignment import PACKAGE, Assignment
from autograder.errors import UsageError
from autograder.grading import dump_overrides, load_overrides
from autograder.report import Report, TestEntry, gradescope, make_entry, withhold_points
from autograder.submission import write_archive
from autograder.verdict import error

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SCRIPTS = ("setup.sh", "run_autograder")
"""At the root of the zip, as Gradescope wants them."""

OVERRIDES = "overrides.toml"
"""At the root of the zip, where there are decisions of persons."""

LEFT_OUT = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}

HANDED_OUT = ("assignment.toml", "public.py")
"""Of the suite, what students get."""

GUIDE = "docs/handout.md"
"""The handout's README.md, with {name} and {title} of the assignment to be filled in."""

NOT_RUN = "The autograder could not be run. This is not a grade; please tell the course staff."


def build(out: Path, assignment: Assignment, profile: str, torch_index: str | None, overrides: Path | None = None) -> Iterator[str]:
    """Writes the zip for Gradescope; yields lines that say what is in it and what to mind. Raises UsageError.

    overrides: decisions of persons that go with it, so that they hold whenever Gradescope grades again.
    """
    decisions = load_overrides(overrides, assignment) if overrides is not None else None
    home = PACKAGE.parent
    chosen = assignment.profile(profile)
    absent = [name for name in (*SCRIPTS, "locks", "pyproject.toml") if not (home / name).exists()]
    if absent:
        raise UsageError(f"{home}: {', '.join(absent)} not beside the package; build from a checkout of the project")
    fallback = Report(
        assignment=assignment,
        profile=chosen,
        submission="",
        entries=tuple(_not_run(number, assignment, profile) for number in sorted(chosen.points, key=assignment.place)),
        notes=(NOT_RUN,),
        public=(),
        printed="",
        seed=0,
        packages={},
        protections=(),
        execution_time=0.0,
        complete=False,
    )
    texts = {
        "assignment": f"{assignment.name}\n",
        "profile": f"{profile}\n",
        "fallback.json": gradescope.dumps(gradescope.document(fallback)),
        **({"torch_index": f"{torch_index}\n"} if torch_index else {}),
        **({OVERRIDES: dump_overrides(decisions)} if decisions is not None else {}),
    }
    files = {name: home / name for name in (*SCRIPTS, "pyproject.toml")}
    files |= _tree(PACKAGE, home) | _tree(home / "locks", home)
    files |= {f"tests/{assignment.name}/{name}": path for name, path in _tree(assignment.folder, assignment.folder).items()}
    write_archive(out, {**files, **texts}, SCRIPTS)
    yield f"{out}: {len(files) + len(texts)} files, {out.stat().st_size / 1024:.0f} KiB; upload it as the autograder of {assignment.title}."
    yield f"Profile {profile}: {len(chosen.points)} parts and functions, {sum(chosen.points.values()):g} points."
    if decisions is not None:
        count = len(decisions.decisions)
        yield "1 decision of a person goes with it." if count == 1 else f"{count} decisions of persons go with it."
    if torch_index is None:
        yield "No --torch-index was given: on Linux, pip's default torch brings gigabytes of CUDA into the image; name one with CPU builds."


def build_handout(out: Path, assignment: Assignment) -> Iterator[str]:
    """Writes the zip for students; yields lines that say what is in it and how it is installed. Raises UsageError."""
    home = PACKAGE.parent
    absent = [str(path) for path in (home / "pyproject.toml", home / GUIDE) if not path.is_file()]
    absent += [str(assignment.folder / name) for name in HANDED_OUT if not (assignment.folder / name).is_file()]
    absent += [] if assignment.template.is_dir() else [str(assignment.template)]
    if absent:
        raise UsageError(f"no handout can be made without {', '.join(absent)}; build from a checkout of the project")
    files = _tree(PACKAGE, home)
    files |= {f"tests/{assignment.name}/{name}": assignment.folder / name for name in HANDED_OUT}
    template = assignment.template
    files |= {f"student_template/{assignment.name}/{name}": path for name, path in _tree(template, template).items()}
    project = tomllib.loads((home / "pyproject.toml").read_text(encoding="utf-8"))
    texts = {
        "README.md": (home / GUIDE).read_text(encoding="utf-8").format(name=assignment.name, title=assignment.title),
        "pyproject.toml": _handout_project(project, files, assignment.name),
    }
    write_archive(out, {**files, **texts}, SCRIPTS)
    yield f"{out}: {len(files) + len(texts)} files, {out.stat().st_size / 1024:.0f} KiB; give it to the students of {assignment.title}."
    yield f"Unpacked: pip install . (torch too: pip install '.[torch]'), then autograder check student_template/{assignment.name}"


def _handout_project(project: Mapping[str, Any], files: Mapping[str, Path], name: str) -> str:
    """The handout's pyproject.toml: torch is an extra, and the suite's folder a package of data inside ours."""
    ours = project["project"]
    torch = [need for need in ours["dependencies"] if need.startswith("torch")]
    inside = f"autograder.handout.{name}"
    framework = [f for f in files if f.startswith("autograder/")]
    packages = sorted({_package(f) for f in framework if f.endswith(".py")})
    data = {package: ["*"] for package in sorted({_package(f) for f in framework if not f.endswith(".py")})}
    lines = ["[build-system]", *_toml(project["build-system"]), "", "[project]"]
    kept = ("name", "version", "description", "readme", "requires-python")
    lines += _toml({**{key: ours[key] for key in kept}, "dependencies": [need for need in ours["dependencies"] if need not in torch]})
    lines += ["", "[project.optional-dependencies]", *_toml({"torch": torch}), "", "[project.scripts]", *_toml(ours["scripts"])]
    lines += ["", "[tool.setuptools]", *_toml({"packages": [*packages, inside]})]
    lines += ["", "[tool.setuptools.package-dir]", *_toml({inside: f"tests/{name}"})]
    lines += ["", "[tool.setuptools.package-data]", *_toml({**data, inside: ["*"]})]
    return "\n".join(lines) + "\n"


def _package(file: str) -> str:
    return file.rpartition("/")[0].replace("/", ".")


def _toml(table: Mapping[str, Any]) -> list[str]:
    """Keys with texts and lists of texts: JSON's strings and lists are TOML's."""
    return [f"{json.dumps(key)} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]


def _not_run(number: str, assignment: Assignment, profile: str) -> TestEntry:
    return withhold_points(make_entry(number, assignment, assignment.profile(profile), error(NOT_RUN)))


def _tree(folder: Path, base: Path) -> dict[str, Path]:
    paths = (p for p in sorted(folder.rglob("*")) if p.is_file() and not LEFT_OUT & set(p.relative_to(base).parts))
    return {p.relative_to(base).as_posix(): p for p in paths}
