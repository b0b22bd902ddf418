"""The one process that may change an index, and the transactions in which it does."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from index.errors import StoreError, StoreLocked
from index.store.adding import Adding
from index.store.behind import catch_up, fall_behind
from index.store.grouping import Copies
from index.store.publish import Publisher, new_commit
from index.store.rows import digest, seal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from index.prepare import PreparedArticle
    from index.store.database import Database

__all__ = ["FileJob", "Writer", "is_written_to", "write_lock"]


_CACHE_KB = 128_000
"""What SQLite keeps of the pages that are written to: rows that are ordered by hashes come in anywhere."""


@contextlib.contextmanager
def write_lock(folder: Path) -> Iterator[None]:
    """Hold the index's lock for writing. The system lets go of it when the process dies.

    Raises:
        StoreLocked: when another process holds it, with the holder's number and since when.
        StoreError: when the folder cannot be written to.
    """
    from filelock import FileLock, Timeout

    holder = folder / "writer.json"
    lock = FileLock(folder / "writer.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        who = "another process"
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            facts = json.loads(holder.read_text("utf-8"))
            who = f"process {facts['pid']} on {facts['host']}, since {facts['since']}"
        raise StoreLocked(f"the index in {folder} is being written by {who}; wait until it is done") from error
    except OSError as error:
        raise StoreError(
            f"the index folder {folder} cannot be written to ({error.strerror or error}); name another one"
        ) from error
    try:
        facts = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        }
        with contextlib.suppress(OSError):  # it only says who holds the lock
            holder.write_text(json.dumps(facts), "utf-8")
        yield
    finally:
        with contextlib.suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def is_written_to(folder: Path) -> bool:
    """Whether a process, this one or another, holds the index's lock for writing now."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / "writer.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


