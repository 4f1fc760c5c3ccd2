"""One symbol, two meanings: named with the lines of both and a point that shows it, replayed in numpy; silent where nothing is certain."""

import re
import subprocess
import sys

import numpy as np
import pytest
from places import ROOT
from submissions.typed_steps import GRADIENT_DESCENT, RIDGE, STEPS, VECTOR_CALCULUS, Typed, corpus

from autograder.algebra import Symbols, step_remarks
from autograder.algebra.derivations.counterexample import both_fail
from autograder.algebra.derivations.scoring import SLIP_OF_THE_PEN, derivation
from autograder.algebra.derivations.setting import setting
from autograder.algebra.notation.expression import read_expected
from autograder.assignment import load_assignment
from autograder.evidence import numpy_value, variable
from autograder.replay.entry import Entry
from autograder.replay.formulas import as_value, numpy_line, sizes_of
from autograder.replay.script import script

RUBRICS = {"3": GRADIENT_DESCENT, "4": RIDGE}
HW0 = load_assignment(ROOT / "tests" / "hw0")


def judged(body, problem):
    return derivation(Typed(body, re.findall(r"\$\$?(.+?)\$?\$", body)[-1]), RUBRICS[problem])


def false(verdict):
    return [s for s in verdict.evidence["steps"] if s["verdict"] == "false"]


def value(text, witness, table: Symbols):
    """A formula in letters of the problem, at a witness, in numpy alone."""
    values = {s.key: as_value(witness[s.name]) for s in table.declared if s.name in witness}
    names = {variable(k): eval(numpy_value(v), {"np": np}) for k, v in witness.items() if k not in ("left side", "right side")}
    return eval(numpy_line(text, table, sizes_of(table, values)), {"np": np} | names)


@pytest.mark.parametrize(("problem", "body", "lines"), [*corpus("meanings.md")])
def test_two_meanings(problem, body, lines):
    verdict = judged(body, problem)
    (step,) = false(verdict)
    assert [step["line"]] == list(lines)
    assert step["slip"] == "two_meanings"
    assert "one symbol, two meanings" in "\n".join([verdict.message, *verdict.remarks])


@pytest.mark.parametrize(("problem", "body", "lines"), [*corpus("meanings.md")])
def test_the_witness_is_replayed_in_numpy(problem, body, lines):
    """Both sides from the numbers of the evidence, in letters of the problem; of both steps, where a letter has two meanings."""
    (step,) = false(judged(body, problem))
    witness, table = step["witness"], setting(STEPS[problem]).table
    if "shapes" in witness:
        assert " and " in witness["shapes"]
        return
    for said in (step, step.get("other")):
        if said is None:
            continue
        shown = witness if said is step else said
        one, two = (value(text, witness, table) for text in said["sides"])
        assert np.allclose(one, shown["left side"])
        assert np.allclose(two, shown["right side"])
        assert np.max(np.subtract(one, two)) > 1e-6 if said["sign"] == "<=" else not np.allclose(one, two)


