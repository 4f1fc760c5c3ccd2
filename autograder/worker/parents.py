"""What guests come from: a warm parent that forks them (Linux), or a new interpreter for each (elsewhere)."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import mmap
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from autograder.worker import folders, processes

ZYGOTE = Path(__file__).with_name("zygote.py")
SECRET_BYTES = 16
"""Random bytes with which a guest shows that it is ours, where it connects over loopback."""

CLOSE_SECONDS = 30.0
"""Seconds to wait for a parent that is ending or a guest that is starting; an import of torch is in it."""

CONNECT_SECONDS = 120.0
"""Seconds that a guest may take to connect over loopback: a first import of torch on a laptop is in it."""

MAX_GUESTS = 4096
"""Guests of one worker of which it is known whether someone waits for them; beyond, two share a byte."""

MAX_ANSWER = 4096
"""Bytes of one answer of a supervisor."""


class ParentGone(RuntimeError):
    """What starts the guests has ended or cannot start; `str()` holds what it said."""


@dataclass(frozen=True)
class Ended:
    """How a guest ended: `exit 0`, `signal 9`, `memory`, `disk`, `entries`, `stopped`; and whether nothing of it is left."""

    how: str
    clean: bool


class Parent(Protocol):
    """One worker's connection to what starts its guests."""

    protections: tuple[str, ...]

    def scratch(self, seconds: float) -> str:
        """Makes the scratch folder, to be removed at the end, also when we die; its path.

        Raises TimeoutError where the parent is not ready in time: it may still import.
        """

    def start(self, order: dict[str, Any], lock: int | None) -> tuple[socket.socket, int]:
        """Starts a guest; its connection and the read end of what it prints (-1 if that is not captured).

        lock: descriptor that keeps the guest's user id taken.
        """

    def waiting(self, number: int, *, busy: bool) -> None:
        """Says whether someone waits for a guest: while no one does, it should not compute."""

    def stop(self, number: int, seconds: float, *, patience: float = 0.0) -> Ended:
        """Ends a guest and all that descends from it, within `seconds`. patience: seconds that it may take to end by itself,
        so that its exit status is seen.
        """

    def errors(self) -> str:
        """What it wrote to its standard error, if that is known."""

    def threads_of_user(self) -> int:
        """Processes and threads of our own user, for a limit that counts them all."""

    def close(self) -> None:
        """Ends everything."""


def can_fork() -> bool:
    """Whether guests are forked from a warm parent: on Linux only, elsewhere libraries do not survive a fork."""
    return sys.platform == "linux" and hasattr(os, "fork") and Path("/proc/self/fd").is_dir()


def _command(mode: str, torch: bool, address: str) -> list[str]:
    packages = {str(Path(np.__file__).parent.parent)}
    if torch:
        spec = importlib.util.find_spec("torch")  # finds, does not import
        if spec is None or spec.origin is None:
            raise RuntimeError("torch is needed for this submission and not installed")
        packages.add(str(Path(spec.origin).parent.parent))
    return [sys.executable, "-s", "-S", str(ZYGOTE), mode, "torch" if torch else "plain", address, *sorted(packages)]


