"""Iterates of a derivation in whatever letters they are typed -> in the letters of the rubric."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from autograder.algebra.derivations.rubric import Sequence


class IterateLetters(NamedTuple):
    """What a text uses for iterates: a base and a counter. shift: 1 if it steps from t to t + 1, and 0 if from t - 1 to t."""

    base: str
    counter: str
    shift: int


@lru_cache(maxsize=512)
def _patterns(base: str, indices: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    alone = "" if base.startswith("\\") else r"(?<![A-Za-z\\])"
    dressed = rf"(?:\\(?:mathbf|bm|boldsymbol|vec|mathrm|hat)\s*\{{\s*{re.escape(base)}\s*\}}|{alone}{re.escape(base)}(?![A-Za-z]))"
    index = "|".join(re.escape(i) for i in indices)
    below = rf"\s*_\s*(?:\{{\s*\(?\s*(?P<i>{index})\s*(?P<s>[+-]\s*1)?\s*\)?\s*\}}|(?P<j>{index})(?![A-Za-z]))"
    above = rf"\s*\^\s*\{{\s*\(\s*(?P<i>{index})\s*(?P<s>[+-]\s*1)?\s*\)\s*\}}"
    return re.compile(dressed + below), re.compile(dressed + above)


def sequence_letters(body: str, sequence: Sequence) -> IterateLetters | None:
    """How a text writes iterates; None where it has none."""
    for base in (sequence.base, *sequence.bases):
        counts: dict[str, set[str]] = {}
        for pattern in _patterns(base, (sequence.index, *sequence.indices)):
            for m in pattern.finditer(body):
                index = m.groupdict().get("j") or m["i"]
                counts.setdefault(index, set()).add("".join((m["s"] or "").split()) if m["s"] else "")
        for index in (sequence.index, *sequence.indices):
            shifts = counts.get(index, set())
            if shifts & {"-1"} or shifts & {"+1"} or (len(shifts) == 1 and index == sequence.index):
                return IterateLetters(base, index, int("+1" in shifts and "-1" not in shifts))
    return None


def rewritten(text: str, sequence: Sequence, letters: IterateLetters) -> str:
    """A side with its iterates in the letters of the rubric."""
    base, index, shift = letters
    following = f"{{{sequence.base}_{sequence.index}}}"
    last = f"{{{sequence.base}_{{{sequence.index}-1}}}}"

    def put(m: re.Match[str]) -> str:
        step = "".join((m["s"] or "").split()) if m["s"] else ""
        at = {"": 0, "+1": 1, "-1": -1}[step] - shift
        return {0: following, -1: last}.get(at, f"{{{sequence.base}_{{{sequence.index}{at:+d}}}}}")

    for pattern in _patterns(base, (index,)):
        text = pattern.sub(put, text)
    alone = "" if base.startswith("\\") else r"(?<![A-Za-z\\])"
    dressed = rf"(?:\\(?:mathbf|bm|boldsymbol|vec)\s*\{{\s*{re.escape(base)}\s*\}}|{alone}{re.escape(base)}(?![A-Za-z]))"
    zero = dressed + r"\s*(?:_\s*(?:0|\{\s*0\s*\})|\^\s*\{\s*\(0\)\s*\})"
    text = re.sub(zero, f"{{{sequence.base}_0}}", text)
    if index != sequence.index or shift:
        count = f"({sequence.index} - 1)" if shift else sequence.index
        text = re.sub(rf"(?<![A-Za-z\\_^{{]){re.escape(index)}(?![A-Za-z_^}}])|(?<=[(\s]){re.escape(index)}(?=\\)", count, text)
    return text
