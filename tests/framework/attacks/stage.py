"""What the tests of the sandbox share: a copy of the interpreter that any user can run, and a look at processes.

Run as a script by that interpreter (`stage.py ROOT JSON`) it carries out attacks as an ordinary user; see `test_attacks.py`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ORDINARY_USER = 60_990
"""A user id without rights and without an entry, for tests run by root."""


@contextlib.contextmanager
def ordinary_python(repository: Path) -> Iterator[list[str]]:
    """The command of an interpreter, with this project and its packages, that an ordinary user can run: a copy by hard
    links, because the real one may lie in the administrator's home.
    """
    folder = Path(tempfile.mkdtemp(prefix="ordinary-python-"))
    try:
        folder.chmod(0o755)
        library = Path(sysconfig.get_paths()["stdlib"])
        home = folder / "base"
        shutil.copytree(
            library,
            home / "lib" / library.name,
            copy_function=_link,
            ignore=shutil.ignore_patterns("site-packages", "test", "idlelib", "config-*", "ensurepip"),
        )
        for shared in (library.parent).glob("libpython3*.so*"):
            _link(str(shared), str(home / "lib" / shared.name))
        binary = home / "bin" / library.name
        binary.parent.mkdir()
        _link(os.path.realpath(sys.executable), str(binary))
        shutil.copytree(repository / "autograder", folder / "ours" / "autograder", copy_function=_link)
        packages = sysconfig.get_paths()["purelib"]
        for place in (folder, home, home / "bin", home / "lib", folder / "ours"):
            place.chmod(0o755)
        program = f"import sys; sys.path[:0] = [{str(folder / 'ours')!r}]; sys.path.append({packages!r}); sys.argv = sys.argv[1:]; "
        program += "exec(compile(open(sys.argv[0]).read(), sys.argv[0], 'exec'))"
        yield ["env", "-i", "PATH=/usr/bin:/bin", f"LD_LIBRARY_PATH={home / 'lib'}", str(binary), "-I", "-S", "-c", program]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


def run_as_ordinary_user(command: list[str], *arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    """Runs a command without any rights of root's."""
    return subprocess.run(
        [*command, *arguments],
        user=ORDINARY_USER,
        group=ORDINARY_USER,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone_within(pids: list[int], seconds: float) -> bool:
    """Whether all of these processes end within some seconds."""
    end = time.monotonic() + seconds
    while any(map(is_alive, pids)):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
