"""A derivation followed step by step, and what it is judged by."""

from autograder.algebra.derivations.chains import Step, closing, declared, node_of, single_name
from autograder.algebra.derivations.counterexample import Violation
from autograder.algebra.derivations.iterates import sequence_letters
from autograder.algebra.derivations.rubric import Bound, Recursion, Rubric, Sequence, Waypoint
from autograder.algebra.derivations.scoring import Followed, derivation, follow, step_remarks
from autograder.algebra.derivations.setting import setting
from autograder.algebra.derivations.steps import Relation, statements_of

__all__ = [
    "Bound",
    "Followed",
    "Recursion",
    "Relation",
    "Rubric",
    "Sequence",
    "Step",
    "Violation",
    "Waypoint",
    "closing",
    "declared",
    "derivation",
    "follow",
    "node_of",
    "sequence_letters",
    "setting",
    "single_name",
    "statements_of",
    "step_remarks",
]
