"""Large pages for processes that are forked often: a fork copies the tables of small pages, which is most of what it costs."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

LARGE = 2 * 2**20
"""Bytes of a large page."""

PROCESS_MADVISE = 440
"""Number of process_madvise(2), the same on every architecture."""

MADV_COLLAPSE = 25
"""Linux 6.1: replaces the small pages of a range by a large one, now."""


class _Range(ctypes.Structure):
    """struct iovec"""

    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def enlarge(pid: int) -> int:
    """Puts the writable memory of a process of ours into large pages; how many. 0 where the system cannot or does not let us."""
    if sys.platform != "linux" or not hasattr(os, "pidfd_open"):
        return 0
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    done = 0
    with contextlib.suppress(OSError):
        handle = os.pidfd_open(pid)
        try:
            for start in _ranges(pid):
                one = _Range(start, LARGE)
                done += call(PROCESS_MADVISE, handle, ctypes.byref(one), ctypes.c_size_t(1), MADV_COLLAPSE, 0) == LARGE
        finally:
            os.close(handle)
    return done


def _ranges(pid: int) -> list[int]:
    """Where a large page fits into writable memory that belongs to no file."""
    found: list[int] = []
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as file:
        for line in file:
            where, rights, *rest = line.split()
            if rights.startswith("rw") and (len(rest) < 4 or rest[3] == "[heap]"):
                low, high = (int(end, 16) for end in where.split("-"))
                found += range(-(-low // LARGE) * LARGE, high - LARGE + 1, LARGE)
    return found
