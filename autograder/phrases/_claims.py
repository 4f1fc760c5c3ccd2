"""Claims in words on how things move: `the slope decreases and the elbow moves right if w > bx`.

The truth is computed, not listed: the caller gives each subject as a function of the case's parameters, before and
after, and a region of exact points; a claim then holds always, sometimes or never.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Literal

from autograder.phrases._conditions import Condition, Point, conditions, spoken_relations
from autograder.phrases._words import how_read, not_typed, quoted, words
from autograder.verdict import Json, Verdict, correct, incorrect, partial, unreadable
from autograder.writeup import Answer

Truth = Literal["always", "sometimes", "never"]

MAX_POINTS = 20_000
"""Points of a region; more would only make grading slow."""
MAX_SENTENCES = 200
MAX_CLAIMS = 60
"""Claims of one answer that are weighed."""
MAX_SENTENCE = 1_000
HALF = Fraction(1, 2)
"""Share of a subject's points that a claim earns which holds sometimes, with no condition stated."""


@dataclass(frozen=True, eq=False)
class Region:
    """A case's parameters. name: for people and the evidence. values: of each parameter, ends and boundary included.
    contains: whether a point belongs to the case. symbols: how each parameter may be written, besides its name."""

    name: str
    values: Mapping[str, tuple[Fraction, ...]]
    contains: Callable[[Point], bool]
    symbols: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def everywhere(self) -> tuple[Point, ...]:
        """All points of the case."""
        return tuple(self.points())

    def points(self, fixed: Mapping[str, Fraction] | None = None, more: Sequence[Fraction] = ()) -> list[Point]:
        """The points of the case; with some parameters `fixed`, and with `more` values of each of the others."""
        fixed = fixed or {}
        axes = [(fixed[n],) if n in fixed else tuple(dict.fromkeys((*v, *more))) for n, v in self.values.items()]
        product = itertools.islice(itertools.product(*axes), MAX_POINTS)
        return [p for p in (dict(zip(self.values, each, strict=True)) for each in product) if self.contains(p)]


@dataclass(frozen=True, eq=False)
class Subject:
    """Something that moves. names: what it is called, in lower case. change: point -> (before, after), exact.
    share: of the part's points. place: whether it moves left and right, not up and down.
    landmarks: name -> where it is, for `towards the origin` and the like."""

    name: str
    names: tuple[str, ...]
    change: Callable[[Point], tuple[Fraction, Fraction]]
    share: float
    place: bool = False
    landmarks: Mapping[str, Callable[[Point], Fraction]] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """What a text says of one subject. move: `up`, `down`, `steeper`, `shallower`, `right`, `left`, `same`, `depends`,
    `towards:LANDMARK`, `away:LANDMARK`, or one of these after `not `. quoted: the sentence."""

    subject: str
    move: str
    condition: Condition | None
    quoted: str
    sentence: int


