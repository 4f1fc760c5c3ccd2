"""A function stated piece by piece, in equations of their own: `f' = a if x > 0`, then `f' = 0 otherwise`."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_PIECES = 4
MAX_PIECE = 2_000
"""Characters of one piece."""

LESS = r"(?:[<>≤≥]|\\(?:le|ge|lt|gt|leq|geq|leqslant|geqslant)(?![a-zA-Z]))"
FORMULA = r"(?:\$([^$\n]{1,160})\$|\\\(([^\n]{1,160}?)\\\))"
IF = r"(?:if|when|whenever|for|where|in case)"
AFTER = re.compile(rf"[\s,]*(?:{IF}\s*{FORMULA}|(otherwise|else|elsewhere)\b)", re.IGNORECASE)
BEFORE = re.compile(
    rf"(?:{IF}\s*{FORMULA}|\b(otherwise|else|elsewhere))\s*[:,]?\s*(?:then|we have|we get|it is)?\s*[:,]?\s*$", re.IGNORECASE
)
INSIDE = re.compile(
    r"[\s,]*(?:\\q?quad\s*)?(?:(?:\\(?:text|textrm|mathrm|mbox)\s*\{\s*,?\s*(?:if|when|for)\s*\}|\b(?:if|when|for)\b)\s*(?P<said>[^;]+)"
    r"|(?:\\(?:text|textrm|mathrm|mbox)\s*\{\s*(?:otherwise|else|elsewhere)\s*\}|\b(?:otherwise|else|elsewhere)\b))[\s.,;]*$",
    re.IGNORECASE,
)
RELATION = re.compile(r"(?<![<>=!:≠])=(?!=)")


def joined_cases(text: str, equations: Sequence[tuple[int, int]]) -> tuple[str, int] | None:
    """The last equations of a text as one with `cases`, and the offset of the first; None where they are not pieces.

    Pieces have one left-hand side, and a condition each, before, behind or inside the formula; one may say otherwise.
    """
    pieces: list[tuple[str, str, str, int]] = []
    for start, end in reversed(equations[-MAX_PIECES:]):
        piece = _piece(text, start, end)
        if piece is None or (pieces and piece[0] != pieces[-1][0]):
            break
        pieces.append((*piece, start))
    if len(pieces) < 2 or len({condition for _, _, condition, _ in pieces}) < len(pieces) or all(not p[2] for p in pieces):
        return None
    pieces.reverse()
    # The piece that says otherwise goes last.
    rows = sorted(pieces, key=lambda p: not p[2])
    body = r" \\ ".join(f"{value} & {condition or chr(92) + 'text{otherwise}'}" for _, value, condition, _ in rows)
    return rf"{pieces[0][0]} = \begin{{cases}} {body} \end{{cases}}", pieces[0][3]


def _piece(text: str, start: int, end: int) -> tuple[str, str, str] | None:
    """Left-hand side, value and condition ("" for otherwise) of one equation; None where it has no condition."""
    formula = text[start:end].strip().strip("$").replace(r"\[", "").replace(r"\]", "").strip()
    relation = RELATION.search(formula)
    if relation is None or len(formula) > MAX_PIECE or "\\begin" in formula:
        return None
    name, value = "".join(formula[: relation.start()].split()), formula[relation.end() :].strip(" .,;")
    inside = INSIDE.search(value)
    if inside is not None:
        condition: str | None = (inside["said"] or "").strip(" .,;$")
        value = value[: inside.start()].strip(" ,$")
    else:
        condition = _stated(AFTER.match(text, end)) if AFTER.match(text, end) else _stated(BEFORE.search(text[max(0, start - 200) : start]))
    if condition is None or (condition and re.search(LESS, condition) is None):
        return None
    return name, value, condition


def _stated(found: re.Match[str] | None) -> str | None:
    """The condition that was found, "" for otherwise."""
    return None if found is None else (found[1] or found[2] or "").strip()
