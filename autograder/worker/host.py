"""The host: starts guests, gives them calls, and believes nothing that they say. Runs in the grader's process, which never
imports torch or the student's code. No threads: the grader may fork.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from autograder.worker import layers, leftovers, slots, wire
from autograder.worker.connection import LAST_DRAINS, Connection, TimeUp
from autograder.worker.failures import (
    failure_of,
    how_it_ended,
    lost_object,
    lost_parent,
    not_handed_in,
    not_reached,
    tidy,
    while_loading,
    without_places,
)
from autograder.worker.parents import Ended, Parent, ParentGone, PlainParent, WarmParent, can_fork
from autograder.worker.reply import Failure, File, Json, Limits, Reply, Source, Units, evidence, references
from autograder.worker.surroundings import files_in_memory, guest_environment, hide_from_own_user, memory_allowed

START_SECONDS = 60.0
"""Seconds that a guest may take to say hello; importing torch on a slow machine is in it."""

REVIVALS = 2
"""Times that a worker starts another parent, for one guest, where none can be started; nothing of the student's runs then."""

STOP_SECONDS = 10.0
"""Seconds that ending a guest and all that descends from it may take."""

END_SECONDS = 1.0
"""Seconds that a guest which has closed its connection may take to end by itself, so that its exit status is seen."""

CPU_SLACK = 60
"""Seconds of processor time beyond what the deadlines allow: a backstop for a process that nothing else ends."""


PARENT_GONE = "gone"
"""How a guest ended of which nobody can say so: what starts the guests went with it."""


