"""What an assumption is, and what several of one symbol are together.

An assumption is a class with a name; defining it registers it. Whoever draws, tests, solves, proves or replays asks it.

To add one, write one file here: a subclass of `NumberAssumption` or `MatrixAssumption` with a `name`, `holds`, and `number` or `impose`
(how a random value is made to have it). Batches in double precision are then drawn one by one; `BatchedAssumption` draws them at once.
Numbers and linear algebra are handed in, because samples are drawn in several rings.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import chain, combinations
from math import prod
from random import Random
from typing import Any, ClassVar, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autograder.algebra.assumptions.floats import FloatAlgebra

Number: TypeAlias = Any
"""An element of a ring."""
Matrix: TypeAlias = list[list[Number]]
Batch: TypeAlias = NDArray[np.float64]
"""Matrices at many points: (points, rows, columns)."""
FLOATS: Final = FloatAlgebra()


class RingLike(Protocol):
    """Where a value is drawn."""

    @property
    def ordered(self) -> bool:
        """Are its numbers positive or negative? (Those of a finite field are not.)"""
        ...

    def const(self, value: Fraction, /) -> Number:
        """A rational constant."""
        ...

    def red(self, x: Number, /) -> Number:
        """The representative of a sum of products."""
        ...

    def is_zero(self, x: Number, /) -> bool:
        """Is x zero?"""
        ...

    def sign(self, x: Number, /) -> int:
        """-1, 0 or 1, in an ordered ring."""
        ...


class LinearAlgebra(Protocol):
    """Matrices over a ring."""

    @property
    def ring(self) -> RingLike:
        """Of the entries."""
        ...

    def identity(self, n: int) -> Matrix:
        """The unit matrix."""
        ...

    def transpose(self, a: Matrix) -> Matrix:
        """Rows for columns."""
        ...

    def matmul(self, a: Matrix, b: Matrix) -> Matrix:
        """The matrix product."""
        ...

    def inverse(self, a: Matrix) -> Matrix | None:
        """None where there is none."""
        ...

    def determinant(self, a: Matrix) -> Number:
        """Of a square matrix."""
        ...


_REGISTERED: Final[dict[str, Assumption]] = {}
"""In the order of definition, which is the order in which conditions are searched: witnesses hang on it."""


class Assumption(ABC):
    """One property that a suite may declare of a symbol.

    name: as it is declared. words: what people call it, lower case. implies: what else a value with it has. combines: further assumptions
    that its sampler takes along. in_sympy: names under which sympy knows it. moves_freely: may one entry change on its own, nearly
    everywhere, and the property stay?
    """

    name: ClassVar[str]
    words: ClassVar[tuple[str, ...]]
    implies: ClassVar[frozenset[str]] = frozenset()
    combines: ClassVar[frozenset[str]] = frozenset()
    in_sympy: ClassVar[tuple[str, ...]] = ()
    moves_freely: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """A subclass with a name of its own is registered."""
        super().__init_subclass__()
        if "name" not in cls.__dict__:
            return
        if cls.name in _REGISTERED:
            raise ValueError(f"the assumption {cls.name!r} is defined twice")
        if "words" not in cls.__dict__:
            cls.words = (cls.name.replace("_", " "),)
        _REGISTERED[cls.name] = cls()
        assumed.cache_clear()

    @abstractmethod
    def holds(self, value: Any, algebra: LinearAlgebra) -> bool:
        """Does a value (a number or rows) have it?"""


class NumberAssumption(Assumption):
    """An assumption on a number; of a vector or matrix it says the same of each entry that is drawn."""

    above: ClassVar[Fraction | None] = None
    """All numbers that have it are above this."""

    @abstractmethod
    def holds_of(self, x: Number, ring: RingLike) -> bool:
        """Does a number have it?"""

    @abstractmethod
    def number(self, x: Number, sampling: Sampling) -> Number:
        """A drawn number with all consequences turned into one that has it."""

    def holds(self, value: Any, algebra: LinearAlgebra) -> bool:
        """Of every entry."""
        return all(self.holds_of(x, algebra.ring) for x in entries(value))

    def on_batch(self, a: Batch, sampling: BatchSampling) -> Batch:
        """Drawn matrices with entries that have it."""
        one = sampling.one_by_one(())
        return np.array([self.number(float(x), one) for x in a.flat], dtype=np.float64).reshape(a.shape)


class MatrixAssumption(Assumption):
    """An assumption on a square matrix.

    eigenvalues: assumptions on numbers that its eigenvalues have, which are the entries of a diagonal one. variants: kinds of
    values between which no path leads, each of which must be looked at (both determinants of an orthogonal matrix). in_numpy: its test
    in Python, {0} for the matrix. mistaken_for_symmetric: is a transpose that is missing in an answer explained by this slip?
    """

    eigenvalues: ClassVar[frozenset[str]] = frozenset()
    variants: ClassVar[int] = 1
    in_numpy: ClassVar[str] = ""
    mistaken_for_symmetric: ClassVar[bool] = True

    @abstractmethod
    def impose(self, m: Matrix, sampling: Sampling) -> Matrix:
        """A random matrix turned into one that has it."""

    def sample(self, n: int, sampling: Sampling) -> Matrix:
        """A random matrix with it and with `sampling.others`, which it said that it takes along."""
        m = sampling.entries(n, n)
        for one in (self, *sampling.others):
            m = one.impose(m, sampling)
        return m

    def point(self, m: Matrix, sampling: Sampling) -> Matrix:
        """One of small fractions, made of a matrix of small whole numbers, where a condition is tried."""
        return self.impose(m, sampling)

    def batch(self, sampling: BatchSampling) -> Batch:
        """Many of them, with `sampling.others`, in double precision; made of matrices that are tilted to extremes."""
        count, n, _ = sampling.matrices.shape
        return np.array([self.sample(n, sampling.one_by_one(sampling.matrices[k].ravel())) for k in range(count)], dtype=np.float64)


class BatchedAssumption(MatrixAssumption):
    """One that is imposed on a whole batch at once, and so are those that it takes along."""

    @abstractmethod
    def impose_on_batch(self, a: Batch, sampling: BatchSampling) -> Batch:
        """As `impose`, on all matrices of a batch."""

    def batch(self, sampling: BatchSampling) -> Batch:
        """One assumption after the other."""
        a = sampling.matrices
        for one in (self, *sampling.others):
            assert isinstance(one, BatchedAssumption), f"{self.name} takes {one.name} along"
            a = one.impose_on_batch(a, sampling)
        return sampling.with_numbers(a)


@dataclass(frozen=True)
class Assumed:
    """All that is assumed of one symbol. follows: the names with everything that they imply."""

    names: frozenset[str]
    follows: frozenset[str]
    of_numbers: tuple[NumberAssumption, ...]
    """With what they imply, consequences first."""
    of_matrices: tuple[MatrixAssumption, ...]
    """Those that no other implies; first the one whose sampler takes the others along."""
    variants: int
    above: Fraction | None
    moves_freely: bool

    def implies(self, name: str) -> bool:
        """Does a value of this symbol have a property?"""
        return name in self.follows

    def allows(self, x: Fraction | float) -> bool:
        """May a number, or an entry that is free, have this value?"""
        return all(one.holds_of(x, FLOATS.ring) for one in self.of_numbers)

    def numbers(self, x: Batch, rng: np.random.Generator, small: bool) -> Batch:
        """A batch of numbers in which those that are not allowed are replaced."""
        for one in self.of_numbers:
            if not all(one.holds_of(v, FLOATS.ring) for v in x.flat):
                drawn = BatchSampling(x, x, rng, small, self).one_by_one(())
                x = np.array([one.number(float(v), drawn) for v in x.flat], dtype=np.float64).reshape(x.shape)
        return x

    def batch(self, matrices: Batch, whole: Batch, rng: np.random.Generator, small: bool) -> Batch:
        """A batch of matrices that honours it, made of tilted ones and, where these will not do, of small whole ones."""
        sampling = BatchSampling(matrices, whole, rng, small, self)
        return self.of_matrices[0].batch(sampling) if self.of_matrices else sampling.with_numbers(matrices)


@dataclass(frozen=True)
class Sampling:
    """What one value is drawn with. draw: any number. plain: readable special values are wanted. variant: which of the leader's, by chance
    if None."""

    algebra: LinearAlgebra
    draw: Callable[[], Number]
    rng: Random
    assumed: Assumed
    plain: bool = False
    variant: int | None = None

    @property
    def others(self) -> tuple[MatrixAssumption, ...]:
        """What the leader takes along."""
        return self.assumed.of_matrices[1:]

    def number(self) -> Number:
        """One number that has all that is assumed of numbers."""
        x = self.draw()
        for one in self.assumed.of_numbers:
            x = one.number(x, self)
        return x

    def entries(self, rows: int, columns: int) -> Matrix:
        """A matrix of such numbers."""
        return [[self.number() for _ in range(columns)] for _ in range(rows)]

    def value(self, rows: int, columns: int) -> Matrix:
        """A matrix that honours everything."""
        leader = self.assumed.of_matrices
        return leader[0].sample(rows, self) if leader else self.entries(rows, columns)


@dataclass(frozen=True)
class BatchSampling:
    """What a batch is drawn with. matrices: tilted to extremes; whole: of small whole numbers. small: readable values are wanted."""

    matrices: Batch
    whole: Batch
    rng: np.random.Generator
    small: bool
    assumed: Assumed

    @property
    def others(self) -> tuple[MatrixAssumption, ...]:
        """What the leader takes along."""
        return self.assumed.of_matrices[1:]

    def with_numbers(self, a: Batch) -> Batch:
        """With what is declared of the entries."""
        for one in self.assumed.of_numbers:
            if one.name in self.assumed.names:
                a = one.on_batch(a, self)
        return a

    def one_by_one(self, first: Iterable[Any]) -> Sampling:
        """For a single value in double precision. first: the numbers that are drawn before random ones."""
        rng = Random(int(self.rng.integers(2**32)))
        numbers = chain((float(x) for x in first), iter(lambda: float(rng.randint(-2, 2)) if self.small else rng.gauss(0, 1), None))
        return Sampling(FLOATS, lambda: next(numbers), rng, self.assumed, plain=self.small)


def entries(value: Any) -> list[Number]:
    """Of a number or of rows."""
    return [x for row in value for x in row] if isinstance(value, list) else [value]


def registered() -> dict[str, Assumption]:
    """By name, in the order of definition."""
    return dict(_REGISTERED)


def forget(name: str) -> None:
    """Takes an assumption out again, as a test does that defined one."""
    del _REGISTERED[name]
    assumed.cache_clear()


def consequences(names: Iterable[str]) -> frozenset[str]:
    """The names and all that they imply, directly or not."""
    found: set[str] = set()
    open_names = list(names)
    while open_names:
        name = open_names.pop()
        if name not in found:
            found.add(name)
            open_names += _REGISTERED[name].implies
    return frozenset(found)


def together(one: str, two: str) -> bool:
    """Is there a sampler for two assumptions of one symbol?"""
    a, b = _REGISTERED[one], _REGISTERED[two]
    return one in consequences([two]) | b.combines or two in consequences([one]) | a.combines


def why_not_together(names: Iterable[str]) -> str:
    """Why there is no sampler for assumptions of one symbol; empty where there is one."""
    wanted = sorted(names)
    for one, two in combinations(wanted, 2):
        if not together(one, two):
            return f"there is no sampler for {one} together with {two}; {_partners(one)}, {_partners(two)}"
    strongest = _strongest(wanted)
    if strongest and _leader(strongest) is None:
        return f"there is no sampler for {', '.join(one.name for one in strongest)} all together"
    return ""


def _partners(name: str) -> str:
    return f"{name} goes with {', '.join(sorted(n for n in _REGISTERED if n != name and together(n, name))) or 'no other'}"


def _strongest(names: Iterable[str]) -> list[MatrixAssumption]:
    """Those on matrices that no other one implies."""
    wanted = set(names)
    implied = {n for name in wanted for n in consequences([name]) - {name}}
    return [one for name, one in _REGISTERED.items() if name in wanted - implied and isinstance(one, MatrixAssumption)]


def _leader(strongest: list[MatrixAssumption]) -> MatrixAssumption | None:
    """The one whose sampler takes all others along."""
    return next((a for a in strongest if all(b is a or b.name in a.combines for b in strongest)), None)


@lru_cache(maxsize=512)
def assumed(names: frozenset[str]) -> Assumed:
    """All that is assumed of a symbol. Raises ValueError where there is no sampler for it."""
    problem = why_not_together(names)
    if problem:
        raise ValueError(problem)
    follows = consequences(names)
    of_numbers = [one for name, one in _REGISTERED.items() if name in follows and isinstance(one, NumberAssumption)]
    strongest = _strongest(names)
    leader = _leader(strongest)
    limits = [one.above for one in of_numbers if one.above is not None]
    return Assumed(
        names,
        follows,
        tuple(sorted(of_numbers, key=lambda one: len(consequences([one.name])))),
        tuple(sorted(strongest, key=lambda one: one is not leader)),
        prod(one.variants for one in strongest),
        max(limits, default=None),
        all(_REGISTERED[name].moves_freely for name in names),
    )
