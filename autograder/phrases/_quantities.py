"""Values with units, as people type them in prose, formulas and lists of runs."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from autograder.evidence import QuantityEvidence
from autograder.phrases._words import MAX_TEXT, QUOTES, how_read, prose_of, unmarked, word_set
from autograder.verdict import Json, Verdict, correct, incorrect, undecided, unreadable, verdict_unless_typed
from autograder.writeup import Answer

Unit = Literal["ohm", "hertz", "rad/s", "", "other"]
Role = Literal["value", "start", "setting"]

MAX_QUANTITIES = 500
"""Numbers of an answer that are read."""
LABEL_WORDS = 8
"""Words before a number that may be its label."""
AGREE = 0.01
"""Two statements of one value agree within this: `120 Ω (119.94 to be exact)` is one value, rounded."""

NUMBER = re.compile(
    r"(?<![\w.])(?P<sign>[+-](?=[\d.]))?(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?:[eE](?P<exp>[+-]?\d{1,3})|[ ]*(?:×|·|\*|x)[ ]*10[ ]*(?:\^|\*\*)[ ]*[{(]?[ ]*(?P<power>[+-]?\d{1,3})[ ]*[})]?|[ ]*(?:×|·"
    r"|x)[ ]*10(?P<raised>[⁻⁺]?[⁰¹²³⁴-⁹]+))?"
)
TEN = re.compile(r"(?<![\w.])10[ ]*(?:\^|\*\*)[ ]*[{(]?[ ]*([+-]?\d{1,2})[ ]*[})]?|(?<![\w.])10([⁻⁺]?[⁰¹²³⁴-⁹]+)")
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
PREFIXES = {"m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "kilo": 1e3, "mega": 1e6, "giga": 1e9, "milli": 1e-3}
UNIT = re.compile(
    r"[ ]*[-\[(]?[ ]*(?:"
    r"(?P<ohm>(?P<op>[kKMGm])?[ ]?(?:Ω|Ohms?\b|ohms?\b|OHMS?\b)|(?P<oq>kilo|mega|milli)[ -]?ohms?\b)"
    r"|(?P<hertz>(?P<hp>[kKMGm])?(?:Hz|hz|HZ|hertz\b|Hertz\b)(?![a-z])|(?P<hq>kilo|mega)[ -]?hertz\b)"
    r"|(?P<rad>(?P<rp>[kKM])?(?:rad|rads|radians?)[ ]*(?:/[ ]*|per[ ]+)(?:s|sec|second)s?\b"
    r"|(?P<rr>k)?rad[ ]*(?:·[ ]*)?s[ ]*\^[ ]*[{]?-1[}]?|(?P<rs>k)?rad[ ·]*s⁻¹)"
    r"|(?P<kilo>[kK])(?![\w])"
    r"|(?P<other>%|percent\b|s\b|secs?\b|seconds?\b|ms\b|mins?\b|minutes?\b|hours?\b|hrs?\b|days?\b|h\b|m\b|steps?\b"
    r"|iterations?\b|epochs?\b|updates?\b|times\b|points?\b|"
    r"samples?\b|dB\b|decibels?\b|(?:[μunp]|micro|nano)?[ ]?F\b|(?:micro|nano)?farads?\b|V\b|volts?\b|LEDs?\b|data ?points?\b"
    r"|x\b(?=[ ]|$)|°|degrees?\b|°|(?:st|nd|rd|th)\b)"
    r")"
)
MOVED = re.compile(
    r"\b(?:from|start\w*|went|goes|moved?|moves|converg\w*|decreas\w*|increas\w*|drops?|dropped|chang\w*|initial\w*|init)\b[^.;\n]{0,40}$",
    re.IGNORECASE,
)
SPAN = re.compile(r"\b(?:range\w*|anywhere|any|interval|values?|valid|works?)\b[^.;\n]{0,25}$", re.IGNORECASE)
INTERVAL = re.compile(r"(?:\bin|∈|range|between|interval|within)[ ]*(?:of[ ]*)?[\[(][ ]*$")
PAIR = re.compile(
    r"(?:\([ ]*)?(?P<a>\b[A-Za-z]\w{0,20})[ ]*(?:,|and|&|/)[ ]*(?P<b>[A-Za-z]\w{0,20})[ ]*\)?(?:[ ][a-z]{2,14}){0,2}[ ]*(?:are"
    r"|were|is|=|:|≈|to be|of|converge[sd]? to)[ ]*(?:about[ ]*)?"
    r"[(\[]?[ ]*(?P<x>\d[\d.]*(?:[ ]?[kM]?(?:Ω|ohms?|Hz))?)[ ]*(?:,[ ]*(?:and[ ]*)?|and[ ]*|&[ ]*"
    r"|/[ ]*)(?P<y>\d[\d.]*(?:[ ]?[kM]?(?:Ω|ohms?|Hz))?)[ ]*[)\]]?(?![\d,])"
)
LABEL_AFTER = re.compile(
    r"[ ]*(?:Ω|ohms?|Hz)?[ ]*(?:for|as|\()[ ]*(?:the[ ]+)?([A-Za-z]\w*(?:[ ](?:pass|cutoff|resistor|half|low|high))*)\b"
)
EMPTY = word_set(
    """
    the a an and or that this it we i my our so because since with which corresponding both then thus hence also of to is are was
    were for in on at by as around about roughly approximately exactly when if where while but be its their each has have had ∈ ω
    ohm ohms hz again respectively here there
    """
)
COPULA = re.compile(
    r"(?:\b(?:is|are|was|were|be|becomes?|became|equals?|of|to|at|as|about|around|approximately|roughly|approx\.?|gives?|gave"
    r"|got|get|gets|found|find|finds|yields?|with|reach(?:es|ed)?|"
    r"learn(?:s|ed)?|obtain(?:s|ed)?|converge(?:s|d)?|near(?:ly)?|exactly|just|only|a|an|the|by|set|choose|chose|picked|used?"
    r"|for|results?|in|on|predicted|equal|back|out|turns|comes|came|settle[sd]?)\b"
    r"|[=:≈~≃→⇒←(\[,|&≤≥<>±\"])(?:[ ]*)$",
    re.IGNORECASE,
)
SYMBOL = re.compile(r"(?:[A-Za-zωτλ]\w*(?:[ ]?_[ ]?\w+)?(?:[,.]\w+)?(?:\([^()\n]{0,20}\))?)$")
START = re.compile(
    r"\b(?:start(?:s|ed|ing)?|init(?:ial(?:ly|i[sz](?:e|es|ed|ing|ation))?|s)?|initial\w*|R_?init\w*|R_?0|begin(?:s|ning)?|began"
    r"|guess(?:es)?)\b|_init\b|\b(?P<from>from)\b",
    re.IGNORECASE,
)
SETTING_AFTER = re.compile(r"[ ]*(?:loss|mse|error|learning rate|lr|as the learning rate)\b", re.IGNORECASE)
START_AFTER = re.compile(
    r"[ ]*(?:Ω|ohms?)?[ ]*(?:as (?:the |an )?(?:start|initial|init)|(?:start(?:ing)?|initial)(?:[ ]+(?:value|point|guess|resistance)))",
    re.IGNORECASE,
)
RESULT = re.compile(
    r"\b(?:to|gives?|gave|got|get|reach\w*|learn\w*|converge\w*|final\w*|result\w*|ends?|ended|obtain\w*|yield\w*|found|becomes?"
    r"|trained|predicted|after|stops?|stopped|arriv\w*)\b|→|⇒|->|=>",
    re.IGNORECASE,
)
SETTING = re.compile(
    r"\b(?:lr|learning[ -]?rates?|step[ -]?sizes?|rate|η|eta|α|alpha|λ|epochs?|max_training_steps|steps|iterations?"
    r"|dataset[ _]size|n|seed|tolerance|loss|error|mse|gradient|grad|"
    r"part|figure|fig|problem|question|cell|equation|section|capacit\w+|cap_value|C|temperature|sid|magnitude|threshold"
    r"|percent)\b(?:[^.;,\n\d]{0,20})$",
    re.IGNORECASE,
)
ARITHMETIC_BEFORE = re.compile(r"(?:[/*·×^√+±]|\+/-|[\w)][-]|π|\bpi|[/*·×^√+][ ]*\()[ ]*$")
ARITHMETIC_AFTER = re.compile(r"[ ]*[)]{0,3}[ ]*(?:\*(?!\*?[ ]*10[ ]*\^)|/(?![ ]*(?:s\b|sec|\d))|\^|·|×|π|pi\b|\+[ ]*[\d.(])")
FINAL = re.compile(r"\b(?:final|answer|therefore|hence|thus|finally|so)\b", re.IGNORECASE)
REFERENCE = re.compile(
    r"\b(?:true|real|actual|desired|ideal|theoretical|expected|target|correct|analytic\w*|exact|by hand|previous|earlier"
    r"|instead of|rather than|compared (?:to|with)|vs\.?|versus|not)\b[^.;\n]{0,40}$",
    re.IGNORECASE,
)
"""Before a value that another one is compared with."""
SENTENCE = re.compile(r"(?<=[^\s\d])[.;!?](?=\s|$)|(?<=\d)[.;!?](?=\s|$)|\n+")


@dataclass(frozen=True)
class Window:
    """An accepted range, ends included. where: what the range comes from, for the evidence."""

    low: float
    high: float
    where: str = ""

    def holds(self, value: float) -> bool:
        """Whether a value lies in the range."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Quantity:
    """One number of a text, with all that the text says about it."""

    value: float
    """In the unit, SI prefixes applied; the middle of a range."""
    unit: Unit
    """`ohm`, `hertz`, `rad/s`, "" (none given), or `other` (seconds, steps, percent, ...)."""
    low: float
    high: float
    """Both `value`, but for a range (`between 180 and 228 ohms`)."""
    label: str
    """What the text calls it, in lower case: `r_1`, `cutoff frequency`, `final value of r`; "" if nothing."""
    role: Role
    """`value`; `start` for where a training began; `setting` for learning rates, steps, losses and the like."""
    start: float | None
    """For a value: where the training that gave it began, if the text says so."""
    offset: int
    """In the text without markup."""
    line: int
    """0-based line of the text."""
    quoted: str
    """The number and its unit as they stand there."""
    sentence: str
    """The sentence around it, on one line."""


