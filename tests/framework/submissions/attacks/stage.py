"""What the tests of the sandbox share: carrying out one attack, a copy of the interpreter that any user can run, and a look
at processes.

Run as a script by that interpreter (`stage.py FOLDER LAYERS,LEFT,OUT NAMES...`) it carries out attacks as an ordinary user and prints
what did not hold, as JSON; see `test_attacks.py`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autograder.worker import File, Limits, WarmParent, Worker, layers, leftovers, processes

ORDINARY_USER = 61_150
"""A user id without rights and without an entry, for tests run by root."""


@contextlib.contextmanager
def ordinary_python(repository: Path) -> Iterator[list[str]]:
    """The command of an interpreter, with this project and its packages, that an ordinary user can run: a copy by hard
    links, because the real one may lie in the administrator's home.
    """
    packages = Path(np.__file__).parents[1]
    closed = [place for place in (packages, *packages.parents) if not place.stat().st_mode & 0o001]
    if closed:
        pytest = importlib.import_module("pytest")  # not there where this file runs as a script
        pytest.skip(f"the packages lie in {closed[-1]}, which is closed to other users")
    folder = Path(tempfile.mkdtemp(prefix="ordinary-python-"))
    try:
        folder.chmod(0o755)
        library = Path(sysconfig.get_paths()["stdlib"])
        home = folder / "base"
        shutil.copytree(
            library,
            home / "lib" / library.name,
            copy_function=_link,
            ignore=shutil.ignore_patterns("site-packages", "test", "idlelib", "config-*", "ensurepip"),
        )
        for shared in (library.parent).glob("libpython3*.so*"):
            _link(str(shared), str(home / "lib" / shared.name))
        binary = home / "bin" / library.name
        binary.parent.mkdir()
        _link(os.path.realpath(sys.executable), str(binary))
        shutil.copytree(repository / "autograder", folder / "ours" / "autograder", copy_function=_link)
        for place in (folder, home, home / "bin", home / "lib", folder / "ours"):
            place.chmod(0o755)
        program = f"import sys; sys.path[:0] = [{str(folder / 'ours')!r}]; sys.path.append({str(packages)!r}); sys.argv = sys.argv[1:]; "
        program += "import runpy; runpy.run_path(sys.argv[0], run_name='__main__')"
        yield ["env", "-i", "PATH=/usr/bin:/bin", f"LD_LIBRARY_PATH={home / 'lib'}", str(binary), "-I", "-S", "-c", program]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


def run_as_ordinary_user(command: list[str], *arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    """Runs a command without any rights of root's."""
    return subprocess.run(
        [*command, *arguments],
        user=ORDINARY_USER,
        group=ORDINARY_USER,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def load(name: str) -> Any:
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(f"attacks_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


SECRET = "canary-content-7261"
HONEST = "def f(x):\n    return x + 1\n"
LIMITS = {"memory": 256 * 2**20, "disk": 128 * 2**20, "load": 3.0}
SLACK_SECONDS = 15.0
"""What everything around the call may take: starting, killing, cleaning, on a slow machine."""


class Range:
    """What an attack is aimed at: a folder with a canary that everyone may read, and a port on loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "range"
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self.canary = self.folder / "canary.txt"
        self.canary.write_text(SECRET)
        self.canary.chmod(0o644)
        if layers.landlock_version() == 0:  # then it is up to permissions, as docs/security.md says
            self.canary.chmod(0o600)
            self.folder.chmod(0o700)
        self._before = self._look()
        self._nice = os.getpriority(os.PRIO_PROCESS, 0)
        self._others = Path(f"/dev/shm/canary-{os.getpid()}")
        """Shared memory of another program's, which everyone may read."""
        self._others.write_text(SECRET)
        self._others.chmod(0o644)
        self._shared = set(os.listdir("/dev/shm"))
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self.port = self._sockets[0].getsockname()[1]
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind(("127.0.0.1", self.port))
        self._sockets.append(datagrams)
        service = folder / "service"
        for name, kind in ((service, socket.SOCK_STREAM), (folder / "service-datagrams", socket.SOCK_DGRAM)):
            named = socket.socket(socket.AF_UNIX, kind)
            named.bind(str(name))
            name.chmod(0o777)
            if kind == socket.SOCK_STREAM:
                named.listen()
            self._sockets.append(named)

    def _look(self) -> dict[str, tuple[int, int, int, str]]:
        found = {}
        for path in self.folder.iterdir():
            about = path.stat()
            found[path.name] = (about.st_mode, about.st_uid, int(about.st_mtime), path.read_text() if about.st_mode & 0o400 else "")
        return found

    def damage(self) -> list[str]:
        """What is not as it was."""
        found = []
        if self._look() != self._before:
            found.append("the canary or its folder was changed")
        if os.getpriority(os.PRIO_PROCESS, 0) != self._nice:
            found.append("the grader was slowed down")
        if not self._others.exists() or self._others.read_text() != SECRET:
            found.append("shared memory of another program was changed")
        left = [name for name in os.listdir("/dev/shm") if name not in self._shared and name.startswith("attack")]
        left += [name for name in os.listdir("/tmp") if name.startswith("attack-left")]
        for name in left:
            for place in ("/dev/shm", "/tmp"):
                leftovers.remove(os.path.join(place, name))
        return [*found, *(f"{name} was left behind" for name in left)]

    def close(self) -> None:
        """Frees the port, and removes what it put outside of its folder."""
        self._others.unlink(missing_ok=True)
        for listening in self._sockets:
            listening.close()


def carry_out(attack: Any, folder: Path, warm: WarmParent, leave_out: Sequence[str] = ()) -> list[str]:
    """Runs one attack; what did not hold, as sentences, none if all did."""
    target = Range(folder)
    root = folder / "submission"
    root.mkdir()
    head = f"CANARY, FOLDER, HOST, N = {str(target.canary)!r}, {str(target.folder)!r}, {os.getpid()}, {target.port}\n"
    (root / "hostile.py").write_text(head + attack.code, encoding="utf-8")
    (root / "honest.py").write_text(HONEST, encoding="utf-8")
    problems = []
    alive_before = set(processes.of_user(os.getuid()))
    begun = time.monotonic()
    limits = Limits(call=attack.seconds, **LIMITS)  # type: ignore[arg-type]
    sources = {"hostile": File("hostile.py"), "honest": File("honest.py")}
    with Worker(root, sources, torch=False, seed=3, limits=limits, warm=warm, _leave_out=leave_out) as worker:
        if worker.call("honest.f", 1).value != 2:
            problems.append("an honest file failed before the attack")
        reply = worker.call("hostile.attack")
        ended = reply.failure.kind if reply.failure else "value"
        if ended not in attack.expect.split("|"):
            problems.append(f"it ended as {ended} ({reply.failure or str(reply.value)[:200]}), not as {attack.expect}")
        elif ended == "value" and attack.value is not ... and reply.value != attack.value:
            problems.append(f"it returned {str(reply.value)[:200]}")
        if SECRET in str(reply):
            problems.append("the canary was read")
        if attack.fine and worker.call("hostile.fine", seconds=20).value != 1:
            problems.append("another function of its file is lost")
        honest = worker.call("honest.f", 20, seconds=20)
        if honest.value != 21:
            problems.append(f"an honest file is lost: {honest}")
        scratch = worker._scratch
        guest = worker._guests.get("hostile")
        if guest is not None:
            worker._end("hostile")
            if guest.slot is not None and processes.of_user(guest.slot.user):
                problems.append("processes outlive their guest")
                for pid in processes.of_user(guest.slot.user):
                    processes.kill_quietly(pid, signal.SIGKILL)
    seconds = time.monotonic() - begun
    if seconds > attack.seconds + LIMITS["load"] + SLACK_SECONDS:
        problems.append(f"it took {seconds:.0f} s")
    if os.path.exists(scratch):
        problems.append("the scratch folder is left")
    if os.getuid() != 0 and not gone_within([pid for pid in processes.of_user(os.getuid()) if pid not in alive_before], 3):
        problems.append("processes outlive the worker")
    problems += target.damage()
    target.close()
    return problems


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone_within(pids: list[int], seconds: float) -> bool:
    """Whether all of these processes end within some seconds."""
    end = time.monotonic() + seconds
    while any(map(is_alive, pids)):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def main(place: str, leave_out: str, *names: str) -> None:
    """As a script: carries out the named attacks and prints what did not hold."""
    catalogue = load("catalogue")
    found = {}
    with WarmParent(torch=False) as warm:
        for attack in catalogue.ATTACKS:
            if attack.name in names:
                folder = Path(place, attack.name)
                folder.mkdir()
                found[attack.name] = carry_out(attack, folder, warm, [layer for layer in leave_out.split(",") if layer])
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
