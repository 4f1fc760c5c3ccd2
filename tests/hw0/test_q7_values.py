"""Problem 7, values: what the notebook asks for, against where honest runs end.

Resistors in ohms, cutoffs in Hz. Windows are the 99.9 % ranges of honest runs (windows.json, measured by benchmarks/windows.py),
for (e) to (g) those of the submission's own loss where it is smooth with one minimum, so that its fault is charged once.
"""

import math
import re
from dataclasses import dataclass, replace
from itertools import permutations

import color_organ_truth as truth
import numpy as np
from color_organ_loss import LED_WINDOW, explains, grid_arrays, leds, loss_verdict, own_windows, read_loss, student_loss, transfer
from gradescope_utils.autograder_utils.decorators import number, weight
from public import POINTS

from autograder.suite import (
    Failure,
    OutOfBudget,
    QuantityEvidence,
    Reply,
    Unreadable,
    Window,
    combined,
    correct,
    incorrect,
    missing,
    numeric_function,
    partial,
    quantity,
    read_quantities,
    undecided,
    unreadable,
    verdict_unless_typed,
)

WRITTEN = 0.5
"""Ohms: values are printed as whole numbers, so a window reaches half an ohm further."""

BY_HAND = 0.05
"""(a): of 198.94 ohms; the slider takes whole ohms and the match is by eye."""
LEARNED = 0.02
"""(c): the stopping rule ends 0.8 % above or below."""
CUTOFF_BY_LED = Window(690.0, 900.0, "between the last lit and the first dark LED of (b), 10 Hz of reading error")
RESISTOR_BY_LED = Window(*LED_WINDOW, "resistors that light the LEDs of (b) as asked")
AGREEMENT = 0.02
"""(b): the cutoff against 1/(2 pi R C)."""
TEMPLATE_ORGAN_START = 200.0


def padded(windows):
    return [Window(w.low - WRITTEN, w.high + WRITTEN, w.where) for w in windows]


MAX_READ = 20_000
"""Characters of a part that are read; honest ones have a few hundred."""


def text_of(answer):
    """What is read: what follows `Answer:`, else the whole part."""
    return (answer.text if answer.how == "after `Answer:`" else answer.body)[:MAX_READ]


ASIDE = re.compile(r"\([^()]{0,200}\b(?:true|desired|ideal|theoretical|expected|actual|target|exact|wanted|compared|vs)\b[^()]{0,200}\)")
COMPARED = re.compile(
    r"(\b(?:true|desired|ideal|theoretical|theory|expected|actual|target|analytic\w*|exact|real|wanted|compared|whereas|versus|vs)\b[^.;\n\d]{0,40}?)"
    r"\d+(?:\.\d+)?(?:\s*(?:\\?,?\\Omega|Ω|[Oo]hms?))?"
)


def uncompared(text):
    """The text without the numbers that it only compares with: `the true value is 199`. As it is where nothing else is left."""
    without = COMPARED.sub(r"\1", ASIDE.sub("", text))
    return without if re.search(r"\d\d", without) else text


def learned(answer):
    """The answer, read without what it compares its own value with."""
    return replace(answer, text=uncompared(answer.text[:MAX_READ]), body=uncompared(answer.body[:MAX_READ]))


def said(answer, values):
    """How the answer was read."""
    shown = ", ".join(f"{v.label + ' ' if v.label else ''}{v.quoted}" for v in values) or "no value"
    return f"{answer.file}, line {answer.line}: read as {shown}."


def outside(message, got, unit, window, read, slip=None, share=0.0):
    evidence = QuantityEvidence(got=got, unit=unit, accepted=[window.low, window.high], where=window.where)
    if share:
        return partial(share, message, evidence=evidence, slip=slip, read=read)
    return incorrect(message, evidence=evidence, slip=slip, read=read)


# (a) to (d) -------------------------------------------------------------------------------------------------------------


