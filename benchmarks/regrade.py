"""How fast a class is regraded: the full suite against its floor, and common checks against peers, all in one run.

    python benchmarks/regrade.py [--n 40] [--peers-n 12]      # speed; --peers-n 0 leaves the peers out
    python benchmarks/regrade.py --memory                     # resident memory and seconds each at N = 100 and N = 1000

The submissions are made here: right, wrong, half-done, slow, and a few hostile ones, all of different content. The *floor* is a
warm fork, the import of the submission and the calls that the suite makes, alone: no grading, no wire, no sandbox. It leaves out
the hostile ones, which would stop it, so our rate beside it leaves them out too; the rate with them is printed by itself.

The peers, gradescope-utils and otter-grader (no containers), are installed into environments of their own below a temporary
folder, from whatever index pip is configured for; numpy and torch are borrowed from this environment. A machine's speed drifts:
only ratios between rows of one run mean anything.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "reference" / "hw0"
SEED = 182
MEMORY_SIZES = (100, 1000)

KINDS = (("right", 11), ("wrong", 4), ("half", 3), ("slow", 1), ("hostile", 1))
"""Kinds of submissions and how many of twenty are of each."""

SLIPS = (
    ("gradient_descent.py", " - ", " + "),
    ("ridge.py", ".T", ""),
    ("relu_elbow.py", "-", ""),
    ("relu_elbow.py", "*", "+"),
    ("writeup.md", "yes", "no"),
    ("writeup.md", "A", "A^T"),
)
HOSTILE = (
    "import os\nos._exit(0)\n",
    "while True:\n    pass\n",
    "import os\nos.kill(os.getpid(), 9)\n",
    "hog = [bytearray(2**28) for _ in range(64)]\n",
)

CHECKS = 12
COMMON = """\
import numpy as np
import torch  # noqa: F401


def gradient_step(F, y, w, eta):
    return w - eta * F.T @ (F @ w - y)


def ridge(X, y, S):
    return np.linalg.solve(X.T @ X + np.linalg.inv(S), X.T @ y)


def norm(A):
    return np.linalg.norm(A, 2)
"""
CASES = """\
import numpy as np


def case(i):
    rng = np.random.default_rng(i)
    A, b, c = rng.normal(size=(5, 3)), rng.normal(size=5), rng.normal(size=3)
    S = np.eye(3) * (i + 1)
    if i % 3 == 0:
        return "gradient_step", (A, b, c, 0.1), c - 0.1 * A.T @ (A @ c - b)
    if i % 3 == 1:
        return "ridge", (A, b, S), np.linalg.solve(A.T @ A + np.eye(3) / (i + 1), A.T @ b)
    return "norm", (A,), np.linalg.svd(A, compute_uv=False)[0]
