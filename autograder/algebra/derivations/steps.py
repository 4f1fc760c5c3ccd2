"""The text of a derivation -> its relations, each with its line: `a = b`, `b <= c`, `a := b`, chains over several lines.

Looks at no shapes and decides nothing. Formulas stand between dollars, in display environments, or on lines of plain text with
prose around them; a line that begins with a relation goes on where the last one ended. What a sentence puts before a formula
(`assume`, `let`, `if`) is kept, because a relation that is assumed is no claim.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from autograder.algebra.notation import depths
from autograder.errors import OutOfBudget, Unreadable
from autograder.mathtext import ARROWS, MAX_CHARACTERS, Token, tokens

MAX_BODY: Final = 40_000
"""Characters of a derivation."""
MAX_RELATIONS: Final = 100
"""Of one derivation; what follows is left to a person."""

MAX_BEFORE: Final = 2_000
"""Characters before a formula in which its sentence is looked for."""

WRAPPERS: Final = frozenset(
    [
        "aligned",
        "align",
        "equation",
        "gather",
        "gathered",
        "split",
        "multline",
        "eqnarray",
        "alignat",
        "flalign",
        "displaymath",
        "math",
        "center",
        "alignedat",
    ]
)
SIGNS: Final = frozenset({"=", "<", ">", "<=", ">="})
_DISPLAY: Final = "align|aligned|equation|gather|gathered|multline|eqnarray|alignat|flalign|displaymath|math|split|alignedat"
_OPENS: Final = re.compile(rf"\$\$|\$|\\\(|\\\[|\\begin\{{((?:{_DISPLAY})\*?)\}}(?:\{{\d+\}})?")
_CLOSES: Final = {"$$": "$$", "$": "$", "\\(": "\\)", "\\[": "\\]"}
_DISPLAYED: Final = re.compile(rf"(?:\$\$|\\\[|\\begin\{{(?:{_DISPLAY})\*?\}}(?:\{{\d+\}})?)\Z")
"""What stands before a formula that has lines of its own."""
_TEXT: Final = re.compile(r"(?<![_^{])\\(?:text|textrm|mbox|textit|textbf|intertext|textnormal|shortintertext)\s*\{([^{}]*)\}")
_NAMED: Final = re.compile(r"\\[a-z]+\s*\{[A-Za-z]+\}\s*(?:\\left\s*)?['(_^]")
"""`\\text{ReLU}(`: a name, and no note."""
_OVER: Final = re.compile(r"\\(?:stackrel|overset)\s*\{((?:[^{}]|\{[^{}]*\})*)\}\s*\{\s*(\\?[A-Za-z]+|[=<>≤≥]|:=)\s*\}")
_XARROW: Final = re.compile(r"\\x(?:Rightarrow|rightarrow)\s*(?:\[[^\]]{0,400}\])?\s*\{[^{}]*\}")
_QUAD: Final = re.compile(r"\\q?quad(?![A-Za-z])|\\hspace\s*\{|\\hfill")
_RELATIONAL: Final = re.compile(
    r"[=<>≤≥≔←]|\\(?:leftarrow|gets|le|ge|leq|geq|leqslant|geqslant|lt|gt|coloneqq|triangleq|equiv)(?![A-Za-z])"
)
_ABOUT: Final = re.compile(r"\\(?:approx|simeq|sim|cong|propto)(?![A-Za-z])|[≈≃∼∝]")
_ARROW: Final = re.compile(
    r"\\(?:implies|iff|Rightarrow|Leftrightarrow|Longrightarrow|therefore|to|rightarrow)(?![A-Za-z])|[⇒⟹⇔→∴]|=>|->|\\begin"
)
_FROM: Final = frozenset({"leftarrow", "gets", "longleftarrow"})
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z\\$])|\n\s*\n|\n(?=\s*(?:[-*+]|\d+[.)])\s)")
_WORD: Final = re.compile(r"(?<![\\A-Za-z_])[A-Za-z]{2,}(?![A-Za-z_(^])")
_LEAD: Final = re.compile(r"^\s*(?:[-*+]\s+|\d+[.)]\s+|\([a-z0-9]+\)\s+|Answer\s*:|\**[A-Z][a-z]+\**\s*\d*\s*:)\s*", re.IGNORECASE)
_BREAK: Final = re.compile(
    r"(?<![\\A-Za-z_])(?:so|thus|then|hence|therefore|we|have|get|gives?|that|is|are|and|since|because|where|by|with|as|which|obtains?|let|note|"
    r"also|but|finally|this|the|from|of|it|follows|means|implies|for|any|all|be|using|use|now|here|given|first|second|next|last|step|i\.e\.?|"
    r"recall|defined?|write|yields?|becomes|equals|satisf(?:y|ies)|namely|answer|proof|qed|similarly|again|too|both|sides|in|on|to|a|an|if|when|assume|suppose)"
    r"(?![A-Za-z_(^])\s*[:,]?",
    re.IGNORECASE,
)


Chain: TypeAlias = tuple[list[tuple[str, int]], list[str]]
"""Sides with their offsets, and the signs between them."""


@dataclass(frozen=True)
class Relation:
    """One link of a chain.

    left, right: the sides as typed. sign: `=`, `<`, `>`, `<=`, `>=`, or `~` for an approximation. at: offset of the left side in
    the body. line: of the write-up. chain: links of one chain share its number. words: prose before it, in its sentence.
    """

    left: str
    sign: str
    right: str
    at: int
    line: int
    chain: int
    words: str = ""
    defines: bool = False
    """Written with `:=`."""

    @property
    def text(self) -> str:
        """As typed, in one line."""
        return " ".join(f"{self.left} {self.sign} {self.right}".split())


@dataclass(frozen=True)
class Formula:
    """A formula that states no relation: a mention. at, line, words: as in Relation. broken: why it could not be taken apart."""

    text: str
    at: int
    line: int
    words: str = ""
    broken: str = ""
    relational: bool = False
    """It holds a relation that could not be found."""


@dataclass(frozen=True)
class Text:
    """A derivation taken apart, everything in its order."""

    items: tuple[Relation | Formula, ...]
    words: int
    """Words of prose."""
    prose: str
    complete: bool = True
    """Nothing was cut off at a cap."""


def statements_of(body: str, first_line: int = 1) -> Text:
    """The relations and formulas of a derivation. Never raises for what the text holds.

    body: the text of the part. first_line: the line on which it begins.
    """
    complete = len(body) <= MAX_BODY
    body = body[:MAX_BODY]
    pieces = _segments(body)
    prose = _prose(body, pieces)
    pieces = _plain(body, keep_all=True) if not pieces else sorted([*pieces, *_plain(prose, keep_all=False)])
    items: list[Relation | Formula] = []
    newlines = [m.start() for m in re.finditer("\n", body)]

    def line_at(offset: int) -> int:
        return first_line + bisect_left(newlines, offset)

    chain = stated = 0
    open_side: tuple[str, int] | None = None
    for start, end in pieces:
        if stated > MAX_RELATIONS:
            break
        words = _words_before(prose, start)
        line = line_at(start)
        try:
            rows = _rows(body[start:end])
        except OutOfBudget:
            rows = list(_by_line(body[start:end]))
        except Unreadable as bad:
            text = body[start:end].strip()
            items.append(Formula(text, start, line, words, str(bad), _RELATIONAL.search(text) is not None))
            open_side = None
            continue
        follows = _ARROW.search(body, start, end) is not None
        for row in rows:
            sides, signs = row
            at = start + sides[0][1]
            if signs and not sides[0][0].strip():
                if open_side is None:
                    continue
                sides = [open_side, *sides[1:]]
            else:
                chain += 1
            if not signs:
                text, offset = sides[0]
                items.append(Formula(text, start + offset, line_at(start + offset), words))
                if _DISPLAYED.search(body, max(0, start - 40), start):
                    open_side = (text, -1)  # what begins with a sign after it goes on from here
                continue
            for k, sign in enumerate(signs):
                (left, left_at), (right, right_at) = sides[k], sides[k + 1]
                stated += bool(left.strip() and right.strip())
                place = right_at if k or left_at < 0 else left_at
                items.append(
                    Relation(
                        left.strip(),
                        "=" if sign == ":=" else sign,
                        right.strip(),
                        at,
                        line_at(start + max(0, place)),
                        chain,
                        words,
                        sign == ":=",
                    )
                )
            open_side = (sides[-1][0], -1)
            words = "" if follows else words
    kept = [i for i in items if isinstance(i, Formula) or (i.left and i.right)]
    relations = [k for k, i in enumerate(kept) if isinstance(i, Relation)]
    if len(relations) > MAX_RELATIONS:
        complete = False
        kept = kept[: relations[MAX_RELATIONS]]
    return Text(tuple(kept), len(_WORD.findall(prose)), prose, complete)


def _segments(body: str) -> list[tuple[int, int]]:
    """Where the formulas stand, without their delimiters."""
    out = []
    at = 0
    open_for_good: set[str] = set()  # what closes nothing any more: looked for once, not again at every place that it opens
    while (found := _OPENS.search(body, at)) is not None:
        closing = rf"\end{{{found[1]}}}" if found[1] else _CLOSES[found[0]]
        stop = -1 if closing in open_for_good else body.find(closing, found.end() + 1)
        if stop < 0:
            open_for_good.add(closing)
            at = found.start() + 1
        else:
            out.append((found.end(), stop))
            at = stop + len(closing)
    return out


def _prose(body: str, pieces: list[tuple[int, int]]) -> str:
    """The body with formulas blanked, each marked by § at its beginning."""
    out = list(body)
    for start, end in pieces:
        for k in range(start, end):
            if out[k] != "\n":
                out[k] = " "
        out[start] = "§"
    return re.sub(r"[$]|\\[()\[\]]|\\(?:begin|end)\{[^}]{0,40}\}", lambda m: " " * len(m[0]), "".join(out))


def _words_before(prose: str, start: int) -> str:
    """The prose of the same sentence before a formula, other formulas as §; of a long sentence its end."""
    head = prose[max(0, start - MAX_BEFORE) : start]
    cut = 0
    for m in _SENTENCE.finditer(head):
        cut = m.end()
    return " ".join(head[cut:].split())


def _plain(prose: str, *, keep_all: bool) -> list[tuple[int, int]]:
    """Formulas on lines of plain text. keep_all: the text has no other formulas, so what cannot be one is kept for a person."""
    out = []
    at = 0
    for line in prose.split("\n"):
        clean = re.sub(r"`|\*\*", lambda m: " " * len(m[0]), line)
        if _RELATIONAL.search(clean) and "§" not in clean:
            lead = _LEAD.match(clean)
            start = lead.end() if lead else 0
            edges = [start]
            for m in _BREAK.finditer(clean, start):
                if m[0].strip(" :,").lower() in ("a", "t") and re.match(r"\s*[=+*/^_)<>-]|\S", clean[m.end() : m.end() + 1]):
                    continue
                edges += [m.start(), m.end()]
            for m in re.finditer(r"[\w)](?<!\\):(?!=)\s|[^\s.\\]\.\s", clean):
                edges += [m.end(), m.end()]
            edges = sorted({e for e in edges if e >= start} | {len(clean)})
            for a, b in itertools.pairwise(edges):
                piece = clean[a:b]
                if _RELATIONAL.search(piece) and (keep_all or not _WORD.search(_without_names(piece))):
                    stop = len(piece.rstrip(" .;,"))
                    out.append((at + a, at + a + stop))
        at += len(line) + 1
    return out


def _without_names(piece: str) -> str:
    return re.sub(r"\\[A-Za-z]+|\b(?:eta|alpha|sigma|Sigma|Gamma|lambda|inv|norm|tr|max|min|np|linalg|hat|argmin|dot)\b", " ", piece)


def _blank(text: str, start: int, end: int, put: str = " ") -> str:
    return text[:start] + put + " " * (end - start - len(put)) + text[end:]


def _rows(text: str) -> list[Chain]:
    """A formula as chains: sides with their offsets, and the signs between them. Raises Unreadable, OutOfBudget."""
    if len(text) > MAX_CHARACTERS:
        raise OutOfBudget("MAX_CHARACTERS", len(text))
    source = text
    for m in _OVER.finditer(text):
        sign = m[2]
        source = _blank(source, m.start(), m.end(), f"{sign} " if sign.startswith("\\") else sign)
    for m in _XARROW.finditer(source):
        source = _blank(source, m.start(), m.end(), "\\to ")
    source = _unbraced(_unboxed(source))
    source = re.sub(r"\\because(?![A-Za-z])", lambda m: ";".ljust(len(m[0])), source)
    notes = [m.span() for m in _TEXT.finditer(source) if not _NAMED.match(source, m.start())]
    toks = [t for t in tokens(source) if t.kind not in ("math", "eof") and not (t.kind in ("begin", "end") and t.value in WRAPPERS)]
    levels = depths(source, toks)
    rows: list[list[Token]] = [[]]
    for k, t in enumerate(toks):
        if levels[k] == 0:
            note = next((span for span in notes if span[0] <= t.at < span[1]), None)
            if note and _labels(source, note, toks, k, rows[-1]):
                rows[-1].append(t)
                continue
            if note:
                if rows[-1]:
                    rows.append([])
                continue
            before = toks[k - 1].end if k else 0
            if _QUAD.search(source, before, t.at) and rows[-1]:
                rows.append([])
            if (t.kind == "cmd" and t.value in ARROWS and source[t.at : t.end] != "←") or (t.kind == "op" and t.value in (",", ";")):
                rows.append([])
                continue
            if t.kind == "newline":
                following = next((u for u in toks[k + 1 :] if not (u.kind == "op" and u.value == "&")), None)
                last = rows[-1][-1] if rows[-1] else None
                goes_on = following is not None and following.kind == "op" and following.value in ("+", "-")
                hangs = last is not None and last.kind == "op" and (last.value in SIGNS or last.value in ("+", "-", "*"))
                if goes_on or hangs or (following is not None and _sign(source, following)):
                    continue
                rows.append([])
                continue
            if t.kind == "op" and t.value in ("&", ":"):
                continue
        rows[-1].append(t)
    return _merged([_chain(source, row) for row in rows if row])


def _labels(source: str, note: tuple[int, int], toks: list[Token], k: int, row: list[Token]) -> bool:
    """Is a note the left side of an equation (`\\text{shift} = ...`), which does not go on from the last one then?"""
    if row and row[0].at < note[0]:
        return False
    after = next((u for u in toks[k:] if u.at >= note[1] and not (u.kind == "op" and u.value == "&")), None)
    words = source[note[0] : note[1]].partition("{")[2].rstrip("}").strip()
    named = re.fullmatch(r"[A-Za-z]+(?:[ -][A-Za-z]+)*", words) is not None and not _BREAK.match(words)
    return named and after is not None and bool(_sign(source, after))


def _by_line(text: str) -> Iterator[Chain]:
    """The chains of a display that is too long to be read at once, row by row; what cannot be read is a chain without a sign."""
    edges, depth = [0], 0
    for m in re.finditer(r"\\\\|\\(begin|end)\s*\{\s*([A-Za-z]*)", text):
        if m[1] and m[2] not in WRAPPERS:
            depth += 1 if m[1] == "begin" else -1
        elif not m[1] and depth == 0:
            edges.append(m.end())
    for start, end in zip(edges, [*edges[1:], len(text)], strict=True):
        row = text[start:end].removesuffix("\\\\")
        try:
            for sides, signs in _rows(row):
                yield [(side, start + at) for side, at in sides], signs
        except (Unreadable, OutOfBudget):
            if row.strip():
                yield [(row.strip(), start)], []


def _merged(rows: list[Chain]) -> list[Chain]:
    """Rows that state nothing after one that does are remarks on it (`i = 1, ..., n`, `(by definition)`)."""
    stated = any(signs for _, signs in rows)
    return [(sides, signs) for sides, signs in rows if signs or not stated]


def _sign(source: str, t: Token) -> str:
    """The relation that a token is, or nothing."""
    typed = source[t.at : t.end]
    if (t.kind == "cmd" and t.value in _FROM) or typed == "←":
        return ":="
    if _ABOUT.match(typed):
        return "~"
    if t.kind == "op" and t.value in SIGNS:
        return ":=" if typed in (":=", "≔", "\\coloneqq", "\\triangleq") else t.value
    return ""


def _chain(source: str, row: list[Token]) -> Chain:
    sides: list[list[Token]] = [[]]
    signs: list[str] = []
    depth = 0
    inside = False
    for t in row:
        if t.kind == "begin" or (t.kind == "op" and t.value in ("(", "[", "{", "\\{")):
            depth += 1
        elif t.kind == "end" or (t.kind == "op" and t.value in (")", "]", "}", "\\}", "\\right.")):
            depth -= 1
        sign = _sign(source, t) if depth == 0 else ""
        if sign:
            sides.append([])
            signs.append(sign)
            inside = False
        elif depth == 0 and t.kind == "cmd" and t.value in ("in", "forall", "succ", "succeq", "mid"):
            inside = True  # a domain, which states nothing about the sides
        elif not inside:
            sides[-1].append(t)
    texts = []
    for side in sides:
        if side:
            texts.append((source[side[0].at : side[-1].end].rstrip(" .,;:"), side[0].at))
        else:
            texts.append(("", row[0].at))
    return texts, signs


def _unboxed(source: str) -> str:
    """What stands in a box, without the box."""
    for m in reversed(list(re.finditer(r"\\(?:boxed|fbox|framebox)\s*\{", source))):
        stop = _closing(source, m.end() - 1)
        if stop is not None:
            source = source[: m.start()] + " " * (m.end() - m.start()) + source[m.end() : stop] + " " + source[stop + 1 :]
    return source


def _unbraced(source: str) -> str:
    """\\underbrace{E}_{note} as (E): what is written under a brace is a note."""
    for m in reversed(list(re.finditer(r"\\(underbrace|overbrace)\s*\{", source))):
        stop = _closing(source, m.end() - 1)
        if stop is None:
            continue
        after = re.match(r"\s*[_^]\s*\{", source[stop + 1 :])
        end = stop + 1
        if after:
            note = _closing(source, stop + after.end())
            if note is None:
                continue
            end = note + 1
        inner = source[m.end() : stop]
        source = source[: m.start()] + "(".rjust(m.end() - m.start()) + inner + ")".ljust(end - stop) + source[end:]
    return source


def _closing(text: str, opened: int) -> int | None:
    """Where the brace opened at an offset is closed."""
    depth = 0
    for k in range(opened, len(text)):
        if text[k] in "{}" and text[k - 1 : k] != "\\":
            depth += 1 if text[k] == "{" else -1
            if depth == 0:
                return k
    return None


__all__ = ["Formula", "Relation", "Text", "replace", "statements_of"]
