"""The processes behind a worker: where they come from, what they can still import, and that none of them outlives it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from places import ROOT
from submissions.attacks import stage

from autograder.worker import (
    Failure,
    File,
    Limits,
    WarmParent,
    Worker,
    filters,
    folders,
    host,
    layers,
    parents,
    processes,
    slots,
    surroundings,
    zygote,
)
from autograder.worker.parents import PlainParent, can_fork

LINUX = pytest.mark.skipif(not can_fork(), reason="Linux only")
PRIVILEGED = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, which it gives up")


def submission(folder: Path, **files: str) -> dict[str, File]:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text), encoding="utf-8")
    return {name: File(f"{name}.py") for name in files}


# Without fork ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a system without fork: a new interpreter for each guest."""
    monkeypatch.setattr(host, "can_fork", lambda: False)


def test_without_fork(plain: None, tmp_path: Path) -> None:
    code = """
    import numpy as np
    def f(x): print("hello"); return x + np.ones(2)
    def die():
        import os; os._exit(4)
    def hang():
        while True: pass
    """
    with Worker(tmp_path, submission(tmp_path, code=code), torch=False, seed=1, limits=Limits(call=20)) as worker:
        reply = worker.call("code.f", np.ones(2))
        np.testing.assert_array_equal(reply.value, [2, 2])
        assert reply.printed == "hello\n"
        assert worker.call("code.die").failure == Failure("exited", "ended its process with exit status 4 instead of returning")
        assert worker.call("code.hang", seconds=0.2).failure == Failure("timeout", "did not end within 0.2 s")
        assert worker.call("code.f", 1.0).failure is None
        assert "resource limits" in worker.protections or not layers.HAS_LIMITS
        assert "memory watched" not in worker.protections


def test_without_fork_a_stranger_cannot_take_the_guests_place(tmp_path: Path) -> None:
    """Whoever connects to the loopback port without the secret is turned away."""
    import socket

    parent = PlainParent(torch=False)
    real = socket.create_server
    strangers = []

    def server(address: tuple[str, int]) -> socket.socket:
        made = real(address)
        stranger = socket.create_connection(made.getsockname())
        stranger.sendall(b"0" * 32)
        strangers.append(stranger)
        return made

    folder = tmp_path / "1"
    (tmp_path / "root").mkdir()
    plan = {"folder": str(folder), "user": None, "memory": 2**30, "file_size": 2**20, "processes": 10_000, "open_files": 64, "cpu": 60}
    order = {
        "id": 1,
        "host": os.getpid(),
        "plan": {**plan, "leave_out": ["landlock"]},
        "environment": {},
        "disk": 2**20,
        "root": str(tmp_path / "root"),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "create_server", server)
        connection, output = parent.start(order, None)
    try:
        connection.settimeout(20)
        assert connection.recv(4) == b"AGW1"
        assert strangers[0].recv(1) == b""
    finally:
        connection.close()
        os.close(output)
        strangers[0].close()
        parent.close()


def test_imports_where_there_is_no_unix() -> None:
    """As on Windows: none of its modules is there, and the package can be imported all the same."""
    program = """
    import importlib.util, os, signal, socket, sys
    absent, real = {"resource", "fcntl", "pwd", "grp", "termios"}, importlib.util.find_spec
    importlib.util.find_spec = lambda name, package=None: None if name in absent else real(name, package)
    for name in ("fork", "geteuid", "getuid", "setsid", "killpg"):
        delattr(os, name)
    del socket.AF_UNIX, socket.send_fds, socket.recv_fds, signal.SIGKILL
    import autograder.worker
    from autograder.worker import guest, layers, parents, slots, supervisor, zygote
    assert not layers.HAS_LIMITS and slots.claim() is None and not parents.can_fork()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)


# The interpreter's own library ----------------------------------------------------------------------------------------

IMPORTS = """
import importlib, json, sys, os

LAZY = ["json", "ctypes", "sqlite3", "multiprocessing.pool", "email.mime.text", "xml.dom.minidom", "unittest.mock", "decimal",
        "zoneinfo", "lzma", "bz2", "ssl", "curses", "asyncio", "csv", "html.parser",
        "encodings.cp1250", "encodings.idna", "concurrent.futures.process", "importlib.metadata", "wsgiref.util", "sqlite3.dump"]
TORCH = ["torch.utils.data", "torch.nn.utils.rnn", "torch.distributions", "torch.optim.lr_scheduler", "torch.fft"]