@number("7.a")
@weight(POINTS["7.a"])
def test_low_pass_by_hand(answer, judge):
    """7(a): the resistor of the low pass, by hand"""
    window = Window(truth.LOW_DESIRED * (1 - BY_HAND), truth.LOW_DESIRED * (1 + BY_HAND), "1/(2 pi 800 C), 5 %")
    judge(quantity(answer("7.a"), window, "ohm", labels=("r", "resist")))


@number("7.b")
@weight(POINTS["7.b"])
def test_low_pass_from_leds(answer, judge):
    """7(b): the resistor and the cutoff that light the LEDs"""
    judge(by_leds(answer("7.b")))


def by_leds(given):
    nothing = verdict_unless_typed(given)
    if nothing is not None:
        return nothing
    values = [v for v in read_quantities(text_of(given)) if v.role == "value" and v.unit != "other"]
    cutoffs = [v for v in values if v.unit in ("hertz", "rad/s") or (v.unit == "" and re.search(r"cut|freq|\bf_?c?\b|omega|hz", v.label))]
    resistors = [v for v in values if v not in cutoffs and v.unit in ("ohm", "")]
    named = [v for v in resistors if v.unit or v.value not in truth.LEDS_HZ or re.match(r"r\b|r_|resist", v.label)]
    resistors = named or resistors  # `the LEDs at 300, 500 and 700 Hz` are no resistors
    if not cutoffs and len(resistors) == 2 and not any(v.label or v.unit for v in resistors):
        resistors, cutoffs = resistors[:1], resistors[1:]
    cutoffs = [v for v in cutoffs if not (v.value in truth.LEDS_HZ and len(cutoffs) > 1)] or cutoffs[:1]
    read = said(given, [*resistors, *cutoffs])
    if not resistors and not cutoffs:
        return undecided("No value could be read: a person looks.", read=read)
    for found, what in ((resistors, "resistors"), (cutoffs, "cutoffs")):
        if rivals(found):
            return unreadable(f"There are several {what}; one is asked for.", read=read)
    if not resistors:
        return outside(
            "A resistor is asked for too.", "none", "ohm", RESISTOR_BY_LED, read, "no_resistor", 0.25 if cutoff_fits(cutoffs[0]) else 0.0
        )
    verdict = lit_by(resistors[0], cutoffs, read)
    return replace(verdict, evidence={**verdict.evidence, "plot": transfer(resistors[0].value)})


def lit_by(resistor, cutoffs, read):
    """The verdict of (b) for a resistor and the cutoffs that are given (one, or none)."""
    fits = RESISTOR_BY_LED.holds(resistor.low) and RESISTOR_BY_LED.holds(resistor.high)
    if not fits:
        _, _, wrong = leds(resistor.value)
        verdict = outside(f"With {resistor.quoted} {wrong or 'an LED is wrong'}.", resistor.value, "ohm", RESISTOR_BY_LED, read)
        if cutoffs and cutoff_fits(cutoffs[0]):
            return replace(verdict, kind="partial", share=0.25)
        return verdict
    if not cutoffs:
        return outside("The resistor lights the LEDs; its cutoff is asked for too.", "none", "hertz", CUTOFF_BY_LED, read, "no_cutoff", 0.5)
    cutoff = cutoffs[0]
    agreed = [truth.cutoff_of(resistor.high) * (1 - AGREEMENT), truth.cutoff_of(resistor.low) * (1 + AGREEMENT)]
    agrees = hertz(cutoff, cutoff.high) >= agreed[0] and hertz(cutoff, cutoff.low) <= agreed[1]
    if not agrees:
        share, window = (0.75 if cutoff_fits(cutoff) else 0.5), Window(*agreed, "1/(2 pi R C) of the resistor given, 2 %")
        message = f"{resistor.quoted} lights the LEDs, but its cutoff is not {cutoff.quoted}."
        return outside(message, cutoff.value, cutoff.unit or "hertz", window, read, "disagreement", share)
    if not cutoff_fits(cutoff):
        return outside(
            f"A cutoff of {cutoff.quoted} does not light the LEDs as asked.", cutoff.value, "hertz", CUTOFF_BY_LED, read, None, 0.75
        )
    method = "resistor and cutoff in their windows, and f = 1/(2 pi R C) to 2 %"
    evidence = QuantityEvidence(got=resistor.value, unit="ohm", accepted=list(LED_WINDOW), where=RESISTOR_BY_LED.where)
    return correct("Correct: the LEDs are lit as asked.", method=method, read=read, evidence=evidence)


