"""Steps of scalar calculus above an answer: wheats pass without a remark, chaffs are remarked on at the right line, and numpy agrees."""

import random
import re
import time
from dataclasses import replace

import pytest
from submissions.typed_steps import ELBOW_CALCULUS, ELBOW_LOCATION, ELBOW_STEPS, Typed, corpus, real_writeup

from autograder.algebra import Case, Descent, Situation, shown_remarks, shown_steps

BUDGET = 0.3
"""Seconds of processor time for one part; typical ones take a thirtieth of it."""


SITUATIONS = {"6.a.i": ELBOW_LOCATION, **dict.fromkeys(("6.a.ii", "6.a.iii", "6.a.iv"), ELBOW_CALCULUS), **ELBOW_STEPS}


def false_lines(body, part):
    return sorted({s.line for s in shown_steps(Typed(body), SITUATIONS[part]) if s.verdict == "false"})


def confirmed(claim, step):
    """Does the claim fail at the numbers of the remark, computed here from the sheet alone?"""
    at = {key.split("_")[0]: float(value) for key, value in step.found.values.items()}
    w, b, x, y, lam, dw, db = (at.get(name, 0.0) for name in ("w", "b", "x", "y", "lambda", "dw", "db"))
    y = at.get("y", max(0.0, w * x + b) - 1)
    phi, gate = max(0.0, w * x + b), float(w * x + b > 0)
    gb, gw = (phi - y) * gate, (phi - y) * gate * x
    names = {"w": w, "b": b, "x": x, "y": y, "lam": lam, "dw": dw, "db": db, "phi": phi, "gate": gate, "gw": gw, "gb": gb}
    names |= {"loss": (phi - y) ** 2 / 2, "w1": w - lam * gw, "b1": b - lam * gb}
    names |= {"e0": -b / w if w else 0.0, "e1": -names["b1"] / names["w1"] if names["w1"] else 0.0}
    loosely = re.sub(r"^(.*?) == (.*)$", r"abs((\1) - (\2)) < 1e-9", claim) if " and " not in claim else claim
    return not eval(loosely, {"__builtins__": {}, "abs": abs}, names)  # the corpus is ours


@pytest.mark.parametrize(("part", "body", "claims"), [*corpus("scalar-wheats.md")])
def test_wheat(part, body, claims):
    assert not claims
    assert shown_remarks(Typed(body), SITUATIONS[part]) == ()


@pytest.mark.parametrize(("part", "body", "claims"), [*corpus("scalar-chaffs.md")])
def test_chaff(part, body, claims):
    false = [s for s in shown_steps(Typed(body), SITUATIONS[part]) if s.verdict == "false"]
    assert sorted({s.line for s in false}) == sorted(claims)
    for step in false:
        assert confirmed(claims[step.line], step), (step.text, step.found)


def test_a_chaff_that_is_corrected_is_a_wheat():
    """A caught step is caught for what it says: the same text with the truth in place of it passes."""
    assert false_lines(r"$w' = w + \lambda x$", "6.b.ii") == [1]
    assert false_lines(r"$w' = w - \lambda x$", "6.b.ii") == []


@pytest.fixture(scope="module")
def real():
    """The parts of a real student's write-up."""
    return real_writeup()


HOLD = {"6.a.i": 0, "6.a.ii": 5, "6.a.iii": 4, "6.a.iv": 4, "6.b.i": 4, "6.b.ii": 6, "6.b.iii": 6, "6.b.iv": 6}
"""Steps of the real write-up that are read and hold."""


@pytest.mark.parametrize("part", SITUATIONS)
def test_real_steps(real, part):
    given = real.answer(part)
    steps = shown_steps(given, SITUATIONS[part], said=given.text if part.startswith("6.a") else "")
    assert sum(s.verdict == "holds" for s in steps) == HOLD[part]
    assert not [s for s in steps if s.verdict == "false"]


def test_what_the_verdict_says_is_not_said_again(real):
    """The wrong else branch of dl/dphi is the answer itself."""
    given = real.answer("6.a.ii")
    assert [s.line for s in shown_steps(given, ELBOW_CALCULUS) if s.verdict == "false"] == [88]
    assert shown_remarks(given, ELBOW_CALCULUS, said=given.text) == ()


@pytest.mark.parametrize(
    ("step", "said", "count"),
    [
        (r"$\frac{\partial\ell}{\partial w} = (\phi-y)$", r"$\frac{\partial\ell}{\partial w} = (\phi-y)$", 0),
        (r"$$\frac{\partial\ell}{\partial w} = (\phi - y).$$", r"(\phi-y)", 0),
        (r"$\frac{\partial\phi}{\partial w} = 1$", r"$(\phi - y) \cdot 1 \cdot x$", 1),
        (r"$\frac{\partial\ell}{\partial w} = -(\phi-y) x$", r"$(\phi-y) x$", 1),
    ],
)
def test_only_the_answer_itself_is_left_to_its_verdict(step, said, count):
    assert len(shown_remarks(Typed(step), ELBOW_CALCULUS, said=said)) == count