def library():
    places = {}
    for name in LAZY + TORCH:
        module = importlib.import_module(name)
        places[name] = os.stat(module.__file__).st_ino
    assert "ä".encode("cp1250") == b"\\xe4"
    assert "ü.de".encode("idna")
    import ctypes, sqlite3, hashlib
    assert ctypes.CDLL(None).getpid() == os.getpid()
    assert sqlite3.connect(":memory:").execute("select 1").fetchone() == (1,)
    return places

def who():
    return [os.getuid(), sys.version]
"""


@LINUX
def test_library_after_the_drop_is_the_interpreters_own(tmp_path: Path) -> None:
    """Also where the new user cannot enter the folders that it lies in."""
    limits = Limits(call=60)
    with Worker(tmp_path, submission(tmp_path, code=IMPORTS), torch=True, seed=1, limits=limits) as worker:
        reply = worker.call("code.library")
        user, version = worker.call("code.who").value
    assert reply.failure is None, reply.failure
    assert version == sys.version
    assert (user >= slots.FIRST_ID) == (os.geteuid() == 0)
    for name, inode in reply.value.items():
        spec = importlib.util.find_spec(name) if not name.startswith("torch") else None
        if spec is not None and spec.origin is not None:
            assert os.stat(spec.origin).st_ino == inode, name


def test_reachable_by_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    outer = zygote.is_reachable_by_others(str(tmp_path))
    assert zygote.is_reachable_by_others(str(inner)) == outer
    (tmp_path / "a").chmod(0o700)
    assert not zygote.is_reachable_by_others(str(inner))
    link = tmp_path / "link"
    link.symlink_to(inner)
    assert not zygote.is_reachable_by_others(str(link))
    assert not zygote.is_reachable_by_others(str(tmp_path / "nothing"))
    assert zygote.is_reachable_by_others("/usr")


@LINUX
def test_the_grader_never_imports_torch(tmp_path: Path) -> None:
    code = "import torch\ndef f(): return torch.ones(2)\n"
    submission(tmp_path, code=code)
    program = f"""
    import sys
    from pathlib import Path
    from autograder.worker import File, Worker
    with Worker(Path({str(tmp_path)!r}), {{"code": File("code.py")}}, torch=True, seed=1) as worker:
        assert worker.call("code.f").value.tolist() == [1, 1]
    print([name for name in sys.modules if name.partition(".")[0] in ("torch", "code")])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == "[]"


# Ends ------------------------------------------------------------------------------------------------------------------

ESCAPES = """
import os, time, signal, sys

def daemon():
    "Double fork into a session of its own; gives back the daemon's id."
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        pid = os.fork()
        if pid:
            os.write(write, str(pid).encode())
        else:
            for n in range(3, 100):
                try: os.close(n)
                except OSError: pass
            while True: time.sleep(1)
        os._exit(0)
    os.wait()
    return int(os.read(read, 100))

def fork():
    pid = os.fork()
    if pid == 0:
        os.setsid()
        while True: time.sleep(1)
    return pid

def bomb():
    while True:
        try: os.fork()
        except OSError: pass

def me():
    return os.getpid()

def hang():
    while True: time.sleep(1)
"""


@pytest.fixture
def escapes(tmp_path: Path) -> Iterator[Worker]:
    with Worker(tmp_path, submission(tmp_path, code=ESCAPES, other=ESCAPES), torch=False, seed=1) as worker:
        yield worker


@LINUX
def test_daemon_ends_as_soon_as_it_escapes(escapes: Worker) -> None:
    """Its memory and its processor time would be counted nowhere."""
    guest, other = escapes.call("code.me").value, escapes.call("other.me").value
    pid = escapes.call("code.daemon").value
    assert stage.gone_within([pid], 5)
    assert escapes.call("code.me").value == guest
    assert escapes.call("other.me").value == other, "a guest of another source lives on"


@LINUX
def test_what_a_guest_forked_ends_with_it(escapes: Worker) -> None:
    other = escapes.call("other.me").value
    pid = escapes.call("code.fork").value
    assert stage.is_alive(pid)
    assert escapes.call("code.hang", seconds=0.1).failure is not None
    assert not stage.is_alive(pid)
    assert escapes.call("other.me").value == other, "a guest of another source lives on"


