"""What is left on disk and in shared memory: measured and removed, however deep, many, open or closed to us it is."""

from __future__ import annotations

import mmap
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from submissions.attacks import stage

from autograder.worker import folders, leftovers
from autograder.worker.parents import can_fork

pytestmark = pytest.mark.skipif(not can_fork(), reason="Linux only")
PRIVILEGED = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, which it gives up")

DEEP = 3000
"""Folders within folders: more than Python recurses, and a path far longer than the kernel takes."""


def nested(folder: Path, depth: int, *, size: int = 0, closed: bool = False) -> None:
    """Folders within folders, the innermost with a file."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        if closed:
            os.fchmod(here, 0)
        os.close(here)
        here = inner
    handle = os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here)
    os.write(handle, bytes(size))
    os.close(handle)
    os.close(here)


def as_ordinary_user(action: Callable[[], bool]) -> bool:
    """What a function returns in a process without any rights of root's."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(stage.ORDINARY_USER)
            os.setuid(stage.ORDINARY_USER)
            code = 0 if action() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everyone may write to."""
    folder = Path(tempfile.mkdtemp(prefix="leftovers-"))
    folder.chmod(0o777)
    yield folder
    leftovers.remove_tree(str(folder))
    assert not folder.exists()


# Removing --------------------------------------------------------------------------------------------------------------


def test_a_tree_deeper_than_python_recurses_is_removed(place: Path) -> None:
    assert sys.getrecursionlimit() < DEEP
    nested(place, DEEP)
    assert leftovers.remove_tree(str(place))
    place.mkdir()


@PRIVILEGED
def test_a_closed_and_deep_tree_is_removed_by_its_own_user(place: Path) -> None:
    def made_and_removed() -> bool:
        folder = place / "own"
        folder.mkdir()
        nested(folder, DEEP, closed=True)
        assert not os.access(folder, os.R_OK)
        return leftovers.remove_tree(str(folder))

    assert as_ordinary_user(made_and_removed)
    assert os.listdir(place) == []


def test_many_names_are_removed_quickly(place: Path) -> None:
    here = os.open(place, os.O_RDONLY)
    for number in range(50_000):
        os.close(os.open(f"f{number}", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    begun = time.monotonic()
    assert leftovers.remove_tree(str(place))
    assert time.monotonic() - begun < 20
    place.mkdir()


def test_removing_follows_no_links(place: Path) -> None:
    (place / "kept").mkdir(mode=0o500)
    (place / "kept" / "file").write_text("x") if os.geteuid() == 0 else None
    (place / "tree").mkdir()
    (place / "tree" / "link").symlink_to(place / "kept")
    (place / "tree" / "loop").symlink_to(".")
    assert leftovers.remove_tree(str(place / "tree"))
    assert (place / "kept").stat().st_mode & 0o777 == 0o500
    (place / "way").symlink_to(place / "kept")
    leftovers.remove_tree(str(place / "way"))
    assert (place / "kept").exists()


def test_what_cannot_be_removed_is_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError

    (place / "tree").mkdir()
    (place / "tree" / "file").write_text("x")
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refused)
        assert not leftovers.remove_tree(str(place / "tree"))
    assert leftovers.remove_tree(str(place / "tree"))
    assert leftovers.remove_tree(str(place / "nothing"))


def test_where_no_calls_go_by_handles_a_tree_is_removed_all_the_same(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "BY_HANDLE", False)
    nested(place, 20)
    assert leftovers.remove_tree(str(place))
    place.mkdir()


def test_what_begins_with_a_name_is_removed_and_nothing_else(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    for name in ("autograder-ab-1", "autograder-ab-2", "autograder-b"):
        (place / name).mkdir()
    leftovers.remove_beginning("autograder-ab-")
    assert os.listdir(place) == ["autograder-b"]


# Measuring -------------------------------------------------------------------------------------------------------------


def test_a_file_deeper_than_any_path_is_counted(place: Path) -> None:
    nested(place, DEEP, size=2**20)
    found = leftovers.used(str(place), 2**30)
    assert found.size >= 2**20
    assert found.entries == DEEP + 1


def test_few_handles_are_open_in_a_deep_tree(place: Path) -> None:
    nested(place, DEEP)
    before = len(os.listdir("/proc/self/fd"))
    most = max(len(os.listdir("/proc/self/fd")) for step in leftovers.walk(str(place)) if step.name == "file")
    assert most - before < leftovers.HANDLES + 10
    assert len(os.listdir("/proc/self/fd")) == before


@PRIVILEGED
def test_a_folder_that_is_closed_to_its_own_user_is_counted(place: Path) -> None:
    def counted() -> bool:
        (place / "own").mkdir(mode=0o300)
        (place / "own" / "file").write_bytes(bytes(2**20))
        return leftovers.used(str(place), 2**30).size >= 2**20

    assert as_ordinary_user(counted)


def test_counting_ends_where_it_is_clear(place: Path) -> None:
    for number in range(200):
        (place / f"f{number}").touch()
    assert leftovers.used(str(place), 2**30, entries=50).entries == 51
    assert leftovers.used(str(place), 2**30, entries=500).entries == 200
    (place / "large").write_bytes(bytes(2**20))
    assert leftovers.used(str(place), 2**10).size > 2**10


def test_one_file_of_several_names_counts_once_and_a_sparse_one_by_its_blocks(place: Path) -> None:
    (place / "a").write_bytes(bytes(2**20))
    os.link(place / "a", place / "b")
    with (place / "sparse").open("wb") as file:
        file.truncate(2**40)
    assert 2**20 <= leftovers.used(str(place), 2**30).size < 2 * 2**20


def test_a_tree_that_moves_away_under_the_walk_is_beyond_every_cap(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No way back is taken that leads elsewhere: whoever removes would leave the tree."""
    monkeypatch.setattr(leftovers, "HANDLES", 3)
    nested(place, 20)
    (place / "other").mkdir()
    outside = place / "outside"
    outside.mkdir()

    def moved_while_it_is_walked() -> None:
        for step in leftovers.walk(str(place / "d")):
            if step.name == "file":
                (place / "d/d/d/d/d/d/d/d/d/d").rename(outside / "moved")

    with pytest.raises(leftovers.Moved):
        moved_while_it_is_walked()
    monkeypatch.setattr(leftovers, "walk", lambda *_, **__: (_ for _ in ()).throw(leftovers.Moved()))
    assert leftovers.used(str(place), 100, 10) == leftovers.Use(101, 11)


