"""What was handed in: a folder, a .zip, one notebook, or one write-up. It is read here, never run.

Whatever it was, it is copied file by file into a private folder that is gone on exit, so that nothing is ever
written to the original and nobody below has to think about links, devices, archives or strange names again.
The caps below hold while reading, not after: an archive that lies about its sizes is stopped all the same.
"""

from __future__ import annotations

import hashlib
import lzma
import mmap
import os
import shutil
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from autograder.assignment import Assignment
from autograder.errors import UsageError

MAX_FILES = 2_000
"""Files kept. The assignment's own files are taken first, so that a flood of others cannot displace them."""
MAX_SEEN = 50_000
"""Entries of a folder or archive that are looked at."""
MAX_DEPTH = 12
"""Folders above a file, inside the submission."""
MAX_NAME_BYTES = 200
"""Of one component of a path, as UTF-8; file systems stop at 255."""
MAX_FILE_BYTES = 64 * 2**20
"""Of one file, unpacked."""
MAX_TOTAL_BYTES = 256 * 2**20
"""Of all files, unpacked. Gradescope itself stops uploads at 100 MB."""
MAX_RATIO = 200
"""Unpacked over packed size of an archive's member. Text and notebooks reach 20; a bomb needs 1000."""
RATIO_ALLOWANCE = 2**20
"""Below this size a member may be packed as tightly as it likes: it does no harm."""
MAX_ARCHIVE_BYTES = 256 * 2**20
"""Of the archive itself."""
MAX_NOTES = 20
"""Notes on single files; the rest are counted."""
MAX_SHOWN_NAME = 80
"""Characters of a file's name in a note."""
BLOCK = 2**16
UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError, ValueError)
"""What reading a member of a hostile or truncated archive may raise (NotImplementedError is a RuntimeError)."""

IGNORED_CACHES = (".pytest_cache", ".mypy_cache", ".ruff_cache", ".idea", ".vscode")
IGNORED_FOLDERS = frozenset(("__macosx", ".git", ".svn", ".hg", "__pycache__", ".ipynb_checkpoints", ".venv", "venv", *IGNORED_CACHES))
IGNORED_FILES = frozenset((".ds_store", "thumbs.db", "desktop.ini", ".gitignore", ".gitattributes", "icon\r"))
IGNORED_SUFFIXES = (".pyc", ".pyo", ".swp", "~")
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")
SINGLE_SUFFIXES = (".ipynb", ".md", ".tex")
ACCEPTED = "a folder, a .zip, one .ipynb, or one .md or .tex write-up"


@dataclass(frozen=True)
class Submission:
    """The files that were handed in, under safe names, in a private folder."""

    name: str
    """As given, for people."""
    root: Path
    """Folder with the files; the nesting around them is removed. Never written to."""
    files: tuple[str, ...]
    """Relative posix paths, sorted."""
    notes: tuple[str, ...]
    """What was ignored or odd, one sentence each."""
    digest: str
    """sha256 over names and contents, in hex: seeds and caches hang on it. The same files give the same digest,
    whether they came as a folder, a zip, or nested in another folder."""

    def find(self, name: str) -> Path | None:
        """The file of this relative name, or None; letter case is ignored.

        A file that is not where it should be, but of which there is just one, one folder below, is found too.
        """
        wanted = name.casefold()
        for file in (*(f for f in self.files if f == name), *(f for f in self.files if f.casefold() == wanted)):
            return self.root / file
        below = [f for f in self.files if f.count("/") == 1 and f.split("/")[1].casefold() == wanted]
        return self.root / below[0] if len(below) == 1 else None


@dataclass(frozen=True)
class _Source:
    """One file as it was found: its safe relative name and how to open it."""

    name: str
    open: Callable[[], BinaryIO]
    limit: int
    """Bytes that it may have, by the caps on a member."""


