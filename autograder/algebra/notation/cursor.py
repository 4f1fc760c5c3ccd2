"""The reader's place in a list of tokens, and how it complains."""

from __future__ import annotations

from autograder.algebra.limits import MAX_DEPTH, MAX_WORD
from autograder.algebra.notation.nodes import Node
from autograder.algebra.symbols import SCALAR, Symbols
from autograder.errors import OutOfBudget, Unreadable
from autograder.mathtext import GREEK, KEYWORDS, RELATION_SIGNS, Name, Token, group_at


def keywords_out_of_styles(toks: list[Token]) -> list[Token]:
    """`\\mathrm{otherwise}` as a keyword."""
    out: list[Token] = []
    i = 0
    while i < len(toks):
        if toks[i].kind == "style" and i + 1 < len(toks) and toks[i + 1].value == "{":
            group, after = group_at(toks, i + 1)
            if group and all(g.kind == "word" and g.value in KEYWORDS for g in group):
                out += group
                i = after
                continue
        out.append(toks[i])
        i += 1
    return out


def split_exponents(toks: list[Token]) -> list[Token]:
    """`h^{(1)\\top}` as `h^{(1)}^{\\top}`: a layer and a transpose in one exponent."""
    out = keywords_out_of_styles(toks)
    i = 0
    while i < len(out) - 3:
        if out[i].value == "^" and out[i].kind == "op" and out[i + 1].value == "{":
            group, after = group_at(out, i + 1)
            inner = [g for g in group if g.kind != "style" and g.value not in ("{", "}")]
            flags = [g.value in ("top", "T", "intercal") and g.kind in ("cmd", "word") for g in inner]
            if len(inner) > 1 and sum(flags) == 1 and ((flags[-1] and inner[-2].value != "-") or (flags[0] and inner[1].value == "(")):
                rest = [g for g, flag in zip(inner, flags, strict=True) if not flag]
                turn = next(g for g, flag in zip(inner, flags, strict=True) if flag)
                close = out[after - 1]
                out[i:after] = [out[i], out[i + 1], *rest, close, out[i], out[i + 1], turn, close]
        i += 1
    return out


class Undeclared(Unreadable):
    """A name that the problem does not declare."""

    def __init__(self, text: str, offset: int, name: str, accepted: str) -> None:
        super().__init__(text, offset, f"the symbol {name!r} is not declared in this problem", accepted)
        self.name = name


