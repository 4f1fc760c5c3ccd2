"""The write-up's reader: the same answers come out of every layout, and nothing that is handed in makes it raise."""

import json
import zlib

import pytest
from drawing import examples
from hypothesis import given
from hypothesis import strategies as st
from places import SHARED, TESTS

from autograder.algebra import equivalent, same_condition, symbols
from autograder.assignment import load_assignment
from autograder.phrases import Subject, Window, quantity, read_claims, said_something, yes_or_no
from autograder.submission.intake import open_submission
from autograder.writeup import read_writeup
from autograder.writeup._final import is_placeholder

CORPUS = TESTS / "corpora" / "writeups"
SAMPLE = SHARED / "samples" / "real-writeup.md"
SHEET = load_assignment(TESTS / "hw0")
MARKS = [json.loads(line) for line in (CORPUS / "marks.jsonl").read_text(encoding="utf-8").splitlines()]
LAYOUTS = ["template.md", "macros.tex", "boxed.md", "unicode.md", "renumbered.md", "flat.md", "chat.md", "notebook.ipynb"]
PARTS = [number for problem in SHEET.problems for number in problem.numbers()]


def read(path):
    with open_submission(path, SHEET) as submission:
        return read_writeup(submission, SHEET)


def read_files(folder, **files):
    """A submission of these files; `__` in a name stands for the dot."""
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name.replace("__", ".")).write_bytes(data)
    return read(folder)


# ---- marks, headings, final answers: cases as data ----


@pytest.mark.parametrize("one", MARKS, ids=[m["id"] for m in MARKS])
def test_parts_and_final_answers(one, tmp_path):
    writeup = read_files(tmp_path, **{one["name"].replace(".", "__"): one["text"]})

    if one.get("foreign"):
        assert {a.state for a in writeup.answers.values()} == {"foreign"}
        assert "another homework" in writeup.notes[0]
    assert {part: writeup.answer(part).text for part in one["expect"]} == one["expect"]
    assert {part: writeup.answer(part).state for part in one["missing"]} == dict.fromkeys(one["missing"], "missing")


# ---- the same answers in every layout ----

VECTORS = symbols({"x": "vector n", "c": "vector n", "A": "matrix n n"})
UNIT = symbols(
    {"w": "scalar nonzero", "b": "scalar", "x": "scalar", "y": "scalar", "phi": "scalar"},
    functions={"phi": "x"},
    definitions={"phi": "\\max(0, w x + b)"},
)
NETWORK = symbols({"W^{(1)}_i": "scalar nonzero", "b_i": "scalar"}, aliases={"W^{(1)}_i": ["W1_i"]})
FORMULAS = {
    "5.a": (VECTORS, "c^T"),
    "5.b": (VECTORS, "2 x^T"),
    "5.c": (VECTORS, "A"),
    "5.d": (VECTORS, "x^T (A + A^T)"),
    "6.a.i": (UNIT, "-b/w"),
    "6.a.ii": (UNIT, "\\phi(x) - y"),
    "6.a.iii": (UNIT, "\\begin{cases} (\\phi(x) - y) x & w x + b > 0 \\\\ 0 & else \\end{cases}"),
    "6.a.iv": (UNIT, "\\begin{cases} \\phi(x) - y & w x + b > 0 \\\\ 0 & else \\end{cases}"),
    "6.c": (NETWORK, "-b_i/W^{(1)}_i"),
}
MOVES = {
    "6.b.i": {("slope", "same"), ("elbow", "same")},
    "6.b.iii": {("slope", "up"), ("elbow", "right")},
    "6.b.iv": {("slope", "down"), ("elbow", "left")},
}
SUBJECTS = (
    Subject("slope", ("slope",), lambda at: (at["w"], at["w"]), 0.5),
    Subject("elbow", ("elbow", "kink"), lambda at: (at["w"], at["w"]), 0.5, True),
)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_answers_in_every_layout(layout):
    answer = read(CORPUS / layout).answer

    for part, truth in zip("abcde", (True, False, False, True, True), strict=True):
        assert yes_or_no(answer(f"2.{part}"), truth).kind == "correct", part
    for part, (table, expected) in FORMULAS.items():
        verdict = equivalent(answer(part), expected, table)
        assert verdict.kind == "correct", (part, answer(part), verdict.message)
    assert same_condition(answer("5.e"), "A = A^T", VECTORS).kind == "correct"
    for part, moves in MOVES.items():
        claims = read_claims(answer(part).body, SUBJECTS)
        assert {(c.subject, c.move) for c in claims} == moves, part
    assert quantity(answer("7.a"), Window(198, 200), "ohm").kind == "correct"
    assert quantity(answer("7.d"), Window(344, 346), "ohm").kind == "correct"
    for part in "abc":
        assert said_something(answer(f"8.{part}")).kind == "correct"
    for part in ("3", "4", "6.d", "7.b", "7.c", "7.e", "7.f", "7.g", "7.h", "7.i"):
        assert answer(part).state == "missing", answer(part)


