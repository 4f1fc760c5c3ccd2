"""Derivations: wheats pass without a false alarm, chaffs are caught at the right line with a counterexample that numpy confirms."""

import re
from dataclasses import replace

import numpy as np
import pytest
from submissions.typed_steps import GRADIENT_DESCENT, RIDGE, VECTOR_CALCULUS, Typed, corpus, real_writeup

from autograder.algebra import derivation, step_remarks

RUBRICS = {"3": GRADIENT_DESCENT, "4": RIDGE}


def judged(body: str, problem: str):
    formulas = re.findall(r"\$\$?(.+?)\$?\$", body)
    return derivation(Typed(body, formulas[-1] if formulas else body.split("\n")[-1]), RUBRICS[problem])


def steps(verdict, kind: str):
    return [s for s in verdict.evidence["steps"] if s["verdict"] == kind]


@pytest.fixture(scope="module")
def real():
    """The parts of a real student's write-up."""
    return real_writeup()


def test_real_bound(real):
    """A matrix minus a vector, and an orthogonal factor that is dropped inside a norm; the rest holds."""
    verdict = derivation(real.answer("3"), GRADIENT_DESCENT)
    assert verdict.kind == "partial"
    brackets, dropped = steps(verdict, "false")
    assert brackets["slip"] == "missing_parentheses"
    assert {brackets["line"], dropped["line"]} == {26}
    w = {name: np.array(value) for name, value in dropped["witness"].items()}
    assert np.allclose(w["U"] @ w["\\Sigma"] @ w["V"].T, np.eye(len(w["U"])) - w["eta"] * w["F"].T @ w["F"])
    assert np.allclose(w["V"].T @ w["V"], np.eye(len(w["V"])))
    one, two = (np.linalg.norm(a @ w["w_{t-1}"]) for a in (w["U"] @ w["\\Sigma"] @ w["V"].T, w["\\Sigma"]))
    assert np.isclose(one, w["left side"])
    assert np.isclose(two, w["right side"])
    assert abs(one - two) > 1e-3


def test_real_augmentation(real):
    verdict = derivation(real.answer("4"), RIDGE)
    assert verdict.kind == "partial"
    assert [(s["line"], s["slip"]) for s in steps(verdict, "false")] == [(36, "shape"), (42, "shape")]
    X, y, Gamma = np.ones((3, 2)), np.ones((3, 1)), np.eye(2)
    for wrong in (lambda: np.vstack([X, Gamma]).T @ y, lambda: np.linalg.inv(np.vstack([X, Gamma]).T @ X)):
        with pytest.raises(ValueError):
            wrong()


def test_real_steps_above_an_answer(real):
    """A product of two rows, and the trace of a vector; nothing else."""
    found = {part: step_remarks(real.answer(part), VECTOR_CALCULUS) for part in ("5.a", "5.b", "5.c", "5.d", "5.e")}
    assert {part: len(remarks) for part, remarks in found.items()} == {"5.a": 1, "5.b": 0, "5.c": 1, "5.d": 0, "5.e": 0}
    assert "tr(c^T dx^T)" in found["5.a"][0]
    assert "tr(Adx)" in found["5.c"][0]


STEPS_SHOWN = [
    (r"$f = x^T A x$, $df = dx^T A x + x^T A dx = x^T(A^T + A) dx$", 0),
    (r"$f = x^T A x$, $df = 2 x^T A dx$", 1),
    (r"$$\frac{\partial (x^T A x)}{\partial x} = x^T A + (A x)^T = x^T (A + A^T)$$", 0),
    (r"$$\frac{\partial (x^T A x)}{\partial x} = x^T A + x^T A = 2 x^T A$$", 1),
    (r"$x^T c = \sum_i x_i c_i$", 0),
    (r"$$d(\|x\|^2) = d(x^T x) = 2 x^T dx$$", 0),
    (r"$$d(\|x\|^2) = x^T dx$$", 1),
    (r"$$d(x^T A x) = d(x)^T A x + x^T A d(x)$$", 0),
    (r"$$\frac{\partial (A x)}{\partial x} = A$$", 0),
    (r"$$\frac{\partial (A x)}{\partial x} = A^T$$", 1),
    (r"When $A = A^T$, $x^T(A + A^T) = 2 x^T A$", 0),
]


@pytest.mark.parametrize(("body", "count"), STEPS_SHOWN)
def test_steps_above_an_answer(body, count):
    assert len(step_remarks(Typed(body), VECTOR_CALCULUS)) == count


@pytest.mark.parametrize("state", ["missing", "image", "foreign"])
def test_nothing_to_read(state):
    verdict = derivation(Typed("", state=state), RIDGE)
    assert verdict.kind == ("missing" if state == "missing" else "undecided")