class _Notes:
    """Sentences about single files, capped, in the order in which they came."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._more = 0

    def add(self, sentence: str) -> None:
        if len(self._lines) < MAX_NOTES:
            self._lines.append(sentence)
        else:
            self._more += 1

    def lines(self) -> tuple[str, ...]:
        more = (f"There are {self._more} more remarks of this kind on the files.",) if self._more else ()
        return (*self._lines, *more)


def open_submission(path: Path, assignment: Assignment) -> AbstractContextManager[Submission]:
    """The submission at `path`, as a context manager; its private copy (mode 0700) is removed on exit.

    A folder or archive with nothing usable in it is a valid, empty submission.
    Raises UsageError, on entering, for what cannot be a submission: a missing path, another type of file, an
    archive that is broken or encrypted as a whole.
    """
    return _opened(Path(path), assignment)


@contextmanager
def _opened(path: Path, assignment: Assignment) -> Iterator[Submission]:
    notes = _Notes()
    known = frozenset(name.casefold() for name in _known_names(assignment))
    kept = Path(tempfile.mkdtemp(prefix="submission-"))
    try:
        with _sources(path, notes) as (sources, broken):
            sources = _chosen(_unnested(sources, known), known, notes)
            files = _copied(sources, kept, notes)
        if not files and broken:
            raise UsageError(f"{_shown(str(path))} is a broken or encrypted archive ({broken}): accepted is {ACCEPTED}")
        if len(files) == 1 and files[0].lower().endswith(".zip"):
            files = _unpacked(kept, files[0], known, notes)
        for file in files:
            if file.lower().endswith(ARCHIVE_SUFFIXES):
                notes.add(f"{_shown(file)} is an archive inside the submission: it was not opened.")
        name = path.name or path.resolve().name
        yield Submission(_shown(name), kept, files, notes.lines(), _digest(kept, files))
    finally:
        shutil.rmtree(kept, ignore_errors=True)


def _unpacked(kept: Path, file: str, known: frozenset[str], notes: _Notes) -> tuple[str, ...]:
    """The files of an archive that is all that was handed in, in its place; the archive alone where it cannot be read."""
    inner = Path(tempfile.mkdtemp(prefix=".inner-", dir=kept))
    try:
        with _archive(kept / file, _shown(file)) as archive:
            sources, broken = _in_archive(archive, notes)
            files = _copied(_chosen(_unnested(sources, known), known, notes), inner, notes)
    except UsageError as failure:
        files, broken = (), str(failure)
    if not files:
        notes.add(f"{_shown(file)} is all that was handed in, and no file could be taken out of it{f' ({broken})' if broken else ''}.")
        shutil.rmtree(inner)
        return (file,)
    notes.add(f"{_shown(file)} is all that was handed in: its files were taken out of it.")
    shutil.rmtree(kept / file.split("/")[0]) if "/" in file else (kept / file).unlink()
    for entry in sorted(inner.iterdir()):
        entry.rename(kept / entry.name)
    inner.rmdir()
    return files


def _known_names(assignment: Assignment) -> tuple[str, ...]:
    files = assignment.files
    return (*files.writeup, *files.code, *((files.notebook,) if files.notebook else ()))


# ---- where the files come from ----


@contextmanager
def _sources(path: Path, notes: _Notes) -> Iterator[tuple[list[_Source], str]]:
    """What lies at `path`, and what was broken about it."""
    shown = _shown(str(path))
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or str(failure)
        raise UsageError(f"cannot read {shown}: {_shown(reason)}; accepted is {ACCEPTED}") from None
    if stat.S_ISDIR(mode):
        try:
            yield list(_in_folder(path, notes)), ""
        except PermissionError:
            raise UsageError(f"cannot read the folder {shown}: permission denied") from None
        return
    suffix = path.suffix.lower()
    if not stat.S_ISREG(mode) or suffix not in (".zip", *SINGLE_SUFFIXES):
        what = f"a {suffix} file" if suffix else "no file of a known type" if stat.S_ISREG(mode) else "neither a file nor a folder"
        raise UsageError(f"{shown} is {_shown(what)}: accepted is {ACCEPTED}")
    if suffix != ".zip":
        try:
            with path.open("rb") as file:
                file.read(1)
        except OSError as failure:
            raise UsageError(f"cannot read {shown}: {failure.strerror}") from None
        yield [_Source(_safe_name(path.name)[0] or "writeup" + suffix, lambda: path.open("rb"), MAX_FILE_BYTES)], ""
        return
    with _archive(path, shown) as archive:
        yield _in_archive(archive, notes)


def _in_folder(folder: Path, notes: _Notes) -> Iterator[_Source]:
    """The regular files below `folder`, no link followed."""
    seen = 0
    queue = [(folder, "")]
    while queue:
        here, prefix = queue.pop()
        try:
            entries = sorted(os.scandir(here), key=lambda e: e.name)
        except OSError as failure:
            if not prefix:
                raise
            notes.add(f"The folder {_shown(prefix)} cannot be read ({failure.strerror}): skipped.")
            continue
        for entry in entries:
            seen += 1
            if seen > MAX_SEEN:
                notes.add(f"More than {MAX_SEEN} entries: the others were not looked at.")
                return
            name = prefix + entry.name
            if entry.is_symlink():
                notes.add(f"{_shown(name)} is a link: skipped.")
            elif entry.is_dir(follow_symlinks=False):
                if entry.name.casefold() not in IGNORED_FOLDERS:
                    if name.count("/") >= MAX_DEPTH:
                        notes.add(f"The folder {_shown(name)} lies deeper than {MAX_DEPTH} folders: skipped.")
                    else:
                        queue.append((Path(entry.path), name + "/"))
            elif not entry.is_file(follow_symlinks=False):
                notes.add(f"{_shown(name)} is no regular file (a pipe, socket or device): skipped.")
            else:
                safe, why = _safe_name(name)
                if safe is None:
                    notes.add(f"{_shown(name)} {why}: skipped.")
                elif not _is_ignored(safe):
                    if why:
                        notes.add(f"{_shown(name)} {why}: kept as {_shown(safe)}.")
                    yield _Source(safe, _opener(entry.path), MAX_FILE_BYTES)


def _opener(path: str) -> Callable[[], BinaryIO]:
    def opened() -> BinaryIO:
        # Nothing promises that the file is still what the listing said: do not follow, do not wait.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise OSError(0, "no regular file any more")
        return os.fdopen(handle, "rb")

    return opened


@contextmanager
def _archive(path: Path, shown: str) -> Iterator[zipfile.ZipFile]:
    size = path.stat().st_size
    if size > MAX_ARCHIVE_BYTES:
        raise UsageError(f"{shown} has {size} bytes: accepted are archives of at most {MAX_ARCHIVE_BYTES}")
    try:
        # Each entry of the archive's directory begins with these four bytes; counting them costs no memory, and
        # reading a directory of millions of entries does.
        with path.open("rb") as file:
            if size and _count(file, b"PK\x01\x02", MAX_SEEN) > MAX_SEEN:
                raise UsageError(f"{shown} lists more than {MAX_SEEN} files: accepted is {ACCEPTED}")
        opened = zipfile.ZipFile(path)
    except OSError as failure:
        raise UsageError(f"cannot read {shown}: {failure.strerror}") from None
    except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError) as failure:
        raise UsageError(f"{shown} is no readable zip archive ({_shown(str(failure))}): accepted is {ACCEPTED}") from None
    with opened as archive:
        yield archive


def _count(file: BinaryIO, mark: bytes, enough: int) -> int:
    """How often `mark` occurs in a file that is not empty; stops soon after `enough`."""
    found = 0
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        place = view.find(mark)
        while place >= 0 and found <= enough:
            found += 1
            place = view.find(mark, place + len(mark))
    return found


def _in_archive(archive: zipfile.ZipFile, notes: _Notes) -> tuple[list[_Source], str]:
    """The regular members of an archive; of two with one name the later counts, as unzip has it."""
    sources: dict[str, _Source] = {}
    broken = ""
    for member in archive.infolist():
        name = member.filename
        kind = stat.S_IFMT(member.external_attr >> 16)
        if member.is_dir() or kind == stat.S_IFDIR:
            continue
        safe, why = _safe_name(name)
        if safe is None:
            notes.add(f"{_shown(name)} {why}: skipped.")
        elif _is_ignored(safe):
            continue
        elif kind not in (0, stat.S_IFREG):
            notes.add(f"{_shown(name)} is a {'link' if kind == stat.S_IFLNK else 'special file'}: skipped.")
        elif member.flag_bits & 0x1:
            broken = "its files are encrypted"
            notes.add(f"{_shown(name)} is encrypted: skipped.")
        else:
            if why:
                notes.add(f"{_shown(name)} {why}: kept as {_shown(safe)}.")
            if safe in sources:
                notes.add(f"The archive holds {_shown(safe)} more than once: the last one counts.")
            limit = min(MAX_FILE_BYTES, max(RATIO_ALLOWANCE, MAX_RATIO * member.compress_size))
            sources[safe] = _Source(safe, _member(archive, member), limit)
    if sources and broken:
        broken = ""
    return list(sources.values()), broken


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Callable[[], BinaryIO]:
    return lambda: archive.open(member)  # type: ignore[return-value]  # typeshed: IO[bytes]


# ---- names ----


def _safe_name(name: str) -> tuple[str | None, str]:
    """A relative posix path that is safe to create, or None; and what was odd about the name, or ''."""
    name = name.replace("\\", "/")
    if name.startswith("/") or (len(name) > 1 and name[1] == ":" and name[0].isalpha()):
        return None, "has an absolute path"
    parts = [p for p in name.split("/") if p not in ("", ".")]
    if not parts:
        return None, "has no name"
    if ".." in parts:
        return None, "leads out of the submission"
    if len(parts) > MAX_DEPTH + 1:
        return None, f"lies deeper than {MAX_DEPTH} folders"
    safe = []
    for part in parts:
        # A name that is no UTF-8 comes as lone surrogates; two spellings of one accented letter are one name.
        clean = "".join(c if c.isprintable() and not 0xD800 <= ord(c) < 0xE000 else "_" for c in unicodedata.normalize("NFC", part)).strip()
        if not clean or clean in (".", ".."):
            clean = "_"
        if len(clean.encode()) > MAX_NAME_BYTES:
            return None, f"has a name of more than {MAX_NAME_BYTES} bytes"
        safe.append(clean)
    joined = "/".join(safe)
    return joined, "" if joined == unicodedata.normalize("NFC", "/".join(parts)) else "has a strange name"


def _is_ignored(name: str) -> bool:
    """Whether this is what file managers, editors and caches leave behind."""
    *folders, last = (part.casefold() for part in name.split("/"))
    return (
        any(folder in IGNORED_FOLDERS for folder in folders)
        or last in IGNORED_FILES
        or last in IGNORED_FOLDERS
        or last.startswith("._")
        or last.endswith(IGNORED_SUFFIXES)
    )


def _shown(name: str) -> str:
    """A name that fits on one line of a terminal."""
    clean = "".join(c if c.isprintable() else "?" for c in name)
    return clean if len(clean) <= MAX_SHOWN_NAME else clean[: MAX_SHOWN_NAME // 2] + "…" + clean[-MAX_SHOWN_NAME // 2 :]


def _unnested(sources: list[_Source], known: frozenset[str]) -> list[_Source]:
    """The sources without the one folder that they all lie in; or, where the assignment's files lie in one folder
    beside others, with that folder's files at the top."""
    for _ in range(MAX_DEPTH):
        tops = {source.name.split("/")[0] for source in sources}
        folders = {source.name.split("/")[0] for source in sources if "/" in source.name}
        if any("/" not in s.name and s.name.casefold() in known for s in sources):
            break
        holders = {f for f in folders for s in sources if s.name.startswith(f + "/") and s.name[len(f) + 1 :].casefold() in known}
        if len(tops) == 1 and tops == folders:
            (around,) = tops
        elif len(holders) == 1:
            (around,) = holders
        else:
            break
        taken = {s.name for s in sources if not s.name.startswith(around + "/")}
        inner = [(s.name.removeprefix(around + "/"), s) for s in sources]
        sources = [_Source(n, s.open, s.limit) for n, s in inner if n == s.name or n not in taken]
    return sources


