"""Steps of scalar calculus, under the facts of a situation."""

from autograder.algebra.scalar.shown import shown_remarks, shown_steps
from autograder.algebra.scalar.situation import Case, Descent, Situation

__all__ = [
    "Case",
    "Descent",
    "Situation",
    "shown_remarks",
    "shown_steps",
]
