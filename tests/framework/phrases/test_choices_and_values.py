"""Yes and no, values with units, and completeness, as people type them."""

import json
import math

import pytest
from drawing import examples
from hypothesis import given
from hypothesis import strategies as st
from places import CORPORA

from autograder.phrases import Window, quantity, read_quantities, said_something, yes_or_no
from autograder.phrases._quantities import runs
from autograder.writeup import Answer


def cases(name):
    return [json.loads(line) for line in (CORPORA / name).read_text(encoding="utf-8").splitlines()]


CHOICES = cases("claims-choices.jsonl")
VALUES = cases("claims-values.jsonl")
AROUND_200 = Window(190, 210, "measured")


def typed(text, how="the whole text", body=None, note=""):
    return Answer("1.a", text, text if body is None else body, "writeup.md", 7, how, "typed", note, 5)


def absent(state):
    return Answer("1.a", "", "", "writeup.md", 7, "", state, "found a.pdf, 9 pages: a person reads it" if state == "image" else "")


# ---- yes or no ----


@pytest.mark.parametrize("one", CHOICES, ids=[c["text"][:40] for c in CHOICES])
def test_yes_or_no(one):
    kinds = {truth: yes_or_no(typed(one["text"]), truth).kind for truth in (True, False)}
    due = {
        "yes": {True: "correct", False: "incorrect"},
        "no": {True: "incorrect", False: "correct"},
        "both": {True: "unreadable", False: "unreadable"},
        "neither": {True: "unreadable", False: "unreadable"},
    }
    assert kinds == due[one["said"]]


def test_other_words_for_yes_and_no():
    assert yes_or_no(typed("They match."), True, yes=("match",), no=("differ",)).kind == "correct"
    assert yes_or_no(typed("They do not match."), True, yes=("match",), no=("differ",)).kind == "incorrect"
    assert yes_or_no(typed("They differ."), False, yes=("match",), no=("differ",)).kind == "correct"


def test_what_follows_the_answer_line_decides():
    assert yes_or_no(typed("No", "after `Answer:`", "Yes, one might think.\n\nAnswer: No"), False).kind == "correct"


def test_how_it_was_read_is_said_with_the_place():
    read = yes_or_no(typed("Yes, for both.", note="your problem 3 is read as problem 2"), True).read
    assert read.startswith("writeup.md, line 5:")
    assert "“Yes, for both.”" in read
    assert "problem 3" in read


# ---- completeness ----


@pytest.mark.parametrize(
    ("text", "kind"), [("12", "correct"), ("nobody", "correct"), ("—", "unreadable"), ("$\\;$", "unreadable"), ("é", "correct")]
)
def test_anything_with_a_letter_or_a_digit_is_something(text, kind):
    assert said_something(typed(text)).kind == kind


def test_names_are_not_repeated_where_they_must_not_be():
    verdict = said_something(typed("Jane Doe and I"), echo=False)
    assert verdict.kind == "correct"
    assert "Jane" not in repr(verdict)
    assert "Jane" in repr(said_something(typed("Jane Doe and I")))


@pytest.mark.parametrize(("state", "kind"), [("missing", "missing"), ("image", "undecided"), ("foreign", "undecided")])
def test_what_is_not_typed(state, kind):
    for judge in (lambda a: yes_or_no(a, True), said_something, lambda a: quantity(a, AROUND_200, "ohm")):
        verdict = judge(absent(state))
        assert verdict.kind == kind
        assert state != "image" or "9 pages" in verdict.read


# ---- values ----


@pytest.mark.parametrize("one", VALUES, ids=[v["text"][:40] for v in VALUES])
def test_quantities(one):
    found = read_quantities(one["text"])
    if "range" in one:
        low, high, unit = one["range"]
        assert [(pytest.approx(q.low), pytest.approx(q.high), q.unit) for q in found] == [(low, high, unit)]
        return
    assert len(found) == len(one["expect"]), found
    for got, due in zip(found, one["expect"], strict=True):
        assert got.value == pytest.approx(due["value"])
        assert (got.unit, got.role, got.start) == (due["unit"], due["role"], due["start"]), got
        assert due["label"] is None or got.label == due["label"], got


