"""Formulas pasted from a chat window come twice: as rendered text and as their own LaTeX source.

`f(x)=xTc.f(x)=x^Tc.` is one formula, and so is `∂f∂x=cT\\frac{\\partial f}{\\partial x} = c^T∂x∂f​=cT`, where the page's
own rendering follows once more. What is alike but for markup is kept once, as LaTeX.
"""

from __future__ import annotations

import re

MAX_LINE = 2_000
MAX_LINES = 400
"""Lines that are looked at; no answer is longer, and the search is quadratic in a formula's length."""
MAX_FORMULA = 160
"""Characters of a formula, without markup."""

MARKUP = re.compile(r"[\\^_{]")
RELATION = re.compile(r"[=<>≤≥]")
COMMAND = re.compile(r"\\([A-Za-z]+)[ ]?|\\(.)")
ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{[^{}]*\}")
NESTING = re.compile(rf"{ENVIRONMENT.pattern}|\\.|([{{}}])")
RENDERED = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "varepsilon": "ε", "eta": "η", "theta": "θ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "ϕ", "varphi": "φ",
    "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ",
    "Omega": "Ω", "ell": "ℓ", "partial": "∂", "nabla": "∇", "cdot": "⋅", "times": "×", "top": "⊤", "le": "≤", "leq": "≤",
    "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "approx": "≈", "sum": "∑", "infty": "∞", "in": "∈", "to": "→",
    "rightarrow": "→", "leftarrow": "←", "Rightarrow": "⇒", "implies": "⟹", "iff": "⟺", "max": "max", "min": "min", "log": "log",
    "exp": "exp", "det": "det", "prime": "′", "pm": "±", "equiv": "≡", "lVert": "∥", "rVert": "∥",
}  # fmt: skip
SQUARE = re.compile(rf"(.{{3,{MAX_FORMULA}}}?)\1")
SAME = str.maketrans({"−": "-", "·": "⋅", "φ": "ϕ", "‖": "∥", "|": "∣", "’": "′", "'": "′", "ε": "ϵ", "⊤": "T", "ᵀ": "T"})


def undoubled(text: str) -> str:
    """The text with doubled formulas kept once; lines stay lines."""
    lines = text.split("\n")
    left = MAX_LINES
    for index, line in enumerate(lines):
        if 8 <= len(line) <= MAX_LINE and left > 0 and (MARKUP.search(line) or RELATION.search(line)):
            left -= 1
            lines[index] = _line(line)
    return "\n".join(lines)


def _skeleton(line: str) -> tuple[str, list[int]]:
    """What a line looks like when rendered, without blanks; and the offset of each character's source."""
    shown: list[str] = []
    offsets: list[int] = []
    at = 0
    while at < len(line):
        char = line[at]
        if char == "\\" and (named := ENVIRONMENT.match(line, at)) is not None:
            at = named.end()  # the name of an environment is not rendered
            continue
        if char == "\\" and (found := COMMAND.match(line, at)) is not None:
            put = RENDERED.get(found[1] or "", "") if found[1] else {"|": "∥", "{": "{", "}": "}"}.get(found[2], "")
            for each in put:
                shown.append(each.translate(SAME))
                offsets.append(at)
            at = found.end()
            continue
        if char not in " ^_{}$&":
            shown.append(char.translate(SAME))
            offsets.append(at)
        at += 1
    return "".join(shown), offsets


def _closed(piece: str) -> bool:
    """Whether the piece ends no brace or environment that began before it: what does is part of a formula, not a copy of one."""
    depth = 0
    for found in NESTING.finditer(piece):
        depth += {"begin": 1, "{": 1, "end": -1, "}": -1}.get(found[1] or found[2] or "", 0)
        if depth < 0:
            return False
    return True


def _line(line: str) -> str:
    shown, offsets = _skeleton(line)
    if len(shown) < 6:
        return line
    pieces: list[str] = []
    kept = at = 0
    while (found := SQUARE.search(shown, at)) is not None:
        size = len(found[1])
        start, middle, end = found.start(), found.start() + size, found.end()
        # Each half takes the markup around it: the source of the second begins where the first one's text ends.
        first = line[offsets[start] : offsets[middle - 1] + 1]
        stop = offsets[end] if end < len(offsets) else len(line)
        second = line[offsets[middle - 1] + 1 : stop]
        spaced = " " in second.strip() and " " not in first and RELATION.search(first) is not None
        torn = not (_closed(first) and _closed(line[offsets[middle - 1] + 1 : offsets[end - 1] + 1]))
        if torn or MARKUP.search(first) or not (MARKUP.search(second) or spaced):
            at = start + 1
            continue
        third = shown[end : end + size]
        if len(third) == size and sorted(third) == sorted(found[1]) and not MARKUP.search(line[stop : offsets[end + size - 1] + 1]):
            end += size
            after = offsets[end] if end < len(offsets) else len(line)
        else:
            after = stop
        cut = second.rstrip()
        pieces += [line[kept : offsets[start]], cut, " " if after < len(line) else ""]
        kept, at = after, end
    return "".join([*pieces, line[kept:]]) if pieces else line