def hertz(found, value):
    return value / (2 * math.pi) if found.unit == "rad/s" else value


def cutoff_fits(found):
    return CUTOFF_BY_LED.holds(hertz(found, found.low)) and CUTOFF_BY_LED.holds(hertz(found, found.high))


def rivals(values, close=0.02):
    """Whether values of one thing contradict each other."""
    return len(values) > 1 and min(v.high for v in values) < max(v.low for v in values) * (1 - close)


@number("7.c")
@weight(POINTS["7.c"])
def test_low_pass_from_magnitudes(answer, judge):
    """7(c): the resistor learned from magnitudes"""
    judge(learned_from_magnitudes(answer("7.c")))


def learned_from_magnitudes(given):
    nothing = verdict_unless_typed(given)
    if nothing is not None:
        return nothing
    window = Window(truth.LOW_DESIRED * (1 - LEARNED), truth.LOW_DESIRED * (1 + LEARNED), "1/(2 pi 800 C), 2 %")
    everything = read_quantities(uncompared(text_of(given)))
    values = [v for v in everything if v.role == "value" and v.unit in ("ohm", "")]
    values = [v for v in values if v.unit == "ohm" or v.label] or values
    read = said(given, values)
    remarks = rate_remarks(everything)
    if not values:
        return undecided("No value could be read: a person looks.", read=read).with_remarks(*remarks)
    fitting = [v for v in values if window.holds(v.low) and window.holds(v.high)]
    runs = {v.start for v in values} | {v.value for v in everything if v.role == "setting"}
    if not fitting:
        return outside("No run ends at the resistor of the desired low pass.", values[0].value, "ohm", window, read).with_remarks(*remarks)
    if rivals(values) and len(runs) < 2:
        return unreadable("There are rival values, and neither starts nor learning rates tell the runs apart.", read=read)
    odd = [v for v in values if v not in fitting and v.start is not None]
    remarks += [f"The run from {v.start:g} ohm had not converged." for v in odd[:2]]
    return correct(method="learned value within 2 % of the truth", read=read).with_remarks(*remarks)


DIVERGES = re.compile(r"diverg|not (?:to )?converge|n't converge|nan|explod|oscillat|overshoot|never converge|fail", re.IGNORECASE)
CONVERGES = re.compile(r"converge|fast|quick|flash|instant", re.IGNORECASE)
RATE = re.compile(r"^(?:lr|.*rate|eta|η|.*step size)$", re.IGNORECASE)


def rate_remarks(everything):
    """Learning rates that are claimed to diverge or converge, replayed on the model; remarks only."""
    starts = [v.value for v in everything if v.role == "start"]
    remarks = []
    for found in [v for v in everything if v.role == "setting" and RATE.match(v.label)][:4]:
        fails, works = bool(DIVERGES.search(found.sentence)), bool(CONVERGES.search(found.sentence))
        if not (fails or works) or found.value <= 0:
            continue
        settles = replayed(found.value, starts[0] if starts else 1000.0)
        if settles and fails:
            remarks.append(f"Replayed, lr = {found.quoted} does not diverge.")
        if not settles and works and not fails:
            remarks.append(f"Replayed, lr = {found.quoted} does not converge.")
    return remarks


