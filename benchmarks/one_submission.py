"""Whole-process wall time of grading one submission, against the imports that a grader cannot do without.

    python benchmarks/one_submission.py [--runs 7]

Prints, for the reference in its .py form and as a notebook, cold and warm file cache, the ratio to
`python -c "import numpy, torch, sympy, pytest"` taken in turn in the same run. A machine's speed drifts, so only ratios
between neighbours are quoted. The cache is made cold by dropping the kernel's page cache, where that is allowed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FLOOR = [sys.executable, "-c", "import numpy, torch, sympy, pytest"]


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def drop_caches() -> bool:
    try:
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")
    except OSError:
        return False
    return True


def as_notebook(folder: Path, target: Path) -> None:
    """The reference with its color organ moved into a notebook."""
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("__pycache__"))
    code = (target / "color_organ.py").read_text(encoding="utf-8")
    (target / "color_organ.py").unlink()
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": code}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    (target / "color_organ_learning.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as scratch:
        reference, notebook = ROOT / "reference" / "hw0", Path(scratch) / "notebook"
        as_notebook(reference, notebook)
        print(f"{runs} runs each, in turn; medians")
        for label, path in (("reference, .py form", reference), ("reference, notebook form", notebook)):
            command = [sys.executable, "-m", "autograder", "grade", str(path), "--out", f"{scratch}/results.json"]
            for state in ("warm", "cold"):
                floor, ours = [], []
                for _ in range(runs if state == "warm" else max(1, runs // 3)):
                    if state == "cold" and not drop_caches():
                        break
                    floor.append(seconds(FLOOR))
                    if state == "cold":
                        drop_caches()
                    ours.append(seconds(command))
                if not ours:
                    print(f"{label}, cold file cache: not measured, the page cache cannot be dropped here")
                    continue
                score = json.loads(Path(f"{scratch}/results.json").read_text(encoding="utf-8"))["score"]
                a, b = statistics.median(ours), statistics.median(floor)
                ratio = statistics.median(x / y for x, y in zip(ours, floor, strict=True))
                print(f"{label}, {state} file cache: {a:.2f} s (score {score:g}), imports alone {b:.2f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
