"""The warm parent of all guests: imports numpy (and torch) once, computes nothing, runs no student code, stays privileged.

Started by the host as a script, `python -s -S zygote.py ...`, with an environment of its making. It forks one *supervisor*
for each worker; a supervisor forks the guests, watches their memory, kills what has to be killed with all that descends from
it, and removes the scratch folder at the end, also when the host was killed. A fork costs milliseconds where importing torch
costs seconds.

Where fork is not to be had (Windows, macOS) the host starts this file once for each guest instead: `guest` as the first
argument, and a loopback address to connect to.

The process must hold nothing of ours but the files beside this one, which import nothing else of ours.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import json
import os
import select
import signal
import socket
import stat
import sys
import types

HOST_SECONDS = 0.1
"""Pause between two looks, while we import, whether the host still lives."""

ORPHANS_SECONDS = 1.0
"""Pause between two looks of the zygote for supervisors that have ended."""

HERE = os.path.dirname(os.path.abspath(__file__))
OUR_FILES = ("wire", "stand_ins", "guest", "processes", "leftovers", "folders", "mounts", "filters", "layers", "supervisor")
"""What a guest's process consists of, in an order in which each can import those before it."""


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


def is_reachable_by_others(path: str) -> bool:
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
        if not is_reachable_by_others(place):
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


# The zygote -----------------------------------------------------------------------------------------------------------


def run_zygote(control: socket.socket, modules: dict[str, types.ModuleType], handles: list[int]) -> None:
    """Forks a supervisor for every connection that arrives on `control`, until its other ends are all closed."""
    supervisors: dict[int, str] = {}
    layers, processes, leftovers = modules["layers"], modules["processes"], modules["leftovers"]
    with contextlib.suppress(OSError, AttributeError):
        layers.prctl(layers.PR_SET_CHILD_SUBREAPER, 1)
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        arrived = poll.poll(ORPHANS_SECONDS * 1000 if supervisors else None)
        for pid in [pid for pid in supervisors if os.waitpid(pid, os.WNOHANG)[0]]:
            prefix = supervisors.pop(pid)
            processes.sweep(supervisors)  # what a supervisor that was killed left behind has come to us
            leftovers.remove_beginning(prefix)
        if not arrived:
            continue
        try:
            message, descriptors, _, _ = socket.recv_fds(control, 16, 4)
        except ConnectionError:
            break
        if not message:
            break
        prefix = f"autograder-{os.urandom(6).hex()}-"
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                control.close()
                modules["supervisor"].Supervisor(socket.socket(fileno=descriptors[0]), handles, prefix=prefix).run()
                code = 0
            finally:
                os._exit(code)
        supervisors[pid] = prefix
        for descriptor in descriptors:
            os.close(descriptor)
    for pid, prefix in supervisors.items():
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        processes.sweep([other for other in supervisors if other != pid])
        leftovers.remove_beginning(prefix)


def warm_up(torch: bool, host: int) -> None:
    """Imports what guests need, once, on one thread. Ends the process as soon as the host is gone: nothing waits for it then.

    host: process id of our parent, 0 where it does not matter.
    """

    def look(*_: object) -> None:
        if os.getppid() != host:
            os._exit(0)

    if host:
        signal.signal(signal.SIGALRM, look)
        signal.setitimer(signal.ITIMER_REAL, HOST_SECONDS, HOST_SECONDS)
    importlib.import_module("numpy")
    if torch:
        importlib.import_module("torch")
    if host:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    gc.collect()
    gc.freeze()  # so that a collection in a guest does not touch, and so copy, every page of ours


def main(arguments: list[str]) -> None:
    """`zygote|guest TORCH ADDRESS PACKAGES...`: see the module's text."""
    mode, torch, address, *packages = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the host's business, which then closes the connection
    sys.path[:] = [place for place in sys.path if os.path.abspath(place) != HERE] + packages  # the script's folder goes
    handles = open_library()
    modules = our_modules()
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        with contextlib.suppress(OSError):
            modules["layers"].prctl(modules["layers"].PR_SET_DUMPABLE, 0)  # guests share our user id
    if mode == "zygote":
        descriptor, host = map(int, address.split(":"))
        warm_up(torch == "torch", host)
        run_zygote(socket.socket(fileno=descriptor), modules, handles)
        os._exit(0)  # there is nothing to tidy up, and torch takes its time
    warm_up(torch == "torch", 0)
    order = json.loads(sys.stdin.buffer.readline())
    connection = socket.create_connection(("127.0.0.1", int(address)))
    connection.sendall(order.pop("secret").encode())
    modules["supervisor"].run_guest(order, "", (order["host"],), connection)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