def read_quantities(text: str) -> tuple[Quantity, ...]:
    """The quantities of a text, in order.

    Numbers inside arithmetic (`1/(2π·800·1e-6)`) are none, nor is a left-hand side: of `0.2 kΩ = 200 Ω` the last counts.
    """
    plain = _plain(text)
    found: list[_Found] = []
    for match in _numbers(plain):
        if (found and match.start() < found[-1].end) or len(found) >= MAX_QUANTITIES:
            continue
        found.append(_read(plain, match))
    found = _ranges(plain, found)
    kept = [f for i, f in enumerate(found) if not _intermediate(plain, f, found[i + 1] if i + 1 < len(found) else None)]
    result: list[Quantity] = []
    previous: _Found | None = None
    for one in kept:
        if one.arithmetic:
            continue
        result.append(_quantity(plain, one, previous, result[-1] if result else None))
        previous = one
    return tuple(_with_starts(result))


def runs(quantities: Sequence[Quantity]) -> tuple[tuple[float | None, tuple[Quantity, ...]], ...]:
    """The values grouped by the run that they belong to: (its stated start or None, its values), in order."""
    groups: list[tuple[float | None, list[Quantity]]] = []
    for one in quantities:
        if one.role != "value":
            continue
        group = next((g for s, g in groups if s == one.start), None)
        if group is None:
            groups.append((one.start, [one]))
        else:
            group.append(one)
    return tuple((start, tuple(group)) for start, group in groups)


