"""Our decider, sympy's `simplify` and math-verify on the same pairs: how often right, how fast.

    python benchmarks/symbolic.py [CASES.jsonl ...] [--every N]

Pairs: all readable cases of the given corpora (by default tests/corpora/symbolic.jsonl), every N-th of them for the two
slow engines. Each engine must say "equal" or "not equal" of an expected and an answered expression.

- ours: text in, verdict out, with witness and slip where they differ, in this process, warm, no cache.
- sympy: `simplify` (scalars) or `expand`, `doit` and `refine` under the declared assumptions (matrices) of the difference, built from
  *our* typed trees as MatrixSymbol expressions: sympy is spared the reading. Each pair in a child with a limit of 2 s.
- math-verify: `verify(parse(expected), parse(answer))` on the texts between dollars, with its own limit of 2 s; left out where it is
  not installed.

Times are processor time of one core, so that a busy machine does not show.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.algebra.equivalence.corpus import read_case
from autograder.algebra.equivalence.decision import decide_expression
from autograder.algebra.notation.declare import cached_symbols
from autograder.algebra.notation.expression import read, read_expected
from autograder.algebra.tree import Misshapen
from autograder.errors import OutOfBudget, Unreadable
from autograder.worker import child

DEFAULT = Path(__file__).resolve().parents[1] / "tests" / "corpora" / "symbolic.jsonl"
SECONDS = 2.0


def load(paths: list[Path]) -> list[dict[str, Any]]:
    """The cases that have a right answer, with their tables and expected expressions read."""
    cases = []
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            case = read_case(line, number)
            if json.loads(line)["verdict"] in ("equivalent", "different"):
                case["verdict"] = json.loads(line)["verdict"]
                case["table"] = cached_symbols(tuple(case["symbols"].items()))
                case["truth"] = read_expected(case["expected"], case["table"])
                cases.append(case)
    return cases


def ours(case: dict[str, Any]) -> bool | None:
    """The whole decision, without the cache."""
    verdict = decide_expression.__wrapped__(case["answer"], case["truth"], case["table"]).verdict
    return {"equivalent": True, "different": False}.get(verdict)


def sympy_says(case: dict[str, Any]) -> bool | None:
    """sympy on our trees."""
    from autograder.algebra.equivalence.sympy_bridge import prove_here

    try:
        e = read(case["answer"], case["table"], case["truth"].shape)
    except (Unreadable, Misshapen, OutOfBudget):
        return None
    if e.shape != case["truth"].shape:
        return False
    try:
        return child.run(prove_here, case["truth"], e, case["table"], seconds=SECONDS, megabytes=2048)
    except child.ChildFailed:
        return None


def math_verify_says(case: dict[str, Any]) -> bool | None:
    """math-verify on the texts."""
    from math_verify import parse, verify

    def dollars(text: str) -> str:
        return text if "$" in text or "\\[" in text or "\\(" in text else f"${text}$"

    expected, answer = parse(dollars(case["expected"])), parse(dollars(case["answer"]))
    return bool(verify(expected, answer, timeout_seconds=int(SECONDS))) if expected and answer else None


def run(name: str, engine: Callable[[dict[str, Any]], bool | None], cases: list[dict[str, Any]], *, wall: bool) -> None:
    """One line of the table."""
    clock = time.perf_counter if wall else time.thread_time
    times, counts = [], Counter[str]()
    for case in cases:
        start = clock()
        says = engine(case)
        times.append(clock() - start)
        truth = case["verdict"] == "equivalent"
        counts["no answer" if says is None else "right" if says == truth else "false accept" if says else "false reject"] += 1
    times.sort()
    columns = [str(counts[k]) for k in ("right", "false accept", "false reject", "no answer")]
    milliseconds = [1e3 * t for t in (statistics.median(times), times[int(0.95 * len(times))], times[int(0.99 * len(times))], times[-1])]
    print(f"| {name} | {len(cases)} | {' | '.join(columns)} | {' | '.join(f'{t:.2g}' for t in milliseconds)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, default=[DEFAULT])
    parser.add_argument("--every", type=int, default=8, help="the slow engines see every N-th pair (8)")
    options = parser.parse_args()
    cases = load(options.paths)
    for case in cases:
        ours(case)  # warm: imports, tables
    print("| engine | pairs | right | false accept | false reject | no answer | median ms | p95 | p99 | max |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for verdict in ("equivalent", "different"):
        run(f"ours, {verdict}", ours, [c for c in cases if c["verdict"] == verdict], wall=False)
    few = cases[:: options.every]
    run("ours, the same pairs as below", ours, few, wall=False)
    import sympy  # noqa: F401 - its import is not what is measured

    run("sympy", sympy_says, few, wall=True)
    try:
        import math_verify  # noqa: F401
    except ImportError:
        print("math-verify is not installed: left out", file=sys.stderr)
    else:
        run("math-verify", math_verify_says, few, wall=True)


if __name__ == "__main__":
    main()
