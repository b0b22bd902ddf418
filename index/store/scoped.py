"""What of an index lies in a scope: its articles, and the groups of copies of which a passage does."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from index.errors import StoreDamaged
from index.store.listing import condition, covers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from index.scope import Scope
    from index.store.base import PassageRecord
    from index.store.database import Database
    from index.store.search import Commit

__all__ = ["Inside", "Scopes", "look", "within"]

_REMEMBERED = 16


@dataclass(frozen=True, slots=True)
class Inside:
    """What lies in a scope, as of one commit.

    Attributes:
        articles: the store's numbers of the articles.
        leaders: the numbers of the passages that stand for a group of which one lies there, shape (n,), ascending.
    """

    articles: frozenset[int]
    leaders: NDArray[np.int64]


class Scopes:
    """What lies in the scopes that were asked for last: of much of a large collection it takes a second to say.

    Args:
        database: the truth; each look is within a reading.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[tuple[Commit, Scope], Inside] = OrderedDict()
        self._lock = threading.Lock()

    def inside(self, scope: Scope, commit: Commit) -> Inside:
        """What lies in a scope, as of the commit that this thread reads."""
        asked = (commit, scope)
        with self._lock:
            if asked in self._known:
                self._known.move_to_end(asked)
                return self._known[asked]
        found = look(self._database, scope)
        with self._lock:
            self._known[asked] = found
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found


def within(database: Database, leaders: Sequence[int], scope: Scope, inside: Inside) -> list[PassageRecord]:
    """As `index.store.base.Store.within`."""
    members: dict[int, list[tuple[int, int]]] = {leader: [] for leader in leaders}
    for number, leader, article, copy_key in database.rows_for(
        "SELECT id, leader, article, copy_key FROM passages WHERE leader IN (%s) ORDER BY id", leaders
    ):
        if article in inside.articles:
            members[leader].append((number, copy_key))
    first, others = [], []
    for leader, own in members.items():
        # The one that stands for its group, where it is here, before its copies.
        ordered = sorted(own, key=lambda each: (each[0] != leader, each[0]))
        wordings = {copy_key: number for number, copy_key in reversed(ordered)}
        first += [number for number, _ in ordered[:1]]
        others += [number for number in wordings.values() if number != ordered[0][0]]
    found = database.passages([*first, *sorted(others)])
    for passage in found:
        if not covers(scope, passage.article):
            raise StoreDamaged(
                f"the article {passage.article.id!r} is listed by another source or day than its own: run "
                "`citewell check`, which mends that"
            )
    return found


def look(database: Database, scope: Scope) -> Inside:
    """What lies in a scope, read from the database."""
    import numpy as np

    where, values = condition(scope)
    listed = f"SELECT article FROM listed WHERE {where}"  # noqa: S608
    articles = frozenset(row[0] for row in database.rows(listed, values))
    leaders = database.rows(
        f"SELECT leader FROM passages WHERE article IN ({listed})",  # noqa: S608
        values,
    )
    return Inside(articles, np.unique(np.fromiter((row[0] for row in leaders), dtype=np.int64)))
