"""Definitions are taken out of notebooks and scripts as they are handed in; nothing runs here but in these tests themselves."""

import json
import re
import sys
import types

import pytest
from drawing import examples
from hypothesis import given
from hypothesis import strategies as st
from places import CORPORA
from submissions.organ_bank import notebooks

from autograder.errors import Unreadable
from autograder.submission.cells import MAX_CODE_CHARACTERS, notebook_cells
from autograder.submission.extraction import definitions
from autograder.worker import stand_ins

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CORPUS = CORPORA / "notebooks"
CASES = tomllib.loads((CORPUS / "odd.toml").read_text(encoding="utf-8"))["case"]


@pytest.fixture(autouse=True)
def importing(monkeypatch):
    """The stand-ins' finder and what it loads are gone after each test."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = dict(sys.modules)
    yield
    for name in set(sys.modules) - set(before):
        if name == "organ" or type(sys.modules[name]).__name__ == "SilentModule":
            del sys.modules[name]
    sys.modules.update({name: module for name, module in before.items() if name not in sys.modules})


def executed(extraction):
    """The namespace after all units, as the worker executes them: one that raises loses only itself. And what was raised."""
    module = sys.modules["organ"] = types.ModuleType("organ")
    module.__dict__["__stand_ins__"] = stand_ins
    raised = [(label, error) for code, label, _ in extraction.units if (error := raised_by(code, label, module.__dict__))]
    return module.__dict__, raised


def raised_by(code, label, names):
    try:
        exec(compile(code, label, "exec"), names)
    except BaseException as error:
        return error
    return None


def wanted_of(names, expression):
    return eval(expression, names)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
@pytest.mark.parametrize("form", ["version_4", "version_3"])
def test_notebooks_as_students_leave_them(case, form):
    text = getattr(notebooks, form)(case["cells"].lstrip("\n"))
    extraction = definitions(None, text, case["wanted"], notebook_name="organ.ipynb")
    names, _ = executed(extraction)
    for expression, value in case["gives"]:
        assert wanted_of(names, expression) == value
    assert sorted(extraction.lost) == sorted(case.get("lost", []))
    for remark in case.get("remarks", []):
        assert any(remark in said for said in extraction.remarks), extraction.remarks


NOTEBOOKS_ONLY = (
    "magics of every kind",
    "conditions, try, with, main",
    "several statements on a line, semicolons, pasted prompts, tabs and carriage returns",
    "the template's placeholder in one cell, the solution in another",
)
"""Where a cell's end matters, or where a script means something else."""


@pytest.mark.parametrize("case", [c for c in CASES if c["name"] not in NOTEBOOKS_ONLY], ids=lambda case: case["name"])
def test_a_script_goes_the_same_way(case):
    text = "\n".join(source for kind, source in notebooks.cells_of(case["cells"].lstrip("\n")) if kind == "code")
    extraction = definitions(text, None, case["wanted"], py_name="organ.py")
    names, _ = executed(extraction)
    for expression, value in case["gives"]:
        if "__argument_" in expression and case["name"].startswith(("arguments", "a training function")):
            continue  # a tidy script's names speak for themselves
        if case["name"].startswith("redefined") and expression == "g()":
            continue
        assert wanted_of(names, expression) == value


def test_the_script_comes_first_name_by_name():
    notebook = notebooks.version_4("#%% code\nk = 10\ndef f(): return 'notebook'\ndef g(): return k\ndef h(): return helper()\n")
    names, _ = executed(definitions("k = 1\ndef f(): return 'script'\ndef helper(): return k\n", notebook, ["f", "g", "h"]))
    assert (names["f"](), names["g"](), names["h"]()) == ("script", 10, 10)


