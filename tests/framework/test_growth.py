"""Readers of texts, each on what is made to be slow: what a text costs grows as its length does, or is capped before work."""

import contextlib
import json

import pytest
from growth import grows_linearly, stays_fast
from places import HW0
from submissions.made_up import SHEET as TOY_SHEET
from submissions.made_up import WRITEUP

from autograder.algebra import read_typed, statements_of, symbols
from autograder.assignment import load_assignment
from autograder.check.public import read_answer
from autograder.classroom.gradebook import csv_text, decided_submissions
from autograder.errors import AutograderError
from autograder.grading import load_public
from autograder.grading.overrides import normalise
from autograder.mathtext import tokens
from autograder.phrases import read_quantities, said_something, yes_or_no
from autograder.phrases._conditions import conditions, spoken_relations
from autograder.phrases._words import words
from autograder.report import inert, plain, writable
from autograder.submission import definitions, export
from autograder.submission.cells import notebook_cells
from autograder.writeup import Answer
from autograder.writeup._doubled import undoubled
from autograder.writeup._final import final_answer
from autograder.writeup._macros import expand
from autograder.writeup._markup import marked
from autograder.writeup._read import _answers
from autograder.writeup._source import MAX_TEXT, Source, decode, read_file, read_notebook

SHEET = load_assignment(HW0)
TABLE = symbols({"x": "vector n", "A": "matrix n n", "c": "vector n", "t": "scalar"})

UNITS = (
    *(
        "x_",
        " ",
        "$x$ ",
        "(",
        "[",
        "{",
        "**",
        "`",
        "|",
        "\\begin{",
        "\\begin{aligned}",
        "a",
        "9",
        ",",
        "and ",
        "\n",
        "\n\n",
        "\t",
        "$",
        "$$",
    ),
    *("\\(", "\\[", "\\frac", "\\sqrt ", "# 1\n", "(a)\n", "(a) ", "> ", "- ", "<b", "![", "](", "?", "\\", "&", "Answer: x\n", "\\boxed{"),
    *("x=1\n", "| a ", "|-", "\\text{", "x^", "no. ", "R = 200 ohm ", "1,000 ", "\\newcommand{", "\\def\\a{", "<!--", "```\n", "if x > 0 "),
    *("increases ", "\\item ", "\\section{a}", "$x$ = ", "$x$ if ", "a b ", "=", "e^{", "x = 1, ", "\\xrightarrow[", "1 - ", "%", "\u0301"),
)
FEW = ("x_", " ", "$x$ ", "(", "`", "x=1\n", "and ", "(a) ", "$x$ = ", "1,000 ")


def typed(text):
    return Answer("5.d", text, text, "writeup.md", 1, "after `Answer:`", "typed")


def in_a_part(text):
    """A text as a part, and as the final answer of another, in a write-up of Markdown."""
    whole = f"# 5. Vector Calculus Review\n\n(a)\n\n{text}\n\n(b)\n\nAnswer: {text}"
    return _answers(Source("writeup.md", decode(whole.encode()), False), SHEET)


READERS = {
    "write-up in Markdown": in_a_part,
    "write-up in LaTeX": lambda text: _answers(Source("writeup.tex", decode(text.encode()), True), SHEET),
    "marks of Markdown": lambda text: marked(Source("writeup.md", text, False)),
    "final answer": final_answer,
    "undoubled": undoubled,
    "macros": expand,
    "lexer": tokens,
    "formula": lambda text: read_typed(text, TABLE, None),
    "conditions": lambda text: conditions(spoken_relations(words(text)), {"x": "x", "b": "b", "w": "w"}),
    "quantities": read_quantities,
    "choice": lambda text: yes_or_no(typed(text), True),
    "anything": lambda text: said_something(typed(text)),
    "derivation": statements_of,
    "script": lambda text: definitions(text, None, ["f"]),
    "cells": lambda text: definitions(None, json.dumps({"cells": [{"cell_type": "code", "source": text}]}), ["f"]),
    "grades": lambda text: decided_submissions(csv_text(["submission", "decided_by_person"], [{"submission": text}] * 3)),
    "outputs": lambda text: (inert(text), plain(text), writable(text)),
    "same answers": normalise,
}


