"""Problem 7, code: transfer functions, circuits, training functions, and the loss of (e).

A fault is charged where it is made: a circuit that does what the student's own transfer function says is right, however
wrong that is, and a training function is judged on the student's own circuit and transfer functions where these are wrong.
Frequencies are rad/s, resistors ohms. Inputs are double precision; answers are judged with single precision's rounding
unit, because torch's parameters are single by default.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import color_organ_truth as truth
import numpy as np
from color_organ_loss import loss_verdict, one_number, student_loss
from gradescope_utils.autograder_utils.decorators import number, weight
from public import POINTS

from autograder.suite import (
    GRADIENT_TOLERANCE,
    Hypothesis,
    Kept,
    Named,
    Polynomial,
    Tensor,
    TextEvidence,
    Trace,
    as_floats,
    combined,
    correct,
    descends,
    failed,
    gradient_terms,
    incorrect,
    mean_gradient,
    missing,
    near,
    read_trace,
    together,
    training_evidence,
)

MODULE = "color_organ"


def single(reply):
    """The reply with its numbers rounded to single precision, which is how exactly they are judged."""
    if isinstance(reply.value, np.ndarray) and reply.value.dtype == np.float64:
        return replace(reply, value=reply.value.astype(np.float32))
    return reply


# Transfer functions -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Function:
    """A transfer function of the student's and the truth about it.

    settings: two of parameters, none of which is a default or a desired value by chance; the second lies outside of what a slider or
    a clamp would allow.
    """

    name: str
    truth: object
    settings: tuple
    scale: object
    """(omega, parameters) -> size of the error of one rounding."""


def magnitude_scale(omega, expected):
    return expected


def decibel_scale(omega, expected):
    return 20 * np.log10(omega) + np.abs(expected)


LOW = Function("evaluate_lp_circuit", truth.low_pass, ((437.0,), (2600.0,)), magnitude_scale)
HIGH = Function("evaluate_hp_circuit", truth.high_pass, ((47.0,), (2600.0,)), magnitude_scale)
BAND = Function("evaluate_bp_circuit", truth.band_pass, ((53.0, 171.0), (2600.0, 0.4)), magnitude_scale)
BODE = Function("evaluate_bp_bode", truth.bode, ((23100.0, 6700.0), (310000.0, 13.0)), decibel_scale)


def band_frequencies(function, setting):
    """Twenty over the whole range, and the cutoffs themselves. rad/s, float64."""
    spread = 2 * math.pi * 10 ** np.linspace(0.1, 5.9, 20)
    cutoffs = setting if function is BODE else [1 / (r * truth.CAPACITANCE) for r in setting]
    return np.concatenate([spread, cutoffs])


def judged(function, reply, omega, expected):
    return near(single(reply), expected, scale=function.scale(omega, expected), method="forward error, single precision")


def evaluated(student, function):
    """Right on the whole band for two settings, the second with frequencies in two axes and parameters as tensors."""
    first, second = function.settings
    omega = band_frequencies(function, first)
    flat = student(f"{MODULE}.{function.name}", Tensor(omega), *first)
    verdict = judged(function, flat, omega, function.truth(omega, *first))
    if verdict.kind != "correct":
        return verdict
    table = (2 * math.pi * 10 ** np.linspace(0.5, 5.5, 12)).reshape(3, 4)
    shaped = student(f"{MODULE}.{function.name}", Tensor(table), *(Tensor(np.float64(p)) for p in second))
    return combined([(0.8, verdict), (0.2, judged(function, shaped, table, function.truth(table, *second)))])


def at_zero(student, function, verdict):
    """A remark where the limit at 0 rad/s is a wrong number; NaN there is no fault, nothing is trained at 0."""
    if verdict.kind != "correct":
        return verdict
    reply = student(f"{MODULE}.{function.name}", Tensor(np.zeros(1)), *function.settings[0])
    value = np.ravel(reply.value) if isinstance(reply.value, np.ndarray) else np.array([math.nan])
    expected = float(function.truth(np.zeros(1), *function.settings[0])[0])
    if value.size != 1 or not math.isfinite(value[0]) or abs(value[0] - expected) > 1e-6:
        return verdict.with_remarks("At frequency 0 it gives no finite limit; nothing is trained there, so this costs nothing.")
    return verdict


@number("7.code.evaluate_lp_circuit")
@weight(POINTS["7.code.evaluate_lp_circuit"])
def test_evaluate_lp_circuit(student, judge):
    """evaluate_lp_circuit(freqs, R_low)"""
    judge(at_zero(student, LOW, evaluated(student, LOW)))


@number("7.code.evaluate_hp_circuit")
@weight(POINTS["7.code.evaluate_hp_circuit"])
def test_evaluate_hp_circuit(student, judge):
    """evaluate_hp_circuit(freqs, R_high)"""
    judge(at_zero(student, HIGH, evaluated(student, HIGH)))


@number("7.code.evaluate_bp_circuit")
@weight(POINTS["7.code.evaluate_bp_circuit"])
def test_evaluate_bp_circuit(student, judge):
    """evaluate_bp_circuit(freqs, R_low, R_high)"""
    verdict = evaluated(student, BAND)
    if verdict.kind in ("incorrect", "partial") and follows_own_halves(student):
        verdict = correct(
            "Correct: the product of your own low pass and high pass.",
            method="equals the product of the submission's own transfer functions",
            read=verdict.read,
        ).with_remarks("Judged with your own low pass and high pass, which are charged where they stand.")
    judge(verdict)


def follows_own_halves(student):
    """Whether the band pass is the product of the student's own halves, of which one is wrong but looks at its arguments."""
    for setting in BAND.settings:
        omega = band_frequencies(BAND, setting)
        low, high = own_values(student, LOW, omega, setting[:1]), own_values(student, HIGH, omega, setting[1:])
        if low is None or high is None or not same(student(f"{MODULE}.{BAND.name}", Tensor(omega), *setting), low * high):
            return False
    return True


