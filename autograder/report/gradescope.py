"""Report -> Gradescope's results.json: built, held against our promises, replaced atomically.

Everything that comes from a student is made inert here, once for all formats of text: control characters
and escape sequences go, what a browser would take for a tag is escaped, temporary paths and addresses of
objects are blotted out, lengths are capped in the open.
"""

from __future__ import annotations

import json
import math
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from autograder.report.score import Report, TestEntry
from autograder.verdict import KINDS, Json

MAX_OUTPUT = 20_000
"""Characters of any `output`; Gradescope itself cuts the middle out of longer ones, at 100,000."""

MAX_EVIDENCE_TEXT = 4_000
"""Characters of one string inside evidence."""

MAX_EVIDENCE = 60_000
"""Characters of one entry's evidence as JSON; beyond it only the kind is kept."""

MAX_EVIDENCE_DEPTH = 40
"""Lists and tables inside each other; the format's own readers stop at about a thousand."""

MAX_INTEGER_BITS = 1_024
"""Of an integer in evidence: beyond it no reader's number holds one, and Python itself writes none of 4,300 digits."""

SCHEMA = 1
"""Version of docs/schema.md."""

_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]"  # terminal control sequences
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # window titles, links
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # control characters but tab and newline
    r"|[\u202a-\u202e\u2066-\u2069\ud800-\udfff]"  # text direction overrides, lone surrogates
)
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n?")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
_TEMPORARY = re.compile(r"(?:/private)?(?:/var)?/tmp/[^\s'\":,;)\]}]*/?|/tmp/")


def writable(text: str) -> str:
    """The text as every file of ours holds it: line ends as `\\n`; control characters but tab and newline, and halves of surrogate
    pairs, as U+FFFD. What is written so is read again as it was written, be it TOML, CSV, JSON, SQLite or HTML.
    """
    return _UNWRITABLE.sub("\ufffd", _LINE_END.sub("\n", text))


def inert(text: str, limit: int = MAX_OUTPUT) -> str:
    """The text with nothing in it that a terminal, a browser or a checker could act on, at most `limit` characters."""
    return _cut(_TAG.sub("&lt;", _clean(text, limit)), limit)


def plain(text: str, limit: int = MAX_OUTPUT) -> str:
    """The same for terminals, and for pages, which escape what they are given: `a <b` stays as it was typed."""
    return _cut(_clean(text, limit), limit)


def _clean(text: str, limit: int) -> str:
    text = _CONTROL.sub("", text[: 4 * limit])
    return _TEMPORARY.sub("…/", _ADDRESS.sub("0x…", text))


def _cut(text: str, limit: int) -> str:
    if len(text) > limit:
        note = "\n… (cut)"
        text = text[: limit - len(note)] + note
    return text


