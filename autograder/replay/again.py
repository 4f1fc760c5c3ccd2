"""A verdict's evidence run again on a submission: the same inputs, what the submission does with them now."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from autograder.algebra import Symbols
from autograder.assignment import Assignment, Profile
from autograder.errors import OutOfBudget, Unreadable
from autograder.grading import Desk, Student, collection, load_public, open_desk
from autograder.replay.entry import Entry
from autograder.replay.formulas import Unwritable, same, table_of, value_of
from autograder.report import HAPPENED, TestEntry, entry_document, json_safe, named
from autograder.verdict import Json
from autograder.worker import Kept, Polynomial, Reply, Tensor, references
from autograder.worker import evidence as as_evidence
from autograder.worker import wire as encoding

ALONE = "replay"
"""Name of the profile that holds one number only."""

ROUNDING = 30 * float(np.finfo(np.float64).eps)
"""What is accepted where the evidence does not say how large a difference may be, over the largest entry."""

DIGITS = 1e-9
"""Two runs return the same where they agree to this, over the largest entry: evidence has 16 digits, other machines round otherwise."""


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
        return tuple(_again(_Run(e, desk, recorder, public, calls.get(e.number, ())), decided.get(e.number, {})) for e in entries)


def _again(run: _Run, decided: Mapping[str, Json]) -> Again:
    """One entry, of which `decided` is what the suite says now; empty where that is not at hand."""
    entry, evidence = run.entry, run.evidence
    kind = _KINDS.get(str(evidence.get("kind")))
    lines, still = kind(run) if kind is not None else ([], None)
    now = decided["extra_data"]["evidence"] or {} if decided else {}
    if decided and entry.verdict in LOST:
        if evidence and alike(now, evidence):
            still = True
        elif still is None and evidence:
            still = decided["extra_data"]["verdict"] != "correct"
    said = list(lines)
    if now and now.get("quantity") == evidence.get("quantity") is not None:
        said += named("returned now", now.get("got"), sign="")
    if decided:
        said.append(f"decided again: {decided['extra_data']['verdict']}, {decided['score']:g} of {decided['max_score']:g} points")
    if evidence and entry.verdict in LOST:
        said.append({True: "The difference is still there.", False: "The difference is gone."}.get(still, UNKNOWN))  # type: ignore[arg-type]
    return Again(tuple(said), still, tuple(run.calls), decided)


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


# Each kind: lines, and whether the difference is still there; None where the evidence alone does not tell.


@dataclass(frozen=True)
class _Run:
    entry: Entry
    desk: Desk
    recorder: Recorder
    public: Any
    calls: Sequence[Call]
    """Those that deciding this entry again took."""

    @property
    def evidence(self) -> Mapping[str, Json]:
        return self.entry.evidence


def _symbolic(run: _Run) -> tuple[list[str], bool | None]:
    evidence, answer = run.evidence, run.desk.answer(run.entry.number)
    known = getattr(run.public, "SYMBOLS", {}).get(run.entry.number)
    table = table_of(evidence, known if isinstance(known, Symbols) else None)
    lines = [f"answer now: {answer.text or '(none)'}"]
    if "witness" not in evidence or isinstance(evidence.get("expected_value"), bool):
        return lines, None
    try:
        value = value_of(answer.text, evidence, table)
    except (Unreadable, Unwritable, OutOfBudget) as problem:
        return [*lines, f"which has no value at this point: {problem}"], True
    lines += named("which is there", value, sign="")
    lines += named("expected is", evidence.get("expected_value"), sign="")
    return lines, not same(value, evidence.get("expected_value"))


def _called(run: _Run) -> Reply | None:
    """What the submission returns now for the evidence's own arguments; None where these cannot be made again."""
    evidence = run.evidence
    function, args = str(evidence.get("function")), evidence.get("args")
    if not isinstance(args, list):
        return None
    for place, call in enumerate(run.calls):
        if call.function == function and alike(json_safe(list(call.reply.args)), args):
            return call.reply
        made = run.calls[place - 1] if place else None
        if call.function.startswith("@") and made is not None and made.keep == call.function[1:] and made.function == function:
            given = [json_safe(list(made.reply.args)), *json_safe(list(call.reply.args))]
            if alike(given, args):
                return call.reply
    template = next((call.args for call in run.calls if call.function == function and len(call.args) == len(args)), None)
    if function.startswith("@") or any(isinstance(a, str) for a in args):
        return None
    return run.recorder(function, *(restored(a, like) for a, like in zip(args, template or [None] * len(args), strict=True)))


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


