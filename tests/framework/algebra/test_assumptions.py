"""An assumption is one class: what is there honours what it says, and one that is defined here alone works everywhere."""

from __future__ import annotations

import shutil
import subprocess
import sys
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pytest
from places import PACKAGE

from autograder.algebra import equivalent, names, same_condition, symbols
from autograder.algebra.assumptions import (
    BatchedAssumption,
    LinearAlgebra,
    Matrix,
    MatrixAssumption,
    NumberAssumption,
    Sampling,
    assumption,
    forget,
    known_assumptions,
)
from autograder.algebra.derivations.domain import Domain, sample_batches
from autograder.algebra.equivalence.conjuncts import read_stated
from autograder.algebra.equivalence.slips import mistaken_for_symmetric
from autograder.algebra.evaluation import Exact, Modular, RingAlgebra, draw_values, field_draw, prime_of, small_draw, wide_draw
from autograder.replay.formulas import TableFormulas

THE_SEVEN = [one.name for one in known_assumptions()]
IDEMPOTENT = '''
from autograder.algebra.assumptions.assumption import MatrixAssumption

class Idempotent(MatrixAssumption):
    """A matrix P with P P = P."""

    name = "idempotent"

    def holds(self, value, algebra):
        """Does the square change it?"""
        return algebra.matmul(value, value) == value

    def impose(self, m, sampling):
        """The first column alone, scaled, in the basis of the others."""
        inverse = sampling.algebra.inverse(m)
        unit = sampling.algebra.identity(len(m))
        return unit if inverse is None else sampling.algebra.matmul([[row[0]] for row in m], inverse[:1])
'''


@pytest.fixture
def idempotent():
    """Defined here, as one in a file of its own would be, and taken out again."""

    class Idempotent(MatrixAssumption):
        """A matrix P with P P = P: a projector."""

        name = "idempotent"
        words = ("idempotent", "a projector")
        combines = frozenset({"symmetric"})
        in_numpy = "np.allclose({0} @ {0}, {0})"

        def holds(self, value: Any, algebra: LinearAlgebra) -> bool:
            square = algebra.matmul(value, value)
            return all(algebra.ring.is_zero(x - y) for r, s in zip(square, value, strict=True) for x, y in zip(r, s, strict=True))

        def impose(self, m: Matrix, sampling: Sampling) -> Matrix:
            """B D B^-1 with zeros and ones on the diagonal of D."""
            algebra, ring = sampling.algebra, sampling.algebra.ring
            inverse = algebra.inverse(m)
            if inverse is None:
                return algebra.identity(len(m))
            rank = sampling.rng.randrange(len(m) + 1)
            kept = [[x if j < rank else ring.const(Fraction(0)) for j, x in enumerate(row)] for row in m]
            return algebra.matmul(kept, inverse)

        def sample(self, n: int, sampling: Sampling) -> Matrix:
            """A symmetric one is K (K^T K)^-1 K^T."""
            if not sampling.assumed.implies("symmetric"):
                return super().sample(n, sampling)
            algebra = sampling.algebra
            k = sampling.entries(n, max(1, n - 1))
            across = algebra.transpose(k)
            inverse = algebra.inverse(algebra.matmul(across, k))
            return algebra.identity(n) if inverse is None else algebra.matmul(algebra.matmul(k, inverse), across)

    yield assumption("idempotent")
    forget("idempotent")


def drawn(declared: str, kind: str, count: int = 12):
    """Values of a symbol, each with the linear algebra of its ring."""
    table = symbols({"M": declared})
    rng = Random(11)
    for turn in range(count):
        ring = Modular(prime_of(turn), rng) if kind == "field" else Exact()
        draw = field_draw(ring, rng) if kind == "field" else wide_draw(rng) if kind == "exact" else small_draw(rng)
        value = draw_values(table, ["M_^"], {"n": 3}, ring, draw, rng, plain=kind == "plain", turn=turn)["M_^"]
        yield value, RingAlgebra(ring)


# --- what is there


@pytest.mark.parametrize("kind", ["field", "exact", "plain"])
@pytest.mark.parametrize("name", THE_SEVEN)
def test_what_is_drawn_has_what_is_assumed_and_what_follows_from_it(name, kind):
    one = assumption(name)
    for value, algebra in drawn(f"matrix n n {name}", kind):
        for held in (one, *map(assumption, one.implies)):
            if algebra.ring.ordered or held.name != "positive_definite":
                assert held.holds(value, algebra), (held.name, value)


@pytest.mark.parametrize(
    "declared",
    [
        *THE_SEVEN,
        "symmetric invertible",
        "diagonal positive_definite",
        "orthogonal symmetric",
        "orthogonal diagonal",
    ],
)
@pytest.mark.parametrize("small", [False, True])
def test_batches_honour_it_in_double_precision(declared, small):
    for batch in sample_batches(Domain(symbols({"M": f"matrix n n {declared}"})), small=small):
        for m in batch.values["M_^"]:
            for one in map(assumption, declared.split()):
                if isinstance(one, MatrixAssumption) and one.name != "positive_definite":
                    assert one.name == "invertible" or eval(one.in_numpy.format("m"), {"np": np, "m": m}), (one.name, m)
                if isinstance(one, NumberAssumption) and one.name == "positive":
                    assert (m >= 0).all()