@LINUX
def test_daemon_ends_with_the_worker(escapes: Worker) -> None:
    pid = escapes.call("code.daemon").value
    escapes.close()
    assert not stage.is_alive(pid)


@LINUX
def test_fork_bomb(escapes: Worker) -> None:
    user = escapes.call("code.me").value
    assert escapes.call("code.bomb", seconds=1.0).failure == Failure("timeout", "did not end within 1 s")
    assert processes.children(os.getpid()) is not None
    assert not stage.is_alive(user)
    assert isinstance(escapes.call("code.me").value, int)
    before = time.monotonic()
    escapes.close()
    assert time.monotonic() - before < 20
    if os.geteuid() == 0:
        assert all(not processes.of_user(user) or _claimed(user) for user in range(slots.FIRST_ID, slots.FIRST_ID + 4))


def _claimed(user: int) -> bool:
    """Whether another worker on this machine has this id at the moment."""
    import fcntl

    with contextlib.suppress(OSError), open(f"/run/autograder-slots/{user}") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    return True


HOST = """
import os, sys, time
from pathlib import Path
from autograder.worker import File, Worker
with Worker(Path(sys.argv[1]), {"code": File("code.py")}, torch=False, seed=1) as worker:
    print(worker.call("code.daemon").value, worker.call("code.me").value, worker._scratch, flush=True)
    if sys.argv[2] == "call":
        worker.call("code.hang", seconds=60)
    time.sleep(60)
"""


@LINUX
@pytest.mark.parametrize("when", ["call", "idle"])
def test_kill_of_the_grader_leaves_nothing(tmp_path: Path, when: str) -> None:
    submission(tmp_path, code=ESCAPES)
    with subprocess.Popen([sys.executable, "-c", HOST, str(tmp_path), when], stdout=subprocess.PIPE, text=True) as grader:
        assert grader.stdout is not None
        daemon, guest, scratch = grader.stdout.readline().split()
        grader.kill()
    assert stage.gone_within([int(daemon), int(guest)], 10)
    end = time.monotonic() + 10
    while Path(scratch).exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert not Path(scratch).exists()


@LINUX
@pytest.mark.slow
def test_kill_of_the_grader_at_random_moments(tmp_path: Path) -> None:
    """No worker outlives it, whenever it dies: while it starts, copies, calls."""
    submission(tmp_path, code=ESCAPES)
    rng = random.Random(5)
    for _ in range(50):
        begun = set(map(int, filter(str.isdigit, os.listdir("/proc"))))
        with subprocess.Popen([sys.executable, "-c", HOST, str(tmp_path), "call"], stdout=subprocess.DEVNULL) as grader:
            time.sleep(rng.uniform(0, 0.8))
            below = processes.tree([grader.pid])
            grader.kill()
        assert stage.gone_within(below, 10), [pid for pid in below if stage.is_alive(pid)]
        del begun


@LINUX
def test_a_supervisor_that_is_killed_takes_its_guest_along(escapes: Worker) -> None:
    guest = escapes.call("code.me").value
    supervisor = int(Path(f"/proc/{guest}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(supervisor, signal.SIGKILL)
    assert stage.gone_within([guest], 5)
    assert escapes.call("code.me").value != guest, "another parent was started"


@LINUX
def test_a_parent_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parents, "_command", lambda *_: [sys.executable, "-c", "raise SystemExit('numpy is broken here')"])
    with (
        Worker(tmp_path, submission(tmp_path, code="x = 1\n"), torch=False, seed=1) as worker,
        pytest.raises(RuntimeError, match="numpy is broken here"),
    ):
        worker.call("code.f")


@LINUX
def test_warm_parent_is_shared_by_forks(tmp_path: Path) -> None:
    """As a batch does it: the grader forks for each submission, and the guests come from one parent."""
    sources = submission(tmp_path, code="def f(x): return x + 1\n")
    with WarmParent(torch=False) as warm:
        forks = []
        for value in range(3):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    with Worker(tmp_path, sources, torch=False, seed=1, warm=warm) as worker:
                        code = 0 if worker.call("code.f", value).value == value + 1 else 2
                finally:
                    os._exit(code)
            forks.append(pid)
        assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in forks] == [0, 0, 0]


# Users -----------------------------------------------------------------------------------------------------------------


@LINUX
@PRIVILEGED
def test_each_worker_has_a_user_of_its_own() -> None:
    first, second = slots.claim(), slots.claim()
    assert first is not None
    assert second is not None
    assert first.user != second.user
    first.release()
    second.release()


