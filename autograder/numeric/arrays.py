"""Numbers that a student's code returned, against truth -> Verdict.

Errors are measured in rounding units of the *returned* type, on a scale that the suite derives from the inputs, and the
threshold is LAPACK's own (30.0, `TESTING/dtest.in`): an algorithm in floating point is right when its error is a modest
multiple of what rounding alone explains. Truth is best exact: `rationals` and `solved` compute with fractions.

A scale is the size of the error that one rounding in every operation may cause, over the rounding unit:

* sums and products: the same formula with absolute values, |w| + eta |F|^T (|F| |w| + |y|) for w - eta F^T (F w - y)
  (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.5: holds for any order of summation);
* systems of equations: condition number times the norm of the solution (Higham, section 7.2);
* least squares: `least_squares`, a backward error, which needs no condition number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from autograder.evidence import FailureEvidence, Measure, NumericEvidence, ShapeMeasure, Shortfall
from autograder.numeric.exact import Array, floats
from autograder.verdict import Json, Verdict, correct, incorrect, missing, partial
from autograder.worker import Reply

THRESHOLD = 30.0
"""Rounding units of error, over the scale, that are accepted: the threshold of LAPACK's own tests. The worst case of a product of
n terms is n / 2 units, so this holds for inputs up to a few dozen rows whatever the order of the operations."""

DOUBLE = float(np.finfo(np.float64).eps)
"""Rounding unit of double precision. Wider types, integers and Python's numbers are judged with it too: inputs are doubles."""

SINGLE = float(np.finfo(np.float32).eps)
"""Rounding unit of single precision. Narrower types are judged with it too: fewer digits than these are an approximation."""

AXES_SHARE = 0.8
"""Share of the points for right values in a shape that differs only by axes of length 1."""

EVIDENCE_CHARACTERS = 4_000
"""Longer pieces of evidence are cut and say so."""

SHOWN_CHARACTERS = 160
"""Longer arguments and values are described instead of shown in a message."""

NUMBERS_MAX = 1_000_000
"""Numbers in nested lists that are looked at; more are refused."""

PIECE = ": "
"""Between a function's name and that of one of the values that it returns, in the replies of `pieces`."""

WHAT_HAPPENED = {
    "raised": "{name} raised {message}",
    "exited": "{name} ended Python instead of returning: {message}",
    "killed": "{name} crashed: {message}",
    "timeout": "{name} ran out of time: {message}",
    "memory": "{name} ran out of memory: {message}",
    "type": "{name} gave neither a number nor an array or list of numbers: {message}",
    "import": "{name} cannot be called, because its file cannot be loaded: {message}",
    "skipped": "{name} was {message}",
    "not_reached": "{name} was not reached: {message}",
}
"""A sentence for each kind of failure; `missing` is a verdict of its own."""

NOT_CALLED = ("import", "skipped", "not_reached")
"""Failures that have nothing to do with the arguments."""


@dataclass(frozen=True)
class Numbers:
    """Numbers as returned. values: float64, of the shape asked for. unit: to judge them with. axes: what is odd about the shape."""

    values: Array
    unit: float
    axes: str = ""


# Reading what was returned.


def rounding_unit(dtype: np.dtype[Any]) -> float:
    """The rounding unit that values of this dtype are judged with: that of single or of double precision."""
    return SINGLE if dtype.kind == "f" and np.finfo(dtype).eps >= SINGLE else DOUBLE


def _leaves(value: object) -> tuple[list[npt.NDArray[Any]], str]:
    """The arrays and numbers inside nested lists; and what is no number among them, or nothing."""
    leaves: list[npt.NDArray[Any]] = []
    stack, size = [value], 0
    while stack:
        item = stack.pop()
        if isinstance(item, list | tuple):
            stack.extend(item)
            size += len(item)
        elif isinstance(item, np.ndarray | np.generic | int | float | complex):
            array = np.asarray(item)
            leaves.append(array)
            size += array.size
        else:
            return leaves, "nothing (None); is a `return` missing?" if item is None else f"something of type {type(item).__name__}"
        if size > NUMBERS_MAX:
            return leaves, f"more than {NUMBERS_MAX:,} numbers"
    return leaves, ""


def _as_array(value: object) -> tuple[Array, float] | str:
    """The value as float64 and its rounding unit, or what is wrong with it, to be read after "returned"."""
    leaves, odd = _leaves(value)
    if odd:
        return odd
    for leaf in leaves:
        if leaf.dtype.kind == "c":
            return "complex numbers; real ones were asked for"
        if leaf.dtype.kind == "b":
            return "True or False; numbers were asked for"
        if leaf.dtype.kind not in "fiu":
            return f"an array of dtype {leaf.dtype}; numbers were asked for"
    try:
        array = np.asarray(value)
    except ValueError:
        return "nested lists whose rows differ in length"
    if array.dtype.kind not in "fiu":
        return "integers beyond 64 bits"
    unit = max((rounding_unit(leaf.dtype) for leaf in leaves), default=DOUBLE)
    with np.errstate(over="ignore"):
        return array.astype(np.float64), unit


