"""The only module that imports sympy: names for suites, sympy's derivatives (cross-checked), sympy's proofs (in a process of their own).

Nothing a student typed reaches sympy as text: expressions are built from our own typed tree.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from random import Random
from typing import Any, Final

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixElement

from autograder.algebra.assumptions import MatrixAssumption, NumberAssumption, assumption, known_assumptions
from autograder.algebra.equivalence.identity import seed_of
from autograder.algebra.evaluation import Exact, Number, Point, Real, Undefined, Value, draw_values, lift, size_sets, value_at, wide_draw
from autograder.algebra.limits import CACHED_DECISIONS, PROOF_MEGABYTES, PROOF_SECONDS
from autograder.algebra.notation import read_expected
from autograder.algebra.symbols import ONE, SCALAR, Dim, Shape, Symbol, Symbols
from autograder.algebra.tree import Expr, added, dims_in, number, symbol, times, zero
from autograder.errors import AutograderError
from autograder.worker import child

CHECK_DIGITS: Final = 120
STEP_DIGITS: Final = 30
"""The central difference of a cross-check uses a step of ten to minus this, and CHECK_DIGITS digits."""


class WrongDerivative(AutograderError):
    """sympy's derivative fails the cross-check, or cannot be checked: the suite must state the derivative itself."""


def names(symbols: Symbols, wanted: str | None = None) -> tuple[Any, ...]:
    """sympy symbols for declared names: `x, A = names(TABLE, "x A")`; all of them, in the order of the table, without `wanted`.

    A vector is a MatrixSymbol with one column. Raises ValueError for a name that is not declared.
    """
    chosen = [s.name for s in symbols.declared] if wanted is None else wanted.replace(",", " ").split()
    by_name = {s.name: s for s in symbols.declared}
    unknown = [name for name in chosen if name not in by_name]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not declared; declared are {', '.join(by_name)}")
    return tuple(sympy_symbol(by_name[name]) for name in chosen)


@lru_cache(maxsize=1024)
def sympy_symbol(declared: Symbol) -> Any:
    """One symbol, with the assumptions that sympy knows."""
    if declared.shape == SCALAR:
        given = [one for one in map(assumption, sorted(declared.assumptions)) if isinstance(one, NumberAssumption)]
        return sp.Symbol(declared.name, real=True, **dict.fromkeys((word for one in given for word in one.in_sympy), True))
    return sp.MatrixSymbol(declared.name, sympy_dim(declared.shape[0]), sympy_dim(declared.shape[1]))


@lru_cache(maxsize=256)
def sympy_dim(dim: Dim) -> Any:
    """A dimension."""
    total = sp.Integer(dim.number)
    for name in dim.names:
        total += sp.Symbol(name, integer=True, positive=True)
    return total


# --- sympy -> our tree


@lru_cache(maxsize=1024)
def from_sympy(e: Any, symbols: Symbols) -> Expr:
    """A sympy expression over `names(symbols)` as a typed expression. Raises ValueError for what has no counterpart."""
    return _Importer(symbols).convert(sp.sympify(e))


