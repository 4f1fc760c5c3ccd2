"""The layers between student code and the machine, each put on where the system has it. Part of the guest's process:
standard library only.

`put_on` is called in a fresh child, still privileged where the grader is root, before any code of the student's is
loaded. Each layer reports whether it is active; none that is missing stops the rest. Sources: prctl(2), seccomp(2),
landlock(7), setrlimit(2), capabilities(7).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import importlib.util
import os
import stat
import struct
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from autograder.worker import filters, mounts, processes

HAS_LIMITS = importlib.util.find_spec("resource") is not None
if HAS_LIMITS:  # not on Windows
    import resource

STACKS = 256 * 2**20
"""Bytes of private memory allowed beyond the memory limit, for the stacks of threads; resident memory is watched from outside."""

SHARED_USER_SLACK = 256
"""Processes and threads that the user's other programs may start meanwhile, where student code shares their user id."""

PENDING_SIGNALS = 1024
"""Signals and timers that may wait: each takes memory of the kernel's."""

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_SET_CHILD_SUBREAPER = 1, 4, 22, 38, 36
SECCOMP_MODE_FILTER = 2
_CAPABILITIES_VERSION_3 = 0x20080522


@dataclass(frozen=True)
class Plan:
    """What a child is to wear. Sizes in bytes, times in seconds."""

    folder: str
    """The scratch folder: all that it may write."""
    readable: tuple[str, ...]
    """Files and folders that it may read, beside those that every program needs."""
    user: int | None
    """The user id (and group id) to become, None to stay."""
    memory: int
    file_size: int
    processes: int
    open_files: int
    cpu: int
    strangers: tuple[int, ...]
    """Processes that must not be signalled where the user id is shared: the grader and what runs the child."""
    shared_memory: str = ""
    """A file system that becomes its shared memory; empty where it has none of its own."""
    local_sockets: bool = False
    """Whether its processes may find each other by sockets that have a name."""
    leave_out: tuple[str, ...] = ()
    """Layers not to put on: for tests that show what each of them is for."""


Layer = tuple[str, str, Callable[[Plan], bool]]


def put_on(plan: Plan) -> list[str]:
    """Puts on every layer in order; the texts of those that are active. Raises OSError where the user id cannot be left:
    code of a student's never runs as root.
    """
    active = []
    for name, text, layer in LAYERS:
        if name in plan.leave_out:
            if name == "dumpable":
                prctl(PR_SET_DUMPABLE, 1)  # it comes from the parent already, where the user id is shared
            continue
        try:
            if layer(plan):
                active.append(text)
        except (OSError, ValueError, AttributeError):
            if name == "user":
                raise
            continue  # the system does not have it: it is absent from the list, which is what is reported
    if _landlock_active(active):
        active += [text for needed, text in _LANDLOCK_EXTRAS if landlock_version() >= needed]
    return active


PROMISES = {
    "limits": "resource limits",
    "another user": "separate user",
    "files": "Landlock: files",
    "system calls": "seccomp: sockets, other processes, kernel interfaces",
    "memory and disk": "memory watched",
}
"""What people care about, and the protection that stands for it."""


def in_words(protections: Collection[str]) -> str:
    """One line for people: what student code was kept by, and by what not."""
    kept = [name for name, text in PROMISES.items() if text in protections]
    open_ = [name for name in PROMISES if name not in kept]
    line = f"Your code ran in processes of its own, kept by: {', '.join(kept) or 'nothing else'}"
    return f"{line}; not here: {', '.join(open_)}." if open_ else f"{line}."


# Layers --------------------------------------------------------------------------------------------------------------


def _limits(plan: Plan) -> bool:
    if not HAS_LIMITS:
        return False
    wanted = {
        "RLIMIT_CORE": 1,  # no core is that small, and unlike 0 it keeps the system's own collector of crashes away as well
        "RLIMIT_FSIZE": plan.file_size,
        "RLIMIT_NOFILE": plan.open_files,
        "RLIMIT_NPROC": plan.processes,
        "RLIMIT_CPU": plan.cpu,
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_RTPRIO": 0,
        "RLIMIT_SIGPENDING": PENDING_SIGNALS,
    }
    if sys.platform == "linux":
        wanted["RLIMIT_DATA"] = private_memory() + plan.memory + STACKS
    else:
        del wanted["RLIMIT_NPROC"]  # it counts the user's other programs, and here we cannot
    for name, value in wanted.items():
        if hasattr(resource, name):
            lower_limit(getattr(resource, name), value)
    return True


def lower_limit(which: int, value: int) -> None:
    """Sets both limits to `value`, or to the hard limit where that is lower."""
    _, hard = resource.getrlimit(which)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))


def private_memory() -> int:
    """Bytes of private writable memory that this process has mapped: what RLIMIT_DATA counts."""
    _, found, after = processes.content("/proc/self/status").partition(b"\nVmData:")
    if not found:
        raise OSError("no VmData")
    return int(after.split(None, 1)[0]) * 1024


def _first_to_go(_: Plan) -> bool:
    """Where the whole machine runs out of memory, the kernel takes this process first."""
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")
    return True


def _own_file_systems(plan: Plan) -> bool:
    if not plan.shared_memory:
        return False
    mounts.take_shared_memory(plan.shared_memory)
    if plan.local_sockets:
        mounts.cover_sockets(plan.folder)
    return True


def _separate_user(plan: Plan) -> bool:
    if plan.user is None:
        return False
    os.setgroups([])
    os.setresgid(plan.user, plan.user, plan.user)
    os.setresuid(plan.user, plan.user, plan.user)
    return True


