"""A piece of evidence as a short script that stands alone: numpy, and torch where the submission needs it.

The script shows what was due and what came, and ends with code 0 where the difference is there, 1 where it is not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.algebra import MatrixAssumption, Rubric, Symbols, known_assumptions, setting
from autograder.assignment import Assignment
from autograder.errors import OutOfBudget, Unreadable
from autograder.grading import load_public
from autograder.replay.again import Call, allowed, as_numbers, piece_place
from autograder.replay.entry import Entry
from autograder.replay.formulas import Unwritable, as_value, numpy_line, numpy_value, sizes_of, table_of, variable
from autograder.verdict import Json
from autograder.worker import Kept, Named, Polynomial, Tensor

END = 'sys.exit(0 if differs else "no difference here")'

TIMEOUT_SECONDS = 10
"""A call that hung is ended after this."""

MEMORY_GIB = 4
"""Address space of a call that took too much memory; torch alone reserves more than one of them."""


@dataclass(frozen=True)
class _Case:
    entry: Entry
    calls: Sequence[Call]
    public: Any
    sheet: Assignment | None

    @property
    def evidence(self) -> Mapping[str, Json]:
        return self.entry.evidence


def script(entry: Entry, calls: Sequence[Call], sheet: Assignment | None) -> str:
    """The text of the script. calls: those of a run on the submission, which know types and objects that evidence does not hold."""
    public = load_public(sheet) if sheet is not None else None
    write = {
        "symbolic": _symbolic,
        "numeric": _numeric,
        "failure": _failure,
        "quantity": _quantity,
        "claim": _claim,
        "training": _training,
        "steps": _steps,
    }
    body = write.get(str(entry.evidence.get("kind")), _said)(_Case(entry, calls, public, sheet))
    title = f"{entry.number} {entry.name}: {entry.verdict}".replace("\\", "/").replace('"', "'")
    text = "\n".join([*body, END])
    needs = [f"import {name}" for name in ("os", "sys", "threading") if f"{name}." in text]
    numpy = ["", "import numpy as np"] if "np." in text else []
    return "\n".join([f'"""{title}. Ends with code 0 where the difference is there."""', "", *needs, *numpy, "", text, ""])


def _symbolic(case: _Case) -> list[str]:
    evidence = case.evidence
    if "witness" not in evidence:
        return _shapes(case)
    table = _table(case)
    if isinstance(evidence.get("expected_value"), bool):
        return _condition(case, table)
    values = {s.key: as_value(evidence["witness"][s.name]) for s in table.declared if s.name in evidence["witness"]}
    sizes = sizes_of(table, values)
    lines = [f"{variable(name)} = {numpy_value(value)}" for name, value in evidence["witness"].items()]
    stored = evidence.get("answer_value")
    try:
        lines.append(f"answer = {numpy_line(str(evidence['answer']), table, sizes)}")
    except (Unwritable, Unreadable, OutOfBudget) as problem:
        lines.append(f"answer = {_undefined(stored)}  # its value there: {_comment(problem)}")
    lines.append(f"expected = {_undefined(evidence.get('expected_value'))}  # {_comment(evidence.get('expected'))}")
    lines += ['print("answer  ", answer)', 'print("expected", expected)']
    return [*lines, *_compare("answer", "1e-9 * (1 + np.nanmax(np.abs(expected)))")]


def _condition(case: _Case, table: Symbols) -> list[str]:
    """Two conditions at a point where one holds and the other does not."""
    evidence = case.evidence
    values = {s.key: as_value(evidence["witness"][s.name]) for s in table.declared if s.name in evidence["witness"]}
    sizes = sizes_of(table, values)
    lines = [f"{variable(name)} = {numpy_value(value)}" for name, value in evidence["witness"].items()]
    for name, text in (("answer", str(evidence["answer"])), ("expected", str(evidence["expected"]))):
        lines.append(f"{name} = {_holds(text, table, sizes, evidence['witness']) or evidence[f'{name}_value']}  # {_comment(text)}")
    return [
        *lines,
        'print("the answer\'s condition holds:", answer)',
        'print("the one that is due holds:", expected)',
        "differs = answer != expected",
    ]


FIXED_MATRICES = {"identity": "np.array_equal({0}, np.eye(len({0})))", "zero": "not np.any({0})"}
"""Words for one matrix alone, and how to test for it."""


def predicates(text: str) -> list[str]:
    """What the words of a condition say of its one matrix, as Python."""
    testable = [one for one in known_assumptions() if isinstance(one, MatrixAssumption) and one.in_numpy]
    said = [one.in_numpy for one in testable if any(word in text for word in one.words)]
    return said + [test for word, test in FIXED_MATRICES.items() if word in text]


def _holds(text: str, table: Symbols, sizes: Mapping[str, int], witness: Mapping[str, Json]) -> str:
    """A condition as a Python expression: an equation, or a word for the only matrix; empty where it is neither."""
    plain = text.replace("$", " ")
    sides = plain.split("=")
    if len(sides) == 2:
        try:
            left, right = (numpy_line(side, table, sizes) for side in sides)
        except (Unwritable, Unreadable, OutOfBudget):
            return ""
        return f"bool(np.allclose({left}, {right}))"
    words = predicates(plain.casefold())
    matrices = [variable(name) for name, value in witness.items() if isinstance(value, list)]
    return words[0].format(matrices[0]) if len(words) == 1 and len(matrices) == 1 and " not " not in plain else ""


STEP = re.compile(r"(<=|>=|(?<![<>])=(?!=)|<|>)")
"""Between the two sides of a step."""


def _steps(case: _Case) -> list[str]:
    """The first step that does not hold, both of its sides evaluated at its counterexample."""
    facts = getattr(case.public, "STEPS", {}).get(case.entry.number)
    table = setting(facts).table if isinstance(facts, Rubric) else facts
    for step in case.evidence.get("steps") or []:
        witness = {name: value for name, value in (step.get("witness") or {}).items() if name not in SIDES}
        parts = STEP.split(str(step.get("text")))
        # where a letter of the step has two meanings, the evidence has its sides in letters of the problem
        written = step.get("sides")
        sides = [written[0], step.get("sign", "="), written[1]] if isinstance(written, list) and len(written) == 2 else parts
        if not witness or len(sides) != 3 or not isinstance(table, Symbols):
            continue
        values = {s.key: as_value(witness[s.name]) for s in table.declared if s.name in witness}
        sizes = sizes_of(table, values)
        lines = [f"# line {step.get('line')}: {_comment(step.get('text'))}"]
        lines += [f"{variable(name)} = {numpy_value(value)}" for name, value in witness.items()]
        try:
            lines += [f"{name} = {numpy_line(text, table, sizes)}" for name, text in zip(("left", "right"), sides[::2], strict=True)]
            other = step.get("other")
            if other:
                lines += [f"# line {other['line']}, with the meaning that the letter has here: {_comment(other['text'])}"]
                both = zip(("first", "second"), other["sides"], strict=True)
                lines += [f'print("there", {numpy_line(text, table, sizes)}, "{name} side")' for name, text in both]
        except (Unwritable, Unreadable, OutOfBudget, KeyError):
            continue
        lines += [f'print("left side ", left, "{sides[1]}")', 'print("right side", right)']
        scale = "1e-9 * (1 + np.max(np.abs(left)))"
        if sides[1] == "=":
            return [*lines, f"differs = not np.max(np.abs(np.subtract(left, right))) <= {scale}"]
        excess = "np.subtract(left, right)" if sides[1].startswith("<") else "np.subtract(right, left)"
        return [*lines, f"differs = not np.max({excess}) <= {scale}"]
    return _said(case)


SIDES = ("left side", "right side")
"""Beside the symbols in the witness of a step: the values of its sides."""


def _shapes(case: _Case) -> list[str]:
    """Shapes that differ: random values of sizes that are all different."""
    evidence, table = case.evidence, _table(case)
    sizes = {name: 3 + place for place, name in enumerate(sorted(table.dimensions))}
    due = " x ".join(map(str, evidence["expected_shape"]))
    lines = [f"{variable(s.name)} = {_random(s.shape, sizes)}" for s in table.declared]
    try:
        lines.append(f"answer = {numpy_line(str(evidence['answer']), table, sizes)}")
        lines.append('print("shape of the answer", np.shape(answer))')
        shape = tuple(_size(part, sizes) for part in evidence["expected_shape"])
        lines += [f"expected = {shape}  # {due}", 'print("shape due", expected)']
        return [*lines, "differs = (np.shape(answer) or (1, 1)) != expected"]
    except (Unwritable, Unreadable, OutOfBudget, KeyError):
        said = str(evidence.get("answer_shape"))
        return [f"print({f'shape due: {due}'!r})", f"print({f'the answer: {said}'!r})", "differs = True"]


def _random(shape: Sequence[Any], sizes: Mapping[str, int]) -> str:
    rows, columns = (dim.size(sizes) for dim in shape)
    return "np.random.rand()" if (rows, columns) == (1, 1) else f"np.random.rand({rows}, {columns})"


def _size(text: str, sizes: Mapping[str, int]) -> int:
    return sum(int(part) if part.isdigit() else sizes[part] for part in str(text).split("+"))


def _table(case: _Case) -> Symbols:
    known = getattr(case.public, "SYMBOLS", {}).get(case.entry.number)
    return table_of(case.evidence, known if isinstance(known, Symbols) else None)


def _undefined(value: Json) -> str:
    return "float('nan')" if value == "undefined" else numpy_value(value)


def _comment(value: object) -> str:
    return " ".join(str(value).split())[:100]


def _compare(name: str, accepted: str) -> list[str]:
    return [
        f"error = np.max(np.where(np.equal({name}, expected), 0, np.abs(np.subtract({name}, expected, dtype=float))))",
        f"differs = not error <= {accepted}",
    ]


# Code -------------------------------------------------------------------------------------------------------------------


def _imported(function: str, sheet: Assignment | None) -> list[str]:
    """Lines that make the student's module known: the .py file, else the definitions of the notebook."""
    module = function.partition(".")[0]
    notebook = sheet.files.notebook if sheet is not None and module in sheet.files.definitions else None
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


