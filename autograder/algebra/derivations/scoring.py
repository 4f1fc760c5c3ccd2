"""A derivation judged: followed step by step, scored by what it reaches, with the first false step and numbers that show it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, runtime_checkable

from autograder.algebra.derivations.ambiguity import other_meanings, put_in, told_apart
from autograder.algebra.derivations.chains import Step, read_side
from autograder.algebra.derivations.domain import Introduced
from autograder.algebra.derivations.letters import Binding, Renaming, bindings, second_letters, typed_names
from autograder.algebra.derivations.rubric import Rubric, Waypoint
from autograder.algebra.derivations.setting import Setting, setting
from autograder.algebra.derivations.steps import MAX_RELATIONS, Formula, Relation, Text, statements_of
from autograder.algebra.derivations.walk import Walk
from autograder.algebra.derivations.waypoints import is_reached
from autograder.algebra.evaluation import Point, Real, Undefined, Unsupported, value_at
from autograder.algebra.notation import definition, render
from autograder.algebra.symbols import key_of
from autograder.algebra.tree import occurring
from autograder.evidence import LEFT_SIDE, RIGHT_SIDE, JudgedStep, StepsEvidence
from autograder.verdict import Json, Verdict, correct, incorrect, missing, partial, undecided, verdict_unless_typed

FALSE_STEP: Final = 0.2
"""Of the points, for the first step that is false."""
FURTHER_STEP: Final = 0.1
"""For each further one: mistakes are carried on."""
SLIP_OF_THE_PEN: Final = 0.05
"""Of the points, for a false step that is explained by a slip of the pen: brackets left out, something transposed, a letter used twice."""
PEN: Final = frozenset({"missing_parentheses", "transposed", "shape", "two_meanings"})
MOST_LOST: Final = 0.6
"""Of the points, to false steps together."""
ARGUED: Final = 4
"""Valid steps, other than the claim in other arrangements, from which on there may be a route that the rubric does not know."""
TOO_LITTLE: Final = "Too little of this could be read to decide it: a person reads this derivation."
SPOKEN_OF: Final = 3
"""Symbols of the problem, or one fewer of its words, from which on a text is an attempt at it."""
WORDY: Final = 40
"""Words of prose from which on an argument may stand in the words alone."""
_RESTRICTS: Final = re.compile(r"full (?:column |row )?rank|linearly independent columns|invertible (?:F|X|matrix F)", re.IGNORECASE)


@runtime_checkable
class DerivationLike(Protocol):
    """What the write-up hands over for a part."""

    @property
    def text(self) -> str:
        """The final answer as typed."""
        ...

    @property
    def body(self) -> str:
        """The whole part."""
        ...

    @property
    def state(self) -> str:
        """`typed`, `missing`, `image` or `foreign`."""
        ...

    @property
    def start(self) -> int:
        """Line on which the body begins."""
        ...


@dataclass(frozen=True)
class Followed:
    """A derivation followed with one choice of letters."""

    steps: tuple[Step, ...]
    reached: frozenset[str]
    binding: Mapping[str, str]
    setting: Setting
    introduced: tuple[Introduced, ...]

    @property
    def letters(self) -> Binding:
        """The choice of letters."""
        return tuple(Renaming(letter, name) for letter, name in self.binding.items())

    def count(self, verdict: str) -> int:
        """How many steps have a verdict."""
        return sum(s.verdict == verdict for s in self.steps)


def derivation(answer: DerivationLike, rubric: Rubric) -> Verdict:
    """Is this a valid derivation of what the rubric asks for?

    Every relation is decided on its own; which route is taken does not matter, only what is reached. `correct` if all waypoints are
    reached and no step is false; `partial` with the first false step, or with what is missing; `undecided` where too little could be
    read. A step is called false only with a counterexample (evidence of kind `steps`). Raises ValueError for a rubric that cannot be read.
    """
    other = verdict_unless_typed(answer, "a derivation")
    if other is not None:
        return other
    text = statements_of(answer.body, max(1, answer.start))
    if not re.search(r"[^\W_]", answer.body) or not (text.items or text.words):
        return missing()
    return _verdict(follow(_with_answer(text, answer, rubric), answer.body, answer.text, rubric), text, rubric)


def _with_answer(text: Text, answer: DerivationLike, rubric: Rubric) -> Text:
    """The derivation with its final answer as a last claim, where that is a formula alone."""
    if not rubric.answer or not getattr(answer, "how", "").startswith("after"):
        return text
    last = statements_of(answer.text).items or (Formula(answer.text.strip(), 0, 0),)
    if len(last) != 1 or not isinstance(last[0], Formula) or read_side(last[0].text, setting(rubric).notation).unread:
        return text
    line = getattr(answer, "line", 0) or max(1, answer.start)
    claim = Relation(rubric.answer, "=", last[0].text, len(answer.body), line, MAX_RELATIONS + 1)
    return replace(text, items=(*text.items, claim))


def step_remarks(answer: DerivationLike, rubric: Rubric) -> tuple[str, ...]:
    """The false equations among the steps shown above a final answer, a sentence each: for parts that are judged by their answer alone.

    Bounds are left out: above an answer they mostly say where it holds.
    """
    if answer.state != "typed":
        return ()
    text = statements_of(answer.body, max(1, answer.start))
    followed = follow(text, answer.body, answer.text, rubric)
    return tuple(_complaint(s, followed) for s in followed.steps if s.verdict == "false" and s.sign == "=")


def follow(text: Text, body: str, final: str, rubric: Rubric) -> Followed:
    """Every step decided, with the letters under which most of it holds."""
    best: Followed | None = None
    present = typed_names(_formulas(text))
    for binding in bindings(rubric, present):
        here = _tried(text, body, final, rubric, binding, present)
        if here is not None and (best is None or _rank(here) < _rank(best)):
            best = here
    assert best is not None
    best = _confirmed(best)
    if best.count("unreadable") and not best.count("false"):
        # a second letter for a name that does occur: only where everything holds with it
        for binding in second_letters(rubric, present, best.letters):
            here = _tried(text, body, final, rubric, binding, present)
            if here is not None and not here.count("false") and here.count("unreadable") < best.count("unreadable"):
                best = here
    for meaning in other_meanings(rubric, best.steps, best.binding):
        kept = tuple(r for r in best.letters if r.letter != meaning.letter and r.name != meaning.name)
        there = _tried(put_in(meaning, text), body, final, rubric, kept, present)
        if there is None:
            continue
        own = meaning.letter not in best.binding
        taken = f"the problem's own {meaning.letter}" if own else best.binding[meaning.letter]
        steps = told_apart(best.steps, there.steps, meaning, taken, best.setting.domains[0], own=own)
        if steps is not None:
            return replace(best, steps=steps, reached=best.reached | there.reached)
        if own and key_of(meaning.name) not in present:
            # a letter of the problem that means something else throughout: so be it, if more holds then
            best = _throughout(meaning, text, body, final, rubric, best)
    return best


def _throughout(meaning: Renaming, text: Text, body: str, final: str, rubric: Rubric, best: Followed) -> Followed:
    """The derivation with a letter as another name of the problem, if less of it is false then and more holds; else as it is."""
    written = put_in(meaning, text)
    present = typed_names(_formulas(written))
    taken = best
    for binding in bindings(rubric, present):
        here = _tried(written, body, final, rubric, binding, present)
        if here is None or _rank(here) >= _rank(taken):
            continue
        if here.count("false") < best.count("false") and here.count("holds") > best.count("holds"):
            as_typed = zip(here.steps, best.steps, strict=False) if len(here.steps) == len(best.steps) else ()
            steps = tuple(replace(s, text=old.text) for s, old in as_typed) or here.steps
            taken = _confirmed(replace(here, steps=steps, binding={meaning.letter: meaning.name, **here.binding}))
    return taken


def _confirmed(one: Followed) -> Followed:
    """Without the false steps in which a letter occurs that no valid step shows to stand for what it was taken for."""
    keys = {key_of(name) for name in one.binding.values()}

    def mentioned(s: Step) -> frozenset[str]:
        return frozenset().union(*(side.mentions for side in (s.left, s.right) if side is not None))

    sure = frozenset().union(*(mentioned(s) for s in one.steps if s.verdict == "holds" and len(mentioned(s)) > 1))
    doubtful = keys - sure
    steps = tuple(
        replace(s, verdict="unreadable", how="what a letter stands for is not certain", found=None, shapes=None)
        if s.verdict == "false" and mentioned(s) & doubtful
        else s
        for s in one.steps
    )
    return replace(one, steps=steps)


def _tried(text: Text, body: str, final: str, rubric: Rubric, binding: Binding, present: frozenset[str]) -> Followed | None:
    try:
        return _followed(text, body, final, rubric, binding, present)
    except ValueError:
        if not binding:
            raise
        return None  # these letters clash with declared ones


def _formulas(text: Text) -> Iterator[str]:
    for item in text.items:
        if isinstance(item, Relation):
            yield item.left
            yield item.right
        else:
            yield item.text


def _rank(one: Followed) -> tuple[int, int, int]:
    return (one.count("unreadable") + 2 * one.count("false") - one.count("holds"), one.count("false"), len(one.binding))


def _followed(text: Text, body: str, final: str, rubric: Rubric, binding: Binding, present: frozenset[str]) -> Followed:
    walk = Walk(rubric, setting(rubric, binding), body, present)
    for item in text.items:
        if isinstance(item, Formula):
            walk.formula(item)
        else:
            walk.relation(item)
    steps = tuple(walk.steps)
    if _RESTRICTS.search(text.prose):
        steps = tuple(
            replace(s, verdict="unreadable", how="it may rest on the rank that the text supposes", found=None)
            if s.verdict == "false" and not s.shapes
            else s
            for s in steps
        )
    found = frozenset(w.name for w in rubric.waypoints if is_reached(w, steps, final, walk))
    found |= {name for w in rubric.waypoints for name in w.implied_by if w.name in found}
    return Followed(steps, found, dict(binding), walk.chosen, tuple(i for i in walk.domains[0].introduced if i.kind != "singular"))


def _verdict(followed: Followed, text: Text, rubric: Rubric) -> Verdict:
    steps = followed.steps
    false = [s for s in steps if s.verdict == "false"]
    unread = [s for s in steps if s.verdict == "unreadable"]
    lacking = [w for w in rubric.waypoints if w.name not in followed.reached]
    evidence = _evidence(steps, followed)
    read = _read(followed)
    remarks = _remarks(followed, unread)
    if not lacking and not false:
        return correct("Every step that could be checked holds.", method=_method(steps), read=read, evidence=evidence).with_remarks(
            *remarks
        )
    unclear = bool(unread) or not text.complete
    open_ = unclear or text.words >= WORDY or _argued(steps, followed, rubric) >= ARGUED
    share = sum(w.weight for w in rubric.waypoints if w.name in followed.reached)
    provisional = _provisional(share, followed, text, rubric)
    if false:
        if unclear and (share > 0 or _argued(steps, followed, rubric)):
            share += sum(w.weight for w in lacking if not w.final)
        pen = sum(s.slip in PEN for s in false)
        lost = pen * SLIP_OF_THE_PEN + (FALSE_STEP + FURTHER_STEP * (len(false) - pen - 1) if pen < len(false) else 0.0)
        share = max(0.0, share - min(lost, MOST_LOST))
        first = false[0]
        message = _complaint(first, followed)
        more = [_complaint(s, followed) for s in false[1:]]
        slip = first.slip or None
        if lacking:
            free = [w for w in lacking if unclear and not w.final]
            more += [_lack(part) for part in ([w for w in lacking if w not in free],) if part]
            more += [f"{_lack(free)} It may stand where something could not be read, and costs nothing."] if free else []
        if share <= 0:
            return incorrect(message, evidence=evidence, slip=slip, method="counterexample", read=read).with_remarks(*more, *remarks)
        return partial(round(min(share, 0.95), 4), message, evidence=evidence, slip=slip, method="counterexample", read=read).with_remarks(
            *more, *remarks
        )
    ended = any(w.final and w.name in followed.reached for w in rubric.waypoints)
    if open_ and (ended or (unclear and unread and unread[-1] is steps[-1]) or not steps):
        notes = [_lack(lacking), *remarks] if steps else remarks
        return undecided(TOO_LITTLE, read=read, evidence=evidence, provisional=provisional).with_remarks(*notes)
    if open_ and share <= 0:
        return undecided(TOO_LITTLE, read=read, evidence=evidence, provisional=provisional).with_remarks(*remarks)
    alone = all(w.final for w in rubric.waypoints if w.name in followed.reached)
    message = "The claim is stated, but not derived." if alone and share > 0 else _lack(lacking)
    if share <= 0 or alone:
        return incorrect(message, evidence=evidence, slip="not_derived" if alone and share > 0 else "incomplete", read=read).with_remarks(
            *remarks
        )
    return partial(
        round(min(share, 0.95), 4),
        message,
        evidence=evidence,
        slip="incomplete",
        method="every step holds, but not all is there",
        read=read,
    ).with_remarks(*remarks)


def _provisional(share: float, followed: Followed, text: Text, rubric: Rubric) -> float | None:
    """Nothing where the text does not speak of what was asked: not of the problem's symbols, not in its words, and nothing is reached."""
    if share > 0 or _argued(followed.steps, followed, rubric):
        return None
    typed = typed_names(_formulas(text))
    letters = {key_of(name).partition("_")[0] for name in rubric.symbols}
    named = {letter for letter in letters if f"{letter}_^" in typed}
    said = {found.casefold() for found in re.findall(rubric.about, text.prose, re.IGNORECASE)} if rubric.about else set()
    return None if len(named) >= SPOKEN_OF or len(said) >= SPOKEN_OF - 1 else 0.0


