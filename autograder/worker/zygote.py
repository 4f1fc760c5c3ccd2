"""The warm parent of all guests: imports numpy (and torch) once, computes nothing, runs no student code, stays privileged.

Started by the host as a script, `python -I -S zygote.py ...`. It forks one *supervisor* for each worker; a supervisor forks the
guests, watches their memory, kills what has to be killed with all that descends from it, and removes the scratch folder at the
end, also when the host was killed. A fork costs milliseconds where importing torch costs seconds.

Where fork is not to be had (Windows, macOS) the host starts this file once for each guest instead: `guest` as the first
argument, and a loopback address to connect to.

The process must hold nothing of ours but the files beside this one, which import nothing else of ours.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.machinery
import importlib.util
import json
import os
import select
import signal
import socket
import stat
import sys
import time
import types
from dataclasses import dataclass, field
from typing import Any

WATCH_SECONDS = 0.02
"""Pause between two looks at the memory of the guests."""

ORPHANS_SECONDS = 1.0
"""Pause between two looks of the zygote for supervisors that have ended."""

DISK_EVERY = 10
"""Looks at memory for each look at what lies in the scratch folder."""

MAX_MESSAGE = 2**16
"""Bytes of one message between host and supervisor."""

MAX_SCRATCH_ENTRIES = 20_000
"""Files and folders that a guest may leave in its scratch folder."""

HERE = os.path.dirname(os.path.abspath(__file__))
OUR_FILES = ("wire", "guest", "layers", "processes")


# Start ----------------------------------------------------------------------------------------------------------------


def our_modules() -> dict[str, types.ModuleType]:
    """Loads the files beside this one under their own names, then takes our package's name away again: a submission may
    have a module of that name.
    """
    names = {"autograder": types.ModuleType("autograder"), "autograder.worker": types.ModuleType("autograder.worker")}
    sys.modules.update(names)
    found = {}
    for name in OUR_FILES:
        spec = importlib.util.spec_from_file_location(f"autograder.worker.{name}", os.path.join(HERE, f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[f"autograder.worker.{name}"] = module
        setattr(names["autograder.worker"], name, module)
        spec.loader.exec_module(module)
        found[name] = module
    for name in [*names, *(f"autograder.worker.{name}" for name in OUR_FILES)]:
        del sys.modules[name]
    return found


def reachable_by_others(path: str) -> bool:
    """Whether a user without any rights of ours can enter this folder by its name."""
    for start in {os.path.abspath(path), os.path.realpath(path)}:
        here = start
        while True:
            try:
                mode = os.stat(here).st_mode
            except OSError:
                return False
            if not mode & stat.S_IXOTH or (here == start and not mode & stat.S_IROTH):
                return False
            if os.path.dirname(here) == here:
                break
            here = os.path.dirname(here)
    return True


def open_library() -> list[int]:
    """Replaces folders of `sys.path` that other users cannot reach by handles to them, `/proc/self/fd/N`, in which everything
    is found all the same; returns the handles. Packages that are loaded already are told their new place. To be called
    before numpy and torch are imported, so that they know themselves by the new place.
    """
    handles: dict[str, int] = {}
    if sys.platform != "linux" or os.geteuid() != 0:
        return []
    sys.path[:] = [place for place in sys.path if os.path.isdir(place)]
    for place in sys.path:
        if not reachable_by_others(place):
            handles[place] = os.open(place, os.O_PATH | os.O_DIRECTORY)
    if not handles:
        return []

    def moved(place: str) -> str:
        for folder, handle in sorted(handles.items(), key=lambda item: -len(item[0])):
            if place == folder or place.startswith(folder + os.sep):
                return f"/proc/self/fd/{handle}{place[len(folder) :]}"
        return place

    sys.path[:] = [moved(place) for place in sys.path]
    sys.path_importer_cache.clear()
    for module in list(sys.modules.values()):
        for holder, name in ((module, "__path__"), (getattr(module, "__spec__", None), "submodule_search_locations")):
            places = getattr(holder, name, None)
            if isinstance(places, list):
                places[:] = [moved(place) for place in places]
        for holder, name in ((module, "__file__"), (module, "__cached__"), (getattr(module, "__spec__", None), "origin")):
            known = getattr(holder, name, None)
            if isinstance(known, str) and moved(known) != known:
                with contextlib.suppress(AttributeError, TypeError):
                    setattr(holder, name, moved(known))
    return list(handles.values())


# The supervisor of one worker -----------------------------------------------------------------------------------------


@dataclass
class Child:
    """One guest, as its supervisor sees it."""

    pid: int
    memory: int
    baseline: int = 0
    ended: str = ""
    """How it ended: `exit 0`, `signal 9`, `memory`, `disk`, `stopped`; empty while it lives."""


@dataclass
class Supervisor:
    """Starts, watches and ends the guests of one worker, as the host asks."""

    control: socket.socket
    modules: dict[str, types.ModuleType]
    handles: list[int]
    children: dict[int, Child] = field(default_factory=dict)
    scratch: str = ""
    disk: int = 0
    user: int | None = None
    shared_before: set[str] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)
    ticks: int = 0
    zygote: int = field(default_factory=os.getppid)

    def run(self) -> None:
        """Until the host closes the connection or is gone; then everything is ended and removed."""
        processes = self.modules["processes"]
        with contextlib.suppress(OSError, AttributeError):
            self.modules["layers"].prctl(self.modules["layers"].PR_SET_CHILD_SUBREAPER, 1)
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        while True:
            alive = any(not child.ended for child in self.children.values())
            if poll.poll(WATCH_SECONDS * 1000 if alive else None):
                try:
                    message, descriptors, _, _ = socket.recv_fds(self.control, MAX_MESSAGE, 4)
                except ConnectionError:
                    message, descriptors = b"", []
                if not message:
                    break
                self.obey(json.loads(message), descriptors)
            self.reap()
            self.watch()
        for child in self.children.values():
            processes.kill_quietly(child.pid, signal.SIGKILL)
        if "sweep" not in self.left_out:
            processes.sweep()
        if self.scratch:
            self.tidy_up()
            remove_tree(self.scratch)

    def obey(self, order: dict[str, Any], descriptors: list[int]) -> None:
        """One order of the host."""
        if order["op"] == "scratch":
            self.scratch, self.disk, self.user = order["folder"], order["disk"], order["user"]
            self.shared_before = {entry.name for entry in shared_memory(None)}
        elif order["op"] == "start":
            pid = os.fork()
            if pid == 0:
                self.become_guest(order, descriptors)
            self.left_out |= set(order["plan"]["leave_out"])
            self.children[order["id"]] = Child(pid, order["plan"]["memory"], self.modules["processes"].resident(pid))
            for descriptor in descriptors:
                os.close(descriptor)
        elif order["op"] == "stop":
            self.reap()
            child = self.children.pop(order["id"])
            if not child.ended:
                child.ended = self.status_of(child, order["patience"]) or "stopped"
            self.modules["processes"].kill_quietly(child.pid, signal.SIGKILL)
            others = [other.pid for other in self.children.values() if not other.ended]
            clean = "sweep" in self.left_out or self.modules["processes"].sweep(others)
            answer = {"id": order["id"], "ended": child.ended, "clean": clean}
            with contextlib.suppress(ConnectionError):
                self.control.send(json.dumps(answer).encode())

    def become_guest(self, order: dict[str, Any], descriptors: list[int]) -> None:
        """In the fork: never returns."""
        code = 1
        try:
            parent = os.getppid()
            wire_end, output = descriptors
            self.modules["layers"].close_all_but({wire_end, output, *self.handles})
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.close(null)
            os.close(output)
            plan = make_plan(self.modules, order, (order["host"], parent, self.zygote))
            run_guest(self.modules, plan, order, socket.socket(fileno=wire_end))
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
            if pid in by_pid and not by_pid[pid].ended:
                by_pid[pid].ended = _told(status)

    def watch(self) -> None:
        """Ends children whose processes together hold too much memory, or that leave too much in the scratch folder."""
        if "watch" in self.left_out:
            return
        processes = self.modules["processes"]
        living = [child for child in self.children.values() if not child.ended]
        for child in living:
            pids = processes.tree([child.pid])
            if sum(max(0, processes.resident(pid) - child.baseline) for pid in pids) <= child.memory:
                continue
            if len(pids) == 1 or sum(processes.proportional(pid) for pid in pids) - child.baseline > child.memory:
                self.end(child, "memory")
        self.ticks += 1
        if not living or not self.scratch or self.ticks % DISK_EVERY:
            return
        shared = 0
        for entry in self.left_in_shared_memory():
            with contextlib.suppress(OSError):
                shared += entry.stat(follow_symlinks=False).st_blocks * 512
        over_disk = disk_use(self.scratch, self.disk) > self.disk
        for child in living:
            if over_disk or shared > child.memory:
                self.end(child, "disk" if over_disk else "memory")

    def left_in_shared_memory(self) -> list[os.DirEntry[str]]:
        """What the guests have in /dev/shm: all of their own user's, or, where they share our user id, what is new."""
        return [entry for entry in shared_memory(self.user) if self.user is not None or entry.name not in self.shared_before]

    def tidy_up(self) -> None:
        """Removes what guests left outside of the scratch folder: in shared memory, and with a user id of their own in
        folders that everyone may write to.
        """
        for entry in self.left_in_shared_memory():
            if self.user is not None or not in_use(entry.path):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)
        for place in ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue") if self.user is not None else ():
            with contextlib.suppress(OSError), os.scandir(place) as entries:
                for entry in entries:
                    if entry.stat(follow_symlinks=False).st_uid == self.user:
                        os.unlink(entry.path) if not entry.is_dir(follow_symlinks=False) else remove_tree(entry.path)

    def end(self, child: Child, why: str) -> None:
        """Kills one child at once; what descends from it goes when the host asks for it."""
        child.ended = why
        for pid in self.modules["processes"].tree([child.pid]):
            self.modules["processes"].kill_quietly(pid, signal.SIGKILL)


