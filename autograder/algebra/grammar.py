"""Tokens -> raw tree: a recursive descent over what students type, driven by the symbol table.

The table decides what a run of letters is (`wx` is w times x, `W1_i` is one name), whether a script belongs to a name or acts on it,
and whether `sigma(z)` is a product. Nothing here looks at shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from autograder.algebra.lexer import Token, group_at, script_text
from autograder.algebra.limits import MAX_BLOCK_ENTRIES, MAX_DECIMAL_EXPONENT, MAX_DEPTH, MAX_DIGITS, MAX_FACTORS
from autograder.algebra.nodes import Node
from autograder.algebra.symbols import GREEK, LOOKALIKES, SCALAR, Name, Symbol, Symbols
from autograder.errors import OutOfBudget, Unreadable

FUNCTIONS: Final[Mapping[str, str]] = {
    "tr": "trace", "Tr": "trace", "trace": "trace", "Trace": "trace", "det": "det", "Det": "det", "inv": "inverse", "inverse": "inverse",
    "Inverse": "inverse", "pinv": "pinv", "exp": "exp", "log": "log", "ln": "log", "sqrt": "sqrt", "sin": "sin", "cos": "cos", "tan": "tan",
    "tanh": "tanh", "sinh": "sinh", "cosh": "cosh", "arctan": "atan", "atan": "atan", "abs": "abs", "fabs": "abs", "absolute": "abs", "sign": "sign",
    "sgn": "sign", "max": "max", "maximum": "max", "Max": "max", "min": "min", "minimum": "min", "Min": "min", "fmax": "max", "fmin": "min",
    "relu": "relu", "ReLU": "relu", "Relu": "relu", "sigmoid": "sigmoid", "expit": "sigmoid", "logistic": "sigmoid", "softplus": "softplus",
    "diag": "diag", "Diag": "diag", "diagflat": "diag", "diagonal": "diag", "norm": "norm", "transpose": "transpose", "dot": "dot", "vdot": "dot",
    "inner": "dot", "outer": "outer", "matmul": "dot", "mm": "dot", "mv": "dot", "bmm": "dot", "multi_dot": "multi_dot", "solve": "solve",
    "eye": "eye", "identity": "eye", "zeros": "zeros", "ones": "ones", "sum": "esum", "mean": "mean", "where": "where", "heaviside": "heaviside",
    "Heaviside": "heaviside", "multiply": "had", "mul": "had", "divide": "ediv", "add": "plus", "subtract": "minus", "square": "square",
    "power": "power", "pow": "power", "negative": "negate", "matrix_power": "power_m", "vstack": "vstack", "hstack": "hstack", "block": "array",
    "array": "array", "tensor": "array", "Matrix": "array", "trace_": "trace", "softmax": "softmax", "logdet": "logdet", "clip": "clip",
    "reciprocal": "reciprocal", "log1p": "log1p", "expm1": "expm1", "step": "heaviside", "addmm": "unknown", "Piecewise": "unknown",
    "cross": "unknown", "kron": "unknown", "einsum": "unknown", "rank": "unknown", "vec": "unknown", "exp2": "unknown", "log2": "log2", "log10": "log10",
    "logsumexp": "logsumexp", "lstsq": "unknown", "clamp": "clip", "log_softmax": "unknown", "svd": "unknown", "ravel": "same", "asarray": "same",
    "float": "same", "T": "", "asmatrix": "same", "dist": "unknown", "tensordot": "unknown", "floor": "unknown", "ceil": "unknown", "round": "unknown",
}  # fmt: skip
"""Name as typed -> what it computes; `unknown` names are recognised and refused by name."""

BARE: Final = frozenset("trace det exp log sin cos tan tanh sinh cosh atan sqrt diag inverse sign relu sigmoid softplus abs max min".split())
"""Functions whose argument may stand without brackets."""
COMMANDS: Final = frozenset("tr Tr det exp log ln sin cos tan tanh sinh cosh arctan max min sgn sign diag trace".split())
KEYWORDS: Final = frozenset("if else otherwise elsewhere when for and or not where then ow while unless elif".split())
TRANSPOSES: Final = frozenset({"T", "top", "intercal", "H", "tr", "transpose", "ast", "*", "mathsfT", "t", "'", "trans", "Tr"})
RELATION_SIGNS: Final = frozenset({"=", "<", ">", "<=", ">=", "!="})
FRACTIONS: Final = frozenset({"frac", "dfrac", "tfrac", "cfrac", "nicefrac", "sfrac"})
MATRICES: Final = frozenset({"bmatrix", "pmatrix", "matrix", "Bmatrix", "smallmatrix", "vmatrix", "array", "psmallmatrix", "bsmallmatrix"})
CASES: Final = frozenset({"cases", "dcases", "rcases"})
OPENERS: Final = {"(": ")", "[": "]", "{": "}", "\\{": "\\}", "\\langle": "\\rangle"}
ZERO, UNIT = Node("num", (), Fraction(0)), Node("num", (), Fraction(1))


class Grammar:
    """One reading of a list of tokens (the last of kind eof) with a symbol table.

    text: what the tokens came from, for messages. numpy: the text uses `@` or a library, so `*` and `**` act on entries.
    free: names of indices that may occur without a sum over them.
    """

    def __init__(self, text: str, toks: list[Token], table: Symbols, *, numpy: bool = False, free: frozenset[str] = frozenset()) -> None:
        self.text = text
        self.toks = toks
        self.table = table
        self.numpy = numpy
        self.scope: set[str] = set(free)
        self.i = 0
        self.depth = 0
        self.bars: list[str] = []

    # --- small things

    @property
    def tok(self) -> Token:
        return self.toks[self.i]

    def fail(self, reason: str, accepted: str = "", at: int | None = None) -> Unreadable:
        return Unreadable(self.text, self.tok.at if at is None else at, reason, accepted)

    def at_op(self, *values: str) -> bool:
        t = self.toks[self.i]
        return t.kind == "op" and t.value in values

    def at_cmd(self, *values: str) -> bool:
        t = self.toks[self.i]
        return t.kind == "cmd" and t.value in values

    def at_word(self, *values: str) -> bool:
        t = self.toks[self.i]
        return t.kind == "word" and t.value in values and not self.table.exact(Name(t.value))

    def take(self) -> Token:
        t = self.toks[self.i]
        if t.kind != "eof":
            self.i += 1
        return t

    def expect(self, value: str, opened: int) -> None:
        if not (self.at_op(value) or (value == "\\rangle" and self.at_cmd("rangle"))):
            shown = value.replace("\\", "")
            what = "the answer ends" if self.tok.kind == "eof" else f"{self.shown(self.tok)} stands"
            raise self.fail(f"{what} where {shown!r} should close the bracket opened at character {opened + 1}", "balanced brackets")
        self.take()

    def shown(self, t: Token) -> str:
        typed = self.text[t.at : t.end].strip()
        return repr(typed) if typed else "the end"

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise OutOfBudget("MAX_DEPTH", f"more than {MAX_DEPTH} levels")

    # --- entry points

    def whole(self) -> Node:
        """All tokens as one expression."""
        node = self.ternary()
        if self.tok.kind != "eof":
            raise self.unexpected()
        return node

    def unexpected(self) -> Unreadable:
        t = self.tok
        if t.kind == "eof":
            return self.fail("the answer ends where a term is due", "a complete expression")
        if t.kind == "op" and t.value in (")", "]", "}", "\\}"):
            return self.fail(f"{self.shown(t)} closes a bracket that was never opened", "balanced brackets")
        if t.kind == "op" and t.value in RELATION_SIGNS:
            return self.fail(f"{self.shown(t)} makes this a statement, not a value", "one expression, or an equation that ends in one")
        if t.kind == "op" and t.value in (",", ";"):
            return self.fail("a comma separates two answers", "one answer")
        if t.kind == "word" and t.value in KEYWORDS:
            return self.fail(f"the word {t.value!r} stands in the formula", "one formula")
        if t.kind == "cmd" and t.value in ("pm", "mp"):
            return self.fail("a plus-minus sign stands for two answers", "one answer")
        return self.fail(f"{self.shown(t)} stands where it means nothing", "one formula made of the declared symbols")

    # --- values that depend on a condition, without an environment

    def ternary(self) -> Node:
        """`a`, `a if c else b`, `a if c, 0 otherwise`, `a when c and b when d`."""
        at = self.tok.at
        value = self.additive()
        start = self.i
        if self.at_op(","):
            self.take()
        if not self.at_word("if", "when", "for", "where"):
            self.i = start
            return value
        if self.tok.value == "where" and not self.looks_like_condition():
            self.i = start
            return value
        parts: list[Node] = []
        while True:
            self.take()
            parts += [value, self.condition()]
            self.separators()
            if self.at_word("else", "otherwise", "elsewhere"):
                self.take()
                if self.at_op(",", ":"):
                    self.take()
                if self.at_word("if", "when", "for"):
                    continue_value = None
                else:
                    continue_value = self.ternary_value()
                if continue_value is None:
                    raise self.fail("a condition stands where a value is due", "x if z > 0 else 0")
                if self.at_word("if", "when", "for"):
                    value = continue_value
                    continue
                return Node("cases", (*parts, continue_value, Node("true")), None, at)
            if self.tok.kind == "eof" or self.at_op(")", "]", "}", "\\}"):
                return Node("cases", tuple(parts), None, at)
            value = self.additive()
            if self.at_op(","):
                self.take()
            if self.at_word("otherwise", "else", "elsewhere"):
                self.take()
                return Node("cases", (*parts, value, Node("true")), None, at)
            if not self.at_word("if", "when", "for", "where"):
                raise self.unexpected()

    def ternary_value(self) -> Node:
        if self.at_word("is", "equals") or self.at_op("="):
            self.take()
        return self.additive()

    def looks_like_condition(self) -> bool:
        return any(t.kind == "op" and t.value in RELATION_SIGNS for t in self.toks[self.i :])

    def separators(self) -> None:
        while self.at_op(",", ";") or self.at_word("and", "then") or self.tok.kind == "newline":
            self.take()

    # --- conditions

    def condition(self) -> Node:
        """`wx + b > 0`, `0 < t < 1`, with and, or, not."""
        self.enter()
        at = self.tok.at
        parts = [self.conjunction()]
        while self.at_word("or"):
            self.take()
            parts.append(self.conjunction())
        self.depth -= 1
        return parts[0] if len(parts) == 1 else Node("or", tuple(parts), None, at)

    def conjunction(self) -> Node:
        at = self.tok.at
        parts = [self.comparison()]
        while self.at_word("and") or self.at_op("&") and self.toks[self.i + 1].kind != "eof":
            start = self.i
            while self.at_word("and") or self.at_op("&"):
                self.take()
            if self.at_word("otherwise", "else") or not self.looks_like_condition():
                self.i = start
                break
            here = self.i
            try:
                parts.append(self.comparison())
            except Unreadable:
                # "x if a > 0 and 0 otherwise": the rest is a value
                self.i = start
                if here == start:
                    raise
                break
        return parts[0] if len(parts) == 1 else Node("and", tuple(parts), None, at)

    def comparison(self) -> Node:
        at = self.tok.at
        if self.at_word("not"):
            self.take()
            return Node("not", (self.comparison(),), None, at)
        if self.at_op("(", "["):
            start, bars = self.i, list(self.bars)
            opened = self.take()
            try:
                inner = self.condition()
                self.expect(OPENERS[opened.value], opened.at)
                if not self.at_op(*RELATION_SIGNS):
                    return inner
            except Unreadable:
                pass
            self.i, self.bars = start, bars
        left = self.additive()
        links: list[Node] = []
        while self.at_op(*RELATION_SIGNS):
            sign = self.take().value
            right = self.additive()
            links.append(Node("rel", (left, right), sign, at))
            left = right
        if not links:
            raise self.fail("a condition is due here", "a comparison such as wx + b > 0")
        return links[0] if len(links) == 1 else Node("and", tuple(links), None, at)

    # --- sums and products

    def additive(self) -> Node:
        self.enter()
        at = self.tok.at
        terms: list[Node] = []
        sign = 1
        while self.at_op("+", "-"):
            sign = -sign if self.take().value == "-" else sign
        while True:
            term = self.product()
            terms.append(Node("neg", (term,), None, term.at) if sign < 0 else term)
            if not self.at_op("+", "-"):
                break
            sign = 1
            while self.at_op("+", "-"):
                sign = -sign if self.take().value == "-" else sign
        self.depth -= 1
        return terms[0] if len(terms) == 1 else Node("add", tuple(terms), None, at)

    def product(self) -> Node:
        """Factors with the operators between them; entrywise products bind less tightly than the others."""
        at = self.tok.at
        node = self.factors()
        while self.at_cmd("odot", "circ", "oslash"):
            kind = "ediv" if self.take().value == "oslash" else "had"
            sign = self.signs()
            right = self.factors()
            node = Node("call", (node, Node("neg", (right,), None, right.at) if sign < 0 else right), kind, at)
        return node

    def signs(self) -> int:
        sign = 1
        while self.at_op("+", "-"):
            sign = -sign if self.take().value == "-" else sign
        return sign

    def factors(self) -> Node:
        at = self.tok.at
        factors = [self.factor()]
        between: list[str] = []
        while True:
            if self.at_op("*", "/", "@"):
                operator = self.take().value
            elif self.at_cmd("cdot", "times", "bullet", "div", "bigcdot"):
                operator = {"div": "/", "times": "*"}.get(self.take().value, ".")
            elif self.starts_factor():
                operator = ""
            else:
                break
            sign = self.signs() if operator else 1
            factor = self.factor()
            factors.append(Node("neg", (factor,), None, factor.at) if sign < 0 else factor)
            between.append(operator)
            if len(factors) > MAX_FACTORS:
                raise OutOfBudget("MAX_FACTORS", f"more than {MAX_FACTORS} factors")
        if len(factors) == 1:
            return factors[0]
        return Node("prod", tuple(factors), tuple(between), at)

    def starts_factor(self) -> bool:
        t = self.toks[self.i]
        if t.kind in ("num", "func", "accent", "style", "frac", "begin"):
            return True
        if t.kind == "word":
            return not (t.value in KEYWORDS and not self.table.exact(Name(t.value)))
        if t.kind == "cmd":
            return t.value in FRACTIONS or t.value in COMMANDS or t.value in ("sqrt", "sum", "langle", "lfloor", "prod")
        if t.kind == "op":
            if t.value in ("|", "\\|"):
                return not (self.bars and self.closes_bar(t))
            return t.value in ("(", "[", "{", "\\{")
        return False

    def closes_bar(self, t: Token) -> bool:
        if t.value == self.bars[-1]:
            return True
        return t.value == "\\|" and self.bars[-1] == "|" and self.text[t.at : t.end] == "||"

    # --- factors

    def factor(self) -> Node:
        self.enter()
        node = self.postfix(self.primary())
        self.depth -= 1
        return node

    def postfix(self, node: Node) -> Node:
        while True:
            t = self.tok
            if t.kind == "op" and t.value == "^":
                node = self.power(node)
            elif t.kind == "sup":
                self.take()
                node = self.apply_superscript(node, t.value, t.at)
            elif t.kind == "op" and t.value == "_" or t.kind == "sub":
                node = self.subscript(node)
            elif t.kind == "op" and t.value == "'" and not (t.spaced and self.toks[self.i + 1].kind == "eof"):
                self.take()
                node = self.prime(node, t.at)
            elif t.kind == "attr":
                node = self.attribute(node)
            elif t.kind == "op" and t.value == "!":
                raise self.fail("a factorial", "sums, products, powers and the usual functions")
            else:
                return node

    def prime(self, node: Node, at: int) -> Node:
        if node.op == "sym" and self.table.by_key(node.data).shape == SCALAR:
            if node.data in self.table.definitions and self.table.functions.get(node.data):
                return self.argument_of_name(Node("call", (node,), "prime", at))
            name = self.table.by_key(node.data).name
            raise Unreadable(self.text, at, f"{name}' is not declared, and {name} is a scalar", "the declared symbols")
        return Node("transpose", (node,), None, at)

    def power(self, node: Node) -> Node:
        at = self.take().at
        if self.at_op("'"):
            self.take()
            return self.prime(node, at)
        group, after = group_at(self.toks, self.i)
        plain = [g for g in group if g.kind not in ("style",) and g.value not in ("{", "}")]
        if self.at_op("{"):
            if not plain:
                raise self.fail("the exponent is empty", "x^T, x^2")
            special = self.exponent_word("".join(g.value for g in plain), node, at)
            if special is not None:
                self.i = after
                return special
            if len(plain) >= 1 and all(g.value == "'" for g in plain):
                self.i = after
                for _ in plain:
                    node = self.prime(node, at)
                return node
            opened = self.take()
            bars, self.bars = self.bars, []
            exponent = self.additive()
            self.bars = bars
            self.expect("}", opened.at)
            return Node("pow", (node, exponent), None, at)
        while self.tok.kind == "style":
            self.take()
        if self.at_op("{"):
            group, after = group_at(self.toks, self.i)
            special = self.exponent_word("".join(g.value for g in group if g.kind != "style"), node, at)
            if special is not None:
                self.i = after
                return special
        t = self.tok
        if t.kind == "word":
            special = None
            if not self.table.exact(Name(t.value)) and t.value not in self.scope:
                whole = self.exponent_word(t.value, node, at)
                if whole is not None and (len(t.value) == 1 or t.latex):
                    self.take()
                    return whole
                if not t.latex and t.value not in GREEK and t.value not in FUNCTIONS and len(t.value) > 1:
                    self.split_token(1)  # x^TA: one letter belongs to the exponent
                    t = self.tok
            special = self.exponent_word(t.value, node, at)
            if special is not None:
                self.take()
                return special
        elif t.kind == "cmd" and t.value in ("top", "intercal", "ast", "dagger", "transpose", "mathsfT", "T"):
            self.take()
            special = self.exponent_word(t.value, node, at)
            assert special is not None
            return special
        elif t.kind == "op" and t.value == "*" and not self.starts_after(1):
            self.take()
            return Node("transpose", (node,), None, at)
        elif t.kind == "op" and t.value == "+" and not self.starts_after(1):
            self.take()
            return Node("pinv", (node,), None, at)
        elif t.kind == "op" and t.value == "-":
            self.take()
            minus = self.exponent_word("-" + self.tok.value[:1], node, at) if self.tok.kind == "word" else None
            if minus is not None:
                if len(self.tok.value) > 1 and not self.tok.latex:
                    self.split_token(1)
                self.take()
                return minus
            exponent = Node("neg", (self.exponent(),), None, at)
            return Node("pow", (node, exponent), None, at)
        return Node("pow", (node, self.exponent()), None, at)

    def starts_after(self, ahead: int) -> bool:
        """Is the token after this one the beginning of something that could be an exponent or a factor?"""
        t = self.toks[min(self.i + ahead, len(self.toks) - 1)]
        return t.kind in ("num", "word", "func") or t.value in ("(", "{")

    def exponent(self) -> Node:
        """Of a power without braces: one token, a bracket, or a power again (powers associate to the right)."""
        self.enter()
        if self.tok.kind == "op" and self.tok.value in ("|", "\\|", ")", "]", "}", "=", ","):
            raise self.fail("the exponent is missing", "x^T, x^2")
        if self.tok.kind == "eof" or self.tok.kind == "math":
            raise self.fail("the exponent is missing", "x^T, x^2")
        node = self.primary()
        if self.at_op("^"):
            node = self.power(node)
        self.depth -= 1
        return node

    def exponent_word(self, word: str, node: Node, at: int) -> Node | None:
        """`x^T`, `x^{\\top}`, `A^{-T}`, `A^+`, `V^*`: an exponent that is no number. None if it is an ordinary exponent."""
        minus = word.startswith("-")
        bare = word.lstrip("-")
        if bare in ("+", "dagger", "dag") and not minus:
            return Node("pinv", (node,), None, at)
        if bare not in TRANSPOSES or (bare == "tr" and not minus and False):
            return None
        symbol = self.table.exact(Name(bare)) if bare not in ("top", "intercal", "*", "ast") else None
        if symbol is not None:
            if bare == "t" or self.is_scalar(node):
                return None
        elif bare in self.scope:
            return None
        flipped = Node("transpose", (node,), None, at)
        return Node("inverse", (flipped,), None, at) if minus else flipped

    def is_scalar(self, node: Node) -> bool:
        return node.op == "num" or node.op == "sym" and self.table.by_key(node.data).shape == SCALAR

    def apply_superscript(self, node: Node, text: str, at: int) -> Node:
        special = self.exponent_word(text, node, at)
        if special is not None:
            return special
        inner = text.strip("()")
        if inner.lstrip("-+").isdigit() and len(inner) < MAX_DIGITS:
            return Node("pow", (node, Node("num", (), Fraction(int(inner)), at)), None, at)
        if inner in self.scope or self.table.exact(Name(inner)):
            return Node("pow", (node, self.resolve(inner, at)), None, at)
        if text.startswith("T") or text.endswith("T"):
            rest = text.replace("T", "", 1)
            return self.apply_superscript(Node("transpose", (node,), None, at), rest, at)
        raise Unreadable(self.text, at, f"the superscript {text!r} is not understood", "xᵀ, x², A⁻¹")

    def resolve(self, word: str, at: int) -> Node:
        symbol = self.table.exact(Name(word))
        return Node("sym", (), symbol.key, at) if symbol else Node("index", (), word, at)

    def subscript(self, node: Node) -> Node:
        """An index into something that is no plain name, or a name's index that is no part of it."""
        t = self.take()
        if t.kind == "sub":
            return Node("elem", (node, *self.indices_from_text(t.value, t.at)), None, t.at)
        group, after = group_at(self.toks, self.i)
        if node.op in ("norm", "bars"):
            self.i = after
            return self.norm_kind(node, script_text([g for g in group if g.kind != "style"]), t.at)
        if not group or group[0].kind == "eof":
            raise self.fail("the subscript is empty", "x_i")
        self.i = after
        return Node("elem", (node, *self.indices(group)), None, t.at)

    def norm_kind(self, node: Node, kind: str, at: int) -> Node:
        kinds = {"2": "2", "1": "1", "infty": "inf", "inf": "inf", "F": "F", "fro": "F", "Fro": "F", "op": "spectral", "sigma": "spectral", "max": "max"}
        if kind not in kinds:
            raise Unreadable(self.text, at, f"the norm with index {kind!r} is not known", "the norms 1, 2, \\infty and F")
        return Node("norm", node.args, kinds[kind], node.at)

    def indices_from_text(self, text: str, at: int) -> list[Node]:
        out = []
        for c in text:
            if c.isdigit():
                out.append(Node("num", (), Fraction(int(c)), at))
            elif c in self.scope:
                out.append(Node("index", (), c, at))
            else:
                raise Unreadable(self.text, at, f"the index {c!r} has no value here", "an index that a sum runs over, or a number")
        return out

    def indices(self, group: list[Token]) -> list[Node]:
        """`i`, `ij`, `i,j`, `i+1`, `12` is twelve."""
        parts: list[list[Token]] = [[]]
        for g in group:
            if g.kind == "op" and g.value == ",":
                parts.append([])
            elif g.kind == "word" and len(g.value) > 1 and not g.latex and all(c in self.scope for c in g.value):
                for k, c in enumerate(g.value):
                    piece = Token("word", c, g.at + k, g.at + k + 1)
                    if parts[-1] and k:
                        parts.append([piece])
                    else:
                        parts[-1].append(piece)
            elif g.kind == "word" and parts[-1] and parts[-1][-1].kind == "word":
                parts.append([g])
            elif g.kind not in ("style",):
                parts[-1].append(g)
        out = []
        for part in parts:
            if not part:
                raise self.fail("an index is missing", "A_{i,j}")
            for p in part:
                if p.kind == "word" and p.value not in self.scope:
                    raise Unreadable(self.text, p.at, f"the index {p.value!r} has no value here", "an index that a sum runs over, or a number")
            inner = Grammar(self.text, [*part, Token("eof", "", part[-1].end, part[-1].end)], self.table, free=frozenset(self.scope))
            inner.depth = self.depth
            out.append(inner.whole())
        return out

    def attribute(self, node: Node) -> Node:
        t = self.take()
        name = t.value
        if name in ("T", "mT", "H", "mH"):
            return Node("transpose", (node,), None, t.at)
        if name == "I" and not self.at_op("("):
            return Node("inverse", (node,), None, t.at)
        methods = {
            "inv": "inverse", "inverse": "inverse", "transpose": "transpose", "t": "transpose", "sum": "esum", "mean": "mean", "norm": "norm",
            "trace": "trace", "det": "det", "abs": "abs", "exp": "exp", "log": "log", "sqrt": "sqrt", "square": "square", "pow": "power",
            "diag": "diag", "diagonal": "diag", "item": "same", "pinv": "pinv", "sign": "sign", "tanh": "tanh", "sigmoid": "sigmoid", "relu": "relu",
            "dot": "dot", "matmul": "dot", "mm": "dot", "mv": "dot", "multiply": "had", "mul": "had", "outer": "outer", "flatten": "same",
            "conj": "same", "conjugate": "same", "copy": "same", "add": "plus", "sub": "minus", "neg": "negate", "div": "ediv", "max": "", "min": "",
            "reciprocal": "reciprocal", "inner": "dot", "vdot": "dot", "T": "transpose", "clone": "same", "detach": "same", "float": "same",
        }  # fmt: skip
        if not methods.get(name) or not self.at_op("("):
            raise Unreadable(self.text, t.at, f"{'.' + name!r} is not known here", ".T, .inv(), .dot(...)")
        args = self.arguments()
        function = methods[name]
        if name == "transpose" and args:
            args = []
        if name in ("t", "transpose", "inv", "inverse", "trace", "det", "item") and args:
            raise Unreadable(self.text, t.at, f"{'.' + name!r} takes no argument", f".{name}()")
        return self.build_call(function, [node, *args], t.at)

    # --- primaries

    def primary(self) -> Node:
        t = self.tok
        if t.kind == "style":
            return self.styled()
        if t.kind == "num":
            return self.number()
        if t.kind == "frac":
            self.take()
            top, bottom = t.value.split("/")
            return Node("num", (), Fraction(int(top), int(bottom)), t.at)
        if t.kind == "accent" or t.kind == "word":
            return self.name()
        if t.kind == "func":
            self.take()
            return self.library(t)
        if t.kind == "cmd":
            return self.command()
        if t.kind == "begin":
            return self.environment()
        if t.kind == "op":
            if t.value in ("|", "\\|"):
                return self.between_bars()
            if t.value in OPENERS:
                return self.bracket()
        if t.kind == "attr":
            raise self.fail("the answer begins with an attribute", "x.T")
        raise self.unexpected_start()

    def unexpected_start(self) -> Unreadable:
        t = self.tok
        if t.kind in ("eof", "newline", "end", "math"):
            return self.fail("a term is missing here", "a complete expression")
        if t.kind == "op" and t.value in ("+", "*", "/", "^", "_", ",", "@", ")", "]", "}", "=", "<", ">", "&", "\\}", "<=", ">=", "!="):
            return self.fail(f"a term is missing before {self.shown(t)}", "a complete expression")
        return self.unexpected()

    def styled(self) -> Node:
        """\\mathbf{x}, \\operatorname{tr}, {\\bf x}: the style goes, except on 0 and 1, which become vectors."""
        at = self.tok.at
        operator = False
        while self.tok.kind == "style":
            operator = operator or self.tok.value == "operatorname"
            self.take()
        if self.at_op("{"):
            group, after = group_at(self.toks, self.i)
            inner = [g for g in group if g.kind != "style"]
            if operator and inner and all(g.kind in ("word", "num") for g in inner):
                joined = Token("word", "".join(g.value for g in inner), inner[0].at, inner[-1].end, latex=True)
                self.toks[self.i : after] = [joined]
            elif self.simple(inner):
                self.toks[self.i : after] = inner
            else:
                return self.bracket()
        if self.tok.kind == "num" and self.tok.value in ("0", "1"):
            return self.bold_number(at)
        return self.primary()

    @staticmethod
    def simple(inner: list[Token]) -> bool:
        """One letter or word, accented or not."""
        bare = [g for g in inner if g.kind not in ("accent", "style") and g.value not in ("{", "}")]
        return len(bare) == 1 and bare[0].kind in ("word", "num")

    def bold_number(self, at: int) -> Node:
        value = self.take().value
        condition = self.indicator() if value == "1" else None
        if condition is not None:
            return condition
        return Node("ones" if value == "1" else "zeros", (), self.dimensions_below(), at)

    def dimensions_below(self) -> tuple[str, ...]:
        """`_n`, `_{n \\times m}`: the dimensions of I, 0 and 1, if they are given."""
        if self.tok.kind == "sub":
            return (self.take().value,)
        if not self.at_op("_"):
            return ()
        self.take()
        group, self.i = group_at(self.toks, self.i)
        parts: list[str] = [""]
        for g in group:
            if g.value in ("times", ",", "x") and parts[-1]:
                parts.append("")
            elif g.kind in ("word", "num") or g.value == "+":
                parts[-1] += g.value
            elif g.kind != "style" and g.value not in ("{", "}"):
                raise self.fail(f"{self.shown(g)} is no dimension", "I_n", at=g.at)
        return tuple(parts)

    def number(self) -> Node:
        t = self.take()
        mantissa, _, exponent = t.value.lower().partition("e")
        if len(mantissa) > MAX_DIGITS:
            raise OutOfBudget("MAX_DIGITS", f"a number of {len(mantissa)} digits")
        if exponent and abs(int(exponent)) > MAX_DECIMAL_EXPONENT:
            raise OutOfBudget("MAX_DECIMAL_EXPONENT", t.value)
        if t.value == "1":
            condition = self.indicator()
            if condition is not None:
                return condition
        if t.value in ("0", "1") and (self.at_op("_") or self.tok.kind == "sub") and not self.tok.spaced:
            return Node("ones" if t.value == "1" else "zeros", (), self.dimensions_below(), t.at)
        return Node("num", (), Fraction(t.value), t.at)

    def indicator(self) -> Node | None:
        """`1[wx+b>0]`, `\\mathbb{1}_{wx+b>0}`, `1(x > 0)`; None (and nothing read) where no condition follows."""
        start, bars = self.i, self.bars
        at = self.tok.at
        script = self.at_op("_")
        if script:
            self.take()
        if not self.at_op("[", "(", "\\{", "{"):
            self.i = start
            return None
        opened = self.take()
        toks = list(self.toks)
        self.bars = []
        try:
            if self.at_op("\\{", "(", "[") and opened.value == "{":
                inner_open = self.take()
                condition = self.condition()
                self.expect(OPENERS[inner_open.value], inner_open.at)
            elif opened.value == "{" and not script and not self.looks_like_condition():
                raise self.fail("no condition")
            else:
                condition = self.condition()
            self.expect(OPENERS[opened.value], opened.at)
        except Unreadable:
            self.i, self.toks = start, toks
            return None
        finally:
            self.bars = bars
        return Node("cases", (UNIT, condition, ZERO, Node("true")), None, at)

    # --- names

    def scripts_ahead(self, i: int) -> list[tuple[str, str, int]]:
        """The scripts that follow at index i: (`_`, `^` or `'`, text, index after it)."""
        out: list[tuple[str, str, int]] = []
        while len(out) < 4:
            t = self.toks[i]
            if t.kind == "op" and t.value in ("_", "^"):
                if self.toks[i + 1].kind == "style":
                    j = i + 1
                    while self.toks[j].kind == "style":
                        j += 1
                    group, i = group_at(self.toks, j)
                else:
                    group, i = group_at(self.toks, i + 1)
                script = script_text([g for g in group if g.kind != "style"])
                if not group or group[0].kind == "eof":
                    break
                if t.value == "^" and script and set(script) == {"'"}:
                    out += [("'", "'", i)] * len(script)
                else:
                    out.append((t.value, script, i))
            elif t.kind in ("sub", "sup"):
                i += 1
                out.append(("_" if t.kind == "sub" else "^", t.value, i))
            elif t.kind == "op" and t.value == "'":
                i += 1
                out.append(("'", "'", i))
            else:
                break
        return out

    def lookup(self, base: str, accents: tuple[str, ...], scripts: list[tuple[str, str, int]]) -> tuple[Symbol, int] | None:
        """The declared symbol that a base and as many of its scripts as possible name, and how many of them it took."""
        names = []
        for k in range(len(scripts) + 1):
            taken = scripts[:k]
            names.append(
                Name(
                    base,
                    accents,
                    "".join(s for kind, s, _ in taken if kind == "_"),
                    "".join(s for kind, s, _ in taken if kind == "^"),
                    sum(kind == "'" for kind, _, _ in taken),
                )
            )
        for k in range(len(scripts), 0, -1):
            found = self.table.exact(names[k])
            if found:
                return found, k
        for k in range(len(scripts), 0, -1):
            if self.name_like(scripts[:k]):
                found = self.table.find(names[k])
                if found:
                    return found, k
        found = self.table.find(names[0])
        return (found, 0) if found else None

    def name_like(self, scripts: list[tuple[str, str, int]]) -> bool:
        """Scripts that may belong to a name: any index below; above, a letter or something in brackets."""
        below = any(kind == "_" for kind, _, _ in scripts)
        for kind, script, _ in scripts:
            if kind != "^":
                continue
            bracketed = script[:1] in ("(", "[") and script[-1:] in (")", "]")
            if script in TRANSPOSES or script[:1] in ("-", "+") or not script:
                return False
            if not bracketed and not (script.isalpha() and script not in TRANSPOSES) and not below:
                return False
            if not bracketed and script == "2" and not below:
                return False
        return True

    def name(self) -> Node:
        """A name with its scripts; a run of letters that is a product of names; a function."""
        at = self.tok.at
        accents: list[str] = []
        while self.tok.kind == "accent":
            accents.append(self.take().value)
            while self.tok.kind == "style":
                self.take()
            if self.at_op("{"):
                group, after = group_at(self.toks, self.i)
                inner = [g for g in group if g.kind != "style"]
                if not self.simple(inner):
                    raise self.fail("an accent over an expression", "an accent over one letter", at=at)
                self.toks[self.i : after] = [g for g in inner if g.value not in ("{", "}")]
        t = self.tok
        if t.kind != "word":
            raise self.fail("an accent without a letter", "\\hat{x}")
        if accents and len(t.value) > 1 and not t.latex and self.lookup(t.value, tuple(sorted(accents)), []) is None:
            self.split_token(1)
            t = self.tok
        found = self.symbol(t.value, tuple(sorted(accents)))
        if found is not None:
            return found
        entry = self.entry_of_matrix(t)
        if entry is not None and not accents:
            return entry
        if accents:
            raise self.unknown("".join(f"\\{a} " for a in accents) + t.value, at)
        if t.value in self.scope:
            self.take()
            return Node("index", (), t.value, at)
        special = self.special_word(t)
        if special is not None:
            return special
        if len(t.value) > 1 and not (t.latex and t.value in GREEK):
            length = self.first_piece(t.value)
            if length:
                self.split_token(length)
                return self.name()
        raise self.unknown(t.value, at)

    def entry_of_matrix(self, t: Token) -> Node | None:
        """`a_{ij}` is an entry of A where only A is declared."""
        other = self.table.exact(Name(t.value.swapcase())) if len(t.value) == 1 else None
        following = self.toks[self.i + 1]
        if other is None or other.shape == SCALAR or t.value in self.scope or not (following.kind == "sub" or following.value == "_"):
            return None
        script = self.scripts_ahead(self.i + 1)[0][1].replace(",", "") if self.scripts_ahead(self.i + 1) else ""
        if not script or not all(c in self.scope or c.isdigit() for c in script):
            return None
        self.take()
        return Node("sym", (), other.key, t.at)

    def symbol(self, base: str, accents: tuple[str, ...]) -> Node | None:
        """A declared symbol at the current word, its scripts and its argument taken; None if there is none."""
        t = self.tok
        match = self.lookup(base, accents, self.scripts_ahead(self.i + 1))
        if match is None:
            return None
        symbol, count = match
        if count == 0 and base in FUNCTIONS and symbol.name != base and self.toks[self.i + 1].value == "(":
            return None
        ahead = self.scripts_ahead(self.i + 1)
        self.i = ahead[count - 1][2] if count else self.i + 1
        return self.argument_of_name(Node("sym", (), symbol.key, t.at))

    def argument_of_name(self, node: Node) -> Node:
        """`f(x)` is `f` where the table says that f is a function of x."""
        key = node.data if node.op == "sym" else node.args[0].data
        argument = self.table.functions.get(key)
        if argument is None or not self.at_op("(", "["):
            return node
        opened = self.tok
        depth = 0
        inner: list[Token] = []
        for j in range(self.i, len(self.toks)):
            t = self.toks[j]
            if t.kind == "op" and t.value in ("(", "["):
                depth += 1
            if t.kind == "op" and t.value in (")", "]"):
                depth -= 1
                if depth == 0:
                    typed = "".join(t.value for t in inner if t.kind not in ("style",) and t.value not in ("{", "}"))
                    if typed.replace(" ", "") in {a.replace(" ", "") for a in argument.split("|")}:
                        self.i = j + 1
                        return node
                    name = self.table.by_key(key).name
                    raise Unreadable(self.text, opened.at, f"{name} is a function of {argument}, not of {typed}", f"{name}({argument})")
            if j > self.i:
                inner.append(t)
        raise self.fail("the bracket is never closed", "balanced brackets", at=opened.at)

    def special_word(self, t: Token) -> Node | None:
        """Words that mean something without being declared: I, e, pi, functions, dimensions."""
        word = t.value
        following = self.toks[self.i + 1]
        opened = following.kind == "op" and following.value in ("(", "[", "\\{") and not (following.spaced and len(word) == 1 and word != "H")
        if word in ("I", "Id", "eye") and not (word == "eye" and opened):
            self.take()
            if self.at_op("(", "[", "\\{"):
                condition = self.indicator()
                if condition is not None:
                    return condition
            elif self.at_op("_"):
                condition = self.indicator()
                if condition is not None:
                    return condition
            return Node("eye", (), self.dimensions_below(), t.at)
        if word in ("pi", "e", "E") and (word != "E"):
            self.take()
            return Node("const", (), word, t.at)
        if word in ("sigma", "H", "u", "theta", "Theta") and opened and word in ("sigma", "H"):
            self.take()
            return self.function({"sigma": "sigmoid", "H": "heaviside"}[word], t)
        if word in ("H", "1") and not opened:
            return None
        function = FUNCTIONS.get(word)
        if function and (opened or self.bare_argument(function, t)):
            self.take()
            return self.function(function, t)
        if word in self.table.dimensions:
            self.take()
            return Node("dim", (), word, t.at)
        if word in ("Cov", "Var", "argmin", "argmax", "lim", "grad", "partial", "nabla"):
            raise self.fail(f"{self.shown(t)} is not computed here", "the result as a formula of the declared symbols")
        return None

    def bare_argument(self, function: str, t: Token) -> bool:
        following = self.toks[self.i + 1]
        if function not in BARE:
            return False
        if following.kind in ("num", "word", "accent", "style", "sup") or following.value in ("^", "_", "{", "|", "\\|"):
            return t.latex or following.spaced or following.value in ("^", "{", "|", "\\|")
        return following.kind == "cmd" and following.value in (FRACTIONS | COMMANDS | {"sqrt", "limits", "sum"})

    def first_piece(self, word: str) -> int:
        """Length of the first name when a run of letters is cut into the fewest declared names; 0 where it cannot be."""
        best: dict[int, tuple[int, int]] = {len(word): (0, 0)}
        for i in range(len(word) - 1, -1, -1):
            for j in range(i + 1, len(word) + 1):
                if j not in best:
                    continue
                piece = word[i:j]
                last = j == len(word)
                known = (
                    self.table.exact(Name(piece)) is not None
                    or piece in self.scope
                    or piece in ("I", "e", "pi") and not word.isdigit()
                    or len(piece) == 1 and piece in self.table.dimensions
                    or last and self.lookup(piece, (), self.scripts_ahead(self.i + 1)) is not None
                    or last and piece in FUNCTIONS and piece in COMMANDS and self.toks[self.i + 1].value == "("
                    or piece.isdigit() and i > 0 and False
                )
                if known and (i not in best or best[j][0] + 1 < best[i][0]):
                    best[i] = (best[j][0] + 1, j - i)
        count, length = best.get(0, (0, 0))
        return length if count > 1 else 0

    def split_token(self, length: int) -> None:
        t = self.tok
        head = Token(t.kind, t.value[:length], t.at, t.at + length, t.spaced, t.latex)
        rest = t.value[length:]
        kind = "num" if rest.isdigit() else t.kind
        tail = Token(kind, rest, t.at + length, t.end, False, t.latex)
        self.toks[self.i : self.i + 1] = [head, tail]

    def unknown(self, word: str, at: int) -> Unreadable:
        if word in KEYWORDS or len(word) > 3 and word.isalpha() and word not in GREEK:
            return Unreadable(self.text, at, f"{word!r} is a word, not a formula", "one formula made of " + self.declared())
        return Unreadable(self.text, at, f"the symbol {word!r} is not declared in this problem", "the symbols " + self.declared())

    def declared(self) -> str:
        return ", ".join(s.name for s in self.table.declared[:12]) or "numbers"

    # --- functions

    def function(self, function: str, t: Token) -> Node:
        """A function whose name has just been read."""
        exponent: Node | None = None
        primes = 0
        if function in ("max", "min") and self.at_op("_"):
            raise self.fail("a maximum over something", "max(a, b)")
        while self.at_op("'"):
            self.take()
            primes += 1
        base: Node | None = None
        if self.at_op("_") and function == "log":
            self.take()
            base = self.exponent()
        if (self.at_op("^") or self.tok.kind == "sup") and function not in ("trace",):
            marker = Node("num", (), Fraction(1), t.at)
            powered = self.power(marker) if self.at_op("^") else self.apply_superscript(marker, self.take().value, t.at)
            if powered.op != "pow":
                raise self.fail("a function's exponent is a number", "\\sin^2(x)", at=t.at)
            exponent = powered.args[1]
        if self.at_op("(", "[", "\\{") or self.at_op("{") and function not in BARE:
            args = self.arguments()
        elif function in BARE and function not in ("max", "min"):
            args = [self.bare()]
        else:
            raise self.fail(f"{t.value} has no argument", f"{t.value}(...)")
        if primes:
            if primes > 1 or function not in ("sigmoid", "relu", "tanh", "exp", "log", "softplus"):
                raise self.fail("a derivative of this function", "its formula", at=t.at)
            function = f"{function}_prime"
        node = self.build_call(function, args, t.at)
        if base is not None:
            node = Node("prod", (node, self.build_call("log", [base], t.at)), ("/",), t.at)
        return Node("pow", (node, exponent), None, t.at) if exponent is not None else node

    def bare(self) -> Node:
        """The argument of `\\det A`, `\\log x y`: what follows up to an operator or another function."""
        at = self.tok.at
        factors = [self.factor()]
        while self.starts_factor() and self.tok.kind not in ("func",) and not self.at_cmd(*COMMANDS, "sum"):
            if self.tok.kind == "word" and self.tok.value in FUNCTIONS and not self.table.exact(Name(self.tok.value)):
                break
            if self.at_op("(", "[", "\\{", "|", "\\|"):
                break
            factors.append(self.factor())
        return factors[0] if len(factors) == 1 else Node("prod", tuple(factors), ("",) * (len(factors) - 1), at)

    def library(self, t: Token) -> Node:
        """`np.linalg.inv(...)`: only the last part of the name counts."""
        if t.value in ("pi", "e"):
            return Node("const", (), t.value, t.at)
        function = FUNCTIONS.get(t.value)
        if function is None or function == "unknown" or not self.at_op("("):
            typed = self.text[t.at : t.end]
            raise Unreadable(self.text, t.at, f"{typed!r} is not known here", "inv, solve, dot, norm, where, exp and the like")
        return self.build_call(function, self.arguments(), t.at)

    def arguments(self) -> list[Node]:
        """`(a, b)` or `\\{a, b\\}`; a condition may be an argument; `ord=2` counts as `2`."""
        opened = self.take()
        closing = OPENERS[opened.value]
        bars, self.bars = self.bars, []
        args: list[Node] = []
        while not self.at_op(closing):
            if self.tok.kind == "eof":
                self.expect(closing, opened.at)
            args.append(self.argument())
            if self.at_op(","):
                self.take()
            elif not self.at_op(closing):
                self.expect(closing, opened.at)
        self.take()
        self.bars = bars
        return args

    def argument(self) -> Node:
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
            return self.argument()
        if t.kind == "func" and t.value == "inf" or t.kind == "cmd" and t.value == "infty":
            self.take()
            return Node("string", (), "inf", t.at)
        if t.kind == "op" and t.value == "[":
            rows = self.listing()
            if rows is not None:
                return rows
        node = self.ternary()
        if not self.at_op(*RELATION_SIGNS):
            return node
        links = []
        while self.at_op(*RELATION_SIGNS):
            sign = self.take().value
            right = self.additive()
            links.append(Node("rel", (node, right), sign, t.at))
            node = right
        return links[0] if len(links) == 1 else Node("and", tuple(links), None, t.at)

    def listing(self) -> Node | None:
        """`[a, b]`, `[[a, b], [c, d]]` and `[a; b]` as blocks; None (and nothing read) for a bracket around one expression."""
        start = self.i
        opened = self.take()
        bars, self.bars = self.bars, []
        rows: list[list[Node]] = [[]]
        nested = False
        while True:
            if self.at_op("["):
                inner = self.listing()
                if inner is None:
                    inner = self.additive_at_bracket()
                    rows[-1].append(inner)
                else:
                    nested = True
                    if rows[-1]:
                        rows.append([])
                    rows[-1] += list(inner.args)
            else:
                rows[-1].append(self.additive())
            if self.at_op(","):
                self.take()
            elif self.at_op(";") or self.tok.kind == "newline":
                self.take()
                rows.append([])
            elif self.at_op("]"):
                self.take()
                break
            else:
                self.expect("]", opened.at)
        self.bars = bars
        if not nested and len(rows) == 1 and len(rows[0]) == 1:
            self.i = start
            return None
        return self.blocks(rows, opened.at)

    def additive_at_bracket(self) -> Node:
        return self.additive()

    def blocks(self, rows: list[list[Node]], at: int) -> Node:
        rows = [row for row in rows if row]
        if not rows or len({len(row) for row in rows}) != 1:
            raise self.fail("the rows of the matrix differ in length", "rows of one length", at=at)
        if sum(map(len, rows)) > MAX_BLOCK_ENTRIES:
            raise OutOfBudget("MAX_BLOCK_ENTRIES", "a larger matrix")
        return Node("block", tuple(entry for row in rows for entry in row), len(rows[0]), at)

    def build_call(self, function: str, args: list[Node], at: int) -> Node:
        """A call with its arguments counted; shorthands taken apart."""
        counts = {
            "max": (1, 9), "min": (1, 9), "dot": (2, 2), "outer": (2, 2), "solve": (2, 2), "where": (3, 3), "had": (2, 2), "ediv": (2, 2), "plus": (2, 2),
            "minus": (2, 2), "power": (2, 2), "power_m": (2, 2), "norm": (1, 2), "eye": (1, 2), "zeros": (1, 2), "ones": (1, 2), "heaviside": (1, 2),
            "vstack": (1, 9), "hstack": (1, 9), "array": (1, 1), "clip": (3, 3), "multi_dot": (1, 1), "softmax": (1, 2), "softplus": (1, 1),
            "block": (1, 1),
        }  # fmt: skip
        low, high = counts.get(function, (1, 1))
        if function == "unknown":
            raise self.fail("this function is not known here", "inv, solve, dot, norm, where, exp and the like", at=at)
        if not low <= len(args) <= high:
            raise self.fail(f"{len(args)} arguments where {low if low == high else f'{low} to {high}'} are due", "the usual arguments", at=at)
        if function == "same":
            return args[0]
        if function in ("transpose", "inverse", "pinv"):
            return Node(function, tuple(args[:1]), None, at)
        if function in ("eye", "zeros", "ones"):
            return Node(function, (), tuple(self.dimension_text(a) for a in args if not (a.op == "num" and a.data == 1 and len(args) > 1)), at)
        if function == "norm":
            kind = None
            if len(args) == 2:
                given = args[1]
                typed = given.data if given.op == "string" else str(given.data) if given.op == "num" else "?"
                return self.norm_kind(Node("norm", (args[0],), None, at), str(typed), given.at)
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
            return Node("cases", (UNIT, Node("rel", (x, ZERO), ">", at), zero, Node("rel", (x, ZERO), "=", at), ZERO, Node("true")), None, at)
        if any(a.op in ("rel", "and", "or", "not", "string") for a in args):
            raise self.fail("a condition stands where a value is due", "where(condition, a, b)", at=at)
        return Node("call", tuple(args[:1] if function == "softmax" else args), function, at)

    def dimension_text(self, node: Node) -> str:
        if node.op == "num":
            return str(node.data)
        if node.op in ("dim", "index"):
            return str(node.data)
        if node.op == "sym":
            return self.table.by_key(node.data).name
        if node.op == "add":
            return "+".join(self.dimension_text(a) for a in node.args)
        raise self.fail("this is no dimension", "np.eye(n)", at=node.at)

    # --- commands and brackets

    def command(self) -> Node:
        t = self.take()
        name = t.value
        if name in FRACTIONS:
            top, bottom = self.braced("a numerator"), self.braced("a denominator")
            return Node("prod", (top, bottom), ("/",), t.at)
        if name == "sqrt":
            return self.root(t)
        if name == "sum":
            return self.summation(t)
        if name == "langle":
            return self.inner_product(t)
        if name in COMMANDS:
            return self.function(FUNCTIONS[name], t)
        if name == "infty":
            raise self.fail("infinity is no value here", "a finite formula", at=t.at)
        if name in ("ldots", "dots", "cdots", "dotsc", "dotsb", "vdots"):
            raise self.fail("dots leave something out", "a complete formula", at=t.at)
        raise self.fail(f"{self.shown(t)} is not understood here", "a formula made of " + self.declared(), at=t.at)

    def braced(self, what: str) -> Node:
        """An argument of a LaTeX command: a brace group, or one digit or letter."""
        t = self.tok
        while t.kind == "style":
            self.take()
            t = self.tok
        if t.kind == "op" and t.value == "{":
            opened = self.take()
            if self.at_op("}"):
                raise self.fail(f"{what} is missing", "\\frac{a}{b}")
            bars, self.bars = self.bars, []
            node = self.additive()
            self.bars = bars
            self.expect("}", opened.at)
            return node
        if t.kind == "num" and len(t.value) > 1 and t.value.isdigit():
            self.split_token(1)
            t = self.tok
            self.take()
            return Node("num", (), Fraction(t.value), t.at)
        if t.kind == "word" and len(t.value) > 1 and not t.latex:
            self.split_token(1)
        if t.kind in ("num", "word", "accent", "cmd"):
            return self.primary()
        raise self.fail(f"{what} is missing", "\\frac{a}{b}")

    def root(self, t: Token) -> Node:
        degree = 2
        if self.at_op("["):
            self.take()
            if self.tok.kind != "num" or self.tok.value not in ("2", "3", "4"):
                raise self.fail("this root is not known", "\\sqrt{x}")
            degree = int(self.take().value)
            self.expect("]", t.at)
        if self.at_op("(", "["):
            node = self.bracket()
        elif self.text[t.at] == "√":
            node = self.factor()
        else:
            node = self.braced("the argument of the root")
        if degree == 2:
            return Node("call", (node,), "sqrt", t.at)
        return Node("pow", (node, Node("num", (), Fraction(1, degree), t.at)), None, t.at)

    def summation(self, t: Token) -> Node:
        """\\sum_{i=1}^n, \\sum_i, \\sum_{i,j}: the body is the product that follows."""
        names: list[str] = []
        lower: Node | None = None
        upper: Node | None = None
        while True:
            if self.at_op("_") or self.tok.kind == "sub":
                if self.tok.kind == "sub":
                    group = [Token("word", c, self.tok.at, self.tok.end) for c in self.tok.value]
                    self.take()
                else:
                    self.take()
                    group, self.i = group_at(self.toks, self.i)
                group = [g for g in group if g.kind != "style"]
                equals = next((k for k, g in enumerate(group) if g.kind == "op" and g.value == "="), None)
                head = group if equals is None else group[:equals]
                if any(g.kind not in ("word",) and g.value != "," for g in head) or not head:
                    raise self.fail("what the sum runs over is not understood", "\\sum_{i=1}^n", at=t.at)
                names = [c for g in head if g.kind == "word" for c in ([g.value] if g.latex else g.value)]
                if equals is not None:
                    end = Token("eof", "", group[-1].end, group[-1].end)
                    lower = Grammar(self.text, [*group[equals + 1 :], end], self.table, free=frozenset(self.scope)).whole()
            elif self.at_op("^"):
                self.take()
                upper = self.braced("the upper end of the sum")
            elif self.tok.kind == "sup":
                sup = self.take()
                upper = self.special_dimension(sup.value, sup.at)
            else:
                break
        if not names:
            raise self.fail("the sum does not say what it runs over", "\\sum_{i=1}^n", at=t.at)
        fresh = [name for name in names if name not in self.scope]
        self.scope.update(fresh)
        body = self.product()
        self.scope.difference_update(fresh)
        for name in reversed(names):
            body = Node("sum", (body, *([lower] if lower else []), *([upper] if upper else [])), (name, lower is not None, upper is not None), t.at)
        return body

    def special_dimension(self, text: str, at: int) -> Node:
        if text.isdigit():
            return Node("num", (), Fraction(int(text)), at)
        if text in self.table.dimensions:
            return Node("dim", (), text, at)
        raise Unreadable(self.text, at, f"{text!r} is no end of a sum", "a dimension or a number")

    def inner_product(self, t: Token) -> Node:
        bars, self.bars = self.bars, []
        left = self.additive()
        if not (self.at_op(",", "|") or self.at_op(";")):
            raise self.fail("an inner product has two sides", "\\langle x, y \\rangle")
        self.take()
        right = self.additive()
        self.bars = bars
        self.expect("\\rangle", t.at)
        return Node("call", (left, right), "inner", t.at)

    def between_bars(self) -> Node:
        opened = self.take()
        mark = opened.value
        self.bars.append(mark)
        node = self.additive()
        t = self.tok
        if mark == "|" and t.kind == "op" and t.value == "\\|" and self.text[t.at : t.end] == "||":
            half = Token("op", "|", t.at, t.at + 1, t.spaced)
            self.toks[self.i : self.i + 1] = [half, Token("op", "|", t.at + 1, t.end)]
        self.bars.pop()
        if not self.at_op(mark):
            raise self.fail(f"the bar opened at character {opened.at + 1} is never closed", "|x| or \\|x\\|")
        self.take()
        return Node("norm" if mark == "\\|" else "bars", (node,), None, opened.at)

    def bracket(self) -> Node:
        if self.at_op("\\{") and self.toks[self.i + 1].kind == "begin" and self.toks[self.i + 1].value == "array":
            return self.environment_cases_array()
        if self.at_op("["):
            rows = self.listing()
            if rows is not None:
                return rows
        opened = self.take()
        if opened.value == "{" and self.simple_group():
            return self.primary()
        bars, self.bars = self.bars, []
        closing = OPENERS[opened.value]
        if self.at_op(closing):
            raise self.fail("empty brackets", "an expression inside the brackets")
        if opened.value in ("(", "[") and self.starts_condition_factor(closing):
            condition = self.condition()
            node = Node("cases", (UNIT, condition, ZERO, Node("true")), None, opened.at)
        else:
            node = self.ternary()
        self.bars = bars
        if opened.value == "[" and self.at_op(";"):
            raise self.fail("a list", "one expression")
        self.expect(closing, opened.at)
        return node

    def starts_condition_factor(self, closing: str) -> bool:
        """`(w*x + b > 0)` as a factor counts 1 or 0, as in numpy."""
        depth = 0
        opening = {")": "(", "]": "["}[closing]
        for t in self.toks[self.i :]:
            if t.kind == "op" and t.value in OPENERS:
                depth += 1
            elif t.kind == "op" and t.value in OPENERS.values():
                depth -= 1
                if depth < 0:
                    return False
            elif depth == 0 and t.kind == "op" and (t.value in ("<", ">", "<=", ">=", "!=") or self.text[t.at : t.end] == "=="):
                return True
            elif depth == 0 and t.kind == "word" and t.value in ("if", "when", "for"):
                return False
        return opening == ""

    def simple_group(self) -> bool:
        """`{x}` and `{\\bf x}` around one name: the braces go, so that scripts after them belong to the name."""
        group, after = group_at(self.toks, self.i - 1)
        inner = [g for g in group if g.kind != "style"]
        if self.simple(inner) and inner[0].kind != "num":
            self.toks[self.i - 1 : after] = inner
            self.i -= 1
            return True
        return False

    # --- environments

    def environment(self) -> Node:
        t = self.take()
        if t.value in CASES:
            return self.cases_rows(t)
        if t.value in MATRICES:
            if t.value == "array" and self.has_condition(t):
                return self.cases_rows(t)
            rows: list[list[Node]] = [[]]
            bars, self.bars = self.bars, []
            while not self.tok.kind == "end":
                if self.tok.kind == "newline":
                    self.take()
                    rows.append([])
                elif self.at_op("&"):
                    self.take()
                elif self.tok.kind == "eof":
                    raise self.fail(f"\\begin{{{t.value}}} is never ended", f"\\end{{{t.value}}}", at=t.at)
                else:
                    rows[-1].append(self.ternary())
                    if not (self.at_op("&") or self.tok.kind in ("newline", "end")):
                        raise self.unexpected()
            self.bars = bars
            self.close(t)
            block = self.blocks(rows, t.at)
            return Node("call", (block,), "det", t.at) if t.value == "vmatrix" else block
        raise self.fail(f"the environment {t.value!r} does not belong inside a formula", "bmatrix or cases", at=t.at)

    def close(self, begun: Token) -> None:
        t = self.take()
        if t.value != begun.value:
            raise self.fail(f"\\begin{{{begun.value}}} is ended by \\end{{{t.value}}}", f"\\end{{{begun.value}}}", at=t.at)

    def has_condition(self, begun: Token) -> bool:
        for t in self.toks[self.i :]:
            if t.kind == "end" and t.value == begun.value:
                return False
            if t.kind == "op" and t.value in RELATION_SIGNS or t.kind == "word" and t.value in ("if", "otherwise", "else", "when"):
                return True
        return False

    def environment_cases_array(self) -> Node:
        """\\left\\{ \\begin{array}{ll} ... \\end{array} \\right."""
        self.take()
        node = self.cases_rows(self.take())
        if self.at_op("\\right."):
            self.take()
        elif self.at_op("\\}"):
            self.take()
        return node

    def cases_rows(self, begun: Token) -> Node:
        parts: list[Node] = []
        bars, self.bars = self.bars, []
        while self.tok.kind != "end":
            if self.tok.kind == "newline":
                self.take()
                continue
            if self.tok.kind == "eof":
                raise self.fail(f"\\begin{{{begun.value}}} is never ended", f"\\end{{{begun.value}}}", at=begun.at)
            value = self.additive()
            while self.at_op(",", "&", ";", ":"):
                self.take()
            if self.at_word("if", "when", "for", "where"):
                self.take()
                while self.at_op("&"):
                    self.take()
            if self.at_word("otherwise", "else", "elsewhere", "ow") or self.tok.kind in ("newline", "end"):
                while self.tok.kind not in ("newline", "end", "eof"):
                    t = self.take()
                    if t.kind == "word" and t.value not in ("otherwise", "else", "elsewhere", "ow", "if", "x", "w", "o") and t.latex is False:
                        break
                parts += [value, Node("true")]
            else:
                parts += [value, self.cases_condition()]
            while self.at_op(",", ".", ";"):
                self.take()
            if self.tok.kind not in ("newline", "end"):
                raise self.unexpected()
        self.bars = bars
        self.close(begun)
        if self.at_op("\\right."):
            self.take()
        if not parts:
            raise self.fail("the cases are empty", "a value and a condition in each row", at=begun.at)
        return Node("cases", tuple(parts), None, begun.at)

    def cases_condition(self) -> Node:
        """A condition in a row; a comma joins two of them."""
        at = self.tok.at
        parts = [self.condition()]
        while self.at_op(",") and self.toks[self.i + 1].kind not in ("newline", "end"):
            self.take()
            parts.append(self.condition())
        return parts[0] if len(parts) == 1 else Node("and", tuple(parts), None, at)


LOOKALIKE_NAMES: Final = frozenset(LOOKALIKES)
