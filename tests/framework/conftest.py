"""Property tests draw the same examples every time, so that nobody's first run fails by chance; `make fuzz` draws new ones.

`PROPERTY_SEEDS=free` lets `--hypothesis-seed` decide, as `make slow` does for ten of them.
"""

import os

from hypothesis import settings

settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.register_profile("free", database=None, deadline=None)
settings.register_profile("fuzz", deadline=None, print_blob=True)
settings.load_profile("fuzz" if os.environ.get("FUZZ_SECONDS") else os.environ.get("PROPERTY_SEEDS") or "fixed")
