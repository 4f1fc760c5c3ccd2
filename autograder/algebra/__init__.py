"""The algebra room: what a student typed -> a verdict with evidence. The only room that knows sympy."""

from autograder.algebra.conditions import same_condition
from autograder.algebra.corpus import Tally, equiv_lines
from autograder.algebra.derivations import derivation, step_remarks
from autograder.algebra.door import derivative, names
from autograder.algebra.formula import numeric_function
from autograder.algebra.judge import Decision, decide
from autograder.algebra.reading import reading
from autograder.algebra.regions import Region, equivalent_by_region
from autograder.algebra.rubric import Rubric, Sequence, Waypoint
from autograder.algebra.shown import shown_remarks, shown_steps
from autograder.algebra.situation import Case, Situation
from autograder.algebra.symbols import Symbols, symbols
from autograder.algebra.verdicts import equivalent

__all__ = [
    "Case",
    "Decision",
    "Region",
    "Rubric",
    "Sequence",
    "Situation",
    "Symbols",
    "Tally",
    "Waypoint",
    "decide",
    "derivation",
    "derivative",
    "equiv_lines",
    "equivalent",
    "equivalent_by_region",
    "names",
    "numeric_function",
    "reading",
    "same_condition",
    "shown_remarks",
    "shown_steps",
    "step_remarks",
    "symbols",
]
