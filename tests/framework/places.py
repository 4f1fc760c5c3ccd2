"""Where things lie: what tests read of the repository."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "autograder"
TESTS = ROOT / "tests"
HW0 = TESTS / "hw0"
CORPORA = TESTS / "corpora"
TOY = CORPORA / "toy"
SUBMISSIONS = TESTS / "framework" / "submissions"
SHARED = ROOT.parent / "shared"
"""Beside the project where it is developed, else absent: tests that read it skip."""
