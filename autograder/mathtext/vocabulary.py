"""Words and signs of the formula language; what each means is said here once.

Tables only. They stand in wide rows, which the formatter would turn into one word a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# fmt: off
GREEK: Final = frozenset({
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi", "omicron", "pi",
    "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon",
    "Phi", "Psi", "Omega", "ell", "hbar", "nabla", "partial",
})

LOOKALIKES: Final = {
    "varepsilon": "epsilon", "vartheta": "theta", "varphi": "phi", "varrho": "rho", "varsigma": "sigma", "varkappa": "kappa",
    "lam": "lambda", "lmbda": "lambda", "lambd": "lambda", "eps": "epsilon",
}

ACCENTS: Final = {
    "hat": "hat", "widehat": "hat", "bar": "bar", "overline": "bar", "tilde": "tilde", "widetilde": "tilde", "dot": "dot",
    "ddot": "ddot",
    "check": "check", "breve": "breve", "mathring": "ring",
}

OPERATORS: Final = {
    "（": "(", "）": ")", "［": "[", "］": "]", "｛": "{", "｝": "}", "＋": "+",
    "－": "-", "＝": "=", "，": ",", "；": ";", "：": ":", "＊": "*",
    "／": "/", "＾": "^", "＿": "_", "｜": "|", "＜": "<", "＞": ">", "≜": "=",
    "∶": ":", "＠": "@",
    "−": "-", "–": "-", "—": "-", "﹣": "-", "·": "\\cdot", "⋅": "\\cdot", "∙": "\\cdot", "•": "\\cdot", "×": "\\times", "÷": "/",
    "∕": "/", "⁄": "/", "≤": "<=", "⩽": "<=", "≥": ">=", "⩾": ">=", "≠": "!=", "≈": "\\approx", "≡": "=", "≔": "=", "∥": "\\|",
    "‖": "\\|", "⟨": "\\langle", "⟩": "\\rangle", "〈": "\\langle", "〉": "\\rangle", "√": "\\sqrt", "∑": "\\sum", "∏": "\\prod",
    "∈": "\\in", "∞": "\\infty", "⊙": "\\odot", "∘": "\\odot", "⊘": "\\oslash", "→": "\\to", "⇒": "\\implies", "⟹": "\\implies",
    "⟶": "\\to", "⇔": "\\implies", "↦": "\\to", "←": "=", "∀": "\\forall", "′": "'", "’": "'", "‘": "'", "´": "'", "`": "'", "ʹ": "'",
    "″": "''", "…": "\\ldots", "⋯": "\\ldots", "∴": "\\implies", "∂": "\\partial", "∇": "\\nabla", "∧": "and", "∨": "or", "¬": "not",
    "½": "1/2", "¼": "1/4", "¾": "3/4", "∗": "*", "∣": "|", "⊗": "\\otimes", "ℝ": "R",
}
"""Unicode for what LaTeX or plain text writes otherwise. A value that begins with a backslash is that command."""

RELATIONS: Final = {
    "le": "<=", "leq": "<=", "leqslant": "<=", "ge": ">=", "geq": ">=", "geqslant": ">=", "ne": "!=", "neq": "!=", "lt": "<", "gt": ">",
    "approx": "=", "leftarrow": "=", "gets": "=", "equiv": "=", "coloneqq": "=", "triangleq": "=", "doteq": "=", "simeq": "=",
    "eq": "=",
}

ARROWS: Final = frozenset({
    "implies", "Rightarrow", "Longrightarrow", "iff", "Leftrightarrow", "rightarrow", "to", "longrightarrow", "therefore",
    "Longleftrightarrow", "mapsto", "leadsto",
})

STYLES: Final = frozenset({
    "Large", "large", "LARGE", "huge", "Huge", "small", "normalsize", "footnotesize", "tiny", "scriptscriptstyle",
    "mathbf", "mathrm", "mathsf", "mathit", "mathcal", "boldsymbol", "bm", "vec", "mathbb", "mathfrak", "mathtt", "mathnormal", "pmb",
    "bf", "rm", "it", "sf", "tt", "bfseries", "boldmath", "displaystyle", "textstyle", "scriptstyle", "limits", "nolimits", "bold",
    "symbf", "symbfit", "underline", "mathop", "mathord", "ensuremath", "underbrace", "overbrace", "protect", "overrightarrow",
    "bfit", "upmu",
})

SKIPPED: Final = frozenset({
    "left", "right", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "biggl", "biggr", "Biggl", "Biggr", "middle", "quad",
    "qquad", "enspace", "thinspace", "medspace", "thickspace", "negthinspace", "nonumber", "checkmark", "blacksquare", "square", "qed",
    "qedhere", "notag", "displaylimits", "hfill", "noindent",
    "smallskip", "medskip", "bigskip", "hline", "par", "centering", "relax", "strut", "null", "mkern", "allowbreak", "newline",
})

TEXTS: Final = frozenset({
    "text", "textrm", "mbox", "textbf", "textit", "textnormal", "textsf", "hbox", "texttt", "emph", "textup",
})

OPERATOR_NAMES: Final = frozenset({
    "mathop", "operatorname",
})

DROPPED_ARGUMENT: Final = frozenset({
    "color", "textcolor", "colorbox",
    "eqref", "hphantom", "hspace", "label", "phantom", "ref", "tag", "vphantom", "vspace",
})

COMBINING: Final = {
    "\u0302": "hat", "\u0304": "bar", "\u0305": "bar", "\u0303": "tilde", "\u0307": "dot", "\u0308": "ddot", "\u030c": "check",
    "\u20d7": "", "\u20d1": "", "\u0332": "", "\u0331": "",
}

TWO: Final = {
    "**": "^", "<=": "<=", ">=": ">=", "!=": "!=", "==": "=", ":=": "=", "=>": "\\implies", "->": "\\to", ".*": "\\odot",
    "./": "\\oslash", "||": "\\|", "<>": "!=", "=<": "<=",
}

PLAIN: Final = frozenset({
    "+", "-", "*", "/", "^", "_", "=", "<", ">", "(", ")", "[", "]", "{", "}", ",", ";", ":", "!", "&", "|", "'", "@", "?",
})

FUNCTIONS: Final[Mapping[str, str]] = {
    "len": "extent", "tr": "trace", "Tr": "trace", "trace": "trace", "Trace": "trace", "det": "det", "Det": "det", "inv": "inverse",
    "inverse": "inverse",
    "Inverse": "inverse", "pinv": "pinv", "exp": "exp", "log": "log", "ln": "log", "sqrt": "sqrt", "sin": "sin", "cos": "cos",
    "tan": "tan", "tanh": "tanh", "sinh": "sinh", "cosh": "cosh", "arctan": "atan", "atan": "atan", "abs": "abs", "fabs": "abs",
    "absolute": "abs", "sign": "sign", "sgn": "sign", "max": "max", "maximum": "max", "Max": "max", "min": "min", "minimum": "min",
    "Min": "min", "fmax": "max", "fmin": "min", "relu": "relu", "ReLU": "relu", "Relu": "relu", "sigmoid": "sigmoid",
    "expit": "sigmoid",
    "logistic": "sigmoid", "softplus": "softplus", "diag": "diag", "Diag": "diag", "diagflat": "diag", "diagonal": "diag",
    "norm": "norm",
    "transpose": "transpose", "dot": "dot", "vdot": "dot", "inner": "dot", "outer": "outer", "matmul": "dot", "mm": "dot", "mv": "dot",
    "bmm": "dot", "multi_dot": "multi_dot", "solve": "solve", "eye": "eye", "identity": "eye", "zeros": "zeros", "ones": "ones",
    "sum": "esum", "mean": "mean", "where": "where", "heaviside": "heaviside", "Heaviside": "heaviside", "multiply": "had",
    "mul": "had",
    "divide": "ediv", "add": "plus", "subtract": "minus", "square": "square", "power": "power", "pow": "power", "negative": "negate",
    "matrix_power": "power_m", "vstack": "vstack", "hstack": "hstack", "block": "array", "array": "array", "tensor": "array",
    "Matrix": "array", "trace_": "trace", "softmax": "softmax", "logdet": "logdet", "clip": "clip", "reciprocal": "reciprocal",
    "log1p": "log1p", "expm1": "expm1", "step": "heaviside", "addmm": "unknown", "Piecewise": "unknown", "cross": "unknown",
    "kron": "unknown", "einsum": "unknown", "rank": "unknown", "vec": "unknown", "exp2": "unknown", "log2": "log2", "log10": "log10",
    "logsumexp": "logsumexp", "lstsq": "unknown", "clamp": "clip", "log_softmax": "unknown", "svd": "unknown", "ravel": "same",
    "asarray": "same", "float": "same", "T": "", "asmatrix": "same", "dist": "unknown", "tensordot": "unknown", "floor": "unknown",
    "ceil": "unknown", "round": "unknown",
}
"""Name as typed -> what it computes; `unknown` names are recognised and refused by name."""

BARE: Final = frozenset({
    "abs", "atan", "cos", "cosh", "det", "diag", "exp", "inverse", "log", "max", "min", "relu", "sigmoid", "sign", "sin", "sinh",
    "softplus", "sqrt", "tan", "tanh", "trace",
})
"""Functions whose argument may stand without brackets."""

COMMANDS: Final = frozenset({
    "Tr", "arctan", "cos", "cosh", "det", "diag", "exp", "ln", "log", "max", "min", "sgn", "sign", "sin", "sinh", "tan", "tanh", "tr",
    "trace",
})

KEYWORDS: Final = frozenset({
    "and", "elif", "else", "elsewhere", "for", "if", "not", "or", "otherwise", "ow", "then", "unless", "when", "where", "while",
})

TRANSPOSES: Final = frozenset({
    "'", "*", "H", "T", "Tr", "ast", "intercal", "mathsfT", "t", "top", "tr", "trans", "transpose",
})

RELATION_SIGNS: Final = frozenset({
    "!=", "<", "<=", "=", ">", ">=",
})

FRACTIONS: Final = frozenset({
    "cfrac", "dfrac", "frac", "nicefrac", "sfrac", "tfrac",
})

MATRICES: Final = frozenset({
    "Bmatrix", "array", "bmatrix", "bsmallmatrix", "matrix", "pmatrix", "psmallmatrix", "smallmatrix", "vmatrix",
})

CASES: Final = frozenset({
    "cases", "dcases", "rcases",
})

OPENERS: Final = {
    "(": ")", "[": "]", "{": "}", "\\{": "\\}", "\\langle": "\\rangle",
}

FILLERS: Final = frozenset({
    "at", "given", "located", "found", "occurs", "lies", "written", "expressed", "computed", "simply", "just", "exactly", "precisely",
    "can", "should", "would", "will", "also",
    "since",
    "the", "so", "gradient", "derivative", "jacobian", "partial", "is", "are", "equals", "equal", "to", "answer", "we", "get", "have",
    "obtain", "which", "thus", "hence", "therefore", "then", "it", "this", "that", "result", "final", "gives", "yields", "of",
    "respect",
    "wrt", "finally", "solution", "formula", "expression", "value", "by", "our", "my", "an", "in", "row", "vector", "matrix", "ans",
    "i.e", "ie", "be", "location", "position", "elbow", "point", "new", "update", "loss", "with", "hessian",
})

WRAPPERS: Final = frozenset({
    "align", "alignat", "aligned", "center", "displaymath", "eqnarray", "equation", "flalign", "gather", "gathered", "math", "multline",
    "split",
})

ENTRYWISE: Final = frozenset({
    "exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "sinh", "cosh", "atan", "abs", "sign", "relu", "sigmoid", "softplus",
    "sigmoid_prime", "relu_prime", "tanh_prime", "exp_prime", "log_prime", "softplus_prime", "log1p", "expm1", "log2", "log10",
    "reciprocal",
})

ARGUMENTS: Final[Mapping[str, tuple[int, int]]] = {
    "max": (1, 9), "min": (1, 9), "dot": (2, 2), "outer": (2, 2), "solve": (2, 2), "where": (3, 3), "had": (2, 2), "ediv": (2, 2),
    "plus": (2, 2), "minus": (2, 2), "power": (2, 2), "power_m": (2, 2), "norm": (1, 2), "eye": (1, 2), "zeros": (1, 2), "ones": (1, 2),
    "heaviside": (1, 2), "vstack": (1, 9), "hstack": (1, 9), "array": (1, 1), "clip": (3, 3), "multi_dot": (1, 1), "softmax": (1, 2),
    "softplus": (1, 1), "block": (1, 1),
}
"""How many arguments a function takes, at least and at most; one if it is not named here."""

METHODS: Final[Mapping[str, str]] = {
    "inv": "inverse", "inverse": "inverse", "transpose": "transpose", "t": "transpose", "sum": "esum", "mean": "mean", "norm": "norm",
    "trace": "trace", "det": "det", "abs": "abs", "exp": "exp", "log": "log", "sqrt": "sqrt", "square": "square", "pow": "power",
    "diag": "diag", "diagonal": "diag", "item": "same", "pinv": "pinv", "sign": "sign", "tanh": "tanh", "sigmoid": "sigmoid",
    "relu": "relu", "dot": "dot", "matmul": "dot", "mm": "dot", "mv": "dot", "multiply": "had", "mul": "had", "outer": "outer",
    "flatten": "same", "conj": "same", "conjugate": "same", "copy": "same", "add": "plus", "sub": "minus", "neg": "negate",
    "div": "ediv",
    "max": "", "min": "", "reciprocal": "reciprocal", "inner": "dot", "vdot": "dot", "T": "transpose", "clone": "same",
    "detach": "same",
    "float": "same",
}
"""Methods of arrays, `x.sum()`: what they compute; an empty one is known and refused."""
# fmt: on