class _Importer:
    def __init__(self, symbols: Symbols) -> None:
        self.by_symbol = {sympy_symbol(s): s for s in symbols.declared}
        self.symbols = symbols

    def shape(self, e: Any) -> Shape:
        if not getattr(e, "is_Matrix", False) and not isinstance(e, sp.MatrixExpr):
            return SCALAR
        return (self.dim(e.shape[0]), self.dim(e.shape[1]))

    def dim(self, d: Any) -> Dim:
        size = 0
        found: list[str] = []
        for term in sp.Add.make_args(sp.expand(d)):
            if term.is_Integer:
                size += int(term)
            elif term.is_Symbol:
                found.append(term.name)
            else:
                raise ValueError(f"the dimension {d} is no sum of sizes")
        return Dim(size, tuple(sorted(found)))

    def convert(self, e: Any) -> Expr:
        declared = self.by_symbol.get(e)
        if declared is not None:
            if declared.key in self.symbols.definitions:
                return read_expected(self.symbols.definitions[declared.key], self.symbols)
            return symbol(declared.key, declared.shape)
        if isinstance(e, sp.MatrixSymbol) or e.is_Symbol:
            if e.is_Symbol and e.name in self.symbols.dimensions:
                return Expr("dim", (), e.name, SCALAR)
            raise ValueError(f"the symbol {e} is not declared")
        shape = self.shape(e)
        if e.is_Rational:
            return number(Fraction(int(e.p), int(e.q)))
        if e is sp.pi or e is sp.E:
            return Expr("const", (), "pi" if e is sp.pi else "e", SCALAR)
        simple = {sp.Transpose: "transpose", sp.Trace: "trace", sp.Determinant: "det", sp.Inverse: "inverse"}
        for kind, op in simple.items():
            if isinstance(e, kind):
                inner = self.convert(e.args[0])
                if inner.shape == SCALAR:
                    return Expr("recip", (inner,), None, SCALAR) if op == "inverse" else inner
                return Expr(op, (inner,), None, shape)
        if isinstance(e, sp.Identity):
            return Expr("eye", (), None, shape)
        if isinstance(e, sp.ZeroMatrix):
            return zero(shape)
        if isinstance(e, sp.OneMatrix):
            return Expr("ones", (), None, shape)
        if isinstance(e, (sp.MatAdd, sp.Add)):
            return added(tuple(self.convert(a) for a in e.args))
        if isinstance(e, (sp.MatMul, sp.Mul)):
            return self.product([self.convert(a) for a in e.args])
        if isinstance(e, sp.HadamardProduct):
            parts = [self.convert(a) for a in e.args]
            out = parts[0]
            for part in parts[1:]:
                out = Expr("had", (out, part), None, shape)
            return out
        if isinstance(e, (sp.MatPow, sp.Pow)):
            return self.power(e, shape)
        if isinstance(e, MatrixElement):
            base = self.convert(e.parent)
            if base.shape == SCALAR:
                return base
            if not (e.i.is_Integer and e.j.is_Integer):
                raise ValueError(f"{e} has an index that is no number")
            where = [number(int(i) + 1) for i in (e.i, e.j)]
            if ONE in base.shape:
                where = [where[0] if base.shape[1] == ONE else where[1]]
            return Expr("elem", (base, *where), None, SCALAR)
        if isinstance(e, sp.exp):
            return Expr("fn", (self.convert(e.args[0]),), "exp", SCALAR)
        functions = {
            sp.log: "log",
            sp.Abs: "abs",
            sp.sin: "sin",
            sp.cos: "cos",
            sp.tan: "tan",
            sp.tanh: "tanh",
            sp.sinh: "sinh",
            sp.cosh: "cosh",
            sp.sign: "sign",
            sp.atan: "atan",
        }
        for kind, name in functions.items():
            if isinstance(e, kind):
                return Expr("fn", (self.convert(e.args[0]),), name, SCALAR)
        if isinstance(e, (sp.Max, sp.Min)):
            return Expr("max" if isinstance(e, sp.Max) else "min", tuple(self.convert(a) for a in e.args), None, SCALAR)
        if isinstance(e, sp.Piecewise):
            parts = []
            for value, condition in e.args:
                parts += [self.convert(value), self.condition(condition)]
            return Expr("cases", tuple(parts), None, parts[0].shape)
        raise ValueError(f"{type(e).__name__} of sympy has no counterpart here")

    def condition(self, e: Any) -> Expr:
        if e is sp.true:
            return Expr("true", (), None, SCALAR)
        if isinstance(e, (sp.And, sp.Or, sp.Not)):
            op = {sp.And: "and", sp.Or: "or", sp.Not: "not"}[e.func]
            return Expr(op, tuple(self.condition(a) for a in e.args), None, SCALAR)
        signs = {
            sp.StrictGreaterThan: ">",
            sp.GreaterThan: ">=",
            sp.StrictLessThan: "<",
            sp.LessThan: "<=",
            sp.Equality: "=",
            sp.Unequality: "!=",
        }
        if type(e) in signs:
            return Expr("rel", (self.convert(e.lhs), self.convert(e.rhs)), signs[type(e)], SCALAR)
        raise ValueError(f"the condition {e} of sympy has no counterpart here")

    @staticmethod
    def product(factors: list[Expr]) -> Expr:
        scalars = [f for f in factors if f.shape == SCALAR]
        matrices = [f for f in factors if f.shape != SCALAR]
        out: Expr | None = None
        for f in matrices:
            out = f if out is None else Expr("matmul", (out, f), None, (out.shape[0], f.shape[1]))
        for f in reversed(scalars):
            out = f if out is None else times(f, out)
        assert out is not None
        return out

    def power(self, e: Any, shape: Shape) -> Expr:
        base, exponent = self.convert(e.args[0]), e.args[1]
        if shape != SCALAR:
            if not exponent.is_Integer:
                raise ValueError(f"{e} has an exponent that is no whole number")
            k = int(exponent)
            if k < 0:
                base, k = Expr("inverse", (base,), None, shape), -k
            return base if k == 1 else Expr("mpow", (base,), k, shape)
        if e.args[0] is sp.E:
            return Expr("fn", (self.convert(exponent),), "exp", SCALAR)
        if not exponent.is_Rational:
            return Expr("power", (base, self.convert(exponent)), None, SCALAR)
        ratio = Fraction(int(exponent.p), int(exponent.q))
        if ratio == -1:
            return Expr("recip", (base,), None, SCALAR)
        return Expr("fn", (base,), "sqrt", SCALAR) if ratio == Fraction(1, 2) else Expr("pow", (base,), ratio, SCALAR)


