"""Report -> one self-contained page for people: everything in it escaped, nothing fetched from outside."""

from __future__ import annotations

import json
from pathlib import Path

import jinja2

from autograder.report.gradescope import inert, json_safe, public_output, replace_text
from autograder.report.table import points, summary
from autograder.score import Report


def page(report: Report) -> str:
    """The HTML text of the page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters["points"] = points
    environment.filters["inert"] = inert
    environment.filters["pretty"] = lambda evidence: json.dumps(json_safe(evidence), ensure_ascii=False, indent=1)
    return environment.get_template("page.html").render(report=report, summary=str(summary(report)), public=public_output(report))


def write(report: Report, path: Path) -> None:
    """Writes the page, replacing what was there in one step. Raises OSError."""
    replace_text(path, page(report))
