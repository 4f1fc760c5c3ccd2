"""What the derivations of problems 3 and 4 are judged by: facts of the sheet, letters that may be used, and what has to be reached.

In its own file, so that the rubric can be read in one place. How points are lost for false steps is the framework's.
"""

from __future__ import annotations

from dataclasses import replace

from public import GRADIENT_DESCENT_FACTS, RIDGE_FACTS

from autograder.suite import Bound, Case, Descent, Rubric, Situation, Waypoint

SPLIT = (
    r"\|(I - \eta F^T F) w_{t-1}\|_2 + \|\eta F^T y\|_2",
    r"\|I - \eta F^T F\|_2 \|w_{t-1}\|_2 + \|\eta F^T y\|_2",
    r"\|(I - \eta F^T F) w_{t-1}\|_2 + \eta \alpha \|y\|_2",
    r"\|I - \eta F^T F\|_2 \|w_{t-1}\|_2 + \eta \alpha \|y\|_2",
    r"\|w_{t-1}\|_2 + \|\eta F^T y\|_2",
)
"""What the triangle inequality leaves, before, between and after the norms of products are bounded."""

BOUND = r"\|w_{t-1}\|_2 + \eta \alpha \|y\|_2"
SQUARED = tuple(f"({text})^2" for text in SPLIT)
"""Some square first, and take roots at the end."""

GRADIENT_DESCENT = replace(
    GRADIENT_DESCENT_FACTS,
    waypoints=(
        Waypoint(
            "the triangle inequality for the two parts of the update",
            0.35,
            bounds=(
                *(Bound(r"\|w_t\|_2", value) for value in SPLIT),
                *(Bound(r"\|w_t\|_2^2", value) for value in SQUARED),
                Bound(r"\|w_t\|_2 - \|(I - \eta F^T F) w_{t-1}\|_2", r"\|\eta F^T y\|_2"),
            ),
        ),
        Waypoint(
            "why the first part does not grow",
            0.25,
            bounds=(
                Bound(r"\|I - \eta F^T F\|_2", "1"),
                Bound(r"\|(I - \eta F^T F) w_{t-1}\|_2", r"\|w_{t-1}\|_2"),
                Bound(r"\|I - \eta F^T F\|_2 \|w_{t-1}\|_2", r"\|w_{t-1}\|_2"),
                Bound(r"|1 - \eta \sigma_i^2|", "1"),
                *(Bound(value, BOUND) for value in SPLIT),
                *(Bound(value, f"({BOUND})^2") for value in SQUARED),
            ),
        ),
        Waypoint(
            "the bound on the norm of the iterate",
            0.4,
            bounds=(Bound(r"\|w_t\|_2", BOUND), Bound(r"\|w_t\|_2 - \|w_{t-1}\|_2", r"\eta \alpha \|y\|_2")),
            final=True,
        ),
    ),
)

PRODUCTS = (
    r"\hat{X}^T \hat{X}",
    r"\|\hat{y} - \hat{X} w\|_2^2",
    r"\hat{X}^T \hat{X} w",
    r"\hat{X}^T (\hat{X} w - \hat{y})",
    r"2 \hat{X}^T (\hat{X} w - \hat{y})",
)

RIDGE = replace(
    RIDGE_FACTS,
    waypoints=(
        Waypoint(
            "what the augmented problem's solution satisfies",
            0.3,
            values=(r"\hat{w}",),
            mentions=("\\hat{X}", "block"),
            residuals=(r"\hat{X}^T \hat{X} w = \hat{X}^T \hat{y}",),
            either=(
                Waypoint("its right-hand side", 0, values=(r"\hat{X}^T \hat{y}",), away_from=("\\hat{X}", "\\hat{y}", "block")),
                Waypoint("its normal equations", 0, values=(r"\hat{X}^T \hat{y}",), mentions=("\\hat{w}",), without=("Sigma",)),
            ),
        ),
        Waypoint(
            "the products with the augmented data multiplied out",
            0.3,
            values=PRODUCTS,
            away_from=("\\hat{X}", "\\hat{y}", "block"),
            either=(
                Waypoint(
                    "in the formula of the solution",
                    0,
                    values=(r"\hat{w}",),
                    mentions=("Gamma", "block"),
                    away_from=("\\hat{X}", "\\hat{y}"),
                ),
                Waypoint("in blocks", 0, values=(r"\hat{w}",), mentions=("X",), away_from=("block",)),
            ),
        ),
        Waypoint(
            "the solution in terms of X, y and the prior",
            0.4,
            values=(r"\hat{w}",),
            mentions=("X",),
            without=("\\hat{X}", "\\hat{y}", "block"),
            final=True,
        ),
    ),
)

