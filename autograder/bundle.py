"""The zips: what an instructor uploads to Gradescope."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from autograder.assignment import Assignment
from autograder.errors import UsageError
from autograder.report import gradescope
from autograder.score import Report, TestEntry, scored
from autograder.verdict import error

SCRIPTS = ("setup.sh", "run_autograder")
"""At the root of the zip, as Gradescope wants them."""

LEFT_OUT = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}

EPOCH = (1980, 1, 1, 0, 0, 0)
"""Time of every file in a zip, so that the same files give the same zip."""

NOT_RUN = "The autograder could not be run. This is not a grade; please tell the course staff."


def build(out: Path, assignment: Assignment, profile: str, torch_index: str | None) -> Iterator[str]:
    """Writes the zip for Gradescope; yields lines that say what is in it and what to mind. Raises UsageError."""
    package = Path(__file__).resolve().parent
    home = package.parent
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
    }
    files = {name: home / name for name in (*SCRIPTS, "pyproject.toml")}
    files |= _tree(package, home) | _tree(home / "locks", home)
    files |= {f"tests/{assignment.name}/{name}": path for name, path in _tree(assignment.folder, assignment.folder).items()}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted({*files, *texts}):
            about = zipfile.ZipInfo(name, EPOCH)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = (0o100755 if name in SCRIPTS else 0o100644) << 16
            archive.writestr(about, texts[name] if name in texts else files[name].read_bytes())
    yield f"{out}: {len(files) + len(texts)} files, {out.stat().st_size / 1024:.0f} KiB; upload it as the autograder of {assignment.title}."
    yield f"Profile {profile}: {len(chosen.points)} parts and functions, {sum(chosen.points.values()):g} points."
    if torch_index is None:
        yield "No --torch-index was given: on Linux, pip's default torch brings gigabytes of CUDA into the image; name an index with CPU builds."


def _not_run(number: str, assignment: Assignment, profile: str) -> TestEntry:
    entry = scored(number, assignment, assignment.profile(profile), error(NOT_RUN))
    return TestEntry(**{**vars(entry), "score": 0.0})


def _tree(folder: Path, base: Path) -> dict[str, Path]:
    paths = (p for p in sorted(folder.rglob("*")) if p.is_file() and not LEFT_OUT & set(p.relative_to(base).parts))
    return {p.relative_to(base).as_posix(): p for p in paths}
