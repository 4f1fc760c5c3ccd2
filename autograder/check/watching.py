"""The check again after every save: only what has changed is looked at, and only what is different is said."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from autograder.assignment import Assignment
from autograder.check.checker import Checker, Finding
from autograder.check.front import STATES, check, finding_lines
from autograder.submission import open_submission

LOOK_SECONDS = 0.4
"""Seconds between two looks at the files while watching."""


def watch(
    path: Path,
    assignment: Assignment,
    heard: Callable[[Sequence[Finding]], None] = lambda _: None,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str]:
    """The whole check, then after every save what has changed, until interrupted.

    heard: told of all that is known after each round. sleep: waits between two looks. Raises UsageError at the start.
    """
    before: dict[object, Finding] = {}
    seen = file_stamps(path)
    yield from check(path, assignment, lambda f: before.__setitem__((f.section, f.number or f.lines), f))
    heard(list(before.values()))
    yield ""
    yield "Watching; save a file to check it again, Ctrl-C to stop."
    while True:
        sleep(LOOK_SECONDS)
        now = file_stamps(path)
        changed = {name for name in {*seen, *now} if seen.get(name) != now.get(name)}
        if not changed:
            continue
        seen = now
        yield ""
        yield f"Saved: {', '.join(sorted(changed))}"
        news = 0
        with open_submission(path, assignment) as submission:
            for finding in Checker(assignment, submission).findings(_touched(changed, assignment)):
                key = (finding.section, finding.number or finding.lines)
                if finding.number and before.get(key) != finding:
                    news += 1
                    before[key] = finding
                    yield from finding_lines(finding) if finding.state != "missing" else (f"{finding.number:>8}  {STATES['missing']}",)
        heard(list(before.values()))
        if not news:
            yield "Nothing is read or behaves differently."


class Stamp(NamedTuple):
    """What tells that a file was saved. changed: nanoseconds since 1970. size: bytes."""

    changed: int
    size: int


def file_stamps(path: Path) -> dict[str, Stamp]:
    """When each file was last changed and how long it is; what disappears while we look is left out."""
    found: dict[str, Stamp] = {}
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if not any(part.startswith((".", "__")) for part in file.relative_to(path).parts):
            try:
                about = file.stat()
            except OSError:
                continue
            if file.is_file():
                found[file.name] = Stamp(about.st_mtime_ns, about.st_size)
    return found


def _touched(changed: set[str], assignment: Assignment) -> Callable[[str], bool]:
    """Which sources have to be looked at again: a module for its own file, everything for a notebook or an archive."""
    written = tuple({Path(name).suffix.lower() for name in assignment.files.writeup} | {".md", ".tex"})
    everything = any(not name.lower().endswith((".py", *written)) for name in changed)
    modules = {name.lower().removesuffix(".py") for name in changed if name.lower().endswith(".py")}
    writeup = any(name.lower().endswith(written) for name in changed)
    # A module that is none of the sheet's may be imported by any of them.
    helper = bool(modules - {name.lower().removesuffix(".py") for name in assignment.files.code})

    def is_touched(source: str) -> bool:
        return everything or (writeup if source == "writeup" else helper or source.lower() in modules or (not source and bool(modules)))

    return is_touched
