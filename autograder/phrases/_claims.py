"""What a claim in words is worth: compared with what is computed over every point of its case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from autograder.evidence import AFTER, BEFORE, ClaimEvidence
from autograder.phrases._conditions import Condition, Point
from autograder.phrases._moves import OPPOSITE, Claim, ParameterRegion, Reader, Subject, read_claims
from autograder.phrases._words import how_read
from autograder.verdict import Json, Verdict, correct, incorrect, partial, unreadable, verdict_unless_typed
from autograder.writeup import Answer

Truth = Literal["always", "sometimes", "never"]

HALF = Fraction(1, 2)
"""Share of a subject's points that a claim earns which holds sometimes, with no condition stated."""

SHOWN = {
    "up": "increases",
    "down": "decreases",
    "steeper": "gets steeper",
    "shallower": "gets flatter",
    "right": "moves right",
    "left": "moves left",
    "same": "stays",
    "depends": "depends",
    "moves": "changes",
}


def claim(answer: Answer, subjects: Sequence[Subject], region: ParameterRegion) -> Verdict:
    """The verdict on what an answer says about each subject in a case, each with its share of the points.

    A claim that holds everywhere in the region earns the whole share; one that holds sometimes earns half, with a
    counterexample as evidence, or all of it when the answer says `depends`, or states a condition or an example
    that fits the case and bears the claim out. Claims that nobody can make out are `unreadable`.
    """
    other = verdict_unless_typed(answer)
    if other is not None:
        return other
    text = answer.body
    claims: tuple[Claim, ...] = ()
    if answer.how == "after `Answer:`":
        text = answer.text
        claims = read_claims(text, subjects, region)
        at = answer.body.find(answer.text)
        after = answer.body[at + len(answer.text) :] if at >= 0 else ""
        missed = [s for s in subjects if not any(c.subject == s.name for c in claims)]
        if missed and after.strip():
            # A second paragraph goes on where the first, which is the answer proper, left something unsaid.
            text = f"{answer.text}\n\n{after}"
            claims += tuple(c for c in read_claims(text, subjects, region) if c.subject in {s.name for s in missed})
    else:
        claims = read_claims(text, subjects, region)
    examples = Reader(text, subjects, region).examples()
    judged = [_subject(s, [c for c in claims if c.subject == s.name], region, examples) for s in subjects]
    understood = "; ".join(f"{j.subject.name}: {j.got}" for j in judged)
    read = how_read(answer, understood, said=_evident(claims, text))
    names = " and ".join(s.name for s in subjects)
    accepted = "one sentence for each that says whether it increases, decreases, moves left or right, or stays"
    if not any(j.claimed for j in judged):
        return unreadable(
            f"What happens to {names} could not be read. Accepted would be: {accepted}.", read=f"{read} Accepted would be: {accepted}."
        )
    share = min(1.0, float(sum(Fraction(j.subject.share).limit_denominator(1000) * j.earned for j in judged)))
    method = f"claims compared with exact values at {len(region.everywhere)} points of the case"
    worst = next((j for j in judged if j.earned < 1), None)
    if worst is None:
        return correct(method=method, read=read, evidence=_evidence(judged[0], region))
    message = " ".join(j.message for j in judged if j.earned < 1)
    if share <= 0:
        return incorrect(message, evidence=_evidence(worst, region), method=method, read=read)
    return partial(share, message, evidence=_evidence(worst, region), method=method, read=read)


def _evident(claims: Sequence[Claim], text: str) -> str:
    return " … ".join(dict.fromkeys(c.quoted for c in claims)) or text


# ---- what a claim is worth ----


@dataclass(frozen=True)
class _Judged:
    """One subject: what was claimed, whether it holds, and a point where it does not."""

    subject: Subject
    got: str
    claimed: bool
    earned: Fraction
    truth: Truth
    message: str = ""
    counterexample: Point | None = None


def _subject(subject: Subject, claims: Sequence[Claim], region: ParameterRegion, examples: Sequence[Condition]) -> _Judged:
    said = [c for c in claims if c.move != "moves"]
    if not said:
        got = "changes, but not how" if claims else "nothing was read"
        return _Judged(subject, got, False, Fraction(0), "never", f"How the {subject.name} moves is not said, or could not be read.")
    got = ", ".join(dict.fromkeys(_shown(c) for c in said))
    magnitude = any(c.move in ("steeper", "shallower") for c in said)
    results = [_worth(c, said, subject, region, examples, magnitude) for c in said]
    rivals = {c.move for c in said if c.condition is None}
    if any(OPPOSITE.get(m) in rivals for m in rivals) and not magnitude:
        first = next(r for r in results if True)
        return _Judged(
            subject, got, True, Fraction(0), "never", f"The {subject.name} is said to move both ways, with no condition.", first[2]
        )
    earned, truth, point = min(results, key=lambda r: r[0])
    if earned < 1 and any(c.move == "depends" for c in said) and max(results, key=lambda r: r[0])[0] == 1:
        earned = max(earned, HALF)
    message = ""
    if earned == 0:
        message = f"What is said of the {subject.name} does not hold in this case."
    elif earned < 1:
        message = f"What is said of the {subject.name} holds only sometimes in this case: a condition or an example is needed."
    return _Judged(subject, got, True, earned, truth, message, point)


