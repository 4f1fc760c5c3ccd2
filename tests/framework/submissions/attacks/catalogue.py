"""Attacks, as data: each a small piece of hostile or careless student code, and what must hold.

For every one of them must hold: another file's honest function still gives its value; the canary, a file that every user
of the system may read, is neither read nor changed; no process, file or piece of shared memory is left; the time stays
within bounds. Beyond that `expect` says how the call itself may end.

Each is bounded and harmless: what an attack would do if a layer failed is to read, write or signal something that the
test made for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Attack:
    """`code` defines `attack()`; it sees CANARY and FOLDER (paths), HOST (process id of the grader), N (its port on loopback)."""

    name: str
    topic: str
    code: str
    expect: str = "raised"
    """How the call may end: kinds of failure and `value`, separated by `|`."""
    value: object = ...
    """What it returns where it returns; ... for anything."""
    calls: int = 1
    seconds: float = 1.0
    fine: bool = True
    """Whether another function of the same file still gives its value."""
    without: Sequence[str] = ()
    """The layers that stand against it: with these left out it succeeds, with any other it does not."""
    also_without: Sequence[str] = ()
    """Layers left out in both runs of that proof, because they would stop it too."""
    only_root: str = ""
    """Why it cannot be held off where student code shares the grader's user id."""


def as_submission(attack: Attack, file: str, functions: Sequence[str]) -> dict[str, str]:
    """The attack as a file of a submission, for whole gradings: each of `functions` is the attack, `{file: text}`.

    The caller replaces CANARY, FOLDER, HOST and N at its head.
    """
    head = "CANARY, FOLDER, HOST, N = '@CANARY@', '@FOLDER@', @HOST@, @N@\n"
    wrappers = "".join(f"\n\ndef {name}(*args, **kwargs):\n    return attack()\n" for name in functions)
    return {file: head + attack.code + wrappers}


def body(text: str) -> str:
    """A module whose `attack` has this body; imports of what most attacks use."""
    lines = "\n".join("    " + line for line in text.strip("\n").splitlines())
    return f"import os, sys, time, signal, subprocess, ctypes\n\ndef fine():\n    return 1\n\ndef attack():\n{lines}\n"


READING = [
    Attack("read", "files", body("return open(CANARY).read()"), without=["landlock"]),
    Attack("read_through_symlink", "files", body("os.symlink(CANARY, 'link')\nreturn open('link').read()"), without=["landlock"]),
    Attack("read_through_hard_link", "files", body("os.link(CANARY, 'hard')\nreturn open('hard').read()")),
    Attack(
        "read_by_another_program",
        "files",
        body("return subprocess.run(['cat', CANARY], capture_output=True, text=True).stdout"),
        "value",
        "",
    ),
    Attack("read_by_the_c_library", "files", body("return ctypes.CDLL(None).open(CANARY.encode(), 0)"), "value", -1),
    Attack(
        "read_through_the_library_handles",
        "files",
        body("""
found = []
for n in range(3, 64):
    for up in range(1, 12):
        path = f"/proc/self/fd/{n}/" + "../" * up + CANARY.lstrip("/")
        try: found.append(open(path).read())
        except OSError: pass
return found
"""),
        "value",
        [],
    ),
    Attack("copy_it", "files", body("import shutil\nshutil.copy(CANARY, 'copy')\nreturn open('copy').read()")),
    Attack("list_its_folder", "files", body("return os.listdir(FOLDER)")),
    Attack(
        "walk_for_it",
        "files",
        body(
            "return [p for top in ('/tmp', '/home', '/root', '/autograder') for p, _, f in os.walk(top) if any('canary' in n for n in f)]"
        ),
        "value",
        [],
    ),
    Attack("read_shadow", "files", body("return open('/etc/shadow').read()")),
    Attack(
        "import_the_grader",
        "files",
        body("import autograder.worker.host\nreturn autograder.worker.host.__file__"),
    ),
    Attack(
        "command_lines_of_others",
        "files",
        body("""
found = []
for n in range(1, 40000):
    if n != os.getpid():
        try: found.append(open(f"/proc/{n}/cmdline").read())
        except OSError: pass
return [text for text in found if "zygote" not in text]
"""),
        "value",
        [],
        seconds=10,
        without=["landlock"],
    ),
    Attack("environment_of_the_grader", "files", body("return open(f'/proc/{HOST}/environ', 'rb').read().decode('latin-1')")),
    Attack("memory_of_the_grader", "files", body("return open(f'/proc/{HOST}/mem', 'rb').read(1).hex()")),
    Attack("memory_of_the_parent", "files", body("return open(f'/proc/{os.getppid()}/mem', 'r+b').fileno()")),
    Attack("descriptors_of_the_grader", "files", body("return os.listdir(f'/proc/{HOST}/fd')")),
]

