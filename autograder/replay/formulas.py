"""A symbolic answer at a witness: its value now, and the same formula as a line of numpy.

Column vectors are arrays of shape (n, 1), rows of shape (1, n), as in the algebra room; single numbers are numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from autograder.algebra import (
    SCALAR,
    Dim,
    Exact,
    Expr,
    MatrixAssumption,
    Point,
    Real,
    Symbols,
    Undefined,
    Unsupported,
    Value,
    known_assumptions,
    read_typed,
    symbols,
    value_at,
    value_json,
)
from autograder.errors import OutOfBudget, Unreadable
from autograder.evidence import Json, Unwritable, variable

DIGITS = 50
"""Decimal digits where fractions do not do."""


def table_of(declared: Mapping[str, str], known: Symbols | None) -> Symbols:
    """The symbol table of a part: the suite's, which knows spellings, where it declares the same; else from the evidence."""
    if known is not None and {s.name: s.text for s in known.declared} == declared:
        return known
    return symbols(declared)


FIXED_MATRICES = {"identity": "np.array_equal({0}, np.eye(len({0})))", "zero": "not np.any({0})"}
"""Words for one matrix alone, and how to test for it."""


class TableFormulas:
    """Formulas over a symbol table, as evidence asks for them."""

    def __init__(self, table: Symbols) -> None:
        self.table = table

    @property
    def dimensions(self) -> Sequence[str]:
        """The named dimensions of the symbols, sorted."""
        return sorted(self.table.dimensions)

    def shapes(self, sizes: Mapping[str, int]) -> dict[str, tuple[int, int]]:
        """Rows and columns of every declared symbol, by name."""
        return {s.name: (s.shape[0].size(sizes), s.shape[1].size(sizes)) for s in self.table.declared}

    def sizes(self, witness: Mapping[str, Json]) -> dict[str, int]:
        """The sizes that follow from the shapes of a witness."""
        return sizes_of(self.table, values_of(self.table, witness))

    def value(self, text: str, witness: Mapping[str, Json]) -> Json:
        """The value of a formula as typed, at a witness; "undefined" where it has none there. Raises Unwritable."""
        try:
            return value_of(text, witness, self.table)
        except (Unreadable, OutOfBudget) as problem:
            raise Unwritable(str(problem)) from None

    def line(self, text: str, sizes: Mapping[str, int]) -> str:
        """A formula as typed, as a Python expression over numpy. Raises Unwritable; KeyError for a dimension without a size."""
        try:
            return numpy_line(text, self.table, sizes)
        except (Unreadable, OutOfBudget) as problem:
            raise Unwritable(str(problem)) from None

    def predicates(self, text: str) -> list[str]:
        """What the words of a condition say of one matrix: expressions over numpy in which {0} stands for it."""
        testable = [one for one in known_assumptions() if isinstance(one, MatrixAssumption) and one.in_numpy]
        said = [one.in_numpy for one in testable if any(word in text for word in one.words)]
        return said + [test for word, test in FIXED_MATRICES.items() if word in text]


def as_value(value: Json) -> Value:
    """A value of the witness, exactly where it is a whole number or a fraction. Raises ValueError."""
    if isinstance(value, list):
        return [[as_value(x) for x in row] for row in value]
    return Fraction(value) if isinstance(value, int | str) else Fraction(float(value))


def values_of(table: Symbols, witness: Mapping[str, Json]) -> dict[str, Value]:
    """The values of a witness by the keys of the symbols."""
    return {s.key: as_value(witness[s.name]) for s in table.declared if s.name in witness}


def sizes_of(table: Symbols, values: Mapping[str, Value]) -> dict[str, int]:
    """A number for every named dimension, from the shapes of the witness."""
    sizes: dict[str, int] = {}
    for symbol in table.declared:
        value = values.get(symbol.key)
        if isinstance(value, list):
            for dim, size in zip(symbol.shape, (len(value), len(value[0])), strict=True):
                if len(dim.names) == 1:
                    sizes[dim.names[0]] = size - dim.number
    return sizes


