"""What tests of derivations share: an answer as the write-up hands it over, and the suite's rubrics and situations."""

import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "hw0"))
sys.modules.pop("public", None)  # another suite's, where one was collected before
from derivations import ELBOW_CALCULUS, ELBOW_LOCATION, ELBOW_STEPS, GRADIENT_DESCENT, RIDGE, VECTOR_CALCULUS  # noqa: E402
from public import STEPS  # noqa: E402

__all__ = ["ELBOW_CALCULUS", "ELBOW_LOCATION", "ELBOW_STEPS", "GRADIENT_DESCENT", "RIDGE", "STEPS", "VECTOR_CALCULUS", "Typed"]


@dataclass
class Typed:
    """What the write-up hands over."""

    body: str
    text: str = ""
    state: str = "typed"
    start: int = 1
    how: str = ""
    line: int = 1