def test_the_test_in_python_says_what_the_exact_one_says():
    """A replayed script and the verdict agree on structured matrices of small whole numbers."""
    exact = RingAlgebra(Exact())
    matrices = [value for name in THE_SEVEN for value, _ in drawn(f"matrix n n {name}", "plain", 6)]
    for m in [*matrices, *(value for value, _ in drawn("matrix n n", "plain"))]:
        floats = np.array(m, dtype=np.float64)
        for one in known_assumptions():
            if isinstance(one, MatrixAssumption) and (one.name != "positive_definite" or assumption("symmetric").holds(m, exact)):
                assert bool(eval(one.in_numpy.format("m"), {"np": np, "m": floats})) == one.holds(m, exact), (one.name, m)


def test_each_takes_along_only_what_it_can_draw_with_it():
    for one in known_assumptions():
        assert one.__doc__
        if isinstance(one, BatchedAssumption):
            partners = map(assumption, one.combines)
            assert all(isinstance(p, BatchedAssumption | NumberAssumption) for p in partners), one.name


# --- one that is defined here


def test_equivalence_uses_it(idempotent):
    plain, projector = symbols({"P": "matrix n n"}), symbols({"P": "matrix n n idempotent"})
    assert equivalent("P P", "P", plain).kind == "incorrect"
    assert equivalent("P P", "P", projector).kind == "correct"
    assert equivalent("P^T P", "P", projector).kind == "incorrect"
    assert equivalent("P^T P", "P", symbols({"P": "matrix n n idempotent symmetric"})).kind == "correct"
    assert equivalent("I", "P", projector).evidence["witness"]["P"]


@pytest.mark.parametrize("kind", ["field", "exact", "plain"])
@pytest.mark.parametrize("declared", ["idempotent", "idempotent symmetric", "symmetric idempotent"])
def test_it_is_drawn_in_every_ring_and_in_batches(idempotent, declared, kind):
    names_of = declared.split()
    for value, algebra in drawn(f"matrix n n {declared}", kind):
        assert all(assumption(name).holds(value, algebra) for name in names_of)
    for batch in sample_batches(Domain(symbols({"M": f"matrix n n {declared}"})), small=kind == "plain"):
        m = batch.values["M_^"]
        scale = 1 + np.abs(m).max(axis=(1, 2), keepdims=True) ** 2
        assert (np.abs(m @ m - m) <= 1e-6 * scale).all()


@pytest.mark.parametrize(
    ("answer", "kind", "slip"),
    [
        ("P is idempotent", "correct", None),
        ("when P is a projector", "correct", None),
        ("P = I", "partial", "sufficient_only"),
        ("P is symmetric", "incorrect", None),
        ("P is not idempotent", "incorrect", "negated"),
    ],
)
def test_its_words_in_a_condition_are_read(idempotent, answer, kind, slip):
    table = symbols({"P": "matrix n n"})
    phrases = {word: f"P {word}" for one in (idempotent, assumption("symmetric")) for word in one.words}
    verdict = same_condition(answer, "P idempotent", table, phrases=phrases)
    assert (verdict.kind, verdict.slip) == (kind, slip), verdict.message


def test_the_other_places_know_it(idempotent):
    table = symbols({"P": "matrix n n idempotent"})
    assert str(names(table)[0]) == "P"
    assert mistaken_for_symmetric(table.declared[0])
    assert TableFormulas(table).predicates("p is a projector") == ["np.allclose({0} @ {0}, {0})"]
    assert read_stated("P a projector", table)[0].assumption == ("P_^", "idempotent")


def test_a_file_in_the_folder_is_all_that_it_takes(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "autograder", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "autograder" / "algebra" / "assumptions" / "idempotent.py").write_text(IDEMPOTENT)
    lines = [
        "import sys",
        f"sys.path.insert(0, {str(tmp_path)!r})",
        "import autograder",
        f"assert autograder.__file__.startswith({str(tmp_path)!r})",
        "from autograder.algebra import equivalent, symbols",
        "print(*(equivalent('P P', 'P', symbols({'P': f'matrix n n {w}'})).kind for w in ('idempotent', 'invertible')))",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout.split() == ["correct", "incorrect"], done.stderr


# --- what is refused


def refusal(declared: str) -> str:
    """The one line that says why a table is refused."""
    with pytest.raises(ValueError) as caught:
        symbols({"A": declared})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_unknown_assumption_is_refused_with_those_that_there_are(idempotent):
    said = refusal("matrix n n involutory")
    assert "'involutory' is no assumption" in said
    assert all(name in said for name in [*THE_SEVEN, "idempotent"])
    with pytest.raises(ValueError, match=r"which is no assumption; assumptions are .*idempotent"):
        same_condition("A = 0", "A involutory", symbols({"A": "matrix n n"}))


def test_an_impossible_combination_is_refused_with_what_goes_together(idempotent):
    said = refusal("matrix n n idempotent orthogonal")
    assert "no sampler for idempotent together with orthogonal" in said
    assert "idempotent goes with symmetric" in said
    assert "orthogonal goes with diagonal, invertible, symmetric" in said
    assert "no sampler" in refusal("matrix n n symmetric idempotent invertible")


def test_what_was_forgotten_is_unknown_again():
    assert "assumptions are" in refusal("matrix n n idempotent")


def test_a_name_is_defined_once():
    with pytest.raises(ValueError, match="defined twice"):
        type("Again", (type(assumption("symmetric")),), {"name": "symmetric"})
