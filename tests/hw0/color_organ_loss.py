"""The loss of part (e): how the submission's own one is found and read, and what it yields.

A notebook binds `loss_fn` again and again, and the last one is given with part (i). The loss of (e) is the one with which
`train_lp_circuit_binary` was called last; a script that binds it once means that one.
"""

import math
import re
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache

import color_organ_truth as truth
import numpy as np

from autograder.suite import (
    QuantityEvidence,
    Recorded,
    TabulatedLoss,
    Tensor,
    TrainingEvidence,
    Verdict,
    Window,
    Yield,
    as_floats,
    correct,
    failed,
    incorrect,
    loss_grid,
    missing,
    outcome_window,
    partial,
    stationary,
    stationary_point,
    wrong_type,
)

READ_FIRST = ("train_lp_circuit_binary__argument_1", "train_hp_circuit_binary__argument_1", "loss_fn")
"""Where the loss of (e) may be, best first: what (e)'s training was called with, (f)'s, the name itself."""

LED_WINDOW = (176.8, 229.5)
"""Resistors, ohms, that light the LEDs of (b) as asked: three of seven, at the notebook's resolution."""

SMALLEST_OHMS = 1e-12
"""Below this a resistor has no cutoff that is a number."""

START = 500.0
"""Ohms, the template's start of (e)."""

SINGLE_POINTS = 61
"""Predictions at which a loss that gives one number for all elements is tabulated, one call each."""

BATCH_POINTS = 48
"""Resistors on a log grid at which a loss that mixes the elements is evaluated, one call each."""

TOWARDS = 0.75
"""A loss is on the way if it leaves at most this share of the plain squared error's distance, in log R."""

ON_THE_WAY_SHARE = 0.5

LOSSES_KEPT = 64
"""Losses of which it is remembered what they yield: those of one submission, and those that a class shares."""


@dataclass(frozen=True)
class OwnLoss:
    """The submission's loss as it was read. Either `table` is there, or `batch` for one that mixes elements, or `verdict`."""

    name: str
    reply: object = None
    table: TabulatedLoss | None = None
    batch: object = None
    """resistor -> the loss of the low pass on the fixed dataset, for a loss that is no mean of elements."""
    verdict: Verdict | None = None
    """Why it cannot be used: missing, failed, wrong type, not finite, constant."""


def leds(resistor):
    """(cutoff in Hz, frequencies lit, what is wrong with the LEDs, or nothing) of a low pass."""
    if not SMALLEST_OHMS < resistor < math.inf:
        return (math.inf if 0 <= resistor <= SMALLEST_OHMS else 0.0), (), "no LED pattern at all"
    cutoff = truth.cutoff_of(resistor)
    lit = tuple(f for f in truth.LEDS_HZ if f < cutoff)
    wanted = truth.LEDS_HZ[: truth.LEDS_LIT]
    if LED_WINDOW[0] <= resistor <= LED_WINDOW[1]:
        return cutoff, wanted, ""
    dark = [f for f in wanted if f not in lit] or ([wanted[-1]] if resistor > LED_WINDOW[1] else [])
    bright = [f for f in lit if f not in wanted]
    parts = [f"the LED at {f:g} Hz stays dark" for f in dark[:1]] + [f"the LED at {f:g} Hz is lit" for f in bright[-1:]]
    return cutoff, lit, " and ".join(parts) or "an LED changes"


def student_loss(student):
    """The submission's loss in code. Two calls into the worker for an ordinary one.

    Where (e) was trained with the squared error of (d) only, the loss with which (f) was trained is meant, if that is another.
    """
    trained, next_part, name = READ_FIRST
    own = loss_called(student, trained)
    if not (is_absent(own) or is_squared_error(own)):
        return own
    other = loss_called(student, next_part)
    if is_absent(own):
        return loss_called(student, name) if is_absent(other) else other
    return own if is_absent(other) or other.table is None or is_squared_error(other) else other


def is_absent(own):
    return own.reply.failure is not None and own.reply.failure.kind == "missing"