@dataclass
class _Found:
    """A number where it was found; its unit ends at `end`."""

    start: int
    end: int
    low: float
    high: float
    unit: Unit
    scale: float
    arithmetic: bool


def _plain(text: str) -> str:
    text = text[:MAX_TEXT].translate(QUOTES)
    text = re.sub(r"(?<=\d)(?:\\[,!;: ]|\{,\}|[\u2009\u202f\u00a0])(?=\d{3}(?!\d))", ",", text)
    text = re.sub(r"\\SI\*?\{([^{}]{0,40})\}\{([^{}]{0,40})\}", lambda m: f"{m[1]} {_si(m[2])}", text)
    text = re.sub(r"\^[ ]*\{([^{}]{0,40})\}", r"^(\1)", text)
    return _paired(_tabled(unmarked(text)))


def _si(unit: str) -> str:
    for command, letter in (("\\kilo", "k"), ("\\mega", "M"), ("\\ohm", "Ω"), ("\\hertz", "Hz"), ("\\radian\\per\\second", "rad/s")):
        unit = unit.replace(command, letter)
    return unit


def _tabled(plain: str) -> str:
    """Rows of tables with the words of their header: `start = 500, R_in = 39`."""
    if "|" not in plain:
        return plain
    lines = plain.split("\n")
    header: list[str] = []
    for index, line in enumerate(lines):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) < 2:
            header = header if not line.strip() and header else []
        elif not any(re.match(r"[^A-Za-z]*\d", cell) for cell in cells):
            header = cells if any(re.search(r"[A-Za-z]", cell) for cell in cells) else header
        elif len(header) == len(cells):
            lines[index] = ", ".join(f"{name} = {cell}" for name, cell in zip(header, cells, strict=True)) + ";"
        else:
            lines[index] = ", ".join(cells)
    return "\n".join(lines)


