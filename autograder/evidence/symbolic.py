"""Evidence of a formula, or a condition, that is not the expected one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from autograder.evidence.base import Evidence
from autograder.evidence.context import Formulas, ScriptContext, SubmissionNow, Tried, Unwritable
from autograder.evidence.values import Json, comment, comparison, named, numpy_value, same, variable


@dataclass(frozen=True, kw_only=True)
class SymbolicEvidence(Evidence):
    """Both formulas as typed, and a point at which they differ; where their shapes do, both shapes instead."""

    kind: ClassVar[str] = "symbolic"
    symbols: Mapping[str, str]
    """As declared: `x` is `vector n`."""
    expected: str
    answer: str
    witness: Mapping[str, Json] | None = None
    """Of every symbol its value: a number, a fraction as text, or rows."""
    expected_value: Json = None
    """True or False for conditions."""
    answer_value: Json = None
    """The text `undefined` where the answer has no value there."""
    expected_shape: Sequence[str] | None = None
    answer_shape: Sequence[str] | str | None = None
    """A text where the answer has no shape: why its parts do not fit."""
    region: str | None = None
    """Which piece of a piecewise answer it is about."""

    def show(self) -> Iterator[str]:
        """Both formulas, then both shapes, or the point and both values."""
        yield f"answer:    {self.answer}"
        yield f"expected:  {self.expected}"
        if self.region is not None:
            yield f"region:    {self.region}"
        if self.expected_shape is not None:
            yield f"shape of the answer: {shape_text(self.answer_shape)}"
            yield f"shape that is due:   {shape_text(self.expected_shape)}"
            return
        yield "at this point:"
        for name, value in (self.witness or {}).items():
            yield from named(name, value)
        yield from named("the answer is", self.answer_value, sign="")
        yield from named("expected is", self.expected_value, sign="")

    def is_condition(self) -> bool:
        """Whether two conditions are compared, of which each holds at the point or does not."""
        return isinstance(self.expected_value, bool)

    def try_again(self, now: SubmissionNow) -> Tried:
        """The value of the answer now, at the stored point."""
        answer = now.answer()
        lines = [f"answer now: {answer or '(none)'}"]
        formulas = now.formulas(self.symbols)
        if self.witness is None or self.is_condition():
            return Tried(lines, None)
        try:
            value = formulas.value(answer, self.witness)
        except Unwritable as problem:
            return Tried([*lines, f"which has no value at this point: {problem}"], True)
        lines += named("which is there", value, sign="")
        lines += named("expected is", self.expected_value, sign="")
        return Tried(lines, not same(value, self.expected_value))

    def write_script(self, context: ScriptContext) -> list[str]:
        """The answer as a line of numpy at the point, against the value that is due."""
        formulas = context.formulas(self.symbols)
        if self.witness is None:
            return self._write_shapes(formulas)
        sizes = formulas.sizes(self.witness)
        lines = [f"{variable(name)} = {numpy_value(value)}" for name, value in self.witness.items()]
        if self.is_condition():
            return [*lines, *self._write_conditions(formulas, sizes, self.witness)]
        try:
            lines.append(f"answer = {formulas.line(self.answer, sizes)}")
        except Unwritable as problem:
            lines.append(f"answer = {_value_text(self.answer_value)}  # its value there: {comment(problem)}")
        lines.append(f"expected = {_value_text(self.expected_value)}  # {comment(self.expected)}")
        lines += ['print("answer  ", answer)', 'print("expected", expected)']
        return [*lines, *comparison("answer", "1e-9 * (1 + np.nanmax(np.abs(expected)))")]

    def _write_conditions(self, formulas: Formulas, sizes: Mapping[str, int], witness: Mapping[str, Json]) -> list[str]:
        """Two conditions at a point where one holds and the other does not."""
        both = (("answer", self.answer, self.answer_value), ("expected", self.expected, self.expected_value))
        return [
            *(f"{name} = {_holds(text, formulas, sizes, witness) or value}  # {comment(text)}" for name, text, value in both),
            'print("the answer\'s condition holds:", answer)',
            'print("the one that is due holds:", expected)',
            "differs = answer != expected",
        ]

    def _write_shapes(self, formulas: Formulas) -> list[str]:
        """Shapes that differ: random values of sizes that are all different."""
        sizes = {name: 3 + place for place, name in enumerate(formulas.dimensions)}
        expected = self.expected_shape or []
        due = " x ".join(map(str, expected))
        lines = [f"{variable(name)} = {_random(shape)}" for name, shape in formulas.shapes(sizes).items()]
        try:
            lines.append(f"answer = {formulas.line(self.answer, sizes)}")
            lines.append('print("shape of the answer", np.shape(answer))')
            shape = tuple(_size(part, sizes) for part in expected)
            lines += [f"expected = {shape}  # {due}", 'print("shape due", expected)']
            return [*lines, "differs = (np.shape(answer) or (1, 1)) != expected"]
        except (Unwritable, KeyError):
            said = str(self.answer_shape)
            return [f"print({f'shape due: {due}'!r})", f"print({f'the answer: {said}'!r})", "differs = True"]


def shape_text(shape: Json) -> str:
    """`n × 1`"""
    return " × ".join(map(str, shape)) if isinstance(shape, list) else str(shape)


def _holds(text: str, formulas: Formulas, sizes: Mapping[str, int], witness: Mapping[str, Json]) -> str:
    """A condition as a Python expression: an equation, or a word for the only matrix; empty where it is neither."""
    plain = text.replace("$", " ")
    sides = plain.split("=")
    if len(sides) == 2:
        try:
            left, right = (formulas.line(side, sizes) for side in sides)
        except Unwritable:
            return ""
        return f"bool(np.allclose({left}, {right}))"
    words = formulas.predicates(plain.casefold())
    matrices = [variable(name) for name, value in witness.items() if isinstance(value, list)]
    return words[0].format(matrices[0]) if len(words) == 1 and len(matrices) == 1 and " not " not in plain else ""


def _random(shape: tuple[int, int]) -> str:
    rows, columns = shape
    return "np.random.rand()" if shape == (1, 1) else f"np.random.rand({rows}, {columns})"


def _size(text: str, sizes: Mapping[str, int]) -> int:
    return sum(int(part) if part.isdigit() else sizes[part] for part in str(text).split("+"))


def _value_text(value: Json) -> str:
    return "float('nan')" if value == "undefined" else numpy_value(value)