def own_values(student, function, omega, setting):
    """What the student's own transfer function gives, or None where it fails, or does not look at its arguments."""
    reply = student(f"{MODULE}.{function.name}", Tensor(omega), *setting)
    other = student(f"{MODULE}.{function.name}", Tensor(omega), *(1.5 * p for p in setting))
    values = [as_floats(r.value) for r in (reply, other)]
    if any(v is None or v.shape != omega.shape or not np.isfinite(v).all() for v in values):
        return None
    changes = np.abs(values[0] - values[1]).max() > 1e-6 and np.ptp(values[0]) > 1e-6
    return values[0] if changes else None


def same(reply, expected):
    """Whether a reply holds these numbers, to single precision."""
    value = reply.value
    if not isinstance(value, np.ndarray) or value.shape != expected.shape or value.dtype.kind != "f":
        return False
    return bool(np.allclose(value, expected, rtol=1e-4, atol=1e-6))


@number("7.code.evaluate_bp_bode")
@weight(POINTS["7.code.evaluate_bp_bode"])
def test_evaluate_bp_bode(student, judge):
    """evaluate_bp_bode(freqs, low_cutoff, high_cutoff), in dB"""
    judge(evaluated(student, BODE))


# Circuits ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Circuit:
    """A class of the student's. attributes: what holds the arguments of the constructor, in order. settings: of these, as above."""

    name: str
    attributes: tuple
    settings: tuple
    parts: tuple
    """(transfer function, places of its parameters among the arguments) for each channel, in the order they are returned."""

    def expected(self, omega, arguments):
        channels = [f.truth(omega, *(arguments[i] for i in places)) for f, places in self.parts]
        return channels[0] if len(channels) == 1 else np.stack(channels)


LOW_CIRCUIT = Circuit("LowPassCircuit", ("R",), ((437.0,), (2600.0,)), ((LOW, (0,)),))
HIGH_CIRCUIT = Circuit("HighPassCircuit", ("R",), ((62.5,), (2600.0,)), ((HIGH, (0,)),))
BAND_CIRCUIT = Circuit("BandPassCircuit", ("R_low", "R_high"), ((53.0, 171.0), (2600.0, 0.4)), ((BAND, (0, 1)),))
BODE_CIRCUIT = Circuit("BandPassBodePlot", ("low_cutoff", "high_cutoff"), ((23100.0, 6700.0), (310000.0, 13.0)), ((BODE, (0, 1)),))
ORGAN_CIRCUIT = Circuit(
    "ColorOrganCircuit",
    ("low.R", "high.R", "band.R_low", "band.R_high"),
    ((217.0, 29.0, 53.0, 171.0), (1700.0, 0.7, 2600.0, 0.4)),
    ((LOW, (0,)), (BAND, (2, 3)), (HIGH, (1,))),
)


