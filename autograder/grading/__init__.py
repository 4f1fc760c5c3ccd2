"""One submission -> Report: the desk, the collected suite, decisions of persons."""

from autograder.grading.desk import ABSENT, Desk, Student, code_of, load_public, open_desk, rng_of, seed_of
from autograder.grading.memo import Memory, Remembered
from autograder.grading.overrides import (
    BY_PERSON,
    DECIDED,
    MAX_TEXT,
    Decision,
    Overrides,
    dump_overrides,
    fingerprint,
    load_overrides,
    readable_reason,
    review_key,
    write_overrides,
)

__all__ = [
    "ABSENT",
    "BY_PERSON",
    "DECIDED",
    "MAX_TEXT",
    "Decision",
    "Desk",
    "Memory",
    "Overrides",
    "Remembered",
    "Student",
    "code_of",
    "collection",
    "dump_overrides",
    "fingerprint",
    "load_overrides",
    "load_public",
    "open_desk",
    "readable_reason",
    "review_key",
    "rng_of",
    "run",
    "seed_of",
    "write_overrides",
]