@pytest.mark.parametrize(("text", "known"), [("0 0 4294967295\n", True), ("0 1000 1\n", False), ("0 1000 1\n1 100000 65536\n", True)])
def test_users_that_a_namespace_knows(text: str, known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "uid_map").write_text(text)
    monkeypatch.setattr(slots, "open", lambda *_, **__: (tmp_path / "uid_map").open(), raising=False)
    assert slots._is_there(slots.FIRST_ID) == known


@LINUX
@PRIVILEGED
def test_root_of_a_namespace_without_other_users(tmp_path: Path) -> None:
    """Then guests stay who they are, but without what makes them root."""
    submission(tmp_path, code="import os\ndef f(x): return [x + 1, os.getuid()]\n")
    program = f"""
    from pathlib import Path
    from autograder.worker import File, Worker
    with Worker(Path({str(tmp_path)!r}), {{"code": File("code.py")}}, torch=False, seed=1) as worker:
        print(worker.call("code.f", 1).value, "separate user" in worker.protections, "no capabilities" in worker.protections)
    """
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
    if done.returncode and "unshare" in done.stderr:
        pytest.skip("no user namespaces here")
    assert done.stdout.strip() == "[2, 0] False True", done.stderr


@LINUX
@PRIVILEGED
def test_root_without_a_free_user_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "SLOTS", 0)
    sources = submission(tmp_path, code="def f(): return 1\n")
    with Worker(tmp_path, sources, torch=False, seed=1) as worker, pytest.raises(RuntimeError, match="all 0 user ids"):
        worker.call("code.f")


@LINUX
@PRIVILEGED
def test_lock_folder_of_someone_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "autograder-slots").mkdir(0o777)
    (tmp_path / "autograder-slots").chmod(0o777)
    monkeypatch.setattr(slots, "LOCK_FOLDERS", (str(tmp_path),))
    with pytest.raises(RuntimeError, match="no folder for locks"):
        slots.claim()


AS_ORDINARY = """
import json, os, sys
from pathlib import Path
import numpy as np
from autograder.worker import File, Worker, Limits
with Worker(Path(sys.argv[1]), {"code": File("code.py")}, torch=False, seed=1, limits=Limits(call=20)) as worker:
    reply = worker.call("code.f", np.ones(2))
    print(json.dumps([reply.value.tolist(), worker.call("code.who").value[0], list(worker.protections)]))
    print(sorted(os.listdir(worker._scratch)), file=sys.stderr)
"""


@LINUX
@PRIVILEGED
def test_as_an_ordinary_user(tmp_path: Path) -> None:
    with stage.ordinary_python(ROOT) as command:
        folder = Path(command[4]).parents[2]
        work = folder / "submission"
        work.mkdir(0o755)
        submission(work, code=IMPORTS + "\ndef f(x): return x + 1\n")
        (folder / "host.py").write_text(AS_ORDINARY)
        (folder / "host.py").chmod(0o644)
        done = stage.run_as_ordinary_user(command, str(folder / "host.py"), str(work))
    assert done.returncode == 0, done.stderr
    value, user, protections = json.loads(done.stdout)
    assert value == [2, 2]
    assert user == stage.ORDINARY_USER
    assert "separate user" not in protections
    assert {"resource limits", "grader not inspectable", "memory watched", "no new privileges"} <= set(protections)


# Layers ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("scoped", [True, False])
def test_filter_program_is_well_formed(machine: str, shared: bool, scoped: bool) -> None:
    """Every jump lands inside, every path ends in a verdict: what the kernel checks, for machines that we do not run on."""
    program = filters.filter_program(machine, shared_user=shared, strangers=(1, 2, 3), signals_scoped=scoped)
    assert 0 < len(program) < 4096
    for place, (code, if_true, if_false, _) in enumerate(program):
        if code in (0x15, 0x35, 0x45):
            assert place + 1 + max(if_true, if_false) < len(program)
        else:
            assert code in (0x20, 0x54, 0x06)
    assert program[-1][0] == 0x06


def test_filter_is_absent_on_other_machines() -> None:
    assert filters.filter_program("riscv64", shared_user=True, strangers=(), signals_scoped=False) == []