def _paired(plain: str) -> str:
    """`R_in and R_out are 40 and 149` and `(R_in, R_out) = (40, 149)` as `R_in = 40, R_out = 149`."""
    return PAIR.sub(lambda m: f"{m['a']} = {m['x']}, {m['b']} = {m['y']}", plain)


def _numbers(plain: str) -> list[re.Match[str]]:
    """Matches of NUMBER and of lone powers of ten, in order."""
    tens = list(TEN.finditer(plain))
    bases = {m.start() for m in tens}
    numbers = [m for m in NUMBER.finditer(plain) if m.start() not in bases]
    return sorted([*numbers, *tens], key=lambda m: (m.start(), -m.end()))


def _read(plain: str, match: re.Match[str]) -> _Found:
    value, end, scale = _value(match), match.end(), 1.0
    unit: Unit = ""
    said = UNIT.match(plain, end)
    if said is not None:
        scale = next((PREFIXES[p] for p in (said[g] for g in ("op", "oq", "hp", "hq", "rp", "rr", "rs", "kilo")) if p), 1.0)
        unit = "ohm" if said["ohm"] else "hertz" if said["hertz"] else "rad/s" if said["rad"] else "" if said["kilo"] else "other"
        end = said.end()
    before, after = plain[max(0, match.start() - 60) : match.start()], plain[end : end + 40]
    alone = before.rstrip()[-1:] in ("(", "[") and re.match(r"[ ]*[)\],;]", after) is not None
    arithmetic = (
        not math.isfinite(value)
        or (ARITHMETIC_BEFORE.search(before) is not None and not alone)
        or ARITHMETIC_AFTER.match(after) is not None
        or (said is None and after[:1].isalpha())
        or _inside_expression(plain, match.start(), end)
    )
    return _Found(match.start(), end, value * scale, value * scale, unit, scale, arithmetic)


def _inside_expression(plain: str, start: int, end: int) -> bool:
    """Whether a number stands in parentheses together with operators and names: `(x - (0.1 + 0.2y))`."""
    opening = plain.rfind("(", max(0, start - 40), start)
    closing = plain.find(")", end, end + 40)
    if opening < 0 or closing < 0 or ")" in plain[opening:start]:
        return False
    inner = plain[opening + 1 : closing]
    return (
        re.fullmatch(r"[\w\s.+\-*/^·(]*", inner) is not None and re.search(r"[+*/^·]|\w[ ]*-[ ]*\w", inner) is not None and "Ω" not in inner
    )


