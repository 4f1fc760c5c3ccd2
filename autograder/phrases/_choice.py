"""Yes or no, with or without an explanation; and whether anything was said at all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from autograder.evidence import ChoiceEvidence, TextEvidence
from autograder.phrases._words import how_read, prose_of, unmarked, word_set, words
from autograder.verdict import Verdict, correct, incorrect, unreadable, verdict_unless_typed
from autograder.writeup import Answer

YES = (
    "violation", "violations", "violate", "violates", "violated", "violating", "breach", "breaks the rules", "cheating",
    "plagiarism", "prohibited", "forbidden", "disallowed", "unacceptable", "impermissible", "illegal", "against the policy",
    "against the rules", "against policy", "breaks the policy",
)  # fmt: skip
NO = (
    "allowed", "permitted", "permissible", "acceptable", "fine", "okay", "ok", "legal", "within the policy", "within the rules",
    "follows the policy", "complies", "consistent with the policy", "all right", "alright", "legitimate", "no problem",
)  # fmt: skip

AFFIRMATIVE = frozenset(("yes", "y", "yep", "yeah", "yup", "true", "t"))
NEGATIVE = frozenset(("no", "n", "nope", "nah", "false", "f"))
NEGATIONS = frozenset(
    ("not", "no", "never", "without", "nor", "neither", "non", "hardly", "nothing", "none", "isn't", "doesn't", "aren't", "don't")
)
HYPOTHETICAL = frozenset(("if", "unless", "otherwise", "provided", "whenever", "else", "had"))
CONCESSIVE = frozenset(("although", "though", "while", "even", "whereas", "unlike", "usually", "normally", "generally"))
FILLER = word_set(
    """
    this it that which they both these those he she is are was were does do did would be been being a an the of course clearly
    definitely certainly obviously i think believe say so therefore hence thus because since as considered counts count in my
    opinion case situation scenario students student two action behavior behaviour would not no never also still and then but clear
    direct serious policy course's honor academic really totally completely absolutely probably answer yes seems to me like will
    should must can have has actually technically for them everyone parties party sides side constitutes constitute
    """
)
SENTENCES = re.compile(r"[.!?;\n]+(?=\s|$)|\n+")
CLAUSES = re.compile(r"[,:;()–—]|\s-\s|\bbut\b|\balthough\b|\bbecause\b|\bsince\b|\bas long as\b|\bwhile\b|\band so\b|\btherefore\b")
BARE = re.compile(r"\W*(?:it|this|that|they) (?:is|does|do|are|was|would|did)( not)?\W*")
"""`It is not`: an answer to the question itself."""
QUESTION = re.compile(r"(?<![^.!?\n])[^.!?\n]*\?(?=\s|$)")
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
CUES = word_set(
    """
    is say think believe answer probably definitely mean be would guess as
    """
)
WINDOW = 5
"""Words before a phrase in which a negation turns it around."""


def yes_or_no(answer: Answer, truth: bool, *, yes: Sequence[str] = YES, no: Sequence[str] = NO) -> Verdict:
    """Whether the answer says yes or no, as it should.

    `yes` and `no` are other ways of saying so, without negations: "not allowed" is understood from "allowed".
    Explanations are read too: an answer that says both is `unreadable`, and so is one that says neither.
    """
    other = verdict_unless_typed(answer)
    if other is not None:
        return other
    text = words(prose_of(answer))
    # A question that was copied is not the answer, unless it is all there is.
    statements = QUESTION.sub(" ", text)
    said = _polarity(statements if WORD.search(statements) else text, yes, no)
    accepted = "`yes` or `no`, with any explanation that does not say the opposite"
    if said is None:
        return unreadable(
            f"Neither yes nor no could be read. Accepted would be: {accepted}.",
            read=how_read(answer, "neither yes nor no; accepted is " + accepted),
        )
    if len(said) > 1:
        return unreadable(
            f"The answer says both yes and no. Accepted would be: {accepted}.",
            read=how_read(answer, "both yes and no; accepted is " + accepted),
        )
    (got,) = said
    read = how_read(answer, "yes" if got else "no")
    evidence = ChoiceEvidence(expected="yes" if truth else "no", got="yes" if got else "no")
    if got == truth:
        return correct(method="yes or no, read from words", read=read, evidence=evidence)
    return incorrect("The other of yes and no is right.", evidence=evidence, method="yes or no, read from words", read=read)


def said_something(answer: Answer, *, echo: bool = True) -> Verdict:
    """Completeness only: anything with a letter or a digit is right. With `echo=False` the text is never repeated."""
    other = verdict_unless_typed(answer)
    if other is not None:
        return other
    text = prose_of(answer)
    if not re.search(r"[^\W_]", unmarked(text)):
        return unreadable(
            "No word or number could be read here.", read=f"{answer.file}, line {answer.line}: no word or number; any is accepted."
        )
    if not echo:
        return correct(method="completeness", read=f"{answer.file}, line {answer.line}: something was written.")
    return correct(method="completeness", read=how_read(answer, "an answer"), evidence=TextEvidence(said=" ".join(text.split())[:4000]))


def _polarity(text: str, yes: Sequence[str], no: Sequence[str]) -> set[bool] | None:
    """What the text says: {True}, {False}, both, or None for neither."""
    phrases = [(tuple(WORD.findall(p.casefold())), True) for p in yes] + [(tuple(WORD.findall(p.casefold())), False) for p in no]
    phrases.sort(key=lambda p: -len(p[0]))
    sentences = [s for s in SENTENCES.split(text) if WORD.search(s)]
    explicit: set[bool] = set()
    direct: set[bool] = set()
    loose: list[set[bool]] = []
    for index, sentence in enumerate(sentences):
        explicit |= set(_explicit(sentence, first=index == 0))
        here: set[bool] = set()
        before: list[str] = []
        for number, clause in enumerate(CLAUSES.split(sentence)):
            tokens = WORD.findall(clause)
            if number == 0 and tokens[:1] and (tokens[0] in AFFIRMATIVE or (len(tokens) == 1 and tokens[0] in NEGATIVE)):
                tokens = tokens[1:]
            for place, size, polarity in _found(tokens, phrases):
                negated = sum(1 for t in tokens[max(0, place - WINDOW) : place] if t in NEGATIONS) % 2 == 1
                if HYPOTHETICAL & set(tokens) or CONCESSIVE & set(before[-1:] + tokens[:place]):
                    continue
                meant = polarity != negated
                here.add(meant)
                general = tokens[place + size : place + size + 1] == ["to"] and not polarity
                if all(t in FILLER for t in tokens[:place]) and not general:
                    direct.add(meant)
            before = tokens
        if here:
            loose.append(here)
    said = explicit | direct
    if said:
        return said
    return loose[0] if loose else None


def _explicit(sentence: str, *, first: bool) -> Iterator[bool]:
    """The words yes and no of a sentence where they are an answer, not a determiner (`no credit was given`)."""
    bare = BARE.fullmatch(sentence)
    if bare is not None:
        yield bare[1] is None
    found = list(WORD.finditer(sentence))
    for index, word in enumerate(found):
        alone = (
            re.match(
                r"\s*(?:[,:;.!?)–—-]|$|\bit\b|\bthis\b|\bthat\b|\bbecause\b|\bsince\b|\bas\b|\bor\b|\band\b|/)", sentence[word.end() :]
            )
            is not None
        )
        opens = index == 0
        cued = index > 0 and found[index - 1][0] in CUES
        short = word[0] in ("y", "n", "t", "f")
        if word[0] in AFFIRMATIVE and ((opens and (first or alone)) or cued or (first and alone)) and not (short and not (opens and alone)):
            yield True
        elif (
            word[0] in NEGATIVE
            and ((opens and (first or alone)) or (cued and alone) or (first and alone and index < 4))
            and not (short and not (opens and alone))
        ):
            yield False


def _found(tokens: Sequence[str], phrases: Sequence[tuple[tuple[str, ...], bool]]) -> Iterator[tuple[int, int, bool]]:
    """Places, lengths and meanings of the phrases among the tokens; the longest at each place."""
    at = 0
    while at < len(tokens):
        match = next(((len(p), v) for p, v in phrases if p and tuple(tokens[at : at + len(p)]) == p), None)
        if match is not None:
            yield at, match[0], match[1]
        at += match[0] if match else 1
