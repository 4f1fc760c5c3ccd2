"""A piece of evidence as a short script that stands alone: numpy, and torch where the submission needs it.

The script shows what was due and what came, and ends with code 0 where the difference is there, 1 where it is not. What stands
between is written by the evidence itself; here is what it asks for: how the student's code is imported, and the recorded calls.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.algebra import Rubric, Symbols, setting
from autograder.assignment import Assignment
from autograder.evidence import Json, MadeCall, numpy_value, polynomial_text, read_evidence
from autograder.grading import load_public
from autograder.replay.again import Call, formulas_of, place_of
from autograder.replay.entry import Entry
from autograder.replay.formulas import TableFormulas
from autograder.worker import Kept, Named, Polynomial, Tensor

END = 'sys.exit(0 if differs else "no difference here")'


def script(entry: Entry, calls: Sequence[Call], sheet: Assignment | None) -> str:
    """The text of the script. calls: those of a run on the submission, which know types and objects that evidence does not hold."""
    public = load_public(sheet) if sheet is not None else None
    body = read_evidence(entry.evidence).write_script(RecordedPart(entry.number, entry.slip, calls, public, sheet))
    title = f"{entry.number} {entry.name}: {entry.verdict}".replace("\\", "/").replace('"', "'")
    text = "\n".join([*body, END])
    needs = [f"import {name}" for name in ("os", "sys", "threading") if f"{name}." in text]
    numpy = ["", "import numpy as np"] if "np." in text else []
    return "\n".join([f'"""{title}. Ends with code 0 where the difference is there."""', "", *needs, *numpy, "", text, ""])


@dataclass(frozen=True)
class RecordedPart:
    """One part of a graded submission, as evidence asks for it when it writes its script."""

    number: str
    slip: str | None
    calls: Sequence[Call]
    public: Any
    sheet: Assignment | None

    def formulas(self, symbols: Mapping[str, str]) -> TableFormulas:
        """Formulas over the symbols that evidence declares, spelled as the suite has them."""
        return formulas_of(self.number, self.public, symbols)

    def formulas_of_steps(self) -> TableFormulas | None:
        """Formulas over the symbols of the part's derivation; None where the suite is not at hand."""
        facts = getattr(self.public, "STEPS", {}).get(self.number)
        table = setting(facts).table if isinstance(facts, Rubric) else facts
        return TableFormulas(table) if isinstance(table, Symbols) else None

    def place_of(self, piece: str | None) -> int | None:
        """Which of several returned values is called so, by the names that `public.py` gives them."""
        return place_of(self.number, self.public, piece)

    def of_notebook(self, function: str) -> bool:
        """Whether the function is one of those that a notebook defines."""
        return self.sheet is not None and function.partition(".")[0] in self.sheet.files.definitions

    def imports(self, function: str) -> list[str]:
        """Lines that make the student's module known: the .py file, else the definitions of the notebook."""
        module = function.partition(".")[0]
        notebook = self.sheet.files.notebook if self.sheet is not None and self.of_notebook(function) else None
        first = ['sys.path.insert(0, sys.argv[1] if len(sys.argv) > 1 else ".")']
        if notebook is None:
            return [*first, f"import {module}  # noqa: E402"]
        return [
            *first,
            "try:",
            f"    import {module}",
            f"except ModuleNotFoundError:  # no {module}.py: what the notebook defines, without running the rest of it",
            "    import ast, json, types",
            f"    {module} = types.SimpleNamespace(tqdm=lambda x=None, *a, **k: x, trange=range)",
            f'    for cell in json.load(open(f"{{sys.path[0]}}/{notebook}", encoding="utf-8"))["cells"]:',
            '        lines = "".join(cell["source"]).splitlines(True) if cell["cell_type"] == "code" else []',
            "        try:",
            '            parts = ast.parse("".join(line for line in lines if line.lstrip()[:1] not in ("%", "!"))).body',
            "        except SyntaxError:",
            "            continue",
            "        for part in parts:",
            "            if isinstance(part, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign)):",
            "                try:",
            f'                    exec(compile(ast.Module([part], []), "cell", "exec"), vars({module}))',
            "                except Exception as problem:",
            '                    print("left out:", problem)',
        ]

    def run_of(self, function: str, args: Json) -> Sequence[MadeCall]:
        """The recorded call that the evidence may speak of, last, after those that made the objects that it takes; empty without one."""
        of_this = (k for k, call in enumerate(self.calls) if call.function == function and call.keep is None and _may_be(call, args))
        at = next(of_this, None)
        if at is None:
            return ()
        call = self.calls[at]
        needed = {a.name for a in call.args if isinstance(a, Kept)}
        if function.startswith("@"):
            needed.add(function[1:].partition(".")[0])
        makers = ([c for c in self.calls[:at] if c.keep == name] for name in sorted(needed))
        return [_made(c) for c in (*(found[-1] for found in makers if found), call)]


def _may_be(call: Call, args: Json) -> bool:
    """Whether evidence with these arguments may speak of this call: they are recorded, or described in words."""
    return isinstance(args, list) and (json.dumps(list(call.reply.args)) == json.dumps(args) or len(args) != len(call.args))


def _made(call: Call) -> MadeCall:
    arguments = ", ".join(_typed(a) for a in call.args)
    return MadeCall(call.function, call.keep or "result", arguments, call.seed, call.reply.value)


def _typed(argument: object) -> str:
    if isinstance(argument, Tensor):
        array = np.asarray(argument.array)
        return f"torch.tensor({array.tolist()!r}, dtype=torch.{array.dtype})"
    if isinstance(argument, Kept):
        return argument.name
    if isinstance(argument, Named):
        return argument.name
    if isinstance(argument, Polynomial):
        return polynomial_text(argument.coefficients)
    return numpy_value(argument.tolist() if isinstance(argument, np.ndarray) else argument)
