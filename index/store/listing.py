"""The list of articles: by what they are listed, and which of them a scope or a search means."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from index.analysis import fold
from index.days import day_of
from index.outlet import outlet
from index.store.base import ArticlePage, ListedArticle, SourceCount

if TYPE_CHECKING:
    from index.scope import Scope
    from index.store.base import ArticleRecord
    from index.store.database import Database

__all__ = ["add_to_list", "articles", "condition", "covers", "listed_as", "sources"]


def listed_as(title: str, source: str, published: str | None) -> tuple[str, str | None, str]:
    """What an article is listed by: its outlet, its day, and the words that a search looks at.

    >>> listed_as("Bridge Closed", "https://www.example.org/1", "May 1, 2024")
    ('example.org', '2024-05-01', 'bridge closed example org')
    """
    name = outlet(source)
    return name, day_of(published), fold(f"{title} {name}")


def add_to_list(cursor: Any, article: int, title: str, source: str, published: str | None) -> None:
    """Put an article on the list, or put right what stands there of it."""
    cursor.execute(
        "INSERT OR REPLACE INTO listed (article, outlet, day, words) VALUES (?, ?, ?, ?)",
        (article, *listed_as(title, source, published)),
    )


def covers(scope: Scope, record: ArticleRecord) -> bool:
    """Whether an article lies in a scope, by what it says of itself."""
    name, day, _ = listed_as(record.title, record.url or record.path, record.published)
    if (scope.sources and name not in scope.sources) or (scope.articles and record.id not in scope.articles):
        return False
    if scope.since is None and scope.until is None:
        return True
    return day is not None and (scope.since or day) <= day <= (scope.until or day)


def condition(scope: Scope | None, search: str = "") -> tuple[str, list[str]]:
    """A condition on `listed` for the articles of a scope in whose title or outlet all words stand, and its values."""
    parts, values = ["1"], []
    if scope is not None and scope.sources:
        parts.append("listed.outlet IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(sorted(scope.sources)))
    if scope is not None and scope.since is not None:
        parts.append("listed.day >= ?")
        values.append(scope.since)
    if scope is not None and scope.until is not None:
        parts.append("listed.day <= ?")
        values.append(scope.until)
    if scope is not None and scope.articles:
        chosen = "SELECT id FROM articles WHERE article_id IN (SELECT value FROM json_each(?))"
        parts.append(f"listed.article IN ({chosen})")
        values.append(json.dumps(sorted(scope.articles)))
    for word in fold(search).split():
        parts.append("instr(listed.words, ?)")
        values.append(word)
    return " AND ".join(parts), values


def articles(database: Database, *, search: str, scope: Scope | None, limit: int, offset: int) -> ArticlePage:
    """As `index.store.base.Store.articles`, within a reading."""
    where, values = condition(scope, search)
    count = database.row(f"SELECT count(*) FROM listed WHERE {where}", values)  # noqa: S608
    rows = database.rows(
        f"SELECT article, outlet, day FROM listed WHERE {where}"  # noqa: S608
        " ORDER BY day DESC, article DESC LIMIT ? OFFSET ?",
        (*values, limit, offset),
    )
    records = database.articles([row[0] for row in rows])
    found = (ListedArticle(records[key], name, day) for key, name, day in rows)
    return ArticlePage(tuple(found), count[0] if count is not None else 0)


def sources(database: Database, *, search: str, scope: Scope | None) -> list[SourceCount]:
    """As `index.store.base.Store.sources`, within a reading."""
    where, values = condition(scope, search)
    rows = database.rows(
        f"SELECT outlet, count(*), min(day), max(day) FROM listed WHERE {where}"  # noqa: S608
        " GROUP BY outlet ORDER BY count(*) DESC, outlet",
        values,
    )
    return [SourceCount(*row) for row in rows]
