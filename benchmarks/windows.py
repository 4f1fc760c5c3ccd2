"""The windows of problem 7: where honest training ends, over random datasets. Writes tests/hw0/windows.json.

    python benchmarks/windows.py                 # measure, print, write windows.json
    python benchmarks/windows.py --check         # fresh datasets against the stored windows: share of false rejects

Each honest run draws 1000 frequencies 2 pi 10^U(0, 6), labels them by the desired circuit and descends until the
gradients that its rule looks at are below 1e-6. Re-training that 10,000 times would take days, so:

- one parameter, and the two halves of the Bode plot (which do not meet): the stopped value is the root of
  gradient = 1e-6, with the sign of the side it comes from; found by bisection, all datasets at once;
- band pass: the stationary point by Newton's method, and from there the last way along the slow eigenvector of the
  Hessian, up to where the larger of both gradients is 1e-6;
- color organ: its rule looks at two of four gradients and stops the others early, so whole trajectories are walked,
  step by step, from the stated start, for all datasets at once, on tables of each dataset's gradient.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "hw0"))

import color_organ_truth as truth  # noqa: E402

Array = npt.NDArray[np.float64]

SEED = 182
CHECK_SEED = 7182
DATASETS = 12_000
BAND_DATASETS = 20_000
ORGAN_DATASETS = 12_000
TAIL = 0.0005
"""Of honest runs below and above a window; shared by the parameters of a run, so that 99.9 % of runs lie inside with all of them."""
ACCEPTED = 0.002
"""Share of honest runs that may be rejected."""
CHUNK = 500
ORGAN_STARTS = (50.0, 100.0, 150.0, 200.0, 250.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0, 900.0, 1000.0)
ORGAN_START = 200.0
ORGAN_RATE = 500.0
ORGAN_FEWER = 1_500
"""Datasets for the starts that are not the template's ..."""
FEWER_MARGIN = 0.04
"""... whose windows reach from the smallest to the largest value and, in logarithms, this share of the range further on both sides."""
MAX_STEPS = 100_000
TABLE = 160
"""Points of a gradient's table along each resistor."""


def frequencies(rng: np.random.Generator, datasets: int) -> Array:
    return 2 * math.pi * 10 ** (truth.DECADES * rng.random((datasets, truth.DATASET_SIZE)))


def bisect(gradient: Any, low: float, high: float, datasets: int, level: Array) -> Array:
    """The root of an increasing gradient - level in each dataset, to 1e-5 of itself."""
    a, b = np.full(datasets, math.log(low)), np.full(datasets, math.log(high))
    for _ in range(math.ceil(math.log2(math.log(high / low) / 1e-5))):
        middle = (a + b) / 2
        above = gradient(np.exp(middle)) > level
        b = np.where(above, middle, b)
        a = np.where(above, a, middle)
    return np.exp((a + b) / 2)


def one_parameter(part: str, omega: Array, start: float) -> Array:
    """Stopped values (datasets, 1) of (d), (e), (f)."""
    magnitude, wanted, around = {
        "d": (truth.low_pass_and_slope, truth.LOW_DESIRED, 345.0),
        "e": (truth.low_pass_and_slope, truth.LOW_DESIRED, 195.0),
        "f": (truth.high_pass_and_slope, truth.HIGH_DESIRED, 32.5),
    }[part]
    loss_slope = truth.squared_error_slope if part == "d" else truth.standard_loss_slope
    labels = truth.labels_of(magnitude(omega, wanted)[0])

    def gradient(resistor: Array) -> Array:
        prediction, slope = magnitude(omega, resistor[:, None])
        return (loss_slope(prediction, labels) * slope).mean(1)

    side = 1.0 if start > around else -1.0
    return bisect(gradient, around / 2, around * 2, len(omega), np.full(len(omega), side * truth.STOP_BELOW))[:, None]


