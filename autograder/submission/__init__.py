"""What was handed in, as files: a folder, zip, notebook, one write-up, or a class's export. It is read here, never run."""

from autograder.submission.archive import write_archive
from autograder.submission.export import ClassFiles, ClassRoom, Handed, Person, check_metadata, metadata, read_class
from autograder.submission.extraction import FIRST_UNIT, definitions
from autograder.submission.intake import ARCHIVE_SUFFIXES, Submission, open_submission

__all__ = [
    "ARCHIVE_SUFFIXES",
    "FIRST_UNIT",
    "ClassFiles",
    "ClassRoom",
    "Handed",
    "Person",
    "Submission",
    "check_metadata",
    "definitions",
    "metadata",
    "open_submission",
    "read_class",
    "write_archive",
]
