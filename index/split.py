"""One source text -> its articles, each with its headline, date, place and agency where the text states them.

Most files hold one article. Some say themselves that they hold several (`index.bundles`). Any other that does shows it
in one of two ways, and both ask for a line that reads like a headline:

- the headline comes again shortly afterwards, with nothing but captions, counters and short lines between, as text
  copied from a news page begins ("headline, caption, counter, headline, caption, story");
- the gap above it is wider than the gaps of the file usually are, and every other gap of that width stands above a
  headline too, the beginning of the file included. Sub-headings and section gaps of one article do not pass.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from itertools import pairwise
from typing import TYPE_CHECKING

from index.bundle_heads import read_head
from index.bundles import bundle_starts
from index.captions import AGENCIES, is_caption
from index.datelines import OPENING_LINES, read_dateline
from index.headlines import headline_like
from index.lines import LINE_BREAK, fold_line, is_prose, line_spans
from index.types import Article, Source, Span
from index.widgets import is_widget

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["article_id", "split_articles"]

_WIDER = 2  # line breaks more than usual
_STORIES = 0.75  # of the parts between wide gaps, how many have enough prose; a page may have been saved half
_ENOUGH_PROSE = 300  # characters that an article has at least, to be told from a section
_TITLE_LENGTH = 80  # characters, where the title is only the first words


def split_articles(source: Source) -> tuple[Article, ...]:
    """The articles of `source`, in order, at least one where there is any text.

    A record of a JSON Lines file, and anything that comes with a URL or a title, is one article whatever it looks
    like. Extents do not overlap, and go from the first to the last character of an article that is no white space.
    """
    lines = line_spans(source.text, Span(0, len(source.text)))
    if not lines:
        return ()
    starts: Sequence[int] = [0]
    if not _is_single(source):
        starts = bundle_starts(source.text, lines) or _starts(source.text, lines)
    ends = [*starts[1:], len(lines)]
    return tuple(_article(source, lines[start:end]) for start, end in zip(starts, ends, strict=True))


def _is_single(source: Source) -> bool:
    """Whether a text is one article, and what it is called is known."""
    return source.line is not None or source.url is not None or source.title is not None


def article_id(url: str | None, title: str | None, published: str | None, text: str) -> str:
    """32 hexadecimal digits that stand for the content: what the source says of itself, and the article's characters.

    What this module reads out of the text is left out, so that a better rule for headlines keeps every id.

    >>> article_id(None, "a", None, "b") == article_id(None, None, "a", "b")
    False
    """
    content = json.dumps([url, title, published, text], ensure_ascii=True)  # no two lists are written alike
    return hashlib.blake2b(content.encode("ascii"), digest_size=16).hexdigest()


def _article(source: Source, lines: Sequence[Span]) -> Article:
    extent = Span(lines[0].start, lines[-1].end)
    head = None if _is_single(source) else read_head(source.text, lines)
    if head is None or head.title is None or not head.title.of(source.text).strip():
        title, title_span = _title(source, lines)
    else:
        title, title_span = " ".join(head.title.of(source.text).split()), head.title
    published, place, agency = read_dateline(
        source.text, [span for span in lines if not head or span not in head.facts]
    )
    if head is not None:
        published = head.published.of(source.text) if head.published is not None else published
        agency = agency or (AGENCIES.get(head.outlet.of(source.text)) if head.outlet is not None else None)
    return Article(
        id=article_id(source.url, source.title, source.published, extent.of(source.text)),
        source=source,
        extent=extent,
        title=title,
        title_span=title_span,
        published=source.published if source.published is not None else published,
        place=place,
        agency=agency,
        published_from=_published_from(source, published),
    )


def _published_from(source: Source, found: str | None) -> str | None:
    if source.published is not None:
        return source.published_from or "metadata"
    return None if found is None else "text"


def _title(source: Source, lines: Sequence[Span]) -> tuple[str, Span | None]:
    """The title, and where it stands: the given one, else the first headline of the head, else the first words."""
    text = source.text
    given = " ".join((source.title or "").split())
    if given:
        folded = fold_line(given)
        return given, next((span for span in lines[:OPENING_LINES] if fold_line(span.of(text)) == folded), None)
    opening = lines[: OPENING_LINES // 2]
    repeated = next((i for i in range(len(opening)) if _comes_again(text, lines, i) is not None), None)
    if repeated is not None:
        return " ".join(lines[repeated].of(text).split()), lines[repeated]
    for span in opening:
        line = span.of(text)
        if headline_like(line):
            return " ".join(line.split()), span
        if is_prose(line):
            break
    first = lines[0]
    line = first.of(text)
    if len(line) > _TITLE_LENGTH:
        # a word that is longer than all the room is cut where the room ends
        line = line[: _TITLE_LENGTH + 1]
        line = line[: line.rindex(" ")].rstrip() if " " in line.rstrip() else line[:_TITLE_LENGTH]
    return line, Span(first.start, first.start + len(line))


def _starts(text: str, lines: Sequence[Span]) -> list[int]:
    """The numbers of the lines that begin an article; the first is always 0."""
    gaps = [0, *(len(LINE_BREAK.findall(text, a.end, b.start)) for a, b in pairwise(lines))]
    usual = int(statistics.median_low(gaps[1:])) if len(gaps) > 1 else 1
    by_gap = _starts_by_gap(text, lines, gaps, usual)
    starts = [0]
    repeated_until = _comes_again(text, lines, 0) or 0
    told = False  # whether there is prose since the last start
    for i in range(1, len(lines)):
        told = told or _is_told(lines[i - 1].of(text))
        if i <= repeated_until or gaps[i] < usual or not told:
            continue
        again = _comes_again(text, lines, i)
        folded = {fold_line(span.of(text)) for span in lines[starts[-1] : i]} if again is not None else set()
        # a headline that the article above has in it already belongs to that article
        if again is not None and fold_line(lines[i].of(text)) not in folded:
            repeated_until = again
        elif i not in by_gap:
            continue
        starts.append(i)
        told = False
    return starts


def _comes_again(text: str, lines: Sequence[Span], i: int) -> int | None:
    """Where the headline at line `i` comes again, with the furniture of a page's head between; None if it does not."""
    line = lines[i].of(text)
    # Coming again is a sign of its own, so a headline may end as a sentence does here ("... What to know.").
    if not headline_like(line.rstrip(".…")):
        return None
    folded = fold_line(line)
    between: list[str] = []
    for j in range(i + 1, min(i + 1 + OPENING_LINES, len(lines))):
        other = lines[j].of(text)
        if fold_line(other) == folded:
            # Between the two stands what a page puts there; other lines show a refrain, none at all a caption.
            furniture = len(set(between)) < len(between) or any(
                is_caption(o) or is_widget(o) or len(o) <= 3 for o in between
            )
            return j if furniture else None
        if is_prose(other) and not is_caption(other) and lines[j + 1 : j + 2] and not _twin(text, lines, j):
            return None
        between.append(other)
    return None


