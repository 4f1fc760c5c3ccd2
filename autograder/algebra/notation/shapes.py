"""Shape inference: raw tree -> typed tree, before anything is computed.

Dimensions are symbolic; `I`, `0` and `1` take their size from where they stand. What has no consistent shapes raises `Misshapen`, which is
a verdict about the answer and no failure.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from autograder.algebra.calculus import differentiate
from autograder.algebra.limits import MAX_EXPONENT, MAX_NODES, MAX_SUM
from autograder.algebra.notation.nodes import Node
from autograder.algebra.notation.products import Products
from autograder.algebra.notation.unify import Unknown
from autograder.algebra.symbols import ONE, SCALAR, Dim, Shape, parse_dim
from autograder.algebra.tree import Expr, Misfit, Misshapen, SumRange, constant, show_shape, size
from autograder.errors import OutOfBudget
from autograder.mathtext import ENTRYWISE, Name


def is_bare_zero(node: Node) -> bool:
    """A bare 0, which fits every shape in a sum."""
    return node.op == "num" and node.data == 0


class Inference(Products):
    """One pass over a raw tree; dimensions are unified on the way and put in at the end."""

    # --- entry

    def whole(self, node: Node, expected: Shape | None = None) -> Expr:
        """The typed tree; an open shape is taken from `expected` where it fits."""
        e = self.infer(node)
        if expected is not None:
            if is_bare_zero(node) and expected != SCALAR:
                e = Expr("zeros", (), None, expected)
            self._unify_shapes(e.shape, expected)
        return self.close(e)

    def infer(self, node: Node) -> Expr:
        """Dispatch on the raw operation."""
        handler = getattr(self, f"_on_{node.op}", None)
        if handler is None:
            raise Misshapen("a condition stands where a value is due", node.at)
        result: Expr = handler(node)
        return result

    # --- leaves

    def _on_num(self, node: Node) -> Expr:
        return self._number(node.data)

    def _on_sym(self, node: Node) -> Expr:
        if node.data in self.table.definitions:
            e = self.definition(self.table, node.data)
            self.nodes += size(e)
            if self.nodes > MAX_NODES:
                raise OutOfBudget("MAX_NODES", f"more than {MAX_NODES} parts")
            return e
        return self._make("sym", (), node.data, self.table.by_key(node.data).shape)

    def _on_dim(self, node: Node) -> Expr:
        return self._make("dim", (), node.data)

    def _on_extent(self, node: Node) -> Expr:
        """`A.shape[0]`, `len(x)`: a dimension as a number."""
        e = self.infer(node.args[0])
        dim = self.find(e.shape[node.data])
        if not isinstance(dim, Dim):
            raise Misshapen("a size that is not known", node.at)
        parts = [self._make("dim", (), name) for name in dim.names]
        parts += [self._number(dim.number)] if dim.number or not parts else []
        return parts[0] if len(parts) == 1 else self._make("add", tuple(parts))

    def _on_const(self, node: Node) -> Expr:
        return self._make("const", (), node.data)

    def _on_index(self, node: Node) -> Expr:
        return self._make("index", (), node.data)

    def _typed_dim(self, text: str) -> Any:
        """A dimension as typed under I, 0 or 1; only dimensions of the problem bind, other letters are decoration."""
        try:
            dim = parse_dim(text)
        except ValueError:
            return Unknown()
        if all(name in self.table.dimensions for name in dim.names):
            return dim
        return Unknown()

    def _on_eye(self, node: Node) -> Expr:
        dims = [self._typed_dim(d) for d in node.data] or [Unknown()]
        if len(dims) > 1 and not self._unify(dims[0], dims[1]):
            raise Misshapen("an identity matrix is square", node.at)
        return self._make("eye", (), None, (dims[0], dims[0]))

    def _on_zeros(self, node: Node) -> Expr:
        return self._filled("zeros", node)

    def _on_ones(self, node: Node) -> Expr:
        return self._filled("ones", node)

    def _filled(self, op: str, node: Node) -> Expr:
        dims = [self._typed_dim(d) for d in node.data]
        if len(dims) == 2:
            return self._make(op, (), None, (dims[0], dims[1]))
        if op == "zeros" and not dims:
            return self._make(op, (), None, (Unknown(one=True), Unknown(one=True)))
        return self._make(op, (), None, (dims[0] if dims else Unknown(), ONE))

    # --- sums and products

    def _on_neg(self, node: Node) -> Expr:
        return self._negated(self.infer(node.args[0]))

    def _on_add(self, node: Node) -> Expr:
        terms = [self.infer(a) for a in node.args]
        bare = [is_bare_zero(a if a.op != "neg" else a.args[0]) for a in node.args]
        shaped = [t for t, zero in zip(terms, bare, strict=True) if not zero]
        if not shaped:
            return self._number(0)
        shape: tuple[Any, Any] = shaped[0].shape
        for t, a in zip(terms, node.args, strict=True):
            if t in shaped and not self._unify_shapes(shape, t.shape):
                one, two = show_shape(self._resolved(shaped[0])), show_shape(self._resolved(t))
                raise Misshapen(f"{one} and {two} cannot be added", a.at, Misfit.SURE)
        return self._make("add", tuple(shaped), None, shape) if len(shaped) > 1 else shaped[0]

    def _on_prod(self, node: Node) -> Expr:
        operators = node.data
        if operators == ("dot",):
            return self._dot(self.infer(node.args[0]), self.infer(node.args[1]), node.at)
        return self._associated([self.infer(a) for a in node.args], operators, tuple(a.at for a in node.args), node.at)

    # --- powers, inverses

    def _on_transpose(self, node: Node) -> Expr:
        return self._transposed(self.infer(node.args[0]))

    def _on_inverse(self, node: Node) -> Expr:
        return self._inverted(self.infer(node.args[0]), node.at)

    def _on_pinv(self, node: Node) -> Expr:
        e = self.infer(node.args[0])
        if self._is_scalar(e):
            return self._make("recip", (e,))
        return self._make("pinv", (e,), None, (e.shape[1], e.shape[0]))

    def _on_pow(self, node: Node) -> Expr:
        base, exponent = self.infer(node.args[0]), self.infer(node.args[1])
        if not self._is_scalar(exponent):
            if base.op == "const" and base.data == "e":
                return self._entrywise("exp", exponent, node.at)
            raise Misshapen("an exponent that is no number", node.at)
        value = constant(exponent)
        if (
            base.op == "norm"
            and base.data in ("2", "F")
            and value is not None
            and value.denominator == 1
            and value % 2 == 0
            and 0 < value <= MAX_EXPONENT
        ):
            return self._integer_power(self._squared_norm(base.args[0]), int(value) // 2)
        if self._is_scalar(base):
            if base.op == "const" and base.data == "e" and value is None:
                return self._make("fn", (exponent,), "exp")
            if value is None:
                return self._make("power", (base, exponent))
            if value.denominator == 1:
                if abs(value) > MAX_EXPONENT:
                    raise OutOfBudget("MAX_EXPONENT", f"the exponent {value}")
                if base.op == "const" and base.data == "e":
                    return self._make("fn", (exponent,), "exp")
                return self._integer_power(base, int(value))
            if value.denominator > 64 or abs(value) > MAX_EXPONENT:
                raise OutOfBudget("MAX_EXPONENT", f"the exponent {value}")
            if value == Fraction(1, 2):
                return self._make("fn", (base,), "sqrt")
            return self._make("pow", (base,), value)
        if value is None or value.denominator != 1:
            if value in (Fraction(1, 2), Fraction(-1, 2)) and self._unify(base.shape[0], base.shape[1]):
                root = self._make("sqrtm", (base,), None, base.shape)
                return root if value == Fraction(1, 2) else self._inverted(root, node.at)
            raise Misshapen(f"a power of {show_shape(self._resolved(base))} whose exponent is no whole number", node.at, Misfit.POWER)
        if self.numpy and value > 0 and not self._unify(base.shape[0], base.shape[1]):
            return self._entrywise_power(base, int(value))
        if not self._unify(base.shape[0], base.shape[1]):
            raise Misshapen(f"a power of {show_shape(self._resolved(base))}", node.at, Misfit.POWER)
        if abs(value) > MAX_EXPONENT:
            raise OutOfBudget("MAX_EXPONENT", f"the exponent {value}")
        if value < 0:
            base = self._inverted(base, node.at)
        return base if abs(value) == 1 else self._make("mpow", (base,), int(abs(value)), base.shape)

    # --- norms and functions

    def _on_norm(self, node: Node) -> Expr:
        e = self.infer(node.args[0])
        kind = node.data
        vector = ONE in (self.find(e.shape[0]), self.find(e.shape[1]))
        if self._is_scalar(e):
            return self._make("fn", (e,), "abs")
        if kind is None:
            kind = "2" if vector else ("F" if self.numpy else "spectral")
        if not vector and kind == "2":
            kind = "spectral"
        if vector and kind in ("F", "spectral"):
            kind = "2"
        if not vector and kind in ("1", "inf", "max"):
            raise Misshapen("a norm of a matrix other than the Frobenius and the spectral norm", node.at)
        return self._make("norm", (e,), "inf" if kind == "max" else kind)

    def _on_bars(self, node: Node) -> Expr:
        e = self.infer(node.args[0])
        if self._is_scalar(e):
            return self._make("fn", (e,), "abs")
        if self.find(e.shape[0]) == ONE or self.find(e.shape[1]) == ONE:
            return self._make("norm", (e,), "2")
        return self._determinant(e, node.at)

    def _on_call(self, node: Node) -> Expr:
        function = node.data
        args = [self.infer(a) for a in node.args]
        e = args[0]
        if function in ENTRYWISE:
            return self._entrywise(function, e, node.at)
        if function == "trace":
            if self._is_scalar(e):
                return e
            if not self._unify(e.shape[0], e.shape[1]):
                raise Misshapen(f"a trace of {show_shape(self._resolved(e))}", node.at, Misfit.SURE)
            return self._make("trace", (e,))
        if function in ("det", "logdet"):
            value = self._determinant(e, node.at)
            return value if function == "det" else self._make("fn", (value,), "log")
        if function in ("had", "ediv"):
            other = args[1]
            if function == "ediv":
                other = (
                    self._make("fn", (other,), "reciprocal", other.shape) if not self._is_scalar(other) else self._make("recip", (other,))
                )
            return self._hadamard(e, other, node.at)
        if function == "epow":
            return self._elementwise_power(node, e, args[1])
        if function in ("max", "min"):
            return self._extreme(function, args, node)
        if function == "inner":
            return self._inner_product(e, args[1], node.at)
        if function == "diag":
            if self.find(e.shape[1]) == ONE and not self._is_scalar(e):
                return self._make("diag", (e,), None, (e.shape[0], e.shape[0]))
            if self.find(e.shape[0]) == ONE and not self._is_scalar(e):
                return self._make("diag", (self._transposed(e),), None, (e.shape[1], e.shape[1]))
            if self._is_scalar(e):
                return e
            if not self._unify(e.shape[0], e.shape[1]):
                raise Misshapen(f"the diagonal of {show_shape(self._resolved(e))}", node.at)
            return self._make("diagonal", (e,), None, (e.shape[0], ONE))
        if function in ("esum", "mean"):
            total = e if self._is_scalar(e) else self._make("esum", (e,))
            if function == "esum" or self._is_scalar(e):
                return total
            count = self._make("size", (e,))
            return self._make("mul", (self._make("recip", (count,)), total))
        if function == "softmax":
            powers = self._entrywise("exp", e, node.at)
            return self._scaled(self._make("recip", (self._make("esum", (powers,)),)), powers)
        if function == "logsumexp":
            return self._make("fn", (self._make("esum", (self._entrywise("exp", e, node.at),)),), "log")
        if function == "prime":
            return self._derivative_of_definition(node)
        raise Misshapen(f"{function} is not computed here", node.at)

    def _elementwise_power(self, node: Node, base: Expr, exponent: Expr) -> Expr:
        if self._is_scalar(base):
            return self._on_pow(Node("pow", node.args, None, node.at))
        value = constant(exponent)
        if value == -1 and ONE not in (self.find(base.shape[0]), self.find(base.shape[1])):
            return self._inverted(base, node.at)  # A**-1 among numpy's products is meant as the inverse
        if value is None or value.denominator != 1 or value < 1:
            raise Misshapen("a power of a vector entry by entry", node.at, Misfit.POWER)
        return self._entrywise_power(base, int(value))

    def _extreme(self, function: str, args: list[Expr], node: Node) -> Expr:
        if len(args) == 1:
            if node.args[0].op == "block":
                args = list(args[0].args)
            else:
                raise Misshapen("a maximum of one thing", node.at)
        shaped = [a for a in args if not self._is_scalar(a)]
        shape: tuple[Any, Any] = shaped[0].shape if shaped else SCALAR
        for a in shaped:
            if not self._unify_shapes(shape, a.shape):
                raise Misshapen("a maximum of different shapes", node.at)
        return self._make(function, tuple(args), None, shape)

    def _derivative_of_definition(self, node: Node) -> Expr:
        """`\\phi'(x)`: the derivative of a definition in the argument that the table declares for it."""
        key = node.args[0].data
        argument = self.table.functions[key].split("|")[0]
        symbol = self.table.exact(Name(argument))
        if symbol is None:
            raise Misshapen(f"the derivative in {argument}", node.at)
        e = differentiate(self.definition(self.table, key), symbol.key)
        self.nodes += size(e)
        return e

    # --- indices

    def _on_sum(self, node: Node) -> Expr:
        index, has_lower, has_upper = node.data
        rest = list(node.args[1:])
        lower = constant(self.infer(rest.pop(0))) if has_lower else Fraction(1)
        if lower is None or lower.denominator != 1 or lower not in (0, 1, 2):
            raise Misshapen("a sum from somewhere else than 1", node.at)
        upper: Any = Unknown()
        if has_upper:
            upper = self._range_of(rest.pop(0))
            if lower == 0:
                upper = Dim(upper.number + 1, upper.names)  # counted from 0: as many values as entries
        outer = self.ranges.get(index)
        self.ranges[index] = upper
        body = self.infer(node.args[0])
        if outer is None:
            del self.ranges[index]
        else:
            self.ranges[index] = outer
        return self._make("sum", (body,), SumRange(index, int(lower), upper), body.shape)

    def _range_of(self, node: Node) -> Any:
        """The upper end of a sum as a dimension."""
        if node.op == "dim":
            return Dim(0, (node.data,))
        if node.op == "num" and node.data.denominator == 1 and 0 <= node.data <= MAX_SUM:
            return Dim(int(node.data))
        if node.op == "add" and len(node.args) == 2:
            first, second = node.args
            shift = second.args[0].data if second.op == "neg" and second.args[0].op == "num" else None
            if shift == 1:
                whole = self._range_of(first)
                return Dim(whole.number - 1, whole.names)
        if node.op == "sym":
            name = self.table.by_key(node.data).name
            if name in self.table.dimensions:
                return Dim(0, (name,))
        raise Misshapen("a sum whose end is no dimension of the problem", node.at)

    def _on_elem(self, node: Node) -> Expr:
        base = self.infer(node.args[0])
        indices = node.args[1:]
        if self._is_scalar(base):
            raise Misshapen("an index on a single number", node.at)
        vector = ONE in (self.find(base.shape[0]), self.find(base.shape[1]))
        if not vector and len(indices) == 1 and indices[0].op == "num" and 10 < indices[0].data < 100:
            indices = tuple(Node("num", (), Fraction(int(digit)), node.at) for digit in str(indices[0].data))  # A_{12} is in row 1
        if len(indices) != (1 if vector else 2):
            raise Misshapen(f"{len(indices)} indices on {show_shape(self._resolved(base))}", node.at)
        dims = [d for d in base.shape if self.find(d) != ONE] if vector else list(base.shape)
        for position, dim in zip(indices, dims, strict=True):
            if position.op == "index":
                known = self.ranges.setdefault(position.data, Unknown())
                if not self._unify(known, dim):
                    raise Misshapen(f"the index {position.data} runs over two different ranges", node.at)
        typed = tuple(self.infer(i) for i in indices)
        return self._make("elem", (base, *typed))

    def _on_block(self, node: Node) -> Expr:
        columns = node.data
        entries = [self.infer(a) for a in node.args]
        rows = [entries[k : k + columns] for k in range(0, len(entries), columns)]
        typed = [node.args[k : k + columns] for k in range(0, len(entries), columns)]
        heights: list[Any] = []
        widths: list[Any] = [None] * columns
        for row, nodes in zip(rows, typed, strict=True):
            height: Any = None
            for k, (entry, a) in enumerate(zip(row, nodes, strict=True)):
                if is_bare_zero(a):
                    continue
                if height is None:
                    height = entry.shape[0]
                elif not self._unify(height, entry.shape[0]):
                    raise Misshapen("blocks of different heights beside each other", a.at, Misfit.SURE)
                if widths[k] is None:
                    widths[k] = entry.shape[1]
                elif not self._unify(widths[k], entry.shape[1]):
                    raise Misshapen("blocks of different widths above each other", a.at, Misfit.SURE)
            heights.append(height)
        heights = [ONE if h is None and all(w is None or self.find(w) == ONE for w in widths) else h for h in heights]
        filled = []
        for row, nodes, height in zip(rows, typed, heights, strict=True):
            for k, (entry, a) in enumerate(zip(row, nodes, strict=True)):
                if is_bare_zero(a):
                    width = widths[k] if widths[k] is not None else (ONE if height is not None and self.find(height) == ONE else Unknown())
                    widths[k] = width
                    tall = height if height is not None else Unknown()
                    zero = (tall, width)
                    filled.append(self._make("zeros", (), None, zero) if zero != SCALAR else self._number(0))
                else:
                    filled.append(entry)
        total = self._total([self.find(filled[k * columns].shape[0]) for k in range(len(rows))], node.at)
        across = self._total([self.find(w) for w in widths], node.at)
        return self._make("block", tuple(filled), columns, (total, across))

    def _total(self, dims: list[Any], at: int) -> Any:
        if len(dims) == 1:
            return dims[0]
        if any(not isinstance(d, Dim) for d in dims):
            square = {d for s in self.table.declared for d in s.shape if d != ONE}
            if len(square) == 1:
                only = next(iter(square))
                for d in dims:
                    if not isinstance(d, Dim):
                        self._unify(d, only)
                dims = [self.find(d) for d in dims]
            else:
                raise Misshapen("the size of a block cannot be told", at)
        out = dims[0]
        for d in dims[1:]:
            out = out.plus(d)
        return out

    # --- cases

    def _on_cases(self, node: Node) -> Expr:
        values = [self.infer(a) for a in node.args[::2]]
        bare = [is_bare_zero(a) for a in node.args[::2]]
        conditions = [self.condition(a) for a in node.args[1::2]]
        shaped = [v for v, zero in zip(values, bare, strict=True) if not zero]
        shape: tuple[Any, Any] = shaped[0].shape if shaped else SCALAR
        for v in shaped:
            if not self._unify_shapes(shape, v.shape):
                raise Misshapen("cases of different shapes", node.at)
        out: list[Expr] = []
        for value, zero, condition in zip(values, bare, conditions, strict=True):
            if zero and shape != SCALAR:
                value = self._make("zeros", (), None, shape)
            out += [value, condition]
        return self._make("cases", tuple(out), None, shape)

    def condition(self, node: Node) -> Expr:
        """A condition, typed; comparisons are between scalars, or entry by entry with a scalar."""
        if node.op == "true":
            return self._make("true", ())
        if node.op in ("and", "or", "not"):
            return self._make(node.op, tuple(self.condition(a) for a in node.args))
        if node.op != "rel":
            raise Misshapen("a value stands where a condition is due", node.at)
        left, right = self.infer(node.args[0]), self.infer(node.args[1])
        if not (self._is_scalar(left) and self._is_scalar(right)):
            raise Misshapen("a condition compares something else than single numbers", node.at)
        return self._make("rel", (left, right), node.data)