def _told(status: int) -> str:
    return f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"


def shared_memory(user: int | None) -> list[os.DirEntry[str]]:
    """Files of a user's (our own for None) in /dev/shm."""
    found = []
    with contextlib.suppress(OSError), os.scandir("/dev/shm") as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.stat(follow_symlinks=False).st_uid == (os.getuid() if user is None else user):
                    found.append(entry)
    return found


def in_use(path: str) -> bool:
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
                if total > cap or entries > MAX_SCRATCH_ENTRIES:
                    return cap + 1
    return total


def remove_tree(folder: str) -> None:
    """Removes a scratch folder, whatever permissions a student gave to what is in it; follows no links."""
    for place, folders, files in os.walk(folder, topdown=True, onerror=None, followlinks=False):
        for name in folders:
            with contextlib.suppress(OSError):
                path = os.path.join(place, name)
                if not os.path.islink(path):
                    os.chmod(path, 0o700)
        del files
    for place, folders, files in os.walk(folder, topdown=False, followlinks=False):
        for name in files:
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(place, name))
        for name in folders:
            path = os.path.join(place, name)
            with contextlib.suppress(OSError):
                os.unlink(path) if os.path.islink(path) else os.rmdir(path)
    with contextlib.suppress(OSError):
        os.rmdir(folder)


