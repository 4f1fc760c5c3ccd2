"""Laws: rewritings keep an expression, single slips change it, random text is never an exception."""

from __future__ import annotations

import contextlib
import json
import logging
import random
from fractions import Fraction
from functools import lru_cache
from random import Random

import pytest
from drawing import examples
from hypothesis import given
from hypothesis import strategies as st
from places import CORPORA

from autograder.algebra import equivalent_by_region, numeric_function, same_condition, symbols
from autograder.algebra.equivalence.corpus import equiv_lines
from autograder.algebra.equivalence.decision import LOG, decide, decide_expression
from autograder.algebra.equivalence.identity import decide_pair
from autograder.algebra.evaluation.evaluate import Point, value_at
from autograder.algebra.evaluation.linear_algebra import determinant, inverse, matmul, transpose
from autograder.algebra.evaluation.rings import Exact, Modular, Real, Undefined, random_prime
from autograder.algebra.evaluation.samplers import draw_values, field_draw, small_draw, wide_draw
from autograder.algebra.notation.declare import cached_symbols
from autograder.algebra.notation.expression import read_expected
from autograder.errors import Unreadable

CORPUS = CORPORA / "symbolic.jsonl"
FUZZED = 20_000
"""Strings of the long fuzz."""
SAMPLED = 1_000

TABLE = symbols({"A": "matrix n n", "B": "matrix n n", "C": "matrix n n", "x": "vector n", "y": "vector n", "s": "scalar", "t": "scalar"})
FAST = examples(40)


def bigger(inner):
    return st.one_of(
        st.tuples(inner, inner).map(lambda p: f"({p[0]} + {p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]} - {p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]}) ({p[1]})"),
        inner.map(lambda e: f"({e})^T"),
        inner.map(lambda e: f"s ({e})"),
        inner.map(lambda e: f"({e} + I)^{{-1}}"),
    )


matrices = st.recursive(st.sampled_from(["A", "B", "C", "2A", "I"]), bigger, max_leaves=4)
several = st.tuples(matrices, matrices, matrices)


def same(one: str, two: str) -> str:
    return decide(one, two, TABLE).verdict


LAWS = {
    "distribute": lambda p, q, r: (f"({p}) (({q}) + ({r}))", f"({p}) ({q}) + ({p}) ({r})"),
    "distribute on the right": lambda p, q, r: (f"(({q}) - ({r})) ({p})", f"({q}) ({p}) - ({r}) ({p})"),
    "transpose twice": lambda p, q, r: (f"(({p})^T)^T", f"{p}"),
    "transpose of a product": lambda p, q, r: (f"(({p}) ({q}))^T", f"({q})^T ({p})^T"),
    "trace turns": lambda p, q, r: (f"tr(({p}) ({q}) ({r}))", f"tr(({r}) ({p}) ({q}))"),
    "trace of a transpose": lambda p, q, r: (f"tr(({p})^T)", f"tr({p})"),
    "scalars move": lambda p, q, r: (f"({p}) s ({q})", f"s ({p}) ({q})"),
    "inverse of a product": lambda p, q, r: (f"(({p}) ({q}))^{{-1}}", f"({q})^{{-1}} ({p})^{{-1}}"),
    "inverse of a transpose": lambda p, q, r: (f"(({p})^T)^{{-1}}", f"(({p})^{{-1}})^T"),
    "a scalar is its own transpose": lambda p, q, r: (f"x^T ({p}) y", f"y^T ({p})^T x"),
    "sums commute": lambda p, q, r: (f"({p}) + ({q}) + ({r})", f"({r}) + ({p}) + ({q})"),
    "norm squared": lambda p, q, r: (f"\\|({p}) x\\|^2", f"x^T ({p})^T ({p}) x"),
    "determinant of a product": lambda p, q, r: (f"\\det(({p}) ({q}))", f"\\det({q}) \\det({p})"),
}