def replayed(rate, start, steps=300):
    """Whether descent on the magnitudes of the low pass heads for the truth: 300 steps on a coarse quadrature."""
    omega, weights = truth.frequency_nodes(30)
    wanted = truth.low_pass(omega, truth.LOW_DESIRED)
    resistor = start
    if not 1e-12 < start < 1e7:
        return False
    for _ in range(steps):
        slope = 2 * (truth.low_pass(omega, resistor) - wanted) * truth.low_pass_slope(omega, resistor)
        resistor -= rate * float(slope @ weights)
        if not 1e-12 < resistor < 1e7:
            return False
    return abs(math.log(resistor / truth.LOW_DESIRED)) < abs(math.log(start / truth.LOW_DESIRED)) + 1e-9


@number("7.d")
@weight(POINTS["7.d"])
def test_low_pass_from_binary_labels(answer, judge):
    """7(d): the resistor learned from binary labels with the squared error"""
    judge(quantity(learned(answer("7.d")), padded(truth.honest_windows("7.d")), "ohm", labels=("r", "resist")))


# (e), (f), (g): with the submission's own loss --------------------------------------------------------------------------

LAMBDA = re.compile(r"(?:lambda|\\lambda|λ)\s*(\w+)\s*,\s*(\w+)\s*:\s*")
DEFINED = re.compile(r"(?:\\?ell|\\mathcal\{L\}|L|l|loss(?:_fn)?|f|J)\s*\(\s*(\\?\w+(?:\{\w+\})?)\s*,\s*(\\?\w+)\s*\)\s*=\s*")
SQUARED = re.compile(r"\([^()\n]{0,20}\bx\b.{0,40}?\by\b.{0,20}?\)\s*(?:\*\*|\^)\s*\{?\s*\d\s*\}?")
ASSIGNED = re.compile(r"\bloss(?:_?fn|_?function)?\s*=\s*(?!\s*(?:\\?lambda|λ))")
NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?!\w|\.|\s*\()")
PREDICTED = re.compile(r"^(?:x|pred\w*|y_?hat|y_?pred|out\w*|mag\w*|p)$")
MATH = re.compile(r"\$\$?(.+?)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]|`([^`]+)`", re.DOTALL)
END_OF_FORMULA = re.compile(r"[`$\n;]|(?:[.,]\s)|\s(?:and|which|where|with|gives|so|the)\s")


@dataclass(frozen=True)
class Stated:
    """A formula that a text states as the loss. first, second: its arguments. start, end: where it stands."""

    formula: str
    first: str
    second: str
    start: int
    end: int


def stated_formulas(text):
    """What may be the loss, most explicit first: `lambda x, y: ...`, `loss(x, y) = ...`, a formula in x and y."""
    found = []
    for pattern in (LAMBDA, DEFINED):
        for match in pattern.finditer(text):
            rest = text[match.end() :]
            stop = END_OF_FORMULA.search(rest)
            formula = rest[: stop.start()] if stop else rest
            found.append(Stated(formula.strip(), match.group(1), match.group(2), match.start(), match.end() + len(formula)))
    for match in ASSIGNED.finditer(text):
        rest = text[match.end() :]
        stop = END_OF_FORMULA.search(rest)
        formula = rest[: stop.start()] if stop else rest
        names = sorted(set(NAME.findall(formula)), key=lambda name: not PREDICTED.match(name))
        if len(names) == 2:
            found.append(Stated(formula.strip(), names[0], names[1], match.start(), match.end() + len(formula)))
    for match in MATH.finditer(text):
        formula = next(group for group in match.groups() if group)
        body = formula.rsplit("=", 1)[-1]
        if re.search(r"(?<![a-z])x(?![a-z])", body) and re.search(r"(?<![a-z])y(?![a-z])", body):
            found.append(Stated(body.strip(), "x", "y", match.start(), match.end()))
    found += [Stated(match.group(), "x", "y", match.start(), match.end()) for match in SQUARED.finditer(text)]
    return found


