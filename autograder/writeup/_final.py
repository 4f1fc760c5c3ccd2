"""A part's final answer: what follows `Answer:`, else the last \\boxed{}, else the last equation, else the whole text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from autograder.mathtext import braced
from autograder.writeup._cases import joined_cases

MAX_BODY = 200_000
"""Characters of a part in which its answer is looked for, from its end."""
MAX_ANSWER = 20_000
"""Characters of an answer after `Answer:`."""
MAX_ANSWERS = 20
"""Lines `Answer:` and boxes of one part that are looked at, from its end."""

ANSWER = re.compile(
    r"(?:^|(?<=\n)|(?<=[\s.;:,(*_}]))(?P<open>[*_]{0,3}|\\(?:textbf|textit|emph|underline|boldsymbol)[ ]*\{)(?:(?:my|the|final)[ ]+){0,2}"
    r"(?:answer|ans)s?[ ]*(?:\([a-zA-Z]{1,4}\)[ ]*)?(?:[*_]{1,3}|\})?[ ]*[:：=](?!=)[*_]{0,3}\}?",
    re.IGNORECASE,
)
ANSWER_HEADING = re.compile(r"(?:^|(?<=\n))[ ]*(?:[#]{1,6}[ ]*)?[*_]{0,3}(?:final[ ]+)?answer[*_]{0,3}[ ]*(?=\n|$)", re.IGNORECASE)
BOXED = re.compile(r"\\(?:boxed|fbox|framebox)[ ]*(?=\{)")
PLACEHOLDER = re.compile(
    r"[\s*_$`{}\[\]()<>\\.]*(?:todo\b.{0,40}|tbd|tba|fixme|xxx+|n\.?y\.?a\.?|not (?:yet )?(?:done|answered|attempted|finished)"
    r"|(?:write |type |put |enter |insert )?your "
    r"(?:final )?(?:answer|solution|response|derivation|work|code)s?(?: (?:goes )?here)?"
    r"|(?:sorry,? )?(?:i |we )?(?:did(?: not|n['’]t)|(?:have|had)(?: not|n['’]t)|could(?: not|n['’]t)|can(?:not|['’]t))(?: really)? "
    r"(?:do|done|did|solve|solved|finish|finished|complete|completed|answer|answered|attempt|attempted|get to|figure out)"
    r"(?: (?:this|it|that|any of (?:this|it)))?(?: (?:one|part|problem|question|exercise))?(?: (?:yet|in time))?"
    r"|(?:sorry,? )?(?:i |we )?(?:ran out of|had no|have no|no) time(?: left)?(?:,? sorry)?"
    r"|(?:i |we )?(?:do not|don['’]t) know(?: (?:this|it|how))?|no (?:answer|solution|idea|time)"
    r"|(?:i )?skip(?:ped)?(?: this| it)?(?: part)?"
    r"|(?:fill|answer"
    r"|solution)(?: this)? (?:in|here)|yes ?/ ?no|[?…·_\-–—.]*)[\s*_$`{}\[\]()<>\\.:!?]*",
    re.IGNORECASE,
)
DISPLAY = r"equation|align|gather|eqnarray|multline|displaymath|math|alignat|flalign|dmath"
FORMULA = re.compile(
    r"(?P<dd>\$\$)|(?P<d>(?<!\\)\$)|(?P<b>\\\[)|(?P<p>\\\()"
    rf"|\\begin[ ]*\{{(?P<e>(?:{DISPLAY})\*?)\}}"
)
RELATION = re.compile(
    r"(?<![<>=!:≠])=(?!=)|:=|==|≡|≔|\\equiv(?![a-zA-Z])|\\coloneqq(?![a-zA-Z])|\\triangleq(?![a-zA-Z])"
    r"|\\stackrel\{[^{}]{0,40}\}\{=\}|\\overset\{[^{}]{0,40}\}\{=\}"
)
ARROW = re.compile(
    r"\\(?:Rightarrow|Longrightarrow|implies|Leftrightarrow|Longleftrightarrow|iff|therefore|leadsto|rightsquigarrow"
    r"|longrightarrow)(?![a-zA-Z])|⇒|⟹|⇔|⟺|∴|=>|⟶|<=>"
)
ENVIRONMENT = re.compile(r"\\(begin|end)[ ]*\{([a-zA-Z]{1,20}\*?)\}")
WRAPPING = re.compile(
    r"\\(?:begin|end)[ ]*\{(?:aligned|align|split|gathered|gather|equation|alignedat|alignat|eqnarray|multline"
    r"|flalign)\*?\}(?:\{\d{1,2}\})?"
)
SOLUTION = re.compile(r"(?:^|(?<=\n))[ ]*[*_]{0,2}(?:my )?(?:solution|sol)s?[*_]{0,2}[ ]*(?:[:.][*_]{0,2}(?=\s|$)|(?=\n|$))", re.IGNORECASE)
BLANK_LINE = re.compile(r"\n[ ]*\n")
DELIMITED = re.compile(r"\$[^$\n]{0,200}\$")
CONCLUSION = re.compile(r"\b(?:thus|hence|therefore|so|finally|which)\b[^.$\n]{0,80}\b(?:is|are|equals|be)[ :]*$", re.IGNORECASE)
SPOKEN_CUT = re.compile(
    r"(?<![\\A-Za-z])(?:so that|so|then|thus|hence|therefore|and|gives|which gives|i\.e\.|implies"
    r"|or equivalently|yields|whence)[ ,]+(?=[^ ])"
)
GLUE = re.compile(r"[ \n]*(?:[=+\-·*/(),]|:=|≡)?[ \n]*")
CONDITION = re.compile(
    r"[ \n]*[,;]?[ \n]*(?:and[ \n]+)?(?:if|when|for|where|whenever|else|otherwise|else[ ]+if)(?:[ \n]*[:,]?[ \n]*(?:it is|is|="
    r"|equals)?[ \n]*)(?=\$|\\\(|0\b)",
    re.IGNORECASE,
)
ELSE = re.compile(
    r"[ \n]*[,;]?[ \n]*(?:(?:and|or)[ \n]+)?(?:is )?(?:\$?0\$?[ \n]*(?:otherwise|else|elsewhere|if not)|(?:otherwise|else"
    r"|elsewhere)[ \n,:]*(?:it is |is )?\$?0\$?)",
    re.IGNORECASE,
)
SUBORDINATE = re.compile(
    r"(?:\b(?:where|with|since|because|using|as|given|let|suppose|assume|assuming|if|from|by|define|defining|denote|recall|note"
    r"|for|here|set|whenever)"
    r"(?:[ \n]+(?:that|the fact that|the identity|the definition|we have|we know|note that))?|\b(?:know|knew|recall|note) that"
    r"|the fact that)[ \n:,$]*$",
    re.IGNORECASE,
)
CUE = re.compile(
    r"(?:\b(?:is|are|be|get|gets|gives?|given by|obtains?|becomes?|equals?|equal to|yields?|at|have|namely|i\.e\.|thus|hence"
    r"|therefore|so|to|answer|result|derivative|condition)"
    r"(?:[ \n]+(?:simply|just|the|then|that|at|located at|x[ ]*=))?|[:=]|^)[ \n,:$*_]*$",
    re.IGNORECASE,
)
SPOKEN_OF = re.compile(
    r"[ \n]*(?:is|are|was|must|should|has|have|needs?|being|to be|can|will|becomes?|symmetric|equals?|and|in)\b", re.IGNORECASE
)
"""Words after a formula that make it the subject of a sentence, not an answer."""
PROSE_WORD = re.compile(r"(?<![\\A-Za-z_^{}])([A-Za-z]{2,})(?![A-Za-z_^({\[]|[ ]*[\^_(])")
CONNECTIVE = re.compile(
    r"[ \n,;(]+(?:since|because|as|where|by|so|which|and (?:so|hence|thus|we|the|then|therefore|this)|hence|therefore|thus|using"
    r"|follows|due|from|with|but|then|this|we|the|is|are|that|for all|for every|for any)\b",
    re.IGNORECASE,
)
SENTENCE = re.compile(r"(?<=[A-Za-z0-9)\]}⊤ᵀ'])[.;!](?=[ \n]+[A-Z\"“]|[ \n]*$)|[。；]")
NAMES = frozenset(
    re.findall(
        r"\w+",
        """
    tr sin cos tan exp log ln max min det inv diag rank sum sup inf arg argmin argmax sgn sign relu norm abs sqrt np transpose trace
    dot if else otherwise elsewhere and or pi eta phi psi mu nu xi rho tau chi alpha beta gamma delta sigma lambda theta omega
    epsilon ell loss where dx dw db dl df dy dphi wx
    """,
    )
)
"""Letters in a row that are mathematics, not prose."""
MATH_LINE = re.compile(r"[^\W\d_]{3,}")
LATEX_WORD = re.compile(r"\\[A-Za-z]+")


@dataclass(frozen=True)
class Final:
    """text: as typed, "" where there is none. offset: where it begins in the body. after: where, in the body, what
    follows it begins. how: one of the phrases of `Answer.how`. note: what was odd."""

    text: str
    offset: int
    how: str
    note: str = ""


@dataclass(frozen=True)
class _Formula:
    """body[start:end] is a formula with its delimiters, body[inner_start:inner_end] without."""

    start: int
    end: int
    inner_start: int
    inner_end: int


def is_placeholder(text: str) -> bool:
    """Whether this is nothing, or what a template leaves for the student to fill in."""
    return len(text) <= 200 and PLACEHOLDER.fullmatch(text) is not None


def final_answer(body: str) -> Final:
    """The final answer of a part."""
    said = _after_answer(body)
    if said is not None:
        return said
    start = max(0, len(body) - MAX_BODY)
    for solution in SOLUTION.finditer(body, start):
        # What stands above `Solution:` is the question.
        start = solution.end() if not is_placeholder(body[solution.end() :]) else start
    text = body[start:]
    boxed = _boxed(text)
    if boxed is None:
        boxed = _last_equation(text)
    if boxed is not None:
        return Final(boxed.text, boxed.offset + start, boxed.how, boxed.note)
    whole = text.strip()
    if is_placeholder(whole):
        return Final("", len(body) - len(body.lstrip()), "")
    if whole.startswith("`") and whole.endswith("`") and "\n" not in whole:
        whole = _trimmed(whole)
    return Final(whole, start + len(text) - len(text.lstrip()), "the whole text")


# ---- Answer: ----


def _after_answer(body: str) -> Final | None:
    start = max(0, len(body) - MAX_BODY)
    found = list(ANSWER.finditer(body, start))[-MAX_ANSWERS:] or list(ANSWER_HEADING.finditer(body, start))[-MAX_ANSWERS:]
    answers: list[tuple[str, int]] = []
    end = 0
    for line in found:
        if line.start() < end:
            continue
        begin, end = _block(body, line.end())
        text = _trimmed(body[begin:end])
        if not is_placeholder(text):
            answers.append((text, begin + body[begin:end].find(text[:1])))
    if not found:
        return None
    if not answers:
        left = body[: found[0].start()].strip()
        note = "what stands above the empty `Answer:` is not read as the answer" if len(left) > 20 else ""
        return Final("", found[-1].start(), "", note)
    distinct = list(dict.fromkeys(" ".join(text.split()) for text, _ in answers))
    if len(distinct) == 1:
        return Final(answers[0][0], answers[0][1], "after `Answer:`")
    return Final(
        " or ".join(t for t, _ in answers), answers[0][1], "after `Answer:`", f"there are {len(distinct)} different lines `Answer:`"
    )


def _block(body: str, at: int) -> tuple[int, int]:
    """The paragraph that begins at or after `at`, to the end of the formula that is open where it ends; and the
    display that follows a line that ends in a colon."""
    begin = at
    while begin < len(body) and body[begin] in " \n":
        begin += 1
    end = begin
    last = min(len(body), begin + MAX_ANSWER)
    while True:
        stop = BLANK_LINE.search(body, end, last)
        end = stop.start() if stop else last
        if stop is None or (not _open_formula(body[begin:end]) and body[begin:end].rstrip()[-1:] != ":"):
            break
        end = stop.end()
    marks = ANSWER.search(body, begin, end)
    if marks is not None and marks.start() > begin and "\n" in body[begin : marks.start()]:
        end = marks.start()
    first = body.find("\n", begin, end)
    if first > 0 and _only_math(body[begin:first]) and not _open_formula(body[begin:first]) and not _continues(body[first:end]):
        end = first
    return begin, end


def _open_formula(text: str) -> bool:
    begins = sum(1 if m[1] == "begin" else -1 for m in ENVIRONMENT.finditer(text))
    return begins > 0 or text.count("$$") % 2 == 1 or text.count(r"\[") > text.count(r"\]")


def _only_math(line: str) -> bool:
    """Whether a line is a formula, without words."""
    bare = LATEX_WORD.sub(" ", re.sub(r"\\(?:text|mathrm|operatorname|mathbf|boldsymbol|vec|begin|end)[ ]*\{[^{}]{0,40}\}", " ", line))
    words = [w for w in MATH_LINE.findall(bare) if w.lower() not in NAMES]
    return not words and bool(line.strip())


def _continues(rest: str) -> bool:
    """Whether the lines after a formula belong to it: they go on with a formula, a condition or an operator."""
    line = rest.strip().split("\n")[0]
    return (
        not line
        or _only_math(line)
        or re.match(r"(?:if|else|otherwise|when|for|where|and|or)\b|[=+\-*/&\\$]", line, re.IGNORECASE) is not None
    )


def _trimmed(text: str) -> str:
    text = text.strip()
    for opening in ("**", "__"):
        if text.startswith(opening) and text.endswith(opening) and len(text) > 4:
            text = text[2:-2].strip()
    if text.count("**") == 1:
        # The other pair stands around `Answer:`, or before it.
        text = text.removeprefix("**").removesuffix("**").strip()
    for _ in range(3):  # code between one, two or three backticks
        if len(text) > 2 and text.startswith("`") and text.endswith("`"):
            text = text[1:-1].strip("\n ")
    boxed = BOXED.match(text.lstrip("$[(\\ \n")) if "\\boxed" in text[:12] or "\\fbox" in text[:12] else None
    if boxed:
        inner = _boxed(text)
        return inner.text if inner else text
    return text


def _boxed(text: str) -> Final | None:
    for found in reversed(list(BOXED.finditer(text))[-MAX_ANSWERS:]):
        end = braced(text, found.end())
        if end is not None and not is_placeholder(text[found.end() + 1 : end - 1]):
            inner = text[found.end() + 1 : end - 1]
            begin = found.end() + 1 + len(inner) - len(inner.lstrip())
            return Final(inner.strip().strip("$").strip(), begin, "the last \\boxed{}")
    return None


# ---- the last equation ----


def formulas(text: str) -> Iterator[_Formula]:
    """The delimited formulas of a text, in order. A delimiter that never closes is skipped."""
    at = 0
    while (found := FORMULA.search(text, at)) is not None:
        kind = found.lastgroup
        start, inner = found.span()
        if kind == "dd":
            close, length = text.find("$$", inner), 2
        elif kind == "d":
            close, length = _dollar(text, inner), 1
        elif kind in ("b", "p"):
            close, length = text.find(r"\]" if kind == "b" else r"\)", inner), 2
        else:
            ending = rf"\end{{{found['e']}}}"
            close, length = text.find(ending, inner), len(ending)
        if close < 0:
            at = inner
            if kind != "d":
                # Nothing of this kind closes any more; looking again each time would cost the square.
                text = text[:start] + text[start:].replace(found[0], " " * len(found[0]))
            continue
        yield _Formula(start, close + length, inner, close)
        at = close + length


def _dollar(text: str, at: int) -> int:
    """The dollar that closes an inline formula, in the same paragraph."""
    while True:
        close = text.find("$", at)
        if close < 0 or "\n\n" in text[at:close]:
            return -1
        if text[close - 1] != "\\":
            return close
        at = close + 1


def _last_equation(text: str) -> Final | None:
    found = _merged(text, list(formulas(text)))
    equations: list[tuple[int, int, bool]] = []
    for formula in found:
        inner = text[formula.start : formula.end]
        if RELATION.search(_shielded(inner)):
            before = text[max(0, formula.start - 60) : formula.start]
            equations.append((formula.start, formula.end, SUBORDINATE.search(before) is not None or _in_remark(text, formula.start)))
    equations += [(a, b, False) for a, b in _plain_equations(text, found)]
    equations.sort()
    main = [e for e in equations if not e[2]]
    if equations:
        pieces = joined_cases(text, [(a, b) for a, b, _ in (main or equations)])
        if pieces is not None:
            return Final(*pieces, "the last equation", "the equations of the cases are read as one")
        start, end, _ = (main or equations)[-1]
        concluded = next((f for f in reversed(found) if f.start >= end and CONCLUSION.search(text[max(0, f.start - 100) : f.start])), None)
        if concluded is not None and not SPOKEN_OF.match(text[concluded.end : concluded.end + 40]):
            inner = text[concluded.inner_start : concluded.inner_end]
            return Final(inner.strip(), concluded.inner_start + len(inner) - len(inner.lstrip()), "the last formula")
        end = _with_condition(text, end)
        chain, offset = _chain(text[start:end])
        return Final(chain, start + offset, "the last equation") if chain else None
    for formula in reversed(found):
        before = text[max(0, formula.start - 60) : formula.start]
        after = text[formula.end : formula.end + 40]
        if CUE.search(before) and not SUBORDINATE.search(before) and not SPOKEN_OF.match(after):
            end = _with_condition(text, formula.end)
            whole = end > formula.end
            inner = text[formula.start : end] if whole else text[formula.inner_start : formula.inner_end]
            if inner.strip():
                begin = formula.start if whole else formula.inner_start + len(inner) - len(inner.lstrip())
                return Final(inner.strip(), begin, "the last formula")
    return None


def _in_remark(text: str, at: int) -> bool:
    """Whether a formula stands in a remark in parentheses: `u = 2 v (then $3u$ is $6v$)`."""
    before = text[max(0, at - 120) : at].split("\n\n")[-1]
    before = DELIMITED.sub(" ", before)
    opening = before.rfind("(")
    return opening > before.rfind(")") and before[:opening].strip() != "" and re.search(r"[A-Za-z]{3,}|i\.e", before[opening:]) is not None


def _merged(text: str, found: list[_Formula]) -> list[_Formula]:
    """Formulas that only a relation or an operator separates (`$f$ = $x^T c$`) as one."""
    result: list[_Formula] = []
    for formula in found:
        if result and formula.start - result[-1].end <= 12:
            gap = text[result[-1].end : formula.start]
            if GLUE.fullmatch(gap) and gap.strip() not in ("", ",") and "\n\n" not in gap:
                last = result.pop()
                result.append(_Formula(last.start, formula.end, last.start, formula.end))
                continue
        result.append(formula)
    return result


def _with_condition(text: str, end: int) -> int:
    """The end of a formula with the conditions in words that follow: `$a$ if $x > 0$, else $0$`."""
    for _ in range(6):
        other = ELSE.match(text, end)
        if other is not None:
            end = other.end()
            continue
        found = CONDITION.match(text, end)
        if found is None:
            break
        following = next(formulas(text[found.end() : found.end() + 400]), None)
        if following is None or following.start != 0:
            break
        said = text[found.end() : found.end() + following.end]
        if RELATION.search(_shielded(said)) and not re.search(r"[<>≤≥]|\\(?:le|ge|lt|gt|leq|geq)(?![a-zA-Z])", said):
            # `where $\\phi = \\max(0, z)$` defines something; it is no condition.
            break
        end = found.end() + following.end
        piece = re.compile(r"[ \n]*(?:,|;)?[ \n]*(?:and[ \n]+)?(?=\$[^$\n]{1,60}\$[ \n]*(?:otherwise|else|elsewhere|if|when|for)\b)").match(
            text, end
        )
        if piece is not None and piece.end() > end:
            following = next(formulas(text[piece.end() : piece.end() + 400]), None)
            if following is not None and following.start == 0:
                end = piece.end() + following.end
                word = re.compile(r"[ \n]*(?:otherwise|else|elsewhere)\b", re.IGNORECASE).match(text, end)
                end = word.end() if word else end
    return end


def _plain_equations(text: str, found: list[_Formula]) -> Iterator[tuple[int, int]]:
    """Equations typed without dollars: from the last word of prose before the relation to the next one after."""
    spans = [(f.start, f.end) for f in found]
    before: tuple[int, int] | None = None
    index = 0
    at = 0
    for line in text.split("\n"):
        start, end = at, at + len(line)
        at = end + 1
        while index < len(spans) and spans[index][1] <= start:
            index += 1
        if (index < len(spans) and spans[index][0] < end) or ("=" not in line and "≡" not in line):
            continue
        relations = list(RELATION.finditer(_shielded(line)))
        if not relations or len(line) > 4_000:
            continue
        for begin, stop in _plain_equation(line, start, relations):
            if before is not None and text[begin] in "=≡" and not text[before[1] : begin].strip():
                # The line goes on with the chain of the line above.
                begin = before[0]
            before = (begin, stop)
            yield before


def _plain_equation(line: str, start: int, relations: list[re.Match[str]]) -> Iterator[tuple[int, int]]:
    sentences = [0, *(m.end() for m in SENTENCE.finditer(line)), len(line)]
    for first, after in itertools.pairwise(sentences):
        inside = [r for r in relations if first <= r.start() < after]
        if not inside:
            continue
        left = line[first : inside[0].start()]
        words = [m for m in PROSE_WORD.finditer(left) if m[1].lower() not in NAMES and (len(m[1]) > 2 or m[1].lower() in SMALL_WORDS)]
        begin = first + (words[-1].end() if words else 0)
        if words and not left[words[-1].end() :].strip(" :,"):
            begin = first + words[-1].start()
        tail = CONNECTIVE.search(line, inside[-1].end(), after)
        end = tail.start() if tail else after
        while begin < end and line[begin] in " :,;-–—*_•":
            begin += 1
        if end > begin:
            yield start + begin, start + end


SMALL_WORDS = frozenset(("is", "at", "to", "so", "we", "be", "if", "as", "by", "in", "of", "on", "it", "or", "an", "get"))


def _shielded(formula: str) -> str:
    """The formula with what lies inside cases and matrices, and conditions in braces below sums, blotted out."""
    if "\\begin" not in formula:
        return re.sub(r"_[ ]*\{[^{}]{0,60}\}", lambda m: " " * len(m[0]), formula)
    pieces = list(formula)
    depth = 0
    last = 0
    for found in ENVIRONMENT.finditer(formula):
        if WRAPPING.fullmatch(found[0]):
            continue
        if depth > 0:
            pieces[last : found.end()] = " " * (found.end() - last)
        depth = max(0, depth + (1 if found[1] == "begin" else -1))
        last = found.start()
    if depth > 0:
        pieces[last:] = " " * (len(formula) - last)
    return re.sub(r"_[ ]*\{[^{}]{0,60}\}", lambda m: " " * len(m[0]), "".join(pieces))


def _chain(formula: str) -> tuple[str, int]:
    """The last chain of equations of a formula, without its delimiters, and its offset.

    Of `aligned` rows the chain begins at the last row that has a left-hand side of its own. Of several formulas
    joined by arrows, commas or words, it is the last that has a relation.
    """
    text = formula
    offset = 0
    for opening, closing in (("$$", "$$"), ("$", "$"), (r"\[", r"\]"), (r"\(", r"\)")):
        if text.startswith(opening) and text.endswith(closing) and len(text) > 2 * len(opening) - 1:
            inner = text[len(opening) : -len(closing)]
            if opening not in inner.replace("\\" + opening, ""):
                text, offset = inner, offset + len(opening)
                break
    if "\\tag" in text or "\\label" in text or "\\nonumber" in text or "\\qed" in text:
        text = re.sub(r"\\(?:tag\*?|label|qedhere|nonumber|notag)(?![a-zA-Z])[ ]*(?:\{[^{}]{0,40}\})?", lambda m: " " * len(m[0]), text)
    begin = _last_piece(text)
    flat = _flat(text[begin:])
    lead = len(flat) - len(flat.lstrip())
    return re.sub(r"[ \n.,;]+$", "", flat.strip()), offset + begin + lead


def _last_piece(text: str) -> int:
    """Where the last chain begins in a formula."""
    shield = _shielded(text)
    shield = _depth_shield(shield)
    cuts = [0]
    cuts += [m.end() for m in ARROW.finditer(shield)]
    cuts += [
        m.end()
        for m in re.finditer(
            r"\\q?quad(?![a-zA-Z])|\\text(?:rm|it)?[ ]*\{[ ]*(?:and|so|so that|thus|hence|therefore|then|or|where|i\.e\.)[ ,]*\}"
            r"|[,;](?![ ]*\\(?:quad|text))",
            shield,
        )
    ]
    cuts += [m.end() for m in SPOKEN_CUT.finditer(shield)]
    rows = [m.end() for m in re.finditer(r"\\\\(?:\[[^\]\n]{0,12}\])?|\\cr(?![a-zA-Z])", shield)]
    cuts += [
        r
        for r in rows
        if not re.match(
            r"[ \n&]*(?:&|[=+\-<>≤≥·*/]|\\(?:le|ge|leq|geq|cdot|times|approx|equiv|quad|qquad|end|text)(?![a-zA-Z])|$)", shield[r:]
        )
    ]
    cuts = sorted(set(cuts))
    best = 0
    for cut, after in zip(cuts, [*cuts[1:], len(text)], strict=True):
        piece = shield[cut:after]
        relation = RELATION.search(piece)
        if (
            relation
            and not re.fullmatch(
                r"[ \n]*[a-zA-Z](?:_\w)?[ ]*=[ ]*-?\d+[ \n,]*(?:\\?[lc]?dots|…"
                r"|\.\.\.)?[ \n,]*",
                piece,
            )
        ) or (relation and cut == 0):
            best = cut
    return best


def _depth_shield(text: str) -> str:
    """The text with everything inside braces, brackets or parentheses blotted out: commas there separate arguments."""
    pieces: list[str] = []
    depth = 0
    skip = False
    for index, char in enumerate(text):
        if skip:
            skip = False
            pieces.append(char if depth == 0 else " ")
            continue
        if char == "\\":
            skip = text[index + 1 : index + 2] in "{}\\"
        elif char in "{([":
            depth += 1
        elif char in "})]":
            depth = max(0, depth - 1)
        pieces.append(char if depth == 0 or (char == "\\" and skip and depth == 0) else " ")
    return "".join(pieces)


def _flat(text: str) -> str:
    """Rows of an alignment as one line; what lies in cases and matrices keeps its own marks."""
    shield = _shielded(text)
    text = "".join(" " if c == "&" and s == "&" else c for c, s in zip(text, shield, strict=True))
    pieces: list[str] = []
    at = 0
    for found in re.finditer(r"\\\\(?:\[[^\]\n]{0,12}\])?", shield):
        pieces += [text[at : found.start()], " "]
        at = found.end()
    pieces.append(text[at:])
    return WRAPPING.sub(" ", "".join(pieces))
