"""What is read, what is refused, and where."""

from __future__ import annotations

import json

import pytest
from places import CORPORA

from autograder.algebra import symbols
from autograder.algebra.equivalence.decision import decide
from autograder.algebra.notation.expression import read
from autograder.algebra.notation.reader import read_answer
from autograder.algebra.notation.rendering import render
from autograder.algebra.tree import Misshapen
from autograder.errors import OutOfBudget, Unreadable
from autograder.mathtext.lexer import read_name, tokens

TABLE = symbols(
    {
        "x": "vector n",
        "c": "vector n",
        "A": "matrix n n",
        "B": "matrix n m",
        "t": "scalar",
        "\\hat{z}": "vector n",
        "G^{(2)}_k": "scalar nonzero",
        "v_{s-1}": "vector n",
        "u'": "scalar",
        "\\alpha": "scalar positive",
    }
)


def shown(text, table=TABLE):
    return render(read(text, table), table)


@pytest.mark.parametrize(
    "text",
    [
        "c^T",
        "$c^\\top$",
        "c'",
        "c.T",
        "cᵀ",
        "c⊤",
        "c^⊤",
        "c^{T}",
        "c^{\\mathrm T}",
        "c^{\\mathsf{T}}",
        "c^\\mathsf{T}",
        "c^\\intercal",
        "c^{\\,T}",
        "c^*",
        "c^H",
        "c.transpose()",
        "np.transpose(c)",
        "\\mathbf{c}^T",
        "{\\bf c}^T",
        "\\vec c^{\\,T}",
        "\\vec{c}^T",
        "\\left(c\\right)^T",
        "c^{\\top}\\,.",
        "c^{\\prime}",
        "𝐜ᵀ",
        "c′",
        "c’",
        "c.mT",
        "c.T.T.T",
        "\\boldsymbol{c}^{\\rm T}",
        "c^\\text{T}",
        "\\bm{c}^\\top",
        "{c}^{T}",
        "{{c}}^T",
    ],
)
def test_every_transpose_is_one(text):
    assert shown(text) == "cᵀ"


@pytest.mark.parametrize(
    "text",
    [
        "G^{(2)}_k",
        "G_k^{(2)}",
        "G^2_k",
        "G_k^2",
        "G2_k",
        "G_{2,k}",
        "G_{k}^{[2]}",
        "G^{[2]}_{k}",
        "g^{(2)}_k",
        "\\mathbf{G}^{(2)}_k",
        "G^{( 2 )}_{ k }",
    ],
)
def test_names_are_matched_by_rule(text):
    assert shown(text) == "G^{(2)}_k"


@pytest.mark.parametrize(
    "text", ["\\hat z", "\\hat{z}", "\\widehat{z}", "\\hat{\\mathbf z}", "ẑ", "z\u0302", "z_hat", "zhat", "\\mathbf{\\hat{z}}"]
)
def test_hats_are_matched_by_rule(text):
    assert shown(text) == "\\hat{z}"


@pytest.mark.parametrize("text", ["v_{s-1}", "v_{s - 1}", "v_{s−1}", "\\mathbf v_{s-1}", "v_{ {s-1} }"])
def test_indices_of_names_may_be_sums(text):
    assert shown(text) == "v_{s-1}"


