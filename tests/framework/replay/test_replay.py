"""Replay: evidence of every kind shown, run again on the bank of flawed submissions, and as scripts that stand alone."""

import json
import os
import subprocess
import sys
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from places import ROOT
from submissions.flawed_bank import BANK, graded_bank, packed, written

from autograder.algebra import symbols
from autograder.assignment import load_assignment
from autograder.errors import UsageError
from autograder.evidence import read_evidence, same, variable
from autograder.grading.run import grade
from autograder.replay import replay
from autograder.replay.again import alike, restored, run_again, seed_of
from autograder.replay.entry import Entry, read_results
from autograder.replay.formulas import numpy_line, sizes_of, value_of
from autograder.replay.script import script
from autograder.report import gradescope
from autograder.worker import File, Kept, Tensor, Worker

HW0 = load_assignment(ROOT / "tests" / "hw0")
TOY = load_assignment(ROOT / "tests" / "corpora" / "toy" / "tests" / "toy")
LOST = ("partial", "incorrect")


def entry(evidence, number="1.code.double", verdict="incorrect", slip=None):
    return Entry(number, "a part", verdict, 0.0, 1.0, "Not right.", None, slip, evidence)


@pytest.fixture(scope="module")
def graded():
    """(group of flaws, folder of their submission, results) of the whole bank."""
    return [(group, folder, read_results(path)) for group, folder, path, _ in graded_bank()]


@cache
def again(place):
    """(flaw, entry, what came of running it again) of everything that lost points in one submission of the bank."""
    group, folder, path, _ = graded_bank()[place]
    flaws = {number: flaw for flaw in group for number in flaw["loses"]}
    lost = [e for e in read_results(path).entries.values() if e.verdict in LOST]
    return [(flaws.get(e.number), e, a) for e, a in zip(lost, run_again(lost, folder, HW0), strict=True)]


EACH = [pytest.param(place, marks=[pytest.mark.slow] if place else []) for place in range(len(packed()))]
"""The submissions of the bank: the first holds a flaw of nearly every part, the others are for `make slow`."""


def test_the_bank_is_large_and_every_flaw_loses_points(graded):
    assert len(BANK) >= 40
    for group, _, results in graded:
        for flaw in group:
            for number in flaw["loses"]:
                assert results.entries[number].verdict in LOST, (flaw["name"], number, results.entries[number])
                assert results.entries[number].evidence, number
        surprising = {e.number for e in results.entries.values() if e.verdict in LOST} - {n for f in group for n in f["loses"]}
        assert surprising == set()


@pytest.mark.parametrize("place", EACH)
def test_every_difference_is_still_there(place):
    assert again(place)
    for flaw, lost, result in again(place):
        assert result.still is True, (flaw["name"], lost, result)
        assert result.lines[-1] == "The difference is still there."
        assert list(read_evidence(lost.evidence).show()), lost.number


def test_the_first_submission_of_the_bank_has_evidence_of_every_kind():
    kinds = {lost.evidence["kind"] for _, lost, _ in again(0)}

    assert kinds >= {"symbolic", "numeric", "failure", "choice", "quantity", "claim", "training", "steps"}
    assert len(again(0)) >= 20


def run_all(paths, folder):
    """Exit codes of scripts, each run in a fork of a process that has numpy."""
    program = (
        "import os, runpy, sys\nimport numpy\n"
        "for path in sys.argv[2:]:\n"
        "    sys.stdout.flush()\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        os.chdir(sys.argv[1])\n"
        "        sys.argv = [path]\n"
        "        code = 70\n"
        "        try:\n"
        "            runpy.run_path(path)\n"
        "        except SystemExit as done:\n"
        "            code = done.code if isinstance(done.code, int) else 1 if done.code else 0\n"
        "        except BaseException as problem:\n"
        "            print(path, repr(problem), file=sys.stderr)\n"
        "        os._exit(code)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, str(folder), *map(str, paths)], capture_output=True, text=True, check=False, timeout=300
    )
    return [int(line) for line in ran.stdout.splitlines() if line.lstrip("-").isdigit()], ran.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="scripts are run in forks")
@pytest.mark.parametrize("place", EACH)
def test_the_scripts_agree(place, tmp_path):
    """Every script shows the difference that the evidence shows, in about twenty lines, with numpy (and torch) alone."""
    paths = []
    for _, lost, result in again(place):
        paths.append(tmp_path / f"{lost.number}.py")
        paths[-1].write_text(script(lost, result.calls, HW0), encoding="utf-8")
        text = paths[-1].read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 40
        assert "autograder" not in text
    codes, said = run_all(paths, graded_bank()[place][1])
    assert dict(zip([p.name for p in paths], codes, strict=True)) == dict.fromkeys([p.name for p in paths], 0), said