# --- derivatives


def derivative(f: Any, x: Any) -> Any:
    """sympy's derivative of f in x, in numerator layout: the gradient of a scalar is a row, the derivative of A x is A.

    f: a scalar or column expression over `names(...)`; x: a scalar, a vector or (for a scalar f) a matrix symbol; for a matrix of
    shape (m, n) the result has shape (n, m). sympy writes the derivative in denominator layout and some of its results are wrong, so
    the result is checked against exact directional differences of f. Raises WrongDerivative where that fails, ValueError where sympy
    has no derivative.
    """
    if not (isinstance(x, sp.MatrixSymbol) or getattr(x, "is_Symbol", False)):
        raise ValueError(f"{x} is no symbol")
    if x not in sp.sympify(f).free_symbols:
        if (isinstance(f, sp.MatrixExpr) and f.shape != (1, 1)) or not isinstance(x, sp.MatrixSymbol):
            return (
                sp.ZeroMatrix(f.shape[0], x.shape[0] if isinstance(x, sp.MatrixSymbol) else 1)
                if isinstance(f, sp.MatrixExpr)
                else sp.S.Zero
            )
        return sp.ZeroMatrix(x.shape[1], x.shape[0])
    try:
        found = sp.diff(f, x)
    except (TypeError, ValueError, NotImplementedError, AttributeError) as bad:
        raise ValueError(f"sympy has no derivative of {f} in {x}: {bad}") from None
    if isinstance(found, sp.MatrixExpr):
        found = sp.Transpose(found).doit() if isinstance(x, sp.MatrixSymbol) else found.doit()
    if found.has(sp.Derivative) or "ArrayDerivative" in str(sp.srepr(found)):
        raise ValueError(f"sympy leaves the derivative of {f} in {x} undone")
    if isinstance(x, sp.MatrixSymbol) and not isinstance(found, sp.MatrixExpr) and found == 0:
        found = sp.ZeroMatrix(x.shape[1], x.shape[0])
    check_derivative(f, x, found)
    return found


