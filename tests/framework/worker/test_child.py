"""A function of ours in a process that can be killed."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from autograder.worker import child


def double(x):
    return 2 * x


def raises(text):
    raise KeyError(text)


def hangs():
    while True:
        time.sleep(1)


def dies():
    os._exit(7)


def eats_memory():
    return len(bytearray(4 * 2**30))


def returns_a_lambda():
    return lambda: None


def test_a_result_comes_back():
    assert child.run(double, [1, 2], seconds=20, megabytes=512) == [1, 2, 1, 2]


def test_a_result_longer_than_a_pipe_comes_back():
    assert child.run(double, "x" * 2**20, seconds=20, megabytes=512) == "x" * 2**21


def test_what_it_raises_is_named():
    with pytest.raises(child.ChildRaised, match="KeyError") as caught:
        child.run(raises, "gone", seconds=20, megabytes=512)
    assert caught.value.kind == "KeyError"


def test_a_result_that_cannot_be_pickled_is_what_it_raised():
    with pytest.raises(child.ChildRaised):
        child.run(returns_a_lambda, seconds=20, megabytes=512)


def test_a_function_that_hangs_is_killed():
    with pytest.raises(child.ChildTimeout, match=r"0\.2 s"):
        child.run(hangs, seconds=0.2, megabytes=512)


def test_a_process_that_dies_is_told_apart():
    with pytest.raises(child.ChildDied) as caught:
        child.run(dies, seconds=20, megabytes=512)
    assert os.waitstatus_to_exitcode(caught.value.status) == 7


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not say how much memory is in use")
def test_memory_is_limited():
    with pytest.raises(child.ChildRaised, match="MemoryError"):
        child.run(eats_memory, seconds=20, megabytes=256)


def test_nothing_is_left_behind():
    def open_files():
        return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0

    def children():
        place = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
        return place.read_text(encoding="ascii").split() if place.exists() else []

    before, alive = open_files(), children()
    for _ in range(3):
        child.run(double, 1, seconds=20, megabytes=512)
        with pytest.raises(child.ChildTimeout):
            child.run(hangs, seconds=0.05, megabytes=512)
    assert (open_files(), children()) == (before, alive)


def test_it_works_beside_threads():
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert child.run(double, 4, seconds=20, megabytes=512) == 8
    finally:
        stop.set()
        thread.join()


def test_the_parents_buffers_are_not_written_twice(tmp_path):
    with open(tmp_path / "out", "w", encoding="utf-8") as out:
        out.write("once")
        child.run(double, 1, seconds=20, megabytes=512)
    assert (tmp_path / "out").read_text() == "once"


def test_a_fork_that_fails_is_named(monkeypatch):
    def refuse():
        raise OSError("no more processes")

    monkeypatch.setattr(os, "fork", refuse)
    with pytest.raises(child.ChildDied, match="no more processes"):
        child.run(double, 1, seconds=1, megabytes=512)


@pytest.mark.parametrize(
    ("function", "args", "error"), [(abs, (-3,), None), (int, ("x",), child.ChildRaised), (time.sleep, (60,), child.ChildTimeout)]
)
def test_without_fork_processes_are_spawned(monkeypatch, function, args, error):
    monkeypatch.delattr(os, "fork")
    if error is None:
        assert child.run(function, *args, seconds=60, megabytes=512) == 3
    else:
        with pytest.raises(error):
            child.run(function, *args, seconds=60 if error is child.ChildRaised else 0.5, megabytes=512)
