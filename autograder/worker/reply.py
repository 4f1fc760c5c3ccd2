"""What a suite gives to a worker and gets back: limits, sources, arguments, replies. Plain frozen values, no processes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from autograder.worker import wire

Json: TypeAlias = Any

FailureKind = Literal["missing", "raised", "exited", "killed", "timeout", "memory", "type", "import", "skipped", "not_reached"]

CALL_SECONDS = 5.0
"""Seconds that each call may take."""

LOAD_SECONDS = 30.0
"""Seconds that loading one source may take, all its units together."""

UNIT_SECONDS = 5.0
"""Seconds that one unit of a source of units may take."""

SOURCE_SECONDS = 200.0
"""Seconds that all calls into one source may take together."""

MEMORY_BYTES = 1024 * 2**20
"""Bytes that student code may take in addition to Python and its libraries."""

FILE_BYTES = 64 * 2**20
"""Bytes of one file that student code writes."""

DISK_BYTES = 256 * 2**20
"""Bytes of everything that student code leaves in its folder."""

PROCESSES = 64
"""Processes and threads of student code at once."""

OPEN_FILES = 256
"""Files open at once in each process of student code."""

PRINTED_CHARACTERS = 10_000
"""Characters kept of what a call prints."""


@dataclass(frozen=True)
class Failure:
    """What happened instead of a value, for the student to read: no addresses, no temporary paths, length capped."""

    kind: FailureKind
    message: str
    """Exception type and text, or what ended the call; one or two lines."""
    line: str = ""
    """Where in the student's own files: `ridge.py, line 12`; empty where that is not known."""


@dataclass(frozen=True)
class Reply:
    """What one call gave. Where `failure` is set there is no value."""

    function: str
    """`linear.solve`, or `@name` for a kept object."""
    args: tuple[Json, ...]
    """The arguments as evidence: nested lists, numbers, texts; NaN and infinities as the texts `nan`, `inf`, `-inf`."""
    value: Any = None
    """None, bool, int, float, complex, str, list, tuple, dict or numpy.ndarray, all of exactly these types."""
    failure: Failure | None = None
    printed: str = ""
    """What the call wrote to standard output and error, capped."""


@dataclass(frozen=True)
class Limits:
    """What student code may use. Times in seconds, sizes in bytes."""

    call: float = CALL_SECONDS
    load: float = LOAD_SECONDS
    unit: float = UNIT_SECONDS
    source: float = SOURCE_SECONDS
    memory: int = MEMORY_BYTES
    file_size: int = FILE_BYTES
    disk: int = DISK_BYTES
    processes: int = PROCESSES
    open_files: int = OPEN_FILES
    printed: int = PRINTED_CHARACTERS


class Unit(NamedTuple):
    """Code that is executed at once. label: where it stands, for messages. offset: the line before its first line there."""

    code: str
    label: str
    offset: int


@dataclass(frozen=True)
class File:
    """A Python file of the submission, imported once as the module that the source is called; path relative to the root.

    before: a unit of our own that its process executes first, in a module of its own.
    """

    path: str
    before: Unit | None = None


@dataclass(frozen=True)
class Units:
    """Pieces of code executed one after another in one namespace. A piece that raises or hangs loses only itself.

    `Unit("R = 5", "color.ipynb, cell 3", 0)` raises at `color.ipynb, cell 3, line 1`.
    """

    units: Sequence[Unit]


Source: TypeAlias = File | Units


@dataclass(frozen=True)
class Tensor:
    """An array that arrives as a torch tensor of the same dtype."""

    array: npt.ArrayLike


@dataclass(frozen=True)
class Kept:
    """An object that an earlier call into the same source kept with `keep=name`."""

    name: str


@dataclass(frozen=True)
class Named:
    """An object of the student's own: `fit.loss_fn`."""

    name: str


@dataclass(frozen=True)
class Polynomial:
    """A function of two arguments, elementwise: the sum of c[i][j] x**i y**j; arrives as a callable for numbers, arrays and tensors."""

    coefficients: Sequence[Sequence[float]] = field(default_factory=list)


def evidence(value: Any) -> Json:
    """An argument as a person can replay it: JSON values only."""
    if isinstance(value, Tensor):
        return evidence(np.asarray(value.array))
    if isinstance(value, Kept):
        return f"@{value.name}"
    if isinstance(value, Named):
        return value.name
    if isinstance(value, Polynomial):
        return {"polynomial": [[evidence(c) for c in row] for row in value.coefficients]}
    if isinstance(value, np.ndarray | np.generic):
        plain = value.dtype.kind in "biu" or (value.dtype.kind == "f" and bool(np.isfinite(value).all()))
        return value.tolist() if plain else evidence(value.tolist())
    if isinstance(value, list | tuple):
        return [evidence(item) for item in value]
    if isinstance(value, dict):
        return {str(key): evidence(item) for key, item in value.items()}
    if isinstance(value, complex):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value


def references(value: Any) -> Any:
    """What only a request may hold."""
    if isinstance(value, Tensor):
        return wire.Tagged("tensor", np.array(value.array))
    if isinstance(value, Polynomial):
        coefficients = np.array(value.coefficients, dtype=np.float64)
        if coefficients.ndim != 2:
            raise wire.Unsendable("a Polynomial whose coefficients are no table of numbers")
        return wire.Tagged("polynomial", coefficients)
    if isinstance(value, Kept):
        return wire.Tagged("kept", value.name)
    if isinstance(value, Named):
        return wire.Tagged("named", value.name)
    return NotImplemented
