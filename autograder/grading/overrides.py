"""Decisions of persons, made once and applied wherever the same answer turns up; the file is described in `docs/regrade.md`."""

from __future__ import annotations

import hashlib
import json
import math
import re
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autograder.assignment import Assignment, Profile
from autograder.errors import UsageError
from autograder.evidence import TextEvidence
from autograder.report import NEEDS_REVIEW, TestEntry, make_entry, replace_text, writable
from autograder.verdict import Verdict, correct, incorrect, partial
from autograder.writeup import Answer

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DECIDED = "Decided by a person:"
"""What the feedback of such an entry begins with."""

BY_PERSON = "decided-by-person"
"""Tag of such an entry."""

HASH_DIGITS = 16
"""Hexadecimal digits of an answer's hash: a class has at most some thousand answers to a part."""

MARKED = ("after `Answer:`", "the last \\boxed{}")
"""How a final answer was found that the student marked as such."""

MAX_TEXT = 500
"""Characters of an answer that are repeated in the file, for people."""

FIELDS = {"part", "answer", "submission", "content", "points", "reason", "text"}

HEADER = """\
# Decisions of persons. `autograder regrade --overrides` applies them; `autograder build --overrides` ships them.
# Each names a part, its points (of those in assignment.toml) and a reason, and one of:
#   answer      every submission whose normalised answer has this hash, as `autograder review` shows it
#   submission  one submission, by its name in the export; where `content` stands too, whatever holds exactly these files
# The last decision that fits counts; one for a submission goes before one for an answer. `text` is for people.
"""


@dataclass(frozen=True)
class Decision:
    """One decision: for every submission with that answer, or for one submission."""

    part: str
    points: float
    """Of the assignment's, not of a profile's."""
    reason: str
    answer: str = ""
    """Hash of the normalised answer."""
    submission: str = ""
    content: str = ""
    """Hash of the submission's files."""
    text: str = ""


@dataclass(frozen=True)
class Overrides:
    """All decisions, in the order in which they were made."""

    decisions: tuple[Decision, ...] = ()

    def fitting(self, keys: Mapping[str, Sequence[str]], name: str, content: str) -> dict[str, Decision]:
        """The decisions that fit a submission, by part. keys: the hashes of its answers, see `answer_keys`."""
        found: dict[str, Decision] = {}
        for decision in self.decisions:
            if decision.answer and decision.answer in keys.get(decision.part, ()):
                found[decision.part] = decision
        for decision in self.decisions:
            if not decision.answer and (decision.content == content if decision.content else decision.submission == name):
                found[decision.part] = decision
        return found


def fingerprint(decisions: Mapping[str, Decision]) -> str:
    """A hash of the decisions that fit a submission; empty where there are none."""
    if not decisions:
        return ""
    listed = [(d.part, d.points, d.reason) for _, d in sorted(decisions.items())]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:HASH_DIGITS]


def answer_keys(answer: Answer) -> tuple[str, ...]:
    """Hashes under which a decision may know an answer: of its final answer, and of the whole part.

    A final answer counts by itself where the student marked it (`Answer:`, a box); a last equation may end two different
    derivations. Empty where nothing was handed in.
    """
    if answer.state == "missing":
        return ()
    whole = _hash(f"{answer.part}\nwhole\n{normalise(answer.body or answer.text)}")
    if not answer.text.strip() or answer.how not in MARKED:
        return (whole,)
    return (whole, _hash(f"{answer.part}\nfinal\n{normalise(answer.text)}"))


def review_key(answer: Answer, verdict: Verdict) -> str:
    """The hash by which the queue groups an answer: what is unreadable is so by its final answer; what is undecided or
    failed may hang on all of the part.
    """
    keys = answer_keys(answer)
    if not keys:
        return ""
    return keys[-1] if verdict.kind == "unreadable" else keys[0]


def normalise(text: str) -> str:
    """The text without what changes nothing: white space, dollar signs, a final period; letter case in plain words."""
    text = re.sub(r"\\[()\[\]]|\$", " ", unicodedata.normalize("NFC", text))
    text = " ".join(text.split()).rstrip(" .")
    words = re.findall(r"\w+", text)
    plain = all(word.isalpha() and len(word) > 1 for word in words) and not re.search(r"[\\^_=+*/<>|{}\[\]]", text)
    return text.casefold() if plain else text


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_DIGITS]


