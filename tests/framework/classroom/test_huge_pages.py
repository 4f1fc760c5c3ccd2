"""Large pages: what is in memory stays, and where the system cannot nothing happens."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.classroom.huge_pages import enlarge

HOLDER = """
import sys
kept = bytearray(b"abcdefgh" * 2_000_000)
print("ready", flush=True)
sys.stdin.readline()
print(kept == b"abcdefgh" * 2_000_000)
"""


def test_memory_holds_what_it_held():
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        pages = enlarge(process.pid)
        said, _ = process.communicate("go\n", timeout=60)
    assert said == "True\n"
    allowed = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if os.name == "posix" and os.geteuid() == 0 and allowed.exists() and "[never]" not in allowed.read_text(encoding="ascii"):
        if pages == 0:
            pytest.skip("this kernel does not make large pages on demand")
        assert pages >= 5


def test_a_process_that_is_not_there_is_none():
    assert enlarge(2**22 + 7) == 0
