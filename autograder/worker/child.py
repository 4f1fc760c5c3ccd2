"""One of *our* functions in a process of its own that can be killed: for work that may hang or eat memory, such as a proof.

Never for a student's code: that runs in a guest, without our modules. Imports nothing of ours but the errors.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import struct
import time
import warnings
from collections.abc import Callable
from typing import Any, Final, TypeVar

from autograder.errors import AutograderError, UsageError

T = TypeVar("T")
CHUNK: Final = 1 << 16
KILLED_GRACE: Final = 5.0
"""Seconds to wait for a process that has been killed."""
LENGTH: Final = struct.Struct("!Q")


class ChildFailed(AutograderError):
    """The function did not come back with a value."""


class ChildTimeout(ChildFailed):
    """It took longer than it may."""


class ChildDied(ChildFailed):
    """Its process ended without a result: killed, out of memory, crashed. status: what waitpid says, or an exit code."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class ChildRaised(ChildFailed):
    """It raised. kind: name of the exception's class. message: what the exception said."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind = kind
        self.message = message

    @property
    def is_usage_error(self) -> bool:
        """Whether arguments or input were unusable."""
        return self.kind == UsageError.__name__


def run(function: Callable[..., T], *args: Any, seconds: float, megabytes: int) -> T:
    """The result of `function(*args)`, computed in a process that is gone afterwards.

    seconds: wall clock. megabytes: memory that the function may add to what the process begins with, where the system can limit it.
    The result is pickled by the child. Where there is no fork, function and arguments are pickled as well, and so must be importable.
    Raises ChildTimeout, ChildDied or ChildRaised.
    """
    if not hasattr(os, "fork"):
        spawned: T = _spawned(function, args, seconds)
        return spawned
    reading, writing = os.pipe()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads: the child starts none and takes no lock of theirs
            pid = os.fork()
    except OSError as bad:
        os.close(reading)
        os.close(writing)
        raise ChildDied(f"no process could be started: {bad}", -1) from None
    if pid == 0:
        _in_child(function, args, reading, writing, megabytes)
    os.close(writing)
    try:
        data = _collect(reading, time.monotonic() + seconds)
    finally:
        os.close(reading)
        status = _reap(pid)
    if data is None:
        raise ChildTimeout(f"no result within {seconds:g} s")
    if len(data) < LENGTH.size or len(data) - LENGTH.size != LENGTH.unpack(data[: LENGTH.size])[0]:
        raise ChildDied(f"the process ended without a result (status {status})", status)
    result: T = _unwrapped(pickle.loads(data[LENGTH.size :]))
    return result


def _unwrapped(outcome: Any) -> Any:
    kind, value = outcome
    if kind == "value":
        return value
    raise ChildRaised(*value)


def _in_child(function: Callable[..., Any], args: tuple[Any, ...], reading: int, writing: int, megabytes: int) -> None:
    """Compute, write, and end without running anything of the parent's (no atexit, no flushing of its buffers)."""
    code = 1
    try:
        os.close(reading)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _limit_memory(megabytes)
        data = _outcome(function, args)
        view = memoryview(LENGTH.pack(len(data)) + data)
        while view:
            view = view[os.write(writing, view) :]
        code = 0
    finally:
        os._exit(code)


def _outcome(function: Callable[..., Any], args: tuple[Any, ...]) -> bytes:
    try:
        return pickle.dumps(("value", function(*args)))
    except Exception as bad:  # whatever it is, the parent raises it as ChildRaised
        kind = type(bad).__name__
        try:
            said = str(bad)[:CHUNK]
        except Exception:
            said = ""
    return pickle.dumps(("raised", (kind, said)))  # outside of the handler: what filled the memory is gone with its traceback


def _limit_memory(megabytes: int) -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        with open("/proc/self/statm", encoding="ascii") as statm:
            now = int(statm.read().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        wanted = now + megabytes * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _collect(reading: int, deadline: float) -> bytes | None:
    """Everything up to the end of the pipe; None if the deadline comes first."""
    parts: list[bytes] = []
    poller = select.poll() if hasattr(select, "poll") else None
    if poller:
        poller.register(reading, select.POLLIN | select.POLLHUP)
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        ready = poller.poll(max(1, int(left * 1000))) if poller else select.select([reading], [], [], left)[0]
        if ready:
            part = os.read(reading, CHUNK)
            if not part:
                return b"".join(parts)
            parts.append(part)


def _reap(pid: int) -> int:
    """Kill the child if it still runs, and leave no zombie."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(pid, 0)[1]
    return 0


def _spawned(function: Callable[..., Any], args: tuple[Any, ...], seconds: float) -> Any:
    """The same by multiprocessing, where there is no fork."""
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_spawn_main, args=(sending, function, args), daemon=True)
    process.start()
    sending.close()
    try:
        if not receiving.poll(seconds):
            raise ChildTimeout(f"no result within {seconds:g} s")
        try:
            data = receiving.recv_bytes()
        except EOFError:
            process.join(KILLED_GRACE)
            raise ChildDied("the process ended without a result", process.exitcode or 0) from None
    finally:
        receiving.close()
        process.kill()
        process.join(KILLED_GRACE)
        process.close()
    return _unwrapped(pickle.loads(data))


def _spawn_main(sending: Any, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    sending.send_bytes(_outcome(function, args))
    sending.close()
