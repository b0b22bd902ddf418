"""Folders of articles in, an index folder out: the one composition of all stages. Incremental, and safe to kill.

Articles are stored in transactions of a few hundred passages. A run that is killed goes on where it was: what was
stored is not read into the index twice, and no text is embedded twice.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from index.articles import find_files, read_file
from index.encoder import load_encoder
from index.errors import ArticlesError, EncoderError
from index.prepare import PreparedArticle, prepare
from index.store.database import DATABASE, Database, check_folder
from index.store.local import describe, search_files_current, write_search_files
from index.store.vectors import check_vectors, to_blob
from index.store.writer import FileJob, Writer, Written, write_lock
from index.types import Skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from index.encoder import Encoder
    from index.store.base import IndexInfo

__all__ = ["BuildReport", "Progress", "build_index"]

_BATCH_PASSAGES = 1024
"""Passages embedded and stored at once: some seconds of work, lost when the process is killed."""


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


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did.

    Attributes:
        files_read: files that were new or changed.
        files_unchanged: files left alone, by size and time or by content.
        articles_added, articles_removed, articles_unchanged: a changed article is one removed and one added.
        sentences_added, passages_added: what the added articles hold.
        passages_embedded: texts that the encoder read; the others' vectors were there.
        duplicates_exact, duplicates_near: added passages that copy another one.
        boilerplate_lines: lines of the added articles that were left out.
        skipped: what was not indexed, and why.
        missing: files that are no longer there; their articles stay unless pruned.
        seconds: wall time.
        info: what the index holds now.
    """

    files_read: int
    files_unchanged: int
    articles_added: int
    articles_removed: int
    articles_unchanged: int
    sentences_added: int
    passages_added: int
    passages_embedded: int
    duplicates_exact: int
    duplicates_near: int
    boilerplate_lines: int
    skipped: tuple[Skipped, ...]
    missing: tuple[str, ...]
    seconds: float
    info: IndexInfo


def build_index(
    paths: Sequence[Path | str],
    index_dir: Path | str,
    *,
    encoder: Encoder | None = None,
    progress: Callable[[Progress], None] | None = None,
    prune: bool = False,
) -> BuildReport:
    """Index files and folders, or bring an index up to date with them.

    Args:
        paths: files and folders with articles (`index.articles`).
        index_dir: the index folder; made when it is not there.
        encoder: what embeds the passages; when None the one that the index names, or the default one for a new index.
        progress: called now and then from this thread.
        prune: remove the articles of files below `paths` that are no longer there.

    Raises:
        ArticlesError: when a path is missing, or nothing in them is an article and there is no index yet.
        EncoderMismatch: when the index holds vectors of another encoder.
        StoreLocked: when another process is writing to it.
        StoreError: when it cannot be written; what was reported as stored stays.
    """
    started = time.perf_counter()
    folder = Path(index_dir).expanduser()
    roots = [Path(path).expanduser().absolute() for path in paths]
    found = _find(roots)
    check_folder(folder)
    fresh = not (folder / DATABASE).exists()
    if fresh and not any(isinstance(item, Path) for item in found):
        raise _nothing(roots, [item for item in found if isinstance(item, Skipped)])
    chosen = load_encoder(_encoder_of(folder)) if encoder is None else encoder
    with write_lock(folder):
        database = _open_or_create(folder, chosen)
        try:
            run = _Run(Writer(database), chosen, progress or (lambda _: None))
            run.index(found)
            missing = _missing(run.writer.files(), roots)
            if prune and missing:
                run.count(run.writer.remove_files(missing))
                missing = []
            nothing = fresh and database.counts()["articles"] == 0
            if not nothing and not search_files_current(database):
                run.progress(Progress("writing search files", 0, None))
                write_search_files(database)
            info = describe(database)
        finally:
            database.close()
        if nothing:
            (folder / DATABASE).unlink()  # made above, and nothing was stored in it
    if nothing:
        raise _nothing(roots, run.skipped)
    return BuildReport(
        **run.report,
        skipped=tuple(run.skipped),
        missing=tuple(missing),
        seconds=time.perf_counter() - started,
        info=info,
    )


