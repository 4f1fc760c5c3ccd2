"""The algebra room: what a student typed -> a verdict with evidence. The only room that knows sympy."""

from autograder.algebra.conditions import same_condition
from autograder.algebra.door import derivative, names
from autograder.algebra.formula import numeric_function
from autograder.algebra.judge import Decision, decide
from autograder.algebra.regions import Region, equivalent_by_region
from autograder.algebra.symbols import Symbols, symbols
from autograder.algebra.verdicts import equivalent

__all__ = [
    "Decision",
    "Region",
    "Symbols",
    "decide",
    "derivative",
    "equivalent",
    "equivalent_by_region",
    "names",
    "numeric_function",
    "same_condition",
    "symbols",
]
