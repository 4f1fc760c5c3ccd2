"""A verdict's evidence shown again, run again on a submission, and written down as a script that stands alone."""

from autograder.replay.front import replay

__all__ = [
    "replay",
]