def value_of(text: str, witness: Mapping[str, Json], table: Symbols) -> Json:
    """The value of a formula at a witness, as JSON; "undefined" where it has none.

    Raises Unreadable, OutOfBudget; Unwritable where its shapes do not fit.
    """
    read = read_typed(text, table, None)
    if read.expression is None:
        raise Unwritable(read.misfit)
    values = values_of(table, witness)
    sizes = sizes_of(table, values)
    try:
        return value_json(value_at(read.expression, Point(Exact(), sizes, values)))
    except Undefined:
        return "undefined"
    except Unsupported:
        ring = Real(DIGITS)
        real = {key: _lifted(value, ring) for key, value in values.items()}
        try:
            return value_json(value_at(read.expression, Point(ring, sizes, real)))
        except Undefined:
            return "undefined"
    except KeyError as problem:
        raise Unwritable(f"the answer now uses {problem}, for which the evidence has no value") from None


def _lifted(value: Value, ring: Real) -> Value:
    return [[ring.const(x) for x in row] for row in value] if isinstance(value, list) else ring.const(value)


# numpy ------------------------------------------------------------------------------------------------------------------

FUNCTIONS = {
    **{name: f"np.{name}" for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "sinh", "cosh", "sign", "log1p", "expm1")},
    "log2": "np.log2",
    "log10": "np.log10",
    "abs": "np.abs",
    "atan": "np.arctan",
    "exp_prime": "np.exp",
}
TEMPLATES = {
    "relu": "np.maximum({0}, 0)",
    "relu_prime": "np.where(np.greater({0}, 0), 1.0, 0.0)",
    "sigmoid": "1 / (1 + np.exp(-({0})))",
    "softplus_prime": "1 / (1 + np.exp(-({0})))",
    "softplus": "np.logaddexp(0, {0})",
    "reciprocal": "1 / ({0})",
    "log_prime": "1 / ({0})",
    "tanh_prime": "1 - np.tanh({0}) ** 2",
}
RELATIONS = {"=": "=="}


def numpy_line(text: str, table: Symbols, sizes: Mapping[str, int]) -> str:
    """A formula as a Python expression over numpy. Raises Unwritable, Unreadable, OutOfBudget."""
    read = read_typed(text, table, None)
    if read.expression is None:
        raise Unwritable(read.misfit)
    return _Writer(table, sizes).line(read.expression)


