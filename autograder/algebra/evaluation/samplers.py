"""Random values for the symbols of a table that honour every declared assumption, and sizes for its dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from random import Random
from typing import TypeAlias

from autograder.algebra.assumptions import Sampling, assumed
from autograder.algebra.evaluation.evaluate import Point, value_at
from autograder.algebra.evaluation.linear_algebra import RingAlgebra
from autograder.algebra.evaluation.rings import Modular, Number, Ring, Value
from autograder.algebra.notation import solve_constraint
from autograder.algebra.symbols import SCALAR, Symbol, Symbols
from autograder.algebra.tree import Expr, symbols_in

Draw: TypeAlias = Callable[[], Number]


def size_sets(dimensions: Iterable[str], smallest: int = 3) -> list[dict[str, int]]:
    """Sizes for named dimensions: all distinct, so that shape coincidences show, tall in one set and wide in another; then taller ones.

    Nothing is smaller than 3: matrices of size 2 satisfy identities that others do not (Hall's, Amitsur and Levitzki 1950).
    """
    names = sorted(dimensions)
    n = len(names)
    up = {name: smallest + k for k, name in enumerate(names)}
    down = {name: smallest + n - k for k, name in enumerate(names)}
    spread_up = {name: smallest + 3 * k for k, name in enumerate(names)}
    spread_down = {name: smallest + 3 * (n - k) for k, name in enumerate(names)}
    return [up, down, spread_up, spread_down]


def word_length(e: Expr) -> int:
    """Matrix factors in the longest product: sizes are chosen above half of it."""
    below = [word_length(a) for a in e.args]
    if e.op == "sym":
        return int(e.shape != SCALAR)
    if e.op in ("matmul", "mul", "scale", "had"):
        return sum(below)
    if e.op == "mpow" or (e.op == "pow" and e.data.denominator == 1):
        return below[0] * abs(int(e.data))
    return max(below, default=0)


def field_draw(ring: Modular, rng: Random) -> Draw:
    """Uniform elements of the field."""
    return lambda: rng.randrange(ring.p)


def wide_draw(rng: Random) -> Draw:
    """Fractions of both signs, spread over several sizes; dyadic, so that high precision holds them exactly."""

    def draw() -> Fraction:
        return Fraction(rng.randint(1, 4096) * rng.choice((1, -1)), rng.choice((256, 1024, 1024, 2048)))

    return draw


def small_draw(rng: Random, limit: int = 3) -> Draw:
    """Small whole numbers, a third of them zero."""
    return lambda: Fraction(0 if rng.random() < 0.3 else rng.choice((1, -1)) * rng.randint(1, limit))


def draw_values(
    table: Symbols,
    keys: Iterable[str],
    sizes: Mapping[str, int],
    ring: Ring,
    draw: Draw,
    rng: Random,
    *,
    plain: bool = False,
    turn: int = 0,
) -> dict[str, Value]:
    """A value for each symbol, in the ring. plain: readable special values (signed permutations for orthogonal matrices).

    turn: counts up from draw to draw, so that all variants (orthogonal matrices of both determinants) occur, in every combination.

    Raises Undefined where a constraint cannot be met.
    """
    wanted = set(keys)
    order = [s for s in table.declared if s.key in wanted and s.key not in table.definitions]
    values: dict[str, Value] = {}
    if not table.constraints:
        for symbol in order:
            variants, variant = assumed(symbol.assumptions).variants, None
            if variants > 1:
                turn, variant = divmod(turn, variants)
            values[symbol.key] = draw_symbol(symbol, sizes, ring, draw, rng, plain, variant)
        return values
    solved = [solve_constraint(table, text) for text in table.constraints]
    targets = {target for target, _ in solved}
    for _ in range(4):
        more = {k for target, e in solved if target in wanted for k in symbols_in(e)}
        if more <= wanted:
            break
        wanted |= more
    for symbol in table.declared:
        if symbol.key in wanted and symbol.key not in targets and symbol.key not in table.definitions:
            values[symbol.key] = draw_symbol(symbol, sizes, ring, draw, rng, plain)
    for target, e in solved:
        if target in wanted:
            values[target] = value_at(e, Point(ring, sizes, values))
    return values


def draw_symbol(
    symbol: Symbol, sizes: Mapping[str, int], ring: Ring, draw: Draw, rng: Random, plain: bool = False, variant: int | None = None
) -> Value:
    """One value that honours the assumptions. variant: which of the kinds of values between which no path leads; by chance if None."""
    sampling = Sampling(RingAlgebra(ring), draw, rng, assumed(symbol.assumptions), plain, variant)
    if symbol.shape == SCALAR:
        return sampling.number()
    return sampling.value(symbol.shape[0].size(sizes), symbol.shape[1].size(sizes))


def lift(values: Mapping[str, Value], ring: Ring) -> dict[str, Value]:
    """Exact values in another ring."""
    out: dict[str, Value] = {}
    for key, value in values.items():
        out[key] = [[ring.const(x) for x in row] for row in value] if isinstance(value, list) else ring.const(value)
    return out