SENTENCES = re.compile(r"(?<=\D)[.!?](?=\s|$)|(?<=\d)[.!?](?=\s|$)|;|\n\s*\n|\n\s*(?=[-*•]\s|\(?[ivx\d]{1,4}[.)]\s)")
FIGURES = re.compile(
    r"\(?\b(?:as |is |are )?(?:shown |seen |drawn |depicted |illustrated |plotted )?(?:in|on|by|from|see|as)?\s*(?:the\s+)?(?:fig(?:ure|\.)?s?|image|plot|graph|sketch|picture)\s*(?:is shown as figure)?\s*\d*\)?,?"
)
PREDICATES: tuple[tuple[str, str], ...] = (
    ("same", r"(?:does|do|will|would|did|should|is|are|has|have|had|can|were|was) not (?:be |been |being )?(?:really |actually |also |both |either )?(?:chang\w*|mov\w*|shift\w*|updat\w*|affect\w*|alter\w*|var(?:y|ies|ied)|modif\w*|budge\w*|differ\w*)\b(?: at all)?(?!\s+(?:to the |in the |any |further )?(?:right|left|up|down|towards?|closer|away|much)\b)"),
    ("same", r"\bunchanged\b|\bunaffected\b|\bunaltered\b|\bno (?:change|movement|effect|update|shift|difference|impact|motion)s?\b|\bnot (?:chang|mov|shift|updat)\w*\b(?!\s+(?:to the |in the |any |further )?(?:right|left|up|down|towards?|closer|away|much)\b)"),
    ("same", r"\b(?:stay|stays|stayed|remain|remains|remained|keep|keeps|kept|is|are|be)\s+(?:at |in |exactly |both |all )?(?:the )?(?:same|fixed|constant|put|still|stationary|where (?:it|they) (?:is|are|was|were)|in place|static|identical|unmoved)(?: place| position| location)?\b|\bthe same\b"),
    ("same", r"\b(?:stays?|remains?)\b(?= *$| *[,;)]| +(?:if|when|where|for|only|there|exactly|otherwise)\b)|\bnothing (?:changes|happens|moves|is updated)\b"),
    ("depends", r"\bdepend(?:s|ing|ent)?\b(?: on)?|\beither (?:direction|way|side|left or right|right or left)\b|\b(?:left|right|up|down) (?:or|and|/) ?(?:to the )?(?:left|right|up|down)\b|\bcan (?:not )?be determined\b|\bnot determined\b|\bundetermined\b|\bambiguous\b|\bboth directions\b|\bfor some\b[^.;]{0,40}\bfor others?\b|\bany direction\b|\bcase by case\b"),
    ("steeper", r"\b(?:more )?steep(?:er|ens|ened|ening|en)\b|\bmore steep\b|\bsharper\b|\b(?:increas\w*|grow\w*|rises?|goes up|larger|bigger|greater) in (?:magnitude|absolute value|absolute|size|steepness)\b|\b(?:larger|bigger|greater|higher|increased|increasing) (?:in )?(?:magnitude|absolute value|steepness)\b"),
    ("shallower", r"\bless steep\b|\bshallow(?:er|s|ing)?\b|\bflat(?:ter|tens?|tened|tening)\b|\bgentler\b|\bless sharp\b|\b(?:decreas\w*|shrink\w*|reduc\w*|drops?|goes down|smaller|lower) in (?:magnitude|absolute value|absolute|size|steepness)\b|\b(?:smaller|lower|reduced|decreased|decreasing) (?:in )?(?:magnitude|absolute value|steepness)\b"),
    ("negative", r"\bmore negative\b|\bless positive\b"),
    ("positive", r"\bless negative\b|\bmore positive\b"),
    ("towards", r"\b(?:towards?|closer to|nearer to|nearer|in the direction of|closer towards?|approach(?:es|ing)?)\s+(?:to )?(?:the |its )?(?P<to>{landmarks})(?!\w)"),
    ("away", r"\b(?:away|farther|further|further away|farther away|far) from\s+(?:the |its )?(?P<from>{landmarks})(?!\w)"),
    ("right", r"\bright(?:wards?)?\b(?![- ]hand)|\b(?:in the )?positive (?:x[- ]?)?direction\b|\bto larger x\b"),
    ("left", r"\bleft(?:wards?)?\b(?![- ]hand)|\b(?:in the )?negative (?:x[- ]?)?direction\b|\bto smaller x\b"),
    ("up", r"\bincreas\w*\b|\bgrow(?:s|n|ing)?\b|\brise[sn]?\b|\brising\b|\b(?:go|goes|going|went|move|moves|moving) up\b|\b(?:larger|bigger|greater|higher)\b|\braise[sd]?\b|↑|\bgains?\b|\bup(?:wards?)?\b(?! to\b)"),
    ("down", r"\bdecreas\w*\b|\breduc\w*\b|\bshrink(?:s|ing)?\b|\bdrop(?:s|ped|ping)?\b|\bfall(?:s|ing)?\b|\b(?:go|goes|going|went|move|moves|moving) down\b|\b(?:smaller|lower|lowers|lowered|lowering)\b|\bdeclin\w*\b|\bdiminish\w*\b|\blessen\w*\b|↓|\bdown(?:wards?)?\b(?! to\b)"),
    ("moves", r"\bchang(?:e|es|ed|ing)\b|\bmov(?:e|es|ed|ing)\b(?!\s+(?:to the |in the |any |further )?(?:right|left|up|down|towards?|closer|away|much)\b)|\bshift(?:s|ed|ing)?\b(?!\s+(?:to the |in the |any |further )?(?:right|left|up|down|towards?|closer|away|much)\b)|\bis updated\b|\baffected\b"),
)  # fmt: skip
NEGATION = re.compile(r"\b(?:not|never|no|neither|nor|without|nothing|none)\b(?! only)")
MAGNITUDE = re.compile(r"\b(?:magnitude|absolute value|steepness|abs)\b|\|\s*\w+\s*\|")
FILLERS = frozenset(
    "the a an will would then also and or but so therefore thus hence it its they them both this that which these those is are be been being becomes become became get gets getting"
    " got move moves moving moved shift shifts shifting shifted go goes going went slightly bit little slowly just only too as to in by of now always still again further more"
    " much we can see that have has had does do did must should may might could after before during update updates step training gradient sgd one each time because since while"
    " whereas however first second finally overall result results resulting value new old e there here i think believe expect find get obtain means implies gives makes make cause"
    " causes leads lead for with on at when if where up down from where's all either itself consequently moreover meanwhile will likewise similarly accordingly where during".split()
)
OTHERS = frozenset(
    "loss prediction predictions output outputs bias intercept error activation residual derivative gradients b y x w value values weight weights point line function λ φ"
    " lambda phi height function's magnitude parameter parameters".split()
)
SHAPES = frozenset(("line", "function", "w", "weight"))
SO_DOES = re.compile(
    r"\b(?:so|as) (?:does|do|will|would|is|are) (?:the |its )?|\b(?:likewise|similarly|same for|also)(?: for)? (?:the |its )?(?=\w+\s*$)"
)
COORDINATE = re.compile(
    r"[\s,/&+]*(?:\b(?:and|or|nor|as well as|both|neither|the|its|of|also|with|together|location|position|place|x|plus|either)\b[\s,/&+]*)*"
)
OTHERWISE = re.compile(r"\b(?:otherwise|else|in the other case|in the opposite case|if not|conversely|vice versa)\b")
CUE = re.compile(
    r"\b(?:if|when|whenever|for|provided|assuming|given|as long as|in case|where|with|since|because|suppose|let|take|iff|only if|e\.g|example|case|once|say)\b"
)
EXAMPLE = re.compile(
    r"\be\.?g\b|\bexample\b|\binstance\b|\bsuppose\b|\blet\b|\btake\b|\bwith\b|\bsay\b|\bfor\b|\bif\b|\bwhen\b|\btry\b|\bcheck\w*\b|\bnumeric\w*\b|="
)
OPPOSITE = {"right": "left", "left": "right", "up": "down", "down": "up", "steeper": "shallower", "shallower": "steeper"}
SHOWN = {"up": "increases", "down": "decreases", "steeper": "gets steeper", "shallower": "gets flatter", "right": "moves right", "left": "moves left",
         "same": "stays", "depends": "depends", "moves": "changes"}  # fmt: skip


