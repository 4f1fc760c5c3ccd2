"""File systems of a guest's own, where root may mount: the kernel then counts what is written, whatever its name, depth or number,
and forgets all of it with the last process that could see it. Part of the guest's process: standard library only.

They are mounted in a mount namespace of the supervisor's, so that nothing is left of them if it is killed. A container as Gradescope
starts it has no right to mount: there the watch counts instead (see `leftovers`). Sources: mount(2), mount_namespaces(7), tmpfs(5).
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import sys
from typing import Any

from autograder.worker import leftovers

_NOSUID, _NODEV, _BIND, _RECURSIVE, _SLAVE, _SHARED = 2, 4, 4096, 1 << 14, 1 << 19, 1 << 20
_DETACH, _NOFOLLOW = 2, 8
_NEW_MOUNTS = 0x00020000

RUNNING_SERVICES = "/run"
"""Where services of the machine keep their sockets."""

MAX_SOCKETS = 500
"""Named sockets that are covered; a machine has a few dozen."""


@functools.cache
def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _done(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    _done(_libc().mount(source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), options.encode()))


def own_namespace(*, shared: bool = False) -> bool:
    """From now on what we mount is seen by us and our children only; whether the system allows that.

    shared: what we unmount goes from the namespaces of our children as well.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    with contextlib.suppress(OSError):
        _done(_libc().unshare(_NEW_MOUNTS))
        _mount("none", "/", "none", _RECURSIVE | _SLAVE)
        if shared:
            _mount("none", "/", "none", _RECURSIVE | _SHARED)
        return True
    return False


def mount_memory(folder: str, size: int, entries: int, user: int) -> bool:
    """Makes a folder the top of a file system in memory that holds no more than this, and a user's; whether that could be done."""
    with contextlib.suppress(OSError):
        _mount("tmpfs", folder, "tmpfs", _NOSUID | _NODEV, f"size={size},nr_inodes={entries},mode=0700,uid={user},gid={user}")
        return True
    return False


def unmount(folder: str) -> None:
    """Takes away what is mounted on a folder; its content is gone with its last user."""
    with contextlib.suppress(OSError):
        _done(_libc().umount2(os.fsencode(folder), _DETACH | _NOFOLLOW))


def take_shared_memory(folder: str) -> None:
    """In a guest: its own file system becomes its shared memory, seen by it and its children only; raises OSError."""
    if not own_namespace():
        raise OSError("no mount namespace")
    _mount(folder, leftovers.SHARED_MEMORY, "none", _BIND)


def cover_sockets(folder: str) -> None:
    """In a guest with mounts of its own: what services of the machine listen on, by name, cannot be found but below a folder."""
    null = os.devnull
    with contextlib.suppress(OSError):
        if not os.path.realpath(leftovers.SHARED_MEMORY).startswith(RUNNING_SERVICES + os.sep):
            _mount("tmpfs", RUNNING_SERVICES, "tmpfs", _NOSUID | _NODEV, "size=4k,nr_inodes=2,mode=0755")
    with contextlib.suppress(OSError), open("/proc/net/unix", encoding="utf-8", errors="surrogateescape") as file:
        names = {line.rstrip("\n").split(" ", 7)[-1] for line in file if " /" in line}
        for name in sorted(name for name in names if not name.startswith(folder + os.sep))[:MAX_SOCKETS]:
            with contextlib.suppress(OSError):
                _mount(null, name, "none", _BIND)
