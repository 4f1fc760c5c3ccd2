"""Evidence of every kind of docs/schema.md as lines for people: the inputs, what was due, what came."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping

from autograder.verdict import Json

SHOWN_WIDTH = 100
"""Characters of an array on one line; a longer one gets a line for each row."""

IN_A_ROW = 6
"""Numbers of a long list on one line."""

HAPPENED = {
    "raised": "raised an exception",
    "exited": "ended its process instead of returning",
    "killed": "its process died",
    "timeout": "did not end in time",
    "memory": "used too much memory",
    "type": "returned something that cannot be judged",
    "import": "its file cannot be loaded",
    "skipped": "was not called again",
    "not_reached": "was not reached in time",
}


def lines_of(evidence: Mapping[str, Json]) -> Iterator[str]:
    """Evidence of every kind, readably: the inputs, what was due, what came."""
    yield from _KINDS.get(str(evidence.get("kind")), _other)(evidence)


def _symbolic(evidence: Mapping[str, Json]) -> Iterator[str]:
    yield f"answer:    {evidence.get('answer')}"
    yield f"expected:  {evidence.get('expected')}"
    if "region" in evidence:
        yield f"region:    {evidence['region']}"
    if "expected_shape" in evidence:
        yield f"shape of the answer: {shape_text(evidence.get('answer_shape'))}"
        yield f"shape that is due:   {shape_text(evidence['expected_shape'])}"
        return
    yield "at this point:"
    for name, value in (evidence.get("witness") or {}).items():
        yield from named(name, value)
    yield from named("the answer is", evidence.get("answer_value"), sign="")
    yield from named("expected is", evidence.get("expected_value"), sign="")


def _numeric(evidence: Mapping[str, Json]) -> Iterator[str]:
    yield from _call(evidence)
    if evidence.get("measure") == "shape":
        yield f"shape returned:  {tuple(evidence['got'])}"
        yield f"shape due:       {tuple(evidence['expected'])}"
        return
    yield from named("returned", evidence.get("got"), sign="")
    yield from named("expected", evidence.get("expected"), sign="")
    if evidence.get("measure"):
        yield f"{evidence['measure']}: {number(evidence.get('value'))}, accepted up to {number(evidence.get('threshold'))}"


def _failure(evidence: Mapping[str, Json]) -> Iterator[str]:
    yield from _call(evidence)
    yield f"what happened: it {HAPPENED.get(str(evidence.get('failure')), str(evidence.get('failure')))}"
    if evidence.get("message"):
        yield f"    {evidence['message']}"
    if evidence.get("line"):
        yield f"    at {evidence['line']}"


def _choice(evidence: Mapping[str, Json]) -> Iterator[str]:
    yield f"read as: {evidence.get('got')}; expected: {evidence.get('expected')}"


def _quantity(evidence: Mapping[str, Json]) -> Iterator[str]:
    low, high = evidence.get("accepted") or (None, None)
    unit = evidence.get("unit") or ""
    got = evidence.get("got")
    shown = " to ".join(number(v) for v in got) if isinstance(got, list) else number(got)
    yield f"value: {shown} {unit}; accepted: {number(low)} to {number(high)} ({evidence.get('where') or 'no provenance stated'})"
    for key in sorted(set(evidence) - {"kind", "got", "unit", "accepted", "where", "plot"}):
        yield f"{key}: {evidence[key]}"


def _claim(evidence: Mapping[str, Json]) -> Iterator[str]:
    yield f"the answer says of the {evidence.get('subject')}: {evidence.get('got')}"
    yield f"in the case {evidence.get('case')} that holds: {evidence.get('truth')}"
    point = dict(evidence.get("counterexample") or {})
    before, after = point.pop("before", None), point.pop("after", None)
    if point:
        yield f"counterexample: {', '.join(f'{name} = {value}' for name, value in point.items())}"
    if before is not None:
        yield f"there the {evidence.get('subject')} goes from {before} to {after}"


def _steps(evidence: Mapping[str, Json]) -> Iterator[str]:
    for step in evidence.get("steps") or []:
        yield f"line {step.get('line')}: {step.get('verdict')}: {step.get('text')}"
        for name, value in (step.get("witness") or {}).items():
            yield from (f"    {line}" for line in named(name, value))


def _training(evidence: Mapping[str, Json]) -> Iterator[str]:
    yield from _call(evidence)
    yield f"step {evidence.get('step')}, {evidence.get('quantity')}:"
    yield from named("returned", evidence.get("got"), sign="")
    yield from named("expected", evidence.get("expected"), sign="")
    if evidence.get("threshold"):
        yield f"accepted difference: {number(evidence['threshold'])}"


def _other(evidence: Mapping[str, Json]) -> Iterator[str]:
    if evidence.get("said"):
        yield from str(evidence["said"]).splitlines()
    else:
        yield from json.dumps(evidence, ensure_ascii=False, indent=1).splitlines()


_KINDS = {
    "symbolic": _symbolic,
    "numeric": _numeric,
    "failure": _failure,
    "choice": _choice,
    "quantity": _quantity,
    "claim": _claim,
    "steps": _steps,
    "training": _training,
}


def _call(evidence: Mapping[str, Json]) -> Iterator[str]:
    yield f"call:      {evidence.get('function')}(...)" + (f", of what it returns: {evidence['piece']}" if "piece" in evidence else "")
    arguments = evidence.get("args")
    if isinstance(arguments, str):
        yield f"arguments: {arguments}"
    for place, argument in enumerate(arguments if isinstance(arguments, list) else []):
        yield from named(f"argument {place + 1}", argument)


def named(name: str, value: Json, *, sign: str = " =") -> Iterator[str]:
    """`    x = [[1], [2]]`, with a line for each row where it is long."""
    text = shown(value)
    if len(text) <= SHOWN_WIDTH or not isinstance(value, list):
        yield f"    {name}{sign} {text}"
        return
    yield f"    {name}{sign}"
    if any(isinstance(item, list) for item in value):
        yield from (f"        {shown(row)}" for row in value)
    else:
        rows = (value[k : k + IN_A_ROW] for k in range(0, len(value), IN_A_ROW))
        yield from (f"        {', '.join(map(shown, row))}" for row in rows)


def shown(value: Json) -> str:
    """A value in a few digits."""
    if isinstance(value, list):
        return f"[{', '.join(shown(item) for item in value)}]"
    return number(value) if isinstance(value, float) else str(value)


def number(value: Json) -> str:
    """A number in seven digits; texts such as `-5/3` and `inf` as they are."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "nothing" if value is None else str(value)
    return f"{value:.7g}" if math.isfinite(value) else str(value)


def shape_text(shape: Json) -> str:
    """`n × 1`"""
    return " × ".join(map(str, shape)) if isinstance(shape, list) else str(shape)
