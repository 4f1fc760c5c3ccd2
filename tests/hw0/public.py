"""What a student may see of this suite: points, symbols, how each answer is read, and properties that right code has.

Imports nothing of the reference. `autograder check` runs from this file alone; the tests beside it take their symbols
from here. A public check returns None where the property holds and else one sentence; `missing` where the function is
not there. None of them holds an expected value: they check what the sheet defines.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from autograder.suite import (
    Answer,
    Example,
    Kept,
    ParameterRegion,
    Polynomial,
    Reading,
    Recursion,
    Reply,
    Rubric,
    Sequence,
    Subject,
    Tensor,
    claim,
    load_assignment,
    quote,
    read_derivation,
    read_formula,
    read_quantities,
    reading_of,
    said_something,
    same_condition,
    symbols,
    yes_or_no,
)

POINTS = load_assignment(Path(__file__).parent).points

# ---------------------------------------------------------------------------------------------------- symbols

GRADIENT_DESCENT_FACTS = Rubric(
    symbols={
        "F": "matrix n d",
        "y": "vector n",
        "w_{t-1}": "vector d",
        "w_t": "vector d",
        "w_0": "vector d",
        "w_1": "vector d",
        "eta": "scalar positive",
        "alpha": "scalar positive",
        "t": "scalar positive",
        "\\sigma_i": "scalar",
    },
    definitions={
        "alpha": r"\|F\|_2",
        "w_t": r"w_{t-1} - \eta F^T (F w_{t-1} - y)",
        "w_0": "0_d",
        "w_1": r"\eta F^T y",
    },
    about=r"norm|triangle|eigenvalue|singular|spectral|contract|non-?expansive|shrink|lengthen|induct|bound|unroll|diagonali[sz]|orthogonal",
    uppers={"eta": r"2 / \alpha^2"},
    recursion=Recursion("w_{t-1}", "t", "w_t"),
    singular={"\\sigma_i": "F"},
    aliases={"\\sigma_i": ("\\sigma_j", "s_i")},
    roles={
        "F": ("X", "A", "\\Phi", "\\phi", "M", "\\Psi"),
        "y": ("b", "\\mathbf{b}"),
        "alpha": (
            "\\sigma_{max}",
            "\\sigma_1",
            "\\lambda_{max}",
            "\\sigma",
            "L",
            "\\sigma_{\\max}",
            "\\lambda_{\\max}",
            "\\bar{\\sigma}",
            "s_1",
            "a",
        ),
        "eta": ("\\lambda", "\\gamma", "\\mu", "\\epsilon", "\\tau", "h", "\\alpha", "\\rho"),
    },
    generic={"v": "vector d", "u": "vector d", "z": "vector d"},
    sequence=Sequence("w", "t", ("\\theta", "x", "\\beta", "u", "v")),
    waypoints=(),
)
"""What the sheet says of gradient descent, and letters that may be typed for its own. What has to be reached is not said here."""

RIDGE_FACTS = Rubric(
    symbols={
        "X": "matrix n d",
        "y": "vector n",
        "w": "vector d",
        "\\hat{X}": "matrix n+d d",
        "\\hat{y}": "vector n+d",
        "\\hat{w}": "vector d",
        "Sigma": "matrix d d positive_definite",
        "Gamma": "matrix d d invertible",
    },
    definitions={
        "\\hat{X}": r"\begin{bmatrix} X \\ \Gamma \end{bmatrix}",
        "\\hat{y}": r"\begin{bmatrix} y \\ 0_d \end{bmatrix}",
        "\\hat{w}": r"(X^T X + \Sigma^{-1})^{-1} X^T y",
    },
    about=r"normal equation|gradient|derivative|minimi[sz]|convex|least squares|augment|stack|block|concatenat|transpos|prior|likelihood",
    constraints=("Gamma^T Gamma = Sigma^{-1}",),
    solutions={"w": r"(X^T X + \Sigma^{-1})^{-1} X^T y"},
    varies={"w": "dw"},
    aliases={
        "\\hat{w}": (
            "w^*",
            "w^\\star",
            "w_*",
            "\\hat{w}_{MAP}",
            "w_{MAP}",
            "\\hat{w}_{OLS}",
            "w_{OLS}",
            "\\hat{w}_{ridge}",
            "\\hat{w}_{aug}",
            "w_{opt}",
            "w^{opt}",
        )
    },
    answer="\\hat{w}",
    roles={
        "X": ("A", "\\Phi", "F"),
        "y": ("b", "t"),
        "w": ("\\theta", "x", "\\beta"),
        "Gamma": ("L", "R", "G", "C", "\\Lambda"),
        "Sigma": ("S", "\\Lambda", "P"),
    },
    waypoints=(),
)
"""The same of the ridge regression."""

VECTOR_CALCULUS = symbols({"x": "vector n", "c": "vector n", "A": "matrix n n"})

ELBOW = symbols(
    {"w": "scalar nonzero", "b": "scalar", "x": "scalar", "y": "scalar", "phi": "scalar"},
    functions={"phi": "x"},
    aliases={"phi": ["\\Phi", "\\hat{y}"]},
    definitions={"phi": "\\max(0, w x + b)"},
)

NETWORK_ELBOW = symbols(
    {
        "W^{(1)}_i": "scalar nonzero",
        "W^{(2)}_i": "scalar nonzero",
        "b_i": "scalar",
        "x": "scalar",
        "y": "scalar",
        "\\hat{f}": "scalar",
        "lambda": "scalar positive",
    },
    functions={"\\hat{f}": "x"},
    aliases={
        "W^{(1)}_i": ["W1_i", "W_{1,i}", "w_i^{(1)}", "W_{1i}", "w^{(1)}_i", "W_i^1", "W^1_i"],
        "W^{(2)}_i": ["W2_i", "W_{2,i}", "w_i^{(2)}", "W_{2i}", "w^{(2)}_i", "W_i^2", "W^2_i"],
        "b_i": ["b^i", "b_{i}"],
        "\\hat{f}": ["f"],
    },
)

NOWHERE = Fraction(0)
MOVING = (
    Subject("slope", ("slope", "slope of the line", "gradient of the line", "w"), lambda at: (NOWHERE, NOWHERE), 0.5),
    Subject(
        "elbow",
        ("elbow", "kink", "corner", "hinge", "bend", "turning point", "knee", "breakpoint"),
        lambda at: (NOWHERE, NOWHERE),
        0.5,
        place=True,
    ),
)
"""What moves in 6(b), by its names; how it moves is not said here."""
ANYWHERE = ParameterRegion(
    "anywhere",
    dict.fromkeys(("w", "b", "x", "lambda"), (Fraction(1), Fraction(2))),
    lambda at: True,
    symbols={"lambda": ("λ", "\\lambda", "lam")},
)

SYMBOLS = {
    **{f"5.{part}": VECTOR_CALCULUS for part in "abcde"},
    **{f"6.a.{part}": ELBOW for part in ("i", "ii", "iii", "iv")},
    **dict.fromkeys(("6.c", "6.d"), NETWORK_ELBOW),
}
"""The symbols of every part whose answer is a formula."""

STEPS = {"3": GRADIENT_DESCENT_FACTS, "4": RIDGE_FACTS}
"""What is known to every part whose answer is a derivation."""


def read_as(part: str, answer: Answer) -> Reading:
    """How the answer of a part is read, for the student's check: with the symbols of the part, without a truth."""
    if part == "5.e":
        return condition(answer)
    if part in SYMBOLS:
        return read_formula(answer, SYMBOLS[part])
    problem = part.partition(".")[0]
    if part.startswith("6.b"):
        return reading_of(claim(answer, MOVING, ANYWHERE), answer)
    if problem == "2":
        return reading_of(yes_or_no(answer, True), answer)
    if problem == "7":
        return values(answer)
    if problem == "8":
        return reading_of(said_something(answer, echo=part != "8.b"), answer)
    return read_derivation(answer, STEPS[part])


