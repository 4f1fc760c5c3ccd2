"""The raw tree that the reader builds: what was typed, names resolved, shapes not looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autograder.algebra.limits import MAX_TREE_DEPTH
from autograder.errors import OutOfBudget


@dataclass(frozen=True, slots=True)
class Node:
    """op and data:

    num (Fraction) · sym (key) · dim (name) · const (`pi`, `e`) · index (name) · eye, zeros, ones (tuple of dimension texts)
    add · neg · prod (operators between the factors) · had · pow (base, exponent) · transpose · pinv · inverse
    call (function) · norm (kind) · bars · sum (index, lower, upper as Node or None) · elem (base, *indices) · block (columns)
    cases (value, condition, value, condition, ...) · rel (operator) · and · or · not · true
    """

    op: str
    args: tuple[Node, ...] = ()
    data: Any = None
    at: int = 0


def check_depth(node: Node) -> None:
    """Raises OutOfBudget for a tree so deep that going down it would not end well: chains of transposes, say, nest without any bracket.

    Levels are counted without recursion.
    """
    level, below = 0, [node]
    while below:
        level += 1
        if level > MAX_TREE_DEPTH:
            raise OutOfBudget("MAX_TREE_DEPTH", f"more than {MAX_TREE_DEPTH} operations within each other")
        below = [child for one in below for child in one.args]