def as_floats(value: object) -> Array | None:
    """A returned number or array as float64, shape kept; a whole number that is too large for one is infinite.

    None for everything else that can be returned: nothing, texts, lists, truth values, complex numbers.
    """
    if type(value) is int:
        try:
            return np.array(float(value))
        except OverflowError:
            return np.array(math.inf if value > 0 else -math.inf)
    if not isinstance(value, np.ndarray | float) or np.asarray(value).dtype.kind not in "fiu":
        return None
    return np.asarray(value, dtype=np.float64)


def numbers(reply: Reply, shape: tuple[int, ...]) -> Numbers | Verdict:
    """What was returned as numbers of exactly this shape, or the verdict where it is none.

    A shape that differs only by axes of length 1 is read as the shape asked for, and `axes` says so.
    """
    if reply.failure is not None:
        return failed(reply)
    if isinstance(reply.value, np.ndarray) and _long_axes(reply.value.shape) != _long_axes(shape):
        return _wrong_shape(reply, reply.value.shape, shape)  # before anything is made of it: it may be huge
    read = reply.value.said if isinstance(reply.value, _WrongCount) else _as_array(reply.value)
    if isinstance(read, str):
        return wrong_type(reply, read)
    values, unit = read
    if values.shape == shape:
        return Numbers(values, unit)
    if _long_axes(values.shape) == _long_axes(shape):
        return Numbers(values.reshape(shape), unit, _shapes(values.shape, shape))
    return _wrong_shape(reply, values.shape, shape)


def _wrong_shape(reply: Reply, got: tuple[int, ...], due: tuple[int, ...]) -> Verdict:
    said = f"{_name(reply)} {_shapes(got, due)}."
    return incorrect(f"{said}\n{_called(reply)}", evidence=_evidence(reply, list(due), list(got), ShapeMeasure()), slip="shape", read=said)


def _shapes(got: tuple[int, ...], due: tuple[int, ...]) -> str:
    return f"returned shape {_shape(got)} where shape {_shape(due)} is due"


def pieces(reply: Reply, names: Sequence[str]) -> list[Reply]:
    """The replies for each of several returned values (tuple, list or array with that many entries), in order.

    names: what the values are, for messages. Where their number is wrong, each piece is a failure that says so.
    """
    if reply.failure is not None or reply.value is None:
        return [reply] * len(names)
    value, each = reply.value, False
    if len(names) != 1 and _length(value) == 1 and _length(value[0]) == len(names):
        value, each = value[0], True  # [[a, b]]: the axis of length 1 around them becomes one around each
    if _length(value) != len(names):
        count = 1 if _length(value) is None else _length(value)
        got = "one value" if count == 1 else f"{count} values"
        return [replace(reply, value=_WrongCount(f"{got} where {len(names)} are due: {', '.join(names)}"))] * len(names)
    items = [[item] for item in value] if each else list(value)
    return [replace(reply, function=f"{reply.function}{PIECE}{name}", value=item) for name, item in zip(names, items, strict=True)]


def _length(value: object) -> int | None:
    """How many values a tuple, list or array holds along its first axis; None for what has none."""
    return len(value) if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim) else None


@dataclass(frozen=True)
class _WrongCount:
    said: str


# Judges.


def near(
    reply: Reply,
    expected: object,
    *,
    scale: object = None,
    entries: object = None,
    threshold: float = THRESHOLD,
    method: str = "forward error",
) -> Verdict:
    """Right where |returned - expected| <= threshold * rounding unit * scale, entry by entry.

    expected: numbers or fractions; their shape is the shape that is due. scale: the error of one rounding unit everywhere
    (see above), a number or an array of that shape; by default |expected|, a few roundings of the result itself. entries:
    booleans of that shape, the entries to look at; all by default. An infinity is near itself only, NaN near nothing.
    """
    truth = floats(expected)
    read = numbers(reply, truth.shape)
    if isinstance(read, Verdict):
        return read
    looked_at = np.broadcast_to(np.asarray(True if entries is None else entries), truth.shape)
    allowed = read.unit * np.broadcast_to(floats(np.abs(truth) if scale is None else scale), truth.shape)
    with np.errstate(all="ignore"):
        error = np.where(read.values == truth, 0.0, np.abs(read.values - truth))
        ratio = np.where(error == 0.0, 0.0, np.where(np.isfinite(error), error / allowed, np.inf))
    ratio = np.where(looked_at, ratio, 0.0)
    worst = float(ratio.max(initial=0.0))
    said = _not_finite(read.values, truth, looked_at)
    if not said and worst > threshold:
        wrong = np.flatnonzero(ratio.ravel() > threshold)
        where = "the value" if truth.ndim == 0 else _entries(wrong, truth.shape)
        said = f"{where} {'is' if len(wrong) == 1 else 'are'} wrong, by more than rounding explains"
    measure = Measure(f"{method} in rounding units of the scale", worst, threshold)
    return _decided(reply, read, truth, said, measure, f"{method} {_units(read, threshold)}")


