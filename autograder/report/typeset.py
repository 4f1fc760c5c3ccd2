"""A formula as the algebra room writes it -> MathML, for pages: no fonts, no scripts, nothing fetched.

What is read is our own notation (`{ a x if x > 0; 0 otherwise }`), never a student's text. Whatever is not understood
gives None, and the page shows the line as it is.
"""

from __future__ import annotations

import re
from html import escape

MAX_CHARACTERS = 1_000
"""The algebra room cuts its lines here too."""
MAX_DEPTH = 60

SUPERSCRIPTS = {"ᵀ": "<mi>⊤</mi>", "⁺": "<mo>+</mo>"}
DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
ACCENTS = {"hat": "^", "bar": "¯", "tilde": "~", "dot": "˙", "ddot": "¨"}
GREEK_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega "
    "Gamma Delta Theta Lambda Sigma Phi Psi Omega"
)
GREEK = dict(zip(GREEK_NAMES.split(), "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΣΦΨΩ", strict=True))
TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<name>\\[A-Za-z]+(?:\{[^{}]*\})?'*|Σ(?=_\{)|[A-Za-zΑ-Ωα-ωℓ][A-Za-z]*'*)"
    r"|(?P<script>[_^]\{(?:[^{}]|\{[^{}]*\})*\}|_[A-Za-z0-9∞₂])"
    r"|(?P<power>[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+|ᵀ|⁺|\^(?=\())"
    r"|(?P<mark>[−+/⊙⊘()\[\]{}|‖,;=<>≤≥≠₁₂×]))"
)
TIMES = "<mo>&#8290;</mo>"
"""An invisible product."""
RELATIONS = "=<>≤≥≠"


class _Unknown(Exception):
    """Not our notation."""


def mathml(text: str) -> str | None:
    """The formula as a `<math>` element with the text as its alternative; None where it is not in our notation."""
    if len(text) > MAX_CHARACTERS:
        return None
    try:
        body = _Parser(text).whole()
    except _Unknown:
        return None
    return f'<math display="inline" displaystyle="true" alttext="{escape(text, quote=True)}">{body}</math>'


