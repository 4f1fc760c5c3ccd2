"""Evidence of a value with a unit that was read from words, or that a submission's own choices yield."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from autograder.evidence.base import Evidence
from autograder.evidence.context import ScriptContext
from autograder.evidence.values import Json, comment, number, numpy_value


@dataclass(frozen=True, kw_only=True)
class QuantityEvidence(Evidence):
    """A value and the range in which it is accepted."""

    kind: ClassVar[str] = "quantity"
    got: Json
    """A number, the two ends of a range, or a text such as `none` and `inf`."""
    unit: str | None = None
    accepted: Sequence[Json]
    """Two ends, which belong to it."""
    where: str | None = None
    """What the range comes from."""

    def show(self) -> Iterator[str]:
        """The value, what is accepted, and what a suite adds."""
        low, high = self.accepted or (None, None)
        shown = " to ".join(number(v) for v in self.got) if isinstance(self.got, list) else number(self.got)
        yield f"value: {shown} {self.unit or ''}; accepted: {number(low)} to {number(high)} ({self.where or 'no provenance stated'})"
        for key in sorted(set(self.beside) - {"plot"}):
            yield f"{key}: {self.beside[key]}"

    def write_script(self, context: ScriptContext) -> list[str]:
        """The value against its range; a slip of units is a difference wherever the value lies."""
        low, high = self.accepted
        ends = self.got if isinstance(self.got, list) else [self.got, self.got]
        unit = self.unit or ""
        outside = "not (accepted[0] <= min(got) and max(got) <= accepted[1])"
        return [
            f"got = ({', '.join(map(numpy_value, ends))})  # {unit}, as read from the answer",
            f"accepted = ({numpy_value(low)}, {numpy_value(high)})  # {comment(self.where)}",
            f'print("value", got, "accepted", accepted, {unit!r})',
            f"differs = True  # {context.slip}" if context.slip else f"differs = {outside}",
        ]
