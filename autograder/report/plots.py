"""Pictures of evidence that carries numbers over an axis: inline SVG, readable in grey, with the text of what it shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from autograder.evidence import Json, number

WIDTH, HEIGHT = 560, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 32, 44
"""Margins of the frame, in the units of the picture."""

ENOUGH_POINTS = 8
"""Fewer are better read as numbers."""

DECADES_FOR_LOG = 2.0
"""Positive numbers that span this much get a logarithmic axis."""

STROKES = ('stroke="#111" stroke-width="2.5"', 'stroke="#555" stroke-width="2" stroke-dasharray="7 4"')
"""Of the first and the second line: told apart without colour."""


def picture(evidence: Mapping[str, Json]) -> str | None:
    """The SVG of some evidence, or None where it carries nothing to draw.

    Drawn are: `plot`, whose first two lists of equal length are x and y; and numeric evidence whose returned and expected
    values are lists as long as one of the arguments, which is then x.
    """
    plot = evidence.get("plot")
    if isinstance(plot, Mapping):
        lists = [(name, value) for name, value in plot.items() if _is_curve(value)]
        if len(lists) >= 2 and len(lists[0][1]) == len(lists[1][1]):
            (across, x), (up, y) = lists[:2]
            unit = f" ({plot['unit']})" if plot.get("unit") else ""
            end = plot.get("end")
            band = evidence.get("accepted") if isinstance(evidence.get("accepted"), list) else None
            alt = str(plot.get("alt") or f"{up} over {across}")
            return _drawn(x, {up: y}, f"{across}{unit}", alt, mark=end if isinstance(end, int | float) else None, band=band)
    got, expected, args = evidence.get("got"), evidence.get("expected"), evidence.get("args")
    if not isinstance(got, list) or not isinstance(expected, list) or not isinstance(args, list):
        return None
    if not _is_curve(got) or not _is_curve(expected) or len(got) != len(expected):
        return None
    x = next((a for a in args if _is_curve(a) and len(a) == len(got)), None)
    if x is None:
        return None
    function = str(evidence.get("function", "")).rpartition(".")[2]
    alt = f"What {function} returned and what was expected over its argument, {len(x)} points from {number(min(x))} to {number(max(x))}."
    return _drawn(x, {"returned": got, "expected": expected}, "argument", alt)


def _is_curve(value: Json) -> bool:
    return isinstance(value, list) and len(value) >= ENOUGH_POINTS and all(isinstance(v, int | float) and math.isfinite(v) for v in value)


class _Axis:
    """Maps numbers to places between two ends of the picture."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        low, high = min(values), max(values)
        self.log = low > 0 and math.log10(high / low) >= DECADES_FOR_LOG
        self.low, self.high = (math.log10(low), math.log10(high)) if self.log else (low, high)
        if self.low == self.high:
            self.low, self.high = self.low - 1, self.high + 1
        self.start, self.end = start, end

    def at(self, value: float) -> float:
        place = (math.log10(value) if self.log else value) - self.low
        return round(self.start + (self.end - self.start) * place / (self.high - self.low), 1)

    def has_place_for(self, value: float) -> bool:
        inner = (math.log10(value) if value > 0 else -math.inf) if self.log else value
        return self.low <= inner <= self.high

    def ticks(self) -> list[float]:
        if self.log:
            decades = range(math.ceil(self.low), math.floor(self.high) + 1)
            return [10.0**k for k in decades][:: max(1, len(decades) // 6)]
        step = 10 ** math.floor(math.log10((self.high - self.low) / 2))
        step = next(step * k for k in (1, 2, 5, 10) if (self.high - self.low) / (step * k) <= 5)
        first = math.ceil(self.low / step)
        return [round(step * k, 12) for k in range(first, math.floor(self.high / step) + 1)]


def _drawn(
    x: Sequence[float], lines: Mapping[str, Sequence[float]], across: str, alt: str, *, mark: float | None = None, band: Json = None
) -> str:
    horizontal = _Axis(x, LEFT, WIDTH - RIGHT)
    vertical = _Axis([v for y in lines.values() for v in y], HEIGHT - BOTTOM, TOP)
    parts = []
    if isinstance(band, list) and len(band) == 2 and all(isinstance(b, int | float) and horizontal.has_place_for(b) for b in band):
        low, high = horizontal.at(band[0]), horizontal.at(band[1])
        parts.append(f'<rect x="{low}" y="{TOP}" width="{max(1.0, round(high - low, 1))}" height="{HEIGHT - TOP - BOTTOM}" fill="#ddd"/>')
        parts.append(f'<text x="{(low + high) / 2}" y="{TOP + 12}" text-anchor="middle">accepted</text>')
    for tick in horizontal.ticks():
        parts.append(f'<path d="M{horizontal.at(tick)} {HEIGHT - BOTTOM}v5" stroke="#333"/>')
        parts.append(f'<text x="{horizontal.at(tick)}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{number(tick)}</text>')
    for tick in vertical.ticks():
        parts.append(f'<path d="M{LEFT} {vertical.at(tick)}h-5" stroke="#333"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{vertical.at(tick) + 4}" text-anchor="end">{number(tick)}</text>')
    parts.append(f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none" stroke="#333"/>')
    order = sorted(range(len(x)), key=lambda k: x[k])
    for place, (name, y) in enumerate(lines.items()):
        points = " ".join(f"{horizontal.at(x[k])},{vertical.at(y[k])}" for k in order)
        parts.append(f'<polyline points="{points}" fill="none" {STROKES[place % 2]}/>')
        if len(lines) > 1:
            key = LEFT + 120 * place
            parts.append(f'<path d="M{key} 14h28" {STROKES[place % 2]}/><text x="{key + 34}" y="18">{escape(name)}</text>')
    if mark is not None and horizontal.has_place_for(mark):
        parts.append(f'<path d="M{horizontal.at(mark)} {TOP}V{HEIGHT - BOTTOM}" stroke="#111" stroke-dasharray="2 3"/>')
        side = "end" if horizontal.at(mark) > WIDTH / 2 else "start"
        shift = -6 if side == "end" else 6
        parts.append(f'<text x="{horizontal.at(mark) + shift}" y="{TOP + 30}" text-anchor="{side}">ends at {number(float(mark))}</text>')
    up = ", ".join(lines) if len(lines) == 1 else ""
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(across)}</text>')
    parts.append(f'<text x="14" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 14 {HEIGHT / 2})">{escape(up)}</text>')
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{escape(alt, quote=True)}">'
    return f"{head}<title>{escape(alt)}</title>{''.join(parts)}</svg>"
