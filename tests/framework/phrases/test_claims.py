"""Claims in words on how things move, against truth that is computed over each case."""

import json
import random
import re
from fractions import Fraction

import pytest
from drawing import examples
from hypothesis import given
from hypothesis import strategies as st
from places import CORPORA

from autograder.phrases import ParameterRegion, Subject, claim, read_claims
from autograder.writeup import Answer

CORPUS = CORPORA / "claims.jsonl"
SENTENCES = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]

POSITIVE = tuple(map(Fraction, ("1/2", "1", "2", "3")))
NEGATIVE = tuple(-value for value in POSITIVE)
ANY = (*NEGATIVE, Fraction(0), *POSITIVE)
SMALL = (Fraction(1, 100), Fraction(1, 10))
WRITTEN = {"step": ("λ", "lambda", "η")}


def active(at):
    return at["w"] * at["x"] + at["b"] > 0


def stepped(at):
    """A unit max(0, w x + b) after a step with residual 1."""
    moved = active(at)
    return at["w"] - at["step"] * at["x"] * moved, at["b"] - at["step"] * moved


def small(at):
    return at["step"] > 0 and at["step"] * abs(at["x"]) < abs(at["w"])


def slope(at):
    return at["w"], stepped(at)[0]


def elbow(at):
    w, b = stepped(at)
    return -at["b"] / at["w"], -b / w


def case(name, w, x, contains):
    return ParameterRegion(name, {"w": w, "b": ANY, "x": x, "step": SMALL}, lambda at: at["w"] != 0 and small(at) and contains(at), WRITTEN)


CASES = {
    "i": case("inactive", (*NEGATIVE, *POSITIVE), (*NEGATIVE, *POSITIVE), lambda at: not active(at)),
    "ii": case("w > 0, x > 0, active", POSITIVE, POSITIVE, lambda at: at["w"] > 0 < at["x"] and active(at)),
    "iii": case("w > 0, x < 0, active", POSITIVE, NEGATIVE, lambda at: at["w"] > 0 > at["x"] and active(at)),
    "iv": case("w < 0, x > 0, active", NEGATIVE, POSITIVE, lambda at: at["w"] < 0 < at["x"] and active(at)),
}
LANDMARKS = {"origin": lambda at: Fraction(0), "zero": lambda at: Fraction(0), "data point": lambda at: at["x"]}
SLOPE = Subject("slope", ("slope", "w", "weight"), slope, 0.5)
ELBOW = Subject("elbow", ("elbow", "kink", "corner", "hinge"), elbow, 0.5, True, LANDMARKS)


def typed(text, how="the whole text", body=None):
    return Answer("1.a", text, text if body is None else body, "writeup.md", 7, how, "typed", "", 5)


def judged(text, name):
    return claim(typed(text), (SLOPE, ELBOW), CASES[name])


@pytest.mark.parametrize("one", SENTENCES, ids=[f"{s['case']}-{n}" for n, s in enumerate(SENTENCES)])
def test_sentences_are_worth_what_computed_truth_says(one):
    verdict = judged(one["text"], one["case"])
    due = (one["slope"] + one["elbow"]) / 2
    kind = one.get("verdict") or {1: "correct", 0: "incorrect"}.get(due, "partial")

    assert (verdict.kind, verdict.share) == (kind, due), verdict.read


def test_the_corpus_covers_every_case_right_and_wrong():
    wrong = [s for s in SENTENCES if s["slope"] + s["elbow"] < 2]
    assert len(SENTENCES) >= 60
    assert 3 * len(wrong) > len(SENTENCES)
    for name in CASES:
        due = {(s["slope"] + s["elbow"]) / 2 for s in SENTENCES if s["case"] == name}
        assert 1 in due
        assert min(due) < 1


# Subject and predicate by the words that a student may choose; what they mean is what the sentence is worth.
MEANINGS = {
    "down": ["decreases", "gets smaller", "is reduced", "goes down", "drops", "will decrease", "becomes smaller", "shrinks"],
    "up": ["increases", "gets larger", "grows", "goes up", "rises", "will increase", "becomes bigger"],
    "still": ["stays the same", "does not change", "is unchanged", "remains constant", "won't change", "is not affected"],
}
PLACES = {
    "right": ["moves right", "moves to the right", "shifts to the right", "goes right", "will move rightwards", "is shifted right"],
    "left": ["moves left", "moves to the left", "shifts left", "goes to the left", "will move leftward", "is shifted to the left"],
    "still": MEANINGS["still"],
}
FRAMES = [
    "The {s} {m}. The {e} {p}.",
    "The {s} {m} and the {e} {p}.",
    "The {s} {m}, while the {e} {p}.",
    "The {e} {p}; the {s} {m}.",
    "After the step the {s} {m}, and the {e} of the function {p}.",
    "We see that the {e} {p} and that its {s} {m}.",
    "{s}: {m}\n\n{e}: {p}",
    "Since the residual is 1, the {s} {m}. Therefore the {e} {p}, too.",
]


