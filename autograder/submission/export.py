"""What a class handed in: Gradescope's export (zip or folder), or a folder or zip of submissions. Read here, nothing is run.

Gradescope's "Export Submissions" gives a folder `assignment_NNN_export` with a folder for each submission, already unzipped, and
`submission_metadata.yml`: folder name -> record. Its keys are Ruby symbols (`:submitters:`), its groups are several submitters, e-mails
may be missing, and files of a whole class take pure Python minutes to read, so libyaml's loader is used where PyYAML has it.
"""

from __future__ import annotations

import datetime
import math
import os
import re
import stat
import unicodedata
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from autograder.errors import OutOfBudget, UsageError
from autograder.submission.intake import MAX_FILE_BYTES, MAX_SEEN, MAX_TOTAL_BYTES, UNREADABLE
from autograder.worker import child

T = TypeVar("T")

METADATA = "submission_metadata.yml"
"""What Gradescope's export holds beside the submissions' folders."""

METADATA_SECONDS = 300.0
"""For reading it; the C loader takes about a second for 10 MB, pure Python a minute."""

METADATA_MEGABYTES = 4_096
"""Memory for reading it; PyYAML takes some 20 times the file's size."""

MAX_METADATA_BYTES = 256 * 2**20
"""Of the file: results of 500 submissions and of everything that they handed in before take a tenth of it."""

MAX_VALUES = 5_000_000
"""Values in it, each counted as often as aliases repeat it: nine lines of aliases can stand for a billion."""

MAX_NESTING = 100
"""Lists and tables inside each other; an export has about ten."""

RECORD = re.compile(r"submission_\d{1,20}")
"""Keys of an export, and the names of its folders."""

USABLE = {".zip", ".ipynb", ".md", ".tex"}
"""Suffixes of single files that are submissions."""

NOISE = ("__macosx", ".", "__pycache__")
"""What entries that are no submissions begin with, in lower case."""

BLOCK = 2**16
MAX_NAME = 200
"""Bytes of a submission's name; file systems stop at 255."""

OURS = re.compile(r"(?:journal|grades|class|changes|overrides|review|results)[.-].*")
"""What files beside the folders of results are called, in lower case: no submission is called so."""

MAX_PEOPLE = 100
"""Persons of one submission."""

MAX_FIELD = 300
"""Characters of a name, an id or an e-mail address."""


@dataclass(frozen=True)
class Person:
    """One of those who handed it in, as the export names them; empty strings where it does not."""

    name: str = ""
    sid: str = ""
    email: str = ""


@dataclass(frozen=True)
class Handed:
    """One submission of a class."""

    name: str
    """Of its folder or file, made printable; unique in the class."""
    place: str
    """Where it lies below the class's root: a folder or file. Empty where the export names it but does not hold it."""
    people: tuple[Person, ...] = ()
    submitted: str = ""
    """ISO 8601, as the export has it."""
    late: float | None = None
    """Seconds after the due date, 0 if in time, None where that is not known. The grader itself takes no points for it."""
    score: float | None = None
    """What the export says it earned."""


@dataclass(frozen=True)
class ClassRoom:
    """Everything that was handed in, by name."""

    path: Path
    archive: bool
    handed: tuple[Handed, ...]
    notes: tuple[str, ...] = ()
    """What of it is not used, a line each."""

    def open(self) -> ClassFiles:
        """What the submissions' files are read from; to be opened once in each process that reads."""
        return ClassFiles(self.path, zipfile.ZipFile(self.path) if self.archive else None)