def _no_capabilities(_: Plan) -> bool:
    """Root without a user id to give away (a container that knows only root) still gives up what makes it root."""
    header = struct.pack("=Ii", _CAPABILITIES_VERSION_3, 0)
    if _libc().capset(header, bytes(24)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return True


def _dies_with_parent(plan: Plan) -> bool:
    """After the change of user, which clears it. A parent that is gone already is noticed."""
    prctl(PR_SET_PDEATHSIG, 9)
    if os.getppid() not in plan.strangers:
        os._exit(1)
    return True


def _not_inspectable(plan: Plan) -> bool:
    """Only where nothing else keeps guests from each other: whoever counts what a guest holds open has to look into it."""
    alone = plan.user is not None or (landlock_version() > 0 and "landlock" not in plan.leave_out)
    prctl(PR_SET_DUMPABLE, int(alone))
    return not alone


def _no_new_privileges(_: Plan) -> bool:
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    return True


# Landlock ------------------------------------------------------------------------------------------------------------

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE, _IOCTL_DEV = 1, 2, 4, 8, 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_ALL_BY_VERSION = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_SPECIAL_FILES = (1 << 6) | (1 << 11)  # character and block devices are made nowhere

SYSTEM_READABLE = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/sys/devices/system"),
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version", "/proc/filesystems", "/proc/loadavg", "/proc/sys"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/timezone", "/etc/nsswitch.conf"),
    *("/etc/passwd", "/etc/group", "/etc/mime.types", "/etc/fonts", "/etc/alternatives", "/etc/locale.alias"),
    *("/dev/urandom", "/dev/random", "/dev/zero", "/sys/fs/cgroup"),
)
"""What every program reads: libraries, time zones, the processor's description. No one's own files, and nothing of other
processes: their command lines name other submissions.
"""

SYSTEM_WRITABLE = ("/dev/null", "/dev/full")
SHARED_MEMORY = "/dev/shm"
"""Needed by locks and by tensors shared between processes; swept afterwards. Where it is everyone's, names in it cannot be listed, so
that only who knows a name of another program's finds it.
"""

_LANDLOCK_EXTRAS = ((4, "Landlock: no TCP"), (6, "Landlock: signals and abstract sockets stay inside"))


def landlock_version() -> int:
    """Version of the kernel's Landlock, 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_libc().syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)))


def _file_rules(plan: Plan) -> bool:
    version = landlock_version()
    if version < 1:
        return False
    handled = _ALL_BY_VERSION[min(version, 5)]
    net = 3 if version >= 4 else 0
    scoped = 3 if version >= 6 else 0
    attributes = struct.pack("=QQQ", handled, net, scoped)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = _call(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    try:
        for paths, access in (
            ((*SYSTEM_READABLE, *plan.readable), _READ),
            (SYSTEM_WRITABLE, handled & ~_SPECIAL_FILES & ~_EXECUTE),
            ((SHARED_MEMORY,), handled & ~_SPECIAL_FILES & ~_EXECUTE & ~(0 if plan.shared_memory else _READ_DIR)),
            ((plan.folder,), handled & ~_SPECIAL_FILES),
        ):
            for path in paths:
                _allow(ruleset, path, access & handled)
        _call(_LANDLOCK_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)
    return True


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not there, or not for us: then the student cannot read it either
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            access &= _OF_FILES
        _call(_LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", access, handle), 0)
    finally:
        os.close(handle)


def _landlock_active(active: Sequence[str]) -> bool:
    return any(text.startswith("Landlock") for text in active)


# Filter of system calls ------------------------------------------------------------------------------------------------


def _system_call_filter(plan: Plan) -> bool:
    if plan.user is None:
        scoped = "landlock" not in plan.leave_out and landlock_version() >= 6
        code = filters.compiled(shared_user=True, strangers=plan.strangers, signals_scoped=scoped)
    else:
        code = filters.OWN_USER_WITH_SOCKETS if plan.local_sockets else filters.OWN_USER
    if not code:
        return False
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(code) // filters.INSTRUCTION.size, ctypes.addressof(buffer))
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header)
    return True


# System ---------------------------------------------------------------------------------------------------------------


@functools.cache
def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: Any) -> int:
    result = int(_libc().syscall(number, *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def prctl(option: int, value: int, argument: bytes | int = 0) -> None:
    """prctl(2); raises OSError where it fails or does not exist."""
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "no prctl")
    if _libc().prctl(option, ctypes.c_ulong(value), argument if isinstance(argument, bytes) else ctypes.c_ulong(argument), 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def close_all_but(keep: Collection[int]) -> None:
    """Closes every file descriptor but the three standard ones and those of `keep`."""
    try:
        open_now = [int(entry) for entry in os.listdir("/proc/self/fd")]
    except OSError:
        open_now = list(range(3, 1024))
    for descriptor in open_now:
        if descriptor > 2 and descriptor not in keep:
            with contextlib.suppress(OSError):
                os.close(descriptor)


LAYERS: tuple[Layer, ...] = (
    ("limits", "resource limits", _limits),
    ("oom", "first to go when memory runs out", _first_to_go),
    ("mounts", "scratch folder and shared memory of its own, limited by the kernel", _own_file_systems),
    ("user", "separate user", _separate_user),
    ("capabilities", "no capabilities", _no_capabilities),
    ("dumpable", "not inspectable", _not_inspectable),
    ("death", "dies with the grader", _dies_with_parent),
    ("privileges", "no new privileges", _no_new_privileges),
    ("landlock", "Landlock: files", _file_rules),
    ("seccomp", "seccomp: sockets, other processes, kernel interfaces", _system_call_filter),
)
"""Name, text in the results, what puts it on; in this order."""
