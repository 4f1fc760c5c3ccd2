"""What the kinds of evidence share that speak of a call into the submission."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from autograder.evidence.base import Evidence
from autograder.evidence.context import ScriptContext
from autograder.evidence.values import Json, named, numpy_value

HAPPENED: Final[Mapping[str, str]] = {
    "raised": "raised an exception",
    "exited": "ended its process instead of returning",
    "killed": "its process died",
    "timeout": "did not end in time",
    "memory": "used too much memory",
    "type": "returned something that cannot be judged",
    "import": "its file cannot be loaded",
    "skipped": "was not called again",
    "not_reached": "was not reached in time",
}
"""Of a call that gave no value, after `it`."""

NO_ARGUMENTS = "the stored arguments cannot be sent again"


@dataclass(frozen=True, kw_only=True)
class CallEvidence(Evidence):
    """A call and its arguments."""

    function: str
    """`linear.solve`, or `@name` for an object that was kept."""
    args: Json
    """The list of arguments; a text where it was cut."""
    piece: str | None = None
    """Which of several returned values is meant."""

    def show_call(self) -> Iterator[str]:
        """The call and its arguments."""
        yield f"call:      {self.function}(...)" + (f", of what it returns: {self.piece}" if self.piece is not None else "")
        if isinstance(self.args, str):
            yield f"arguments: {self.args}"
        for place, argument in enumerate(self.args if isinstance(self.args, list) else []):
            yield from named(f"argument {place + 1}", argument)

    def write_call(self, context: ScriptContext) -> list[str]:
        """Lines of a script up to `got`: what the function returns for the arguments."""
        args = self.args if isinstance(self.args, list) else []
        names = [f"a{place + 1}" for place in range(len(args))]
        bound = [f"{name} = {argument_text(argument)}" for name, argument in zip(names, args, strict=True)]
        of_notebook = context.of_notebook(self.function)
        lines = [*context.imports(self.function), *bound, f"arguments = [{', '.join(names)}]", *(TORCH if of_notebook else [])]
        return [*lines, f"function = {self.function}", CLASS if of_notebook and len(args) == 2 else "got = function(*arguments)"]


TORCH = [
    'if "torch" in sys.modules:',
    "    arguments = [sys.modules['torch'].from_numpy(a) if isinstance(a, np.ndarray) else a for a in arguments]",
]
CLASS = "got = function(*a1)(arguments[1]) if isinstance(function, type) else function(*arguments)"


def argument_text(argument: Json) -> str:
    """An argument of evidence as Python."""
    if isinstance(argument, Mapping) and "polynomial" in argument:
        return polynomial_text(argument["polynomial"])
    return numpy_value(argument)


def polynomial_text(rows: Sequence[Sequence[float]]) -> str:
    """The sum of c[i][j] x**i y**j as a function of Python."""
    terms = [f"{c!r} * x**{i} * y**{j}" for i, row in enumerate(rows) for j, c in enumerate(row) if c]
    return f"lambda x, y: {' + '.join(terms) or '0 * x * y'}"