def test_a_remark_has_numbers_and_no_solution():
    (remark,) = shown_remarks(Typed("x\n\n" + r"$\frac{\partial\ell}{\partial w} = (\phi(x) - y)$", start=7), ELBOW_CALCULUS)
    assert re.fullmatch(
        r"Line 9: `\\frac\{.*` does not hold: for w = \S+, b = \S+, x = \S+, y = \S+ \(where the unit is active\) "
        r"the left side is \S+ and the right side is \S+\.",
        remark,
    )


@pytest.mark.parametrize("body", ["Answer: $-b/w$", "", "The slope decreases, $w > bx$", r"$$\begin{cases} x & w x + b > 0 \end{cases}$$"])
def test_a_part_without_steps_costs_nothing(body):
    began = time.process_time()
    for _ in range(200):
        assert shown_steps(Typed(body), ELBOW_CALCULUS) == ()
    assert time.process_time() - began < BUDGET


@pytest.mark.parametrize("state", ["missing", "image", "foreign"])
def test_nothing_to_read(state):
    assert shown_remarks(Typed("$w' = w + 1 \\lambda x$", state=state), ELBOW_STEPS["6.b.ii"]) == ()


def test_it_is_quick():
    """What a part of a class may add to its judging."""
    cases = [c.values for name in ("scalar-wheats.md", "scalar-chaffs.md") for c in corpus(name)]
    for part, body, _ in cases:
        began = time.process_time()
        shown_remarks(Typed(body), SITUATIONS[part])
        assert time.process_time() - began < BUDGET, body


HOSTILE = [
    "$" + "(" * 10_000 + "x" + ")" * 10_000 + " = 1$",
    "$w' = " + "w + " * 5_000 + "w$",
    "$w' = 9^{9^{9^{9}}}$ $x = 9**9**9$",
    "$__import__('os').system('true') = w'$",
    "= = = $=$ $$= =$$ \\[ = \\] := ←",
    "$\\frac{d}{d$ = \\frac{d w}{d \\frac{d}{d w} = d(d(d(w' = ' ^' ''''$",
    "$" + "\\frac{d}{dw}" * 60 + "(w) = 1$",
    "$d" + "d(" * 200 + "w" + ")" * 200 + " = 0$",
    "$\u0000 = \u202e w'$",
    "$z = z$ $z = w z$ $w = w'$ $w' = w''$ $e = e$ $a = b$ $b = a$ $a = a + 1$",
    "$q = r$, $r = q + w'$, $q = x$, $r = x$, $q = r$",
    "$w' = \\begin{cases} \\end{cases}$ $\\phi' = \\begin{bmatrix} w \\\\ b \\end{bmatrix}'$",
    "$\\frac{\\partial \\ell}{\\partial \\phi'} = w_{w_{w}}^{b^{b}}$ $x_{} = 1$ $w_ = 2$ $b^ = 1$",
    "$\\ell(" + ",".join("w" * 900) + ") = 0$",
    "$w' = 1/0$ $b' = b/(x - x)$ $\\frac{d\\ell}{dw} = \\sqrt{-1} \\log(0)$",
]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("part", ["6.a.i", "6.a.iii", "6.b.ii"])
def test_hostile_text(body, part):
    began = time.process_time()
    steps = shown_steps(Typed(body), SITUATIONS[part])
    assert all(s.found is not None for s in steps if s.verdict == "false")
    assert time.process_time() - began < 10 * BUDGET


def test_pieces_of_the_corpus_in_any_order():
    """Bodies cut and joined at random: nothing is raised."""
    rng = random.Random(6)
    texts = [c.values[1] for name in ("scalar-wheats.md", "scalar-chaffs.md") for c in corpus(name)]
    for _ in range(60):
        parts = [rng.choice(texts) for _ in range(3)]
        body = " ".join(text[rng.randrange(len(text)) :][: rng.randrange(200)] for text in parts)
        shown_remarks(Typed(body), SITUATIONS[rng.choice(list(SITUATIONS))])


SPELLINGS = [
    (r"\\phi\(x\)", r"\phi"),
    (r"\\phi(?![A-Za-z])", r"\varphi"),
    (r"\\phi(?![A-Za-z])", "φ"),
    (r"\\phi(?:\(x\))?(?![A-Za-z(])", r"\hat{y}"),
    (r"\\ell(?![A-Za-z])", r"\mathcal{L}"),
    (r"\\ell(?![A-Za-z])", "ℓ"),
    (r"\\ell(?![A-Za-z])", r"\ell(w,b)"),
    (r"\\lambda(?![A-Za-z])", r"\eta"),
    (r"\\lambda(?![A-Za-z])", "λ"),
    (r"\\partial(?![A-Za-z])", "d "),
    (r"\\partial ", "∂"),
    (r"\\frac", r"\dfrac"),
    (r"(?<![A-Za-z\\])([wb])'", r"\1_{new}"),
    (r"(?<![A-Za-z\\])([wb])'", r"\1_{t+1}"),
    (r"(?<![A-Za-z\\])([wb])'", r"\1^{+}"),
    (r"(?<![A-Za-z\\])([wb])'", r"\tilde{\1}"),
    (r"(?<![A-Za-z\\])([wb])'", r"\1^{(t+1)}"),
    (r"(?<![A-Za-z\\])([wb])'", r"\1^\prime"),
    (r"(?<![A-Za-z\\])([wb])'", r"\1_1"),
    (r"\\cdot", r"\times"),
    (r"\\implies", r"\Rightarrow"),
    (r"\.\s", ".\n\n"),
    (r"\\\\", r"\\[2pt]"),
    (r" = ", "="),
    (r"\$", ""),
    (r"\\,", ""),
]
"""Other ways to write the same: a pattern, and what is put for it."""


