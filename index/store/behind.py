"""An index whose search files are behind: what is stored of much at once is searched later.

While many articles are added, search files are made only every ten seconds or so, and more seldom when they take long,
for with each transaction they would take longer than all the rest.
The table meta then holds under `searched` the last commit that has search files, and `touched` all that has changed
since. Whoever asks meanwhile finds what was found at that commit, without what has gone since; and when the writer is
gone, killed or not, the files are made before the next question is answered.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from index.errors import StoreDamaged
from index.store.lexical import LexicalIndex
from index.store.search import Commit, SearchFiles, load

if TYPE_CHECKING:
    from index.store.database import Database

__all__ = ["behind", "catch_up", "fall_behind", "searched"]


def searched(database: Database) -> Commit:
    """The last commit that search files were made with or for; the last one of all, but while it is behind."""
    row = database.row("SELECT value FROM meta WHERE key = 'searched'")
    if row is not None:
        try:
            change, name = json.loads(row[0])
            return Commit(int(change), str(name))
        except (ValueError, TypeError):
            pass  # damaged: nothing is built on it
    return database.committed()


def fall_behind(cursor: Any, commit: Commit) -> None:
    """Note, within a transaction, the last commit that has search files."""
    cursor.execute("INSERT OR REPLACE INTO meta VALUES ('searched', ?)", (json.dumps(commit),))


def catch_up(cursor: Any, commit: Commit) -> None:
    """Note, within the transaction of a commit, that it has search files."""
    cursor.execute("DELETE FROM meta WHERE key = 'searched'")
    # What earlier changes touched is in them.
    cursor.execute("DELETE FROM touched WHERE change < ?", (commit.change,))


def behind(database: Database, before: SearchFiles | None = None) -> SearchFiles | None:
    """What can be searched of an index whose search files are behind; None when they are not, or cannot be used.

    Args:
        database: within a reading.
        before: search files that are open, as for `load`.
    """
    commit, earlier = database.committed(), searched(database)
    if earlier == commit:
        return None
    if earlier.change == 0:  # when nothing was in it
        return SearchFiles(commit, {}, frozenset(), LexicalIndex.build((), None), behind=True)
    try:
        search = load(database.folder, earlier, before)
    except StoreDamaged:
        return None
    outdated = frozenset(
        passage
        for (passage,) in database.rows(
            "SELECT passage FROM touched LEFT JOIN passages ON id = passage WHERE change > ? AND leader IS NOT passage",
            (earlier.change,),
        )
        if passage in search
    )
    return replace(search, commit=commit, gone=search.gone | outdated, behind=True, outdated=outdated)