def _argued(steps: tuple[Step, ...], followed: Followed, rubric: Rubric) -> int:
    """Valid steps that speak of more than the claim does."""
    claim: set[str] = set()
    for waypoint in rubric.waypoints:
        if waypoint.final:
            for text in (*waypoint.values, *(t for pair in waypoint.bounds for t in pair)):
                claim |= read_side(text, followed.setting.notation).mentions
    found = set()
    for s in steps:
        if s.verdict == "holds" and s.left is not None and s.right is not None and (s.left.mentions | s.right.mentions) - claim:
            found.add((s.left.text, s.right.text))
    return len(found)


def _lack(lacking: list[Waypoint]) -> str:
    return f"Not found among the steps: {'; '.join(w.name for w in lacking)}."


def _method(steps: tuple[Step, ...]) -> str:
    holds = [s for s in steps if s.verdict == "holds"]
    sampled = sum(s.sampled for s in holds)
    exact = len(holds) - sampled
    parts = [f"{exact} steps exactly"] if exact else []
    parts += [f"{sampled} without a violation in tilted samples"] if sampled else []
    return "step by step: " + ", ".join(parts or ["nothing to check"])


def _read(followed: Followed) -> str:
    """What a student may know before the due date: how it was read, and nothing of what holds."""
    unread = followed.count("unreadable")
    counts = f"{len(followed.steps) - unread} steps were read" + (f", {unread} more could not be." if unread else ".")
    bound = "; ".join(f"{letter} is read as {name}" for letter, name in followed.binding.items())
    return f"{counts} {bound[:1].upper()}{bound[1:]}." if bound else counts