def test_an_empty_answer_is_missing():
    assert derivation(Typed("Answer:\n"), RIDGE).kind in ("missing", "incorrect", "undecided")
    assert derivation(Typed("  \n $$ $$ "), RIDGE).kind == "missing"


HOSTILE = [
    "$w_{t -\n1} = \\theta_{k +\n1}$ $w_{t-1} = w_t$",
    "$" + "(" * 10_000 + "x" + ")" * 10_000 + "$",
    "$$" + "x + " * 25_000 + "x = y$$",
    "$w_t = 9^{9^{9^{9}}}$",
    "$__import__('os').system('true') = 1$",
    "$$\\begin{bmatrix} X \\\\ \\end{aligned} = \\hat X$$",
    "= = = <= >= $=$ $$= =$$ \\[ = \\]",
    "$\\hat{X} = \\hat{X} = " + " = ".join(["\\hat{X}"] * 400) + "$",
    "$\u0000 = \u202e$",
    "$" + "\\frac{" * 3_000 + "$ = 3",
    "$$\\|F\\| \\le \\alpha \\implies$$ $$ \\le $$",
]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("problem", ["3", "4"])
def test_hostile_text(body, problem):
    verdict = judged(body, problem)
    assert verdict.kind in ("missing", "incorrect", "undecided", "partial")
    assert not [s for s in (verdict.evidence.get("steps") or []) if s["verdict"] == "false" and not s["witness"]]


def confirmed(claim: str, witness: dict) -> bool:
    """Does the claim fail in numpy at the witness?"""
    values = {name: np.asarray(value, dtype=float) for name, value in witness.items() if name not in ("shapes", "left side", "right side")}
    if "shapes" in witness:
        rng = np.random.default_rng(1)
        tall = {"y": rng.normal(size=3)}
        if "F" in claim or ("w" in claim and "X" not in claim):
            values = tall | {"F": rng.normal(size=(3, 2)), "w_{t-1}": rng.normal(size=2), "eta": np.array(0.1)}
            values |= dict(zip("USV", (np.eye(3), np.eye(3, 2), np.eye(2)), strict=True))
        else:
            values = tall | {"X": rng.normal(size=(3, 2)), "Gamma": np.eye(2), "w": rng.normal(size=2)}
    names: dict[str, object] = {k: getattr(np, k) for k in ("isclose", "allclose", "eye", "vstack", "hstack")}
    names |= {"norm": np.linalg.norm, "inv": np.linalg.inv, "solve": np.linalg.solve}
    for name, short in {"F": "F", "X": "X", "Gamma": "G", "Sigma": "S", "U": "U", "V": "V", "\\Sigma": "S", "S": "S"}.items():
        if name in values:
            names[short] = values[name]
    for name, short in {"y": "y", "w_{t-1}": "w", "w": "w", "\\hat{w}": "w", "dw": "dw"}.items():
        if name in values:
            names[short] = values[name].ravel()
    if "t" in values:
        names["t"] = float(values["t"])
    if "eta" in values:
        names["eta"] = float(values["eta"])
    if "F" in names:
        F, eta = names["F"], names.get("eta", 0.0)
        names |= {"alpha": np.linalg.norm(F, 2), "M": np.eye(F.shape[1]) - eta * F.T @ F, "n": F.shape[0]}
        assert eta <= 2 / names["alpha"] ** 2 * (1 + 1e-9)
        if "y" in names and "w" in names:
            names["wt"] = names["w"] - eta * F.T @ (F @ names["w"] - names["y"])
    if "G" in names:
        assert "S" not in names or np.allclose(names["G"].T @ names["G"] @ names["S"], np.eye(len(names["G"])))
        if "X" in names:
            names["Xh"] = np.vstack([names["X"], names["G"]])
        if "y" in names:
            names["yh"] = np.concatenate([names["y"], np.zeros(len(names["G"]))])
    try:
        return not eval(claim, {"__builtins__": {}}, names)  # the corpus is ours
    except (ValueError, np.linalg.LinAlgError):
        return "shapes" in witness


@pytest.mark.parametrize(("problem", "body", "claims"), [*corpus("wheats.md")])
def test_wheat(problem, body, claims):
    verdict = judged(body, problem)
    assert not steps(verdict, "false"), verdict.message
    assert not steps(verdict, "unreadable"), verdict.remarks
    assert verdict.kind == "correct", verdict.message


@pytest.mark.parametrize(("problem", "body", "claims"), [*corpus("chaffs.md")])
def test_chaff(problem, body, claims):
    verdict = judged(body, problem)
    assert verdict.kind in ("partial", "incorrect")
    assert verdict.share < 1
    false = steps(verdict, "false")
    assert sorted({s["line"] for s in false}) == sorted(claims)
    for step in false:
        assert confirmed(claims[step["line"]], step["witness"]), step


