"""What stands behind a factor: exponents, transposes, primes, indices, attributes."""

from __future__ import annotations

import re
from fractions import Fraction

from autograder.algebra.limits import MAX_DEPTH, MAX_WORD
from autograder.algebra.notation.names import Names
from autograder.algebra.notation.nodes import Node
from autograder.algebra.symbols import SCALAR
from autograder.errors import OutOfBudget, Unreadable
from autograder.mathtext import FUNCTIONS, GREEK, METHODS, TRANSPOSES, Name, group_at, script_text


class Scripts(Names):
    """The part of the grammar that reads what follows a factor."""

    def _postfix(self, node: Node) -> Node:
        count = 0
        while True:
            count += 1
            if count > MAX_DEPTH:
                raise OutOfBudget("MAX_DEPTH", f"more than {MAX_DEPTH} scripts on one factor")
            t = self.tok
            if t.kind == "op" and t.value == "^":
                node = self._power(node)
            elif t.kind == "sup":
                self._take()
                node = self._apply_superscript(node, t.value, t.at)
            elif (t.kind == "op" and t.value == "_") or t.kind == "sub":
                node = self._subscript(node)
            elif t.kind == "op" and t.value == "'" and not (t.spaced and self.toks[self.i + 1].kind == "eof"):
                self._take()
                node = self._prime(node, t.at)
            elif t.kind == "attr":
                node = self._attribute(node)
            elif t.kind == "op" and t.value == "!":
                raise self.fail("a factorial", "sums, products, powers and the usual functions")
            else:
                return node

    def _prime(self, node: Node, at: int) -> Node:
        if node.op == "sym" and self.table.by_key(node.data).shape == SCALAR:
            if node.data in self.table.definitions and self.table.functions.get(node.data):
                return self._argument_of_name(Node("call", (node,), "prime", at))
            name = self.table.by_key(node.data).name
            raise Unreadable(self.text, at, f"{name}' is not declared, and {name} is a scalar", "the declared symbols")
        return Node("transpose", (node,), None, at)

    def _power(self, node: Node) -> Node:
        at = self._take().at
        if self._at_op("'"):
            self._take()
            return self._prime(node, at)
        group, after = group_at(self.toks, self.i)
        plain = [g for g in group if g.kind not in ("style",) and g.value not in ("{", "}")]
        if self._at_op("{"):
            if not plain:
                raise self.fail("the exponent is empty", "x^T, x^2")
            special = self._exponent_word("".join(g.value for g in plain), node, at)
            if special is not None:
                self.i = after
                return special
            if len(plain) >= 1 and all(g.value == "'" for g in plain):
                self.i = after
                for _ in plain:
                    node = self._prime(node, at)
                return node
            opened = self._take()
            bars, self.bars = self.bars, []
            exponent = self._additive()
            self.bars = bars
            self._expect("}", opened.at)
            return Node("pow", (node, exponent), None, at)
        while self.tok.kind == "style":
            self._take()
        if self._at_op("{"):
            group, after = group_at(self.toks, self.i)
            special = self._exponent_word("".join(g.value for g in group if g.kind != "style"), node, at)
            if special is not None:
                self.i = after
                return special
        t = self.tok
        bracketed = "".join(g.value for g in self.toks[self.i + 1 : self.i + 4])
        for length, word in ((2, bracketed[:1]), (3, bracketed[:2])):  # A^(T), A^(-T)
            if t.value == "(" and bracketed[length - 1 : length] == ")":
                special = self._exponent_word(word, node, at)
                if special is not None:
                    self.i += length + 1
                    return special
        if t.kind == "word":
            special = None
            if not self.table.exact(Name(t.value)) and t.value not in self.scope:
                whole = self._exponent_word(t.value, node, at)
                if whole is not None and (len(t.value) == 1 or t.latex):
                    self._take()
                    return whole
                if not t.latex and t.value not in GREEK and t.value not in FUNCTIONS and len(t.value) > 1:
                    self._split_token(1)  # x^TA: one letter belongs to the exponent
                    t = self.tok
            special = self._exponent_word(t.value, node, at)
            if special is not None:
                self._take()
                return special
        elif t.kind == "cmd" and t.value in ("top", "intercal", "ast", "dagger", "transpose", "mathsfT", "T"):
            self._take()
            special = self._exponent_word(t.value, node, at)
            assert special is not None
            return special
        elif t.kind == "op" and t.value == "*" and not self._starts_after(1):
            self._take()
            return Node("transpose", (node,), None, at)
        elif t.kind == "op" and t.value == "+" and not self._starts_after(1):
            self._take()
            return Node("pinv", (node,), None, at)
        elif t.kind == "op" and t.value == "-":
            self._take()
            minus = self._exponent_word("-" + self.tok.value[:1], node, at) if self.tok.kind == "word" else None
            if minus is not None:
                if len(self.tok.value) > 1 and not self.tok.latex:
                    self._split_token(1)
                self._take()
                return minus
            exponent = Node("neg", (self._exponent(),), None, at)
            return self._raised(node, exponent, at)
        return self._raised(node, self._exponent(), at)

    def _raised(self, node: Node, exponent: Node, at: int) -> Node:
        """A power. `A**2` acts on entries where the text is numpy's; `A^2` never does."""
        if self.numpy and self.text[at : at + 2] == "**":
            return Node("call", (node, exponent), "epow", at)
        return Node("pow", (node, exponent), None, at)

    def _starts_after(self, ahead: int) -> bool:
        """Is the token after this one the beginning of something that could be an exponent or a factor?"""
        t = self.toks[min(self.i + ahead, len(self.toks) - 1)]
        return t.kind in ("num", "word", "func") or t.value in ("(", "{")

    def _exponent(self) -> Node:
        """Of a power without braces: one token, a bracket, or a power again (powers associate to the right)."""
        self._enter()
        if self.tok.kind == "op" and self.tok.value in ("|", "\\|", ")", "]", "}", "=", ","):
            raise self.fail("the exponent is missing", "x^T, x^2")
        if self.tok.kind == "eof" or self.tok.kind == "math":
            raise self.fail("the exponent is missing", "x^T, x^2")
        node = self._primary()
        if self._at_op("^"):
            node = self._power(node)
        self.depth -= 1
        return node

    def _exponent_word(self, word: str, node: Node, at: int) -> Node | None:
        """`x^T`, `x^{\\top}`, `A^{-T}`, `A^+`, `V^*`: an exponent that is no number. None if it is an ordinary exponent."""
        minus = word.startswith("-")
        bare = word.lstrip("-")
        if bare in ("+", "dagger", "dag") and not minus:
            return Node("pinv", (node,), None, at)
        if bare not in TRANSPOSES:
            return None
        symbol = self.table.exact(Name(bare)) if bare not in ("top", "intercal", "*", "ast") else None
        if symbol is not None:
            if bare == "t" or self._is_scalar(node):
                return None
        elif bare in self.scope:
            return None
        flipped = Node("transpose", (node,), None, at)
        return Node("inverse", (flipped,), None, at) if minus else flipped

    def _apply_superscript(self, node: Node, text: str, at: int) -> Node:
        special = self._exponent_word(text, node, at)
        if special is not None:
            return special
        if len(text) > MAX_WORD:
            raise Unreadable(self.text, at, "a long superscript", "xᵀ, x², A⁻¹")
        inner = text.strip("()")
        if re.fullmatch(r"[-+]?\d{1,6}", inner):
            return Node("pow", (node, Node("num", (), Fraction(int(inner)), at)), None, at)
        if inner in self.scope or self.table.exact(Name(inner)):
            return Node("pow", (node, self._resolve(inner, at)), None, at)
        if text.startswith("T") or text.endswith("T"):
            rest = text.replace("T", "", 1)
            return self._apply_superscript(Node("transpose", (node,), None, at), rest, at)
        raise Unreadable(self.text, at, f"the superscript {text!r} is not understood", "xᵀ, x², A⁻¹")

    def _subscript(self, node: Node) -> Node:
        """An index into something that is no plain name, or a name's index that is no part of it."""
        t = self._take()
        if t.kind == "sub" and node.op in ("norm", "bars"):
            return self._norm_kind(node, t.value, t.at)
        if t.kind == "sub":
            return Node("elem", (node, *self._indices_from_text(t.value, t.at)), None, t.at)
        group, after = group_at(self.toks, self.i)
        if node.op in ("norm", "bars"):
            self.i = after
            return self._norm_kind(node, script_text([g for g in group if g.kind != "style"]), t.at)
        if not group or group[0].kind == "eof":
            raise self.fail("the subscript is empty", "x_i")
        if node.op == "pow" and node.args[0].op in ("norm", "bars"):  # \\|x\\|^2_2
            self.i = after
            kind = self._norm_kind(node.args[0], script_text([g for g in group if g.kind != "style"]), t.at)
            return Node("pow", (kind, node.args[1]), None, node.at)
        if node.op == "pow" and node.args[0].op == "sym" and node.args[1].op == "num":  # x^2_i is the square of an entry
            self.i = after
            entry = Node("elem", (node.args[0], *self._indices(group)), None, t.at)
            return Node("pow", (entry, node.args[1]), None, node.at)
        self.i = after
        return Node("elem", (node, *self._indices(group)), None, t.at)

    def _norm_kind(self, node: Node, kind: str, at: int) -> Node:
        kinds = {
            "2": "2",
            "1": "1",
            "infty": "inf",
            "inf": "inf",
            "F": "F",
            "fro": "F",
            "Fro": "F",
            "op": "spectral",
            "sigma": "spectral",
            "max": "max",
        }
        if kind not in kinds:
            raise Unreadable(self.text, at, f"the norm with index {kind!r} is not known", "the norms 1, 2, \\infty and F")
        return Node("norm", node.args, kinds[kind], node.at)

    def _attribute(self, node: Node) -> Node:
        t = self._take()
        name = t.value
        if name in ("T", "mT", "H", "mH"):
            return Node("transpose", (node,), None, t.at)
        if name == "shape" and self._at_op("["):
            self._take()
            which = self.tok.value
            if which not in ("0", "1"):
                raise self.fail("a matrix has shape[0] and shape[1]", "A.shape[0]")
            self._take()
            self._expect("]", t.at)
            return Node("extent", (node,), int(which), t.at)
        if name == "I" and not self._at_op("("):
            return Node("inverse", (node,), None, t.at)
        if not METHODS.get(name) or not self._at_op("("):
            raise Unreadable(self.text, t.at, f"{'.' + name!r} is not known here", ".T, .inv(), .dot(...)")
        args = self._arguments()
        function = METHODS[name]
        if name == "transpose" and args:
            args = []
        if name in ("t", "transpose", "inv", "inverse", "trace", "det", "item") and args:
            raise Unreadable(self.text, t.at, f"{'.' + name!r} takes no argument", f".{name}()")
        return self._build_call(function, [node, *args], t.at)
