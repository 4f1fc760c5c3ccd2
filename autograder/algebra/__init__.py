"""The algebra room: what a student typed -> a verdict with evidence. The only room that knows sympy."""

from autograder.algebra.door import derivative, names
from autograder.algebra.judge import Decision, decide
from autograder.algebra.symbols import Symbols, symbols
from autograder.algebra.verdicts import equivalent

__all__ = ["Decision", "Symbols", "decide", "derivative", "equivalent", "names", "symbols"]
