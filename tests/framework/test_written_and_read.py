"""Whatever a person or a submission puts into a text: each file that we write is written, and read again to what was written.

What no file can hold is replaced by one rule, `writable`, wherever it stands.
"""

import csv
import html.parser
import io
import json
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from submissions.made_up import SHEET

from autograder.classroom.compare import Change, ChangeGroup, Comparison, PartResult, changes_csv
from autograder.classroom.gradebook import FORMULA, decided_submissions, grades_csv
from autograder.classroom.journal import Journal, Outcome, read_run
from autograder.classroom.queue import AnswerGroup, Member, review
from autograder.errors import UsageError
from autograder.evidence import TextEvidence
from autograder.grading.overrides import Decision, Overrides, dump_overrides, load_overrides, readable_reason, write_overrides
from autograder.report import classroom, gradescope, page, writable
from autograder.report.gradescope import MAX_INTEGER_BITS, json_safe, plain, replace_text
from autograder.report.score import Report, make_entry
from autograder.submission import Handed, Person
from autograder.verdict import incorrect, unreadable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SCREWS = (
    "\x00\x01\x07\x08\t\n\x0b\x0c\r\x1b\x1c\x1f\x7f\x80\x85\x9b\xa0\u200b\u200f\u2028\u2029\u202e\u2066\ud800\udfff\ufeff\ufffe\U0010ffff"
)
PIECES = (
    *(
        "'",
        '"',
        "'''",
        '"""',
        "\\",
        "\\u0000",
        "=",
        "+",
        "-",
        "@",
        ",",
        ";",
        "\r\n",
        "\n\n",
        "\x1b[31m",
        "<b>",
        "</script>",
        "&lt;",
        "&amp",
    ),
    *("]]>", "[[decision]]", "#", "{{ 1 }}", "{% x %}", "ﬁ", "e\u0301", "é", "𝒙", "a" * 5_000, "/tmp/x", "0x7fffffffffff"),
)
TEXTS = st.lists(st.sampled_from((*SCREWS, *PIECES)) | st.text(st.characters(), max_size=8), max_size=8).map("".join)
"""Any character that Python knows, halves of surrogate pairs included, and what formats stumble over."""

many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
PROFILE = SHEET.profile("full")


class Seen(html.parser.HTMLParser):
    """The text of a page as a browser shows it, and its tags."""

    def __init__(self, text):
        super().__init__()
        self.texts, self.tags = [], []
        self.feed(text)
        self.close()

    def handle_data(self, data):
        self.texts.append(data)

    def handle_starttag(self, tag, attrs):  # noqa: ARG002
        self.tags.append(tag)

    @property
    def text(self):
        return "".join(self.texts)


def tags_of(text):
    return sorted(Seen(text).tags)


@given(TEXTS)
@many
def test_the_rule_changes_nothing_twice_and_leaves_what_every_file_holds(text):
    once = writable(text)

    assert writable(once) == once
    assert once.encode().decode() == once
    assert writable("ordinary\ttext\n\u202e\u2028é") == "ordinary\ttext\n\u202e\u2028é"
    assert not set(once) & set("\x00\x08\x0b\x1b\r\x7f\x85\x9b\ud800\udfff")


@given(TEXTS, TEXTS, TEXTS, TEXTS)
@many
def test_decisions_are_read_as_they_were_written(tmp_path, reason, text, name, content):
    kept = [Decision("1.b", 2.5, reason, answer="abc", text=text)]
    if writable(name) or writable(content):
        kept.append(Decision("1.a", 0.0, reason, submission=name, content=content))
    path = tmp_path / "overrides.toml"
    write_overrides(path, Overrides(tuple(kept)))

    raw, *_ = tomllib.loads(path.read_text(encoding="utf-8"))["decision"]
    assert (raw.get("reason", ""), raw.get("text", "")) == (writable(reason), writable(text))
    if readable_reason(reason):
        read = load_overrides(path, SHEET).decisions
        assert [(d.part, d.points, d.reason) for d in read] == [(d.part, d.points, readable_reason(reason)) for d in kept]
        assert [(d.text, d.submission, d.content) for d in read] == [tuple(map(writable, (d.text, d.submission, d.content))) for d in kept]
    else:
        with pytest.raises(UsageError, match="every decision has a reason"):
            load_overrides(path, SHEET)