def quietly(read):
    """A reader that may refuse a text."""

    def reading(text):
        with contextlib.suppress(AutograderError):
            read(text)

    return reading


@pytest.mark.parametrize("reader", READERS)
def test_the_steps_of_a_reader_grow_as_the_text_does(reader):
    for unit in FEW:
        grows_linearly(quietly(READERS[reader]), [unit * (size // len(unit)) for size in (1_000, 2_000, 4_000)])


@pytest.mark.parametrize("reader", READERS)
def test_the_time_of_a_reader_grows_as_the_text_does(reader):
    """Steps do not count what a regular expression does by itself."""
    for unit in UNITS:
        stays_fast(quietly(READERS[reader]), [unit * (size // len(unit)) for size in (10_000, 40_000)])


@pytest.mark.parametrize("part", ["2.a", "3", "4", "5.d", "5.e", "6.a.iii", "6.b.ii", "7.b", "8.a"])
def test_what_reads_an_answer_reads_any_in_seconds(part):
    read = load_public(SHEET).READINGS[part]

    for unit in FEW:
        texts = [unit * (size // len(unit)) for size in (5_000, 20_000)]
        stays_fast(lambda text: read_answer(read, Answer(part, text, text, "writeup.md", 1, "the last equation", "typed")), texts)


@pytest.mark.parametrize("unit", ["- a\n", "a: 1\n", "  ", "'", "[", "{a: ", "&a ", "? ", '"\\x', "#"])
def test_metadata_are_read_in_a_time_that_grows_as_they_do(tmp_path, unit):
    def read(text):
        (tmp_path / export.METADATA).write_text(text, encoding="utf-8")
        export.metadata(tmp_path)

    stays_fast(quietly(read), ["submission_1:\n  :submitters: []\n  x: " + unit * (size // len(unit)) for size in (1_000, 4_000)])


def test_a_write_up_is_read_as_far_as_it_is_said(tmp_path):
    path = tmp_path / "writeup.md"
    path.write_text(WRITEUP.format("yes", "x_" * MAX_TEXT), encoding="utf-8")
    source = read_file(path, "writeup.md")

    assert len(source.text) == MAX_TEXT
    assert source.notes == (f"writeup.md holds more than {MAX_TEXT} characters of text: the rest was not read.",)


@pytest.mark.parametrize("form", ["file", "notebook"])
def test_pictures_in_the_text_do_not_count(tmp_path, form):
    """Some editors paste them as megabytes of letters, between the answers."""
    picture = f"![plot](data:image/png;base64,{'iVBORw0KGgo/' * 100_000}=)"
    text = WRITEUP.format("yes", f"words\n\n{picture}\n\nmore words")
    path = tmp_path / ("writeup.md" if form == "file" else "work.ipynb")
    path.write_text(text if form == "file" else json.dumps({"cells": [{"cell_type": "markdown", "source": text}]}), encoding="utf-8")
    source = read_file(path, path.name) if form == "file" else read_notebook(path, path.name)
    answers, _ = _answers(source, TOY_SHEET)

    assert source.notes == ()
    assert answers["1.b"].text.startswith("words")
    assert "base64" not in answers["1.b"].body
    assert "more words" in answers["1.b"].body


def test_cells_of_a_notebook_are_found_in_steps_that_grow_as_their_number_does():
    books = [json.dumps({"cells": [{"cell_type": "code", "source": ["a = 1\n"]}] * count}) for count in (200, 400, 800)]

    grows_linearly(lambda text: notebook_cells(text, "work.ipynb"), books)