def _value(match: re.Match[str]) -> float:
    if match.re is TEN:
        return float("1e" + (match[1] or match[2].translate(RAISED)))
    exponent = match["exp"] or match["power"] or (match["raised"] or "0").translate(RAISED)
    return float(f"{match['sign'] or ''}{match['digits'].replace(',', '')}e{exponent}")


def _ranges(plain: str, found: Sequence[_Found]) -> list[_Found]:
    """Two numbers that make a range as one: `between 180 and 228 ohms`, `180-228 Ω`, `[180, 228]`."""
    result: list[_Found] = []
    for one in found:
        last = result[-1] if result else None
        joined = _range(plain, last, one) if last is not None else None
        if joined is not None:
            result[-1] = joined
        else:
            result.append(one)
    return result


def _range(plain: str, first: _Found, second: _Found) -> _Found | None:
    gap = plain[first.end : second.start]
    before = plain[max(0, first.start - 60) : first.start]
    dash = re.fullmatch(r"[ ]*[-–—~][ ]*", gap) is not None
    to = re.fullmatch(r"[ ]*(?:to|up to|through)[ ]*", gap) is not None and (not MOVED.search(before) or SPAN.search(before) is not None)
    between = re.fullmatch(r"[ ]*and[ ]*", gap) is not None and re.search(r"\bbetween\b[^.;\n\d]{0,30}$", before, re.IGNORECASE) is not None
    brackets = re.fullmatch(r"[ ]*,[ ]*", gap) is not None and INTERVAL.search(before) is not None
    if not (dash or to or between or brackets) or first.low != first.high or first.arithmetic or (second.arithmetic and not dash):
        return None
    # `0.18 to 0.228 kΩ`: the prefix and the unit are those of both.
    scale = second.scale if first.unit == "" and first.scale == 1.0 else 1.0
    low, high = first.low * scale, second.high
    if first.unit not in ("", second.unit) or second.unit == "other":
        return None
    if not low < high:
        if dash:
            first.arithmetic = second.arithmetic = True
        return None
    return _Found(first.start, second.end, low, high, second.unit, second.scale, False)


def _intermediate(plain: str, one: _Found, after: _Found | None) -> bool:
    """Whether a number is only a left-hand side of the next: `230 - 31 = 199`, `0.2 kΩ = 200 Ω`."""
    return after is not None and re.fullmatch(r"[ ]*[)\]]?[ ]*(?:=|≈|~|≃|→)[ ]*", plain[one.end : after.start]) is not None


def _quantity(plain: str, one: _Found, previous: _Found | None, before: Quantity | None) -> Quantity:
    start, end = _sentence(plain, one.start)
    here = plain[start : one.start]
    label = _label(here, plain[one.end : one.end + 60])
    gap_from = previous.end if previous is not None and previous.end >= start else start
    gap = plain[gap_from : one.start]
    role = _role(gap, plain[one.end : one.end + 60], one.unit, before if gap_from > start else None)
    line = plain.count("\n", 0, one.start)
    if not label and before is not None and re.fullmatch(r"[ ]*(?:,|/|&|,?[ ]*and)[ ]*", gap) and gap_from > start:
        label = before.label
    return Quantity(
        (one.low + one.high) / 2,
        one.unit,
        one.low,
        one.high,
        label,
        role,
        None,
        one.start,
        line,
        plain[one.start : one.end].strip(),
        " ".join(plain[start:end].split()),
    )


def _sentence(plain: str, at: int) -> tuple[int, int]:
    begin = max(0, at - 600)
    start = max((m.end() for m in SENTENCE.finditer(plain, begin, at)), default=begin)
    following = SENTENCE.search(plain, at + 1, at + 600)
    return start, following.end() if following else min(len(plain), at + 600)