def least_squares(reply: Reply, X: Array, y: Array, expected: object, *, threshold: float = THRESHOLD) -> Verdict:
    """Right where w has a small backward error as a least-squares solution of X w = y.

    X: (n, d). y: (n,). expected: the solution (d,), for the evidence only. The measure is
    ||X^T r|| / (||X|| (||y|| + ||X|| ||w||)), r = y - X w, in units of max(n, d) roundings: 0 for an exact solution and modest
    for every stable algorithm, whatever the condition number (LAPACK `TESTING/LIN/dqrt17.f`, with the solution in the scale).
    """
    truth = floats(expected)
    read = numbers(reply, (X.shape[1],))
    if isinstance(read, Verdict):
        return read
    said = _not_finite(read.values, truth, np.full(truth.shape, True))
    value = math.inf if said else least_squares_backward_error(X, y, read.values) / (max(X.shape) * read.unit)
    if not said and value > threshold:
        said = (
            "the result does not minimise the sum of squares: the residual is not orthogonal to the columns, by more than rounding explains"
        )
    measure = Measure("least-squares backward error in rounding units", value, threshold)
    return _decided(reply, read, truth, said, measure, f"backward error {_units(read, threshold)}")


def least_squares_backward_error(X: Array, y: Array, w: Array) -> float:
    """||X^T r|| / (||X|| (||y|| + ||X|| ||w||)) with r = y - X w, 2-norms; 0 where numerator and denominator are 0."""
    size = float(np.linalg.norm(X, 2))
    numerator = float(np.linalg.norm(X.T @ (y - X @ w)))
    denominator = size * (float(np.linalg.norm(y)) + size * float(np.linalg.norm(w)))
    return 0.0 if numerator == 0.0 else numerator / denominator if denominator > 0.0 else math.inf


def at_least(reply: Reply, floor: object, *, threshold: float = THRESHOLD) -> Verdict:
    """Right where every entry is at least that of `floor`, up to rounding: a bound that was asked for does bound."""
    low = floats(floor)
    read = numbers(reply, low.shape)
    if isinstance(read, Verdict):
        return read
    with np.errstate(all="ignore"):
        short = np.where(read.values >= low, 0.0, (low - read.values) / (read.unit * np.abs(low)))
    short = np.where(np.isnan(short), np.inf, short)
    worst = float(short.max(initial=0.0))
    said = ""
    if worst > threshold:
        wrong = np.flatnonzero(short.ravel() > threshold)
        said = f"{_entries(wrong, low.shape)} {'is' if len(wrong) == 1 else 'are'} below what is to be bounded"
    return _decided(reply, read, low, said, Shortfall(worst, threshold), f"inequality {_units(read, threshold)}")


def measured(
    reply: Reply, read: Numbers, expected: object, said: str, *, quantity: str, value: float, threshold: float = THRESHOLD
) -> Verdict:
    """Right where a property's defect, measured by the suite, is at most the threshold; both in rounding units.

    read: what `numbers` made of the reply. expected: for the evidence. said: what is wrong otherwise, a clause about the result.
    """
    broken = "" if value <= threshold else said
    return _decided(reply, read, floats(expected), broken, Measure(quantity, value, threshold), f"{quantity} {_units(read, threshold)}")


def failed(reply: Reply) -> Verdict:
    """The verdict of a call that gave no value: `missing` where there is no such function, else `incorrect`."""
    if reply.failure is None:
        raise ValueError(f"{reply.function} gave a value")
    kind, message, line = reply.failure.kind, reply.failure.message, reply.failure.line
    if kind == "missing":
        return missing(message)
    said = WHAT_HAPPENED[kind].format(name=_name(reply), message=f"{message} ({line})" if line else message)
    evidence = FailureEvidence(**_call(reply), failure=kind, message=message, line=line)
    called = "" if kind in NOT_CALLED else f"\n{_called(reply)}"
    return incorrect(f"{said}{called}", evidence=evidence, read=said)


def wrong_type(reply: Reply, what: str) -> Verdict:
    """The verdict of a call that gave something else than was asked for. what: to be read after "returned"."""
    said = f"{_name(reply)} returned {what}".rstrip(".")
    said = said if said.endswith("?") else f"{said}."
    evidence = FailureEvidence(**_call(reply), failure="type", message=said, line="")
    return incorrect(f"{said}\n{_called(reply)}", evidence=evidence, slip="type", read=said)


