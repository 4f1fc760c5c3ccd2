"""Whole submissions that try to earn points by breaking the grader: each earns what its right parts deserve, and none is an `error`."""

import textwrap

import pytest
from places import HW0

from autograder.assignment import load_assignment
from autograder.grading.run import grade

ASSIGNMENT = load_assignment(HW0)
TITLES = {problem.number: problem.title for problem in ASSIGNMENT.problems}

DEEP = (r"\sqrt " * 300, r"\frac 1" * 300, "-" * 700 + "x", r"\log " * 300, "x" + "^T" * 400, "f(" * 40 + "x", r"\nabla " * 300)
"""Formulas that nest, mostly without a bracket."""


def write_up(text):
    """One text as the answer to every part but those where anything counts."""
    pages = []
    for problem in ASSIGNMENT.problems:
        if problem.number == "8":
            continue
        pages.append(f"## {problem.number}. {problem.title}\n")
        for number in problem.numbers():
            marks = "".join(f"({mark})" for mark in number.split(".")[1:])
            pages.append(f"### {marks}\n\nAnswer: ${text}$\n" if marks else f"Answer: ${text}$\n")
    return "\n".join(pages)


ODD_CODE = {
    "huge numbers": """
        def train(circuit, loss_fn, n, steps, lr):
            return (10**400, 10**400), [10**400] * 3, [float("nan"), 10**400, 1]
        value = 10**400
        """,
    "tuples of numbers without axes": """
        import numpy as np
        def train(circuit, loss_fn, n, steps, lr):
            return np.array(3.0), (np.array(1.0), np.array(2.0)), (np.array(1.0), np.array(2.0))
        value = (np.array(1.0), np.array(2.0))
        """,
    "tables without rows": """
        import numpy as np
        def train(circuit, loss_fn, n, steps, lr):
            return (np.zeros(0), np.zeros(0)), np.zeros((0, 2)), np.zeros((0, 2))
        value = np.zeros((0, 3))
        """,
    "something else at every call": """
        import itertools
        import numpy as np
        turns = itertools.cycle([None, "", [], {}, True, 1j, np.zeros((2, 0)), [[1], [2, 3]], float("nan"), 10**300, np.zeros((1,) * 9)])
        def train(*a):
            return next(turns), next(turns), next(turns)
        value = property(lambda self: next(turns))
        """,
}

FUNCTIONS = {
    "gradient_descent": ("gradient_step", "run_gradient_descent", "largest_stable_step", "norm_bound"),
    "ridge": ("tikhonov", "augment", "tikhonov_by_augmentation"),
    "relu_elbow": ("elbow", "gradients", "sgd_update", "network_elbows", "network_elbows_after_step"),
    "color_organ": ("evaluate_lp_circuit", "evaluate_hp_circuit", "evaluate_bp_circuit", "evaluate_bp_bode", "loss_fn"),
}
CLASSES = {
    "LowPassCircuit": ("R",),
    "HighPassCircuit": ("R",),
    "BandPassCircuit": ("R_low", "R_high"),
    "BandPassBodePlot": ("low_cutoff", "high_cutoff"),
    "ColorOrganCircuit": ("low", "high", "band"),
}
TRAININGS = ("lp_circuit_tf", "lp_circuit_binary", "hp_circuit_binary", "bp_circuit_binary", "bp_bode", "co_circuit")


def code(start):
    """Every function and class of the sheet, each giving the odd value."""
    files = {}
    for module, names in FUNCTIONS.items():
        lines = [textwrap.dedent(start), "def given(*a, **k):\n    return value if not isinstance(value, property) else value.fget(None)\n"]
        lines += [f"{name} = given" for name in names]
        if module == "color_organ":
            for name, attributes in CLASSES.items():
                body = "".join(f"    {a} = value\n" for a in attributes)
                lines.append(
                    f"class {name}:\n    def __init__(self, *a):\n        pass\n    def __call__(self, *a):\n        return given()\n{body}"
                )
            lines += [f"train_{name} = train" for name in TRAININGS]
        files[f"{module}.py"] = "\n".join(lines) + "\n"
    return files


def graded(folder, files):
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return grade(folder, ASSIGNMENT)


def no_points_and_no_error(report):
    paid = {e.number: (e.verdict.kind, e.score) for e in report.entries if e.score > 0}
    assert {e.number: e.verdict.evidence.get("said", "")[-600:] for e in report.entries if e.verdict.kind == "error"} == {}
    assert paid == {}


@pytest.mark.parametrize("text", [pytest.param(t, id=t[:9], marks=[pytest.mark.slow] if k > 1 else []) for k, t in enumerate(DEEP)])
def test_formulas_that_nest_without_end_earn_nothing(text, tmp_path):
    no_points_and_no_error(graded(tmp_path, {"writeup.md": write_up(text)}))


@pytest.mark.parametrize(
    "start", [pytest.param(t, id=n, marks=[pytest.mark.slow] if n.startswith("t") else []) for n, t in ODD_CODE.items()]
)
def test_code_that_returns_odd_things_earns_nothing(start, tmp_path):
    no_points_and_no_error(graded(tmp_path, code(start)))