def test_a_placeholder_in_the_script_leaves_the_word_to_the_notebook():
    script = (
        'def f(x):\n    """Double it."""\n    raise NotImplementedError\nloss = None\ndef g(): pass\n'
        "class C:\n    def forward(self):\n        raise NotImplementedError('later')\ndef h(): return 1\n"
    )
    notebook = notebooks.version_4(
        "#%% code\ndef f(x): return 2 * x\nloss = abs\ndef g():\n    raise NotImplementedError\n"
        "class C:\n    def forward(self): return 3\ndef h(): return 2\n"
    )
    extraction = definitions(script, notebook, ["f", "loss", "g", "C", "h"], py_name="organ.py")
    names, _ = executed(extraction)
    assert (names["f"](2), names["loss"](-1), names["C"]().forward(), names["h"]()) == (4, 1, 3, 1)
    assert names["g"]() is None
    assert "f: organ.py holds a placeholder, so the notebook's is used." in extraction.remarks


def test_a_notebook_that_imports_from_the_script_beside_it():
    notebook = notebooks.version_4("#%% code\nfrom organ import f, k\ndef g(): return f() + k\n")
    names, _ = executed(definitions("k = 1\ndef f(): return 5\n", notebook, ["f", "g"], py_name="organ.py"))
    assert names["g"]() == 6


def test_a_script_that_runs_under_main_only():
    names, _ = executed(definitions("def f(): return 1\nif __name__ == '__main__':\n    f = None\n", None, ["f"]))
    assert names["f"]() == 1


def test_a_tidy_script_has_no_arguments_of_calls():
    extraction = definitions(
        "def loss(x): return x\ndef train(loss_fn):\n    for _ in range(3): pass\ntrain(loss)\n", None, ["train", "loss"]
    )
    assert not any("__argument_" in code for code, _, _ in extraction.units)


def test_an_argument_that_does_not_parse_fails_with_the_reason():
    defined = "#%% code\nloss = lambda x: x\ndef train(a, loss_fn):\n    for _ in range(3): pass\ntrain(1, loss)\n"
    text = defined + "#%% code\nloss = lambda x: ?\ntrain(1, loss)\n"
    names, raised = executed(definitions(None, notebooks.version_4(text), ["train", "loss"]))
    assert "train__argument_1" not in names
    assert any("it still holds the `?`" in str(error) for _, error in raised)


def test_places_are_those_of_the_cell():
    text = "#%% markdown\n# Title\n#%% code\n\n\ndef f(x):\n    y = x\n    raise ValueError(y)\n"
    names, _ = executed(definitions(None, notebooks.version_4(text), ["f"], notebook_name="organ.ipynb"))
    with pytest.raises(ValueError, match="7") as raised:
        names["f"](7)
    entry = raised.traceback[-1]
    assert (entry.frame.code.raw.co_filename, entry.lineno + 1) == ("organ.ipynb, cell 2", 5)


def test_a_name_whose_statement_raised_says_why():
    text = "#%% code\nf = 1 / 0\n"
    _, raised = executed(definitions(None, notebooks.version_4(text), ["f"], notebook_name="organ.ipynb"))
    assert str(raised[-1][1]) == "f is not defined: ZeroDivisionError: division by zero (organ.ipynb, cell 1, line 1)"


def test_outputs_of_20_megabytes_are_not_looked_at():
    picture = {"output_type": "display_data", "data": {"image/png": "A" * 10_000_000}, "metadata": {}}
    text = notebooks.version_4("#%% code\ndef f(): return 1\n#%% code\nf()\n", outputs=(picture,))
    assert len(text) > 20_000_000
    names, _ = executed(definitions(None, text, ["f"]))
    assert names["f"]() == 1