def test_every_refused_call_is_refused() -> None:
    """Interprets the filter for each call that it names."""
    for machine, (column, architecture) in filters._ARCHITECTURES.items():
        program = filters.filter_program(machine, shared_user=True, strangers=(77,), signals_scoped=False)
        numbers = {name: pair[column] for name, pair in filters._CALLS.items()}
        allow, refused, pretended, me = filters._ALLOW, filters._PERMISSION, filters._DONE, os.getpid()

        def of(name: str, *arguments: int, program: list[tuple[int, int, int, int]] = program) -> int:
            return verdict(program, architecture, numbers[name], [*arguments])  # noqa: B023 - used in this round only

        pretending = (*filters._PRETENDED, *filters._PRETENDED_WITH_SHARED_USER)
        for name, number in numbers.items():
            if name not in filters._BY_ARGUMENT and number >= 0:
                assert of(name) == (pretended if name in pretending else refused), name
        for name, arguments, expected in (
            ("socket", (2, 1), refused),
            ("socket", (1, 1), refused),
            ("connect", (3,), refused),
            ("bind", (3,), refused),
            ("socketpair", (1, 0x80001), allow),
            ("socketpair", (1, 5), allow),
            ("socketpair", (1, 2), refused),
            ("socketpair", (16, 1), refused),
            ("clone", (0x11,), allow),
            ("clone", (0x10000011,), refused),
            ("clone3", (0,), 0x50026),
            ("prlimit64", (0, 7), allow),
            ("prlimit64", (0, 4), refused),
            ("prlimit64", (77, 7), refused),
            ("setrlimit", (4,), refused),
            ("setrlimit", (7,), allow),
            ("kill", (77, 9), refused),
            ("kill", (me, 9), allow),
            ("kill", (0xFFFFFFFF, 9), refused),
            ("ioctl", (0, 0x5412), refused),
            ("ioctl", (0, 0x5401), allow),
            ("ioctl", (3, 0x40086602), refused),
            ("ioctl", (3, 0x8901), refused),
            ("fcntl", (3, 1031, 2**20), refused),
            ("fcntl", (3, 8, 77), refused),
            ("fcntl", (3, 1), allow),
            ("prctl", (4, 0), refused),
            ("prctl", (15, 0), allow),
            ("setsockopt", (3, 1, 7), pretended),
            ("setsockopt", (3, 1, 2), allow),
            ("setpriority", (0, 0, 5), allow),
            ("setpriority", (0, me, 5), allow),
            ("setpriority", (0, 77, 5), refused),
            ("setpriority", (1, 0, 5), refused),
            ("setpriority", (2, 0, 5), refused),
            ("ioprio_set", (1, 0, 5), allow),
            ("ioprio_set", (2, 0, 5), refused),
            ("ioprio_set", (3, 0, 5), refused),
            ("sched_setaffinity", (0,), allow),
            ("sched_setattr", (77,), refused),
        ):
            if numbers[name] >= 0:
                assert of(name, *arguments) == expected, (name, arguments)
        assert verdict(program, 0x40000003, 1, [0]) == filters._KILL
        own = filters.filter_program(machine, shared_user=False, strangers=(77,), signals_scoped=False)
        assert of("socket", 1, 1, program=own) == refused
        assert of("fchmodat", 0, program=own) == allow
        assert of("setxattr", 0, program=own) == pretended
        assert of("kill", 77, 9, program=own) == allow
        local = filters.filter_program(machine, shared_user=False, strangers=(77,), signals_scoped=False, local_sockets=True)
        assert of("socket", 1, 1, program=local) == allow
        assert of("connect", 3, program=local) == allow
        assert of("socket", 1, 2, program=local) == refused, "a datagram names where it goes"
        assert of("socket", 10, 1, program=local) == refused
    assert verdict(program, filters._ARCHITECTURES["aarch64"][1], 64, [1]) == allow  # write