def test_what_is_not_there_takes_nothing(place: Path) -> None:
    assert leftovers.used(str(place / "nothing"), 100) == leftovers.Use(0, 0)


def test_open_files_without_a_name_and_sockets_are_counted(place: Path) -> None:
    import socket

    before = leftovers.held_open([os.getpid()], None)
    one, other = socket.socketpair()
    with (place / "disk").open("wb") as disk, open("/dev/shm/leftovers-test", "wb") as shared, one, other:
        disk.write(bytes(2**20))
        disk.flush()
        shared.write(bytes(2**21))
        shared.flush()
        os.unlink(place / "disk")
        os.unlink("/dev/shm/leftovers-test")
        found = leftovers.held_open([os.getpid(), os.getpid()], None)
    assert found.on_disk.size - before.on_disk.size == pytest.approx(2**20, abs=2**14)
    assert found.in_memory.size - before.in_memory.size == 2**21
    assert found.sockets - before.sockets == 2
    assert leftovers.held_open([2**22 + 1], None) == leftovers.Held(leftovers.Use(0, 0), leftovers.Use(0, 0), 0)


def test_files_that_are_only_mapped_are_counted(place: Path) -> None:
    before = leftovers.held_open([os.getpid()], None).on_disk
    with (place / "disk").open("w+b") as file:
        file.write(bytes(2**20))
        file.flush()
        mapped = mmap.mmap(file.fileno(), 2**20)
    os.unlink(place / "disk")
    found = leftovers.held_open([os.getpid()], None).on_disk
    mapped.close()
    assert found.size - before.size == pytest.approx(2**20, abs=2**14)