def read_claims(text: str, subjects: Sequence[Subject], region: Region | None = None) -> tuple[Claim, ...]:
    """What a text claims of the subjects, in order. With a `region`, its symbols are read in conditions."""
    return tuple(itertools.islice(_Text(text, subjects, region).claims(), MAX_CLAIMS))


def claim(answer: Answer, subjects: Sequence[Subject], region: Region) -> Verdict:
    """The verdict on what an answer says about each subject in a case, each with its share of the points.

    A claim that holds everywhere in the region earns the whole share; one that holds sometimes earns half, with a
    counterexample as evidence, or all of it when the answer says `depends`, or states a condition or an example
    that fits the case and bears the claim out. Claims that nobody can make out are `unreadable`.
    """
    other = not_typed(answer)
    if other is not None:
        return other
    text = answer.body
    claims: tuple[Claim, ...] = ()
    if answer.how == "after `Answer:`":
        text = answer.text
        claims = read_claims(text, subjects, region)
        at = answer.body.find(answer.text)
        after = answer.body[at + len(answer.text) :] if at >= 0 else ""
        missed = [s for s in subjects if not any(c.subject == s.name for c in claims)]
        if missed and after.strip():
            # A second paragraph goes on where the first, which is the answer proper, left something unsaid.
            text = f"{answer.text}\n\n{after}"
            claims += tuple(c for c in read_claims(text, subjects, region) if c.subject in {s.name for s in missed})
    else:
        claims = read_claims(text, subjects, region)
    examples = _Text(text, subjects, region).examples()
    judged = [_subject(s, [c for c in claims if c.subject == s.name], region, examples) for s in subjects]
    understood = "; ".join(f"{j.subject.name}: {j.got}" for j in judged)
    read = how_read(answer, understood, said=_evident(claims, text))
    names = " and ".join(s.name for s in subjects)
    accepted = "one sentence for each that says whether it increases, decreases, moves left or right, or stays"
    if not any(j.claimed for j in judged):
        return unreadable(
            f"What happens to {names} could not be read. Accepted would be: {accepted}.", read=f"{read} Accepted would be: {accepted}."
        )
    share = min(1.0, float(sum(Fraction(j.subject.share).limit_denominator(1000) * j.earned for j in judged)))
    method = f"claims compared with exact values at {len(region.everywhere)} points of the case"
    worst = next((j for j in judged if j.earned < 1), None)
    if worst is None:
        return correct(method=method, read=read, evidence=_evidence(judged[0], region))
    message = " ".join(j.message for j in judged if j.earned < 1)
    if share <= 0:
        return incorrect(message, evidence=_evidence(worst, region), method=method, read=read)
    return partial(share, message, evidence=_evidence(worst, region), method=method, read=read)