WRITING = [
    Attack("overwrite", "files", body("open(CANARY, 'w').write('x')")),
    Attack("append", "files", body("open(CANARY, 'a').write('x')")),
    Attack("delete", "files", body("os.remove(CANARY)")),
    Attack("rename", "files", body("os.rename(CANARY, CANARY + '.old')")),
    Attack("truncate", "files", body("os.truncate(CANARY, 0)")),
    Attack("permissions", "files", body("os.chmod(CANARY, 0)"), "raised|value"),
    Attack("owner_and_times", "files", body("os.utime(CANARY, (0, 0))\nos.chown(CANARY, os.getuid(), os.getgid())"), "raised|value"),
    Attack("attributes", "files", body("os.setxattr(CANARY, 'user.x', b'y')"), "raised|value"),
    Attack("beside_it", "files", body("open(FOLDER + '/new', 'w').write('x')")),
    Attack("results", "files", body("open(os.path.join(FOLDER, 'results.json'), 'w').write('{}')")),
    Attack(
        "give_a_file_to_root",
        "files",
        body("open('f', 'w').close()\nos.chown('f', 12345, 12345)\nreturn os.stat('f').st_uid == 12345"),
        "raised|value",
        False,
    ),
    Attack("device", "files", body("import stat\nos.mknod('disk', 0o600 | stat.S_IFBLK, os.makedev(1, 0))")),
    Attack("leave_in_tmp", "files", body("open('/tmp/attack-left-this', 'w').write('x')\nreturn 1"), "raised|value"),
    Attack(
        "leave_in_shared_memory",
        "files",
        body("open('/dev/shm/attack-left-this', 'w').write('x')\nreturn 1"),
        "value",
        1,
        without=["leftovers"],
        also_without=["mounts"],
    ),
    Attack(
        "one_large_file",
        "files",
        body("f = open('large', 'wb')\nfor _ in range(200): f.write(bytes(2**20))\nreturn f.tell()"),
        without=["limits"],
        also_without=["watch", "mounts"],
    ),
    Attack(
        "many_files",
        "files",
        body("for n in range(40):\n    open(f'f{n}', 'wb').write(bytes(2**24))\n    time.sleep(0.05)\nreturn n"),
        "killed|raised",
        seconds=20,
        without=["watch"],
        also_without=["mounts"],
    ),
    Attack("many_small_files", "files", body("for n in range(10**6): open(f'f{n}', 'w').close()"), "killed|raised", seconds=20),
    Attack("deep_folders", "files", body("for _ in range(800):\n    os.mkdir('d'); os.chdir('d')\nreturn 1"), "value", 1, fine=False),
    Attack(
        "folders_too_deep_for_recursion",
        "files",
        body("for _ in range(3000):\n    os.mkdir('d'); os.chdir('d')\nos._exit(0)"),
        "exited",
        seconds=10,
    ),
    Attack(
        "deep_closed_folders",
        "files",
        body("for _ in range(1500):\n    os.mkdir('d'); os.chdir('d'); os.chmod('..', 0o300)\nos._exit(0)"),
        "exited",
        seconds=10,
    ),
    Attack(
        "files_too_deep_for_a_path",
        "files",
        body("""
for _ in range(3000):
    os.mkdir('d'); os.chdir('d')
for n in range(40):
    open(f'f{n}', 'wb').write(bytes(2**24))
    time.sleep(0.05)
return n
"""),
        "killed|raised",
        seconds=20,
        without=["watch"],
        also_without=["mounts"],
    ),
    Attack(
        "files_in_a_closed_folder",
        "files",
        body("os.mkdir('d', 0o300)\nfor n in range(40):\n    open(f'd/{n}', 'wb').write(bytes(2**24))\n    time.sleep(0.05)\nreturn n"),
        "killed|raised",
        seconds=20,
        without=["watch"],
        also_without=["mounts"],
    ),
    Attack(
        "open_files_without_a_name",
        "files",
        body("""
held = []
for n in range(40):
    held.append(open('f', 'wb'))
    os.unlink('f')
    held[-1].write(bytes(2**24))
    time.sleep(0.05)
return n
"""),
        "killed|raised",
        seconds=20,
        without=["watch"],
        also_without=["mounts"],
    ),
    Attack(
        "open_files_without_a_name_in_children",
        "files",
        body("""
for n in range(12):
    if os.fork() == 0:
        held = open(f'f{n}', 'wb')
        os.unlink(f'f{n}')
        held.write(bytes(2**24)); held.flush()
        time.sleep(20)
        os._exit(0)
time.sleep(3)
return 1
"""),
        "killed|raised",
        seconds=20,
        without=["watch"],
        also_without=["mounts"],
    ),
    Attack(
        "mapped_files_without_a_name",
        "files",
        body("""
import mmap
held = []
for n in range(20):
    with open('f', 'w+b') as file:
        file.write(bytes(2**24)); file.flush()
        held.append(mmap.mmap(file.fileno(), 2**24))
    os.unlink('f')
    time.sleep(0.05)
return n
"""),
        "killed|raised|memory",
        seconds=20,
    ),
    Attack(
        "more_than_its_file_system",
        "files",
        body("for n in range(14):\n    open(f'f{n}', 'wb').write(bytes(2**24))\nreturn n"),
        "killed|raised",
        seconds=20,
        without=["mounts"],
        also_without=["watch"],
    ),
    Attack(
        "folders_moved_about",
        "files",
        body("""
import threading
os.mkdir('a'); os.mkdir('b')
here = os.getcwd()
def move():
    while True:
        os.rename(f'{here}/a/deep', f'{here}/b/deep')
        os.rename(f'{here}/b/deep', f'{here}/a/deep')
os.mkdir('a/deep')
os.chdir('a/deep')
for _ in range(300):
    os.mkdir('d'); os.chdir('d')
threading.Thread(target=move, daemon=True).start()
for n in range(40):
    open(f'f{n}', 'wb').write(bytes(2**24))
    time.sleep(0.05)
return n
"""),
        "killed|raised",
        seconds=20,
    ),
    Attack(
        "attributes_of_its_own_files",
        "files",
        body("open('f', 'w').close()\nos.setxattr('f', 'user.x', b'y')\nreturn os.listxattr('f')"),
        "raised|value",
        [],
    ),
    Attack(
        "attributes_by_newer_calls",
        "files",
        body("""
open('f', 'w').close()
call = ctypes.CDLL(None).syscall
value = ctypes.create_string_buffer(b'y')
about = (ctypes.c_uint64 * 2)(ctypes.addressof(value), 1)
call(463, -100, b'f', 0, b'user.x', about, 16)
return [call(469, -100, b'f', bytes(24), 24, 0), os.listxattr('f')]
"""),
        "value",
        [-1, []],
    ),
    Attack(
        "a_name_that_cannot_be_removed",
        "files",
        body("import fcntl\nf = open('f', 'w')\nfcntl.ioctl(f, 0x40086602, (0x40).to_bytes(8, 'little'))\nreturn 1"),
        without=["seccomp"],
    ),
    Attack(
        "names_of_files_as_they_are_opened",
        "files",
        body("return ctypes.CDLL(None).inotify_init1(0)"),
        "value",
        -1,
        without=["seccomp"],
    ),
    Attack("names_by_the_older_call", "files", body("import fcntl\nreturn fcntl.fcntl(os.open('/usr', os.O_RDONLY), 1026, 4)")),
    Attack("a_lease_that_makes_others_wait", "files", body("import fcntl\nreturn fcntl.fcntl(open(__file__), 1024, fcntl.F_RDLCK)")),
    Attack(
        "closed_folders", "files", body("os.makedirs('a/b/c')\nfor p in ('a/b/c', 'a/b', 'a', '.'): os.chmod(p, 0)\nreturn 1"), "value", 1
    ),
    Attack(
        "strange_names",
        "files",
        body("for n in ('a\\nb', '-rf', '\\x1b[31m', 'x' * 250, '..x', ' '): open(n, 'w').close()\nos.mkfifo('fifo')\nreturn 1"),
        "value",
        1,
    ),
    Attack("link_out_of_the_folder", "files", body("os.symlink(FOLDER, 'out')\nos.symlink('/', 'root')\nreturn 1"), "value", 1),
    Attack("other_file_of_the_submission", "files", body("open('honest.py', 'w').write('def f(x): return 0')\nreturn 1"), "value", 1),
    Attack(
        "copies_of_other_guests",
        "files",
        body("""
wrote = 0
for n in range(50):
    try: open(f"../../{n}/work/honest.py", "w").write("def f(x): return 0"); wrote += 1
    except OSError: pass
return wrote
"""),
        "value",
        # its own folder is one of them
        1,
    ),
    Attack(
        "start_up_files",
        "files",
        body("""
for name in ("sitecustomize.py", "usercustomize.py", "numpy.py", "json.py", "honest.pth", "conftest.py", "pytest.ini"):
    for place in (".", os.environ["HOME"]):
        open(os.path.join(place, name), "w").write("raise SystemExit(9)")
return 1
"""),
        "value",
        1,
    ),
]

