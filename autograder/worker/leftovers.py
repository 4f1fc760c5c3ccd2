"""What student code leaves on disk and in shared memory: measured while it runs, removed afterwards. Part of the guest's
process: standard library only.

Trees are walked by handles and not by paths: a tree may be deeper than any path that the kernel takes, deeper than Python
recurses, and may be moved about while it is looked at. Nothing is followed, and nothing outside is ever touched.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from autograder.worker import processes

MAX_ENTRIES = 20_000
"""Files and folders that a guest may leave in its scratch folder, and in shared memory."""

SOCKET_BYTES = 270_000
"""Memory that a socket's buffer may take, in which nobody sees it: the kernel's default, and what it may be exceeded by."""

HANDLES = 64
"""Folders above the one being looked at that are kept open; those further up are found again by `..`, and known by their number."""

ROUNDS = 3
"""Times that a tree is gone through to remove it: names may be passed over while others go."""

SHARED_MEMORY = "/dev/shm"
PUBLIC_FOLDERS = ("/tmp", "/var/tmp", SHARED_MEMORY, "/dev/mqueue")
"""Where everyone may write, on a system that has no Landlock to forbid it."""

BY_HANDLE = os.open in os.supports_dir_fd and os.unlink in os.supports_dir_fd and os.scandir in os.supports_fd
"""Whether this system has calls that go by handles; Windows has not."""

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class Use(NamedTuple):
    """What is taken up: bytes, and files and folders."""

    size: int
    entries: int

    def __add__(self, other: object) -> Use:
        assert isinstance(other, Use)
        return Use(self.size + other.size, self.entries + other.entries)


class Moved(OSError):
    """A tree is moved about while we walk in it, so that the way back is lost."""


class Met(NamedTuple):
    """One step of a walk: a file that is met or a folder that is left. folder: a handle to what it lies in."""

    folder: int
    name: str
    is_folder: bool
    device: int
    about: os.stat_result | None
    """Where the walk was asked to look."""


class _Level:
    """A folder that the walk is inside of. handle: -1 where it was closed meanwhile, to have few open at once."""

    def __init__(self, name: str, handle: int) -> None:
        about = os.fstat(handle)
        self.name, self.handle, self.about = name, handle, about
        self.inside: list[str] = []
        """Folders in it that are still to be entered."""

    def known_as(self, handle: int) -> bool:
        """Whether a handle leads to this folder."""
        about = os.fstat(handle)
        return (about.st_dev, about.st_ino) == (self.about.st_dev, self.about.st_ino)


def walk(folder: str, *, opening: bool = False, looking: bool = False) -> Iterator[Met]:
    """Every file below a folder, each folder after what is in it; itself not.

    opening: gives us all rights to every folder, so that names in it can be removed; those that are closed to us are opened anyway.
    Folders that are not ours to open are left out; so are other file systems. Raises Moved where the way back is lost, OSError where
    the folder itself is not there.
    """
    top = _opened(folder, None, opening)
    levels = [_Level("", top)]
    try:
        yield from _met(levels[0], looking)
        while True:
            here = levels[-1]
            if here.inside:
                name = here.inside.pop()
                with contextlib.suppress(OSError):
                    handle = _opened(name, here.handle, opening)
                    levels.append(_Level(name, handle))
                    if levels[-1].about.st_dev != levels[0].about.st_dev:
                        os.close(levels.pop().handle)
                        continue
                    if len(levels) > HANDLES + 1 and levels[-HANDLES - 1].handle >= 0 and len(levels) - HANDLES - 1 > 0:
                        os.close(levels[-HANDLES - 1].handle)
                        levels[-HANDLES - 1].handle = -1
                    yield from _met(levels[-1], looking)
                continue
            if len(levels) == 1:
                return
            above = levels[-2]
            if above.handle < 0:
                above.handle = os.open("..", _FOLDER, dir_fd=here.handle)
                if not above.known_as(above.handle):
                    raise Moved("a folder was moved while it was looked at")
            os.close(here.handle)
            levels.pop()
            yield Met(above.handle, here.name, True, here.about.st_dev, here.about if looking else None)
    finally:
        for level in levels:
            if level.handle >= 0:
                os.close(level.handle)


def _met(level: _Level, looking: bool) -> Iterator[Met]:
    """The files of a folder; its folders are noted for later."""
    with contextlib.suppress(OSError), os.scandir(level.handle) as entries:
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    level.inside.append(entry.name)
                    continue
                about = entry.stat(follow_symlinks=False) if looking else None
            except OSError:
                continue  # gone meanwhile
            yield Met(level.handle, entry.name, False, level.about.st_dev, about)


def _opened(name: str, above: int | None, opening: bool) -> int:
    """A handle to a folder."""
    try:
        handle = os.open(name, _FOLDER, dir_fd=above)
    except PermissionError:
        _allow(name, above)  # also where we only count: a student's folder that we own is no place to hide in
        handle = os.open(name, _FOLDER, dir_fd=above)
    if opening:
        with contextlib.suppress(OSError):
            os.fchmod(handle, 0o700)
    return handle


def _allow(name: str, above: int | None) -> None:
    """Gives us all rights to a folder that we own; never to what a link leads to."""
    if os.chmod in os.supports_follow_symlinks:
        os.chmod(name, 0o700, dir_fd=above, follow_symlinks=False)
        return
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
    try:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            os.chmod(f"/proc/self/fd/{handle}", 0o700)
    finally:
        os.close(handle)


# Measuring -------------------------------------------------------------------------------------------------------------


def used(folder: str, cap: int, entries: int = MAX_ENTRIES) -> Use:
    """What lies below a folder; no further than one of the caps. What several names lead to counts once. A tree that is moved
    about so that it cannot be measured is beyond every cap: where none is that deep, it always can.
    """
    total, found = 0, 0
    seen: set[int] = set()
    try:
        for step in walk(folder, looking=True):
            assert step.about is not None
            found += 1
            if step.about.st_nlink < 2 or step.is_folder or step.about.st_ino not in seen:
                total += step.about.st_blocks * 512
                if not step.is_folder and step.about.st_nlink > 1:
                    seen.add(step.about.st_ino)
            if total > cap or found > entries:
                break
    except Moved:
        return Use(cap + 1, entries + 1)
    except OSError:
        pass
    return Use(total, found)


def used_by_system(folder: str) -> Use:
    """What is used of the file system that a folder is the top of: whatever lies there, open and without a name too."""
    about = os.statvfs(folder)
    return Use((about.f_blocks - about.f_bfree) * about.f_frsize, about.f_files - about.f_ffree)


def in_shared_memory(user: int | None, before: Collection[str], cap: int) -> Use:
    """What a user (ourselves for None) has in shared memory besides the names of `before`; no further than the cap."""
    total = Use(0, 0)
    for name, is_folder, size in _of_user(SHARED_MEMORY, user):
        if name not in before:
            total += Use(size, 1)
            if is_folder:
                total += used(f"{SHARED_MEMORY}/{name}", cap)
        if total.size > cap or total.entries > MAX_ENTRIES:
            break
    return total


def names_in_shared_memory(user: int | None) -> set[str]:
    """What a user (ourselves for None) has in shared memory."""
    return {name for name, _, _ in _of_user(SHARED_MEMORY, user)}


def _of_user(place: str, user: int | None) -> Iterator[tuple[str, bool, int]]:
    """Name, whether it is a folder, and bytes of what lies in a place and is a user's."""
    wanted = os.getuid() if user is None else user
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                about = entry.stat(follow_symlinks=False)
                if about.st_uid == wanted:
                    yield entry.name, stat.S_ISDIR(about.st_mode), about.st_blocks * 512