def bode_cutoffs(omega: Array, side: float) -> Array:
    """Stopped cutoffs (datasets, 2) in Hz of (h), reached from above (side 1) or below (-1)."""
    target = truth.decibels(truth.band_pass(omega, truth.BAND_LOW_DESIRED, truth.BAND_HIGH_DESIRED))
    slope = 20 / math.log(10)
    level = np.full(len(omega), side * truth.STOP_BELOW)

    def low(cutoff: Array) -> Array:
        c = cutoff[:, None]
        return np.where(omega > c, 2 * (-20 * np.log10(omega / c) - target) * slope / c, 0.0).mean(1)

    def high(cutoff: Array) -> Array:
        c = cutoff[:, None]
        return np.where(omega < c, -2 * (-20 * np.log10(c / omega) - target) * slope / c, 0.0).mean(1)

    hertz = 2 * math.pi
    found = (bisect(low, 2000 * hertz, 8000 * hertz, len(omega), level), bisect(high, 500 * hertz, 2000 * hertz, len(omega), level))
    return np.stack(found, 1) / hertz


def band_pass(omega: Array, start: float) -> Array:
    """Stopped values (datasets, 2) of (g): the stationary point and the way along the slow direction that is left out."""
    labels = truth.labels_of(truth.band_pass(omega, truth.BAND_LOW_DESIRED, truth.BAND_HIGH_DESIRED))

    def gradient(p: Array) -> Array:
        low, high = p[:, :1], p[:, 1:]
        (a, da), (b, db) = truth.low_pass_and_slope(omega, low), truth.high_pass_and_slope(omega, high)
        residual = truth.standard_loss_slope(a * b, labels)
        return np.stack([(residual * da * b).mean(1), (residual * a * db).mean(1)], 1)

    p = np.tile([39.9, 159.5], (len(omega), 1))
    for _ in range(4):
        at = gradient(p)
        width = 1e-4 * p
        hessian = np.stack(
            [(gradient(p + width * unit) - gradient(p - width * unit)) / (2 * width[:, j : j + 1]) for j, unit in enumerate(np.eye(2))], 2
        )
        p = p - np.linalg.solve(hessian, at[:, :, None])[:, :, 0]
    values, vectors = np.linalg.eigh((hessian + hessian.transpose(0, 2, 1)) / 2)
    slow = vectors[:, :, 0] * np.sign(vectors[:, 1:, 0])  # towards larger R_high, the side that a start of 200 or more comes from
    side = 1.0 if start > 160 else -1.0
    return p + side * slow * (truth.STOP_BELOW / (values[:, 0] * np.abs(slow).max(1)))[:, None]


class Tables:
    """Gradients of the color organ's mean loss (over three channels) for each dataset, on a log grid of resistors."""

    def __init__(self, omega: Array, largest: float) -> None:
        self.grid = np.exp(np.linspace(math.log(8.0), math.log(1.3 * largest), TABLE))
        self._start, self._width = math.log(self.grid[0]), math.log(self.grid[1] / self.grid[0])
        count, scale = omega.shape[0], 2 / (3 * omega.shape[1])
        self.low, self.high = np.empty((count, TABLE)), np.empty((count, TABLE))
        self.band = np.empty((2, count, TABLE, TABLE), dtype=np.float32)
        wanted = (truth.LOW_DESIRED, truth.BAND_LOW_DESIRED, truth.BAND_HIGH_DESIRED, truth.HIGH_DESIRED)
        for number, w in enumerate(omega):
            a, da = truth.low_pass(w, self.grid[:, None]), truth.low_pass_slope(w, self.grid[:, None])
            b, db = truth.high_pass(w, self.grid[:, None]), truth.high_pass_slope(w, self.grid[:, None])
            t = [
                0.3 + 0.7 * truth.labels_of(m)
                for m in (truth.low_pass(w, wanted[0]), truth.band_pass(w, wanted[1], wanted[2]), truth.high_pass(w, wanted[3]))
            ]
            self.low[number] = scale * ((a - t[0]) * da).sum(1)
            self.high[number] = scale * ((b - t[2]) * db).sum(1)
            self.band[0, number] = scale * ((a * da) @ (b * b).T - (t[1] * da) @ b.T)
            self.band[1, number] = scale * ((a * a) @ (b * db).T - (t[1] * a) @ db.T)
        self._rows = np.arange(count)

    def _place(self, resistor: Array) -> tuple[npt.NDArray[np.intp], Array]:
        position = np.clip((np.log(np.maximum(resistor, self.grid[0])) - self._start) / self._width, 0, TABLE - 1.001)
        left = position.astype(np.intp)
        return left, position - left

    def along(self, table: Array, resistor: Array, rows: Any) -> Array:
        left, part = self._place(resistor)
        return table[rows, left] * (1 - part) + table[rows, left + 1] * part

    def across(self, low: Array, high: Array, rows: Any) -> Array:
        i, s = self._place(low)
        j, t = self._place(high)
        corner = self.band[:, rows, i, j] * (1 - s) * (1 - t) + self.band[:, rows, i + 1, j] * s * (1 - t)
        return corner + self.band[:, rows, i, j + 1] * (1 - s) * t + self.band[:, rows, i + 1, j + 1] * s * t


