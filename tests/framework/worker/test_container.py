"""Whole gradings where it is tight: in a container of half a processor and 0.75 GB, with hostile files, with a grader that is
killed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from places import ROOT
from submissions.attacks import catalogue, stage

from autograder.worker import processes
from autograder.worker.parents import can_fork

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not can_fork(), reason="Linux only")]

REFERENCE = ROOT / "reference" / "hw0"
MEMORY = 768 * 2**20


@pytest.fixture
def container() -> Iterator[list[Path]]:
    """Control groups as small as the default container, to which a process adds itself."""
    name = f"autograder-test-{os.getpid()}"
    groups = []
    try:
        if Path("/sys/fs/cgroup/memory").is_dir():
            for controller, files in (
                ("memory", {"memory.limit_in_bytes": str(MEMORY)}),
                ("cpu", {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"}),
            ):
                groups.append(Path("/sys/fs/cgroup", controller, name))
                groups[-1].mkdir()
                for file, text in files.items():
                    (groups[-1] / file).write_text(text)
        else:
            groups.append(Path("/sys/fs/cgroup", name))
            groups[-1].mkdir()
            (groups[-1] / "memory.max").write_text(str(MEMORY))
            (groups[-1] / "cpu.max").write_text("50000 100000")
        yield groups
    except OSError:
        pytest.skip("no control groups to be had here")
    finally:
        for group in groups:
            if group.is_dir():
                group.rmdir()


def grade(submission: Path, out: Path, groups: list[Path]) -> dict[str, Any]:
    joined = "".join(f"echo $$ > {group}/cgroup.procs; " for group in groups)
    command = f'{joined}exec {sys.executable} -m autograder grade "$0" --out "$1"'
    subprocess.run(["bash", "-c", command, submission, out], check=True, cwd=ROOT, capture_output=True, timeout=300)
    return dict(json.loads(out.read_text()))


def peak(groups: list[Path]) -> int:
    for name in ("memory.max_usage_in_bytes", "memory.peak"):
        if (groups[0] / name).exists():
            return int((groups[0] / name).read_text())
    return 0


def test_reference_in_a_small_container(container: list[Path], tmp_path: Path) -> None:
    results = grade(REFERENCE, tmp_path / "results.json", container)
    assert sum(test["score"] for test in results["tests"]) == pytest.approx(100)
    assert peak(container) < 0.6e9


def test_hostile_files_in_a_small_container(container: list[Path], tmp_path: Path) -> None:
    """One loops, one exits, one allocates without end: the write-up and the fourth keep their points."""
    attacks = {attack.name: attack for attack in catalogue.ATTACKS}
    submission = tmp_path / "submission"
    shutil.copytree(REFERENCE, submission)
    for file, name, functions in (
        ("ridge.py", "loop", ("tikhonov", "augment", "tikhonov_by_augmentation")),
        ("gradient_descent.py", "exit_as_if_done", ("gradient_step", "run_gradient_descent", "largest_stable_step", "norm_bound")),
        ("relu_elbow.py", "list_without_end", ("elbow", "gradients", "sgd_update", "network_elbows", "network_elbows_after_step")),
    ):
        for path, text in catalogue.as_submission(attacks[name], file, functions).items():
            for mark, value in (("@CANARY@", "/"), ("@FOLDER@", "/"), ("@HOST@", "1"), ("@N@", "9")):
                text = text.replace(mark, value)
            (submission / path).write_text(text)
    results = grade(submission, tmp_path / "results.json", container)
    code = {test["number"]: test for test in results["tests"] if ".code." in test["number"]}
    for number, test in code.items():
        expected = "correct" if number.startswith("7.") else "incorrect"
        assert test["extra_data"]["verdict"] == expected, test
    written = [test for test in results["tests"] if ".code." not in test["number"]]
    assert all(test["score"] == test["max_score"] for test in written)


GRADED = (
    *("overwrite", "start_up_files", "daemon", "kill_the_grader", "answer_in_advance", "agreeing_array", "answer_for_everything"),
    *("exit_while_loading", "children_that_compute_after_the_answer"),
)
RIDGE = ("tikhonov", "augment", "tikhonov_by_augmentation")


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """What each part of the reference earns."""
    results = grade(REFERENCE, tmp_path_factory.mktemp("untouched") / "results.json", [])
    return {test["number"]: test["score"] for test in results["tests"]}


@pytest.mark.parametrize("name", GRADED)
def test_hostile_file_in_a_whole_grading(name: str, tmp_path: Path, untouched: dict[str, float]) -> None:
    """It earns nothing and takes nothing from the other parts; what it aims at is as it was."""
    attack = next(attack for attack in catalogue.ATTACKS if attack.name == name)
    submission, target = tmp_path / "submission", tmp_path / "target"
    shutil.copytree(REFERENCE, submission)
    target.mkdir()
    (target / "canary.txt").write_text("canary-content")
    for path, text in catalogue.as_submission(attack, "ridge.py", RIDGE).items():
        for mark, value in (("@CANARY@", f"{target}/canary.txt"), ("@FOLDER@", str(target)), ("@HOST@", str(os.getpid())), ("@N@", "9")):
            text = text.replace(mark, value)
        (submission / path).write_text(text)
    before = time.monotonic()
    results = grade(submission, target / "results.json", [])
    assert time.monotonic() - before < 120
    for test in results["tests"]:
        expected = 0 if test["number"].startswith("4.code.") else untouched[test["number"]]
        assert test["score"] == pytest.approx(expected), test
    assert (target / "canary.txt").read_text() == "canary-content"
    assert sorted(os.listdir(target)) == ["canary.txt", "results.json"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, which it gives up")
def test_reference_as_an_ordinary_user() -> None:
    """Every layer that such a user can have, and 100 points all the same."""
    suite = ROOT / "tests" / "hw0"
    with stage.ordinary_python(ROOT) as command:
        folder = Path(command[4]).parents[2]
        room = folder / "room"
        room.mkdir()
        os.chown(room, stage.ORDINARY_USER, stage.ORDINARY_USER)
        script = folder / "grade.py"
        arguments = ["autograder", "grade", str(REFERENCE), "--assignment", str(suite), "--out", str(room / "results.json")]
        script.write_text(f"import sys\nfrom autograder.cli import main\nsys.argv = {arguments!r}\nmain()\n")
        done = stage.run_as_ordinary_user(command, str(script))
        if "Permission denied" in done.stderr:
            pytest.skip("an ordinary user cannot read this repository")
        assert done.returncode == 0, done.stderr
        results = json.loads((room / "results.json").read_text())
    assert results["score"] == pytest.approx(100)
    assert "separate user" not in results["extra_data"]["protections"]
    assert "grader not inspectable" in results["extra_data"]["protections"]


def test_kill_of_the_grader_at_random_moments(tmp_path: Path) -> None:
    """results.json is absent or whole, and no worker outlives the grader."""
    rng = random.Random(11)
    out = tmp_path / "results.json"
    seen = {"absent": 0, "whole": 0}
    for _ in range(50):
        out.unlink(missing_ok=True)
        command = [sys.executable, "-m", "autograder", "grade", str(REFERENCE), "--out", str(out)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as grader:
            time.sleep(rng.uniform(0, 2.8))
            below = processes.tree([grader.pid])
            grader.kill()
        end = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in below) and time.monotonic() < end:
            time.sleep(0.01)
        assert not [pid for pid in below if Path(f"/proc/{pid}").exists()]
        if out.exists():
            results = json.loads(out.read_text())
            assert 0 <= results["score"] <= 100 + 1e-9
            seen["whole"] += 1
        else:
            seen["absent"] += 1
    assert seen["absent"]
    assert seen["whole"]
