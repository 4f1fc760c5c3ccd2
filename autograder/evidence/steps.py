"""Evidence of a derivation: each of its steps, and numbers at which a false one does not hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypedDict

from autograder.evidence.base import Evidence
from autograder.evidence.context import Formulas, ScriptContext, Unwritable
from autograder.evidence.values import Json, comment, named, numpy_value, variable

LEFT_SIDE, RIGHT_SIDE = "left side", "right side"
"""Beside the symbols in the witness of a step: the values of its sides."""

OtherStep = TypedDict(
    "OtherStep",
    {"line": int, "text": str, "sides": Sequence[str], "sign": str, "left side": Json, "right side": Json},
)
"""The step that needs the other meaning of a letter, its sides in names of the problem."""


class JudgedStep(TypedDict, total=False):
    """One step as it stands in results.json. `sides`, `sign` and `other` are there where a letter has two meanings."""

    line: int
    text: str
    verdict: str
    witness: Mapping[str, Json] | None
    how: str
    slip: str | None
    sides: Sequence[str]
    """In names of the problem."""
    sign: str
    other: OtherStep


RELATION = re.compile(r"(<=|>=|(?<![<>])=(?!=)|<|>)")
"""Between the two sides of a step."""


@dataclass(frozen=True, kw_only=True)
class StepsEvidence(Evidence):
    """The steps in the order of the lines."""

    kind: ClassVar[str] = "steps"
    steps: Sequence[JudgedStep]

    def show(self) -> Iterator[str]:
        """A line for each step, and the numbers at which a false one does not hold."""
        for step in self.steps or []:
            yield f"line {step.get('line')}: {step.get('verdict')}: {step.get('text')}"
            for name, value in (step.get("witness") or {}).items():
                yield from (f"    {line}" for line in named(name, value))

    def write_script(self, context: ScriptContext) -> list[str]:
        """The first step that does not hold, both of its sides evaluated at its counterexample."""
        formulas = context.formulas_of_steps()
        if formulas is not None:
            for step in self.steps or []:
                lines = _write_step(step, formulas)
                if lines:
                    return lines
        return super().write_script(context)


def _write_step(step: JudgedStep, formulas: Formulas) -> list[str]:
    """Lines for one step; none where it has no counterexample, or its sides cannot be written."""
    witness = {name: value for name, value in (step.get("witness") or {}).items() if name not in (LEFT_SIDE, RIGHT_SIDE)}
    # where a letter of the step has two meanings, the evidence has its sides in letters of the problem
    written = step.get("sides")
    two = isinstance(written, list) and len(written) == 2
    sides = [written[0], step.get("sign", "="), written[1]] if written and two else RELATION.split(str(step.get("text")))
    if not witness or len(sides) != 3:
        return []
    left, sign, right = sides
    sizes = formulas.sizes(witness)
    lines = [f"# line {step.get('line')}: {comment(step.get('text'))}"]
    lines += [f"{variable(name)} = {numpy_value(value)}" for name, value in witness.items()]
    try:
        lines += [f"{name} = {formulas.line(text, sizes)}" for name, text in (("left", left), ("right", right))]
        other = step.get("other")
        if other:
            lines += [f"# line {other['line']}, with the meaning that the letter has here: {comment(other['text'])}"]
            both = zip(("first", "second"), other["sides"], strict=True)
            lines += [f'print("there", {formulas.line(text, sizes)}, "{name} side")' for name, text in both]
    except (Unwritable, KeyError):
        return []
    lines += [f'print("left side ", left, "{sign}")', 'print("right side", right)']
    scale = "1e-9 * (1 + np.max(np.abs(left)))"
    if sign == "=":
        return [*lines, f"differs = not np.max(np.abs(np.subtract(left, right))) <= {scale}"]
    excess = "np.subtract(left, right)" if sign.startswith("<") else "np.subtract(right, left)"
    return [*lines, f"differs = not np.max({excess}) <= {scale}"]
