"""Products, powers, inverses and norms of typed expressions, associated so that their shapes compose."""

from __future__ import annotations

from fractions import Fraction

from autograder.algebra.limits import MAX_EXPONENT
from autograder.algebra.notation.unify import Unifier, Unknown
from autograder.algebra.symbols import ONE, SCALAR
from autograder.algebra.tree import Expr, Misfit, Misshapen, show_shape
from autograder.errors import OutOfBudget


class Products(Unifier):
    """What typed expressions are made into by operations between them; whatever does not compose raises Misshapen."""

    def _associated(self, factors: list[Expr], operators: tuple[str, ...], places: tuple[int, ...], at: int) -> Expr:
        """A product of several factors: from the left, else in some order in which the shapes compose."""
        mark = len(self.trail)
        try:
            return self._left_fold(factors, operators, places)
        except Misshapen as bad:
            if len(factors) < 3 or ("/" in operators and not self._has_scalar_divisors(factors, operators)):
                raise
            self._undo(mark)
            best = self._any_association(factors, operators, at)
            if best is None:
                raise bad from None
            return best

    def _left_fold(self, factors: list[Expr], operators: tuple[str, ...], places: tuple[int, ...]) -> Expr:
        e = factors[0]
        for operator, factor, place in zip(operators, factors[1:], places[1:], strict=True):
            e = self._join(e, operator, factor, place)
        return e

    def _has_scalar_divisors(self, factors: list[Expr], operators: tuple[str, ...]) -> bool:
        return all(operator != "/" or self._is_scalar(f) for operator, f in zip(operators, factors[1:], strict=True))

    def _any_association(self, factors: list[Expr], operators: tuple[str, ...], at: int) -> Expr | None:
        """Some association whose shapes compose, found by dynamic programming over intervals; all that compose agree."""
        items: list[Expr] = []
        joins: list[str] = []
        for k, factor in enumerate(factors):
            operator = operators[k - 1] if k else ""
            if operator == "/":
                factor = self._make("recip", (factor,))
            if k:
                joins.append("" if operator == "/" else operator)
            items.append(factor)
        if len(items) > 1 and not all(self._is_scalar(f) for f in items):
            kept = [k for k, f in enumerate(items) if not (f.op == "eye" and isinstance(self.find(f.shape[0]), Unknown))]
            if len(kept) < len(items) and kept:
                joins = [joins[k - 1] for k in kept[1:]]
                items = [items[k] for k in kept]
        n = len(items)
        best: dict[tuple[int, int], Expr] = {(k, k): items[k] for k in range(n)}
        for width in range(1, n):
            for i in range(n - width):
                j = i + width
                for cut in range(j - 1, i - 1, -1):
                    left, right = best.get((i, cut)), best.get((cut + 1, j))
                    if left is None or right is None:
                        continue
                    mark = len(self.trail)
                    try:
                        best[i, j] = self._join(left, joins[cut], right, at)
                        break
                    except Misshapen:
                        self._undo(mark)
        return best.get((0, n - 1))

    def _join(self, left: Expr, operator: str, right: Expr, at: int) -> Expr:
        """One binary product."""
        if operator == "/":
            if not self._is_scalar(right):
                if self.numpy and self._unify_shapes(left.shape, right.shape):
                    return self._make("had", (left, self._make("fn", (right,), "reciprocal", right.shape)), None, left.shape)
                raise Misshapen(f"a division by {show_shape(self._resolved(right))}", at)
            if right.op == "num" and right.data:
                return self._scaled(self._number(1 / right.data), left) if left.op != "num" else self._number(left.data / right.data)
            return self._scaled(self._make("recip", (right,)), left)
        if self._is_scalar(left):
            return self._scaled(left, right)
        if self._is_scalar(right):
            return self._scaled(right, left)
        if operator == "*" and self.numpy and self._unify_shapes(left.shape, right.shape):
            return self._make("had", (left, right), None, left.shape)
        if self._unify(left.shape[1], right.shape[0]):
            return self._make("matmul", (left, right), None, (left.shape[0], right.shape[1]))
        if operator in (".", "dot"):
            inner = self._inner(left, right)
            if inner is not None:
                return inner
        if operator in ("@", "dot"):
            return self._dot(left, right, at)
        one, two = show_shape(self._resolved(left)), show_shape(self._resolved(right))
        raise Misshapen(f"a product of {one} and {two} does not compose", at, Misfit.SURE)

    def _inner(self, left: Expr, right: Expr) -> Expr | None:
        """Of two columns (or two rows) of one length."""
        if self.find(left.shape[1]) == ONE and self.find(right.shape[1]) == ONE and self._unify(left.shape[0], right.shape[0]):
            return self._make("matmul", (self._transposed(left), right), None, SCALAR)
        if self.find(left.shape[0]) == ONE and self.find(right.shape[0]) == ONE and self._unify(left.shape[1], right.shape[1]):
            return self._make("matmul", (left, self._transposed(right)), None, SCALAR)
        return None

    def _dot(self, left: Expr, right: Expr, at: int) -> Expr:
        """numpy's product, where a vector may stand for a row or a column."""
        if self._is_scalar(left) or self._is_scalar(right):
            return self._join(left, "", right, at)
        if self._unify(left.shape[1], right.shape[0]):
            return self._make("matmul", (left, right), None, (left.shape[0], right.shape[1]))
        inner = self._inner(left, right)
        if inner is not None:
            return inner
        if self.find(left.shape[1]) == ONE and self._unify(left.shape[0], right.shape[0]):
            return self._make("matmul", (self._transposed(left), right), None, (ONE, right.shape[1]))
        one, two = show_shape(self._resolved(left)), show_shape(self._resolved(right))
        raise Misshapen(f"a product of {one} and {two} does not compose", at, Misfit.SURE)

    def _inverted(self, e: Expr, at: int) -> Expr:
        if self._is_scalar(e):
            return self._make("recip", (e,))
        if not self._unify(e.shape[0], e.shape[1]):
            raise Misshapen(f"an inverse of {show_shape(self._resolved(e))}", at, Misfit.SURE)
        return self._make("inverse", (e,), None, e.shape)

    def _integer_power(self, base: Expr, value: int) -> Expr:
        if value == 1:
            return base
        if base.op == "num" and (base.data or value > 0) and abs(value) * base.data.numerator.bit_length() < 400:
            return self._number(base.data**value)
        if value < 0:
            return self._make("recip", (self._integer_power(base, -value),))
        return self._make("pow", (base,), Fraction(value))

    def _entrywise_power(self, base: Expr, value: int) -> Expr:
        if value > MAX_EXPONENT:
            raise OutOfBudget("MAX_EXPONENT", f"the exponent {value}")
        e = base
        for _ in range(value - 1):
            e = self._make("had", (e, base), None, base.shape)
        return e

    def _squared_norm(self, e: Expr) -> Expr:
        if self._is_scalar(e):
            return self._make("pow", (e,), Fraction(2))
        if self.find(e.shape[1]) == ONE:
            return self._make("matmul", (self._transposed(e), e), None, SCALAR)
        if self.find(e.shape[0]) == ONE:
            return self._make("matmul", (e, self._transposed(e)), None, SCALAR)
        return self._make("esum", (self._make("had", (e, e), None, e.shape),))

    def _determinant(self, e: Expr, at: int) -> Expr:
        if self._is_scalar(e):
            return e
        if not self._unify(e.shape[0], e.shape[1]):
            raise Misshapen(f"a determinant of {show_shape(self._resolved(e))}", at)
        return self._make("det", (e,))

    def _entrywise(self, function: str, e: Expr, at: int) -> Expr:
        """A function of a scalar, or of every entry of a vector; of a matrix only in numpy's spelling."""
        if (
            not self._is_scalar(e)
            and ONE not in (self.find(e.shape[0]), self.find(e.shape[1]))
            and not self.numpy
            and function in ("exp", "log", "sqrt")
        ):
            raise Misshapen(f"{function} of a matrix, of which there are two kinds", at)
        if function == "abs" and e.op == "num":
            return self._number(abs(e.data))
        return self._make("fn", (e,), function, e.shape)

    def _hadamard(self, one: Expr, two: Expr, at: int) -> Expr:
        if self._is_scalar(one) or self._is_scalar(two):
            return self._scaled(one, two) if self._is_scalar(one) else self._scaled(two, one)
        if not self._unify_shapes(one.shape, two.shape):
            raise Misshapen(
                f"{show_shape(self._resolved(one))} and {show_shape(self._resolved(two))} cannot be multiplied entry by entry", at
            )
        return self._make("had", (one, two), None, one.shape)

    def _inner_product(self, one: Expr, two: Expr, at: int) -> Expr:
        if self._is_scalar(one) and self._is_scalar(two):
            return self._scaled(one, two)
        found = self._inner(one, two)
        if found is not None:
            return found
        if self._unify_shapes(one.shape, two.shape):
            return self._make("trace", (self._make("matmul", (self._transposed(one), two), None, (one.shape[1], two.shape[1])),))
        raise Misshapen(f"an inner product of {show_shape(self._resolved(one))} and {show_shape(self._resolved(two))}", at)
