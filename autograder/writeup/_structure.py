"""Marked text -> which stretch of it belongs to which part of the sheet.

Two passes. The first finds the problems' headings and decides by their titles, then by their numbers, which problem
of the sheet each one is. The second walks through every place where a part mark may stand and keeps those that the
sheet knows: `(i)` is the ninth part of one problem, a sub-part of another, and prose in a third.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from autograder.assignment import Problem
from autograder.writeup._markup import BOLD_LEVEL, CAPTION, CODE, HEAD, ITEM, MARKS, PICTURE, QUOTE, ROMANS, UNQUOTE
from autograder.writeup._patterns import (
    ANSWER_TO,
    CONTINUED,
    FLAT,
    GENERIC,
    HEADING,
    INLINE,
    INLINE_NUMBER,
    NEXT_LINE,
    REFERRING,
    ROMAN_NUMBER,
    SENTENCE_END,
)
from autograder.writeup._scan import MAX_HEAD, MAX_STARTS, PLAIN, Mark, Place, Scanner
from autograder.writeup._sheet import Sheet, normal

MAX_HEADS = 500
"""Headings that are looked at."""
MAX_EVENTS = 2_000
"""Part marks that are read."""
MAX_INLINE = 2_000
"""Places within lines that are looked at for a mark."""
MAX_STRETCHES = 30
"""Stretches of text of one part; of a part that is marked more often the last ones are read."""
SHORT = 48
"""Characters of an answer after which a part mark may follow on the same line without punctuation."""


@dataclass(frozen=True)
class Stretch:
    """text[start:end] belongs to a part."""

    start: int
    end: int


@dataclass
class Structure:
    """stretches: by the full number of the part (`5.d`), and by that of a problem or of a part with sub-parts for
    the text before its first mark. foreign: this is another homework. notes: what was remapped or not placed."""

    stretches: dict[str, list[Stretch]] = field(default_factory=dict)
    remapped: dict[str, str] = field(default_factory=dict)
    foreign: bool = False
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Head:
    """A heading that may be a problem's. number: as typed, or ''. rest: offset where the number and its word end."""

    place: Place
    number: str
    worded: bool
    rest: int
    title: str
    by_title: Problem | None
    shaped: bool = False
    """A plain line that only looks like a title, such as `4. Least Squares`."""


@dataclass(frozen=True)
class _Event:
    """From `content` on, the text belongs to `path` of `problem` (None: to nothing on the sheet)."""

    at: int
    content: int
    problem: Problem | None
    path: str
    style: str = ""


def read_structure(text: str, problems: Sequence[Problem], *, cells: bool = False) -> Structure:
    """The parts of a sheet in a write-up's marked text. cells: whether it is a notebook's, whose headings are its own."""
    return _Reader(text, problems, cells).read()


def _without_references(events: Sequence[_Event]) -> list[_Event]:
    """The marks without such as repeat an earlier part once and then go on: of (d), (a), (e) the middle one refers."""
    kept: list[_Event] = []
    seen: set[tuple[str, str]] = set()
    for index, event in enumerate(events):
        number = event.problem.number if event.problem is not None else ""
        before, after = (kept[-1] if kept else None), (events[index + 1] if index + 1 < len(events) else None)
        repeats = event.path != "" and (number, event.path) in seen
        inside = before is not None and after is not None and before.problem is event.problem is after.problem
        if repeats and inside and before is not None and after is not None and event.path < before.path < after.path:
            continue
        seen.add((number, event.path))
        kept.append(event)
    return kept


