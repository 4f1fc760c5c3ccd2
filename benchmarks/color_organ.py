"""How long problem 7 takes to grade, against training again what a submission reports.

    python benchmarks/color_organ.py [SUBMISSION]

SUBMISSION: a folder; by default the test corpus' notebook, laid out like the course's, with the reference's write-up. For each
part (c) to (i): seconds that the submission's own training function takes at the template's settings (1000 samples, at most 100,000
steps, stopped after 60 s; one thread, no progress bar), against everything that grading does for this part: the checks of the code
that belongs to it, and of its value. Imports of Python and torch and the loading of the file are left out of both.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import signal
import sys
import tempfile
import time
import types
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SUITE = ROOT / "tests" / "hw0"
CAP_SECONDS = 60
ROUNDS = 7
LEAST_RATIO, LEAST_OVERALL = 50.0, 1000.0
WORKER_GOAL = 0.15

# part: training function, circuit, start, learning rate, loss
PARTS: dict[str, tuple[str, str, tuple[float, ...], float, str]] = {
    "c": ("train_lp_circuit_tf", "LowPassCircuit", (1000.0,), 200.0, "squared"),
    "d": ("train_lp_circuit_binary", "LowPassCircuit", (500.0,), 200.0, "squared"),
    "e": ("train_lp_circuit_binary", "LowPassCircuit", (500.0,), 200.0, "own"),
    "f": ("train_hp_circuit_binary", "HighPassCircuit", (500.0,), 1000.0, "own"),
    "g": ("train_bp_circuit_binary", "BandPassCircuit", (500.0, 500.0), 1000.0, "own"),
    "h": ("train_bp_bode", "BandPassBodePlot", (20000.0, 3000.0), 1000.0, "squared"),
    "i": ("train_co_circuit", "ColorOrganCircuit", (200.0,) * 4, 500.0, "own"),
}
CHECKS = {
    "c": ("evaluate_lp_circuit", "LowPassCircuit", "train_lp_circuit_tf"),
    "d": ("train_lp_circuit_binary",),
    "e": ("loss_fn",),
    "f": ("evaluate_hp_circuit", "HighPassCircuit", "train_hp_circuit_binary"),
    "g": ("evaluate_bp_circuit", "BandPassCircuit", "train_bp_circuit_binary"),
    "h": ("evaluate_bp_bode", "BandPassBodePlot", "train_bp_bode"),
    "i": ("ColorOrganCircuit", "train_co_circuit"),
}


class TooLong(Exception):
    pass


def module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path}: no such file")
    found = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = found
    spec.loader.exec_module(found)
    return found


def definitions_of(submission: Path) -> Any:
    """What the submission defines, executed here as the worker executes it."""
    from autograder.assignment import load_assignment
    from autograder.grading.desk import code_of
    from autograder.submission.intake import open_submission

    assignment = load_assignment(SUITE)
    with open_submission(submission, assignment) as opened:
        units = code_of(opened, assignment).sources["color_organ"].units  # type: ignore[union-attr]
    organ = types.ModuleType("color_organ")
    sys.modules["color_organ"] = organ
    for code, label, offset in units:
        with contextlib.suppress(NameError):
            exec(compile("\n" * offset + code, label, "exec"), organ.__dict__)
    return organ


def notebook_submission(folder: Path) -> Path:
    """The corpus' notebook and the reference's write-up, as a submission."""
    notebooks = module(ROOT / "tests" / "framework" / "organ_bank" / "notebooks.py")
    cells = (ROOT / "tests" / "corpora" / "notebooks" / "course.cells").read_text(encoding="utf-8")
    (folder / "color_organ_learning.ipynb").write_text(notebooks.version_4(cells), encoding="utf-8")
    (folder / "writeup.md").write_text((ROOT / "reference" / "hw0" / "writeup.md").read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def retrained(organ: Any, part: str) -> float:
    """Seconds of one training at the template's settings, at most CAP_SECONDS."""
    import torch

    function, circuit, start, rate, loss = PARTS[part]
    torch.manual_seed(0)
    torch.set_num_threads(1)

    def stop(*_: Any) -> None:
        raise TooLong

    def squared(prediction: Any, target: Any) -> Any:
        return (prediction - target) ** 2

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(CAP_SECONDS)
    began = time.perf_counter()
    try:
        with contextlib.suppress(TooLong), contextlib.redirect_stdout(io.StringIO()):
            chosen = organ.loss_fn if loss == "own" else squared
            getattr(organ, function)(getattr(organ, circuit)(*start), chosen, 1000, 100_000, rate)
        return time.perf_counter() - began
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def graded(submission: Path) -> tuple[dict[str, float], float, int]:
    """Seconds of all checks of each part (the best of seven rounds), seconds in the worker for all of problem 7's code, and its calls."""
    from autograder.assignment import load_assignment
    from autograder.grading.desk import open_desk

    sys.path.insert(0, str(SUITE))
    assignment = load_assignment(SUITE)
    code, values = module(SUITE / "test_q7_color_organ.py"), module(SUITE / "test_q7_values.py")
    tests = {t.__number__: t for m in (code, values) for t in vars(m).values() if hasattr(t, "__number__")}
    spent = {"seconds": 0.0, "calls": 0.0}
    with open_desk(submission, assignment, assignment.profile("full")) as desk:
        student = desk.student

        class Timed:
            def __call__(self, *args: Any, **keywords: Any) -> Any:
                return self._timed(student, *args, **keywords)

            def attributes(self, *args: Any) -> Any:
                return self._timed(student.attributes, *args)

            def _timed(self, call: Any, *args: Any, **keywords: Any) -> Any:
                began = time.perf_counter()
                reply = call(*args, **keywords)
                spent["seconds"] += time.perf_counter() - began
                spent["calls"] += 1
                return reply

        fixtures = {"student": Timed(), "answer": desk.answer, "judge": [].append}

        def run(number: str) -> float:
            test = tests[number]
            names = test.__code__.co_varnames[: test.__code__.co_argcount]
            began = time.perf_counter()
            test(**{name: fixtures[name] for name in names})
            return time.perf_counter() - began

        student("color_organ.evaluate_lp_circuit", 1.0, 1.0)  # loads the file, imports torch
        rounds = []
        for _ in range(ROUNDS):
            spent.update(seconds=0.0, calls=0.0)
            rounds.append({number: run(number) for number in tests} | {"worker": spent["seconds"], "calls": spent["calls"]})
    best = {name: min(r[name] for r in rounds) for name in rounds[0]}
    parts = {part: best[f"7.{part}"] + sum(best[f"7.code.{name}"] for name in CHECKS[part]) for part in PARTS}
    return parts, best["worker"], int(best["calls"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("submission", nargs="?", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        submission = options.submission or notebook_submission(Path(folder))
        parts, worker, calls = graded(submission)
        organ = definitions_of(submission)
    print(f"{'part':6}{'training, s':>14}{'grading, ms':>14}{'ratio':>10}")
    total, ratios = 0.0, []
    for part, seconds in parts.items():
        again = retrained(organ, part)
        total += again
        ratios.append(again / seconds)
        print(f"({part})   {again:14.2f}{1000 * seconds:14.1f}{again / seconds:10.0f}", flush=True)
    overall = total / sum(parts.values())
    print(f"{'all':6}{total:14.2f}{1000 * sum(parts.values()):14.1f}{overall:10.0f}")
    print(f"in the worker: {1000 * worker:.0f} ms in {calls} calls (goal: below {1000 * WORKER_GOAL:.0f} ms)")
    met = min(ratios) >= LEAST_RATIO and overall >= LEAST_OVERALL and worker < WORKER_GOAL
    print(f"at least {LEAST_RATIO:.0f} in every part and {LEAST_OVERALL:.0f} overall: {'met' if met else 'NOT met'}")
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
