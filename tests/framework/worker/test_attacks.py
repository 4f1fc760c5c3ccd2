"""Attacks on the sandbox, from the catalogue beside this file: what must hold holds, as root and as an ordinary user, and no
layer is there for nothing: without it, an attack succeeds.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from places import ROOT as REPOSITORY
from places import SUBMISSIONS
from submissions.attacks import catalogue, stage

from autograder.worker import File, WarmParent, Worker, layers, slots
from autograder.worker.parents import can_fork

pytestmark = pytest.mark.skipif(not can_fork(), reason="Linux only")

ROOT = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, which it gives up")
FOLDER = SUBMISSIONS / "attacks"


ATTACKS = {attack.name: attack for attack in catalogue.ATTACKS}

SAMPLE = (
    *("read", "read_by_another_program", "read_through_the_library_handles", "memory_of_the_grader", "overwrite", "permissions"),
    *("leave_in_shared_memory", "one_large_file", "closed_folders", "other_file_of_the_submission", "start_up_files", "loopback_udp"),
    *("fork_bomb_that_returns", "daemon", "kill_the_grader", "kill_the_parent", "limit_the_grader", "compute_after_the_answer"),
    *("exit_in_a_while", "become_root", "namespace", "one_block", "shared_pages", "lie_about_length", "flood", "answer_in_advance"),
    *("agreeing_object", "print_results", "callers_frames", "answer_for_everything", "exit_while_loading", "loop"),
)
"""Run every time; all of them where the slow tests are run."""

SAMPLE_AS_ORDINARY = (
    "read",
    "overwrite",
    "permissions",
    "kill_the_grader",
    "memory_of_the_grader",
    "limit_the_grader",
    "daemon",
    "one_block",
)


@pytest.fixture(scope="module", autouse=True)
def _users_of_our_own() -> Iterator[None]:
    """So that every process of these users is one of ours, whatever else runs on the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slots, "FIRST_ID", slots.FIRST_ID + slots.SLOTS)
        patch.setattr(slots, "SLOTS", 40)
        yield


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmParent]:
    with WarmParent(torch=False) as parent:
        yield parent


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder that other users can enter, as a folder in a container is."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="attacked-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


LANDLOCK = layers.landlock_version() > 0 if can_fork() else False
ONLY_WITH_LANDLOCK = ("command_lines_of_others", "walk_for_it", "list_its_folder")


def _not_promised(attack: Any) -> str:
    """Why an attack succeeds here, by docs/security.md; empty where it must not."""
    if LANDLOCK:
        return ""
    if attack.name in ONLY_WITH_LANDLOCK or "landlock" in attack.without:
        return "this kernel has no Landlock"
    if os.geteuid() != 0 and attack.topic == "files":
        return "this kernel has no Landlock, and student code shares our user id"
    return ""


@pytest.mark.parametrize("name", [name if name in SAMPLE else pytest.param(name, marks=pytest.mark.slow) for name in ATTACKS])
def test_attack(name: str, place: Path, warm: WarmParent) -> None:
    if _not_promised(ATTACKS[name]):
        pytest.skip(_not_promised(ATTACKS[name]))
    assert stage.carry_out(ATTACKS[name], place, warm) == []


PROOFS = [attack.name for attack in catalogue.ATTACKS if attack.without]


@ROOT
@pytest.mark.slow
@pytest.mark.parametrize("name", PROOFS)
def test_without_its_layer_the_attack_succeeds(name: str, place: Path, warm: WarmParent) -> None:
    """So the test can fail, and the layer is what stands in the way."""
    attack = ATTACKS[name]
    if _not_promised(attack):
        pytest.skip(_not_promised(attack))
    with_layer, without_layer = place / "with", place / "without"
    with_layer.mkdir()
    without_layer.mkdir()
    assert stage.carry_out(attack, with_layer, warm, attack.also_without) == []
    assert stage.carry_out(attack, without_layer, warm, (*attack.also_without, *attack.without)) != []


def test_every_layer_has_its_proof() -> None:
    """Here, or, for what takes more than one call, in a test of its own."""
    proved = {layer for attack in catalogue.ATTACKS for layer in attack.without}
    own_tests = {"death", "dumpable", "privileges", "oom"}
    assert proved | own_tests >= {name for name, _, _ in layers.LAYERS} | {"watch", "sweep", "leftovers"}


def test_the_sample_exists() -> None:
    assert {*SAMPLE, *SAMPLE_AS_ORDINARY} <= set(ATTACKS)
    assert len(ATTACKS) == len(catalogue.ATTACKS) >= 100


def _as_ordinary(names: list[str], leave_out: tuple[str, ...] = ()) -> dict[str, list[str]]:
    with stage.ordinary_python(REPOSITORY) as command:
        folder = Path(command[4]).parents[2]
        (folder / "place").mkdir()
        os.chown(folder / "place", stage.ORDINARY_USER, stage.ORDINARY_USER)
        shutil.copytree(FOLDER, folder / "attacks", ignore=shutil.ignore_patterns("__pycache__"))
        for path in (folder / "attacks").rglob("*"):
            path.chmod(0o755)
        script = str(folder / "attacks" / "stage.py")
        done = stage.run_as_ordinary_user(command, script, str(folder / "place"), ",".join(leave_out), *names)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == set(names)
    return {name: problems for name, problems in found.items() if problems}


