"""The words around a formula: what may be left out of a text, and what may not.

Removed parts are blanked, so that every offset is one of the text as typed. Words that change what the formula says
(`or`, `not`, `the transpose of`, `up to a factor`) are never left out: such a text is unreadable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from autograder.algebra.limits import MAX_DOLLARS
from autograder.algebra.symbols import Symbols
from autograder.errors import Unreadable
from autograder.mathtext import FILLERS, FUNCTIONS, GREEK, KEYWORDS, TRANSPOSES, Name

ONE_FORMULA: Final = "one formula made of the declared symbols, such as x^T A or \\(x^\\top A\\)"
_MATH: Final = re.compile(r"\$\$(.+?)\$\$|\$([^$]+?)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_RIVALS: Final = re.compile(
    r"\b(todo|tbd|fixme|either|maybe|perhaps|possibly|alternatively|depends|depending|versus|vs|guess)\b|\?", re.IGNORECASE
)
_OR: Final = re.compile(r"\bor\b", re.IGNORECASE)
_NEGATION: Final = re.compile(r"\b(not|never|neither|nor|cannot|isnt|no)\b|n['’]t\b", re.IGNORECASE)
_CHANGES: Final = re.compile(
    r"\b(transposed?|times|plus|minus|squared|inverse|inverted|half|twice|double|negative|divided|over|without|except|neglecting|roughly|"
    r"approximately|proportional|multiplied|conjugate|reciprocal|square root|opposite)\b",
    re.IGNORECASE,
)
"""Just before a formula, these act on it."""
_BEFORE: Final = re.compile(
    r"\b(wrong|incorrect|scratch|old answer|tried|attempt|twice|opposite|proportional|up to|previously)\b|\bof\W*$", re.IGNORECASE
)
"""Anywhere in the sentence before a formula, these say that it is not the answer."""
_BEHIND: Final = re.compile(
    r"\W*(times|plus|minus|squared|cubed|divided|over|or|not|without|except|up to|proportional|transposed?|inverted?|halved|doubled)\b",
    re.IGNORECASE,
)
"""Just behind a formula, these act on it."""
_AFTER: Final = re.compile(
    r"\b(wrong|incorrect|unsure|sure|tried|opposite|replaced|instead|doubled|halved|negated|flipped|transposed)\b|minus sign|up to|"
    r"constant factor|factor of|the transpose of|is the transpose|half|twice|of the answer",
    re.IGNORECASE,
)
"""Anywhere behind a formula, these say that it is not quite the answer."""
_REASON: Final = re.compile(r"\b(since|because|as|when|if|where|for|assuming|although|even|by|unless)\b", re.IGNORECASE)
_LABEL: Final = re.compile(r"\s*(?:\(?([a-z]|[ivx]+)\)|\d{1,2}[.)])\s+(?=\S)")
_SHAPE: Final = re.compile(r"[\[(]\s*(?:a |an )?([A-Za-z]|\d)\s*(?:x|×|\\times|by)\s*([A-Za-z]|\d)\b[A-Za-z \-]*[\])]")
_TAIL: Final = re.compile(
    r"(?<![\\A-Za-z_])(?:where|since|because|assuming|given|provided|using|under|whenever|note|by|as|with|due|if|when|for|for all|from|in|"
    r"which|"
    r"is the (?:gradient|derivative|jacobian|answer|result|solution)|after|on|but|and|here|valid|everywhere|always|"
    r"element-?wise|independent|regardless|irrespective|a row|row|column)(?![A-Za-z_(])",
    re.IGNORECASE,
)
_LEAD: Final = re.compile(
    r"(?<![\\A-Za-z_])(?:is|are|equals|equal to|therefore|thus|hence|so|i\.e\.?|get|gives|give|yields|obtain|have|becomes|be|"
    r"got|it's|think|believe|"
    r"simplifies to|that|"
    r"reduces to|to|as|follows|answer|then|namely|we find|find|finally)(?![A-Za-z_])\s*[:,]?",
    re.IGNORECASE,
)
_ELSE: Final = re.compile(r"\b(otherwise|else|elsewhere)\b", re.IGNORECASE)
_COLON: Final = re.compile(r"[A-Za-z)](?<!\\):(?!=)\s")
_TEXT_BEFORE: Final = re.compile(r"\\(?:text|textrm|mbox|textit|mathrm|textbf)\s*$")
_REMARK_WORD: Final = re.compile(r"(?<![\\A-Za-z_])[A-Za-z]{3,}(?![A-Za-z_(])")
NUMPY: Final = re.compile(r"@|\b(?:np|numpy|torch|jnp|nn)\.|\.(?:dot|mm|mv|matmul|sum|mean|shape)\b|\b(?:sum|mean)\(")
_BOX: Final = re.compile(r"\\(?:boxed|fbox|framebox)\s*\{")


def _blank(text: str, start: int, end: int) -> str:
    return text[:start] + " " * (end - start) + text[end:]


def without_marks(text: str) -> str:
    """Backticks, asterisks and quotes around the whole of an answer are Markdown."""
    stripped = text.strip()
    for mark in ("```", "``", "`", "**", "__", "*", "_", "'", '"'):
        if (
            len(stripped) > 2 * len(mark)
            and stripped.startswith(mark)
            and stripped.endswith(mark)
            and mark not in stripped[len(mark) : -len(mark)]
        ):
            start = text.index(mark)
            end = text.rindex(mark)
            return _blank(_blank(text, end, end + len(mark)), start, start + len(mark))
    return text


def boxed(text: str) -> str:
    """The content of the last \\boxed{}; the text itself where there is none."""
    boxes = list(_BOX.finditer(text))
    if not boxes:
        return text
    last = boxes[-1]
    depth = 1
    for j in range(last.end(), len(text)):
        if text[j] in "{}" and text[j - 1] != "\\":
            depth += 1 if text[j] == "{" else -1
            if depth == 0:
                return " " * last.end() + text[last.end() : j] + " " * (len(text) - j)
    raise Unreadable(text, last.start(), "the box is never closed", "\\boxed{...}")


def mathematics(text: str, candidate: str, table: Symbols) -> str:
    """The last formula between dollars with the rest blanked, where the rest is prose; else all of it without the dollars."""
    if text.replace("\\$", "").count("$") % 2:
        raise Unreadable(text, text.rindex("$"), "a dollar sign is never closed", "$...$")
    for opening, closing in (("\\(", "\\)"), ("\\[", "\\]")):
        marks = text.replace("\\\\", "  ")
        if marks.count(opening) != marks.count(closing):
            raise Unreadable(
                text, max(marks.rfind(opening), marks.rfind(closing)), f"{opening} and {closing} do not come in pairs", "\\( ... \\)"
            )
    if candidate.count("$") > MAX_DOLLARS:
        raise Unreadable(text, candidate.index("$"), "too many dollar signs", "$...$")
    found = list(_MATH.finditer(candidate))
    if candidate.replace("\\$", "").count("$") % 2:
        raise Unreadable(text, candidate.rindex("$"), "a dollar sign is never closed", "$...$")
    if not found and "$" in candidate.replace("\\$", ""):
        raise Unreadable(text, candidate.index("$"), "the dollar signs hold nothing, or are never closed", "$...$")
    if not found:
        return candidate
    spans = [next((m.start(k), m.end(k)) for k in range(1, 5) if m.group(k) is not None) for m in found]
    around = [(m.start(), m.end()) for m in found]
    outside = candidate
    for start, end in around:
        outside = outside[:start] + "§" * (end - start) + outside[end:]
    if "$" in outside.replace("\\$", ""):
        raise Unreadable(text, outside.index("$"), "a dollar sign is never closed", "$...$")
    for remark in re.finditer(r"\([^()§]*[A-Za-z]{3,}[^()]*\)", outside):
        outside = _blank(outside, remark.start(), remark.end())
    kept = [k for k, (start, _) in enumerate(around) if outside[start] == "§"]
    if not kept:
        kept = [len(around) - 1]
    gaps = _gaps(outside, [around[k] for k in kept])
    mixed = re.search(r"[+*/^=\[\]_<>|@\\]|\d", "".join(gaps)) is not None
    conditional = any(re.match(r"\W*(if|when|for|where|on)\b", gap, re.IGNORECASE) for gap in gaps[1:]) and any(
        re.search(r"[<>]|\\[lg]eq?\b|\\ne|[≤≥≠]", candidate[spans[k][0] : spans[k][1]]) for k in kept[1:]
    )
    conditional = conditional or any(_ELSE.search(gap) for gap in gaps)
    glued = re.search(r"(?<![A-Za-z])[A-Za-z]§|§[A-Za-z](?![A-Za-z])|[{}\\^_'\d]§|§(?:[{}\\^_'\d]|\.[A-Za-z])", outside) is not None
    apart = all(not gap.strip() for gap in gaps[1:-1]) and len(kept) > 1 and "$$" not in candidate.replace("$$$", "")
    if (mixed and not any(_is_prose(gap, table) for gap in gaps)) or conditional or (apart and not gaps[0].strip()) or glued:
        joined = candidate
        for (a, b), (start, end) in zip(spans, around, strict=True):
            joined = _blank(_blank(joined, start, a), b, end)
        return joined
    tail = next((k for k, gap in enumerate(gaps[1:], 1) if _TAIL.match(gap.strip(" ,.;:")) and not _continues(gap)), len(kept))
    no_rivals(text, _spread(text, gaps, kept, around))
    last = kept[min(tail, len(kept)) - 1]
    position = kept.index(last)
    before = gaps[position]
    inner = candidate[spans[last][0] : spans[last][1]]
    if position and not re.sub(r"\band\b|[,;&.\s]", "", before) and "=" not in inner and before.strip() not in (".",):
        raise Unreadable(text, spans[last][0], "two formulas stand beside each other", "one answer")
    start, end = spans[last]
    return " " * start + inner + " " * (len(candidate) - end)


def _continues(gap: str) -> bool:
    """Does the prose after a formula lead up to the next one?"""
    return (
        re.search(r"\b(is|are|equals|so|thus|hence|therefore|get|gives|yields|have|obtain|becomes|which)\W*$", gap.strip(), re.IGNORECASE)
        is not None
    )


def _gaps(outside: str, around: list[tuple[int, int]]) -> list[str]:
    edges = [0, *(x for pair in around for x in pair), len(outside)]
    return [outside[edges[k] : edges[k + 1]].replace("§", " ") for k in range(0, len(edges), 2)]


def _spread(text: str, gaps: list[str], kept: list[int], around: list[tuple[int, int]]) -> str:
    """The prose alone, each piece in its place."""
    out = ""
    starts = [0, *(around[k][1] for k in kept)]
    for start, gap in zip(starts, gaps, strict=True):
        out = out.ljust(start) + gap
    return out.ljust(len(text))


def _is_prose(gap: str, table: Symbols) -> bool:
    return any(not known(word, table) for word in re.findall(r"(?<![\\A-Za-z_])[A-Za-z]{2,}", gap))


@lru_cache(maxsize=4096)
def known(word: str, table: Symbols) -> bool:
    """Can a run of letters be part of a formula?"""

    if word in KEYWORDS or word in FUNCTIONS or word in GREEK or word in TRANSPOSES or word in table.dimensions:
        return True
    if table.find(Name(word)) is not None:
        return True
    return all(table.exact(Name(c)) is not None for c in word)


def without_remark(candidate: str, table: Symbols) -> str:
    """Without a remark in brackets at the end: `(since B is orthogonal)`, `[row vector]`, `\\text{(a column)}`."""
    while True:
        stripped = candidate.rstrip(" .,;\n\t")
        closing = stripped[-1:]
        if closing not in ")]}" or not closing:
            return candidate
        opening = {")": "(", "]": "[", "}": "{"}[closing]
        depth = 0
        for j in range(len(stripped) - 1, -1, -1):
            depth += (stripped[j] == closing) - (stripped[j] == opening)
            if depth == 0:
                break
        else:
            return candidate
        inside = stripped[j:]
        words = _REMARK_WORD.findall(inside)
        if closing == "}":
            text = _TEXT_BEFORE.search(stripped[:j])
            if text is None or re.match(r"\{\s*(if|when|otherwise|else|for|where|and|or|T)\b", inside):
                return candidate
            start = text.start()
        else:
            start = j
            before = stripped[:j].rstrip()[-1:]
            if before in set("+-*/@^_=\\{") or stripped[j - 1].isalnum():
                return candidate
        shape = _SHAPE.fullmatch(inside)
        sized = shape is not None and any(d in table.dimensions and table.exact(Name(d)) is None for d in shape.groups())
        if start == 0 or not (sized or any(not known(word, table) for word in words)):
            return candidate
        if _OR.match(inside[1:].strip()):
            raise Unreadable(candidate, j, "two rival answers", "one answer")
        candidate = _blank(candidate, start, len(stripped))


def no_rivals(text: str, candidate: str) -> None:
    """Raises Unreadable where words leave open which of several formulas is the answer."""
    rival = _RIVALS.search(candidate)
    if rival:
        raise Unreadable(text, rival.start(), f"{rival[0]!r} leaves the answer open", "one answer")
    rival = _OR.search(candidate)
    if rival and not re.search(r"\b(if|when|for|where)\b", candidate[: rival.start()]) and "\\begin{" not in candidate[: rival.start()]:
        raise Unreadable(text, rival.start(), "'or' joins two rival answers", "one answer")


def attempts(candidate: str, table: Symbols) -> Iterator[str]:
    """The candidate, then without what leads up to it, without what follows it, without both."""
    candidate = _without_label(candidate, table)
    yield candidate
    if not _is_prose(candidate, table) and not re.search(r"\b(if|when|for|where|in|as|is|by|so|on|i\.e)\b", candidate):
        return
    tried = {candidate}
    headless = _without_lead(candidate, table)
    for version in (headless, *_without_tails(candidate, table), *_without_tails(headless, table)):
        for attempt in (version, _without_lead(version, table)):
            if attempt not in tried and attempt.strip():
                tried.add(attempt)
                yield attempt


def _without_lead(candidate: str, table: Symbols) -> str:
    """Without the words before the formula; only words that say nothing of their own may go."""
    cut = 0
    for match in _LEAD.finditer(candidate):
        if match[0].strip(" :,") not in ("to", "as") or cut:
            cut = match.end()
    for match in _COLON.finditer(candidate):
        lead = candidate[: match.end()]
        if not re.search(r"[+*@{}\[\]]", lead) and lead.count("(") == lead.count(")"):
            cut = max(cut, match.end())
    candidate = " " * cut + candidate[cut:]
    while True:
        match_word = re.match(r"\s*([A-Za-z.]{2,}|a(?=\s+[a-z]{3,}))(?=[\s:,])[\s:,]*", candidate)
        if (
            match_word is None
            or match_word[1].lower().rstrip(".") not in FILLERS | {"a"}
            or (table.exact(Name(match_word[1])) and match_word[1] != "a")
        ):
            return candidate
        candidate = " " * match_word.end() + candidate[match_word.end() :]


def _without_tails(candidate: str, table: Symbols) -> list[str]:
    """Cut before each word that may begin a remark, the first such word last."""
    out = []
    for match in _TAIL.finditer(candidate):
        if candidate[: match.start()].strip() and not table.exact(Name(match[0])):
            tail = candidate[match.end() :]
            if not re.search(r"\w", tail) or (match[0].lower() in ("if", "when", "for", "where") and _ELSE.search(tail)):
                continue
            if match[0].lower() in ("and", "but") and not re.match(r"\s*(this|that|it|is|we|the|so)\b", tail):
                continue
            kept = re.sub(r"(?:\\(?:text|textrm|mbox|textit)\s*\{)?[\s,;(]*$", "", candidate[: match.start()])
            out.append(kept + " " * (len(candidate) - len(kept)))
    return out[::-1][:4] if len(out) > 4 else out[::-1]


def _without_label(candidate: str, table: Symbols) -> str:
    """Without `(d)`, `d)` or `2.` before the formula, unless the letter is a symbol; without a colon at the end."""
    label = _LABEL.match(candidate)
    if label is not None and (label[1] is None or not all(table.exact(Name(c)) for c in label[1])):
        candidate = _blank(candidate, 0, label.end())
    stripped = candidate.rstrip()
    return _blank(candidate, len(stripped) - 1, len(stripped)) if stripped.endswith(":") else candidate


def check_surroundings(text: str, formula: str) -> None:
    """Raises Unreadable if what was left out around the formula changes it. formula: the text with everything else blanked."""
    start = len(formula) - len(formula.lstrip())
    end = len(formula.rstrip())
    if not _BOX.search(text[:start]):
        before = re.split(r"[.;\n](?=\s|$)", _MATH.sub(lambda m: " " * len(m[0]), text[:start]))[-1]
        clause = re.sub(r"[\[({$\\]+$", "", _LEAD.split(before)[-1])
        found = _BEFORE.search(before.rstrip(" $([{\\")) or _CHANGES.search(clause) or _NEGATION.search(before)
        if found:
            raise Unreadable(text, start, f"the words {found[0].strip()!r} stand before the formula", ONE_FORMULA)
    after = _MATH.sub(lambda m: " " * len(m[0]), re.sub(r"^[\s$)\]}\\]+", " ", text[end:]))
    found = _BEHIND.match(after) or _AFTER.search(after)
    negated = _NEGATION.search(after)
    if found is None and negated and not _REASON.search(after[: negated.start()]):
        found = negated
    if found:
        raise Unreadable(text, end, f"the words {found[0].strip()!r} stand behind the formula", ONE_FORMULA)