@PRIVILEGED
def test_root_that_may_not_trace_sees_what_a_guest_holds_open(place: Path) -> None:
    """As in a container that was started as usual: looking as the user does what the right to trace would."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setresgid(*[stage.ORDINARY_USER] * 3)
        os.setresuid(*[stage.ORDINARY_USER] * 3)
        from autograder.worker import layers

        layers.prctl(layers.PR_SET_DUMPABLE, 1)
        handle = os.open(place / "f", os.O_CREAT | os.O_WRONLY)
        os.write(handle, bytes(2**20))
        os.unlink(place / "f")
        os.write(writing, b"x")
        time.sleep(60)
        os._exit(0)
    os.read(reading, 1)
    looker = os.fork()
    if looker == 0:
        code = 1
        try:
            import ctypes
            import struct

            held = Path("/proc/self/status").read_text().partition("CapPrm:")[2].split()[0]
            without_tracing = int(held, 16) & 0xFFFFFFFF & ~(1 << 19)  # CAP_SYS_PTRACE
            data = struct.pack("=6I", without_tracing, without_tracing, 0, 0, 0, 0)
            assert ctypes.CDLL(None).capset(struct.pack("=Ii", 0x20080522, 0), data) == 0
            blind, seeing = leftovers.held_open([pid], None), leftovers.held_open([pid], stage.ORDINARY_USER)
            code = 0 if blind.on_disk.size == 0 and seeing.on_disk.size >= 2**20 else 2
        finally:
            os._exit(code)
    try:
        assert os.waitstatus_to_exitcode(os.waitpid(looker, 0)[1]) == 0
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(reading)
        os.close(writing)


def test_shared_memory_is_counted_in_folders_and_removed() -> None:
    before = leftovers.names_in_shared_memory(None)
    folder = Path("/dev/shm/leftovers-folder")
    folder.mkdir()
    try:
        (folder / "inner").mkdir()
        (folder / "inner" / "file").write_bytes(bytes(2**20))
        found = leftovers.in_shared_memory(None, before, 2**30)
        assert found.size >= 2**20
        assert found.entries == 3
        leftovers.remove_all((), leftovers.names_in_shared_memory(None) - before)
        assert not folder.exists()
    finally:
        leftovers.remove_tree(str(folder))


def test_shared_memory_that_is_in_use_stays() -> None:
    path = Path("/dev/shm/leftovers-used")
    with path.open("wb"):
        leftovers.remove_all((), [path.name])
        assert path.exists()
    leftovers.remove_all((), [path.name])
    assert not path.exists()


# A guest's folder ------------------------------------------------------------------------------------------------------


def test_a_submission_deeper_than_python_recurses_is_copied(place: Path) -> None:
    """As far as paths go; what lies deeper is left behind."""
    nested(place, DEEP)
    (place / "code.py").write_text("x = 1\n")
    folders.copy_submission(place, place.parent / f"{place.name}-copy")
    copy = place.parent / f"{place.name}-copy"
    try:
        assert (copy / "code.py").read_text() == "x = 1\n"
        assert leftovers.used(str(copy), 2**30).entries > sys.getrecursionlimit()
    finally:
        leftovers.remove_tree(str(copy))


def test_a_copy_that_has_no_room_is_said(place: Path) -> None:
    (place / "root").mkdir()
    (place / "root" / "large").write_bytes(bytes(2**20))
    (place / "guest").mkdir()
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            folders.prepare(str(place / "root"), str(place / "guest"), None)
        except OSError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
