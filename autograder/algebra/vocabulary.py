"""Words of the formula language: functions, keywords, signs. What a name means is said here once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# fmt: off
FUNCTIONS: Final[Mapping[str, str]] = {
    "tr": "trace", "Tr": "trace", "trace": "trace", "Trace": "trace", "det": "det", "Det": "det", "inv": "inverse", "inverse": "inverse",
    "Inverse": "inverse", "pinv": "pinv", "exp": "exp", "log": "log", "ln": "log", "sqrt": "sqrt", "sin": "sin", "cos": "cos", "tan": "tan",
    "tanh": "tanh", "sinh": "sinh", "cosh": "cosh", "arctan": "atan", "atan": "atan", "abs": "abs", "fabs": "abs", "absolute": "abs", "sign": "sign",
    "sgn": "sign", "max": "max", "maximum": "max", "Max": "max", "min": "min", "minimum": "min", "Min": "min", "fmax": "max", "fmin": "min",
    "relu": "relu", "ReLU": "relu", "Relu": "relu", "sigmoid": "sigmoid", "expit": "sigmoid", "logistic": "sigmoid", "softplus": "softplus",
    "diag": "diag", "Diag": "diag", "diagflat": "diag", "diagonal": "diag", "norm": "norm", "transpose": "transpose", "dot": "dot", "vdot": "dot",
    "inner": "dot", "outer": "outer", "matmul": "dot", "mm": "dot", "mv": "dot", "bmm": "dot", "multi_dot": "multi_dot", "solve": "solve",
    "eye": "eye", "identity": "eye", "zeros": "zeros", "ones": "ones", "sum": "esum", "mean": "mean", "where": "where", "heaviside": "heaviside",
    "Heaviside": "heaviside", "multiply": "had", "mul": "had", "divide": "ediv", "add": "plus", "subtract": "minus", "square": "square",
    "power": "power", "pow": "power", "negative": "negate", "matrix_power": "power_m", "vstack": "vstack", "hstack": "hstack", "block": "array",
    "array": "array", "tensor": "array", "Matrix": "array", "trace_": "trace", "softmax": "softmax", "logdet": "logdet", "clip": "clip",
    "reciprocal": "reciprocal", "log1p": "log1p", "expm1": "expm1", "step": "heaviside", "addmm": "unknown", "Piecewise": "unknown",
    "cross": "unknown", "kron": "unknown", "einsum": "unknown", "rank": "unknown", "vec": "unknown", "exp2": "unknown", "log2": "log2", "log10": "log10",
    "logsumexp": "logsumexp", "lstsq": "unknown", "clamp": "clip", "log_softmax": "unknown", "svd": "unknown", "ravel": "same", "asarray": "same",
    "float": "same", "T": "", "asmatrix": "same", "dist": "unknown", "tensordot": "unknown", "floor": "unknown", "ceil": "unknown", "round": "unknown",
}
"""Name as typed -> what it computes; `unknown` names are recognised and refused by name."""

BARE: Final = frozenset({
    "trace", "det", "exp", "log", "sin", "cos", "tan", "tanh", "sinh", "cosh", "atan", "sqrt", "diag", "inverse", "sign", "relu",
    "sigmoid", "softplus", "abs", "max", "min",
})
"""Functions whose argument may stand without brackets."""

COMMANDS: Final = frozenset({
    "tr", "Tr", "det", "exp", "log", "ln", "sin", "cos", "tan", "tanh", "sinh", "cosh", "arctan", "max", "min", "sgn", "sign", "diag",
    "trace",
})

KEYWORDS: Final = frozenset({
    "if", "else", "otherwise", "elsewhere", "when", "for", "and", "or", "not", "where", "then", "ow", "while", "unless", "elif",
})

TRANSPOSES: Final = frozenset({"T", "top", "intercal", "H", "tr", "transpose", "ast", "*", "mathsfT", "t", "'", "trans", "Tr"})

RELATION_SIGNS: Final = frozenset({"=", "<", ">", "<=", ">=", "!="})

FRACTIONS: Final = frozenset({"frac", "dfrac", "tfrac", "cfrac", "nicefrac", "sfrac"})

MATRICES: Final = frozenset({"bmatrix", "pmatrix", "matrix", "Bmatrix", "smallmatrix", "vmatrix", "array", "psmallmatrix", "bsmallmatrix"})

CASES: Final = frozenset({"cases", "dcases", "rcases"})

OPENERS: Final = {"(": ")", "[": "]", "{": "}", "\\{": "\\}", "\\langle": "\\rangle"}
# fmt: on