class Held(NamedTuple):
    """What processes have open: files without a name, on disk and in shared memory, and sockets."""

    on_disk: Use
    in_memory: Use
    sockets: int


def held_open(pids: Iterable[int], user: int | None) -> Held:
    """What processes have open or mapped that no name leads to, and how many sockets; each file once.

    user: theirs, where it is not ours. Processes that do not let us look are taken to hold nothing.
    """
    files: dict[tuple[int, int], int] = {}
    sockets: set[int] = set()
    with processes.as_user(user):
        for pid in pids:
            with contextlib.suppress(OSError):
                for entry in os.listdir(f"/proc/{pid}/fd"):
                    with contextlib.suppress(OSError):
                        about = os.stat(f"/proc/{pid}/fd/{entry}")
                        if stat.S_ISSOCK(about.st_mode):
                            sockets.add(about.st_ino)
                        elif stat.S_ISREG(about.st_mode) and about.st_nlink == 0:
                            files[about.st_dev, about.st_ino] = about.st_blocks * 512
            with contextlib.suppress(OSError, ValueError):
                for device, number, size in _mapped_without_name(pid):
                    files.setdefault((device, number), size)
    shared = os.stat(SHARED_MEMORY).st_dev if os.path.isdir(SHARED_MEMORY) else -1
    disk = [size for (device, _), size in files.items() if device != shared]
    memory = [size for (device, _), size in files.items() if device == shared]
    return Held(Use(sum(disk), len(disk)), Use(sum(memory), len(memory)), len(sockets))