NETWORK = [
    Attack("loopback_tcp", "network", body("import socket\nsocket.create_connection(('127.0.0.1', N), 1)\nreturn 1")),
    Attack(
        "loopback_udp",
        "network",
        body("import socket\nreturn socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', N))"),
        without=["seccomp"],
    ),
    Attack("listen", "network", body("import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()\nreturn 1")),
    Attack("version_6", "network", body("import socket\nsocket.socket(socket.AF_INET6, socket.SOCK_STREAM)\nreturn 1")),
    Attack("raw", "network", body("import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, 1)\nreturn 1")),
    Attack("netlink", "network", body("import socket\nsocket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)\nreturn 1")),
    Attack("names", "network", body("import socket\nreturn socket.getaddrinfo('localhost.invalid', 80)[0][4][0]"), seconds=3),
    Attack("web", "network", body("import urllib.request\nreturn urllib.request.urlopen(f'http://127.0.0.1:{N}/', timeout=1).read()")),
    Attack(
        "by_another_program",
        "network",
        body("""
program = f"import socket; socket.create_connection(('127.0.0.1', {N}), 1); print('sent')"
for python in ("/usr/bin/python3", sys.executable):
    try: done = subprocess.run([python, "-c", program], capture_output=True, text=True)
    except OSError: continue
    if "sent" in done.stdout: return done.stdout
return ""
"""),
        "value",
        "",
        seconds=5,
    ),
]