class _Reader:
    def __init__(self, text: str, problems: Sequence[Problem], cells: bool) -> None:
        self._text = text
        self._cells = cells
        self._sheet = Sheet(problems)
        self._structure = Structure()
        self._scan = Scanner(text)
        self._inline_left = MAX_INLINE
        self._counted: list[tuple[int, int]] = []
        self._unmarked: list[_Event] = []

    # -- places --

    # -- headings --

    def _heads(self, *, quoted: bool = False) -> Iterator[_Head]:
        """The headings that may be a problem's; those of the quoted question where there are no others."""
        for place in self._scan.places:
            if (place.kind == QUOTE) != quoted:
                continue
            fragment = self._text[place.begin : place.end]
            found = HEADING.match(fragment)
            if found is not None:
                number, worded, rest = str(int(found["number"])), bool(found["word"]), place.begin + found.end()
            elif place.level < PLAIN or place.kind in ("", ITEM, QUOTE):
                number, worded, rest = "", False, place.begin
            else:
                continue
            title = self._title(rest, place.end)
            by_title = self._sheet.by_title(title) if self._may_be_title(place, number, worded, title) else None
            if place.level == PLAIN and number and not worded:
                self._counted.append((place.at, int(number)))
            if place.level == PLAIN and by_title is None and not (worded and self._ends_soon(title)):
                if number and not worded and place.kind == "" and self._looks_like_a_title(place, title):
                    yield _Head(place, number, worded, rest, title, None, True)
                elif number and not title and self._opens(number, place.end):
                    yield _Head(place, number, True, rest, "", None)
                continue
            if (
                place.level == PLAIN
                and not number
                and by_title is not None
                and normal(title) not in map(normal, (by_title.title, *by_title.also))
            ):
                continue
            yield _Head(place, number, worded, rest, title, by_title)

    def _title(self, start: int, end: int) -> str:
        """The words of a heading after its number, before its first part mark."""
        raw = self._text[start:end].lstrip(" .:)]–—-,(")
        cut = re.search(r"(?:^|[ ])\(?(?:[a-z]|[ivx]{1,4})\)[ ]", raw)
        raw = ROMAN_NUMBER.sub("", raw[: cut.start()] if cut else raw)
        return raw.strip(" *_:}|.#)").strip()

    @staticmethod
    def _may_be_title(place: Place, number: str, worded: bool, title: str) -> bool:
        return bool(title) and (place.level < PLAIN or bool(number) or worded or len(title) <= 80)

    @staticmethod
    def _ends_soon(title: str) -> bool:
        """Whether `Problem 5 ...` in plain text is a heading, not the beginning of a sentence."""
        return len(title) <= 60 and not re.match(r"(?:is|was|asks|says|and|or|we|in|has|the)\b", title)

    def _opens(self, number: str, end: int) -> bool:
        """Whether a number alone on its line is followed by the first part mark of the problem of that number."""
        problem = self._sheet.problems.get(number)
        following = NEXT_LINE.match(self._text, end)
        if problem is None or following is None or not any(problem.parts):
            return False
        mark = self._scan.mark(following.end(), min(len(self._text), following.end() + MAX_HEAD), False)
        return mark is not None and mark.style == "strong" and mark.tokens[0] == problem.parts[0].split(".")[0]

    def _looks_like_a_title(self, place: Place, title: str) -> bool:
        """Whether a numbered line stands alone and reads like a title: a few words, the first with a capital."""
        text = self._text
        alone = (place.at == 0 or text[max(0, place.at - 2) : place.at] == "\n\n") and text[place.end : place.end + 2] in (
            "\n\n",
            "\n",
            "\n(",
            "",
        )
        words = title.split()
        return alone and 2 <= len(words) <= 12 and title[:1].isupper() and re.search(r"[$=\\]|[.,;:!]$", title) is None

    def _in_sequence(self, heads: Sequence[_Head]) -> list[_Head]:
        """The headings, of those that only look like one just such as go on with the numbers of the problems."""
        kept: list[_Head] = []
        accepted: set[int] = set()
        last = 0
        for head in heads:
            if head.shaped:
                before = bisect_left(self._counted, (head.place.at, 0)) - 1
                listed = before >= 0 and self._counted[before][1] == int(head.number) - 1 and self._counted[before][0] not in accepted
                if int(head.number) != last + 1 or listed:
                    continue
            kept.append(head)
            accepted.add(head.place.at)
            last = int(head.number) if head.number else last
        return kept

    # -- reading --

    def read(self) -> Structure:
        structure = self._structure
        if self._scan.full:
            structure.notes.append(f"The write-up has more than {MAX_STARTS} lines: marks after these were not read.")
        heads = self._in_sequence(list(itertools.islice(self._heads(), MAX_HEADS)))
        if not any(h.by_title is not None or h.number for h in heads):
            heads = list(itertools.islice(self._heads(quoted=True), MAX_HEADS)) or heads
        numbers = self._numbering(heads)
        if structure.foreign:
            return structure
        matched = [h.place.level for h in heads if h.by_title is not None or h.worded]
        top = min(matched, default=PLAIN)
        chosen: dict[int, tuple[_Head, Problem | None]] = {}
        for head in heads:
            problem = self._problem_of(head, numbers, top)
            if problem is not None:
                chosen[head.place.at] = (head, problem)
            elif self._closes(head, top):
                chosen[head.place.at] = (head, None)
        flat: dict[str, dict[str, str]] = {}
        quoted: set[str] = set()
        events = self._events(chosen, numbers, flat, quoted)
        if self._flatten(events, flat, quoted):
            events = self._events(chosen, numbers, flat, quoted)
        for index, event in enumerate(events):
            if event.problem is None:
                continue
            end = events[index + 1].at if index + 1 < len(events) else len(self._text)
            key = f"{event.problem.number}.{event.path}" if event.path else event.problem.number
            structure.stretches.setdefault(key, []).append(Stretch(event.content, end))
        for key, stretches in structure.stretches.items():
            if len(stretches) > MAX_STRETCHES:
                structure.stretches[key] = stretches[-MAX_STRETCHES:]
                structure.notes.append(f"Part {key} is marked {len(stretches)} times: the last {MAX_STRETCHES} are read.")
        return structure

    def _numbering(self, heads: Sequence[_Head]) -> dict[str, Problem | None]:
        """What the write-up's own numbers stand for: the problem that the title beside them names, first."""
        structure = self._structure
        numbers: dict[str, Problem | None] = {}
        strange: dict[str, str] = {}
        titled: set[str] = set()
        known = unknown = 0
        numbered = [h.place.level for h in heads if h.number and h.title and not self._has_mark(h)]
        rank = min(numbered, default=2)
        for head in heads:
            if head.by_title is not None:
                known += head.by_title.number not in titled
                titled.add(head.by_title.number)
                if head.number:
                    numbers.setdefault(head.number, head.by_title)
            elif self._is_foreign_title(head) and head.place.level <= rank and bool(head.number) == bool(numbered):
                unknown += 1
                if head.number:
                    strange.setdefault(head.number, head.title)
        if unknown > known and unknown >= 2:
            structure.foreign = True
            strangers = [h.title for h in heads if h.by_title is None and h.place.level <= rank and self._is_foreign_title(h)]
            titles = ", ".join(f"“{title[:60]}”" for title in dict.fromkeys(strangers[:3]))
            structure.notes.append(f"This looks like another homework: most of its titles are not on this sheet ({titles}).")
            return numbers
        for number, problem in numbers.items():
            if problem is not None and problem.number != number:
                sentence = f"your problem {number} bears the title of problem {problem.number} and is read as that"
                structure.remapped[problem.number] = sentence
                structure.notes.append(sentence[0].upper() + sentence[1:] + ".")
        taken = {p.number for p in numbers.values() if p is not None}
        for number, problem in self._sheet.problems.items():
            if number not in numbers:
                if number in taken:
                    numbers[number] = None
                elif number in strange and structure.remapped:
                    # The other titles say that these numbers are not this sheet's.
                    numbers[number] = None
                    structure.notes.append(f"Your problem {number}, “{strange[number][:60]}”, is not on the sheet: it is not read.")
                elif number in strange:
                    numbers[number] = problem
                    sentence = f"the title “{strange[number][:60]}” is not on the sheet; it is read as problem {number}, by its number"
                    structure.remapped[number] = sentence
                    structure.notes.append(sentence[0].upper() + sentence[1:] + ".")
                else:
                    numbers[number] = problem
        return numbers

    def _is_foreign_title(self, head: _Head) -> bool:
        """Whether a heading has a title of its own, which is no problem's of this sheet."""
        title = head.title
        if len(normal(title)) < 4 or GENERIC.fullmatch(title) or self._scan.mark(head.place.begin, head.place.end, True) is not None:
            return False
        if head.number:
            return (head.place.level < PLAIN or head.worded or head.shaped) and not self._has_mark(head)
        return head.place.level <= 2 and not title[:1].islower() and not self._cells

    def _has_mark(self, head: _Head) -> bool:
        """Whether a part mark follows the number of a heading, as in `### 5(a)`."""
        return self._scan.mark(head.rest, head.place.end, True) is not None

    def _problem_of(self, head: _Head, numbers: Mapping[str, Problem | None], top: int) -> Problem | None:
        if head.by_title is not None:
            if head.place.level > top and head.place.level < PLAIN and not head.number:
                # A sub-heading may repeat words of a title: only a heading of the same rank starts a problem.
                return head.by_title if top == PLAIN else None
            return head.by_title
        if not head.number or head.number not in numbers:
            return None
        if head.worded or head.shaped:
            return numbers[head.number]
        has_parts = self._scan.mark(head.rest, head.place.end, True) is not None
        if has_parts:
            return numbers[head.number]
        bare = head.place.level < 7 and (not head.title or head.place.level <= top)
        return numbers[head.number] if bare and head.place.level <= top else None

    def _closes(self, head: _Head, top: int) -> bool:
        """Whether a heading that is no problem of the sheet ends the problem before it."""
        if head.shaped:
            return True
        if self._has_mark(head) or head.place.level > min(top, 6):
            return False
        return bool(head.number) or (bool(head.title) and GENERIC.fullmatch(head.title) is None)

    # -- marks --

    def _events(
        self,
        chosen: Mapping[int, tuple[_Head, Problem | None]],
        numbers: Mapping[str, Problem | None],
        flat: Mapping[str, Mapping[str, str]],
        quoted: set[str],
    ) -> list[_Event]:
        """Line starts first; then marks within lines, for parts that have no line of their own."""
        events = sorted(_without_references(self._line_events(chosen, numbers, flat, quoted)) + self._unmarked, key=lambda e: e.at)
        return self._inline_events(events)

    def _line_events(
        self,
        chosen: Mapping[int, tuple[_Head, Problem | None]],
        numbers: Mapping[str, Problem | None],
        flat: Mapping[str, Mapping[str, str]],
        quoted: set[str],
    ) -> list[_Event]:
        events: list[_Event] = []
        problem: Problem | None = None
        path = ""
        styles: dict[tuple[str, str], str] = {}
        for place in self._scan.places:
            if len(events) >= MAX_EVENTS:
                break
            begin = place.begin
            if place.at in chosen:
                head, problem = chosen[place.at]
                path = ""
                heading_end = place.end if place.level < PLAIN or head.by_title is not None or head.worded or head.shaped else head.rest
                if problem is not None and head.number:
                    mark = self._scan.mark(head.rest, place.end, True)
                    resolved = self._sheet.resolve(problem, mark.tokens, "") if mark else None
                    if mark and resolved:
                        path = resolved
                        events.append(_Event(place.at, self._scan.after(place, mark.end), problem, path, "strong"))
                        continue
                start = self._first_mark(problem, head.rest, place.end) if problem else None
                events.append(_Event(place.at, heading_end if start is None else start, problem, ""))
                if start is not None and problem is not None:
                    mark = self._scan.mark(start, place.end, False)
                    resolved = self._sheet.resolve(problem, mark.tokens, "") if mark else None
                    if mark and resolved:
                        path = resolved
                        events.append(_Event(start, mark.end, problem, path, mark.style))
                continue
            if place.kind == QUOTE and (problem is None or problem.number not in quoted):
                continue
            answer = ANSWER_TO.match(self._text, begin, place.end)
            start = answer.end() if answer else begin
            numbered = HEADING.match(self._text[start : place.end])
            if numbered is not None and numbered["number"] and str(int(numbered["number"])) in numbers:
                other = numbers[str(int(numbered["number"]))]
                rest = start + numbered.end()
                mark = self._scan.mark(rest, place.end, True)
                if mark is not None and mark.style == "bare" and place.level == PLAIN:
                    # `5.a` and `6b(ii)` are marks at the start of plain text, `2a + 3` is none.
                    mark = mark if self._text[rest] == "." or len(mark.tokens) > 1 else None
                if other is not None and mark is not None and (mark.style != "dot" or self._text[rest] != " "):
                    resolved = self._sheet.resolve(other, mark.tokens, "")
                    if resolved and not self._refers(place, mark):
                        problem, path = other, resolved
                        events.append(_Event(place.at, self._scan.after(place, mark.end), problem, path, "strong"))
                        continue
            if problem is None:
                continue
            mapped = flat.get(problem.number)
            if mapped is not None and (counted := FLAT.match(self._text, start, place.end)):
                resolved = mapped.get(f"{path.partition('.')[0]}#{int(counted[1])}") or mapped.get(f"#{int(counted[1])}")
                if resolved:
                    path = resolved
                    events.append(_Event(place.at, counted.end(), problem, path, "flat"))
                    continue
                if mapped.get("*") and int(counted[1]) == 1:
                    path = self._next_leaf(problem, path)
                    events.append(_Event(place.at, counted.end(), problem, path, "flat"))
                    continue
            if mapped is not None and "letters" in mapped:
                letter = self._scan.mark(start, place.end, place.level < PLAIN)
                if letter is not None and len(letter.tokens) == 1 and letter.tokens[0] in mapped:
                    path = mapped[letter.tokens[0]]
                    events.append(_Event(place.at, letter.end, problem, path, "flat"))
                    continue
            mark = self._scan.mark(start, place.end, place.level < PLAIN)
            resolved = self._sheet.resolve(problem, mark.tokens, path) if mark else None
            if mark is None or resolved is None or self._refers(place, mark):
                continue
            depth = (problem.number, str(resolved.count(".")))
            style = styles.setdefault(depth, mark.style)
            if mark.style in ("dot", "paren") and style == "strong" and place.level == PLAIN and place.kind != ITEM:
                continue
            styles[depth] = mark.style if mark.style == "strong" else style
            path = resolved
            content = self._scan.after(place, mark.end)
            if place.kind == QUOTE:
                line_end = self._text.find("\n", content)
                content = line_end if line_end >= 0 else len(self._text)
            events.append(_Event(place.at, content, problem, path, mark.style))
        return events

    def _first_mark(self, problem: Problem | None, at: int, end: int) -> int | None:
        """The first part mark after a title on the heading's own line."""
        for found in re.finditer(r"(?<=[\s:.])(?=\(?(?:[a-z]|[ivx]{1,4})\)[ ])", self._text[at:end]) if problem else ():
            mark = self._scan.mark(at + found.start(), end, False)
            if (
                problem
                and mark
                and self._sheet.resolve(problem, mark.tokens, "") == (problem.parts[0].split(".")[0] if problem.parts else None)
            ):
                return at + found.start()
        return None

    def _refers(self, place: Place, mark: Mark) -> bool:
        """Whether what looks like a mark only refers to a part: `(ii), we know`, or a wrapped `by / (a) and`."""
        text = self._text
        if CONTINUED.match(text, mark.end):
            return True
        if place.level < PLAIN or place.kind == ITEM or "**" in text[place.at : place.begin]:
            return False
        before = text[max(0, place.at - 80) : place.at]
        if not before.endswith("\n") or before.endswith("\n\n"):
            return False
        return REFERRING.search(before.rstrip("\n ").split("\n")[-1]) is not None

    def _inline_events(self, events: list[_Event]) -> list[_Event]:
        """Marks within a line, such as `(a) Yes. (b) No.`, for parts that have no line of their own."""
        own = {(e.problem.number, e.path) for e in events if e.problem is not None}
        result: list[_Event] = []
        for index, event in enumerate(events):
            result.append(event)
            problem = event.problem
            if problem is None or not self._sheet.letters[problem.number]:
                continue
            end = events[index + 1].at if index + 1 < len(events) else len(self._text)
            result += self._within(event, problem, end, own)
        return result

    def _within(self, event: _Event, problem: Problem, end: int, own: set[tuple[str, str]]) -> Iterator[_Event]:
        path, since, style = event.path, event.content, event.style
        for found in INLINE.finditer(self._text, event.content, end):
            self._inline_left -= 1
            if self._inline_left < 0:
                return
            if found["number"] and found["number"] != problem.number:
                continue
            weak = found["weak"] is not None
            if weak and not found["number"] and style != ("paren" if found["close"] == ")" else "dot"):
                continue
            tokens = [t.lower() for t in (found["weak"] or found["first"], found["second"]) if t]
            resolved = self._sheet.resolve(problem, tokens, path)
            if (
                resolved is None
                or (problem.number, resolved) in own
                or self._scan.in_math(found.start())
                or self._scan.quoted(found.start())
            ):
                continue
            before = self._text[max(since, found.start() - 80) : found.start()]
            said = before.split("\n")[-1].rstrip()
            if CONTINUED.match(self._text, found.end()) or (REFERRING.search(MARKS.sub("", said)) and not SENTENCE_END.search(said)):
                continue
            ended = bool(SENTENCE_END.search(said)) or not said
            # `a. yes, b. no`: letters with a dot are common in prose, so these must come next, after punctuation.
            if not self._follows(problem, path, resolved, ended and not weak) or (
                weak and found["close"] == "." and not found["number"] and not ended
            ):
                continue
            if said and not SENTENCE_END.search(said) and found.start() - since > SHORT:
                continue
            path, since = resolved, found.end() + (self._text[found.end() : found.end() + 1] == ":")
            yield _Event(found.start(), since, problem, path, style)

    def _follows(self, problem: Problem, path: str, candidate: str, ended: bool) -> bool:
        """Whether a mark within a line comes next on the sheet, or, after the end of a sentence, at least later."""
        order = self._order(problem)
        here = order.index(path) if path in order else -1
        there = order.index(candidate)
        siblings = [p for p in order if p.count(".") == candidate.count(".") and order.index(p) > here]
        return there > here and (ended or not siblings or siblings[0] == candidate or there == here + 1)

    def _order(self, problem: Problem) -> list[str]:
        subs = self._sheet.subs[problem.number]
        return [p for a in self._sheet.letters[problem.number] for p in (a, *(f"{a}.{s}" for s in subs[a]))]

    # -- flat lists --

    def _flatten(self, events: Sequence[_Event], flat: dict[str, dict[str, str]], quoted: set[str]) -> bool:
        """Fills in, for problems without marks of the sheet's own, how their lists are to be read."""
        marked = {e.problem.number for e in events if e.problem is not None and e.path}
        ranges: dict[str, list[tuple[int, int]]] = {}
        deeper: dict[str, list[tuple[str, int, int]]] = {}
        for index, event in enumerate(events):
            if event.problem is None:
                continue
            end = events[index + 1].at if index + 1 < len(events) else len(self._text)
            ranges.setdefault(event.problem.number, []).append((event.content, end))
            deeper.setdefault(event.problem.number, []).append((event.path, event.content, end))
        for number, spans in ranges.items():
            problem = self._sheet.problems[number]
            leaves = [part for part in problem.parts if part]
            if not leaves:
                continue
            places = [p for a, b in spans for p in self._scan.between(a, b)]
            letters = self._sheet.letters[number]
            if number not in marked:
                found = self._flat_map(places, leaves, letters)
                if found:
                    flat[number] = found
                elif items := self._items(problem, spans):
                    self._unmarked += items
                elif any(p.kind == QUOTE and self._scan.mark(p.begin, p.end, False) for p in places):
                    quoted.add(number)
                continue
            tokens = [
                m.tokens[0] for p in places if p.kind != QUOTE and (m := self._scan.mark(p.begin, p.end, False)) and len(m.tokens) == 1
            ]
            wanted = [chr(ord("a") + k) for k in range(len(leaves))]
            starts = [e for e in events if e.problem is problem and e.path]
            if all("." in e.path for e in starts) and (outer := self._flat_map(places, letters, letters)) and "*" not in outer:
                flat[number] = outer
                continue
            found_letters = [e.path for e in starts if "." not in e.path] + [t for t in tokens if t not in letters and t not in ROMANS[1:]]
            if len(leaves) > len(letters) and found_letters == wanted[: len(found_letters)] and len(found_letters) == len(leaves):
                flat[number] = {"letters": "", **dict(zip(wanted, leaves, strict=True))}
                continue
            inner: dict[str, str] = {}
            for path, start, end in deeper[number]:
                children = self._sheet.subs[number].get(path, ())
                if path and children and not any(e.path.startswith(path + ".") for e in starts):
                    here = [p for p in self._scan.between(start, end) if p.kind != QUOTE]
                    count = [int(n[1]) for p in here if (n := FLAT.match(self._text, p.begin, p.end))]
                    if count == list(range(1, len(children) + 1)):
                        inner.update({f"{path}#{k}": f"{path}.{c}" for k, c in enumerate(children, start=1)})
            if inner:
                flat[number] = inner
        return bool(flat or quoted or self._unmarked)

    def _items(self, problem: Problem, spans: Sequence[tuple[int, int]]) -> list[_Event]:
        """Answers without marks that fit a problem's leaves in order: `1. Yes 2. No` on one line, or a line for each."""
        filled = [(a, b) for a, b in spans if MARKS.sub("", self._text[a:b]).strip()]
        if len(filled) != 1 or len(problem.parts) < 2:
            return []
        start, end = filled[0]
        text = self._text[start:end]
        if len(text) > SHORT * 4 * len(problem.parts) or any(mark in text for mark in (QUOTE, CODE, HEAD)):
            return []
        text = MARKS.sub(" ", text)
        numbers = list(INLINE_NUMBER.finditer(text))
        if [int(m[1]) for m in numbers] == list(range(1, len(problem.parts) + 1)):
            offsets = [(m.start(), m.end()) for m in numbers]
        else:
            lines = [(m.start(), m.start()) for m in re.finditer(r"[^\n]*\S[^\n]*", text)]
            pieces = [(m.start(), m.start()) for m in re.finditer(r"[^,;\n]+", text) if m[0].strip()]
            offsets = lines if len(lines) > 1 else pieces
            short = all(len(text[a:b].strip()) <= SHORT for (a, _), (b, _) in zip(offsets, [*offsets[1:], (len(text), 0)], strict=True))
            if len(offsets) != len(problem.parts) or not short:
                return []
            self._structure.notes.append(f"Problem {problem.number} has no part marks: its {len(offsets)} answers are read in order.")
        return [_Event(start + a, start + b, problem, part, "flat") for (a, b), part in zip(offsets, problem.parts, strict=True)]

    def _flat_map(self, places: Sequence[Place], leaves: Sequence[str], letters: Sequence[str]) -> dict[str, str] | None:
        """How the numbers of a list stand for leaves (or for letters above marked sub-parts), where the count fits."""
        typed = [int(m[1]) for p in places if p.kind != QUOTE and (m := FLAT.match(self._text, p.begin, p.end))]
        if typed == list(range(1, len(leaves) + 1)):
            return {f"#{k}": leaf for k, leaf in enumerate(leaves, start=1)}
        if len(typed) == len(leaves) > 1 and set(typed) == {1}:
            return {"*": "1"}
        if typed == list(range(1, len(letters) + 1)):
            return {f"#{k}": letter for k, letter in enumerate(letters, start=1)}
        return None

    def _next_leaf(self, problem: Problem, path: str) -> str:
        leaves = list(problem.parts)
        return leaves[min(leaves.index(path) + 1, len(leaves) - 1)] if path in leaves else leaves[0]


QUOTED = re.compile(f"{QUOTE}[^{UNQUOTE}]*")


def plain(text: str) -> str:
    """Marked text as typed: without marks, quotes and captions; every line stays on its line."""
    lines = []
    for line in text.split("\n"):
        line = QUOTED.sub("", line)
        cut = line.find(CAPTION)
        lines.append(MARKS.sub("", re.sub(f"{HEAD}[0-9]", "", line[:cut] if cut >= 0 else line)))
    return "\n".join(lines)


def captions(text: str) -> str:
    """What the captions of marked text say."""
    return " ".join(MARKS.sub("", line[line.find(CAPTION) :]).strip() for line in text.split("\n") if CAPTION in line).strip()


def has_picture(text: str) -> bool:
    """Whether a picture stands in marked text."""
    return PICTURE in text


assert str(PLAIN - 1) == BOLD_LEVEL
