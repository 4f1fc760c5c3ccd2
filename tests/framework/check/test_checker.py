"""The student's check: how answers are read, what is wrong with code, and that it runs with little installed."""

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from itertools import islice

import numpy as np
import pytest
from places import ROOT

from autograder.assignment import load_assignment
from autograder.check import checker as room
from autograder.check import front
from autograder.check.checker import Checker
from autograder.check.front import check, sheet_of, write_zip
from autograder.check.public import Example
from autograder.errors import UsageError
from autograder.submission.intake import open_submission
from autograder.worker import layers, parents

HW0 = load_assignment(ROOT / "tests" / "hw0")
TOY = load_assignment(ROOT / "tests" / "corpora" / "toy" / "tests" / "toy")
REFERENCE = ROOT / "reference" / "hw0"


def findings(folder, assignment=HW0, wanted=lambda _: True):
    with open_submission(folder, assignment) as submission:
        return list(Checker(assignment, submission).findings(wanted))


def of(folder, number, assignment=HW0):
    """The finding on one number, looking at nothing else than it needs."""
    module = "writeup" if ".code." not in number else None
    found = findings(folder, assignment, (lambda s: s == module) if module else (lambda s: s != "writeup"))
    return next(f for f in found if f.number == number)


# hw0.


def test_the_reference_is_read_in_full():
    found = findings(REFERENCE)

    assert [f for f in found if f.state in ("wrong", "unreadable", "missing")] == []
    assert {f.number for f in found if f.number} == set(HW0.points)
    assert found[0].section == "files"
    assert found[-1].section == "upload"
    assert next(f for f in found if f.number == "6.a.iii").formula.startswith("{")


def test_the_derivations_of_the_reference_are_read_to_the_last_line():
    for number, said in (("3", "12 steps are read"), ("4", "12 steps are read")):
        finding = of(REFERENCE, number)
        assert finding.state == "read"
        assert finding.lines[0].startswith(said)
        assert not [line for line in finding.lines if "person" in line]


def test_the_template_is_missing_or_not_written():
    found = findings(ROOT / "student_template" / "hw0")

    assert {f.state for f in found if f.section == "written"} == {"missing"}
    assert all("not written yet" in f.lines[0] for f in found if f.number in ("4.code.tikhonov", "7.code.LowPassCircuit"))


@pytest.mark.parametrize(
    ("file", "code", "number", "state", "holds"),
    [
        ("ridge.py", "def tikhonof(X, y, Sigma):\n    return y\n", "4.code.tikhonov", "wrong", "is tikhonof meant to be it?"),
        ("ridge.py", "def tikhonov(X, y):\n    return y\n", "4.code.tikhonov", "wrong", "the sheet has tikhonov(X, y, Sigma)"),
        ("ridge.py", "def tikhonov(X, y, Sigma):\n    return X @ X\n", "4.code.tikhonov", "wrong", "ridge.py, line 2"),
        ("ridge.py", "def tikhonov(X, y, Sigma):\n    pass\n", "4.code.tikhonov", "wrong", "None"),
        ("ridge.py", "def tikhonov(X, y, Sigma):\n    return y\n", "4.code.tikhonov", "wrong", "where shape (3,) is due"),
        ("ridge.py", "def tikhonov(X, y, Sigma):\n    return X[:3, :1]\n", "4.code.tikhonov", "wrong", "axes of length 1"),
        ("ridge.py", "def tikhonov(X, y, Sigma):\n    return X[0] / 0\n", "4.code.tikhonov", "wrong", "not finite"),
        ("ridge.py", "def tikhonov(X, y, Sigma)\n", "4.code.tikhonov", "wrong", "SyntaxError"),
        ("ridge.py", "def augment(X, y, Sigma):\n    return X\n", "4.code.augment", "wrong", "values where 2 are due"),
        (
            "ridge.py",
            "def tikhonov(X, y, Sigma):\n    X[0] = 0\n    return X[1]\n",
            "4.code.tikhonov",
            "wrong",
            "changes its argument X in place",
        ),
        ("ridge.py", "def tikhonov(X, y, Sigma):\n    raise NotImplementedError\n", "4.code.tikhonov", "wrong", "not written yet"),
        (
            "gradient_descent.py",
            "def gradient_step(F, y, w, eta):\n    return w\n",
            "3.code.gradient_step",
            "wrong",
            "does not go down the gradient",
        ),
        ("gradient_descent.py", "", "3.code.gradient_step", "missing", ""),
    ],
)
def test_what_is_visibly_wrong_with_code_is_said(tmp_path, file, code, number, state, holds):
    (tmp_path / file).write_text(code, encoding="utf-8")
    finding = of(tmp_path, number)

    assert finding.state == state
    assert holds in "\n".join(finding.lines)