class _Lost(Exception):
    """The guest is gone or had to be ended; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class _LostParent(_Lost):
    """What starts the guests went while one of them ran; another is there."""


BEFORE = "_before_the_file"
"""The module in which a unit of our own is executed before a file."""


class Worker:
    """Runs a submission's code in other processes, one guest for each source, and answers with inert values.

    root: folder with the submission's files; guests run in a writable copy of it, which is removed at the end.
    sources: name to `File` or `Units`; calls say `"name.function"`. torch: whether torch is imported beforehand.
    seed: from which, with the content of each call, Python's, numpy's and torch's generators are seeded before it.
    deadline: `time.monotonic()` at which no call is begun any more and the running one ends; None for none.
    warm: a parent that was started before and is shared (see `WarmParent`); without one the worker starts its own,
    at once and in the background, in its constructor.

    No method raises for anything that the student's code does. A guest that dies or hangs is replaced for the next call,
    its sources loaded again; what hung or died while loading is not tried again. To be closed, best as a context manager.
    """

    def __init__(
        self,
        root: Path,
        sources: Mapping[str, Source],
        *,
        torch: bool,
        seed: int,
        limits: Limits | None = None,
        deadline: float | None = None,
        warm: WarmParent | None = None,
        _leave_out: Sequence[str] = (),
    ) -> None:
        self._root = root
        self._sources = dict(sources)
        self._seed = seed
        self._limits = limits or Limits()
        self._deadline = deadline
        self._leave_out = tuple(_leave_out)
        self._guests: dict[str, Connection] = {}
        self._started = 0
        self._scratch = ""
        self._hello: dict[str, Any] | None = None
        self._broken: dict[str, Failure] = {}
        self._fatal: dict[str, Failure] = {}
        self._broken_units: dict[tuple[str, int], Failure] = {}
        self._fatal_units: set[tuple[str, int]] = set()
        self._timed_out: dict[str, Failure] = {}
        self._kept: dict[str, str] = {}
        self._spent: dict[str, float] = {}
        self._torch = torch
        self._suspects: set[str] = set()
        self._hidden = hide_from_own_user()
        self._own_parent = None if warm is not None else new_parent(torch)
        self._parent: Parent = (warm or self._own_parent or PlainParent(torch=torch)).connect()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends every guest and all that descends from it, and removes the scratch copy."""
        self._parent.close()
        for guest in self._guests.values():
            guest.close()
        self._guests.clear()
        self._kept.clear()
        if self._own_parent is not None:
            self._own_parent.close()
        if self._scratch:
            leftovers.remove_tree(self._scratch)
            self._scratch = ""

    # what a suite asks ----------------------------------------------------------------------------------------------

    def call(self, function: str, *args: Any, seconds: float | None = None, keep: str | None = None) -> Reply:
        """Calls a function of the student's, `"linear.solve"`, or an object kept before, `"@name"` or `"@name.method"`.

        args: None, bool, int, float, complex, str, numpy arrays and scalars, lists, tuples, dicts of these, `Tensor`, `Kept`, `Named`,
        `Polynomial`; they arrive as fresh copies. seconds: for this call, instead of the limits'. keep: the object that is returned
        stays in the guest under this name, and the reply's value is None.

        Raises TypeError or ValueError only for arguments that cannot be sent: a bug of the suite's.
        """
        head = function.partition(".")[0]
        shown = tuple(evidence(argument) for argument in args)
        packer = wire.Packer(references)
        try:
            tree = packer.pack(list(args))
        except wire.Unsendable as error:
            raise TypeError(f"the arguments of {function} cannot be sent: {error}") from None
        source = self._kept.get(head[1:]) if head.startswith("@") else head
        if source is None:
            return Reply(function, shown, failure=lost_object(head))
        before = self._timed_out.get(function)
        if before is not None:
            message = f"not called again: an earlier call of {function} did not end in time"
            return Reply(function, shown, failure=Failure("skipped", message, before.line))
        digest = hashlib.sha256(repr((self._seed, function)).encode() + json.dumps(tree).encode() + b"".join(packer.buffers)).digest()
        request = {"op": "call", "function": function, "args": tree, "keep": keep, "seed": int.from_bytes(digest[:4], "little")}
        reply = self._ask(source, function, shown, request, packer.buffers, seconds or self._limits.call)
        if keep is not None and reply.failure is None:
            self._kept[keep] = source
        if reply.failure is not None and reply.failure.kind == "timeout" and source not in self._fatal:
            self._timed_out[function] = reply.failure
        return reply

    def attributes(self, target: str, names: Sequence[str]) -> Reply:
        """Values of attributes (dotted paths too) of a kept object, `"@name"`, or of a source, `"ridge"`: a dict with those that
        are there.
        """
        head = target.partition(".")[0]
        source = self._kept.get(head[1:]) if head.startswith("@") else head
        if source is None:
            return Reply(target, tuple(names), failure=lost_object(head))
        request = {"op": "attributes", "target": target, "names": list(names)}
        return self._ask(source, target, tuple(names), request, [], self._limits.call)

    def names(self, source: str) -> dict[str, str]:
        """What a source defines: name to signature, `"solve(A, b)"`; empty where it cannot be loaded."""
        reply = self._ask(source, source, (), {"op": "names", "module": source}, [], self._limits.call)
        if reply.failure is not None or type(reply.value) is not dict:
            return {}
        return {tidy(str(key), 200): tidy(str(value), 500) for key, value in reply.value.items()}

    def load(self, source: str) -> Failure | None:
        """Loads a source now instead of at its first call; what went wrong, of units the first thing."""
        with contextlib.suppress(_Lost):
            self._guest(source)
        units = (failure for (name, _), failure in sorted(self._broken_units.items()) if name == source)
        return self._fatal.get(source) or self._broken.get(source) or next(units, None)

    @property
    def has_greeted(self) -> bool:
        """Whether `protections` and `facts` are known without waiting for the libraries' imports."""
        return self._hello is not None

    @property
    def protections(self) -> tuple[str, ...]:
        """The layers around the student's code that are active in this run, in a stable order."""
        outside = ["own process group", *self._parent.protections, *(["grader not inspectable"] if self._hidden else [])]
        return (*map(str, self._greeting().get("protections", [])), *outside, "environment emptied")

    @property
    def facts(self) -> dict[str, str]:
        """Versions of python, numpy and torch in the guest; torch is empty where it was not asked for."""
        return {str(key): str(value) for key, value in self._greeting().get("facts", {}).items()}

    # guests ----------------------------------------------------------------------------------------------------------

    def _greeting(self) -> dict[str, Any]:
        """What a guest says before any code of the student's is loaded."""
        if self._hello is None:
            with contextlib.suppress(_Lost):
                self._guests[""] = self._start()
                self._end("")
        return self._hello or {}

    def _guest(self, source: str) -> Connection:
        """The guest of a source, started and loaded if there is none; raises _Lost."""
        if source in self._guests and self._guests[source].is_alive():
            return self._guests[source]
        if source in self._guests:
            self._end(source)
        known = self._sources.get(source)
        if known is None:
            raise _Lost(not_handed_in(source))
        if source in self._fatal:
            raise _Lost(self._fatal[source])
        self._guests[source] = self._start()
        if isinstance(known, File):
            self._load_file(source, known)
        else:
            self._load_units(source, known)
        return self._guests[source]

    def _load_file(self, source: str, known: File) -> None:
        request = {"op": "file", "module": source, "path": known.path, "seed": self._load_seed(source)}
        try:
            if known.before is not None:
                code, label, offset = known.before
                unit = {"op": "unit", "module": BEFORE, "code": code, "label": label, "offset": offset, "failure": None, "seed": 0}
                self._exchange(source, unit, [], self._limits.unit)
            reply = self._exchange(source, request, [], self._limits.load)
        except _LostParent:
            raise
        except _Lost as lost:
            failure = while_loading(lost.failure)
            if failure.kind != "not_reached":
                self._fatal[source] = failure
            raise _Lost(failure) from None
        if "failure" in reply:
            self._broken[source] = failure_of(reply["failure"], self._scratch)

    def _load_units(self, source: str, known: Units) -> None:
        """One unit after another. When one ends the guest, a new one is started and the units before are run again; what
        ended a guest, or comes when the time for loading is used up, is only read there, so that its names are known.
        """
        index = reached = 0
        spent = 0.0
        while index < len(known.units):
            code, label, offset = known.units[index]
            skipped = (source, index) in self._fatal_units
            if not skipped and index >= reached and spent >= self._limits.load:
                message = f"not loaded: what stands before it took more than {self._limits.load:g} s"
                self._broken_units[source, index] = Failure("timeout", message, label)
                self._fatal_units.add((source, index))
                skipped = True
            request = {"op": "unit", "module": source, "code": code, "label": label, "offset": offset, "seed": self._load_seed(source)}
            request["failure"] = asdict(self._broken_units[source, index]) if skipped else None
            begun = time.monotonic()
            try:
                reply = self._exchange(source, request, [], self._limits.unit)
            except _Lost as lost:
                spent += time.monotonic() - begun
                if isinstance(lost, _LostParent) or skipped or lost.failure.kind == "not_reached":
                    raise
                self._broken_units[source, index] = while_loading(lost.failure, label)
                self._fatal_units.add((source, index))
                self._guests[source] = self._start()
                index, reached = 0, max(reached, index)
                continue
            if index >= reached:
                spent += time.monotonic() - begun
            if "failure" in reply and not skipped:
                self._broken_units[source, index] = failure_of(reply["failure"], self._scratch)
            index += 1

    def _load_seed(self, source: str) -> int:
        return int.from_bytes(hashlib.sha256(repr((self._seed, source)).encode()).digest()[:4], "little")

    def _start(self) -> Connection:
        """A new guest that has said hello; raises _Lost where none can be had in time, RuntimeError where none can be had at all."""
        for _ in range(REVIVALS):
            try:
                return self._start_once()
            except ParentGone:  # noqa: PERF203 - at most a few times
                self._renew_parent()
        return self._start_once()

    def _renew_parent(self) -> None:
        """Another parent for one that is gone (the system may have killed it for want of memory) or that has no room for a guest:
        with the old one go all guests, and all that they left.
        """
        for source in list(self._guests):
            self._end(source)
        self._parent.close()
        if self._own_parent is not None:
            self._own_parent.close()
        if self._scratch:
            leftovers.remove_tree(self._scratch)
            self._scratch = ""
        self._own_parent = new_parent(self._torch)
        self._parent = self._own_parent.connect()

    def _suspect(self, source: str) -> _LostParent:
        """The parent went while this source's guest ran, which is asked once more. Beside others it need not have been at fault; alone,
        and twice, that is its own doing, and it is not run any more.
        """
        if not self._guests:
            if source in self._suspects:
                self._fatal[source] = lost_parent()
            self._suspects.add(source)
        self._renew_parent()
        return _LostParent(lost_parent())

    def _start_once(self) -> Connection:
        self._started += 1
        slot = None if "user" in self._leave_out else slots.claim()
        try:
            if not self._scratch:
                self._scratch = self._make_scratch()
            folder = str(Path(self._scratch, str(self._started)))
            plan = self._plan(folder, slot)
            order = {"id": self._started, "host": os.getpid(), "plan": plan, "environment": guest_environment(folder)}
            order |= {"root": os.path.abspath(self._root), "disk": self._limits.disk, "tmpfs": files_in_memory(self._limits.disk)}
            connection, output = self._parent.start(order, None if slot is None else slot.lock)
        except BaseException:
            if slot is not None:
                slot.release()
            raise
        connection.setblocking(False)
        guest = Connection(self._started, connection, output, slot, room=4 * self._limits.printed)
        deadline = min(time.monotonic() + START_SECONDS, self._deadline or float("inf"))
        try:
            header, _ = wire.read_frame(guest.reader(deadline))
        except (wire.WireError, TimeUp, OSError) as error:
            ended = self._stop(guest)
            printed = bytes(guest.printed[-500:]).decode("utf-8", "replace") or self._parent.errors()
            if self._deadline is not None and time.monotonic() >= self._deadline:
                raise _Lost(not_reached()) from None
            raise ParentGone(f"no process for student code could be started ({ended.how}; {error}): {printed}") from None
        if self._hello is None:
            self._hello = header
        return guest

    def _make_scratch(self) -> str:
        """The folder in which those of the guests lie, made by the parent when it is ready."""
        seconds = START_SECONDS if self._deadline is None else max(0.0, min(START_SECONDS, self._deadline - time.monotonic()))
        try:
            return self._parent.scratch(seconds)
        except TimeoutError:
            if seconds < START_SECONDS:
                raise _Lost(not_reached()) from None
            raise ParentGone(f"the parent of student processes was not ready within {START_SECONDS:g} s") from None

    def _plan(self, folder: str, slot: slots.Slot | None) -> dict[str, Any]:
        """What the next guest is to wear: see `layers.Plan`."""
        limits = self._limits
        processes_allowed = limits.processes
        if slot is None and hasattr(os, "getuid"):
            processes_allowed += self._parent.threads_of_user() + layers.SHARED_USER_SLACK
        cpu = limits.source + limits.load if self._deadline is None else max(0.0, self._deadline - time.monotonic())
        return {
            "folder": folder,
            "user": None if slot is None else slot.user,
            "memory": self._memory,
            "file_size": limits.file_size,
            "processes": processes_allowed,
            "open_files": limits.open_files,
            "cpu": int(cpu + CPU_SLACK),
            "leave_out": self._leave_out,
        }

    def _end(self, source: str, *, patience: float = 0.0) -> Ended:
        """Ends the guest of a source; what it kept is gone."""
        guest = self._guests.pop(source)
        for name in [name for name, owner in self._kept.items() if owner == source]:
            del self._kept[name]
        return self._stop(guest, patience)

    def _stop(self, guest: Connection, patience: float = 0.0) -> Ended:
        try:
            ended = self._parent.stop(guest.number, STOP_SECONDS, patience=patience)
        except ParentGone:
            ended = Ended(PARENT_GONE, clean=False)  # the guest went with it
        guest.close()
        return ended

    # exchanges --------------------------------------------------------------------------------------------------------

    def _ask(
        self, source: str, function: str, shown: tuple[Json, ...], request: dict[str, Any], buffers: Sequence[bytes], seconds: float
    ) -> Reply:
        """One request to the guest of a source, within all its deadlines."""
        if source not in self._sources:
            return Reply(function, shown, failure=not_handed_in(source))
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline:
            return Reply(function, shown, failure=not_reached())
        if self._spent.get(source, 0.0) >= self._limits.source:
            message = f"not reached: the calls into {source} used up their {self._limits.source:g} s"
            return Reply(function, shown, failure=Failure("not_reached", message))
        printed = ""
        try:
            guest = self._guest(source)
            guest.printed.clear()
            begun = time.monotonic()
            try:
                reply = self._exchange(source, request, buffers, seconds)
            finally:
                self._spent[source] = self._spent.get(source, 0.0) + time.monotonic() - begun
                printed = self._printed(guest)
            if "failure" in reply:
                return Reply(function, shown, failure=failure_of(reply["failure"], self._scratch), printed=printed)
            return Reply(function, shown, value=reply["value"], printed=printed)
        except _LostParent as lost:
            if source in self._fatal:
                return Reply(function, shown, failure=lost.failure)
            return self._ask(source, function, shown, request, buffers, seconds)
        except _Lost as lost:
            return Reply(function, shown, failure=lost.failure, printed=printed)

    def _exchange(self, source: str, request: dict[str, Any], buffers: Sequence[bytes], seconds: float) -> dict[str, Any]:
        """Sends a request, reads its reply and decodes it; raises _Lost when the guest had to be ended."""
        guest = self._guests[source]
        guest.calls += 1
        deadline = min(time.monotonic() + seconds, self._deadline or float("inf"))
        self._parent.waiting(guest.number, busy=True)
        try:
            guest.send(wire.frame({**request, "id": guest.calls}, buffers), deadline)
            header, arrays = wire.read_frame(guest.reader(deadline))
            reply = _decoded(header, arrays, guest.calls)
        except TimeUp:
            self._end(source)
            if self._deadline is not None and time.monotonic() >= self._deadline:
                raise _Lost(not_reached()) from None
            raise _Lost(Failure("timeout", f"did not end within {seconds:g} s")) from None
        except (wire.Closed, OSError):
            guest.drain(LAST_DRAINS)
            ended = self._end(source, patience=END_SECONDS)
            raise self._suspect(source) if ended.how == PARENT_GONE else _Lost(self._gone(ended)) from None
        except wire.WireError as error:
            self._end(source)
            raise _Lost(Failure("killed", f"its process was stopped: what it answered was no valid reply ({error})")) from None
        self._parent.waiting(guest.number, busy=False)
        guest.drain(LAST_DRAINS)
        return reply

    def _gone(self, ended: Ended) -> Failure:
        return how_it_ended(ended.how, self._memory, self._limits.disk)

    @cached_property
    def _memory(self) -> int:
        """Bytes that a guest may use."""
        return memory_allowed(self._limits.memory)

    def _printed(self, guest: Connection) -> str:
        text = without_places(bytes(guest.printed).decode("utf-8", "replace").replace("\r\n", "\n"), self._scratch)
        cap = self._limits.printed
        return text if len(text) <= cap else text[:cap] + "\n… (cut)"


def _decoded(header: dict[str, Any], arrays: Sequence[memoryview], number: int) -> dict[str, Any]:
    """The value or the failure that a reply holds; raises WireError."""
    if header.get("id") != number:
        raise wire.WireError("a reply to another call")
    if "failure" in header:
        return {"failure": header["failure"]}
    if "value" not in header:
        raise wire.WireError("a reply without a value")
    return {"value": wire.Unpacker(arrays).unpack(header["value"])}


def new_parent(torch: bool) -> WarmParent | PlainParent:
    """What guests come from on this system."""
    return WarmParent(torch=torch) if can_fork() else PlainParent(torch=torch)