SERVICE = """
import os, socket
def service(): return os.path.join(os.path.dirname(FOLDER), "service")

"""

NETWORK += [
    Attack(
        "a_service_by_its_name",
        "network",
        SERVICE + body("s = socket.socket(socket.AF_UNIX)\ns.connect(service())\ns.send(b'x')\nreturn 1"),
        without=["seccomp"],
    ),
    Attack(
        "a_datagram_to_a_service",
        "network",
        SERVICE + body("return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', service() + '-datagrams')"),
        without=["seccomp"],
    ),
    Attack(
        "a_datagram_of_a_pair_to_a_service",
        "network",
        SERVICE
        + body("""
one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
return one.sendmsg([b'x'], [], 0, service() + '-datagrams')
"""),
        without=["seccomp"],
    ),
]

PROCESSES = [
    Attack("fork_bomb", "processes", body("while True:\n    try: os.fork()\n    except OSError: pass"), "timeout"),
    Attack(
        "fork_bomb_that_returns",
        "processes",
        body(
            "me = os.getpid()\nfor _ in range(2000):\n    try: os.fork()\n    except OSError: pass\nwhile os.getpid() != me: pass\nreturn 1"
        ),
        "value|killed|timeout",
        seconds=3,
        fine=False,
    ),
    Attack(
        "too_many_processes",
        "processes",
        body("""
started = 0
for _ in range(1200):
    pid = os.fork()
    if pid == 0:
        time.sleep(20)
        os._exit(0)
    started += 1
return started
"""),
        "raised",
        seconds=10,
        without=["limits"],
        fine=False,
    ),
    Attack(
        "thread_bomb",
        "processes",
        body("import threading\nfor _ in range(10**5): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"),
        "raised|memory|timeout",
        seconds=5,
        fine=False,
    ),
    Attack(
        "daemon",
        "processes",
        body("""
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(s, signal.SIG_IGN)
    pid = os.fork()
    if pid:
        os.write(write, str(pid).encode())
        os._exit(0)
    os.closerange(0, 200)
    time.sleep(60)
os.wait()
return int(os.read(read, 20))
"""),
        "value",
        without=["sweep"],
    ),
    Attack(
        "chain_of_daemons",
        "processes",
        body("""
if os.fork() == 0:
    end = time.time() + 20
    while time.time() < end:
        os.setsid() if os.getpid() != os.getsid(0) else None
        try: pid = os.fork()
        except OSError: pid = 0
        if pid: os._exit(0)
        time.sleep(0.002)
    os._exit(0)
return 1
"""),
        "value",
        1,
    ),
    Attack("kill_the_parent", "processes", body("os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(0.3)\nreturn 1")),
    Attack("kill_the_grader", "processes", body("os.kill(HOST, signal.SIGKILL)")),
    Attack("stop_the_grader", "processes", body("os.kill(HOST, signal.SIGSTOP)")),
    Attack("kill_the_graders_group", "processes", body("os.killpg(os.getpgid(HOST), signal.SIGKILL)")),
    Attack("kill_by_handle", "processes", body("signal.pidfd_send_signal(os.pidfd_open(HOST), signal.SIGKILL)")),
    Attack("queue_a_signal", "processes", body("return ctypes.CDLL(None).syscall(129, HOST, 9, bytes(128))"), "value", -1),
    Attack("kill_itself", "processes", body("os.kill(os.getpid(), signal.SIGKILL)"), "killed"),
    Attack("kill_everything", "processes", body("os.kill(-1, signal.SIGKILL)\nreturn 1"), "raised|killed|value"),
    Attack("trace_the_grader", "processes", body("return ctypes.CDLL(None).ptrace(16, HOST, 0, 0)"), "value", -1),
    Attack("read_the_graders_memory", "processes", body("return ctypes.CDLL(None).syscall(310, HOST, 0, 0, 0, 0, 0)"), "value", -1),
    Attack(
        "take_the_graders_descriptor", "processes", body("return ctypes.CDLL(None).syscall(438, os.pidfd_open(HOST), 1, 0)"), "value", -1
    ),
    Attack("limit_the_grader", "processes", body("import resource\nresource.prlimit(HOST, resource.RLIMIT_CPU, (1, 1))")),
    Attack("slow_the_grader_down", "processes", body("os.setpriority(os.PRIO_PROCESS, HOST, 19)")),
    Attack("slow_all_of_a_user_down", "processes", body("os.setpriority(os.PRIO_USER, 0, 19)\nreturn 1"), "raised|value"),
    Attack("disks_of_all_of_a_user", "processes", body("return ctypes.CDLL(None).syscall(251, 3, 0, 3 << 13)"), "value"),
    Attack("a_signal_by_a_file", "processes", body("import fcntl\nreturn fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, HOST)")),
    Attack("hide_from_the_watch", "processes", body("return ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)"), "value", -1),
    Attack("leave_a_core", "processes", body("import resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))")),
    Attack("pin_the_grader", "processes", body("os.sched_setaffinity(HOST, {0})")),
    Attack(
        "compute_after_the_answer",
        "processes",
        body("import threading\ndef spin():\n    while True: pass\nthreading.Thread(target=spin, daemon=True).start()\nreturn 1"),
        "value",
        1,
    ),
    Attack(
        "children_that_compute_after_the_answer",
        "processes",
        body("for _ in range(30):\n    if os.fork() == 0:\n        while True: pass\nreturn 1"),
        "value",
        1,
        seconds=10,
    ),
    Attack(
        "daemons_that_compute_after_the_answer",
        "processes",
        body("""
for _ in range(20):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True: pass
        os._exit(0)
return 1
"""),
        "value",
        1,
        seconds=10,
    ),
    Attack(
        "daemons_with_memory",
        "processes",
        body("""
for _ in range(4):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            x = os.urandom(150 * 2**20)
            time.sleep(20)
        os._exit(0)
time.sleep(0.5)
return 1
"""),
        "value|memory",
        1,
        seconds=10,
    ),
    Attack("exit_in_a_while", "processes", body("import threading\nthreading.Timer(0.05, os._exit, [0]).start()\nreturn 1"), "value", 1),
    Attack("alarm", "processes", body("signal.setitimer(signal.ITIMER_REAL, 0.05)\nreturn 1"), "value", 1),
]

