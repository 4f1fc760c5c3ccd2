"""Where in a marked text a heading or a part mark may stand, and what stands there."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from autograder.writeup._markup import CAPTION, CODE, HEAD, ITEM, QUOTE, TAIL
from autograder.writeup._patterns import ADJACENT, BAR, BARE, DECORATION, MATH, PART_WORD, SEPARATOR, START, STRONG, WEAK

MAX_HEAD = 200
"""Characters of a line that are looked at for a heading or a mark."""
MAX_STARTS = 20_000
"""Places that are looked at."""
PLAIN = 8
"""Level of a heading that is a plain line; a line in bold has 7."""


@dataclass(frozen=True)
class Place:
    """A start of a line, heading or item. level: 1 to 8 of a heading. kind: the mark before it, or ''."""

    at: int
    begin: int
    end: int
    kind: str
    level: int


@dataclass(frozen=True)
class Mark:
    """A part mark: its tokens in lower case; `strong`, `paren`, `dot` or `bare`; the offset where it ends."""

    tokens: tuple[str, ...]
    style: str
    end: int


class Scanner:
    """One marked text: its places, the marks at them, and what is formula or quote. full: whether it has more places
    than are looked at."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.full = False
        self.places = list(self._find_places())
        self._begins = [place.begin for place in self.places]
        self._math: list[tuple[int, int]] | None = None

    def _find_places(self) -> Iterator[Place]:
        text = self.text
        for count, found in enumerate(START.finditer(text)):
            if count > MAX_STARTS:
                self.full = True
                return
            at = found.end()
            kind = found[0]
            if not kind and text[at : at + 1] in (HEAD, QUOTE, ITEM, CODE, CAPTION):
                continue
            level = PLAIN
            if kind == HEAD:
                level, at = int(text[at : at + 1] or PLAIN), at + 1
            line_end = text.find("\n", at, at + MAX_HEAD)
            end = line_end if line_end >= 0 else min(len(text), at + MAX_HEAD)
            for stop in (TAIL, ITEM, HEAD):
                cut = text.find(stop, at, end)
                end = cut if cut >= 0 else end
            decoration = DECORATION.match(text, at, end)
            begin = decoration.end() if decoration else at
            while kind == QUOTE and begin < end and text[begin] in "# ":
                begin += 1
            if begin < end:
                yield Place(found.start(), begin, end, kind, level)

    def mark(self, at: int, end: int, heading: bool) -> Mark | None:
        """The part mark at an offset: its tokens in lower case, its style, and where it ends."""
        text = self.text
        word = PART_WORD.match(text, at, end)
        start = word.end() if word else at
        worded = word is not None
        found = STRONG.match(text, start, end)
        style = "strong"
        if found is None:
            found = WEAK.match(text, start, end)
            style = "paren" if found is not None and found[3] else "dot"
        if found is None and (heading or worded):
            found, style = BARE.match(text, start, end), "bare"
        if found is None:
            return None
        if worded and style != "strong":
            style = "strong"
        tokens = [t.lower() for t in found.groups()[:2] if t]
        if found[1].isupper() and style in ("dot", "bare") and not heading and not worded:
            return None
        stop = found.end()
        while len(tokens) < 2:
            following = STRONG.match(text, stop, end) or WEAK.match(text, stop, end) or ADJACENT.match(text, stop, end)
            if following is None or following[2] or not re.fullmatch(r"[ivx]{1,4}|\d", following[1]):
                break
            tokens.append(following[1].lower())
            stop = following.end()
        return Mark(tuple(tokens), style, stop)

    def after(self, place: Place, end: int) -> int:
        """Where the content begins after a mark: behind its separator and what closes its decoration."""
        text = self.text
        separator = SEPARATOR.match(text, end)
        end = separator.end() if separator else end
        opened = text[place.at : place.begin]
        for opening, closing in (("**", "**"), ("__", "__"), ("{", "}"), ("$", "$"), ("*", "*"), ("_", "_")):
            if opening in opened and text.startswith(closing, end):
                end += len(closing)
        if text.startswith(":", end):
            end += 1
        bar = BAR.match(text, end) if "|" in opened else None
        return bar.end() if bar else end

    def in_math(self, at: int) -> bool:
        if self._math is None:
            self._math = [found.span() for found in MATH.finditer(self.text)]
        index = bisect_right(self._math, (at, len(self.text))) - 1
        return index >= 0 and self._math[index][0] < at < self._math[index][1]

    def quoted(self, at: int) -> bool:
        line = self.text.rfind("\n", 0, at) + 1
        return self.text[line : line + 1] in (QUOTE, CAPTION, CODE)

    def between(self, start: int, end: int) -> list[Place]:
        """The places that begin in text[start:end]."""
        return self.places[bisect_left(self._begins, start) : bisect_left(self._begins, end)]
