"""What an article says of itself in the lines that an export, a mailbox or a press review puts above and below it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from index.datelines import DATE
from index.headlines import headline_like
from index.lines import is_prose
from index.types import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ACCESSION",
    "END_OF_DOCUMENT",
    "HEAD_LINES",
    "LISTED",
    "NUMBERED",
    "REVIEWED",
    "SEPARATOR",
    "Head",
    "begins_message",
    "headers_of",
    "read_head",
    "review_date",
]

HEAD_LINES = 25
"""How many lines such a head has at most."""
_HEADLINE = 200  # characters
_SHORT = 90  # characters that a line of a date and an outlet has at most

NUMBERED = re.compile(r"^(?:document )?(?P<number>\d{1,4}) of (?P<of>\d{1,4})(?: documents?)?$", re.IGNORECASE)
END_OF_DOCUMENT = re.compile(r"^end of document$", re.IGNORECASE)
ACCESSION = re.compile(r"^Document [A-Z]{3,8}[A-Za-z0-9]{12,30}$")
_KEYS = re.compile(
    r"^(?P<key>byline|section|length|dateline|load-date|language|publication-type|document-type|pub-type|journal-code"
    r"|graphic|highlight|subject|headline|copyright|series|distribution|type|body)(?::\s*(?P<value>.*)|$)",
    re.IGNORECASE,
)
_HEAD_KEYS = frozenset({"byline", "dateline", "headline", "length", "section", "series"})
_LENGTH = re.compile(r"^length:\s*[\d,]+ words$", re.IGNORECASE)
_RIGHTS = re.compile(r"^\(?(?:copyright\b|©|\(c\)|all rights reserved)", re.IGNORECASE)

_TAGS = frozenset("SE HD BY CR WC PD ET SN SC ED PG LA CY LP TD CT RF CO IN NS RE IPD IPC PUB AN CLM ART VOL".split())  # noqa: SIM905
_TAG = re.compile(r"^(?P<tag>[A-Z]{2,3})(?:\s+(?P<value>\S.*))?$")
_WORDS = re.compile(r"^[\d,]+ words$")
_A_DATE = re.compile(rf"(?:\w+day,? )?(?P<date>{DATE})(?:,? \w+day)?")

_MAILBOX = re.compile(r"^From \S+ +[A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2} \d\d:\d\d(?::\d\d)?.{0,12} \d{4}$")
_HEADER = re.compile(r"^(?P<name>[A-Z][A-Za-z-]{1,30}):\s*(?P<value>.*)$")
_MAIL_HEADERS = frozenset({"from", "date", "sent", "subject", "to"})
_FIRST_HEADERS = _MAIL_HEADERS | {
    "cc",
    "delivered-to",
    "message-id",
    "mime-version",
    "received",
    "reply-to",
    "return-path",
}

LISTED = re.compile(r"^(?:\[(?P<a>\d{1,3})\]|\(?(?P<b>\d{1,3})[.)])\s+(?P<headline>\S.*)$")
REVIEWED = re.compile(rf"^(?P<date>{DATE})\s*[|•·–—]\s*(?P<outlet>[^|•·–—]{{2,50}}?)\s*[|•·–—:]\s*(?P<headline>\S.*)$")
SEPARATOR = re.compile(r"^([-*#=_~•+·—–])(?:\s*\1){2,}$")


@dataclass(frozen=True, slots=True)
class Head:
    """What an article says of itself where it comes from an export, as spans of the source text.

    Attributes:
        title, published, outlet: None where it does not say.
        facts: the lines, those of the title included, that hold such facts and are no prose.
    """

    title: Span | None
    published: Span | None
    outlet: Span | None
    facts: frozenset[Span]


def read_head(text: str, lines: Sequence[Span]) -> Head | None:
    """What the lines of one article say of it, when they are those of an export; None when they are not."""
    words = [span.of(text) for span in lines]
    for read in (_mail_head, _tagged_head, _plain_head, _database_head, _review_head):
        head = read(words, lines)
        if head is not None:
            return head
    return None


def begins_message(line: str) -> bool:
    """Whether a line may be the first one of a message: of a mailbox's entry, or a header of the usual ones."""
    match = _HEADER.match(line)
    return _MAILBOX.match(line) is not None or (match is not None and match["name"].lower() in _FIRST_HEADERS)


