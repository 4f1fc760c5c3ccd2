"""Reports: pure functions of what grading ends with, one module per format."""

from autograder.report.evidence import HAPPENED, lines_of, named
from autograder.report.gradescope import MAX_EVIDENCE_TEXT, entry_document, inert, json_safe, plain, replace_text
from autograder.report.score import NEEDS_REVIEW, Report, TestEntry, make_entry, withhold_points

__all__ = [
    "HAPPENED",
    "MAX_EVIDENCE_TEXT",
    "NEEDS_REVIEW",
    "Report",
    "TestEntry",
    "classroom",
    "entry_document",
    "gradescope",
    "inert",
    "json_safe",
    "lines_of",
    "make_entry",
    "named",
    "page",
    "plain",
    "replace_text",
    "table",
    "withhold_points",
]
