"""How a suite reads written answers without a truth."""

import subprocess
import sys

import pytest
from places import ROOT

from autograder.algebra import Rubric, Sequence, symbols
from autograder.assignment import load_assignment
from autograder.check import public
from autograder.check.public import read_formula
from autograder.verdict import correct, incorrect, missing, undecided, unreadable
from autograder.writeup import Answer

HW0 = load_assignment(ROOT / "tests" / "hw0")
TOY = load_assignment(ROOT / "tests" / "corpora" / "toy" / "tests" / "toy")
REFERENCE = ROOT / "reference" / "hw0"


def typed(text, **about):
    return Answer(
        **{"part": "5.a", "text": text, "body": text, "file": "writeup.md", "line": 7, "how": "after `Answer:`", "state": "typed", **about}
    )


TABLE = symbols({"x": "vector n", "A": "matrix n n", "t": "scalar"})


@pytest.mark.parametrize(
    ("text", "state", "holds"),
    [
        ("$x^\\top A$", "read", ["xᵀ A", "1 × n", "writeup.md, line 7"]),
        ("t + 1", "read", ["a single number"]),
        ("(A x", "unreadable", ["^", "Accepted would be"]),
        ("A z", "unreadable", ["z"]),
        ("x + A", "wrong", ["shapes do not fit"]),
        ("(" * 5000 + "x", "unreadable", ["cannot be read"]),
    ],
)
def test_formulas_are_read_without_a_truth(text, state, holds):
    reading = read_formula(typed(text), TABLE)

    assert reading.state == state
    assert all(part in "\n".join(reading.lines) for part in holds), reading.lines
    assert bool(reading.formula) == (state == "read")


FACTS = Rubric(
    symbols={
        "F": "matrix n d",
        "y": "vector n",
        "w_t": "vector d",
        "w_{t-1}": "vector d",
        "eta": "scalar positive",
        "t": "scalar positive",
    },
    definitions={"w_t": r"w_{t-1} - \eta F^T (F w_{t-1} - y)"},
    roles={"F": ("X",), "y": ("b",), "eta": (r"\lambda",)},
    sequence=Sequence("w", "t", (r"\theta",)),
    waypoints=(),
)


def derivation_read(body, **about):
    return public.read_derivation(typed(body.rpartition("\n")[2], body=body, start=7, part="3", **about), FACTS)


def test_a_derivation_is_read_with_its_lines_and_letters():
    body = (
        r"$\theta_{k+1} = \theta_k - \lambda X^T (X \theta_k - b)$" + "\n\n"
        r"$\left\lVert \theta_{k+1} \right\rVert_2 = \|\theta_k - \lambda X^T (X \theta_k - b)\|_2$" + "\n"
        r"$\theta_{k+1} = \theta_k + \dots$"
    )
    reading = derivation_read(body, how="the last equation")

    assert reading.state == "read"
    assert reading.lines == (
        r"2 steps are read, lines 7 to 9, with X as F, b as y, \lambda as η, \theta_{k+1} as w_t",
        "1 more is left to a person:",
        r"not readable, line 10: `\theta_{k+1} = \theta_k + \dots`: dots leave something out",
        r"the last one, line 9: `\lVert \theta_{k+1} \rVert_2 = \|\theta_k - \lambda X^T (X \theta_k - b)\|_2`",
    )


def test_of_a_derivation_it_is_not_said_what_holds():
    """One that is false at every step, more often than the grader follows, is read like a true one, to the letter."""
    line = "$w_t = w_{{t-1}} - \\eta F^T (F w_{{t-1}} {} y)$"
    right, wrong = ("\n".join([line.format(sign)] * 14 + [r"$w_t = \dots$", "Answer: $w_t$"]) for sign in "-+")

    assert derivation_read(right) == derivation_read(wrong)
    assert derivation_read(right).lines[:2] == (
        "14 steps are read, lines 7 to 20, in the letters of the sheet",
        "1 more is left to a person:",
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("It is clear.", "no steps are found"),
        (r"$w_t = \dots = \ddots$", "none of 2 steps can be read; a person reads it."),
        ("\n".join([r"$w_t = \dots$"] * 9), "and 3 more"),
        ("\n".join(["$w_t = w_t$"] * 120), "It is longer than what is read here"),
        ("$w_t = w_t$", "1 step is read, line 7, in the letters of the sheet"),
    ],
)
def test_what_a_derivation_lacks_is_said(body, said):
    assert said in "\n".join(derivation_read(body).lines)


def test_derivations_are_read_as_they_are_graded():
    """The facts that students get are those of the grading's rubrics; only what has to be reached is not among them."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import derivations, public; from dataclasses import replace; "
        "graded = (derivations.GRADIENT_DESCENT, derivations.RIDGE); "
        "print([replace(rubric, waypoints=()) == facts for rubric, facts in zip(graded, public.STEPS.values())])"
    )
    ran = subprocess.run([sys.executable, "-c", program, str(HW0.folder)], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[True, True]"


def test_judges_readings_hold_nothing_of_what_they_decided():
    evidence = {"kind": "text", "said": "the truth"}
    for verdict in (correct(method="m", read="read"), incorrect("wrong, the truth", evidence=evidence, read="read")):
        assert public.reading_of(verdict, typed("yes")) == public.Reading("read", ("read",))
    assert public.reading_of(undecided("?", read="who knows"), typed("x")).state == "person"
    assert public.reading_of(missing(), typed("x")).state == "missing"
    odd = public.reading_of(unreadable("Say yes or no."), typed("x"))
    assert odd.state == "unreadable"
    assert odd.lines[0] == "Say yes or no."


def test_a_long_answer_is_quoted_in_part():
    assert len(public.quote(typed("word " * 500))) < 300
