"""The reference and the template of hw0: same files, same names; the one complete and consistent, the other empty of answers."""

from __future__ import annotations

import ast
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from places import ROOT

from autograder.assignment import load_assignment
from autograder.submission.intake import open_submission
from autograder.writeup import read_writeup

REFERENCE = ROOT / "reference" / "hw0"
TEMPLATE = ROOT / "student_template" / "hw0"
HW0 = load_assignment(ROOT / "tests" / "hw0")
CODE = ("gradient_descent.py", "ridge.py", "relu_elbow.py", "color_organ.py")
WRITTEN = [part for part in HW0.points if ".code." not in part]
FUNCTIONS = {part: part.rpartition(".")[2] for part in HW0.points if ".code." in part}


def module(name: str) -> ModuleType:
    """A file of the reference as a module, without a cache of its bytecode beside it: the folder is a submission."""
    loaded = ModuleType(name)
    exec(compile((REFERENCE / f"{name}.py").read_text(encoding="utf-8"), f"{name}.py", "exec"), vars(loaded))
    return loaded


def in_torch(program: str) -> object:
    """What a program that ends in a JSON line says, with the reference's color_organ imported as `co`, in a process with torch."""
    start = (
        f"import json, math, sys; sys.dont_write_bytecode = True; sys.path.insert(0, {str(REFERENCE)!r}); import torch, color_organ as co\n"
    )
    done = subprocess.run([sys.executable, "-c", start + program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def signatures(path: Path) -> dict[str, str]:
    """Top-level functions and methods of a file: name -> arguments."""
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = ast.unparse(node.args)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{m.name}": ast.unparse(m.args) for m in node.body if isinstance(m, ast.FunctionDef)}
    return found


# Both together.


@pytest.mark.parametrize("folder", [REFERENCE, TEMPLATE], ids=["reference", "template"])
def test_files_are_those_of_the_sheet(folder):
    assert sorted(p.name for p in folder.iterdir() if p.name != "__pycache__") == sorted([*CODE, "writeup.md"])


@pytest.mark.parametrize("file", CODE)
def test_template_has_the_signatures_of_the_reference(file):
    asked = signatures(TEMPLATE / file)
    given = signatures(REFERENCE / file)
    assert asked
    assert {name: given[name] for name in asked} == asked


def test_every_function_with_points_is_in_both():
    for folder in (REFERENCE, TEMPLATE):
        names = {name.partition(".")[0] for file in CODE for name in signatures(folder / file)}
        text = (folder / "color_organ.py").read_text(encoding="utf-8")
        assert set(FUNCTIONS.values()) - {"loss_fn"} <= names
        assert "loss_fn" in text


@pytest.mark.parametrize("folder", [REFERENCE, TEMPLATE], ids=["reference", "template"])
def test_every_file_and_function_says_what_it_is(folder):
    for file in CODE:
        tree = ast.parse((folder / file).read_text(encoding="utf-8"))
        public = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_")]
        silent = {"squared_error", "report"} | ({"forward"} if folder == TEMPLATE else set())
        assert ast.get_docstring(tree)
        assert [n.name for n in public if not ast.get_docstring(n) and n.name not in silent] == []


# The template.


def test_template_holds_no_answer():
    with open_submission(TEMPLATE, HW0) as submission:
        writeup = read_writeup(submission, HW0)
        assert {part for part in WRITTEN if writeup.answer(part).state != "missing"} == set()
    lines = (TEMPLATE / "writeup.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("Answer")] == ["Answer:"] * len(WRITTEN)


def test_template_returns_nothing():
    for file in CODE:
        tree = ast.parse((TEMPLATE / file).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                assert ast.unparse(node.body[-1]) == "raise NotImplementedError", node.name


# The reference.


def test_reference_answers_every_part():
    with open_submission(REFERENCE, HW0) as submission:
        writeup = read_writeup(submission, HW0)
        answers = {part: writeup.answer(part) for part in WRITTEN}
    assert {part for part, answer in answers.items() if answer.state != "typed" or answer.how != "after `Answer:`"} == set()


def test_torch_is_imported_in_one_file_only():
    for file in CODE:
        assert ("import torch" in (REFERENCE / file).read_text(encoding="utf-8")) == (file == "color_organ.py")


def test_bound_holds_up_to_the_stable_limit_and_not_beyond():
    gd = module("gradient_descent")
    rng = np.random.default_rng(3)
    for n, d in ((4, 3), (2, 4), (3, 1)):
        F, y = rng.normal(size=(n, d)), rng.normal(size=n)
        for part in (0.1, 0.9, 1.0):
            eta = part * gd.largest_stable_step(F)
            norms = np.linalg.norm(gd.run_gradient_descent(F, y, eta, 50), axis=1)
            assert np.all(norms <= gd.norm_bound(F, y, eta, 50) * (1 + 1e-12))
    F, y = np.array([[1.0]]), np.array([1.0])
    eta = 1.5 * gd.largest_stable_step(F)
    assert np.any(np.linalg.norm(gd.run_gradient_descent(F, y, eta, 50), axis=1) > gd.norm_bound(F, y, eta, 50))


def test_both_forms_of_the_estimate_agree():
    ridge = module("ridge")
    rng = np.random.default_rng(4)
    X, y, root = rng.normal(size=(6, 3)), rng.normal(size=6), rng.normal(size=(3, 3))
    Sigma = root @ root.T + np.eye(3)
    X_hat, y_hat = ridge.augment(X, y, Sigma)
    w = ridge.tikhonov(X, y, Sigma)
    assert np.allclose(X_hat[6:].T @ X_hat[6:] @ Sigma, np.eye(3))
    assert np.allclose(w, ridge.tikhonov_by_augmentation(X, y, Sigma))
    assert np.all(np.linalg.norm(y_hat - X_hat @ w) <= [np.linalg.norm(y_hat - X_hat @ (w + e)) for e in 1e-3 * np.eye(3)])


def test_elbow_after_a_step_is_that_of_one_unit():
    relu = module("relu_elbow")
    for w, b, x, y in ((1.5, 0.5, 2.0, 1.0), (-1.0, 0.5, 2.0, 1.0), (2.0, 1.0, -0.25, -1.0)):
        after = relu.network_elbows_after_step(np.array([[w]]), np.array([b]), np.array([[1.0]]), x, y, 0.125)
        assert after[0] == relu.elbow(*relu.sgd_update(w, b, x, y, 0.125))


def test_circuits_by_their_definition():
    """At the cutoff every first-order filter lets 1 / sqrt(2) through; the plot of straight lines is 0 dB in the band."""
    said = in_torch("""
w = torch.tensor([co.lp_cutoff, co.hp_cutoff], dtype=torch.float64)
print(json.dumps({
    "low": co.evaluate_lp_circuit(w[:1], co.R_low_des).tolist(),
    "high": co.evaluate_hp_circuit(w[1:], co.R_high_des).tolist(),
    "band": co.BandPassCircuit(100, 200)(w).tolist(),
    "product": (co.LowPassCircuit(100)(w) * co.HighPassCircuit(200)(w)).tolist(),
    "organ": list(co.ColorOrganCircuit(1, 2, 3, 4)(w).shape),
    "bode": co.BandPassBodePlot(1000, 100)(torch.tensor([10.0, 100.0, 300.0, 1000.0, 10000.0])).tolist(),
    "R": [co.R_low_des, co.R_high_des, co.R_band_low_des, co.R_band_high_des],
}))""")
    assert isinstance(said, dict)
    assert said["low"] == pytest.approx([math.sqrt(0.5)])
    assert said["high"] == pytest.approx([math.sqrt(0.5)])
    assert said["band"] == pytest.approx(said["product"])
    assert said["organ"] == [3, 2]
    assert said["bode"] == pytest.approx([-20, 0, 0, 0, -20], abs=1e-4)
    assert said["R"] == pytest.approx([198.944, 31.831, 39.789, 159.155], abs=1e-3)


def test_every_training_is_gradient_descent_on_its_loss():
    """Five steps of each: rows, NaN first, and each step is lr times the gradient that is recorded with it."""
    said = in_torch("""
square = lambda x, y: (x - y) ** 2
runs = {}
for name, circuit, lr in (
    ("train_lp_circuit_tf", co.LowPassCircuit(500), 200.0),
    ("train_lp_circuit_binary", co.LowPassCircuit(500), 200.0),
    ("train_hp_circuit_binary", co.HighPassCircuit(500), 1000.0),
    ("train_bp_circuit_binary", co.BandPassCircuit(500, 400), 1000.0),
    ("train_bp_bode", co.BandPassBodePlot(20000, 5000), 1000.0),
    ("train_co_circuit", co.ColorOrganCircuit(200, 210, 220, 230), 500.0),
):
    torch.manual_seed(0)
    (freqs, magnitudes), values, gradients = getattr(co, name)(circuit, square, 50, 5, lr)
    rows, slopes = ([row if isinstance(row, list) else [row] for row in list_] for list_ in (values, gradients))
    off = max(
        abs(a - b - lr * g) / max(1, abs(a))
        for before, after, slope in zip(rows, rows[1:], slopes[1:])
        for a, b, g in zip(before, after, slope)
    )
    nan_first = all(math.isnan(g) for g in slopes[0])
    runs[name] = [list(freqs.shape), list(magnitudes.shape), len(values), len(gradients), nan_first, rows[0], off]
print(json.dumps(runs))""")
    starts = {
        "train_lp_circuit_tf": [500],
        "train_lp_circuit_binary": [500],
        "train_hp_circuit_binary": [500],
        "train_bp_circuit_binary": [500, 400],
        "train_bp_bode": [20000, 5000],
        "train_co_circuit": [200, 220, 230, 210],
    }
    assert isinstance(said, dict)
    for name, start in starts.items():
        freqs, magnitudes, values, gradients, nan_first, first, off = said[name]
        assert (freqs, values, gradients, nan_first, first) == ([50], 6, 6, True, start), name
        assert magnitudes == ([3, 50] if name == "train_co_circuit" else [50]), name
        assert off < 1e-6, name


@pytest.mark.slow
def test_values_of_the_writeup_are_those_that_the_code_prints():
    """7(c) to 7(i), re-trained: a minute."""
    done = subprocess.run(
        [sys.executable, "-B", str(REFERENCE / "color_organ.py")], capture_output=True, text=True, timeout=600, check=True
    )
    ends = [[float(v) for v in re.findall(r"-?\d+\.\d+", line.rpartition(" to ")[2])] for line in done.stdout.splitlines()]
    by_part = {}
    for line, values in zip(done.stdout.splitlines(), ends, strict=True):
        by_part.setdefault("7." + line[2], values)  # the first run of a part is the one that the answer states
    by_part["7.h"] = [value / (2 * math.pi) for value in by_part["7.h"]]
    with open_submission(REFERENCE, HW0) as submission:
        writeup = read_writeup(submission, HW0)
        for part, values in by_part.items():
            stated = [float(v) for v in re.findall(r"\d+(?:\.\d+)?", writeup.answer(part).text)]
            for value in values:
                assert any(abs(value - s) <= 0.5 and f"{s:g}" == f"{round(value, 1 if s != round(s) else 0):g}" for s in stated), (
                    part,
                    value,
                )
