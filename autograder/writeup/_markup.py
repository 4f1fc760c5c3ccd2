"""Markdown and LaTeX source -> one plain form, line by line, in which headings, items, quotes and captions are marked.

The marks are private-use characters, which `_source` has removed from what was typed:

    HEAD level text TAIL   a heading; level 1 to 6, 7 for a line in bold, on its own
    ITEM label             an item of a list; what follows counts as the start of a line
    QUOTE text [UNQUOTE]   a block quote, to the end of its line or to UNQUOTE: the question, not the answer
    CAPTION text           a figure's caption or alternative text
    PICTURE                here stood a picture
    CODE text              a line inside a code fence: text, but never a heading or a part mark

No line is added or lost, so that a place in the marked text is a place in the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from autograder.mathtext import braced
from autograder.writeup._macros import expand
from autograder.writeup._source import Source

HEAD, TAIL, ITEM, QUOTE, CAPTION, PICTURE, CODE, UNQUOTE = "\ue001\ue002\ue003\ue004\ue005\ue006\ue007\ue008"
MARKS = re.compile("[\ue001-\ue008]")
BOLD_LEVEL = "7"

TAG = re.compile(
    r"</?(?:br|p|div|span|b|i|em|strong|u|center|font|details|summary|small|hr|h[1-6]|li|ul|ol|tt|code|pre)\b[^<>\n]{0,200}>", re.IGNORECASE
)
SUPERSCRIPT = re.compile(r"<(sup|sub)>([^<>\n]{1,80})</\1>", re.IGNORECASE)
IMAGE_TAG = re.compile(r"<img\b[^<>\n]{0,2000}>", re.IGNORECASE)
IMAGE = re.compile(r"!\[([^\[\]\n]{0,500})\](?:\([^)\n]{0,2000}\)|\[[^\]\n]{0,200}\])")
FENCE = re.compile(r"[ ]{0,3}(?:[-*+][ ]+)?(`{3,}|~{3,})(.*)")
HASHES = re.compile(r"[ ]{0,3}(#{1,6})(?:[ ]+|(?=[^#\s]))(.*)")
ALL_BOLD = re.compile(r"[ ]*(?:\*\*|__)((?:(?!\*\*|__).){1,200})(?:\*\*|__)[ ]*[:.]?[ ]*")
UNDERLINE = re.compile(r"[ ]{0,3}(=+|-{2,})[ ]*")
CAPTION_LINE = re.compile(r"[ ]*[*_]{0,3}(?:figure|fig\.?|table|image|plot)[ ]*\d{1,3}[ ]*[*_]{0,3}[ ]*[:.—–-](?=[\s*_]|$)", re.IGNORECASE)
TABLE_ROW = re.compile(r"[ ]*\|(.*)\|[ ]*")
TABLE_MARK = re.compile(r"(?:\d{1,2}[. ]?)?\([a-zA-Z]{1,4}\)(?:[ ]?\([ivx]{1,4}\))?")
TABLE_RULE = re.compile(r"[ ]*\|?[ ]*:?-{2,}:?[ ]*(?:\|[ ]*:?-+:?[ ]*)*\|?[ ]*")

TEX_COMMENT = re.compile(r"(?<!\\)((?:\\\\){0,20})%.*")
TEX_SECTION = re.compile(
    r"\\(part|chapter|section|subsection|subsubsection|paragraph|subparagraph)\b\*?[ ]*(?:\[[^\]\n]{0,200}\])?[ ]*(?=\{)"
)
TEX_LEVELS = {"part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5, "subparagraph": 6}
TEX_BOLD = re.compile(
    r"[ ]*(?:\\noindent\b[ ]*)?(?:\{[ ]*\\(?:bf|bfseries|large|Large|LARGE)\b[ ]*(?:\\(?:bf|bfseries)\b)?([^{}\n]{1,200})\}"
    r"|\\(?:textbf|underline|textsc)\{([^{}\n]{1,200})\})[ ]*(?:\\\\)?[ ]*"
)
TEX_TOKEN = re.compile(
    r"\\begin[ ]*\{([A-Za-z]{1,30})\*?\}|\\end[ ]*\{([A-Za-z]{1,30})\*?\}|\\(item|question|titledquestion|part|subpart)(?![A-Za-z])"
    r"|\\setcounter\{(enum[iv]{1,3})\}\{(\d{1,3})\}|\\(includegraphics|input|include)(?![A-Za-z])|\\(caption)\*?[ ]*(?=\{)"
    r"|\\(verb)(?![A-Za-z])"
)
LISTS = {"enumerate": "", "itemize": None, "description": None, "compactenum": "", "questions": "1.", "parts": "(a)", "subparts": "(i)"}
PROBLEMS = frozenset(("problem", "exercise", "homeworkProblem"))
"""Environments of homework classes; without a title of their own they are counted."""
OPTION = re.compile(r"[ ]*\[([^\]\n]{0,200})\]")
LABEL_OPTION = re.compile(r"label[ ]*=[ ]*\{?(.{1,60}?)\}?(?:,[ ]*[a-z]+[ ]*=|$)")
START_OPTION = re.compile(r"start[ ]*=[ ]*(\d{1,3})")
COUNTERS = re.compile(r"\\(alph|Alph|roman|Roman|arabic)\*?")
DROPPED_ENVIRONMENTS = frozenset(
    ("center", "flushleft", "flushright", "solution", "proof", "answer", "minipage", "quote", "quotation", "figure", "wrapfigure")
)
ROMANS = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv")
MAX_ITEM = 99
MAX_UNCLOSED = 50
"""Groups in braces that never close, until the rest is taken as it stands."""
MAX_NESTING = 20


def marked(source: Source) -> tuple[str, tuple[str, ...]]:
    """The marked text of a file, and notes on what was not followed."""
    notes: list[str] = []
    if source.tex:
        text = TEX_COMMENT.sub(r"\1", source.text)
        text = _only_document(text)
        text = _latex(expand(text), notes)
        return "\n".join(_tex_line(line) for line in text.split("\n")), tuple(notes)
    cells = [first for first, _ in source.cells] or [0]
    lines = source.text.split("\n")
    pieces = []
    for first, after in zip(cells, [*cells[1:], len(lines)], strict=True):
        # Each cell is Markdown of its own: a fence left open in one does not swallow the next.
        pieces.append(_markdown("\n".join(lines[first:after])))
    return expand("\n".join(pieces)), ()


def _uncommented(text: str) -> str:
    """The text without HTML comments; a comment that never ends is none."""
    pieces: list[str] = []
    at = 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        pieces += [text[at:start], "\n" * text.count("\n", start, end)]
        at = end + 3
    return "".join([*pieces, text[at:]])


class _Groups:
    """Groups in braces of one text. After many that never close no more are looked for, or it would take the square."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._failures = 0

    def end(self, at: int) -> int | None:
        """The offset after the group that opens at `at`, or None."""
        found = braced(self._text, at) if self._failures < MAX_UNCLOSED else None
        self._failures += found is None
        return found


