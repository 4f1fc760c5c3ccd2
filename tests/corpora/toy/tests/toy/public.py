from pathlib import Path

from autograder.suite import load_assignment

POINTS = load_assignment(Path(__file__).parent).points

READINGS = {part: lambda answer: f"read as {answer.text!r}" for part in ("1.a", "1.b")}


def double(student, rng):
    """of zero is zero"""
    reply = student("toy.double", 0.0)
    if reply.failure is not None:
        return "missing" if reply.failure.kind == "missing" else reply.failure.message
    return None if reply.value == 0 else "of zero is not zero"


PUBLIC_CHECKS = {"1.code.double": double}
