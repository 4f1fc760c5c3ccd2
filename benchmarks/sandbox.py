"""What the sandbox costs: the start of a guest with and without its layers, and the round trip of a warm call.

    python benchmarks/sandbox.py [--torch]

Goals: the layers add less than 5 ms to a start; a warm call takes less than 1 ms. Lower quartiles, because other programs run too.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from autograder.worker import File, WarmParent, Worker
from autograder.worker.layers import LAYERS

STARTS = 40
CALLS = 2000

CODE = """
import numpy as np

def solve(A, b):
    return np.linalg.solve(A, b)

def same(x):
    return x
"""


def measured_ms(action: Callable[[], object], times: int) -> float:
    """Milliseconds of one of `times` runs."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        action()
        taken.append(time.perf_counter() - begun)
    return typical_ms(taken)


def typical_ms(seconds: list[float]) -> float:
    """The lower quartile, in milliseconds: what it takes when little else is running."""
    return 1000 * statistics.quantiles(seconds, n=4)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", action="store_true", help="with torch imported, as for submissions that use it")
    torch = parser.parse_args().torch
    with tempfile.TemporaryDirectory() as folder, WarmParent(torch=torch) as warm:
        Path(folder, "code.py").write_text(CODE, encoding="utf-8")
        begun = time.perf_counter()

        def worker(*leave_out: str) -> Worker:
            return Worker(Path(folder), {"code": File("code.py")}, torch=torch, seed=1, warm=warm, _leave_out=leave_out)

        with worker() as first:
            print(f"torch: {first.facts['torch'] or 'not imported'}; layers: {', '.join(first.protections)}")
            print(f"until the first answer, imports included: {time.perf_counter() - begun:.2f} s")

        def compare(*leave_out: str) -> tuple[float, float, float]:
            """Milliseconds of a start with all layers, of one with some left out, of an end; by turns, so that the machine is the same."""
            dressed, bare, ends = [], [], []
            with worker() as one, worker(*leave_out) as other:
                for _ in range(STARTS):
                    for which, taken in ((one, dressed), (other, bare)):
                        before = time.perf_counter()
                        which._guests[""] = which._start()
                        taken.append(time.perf_counter() - before)
                        before = time.perf_counter()
                        which._end("")
                        ends.append(time.perf_counter() - before)
            return typical_ms(dressed), typical_ms(bare), typical_ms(ends)

        every = [name for name, _, _ in LAYERS]
        with_all, without, end = compare(*every)
        print(f"start of a guest: {without:.2f} ms without layers, {with_all:.2f} ms with all of them; its end: {end:.2f} ms")
        print(f"the layers add {with_all - without:.2f} ms")
        for name in every:
            with_all, without, _ = compare(name)
            print(f"    {name} adds {with_all - without:.2f} ms")
        with worker() as one:
            A, b = np.eye(10), np.ones(10)
            one.call("code.solve", A, b)
            print(f"warm call, 10 x 10 system: {measured_ms(lambda: one.call('code.solve', A, b), CALLS):.3f} ms")
            large = np.zeros(10**6)
            print(f"warm call, 8 MB there and back: {measured_ms(lambda: one.call('code.same', large), 10):.1f} ms")
        with worker(*every) as one:
            one.call("code.solve", A, b)
            print(f"warm call without layers: {measured_ms(lambda: one.call('code.solve', A, b), CALLS):.3f} ms")


if __name__ == "__main__":
    main()