def headers_of(words: Sequence[str]) -> dict[str, tuple[int, str]]:
    """The header lines that a message begins with: by name in small letters, the line's number and the value."""
    found: dict[str, tuple[int, str]] = {}
    for at, line in enumerate(words[:HEAD_LINES]):
        match = _HEADER.match(line)
        if match is not None:
            found.setdefault(match["name"].lower(), (at, match["value"]))
        elif at or not (_MAILBOX.match(line) or SEPARATOR.match(line)):
            break
    return found if found.keys() & _MAIL_HEADERS else {}


def review_date(words: Sequence[str]) -> int | None:
    """Where an entry of a press review has its date: in its first line, or in one of the two below the headline."""
    if not words:
        return None
    if REVIEWED.match(words[0]):
        return 0
    if not LISTED.match(words[0]) or len(words[0]) > _HEADLINE:
        return None
    for at, line in enumerate(words[1:3], 1):
        if LISTED.match(line):
            return None  # a table of contents
        if len(line) < _SHORT and _is_dated(line):
            return at
    return None


def _mail_head(words: Sequence[str], lines: Sequence[Span]) -> Head | None:
    names = headers_of(words)
    if not ({"subject", "from"} <= names.keys() and names.keys() & {"date", "sent"}):
        return None
    last = max(at for at, _ in names.values())

    def value(name: str) -> Span | None:
        return _value(lines[names[name][0]], names[name][1]) if name in names else None

    return Head(value("subject"), value("date") or value("sent"), None, frozenset(lines[: last + 1]))


def _tagged_head(words: Sequence[str], lines: Sequence[Span]) -> Head | None:
    """Lines such as "HD Town votes on new bridge", or the tag alone and its value in the next line."""
    values: dict[str, Span] = {}
    facts: set[Span] = set()
    at = 0
    while at < len(words):
        match = _TAG.match(words[at])
        if match is not None and match["tag"] in _TAGS and (match["tag"] == "HD" or not is_prose(words[at])):
            tag, value = match["tag"], match["value"]
            facts.add(lines[at])
            if value is not None:
                values.setdefault(tag, _value(lines[at], value))
            elif tag not in {"LP", "TD", "CT"} and at + 1 < len(words) and len(words[at + 1]) < 200:
                at += 1
                values.setdefault(tag, lines[at])
                facts.add(lines[at])
        at += 1
    if not ({"HD", "PD"} <= values.keys() and values.keys() & {"WC", "SN"}):
        return None
    facts.update(span for span, line in zip(lines, words, strict=True) if ACCESSION.match(line))
    return Head(values["HD"], values["PD"], values.get("SN"), frozenset(facts))


def _plain_head(words: Sequence[str], lines: Sequence[Span]) -> Head | None:
    """A headline, who wrote it, "512 words", the date, the outlet, its code, the language, the rights."""
    counted = next((at for at, line in enumerate(words[:6]) if _WORDS.match(line)), None)
    dated = counted and next((at for at in range(counted, min(counted + 3, len(words))) if _is_date(words[at])), None)
    if not counted or dated is None or not headline_like(words[0]):
        return None
    last = next((at for at in range(dated, min(dated + 7, len(words))) if _RIGHTS.match(words[at])), dated + 1)
    facts = {*lines[: last + 1], *(span for span, line in zip(lines, words, strict=True) if ACCESSION.match(line))}
    outlet = lines[dated + 1] if last > dated and dated + 1 < len(lines) else None
    return Head(lines[0], _date_in(words[dated], lines[dated]), outlet, frozenset(facts))


