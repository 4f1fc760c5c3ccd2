"""A rubric with one choice of letters, read: its symbols, and where relations are to hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from autograder.algebra.derivations.chains import Notation
from autograder.algebra.derivations.domain import Domain, Fixed, Introduced, Iteration, Upper
from autograder.algebra.derivations.letters import Binding, with_accents
from autograder.algebra.derivations.rubric import Rubric
from autograder.algebra.notation import definition, read_expected, symbols
from autograder.algebra.symbols import Symbols, key_of
from autograder.algebra.tree import zero


@dataclass(frozen=True)
class Setting:
    """A rubric with one choice of letters."""

    table: Symbols
    domains: tuple[Domain, ...]
    notation: Notation
    binding: Mapping[str, str]
    """Letter typed -> name in the problem, where they differ."""


@lru_cache(maxsize=256)
def setting(rubric: Rubric, binding: Binding = ()) -> Setting:
    """The rubric's symbols with further spellings. Raises ValueError for a rubric that cannot be read, or letters that clash."""
    aliases: dict[str, list[str]] = {name: list(others) for name, others in rubric.aliases.items()}
    for renaming in with_accents(rubric, binding):
        aliases.setdefault(renaming.name, []).append(renaming.letter)
    names = {**rubric.symbols, **rubric.generic}
    for name, differential in rubric.varies.items():
        names[differential] = rubric.symbols[name]
    table = symbols(names, aliases=aliases, functions=rubric.functions, definitions=rubric.definitions, constraints=rubric.constraints)
    uppers = tuple(Upper(key_of(name), read_expected(text, table)) for name, text in rubric.uppers.items())
    parts = tuple(Introduced("singular", (key_of(name),), read_expected(of, table)) for name, of in rubric.singular.items())
    domains = [Domain(table, uppers, introduced=parts)]
    if rubric.solutions:
        values = tuple(Fixed(key_of(name), read_expected(text, table)) for name, text in rubric.solutions.items())
        domains.append(Domain(table, uppers, values=values, introduced=parts, solved=True))
    if rubric.recursion is not None:
        last, counter, following = map(key_of, rubric.recursion)
        domains.append(Domain(table, uppers, iteration=Iteration(last, counter, definition(table, following)), introduced=parts))
    varies = {key_of(name): key_of(d) for name, d in rubric.varies.items()}
    if len(varies) > 1:
        for one in varies:
            still = tuple(Fixed(d, zero(table.by_key(d).shape)) for key, d in varies.items() if key != one)
            domains.append(Domain(table, uppers, values=still, introduced=parts))
    return Setting(table, tuple(domains), Notation(table, {}, varies, frozenset(key_of(name) for name in rubric.generic)), dict(binding))
