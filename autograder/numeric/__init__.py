"""Numbers that a student's code returned, against truth; training outcomes against measured windows."""

from autograder.numeric.arrays import Numbers, as_floats, at_least, failed, least_squares, measured, near, numbers, pieces, wrong_type
from autograder.numeric.descent import GRADIENT_TOLERANCE, Hypothesis, Trace, descends, gradient_terms, read_trace, training_evidence
from autograder.numeric.exact import floats, rationals, solved
from autograder.numeric.losses import TabulatedLoss, Yield, loss_grid, stationary, stationary_point
from autograder.numeric.model import mean_gradient
from autograder.numeric.windows import outcome_window

__all__ = [
    "GRADIENT_TOLERANCE",
    "Hypothesis",
    "Numbers",
    "TabulatedLoss",
    "Trace",
    "Yield",
    "as_floats",
    "at_least",
    "descends",
    "failed",
    "floats",
    "gradient_terms",
    "least_squares",
    "loss_grid",
    "mean_gradient",
    "measured",
    "near",
    "numbers",
    "outcome_window",
    "pieces",
    "rationals",
    "read_trace",
    "solved",
    "stationary",
    "stationary_point",
    "training_evidence",
    "wrong_type",
]