@pytest.mark.parametrize("text", ["\\alpha", "alpha", "α", "{\\alpha}", "\\alpha\\,"])
def test_greek_letters_have_three_spellings(text):
    assert shown(text) == "α"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ax", "A x"),
        ("tAx", "t A x"),
        ("x^TAx", "xᵀ A x"),
        ("\\frac12 t", "1/2 t"),
        ("t^10", "t¹⁰"),
        ("1/2t", "1/2 t"),
        ("A x^T x", "xᵀ x A"),
        ("x · c", "xᵀ c"),
        ("x @ c", "xᵀ c"),
        ("x @ A", "xᵀ A"),
        ("|t|", "|t|"),
        ("|A|", "det(A)"),
        ("||x||", "‖x‖₂"),
        ("\\|x\\|_2^2", "xᵀ x"),
        ("| |t| |", "||t||"),
        ("A^{-T}", "(Aᵀ)⁻¹"),
        ("I x", "I x"),
        ("n t", "n t"),
        ("t if t > 0 else 0", "{ t if t > 0; 0 otherwise }"),
        ("\\sum_i x_i c_i", "Σ_{i=1..n} x_{i} c_{i}"),
        ("max(0, t)", "max(0, t)"),
        ("2 - 3t", "2 − 3 t"),
        ("-(t - 1)", "−(t − 1)"),
        ("\\operatorname{tr}(A)", "tr(A)"),
        ("x \\odot c", "x ⊙ c"),
        ("A^2", "A²"),
        ("u'", "u'"),
        ("e^t", "exp(t)"),
        ("[x; c]", "[x; c]"),
        ("t^{-1}", "1/t"),
        ("t/(1+t)", "t/(1 + t)"),
    ],
)
def test_readings_are_shown(text, expected):
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        ("", 0, "nothing is typed"),
        ("   ", 0, "nothing is typed"),
        ("A x + q", 6, "'q' is not declared"),
        ("A x + ", 5, "a term is missing"),
        ("(A x", 0, "'(' is never closed"),
        ("A x)", 3, "closes a bracket that was never opened"),
        ("$A x", 0, "a dollar sign is never closed"),
        ("A x =", 4, "right-hand side is missing"),
        ("A x, B", 5, "two formulas stand beside each other"),
        ("A x or x", 4, "'or' joins two rival answers"),
        ("maybe A x", 0, "leaves the answer open"),
        ("A x ?", 4, "leaves the answer open"),
        ("not A x", 0, "'not' is a word"),
        ("х", 0, "CYRILLIC"),
        ("A ｘ", 2, "FULLWIDTH"),
        ("A x\x00", 3, "NUL"),
        ("![photo](a.png)", 0, "an image"),
        ("A x^", 4, "the exponent is missing"),
        ("c^{}", 2, "the exponent is empty"),
        ("x_i", 2, "the index 'i' has no value here"),
        ("A x ± x", 4, "means nothing"),
        ("A x \\pm x", 4, "plus-minus"),
        ("\\begin{bmatrix} A x", 0, "never closed"),
        ("\\begin{bmatrix} t & t \\\\ t \\end{bmatrix}", 0, "rows of the matrix differ"),
        ("t!", 1, "factorial"),
        ("\\int t", 0, "not understood"),
        ("t > 0", 2, "a statement, not a value"),
        ("\\frac{}{t}", 6, "a numerator is missing"),
        ("t'", 1, "t' is not declared"),
        ("\u0302x", 0, "an accent stands alone"),
        ("np.fft(x)", 0, "not known here"),
        ("1 + \\ldots + t", 4, "dots leave something out"),
        ("\\boxed{A x", 0, "the box is never closed"),
        ("\\max_t t", 4, "a maximum over something"),
        ("the transpose of A x", 4, "word"),
        ("A x | x", 7, "never closed"),
        ("A.foo", 1, "is not known here"),
        ("\\|x\\|_7", 5, "norm with index '7'"),
    ],
)
def test_what_cannot_be_read_is_placed(text, offset, says):
    with pytest.raises(Unreadable) as caught:
        read(text, TABLE)
    assert says in caught.value.reason
    assert caught.value.offset == offset
    assert "^" in caught.value.explain() or not text.strip()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x + A", "cannot be added"),
        ("t + A", "cannot be added"),
        ("A x^T", "does not compose"),
        ("x c", "does not compose"),
        ("inv(B)", "an inverse of"),
        ("\\det B", "a determinant of"),
        ("\\operatorname{tr}(B)", "a trace of"),
        ("x^2", "a power of"),
        ("t/A", "a division by"),
        ("x \\odot A", "entry by entry"),
        ("A^{1/3}", "no whole number"),
        ("\\exp(A)", "two kinds"),
        ("\\langle x, A \\rangle", "an inner product of"),
        ("I - x", "cannot be added"),
        ("\\begin{cases} x & t > 0 \\\\ A & t \\le 0 \\end{cases}", "different shapes"),
        ("\\sum_i x_{ii}", "indices on"),
        ("\\sum_i B_{ii}", "two different ranges"),
        ("\\begin{bmatrix} x & A \\\\ A & x \\end{bmatrix}", "different widths"),
        ("[x, B^T]", "different heights"),
        ("x if A > 0 else c", "something else than single numbers"),
        ("t^x", "an exponent that is no number"),
    ],
)
def test_shapes_that_do_not_fit_are_told(text, says):
    with pytest.raises(Misshapen, match=says):
        read(text, TABLE)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("x" * 5000, "MAX_CHARACTERS"),
        ("t+" * 1500 + "t", "MAX_TOKENS"),
        ("(" * 60 + "t" + ")" * 60, "MAX_DEPTH"),
        ("1234567890123456789 t", "MAX_DIGITS"),
        ("1e99 t", "MAX_DECIMAL_EXPONENT"),
        ("t^99", "MAX_EXPONENT"),
        ("A^99", "MAX_EXPONENT"),
        ("t " * 60, "MAX_FACTORS"),
        ("+".join(["t t t t t t t t t"] * 40), "MAX_NODES"),
        ("((t^{12})^{12})^{12}", "MAX_DEGREE"),
    ],
)
def test_every_cap_is_named(text, limit):
    with pytest.raises(OutOfBudget) as caught:
        read(text, TABLE)
    assert caught.value.limit == limit


def test_a_bracket_after_a_function_is_its_argument_and_nothing_else():
    table = symbols({"f": "scalar", "x": "scalar", "g": "scalar"}, functions={"f": "x"})
    assert shown("f(x) g", table) == "f g"
    assert shown("g(x)", table) == "g x"
    with pytest.raises(Unreadable, match="function of x"):
        read("f(2x)", table)


