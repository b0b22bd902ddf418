"""Web pages: the article of a page, without its menus, banners and lists of other articles (by trafilatura).

What a page says of itself is read where it says it: title and author by trafilatura, the date from the fields that are
made for it, else from the address. Other guesses at dates are left alone: trafilatura's fill in a year that a page does
not name with the one of the day on which it runs, and an article is to be the same on every machine, tomorrow too.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import IO, TYPE_CHECKING, Any

from index.formats import base
from index.formats.base import is_address, need
from index.formats.text import decode, extracted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from index.formats.base import Origin, Reading
    from index.types import Skipped, Source

__all__ = ["page", "read_html"]

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_HEAD_BYTES = 4096
_SAVED_FROM = re.compile(r"<!--\s*saved from url=(?:\(\d+\))?(\S+?)\s*-->", re.IGNORECASE)
_DATE_FIELDS = (
    "article:published_time",
    "og:article:published_time",
    "datepublished",
    "date_published",
    "publish-date",
    "pubdate",
    "publication_date",
    "dc.date.issued",
    "dc.date",
    "dcterms.created",
    "parsely-pub-date",
    "sailthru.date",
    "date",
)
_HAS_YEAR = re.compile(r"\b\d{4}\b")
_DATE_IN_ADDRESS = re.compile(r"[/-]((?:19|20)\d\d)[/-](\d{1,2})[/-](\d{1,2})(?=[/-]|$)")
_NO_ARTICLE = "no article was found in the page"


def read_html(file: IO[bytes], origin: Origin, reading: Reading) -> Iterator[Source | Skipped]:
    """Read the article of a saved web page."""
    if reading.begin():
        yield page(base.read_whole(file), origin)


def page(data: bytes, origin: Origin, *, url: str | None = None, charset: str | None = None) -> Source | Skipped:
    """The article of a page.

    Args:
        data: the page.
        origin: where it is from.
        url: the address that it was fetched from; when None the one that the page names.
        charset: its encoding as the server named it.

    Raises:
        MissingExtra: when trafilatura is not installed.
    """
    trafilatura = need("trafilatura", extra="html", kind="HTML")
    from lxml import etree
    from lxml import html as lxml_html
    from trafilatura.metadata import extract_metadata

    text = _decoded(data, charset)
    # Without the encoding that the page may name, for it is UTF-8 now.
    parser = lxml_html.HTMLParser(encoding="utf-8", remove_comments=False, remove_pis=True)
    try:
        tree = lxml_html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except etree.ParserError:
        return origin.skipped("empty: there is no text in it")
    address = url if url is not None else _address(tree, text)
    published, published_from = _date(tree, address)
    dates = {"extensive_search": False, "max_date": "2100-01-01"}  # it looks for one, which is not used
    facts = extract_metadata(tree, default_url=address, date_config=dates)
    found = trafilatura.bare_extraction(tree, url=address, include_comments=False, with_metadata=False)
    return extracted(
        origin,
        "" if found is None else found.text or "",
        nothing=_NO_ARTICLE,
        url=address,
        title=facts.title,
        author=facts.author,
        published=published,
        published_from=published_from,
    )


def _decoded(data: bytes, charset: str | None) -> str:
    """The page's characters: by its byte order mark, the server, the page's own word, or as plain text is decoded."""
    named = _CHARSET.search(data[:_HEAD_BYTES])
    if not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        for name in (charset, named[1].decode("ascii", "replace") if named is not None else None):
            try:
                return data.decode(_encoding(name))
            except (LookupError, UnicodeDecodeError):
                continue
    return decode(data)[0]


def _encoding(name: str | None) -> str:
    """The encoding that is meant on the web by a name (WHATWG Encoding Standard).

    >>> _encoding("ISO-8859-1"), _encoding("UTF-16"), _encoding(None)
    ('cp1252', 'utf-8', 'utf-8')
    """
    usual = codecs.lookup(name or "utf-8").name
    if usual in ("iso8859-1", "ascii"):
        return "cp1252"
    # A name that stands in the page cannot be read in UTF-16; the others are no encodings of the web at all.
    return "utf-8" if usual.startswith(("utf-16", "utf-32", "utf-7", "unicode", "raw", "idna", "punycode")) else usual


def _address(tree: Any, text: str) -> str | None:
    """The address that a page names as its own."""
    named = [
        *tree.xpath("//link[contains(concat(' ', @rel, ' '), ' canonical ')]/@href"),
        *tree.xpath("//meta[@property='og:url']/@content"),
    ]
    if saved := _SAVED_FROM.search(text[:_HEAD_BYTES]):
        named.append(saved[1])
    return next((str(each).strip() for each in named if is_address(str(each).strip())), None)


def _date(tree: Any, address: str | None) -> tuple[str | None, str | None]:
    """When the page says that it was published, and where it says so."""
    fields: dict[str, str] = {}
    for meta in tree.iter("meta"):
        name = meta.get("property") or meta.get("name") or meta.get("itemprop")
        if name is not None and meta.get("content"):
            fields.setdefault(name.strip().lower(), meta.get("content").strip())
    stated = [fields.get(name) for name in _DATE_FIELDS[:1]]
    stated += [_linked_date(script.text) for script in tree.xpath("//script[@type='application/ld+json']")]
    stated += [fields.get(name) for name in _DATE_FIELDS[1:]]
    stated += tree.xpath("//*[@itemprop='datePublished']/@datetime | //time[@pubdate]/@datetime")
    stated += tree.xpath("//article//time/@datetime")
    for each in stated:
        if each is not None and len(each) <= 60 and _HAS_YEAR.search(each):
            return str(each), "metadata"
    if address is not None and (match := _DATE_IN_ADDRESS.search(address)):
        year, month, day = (int(part) for part in match.groups())
        if 1 <= month <= 12 and 1 <= day <= 31:
            return f"{year}-{month:02}-{day:02}", "address"
    return None, None


def _linked_date(script: str | None) -> str | None:
    """`datePublished` of a page's linked data (schema.org), at any depth."""
    try:
        waiting = [json.loads(script or "")]
    except (ValueError, RecursionError):
        return None
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            date = value.get("datePublished")
            if isinstance(date, str):
                return date
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(reversed(value))
    return None
