"""Decisions as verdicts: equivalence, regions, conditions, stated formulas, sympy's derivatives and proofs."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from autograder.algebra import derivative, equivalent, equivalent_by_region, names, numeric_function, same_condition, symbols
from autograder.algebra.equivalence import sympy_bridge
from autograder.errors import Unreadable
from autograder.worker import child

CALCULUS = symbols({"x": "vector n", "c": "vector n", "A": "matrix n n", "B": "matrix m n", "t": "scalar"})


@dataclass(frozen=True)
class Typed:
    """What the write-up hands over."""

    text: str
    body: str = ""
    state: str = "typed"


# --- equivalent


def test_a_right_answer_says_how_it_was_decided_and_read():
    verdict = equivalent("$x^\\top A + x^\\top A^\\top$", "x^T (A + A^T)", CALCULUS)
    assert verdict.kind == "correct"
    assert verdict.method.startswith("exact random evaluation (error below 1e-")
    assert verdict.read == "Read as: xᵀ A + xᵀ Aᵀ"
    assert equivalent("A", "A", CALCULUS).method == "the same expression"
    assert "50 digits" in equivalent("\\sqrt{x^T x}", "\\|x\\|", CALCULUS).method
    assert "boundary" in equivalent("t if t > 0 else 0", "max(t, 0)", CALCULUS).method


def test_a_wrong_answer_carries_evidence_and_no_truth_in_its_message():
    verdict = equivalent("2x^T A", "x^T (A + A^T)", CALCULUS)
    assert (verdict.kind, verdict.slip) == ("incorrect", "assumed_symmetric")
    assert verdict.evidence["kind"] == "symbolic"
    assert set(verdict.evidence["witness"]) == {"x", "c", "A", "B", "t"}
    assert verdict.evidence["expected_value"] != verdict.evidence["answer_value"]
    assert verdict.evidence["expected"] == "x^T (A + A^T)"
    assert "A^T" not in verdict.message


@pytest.mark.parametrize(
    ("answer", "expected", "slip", "says"),
    [
        ("A x", "x^T A^T", "transposed", "transpose of what was asked"),
        ("-A x", "A x", "sign", "sign"),
        ("3 A x", "A x", "scaled:3", "constant factor of 3"),
        ("x", "x + c", "missing_term", "term is missing"),
        ("A^T A x", "A A^T x", "wrong_order", "order"),
        ("A^{-1} x", "A x", "inverted", "upside down"),
        ("x^T x", "A x", "shape", "this is a single number"),
        ("x A", "A x", "shape", "does not compose"),
        ("A A A x", "A x", None, "not equal"),
        ("1/t", "t", "inverted", "upside down"),
        ("t if t >= 0 else -1", "t if t > 0 else -1", None, "boundary between the cases"),
    ],
)
def test_slips_are_said_in_words(answer, expected, slip, says):
    verdict = equivalent(answer, expected, CALCULUS)
    assert (verdict.kind, verdict.slip) == ("incorrect", slip)
    assert says in verdict.message


def test_what_a_slip_is_worth_is_the_suites_choice():
    credit = {"transposed": 0.5, "scaled": 0.25}
    assert equivalent("A x", "x^T A^T", CALCULUS, partial_credit=credit).share == 0.5
    assert equivalent("3 A x", "A x", CALCULUS, partial_credit=credit).kind == "partial"
    assert equivalent("-A x", "A x", CALCULUS, partial_credit=credit).kind == "incorrect"
    assert equivalent("A x", "A x", CALCULUS, partial_credit=credit).kind == "correct"
    assert equivalent("A x +", "A x", CALCULUS, partial_credit=credit).kind == "unreadable"


def test_an_unreadable_answer_shows_the_place():
    verdict = equivalent("A x + q", "A x", CALCULUS)
    assert verdict.kind == "unreadable"
    assert verdict.message.splitlines()[1:3] == ["    A x + q", "          ^"]
    assert "Accepted would be" in verdict.message


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("", "missing"),
        ("  \n", "missing"),
        (Typed("", state="missing"), "missing"),
        (Typed("", state="image"), "undecided"),
        (Typed("x", state="foreign"), "undecided"),
        (Typed(" "), "missing"),
        (Typed("A x"), "correct"),
    ],
)
def test_what_the_writeup_says_of_an_answer_counts(answer, kind):
    assert equivalent(answer, "A x", CALCULUS).kind == kind


def test_an_answer_without_a_value_differs_where_the_truth_has_one():
    verdict = equivalent("\\log(t)", "\\log(t^2)/2", CALCULUS)
    assert verdict.kind == "incorrect"
    assert verdict.evidence["answer_value"] == "undefined"


def test_what_passes_our_caps_is_undecided():
    verdict = equivalent("t^{30}", "t", CALCULUS)
    assert verdict.kind == "undecided"
    assert "MAX_EXPONENT" in verdict.message


def test_a_failure_of_ours_is_undecided_and_logged(monkeypatch, caplog):
    def broken(*_args):
        raise ZeroDivisionError

    monkeypatch.setattr("autograder.algebra.equivalence.decision.decide_pair", broken)
    assert equivalent("A x + 0 x", "A x", CALCULUS).kind == "undecided"
    assert "defect" in caplog.text


# --- by region

UNIT = symbols(
    {"w": "scalar", "b": "scalar", "x": "scalar", "y": "scalar", "h'": "scalar"},
    functions={"h": "x", "h'": "x"},
    definitions={"h": "\\max(0, w x + b)"},
)
ON, OFF = "where the unit is on", "where it is off"
SLOPE = [(ON, "w x + b > 0", "(h - y) x", 0.6), (OFF, "w x + b \\le 0", "0", 0.4)]


@pytest.mark.parametrize(
    "answer",
    [
        "\\begin{cases} (h(x) - y) x & wx + b > 0 \\\\ 0 & \\text{otherwise} \\end{cases}",
        "\\begin{cases} x^T (h(x) - y), & \\text{if } wx + b > 0, \\\\ 0, & \\text{else} \\end{cases}",
        "\\left\\{\\begin{array}{ll} (h(x)-y)x & wx+b > 0 \\\\ 0 & wx+b \\le 0 \\end{array}\\right.",
        "(wx + b - y) x if wx + b > 0 else 0",
        "$(h(x) - y)x$ if $wx + b > 0$, and $0$ otherwise",
        "(h(x) - y) x \\cdot \\mathbb{1}[wx + b > 0]",
        "(h - y) x 1{w x + b > 0}",
        "(h(x) - y) x H(wx + b)",
        "np.where(w*x + b > 0, (np.maximum(0, w*x + b) - y)*x, 0)",
        "0 if wx + b \\le 0, (wx + b - y)x otherwise",
        "(h(x) - y) x (wx + b > 0)",
        "(h(x)-y)x for wx+b>0 and 0 for wx+b<=0",
        "(h(x)-y) x \\mathbb{1}\\{h(x) > 0\\}",
        "x (h(x)-y) if h(x) > 0; 0 if h(x) = 0",
        "(h(x)-y) x [wx+b>0]",
        "(h(x)-y) u(wx+b) x",
        "{ (h(x)-y)x, wx+b>0; 0, else }",
        "$\\frac{dl}{dw} = (h(x)-y)x$ when $wx+b>0$, $=0$ otherwise",
        "$\\left\\{ \\begin{aligned} &(h(x)-y)x, && wx+b>0 \\\\ &0, && wx+b\\le 0 \\end{aligned}\\right.$",
        "if wx+b > 0: (h(x)-y)x, else: 0",
        "For wx+b>0: (h(x)-y)x; otherwise 0",
        "If wx + b > 0 then (h(x)-y)x, otherwise 0",
    ],
)
def test_every_way_to_write_pieces_is_read(answer):
    verdict = equivalent_by_region(answer, SLOPE, UNIT)
    assert verdict.kind == "correct", verdict.message
    assert verdict.method


@pytest.mark.parametrize(
    ("answer", "share", "slip"),
    [
        ("(h - y) x", 0.6, "region"),
        ("0", 0.4, "region"),
        ("(w x + b - y) x if w x + b >= 0 else 0", 0.9, "boundary"),
        ("(h - y) x if w x + b > 0", 0.6, "region"),
        ("1", 0.0, None),
        ("(h - y) w 1[w x + b > 0]", 0.4, "region"),
    ],
)
def test_regions_have_their_shares(answer, share, slip):
    verdict = equivalent_by_region(answer, SLOPE, UNIT)
    assert verdict.share == pytest.approx(share)
    assert verdict.slip == slip
    assert verdict.evidence["kind"] == "symbolic"
    assert verdict.evidence["expected_value"] != verdict.evidence["answer_value"]
    assert verdict.evidence["region"] in (ON, OFF)


def test_alternatives_earn_their_share():
    regions = [(ON, "w x + b > 0", "h - y", 0.5), (OFF, "w x + b \\le 0", "h - y", 0.5)]
    other = ("(h - y) h'", 0.3, "chain", "One derivative too many.")
    verdict = equivalent_by_region("(h(x) - y) h'(x)", regions, UNIT, alternatives=[other])
    assert (verdict.share, verdict.slip, verdict.message) == (0.3, "chain", "One derivative too many.")
    assert equivalent_by_region("h - y", regions, UNIT, alternatives=[other]).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("", "missing"),
        ("q", "unreadable"),
        ("(h - y) x when active, 0 otherwise", "unreadable"),
        ("[x, y]", "incorrect"),
        ("x" * 5000, "unreadable"),
        ("x^{40}", "unreadable"),
    ],
)
def test_regions_meet_any_text(answer, kind):
    assert equivalent_by_region(answer, SLOPE, UNIT).kind == kind


def test_a_region_without_points_is_undecided():
    regions = [(ON, "w^2 < -1", "x", 0.5), (OFF, "w^2 >= 0", "x", 0.5)]
    assert equivalent_by_region("x", regions, UNIT).kind == "undecided"


@pytest.mark.parametrize(
    ("regions", "says"),
    [
        ([(ON, "w > 0", "x", 0.5)], "add up"),
        ([(ON, "w >", "x", 1.0)], "cannot be read"),
        ([(ON, "w > 0", "x +", 1.0)], "cannot be read"),
        ([(ON, "w", "x", 1.0)], "cannot be read"),
    ],
)
def test_bad_regions_are_the_suites_fault(regions, says):
    with pytest.raises(ValueError, match=says):
        equivalent_by_region("x", regions, UNIT)


# --- conditions

SQUARE = symbols({"x": "vector n", "A": "matrix n n"})
PHRASES = {
    "symmetric": "A = A^T",
    "diagonal": "A diagonal",
    "positive definite": "A positive_definite",
    "orthogonal": "A orthogonal",
    "skew-symmetric": "A = -A^T",
}


@pytest.mark.parametrize(
    "answer",
    [
        "A = A^T",
        "$A^\\top = A$",
        "A - A^T = 0",
        "2A = 2A^T",
        "a_{ij} = a_{ji}",
        "$a_{ij} = a_{ji}$ for all $i, j$",
        "A_{ij} = A_{ji}",
        "A is symmetric",
        "when A is symmetric, i.e. $A = A^\\top$",
        "When $A = A^T$, this equals $2x^T A$",
        "x^T A = x^T A^T for all x",
        "2x^TA = x^T(A + A^T)",
        "A.T == A",
        "A' = A",
        "A must be a symmetric matrix",
        "if and only if A = Aᵀ",
        "A = \\frac{1}{2}(A + A^T)",
        "(A - A^T)x = 0",
        "$A^T - A = 0 \\iff A = A^T$",
    ],
)
def test_one_condition_has_many_spellings(answer):
    verdict = same_condition(answer, "A = A^T", SQUARE, phrases=PHRASES)
    assert verdict.kind == "correct", verdict.message
    assert verdict.read.startswith("Read as: ")


@pytest.mark.parametrize(
    ("answer", "kind", "slip"),
    [
        ("A = I", "partial", "sufficient_only"),
        ("A = 0", "partial", "sufficient_only"),
        ("A is diagonal", "partial", "sufficient_only"),
        ("A is symmetric and positive definite", "partial", "sufficient_only"),
        ("A A^T = A^T A", "incorrect", "necessary_only"),
        ("A = -A^T", "incorrect", None),
        ("A is orthogonal", "incorrect", None),
        ("A^2 = I", "incorrect", None),
        ("A is skew-symmetric", "incorrect", None),
        ("A is not symmetric", "incorrect", "negated"),
        ("A isn't symmetric", "incorrect", "negated"),
        ("x = 0", "incorrect", None),
        ("A is anti-symmetric", "unreadable", None),
        ("A is nice", "unreadable", None),
        ("A = B", "unreadable", None),
        ("A = x", "unreadable", None),
        ("A =", "unreadable", None),
        ("maybe symmetric", "unreadable", None),
        ("yes", "unreadable", None),
        ("", "missing", None),
        ("A" * 5000, "unreadable", None),
        ("A \\ne A^T", "unreadable", None),
    ],
)
def test_other_conditions_are_told_apart(answer, kind, slip):
    verdict = same_condition(answer, "A = A^T", SQUARE, phrases=PHRASES)
    assert (verdict.kind, verdict.slip) == (kind, slip), verdict.message
    if kind in ("partial", "incorrect") and "A" in verdict.evidence["witness"]:
        a = np.array(verdict.evidence["witness"]["A"])  # fractions are texts, which compare as well
        assert np.array_equal(a, a.T) == verdict.evidence["expected_value"]


def test_the_share_of_a_sufficient_condition_is_the_suites():
    assert same_condition("A = I", "A = A^T", SQUARE, share=0.25).share == 0.25


def test_the_body_is_looked_at_where_the_final_answer_is_no_condition():
    answer = Typed("2x^T A", "When $A = A^T$, the derivative equals $2x^T A$")
    assert same_condition(answer, "A = A^T", SQUARE).kind == "correct"


def test_scalar_conditions_are_solved():
    table = symbols({"a": "scalar", "b": "scalar"})
    assert same_condition("2b = 2a", "a = b", table).kind == "correct"
    assert same_condition("a = 2b", "a = b", table).kind == "incorrect"
    assert same_condition("a = 0", "a = b", table).kind == "incorrect"


@pytest.mark.parametrize(("condition", "phrases"), [("A +", {}), ("A = A^T", {"odd": "Q diagonal"}), ("A = A^T", {"odd": "A = Q"})])
def test_a_bad_condition_is_the_suites_fault(condition, phrases):
    with pytest.raises(ValueError, match="condition"):
        same_condition("A = A^T", condition, SQUARE, phrases=phrases)


# --- stated formulas

X, Y = np.array([0.2, 0.9]), np.array([0.0, 1.0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\\lambda x, y: (torch.exp(x) - torch.exp(y)) ** 2", (np.exp(X) - np.exp(Y)) ** 2),
        ("lambda x, y: (x - (0.3 + 0.7*y))**2", (X - (0.3 + 0.7 * Y)) ** 2),
        ("(x-y-0.21)^2", (X - Y - 0.21) ** 2),
        ("which is $loss = \\lambda x, y : (torch.exp(x) - torch.exp(y)) ** 2$, and so on", (np.exp(X) - np.exp(Y)) ** 2),
        ("loss = lambda pred, label: torch.abs(pred - label)", abs(X - Y)),
        ("f(x, y) = (x - 0.7y)^2", (X - 0.7 * Y) ** 2),
        ("torch.where(y > 0.5, (x-1)**2, x**2)", np.where(Y > 0.5, (X - 1) ** 2, X**2)),
        ("(x-y)**2 if x > y else 0", np.where(X > Y, (X - Y) ** 2, 0)),
        ("$\\ell(x,y) = -y\\log x-(1-y)\\log(1-x)$", -Y * np.log(X) - (1 - Y) * np.log(1 - X)),
        ("(y==1)*(x-1)**2 + (y==0)*x**2", np.where(Y == 1, (X - 1) ** 2, X**2)),
        ("torch.mean((x-y)**2)", (X - Y) ** 2),
        ("max(0, x - y) + min(x, y)/2", np.maximum(0, X - Y) + np.minimum(X, Y) / 2),
        ("sigmoid(x) + tanh(y) + relu(x) + |x| + sign(y) + sqrt(x) + x^y + e^x + \\pi", None),
        ("I chose lambda x, y: (x - y)**4", (X - Y) ** 4),
        ("softplus(x) - log(1 + exp(x)) + y", Y),
        ("x if not (x > y) and (x < 3 or y > 1) else y", np.where(~(X > Y), X, Y)),
        ("cos(x) sin(y) + 3", np.cos(X) * np.sin(Y) + 3),
    ],
)
def test_stated_formulas_become_functions(text, expected):
    got = numeric_function(text)(X, Y)
    if expected is None:
        expected = 1 / (1 + np.exp(-X)) + np.tanh(Y) + X + X + np.sign(Y) + np.sqrt(X) + X**Y + np.exp(X) + np.pi
    assert np.allclose(got, expected, rtol=1e-14)


@pytest.mark.parametrize(
    "text", ["cross entropy", "import os", "x +", "lambda x: x", "[x, y]", "x" * 9000, "__import__('os')", "", "x_i y", "\\|x, y\\|"]
)
def test_what_is_no_formula_is_refused_with_the_place(text):
    with pytest.raises(Unreadable) as caught:
        numeric_function(text)
    assert 0 <= caught.value.offset <= len(text)


def test_a_stated_formula_takes_as_many_arguments_as_it_has():
    with pytest.raises(TypeError, match="2 arguments"):
        numeric_function("x + y")(X)
    assert np.isnan(numeric_function("x if x > y", ("x", "y"))(np.array([0.0]), np.array([1.0]))).all()


# --- sympy


def test_derivatives_are_in_numerator_layout():
    x, c, a, t = names(CALCULUS, "x c A t")
    for found, expected in [
        (derivative(x.T * c, x), c.T),
        (derivative(x.T * x, x), 2 * x.T),
        (derivative(a * x, x), a),
        (derivative(x.T * a * x, x), x.T * a + x.T * a.T),
        (derivative(t**3, t), 3 * t**2),
    ]:
        assert equivalent(str(found).replace(".T", "^T").replace("**", "^"), expected, CALCULUS).kind == "correct"
    b = names(CALCULUS, "B")[0]
    assert derivative(b * x, x) == b
    assert derivative(c.T * c, x).shape == (1, x.shape[0])


def test_wrong_derivatives_of_sympy_are_caught():
    from sympy import Trace

    from autograder.algebra.equivalence.sympy_bridge import WrongDerivative

    x, c, a = names(CALCULUS, "x c A")
    with pytest.raises(WrongDerivative, match="is wrong: 0"):
        derivative(Trace((a * x - c).T * (a * x - c)) + 3 * Trace(x.T * x), x)


def test_what_sympy_cannot_derive_is_refused():
    x, a = names(CALCULUS, "x A")
    with pytest.raises(ValueError, match="no symbol"):
        derivative(x.T * x, a * x)
    from sympy import sqrt

    with pytest.raises(Exception, match="derivative"):
        derivative(sqrt((x.T * x)[0, 0]), x)


def test_scalar_derivatives_are_checked_as_well():
    from sympy import Max, cos, exp, log, sqrt

    table = symbols({"u": "scalar", "v": "scalar positive"})
    u, v = names(table)
    for f, text in [(exp(u) * v, "e^u v"), (log(v) * u, "\\log v"), (sqrt(v) * cos(u), "-\\sqrt{v} \\sin u"), (u**3 / v, "3u^2/v")]:
        assert equivalent(text, derivative(f, u), table).kind == "correct"
    with pytest.raises(Exception, match="derivative"):
        derivative(Max(0, u), u)


def test_expected_answers_may_be_sympy_expressions():
    x, c, a, t = names(CALCULUS, "x c A t")
    verdict = equivalent("x^T A + x'A'", x.T * (a + a.T), CALCULUS)
    assert verdict.method.startswith("proved by sympy; ")
    assert equivalent("2 x^T A", x.T * (a + a.T), CALCULUS).slip == "assumed_symmetric"
    assert equivalent("t c", t * c, CALCULUS).kind == "correct"


def test_what_sympy_cannot_prove_stands_by_exact_evaluation():
    x, a = names(CALCULUS, "x A")
    verdict = equivalent("(A x)^T x", x.T * a * x, CALCULUS)
    assert verdict.kind == "correct"
    assert "exact" in verdict.method


def test_sympy_expressions_of_all_kinds_are_read():
    from sympy import Determinant, HadamardProduct, Identity, Inverse, Max, Piecewise, Trace, ZeroMatrix, pi

    x, c, a, t = names(CALCULUS, "x c A t")
    n = x.shape[0]
    cases = [
        (Inverse(a) * x, "A^{-1} x"),
        (Trace(a), "tr(A)"),
        (Determinant(a) * t, "t |A|"),
        (a**2 - Identity(n), "A A - I"),
        (HadamardProduct(x, c), "x \\odot c"),
        (ZeroMatrix(n, 1) + x, "x"),
        (pi * t**2 / 2, "\\frac{1}{2}\\pi t^2"),
        (Max(0, t), "t if t > 0 else 0"),
        (Piecewise((t, t > 1), (1, True)), "max(1, t)"),
        (2**t, "2^t"),
        (a[0, 1], "A_{12}"),
        (x[2, 0], "x_3"),
        (a**-2, "A^{-1} A^{-1}"),
        (n * t, "n t"),
    ]
    for expected, text in cases:
        assert equivalent(text, expected, CALCULUS).kind == "correct", text


def test_foreign_sympy_expressions_are_refused():
    from sympy import Function, MatrixSymbol, Symbol, gamma

    t = names(CALCULUS, "t")[0]
    for expected in (Symbol("q"), MatrixSymbol("Q", 2, 2), gamma(t), Function("f")(t)):
        with pytest.raises(ValueError, match=r"declared|counterpart"):
            equivalent("t", expected, CALCULUS)
    with pytest.raises(ValueError, match="not declared"):
        names(CALCULUS, "q")


def test_a_proof_that_hangs_or_dies_proves_nothing(monkeypatch):

    x, a = names(CALCULUS, "x A")

    def late(*_args, **_kwargs):
        raise child.ChildTimeout("late")

    monkeypatch.setattr(child, "run", late)
    sympy_bridge.proved.cache_clear()
    verdict = equivalent("x^T A + x^T A^T + 0 x^T", x.T * (a + a.T), CALCULUS)
    assert verdict.kind == "correct"
    assert "sympy" not in verdict.method


def test_disagreement_with_sympy_is_our_own_error(monkeypatch):
    monkeypatch.setattr("autograder.algebra.equivalence.sympy_bridge.proved", lambda *_: True)
    x, a = names(CALCULUS, "x A")
    verdict = equivalent("2 x^T A", x.T * (a + a.T), CALCULUS)
    assert verdict.kind == "error"
    assert verdict.read


def test_the_room_is_light_until_it_is_used():
    code = "import sys, autograder.algebra; print(sorted({'sympy', 'mpmath'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "[]"