def _mapped_without_name(pid: int) -> Iterator[tuple[int, int, int]]:
    """Device, number and bytes of deleted files that a process has mapped: all of the file's where the kernel tells root, else as
    far as it is mapped. Memory that is no file's (a kind of shared memory) is watched as memory.
    """
    for line in processes.content(f"/proc/{pid}/maps").splitlines():
        if line.endswith(b" (deleted)") and b"/dev/zero" not in line:
            place, _, offset, device, number, _ = line.split(None, 5)
            start, end = (int(part, 16) for part in place.split(b"-"))
            major, minor = (int(part, 16) for part in device.split(b":"))
            size = int(offset, 16) + end - start
            with contextlib.suppress(OSError):
                size = os.stat(f"/proc/{pid}/map_files/{start:x}-{end:x}").st_blocks * 512
            yield os.makedev(major, minor), int(number), size


# Removing --------------------------------------------------------------------------------------------------------------


def remove_all(users: Collection[int], new: Iterable[str]) -> None:
    """Removes what guests left outside of their folders: of those that had user ids of their own, everything of these users'
    in public folders; of those that shared ours, what is new in shared memory and used by no process that we can look into.
    """
    wanted = list(new)
    if wanted:
        in_use = _in_use()
        for name in wanted:
            path = f"{SHARED_MEMORY}/{name}"
            if path not in in_use:
                remove(path)
    for place in PUBLIC_FOLDERS if users else ():
        for user in users:
            for _ in range(2):  # a folder that is read while names go from it may leave some out
                for name, _, _ in _of_user(place, user):
                    remove(f"{place}/{name}")


def _in_use() -> set[str]:
    """Paths in shared memory that some process that we can look into has open or mapped."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            for entry in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    found.add(os.readlink(f"/proc/{pid}/fd/{entry}"))
        with contextlib.suppress(OSError), open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as file:
            found |= {line[line.index(SHARED_MEMORY) :].rstrip("\n") for line in file if SHARED_MEMORY in line}
    return {path for path in found if path.startswith(SHARED_MEMORY)}


def remove_beginning(prefix: str) -> None:
    """Removes what lies where temporary files go and has a name that begins so."""
    place = tempfile.gettempdir()
    for name in os.listdir(place):
        if name.startswith(prefix):
            remove(os.path.join(place, name))


def remove(path: str) -> None:
    """Removes a file, or a folder with all that is in it, where that can be done."""
    try:
        os.unlink(path)
    except OSError:
        remove_tree(path)


def remove_tree(folder: str) -> bool:
    """Removes a folder, however deep, whatever permissions a student gave to what is in it; follows no links. Whether nothing is
    left.
    """
    if not BY_HANDLE:
        shutil.rmtree(folder, ignore_errors=True)
        return not os.path.lexists(folder)
    for _ in range(ROUNDS):
        with contextlib.suppress(OSError):
            for step in walk(folder, opening=True):
                with contextlib.suppress(OSError):
                    (os.rmdir if step.is_folder else os.unlink)(step.name, dir_fd=step.folder)
        with contextlib.suppress(OSError):
            os.rmdir(folder)
        if not os.path.lexists(folder):
            return True
    return False