@given(TEXTS)
@many
def test_a_reason_that_review_takes_is_read_again_and_others_are_refused(tmp_path, typed):
    (tmp_path / "overrides.toml").unlink(missing_ok=True)
    group = AnswerGroup("1.b", "abc", (Member("anna", "1"),), {"undecided": 1}, "words", "", "", "", {})
    said, lines = [], iter(["5", typed, "q"])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("autograder.classroom.queue._assignment_of", lambda _: SHEET)
        patched.setattr("autograder.classroom.queue.read_run", lambda _: [])
        patched.setattr("autograder.classroom.queue.waiting_groups", lambda *_: [group])
        review(tmp_path, tmp_path / "overrides.toml", lambda _: next(lines, "q"), said.append)

    if readable_reason(typed.strip()):
        assert [d.reason for d in load_overrides(tmp_path / "overrides.toml", SHEET).decisions] == [readable_reason(typed.strip())]
    else:
        assert "a decision needs a reason that can be read" in said
        assert not (tmp_path / "overrides.toml").exists()


@pytest.mark.parametrize("typed", ["", " ", "\x01", "\x7f", "\ud800", "\u200b", "\u2028", "\x1c", "\ufffd \x00", "\u202e"])
def test_reasons_that_nobody_could_see_are_none(typed):
    assert readable_reason(typed) == ""


def cell(text):
    """A cell as it is to be read again: writable, and marked as text where a spreadsheet would compute it."""
    text = writable(text)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