"""


# submissions ----------------------------------------------------------------------------------------------------------


def make_class(folder: Path, n: int, *, hostile: bool) -> int:
    """n submissions to hw0 of different content (fewer without the hostile ones); how many."""
    chance = random.Random(SEED)
    kinds = [kind for kind, share in KINDS for _ in range(share)]
    made = 0
    for number in range(n):
        kind = kinds[number * 7 % len(kinds)]
        if kind == "hostile" and not hostile:
            continue
        target = folder / f"submission_{number:04d}"
        shutil.copytree(REFERENCE, target, ignore=shutil.ignore_patterns("__pycache__"))
        if kind == "wrong":
            for name, old, new in chance.sample(SLIPS, 2):
                path = target / name
                head, _, tail = path.read_text(encoding="utf-8").partition("def " if name.endswith(".py") else "Answer")
                path.write_text(head + ("def " if name.endswith(".py") else "Answer") + tail.replace(old, new, 2), encoding="utf-8")
        elif kind == "half":
            (target / chance.choice(["ridge.py", "relu_elbow.py", "color_organ.py"])).unlink()
        elif kind == "slow":
            with (target / "ridge.py").open("a", encoding="utf-8") as file:
                file.write("\nimport time\n\ntime.sleep(0.5)\n")
        elif kind == "hostile":
            (target / "relu_elbow.py").write_text(HOSTILE[number // len(kinds) % len(HOSTILE)], encoding="utf-8")
        for path in target.glob("*.py"):
            with path.open("a", encoding="utf-8") as file:
                file.write(f"\nSTUDENT = {number}\n")
        made += 1
    return made


def make_common(folder: Path, n: int) -> None:
    """n submissions to the twelve common checks, each as a folder with work.py."""
    for number in range(n):
        target = folder / f"s{number:04d}"
        target.mkdir(parents=True)
        (target / "work.py").write_text(f"{COMMON}\n\nSTUDENT = {number}\n", encoding="utf-8")


def make_suite(home: Path) -> Path:
    """The twelve checks as a suite of ours."""
    suite = home / "tests" / "common"
    suite.mkdir(parents=True)
    numbers = [f"1.code.check{i}" for i in range(CHECKS)]
    toml = ['name = "common"', 'title = "Common checks"', 'edition = "1"', 'version = "1"', "[files]", 'code = ["work.py"]']
    toml += [
        "[[problems]]",
        'number = "1"',
        'title = "Checks"',
        "parts = []",
        "[points]",
        *(f'"{n}" = 1' for n in numbers),
        "[profiles.full]",
    ]
    (suite / "assignment.toml").write_text("\n".join(toml), encoding="utf-8")
    (suite / "public.py").write_text("READINGS = {}\nPUBLIC_CHECKS = {}\n", encoding="utf-8")
    (suite / "cases.py").write_text(CASES, encoding="utf-8")
    tests = "from cases import case\nfrom gradescope_utils.autograder_utils.decorators import number, weight\n\n"
    tests += "from autograder.numeric.arrays import near\n"
    for i, n in enumerate(numbers):
        tests += f"\n\n@number({n!r})\n@weight(1)\ndef test_{i}(student, judge):\n    name, args, truth = case({i})\n"
        tests += '    judge(near(student(f"work.{name}", *args), truth))\n'
    (suite / "test_checks.py").write_text(tests, encoding="utf-8")
    shutil.copytree(_one(home / "right"), home / "reference" / "common")
    return suite


def _one(folder: Path) -> Path:
    make_common(folder, 1)
    return folder / "s0000"


# ours -----------------------------------------------------------------------------------------------------------------


def ours(room: Path, jobs: int, assignment: str = "hw0") -> float:
    """Submissions a second, from the first submission on (the floor's start is left out too)."""
    with tempfile.TemporaryDirectory() as out:
        words = ["regrade", str(room), "--out", out, "--jobs", str(jobs), "--assignment", assignment]
        ran = subprocess.run([sys.executable, "-m", "autograder", *words], capture_output=True, text=True, check=False)
    last = re.findall(r"\[(\d+)/\1\] ([\d.]+)/s", ran.stderr)
    if not last:
        raise SystemExit(f"regrade failed: {ran.stderr[-2000:]}")
    return float(last[-1][1])


# the floor ------------------------------------------------------------------------------------------------------------


def recorded_calls() -> list[tuple[dict[str, Any], list[bytes]]]:
    """The requests that grading the reference makes of the student's code, in order."""
    from autograder.assignment import find_assignment
    from autograder.grading.run import grade
    from autograder.worker import Worker

    made: list[tuple[dict[str, Any], list[bytes]]] = []
    exchange = Worker._exchange

    def noted(self: Worker, source: str, request: dict[str, Any], buffers: Any, seconds: float) -> dict[str, Any]:
        if request["op"] in ("call", "attributes"):
            made.append((request, [bytes(b) for b in buffers]))
        return exchange(self, source, request, buffers, seconds)

    Worker._exchange = noted  # type: ignore[method-assign]
    try:
        grade(REFERENCE, find_assignment("hw0"))
    finally:
        Worker._exchange = exchange  # type: ignore[method-assign]
    return made


def floor(room: Path, jobs: int, calls: list[tuple[dict[str, Any], list[bytes]]]) -> float:
    """Submissions a second: a fork of a process with torch, the import of the four files, the calls."""
    submissions = sorted(room.iterdir())
    ready, started = os.pipe()
    go, begin = os.pipe()
    pids = []
    for job in range(jobs):
        pid = os.fork()
        if pid == 0:
            try:
                _floor_job(submissions[job::jobs], calls, started, go)
            finally:
                os._exit(0)
        pids.append(pid)
    for _ in pids:
        os.read(ready, 1)
    began = time.monotonic()
    os.write(begin, b"x" * jobs)
    for pid in pids:
        os.waitpid(pid, 0)
    return len(submissions) / (time.monotonic() - began)


def _floor_job(submissions: list[Path], calls: list[tuple[dict[str, Any], list[bytes]]], started: int, go: int) -> None:
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    import gc

    import torch

    from autograder.worker import guest

    assert torch is not None
    gc.collect()
    gc.freeze()
    os.write(started, b"x")
    os.read(go, 1)
    for path in submissions:
        pid = os.fork()
        if pid == 0:
            try:
                null = os.open(os.devnull, os.O_RDWR)
                os.dup2(null, 1)
                os.dup2(null, 2)
                os.chdir(path)
                one = guest.Guest(str(path))
                for file in sorted(path.glob("*.py")):
                    _tried(one, {"op": "file", "module": file.stem, "path": file.name, "seed": 1}, [])
                for request, buffers in calls:
                    _tried(one, request, [memoryview(b) for b in buffers])
            finally:
                os._exit(0)
        os.waitpid(pid, 0)


def _tried(guest: Any, request: dict[str, Any], buffers: list[memoryview]) -> None:
    try:
        guest._perform(request, buffers)
    except BaseException:
        return  # wrong submissions raise; so they do under the grader


# peers ----------------------------------------------------------------------------------------------------------------


def environment(folder: Path, *packages: str) -> Path:
    """The Python of a new environment with the packages, and numpy and torch borrowed from ours."""
    import numpy

    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages]
    installed = subprocess.run(command, capture_output=True, text=True, check=False)
    if installed.returncode:
        raise SystemExit(f"{', '.join(packages)} cannot be installed: {installed.stderr[-2000:]}")
    where = subprocess.run([str(python), "-c", "import site; print(site.getsitepackages()[0])"], capture_output=True, text=True, check=True)
    Path(where.stdout.strip(), "borrowed.pth").write_text(f"{Path(numpy.__file__).parents[1]}\n", encoding="utf-8")
    return python