def worth(name, subject, move):
    """Always, sometimes or never, straight from the definition."""
    holds = []
    for at in CASES[name].points():
        before, after = subject.change(at)
        holds.append(
            {"up": after > before, "right": after > before, "down": after < before, "left": after < before}.get(move, after == before)
        )
    return 1.0 if all(holds) else 0.5 if any(holds) else 0.0


def test_reworded_sentences_keep_their_verdicts():
    rng = random.Random(7)
    for name in CASES:
        for move in MEANINGS:
            for place in PLACES:
                due = (worth(name, SLOPE, move) + worth(name, ELBOW, place)) / 2
                for frame in FRAMES:
                    text = frame.format(
                        s=rng.choice(["slope", "weight"]),
                        e=rng.choice(["elbow", "kink", "corner", "hinge"]),
                        m=rng.choice(MEANINGS[move]),
                        p=rng.choice(PLACES[place]),
                    )
                    verdict = judged(text, name)
                    assert verdict.share == due, (name, text, verdict.read)


def test_a_counterexample_can_be_replayed():
    verdict = judged("The slope decreases and the elbow moves left.", "ii")
    shown = verdict.evidence["counterexample"]
    at = {name: Fraction(shown[name]) for name in ("w", "b", "x", "step")}

    assert verdict.kind == "partial"
    assert verdict.evidence["truth"] == "sometimes"
    assert CASES["ii"].contains(at)
    before, after = ELBOW.change(at)
    assert (str(before), str(after)) == (shown["before"], shown["after"])
    assert after >= before


def test_what_follows_the_answer_line_is_read_where_the_answer_leaves_something_unsaid():
    body = "The slope increases.\n\nAnswer: The slope decreases.\n\nThe elbow moves left, and the slope increases."
    verdict = claim(typed("The slope decreases.", "after `Answer:`", body), (SLOPE, ELBOW), CASES["iv"])

    assert verdict.kind == "correct"


@pytest.mark.parametrize(("state", "kind"), [("missing", "missing"), ("image", "undecided"), ("foreign", "undecided")])
def test_what_is_not_typed_is_no_claim(state, kind):
    answer = Answer("1.a", "", "", "writeup.md", 7, "", state, "found a picture")

    assert claim(answer, (SLOPE, ELBOW), CASES["i"]).kind == kind


def test_messages_tell_no_truth():
    for one in SENTENCES[::4]:
        verdict = judged(one["text"], one["case"])
        assert not any(word in verdict.message for word in ("left.", "right.", "decreases.", "increases.")), verdict.message


def test_conditions_are_read_as_they_are_meant():
    claims = read_claims("If $w > b x$ the elbow moves right, otherwise it moves left.", (SLOPE, ELBOW), CASES["ii"])
    one = {"w": Fraction(2), "b": Fraction(1), "x": Fraction(1), "step": Fraction(1, 10)}

    assert [(c.subject, c.move) for c in claims] == [("elbow", "right"), ("elbow", "left")]
    assert [c.condition.holds(one) for c in claims] == [True, False]


WORDS = re.findall(
    r"\S+|\n",
    "slope elbow the kink decreases moves right left if w b x > < = 1 2 / ( ) - not and , . ; \n otherwise both depends e.g. λ ^ $",
)


@examples(150)
@given(
    st.lists(
        st.sampled_from(WORDS),
        max_size=40,
    )
)
def test_any_words_get_a_verdict(pieces):
    verdict = judged(" ".join(pieces), "ii")

    assert verdict.kind in ("correct", "partial", "incorrect", "unreadable", "missing")
    assert verdict == judged(" ".join(pieces), "ii")


@examples(60)
@given(st.text(max_size=200))
def test_any_text_gets_a_verdict(text):
    assert judged(text or "x", "iv").kind in ("correct", "partial", "incorrect", "unreadable")
