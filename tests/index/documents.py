"""Real documents of each format, made of a title and paragraphs."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
import textwrap
import zipfile
from datetime import UTC, datetime
from email.message import EmailMessage
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

URL = "https://www.news.example/2025/03/20/story"
AUTHOR = "Ingrid Dahl"
DATE = "2025-03-20T08:15:00Z"

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title} | The Example</title>
<link rel="canonical" href="{url}"><meta property="og:title" content="{title}">
<meta name="author" content="{author}"><meta property="article:published_time" content="{date}">
<style>.menu {{ color: red }}</style><script>var tracking = "on";</script></head>
<body>
<div class="cookie-banner" id="cookie-consent"><p>We use cookies to give you the best experience. By clicking Accept you
agree to our use of cookies.</p><button>Accept all</button></div>
<header><nav class="menu"><ul>{menu}</ul></nav></header>
<main><article><h1>{title}</h1>
{body}
</article></main>
<aside class="related"><h2>Related articles</h2><ul>{related}</ul></aside>
<div class="newsletter"><p>Sign up for our newsletter and never miss a story.</p></div>
<footer><p>© 2025 The Example. All rights reserved.</p><a href="/terms">Terms of use</a></footer>
</body></html>
"""
NOISE = ("cookies", "Sign up for our newsletter", "All rights reserved", "Sport and leisure", "Ten recipes", "tracking")


def html(title: str, paragraphs: Sequence[str]) -> bytes:
    """A page of a news site: its article between a menu, a banner, links to other articles and a footer."""
    sections = ("Home", "World", "Sport and leisure", "Business", "Culture")
    links = (
        "Ten recipes for a rainy Sunday",
        "Why the price of butter is going up again",
        "A cat that plays the piano",
    )
    return _PAGE.format(
        title=escape(title),
        url=URL,
        author=AUTHOR,
        date=DATE,
        menu="".join(f'<li><a href="/{each}">{each}</a></li>' for each in sections),
        body="\n".join(f"<p>{escape(each)}</p>" for each in paragraphs),
        related="".join(f'<li><a href="/{number}">{each}</a></li>' for number, each in enumerate(links)),
    ).encode()


def pdf(title: str, paragraphs: Sequence[str]) -> bytes:
    """Pages of text as a word processor prints them: lines broken at the margin."""
    from fpdf import FPDF

    document = FPDF(format=(148, 210))
    document.set_title(title)
    document.set_author(AUTHOR)
    document.set_creation_date(datetime(2025, 3, 20, tzinfo=UTC))
    document.add_page()
    document.set_font("Times", "B", 16)
    document.multi_cell(0, 8, latin(title), align="L", new_x="LMARGIN", new_y="NEXT")
    document.set_font("Times", "", 11)
    for each in paragraphs:
        document.ln(3)
        document.multi_cell(0, 5, latin(each), align="L", new_x="LMARGIN", new_y="NEXT")
    return bytes(document.output())


def docx(title: str, paragraphs: Sequence[str]) -> bytes:
    """A Word document, its last paragraph in a table."""
    import docx as library

    document = library.Document()
    document.core_properties.author = AUTHOR
    document.core_properties.title = title
    document.add_heading(title, 0)
    for each in paragraphs[:-1]:
        document.add_paragraph(each)
    document.add_table(1, 2).cell(0, 1).text = paragraphs[-1]
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def mail(title: str, paragraphs: Sequence[str]) -> bytes:
    """A mail, its text wrapped as mail programs do, and the same as HTML."""
    message = EmailMessage()
    message["Subject"], message["From"] = title, f"{AUTHOR} <ingrid@news.example>"
    message["Date"] = "Thu, 20 Mar 2025 08:15:00 +0000"
    message.set_content("\n\n".join(textwrap.fill(each, 72) for each in paragraphs))
    message.add_alternative("".join(f"<p>{escape(each)}</p>" for each in paragraphs), subtype="html")
    return bytes(message)