@dataclass
class ClassFiles:
    """The files of a class, open for reading."""

    path: Path
    archive: zipfile.ZipFile | None
    _members: dict[str, list[zipfile.ZipInfo]] = field(default_factory=dict)

    def submission(self, handed: Handed, scratch: Path) -> Path:
        """The path of one submission's folder or file; out of an archive it is unpacked into the (empty) folder `scratch`.

        Raises UsageError where it cannot be had.
        """
        if not handed.place:
            raise UsageError(f"{METADATA} names it, but the export holds no folder of that name")
        if self.archive is None:
            return self.path / handed.place
        if not self._members:
            for member in self.archive.infolist():
                self._members.setdefault(_entry_of(member.filename, handed.place.count("/")), []).append(member)
        target = scratch / handed.place.rpartition("/")[2]
        left = MAX_TOTAL_BYTES
        for member in self._members.get(handed.place, []):
            left -= self._unpacked(member, handed.place, target, left)
        target.mkdir(exist_ok=True) if not target.is_file() else None
        return target

    def _unpacked(self, member: zipfile.ZipInfo, place: str, target: Path, left: int) -> int:
        """Writes one member; how many bytes. What is larger than a submission may be is cut just above that, so that it is
        refused as too large further on.
        """
        assert self.archive is not None
        below = [part for part in member.filename[len(place) :].split("/") if part not in ("", ".")]
        mode = member.external_attr >> 16
        if member.is_dir() or ".." in below or stat.S_ISLNK(mode):
            return 0
        path = target.joinpath(*below)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self.archive.open(member) as reading, path.open("wb") as writing:
                return _copied(reading, writing, min(left, MAX_FILE_BYTES) + 1)  # type: ignore[arg-type]  # typeshed: IO[bytes]
        except UNREADABLE as failure:
            raise UsageError(f"{member.filename} is damaged in the export ({failure}); export it again") from None


def _copied(reading: BinaryIO, writing: BinaryIO, most: int) -> int:
    total = 0
    while total < most and (block := reading.read(min(BLOCK, most - total))):
        writing.write(block)
        total += len(block)
    return total


def read_class(path: Path) -> ClassRoom:
    """Everything that lies at the path: an export or other archive, or a folder.

    Metadata count at an export's own place only: anywhere else they are a file of somebody's submission. Where they cannot be
    used, what lies beside them is graded all the same, and a note says so. Raises UsageError where there is nothing to grade, with
    what would be accepted.
    """
    accepted = "give Gradescope's export (zip or folder), or a folder of submissions (folders, zips, notebooks or write-ups)"
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder; {accepted}")
    if not path.is_dir() and not zipfile.is_zipfile(path):
        what = "a broken archive" if path.suffix.lower() == ".zip" else "neither a folder nor a zip"
        raise UsageError(f"{path}: {what}; {accepted}")
    try:
        names = _names(path)
    except UNREADABLE as failure:
        raise UsageError(f"{path}: a broken archive ({failure}); {accepted}") from None
    root, has_metadata = _root(names, archive=not path.is_dir())
    entries = {name[len(root) :].split("/")[0] for name in names if name.startswith(root)}
    folders = {name[len(root) :].split("/")[0] for name in names if name.startswith(root) and "/" in name[len(root) :]}
    found = {e for e in entries if e and not e.lower().startswith(NOISE) and (e in folders or os.path.splitext(e)[1].lower() in USABLE)}
    records: dict[str, dict[str, Any]] = {}
    notes: tuple[str, ...] = ()
    if has_metadata:
        try:
            records = _records(path, root)
        except UsageError as problem:
            if not found:
                raise
            notes = (f"{problem}: persons, times and earlier scores are not known",)
    if not found and not records:
        raise UsageError(f"{path}: no submissions in it; {accepted}")
    names_of = SubmissionNames()
    handed = [
        _handed(names_of.take(entry), root + entry if entry in found else "", records.get(entry, {}))
        for entry in sorted({*found, *records})
    ]
    return ClassRoom(path, not path.is_dir(), tuple(handed), notes)


def _names(path: Path) -> list[str]:
    """Relative names of what lies in a folder and, where that is all there is, in a lone folder in it; or of an archive's members."""
    if not path.is_dir():
        with zipfile.ZipFile(path) as archive:
            return _members(archive)
    names = _entries(path)
    shown = _shown(names)
    if len(shown) == 1 and shown[0].endswith("/"):
        names += [f"{shown[0]}{name}" for name in _entries(path / shown[0])]
    return names


def _entries(folder: Path) -> list[str]:
    return [f"{p.name}/" if p.is_dir() else p.name for p in sorted(folder.iterdir()) if p.is_dir() or p.is_file()]


def _shown(names: list[str]) -> list[str]:
    return [name for name in names if not name.lower().startswith(NOISE)]


def _members(archive: zipfile.ZipFile) -> list[str]:
    names = [name for name in archive.namelist() if not name.startswith("/") and ".." not in name.split("/") and "\\" not in name]
    if len(names) > MAX_SEEN * 20:
        raise UsageError(f"an archive of {len(names)} files: no class is that large")
    return names


