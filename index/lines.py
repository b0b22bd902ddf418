"""The lines of a text as spans, and a line folded to be compared."""

from __future__ import annotations

import re
import unicodedata

from index.types import Span

__all__ = ["LINE_BREAK", "SENTENCE_END", "fold_line", "is_prose", "line_spans"]

LINE_BREAK = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_LINE = re.compile(r"[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
_QUOTES = re.compile(r"[\"'`´‘’‚‛“”„‟«»‹›]")
_DASHES = re.compile(r"\s*[-‐‑‒–—―]+\s*")
SENTENCE_END = re.compile(r"[.!?…][”\"’')\]»]*$")
"""What prose ends in, at the end of a line."""
_PROSE_LENGTH = 60  # characters


def line_spans(text: str, extent: Span) -> tuple[Span, ...]:
    r"""The lines of the extent that hold more than white space, without the white space around them.

    >>> [span.of("one\r\n\r\n two \n") for span in line_spans("one\r\n\r\n two \n", Span(0, 12))]
    ['one', 'two']
    """
    spans = []
    for match in _LINE.finditer(text, extent.start, extent.end):
        line = match.group()
        stripped = line.lstrip()
        if stripped:
            start = match.start() + len(line) - len(stripped)
            spans.append(Span(start, start + len(stripped.rstrip())))
    return tuple(spans)


def fold_line(line: str) -> str:
    """A line to compare headlines by: no case, no quotation marks, one space for white space, one sort of dash.

    >>> fold_line("‘Not the Time,’  NATO’s Rutte  Says") == fold_line("'Not the time,' NATO's Rutte says")
    True
    """
    line = _QUOTES.sub("", unicodedata.normalize("NFKC", line))
    return " ".join(_DASHES.sub(" - ", line).casefold().split())


def is_prose(line: str) -> bool:
    """Whether a line is surely prose: long, and it ends as a sentence does, or very long.

    >>> is_prose("They met in the town hall on Monday, and talked about the new bridge."), is_prose("They met.")
    (True, False)
    """
    return len(line) >= _PROSE_LENGTH and (SENTENCE_END.search(line) is not None or len(line) > 300)
