"""Text -> tokens, each with its place in the text.

One lexer reads LaTeX, plain text, unicode and numpy spellings: what is typed mixes them. It knows no symbol table;
a run of letters stays one word, and the reader splits it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Final

from autograder.errors import OutOfBudget, Unreadable
from autograder.mathtext.limits import MAX_CHARACTERS, MAX_TOKENS
from autograder.mathtext.name import Name
from autograder.mathtext.vocabulary import (
    ACCENTS,
    COMBINING,
    DROPPED_ARGUMENT,
    GREEK,
    KEYWORDS,
    LOOKALIKES,
    OPERATOR_NAMES,
    OPERATORS,
    PLAIN,
    RELATIONS,
    SKIPPED,
    STYLES,
    TEXTS,
    TWO,
)


@dataclass(frozen=True, slots=True)
class Token:
    """kind: num, word, func (a dotted name of a library), attr (`.T`), accent, cmd, op, sup, sub, begin, end, newline, math, eof.

    value: normalised. at, end: place in the text. spaced: blank before it. latex: written with a backslash or inside \\text.
    """

    kind: str
    value: str
    at: int
    end: int
    spaced: bool = False
    latex: bool = False


SUPERSCRIPTS: Final = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ᵀᵗⁿⁱ", "0123456789+-()Ttni", strict=True)) | {
    "⊤": "T",
    "⊺": "T",
    "ᐪ": "T",
    "⸆": "T",
    "†": "+",
}
SUBSCRIPTS: Final = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₍₎ᵢⱼₖₙₘₜₓ", "0123456789+-()ijknmtx", strict=True))

LIBRARIES: Final = "np numpy torch math scipy jnp nn linalg sympy"
_FUNC: Final = re.compile(rf"(?:{'|'.join(LIBRARIES.split())})(?:\.[A-Za-z_]\w*)+")
_NUMBER: Final = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+(?![A-Za-z0-9]))?", re.ASCII)
_WORD: Final = re.compile(r"[A-Za-z]+(?:\d+(?=_)|\d+(?![\d.]))?", re.ASCII)
_COMMAND: Final = re.compile(r"\\([A-Za-z]+)\*?")
_ATTR: Final = re.compile(r"\.([A-Za-z_]\w*)", re.ASCII)
_TEXT_ARGUMENT: Final = re.compile(r"\s*\{([^{}$]*)\}")
_ENVIRONMENT: Final = re.compile(r"\s*\{\s*([A-Za-z]+\*?)\s*\}(?:\s*\{[lcrp|@{}\s]*\})?(?:\s*\[[a-z]\])?")


def tokens(text: str) -> list[Token]:
    """The tokens of `text`, the last of kind `eof`. Raises Unreadable at a character that means nothing, OutOfBudget beyond a cap."""
    if len(text) > MAX_CHARACTERS:
        raise OutOfBudget("MAX_CHARACTERS", len(text))
    return _Lexer(text).run()


class _Lexer:
    def __init__(self, text: str, start: int = 0, end: int | None = None) -> None:
        self.text = text
        self.i = start
        self.end = len(text) if end is None else end
        self.out: list[Token] = []
        self.spaced = False
        self.prose = False

    def fail(self, reason: str, accepted: str = "") -> Unreadable:
        return Unreadable(self.text, self.i, reason, accepted)

    def emit(self, kind: str, value: str, length: int, latex: bool = False) -> None:
        if len(self.out) >= MAX_TOKENS:
            raise OutOfBudget("MAX_TOKENS", f"more than {MAX_TOKENS}")
        self.out.append(Token(kind, value, self.i, self.i + length, self.spaced, latex or self.prose))
        self.spaced = False
        self.i += length

    def skip(self, length: int) -> None:
        self.i += length
        self.spaced = True

    def run(self) -> list[Token]:
        while self.i < self.end:
            self.step()
        self.emit("eof", "", 0)
        return braced_rows(self.without_empty_delimiters())

    def without_empty_delimiters(self) -> list[Token]:
        """Without pairs of `\\left.` and `\\right.`, which show nothing; a `\\right.` that closes a brace stays."""
        dots = 0
        kept = []
        for t in self.out:
            if t.kind == "op" and t.value == "\\left.":
                dots += 1
            elif t.kind == "op" and t.value == "\\right." and dots:
                dots -= 1
            else:
                kept.append(t)
        return kept

    def step(self) -> None:
        text, i = self.text, self.i
        c = text[i]
        if c == "~" and "\\" not in text and "$" not in text:
            raise self.fail("a tilde leaves open what is meant", "an equation or a formula")
        if c.isspace() or c == "~" or c in "\u200b\u200c\u200d\u2061\u2062\u2063\u2060\ufeff∎■□✓✔":
            self.skip(1)
        elif c == "\\":
            self.command()
        elif c == "$":
            self.emit("math", "$", 2 if text.startswith("$$", i) else 1)
        elif (c.isascii() and c.isdigit()) or (c == "." and i + 1 < self.end and text[i + 1] in "0123456789"):
            match = _NUMBER.match(text, i, self.end)
            assert match is not None
            self.emit("num", match[0], len(match[0]))
        elif c.isascii() and c.isalpha():
            self.word()
        elif text.startswith("..", i):
            self.emit("cmd", "ldots", len(text[i : self.end]) - len(text[i : self.end].lstrip(".")), latex=True)
        elif c == "." and self.attribute():
            pass
        elif c == "." or c in '"“”':
            self.skip(1)
        elif c in SUPERSCRIPTS or c in SUBSCRIPTS:
            self.scripts(c)
        elif text[i : i + 2] in TWO and not (text[i : i + 2] == "||" and self.prose):
            self.operator(TWO[text[i : i + 2]], 2)
        elif c in PLAIN:
            self.emit("op", c, 1)
        elif c in OPERATORS:
            self.operator(OPERATORS[c], 1)
        elif c in COMBINING:
            self.combining(c)
        else:
            self.letter(c)

    def operator(self, meaning: str, length: int) -> None:
        if meaning.startswith("\\"):
            name = meaning[1:]
            if name in RELATIONS:
                self.emit("op", RELATIONS[name], length)
            elif name in ("partial", "nabla"):
                self.emit("word", name, length, latex=True)
            elif name == "|":
                self.emit("op", "\\|", length)
            else:
                self.emit("cmd", name, length, latex=True)
        elif meaning == "1/2" or meaning == "1/4" or meaning == "3/4":
            self.emit("frac", meaning, length)
        elif meaning.isalpha():
            self.emit("word", meaning, length)
        elif meaning == "''":
            self.emit("op", "'", length)
            self.out.append(replace(self.out[-1], spaced=False))
        else:
            self.emit("op", meaning, length)

    def attribute(self) -> bool:
        match = _ATTR.match(self.text, self.i, self.end)
        before = self.out[-1] if self.out else None
        if match is None or before is None or self.spaced or before.end != self.i:
            return False
        if before.kind in ("word", "attr", "sub", "sup", "num") or before.value in (")", "]", "}"):
            self.emit("attr", match[1], len(match[0]))
            return True
        return False

    def word(self) -> None:
        text, i = self.text, self.i
        match = _FUNC.match(text, i, self.end)
        if match is not None and match[0].split(".")[-1] not in ("T", "mT"):
            self.emit("func", match[0].rsplit(".", 1)[1], len(match[0]))
            return
        match = _WORD.match(text, i, self.end)
        assert match is not None
        word = match[0]
        if len(word) > 1 and word[0].isupper() and word[1:].islower() and word.lower() in KEYWORDS:
            word = word.lower()  # If, For, Otherwise at the beginning of a sentence
        self.emit("word", word, len(word))

    def scripts(self, first: str) -> None:
        table, kind = (SUPERSCRIPTS, "sup") if first in SUPERSCRIPTS else (SUBSCRIPTS, "sub")
        if first in "⊤⊺ᵀ†" and self.out and self.out[-1].value in ("^", "{"):
            self.emit("word", "dagger" if first == "†" else "top", 1, latex=True)
            return
        j = self.i
        while j < self.end and self.text[j] in table:
            j += 1
        self.emit(kind, "".join(table[c] for c in self.text[self.i : j]), j - self.i)

    def combining(self, c: str) -> None:
        before = self.out[-1] if self.out else None
        if before is None or before.kind != "word" or before.end != self.i:
            raise self.fail("an accent stands alone", "a letter before the accent, or \\hat{x}")
        if COMBINING[c] == "":
            self.out[-1] = replace(before, end=before.end + 1)
            self.i += 1
            return
        # an accent belongs to the last letter of the run
        head, last = before.value[:-1], before.value[-1]
        self.out.pop()
        if head:
            self.out.append(replace(before, value=head, end=before.end - 1))
        self.out.append(Token("accent", COMBINING[c], before.end - 1, self.i + 1, before.spaced and not head))
        self.out.append(Token("word", last, before.end - 1, self.i + 1))
        self.i += 1

    def letter(self, c: str) -> None:
        name = unicodedata.name(c, f"U+{ord(c):04X}")
        if "FULLWIDTH" in name or "CYRILLIC" in name:
            raise self.fail(f"{c!r} is the letter {name}, which only looks like a usual one", "the usual letter from the keyboard")
        plain = unicodedata.normalize("NFKC", c)
        if plain != c and len(plain) == 1 and ((plain.isascii() and plain.isalnum()) or "GREEK" in unicodedata.name(plain, "")):
            c, name = plain, unicodedata.name(plain)
            if c.isascii():
                self.emit("word" if c.isalpha() else "num", c, 1)
                return
        greek = re.fullmatch(r"GREEK (?:LUNATE )?(SMALL|CAPITAL) LETTER (FINAL )?([A-Z]+)(?: SYMBOL)?|GREEK ([A-Z]+) SYMBOL", name)
        if greek is not None:
            letter = (greek[3] or greek[4]).lower().replace("lamda", "lambda")
            if greek[1] == "CAPITAL":
                letter = letter.capitalize()
            if letter in GREEK:
                self.emit("word", letter, 1, latex=True)
                return
        if name == "SCRIPT SMALL L":
            self.emit("word", "ell", 1, latex=True)
            return
        parts = unicodedata.normalize("NFD", c)
        if len(parts) == 2 and parts[0].isascii() and parts[1] in COMBINING:
            self.out.append(Token("accent", COMBINING[parts[1]], self.i, self.i + 1, self.spaced))
            self.spaced = False
            self.emit("word", parts[0], 1)
            return
        shown = repr(c) if c.isprintable() else name
        raise self.fail(f"{shown} means nothing in a formula", "letters, digits, + - * / ^ ( ), LaTeX or numpy notation")

    def command(self) -> None:
        text, i = self.text, self.i
        match = _COMMAND.match(text, i, self.end)
        if match is None:
            follower = text[i + 1 : i + 2]
            if follower == "\\":
                length = 2
                spacing = re.match(r"\s*\[-?[\d.]+\s*[a-z]{2}\]", text[i + 2 : self.end])
                self.emit("newline", "\\\\", length + (spacing.end() if spacing else 0))
            elif follower and follower in ",;:!> \n\t/":
                self.skip(2)
            elif follower in "()[]" and follower:
                self.emit("math", "\\" + follower, 2)
            elif follower and follower in "{}|":
                self.emit("op", {"{": "\\{", "}": "\\}", "|": "\\|"}[follower], 2, latex=True)
            elif follower and follower in "_*$&":
                self.emit("op", follower, 2) if follower != "$" else self.skip(2)
            else:
                raise self.fail("a backslash with nothing to it", "a LaTeX command such as \\top")
            return
        name, length = match[1], len(match[0])
        if name in SKIPPED:
            self.skip(length)
            if name in ("left", "right", "middle") and text[self.i : self.i + 1] == ".":
                self.emit("op", "\\left." if name == "left" else "\\right.", 1)
        elif name in TEXTS:
            self.in_text(length)
        elif name in DROPPED_ARGUMENT:
            argument = _TEXT_ARGUMENT.match(text, i + length, self.end)
            self.skip(length + (argument.end() - i - length if argument else 0))
        elif name in ("begin", "end"):
            self.environment(name, length)
        elif name in RELATIONS:
            self.emit("op", RELATIONS[name], length, latex=True)
        elif name in ACCENTS:
            self.emit("accent", ACCENTS[name], length)
        elif name in STYLES:
            self.emit("style", name, length)
        elif name in OPERATOR_NAMES:
            self.emit("style", "operatorname", length)
        elif name in GREEK or (name in LOOKALIKES and len(name) > 3):
            self.emit("word", name, length, latex=True)
        elif name in ("vert", "lvert", "rvert", "mid"):
            self.emit("op", "|", length, latex=True)
        elif name in ("Vert", "lVert", "rVert", "parallel"):
            self.emit("op", "\\|", length, latex=True)
        elif name in ("lbrace", "rbrace"):
            self.emit("op", "\\{" if name == "lbrace" else "\\}", length, latex=True)
        elif name in ("lbrack", "rbrack"):
            self.emit("op", "[" if name == "lbrack" else "]", length)
        elif name == "lparen" or name == "rparen":
            self.emit("op", "(" if name == "lparen" else ")", length)
        elif name == "prime":
            self.emit("op", "'", length)
        elif name == "ast":
            self.emit("op", "*", length)
        elif name == "colon":
            self.emit("op", ":", length)
        elif name in ("land", "wedge"):
            self.emit("word", "and", length, latex=True)
        elif name in ("lor", "vee"):
            self.emit("word", "or", length, latex=True)
        elif name in ("lnot", "neg"):
            self.emit("word", "not", length, latex=True)
        else:
            self.emit("cmd", name, length, latex=True)

    def in_text(self, length: int) -> None:
        """\\text{if }: its words are prose or keywords; mathematics inside it is read as such."""
        argument = _TEXT_ARGUMENT.match(self.text, self.i + length, self.end)
        if argument is None:
            self.skip(length)  # \text if: or math inside the braces, which then group
            return
        end, stop = argument.end(), argument.end(1)
        self.spaced = True
        self.i = argument.start(1)
        outer, self.end, self.prose = self.end, stop, True
        try:
            while self.i < stop:
                self.step()
        finally:
            self.end, self.prose = outer, False
        self.i = end
        self.spaced = True

    def environment(self, kind: str, length: int) -> None:
        match = _ENVIRONMENT.match(self.text, self.i + length, self.end)
        if match is None:
            raise self.fail(f"\\{kind} without the name of an environment", "\\begin{bmatrix} ... \\end{bmatrix}")
        self.emit(kind, match[1].rstrip("*"), match.end() - self.i)


def braced_rows(toks: list[Token]) -> list[Token]:
    """`\\{` before rows of any environment begins cases: the environment becomes an array."""
    out = list(toks)
    for i in range(1, len(out)):
        if out[i].kind == "begin" and out[i - 1].value == "\\{" and out[i].value not in ("array", "cases"):
            depth = 0
            for j in range(i, len(out)):
                depth += (out[j].kind == "begin") - (out[j].kind == "end")
                if depth == 0:
                    out[i], out[j] = replace(out[i], value="array"), replace(out[j], value="array")
                    break
    return out


def script_text(group: list[Token]) -> str:
    """Scripts as text without blanks, braces and styles: what names are compared by."""
    return "".join(t.value for t in group if t.kind in ("num", "word", "op", "cmd") and t.value not in ("{", "}"))


def group_at(toks: list[Token], i: int) -> tuple[list[Token], int]:
    """What a script or an argument at `i` covers: a brace group without its braces, or one token; and the index after it."""
    if toks[i].value == "{" and toks[i].kind == "op":
        depth = 0
        for j in range(i, len(toks)):
            if toks[j].kind == "op":
                depth += (toks[j].value == "{") - (toks[j].value == "}")
            if depth == 0:
                return toks[i + 1 : j], j + 1
        return toks[i + 1 : -1], len(toks) - 1
    return [toks[i]], i + 1


def read_name(text: str) -> Name:
    """A declared name taken apart. Raises Unreadable if it is no single name."""
    toks = [t for t in tokens(text) if t.kind not in ("style", "math")]
    accents: list[str] = []
    i = 0
    while toks[i].kind == "accent" or toks[i].value == "{":
        if toks[i].kind == "accent":
            accents.append(toks[i].value)
        i += 1
    if toks[i].kind != "word":
        raise Unreadable(text, toks[i].at, "a name begins with a letter", "x, \\lambda, \\hat{X}, W^{(1)}_i")
    base = toks[i].value
    sub = sup = ""
    primes = 0
    i += 1
    while toks[i].kind != "eof":
        t = toks[i]
        if t.value == "}" and t.kind == "op":
            i += 1
        elif t.kind in ("sub", "sup"):
            sub, sup = (sub + t.value, sup) if t.kind == "sub" else (sub, sup + t.value)
            i += 1
        elif t.kind == "op" and t.value in ("_", "^"):
            if toks[i + 1].kind == "eof":
                raise Unreadable(text, t.at, "a script is missing", "x_0")
            group, i = group_at(toks, i + 1)
            script = script_text([g for g in group if g.kind != "style"])
            if set(script) == {"'"}:
                primes += len(script)
            elif t.value == "_":
                sub += script
            else:
                sup += script
        elif t.kind == "op" and t.value == "'":
            primes += 1
            i += 1
        elif t.kind == "num" or (t.kind == "word" and sub and not t.spaced):
            sub += t.value  # x1 after an accent; R_in_set
            i += 1
        else:
            raise Unreadable(text, t.at, f"{t.value!r} does not belong to a name", "x, \\lambda, \\hat{X}, W^{(1)}_i")
    return Name(base, tuple(sorted(accents)), sub, sup, primes)
