"""The value of a typed expression at a point, in a ring."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from autograder.algebra.evaluation.linear_algebra import determinant, identity, inverse, matmul, transpose
from autograder.algebra.evaluation.rings import Matrix, Number, Real, Ring, Undefined, Unsupported, Value
from autograder.algebra.limits import MAX_DECIDE_OPERATIONS, MAX_EXPONENT
from autograder.algebra.symbols import SCALAR, Dim
from autograder.algebra.tree import Expr, is_index_only
from autograder.errors import OutOfBudget


@dataclass(frozen=True)
class Point:
    """Where to evaluate: a ring, a number for every named dimension, a value for every symbol (by key)."""

    ring: Ring
    sizes: Mapping[str, int]
    values: Mapping[str, Value]


def value_at(e: Expr, point: Point, index: Mapping[str, int] | None = None, memo: dict[Expr, Value] | None = None) -> Value:
    """The value of `e`: a number, or a matrix as a list of rows. Raises Undefined, Unsupported.

    index: values of free indices. memo: values of parts at this very point, kept from call to call.
    """
    evaluator = _Evaluator(point, memo)
    evaluator.index.update(index or {})
    return evaluator.value(e)


class _Evaluator:
    def __init__(self, point: Point, memo: dict[Expr, Value] | None = None) -> None:
        self.ring = point.ring
        self.memo = memo
        self.sizes = point.sizes
        self.values = point.values
        self.index: dict[str, int] = {}
        self.from_zero: set[str] = set()
        self.zero = self.ring.const(Fraction(0))
        self.one = self.ring.const(Fraction(1))

    def value(self, e: Expr) -> Value:
        if e.op == "num":
            return self.ring.const(e.data)
        if e.op == "sym":
            return self.values[e.data]
        if self.memo is None or self.index:
            result: Value = HANDLERS[e.op](self, e)
            return result
        if e not in self.memo:
            self.memo[e] = HANDLERS[e.op](self, e)
        return self.memo[e]

    def dim(self, dim: Dim) -> int:
        return dim.size(self.sizes)

    def rows(self, e: Expr) -> Matrix:
        """The value of `e` as a matrix, also of a single number."""
        value = self.value(e)
        return value if isinstance(value, list) else [[value]]

    def wrap(self, e: Expr, matrix: Matrix) -> Value:
        return matrix[0][0] if e.shape == SCALAR else matrix

    def filled(self, e: Expr, entry: Number) -> Matrix:
        return [[entry] * self.dim(e.shape[1]) for _ in range(self.dim(e.shape[0]))]

    def entries(self, e: Expr) -> list[Number]:
        return [x for row in self.rows(e) for x in row]

    # leaves
    def of_dim(self, e: Expr) -> Number:
        return self.ring.const(Fraction(self.sizes[e.data]))

    def of_size(self, e: Expr) -> Number:
        rows, columns = e.args[0].shape
        return self.ring.const(Fraction(self.dim(rows) * self.dim(columns)))

    def of_const(self, e: Expr) -> Number:
        return self.ring.constant(e.data)

    def of_index(self, e: Expr) -> Number:
        return self.ring.const(Fraction(self.index[e.data]))

    def of_eye(self, e: Expr) -> Value:
        return self.wrap(e, identity(self.ring, self.dim(e.shape[0])))

    def of_zeros(self, e: Expr) -> Value:
        return self.wrap(e, self.filled(e, self.zero))

    def of_ones(self, e: Expr) -> Value:
        return self.wrap(e, self.filled(e, self.one))

    # arithmetic
    def of_add(self, e: Expr) -> Value:
        red = self.ring.red
        if e.shape == SCALAR:
            return red(sum(self.value(a) for a in e.args))
        terms = [self.value(a) for a in e.args]
        return [[red(sum(entries)) for entries in zip(*rows, strict=True)] for rows in zip(*terms, strict=True)]

    def of_mul(self, e: Expr) -> Number:
        return self.ring.red(self.value(e.args[0]) * self.value(e.args[1]))

    def of_scale(self, e: Expr) -> Matrix:
        factor = self.value(e.args[0])
        red = self.ring.red
        return [[red(factor * x) for x in row] for row in self.value(e.args[1])]

    def of_matmul(self, e: Expr) -> Value:
        return self.wrap(e, matmul(self.ring, self.rows(e.args[0]), self.rows(e.args[1])))

    def of_had(self, e: Expr) -> Value:
        red = self.ring.red
        one, two = self.rows(e.args[0]), self.rows(e.args[1])
        return self.wrap(e, [[red(x * y) for x, y in zip(r, s, strict=True)] for r, s in zip(one, two, strict=True)])

    def of_recip(self, e: Expr) -> Number:
        return self.ring.inv(self.value(e.args[0]))

    def of_pow(self, e: Expr) -> Number:
        base = self.value(e.args[0])
        exponent: Fraction = e.data
        if exponent.denominator != 1:
            return self.ring.root_power(base, exponent)
        if exponent < 0:
            base, exponent = self.ring.inv(base), -exponent
        result = self.one
        for _ in range(int(exponent)):
            result = self.ring.red(result * base)
        return result

    def of_power(self, e: Expr) -> Number:
        if is_index_only(e.args[1]):
            exponent = self.position(e.args[1])
            if abs(exponent) > MAX_EXPONENT:
                raise Undefined("an exponent beyond our limit")
            return self.of_pow(Expr("pow", e.args[:1], Fraction(exponent), e.shape))
        return self.ring.real_power(self.value(e.args[0]), self.value(e.args[1]))

    def of_mpow(self, e: Expr) -> Matrix:
        base = self.value(e.args[0])
        result = base
        for _ in range(e.data - 1):
            result = matmul(self.ring, result, base)
        return list(result)

    def of_inverse(self, e: Expr) -> Matrix:
        return inverse(self.ring, self.value(e.args[0]))

    def of_pinv(self, e: Expr) -> Matrix:
        """Of a matrix of full rank; another one has no value here."""
        a = self.rows(e.args[0])
        t = transpose(a)
        if len(a) >= len(a[0]):
            return matmul(self.ring, inverse(self.ring, matmul(self.ring, t, a)), t)
        return matmul(self.ring, t, inverse(self.ring, matmul(self.ring, a, t)))

    def of_sqrtm(self, e: Expr) -> Matrix:
        """Of a symmetric positive definite matrix."""
        if not isinstance(self.ring, Real):
            raise Unsupported("a matrix root")
        ctx = self.ring.ctx
        a = self.value(e.args[0])
        n = len(a)
        if any(not self.ring.is_zero(a[i][j] - a[j][i]) for i in range(n) for j in range(i)):
            raise Undefined("a root of a matrix that is not symmetric")
        values, vectors = ctx.eigsy(ctx.matrix(a))
        if any(self.ring.sign(v) <= 0 for v in values):
            raise Undefined("a root of a matrix that is not positive definite")
        roots = [ctx.sqrt(v) for v in values]
        return [[sum(vectors[i, k] * roots[k] * vectors[j, k] for k in range(n)) for j in range(n)] for i in range(n)]

    def of_transpose(self, e: Expr) -> Matrix:
        return transpose(self.rows(e.args[0]))

    def of_trace(self, e: Expr) -> Number:
        a = self.rows(e.args[0])
        return self.ring.red(sum(a[i][i] for i in range(len(a))))

    def of_det(self, e: Expr) -> Number:
        return determinant(self.ring, self.rows(e.args[0]))

    def of_diag(self, e: Expr) -> Matrix:
        v = [row[0] for row in self.rows(e.args[0])]
        return [[x if i == j else self.zero for j in range(len(v))] for i, x in enumerate(v)]

    def of_diagonal(self, e: Expr) -> Matrix:
        a = self.rows(e.args[0])
        return [[a[i][i]] for i in range(len(a))]

    def of_esum(self, e: Expr) -> Number:
        return self.ring.red(sum(self.entries(e.args[0])))

    def of_block(self, e: Expr) -> Value:
        columns = e.data
        out: Matrix = []
        for k in range(0, len(e.args), columns):
            blocks = [self.rows(a) for a in e.args[k : k + columns]]
            for parts in zip(*blocks, strict=True):
                out.append([x for part in parts for x in part])
        return self.wrap(e, out)

    # indices
    def of_sum(self, e: Expr) -> Value:
        index, lower, dim = e.data
        outer = self.index.get(index)
        total: Value = None
        red = self.ring.red
        if lower == 0:
            self.from_zero.add(index)
        for k in range(lower, self.dim(dim) + min(lower, 1)):
            self.index[index] = k
            term = self.value(e.args[0])
            if total is None:
                total = term
            elif isinstance(term, list):
                total = [[red(x + y) for x, y in zip(r, s, strict=True)] for r, s in zip(total, term, strict=True)]
            else:
                total = red(total + term)
        self.from_zero.discard(index)
        if outer is None:
            self.index.pop(index, None)
        else:
            self.index[index] = outer
        if total is None:
            total = self.wrap(e, self.filled(e, self.zero))
        return total

    def of_elem(self, e: Expr) -> Number:
        a = self.rows(e.args[0])
        positions = [self.position(i) + self.counted_from_zero(i) for i in e.args[1:]]
        if len(positions) == 1:
            positions = [positions[0], 1] if len(a[0]) == 1 else [1, positions[0]]
        i, j = positions
        if not (1 <= i <= len(a) and 1 <= j <= len(a[0])):
            raise Undefined("an index outside of its range")
        return a[i - 1][j - 1]

    def counted_from_zero(self, e: Expr) -> int:
        """1 if an index of a sum from 0 occurs: entries are counted from 1."""
        return int((e.op == "index" and e.data in self.from_zero) or any(self.counted_from_zero(a) for a in e.args))

    def position(self, e: Expr) -> int:
        if e.op == "index":
            return self.index[e.data]
        if e.op == "num" and e.data.denominator == 1:
            return int(e.data)
        if e.op == "add":
            return sum(self.position(a) for a in e.args)
        if e.op == "mul" and e.args[0].op == "num":
            return int(e.args[0].data) * self.position(e.args[1])
        raise Undefined("an index that is no number")

    # functions
    def of_fn(self, e: Expr) -> Value:
        function = self.ring.function
        name: str = e.data
        if name == "reciprocal":
            invert = self.ring.inv
            return self.wrap(e, [[invert(x) for x in row] for row in self.rows(e.args[0])])
        if e.shape == SCALAR:
            return function(name, self.value(e.args[0]))
        return [[function(name, x) for x in row] for row in self.rows(e.args[0])]

    def of_norm(self, e: Expr) -> Number:
        kind = e.data
        if kind == "spectral":
            if not isinstance(self.ring, Real):
                raise Unsupported("a spectral norm")
            ctx = self.ring.ctx
            return max(ctx.svd_r(ctx.matrix(self.rows(e.args[0])), compute_uv=False))
        entries = self.entries(e.args[0])
        if kind in ("2", "F"):
            return self.ring.function("sqrt", self.ring.red(sum(x * x for x in entries)))
        sizes = [self.ring.function("abs", x) for x in entries]
        return sum(sizes) if kind == "1" else max(sizes)

    def extreme(self, e: Expr, sign: int) -> Value:
        parts = [self.value(a) for a in e.args]
        if e.shape == SCALAR:
            return self.best(parts, sign)
        rows, columns = self.dim(e.shape[0]), self.dim(e.shape[1])
        return [[self.best([p[i][j] if isinstance(p, list) else p for p in parts], sign) for j in range(columns)] for i in range(rows)]

    def best(self, parts: list[Number], sign: int) -> Number:
        out = parts[0]
        for x in parts[1:]:
            if self.ring.sign(x - out) * sign > 0:
                out = x
        return out

    def of_max(self, e: Expr) -> Value:
        return self.extreme(e, 1)

    def of_min(self, e: Expr) -> Value:
        return self.extreme(e, -1)

    def of_cases(self, e: Expr) -> Value:
        for value, condition in zip(e.args[::2], e.args[1::2], strict=True):
            if self.holds(condition):
                return self.value(value)
        raise Undefined("none of the cases applies")

    def holds(self, e: Expr) -> bool:
        """Is a condition true here?"""
        if e.op == "true":
            return True
        if e.op == "and":
            return all(self.holds(a) for a in e.args)
        if e.op == "or":
            return any(self.holds(a) for a in e.args)
        if e.op == "not":
            return not self.holds(e.args[0])
        sign = self.ring.sign(self.value(e.args[0]) - self.value(e.args[1]))
        return {"<": sign < 0, ">": sign > 0, "<=": sign <= 0, ">=": sign >= 0, "=": sign == 0, "!=": sign != 0}[e.data]


HANDLERS: Final[Mapping[str, Callable[[_Evaluator, Expr], Value]]] = {
    name.removeprefix("of_"): handler for name, handler in vars(_Evaluator).items() if name.startswith("of_")
}


def condition_holds(e: Expr, point: Point) -> bool:
    """Is a typed condition true at a point?"""
    return _Evaluator(point).holds(e)


# --- what an evaluation costs


def check_cost(e: Expr, sizes: Mapping[str, int]) -> None:
    """Raises OutOfBudget if one evaluation would take too long."""
    operations = _operations(e, sizes)
    if operations > MAX_DECIDE_OPERATIONS:
        raise OutOfBudget("MAX_DECIDE_OPERATIONS", operations)


def _operations(e: Expr, sizes: Mapping[str, int]) -> int:
    below: int = sum(_operations(a, sizes) for a in e.args)
    rows: int = e.shape[0].size(sizes)
    columns: int = e.shape[1].size(sizes)
    if e.op == "sum":
        return below * max(1, int(e.data.upper.size(sizes))) + 1
    if e.op == "matmul":
        return below + rows * columns * int(e.args[0].shape[1].size(sizes))
    if e.op in ("inverse", "pinv", "det", "mpow", "sqrtm", "norm"):
        n: int = max(max(d.size(sizes) for d in a.shape) for a in e.args)
        return below + n**3 * (int(e.data) if e.op == "mpow" else 2)
    return below + rows * columns


def rational_degree(e: Expr, sizes: Mapping[str, int]) -> tuple[int, int]:
    """Bounds on the degrees of numerator and denominator of an entry of a rational expression, over one common denominator."""
    parts = [rational_degree(a, sizes) for a in e.args]
    if e.op == "sym" or e.op == "const":
        return (1, 0)
    if e.op in ("num", "eye", "zeros", "ones", "dim", "index", "size"):
        return (0, 0)
    if e.op in ("mul", "scale", "matmul", "had"):
        return (parts[0][0] + parts[1][0], parts[0][1] + parts[1][1])
    if e.op == "sum":
        n = max(1, e.data.upper.size(sizes))
        return (parts[0][0] + (n - 1) * parts[0][1], n * parts[0][1])
    if e.op == "pow":
        k = abs(int(e.data))
        top, bottom = parts[0]
        return (k * top, k * bottom) if e.data >= 0 else (k * bottom, k * top)
    if e.op == "power":
        return (MAX_EXPONENT * max(parts[0]), MAX_EXPONENT * max(parts[0]))
    if e.op == "mpow":
        return (e.data * parts[0][0], e.data * parts[0][1])
    if e.op in ("recip",) or (e.op == "fn" and e.data == "reciprocal"):
        return (parts[0][1], parts[0][0])
    if e.op in ("inverse", "det"):
        n = e.args[0].shape[0].size(sizes)
        top, bottom = parts[0]
        return (n * top, n * bottom) if e.op == "det" else ((n - 1) * top + bottom, n * top)
    if e.op == "pinv":
        n = max(d.size(sizes) for d in e.args[0].shape)
        top, bottom = parts[0]
        return (2 * n * (top + bottom), 2 * n * (top + bottom))
    if not parts:
        return (0, 0)
    common = sum(b for _, b in parts)
    return (max(t + common - b for t, b in parts), common)
