"""The student's check before handing in."""

from autograder.check.checker import Finding
from autograder.check.front import check, sheet_of, write_zip
from autograder.check.public import Example, Reading, quote, read_derivation, read_formula, reading_of
from autograder.check.watching import watch

__all__ = [
    "Example",
    "Finding",
    "Reading",
    "check",
    "quote",
    "read_derivation",
    "read_formula",
    "reading_of",
    "sheet_of",
    "watch",
    "write_zip",
]
