"""The supervisor: starts the guests of one worker, watches them, and ends them with all that descends from them.

A fork of the zygote, so it is part of the guest's process: standard library, and the files beside this one. It holds
nothing that a student may not know, runs none of a student's code and reads nothing that a guest says.
"""

from __future__ import annotations

import builtins
import contextlib
import json
import mmap
import os
import select
import signal
import socket
import sys
import tempfile
import time
import types
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from autograder.worker import folders, guest, layers, leftovers, mounts, processes, wire

WATCH_SECONDS = 0.02
"""Pause between two looks at the guests."""

FILES_SECONDS = 0.2
"""Pause between two looks at what a guest has in its scratch folder, in shared memory and open."""

LONG_LOOKS = 10
"""Such a look that takes long is paused for this many times as long, so that no guest's leavings delay the others."""

ROOM = 1.25
"""What a file system of the guest's own holds, times what it may: enough that the watch sees that it is too much."""

MAX_MESSAGE = 2**16
"""Bytes of one message between host and supervisor."""

FEW_ENTRIES = 500
"""Files and folders that are removed at once; more, for which a disk may take many seconds, in a process of its own."""

REMOVAL_SECONDS = 15.0
"""Seconds that the end of a worker waits for such removals; they go on beyond."""

IDLE_CPU_SECONDS = 0.5
"""Processor time that a guest may use while nobody waits for it: more would slow down everything else."""


@dataclass
class Child:
    """One guest, as its supervisor sees it."""

    pid: int
    folder: str
    user: int | None
    memory: int
    disk: int
    baseline: int
    lock: int
    """Descriptor that keeps its user id taken as long as we live, -1 where it has none of its own."""
    shared_memory: str
    """Where its own file system for shared memory lies; empty where it has none, and its folder is none either."""
    shared_before: set[str]
    entries: int = leftovers.MAX_ENTRIES
    next_look: float = 0.0
    ended: str = ""
    """How it ended: `exit 0`, `signal 9`, `memory`, `disk`, `entries`, `idle`, `stopped`; empty while it lives."""
    idle_since: float | None = None
    """Processor time that it had used when it became idle."""

    def holds_too_much(self, pids: list[int]) -> str:
        """`disk`, `memory` or `entries` where what it has in files, in shared memory and open is more than it may; else empty."""
        if self.shared_memory:
            disk, shared = leftovers.used_by_system(self.folder), leftovers.used_by_system(self.shared_memory)
            sockets = leftovers.held_open(pids, self.user).sockets
        else:
            disk = leftovers.used(self.folder, self.disk, self.entries)
            shared = leftovers.in_shared_memory(self.user, self.shared_before, self.memory)
            held = leftovers.held_open(pids, self.user)
            disk, shared, sockets = disk + held.on_disk, shared + held.in_memory, held.sockets
        if disk.size > self.disk:
            return "disk"
        if shared.size + sockets * leftovers.SOCKET_BYTES > self.memory:
            return "memory"
        return "entries" if disk.entries > self.entries or shared.entries > leftovers.MAX_ENTRIES else ""