def is_squared_error(own):
    return own.table is not None and own.table.is_squared_error()


def loss_called(student, name):
    """The loss that the code knows by this name."""
    reply = student(f"color_organ.{name}", *grid_arguments())
    label = float
    if reply.failure is not None and reply.failure.kind == "raised":  # `torch.where(y, ...)` wants bool labels
        booleans = student(reply.function, grid_arguments()[0], Tensor(grid_arrays()[1] > 0))
        if booleans.failure is None:
            reply, label = booleans, bool
    return read_loss(reply, lambda x, y: student(reply.function, Tensor(x), Tensor(y.astype(label))))


def grid_arrays():
    """Predictions and labels at which a loss is asked, one row of numbers each, in an order that mixes them."""
    grid = loss_grid()
    x, y = np.concatenate([grid, grid]), np.repeat([0.0, 1.0], grid.size)
    order = np.argsort((np.arange(x.size) * 0.6180339887498949) % 1.0)
    return x[order], y[order]


def grid_arguments():
    return tuple(Tensor(a) for a in grid_arrays())


def read_loss(reply, ask):
    """What a reply on the grid says of a loss; ask(x, y) is another call of it."""
    name = reply.function.removeprefix("color_organ.")
    if reply.failure is not None:
        verdict = called_plainly(failed(reply))
        if reply.failure.kind == "missing":
            verdict = missing("There is no loss_fn.")
        elif reply.failure.kind == "import" and reply.failure.message.startswith("SyntaxError: "):
            verdict = missing(f"There is no loss for part (e): {reply.failure.message.removeprefix('SyntaxError: ')}.")
        elif reply.failure.kind == "type" and "NoneType" in reply.failure.message:
            verdict = missing("loss_fn is None: the template's placeholder.")
        return OwnLoss(name, reply, verdict=verdict)
    value = reply.value
    x, y = grid_arrays()
    values = as_floats(value)
    if values is None:
        return OwnLoss(name, reply, verdict=called_plainly(wrong_type(reply, "something else than a tensor of losses")))
    if values.size == 1:
        return reduced_loss(name, reply, float(values.ravel()[0]), ask)
    if values.squeeze().shape != x.shape:
        said = f"shape {values.shape} for predictions and labels of shape {x.shape}; an elementwise loss keeps the shape"
        return OwnLoss(name, reply, verdict=called_plainly(wrong_type(reply, said)))
    values = values.squeeze()
    if not np.isfinite(values).all():
        return OwnLoss(name, reply, verdict=not_finite(reply, x, y, values))
    part = np.arange(x.size)[::-3]
    again = ask(x[part], y[part]).value
    if not isinstance(again, np.ndarray) or again.shape != part.shape or not np.allclose(again, values[part], rtol=1e-5, atol=1e-7):
        return mixing_loss(name, reply, ask)
    order = np.lexsort((x, y))
    return tabulated(name, reply, TabulatedLoss(loss_grid(), values[order].reshape(2, -1)))


def called_plainly(verdict):
    """The verdict with a name for the loss that a student knows."""

    def plain(text):
        return re.sub(r"(train_\w+?)__argument_1", r"the loss given to \1", text)

    return replace(verdict, message=plain(verdict.message), read=plain(verdict.read))


def tabulated(name, reply, table):
    if table.is_constant():
        evidence = loss_evidence(reply, "loss", "a loss that depends on the prediction", "constant")
        return OwnLoss(
            name,
            reply,
            verdict=incorrect(
                "The loss is the same for every prediction: nothing can be learned from it.", slip="constant", evidence=evidence
            ),
        )
    return OwnLoss(name, reply, table=table)