def _shown(one: Claim) -> str:
    move = one.move.removeprefix("not ")
    text = SHOWN.get(
        move, move.replace(":", " the ").replace("towards the", "moves towards the").replace("away the", "moves away from the")
    )
    return f"{'not: ' if one.move.startswith('not ') else ''}{text}{f' if {one.condition.text}' if one.condition else ''}"


def _worth(
    one: Claim, said: Sequence[Claim], subject: Subject, region: ParameterRegion, examples: Sequence[Condition], magnitude: bool
) -> tuple[Fraction, Truth, Point | None]:
    """The part of its share that a claim earns, how often it holds, and a point where it does not."""
    everywhere = region.everywhere
    if one.move == "depends":
        moves = {_sign(subject, p) for p in everywhere}
        return (Fraction(1), "always", None) if {-1, 1} <= moves else (Fraction(0), "never", everywhere[0] if everywhere else None)
    if one.condition is not None:
        where = _where(region, one.condition)
        moving = [p for p in where if one.move == "same" or _sign(subject, p) != 0]
        if where and moving:
            truth, point = _holds(one.move, subject, moving, magnitude)
            return (Fraction(1) if truth == "always" else HALF if truth == "sometimes" else Fraction(0)), truth, point
    # Points that the answer excepts by a condition of its own are not this claim's.
    excepted = (
        [c.condition for c in said if c.condition is not None and c is not one and c.move != one.move] if one.condition is None else []
    )
    where = [p for p in everywhere if not any(c.holds(p) for c in excepted)]
    truth, point = _holds(one.move, subject, where, magnitude)
    if truth == "sometimes":
        for example in examples:
            fits = [p for p in region.points(example.fixed) if example.holds(p)]
            if fits and _holds(one.move, subject, fits, magnitude)[0] == "always":
                return Fraction(1), "sometimes", None
        if any(c.move == "depends" for c in said):
            return Fraction(1), "sometimes", None
    return (Fraction(1) if truth == "always" else HALF if truth == "sometimes" else Fraction(0)), truth, point


def _where(region: ParameterRegion, condition: Condition) -> list[Point]:
    """The case's points at which a condition holds; with values around its constants, where it needs others."""
    at = region.points(condition.fixed) if condition.fixed else region.everywhere
    found = [p for p in at if condition.holds(p)]
    if not found:
        around = [v for c in condition.constants for v in (c, c + 1, c - 1, 2 * c, c / 2)]
        found = [p for p in region.points(condition.fixed, around) if condition.holds(p)]
    return found


def _sign(subject: Subject, point: Point) -> int:
    before, after = subject.change(point)
    return (after > before) - (after < before)


def _holds(move: str, subject: Subject, points: Sequence[Point], magnitude: bool) -> tuple[Truth, Point | None]:
    """How often a claim holds over points, and one where it does not."""
    results = [(_true(move, subject, p), p) for p in points]
    if magnitude and move in ("up", "down"):
        # `increases, becomes steeper`: beside a word for magnitude, the bare one may mean magnitude too.
        other = [(_true("steeper" if move == "up" else "shallower", subject, p), p) for p in points]
        if sum(r for r, _ in other) > sum(r for r, _ in results):
            results = other
    false = next((p for r, p in results if not r), None)
    if results and false is None:
        return "always", None
    return ("sometimes" if any(r for r, _ in results) else "never"), false


def _true(move: str, subject: Subject, point: Point) -> bool:
    if move.startswith("not "):
        return not _true(move.removeprefix("not "), subject, point)
    before, after = subject.change(point)
    kind, _, landmark = move.partition(":")
    if kind in ("towards", "away"):
        at = subject.landmarks[landmark](point)
        near, far = abs(after - at), abs(before - at)
        return near < far if kind == "towards" else near > far
    return {
        "up": after > before,
        "right": after > before,
        "down": after < before,
        "left": after < before,
        "negative": after < before,
        "positive": after > before,
        "steeper": abs(after) > abs(before),
        "shallower": abs(after) < abs(before),
        "same": after == before,
    }[kind]


def _evidence(judged: _Judged, region: ParameterRegion) -> ClaimEvidence:
    point = judged.counterexample
    shown: Json = None
    if point is not None:
        before, after = judged.subject.change(point)
        shown = {**{name: str(value) for name, value in point.items()}, BEFORE: str(before), AFTER: str(after)}
    return ClaimEvidence(subject=judged.subject.name, got=judged.got, truth=judged.truth, case=region.name, counterexample=shown)
