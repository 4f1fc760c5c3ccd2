"""The queue of answers at which a person should look, and a walk through it in the terminal.

Equal answers to a part make one group, and one decision serves them all; nobody's name is shown.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from autograder.assignment import Assignment, find_assignment
from autograder.classroom.journal import Outcome, read_run
from autograder.errors import UsageError
from autograder.grading import MAX_TEXT, Decision, Overrides, load_overrides, readable_reason, write_overrides
from autograder.report import plain

SHOWN_BODY = 3_000
"""Characters of a part that the walk prints."""

HELP = "points [and a reason], `s` skip, `u` undo, `q` quit"
LAST = "that was the last one: Enter to end, `u` undo"


class Member(NamedTuple):
    """Who gave an answer: a submission, and the hash of its content."""

    submission: str
    content: str


@dataclass(frozen=True)
class AnswerGroup:
    """The same answer to one part, by whomever."""

    part: str
    key: str
    """Hash of the normalised answer; empty for code, where a decision is for one submission."""
    members: tuple[Member, ...]
    """Never shown."""
    kinds: Mapping[str, int]
    text: str
    body: str
    place: str
    message: str
    evidence: Mapping[str, Any]

    def decision(self, points: float, reason: str) -> Decision:
        """What a person decided, for everyone who gave this answer."""
        if self.key:
            return Decision(self.part, points, reason, answer=self.key, text=" ".join(self.text.split())[:MAX_TEXT])
        name, content = self.members[0]
        return Decision(self.part, points, reason, submission=name, content=content)

    def is_decided_by(self, decisions: Iterable[Decision]) -> bool:
        """Whether one of the decisions serves this group."""
        own = {member.content for member in self.members}
        names = {member.submission for member in self.members}
        return any(
            d.part == self.part
            and (d.answer == self.key if d.answer else d.content in own if d.content else names == {d.submission})
            and (d.answer or not self.key or len(self.members) == 1)
            for d in decisions
        )


def waiting_groups(outcomes: Iterable[tuple[str, Outcome]], assignment: Assignment) -> list[AnswerGroup]:
    """Everything that waits for a person, equal answers together, the largest groups first."""
    found: dict[tuple[str, str, str], list[tuple[str, str, dict[str, Any]]]] = {}
    for name, outcome in outcomes:
        for waiting in outcome.review.get("waiting", ()):
            same = (waiting["part"], waiting["key"], "" if waiting["key"] else outcome.content)
            found.setdefault(same, []).append((name, outcome.content, waiting))
    groups = []
    for (part, key, _), members in found.items():
        first = members[0][2]
        groups.append(
            AnswerGroup(
                part=part,
                key=key,
                members=tuple(Member(name, content) for name, content, _ in members),
                kinds=Counter(waiting["kind"] for _, _, waiting in members),
                text=first["text"],
                body=first["body"],
                place=first["place"],
                message=first["message"],
                evidence=first["evidence"] or {},
            )
        )
    return sorted(groups, key=lambda g: (-len(g.members), assignment.place(g.part), g.key, g.members))


def group_lines(group: AnswerGroup, assignment: Assignment, number: int, total: int) -> Iterator[str]:
    """One group as lines for a person, without names."""
    worth = assignment.points[group.part]
    kinds = ", ".join(f"{count} {kind}" if len(group.kinds) > 1 else kind for kind, count in group.kinds.items())
    many = f"{len(group.members)} submissions" if len(group.members) > 1 else "1 submission"
    title = assignment.titles.get(group.part, "")
    yield f"[{number}/{total}] {group.part} {title}: {kinds}, {many}, worth {worth:g} point{'s' * (worth != 1)}"
    if group.text:
        yield "  answer:"
        yield from (f"    {line}" for line in _plain(group.text, SHOWN_BODY).splitlines())
    if group.body.strip() and group.body.strip() != group.text.strip():
        yield "  the whole part:"
        yield from (f"    {line}" for line in _plain(group.body, SHOWN_BODY).splitlines())
    if group.place:
        yield f"  found in {_plain(group.place, 200)}"
    yield from (f"  {line}" for line in _plain(group.message, SHOWN_BODY).splitlines())
    yield from (f"  {line}" for line in evidence_hints(group.evidence))


def evidence_hints(evidence: Mapping[str, Any]) -> Iterator[str]:
    """The first false step, or the counterexample that is known."""
    for step in evidence.get("steps") or ():
        if isinstance(step, dict) and step.get("verdict") not in ("correct", "equivalent", "true", "holds", None):
            yield f"first step in doubt, line {step.get('line')}: {_plain(str(step.get('text', '')), 300)} ({step.get('verdict')})"
            if step.get("witness"):
                yield f"  at {_compact(step['witness'])}"
            break
    for key in ("counterexample", "witness"):
        if evidence.get(key):
            yield f"{key}: {_compact(evidence[key])}"
    if evidence.get("kind") == "text" and evidence.get("said"):
        yield from _plain(str(evidence["said"]), SHOWN_BODY).splitlines()[-3:]


def _plain(text: str, limit: int) -> str:
    """A student's text with nothing that a terminal acts on; formulas keep their `<`, which is no markup here."""
    return plain(text, limit).replace("&lt;", "<")