def test_a_slow_call_is_remarked_on(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "SLOW_SECONDS", -1.0)
    (tmp_path / "relu_elbow.py").write_text("def elbow(w, b):\n    return -b / w\n", encoding="utf-8")
    finding = of(tmp_path, "6.code.elbow")

    assert finding.state == "holds"
    assert "a call may take 5 s" in "\n".join(finding.lines)


def test_in_place_changes_cost_nothing(tmp_path):
    code = "import numpy as np\n\ndef gradient_step(F, y, w, eta):\n    w -= eta * F.T @ (F @ w - y)\n    return w\n"
    (tmp_path / "gradient_descent.py").write_text(code, encoding="utf-8")
    finding = of(tmp_path, "3.code.gradient_step")

    assert finding.state == "holds"
    assert "changes its argument w in place" in "\n".join(finding.lines)


def test_what_code_prints_is_shown(tmp_path):
    (tmp_path / "relu_elbow.py").write_text("def elbow(w, b):\n    print('hello there')\n    return -b / w\n", encoding="utf-8")

    assert any("hello there" in line for f in findings(tmp_path, wanted=lambda s: s == "relu_elbow") for line in f.lines)


def test_training_is_held_against_the_students_own_circuit(tmp_path):
    """Steps with another rate, and gradients of the sum, are found without knowing what is right."""
    code = (REFERENCE / "color_organ.py").read_text(encoding="utf-8")
    assert "torch" in code
    spoiled = code + (
        "\n\n_good = train_lp_circuit_tf\n\n\ndef train_lp_circuit_tf(circuit, loss_fn, dataset_size, max_training_steps, lr):\n"
        "    data, values, grads = _good(circuit, loss_fn, dataset_size, max_training_steps, lr)\n"
        "    return data, values, [2 * g for g in grads]\n"
    )
    (tmp_path / "color_organ.py").write_text(spoiled, encoding="utf-8")
    found = {f.number: f for f in findings(tmp_path, wanted=lambda s: s == "color_organ")}

    assert found["7.code.train_hp_circuit_binary"].state == "holds"
    assert found["7.code.train_lp_circuit_tf"].state == "wrong"
    assert "grad_values[3]" in found["7.code.train_lp_circuit_tf"].lines[0]


# What is installed, and on which system.


def test_without_torch_all_but_its_problem_is_checked(monkeypatch):
    """torch is looked for and not found; nothing that needs it is started, and what is there is still said."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else find(name, *rest))
    found = {f.number: f for f in findings(REFERENCE) if f.section == "code"}

    assert found[""].state == "person"
    assert "torch is not installed" in found[""].lines[0]
    assert found["4.code.tikhonov"].state == "holds"
    assert found["7.code.LowPassCircuit"].state == "person"
    assert found["7.code.LowPassCircuit"].lines == ("defined; not run",)
    assert "functions were not run here" in front.summary_line(list(found.values()))


BARE = """
import os, sys
import sysconfig
import numpy, rich.console, typer  # these look at the platform while they are imported
sysconfig.get_config_vars()
for name in ("fcntl", "resource", "pwd", "grp", "termios", "syslog"):
    sys.modules[name] = None
calls = "fork forkpty setuid setgid setgroups getuid geteuid getgid killpg setsid register_at_fork pidfd_open chown"
for name in calls.split():
    if hasattr(os, name):
        delattr(os, name)
import signal
for name in ("SIGALRM", "setitimer", "alarm", "pthread_sigmask"):
    if hasattr(signal, name):
        delattr(signal, name)