def condition(answer: Answer) -> Reading:
    """An equation as it is read; words are left as they are, because only the grading knows which condition they may name."""
    if "=" not in answer.text:
        return Reading("read", (quote(answer),))
    return reading_of(same_condition(answer, "A = 0", VECTOR_CALCULUS), answer)


def values(answer: Answer) -> Reading:
    """The numbers of a part that asks for values, with label, unit and the start that they belong to."""
    text = answer.text if answer.how == "after `Answer:`" else answer.body
    found = [q for q in read_quantities(text) if q.role == "value"]
    if not found:
        return Reading("person", ("no value with a unit is found; words are left to a person", quote(answer)))
    shown = (f"{q.label + ' ' if q.label else ''}{q.quoted}{f' (started at {q.start:g})' if q.start is not None else ''}" for q in found)
    return Reading("read", (f"read as {', '.join(shown)}", quote(answer)))


READINGS = {part: (lambda answer, part=part: read_as(part, answer)) for part in POINTS if ".code." not in part}

# ------------------------------------------------------------------------------------------ public properties

ROUNDING = 2.0**-52
LOOSE = 2.0**-20
"""Relative slack of the public checks: they find mistakes, not rounding (single precision has 2^-23)."""
SINGLE = 2.0**-23
"""Rounding unit of single precision, in which torch keeps parameters."""


