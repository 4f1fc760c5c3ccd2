"""A file's own LaTeX macros, expanded within bounds and without losing count of lines."""

from __future__ import annotations

import re
from dataclasses import dataclass

from autograder.mathtext import braced

MAX_DEPTH = 8
"""Macros within macros; a macro that calls itself is left standing at this depth."""
MAX_MACROS = 500
MAX_GROWTH = 200_000
"""Characters that expansion may add in all, against macros that double."""
MAX_FAILURES = 50
"""Definitions and calls that cannot be read, until the rest is left as it stands."""

DEFINITION = re.compile(
    r"\\(?P<how>newcommand|renewcommand|providecommand|DeclareRobustCommand|DeclareMathOperator|DeclarePairedDelimiter|def"
    r"|let)(?![A-Za-z])\*?"
)
NAME = re.compile(r"[ \t]*(?:\{[ \t]*)?\\([A-Za-z@]+)[ \t]*\}?")
COUNT = re.compile(r"[ \t]*\[(\d)\]")
PARAMETERS = re.compile(r"(?:[ \t]*#\d)*")
COMMAND = re.compile(r"\\([A-Za-z@]+)\*?")
PARAMETER = re.compile(r"#(\d)")
BLANKS = re.compile(r"\s*")


@dataclass(frozen=True)
class Macro:
    """count: number of arguments. default: of the first, where it is optional. body: with #1, #2, ..."""

    count: int
    default: str | None
    body: str


def expand(text: str) -> str:
    """`text` with its definitions removed and its macros expanded. Every line stays on its line."""
    text, macros = _definitions(text)
    if not macros:
        return text
    return _Expansion(macros).expand(text, 0)


def _definitions(text: str) -> tuple[str, dict[str, Macro]]:
    macros: dict[str, Macro] = {}
    pieces: list[str] = []
    at = 0
    failures = 0
    while len(macros) < MAX_MACROS and failures < MAX_FAILURES and (found := DEFINITION.search(text, at)):
        read = _definition(text, found)
        if read is None:
            failures += 1
            pieces.append(text[at : found.end()])
            at = found.end()
            continue
        name, macro, end = read
        macros[name] = macro
        pieces += [text[at : found.start()], "\n" * text.count("\n", found.start(), end)]
        at = end
    pieces.append(text[at:])
    return "".join(pieces), macros


def _definition(text: str, found: re.Match[str]) -> tuple[str, Macro, int] | None:
    how = found["how"]
    named = NAME.match(text, found.end())
    if named is None:
        return None
    name, at = named[1], named.end()
    if how == "let":
        other = re.compile(r"[ \t]*=?[ \t]*(\\[A-Za-z@]+)").match(text, at)
        return (name, Macro(0, None, other[1]), other.end()) if other and other[1] != "\\" + name else None
    count, default = 0, None
    if how == "def":
        parameters = PARAMETERS.match(text, at)
        assert parameters is not None
        count, at = parameters[0].count("#"), parameters.end()
    elif how == "DeclarePairedDelimiter":
        count = 1
    elif counted := COUNT.match(text, at):
        count, at = int(counted[1]), counted.end()
        closing = braced(text, at, "[", "]")
        if closing is not None:
            default, at = text[at + 1 : closing - 1], closing
    start = _skip(text, at)
    end = braced(text, start)
    if end is None:
        return None
    body = text[start + 1 : end - 1]
    if how == "DeclareMathOperator":
        body = rf"\operatorname{{{body}}}"
    elif how == "DeclarePairedDelimiter":
        start = _skip(text, end)
        second = braced(text, start)
        if second is None:
            return None
        body, end = body + "{#1}" + text[start + 1 : second - 1], second
    return name, Macro(count, default, " ".join(body.split("\n"))), end


def _skip(text: str, at: int) -> int:
    blanks = BLANKS.match(text, at)
    return blanks.end() if blanks else at


def _filled(body: str, arguments: list[str]) -> str:
    """The body of a macro with its arguments put in."""
    return PARAMETER.sub(lambda m: arguments[int(m[1]) - 1] if 0 < int(m[1]) <= len(arguments) else "", body)


class _Expansion:
    """One expansion of one file, with what is left of its budget."""

    def __init__(self, macros: dict[str, Macro]) -> None:
        self._macros = macros
        self._left = MAX_GROWTH
        self._failures = 0

    def expand(self, text: str, depth: int) -> str:
        pieces: list[str] = []
        at = 0
        for found in COMMAND.finditer(text):
            macro = self._macros.get(found[1])
            if macro is None or found.start() < at or self._left <= 0 or self._failures > MAX_FAILURES:
                continue
            arguments, end = self._arguments(text, found.end(1), macro)
            if arguments is None:
                self._failures += 1
                continue
            body = _filled(macro.body, arguments)
            self._left -= len(body)
            if depth < MAX_DEPTH and self._left > 0:
                body = self.expand(body, depth + 1)
            # A command that ends in a letter must not run together with what follows: \R x is not \mathbbx.
            joint = " " if body[-1:].isalpha() and "\\" in body and text[end : end + 1].isalpha() else ""
            pieces += [text[at : found.start()], body, joint, "\n" * text.count("\n", found.start(), end)]
            at = end
        pieces.append(text[at:])
        return "".join(pieces)

    def _arguments(self, text: str, at: int, macro: Macro) -> tuple[list[str] | None, int]:
        """The arguments as typed, line breaks as blanks, and where they end; None where they are not there."""
        arguments: list[str] = []
        end = at
        if macro.default is not None:
            opened = _skip(text, at)
            closing = braced(text, opened, "[", "]")
            self._failures += closing is None and text.startswith("[", opened)  # looked through to its end for nothing
            arguments.append(text[_skip(text, at) + 1 : closing - 1] if closing is not None else macro.default)
            end = closing if closing is not None else at
        elif macro.count and text.startswith("*", end):
            end += 1
        while len(arguments) < macro.count:
            start = _skip(text, end)
            closing = braced(text, start)
            if closing is not None:
                arguments.append(text[start + 1 : closing - 1])
            elif start < len(text) and text[start] not in "{}":
                command = COMMAND.match(text, start)
                closing = command.end() if command else start + 1
                arguments.append(text[start:closing])
            else:
                return None, at
            end = closing
        return [" ".join(a.split("\n")) for a in arguments], end