sys.platform = "elsewhere"
sys.argv = ["autograder", "check", *sys.argv[1:]]
from autograder.cli import main
main()
"""
"""The check where the kernel's modules and calls are absent: as near to another system as Linux can come."""


def test_it_runs_without_the_kernels_modules(tmp_path):
    """No fork, no fcntl, no resource, no user ids, no alarms: guests are new interpreters, reached over loopback."""
    (tmp_path / "relu_elbow.py").write_bytes((REFERENCE / "relu_elbow.py").read_bytes())
    (tmp_path / "writeup.md").write_bytes((REFERENCE / "writeup.md").read_bytes())
    ran = subprocess.run(
        [sys.executable, "-c", BARE, str(tmp_path)], capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path
    )

    assert ran.returncode == 0, ran.stderr
    assert "6.code.elbow: is where w x + b is zero" in ran.stdout
    assert "5.a  " in ran.stdout
    assert "You would upload:" in ran.stdout


def test_files_come_first_and_nothing_heavy_is_needed_for_them():
    """The first lines are there before the suite is opened or any process started."""
    checker = check(REFERENCE, HW0)
    first = list(islice(checker, 2))
    checker.close()

    assert first[0].startswith(HW0.title)
    assert first[1].startswith("Files: ")
    heavy = ["torch", "sympy", "pytest", "IPython", "nbformat"]
    program = f"import json, sys, autograder.check; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == []


# The toy: what a suite may leave out.


def test_a_suite_without_examples_is_checked_too():
    lines = list(check(TOY.reference, TOY))

    assert "     1.a  read as 'yes'" in lines
    assert "  1.code.double: of zero is zero" in lines


def test_what_is_missing_is_said_in_one_line(tmp_path):
    (tmp_path / "writeup.md").write_text("nothing here", encoding="utf-8")
    lines = list(check(tmp_path, TOY))

    assert any(line.startswith("No answer found for: ") for line in lines)
    assert any("No function found for: 1.code.double" in line for line in lines)


def test_what_is_no_submission_is_refused(tmp_path):
    with pytest.raises(UsageError):
        list(check(tmp_path / "nowhere", TOY))


def test_the_summary_names_a_few_and_counts_the_rest():
    found = [room.Finding("code", f"1.code.f{k}", "wrong", ("no",)) for k in range(20)]

    assert "and 8 more" in front.summary_line(found)
    assert "Nothing" in front.summary_line([])


def test_an_installed_handout_carries_its_suite(tmp_path, monkeypatch):
    home = tmp_path / "site" / "autograder"
    (home / "handout" / "toy").mkdir(parents=True)
    for name in ("assignment.toml", "public.py"):
        (home / "handout" / "toy" / name).write_bytes((TOY.folder / name).read_bytes())
    monkeypatch.setattr(front, "PACKAGE", home)

    assert sheet_of("toy").folder == home / "handout" / "toy"
    assert sheet_of(str(TOY.folder)).name == "toy"
    with pytest.raises(UsageError):
        sheet_of("nothing of that name")


# Uploading.


def test_the_zip_holds_what_would_be_uploaded(tmp_path):
    for name in ("toy.py", "old.zip", ".DS_Store", "notes.md"):
        (tmp_path / name).write_text("x = 1\n", encoding="utf-8")
    upload = findings(tmp_path, TOY)[-1]

    assert write_zip(tmp_path, TOY, tmp_path.parent / "up.zip") == 2
    assert zipfile.ZipFile(tmp_path.parent / "up.zip").namelist() == ["notes.md", "toy.py"]
    os.utime(tmp_path / "toy.py", (1e9, 1e9))
    write_zip(tmp_path, TOY, tmp_path.parent / "again.zip")
    assert (tmp_path.parent / "again.zip").read_bytes() == (tmp_path.parent / "up.zip").read_bytes()
    assert "toy.py" in "\n".join(upload.lines)
    assert "2 files, 12 B" in upload.lines[-1]


# The command.


