"""No judge raises, whatever code returns or a write-up says; and nothing is earned by it.

`make test` draws a fixed sample. `make fuzz` draws on (`FUZZ_SECONDS`), and says the seed of what it finds: it becomes a case below.
"""

from __future__ import annotations

import json
import os
import time
import warnings
from random import Random

import pytest
from places import CORPORA, HW0, TOY
from submissions.odd import OddStudent, text

from autograder.assignment import is_code, load_assignment
from autograder.grading.collection import collect
from autograder.grading.desk import open_desk
from autograder.writeup import Answer, WriteUp

SUITES = {"hw0": HW0, "toy": TOY / "tests" / "toy"}
SAMPLE = int(os.environ.get("FUZZ_SAMPLE", "25"))
SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))

FINDS = CORPORA / "odd.json"
"""Seeds that `make fuzz` found: each was an exception out of a judge, or points for nothing."""
SEEDS: dict[str, list[int]] = json.loads(FINDS.read_text(encoding="utf-8"))


PAYS_FOR_ANY_NUMBER = {("toy", "1.code.double")}
"""The toy gives something for a number that is wrong."""


def attended(name, body):
    """Calls `body(desk, run)` at the desk of the suite's reference; `run(numbers)` gives the entries of these items."""
    assignment = load_assignment(SUITES[name])
    profile = assignment.profile("full")

    def use(suite):
        def run(numbers):
            entries = []
            suite.run(desk, entries.append, numbers)
            return entries

        body(desk, run)

    with warnings.catch_warnings(), open_desk(assignment.reference, assignment, profile, seconds=100_000) as desk:
        warnings.simplefilter("ignore")  # as when a submission is graded
        collect(assignment, profile, use)


def judge_replies(name, seeds):
    """(seed, share of odd replies, entry) of every item of code."""
    out, known = [], {}

    def body(desk, run):
        right, numbers = desk.student, {n for n in desk.profile.points if is_code(n)}
        for seed in seeds:
            rng = Random(seed)
            odd = 1.0 if seed % 2 else rng.choice((0.1, 0.3, 0.7))
            desk.student = OddStudent(right.worker, right=right, rng=rng, odd=odd, known=known)
            out.extend((seed, odd, entry) for entry in run(numbers))

    attended(name, body)
    return out


def judge_texts(name, seeds):
    """(seed, entry) of every written item."""
    out = []

    def body(desk, run):
        numbers = sorted(n for n in desk.profile.points if not is_code(n))
        for seed in seeds:
            rng = Random(seed)
            answers = {}
            for n in numbers:
                said = text(rng)
                whole = f"{text(rng)}\n{said}" if rng.random() < 0.5 else said
                answers[n] = Answer(n, said, whole, "writeup.md", 1, "after `Answer:`", "typed", "", 1)
            desk.writeup = WriteUp(answers)
            out.extend((seed, entry) for entry in run(numbers))

    attended(name, body)
    return out


def faults_of_replies(name, seeds):
    """What went wrong, a line each."""
    found = []
    for seed, odd, entry in judge_replies(name, seeds):
        if entry.verdict.kind == "error":
            found.append(f"seed {seed}: {entry.number}: {entry.verdict.evidence.get('said', '')[-900:]}")
        elif odd == 1.0 and entry.score > 0 and (name, entry.number) not in PAYS_FOR_ANY_NUMBER:
            found.append(f"seed {seed}: {entry.number}: {entry.verdict.kind}, {entry.score} points for odd replies alone: {entry.verdict}")
    return found


def faults_of_texts(name, seeds):
    """What went wrong, a line each."""
    found = []
    for seed, entry in judge_texts(name, seeds):
        if entry.verdict.kind == "error":
            found.append(f"seed {seed}: {entry.number}: {entry.verdict.evidence.get('said', '')[-900:]}")
    return found


@pytest.mark.parametrize("name", SUITES)
def test_no_judge_raises_or_pays_for_odd_replies(name):
    assert faults_of_replies(name, [*range(SAMPLE), *SEEDS["replies"]]) == []


@pytest.mark.parametrize("name", SUITES)
def test_no_judge_raises_for_odd_texts(name):
    assert faults_of_texts(name, [*range(SAMPLE), *SEEDS["texts"]]) == []


@pytest.mark.skipif(not SECONDS, reason="`make fuzz` draws on")
@pytest.mark.parametrize(("kind", "faults"), [("replies", faults_of_replies), ("texts", faults_of_texts)])
def test_drawing_on(kind, faults, capsys):
    ends, seed, found, drawn = time.monotonic() + SECONDS, int(time.time()), {}, 0
    while time.monotonic() < ends and len(found) < 20:
        for fault in faults("hw0", range(seed, seed + 50)):
            found[int(fault.split()[1].rstrip(":"))] = fault
        drawn, seed = drawn + 50, seed + 50
    known = {**SEEDS, kind: sorted({*SEEDS[kind], *found})}
    FINDS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    with capsys.disabled():
        print(f"\n{kind}: {drawn} submissions drawn, {len(found)} with a fault")
    assert list(found.values()) == []
