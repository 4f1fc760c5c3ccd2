"""Property tests hold whatever they draw: ten seeds, beside the one draw that every run repeats."""

import os
import subprocess
import sys

import pytest
from places import ROOT


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_property_tests_hold_under_another_seed(seed):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "hypothesis and not slow", f"--hypothesis-seed={seed}"]
    ran = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PROPERTY_SEEDS": "free"}, capture_output=True, text=True, check=False, timeout=900
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