# ---- Markdown ----


def _markdown(text: str) -> str:
    if "<" in text:
        text = _uncommented(text)
        text = SUPERSCRIPT.sub(lambda m: f"{'^' if m[1].lower() == 'sup' else '_'}{{{m[2]}}}", text)
        text = TAG.sub(" ", IMAGE_TAG.sub(PICTURE, text))
    lines = text.split("\n")
    fenced = _fenced(lines)
    table = _table_rows(lines)
    result: list[str] = []
    for index, line in enumerate(lines):
        if not line:
            result.append("")
            continue
        if index in fenced:
            result.append(CODE + line if fenced[index] else "")
            continue
        if line.lstrip().startswith(">"):
            result.append(QUOTE + line.lstrip().lstrip("> "))
            continue
        if "![" in line:
            alternative = " ".join(m[1] for m in IMAGE.finditer(line))
            line = IMAGE.sub(PICTURE, line)
            if not line.replace(PICTURE, "").strip():
                result.append(CAPTION + PICTURE + alternative)
                continue
        if CAPTION_LINE.match(line):
            result.append(CAPTION + line)
        elif line.strip() and UNDERLINE.fullmatch(lines[index + 1] if index + 1 < len(lines) else "") and not _in_list(line):
            result.append(HEAD + ("1" if "=" in lines[index + 1] else "2") + line.strip() + TAIL)
        elif UNDERLINE.fullmatch(line):
            result.append("")
        elif (heading := HASHES.fullmatch(line)) is not None:
            result.append(f"{HEAD}{len(heading[1])}{heading[2].rstrip('# ')}{TAIL}")
        elif (bold := ALL_BOLD.fullmatch(line)) is not None:
            result.append(HEAD + BOLD_LEVEL + bold[1].strip() + TAIL)
        elif index in table:
            result.append(table[index])
        else:
            result.append(line)
    return "\n".join(result)


def _in_list(line: str) -> bool:
    return line.lstrip()[:2] in ("- ", "* ", "+ ") or "$$" in line


