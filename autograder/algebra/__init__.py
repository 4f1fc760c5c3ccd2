"""The algebra room: what a student typed -> a verdict with evidence. The only room that knows sympy."""

from autograder.algebra.assumptions import MatrixAssumption, known_assumptions
from autograder.algebra.derivations import (
    Bound,
    Followed,
    Recursion,
    Rubric,
    Sequence,
    Waypoint,
    derivation,
    follow,
    sequence_letters,
    setting,
    statements_of,
    step_remarks,
)
from autograder.algebra.equivalence import (
    Tally,
    derivative,
    equiv_lines,
    equivalent,
    equivalent_by_region,
    names,
    read_typed,
    same_condition,
    value_json,
)
from autograder.algebra.evaluation import Exact, Point, Real, Undefined, Unsupported, Value, numeric_function, value_at
from autograder.algebra.notation import render, symbols
from autograder.algebra.scalar import Case, Descent, Situation, shown_remarks, shown_steps
from autograder.algebra.symbols import SCALAR, Dim, Symbols, key_of
from autograder.algebra.tree import Expr

__all__ = [
    "SCALAR",
    "Bound",
    "Case",
    "Descent",
    "Dim",
    "Exact",
    "Expr",
    "Followed",
    "MatrixAssumption",
    "Point",
    "Real",
    "Recursion",
    "Rubric",
    "Sequence",
    "Situation",
    "Symbols",
    "Tally",
    "Undefined",
    "Unsupported",
    "Value",
    "Waypoint",
    "derivation",
    "derivative",
    "equiv_lines",
    "equivalent",
    "equivalent_by_region",
    "follow",
    "key_of",
    "known_assumptions",
    "names",
    "numeric_function",
    "read_typed",
    "render",
    "same_condition",
    "sequence_letters",
    "setting",
    "shown_remarks",
    "shown_steps",
    "statements_of",
    "step_remarks",
    "symbols",
    "value_at",
    "value_json",
]
