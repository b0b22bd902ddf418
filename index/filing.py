"""Files that were found -> articles in the index: only what is new is read, embedded and stored."""

from __future__ import annotations

import contextlib
import hashlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from index.articles import read_file
from index.errors import EncoderError
from index.formats.registry import format_of
from index.reading.ahead import Ahead
from index.reading.tasks import PrepareSources, ReadFile
from index.store.connections import sliced
from index.store.vectors import check_vectors, to_blob
from index.store.writer import FileJob, Writer, Written
from index.types import Skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from index.encoder import Encoder
    from index.prepare import PreparedArticle
    from index.reading.worker import Limits
    from index.types import Source

    _Identity = tuple[str, int | None, int, str | None]

__all__ = ["Filing", "Progress"]

_COUNTED = ("files_read", "files_unchanged", "articles_unchanged", "passages_embedded", "boilerplate_lines")

_SECONDS, _MOST = 5.0, 8
"""About how long it may take to embed and store what is stored at once, and how many times the least that may be: a
transaction costs the less the more is in it, and so much is lost when the process is killed."""
_TOGETHER = 60_000
"""Characters of the records that are prepared together."""


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


@dataclass(slots=True)
class _File:
    """A file that is being read.

    Attributes:
        path: where it is.
        job: what is to be stored of it next.
        stored: what is stored of it already; None until its first article.
        seen: its articles so far.
        whole: whether it was read to its end.
    """

    path: Path
    job: FileJob
    stored: dict[_Identity, int] | None = None
    seen: set[_Identity] = field(default_factory=set)
    whole: bool = True


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a file."""


class Filing:
    """Files on their way into an index: what waits to be stored, and what was counted.

    Args:
        writer: stores; the caller holds the write lock.
        encoder: embeds; None: nothing is embedded, and what would be is counted.
        progress: called for every file, and now and then while passages are embedded.
        batch: how many passages are embedded and stored at once, at least; more where that takes little time.
        fields: which field of a record holds what, where it has an unusual name (`index.articles.read_file`).
        limits: what reading one document may take; the usual when None.

    Attributes:
        counts: the figures of `index.build.BuildReport`, by name.
        skipped: what was left out, and why.
        seconds: wall time by stage: embedding, storing, and reading, which is all the rest.
    """

    def __init__(
        self,
        writer: Writer,
        encoder: Encoder | None,
        progress: Callable[[Progress], None],
        *,
        batch: int,
        fields: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._writer = writer
        self._encoder = encoder
        self._progress = progress
        self._batch = batch
        self._fields = fields or {}
        self._limits = limits
        self._file: _File | None = None
        self.counts = dict.fromkeys((*_COUNTED, *Written.__slots__), 0)
        self.skipped: list[Skipped] = []
        self.seconds = dict.fromkeys(("reading", "embedding", "storing"), 0.0)
        self._stage = "reading"
        self._since = time.perf_counter()
        self._jobs: list[FileJob] = []
        self._waiting = 0
        self._enough = batch
        self._behind = False

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
        with Ahead(self._limits) as ahead:
            for event in ahead.run(self._events(found, named, ahead)):
                match event:
                    case Progress():
                        self._progress(event)
                    case _File():
                        self._file = event
                    case _End():
                        self._end()
                    case Skipped():
                        self.skipped.append(event)
                        if self._file is not None and event.unfinished:
                            self._file.whole = False
                    case tuple():
                        self._add(event)
        self._flush()
        if self._behind:
            with self._in_stage("storing"):
                self._writer.publish()
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

    def _events(
        self, found: Sequence[Path | Skipped], named: Collection[Path], ahead: Ahead
    ) -> Iterator[Progress | Skipped | _File | _End | ReadFile | PrepareSources]:
        """What there is to be done, and for each file that is read, where it begins and ends."""
        for number, item in enumerate(found):
            yield Progress("reading", number, len(found))
            if isinstance(item, Skipped):
                yield item
                continue
            try:
                job = self._job(item, trusted=item not in named)
            except OSError as error:
                yield Skipped(str(item), f"cannot be read ({error.strerror or error})")
                continue
            if job is not None:
                yield _File(item, job)
                yield from self._tasks(item, job, ahead)
                yield _End()

    def _tasks(self, path: Path, job: FileJob, ahead: Ahead) -> Iterator[ReadFile | PrepareSources | Skipped]:
        found = format_of(path.name)
        packed = path.name.lower().endswith(".gz")
        if found is None or not found.lines:
            plain = found is None or (found.plain and not packed)
            yield ReadFile(str(path), job.size, plain, found is None or found.single, self._fields)
            return
        # Its lines are read here, and prepared a few at a time: so all workers have a share of a large file.
        ahead.expect(job.size)
        sources: list[Source] = []
        for item in read_file(path, self._fields):
            if isinstance(item, Skipped) or sum(len(each.text) for each in sources) + len(item.text) > _TOGETHER:
                if sources:
                    yield PrepareSources(tuple(sources))
                sources = []
            if isinstance(item, Skipped):
                yield item
            else:
                sources.append(item)
        if sources:
            yield PrepareSources(tuple(sources))

    def _job(self, path: Path, *, trusted: bool) -> FileJob | None:
        """The job of a file that is new or changed; None, and counted, when it is neither."""
        mapped = bool(self._fields) and (found := format_of(path.name)) is not None and found.records
        stat = path.stat()
        known = self._writer.file(str(path))
        stored = known if known is not None and known[3] else None
        if stored is not None and trusted and not mapped and stored[:2] == (stat.st_size, stat.st_mtime_ns):
            self._unchanged(path)
            return None
        # The same records are others when their fields are read in another way.
        salt = repr(sorted(self._fields.items())).encode() if mapped else b""
        with path.open("rb") as file:
            content = hashlib.file_digest(file, lambda: hashlib.blake2b(salt, digest_size=16)).digest()
        if stored is not None and stored[2] == content:
            if stored[1] != stat.st_mtime_ns:
                self._writer.touch(str(path), stat.st_mtime_ns)
            self._unchanged(path)
            return None
        return FileJob(str(path), stat.st_size, stat.st_mtime_ns, content)

    def _unchanged(self, path: Path) -> None:
        self.counts["files_unchanged"] += 1
        self.counts["articles_unchanged"] += len(self._writer.stored_articles(str(path)))

    def _add(self, articles: Iterable[PreparedArticle]) -> None:
        """Take up the articles of a document of the file that is being read."""
        if self._file is None:
            return
        file = self._file
        if file.stored is None:
            file.stored = self._writer.stored_articles(file.job.path)
        for article in articles:
            if article.identity in file.seen:
                continue
            file.seen.add(article.identity)
            if article.identity in file.stored:
                self.counts["articles_unchanged"] += 1
            else:
                file.job.articles.append(article)
                self._waiting += len(article.passages)
        if self._waiting >= self._enough:
            job = file.job
            self._jobs.append(job)
            self._flush(more=True)
            file.job = FileJob(job.path, job.size, job.mtime_ns, job.digest)

    def _end(self) -> None:
        """Have the file that was read stored; the articles that it no longer holds go with it.

        What is stored of a file that is being written stays until the file is whole.
        """
        file, self._file = self._file, None
        if file is None or file.stored is None:
            return  # what was stored of the file when it could be read stays
        job = file.job
        if _changed_since(file.path, job):
            self._waiting -= sum(len(article.passages) for article in job.articles)
            self.skipped.append(Skipped(job.path, "changed while it was read; it is read again the next time"))
            return
        self.counts["files_read"] += 1
        if file.whole:
            job.gone = [number for identity, number in file.stored.items() if identity not in file.seen]
            job.complete = True
        self._jobs.append(job)

    def _flush(self, *, more: bool = False) -> None:
        """Embed and store all that waits, in one transaction; whether more follows at once."""
        if not self._jobs:
            return
        started = time.perf_counter()
        waiting = [article for job in self._jobs for article in job.articles]
        texts = (passage.text for article in waiting for passage in article.passages)
        vectors = self._embed(texts)
        with self._in_stage("storing"):
            self._count(self._writer.write(self._jobs, vectors, more=more))
        self._behind = more
        self.counts["boilerplate_lines"] += sum(article.boilerplate for article in waiting)
        fitting = int(self._waiting * _SECONDS / max(1e-3, time.perf_counter() - started))
        self._enough = max(self._batch, min(fitting, _MOST * self._batch))
        self._jobs, self._waiting = [], 0

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
