"""A typed expression as one line of text, for `Read as:`."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from autograder.algebra.symbols import Symbols
from autograder.algebra.tree import Expr, number, times

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4
GREEK_LETTERS: Final = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η", "theta": "θ", "iota": "ι", "kappa": "κ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "φ", "chi": "χ",
    "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Upsilon": "Υ",
    "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "ell": "ℓ",
}  # fmt: skip
RELATIONS: Final = {"<=": "≤", ">=": "≥", "!=": "≠"}
SUPERSCRIPT: Final = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
MAX_RENDERED: Final = 1_000


def render(e: Expr, table: Symbols) -> str:
    """One line, cut where it is very long."""
    text = _Renderer(table).at(e, 0)
    return text if len(text) <= MAX_RENDERED else text[:MAX_RENDERED] + " …"


class _Renderer:
    def __init__(self, table: Symbols) -> None:
        self.table = table

    def at(self, e: Expr, level: int) -> str:
        """With brackets where `e` binds less tightly than its surroundings."""
        text, own = self.show(e)
        return f"({text})" if own < level else text

    def name(self, key: str) -> str:
        name = self.table.by_key(key).name
        return GREEK_LETTERS.get(name.lstrip("\\"), name)

    def show(self, e: Expr) -> tuple[str, int]:
        op, args = e.op, e.args
        if op == "num":
            value: Fraction = e.data
            text = str(value)
            return (text, ATOM if value >= 0 and value.denominator == 1 else SUM if value < 0 else PRODUCT)
        if op == "sym":
            return self.name(e.data), ATOM
        if op in ("dim", "index"):
            return e.data, ATOM
        if op == "const":
            return ("π" if e.data == "pi" else "e"), ATOM
        if op == "eye":
            return "I", ATOM
        if op in ("zeros", "ones"):
            return ("0" if op == "zeros" else "1") + f"[{e.shape[0]}×{e.shape[1]}]", ATOM
        if op == "add":
            return self.sum(e), SUM
        if op in ("mul", "scale", "matmul"):
            return self.product(e)
        if op == "had":
            return f"{self.at(args[0], POWER)} ⊙ {self.at(args[1], POWER)}", PRODUCT
        if op == "transpose":
            return self.at(args[0], ATOM) + "ᵀ", POWER
        if op in ("inverse", "recip"):
            if op == "recip":
                return f"1/{self.at(args[0], ATOM)}", PRODUCT
            return self.at(args[0], ATOM) + "⁻¹", POWER
        if op == "pinv":
            return self.at(args[0], ATOM) + "⁺", POWER
        if op in ("pow", "mpow"):
            exponent = Fraction(e.data)
            shown = str(exponent).translate(SUPERSCRIPT) if exponent.denominator == 1 else f"^({exponent})"
            return self.at(args[0], ATOM) + shown, POWER
        if op == "power":
            return f"{self.at(args[0], ATOM)}^({self.at(args[1], 0)})", POWER
        if op == "norm":
            kind = {"2": "₂", "F": "_F", "1": "₁", "inf": "_∞", "spectral": ""}[e.data]
            return f"‖{self.at(args[0], 0)}‖{kind}", ATOM
        if op == "fn":
            if e.data == "abs":
                return f"|{self.at(args[0], 0)}|", ATOM
            if e.data == "reciprocal":
                return f"1 ⊘ {self.at(args[0], ATOM)}", PRODUCT
            return f"{e.data.replace('_prime', chr(39))}({self.at(args[0], 0)})", ATOM
        if op in ("max", "min"):
            return f"{op}({', '.join(self.at(a, 0) for a in args)})", ATOM
        if op == "sum":
            index, lower, dim = e.data
            return f"Σ_{{{index}={lower}..{dim}{'' if lower else '-1'}}} {self.at(args[0], PRODUCT)}", PRODUCT
        if op == "elem":
            return f"{self.at(args[0], ATOM)}_{{{','.join(self.at(a, 0) for a in args[1:])}}}", ATOM
        if op == "block":
            rows = [args[k : k + e.data] for k in range(0, len(args), e.data)]
            return "[" + "; ".join(", ".join(self.at(a, 0) for a in row) for row in rows) + "]", ATOM
        if op == "cases":
            return self.cases(e), ATOM
        if op in ("rel", "and", "or", "not", "true"):
            return self.condition(e), SUM
        shown = {"esum": "sum", "trace": "tr", "diagonal": "diag", "sqrtm": "sqrt", "size": "size"}.get(op, op)
        return f"{shown}({', '.join(self.at(a, 0) for a in args)})", ATOM

    def signed(self, e: Expr) -> tuple[bool, Expr]:
        """Is it minus something? And what."""
        if e.op in ("mul", "scale") and e.args[0].op == "num" and e.args[0].data < 0:
            if e.args[0].data == -1:
                return True, e.args[1]
            return True, times(number(-e.args[0].data), e.args[1])
        if e.op == "num" and e.data < 0:
            return True, number(-e.data)
        return False, e

    def sum(self, e: Expr) -> str:
        out = ""
        for k, term in enumerate(e.args):
            minus, rest = self.signed(term)
            text = self.at(rest, PRODUCT)
            out += (f"−{text}" if minus else text) if k == 0 else f" {'−' if minus else '+'} {text}"
        return out

    def product(self, e: Expr) -> tuple[str, int]:
        minus, rest = self.signed(e)
        if minus:
            return f"−{self.at(rest, PRODUCT)}", SUM
        one, two = e.args
        if e.op != "matmul" and one.op == "recip":
            return f"{self.at(two, PRODUCT)}/{self.at(one.args[0], ATOM)}", PRODUCT
        left, right = self.at(one, PRODUCT), self.at(two, PRODUCT if two.op not in ("mul", "scale") or two.args[0].op != "recip" else POWER)
        return f"{left} {right}", PRODUCT

    def cases(self, e: Expr) -> str:
        rows = []
        for value, condition in zip(e.args[::2], e.args[1::2], strict=True):
            shown = "otherwise" if condition.op == "true" else f"if {self.condition(condition)}"
            rows.append(f"{self.at(value, 0)} {shown}")
        return "{ " + "; ".join(rows) + " }"

    def condition(self, e: Expr) -> str:
        if e.op == "rel":
            return f"{self.at(e.args[0], SUM)} {RELATIONS.get(e.data, e.data)} {self.at(e.args[1], SUM)}"
        if e.op == "not":
            return f"not ({self.condition(e.args[0])})"
        if e.op == "true":
            return "always"
        return f" {e.op} ".join(f"({self.condition(a)})" if a.op in ("and", "or") else self.condition(a) for a in e.args)