def _arguments(case: _Case) -> tuple[list[str], str]:
    """Lines that bind the arguments, and the list of their names."""
    args = case.evidence.get("args")
    lines, names = [], []
    for place, argument in enumerate(args if isinstance(args, list) else []):
        lines.append(f"a{place + 1} = {_argument(argument)}")
        names.append(f"a{place + 1}")
    return lines, ", ".join(names)


def _argument(argument: Json) -> str:
    if isinstance(argument, Mapping) and "polynomial" in argument:
        return _polynomial(argument["polynomial"])
    return numpy_value(argument)


def _polynomial(rows: Sequence[Sequence[float]]) -> str:
    terms = [f"{c!r} * x**{i} * y**{j}" for i, row in enumerate(rows) for j, c in enumerate(row) if c]
    return f"lambda x, y: {' + '.join(terms) or '0 * x * y'}"


TORCH = [
    'if "torch" in sys.modules:',
    "    arguments = [sys.modules['torch'].from_numpy(a) if isinstance(a, np.ndarray) else a for a in arguments]",
]
CLASS = "got = function(*a1)(arguments[1]) if isinstance(function, type) else function(*arguments)"


def _calling(case: _Case) -> list[str]:
    """Lines up to `got`: what the function returns for the arguments of the evidence."""
    function = str(case.evidence["function"])
    bind, names = _arguments(case)
    torch = case.sheet is not None and function.partition(".")[0] in case.sheet.files.definitions
    lines = [*_imported(function, case.sheet), *bind, f"arguments = [{names}]", *(TORCH if torch else []), f"function = {function}"]
    return [*lines, CLASS if torch and len(case.evidence["args"]) == 2 else "got = function(*arguments)"]


