"""numeric: numbers against truth. Every judge, every way in which a value can be none, and what the evidence holds."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import get_args

import numpy as np
import pytest
from drawing import examples
from hypothesis import given
from hypothesis import strategies as st

from autograder.numeric.arrays import (
    AXES_SHARE,
    DOUBLE,
    EVIDENCE_CHARACTERS,
    NUMBERS_MAX,
    SINGLE,
    THRESHOLD,
    WHAT_HAPPENED,
    Numbers,
    at_least,
    failed,
    jsonable,
    least_squares,
    least_squares_backward_error,
    measured,
    near,
    numbers,
    pieces,
    rounding_unit,
    shown,
)
from autograder.numeric.exact import floats, rationals, solved
from autograder.verdict import Verdict
from autograder.worker import Failure, Reply
from autograder.worker.reply import FailureKind


def reply(value: object, *args: object) -> Reply:
    return Reply("ridge.tikhonov", args, value)


# Exact truth.


def test_rationals_are_exact():
    F, w = rationals(np.array([[0.1, 2.0], [3.0, -0.25]])), rationals([1, 0.5])
    assert F.shape == (2, 2)
    assert F[0, 0] == Fraction(0.1) != Fraction(1, 10)
    assert list(F @ w) == [Fraction(0.1) + 1, Fraction(3) - Fraction(1, 8)]
    assert rationals(Fraction(1, 3)).shape == ()
    assert floats(rationals(np.eye(2))).tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_rationals_refuse_what_is_not_finite():
    with pytest.raises((OverflowError, ValueError)):
        rationals([np.inf])
    with pytest.raises((OverflowError, ValueError)):
        rationals([np.nan])


SMALL = st.integers(-6, 6)


@examples(100)
@given(st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(SMALL, min_size=n + 1, max_size=n + 1), min_size=n, max_size=n)))
def test_solved_solves_or_says_that_it_is_singular(rows):
    A, b = rationals([row[:-1] for row in rows]), rationals([row[-1] for row in rows])
    try:
        x = solved(A, b)
    except ZeroDivisionError:
        assert round(np.linalg.det(A.astype(float))) == 0
    else:
        assert list(A @ x) == list(b)


def test_solved_with_several_right_hand_sides():
    A = [[0.0, 2.0], [4.0, 1.0]]
    assert floats(solved(A, np.eye(2))).tolist() == [[-0.125, 0.25], [0.5, 0.0]]


# Types and shapes.


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (1.5, DOUBLE),
        (2, DOUBLE),
        (np.array(1.5), DOUBLE),
        (np.array(1.5, np.float32), SINGLE),
        (np.array(1.5, np.float16), SINGLE),
        (np.array(1.5, np.longdouble), DOUBLE),
        (np.array(2, np.uint8), DOUBLE),
    ],
)
def test_unit_is_that_of_the_type_returned(value, unit):
    read = numbers(reply(value), ())
    assert isinstance(read, Numbers)
    assert (read.unit, read.axes) == (unit, "")
    assert read.values.dtype == np.float64


@pytest.mark.parametrize(
    "value", [[1.0, 2.0], (1, 2), [np.array(1.0), 2], np.array([1, 2]), [np.array(1.0, np.float32), np.array(2.0, np.float32)]]
)
def test_lists_tuples_and_arrays_are_as_good_as_each_other(value):
    read = numbers(reply(value), (2,))
    assert isinstance(read, Numbers)
    assert read.values.tolist() == [1.0, 2.0]


def test_one_single_in_a_list_of_doubles_decides_the_unit():
    read = numbers(reply([np.array(0.1, np.float32), 0.0]), (2,))
    assert isinstance(read, Numbers)
    assert read.unit == SINGLE
    assert near(reply([np.array(0.1, np.float32), 0.0]), [0.1, 0.0]).kind == "correct"


def test_half_precision_is_judged_as_single():
    assert rounding_unit(np.dtype(np.float16)) == SINGLE
    assert near(reply(np.array(0.1, np.float16)), 0.1).kind == "incorrect"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "nothing (None); is a `return` missing?"),
        ("1.5", "something of type str"),
        ({"w": 1.0}, "something of type dict"),
        ([1.0, "2"], "something of type str"),
        ([1.0, None], "nothing (None)"),
        (True, "True or False"),
        (np.array([True, False]), "True or False"),
        (1 + 0j, "complex numbers"),
        (np.array([1j, 2]), "complex numbers"),
        (np.array([object(), 1.0], dtype=object), "dtype object"),
        ([[1.0, 2.0], [3.0]], "rows differ in length"),
        ([1.0, [2.0]], "rows differ in length"),
        (10**400, "dtype object"),
        ([2**63, -1.5, 10**30], "dtype object"),
    ],
)
def test_what_is_no_array_of_numbers_is_named(value, said):
    verdict = near(reply(value, 2.0), [1.0, 2.0])
    assert verdict.kind == "incorrect"
    assert said in verdict.message
    assert verdict.message.startswith("tikhonov returned")
    assert verdict.read
    assert (verdict.evidence["kind"], verdict.evidence["failure"]) == ("failure", "type")
    assert "0x" not in verdict.message


def test_too_many_numbers_are_refused():
    verdict = near(reply([np.zeros(NUMBERS_MAX), np.zeros(1)]), 0.0)
    assert "more than 1,000,000 numbers" in verdict.message


@pytest.mark.parametrize("shape", [(2, 1), (1, 2), (1, 2, 1)])
def test_axes_of_length_one_are_partial(shape):
    verdict = near(reply(np.array([1.0, 2.0]).reshape(shape)), [1, 2])
    assert (verdict.kind, verdict.share, verdict.slip) == ("partial", AXES_SHARE, "shape")
    assert f"returned shape {shape} where shape (2,) is due" in verdict.message
    assert (verdict.evidence["expected"], verdict.evidence["got"]) == ([2], list(shape))


def test_axes_of_length_one_do_not_save_wrong_values():
    verdict = near(reply(np.array([[1.0], [3.0]])), [1, 2])
    assert verdict.kind == "incorrect"
    assert "Also, it returned shape (2, 1)" in verdict.message


def test_a_single_entry_for_a_number_is_partial_and_so_is_a_number_for_a_single_entry():
    assert near(reply([1.0]), 1.0).share == AXES_SHARE
    assert near(reply(1.0), [1.0]).share == AXES_SHARE


@pytest.mark.parametrize("shape", [(3,), (2, 2), (4,), (0,), (2, 3)])
def test_other_shapes_are_wrong_whatever_broadcasting_says(shape):
    verdict = near(reply(np.ones(shape)), [1.0, 1.0])
    assert (verdict.kind, verdict.slip) == ("incorrect", "shape")
    assert str(shape) in verdict.message
    assert "(2,)" in verdict.read


# near.


@examples(100)
@given(
    st.lists(st.floats(-1e6, 1e6).map(lambda v: v + 1 if v >= 0 else v - 1), min_size=1, max_size=5),
    st.sampled_from([1e-3, 1.0, 1e8]),
    st.booleans(),
)
def test_near_accepts_what_its_threshold_says(values, kappa, single):
    truth = np.array(values)
    unit = SINGLE if single else DOUBLE
    scale = kappa * np.abs(truth)
    for factor, kind in ((0.5, "correct"), (2.5, "incorrect")):
        got = truth + factor * THRESHOLD * unit * scale
        if not np.all(np.isfinite(got)) or np.any(np.abs(got - truth) < 4 * unit * np.abs(truth)):
            continue
        got = got.astype(np.float32) if single else got
        assert near(reply(got), truth, scale=scale).kind == kind


def test_default_scale_is_the_value_itself():
    assert near(reply(1 / 3), Fraction(1, 3)).kind == "correct"
    assert near(reply(1 / 3 * (1 + 100 * DOUBLE)), Fraction(1, 3)).kind == "incorrect"
    assert near(reply(np.float32(1) / np.float32(3)), Fraction(1, 3)).kind == "correct"
    assert near(reply(-0.0), Fraction(0)).kind == "correct"
    assert near(reply(5e-324), Fraction(0)).kind == "incorrect"


@pytest.mark.parametrize(
    ("value", "truth", "said"),
    [
        (np.nan, 1.0, "the result is NaN"),
        (np.inf, 1.0, "the result is infinite"),
        (-np.inf, np.inf, "the result is infinite"),
        (1e308, np.inf, "the value is wrong"),
        ([1.0, np.nan], [1.0, 2.0], "holds NaN"),
        ([1.0, -np.inf], [1.0, 2.0], "holds an infinity"),
    ],
)
def test_nan_and_infinities_are_named(value, truth, said):
    verdict = near(reply(value), truth, scale=1e300)
    assert verdict.kind == "incorrect"
    assert said in verdict.message
    json.dumps(dict(verdict.evidence), allow_nan=False)


def test_infinity_is_near_itself():
    assert near(reply(np.inf), np.inf).kind == "correct"


def test_only_the_entries_named_are_looked_at():
    value = reply([1.0, np.nan, 7.0])
    assert near(value, [1, 2, 3], entries=[True, False, False]).kind == "correct"
    assert near(value, [1, 2, 3], entries=[True, False, True]).kind == "incorrect"
    assert near(value, [1, 2, 3], entries=np.zeros(3, bool)).kind == "correct"


def test_empty_result():
    assert near(reply([]), np.zeros(0)).kind == "correct"


def test_message_shows_input_and_result_and_never_the_truth():
    verdict = near(Reply("gradient_descent.gradient_step", ([[2.0, -1.0]], [4.0], 0.125), np.array([1.0, 12345.678])), [1.0, 98765.4321])
    assert verdict.message.splitlines() == [
        "gradient_step: entry 1 is wrong, by more than rounding explains.",
        "Input: [[2, -1]], [4], 0.125",
        "Returned: [1, 12345.7]",
    ]
    assert "98765" not in verdict.message + verdict.read
    assert verdict.evidence["expected"] == [1.0, 98765.4321]
    assert verdict.evidence["got"] == [1.0, 12345.678]
    assert verdict.evidence["args"] == [[[2.0, -1.0]], [4.0], 0.125]
    assert verdict.evidence["threshold"] == THRESHOLD < verdict.evidence["value"]


def test_places_of_several_wrong_entries():
    assert "entry (0, 1) and 1 more are wrong" in near(reply([[1, 0], [0, 4]]), [[1, 2], [3, 4]]).message


def test_the_same_reply_gives_the_same_verdict():
    assert near(reply([0.1, 0.2], [1.0]), [0.1, 0.3]) == near(reply([0.1, 0.2], [1.0]), [0.1, 0.3])


# Least squares.


def problem(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = np.linalg.qr(rng.standard_normal((6, 3)))[0] @ np.diag([1e4, 1.0, 1e-4])
    y = rng.integers(1, 9, 6).astype(float)
    exact = rationals(X)
    return X, y, solved(exact.T @ exact, exact.T @ rationals(y))


@pytest.mark.parametrize("seed", range(5))
def test_stable_solvers_have_a_small_backward_error_at_any_condition(seed):
    X, y, w = problem(seed)
    Q, R = np.linalg.qr(X)
    for solution in (np.linalg.lstsq(X, y, rcond=None)[0], np.linalg.solve(R, Q.T @ y), floats(w)):
        assert least_squares(reply(solution), X, y, w).kind == "correct"
        assert least_squares(reply(solution.astype(np.float32)), X, y, w).kind == "correct"


def test_wrong_solutions_have_a_large_one():
    X, y, w = problem()
    for wrong in (2 * floats(w), -floats(w), np.zeros(3), floats(w) + np.array([1e-6, 0, 0])):
        verdict = least_squares(reply(wrong), X, y, w)
        assert verdict.kind == "incorrect"
        assert "not orthogonal" in verdict.message
        assert verdict.evidence["expected"] == floats(w).tolist()


def test_least_squares_reads_shapes_and_nan():
    X, y, w = problem()
    assert least_squares(reply(floats(w)[:, None]), X, y, w).share == AXES_SHARE
    assert least_squares(reply(floats(w)[:2]), X, y, w).slip == "shape"
    assert "NaN" in least_squares(reply([1.0, np.nan, 2.0]), X, y, w).message


def test_backward_error_of_nothing():
    assert least_squares_backward_error(np.zeros((3, 2)), np.ones(3), np.ones(2)) == 0.0
    assert least_squares_backward_error(np.eye(2), np.zeros(2), np.zeros(2)) == 0.0


# Inequalities, properties, several values.


def test_at_least():
    assert at_least(reply([1.0, 2.5]), [1.0, 2.0]).kind == "correct"
    assert at_least(reply([1.0 - DOUBLE, 2.0]), [1.0, 2.0]).kind == "correct"
    verdict = at_least(reply([1.0, 1.9]), [1.0, 2.0])
    assert verdict.kind == "incorrect"
    assert "entry 1 is below" in verdict.message
    assert at_least(reply([np.nan, 2.0]), [1.0, 2.0]).kind == "incorrect"
    assert at_least(reply([np.inf, 2.0]), [1.0, 2.0]).kind == "correct"
    assert at_least(reply(-1.0), 0.0).kind == "incorrect"
    assert at_least(reply(None), 0.0).kind == "incorrect"


def test_measured():
    value = reply(np.eye(2))
    read = numbers(value, (2, 2))
    assert isinstance(read, Numbers)
    good = measured(value, read, np.eye(2), "it is not orthogonal", quantity="orthogonality", value=2.0)
    assert (good.kind, good.method) == ("correct", "orthogonality within 30 rounding units of double precision")
    bad = measured(value, read, np.eye(2), "it is not orthogonal", quantity="orthogonality", value=math.inf)
    assert bad.kind == "incorrect"
    assert bad.message.startswith("tikhonov: it is not orthogonal.")
    assert (bad.evidence["measure"], bad.evidence["value"]) == ("orthogonality", "inf")


@pytest.mark.parametrize("value", [(1.0, 2.0), [1.0, 2.0], np.array([1.0, 2.0])])
def test_pieces_of_several_values(value):
    first, second = pieces(Reply("relu_elbow.sgd_update", (), value), ("w", "b"))
    assert near(first, 1.0).kind == near(second, 2.0).kind == "correct"
    wrong = near(second, 3.0)
    assert wrong.message.startswith("sgd_update: b: the value is wrong")
    assert (wrong.evidence["function"], wrong.evidence["piece"]) == ("relu_elbow.sgd_update", "b")


@pytest.mark.parametrize(
    ("value", "got"), [(1.0, "one value"), ((1.0, 2.0, 3.0), "3 values"), (np.array(1.0), "one value"), ((), "0 values")]
)
def test_wrong_number_of_values(value, got):
    for piece in pieces(Reply("relu_elbow.sgd_update", (), value), ("w", "b")):
        verdict = near(piece, 1.0)
        assert verdict.kind == "incorrect"
        assert verdict.message.startswith(f"sgd_update returned {got} where 2 are due: w, b.")


def test_pieces_of_nothing_and_of_a_failure():
    assert "nothing (None)" in near(pieces(reply(None), ("w", "b"))[0], 1.0).message
    broken = Reply("ridge.augment", (), failure=Failure("raised", "ValueError: no"))
    assert pieces(broken, ("X_hat", "y_hat")) == [broken, broken]


# Failures.


@pytest.mark.parametrize("kind", WHAT_HAPPENED)
def test_failures_of_the_students_code(kind):
    verdict = near(Reply("ridge.tikhonov", ([1.0],), failure=Failure(kind, "LinAlgError: Singular matrix", "ridge.py, line 12")), 1.0)
    assert (verdict.kind, verdict.share) == ("incorrect", 0.0)
    assert verdict.message.startswith("tikhonov ")
    assert verdict.message.splitlines()[0].endswith("LinAlgError: Singular matrix (ridge.py, line 12)")
    assert verdict.read == verdict.message.splitlines()[0]
    assert ("Input: [1]" in verdict.message) == (kind not in ("import", "skipped", "not_reached"))
    assert verdict.evidence == {
        "kind": "failure",
        "function": "ridge.tikhonov",
        "args": [[1.0]],
        "failure": kind,
        "message": "LinAlgError: Singular matrix",
        "line": "ridge.py, line 12",
    }


def test_every_kind_of_failure_has_its_sentence():
    assert {*WHAT_HAPPENED, "missing"} == set(get_args(FailureKind))


def test_a_function_that_is_not_there_is_missing():
    verdict = failed(Reply("ridge.tikhonov", (), failure=Failure("missing", "ridge.py has no function tikhonov")))
    assert (verdict.kind, verdict.message) == ("missing", "ridge.py has no function tikhonov")


def test_failed_wants_a_failure():
    with pytest.raises(ValueError, match="gave a value"):
        failed(reply(1.0))


# Evidence.

JSON_OR_NOT = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30), st.complex_numbers(), st.fractions()),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=5), inner, max_size=4), st.tuples(inner, inner)),
    max_leaves=20,
)


@given(JSON_OR_NOT)
@examples(200)
def test_evidence_is_json_with_finite_numbers(value):
    plain = jsonable(value)
    assert len(json.dumps(plain, allow_nan=False)) <= 2 * EVIDENCE_CHARACTERS
    assert jsonable(plain) == plain


def test_arrays_are_nested_lists_and_infinities_texts():
    assert jsonable([np.array([[1.5, -np.inf], [np.nan, 2]]), Fraction(-5, 3)]) == [[[1.5, "-inf"], ["nan", 2.0]], "-5/3"]
    assert jsonable(object()) == "something of type object"


def test_long_evidence_is_cut_and_says_so():
    long = jsonable(np.arange(10_000.0))
    assert isinstance(long, str)
    assert len(long) <= EVIDENCE_CHARACTERS
    assert long.endswith(" characters in all)")
    some = jsonable([np.arange(10_000.0), 0.5])
    assert some[1] == 0.5
    assert some[0].endswith(" characters in all)")


def test_shown_describes_what_is_long():
    assert shown(0.1 + 0.2) == "0.3"
    assert shown([[1.0, -2.5], ["nan", 3]]) == "[[1, -2.5], [nan, 3]]"
    assert shown(np.zeros((20, 30)).tolist()) == "an array of shape (20, 30)"
    assert shown([[1.0] * 50, [2.0] * 51]).endswith("…")
    assert shown("x" * 1000).endswith("…")


@given(JSON_OR_NOT)
@examples(200)
def test_any_value_gets_a_verdict(value):
    for verdict in (near(reply(value), [1.0, 2.0]), at_least(reply(value), 1.0), near(pieces(reply(value), ("a", "b"))[0], 1.0)):
        assert isinstance(verdict, Verdict)
        json.dumps(dict(verdict.evidence), allow_nan=False)
