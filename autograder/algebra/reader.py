"""A student's text -> the raw tree of its final formula.

What surrounds the formula goes first: dollars, a box, words that lead up to it, remarks after it, all but the last
right-hand side of a chain of equations. Removed parts are blanked, so that every offset is one of the text as typed.
Words that change what the formula says (`or`, `not`, `the transpose of`) are never ignored: such a text is unreadable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from autograder.algebra.grammar import Grammar
from autograder.algebra.lexer import Token, tokens
from autograder.algebra.limits import MAX_CHARACTERS, MAX_DEPTH, MAX_WORD
from autograder.algebra.nodes import Node
from autograder.algebra.symbols import Name, Symbols
from autograder.algebra.vocabulary import ARROWS, FILLERS, FUNCTIONS, GREEK, KEYWORDS, RELATION_SIGNS, TRANSPOSES, WRAPPERS
from autograder.errors import OutOfBudget, Unreadable

ONE_FORMULA: Final = "one formula made of the declared symbols, such as x^T A or \\(x^\\top A\\)"
_MATH: Final = re.compile(r"\$\$(.+?)\$\$|\$([^$]+?)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_RIVALS: Final = re.compile(
    r"\b(todo|tbd|fixme|either|maybe|perhaps|possibly|alternatively|depends|depending|versus|vs|unsure|guess)\b|\?", re.IGNORECASE
)
_OR: Final = re.compile(r"\bor\b", re.IGNORECASE)
_NEGATION: Final = re.compile(
    r"\b(not|never|neither|nor|cannot|isn|isnt|doesn|don|didn|wasn|wrong|incorrect)\b|n[’']t\b|\bno\b", re.IGNORECASE
)
_MODIFIERS: Final = re.compile(
    r"\b(transposed?|times|plus|minus|squared|inverse|inverted|half|twice|double|negative|divided|over|without|except|neglecting|roughly|"
    r"approximately|proportional|multiplied|conjugate|reciprocal|square root)\b",
    re.IGNORECASE,
)
_TAIL: Final = re.compile(
    r"(?<![\\A-Za-z_])(?:where|since|because|assuming|given|provided|using|under|whenever|note|by|as|with|due|if|when|for|for all|from|in|"
    r"which|"
    r"is|that|hence|is a|after|on|but|and|here|valid|everywhere|always|element-?wise|a row|row|column)(?![A-Za-z_(])",
    re.IGNORECASE,
)
_LEAD: Final = re.compile(
    r"(?<![\\A-Za-z_])(?:is|are|equals|equal to|therefore|thus|hence|so|i\.e\.?|get|gives|give|yields|obtain|have|becomes|be|"
    r"simplifies to|that|"
    r"reduces to|to|as|follows|answer|then|namely|we find|find|finally)(?![A-Za-z_])\s*[:,]?",
    re.IGNORECASE,
)
_COLON: Final = re.compile(r"[A-Za-z)](?<!\\):(?!=)\s")
_TEXT_BEFORE: Final = re.compile(r"\\(?:text|textrm|mbox|textit|mathrm|textbf)\s*$")
_REMARK_WORD: Final = re.compile(r"(?<![\\A-Za-z_])[A-Za-z]{3,}(?![A-Za-z_(])")
_NUMPY: Final = re.compile(r"@|\b(?:np|numpy|torch|jnp|nn)\.|\.(?:dot|mm|mv|matmul|sum|mean|shape)\b|\b(?:sum|mean)\(")
_BOX: Final = re.compile(r"\\(?:boxed|fbox|framebox)\s*\{")


def read_answer(text: str, table: Symbols, *, free: frozenset[str] = frozenset()) -> Node:
    """The raw tree of the final formula in `text`.

    free: indices that may occur without a sum. Raises Unreadable (with the place) or OutOfBudget.
    """
    if len(text) > MAX_CHARACTERS:
        raise OutOfBudget("MAX_CHARACTERS", f"{len(text)} characters")
    if "\x00" in text:
        raise Unreadable(text, text.index("\x00"), "a NUL character", ONE_FORMULA)
    if not text.strip():
        raise Unreadable(text, 0, "nothing is typed", ONE_FORMULA)
    if "![" in text or re.search(r"\\includegraphics|<img\b", text):
        raise Unreadable(text, 0, "an image stands where a formula is due", ONE_FORMULA)
    candidate = _boxed(_code_marks(text))
    candidate = _mathematics(text, candidate, table)
    candidate = _without_remark(candidate, table)
    _no_rivals(text, candidate)
    numpy = _NUMPY.search(candidate) is not None
    failure: Unreadable | None = None
    for attempt in _attempts(candidate, table):
        try:
            return _formula(text, attempt, table, numpy=numpy, free=free)
        except Unreadable as bad:  # noqa: PERF203 - the next attempt may be read
            if failure is None or bad.offset >= failure.offset:
                failure = bad
    assert failure is not None
    raise Unreadable(text, failure.offset, failure.reason, failure.accepted)


def _blank(text: str, start: int, end: int) -> str:
    return text[:start] + " " * (end - start) + text[end:]


def _code_marks(text: str) -> str:
    """Backticks and asterisks around the whole of an answer are Markdown."""
    stripped = text.strip()
    for mark in ("```", "`", "**"):
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


def _boxed(text: str) -> str:
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


def _mathematics(text: str, candidate: str, table: Symbols) -> str:
    """The last formula between dollars with the rest blanked, where the rest is prose; else all of it without the dollars."""
    found = list(_MATH.finditer(candidate))
    if candidate.replace("\\$", "").count("$") % 2:
        raise Unreadable(text, candidate.rindex("$"), "a dollar sign is never closed", "$...$")
    if not found:
        return candidate
    spans = [next((m.start(k), m.end(k)) for k in range(1, 5) if m.group(k) is not None) for m in found]
    around = [(m.start(), m.end()) for m in found]
    outside = candidate
    for start, end in around:
        outside = outside[:start] + "§" * (end - start) + outside[end:]
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
    if (mixed and not any(_is_prose(gap, table) for gap in gaps)) or conditional:
        joined = candidate
        for (a, b), (start, end) in zip(spans, around, strict=True):
            joined = _blank(_blank(joined, start, a), b, end)
        return joined
    tail = next((k for k, gap in enumerate(gaps[1:], 1) if _TAIL.match(gap.strip(" ,.;:")) and not _continues(gap)), len(kept))
    _no_rivals(text, _spread(text, gaps, kept, around))
    last = kept[min(tail, len(kept)) - 1]
    position = kept.index(last)
    before, after = gaps[position], gaps[position + 1]
    clause = _LEAD.split(before)[-1]
    for words in (clause, after if not _TAIL.match(after.strip(" ,.;:")) else ""):
        changed = _MODIFIERS.search(words)
        if changed:
            raise Unreadable(text, spans[last][0], f"the word {changed[0]!r} changes what the formula says", ONE_FORMULA)
    negated = _NEGATION.search(before) or _NEGATION.search(after)
    if negated:
        raise Unreadable(text, spans[last][0], f"the word {negated[0]!r} stands beside the formula", ONE_FORMULA)
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
    return any(not _known(word, table) for word in re.findall(r"(?<![\\A-Za-z_])[A-Za-z]{2,}", gap))


@lru_cache(maxsize=4096)
def _known(word: str, table: Symbols) -> bool:
    """Can a run of letters be part of a formula?"""

    if word in KEYWORDS or word in FUNCTIONS or word in GREEK or word in TRANSPOSES or word in table.dimensions:
        return True
    if table.find(Name(word)) is not None:
        return True
    return all(table.exact(Name(c)) is not None for c in word)


def _without_remark(candidate: str, table: Symbols) -> str:
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
        if start == 0 or not any(not _known(word, table) for word in words):
            return candidate
        if _OR.match(inside[1:].strip()):
            raise Unreadable(candidate, j, "two rival answers", "one answer")
        changed = _MODIFIERS.search(inside)
        if changed and re.match(r"[\[({]\s*" + changed[0], inside):
            raise Unreadable(candidate, j, f"the word {changed[0]!r} changes what the formula says", ONE_FORMULA)
        candidate = _blank(candidate, start, len(stripped))


def _no_rivals(text: str, candidate: str) -> None:
    rival = _RIVALS.search(candidate)
    if rival:
        raise Unreadable(text, rival.start(), f"{rival[0]!r} leaves the answer open", "one answer")
    rival = _OR.search(candidate)
    if rival and not re.search(r"\b(if|when|for|where)\b", candidate[: rival.start()]) and "\\begin{" not in candidate[: rival.start()]:
        raise Unreadable(text, rival.start(), "'or' joins two rival answers", "one answer")


def _attempts(candidate: str, table: Symbols) -> Iterator[str]:
    """The candidate, then without what leads up to it, without what follows it, without both."""
    yield candidate
    if not _is_prose(candidate, table) and not re.search(r"\b(if|when|for|where|in|as|is|by|so|on)\b", candidate):
        return
    negated = _NEGATION.search(candidate)
    if negated and not re.search(r"\bif\b", candidate[: negated.start()]):
        raise Unreadable(candidate, negated.start(), f"the word {negated[0]!r} stands beside the formula", ONE_FORMULA)
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
            if not re.search(r"\w", tail):
                continue
            if match[0].lower() in ("and", "but") and not re.match(r"\s*(this|that|it|is|we|the|so)\b", tail):
                continue
            kept = re.sub(r"(?:\\(?:text|textrm|mbox|textit)\s*\{)?[\s,;(]*$", "", candidate[: match.start()])
            out.append(kept + " " * (len(candidate) - len(kept)))
    return out[::-1][:4] if len(out) > 4 else out[::-1]


def _formula(text: str, candidate: str, table: Symbols, *, numpy: bool, free: frozenset[str]) -> Node:
    """The last right-hand side of the last statement."""
    toks = with_lines(candidate, tokens(candidate))
    statement = last_statement(text, toks)
    pieces = split_chain(statement)
    final = pieces[-1]
    if not final:
        at = statement[-1].at if statement else len(text.rstrip())
        raise Unreadable(text, at, "the right-hand side is missing" if statement else "there is no formula", ONE_FORMULA)
    end = final[-1].end
    grammar = Grammar(text, [*final, Token("eof", "", end, end)], table, numpy=numpy, free=free)
    return grammar.whole()


def _short(text: str, t: Token) -> str:
    return text[t.at : t.end].strip()[:MAX_WORD]


def depths(text: str, toks: list[Token]) -> list[int]:
    """The bracket depth before each token. Raises Unreadable where brackets do not balance, OutOfBudget beyond MAX_DEPTH."""
    pairs = {")": "(", "]": "[", "}": "{", "\\}": "\\{"}
    stack: list[Token] = []
    out = []
    for t in toks:
        closing = (
            t.kind == "end" or (t.kind == "op" and (t.value in pairs or t.value == "\\right.")) or (t.kind == "cmd" and t.value == "rangle")
        )
        if closing:
            opener = stack[-1] if stack else None
            fits = opener is not None and (
                (opener.kind == "begin" and t.kind == "end" and opener.value == t.value)
                or (opener.kind == "op" and t.kind == "op" and pairs.get(t.value) == opener.value)
                or (opener.value in ("\\{", "\\left.") and t.value == "\\right.")
                or (opener.value == "langle" and t.value == "rangle")
            )
            if not fits:
                raise Unreadable(text, t.at, f"{_short(text, t)!r} closes a bracket that was never opened", "balanced brackets")
            stack.pop()
        out.append(len(stack))
        if (
            t.kind == "begin"
            or (t.kind == "op" and t.value in ("(", "[", "{", "\\{", "\\left."))
            or (t.kind == "cmd" and t.value == "langle")
        ):
            stack.append(t)
            if len(stack) > MAX_DEPTH:
                raise OutOfBudget("MAX_DEPTH", f"more than {MAX_DEPTH} levels")
    if stack:
        opener = stack[-1]
        raise Unreadable(text, opener.at, f"{_short(text, opener)!r} is never closed", "balanced brackets")
    return out


def with_lines(text: str, toks: list[Token]) -> list[Token]:
    """Plain text: a line that neither ends nor begins with an operator ends a statement. (LaTeX has `\\\\` for that.)"""
    if "\n" not in text or "\\" in text or "$" in text:
        return toks
    out: list[Token] = []
    for t in toks:
        before = out[-1] if out else None
        if before is not None and t.kind != "eof" and "\n" in text[before.end : t.at]:
            joined = any(
                (u.kind == "op" and u.value not in (")", "]", "}", "'", "(", "[", "|", "\\|")) or u.value in ("cdot", "times")
                for u in (before, t)
            )
            if not joined:
                out.append(Token("newline", "\n", before.end, t.at))
        out.append(t)
    return out


def last_statement(text: str, toks: list[Token]) -> list[Token]:
    """The tokens of the last statement: after the last arrow, line or comma outside of brackets."""
    return statements(text, toks)[-1]


def statements(text: str, toks: list[Token], *, every: bool = False) -> list[list[Token]]:
    """The statements of a text, those that only remark on a domain left out.

    Raises Unreadable for two rival answers, unless `every` statement is asked for.
    """
    toks = [t for t in toks if t.kind not in ("math", "eof") and not (t.kind in ("begin", "end") and t.value in WRAPPERS)]
    levels = depths(text, toks)
    conditional = next(
        (k for k, t in enumerate(toks) if levels[k] == 0 and t.kind == "word" and t.value in ("if", "when", "otherwise", "else")), None
    )
    if conditional is None:  # "x for x > 0, 0 for x < 0"; but "A x for all x, y" is none
        conditional = next(
            (
                k
                for k, t in enumerate(toks)
                if t.kind == "word" and t.value == "for" and any(u.value in ("<", ">", "<=", ">=") for u in toks[k:])
            ),
            None,
        )
    parts: list[tuple[str, list[Token]]] = [("", [])]
    for k, t in enumerate(toks):
        if levels[k] == 0:
            following = toks[k + 1] if k + 1 < len(toks) else None
            if t.kind == "cmd" and t.value in ARROWS:
                parts.append(("arrow", []))
                continue
            if t.kind == "newline":
                rest = next((u for u in toks[k + 1 :] if u.value != "&"), None)
                if rest is not None and ((rest.kind == "op" and rest.value in RELATION_SIGNS) or rest.value in ("+", "-", "cdot", "times")):
                    continue
                parts.append(("line", []))
                continue
            if t.kind == "op" and t.value == "&":
                continue
            if t.kind == "op" and t.value in (",", ";") and (conditional is None or following is None):
                parts.append(("comma", []))
                continue
        parts[-1][1].append(t)
    parts = [(how, part) for how, part in parts if part] or [("", [])]
    while len(parts) > 1 and _is_remark(parts[-1][1]):
        parts.pop()
    kept = [_before_domain(part) for _, part in parts]
    if len(parts) > 1 and not every:
        how = parts[-1][0]
        last, previous = kept[-1], kept[-2]
        if how == "comma" and not _has_equals(last):
            raise Unreadable(text, last[0].at if last else 0, "two formulas stand beside each other", "one answer")
        if how in ("comma", "line") and _has_equals(last) and _has_equals(previous):
            one, two = split_chain(last), split_chain(previous)
            if (
                [t.value for t in one[0]] == [t.value for t in two[0]]
                and one[0]
                and [t.value for t in one[-1]] != [t.value for t in two[-1]]
            ):
                raise Unreadable(text, last[0].at, "two rival answers", "one answer")
        if how == "line" and not _has_equals(last) and not _has_equals(previous):
            raise Unreadable(text, last[0].at if last else 0, "two formulas stand below each other", "one answer")
    return kept


def _is_remark(part: list[Token]) -> bool:
    """`w \\ne 0`, `x \\in R^n`, `\\forall x`: says where the answer holds, and is none."""
    signs = [t.value for t in part if t.kind == "op" and t.value in RELATION_SIGNS]
    if any(t.kind == "cmd" and t.value in ("in", "forall", "subset", "quad") for t in part):
        return True
    conditional = any((t.kind == "word" and t.value in ("if", "when", "else", "otherwise")) or t.kind == "begin" for t in part)
    return bool(signs) and not conditional and "=" not in signs


def _before_domain(part: list[Token]) -> list[Token]:
    for k, t in enumerate(part):
        if t.kind == "cmd" and t.value in ("in", "forall", "because") and k:
            return part[:k]
    return part


def _has_equals(part: list[Token]) -> bool:
    return len(split_chain(part)) > 1


def split_chain(part: list[Token]) -> list[list[Token]]:
    """The sides of `a = b = c`. Inside brackets, and after `if`, an equals sign compares."""
    sides: list[list[Token]] = [[]]
    depth = 0
    conditional = False
    for t in part:
        if t.kind == "begin" or (t.kind == "op" and t.value in ("(", "[", "{", "\\{")):
            depth += 1
        elif t.kind == "end" or (t.kind == "op" and t.value in (")", "]", "}", "\\}", "\\right.")):
            depth -= 1
        conditional = conditional or (t.kind == "word" and t.value in ("if", "when", "for", "where"))
        if depth == 0 and not conditional and t.kind == "op" and t.value == "=":
            sides.append([])
        else:
            sides[-1].append(t)
    return sides


def check_definitions(table: Symbols, definitions: object) -> Symbols:
    """The table with the defined names in it; see `expression.with_definitions`."""
    from autograder.algebra.expression import with_definitions

    return with_definitions(table, definitions)


def is_numpy(text: str) -> bool:
    """Is the text in numpy's spelling, where `*` acts on entries?"""
    return _NUMPY.search(text) is not None
