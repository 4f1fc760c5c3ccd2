"""What needs sympy, behind functions that import it when they are called."""

from __future__ import annotations

from typing import Any

from autograder.algebra.symbols import Symbols


def names(symbols: Symbols, wanted: str | None = None) -> tuple[Any, ...]:
    """sympy symbols for declared names, to write expected answers with: `x, A = names(TABLE, "x A")`.

    Without `wanted` all of them, in the order of the table. Raises ValueError for a name that is not declared.
    """
    from autograder.algebra.equivalence import sympy_bridge

    return sympy_bridge.names(symbols, wanted)


def derivative(f: Any, x: Any) -> Any:
    """sympy's derivative of `f` in `x`, in numerator layout (a gradient is a row), checked by differences of f.

    Raises sympy_bridge.WrongDerivative where sympy is wrong, ValueError where it has no derivative.
    """
    from autograder.algebra.equivalence import sympy_bridge

    return sympy_bridge.derivative(f, x)