def _label(here: str, after: str) -> str:
    """What a number is called: the symbol or the words before the copula before it, else `for R_in` after it."""
    text = here
    seen = separated = False
    for _ in range(8):
        copula = COPULA.search(text)
        if copula is None:
            break
        text = text[: copula.start()].rstrip()
        seen = True
        if copula[0].strip() in (",", "(", "[", "|", "&"):
            separated = True
            break
    last = text.split()[-1:] if not seen else []
    bare = bool(last) and (not last[0][-1:].isalpha() or last[0].casefold() in EMPTY)
    label = "" if separated or bare else _name(text)
    pieces = re.split(r"[=≈:]", re.split(r"[,;](?![^()]*\))", here)[-1])
    if not label and seen and len(pieces) > 1 and re.search(r"[/*·×^π(]|\d[ ]*[-+][ ]*\d", " ".join(pieces[1:])):
        # The right-hand side is arithmetic: the name stands before the first relation.
        label = _name(pieces[0])
    behind = LABEL_AFTER.match(after)
    if behind is not None and (not label or "(" in behind[0]):
        label = f"{label} {behind[1].casefold()}".strip()
    return label


def _name(text: str) -> str:
    """The symbol, or the words without articles and the like, at the end of a text."""
    text = text.rstrip(" ({[*_")
    symbol = SYMBOL.search(text)
    if symbol and ("_" in symbol[0] or len(symbol[0]) <= 2) and symbol[0].casefold() not in EMPTY:
        return symbol[0].replace(" ", "").casefold()
    words = re.split(r"[,;:.()\d=|&≈]", text)[-1].casefold().split()[-LABEL_WORDS:]
    while words and words[0] in EMPTY:
        words = words[1:]
    while words and words[-1] in EMPTY:
        words = words[:-1]
    return " ".join(words)


def _role(gap: str, after: str, unit: Unit, before: Quantity | None) -> Role:
    """What a number is for, by the words since the number before it, else by what that one was for."""
    if unit == "other":
        return "setting"
    if START_AFTER.match(after):
        return "start"
    if SETTING_AFTER.match(after):
        return "setting"
    starts = list(START.finditer(gap))
    start = next((m for m in reversed(starts) if m["from"] is None), starts[-1] if starts else None)
    result = max(RESULT.finditer(gap), key=lambda m: m.start(), default=None)
    setting = SETTING.search(gap.rstrip(" =:≈(~") + " ")
    if setting is not None:
        return "setting"
    if start is not None and (result is None or result.start() < start.start()):
        clearly = start["from"] is None or re.match(r"[ ]*(?:Ω|ohms?|Hz)?[ ]*(?:to|→|->|down|up)\b|[ ]*→", after) is not None
        said = re.search(r"[,:;]", gap[start.end() :]) is None
        return "start" if clearly and said else "value"
    if result is not None or before is None or before.role == "value":
        return "value"
    listed = re.fullmatch(r"[ ]*(?:,|/|&|,?[ ]*and|or)[ ]*(?:(?P<label>[^\W\d]\w*)[ ]*(?:=|:|≈)?[ ]*)?(?:Ω|ohms?)?[ ]*", gap)
    if listed is None or before.unit == "other":
        return "value"
    if listed["label"] and not ("_" in listed["label"] and "_" in before.label and START.search(before.label) is None):
        return "value"
    return before.role


def _with_starts(found: Sequence[Quantity]) -> list[Quantity]:
    """The values with the start that their run had: the one named before them, or, in their sentence only, after."""
    result: list[Quantity] = []
    start: float | None = None
    for one in found:
        if one.role == "start":
            start = one.value
        elif one.role == "value":
            here = [q for q in found if q.role == "start" and q.sentence == one.sentence]
            after = [q for q in here if q.offset > one.offset]
            one = replace(one, start=after[0].value if after and after == here else start)
        result.append(one)
    return result


