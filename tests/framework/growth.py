"""How work grows with the length of a text, counted so that the machine and its load do not matter."""

import sys
import time

SLACK = 3.0
"""How many times as much work twice the text may take: two for what is linear, four for what is quadratic."""

SMALL = 20_000
"""Steps that nobody waits for, whatever they grow by."""

FAST = 1.0
"""Seconds of the processor's time that nobody waits for."""


def steps(work):
    """What Python does in a call: lines, and calls of Python's own functions and ours. The same on every machine and every day."""
    count = 0

    def seen(_frame, _event, _argument):
        nonlocal count
        count += 1
        return seen

    before = sys.getprofile(), sys.gettrace()
    sys.setprofile(seen)
    sys.settrace(seen)
    try:
        work()
    finally:
        sys.setprofile(before[0])
        sys.settrace(before[1])
    return count


def grows_linearly(read, texts):
    """Asserts that a reader's steps grow as its texts do: three texts, each twice as long as the one before."""
    read(texts[0])  # what is imported and remembered at the first time is no work of the text's
    one, two, four = (steps(lambda text=text: read(text)) for text in texts)
    assert four - two <= SLACK * max(two - one, SMALL), (texts[0] if isinstance(texts[0], int) else texts[0][:20], one, two, four)


def stays_fast(read, texts):
    """Asserts that the processor's time for a reader, which regular expressions take without a step, does not grow as a square: by the
    least of several measurements, where it is long enough to be measured at all.
    """
    if _seconds(read, texts[-1]) <= FAST:
        return
    least = [min(_seconds(read, text) for _ in range(3)) for text in (texts[0], texts[-1])]
    ratio = len(texts[-1]) / len(texts[0])
    assert least[1] <= max(FAST, 2.5 * ratio * least[0]), (texts[0][:20], least)


def _seconds(read, text):
    began = time.process_time()
    read(text)
    return time.process_time() - began