def _root(names: list[str], *, archive: bool) -> tuple[str, bool]:
    """The folder that holds the submissions, and whether an export's metadata lie in it.

    An export has them at its top, or in the one folder that it consists of, beside a folder of a submission. Without them the class
    is what lies at the top, or in the one folder around everything that is in an archive.
    """
    if METADATA in names:
        return "", True
    tops = {name.split("/")[0] for name in _shown(names)}
    if len(tops) != 1:
        return "", False
    around = f"{next(iter(tops))}/"
    beside = {name[len(around) :].split("/")[0] for name in names if name.startswith(around)}
    if METADATA in beside and f"{around}{METADATA}" in names and any(RECORD.fullmatch(os.path.splitext(name)[0]) for name in beside):
        return around, True
    inside = any(name.count("/") - name.endswith("/") >= 2 for name in names)
    return (around if archive and inside and not around[:-1].lower().endswith(tuple(USABLE)) else ""), False


class SubmissionNames:
    """Names of submissions, which are those of their folders of results: each is one that a terminal, a spreadsheet and every file
    system take, no file of ours, and on no file system the same as another (letter case, unicode's normal forms, a final dot).
    """

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def take(self, entry: str) -> str:
        """The name of what lies at an entry of the class."""
        text = unicodedata.normalize("NFC", entry.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
        clean = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in text)
        clean = clean.encode()[:MAX_NAME].decode("utf-8", "ignore").strip(" ")
        if not clean.strip(". "):
            clean = "_"
        if OURS.fullmatch(self._key(clean)):
            clean = f"submission {clean}"
        name, number = clean, self._taken.get(self._key(clean), 0)
        while self._key(name) in self._taken:
            number += 1
            name = f"{clean} ({number + 1})"
        self._taken[self._key(clean)] = number
        self._taken.setdefault(self._key(name), 0)
        return name

    @staticmethod
    def _key(name: str) -> str:
        folded = unicodedata.normalize("NFKC", name).casefold()
        return unicodedata.normalize("NFKC", folded).rstrip(" .")


def _entry_of(member: str, depth: int) -> str:
    """The place that an archive's member belongs to: its first `depth + 1` components."""
    return "/".join(member.split("/")[: depth + 1])


# the metadata ---------------------------------------------------------------------------------------------------------


def _records(path: Path, root: str) -> dict[str, dict[str, Any]]:
    """Folder name -> what is kept of its record. Read in a process of its own: a class's results take memory."""
    return _apart(_read_metadata, path, root)


def check_metadata(path: Path) -> None:
    """Raises UsageError where an export (folder or zip) has no metadata that can be read."""
    _apart(_readable, path)


def _readable(path: Path) -> None:
    metadata(path)


def _apart(work: Callable[..., T], *args: Any) -> T:
    """What it returns, done in a process that hostile YAML may fill or hang."""
    try:
        return child.run(work, *args, seconds=METADATA_SECONDS, megabytes=METADATA_MEGABYTES)
    except child.ChildRaised as problem:
        raise UsageError(problem.message if problem.is_usage_error else f"its {METADATA} cannot be read ({problem})") from None
    except child.ChildFailed as problem:
        raise UsageError(f"its {METADATA} cannot be read ({problem})") from None


def _read_metadata(path: Path, root: str) -> dict[str, dict[str, Any]]:
    kept = {}
    document = metadata(path, root)
    if not any(RECORD.fullmatch(key) and _is_record(value) for key, value in document.items()):
        raise UsageError(f"{path}: its {METADATA} is no list of submissions by folder name")
    due = _time(_first(document, "due_date", "late_due_date") or _first(document.get("assignment"), "due_date", "late_due_date"))
    for name, record in document.items():
        if not isinstance(record, dict) or not RECORD.fullmatch(name):
            continue
        submitters = record.get("submitters")
        submitted = _time(record.get("created_at"))
        record_due = _time(_first(record, "due_date", "late_due_date")) or due
        kept[name] = {
            "people": [_person(p) for p in submitters[:MAX_PEOPLE]] if isinstance(submitters, list) else [],
            "submitted": submitted.isoformat() if submitted else _text(record.get("created_at")),
            "late": _late(submitted, record_due),
            "score": _number(record.get("score")),
        }
    return kept