def as_numbers(value: Json) -> Any:
    """Evidence with the texts `inf`, `-inf` and `nan` as numbers again."""
    if isinstance(value, list):
        return [as_numbers(item) for item in value]
    return float(value) if value in ("inf", "-inf", "nan") else value


def _numeric(run: _Run) -> tuple[list[str], bool | None]:
    evidence, reply = run.evidence, _called(run)
    if reply is None:
        return ["the stored arguments cannot be sent again"], None
    if reply.failure is not None:
        return [f"it {HAPPENED.get(reply.failure.kind, reply.failure.kind)}: {reply.failure.message} {reply.failure.line}".rstrip()], True
    value = piece_of(reply.value, evidence, piece_place(run.entry, run.public))
    if evidence.get("measure") == "shape":
        shape = np.asarray(value).shape
        return [f"shape returned now: {shape}"], list(shape) != evidence.get("expected")
    lines = list(named("returned now", as_evidence(value), sign=""))
    return lines, differs(value, evidence)


def piece_place(entry: Entry, public: Any) -> int | None:
    """Which of several returned values the evidence speaks of, by the names that `public.py` gives them."""
    example = getattr(public, "EXAMPLES", {}).get(entry.number)
    piece = entry.evidence.get("piece")
    return example.names.index(piece) if example is not None and piece in example.names else None


def piece_of(value: object, evidence: Mapping[str, Json], place: int | None) -> object:
    """The piece of a returned value that the evidence speaks of."""
    if "piece" not in evidence or not isinstance(value, list | tuple | np.ndarray) or place is None or place >= len(value):
        return value
    return value[place]


def differs(value: object, evidence: Mapping[str, Json]) -> bool | None:
    """Whether a returned value differs from the expected one by more than was accepted; None where they cannot be compared.

    How much was accepted follows from the evidence: the recorded difference measured `value`, and `threshold` would have passed.
    """
    try:
        now = np.asarray(value, dtype=float)
        expected, got = (np.asarray(as_numbers(evidence[key]), dtype=float) for key in ("expected", "got"))
    except (TypeError, ValueError, KeyError):
        return None
    if now.shape != expected.shape:
        return True if now.shape == got.shape and _close(now, got) else None
    return bool(error_of(now, expected, evidence) > allowed(got, expected, evidence))


def error_of(now: Any, expected: Any, evidence: Mapping[str, Json]) -> float:
    """The largest error; of a bound, by how much it falls short."""
    with np.errstate(all="ignore"):
        apart = np.where(now == expected, 0.0, expected - now if _is_bound(evidence) else np.abs(now - expected))
    return float(np.max(np.where(np.isnan(apart), np.inf, apart), initial=0.0))


def allowed(got: Any, expected: Any, evidence: Mapping[str, Json]) -> float:
    """The error that was accepted, from what was recorded."""
    value, threshold = evidence.get("value"), evidence.get("threshold")
    error = error_of(got, expected, evidence) if got.shape == expected.shape else math.inf
    if isinstance(value, int | float) and isinstance(threshold, int | float) and 0 < value < math.inf and 0 < error < math.inf:
        return float(error * min(1.0, threshold / value) * 0.999)
    finite = np.abs(expected[np.isfinite(expected)])
    return ROUNDING * float(finite.max(initial=0.0))


def _is_bound(evidence: Mapping[str, Json]) -> bool:
    return "shortfall" in str(evidence.get("measure"))


def _close(one: Any, two: Any) -> bool:
    size = float(np.max(np.abs(two[np.isfinite(two)]), initial=0.0))
    return bool(np.allclose(one, two, rtol=DIGITS, atol=DIGITS * size, equal_nan=True))


def _failure(run: _Run) -> tuple[list[str], bool | None]:
    recorded = run.evidence.get("failure")
    if recorded == "not_reached":
        return ["it was never called: the time was over"], None
    reply = _called(run)
    if reply is None:
        return ["the stored arguments cannot be sent again"], None
    if reply.failure is not None:
        return [f"it {HAPPENED.get(reply.failure.kind, reply.failure.kind)}: {reply.failure.message} {reply.failure.line}".rstrip()], True
    lines = list(named("returned now", json_safe(as_evidence(reply.value)), sign=""))
    return lines, None if recorded == "type" else False


_KINDS = {"symbolic": _symbolic, "numeric": _numeric, "failure": _failure}
