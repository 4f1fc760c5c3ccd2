"""Finding, measuring and ending processes by what the kernel says of them. Part of the guest's process: standard library only.

Whoever ends a student's processes is their *subreaper* (prctl(2), PR_SET_CHILD_SUBREAPER): a daemon that escapes its
group and session becomes our child, not init's, so the tree below us is all there is.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Collection, Iterable, Iterator

SWEEPS = 200
"""Rounds of stopping and killing before we give up; a round takes about a millisecond."""

SWEEP_PAUSE = 0.001
"""Seconds between rounds, in which killed processes end."""


def children(pid: int) -> list[int]:
    """The living children of all threads of a process, zombies included; empty where the system cannot say."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, content(f"/proc/{pid}/task/{thread}/children").split())
    except FileNotFoundError:
        return found if found or not os.path.isdir(f"/proc/{pid}") else _children_by_parent(pid)
    except OSError:
        return found
    return found


def _children_by_parent(pid: int) -> list[int]:
    """The same for kernels without `children` files."""
    found = []
    for entry in _process_ids():
        with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{entry}/stat", "rb") as file:
            if int(file.read().rpartition(b")")[2].split()[1]) == pid:
                found.append(entry)
    return found


def _process_ids() -> list[int]:
    try:
        return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    except OSError:
        return []


def tree(pids: Iterable[int]) -> list[int]:
    """These processes and all below them."""
    found: dict[int, None] = {}
    waiting = list(pids)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found[pid] = None
            waiting += children(pid)
    return list(found)


def of_user(uid: int) -> list[int]:
    """Processes whose real user is `uid`."""
    return [pid for pid in _process_ids() if _status(pid).get("Uid", "").split()[:1] == [str(uid)]]


def threads_of_user(uid: int) -> int:
    """Threads of all processes whose real user is `uid`: what the process limit counts."""
    statuses = (_status(pid) for pid in _process_ids())
    return sum(int(status.get("Threads", "1")) for status in statuses if status.get("Uid", "").split()[:1] == [str(uid)])


def _status(pid: int) -> dict[str, str]:
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            return {key: value for key, _, value in (line.partition(":") for line in file)}
    except OSError:
        return {}


def resident(pid: int) -> int:
    """Bytes of memory that a process holds itself: anonymous and shared memory, no files. 0 where nothing is known."""
    try:
        status = content(f"/proc/{pid}/status")
    except OSError:
        return 0
    total = 0
    for key in (b"\nRssAnon:", b"\nRssShmem:"):  # not line by line: this is looked at fifty times a second
        _, _, after = status.partition(key)
        total += int(after.split(None, 1)[0]) if after else 0
    return total * 1024


def content(path: str) -> bytes:
    """A file of the kernel's, without what makes `open` slow."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces = []
        while piece := os.read(handle, 2**16):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(handle)


def held_together(root: int, pids: Iterable[int]) -> int:
    """Bytes that a tree of processes holds, pages that several share counted once (slower to ask than `resident`).

    Where the kernel does not say how pages are shared (it tells only those who may inspect the processes), each process
    is taken to share what `root` holds.
    """
    total = 0
    try:
        for pid in pids:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                total += sum(int(line.split()[1]) * 1024 for line in file if line.startswith(("Pss_Anon:", "Pss_Shmem:")))
    except (PermissionError, FileNotFoundError):
        first = resident(root)
        return first + sum(max(0, resident(pid) - first) for pid in pids)
    except OSError:
        return 0  # one of them ended while we looked: the next look will tell
    return total


def cpu_seconds(pid: int) -> float:
    """Processor time that a process and those of its children that were waited for have used."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return 0.0


def kill_quietly(pid: int, number: int) -> None:
    """Sends a signal to a process that may be gone already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def sweep(keep: Collection[int] = ()) -> bool:
    """Kills every process below this one but the trees of `keep`, and reaps them; True when none is left.

    All are stopped first, until no new one turns up: what is stopped cannot fork.
    """
    me = os.getpid()
    for _ in range(SWEEPS):
        roots = [pid for pid in children(me) if pid not in keep]
        if not roots:
            return True
        stopped: set[int] = set()
        for _ in range(SWEEPS):
            new = [pid for pid in tree(pid for pid in children(me) if pid not in keep) if pid not in stopped]
            if not new:
                break
            for pid in new:
                kill_quietly(pid, signal.SIGSTOP)
            stopped.update(new)
        for pid in stopped:
            kill_quietly(pid, signal.SIGKILL)
        for pid in roots:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(SWEEP_PAUSE)
    return False


@contextlib.contextmanager
def as_user(user: int | None) -> Iterator[None]:
    """Looks at files and processes as a user does, where we are root: the kernel shows a user's open files to that user, and to
    root only where root may trace. We can be signalled and traced as little as before.
    """
    if user is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None)
    libc.setfsgid(user)
    libc.setfsuid(user)
    try:
        yield
    finally:
        libc.setfsuid(0)
        libc.setfsgid(0)