def metadata(path: Path, root: str | None = None) -> dict[str, Any]:
    """The metadata of an export (folder or zip) as plain dicts, keys without their colons; to be called where memory is capped.

    root: the folder in which they lie, with a slash at its end; found by itself if None. Raises UsageError.
    """
    what = f"{path}: its {METADATA}"
    try:
        if root is None:
            root, _ = _root(_names(path), archive=not path.is_dir())
        if path.is_dir():
            with (path / root / METADATA).open("rb") as file:
                content = file.read(MAX_METADATA_BYTES + 1)
        else:
            with zipfile.ZipFile(path) as archive, archive.open(root + METADATA) as member:
                content = member.read(MAX_METADATA_BYTES + 1)
    except (*UNREADABLE, KeyError) as problem:
        raise UsageError(f"{what} cannot be read ({problem})") from None
    if len(content) > MAX_METADATA_BYTES:
        raise UsageError(f"{what} is larger than {MAX_METADATA_BYTES} bytes")
    import yaml  # in the child, and only where there is a class: it takes longer to load than most of this room

    try:
        document = _Plain().value(yaml.load(content.decode("utf-8-sig", "replace"), _loader()))
    except yaml.YAMLError as problem:
        where = getattr(problem, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        raise UsageError(f"{what} is no YAML{line}") from None
    except (OutOfBudget, RecursionError, MemoryError):
        raise UsageError(f"{what} holds too much, or is nested too deeply") from None
    except (ValueError, TypeError, OverflowError) as problem:  # a date of the 40th of May, a key that is a list, 10,000 digits
        raise UsageError(f"{what} is no YAML of an export ({_text(problem)})") from None
    if not isinstance(document, dict):
        raise UsageError(f"{what} is no list of submissions by folder name")
    return document


def _is_record(value: Any) -> bool:
    return isinstance(value, dict) and bool(value.keys() & {"submitters", "created_at"})


def _loader() -> Any:
    """libyaml's safe loader where there is one, which also takes what Ruby wrote of its own classes as plain values."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("ExportLoader", (base,), {})

    def plain(self: Any, _suffix: str, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return self.construct_sequence(node, deep=True)
        return self.construct_scalar(node)

    loader.add_multi_constructor("!ruby/", plain)
    loader.flatten_mapping = lambda _self, _node: None  # `<<` copies tables into tables, which doubles with every line; no export has it
    return loader


class _Plain:
    """Values as plain ones with texts for keys, without Ruby's colons, within a budget: aliases are the same object again and again."""

    def __init__(self) -> None:
        self._left = MAX_VALUES

    def value(self, value: Any, depth: int = 0) -> Any:
        """Raises OutOfBudget."""
        self._left -= 1
        if self._left < 0:
            raise OutOfBudget("MAX_VALUES", MAX_VALUES + 1)
        if depth > MAX_NESTING:
            raise OutOfBudget("MAX_NESTING", depth)
        if isinstance(value, dict):
            return {str(key).removeprefix(":"): self.value(item, depth + 1) for key, item in value.items()}
        return [self.value(item, depth + 1) for item in value] if isinstance(value, list) else value


def _first(record: Any, *keys: str) -> Any:
    return next((record[key] for key in keys if record.get(key)), None) if isinstance(record, dict) else None


def _person(record: Any) -> dict[str, str]:
    if not isinstance(record, dict):
        return {"name": _text(record), "sid": "", "email": ""}
    return {key: _text(record.get(key)) for key in ("name", "sid", "email")}


def _text(value: Any) -> str:
    """One line, without control characters."""
    try:
        text = "" if value is None else str(value)[: 4 * MAX_FIELD]
    except ValueError:  # an integer of more digits than Python writes
        text = ""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MAX_FIELD]


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _time(value: Any) -> datetime.datetime | None:
    """A time as YAML or Ruby wrote it (`2024-09-06 23:59:58.123456789 -07:00`); without a zone it counts as UTC."""
    if isinstance(value, str):
        text = value.strip().replace(" UTC", "+00:00").replace(" -", "-").replace(" +", "+")
        head, dot, tail = text.partition(".")
        digits = len(tail) - len(tail.lstrip("0123456789"))
        text = f"{head}.{tail[:digits][:6].ljust(6, '0')}{tail[digits:]}" if dot else text
        try:
            value = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            return None
    if isinstance(value, datetime.datetime):
        return value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)
    return None


def _late(submitted: datetime.datetime | None, due: datetime.datetime | None) -> float | None:
    return None if submitted is None or due is None else max(0.0, (submitted - due).total_seconds())


def _handed(name: str, place: str, record: Mapping[str, Any]) -> Handed:
    people = tuple(Person(**person) for person in record.get("people", ()))
    return Handed(name, place, people, record.get("submitted", ""), record.get("late"), record.get("score"))
