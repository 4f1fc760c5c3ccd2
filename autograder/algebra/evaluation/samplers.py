"""Random values for the symbols of a table that honour every declared assumption, and sizes for its dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from random import Random
from typing import Final, TypeAlias

from autograder.algebra.evaluation.evaluate import Point, value_at
from autograder.algebra.evaluation.linear_algebra import identity, inverse, matmul, transpose
from autograder.algebra.evaluation.rings import Exact, Matrix, Modular, Number, Ring, Undefined, Value
from autograder.algebra.notation import solve_constraint
from autograder.algebra.symbols import SCALAR, Symbol, Symbols
from autograder.algebra.tree import Expr, symbols_in

Draw: TypeAlias = Callable[[], Number]
EXACT: Final = Exact()
MAX_REDRAWS: Final = 20


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

    turn: counts up from draw to draw, so that orthogonal matrices of both determinants occur, in every combination.

    Raises Undefined where a constraint cannot be met.
    """
    wanted = set(keys)
    order = [s for s in table.declared if s.key in wanted and s.key not in table.definitions]
    values: dict[str, Value] = {}
    if not table.constraints:
        for symbol in order:
            if "orthogonal" in symbol.assumptions:
                turn, bit = divmod(turn, 2)
                values[symbol.key] = draw_symbol(symbol, sizes, ring, draw, rng, plain, flipped=bit == 1)
            else:
                values[symbol.key] = draw_symbol(symbol, sizes, ring, draw, rng, plain)
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
    symbol: Symbol, sizes: Mapping[str, int], ring: Ring, draw: Draw, rng: Random, plain: bool = False, flipped: bool | None = None
) -> Value:
    """One value that honours the assumptions. flipped: the determinant of an orthogonal matrix is -1; by chance if None."""
    assumed = symbol.assumptions

    def number() -> Number:
        return scalar(ring, draw, assumed)

    if symbol.shape == SCALAR:
        return number()
    rows, columns = symbol.shape[0].size(sizes), symbol.shape[1].size(sizes)
    if {"orthogonal", "diagonal"} <= assumed:
        one, zero = ring.const(Fraction(1)), ring.const(Fraction(0))
        return [[rng.choice((one, ring.red(-one))) if i == j else zero for j in range(rows)] for i in range(rows)]
    if "orthogonal" in assumed:
        return orthogonal(ring, rows, draw, rng, symmetric="symmetric" in assumed, plain=plain, flipped=flipped)
    if "diagonal" in assumed:
        strict = assumed | ({"positive"} if "positive_definite" in assumed else set()) | ({"nonzero"} if "invertible" in assumed else set())
        zero = ring.const(Fraction(0))
        return [[scalar(ring, draw, strict) if i == j else zero for j in range(rows)] for i in range(rows)]
    m = [[number() for _ in range(columns)] for _ in range(rows)]
    if "positive_definite" in assumed:
        gram = matmul(ring, m, transpose(m))
        unit = identity(ring, rows)
        return [[ring.red(x + y) for x, y in zip(r, s, strict=True)] for r, s in zip(gram, unit, strict=True)]
    if "symmetric" in assumed:
        m = [[m[min(i, j)][max(i, j)] for j in range(rows)] for i in range(rows)]
    if "invertible" in assumed:
        for _ in range(MAX_REDRAWS):
            try:
                inverse(ring, m)
            except Undefined:  # noqa: PERF203 - no value at this point
                k = rng.randrange(rows)
                m[k][k] = ring.red(m[k][k] + ring.const(Fraction(1)))
            else:
                return m
        return identity(ring, rows)
    return m


def scalar(ring: Ring, draw: Draw, assumed: frozenset[str] | set[str]) -> Number:
    """A number, positive or not zero where that is assumed. (A finite field has no order: there positive is not zero.)"""
    x = draw()
    if assumed & {"positive", "nonzero"}:
        for _ in range(MAX_REDRAWS):
            if not ring.is_zero(x):
                break
            x = draw()
        else:
            x = ring.const(Fraction(1))
        if "positive" in assumed and ring.ordered and ring.sign(x) < 0:
            x = -x
    return x


def orthogonal(ring: Ring, n: int, draw: Draw, rng: Random, *, symmetric: bool, plain: bool, flipped: bool | None = None) -> Matrix:
    """An orthogonal matrix, of determinant 1 or -1: with equal chance, or as `flipped` says.

    Cayley's (I - S)(I + S)^-1 with S skew reaches determinant 1 only; one column changes its sign half of the time.
    A symmetric one is Q D Q^T with signs on the diagonal of D.
    """
    one, zero = ring.const(Fraction(1)), ring.const(Fraction(0))
    signs = [rng.choice((1, -1)) for _ in range(n)]
    if flipped is not None and not plain:
        minus_ones = sum(s < 0 for s in signs)
        if (minus_ones % 2 == 1) != flipped:
            signs[0] = -signs[0]
        if not symmetric:
            signs[0] = -1 if flipped else 1
    if plain and not symmetric:
        order = list(range(n))
        rng.shuffle(order)
        return [[one * signs[i] if j == order[i] else zero for j in range(n)] for i in range(n)]
    unit = identity(ring, n)
    for _ in range(MAX_REDRAWS):
        upper = [[draw() for _ in range(n)] for _ in range(n)]
        skew = [[zero if i == j else (upper[i][j] if i < j else ring.red(-upper[j][i])) for j in range(n)] for i in range(n)]
        plus = [[ring.red(a + b) for a, b in zip(r, s, strict=True)] for r, s in zip(unit, skew, strict=True)]
        minus = [[ring.red(a - b) for a, b in zip(r, s, strict=True)] for r, s in zip(unit, skew, strict=True)]
        try:
            q = matmul(ring, minus, inverse(ring, plus))
        except Undefined:
            continue
        if symmetric:
            scaled = [[ring.red(x * sign) for x, sign in zip(row, signs, strict=True)] for row in q]
            return matmul(ring, scaled, transpose(q))
        if signs[0] < 0:
            q = [[ring.red(-row[0]), *row[1:]] for row in q]
        return q
    return unit


def lift(values: Mapping[str, Value], ring: Ring) -> dict[str, Value]:
    """Exact values in another ring."""
    out: dict[str, Value] = {}
    for key, value in values.items():
        out[key] = [[ring.const(x) for x in row] for row in value] if isinstance(value, list) else ring.const(value)
    return out