def test_definitions_are_put_in():
    table = symbols({"a": "scalar", "z": "scalar"}, functions={"h": "z"}, definitions={"h": "\\max(0, a z)"})
    assert decide("h(z) - a", "\\max(0, a z) - a", table).verdict == "equivalent"
    assert decide("h'(z)", "a if a z > 0 else 0", table).verdict == "equivalent"
    assert decide("h - a", "a z - a", table).verdict == "different"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("\\sum_i x_iA_{ii}", "\\sum_i A_{ii} x_i"),
        ("G^{(2)}_kt", "t G^{(2)}_k"),
        ("v_{s-1}^Tx", "x^T v_{s-1}"),
        ("\\|x\\|^2_2", "x^T x"),
        ("\\sum_i x^2_i", "x^T x"),
        ("A_{12}", "A_{1,2}"),
        ("1^T x", "\\sum_i x_i"),
        ("A^(T) x", "A^T x"),
        ("A^(-1) x", "A^{-1} x"),
        ("x.shape[0] t", "n t"),
        ("len(x) t", "n t"),
        ("\\underbrace{A x}_{\\text{a column}}", "A x"),
        ("t [t > 0]", "max(t, 0)"),
    ],
)
def test_notations_mean_the_same(text, meant):
    assert decide(text, meant, TABLE).verdict == "equivalent"


def test_aliases_are_the_same_name():
    table = symbols({"r_i": "scalar"}, aliases={"r_i": ["\\rho", "res"]})
    for text in ("r_i", "r^i", "\\rho", "res", "ρ"):
        assert decide(text, "r_i", table).verdict == "equivalent"


@pytest.mark.parametrize(
    ("declared", "extra", "says"),
    [
        ({"x": "tensor n"}, {}, "begins with scalar"),
        ({"x": "vector"}, {}, "has 1 dimension"),
        ({"x": "vector n!"}, {}, "is no dimension"),
        ({"x": "vector 0"}, {}, "not positive"),
        ({"A": "matrix n m symmetric"}, {}, "only a square matrix"),
        ({"x": "vector n symmetric"}, {}, "only a matrix"),
        ({"x": "scalar big"}, {}, "assumptions are"),
        ({"A": "matrix n n orthogonal positive_definite"}, {}, "no sampler"),
        ({"x + y": "scalar"}, {}, "cannot be read as a name"),
        ({"2": "scalar"}, {}, "cannot be read as a name"),
        ({"x": 3}, {}, "is due"),
        ({3: "scalar"}, {}, "is no text"),
        ({"lambda": "scalar", "\\lambda": "scalar"}, {}, "are the same name"),
        ({"x": "scalar"}, {"aliases": {"y": ["z"]}}, "which is not declared"),
        ({"x": "scalar", "y": "scalar"}, {"aliases": {"x": ["y"]}}, "are the same name"),
        ({"x": "scalar"}, {"definitions": {"f": "q + x"}}, "cannot be read at character 1"),
        ({"x": "vector n"}, {"definitions": {"f": "x + 1"}}, "cannot be used"),
        ({"x": "vector n", "f": "scalar"}, {"definitions": {"f": "2x"}}, "its definition is"),
    ],
)
def test_a_bad_table_is_refused_in_one_line(declared, extra, says):
    with pytest.raises(ValueError, match=says) as caught:
        symbols(declared, **extra)
    assert "\n" not in str(caught.value)


def test_an_expected_expression_that_cannot_be_read_is_the_suites_fault():
    with pytest.raises(ValueError, match=r"'A \+' cannot be read"):
        decide("A x", "A +", TABLE)


def test_names_are_taken_apart():
    name = read_name("\\hat{\\theta}^{(2)}_{i,j}''")
    assert (name.base, name.accents, name.sub, name.sup, name.primes) == ("theta", ("hat",), "i,j", "(2)", 2)


def test_tokens_keep_their_places():
    text = "x^T  \\left( A + α \\right)"
    for token in tokens(text):
        if token.kind == "word" and not token.latex:
            assert text[token.at : token.end] == token.value


def test_free_indices_are_allowed_where_asked_for():
    assert read_answer("A_{ij}", TABLE, free=frozenset("ij")).op == "elem"


PROSE = CORPORA / "symbolic-prose.jsonl"


@pytest.mark.parametrize("accept", [True, False])
def test_words_are_left_out_only_where_they_change_nothing(accept):
    """The corpus holds x^T A with words, marks and remarks around it: some leave it the answer, some make it another one."""
    table = symbols({"x": "vector n", "A": "matrix n n", "B": "matrix n n", "s": "scalar"})
    cases = [json.loads(line) for line in PROSE.read_text(encoding="utf-8").splitlines()]
    wrong = [c["answer"] for c in cases if c["accept"] == accept != (decide(c["answer"], "x^T A", table).verdict == "equivalent")]
    assert not wrong
