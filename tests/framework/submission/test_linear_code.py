"""Code and notebooks that are made to be slow, or to break the reader: read in one pass, with no exception out."""

import json
import time

import pytest
from growth import grows_linearly
from submissions.made_up import SHEET, handed_in

from autograder.errors import UsageError
from autograder.grading import run
from autograder.submission import definitions
from autograder.submission.slicing import Program


def notebook(*cells):
    made = [{"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 1, "source": source} for source in cells]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})


def bound(n):
    return "".join(f"b{k} = 1\n" for k in range(n))


def listed(n):
    return ", ".join(f"b{k}" for k in range(n))


LAST = "\ndef f(x):\n    return x + last\n"
HOSTILE = {
    "chained assignments": lambda n: "a0 = 1\n" + "".join(f"a{k} = a{k - 1}\n" for k in range(1, n)) + f"last = a{n - 1}" + LAST,
    "one name changed again and again": lambda n: "last = 1\n" + "last += 1\n" * n + LAST,
    "one object changed again and again": lambda n: "last = []\n" + "last.append(1)\n" * n + LAST,
    "statements on one line": lambda n: "last = 1; " * n + LAST,
    "statements on one line of other letters": lambda n: "last = 'é'; " * n + LAST,
    "targets of one assignment": lambda n: "last = " * n + "1\n" + LAST,
    "functions that call each other": lambda n: (
        "".join(f"def g{k}():\n    return g{k + 1}()\n" for k in range(n)) + f"def g{n}():\n    for i in []:\n        pass\n" + LAST
    ),
    "training": lambda n: "last = 1\n" + "last = f(last)\n" * n
    + "def f(x):\n    for i in x:\n        pass\n    return last\n",
    "settings": lambda n: "last = 1\n" + "torch.set_x(last)\nlast += 1\n" * n + LAST,
    "functions of many names": lambda n: bound(n) + f"def f(x):\n    return [{listed(n)}]\n",
    "arguments of many names": lambda n: bound(n) + f"def f(x):\n    for i in x: pass\nf(lambda: [{listed(n)}])\n",
    "broken lines": lambda n: "a = = 1\n" * n + "last = 1" + LAST,
    "magics": lambda n: "%matplotlib inline\n!ls\nlast = 1\nx?\n" * n + LAST,
    "magics of a cell": lambda n: "%%time\n" * n + "last = 1" + LAST,
    "lines that may be magics": lambda n: (" " * 1_900 + "x\n") * (n // 100) + "?x\n" + LAST,
    "decorators": lambda n: "@d\n" * n + "def f(x):\n    return 1\n",
    "imports": lambda n: "import " + ", ".join(f"m{k}" for k in range(n)) + "\nlast = 1" + LAST,
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_work_grows_as_the_text_does(kind):
    grows_linearly(lambda n: definitions(None, notebook(HOSTILE[kind](n)), ["f", "g"]), (200, 400, 800))


@pytest.mark.parametrize("kind", HOSTILE)
def test_texts_that_outlasted_a_grading_are_read_in_seconds(kind):
    began = time.process_time()
    definitions(HOSTILE[kind](10_000), None, ["f", "g"])
    assert time.process_time() - began < 60


DEEP = {
    "a huge integer in the code": f"x = {'9' * 10_000}\n\ndef double(x):\n    return 2 * x\n",
    "a huge integer in other digits": f"x = 0x{'f' * 10_000}\nimport os, x\n\ndef double(x):\n    return 2 * x\n",
    "brackets": "x = " + "(" * 5_000 + ")" * 5_000,
    "lists": "x = " + "[" * 150 + "]" * 150,
    "signs": "x = " + "-" * 50_000 + "1",
    "sums": "x = " + "1+" * 50_000 + "1",
    "attributes": "x = y" + ".a" * 50_000,
    "calls": "f" + "(1)" * 20_000,
    "conditions": "if x:\n    y = 1\n" + "elif x:\n    y = 1\n" * 5_000,
    "blocks": "".join(" " * k + "if x:\n" for k in range(99)) + " " * 99 + "y = 1\n",
    "halves of characters": "x = '\ud800'\ndouble = 1\n# \udfff\n",
    "nul": "x = 1\x00\n",
}


@pytest.mark.parametrize("kind", DEEP)
@pytest.mark.parametrize("wanted", [["double"], ["x", "y", "f"]])
def test_nothing_that_is_handed_in_raises(kind, wanted):
    alone = definitions(DEEP[kind], None, wanted)
    both = definitions(DEEP[kind], notebook(DEEP[kind], "f(x)\nf = lambda: x\n"), wanted)

    assert json.dumps([[u[0] for u in taken.units] for taken in (alone, both)]).isascii()
    assert all(remark.encode() for taken in (alone, both) for remark in taken.remarks)


@pytest.mark.parametrize(
    "text",
    [
        f'{{"cells": [], "n": {"9" * 10_000}}}',
        '{"cells": ' + "[" * 100_000,
        "\ud800",
        "[1e999]",
        '{"cells": [{"cell_type": "code", "source": 1}]}',
    ],
)
def test_a_notebook_of_anything_is_a_remark(text):
    taken = definitions(None, text, ["f"])

    assert taken.units == ()
    assert taken.remarks or text.startswith('{"cells": [{')


def test_what_is_beyond_the_budget_is_said(monkeypatch):
    monkeypatch.setattr("autograder.submission.slicing.MAX_NEEDS", 100)
    taken = definitions(HOSTILE["chained assignments"](500), None, ["f"])

    assert "names rest on more statements than are followed" in taken.remarks[0]


def test_results_stand_before_a_submission_is_opened(tmp_path, monkeypatch):
    """And say that nothing was reached, whatever opening it does; what is no submission leaves what was there."""
    out = tmp_path / "results.json"
    seen = []

    def opened(*_, **__):
        seen.append(json.loads(out.read_text(encoding="utf-8")))
        raise MemoryError

    path = handed_in(tmp_path / "anna")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run, "open_desk", opened)
        with pytest.raises(MemoryError):
            run.grade(path, SHEET, out=out)
    (begun,) = seen
    assert begun == json.loads(out.read_text(encoding="utf-8"))
    assert (begun["score"], begun["extra_data"]["complete"]) == (0, False)
    assert {test["extra_data"]["verdict"] for test in begun["tests"]} == {"undecided"}
    assert len(begun["tests"]) == len(SHEET.points)

    before = out.read_bytes()
    for bad in (tmp_path / "nowhere", tmp_path / "results.json"):
        with pytest.raises(UsageError):
            run.grade(bad, SHEET, out=out)
        assert out.read_bytes() == before
        with pytest.raises(UsageError):
            run.grade(bad, SHEET, out=tmp_path / "other.json")
        assert not (tmp_path / "other.json").exists()


def test_a_program_is_followed_as_before():
    """Bindings, changes and corrections, across the one pass that finds them."""
    text = "a = 1\nb = [a]\nb.append(2)\na = 3\nb += [a]\ndef f():\n    return b, c\nc = late\nlate = 5\n"
    (program,) = [Program(pieces, is_script=True) for pieces in [_pieces(text)]]

    assert [s.index for s in program.wanted("f", ["f"]).statements] == [0, 1, 2, 3, 4, 5, 6, 7]


def _pieces(text):
    from autograder.submission.cells import pieces_of

    return list(pieces_of(text, "x.py", 0))
