"""Decisions of persons: what fits what, what an entry becomes, the file and everything that may be wrong in it."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from submissions.made_up import RIGHT, SHEET, handed_in, run_autograder, unpacked, with_environment

from autograder.authoring.bundle import build
from autograder.errors import UsageError
from autograder.grading.overrides import (
    BY_PERSON,
    Decision,
    Overrides,
    answer_keys,
    apply_decision,
    dump_overrides,
    fingerprint,
    load_overrides,
    normalise,
    readable_reason,
    review_key,
)
from autograder.grading.run import grade
from autograder.report import gradescope, writable
from autograder.report.score import NEEDS_REVIEW, make_entry
from autograder.verdict import undecided, unreadable
from autograder.writeup import Answer


def answer(text, body=None, how="after `Answer:`", part="1.b", line=9):
    return Answer(part, text, body if body is not None else f"Answer: {text}", "writeup.md", line, how, "typed")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Symmetric  matrix", "symmetric matrix.", True),
        ("$x^T A$", r"\( x^T A \)", True),
        ("x^T\n A", "x^T A", True),
        ("A", "a", False),
        ("$A x$", "$a x$", False),
        ("2x", "-2x", False),
        ("symmetric", "not symmetric", False),
        ("A b", "AB", False),
    ],
)
def test_what_counts_as_the_same_answer(one, other, same):
    assert (normalise(one) == normalise(other)) is same


def test_a_final_answer_counts_by_itself_only_where_it_was_marked():
    marked, other_steps = answer("5", "steps\nAnswer: 5"), answer("5", "other steps\nAnswer: 5", line=12)
    last, other_last = answer("5", "a = 5", how="the last equation"), answer("5", "b = 5", how="the last equation")

    assert set(answer_keys(marked)) & set(answer_keys(other_steps))
    assert not set(answer_keys(last)) & set(answer_keys(other_last))
    assert review_key(marked, unreadable("?")) == review_key(other_steps, unreadable("?"))
    assert review_key(marked, undecided("?")) != review_key(other_steps, undecided("?"))
    assert answer_keys(Answer("1.b", "", "", "", 0, "", "missing")) == ()
    assert set(answer_keys(answer("5", part="1.a"))).isdisjoint(answer_keys(answer("5", part="1.b")))


def test_what_fits_and_which_decision_wins():
    everyone, later = Decision("1.b", 3, "a", answer="k1"), Decision("1.b", 4, "b", answer="k1")
    one, by_content = Decision("1.b", 5, "c", submission="anna"), Decision("1.a", 6, "d", submission="anna", content="c1")
    overrides = Overrides((one, everyone, later, by_content))

    assert overrides.fitting({"1.b": ("k0", "k1")}, "ben", "c2") == {"1.b": later}
    assert overrides.fitting({"1.b": ("k1",)}, "anna", "c2") == {"1.b": one}
    assert overrides.fitting({}, "submission", "c1") == {"1.a": by_content}
    assert overrides.fitting({"1.b": ("k2",)}, "ben", "c2") == {}
    assert fingerprint({}) == ""
    assert fingerprint({"1.b": one}) != fingerprint({"1.b": everyone})


@pytest.mark.parametrize(("points", "kind", "status"), [(10, "correct", "passed"), (4, "partial", "failed"), (0, "incorrect", "failed")])
def test_what_an_entry_becomes(points, kind, status):
    entry = make_entry("1.b", SHEET, SHEET.profile("full"), undecided("?", read="read so"), tags=("own",))
    decided = apply_decision(entry, Decision("1.b", points, "It says why.", answer="k"), SHEET, SHEET.profile("words"))

    assert (decided.verdict.kind, decided.status) == (kind, status)
    assert decided.score == points * 5  # of the profile, in which the part is worth five times as much
    assert "Decided by a person: It says why." in decided.feedback
    assert decided.tags == ("own", BY_PERSON)
    assert NEEDS_REVIEW in entry.tags
    assert apply_decision(entry, None, SHEET, SHEET.profile("full")) is entry


PLAIN = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40)


@given(reason=PLAIN.filter(readable_reason), name=PLAIN, text=PLAIN, points=st.floats(0, 10))
def test_what_is_written_is_read_again(tmp_path_factory, reason, name, text, points):
    path = tmp_path_factory.mktemp("file") / "overrides.toml"
    wanted = Overrides((Decision("1.b", points, reason, submission=name, text=text), Decision("1.a", points, reason, answer="k")))
    path.write_text(dump_overrides(wanted), encoding="utf-8", newline="")
    found = load_overrides(path, SHEET)

    assert [(d.part, d.points, d.answer) for d in found.decisions] == [("1.b", points, ""), ("1.a", points, "k")]
    assert found.decisions[0].submission == writable(name)
    assert found.decisions[0].reason == readable_reason(reason)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not toml", "cannot be read"),
        ("[decision]\npart = 1\n", "expected .* tables"),
        ("[[override]]\n", "override is not understood"),
        ("decision = [3]\n", "expected a table"),
        ('[[decision]]\npart = "9.z"\n', "'9.z' is none of toy's"),
        ('[[decision]]\npart = "1.b"\npoints = 11\nreason = "r"\nanswer = "k"\n', "expected a number from 0 to 10"),
        ('[[decision]]\npart = "1.b"\npoints = true\nreason = "r"\nanswer = "k"\n', "expected a number"),
        ('[[decision]]\npart = "1.b"\npoints = nan\nreason = "r"\nanswer = "k"\n', "expected a number"),
        ('[[decision]]\npart = "1.b"\npoints = 1\nanswer = "k"\n', "every decision has a reason"),
        ('[[decision]]\npart = "1.b"\npoints = 1\nreason = "r"\n', "names one of"),
        ('[[decision]]\npart = "1.b"\npoints = 1\nreason = "r"\nanswer = "k"\nsubmission = "s"\n', "names one of"),
        ('[[decision]]\npart = "1.b"\npoints = 1\nreason = "r"\nanswer = 5\n', "answer has to be text"),
        ('[[decision]]\npart = "1.b"\npoint = 1\n', "holds point; known are"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_the_decision(tmp_path, text, said):
    path = tmp_path / "overrides.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=said) as caught:
        load_overrides(path, SHEET)
    assert "\n" not in str(caught.value)


def test_grading_applies_what_fits_and_nothing_else(tmp_path):
    one = grade(handed_in(tmp_path / "one"), SHEET)
    decision = Decision("1.b", 8, "Good words.", answer=one.keys["1.b"][0])
    by_name = Decision("1.code.double", 40, "Shown in office hours.", submission="submission_7")
    overrides = Overrides((decision, by_name))

    scores = {}
    for name, words, double in (("same", "words  ", "2 * x"), ("other", "other words", "2 * x"), ("named", "words", "x")):
        report = grade(
            handed_in(tmp_path / name, RIGHT.replace("2 * x", double), words=words),
            SHEET,
            overrides=overrides,
            known_as="submission_7" if name == "named" else "",
        )
        scores[name] = {entry.number: entry.score for entry in report.entries}
        assert list(gradescope.faults(gradescope.document(report))) == []

    assert [scores[name]["1.b"] for name in scores] == [8, 5, 8]
    assert [scores[name]["1.code.double"] for name in scores] == [40, 40, 40]
    assert scores["named"] == {"1.a": 10, "1.b": 8, "1.code.double": 40, "1.code.half": 40}


@pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")
def test_a_built_zip_keeps_the_decisions(tmp_path):
    """Run as Gradescope does, where the export's name of a submission is in another file."""
    one = grade(handed_in(tmp_path / "one"), SHEET)
    file = tmp_path / "decisions.toml"
    decisions = (Decision("1.b", 9, "Good.", answer=one.keys["1.b"][0]), Decision("1.a", 0, "Copied.", submission="submission_42"))
    file.write_text(dump_overrides(Overrides(decisions)), encoding="utf-8")
    lines = list(build(tmp_path / "autograder.zip", SHEET, "full", None, file))
    assert any("2 decisions of persons" in line for line in lines)

    root = with_environment(unpacked(tmp_path / "autograder.zip", tmp_path / "root"))
    handed_in(root / "submission")
    (root / "submission_metadata.json").write_text('{"id": 42, "users": []}', encoding="utf-8")
    results = run_autograder(root)
    tests = {test["number"]: test for test in results["tests"]}

    assert (tests["1.a"]["score"], tests["1.b"]["score"]) == (0, 9)
    assert "Decided by a person: Good." in tests["1.b"]["output"]
    assert list(gradescope.faults(results)) == []