class _Writer:
    def __init__(self, table: Symbols, sizes: Mapping[str, int]) -> None:
        self.table = table
        self.sizes = sizes

    def size(self, dim: Dim) -> int:
        return dim.size(self.sizes)

    def line(self, e: Expr) -> str:
        """With brackets around it wherever it is part of something else."""
        write: Callable[[Expr], str] | None = getattr(self, f"of_{e.op}", None)
        if write is None:
            raise Unwritable(f"there is no line of numpy for {e.op}")
        return write(e)

    def part(self, e: Expr) -> str:
        text = self.line(e)
        return text if re.fullmatch(r"[\w.]+", text) else f"({text})"

    def of_num(self, e: Expr) -> str:
        value: Fraction = e.data
        return str(value.numerator) if value.denominator == 1 else f"{value.numerator} / {value.denominator}"

    def of_sym(self, e: Expr) -> str:
        return variable(self.table.by_key(e.data).name)

    def of_dim(self, e: Expr) -> str:
        return str(self.sizes[e.data])

    def of_size(self, e: Expr) -> str:
        return f"np.size({self.line(e.args[0])})"

    def of_const(self, e: Expr) -> str:
        return "np.pi" if e.data == "pi" else "np.e"

    def of_index(self, e: Expr) -> str:
        return variable(e.data)

    def of_eye(self, e: Expr) -> str:
        return f"np.eye({self.size(e.shape[0])})"

    def of_zeros(self, e: Expr) -> str:
        return "0" if e.shape == SCALAR else f"np.zeros(({self.size(e.shape[0])}, {self.size(e.shape[1])}))"

    def of_ones(self, e: Expr) -> str:
        return "1" if e.shape == SCALAR else f"np.ones(({self.size(e.shape[0])}, {self.size(e.shape[1])}))"

    def of_add(self, e: Expr) -> str:
        return " + ".join(map(self.part, e.args))

    def of_mul(self, e: Expr) -> str:
        return f"{self.part(e.args[0])} * {self.part(e.args[1])}"

    of_scale = of_had = of_mul

    def of_matmul(self, e: Expr) -> str:
        text = f"{self.part(e.args[0])} @ {self.part(e.args[1])}"
        return f"({text}).item()" if e.shape == SCALAR else text

    def of_recip(self, e: Expr) -> str:
        return f"1 / {self.part(e.args[0])}"

    def of_pow(self, e: Expr) -> str:
        exponent = Fraction(e.data)
        return f"{self.part(e.args[0])} ** {exponent.numerator if exponent.denominator == 1 and exponent >= 0 else f'({exponent})'}"

    def of_power(self, e: Expr) -> str:
        return f"{self.part(e.args[0])} ** {self.part(e.args[1])}"

    def of_mpow(self, e: Expr) -> str:
        return f"np.linalg.matrix_power({self.line(e.args[0])}, {e.data})"

    def of_inverse(self, e: Expr) -> str:
        return f"np.linalg.inv({self.line(e.args[0])})"

    def of_pinv(self, e: Expr) -> str:
        return f"np.linalg.pinv({self.line(e.args[0])})"

    def of_transpose(self, e: Expr) -> str:
        return f"{self.part(e.args[0])}.T"

    def of_trace(self, e: Expr) -> str:
        return f"np.trace({self.line(e.args[0])})"

    def of_det(self, e: Expr) -> str:
        return f"np.linalg.det({self.line(e.args[0])})"

    def of_logabsdet(self, e: Expr) -> str:
        return f"np.linalg.slogdet({self.line(e.args[0])})[1]"

    def of_diag(self, e: Expr) -> str:
        return f"np.diag(np.ravel({self.line(e.args[0])}))"

    def of_diagonal(self, e: Expr) -> str:
        return f"np.diag({self.line(e.args[0])})[:, None]"

    def of_esum(self, e: Expr) -> str:
        return f"np.sum({self.line(e.args[0])})"

    def of_block(self, e: Expr) -> str:
        rows = [e.args[k : k + e.data] for k in range(0, len(e.args), e.data)]
        return f"np.block([{', '.join('[' + ', '.join(map(self.line, row)) + ']' for row in rows)}])"

    def of_sum(self, e: Expr) -> str:
        index, lower, dim = e.data
        return f"sum({self.line(e.args[0])} for {variable(index)} in range({lower or 1}, {self.size(dim) + 1}))"

    def of_elem(self, e: Expr) -> str:
        places = [f"{self.line(a)} - 1" for a in e.args[1:]]
        text = self.part(e.args[0])
        return f"np.ravel({text})[{places[0]}]" if len(places) == 1 else f"{text}[{', '.join(places)}]"

    def of_fn(self, e: Expr) -> str:
        inner = self.line(e.args[0])
        if e.data in FUNCTIONS:
            return f"{FUNCTIONS[e.data]}({inner})"
        if e.data in TEMPLATES:
            return TEMPLATES[e.data].format(inner)
        raise Unwritable(f"there is no line of numpy for {e.data}")

    def of_norm(self, e: Expr) -> str:
        inner = self.line(e.args[0])
        kinds = {"1": f"np.sum(np.abs({inner}))", "inf": f"np.max(np.abs({inner}))", "spectral": f"np.linalg.norm({inner}, 2)"}
        return kinds.get(e.data, f"np.linalg.norm({inner})")

    def of_max(self, e: Expr) -> str:
        return self._nested("np.maximum", e)

    def of_min(self, e: Expr) -> str:
        return self._nested("np.minimum", e)

    def _nested(self, function: str, e: Expr) -> str:
        text = self.line(e.args[0])
        for other in e.args[1:]:
            text = f"{function}({text}, {self.line(other)})"
        return text

    def of_cases(self, e: Expr) -> str:
        text = "np.nan"
        for value, condition in reversed(list(zip(e.args[::2], e.args[1::2], strict=True))):
            text = self.line(value) if condition.op == "true" else f"{self.part(value)} if {self.line(condition)} else ({text})"
        return text

    def of_rel(self, e: Expr) -> str:
        return f"{self.part(e.args[0])} {RELATIONS.get(e.data, e.data)} {self.part(e.args[1])}"

    def of_true(self, e: Expr) -> str:
        return str(e.op == "true")

    def of_and(self, e: Expr) -> str:
        return " and ".join(map(self.part, e.args))

    def of_or(self, e: Expr) -> str:
        return " or ".join(map(self.part, e.args))

    def of_not(self, e: Expr) -> str:
        return f"not {self.part(e.args[0])}"