@pytest.mark.parametrize(("problem", "body", "claims"), [*corpus("open.md")])
def test_what_cannot_be_read_is_never_false(problem, body, claims):
    verdict = judged(body, problem)
    assert not steps(verdict, "false"), verdict.message
    assert verdict.kind in ("correct", "undecided"), verdict.message


def test_a_reading_holds_no_verdict():
    """Before the due date a student sees what could be read, whether right or wrong."""
    right = r"$\|w_t\| \le \|w_{t-1}\| + \eta \alpha \|y\|$"
    wrong = r"$\|w_t\| \le \|w_{t-1}\| + \eta \|y\|$"
    verdicts = [derivation(Typed(body), GRADIENT_DESCENT) for body in (right, wrong)]
    assert verdicts[0].read == verdicts[1].read


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (r"$$\theta_t = (I - \eta A^T A) \theta_{t-1} + \eta A^T b$$", ("A is read as F", "b is read as y")),
        (r"$$w_t = (I - \eta F^T F) w_{t-1} + \eta F^T y$$ $$\|X^T y\| \le \alpha \|y\|$$", ("X is read as F",)),
    ],
)
def test_other_letters_are_said(body, said):
    read = derivation(Typed(body), GRADIENT_DESCENT).read
    assert all(text in read for text in said), read


def test_the_rubric_is_refused_where_it_cannot_be_read():
    with pytest.raises(ValueError):
        derivation(Typed("$w = w$"), replace(RIDGE, definitions={"\\hat{X}": "X ("}))


DERIVED = r"""$$\hat X^T \hat X = X^T X + \Sigma^{-1}$$
$$\hat X^T \hat y = X^T y$$
$$\hat w = (\hat X^T \hat X)^{-1} \hat X^T \hat y$$
Answer: """


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (r"$(X^T X + \Sigma^{-1})^{-1} X^T y$", "correct"),
        (r"(X^T X + \Sigma^{-1})^{-1} X^T y", "correct"),
        (r"$\hat w = (X^T X + \Sigma^{-1})^{-1} X^T y$", "correct"),
        (r"as shown above", "partial"),
        (r"$(X^T X + \Sigma)^{-1} X^T y$", "partial"),
        (r"(X^T X + Sigma)^{-1} X^T y", "partial"),
        (r"$\hat w = (X^T X + \Sigma)^{-1} X^T y$", "partial"),
    ],
)
def test_the_final_answer_is_a_claim(answer, kind):
    verdict = derivation(Typed(DERIVED + answer, answer, how="after `Answer:`", line=4), RIDGE)
    assert verdict.kind == kind, verdict.message
    assert [s["line"] for s in steps(verdict, "false")] == ([4] if kind == "partial" and "X" in answer else [])


@pytest.mark.parametrize(
    ("problem", "body"),
    [
        ("3", r"$\|w_{t-1}\| + \|\eta F^T y\| = \|w_{t-1}\| + \|\eta F^T y\|$, $\|w_t\| \le \|w_{t-1}\| + \eta \alpha \|y\|$"),
        ("4", r"$\hat X^T \hat X = \hat X^T \hat X$, $\hat w = \hat w$, $\hat w = (X^T X + \Sigma^{-1})^{-1} X^T y$"),
        ("4", r"$X = X$, $(X^T X + \Sigma^{-1})^{-1} X^T y = (X^T X + \Gamma^T \Gamma)^{-1} X^T y$"),
    ],
)
def test_truisms_derive_nothing(problem, body):
    assert judged(body, problem).share < 0.5


GARBAGE = (
    "a b c = d e f ( g = h",
    r"$\foo = \bar{q}$ and $3 = 4$ so it follows",
    "lorem ipsum dolor sit amet " * 20,
    "$k k k = 3$",
)


@pytest.mark.parametrize("rubric", [GRADIENT_DESCENT, RIDGE], ids=["3", "4"])
@pytest.mark.parametrize("text", GARBAGE)
def test_what_speaks_of_nothing_that_was_asked_holds_nothing_while_it_waits(text, rubric):
    verdict = derivation(Typed(text, text=text), rubric)

    assert verdict.share == 0
    assert verdict.kind == "incorrect" or verdict.provisional == 0


@pytest.mark.parametrize(
    ("text", "rubric"),
    [
        (
            "By the triangle inequality and because every eigenvalue lies in the unit interval the first part does not grow. " * 4,
            GRADIENT_DESCENT,
        ),
        (r"$\|w_t\|_2 \preceq_* \eta \alpha \|y\|_2$, hence the claim, as one sees from the picture. " * 6, GRADIENT_DESCENT),
        ("Minimising gives the normal equations of the stacked system, whose gradient vanishes where the blocks multiply out. " * 4, RIDGE),
    ],
)
def test_an_attempt_in_words_or_signs_of_its_own_holds_what_the_suite_says(text, rubric):
    verdict = derivation(Typed(text, text=text), rubric)

    assert (verdict.kind, verdict.provisional) == ("undecided", None)
