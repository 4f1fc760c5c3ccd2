"""A class -> pages for people: how it went, and what changed since an earlier time. Everything in them is escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

from autograder.report.gradescope import inert
from autograder.report.table import STYLES, points

MAX_SHOWN = 30
"""Submissions that a group of changes shows in full; the rest are named, and all are in the CSV."""


def _rendered(template: str, **values: Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters["points"] = points
    environment.filters["inert"] = inert
    return environment.get_template(template).render(**values)


def class_page(
    title: str,
    about: str,
    submissions: list[dict[str, Any]],
    parts: list[dict[str, Any]],
    waiting: list[dict[str, Any]],
) -> str:
    """How a class went.

    submissions: `name`, `state`, `reason`, `score`, `seconds`, `review`. parts: `number`, `name`, `max_score`, `mean`, and
    `counts` of verdicts. waiting: groups for the review queue, `part`, `count`, `kinds`.
    """
    scores = sorted(s["score"] for s in submissions if s["score"] is not None)
    return _rendered(
        "classroom.html",
        title=title,
        about=about,
        submissions=submissions,
        parts=parts,
        waiting=waiting,
        verdicts=list(STYLES),
        scores=scores,
        median=scores[len(scores) // 2] if scores else None,
        slowest=sorted(submissions, key=lambda s: (-s["seconds"], s["name"]))[:5],
    )


def changes_page(title: str, old: str, comparison: Any) -> str:
    """What changed against an earlier time: a `Comparison` of the classroom."""
    return _rendered("changes.html", title=title, old=old, comparison=comparison, most=MAX_SHOWN)
