"""What a person can replay: a class for each kind, which knows its fields, how it is shown, tried again and written as a script."""

from autograder.evidence.base import KINDS, Evidence, ForeignEvidence, read_evidence
from autograder.evidence.calls import HAPPENED, polynomial_text
from autograder.evidence.choice import ChoiceEvidence
from autograder.evidence.claim import AFTER, BEFORE, ClaimEvidence
from autograder.evidence.context import MadeCall, Returned, ScriptContext, SubmissionNow, Tried, Unwritable
from autograder.evidence.failure import FailureEvidence
from autograder.evidence.numeric import DIGITS, Measure, NumericEvidence, ShapeMeasure, Shortfall
from autograder.evidence.quantity import QuantityEvidence
from autograder.evidence.said import TextEvidence
from autograder.evidence.steps import LEFT_SIDE, RIGHT_SIDE, JudgedStep, StepsEvidence
from autograder.evidence.symbolic import SymbolicEvidence
from autograder.evidence.training import FrequencyCount, Recorded, StepCount, TrainingEvidence, change_of, gradient_of, read_recorded
from autograder.evidence.values import Json, as_numbers, named, number, numpy_value, same, variable

__all__ = [
    "AFTER",
    "BEFORE",
    "DIGITS",
    "HAPPENED",
    "KINDS",
    "LEFT_SIDE",
    "RIGHT_SIDE",
    "ChoiceEvidence",
    "ClaimEvidence",
    "Evidence",
    "FailureEvidence",
    "ForeignEvidence",
    "FrequencyCount",
    "Json",
    "JudgedStep",
    "MadeCall",
    "Measure",
    "NumericEvidence",
    "QuantityEvidence",
    "Recorded",
    "Returned",
    "ScriptContext",
    "ShapeMeasure",
    "Shortfall",
    "StepCount",
    "StepsEvidence",
    "SubmissionNow",
    "SymbolicEvidence",
    "TextEvidence",
    "TrainingEvidence",
    "Tried",
    "Unwritable",
    "as_numbers",
    "change_of",
    "gradient_of",
    "named",
    "number",
    "numpy_value",
    "polynomial_text",
    "read_evidence",
    "read_recorded",
    "same",
    "variable",
]
