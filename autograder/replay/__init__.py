"""A verdict's evidence shown again, run again on a submission, and written down as a script that stands alone."""

from autograder.replay.again import Again, run_again
from autograder.replay.entry import Entry, Results, read_results
from autograder.replay.front import replay
from autograder.replay.script import script

__all__ = ["Again", "Entry", "Results", "read_results", "replay", "run_again", "script"]
