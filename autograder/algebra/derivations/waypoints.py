"""Which waypoints of a rubric a derivation has reached."""

from __future__ import annotations

import re
from typing import Final

from autograder.algebra.derivations.chains import Step, StepSide, read_side, slope_of
from autograder.algebra.derivations.counterexample import Fingerprints
from autograder.algebra.derivations.rubric import Waypoint
from autograder.algebra.derivations.steps import Relation, statements_of
from autograder.algebra.derivations.walk import Walk
from autograder.algebra.notation import read_expected
from autograder.algebra.symbols import SCALAR, key_of
from autograder.algebra.tree import Expr, Misshapen, difference, symbol, transposed

OPERATIONS: Final = frozenset({"block", "eye"})
"""What a side may mention beside names."""


def is_reached(waypoint: Waypoint, steps: tuple[Step, ...], final: str, walk: Walk) -> bool:
    """Has a derivation reached a waypoint? final: its final answer as typed."""
    if any(is_reached(other, steps, final, walk) for other in waypoint.either):
        return True
    table = walk.chosen.table
    valid = [s for s in steps if s.verdict == "holds"]
    away, mentions, without = (
        {n if n in OPERATIONS else key_of(n) for n in names} for names in (waypoint.away_from, waypoint.mentions, waypoint.without)
    )
    prints = walk.prints
    for text in waypoint.values:
        value = read_expected(text, table)
        chains: dict[int, list[StepSide]] = {}
        for s in steps:
            for side in (s.left, s.right):
                if side is None or side.expression is None or side.operator or not prints.has_same_value(side.expression, value):
                    continue
                if s.verdict == "holds":
                    chains.setdefault(s.chain, []).append(side)
        for sides in chains.values():
            if not away:
                if any((not mentions or side.mentions & mentions) and not side.mentions & without for side in sides):
                    return True
                continue
            through = any(side.mentions & away for side in sides)
            if through and any(not side.mentions & away and (not mentions or side.mentions & mentions) for side in sides):
                return True
    for text in waypoint.residuals:
        left, right = (read_expected(side, table) for side in text.split("="))
        residual = difference(left, right)
        if any(_is_stated(s, residual, prints, walk) for s in valid if s.sign == "="):
            return True
    for low, high in waypoint.bounds:
        one, two = read_expected(low, table), read_expected(high, table)
        if _has_chain(valid, one, two, prints):
            return True
    if waypoint.final:
        ends = [s.right for s in steps[-1:] if s.right is not None] + [read_side(walk.put(_last_side(final)), walk.notation)]
        for side in ends:
            e = walk.first(side) if side.node is not None and not side.operator else None
            if (
                e is not None
                and not side.mentions & without
                and any(prints.has_same_value(e, read_expected(t, table)) for t in waypoint.values)
            ):
                return True
    return False


def _last_side(final: str) -> str:
    found = statements_of(re.sub(r"^([\s$]*)&?\s*=", r"\1", final))
    for item in reversed(found.items):
        return item.right if isinstance(item, Relation) else item.text
    return final


def _is_stated(step: Step, residual: Expr, prints: Fingerprints, walk: Walk) -> bool:
    """Does an equation say that a residual is zero?"""
    left, right = step.left, step.right
    if left is None or right is None or left.expression is None or right.expression is None:
        return False
    variable = left.variable or right.variable
    if variable:
        operated, other = (left, right) if left.operator else (right, left)
        assert operated.expression is not None
        assert other.expression is not None
        try:
            slope = slope_of(operated.expression, variable, walk.notation)
        except Misshapen:
            return False
        direction = symbol(walk.notation.differentials[variable], residual.shape)
        row = transposed(residual)
        along = Expr("matmul" if residual.shape != SCALAR else "mul", (row, direction), None, SCALAR)
        stated = operated.operator == "argmin" or other.expression.op in ("zeros", "num")
        return stated and prints.has_same_value(slope, along, scaled=True)
    if left.expression.shape != residual.shape or right.expression.shape != residual.shape:
        return False
    return prints.has_same_value(difference(left.expression, right.expression), residual, scaled=True)


def _has_chain(valid: list[Step], low: Expr, high: Expr, prints: Fingerprints) -> bool:
    """Is there a chain of valid steps that leads from a value at most up to another?"""
    chains: dict[int, list[Step]] = {}
    for s in valid:
        chains.setdefault(s.chain, []).append(s)
    for steps in chains.values():
        rising = False
        falling = False
        for s in steps:
            if s.left is None or s.right is None or s.left.expression is None or s.right.expression is None:
                continue
            one, two = s.left.expression, s.right.expression
            rising = rising or prints.has_same_value(one, low)
            falling = falling or prints.has_same_value(one, high)
            if rising and s.sign in ("=", "<", "<=") and prints.has_same_value(two, high):
                return True
            if falling and s.sign in ("=", ">", ">=") and prints.has_same_value(two, low):
                return True
    return False