def built(student, circuit):
    """Predictions on the band are most of it; the rest is that the parameters are where they are asked for.

    All circuits are made before any is asked, so that what they share shows too.
    """
    made = [student(f"{MODULE}.{circuit.name}", *setting, keep=f"circuit{i}") for i, setting in enumerate(circuit.settings)]
    broken = next((reply for reply in made if reply.failure is not None), None)
    if broken is not None:
        return failed(broken)
    answers = [predicted(student, circuit, setting, f"@circuit{i}") for i, setting in enumerate(circuit.settings)]
    return combined([(0.7, together(*answers)), (0.3, holds_parameters(student, circuit, circuit.settings[0], "@circuit0"))])


def predicted(student, circuit, setting, kept):
    """Whether a circuit that was made with this setting answers as it should, or as the student's own transfer function does."""
    omega = 2 * math.pi * 10 ** np.linspace(0.1, 5.9, 25)
    reply = replace(student(kept, Tensor(omega)), function=f"{MODULE}.{circuit.name}", args=(list(setting), omega.tolist()))
    expected = circuit.expected(omega, setting)
    scale = decibel_scale(omega, expected) if circuit is BODE_CIRCUIT else expected
    verdict = near(single(reply), expected, scale=scale, method="forward error, single precision")
    if verdict.kind in ("incorrect", "partial") and reply.failure is None:
        owns = [own_expected(student, circuit, omega, setting)]
        owns += [own_filters(student, omega, setting)] if circuit is ORGAN_CIRCUIT else []
        if any(own is not None and same(reply, own) for own in owns):
            return correct(
                "Correct: it does what your own transfer function says.", method="equals the submission's own transfer function"
            ).with_remarks("Judged with your own transfer function, which is charged where it stands.")
    return verdict


def own_expected(student, circuit, omega, setting):
    """The same predictions by the student's own transfer functions, or None."""
    channels = []
    for function, places in circuit.parts:
        values = own_values(student, function, omega, [setting[i] for i in places])
        if values is None:
            return None
        channels.append(values)
    return channels[0] if len(channels) == 1 else np.stack(channels)


def own_filters(student, omega, setting):
    """What the color organ should return by the student's own three circuits, or None."""
    low, high, band_low, band_high = setting
    channels = []
    for circuit, arguments in ((LOW_CIRCUIT, (low,)), (BAND_CIRCUIT, (band_low, band_high)), (HIGH_CIRCUIT, (high,))):
        made = student(f"{MODULE}.{circuit.name}", *arguments, keep="filter")
        value = None if made.failure is not None else as_floats(student("@filter", Tensor(omega)).value)
        if value is None or value.shape != omega.shape or not np.isfinite(value.astype(np.float32)).all() or np.ptp(value) <= 1e-6:
            return None
        channels.append(value)
    return np.stack(channels)


LEARNS, SORT, MODULE_HAS = "requires_grad", "__class__.__name__", "training"
"""Of a parameter: whether gradients reach it, and its class; of what holds it: an attribute that every torch module has."""


def holds_parameters(student, circuit, setting, kept):
    """Whether the circuit's parameters are the numbers that were given, and parameters: what `parameters()` and gradients find.

    In a class of one's own that is no torch module a tensor with a gradient is as good.
    """
    names = list(circuit.attributes)
    asked = [*names, *(f"{name}.{of}" for name in names for of in (LEARNS, SORT)), *map(holder, names)]
    reply = student.attributes(kept, list(dict.fromkeys(asked)))
    if reply.failure is not None:
        return failed(reply)
    values = reply.value if isinstance(reply.value, dict) else {}
    for name, argument in zip(names, setting, strict=True):
        got = values.get(name)
        is_parameter = values.get(f"{name}.{LEARNS}") is True and (
            values.get(f"{name}.{SORT}") == "Parameter" or holder(name) not in values
        )
        what = ""
        if not np.isclose(one_number(got), argument, rtol=1e-6):
            what = "there is no such attribute" if name not in values else "it is not the number that was given"
        elif not is_parameter:
            what = "it is no `nn.Parameter` that gradients reach, so nothing can be learned"
        if what:
            evidence = training_evidence(reply, 0, name, argument, got)
            return incorrect(f"{circuit.name} should hold its parameter as `{name}`: {what}.", evidence=evidence, slip="parameter")
    return correct(method="parameters read back from a made circuit")


def holder(name):
    """`band.training` for `band.R_low`."""
    return f"{name.rpartition('.')[0]}.{MODULE_HAS}".lstrip(".")


