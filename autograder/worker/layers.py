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
import platform
import stat
import struct
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from autograder.worker import processes

HAS_LIMITS = importlib.util.find_spec("resource") is not None
if HAS_LIMITS:  # not on Windows
    import resource

STACKS = 256 * 2**20
"""Bytes of private memory allowed beyond the memory limit, for the stacks of threads; resident memory is watched from outside."""

SHARED_USER_SLACK = 256
"""Processes and threads that the user's other programs may start meanwhile, where student code shares their user id."""

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


# Layers --------------------------------------------------------------------------------------------------------------


def _limits(plan: Plan) -> bool:
    if not HAS_LIMITS:
        return False
    wanted = {
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": plan.file_size,
        "RLIMIT_NOFILE": plan.open_files,
        "RLIMIT_NPROC": plan.processes,
        "RLIMIT_CPU": plan.cpu,
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_RTPRIO": 0,
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


def _not_inspectable(_: Plan) -> bool:
    prctl(PR_SET_DUMPABLE, 0)
    return True


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

SYSTEM_WRITABLE = ("/dev/null", "/dev/shm", "/dev/full")
"""Shared memory is needed by locks and by tensors shared between processes; it is swept afterwards."""

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

_LOAD, _JUMP_EQUAL, _JUMP_ABOVE, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_NEW_NAMESPACES = 0x7E020000
_X32 = 0x40000000

# name: (x86_64, aarch64); -1 where an architecture lacks the call
_CALLS: dict[str, tuple[int, int]] = {
    "socket": (41, 198),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "vhangup": (153, 58),
    "fanotify_init": (300, 262),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "modify_ldt": (154, -1),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "uselib": (134, -1),
    # pretended to succeed where the user id is shared
    "chmod": (90, -1),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, -1),
    "fchown": (93, 55),
    "lchown": (94, -1),
    "fchownat": (260, 54),
    "utime": (132, -1),
    "utimes": (235, -1),
    "futimesat": (261, -1),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    # with a look at an argument
    "clone": (56, 220),
    "clone3": (435, 435),
    "ioctl": (16, 29),
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
}
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_PRETENDED = tuple(_CALLS)[tuple(_CALLS).index("chmod") : tuple(_CALLS).index("clone")]
"""Landlock does not cover them, and a student could take away the user's own access to a file. Refusing them would break copying."""

_BY_ARGUMENT = tuple(_CALLS)[tuple(_CALLS).index("clone") :]
_OF_OTHER_PROCESSES = ("prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr")
_SIGNALS = ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
_INSTRUCTION = struct.Struct("=HBBI")
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_AF_UNIX = 1


def _system_call_filter(plan: Plan) -> bool:
    if plan.user is None:
        code = _compiled(shared_user=True, strangers=plan.strangers, signals_scoped="landlock" not in plan.leave_out)
    else:
        code = OWN_USER_FILTER
    if not code:
        return False
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(code) // _INSTRUCTION.size, ctypes.addressof(buffer))
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header)
    return True


def filter_program(machine: str, *, shared_user: bool, strangers: Iterable[int], signals_scoped: bool) -> list[tuple[int, int, int, int]]:
    """The classic BPF program of the filter, as (code, jump if true, jump if false, constant); empty for an unknown machine.

    strangers: processes that may not be signalled where the user id is shared with them. signals_scoped: whether
    Landlock (version 6) keeps signals inside already.
    """
    if machine not in _ARCHITECTURES or sys.byteorder != "little":
        return []
    column, architecture = _ARCHITECTURES[machine]
    program = [(_LOAD, 0, 0, _ARCHITECTURE_AT), (_JUMP_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER_AT)]
    if machine == "x86_64":
        program += [(_JUMP_ABOVE, 0, 1, _X32), (_RETURN, 0, 0, _REFUSE | errno.ENOSYS)]

    def rule(name: str, body: Sequence[tuple[int, int, int, int]]) -> None:
        number = _CALLS[name][column]
        if number >= 0:
            program.append((_JUMP_EQUAL, 0, len(body), number))
            program.extend(body)

    def argument(name: str, index: int, values: Iterable[int], *, refuse: bool) -> None:
        """Refuses the call where the argument is (or is not) one of the values."""
        hit = [(_RETURN, 0, 0, _REFUSE | errno.EPERM)] if refuse else [(_RETURN, 0, 0, _ALLOW)]
        body = [(_LOAD, 0, 0, _ARGUMENTS_AT + 8 * index)]
        for value in values:
            body += [(_JUMP_EQUAL, 0, 1, value & 0xFFFFFFFF), *hit]
        body.append((_RETURN, 0, 0, _ALLOW) if refuse else (_RETURN, 0, 0, _REFUSE | errno.EPERM))
        rule(name, body)

    for name in _CALLS:
        if name in _PRETENDED:
            rule(name, [(_RETURN, 0, 0, _REFUSE | 0 if shared_user else _ALLOW)])
        elif name not in _BY_ARGUMENT and name != "socket":
            rule(name, [(_RETURN, 0, 0, _REFUSE | errno.EPERM)])
    argument("socket", 0, () if shared_user else (_AF_UNIX,), refuse=False)
    rule(
        "clone",
        [
            (_LOAD, 0, 0, _ARGUMENTS_AT),
            (_JUMP_BITS, 0, 1, _NEW_NAMESPACES),
            (_RETURN, 0, 0, _REFUSE | errno.EPERM),
            (_RETURN, 0, 0, _ALLOW),
        ],
    )
    rule("clone3", [(_RETURN, 0, 0, _REFUSE | errno.ENOSYS)])  # its flags cannot be seen; the C library then uses clone
    argument("ioctl", 1, _TERMINAL_INPUT, refuse=True)
    argument("prlimit64", 0, (0,), refuse=False)
    if shared_user:
        for name in _OF_OTHER_PROCESSES[1:]:
            argument(name, 0, (0, os.getpid()), refuse=False)
        argument("setpriority", 1, (0,), refuse=False)
        argument("ioprio_set", 1, (0,), refuse=False)
        if signals_scoped and landlock_version() >= 6:
            for name in _SIGNALS:
                argument(name, 0, [pid for stranger in strangers for pid in (stranger, -stranger)] + [-1], refuse=True)
        else:
            for name in _SIGNALS:
                argument(name, 0, (0, os.getpid(), -os.getpid()), refuse=False)
            rule("pidfd_send_signal", [(_RETURN, 0, 0, _REFUSE | errno.EPERM)])
    program.append((_RETURN, 0, 0, _ALLOW))
    return program


def _compiled(*, shared_user: bool, strangers: Iterable[int] = (), signals_scoped: bool = True) -> bytes:
    program = filter_program(platform.machine(), shared_user=shared_user, strangers=strangers, signals_scoped=signals_scoped)
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in program)


OWN_USER_FILTER = _compiled(shared_user=False)
"""The filter where the student's code has a user id of its own: the same for everyone, so it is made before the first fork."""


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
    ("user", "separate user", _separate_user),
    ("capabilities", "no capabilities", _no_capabilities),
    ("dumpable", "not inspectable", _not_inspectable),
    ("death", "dies with the grader", _dies_with_parent),
    ("privileges", "no new privileges", _no_new_privileges),
    ("landlock", "Landlock: files", _file_rules),
    ("seccomp", "seccomp: sockets, other processes, kernel interfaces", _system_call_filter),
)
"""Name, text in the results, what puts it on; in this order."""