def test_a_corrected_submission_shows_no_difference(tmp_path):
    """The evidence of a wrong answer and of a wrong function, run on right ones."""
    wrong, right = tmp_path / "wrong", tmp_path / "right"
    for folder, sign, answer in ((wrong, "+", "2 x.T @ A"), (right, "-", "xᵀ (Aᵀ + A)")):
        flaws = [
            {"answers": {"5.d": answer}},
            {"file": "gradient_descent.py", "code": f"def gradient_step(F, y, w, eta):\n    return w {sign} eta * F.T @ (F @ w - y)\n"},
        ]
        written(flaws, folder, HW0)
    gradescope.write(grade(wrong, HW0), tmp_path / "results.json")
    results = read_results(tmp_path / "results.json")
    lost = [results.entries[n] for n in ("5.d", "3.code.gradient_step")]

    for result in run_again(lost, right, HW0):
        assert result.still is False
        assert result.decided["extra_data"]["verdict"] == "correct"
    for name in lost:
        (tmp_path / f"{name.number}.py").write_text(script(name, (), HW0), encoding="utf-8")
    codes, _ = run_all([tmp_path / "3.code.gradient_step.py"], right)
    assert codes == [1]


# The command's text.


def toy_results(tmp_path, code="def double(x):\n    return x\n"):
    (tmp_path / "s").mkdir(exist_ok=True)
    (tmp_path / "s" / "toy.py").write_text(code, encoding="utf-8")
    gradescope.write(grade(tmp_path / "s", TOY), tmp_path / "results.json")
    return tmp_path / "results.json"


def test_it_shows_runs_and_writes(tmp_path):
    path = toy_results(tmp_path)
    lines = list(replay(path, "1.code.double", tmp_path / "s", assignment=str(TOY.folder), out=tmp_path / "show.py"))

    assert lines[0].startswith("1.code.double  double(x): partial, 7 of 40 points")
    assert "Evidence:" in lines
    assert "    The difference is still there." in lines
    assert "import toy" in (tmp_path / "show.py").read_text(encoding="utf-8")


def test_without_the_submission_it_only_shows(tmp_path):
    lines = list(replay(toy_results(tmp_path), "1.code.double", None))

    assert not any("still there" in line for line in lines)


def test_a_suite_that_has_changed_is_said(tmp_path):
    path = toy_results(tmp_path)
    document = json.loads(path.read_text(encoding="utf-8"))
    document["extra_data"]["suite"]["hash"] = "another"
    path.write_text(json.dumps(document), encoding="utf-8")

    assert any("changed since" in line for line in replay(path, "1.code.double", tmp_path / "s", assignment=str(TOY.folder)))


def test_without_tests_the_evidence_alone_is_run(tmp_path):
    """What a student has: no tests, so nothing is decided again, but the call is made."""
    home = tmp_path / "tests" / "toy"
    home.mkdir(parents=True)
    for name in ("assignment.toml", "public.py"):
        (home / name).write_bytes((TOY.folder / name).read_bytes())
    sheet = load_assignment(home)
    (tmp_path / "toy.py").write_text("def double(x):\n    return x\n", encoding="utf-8")
    numeric = {
        "kind": "numeric",
        "function": "toy.double",
        "args": [3.0],
        "expected": 6.0,
        "got": 3.0,
        "measure": "m",
        "value": 1e10,
        "threshold": 30.0,
    }

    (result,) = run_again([entry(numeric)], tmp_path, sheet)
    assert result.still is True
    assert result.decided == {}
    (right,) = run_again([entry({**numeric, "expected": 3.0, "got": 6.0})], tmp_path, sheet)
    assert right.still is False
    (unknown,) = run_again([entry({"kind": "choice", "expected": "yes", "got": "no"}, "1.a")], tmp_path, sheet)
    assert unknown.still is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tests": [{}], "extra_data": {}}', '{"tests": 3}'])
def test_what_is_no_results_file_is_refused(tmp_path, text):
    (tmp_path / "r.json").write_text(text, encoding="utf-8")

    with pytest.raises(UsageError):
        list(replay(tmp_path / "r.json", "1.a", None))


def test_a_number_that_is_not_there_names_those_that_are(tmp_path):
    with pytest.raises(UsageError, match=r"1\.code\.half"):
        list(replay(toy_results(tmp_path), "9.z", None))


def test_an_entry_without_evidence_says_so(tmp_path):
    assert any("no evidence" in line for line in replay(toy_results(tmp_path), "1.a", None))


# Evidence of each kind, as text and as a script.

