"""Scalars of a problem, what they depend on, and where steps about them are to hold: facts that a suite declares, made into points.

For parts that are judged by their final answer and show steps of scalar calculus on the way: a prediction with a kink, a loss of it, one
step of descent. Each case is a region of the problem; a step has to hold in the case that it is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autograder.algebra.assumptions import assumed
from autograder.algebra.calculus import differential
from autograder.algebra.equivalence import read_condition, seed_of
from autograder.algebra.evaluation import Batch, SampleBatch, evaluate_batch
from autograder.algebra.notation import read_expected, symbols
from autograder.algebra.symbols import SCALAR, Symbols, key_of
from autograder.algebra.tree import Expr, Misshapen, difference, number, substituted, symbol, symbols_in, times
from autograder.errors import Unreadable

DRAWN: Final = 4000
"""Points that are drawn for a case; those outside of it are thrown away."""
KEPT: Final = 48
"""Points of a case."""
FEWEST: Final = 12
"""Fewer points inside a case say that it cannot be used."""
SMALL: Final = (1.0, 2.0, 3.0, 0.5, 1.5, 4.0)
"""Absolute values of free symbols: binary fractions, so that double precision is nearly exact."""
NEW: Final = "new"
"""Index of a name after the step."""


@dataclass(frozen=True)
class Case:
    """A region of the problem. where: conditions. values: free symbols that are determined there. words: a regular expression of what a
    text calls it."""

    name: str
    where: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    words: str = ""


class Descent(NamedTuple):
    """One step of descent takes each name n to n - rate * d loss / dn. A plain triple is made into one."""

    loss: str
    rate: str
    names: tuple[str, ...]

    def __repr__(self) -> str:
        return repr(tuple(self))  # seeds hang on this text


@dataclass(frozen=True)
class Situation:
    """What steps of scalar calculus are checked by.

    free: name -> "", "positive" or "nonzero". layers: name -> text, each made of the free symbols and the layers before it: derivatives go
    down through them. places: name -> text,
    before and after the step. varies: which free symbols vary together under d(...); a step need hold for one of these. main: the case
    that a step is about unless it says otherwise. others: cases in which it may be meant instead, where that shows or where the part is
    about all of them (`open_cases`). solved: free symbol -> its value at the point that an equation is solved for. aliases: further
    spellings, which surely mean the name; soft: those that a text may use for something of its own. about: a regular expression of words
    that show that a soft name of a place means the place. usual: conditions that a text may take for granted.
    """

    free: Mapping[str, str]
    layers: Mapping[str, str]
    descent: Descent
    main: Case
    others: tuple[Case, ...] = ()
    open_cases: bool = False
    places: Mapping[str, str] = field(default_factory=dict)
    varies: tuple[tuple[str, ...], ...] = ()
    solved: Mapping[str, str] = field(default_factory=dict)
    functions: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    soft: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    about: str = ""
    usual: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "descent", Descent(*self.descent))

    def __hash__(self) -> int:
        return hash(self.identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Situation) and self.identity == other.identity

    @property
    def identity(self) -> str:
        """All of it as text."""
        return repr(sorted(self.__dict__.items()))


@dataclass(frozen=True)
class SampledCase:
    """Points of one case with one choice of what varies."""

    case: Case
    batch: SampleBatch
    cost: NDArray[np.float64]
    """How hard each point is to check by hand."""
    usual: NDArray[np.bool_]
    """Where what a text may take for granted holds."""


@dataclass(frozen=True)
class CompiledSituation:
    """A situation read. meanings: key -> one level of what a name stands for. samples: by the name of their case, the first that
    in which nothing is kept still."""

    table: Symbols
    meanings: Mapping[str, Expr]
    free: tuple[str, ...]
    layers: tuple[str, ...]
    differentials: Mapping[str, str]
    """Key of a free symbol or a layer -> key of its differential."""
    moved: Mapping[str, str]
    """Key of a name that the step moves -> key of the name after it."""
    samples: Mapping[str, tuple[SampledCase, ...]]
    solved: tuple[SampledCase, ...]


def after(name: str) -> str:
    """What a name is called after the step."""
    return f"{name}_{{{NEW}}}"


def expanded(e: Expr, meanings: Mapping[str, Expr], stop: frozenset[str] = frozenset()) -> Expr:
    """An expression in free symbols, and in those at which to stop."""
    for _ in range(20):
        names = (symbols_in(e) & meanings.keys()) - stop
        if not names:
            return e
        e = substituted(e, {**{k: symbol(k) for k in symbols_in(e)}, **{k: meanings[k] for k in names}})
    raise Misshapen("names that stand for each other", 0)


def slope(e: Expr, key: str, compiled: CompiledSituation, meanings: Mapping[str, Expr]) -> Expr:
    """de/dv in free symbols. Raises Misshapen where that is not certain, or is not differentiated."""
    if key not in (*compiled.free, *compiled.layers):
        raise Misshapen("a derivative in something that does not vary", 0)
    whole = expanded(e, meanings)
    if symbols_in(whole) & set(compiled.differentials.values()):
        raise Misshapen("a derivative of a differential", 0)
    kept = expanded(e, meanings, frozenset({key}))
    if kept.op == "sym" and kept.data != key:
        raise Misshapen("a derivative of a symbol that may or may not depend on another", 0)
    if key in compiled.layers and key not in symbols_in(kept) and symbols_in(whole) & symbols_in(expanded(meanings[key], meanings)):
        raise Misshapen("a derivative in what is made of the same symbols", 0)
    return expanded(differential(kept, {key: number(1)}), meanings)


@lru_cache(maxsize=64)
def compile_situation(situation: Situation) -> CompiledSituation:
    """The situation as a table and points. Raises ValueError where it cannot be read, or where a case has hardly any point."""
    loss, rate, names = situation.descent
    layered = dict.fromkeys(situation.layers, "scalar")
    differentials = {n: f"d{n.lstrip(chr(92))}" for n in (*situation.free, *situation.layers) if n != rate}
    everything = {n: f"scalar {a}".strip() for n, a in situation.free.items()} | layered
    everything |= dict.fromkeys((*differentials.values(), *map(after, names), *situation.places, *map(after, situation.places)), "scalar")
    spellings = {n: (*situation.aliases.get(n, ()), *situation.soft.get(n, ())) for n in everything}
    table = symbols(everything, aliases={n: s for n, s in spellings.items() if s}, functions=situation.functions)
    free = tuple(map(key_of, situation.free))
    layers = tuple(map(key_of, situation.layers))
    pairs = {key_of(n): key_of(d) for n, d in differentials.items()}
    meanings: dict[str, Expr] = {key_of(n): read_expected(text, table) for n, text in situation.layers.items()}
    moved = {key_of(n): key_of(after(n)) for n in names}
    compiled = CompiledSituation(table, meanings, free, layers, pairs, moved, {}, ())
    directions = {k: symbol(pairs[k]) for k in free if k in pairs}
    try:
        for n in names:
            step = times(symbol(key_of(rate)), slope(symbol(key_of(loss)), key_of(n), compiled, meanings))
            meanings[moved[key_of(n)]] = difference(symbol(key_of(n)), step)
        for n, text in situation.places.items():
            here = read_expected(text, table)
            there = substituted(here, {k: symbol(moved.get(k, k)) for k in symbols_in(here)})
            meanings |= {key_of(n): here, key_of(after(n)): there}
            moved[key_of(n)] = key_of(after(n))
        for key in layers:
            meanings[pairs[key]] = differential(expanded(meanings[key], meanings), directions)
    except (Misshapen, Unreadable) as bad:
        raise ValueError(f"the situation cannot be used: {bad}") from None
    compiled = CompiledSituation(table, meanings, free, layers, pairs, moved, {}, ())
    cases = (situation.main, *situation.others)
    samples = {case.name: _sampled(situation, compiled, case) for case in cases}
    at_solution = _sampled(situation, compiled, Case("", (), situation.solved)) if situation.solved else ()
    return CompiledSituation(table, meanings, free, layers, pairs, moved, samples, at_solution)


def set_to(situation: Situation, compiled: CompiledSituation, case: Case, settings: Mapping[str, Expr]) -> SampledCase | None:
    """Points of a case at which some free symbols have given values; None if there is none."""
    found = _sampled(situation, compiled, case, settings, fewest=1)
    return found[0] if found else None


def _sampled(
    situation: Situation, compiled: CompiledSituation, case: Case, settings: Mapping[str, Expr] | None = None, fewest: int = FEWEST
) -> tuple[SampledCase, ...]:
    rng = np.random.default_rng(seed_of(situation.identity, case.name))
    values: dict[str, Batch] = {}
    for name, words in situation.free.items():
        sizes = rng.choice([0.5, 0.25, 0.125] if name == situation.descent.rate else SMALL, size=DRAWN)
        signs = np.ones(DRAWN) if not assumed(frozenset(words.split())).allows(-1) else rng.choice([1.0, -1.0], size=DRAWN)
        values[key_of(name)] = (sizes * signs)[:, None, None]
    for key in compiled.differentials.values():
        if key not in compiled.meanings:
            values[key] = (rng.choice([1.0, 2.0, 3.0], size=DRAWN) * rng.choice([1.0, -1.0], size=DRAWN))[:, None, None]
    for key, e in (settings or {}).items():
        values[key] = np.array(value_of(expanded(e, compiled.meanings), values, DRAWN))
    for name, text in case.values.items():
        values[key_of(name)] = np.array(value_of(expanded(read_expected(text, compiled.table), compiled.meanings), values, DRAWN))
    inside = np.ones(DRAWN, dtype=bool)
    for text in case.where:
        condition = read_condition(text, compiled.table)
        inside &= truth_of(condition, compiled.meanings, values, DRAWN)
    chosen = np.flatnonzero(inside)[:KEPT]
    if len(chosen) < fewest:
        if settings:
            return ()
        raise ValueError(f"the case {case.name!r} has hardly any points")
    kept = {key: batch[chosen] for key, batch in values.items()}
    cost = sum((np.abs(b[:, 0, 0]) + 2.0 * (b[:, 0, 0] != np.round(b[:, 0, 0])) for b in kept.values()), np.zeros(len(chosen)))
    usual = np.ones(len(chosen), dtype=bool)
    for text in situation.usual:
        usual &= truth_of(read_condition(text, compiled.table), compiled.meanings, kept, len(chosen))
    out = []
    moving = [d for k, d in compiled.differentials.items() if k in compiled.free]
    for together in (tuple(situation.free), *situation.varies):
        keys = {compiled.differentials.get(key_of(n)) for n in together}
        here = {k: (b * 0.0 if k in moving and k not in keys else b) for k, b in kept.items()}
        out.append(SampledCase(case, SampleBatch({}, here, len(chosen)), cost, usual))
    return tuple(out)


def value_of(e: Expr, values: Mapping[str, Batch], count: int) -> Batch:
    """The values of an expression in free symbols at many points."""
    return evaluate_batch(e, SampleBatch({}, values, count)).values


def truth_of(condition: Expr, meanings: Mapping[str, Expr], values: Mapping[str, Batch], count: int) -> NDArray[np.bool_]:
    """Where a condition holds."""
    indicator = Expr("cases", (number(1), expanded(condition, meanings), number(0), Expr("true", (), None, SCALAR)), None, SCALAR)
    return np.asarray(value_of(indicator, values, count)[:, 0, 0] > 0)