def test_places_in_the_file_are_right():
    for layout in [name for name in LAYOUTS if not name.endswith(".ipynb")]:
        lines = (CORPUS / layout).read_text(encoding="utf-8").splitlines()
        for part, words in (("8.a", "the lecture notes"), ("8.b", "I worked alone."), ("7.a", "199")):
            answer = read(CORPUS / layout).answer(part)
            assert answer.file == layout
            assert words in lines[answer.line - 1], (layout, part, answer)


def test_places_in_a_notebook_are_cells_and_their_lines():
    answer = read(CORPUS / "notebook.ipynb").answer("8.b")
    book = json.loads((CORPUS / "notebook.ipynb").read_text(encoding="utf-8"))
    label, cell = answer.file.rsplit(" ", 1)

    assert label == "notebook.ipynb, cell"
    assert "I worked alone." in book["cells"][int(cell) - 1]["source"][answer.line - 1]


@pytest.mark.skipif(not SAMPLE.exists(), reason="the sample is not part of the project")
def test_a_real_write_up():
    writeup = read(SAMPLE)
    answer = writeup.answer
    lines = SAMPLE.read_text(encoding="utf-8").splitlines()

    assert [answer(f"2.{part}").text for part in "abcde"] == ["Yes.", "No.", "No.", "Yes.", "Yes."]
    for part in FORMULAS:
        verdict = equivalent(answer(part), FORMULAS[part][1], FORMULAS[part][0]) if part != "6.c" else None
        assert part in ("6.a.ii", "6.c") or verdict.kind == "correct", part
    assert answer("6.c").text == "e_i = -\\frac{b^i}{w_i^{(1)}}"
    assert {part for part in PARTS if answer(part).state != "typed"} == {"7.g"}
    assert lines[answer("7.d").line - 1] == "(d) The learned resistor value is 320."
    assert writeup.notes == ()


# ---- which file, which bytes ----

TEXT = "## 5. Vector Calculus Review\n\n(a) für alle\n\nAnswer: $c^T$\n"


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT.encode("latin-1"),
        TEXT.encode("utf-16"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace("für", "“für”").encode("cp1252"),
    ],
    ids=["utf-8", "bom", "latin-1", "utf-16", "crlf", "cr", "windows"],
)
def test_encodings_and_line_ends(data, tmp_path):
    answer = read_files(tmp_path, writeup__md=data).answer("5.a")
    assert (answer.text, answer.line) == ("$c^T$", 5)
    assert "für" in answer.body


def answered(*letters):
    return "".join(f"## 5({letter})\nAnswer: {letter}{letter}\n\n" for letter in letters)


def notebook(*cells):
    return json.dumps({"nbformat": 4, "cells": [{"cell_type": "markdown", "source": cell} for cell in cells]})


def test_the_first_write_up_counts_and_the_others_are_named(tmp_path):
    writeup = read_files(
        tmp_path,
        writeup__md=answered("a"),
        writeup__tex=answered("b"),
        other__md=answered("c"),
        color_organ_learning__ipynb=notebook(answered("d")),
        scan__pdf=b"%PDF",
    )
    assert {p for p in PARTS if writeup.answer(p).state == "typed"} == {"5.a"}
    said = " ".join(writeup.notes)
    assert "writeup.md is read" in said
    for name in ("writeup.tex", "other.md", "color_organ_learning.ipynb", "scan.pdf"):
        assert name in said


def test_an_empty_template_does_not_hide_the_real_one(tmp_path):
    writeup = read_files(tmp_path, writeup__md="## 5(a)\nAnswer:\n", writeup__tex="\\section{5}\n(b) bb")
    assert writeup.answer("5.b").text == "bb"


def test_a_lone_file_of_another_name_beside_a_notebook_without_answers(tmp_path):
    writeup = read_files(
        tmp_path, homework__tex="\\section{5}\n(a) aa", README__md="# About", color_organ_learning__ipynb=notebook("# Color organ")
    )
    assert writeup.answer("5.a").file == "homework.tex"


def test_a_notebook_by_itself(tmp_path):
    writeup = read_files(tmp_path, color_organ_learning__ipynb=notebook("## 5(a)", "Answer: $c^T$"))
    answer = writeup.answer("5.a")
    assert (answer.text, answer.file, answer.line) == ("$c^T$", "color_organ_learning.ipynb, cell 2", 1)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"cells": 3}',
        '{"cells": [3, {"cell_type": "markdown", "source": 7}]}',
        "[" * 100_000,
        '{"worksheets": [{"cells": []}]}',
    ],
)
def test_a_broken_notebook_is_no_write_up(content, tmp_path):
    assert read_files(tmp_path, color_organ_learning__ipynb=content).answer("5.a").state == "missing"


