"""A student's text -> the raw tree of its final formula.

What surrounds the formula goes first (see `prose`); then the last right-hand side of the last statement is read.
"""

from __future__ import annotations

import re

from autograder.algebra.limits import MAX_DEPTH, MAX_WORD
from autograder.algebra.notation import prose
from autograder.algebra.notation.grammar import Grammar
from autograder.algebra.notation.nodes import Node
from autograder.algebra.symbols import Symbols
from autograder.errors import OutOfBudget, Unreadable
from autograder.mathtext import ARROWS, MAX_CHARACTERS, RELATION_SIGNS, WRAPPERS, Token, tokens


def read_answer(text: str, table: Symbols, *, free: frozenset[str] = frozenset()) -> Node:
    """The raw tree of the final formula in `text`.

    free: indices that may occur without a sum. Raises Unreadable (with the place) or OutOfBudget.
    """
    if len(text) > MAX_CHARACTERS:
        raise OutOfBudget("MAX_CHARACTERS", f"{len(text)} characters")
    if "\x00" in text:
        raise Unreadable(text, text.index("\x00"), "a NUL character", prose.ONE_FORMULA)
    if not text.strip():
        raise Unreadable(text, 0, "nothing is typed", prose.ONE_FORMULA)
    if "![" in text or re.search(r"\\includegraphics|<img\b", text):
        raise Unreadable(text, 0, "an image stands where a formula is due", prose.ONE_FORMULA)
    candidate = prose.mathematics(text, prose.boxed(prose.without_marks(text)), table)
    candidate = prose.without_remark(candidate, table)
    prose.no_rivals(text, candidate)
    numpy = is_numpy(candidate)
    failure: Unreadable | None = None
    for attempt in prose.attempts(candidate, table):
        try:
            node = _formula(text, attempt, table, numpy=numpy, free=free)
        except Unreadable as bad:  # noqa: PERF203 - the next attempt may be read
            if failure is None or bad.offset >= failure.offset:
                failure = bad
        else:
            prose.check_surroundings(text, attempt)
            return node
    assert failure is not None
    raise Unreadable(text, failure.offset, failure.reason, failure.accepted)


def _formula(text: str, candidate: str, table: Symbols, *, numpy: bool, free: frozenset[str]) -> Node:
    """The last right-hand side of the last statement."""
    toks = with_lines(candidate, tokens(candidate))
    statement = last_statement(text, toks)
    pieces = split_chain(statement)
    final = pieces[-1]
    if not final:
        at = statement[-1].at if statement else len(text.rstrip())
        raise Unreadable(text, at, "the right-hand side is missing" if statement else "there is no formula", prose.ONE_FORMULA)
    for side in pieces[:-1]:
        dangling = side and side[-1].kind == "op" and side[-1].value in ("+", "-", "*", "/", "^", "_", "@")
        if dangling and (len(side) < 2 or side[-2].value != "^"):
            raise Unreadable(text, side[-1].at, "an operator stands before an equals sign", prose.ONE_FORMULA)
    for side in pieces[1:-1]:
        if not any(t.kind in ("word", "num", "cmd", "func") for t in side):
            raise Unreadable(text, side[0].at if side else final[0].at, "two equals signs with nothing between them", prose.ONE_FORMULA)
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
    _balanced_wrappers(text, toks)
    toks = _without_comments(
        [t for t in toks if t.kind not in ("math", "eof") and not (t.kind in ("begin", "end") and t.value in WRAPPERS)]
    )
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
            if t.kind == "op" and t.value == "&":  # aligns a sign with those of other lines
                beside = [u for u in (toks[k - 1] if k else None, following) if u is not None]
                if len(beside) < 2 or any(
                    u.kind in ("newline", "begin", "end") or u.value in RELATION_SIGNS or u.value in "+-" for u in beside
                ):
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


def _balanced_wrappers(text: str, toks: list[Token]) -> None:
    """Raises Unreadable for \\begin{align} without its end, or the other way round."""
    stack: list[Token] = []
    for t in toks:
        if t.kind == "begin" and t.value in WRAPPERS:
            stack.append(t)
        elif t.kind == "end" and t.value in WRAPPERS:
            if not stack or stack[-1].value != t.value:
                raise Unreadable(text, t.at, f"\\end{{{t.value}}} ends what was never begun", "\\begin{...} and \\end{...} in pairs")
            stack.pop()
    if stack:
        raise Unreadable(text, stack[-1].at, f"\\begin{{{stack[-1].value}}} is never ended", "\\begin{...} and \\end{...} in pairs")


def _without_comments(toks: list[Token]) -> list[Token]:
    """Without the column after `&&`, which comments on a line."""
    out: list[Token] = []
    skipping = False
    for k, t in enumerate(toks):
        if t.kind in ("newline", "end", "eof"):
            skipping = False
        elif t.value == "&" and k + 1 < len(toks) and toks[k + 1].value == "&" and not any(u.kind == "begin" for u in out):
            skipping = True
        if not skipping:
            out.append(t)
    return out


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


def is_numpy(text: str) -> bool:
    """Is the text in numpy's spelling, where `*` acts on entries?"""
    return prose.NUMPY.search(text) is not None