MAX_FORMULA = 4_000
"""Characters of 7(e) in which a formula is looked for."""


def stated_loss(given):
    """(the loss that a write-up states, its formula as it stands there) or (None, ""). Looked for in the answer, then in the whole part."""
    texts = dict.fromkeys((text_of(given)[:MAX_FORMULA], given.body[:MAX_FORMULA])) if given.state == "typed" else ()
    for text in texts:
        for stated in stated_formulas(text):
            try:
                function = numeric_function(stated.formula, (stated.first, stated.second))
            except (Unreadable, OutOfBudget):
                continue
            own = read_loss(asked(function, *grid_arrays()), lambda x, y, f=function: asked(f, x, y))
            return own, text[stated.start : stated.end]
    return None, ""


def asked(function, x, y):
    """A stated formula, as if it had been called in the worker."""
    name = "the loss stated in 7(e)"
    try:
        with np.errstate(all="ignore"):
            value = np.asarray(function(x, y), dtype=float)
    except (ArithmeticError, ValueError, TypeError) as error:
        return Reply(name, (), failure=Failure("raised", f"{type(error).__name__}: {error}"))
    return Reply(name, (), value=np.broadcast_to(value, x.shape).copy() if value.ndim == 0 else value)


@dataclass(frozen=True)
class Losses:
    """What is known of the submission's losses."""

    code: object
    """The loss in code as it was read."""
    stated: object
    """The loss stated in 7(e), or None."""
    formula: str
    """As it stands there."""
    usable: object
    """The one that explains values, or None."""


def losses(student, given):
    code = student_loss(student)
    stated, formula = stated_loss(given)
    usable = explains(code, "the submission's own loss_fn")
    if usable is None and stated is not None:
        usable = explains(stated, "the loss stated in 7(e)")
    return Losses(code, stated, formula, usable)


def without_formula(given, formula):
    """The answer without the formula of its loss, whose numbers are no values."""
    if not formula:
        return given
    return replace(given, text=given.text.replace(formula, " ; it "), body=given.body.replace(formula, " ; it "))


@number("7.e")
@weight(POINTS["7.e"])
def test_loss_for_binary_labels(answer, student, judge):
    """7(e): the resistor that the own loss yields from binary labels"""
    judge(learned_with_own_loss(answer("7.e"), student))


def learned_with_own_loss(given, student):
    nothing = verdict_unless_typed(given)
    if nothing is not None:
        return nothing
    known = losses(student, given)
    own = padded(own_windows(known.usable, "e") or []) if known.usable else []
    text = without_formula(given, known.formula)
    verdict = quantity(learned(text), [*own, RESISTOR_BY_LED], "ohm", labels=("r", "resist", "predict", "learn"))
    if verdict.kind == "correct" and own:
        got = verdict.evidence["got"]
        if isinstance(got, float | int) and not own[0].holds(got):
            verdict = verdict.with_remarks(f"It lights the LEDs, but it is not what {known.usable.said} yields.")
    if known.code.verdict is None or known.code.verdict.kind != "missing" or known.stated is None:
        return verdict
    judged = loss_verdict(known.stated)
    return combined([(0.5, verdict), (0.5, judged)], core=0) if judged.kind != "unreadable" else verdict


@number("7.f")
@weight(POINTS["7.f"])
def test_high_pass(answer, student, judge):
    """7(f): the resistor of the high pass"""
    judge(high_pass_value(answer("7.f"), answer("7.e"), student))


def high_pass_value(given, part_e, student):
    nothing = verdict_unless_typed(given)
    if nothing is not None:
        return nothing
    known = losses(student, part_e)
    honest = padded(truth.honest_windows("7.f"))
    own = padded(own_windows(known.usable, "f") or []) if known.usable else []
    verdict = quantity(learned(given), [*own, *honest], "ohm", labels=("r", "resist"))
    return carried(verdict, own[:1], honest, known)


