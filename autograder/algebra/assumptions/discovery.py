"""The assumptions that there are: every module of this room is imported, so that to define one is to have it."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from autograder.algebra.assumptions.assumption import Assumption, registered, why_not_together

for _found in iter_modules([str(Path(__file__).parent)]):
    if _found.name != Path(__file__).stem:
        import_module(f"{__package__}.{_found.name}")


def known_assumptions() -> tuple[Assumption, ...]:
    """All assumptions, in the order of definition."""
    return tuple(registered().values())


def assumption(name: str) -> Assumption:
    """The one that is declared by this name. Raises KeyError."""
    return registered()[name]


def assumption_called(words: str) -> Assumption | None:
    """The one that is called this, by its name or in words: `positive_definite`, "positive definite"."""
    return next((one for one in known_assumptions() if words == one.name or words.lower() in one.words), None)


def misfit(names: Iterable[str]) -> str:
    """Why these cannot be assumed of one symbol, in one line that lists what there is; empty where they can."""
    unknown = sorted(set(names) - set(registered()))
    if unknown:
        return f"{unknown[0]!r} is no assumption; assumptions are {', '.join(sorted(registered()))}"
    return why_not_together(names)