def reduced_loss(name, reply, whole, ask):
    """A loss that gives one number: the mean or sum of an elementwise one is as good as that; anything else mixes elements."""
    if not math.isfinite(whole):
        return OwnLoss(name, reply, verdict=not_finite(reply, *grid_arrays(), np.array([whole])))
    grid = loss_grid(SINGLE_POINTS)
    values = np.empty((2, grid.size))
    for row, label in enumerate((0.0, 1.0)):
        for column, prediction in enumerate(grid):
            value = one_number(ask(np.array([prediction]), np.array([label])).value)
            if not math.isfinite(value):
                return mixing_loss(name, reply, ask)
            values[row, column] = value
    pair = ask(np.array([grid[10], grid[40], grid[20]]), np.array([1.0, 0.0, 1.0])).value
    parts = np.array([values[1, 10], values[0, 40], values[1, 20]])
    if not any(np.isclose(one_number(pair), s, rtol=1e-4) for s in (parts.mean(), parts.sum())):
        return mixing_loss(name, reply, ask)
    return tabulated(name, reply, TabulatedLoss(grid, values))


def one_number(value):
    """The only number that was returned; NaN where it is none, or not the only one."""
    found = as_floats(value)
    return math.nan if found is None or found.size != 1 else float(found.ravel()[0])


def mixing_loss(name, reply, ask):
    """A loss whose value for one element depends on the others: it is evaluated on the fixed dataset as a whole."""
    omega = fixed_frequencies()
    labels = truth.LOW_BINARY.targets(omega)[0]

    def batch(resistor):
        value = ask(truth.low_pass(omega, resistor), labels).value
        found = as_floats(value)
        return math.nan if found is None or not found.size else float(np.mean(found))

    return OwnLoss(name, reply, batch=batch)


def not_finite(reply, x, y, values):
    bad = int(np.flatnonzero(~np.isfinite(np.broadcast_to(values, x.shape)))[0])
    evidence = loss_evidence(reply, "loss", "a finite number", float(np.broadcast_to(values, x.shape)[bad]), [float(x[bad]), float(y[bad])])
    return incorrect(
        f"The loss is not finite for prediction {x[bad]:.6g} and label {y[bad]:g}, so training ends in NaN.",
        slip="not_finite",
        evidence=evidence,
    )


def loss_evidence(reply, quantity, expected, got, args=None):
    finite = got if not isinstance(got, float) or math.isfinite(got) else str(got)
    return TrainingEvidence(
        function=reply.function,
        args=args if args is not None else ["predictions from 1e-4 to 1", "labels 0 and 1"],
        step=0,
        quantity=Recorded(quantity),
        expected=expected,
        got=finite,
        threshold=0.0,
    )


def fixed_frequencies():
    """One fixed dataset of the notebook's size, evenly spread over the decades. rad/s."""
    return 2 * math.pi * 10 ** (truth.DECADES * (np.arange(truth.DATASET_SIZE) + 0.5) / truth.DATASET_SIZE)


def yielded(own):
    """Where descent on the low pass's binary data ends with this loss: a Yield, in ohms."""
    if own.table is not None:
        return yielded_by(own.table)
    grid = np.exp(np.linspace(math.log(15.0), math.log(6000.0), BATCH_POINTS))
    losses = np.array([own.batch(r) for r in grid])
    if not np.isfinite(losses).all() or np.ptp(losses) <= 1e-9 * np.abs(losses).max():
        return Yield(math.nan, 0, ())
    place = int(np.argmin(np.abs(np.log(grid / START))))
    while 0 < place < grid.size - 1 and min(losses[place - 1], losses[place + 1]) < losses[place]:
        place += 1 if losses[place + 1] < losses[place - 1] else -1
    if place in (0, grid.size - 1):
        return Yield(0.0 if place == 0 else math.inf, 0, ())
    low, high = math.log(grid[place - 1]), math.log(grid[place + 1])
    ratio = (math.sqrt(5) - 1) / 2
    inner = [high - ratio * (high - low), low + ratio * (high - low)]
    at = [own.batch(math.exp(i)) for i in inner]
    for _ in range(20):
        if at[0] < at[1]:
            high, inner[1], at[1] = inner[1], inner[0], at[0]
            inner[0] = high - ratio * (high - low)
            at[0] = own.batch(math.exp(inner[0]))
        else:
            low, inner[0], at[0] = inner[0], inner[1], at[1]
            inner[1] = low + ratio * (high - low)
            at[1] = own.batch(math.exp(inner[1]))
    return Yield(math.exp((low + high) / 2), 1, ())