@pytest.mark.parametrize("law", LAWS)
@FAST
@given(parts=several)
def test_rewritings_keep_an_expression(law, parts):
    one, two = LAWS[law](*parts)
    verdict = same(one, two)
    assert verdict in ("equivalent", "undecided"), (one, two)


SLIPS = {
    "sign": lambda e: f"-({e})",
    "scaled:2": lambda e: f"2 ({e})",
    "missing_term": lambda e: None,
    "transposed": lambda e: f"({e})^T",
}
EXPECTED = ["x^T (A + B)", "A B x - y", "(A + s I) x", "A^T (A x - y)", "x^T A y", "s A x + t y", "A^{-1} x", "x y^T A"]


@pytest.mark.parametrize("expected", EXPECTED)
@pytest.mark.parametrize("slip", ["sign", "scaled:2", "transposed"])
def test_single_slips_are_caught_and_named(expected, slip):
    answer = SLIPS[slip](expected)
    result = decide(answer, expected, TABLE)
    if slip == "transposed" and read_expected(expected, TABLE).is_scalar:
        assert result.verdict == "equivalent"
    else:
        assert (result.verdict, result.diagnosis) == ("different", slip)


@pytest.mark.parametrize(
    ("expected", "answer", "slip"),
    [
        ("A B x", "B A x", "wrong_order"),
        ("(A B)^T", "A^T B^T", "wrong_order"),
        ("tr(A B C)", "tr(A C B)", "wrong_order"),
        ("(A + A^T) x", "2 A x", "assumed_symmetric"),
        ("x^T A + x^T B", "x^T B", "missing_term"),
        ("(A + B)^{-1} x", "A^{-1} x", "missing_term"),
        ("A^{-1} B", "A B", "inverted"),
        ("s/t", "t/s", "inverted"),
        ("s A", "s A + 1", "shape"),
        ("x", "x^T", "transposed"),
        ("t", "2 \\pi t", "scaled:2*pi"),
        ("t", "t/\\pi", "scaled:1/pi"),
        ("3t", "-2t", "scaled:-2/3"),
        ("e^t", "-e^t", "sign"),
        ("|t| + s", "s", "missing_term"),
    ],
)
def test_slips_have_names(expected, answer, slip):
    result = decide(answer, expected, TABLE)
    assert (result.verdict, result.diagnosis) == ("different", slip)


@FAST
@given(parts=several)
def test_deciding_is_symmetric(parts):
    one, two = f"({parts[0]}) ({parts[1]})", f"({parts[1]}) ({parts[2]})"
    assert same(one, two) == same(two, one)


def test_the_same_text_gets_the_same_bytes():
    lines = CORPUS.read_text(encoding="utf-8").splitlines()[::40]
    first = list(equiv_lines(lines))
    decide_expression.cache_clear()
    assert list(equiv_lines(lines)) == first


# --- the traps of random evaluation