def _remarks(followed: Followed, unread: list[Step]) -> list[str]:
    out = [
        f"Line {s.line}: `{s.text}` holds with ≤, but both sides can be equal."
        for s in followed.steps
        if s.slip == "strict" and s.verdict == "holds"
    ]
    out += [f"Line {s.line}: `{s.text}` could not be checked: {s.how}." for s in unread[:6]]
    if len(unread) > 6:
        out.append(f"{len(unread) - 6} more steps could not be checked.")
    return out


def _complaint(step: Step, followed: Followed) -> str:
    head = f"Line {step.line}: `{step.text}`"
    if step.slip == "missing_parentheses":
        return f"{head} lacks brackets: {step.how.replace('? × ?', 'a square matrix')}."
    if step.shapes and step.slip == "two_meanings":
        return (
            f"{head}: one symbol, two meanings: {step.how} and for something of another shape here: {step.shapes[0]} and {step.shapes[1]}."
        )
    if step.shapes:
        return f"{head}: the shapes do not fit: {step.how}."
    found = step.found
    assert found is not None
    values = _values(step, followed)
    point = ", ".join(f"{name} = {_text(value)}" for name, value in values.items() if name not in (LEFT_SIDE, RIGHT_SIDE))
    one, two = _text(values[LEFT_SIDE]), _text(values[RIGHT_SIDE])
    if step.slip == "two_meanings" and step.other is not None and step.other.found is not None:
        first = step.other.found
        return (
            f"{head}: one symbol, two meanings: {step.how}. For {point}, as it is meant there, the sides of this step are {one} and {two}; "
            f"as it is meant here, those of line {step.other.line} are {_text(_json(first.left))} and {_text(_json(first.right))}."
        )
    if step.slip == "two_meanings":
        return f"{head}: one symbol, two meanings: {step.how} and for something else here: for {point} that is {one} and this is {two}."
    if any(side is not None and side.operator for side in (step.left, step.right)):
        return f"{head} does not hold: for {point} the two sides differ in that direction, {one} against {two}."
    return f"{head} does not hold: for {point} the left side is {one} and the right side is {two}."