@dataclass
class Supervisor:
    """Starts, watches and ends the guests of one worker after another, as the host asks. handles: descriptors that guests need."""

    control: socket.socket
    handles: list[int]
    children: dict[int, Child] = field(default_factory=dict)
    scratch: str = ""
    busy: mmap.mmap | None = None
    """Shared with the host: a byte for each guest, 1 while the host waits for it."""
    left_out: set[str] = field(default_factory=set)
    can_mount: bool = False
    removers: set[int] = field(default_factory=set)
    """Processes of our own that remove what guests left."""
    prefix: str = "autograder-"
    """What the names of scratch folders begin with that we make."""
    zygote: int = field(default_factory=os.getppid)

    def run(self) -> None:
        """Until the host closes the connection or is gone; then everything is ended and removed."""
        with contextlib.suppress(OSError):
            layers.prctl(layers.PR_SET_CHILD_SUBREAPER, 1)
        self.can_mount = mounts.own_namespace(shared=True)
        try:
            self._serve()
        finally:
            self.finish()

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        next_look = 0.0
        while True:
            alive = any(not child.ended for child in self.children.values())
            if poll.poll(max(0.0, next_look - time.monotonic()) * 1000 if alive else None):
                try:
                    message, descriptors, _, _ = socket.recv_fds(self.control, MAX_MESSAGE, 4)
                except ConnectionError:
                    return
                if not message:
                    return
                self.obey(json.loads(message), descriptors)
            if time.monotonic() >= next_look:
                self.reap()
                self.watch()
                next_look = time.monotonic() + WATCH_SECONDS

    def obey(self, order: dict[str, Any], descriptors: list[int]) -> None:
        """One order of the host."""
        if order["op"] == "scratch":
            self.finish()  # where the worker before this one was killed
            self.scratch = tempfile.mkdtemp(prefix=self.prefix)
            os.chmod(self.scratch, 0o711)
            self.answer({"mark": order["mark"], "folder": self.scratch})
            self.busy = mmap.mmap(descriptors[0], 0)
            os.close(descriptors[0])
        elif order["op"] == "start":
            self.start(order, descriptors)
        elif order["op"] == "stop":
            self.answer({"id": order["id"], **self.stop(order["id"], order["patience"])})
        elif order["op"] == "end":
            self.finish()
            self.answer({"mark": order["mark"]})

    def answer(self, told: dict[str, Any]) -> None:
        """Tells the host, unless it is gone."""
        with contextlib.suppress(ConnectionError):
            self.control.send(json.dumps(told).encode())

    def start(self, order: dict[str, Any], descriptors: list[int]) -> None:
        """Forks a guest. descriptors: its end of the wire, of what it prints, and, with a user id of its own, that id's lock."""
        wire_end, output, *lock = descriptors
        plan = order["plan"]
        self.left_out |= set(plan["leave_out"])
        child = Child(0, plan["folder"], plan["user"], plan["memory"], order["disk"], 0, [*lock, -1][0], "", set())
        try:
            self.prepare(child, order)
            child.pid = os.fork()
            if child.pid == 0:
                self.become_guest(order, child.shared_memory, wire_end, output)
            child.baseline = processes.resident(child.pid)
            self.children[order["id"]] = child
        except OSError as error:  # no room for a copy or for a process: the host tries again when it has ended other guests
            told = f"{type(error).__name__}: {error}\n"
            with contextlib.suppress(OSError):
                os.write(output, told.encode("utf-8", "replace")[:1000])
            self.clear([child])
        finally:
            os.close(wire_end)
            os.close(output)

    def prepare(self, child: Child, order: dict[str, Any]) -> None:
        """Makes a guest's folder and fills it; where we may mount it is a file system of its own, and so is its shared memory."""
        copied = leftovers.used(order["root"], sys.maxsize, sys.maxsize)
        child.disk += copied.size
        child.entries += copied.entries
        os.mkdir(child.folder, 0o700)
        if self.can_mount and order["tmpfs"] and child.user is not None and "mounts" not in self.left_out:
            shared = f"{child.folder}.shm"
            os.mkdir(shared, 0o700)
            if mounts.mount_memory(child.folder, int(ROOM * child.disk), int(ROOM * child.entries), child.user):
                if mounts.mount_memory(shared, int(ROOM * child.memory), int(ROOM * leftovers.MAX_ENTRIES), child.user):
                    child.shared_memory = shared
                else:
                    mounts.unmount(child.folder)
        folders.prepare(order["root"], child.folder, child.user)
        if child.user is None:
            child.shared_before = leftovers.names_in_shared_memory(None)

    def stop(self, number: int, patience: float) -> dict[str, Any]:
        """Ends a guest, all that descends from it, and what it left; how it ended, and whether nothing is left."""
        self.reap()
        child = self.children.pop(number, None)
        if child is None:  # it could not be started
            return {"ended": "stopped", "clean": True}
        if not child.ended:
            child.ended = self.status_of(child, patience) or "stopped"
        processes.kill_quietly(child.pid, signal.SIGKILL)
        keep = [*self.removers, *(other.pid for other in self.children.values() if not other.ended)]
        clean = "sweep" in self.left_out or processes.sweep(keep)
        self.clear([child])
        return {"ended": child.ended, "clean": clean}

    def finish(self) -> None:
        """The same for all guests at once, when nobody asks any more how they ended; then nothing of their worker's is left."""
        for child in self.children.values():
            processes.kill_quietly(child.pid, signal.SIGKILL)
        if "sweep" not in self.left_out:
            processes.sweep(self.removers)
        self.clear(self.children.values())
        self.children.clear()
        if self.scratch:
            self.remove(self.scratch)
            self.scratch = ""
        end = time.monotonic() + REMOVAL_SECONDS
        while self.removers and time.monotonic() < end:
            self.reap()
            time.sleep(0.001)
        if self.busy is not None:
            self.busy.close()
            self.busy = None

    def clear(self, ended: Collection[Child]) -> None:
        """Removes what ended guests left outside of their folders, and lets go of their user ids."""
        if "leftovers" not in self.left_out:
            users = {child.user for child in ended if child.user is not None}
            sharing = [child for child in ended if child.user is None]
            here = leftovers.names_in_shared_memory(None) if sharing else set()
            leftovers.remove_all(users, here.difference(*(child.shared_before for child in sharing)))
        for child in ended:
            for folder in (child.folder, child.shared_memory):
                if child.shared_memory:
                    mounts.unmount(folder)
                if folder:
                    self.remove(folder)
            if child.lock >= 0:
                os.close(child.lock)

    def remove(self, folder: str) -> None:
        """Removes a folder; a large one meanwhile, and closed at once to whoever is given its owner's user id next."""
        with contextlib.suppress(OSError):
            os.chown(folder, os.getuid(), os.getgid(), follow_symlinks=False)
        if leftovers.used(folder, sys.maxsize, FEW_ENTRIES).entries > FEW_ENTRIES:
            with contextlib.suppress(OSError):
                pid = os.fork()
                if pid == 0:
                    try:
                        layers.close_all_but(())
                        leftovers.remove_tree(folder)
                    finally:
                        os._exit(0)
                self.removers.add(pid)
                return
        leftovers.remove_tree(folder)

    def become_guest(self, order: dict[str, Any], shared_memory: str, wire_end: int, output: int) -> None:
        """In the fork: never returns."""
        code = 1
        try:
            parent = os.getppid()
            layers.close_all_but({wire_end, output, *self.handles})
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.close(null)
            os.close(output)
            run_guest(order, shared_memory, (order["host"], parent, self.zygote), socket.socket(fileno=wire_end))
            code = 0
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode("utf-8", "replace")[:1000])
        finally:
            os._exit(code)

    def status_of(self, child: Child, patience: float) -> str:
        """How a child ended, if it does so by itself within some seconds."""
        end = time.monotonic() + patience
        while True:
            try:
                pid, status = os.waitpid(child.pid, os.WNOHANG)
            except ChildProcessError:
                return "stopped"
            if pid:
                return _told(status)
            if time.monotonic() >= end:
                return ""
            time.sleep(0.0005)

    def reap(self) -> None:
        """Notes which children ended, and how; daemons that came to us are reaped too."""
        by_pid = {child.pid: child for child in self.children.values()}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.removers.discard(pid)
            if pid in by_pid and not by_pid[pid].ended:
                by_pid[pid].ended = _told(status)

    def watch(self) -> None:
        """Ends children whose processes together hold too much memory, compute while nobody waits for them, or leave too
        much in their folder or in shared memory; and at once what escaped from them, which is counted nowhere.
        """
        if "sweep" not in self.left_out:
            known = {child.pid for child in self.children.values()} | self.removers
            for pid in processes.tree(pid for pid in processes.children(os.getpid()) if pid not in known):
                processes.kill_quietly(pid, signal.SIGKILL)
        for number, child in self.children.items():
            if child.ended or "watch" in self.left_out:
                continue
            pids = processes.tree([child.pid])
            if self._is_over_memory(child, pids):
                self.end(child, "memory")
            elif self._is_working_unasked(number, child, pids):
                self.end(child, "idle")
            elif (begun := time.monotonic()) >= child.next_look:
                if why := child.holds_too_much(pids):
                    self.end(child, why)
                child.next_look = time.monotonic() + max(FILES_SECONDS, LONG_LOOKS * (time.monotonic() - begun))

    def _is_over_memory(self, child: Child, pids: list[int]) -> bool:
        if sum(max(0, processes.resident(pid) - child.baseline) for pid in pids) <= child.memory:
            return False
        with processes.as_user(child.user):
            return len(pids) == 1 or processes.held_together(child.pid, pids) - child.baseline > child.memory

    def _is_working_unasked(self, number: int, child: Child, pids: list[int]) -> bool:
        if self.busy is None or self.busy[number % len(self.busy)]:
            child.idle_since = None
            return False
        used = sum(map(processes.cpu_seconds, pids))
        if child.idle_since is None:
            child.idle_since = used
        return used - child.idle_since > IDLE_CPU_SECONDS

    def end(self, child: Child, why: str) -> None:
        """Kills one child at once; what descends from it goes when the host asks for it."""
        child.ended = why
        for pid in processes.tree([child.pid]):
            processes.kill_quietly(pid, signal.SIGKILL)


