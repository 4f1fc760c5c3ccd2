"""What words claim: yes or no, values with units, and how something moves. No formulas are read here."""

from autograder.phrases._choice import said_something, yes_or_no

__all__ = ["said_something", "yes_or_no"]
