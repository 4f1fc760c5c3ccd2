"""Whether a submission needs torch, and whether there is one: importing it costs seconds, which the others need not pay."""

from __future__ import annotations

import importlib.util


def needs_torch(code: bytes | str) -> bool:
    """Whether code needs torch to be imported beforehand: whether it mentions it at all."""
    return "torch" in code if isinstance(code, str) else b"torch" in code


def has_torch() -> bool:
    """Whether torch is installed here; finds out without importing it."""
    return importlib.util.find_spec("torch") is not None