def _numeric(case: _Case) -> list[str]:
    evidence = case.evidence
    if not isinstance(evidence.get("args"), list):
        return _said(case)
    lines = _calling(case)
    place = piece_place(case.entry, case.public)
    if "piece" in evidence and place is not None:
        lines.append(f"got = got[{place}]  # {evidence['piece']}")
    if evidence.get("measure") == "shape":
        lines += [f"expected = {tuple(evidence['expected'])}", 'print("shape returned", np.shape(got))', 'print("shape due", expected)']
        return [*lines, "differs = np.shape(got) != expected"]
    lines += [
        "got = np.asarray(got.detach() if hasattr(got, 'detach') else got, dtype=float)",
        f"expected = {numpy_value(evidence['expected'])}",
        'print("returned", got)',
        'print("expected", expected)',
    ]
    expected, got = (np.asarray(as_numbers(evidence[key]), dtype=float) for key in ("expected", "got"))
    if expected.shape != got.shape:
        lines.append(
            f"recorded = {numpy_value(evidence['got'])}  # {evidence['measure']}: {evidence['value']}, over {evidence['threshold']}"
        )
        return [*lines, "differs = np.shape(got) == np.shape(recorded) and np.allclose(got, recorded, equal_nan=True)"]
    if "shortfall" in str(evidence.get("measure")):
        return [*lines, "error = np.max(expected - got)", f"differs = not error <= {allowed(got, expected, evidence)!r}"]
    return [*lines, *_compare("got", repr(allowed(got, expected, evidence)))]