def _database_head(words: Sequence[str], lines: Sequence[Span]) -> Head | None:
    """Outlet, date, headline and lines such as "BYLINE: Jane Doe", or the headline first and "Body" above the text.

    At the end of the article come more such lines.
    """
    if not any(_LENGTH.match(line) for line in words[:HEAD_LINES]):
        return None
    keys = [at for at, line in enumerate(words) if _KEYS.match(line) and len(line) < 300]
    body = next((at for at in keys if words[at].lower().rstrip(":") == "body"), None)
    last = body if body is not None else max(at for at in keys if at < HEAD_LINES and _is_head_key(words[at]))
    first = 1 if NUMBERED.match(words[0]) else 0
    free = [
        at
        for at in range(first, keys[0])
        if not (_RIGHTS.match(words[at]) or _is_date(words[at])) and any(map(str.isalpha, words[at]))
    ]
    dated = next((at for at in range(first, keys[0]) if _is_date(words[at])), None)
    loaded = next((at for at in keys if words[at].lower().startswith("load-date")), None)
    named = next((at for at in keys if words[at].lower().startswith("headline:")), None)
    published = next((_date_in(words[at], lines[at]) for at in (dated, loaded) if at is not None), None)
    title = outlet = None
    if named is not None:
        title = _value(lines[named], (_KEYS.match(words[named]) or {"value": ""})["value"])
        outlet = lines[free[0]] if free else None
    elif free:
        title = lines[free[0] if body is not None else free[-1]]
        others = [at for at in free if lines[at] != title]
        outlet = lines[others[0]] if others else None
    facts = {*lines[: last + 1], *(lines[at] for at in keys)}
    facts.update(lines[at] for at, line in enumerate(words) if END_OF_DOCUMENT.match(line) or _RIGHTS.match(line))
    return Head(title, published, outlet, frozenset(facts))


def _is_head_key(line: str) -> bool:
    match = _KEYS.match(line)
    return match is not None and match["key"].lower() in _HEAD_KEYS


def _review_head(words: Sequence[str], lines: Sequence[Span]) -> Head | None:
    at = review_date(words[:3])
    if at is None:
        return None
    reviewed = REVIEWED.match(words[0])
    if reviewed is not None:
        parts = [_part(lines[0], reviewed, name) for name in ("headline", "date", "outlet")]
        return Head(parts[0], parts[1], parts[2], frozenset(lines[:1]))
    listed = LISTED.match(words[0])
    title = _part(lines[0], listed, "headline") if listed is not None else None
    return Head(title, _date_in(words[at], lines[at]), _beside_date(words[at], lines[at]), frozenset(lines[: at + 1]))


def _is_dated(line: str) -> bool:
    """Whether a line holds a date and little else: "The Guardian, 26 March 2025"."""
    match = _A_DATE.search(line)
    return match is not None and len(line) - len(match[0]) < 50 and not line.endswith((".", "!", "?", "”", '"'))


def _is_date(line: str) -> bool:
    """Whether a line is a date, with the day of the week or the hour at most."""
    match = _A_DATE.match(line)
    return match is not None and len(line) - len(match[0]) < 25


def _date_in(line: str, span: Span) -> Span | None:
    match = _A_DATE.search(line[:_SHORT])
    return _part(span, match, "date") if match is not None else None


def _beside_date(line: str, span: Span) -> Span | None:
    """What stands beside the date, the signs between left out."""
    match = _A_DATE.search(line[:_SHORT])
    if match is None:
        return None
    for start, end in ((0, match.start()), (match.end(), len(line))):
        kept = line[start:end].strip(" \t,;|•·–—-()[]")
        if kept:
            at = line.index(kept, start)
            return Span(span.start + at, span.start + at + len(kept))
    return None


def _part(span: Span, match: re.Match[str], name: str) -> Span:
    """The place in the text of a group of a match in a line."""
    return Span(span.start + match.start(name), span.start + match.end(name))


def _value(span: Span, value: str) -> Span:
    """The place in the text of what a line ends in."""
    return Span(span.end - len(value), span.end)