class Cursor:
    """Tokens, where we are in them, and the names in scope. The methods at the end are the grammar's, named here for its parts."""

    def __init__(self, text: str, toks: list[Token], table: Symbols, *, numpy: bool = False, free: frozenset[str] = frozenset()) -> None:
        self.text = text
        self.toks = split_exponents(toks)
        self.table = table
        self.numpy = numpy
        self.scope: set[str] = set(free)
        self.i = 0
        self.depth = 0
        self.operands = 0
        self.bars: list[str] = []

    @property
    def tok(self) -> Token:
        """The current token."""
        return self.toks[self.i]

    def fail(self, reason: str, accepted: str = "", at: int | None = None) -> Unreadable:
        """A complaint about the current token, or about a place."""
        return Unreadable(self.text, self.tok.at if at is None else at, reason, accepted)

    def _at_op(self, *values: str) -> bool:
        t = self.toks[self.i]
        return t.kind == "op" and t.value in values

    def _at_cmd(self, *values: str) -> bool:
        t = self.toks[self.i]
        return t.kind == "cmd" and t.value in values

    def _at_word(self, *values: str) -> bool:
        t = self.toks[self.i]
        return t.kind == "word" and t.value in values and not self.table.exact(Name(t.value))

    def _take(self) -> Token:
        t = self.toks[self.i]
        if t.kind != "eof":
            self.i += 1
        return t

    def _expect(self, value: str, opened: int) -> None:
        if not (self._at_op(value) or (value == "\\rangle" and self._at_cmd("rangle"))):
            shown = value.replace("\\", "")
            what = "the answer ends" if self.tok.kind == "eof" else f"{self._shown(self.tok)} stands"
            raise self.fail(f"{what} where {shown!r} should close the bracket opened at character {opened + 1}", "balanced brackets")
        self._take()

    def _shown(self, t: Token) -> str:
        typed = self.text[t.at : t.end].strip()[:MAX_WORD]
        return repr(typed) if typed else "the end"

    def _enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise OutOfBudget("MAX_DEPTH", f"more than {MAX_DEPTH} levels")

    def unexpected(self) -> Unreadable:
        """A complaint about a token that continues nothing."""
        t = self.tok
        if t.kind == "eof":
            return self.fail("the answer ends where a term is due", "a complete expression")
        if t.kind == "op" and t.value in (")", "]", "}", "\\}"):
            return self.fail(f"{self._shown(t)} closes a bracket that was never opened", "balanced brackets")
        if t.kind == "op" and t.value in RELATION_SIGNS:
            return self.fail(f"{self._shown(t)} makes this a statement, not a value", "one expression, or an equation that ends in one")
        if t.kind == "op" and t.value in (",", ";"):
            return self.fail("a comma separates two answers", "one answer")
        if t.kind == "word" and t.value in KEYWORDS:
            return self.fail(f"the word {t.value!r} stands in the formula", "one formula")
        if t.kind == "cmd" and t.value in ("pm", "mp"):
            return self.fail("a plus-minus sign stands for two answers", "one answer")
        return self.fail(f"{self._shown(t)} stands where it means nothing", "one formula made of the declared symbols")

    def _unexpected_start(self) -> Unreadable:
        t = self.tok
        if t.kind in ("eof", "newline", "end", "math"):
            return self.fail("a term is missing here", "a complete expression")
        if t.kind == "op" and t.value in ("+", "*", "/", "^", "_", ",", "@", ")", "]", "}", "=", "<", ">", "&", "\\}", "<=", ">=", "!="):
            return self.fail(f"a term is missing before {self._shown(t)}", "a complete expression")
        return self.unexpected()

    def _split_token(self, length: int) -> None:
        t = self.tok
        head = Token(t.kind, t.value[:length], t.at, t.at + length, t.spaced, t.latex)
        rest = t.value[length:]
        kind = "num" if rest.isdigit() else t.kind
        tail = Token(kind, rest, t.at + length, t.end, False, t.latex)
        self.toks[self.i : self.i + 1] = [head, tail]

    def _has_condition_ahead(self) -> bool:
        return any(t.kind == "op" and t.value in RELATION_SIGNS for t in self.toks[self.i :])

    def _declared(self) -> str:
        return ", ".join(s.name for s in self.table.declared[:12]) or "numbers"

    def _unknown(self, word: str, at: int) -> Unreadable:
        word = word if len(word) <= MAX_WORD else word[:MAX_WORD] + "..."
        if word in KEYWORDS or (len(word) > 3 and word.isalpha() and word not in GREEK):
            return Unreadable(self.text, at, f"{word!r} is a word, not a formula", "one formula made of " + self._declared())
        return Undeclared(self.text, at, word, "the symbols " + self._declared())

    def _signs(self) -> int:
        sign = 1
        while self._at_op("+", "-"):
            sign = -sign if self._take().value == "-" else sign
        return sign

    @staticmethod
    def _is_simple(inner: list[Token]) -> bool:
        """One letter or word, accented or not."""
        bare = [g for g in inner if g.kind not in ("accent", "style") and g.value not in ("{", "}")]
        return len(bare) == 1 and bare[0].kind in ("word", "num")

    def _closes_bar(self, t: Token) -> bool:
        if t.value == self.bars[-1]:
            return True
        return t.value == "\\|" and self.bars[-1] == "|" and self.text[t.at : t.end] == "||"

    def _is_scalar(self, node: Node) -> bool:
        return node.op == "num" or (node.op == "sym" and self.table.by_key(node.data).shape == SCALAR)

    # --- what the parts of the grammar call of each other

    def whole(self) -> Node:
        """All tokens as one expression."""
        raise NotImplementedError

    def condition(self) -> Node:
        """A condition."""
        raise NotImplementedError

    def _ternary(self) -> Node:
        raise NotImplementedError

    def _additive(self) -> Node:
        raise NotImplementedError

    def _product(self) -> Node:
        raise NotImplementedError

    def _factor(self) -> Node:
        raise NotImplementedError

    def _primary(self) -> Node:
        raise NotImplementedError

    def _bracket(self) -> Node:
        raise NotImplementedError

    def _environment(self) -> Node:
        raise NotImplementedError

    def _between_bars(self) -> Node:
        raise NotImplementedError

    def _postfix(self, node: Node) -> Node:
        raise NotImplementedError

    def _power(self, node: Node) -> Node:
        raise NotImplementedError

    def _exponent(self) -> Node:
        raise NotImplementedError

    def _prime(self, node: Node, at: int) -> Node:
        raise NotImplementedError

    def _apply_superscript(self, node: Node, text: str, at: int) -> Node:
        raise NotImplementedError

    def _norm_kind(self, node: Node, kind: str, at: int) -> Node:
        raise NotImplementedError

    def _function(self, function: str, t: Token) -> Node:
        raise NotImplementedError

    def _arguments(self) -> list[Node]:
        raise NotImplementedError

    def _build_call(self, function: str, args: list[Node], at: int) -> Node:
        raise NotImplementedError

    def _listing(self) -> Node | None:
        raise NotImplementedError

    def _is_factor_next(self) -> bool:
        raise NotImplementedError