def _evident(claims: Sequence[Claim], text: str) -> str:
    return " … ".join(dict.fromkeys(c.quoted for c in claims)) or text


# ---- what a claim is worth ----


@dataclass(frozen=True)
class _Judged:
    """One subject: what was claimed, whether it holds, and a point where it does not."""

    subject: Subject
    got: str
    claimed: bool
    earned: Fraction
    truth: Truth
    message: str = ""
    counterexample: Point | None = None


def _subject(subject: Subject, claims: Sequence[Claim], region: Region, examples: Sequence[Condition]) -> _Judged:
    said = [c for c in claims if c.move != "moves"]
    if not said:
        got = "changes, but not how" if claims else "nothing was read"
        return _Judged(subject, got, False, Fraction(0), "never", f"How the {subject.name} moves is not said, or could not be read.")
    got = ", ".join(dict.fromkeys(_shown(c) for c in said))
    magnitude = any(c.move in ("steeper", "shallower") for c in said)
    results = [_worth(c, said, subject, region, examples, magnitude) for c in said]
    rivals = {c.move for c in said if c.condition is None}
    if any(OPPOSITE.get(m) in rivals for m in rivals) and not magnitude:
        first = next(r for r in results if True)
        return _Judged(
            subject, got, True, Fraction(0), "never", f"The {subject.name} is said to move both ways, with no condition.", first[2]
        )
    earned, truth, point = min(results, key=lambda r: r[0])
    if earned < 1 and any(c.move == "depends" for c in said) and max(results, key=lambda r: r[0])[0] == 1:
        earned = max(earned, HALF)
    message = ""
    if earned == 0:
        message = f"What is said of the {subject.name} does not hold in this case."
    elif earned < 1:
        message = f"What is said of the {subject.name} holds only sometimes in this case: a condition or an example is needed."
    return _Judged(subject, got, True, earned, truth, message, point)


