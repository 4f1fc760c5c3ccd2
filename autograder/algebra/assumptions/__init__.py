"""What may be assumed of a symbol: a class for each, found because it is defined in this room."""

from autograder.algebra.assumptions.assumption import (
    Assumed,
    BatchedAssumption,
    LinearAlgebra,
    Matrix,
    MatrixAssumption,
    NumberAssumption,
    Sampling,
    assumed,
    forget,
)
from autograder.algebra.assumptions.discovery import assumption, assumption_called, known_assumptions, misfit
from autograder.algebra.assumptions.matrices import cayley

__all__ = [
    "Assumed",
    "BatchedAssumption",
    "LinearAlgebra",
    "Matrix",
    "MatrixAssumption",
    "NumberAssumption",
    "Sampling",
    "assumed",
    "assumption",
    "assumption_called",
    "cayley",
    "forget",
    "known_assumptions",
    "misfit",
]
