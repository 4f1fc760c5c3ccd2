"""What is decided about one part of a submission, and the evidence for it.

A judge (the algebra room, `numeric`, `training`, a phrase reader) returns a frozen `Verdict`; `score` turns it
into points and the reports print it. Nothing else travels from a judge to a report. The schema of the
evidence is written down in `docs/schema.md`; judges build it by the classes of `evidence`.

This module imports nothing else of ours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, TypeAlias, get_args

from autograder.evidence import Evidence, TextEvidence
from autograder.evidence import Json as Json

Kind = Literal["correct", "partial", "incorrect", "unreadable", "missing", "undecided", "error"]

KINDS: tuple[str, ...] = get_args(Kind)

SHARE_SLACK = 1e-9
"""Sums of shares such as 0.1 + 0.2 + 0.7 count as 1 within this."""

READ_AS = "Read as: "
"""Stands before a formula as it was read, in a judge's account; pages typeset what follows."""

READ_LINES = 5
"""Lines on how an answer was read, or on what calls did, that a verdict combined from several repeats."""


@dataclass(frozen=True)
class Verdict:
    """One decision. Build it with `correct`, `partial`, ... below, which know what each kind must carry.

    Raises ValueError where a promise is broken: `correct` without a method, `partial` or `incorrect` without
    evidence, a share that is no finite number in [0, 1].
    """

    kind: Kind
    share: float
    """Share of the part's points that is earned, 0 to 1; 0 for `undecided` and `error`, which earn nothing by themselves."""
    message: str
    """Feedback, plain text, first line short (it stands in the table). Never holds an expected value."""
    method: str | None = None
    """How it was decided, in a few words: `exact random evaluation, error below 1e-15`, `backward error`."""
    slip: str | None = None
    """Name of the slip that explains the answer (`transposed`, `wrong_unit`), where one does."""
    evidence: Mapping[str, Json] = field(default_factory=dict)
    """What a person can replay, as it lands in results.json: `read_evidence` makes one of the classes of `evidence` of it.
    May hold the expected value, and is shown to staff only."""
    read: str = ""
    """How the answer was read, and what a student may know before the due date (exceptions, what is missing)."""
    remarks: tuple[str, ...] = ()
    """Things noticed that cost no points; shown with the message."""
    provisional: float | None = None
    """Of `undecided`: the share that is held until a person has looked, where the judge knows better than the suite's policy for
    the part: 0 where nothing of what was asked was handed in, what the reading would earn where only some of it was understood."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no verdict; a verdict is one of {', '.join(KINDS)}")
        if not (math.isfinite(self.share) and 0.0 <= self.share <= 1.0):
            raise ValueError(f"a share of {self.share!r} of the points; a share lies between 0 and 1")
        if self.provisional is not None and not (self.kind == "undecided" and 0.0 <= self.provisional <= 1.0):
            raise ValueError(f"{self.kind} with {self.provisional!r} of the points for now; only `undecided` holds a share, 0 to 1")
        if self.kind == "correct" and not self.method:
            raise ValueError("a correct verdict says how it was decided: give `method`")
        if self.kind in ("partial", "incorrect") and not self.evidence:
            raise ValueError(f"a verdict {self.kind!r} carries evidence that a person can replay")

    def with_read(self, read: str) -> Verdict:
        """The same verdict, with another account of how the answer was read."""
        return replace(self, read=read)

    def with_remarks(self, *remarks: str) -> Verdict:
        """The same verdict with remarks added; empty ones are dropped."""
        return replace(self, remarks=(*self.remarks, *(r for r in remarks if r)))


AnyEvidence: TypeAlias = Evidence | Mapping[str, Json]
"""What a judge may hand over: one of the classes, or what lands in results.json as it stands."""


def _document(evidence: AnyEvidence | None) -> Mapping[str, Json]:
    return evidence.document() if isinstance(evidence, Evidence) else evidence or {}


def correct(message: str = "Correct.", *, method: str, read: str = "", evidence: AnyEvidence | None = None) -> Verdict:
    """The answer is right; `method` says how that was decided."""
    return Verdict("correct", 1.0, message, method=method, read=read, evidence=_document(evidence))


def partial(
    share: float,
    message: str,
    *,
    evidence: AnyEvidence,
    slip: str | None = None,
    method: str | None = None,
    read: str = "",
) -> Verdict:
    """Some of it is right and earns `share` of the points; the evidence shows what is not."""
    return Verdict("partial", share, message, method=method, slip=slip, evidence=_document(evidence), read=read)


def incorrect(message: str, *, evidence: AnyEvidence, slip: str | None = None, method: str | None = None, read: str = "") -> Verdict:
    """The answer is wrong, and the evidence shows where answer and truth differ."""
    return Verdict("incorrect", 0.0, message, method=method, slip=slip, evidence=_document(evidence), read=read)


def unreadable(message: str, *, read: str = "", evidence: AnyEvidence | None = None) -> Verdict:
    """Something was handed in that cannot be read as an answer; the message shows the place."""
    return Verdict("unreadable", 0.0, message, read=read or message, evidence=_document(evidence))


def missing(message: str = "Nothing was handed in for this part.") -> Verdict:
    """Nothing was handed in."""
    return Verdict("missing", 0.0, message, read=message)


def undecided(message: str, *, read: str = "", evidence: AnyEvidence | None = None, provisional: float | None = None) -> Verdict:
    """A person should look. Meanwhile the part holds what the suite's policy says, or the share `provisional` where that is given."""
    return Verdict("undecided", 0.0, message, read=read, evidence=_document(evidence), provisional=provisional)