def _compact(value: Any) -> str:
    return _plain(json.dumps(value, ensure_ascii=False), 400)


def review(folder: Path, file: Path, ask: Callable[[str], str], say: Callable[[str], None]) -> None:
    """The walk: every group that no decision serves yet; each decision is written to the file at once.

    ask: prompts and reads a line, raises EOFError at the end of the input. Raises UsageError.
    """
    assignment = _assignment_of(folder)
    overrides = load_overrides(file, assignment) if file.exists() else Overrides()
    everything = waiting_groups(read_run(folder), assignment)
    waiting = [group for group in everything if not group.is_decided_by(overrides.decisions)]
    if not everything:
        say(f"nothing in {folder} waits for a person")
        return
    done = len(everything) - len(waiting)
    many = "1 answer" if len(everything) == 1 else f"{len(everything)} different answers"
    held = f", which holds {len(overrides.decisions)}" if overrides.decisions else ""
    say(f"{many} to look at, {done} decided already; decisions go to {file}{held}")
    made: list[int] = []  # places in `waiting` at which a decision was made in this walk
    at = 0
    while True:
        if at < len(waiting):
            say("")
            for line in group_lines(waiting[at], assignment, done + at + 1, len(everything)):
                say(line)
            word = _ask_line(ask, HELP)
        else:
            word = _ask_line(ask, LAST) or "q" if made else "q"
        if word in (None, "q"):
            break
        if word == "u":
            if not made:
                say("nothing was decided in this walk")
                continue
            at = made.pop()
            overrides = replace(overrides, decisions=overrides.decisions[:-1])
            write_overrides(file, overrides)
        elif at == len(waiting):
            say(f"{word!r} is not understood here")
        elif word == "s":
            at += 1
        else:
            decision = _read_decision(waiting[at], str(word), assignment, ask, say)
            if decision is None:
                continue
            overrides = replace(overrides, decisions=(*overrides.decisions, decision))
            write_overrides(file, overrides)
            made.append(at)
            at += 1
    left = sum(not group.is_decided_by(overrides.decisions) for group in everything)
    say("")
    say(f"{len(made)} decided now, {left} left.")
    if overrides.decisions:
        say(f"`autograder regrade ... --out {folder} --overrides {file}` applies them, `autograder build --overrides {file}` ships them.")


def _ask_line(ask: Callable[[str], str], prompt: str) -> str | None:
    """A line, None at the end of the input."""
    try:
        return ask(f"{prompt}: ").strip()
    except EOFError:
        return None


def _read_decision(
    group: AnswerGroup, line: str, assignment: Assignment, ask: Callable[[str], str], say: Callable[[str], None]
) -> Decision | None:
    """The decision that a line states, asking for its reason where it has none; None where it states none."""
    worth = assignment.points[group.part]
    number, _, reason = line.partition(" ")
    try:
        points = float(number.replace(",", "."))
    except ValueError:
        points = -1.0
    if not 0 <= points <= worth:
        say(f"{number!r} is no number from 0 to {worth:g}; expected {HELP}")
        return None
    reason = readable_reason(reason) or readable_reason(_ask_line(ask, "reason, which the student reads") or "")
    if not reason:
        say("a decision needs a reason that can be read")
        return None
    many = "1 submission" if len(group.members) == 1 else f"{len(group.members)} submissions"
    say(f"{group.part}: {points:g} of {worth:g} point{'s' * (worth != 1)} for {many}: {_plain(reason, SHOWN_BODY)}")
    return group.decision(points, reason)


def _assignment_of(folder: Path) -> Assignment:
    """The assignment of which a folder holds results, where the journal says that its suite lies."""
    for _, outcome in read_run(folder):
        if outcome.facts.get("suite"):
            return find_assignment(str(outcome.facts["suite"]))
    raise UsageError(f"{folder}: nothing was graded there yet")