def test_a_quantity_knows_its_place():
    first, second = read_quantities("The first line.\nR_low is 40 Ω here.\n\nR_high = 149.")
    assert (first.line, second.line) == (1, 3)
    assert first.quoted == "40 Ω"
    assert first.sentence == "R_low is 40 Ω here."


def test_runs_are_grouped_by_their_start():
    found = runs(read_quantities("Starting from 900: R_low = 41, R_high = 137. Starting from 500: R_low = 40, R_high = 149."))
    assert [(start, [q.value for q in values]) for start, values in found] == [(900, [41, 137]), (500, [40, 149])]


@pytest.mark.parametrize(
    ("text", "kind", "slip"),
    [
        ("200", "correct", None),
        ("The resistor value is 200 such that both match.", "correct", None),
        ("$R \\approx 198.94\\,\\Omega$", "correct", None),
        ("0.2 kΩ", "correct", None),
        ("0.2 kΩ = 200 Ω, so R = 200 ohms.", "correct", None),
        ("198.9 ohms, that is about 199 ohms", "correct", None),
        ("R = 200 Ω, and so the cutoff is 796 Hz", "correct", None),
        ("with lr = 200 the value of R is 320", "incorrect", None),
        ("320", "incorrect", None),
        ("200 Hz", "incorrect", "wrong_unit"),
        ("200 kΩ", "incorrect", "wrong_unit"),
        ("0.2", "incorrect", "wrong_unit"),
        ("200 or 300", "unreadable", None),
        ("It is 200. No, it is 300.", "unreadable", None),
        ("I tried 150 and 250, and the final value is 200.", "correct", None),
        ("between 195 and 205 ohms", "correct", None),
        ("The learned value is 201, close to the true value of 190.", "correct", None),
        ("The learned value is 320, far from the desired 200.", "incorrect", None),
        ("200 Ω, compared to 150 Ω in the previous part", "correct", None),
        ("200 ± 5 Ω", "correct", None),
        ("200 [Ω]", "correct", None),
        ("200 Ω (198.94 Ω to be exact)", "correct", None),
        ("between 100 and 205 ohms", "incorrect", None),
        ("about two hundred", "undecided", None),
    ],
)
def test_one_value(text, kind, slip):
    verdict = quantity(typed(text), AROUND_200, "ohm")
    assert (verdict.kind, verdict.slip) == (kind, slip), verdict.read


def test_evidence_of_a_value_names_the_window_and_the_message_does_not():
    verdict = quantity(typed("320 Ω"), (Window(1, 2, "other"), AROUND_200), "ohm")
    assert verdict.evidence == {"kind": "quantity", "got": 320.0, "unit": "ohm", "accepted": [1, 2], "where": "other"}
    assert "190" not in verdict.message
    right = quantity(typed("200 Ω"), (Window(1, 2, "other"), AROUND_200), "ohm")
    assert right.evidence["accepted"] == [190, 210]
    assert "measured" in right.method


def test_labels_choose_among_values():
    assert quantity(typed("the cutoff is 829 and R is 200"), AROUND_200, "ohm", labels=("r", "resist")).kind == "correct"


@examples(200)
@given(
    st.integers(1, 10**6).map(lambda n: n / 10),
    st.sampled_from(
        ["{}", "{} Ω", "R = {}", "R = {} ohms", "the value is {}.", "R_{{low}} = {}\\,\\Omega", "It converged to {} ohm, as expected."]
    ),
)
def test_a_value_is_read_as_it_is_written(value, frame):
    for shown in (f"{value}", f"{value:,}", f"{value:e}", f"{value:.1f}"):
        (found,) = read_quantities(frame.format(shown))
        assert math.isclose(found.value, float(shown.replace(",", "")), rel_tol=1e-12)


@examples(150)
@given(st.one_of(st.text(max_size=300), st.text(alphabet="0123456789.,-+eE^*/()[] ΩkHz=R_\n|$\\{}", max_size=120)))
def test_any_text_gets_a_verdict(text):
    answer = typed(text or "x")
    for _ in range(2):
        kinds = [yes_or_no(answer, True).kind, quantity(answer, AROUND_200, "ohm").kind, said_something(answer).kind]
    assert set(kinds) <= {"correct", "incorrect", "unreadable", "undecided"}
    for found in read_quantities(text):
        assert math.isfinite(found.value)