def _shown(one: Claim) -> str:
    move = one.move.removeprefix("not ")
    text = SHOWN.get(
        move, move.replace(":", " the ").replace("towards the", "moves towards the").replace("away the", "moves away from the")
    )
    return f"{'not: ' if one.move.startswith('not ') else ''}{text}{f' if {one.condition.text}' if one.condition else ''}"


def _worth(
    one: Claim, said: Sequence[Claim], subject: Subject, region: Region, examples: Sequence[Condition], magnitude: bool
) -> tuple[Fraction, Truth, Point | None]:
    """The part of its share that a claim earns, how often it holds, and a point where it does not."""
    everywhere = region.everywhere
    if one.move == "depends":
        moves = {_sign(subject, p) for p in everywhere}
        return (Fraction(1), "always", None) if {-1, 1} <= moves else (Fraction(0), "never", everywhere[0] if everywhere else None)
    if one.condition is not None:
        where = _where(region, one.condition)
        moving = [p for p in where if one.move == "same" or _sign(subject, p) != 0]
        if where and moving:
            truth, point = _holds(one.move, subject, moving, magnitude)
            return (Fraction(1) if truth == "always" else HALF if truth == "sometimes" else Fraction(0)), truth, point
    # Points that the answer excepts by a condition of its own are not this claim's.
    excepted = (
        [c.condition for c in said if c.condition is not None and c is not one and c.move != one.move] if one.condition is None else []
    )
    where = [p for p in everywhere if not any(c.holds(p) for c in excepted)]
    truth, point = _holds(one.move, subject, where, magnitude)
    if truth == "sometimes":
        for example in examples:
            fits = [p for p in region.points(example.fixed) if example.holds(p)]
            if fits and _holds(one.move, subject, fits, magnitude)[0] == "always":
                return Fraction(1), "sometimes", None
        if any(c.move == "depends" for c in said):
            return Fraction(1), "sometimes", None
    return (Fraction(1) if truth == "always" else HALF if truth == "sometimes" else Fraction(0)), truth, point


def _where(region: Region, condition: Condition) -> list[Point]:
    """The case's points at which a condition holds; with values around its constants, where it needs others."""
    at = region.points(condition.fixed) if condition.fixed else region.everywhere
    found = [p for p in at if condition.holds(p)]
    if not found:
        around = [v for c in condition.constants for v in (c, c + 1, c - 1, 2 * c, c / 2)]
        found = [p for p in region.points(condition.fixed, around) if condition.holds(p)]
    return found


def _sign(subject: Subject, point: Point) -> int:
    before, after = subject.change(point)
    return (after > before) - (after < before)


def _holds(move: str, subject: Subject, points: Sequence[Point], magnitude: bool) -> tuple[Truth, Point | None]:
    """How often a claim holds over points, and one where it does not."""
    results = [(_true(move, subject, p), p) for p in points]
    if magnitude and move in ("up", "down"):
        # `increases, becomes steeper`: beside a word for magnitude, the bare one may mean magnitude too.
        other = [(_true("steeper" if move == "up" else "shallower", subject, p), p) for p in points]
        if sum(r for r, _ in other) > sum(r for r, _ in results):
            results = other
    false = next((p for r, p in results if not r), None)
    if results and false is None:
        return "always", None
    return ("sometimes" if any(r for r, _ in results) else "never"), false


def _true(move: str, subject: Subject, point: Point) -> bool:
    if move.startswith("not "):
        return not _true(move.removeprefix("not "), subject, point)
    before, after = subject.change(point)
    kind, _, landmark = move.partition(":")
    if kind in ("towards", "away"):
        at = subject.landmarks[landmark](point)
        near, far = abs(after - at), abs(before - at)
        return near < far if kind == "towards" else near > far
    return {
        "up": after > before,
        "right": after > before,
        "down": after < before,
        "left": after < before,
        "negative": after < before,
        "positive": after > before,
        "steeper": abs(after) > abs(before),
        "shallower": abs(after) < abs(before),
        "same": after == before,
    }[kind]


