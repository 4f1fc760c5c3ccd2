"""A verdict's evidence run again on a submission: the same inputs, what the submission does with them now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from autograder.algebra import Symbols
from autograder.assignment import Assignment, Profile
from autograder.evidence import DIGITS, HAPPENED, Json, Returned, as_numbers, read_evidence
from autograder.grading import Desk, Student, collection, load_public, open_desk
from autograder.replay.entry import Entry
from autograder.replay.formulas import TableFormulas, table_of
from autograder.report import TestEntry, entry_document, json_safe
from autograder.worker import Kept, Polynomial, Reply, Tensor, references
from autograder.worker import evidence as as_evidence
from autograder.worker import wire as encoding

ALONE = "replay"
"""Name of the profile that holds one number only."""


@dataclass(frozen=True)
class Call:
    """One call into the submission, with the types of its arguments."""

    function: str
    args: tuple[Any, ...]
    keep: str | None
    reply: Reply
    seed: int
    """With which Python's, numpy's and torch's generators were seeded before it."""


class Recorder(Student):
    """The student's code, as a suite calls it; every call is remembered."""

    def __init__(self, student: Student, seed: int) -> None:
        super().__init__(student.worker)
        self.seed = seed
        self.calls: list[Call] = []

    def __call__(self, function: str, *args: object, keep: str | None = None, seconds: float | None = None) -> Reply:
        """Calls and remembers."""
        reply = super().__call__(function, *args, keep=keep, seconds=seconds)
        self.calls.append(Call(function, args, keep, reply, seed_of(self.seed, function, args)))
        return reply


def seed_of(seed: int, function: str, args: Sequence[object]) -> int:
    """With which the worker seeds the generators before a call: made from the submission's seed and the content of the call."""
    packer = encoding.Packer(references)
    tree = packer.pack(list(args))
    digest = hashlib.sha256(repr((seed, function)).encode() + json.dumps(tree).encode() + b"".join(packer.buffers)).digest()
    return int.from_bytes(digest[:4], "little")


@dataclass(frozen=True)
class Again:
    """What came of running evidence again. still: whether the difference is still there; None where that cannot be told."""

    lines: tuple[str, ...]
    still: bool | None
    calls: tuple[Call, ...] = ()
    """Every call that deciding the part again made."""
    decided: Mapping[str, Json] = field(default_factory=dict)
    """The entry as it is decided now; empty where the suite is not at hand."""


def run_again(entries: Sequence[Entry], submission: Path, assignment: Assignment) -> tuple[Again, ...]:
    """Runs the evidence of each entry on a submission. Raises UsageError where the path is no submission.

    The parts are decided again by the suite, where it is at hand, with every call remembered; and the evidence's own inputs
    are tried: the function is called with the stored arguments, the answer is evaluated at the stored point.
    """
    points = {entry.number: assignment.points.get(entry.number, 0.0) for entry in entries}
    alone = replace(assignment, profiles={ALONE: Profile(ALONE, points, frozenset())})
    public = load_public(assignment)
    with open_desk(submission, alone, alone.profile(ALONE)) as desk:
        recorder = Recorder(desk.student, desk.seed)
        desk.student = recorder
        decided, calls = _decided(desk, recorder)
        parts = [PartNow(e.number, desk, recorder, public, calls.get(e.number, ())) for e in entries]
        return tuple(_again(part, e, decided.get(e.number, {})) for part, e in zip(parts, entries, strict=True))


def _again(part: PartNow, entry: Entry, decided: Mapping[str, Json]) -> Again:
    """One entry, of which `decided` is what the suite says now; empty where that is not at hand."""
    evidence = read_evidence(entry.evidence)
    lines, still = evidence.try_again(part)
    now = decided["extra_data"]["evidence"] or {} if decided else {}
    if decided and entry.verdict in LOST:
        if entry.evidence and alike(now, entry.evidence):
            still = True
        elif still is None and entry.evidence:
            still = decided["extra_data"]["verdict"] != "correct"
    said = [*lines, *evidence.show_now(read_evidence(now))]
    if decided:
        said.append(f"decided again: {decided['extra_data']['verdict']}, {decided['score']:g} of {decided['max_score']:g} points")
    if entry.evidence and entry.verdict in LOST:
        said.append({True: "The difference is still there.", False: "The difference is gone."}.get(still, UNKNOWN))  # type: ignore[arg-type]
    return Again(tuple(said), still, tuple(part.calls), decided)


LOST = ("partial", "incorrect")
"""Verdicts whose evidence shows a difference."""