@pytest.mark.parametrize(("problem", "body", "lines"), [*corpus("meanings.md")])
def test_the_script_shows_it(problem, body, lines, tmp_path):
    verdict = judged(body, problem)
    entry = Entry(problem, "bound", "partial", 1.0, 2.0, verdict.message, verdict.method, verdict.slip, verdict.evidence)
    text = script(entry, (), HW0)
    if "shapes" in false(verdict)[0]["witness"]:
        return
    (tmp_path / "show.py").write_text(text, encoding="utf-8")
    ran = subprocess.run([sys.executable, str(tmp_path / "show.py")], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "autograder" not in text
    assert ("there" in ran.stdout) == ("other" in false(verdict)[0])


@pytest.mark.parametrize(("problem", "body", "lines"), [*corpus("one-meaning.md")])
def test_one_meaning(problem, body, lines):
    assert false(judged(body, problem)) == []


COMPLETE = r"""$w_t = (I - \eta F^T F) w_{t-1} + \eta F^T y$
{}
$\|w_t\| \le \|(I - \eta F^T F) w_{{t-1}}\| + \|\eta F^T y\| \le \|w_{{t-1}}\| + \eta\alpha\|y\|$"""


@pytest.mark.parametrize(
    "slip", [r"$A := F^T F$, $A := \eta F^T$", r"$\|F\| \le \alpha$, $w_t = (I - \alpha F^T F) w_{t-1} + \alpha F^T y$"]
)
def test_it_costs_what_a_slip_of_the_pen_costs(slip):
    verdict = judged(COMPLETE.replace("{{", "{").replace("}}", "}").replace("{}", slip), "3")
    assert verdict.share == pytest.approx(1 - SLIP_OF_THE_PEN)


def test_what_needs_the_other_meaning_later_on_is_no_further_slip():
    body = (
        "$\\|F^T y\\| \\le \\alpha \\|y\\|$\n$w_t = w_{t-1} - \\alpha F^T (F w_{t-1} - y)$\n"
        "$w_t = (I - \\alpha F^T F) w_{t-1} + \\alpha F^T y$\n$\\|w_t\\| \\le \\|(I - \\alpha F^T F) w_{t-1}\\| + \\alpha \\|F^T y\\|$"
    )
    assert [s["line"] for s in false(judged(body, "3"))] == [2]


UPDATE = "$w_t = w_{t-1} - \\alpha F^T (F w_{t-1} - y) = (I - \\alpha F^T F) w_{t-1} + \\alpha F^T y$\n"


@pytest.mark.parametrize("bound", [r"\sigma_{max}", r"\|F\|"])
def test_a_letter_of_the_problem_may_mean_something_else_throughout(bound):
    """The step size is alpha, and the bound has another name: nothing contradicts that, and it is said."""
    body = UPDATE + rf"$\|w_t\| \le \|I - \alpha F^T F\| \|w_{{t-1}}\| + \alpha \|F^T y\| \le \|w_{{t-1}}\| + \alpha {bound} \|y\|$"
    verdict = judged(body, "3")
    assert verdict.kind == "correct", verdict.message
    assert "\\alpha is read as eta" in verdict.read
    assert all(s["text"].count("\\alpha") for s in verdict.evidence["steps"])


def test_a_mistake_under_either_meaning_is_one_mistake():
    (step,) = false(judged(UPDATE + r"$\|w_t\| \le \|w_{t-1}\| + \alpha \|y\|$", "3"))
    assert step["line"] == 2
    assert step["slip"] != "two_meanings"


def test_a_mistake_is_no_second_meaning():
    """With no meaning of the letter does the step hold: it is false, and costs what a false step costs."""
    (step,) = false(judged("$\\|F^T y\\| \\le \\alpha \\|y\\|$\n$w_t = (I + \\alpha F^T F) w_{t-1} + \\alpha F^T y$", "3"))
    assert step["slip"] != "two_meanings"


def test_names_after_a_redefinition_may_mean_either():
    body = (
        "$A = F^T F$, $w_t = w_{t-1} - \\eta A w_{t-1} + \\eta F^T y$\n$A = I - \\eta F^T F$\n$w_t = A w_{t-1} + \\eta F^T y$\n"
        "$\\eta A = \\eta F^T F$"
    )
    assert [s["line"] for s in false(judged(body, "3"))] == [2]


def test_a_redefinition_above_an_answer_is_remarked_on():
    body = "$g = A x$, $dg = A dx$\n$g = A^T x$\n$dg = A^T dx$"
    (remark,) = step_remarks(Typed(body), VECTOR_CALCULUS)
    assert remark.startswith("Line 2: `g = A^T x`: one symbol, two meanings: `g` stands for `A x` on line 1")
    assert step_remarks(Typed("Let $f = x^T c$. $df = dx^T c$. Let $f = x^T x$. $df = 2 x^T dx$"), VECTOR_CALCULUS) == ()


def test_no_point_where_both_fail():
    table = setting(GRADIENT_DESCENT).table
    domain = setting(GRADIENT_DESCENT).domains[0]
    one, two = (read_expected(text, table) for text in ("F^T F", "F^T F + 0 F^T F"))
    three = read_expected("2 F^T F", table)
    assert both_fail((one, "=", two), (one, "=", three), domain) is None
    assert both_fail((one, "=", three), (one, "=", three), domain) is not None


@pytest.mark.parametrize(
    "body", ["$A = A$ $A := A$ $A = B$ $B = A$ $A := F^T F$ $A := A + A$ $A := \\eta$", "$A := F$ $A := y$ $A := w_t$ $A := 0$"]
)
def test_names_in_a_tangle(body):
    for rubric in (GRADIENT_DESCENT, RIDGE):
        verdict = derivation(Typed(body), rubric)
        assert all(s["witness"] for s in false(verdict))
