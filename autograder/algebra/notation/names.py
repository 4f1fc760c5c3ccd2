"""Names and numbers: what the symbol table makes of a run of letters with its scripts."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import Final, NamedTuple

from autograder.algebra.limits import MAX_DECIMAL_EXPONENT, MAX_DIGITS, MAX_WORD
from autograder.algebra.notation.cursor import Cursor
from autograder.algebra.notation.nodes import Node
from autograder.algebra.symbols import SCALAR, Symbol
from autograder.errors import OutOfBudget, Unreadable
from autograder.mathtext import BARE, COMMANDS, FRACTIONS, FUNCTIONS, GREEK, OPENERS, TRANSPOSES, Name, Token, group_at, script_text

ZERO: Final = Node("num", (), Fraction(0))
UNIT: Final = Node("num", (), Fraction(1))


class Script(NamedTuple):
    """What stands above or below a name. kind: `_`, `^` or `'`; end: index of the token after it."""

    kind: str
    text: str
    end: int


class Match(NamedTuple):
    """A declared symbol that typed letters name. scripts: how many of the scripts after them belong to its name."""

    symbol: Symbol
    scripts: int


class Names(Cursor):
    """The part of the grammar that reads one name, number or vector of ones."""

    def _scripts_ahead(self, i: int) -> list[Script]:
        """The scripts that follow at index i."""
        out: list[Script] = []
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
                    out += [Script("'", "'", i)] * len(script)
                else:
                    out.append(Script(t.value, script, i))
            elif t.kind in ("sub", "sup"):
                i += 1
                out.append(Script("_" if t.kind == "sub" else "^", t.value, i))
            elif t.kind == "op" and t.value == "'":
                i += 1
                out.append(Script("'", "'", i))
            else:
                break
        return out

    def _lookup(self, base: str, accents: tuple[str, ...], scripts: list[Script]) -> Match | None:
        """The declared symbol that a base and as many of its scripts as possible name."""
        names = []
        for k in range(len(scripts) + 1):
            taken = scripts[:k]
            names.append(
                Name(
                    base,
                    accents,
                    "".join(s.text for s in taken if s.kind == "_"),
                    "".join(s.text for s in taken if s.kind == "^"),
                    sum(s.kind == "'" for s in taken),
                )
            )
        for k in range(len(scripts), 0, -1):
            found = self.table.exact(names[k])
            if found:
                return Match(found, k)
        for k in range(len(scripts), 0, -1):
            if self._is_name_like(scripts[:k]):
                found = self.table.find(names[k])
                if found:
                    return Match(found, k)
        found = self.table.find(names[0])
        return Match(found, 0) if found else None

    def _is_name_like(self, scripts: list[Script]) -> bool:
        """Scripts that may belong to a name: any index below; above, a letter or something in brackets."""
        below = any(s.kind == "_" for s in scripts)
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

    def _name(self) -> Node:
        """A name with its scripts; a run of letters that is a product of names; a function."""
        at = self.tok.at
        accents: list[str] = []
        while self.tok.kind == "accent":
            accents.append(self._take().value)
            while self.tok.kind == "style":
                self._take()
            if self._at_op("{"):
                group, after = group_at(self.toks, self.i)
                inner = [g for g in group if g.kind != "style"]
                if not self._is_simple(inner):
                    raise self.fail("an accent over an expression", "an accent over one letter", at=at)
                self.toks[self.i : after] = [g for g in inner if g.value not in ("{", "}")]
        t = self.tok
        if t.kind != "word":
            raise self.fail("an accent without a letter", "\\hat{x}")
        if accents and len(t.value) > 1 and not t.latex and self._lookup(t.value, tuple(sorted(accents)), []) is None:
            self._split_token(1)
            t = self.tok
        self._split_subscript(t.value, tuple(sorted(accents)))
        found = self._symbol(t.value, tuple(sorted(accents)))
        if found is not None:
            return found
        entry = self._entry_of_matrix(t)
        if entry is not None and not accents:
            return entry
        if accents:
            raise self._unknown("".join(f"\\{a} " for a in accents) + t.value, at)
        if t.value in self.scope:
            self._take()
            return Node("index", (), t.value, at)
        special = self._special_word(t)
        if special is not None:
            return special
        if len(t.value) > 1 and not (t.latex and t.value in GREEK):
            length = self._first_piece(t.value)
            if length:
                self._split_token(length)
                return self._name()
        raise self._unknown(t.value, at)

    def _entry_of_matrix(self, t: Token) -> Node | None:
        """`a_{ij}` is an entry of A where only A is declared."""
        other = self.table.exact(Name(t.value.swapcase())) if len(t.value) == 1 else None
        following = self.toks[self.i + 1]
        if other is None or other.shape == SCALAR or t.value in self.scope or not (following.kind == "sub" or following.value == "_"):
            return None
        script = self._scripts_ahead(self.i + 1)[0].text.replace(",", "") if self._scripts_ahead(self.i + 1) else ""
        if not script or not all(c in self.scope or c.isdigit() for c in script):
            return None
        self._take()
        return Node("sym", (), other.key, t.at)

    def _split_subscript(self, base: str, accents: tuple[str, ...]) -> None:
        """`x_iA_{ij}`, `W^{(1)}_ix`: without braces a subscript is one letter, unless more make a name or are all indices."""
        k = self.i + 1
        while k < len(self.toks) - 1 and self.toks[k].kind == "op" and self.toks[k].value in ("_", "^"):
            script = self.toks[min(k + 1, len(self.toks) - 1)]
            if self.toks[k].value == "_" and script.kind == "word" and not script.latex and len(script.value) > 1:
                break
            k = group_at(self.toks, k + 1)[1]
        else:
            return
        if all(c in self.scope for c in script.value):
            return
        ahead = self._scripts_ahead(self.i + 1)
        whole = self._lookup(base, accents, ahead)
        if whole is not None and whole.scripts and ahead[whole.scripts - 1].end > k + 1:
            return  # the letters are part of a name
        here, toks = self.i, list(self.toks)
        self.i = k + 1
        self._split_token(1)
        self.i = here
        ahead = self._scripts_ahead(self.i + 1)
        found = self._lookup(base, accents, ahead)
        named = found is not None and found.scripts and ahead[found.scripts - 1].end > k + 1
        if not named and script.value[0] not in self.scope:
            self.toks = toks

    def _symbol(self, base: str, accents: tuple[str, ...]) -> Node | None:
        """A declared symbol at the current word, its scripts and its argument taken; None if there is none."""
        t = self.tok
        match = self._lookup(base, accents, self._scripts_ahead(self.i + 1))
        if match is None:
            return None
        symbol, count = match
        if count == 0 and self._has_numbered_sibling(base, self._scripts_ahead(self.i + 1)):
            raise self._unknown(f"{base}_{self._scripts_ahead(self.i + 1)[0].text}", t.at)
        if count == 0 and base in FUNCTIONS and symbol.name != base and self.toks[self.i + 1].value == "(":
            return None
        ahead = self._scripts_ahead(self.i + 1)
        self.i = ahead[count - 1].end if count else self.i + 1
        return self._argument_of_name(Node("sym", (), symbol.key, t.at))

    def _has_numbered_sibling(self, base: str, scripts: list[Script]) -> bool:
        """theta_1 where theta and theta_0 are declared: another name that is not, rather than an entry of theta."""
        if not scripts or scripts[0].kind != "_" or not scripts[0].text.isdigit():
            return False
        return any(re.fullmatch(re.escape(base) + r"_\d+\^.*", s.key) for s in self.table.declared)

    def _argument_of_name(self, node: Node) -> Node:
        """`f(x)` is `f` where the table says that f is a function of x."""
        key = node.data if node.op == "sym" else node.args[0].data
        argument = self.table.functions.get(key)
        if argument is None or not self._at_op("(", "["):
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

    def _special_word(self, t: Token) -> Node | None:
        """Words that mean something without being declared: I, e, pi, functions, dimensions."""
        word = t.value
        following = self.toks[self.i + 1]
        opened = (
            following.kind == "op" and following.value in ("(", "[", "\\{") and not (following.spaced and len(word) == 1 and word != "H")
        )
        if word in ("I", "Id", "eye") and not (word == "eye" and opened):
            self._take()
            if self._at_op("(", "[", "\\{") or self._at_op("_"):
                condition = self._indicator()
                if condition is not None:
                    return condition
            return Node("eye", (), self._dimensions_below(), t.at)
        if word in ("pi", "e", "E") and (word != "E"):
            self._take()
            return Node("const", (), word, t.at)
        primed = following.value == "'" and self.toks[self.i + 2].value == "("
        if word in ("sigma", "H", "u", "theta", "Theta") and (opened or (word == "sigma" and primed)):
            self._take()
            return self._function("sigmoid" if word == "sigma" else "heaviside", t)
        if word in ("H", "1") and not opened:
            return None
        function = FUNCTIONS.get(word)
        if function and (opened or self._is_bare_argument(function, t)):
            self._take()
            return self._function(function, t)
        if word in self.table.dimensions:
            self._take()
            return Node("dim", (), word, t.at)
        if word in ("Cov", "Var", "argmin", "argmax", "lim", "grad", "partial", "nabla"):
            raise self.fail(f"{self._shown(t)} is not computed here", "the result as a formula of the declared symbols")
        return None

    def _is_bare_argument(self, function: str, t: Token) -> bool:
        following = self.toks[self.i + 1]
        if function not in BARE:
            return False
        if following.kind in ("num", "word", "accent", "style", "sup") or following.value in ("^", "_", "{", "|", "\\|"):
            return t.latex or following.spaced or following.value in ("^", "{", "|", "\\|")
        return following.kind == "cmd" and following.value in (FRACTIONS | COMMANDS | {"sqrt", "limits", "sum"})

    def _first_piece(self, word: str) -> int:
        """Length of the first name when a run of letters is cut into the fewest declared names; 0 where it cannot be."""
        if len(word) > MAX_WORD:
            return 0
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
                    or (piece in ("I", "e", "pi") and not word.isdigit())
                    or (len(piece) == 1 and piece in self.table.dimensions)
                    or (last and self._lookup(piece, (), self._scripts_ahead(self.i + 1)) is not None)
                    or (last and piece in FUNCTIONS and piece in COMMANDS and self.toks[self.i + 1].value == "(")
                )
                if known and (i not in best or best[j][0] + 1 < best[i][0]):
                    best[i] = (best[j][0] + 1, j - i)
        count, length = best.get(0, (0, 0))
        return length if count > 1 else 0

    def _resolve(self, word: str, at: int) -> Node:
        symbol = self.table.exact(Name(word))
        return Node("sym", (), symbol.key, at) if symbol else Node("index", (), word, at)

    def _indices_from_text(self, text: str, at: int) -> list[Node]:
        out = []
        for c in text:
            if c.isdigit():
                out.append(Node("num", (), Fraction(int(c)), at))
            elif c in self.scope:
                out.append(Node("index", (), c, at))
            else:
                raise Unreadable(self.text, at, f"the index {c!r} has no value here", "an index that a sum runs over, or a number")
        return out

    def _indices(self, group: list[Token]) -> list[Node]:
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
                    raise Unreadable(
                        self.text, p.at, f"the index {p.value!r} has no value here", "an index that a sum runs over, or a number"
                    )
            inner = type(self)(self.text, [*part, Token("eof", "", part[-1].end, part[-1].end)], self.table, free=frozenset(self.scope))
            inner.depth, inner.operands = self.depth, self.operands
            out.append(inner.whole())
        return out

    def _dimensions_below(self) -> tuple[str, ...]:
        """`_n`, `_{n \\times m}`: the dimensions of I, 0 and 1, if they are given."""
        if self.tok.kind == "sub":
            return (self._take().value,)
        if not self._at_op("_"):
            return ()
        self._take()
        group, self.i = group_at(self.toks, self.i)
        parts: list[str] = [""]
        for g in group:
            if g.value in ("times", ",", "x") and parts[-1]:
                parts.append("")
            elif g.kind in ("word", "num") or g.value == "+":
                parts[-1] += g.value
            elif g.kind != "style" and g.value not in ("{", "}"):
                raise self.fail(f"{self._shown(g)} is no dimension", "I_n", at=g.at)
        return tuple(parts)

    def _has_transpose_next(self) -> bool:
        """Does a transpose follow?"""
        scripts = self._scripts_ahead(self.i)
        return bool(scripts) and (scripts[0].kind == "'" or (scripts[0].kind == "^" and scripts[0].text in TRANSPOSES))

    def _indicator(self) -> Node | None:
        """`1[wx+b>0]`, `\\mathbb{1}_{wx+b>0}`, `1(x > 0)`; None (and nothing read) where no condition follows."""
        start, bars = self.i, self.bars
        at = self.tok.at
        script = self._at_op("_")
        if script:
            self._take()
        if not self._at_op("[", "(", "\\{", "{"):
            self.i = start
            return None
        opened = self._take()
        toks = list(self.toks)
        self.bars = []
        try:
            if self._at_op("\\{", "(", "[") and opened.value == "{":
                inner_open = self._take()
                condition = self.condition()
                self._expect(OPENERS[inner_open.value], inner_open.at)
            elif opened.value == "{" and not script and not self._has_condition_ahead():
                raise self.fail("no condition")
            else:
                condition = self.condition()
            self._expect(OPENERS[opened.value], opened.at)
        except Unreadable:
            self.i, self.toks = start, toks
            return None
        finally:
            self.bars = bars
        return Node("cases", (UNIT, condition, ZERO, Node("true")), None, at)

    def _styled(self) -> Node:
        """\\mathbf{x}, \\operatorname{tr}, {\\bf x}: the style goes, except on 0 and 1, which become vectors."""
        at = self.tok.at
        operator = brace = False
        while self.tok.kind == "style":
            operator = operator or self.tok.value == "operatorname"
            brace = brace or self.tok.value in ("underbrace", "overbrace")
            self._take()
        if brace:  # what stands below or above it is a remark
            node = self._bracket() if self._at_op("{") else self._primary()
            if self._at_op("_", "^"):
                self.i = group_at(self.toks, self.i + 1)[1]
            return node
        if self._at_op("{"):
            group, after = group_at(self.toks, self.i)
            inner = [g for g in group if g.kind != "style"]
            if operator and inner and all(g.kind in ("word", "num") for g in inner):
                joined = Token("word", "".join(g.value for g in inner), inner[0].at, inner[-1].end, latex=True)
                self.toks[self.i : after] = [joined]
            elif self._is_simple(inner):
                self.toks[self.i : after] = [replace(g, latex=True) if g.value in FUNCTIONS else g for g in inner]
            else:
                return self._bracket()
        if self.tok.kind == "num" and self.tok.value in ("0", "1"):
            return self._bold_number(at)
        return self._primary()

    def _bold_number(self, at: int) -> Node:
        value = self._take().value
        condition = self._indicator() if value == "1" else None
        if condition is not None:
            return condition
        return Node("ones" if value == "1" else "zeros", (), self._dimensions_below(), at)

    def _number(self) -> Node:
        t = self._take()
        mantissa, _, exponent = t.value.lower().partition("e")
        if len(mantissa) > MAX_DIGITS:
            raise OutOfBudget("MAX_DIGITS", f"a number of {len(mantissa)} digits")
        if exponent and abs(int(exponent)) > MAX_DECIMAL_EXPONENT:
            raise OutOfBudget("MAX_DECIMAL_EXPONENT", t.value)
        if t.value == "1":
            condition = self._indicator()
            if condition is not None:
                return condition
        if t.value == "1" and self._has_transpose_next():
            return Node("ones", (), (), t.at)  # 1^T x: a vector of ones
        if t.value in ("0", "1") and (self._at_op("_") or self.tok.kind == "sub") and not self.tok.spaced:
            return Node("ones" if t.value == "1" else "zeros", (), self._dimensions_below(), t.at)
        return Node("num", (), Fraction(t.value), t.at)