@lru_cache(LOSSES_KEPT)
def yielded_by(table):
    """The same for a loss that is known by its table."""
    omega, weights = truth.frequency_nodes()
    return stationary(truth.LOW_BINARY, table.slope, omega, weights, START)


def loss_verdict(own):
    """Right if the resistor it yields lights the LEDs of (b) as asked; on the way there is `partial`."""
    if own.verdict is not None:
        return own.verdict
    end = yielded(own)
    resistor = end.value
    if math.isnan(resistor):
        evidence = loss_evidence(own.reply, "gradient", "a gradient that moves R", 0.0)
        return incorrect("The loss moves no resistor: its mean gradient is 0 everywhere, or no number.", slip="constant", evidence=evidence)
    cutoff, _, wrong = leds(resistor)
    evidence = QuantityEvidence(
        got=resistor if math.isfinite(resistor) else "inf",
        unit="ohm",
        accepted=list(LED_WINDOW),
        where="resistors that light the LEDs of (b) as asked",
        beside={"led": wrong, "plot": picture(own, end)},
    )
    if not wrong:
        measured = round(on_fixed_dataset(own, resistor), 3)
        evidence = replace(evidence, beside={**evidence.beside, "fixed_dataset": measured})
        return correct(
            f"Correct: on binary labels your loss yields R = {resistor:.1f} ohm (cutoff {cutoff:.0f} Hz), that of the full transfer "
            "function as far as the LEDs can tell.",
            method="root of the mean gradient of the submission's own loss, in the limit of many samples",
            evidence=evidence,
        )
    if resistor in (0.0, math.inf):
        way = "0" if resistor == 0.0 else "infinity"
        backwards = own.table is not None and reversed_sign(own)
        said = " Its sign is reversed: descending on it climbs." if backwards else ""
        return incorrect(
            f"Descending on your loss, R runs away to {way}.{said}", slip="sign" if backwards else "diverges", evidence=evidence
        )
    message = f"On binary labels your loss yields R = {resistor:.0f} ohm (cutoff {cutoff:.0f} Hz): {wrong}."
    if own.table is not None and own.table.is_squared_error():
        return incorrect(f"{message} It is the squared error of (d).", slip="squared_error", evidence=evidence)
    plain = abs(math.log(squared_error_resistor() / truth.LOW_DESIRED))
    if abs(math.log(resistor / truth.LOW_DESIRED)) <= TOWARDS * plain:
        return partial(ON_THE_WAY_SHARE, f"{message} It corrects the squared error in part.", slip="on_the_way", evidence=evidence)
    return incorrect(message, evidence=evidence)


def reversed_sign(own):
    omega, weights = truth.frequency_nodes(60)
    return 0 < stationary(truth.LOW_BINARY, lambda x, y: -own.table.slope(x, y), omega, weights, START).value < math.inf


@cache
def squared_error_resistor():
    """What plain squared error on binary labels yields, ohms (344.6)."""
    omega, weights = truth.frequency_nodes()
    return stationary(truth.LOW_BINARY, truth.squared_error_slope, omega, weights, START, (100.0, 1000.0), 16).value


def on_fixed_dataset(own, resistor):
    """The resistor that the loss yields on the fixed dataset, ohms; resistor: what it yields on many samples."""
    if own.table is None:
        return resistor  # found on that dataset already
    omega = fixed_frequencies()
    weights = np.full(omega.size, 1 / omega.size)
    return stationary(truth.LOW_BINARY, own.table.slope, omega, weights, resistor, (resistor / 2, 2 * resistor), 16).value


