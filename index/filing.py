"""Files that were found -> articles in the index: only what is new is read, embedded and stored."""

from __future__ import annotations

import contextlib
import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from index.articles import read_file
from index.errors import EncoderError
from index.prepare import prepare
from index.store.database import sliced
from index.store.vectors import check_vectors, to_blob
from index.store.writer import FileJob, Writer, Written
from index.types import Skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from index.encoder import Encoder

__all__ = ["Filing", "Progress"]

_COUNTED = ("files_read", "files_unchanged", "articles_unchanged", "passages_embedded", "boilerplate_lines")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is.

    Attributes:
        stage: "reading" (files), "embedding" (passages of the current batch) or "writing search files".
        done: how many are done.
        total: of how many; None when that is not known.
    """

    stage: str
    done: int
    total: int | None


class Filing:
    """Files on their way into an index: what waits to be stored, and what was counted.

    Args:
        writer: stores; the caller holds the write lock.
        encoder: embeds; None: nothing is embedded, and what would be is counted.
        progress: called for every file, and now and then while passages are embedded.
        batch: how many passages are embedded and stored at once.

    Attributes:
        counts: the figures of `index.build.BuildReport`, by name.
        skipped: what was left out, and why.
        seconds: wall time by stage: embedding, storing, and reading, which is all the rest.
    """

    def __init__(
        self, writer: Writer, encoder: Encoder | None, progress: Callable[[Progress], None], *, batch: int
    ) -> None:
        self._writer = writer
        self._encoder = encoder
        self._progress = progress
        self._batch = batch
        self.counts = dict.fromkeys((*_COUNTED, *Written.__slots__), 0)
        self.skipped: list[Skipped] = []
        self.seconds = dict.fromkeys(("reading", "embedding", "storing"), 0.0)
        self._stage = "reading"
        self._since = time.perf_counter()
        self._jobs: list[FileJob] = []

    def complete(self) -> None:
        """Embed the stored passages that have no vector: `index.check` takes out damaged ones."""
        for texts in sliced(self._writer.unembedded(), self._batch):
            self._writer.embed(self._embed(texts))

    def index(self, found: Sequence[Path | Skipped], *, named: Collection[Path] = frozenset()) -> None:
        """Read every file, and store what is new.

        Args:
            found: the files, and what was left out.
            named: those files that are read even if size and time are the same: two changes may follow each other
                faster than the clock of the file system ticks.
        """
        for number, item in enumerate(found):
            self._progress(Progress("reading", number, len(found)))
            if isinstance(item, Skipped):
                self.skipped.append(item)
            else:
                self._file(item, trusted=item not in named)
        self._flush()
        self._enter("reading")
        self._progress(Progress("reading", len(found), len(found)))

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files that are gone, and all that is stored of them."""
        if paths:
            with self._in_stage("storing"):
                self._count(self._writer.remove_files(paths))

    @contextlib.contextmanager
    def _in_stage(self, stage: str) -> Iterator[None]:
        """Count the time of the block for a stage, and what follows for reading again."""
        self._enter(stage)
        try:
            yield
        finally:
            self._enter("reading")

    def _enter(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[self._stage] += now - self._since
        self._stage, self._since = stage, now

    def _count(self, written: Written) -> None:
        for name in Written.__slots__:
            self.counts[name] += getattr(written, name)

    def _file(self, path: Path, *, trusted: bool) -> None:
        try:
            stat = path.stat()
            known = self._writer.file(str(path))
            stored = known if known is not None and known[3] else None
            if stored is not None and trusted and stored[:2] == (stat.st_size, stat.st_mtime_ns):
                self._unchanged(path)
                return
            with path.open("rb") as file:
                content = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()
        except OSError as error:
            self.skipped.append(Skipped(str(path), f"cannot be read ({error.strerror or error})"))
            return
        if stored is not None and stored[2] == content:
            if stored[1] != stat.st_mtime_ns:
                self._writer.touch(str(path), stat.st_mtime_ns)
            self._unchanged(path)
            return
        self._articles(path, FileJob(str(path), stat.st_size, stat.st_mtime_ns, content))

    def _unchanged(self, path: Path) -> None:
        self.counts["files_unchanged"] += 1
        self.counts["articles_unchanged"] += len(self._writer.stored_articles(str(path)))

    def _articles(self, path: Path, job: FileJob) -> None:
        """Store the articles of a new or changed file; those it no longer holds go with the last transaction.

        What is stored of a file that is being written stays until the file is whole.
        """
        stored = self._writer.stored_articles(job.path)
        seen: set[tuple[str, int | None, int]] = set()
        whole = True
        for item in read_file(path):
            if isinstance(item, Skipped):
                self.skipped.append(item)
                whole = whole and not item.unfinished
                continue
            prepared = prepare(item)
            if not prepared:
                self.skipped.append(Skipped(item.path, "holds no sentence that could be quoted", item.line))
            for article in prepared:
                if article.identity in seen:
                    continue
                seen.add(article.identity)
                if article.identity in stored:
                    self.counts["articles_unchanged"] += 1
                else:
                    job.articles.append(article)
            if self._waiting(job) >= self._batch:
                self._jobs.append(job)
                self._flush()
                job = FileJob(job.path, job.size, job.mtime_ns, job.digest)
        if not seen:
            return  # what was stored of the file when it could be read stays
        if _changed_since(path, job):
            self.skipped.append(Skipped(job.path, "changed while it was read; it is read again the next time"))
            return
        self.counts["files_read"] += 1
        if whole:
            job.gone = [number for identity, number in stored.items() if identity not in seen]
            job.complete = True
        self._jobs.append(job)

    def _waiting(self, job: FileJob) -> int:
        return sum(len(article.passages) for each in (*self._jobs, job) for article in each.articles)

    def _flush(self) -> None:
        """Embed and store all that waits, in one transaction."""
        if not self._jobs:
            return
        waiting = [article for job in self._jobs for article in job.articles]
        texts = (passage.text for article in waiting for passage in article.passages)
        vectors = self._embed(texts)
        with self._in_stage("storing"):
            self._count(self._writer.write(self._jobs, vectors))
        self.counts["boilerplate_lines"] += sum(article.boilerplate for article in waiting)
        self._jobs = []

    def _embed(self, texts: Iterable[str]) -> dict[bytes, bytes]:
        """The vectors, as stored, of those texts whose vector is not there yet."""
        wanted = self._writer.without_vector(texts)
        if not wanted:
            return {}
        total = len(wanted)
        if self._encoder is None:
            self.counts["passages_embedded"] += total
            return dict.fromkeys(wanted, b"")
        with self._in_stage("embedding"):
            vectors = self._encoder.encode(
                list(wanted.values()), progress=lambda done: self._progress(Progress("embedding", done, total))
            )
        try:
            check_vectors(vectors, total, self._encoder.identity.dimension)
        except ValueError as error:
            raise EncoderError(f"the encoder {self._encoder.identity.name!r} gave unusable vectors: {error}") from error
        self.counts["passages_embedded"] += total
        return {digest: to_blob(vector) for digest, vector in zip(wanted, vectors, strict=True)}


def _changed_since(path: Path, job: FileJob) -> bool:
    """Whether a file is not the one any more whose content `job` names, or cannot be looked at."""
    try:
        stat = path.stat()
    except OSError:
        return True
    return (stat.st_size, stat.st_mtime_ns) != (job.size, job.mtime_ns)
