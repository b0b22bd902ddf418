"""What an index holds, seen from afar: when its articles are from, who published them, and which copy each other."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from index.days import day_of
from index.outlet import outlet
from index.store.rows import ARTICLE, article_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from index.store.base import ArticleRecord
    from index.store.database import Database

__all__ = ["ArticleGroup", "GroupMember", "Overview", "overview"]

GROUPS = 50
"""Groups of articles that are named."""
MEMBERS = 25
"""Articles of a group that are named."""


@dataclass(frozen=True, slots=True)
class GroupMember:
    """An article in a group of copies.

    Attributes:
        title, url, published, path: as in `index.store.base.ArticleRecord`.
        outlet: who published it (`index.outlet`).
        exact: whether its passages are, word for word, those of the first one of its group.
    """

    title: str
    outlet: str
    url: str | None
    published: str | None
    path: str
    exact: bool

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values, the field names as keys."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class ArticleGroup:
    """Articles that tell the same in nearly the same words.

    Attributes:
        members: the earliest first, which stands for them; at most `MEMBERS`.
        size: how many there are.
    """

    members: tuple[GroupMember, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Overview:
    """An index from afar.

    Attributes:
        articles: how many.
        days: articles by day of publication, `YYYY-MM-DD`, the earliest first.
        undated: articles whose day is not known.
        outlets: articles by outlet, the most first.
        groups: the largest groups of copies, at most `GROUPS`.
        sizes: how many groups there are of each number of articles, from 2 on.
    """

    articles: int
    days: Mapping[str, int]
    undated: int
    outlets: Mapping[str, int]
    groups: tuple[ArticleGroup, ...]
    sizes: Mapping[int, int]

    @property
    def copies(self) -> int:
        """Articles that another one stands for."""
        return sum((size - 1) * count for size, count in self.sizes.items())

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values for JSON, the field names as keys."""
        return {
            "articles": self.articles,
            "copies": self.copies,
            "days": dict(self.days),
            "undated": self.undated,
            "outlets": dict(self.outlets),
            "groups": [
                {"size": group.size, "members": [member.to_dict() for member in group.members]} for group in self.groups
            ],
            "sizes": {str(size): count for size, count in self.sizes.items()},
        }


def overview(database: Database) -> Overview:
    """Look at all articles of an index.

    Raises:
        StoreDamaged: when an article that is named is not as it was written.
    """
    days: Counter[str] = Counter()
    outlets: Counter[str] = Counter()
    undated = 0
    rows = database.rows(
        "SELECT published, coalesce(url, path), count(*) FROM articles JOIN files ON files.id = file GROUP BY 1, 2"
    )
    for published, source, count in rows:
        day = day_of(published)
        outlets[outlet(source)] += count
        if day is None:
            undated += count
        else:
            days[day] += count
    sizes = database.rows(
        "SELECT leader, count(*) FROM article_groups GROUP BY leader HAVING count(*) > 1 ORDER BY 2 DESC, 1"
    )
    return Overview(
        articles=undated + days.total(),
        days=dict(sorted(days.items())),
        undated=undated,
        outlets=dict(sorted(outlets.items(), key=lambda each: (-each[1], each[0]))),
        groups=tuple(_group(database, leader, size) for leader, size in sizes[:GROUPS]),
        sizes=dict(sorted(Counter(size for _, size in sizes).items())),
    )


def _group(database: Database, leader: int, size: int) -> ArticleGroup:
    rows = database.rows(
        f"SELECT {ARTICLE}, copy_key = (SELECT copy_key FROM article_groups WHERE id = ?1) FROM articles"  # noqa: S608
        " JOIN files ON files.id = file JOIN article_groups USING (id) WHERE leader = ?1",
        (leader,),
    )
    found = [(article_of(row), bool(exact)) for *row, exact in rows]
    found.sort(key=lambda each: (each[0].key != leader, day_of(each[0].published) or "~", each[0].path, each[0].key))
    return ArticleGroup(tuple(_member(*each) for each in found[:MEMBERS]), size)


def _member(article: ArticleRecord, exact: bool) -> GroupMember:
    return GroupMember(
        article.title, outlet(article.url or article.path), article.url, article.published, article.path, exact
    )