def apply_decision(entry: TestEntry, decision: Decision | None, assignment: Assignment, profile: Profile) -> TestEntry:
    """The entry as a person decided it; unchanged without a decision."""
    if decision is None:
        return entry
    worth = assignment.points[entry.number]
    share = min(1.0, decision.points / worth) if worth else 1.0
    message, before = f"{DECIDED} {decision.reason}", entry.verdict
    evidence = TextEvidence(said=f"{message} (before: {before.kind})")
    if share >= 1.0:
        verdict = correct(message, method="decided by a person", read=before.read, evidence=evidence)
    elif share > 0.0:
        verdict = partial(share, message, evidence=evidence, method="decided by a person", read=before.read)
    else:
        verdict = incorrect(message, evidence=evidence, method="decided by a person", read=before.read)
    tags = (*(tag for tag in entry.tags if tag != NEEDS_REVIEW), BY_PERSON)
    fresh = make_entry(entry.number, assignment, profile, verdict, visibility=entry.visibility, tags=tags)
    return replace(fresh, name=entry.name)


# the file -------------------------------------------------------------------------------------------------------------


def load_overrides(path: Path, assignment: Assignment) -> Overrides:
    """Reads `overrides.toml`. Raises UsageError that names the decision that is wrong, and what would be right."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise UsageError(f"{path}: cannot be read ({problem}); expected TOML with [[decision]] tables") from None
    strange = sorted(set(document) - {"decision"})
    records = document.get("decision", [])
    if strange or not isinstance(records, list):
        raise UsageError(f"{path}: {', '.join(strange) or 'decision'} is not understood; expected [[decision]] tables alone")
    return Overrides(tuple(_decision(record, f"{path}: decision {i}", assignment) for i, record in enumerate(records, 1)))


def _decision(record: Any, where: str, assignment: Assignment) -> Decision:
    if not isinstance(record, dict):
        raise UsageError(f"{where}: is {record!r}; expected a table")
    strange = sorted(set(record) - FIELDS)
    if strange:
        raise UsageError(f"{where}: holds {', '.join(strange)}; known are {', '.join(sorted(FIELDS))}")
    part, points = str(record.get("part")), record.get("points")
    if part not in assignment.points:
        raise UsageError(f"{where}: part {part!r} is none of {assignment.name}'s; they are {', '.join(list(assignment.points)[:5])}, ...")
    worth = assignment.points[part]
    if isinstance(points, bool) or not isinstance(points, (int, float)) or not (math.isfinite(points) and 0 <= points <= worth):
        raise UsageError(f"{where}: points {points!r} for {part}; expected a number from 0 to {worth:g}")
    texts = {key: record.get(key, "") for key in ("answer", "submission", "content", "reason", "text")}
    wrong = [key for key, value in texts.items() if not isinstance(value, str)]
    if wrong or not readable_reason(texts["reason"]):
        raise UsageError(f"{where}: {wrong[0] if wrong else 'reason'} has to be text, and every decision has a reason")
    if bool(texts["answer"]) == bool(texts["submission"] or texts["content"]):
        raise UsageError(f"{where}: names one of `answer` (a hash that `autograder review` shows) and `submission`")
    return Decision(part=part, points=float(points), **{**texts, "reason": readable_reason(texts["reason"])})


def readable_reason(text: str) -> str:
    """A reason as the file gives it back, on one line; empty where nobody would see one: then there is no decision."""
    line = " ".join(writable(text).split())
    return line if any(c.isprintable() and c not in " \ufffd" for c in line) else ""


def dump_overrides(overrides: Overrides) -> str:
    """The text of the file, every text in it made writable."""
    tables = []
    for decision in overrides.decisions:
        fields = {key: getattr(decision, key) for key in ("part", "answer", "submission", "content", "points", "reason", "text")}
        lines = [f"{key} = {_toml(value)}" for key, value in fields.items() if value != ""]
        tables.append("\n".join(["[[decision]]", *lines]))
    return "\n\n".join([HEADER.rstrip(), *tables]) + "\n"


def write_overrides(path: Path, overrides: Overrides) -> None:
    """Replaces the file in one step. Raises OSError."""
    replace_text(path, dump_overrides(overrides))


def _toml(value: str | float) -> str:
    if not isinstance(value, str):
        return f"{value:g}" if value == float(f"{value:g}") else repr(value)
    return json.dumps(writable(value), ensure_ascii=False)
