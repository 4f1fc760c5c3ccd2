"""assignment.toml: what is read, and the one line where it cannot be."""

import shutil

import pytest
from places import HW0

from autograder.assignment import find_assignment, is_code, load_assignment
from autograder.errors import UsageError

SUITE = HW0


def test_the_full_profile_adds_up():
    assignment = load_assignment(SUITE)

    written = sum(p for n, p in assignment.points.items() if not is_code(n))
    assert sum(assignment.profile("full").points.values()) == pytest.approx(100)
    assert written >= 40


def test_the_course_profile_is_rescaled_and_what_is_given_has_no_points():
    profile = load_assignment(SUITE).profile("course")

    assert sum(profile.points.values()) == pytest.approx(100)
    assert all(profile.points[number] == 0 for number in profile.given)
    assert not any(number.startswith(("3.code", "4.code", "6.code")) for number in profile.points)


def test_places_follow_the_sheet():
    assignment = load_assignment(SUITE)
    ordered = sorted(assignment.points, key=assignment.place)

    assert ordered.index("2.e") < ordered.index("3") < ordered.index("3.code.gradient_step") < ordered.index("4") < ordered.index("8.a")


def test_found_by_name_by_suite_and_by_home():
    assert find_assignment("hw0").folder == find_assignment(str(SUITE)).folder == SUITE


@pytest.mark.parametrize("given", ["hw99", "nowhere/at/all", "../.."])
def test_not_found_names_what_there_is(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="hw0"):
        find_assignment(given)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "hw0"', "name = ", "cannot be read"),
        ('name = "hw0"', "", "lacks the key 'name'"),
        ('"2.a" = 1', '"2.z" = 1', "2.z"),
        ('"2.a" = 1', '"2.a" = -1', "2.a"),
        ('"2.a" = 1', '"2.a" = "many"', "many"),
        ('"after_due_date"', '"whenever"', "whenever"),
        ('leave_out = ["3.code.*", "4.code.*", "6.code.*"]', 'leave_out = ["*"]', "leaves no points"),
    ],
)
def test_a_broken_sheet_is_one_clear_line(tmp_path, old, new, said):
    shutil.copy(SUITE / "assignment.toml", tmp_path)
    path = tmp_path / "assignment.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(UsageError) as caught:
        load_assignment(tmp_path)

    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_an_unknown_profile_names_those_that_there_are():
    with pytest.raises(UsageError, match="full, course"):
        load_assignment(SUITE).profile("easy")


def test_the_hash_follows_the_suite(tmp_path):
    shutil.copytree(SUITE, tmp_path / "suite", ignore=shutil.ignore_patterns("__pycache__"))
    before = load_assignment(tmp_path / "suite").suite_hash
    assert before == load_assignment(SUITE).suite_hash

    (tmp_path / "suite" / "public.py").write_text("# changed", encoding="utf-8")
    assert load_assignment(tmp_path / "suite").suite_hash != before
