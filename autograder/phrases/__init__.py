"""What words claim: yes or no, values with units, and how something moves. No formulas are read here."""

from autograder.phrases._choice import said_something, yes_or_no
from autograder.phrases._claims import claim
from autograder.phrases._moves import ParameterRegion, Subject, read_claims
from autograder.phrases._quantities import Window, quantity, read_quantities

__all__ = [
    "ParameterRegion",
    "Subject",
    "Window",
    "claim",
    "quantity",
    "read_claims",
    "read_quantities",
    "said_something",
    "yes_or_no",
]
