"""One unprivileged user id for each guest that runs at the same time, where the grader is root.

Limits on processes count per user, and a user may signal and inspect its own processes: so no two guests share an id, not
even two of one submission. The ids need no entry in the user database. A lock on a file says which are taken; it is held
by the host and by the supervisor, and goes when both have let go or are gone.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import stat
import tempfile
from dataclasses import dataclass

HAS_LOCKS = importlib.util.find_spec("fcntl") is not None
if HAS_LOCKS:  # not on Windows
    import fcntl

FIRST_ID = 60_600
"""User ids from here on: neither Debian nor systemd gives 60578 to 61183 to anyone."""

SLOTS = 500
"""Guests that can have an id of their own at the same time."""

LOCK_FOLDERS = ("/run", tempfile.gettempdir())
"""Where the locks lie: the first that can be written."""


@dataclass
class Slot:
    """A user id that is ours alone until `release`; lock: an open descriptor."""

    user: int
    lock: int

    def release(self) -> None:
        """Gives the id back; nothing runs under it any more."""
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1


def claim() -> Slot | None:
    """A free user id; None where we are not root, or root of a container that knows no other users.

    Raises RuntimeError where root has none to give: a student's code never runs as root.
    """
    if not HAS_LOCKS or not hasattr(os, "geteuid") or os.geteuid() != 0 or not _is_there(FIRST_ID):
        return None
    folder = _lock_folder()
    for user in range(FIRST_ID, FIRST_ID + SLOTS):
        lock = os.open(os.path.join(folder, str(user)), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            continue
        return Slot(user, lock)
    raise RuntimeError(f"all {SLOTS} user ids for student code are in use")


def _is_there(user: int) -> bool:
    """Whether this user namespace knows a user id; see user_namespaces(7)."""
    try:
        with open("/proc/self/uid_map", encoding="ascii") as file:
            return any(first <= user < first + count for first, _, count in (map(int, line.split()) for line in file))
    except OSError:
        return True


def _lock_folder() -> str:
    """A folder of root's that no one else can write to."""
    for place in LOCK_FOLDERS:
        folder = os.path.join(place, "autograder-slots")
        with contextlib.suppress(OSError):
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder, 0o700)
            found = os.lstat(folder)
            if stat.S_ISDIR(found.st_mode) and found.st_uid == 0 and not found.st_mode & 0o077:
                return folder
    raise RuntimeError(f"no folder for locks: tried autograder-slots in {' and '.join(LOCK_FOLDERS)}")