def _evidence(judged: _Judged, region: Region) -> Json:
    point = judged.counterexample
    shown: Json = None
    if point is not None:
        before, after = judged.subject.change(point)
        shown = {**{name: str(value) for name, value in point.items()}, "before": str(before), "after": str(after)}
    return {
        "kind": "claim",
        "subject": judged.subject.name,
        "got": judged.got,
        "truth": judged.truth,
        "case": region.name,
        "counterexample": shown,
    }


# ---- reading ----


@dataclass(frozen=True)
class _Predicate:
    start: int
    end: int
    move: str


class _Text:
    """One answer's words, sentence by sentence."""

    def __init__(self, text: str, subjects: Sequence[Subject], region: Region | None) -> None:
        self._subjects = subjects
        self._region = region
        landmarks = sorted({name for s in subjects for name in s.landmarks}, key=len, reverse=True)
        named = "|".join(re.escape(name).replace(r"\ ", r"[ -]") for name in landmarks) or r"(?!)"
        self._patterns = [(move, re.compile(pattern.replace("{landmarks}", named))) for move, pattern in PREDICATES]
        self._names = re.compile(
            r"(?<![\w'^_∂/])(?:"
            + "|".join(re.escape(n) for n in sorted({n for s in subjects for n in s.names}, key=len, reverse=True))
            + r")(?:s|es|'s)?(?![\w^_(]|'(?!s))"
        )
        clean = re.sub(r"(?<!\n)\n(?!\s*\n|\s*[-*•]\s|\s*\(?[ivx\d]{1,4}[.)]\s)", " ", words(text))
        clean = FIGURES.sub(" ", clean)
        self._sentences = [s.strip() for s in SENTENCES.split(clean) if s and s.strip()][:MAX_SENTENCES]
        self._symbols = {}
        if region is not None:
            for name in region.values:
                for written in (name, *region.symbols.get(name, ())):
                    self._symbols[written.casefold()] = name

    def examples(self) -> list[Condition]:
        """Sets of values for the case's parameters, wherever in the text they stand."""
        found: list[Condition] = []
        for sentence in self._sentences:
            for one in conditions(spoken_relations(sentence), self._symbols):
                if len(one.fixed) >= 2 and self._region is not None:
                    found.append(one)
        return found

    def claims(self) -> Iterator[Claim]:
        previous: list[Subject] = []
        otherwise: Condition | None = None
        for number, sentence in enumerate(self._sentences):
            sentence = spoken_relations(sentence[:MAX_SENTENCE])
            stated = [c for c in conditions(sentence, self._symbols) if self._counts(sentence, c)]
            blotted = sentence
            for one in conditions(sentence, self._symbols):
                blotted = blotted[: one.start] + " " * (one.end - one.start) + blotted[one.end :]
            found = self._predicates(blotted)
            attached, otherwise = self._attached(blotted, found, stated, otherwise)
            at = 0
            told: list[Claim] = []
            for index, predicate in enumerate(found):
                following = found[index + 1].start if index + 1 < len(found) else len(blotted)
                subjects = self._subjects_of(blotted, at, predicate, following, previous)
                at = predicate.end
                if subjects is None:
                    continue
                previous = subjects
                window = blotted[found[index - 1].end if index else 0 : predicate.start]
                for subject in subjects:
                    move = self._move(predicate, subject, window, blotted[predicate.end : predicate.end + 30])
                    if move is not None:
                        told.append(Claim(subject.name, move, attached[index], quoted(sentence)[1:-1], number))
            for more in SO_DOES.finditer(sentence):
                same = [m[2] for m in self._mentions(sentence[more.end() :]) if m[0] == 0]
                if told and same and same[0].name not in {c.subject for c in told}:
                    move = self._move(found[-1], same[0], "", "")
                    told += [replace(told[-1], subject=same[0].name, move=move)] if move else []
            yield from self._settled(told)

    def _settled(self, told: Sequence[Claim]) -> Iterator[Claim]:
        """The claims of one sentence without those that another one swallows: `left or right, depending on b`."""
        for one in told:
            mine = [c for c in told if c.subject == one.subject]
            if one.move == "moves" and any(c.move != "moves" for c in mine):
                continue
            if one.move in OPPOSITE and one.condition is None and any(c.move == "depends" for c in mine):
                continue
            yield one

    def _counts(self, sentence: str, one: Condition) -> bool:
        """Whether relations state a condition: inequalities, or values set, that not all of the case satisfies."""
        if self._region is None:
            return True
        if not one.fixed and re.search(r"[<>≤≥≠]", one.text) is None and CUE.search(sentence[max(0, one.start - 30) : one.start]) is None:
            return False
        points = self._region.everywhere
        if one.fixed:
            return True
        return not all(one.holds(p) for p in points)

    def _attached(
        self, sentence: str, found: Sequence[_Predicate], stated: Sequence[Condition], before: Condition | None
    ) -> tuple[list[Condition | None], Condition | None]:
        """The condition of each predicate, and the last one, which `otherwise` in the next sentence would negate."""
        attached: list[Condition | None] = [None] * len(found)
        others = [Condition(m.start(), m.end(), "otherwise", (), {}, ()) for m in OTHERWISE.finditer(sentence)]
        last = before
        for one in sorted([*stated, *others], key=lambda c: c.start):
            condition = one
            if one in others:
                if last is None:
                    continue
                condition = replace(one, text=f"not ({last.text})", relations=(_negated(last),), constants=last.constants)
            earlier = [i for i, p in enumerate(found) if p.end <= one.start]
            later = [i for i, p in enumerate(found) if p.start >= one.end]
            stop = min((c.start for c in [*stated, *others] if c.start > one.start), default=len(sentence))
            later = [i for i in later if found[i].start < stop]
            prefix = one in others or not earlier
            if earlier and not prefix:
                cue = CUE.search(sentence, found[earlier[-1]].end, one.start)
                gap = sentence[found[earlier[-1]].end : cue.start() if cue else one.start]
                prefix = re.search(r"[,:]|\band\b|\bbut\b|\bwhile\b", gap) is not None and bool(later)
            if prefix and later:
                for index in later:
                    attached[index] = condition
            elif earlier:
                attached[earlier[-1]] = condition
            if one not in others:
                last = one
        return attached, last

    def _predicates(self, sentence: str) -> list[_Predicate]:
        """The predicates of a sentence, none inside another; earlier kinds in the table win."""
        taken: list[_Predicate] = []
        for move, pattern in self._patterns:
            for match in pattern.finditer(sentence):
                if any(p.start < match.end() and match.start() < p.end for p in taken):
                    continue
                name = match.groupdict().get("to") or match.groupdict().get("from")
                taken.append(_Predicate(match.start(), match.end(), f"{move}:{name.replace('-', ' ')}" if name else move))
        return sorted(taken, key=lambda p: p.start)

    def _mentions(self, text: str) -> list[tuple[int, int, Subject]]:
        result = []
        for match in self._names.finditer(text):
            word = match[0]
            for subject in self._subjects:
                if any(word in (n, n + "s", n + "es", n + "'s") for n in subject.names):
                    result.append((match.start(), match.end(), subject))
        return result

    def _subjects_of(
        self, sentence: str, at: int, predicate: _Predicate, following: int, previous: Sequence[Subject]
    ) -> list[Subject] | None:
        """Whom a predicate is about; None where that is something else (`the loss decreases`)."""
        window = sentence[at : predicate.start]
        mentions = self._mentions(window)
        everyone = (
            re.search(r"\bboth\b|\bneither\b|\bthey\b|\beverything\b|\bnothing\b", window + sentence[predicate.start : predicate.end])
            is not None
        )
        rest = self._names.sub(" ", window)
        strangers = [w for w in re.findall(r"[^\W\d_]+", rest) if w not in FILLERS]
        if mentions:
            last = mentions[-1]
            others = [m.end() for m in re.finditer(r"(?<![\w'^_])[^\W_]+(?!\w)", window) if m[0] in OTHERS and m.start() >= last[1]]
            if everyone:
                return list(dict.fromkeys(m[2] for m in mentions))
            if others and not COORDINATE.fullmatch(window[last[1] : others[-1]].rsplit(" ", 1)[0] + " "):
                tail = window[last[1] : others[-1]]
                if re.search(r"\b(?:and|but|while|whereas|is|so)\b|,", tail):
                    return None
            chosen = [last[2]]
            for (_, end, subject), (start, _, _) in zip(reversed(mentions[:-1]), reversed(mentions[1:]), strict=True):
                if not COORDINATE.fullmatch(window[end:start]):
                    break
                chosen.append(subject)
            return list(dict.fromkeys(reversed(chosen)))
        after = self._after(sentence, predicate, following)
        if after:
            return after
        if everyone:
            return list(previous) if len(previous) > 1 else list(self._subjects)
        if predicate.move in ("steeper", "shallower") and not set(strangers) & (OTHERS - SHAPES):
            return [s for s in self._subjects if not s.place]
        if any(w in OTHERS or len(w) > 2 for w in strangers) and not (predicate.move in ("right", "left") and not set(strangers) & OTHERS):
            return None
        if predicate.move in ("right", "left") or ":" in predicate.move:
            return [s for s in previous if s.place] or [s for s in self._subjects if s.place]
        if previous:
            return list(previous)
        if predicate.move in ("steeper", "shallower"):
            return [s for s in self._subjects if not s.place]
        return list(self._subjects) if predicate.move in ("same", "depends") else None

    def _after(self, sentence: str, predicate: _Predicate, following: int) -> list[Subject]:
        """The subjects that follow their predicate: `decreases the slope`, `no change in the slope or the elbow`."""
        text = sentence[predicate.end : following]
        lead = re.match(
            r"\s*(?:to the |for the |on the )?(?:shift |movement |change |move |step )?(?:in|of|to|for|on|,|:)?\s*(?:both |either |neither )?(?:the |its )?",
            text,
        )
        begin = lead.end() if lead else 0
        chosen: list[Subject] = []
        for start, end, subject in self._mentions(text):
            if start > begin and not COORDINATE.fullmatch(text[begin:start]):
                break
            chosen.append(subject)
            begin = end
        # `decreases, the elbow moves left`: a subject that has a predicate of its own is not this one's object.
        tail = text[begin:]
        if chosen and following < len(sentence) and not re.search(r"[,;.]|\band\b|\bbut\b|\bwhile\b", tail):
            return []
        return chosen

    def _move(self, predicate: _Predicate, subject: Subject, window: str, after: str) -> str | None:
        """What a predicate says of a subject, negation and magnitude understood; None where it cannot apply."""
        move, _, landmark = predicate.move.partition(":")
        if landmark and landmark not in subject.landmarks:
            return None
        if subject.place:
            move = {"up": "right", "down": "left", "negative": "left", "positive": "right"}.get(move, move)
            if move in ("steeper", "shallower"):
                return None
        else:
            if move in ("right", "left"):
                return None
            move = {"negative": "down", "positive": "up"}.get(move, move)
            if move in ("up", "down") and (MAGNITUDE.search(window) or re.match(r"\s*in (?:magnitude|absolute)", after)):
                move = "steeper" if move == "up" else "shallower"
        negated = NEGATION.search(window) is not None and predicate.move != "same"
        if move == "moves":
            return "same" if negated else "moves"
        if landmark:
            move = f"{move}:{landmark}"
        if move == "depends":
            return move
        return f"not {move}" if negated else move


def _negated(condition: Condition) -> Callable[[Point], bool]:
    return lambda point: not condition.holds(point)