def rss(title: str, paragraphs: Sequence[str]) -> bytes:
    """A feed with two entries: the article, and a teaser of another."""
    body = escape("".join(f"<p>{escape(each)}</p>" for each in paragraphs))
    return f"""<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>The Example</title>
<link>https://www.news.example/</link><description>News</description>
<item><title>{escape(title)}</title><link>{URL}</link><dc:creator>{AUTHOR}</dc:creator>
<pubDate>Thu, 20 Mar 2025 08:15:00 +0000</pubDate><description>In short.</description>
<content:encoded>{body}</content:encoded></item>
<item><title>Glass</title><link>https://www.news.example/glass</link>
<description>A museum of glass opened in Murano on Friday.</description></item>
</channel></rss>""".encode()


def atom(title: str, paragraphs: Sequence[str]) -> bytes:
    """The same as Atom, with one entry."""
    body = escape("".join(f"<p>{escape(each)}</p>" for each in paragraphs))
    return f"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>The Example</title><id>urn:x</id><updated>{DATE}</updated>
<entry><title>{escape(title)}</title><link href="{URL}"/><id>urn:y</id><author><name>{AUTHOR}</name></author>
<published>{DATE}</published><updated>{DATE}</updated><content type="html">{body}</content></entry></feed>""".encode()


def warc(title: str, paragraphs: Sequence[str], *, packed: bool = False) -> bytes:
    """A web archive: a picture, a page that was not found, and the page of the article."""
    from fastwarc.warc import WarcRecord, WarcRecordType

    file = io.BytesIO()
    answers = (
        ("200 OK", "image/png", b"\x89PNG", "https://www.news.example/a.png"),
        ("404 Not Found", "text/html", html("Gone", ["This page is not there any more."] * 9), f"{URL}/gone"),
        ("200 OK", "text/html; charset=utf-8", html(title, paragraphs), URL),
    )
    for status, kind, body, address in answers:
        record = WarcRecord()
        record.init_headers(record_type=WarcRecordType.response)
        record.headers["WARC-Target-URI"] = address
        record.headers["Content-Type"] = "application/http; msgtype=response"
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        record.set_bytes_content(head + body)
        record.write(file)
    data = file.getvalue()
    return gzip.compress(data, mtime=0) if packed else data


def records(title: str, paragraphs: Sequence[str]) -> list[dict[str, str]]:
    return [{"headline": title, "body": "\n\n".join(paragraphs), "link": URL, "date": DATE, "byline": AUTHOR}]


def json_list(title: str, paragraphs: Sequence[str]) -> bytes:
    return json.dumps(records(title, paragraphs), indent=1).encode()


def table(title: str, paragraphs: Sequence[str]) -> bytes:
    file = io.StringIO()
    rows = records(title, paragraphs)
    writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def zipped(members: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def tarred(members: Mapping[str, bytes], mode: str = "w:gz") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


MAKERS: dict[str, Callable[[str, Sequence[str]], bytes]] = {
    "page.html": html,
    "print.pdf": pdf,
    "letter.docx": docx,
    "letter.eml": mail,
    "feed.rss": rss,
    "feed.atom": atom,
    "crawl.warc": warc,
    "crawl.warc.gz": lambda title, paragraphs: warc(title, paragraphs, packed=True),
    "list.json": json_list,
    "table.csv": table,
    "pages.zip": lambda title, paragraphs: zipped({"2025/page.html": html(title, paragraphs), "a.png": b"\x89PNG"}),
    "pages.tar.gz": lambda title, paragraphs: tarred({"2025/page.html": html(title, paragraphs)}),
    "page.html.gz": lambda title, paragraphs: gzip.compress(html(title, paragraphs), mtime=0),
}


def latin(text: str) -> str:
    """A text as the built-in fonts of a PDF can set it."""
    for fancy, plain in (("“", '"'), ("”", '"'), ("’", "'"), ("‘", "'"), ("—", "-"), ("–", "-"), ("…", "...")):
        text = text.replace(fancy, plain)
    return text.encode("latin-1", "replace").decode("latin-1")