def _numbers(reply: Reply, shape: tuple[int, ...] | None) -> np.ndarray | str:
    """The reply as an array of that shape, or the sentence that says why it is none."""
    if reply.failure is not None:
        return "missing" if reply.failure.kind == "missing" else f"{reply.failure.message} {reply.failure.line}".strip()
    try:
        array = np.asarray(reply.value, dtype=float)
    except (TypeError, ValueError):
        return f"returned {type(reply.value).__name__}, not numbers"
    if shape is not None and array.shape != shape:
        return f"returned the shape {array.shape}, not {shape}"
    return array if np.all(np.isfinite(array)) else "returned numbers that are not finite"


def _apart(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.linalg.norm(np.subtract(a, b)) > LOOSE * (1 + np.linalg.norm(a) + np.linalg.norm(b)))


def gradient_step(student: Callable[..., Reply], rng: np.random.Generator) -> str | None:
    """goes down the gradient of half the squared residual (by finite differences)"""
    F, y, w, eta, h = rng.normal(size=(5, 3)), rng.normal(size=5), rng.normal(size=3), 0.05, 1e-3
    stepped = _numbers(student("gradient_descent.gradient_step", F, y, w, eta), (3,))
    if isinstance(stepped, str):
        return stepped

    def loss(v: np.ndarray) -> float:
        return 0.5 * float(np.sum((F @ v - y) ** 2))

    slope = np.array([(loss(w + h * e) - loss(w - h * e)) / (2 * h) for e in np.eye(3)])
    return "does not go down the gradient of half the squared residual" if _apart((w - stepped) / eta, slope) else None


def run_gradient_descent(student: Callable[..., Reply], rng: np.random.Generator) -> str | None:
    """starts at zero and returns every iterate"""
    iterates = _numbers(student("gradient_descent.run_gradient_descent", rng.normal(size=(4, 2)), rng.normal(size=4), 0.01, 3), (4, 2))
    if isinstance(iterates, str):
        return iterates
    return "does not start at zero" if np.any(iterates[0]) else None


def largest_stable_step(student: Callable[..., Reply], rng: np.random.Generator) -> str | None:
    """gets four times smaller when the features are doubled"""
    F = rng.normal(size=(4, 3))
    one, two = (_numbers(student("gradient_descent.largest_stable_step", k * F), ()) for k in (1, 2))
    if isinstance(one, str) or isinstance(two, str):
        return one if isinstance(one, str) else str(two)
    return "does not get four times smaller when the features are doubled" if _apart(one, 4 * two) else None


def norm_bound(student: Callable[..., Reply], rng: np.random.Generator) -> str | None:
    """is zero at the start and not below the norm of the iterates of a small step"""
    F, y = rng.normal(size=(4, 3)), rng.normal(size=4)
    eta = 0.5 / np.linalg.norm(F) ** 2
    bound = _numbers(student("gradient_descent.norm_bound", F, y, eta, 5), (6,))
    if isinstance(bound, str):
        return bound
    w, norms = np.zeros(3), [0.0]
    for _ in range(5):
        w = w - eta * F.T @ (F @ w - y)
        norms.append(float(np.linalg.norm(w)))
    if abs(bound[0]) > LOOSE:
        return "is not zero at the start"
    return "is below the norm of an iterate" if np.any(bound < np.array(norms) * (1 - LOOSE)) else None


