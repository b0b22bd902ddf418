"""Rows of the database as records, each with a seal of its own: a bit that flips on disk is seen before it is quoted.

SQLite does not check its pages. Every row that a citation is made of therefore carries a hash of what it was written
with, and a text the hash that it is known by; both are compared whenever the row is read.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from index.dedupe import key
from index.errors import StoreDamaged
from index.store.base import ArticleRecord, SentenceRecord
from index.types import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ARTICLE",
    "COPY",
    "SENTENCE",
    "article_of",
    "article_seal",
    "check_quote",
    "checked_copy",
    "checked_passage",
    "checked_text",
    "checked_vector",
    "digest",
    "seal",
    "sentence_of",
]

ARTICLE = """articles.id, articles.article_id, articles.title, articles.url, articles.published, articles.place,
    articles.agency, files.path, articles.start, articles.end, articles.line, articles.author, articles.published_from,
    articles.part, articles.seal"""
"""Columns of `article_of`, from articles and files."""
SENTENCE = """sentences.passage, sentences.article, sentences.id, sentences.start, sentences.end, sentences.line,
    sentences.paragraph, sentences.caption, sentences.copy_key, sentences.seal"""
"""Columns of `sentence_of`."""
COPY = "copies.start, copies.end, copies.line, copies.seal"
"""Columns of `checked_copy`."""


def seal(*values: str | int | bytes | None) -> bytes:
    """8 bytes that stand for the values of a row, in order.

    >>> seal("a", 1) == seal("a", 1), seal("a", 1) == seal("a1"), len(seal())
    (True, False, 8)
    """
    return hashlib.blake2b(repr(values).encode("utf-8", "surrogatepass"), digest_size=8).digest()


def digest(data: str) -> bytes:
    """16 bytes that stand for a text: the key of stored texts and vectors."""
    return hashlib.blake2b(data.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def article_seal(
    article_id: str,
    title: str,
    url: str | None,
    published: str | None,
    place: str | None,
    agency: str | None,
    path: str,
    start: int,
    end: int,
    line: int | None,
    author: str | None,
    published_from: str | None,
    part: str | None,
) -> bytes:
    """The seal of an article; it holds for the path of its file too."""
    return seal(article_id, title, url, published, place, agency, path, start, end, line, author, published_from, part)


def article_of(row: Sequence[Any], group: int | None = None) -> ArticleRecord:
    """The article of a row of `ARTICLE`, and the number of the one that stands for it and its copies.

    Raises:
        StoreDamaged: when the row is not as it was written.
    """
    key, number, title, url, published, place, agency, path, start, end, line, author, published_from, part, found = row
    if found != article_seal(
        number, title, url, published, place, agency, path, start, end, line, author, published_from, part
    ):
        raise _damaged(f"the article {number!r}")
    extent = Span(start, end)
    return ArticleRecord(
        key, number, title, url, published, place, agency, path, extent, author, published_from, part, group
    )


def sentence_of(row: Sequence[Any]) -> SentenceRecord:
    """The sentence of a row of `SENTENCE`.

    Raises:
        StoreDamaged: when the row is not as it was written.
    """
    passage, article, number, start, end, line, paragraph, caption, copy_key, found = row
    if found != seal(passage, article, start, end, line, paragraph, caption, copy_key):
        raise _damaged(f"the sentence {number}")
    return SentenceRecord(number, Span(start, end), line, paragraph, "caption" if caption else "prose", copy_key)


def check_quote(sentence: SentenceRecord, text: str) -> None:
    """Compare what a sentence's span cuts out of a text with the key that the sentence was stored with.

    Raises:
        StoreDamaged: when it is another sentence: the text is that of another article.
    """
    if key(sentence.span.of(text)) != sentence.copy_key:
        raise _damaged(f"the text of the sentence {sentence.id}")


def checked_copy(row: Sequence[Any]) -> tuple[int, int, int]:
    """Start, end and line of a row of `COPY`.

    Raises:
        StoreDamaged: when the row is not as it was written.
    """
    start, end, line, found = row
    if found != seal(start, end, line):
        raise _damaged("the place of a repeated sentence")
    return start, end, line


def checked_text(text: str, known_by: bytes) -> str:
    """A text, when its hash is the one that it is known by.

    Raises:
        StoreDamaged: when it is not.
    """
    if not isinstance(text, str) or digest(text) != known_by:
        raise _damaged("the text of an article")
    return text


def checked_passage(text: str, known_by: bytes) -> str:
    """The text of a passage, when its hash is the one that it is known by.

    Raises:
        StoreDamaged: when it is not.
    """
    if digest(text) != known_by:
        raise _damaged("the text of a passage")
    return text


def checked_vector(vector: bytes, found: bytes) -> bytes:
    """A stored vector, when it is as it was written.

    Raises:
        StoreDamaged: when it is not.
    """
    if not isinstance(vector, bytes) or found != seal(vector):
        raise _damaged("the vector of a passage")
    return vector


def _damaged(what: str) -> StoreDamaged:
    return StoreDamaged(
        f"{what} is not in the index as it was written; expected the stored hash: run `citewell check`, which takes "
        "out what is damaged, and then `citewell index` on the articles again"
    )
