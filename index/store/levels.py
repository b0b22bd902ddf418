"""What copies are grouped of, passages and whole articles, and in which order those of a group stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from index.days import day_of
from index.dedupe import ARTICLES, PASSAGES

if TYPE_CHECKING:
    from index.dedupe import Likeness

__all__ = ["ARTICLE_LEVEL", "LEVELS", "PASSAGE_LEVEL", "Level", "Rank", "rank_of"]

_UNKNOWN_DAY = "~"
"""Behind every day."""

Rank = tuple[str, str, str, int, int, int]
"""The day, the path, the part of an archive, the line, the article's start, and the number, which grows along it."""


@dataclass(frozen=True, slots=True)
class Level:
    """What is grouped.

    Attributes:
        table: with the columns `id`, `copy_key` and `leader`.
        article: the column with the article that a row is of.
        likeness: what makes a near copy.
        ranked: the columns of a rank, and the tables that they are of.
        spans: the sentences of one, in order.
        text: the source text of one.
    """

    table: str
    article: str
    likeness: Likeness
    ranked: str
    spans: str
    text: str


PASSAGE_LEVEL = Level(
    "passages",
    "article",
    PASSAGES,
    "published, path, part, line, articles.start, passages.id FROM passages"
    " JOIN articles ON articles.id = passages.article JOIN files ON files.id = file",
    "SELECT start, end FROM sentences WHERE passage = ? ORDER BY start",
    "SELECT texts.text FROM passages JOIN articles ON articles.id = passages.article"
    " JOIN texts ON texts.id = articles.text WHERE passages.id = ?",
)
ARTICLE_LEVEL = Level(
    "article_groups",
    "id",
    ARTICLES,
    "published, path, part, line, articles.start, articles.id FROM article_groups JOIN articles USING (id)"
    " JOIN files ON files.id = file",
    "SELECT start, end FROM sentences WHERE article = ? ORDER BY passage, start",
    "SELECT texts.text FROM articles JOIN texts ON texts.id = articles.text WHERE articles.id = ?",
)
LEVELS = (PASSAGE_LEVEL, ARTICLE_LEVEL)


def rank_of(published: str | None, path: str, part: str | None, line: int | None, start: int, number: int) -> Rank:
    """By what the members of a group are ordered, from the columns of `Level.ranked`.

    >>> rank_of("2024/05/01", "/b", None, None, 0, 7) < rank_of(None, "/a", None, None, 0, 1)
    True
    """
    return (day_of(published) or _UNKNOWN_DAY, path, part or "", line or 0, start, number)
