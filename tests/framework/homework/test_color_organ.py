"""Problem 7's tests tested: wheats keep their points, chaffs lose them in exactly what they break; through the real worker."""

import ast
import importlib.util
import math
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from places import HW0, ROOT, SUBMISSIONS
from submissions.organ_bank import notebooks

from autograder.assignment import load_assignment
from autograder.grading.desk import Student
from autograder.submission.extraction import definitions
from autograder.worker import Failure, Limits, Reply, Units, WarmParent, Worker
from autograder.writeup import Answer

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SUITE = HW0
BANK = SUBMISSIONS / "organ_bank"
COURSE = (ROOT / "tests" / "corpora" / "notebooks" / "course.cells").read_text(encoding="utf-8")
CHAFFS = tomllib.loads((BANK / "chaffs.toml").read_text(encoding="utf-8"))["chaff"]
WHEATS = tomllib.loads((BANK / "wheats.toml").read_text(encoding="utf-8"))["wheat"]
VALUES = tomllib.loads((BANK / "values.toml").read_text(encoding="utf-8"))["value"]
WANTED = load_assignment(SUITE).files.definitions["color_organ"]
WORKER_SECONDS = 0.15
"""All calls of problem 7's code for one submission, beyond imports."""


def loaded(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def suite():
    """The suite's modules, imported as the suite does, with its folder on the path."""
    sys.path.insert(0, str(SUITE))
    before = set(sys.modules)
    try:
        yield {name: loaded(SUITE / f"{name}.py") for name in ("test_q7_color_organ", "test_q7_values")}
    finally:
        sys.path.remove(str(SUITE))
        for name in set(sys.modules) - before:
            if getattr(sys.modules[name], "__file__", None) and Path(sys.modules[name].__file__).parent == SUITE:
                del sys.modules[name]


@pytest.fixture(scope="module")
def warm():
    parent = WarmParent(torch=True)
    yield parent
    parent.close()


class Counting:
    """A student whose calls are counted and timed."""

    def __init__(self, student):
        self.student, self.calls, self.seconds = student, 0, 0.0

    def __call__(self, *args, **keywords):
        return self._timed(self.student, *args, **keywords)

    def attributes(self, *args):
        return self._timed(self.student.attributes, *args)

    def _timed(self, function, *args, **keywords):
        began = time.perf_counter()
        reply = function(*args, **keywords)
        self.calls, self.seconds = self.calls + 1, self.seconds + time.perf_counter() - began
        return reply


@pytest.fixture
def judged(suite, warm, tmp_path):
    """judged(script, notebook): the verdict of every check of code, or of `only` some, by the function's name; and the student called."""

    def judge_all(script=None, notebook=None, *, seed=182, only=()):
        taken = definitions(script, notebook, WANTED, py_name="color_organ.py", notebook_name="color_organ_learning.ipynb")
        sources = {"color_organ": Units(taken.units)} if taken.units else {}
        found = {}
        with Worker(tmp_path, sources, torch=True, seed=seed, limits=Limits(), warm=warm) as worker:
            student = Counting(Student(worker))
            student("color_organ.evaluate_lp_circuit", 1.0, 1.0)  # loads and imports
            student.calls, student.seconds = 0, 0.0
            for test in vars(suite["test_q7_color_organ"]).values():
                if hasattr(test, "__number__") and (not only or test.__number__.removeprefix("7.code.") in only):
                    got = []
                    test(student, got.append)
                    found[test.__number__.removeprefix("7.code.")] = got[0]
        return found, student

    return judge_all


def edited(entry):
    text = COURSE
    start = text.index(entry["within"]) if "within" in entry else 0
    head, tail = text[:start], text[start:]
    for old, new in entry["edits"]:
        assert old in tail, f"{entry['name']}: {old!r} is not in the notebook any more"
        tail = tail.replace(old, new, 1) if "within" in entry else tail.replace(old, new)
    return head + tail


def lost(found):
    return {name: verdict for name, verdict in found.items() if verdict.kind != "correct"}


@pytest.mark.parametrize("form", ["version_4", "version_3"])
def test_the_notebook_keeps_everything(judged, form):
    found, _ = judged(notebook=getattr(notebooks, form)(COURSE))
    assert set(found) == set(WANTED)
    assert not lost(found)


@pytest.mark.parametrize("chaff", CHAFFS, ids=lambda entry: entry["name"])
def test_a_chaff_loses_in_exactly_what_it_breaks(judged, chaff):
    found, _ = judged(notebook=notebooks.version_4(edited(chaff)))
    fell = lost(found)
    assert set(chaff["loses"]) <= set(fell), fell
    assert set(fell) <= {*chaff["loses"], *chaff.get("also_may_lose", ())}, fell
    for verdict in fell.values():
        assert verdict.share < 1
        assert verdict.kind == "missing" or verdict.evidence
    if "slip" in chaff:
        assert fell[chaff["loses"][0]].slip == chaff["slip"]


@pytest.mark.parametrize("wheat", WHEATS, ids=lambda entry: entry["name"])
def test_a_wheat_keeps_everything(judged, wheat):
    found, _ = judged(notebook=notebooks.version_4(edited(wheat)))
    assert not lost(found)


def shares(found):
    return {name: verdict.share for name, verdict in found.items()}


@pytest.mark.parametrize("entry", [*CHAFFS[::9], *WHEATS[::9]], ids=lambda entry: entry["name"])
def test_another_seed_gives_the_same_marks(judged, entry):
    text = notebooks.version_4(edited(entry))
    only = entry.get("loses", ())
    assert shares(judged(notebook=text, only=only)[0]) == shares(judged(notebook=text, seed=7, only=only)[0])


@pytest.mark.slow
@pytest.mark.parametrize("entry", [*CHAFFS, *WHEATS], ids=lambda entry: entry["name"])
def test_no_score_varies_under_twenty_seeds(judged, entry):
    text = notebooks.version_4(edited(entry))
    only = (*entry.get("loses", ()), *entry.get("also_may_lose", ()))
    found = [shares(judged(notebook=text, seed=seed, only=only)[0]) for seed in range(100, 120)]
    assert all(other == found[0] for other in found)
    assert "loses" in entry or set(found[0].values()) == {1.0}


IGNORING = """

def _ignoring(original, place, constant):
    seen = []

    def call(*args):
        seen.append(args[place])
        return original(*args[:place], seen[0] if constant is None else constant, *args[place + 1 :])

    return call


if isinstance({name}, type):
    class {name}({name}, metaclass=type("Ignoring", (type({name}),), {{"__call__": _ignoring(type.__call__, {place} + 1, {constant})}})):
        pass
else:
    {name} = _ignoring({name}, {place}, {constant})
"""
"""Stands below the reference: one of its functions or classes does not look at one of its arguments any more."""

CONSTANTS = {"loss_fn": ("squared",), "circuit": (), "dataset_size": (1000, 200), "max_training_steps": (100000, 4), "lr": (200, 1000.0)}
"""What is plausible in place of an argument, and works there; resistors and cutoffs have the others."""


def arguments_of_the_reference():
    """(name, place, constant); None stands for the first value that was ever seen."""
    path = ROOT / "reference" / "hw0" / "color_organ.py"
    found = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body if path.is_file() else ():
        maker = next((m for m in node.body if getattr(m, "name", "") == "__init__"), None) if isinstance(node, ast.ClassDef) else node
        if getattr(node, "name", "") not in WANTED or not isinstance(maker, ast.FunctionDef):
            continue
        names = [a.arg for a in maker.args.args if a.arg != "self"]
        for place, argument in enumerate(names):
            if argument in ("freqs", "prediction", "label"):
                constants = ("torch.tensor(0.5)", "torch.tensor(1.0)")
            else:
                constants = CONSTANTS.get(argument, (500.0, 200.0, 1 / (2 * math.pi * 800e-6), 10000.0))
            for i, constant in enumerate((None, *constants)):
                text = "lambda x, y: (x - y) ** 2" if constant == "squared" else constant
                marks = [pytest.mark.slow] if i > 1 or constant == 100000 else []  # so many steps run into the deadline
                found.append(pytest.param(node.name, place, text, id=f"{node.name}-{argument}-{constant or 'first seen'}", marks=marks))
    return found


@pytest.mark.parametrize(("name", "place", "constant"), arguments_of_the_reference())
def test_who_ignores_an_argument_loses_points(judged, name, place, constant):
    reference = (ROOT / "reference" / "hw0" / "color_organ.py").read_text(encoding="utf-8")
    found, _ = judged(script=reference + IGNORING.format(name=name, place=place, constant=constant), only=[name])
    assert found[name].share < 1, found


def test_the_bank_is_large_enough():
    assert len(CHAFFS) >= 20
    assert len(WHEATS) >= 10


def test_the_same_as_a_script_that_trains_when_it_is_imported(judged):
    code = "\n".join(source for kind, source in notebooks.cells_of(COURSE) if kind == "code")
    script = "\n".join(line for line in code.split("\n") if not line.startswith(("%", "!")))
    found, _ = judged(script=script)
    assert not lost(found)


def test_the_course_notebook_with_its_placeholders_earns_nothing_for_what_the_student_writes(judged):
    text = COURSE
    for line in (
        "    # YOUR CODE HERE\n    return R_high * cap_value * freqs / torch.sqrt(1 + (R_high * cap_value * freqs) ** 2)",
        "    return evaluate_lp_circuit(freqs, R_low) * evaluate_hp_circuit(freqs, R_high)",
    ):
        assert line in text
        text = text.replace(line, "    return ?")
    for line in (
        "        loss = loss_fn(pred, (train_data[1] > cutoff_mag).float()).mean()\n",
        "            circuit.R_low -= lr * grad[0]\n",
    ):
        text = text.replace(line, line[: len(line) - len(line.lstrip())] + "? # YOUR CODE HERE\n")
    text = text.replace("loss_fn = lambda x, y: (x - (0.3 + 0.7 * y)) ** 2\nlr = 200", "loss_fn = lambda x, y: ?\nlr = 200")
    found, _ = judged(notebook=notebooks.version_4(text))
    written = (
        "evaluate_hp_circuit",
        "evaluate_bp_circuit",
        "train_lp_circuit_binary",
        "train_hp_circuit_binary",
        "train_bp_circuit_binary",
    )
    assert all(found[name].share == 0 for name in (*written, "loss_fn"))
    assert found["loss_fn"].kind == "missing"
    assert "`?`" in found["loss_fn"].message


def test_the_template_earns_nothing_and_the_reference_everything(judged):
    reference = ROOT / "reference" / "hw0" / "color_organ.py"
    template = ROOT / "student_template" / "hw0" / "color_organ.py"
    if not reference.is_file() or not template.is_file():
        pytest.skip("the reference or the template is not on this machine")
    found, honest = judged(script=reference.read_text(encoding="utf-8"))
    assert not lost(found)
    found, untouched = judged(script=template.read_text(encoding="utf-8"))
    assert all(verdict.share == 0 for verdict in found.values())
    assert untouched.calls <= honest.calls


def test_nothing_handed_in_is_missing(judged):
    found, _ = judged()
    assert {verdict.kind for verdict in found.values()} == {"missing"}


def test_the_calls_of_a_submission_stay_few(judged):
    _, student = judged(notebook=notebooks.version_4(COURSE))
    assert student.calls <= 100


def test_verdicts_are_the_same_twice(judged):
    text = notebooks.version_4(edited(CHAFFS[0]))
    assert judged(notebook=text)[0] == judged(notebook=text)[0]


# Values -----------------------------------------------------------------------------------------------------------------


def typed(part, text, how="the whole text"):
    return Answer(part, text, text, "writeup.md", 1, how, "typed" if text else "missing", "")


def nothing_in_code(name, *args, **keywords):
    return Reply(name, (), failure=Failure("missing", f"nothing was handed in for {name}"))


def loss_in_code(formula):
    """A student whose loss_fn is this function of numpy arrays, and who has no other code."""

    def call(name, *args, **keywords):
        if name != "color_organ.loss_fn":
            return nothing_in_code(name)
        x, y = (np.asarray(a.array, dtype=float) for a in args)
        return Reply(name, (), value=eval(formula, {"np": np, "x": x, "y": y}))

    return call


def value_verdict(suite, part, text, part_e="", code=""):
    module = suite["test_q7_values"]
    given = {"7.e": typed("7.e", part_e)} | {part: typed(part, text)}
    got = []
    test = next(t for t in vars(module).values() if getattr(t, "__number__", "") == part)
    arguments = {"answer": given.__getitem__, "student": loss_in_code(code) if code else nothing_in_code, "judge": got.append}
    test(**{name: arguments[name] for name in test.__code__.co_varnames[: test.__code__.co_argcount]})
    return got[0]


@pytest.mark.parametrize("case", VALUES, ids=lambda case: f"{case['part']} {case['text'][:40]}")
def test_reported_values(suite, case):
    verdict = value_verdict(suite, case["part"], case["text"], case.get("e", ""), case.get("code", ""))
    assert verdict.kind == case["verdict"], verdict
    if "share" in case:
        assert verdict.share == pytest.approx(case["share"])
    if "slip" in case:
        assert verdict.slip == case["slip"]
    if "remark" in case:
        assert any(case["remark"] in remark for remark in verdict.remarks), verdict.remarks


@pytest.mark.parametrize("name", ["missing", "image", "foreign"])
@pytest.mark.parametrize("part", [f"7.{letter}" for letter in "abcdefghi"])
def test_what_was_not_typed_is_no_value(suite, part, name):
    module = suite["test_q7_values"]
    given = Answer(part, "", "", "writeup.md", 1, "", name, "found writeup.pdf: a person reads it")
    got = []
    test = next(t for t in vars(module).values() if getattr(t, "__number__", "") == part)
    arguments = {"answer": lambda _: given, "student": nothing_in_code, "judge": got.append}
    test(**{argument: arguments[argument] for argument in test.__code__.co_varnames[: test.__code__.co_argcount]})
    assert got[0].kind == ("missing" if name == "missing" else "undecided")


# Windows ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def measuring(suite):
    return loaded(ROOT / "benchmarks" / "windows.py")


def test_windows_say_where_they_come_from(suite):
    stored = sys.modules["color_organ_truth"].load_windows()
    about = stored["provenance"]
    assert {"script", "seed", "quantiles", "date", "frequencies_per_dataset"} <= set(about)
    assert (ROOT / about["script"]).is_file()
    assert set(stored["parts"]) == {"7.d", "7.e", "7.f", "7.g", "7.h", "7.i"}


def test_a_few_honest_runs_lie_in_the_windows(measuring, suite):
    assert all(outside <= 2 for outside, _ in measuring.false_rejects(200, 20).values())


@pytest.mark.slow
def test_false_rejects_are_rare(measuring, suite):
    """10,000 fresh honest runs of each part, 1,000 whole trajectories of (i)."""
    assert all(outside <= measuring.ACCEPTED * runs for outside, runs in measuring.false_rejects(10_000, 1_000).values())


@pytest.mark.slow
def test_the_stored_windows_are_what_the_script_measures(measuring, suite):
    """With another seed and a tenth of the datasets: smallest and largest are near the ends, and most runs well inside."""
    stored = sys.modules["color_organ_truth"].load_windows()["parts"]
    rng = np.random.default_rng(99)
    for part in "defgh":
        for side, start in zip(("above", "below"), measuring.PARTS[part]["starts"], strict=True):
            found = measuring.honest(part, rng, 2_000, start)
            for column, (low, high) in enumerate(stored[f"7.{part}"]["windows"][side]):
                inner = np.quantile(found[:, column], [0.005, 0.995])
                assert low < inner[0]
                assert inner[1] < high
                assert abs(found[:, column].min() / low - 1) < 0.08
                assert abs(found[:, column].max() / high - 1) < 0.08
    found = measuring.honest("i", rng, 300, measuring.ORGAN_START)
    for column, (low, high) in enumerate(stored["7.i"]["windows"]["200"]):
        assert np.quantile(found[:, column], 0.01) > low
        assert np.quantile(found[:, column], 0.99) < high


@pytest.mark.slow
def test_the_windows_of_an_own_loss_are_those_of_simulated_runs(measuring, suite):
    """The analytic window of the standard loss against the measured one: ends to 3 %."""
    truth, loss = sys.modules["color_organ_truth"], sys.modules["color_organ_loss"]
    x, y = loss.grid_arrays()
    own = loss.read_loss(
        Reply("loss", (), value=(x - (0.3 + 0.7 * y)) ** 2), lambda a, b: Reply("loss", (), value=(a - (0.3 + 0.7 * b)) ** 2)
    )
    explained = loss.explains(own, "it")
    for part in "efg":
        for window, measured in zip(loss.own_windows(explained, part), truth.honest_windows(f"7.{part}"), strict=True):
            assert abs(window.low / measured.low - 1) < 0.04
            assert abs(window.high / measured.high - 1) < 0.04