@ROOT
@pytest.mark.skipif(not LANDLOCK, reason="this kernel has no Landlock")
def test_a_sample_as_an_ordinary_user() -> None:
    assert _as_ordinary(list(SAMPLE_AS_ORDINARY)) == {}


@ROOT
@pytest.mark.slow
@pytest.mark.skipif(not LANDLOCK, reason="this kernel has no Landlock")
def test_all_as_an_ordinary_user() -> None:
    assert _as_ordinary([attack.name for attack in catalogue.ATTACKS if not attack.only_root]) == {}


# Layers whose proof takes more than one call ---------------------------------------------------------------------------

IDLE = "import time, os\ndef f():\n    return os.getpid()\n"


@ROOT
@pytest.mark.parametrize("leave_out", [(), ("death",)])
def test_a_guest_dies_with_its_parent(place: Path, leave_out: tuple[str, ...]) -> None:
    """Only the layer does that at once; without it the zygote finds the orphan, later."""
    (place / "code.py").write_text(IDLE)
    with Worker(place, {"code": File("code.py")}, torch=False, seed=1, _leave_out=leave_out) as worker:
        pid = worker.call("code.f").value
        supervisor = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        zygote = int(Path(f"/proc/{supervisor}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(zygote, 19)  # stopped, so that it cannot help
        os.kill(supervisor, 9)
        assert stage.gone_within([pid], 0.3 if leave_out else 10) == (leave_out == ())
        os.kill(zygote, 18)
        assert stage.gone_within([pid], 5)


SETUID = "import subprocess\ndef f(program):\n    return subprocess.run([program, '-u'], capture_output=True, text=True).stdout.strip()\n"


@ROOT
@pytest.mark.parametrize("leave_out", [("landlock",), ("landlock", "privileges", "seccomp")])
def test_no_program_gives_new_privileges(place: Path, leave_out: tuple[str, ...]) -> None:
    """A copy of `id` that is set-user-id root."""
    program = place / "id"
    shutil.copy(shutil.which("id") or "/usr/bin/id", program)
    program.chmod(0o4755)
    (place / "submission").mkdir()
    (place / "submission" / "code.py").write_text(SETUID)
    with Worker(place / "submission", {"code": File("code.py")}, torch=False, seed=1, _leave_out=leave_out) as worker:
        answer = worker.call("code.f", str(program)).value
        assert ("no new privileges" in worker.protections) == ("privileges" not in leave_out)
    if "privileges" in leave_out and answer != "0":
        pytest.skip("programs on this file system never change the user")
    assert (answer == "0") == ("privileges" in leave_out)


@ROOT
@pytest.mark.parametrize("leave_out", [(), ("oom",)])
def test_guests_go_first_when_memory_runs_out(place: Path, leave_out: tuple[str, ...]) -> None:
    (place / "code.py").write_text("def f(): return open('/proc/self/oom_score_adj').read().strip()\n")
    with Worker(place, {"code": File("code.py")}, torch=False, seed=1, _leave_out=leave_out) as worker:
        assert (worker.call("code.f").value == "1000") == (leave_out == ())


INSPECT = """
import os
def hold():
    global secret
    secret = b"sibling-" + b"secret"
    return os.getpid()
def inspect(pid):
    try: return open(f"/proc/{pid}/mem", "rb").fileno() > 0
    except OSError: return False
"""


@ROOT
def test_guests_that_share_a_user_cannot_inspect_each_other(place: Path) -> None:
    """Where neither a user of its own nor Landlock keeps them apart."""
    script = """
    import json, sys
    from pathlib import Path
    from autograder.worker import File, Worker
    answers = []
    for leave_out in (("landlock",), ("landlock", "dumpable")):
        sources = {"one": File("one.py"), "two": File("two.py")}
        with Worker(Path(sys.argv[1]), sources, torch=False, seed=1, _leave_out=leave_out) as worker:
            answers.append(worker.call("two.inspect", worker.call("one.hold").value).value)
    print(json.dumps(answers))
    """
    import textwrap

    with stage.ordinary_python(REPOSITORY) as command:
        folder = Path(command[4]).parents[2] / "submission"
        folder.mkdir()
        for name in ("one.py", "two.py"):
            (folder / name).write_text(INSPECT)
        (folder.parent / "script.py").write_text(textwrap.dedent(script))
        done = stage.run_as_ordinary_user(command, str(folder.parent / "script.py"), str(folder))
    assert done.returncode == 0, done.stderr
    with_layer, without_layer = json.loads(done.stdout)
    assert not with_layer
    if Path("/proc/sys/kernel/yama/ptrace_scope").exists():
        pytest.skip("this kernel lets no process inspect another anyway")
    assert without_layer