DIGITS_SHOWN: Final = 12


def _number(x: Any) -> Json:
    value = float(x)
    near = round(value)
    if abs(value - near) <= 1e-14 * max(1.0, abs(value)) and abs(near) < 10**15:
        return int(near)
    return float(f"{value:.{DIGITS_SHOWN}g}")


def _json(value: Any) -> Json:
    return [[_number(x) for x in row] for row in value] if isinstance(value, list) else _number(value)


def _text(value: Json) -> str:
    if isinstance(value, list):
        if all(len(row) == 1 for row in value):
            return "[" + ", ".join(f"{row[0]:.4g}" for row in value) + "]ᵀ" if len(value) > 1 else f"[{value[0][0]:.4g}]"
        return "[" + "; ".join(", ".join(f"{x:.4g}" for x in row) for row in value) + "]"
    return f"{value:.6g}"


def _values(step: Step, followed: Followed) -> dict[str, Json]:
    """What a person needs to replay a counterexample: every symbol that the sides are made of, and both values."""
    found = step.found
    assert found is not None
    table = followed.setting.table
    keys: set[str] = set()
    other = (step.other.left, step.other.right) if step.other is not None else ()
    for side in (step.left, step.right, *other):
        if side is not None and side.expression is not None:
            keys |= occurring(side.expression) | {k for k in side.mentions if k in table.definitions}
        if side is not None and side.operator:
            keys.add(followed.setting.notation.differentials[side.variable])
    for one in reversed(followed.introduced):
        if keys & set(one.keys):
            keys |= occurring(one.source)
    for key in list(keys):
        if key in table.definitions:
            keys |= occurring(definition(table, key))
    out: dict[str, Json] = {}
    for symbol in table.declared:
        if symbol.key not in keys:
            continue
        if symbol.key in table.definitions:
            try:
                value = value_at(definition(table, symbol.key), Point(Real(), found.sizes, found.values))
            except (Undefined, Unsupported, KeyError):
                continue
            out[symbol.name] = _json(value)
        elif symbol.key in found.values:
            out[symbol.name] = _json(found.values[symbol.key])
    for one in followed.introduced:
        for key, name in zip(one.keys, one.names, strict=True):
            if key in keys and key in found.values:
                out[name] = _json(found.values[key])
    out[LEFT_SIDE] = _json(found.left)
    out[RIGHT_SIDE] = _json(found.right)
    return out