# The guest ------------------------------------------------------------------------------------------------------------


def make_plan(modules: dict[str, types.ModuleType], order: dict[str, Any], strangers: tuple[int, ...]) -> Any:
    """The plan of the layers: what the host ordered, and where Python and its packages lie."""
    library = tuple(place for place in sys.path if place)
    return modules["layers"].Plan(**{**order["plan"], "readable": library, "strangers": strangers})


def run_guest(modules: dict[str, types.ModuleType], plan: Any, order: dict[str, Any], connection: socket.socket) -> None:
    """Puts on the layers, says hello, answers calls until the host closes the connection."""
    with contextlib.suppress(OSError, AttributeError):
        os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGCHLD", signal.SIGTERM)):
        signal.signal(number, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(order["environment"])
    work = os.path.join(plan.folder, "work")
    os.chdir(work)
    os.umask(0o077)
    with contextlib.suppress(AttributeError):
        time.tzset()
    sys.argv = [""]
    sys.path.insert(0, work)
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.dont_write_bytecode = True
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = open(descriptor, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    connection.set_inheritable(False)
    protections = modules["layers"].put_on(plan)
    numpy, torch = sys.modules["numpy"], sys.modules.get("torch")
    facts = {"python": sys.version.split()[0], "numpy": numpy.__version__, "torch": getattr(torch, "__version__", "")}
    connection.sendall(modules["wire"].frame({"id": 0, "protections": protections, "facts": facts}))
    modules["guest"].serve(work, connection.recv, connection.sendall)


# The zygote -----------------------------------------------------------------------------------------------------------


def run_zygote(control: socket.socket, modules: dict[str, types.ModuleType], handles: list[int]) -> None:
    """Forks a supervisor for every connection that arrives on `control`, until its other ends are all closed."""
    supervisors: set[int] = set()
    layers, processes = modules["layers"], modules["processes"]
    with contextlib.suppress(OSError, AttributeError):
        layers.prctl(layers.PR_SET_CHILD_SUBREAPER, 1)
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        arrived = poll.poll(ORPHANS_SECONDS * 1000 if supervisors else None)
        for pid in [pid for pid in supervisors if os.waitpid(pid, os.WNOHANG)[0]]:
            supervisors.discard(pid)
            processes.sweep(supervisors)  # what a supervisor that was killed left behind has come to us
        if not arrived:
            continue
        try:
            message, descriptors, _, _ = socket.recv_fds(control, 16, 4)
        except ConnectionError:
            break
        if not message:
            break
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                control.close()
                Supervisor(socket.socket(fileno=descriptors[0]), modules, handles).run()
                code = 0
            finally:
                os._exit(code)
        supervisors.add(pid)
        for descriptor in descriptors:
            os.close(descriptor)
    for pid in supervisors:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


def warm_up(torch: bool) -> None:
    """Imports what guests need, once, on one thread."""
    importlib.import_module("numpy")
    if torch:
        importlib.import_module("torch")
    gc.collect()
    gc.freeze()  # so that a collection in a guest does not touch, and so copy, every page of ours


def main(arguments: list[str]) -> None:
    """`zygote|guest TORCH ADDRESS PACKAGES...`: see the module's text."""
    mode, torch, address, *packages = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the host's business, which then closes the connection
    sys.path += packages
    handles = open_library()
    modules = our_modules()
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        with contextlib.suppress(OSError):
            modules["layers"].prctl(modules["layers"].PR_SET_DUMPABLE, 0)  # guests share our user id
    warm_up(torch == "torch")
    if mode == "zygote":
        run_zygote(socket.socket(fileno=int(address)), modules, handles)
        return
    order = json.loads(sys.stdin.buffer.readline())
    connection = socket.create_connection(("127.0.0.1", int(address)))
    connection.sendall(order.pop("secret").encode())
    plan = make_plan(modules, order, (order["host"],))
    run_guest(modules, plan, order, connection)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