def organ(omega: Array, start: float, *, rate: float = ORGAN_RATE, stride: int = 1) -> Array:
    """Stopped values (datasets, 4) of (i): low, band low, band high, high. stride: steps taken as one."""
    tables = Tables(omega, max(start, 300.0))
    p = np.full((len(omega), 4), start)
    running = np.arange(len(omega))
    for _ in range(MAX_STEPS // stride):
        q = p[running]
        band = tables.across(q[:, 1], q[:, 2], running)
        gradient = np.stack([tables.along(tables.low, q[:, 0], running), band[0], band[1], tables.along(tables.high, q[:, 3], running)], 1)
        p[running] = q - rate * stride * gradient
        running = running[~((np.abs(gradient[:, 0]) < truth.STOP_BELOW) & (np.abs(gradient[:, 1]) < truth.STOP_BELOW))]
        if not running.size:
            break
    return p


def honest(part: str, rng: np.random.Generator, datasets: int, start: float) -> Array:
    """Stopped values (datasets, parameters) of one part from one start."""
    found = []
    size = 250 if part == "i" else CHUNK
    for first in range(0, datasets, size):
        omega = frequencies(rng, min(size, datasets - first))
        if part in "def":
            found.append(one_parameter(part, omega, start))
        elif part == "g":
            found.append(band_pass(omega, start))
        elif part == "h":
            found.append(bode_cutoffs(omega, start))
        else:
            found.append(organ(omega, start, stride=1 if start <= 250 else 4))
    return np.concatenate(found)


PARTS: dict[str, dict[str, Any]] = {
    "d": {"names": ["R"], "unit": "ohm", "starts": [500.0, 100.0], "datasets": DATASETS, "loss": "(x - y)^2"},
    "e": {"names": ["R"], "unit": "ohm", "starts": [500.0, 100.0], "datasets": DATASETS, "loss": "(x - (0.3 + 0.7 y))^2"},
    "f": {"names": ["R"], "unit": "ohm", "starts": [500.0, 10.0], "datasets": DATASETS, "loss": "(x - (0.3 + 0.7 y))^2"},
    "g": {"names": ["R_low", "R_high"], "unit": "ohm", "starts": [500.0, 20.0], "datasets": BAND_DATASETS, "loss": "(x - (0.3 + 0.7 y))^2"},
    "h": {"names": ["low_cutoff", "high_cutoff"], "unit": "hertz", "starts": [1.0, -1.0], "datasets": DATASETS, "loss": "(x - y)^2 in dB"},
}


def window(values: Array, margin: float = 0.0) -> list[list[float]]:
    """The window of each parameter: the quantiles, taken outwards to the next dataset; margin: share of log(high / low) further."""
    tail = TAIL / values.shape[1]
    low = np.quantile(values, tail, axis=0, method="lower")
    high = np.quantile(values, 1 - tail, axis=0, method="higher")
    further = (high / low) ** margin
    return [[round(float(a), 2), round(float(b), 2)] for a, b in zip(low / further, high * further, strict=True)]


def measure() -> dict[str, Any]:
    windows: dict[str, Any] = {}
    for part, about in PARTS.items():
        ends = [honest(part, np.random.default_rng([SEED, ord(part)]), about["datasets"], start) for start in about["starts"]]
        sides = dict(zip(("above", "below"), map(window, ends), strict=True))
        windows[f"7.{part}"] = {
            "parameters": about["names"],
            "unit": about["unit"],
            "loss": about["loss"],
            "datasets": about["datasets"],
            "median": [round(float(m), 2) for m in np.median(ends[0], axis=0)],
            "windows": sides,
        }
        print(part, json.dumps(windows[f"7.{part}"]), flush=True)
    starts: dict[str, Any] = {}
    for start in ORGAN_STARTS:
        began = time.perf_counter()
        many = start == ORGAN_START
        found = honest("i", np.random.default_rng([SEED, ord("i")]), ORGAN_DATASETS if many else ORGAN_FEWER, start)
        starts[f"{start:g}"] = window(found, 0.0 if many else FEWER_MARGIN)
        medians = np.median(found, axis=0).round(1).tolist()
        print("i", start, starts[f"{start:g}"], "median", medians, f"{time.perf_counter() - began:.0f} s", flush=True)
    windows["7.i"] = {
        "parameters": ["low", "band_low", "band_high", "high"],
        "unit": "ohm",
        "loss": "(x - (0.3 + 0.7 y))^2",
        "datasets": {"template's start": ORGAN_DATASETS, "other starts": ORGAN_FEWER},
        "start": ORGAN_START,
        "windows": starts,
    }
    return {
        "provenance": {
            "script": "benchmarks/windows.py",
            "seed": SEED,
            "frequencies_per_dataset": truth.DATASET_SIZE,
            "quantiles": [TAIL, 1 - TAIL],
            "quantiles_are": "of runs; shared equally by a run's parameters",
            "stop_below": truth.STOP_BELOW,
            "date": datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat(),
        },
        "parts": windows,
    }


def false_rejects(datasets: int, organs: int, path: Path | None = None) -> dict[str, tuple[int, int]]:
    """(fresh honest runs that the stored windows reject, fresh honest runs) for each part, from the template's start."""
    counts = {}
    for part in (*PARTS, "i"):
        start, number = (ORGAN_START, organs) if part == "i" else (PARTS[part]["starts"][0], datasets)
        found = honest(part, np.random.default_rng([CHECK_SEED, ord(part)]), number, start)
        windows = truth.organ_windows(start, path) if part == "i" else truth.honest_windows(f"7.{part}", path)
        ends = np.array([[w.low, w.high] for w in windows or ()])
        rounding = 0.5  # values are printed in whole ohms and hertz, and judged to the last digit written
        outside = ((np.round(found) < ends[:, 0] - rounding) | (np.round(found) > ends[:, 1] + rounding)).any(axis=1)
        counts[part] = (int(outside.sum()), number)
        print(f"7({part}): {outside.sum()} of {number} honest runs outside, {100 * outside.mean():.3f} %", flush=True)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="measure false rejects against the stored windows")
    parser.add_argument("--out", type=Path, default=ROOT / "tests" / "hw0" / "windows.json")
    options = parser.parse_args()
    if options.check:
        counts = false_rejects(10_000, 1_000, options.out)
        sys.exit(0 if all(outside <= ACCEPTED * runs for outside, runs in counts.values()) else 1)
    found = measure()
    flat = re.sub(r"\[\s+([^][]*?)\s+\]", lambda m: "[" + " ".join(m.group(1).split()) + "]", json.dumps(found, indent=1))
    options.out.write_text(flat + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
