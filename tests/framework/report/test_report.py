"""Reports: inert text, finite numbers, atomic files, and what people see."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import HW0
from rich.console import Console

from autograder.assignment import load_assignment
from autograder.report import gradescope, page, table
from autograder.report.score import Report, make_entry
from autograder.verdict import correct, error, incorrect, missing, partial, undecided, unreadable

HW0 = load_assignment(HW0)
FULL = HW0.profile("full")
HOSTILE = "<script>alert(1)</script>\x1b[31mred\x1b]0;title\x07\x00 at 0x7f00deadbeef /tmp/secret/x.py \u202eabc \ud800"


def report(verdicts, **about):
    """A report of hw0 with these verdicts (number -> Verdict), everything else missing."""
    entries = tuple(make_entry(n, HW0, FULL, verdicts.get(n, missing())) for n in sorted(FULL.points, key=HW0.place))
    fields = {
        "assignment": HW0,
        "profile": FULL,
        "submission": "someone",
        "entries": entries,
        "notes": (),
        "public": (),
        "printed": "",
        "seed": 7,
        "packages": {"numpy": "2"},
        "protections": ("user id",),
        "execution_time": 1.23456,
    }
    return Report(**{**fields, **about})


EVERY_KIND = {
    "2.a": correct(method="exact", read="Read as: yes (writeup.md, line 3)"),
    "2.b": partial(0.5, "half", evidence={"kind": "text", "said": "x"}),
    "2.c": incorrect("wrong", evidence={"kind": "quantity", "got": float("inf"), "accepted": [1.0, float("nan")]}),
    "2.d": unreadable("cannot be read"),
    "3": undecided("a person looks"),
    "4": error("we failed", evidence={"kind": "text", "said": "Traceback"}),
}


def test_every_kind_of_verdict_makes_a_valid_file():
    results = json.loads(gradescope.dumps(gradescope.document(report(EVERY_KIND))))

    assert list(gradescope.faults(results)) == []
    assert results["score"] == pytest.approx(1 + 0.5 + 5)
    assert results["tests"][2]["extra_data"]["evidence"]["got"] == "inf"


def test_nothing_of_the_students_stays_live():
    hostile = incorrect(HOSTILE, evidence={"kind": "text", "said": HOSTILE, HOSTILE: [HOSTILE]}, read=HOSTILE).with_remarks(HOSTILE)
    text = gradescope.dumps(gradescope.document(report({"2.a": hostile}, notes=(HOSTILE,), public=(HOSTILE,), printed=HOSTILE)))

    for live in ("<script", "\x1b", "\\u001b", "\\u0000", "0x7f00deadbeef", "/tmp/", "\u202e"):
        assert live not in text
    text.encode("utf-8")


def test_mathematics_survives():
    assert gradescope.inert("w x + b < 0, a<=b, x < y\n\tdone") == "w x + b < 0, a<=b, x < y\n\tdone"


@given(st.text(max_size=300))
def test_inert_text_is_inert_and_stays_so(text):
    once = gradescope.inert(text)

    assert gradescope.inert(once) == once
    assert not any(ord(c) < 32 and c not in "\n\t" for c in once)


def test_long_outputs_are_cut_in_the_open():
    entry = gradescope.entry_document(
        make_entry("2.a", HW0, FULL, incorrect("x" * 50_000, evidence={"kind": "text", "said": "y" * 50_000}))
    )

    assert len(entry["output"]) == gradescope.MAX_OUTPUT
    assert entry["output"].endswith("(cut)")
    assert len(entry["extra_data"]["evidence"]["said"]) == gradescope.MAX_EVIDENCE_TEXT


def test_huge_evidence_is_left_out_and_says_so():
    evidence = {"kind": "numeric", "args": [[0.123456789] * 20_000]}
    entry = gradescope.entry_document(make_entry("2.a", HW0, FULL, incorrect("no", evidence=evidence)))

    assert entry["extra_data"]["evidence"]["kind"] == "numeric"
    assert "left out" in entry["extra_data"]["evidence"]["said"]


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(JSON_LIKE)
def test_evidence_is_always_json_that_every_reader_takes(value):
    text = json.dumps(gradescope.json_safe(value), allow_nan=False)

    assert gradescope.json_safe(json.loads(text)) == json.loads(text)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda r: r["tests"].clear(), "no tests"),
        (lambda r: r["tests"][0].update(score=float("nan")), "score of nan"),
        (lambda r: r["tests"][0].update(score=99), "score of 99"),
        (lambda r: r["tests"].append(dict(r["tests"][0])), "twice"),
        (lambda r: r["tests"][0]["extra_data"].update(verdict="fine"), "no verdict"),
        (lambda r: r["tests"][0].pop("status"), "status"),
        (lambda r: r["tests"][1]["extra_data"].update(evidence=None), "without evidence"),
        (lambda r: r["tests"][0].update(output=None), "no text"),
        (lambda r: r.update(score=1), "add up"),
    ],
)
def test_a_broken_promise_is_never_written(spoil, said):
    results = gradescope.document(report(EVERY_KIND))
    spoil(results)

    with pytest.raises(ValueError, match="would not be valid"):
        gradescope.dumps(results)
    assert any(said in fault for fault in gradescope.faults(results))


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    target = tmp_path / "results.json"
    gradescope.write(report({}), target)
    before = target.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))

    with pytest.raises(OSError, match="disk full"):
        gradescope.write(report(EVERY_KIND), target)

    assert target.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]


def test_students_see_at_once_how_answers_were_read_and_nothing_of_the_verdict():
    verdicts = {**EVERY_KIND, "8.b": correct(method="not empty", read="names of others")}
    seen = gradescope.public_output(report(verdicts, notes=("found writeup.md",), public=("3.code.f: holds",)))

    assert "found writeup.md" in seen
    assert "Read as: yes" in seen
    assert "Nothing was handed in for: 2.e" in seen
    assert "3.code.f: holds" in seen
    assert "names of others" not in seen
    assert "wrong" not in seen


def test_the_page_escapes_and_holds_every_part():
    hostile = incorrect("<b>bold</b>", evidence={"kind": "text", "said": "<img src=x>"}, read="<i>")
    html = page.page(report({**EVERY_KIND, "2.e": hostile}, submission="<u>me</u>"))

    for live in ("<b>", "<img", "<i>", "<u>"):
        assert live not in html
    assert all(f">{number}<" in html for number in FULL.points)


def test_the_table_says_part_verdict_points_and_first_line():
    console = Console(width=120, record=True, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    with console.file:
        console.print(table.table(report({"2.b": partial(0.5, "half\nmore", evidence={"kind": "text", "said": "x"})})))
        printed = console.export_text()

    row = next(line for line in printed.splitlines() if " 2.b " in f" {line.strip('│ ')} ")
    assert "partial" in row
    assert "0.5/1" in row
    assert "half" in row
    assert "more" not in printed
    assert "0.5 of 100 points" in printed
