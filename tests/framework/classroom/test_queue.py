"""The queue and the walk through it: groups, order, decisions, undo, going on later; nobody's name is shown."""

import os

import pytest
from submissions.made_up import RIGHT, SHEET, handed_in, rows

from autograder.classroom.journal import read_run
from autograder.classroom.queue import evidence_hints, review, waiting_groups
from autograder.classroom.regrading import regrade
from autograder.errors import UsageError
from autograder.grading.overrides import load_overrides

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="regrade forks")


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """Six of a class: three with the same words, one with others, one unreadable, one that breaks the suite."""
    base = tmp_path_factory.mktemp("review")
    for name, answer, words in (
        ("anna-secret", "yes", "Same words."),
        ("ben-secret", "yes", "same  words"),
        ("carl-secret", "perhaps", "Same words"),
        ("dora-secret", "yes", "other words"),
    ):
        handed_in(base / "room" / name, answer=answer, words=words)
    handed_in(base / "room" / "emil-secret", RIGHT.replace("x / 2", "'break the suite'"), words="Same words")
    regrade(base / "room", base / "out", SHEET, "full")
    return base


class Person:
    """Answers with the given lines and keeps what was said."""

    def __init__(self, *lines):
        self.lines = list(lines)
        self.said = []

    def ask(self, prompt):
        self.said.append(prompt)
        if not self.lines:
            raise EOFError
        return self.lines.pop(0)


def walk(room, file, *lines):
    person = Person(*lines)
    review(room / "out", file, person.ask, person.said.append)
    return "\n".join(person.said)


def test_equal_answers_make_one_group_and_the_largest_comes_first(room):
    groups = waiting_groups(read_run(room / "out"), SHEET)

    assert [(g.part, len(g.members), dict(g.kinds)) for g in groups] == [
        ("1.b", 4, {"undecided": 4}),
        ("1.a", 1, {"unreadable": 1}),
        ("1.b", 1, {"undecided": 1}),
        ("1.code.half", 1, {"error": 1}),
    ]
    assert groups[0].place.startswith("writeup.md, line ")
    assert groups[3].key == ""


def test_a_walk_decides_once_for_everyone_and_goes_on_later(room, tmp_path):
    file = tmp_path / "overrides.toml"
    said = walk(room, file, "11", "nonsense", "7", "", "7 Well put.", "s", "q")

    assert "[1/4] 1.b Say something: undecided, 4 submissions, worth 10 points" in said
    assert "Same words." in said
    assert "'11' is no number from 0 to 10" in said
    assert "'nonsense' is no number" in said
    assert "a decision needs a reason" in said
    assert "1 decided now, 3 left" in said
    assert "secret" not in said
    (made,) = load_overrides(file, SHEET).decisions
    assert (made.part, made.points, made.reason, made.text) == ("1.b", 7, "Well put.", "Same words.")

    again = walk(room, file, "10", "clear enough", "2,5 half of it", "u", "3 a third", "40 our own fault")
    assert "1 decided already" in again
    assert "3 decided now, 0 left" in again
    decisions = load_overrides(file, SHEET).decisions
    assert [(d.part, d.points, bool(d.answer), bool(d.content)) for d in decisions] == [
        ("1.b", 7, True, False),
        ("1.a", 10, True, False),
        ("1.b", 3, True, False),
        ("1.code.half", 40, False, True),
    ]
    assert "nothing was decided in this walk" in walk(room, tmp_path / "new.toml", "u", "q")


def test_the_last_decision_can_be_undone_too(room, tmp_path):
    file = tmp_path / "overrides.toml"
    said = walk(room, file, "s", "s", "s", "1 a slip of the hand", "7", "u", "40 our own fault", "")

    assert said.count("that was the last one: Enter to end, `u` undo") == 3
    assert "'7' is not understood here" in said
    assert said.endswith("`autograder build --overrides " + f"{file}` ships them.")
    assert [(d.part, d.points) for d in load_overrides(file, SHEET).decisions] == [("1.code.half", 40)]


def test_formulas_are_shown_as_they_were_typed_and_the_terminal_is_left_alone(tmp_path):
    handed_in(tmp_path / "room" / "anna", words="$w<b$ \x1b[31m [bold]red[/bold]")
    regrade(tmp_path / "room", tmp_path / "out", SHEET, "full")
    said = walk(tmp_path, tmp_path / "o.toml", "q")

    assert "$w<b$" in said
    assert "[bold]red" in said
    assert "\x1b" not in said


def test_where_nothing_waits_that_is_said(tmp_path):
    handed_in(tmp_path / "room" / "anna", words="")
    regrade(tmp_path / "room", tmp_path / "out", SHEET, "full")

    assert walk(tmp_path, tmp_path / "o.toml") == f"nothing in {tmp_path / 'out'} waits for a person"
    assert not (tmp_path / "o.toml").exists()


def test_the_next_regrade_changes_exactly_those_with_that_answer(room, tmp_path):
    before = {row["submission"]: row for row in rows(room / "out")}
    file = tmp_path / "overrides.toml"
    walk(room, file, "9 =Good, really", "q")
    assert regrade(room / "room", room / "out", SHEET, "full", overrides=file, against=room / "out") == 1  # the suite still breaks on one
    after = {row["submission"]: row for row in rows(room / "out")}

    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"anna-secret", "ben-secret", "carl-secret", "emil-secret"}
    assert {after[name]["1.b"] for name in changed} == {"9.0"}
    assert {after[name]["decided_by_person"] for name in changed} == {"1.b: =Good, really"}
    assert after["dora-secret"]["1.b"] == "5.0"
    changes = (room / "out" / "changes.csv").read_text(encoding="utf-8")
    assert changes.count("1.b undecided → partial") == 4
    assert "Decided by a person: =Good, really" in changes
    page = (room / "out" / "changes.html").read_text(encoding="utf-8")
    assert "4 submissions: 1.b undecided → partial" in page
    assert "+16 points together" in page


def test_hints_show_the_first_false_step_and_the_counterexample():
    steps = [{"line": 3, "text": "a = b", "verdict": "correct"}, {"line": 4, "text": "b = c", "verdict": "incorrect", "witness": {"b": 2}}]
    assert list(evidence_hints({"kind": "steps", "steps": steps})) == ["first step in doubt, line 4: b = c (incorrect)", '  at {"b": 2}']
    assert list(evidence_hints({"kind": "claim", "counterexample": {"w": "-5/3"}})) == ['counterexample: {"w": "-5/3"}']
    assert list(evidence_hints({})) == []


def test_a_folder_in_which_nothing_was_graded_is_said(tmp_path):
    with pytest.raises(UsageError, match="no journal"):
        walk(tmp_path, tmp_path / "o.toml")
