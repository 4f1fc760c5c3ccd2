"""A class's memory: what a verdict rests on is what its judge looked at, no more and no less."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.grading.memo import MAX_CHARACTERS, Looks, Memory
from autograder.verdict import Verdict, correct, error, incorrect, undecided
from autograder.writeup import Answer

TEXT = {"kind": "text", "said": "so"}
ITEM = "test_q5.py::test_d"


def answer(text: str = "cT", **changes: object) -> Answer:
    made = Answer("5.a", text, f"{text} because", "writeup.md", 40, "after `Answer:`", "typed", start=38)
    return replace(made, **changes)  # type: ignore[arg-type]


def by_text(given: Answer) -> Verdict:
    right = given.state == "typed" and given.text == "cT"
    return correct(method="as given", read=given.text) if right else incorrect("no", evidence=TEXT, read=given.text)


def by_place(given: Answer) -> Verdict:
    return correct(method="as given", read=f"{given.file}, line {given.line}: {given.text}")


def decided(memory: Memory, judge: Callable[[Answer], Verdict], one: Answer) -> Verdict:
    """As the suite does it: recalled, or judged, noted and learnt."""
    known = memory.recall(ITEM, lambda _: one)
    if known is not None:
        return known.verdict
    looks = Looks(lambda _: one)
    verdict = judge(looks("5.a"))
    memory.note(ITEM, looks, verdict, None)
    for remembered in memory.fresh:
        memory.learn(remembered)
    memory.fresh.clear()
    return verdict


def test_the_same_words_elsewhere_are_decided_once() -> None:
    memory, asked = Memory(), []

    def judge(given: Answer) -> Verdict:
        asked.append(given.text)
        return by_text(given)

    decided(memory, judge, answer())
    assert decided(memory, judge, answer(line=52, file="other.md", body="by another way")).kind == "correct"
    assert asked == ["cT"]
    assert decided(memory, judge, answer("c")).kind == "incorrect"
    assert asked == ["cT", "c"]


def test_a_verdict_that_names_its_place_holds_at_that_place_only() -> None:
    memory = Memory()
    assert decided(memory, by_place, answer(line=40)).read == "writeup.md, line 40: cT"
    assert decided(memory, by_place, answer(line=52)).read == "writeup.md, line 52: cT"


def test_a_copy_of_an_answer_rests_on_all_that_it_keeps() -> None:
    looks = Looks(lambda _: answer())
    copy = replace(looks("5.a"), text="other")
    assert copy.text == "other"
    assert {field for (_, field), _ in looks.seen} == {"part", "body", "file", "line", "how", "state", "note", "start"}


def test_an_answer_that_nobody_looks_at_is_not_part_of_it() -> None:
    looks = Looks(lambda _: answer())
    looks("5.a")
    assert looks.seen == ()


@pytest.mark.parametrize("verdict", [undecided("a person looks"), error("ours", evidence=TEXT)])
def test_what_is_not_decided_is_not_remembered(verdict: Verdict) -> None:
    memory, count = Memory(), []
    for _ in range(2):
        decided(memory, lambda given: count.append(given.text) or verdict, answer())  # type: ignore[func-returns-value]
    assert len(count) == 2


def test_what_is_too_long_is_not_remembered() -> None:
    memory = Memory()
    decided(memory, by_text, answer("x" * (MAX_CHARACTERS + 1)))
    assert not memory.known


TEXTS = st.sampled_from(["cT", "c", "", "A"])
ANSWERS = st.builds(
    answer,
    TEXTS,
    body=TEXTS,
    line=st.integers(1, 3),
    start=st.integers(1, 2),
    state=st.sampled_from(["typed", "missing"]),
    how=st.sampled_from(["after `Answer:`", "the last equation"]),
)


def crooked(given: Answer) -> Verdict:
    """A judge whose way depends on what it sees."""
    if given.state == "missing":
        return incorrect("nothing", evidence=TEXT)
    if given.text == "cT":
        return correct(method="as given", read="by text")
    if given.body == "A":
        return correct(method="as given", read=f"{given.body} on {given.line}")
    return incorrect("no", evidence=TEXT, read=f"{given.how} {given.start}" if given.text else given.body)


@given(st.lists(ANSWERS, min_size=1, max_size=30))
def test_recalling_gives_what_judging_gives(answers: list[Answer]) -> None:
    memory = Memory()
    for one in answers:
        assert decided(memory, crooked, one) == crooked(one)