def _fenced(lines: list[str]) -> dict[int, bool]:
    """Indices of the lines of closed code fences; False for the fences themselves."""
    inside: dict[int, bool] = {}
    opened, fence = -1, ""
    for index, line in enumerate(lines):
        found = FENCE.fullmatch(line) if "```" in line or "~~~" in line else None
        if found is None:
            continue
        if opened < 0:
            if "`" not in found[2]:
                opened, fence = index, found[1]
        elif found[1].startswith(fence) and not found[2].strip():
            inside.update(dict.fromkeys(range(opened + 1, index), True))
            inside[opened] = inside[index] = False
            opened = -1
    return inside


def _table_rows(lines: list[str]) -> dict[int, str]:
    """The rows of tables: bars stand between the cells, as `x | y`. A table has a rule below its first row.

    Where the first row holds part marks, each row below has them before its cells: `(a) Yes (b) No`.
    """
    rows: dict[int, str] = {}
    for index, line in enumerate(lines):
        if "|" in line and "-" in line and TABLE_RULE.fullmatch(line) and index and (head := TABLE_ROW.fullmatch(lines[index - 1])):
            marks = [cell.strip(" *_") for cell in head[1].split("|")]
            across = sum(1 for mark in marks if TABLE_MARK.fullmatch(mark)) >= max(2, len(marks) - 1)
            rows[index] = ""
            rows[index - 1] = "" if across else "| " + head[1].strip()
            below = index + 1
            while below < len(lines) and (row := TABLE_ROW.fullmatch(lines[below])):
                rows[below] = "| " + row[1].strip()
                if across:
                    cells = zip(marks, row[1].split("|"), strict=False)
                    rows[below] = "  ".join(f"{mark} {cell.strip()}" for mark, cell in cells if TABLE_MARK.fullmatch(mark))
                below += 1
    return rows


# ---- LaTeX ----


def _only_document(text: str) -> str:
    """What lies in the document's body; the preamble keeps its macros, and as many lines."""
    begin, end = text.find(r"\begin{document}"), text.rfind(r"\end{document}")
    if begin < 0:
        return text
    preamble = text[:begin]
    kept = re.findall(r"\\(?:newcommand|renewcommand|providecommand|DeclareMathOperator|DeclarePairedDelimiter|def)\b", preamble)
    body = text[begin + len(r"\begin{document}") : end if end > begin else len(text)]
    if not kept:
        return "\n" * preamble.count("\n") + body
    return _macros_only(preamble) + body


def _macros_only(preamble: str) -> str:
    """The definitions of a preamble; other lines are emptied."""
    result, depth = [], 0
    for line in preamble.split("\n"):
        defines = depth > 0 or re.match(
            r"[ ]*\\(?:newcommand|renewcommand|providecommand|DeclareMathOperator|DeclarePairedDelimiter|def)\b", line
        )
        if defines:
            depth = max(0, depth + line.count("{") - line.count("}"))
        result.append(line if defines else "")
    return "\n".join(result)


class _List:
    """One open list of LaTeX: how its items are labelled, and the number of the last."""

    def __init__(self, label: str | None) -> None:
        self.label = label
        self.count = 0

    def next(self, default: str) -> str:
        self.count = min(self.count + 1, MAX_ITEM)
        return "" if self.label is None else _numbered(self.label or default, self.count)


def _default(lists: Sequence[_List], sectioned: bool) -> str:
    """The label of an item whose list states none, by LaTeX's own numbering: 1. (a) i.

    Where the problems are sections, the outermost list already holds parts, and the next one their sub-parts,
    whatever LaTeX prints.
    """
    numbered = [one for one in lists if one.label is not None]
    if len(numbered) <= 1:
        return "1."
    lettered = re.search(r"alph|\(?a|^a", numbered[-2].label or "") is not None
    return "(i)" if sectioned or lettered or len(numbered) > 2 else "(a)"


def _numbered(pattern: str, number: int) -> str:
    """The label of item `number` by enumitem's or enumerate's pattern: `(\\alph*)`, `(a)`, `i.`, `1.`."""
    letter = chr(ord("a") + (number - 1) % 26)
    roman = ROMANS[number - 1] if number <= len(ROMANS) else str(number)
    values = {"alph": letter, "Alph": letter.upper(), "roman": roman, "Roman": roman.upper(), "arabic": str(number)}
    if COUNTERS.search(pattern):
        return re.sub(r"\\[A-Za-z]+[ ]*|[{}]", "", COUNTERS.sub(lambda m: values[m[1]], pattern))
    short = {"a": letter, "A": letter.upper(), "i": roman, "I": roman.upper(), "1": str(number)}
    return re.sub(r"[aAiI1]", lambda m: short[m[0]], re.sub(r"\\[A-Za-z]+[ ]*|[{}]", "", pattern), count=1)