class _Run:
    """One build under way: what waits to be stored, and what was counted."""

    def __init__(self, writer: Writer, encoder: Encoder, progress: Callable[[Progress], None]) -> None:
        self.writer = writer
        self.encoder = encoder
        self.progress = progress
        self.skipped: list[Skipped] = []
        self.report = {
            field.name: 0
            for field in fields(BuildReport)
            if field.name not in {"skipped", "missing", "seconds", "info"}
        }
        self._jobs: list[FileJob] = []

    def index(self, found: Sequence[Path | Skipped]) -> None:
        """Read every file, and store what is new."""
        for number, item in enumerate(found):
            self.progress(Progress("reading", number, len(found)))
            if isinstance(item, Skipped):
                self.skipped.append(item)
            else:
                self._file(item)
        self._flush()
        self.progress(Progress("reading", len(found), len(found)))

    def count(self, written: Written) -> None:
        """Add a transaction's figures to the report."""
        for name in Written.__slots__:
            self.report[name] += getattr(written, name)

    def _file(self, path: Path) -> None:
        try:
            stat = path.stat()
            known = self.writer.file(str(path))
            if known is not None and known[3] and known[:2] == (stat.st_size, stat.st_mtime_ns):
                self._unchanged(path)
                return
            with path.open("rb") as file:
                content = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()
        except OSError as error:
            self.skipped.append(Skipped(str(path), f"cannot be read ({error.strerror or error})"))
            return
        if known is not None and known[3] and known[2] == content:
            self.writer.touch(str(path), stat.st_mtime_ns)
            self._unchanged(path)
            return
        self._articles(path, FileJob(str(path), stat.st_size, stat.st_mtime_ns, content))

    def _unchanged(self, path: Path) -> None:
        self.report["files_unchanged"] += 1
        self.report["articles_unchanged"] += len(self.writer.stored_articles(str(path)))

    def _articles(self, path: Path, job: FileJob) -> None:
        """Store the articles of a new or changed file; those it no longer holds go with the last transaction."""
        stored = self.writer.stored_articles(job.path)
        seen: set[tuple[str, int | None, int]] = set()
        for item in read_file(path):
            if isinstance(item, Skipped):
                self.skipped.append(item)
                continue
            prepared = prepare(item)
            if not prepared:
                self.skipped.append(Skipped(item.path, "holds no sentence that could be quoted", item.line))
            for article in prepared:
                if article.identity in seen:
                    continue
                seen.add(article.identity)
                if article.identity in stored:
                    self.report["articles_unchanged"] += 1
                else:
                    job.articles.append(article)
            if self._waiting(job) >= _BATCH_PASSAGES:
                self._jobs.append(job)
                self._flush()
                job = FileJob(job.path, job.size, job.mtime_ns, job.digest)
        if not seen:
            return  # what was stored of the file when it could be read stays
        self.report["files_read"] += 1
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
        self.count(self.writer.write(self._jobs, self._embed(waiting)))
        self.report["boilerplate_lines"] += sum(article.boilerplate for article in waiting)
        self._jobs = []

    def _embed(self, articles: Iterable[PreparedArticle]) -> dict[bytes, bytes]:
        """The vectors, as stored, of those passages whose vector is not there yet."""
        wanted = self.writer.without_vector(passage.text for article in articles for passage in article.passages)
        if not wanted:
            return {}
        total = len(wanted)
        vectors = self.encoder.encode(
            list(wanted.values()), progress=lambda done: self.progress(Progress("embedding", done, total))
        )
        try:
            check_vectors(vectors, total, self.encoder.identity.dimension)
        except ValueError as error:
            raise EncoderError(f"the encoder {self.encoder.identity.name!r} gave unusable vectors: {error}") from error
        self.report["passages_embedded"] += total
        return {digest: to_blob(vector) for digest, vector in zip(wanted, vectors, strict=True)}


def _find(roots: Sequence[Path]) -> list[Path | Skipped]:
    """The files below all roots, each once, in order."""
    found: dict[str, Path | Skipped] = {}
    for root in roots:
        for item in find_files(root):
            found.setdefault(str(item) if isinstance(item, Path) else f"{item.path}\0{item.reason}", item)
    return list(found.values())


def _encoder_of(folder: Path) -> str | None:
    """The encoder that an index names; None where there is no index yet."""
    if not (folder / DATABASE).exists():
        return None
    database = Database.open(folder)
    try:
        return database.encoder().name
    finally:
        database.close()


def _open_or_create(folder: Path, encoder: Encoder) -> Database:
    if not (folder / DATABASE).exists():
        return Database.create(folder, encoder.identity)
    database = Database.open(folder)
    try:
        database.check_encoder(encoder.identity)
    except BaseException:
        database.close()
        raise
    return database


def _missing(stored: Sequence[str], roots: Sequence[Path]) -> list[str]:
    """Stored files below the roots that are no longer on disk."""
    return [
        path for path in stored if any(Path(path).is_relative_to(root) for root in roots) and not Path(path).exists()
    ]


def _nothing(roots: Sequence[Path], skipped: Sequence[Skipped]) -> ArticlesError:
    where = ", ".join(str(root) for root in roots) or "no path"
    first = f" (the first of {len(skipped)} left out: {skipped[0].path}: {skipped[0].reason})" if skipped else ""
    return ArticlesError(
        f"no article found in {where}{first}; expected text files (.txt) or JSON Lines (.jsonl) with some sentences"
    )