def verdict(program: list[tuple[int, int, int, int]], architecture: int, number: int, arguments: list[int]) -> int:
    """What a classic BPF program returns for a system call."""
    data = {0: number, 4: architecture, **{16 + 8 * i: value for i, value in enumerate([*arguments, 0, 0, 0, 0, 0, 0][:6])}}
    register, place = 0, 0
    while True:
        code, if_true, if_false, constant = program[place]
        place += 1
        if code == 0x20:
            register = data[constant]
        elif code == 0x54:
            register &= constant
        elif code == 0x06:
            return constant
        else:
            hit = {0x15: register == constant, 0x35: register >= constant, 0x45: bool(register & constant)}[code]
            place += if_true if hit else if_false


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"/proc/self/cgroup": "0::/\n"}, None),
        ({"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "max\n"}, None),
        ({"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "805306368\n"}, 805306368),
        ({"/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/memory.max": "5\n", "/sys/fs/cgroup/a/b/memory.max": "max\n"}, 5),
        ({"/proc/self/cgroup": "3:cpu,cpuacct:/x\n2:memory:/x\n", "/sys/fs/cgroup/memory/x/memory.limit_in_bytes": "7\n"}, 7),
        ({"/proc/self/cgroup": "2:memory:/docker/f00\n", "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9\n"}, 9),
    ],
)
def test_memory_of_the_container(files: dict[str, str], expected: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(self: Path, *args: object, **kwargs: object) -> str:
        if str(self) not in files:
            raise FileNotFoundError(str(self))
        return files[str(self)]

    monkeypatch.setattr(Path, "read_text", read)
    assert surroundings.container_memory() == expected


def test_memory_in_a_small_container(monkeypatch: pytest.MonkeyPatch) -> None:
    for container, allowed in ((None, 2**30), (2**40, 2**30), (768 * 2**20, int(768 * 2**20 * surroundings.SHARE_OF_CONTAINER))):
        monkeypatch.setattr(surroundings, "container_memory", lambda container=container: container)
        assert surroundings.memory_allowed(2**30) == allowed
    monkeypatch.setattr(surroundings, "container_memory", lambda: 2**20)
    assert surroundings.memory_allowed(2**30) == surroundings.SMALLEST_MEMORY


def test_copy_leaves_links_and_devices_behind(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "sub" / "__pycache__").mkdir(parents=True)
    (root / "sub" / "a.py").write_text("1")
    (root / "sub" / "__pycache__" / "a.pyc").write_text("1")
    (root / "link.py").symlink_to("/etc/passwd")
    (root / "folder").symlink_to("/etc")
    os.mkfifo(root / "fifo")
    folders.copy_submission(root, tmp_path / "copy")
    assert sorted(str(p.relative_to(tmp_path / "copy")) for p in (tmp_path / "copy").rglob("*")) == ["sub", "sub/a.py"]


# A supervisor that stands by ------------------------------------------------------------------------------------------


@pytest.fixture
def standing() -> Iterator[WarmParent]:
    with WarmParent(torch=False) as parent:
        parent.stand_by()
        yield parent


def supervisors(parent: WarmParent) -> list[int]:
    return processes.children(parent._process.pid)


@LINUX
def test_one_supervisor_serves_workers_one_after_another_and_leaves_nothing_of_them(tmp_path: Path, standing: WarmParent) -> None:
    (tmp_path / "work.py").write_text("import os\n\ndef where():\n    return os.getcwd()\n")
    seen, places = set(), []
    for _ in range(3):
        with Worker(tmp_path, {"work": File("work.py")}, torch=False, seed=1, warm=standing) as worker:
            places.append(worker.call("work.where").value)
            seen.update(supervisors(standing))
        assert not Path(places[-1]).parent.exists()
        assert all(processes.children(pid) == [] for pid in supervisors(standing))
        standing.stand_by()
    assert len(seen) == 1
    assert len(set(places)) == 3


@LINUX
def test_what_a_killed_grading_left_is_cleared_by_the_next(tmp_path: Path, standing: WarmParent) -> None:
    (tmp_path / "work.py").write_text("import os\n\ndef where():\n    return os.getcwd()\n")
    reading, writing = os.pipe()
    if (pid := os.fork()) == 0:
        worker = Worker(tmp_path, {"work": File("work.py")}, torch=False, seed=1, warm=standing)
        os.write(writing, str(worker.call("work.where").value).encode())
        standing._standing.send(json.dumps({"op": "stop", "id": 1, "patience": 0.0}).encode())  # an answer that nobody will wait for
        os.kill(os.getpid(), signal.SIGKILL)
    place = Path(os.read(reading, 4096).decode())
    os.waitpid(pid, 0)
    with Worker(tmp_path, {"work": File("work.py")}, torch=False, seed=1, warm=standing) as worker:
        assert Path(worker.call("work.where").value) != place
        assert not place.parent.parent.exists()


@LINUX
def test_a_supervisor_that_died_is_replaced(tmp_path: Path, standing: WarmParent) -> None:
    (tmp_path / "work.py").write_text("def one():\n    return 1\n")
    with Worker(tmp_path, {"work": File("work.py")}, torch=False, seed=1, warm=standing) as worker:
        assert worker.call("work.one").value == 1
    (died,) = supervisors(standing)
    os.kill(died, signal.SIGKILL)
    time.sleep(0.1)
    standing.stand_by()
    with Worker(tmp_path, {"work": File("work.py")}, torch=False, seed=1, warm=standing) as worker:
        assert worker.call("work.one").value == 1
    assert supervisors(standing) != [died]


@LINUX
def test_a_parent_that_cannot_be_started_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(RuntimeError, match="torch is needed for this submission and not installed"):
        WarmParent(torch=True)
    assert set(os.listdir("/proc/self/fd")) == before


# What a submission does to what watches over it ------------------------------------------------------------------------

KILLER = """
import os, signal
def kill():
    os.kill(os.getppid(), signal.SIGKILL)
    while True: pass
def kill_in_a_while():
    import threading
    threading.Timer(0.2, os.kill, [os.getppid(), signal.SIGKILL]).start()
    return 1
def fine():
    return 1
"""
ABLE_TO_KILL = ("user", "capabilities", "privileges", "landlock", "seccomp", "mounts")
"""With these layers left out a guest can do what none should be able to."""


@LINUX
@PRIVILEGED
def test_who_ends_its_supervisor_is_charged_and_nobody_else(tmp_path: Path) -> None:
    sources = submission(tmp_path, bad=KILLER, good="def f(): return 1\n")
    with Worker(tmp_path, sources, torch=False, seed=1, _leave_out=ABLE_TO_KILL) as worker:
        assert worker.call("good.f").value == 1
        charged = Failure("killed", "ended the process that watches over it, and is not run again")
        assert worker.call("bad.kill").failure == charged
        assert worker.call("bad.fine").failure == charged, "its file is not run again"
        for _ in range(5):
            assert worker.call("good.f").value == 1


@LINUX
@PRIVILEGED
def test_one_that_ends_its_supervisor_later_and_again_and_again_takes_nothing_from_others(tmp_path: Path) -> None:
    sources = submission(tmp_path, bad=KILLER, good="import time\ndef f(): return 1\ndef slow(): time.sleep(0.6); return 2\n")
    with Worker(tmp_path, sources, torch=False, seed=1, _leave_out=ABLE_TO_KILL) as worker:
        for _ in range(5):
            worker.call("bad.kill_in_a_while")
            assert worker.call("good.slow").value == 2, "asked again, alone"
            assert worker.call("good.f").value == 1
        scratch = Path(worker._scratch)
    assert not scratch.exists()


@LINUX
@PRIVILEGED
def test_loading_that_ends_the_supervisor_is_charged_to_its_file(tmp_path: Path) -> None:
    sources = submission(tmp_path, bad="import os\nos.kill(os.getppid(), 9)\nwhile True: pass\n", good="def f(): return 1\n")
    with Worker(tmp_path, sources, torch=False, seed=1, _leave_out=ABLE_TO_KILL) as worker:
        failure = worker.call("bad.f").failure
        assert failure is not None
        assert failure.kind == "killed"
        assert worker.call("good.f").value == 1


@LINUX
def test_nothing_is_left_when_supervisor_and_grader_are_killed_together(tmp_path: Path) -> None:
    submission(tmp_path, code=ESCAPES)
    with subprocess.Popen([sys.executable, "-c", HOST, str(tmp_path), "idle"], stdout=subprocess.PIPE, text=True) as grader:
        assert grader.stdout is not None
        _, guest, scratch = grader.stdout.readline().split()
        supervisor = int(Path(f"/proc/{guest}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(supervisor, signal.SIGKILL)
        grader.kill()
    end = time.monotonic() + 10
    while Path(scratch).exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert not Path(scratch).exists()


FILLING = """
import os
def where():
    return os.getcwd()
def many(n):
    for k in range(n):
        open(f"f{k}", "w").close()
    return os.getcwd()
"""


@LINUX
@pytest.mark.parametrize("leave_out", [(), ("mounts",)])
def test_a_guest_that_leaves_much_delays_no_other(tmp_path: Path, leave_out: tuple[str, ...]) -> None:
    with Worker(tmp_path, submission(tmp_path, code=FILLING, other=FILLING), torch=False, seed=1, _leave_out=leave_out) as worker:
        place = worker.call("code.many", 15_000, seconds=60).value
        begun = time.monotonic()
        worker._end("code")
        assert time.monotonic() - begun < 2
        assert worker.call("other.where").value
        scratch = worker._scratch
    assert not Path(place).exists()
    assert not Path(scratch).exists()


@LINUX
def test_a_guest_that_cannot_be_started_ends_nothing(tmp_path: Path) -> None:
    sources = submission(tmp_path, code=FILLING)
    with Worker(tmp_path, sources, torch=False, seed=1) as worker:
        worker._root = tmp_path / "nothing"
        with pytest.raises(parents.ParentGone, match="FileNotFoundError"):
            worker.call("code.where")
        assert Path(worker._scratch).is_dir()
        worker._root = tmp_path
        assert worker.call("code.where").value


@LINUX
@PRIVILEGED
@pytest.mark.parametrize("leave_out", [(), ("mounts",)])
def test_too_many_files_end_the_guest_and_it_is_said(tmp_path: Path, leave_out: tuple[str, ...]) -> None:
    with Worker(tmp_path, submission(tmp_path, code=FILLING), torch=False, seed=1, _leave_out=leave_out) as worker:
        failure = worker.call("code.many", 10**6, seconds=60).failure
        assert failure is not None
        assert failure == Failure("killed", "left more than 20000 files and folders") or "No space left" in failure.message
        assert worker.call("code.where").value


@LINUX
@PRIVILEGED
def test_without_memory_for_it_files_stay_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os\ndef f(): return [os.statvfs('.').f_blocks, os.stat('/dev/shm').st_uid]\n"
    for container, own in ((None, True), (2**30, True), (768 * 2**20, False)):
        monkeypatch.setattr(surroundings, "container_memory", lambda container=container: container)
        with Worker(tmp_path, submission(tmp_path, code=code), torch=False, seed=1) as worker:
            blocks, owner = worker.call("code.f").value
            assert ("scratch folder and shared memory of its own, limited by the kernel" in worker.protections) == own
        assert (blocks * 4096 < 2 * Limits().disk, owner >= slots.FIRST_ID) == (own, own)


SHARING = """
import torch
from torch.utils.data import DataLoader, TensorDataset
def loaded():
    data = TensorDataset(torch.arange(8.0).reshape(4, 2))
    return [float(batch.sum()) for (batch,) in DataLoader(data, batch_size=2, num_workers=2)]
"""


@LINUX
@PRIVILEGED
def test_processes_of_torch_hand_tensors_to_each_other(tmp_path: Path) -> None:
    with Worker(tmp_path, submission(tmp_path, code=SHARING), torch=True, seed=1, limits=Limits(call=60)) as worker:
        reply = worker.call("code.loaded")
    assert reply.value == [6.0, 22.0], reply


KNOCKING = """
import socket, sys
def knock(path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    return 1
def own():
    listening = socket.socket(socket.AF_UNIX)
    listening.bind("own")
    listening.listen()
    return knock("own")
"""


@LINUX
@PRIVILEGED
def test_services_of_the_machine_are_covered_where_code_may_connect(tmp_path: Path) -> None:
    """Code with torch, whose processes find each other by named sockets."""
    import socket
    import tempfile

    place = Path(tempfile.mkdtemp(prefix="service-"))
    place.chmod(0o755)
    try:
        with socket.socket(socket.AF_UNIX) as service:
            service.bind(str(place / "socket"))
            (place / "socket").chmod(0o777)
            service.listen()
            sources = submission(tmp_path, code=KNOCKING)
            with Worker(tmp_path, sources, torch=True, seed=1, limits=Limits(call=60)) as worker:
                failure = worker.call("code.knock", str(place / "socket")).failure
                assert failure is not None
                assert failure.message.startswith("ConnectionRefusedError")
                assert worker.call("code.own").value == 1
            with Worker(tmp_path, sources, torch=True, seed=1, limits=Limits(call=60), _leave_out=("mounts",)) as worker:
                assert worker.call("code.knock", str(place / "socket")).value == 1, "as docs/security.md says"
            with Worker(tmp_path, sources, torch=False, seed=1, _leave_out=("mounts",)) as worker:
                failure = worker.call("code.knock", str(place / "socket")).failure
                assert failure is not None
                assert failure.message.startswith("PermissionError")
    finally:
        (place / "socket").unlink()
        place.rmdir()