def _twin(text: str, lines: Sequence[Span], j: int) -> bool:
    """Whether the line above or below says the same: a caption without a credit looks like prose, and comes twice."""
    line = lines[j].of(text)
    return any(0 <= k < len(lines) and lines[k].of(text) == line for k in (j - 1, j + 1))


def _starts_by_gap(text: str, lines: Sequence[Span], gaps: Sequence[int], usual: int) -> frozenset[int]:
    """The lines below the widest kind of gap, when each of them is a headline with a story below; else none."""
    wide = [i for i, gap in enumerate(gaps) if gap >= usual + _WIDER]
    if not wide or not headline_like(lines[0].of(text)):
        return frozenset()
    # Sections within an article may have wide gaps too; articles stand as far apart as anything in the file.
    widest = max(gaps[i] for i in wide)
    wide = [i for i in wide if gaps[i] >= min(widest, 2 * (usual + _WIDER))]
    parts = [lines[a:b] for a, b in zip([0, *wide], [*wide, len(lines)], strict=True)]
    told = sum(_is_story(text, part) for part in parts)
    if told >= 2 and told >= _STORIES * len(parts) and all(_is_headed(text, part) for part in parts):
        return frozenset(wide)
    return frozenset()


def _is_story(text: str, part: Sequence[Span]) -> bool:
    """Whether a part of a file begins with a headline and goes on with enough prose."""
    if not _is_headed(text, part):
        return False
    prose = [len(span) for span in part[1:] if is_prose(span.of(text))]
    return len(prose) >= 2 and sum(prose) >= _ENOUGH_PROSE


def _is_headed(text: str, part: Sequence[Span]) -> bool:
    head = part[0].of(text)
    return headline_like(head) and len(head.split()) >= 4


def _is_told(line: str) -> bool:
    return is_prose(line) and not is_caption(line)