UNKNOWN = "Whether the difference is still there cannot be told from this evidence alone."


def _decided(desk: Desk, recorder: Recorder) -> tuple[dict[str, Mapping[str, Json]], dict[str, tuple[Call, ...]]]:
    """Every number decided again by the suite's own tests, and the calls that each took; empty where the suite is not at hand."""
    found: dict[str, Mapping[str, Json]] = {}
    calls: dict[str, tuple[Call, ...]] = {}

    def heard(entry: TestEntry) -> None:
        found[entry.number] = entry_document(entry)
        calls[entry.number] = tuple(recorder.calls)
        recorder.calls.clear()

    try:
        collection.collect(desk.assignment, desk.profile, lambda suite: suite.run(desk, heard))
    except collection.SuiteFailed:
        return {}, {}
    return found, calls


def alike(one: Json, two: Json) -> bool:
    """Whether two pieces of evidence say the same, up to rounding."""
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        keys = (set(one) | set(two)) - {"plot", "value"}
        return all(key in one and key in two and alike(one[key], two[key]) for key in keys)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(alike, one, two))
    if isinstance(one, float) and isinstance(two, float):
        return abs(one - two) <= DIGITS * max(abs(one), abs(two), 1e-300)
    return bool(one == two)


@dataclass(frozen=True)
class PartNow:
    """One part of a submission, as evidence asks for it. calls: those that deciding the part again took."""

    number: str
    desk: Desk
    recorder: Recorder
    public: Any
    calls: Sequence[Call]

    def answer(self) -> str:
        """The final answer of the part; empty where there is none."""
        return self.desk.answer(self.number).text

    def formulas(self, symbols: Mapping[str, str]) -> TableFormulas:
        """Formulas over the symbols that evidence declares, spelled as the suite has them."""
        return formulas_of(self.number, self.public, symbols)

    def as_json(self, value: Any) -> Json:
        """A returned value as it stands in evidence."""
        return json_safe(as_evidence(value))

    def place_of(self, piece: str | None) -> int | None:
        """Which of several returned values is called so, by the names that `public.py` gives them."""
        return place_of(self.number, self.public, piece)

    def call(self, function: str, args: Json) -> Returned | None:
        """What the function returns for stored arguments; None where these cannot be made again."""
        reply = self._reply(function, args) if isinstance(args, list) else None
        if reply is None:
            return None
        if reply.failure is None:
            return Returned(reply.value)
        kind, message, line = reply.failure.kind, reply.failure.message, reply.failure.line
        return Returned(None, f"it {HAPPENED.get(kind, kind)}: {message} {line}".rstrip())

    def _reply(self, function: str, args: list[Json]) -> Reply | None:
        for place, call in enumerate(self.calls):
            if call.function == function and alike(json_safe(list(call.reply.args)), args):
                return call.reply
            made = self.calls[place - 1] if place else None
            if call.function.startswith("@") and made is not None and made.keep == call.function[1:] and made.function == function:
                given = [json_safe(list(made.reply.args)), *json_safe(list(call.reply.args))]
                if alike(given, args):
                    return call.reply
        template = next((call.args for call in self.calls if call.function == function and len(call.args) == len(args)), None)
        if function.startswith("@") or any(isinstance(a, str) for a in args):
            return None
        return self.recorder(function, *(restored(a, like) for a, like in zip(args, template or [None] * len(args), strict=True)))


def formulas_of(number: str, public: Any, declared: Mapping[str, str]) -> TableFormulas:
    """Formulas of a part over the symbols that evidence declares."""
    known = getattr(public, "SYMBOLS", {}).get(number)
    return TableFormulas(table_of(declared, known if isinstance(known, Symbols) else None))


def place_of(number: str, public: Any, piece: str | None) -> int | None:
    """Which of several values that a function of the part returns is called so, by the names that `public.py` gives them."""
    example = getattr(public, "EXAMPLES", {}).get(number)
    return example.names.index(piece) if example is not None and piece in example.names else None


def restored(argument: Json, like: object = None) -> object:
    """An argument of evidence as it was sent. like: the argument in the same place of another call of the function."""
    if isinstance(argument, list):
        array = np.array(as_numbers(argument), dtype=float)
        if isinstance(like, Tensor):
            return Tensor(array.astype(np.asarray(like.array).dtype))
        return array
    if isinstance(argument, Mapping) and "polynomial" in argument:
        return Polynomial(as_numbers(argument["polynomial"]))
    if isinstance(argument, str) and argument.startswith("@"):
        return Kept(argument[1:])
    return as_numbers(argument)