def json_safe(value: object, depth: int = 0) -> Json:
    """Evidence as JSON that every reader takes: finite numbers of a size that is read, inert strings, string keys, bounded depth."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= MAX_INTEGER_BITS else f"an integer of {value.bit_length()} bits"
    if depth > MAX_EVIDENCE_DEPTH:
        return "…"
    if isinstance(value, float):
        return value if math.isfinite(value) else {math.inf: "inf", -math.inf: "-inf"}.get(value, "nan")
    if isinstance(value, str):
        return inert(value, MAX_EVIDENCE_TEXT)
    if isinstance(value, Mapping):
        return {inert(str(key), MAX_EVIDENCE_TEXT): json_safe(item, depth + 1) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [json_safe(item, depth + 1) for item in value]
    tolist = getattr(value, "tolist", None)  # numpy's arrays and scalars, without importing numpy here
    return json_safe(tolist(), depth + 1) if tolist is not None else inert(str(value), MAX_EVIDENCE_TEXT)


def _evidence(evidence: Mapping[str, Json]) -> Json:
    safe = json_safe(evidence)
    if len(json.dumps(safe)) > MAX_EVIDENCE:
        return {"kind": safe.get("kind", "text"), "said": f"evidence of more than {MAX_EVIDENCE} characters was left out"}
    return safe or None


def entry_document(entry: TestEntry) -> dict[str, Json]:
    """One element of `tests`."""
    verdict = entry.verdict
    document: dict[str, Json] = {
        "number": entry.number,
        "name": entry.name,
        "name_format": "text",
        "score": entry.score,
        "max_score": entry.max_score,
        "output": inert(entry.feedback),
        "output_format": "text",
        "visibility": entry.visibility,
        "tags": list(entry.tags),
        "extra_data": {
            "verdict": verdict.kind,
            "share": round(verdict.share, 9),
            "method": verdict.method,
            "slip": verdict.slip,
            "evidence": _evidence(verdict.evidence),
            "remarks": [inert(remark) for remark in verdict.remarks],
        },
    }
    if entry.status is not None:
        document["status"] = entry.status
    return document


def document(report: Report) -> dict[str, Json]:
    """The whole results.json, as plain dicts and lists."""
    return {
        "score": report.score,
        "execution_time": round(report.execution_time, 3),
        "output": inert(public_output(report)),
        "output_format": "text",
        "stdout_visibility": "hidden",
        "tests": [entry_document(entry) for entry in report.entries],
        "extra_data": {
            "schema": SCHEMA,
            "assignment": report.assignment.name,
            "edition": report.assignment.edition,
            "profile": report.profile.name,
            "suite": {"version": report.assignment.version, "hash": report.assignment.suite_hash},
            "packages": dict(report.packages),
            "seed": report.seed,
            "protections": list(report.protections),
            "complete": report.complete,
            "printed": inert(report.printed, MAX_EVIDENCE_TEXT),
            "faults": [inert(fault, MAX_EVIDENCE_TEXT) for fault in report.faults],
        },
    }


def public_output(report: Report) -> str:
    """What students see at once: how everything was read, what is missing or unreadable, exceptions, public checks. As it was typed."""
    lines = [*report.notes]
    absent = [entry.number for entry in report.entries if entry.verdict.kind == "missing"]
    if absent:
        lines += ["", f"Nothing was handed in for: {', '.join(absent)}."]
    read = [e for e in report.entries if e.verdict.kind != "missing" and e.verdict.read and e.number not in report.assignment.never_echo]
    if read:
        lines += ["", "How your answers were read:"]
        width = max(len(entry.number) for entry in read)
        for entry in read:
            first, *rest = entry.verdict.read.splitlines()
            lines += [f"{entry.number:<{width}}  {first}", *(f"{'':{width}}  {line}" for line in rest)]
    if report.public:
        lines += ["", "Public checks:", *(f"  {line}" for line in report.public)]
    if report.printed.strip():
        lines += ["", "Your code printed:", report.printed.strip()[:MAX_EVIDENCE_TEXT]]
    return "\n".join(lines).strip()


def faults(results: Json) -> Iterator[str]:
    """What in a results.json breaks a promise, one line each; nothing where all is well."""
    tests = results.get("tests") if isinstance(results, dict) else None
    if not isinstance(tests, list) or not tests:
        yield "there are no tests"
        return
    seen: set[tuple[Any, Any]] = set()
    for test in tests:
        where = f"{test.get('number')} {test.get('name')!r}"
        if (test.get("number"), test.get("name")) in seen:
            yield f"{where}: stands there twice"
        seen.add((test.get("number"), test.get("name")))
        score, most = test.get("score"), test.get("max_score")
        if not (_is_finite(score) and _is_finite(most) and -1e-9 <= score <= most + 1e-9):
            yield f"{where}: a score of {score!r} out of {most!r}"
        verdict = (test.get("extra_data") or {}).get("verdict")
        if verdict not in KINDS:
            yield f"{where}: {verdict!r} is no verdict"
        if (test.get("status") is None) != (verdict == "undecided"):
            yield f"{where}: status {test.get('status')!r} with the verdict {verdict}"
        if verdict in ("partial", "incorrect") and not test["extra_data"].get("evidence"):
            yield f"{where}: {verdict} without evidence"
        if not isinstance(test.get("output"), str) or len(test["output"]) > MAX_OUTPUT:
            yield f"{where}: its output is no text of at most {MAX_OUTPUT} characters"
    total = sum(test["score"] for test in tests if _is_finite(test.get("score")))
    if not _is_finite(results.get("score")) or abs(results["score"] - total) > 1e-6:
        yield f"the score is {results.get('score')!r}, its tests add up to {total}"


def _is_finite(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def dumps(results: Json) -> str:
    """The text of a results.json. Raises ValueError where it breaks a promise (our bug, never written)."""
    broken = list(faults(results))
    if broken:
        raise ValueError(f"results.json would not be valid: {'; '.join(broken[:3])}")
    # Indented for people; while grading is under way without, which is ten times as fast.
    indent = 1 if results["extra_data"].get("complete") else None
    return writable(json.dumps(results, ensure_ascii=False, allow_nan=False, indent=indent) + "\n")


def write(report: Report, path: Path) -> None:
    """Replaces `path` by the report's results.json in one step: whoever reads it sees the old file or the new one.

    Raises ValueError for a report that breaks a promise, OSError where the file cannot be written.
    """
    replace_text(path, dumps(document(report)))


def replace_text(path: Path, text: str) -> None:
    """Writes the text, made writable, beside `path` and renames it there, so that a kill at any moment leaves one whole file."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(writable(text))
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
