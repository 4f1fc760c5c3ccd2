"""The student's check before handing in."""

from autograder.check.checker import Example, Finding, Reading, check, derived, formula, judged, quoted, sheet_of, watch, write_zip

__all__ = [
    "Example",
    "Finding",
    "Reading",
    "check",
    "derived",
    "formula",
    "judged",
    "quoted",
    "sheet_of",
    "watch",
    "write_zip",
]
