"""What a class handed in: Gradescope's export (zip or folder), or a folder or zip of submissions. Read here, nothing is run.

Gradescope's "Export Submissions" gives a folder `assignment_NNN_export` with a folder for each submission, already unzipped, and
`submission_metadata.yml`: folder name -> record. Its keys are Ruby symbols (`:submitters:`), its groups are several submitters, e-mails
may be missing, and files of a whole class take pure Python minutes to read, so libyaml's loader is used where PyYAML has it.
"""

from __future__ import annotations

import datetime
import math
import os
import stat
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from autograder.errors import UsageError
from autograder.submission.intake import MAX_FILE_BYTES, MAX_SEEN, MAX_TOTAL_BYTES, UNREADABLE
from autograder.worker import child

METADATA = "submission_metadata.yml"
"""What Gradescope's export holds beside the submissions' folders."""

METADATA_SECONDS = 300.0
"""For reading it; the C loader takes about a second for 10 MB, pure Python a minute."""

USABLE = {".zip", ".ipynb", ".md", ".tex"}
"""Suffixes of single files that are submissions."""

NOISE = ("__macosx", ".", "__pycache__")
"""What entries that are no submissions begin with, in lower case."""

BLOCK = 2**16
MAX_NAME = 200
"""Bytes of a submission's name; file systems stop at 255."""

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

    Raises UsageError where there is nothing to grade, with what would be accepted.
    """
    accepted = "give Gradescope's export (zip or folder), or a folder of submissions (folders, zips, notebooks or write-ups)"
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder; {accepted}")
    if path.is_dir():
        names = list(_below(path))
        archive = None
    elif zipfile.is_zipfile(path):
        try:
            archive = zipfile.ZipFile(path)
        except UNREADABLE as failure:
            raise UsageError(f"{path}: a broken archive ({failure}); {accepted}") from None
        names = _members(archive)
    else:
        what = "a broken archive" if path.suffix.lower() == ".zip" else "neither a folder nor a zip"
        raise UsageError(f"{path}: {what}; {accepted}")
    root = _root(names)
    entries = {name[len(root) :].split("/")[0] for name in names if name.startswith(root)}
    found = {e for e in entries if e and not e.lower().startswith(NOISE) and _is_usable(e, root, names)}
    records: dict[str, dict[str, Any]] = {}
    if METADATA in entries:
        records = _records(path, root)
    if not found and not records:
        raise UsageError(f"{path}: no submissions in it; {accepted}")
    handed: dict[str, Handed] = {}
    for entry in sorted({*found, *records}):
        name = _unique(_printable(entry), handed)
        handed[name] = _handed(name, root + entry if entry in found else "", records.get(entry, {}))
    if archive is not None:
        archive.close()
    return ClassRoom(path, archive is not None, tuple(handed.values()))


def _below(folder: Path) -> Iterator[str]:
    """Relative names of what lies in a folder, and in a lone folder in it: `anna/`, `ben.zip`, `around/anna/`."""
    names = [f"{p.name}/" if p.is_dir() else p.name for p in sorted(folder.iterdir()) if p.is_dir() or p.is_file()]
    yield from names
    shown = [name for name in names if not name.lower().startswith(NOISE)]
    if len(shown) == 1 and shown[0].endswith("/") and (folder / shown[0] / METADATA).is_file():
        yield from (f"{shown[0]}{name}" for name in _below(folder / shown[0]))


def _members(archive: zipfile.ZipFile) -> list[str]:
    names = [name for name in archive.namelist() if not name.startswith("/") and ".." not in name.split("/") and "\\" not in name]
    if len(names) > MAX_SEEN * 20:
        raise UsageError(f"an archive of {len(names)} files: no class is that large")
    return names


def _root(names: list[str]) -> str:
    """The folder that holds the submissions: where the metadata lie, else the one folder around everything that is in an archive."""
    holders = sorted((name for name in names if name.rpartition("/")[2] == METADATA), key=lambda name: name.count("/"))
    if holders:
        return holders[0][: -len(METADATA)]
    tops = {name.split("/")[0] for name in names if not name.lower().startswith(NOISE)}
    inside = [name for name in names if name.count("/") - name.endswith("/") >= 2]
    return f"{next(iter(tops))}/" if len(tops) == 1 and inside and not next(iter(tops)).lower().endswith(tuple(USABLE)) else ""


def _is_usable(entry: str, root: str, names: list[str]) -> bool:
    if os.path.splitext(entry)[1].lower() in USABLE:
        return True
    start = f"{root}{entry}/"
    return any(name.startswith(start) for name in names)


def _entry_of(member: str, depth: int) -> str:
    """The place that an archive's member belongs to: its first `depth + 1` components."""
    return "/".join(member.split("/")[: depth + 1])


