"""The filter of system calls that student code runs under: what is refused, and the program that says so to the kernel. Part of
the guest's process: standard library only. Sources: seccomp(2), the kernel's tables of system calls.
"""

from __future__ import annotations

import errno
import os
import platform
import struct
import sys
from collections.abc import Iterable, Sequence

_LOAD, _AND, _JUMP_EQUAL, _JUMP_ABOVE, _JUMP_BITS, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_ALL = 0xFFFFFFFF
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_NEW_NAMESPACES = 0x7E020000
_X32 = 0x40000000

# name: (x86_64, aarch64); -1 where an architecture lacks the call
_CALLS: dict[str, tuple[int, int]] = {
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
    "io_setup": (206, 0),
    "quotactl_fd": (443, 443),
    "open_tree_attr": (467, 467),
    "file_setattr": (469, 469),
    "inotify_init": (253, -1),
    "inotify_init1": (294, 26),
    "fanotify_mark": (301, 263),
    # pretended to succeed
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    "sync": (162, 81),
    "syncfs": (306, 267),
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
    # with a look at an argument
    "clone": (56, 220),
    "clone3": (435, 435),
    "ioctl": (16, 29),
    "fcntl": (72, 25),
    "prctl": (157, 167),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "setsockopt": (54, 208),
    "prlimit64": (302, 261),
    "setrlimit": (160, 164),
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
_NAMES = tuple(_CALLS)
_PRETENDED = _NAMES[_NAMES.index("setxattr") : _NAMES.index("chmod")]
"""Extended attributes take memory that is counted nowhere, and Landlock does not cover them; copying a file copies them, so a refusal
would break that. Writing everything out would hold up whoever else uses the disk.
"""

_PRETENDED_WITH_SHARED_USER = _NAMES[_NAMES.index("chmod") : _NAMES.index("clone")]
"""Landlock does not cover them, and a student could take away the user's own access to a file. Refusing them would break copying."""

_BY_ARGUMENT = _NAMES[_NAMES.index("clone") :]
_SCHEDULING = ("sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr")
_PRIORITIES = {"setpriority": 0, "ioprio_set": 1}
"""Calls that name a process, a group or all of a user's, and the number that stands for a process there."""

_SIGNALS = ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
INSTRUCTION = struct.Struct("=HBBI")
_PERMISSION = _REFUSE | errno.EPERM
_DONE = _REFUSE | 0
"""Not carried out, and said to have succeeded."""

_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_FILE_FLAGS = (0x40086602, 0x40046602, 0x401C5820, 0x40086604, 0x40046604, 0x40806685, 0x800C6613)
"""FS_IOC_SETFLAGS and its twin of 32 bits, FS_IOC_FSSETXATTR, FS_IOC_SETVERSION (two), FS_IOC_ENABLE_VERITY,
FS_IOC_SET_ENCRYPTION_POLICY: names that cannot be removed, files that nobody can change or read any more.
"""

_SIGNALS_BY_FILE = (0x8901, 0x8902)  # FIOSETOWN, SIOCSPGRP
_FILE_CONTROLS = (8, 10, 15, 1024, 1026, 1031)
"""F_SETOWN, F_SETSIG and F_SETOWN_EX (a signal to any process of the user's), F_SETLEASE (whoever opens the file waits), F_NOTIFY (names
of files in a folder), F_SETPIPE_SZ (memory that is counted nowhere).
"""

_BUFFER_SIZES = (7, 8, 32, 33)
"""SO_SNDBUF, SO_RCVBUF and the two that force them: memory that is counted nowhere."""

_PR_SET_DUMPABLE = 4
_RLIMIT_CORE = 4
_AF_UNIX = 1
_TYPE = 0xF
"""Bits of a socket's type that are no flags."""

_CONNECTED = (1, 5)
"""SOCK_STREAM and SOCK_SEQPACKET. A datagram may name where it goes, in a place that no filter sees."""

Program = list[tuple[int, int, int, int]]


def filter_program(
    machine: str, *, shared_user: bool, strangers: Iterable[int], signals_scoped: bool, local_sockets: bool = False
) -> Program:
    """The classic BPF program of the filter, as (code, jump if true, jump if false, constant); empty for an unknown machine.

    strangers: processes that may not be signalled where the user id is shared with them. signals_scoped: whether
    Landlock (version 6) keeps signals inside already. local_sockets: whether processes of its own may find each other by
    sockets that have a name.
    """
    if machine not in _ARCHITECTURES or sys.byteorder != "little":
        return []
    column, architecture = _ARCHITECTURES[machine]
    program = [(_LOAD, 0, 0, _ARCHITECTURE_AT), (_JUMP_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER_AT)]
    if machine == "x86_64":
        program += [(_JUMP_ABOVE, 0, 1, _X32), (_RETURN, 0, 0, _REFUSE | errno.ENOSYS)]

    def rule(name: str, body: Program) -> None:
        number = _CALLS[name][column]
        if number >= 0:
            program.append((_JUMP_EQUAL, 0, len(body), number))
            program.extend(body)

    def always(name: str, answer: int) -> None:
        rule(name, [(_RETURN, 0, 0, answer)])

    def refuse(name: str, index: int, values: Iterable[int], answer: int = _PERMISSION) -> None:
        """Gives this answer where the argument is one of the values."""
        body = [(_LOAD, 0, 0, _ARGUMENTS_AT + 8 * index)]
        for value in values:
            body += [(_JUMP_EQUAL, 0, 1, value & 0xFFFFFFFF), (_RETURN, 0, 0, answer)]
        rule(name, [*body, (_RETURN, 0, 0, _ALLOW)])

    def allow(name: str, *arguments: tuple[int, int, Sequence[int]]) -> None:
        """Refuses the call but where every argument (its index, a mask) is one of its values."""
        body: Program = []
        for index, mask, values in arguments:
            body += [(_LOAD, 0, 0, _ARGUMENTS_AT + 8 * index), (_AND, 0, 0, mask)]
            body += [(_JUMP_EQUAL, len(values) - place, 0, value & mask) for place, value in enumerate(values)]
            body.append((_RETURN, 0, 0, _PERMISSION))
        rule(name, [*body, (_RETURN, 0, 0, _ALLOW)])

    for name in _CALLS:
        if name in _PRETENDED or (shared_user and name in _PRETENDED_WITH_SHARED_USER):
            always(name, _DONE)
        elif name not in _BY_ARGUMENT and name not in _PRETENDED_WITH_SHARED_USER:
            always(name, _PERMISSION)
    rule(
        "clone", [(_LOAD, 0, 0, _ARGUMENTS_AT), (_JUMP_BITS, 0, 1, _NEW_NAMESPACES), (_RETURN, 0, 0, _PERMISSION), (_RETURN, 0, 0, _ALLOW)]
    )
    always("clone3", _REFUSE | errno.ENOSYS)  # its flags cannot be seen; the C library then uses clone
    refuse("ioctl", 1, (*_TERMINAL_INPUT, *_FILE_FLAGS, *_SIGNALS_BY_FILE))
    refuse("fcntl", 1, _FILE_CONTROLS)
    refuse("prctl", 0, (_PR_SET_DUMPABLE,))  # whoever counts its open files has to see them
    refuse("setsockopt", 2, _BUFFER_SIZES, _DONE)
    allow("prlimit64", (0, _ALL, (0,)), (1, _ALL, [which for which in range(16) if which != _RLIMIT_CORE]))
    refuse("setrlimit", 0, (_RLIMIT_CORE,))  # what collects crashes leaves files
    allow("socketpair", (0, _ALL, (_AF_UNIX,)), (1, _TYPE, _CONNECTED))
    if local_sockets:
        allow("socket", (0, _ALL, (_AF_UNIX,)), (1, _TYPE, _CONNECTED))
    else:
        for name in ("socket", "connect", "bind"):
            always(name, _PERMISSION)
    if shared_user:
        me = os.getpid()
        for name in _SCHEDULING:
            allow(name, (0, _ALL, (0, me)))
        for name, process in _PRIORITIES.items():
            allow(name, (0, _ALL, (process,)), (1, _ALL, (0, me)))
        if signals_scoped:
            for name in _SIGNALS:
                refuse(name, 0, [pid for stranger in strangers for pid in (stranger, -stranger)] + [-1])
        else:
            for name in _SIGNALS:
                allow(name, (0, _ALL, (0, me, -me)))
            always("pidfd_send_signal", _PERMISSION)
    program.append((_RETURN, 0, 0, _ALLOW))
    return program


def compiled(*, shared_user: bool, strangers: Iterable[int] = (), signals_scoped: bool = True, local_sockets: bool = False) -> bytes:
    """The filter of this machine as the kernel takes it, empty where it is unknown."""
    program = filter_program(
        platform.machine(), shared_user=shared_user, strangers=strangers, signals_scoped=signals_scoped, local_sockets=local_sockets
    )
    return b"".join(INSTRUCTION.pack(*instruction) for instruction in program)


OWN_USER = compiled(shared_user=False)
"""The filter where the student's code has a user id of its own: the same for everyone, so it is made before the first fork."""

OWN_USER_WITH_SOCKETS = compiled(shared_user=False, local_sockets=True)
"""The same for code that may share torch's tensors between its processes, for which these connect by a named socket."""