def respelled(body, rng):
    for pattern, put in rng.sample(SPELLINGS, rng.randint(1, 4)):
        parts = re.split(r"\\(?=\d)", put)
        body = re.sub(pattern, lambda m, parts=parts: parts[0] + "".join(m[int(p[0])] + p[1:] for p in parts[1:]), body)
    return body


@pytest.mark.parametrize("seed", range(150))
def test_wheats_in_other_spellings(seed):
    rng = random.Random(seed)
    part, body, _ = rng.choice([c.values for c in corpus("scalar-wheats.md")])
    text = respelled(body, rng)
    assert shown_remarks(Typed(text), SITUATIONS[part]) == (), text


def test_chaffs_in_other_spellings():
    """Where the lines stay the lines, nearly all mistakes are still seen, and none where there is none."""
    seen = lines = 0
    for seed in range(150):
        rng = random.Random(seed)
        part, body, claims = rng.choice([c.values for c in corpus("scalar-chaffs.md")])
        text = respelled(body, rng)
        if text.count("\n") == body.count("\n") and ("$" in text) == ("$" in body):
            found = false_lines(text, part)
            assert set(found) <= set(claims), text
            seen, lines = seen + len(found), lines + len(claims)
    assert seen >= 0.95 * lines > 50


@pytest.mark.parametrize(
    "broken",
    [
        {"layers": {"z": "w x + ("}},
        {"layers": {"z": "z + 1", "phi": "z", "ell": "phi"}},
        {"main": Case("nowhere", ("x^2 < 0",))},
        {"main": Case("unreadable", ("x <",))},
        {"descent": ("ell", "lambda", ("q",))},
    ],
)
def test_a_situation_that_cannot_be_used_is_the_suite_s_fault(broken):
    with pytest.raises((ValueError, KeyError)):
        shown_steps(Typed("$w' = w$"), replace(ELBOW_CALCULUS, **broken))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (r"$w' = w - \lambda\Xi_{0}$", "no names of a text"),
        (r"$\frac{\partial\ell}{\partial w'} = 1 + x$", "does not vary"),
        (r"$\frac{\partial\ell}{\partial (w + b)} = x + b$", "no name"),
        (r"$\frac{\partial z}{\partial\phi} = x + \ell$", "made of the same symbols"),
        (r"$\frac{\partial y}{\partial x} = w + 1$", "may or may not depend"),
        (r"$w' = w - \sigma(x)$", "not certain"),
        (r"$w' = w_7 + x$", "not certain"),
        (r"$w' = w^{(3)} - x$", "not certain"),
        (r"$w' = " + r"\frac{d\ell}{dw} + " * 20 + r"w$", "more derivatives"),
        (r"$z = w x + b$, $w' \approx w + 1$", "no equation"),
        (r"$w' + e(3) = w + x$", "as a function"),
    ],
)
def test_why_a_step_is_not_read(body, why):
    steps = shown_steps(Typed(body), ELBOW_CALCULUS)
    assert any(s.verdict == "unreadable" and why in s.how for s in steps), [(s.verdict, s.how) for s in steps]
    assert not [s for s in steps if s.verdict == "false"]


def test_names_run_out(monkeypatch):
    monkeypatch.setattr("autograder.algebra.scalar.leibniz.MAX_NAMES", 1)
    body = r"$\frac{\partial\ell}{\partial w} \cdot \frac{\partial\phi}{\partial b} = x + 1$"
    assert [s.how for s in shown_steps(Typed(body), ELBOW_CALCULUS)] == ["more names than are kept"]


def test_another_problem():
    """Nothing of the framework knows of a unit with a kink: a parabola under descent."""
    parabola = Situation(
        free={"p": "", "c": "", "mu": "positive"},
        layers={"g": "(p - c)^2"},
        descent=Descent("g", "mu", ("p",)),
        main=Case("everywhere"),
    )
    right = "$g = (p - c)^2$, $\\frac{dg}{dp} = 2(p - c)$, $p' = p - 2\\mu(p - c)$, $p_{new} - c = (1 - 2\\mu)(p - c)$"
    assert shown_remarks(Typed(right), parabola) == ()
    assert len(shown_remarks(Typed("$\\frac{dg}{dp} = 2(c - p)$ and $p' = p - 2\\mu(p - c)$"), parabola)) == 1
