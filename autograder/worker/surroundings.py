"""What the host does to the system around a guest: its environment and memory, and our own process hidden from it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from autograder.worker import layers

SMALLEST_MEMORY = 192 * 2**20
SHARE_OF_CONTAINER = 0.45
"""In a container with a memory limit, student code gets this share of it, but at least the bytes above, at most its limit."""

FILES_SHARE = 4
"""Files are kept in memory only where a container has this many times what a guest may write."""


def guest_environment(folder: str) -> dict[str, str]:
    """All of a guest's environment: nothing is inherited. One thread each for the libraries, no display."""
    threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    places = ("HOME", "TMPDIR", "TEMP", "TMP", "MPLCONFIGDIR", "XDG_CACHE_HOME")
    system = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}  # Windows starts nothing without it
    fixed = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", "MPLBACKEND": "Agg", "USER": "student"}
    python = {"LOGNAME": "student", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    return {**system, **dict.fromkeys(threads, "1"), **dict.fromkeys(places, f"{folder}/tmp"), **fixed, **python}


def hide_from_own_user() -> bool:
    """Where guests share our user id, keeps them from reading our memory and files through /proc; whether that was done."""
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        return False
    with contextlib.suppress(OSError):
        layers.prctl(layers.PR_SET_DUMPABLE, 0)
        return True
    return False


def memory_allowed(wanted: int) -> int:
    """Bytes for student code: what is wanted, less where a container has little."""
    container = container_memory()
    return wanted if container is None else min(wanted, max(SMALLEST_MEMORY, int(container * SHARE_OF_CONTAINER)))


def files_in_memory(disk: int) -> bool:
    """Whether there is memory enough to keep there what a guest may write to files."""
    container = container_memory()
    return container is None or container >= FILES_SHARE * disk


def container_memory() -> int | None:
    """The smallest memory limit of the control groups that we are in, either version; None where there is none."""
    found = []
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                root, name = "/sys/fs/cgroup", "memory.max"
            elif "memory" in controllers.split(","):
                root, name = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
            else:
                continue
            for place in (Path(path), *Path(path).parents):
                with contextlib.suppress(OSError, ValueError):  # "max", or a path of the host's that is not ours
                    found.append(int(Path(root + str(place), name).read_text(encoding="ascii")))
    return min(found, default=None)
