"""What every reader of phrases shares: an answer's words without markup, its place, and what was not handed in."""

from __future__ import annotations

import re

from autograder.writeup import Answer

MAX_TEXT = 20_000
"""Characters of an answer in words that are read; no answer of a sheet is longer."""
MAX_QUOTE = 160
"""Characters of an answer that are quoted back."""

COMMANDS = {
    "leq": "≤", "le": "≤", "leqslant": "≤", "geq": "≥", "ge": "≥", "geqslant": "≥", "neq": "≠", "ne": "≠", "lt": "<", "gt": ">",
    "cdot": "·", "times": "×", "approx": "≈", "sim": "~", "to": "→", "rightarrow": "→", "Rightarrow": "⇒", "implies": "⇒",
    "leftarrow": "←", "Omega": "Ω", "ohm": "Ω", "lambda": "λ", "phi": "φ", "varphi": "φ", "eta": "η", "alpha": "α", "omega": "ω",
    "pi": "π", "ell": "ℓ", "pm": "±", "uparrow": "↑", "downarrow": "↓", "ldots": "…", "dots": "…", "infty": "∞", "mu": "μ",
    "prime": "'", "partial": "∂", "quad": " ", "qquad": " ",
}  # fmt: skip
UNWRAPPED = re.compile(
    r"\\(?:textbf|textit|texttt|textrm|textsf|emph|underline|text|mathrm|mathbf|mathit|mathsf|mathtt|operatorname|mbox"
    r"|boldsymbol|bm|boxed|unit|si|hl)\*?[ ]*\{([^{}]{0,2000})\}"
)
FRACTION = re.compile(r"\\[dt]?frac[ ]*(?:\{([^{}]{0,200})\}|([0-9a-zA-Z]))[ ]*(?:\{([^{}]{0,200})\}|([0-9a-zA-Z]))")
COMMAND = re.compile(r"\\([A-Za-z]+)[ ]?")
SPACE = re.compile(r"\\[,;:!> ]|~|\\\\(?:\[[^\]\n]{0,12}\])?|\{,\}")
LINK = re.compile(r"\[([^\]\n]{0,500})\]\([^)\n]{0,2000}\)")
ENVIRONMENT = re.compile(r"\\(?:begin|end)[ ]*\{[a-zA-Z]{1,20}\*?\}")
SUBSCRIPT = re.compile(r"(?<=\w)_[ ]*\{[ ]*([^{}]{1,40}?)[ ]*\}")
EMPHASIS = re.compile(r"(?<![\w)])\*\*|\*\*(?![\w(])|__|(?<![\w*)\]])\*(?=\w)|(?<=[\w.,;:!?)])\*(?![\w*(])|`")
QUOTES = str.maketrans(
    {
        "’": "'",
        "‘": "'",
        "“": '"',
        "”": '"',
        "−": "-",
        "‐": "-",
        "‑": "-",
        "\u00a0": " ",
        "\u2009": " ",
        "\u202f": " ",
        "Ω": "Ω",
        "µ": "μ",
        "ϕ": "φ",
    }
)


def word_set(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


def unmarked(text: str) -> str:
    """Text as a person reads it: no LaTeX or Markdown markup, Greek letters and relations as characters.

    Line breaks stay, so that lines can be counted.
    """
    text = text[:MAX_TEXT].translate(QUOTES)
    text = SPACE.sub(lambda m: "," if m[0] == "{,}" else " ", text)
    text = LINK.sub(r"\1", ENVIRONMENT.sub(" ", text)) if "](" in text or "\\begin" in text else text
    for _ in range(4):
        # Groups within groups, four deep at most.
        text, unwrapped = UNWRAPPED.subn(r"\1", text)
        text, fractions = FRACTION.subn(lambda m: f"({m[1] or m[2]})/({m[3] or m[4]})", text)
        if not unwrapped and not fractions:
            break
    text = re.sub(r"\\(?:left|right|displaystyle|bigl?|bigr?|Bigl?|Bigr?|limits|noindent|item|hspace\*?\{[^{}]*\})(?![A-Za-z])", "", text)
    text = COMMAND.sub(lambda m: COMMANDS.get(m[1], m[1] + " "), text)
    text = SUBSCRIPT.sub(r"_\1", text)
    text = (
        EMPHASIS.sub("", text)
        .replace("$", "")
        .replace("\\(", "")
        .replace("\\)", "")
        .replace("\\[", "")
        .replace("\\]", "")
        .replace("\\%", "%")
    )
    return text.replace("&", " ")


def words(text: str) -> str:
    """`unmarked` text in lower case with `n't` and `cannot` spelled out."""
    text = unmarked(text).casefold()
    text = re.sub(r"\bcan't\b|\bcannot\b", "can not", text)
    text = re.sub(r"\bwon't\b", "will not", text)
    text = re.sub(r"\b(do|does|did|is|are|was|were|has|have|would|should|could|must|need)n['’]?t\b", r"\1 not", text)
    return re.sub(r"\b(it|that|this|what|which|there)'s\b", r"\1 is", text)


def quoted(text: str) -> str:
    """A piece of an answer on one line, short enough to quote."""
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else " " for c in line)
    return f"“{line}”" if len(line) <= MAX_QUOTE else f"“{line[: MAX_QUOTE - 1]}…”"


def prose_of(answer: Answer) -> str:
    """Where words are to be read: what follows `Answer:`, else the whole part."""
    return answer.text if answer.how == "after `Answer:`" else answer.body


def how_read(answer: Answer, understood: str, *, said: str | None = None) -> str:
    """One sentence on where an answer stands and how it was understood; `said` is what is quoted of it."""
    line = answer.line if answer.how == "after `Answer:`" else answer.start or answer.line
    quote = quoted(prose_of(answer) if said is None else said)
    note = f" ({answer.note})" if answer.note else ""
    return f"{answer.file}, line {line}: {quote} is read as: {understood}{note}."