def _failure(case: _Case) -> list[str]:
    evidence = case.evidence
    what, message = str(evidence.get("failure")), _comment(evidence.get("message"))
    if not isinstance(evidence.get("args"), list) or str(evidence.get("function")).partition(".")[2] == "" or what == "not_reached":
        return _said(case)
    lines = [*GUARDS.get(what, []), f"differs = True  # recorded: {what}, {message}", "try:"]
    lines += [f"    {line}" for line in _calling(case)]
    lines += ['    print("returned", type(got).__name__, got)', f"    differs = {what == 'type'}  # of what comes back"]
    return [*lines, "except BaseException as problem:", '    print("raised", type(problem).__name__, problem)']


GUARDS = {
    "timeout": [
        "def late():",
        f'    print("did not end within {TIMEOUT_SECONDS} s", flush=True)',
        "    os._exit(0)",
        f"timer = threading.Timer({TIMEOUT_SECONDS}, late)",
        "timer.daemon = True",
        "timer.start()",
    ],
    "memory": [
        "try:",
        "    import resource",
        f"    resource.setrlimit(resource.RLIMIT_AS, ({MEMORY_GIB} * 2**30,) * 2)  # so that this machine stays usable",
        "except ImportError:",
        '    print("this system has no limits on memory: watch it")',
    ],
}
"""Lines before a call that once did not end, or took too much memory."""


def _training(case: _Case) -> list[str]:
    """The same calls with the same seeds; what they record is compared with what was due."""
    evidence = case.evidence
    function = str(evidence.get("function"))
    at = next((k for k, call in enumerate(case.calls) if call.function == function and call.keep is None and _taken(call, evidence)), None)
    if at is None or not isinstance(evidence.get("expected"), int | float) or not isinstance(evidence.get("got"), int | float):
        return _said(case)
    call = case.calls[at]
    needed = {a.name for a in call.args if isinstance(a, Kept)} | ({function[1:].partition(".")[0]} if function.startswith("@") else set())
    first = [
        next(c for c in reversed(case.calls[:at]) if c.keep == name)
        for name in sorted(needed)
        if any(c.keep == name for c in case.calls[:at])
    ]
    modules = sorted({c.function.partition(".")[0] for c in [*first, call] if not c.function.startswith("@")})
    lines = [line for module in modules for line in _imported(module, case.sheet)]
    lines += [
        "import random, torch  # noqa: E401, E402",
        "def seeded(seed):",
        "    random.seed(seed), np.random.seed(seed % 2**32), torch.manual_seed(seed)",
    ]
    for made in (*first, call):
        name = made.keep or "result"
        lines += [f"seeded({made.seed})", f"{name} = {made.function.removeprefix('@')}({', '.join(_typed(a) for a in made.args)})"]
    lines += [f"got = {_place(call, evidence)}", f"expected = {evidence['expected']!r}  # {evidence['quantity']}, step {evidence['step']}"]
    accepted = evidence.get("threshold") or 0.0
    return [*lines, 'print("recorded", got, "expected", expected)', f"differs = not abs(got - expected) <= {accepted!r}"]