def quantity(answer: Answer, accepted: Window | Sequence[Window], unit: Unit, *, labels: Sequence[str] = ()) -> Verdict:
    """The verdict on one asked value: any of the windows may hold it.

    unit: what is asked for; a value without a unit is taken to be in it, one with another unit is the slip
    `wrong_unit`. labels: where given, values that are labelled otherwise (none of these words) are not meant.
    Rival values are `unreadable`, words without a number `undecided`.
    """
    other = verdict_unless_typed(answer)
    if other is not None:
        return other
    windows = (accepted,) if isinstance(accepted, Window) else tuple(accepted)
    text = prose_of(answer)
    values = [q for q in read_quantities(text) if q.role == "value"]
    values = _meant(values, unit, labels)
    name = unit or "a number"
    if not values:
        return undecided(
            "No value could be read: a person looks.", read=how_read(answer, f"words without a value; accepted would be a number in {name}")
        )
    distinct = _distinct(values)
    if len(distinct) > 1:
        shown = ", ".join(q.quoted for q in distinct[:4])
        return unreadable(
            f"One value is asked for, and there are {len(distinct)}: {shown}. Accepted would be: one value, or `Answer:` before "
            f"the one that counts.",
            read=how_read(
                answer, f"{len(distinct)} rival values ({shown}); accepted would be one value, or `Answer:` before the one that counts"
            ),
        )
    return _judged(answer, distinct[0], windows, unit)


def _meant(values: Sequence[Quantity], unit: Unit, labels: Sequence[str]) -> list[Quantity]:
    """The values that can be the asked one, by label, then by unit, then by being called final."""
    named = [q for q in values if any(label.casefold() in q.label for label in labels)]
    meant = named or list(values)
    right = [q for q in meant if q.unit == unit]
    bare = [q for q in meant if q.unit == ""]
    meant = right or bare or meant
    for keep in (FINAL, REFERENCE):
        if len(_distinct(meant)) > 1:
            some = [q for q in meant if (keep.search(_before(q)) is not None) == (keep is FINAL)]
            meant = some if len(_distinct(some)) == 1 else meant
    return meant


def _before(one: Quantity) -> str:
    """The words of a quantity's sentence before it."""
    return one.sentence[: max(0, one.sentence.find(" ".join(one.quoted.split())))]


def _distinct(values: Sequence[Quantity]) -> list[Quantity]:
    """The values that differ by more than people's rounding; of those that agree, the one with most digits."""
    kept: list[Quantity] = []
    for value in values:
        twin = next(
            (
                i
                for i, k in enumerate(kept)
                if (abs(k.value - value.value) <= AGREE * max(abs(k.value), abs(value.value)) and k.low - value.low == 0)
                or k == value
                or _rounds(k, value)
            ),
            None,
        )
        if twin is None:
            kept.append(value)
        elif len(value.quoted) > len(kept[twin].quoted):
            kept[twin] = value
    return kept


def _rounds(first: Quantity, second: Quantity) -> bool:
    """Whether two statements agree within rounding."""
    if (first.low, first.high) != (first.value, first.value) or (second.low, second.high) != (second.value, second.value):
        return (first.low, first.high) == (second.low, second.high)
    return abs(first.value - second.value) <= AGREE * max(abs(first.value), abs(second.value))


def _judged(answer: Answer, got: Quantity, windows: Sequence[Window], unit: Unit) -> Verdict:
    window = windows[0]
    shown: Json = got.value if got.low == got.high else [got.low, got.high]
    evidence = QuantityEvidence(got=shown, unit=got.unit or unit, accepted=[window.low, window.high], where=window.where)
    read = how_read(answer, f"{got.quoted}" + (f", taken to be in {unit}" if not got.unit and unit else ""), said=got.sentence)
    inside = next((w for w in windows if w.holds(got.low) and w.holds(got.high)), None)
    if got.unit not in ("", unit):
        message = f"The value is given in {got.unit}, and {unit or 'a plain number'} is asked for."
        return incorrect(message, evidence=evidence, slip="wrong_unit", method="value in a window", read=read)
    if inside is not None:
        evidence = replace(evidence, accepted=[inside.low, inside.high], where=inside.where)
        return correct(method=f"value in a window ({inside.where})" if inside.where else "value in a window", read=read, evidence=evidence)
    factors = (1e3, 1e-3, 1e6, 1e-6, 2 * math.pi, 1 / (2 * math.pi))
    if any(w.holds(got.value * f) for w in windows for f in factors):
        return incorrect(
            "The value is off by the factor between two units.", evidence=evidence, slip="wrong_unit", method="value in a window", read=read
        )
    return incorrect("The value is not in the accepted range.", evidence=evidence, method="value in a window", read=read)
