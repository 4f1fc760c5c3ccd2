"""Reading claims in words on how things move: `the slope decreases and the corner moves right if w > bx`.

The caller says what the subjects are called, how each moves as an exact function of the case's parameters, and over
which points: the truth is computed from these, never listed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property

from autograder.phrases._conditions import Condition, Point, conditions, spoken_relations
from autograder.phrases._words import quoted, word_set, words

MAX_POINTS = 20_000
"""Points of a region; more would only make grading slow."""
MAX_SENTENCES = 200
MAX_CLAIMS = 60
"""Claims of one answer that are weighed."""
MAX_SENTENCE = 1_000


@dataclass(frozen=True, eq=False)
class ParameterRegion:
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
    r"\(?\b(?:as |is |are )?(?:shown |seen |drawn |depicted |illustrated |plotted )?(?:in|on|by|from|see"
    r"|as)?\s*(?:the\s+)?(?:fig(?:ure|\.)?s?|image|plot|graph|sketch|picture)\s*(?:is shown as figure)?\s*\d*\)?,?"
)
NO_DIRECTION = r"\b(?!\s+(?:to the |in the |any |further )?(?:right|left|up|down|towards?|closer|away|much)\b)"
"""After a verb of motion: no direction follows, so that `does not move right` is not `does not move`."""
ENDS = r"(?=\s*(?:$|[.,;)]|(?:if|when|and|for)\b))"
PREDICATES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "same",
        (
            r"(?:does|do|will|would|did|should|is|are|has|have|had|can|were|was) not (?:be |been |being )?"
            r"(?:really |actually |also |both |either )?"
            r"(?:chang\w*|mov\w*|shift\w*|updat\w*|affect\w*|alter\w*|var(?:y|ies|ied)|modif\w*|budge\w*|differ\w*)" + NO_DIRECTION,
            r"\bunchanged\b",
            r"\bunaffected\b",
            r"\bunaltered\b",
            r"\bno (?:change|movement|effect|update|shift|difference|impact|motion)s?\b",
            r"\bnot (?:chang|mov|shift|updat)\w*" + NO_DIRECTION,
            r"\b(?:stay|stays|stayed|remain|remains|remained|keep|keeps|kept|is|are|be)\s+(?:at |in |exactly |both |all )?(?:the )?"
            r"(?:same|fixed|constant|put|still|stationary|where (?:it|they) (?:is|are|was|were)|in place|static|identical|unmoved)"
            r"(?: place| position| location)?\b",
            r"\bthe same\b",
            r"\b(?:stays?|remains?)\b(?= *$| *[,;)]| +(?:if|when|where|for|there|otherwise)\b)",
            r"\bremains?\b(?= *$| *[,;)])",
            r"\bnothing (?:changes|happens|moves|is updated)\b",
            r"^\W*(?:nothing|none|neither)\W*$",
        ),
    ),
    (
        "depends",
        (
            r"\bdepend(?:s|ing|ent)?\b(?: on)?",
            r"\beither (?:direction|way|side|left or right|right or left)\b",
            r"\b(?:left|right|up|down)(?:wards?)? ?(?:or|and|/) ?(?:to the )?(?:left|right|up|down)(?:wards?)?\b",
            r"\bcan (?:not )?be determined\b",
            r"\bnot determined\b",
            r"\bundetermined\b",
            r"\bambiguous\b",
            r"\bboth directions\b",
            r"\bany direction\b",
            r"\bcase by case\b",
            r"\bfor some\b[^.;]{0,40}\bfor others?\b",
        ),
    ),
    (
        "steeper",
        (
            r"\b(?:more )?steep(?:er|ens|ened|ening|en)\b",
            r"\bmore steep\b",
            r"\bsharper\b",
            r"\b(?:increas\w*|grow\w*|rises?|goes up|larger|bigger|greater) in (?:magnitude|absolute value|absolute|size|steepness)\b",
            r"\b(?:larger|bigger|greater|higher|increased|increasing) (?:in )?(?:magnitude|absolute value|steepness)\b",
        ),
    ),
    (
        "shallower",
        (
            r"\bless steep\b",
            r"\bless sharp\b",
            r"\bshallow(?:er|s|ing)?\b",
            r"\bflat(?:ter|tens?|tened|tening)\b",
            r"\bgentler\b",
            r"\b(?:decreas\w*|shrink\w*|reduc\w*|drops?|goes down|smaller|lower) in (?:magnitude|absolute value|absolute|size|steepness)\b",
            r"\b(?:smaller|lower|reduced|decreased|decreasing) (?:in )?(?:magnitude|absolute value|steepness)\b",
        ),
    ),
    ("negative", (r"\bmore negative\b", r"\bless positive\b")),
    ("positive", (r"\bless negative\b", r"\bmore positive\b")),
    (
        "towards",
        (
            r"\b(?:towards?|closer to|nearer to|nearer|in the direction of|closer towards?|approach(?:es|ing)?)"
            r"\s+(?:to )?(?:the |its )?(?P<to>{landmarks})(?!\w)",
        ),
    ),
    ("away", (r"\b(?:away|farther|further|further away|farther away|far) from\s+(?:the |its )?(?P<from>{landmarks})(?!\w)",)),
    ("right", (r"\bright(?:wards?)?\b(?![- ]hand)", r"\b(?:in the )?positive (?:x[- ]?)?direction\b", r"\bto larger x\b", "→" + ENDS)),
    ("left", (r"\bleft(?:wards?)?\b(?![- ]hand)", r"\b(?:in the )?negative (?:x[- ]?)?direction\b", r"\bto smaller x\b", "←" + ENDS)),
    (
        "up",
        (
            r"\bincreas\w*\b",
            r"\bgrow(?:s|n|ing)?\b",
            r"\brise[sn]?\b",
            r"\brising\b",
            r"\b(?:larger|bigger|greater|higher)\b",
            r"\braise[sd]?\b",
            r"\bgains?\b",
            r"\b(?:(?:go|goes|going|went|move|moves|moving) )?up(?:wards?)?\b(?! to\b)",
            "↑",
        ),
    ),
    (
        "down",
        (
            r"\bdecreas\w*\b",
            r"\breduc\w*\b",
            r"\bshrink(?:s|ing)?\b",
            r"\bdrop(?:s|ped|ping)?\b",
            r"\bfall(?:s|ing)?\b",
            r"\b(?:smaller|lower|lowers|lowered|lowering)\b",
            r"\bdeclin\w*\b",
            r"\bdiminish\w*\b",
            r"\blessen\w*\b",
            r"\b(?:(?:go|goes|going|went|move|moves|moving) )?down(?:wards?)?\b(?! to\b)",
            "↓",
        ),
    ),
    (
        "moves",
        (
            r"\bchang(?:e|es|ed|ing)\b",
            r"\bmov(?:e|es|ed|ing)" + NO_DIRECTION,
            r"\bshift(?:s|ed|ing)?" + NO_DIRECTION,
            r"\bis updated\b",
            r"\baffected\b",
        ),
    ),
)
"""What may be said of a subject, and how; of two that overlap the one further up counts."""
NEGATION = re.compile(r"\b(?:not|never|no|neither|nor|without|nothing|none)\b(?! only)")
MAGNITUDE = re.compile(r"\b(?:magnitude|absolute value|steepness|abs)\b|\|\s*\w+\s*\|")
FILLERS = word_set(
    """
    the a an will would then also and or but so therefore thus hence it its they them both this that which these those is are be
    been being becomes become became get gets getting got move moves moving moved shift shifts shifting shifted go goes going went
    slightly bit little slowly just only too as to in by of now always still again further more much we can see that have has had
    does do did must should may might could after before during update updates step training gradient sgd one each time because
    since while whereas however first second finally overall result results resulting value new old e there here i think believe
    expect find get obtain means implies gives makes make cause causes leads lead for with on at when if where up down from where's
    all either itself consequently moreover meanwhile will likewise similarly accordingly where during
    """
)
OTHERS = word_set(
    """
    loss prediction predictions output outputs bias intercept error activation residual derivative gradients b y x w value values
    weight weights point line function λ φ lambda phi height function's magnitude parameter parameters
    """
)
ZERO = re.compile(r"\b(to|towards?|from|approach\w*)\s+(?:x\s*=\s*)?0(?!\.?\w)")
ALL = frozenset(("parameter", "parameters", "weights", "anything", "values", "unit", "neuron"))
"""What stands for every subject where it is said not to change."""
SHAPES = frozenset(("line", "function", "w", "weight"))
SO_DOES = re.compile(
    r"\b(?:so|as|neither|nor) (?:does|do|will|would|is|are) (?:the |its )?"
    r"|\b(?:likewise|similarly|same for|also)(?: for)? (?:the |its )?(?=\w+\s*$)"
)
LONE_WORD = re.compile(r"(?<![\w'^_])(?<![-+*/=(])(?<![-+*/=(] )[^\W_]+(?!\w|\s*[-+*/=)^])")
"""A word, or a letter that is no part of a formula."""
COORDINATE = re.compile(
    r"[\s,/&+]*(?:\b(?:and|or|nor|as well as|both|neither|the|its|of|also|with|together|location|position|place|x|plus|either)\b[\s,/&+]*)*"
)
OTHERWISE = re.compile(r"\b(?:otherwise|else|in the other case|in the opposite case|if not|conversely|vice versa)\b")
CUE = re.compile(
    r"\b(?:if|when|whenever|for|provided|assuming|given|as long as|in case|where|with|since|because|suppose|let|take|iff|only if"
    r"|e\.g|example|case|once|say)\b"
)
OPPOSITE = {"right": "left", "left": "right", "up": "down", "down": "up", "steeper": "shallower", "shallower": "steeper"}


def read_claims(text: str, subjects: Sequence[Subject], region: ParameterRegion | None = None) -> tuple[Claim, ...]:
    """What a text claims of the subjects, in order. With a `region`, its symbols are read in conditions."""
    return tuple(itertools.islice(Reader(text, subjects, region).claims(), MAX_CLAIMS))


# ---- reading ----


@dataclass(frozen=True)
class _Predicate:
    start: int
    end: int
    move: str


class Reader:
    """One answer's words, sentence by sentence."""

    def __init__(self, text: str, subjects: Sequence[Subject], region: ParameterRegion | None) -> None:
        self._subjects = subjects
        self._region = region
        landmarks = sorted({name for s in subjects for name in s.landmarks}, key=len, reverse=True)
        named = "|".join(re.escape(name).replace(r"\ ", r"[ -]") for name in landmarks) or r"(?!)"
        self._patterns = [(move, re.compile("|".join(said).replace("{landmarks}", named))) for move, said in PREDICATES]
        spelled = sorted({n for s in subjects for n in s.names}, key=len, reverse=True)
        named_ = "|".join(re.escape(n) for n in spelled if len(n) > 1) or r"(?!)"
        letters = "|".join(re.escape(n) for n in spelled if len(n) == 1) or r"(?!)"
        # A letter inside a formula is no mention: of `w' = w - λx` the last one is not what decreases.
        self._names = re.compile(
            rf"(?<![\w'^_∂/])(?:(?:{named_})(?:s|es|'s)?(?![\w^_(]|'(?!s))"
            rf"|(?<![-+*/=(])(?<![-+*/=(] )(?:{letters})(?!['\w^_(]|\s*[-+*/=)]))"
        )
        clean = re.sub(r"(?<!\n)\n(?!\s*\n|\s*[-*•]\s|\s*\(?[ivx\d]{1,4}[.)]\s)", " ", words(text))
        clean = ZERO.sub(r"\1 zero", FIGURES.sub(" ", clean))
        self._sentences = [s.strip() for s in SENTENCES.split(clean) if s and s.strip()][:MAX_SENTENCES]
        self._symbols = {}
        if region is not None:
            for name in region.values:
                for written in (name, *region.symbols.get(name, ())):
                    self._symbols[written.casefold()] = name

    def examples(self) -> list[Condition]:
        """Sets of values for the case's parameters, wherever in the text they stand."""
        if self._region is None:
            return []
        return [one for s in self._sentences for one in conditions(spoken_relations(s), self._symbols) if len(one.fixed) >= 2]

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
                for subject in self._listed(sentence[more.end() :]) if told else ():
                    move = self._move(found[-1], subject, "", "")
                    if move and subject.name not in {c.subject for c in told}:
                        told.append(replace(told[-1], subject=subject.name, move=move))
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
        named = {f"{name}{ending}": one for one in self._subjects for name in one.names for ending in ("", "s", "es", "'s")}
        return [(m.start(), m.end(), named[m[0]]) for m in self._names.finditer(text) if m[0] in named]

    def _subjects_of(
        self, sentence: str, at: int, predicate: _Predicate, following: int, previous: Sequence[Subject]
    ) -> list[Subject] | None:
        """Whom a predicate is about; None where that is something else (`the loss decreases`)."""
        window = sentence[at : predicate.start]
        mentions = self._mentions(window)
        if predicate.move == "depends" and not any(m[2].place for m in mentions):
            # `it depends on b whether the corner moves left or right`: of the subjects named here, what has a place.
            named = [m[2] for m in self._mentions(sentence) if m[2].place]
            if named:
                return list(dict.fromkeys(named))
            if not mentions and any(s.place for s in self._subjects):
                return [s for s in self._subjects if s.place]
        everyone = (
            re.search(r"\bboth\b|\bneither\b|\bthey\b|\beverything\b|\bnothing\b", window + sentence[predicate.start : predicate.end])
            is not None
        )
        rest = self._names.sub(" ", window)
        strangers = [w for w in re.findall(r"[^\W\d_]+", rest) if w not in FILLERS]
        if mentions:
            last = mentions[-1]
            others = [m.end() for m in LONE_WORD.finditer(window) if m[0] in OTHERS and m.start() >= last[1]]
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
        if predicate.move == "same" and set(strangers) & ALL:
            return list(self._subjects)
        if any(w in OTHERS or len(w) > 2 for w in strangers) and not (predicate.move in ("right", "left") and not set(strangers) & OTHERS):
            return None
        if predicate.move in ("right", "left") or ":" in predicate.move:
            return [s for s in previous if s.place] or [s for s in self._subjects if s.place]
        if previous:
            return list(previous)
        if predicate.move in ("up", "down") and not strangers:
            return [s for s in self._subjects if not s.place]
        if predicate.move in ("steeper", "shallower"):
            return [s for s in self._subjects if not s.place]
        return list(self._subjects) if predicate.move in ("same", "depends") else None

    def _listed(self, text: str) -> list[Subject]:
        """The subjects that a text begins with, joined by `and`."""
        chosen: list[Subject] = []
        end = 0
        for start, stop, subject in self._mentions(text):
            if not COORDINATE.fullmatch(text[end:start]):
                break
            chosen.append(subject)
            end = stop
        return chosen

    def _after(self, sentence: str, predicate: _Predicate, following: int) -> list[Subject]:
        """The subjects that follow their predicate: `decreases the slope`, `no change in the slope or the corner`."""
        text = sentence[predicate.end : following]
        lead = re.match(
            r"\s*(?:to the |for the |on the )?(?:shift |movement |change |move |step )?(?:in|of|to|for|on|,|:)?\s*(?:both "
            r"|either |neither )?(?:the |its )?",
            text,
        )
        begin = lead.end() if lead else 0
        chosen: list[Subject] = []
        for start, end, subject in self._mentions(text):
            if start > begin and not COORDINATE.fullmatch(text[begin:start]):
                break
            chosen.append(subject)
            begin = end
        # `decreases, the corner moves left`: a subject that has a predicate of its own is not this one's object.
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
