"""Typed text -> typed tree: names, grammar, shapes, and the symbol table that drives them."""

from autograder.algebra.notation.cursor import Undeclared
from autograder.algebra.notation.declare import cached_symbols, solve_constraint, symbols
from autograder.algebra.notation.expression import Typer, definition, read_expected
from autograder.algebra.notation.grammar import Grammar
from autograder.algebra.notation.nodes import Node
from autograder.algebra.notation.reader import depths, is_numpy, read_answer, split_chain, statements
from autograder.algebra.notation.rendering import render

__all__ = [
    "Grammar",
    "Node",
    "Typer",
    "Undeclared",
    "cached_symbols",
    "definition",
    "depths",
    "is_numpy",
    "read_answer",
    "read_expected",
    "render",
    "solve_constraint",
    "split_chain",
    "statements",
    "symbols",
]