def _evidence(steps: tuple[Step, ...], followed: Followed) -> StepsEvidence:
    """Every step as evidence."""
    listed: list[JudgedStep] = []
    for s in steps:
        witness: Json = None
        if s.verdict == "false":
            apart = " and ".join(s.shapes) if s.shapes and s.slip == "two_meanings" else s.how
            witness = {"shapes": apart} if s.shapes else _values(s, followed)
        entry: JudgedStep = {
            "line": s.line, "text": s.text, "verdict": s.verdict, "witness": witness, "how": s.how, "slip": s.slip or None
        }  # fmt: skip
        if s.verdict == "false" and s.slip == "two_meanings":
            entry.update(_in_names_of_the_problem(s, followed))
        listed.append(entry)
    return StepsEvidence(steps=listed)


def _in_names_of_the_problem(step: Step, followed: Followed) -> JudgedStep:
    """Of a step in names that mean two things: its sides in names of the problem, and those of the step that needs the other meaning."""
    table = followed.setting.table
    out: JudgedStep = {}
    for one in (step, step.other):
        if one is None or one.found is None or one.left is None or one.right is None:
            continue
        if one.left.expression is None or one.right.expression is None:
            continue
        try:
            sides = [render(side.expression, table) for side in (one.left, one.right) if side.expression is not None]
        except KeyError:
            continue  # a decomposition has no name of the problem
        if one is step:
            out.update({"sides": sides, "sign": one.sign})
        else:
            left, right = _json(one.found.left), _json(one.found.right)
            out["other"] = {"line": one.line, "text": one.text, "sides": sides, "sign": one.sign, "left side": left, "right side": right}
    return out
