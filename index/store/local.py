"""A store in a folder: the SQLite truth, with FAISS and Tantivy files derived from it.

Layout of the folder:

    index.db              the truth
    search-<change>/      the search files of that change (index/store/search.py)
    writer.lock           held by the one process that writes

A `search-` folder may be deleted at any time. When the one of the last commit is missing or damaged, it is made again
from the database, in the folder where that can be written, else in memory; nothing is embedded again.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING

from index.errors import StoreDamaged, StoreError, StoreLocked
from index.store import listing
from index.store.base import (
    ArticlePage,
    ArticleRecord,
    IndexInfo,
    PassageRecord,
    Scored,
    SentencePlace,
    SentenceRecord,
    SourceCount,
)
from index.store.behind import behind, searched
from index.store.database import FORMAT, Database
from index.store.publish import Publisher, build_in_memory
from index.store.recurring import Recurring
from index.store.scoped import Inside, Scopes, within
from index.store.search import SearchFiles, load, load_of_change
from index.store.writer import is_written_to, write_lock

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from index.encoder import EncoderIdentity
    from index.scope import Scope
    from index.store.search import Commit

__all__ = ["LocalStore", "describe"]

_TRIES = 5
"""How often search files that are missing are made before an error says so: each time another writer may be at it."""

_log = logging.getLogger(__name__)


class LocalStore:
    """An index folder opened for asking; implements `index.store.base.Store`.

    What is asked within one `reading()` is answered from one state of the index; outside of it, each call from the last
    one. Nothing waits for a writer but for the milliseconds of a commit.

    Args:
        database: the open truth.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recurring = Recurring(database)
        self._latest: SearchFiles | None = None
        self._next: SearchFiles | None = None
        database.while_waiting = self._look_ahead
        self._loading = threading.Lock()
        self._local = threading.local()
        self._scopes = Scopes(database)

    @classmethod
    def open(cls, folder: Path) -> LocalStore:
        """Open an index folder; search files that are missing or damaged are made again.

        Raises:
            StoreNotFound, StoreVersionMismatch, StoreDamaged: as `Database.open`.
        """
        database = Database.open(folder)
        store = cls(database)
        try:
            with store.reading():
                return store
        except BaseException:
            database.close()
            raise

    @property
    def folder(self) -> Path:
        """The index folder."""
        return self._database.folder

    @property
    def encoder(self) -> EncoderIdentity:
        """Whose vectors the index holds."""
        return self._database.encoder()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """All that this thread asks inside is answered from one state of the index: the last one when it begins.

        A writer's commit waits for it: to be held for milliseconds.
        """
        if getattr(self._local, "search", None) is not None:
            yield
            return
        for _ in range(_TRIES):
            with self._database.reading():
                search = self._search_files(self._database.committed())
                if search is not None:
                    self._local.search = search
                    try:
                        yield
                    finally:
                        self._local.search = None
                    return
            self._make_again()
        raise StoreError(f"the search files of {self._database.folder} are gone as soon as they are made; try again")

    def _search_files(self, commit: Commit) -> SearchFiles | None:
        """The search files of the commit that this thread reads; None when they are missing or damaged."""
        opened = self._opened(commit)
        if opened is not None:
            return opened
        with self._loading:
            opened = self._opened(commit)
            if opened is not None:
                return opened
            ahead, self._next = self._next, None
            if ahead is not None and ahead.commit == commit:
                self._latest = ahead
                return ahead
            try:
                self._latest = load(self._database.folder, commit, self._latest)
            except StoreDamaged as error:
                if searched(self._database) == commit:
                    _log.warning("%s; making them again from the database", error)
                return None
            return self._latest

    def _look_ahead(self) -> None:
        """Load the search files of the commit that is waited for; they are there before it is made."""
        latest = self._latest
        if latest is None or not self._loading.acquire(blocking=False):
            return
        try:
            self._next = load_of_change(self._database.folder, latest.commit.change + 1, latest)
        except StoreDamaged:
            pass  # it is another change that is waited for; if something is wrong, who reads it finds it
        finally:
            self._loading.release()

    def _opened(self, commit: Commit) -> SearchFiles | None:
        """The open search files, if they are those of a commit, or the best that there are while it is written on."""
        latest, folder = self._latest, self._database.folder
        if latest is None or latest.commit != commit:
            return None
        if latest.behind and ((folder / commit.folder).exists() or not is_written_to(folder)):
            return None
        return latest

    def _make_again(self) -> None:
        try:
            with write_lock(self._database.folder):
                Publisher(self._database).make_again()
        except StoreLocked:
            with self._database.reading():
                earlier = behind(self._database, self._latest)
                self._latest = build_in_memory(self._database) if earlier is None else earlier
        except (StoreError, OSError):
            with self._database.reading():
                self._latest = build_in_memory(self._database)

    @property
    def _search(self) -> SearchFiles:
        """Of this thread's state."""
        search: SearchFiles | None = getattr(self._local, "search", None)
        if search is None:
            raise RuntimeError("a store is searched within reading()")
        return search

    def info(self) -> IndexInfo:
        """What it holds."""
        with self._database.reading():
            return describe(self._database)

    def search_lexical(self, terms: Sequence[str], *, top_k: int, scope: Scope | None = None) -> list[Scored]:
        """Passages by BM25, best first."""
        with self.reading():
            return self._search.search_lexical(terms, top_k=top_k, within=self._leaders(scope))

    def search_vectors(self, vector: NDArray[np.float32], *, top_k: int, scope: Scope | None = None) -> list[Scored]:
        """Passages by cosine, best first."""
        with self.reading():
            return self._search.search_vectors(vector, top_k=top_k, within=self._leaders(scope))

    def _leaders(self, scope: Scope | None) -> NDArray[np.int64] | None:
        """What may be found in a scope, of this thread's state; None when it limits nothing."""
        return self._inside(scope).leaders if scope else None

    def _inside(self, scope: Scope) -> Inside:
        return self._scopes.inside(scope, self._search.commit)

    def cosines(self, vector: NDArray[np.float32], passages: Sequence[int]) -> list[float]:
        """The scores that `search_vectors` gives these passages; 0.0 for one that it does not find."""
        with self.reading():
            return self._search.cosines(vector, passages)

    def passages(self, ids: Sequence[int]) -> list[PassageRecord]:
        """The passages of these numbers, in order."""
        with self._database.reading():
            return self._database.passages(ids)

    def leading_passages(self) -> list[int]:
        """The numbers of all passages that stand for a group, in order."""
        with self._database.reading():
            return self._database.leading_passages()

    def variants(self, leaders: Sequence[int]) -> list[PassageRecord]:
        """The near copies of passages that stand for a group."""
        with self._database.reading():
            return self._database.variants(leaders)

    def within(self, leaders: Sequence[int], scope: Scope) -> list[PassageRecord]:
        """What lies in a scope of the groups that these passages stand for."""
        with self.reading():
            return within(self._database, leaders, scope, self._inside(scope))

    def article(self, article_id: str) -> tuple[ArticleRecord, str] | None:
        """The article of that id and its source text."""
        with self._database.reading():
            return self._database.article(article_id)

    def places(
        self, sentences: Collection[SentenceRecord], *, scope: Scope | None = None
    ) -> Mapping[int, tuple[SentencePlace, ...]]:
        """For each sentence's number, the other places in a scope where it stands."""
        if not scope:
            with self._database.reading():
                return self._database.places(sentences)
        with self.reading():
            return self._database.places(sentences, self._inside(scope).articles)

    def articles(
        self, *, search: str = "", scope: Scope | None = None, limit: int = 50, offset: int = 0
    ) -> ArticlePage:
        """A page of the list of articles."""
        with self._database.reading():
            return listing.articles(self._database, search=search, scope=scope, limit=limit, offset=offset)

    def sources(self, *, search: str = "", scope: Scope | None = None) -> list[SourceCount]:
        """How many articles are from each outlet."""
        with self._database.reading():
            return listing.sources(self._database, search=search, scope=scope)

    def recurring(self, passages: Sequence[PassageRecord]) -> frozenset[int]:
        """The numbers of those sentences whose line stands in many articles of one source."""
        with self._database.reading():
            return self._recurring.sentences(passages)

    def document_frequencies(self, terms: Sequence[str]) -> tuple[list[int], int]:
        """In how many passages each stem stands, and how many passages are searched."""
        with self.reading():
            return self._search.lexical.document_frequencies(terms), len(self._search.lexical)

    def searched(self, scope: Scope | None = None) -> int:
        """How many passages are searched in a scope, copies counted once."""
        with self.reading():
            return len(self._inside(scope).leaders) if scope else len(self._search)

    def close(self) -> None:
        """Close the database."""
        self._database.close()


def describe(database: Database) -> IndexInfo:
    """What an index holds, and how large it is on disk."""
    return IndexInfo(
        path=str(database.folder),
        **database.counts(),
        encoder=database.encoder().name,
        bytes=sum(path.stat().st_size for path in database.folder.rglob("*") if path.is_file()),
        change=database.change(),
        format=FORMAT,
    )
