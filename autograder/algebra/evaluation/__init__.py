"""The value of a typed tree: rings, linear algebra, samplers, batches of points."""

from autograder.algebra.evaluation.batch import Batch, SampleBatch, evaluate_batch
from autograder.algebra.evaluation.evaluate import Point, check_cost, condition_holds, rational_degree, value_at
from autograder.algebra.evaluation.formula import numeric_function
from autograder.algebra.evaluation.linear_algebra import RingAlgebra, flat
from autograder.algebra.evaluation.rings import EXACT, Exact, Modular, Number, Real, Ring, Undefined, Unsupported, Value, prime_of
from autograder.algebra.evaluation.samplers import draw_values, field_draw, lift, size_sets, small_draw, wide_draw, word_length

__all__ = [
    "EXACT",
    "Batch",
    "Exact",
    "Modular",
    "Number",
    "Point",
    "Real",
    "Ring",
    "RingAlgebra",
    "SampleBatch",
    "Undefined",
    "Unsupported",
    "Value",
    "check_cost",
    "condition_holds",
    "draw_values",
    "evaluate_batch",
    "field_draw",
    "flat",
    "lift",
    "numeric_function",
    "prime_of",
    "rational_degree",
    "size_sets",
    "small_draw",
    "value_at",
    "wide_draw",
    "word_length",
]