def carried(verdict, own, honest, known):
    """Remarks where a value is right by one of the own loss and the standard one only."""
    if verdict.kind != "correct" or not own or not isinstance(verdict.evidence.get("got"), float | int):
        return verdict
    got = verdict.evidence["got"]
    if not honest[0].holds(got):
        return verdict.with_remarks(
            f"It is what {known.usable.said} yields, whose fault is charged once; a loss that does what (e) asks gives another value."
        )
    if not own[0].holds(got):
        return verdict.with_remarks(f"It is not what {known.usable.said} yields.")
    return verdict


@number("7.g")
@weight(POINTS["7.g"])
def test_band_pass(answer, student, judge):
    """7(g): both resistors of the band pass"""
    judge(band_pass_values(answer("7.g"), answer("7.e"), student))


HALF = {
    "low": re.compile(r"\blow[ -]?pass|\blp\b|_lp\b|r_?low|r_?l\b|\blow\b|_low"),
    "high": re.compile(r"\bhigh[ -]?pass|\bhp\b|_hp\b|r_?high|r_?h\b|\bhigh\b|_high"),
}


def half(label):
    """`low`, `high` or nothing: which resistor of the band pass a label names; a cutoff's name says neither."""
    if "cut" in label or "freq" in label:
        return ""
    named = [name for name, pattern in HALF.items() if pattern.search(label)]
    return named[0] if len(named) == 1 else ""


def runs_of(values, size):
    """Values grouped by run: a new one begins where a label comes again, the start changes, or a run is full."""
    runs = []
    for value in values:
        last = runs[-1] if runs else []
        repeated = value.label and any(v.label == value.label for v in last)
        if not last or len(last) == size or value.start != last[-1].start or (repeated and half(value.label)):
            runs.append([value])
        else:
            last.append(value)
    return runs


def values_of(text):
    """Values that may be resistors, those with a label or unit first choice."""
    values = [v for v in read_quantities(text) if v.role == "value" and v.unit in ("ohm", "")]
    told = [v for v in values if half(v.label)]
    if len(told) >= 2:
        return told
    return [v for v in values if v.unit == "ohm" or v.label] if sum(v.unit == "ohm" or bool(v.label) for v in values) >= 2 else values


def orders(run):
    """The ways in which one or two values may be (R_low, R_high); None where nothing is said of one."""
    sides = [half(v.label) for v in run]
    if len(run) == 1:
        return [(run[0], None)] if sides == ["low"] else [(None, run[0])] if sides == ["high"] else [(run[0], None), (None, run[0])]
    if sides == ["low", "high"]:
        return [tuple(run)]
    return [tuple(run[::-1])] if sides == ["high", "low"] else [tuple(run), tuple(run[::-1])]


def inside_of(pair, windows):
    """For each resistor whether its value lies in its window."""
    return [v is not None and w.holds(v.low) and w.holds(v.high) for v, w in zip(pair, windows, strict=True)]


def band_pass_values(given, part_e, student):
    nothing = verdict_unless_typed(given)
    if nothing is not None:
        return nothing
    values = values_of(uncompared(text_of(given)))
    read = said(given, values)
    if not values:
        return undecided("No value could be read: a person looks.", read=read)
    known = losses(student, part_e)
    honest = padded(truth.honest_windows("7.g"))
    own = padded(own_windows(known.usable, "g") or []) if known.usable else []
    candidates = [(inside_of(pair, w), pair, w) for run in runs_of(values, 2) for w in (own, honest) if w for pair in orders(run)]
    inside, pair, windows = max(candidates, key=lambda candidate: sum(candidate[0]))
    if all(inside):
        verdict = correct(method=f"both resistors in their windows ({windows[0].where})", read=read)
        if not all(inside_of(pair, honest)):
            return verdict.with_remarks(f"It is what {known.usable.said} yields, whose fault is charged once.")
        if own and not all(inside_of(pair, own)):
            return verdict.with_remarks(f"It is not what {known.usable.said} yields.")
        return verdict
    if any(all(inside_of(p[::-1], w)) for _, p, w in candidates):
        return outside("The two resistors are exchanged.", values[0].value, "ohm", honest[0], read, "swapped", 0.5)
    wrong = inside.index(False)
    found = pair[wrong] or pair[1 - wrong]
    if pair[wrong] is None and any(inside):
        return outside("One resistor of the two is missing.", "none", "ohm", windows[wrong], read, "missing_value", 0.5)
    off = "one resistor is off" if any(inside) else "both resistors are off"
    message = f"No run ends where honest training does: {off}."
    return outside(message, found.value, "ohm", windows[wrong], read, None, sum(inside) / 2)