RIGHTS = [
    Attack("become_root", "rights", body("os.setuid(0)\nreturn os.getuid()"), only_root="nobody else could become root anyway"),
    Attack("who_am_i", "rights", body("return os.geteuid() == 0"), "value", False, without=["user"]),
    Attack("namespace", "rights", body("return ctypes.CDLL(None).unshare(0x10000000)"), "value", -1, without=["seccomp"]),
    Attack("namespace_by_clone", "rights", body("return ctypes.CDLL(None).syscall(56, 0x10000000 | 17, 0, 0, 0, 0)"), "value", -1),
    Attack("mount", "rights", body("return ctypes.CDLL(None).mount(b'none', b'.', b'tmpfs', 0, None)"), "value", -1),
    Attack("change_root", "rights", body("os.chroot('.')")),
    Attack("ring", "rights", body("return ctypes.CDLL(None).syscall(425, 1, bytes(120))"), "value", -1),
    Attack("kernel_program", "rights", body("return ctypes.CDLL(None).syscall(321, 0, bytes(120), 120)"), "value", -1),
    Attack("keys", "rights", body("return ctypes.CDLL(None).syscall(248, b'user', b'attack', b'x', 1, -3)"), "value", -1),
    Attack("shared_segment", "rights", body("return ctypes.CDLL(None).shmget(0, 4096, 0o1600)"), "value", -1),
    Attack("message_queue", "rights", body("return ctypes.CDLL(None).msgget(0, 0o1600)"), "value", -1),
    Attack("type_into_the_terminal", "rights", body("import fcntl\nfcntl.ioctl(0, 0x5412, b'x')")),
    Attack(
        "run_before_others",
        "rights",
        body("os.setpriority(os.PRIO_PROCESS, 0, -5)\nreturn os.getpriority(os.PRIO_PROCESS, 0)"),
        without=["capabilities"],
        also_without=["user"],
    ),
    Attack(
        "environment",
        "rights",
        body("""
known = "OMP_NUM_THREADS MKL_NUM_THREADS OPENBLAS_NUM_THREADS HOME TMPDIR TEMP TMP MPLCONFIGDIR XDG_CACHE_HOME PATH LANG TZ MPLBACKEND USER"
known += " LOGNAME PYTHONHASHSEED PYTHONDONTWRITEBYTECODE LC_CTYPE"
return [name for name in os.environ if name not in known.split()]
"""),
        "value",
        [],
    ),
    Attack(
        "open_descriptors",
        "rights",
        body("""
open_now = []
for n in range(3, 256):
    try: open_now.append(os.readlink(f"/proc/self/fd/{n}"))
    except OSError: pass
library = [os.path.realpath(p) for p in sys.path]
return [p for p in open_now if not p.startswith("socket:") and not any(p == l or l.startswith("/proc") for l in library)][:-1]
"""),
        "value",
        [],
    ),
    Attack("raise_a_limit", "rights", body("import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (10**6, 10**6))")),
]