@dataclass(slots=True)
class FileJob:
    """What is to be stored of one file in one transaction.

    Attributes:
        path, size, mtime_ns, digest: the file as it was read.
        articles: new articles.
        gone: stored articles (the store's numbers) that no longer stand in the file.
        complete: whether the file is stored in full with this.
    """

    path: str
    size: int
    mtime_ns: int
    digest: bytes
    articles: list[PreparedArticle] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What a transaction changed.

    Attributes:
        articles_added, articles_removed, sentences_added, passages_added: how many.
        duplicates_exact, duplicates_near: of the added passages those that copy another one, or that another one
            copies now because they are earlier.
        articles_copied: the same of the added articles, exact and near ones together.
    """

    articles_added: int = 0
    articles_removed: int = 0
    sentences_added: int = 0
    passages_added: int = 0
    duplicates_exact: int = 0
    duplicates_near: int = 0
    articles_copied: int = 0


class Writer:
    """Changes to an open database; the caller holds `write_lock`.

    Args:
        database: the truth.
        publisher: makes the search files of each change; one with the usual settings when None.
    """

    def __init__(self, database: Database, publisher: Publisher | None = None) -> None:
        self._database = database
        self._publisher = publisher or Publisher(database)
        with database.errors():
            database.connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")

    def file(self, path: str) -> tuple[int, int, bytes, bool] | None:
        """Size, modification time, digest and completeness of a file as it was last stored; None when it is new."""
        row = self._database.row("SELECT size, mtime_ns, digest, complete FROM files WHERE path = ?", (path,))
        return None if row is None else (row[0], row[1], row[2], bool(row[3]))

    def files(self) -> list[str]:
        """The paths of all stored files."""
        return [row[0] for row in self._database.rows("SELECT path FROM files ORDER BY path")]

    def stored_articles(self, path: str) -> dict[tuple[str, int | None, int, str | None], int]:
        """The articles stored of a file: `PreparedArticle.identity` -> the store's number."""
        rows = self._database.rows(
            "SELECT article_id, line, start, part, articles.id FROM articles JOIN files ON files.id = articles.file"
            " WHERE path = ?",
            (path,),
        )
        return {(number, line, start, part): key for number, line, start, part, key in rows}

    def without_vector(self, texts: Iterable[str]) -> dict[bytes, str]:
        """Those of the texts whose vector is not stored, by digest, each once."""
        wanted = {digest(text): text for text in texts}
        for (known,) in self._database.rows_for("SELECT digest FROM vectors WHERE digest IN (%s)", list(wanted)):
            del wanted[known]
        return wanted

    def touch(self, path: str, mtime_ns: int) -> None:
        """Note a file's new modification time; its content is the same."""
        with self._database.errors():  # nothing that can be asked for changes
            self._database.connection.execute("UPDATE files SET mtime_ns = ? WHERE path = ?", (mtime_ns, path))

    def write(self, jobs: Sequence[FileJob], vectors: Mapping[bytes, bytes], *, more: bool = False) -> Written:
        """Store new articles and their vectors and remove those that are gone: all of it or, on an error, nothing.

        Args:
            jobs: what is stored of which files.
            vectors: by the digests of the texts.
            more: whether more follows at once: the search files may wait for it, or for `publish`.
        """
        total = Written()
        with self._transaction(more=more) as cursor:
            copies, adding = Copies(cursor), Adding(cursor)
            # In the order of the keys: neighbours of a table that is ordered by them are written together.
            cursor.executemany(
                "INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)",
                ((known_by, vector, seal(vector)) for known_by, vector in sorted(vectors.items())),
            )
            for job in jobs:
                total = _add(total, self._write_file(cursor, adding, job))
            adding.write(copies)
            # Last: what one file gives up, and its vector, may be what another one brings.
            for job in jobs:
                total = _add(total, self._remove(cursor, copies, job.gone))
            return _add(total, _settled(copies))

    def publish(self) -> None:
        """Make the search files of what was stored, if they are behind or missing."""
        if not self._publisher.current():
            self._publisher.make_again()

    def remove_files(self, paths: Sequence[str]) -> Written:
        """Remove files and all that is stored of them."""
        total = Written()
        with self._transaction() as cursor:
            copies = Copies(cursor)
            for path in paths:
                gone = [
                    row[0]
                    for row in cursor.execute(
                        "SELECT articles.id FROM articles JOIN files ON files.id = file WHERE path = ?", (path,)
                    )
                ]
                total = _add(total, self._remove(cursor, copies, gone))
                cursor.execute("DELETE FROM files WHERE path = ?", (path,))
            copies.settle()
        return total

    @contextlib.contextmanager
    def _transaction(self, *, more: bool = False) -> Iterator[Any]:
        """A transaction with the next change number, its search files made before it is committed.

        Rolled back on any error. Once it is committed, and not before, what is asked finds what it stored; where `more`
        follows, what is asked may find it only later.
        """
        database = self._database
        with database.errors():
            cursor = database.connection.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            commit = new_commit(database.change() + 1)
            try:
                yield cursor
                waits = more and not self._publisher.due()
                if waits:
                    fall_behind(cursor, self._publisher.last())
                else:
                    self._publisher.prepare(commit, more=more)
                    catch_up(cursor, commit)
                cursor.execute("UPDATE meta SET value = ? WHERE key = 'change'", (str(commit.change),))
                cursor.execute("UPDATE meta SET value = ? WHERE key = 'commit'", (commit.name,))
                database.commit()
            except BaseException:
                if database.connection.in_transaction:
                    cursor.execute("ROLLBACK")
                self._publisher.withdraw(commit)
                raise
            if not waits:
                self._publisher.committed(commit)

    def _write_file(self, cursor: Any, adding: Adding, job: FileJob) -> Written:
        cursor.execute(
            "INSERT INTO files (path, size, mtime_ns, digest, complete) VALUES (?, ?, ?, ?, ?) ON CONFLICT (path) DO"
            " UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, digest = excluded.digest,"
            " complete = excluded.complete",
            (job.path, job.size, job.mtime_ns, job.digest, job.complete),
        )
        file = cursor.execute("SELECT id FROM files WHERE path = ?", (job.path,)).fetchone()[0]
        sentences = sum(adding.add(file, job.path, article) for article in job.articles)
        return Written(len(job.articles), 0, sentences, sum(len(article.passages) for article in job.articles))

    def _remove(self, cursor: Any, copies: Copies, articles: Sequence[int]) -> Written:
        """Remove articles; texts and vectors that are not used any more go too."""
        for article in articles:
            text = cursor.execute("SELECT text FROM articles WHERE id = ?", (article,)).fetchone()[0]
            for vector in copies.forget(article):
                cursor.execute(
                    "DELETE FROM vectors WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM passages WHERE digest = ?1)",
                    (vector,),
                )
            cursor.execute(
                "DELETE FROM texts WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM articles WHERE text = ?1)", (text,)
            )
        return Written(articles_removed=len(articles))

    def remove_articles(self, articles: Sequence[int]) -> Written:
        """Remove articles by the store's numbers, and forget the files of which nothing is left."""
        with self._transaction() as cursor:
            copies = Copies(cursor)
            written = self._remove(cursor, copies, articles)
            copies.settle()
            cursor.execute("DELETE FROM files WHERE NOT EXISTS (SELECT 1 FROM articles WHERE file = files.id)")
        return written

    def unembedded(self) -> list[str]:
        """The texts of stored passages without a vector, in files that are noted as incomplete."""
        rows = self._database.rows(
            # In this order: left to itself, SQLite looks at every passage of the index.
            "SELECT passages.id FROM files CROSS JOIN articles ON file = files.id"
            " CROSS JOIN passages ON article = articles.id WHERE files.complete = 0"
            " AND NOT EXISTS (SELECT 1 FROM vectors WHERE vectors.digest = passages.digest) ORDER BY passages.id"
        )
        return [
            " ".join(sentence.span.of(passage.text) for sentence in passage.sentences)
            for passage in self._database.passages([row[0] for row in rows])
        ]

    def embed(self, vectors: Mapping[bytes, bytes]) -> None:
        """Store the vectors of passages that had none: they are found from now on."""
        with self._transaction() as cursor:
            for known_by, vector in vectors.items():
                cursor.execute("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)", (known_by, vector, seal(vector)))
                cursor.execute(
                    "INSERT OR REPLACE INTO touched SELECT id, value + 1 FROM passages JOIN meta ON meta.key = 'change'"
                    " WHERE digest = ?",
                    (known_by,),
                )


def _add(left: Written, right: Written) -> Written:
    return Written(*(getattr(left, name) + getattr(right, name) for name in Written.__slots__))


def _settled(copies: Copies) -> Written:
    passages, articles = copies.settle()
    return Written(
        duplicates_exact=passages.exact,
        duplicates_near=passages.near,
        articles_copied=articles.exact + articles.near,
    )