def _printable(name: str) -> str:
    """A folder's name that a terminal, a spreadsheet and a file system take: no lone surrogates, no control characters."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    clean = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in text)
    clean = clean.encode()[:MAX_NAME].decode("utf-8", "ignore")
    return clean if clean not in ("", ".", "..") else "_"


def _unique(name: str, taken: Mapping[str, object]) -> str:
    known = {other.casefold() for other in taken}
    number, candidate = 2, name
    while candidate.casefold() in known:
        candidate, number = f"{name} ({number})", number + 1
    return candidate


# the metadata ---------------------------------------------------------------------------------------------------------


def _records(path: Path, root: str) -> dict[str, dict[str, Any]]:
    """Folder name -> what is kept of its record. Read in a process of its own: a class's results take memory."""
    try:
        return child.run(_read_metadata, path, root, seconds=METADATA_SECONDS)
    except child.ChildRaised as problem:
        raise UsageError(problem.message if problem.is_usage_error else str(problem)) from None
    except child.ChildFailed as problem:
        raise UsageError(str(problem)) from None


def _read_metadata(path: Path, root: str) -> dict[str, dict[str, Any]]:
    kept = {}
    document = metadata(path, root)
    due = _time(_first(document, "due_date", "late_due_date") or _first(document.get("assignment"), "due_date", "late_due_date"))
    for name, record in document.items():
        if not isinstance(record, dict) or name == "assignment":
            continue
        submitters = record.get("submitters")
        submitted = _time(record.get("created_at"))
        record_due = _time(_first(record, "due_date", "late_due_date")) or due
        kept[str(name)] = {
            "people": [_person(p) for p in submitters] if isinstance(submitters, list) else [],
            "submitted": submitted.isoformat() if submitted else _text(record.get("created_at")),
            "late": _late(submitted, record_due),
            "score": _number(record.get("score")),
        }
    return kept


def metadata(path: Path, root: str | None = None) -> dict[str, Any]:
    """The metadata of an export (folder or zip) as plain dicts, keys without their colons.

    root: the folder in which they lie, with a slash at its end; found by itself if None. Raises UsageError.
    """
    try:
        if path.is_dir():
            root = _root(list(_below(path))) if root is None else root
            content = (path / root / METADATA).read_bytes()
        else:
            with zipfile.ZipFile(path) as archive:
                root = _root(_members(archive)) if root is None else root
                content = archive.read(root + METADATA)
    except (*UNREADABLE, KeyError) as problem:
        raise UsageError(f"{path}: its {METADATA} cannot be read ({problem})") from None
    try:
        document = yaml.load(content.decode("utf-8-sig", "replace"), _loader())
    except yaml.YAMLError as problem:
        where = getattr(problem, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        raise UsageError(f"{path}: its {METADATA} is no YAML{line}") from None
    if not isinstance(document, dict):
        raise UsageError(f"{path}: its {METADATA} is no list of submissions by folder name")
    return {str(key): value for key, value in _without_colons(document).items()}


def _loader() -> Any:
    """libyaml's safe loader where there is one, which also takes what Ruby wrote of its own classes as plain values."""
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("ExportLoader", (base,), {})

    def plain(self: Any, _suffix: str, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return self.construct_sequence(node, deep=True)
        return self.construct_scalar(node)

    loader.add_multi_constructor("!ruby/", plain)
    return loader


def _without_colons(value: Any) -> Any:
    if isinstance(value, dict):
        return {(key[1:] if isinstance(key, str) and key.startswith(":") else key): _without_colons(item) for key, item in value.items()}
    return [_without_colons(item) for item in value] if isinstance(value, list) else value


def _first(record: Any, *keys: str) -> Any:
    return next((record[key] for key in keys if record.get(key)), None) if isinstance(record, dict) else None


def _person(record: Any) -> dict[str, str]:
    if not isinstance(record, dict):
        return {"name": _text(record), "sid": "", "email": ""}
    return {key: _text(record.get(key)) for key in ("name", "sid", "email")}


def _text(value: Any) -> str:
    """One line, without control characters."""
    text = "" if value is None else str(value)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MAX_FIELD]


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
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