def test_a_byte_order_mark_and_windows_line_ends():
    text = "\ufeff" + notebooks.version_4("#%% code\nx = 2\ndef f():\n    return x\n").replace("\\n", "\\r\\n")
    names, _ = executed(definitions(None, text, ["f"]))
    assert names["f"]() == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        ('{"cells": [', "is no valid JSON"),
        ('{"cells": [\n<<<<<<< HEAD\n]}', "holds a merge conflict at line 2"),
        ("<html></html>", "is no valid JSON"),
        ("[1, 2]", "neither `cells` nor `worksheets`"),
        ('{"nbformat": 4}', "neither `cells` nor `worksheets`"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_notebook_is_said_in_one_line(text, said):
    with pytest.raises(Unreadable, match=re.escape(said)):
        notebook_cells(text, "organ.ipynb")
    extraction = definitions(None, text, ["f"], notebook_name="organ.ipynb")
    assert extraction.units == ()
    assert len(extraction.remarks) == 1
    assert said in extraction.remarks[0]
    assert "\n" not in extraction.remarks[0]


@pytest.mark.parametrize(
    "cell",
    [
        {},
        {"cell_type": "code"},
        {"cell_type": "code", "source": None},
        {"cell_type": "code", "source": [1, "def f(): return 1"]},
        5,
        None,
        [],
    ],
)
def test_cells_that_break_the_schema_cost_nothing(cell):
    good = {"cell_type": "code", "source": "def g(): return 2"}
    names, _ = executed(definitions(None, json.dumps({"cells": [cell, good]}), ["g"]))
    assert names["g"]() == 2


def test_code_without_end_is_not_read():
    source = "x = 1\n" * (MAX_CODE_CHARACTERS // 6 + 1)
    for extraction in (definitions(source, None, ["x"]), definitions(None, notebooks.version_4("#%% code\n" + source), ["x"])):
        assert extraction.units == ()
        assert len(extraction.remarks) == 1


def test_many_remarks_are_counted():
    text = "".join(f"#%% code\nx{i} = ?\n" for i in range(40))
    extraction = definitions(None, notebooks.version_4(text), ["x1"])
    assert len(extraction.remarks) == 13
    assert extraction.remarks[-1].startswith("28 more remarks")


def test_the_same_text_gives_the_same_units():
    text = (CORPUS / "course.cells").read_text(encoding="utf-8")
    wanted = ["train_lp_circuit_binary", "train_co_circuit", "train_bp_circuit_binary", "ColorOrganCircuit"]
    first = definitions(None, notebooks.version_4(text), wanted)
    assert first == definitions(None, notebooks.version_4(text), wanted)
    assert first.defined == frozenset(wanted)


@pytest.mark.parametrize(
    "deep", ["+".join(["1"] * 20_000), "(" * 5_000 + ")" * 5_000, "x" + ".x" * 20_000, "-" * 20_000 + "1", "x = " * 3_000 + "1"]
)
@pytest.mark.parametrize("around", ["y = {}", "f(1, {})", "if {}: pass", "import {}", "lambda: {}"])
def test_deeply_nested_code_loses_only_itself(deep, around):
    text = "def f(x, y=1):\n    for _ in x: pass\n    return x\n" + around.format(deep) + "\n"
    for extraction in (definitions(text, None, ["f", "y"]), definitions(None, notebooks.version_4("#%% code\n" + text), ["f", "y"])):
        names, _ = executed(extraction)
        assert names["f"]([1]) == [1]


@pytest.mark.parametrize("line", [" " * 500_000, "a: b\n" * 15_000, "%" * 300_000, "a," * 80_000, "? " * 40_000])
def test_long_lines_take_no_time_to_speak_of(line):
    """Ends at all only if no pattern goes over the text again and again."""
    extraction = definitions(f"def g(: pass\n{line}\n!x\ndef f(): return 1\n", None, ["f"])
    names, _ = executed(extraction)
    assert names["f"]() == 1


FRAGMENTS = (
    *("def f(x):\n    return x", "f = ?", "%magic", "!shell", "a, b = 1, 2", "for i in range(3): f = i", "@d"),
    *(")", "'''", "\tf = 1", "f(", "x?", "class C: pass"),
)


@examples(60)
@given(st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=20)), max_size=8))
def test_no_text_whatever_raises(lines):
    text = "\n".join(lines)
    definitions(text, json.dumps({"cells": [{"cell_type": "code", "source": text}]}), ["f", "C"])
