"""Reports: pure functions of what grading ends with, one module per format."""

from autograder.report.gradescope import MAX_EVIDENCE_TEXT, entry_document, inert, json_safe, plain, replace_text, writable
from autograder.report.score import NEEDS_REVIEW, Report, TestEntry, hold_points, make_entry, withhold_points

__all__ = [
    "MAX_EVIDENCE_TEXT",
    "NEEDS_REVIEW",
    "Report",
    "TestEntry",
    "classroom",
    "entry_document",
    "gradescope",
    "hold_points",
    "inert",
    "json_safe",
    "make_entry",
    "page",
    "plain",
    "replace_text",
    "table",
    "withhold_points",
    "writable",
]
