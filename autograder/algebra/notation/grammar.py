"""Tokens -> raw tree: a recursive descent over what students type, driven by the symbol table.

The table decides what a run of letters is (`wx` is w times x, `W1_i` is one name), whether a script belongs to a name or acts on it,
and whether `sigma(z)` is a product. Nothing here looks at shapes. The parts: `cursor`, `names`, `scripts`, `calls`, and here the
sums, products, conditions, brackets and environments that join them.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from autograder.algebra.limits import MAX_DEPTH, MAX_FACTORS
from autograder.algebra.notation.calls import Calls
from autograder.algebra.notation.nodes import Node, check_depth
from autograder.errors import OutOfBudget, Unreadable
from autograder.mathtext import CASES, COMMANDS, FRACTIONS, KEYWORDS, MATRICES, OPENERS, RELATION_SIGNS, Name, Token, group_at

ZERO: Final = Node("num", (), Fraction(0))
UNIT: Final = Node("num", (), Fraction(1))


class Grammar(Calls):
    """One reading of a list of tokens (the last of kind eof) with a symbol table.

    text: what the tokens came from, for messages. numpy: the text uses `@` or a library, so `*` and `**` act on entries.
    free: names of indices that may occur without a sum over them.
    """

    def whole(self) -> Node:
        """All tokens as one expression."""
        node = self._ternary()
        if self.tok.kind != "eof":
            raise self.unexpected()
        check_depth(node)
        return node

    def _ternary(self) -> Node:
        """`a`, `a if c else b`, `a if c, 0 otherwise`, `a when c and b when d`, `if c: a, else: b`."""
        at = self.tok.at
        if self._at_word("if", "when", "for") and self._has_condition_ahead():
            return self._condition_first()
        value = self._additive()
        start = self.i
        if self._at_op(","):
            self._take()
        if not self._at_word("if", "when", "for", "where"):
            self.i = start
            return value
        if self.tok.value == "where" and not self._has_condition_ahead():
            self.i = start
            return value
        parts: list[Node] = []
        while True:
            self._take()
            parts += [value, self.condition()]
            self._separators()
            if self._at_word("else", "otherwise", "elsewhere"):
                self._take()
                if self._at_op(",", ":"):
                    self._take()
                if self._at_word("if", "when", "for"):
                    continue_value = None
                else:
                    continue_value = self._ternary_value()
                if continue_value is None:
                    raise self.fail("a condition stands where a value is due", "x if z > 0 else 0")
                if self._at_word("if", "when", "for"):
                    value = continue_value
                    continue
                return Node("cases", (*parts, continue_value, Node("true")), None, at)
            if self.tok.kind == "eof" or self._at_op(")", "]", "}", "\\}"):
                return Node("cases", tuple(parts), None, at)
            value = self._ternary_value()
            if self._at_op(","):
                self._take()
            if self._at_word("otherwise", "else", "elsewhere"):
                self._take()
                return Node("cases", (*parts, value, Node("true")), None, at)
            if not self._at_word("if", "when", "for", "where"):
                raise self.unexpected()

    def _condition_first(self) -> Node:
        """`if c: a, else: b`"""
        at = self.tok.at
        parts: list[Node] = []
        while self._at_word("if", "when", "for"):
            self._take()
            condition = self.condition()
            while self._at_op(":", ",") or self._at_word("then"):
                self._take()
            parts += [self._ternary_value(), condition]
            self._separators()
            if self._at_word("else", "otherwise", "elsewhere"):
                self._take()
                while self._at_op(":", ","):
                    self._take()
                if not self._at_word("if", "when", "for"):
                    parts += [self._ternary_value(), Node("true")]
                    break
        return Node("cases", tuple(parts), None, at)

    def _brace_cases(self) -> Node | None:
        """`{ a, c; b, else }`; None (and nothing read) for braces around one expression."""
        depth = 0
        signs = set()
        for t in self.toks[self.i :]:
            if t.kind == "op" and t.value in OPENERS:
                depth += 1
            elif t.kind == "op" and t.value in OPENERS.values():
                depth -= 1
                if depth == 0:
                    break
            elif depth == 1:
                signs.add(t.value)
        if not ({",", ";"} & signs and (signs & (RELATION_SIGNS | {"if", "else", "otherwise"}))):
            return None
        opened = self._take()
        bars, self.bars = self.bars, []
        parts: list[Node] = []
        while not self._at_op(OPENERS[opened.value]):
            value = self._additive()
            while self._at_op(",", ":", "&") or self._at_word("if", "when", "for"):
                self._take()
            if self._at_word("else", "otherwise", "elsewhere"):
                self._take()
                parts += [value, Node("true")]
            else:
                parts += [value, self.condition()]
            self._separators()
        self.bars = bars
        self._take()
        return Node("cases", tuple(parts), None, opened.at)

    def _ternary_value(self) -> Node:
        if self._at_word("is", "equals") or self._at_op("="):
            self._take()
        return self._additive()

    def _separators(self) -> None:
        while self._at_op(",", ";") or self._at_word("and", "then") or self.tok.kind == "newline":
            self._take()

    def condition(self) -> Node:
        """`wx + b > 0`, `0 < t < 1`, with and, or, not."""
        self._enter()
        at = self.tok.at
        parts = [self._conjunction()]
        while self._at_word("or"):
            self._take()
            parts.append(self._conjunction())
        self.depth -= 1
        node = parts[0] if len(parts) == 1 else Node("or", tuple(parts), None, at)
        check_depth(node)
        return node

    def _conjunction(self) -> Node:
        at = self.tok.at
        parts = [self._comparison()]
        while self._at_word("and") or (self._at_op("&") and self.toks[self.i + 1].kind != "eof"):
            start = self.i
            while self._at_word("and") or self._at_op("&"):
                self._take()
            if self._at_word("otherwise", "else") or not self._has_condition_ahead():
                self.i = start
                break
            here = self.i
            try:
                parts.append(self._comparison())
            except Unreadable:
                # "x if a > 0 and 0 otherwise": the rest is a value
                self.i = start
                if here == start:
                    raise
                break
        return parts[0] if len(parts) == 1 else Node("and", tuple(parts), None, at)

    def _comparison(self) -> Node:
        at = self.tok.at
        if self._at_word("not"):
            self._take()
            return Node("not", (self._comparison(),), None, at)
        if self._at_op("(", "["):
            start, bars = self.i, list(self.bars)
            opened = self._take()
            try:
                inner = self.condition()
                self._expect(OPENERS[opened.value], opened.at)
                if not self._at_op(*RELATION_SIGNS):
                    return inner
            except Unreadable:
                pass
            self.i, self.bars = start, bars
        left = self._additive()
        links: list[Node] = []
        while self._at_op(*RELATION_SIGNS):
            sign = self._take().value
            right = self._additive()
            links.append(Node("rel", (left, right), sign, at))
            left = right
        if not links:
            raise self.fail("a condition is due here", "a comparison such as wx + b > 0")
        return links[0] if len(links) == 1 else Node("and", tuple(links), None, at)

    def _additive(self) -> Node:
        self._enter()
        at = self.tok.at
        terms: list[Node] = []
        sign = 1
        while self._at_op("+", "-"):
            sign = -sign if self._take().value == "-" else sign
        while True:
            term = self._product()
            terms.append(Node("neg", (term,), None, term.at) if sign < 0 else term)
            if not self._at_op("+", "-"):
                break
            sign = 1
            while self._at_op("+", "-"):
                sign = -sign if self._take().value == "-" else sign
        self.depth -= 1
        return terms[0] if len(terms) == 1 else Node("add", tuple(terms), None, at)

    def _product(self) -> Node:
        """Factors with the operators between them; entrywise products bind less tightly than the others."""
        at = self.tok.at
        node = self._factors()
        while self._at_cmd("odot", "circ", "oslash"):
            kind = "ediv" if self._take().value == "oslash" else "had"
            sign = self._signs()
            right = self._factors()
            node = Node("call", (node, Node("neg", (right,), None, right.at) if sign < 0 else right), kind, at)
        return node

    def _factors(self) -> Node:
        at = self.tok.at
        factors = [self._factor()]
        between: list[str] = []
        while True:
            if self._at_op("*", "/", "@"):
                operator = self._take().value
            elif self._at_cmd("cdot", "times", "bullet", "div", "bigcdot"):
                operator = {"div": "/", "times": "*"}.get(self._take().value, ".")
            elif self._is_factor_next():
                operator = ""
            else:
                break
            sign = self._signs() if operator else 1
            factor = self._factor()
            factors.append(Node("neg", (factor,), None, factor.at) if sign < 0 else factor)
            between.append(operator)
            if len(factors) > MAX_FACTORS:
                raise OutOfBudget("MAX_FACTORS", f"more than {MAX_FACTORS} factors")
        if len(factors) == 1:
            return factors[0]
        return Node("prod", tuple(factors), tuple(between), at)

    def _is_factor_next(self) -> bool:
        t = self.toks[self.i]
        if t.kind in ("num", "func", "accent", "style", "frac", "begin"):
            return True
        if t.kind == "word":
            return not (t.value in KEYWORDS and not self.table.exact(Name(t.value)))
        if t.kind == "cmd":
            return t.value in FRACTIONS or t.value in COMMANDS or t.value in ("sqrt", "sum", "langle", "lfloor", "prod")
        if t.kind == "op":
            if t.value in ("|", "\\|"):
                return not (self.bars and self._closes_bar(t))
            return t.value in ("(", "[", "{", "\\{")
        return False

    def _factor(self) -> Node:
        self._enter()
        node = self._postfix(self._primary())
        self.depth -= 1
        return node

    def _primary(self) -> Node:
        """One operand. Every way down leads through here, so here nesting without brackets (`\\sqrt \\sqrt ... x`) is counted."""
        self.operands += 1
        if self.operands > MAX_DEPTH:
            raise OutOfBudget("MAX_DEPTH", f"more than {MAX_DEPTH} levels")
        node = self._operand()
        self.operands -= 1
        return node

    def _operand(self) -> Node:
        t = self.tok
        if t.kind == "style":
            return self._styled()
        if t.kind == "num":
            return self._number()
        if t.kind == "frac":
            self._take()
            top, bottom = t.value.split("/")
            return Node("num", (), Fraction(int(top), int(bottom)), t.at)
        if t.kind == "accent" or t.kind == "word":
            return self._name()
        if t.kind == "func":
            self._take()
            return self._library(t)
        if t.kind == "cmd":
            return self._command()
        if t.kind == "begin":
            return self._environment()
        if t.kind == "op":
            if t.value in ("|", "\\|"):
                return self._between_bars()
            if t.value in OPENERS:
                return self._bracket()
        if t.kind == "attr":
            raise self.fail("the answer begins with an attribute", "x.T")
        raise self._unexpected_start()

    def _between_bars(self) -> Node:
        opened = self._take()
        mark = opened.value
        self.bars.append(mark)
        node = self._additive()
        t = self.tok
        if mark == "|" and t.kind == "op" and t.value == "\\|" and self.text[t.at : t.end] == "||":
            half = Token("op", "|", t.at, t.at + 1, t.spaced)
            self.toks[self.i : self.i + 1] = [half, Token("op", "|", t.at + 1, t.end)]
        self.bars.pop()
        if not self._at_op(mark):
            raise self.fail(f"the bar opened at character {opened.at + 1} is never closed", "|x| or \\|x\\|")
        self._take()
        return Node("norm" if mark == "\\|" else "bars", (node,), None, opened.at)

    def _bracket(self) -> Node:
        if self._at_op("\\{") and self.toks[self.i + 1].kind == "begin" and self.toks[self.i + 1].value == "array":
            return self._environment_cases_array()
        if self._at_op("["):
            here = self.i
            self.i += 1
            iverson = self._is_condition_factor_next("]")
            self.i = here
            rows = None if iverson else self._listing()
            if rows is not None:
                return rows
        if self._at_op("{", "\\{"):
            cases = self._brace_cases()
            if cases is not None:
                return cases
        opened = self._take()
        if opened.value == "{" and self._is_simple_group():
            return self._primary()
        bars, self.bars = self.bars, []
        closing = OPENERS[opened.value]
        if self._at_op(closing):
            raise self.fail("empty brackets", "an expression inside the brackets")
        if opened.value in ("(", "[") and self._is_condition_factor_next(closing):
            condition = self.condition()
            node = Node("cases", (UNIT, condition, ZERO, Node("true")), None, opened.at)
        else:
            node = self._ternary()
        self.bars = bars
        if opened.value == "[" and self._at_op(";"):
            raise self.fail("a list", "one expression")
        self._expect(closing, opened.at)
        return node

    def _is_condition_factor_next(self, closing: str) -> bool:
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

    def _is_simple_group(self) -> bool:
        """`{x}` and `{\\bf x}` around one name: the braces go, so that scripts after them belong to the name."""
        group, after = group_at(self.toks, self.i - 1)
        inner = [g for g in group if g.kind != "style"]
        if self._is_simple(inner) and inner[0].kind != "num":
            self.toks[self.i - 1 : after] = inner
            self.i -= 1
            return True
        return False

    def _environment(self) -> Node:
        t = self._take()
        if t.value in CASES:
            return self._cases_rows(t)
        if t.value in MATRICES:
            if t.value == "array" and self._has_condition(t):
                return self._cases_rows(t)
            rows: list[list[Node]] = [[]]
            bars, self.bars = self.bars, []
            while self.tok.kind != "end":
                if self.tok.kind == "newline":
                    self._take()
                    rows.append([])
                elif self._at_op("&"):
                    self._take()
                elif self.tok.kind == "eof":
                    raise self.fail(f"\\begin{{{t.value}}} is never ended", f"\\end{{{t.value}}}", at=t.at)
                else:
                    rows[-1].append(self._ternary())
                    if not (self._at_op("&") or self.tok.kind in ("newline", "end")):
                        raise self.unexpected()
            self.bars = bars
            self._close(t)
            block = self._blocks(rows, t.at)
            return Node("call", (block,), "det", t.at) if t.value == "vmatrix" else block
        raise self.fail(f"the environment {t.value!r} does not belong inside a formula", "bmatrix or cases", at=t.at)

    def _close(self, begun: Token) -> None:
        t = self._take()
        if t.value != begun.value:
            raise self.fail(f"\\begin{{{begun.value}}} is ended by \\end{{{t.value}}}", f"\\end{{{begun.value}}}", at=t.at)

    def _has_condition(self, begun: Token) -> bool:
        for t in self.toks[self.i :]:
            if t.kind == "end" and t.value == begun.value:
                return False
            if (t.kind == "op" and t.value in RELATION_SIGNS) or (t.kind == "word" and t.value in ("if", "otherwise", "else", "when")):
                return True
        return False

    def _environment_cases_array(self) -> Node:
        """\\left\\{ \\begin{array}{ll} ... \\end{array} \\right."""
        self._take()
        node = self._cases_rows(self._take())
        if self._at_op("\\right.") or self._at_op("\\}"):
            self._take()
        return node

    def _cases_rows(self, begun: Token) -> Node:
        parts: list[Node] = []
        bars, self.bars = self.bars, []
        while self.tok.kind != "end":
            if self.tok.kind == "newline":
                self._take()
                continue
            if self.tok.kind == "eof":
                raise self.fail(f"\\begin{{{begun.value}}} is never ended", f"\\end{{{begun.value}}}", at=begun.at)
            while self._at_op("&"):
                self._take()
            value = self._additive()
            while self._at_op(",", "&", ";", ":"):
                self._take()
            if self._at_word("if", "when", "for", "where"):
                self._take()
                while self._at_op("&"):
                    self._take()
            if self._at_word("otherwise", "else", "elsewhere", "ow") or self.tok.kind in ("newline", "end"):
                while self.tok.kind not in ("newline", "end", "eof"):
                    t = self._take()
                    if (
                        t.kind == "word"
                        and t.value not in ("otherwise", "else", "elsewhere", "ow", "if", "x", "w", "o")
                        and t.latex is False
                    ):
                        break
                parts += [value, Node("true")]
            else:
                parts += [value, self._cases_condition()]
            while self._at_op(",", ".", ";"):
                self._take()
            if self.tok.kind not in ("newline", "end"):
                raise self.unexpected()
        self.bars = bars
        self._close(begun)
        if self._at_op("\\right."):
            self._take()
        if not parts:
            raise self.fail("the cases are empty", "a value and a condition in each row", at=begun.at)
        return Node("cases", tuple(parts), None, begun.at)

    def _cases_condition(self) -> Node:
        """A condition in a row; a comma joins two of them."""
        at = self.tok.at
        parts = [self.condition()]
        while self._at_op(",") and self.toks[self.i + 1].kind not in ("newline", "end"):
            self._take()
            parts.append(self.condition())
        return parts[0] if len(parts) == 1 else Node("and", tuple(parts), None, at)