@pytest.mark.parametrize(
    ("declared", "expected", "answer", "verdict"),
    [
        ({"A": "matrix n n", "B": "matrix n n"}, "(A - A^T)(B - B^T)", "(B - B^T)(A - A^T)", "different"),  # equal at size 2
        ({"A": "matrix n n", "B": "matrix n n", "C": "matrix n n"}, "(A B - B A)^2 C", "C (A B - B A)^2", "different"),  # Hall, size 2
        ({"A": "matrix n n"}, "\\det(-A)", "\\det(A)", "different"),  # equal at even sizes
        ({"Q": "matrix n n orthogonal"}, "\\det(Q)", "1", "different"),  # Cayley alone gives rotations
        ({"Q": "matrix n n orthogonal"}, "\\det(Q)", "-1", "different"),
        ({"Q": "matrix n n orthogonal", "R": "matrix n n orthogonal"}, "Q R", "R Q", "different"),  # rotations of the plane commute
        ({"Q": "matrix n n orthogonal", "R": "matrix n n orthogonal"}, "\\det(Q)\\det(R)", "1", "different"),
        ({"H": "matrix n n orthogonal symmetric"}, "H H", "I", "equivalent"),
        ({"H": "matrix n n orthogonal symmetric"}, "H", "I", "different"),
        ({"X": "matrix n d"}, "(X^T X)^{-1} X^T", "X^+", "equivalent"),
        ({"x": "scalar", "y": "scalar"}, "\\exp(x)", "\\exp(x) + y/10^{10}", "different"),
        ({"x": "scalar"}, "\\sqrt{(10^6 x)^2 + 1} - 10^6 x", "1/(\\sqrt{(10^6 x)^2 + 1} + 10^6 x)", "equivalent"),
        ({"x": "scalar"}, "1 - \\cos(x/10^5)", "2 \\sin^2(x/(2 \\cdot 10^5))", "equivalent"),
        ({"x": "scalar"}, "\\sqrt{x^2}", "x", "different"),
        ({"x": "scalar"}, "\\sqrt{x^2}", "|x|", "equivalent"),
        ({"t": "scalar", "x": "vector n"}, "\\|t x\\|", "t \\|x\\|", "different"),
        ({"t": "scalar positive", "x": "vector n"}, "\\|t x\\|", "t \\|x\\|", "equivalent"),
        ({"p": "scalar positive"}, "\\log(p^2)", "2 \\log p", "equivalent"),
        ({"p": "scalar"}, "\\log(p^2)", "2 \\log p", "different"),
        ({"p": "scalar"}, "p", "\\sqrt{p}^2", "different"),
        ({"t": "scalar"}, "1", "\\begin{cases} 1 & t \\ne 3 \\\\ 0 & t = 3 \\end{cases}", "different"),
        ({"t": "scalar"}, "t", "t if t < 10^6 else 0", "different"),
        ({"w": "scalar", "b": "scalar"}, "1[w + b > 0]", "1[w + b \\ge 0]", "different"),
        ({"w": "scalar", "b": "scalar"}, "1[w^2 > 4]", "1[w > 2] + 1[w < -2]", "equivalent"),
        ({"x": "scalar", "y": "scalar"}, "x", "x + 999999999999999 y (10^{12})", "different"),
        ({"x": "scalar"}, "x/x", "1", "equivalent"),
        ({"x": "scalar"}, "x", "x^2/x", "equivalent"),
        ({"x": "scalar"}, "0 \\log(-1 - x^2)", "0", "undecided"),
        ({"x": "scalar"}, "0", "0 \\log(-1 - x^2)", "different"),
        ({"x": "scalar"}, "x", "e^{e^{e^{e^{x}}}}", "different"),
    ],
)
def test_traps(declared, expected, answer, verdict):
    assert decide(answer, expected, symbols(declared)).verdict == verdict


def test_a_constraint_holds_in_every_sample():
    declared = {"X": "matrix n d", "G": "matrix d d invertible", "S": "matrix d d positive_definite"}
    free, bound = symbols(declared), symbols(declared, constraints=["G^T G = S^{-1}"])
    assert decide("X^T X + G^T G", "X^T X + S^{-1}", bound).verdict == "equivalent"
    assert decide("X^T X + G^T G", "X^T X + S^{-1}", free).verdict == "different"
    assert decide("X^T X + G G^T", "X^T X + S^{-1}", bound).verdict == "different"


@pytest.mark.parametrize("text", ["G^T G", "G^T G = G", "G^T G = 2 G^T"])
def test_a_constraint_that_gives_no_symbol_is_refused(text):
    with pytest.raises(ValueError, match="constraint"):
        symbols({"G": "matrix d d"}, constraints=[text])