def test_the_command_writes_the_page_and_asks_nothing_without_a_terminal(tmp_path):
    out = tmp_path / "report.html"
    words = ["check", str(TOY.reference), "--assignment", str(TOY.folder), "--report", str(out)]
    ran = subprocess.run(
        [sys.executable, "-m", "autograder", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
        cwd=tmp_path,
    )

    assert ran.returncode == 0, ran.stderr
    assert "Write them to" not in ran.stdout
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_terminal_without_unicode_still_shows_the_rest(tmp_path):
    (tmp_path / "writeup.md").write_text("## 5. Vector Calculus Review\n\n(a)\n\nAnswer: $A^T x$\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ran = subprocess.run(
        [sys.executable, "-m", "autograder", "check", str(tmp_path)], capture_output=True, check=False, timeout=60, env=environment
    )

    assert ran.returncode == 0, ran.stderr
    assert b"5.a  A? x" in ran.stdout


def test_where_no_process_can_be_had_the_rest_is_said(tmp_path, monkeypatch):
    def refused(*_args, **_options):
        raise RuntimeError("a process for student code did not start")

    monkeypatch.setattr(room, "Worker", refused)
    (tmp_path / "toy.py").write_text("def double(x):\n    return x\n", encoding="utf-8")
    found = findings(tmp_path, TOY)

    assert any("could not be run on this machine: a process" in line for f in found for line in f.lines)
    assert found[-1].section == "upload"


def test_example_signatures_are_taken_apart():
    example = Example("ridge.tikhonov(X, y, Sigma)")

    assert (example.function, example.module, example.parameters) == ("ridge.tikhonov", "ridge", "(X, y, Sigma)")
    assert room._can_take("f(a, b=1, *rest)", "(x, y, z)") is True
    assert room._can_take("f(a, b)", "(x)") is False
    assert room._can_take("f(...)", "(x)") is None
    assert room._can_take("", "(x)") is None


def test_every_example_of_hw0_can_be_called():
    """The arguments of the examples fit their signatures, and each function of the sheet has one."""
    from autograder.grading.desk import load_public

    examples = load_public(HW0).EXAMPLES
    assert set(examples) == {n for n in HW0.points if ".code." in n}
    for example in examples.values():
        if example.arguments is not None:
            count = len(example.arguments(np.random.default_rng(0)))
            assert count == len(example.parameters.strip("()").split(","))


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals")
def test_on_a_terminal_it_offers_the_zip(tmp_path):
    import pty

    master, slave = pty.openpty()
    words = [sys.executable, "-m", "autograder", "check", str(TOY.reference), "--assignment", str(TOY.folder)]
    process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, cwd=tmp_path, close_fds=True)
    os.close(slave)
    os.write(master, b"y\n")
    said = b""
    try:
        while piece := os.read(master, 4096):
            said += piece
    except OSError:
        pass
    assert process.wait(60) == 0, said
    assert b"Write them to toy-upload.zip?" in said
    assert (tmp_path / "toy-upload.zip").is_file()


def test_what_kept_the_code_is_said_in_one_line_and_once(tmp_path):
    (tmp_path / "gradient_descent.py").write_text("def gradient_step(F, y, w, eta):\n    return w - eta * F.T @ (F @ w - y)\n")
    said = [
        line for f in findings(tmp_path) if f.section == "code" and not f.number for line in f.lines if line.startswith("Your code ran")
    ]
    assert len(said) == 1
    assert "\n" not in said[0]


@pytest.mark.parametrize(
    ("active", "line"),
    [
        ((), "kept by: nothing else; not here: limits, another user, files, system calls, memory and disk."),
        (("resource limits", "memory watched"), "kept by: limits, memory and disk; not here: another user, files, system calls."),
        (tuple(layers.PROMISES.values()), "kept by: limits, another user, files, system calls, memory and disk."),
    ],
)
def test_protections_that_are_absent_are_named(active, line):
    assert layers.in_words(active) == f"Your code ran in processes of its own, {line}"


def test_what_stands_for_a_protection_is_a_layer():
    texts = {text for _, text, _ in layers.LAYERS} | set(parents.ForkedGuests.protections)
    assert set(layers.PROMISES.values()) <= texts