def transfer(resistor):
    """What a report draws of a low pass: dB over Hz, desired and reported, and the LEDs of (b)."""
    if not 0 < resistor < math.inf:
        return {}
    hertz = 10 ** np.linspace(1, 5, 41)
    cutoff, lit, _ = leds(resistor)
    curves = {
        name: truth.decibels(truth.low_pass(2 * math.pi * hertz, r)) for name, r in (("desired", truth.LOW_DESIRED), ("got", resistor))
    }
    return {
        "hertz": [float(f"{f:.4g}") for f in hertz],
        **{name: [round(float(v), 2) for v in curve] for name, curve in curves.items()},
        "leds": list(truth.LEDS_HZ),
        "lit": list(lit),
        "alt": f"Low pass with R = {resistor:.1f} ohm: cutoff {cutoff:.0f} Hz, LEDs lit up to {max(lit, default=0):.0f} Hz.",
    }


def picture(own, end):
    """What a report draws: the mean loss over R with the place where descent ends, and the transfer functions, in dB over Hz."""
    drawn = {"kind": "loss_over_R", "unit": "ohm", "end": end.value if math.isfinite(end.value) else None}
    if end.curve:
        drawn["resistors"] = [float(f"{r:.4g}") for r, _ in end.curve]
        slopes = np.array([g for _, g in end.curve])
        resistors = np.array([r for r, _ in end.curve])
        loss = np.concatenate([[0.0], np.cumsum((slopes[1:] + slopes[:-1]) / 2 * np.diff(resistors))])
        drawn["loss"] = [float(f"{v:.4g}") for v in loss - loss.min()]
        ending = f"descent from {START:.0f} ohm ends at {end.value:.1f} ohm" if math.isfinite(end.value) else "descent does not end"
        drawn["transfer"] = transfer(end.value)
        drawn["alt"] = f"Mean loss over R from {resistors[0]:.0f} to {resistors[-1]:.0f} ohm; {ending}."
    return drawn


# What values it explains ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Explains:
    """The windows that a loss of the submission's own gives to (e), (f), (g)."""

    said: str
    """`your loss_fn` or `the loss stated in 7(e)`."""
    resistor: float
    """What it yields for the low pass, ohms."""
    loss: OwnLoss
    windows: dict = field(default_factory=dict)


def explains(own, said):
    """The loss as something that values may be judged against, or None: it has to be smooth, with one minimum, not squared error."""
    if own.table is None or not own.table.is_smooth() or own.table.is_squared_error():
        return None
    end = yielded(own)
    plain = truth.honest_windows("7.d")[0].low
    if end.minima != 1 or not 0 < end.value < plain:
        return None
    return Explains(said, end.value, own)


def own_windows(explained, part):
    """The 99.9 % windows of one of e, f, g under the submission's own loss; None where it has no stationary point there."""
    ends = ends_of_runs(explained.loss.table, part)
    if ends is None:
        return None
    where = f"99.9 % of honest runs with {explained.said}, profile score with {truth.DATASET_SIZE} samples"
    return [Window(low, high, where) for low, high in ends]


@lru_cache(3 * LOSSES_KEPT)
def ends_of_runs(table, part):
    """The ends of these windows, ohms."""
    omega, weights = truth.frequency_nodes(40)
    slope = table.slope
    learner = {"e": truth.LOW_BINARY, "f": truth.HIGH_BINARY, "g": truth.BAND_BINARY}[part]
    if part == "g":
        centre = stationary_point(learner, slope, omega, weights, np.array([45.0, 140.0]))
    else:
        end = stationary(learner, slope, omega, weights, START)
        centre = np.array([end.value]) if 0 < end.value < math.inf and end.minima == 1 else None
    if centre is None:
        return None
    ends = outcome_window(learner, slope, omega, weights, centre, truth.DATASET_SIZE, truth.STOP_BELOW)
    if part == "f":  # never what the plain squared error yields
        ends = [(max(ends[0][0], squared_error_high_pass() + 1.0), ends[0][1])]
    return ends


@cache
def squared_error_high_pass():
    """What plain squared error on binary labels yields for the high pass, ohms."""
    omega, weights = truth.frequency_nodes(40)
    return stationary(truth.HIGH_BINARY, truth.squared_error_slope, omega, weights, START, (5.0, 80.0), 16).value