def _taken(call: Call, evidence: Mapping[str, Json]) -> bool:
    """Whether the evidence may speak of this call: its arguments are recorded, or described in words."""
    args = evidence.get("args")
    return isinstance(args, list) and (json.dumps(list(call.reply.args)) == json.dumps(args) or len(args) != len(call.args))


def _typed(argument: object) -> str:
    if isinstance(argument, Tensor):
        array = np.asarray(argument.array)
        return f"torch.tensor({array.tolist()!r}, dtype=torch.{array.dtype})"
    if isinstance(argument, Kept):
        return argument.name
    if isinstance(argument, Named):
        return argument.name
    if isinstance(argument, Polynomial):
        return _polynomial(argument.coefficients)
    return numpy_value(argument.tolist() if isinstance(argument, np.ndarray) else argument)


def _place(call: Call, evidence: Mapping[str, Json]) -> str:
    """Where in `(data, values, gradients)` the number stands that the evidence speaks of."""
    quantity, step, got = str(evidence["quantity"]), int(evidence["step"]), float(evidence["got"])
    value = call.reply.value
    if quantity == "steps":
        return "len(result[1]) - 1"
    if quantity == "frequencies":
        return "np.size(result[0][0])"
    if isinstance(value, list | tuple) and len(value) == 3 and quantity.startswith(("change of", "gradient of")):
        table = np.asarray(value[1 if quantity.startswith("change") else 2], dtype=float)
        rows = table.reshape(len(table), -1)
        found = (rows[step] - rows[step - 1]) if quantity.startswith("change") else rows[step]
        column = int(np.nanargmin(np.abs(found - got)))
        name = "result[1]" if quantity.startswith("change") else "result[2]"
        entry = f"np.ravel(np.asarray({name}[{{}}], dtype=float))[{column}]"
        return f"{entry.format(step)} - {entry.format(step - 1)}" if quantity.startswith("change") else entry.format(step)
    return repr(got)


# What is read from words ------------------------------------------------------------------------------------------------


def _quantity(case: _Case) -> list[str]:
    evidence = case.evidence
    low, high = evidence["accepted"]
    got = evidence["got"]
    ends = got if isinstance(got, list) else [got, got]
    unit = evidence.get("unit") or ""
    outside = "not (accepted[0] <= min(got) and max(got) <= accepted[1])"
    return [
        f"got = ({', '.join(map(numpy_value, ends))})  # {unit}, as read from the answer",
        f"accepted = ({numpy_value(low)}, {numpy_value(high)})  # {_comment(evidence.get('where'))}",
        f'print("value", got, "accepted", accepted, {unit!r})',
        f"differs = True  # {case.entry.slip}" if case.entry.slip else f"differs = {outside}",
    ]


def _claim(case: _Case) -> list[str]:
    evidence = case.evidence
    point = dict(evidence.get("counterexample") or {})
    if "before" not in point:
        return _said(case)
    before, after = point.pop("before"), point.pop("after")
    at = ", ".join(f"{name} = {value}" for name, value in point.items())
    says = f"the answer says of the {evidence.get('subject')}:"
    return [
        f"# {_comment(evidence.get('case'))}: {at}",
        f"before, after = {numpy_value(before)}, {numpy_value(after)}  # the {evidence.get('subject')}",
        'moves = "increases, right" if after > before else "decreases, left" if after < before else "stays"',
        f"print({says!r}, {str(evidence.get('got'))!r})",
        f"print({f'at {at} it goes'!r}, before, '->', after, moves)",
        "differs = True",
    ]


def _said(case: _Case) -> list[str]:
    """Evidence that no formula or call makes again: both sides as they were recorded."""
    evidence = case.evidence
    shown = {key: value for key, value in evidence.items() if key not in ("kind", "plot")}
    lines = [f"print({f'{key}:'!r}, {value!r})" for key, value in shown.items()]
    if "expected" in evidence and "got" in evidence:
        return [*lines, f"differs = {evidence['got']!r} != {evidence['expected']!r}"]
    return [*lines, "differs = True"]