def gradescope_utils(python: Path, base: Path) -> Callable[[Path], None]:
    """Grades one submission as gradescope-utils' own example does: a process, unittest, JSONTestRunner."""
    tests = base / "gradescope"
    tests.mkdir()
    (tests / "cases.py").write_text(CASES, encoding="utf-8")
    lines = [
        "import json, sys, unittest",
        "sys.path.insert(0, sys.argv.pop(1))",
        "import numpy as np",
        "import work",
        "from cases import case",
    ]
    lines += [
        "from gradescope_utils.autograder_utils.decorators import weight",
        "from gradescope_utils.autograder_utils.json_test_runner import JSONTestRunner",
    ]
    lines += ["class T(unittest.TestCase):"]
    for i in range(CHECKS):
        lines += ["    @weight(1)", f"    def test_{i}(self):", f"        name, args, truth = case({i})"]
        lines += ["        np.testing.assert_allclose(getattr(work, name)(*args), truth)"]
    lines += [
        "with open(sys.argv[1], 'w') as f:",
        "    JSONTestRunner(visibility='visible', stream=f).run(unittest.defaultTestLoader.loadTestsFromTestCase(T))",
    ]
    (tests / "run_tests.py").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def run(submission: Path) -> None:
        out = base / "gradescope.json"
        subprocess.run([str(python), str(tests / "run_tests.py"), str(submission), str(out)], check=True, capture_output=True)
        earned = json.loads(out.read_text(encoding="utf-8"))["score"]
        assert earned == CHECKS, earned

    return run