VECTOR_CALCULUS = Rubric(
    symbols={"x": "vector n", "c": "vector n", "A": "matrix n n"},
    varies={"x": "dx"},
    waypoints=(),
)
"""Steps shown in 5: checked and remarked on, not scored."""


# 6: one unit. Steps shown are checked and remarked on, not scored.

ABOVE = r"(?:\+ ?b|phi(?:\(x\))?|\bz|φ(?:\(x\))?) ?"
ACTIVE = Case("where the unit is active", ("w x + b > 0",), words=rf"(?<!in)active|\bon\b|{ABOVE}(?:>|\\g[et]q?(?![A-Za-z])|≥)")
INACTIVE = Case(
    "where the unit is inactive",
    ("w x + b < 0",),
    words=rf"inactive|not active|otherwise|\belse\b|\bdead\b|\boff\b|{ABOVE}(?:<|\\l[et]q?(?![A-Za-z])|≤|= ?0)",
)

ELBOW_CALCULUS = Situation(
    free={"w": "nonzero", "b": "", "x": "nonzero", "y": "", "lambda": "positive"},
    layers={"z": "w x + b", "phi": r"\max(0, z)", "ell": r"\frac{1}{2} (\phi - y)^2"},
    descent=Descent("ell", "lambda", ("w", "b")),
    main=ACTIVE,
    others=(INACTIVE,),
    open_cases=True,
    places={"elbow": "-b/w"},
    varies=(("w",), ("b",), ("w", "b"), ("x",)),
    functions={"phi": "x|wx+b|z|w*x+b", "z": "x"},
    aliases={
        "phi": ("\\Phi", "\\hat{y}", "\\phi_w", "\\varphi"),
        "ell": ("l",),
        "x": ("x_i", "x^{(i)}", "x_1"),
        "y": ("y_i", "y^{(i)}"),
        "lambda": ("lam",),
        "elbow": ("x_{elbow}", "e_{elbow}", "x_{kink}", "kink"),
    },
    soft={
        "ell": ("L", "J", "loss", "Loss"),
        "lambda": ("\\eta", "\\alpha", "eta", "alpha", "lr"),
        "elbow": ("e", "x_e", "E", "x^*", "x_0", "\\epsilon"),
    },
    about=r"elbow|kink|hinge|corner|bend|knee",
    usual=("w > 0",),
)
"""6(a): both sides of the elbow are meant, so a step may be about either."""

ELBOW_LOCATION = replace(ELBOW_CALCULUS, solved={"x": "-b/w"})
"""6(a)(i): w x + b = 0 is solved for x."""

STEPPED = {"y": r"\phi - 1"}
SMALL_STEP = r"\lambda |x| < |w|"


def step_of(name: str, *where: str) -> Situation:
    """6(b): one step on a point with phi(x) - y = 1, where the unit is active."""
    return replace(
        ELBOW_CALCULUS,
        main=replace(ACTIVE, name=name, where=("w x + b > 0", *where, SMALL_STEP), values=STEPPED),
        others=(replace(INACTIVE, where=("w x + b < 0", SMALL_STEP), values=STEPPED),),
        open_cases=False,
    )


ELBOW_STEPS = {
    "6.b.i": replace(
        ELBOW_CALCULUS,
        main=replace(INACTIVE, name="phi(x) = 0", where=("w x + b < 0", SMALL_STEP), values=STEPPED),
        others=(replace(ACTIVE, where=("w x + b > 0", SMALL_STEP), values=STEPPED),),
        open_cases=False,
    ),
    "6.b.ii": step_of("w > 0, x > 0, phi(x) > 0", "w > 0", "x > 0"),
    "6.b.iii": step_of("w > 0, x < 0, phi(x) > 0", "w > 0", "x < 0"),
    "6.b.iv": step_of("w < 0, x > 0, phi(x) > 0", "w < 0", "x > 0"),
}