def check_derivative(f: Any, x: Any, found: Any) -> None:
    """Compare with the central difference of f along random directions, evaluated with CHECK_DIGITS digits. Raises WrongDerivative."""
    table = table_of(f, x, found)
    try:
        value, slope = from_sympy(f, table), from_sympy(found, table)
    except ValueError as bad:
        raise WrongDerivative(f"sympy's derivative of {f} cannot be checked: {bad}") from None
    key = next(s.key for s in table.declared if sympy_symbol(s) == x)
    rng = Random(seed_of(sp.srepr(f), sp.srepr(x)))
    ring = Real(CHECK_DIGITS)
    ctx = ring.ctx
    step = ctx.mpf(10) ** -STEP_DIGITS
    dims = set(table.dimensions) | set(dims_in(value)) | set(dims_in(slope))
    checked = 0
    for sizes in size_sets(dims)[:2] if dims else [{}, {}]:
        for _ in range(4):
            try:
                point = lift(draw_values(table, [s.key for s in table.declared], sizes, Exact(), wide_draw(rng), rng), ring)
                direction = _direction(point[key], rng, ctx)
                ahead = value_at(value, Point(ring, sizes, point | {key: _moved(point[key], direction, step)}))
                behind = value_at(value, Point(ring, sizes, point | {key: _moved(point[key], direction, -step)}))
                predicted = _applied(value_at(slope, Point(ring, sizes, point)), direction, value.shape == SCALAR)
            except Undefined:
                continue
            except (ValueError, IndexError, TypeError):
                raise WrongDerivative(f"sympy's derivative of {f} in {x} has the wrong shape: {found}") from None
            measured = _difference(ahead, behind, 2 * step)
            if len(measured) != len(predicted) or any(
                abs(a - b) > ctx.mpf(10) ** (-STEP_DIGITS) * (1 + abs(a)) for a, b in zip(measured, predicted, strict=True)
            ):
                raise WrongDerivative(f"sympy's derivative of {f} in {x} is wrong: {found}")
            checked += 1
            break
    if not checked:
        raise WrongDerivative(f"sympy's derivative of {f} in {x} could not be checked at any point")


def table_of(*expressions: Any) -> Symbols:
    """A symbol table with the free symbols of sympy expressions."""
    from autograder.algebra.notation import symbols

    declared: dict[str, str] = {}
    dims: set[Any] = set()
    free = set().union(*(sp.sympify(e).free_symbols for e in expressions))
    for s in sorted(free, key=str):
        if isinstance(s, sp.MatrixSymbol):
            dims |= set(s.shape[0].free_symbols) | set(s.shape[1].free_symbols)
    for s in sorted(free, key=str):
        if isinstance(s, sp.MatrixSymbol):
            rows, columns = (str(d).replace(" ", "") for d in s.shape)
            declared[s.name] = f"matrix {rows} {columns}"
        elif s not in dims:
            declared[s.name] = " ".join(["scalar", *scalar_assumptions(s)])
    return symbols(declared)


def scalar_assumptions(s: Any) -> list[str]:
    """What sympy assumes of a symbol, without what follows from the rest."""
    numbers = [one for one in known_assumptions() if isinstance(one, NumberAssumption) and one.in_sympy]
    found = [one for one in numbers if all(getattr(s, f"is_{word}") for word in one.in_sympy)]
    implied = frozenset().union(*(one.implies for one in found))
    return [one.name for one in found if one.name not in implied]


def _direction(value: Value, rng: Random, ctx: Any) -> Value:
    if isinstance(value, list):
        return [[ctx.mpf(rng.randint(-99, 99)) / 64 for _ in row] for row in value]
    return ctx.mpf(rng.choice((1, -1)))


def _moved(value: Value, direction: Value, step: Number) -> Value:
    if isinstance(value, list):
        return [[x + step * v for x, v in zip(r, s, strict=True)] for r, s in zip(value, direction, strict=True)]
    return value + step * direction


def _difference(ahead: Value, behind: Value, width: Number) -> list[Number]:
    if isinstance(ahead, list):
        return [(x - y) / width for r, s in zip(ahead, behind, strict=True) for x, y in zip(r, s, strict=True)]
    return [(ahead - behind) / width]


def _applied(slope: Value, direction: Value, scalar: bool) -> list[Number]:
    """The derivative in numerator layout applied to a direction: tr(D V) for a scalar function, D v for a column."""
    if not isinstance(direction, list):
        entries = [x for row in slope for x in row] if isinstance(slope, list) else [slope]
        return [x * direction for x in entries]
    rows = slope if isinstance(slope, list) else [[slope]]
    if scalar:
        if len(rows) != len(direction[0]) or len(rows[0]) != len(direction):
            raise ValueError("shape")
        return [sum(rows[i][k] * direction[k][i] for i in range(len(rows)) for k in range(len(direction)))]
    if len(rows[0]) != len(direction):
        raise ValueError("shape")
    return [sum(x * v[0] for x, v in zip(row, direction, strict=True)) for row in rows]