def error(message: str, *, evidence: AnyEvidence | None = None) -> Verdict:
    """The grader failed here: a person looks. It holds the points where the reference fails here too, else nothing until then."""
    return Verdict("error", 0.0, message, evidence=_document(evidence))


class HasState(Protocol):
    """An answer, as far as this asks; its `note` is read where it has one."""

    @property
    def state(self) -> str:
        """`typed`, `missing`, `image` or `foreign`."""
        ...


def verdict_unless_typed(answer: HasState, due: str = "") -> Verdict | None:
    """The verdict of an answer that is missing, a picture, or of another homework; None where there is text.

    due: what can be read alone, `a formula`; the account says that it was due. Without it, the account is what the write-up noted.
    """
    if answer.state == "typed":
        return None
    note: str = "" if due else getattr(answer, "note", "")
    if answer.state == "missing":
        verdict = missing()
        return verdict.with_read(f"{verdict.message} ({note}.)") if note else verdict
    if not due:
        note = note or "a person reads it"
        said = f"{note[0].upper()}{note[1:]}."
        return undecided(said, read=said)
    if answer.state == "image":
        return undecided("This part was handed in as an image: a person reads it.", read=f"Found an image where {due} was due.")
    return undecided("This looks like another homework: a person looks at it.", read="The write-up looks like another homework.")


def together(*verdicts: Verdict) -> Verdict:
    """One verdict on several inputs of one share: all have to be right, and one that earns nothing takes the share.

    A random input beside fixed ones that are harder in every respect: so what a mistake costs does not hang on the draw.
    """
    return combined([(1 / len(verdicts), verdict) for verdict in verdicts], core=len(verdicts))


def combined(checks: Sequence[tuple[float, Verdict]], *, core: int = 1) -> Verdict:
    """One verdict from several checks of one part, each with its share of the points.

    The first `core` checks are what the part is about: if one of them earns nothing, neither does the whole
    (so that a wrong function gains nothing from inputs on which every function is right). Otherwise the
    shares add up. The message, slip and evidence are those of the first check that is not `correct`;
    an `error` or `undecided` anywhere is never turned into a loss, it is what comes back.

    With `core=0` every check stands for itself. `checks` is not empty; its shares add up to 1.
    """
    total = sum(share for share, _ in checks)
    if not checks or abs(total - 1.0) > SHARE_SLACK:
        raise ValueError(f"the shares of combined checks add up to 1, not {total}")
    verdicts = [verdict for _, verdict in checks]
    remarks = tuple(dict.fromkeys(r for v in verdicts for r in v.remarks))
    lines = "\n".join(dict.fromkeys(v.read for v in verdicts if v.read)).splitlines()
    read = "\n".join([*lines[:READ_LINES], *(["(and more of this kind)"] if len(lines) > READ_LINES else [])])
    for kind in ("error", "undecided"):
        for verdict in verdicts:
            if verdict.kind == kind:
                return replace(verdict, read=read, remarks=remarks)
    if all(v.kind == "correct" for v in verdicts):
        methods = "; ".join(dict.fromkeys(v.method for v in verdicts if v.method))
        return replace(correct(verdicts[0].message, method=methods, read=read), remarks=remarks)
    first = next(v for v in verdicts if v.kind != "correct")
    lost_core = next((v for v in verdicts[:core] if v.share == 0.0), None)
    if lost_core is not None:
        return replace(lost_core, read=read, remarks=remarks)
    share = min(1.0, sum(share * v.share for share, v in checks))
    if share == 0.0:
        return replace(first, read=read, remarks=remarks)
    evidence = first.evidence or TextEvidence(said=first.message).document()
    return Verdict("partial", share, first.message, first.method, first.slip, evidence, read, remarks)
