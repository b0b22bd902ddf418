"""A store in a folder: the SQLite truth, with FAISS and Tantivy files derived from it.

Layout of the folder:

    index.db              the truth
    search-<change>/      made at that change number, immutable: vectors.faiss, lexical/, manifest.json (SHA-256s)
    writer.lock           held by the one process that writes

A `search-` folder may be deleted at any time. When the one for the current change is missing or damaged, it is made
again from the database, in the folder where that can be written, else in memory; nothing is embedded again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from index.errors import StoreDamaged, StoreError, StoreLocked
from index.files import fsync
from index.store.base import ArticleRecord, IndexInfo, PassageRecord, Scored, SentencePlace, SentenceRecord
from index.store.database import FORMAT, Database
from index.store.lexical import LexicalIndex
from index.store.vectors import VectorIndex, from_blobs
from index.store.writer import write_lock

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from index.encoder import EncoderIdentity

__all__ = ["LocalStore", "describe", "search_files_current", "write_search_files"]

_PREFIX = "search-"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SearchFiles:
    """The two accelerators, and the change number of the database that they were made from."""

    change: int
    vectors: VectorIndex
    lexical: LexicalIndex


class LocalStore:
    """An index folder opened for asking; implements `index.store.base.Store`.

    Args:
        database: the open truth.
        search: accelerators made from it.
    """

    def __init__(self, database: Database, search: SearchFiles) -> None:
        self._database = database
        self._search = search
        self._seen = _folder_time(database.folder)

    @classmethod
    def open(cls, folder: Path) -> LocalStore:
        """Open an index folder; accelerators that are missing or damaged are made again.

        Raises:
            StoreNotFound, StoreVersionMismatch, StoreDamaged: as `Database.open`.
        """
        database = Database.open(folder)
        try:
            return cls(database, _load_or_rebuild(database))
        except BaseException:
            database.close()
            raise

    @property
    def encoder(self) -> EncoderIdentity:
        """Whose vectors the index holds."""
        return self._database.encoder()

    def refresh(self) -> None:
        """Take up what another process has written since; cheap when nothing has changed."""
        now = _folder_time(self._database.folder)
        if now == self._seen:
            return
        self._seen = now
        change = self._database.change()
        if change != self._search.change and (self._database.folder / f"{_PREFIX}{change}").is_dir():
            self._search = _load_or_rebuild(self._database)

    def info(self) -> IndexInfo:
        """What it holds."""
        return describe(self._database)

    def search_lexical(self, terms: Sequence[str], *, top_k: int) -> list[Scored]:
        """Passages by BM25, best first."""
        return self._search.lexical.search(terms, top_k=top_k)

    def search_vectors(self, vector: NDArray[np.float32], *, top_k: int) -> list[Scored]:
        """Passages by cosine, best first."""
        return self._search.vectors.search(vector, top_k=top_k)

    def cosines(self, vector: NDArray[np.float32], passages: Sequence[int]) -> list[float]:
        """The cosines of these passages with a unit vector; 0.0 for one that is gone."""
        blobs = self._database.vectors(passages)
        known = list(blobs)
        if not known:
            return [0.0] * len(passages)
        scores = dict(zip(known, (from_blobs(list(blobs.values()), len(vector)) @ vector).tolist(), strict=True))
        return [float(scores.get(passage, 0.0)) for passage in passages]

    def passages(self, ids: Sequence[int]) -> list[PassageRecord]:
        """The passages of these numbers, in order."""
        return self._database.passages(ids)

    def leading_passages(self) -> list[int]:
        """The numbers of all passages that stand for a group, in order."""
        return self._database.leading_passages()

    def variants(self, leaders: Sequence[int]) -> list[PassageRecord]:
        """The near copies of passages that stand for a group."""
        return self._database.variants(leaders)

    def article(self, article_id: str) -> tuple[ArticleRecord, str] | None:
        """The article of that id and its source text."""
        return self._database.article(article_id)

    def places(self, sentences: Collection[SentenceRecord]) -> Mapping[int, tuple[SentencePlace, ...]]:
        """For each sentence's number, the other places where it stands."""
        return self._database.places(sentences)

    def document_frequencies(self, terms: Sequence[str]) -> tuple[list[int], int]:
        """In how many passages each stem stands, and how many passages are searched."""
        return self._search.lexical.document_frequencies(terms), len(self._search.lexical)

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


