"""The pages: formulas typeset, evidence drawn, nothing live in them, and nothing that students must not see yet."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import ROOT
from submissions.flawed_bank import DUE, graded_bank, told, written

from autograder.algebra import symbols
from autograder.assignment import Profile, is_code, load_assignment
from autograder.check.checker import Checker, Finding
from autograder.evidence import read_evidence
from autograder.grading.collection import collect
from autograder.grading.run import grade
from autograder.report import page, plots, typeset
from autograder.submission.intake import open_submission

HW0 = load_assignment(ROOT / "tests" / "hw0")
VOID = {"meta", "path", "rect", "polyline"}


class Outline(HTMLParser):
    """What a page is made of: its tags in order, whether they nest, its ids, links, headings and resources."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.headings, self.resources, self.faults = [], [], [], [], [], []

    def handle_starttag(self, tag, attributes):
        about = dict(attributes)
        if "id" in about:
            self.ids.append(about["id"])
        if tag == "a":
            self.links.append(about["href"])
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.resources += [
            v for k, v in attributes if k in ("src", "srcset", "data", "action", "background") or (k == "href" and not v.startswith("#"))
        ]
        self.faults += [f"{tag} {k}" for k, _ in attributes if k.startswith("on")]
        if tag in ("script", "iframe", "object", "embed", "link", "form"):
            self.faults.append(tag)
        if tag == "svg" and not ("aria-label" in about and about.get("role") == "img"):
            self.faults.append("a picture without a text")
        if tag == "math" and not about.get("alttext"):
            self.faults.append("a formula without a text")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> out of place")


def outline(html):
    parsed = Outline()
    parsed.feed(html)
    assert parsed.open == []
    return parsed


def sound(html):
    """Nothing live, nothing fetched, links that lead somewhere, headings without gaps."""
    parsed = outline(html)
    assert parsed.faults == []
    assert parsed.resources == []
    assert len(parsed.ids) == len(set(parsed.ids))
    assert all(link[1:] in parsed.ids for link in parsed.links)
    assert parsed.headings[0] == 1
    assert all(b - a <= 1 for a, b in zip(parsed.headings, parsed.headings[1:], strict=False))
    assert 'lang="en"' in html
    assert "url(" not in html
    assert "@import" not in html
    return parsed


@pytest.fixture(scope="module")
def bank():
    return graded_bank()


def findings(folder, wanted=lambda _: True):
    with open_submission(folder, HW0) as submission:
        return list(Checker(HW0, submission).findings(wanted))


def test_pages_of_the_whole_bank_are_sound_and_hold_every_part(bank):
    for _, _, _, report in bank:
        html = page.page(report)
        parsed = sound(html)
        assert {f"part-{e.number}" for e in report.entries} <= set(parsed.ids)
        assert "Evidence" in html


def test_a_hostile_submission_stays_text():
    hostile = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    found = [
        Finding("files", "", "said", (hostile,)),
        Finding("written", "5.a", "read", (hostile,), hostile, hostile),
        Finding("code", "3.code.gradient_step", "wrong", (hostile,), "", hostile),
        Finding("upload", "", "said", (hostile,)),
    ]
    html = page.check_page(HW0, hostile, found)

    sound(html)
    assert "<script" not in html.replace("&lt;script", "")


def test_a_sign_before_a_letter_is_shown_as_it_was_typed():
    html = page.check_page(HW0, "me", [Finding("written", "6.b.ii", "read", ("read as 0 <b",), "", "0 <b")])

    assert "0 &lt;b" in html
    assert "&amp;lt;" not in html


# What is due stays unseen.


def seen(results):
    """Everything in a results.json that a student sees before the due date, and every output as well."""
    texts = [results["output"]]
    for test in results["tests"]:
        texts.append(test["output"])
        if test["visibility"] == "visible":
            texts += [test["name"], json.dumps(test.get("extra_data"))]
    return texts


def own(folder):
    """Everything that the student typed, in the spelling of the algebra room too."""
    return "\n".join(path.read_text(encoding="utf-8") for path in folder.iterdir())


def test_nothing_that_is_due_is_seen_before_the_due_date(bank):
    """Each value that is due, in every notation, against all outputs and the page of the student's check, for each flawed submission."""
    looked = 0
    for place, (_, folder, path, _) in enumerate(bank):
        found = findings(folder, lambda source, place=place: place == 0 or source != "color_organ")  # torch takes seconds: once will do
        texts = [
            *seen(json.loads(path.read_text(encoding="utf-8"))),
            page.check_page(HW0, folder.name, found),
            *("\n".join(f.lines) for f in found),
        ]
        typed = own(folder) + "\n".join(f.formula for f in found)
        everything = "\n\x00\n".join(texts)
        for number, values in DUE.items():
            for value in values:
                if not told(typed, value):
                    looked += 1
                    assert not told(everything, value), (number, value, [t for t in texts if told(t, value)])
    assert looked > 200