@pytest.mark.parametrize(
    "assumptions", ["symmetric", "positive_definite", "orthogonal", "invertible", "diagonal", "orthogonal symmetric", "diagonal positive"]
)
@pytest.mark.parametrize("kind", ["field", "exact", "plain", "real"])
def test_samples_honour_what_is_assumed(assumptions, kind):
    table = symbols({"M": f"matrix n n {assumptions}"})
    rng = Random(5)
    determinants = set()
    for turn in range(6):
        ring = Modular(random_prime(rng), rng) if kind == "field" else Real() if kind == "real" else Exact()
        draw = field_draw(ring, rng) if kind == "field" else small_draw(rng) if kind == "plain" else wide_draw(rng)
        if kind == "real":
            continue
        m = draw_values(table, ["M_^"], {"n": 3}, ring, draw, rng, plain=kind == "plain", turn=turn)["M_^"]
        words = assumptions.split()
        if "symmetric" in words or "positive_definite" in words:
            assert m == transpose(m)
        if "orthogonal" in words:
            unit = matmul(ring, m, transpose(m))
            assert all(ring.red(unit[i][j] - (i == j)) == 0 for i in range(3) for j in range(3))
            determinants.add(ring.red(determinant(ring, m)))
        if "diagonal" in words:
            assert all(m[i][j] == 0 for i in range(3) for j in range(3) if i != j)
        if "invertible" in words or "positive_definite" in words:
            assert inverse(ring, m)
        if "positive" in words and ring.ordered:
            assert all(m[i][i] > 0 for i in range(3))
    assert len(determinants) != 1 or kind == "field"


@FAST
@given(rows=st.lists(st.lists(st.integers(-5, 5), min_size=3, max_size=3), min_size=3, max_size=3))
def test_inverse_and_determinant_agree_with_each_other(rows):
    ring = Exact()
    m = [[Fraction(x) for x in row] for row in rows]
    if determinant(ring, m) == 0:
        with pytest.raises(Undefined):
            inverse(ring, m)
    else:
        assert matmul(ring, m, inverse(ring, m)) == [[Fraction(int(i == j)) for j in range(3)] for i in range(3)]
        assert determinant(ring, inverse(ring, m)) == 1 / determinant(ring, m)


def test_rings_agree_at_whole_numbers():
    table = symbols({"A": "matrix n n", "x": "vector n"})
    e = read_expected("x^T (A + 3 I)^{-1} A^2 x + tr(A)", table)
    rng = Random(1)
    values = draw_values(table, ["A_^", "x_^"], {"n": 3}, Exact(), small_draw(rng), rng)
    exact = value_at(e, Point(Exact(), {"n": 3}, values))
    field = Modular(random_prime(rng), rng)
    lifted = {k: [[field.const(x) for x in row] for row in v] for k, v in values.items()}
    assert value_at(e, Point(field, {"n": 3}, lifted)) == field.const(exact)


def test_the_error_bound_grows_with_the_degree():
    table = symbols({"A": "matrix n n", "B": "matrix n n"})
    low = decide_pair(read_expected("A B", table), read_expected("A B + 0 A", table), table, 1)
    high = decide_pair(read_expected("(A + B)^{-1}", table), read_expected("((A + B)^T)^{-1 T}", table), table, 1)
    assert 0 < low.error < high.error < 1e-15


# --- hostile text


