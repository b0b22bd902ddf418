"""Files that say themselves that they hold several articles: exports of news databases, mailboxes, press reviews.

What is known, each by more signs than one:

- exports in the style of LexisNexis: "3 of 25 DOCUMENTS" or "Document 3 of 25" above each article, or "End of
  Document" below it, and lines such as "LENGTH: 512 words" and "LOAD-DATE: March 26, 2025";
- exports in the style of Factiva: "Document LBA0000020250326el3q0001" below each article, and a head of tagged lines
  ("HD", "WC 512 words", "PD 26 March 2025") or of plain ones ("512 words", the date, the outlet);
- mailboxes, and messages one below the other: lines "From:", "Date:" and "Subject:" in a block above each;
- press reviews: numbered headlines with the date and the outlet below, or lines "date | outlet | headline";
- a line of dashes, asterisks or the like between articles that each begin with a headline.

The lines that hold such facts belong to the article, but are no prose of it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from index.bundle_heads import (
    ACCESSION,
    END_OF_DOCUMENT,
    HEAD_LINES,
    LISTED,
    NUMBERED,
    REVIEWED,
    SEPARATOR,
    begins_message,
    headers_of,
    review_date,
)
from index.headlines import headline_like
from index.lines import is_prose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from index.types import Span

__all__ = ["bundle_starts"]

_ENOUGH_PROSE = 300  # characters that an article has at least, to be told from a note


def bundle_starts(text: str, lines: Sequence[Span]) -> tuple[int, ...]:
    """The numbers of the lines that begin an article, where a file says so itself; empty when it does not.

    What stands above the first article (a cover, a table of contents) is a part of its own, so 0 is always among them.

    Args:
        text: the source text.
        lines: its lines with text, in order (`index.lines.line_spans`).
    """
    words = [span.of(text) for span in lines]
    for find in (_numbered, _ended, _mails, _press_review, _separated):
        found = find(words)
        if found:
            return tuple(dict.fromkeys([0, *found]))
    return ()


def _numbered(words: Sequence[str]) -> list[int]:
    """Below "3 of 25 DOCUMENTS", when the numbers go up one by one."""
    found = [(at, match) for at, line in enumerate(words) if (match := NUMBERED.match(line))]
    numbers = [int(match["number"]) for _, match in found]
    alike = len({match["of"] for _, match in found}) == 1
    if len(found) < 2 or not alike or any(b != a + 1 for a, b in pairwise(numbers)):
        return []
    return [at for at, _ in found]


def _ended(words: Sequence[str]) -> list[int]:
    """Behind "End of Document" or the number that an article has in the database."""
    for end in (END_OF_DOCUMENT, ACCESSION):
        ends = [at for at, line in enumerate(words) if end.match(line)]
        if len(ends) > 1:
            return [0, *(at + 1 for at in ends if at + 1 < len(words))]
    return []


def _mails(words: Sequence[str]) -> list[int]:
    """At the block of header lines above each message."""
    found, last = [], -1
    for at, line in enumerate(words):
        if at <= last or not begins_message(line):
            continue
        names = headers_of(words[at : at + HEAD_LINES])
        if {"subject", "from"} <= names.keys() and names.keys() & {"date", "sent"}:
            found.append(at)
            last = at + max(position for position, _ in names.values())
    return found if len(found) > 1 else []


def _press_review(words: Sequence[str]) -> list[int]:
    """At numbered headlines with a date below, or at lines of date, outlet and headline; each with prose below."""
    found: list[int] = []
    for at, line in enumerate(words):
        match = LISTED.match(line)
        # an article may have a list of its own in it: only the number that is due counts
        due = match is not None and int(match["a"] or match["b"]) == len(found) + 1
        if due and review_date(words[at : at + 3]) is not None:
            found.append(at)
    if len(found) < 2:
        found = [at for at, line in enumerate(words) if REVIEWED.match(line)]
    return found if len(found) > 1 and all(_tells(words[a:b]) for a, b in pairwise([*found, len(words)])) else []


def _separated(words: Sequence[str]) -> list[int]:
    """Below lines of dashes or the like, when each is followed by a headline and a story, and so the file begins."""
    for separator in dict.fromkeys(line for line in words if SEPARATOR.match(line)):
        cuts = [at for at, line in enumerate(words) if line == separator]
        starts = sorted({at + 1 for at in cuts if at + 1 < len(words)} - set(cuts))
        bounds = [*([0] if cuts[0] else []), *starts, len(words)]
        parts = [(a, [line for line in words[a:b] if not SEPARATOR.match(line)]) for a, b in pairwise(bounds)]
        if len(parts) > 2 and not any(map(is_prose, parts[0][1])):
            parts = parts[1:]  # the name of the digest
        if len(parts) > 2 and not _begins_a_story(parts[-1][1]) and len(" ".join(parts[-1][1])) < _ENOUGH_PROSE:
            parts = parts[:-1]  # a note at the end
        if len(parts) > 1 and all(_begins_a_story(part) for _, part in parts):
            return [at for at, _ in parts]
    return []


def _begins_a_story(part: Sequence[str]) -> bool:
    return bool(part) and headline_like(part[0]) and len(part[0].split()) >= 4 and _tells(part)


def _tells(part: Sequence[str]) -> bool:
    """Whether a part of a file has enough prose to be an article."""
    return sum(len(line) for line in part[1:] if is_prose(line)) >= _ENOUGH_PROSE
