"""Evidence: every kind is complete and comes back from JSON as it was, what is strange is kept, and a kind is added in one file."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import numpy as np
import pytest
from places import PACKAGE, ROOT, TOY

from autograder import evidence as door
from autograder.assignment import load_assignment
from autograder.evidence import (
    KINDS,
    ChoiceEvidence,
    ClaimEvidence,
    Evidence,
    FailureEvidence,
    ForeignEvidence,
    FrequencyCount,
    Measure,
    NumericEvidence,
    QuantityEvidence,
    Recorded,
    ScriptContext,
    ShapeMeasure,
    Shortfall,
    StepCount,
    StepsEvidence,
    SubmissionNow,
    SymbolicEvidence,
    TextEvidence,
    TrainingEvidence,
    Tried,
    change_of,
    gradient_of,
    named,
    read_evidence,
    read_recorded,
)
from autograder.grading.run import grade
from autograder.numeric import at_least
from autograder.replay import replay
from autograder.replay.entry import read_results
from autograder.report import gradescope, make_entry, page
from autograder.verdict import incorrect
from autograder.worker import Reply

TOY_SUITE = load_assignment(TOY / "tests" / "toy")

SAMPLES = {
    "symbolic": [
        SymbolicEvidence(
            symbols={"x": "scalar"},
            expected="x",
            answer="2 x",
            witness={"x": "1/3"},
            expected_value="1/3",
            answer_value="2/3",
            region="x > 0",
        ),
        SymbolicEvidence(symbols={"x": "vector n"}, expected="x", answer="x'", expected_shape=["n", "1"], answer_shape=["1", "n"]),
    ],
    "numeric": [
        NumericEvidence(function="m.f", args=[[1.0], 3], expected=[2.0], got=["nan"], measure=Measure("error", 9e9, 30.0)),
        NumericEvidence(function="m.f", args=[], piece="Q", expected=[2, 1], got=[2], measure=ShapeMeasure()),
        NumericEvidence(function="m.f", args="cut", expected=1.0, got=0.5, measure=Shortfall("inf", 30.0)),
        NumericEvidence(function="m.f", args=[1.0], expected=1.0, got=0.5),
    ],
    "failure": [FailureEvidence(function="m.f", args=[1.0], failure="raised", message="ValueError: no", line="m.py, line 2")],
    "choice": [ChoiceEvidence(expected="yes", got="no")],
    "quantity": [
        QuantityEvidence(got=350.0, unit="ohm", accepted=[189.0, 209.0], where="by hand", beside={"led": "dark", "plot": {"x": [1]}}),
        QuantityEvidence(got=[1.0, 2.0], unit="", accepted=[3.0, 4.0], where=""),
    ],
    "claim": [
        ClaimEvidence(subject="elbow", got="left", truth="never", case="w > 0", counterexample={"w": "1/2", "before": "1", "after": "2"}),
        ClaimEvidence(subject="elbow", got="left", truth="always", case="w > 0", counterexample=None),
    ],
    "steps": [StepsEvidence(steps=[{"line": 3, "text": "a = b", "verdict": "false", "witness": {"a": 1}, "how": "numbers", "slip": None}])],
    "training": [
        TrainingEvidence(function="m.train", args=[1.0], step=2, quantity=change_of("R"), expected=1.0, got=-1.0, threshold=0.1),
        TrainingEvidence(
            function="m.train", args=["words"], step=0, quantity=Recorded("loss"), expected="finite", got="nan", threshold=0.0
        ),
    ],
    "text": [TextEvidence(said="something")],
}
"""Of every kind, with and without what may be absent."""

OURS = sorted(kind for kind, made in KINDS.items() if made.__module__.startswith("autograder."))
EACH = [pytest.param(sample, id=f"{kind}-{place}") for kind, samples in SAMPLES.items() for place, sample in enumerate(samples)]


def in_json(evidence):
    return json.loads(json.dumps(evidence.document(), allow_nan=False))


def test_every_kind_has_samples_here_and_stands_in_the_door():
    assert set(SAMPLES) == set(OURS)
    assert [KINDS[kind] for kind in OURS] == [getattr(door, KINDS[kind].__name__) for kind in OURS]
    defined = [
        re.findall(r"^    kind: ClassVar\[str\] = \"(\w+)\"", p.read_text(), re.MULTILINE) for p in (PACKAGE / "evidence").glob("*.py")
    ]
    assert sorted(kind for kinds in defined for kind in kinds) == OURS


@pytest.mark.parametrize("kind", OURS)
def test_the_schema_names_the_keys_of_every_kind(kind):
    schema = (ROOT / "docs" / "schema.md").read_text(encoding="utf-8")
    row = next(line for line in schema.splitlines() if line.startswith(f"| `{kind}` |"))
    beside = schema[schema.index("Keys that may stand beside") :]
    for key in {key for sample in SAMPLES[kind] for key in sample.document()} - {"kind", *(k for s in SAMPLES[kind] for k in s.beside)}:
        assert f"`{key}`" in row or f"`{key}`" in beside, key


@pytest.mark.parametrize("sample", EACH)
def test_it_comes_back_from_json_as_it_was(sample):
    document = in_json(sample)
    back = read_evidence(document)

    assert back == sample
    assert json.dumps(back.document()) == json.dumps(document)
    assert next(iter(document)) == "kind"


@pytest.mark.parametrize("sample", EACH)
def test_it_is_shown_and_unknown_keys_are_kept(sample):
    document = in_json(sample) | {"of a later version": [1, {"a": None}]}

    assert list(read_evidence(document).show())
    assert read_evidence(document).document() == document


@pytest.mark.parametrize("kind", OURS)
def test_what_lacks_a_key_is_refused_by_its_kind_and_shown_as_it_stands(kind):
    for sample in SAMPLES[kind]:
        whole = in_json(sample)
        required = [f.name for f in fields(sample) if f.name in whole and f.default is not None and f.name != "beside"]
        assert required
        for key in required:
            broken = {k: v for k, v in whole.items() if k != key}
            with pytest.raises(ValueError, match=key):
                KINDS[kind].of(broken)
            assert read_evidence(broken) == ForeignEvidence(as_read=broken)
            assert "\n".join(read_evidence(broken).show())


@pytest.mark.parametrize("document", [{}, {"kind": "unheard of", "a": [1, 2]}, {"kind": 3}, {"kind": "numeric", "said": "left out"}])
def test_strange_evidence_is_kept_and_shown(document):
    read = read_evidence(document)

    assert read.document() == document
    assert "\n".join(read.show()) == (document.get("said") or json.dumps(document, ensure_ascii=False, indent=1))


def test_measures_are_known_by_their_class():
    document = at_least(Reply("m.f", ([1.0],), np.array([0.5])), [1.0], threshold=30.0).evidence

    assert (document["measure"], document["threshold"]) == ("shortfall in rounding units", 30.0)
    assert isinstance(read_evidence(document).measure, Shortfall)
    assert not isinstance(read_evidence({**document, "measure": "a shortfall of another kind"}).measure, Shortfall)


@pytest.mark.parametrize("recorded", [StepCount(), change_of("R_low"), gradient_of("C"), Recorded("gradient"), FrequencyCount()])
def test_what_a_run_records_is_known_by_its_class(recorded):
    assert read_recorded(recorded.name) == recorded
    assert type(read_recorded(recorded.name)) is type(recorded)


def test_a_kind_has_its_name_to_itself():
    with pytest.raises(TypeError, match="'text' already"):

        class Another(Evidence):
            kind = "text"


# A kind that is added from this file alone.


@pytest.fixture
def colour():
    """A kind of evidence as a suite, or one more file of the package, defines it."""

    @dataclass(frozen=True, kw_only=True)
    class ColourEvidence(Evidence):
        """Two colours of what a function paints."""

        kind: ClassVar[str] = "colour"
        function: str
        due: float
        got: float
        shade: str | None = None

        def show(self) -> Iterator[str]:
            yield f"{self.function} paints {self.got:g} where {self.due:g} was due"

        def try_again(self, now: SubmissionNow) -> Tried:
            returned = now.call(self.function, [3.0])
            return Tried(list(named("paints now", returned.value, sign="")), returned.value != self.due)

        def write_script(self, context: ScriptContext) -> list[str]:
            return [
                *context.imports(self.function),
                f"got = {self.function}(3.0)",
                'print("painted", got)',
                f"differs = got != {self.due!r}",
            ]

    yield ColourEvidence
    del KINDS["colour"]


def test_a_kind_is_added_in_one_file(colour, tmp_path):
    """Validated, written to results.json, shown on the page and in the terminal, tried again and scripted."""
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / "toy.py").write_text("def double(x):\n    return x\n", encoding="utf-8")
    with pytest.raises(TypeError):
        colour(function="toy.double", due=6.0)
    with pytest.raises(ValueError, match="'colour' without got"):
        colour.of({"kind": "colour", "function": "toy.double", "due": 6.0})

    verdict = incorrect("The wrong colour.", evidence=colour(function="toy.double", due=6.0, got=3.0))
    graded = grade(folder, TOY_SUITE)
    entry = make_entry("1.code.double", TOY_SUITE, graded.profile, verdict)
    report = replace(graded, entries=tuple(entry if e.number == entry.number else e for e in graded.entries))
    gradescope.write(report, tmp_path / "results.json")

    written = read_results(tmp_path / "results.json").entries["1.code.double"].evidence
    assert written == {"kind": "colour", "function": "toy.double", "due": 6.0, "got": 3.0}
    assert read_evidence(written) == colour(function="toy.double", due=6.0, got=3.0)
    assert "toy.double paints 3 where 6 was due" in page.page(report)

    script = tmp_path / "show.py"
    lines = list(replay(tmp_path / "results.json", "1.code.double", folder, assignment=str(TOY_SUITE.folder), out=script))
    assert "    toy.double paints 3 where 6 was due" in lines
    assert any(line.split() == ["paints", "now", "3"] for line in lines)
    assert "    The difference is still there." in lines
    assert subprocess.run([sys.executable, str(script), str(folder)], capture_output=True, check=False, timeout=60).returncode == 0

    (folder / "toy.py").write_text("def double(x):\n    return 2 * x\n", encoding="utf-8")
    lines = list(replay(tmp_path / "results.json", "1.code.double", folder, assignment=str(TOY_SUITE.folder)))
    assert "    The difference is gone." in lines
    assert subprocess.run([sys.executable, str(script), str(folder)], capture_output=True, check=False, timeout=60).returncode == 1


def test_what_knows_nothing_more_than_its_fields_is_shown_and_scripted_whole():
    """A kind that overrides nothing."""

    @dataclass(frozen=True, kw_only=True)
    class Plain(Evidence):
        kind: ClassVar[str] = "plain"
        expected: int
        got: int

    try:
        made = read_evidence({"kind": "plain", "expected": 1, "got": 2, "more": "x"})
        assert made == Plain(expected=1, got=2, beside={"more": "x"})
        assert json.loads("\n".join(made.show())) == made.document()
        assert made.try_again(None) == Tried((), None)
        assert made.write_script(None)[-1] == "differs = 2 != 1"
    finally:
        del KINDS["plain"]
