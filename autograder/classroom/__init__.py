"""A class: read, graded, kept, compared, decided."""

from autograder.classroom.queue import review
from autograder.classroom.regrading import Stopped, regrade

__all__ = [
    "Stopped",
    "regrade",
    "review",
]