def _latex(text: str, notes: list[str]) -> str:
    """Sections, lists, figures and quotes of LaTeX as marks."""
    text = _replace_groups(TEX_SECTION, text, lambda found, inner: f"{HEAD}{TEX_LEVELS[found[1]]}{inner}{TAIL}")
    pieces: list[str] = []
    lists: list[_List] = []
    hidden: list[str] = []
    groups = _Groups(text)
    problems = at = 0

    def flush(until: int) -> None:
        piece = text[at:until]
        if hidden:
            mark = QUOTE if hidden[-1] == "quote" else CAPTION
            piece = (
                "\n".join(mark + line if line.strip() else line for line in piece.split("\n"))
                if mark == QUOTE
                else "\n" * piece.count("\n")
            )
        pieces.append(piece)

    for found in TEX_TOKEN.finditer(text):
        if found.start() < at:
            continue
        flush(found.start())
        at = found.end()
        begin, end, item, counter, value, outside, caption, verb = found.groups()
        if begin is not None:
            option = OPTION.match(text, at)
            if begin in LISTS and len(lists) < MAX_NESTING:
                label = LISTS[begin]
                opened = _List(label)
                if option is not None:
                    at = option.end()
                    _set_label(opened, option[1], begin)
                lists.append(opened)
            elif begin in ("quote", "quotation"):
                hidden.append("quote")
            elif begin in PROBLEMS:
                problems += 1
                at = option.end() if option is not None else at
                pieces.append(f"{HEAD}2{option[1] if option is not None else f'Problem {problems}'}{TAIL}")
            elif begin in ("figure", "wrapfigure"):
                hidden.append("figure")
                pieces.append(PICTURE)
            elif begin not in DROPPED_ENVIRONMENTS and begin != "document":
                pieces.append(found[0])
        elif end is not None:
            if end in LISTS:
                if lists:
                    lists.pop()
            elif end in ("quote", "quotation", "figure", "wrapfigure"):
                if hidden and hidden.pop() == "quote":
                    pieces.append(UNQUOTE)
            elif end not in DROPPED_ENVIRONMENTS and end not in PROBLEMS and end != "document":
                pieces.append(found[0])
        elif item is not None:
            option = OPTION.match(text, at)
            opened = lists[-1] if lists else _List("")
            label = opened.next(_default(lists or [opened], HEAD in text))
            if option is not None:
                label, at = option[1], option.end()
            pieces.append(f" {ITEM}{label} " if not hidden else "")
        elif counter is not None:
            if lists:
                lists[-1].count = int(value)
        elif outside in ("input", "include"):
            notes.append(rf"\{outside} is not followed: only this file is read.")
        elif outside is not None:
            pieces.append("" if hidden else PICTURE)
            option = OPTION.match(text, at)
            at = option.end() if option else at
            at = groups.end(at) or at
        elif caption is not None:
            close = groups.end(at) or at
            inner = text[at + 1 : close - 1]
            pieces.append(CAPTION + " ".join(inner.split("\n")) + "\n" * 0 if hidden else "")
            pieces.append("\n" * text.count("\n", at, close))
            at = close
        elif verb is not None:
            close = text.find(text[at], at + 1, at + 500) if at < len(text) else -1
            pieces.append(text[at + 1 : close] if close > 0 else "")
            at = close + 1 if close > 0 else at
    flush(len(text))
    return "".join(pieces)


def _set_label(opened: _List, option: str, kind: str) -> None:
    """Reads the optional argument of a list: `label=(\\alph*)`, `(a)`, `start=3`."""
    start = START_OPTION.search(option)
    if start is not None:
        opened.count = int(start[1]) - 1
    label = LABEL_OPTION.search(option)
    if label is not None:
        opened.label = label[1]
    elif kind != "itemize" and "=" not in option and re.search(r"[aAiI1]", option):
        opened.label = option


def _replace_groups(pattern: re.Pattern[str], text: str, put: Callable[[re.Match[str], str], str]) -> str:
    """Each match of `pattern`, with the group in braces that follows it, replaced; lines are kept."""
    pieces: list[str] = []
    groups = _Groups(text)
    at = 0
    for found in pattern.finditer(text):
        close = groups.end(found.end())
        if found.start() < at or close is None:
            continue
        inner = text[found.end() + 1 : close - 1]
        pieces += [text[at : found.start()], put(found, " ".join(inner.split("\n"))), "\n" * inner.count("\n")]
        at = close
    return "".join([*pieces, text[at:]])


def _tex_line(line: str) -> str:
    if line[:1] in (QUOTE, CAPTION):
        return line
    bold = TEX_BOLD.fullmatch(line)
    if bold is not None:
        return HEAD + BOLD_LEVEL + (bold[1] or bold[2]).strip() + TAIL
    if CAPTION_LINE.match(line):
        return CAPTION + line
    return line