def test_an_old_notebook(tmp_path):
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["5. Vector Calculus Review"]},
        {"cell_type": "markdown", "source": ["(a) $c^T$"]},
    ]
    writeup = read_files(tmp_path, old__ipynb=json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]}))
    assert writeup.answer("5.a").text == "c^T"


def test_nothing_at_all(tmp_path):
    writeup = read_files(tmp_path, ridge__py="x = 1")
    assert {a.state for a in writeup.answers.values()} == {"missing"}
    assert list(writeup.answers) == PARTS
    with pytest.raises(KeyError):
        writeup.answer("9.z")


PAGES = b"%PDF-1.4\n" + b"<< /Type /Page /Parent 1 0 R >>\n" * 9 + b"<< /Type /Pages /Count 9 >>\n"
PACKED = (
    b"%PDF-1.5\n<< /Type /ObjStm /Filter /FlateDecode >>\nstream\n"
    + zlib.compress(b"<</Type/Page>> <</Type/Pages>> <</Type/Page>>")
    + b"\nendstream"
)


@pytest.mark.parametrize(
    ("name", "data", "note"),
    [
        ("writeup.pdf", PAGES, "found writeup.pdf, 9 pages: a person reads it"),
        ("scan.PDF", PACKED, "found scan.PDF, 2 pages: a person reads it"),
        ("one.pdf", b"<</Type/Page>>", "found one.pdf, 1 page: a person reads it"),
        ("broken.pdf", b"\x00stream\n/ObjStm stream\nxx", "found broken.pdf: a person reads it"),
        ("photo.jpeg", b"\xff\xd8", "found photo.jpeg: a person reads it"),
    ],
)
def test_a_picture_of_a_write_up_is_left_to_a_person(name, data, note, tmp_path):
    writeup = read_files(tmp_path, **{name.replace(".", "__"): data})
    assert {(a.state, a.note, a.file) for a in writeup.answers.values()} == {("image", note, name)}


def test_a_picture_beside_an_untouched_template(tmp_path):
    writeup = read_files(tmp_path, writeup__md="## 5(a)\n\nAnswer:\n", scan__pdf=PAGES)
    assert writeup.answer("5.a").state == "image"


def test_a_part_that_is_a_picture(tmp_path):
    writeup = read_files(tmp_path, writeup__md="## 5(a)\n![my work](scan.png)\n## 5(b)\n$2x^T$\n")
    assert writeup.answer("5.a").text == "my work"
    bare = read_files(tmp_path, writeup__md="## 5(a)\n![](scan.png)\n## 5(b)\n$2x^T$\n")
    assert bare.answer("5.a").state == "image"
    assert bare.answer("5.c").state == "missing"


# ---- notes ----


def test_remapping_is_said():
    writeup = read(CORPUS / "renumbered.md")
    assert "your problem 1 bears the title of problem 5" in writeup.answer("5.a").note
    assert any("problem 1 bears the title of problem 5" in note for note in writeup.notes)


def test_work_above_an_empty_answer_line_is_mentioned(tmp_path):
    answer = read_files(tmp_path, writeup__md="## 5(a)\nBy linearity the derivative is $c^T$.\n\nAnswer:\n").answer("5.a")
    assert answer.state == "missing"
    assert "above" in answer.note


FACTORS = (
    r"\begin{bmatrix} X^T & \Gamma^T \end{bmatrix}",
    r"\begin{bmatrix} X \\ \Gamma \end{bmatrix}",
    r"\begin{pmatrix} a & b & c \end{pmatrix}",
    r"\begin{array}{ccc} a & b & c \end{array}",
    r"\mathbf{abc}",
    r"\sqrt{abc}",
    r"\frac{100}{100}",
    r"x_{100}^{100}",
)


@pytest.mark.parametrize("left", FACTORS)
@pytest.mark.parametrize("right", FACTORS)
def test_a_product_is_no_formula_pasted_twice(left, right, tmp_path):
    """Names of environments are not rendered, and a copy ends nothing that began before it: `\\end{}` came of both."""
    for between in ("", " "):
        formula = f"$M = {left}{between}{right}$"
        answer = read_files(tmp_path, writeup__md=f"# 5. Vector Calculus Review\n\n(c)\n\n{formula}\n").answer("5.c")

        assert answer.body == formula


def test_files_that_are_pulled_in_are_not_followed(tmp_path):
    secret = tmp_path / "secret.tex"
    writeup = read_files(tmp_path, writeup__tex=f"\\section{{5}}\n(a) \\input{{{secret}}} $c^T$", secret__tex="(b) $2x^T$")
    assert writeup.answer("5.b").state == "missing"
    assert any("not followed" in note for note in writeup.notes)