# What the notebook itself says --------------------------------------------------------------------------------------------

SENTENCE = re.compile(r"(?<=[.!?:])\s+|\n+")
ASKS = re.compile(
    r"^\W*(?:(?:now|then|next|finally|please|again|first)\b,?\s+)?(?:"
    r"let['’]?s|let us|run|train|try|complete|use|report|fill|write|implement|compare|describe|explain|change|look|plot|find|"
    r"modify|repeat|answer|"
    r"note that|recall|in this|we (?:will|can|now|want|are going|would)|you (?:will|can|should|may|might)|"
    r"what|how|why|does|do|is|are|which|can)\b",
    re.IGNORECASE,
)
CLAIMS = re.compile(
    r"\b(?:yes|no|not|match\w*|same|close|similar|rough\w*|approx\w*|differ\w*|good|well|almost|agree\w*|deviat\w*|off|longer|shorter|fast\w*|slow\w*|"
    r"time|converge\w*|more|less|large\w*|small\w*|depends?|steps?|iterations?|worse|better)\b",
    re.IGNORECASE,
)
TITLE_WORDS = 8


def only_asked(text):
    """Whether a part holds nothing but its question and title, as the notebook of the course brings them along."""
    sentences = [s for s in SENTENCE.split(re.sub(r"[#*_`>]", " ", text)) if re.search(r"\w", s)]
    rest = [s for s in sentences if not s.rstrip().endswith("?") and not (ASKS.match(s) and len(sentences) > 1)]
    return not any(CLAIMS.search(s) or len(s.split()) >= TITLE_WORDS for s in rest)


def words_alone(given, message, read):
    """Words where numbers may be: a person looks, unless they are the question's."""
    if only_asked(text_of(given)):
        return missing("Nothing was handed in for this part but its question.")
    in_words = re.search(r"(?<![\\A-Za-z])[A-Za-z]{2,}", text_of(given)) is not None
    return undecided(message, read=read, provisional=None if in_words else 0.0)


# (h) and (i) ------------------------------------------------------------------------------------------------------------


@number("7.h")
@weight(POINTS["7.h"])
def test_bode_plot(answer, judge):
    """7(h): does the Bode plot match, do the cutoffs match"""
    judge(bode_cutoffs(answer("7.h")))


def bode_cutoffs(given):
    nothing = verdict_unless_typed(given)
    if nothing is not None:
        return nothing
    values = [v for v in read_quantities(text_of(given)) if v.role == "value" and v.unit in ("hertz", "rad/s", "")]
    desired = (1000.0, 4000.0, 20.0, -20.0, 3.0, 0.0)
    values = [v for v in values if v.value not in desired and (v.unit or v.value >= 100)]
    read = said(given, values)
    if not values:
        return words_alone(given, "Words without cutoffs: a person looks.", read)
    low, high = truth.honest_windows("7.h")
    windows = [Window(w.low - WRITTEN, w.high + WRITTEN, w.where) for w in (low, high)]

    def fits(value, window):
        turns = (1.0, 2 * math.pi) if value.unit == "" else (2 * math.pi,) if value.unit == "rad/s" else (1.0,)
        return any(window.holds(value.low / t) and window.holds(value.high / t) for t in turns)

    inside = [any(fits(v, w) for v in values) for w in windows]
    if all(inside) or (inside.count(True) == 1 and len(values) == 1):
        return correct(method="cutoffs in the windows of honest runs", read=read)
    wrong = next(v for v in values if not any(fits(v, w) for w in windows))
    window = windows[0 if abs(math.log(max(wrong.value, 1.0) / low.high)) < abs(math.log(max(wrong.value, 1.0) / high.high)) else 1]
    return outside(
        f"A cutoff of {wrong.quoted} is not where honest training ends.",
        wrong.value,
        wrong.unit or "hertz",
        window,
        read,
        None,
        0.5 * any(inside),
    )