def circuit_test(circuit):
    @number(f"7.code.{circuit.name}")
    @weight(POINTS[f"7.code.{circuit.name}"])
    def test(student, judge):
        judge(built(student, circuit))

    test.__doc__ = f"{circuit.name}({', '.join(a.replace('.', '_') for a in circuit.attributes)}), a torch module"
    return test


test_low_pass_circuit = circuit_test(LOW_CIRCUIT)
test_high_pass_circuit = circuit_test(HIGH_CIRCUIT)
test_band_pass_circuit = circuit_test(BAND_CIRCUIT)
test_band_pass_bode_plot = circuit_test(BODE_CIRCUIT)
test_color_organ_circuit = circuit_test(ORGAN_CIRCUIT)


# Training ---------------------------------------------------------------------------------------------------------------

DATASET = 200
"""Frequencies of a run. Enough that sampled in Hz instead of rad/s some are below 2 pi (missed once in 10^12)."""
STEPS = 4
FAR_DATASET, FAR_STEPS = 160, 5
"""Of the second run, which has another start, loss and rate too: nothing of the first may be left in it."""
FIRST_STEP = (0.05, 0.01)
"""lr is chosen so that the first step changes a parameter by at most this share of itself, on many samples; the second is for the
Bode plot, whose gradient grows without bound where the student's own transfer function is far off."""
STOP_STEPS = 12
SECONDS = 10.0
"""For a run of four steps: the first use of some of torch's parts imports more of it."""
STOP_WITHIN = 3
SPREAD = 2.8
"""Kolmogorov and Smirnov's statistic times sqrt(n) from which frequencies are not log-uniform: probability below 1e-6."""

MAGNITUDE_LOSS = ((0.9, 0.4), (-0.2, -1.7), (1.0, 0.3))
"""x^2 (1 + 0.3 y) - x (0.2 + 1.7 y) + 0.9 + 0.4 y: positive, not symmetric in x and y, nobody's default."""
LOUD_LOSS = tuple(tuple(2.0**28 * c for c in row) for row in ((0.8, 0.2), (0.6, 1.1), (1.0, 0.5)))
"""Another one, so large that a gradient which is clipped shows. Its slope has one sign: no gradient is small because terms cancel."""
DECIBEL_LOSS = ((2.0, 0.0, 0.01), (0.03, -0.018, 0.0), (0.01, 0.0, 0.0))
"""The same for numbers between -100 and 0: positive, of order 1 to 100."""
LOUD_DECIBEL_LOSS = tuple(tuple(2.0**28 * c for c in row) for row in ((3.0, 0.0, 0.02), (0.0, 0.01, 0.0), (0.015, 0.0, 0.0)))


def slope_of(coefficients, argument):
    """The derivative of sum c[i][j] x^i y^j in x (argument 0) or y (argument 1), as a function of x and y."""
    table = [(i, j, c) for i, row in enumerate(coefficients) for j, c in enumerate(row) if c]
    if argument == 0:
        return lambda x, y: sum((c * i * x ** (i - 1) * y**j for i, j, c in table if i), 0 * x * y)
    return lambda x, y: sum((c * j * x**i * y ** (j - 1) for i, j, c in table if j), 0 * x * y)


@dataclass(frozen=True)
class Training:
    """A training function of the student's, and a run of it. start: in the order of the parameters; places: of them in the constructor.

    far: another start, outside of what a slider or a clamp would allow.
    """

    name: str
    circuit: Circuit
    learner: truth.Learner
    start: tuple
    loss: tuple
    wanted: tuple
    """(transfer function, its desired parameters) for each channel."""
    far: tuple
    dataset: int = DATASET
    steps: int = STEPS

    @cached_property
    def further(self):
        """The second run."""
        loss = LOUD_DECIBEL_LOSS if self.learner is truth.BODE else LOUD_LOSS
        return replace(self, start=self.far, loss=loss, dataset=FAR_DATASET, steps=FAR_STEPS)

    @property
    def places(self):
        return [self.circuit.attributes.index(name) for name in self.learner.parameters]

    def arguments(self, parameters):
        """The constructor's arguments for parameters in the learner's order."""
        given = [0.0] * len(parameters)
        for place, value in zip(self.places, parameters, strict=True):
            given[place] = float(value)
        return given

    @cached_property
    def rate(self):
        omega, weights = truth.frequency_nodes(20)
        gradient = mean_gradient(self.learner, slope_of(self.loss, 0), omega, weights, np.array(self.start))
        channels = len(self.circuit.parts)
        largest = np.abs(gradient / np.array(self.start)).max() / channels
        return float(f"{FIRST_STEP[self.learner is truth.BODE] / largest:.3g}")


