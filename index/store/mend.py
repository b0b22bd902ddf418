"""Mends an index in one transaction: what can be made of sound rows is made again, other damaged rows are taken out."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from index.prepare import prepare
from index.store.adding import Adding
from index.store.connections import VARIABLES, sliced
from index.store.grouping import Copies
from index.store.listing import add_to_list
from index.store.publish import Publisher
from index.store.rows import ARTICLE, article_of, article_seal, checked_text
from index.store.writer import Writer
from index.types import Source

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from index.prepare import PreparedArticle
    from index.store.base import ArticleRecord
    from index.store.database import Database
    from index.store.findings import Finding, Kind

__all__ = ["Mended", "Mender"]

_REFERENCES = (
    "DELETE FROM articles WHERE file NOT IN (SELECT id FROM files) OR text NOT IN (SELECT id FROM texts)",
    "DELETE FROM passages WHERE article NOT IN (SELECT id FROM articles)",
    "DELETE FROM article_groups WHERE id NOT IN (SELECT id FROM articles)",
    "DELETE FROM sentences WHERE passage NOT IN (SELECT id FROM passages) OR article NOT IN (SELECT id FROM articles)",
    "DELETE FROM copies WHERE sentence NOT IN (SELECT id FROM sentences)",
    "DELETE FROM listed WHERE article NOT IN (SELECT id FROM articles)",
)
_UNUSED = (
    "DELETE FROM texts WHERE id NOT IN (SELECT text FROM articles)",
    "DELETE FROM vectors WHERE digest NOT IN (SELECT digest FROM passages)",
)


@dataclass(frozen=True, slots=True)
class Mended:
    """What was done.

    Attributes:
        made_again: the store's former numbers of articles that were made again from their stored text.
        incomplete: the paths of the files that the next indexing reads again.
    """

    made_again: frozenset[int]
    incomplete: tuple[str, ...]


class Mender(Writer):
    """Changes to an index with damaged rows; the caller holds `write_lock`."""

    def __init__(self, database: Database) -> None:
        # The search files of before are no ground to build on: they are written anew.
        super().__init__(database, Publisher(database, merged_below=sys.maxsize))

    def mend(self, findings: Sequence[Finding]) -> Mended:
        """Mend all that was found, or, on an error, nothing.

        An article whose own row and text are sound is made again from them. Another one with a damaged row is taken
        out, so that nothing wrong can be quoted, and its file is noted as incomplete: the next indexing reads it again.
        A damaged vector goes, and the next indexing embeds its passage. Groups of copies are formed anew.

        Raises:
            StoreError, StoreDamaged: when it cannot be written, or what is left cannot be searched.
        """
        with self._transaction() as cursor:
            for table in ("bands", "wordings"):  # made again below
                cursor.execute(f"DELETE FROM {table}")  # noqa: S608
            damaged = self._damaged_articles(cursor, findings)
            again = self._made_again(cursor, damaged - self._beyond(cursor, findings))
            incomplete = _keys(findings, "file")
            for number in damaged - again.keys():
                incomplete |= self._files_of(cursor, number)
            homes = {number: self._home(cursor, number) for number in again}
            _delete(cursor, "DELETE FROM articles WHERE id IN (%s)", damaged)
            for statement in _REFERENCES:
                cursor.execute(statement)
            _delete(cursor, "DELETE FROM vectors WHERE digest IN (%s)", _keys(findings, "vector"))
            self._list(cursor, _keys(findings, "listing"))
            adding = Adding(cursor)
            for number, article in again.items():
                adding.add(*homes[number], article)
            adding.write(Copies(cursor))
            self._regroup(cursor)
            for statement in _UNUSED:
                cursor.execute(statement)
            return Mended(frozenset(again), self._mark(cursor, incomplete))

    def _damaged_articles(self, cursor: Any, findings: Sequence[Finding]) -> set[int]:
        own = {kind: _keys(findings, kind) for kind in ("article", "sentence", "copy", "passage")}
        return set().union(*own.values()) | self._beyond(cursor, findings)

    def _beyond(self, cursor: Any, findings: Sequence[Finding]) -> set[int]:
        """The articles of which the row or the text is damaged."""
        found = _keys(findings, "article")
        for text in _keys(findings, "text"):
            found |= {row[0] for row in cursor.execute("SELECT id FROM articles WHERE text = ?", (text,))}
        return found

    def _made_again(self, cursor: Any, articles: Collection[int]) -> dict[int, PreparedArticle]:
        """Those of the articles that come out of their stored text as they are stored."""
        found = {}
        for number in sorted(articles):
            *row, text, known_by = cursor.execute(
                f"SELECT {ARTICLE}, texts.text, texts.digest FROM articles"  # noqa: S608
                " JOIN files ON files.id = file JOIN texts ON texts.id = articles.text WHERE articles.id = ?",
                (number,),
            ).fetchone()
            article = _prepared(article_of(row), row[10], checked_text(text, known_by))
            if article is not None:
                found[number] = article
        return found

    def _home(self, cursor: Any, article: int) -> tuple[int, str]:
        """The number and the path of an article's file."""
        number, path = cursor.execute(
            "SELECT files.id, path FROM articles JOIN files ON files.id = file WHERE articles.id = ?", (article,)
        ).fetchone()
        return number, path

    def _files_of(self, cursor: Any, article: int) -> set[int]:
        """The file that an article was read from; all of them when its row does not say."""
        number, title, url, published, place, agency, start, end, line, *further, found, file = cursor.execute(
            "SELECT article_id, title, url, published, place, agency, start, end, line, author, published_from, part,"
            " seal, file FROM articles WHERE id = ?",
            (article,),
        ).fetchone()
        files = dict(cursor.execute("SELECT id, path FROM files").fetchall())
        fitting = {
            each
            for each, path in files.items()
            if article_seal(number, title, url, published, place, agency, path, start, end, line, *further) == found
        }
        return fitting or ({file} if file in files else set(files))

    def _regroup(self, cursor: Any) -> None:
        """Group all anew: it takes no longer than it took to look at everything."""
        for table in ("passages", "article_groups"):
            cursor.execute(f"UPDATE {table} SET leader = 0 WHERE leader IS NULL OR typeof(leader) != 'integer'")  # noqa: S608
        Copies(cursor).again()

    def _list(self, cursor: Any, articles: Collection[int]) -> None:
        for number in articles:
            row = cursor.execute(
                "SELECT title, coalesce(url, path), published FROM articles JOIN files ON files.id = file"
                " WHERE articles.id = ?",
                (number,),
            ).fetchone()
            if row is not None:  # else it was taken out
                add_to_list(cursor, number, *row)

    def _mark(self, cursor: Any, files: set[int]) -> tuple[str, ...]:
        """Note files as incomplete, those with a passage that has no vector too; forget those that hold nothing."""
        files |= {
            row[0]
            for row in cursor.execute(
                "SELECT DISTINCT file FROM articles JOIN passages ON passages.article = articles.id"
                " WHERE passages.digest NOT IN (SELECT digest FROM vectors)"
            )
        }
        paths = []
        for number in sorted(files):
            paths += [str(row[0]) for row in cursor.execute("SELECT path FROM files WHERE id = ?", (number,))]
            cursor.execute(
                "UPDATE files SET size = -1, mtime_ns = 0, digest = x'', complete = 0 WHERE id = ?", (number,)
            )
        cursor.execute(
            "DELETE FROM files WHERE complete = 0 AND NOT EXISTS (SELECT 1 FROM articles WHERE file = files.id)"
        )
        return tuple(paths)


def _prepared(record: ArticleRecord, line: int | None, text: str) -> PreparedArticle | None:
    """The article as its stored text gives it; None when that is another one than the record says.

    Whether title and date were given with the text or read out of it is not stored; the article's id tells.
    """
    for title, published in dict.fromkeys(product((None, record.title), (None, record.published))):
        source = Source(
            record.path, text, line, record.url, title, published, record.author, record.published_from, record.part
        )
        for each in prepare(source):
            article = each.article
            facts = (article.id, article.extent, article.title, article.published, article.place, article.agency)
            if facts == (record.id, record.extent, record.title, record.published, record.place, record.agency):
                return each
    return None


def _keys(findings: Sequence[Finding], kind: Kind) -> set[Any]:
    return {finding.key for finding in findings if finding.kind == kind}


def _delete(cursor: Any, sql: str, values: Collection[Any]) -> None:
    for part in sliced(list(values), VARIABLES):
        cursor.execute(sql % ",".join("?" * len(part)), part)
