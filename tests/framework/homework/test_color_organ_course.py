"""The course's notebook as a whole submission, in the profile that is made for it: untouched, and done."""

import json
import subprocess
import sys

import pytest
from places import ROOT
from submissions.organ_bank import notebooks

COURSE = (ROOT / "tests" / "corpora" / "notebooks" / "course.cells").read_text(encoding="utf-8")

QUESTIONS = {
    "## (c)": "## (c) Low pass\nTrain the circuit. What is the final value? Which rates diverge? The default is lr = 200, R = 1000.",
    "## (d)": "## (d) Binary data\nNow use binary data. What is the learned value?",
    "## (e)": "## (e) Find a loss\nFind a loss such that the learned resistor is close to that of part (c). What value do you get?",
    "## (f)": "## (f) High pass\nTrain the high pass. What is the resistor?",
    "## (g)": "## (g) Band pass\nTry 900 each. What are the resistors?",
    "## (h)": "## (h) Bode plots\nIn this part you will train two ReLUs. Does the plot match the transfer function? Do the cutoffs match?",
    "## (i)": "## (i) Color organ\nFinally, train everything together. Does it take longer or shorter from other starting values? Why?",
}
PLACEHOLDERS = (
    (
        "def evaluate_hp_circuit",
        "    return R_high * cap_value * freqs / torch.sqrt(1 + (R_high * cap_value * freqs) ** 2)",
        "    return ?",
    ),
    ("def evaluate_bp_circuit", "    return evaluate_lp_circuit(freqs, R_low) * evaluate_hp_circuit(freqs, R_high)", "    return ?"),
    ("def train_lp_circuit_binary", "loss = loss_fn(pred, (train_data[1] > cutoff_mag).float()).mean()", "loss = ? # YOUR CODE HERE"),
    ("def train_hp_circuit_binary", "grad = torch.autograd.grad(loss, circuit.R)", "grad = ? # YOUR CODE HERE"),
    ("def train_bp_circuit_binary", "grad = torch.autograd.grad(loss, [circuit.R_low, circuit.R_high])", "grad = ?"),
    ("## (e)", "loss_fn = lambda x, y: (x - (0.3 + 0.7 * y)) ** 2", "loss_fn = lambda x, y: ?"),
)


def untouched():
    text = COURSE
    for heading, question in QUESTIONS.items():
        assert f"{heading}\n" in text
        text = text.replace(f"{heading}\n", f"{question}\n", 1)
    for after, line, placeholder in PLACEHOLDERS:
        start = text.index(after)
        assert line in text[start:]
        text = text[:start] + text[start:].replace(line, placeholder, 1)
    return text


def graded(folder, cells):
    folder.mkdir()
    (folder / "color_organ_learning.ipynb").write_text(notebooks.version_4(cells), encoding="utf-8")
    out = folder.parent / f"{folder.name}.json"
    command = [sys.executable, "-m", "autograder", "grade", str(folder), "--profile", "course", "--out", str(out)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stderr
    return {test["number"]: test for test in json.loads(out.read_text(encoding="utf-8"))["tests"]}


def test_untouched_it_earns_nothing(tmp_path):
    tests = graded(tmp_path / "untouched", untouched())
    assert {number: test["score"] for number, test in tests.items() if test["score"]} == {}
    assert tests["7.code.loss_fn"]["extra_data"]["verdict"] == "missing"


def test_done_it_earns_what_the_student_writes(tmp_path):
    tests = graded(tmp_path / "done", COURSE)
    code = {number: test for number, test in tests.items() if ".code." in number}
    assert {test["extra_data"]["verdict"] for test in code.values()} == {"correct"}
    assert sum(test["score"] for test in code.values()) == pytest.approx(sum(test["max_score"] for test in code.values()))
    assert code["7.code.train_co_circuit"]["max_score"] == 0
