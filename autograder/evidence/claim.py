"""Evidence of a claim in words about what something does in a case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from autograder.evidence.base import Evidence
from autograder.evidence.context import ScriptContext
from autograder.evidence.values import Json, comment, numpy_value

BEFORE, AFTER = "before", "after"
"""In a counterexample, beside the parameters: where the subject is before and after the step."""


@dataclass(frozen=True, kw_only=True)
class ClaimEvidence(Evidence):
    """What an answer says of a subject, how often that holds in the case, and a point at which it does not."""

    kind: ClassVar[str] = "claim"
    subject: str
    got: str
    truth: str
    """`always`, `sometimes`, `never`."""
    case: str
    counterexample: Mapping[str, Json] | None

    def show(self) -> Iterator[str]:
        """What is claimed, what holds, and the counterexample."""
        yield f"the answer says of the {self.subject}: {self.got}"
        yield f"in the case {self.case} that holds: {self.truth}"
        point = self.point()
        if point:
            yield f"counterexample: {', '.join(f'{name} = {value}' for name, value in point.items())}"
        shown = self.counterexample or {}
        if shown.get(BEFORE) is not None:
            yield f"there the {self.subject} goes from {shown[BEFORE]} to {shown.get(AFTER)}"

    def point(self) -> dict[str, Json]:
        """The parameters of the counterexample."""
        return {name: value for name, value in (self.counterexample or {}).items() if name not in (BEFORE, AFTER)}

    def write_script(self, context: ScriptContext) -> list[str]:
        """The step at the counterexample, and which way it goes."""
        shown = self.counterexample or {}
        if BEFORE not in shown:
            return super().write_script(context)
        at = ", ".join(f"{name} = {value}" for name, value in self.point().items())
        says = f"the answer says of the {self.subject}:"
        return [
            f"# {comment(self.case)}: {at}",
            f"before, after = {numpy_value(shown[BEFORE])}, {numpy_value(shown[AFTER])}  # the {self.subject}",
            'moves = "increases, right" if after > before else "decreases, left" if after < before else "stays"',
            f"print({says!r}, {str(self.got)!r})",
            f"print({f'at {at} it goes'!r}, before, '->', after, moves)",
            "differs = True",
        ]
