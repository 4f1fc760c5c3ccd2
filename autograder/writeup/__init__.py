"""The write-up as a TA would read it: any layout in, an `Answer` for every part of the sheet out."""

from autograder.writeup._read import Answer, WriteUp, read_writeup

__all__ = [
    "Answer",
    "WriteUp",
    "read_writeup",
]