# Evidence and messages.


def jsonable(value: object) -> Json:
    """A value as evidence: nested lists, finite numbers, the texts `nan`, `inf`, `-inf`; what is too long is cut and says so."""
    plain = _plain(value)
    text = json.dumps(plain, allow_nan=False, default=str)
    if len(text) <= EVIDENCE_CHARACTERS:
        return plain
    if isinstance(plain, list) and any(len(json.dumps(item)) <= EVIDENCE_CHARACTERS // 4 for item in plain) and len(plain) <= 16:
        budget = EVIDENCE_CHARACTERS // len(plain)
        return [item if len(json.dumps(item)) <= budget else _cut(json.dumps(item), budget) for item in plain]
    return _cut(text, EVIDENCE_CHARACTERS)


def _cut(text: str, limit: int) -> str:
    note = f" … (cut; {len(text):,} characters in all)"
    return text[: max(0, limit - len(note))] + note


def _plain(value: object) -> Json:
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Fraction | complex):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return f"something of type {type(value).__name__}"


def _decided(reply: Reply, read: Numbers, truth: Array, said: str, measure: Measure, method: str) -> Verdict:
    """The verdict of a judge. said: what is wrong, a clause; empty where the values are right."""
    name = _name(reply)
    if said:
        evidence = _evidence(reply, truth, read.values, measure)
        first = f"{name}: {said}."
        shape = f"\nAlso, it {read.axes}." if read.axes else ""
        return incorrect(f"{first}\n{_called(reply)}\nReturned: {shown(read.values)}{shape}", evidence=evidence)
    if read.axes:
        evidence = _evidence(reply, list(truth.shape), np.shape(reply.value), ShapeMeasure())
        message = f"{name}: the values are right, but it {read.axes}."
        return partial(
            AXES_SHARE, f"{message}\n{_called(reply)}", evidence=evidence, slip="shape", method=method, read=f"{name} {read.axes}."
        )
    return correct(method=method)


def _evidence(reply: Reply, expected: object, got: object, measure: Measure) -> NumericEvidence:
    return NumericEvidence(**_call(reply), expected=jsonable(expected), got=jsonable(got), measure=measure)


def _call(reply: Reply) -> dict[str, Json]:
    """`function` and `args` as they can be called again, and which of several returned values is meant, if one is."""
    function, _, piece = reply.function.partition(PIECE)
    return {"function": function, "args": jsonable(list(reply.args)), "piece": piece or None}


def _not_finite(values: Array, truth: Array, looked_at: npt.NDArray[np.bool_]) -> str:
    """What is wrong about NaN and infinities, a clause; empty where nothing is."""
    if bool(np.any(np.isnan(values) & looked_at)):
        return "the result is NaN" if truth.ndim == 0 else "the result holds NaN"
    if bool(np.any(np.isinf(values) & (values != truth) & looked_at)):
        return "the result is infinite" if truth.ndim == 0 else "the result holds an infinity"
    return ""


def _units(read: Numbers, threshold: float) -> str:
    return f"within {threshold:g} rounding units of {'single' if read.unit == SINGLE else 'double'} precision"


def _name(reply: Reply) -> str:
    """`solve` for `linear.solve`, `qr: R` for a piece of `linear.qr`."""
    function, mark, piece = reply.function.partition(PIECE)
    return function.rpartition(".")[2] + mark + piece


def _called(reply: Reply) -> str:
    """The call as a line that can be read: `Input: [[1, 2], [3, 4]], [0.5, 0], 0.25`."""
    return "Input: " + ", ".join(shown(arg) for arg in reply.args) if reply.args else "Called without arguments."


def shown(value: Json) -> str:
    """A number, text or array for a message: six digits, and only the shape where it is long."""
    text = _digits(_plain(value))
    if len(text) <= SHOWN_CHARACTERS:
        return text
    if isinstance(value, np.ndarray | list | tuple):
        try:
            return f"an array of shape {_shape(np.shape(np.asarray(value)))}"
        except ValueError:
            pass
    return text[: SHOWN_CHARACTERS - 1] + "…"


def _digits(value: Json) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_digits(item) for item in value) + "]"
    text: str = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text


def _shape(shape: tuple[int, ...]) -> str:
    return str(tuple(int(n) for n in shape))


def _long_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


def _entries(flat: npt.NDArray[np.intp], shape: tuple[int, ...]) -> str:
    """`entry 2`, `entry (0, 1) and 3 more`: places in an array of this shape, counted from 0."""
    if not shape:
        return "the value"
    places = np.unravel_index(int(flat[0]), shape)
    first = str(int(places[0])) if len(shape) == 1 else str(tuple(int(p) for p in places))
    return f"entry {first}" if len(flat) == 1 else f"entry {first} and {len(flat) - 1} more"
