"""Evidence of a step of a training run that is not what was due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from autograder.evidence.base import Evidence
from autograder.evidence.calls import CallEvidence
from autograder.evidence.context import ScriptContext
from autograder.evidence.values import Json, named, number


@dataclass(frozen=True)
class Recorded:
    """What of a run the evidence speaks of, in words. A run returns `(data, values, gradients)`, with a row of values for each step."""

    name: str

    def place(self, value: Any, step: int, got: float) -> str:  # noqa: ARG002 - not known where
        """Where in a run's `result` the number `got` stands, as Python; the number itself where that is not known."""
        return repr(got)


@dataclass(frozen=True)
class StepCount(Recorded):
    """How many steps were taken."""

    name: str = field(init=False, default="steps")

    def place(self, value: Any, step: int, got: float) -> str:  # noqa: ARG002 - the place is always the same
        """From the rows of the values, of which the first is the start."""
        return "len(result[1]) - 1"


@dataclass(frozen=True)
class FrequencyCount(Recorded):
    """On how many frequencies it was trained."""

    name: str = field(init=False, default="frequencies")

    def place(self, value: Any, step: int, got: float) -> str:  # noqa: ARG002 - the place is always the same
        """From the data."""
        return "np.size(result[0][0])"


@dataclass(frozen=True)
class ChangeOf(Recorded):
    """By how much a step changes a parameter."""

    PREFIX: ClassVar[str] = "change of "

    def place(self, value: Any, step: int, got: float) -> str:
        """A difference of two rows of the values, in the column that is nearest."""
        table = _table(value, 1)
        if table is None:
            return repr(got)
        column = _nearest(table[step] - table[step - 1], got)
        return f"{_entry(1, step, column)} - {_entry(1, step - 1, column)}"


@dataclass(frozen=True)
class GradientOf(Recorded):
    """The gradient of a parameter, as it was recorded."""

    PREFIX: ClassVar[str] = "gradient of "

    def place(self, value: Any, step: int, got: float) -> str:
        """In a row of the gradients, in the column that is nearest."""
        table = _table(value, 2)
        return repr(got) if table is None else _entry(2, step, _nearest(table[step], got))


def _table(value: Any, place: int) -> Any:
    if not isinstance(value, list | tuple) or len(value) != 3:
        return None
    table = np.asarray(value[place], dtype=float)
    return table.reshape(len(table), -1)


def _nearest(row: Any, got: float) -> int:
    return int(np.nanargmin(np.abs(row - got)))


def _entry(place: int, step: int, column: int) -> str:
    return f"np.ravel(np.asarray(result[{place}][{step}], dtype=float))[{column}]"


def change_of(parameter: str) -> ChangeOf:
    """By how much a step changes this parameter."""
    return ChangeOf(f"{ChangeOf.PREFIX}{parameter}")


def gradient_of(parameter: str) -> GradientOf:
    """The recorded gradient of this parameter."""
    return GradientOf(f"{GradientOf.PREFIX}{parameter}")


def read_recorded(name: str) -> Recorded:
    """What is called so in evidence."""
    for counted in (StepCount(), FrequencyCount()):
        if name == counted.name:
            return counted
    for kind in (ChangeOf, GradientOf):
        if name.startswith(kind.PREFIX):
            return kind(name)
    return Recorded(name)


@dataclass(frozen=True, kw_only=True)
class TrainingEvidence(CallEvidence):
    """What was due at a step of a run, and what is there."""

    kind: ClassVar[str] = "training"
    step: int
    """Counted from 0, the start."""
    quantity: Recorded
    expected: Json
    got: Json
    threshold: Json = None
    """The difference that is accepted."""

    @classmethod
    def of(cls, document: Mapping[str, Json]) -> TrainingEvidence:
        """The evidence that stands in a results.json. Raises ValueError where a key is missing."""
        known = {"quantity": read_recorded(str(document["quantity"]))} if "quantity" in document else {}
        return super().of({**document, **known})

    def document(self) -> dict[str, Json]:
        """What lands in results.json."""
        return {**super().document(), "quantity": self.quantity.name}

    def show(self) -> Iterator[str]:
        """The call, the step and both values."""
        yield from self.show_call()
        yield f"step {self.step}, {self.quantity.name}:"
        yield from named("returned", self.got, sign="")
        yield from named("expected", self.expected, sign="")
        if self.threshold:
            yield f"accepted difference: {number(self.threshold)}"

    def show_now(self, now: Evidence) -> Iterator[str]:
        """What is there now, where the suite finds fault with the same."""
        if isinstance(now, TrainingEvidence) and now.quantity == self.quantity:
            yield from named("returned now", now.got, sign="")

    def write_script(self, context: ScriptContext) -> list[str]:
        """The same calls with the same seeds; what they record is compared with what was due."""
        calls = context.run_of(self.function, self.args)
        if not calls or not isinstance(self.expected, int | float) or not isinstance(self.got, int | float):
            return super().write_script(context)
        modules = sorted({call.function.partition(".")[0] for call in calls if not call.function.startswith("@")})
        lines = [line for module in modules for line in context.imports(module)]
        lines += [
            "import random, torch  # noqa: E401, E402",
            "def seeded(seed):",
            "    random.seed(seed), np.random.seed(seed % 2**32), torch.manual_seed(seed)",
        ]
        for call in calls:
            lines += [f"seeded({call.seed})", f"{call.name} = {call.function.removeprefix('@')}({call.arguments})"]
        place = self.quantity.place(calls[-1].value, int(self.step), float(self.got))
        lines += [f"got = {place}", f"expected = {self.expected!r}  # {self.quantity.name}, step {self.step}"]
        lines.append('print("recorded", got, "expected", expected)')
        return [*lines, f"differs = not abs(got - expected) <= {self.threshold or 0.0!r}"]
