"""Date, place and agency, as the head of an article states them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from index.captions import AGENCIES, AGENCY_PATTERN, is_caption
from index.headlines import headline_like
from index.lines import is_prose

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from index.types import Span

__all__ = ["DATE", "DATE_LINE", "OPENING_LINES", "read_dateline"]

OPENING_LINES = 14
"""How many lines the head of an article may have."""
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec)(?:[a-z]{1,7}|\.)?"
_DAY = rf"(?:{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}|\d{{1,2}} {_MONTH},? \d{{4}})"
DATE = rf"(?:{_DAY}|\d{{4}}-\d\d-\d\d|\d{{4}}/\d\d/\d\d)"
_TIME = r"(?:[^a-z]{0,40}|[T, |–—-]{1,3}\d{1,2}[:.]\d\d.{0,30}|.{0,3}\bat \d.{0,30})"
DATE_LINE = re.compile(
    rf"^(?:(?:First |Last )?(?:Published|Updated|Posted|Date)(?: on| at)?:? ?)?(?:\w+day,? )?(?P<date>{DATE}){_TIME}$"
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


def read_dateline(text: str, lines: Sequence[Span]) -> tuple[str | None, str | None, str | None]:
    """Date, place and agency as the head of an article states them, each None where it does not.

    A dateline counts before a credit, and a credit before a mention in the text.
    """
    published = place = agency = None
    credited = None
    for line in _head(text, lines):
        if published is None and len(line) <= 90 and (match := DATE_LINE.match(line)):
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
    for span in lines[:OPENING_LINES]:
        line = span.of(text)
        yield line
        if is_prose(line) and not is_caption(line) and not headline_like(line):
            return