ODD = (
    "it depends",
    "(x + ",
    "I do not know ???",
    "x = 3 or x = 4",
    "no idea, but $x$ matters",
    "\\frac{1}{",
    "A = A_0 or so",
    "it is always true",
    "x",
)


def test_what_is_accepted_instead_is_no_answer(tmp_path):
    """Messages about answers that cannot be read name an example of what can, which must not be what is due."""
    numbers = [n for n in HW0.points if not is_code(n) and n.split(".")[0] in "56"]
    only = replace(HW0, profiles={"full": Profile("full", {n: HW0.points[n] for n in numbers}, frozenset())})
    texts: dict[str, list[str]] = {}

    def use(suite):
        for place, answer in enumerate(ODD):
            folder = written([{"answers": dict.fromkeys(numbers, answer)}], tmp_path / str(place), HW0)
            texts[answer] = [entry.feedback for entry in grade(folder, only, suite=suite).entries]
            texts[answer] += ["\n".join(finding.lines) for finding in findings(folder, lambda source: source == "writeup")]

    collect(only, only.profile("full"), use)
    for answer, said in texts.items():
        due = [value for values in DUE.values() for value in values if not told(answer, value)]
        assert [(answer, value, text) for value in due for text in said if told(text, value)] == []


def numbers_in(value):
    if isinstance(value, list):
        return [n for item in value for n in numbers_in(item)]
    return [value] if isinstance(value, float) and value != int(value) else []


def test_no_expected_number_of_the_evidence_is_in_an_output(bank):
    looked = 0
    for _, _, path, _ in bank:
        for test in json.loads(path.read_text(encoding="utf-8"))["tests"]:
            evidence = test["extra_data"]["evidence"] or {}
            theirs = {f"{n:.4g}" for key in ("got", "args") for n in numbers_in(evidence.get(key))}
            for number in numbers_in(evidence.get("expected")):
                if f"{number:.4g}" not in theirs:
                    looked += 1
                    texts = (repr(number), f"{number:.6g}", f"{number:.5g}")
                    within = r"(?<![-.\d])%s"  # -2.5, which is theirs, does not tell 2.5
                    assert not any(re.search(within % re.escape(text), test["output"]) for text in texts), (test["number"], number)
    assert looked > 20


def test_the_detector_detects():
    assert told("so it is $x^\\top (A + A^\\top)$, you see", "x^T (A + A^T)")
    assert told("xᵀ(A+Aᵀ)", "x^T (A + A^T)")
    assert not told("2 x^T A", "x^T (A + A^T)")
    assert not told("A", "A")


# Formulas.


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("cᵀ", "<msup>"),
        ("2 xᵀ A", "&#8290;"),
        ("−b/w", "<mfrac>"),
        ("(a + b)/(c d)", "<mfrac><mrow><mi>a</mi>"),
        ("{ (φ − y) x if w x + b > 0; 0 otherwise }", 'class="cases"'),
        ("a { 1 if x ≤ 0; 2 if not (x > 1) and y = 0 }", "not"),
        (r"\hat{f}", "<mover"),
        ("W^{(1)}_i", "<msubsup>"),
        ("w_{t-1}", "<msub>"),
        ("‖F w − y‖₂", "‖"),
        ("|x| y", "|"),
        ("(Xᵀ X + Σ⁻¹)⁻¹ Xᵀ y", "Σ"),
        ("Σ_{i=1..n} x_{i}", "∑"),
        ("[X; Γ]", "<mtr>"),
        ("max(0, x)", "<mi>max</mi>"),
        ("t^(1/2)", "<msup>"),
        ("A ⊙ B", "⊙"),
        ("A = Aᵀ", "="),
        ("phi'(x)", "′"),
        ("1/3 x", "<mfrac>"),
    ],
)
def test_formulas_are_typeset(text, holds):
    html = typeset.mathml(text)

    assert html is not None
    assert holds in html
    outline(html)


@pytest.mark.parametrize(
    "text", ["<script>", "a $ b", "(a", "a)", "{ 1 if", "x" * 2000, "(" * 100 + "x" + ")" * 100, "", "1 +", "yes, it is"]
)
def test_what_is_not_our_notation_is_left_alone(text):
    assert typeset.mathml(text) is None


