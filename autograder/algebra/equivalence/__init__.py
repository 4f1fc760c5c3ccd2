"""Are two readings the same? Identity, witness, slips, conditions, regions, and the bridge to sympy."""

from autograder.algebra.equivalence.conditions import same_condition
from autograder.algebra.equivalence.corpus import Tally, equiv_lines
from autograder.algebra.equivalence.decision import read_typed, value_json
from autograder.algebra.equivalence.identity import decide_pair, is_same_value, mode_of, seed_of
from autograder.algebra.equivalence.regions import equivalent_by_region, read_condition
from autograder.algebra.equivalence.sympy_door import derivative, names
from autograder.algebra.equivalence.verdicts import equivalent

__all__ = [
    "Tally",
    "decide_pair",
    "derivative",
    "equiv_lines",
    "equivalent",
    "equivalent_by_region",
    "is_same_value",
    "mode_of",
    "names",
    "read_condition",
    "read_typed",
    "same_condition",
    "seed_of",
    "sympy_bridge",
    "value_json",
]