def otter(python: Path, base: Path) -> Callable[[Path], None]:
    """Grades one submission by `otter run`, a script, without a container."""
    folder = base / "otter"
    (folder / "tests").mkdir(parents=True)
    (folder / "cases.py").write_text(CASES, encoding="utf-8")
    for i in range(CHECKS):
        code = f">>> import sys\n>>> sys.path.insert(0, {str(folder)!r})\n>>> import numpy as np\n>>> from cases import case\n"
        code += f">>> name, args, truth = case({i})\n>>> bool(np.allclose(globals()[name](*args), truth))\nTrue"
        test = {
            "name": f"q{i}",
            "points": 1,
            "suites": [{"cases": [{"code": code, "hidden": False, "locked": False}], "scored": True, "type": "doctest"}],
        }
        (folder / "tests" / f"q{i}.py").write_text(f"OK_FORMAT = True\n\ntest = {test!r}\n", encoding="utf-8")
    (folder / "otter_config.json").write_text('{"score_threshold": null, "show_stdout": false}', encoding="utf-8")
    command = [str(python), "-m", "otter"]
    made = subprocess.run(
        [*command, "generate", "-t", "tests", "-o", "autograder.zip", "-c", "otter_config.json", "--no-environment"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise SystemExit(f"otter generate failed: {made.stderr[-2000:]}")

    def run(submission: Path) -> None:
        out = base / "otter-results"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        words = [*command, "run", "-a", str(folder / "autograder.zip"), "-o", str(out), "--no-logo", str(submission / "work.py")]
        ran = subprocess.run(words, capture_output=True, text=True, check=False, cwd=out)
        found = list(out.glob("*.json"))
        if ran.returncode or not found:
            raise SystemExit(f"otter run failed: {ran.stdout[-1000:]}{ran.stderr[-2000:]}")
        earned = sum(t.get("score", 0) for t in json.loads(found[0].read_text(encoding="utf-8"))["tests"])
        assert earned == CHECKS, earned

    return run


def rate(run: Callable[[Path], None], submissions: list[Path]) -> float:
    began = time.monotonic()
    for path in submissions:
        run(path)
    return len(submissions) / (time.monotonic() - began)


# what is printed --------------------------------------------------------------------------------------------------------


def speed(n: int, peers: int) -> None:
    with scratch() as base:
        count = make_class(base / "class", n, hostile=False)
        everyone = make_class(base / "all", n, hostile=True)
        calls = recorded_calls()
        print(f"{count} submissions without the hostile ones, {everyone} with them; {len(calls)} calls into each; {os.cpu_count()} cores")
        rates: dict[tuple[str, int], float] = {}
        for jobs in (1, 2):
            rates["floor", jobs] = floor(base / "class", jobs, calls)
            rates["ours", jobs] = ours(base / "class", jobs)
            ratio = rates["ours", jobs] / rates["floor", jobs]
            told = f"floor {rates['floor', jobs]:.2f}/s, full suite {rates['ours', jobs]:.2f}/s, ratio {ratio:.2f} (goal 0.5)"
            print(f"{jobs} job{'s' * (jobs > 1)}: {told}", flush=True)
        gain = {who: rates[who, 2] / rates[who, 1] for who in ("floor", "ours")}
        share = gain["ours"] / gain["floor"]
        print(f"two jobs gain: floor {gain['floor']:.2f}x, ours {gain['ours']:.2f}x, {share:.2f} of the floor's (goal 0.9)")
        print(f"with the hostile ones, 2 jobs: {ours(base / 'all', 2):.2f}/s", flush=True)
        if peers:
            against_peers(base, n, peers)


def against_peers(base: Path, n: int, peers: int) -> None:
    suite = make_suite(base / "home")
    make_common(base / "common", max(n, peers))
    some = sorted((base / "common").iterdir())[:peers]
    unit = gradescope_utils(environment(base / "env-gradescope", "gradescope-utils"), base)
    notebook = otter(environment(base / "env-otter", "otter-grader", "ipykernel"), base)
    mine = ours(base / "common", 1, str(suite))
    theirs = {"gradescope-utils": (rate(unit, some), 30), "otter-grader": (rate(notebook, some[: max(2, peers // 3)]), 100)}
    mine = (mine + ours(base / "common", 1, str(suite))) / 2
    print(f"{CHECKS} numeric checks with `import torch`, one at a time: ours {mine:.2f}/s")
    for name, (other, goal) in theirs.items():
        print(f"    {name} {other:.3f}/s: ours is {mine / other:.0f} times as fast (goal {goal})")


def memory() -> None:
    """Resident memory of the parents at the end, and seconds for each submission, at two sizes."""
    with scratch() as base:
        suite = make_suite(base / "home")
        for n in MEMORY_SIZES:
            make_common(base / f"of {n}", n)
            words = ["regrade", str(base / f"of {n}"), "--out", str(base / f"out {n}"), "--jobs", "1", "--assignment", str(suite)]
            process = subprocess.Popen(
                [sys.executable, "-m", "autograder", *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
            assert process.stderr is not None
            seen: dict[str, int] = {}
            said = ""
            for line in process.stderr:
                said, now = line, resident(process.pid)
                seen = now if len(now) >= len(seen) else seen  # at the very end they leave one after another
            process.wait()
            total = sum(seen.values())
            told = ", ".join(f"{name} {size / 2**20:.0f} MiB" for name, size in seen.items())
            print(f"N = {n}: {told}; together {total / 2**20:.1f} MiB; {said.split(',')[0]}", flush=True)


def resident(pid: int) -> dict[str, int]:
    """Resident bytes of a regrade's long-lived processes: itself, its job, and the parents of students' processes."""
    found = {}

    def size(one: int) -> int:
        return int(Path(f"/proc/{one}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def below(one: int) -> list[int]:
        return [int(p) for p in Path(f"/proc/{one}/task/{one}/children").read_text(encoding="ascii").split()]

    try:
        found["regrade"] = size(pid)
        for job in below(pid):
            found["job"] = size(job)
            for parent in below(job):
                words = Path(f"/proc/{parent}/cmdline").read_bytes().split(b"\0")
                if b"zygote" in words:
                    found[f"worker's parent ({words[words.index(b'zygote') + 1].decode()})"] = size(parent)
    except OSError:
        return {}
    return found


@contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="regrade-benchmark-") as folder:
        yield Path(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=40)
    parser.add_argument("--peers-n", type=int, default=12)
    parser.add_argument("--memory", action="store_true")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    memory() if given.memory else speed(given.n, given.peers_n)


if __name__ == "__main__":
    main()