@number("7.i")
@weight(POINTS["7.i"])
def test_color_organ(answer, judge):
    """7(i): the four resistors of the whole color organ"""
    judge(organ_values(answer("7.i")))


FILTER = (
    ("low", re.compile(r"(?<!band )\blow[ -]?pass\b|\blp\b|_lp\b")),
    ("high", re.compile(r"(?<!band )\bhigh[ -]?pass\b|\bhp\b|_hp\b")),
    ("band", re.compile(r"band|bp")),
)


def may_be(label, place):
    """Whether a label can name the low pass (0), band low (1), band high (2) or high pass (3) resistor."""
    kind = next((name for name, pattern in reversed(FILTER) if pattern.search(label)), "")
    side = half(label)
    if kind == "band":
        return place in (1, 2) and (not side or place == (1 if side == "low" else 2))
    if kind:
        return place == (0 if kind == "low" else 3)
    return not side or place in ((0, 1) if side == "low" else (2, 3))


def organ_values(given):
    nothing = verdict_unless_typed(given)
    if nothing is not None:
        return nothing
    text = uncompared(text_of(given))
    everything = read_quantities(text)
    values = [v for v in everything if v.role == "value" and v.unit in ("ohm", "")]
    values = [v for v in values if v.unit == "ohm" or v.label] if sum(v.unit == "ohm" or bool(v.label) for v in values) >= 4 else values
    read = said(given, values)
    if len(values) < 4:
        return words_alone(given, "Words without the four resistors: a person looks.", read)
    stated = {v.start for v in values if v.start is not None} | {v.value for v in everything if v.role == "start"}
    unmeasured = False
    best, shown, runs = 0.0, None, [values[i : i + 4] for i in range(0, len(values) - 3, 4)]
    for run in runs:
        starts = {v.start for v in run if v.start is not None} or {TEMPLATE_ORGAN_START, *(stated if len(runs) == 1 else ())}
        for start in sorted(starts):
            windows = truth.organ_windows(start)
            if windows is None:
                unmeasured = True
                continue
            windows = padded(windows)
            for order in permutations(range(4)):
                if not all(may_be(run[i].label, place) for place, i in enumerate(order)):
                    continue
                inside = [windows[place].holds(run[i].low) and windows[place].holds(run[i].high) for place, i in enumerate(order)]
                share = sum(inside) / 4
                if shown is None or share > best:
                    place = inside.index(False) if not all(inside) else 0
                    best, shown = share, (run[order[place]], windows[place])
    if best == 1.0:
        return correct(method=f"all four in the windows of honest runs ({shown[1].where})", read=read)
    if unmeasured:
        return undecided("Honest runs from the start that is stated were not measured: a person looks.", read=read)
    if not stated and re.search(r"\b(?:start|initial|init)", text, re.IGNORECASE):
        return undecided("The values are not those of the template's start, and the start is not stated: a person looks.", read=read)
    found, window = shown or (values[0], padded(truth.organ_windows(TEMPLATE_ORGAN_START))[0])
    return outside(
        f"{found.quoted} is not where honest training ends.", found.value, "ohm", window, read, None, best if best >= 0.5 else 0.0
    )
