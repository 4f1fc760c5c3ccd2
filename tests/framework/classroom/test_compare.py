"""A class against an earlier time: causes, points, what an export itself says, the page and the CSV."""

import csv
import io
import json

import pytest
from places import TOY

from autograder.assignment import load_assignment
from autograder.classroom.compare import changes_csv, check_earlier, compare_results, earlier_results
from autograder.classroom.journal import Journal, Outcome
from autograder.errors import UsageError
from autograder.report.classroom import changes_page, class_page

SHEET = load_assignment(TOY / "tests" / "toy")


def results(**parts):
    """A results.json: part -> (verdict, score[, slip[, output]])."""
    tests = []
    for part, (verdict, score, *more) in parts.items():
        slip, output = [*more, None, None][:2]
        extra = {"verdict": verdict, "slip": slip, "evidence": {"kind": "text", "said": f"why {verdict}"}}
        tests.append({"number": f"1.{part}", "score": score, "max_score": 10, "output": output or "", "extra_data": extra})
    return json.dumps({"score": sum(t["score"] for t in tests), "tests": tests})


def outcome(**parts):
    return Outcome("graded", results=results(**parts))


def folder(path, **submissions):
    """An earlier folder, as regrade leaves it."""
    path.mkdir()
    with Journal(path) as journal:
        run = journal.begin_run("key", {})
        for name, result in submissions.items():
            journal.end(journal.begin(run, name), result)
    return path


NOW = {
    "anna": outcome(a=("correct", 10), b=("undecided", 5)),
    "ben": outcome(a=("correct", 10), b=("undecided", 5)),
    "carl": outcome(a=("incorrect", 0, "transposed"), b=("correct", 10)),
    "dora": outcome(a=("correct", 10), b=("correct", 10)),
    "new": outcome(a=("correct", 10), b=("correct", 10)),
}


def earlier(path):
    return folder(
        path,
        anna=outcome(a=("unreadable", 0), b=("undecided", 5)),
        ben=outcome(a=("unreadable", 0), b=("undecided", 5)),
        carl=outcome(a=("incorrect", 0, "sign"), b=("correct", 8)),
        dora=outcome(a=("correct", 10), b=("correct", 10)),
        gone=Outcome("unusable", "broken"),
    )


def test_changes_are_grouped_by_cause_and_the_largest_comes_first(tmp_path):
    found = compare_results(earlier_results(earlier(tmp_path / "old")), NOW.items(), SHEET)

    assert [(g.cause, [c.submission for c in g.changes], g.points) for g in found.groups] == [
        ("1.a unreadable → correct", ["anna", "ben"], 20),
        ("1.a incorrect (sign) → incorrect (transposed)", ["carl"], 0),
        ("1.b correct 8 points → correct 10 points", ["carl"], 2),
    ]
    assert (found.same, found.only_old, found.only_new) == (1, ("gone",), ("new",))


def test_the_page_and_the_csv_show_both_sides_and_nothing_is_markup(tmp_path):
    old = folder(tmp_path / "old", anna=outcome(a=("incorrect", 0, None, "<script>alert(1)</script> =1+1")))
    now = {"anna": Outcome("graded", results=results(a=("correct", 10, None, "=cmd()")))}
    found = compare_results(earlier_results(old), now.items(), SHEET)
    (row,) = csv.DictReader(io.StringIO(changes_csv(found)))

    assert (row["cause"], row["old_verdict"], row["new_verdict"]) == ("1.a incorrect → correct", "incorrect", "correct")
    assert (row["old_score"], row["new_score"], row["max_score"]) == ("0.0", "10.0", "10.0")
    assert "why incorrect" in row["old_evidence"]
    assert "why correct" in row["new_evidence"]
    assert row["new_output"] == "'=cmd()"
    page = changes_page("T", "old", found)
    assert "1 submission: 1.a incorrect → correct" in page
    assert "<script" not in page
    assert "why incorrect" in page


def test_the_scores_in_an_export_are_compared_too(tmp_path):
    (tmp_path / "submission_metadata.yml").write_text(
        "anna:\n  :results:\n    :tests:\n    - {number: '1.a', score: 3.0, max_score: 10}\n    - {name: old part, score: 1}\n"
        "dora:\n  :results:\n    tests:\n    - {number: '1.a', score: 10}\n    - {number: '1.b', score: 10}\nben:\n  :score: 4\n",
        encoding="utf-8",
    )
    check_earlier(tmp_path)
    found = compare_results(earlier_results(tmp_path), NOW.items(), SHEET)

    assert {g.cause for g in found.groups} == {
        "1.a 3 points → correct 10 points",
        "1.b not there → undecided 5 points",
        "old part 1 points → not there",
    }
    assert found.only_new == ("ben", "carl", "new")


def test_a_folder_of_results_alone_will_do(tmp_path):
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "results.json").write_text(results(a=("missing", 0), b=("undecided", 5)), encoding="utf-8")
    (tmp_path / "ben").mkdir()
    (tmp_path / "ben" / "results.json").write_text("{broken", encoding="utf-8")
    check_earlier(tmp_path)
    found = compare_results(earlier_results(tmp_path), [("anna", NOW["anna"])], SHEET)

    assert [g.cause for g in found.groups] == ["1.a missing → correct"]
    assert found.only_old == ("ben",)


@pytest.mark.parametrize("name", ["nowhere", "empty", "file.txt"])
def test_what_cannot_be_compared_with_is_one_line_before_anything_is_graded(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("no export", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        check_earlier(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_the_page_of_a_class_names_everything_and_nothing_is_markup():
    submissions = [
        {"name": "<b>anna", "state": "graded", "reason": "", "score": 95.0, "seconds": 1.25, "review": 1},
        {"name": "ben.zip", "state": "unusable", "reason": "broken <i>", "score": None, "seconds": 0.1, "review": 0},
    ]
    parts = [
        {
            "number": "1.a",
            "name": "Is two even?",
            "max_score": 10.0,
            "mean": 7.5,
            "counts": {"correct": 3, "partial": 1, **dict.fromkeys(("incorrect", "unreadable", "missing", "undecided", "error"), 0)},
        }
    ]
    page = class_page("Toy", "about it", submissions, parts, [{"part": "1.b", "count": 4, "kinds": "undecided"}])

    assert all(
        text in page for text in ("2 submissions, 1 graded", "median 95", "Is two even?", "7.5", "unusable: broken", "autograder review")
    )
    assert "<b>" not in page
    assert "<i>" not in page
    empty = class_page("Toy", "about it", [], parts, [])
    assert "0 submissions" in empty


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "\x00", "[]", '{"tests": 3}', '{"tests": [1, {"number": ["1.a"], "score": 1e999, "max_score": true}]}']
    + [f'{{"tests": [{{"number": "1.a", "score": {score}}}]}}' for score in ("9" * 400, "9" * 10_000, "NaN", "-Infinity", '"5"')],
)
def test_results_of_anyones_break_no_comparison(tmp_path, text):
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "results.json").write_text(text, encoding="utf-8")
    ((name, parts),) = earlier_results(tmp_path)

    assert name == "anna"
    assert all(part.score is None for part in parts.values())
    assert changes_csv(compare_results([(name, parts)], [("anna", outcome(a=("correct", 1)))], SHEET))
