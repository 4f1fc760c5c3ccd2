"""The sides of a derivation read and typed, with what the derivation itself introduces, and each step decided.

A step is `false` only where a counterexample is at hand, or where its shapes cannot fit; whatever rests on an undeclared symbol or on notation
that is not surely understood is `unreadable`, and costs nobody anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Final

from autograder.algebra.bounds import Domain, Introduced, Violation, violation
from autograder.algebra.calculus import differential, substituted
from autograder.algebra.decide import decide_pair, mode_of, seed_of
from autograder.algebra.evaluate import symbols_in
from autograder.algebra.expression import Expr, Misshapen, Typer, degree, is_numpy, show_shape
from autograder.algebra.grammar import Grammar
from autograder.algebra.lexer import Token, tokens
from autograder.algebra.nodes import Node
from autograder.algebra.rings import Undefined, Unsupported
from autograder.algebra.steps import Relation
from autograder.algebra.symbols import ONE, SCALAR, Name, Shape, Symbol, Symbols
from autograder.errors import AutograderError, OutOfBudget, Unreadable