def search_files_current(database: Database) -> bool:
    """Whether there are search files for the current change; whether they are whole is seen when they are opened."""
    return (database.folder / f"{_PREFIX}{database.change()}" / "manifest.json").exists()


def write_search_files(database: Database) -> SearchFiles:
    """Make the accelerators for the current change on disk and remove older ones; the caller holds the write lock.

    Raises:
        StoreError: when they cannot be written; the database is untouched.
    """
    folder = database.folder
    staging: Path | None = None
    try:
        staging = Path(tempfile.mkdtemp(prefix=".search-", dir=folder))
        search = _make(database, staging)
        target = folder / f"{_PREFIX}{search.change}"
        shutil.rmtree(target, ignore_errors=True)
        staging.rename(target)
        fsync(folder)
    except OSError as error:
        raise StoreError(
            f"the search files in {folder} cannot be written ({error.strerror or error}); the articles are stored: "
            "free some space and run `citewell index` again"
        ) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    for old in folder.glob(f"{_PREFIX}*"):
        if old != target:
            shutil.rmtree(old, ignore_errors=True)
    return SearchFiles(search.change, search.vectors, LexicalIndex.open(target / "lexical"))


def _load_or_rebuild(database: Database) -> SearchFiles:
    folder = database.folder / f"{_PREFIX}{database.change()}"
    try:
        return _load(folder, database.change())
    except (OSError, ValueError, KeyError, StoreDamaged) as error:
        _log.warning("making the search files of %s again from its database (%s)", database.folder, error)
    try:
        with write_lock(database.folder):
            return write_search_files(database)
    except (StoreError, StoreLocked, OSError):
        return _make(database, None)


def _load(folder: Path, change: int) -> SearchFiles:
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    if manifest["change"] != change:
        raise ValueError(f"{folder} was made at change {manifest['change']}")
    vectors = b""
    for name, expected in manifest["files"].items():
        data = (folder / name).read_bytes()
        if hashlib.sha256(data).hexdigest() != expected:
            raise ValueError(f"{folder / name} is damaged")
        if name == "vectors.faiss":
            vectors = data
    return SearchFiles(change, VectorIndex.from_bytes(vectors), LexicalIndex.open(folder / "lexical"))


def _make(database: Database, folder: Path | None) -> SearchFiles:
    """Build both accelerators from the database; in memory when `folder` is None."""
    import numpy as np

    change = database.change()
    ids: list[int] = []
    blobs: list[bytes] = []

    def documents() -> Iterator[tuple[int, str, str]]:
        for number, title, text, vector in database.leaders():
            ids.append(number)
            blobs.append(vector)
            yield number, title, text

    if folder is not None:
        (folder / "lexical").mkdir()
    lexical = LexicalIndex.build(documents(), folder / "lexical" if folder is not None else None)
    matrix = from_blobs(blobs, database.encoder().dimension)
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-6)
    vectors = VectorIndex.build(np.asarray(ids, dtype=np.int64), matrix)
    if folder is not None:
        (folder / "vectors.faiss").write_bytes(vectors.to_bytes())
        files = {
            path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        }
        (folder / "manifest.json").write_text(json.dumps({"change": change, "files": files}), "utf-8")
        for path in (*folder.rglob("*"), folder):
            fsync(path)
    return SearchFiles(change, vectors, lexical)


def _folder_time(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError as error:
        raise StoreError(
            f"the index folder {folder} is gone or cannot be read ({error.strerror}); put it back or open another one"
        ) from error
