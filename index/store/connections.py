"""Connections to the SQLite file of an index: what is read together is one state, whatever is written meanwhile."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from index.errors import StoreDamaged, StoreError
from index.store.together import Together, patiently

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

__all__ = ["DATABASE", "VARIABLES", "Connections", "sliced"]

DATABASE = "index.db"
VARIABLES = 500
"""Bound values a statement: SQLite promises 999 in every build."""
_LONGEST_TOGETHER = 0.03
"""Seconds for which threads may join others who read; a writer's commit waits about so long."""
_PATIENCE = 30
"""Seconds after which a lock is given up."""

T = TypeVar("T")


class Connections:
    """Connections to one index file: one per thread for reading, and whichever thread writes.

    Args:
        folder: the index folder, which holds `index.db`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / DATABASE
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._together = Together(_LONGEST_TOGETHER)
        self.while_waiting: Callable[[], None] | None = None
        """What a thread does that would read, and waits for a commit under way."""

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
        self._local = threading.local()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """What this thread reads inside is one state of the index, whatever is written meanwhile.

        A writer's commit waits for it, and it for a commit under way: to be held for milliseconds. Within another one,
        it is part of that.
        """
        if self.connection.in_transaction:
            yield
            return
        with self._together.one(self._begin):
            try:
                yield
            finally:
                with self.errors():
                    self.connection.execute("COMMIT")

    def _begin(self) -> None:
        """Begin to read: what is committed now is what is read until the end."""
        connection = self.connection

        def begin() -> None:
            if not connection.in_transaction:
                connection.execute("BEGIN")
            connection.execute("SELECT value FROM meta LIMIT 1").fetchall()

        with self.errors():
            try:
                self._at_once(begin, self.while_waiting)
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def commit(self) -> None:
        """Commit what this thread changed, as soon as all who read now are done; nobody begins to read meanwhile."""
        with self.errors():
            self._at_once(lambda: self.connection.execute("COMMIT"))

    def _at_once(self, step: Callable[[], object], meanwhile: Callable[[], None] | None = None) -> None:
        """`patiently`, with SQLite's own waiting turned off."""
        connection = self.connection
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            patiently(step, meanwhile, longest=_PATIENCE)
        finally:
            connection.execute(f"PRAGMA busy_timeout = {1000 * _PATIENCE}")

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query."""
        with self.errors():
            return self.connection.execute(sql, values).fetchall()

    def each(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """The rows of a query, read as they are asked for: where a part of them may be enough."""
        with self.errors():
            yield from self.connection.execute(sql, values)

    def row(self, sql: str, values: Sequence[Any] = ()) -> Any | None:
        """The first row of a query, or None."""
        with self.errors():
            return self.connection.execute(sql, values).fetchone()

    def rows_for(self, sql: str, values: Sequence[Any]) -> list[Any]:
        """The rows of a query with `IN (%s)`, asked in slices that SQLite takes."""
        found: list[Any] = []
        for part in sliced(list(values), VARIABLES):
            found += self.rows(sql % ",".join("?" * len(part)), part)
        return found

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        return self.connect() if connection is None else connection

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise StoreError(f"the index in {self.folder} cannot be used now ({error})") from error
        except sqlite3.DatabaseError as error:
            raise StoreDamaged(
                f"{self.path} is damaged or is no index ({error}); expected an index that citewell wrote: "
                "move the folder away and run `citewell index` on the articles again"
            ) from error

    def connect(self, *, create: bool = False) -> sqlite3.Connection:
        """A connection for this thread, its only one from now on; `create` makes the file."""
        # Read-write where it may be: a reader must be able to roll back what a killed writer left in the journal.
        mode = "rwc" if create else "rw"
        uri = f"{self.path.absolute().as_uri()}?mode={mode}"
        with self.errors():
            connection = sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None, check_same_thread=False)
            patiently(lambda: _configure(connection), self.while_waiting, longest=_PATIENCE)
        with self._lock:
            self._connections.append(connection)
        self._local.connection = connection
        return connection


def _configure(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    # EXTRA: the folder is synced behind a commit as well, or the journal might be back after a power cut, and with it
    # all as it was before a change that had been reported.
    connection.execute("PRAGMA synchronous = EXTRA")
    connection.execute("PRAGMA cache_size = -32000")
    connection.execute(f"PRAGMA busy_timeout = {1000 * _PATIENCE}")


def sliced(values: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    """`values` in slices of at most `size`.

    >>> list(sliced([1, 2, 3], 2))
    [[1, 2], [3]]
    """
    return (values[start : start + size] for start in range(0, len(values), size))
