"""Files as text: encodings, line ends, the Markdown cells of notebooks, the pages of a PDF."""

from __future__ import annotations

import json
import re
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 16 * 2**20
"""Of a write-up's file, pictures in the text included. Longer ones are read this far, and it is said."""
MAX_TEXT = 500_000
"""Characters of a write-up, pictures left out: a hundred pages. Longer ones are read this far, and it is said."""
MAX_NOTEBOOK_BYTES = 64 * 2**20
"""Of a notebook: its outputs hold pictures."""
MAX_CELLS = 5_000
MAX_PDF_BYTES = 64 * 2**20
MAX_PDF_UNPACKED = 16 * 2**20
BROKEN_UTF8 = 0.1
"""Share of the non-ASCII bytes that may be broken in what is taken for UTF-8; above it the text is Latin-1."""

# What Windows calls Latin-1 has quotes and dashes where Latin-1 has control characters.
WINDOWS = {code: bytes([code]).decode("cp1252", "replace").replace("\ufffd", " ") for code in range(0x80, 0xA0)}
UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ue000-\uf8ff\ufeff\u200b\u2060\u2028\u2029\u0085]")
"""Control characters, halves of surrogate pairs (notebooks can hold them), invisible ones, and the private-use characters with which
this room marks its own places."""
PICTURE_DATA = re.compile(r"(data:[\w/+.-]{1,60}(?:;[\w=.-]{1,60}){0,4};base64,)[A-Za-z0-9+/=%]+")
"""A picture as text, as some editors paste it: of its megabytes nothing is read."""
PAGE = re.compile(rb"/Type\s{0,4}/Page(?![A-Za-z])")
STREAM = re.compile(rb"stream\r?\n")


@dataclass(frozen=True)
class Source:
    """Text with the place of each of its lines. tex: whether it is LaTeX source. cells: (first line, label) of each
    cell of a notebook, empty for a file."""

    file: str
    text: str
    tex: bool
    cells: tuple[tuple[int, str], ...] = ()
    notes: tuple[str, ...] = ()

    def place(self, line: int) -> tuple[str, int]:
        """File and 1-based line, as shown to people, of the line with this index."""
        if not self.cells:
            return self.file, line + 1
        first, label = self.cells[max(0, bisect_right(self.cells, (line, "\U0010ffff")) - 1)]
        return f"{self.file}, {label}", line - first + 1


def decode(data: bytes) -> str:
    """Text of bytes in UTF-8 with or without BOM, UTF-16 with BOM, or Latin-1, with `\\n` as the only line end."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("utf-8-sig", "replace")
            if text.count("\ufffd") > BROKEN_UTF8 * sum(1 for c in text if ord(c) > 127):
                text = data.decode("latin-1").translate(WINDOWS)
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    return UNWANTED.sub(lambda found: "" if found[0] in "\ufeff\u200b\u2060" else " ", text)


def read_file(path: Path, name: str) -> Source:
    """A .md or .tex file. Never raises for what it holds."""
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    text, notes = _capped(decode(data[:MAX_BYTES]), name)
    if len(data) > MAX_BYTES:
        notes = (f"{name} is longer than {MAX_BYTES} bytes: the rest was not read.",)
    return Source(name, text, path.suffix.lower() == ".tex", notes=notes)


def _capped(text: str, name: str) -> tuple[str, tuple[str, ...]]:
    """The text as far as it is read, without the data of its pictures; and a note where that is not all of it."""
    text = PICTURE_DATA.sub(r"\1", text)
    if len(text) <= MAX_TEXT:
        return text, ()
    return text[:MAX_TEXT], (f"{name} holds more than {MAX_TEXT} characters of text: the rest was not read.",)


def read_notebook(path: Path, name: str) -> Source:
    """The Markdown cells of a notebook, one after the other. Never raises for what it holds."""
    with path.open("rb") as file:
        data = file.read(MAX_NOTEBOOK_BYTES + 1)
    if len(data) > MAX_NOTEBOOK_BYTES:
        return Source(name, "", False, notes=(f"{name} is longer than {MAX_NOTEBOOK_BYTES} bytes: it was not read.",))
    try:
        book = json.loads(decode(data))
    except (ValueError, RecursionError):
        return Source(name, "", False, notes=(f"{name} is no readable notebook: its text was not read.",))
    lines: list[str] = []
    cells: list[tuple[int, str]] = []
    for number, cell in enumerate(_cells(book), start=1):
        content = cell.get("source", "")
        text = (
            "".join(c for c in content if isinstance(c, str)) if isinstance(content, list) else content if isinstance(content, str) else ""
        )
        if cell.get("cell_type") == "heading":
            level = cell.get("level")
            text = "#" * (level if isinstance(level, int) and 1 <= level <= 6 else 1) + " " + text
        elif cell.get("cell_type") != "markdown":
            continue
        cells.append((len(lines), f"cell {number}"))
        lines += [*UNWANTED.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")).split("\n"), ""]
    text, notes = _capped("\n".join(lines), name)
    return Source(name, text, False, tuple(cells), notes)


def _cells(book: object) -> Iterator[dict[str, object]]:
    """The cells of a notebook of format 3 or 4."""
    if not isinstance(book, dict):
        return
    sheets = book.get("worksheets")
    holders = [book, *(sheets if isinstance(sheets, list) else [])]
    left = MAX_CELLS
    for holder in holders:
        cells = holder.get("cells") if isinstance(holder, dict) else None
        for cell in cells[:left] if isinstance(cells, list) else ():
            left -= 1
            if isinstance(cell, dict):
                yield cell


def count_pages(path: Path) -> int | None:
    """Pages of a PDF by a small tolerant scan, or None where it cannot tell.

    A page is an object of /Type /Page; since PDF 1.5 these may lie in compressed object streams.
    """
    with path.open("rb") as file:
        data = file.read(MAX_PDF_BYTES)
    found = len(PAGE.findall(data))
    left = MAX_PDF_UNPACKED
    for start in STREAM.finditer(data) if not found else ():
        if b"/ObjStm" not in data[max(0, start.start() - 400) : start.start()]:
            continue
        try:
            unpacked = zlib.decompressobj().decompress(data[start.end() : start.end() + MAX_BYTES], left)
        except zlib.error:
            continue
        left -= len(unpacked)
        found += len(PAGE.findall(unpacked))
        if left <= 0:
            break
    return found or None