def _ridge_problem(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    root = rng.normal(size=(3, 3))
    return rng.normal(size=(5, 3)), rng.normal(size=5), root @ root.T + np.eye(3)


def _stationary(name: str, student: Callable[..., Reply], rng: np.random.Generator) -> str | None:
    X, y, Sigma = _ridge_problem(rng)
    w = _numbers(student(f"ridge.{name}", X, y, Sigma), (3,))
    if isinstance(w, str):
        return w
    slope = X.T @ (X @ w - y) + np.linalg.solve(Sigma, w)
    scale = np.linalg.norm(X) ** 2 * np.linalg.norm(w) + np.linalg.norm(X.T @ y)
    return "does not make the gradient of the regularised problem zero" if np.linalg.norm(slope) > LOOSE * scale else None


def tikhonov(student: Callable[..., Reply], rng: np.random.Generator) -> str | None:
    """makes the gradient of the regularised problem zero"""
    return _stationary("tikhonov", student, rng)


def tikhonov_by_augmentation(student: Callable[..., Reply], rng: np.random.Generator) -> str | None:
    """makes the gradient of the regularised problem zero"""
    return _stationary("tikhonov_by_augmentation", student, rng)


def augment(student: Callable[..., Reply], rng: np.random.Generator) -> str | None:
    """keeps X and y on top, and the rows below belong to Sigma"""
    X, y, Sigma = _ridge_problem(rng)
    reply = student("ridge.augment", X, y, Sigma)
    if reply.failure is not None:
        return _numbers(reply, None)  # type: ignore[return-value]
    if not isinstance(reply.value, (tuple, list)) or len(reply.value) != 2:
        return "does not return two arrays"
    top, right = (np.asarray(v, dtype=float) for v in reply.value)
    if top.shape != (8, 3) or right.shape != (8,):
        return f"returned the shapes {top.shape} and {right.shape}, not (8, 3) and (8,)"
    if _apart(top[:5], X) or _apart(right[:5], y):
        return "does not keep X and y on top"
    return "has rows below X that do not belong to Sigma" if _apart(top[5:].T @ top[5:] @ Sigma, np.eye(3)) else None


def elbow(student: Callable[..., Reply], rng: np.random.Generator) -> str | None:
    """is where w x + b is zero"""
    e = _numbers(student("relu_elbow.elbow", 2.0, -3.0), ())
    if isinstance(e, str):
        return e
    return "is not where w x + b is zero" if _apart(2.0 * e, np.array(3.0)) else None


def gradients(student: Callable[..., Reply], rng: np.random.Generator) -> str | None:
    """agrees with finite differences of the loss at an active point"""
    w, b, x, y, h = 1.5, 0.5, 2.0, 1.0, 1e-4
    reply = student("relu_elbow.gradients", w, b, x, y)
    found = _numbers(reply, (3,))
    if isinstance(found, str):
        return found

    def loss(w: float, b: float) -> float:
        return 0.5 * (max(0.0, w * x + b) - y) ** 2

    slopes = [(loss(w + h, b) - loss(w - h, b)) / (2 * h), (loss(w, b + h) - loss(w, b - h)) / (2 * h)]
    return "does not agree with finite differences of the loss in w and b" if _apart(found[1:], np.array(slopes)) else None


def sgd_update(student: Callable[..., Reply], rng: np.random.Generator) -> str | None:
    """lowers the loss at an active point when the step is small"""
    w, b, x, y = 1.5, 0.5, 2.0, 1.0
    found = _numbers(student("relu_elbow.sgd_update", w, b, x, y, 0.01), (2,))
    if isinstance(found, str):
        return found

    def loss(w: float, b: float) -> float:
        return 0.5 * (max(0.0, w * x + b) - y) ** 2

    return None if loss(found[0], found[1]) < loss(w, b) else "does not lower the loss at an active point"


def network_elbows(student: Callable[..., Reply], rng: np.random.Generator) -> str | None:
    """are where each unit's input is zero"""
    W1, b = np.array([1.0, -2.0, 4.0]), np.array([3.0, 1.0, -2.0])
    e = _numbers(student("relu_elbow.network_elbows", W1, b), (3,))
    if isinstance(e, str):
        return e
    return "are not where each unit's input is zero" if _apart(W1 * e + b, np.zeros(3)) else None


def network_elbows_after_step(student: Callable[..., Reply], rng: np.random.Generator) -> str | None:
    """are those of the given network when the step is zero"""
    W1, b, W2 = np.array([1.0, -2.0, 4.0]), np.array([3.0, 1.0, -2.0]), np.array([1.0, 1.0, -1.0])
    e = _numbers(student("relu_elbow.network_elbows_after_step", W1, b, W2, 0.5, 2.0, 0.0), (3,))
    if isinstance(e, str):
        return e
    return "are not those of the given network when the step is zero" if _apart(W1 * e + b, np.zeros(3)) else None


FAR_BELOW, FAR_ABOVE = 1e-2, 1e12
"""Angular frequencies, rad/s, far outside the band of any of the circuits."""


def _limits(name: str, below: float, above: float, resistors: int) -> Callable[..., str | None]:
    def public(student: Callable[..., Reply], rng: np.random.Generator) -> str | None:
        freqs = Tensor(np.array([FAR_BELOW, FAR_ABOVE], dtype=np.float32))
        found = _numbers(student(f"color_organ.{name}", freqs, *[300.0] * resistors), (2,))
        if isinstance(found, str):
            return found
        wrong = abs(found[0] - below) > 1e-3 or abs(found[1] - above) > 1e-3
        return f"does not go to {below:g} at low and {above:g} at high frequencies" if wrong else None

    public.__doc__ = f"goes to {below:g} at low and {above:g} at high frequencies"
    return public


CUTOFF_MAGNITUDE = 1 / math.sqrt(2)
"""An LED is lit above it: the notebook's `cutoff_mag`."""

PUBLIC_LOSS = ((0.5, 0.2), (-0.1, -0.9), (0.6, 0.1))
"""x^2 (0.6 + 0.1 y) - x (0.1 + 0.9 y) + 0.5 + 0.2 y, for prediction x and label y: not symmetric in the two."""
PUBLIC_DECIBEL_LOSS = ((1.0, 0.0, 0.01), (0.02, -0.019, 0.0), (0.01, 0.0, 0.0))
"""The same for numbers between -100 and 0."""


def _polynomial(coefficients: tuple[tuple[float, ...], ...], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(sum(c * x**i * y**j for i, row in enumerate(coefficients) for j, c in enumerate(row)))


def _learns(
    name: str, circuit: str, start: tuple[float, ...], loss: tuple[tuple[float, ...], ...], rate: float
) -> Callable[..., str | None]:
    """A few steps on a small dataset: the gradients recorded are those of the student's own circuit on the student's own data."""

    def public(student: Callable[..., Reply], rng: np.random.Generator) -> str | None:
        made = student(f"color_organ.{circuit}", *start, keep="learner")
        if made.failure is not None:
            return "missing" if made.failure.kind == "missing" else f"could not be tried: {circuit} fails ({made.failure.message})"
        reply = student(f"color_organ.{name}", Kept("learner"), Polynomial(loss), 50, 3, rate)
        if reply.failure is not None:
            return str(_numbers(reply, None))
        value = reply.value
        if not isinstance(value, list | tuple) or len(value) != 3 or not isinstance(value[0], list | tuple) or len(value[0]) != 2:
            return "does not return (train_data, values, grad_values) with train_data = (frequencies, magnitudes)"
        try:
            omega, targets = (np.asarray(v, dtype=float) for v in value[0])
            steps, slopes = (np.asarray(v, dtype=float).reshape(-1, len(start)) for v in value[1:])
        except (TypeError, ValueError):
            return "returns something else than numbers"
        if omega.size != 50 or len(steps) != 4 or len(slopes) != 4:
            return f"returns {omega.size} frequencies, {len(steps)} values and {len(slopes)} gradients for 50 frequencies and 3 steps"
        if sorted(map(float, steps[0])) != sorted(start):
            return f"values[0] is {steps[0].tolist()}, not where the circuit started"
        order = [int(np.argmin(abs(steps[0] - s))) for s in start]
        steps, slopes = steps[:, order], slopes[:, order]
        off = np.abs(steps[3] - steps[2] + rate * slopes[3])
        if np.any(off > 1e-2 * np.abs(rate * slopes[3]) + 16 * SINGLE * np.abs(steps[2])):
            return "values[3] - values[2] is not -lr times grad_values[3]"
        found = [_slope(student, circuit, steps[2], omega, kind, loss) for kind in (targets, (targets > CUTOFF_MAGNITUDE) * 1.0)]
        known = [f for f in found if f is not None]
        if not known:
            return "could not be tried: the circuit gives no numbers for its own training frequencies"
        return (
            None
            if any(np.allclose(slopes[3], f, rtol=5e-3, atol=1e-9) for f in known)
            else ("grad_values[3] is not the gradient of the mean loss at values[2] (by differences of the loss of your own circuit)")
        )

    public.__doc__ = "steps by -lr times the gradient of the mean loss (differences of the loss of your own circuit)"
    return public


def _slope(
    student: Callable[..., Reply], circuit: str, at: np.ndarray, omega: np.ndarray, targets: np.ndarray, loss: object
) -> np.ndarray | None:
    """Central differences of the mean loss of the student's own circuit in its parameters; None where it gives no numbers."""
    slopes = []
    for k, step in enumerate(1e-2 * np.abs(at)):
        ends = []
        for side in (-step, step):
            student(f"color_organ.{circuit}", *(float(a + side * (j == k)) for j, a in enumerate(at)), keep="moved")
            value = student("@moved", Tensor(omega)).value
            if not isinstance(value, np.ndarray) or value.shape[-1:] != omega.shape:
                return None
            ends.append(float(np.mean(_polynomial(loss, value.astype(float), np.broadcast_to(targets, value.shape)))))  # type: ignore[arg-type]
        slopes.append((ends[1] - ends[0]) / (2 * step))
    return np.array(slopes)


def loss_fn(student: Callable[..., Reply], rng: np.random.Generator) -> str | None:
    """gives a finite number for each prediction and label"""
    predictions, labels = np.linspace(0.05, 0.95, 7), np.array([0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    found = _numbers(student("color_organ.loss_fn", Tensor(predictions), Tensor(labels)), None)
    if isinstance(found, str):
        return found
    return None if found.size in (1, 7) else f"returned the shape {found.shape} for 7 predictions"


PUBLIC_CHECKS: dict[str, Callable[..., str | None]] = {
    "3.code.gradient_step": gradient_step,
    "3.code.run_gradient_descent": run_gradient_descent,
    "3.code.largest_stable_step": largest_stable_step,
    "3.code.norm_bound": norm_bound,
    "4.code.tikhonov": tikhonov,
    "4.code.augment": augment,
    "4.code.tikhonov_by_augmentation": tikhonov_by_augmentation,
    "6.code.elbow": elbow,
    "6.code.gradients": gradients,
    "6.code.sgd_update": sgd_update,
    "6.code.network_elbows": network_elbows,
    "6.code.network_elbows_after_step": network_elbows_after_step,
    "7.code.evaluate_lp_circuit": _limits("evaluate_lp_circuit", 1.0, 0.0, 1),
    "7.code.evaluate_hp_circuit": _limits("evaluate_hp_circuit", 0.0, 1.0, 1),
    "7.code.evaluate_bp_circuit": _limits("evaluate_bp_circuit", 0.0, 0.0, 2),
    "7.code.train_lp_circuit_tf": _learns("train_lp_circuit_tf", "LowPassCircuit", (300.0,), PUBLIC_LOSS, 2000.0),
    "7.code.train_lp_circuit_binary": _learns("train_lp_circuit_binary", "LowPassCircuit", (300.0,), PUBLIC_LOSS, 2000.0),
    "7.code.train_hp_circuit_binary": _learns("train_hp_circuit_binary", "HighPassCircuit", (60.0,), PUBLIC_LOSS, 100.0),
    "7.code.train_bp_circuit_binary": _learns("train_bp_circuit_binary", "BandPassCircuit", (80.0, 300.0), PUBLIC_LOSS, 200.0),
    "7.code.train_bp_bode": _learns("train_bp_bode", "BandPassBodePlot", (28000.0, 5000.0), PUBLIC_DECIBEL_LOSS, 1e5),
    "7.code.loss_fn": loss_fn,
}
"""Number -> property; the color organ's training is left to the grading, because its targets are not in what it returns."""

# ------------------------------------------------------------------------------------------------- example calls


def _least_squares(*more: object) -> Callable[[np.random.Generator], tuple[object, ...]]:
    return lambda rng: (rng.normal(size=(5, 3)), rng.normal(size=5), *more)


def _with_weights(rng: np.random.Generator) -> tuple[object, ...]:
    return rng.normal(size=(5, 3)), rng.normal(size=5), rng.normal(size=3), 0.05


def _network(*more: object) -> Callable[[np.random.Generator], tuple[object, ...]]:
    return lambda rng: (rng.normal(size=4) + 3.0, rng.normal(size=4), *((rng.normal(size=4), *more) if more else ()))


FREQUENCIES = Tensor(np.geomspace(10.0, 1e6, 8).astype(np.float32))
"""Angular frequencies, rad/s, for example calls."""


def _circuit(name: str, *parameters: str, arguments: tuple[float, ...], channels: tuple[int, ...] = ()) -> Example:
    return Example(f"color_organ.{name}({', '.join(parameters)})", lambda _: arguments, ((*channels, 8),), then=(FREQUENCIES,))


def _evaluated(name: str, *parameters: str, arguments: tuple[float, ...]) -> Example:
    return Example(f"color_organ.{name}(freqs, {', '.join(parameters)})", lambda _: (FREQUENCIES, *arguments), ((8,),))


def _training(name: str) -> Example:
    return Example(f"color_organ.{name}(circuit, loss_fn, dataset_size, max_training_steps, lr)")


EXAMPLES: dict[str, Example] = {
    "3.code.gradient_step": Example("gradient_descent.gradient_step(F, y, w, eta)", _with_weights, ((3,),)),
    "3.code.run_gradient_descent": Example("gradient_descent.run_gradient_descent(F, y, eta, steps)", _least_squares(0.05, 4), ((5, 3),)),
    "3.code.largest_stable_step": Example("gradient_descent.largest_stable_step(F)", lambda rng: (rng.normal(size=(5, 3)),)),
    "3.code.norm_bound": Example("gradient_descent.norm_bound(F, y, eta, steps)", _least_squares(0.05, 4), ((5,),)),
    "4.code.tikhonov": Example("ridge.tikhonov(X, y, Sigma)", _ridge_problem, ((3,),)),
    "4.code.augment": Example("ridge.augment(X, y, Sigma)", _ridge_problem, ((8, 3), (8,)), ("X_hat", "y_hat")),
    "4.code.tikhonov_by_augmentation": Example("ridge.tikhonov_by_augmentation(X, y, Sigma)", _ridge_problem, ((3,),)),
    "6.code.elbow": Example("relu_elbow.elbow(w, b)", lambda _: (2.0, -3.0)),
    "6.code.gradients": Example(
        "relu_elbow.gradients(w, b, x, y)", lambda _: (1.5, 0.5, 2.0, 1.0), ((), (), ()), ("dl/dphi", "dl/dw", "dl/db")
    ),
    "6.code.sgd_update": Example(
        "relu_elbow.sgd_update(w, b, x, y, lam)", lambda _: (1.5, 0.5, 2.0, 1.0, 0.01), ((), ()), ("the new w", "the new b")
    ),
    "6.code.network_elbows": Example("relu_elbow.network_elbows(W1, b)", _network(), ((4,),)),
    "6.code.network_elbows_after_step": Example(
        "relu_elbow.network_elbows_after_step(W1, b, W2, x, y, lam)", _network(0.5, 2.0, 0.01), ((4,),)
    ),
    "7.code.evaluate_lp_circuit": _evaluated("evaluate_lp_circuit", "R_low", arguments=(300.0,)),
    "7.code.evaluate_hp_circuit": _evaluated("evaluate_hp_circuit", "R_high", arguments=(300.0,)),
    "7.code.evaluate_bp_circuit": _evaluated("evaluate_bp_circuit", "R_low", "R_high", arguments=(60.0, 300.0)),
    "7.code.evaluate_bp_bode": _evaluated("evaluate_bp_bode", "low_cutoff", "high_cutoff", arguments=(20000.0, 5000.0)),
    "7.code.LowPassCircuit": _circuit("LowPassCircuit", "R", arguments=(300.0,)),
    "7.code.HighPassCircuit": _circuit("HighPassCircuit", "R", arguments=(300.0,)),
    "7.code.BandPassCircuit": _circuit("BandPassCircuit", "R_low", "R_high", arguments=(60.0, 300.0)),
    "7.code.BandPassBodePlot": _circuit("BandPassBodePlot", "low_cutoff", "high_cutoff", arguments=(20000.0, 5000.0)),
    "7.code.ColorOrganCircuit": _circuit(
        "ColorOrganCircuit", "R_low", "R_high", "R_band_low", "R_band_high", arguments=(300.0, 60.0, 80.0, 250.0), channels=(3,)
    ),
    **{
        f"7.code.{name}": _training(name)
        for name in (
            "train_lp_circuit_tf",
            "train_lp_circuit_binary",
            "train_hp_circuit_binary",
            "train_bp_circuit_binary",
            "train_bp_bode",
            "train_co_circuit",
        )
    },
    "7.code.loss_fn": Example("color_organ.loss_fn(prediction, label)"),
}
"""How the sheet defines every function, an example call, and the shapes that come back."""