# --- proofs


@lru_cache(maxsize=CACHED_DECISIONS)
def proved(expected: Expr, answer: Expr, symbols: Symbols) -> bool | None:
    """Does sympy prove the two equal? True, or None where it does not find out in PROOF_SECONDS, which proves nothing."""
    if expected == answer:
        return True
    try:
        found = child.run(prove_here, expected, answer, symbols, seconds=PROOF_SECONDS, megabytes=PROOF_MEGABYTES)
    except child.ChildFailed:
        return None
    return True if found else None


def prove_here(expected: Expr, answer: Expr, symbols: Symbols) -> bool:
    """sympy's attempt, in this process."""
    exporter = _Exporter(symbols)
    try:
        one, two = exporter.convert(expected), exporter.convert(answer)
    except NotImplementedError:
        return False
    if expected.shape == SCALAR:
        return bool(sp.simplify(one - two) == 0)
    zero = sp.expand((one - two).doit()).doit()
    if zero.is_ZeroMatrix is True:
        return True
    return bool(sp.refine(zero, exporter.assumptions()).doit().is_ZeroMatrix)


class _Exporter:
    """Our typed tree as a sympy expression."""

    def __init__(self, symbols: Symbols) -> None:
        self.symbols = symbols

    def assumptions(self) -> Any:
        facts: list[Any] = []
        for s in self.symbols.declared:
            if s.shape == SCALAR:
                continue
            m = sympy_symbol(s)
            for one in map(assumption, sorted(s.assumptions)):
                if isinstance(one, MatrixAssumption):
                    facts += [getattr(sp.Q, word)(m) for word in one.in_sympy]
        return sp.And(*facts) if facts else True

    def convert(self, e: Expr) -> Any:
        if e.op == "num":
            return sp.Rational(e.data.numerator, e.data.denominator)
        if e.op == "sym":
            return sympy_symbol(self.symbols.by_key(e.data))
        if e.op == "const":
            return sp.pi if e.data == "pi" else sp.E
        if e.op == "dim":
            return sp.Symbol(e.data, integer=True, positive=True)
        if e.op == "eye":
            return sp.Identity(sympy_dim(e.shape[0]))
        if e.op == "zeros":
            return sp.ZeroMatrix(sympy_dim(e.shape[0]), sympy_dim(e.shape[1]))
        args = [self.convert(a) for a in e.args]
        if e.op == "add":
            return sp.Add(*args) if e.shape == SCALAR else sp.MatAdd(*args)
        if e.op == "mul":
            return args[0] * args[1]
        if e.op == "scale":
            return args[0] * args[1]
        if e.op == "matmul" and e.shape != SCALAR:
            return sp.MatMul(*args)
        if e.op == "matmul":
            return sp.Trace(sp.MatMul(*args))
        if e.op == "transpose":
            return sp.Transpose(args[0])
        if e.op == "inverse":
            return sp.Inverse(args[0])
        if e.op == "recip":
            return 1 / args[0]
        if e.op in ("pow",):
            return args[0] ** sp.Rational(e.data.numerator, e.data.denominator)
        if e.op == "mpow":
            return sp.MatPow(args[0], e.data)
        if e.op == "trace":
            return sp.Trace(args[0])
        if e.op == "det":
            return sp.Determinant(args[0])
        if e.op == "fn" and e.data in ("exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "sinh", "cosh") and e.shape == SCALAR:
            return getattr(sp, e.data)(args[0])
        if e.op == "fn" and e.data == "abs" and e.shape == SCALAR:
            return sp.Abs(args[0])
        if e.op == "fn" and e.data == "sigmoid" and e.shape == SCALAR:
            return 1 / (1 + sp.exp(-args[0]))
        raise NotImplementedError(e.op)