# ---- anything at all ----

PIECES = [
    *(
        "## 5 \n",
        "(a)",
        "(b)",
        "(i)",
        "(ii)",
        "Answer:",
        "$",
        "$$",
        "\\[",
        "\\]",
        "\\(",
        "{",
        "}",
        "\\begin{align}",
        "\\end{align}",
        "=",
        "\\boxed{",
    ),
    *(
        "\\begin{cases}",
        "\\end{cases}",
        "&",
        "\\\\",
        "\\frac",
        "\n",
        "\n\n",
        "> ",
        "```",
        "<!--",
        "-->",
        "**",
        "_",
        "c^T",
        "if",
        "where",
        "Yes.",
    ),
    *(
        "6. ReLU Elbow\n",
        "2. Course Policies\n",
        "\\item",
        "\\begin{enumerate}",
        "\\newcommand{\\a}[1]{#1\\a{x}}",
        "\\a",
        "\\def\\b{\\b\\b}",
        "\\b",
    ),
    *("![", "](", ")", "- ", "1. ", "%", "Figure 1:", "|", "|--|"),
]


@examples(150)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map(" ".join), st.sampled_from(["writeup.md", "writeup.tex"]))
def test_any_markup_is_read(tmp_path_factory, text, name):
    folder = tmp_path_factory.mktemp("markup")
    writeup = read_files(folder, **{name.replace(".", "__"): text})
    lines = text.count("\n") + 1
    for part, answer in writeup.answers.items():
        assert answer.part == part
        assert (answer.state == "typed") == bool(answer.text)
        assert 1 <= answer.line <= lines


@examples(150)
@given(st.binary(max_size=400), st.sampled_from(["writeup.md", "writeup.tex", "color_organ_learning.ipynb", "a.pdf"]))
def test_any_bytes_are_read(tmp_path_factory, data, name):
    writeup = read_files(tmp_path_factory.mktemp("bytes"), **{name.replace(".", "__"): data})
    assert list(writeup.answers) == PARTS


@examples(40)
@given(
    st.lists(st.sampled_from(["$c^T$", "No.", "A = A^T", "x^T(A + A^T)", "12 hours", "The slope decreases."]), min_size=5, max_size=5),
    st.sampled_from(["({})", "{})", "{}.", "**({})**", "### 5({})\n", "- ({})"]),
)
def test_parts_do_not_leak_into_each_other(tmp_path_factory, answers, mark):
    text = "## 5. Vector Calculus Review\n\n" + "\n\n".join(
        f"{mark.format(letter)} {answer}" for letter, answer in zip("abcde", answers, strict=True)
    )
    writeup = read_files(tmp_path_factory.mktemp("parts"), writeup__md=text)
    assert [writeup.answer(f"5.{letter}").body for letter in "abcde"] == answers


LONG = {
    "sections": "## 5. Vector Calculus Review\n(a) $c^T$\n(b) $2x^T$\n",
    "marks": "(a) x\n(b) y\n",
    "dollars": "$ ",
    "open": "\\[ \\begin{align} \\boxed{ \\a{",
    "equations": "a = b + c, ",
    "answers": "Answer: x\n",
    "comments": "<!-- ![ > | ",
    "titles": "## 3. Gradient Descents Go Nuts\n",
    "blank": "\n",
    "stars": "*",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["writeup.md", "writeup.tex"])
@pytest.mark.parametrize("kind", LONG)
def test_a_megabyte_of_anything_is_read(kind, name, tmp_path):
    text = "## 5\n(a)\n" + LONG[kind] * (10**6 // len(LONG[kind]))
    assert list(read_files(tmp_path, **{name.replace(".", "__"): text}).answers) == PARTS


@pytest.mark.parametrize(
    "said",
    [
        "I did not do this.",
        "did not do",
        "I didn't do this part",
        "We could not solve it",
        "Skipped",
        "skip this part",
        "I don't know",
        "no idea.",
        "**I did not finish this one**",
        "I haven't done this yet",
    ],
)
def test_to_say_that_nothing_was_done_is_no_answer(said):
    assert is_placeholder(said)


@pytest.mark.parametrize(
    "said",
    [
        "I did not do this with anyone",
        "I did not use anyone",
        "No, it does not",
        "I did not do this alone but with friends",
        "no one",
        "none",
        "no sources",
        "I could not get R = 200",
        "I did not get the values of (c)",
        "I do not know whether w > bx, so it depends",
        "slope does not change",
    ],
)
def test_what_only_sounds_like_it_is_one(said):
    assert not is_placeholder(said)