MEMORY = [
    Attack("one_block", "memory", body("return len(bytearray(16 * 10**9))"), "memory", without=["limits"], also_without=["watch"]),
    Attack("list_without_end", "memory", body("x = []\nwhile True: x.append(bytes(10**6))"), "memory|killed", seconds=20),
    Attack(
        "shared_pages",
        "memory",
        body("import mmap\nm = mmap.mmap(-1, 400 * 2**20)\nfor _ in range(400): m.write(bytes(2**20))\ntime.sleep(0.3)\nreturn 1"),
        "memory",
        seconds=20,
        without=["watch"],
    ),
    Attack("memory_file", "memory", body("return os.memfd_create('x')")),
    Attack(
        "file_in_shared_memory",
        "memory",
        body("for n in range(12):\n    open(f'/dev/shm/attack{n}', 'wb').write(bytes(32 * 2**20))\n    time.sleep(0.1)\nreturn 1"),
        "memory|killed|raised",
        seconds=20,
        without=["watch"],
        also_without=["mounts"],
    ),
    Attack(
        "shared_memory_in_folders",
        "memory",
        body("""
os.mkdir('/dev/shm/attack-left-folder')
for n in range(12):
    open(f'/dev/shm/attack-left-folder/{n}', 'wb').write(bytes(32 * 2**20))
    time.sleep(0.1)
return 1
"""),
        "memory|killed|raised",
        seconds=20,
        without=["watch"],
        also_without=["mounts"],
    ),
    Attack(
        "shared_memory_without_a_name",
        "memory",
        body("""
held = []
for n in range(12):
    held.append(open('/dev/shm/attack', 'wb'))
    os.unlink('/dev/shm/attack')
    held[-1].write(bytes(32 * 2**20))
    time.sleep(0.1)
return 1
"""),
        "memory|killed|raised",
        seconds=20,
        without=["watch"],
        also_without=["mounts"],
    ),
    Attack(
        "empty_files_in_shared_memory",
        "memory",
        body("for n in range(300_000): os.close(os.open(f'/dev/shm/attack-left-{n}', os.O_CREAT | os.O_WRONLY))\ntime.sleep(12)\nreturn 1"),
        "killed|raised",
        seconds=20,
        without=["watch"],
        also_without=["mounts"],
    ),
    Attack(
        "shared_memory_of_others",
        "memory",
        body("return [open(f'/dev/shm/{name}').read() for name in os.listdir('/dev/shm') if 'canary' in name]"),
        "raised|value",
        [],
        without=["mounts", "landlock"],
    ),
    Attack(
        "buffers_of_sockets",
        "memory",
        body("""
import socket
def fill():
    held = []
    try:
        while True:
            for s in socket.socketpair():
                s.setblocking(False)
                held.append(s)
                try:
                    while True: s.send(bytes(2**15))
                except BlockingIOError: pass
    except OSError: pass
    time.sleep(20)
    os._exit(0)
for n in range(20):
    if os.fork() == 0: fill()
time.sleep(6)
return 1
"""),
        "memory",
        seconds=20,
        without=["watch"],
    ),
    Attack(
        "larger_buffers_of_sockets",
        "memory",
        body("""
import socket
s, _ = socket.socketpair()
before = s.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, before // 4)
return s.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == before
"""),
        "value",
        True,
        without=["seccomp"],
    ),
    Attack("larger_pipes", "memory", body("import fcntl\nreturn fcntl.fcntl(os.pipe()[0], 1031, 2**20)"), without=["seccomp"]),
    Attack(
        "many_processes_with_some",
        "memory",
        body("for _ in range(6):\n    if os.fork() == 0:\n        x = os.urandom(80 * 2**20)\n        time.sleep(20)\ntime.sleep(9)"),
        "memory",
        seconds=20,
    ),
    Attack(
        "deep_recursion",
        "memory",
        body("sys.setrecursionlimit(10**9)\ndef f(): return [f()]\nreturn f()"),
        "killed|memory|raised",
        seconds=20,
    ),
    Attack("large_number", "memory", body("return 10 ** 10**6"), "type", seconds=20),
]