LOW_WANTED = ((LOW, (truth.LOW_DESIRED,)),)
HIGH_WANTED = ((HIGH, (truth.HIGH_DESIRED,)),)
BAND_WANTED = ((BAND, (truth.BAND_LOW_DESIRED, truth.BAND_HIGH_DESIRED)),)

TRAININGS = (
    Training("train_lp_circuit_tf", LOW_CIRCUIT, truth.LOW, (420.0,), MAGNITUDE_LOSS, LOW_WANTED, (2400.0,)),
    Training("train_lp_circuit_binary", LOW_CIRCUIT, truth.LOW_BINARY, (120.0,), MAGNITUDE_LOSS, LOW_WANTED, (2400.0,)),
    Training("train_hp_circuit_binary", HIGH_CIRCUIT, truth.HIGH_BINARY, (75.0,), MAGNITUDE_LOSS, HIGH_WANTED, (0.6,)),
    Training("train_bp_circuit_binary", BAND_CIRCUIT, truth.BAND_BINARY, (90.0, 260.0), MAGNITUDE_LOSS, BAND_WANTED, (1300.0, 0.6)),
    Training("train_bp_bode", BODE_CIRCUIT, truth.BODE, (30000.0, 4500.0), DECIBEL_LOSS, BAND_WANTED, (310000.0, 130.0)),
    Training(
        "train_co_circuit",
        ORGAN_CIRCUIT,
        truth.ORGAN_BINARY,
        (420.0, 90.0, 260.0, 75.0),
        MAGNITUDE_LOSS,
        (*LOW_WANTED, *BAND_WANTED, *HIGH_WANTED),
        (2400.0, 1300.0, 0.6, 0.7),
    ),
)


@dataclass(frozen=True)
class Own:
    """The student's circuit and desired transfer functions in place of the true ones; derivatives by central differences."""

    student: object
    training: Training
    own_targets: bool
    width: float = 1e-3

    @cached_property
    def rows(self):
        """Outputs for each frequency, as the true circuit has them."""
        return self.training.learner.predict(np.ones(1), np.array(self.training.start)).size

    def predict(self, omega, parameters):
        made = self.student(f"{MODULE}.{self.training.circuit.name}", *self.training.arguments(parameters), keep="own")
        reply = made if made.failure is not None else self.student("@own", Tensor(omega))
        value = reply.value
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.shape[-1:] != omega.shape:
            raise OwnFails(reply)
        if value.size != self.rows * omega.size:
            raise OwnFails(reply)
        return value.astype(float).reshape(self.rows, omega.size)

    def slopes(self, omega, parameters):
        rows = []
        for j in range(len(parameters)):
            step = np.zeros(len(parameters))
            step[j] = self.width * parameters[j]
            rows.append((self.predict(omega, parameters + step) - self.predict(omega, parameters - step)) / (2 * step[j]))
        return np.stack(rows)

    def targets(self, omega):
        if not self.own_targets:
            return self.training.learner.targets(omega)
        rows = []
        for function, desired in self.training.wanted:
            values = own_values(self.student, function, omega, desired)
            if values is None:
                raise OwnFails
            rows.append(values)
        wanted = np.stack(rows)
        if self.training.learner is truth.BODE:
            return truth.decibels(np.maximum(wanted, 1e-300))
        return truth.labels_of(wanted) if self.training.learner.binary else wanted


OWN_TOLERANCE = 0.02
"""Of gradients that rest on finite differences of the student's circuit: a kink of the Bode plot inside of a difference costs half
of one of some eighty terms."""


class OwnFails(Exception):
    """The student's own circuit cannot be asked."""