def _environment() -> dict[str, str]:
    """A whitelist; one thread each, so that nothing runs in parallel before a fork. Texts hash the same in every run, so that a
    student's sets have the same order: this is why the interpreter is not told to ignore its environment.
    """
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "LANG") if name in os.environ}
    return {**kept, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class WarmParent:
    """A process with numpy (and torch) imported, from which the guests of any number of workers are forked.

    Starting it returns at once; the imports go on beside us. It may be shared by processes that were forked from the one
    that made it, and ends when the last of them has closed it or is gone.
    """

    def __init__(self, *, torch: bool) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with us
        self._maker = os.getpid()
        self._standing: socket.socket | None = None
        try:
            self._process = subprocess.Popen(
                _command("zygote", torch, f"{theirs.fileno()}:{os.getpid()}"),
                pass_fds=[theirs.fileno()],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                start_new_session=True,
                cwd="/",
            )
        except BaseException:
            self._control.close()
            self._errors.close()
            raise
        finally:
            theirs.close()

    def connect(self) -> Parent:
        """A connection for one worker, to a supervisor of its own or to the one that stands by."""
        return ForkedGuests(self, self._standing or self._supervisor(), shared=self._standing is not None)

    @property
    def pid(self) -> int:
        """Its process; it has children once its imports are done."""
        return self._process.pid

    def stand_by(self, *, anew: bool = False) -> None:
        """From now on one supervisor serves all workers, which come one after another, also in forks of ours. To be said again
        before each of them: a supervisor that has died is replaced. anew: whether or not it has.
        """
        if self._standing is None or anew or _has_hung_up(self._standing):
            if self._standing is not None:
                self._standing.close()
                self._standing = None
            self._standing = self._supervisor()

    def _supervisor(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            socket.send_fds(self._control, [b"new"], [theirs.fileno()])
        except OSError:
            ours.close()
            raise ParentGone(f"the parent of student processes is gone: {self.errors()}") from None
        finally:
            theirs.close()
        return ours

    def errors(self) -> str:
        """What it wrote to its standard error: a library that cannot be imported, say."""
        with contextlib.suppress(OSError, ValueError):
            self._errors.seek(0)
            return self._errors.read()[-1000:].decode("utf-8", "replace")
        return ""

    def close(self) -> None:
        """No more connections; it ends when those that are open are closed."""
        self._control.close()
        if self._standing is not None:
            self._standing.close()
        self._errors.close()
        if os.getpid() != self._maker:
            self._process.returncode = 0  # not our child: nothing to wait for
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(CLOSE_SECONDS)

    def __enter__(self) -> WarmParent:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _has_hung_up(connection: socket.socket) -> bool:
    """Whether the other end is closed."""
    poll = select.poll()
    poll.register(connection, 0)
    return bool(poll.poll(0))


class ForkedGuests:
    """One worker's supervisor, a fork of a warm parent; see `Parent`. shared: it goes on when this worker is closed."""

    protections: tuple[str, ...] = ("memory watched", "daemons found and killed")

    def __init__(self, warm: WarmParent, control: socket.socket, *, shared: bool) -> None:
        self._warm = warm
        self._control = control
        self._shared = shared
        self._threads: int | None = None
        self._busy: mmap.mmap | None = None

    def scratch(self, seconds: float) -> str:
        """See `Parent`: the supervisor makes it, so that there is never one without someone who removes it."""
        with tempfile.TemporaryFile() as file:
            file.truncate(MAX_GUESTS)
            self._busy = mmap.mmap(file.fileno(), 0)
            answer = self._asked({"op": "scratch"}, seconds, [file.fileno()])
        return str(answer["folder"])

    def _asked(self, order: dict[str, Any], seconds: float, descriptors: list[int] | None = None) -> dict[str, Any]:
        """The answer to this order; those that a worker before us did not wait for are passed over."""
        mark = secrets.token_hex(8)
        self._say({**order, "mark": mark}, descriptors)
        deadline = time.monotonic() + seconds
        while True:
            answer = self._answer(deadline - time.monotonic())
            if answer.get("mark") == mark:
                return answer

    def _answer(self, seconds: float) -> dict[str, Any]:
        self._control.settimeout(max(0.001, seconds))
        try:
            answer = self._control.recv(MAX_ANSWER)
        except ConnectionError:
            answer = b""
        if not answer:
            raise ParentGone(f"the parent of student processes is gone: {self._warm.errors()}")
        return dict(json.loads(answer))

    def waiting(self, number: int, *, busy: bool) -> None:
        """See `Parent`: a byte that the supervisor reads too."""
        if self._busy is not None:
            self._busy[number % MAX_GUESTS] = busy

    def start(self, order: dict[str, Any], lock: int | None) -> tuple[socket.socket, int]:
        """See `Parent`."""
        connection, theirs = socket.socketpair()
        output, printing = os.pipe()
        os.set_blocking(output, False)
        try:
            self._say({"op": "start", **order}, [theirs.fileno(), printing, *([] if lock is None else [lock])])
        except ParentGone:
            connection.close()
            os.close(output)
            raise
        finally:
            theirs.close()
            os.close(printing)
        return connection, output

    def _say(self, order: dict[str, Any], descriptors: list[int] | None = None) -> None:
        try:
            socket.send_fds(self._control, [json.dumps(order).encode()], descriptors or [])
        except OSError:
            raise ParentGone(f"the parent of student processes is gone: {self._warm.errors()}") from None

    def stop(self, number: int, seconds: float, *, patience: float = 0.0) -> Ended:
        """See `Parent`."""
        self._say({"op": "stop", "id": number, "patience": patience})
        deadline = time.monotonic() + seconds
        while True:
            try:
                told = self._answer(deadline - time.monotonic())
            except TimeoutError:
                return Ended("stopped", clean=False)
            if told.get("id") == number:
                return Ended(told["ended"], told["clean"])

    def errors(self) -> str:
        """See `Parent`."""
        return self._warm.errors()

    def threads_of_user(self) -> int:
        """See `Parent`; counted once."""
        if self._threads is None:
            self._threads = processes.threads_of_user(os.getuid())
        return self._threads

    def close(self) -> None:
        """See `Parent`. Waits until the supervisor is done, so that nothing of the guests is left when we return."""
        if self._shared:
            with contextlib.suppress(ParentGone, TimeoutError):
                self._asked({"op": "end"}, CLOSE_SECONDS)
        else:
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_WR)
                self._control.settimeout(CLOSE_SECONDS)
                while self._control.recv(MAX_ANSWER):
                    continue
            self._control.close()
        if self._busy is not None:
            self._busy.close()
            self._busy = None


class PlainParent:
    """Starts a new interpreter for each guest: for systems without fork. The same guest and wire, and no one beside it who
    watches its memory or finds its daemons.
    """

    protections: tuple[str, ...] = ()

    def __init__(self, *, torch: bool) -> None:
        self._torch = torch
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def connect(self) -> Parent:
        """Itself."""
        return self

    def scratch(self, seconds: float) -> str:  # noqa: ARG002 - nothing to wait for
        """See `Parent`: no one removes it when we die."""
        folder = tempfile.mkdtemp(prefix="autograder-")
        os.chmod(folder, 0o711)
        return folder

    def waiting(self, number: int, *, busy: bool) -> None:
        """See `Parent`: there is no one to tell."""

    def start(self, order: dict[str, Any], lock: int | None) -> tuple[socket.socket, int]:  # noqa: ARG002 - the lock is ours as long as we live
        """See `Parent`. The guest connects to us over loopback and shows a secret that came on its standard input."""
        try:
            os.mkdir(order["plan"]["folder"], 0o700)
            folders.prepare(order["root"], order["plan"]["folder"], order["plan"]["user"])
        except OSError as error:
            raise ParentGone(f"no folder for student code could be made: {error}") from None
        secret = secrets.token_hex(SECRET_BYTES)
        captured = os.name != "nt"  # Windows cannot wait for a pipe and a socket together
        output, printing = os.pipe() if captured else (-1, subprocess.DEVNULL)
        with socket.create_server(("127.0.0.1", 0)) as server:
            process = subprocess.Popen(
                _command("guest", self._torch, str(server.getsockname()[1])),
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=printing,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._running[order["id"]] = process
            if captured:
                os.close(printing)
                os.set_blocking(output, False)
            assert process.stdin is not None
            with contextlib.suppress(OSError), process.stdin:
                process.stdin.write(json.dumps({**order, "secret": secret}).encode() + b"\n")
            server.settimeout(CONNECT_SECONDS)
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    raise RuntimeError("a process for student code did not start") from None
                connection.settimeout(CLOSE_SECONDS)
                with contextlib.suppress(OSError):
                    if secrets.compare_digest(connection.recv(2 * SECRET_BYTES, socket.MSG_WAITALL), secret.encode()):
                        connection.settimeout(None)
                        return connection, output
                connection.close()

    def stop(self, number: int, seconds: float, *, patience: float = 0.0) -> Ended:
        """See `Parent`."""
        process = self._running.pop(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
        how = "stopped" if process.returncode is None else f"exit {process.returncode}"
        if process.returncode is not None and process.returncode < 0:
            how = f"signal {-process.returncode}"
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        return Ended(how, clean=process.returncode is not None)

    def errors(self) -> str:
        """See `Parent`: what a guest says goes where the rest of its output goes."""
        return ""

    def threads_of_user(self) -> int:
        """See `Parent`."""
        return processes.threads_of_user(os.getuid()) if hasattr(os, "getuid") else 0

    def close(self) -> None:
        """See `Parent`."""
        for number in list(self._running):
            self.stop(number, CLOSE_SECONDS)