WIRE = """
def wire():
    import socket
    for n in range(3, 64):
        try: s = socket.socket(fileno=os.dup(n))
        except OSError: continue
        if s.type == socket.SOCK_STREAM: return s

"""

REPLIES = [
    Attack("lie_about_length", "replies", WIRE + body("wire().sendall(b'AGW1' + b'\\xff' * 12)\ntime.sleep(5)"), "killed"),
    Attack(
        "promise_and_stall",
        "replies",
        WIRE + body("wire().sendall(b'AGW1' + bytes([100, 0, 0, 0]) + bytes(8) + b'{')\ntime.sleep(60)"),
        "timeout",
    ),
    Attack("flood", "replies", WIRE + body("s = wire()\nwhile True: s.sendall(bytes(2**20))"), "killed"),
    Attack(
        "flood_of_promised_length",
        "replies",
        WIRE
        + body(
            "s = wire()\n"
            "s.sendall(b'AGW1' + bytes([2, 0, 0, 0]) + bytes([0, 0, 0, 1] + [0] * 4) + b'{}')\nwhile True: s.sendall(bytes(2**20))"
        ),
        "killed",
    ),
    Attack("close", "replies", WIRE + body("wire().shutdown(2)\ntime.sleep(60)"), "killed"),
    Attack("pickle", "replies", WIRE + body("import pickle\nwire().sendall(pickle.dumps(print))\ntime.sleep(60)"), "killed"),
    Attack(
        "answer_in_advance",
        "replies",
        WIRE
        + body("""
import json
def frame(n):
    text = json.dumps({"id": n, "value": 1.0, "buffers": []}).encode()
    return b"AGW1" + len(text).to_bytes(4, "little") + bytes(8) + text
s = wire()
for n in range(3, 200): s.sendall(frame(n))
return 1
"""),
        "value|killed",
    ),
    Attack(
        "deep_json",
        "replies",
        WIRE + body("text = b'[' * 10**6\nwire().sendall(b'AGW1' + len(text).to_bytes(4, 'little') + bytes(8) + text)\ntime.sleep(60)"),
        "killed",
    ),
    Attack(
        "many_empty_buffers",
        "replies",
        WIRE
        + body("""
text = b'{"id":3,"value":1,"buffers":[' + b'0,' * 2_600_000 + b'0]}'
wire().sendall(b'AGW1' + len(text).to_bytes(4, 'little') + bytes(8) + text)
time.sleep(60)
"""),
        "killed",
        seconds=5,
    ),
    Attack(
        "many_empty_lists",
        "replies",
        WIRE
        + body("""
text = b'{"id":3,"value":{"list":[' + b'[],' * 1_700_000 + b'[]]},"buffers":[]}'
wire().sendall(b'AGW1' + len(text).to_bytes(4, 'little') + bytes(8) + text)
time.sleep(60)
"""),
        "killed",
        seconds=5,
    ),
    Attack(
        "keys_that_are_alike",
        "replies",
        body("return {n * (2**61 - 1): 0 for n in range(1, 8_000)}"),
        "killed",
        seconds=5,
    ),
    Attack("many_numbers", "replies", body("return [0.5] * 10**6"), "type", seconds=5),
    Attack("large_array", "replies", body("import numpy\nreturn numpy.zeros(5 * 10**6)"), "type", seconds=5),
    Attack("object_array", "replies", body("import numpy\nreturn numpy.array([print], dtype=object)"), "type"),
    Attack("agreeing_object", "replies", body("class A(float):\n    def __eq__(self, other): return True\nreturn A(1)"), "type"),
    Attack("agreeing_array", "replies", body("import numpy\nclass A(numpy.ndarray): pass\nreturn numpy.ones(2).view(A)"), "type"),
    Attack("agreeing_type", "replies", body("class A:\n    __class__ = float\n    def __float__(self): return 1.0\nreturn A()"), "type"),
    Attack("print_without_end", "replies", body("while True: print('x' * 10**4)"), "timeout"),
    Attack("print_binary", "replies", body("os.write(1, bytes(range(256)) * 100)\nreturn 1"), "value", 1),
    Attack(
        "print_results",
        "replies",
        body("print('{\"score\": 100, \"tests\": []}')\nprint('\\x1b]0;title\\x07<script>')\nreturn 1"),
        "value",
        1,
    ),
    Attack("close_the_output", "replies", body("os.close(1)\nos.close(2)\nsys.stdout.close()\nreturn 1"), "value", 1),
    Attack(
        "output_that_raises",
        "replies",
        body("class O:\n    def flush(self): raise KeyboardInterrupt\nsys.stdout = O()\nreturn 1"),
        "value",
        1,
    ),
    Attack("bad_exception", "replies", body("class E(BaseException):\n    def __str__(self): os._exit(0)\nraise E"), "exited"),
    Attack("exit_as_if_done", "replies", body("os._exit(0)"), "exited"),
    Attack("exit_as_python_does", "replies", body("sys.exit(0)"), "exited"),
]