@given(st.text(alphabet="abxy()[]{}|‖+−/ᵀ⁻¹²_^,;=<>≤ 012if\\", max_size=40))
def test_typesetting_never_fails_and_nests(text):
    html = typeset.mathml(text)
    if html is not None:
        outline(html)


FORMULAS = (
    "x^T A c / (1 + w)",
    "\\|A x - c\\|_2^2",
    "\\max(0, w b)",
    "-\\frac{b}{w}",
    "tr(A^2) x",
    "\\frac{W^{(1)}_i}{\\hat{f}}",
    "(A^T A + I)^{-1} x",
    "e^{-w}",
    "\\sum_{i=1}^n x_i c_i",
    "|w| b",
    "\\sqrt{w}",
)


def test_what_the_algebra_room_writes_is_understood():
    from autograder.algebra.equivalence.decision import read_typed
    from autograder.algebra.notation.rendering import render

    table = symbols(
        {"x": "vector n", "c": "vector n", "A": "matrix n n", "w": "scalar", "b": "scalar", "W^{(1)}_i": "scalar", "\\hat{f}": "scalar"}
    )
    for text in FORMULAS:
        assert typeset.mathml(render(read_typed(text, table, None).expression, table)) is not None, text


# Pictures.


def test_evidence_over_an_axis_is_drawn():
    x = [float(10 ** (k / 4)) for k in range(12)]
    svg = plots.picture({"kind": "numeric", "function": "m.f", "args": [x, 3.0], "got": [v * 2 for v in x], "expected": x})

    assert svg.count("<polyline") == 2
    assert "stroke-dasharray" in svg
    assert 'role="img"' in svg
    assert "returned" in svg
    outline(svg)


def test_a_plot_with_a_window_and_an_end():
    x = [float(k) for k in range(1, 20)]
    plot = {"kind": "loss", "unit": "ohm", "end": 12.0, "resistors": x, "loss": [(v - 12) ** 2 for v in x], "alt": "A <loss> & its end."}
    svg = plots.picture({"kind": "quantity", "got": 12.0, "accepted": [8.0, 10.0], "plot": plot})

    assert "accepted" in svg
    assert "ends at 12" in svg
    assert "A &lt;loss&gt; &amp; its end." in svg
    outline(svg)


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"kind": "numeric", "args": [[1.0, 2.0]], "got": [1.0, 2.0], "expected": [1.0, 2.0]},
        {"kind": "numeric", "args": "cut", "got": [1.0] * 9, "expected": [1.0] * 9},
        {"kind": "numeric", "args": [[1.0] * 9], "got": ["nan"] * 9, "expected": [1.0] * 9},
        {"plot": {"a": [1.0] * 9}},
        {"plot": {"a": [1.0] * 9, "b": [1.0] * 8}},
    ],
)
def test_what_cannot_be_drawn_is_not(evidence):
    assert plots.picture(evidence) is None


def test_a_constant_line_is_drawn_too():
    assert plots.picture({"kind": "numeric", "function": "f", "args": [[1.0] * 9], "got": [2.0] * 9, "expected": [2.0] * 9})


def test_evidence_that_is_drawn_is_in_the_page(bank):
    drawn = [report for *_, report in bank if any(plots.picture(dict(e.verdict.evidence)) for e in report.entries)]

    assert drawn
    assert "<svg" in page.page(drawn[0])


def test_lines_of_long_evidence_stay_short():
    lines = list(
        read_evidence(
            {
                "kind": "numeric",
                "function": "f",
                "args": [[0.123456789] * 40],
                "expected": [1.0],
                "got": [2.0],
                "measure": "m",
                "value": 1.0,
                "threshold": 1.0,
            }
        ).show()
    )

    assert max(map(len, lines)) <= 100


def test_a_page_with_evidence_says_for_whom_it_is(bank):
    assert "For staff" in page.page(bank[0][3])
    assert "For staff" not in page.check_page(HW0, "mine", [])


# In a browser.

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_shows_the_page(bank, tmp_path):
    """Chromium reads the page, finds its MathML and pictures, and prints it."""
    report = max((report for *_, report in bank), key=lambda r: sum(bool(e.verdict.evidence) for e in r.entries))
    (tmp_path / "page.html").write_text(page.page(report), encoding="utf-8")
    browser = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}"]
    url = (tmp_path / "page.html").as_uri()
    dumped = subprocess.run([*browser, "--dump-dom", url], capture_output=True, text=True, check=False, timeout=120)
    assert "<math" in dumped.stdout
    assert f'id="part-{report.entries[0].number}"' in dumped.stdout
    subprocess.run([*browser, f"--print-to-pdf={tmp_path / 'page.pdf'}", url], capture_output=True, check=False, timeout=120)
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
