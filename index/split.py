"""One source text -> its articles, each with its headline, date, place and agency where the text states them.

Most files hold one article. A file that holds several, one below the other, shows it in one of two ways, and both ask
for a line that reads like a headline:

- the headline comes again shortly afterwards, with nothing but captions, counters and short lines between, as text
  copied from a news page begins ("headline, caption, counter, headline, caption, story");
- the gap above it is wider than the gaps of the file usually are, and every other gap of that width stands above a
  headline too, the beginning of the file included. Sub-headings and section gaps of one article do not pass.
"""

from __future__ import annotations

import hashlib
import json
import re
import statistics
from itertools import pairwise
from typing import TYPE_CHECKING

from index.boilerplate import (
    AGENCIES,
    AGENCY_PATTERN,
    LINE_BREAK,
    fold_line,
    headline_like,
    is_caption,
    is_widget,
    line_spans,
)
from index.types import Article, Source, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["article_id", "split_articles"]

_SENTENCE_END = re.compile(r"[.!?…][”\"’')\]»]*$")
_PROSE_LENGTH = 60  # characters; a line that long which ends as a sentence does is prose
_OPENING_LINES = 14  # how soon a headline must come again
_WIDER = 2  # line breaks more than usual
_ENOUGH_PROSE = 300  # characters that an article has at least, to be told from a section
_TITLE_LENGTH = 80  # characters, where the title is only the first words

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec)(?:[a-z]{1,7}|\.)?"
_DAY = rf"(?:{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}|\d{{1,2}} {_MONTH},? \d{{4}})"
_DATE = rf"(?:{_DAY}|\d{{4}}-\d\d-\d\d|\d{{4}}/\d\d/\d\d)"
_TIME = r"(?:[^a-z]{0,40}|[T, |–—-]{1,3}\d{1,2}[:.]\d\d.{0,30}|.{0,3}\bat \d.{0,30})"
_DATE_LINE = re.compile(
    rf"^(?:(?:First |Last )?(?:Published|Updated|Posted|Date)(?: on| at)?:? ?)?(?:\w+day,? )?(?P<date>{_DATE}){_TIME}$"
)
_PLACE = r"[A-Z][\w.'’-]*(?:[ /-][A-Z][\w.'’-]*){0,3}(?:, [A-Z][\w.'’]*(?: [A-Z][\w.'’]*){0,2})?"
_CAPITALS = r"[A-Z][A-Z.'’-]+(?:[ /-][A-Z][A-Z.'’-]*){0,3}(?:, [A-Z][\w.]*(?: [A-Z][\w.]*)?)?"
_DATELINES = (
    # WARSAW, March 26, 2025 (AFP) -    London CNN —    New York (CNN Business)
    re.compile(
        rf"^(?P<place>{_PLACE}?)(?:,? (?P<date>{_MONTH} \d{{1,2}}(?:, \d{{4}})?))? \((?P<agency>{AGENCY_PATTERN})\)"
    ),
    re.compile(rf"^(?P<place>{_PLACE}?) (?P<agency>{AGENCY_PATTERN}) ?[–—]"),
    re.compile(rf"^\(?(?P<agency>{AGENCY_PATTERN})\)? ?[–—-]"),
    # PARIS —    LANSING, Mich. –
    re.compile(rf"^(?P<place>{_CAPITALS})(?: ?[–—]| --? )"),
)
_NO_PLACE = re.compile(r"^(?:UPDATED?|BREAKING|EXCLUSIVE|OPINION|ANALYSIS|WATCH|LIVE|READ|CORRECTION|EDITOR)\b")
_CREDITS = re.compile(rf"[(\[/ ](?P<agency>{AGENCY_PATTERN})[)\]]?\.?$")
_REPORTED = re.compile(rf"\b(?P<agency>{AGENCY_PATTERN}) (?:said|reported|reports)[.,]?")