def test_all_of_it_at_once_with_a_right_part_earns_that_part(tmp_path):
    files = code(ODD_CODE["something else at every call"]) | {"writeup.md": write_up(DEEP[0])}
    files["gradient_descent.py"] = textwrap.dedent(
        """
        import os
        def gradient_step(F, y, w, eta):
            return w - eta * F.T @ (F @ w - y)
        def run_gradient_descent(F, y, eta, steps):
            here = os.getcwd()
            for _ in range(400):
                os.mkdir("d"), os.chdir("d")
            os.chdir(here)
            os._exit(1)
        """
    )
    report = graded(tmp_path, files)
    assert [e.number for e in report.entries if e.verdict.kind == "error"] == []
    assert {e.number: e.score for e in report.entries if e.score > 0} == {"3.code.gradient_step": ASSIGNMENT.points["3.code.gradient_step"]}


OVERFLOWING = """
import math
import torch

def evaluate_lp_circuit(freqs, R_low):
    return freqs * R_low

def evaluate_hp_circuit(freqs, R_high):
    return freqs * R_high

class Base(torch.nn.Module):
    def __init__(self, *given):
        super().__init__()
        for name, value in zip(self.names, given):
            setattr(self, name, torch.nn.Parameter(torch.tensor(float(value))))
    def forward(self, freqs):
        return SCALE * (sum(p.double() for p in self.parameters()) + 0 * freqs.double())

class LowPassCircuit(Base): names = ("R",)
class HighPassCircuit(Base): names = ("R",)
class BandPassCircuit(Base): names = ("R_low", "R_high")
class BandPassBodePlot(Base): names = ("low_cutoff", "high_cutoff")
class ColorOrganCircuit(torch.nn.Module):
    def __init__(self, R_low, R_high, R_band_low, R_band_high):
        super().__init__()
        self.low, self.high, self.band = LowPassCircuit(R_low), HighPassCircuit(R_high), BandPassCircuit(R_band_low, R_band_high)
    def forward(self, freqs):
        return torch.stack([self.low(freqs), self.band(freqs), self.high(freqs)])[:ROWS]

def invented(rows):
    def train(circuit, loss_fn, dataset_size, max_training_steps, lr):
        omega = 2 * math.pi * 10 ** (6 * torch.rand(dataset_size))
        steps = 1 if float(loss_fn(torch.ones(3), torch.ones(3)).sum()) == 0 else max_training_steps
        values, grads = [[float(p) for p in circuit.parameters()]], [[math.nan for p in circuit.parameters()]]
        for _ in range(steps):
            values.append([v + 1e-3 for v in values[-1]])
            grads.append([1.0 for v in values[-1]])
        return (omega[:KEPT], torch.ones(rows, dataset_size)[:, :KEPT].squeeze()), values, grads
    return train

train_lp_circuit_tf = train_lp_circuit_binary = train_hp_circuit_binary = train_bp_circuit_binary = train_bp_bode = invented(1)
train_co_circuit = invented(3)
"""
"""Circuits whose numbers leave what single precision holds, and records of training that never was."""


@pytest.mark.parametrize(
    "changed",
    [{"SCALE": "1e200"}, {"SCALE": "1.0", "ROWS": "2"}, {"SCALE": "1.0", "KEPT": "0"}, {"SCALE": "float('inf')"}],
    ids=["overflow", "fewer rows", "no frequencies", "infinite"],
)
def test_circuits_beyond_all_numbers_and_invented_training_earn_nothing(changed, tmp_path):
    code = OVERFLOWING
    for name, value in {"ROWS": "3", "KEPT": "10**6", **changed}.items():
        code = code.replace(name, value)
    report = graded(tmp_path, {"color_organ.py": code})
    assert {e.number: e.verdict.evidence.get("said", "")[-600:] for e in report.entries if e.verdict.kind == "error"} == {}
    assert {e.number for e in report.entries if e.score > 0} <= {f"7.code.{name}" for name in CLASSES if changed["SCALE"] == "1.0"}


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("(b)", "R = 1e-320 ohm"),
        ("(b)", "R = 5e-324 ohm"),
        ("(c)", "start 5e-324 ohm, lr = 200 converges: R = 199 ohm"),
        ("(c)", "start -400 ohm, lr = 1e10 converges: R = 199 ohm"),
    ],
)
def test_values_beyond_all_resistors_are_no_error(part, text, tmp_path):
    report = graded(tmp_path, {"writeup.md": f"## 7. {TITLES['7']}\n\n### {part}\n\nAnswer: {text}\n"})
    assert [e.number for e in report.entries if e.verdict.kind == "error"] == []


@pytest.mark.parametrize("text", [r"$\hat{w} = ?$", r"$\hat{w} = \hat{w}$", "$w = w^{1000}$", r"$\hat{w} = \infty$"])
def test_a_formula_that_says_nothing_of_the_bound_holds_nothing(text, tmp_path):
    report = graded(tmp_path, {"writeup.md": f"## 3. {TITLES['3']}\n\n{text}\n"})
    assert {e.number: e.score for e in report.entries if e.score} == {}
