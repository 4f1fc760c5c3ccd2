"""The write-up of a submission: which file, which part, which final answer."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from autograder.assignment import Assignment
from autograder.submission import Submission
from autograder.writeup._doubled import undoubled
from autograder.writeup._final import ANSWER, final_answer, is_placeholder
from autograder.writeup._markup import BOLD_LEVEL, HEAD, TAIL, marked
from autograder.writeup._source import Source, count_pages, read_file, read_notebook
from autograder.writeup._structure import Stretch, Structure, captions, has_picture, plain, read_structure

State = Literal["typed", "missing", "image", "foreign"]

TYPED_SUFFIXES = (".md", ".markdown", ".tex")
DOCUMENT_SUFFIXES = (".pdf", ".docx", ".doc", ".odt", ".rtf", ".pages")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".heic", ".gif", ".webp", ".tif", ".tiff", ".bmp", ".svg")
NOT_WRITEUPS = frozenset(("readme", "license", "licence", "changelog", "contributing", "preamble", "macros"))
POINTS = re.compile(r"[\[(]?[ ]*\d{1,2}(?:\.\d)?[ ]*(?:pts?|points?|marks?)\b\.?[ ]*[\])]?", re.IGNORECASE)
OWN_ANSWER = re.compile(r"^(?:yes|no|answer)\b|[=]", re.IGNORECASE)
MAX_CANDIDATES = 10
"""Files that are tried as the write-up."""


@dataclass(frozen=True)
class Answer:
    """What was handed in for one part."""

    part: str
    """`5.d`"""
    text: str
    """The final answer as typed, "" if there is none."""
    body: str
    """The whole part, without block quotes (the question), figures and captions."""
    file: str
    line: int
    """1-based, where the final answer begins; of a notebook, in the cell that `file` names."""
    how: str
    """How the final answer was found: "after `Answer:`", "the last \\boxed{}", "the last equation",
    "the last formula", "the whole text", or ""."""
    state: State
    note: str = ""
    """Remapping and the like; "" mostly."""
    start: int = 0
    """1-based line on which the body begins."""


@dataclass(frozen=True)
class WriteUp:
    """Every part of the sheet, as it was handed in."""

    answers: Mapping[str, Answer]
    notes: tuple[str, ...] = field(default=())
    """What was ignored, remapped or not placed, one sentence each."""

    def answer(self, part: str) -> Answer:
        """The answer to a part (`5.d`). Raises KeyError for a part that is not on the sheet."""
        return self.answers[part]


def read_writeup(submission: Submission, assignment: Assignment) -> WriteUp:
    """Reads the first of writeup.md, writeup.tex, the Markdown cells of the notebook, or a lone .md or .tex of another
    name, in which some part is answered. Never raises for what the files hold.
    """
    candidates = _candidates(submission, assignment)
    read: list[tuple[Source, dict[str, Answer], tuple[str, ...]]] = []
    for name, label in candidates[:MAX_CANDIDATES]:
        path = submission.root / name
        source = read_notebook(path, label) if name.lower().endswith(".ipynb") else read_file(path, label)
        answers, notes = _answers(source, assignment)
        read.append((source, answers, notes))
    chosen = _chosen(read, assignment)
    pictures = [f for f in submission.files if f.lower().endswith(DOCUMENT_SUFFIXES + PICTURE_SUFFIXES)]
    empty = chosen is None or not _answered(chosen[1])
    if pictures and empty and not (chosen and any(a.state == "foreign" for a in chosen[1].values())):
        note = _picture_note(submission, pictures)
        picture = min(pictures, key=lambda f: (not f.lower().endswith(DOCUMENT_SUFFIXES), f))
        numbers = _numbers(assignment)
        return WriteUp({n: Answer(n, "", "", picture, 1, "", "image", note) for n in numbers}, (note[0].upper() + note[1:] + ".",))
    if chosen is None:
        return WriteUp({n: Answer(n, "", "", "", 1, "", "missing") for n in _numbers(assignment)}, ("No write-up was found.",))
    source, answers, notes = chosen
    others = [s.file for s, _, _ in read if s is not source and (s.text.strip() or s.notes)]
    ignored = [f"{source.file} is read as the write-up; {', '.join(others)} is ignored for the written parts."] if others else []
    if pictures and not empty:
        documents = [p for p in pictures if p.lower().endswith(DOCUMENT_SUFFIXES)]
        ignored += [f"{source.file} is read as the write-up; {documents[0]} is not read."] if documents else []
    return WriteUp(answers, (*ignored, *source.notes, *notes))


def _numbers(assignment: Assignment) -> list[str]:
    return [number for problem in assignment.problems for number in problem.numbers()]


def _answered(answers: Mapping[str, Answer]) -> int:
    return sum(1 for a in answers.values() if a.state != "missing")


def _candidates(submission: Submission, assignment: Assignment) -> list[tuple[str, str]]:
    """Relative paths (and labels) of the files that may be the write-up, by rank."""
    found: list[str] = []
    for name in (*assignment.files.writeup, assignment.files.notebook):
        path = submission.find(name) if name else None
        if path is not None:
            found.append(path.relative_to(submission.root).as_posix())
    others = [f for f in submission.files if f.lower().endswith(TYPED_SUFFIXES) and f not in found]
    likely = [f for f in others if PurePosixPath(f).stem.casefold() not in NOT_WRITEUPS] or others
    found += sorted(likely, key=lambda f: (f.count("/"), f))
    found += [f for f in submission.files if f.lower().endswith(".ipynb") and f not in found]
    return [(f, f) for f in dict.fromkeys(found)]


def _chosen(
    read: list[tuple[Source, dict[str, Answer], tuple[str, ...]]], assignment: Assignment
) -> tuple[Source, dict[str, Answer], tuple[str, ...]] | None:
    """The first named write-up in which something is answered; else the other file that answers most."""
    names = {name.casefold() for name in assignment.files.writeup}
    named = [r for r in read if PurePosixPath(r[0].file).name.casefold() in names]
    for candidate in named:
        if _answered(candidate[1]):
            return candidate
    rest = [r for r in read if r not in named]
    best = max(rest, key=lambda r: _answered(r[1]), default=None)
    if best is not None and (_answered(best[1]) or not named):
        return best
    return named[0] if named else None


def _picture_note(submission: Submission, pictures: list[str]) -> str:
    first = min(pictures, key=lambda f: (not f.lower().endswith(DOCUMENT_SUFFIXES), f))
    pages = count_pages(submission.root / first) if first.lower().endswith(".pdf") else None
    counted = f", {pages} page{'s' if pages != 1 else ''}" if pages else ""
    more = f" and {len(pictures) - 1} more" if len(pictures) > 1 else ""
    return f"found {first}{counted}{more}: a person reads {'them' if more else 'it'}"


def _answers(source: Source, assignment: Assignment) -> tuple[dict[str, Answer], tuple[str, ...]]:
    text, notes = marked(source)
    structure = read_structure(text, assignment.problems, cells=bool(source.cells))
    lines = [0]
    while (at := text.find("\n", lines[-1])) >= 0:
        lines.append(at + 1)
    reader = _PartReader(source, text, lines, structure)
    answers = {n: reader.answer(n) for n in _numbers(assignment)}
    return answers, (*notes, *structure.notes)


@dataclass(frozen=True)
class _PartReader:
    """Turns the stretches of one file into answers. lines: offset at which each line of `text` begins."""

    source: Source
    text: str
    lines: list[int]
    structure: Structure

    def answer(self, part: str) -> Answer:
        problem = part.partition(".")[0]
        note = self.structure.remapped.get(problem, "")
        if self.structure.foreign:
            return Answer(part, "", "", self.source.file, 1, "", "foreign", "this looks like another homework")
        stretches = self.structure.stretches.get(part, [])
        if not stretches:
            return Answer(part, "", "", self.source.file, 1, "", "missing", note)
        pieces = [self._untitled(s) for s in stretches]
        bodies = [undoubled(plain(piece)) for piece in pieces]
        if all(is_placeholder(body) for body in bodies):
            said = " ".join(captions(piece) for piece in pieces).strip()
            if said and not is_placeholder(said):
                bodies = [said]
                stretches = stretches[:1]
        filled = [(s, b) for s, b in zip(stretches, bodies, strict=True) if b.strip()]
        if not filled:
            file, line = self._place(stretches[0], "", 0)
            if any(has_picture(piece) for piece in pieces):
                return Answer(part, "", "", file, line, "", "image", "found a picture and no text: a person reads it", line)
            return Answer(part, "", "", file, line, "", "missing", note, line)
        if len(filled) > 1 and not any(ANSWER.search(b) for _, b in filled):
            # Marked twice: the sheet's questions first, as a rule, and then the answers.
            filled = filled[-1:]
        body = "\n".join(b.rstrip() for _, b in filled)
        final = final_answer(body)
        at = 0
        for stretch, piece in filled:
            size = len(piece.rstrip()) + 1
            if final.offset < at + size or (stretch, piece) == filled[-1]:
                file, line = self._place(stretch, piece, final.offset - at)
                break
            at += size
        _, start = self._place(filled[0][0], filled[0][1], len(filled[0][1]) - len(filled[0][1].lstrip()))
        lead = len(body) - len(body.lstrip())
        note = "; ".join(n for n in (note, final.note) if n)
        if not final.text and any(has_picture(piece) for piece in pieces):
            return Answer(part, "", body[lead:].rstrip(), file, line, "", "image", "found a picture and no text: a person reads it", start)
        return Answer(part, final.text, body[lead:].rstrip(), file, line, final.how, "typed" if final.text else "missing", note, start)

    def _untitled(self, stretch: Stretch) -> str:
        """A stretch without the words that its heading has beside the mark: `### 5(a) Inner product (2 pts)`.

        Where nothing follows, or they are a yes, a no or a formula, they are the answer. Lines stay lines.
        """
        text = self.text[stretch.start : stretch.end]
        line = self.text.rfind("\n", 0, stretch.start) + 1
        head = self.text.find(HEAD, line, stretch.start)
        tail = text.find(TAIL, 0, 300)
        if head < 0 or tail < 0 or "\n" in text[:tail]:
            return text
        said = POINTS.sub("", text[:tail]).strip(" .:–—-")
        after = plain(text[tail:]).strip()
        level = self.text[head + 1 : head + 2]
        if not after or level == BOLD_LEVEL or len(said.split()) <= 1 or OWN_ANSWER.search(said):
            return POINTS.sub("", text[:tail]) + text[tail:]
        return text[tail:]

    def _place(self, stretch: Stretch, body: str, offset: int) -> tuple[str, int]:
        """File and line of an offset into the body of a stretch: bodies keep the lines of the text."""
        first = bisect_right(self.lines, stretch.start) - 1
        return self.source.place(first + body.count("\n", 0, max(0, offset)))