INTERPRETER = [
    Attack(
        "patch_libraries",
        "interpreter",
        body("import numpy\nnumpy.asarray = numpy.zeros = numpy.linalg.solve = None\nreturn 1"),
        "value",
        1,
    ),
    Attack("empty_the_modules", "interpreter", body("sys.modules.clear()\nreturn 1"), "value", 1, fine=False),
    Attack(
        "remove_builtins",
        "interpreter",
        body("import builtins\nfor n in list(vars(builtins)): delattr(builtins, n)\nreturn 1"),
        "value|raised|exited",
        fine=False,
    ),
    Attack(
        "callers_frames",
        "interpreter",
        body("""
found, frame = [], sys._getframe()
while frame:
    found.append(os.path.basename(frame.f_code.co_filename))
    found += [str(v)[:1000] for v in list(frame.f_locals.values()) + list(frame.f_globals.values()) if isinstance(v, str)]
    frame = frame.f_back
return [text for text in found if "expected" in text or "canary-content" in text or "reference" in text]
"""),
        "value",
        [],
    ),
    Attack(
        "everything_in_memory",
        "interpreter",
        body("""
import gc
wanted = "-".join(["canary", "content"])
texts = [o for o in gc.get_objects() if isinstance(o, (list, dict, tuple))]
return [1 for o in texts for v in (o.values() if isinstance(o, dict) else o) if isinstance(v, str) and v.startswith(wanted)]
"""),
        "value",
        [],
        seconds=10,
    ),
    Attack(
        "answer_for_everything",
        "interpreter",
        body("""
frame = sys._getframe()
while "guest" not in frame.f_locals: frame = frame.f_back
guest = frame.f_locals["guest"]
type(guest)._perform = lambda self, header, buffers: 1
return 1
"""),
        "value",
        1,
    ),
    Attack("at_exit", "interpreter", body("import atexit\natexit.register(time.sleep, 60)\nreturn 1"), "value", 1),
    Attack("crash", "interpreter", body("ctypes.string_at(0)"), "killed"),
    Attack(
        "crash_of_numpy",
        "interpreter",
        body("import numpy\nnumpy.lib.stride_tricks.as_strided(numpy.zeros(1), (10**9,), (4096,)).sum()"),
        "killed",
    ),
    Attack(
        "preload", "interpreter", body("os.environ['LD_PRELOAD'] = '/nothing.so'\nos.environ['PYTHONPATH'] = '.'\nreturn 1"), "value", 1
    ),
    Attack("loop", "interpreter", body("while True: pass"), "timeout"),
    Attack(
        "loop_that_catches_everything",
        "interpreter",
        body("while True:\n    try: time.sleep(1)\n    except BaseException: pass"),
        "timeout",
    ),
    Attack(
        "loop_that_ignores_signals",
        "interpreter",
        body("for s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: pass"),
        "timeout",
    ),
    Attack("loop_while_loading", "interpreter", "while True: pass\n", "timeout", fine=False),
    Attack("exit_while_loading", "interpreter", "import os\nos._exit(0)\n", "exited", fine=False),
    Attack("crash_while_loading", "interpreter", "import ctypes\nctypes.string_at(0)\n", "killed", fine=False),
    Attack("memory_while_loading", "interpreter", "x = []\nwhile True: x.append(bytearray(10**7))\n", "memory|import|killed", fine=False),
    Attack("syntax", "interpreter", "def attack(:\n", "import", fine=False),
    Attack("nested_source", "interpreter", "x = " + "(" * 5000 + ")" * 5000 + "\n", "import|killed|memory", fine=False),
    Attack("not_text", "interpreter", "\x00\x01\x02", "import", fine=False),
]

ATTACKS = [*READING, *WRITING, *NETWORK, *PROCESSES, *RIGHTS, *MEMORY, *REPLIES, *INTERPRETER]
