"""How far a class is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections import Counter
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

LINES = 20
"""Lines that a whole class is told in, where there is no terminal."""

QUIET_SECONDS = 10.0
"""A line at least this often, if anything was done."""

REDRAW_SECONDS = 0.2
SHOWN_NAME = 40


class Watch:
    """Counts what was done and shows it on standard error. A context manager; starts no thread, since its process forks."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.counts: Counter[str] = Counter()
        self.slowest = ("", 0.0)
        self.began: float | None = None
        """When the first submission was begun."""
        self._told = time.monotonic()
        self._told_done = 0
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True)
            self._task = self._bar.add_task("starting", total=total)

    def __enter__(self) -> Watch:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def started(self) -> None:
        """The jobs are warm and the first submission begins: the rate counts from here."""
        self.began = self.began or time.monotonic()

    def finished(self, name: str, seconds: float, counts: dict[str, int]) -> None:
        """One submission is done. counts: its verdicts."""
        self.done += 1
        self.counts.update(counts)
        if seconds > self.slowest[1]:
            self.slowest = (name, seconds)
        self.tick()

    def tick(self, doing: str = "") -> None:
        """Redraws, where it is time to. doing: what is running."""
        now = time.monotonic()
        if self._bar is not None:
            if now - self._told >= REDRAW_SECONDS or self.done == self.total:
                self._told = now
                self._bar.update(self._task, completed=self.done, description=self.line(doing))
                self._bar.refresh()
            return
        step = max(1, self.total // LINES)
        due = self.done - self._told_done >= step or now - self._told >= QUIET_SECONDS
        if self.done > self._told_done and (due or self.done == self.total):
            self._told, self._told_done = now, self.done
            print(f"[{self.done}/{self.total}] {self.line()}", file=sys.stderr, flush=True)

    def rate(self) -> float:
        """Submissions done a second, so far."""
        return self.done / max(1e-6, time.monotonic() - (self.began or 0.0))

    def line(self, doing: str = "") -> str:
        """Rate, time left, verdicts, the slowest."""
        left = (self.total - self.done) / self.rate() if self.done else 0.0
        parts = [f"{self.rate():.2f}/s"] if self.done else []
        if 0 < self.done < self.total:
            parts.append(f"{int(left) // 60}:{int(left) % 60:02d} left")
        parts += [f"{count} {kind}" for kind, count in self.counts.most_common() if count]
        if self.slowest[0]:
            parts.append(f"slowest {shorten_name(self.slowest[0])} {self.slowest[1]:.1f} s")
        if doing:
            parts.append(f"now {doing}")
        return ", ".join(parts).replace("[", "(").replace("]", ")")  # no markup of rich's


def shorten_name(name: str) -> str:
    """A name that fits beside others on a line."""
    return name if len(name) <= SHOWN_NAME else name[: SHOWN_NAME - 1] + "…"