def split_articles(source: Source) -> tuple[Article, ...]:
    """The articles of `source`, in order, at least one where there is any text.

    A record of a JSON Lines file, and anything that comes with a URL or a title, is one article whatever it looks
    like. Extents do not overlap, and go from the first to the last character of an article that is no white space.
    """
    lines = line_spans(source.text, Span(0, len(source.text)))
    if not lines:
        return ()
    single = source.line is not None or source.url is not None or source.title is not None
    starts = [0] if single else _starts(source.text, lines)
    ends = [*starts[1:], len(lines)]
    return tuple(_article(source, lines[start:end]) for start, end in zip(starts, ends, strict=True))


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
    title, title_span = _title(source, lines)
    published, place, agency = _dateline(source.text, lines)
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
        return given, next((span for span in lines[:_OPENING_LINES] if fold_line(span.of(text)) == folded), None)
    opening = lines[: _OPENING_LINES // 2]
    repeated = next((i for i in range(len(opening)) if _comes_again(text, lines, i) is not None), None)
    if repeated is not None:
        return " ".join(lines[repeated].of(text).split()), lines[repeated]
    for span in opening:
        line = span.of(text)
        if headline_like(line):
            return " ".join(line.split()), span
        if _is_prose(line):
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
    for i in range(1, len(lines)):
        if i <= repeated_until or gaps[i] < usual or not _has_prose(text, lines[starts[-1] : i]):
            continue
        again = _comes_again(text, lines, i)
        folded = {fold_line(span.of(text)) for span in lines[starts[-1] : i]} if again is not None else set()
        # a headline that the article above has in it already belongs to that article
        if again is not None and fold_line(lines[i].of(text)) not in folded:
            repeated_until = again
        elif i not in by_gap:
            continue
        starts.append(i)
    return starts


def _comes_again(text: str, lines: Sequence[Span], i: int) -> int | None:
    """Where the headline at line `i` comes again, with the furniture of a page's head between; None if it does not."""
    line = lines[i].of(text)
    # Coming again is a sign of its own, so a headline may end as a sentence does here ("... What to know.").
    if not headline_like(line.rstrip(".…")):
        return None
    folded = fold_line(line)
    between: list[str] = []
    for j in range(i + 1, min(i + 1 + _OPENING_LINES, len(lines))):
        other = lines[j].of(text)
        if fold_line(other) == folded:
            # Between the two stands what a page puts there; other lines show a refrain, none at all a caption.
            furniture = len(set(between)) < len(between) or any(
                is_caption(o) or is_widget(o) or len(o) <= 3 for o in between
            )
            return j if furniture else None
        if _is_prose(other) and not is_caption(other) and lines[j + 1 : j + 2] and not _twin(text, lines, j):
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
    if all(_is_story(text, part) for part in parts):
        return frozenset(wide)
    return frozenset()


def _is_story(text: str, part: Sequence[Span]) -> bool:
    """Whether a part of a file begins with a headline and goes on with enough prose."""
    head = part[0].of(text)
    if not headline_like(head) or len(head.split()) < 4:
        return False
    prose = [len(span) for span in part[1:] if _is_prose(span.of(text))]
    return len(prose) >= 2 and sum(prose) >= _ENOUGH_PROSE


def _has_prose(text: str, part: Sequence[Span]) -> bool:
    return any(_is_prose(span.of(text)) and not is_caption(span.of(text)) for span in part)


def _is_prose(line: str) -> bool:
    return len(line) >= _PROSE_LENGTH and (_SENTENCE_END.search(line) is not None or len(line) > 300)


def _dateline(text: str, lines: Sequence[Span]) -> tuple[str | None, str | None, str | None]:
    """Date, place and agency as the head of an article states them, each None where it does not.

    A dateline counts before a credit, and a credit before a mention in the text.
    """
    published = place = agency = None
    credited = None
    for line in _head(text, lines):
        if published is None and len(line) <= 90 and (match := _DATE_LINE.match(line)):
            published = match["date"]
        if is_caption(line):
            if credited is None and (match := _CREDITS.search(line)):
                credited = match["agency"]
        elif place is None and agency is None and not _NO_PLACE.match(line):
            found = next((match for pattern in _DATELINES if (match := pattern.match(line[:160]))), None)
            if found is not None:
                groups = found.groupdict()
                place, agency = groups.get("place") or None, groups.get("agency")
                published = published or groups.get("date")
    if agency is None and credited is None:
        reported = (_REPORTED.search(span.of(text)) for span in lines)
        credited = next((match["agency"] for match in reported if match), None)
    named = agency or credited
    return published, place, AGENCIES[named] if named else None


def _head(text: str, lines: Sequence[Span]) -> Iterator[str]:
    """The lines down to the first prose, that one included."""
    for span in lines[:_OPENING_LINES]:
        line = span.of(text)
        yield line
        if _is_prose(line) and not is_caption(line) and not headline_like(line):
            return
