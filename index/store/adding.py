"""The rows of new articles, put together first and then written a table at a time: many rows cost little so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from index.store.listing import add_to_list
from index.store.rows import article_seal, digest, seal

if TYPE_CHECKING:
    from index.prepare import PreparedArticle, PreparedPassage
    from index.store.grouping import Copies

__all__ = ["Adding"]


class Adding:
    """New articles within one transaction. What is not written with `write` is not stored.

    Args:
        cursor: of the transaction, in which nothing else adds articles meanwhile.
    """

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        (self._article,) = cursor.execute("SELECT coalesce(max(id), 0) FROM articles").fetchone()
        (self._sentence,) = cursor.execute("SELECT coalesce(max(id), 0) FROM sentences").fetchone()
        # No number of a passage comes again, not even that of a removed one.
        (self._passage,) = cursor.execute(
            "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'passages'), 0),"
            " (SELECT coalesce(max(id), 0) FROM passages))"
        ).fetchone()
        self._passages: list[tuple[int, int, bytes, int, int]] = []
        self._sentences: list[tuple[Any, ...]] = []
        self._copies: list[tuple[Any, ...]] = []
        self._noted_passages: list[tuple[int, int, tuple[int, ...]]] = []
        self._noted_articles: list[tuple[int, int, tuple[int, ...]]] = []

    def add(self, file: int, path: str, prepared: PreparedArticle) -> int:
        """Add an article of a stored file; how many sentences it has."""
        self._article += 1
        number = self._article
        self._add_article(number, file, path, prepared)
        self._noted_articles.append((number, prepared.copy_key, prepared.bands))
        return sum(self._add_passage(number, passage) for passage in prepared.passages)

    def write(self, copies: Copies) -> None:
        """Write all that was added since the last time, and note it for the groups of copies."""
        # Each stands for itself until the groups are settled.
        self._cursor.executemany(
            "INSERT INTO passages (id, article, digest, copy_key, leader) VALUES (?, ?, ?, ?, ?)", self._passages
        )
        self._cursor.executemany(
            "INSERT INTO sentences (id, passage, article, start, end, line, paragraph, caption, copy_key, seal)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self._sentences,
        )
        self._cursor.executemany("INSERT INTO copies VALUES (?, ?, ?, ?, ?)", self._copies)
        self._cursor.executemany(
            "INSERT INTO article_groups VALUES (?1, ?2, ?1)", ((number, key) for number, key, _ in self._noted_articles)
        )
        copies.passages.add(self._noted_passages)
        copies.articles.add(self._noted_articles)
        for rows in (self._passages, self._sentences, self._copies, self._noted_passages, self._noted_articles):
            rows.clear()

    def _add_article(self, number: int, file: int, path: str, prepared: PreparedArticle) -> None:
        article, source = prepared.article, prepared.article.source
        text_digest = digest(source.text)
        self._cursor.execute("INSERT OR IGNORE INTO texts (digest, text) VALUES (?, ?)", (text_digest, source.text))
        text = self._cursor.execute("SELECT id FROM texts WHERE digest = ?", (text_digest,)).fetchone()[0]
        self._cursor.execute(
            "INSERT INTO articles"
            " (id, article_id, file, line, text, start, end, title, url, published, place, agency, author,"
            " published_from, part, seal) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                article.id,
                file,
                source.line,
                text,
                article.extent.start,
                article.extent.end,
                article.title,
                source.url,
                article.published,
                article.place,
                article.agency,
                source.author,
                article.published_from,
                source.part,
                article_seal(
                    article.id,
                    article.title,
                    source.url,
                    article.published,
                    article.place,
                    article.agency,
                    path,
                    article.extent.start,
                    article.extent.end,
                    source.line,
                    source.author,
                    article.published_from,
                    source.part,
                ),
            ),
        )
        add_to_list(self._cursor, number, article.title, source.url or path, article.published)

    def _add_passage(self, article: int, prepared: PreparedPassage) -> int:
        self._passage += 1
        number = self._passage
        self._passages.append((number, article, prepared.digest, prepared.copy_key, number))
        self._noted_passages.append((number, prepared.copy_key, prepared.bands))
        for sentence in prepared.sentences:
            self._sentence += 1
            facts = (number, article, *sentence[:-1])
            self._sentences.append((self._sentence, *facts, seal(*facts)))
            self._copies += [(self._sentence, *place, seal(*place)) for place in sentence.copies]
        return len(prepared.sentences)
