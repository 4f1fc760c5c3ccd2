"""Functions, commands with arguments, lists and sums over indices."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from autograder.algebra.limits import MAX_BLOCK_ENTRIES
from autograder.algebra.notation.nodes import Node
from autograder.algebra.notation.scripts import Scripts
from autograder.errors import OutOfBudget, Unreadable
from autograder.mathtext import ARGUMENTS, BARE, COMMANDS, FRACTIONS, FUNCTIONS, OPENERS, RELATION_SIGNS, Name, Token, group_at

ZERO: Final = Node("num", (), Fraction(0))
UNIT: Final = Node("num", (), Fraction(1))


SIZED: Final = frozenset({"eye", "zeros", "ones", "vstack", "hstack"})
"""Functions that may take their arguments as one tuple."""


class Calls(Scripts):
    """The part of the grammar that reads applications of functions."""

    def _function(self, function: str, t: Token) -> Node:
        """A function whose name has just been read."""
        exponent: Node | None = None
        primes = 0
        if function in ("max", "min") and self._at_op("_"):
            raise self.fail("a maximum over something", "max(a, b)")
        while self._at_op("'"):
            self._take()
            primes += 1
        base: Node | None = None
        if self._at_op("_") and function == "log":
            self._take()
            base = self._exponent()
        if (self._at_op("^") or self.tok.kind == "sup") and function not in ("trace",):
            marker = Node("num", (), Fraction(1), t.at)
            powered = self._power(marker) if self._at_op("^") else self._apply_superscript(marker, self._take().value, t.at)
            if powered.op != "pow":
                raise self.fail("a function's exponent is a number", "\\sin^2(x)", at=t.at)
            exponent = powered.args[1]
        if self._at_op("(", "[", "\\{") or (self._at_op("{") and function not in BARE):
            args = self._sizes() if function in SIZED else self._arguments()
        elif self._at_op("{") and function not in ("max", "min"):
            args = [self._bracket()]
        elif function in BARE and function not in ("max", "min"):
            args = [self._bare()]
        else:
            raise self.fail(f"{t.value} has no argument", f"{t.value}(...)")
        if primes:
            if primes > 1 or function not in ("sigmoid", "relu", "tanh", "exp", "log", "softplus"):
                raise self.fail("a derivative of this function", "its formula", at=t.at)
            function = f"{function}_prime"
        node = self._build_call(function, args, t.at)
        if base is not None:
            node = Node("prod", (node, self._build_call("log", [base], t.at)), ("/",), t.at)
        return Node("pow", (node, exponent), None, t.at) if exponent is not None else node

    def _bare(self) -> Node:
        """The argument of `\\det A`, `\\log x y`: what follows up to an operator or another function."""
        at = self.tok.at
        factors = [self._factor()]
        while self._is_factor_next() and self.tok.kind not in ("func",) and not self._at_cmd(*COMMANDS, "sum"):
            if self.tok.kind == "word" and self.tok.value in FUNCTIONS and not self.table.exact(Name(self.tok.value)):
                break
            if self._at_op("(", "[", "\\{", "|", "\\|"):
                break
            factors.append(self._factor())
        return factors[0] if len(factors) == 1 else Node("prod", tuple(factors), ("",) * (len(factors) - 1), at)

    def _library(self, t: Token) -> Node:
        """`np.linalg.inv(...)`: only the last part of the name counts."""
        if t.value in ("pi", "e"):
            return Node("const", (), t.value, t.at)
        function = FUNCTIONS.get(t.value)
        if function is None or function == "unknown" or not self._at_op("("):
            typed = self.text[t.at : t.end]
            raise Unreadable(self.text, t.at, f"{typed!r} is not known here", "inv, solve, dot, norm, where, exp and the like")
        return self._build_call(function, self._sizes() if function in SIZED else self._arguments(), t.at)

    def _sizes(self) -> list[Node]:
        """The arguments of eye, zeros and ones: `(n)`, `(n, m)`, `((n, m))`."""
        opened = self.tok
        inner = self.toks[self.i + 1]
        if opened.value == "(" and inner.value in ("(", "[") and inner.kind == "op":
            self._take()
            args = self._arguments()
            self._expect(")", opened.at)
            return args
        return self._arguments()

    def _arguments(self) -> list[Node]:
        """`(a, b)` or `\\{a, b\\}`; a condition may be an argument; `ord=2` counts as `2`."""
        opened = self._take()
        closing = OPENERS[opened.value]
        bars, self.bars = self.bars, []
        args: list[Node] = []
        while not self._at_op(closing):
            if self.tok.kind == "eof":
                self._expect(closing, opened.at)
            args.append(self._argument())
            if self._at_op(","):
                self._take()
            elif not self._at_op(closing):
                self._expect(closing, opened.at)
        self._take()
        self.bars = bars
        return args

    def _argument(self) -> Node:
        t = self.tok
        if t.kind == "op" and t.value == "'" and self.toks[self.i + 1].kind == "word" and self.toks[self.i + 2].value == "'":
            self.i += 3
            return Node("string", (), self.toks[self.i - 2].value, t.at)
        if t.kind == "word" and self.toks[self.i + 1].value == "=":
            if t.value not in ("ord", "p", "axis", "dim", "min", "max"):
                raise self.fail(f"the keyword argument {t.value!r} is not known", "positional arguments")
            if t.value in ("axis", "dim"):
                raise self.fail("a sum along one axis", "a matrix product with a vector of ones")
            self.i += 2
            return self._argument()
        if (t.kind == "func" and t.value == "inf") or (t.kind == "cmd" and t.value == "infty"):
            self._take()
            return Node("string", (), "inf", t.at)
        if t.kind == "op" and t.value == "[":
            rows = self._listing()
            if rows is not None:
                return rows
        start = self.i
        node = self._ternary()
        if self._at_op("&") or self._at_word("and", "or"):
            self.i = start
            return self.condition()
        if not self._at_op(*RELATION_SIGNS):
            return node
        links = []
        while self._at_op(*RELATION_SIGNS):
            sign = self._take().value
            right = self._additive()
            links.append(Node("rel", (node, right), sign, t.at))
            node = right
        return links[0] if len(links) == 1 else Node("and", tuple(links), None, t.at)

    def _listing(self) -> Node | None:
        """`[a, b]`, `[[a, b], [c, d]]` and `[a; b]` as blocks; None (and nothing read) for a bracket around one expression."""
        start = self.i
        opened = self._take()
        bars, self.bars = self.bars, []
        rows: list[list[Node]] = [[]]
        nested = False
        while True:
            if self._at_op("["):
                inner = self._listing()
                if inner is None:
                    inner = self._additive()
                    rows[-1].append(inner)
                else:
                    nested = True
                    if rows[-1]:
                        rows.append([])
                    rows[-1] += list(inner.args)
            else:
                rows[-1].append(self._additive())
            if self._at_op(","):
                self._take()
            elif self._at_op(";") or self.tok.kind == "newline":
                self._take()
                rows.append([])
            elif self._at_op("]"):
                self._take()
                break
            else:
                self._expect("]", opened.at)
        self.bars = bars
        if not nested and len(rows) == 1 and len(rows[0]) == 1:
            self.i = start
            return None
        return self._blocks(rows, opened.at)

    def _blocks(self, rows: list[list[Node]], at: int) -> Node:
        rows = [row for row in rows if row]
        if not rows or len({len(row) for row in rows}) != 1:
            raise self.fail("the rows of the matrix differ in length", "rows of one length", at=at)
        if sum(map(len, rows)) > MAX_BLOCK_ENTRIES:
            raise OutOfBudget("MAX_BLOCK_ENTRIES", "a larger matrix")
        return Node("block", tuple(entry for row in rows for entry in row), len(rows[0]), at)

    def _build_call(self, function: str, args: list[Node], at: int) -> Node:
        """A call with its arguments counted; shorthands taken apart."""
        low, high = ARGUMENTS.get(function, (1, 1))
        if function == "unknown":
            raise self.fail("this function is not known here", "inv, solve, dot, norm, where, exp and the like", at=at)
        if not low <= len(args) <= high:
            raise self.fail(
                f"{len(args)} arguments where {low if low == high else f'{low} to {high}'} are due", "the usual arguments", at=at
            )
        if function == "same":
            return args[0]
        if function in ("transpose", "inverse", "pinv"):
            return Node(function, tuple(args[:1]), None, at)
        if function == "extent":
            return Node("extent", tuple(args), 0, at)
        if function in ("eye", "zeros", "ones"):
            return Node(
                function, (), tuple(self._dimension_text(a) for a in args if not (a.op == "num" and a.data == 1 and len(args) > 1)), at
            )
        if function == "norm":
            kind = None
            if len(args) == 2:
                given = args[1]
                typed = given.data if given.op == "string" else str(given.data) if given.op == "num" else "?"
                return self._norm_kind(Node("norm", (args[0],), None, at), str(typed), given.at)
            return Node("norm", (args[0],), kind, at)
        if function == "dot":
            return Node("prod", tuple(args), ("dot",), at)
        if function == "multi_dot":
            if args[0].op != "block":
                raise self.fail("multi_dot takes a list", "np.linalg.multi_dot([A, B, c])", at=at)
            return Node("prod", args[0].args, ("@",) * (len(args[0].args) - 1), at)
        if function == "outer":
            return Node("prod", (args[0], Node("transpose", (args[1],), None, at)), ("",), at)
        if function == "solve":
            return Node("prod", (Node("inverse", (args[0],), None, at), args[1]), ("@",), at)
        if function == "where":
            if args[0].op not in ("rel", "and", "or", "not"):
                raise self.fail("where needs a condition first", "np.where(x > 0, x, 0)", at=at)
            return Node("cases", (args[1], args[0], args[2], Node("true")), None, at)
        if function == "plus":
            return Node("add", tuple(args), None, at)
        if function == "minus":
            return Node("add", (args[0], Node("neg", (args[1],), None, at)), None, at)
        if function == "negate":
            return Node("neg", tuple(args), None, at)
        if function == "square":
            return Node("call", (args[0], args[0]), "had", at)
        if function == "power":
            return Node("call", tuple(args), "epow", at)
        if function == "power_m":
            return Node("pow", tuple(args), None, at)
        if function in ("vstack", "hstack"):
            parts = list(args[0].args) if len(args) == 1 and args[0].op == "block" else args
            return Node("block", tuple(parts), 1 if function == "vstack" else len(parts), at)
        if function == "array":
            return args[0]
        if function == "clip":
            return Node("call", (Node("call", (args[0], args[1]), "max", at), args[2]), "min", at)
        if function == "heaviside":
            zero = args[1] if len(args) == 2 else ZERO
            x = args[0]
            return Node(
                "cases", (UNIT, Node("rel", (x, ZERO), ">", at), zero, Node("rel", (x, ZERO), "=", at), ZERO, Node("true")), None, at
            )
        if any(a.op in ("rel", "and", "or", "not", "string") for a in args):
            raise self.fail("a condition stands where a value is due", "where(condition, a, b)", at=at)
        return Node("call", tuple(args[:1] if function == "softmax" else args), function, at)

    def _dimension_text(self, node: Node) -> str:
        if node.op == "num":
            return str(node.data)
        if node.op in ("dim", "index"):
            return str(node.data)
        if node.op == "extent":
            return "?"  # the size of something typed: left to where the matrix stands
        if node.op == "sym":
            return self.table.by_key(node.data).name
        if node.op == "add":
            return "+".join(self._dimension_text(a) for a in node.args)
        raise self.fail("this is no dimension", "np.eye(n)", at=node.at)

    def _command(self) -> Node:
        t = self._take()
        name = t.value
        if name in FRACTIONS:
            top, bottom = self._braced("a numerator"), self._braced("a denominator")
            return Node("prod", (top, bottom), ("/",), t.at)
        if name == "sqrt":
            return self._root(t)
        if name == "sum":
            return self._summation(t)
        if name == "langle":
            return self._inner_product(t)
        if name in COMMANDS:
            return self._function(FUNCTIONS[name], t)
        if name == "infty":
            raise self.fail("infinity is no value here", "a finite formula", at=t.at)
        if name in ("ldots", "dots", "cdots", "dotsc", "dotsb", "vdots"):
            raise self.fail("dots leave something out", "a complete formula", at=t.at)
        raise self.fail(f"{self._shown(t)} is not understood here", "a formula made of " + self._declared(), at=t.at)

    def _braced(self, what: str) -> Node:
        """An argument of a LaTeX command: a brace group, or one digit or letter."""
        t = self.tok
        while t.kind == "style":
            self._take()
            t = self.tok
        if t.kind == "op" and t.value == "{":
            opened = self._take()
            if self._at_op("}"):
                raise self.fail(f"{what} is missing", "\\frac{a}{b}")
            bars, self.bars = self.bars, []
            node = self._additive()
            self.bars = bars
            self._expect("}", opened.at)
            return node
        if t.kind == "num" and len(t.value) > 1 and t.value.isdigit():
            self._split_token(1)
            t = self.tok
            self._take()
            return Node("num", (), Fraction(t.value), t.at)
        if t.kind == "word" and len(t.value) > 1 and not t.latex:
            self._split_token(1)
        if t.kind in ("num", "word", "accent", "cmd"):
            return self._primary()
        raise self.fail(f"{what} is missing", "\\frac{a}{b}")

    def _root(self, t: Token) -> Node:
        degree = 2
        if self._at_op("["):
            self._take()
            if self.tok.kind != "num" or self.tok.value not in ("2", "3", "4"):
                raise self.fail("this root is not known", "\\sqrt{x}")
            degree = int(self._take().value)
            self._expect("]", t.at)
        if self._at_op("(", "["):
            node = self._bracket()
        elif self.text[t.at] == "√":
            node = self._factor()
        else:
            node = self._braced("the argument of the root")
        if degree == 2:
            return Node("call", (node,), "sqrt", t.at)
        return Node("pow", (node, Node("num", (), Fraction(1, degree), t.at)), None, t.at)

    def _summation(self, t: Token) -> Node:
        """\\sum_{i=1}^n, \\sum_i, \\sum_{i,j}: the body is the product that follows."""
        names: list[str] = []
        lower: Node | None = None
        upper: Node | None = None
        while True:
            if self._at_op("_") or self.tok.kind == "sub":
                if self.tok.kind == "sub":
                    group = [Token("word", c, self.tok.at, self.tok.end) for c in self.tok.value]
                    self._take()
                else:
                    self._take()
                    group, self.i = group_at(self.toks, self.i)
                group = [g for g in group if g.kind != "style"]
                equals = next((k for k, g in enumerate(group) if g.kind == "op" and g.value == "="), None)
                head = group if equals is None else group[:equals]
                if any(g.kind not in ("word",) and g.value != "," for g in head) or not head:
                    raise self.fail("what the sum runs over is not understood", "\\sum_{i=1}^n", at=t.at)
                names = [c for g in head if g.kind == "word" for c in ([g.value] if g.latex else g.value)]
                if equals is not None:
                    end = Token("eof", "", group[-1].end, group[-1].end)
                    lower = type(self)(self.text, [*group[equals + 1 :], end], self.table, free=frozenset(self.scope)).whole()
            elif self._at_op("^"):
                self._take()
                upper = self._braced("the upper end of the sum")
            elif self.tok.kind == "sup":
                sup = self._take()
                upper = self._special_dimension(sup.value, sup.at)
            else:
                break
        if not names:
            raise self.fail("the sum does not say what it runs over", "\\sum_{i=1}^n", at=t.at)
        fresh = [name for name in names if name not in self.scope]
        self.scope.update(fresh)
        body = self._product()
        self.scope.difference_update(fresh)
        for name in reversed(names):
            body = Node(
                "sum", (body, *([lower] if lower else []), *([upper] if upper else [])), (name, lower is not None, upper is not None), t.at
            )
        return body

    def _special_dimension(self, text: str, at: int) -> Node:
        if text.isdigit():
            return Node("num", (), Fraction(int(text)), at)
        if text in self.table.dimensions:
            return Node("dim", (), text, at)
        raise Unreadable(self.text, at, f"{text!r} is no end of a sum", "a dimension or a number")

    def _inner_product(self, t: Token) -> Node:
        bars, self.bars = self.bars, []
        left = self._additive()
        if not (self._at_op(",", "|") or self._at_op(";")):
            raise self.fail("an inner product has two sides", "\\langle x, y \\rangle")
        self._take()
        right = self._additive()
        self.bars = bars
        self._expect("\\rangle", t.at)
        return Node("call", (left, right), "inner", t.at)