def hypotheses(training, model, trace):
    """The right gradient, then what a slip would make of it."""
    slope, other = slope_of(training.loss, 0), slope_of(training.loss, 1)
    omega = trace.inputs
    targets = model.targets(omega)

    def with_targets(changed):
        return gradient_terms(model, slope, omega, changed)

    found = [
        Hypothesis("", "", with_targets(targets)),
        Hypothesis(
            "argument_order",
            "loss_fn is called with label and prediction exchanged.",
            gradient_terms(model, other, omega, targets, swapped=True),
        ),
        Hypothesis(
            "ignored_loss",
            "It descends on the squared error, not on the loss_fn that it is given.",
            gradient_terms(model, truth.squared_error_slope, omega, targets),
        ),
    ]
    if training.learner.binary:
        magnitudes = training.learner.wanted(omega)
        found += [
            Hypothesis("labels_inverted", "The labels are the wrong way round: 1 where the LED is dark.", with_targets(1 - targets)),
            Hypothesis("not_binary", "It learns from magnitudes, not from binary labels.", with_targets(magnitudes)),
            Hypothesis("labels", "No label is 1, as if magnitudes in dB were compared with cutoff_mag.", with_targets(0 * targets)),
            Hypothesis(
                "labels", "The labels are not made with cutoff_mag but with one half.", with_targets((magnitudes > 0.5).astype(float))
            ),
            Hypothesis("labels", "The labels are +1 and -1 where 1 and 0 are due.", with_targets(2 * targets - 1)),
        ]
    for said, scale in (("times 2 pi", 2 * math.pi), ("divided by 2 pi", 1 / (2 * math.pi))):
        moved = training.learner.targets(omega * scale)
        found.append(
            Hypothesis("hertz", f"The desired cutoffs are mistaken by 2 pi ({said}): hertz and rad/s are mixed up.", with_targets(moved))
        )
    returned = trace.targets.reshape(-1, omega.size) if trace.targets.size == targets.size else None
    if returned is not None:  # what it says itself that it was trained on
        own = truth.labels_of(returned) if training.learner.binary else returned
        found.append(
            Hypothesis("training_data", "The magnitudes that it is trained on are not those of the desired circuit.", with_targets(own))
        )
    return found


def trained(student, training):
    """A few steps on a small dataset, checked as gradient descent, at two settings, and whether it knows when to stop."""
    function = f"{MODULE}.{training.name}"
    made, reply, trace, steps = ran(student, training, "learner")
    if made.failure is not None:
        return without_circuit(student, training, made)
    if steps.share == 0:
        return steps
    after = student.attributes("@learner", list(training.learner.parameters))
    if not (trace.values[-1] > 0).all():  # it ran away, and nothing stops any more on NaN
        student(f"{MODULE}.{training.circuit.name}", *training.arguments(training.start), keep="learner")
    zero = called_with(training, student(function, Kept("learner"), Polynomial([[0.0]]), 16, STOP_STEPS, training.rate))
    further = training.further
    _, far_reply, far_trace, far_steps = ran(student, further, "further")
    checks = [
        (0.5, steps),
        (0.2, far_steps),
        (0.1, together(sampled(training, reply, trace), far_steps if far_trace is None else sampled(further, far_reply, far_trace))),
        (0.1, moved_itself(training, reply, trace, after)),
        (
            0.1,
            together(
                stops(training, reply, trace, zero), far_steps if far_trace is None else took_its_steps(further, far_reply, far_trace)
            ),
        ),
    ]
    return combined(checks).with_remarks(*trace.notes)


def ran(student, training, kept):
    """(the circuit's reply, the training's, its trace or None, the verdict on its steps) of one run."""
    made = student(f"{MODULE}.{training.circuit.name}", *training.arguments(training.start), keep=kept)
    if made.failure is not None:
        return made, None, None, failed(made)
    arguments = (Kept(kept), Polynomial(training.loss), training.dataset, training.steps, training.rate)
    reply = called_with(training, student(f"{MODULE}.{training.name}", *arguments, seconds=SECONDS))
    trace = read_trace(reply, training.start)
    if not isinstance(trace, Trace):
        return made, reply, None, trace
    return made, reply, trace, stepped(student, training, reply, trace, training.rate)


def called_with(training, reply):
    """The reply with the circuit written out among its arguments, so that a person can do the same."""
    circuit = f"{training.circuit.name}({', '.join(f'{value:g}' for value in training.arguments(training.start))})"
    return replace(reply, args=(circuit, *reply.args[1:]))


def without_circuit(student, training, made):
    """Nothing can be trained without a circuit; a training function that is not there is still missing, not wrong."""
    there = student(f"{MODULE}.{training.name}", None, None, 0, 0, 0.0)
    if there.failure is not None and there.failure.kind == "missing":
        return missing(there.failure.message)
    if there.failure is not None and there.failure.kind in ("import", "not_reached", "skipped"):
        return failed(there)
    verdict = failed(made)
    said = f"{training.name} could not be tried, because {training.circuit.name} cannot be made: {made.failure.message}"
    evidence = verdict.evidence or TextEvidence(said=said)
    return incorrect(said, evidence=evidence, read=said)