@given(TEXTS, TEXTS, TEXTS, TEXTS, TEXTS)
@many
def test_grades_are_read_as_they_were_written(tmp_path, name, sid, submission, submitted, reason):
    handed = [Handed(submission, "x", (Person(name, sid, name), Person(sid, name, sid)), submitted), Handed(f"{submission}2", "y")]
    replace_text(tmp_path / "grades.csv", grades_csv(handed, [(submission, Outcome("unusable", reason))], SHEET, PROFILE))
    with (tmp_path / "grades.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))

    assert len(rows) == 3
    assert all(None not in row and None not in row.values() for row in rows)
    (first,) = [row for row in rows if row["submission"] == cell(submission) and (row["name"], row["sid"]) == (cell(name), cell(sid))][:1]
    assert [first[key] for key in ("name", "sid", "email", "submission", "submitted", "reason")] == [
        cell(text) for text in (name, sid, name, submission, submitted, reason)
    ]
    assert decided_submissions((tmp_path / "grades.csv").read_text(encoding="utf-8")) == frozenset()


@given(TEXTS, TEXTS, TEXTS)
@many
def test_changes_are_read_as_they_were_written(tmp_path, submission, output, evidence):
    old, new = PartResult("incorrect", 1.0, 2.0, output, output, evidence), PartResult("correct", 2.0, 2.0, "", evidence, output)
    comparison = Comparison((ChangeGroup(output, (Change(submission, "1.a", old, new),)),), 1, (submission,), (output,))
    replace_text(tmp_path / "changes.csv", changes_csv(comparison))
    with (tmp_path / "changes.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file, strict=True)
    assert [row[key] for key in ("cause", "submission", "old_output", "new_output", "old_evidence", "new_evidence")] == [
        cell(text) for text in (output, submission, output, evidence, evidence, output)
    ]

    replace_text(tmp_path / "changes.html", classroom.changes_page("Toy", submission, comparison))
    seen = (tmp_path / "changes.html").read_text(encoding="utf-8")
    ordinary = Comparison((ChangeGroup("a", (Change("a", "1.a", old, new),)),), 1, ("a",), ("b",))
    assert tags_of(seen) == tags_of(classroom.changes_page("Toy", "old", ordinary)) or not (output and evidence)
    assert writable(output) in Seen(seen).text


@given(TEXTS, TEXTS)
@many
def test_the_page_of_a_class_shows_what_was_written(tmp_path, name, reason):
    def page_of(name, reason):
        return classroom.class_page(
            "Toy",
            "about",
            [{"name": name, "state": "unusable", "reason": reason, "score": None, "seconds": 1.0, "review": 0}],
            [{"number": "1.a", "name": name, "max_score": 1.0, "mean": 0.0, "counts": dict.fromkeys(classroom.STYLES, 0)}],
            [{"part": "1.a", "count": 1, "kinds": reason}],
        )

    replace_text(tmp_path / "class.html", page_of(name, reason))
    seen = (tmp_path / "class.html").read_text(encoding="utf-8")

    assert tags_of(seen) == tags_of(page_of("anna", "reason"))
    assert writable(reason) in Seen(seen).text


def report_of(read, message, said, printed="", notes=()):
    entries = (
        make_entry(
            "1.a", SHEET, PROFILE, incorrect(message, evidence=TextEvidence(said=said), method="by hand", read=read).with_remarks(read)
        ),
        make_entry("1.b", SHEET, PROFILE, unreadable(message, read=read)),
    )
    return Report(SHEET, PROFILE, read, entries, notes, (message,), printed, 1, {}, (), 0.0, faults=(said,))


@given(TEXTS, TEXTS, TEXTS)
@many
def test_results_and_the_report_are_read_as_they_were_written(tmp_path, read, message, said):
    report = report_of(read, message or "wrong", said, printed=message, notes=(read, said))
    gradescope.write(report, tmp_path / "results.json")
    document = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))

    assert document == json.loads(json.dumps(gradescope.document(report)))
    assert list(gradescope.faults(document)) == []

    page.write(report, tmp_path / "report.html")
    seen = Seen((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert not {"b", "script"} & set(seen.tags)
    assert all(line.strip() in seen.text for line in plain(message).splitlines()[:1])


@given(TEXTS, TEXTS, TEXTS)
@many
def test_a_journal_is_read_as_it_was_written(tmp_path, name, reason, text):
    folder = tmp_path / "journal"
    folder.mkdir(exist_ok=True)
    name = writable(name) or "x"
    results = gradescope.dumps(gradescope.document(report_of(text, "wrong", text)))
    outcome = Outcome("graded", reason, "1", results, {"waiting": [{"text": text}]}, facts={"suite": text}, score=1.0)
    with Journal(folder) as journal:
        run = journal.begin_run("key", {"profile": text})
        journal.end(journal.begin(run, name), outcome)
    ((read_name, read),) = read_run(folder)

    assert (read_name, read.reason, read.results, read.review, read.facts) == (
        name,
        writable(reason),
        results,
        outcome.review,
        outcome.facts,
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(10**300, 10**400) | st.floats() | TEXTS | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.integers() | st.floats(), inner, max_size=3) | st.tuples(inner),
    max_leaves=8,
)


@given(VALUES)
@many
def test_evidence_of_any_kind_is_json_that_is_read_again(value):
    safe = json_safe(value)

    assert json.loads(json.dumps(safe, allow_nan=False)) == safe


def test_evidence_beyond_every_reader_is_said_and_not_raised():
    deep = []
    for _ in range(100_000):
        deep = [deep]

    assert "…" in json.dumps(json_safe(deep), ensure_ascii=False)
    assert json_safe(10**5_000) == "an integer of 16610 bits"
    assert json_safe(2**MAX_INTEGER_BITS - 1) == 2**MAX_INTEGER_BITS - 1


def test_a_carriage_return_breaks_no_row():
    """Python's writer leaves it unquoted, and its reader refuses the row."""
    text = grades_csv([Handed("a\rb", "x", (Person("c\rd"),))], [], SHEET, PROFILE)

    assert [row["name"] for row in csv.DictReader(io.StringIO(text, newline=""))] == ["c\nd"]


def test_a_text_of_half_characters_is_written_all_the_same(tmp_path):
    replace_text(tmp_path / "a", "a\ud800b\r\nc\x00")

    assert (tmp_path / "a").read_bytes() == "a\ufffdb\nc\ufffd".encode()
    assert dump_overrides(Overrides((Decision("1.b", 1, "\x7f\ud800", answer="a"),))).count("\ufffd") == 2