def _told(status: int) -> str:
    return f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"


def run_guest(order: dict[str, Any], shared_memory: str, strangers: tuple[int, ...], connection: socket.socket) -> None:
    """Puts on the layers, says hello, answers calls until the host closes the connection.

    strangers: the processes around it, which it may not touch. shared_memory: see `layers.Plan`.
    """
    library = tuple(place for place in sys.path if place)
    sockets = "torch" in sys.modules and order["plan"]["user"] is not None
    known = {"readable": library, "strangers": strangers, "shared_memory": shared_memory, "local_sockets": sockets}
    plan = layers.Plan(**{**order["plan"], **known})
    with contextlib.suppress(OSError, AttributeError):
        os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGCHLD", signal.SIGTERM)):
        signal.signal(number, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(order["environment"])
    work = os.path.join(plan.folder, folders.WORK)
    os.chdir(work)
    os.umask(0o077)
    with contextlib.suppress(AttributeError):
        time.tzset()
    sys.argv = [""]
    sys.path.insert(0, work)
    sys.modules["__main__"] = types.ModuleType("__main__")
    for name in ("exit", "quit"):  # as an interpreter has them that looks at its site
        setattr(builtins, name, sys.exit)
    tempfile.tempdir = None  # ours was remembered
    sys.dont_write_bytecode = True
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = open(descriptor, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    connection.set_inheritable(False)
    protections = layers.put_on(plan)
    numpy, torch = sys.modules["numpy"], sys.modules.get("torch")
    facts = {"python": sys.version.split()[0], "numpy": numpy.__version__, "torch": getattr(torch, "__version__", "")}
    connection.sendall(wire.frame({"id": 0, "protections": protections, "facts": facts}))
    guest.serve(work, connection.recv, connection.sendall)