def stepped(student, training, reply, trace, rate):
    """Whether the steps are gradient descent, on the true circuit or, if that explains nothing, on the student's own."""
    omega = trace.inputs
    first = descends(reply, trace, hypotheses(training, training.learner, trace), rate, training.learner.parameters)
    if first.kind == "correct" or len(trace.values) < 2:
        return first
    try:
        own = Own(student, training, own_targets=True)
        if np.allclose(
            own.predict(omega, np.array(training.start)), training.learner.predict(omega, np.array(training.start)), rtol=1e-4, atol=1e-5
        ):
            circuits = [(training.learner, own.targets(omega))]
        else:
            circuits = [(own, own.targets(omega)), (own, training.learner.targets(omega))]
    except OwnFails:
        return first
    slope = slope_of(training.loss, 0)
    for model, targets in circuits:
        if model is training.learner and np.array_equal(targets, training.learner.targets(omega)):
            continue
        try:
            right = Hypothesis("", "", gradient_terms(model, slope, omega, targets))
            tried = descends(reply, trace, [right], rate, training.learner.parameters, tolerance=OWN_TOLERANCE)
        except OwnFails:
            continue
        if tried.share > first.share:
            return tried.with_remarks("Judged with your own circuit and transfer functions, which are charged where they stand.")
    return first


def sampled(training, reply, trace):
    """Whether the training frequencies are what was asked for."""
    omega = np.sort(trace.inputs)
    if omega.size != training.dataset:
        return incorrect(
            f"It trained on {omega.size} frequencies where dataset_size was {training.dataset}.",
            slip="dataset_size",
            evidence=training_evidence(reply, 0, "frequencies", training.dataset, int(omega.size)),
        )
    ends = (2 * math.pi * 0.999, 2 * math.pi * 1e6 * 1.001)
    if not np.isfinite(omega).all() or omega[0] < ends[0] or omega[-1] > ends[1]:
        hertz = omega[0] >= 0.999 and omega[-1] <= 1.001e6
        said = "The training frequencies are not 2 pi 10^U with U from 0 to 6"
        said += ": they are in hertz, the circuits take rad/s." if hertz else "."
        evidence = training_evidence(reply, 0, "range of the frequencies", [2 * math.pi, 2 * math.pi * 1e6], [omega[0], omega[-1]])
        return incorrect(said, slip="hertz" if hertz else "frequencies", evidence=evidence)
    place = np.log10(omega / (2 * math.pi)) / truth.DECADES
    steps = np.arange(omega.size + 1) / omega.size
    distance = float(max(np.abs(place - steps[:-1]).max(), np.abs(place - steps[1:]).max())) * math.sqrt(omega.size)
    if distance > SPREAD:
        return incorrect(
            "The training frequencies are not spread evenly over the decades (2 pi 10^U with U uniform from 0 to 6).",
            slip="frequencies",
            evidence=training_evidence(reply, 0, "Kolmogorov-Smirnov statistic", 0.0, distance, SPREAD),
        )
    return correct(method="range and spread of the frequencies")


def moved_itself(training, reply, trace, after):
    """Whether the circuit that was given is the one that has learned."""
    values = after.value if isinstance(after.value, dict) else {}
    for j, name in enumerate(training.learner.parameters):
        got, expected = values.get(name), trace.values[-1, j]
        found = one_number(got)
        if math.isfinite(expected) and not abs(found - expected) <= 1e-5 * abs(expected):
            return incorrect(
                f"After training, {name} of the circuit is not the last of the recorded values.",
                slip="not_in_place",
                evidence=training_evidence(reply, training.steps, name, expected, found),
            )
    return correct(method="the circuit holds the last values")


def took_its_steps(training, reply, trace):
    """Whether it took as many steps as it should."""
    taken = len(trace.values) - 1
    if taken < training.steps and np.abs(trace.gradients[-1]).max() < truth.STOP_BELOW:
        return correct(method="stopped where the gradient is below 1e-6")
    if taken != training.steps:
        early = "stopped early, though neither the loss nor a gradient was below 1e-6"
        said = early if taken < training.steps else "went on after max_training_steps"
        return incorrect(f"Training {said}.", slip="stopping", evidence=training_evidence(reply, taken, "steps", training.steps, taken))
    return correct(method="steps counted")


