"""PDF: the characters of each page in the order in which the file has them (by PDFium), lines joined to paragraphs.

A PDF knows lines and no paragraphs. A line goes on with the next one, a space between the two, unless their distance,
their size or a short last line shows that a paragraph ends. Nothing else is changed: a word that is divided at the end
of a line stays divided.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from itertools import pairwise
from typing import IO, TYPE_CHECKING, Any

from index.formats import base
from index.formats.base import TooMuch, need
from index.formats.text import extracted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from index.formats.base import Origin, Reading
    from index.types import Skipped, Source

__all__ = ["Line", "paragraphs", "read_pdf"]

_FAR = 1.35
"""A distance of two lines, in usual ones, from which on a paragraph ends."""
_SIZE = 1.12
_SHORT = 0.85
"""The share of a full line below which a line is short, as the last one of a paragraph mostly is."""
_ENDS = tuple(".!?…:”\"’')]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page: its text, where it stands (points, from the lower left corner), and the size of its letters."""

    text: str
    left: float
    right: float
    bottom: float
    size: float


def read_pdf(file: IO[bytes], origin: Origin, reading: Reading) -> Iterator[Source | Skipped]:
    """Read the text of a PDF. One that is only pictures of pages has none."""
    if not reading.begin():
        return
    pdfium = need("pypdfium2", extra="pdf", kind="PDF")
    data = base.read_whole(file)
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        locked = "password" in str(error).lower()
        yield origin.skipped("locked with a password" if locked else f"not readable as PDF: {error}")
        return
    try:
        blocks: list[str] = []
        length = 0
        for number in range(len(document)):
            page = _page(pdfium, document, number)
            length += sum(map(len, page))
            if length > base.MAX_TEXT_BYTES:
                raise TooMuch(
                    f"its text is longer than {base.MAX_TEXT_BYTES:,} characters; split it into smaller files"
                )
            if blocks and page and not blocks[-1].endswith(_ENDS) and page[0][:1].islower():
                blocks[-1] += f" {page.pop(0)}"
            blocks.extend(page)
        facts = document.get_metadata_dict(skip_empty=True)
    finally:
        document.close()
    yield extracted(
        origin,
        "\n\n".join(blocks),
        nothing="there is no text in it; are its pages pictures? Have their text recognised first",
        title=facts.get("Title"),
        author=facts.get("Author"),
    )


def paragraphs(lines: Sequence[Line]) -> list[str]:
    """The paragraphs that the lines of a page make, in order."""
    if not lines:
        return []
    steps = [a.bottom - b.bottom for a, b in pairwise(lines) if a.bottom - b.bottom > 0.5]
    usual = statistics.median_low(steps) if steps else 0.0
    full: dict[int, float] = {}
    for line in lines:
        column = round(line.left / 10)
        full[column] = max(full.get(column, 0.0), line.right - line.left)
    found = [[lines[0].text]]
    for a, b in pairwise(lines):
        step = a.bottom - b.bottom
        ends = a.text.endswith(_ENDS)
        if step < -0.5:  # upwards: the next column
            begins = ends or not b.text[:1].islower()
        else:
            far = step > _FAR * usual
            resized = max(a.size, b.size) > _SIZE * min(a.size, b.size)
            short = a.right - a.left < _SHORT * full[round(a.left / 10)]
            begins = far or resized or (ends and (short or b.left > a.left + b.size / 2))
        if begins:
            found.append([])
        found[-1].append(b.text)
    return [" ".join(each) for each in found]


def _page(pdfium: Any, document: Any, number: int) -> list[str]:
    try:
        page = document[number]
        text = page.get_textpage()
    except pdfium.PdfiumError:
        return []  # a damaged page does not take the others with it
    try:
        return paragraphs(_lines(pdfium.raw, text.raw))
    finally:
        text.close()
        page.close()


def _lines(raw: Any, text: Any) -> list[Line]:
    """The lines of a page."""
    found = []
    run: list[tuple[int, str]] = []
    for index in range(raw.FPDFText_CountChars(text)):
        code = raw.FPDFText_GetUnicode(text, index)
        # What divides a word at the end of a line is printed as a hyphen, and is no character to PDFium.
        character = "-" if raw.FPDFText_IsHyphen(text, index) == 1 else chr(code) if _is_character(code) else ""
        if character in ("\r", "\n"):
            found += _line(raw, text, run)
            run = []
        elif character:
            run.append((index, character))
    return found + _line(raw, text, run)


def _line(raw: Any, text: Any, run: Sequence[tuple[int, str]]) -> list[Line]:
    from ctypes import byref, c_double

    words = " ".join("".join(character for _, character in run).split())
    seen = [index for index, character in run if not character.isspace()]
    if not seen:
        return []
    boxes = []
    for index in (seen[0], seen[-1]):
        left, right, bottom, top = c_double(), c_double(), c_double(), c_double()
        raw.FPDFText_GetCharBox(text, index, byref(left), byref(right), byref(bottom), byref(top))
        boxes.append((left.value, right.value))
    x, y = c_double(), c_double()
    raw.FPDFText_GetCharOrigin(text, seen[0], byref(x), byref(y))  # on the base line, below which only tails reach
    return [Line(words, boxes[0][0], boxes[1][1], y.value, float(raw.FPDFText_GetFontSize(text, seen[0])) or 1.0)]


def _is_character(code: int) -> bool:
    return code in (10, 13) or (code >= 32 and not 0xD800 <= code <= 0xDFFF and code not in (0xFFFE, 0xFFFF))