HOSTILE = [
    "xᵀ" + "ᵀ" * 3_000,
    "$" * 3_998,
    "x" + ".T" * 60,
    "x" + "_i" * 1_900,
    "x is " * 790,
    "(a by b) " * 440,
    "__import__('os').system('echo no')",
    "open('/etc/passwd').read()",
    "().__class__.__base__.__subclasses__()",
    "9**9**9**9",
    "9^{9^{9^{9}}}",
    "(((99999999)!)!)!",
    "(" * 10_000 + "x" + ")" * 10_000,
    "{" * 3_000,
    "\\frac{" * 600,
    "x+" * 50_000 + "x",
    "a" * 3_999,
    "x" + "yx" * 100,
    "\\left(" * 500,
    "((((A^{12})^{12})^{12})^{12})x",
    "\x00x",
    "x\u0302\u0302",
    "\u0302",
    "exp(exp(exp(exp(exp(t)))))",
    "t^{t^{t}}",
    "+".join(["\\|A^{-1}x\\|"] * 20),
    "\\sum_{i=1}^n " * 20 + "x_i",
    "\\begin{bmatrix}" * 50,
    "\\begin{cases} " * 30,
    "x if " * 100 + "x",
    "|" * 999,
    "'" * 999,
    "x" + "^T" * 400,
    "-" * 3_000 + "x",
    "inv(A - A) x",
    "\\sqrt{-1 - t^2} x",
    "max(" * 35 + "t" + ",0)" * 35,
    "\ud800",
    "\u202ex",
    "x, " * 900,
    "x = " * 900,
    "$" * 999,
    "$x$" * 300,
    "\\input{/etc/passwd}",
    "eval('1')",
    "x.__class__",
    "{{7*7}}",
    "\\" * 2_000,
    "\n" * 3_000,
    "\\begin{array}{" + "l" * 3_000 + "}",
    "x_{" * 200,
    "\\hat" * 500 + "x",
    "[" * 2_000,
    "abs(t - 1) + " * 50 + "t",
    "\\operatorname{" + "a" * 3_000 + "}",
    "⁻⁻¹x",
    "x⁻⁻¹",
    "1e999",
    "\\sum_{i=1}^{999999999} x",
    "🙂" * 500,
    "a if b else " * 200,
]


