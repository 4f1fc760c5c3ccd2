"""The host's end of one guest: its wire and what it prints, read and written within deadlines and without threads."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from autograder.worker import slots, wire

DRAIN_BYTES = 2**20
"""Bytes of printed text that are read at once."""

LAST_DRAINS = 64
"""Times that printed text is read after a reply: what was printed before it is there already."""


class TimeUp(Exception):
    """The deadline of an exchange passed."""


@dataclass
class Connection:
    """One running guest and what the host knows of it."""

    number: int
    socket: socket.socket
    """Does not block."""
    output: int
    """Read end of the pipe that takes what the guest prints, -1 where there is none."""
    slot: slots.Slot | None
    """Its user id, None where it shares ours."""
    printed: bytearray = field(default_factory=bytearray)
    room: int = 0
    """Bytes of what it prints that are kept, of each call."""
    calls: int = 0

    def is_alive(self) -> bool:
        """Whether the idle guest is as it should be: nothing to read, and not closed."""
        try:
            self.socket.recv(1)  # does not wait; anything that is there was not asked for
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def reader(self, deadline: float) -> Callable[[int], bytes]:
        """A `read` for frames that keeps the printed text flowing and raises TimeUp at the deadline."""
        watched = [self.socket.fileno()] + ([self.output] if self.output >= 0 else [])

        def read(length: int) -> bytes:
            while True:
                with contextlib.suppress(BlockingIOError):
                    return self.socket.recv(length)
                if self.output in _wait(watched, [], deadline) and not self.drain():
                    watched[:] = watched[:1]  # its printing end was closed

        return read

    def send(self, data: bytes, deadline: float) -> None:
        """Sends a frame, reading what is printed meanwhile."""
        view = memoryview(data)
        outputs = [self.output] if self.output >= 0 else []
        while view:
            with contextlib.suppress(BlockingIOError):
                view = view[self.socket.send(view[: wire.CHUNK]) :]
                continue
            if self.output in _wait(outputs, [self.socket.fileno()], deadline) and not self.drain():
                outputs = []

    def drain(self, times: int = 1) -> bool:
        """Reads what the guest printed, keeps the first of it up to the cap; False when nothing more can come."""
        if self.output < 0:
            return False
        for _ in range(times):
            try:
                piece = os.read(self.output, DRAIN_BYTES)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not piece:
                return False
            room = self.room - len(self.printed)
            if room > 0:
                self.printed += piece[:room]
        return True

    def close(self) -> None:
        """Closes both, and gives the user id back."""
        self.socket.close()
        if self.output >= 0:
            os.close(self.output)
            self.output = -1
        if self.slot is not None:
            self.slot.release()


def _wait(reading: Sequence[int], writing: Sequence[int], deadline: float) -> list[int]:
    """Descriptors that are ready (for either); raises TimeUp at the deadline."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeUp
    if hasattr(select, "poll"):
        poll = select.poll()
        for descriptor in reading:
            poll.register(descriptor, select.POLLIN)
        for descriptor in writing:
            poll.register(descriptor, select.POLLOUT)
        ready = [descriptor for descriptor, _ in poll.poll(None if left == float("inf") else left * 1000)]
    else:
        both = select.select(reading, writing, [], None if left == float("inf") else left)
        ready = both[0] + both[1]
    if not ready:
        raise TimeUp
    return ready