KINDS = {
    "symbolic": {
        "symbols": {"x": "vector n"},
        "expected": "x",
        "answer": "2 x",
        "witness": {"x": [[1], ["1/3"]]},
        "expected_value": [[1], ["1/3"]],
        "answer_value": [[2], ["2/3"]],
    },
    "numeric": {
        "function": "toy.double",
        "args": [[1.0, 2.0], 3],
        "expected": [2.0],
        "got": [1.0],
        "measure": "error",
        "value": 9e9,
        "threshold": 30.0,
    },
    "failure": {"function": "toy.double", "args": [1.0], "failure": "raised", "message": "ValueError: no", "line": "toy.py, line 2"},
    "choice": {"expected": "yes", "got": "no"},
    "quantity": {"got": 350.0, "unit": "ohm", "accepted": [189.0, 209.0], "where": "by hand"},
    "claim": {
        "subject": "elbow",
        "got": "moves left",
        "truth": "never",
        "case": "w > 0",
        "counterexample": {"w": "1/2", "before": "1", "after": "3/2"},
    },
    "steps": {"steps": [{"line": 3, "text": "a = b", "verdict": "wrong", "witness": {"a": 1, "b": 2}}]},
    "training": {
        "function": "toy.double",
        "args": ["words"],
        "step": 2,
        "quantity": "change of R",
        "expected": 1.0,
        "got": -1.0,
        "threshold": 0.1,
    },
    "text": {"said": "something"},
    "unheard of": {"a": [1, 2]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_shown_and_scripted(kind, tmp_path):
    evidence = {"kind": kind, **KINDS[kind]}
    shown = "\n".join(read_evidence(evidence).show())
    for value in [v for v in KINDS[kind].values() if isinstance(v, str)]:
        assert value in shown or kind == "failure"
    (tmp_path / "toy.py").write_text(
        "def double(x, y=0):\n    raise ValueError('no') if isinstance(x, float) else None\n", encoding="utf-8"
    )
    (tmp_path / "toy2.py").write_text("", encoding="utf-8")
    path = tmp_path / "show.py"
    if kind == "numeric":
        (tmp_path / "toy.py").write_text("def double(x, y):\n    return [1.0]\n", encoding="utf-8")
    path.write_text(script(entry(evidence), (), None), encoding="utf-8")
    ran = subprocess.run([sys.executable, str(path), str(tmp_path)], capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.strip()


def test_a_script_says_when_there_is_no_difference(tmp_path):
    (tmp_path / "toy.py").write_text("def double(x, y):\n    return [2.0]\n", encoding="utf-8")
    (tmp_path / "show.py").write_text(script(entry({"kind": "numeric", **KINDS["numeric"]}), (), None), encoding="utf-8")
    ran = subprocess.run([sys.executable, "show.py"], capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60)

    assert ran.returncode == 1
    assert "no difference here" in ran.stderr


@pytest.mark.slow
def test_a_call_that_hangs_is_ended_by_the_script_too(tmp_path):
    folder = written([{"file": "relu_elbow.py", "code": "def elbow(w, b):\n    while True:\n        pass\n"}], tmp_path / "s", HW0)
    gradescope.write(grade(folder, HW0), tmp_path / "results.json")
    lost = read_results(tmp_path / "results.json").entries["6.code.elbow"]
    (result,) = run_again([lost], folder, HW0)
    (tmp_path / "show.py").write_text(script(lost, result.calls, HW0), encoding="utf-8")
    ran = subprocess.run([sys.executable, "show.py", str(folder)], capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60)

    assert result.still is True
    assert lost.evidence["failure"] == "timeout"
    assert ran.returncode == 0
    assert "did not end within" in ran.stdout


def test_evidence_that_was_cut_cannot_be_called_again_and_still_is_shown():
    cut = {"kind": "numeric", **KINDS["numeric"], "args": "[[1, 2] … (cut; 9,000 characters in all)"}

    assert "cut" in "\n".join(read_evidence(cut).show())
    assert "differs = " in script(entry(cut), (), None)


# Formulas.

TABLE = symbols(
    {"x": "vector n", "A": "matrix n n", "S": "matrix n n positive_definite", "t": "scalar positive", "u": "scalar", "B": "matrix m n"}
)
WITNESS = {
    "x": [[1], [2], [-1]],
    "A": [[1, 2, 0], [0, 1, 3], [1, 0, 1]],
    "S": [[2, 1, 0], [1, 3, 0], [0, 0, 1]],
    "t": "3/2",
    "u": -2,
    "B": [[1, 0, 2], [3, 1, 1]],
}


@pytest.mark.parametrize(
    "text",
    [
        "x^T A + x^T",
        "A^{-1} x",
        "\\|x\\|_2",
        "x^T x / t",
        "\\max(0, u t)",
        "B A B^T",
        "tr(A S)",
        "\\det(A)",
        "A^2 x",
        "2 t^{-1/2}",
        "\\sum_{i=1}^n x_i",
        "A \\odot S",
        "diag(x)",
        "I + A",
        "\\begin{cases} t & u > 0 \\\\ -t & u \\le 0 \\end{cases}",
        "e^{u} + \\log(t)",
        "\\|A\\|_F",
        "-\\frac{u}{t}",
        "\\begin{bmatrix} B \\\\ A \\end{bmatrix}",
        "\\sigma(u)",
        "|u|",
        "x_1 + x_2",
        "1/3",
        "\\mathbf{1}^T x",
    ],
)
def test_numpy_and_the_algebra_room_agree(text):
    """A formula as a line of numpy has the value that exact evaluation gives."""
    exact = value_of(text, WITNESS, TABLE)
    sizes = {"n": 3, "m": 2}
    names = {variable(k): as_floats(v) for k, v in WITNESS.items()}
    value = eval(numpy_line(text, TABLE, sizes), {"np": np, **names})  # a line that we wrote ourselves

    due = as_floats(exact)
    np.testing.assert_allclose(value, due, rtol=1e-12)
    assert np.shape(value) == np.shape(due)


def as_floats(value):
    """A value of evidence as a float, or as an array of floats."""
    return np.array([[float(Fraction(x)) for x in row] for row in value]) if isinstance(value, list) else float(Fraction(value))


def test_names_become_identifiers():
    assert variable("W^{(1)}_i").isidentifier()
    assert variable("\\hat{f}").isidentifier()
    assert variable("lambda").isidentifier()
    assert variable("lambda") != "lambda"
    assert variable("w_{t-1}") != variable("w_{t+1}")


@pytest.mark.parametrize(
    ("one", "two", "are"),
    [
        (1, 1.0, True),
        ("1/3", 1 / 3, True),
        ("1/3", 0.3333, False),
        ("nan", "nan", True),
        ([1], 1, False),
        ([[1]], [[1.0]], True),
        ("undefined", 1, False),
    ],
)
def test_values_of_evidence_are_compared_by_number(one, two, are):
    assert same(one, two) is are


# What is recorded and restored.


def test_differences_are_judged_by_what_the_evidence_accepted():
    recorded = {"kind": "numeric", "function": "m.f", "args": [], "expected": [1.0, 2.0], "got": [1.0, 3.0]}
    recorded |= {"measure": "error", "value": 1e6, "threshold": 30.0}
    evidence = read_evidence(recorded)

    assert evidence.differs([1.0, 3.0]) is True
    assert evidence.differs([1.0, 2.0]) is False
    assert evidence.differs([1.0, 2.0 + 1e-5]) is False
    assert evidence.differs([1.0, 2.0 + 1e-4]) is True
    assert evidence.differs([1.0]) is None
    assert evidence.differs(None) is None
    assert evidence.differs([float("nan"), 2.0]) is True
    bound = read_evidence({**recorded, "measure": "shortfall in rounding units", "got": [1.0, 1.0]})
    assert bound.differs([5.0, 5.0]) is False
    assert bound.differs([1.0, 1.0]) is True


def test_arguments_come_back_with_their_types():
    assert isinstance(restored([1.0, 2.0], Tensor(np.zeros(2, dtype=np.float32))), Tensor)
    assert restored({"polynomial": [[1.0]]}).coefficients == [[1.0]]
    assert restored("@learner") == Kept("learner")
    assert restored("inf") == float("inf")
    assert restored(3) == 3


def test_evidence_is_alike_up_to_rounding():
    assert alike({"got": [1.0, "nan"], "plot": 1}, {"got": [1.0 + 1e-15, "nan"]})
    assert not alike({"got": [1.0]}, {"got": [1.1]})
    assert not alike({"got": [1.0]}, {"got": [1.0, 2.0]})


def test_the_seed_of_a_call_is_the_workers_own(tmp_path):
    """A script that seeds the generators as the worker does draws the same numbers."""
    (tmp_path / "draws.py").write_text(
        "import random\nimport numpy as np\n\ndef draw(n):\n    return [random.random(), float(np.random.rand())]\n", encoding="utf-8"
    )
    with Worker(tmp_path, {"draws": File("draws.py")}, torch=False, seed=7) as worker:
        drawn = worker.call("draws.draw", 3).value
    import random

    seed = seed_of(7, "draws.draw", (3,))
    state = random.getstate(), np.random.get_state()
    random.seed(seed), np.random.seed(seed % 2**32)
    again = [random.random(), float(np.random.rand())]
    random.setstate(state[0]), np.random.set_state(state[1])
    assert drawn == again


def test_sizes_follow_from_the_witness():
    assert sizes_of(TABLE, {s.key: WITNESS[s.name] for s in TABLE.declared if isinstance(WITNESS[s.name], list)}) == {"n": 3, "m": 2}
