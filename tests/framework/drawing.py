"""How many examples a property test draws: as many as it asks for, and twenty times as many in `make fuzz`."""

import os

from hypothesis import settings

MORE = 20 if os.environ.get("FUZZ_SECONDS") else 1


def examples(count: int) -> settings:
    """`@examples(150)` above a property test. Whether they are the same every time is the profile's business (`conftest.py`)."""
    return settings(max_examples=count * MORE)