def _row(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"<mrow>{''.join(parts)}</mrow>"


def _operator(text: str) -> str:
    return f"<mo>{escape(text)}</mo>"


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text.rstrip()):
            match = TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                raise _Unknown(text[at:])
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        self.at = 0
        self.depth = 0
        self.bar = ""
        """The innermost open bar, of a norm or an absolute value."""

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("", "")

    def take(self, expected: str | None = None) -> str:
        _, text = self.peek()
        if not text or (expected is not None and text != expected):
            raise _Unknown(text)
        self.at += 1
        return text

    def whole(self) -> str:
        body = self.expression() if self.peek()[1] == "{" else self.condition()
        if self.at != len(self.tokens):
            raise _Unknown(self.peek()[1])
        return body

    def expression(self) -> str:
        return self.cases() if self.peek()[1] == "{" else self.sum()

    def cases(self) -> str:
        self.take("{")
        rows = []
        while True:
            value = self.expression()
            word = self.take()
            if word not in ("if", "otherwise"):
                raise _Unknown(word)
            said = "otherwise" if word == "otherwise" else "if&#160;"
            condition = "" if word == "otherwise" else self.condition()
            rows.append(f"<mtr><mtd>{value}</mtd><mtd><mtext>{said}</mtext>{condition}</mtd></mtr>")
            if self.take() == "}":
                break
        return f'<mtable class="cases" displaystyle="true">{"".join(rows)}</mtable>'

    def condition(self) -> str:
        parts = [self.relation()]
        while self.peek()[1] in ("and", "or"):
            parts += [f"<mtext>&#160;{self.take()}&#160;</mtext>", self.relation()]
        return _row(parts)

    def relation(self) -> str:
        if self.peek()[1] == "not":
            self.take()
            self.take("(")
            inner = self.condition()
            self.take(")")
            return _row(["<mtext>not&#160;</mtext>", _operator("("), inner, _operator(")")])
        parts = [self.sum()]
        while self.peek()[1] and self.peek()[1] in RELATIONS:
            parts += [_operator(self.take()), self.sum()]
        return _row(parts)

    def sum(self) -> str:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _Unknown
        parts = []
        if self.peek()[1] == "−":
            parts.append(_operator(self.take()))
        parts.append(self.product())
        while self.peek()[1] in ("+", "−"):
            parts += [_operator(self.take()), self.product()]
        self.depth -= 1
        return _row(parts)

    def product(self) -> str:
        """Factors one after another; what stands before a slash is its numerator."""
        parts = [self.factor()]
        while True:
            kind, text = self.peek()
            if text == "/":
                self.take()
                above = _row([TIMES.join(shown for shown, _ in parts)] if len(parts) > 1 else [parts[0][1]])
                above = f"<mrow>{above}</mrow>" if len(parts) > 1 else above
                parts = [(f"<mfrac>{above}{self.factor()[1]}</mfrac>",) * 2]
            elif text in ("⊙", "⊘", "×"):
                mark = _operator(self.take())
                parts = [(_row([TIMES.join(shown for shown, _ in parts), mark, self.factor()[0]]),) * 2]
            elif self.is_factor_start(kind, text):
                parts.append(self.factor())
            else:
                shown = TIMES.join(shown for shown, _ in parts)
                return shown if len(parts) == 1 else f"<mrow>{shown}</mrow>"

    def is_factor_start(self, kind: str, text: str) -> bool:
        """Whether another factor begins here. A bar closes what the innermost open one began."""
        if kind == "number" or text in ("(", "[", "{"):
            return True
        if kind == "name":
            return text not in ("if", "otherwise", "and", "or", "not")
        return text in ("‖", "|") and text != self.bar

    def factor(self) -> tuple[str, str]:
        """The factor as it stands, and without the brackets around it, for fractions."""
        shown, bare = self.atom()
        while True:
            kind, text = self.peek()
            if kind == "power" and text == "^":
                self.take()
                self.take("(")
                exponent = self.expression()
                self.take(")")
                shown = bare = f"<msup>{shown}{exponent}</msup>"
            elif kind == "power":
                self.take()
                exponent = SUPERSCRIPTS.get(text) or f"<mn>{text.translate(DIGITS).replace('-', '−')}</mn>"
                shown = bare = f"<msup>{shown}{exponent}</msup>"
            elif kind == "script" and text.startswith("_"):
                self.take()
                shown = bare = f"<msub>{shown}{_script(text)}</msub>"
            else:
                return shown, bare

    def atom(self) -> tuple[str, str]:
        kind, text = self.peek()
        if kind == "number":
            self.take()
            return (f"<mn>{text}</mn>",) * 2
        if kind == "name":
            return (self.named(),) * 2
        if text == "(":
            self.take()
            outer, self.bar = self.bar, ""
            inner = self.relation()
            self.bar = outer
            self.take(")")
            return _row([_operator("("), inner, _operator(")")]), inner
        if text == "{":
            return (self.cases(),) * 2
        if text == "‖":
            inner = self.between(text)
            norm = _row([_operator("‖"), inner, _operator("‖")])
            if self.peek()[1] in ("₂", "₁"):
                norm = f"<msub>{norm}<mn>{'2' if self.take() == '₂' else '1'}</mn></msub>"
            return (norm,) * 2
        if text == "|":
            return (_row([_operator("|"), self.between(text), _operator("|")]),) * 2
        if text == "[":
            return (self.block(),) * 2
        raise _Unknown(text)

    def between(self, bar: str) -> str:
        """What stands between two bars."""
        self.take(bar)
        outer, self.bar = self.bar, bar
        inner = self.sum()
        self.bar = outer
        self.take(bar)
        return inner

    def block(self) -> str:
        self.take("[")
        rows: list[list[str]] = [[]]
        while True:
            rows[-1].append(self.expression())
            mark = self.take()
            if mark == "]":
                break
            if mark == ";":
                rows.append([])
            elif mark != ",":
                raise _Unknown(mark)
        table = "".join(f"<mtr>{''.join(f'<mtd>{cell}</mtd>' for cell in row)}</mtr>" for row in rows)
        return _row([_operator("["), f"<mtable>{table}</mtable>", _operator("]")])

    def named(self) -> str:
        """A name with its scripts, or a function with its arguments."""
        text = self.take()
        if text == "Σ" and self.peek()[0] == "script":
            lower, _, upper = self.take()[2:-1].partition("..")
            return f"<munderover><mo>∑</mo><mtext>{escape(lower)}</mtext><mtext>{escape(upper)}</mtext></munderover>"
        name = _letter(text)
        up, down = "", ""
        while self.peek()[0] == "script":
            script = self.take()
            if script.startswith("^"):
                up = _script(script)
            else:
                down = _script(script)
        if up and down:
            name = f"<msubsup>{name}{down}{up}</msubsup>"
        elif up or down:
            name = f"<msup>{name}{up}</msup>" if up else f"<msub>{name}{down}</msub>"
        if self.peek()[1] == "(" and len(text.strip("'")) > 1 and not text.startswith("\\"):
            self.take()
            parts = [self.expression()]
            while self.peek()[1] == ",":
                parts += [_operator(self.take()), self.expression()]
            self.take(")")
            return _row([name, _operator("("), *parts, _operator(")")])
        return name


def _letter(text: str) -> str:
    """One name: an accent over it, Greek by name, several letters upright."""
    primes = len(text) - len(text.rstrip("'"))
    bare = text.rstrip("'")
    accented = re.fullmatch(r"\\([A-Za-z]+)\{([^{}]*)\}", bare)
    if accented and accented[1] in ACCENTS:
        name = f'<mover accent="true">{_letter(accented[2])}<mo>{ACCENTS[accented[1]]}</mo></mover>'
    else:
        plain = bare.lstrip("\\")
        name = f"<mi>{escape(GREEK.get(plain, plain))}</mi>"
    return f"<msup>{name}<mo>{'′' * primes}</mo></msup>" if primes else name


def _script(text: str) -> str:
    inner = text[1:].removeprefix("{").removesuffix("}")
    return f"<mi>{escape(inner)}</mi>" if len(inner) == 1 and inner.isalpha() else f"<mtext>{escape(inner)}</mtext>"
