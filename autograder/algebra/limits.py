"""Every cap of the algebra room, in one place. Beyond one of them a text is refused, never half read."""

from __future__ import annotations

from typing import Final

MAX_DOLLARS: Final = 120
MAX_DEPTH: Final = 40
"""Nested brackets, fractions and exponents, counted by the reader itself."""
MAX_TREE_DEPTH: Final = 80
"""Of an expression as read: operations within each other, also where no bracket is typed."""
MAX_NODES: Final = 600
"""Of a typed expression, definitions put in."""
MAX_FACTORS: Final = 40
"""Of one product: choosing its association is cubic in them."""
MAX_WORD: Final = 24
"""Letters of a run that is taken apart into declared names."""
MAX_DIGITS: Final = 15
"""Of one number as typed."""
MAX_DECIMAL_EXPONENT: Final = 30
"""Of a number such as 1e-6."""
MAX_EXPONENT: Final = 12
"""Of a constant integer power."""
MAX_DEGREE: Final = 256
"""Of an expression as a polynomial in its symbols, powers of powers multiplied out."""
MAX_SUM: Final = 64
"""Of the number that a sum runs up to."""
MAX_BLOCK_ENTRIES: Final = 64
"""Entries of a matrix that is written out."""
MAX_DECIDE_OPERATIONS: Final = 200_000
"""Ring operations that one evaluation may take, estimated before it starts."""
MAX_TERMS: Final = 64
"""Terms kept when a sum is multiplied out to find a slip."""
MAX_SLIPS: Final = 160
"""Slips of the expected expression that are tried."""

MODULUS_BITS: Final = 61
"""Of the random prime of an exact evaluation."""
DIGITS: Final = 50
"""Decimal digits of a high-precision evaluation."""
EQUAL_BELOW: Final = 25
"""Values agree when their relative difference is below ten to minus this, at DIGITS digits."""
REAL_POINTS: Final = 3
"""Points per shape of a high-precision evaluation."""
RETRIES: Final = 6
"""Further draws where an expression has no value at a random point."""
WITNESS_TRIES: Final = 40
SWEEP_LINES: Final = 3
"""Base points of the search along boundaries of piecewise expressions, for each coordinate."""
SWEEP_COORDINATES: Final = 8
MAX_BREAKS: Final = 24
"""Boundary points looked at along one line."""
MAX_CONDITION_POINTS: Final = 24

PROOF_SECONDS: Final = 0.5
"""What one attempt of sympy may take."""
PROOF_MEGABYTES: Final = 512
CACHED_DECISIONS: Final = 4_096
