"""What words claim: yes or no, values with units, and how something moves. No formulas are read here."""

from autograder.phrases._choice import said_something, yes_or_no
from autograder.phrases._claims import claim
from autograder.phrases._moves import Claim, Region, Subject, read_claims
from autograder.phrases._quantities import Quantity, Window, quantity, read_quantities, runs

__all__ = [
    "Claim",
    "Quantity",
    "Region",
    "Subject",
    "Window",
    "claim",
    "quantity",
    "read_claims",
    "read_quantities",
    "runs",
    "said_something",
    "yes_or_no",
]