def stops(training, reply, trace, zero):
    """Whether it takes the steps that it should, and stops on a loss that is 0 everywhere."""
    verdict = took_its_steps(training, reply, trace)
    if verdict.kind != "correct" or len(trace.values) - 1 < training.steps:
        return verdict
    if zero.failure is not None:
        return failed(zero)
    values = zero.value[1] if isinstance(zero.value, list | tuple) and len(zero.value) == 3 else None
    taken = len(values) - 1 if isinstance(values, list | tuple | np.ndarray) else STOP_STEPS
    if taken > STOP_WITHIN:
        return incorrect(
            "Training goes on though loss and gradient are 0 (both below 1e-6).",
            slip="stopping",
            evidence=training_evidence(zero, taken, "steps", f"at most {STOP_WITHIN}", taken),
        )
    return correct(method="steps counted with a loss of 0 and without")


def training_test(training):
    @number(f"7.code.{training.name}")
    @weight(POINTS[f"7.code.{training.name}"])
    def test(student, judge):
        judge(trained(student, training))

    test.__doc__ = f"{training.name}(circuit, loss_fn, dataset_size, max_training_steps, lr)"
    return test


(
    test_train_lp_circuit_tf,
    test_train_lp_circuit_binary,
    test_train_hp_circuit_binary,
    test_train_bp_circuit_binary,
    test_train_bp_bode,
    test_train_co_circuit,
) = map(training_test, TRAININGS)


# The loss of (e) --------------------------------------------------------------------------------------------------------


@number("7.code.loss_fn")
@weight(POINTS["7.code.loss_fn"])
def test_loss_fn(student, judge):
    """loss_fn: binary labels yield the resistor of the full transfer function"""
    own = student_loss(student)
    verdict = loss_verdict(own)
    judge(differentiated(student, own) or verdict if verdict.share > 0 and own.table is not None else verdict)


def differentiated(student, own):
    """A verdict where training with the loss does not see the slope that its values have (`detach`, numpy), else None.

    One step of the student's own training function, which has to do it right with a loss of ours for this to count.
    """
    training = TRAININGS[1]
    reply, trace = one_step(student, training, Named(f"{MODULE}.{own.name}"))
    if trace is not None:
        targets = training.learner.targets(trace.inputs)
        expected = gradient_terms(training.learner, own.table.slope, trace.inputs, targets)(np.array(training.start))
        scale = np.abs(expected).mean()
        if abs(trace.gradients[1, 0]) > UNSEEN * scale or abs(expected.mean()) <= 2 * UNSEEN * scale:
            return None
    elif reply.failure is None or reply.failure.kind != "raised":
        return None
    _, ours = one_step(student, training, Polynomial(training.loss))
    if ours is None:
        return None
    right = gradient_terms(training.learner, slope_of(training.loss, 0), ours.inputs, training.learner.targets(ours.inputs))
    right_terms = right(np.array(training.start))
    if abs(ours.gradients[1, 0] - right_terms.mean()) > GRADIENT_TOLERANCE * np.abs(right_terms).mean():
        return None
    if trace is None:
        verdict = failed(reply)
        said = f"Training with this loss fails: {reply.failure.message}"
        return replace(verdict, message=said, read=said, slip="not_differentiable")
    return incorrect(
        "Training does not see this loss's slope: torch cannot differentiate what it computes.",
        slip="not_differentiable",
        evidence=training_evidence(reply, 1, "gradient of R", float(expected.mean()), float(trace.gradients[1, 0]), UNSEEN * scale),
    )


UNSEEN = 0.01
"""A recorded gradient below this share of the mean absolute term is none: what is not differentiated is missing as a whole."""


def one_step(student, training, loss):
    """(reply, trace) of one small step of a training function on a fresh circuit; no trace where there is none to look at."""
    made = student(f"{MODULE}.{training.circuit.name}", *training.arguments(training.start), keep="one")
    if made.failure is not None:
        return made, None
    reply = called_with(training, student(f"{MODULE}.{training.name}", Kept("one"), loss, DATASET, 1, 1e-3, seconds=SECONDS))
    trace = read_trace(reply, training.start)
    if isinstance(trace, Trace) and len(trace.gradients) == 2 and np.isfinite(trace.gradients[1]).all():
        return reply, trace
    return reply, None
