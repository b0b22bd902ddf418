"""What some files brought into an index: their articles, and of which earlier ones these are copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from index.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from index.store.base import ArticleRecord

__all__ = ["Addition", "articles_of"]


@dataclass(frozen=True, slots=True)
class Addition:
    """An article of a file.

    Attributes:
        article: the article.
        passages: how many it has.
        copied: how many of them stand in `original` too, word for word or nearly so.
        original: the article that was there before and shares the most passages with it; None when none does.
    """

    article: ArticleRecord
    passages: int
    copied: int = 0
    original: ArticleRecord | None = None


def articles_of(paths: Sequence[Path], folder: Path) -> list[Addition]:
    """The articles that an index holds of some files, in the order in which they were stored.

    Raises:
        StoreNotFound, StoreVersionMismatch, StoreDamaged: as `Database.open`.
    """
    database = Database.open(folder)
    try:
        with database.reading():
            return _look(database, [str(path) for path in paths])
    finally:
        database.close()


def _look(database: Database, paths: Sequence[str]) -> list[Addition]:
    counts = dict(
        database.rows_for(
            "SELECT articles.id, (SELECT count(*) FROM passages WHERE article = articles.id) FROM articles"
            " JOIN files ON files.id = file WHERE path IN (%s)",
            paths,
        )
    )
    originals: dict[int, tuple[int, int]] = {}
    for article, other, shared in database.rows_for(
        "SELECT mine.article, other.article, count(DISTINCT mine.id) AS shared FROM passages AS mine"
        " JOIN passages AS other ON other.leader = mine.leader AND other.article < mine.article"
        " WHERE mine.article IN (%s) GROUP BY mine.article, other.article ORDER BY shared DESC, other.article",
        list(counts),
    ):
        originals.setdefault(article, (other, shared))
    records = database.articles({*counts, *(other for other, _ in originals.values())})
    found = []
    for article in sorted(counts):
        other, shared = originals.get(article, (0, 0))
        found.append(Addition(records[article], counts[article], shared, records.get(other)))
    return found