def _chosen(sources: list[_Source], known: frozenset[str], notes: _Notes) -> list[_Source]:
    """At most MAX_FILES of them, the assignment's own first; one of those that differ in letter case only."""
    ordered = sorted(sources, key=lambda s: (PurePosixPath(s.name).name.casefold() not in known, s.name.count("/"), s.name))
    kept: dict[str, _Source] = {}
    folders: set[str] = set()
    for source in ordered:
        key = source.name.casefold()
        above = ["/".join(key.split("/")[:n]) for n in range(1, key.count("/") + 1)]
        if key in kept:
            # The last in sorted order is the one in lower case, which is how the assignment writes its names.
            notes.add(f"{_shown(kept[key].name)} and {_shown(source.name)} differ in letter case only: the latter counts.")
            kept[key] = source
        elif key in folders or any(a in kept for a in above):
            notes.add(f"{_shown(source.name)} is both a file and a folder: skipped.")
        elif len(kept) >= MAX_FILES:
            notes.add(f"There are more than {MAX_FILES} files: {len(ordered) - MAX_FILES} of them were ignored.")
            break
        else:
            kept[key] = source
            folders.update(above)
    return list(kept.values())


# ---- copying ----


def _copied(sources: list[_Source], root: Path, notes: _Notes) -> tuple[str, ...]:
    """Copies what can be read, within the caps; the names that were kept, sorted."""
    files, left = [], MAX_TOTAL_BYTES
    for source in sources:
        target = root / source.name
        limit = min(source.limit, left)
        size, why = 0, ""
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with source.open() as reading, target.open("wb") as writing:
                while block := reading.read(BLOCK):
                    size += len(block)
                    if size > limit:
                        why = "is larger than our limits, once unpacked"
                        break
                    writing.write(block)
        except UNREADABLE as failure:
            why = f"cannot be read ({_shown(str(failure) or type(failure).__name__)})"
        left -= min(size, limit)
        if why:
            target.unlink(missing_ok=True)
            notes.add(f"{_shown(source.name)} {why}: skipped.")
        else:
            target.chmod(0o600)
            files.append(source.name)
    return tuple(sorted(files))


def _digest(root: Path, files: tuple[str, ...]) -> str:
    """sha256 over names and contents; each is preceded by its length, so that no two lists run together alike."""
    whole = hashlib.sha256()
    for file in files:
        content = hashlib.sha256()
        with (root / file).open("rb") as reading:
            while block := reading.read(BLOCK):
                content.update(block)
        name = file.encode()
        whole.update(len(name).to_bytes(8, "big") + name + content.digest())
    return whole.hexdigest()