class Defects(logging.Handler):
    """Collects what the room logs as its own failures."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(logging.Formatter().format(record))


@pytest.fixture
def defects():
    handler = Defects()
    LOG.addHandler(handler)
    yield handler.seen
    LOG.removeHandler(handler)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_gets_a_verdict_and_is_never_run(text, monkeypatch, defects):
    import builtins

    import sympy

    def forbidden(*_args, **_kwargs):
        raise AssertionError("text was evaluated as code")

    for name in ("eval", "exec"):
        monkeypatch.setattr(builtins, name, forbidden)
    monkeypatch.setattr(sympy, "sympify", forbidden)
    table = symbols({"x": "vector n", "A": "matrix n n", "t": "scalar"})
    decision = decide(text, "A x", table)
    assert decision.verdict in ("unreadable", "different", "undecided")
    assert len(decision.reason or "") < 500
    assert not defects


@lru_cache(maxsize=1)
def material():
    families: dict[str, tuple[object, object, list[str]]] = {}
    for line in CORPUS.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        if case["family"] not in families:
            table = cached_symbols(tuple(case["symbols"].items()))
            families[case["family"]] = (table, read_expected(case["expected"], table), [])
        families[case["family"]][2].append(case["answer"])
    return list(families.values())


PIECES = [
    "^",
    "_",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "\\frac",
    "\\top",
    "T",
    "'",
    "|",
    "\\|",
    "=",
    "+",
    "-",
    "*",
    "/",
    "@",
    ",",
    ";",
    "$",
    "\\\\",
    "&",
    "\\begin{cases}",
    "\\end{cases}",
    "if",
    "else",
    "\\sum_{i=1}^n",
    "x",
    "A",
    "0",
    "1",
    "I",
    "\\mathbf",
    "\\hat",
    "\\text{",
    "\\sqrt",
    "\\log",
    "e^",
    "np.",
    "\u0302",
    "²",
    "ᵀ",
    "⁻",
    "\x00",
    "х",
    "\\left",
    "\\right.",
    "\\left.",
    "\\{",
    "\\}",
    "\\langle",
    "\\rangle",
    "\\max",
    "9999999999",
    "1e30",
    "**",
    "\\implies",
    "\\begin{bmatrix}",
    "\\end{bmatrix}",
    "or",
    " ",
    "\n",
    "\\boxed{",
    "(since ",
    "is",
    "!",
    "\\",
    "∑",
    "‖",
    ".T",
    ".sum()",
    "§",
    "?",
    "not",
    "\\phi'",
    "where",
]


def mutated(rng: random.Random, answers: list[str], every: list[str]) -> str:
    if rng.random() < 0.05:
        return "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 30)))
    text = rng.choice(answers if rng.random() < 0.7 else every)
    for _ in range(rng.randint(0, 4)):
        kind, i = rng.random(), rng.randint(0, len(text))
        j = min(len(text), i + rng.randint(0, 6))
        if kind < 0.35:
            text = text[:i] + rng.choice(PIECES) + text[i:]
        elif kind < 0.6:
            text = text[:i] + text[j:]
        elif kind < 0.8:
            other = rng.choice(every)
            k = rng.randint(0, len(other))
            text = text[:i] + other[k : k + rng.randint(1, 12)] + text[i:]
        else:
            text = text[:i] + text[i:j] * rng.randint(2, 4) + text[j:]
    return text


def fuzz(count: int, seed: int, defects: list[str]) -> None:
    rng = random.Random(seed)
    families = material()
    every = [a for _, _, answers in families for a in answers]
    undecided = 0
    for _ in range(count):
        table, expected, answers = rng.choice(families)
        text = mutated(rng, answers, every)
        decision = decide_expression(text, expected, table)
        assert decision.verdict in ("equivalent", "different", "unreadable", "undecided")
        assert (decision.witness is not None) == (decision.verdict == "different"), text
        assert decision.offset is None or 0 <= decision.offset <= len(text), text
        undecided += decision.verdict == "undecided"
    assert not defects
    assert undecided <= 0.02 * count


def test_random_text_is_never_an_exception(defects):
    fuzz(SAMPLED, 1, defects)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_random_text_is_never_an_exception_at_length(defects, seed):
    fuzz(FUZZED, seed, defects)


# --- the other judges meet any text as well

CONDITIONS = [
    "A = A^T",
    "$A^\\top = A$",
    "a_{ij} = a_{ji}",
    "A is symmetric, i.e. $A = A^\\top$",
    "A^2 = I",
    "\\det A > 0",
    "x_i = 0",
    "tr(A) = 0",
]
PIECEWISE = [
    "(h(x)-y) x if wx+b > 0 else 0",
    "\\begin{cases} (h(x) - y) x & wx + b > 0 \\\\ 0 & \\text{otherwise} \\end{cases}",
    "np.where(w*x + b > 0, (np.maximum(0, w*x + b) - y)*x, 0)",
    "{ (h(x)-y)x, wx+b>0; 0, else }",
    "if wx+b > 0: (h(x)-y)x, else: 0",
]
FORMULAS = [
    "\\lambda x, y: (torch.exp(x) - torch.exp(y)) ** 2",
    "f(x, y) = (x - 0.7y)^2",
    "$\\ell(x,y) = -y\\log x-(1-y)\\log(1-x)$",
    "x if x > y else y",
]
SQUARE = symbols({"x": "vector n", "A": "matrix n n"})
UNIT = symbols(
    {"w": "scalar", "b": "scalar", "x": "scalar", "y": "scalar", "h'": "scalar"},
    functions={"h": "x", "h'": "x"},
    definitions={"h": "\\max(0, w x + b)"},
)
REGIONS = [("on", "w x + b > 0", "(h - y) x", 0.6), ("off", "w x + b <= 0", "0", 0.4)]


def fuzz_judges(count: int, seed: int) -> None:
    rng = random.Random(seed)
    kinds = {"correct", "partial", "incorrect", "unreadable", "missing", "undecided"}
    for _ in range(count):
        verdict = same_condition(mutated(rng, CONDITIONS, CONDITIONS), "A = A^T", SQUARE, phrases={"symmetric": "A = A^T"})
        assert verdict.kind in kinds
        verdict = equivalent_by_region(mutated(rng, PIECEWISE, PIECEWISE), REGIONS, UNIT)
        assert verdict.kind in kinds
        text = mutated(rng, FORMULAS, FORMULAS)
        with contextlib.suppress(Unreadable):
            numeric_function(text)(0.3, 0.6)


def test_no_judge_raises_at_random_text():
    fuzz_judges(150, 1)


@pytest.mark.slow
def test_no_judge_raises_at_random_text_at_length():
    fuzz_judges(5_000, 2)
