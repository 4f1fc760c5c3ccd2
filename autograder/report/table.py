"""Report -> a table in the terminal: part, verdict, points and the first line of feedback."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.report.gradescope import plain
from autograder.report.score import Report

STYLES = {
    "correct": "green",
    "partial": "yellow",
    "incorrect": "red",
    "unreadable": "magenta",
    "missing": "bright_black",
    "undecided": "cyan",
    "error": "bold white on red",
}

PLAIN_WIDTH = 140
"""Columns where the output is no terminal, so that a file looks the same everywhere."""


def console(*, stderr: bool = False) -> Console:
    """Where tables are printed: as wide as the terminal, and of a fixed width elsewhere."""
    wide = Console(stderr=stderr, highlight=False)
    return wide if wide.is_terminal else Console(stderr=stderr, highlight=False, width=PLAIN_WIDTH)


def points(value: float) -> str:
    """Points as people write them: `2`, `0.5`, `1.5625`."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def table(report: Report) -> Table:
    """The table of one submission."""
    title = f"{report.assignment.title}: {plain(report.submission, 200)}"
    drawn = Table(title=Text(title), title_justify="left", caption=summary(report), caption_justify="left", pad_edge=False)
    drawn.add_column("part", no_wrap=True, width=max((len(entry.number) for entry in report.entries), default=4))
    drawn.add_column("verdict", no_wrap=True, width=max(map(len, STYLES)))
    drawn.add_column("points", justify="right", no_wrap=True, width=len("1.56/1.56"))
    # The cells do not wrap, but the column may: rich takes the room that a long line lacks from columns that wrap.
    drawn.add_column("feedback")
    for entry in report.entries:
        verdict = Text(entry.verdict.kind, style=STYLES[entry.verdict.kind])
        earned = f"{points(entry.score)}/{points(entry.max_score)}"
        said = plain(entry.first_line, 400).partition("\n")[0]
        drawn.add_row(entry.number, verdict, earned, Text(said, no_wrap=True, overflow="ellipsis"))
    return drawn


def summary(report: Report) -> Text:
    """One line: the total, and how many of each verdict."""
    counts = {kind: sum(e.verdict.kind == kind for e in report.entries) for kind in STYLES}
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    return Text(f"{points(report.score)} of {points(report.max_score)} points ({told})", style="bold")
