"""What student code leaves on disk and in shared memory: measured while it runs, removed afterwards. Part of the guest's
process: standard library only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterable

MAX_ENTRIES = 20_000
"""Files and folders that a guest may leave in its scratch folder."""

SHARED_MEMORY = "/dev/shm"
PUBLIC_FOLDERS = ("/tmp", "/var/tmp", SHARED_MEMORY, "/dev/mqueue")
"""Where everyone may write, on a system that has no Landlock to forbid it."""


def shared_memory(user: int | None) -> list[os.DirEntry[str]]:
    """Files of a user's (our own for None) in shared memory."""
    found = []
    with contextlib.suppress(OSError), os.scandir(SHARED_MEMORY) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.stat(follow_symlinks=False).st_uid == (os.getuid() if user is None else user):
                    found.append(entry)
    return found


def sizes(entries: Iterable[os.DirEntry[str]]) -> int:
    """Bytes that files take."""
    total = 0
    for entry in entries:
        with contextlib.suppress(OSError):
            total += os.stat(entry.path, follow_symlinks=False).st_blocks * 512
    return total


def remove_all(users: Collection[int], shared: Iterable[os.DirEntry[str]]) -> None:
    """Removes what guests left outside of their folders: their files in shared memory, and, of those that had user ids of their
    own, everything of these users' in public folders. Without users, files of our own that some process still uses are left alone.
    """
    for entry in shared:
        if users or not is_in_use(entry.path):
            with contextlib.suppress(OSError):
                os.unlink(entry.path)
    for place in PUBLIC_FOLDERS if users else ():
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_uid in users:
                        remove_tree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)


def is_in_use(path: str) -> bool:
    """Whether some process that we can look into has a file open or mapped."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if any(os.readlink(f"/proc/{pid}/fd/{entry}") == path for entry in os.listdir(f"/proc/{pid}/fd")):
                return True
        with contextlib.suppress(OSError), open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as file:
            if any(line.rstrip().endswith(path) for line in file):
                return True
    return False


def disk_use(folder: str, cap: int) -> int:
    """Bytes on disk below a folder; beyond the cap as soon as that is clear, also for too many entries."""
    total, entries = 0, 0
    waiting = [folder]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as found:
            for entry in found:
                entries += 1
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                if total > cap or entries > MAX_ENTRIES:
                    return cap + 1
    return total


def remove_tree(folder: str) -> None:
    """Removes a folder whatever permissions a student gave to what is in it; follows no links."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        shutil.rmtree(folder, ignore_errors=True)  # goes by handles, so that no link can lead it elsewhere
        return
    with contextlib.suppress(OSError):
        os.chmod(folder, 0o700)
    for place, folders, _ in os.walk(folder):
        for name in folders:
            path = os.path.join(place, name)
            if not os.path.islink(path):
                with contextlib.suppress(OSError):
                    os.chmod(path, 0o700)
    shutil.rmtree(folder, ignore_errors=True)
