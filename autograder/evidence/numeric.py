"""Evidence of a returned value that differs from the one that is due."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np

from autograder.evidence.calls import NO_ARGUMENTS, CallEvidence
from autograder.evidence.context import ScriptContext, SubmissionNow, Tried
from autograder.evidence.values import Json, as_json, as_numbers, comparison, named, number, numpy_value

ROUNDING = 30 * float(np.finfo(np.float64).eps)
"""What is accepted where the evidence does not say how large a difference may be, over the largest entry."""

DIGITS = 1e-9
"""Two runs return the same where they agree to this, over the largest entry: evidence has 16 digits, other machines round otherwise."""


@dataclass(frozen=True)
class Measure:
    """How large a difference was measured, and up to which it is accepted."""

    name: str
    """What was measured, for people."""
    value: float | str | None
    """A number, or the text `inf` or `nan` as results.json has it."""
    threshold: float | str | None

    def error(self, got: Any, expected: Any) -> float:
        """The largest difference of two arrays of one shape; infinite where one is NaN."""
        with np.errstate(all="ignore"):
            apart = np.where(got == expected, 0.0, self._apart(got, expected))
        return float(np.max(np.where(np.isnan(apart), np.inf, apart), initial=0.0))

    def _apart(self, got: Any, expected: Any) -> Any:
        return np.abs(got - expected)

    def write(self, accepted: float) -> list[str]:
        """Lines of a script that compare `got` with `expected`."""
        return comparison("got", repr(accepted))


@dataclass(frozen=True)
class Shortfall(Measure):
    """Of a lower bound: by how much what was returned falls short of it, in rounding units."""

    name: str = field(init=False, default="shortfall in rounding units")

    def _apart(self, got: Any, expected: Any) -> Any:
        return expected - got

    def write(self, accepted: float) -> list[str]:
        """Lines of a script that compare `got` with the bound `expected`."""
        return ["error = np.max(expected - got)", f"differs = not error <= {accepted!r}"]


@dataclass(frozen=True)
class ShapeMeasure(Measure):
    """Shapes are compared, not values: `expected` and `got` are shapes."""

    name: str = field(init=False, default="shape")
    value: None = field(init=False, default=None)
    threshold: None = field(init=False, default=None)


UNNAMED: Final = Measure("", None, None)


def read_measure(name: str, value: Json, threshold: Json) -> Measure:
    """The measure that stands in a results.json."""
    if name == ShapeMeasure.name:
        return ShapeMeasure()
    return Shortfall(value, threshold) if name == Shortfall.name else Measure(name, value, threshold)


@dataclass(frozen=True, kw_only=True)
class NumericEvidence(CallEvidence):
    """What a call returned and what was due, as nested lists; by shape, the two shapes."""

    kind: ClassVar[str] = "numeric"
    expected: Json
    got: Json
    measure: Measure | None = None
    """Stands in results.json as `measure`, `value` and `threshold`."""

    @classmethod
    def of(cls, document: Mapping[str, Json]) -> NumericEvidence:
        """The evidence that stands in a results.json. Raises ValueError where a key is missing."""
        flat = dict(document)
        if flat.get("measure") is not None:
            flat["measure"] = read_measure(flat["measure"], flat.pop("value", None), flat.pop("threshold", None))
        return super().of(flat)

    def document(self) -> dict[str, Json]:
        """What lands in results.json."""
        nested = super().document()
        if self.measure is None:
            return nested
        flat: dict[str, Json] = {}
        for key, value in nested.items():
            flat[key] = self.measure.name if key == "measure" else value
            if key == "measure":
                flat |= {"value": as_json(self.measure.value), "threshold": as_json(self.measure.threshold)}
        return flat

    def show(self) -> Iterator[str]:
        """The call, both values, and what was measured."""
        yield from self.show_call()
        if isinstance(self.measure, ShapeMeasure):
            yield f"shape returned:  {tuple(self.got)}"
            yield f"shape due:       {tuple(self.expected)}"
            return
        yield from named("returned", self.got, sign="")
        yield from named("expected", self.expected, sign="")
        if self.measure is not None and self.measure.name:
            yield f"{self.measure.name}: {number(self.measure.value)}, accepted up to {number(self.measure.threshold)}"

    def try_again(self, now: SubmissionNow) -> Tried:
        """What the function returns now for the stored arguments."""
        returned = now.call(self.function, self.args)
        if returned is None:
            return Tried([NO_ARGUMENTS], None)
        if returned.failure:
            return Tried([returned.failure], True)
        value = self.piece_of(returned.value, now.place_of(self.piece))
        if isinstance(self.measure, ShapeMeasure):
            shape = np.asarray(value).shape
            return Tried([f"shape returned now: {shape}"], list(shape) != self.expected)
        return Tried(list(named("returned now", now.as_json(value), sign="")), self.differs(value))

    def piece_of(self, value: object, place: int | None) -> object:
        """The piece of a returned value that the evidence speaks of."""
        if self.piece is None or not isinstance(value, list | tuple | np.ndarray) or place is None or place >= len(value):
            return value
        return value[place]

    def differs(self, value: object) -> bool | None:
        """Whether a returned value differs from the expected one by more than was accepted; None where they cannot be compared."""
        try:
            now = np.asarray(value, dtype=float)
            expected, got = (np.asarray(as_numbers(side), dtype=float) for side in (self.expected, self.got))
        except (TypeError, ValueError):
            return None
        if now.shape != expected.shape:
            return True if now.shape == got.shape and _is_close(now, got) else None
        return bool((self.measure or UNNAMED).error(now, expected) > self.accepted(got, expected))

    def accepted(self, got: Any, expected: Any) -> float:
        """The error that was accepted: the recorded difference measured `value`, and `threshold` would have passed."""
        measure = self.measure or UNNAMED
        value, threshold = measure.value, measure.threshold
        error = measure.error(got, expected) if got.shape == expected.shape else math.inf
        if isinstance(value, int | float) and isinstance(threshold, int | float) and 0 < value < math.inf and 0 < error < math.inf:
            return float(error * min(1.0, threshold / value) * 0.999)
        finite = np.abs(expected[np.isfinite(expected)])
        return ROUNDING * float(finite.max(initial=0.0))

    def write_script(self, context: ScriptContext) -> list[str]:
        """The call, and its result against the expected one."""
        if not isinstance(self.args, list):
            return super().write_script(context)
        lines = self.write_call(context)
        place = context.place_of(self.piece)
        if self.piece is not None and place is not None:
            lines.append(f"got = got[{place}]  # {self.piece}")
        if isinstance(self.measure, ShapeMeasure):
            lines += [f"expected = {tuple(self.expected)}", 'print("shape returned", np.shape(got))', 'print("shape due", expected)']
            return [*lines, "differs = np.shape(got) != expected"]
        lines += [
            "got = np.asarray(got.detach() if hasattr(got, 'detach') else got, dtype=float)",
            f"expected = {numpy_value(self.expected)}",
            'print("returned", got)',
            'print("expected", expected)',
        ]
        expected, got = (np.asarray(as_numbers(side), dtype=float) for side in (self.expected, self.got))
        measure = self.measure or UNNAMED
        if expected.shape != got.shape:
            lines.append(f"recorded = {numpy_value(self.got)}  # {measure.name}: {measure.value}, over {measure.threshold}")
            return [*lines, "differs = np.shape(got) == np.shape(recorded) and np.allclose(got, recorded, equal_nan=True)"]
        return [*lines, *measure.write(self.accepted(got, expected))]


def _is_close(one: Any, two: Any) -> bool:
    size = float(np.max(np.abs(two[np.isfinite(two)]), initial=0.0))
    return bool(np.allclose(one, two, rtol=DIGITS, atol=DIGITS * size, equal_nan=True))
