"""Folders of articles in, an index folder out: the one composition of all stages. Incremental, and safe to kill.

Articles are stored in transactions of a few hundred passages. A run that is killed goes on where it was: what was
stored is not read into the index twice, and no text is embedded twice.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.articles import EVERYTHING, absolute, find_changed, find_files
from index.encoder import load_encoder, standing_back
from index.errors import ArticlesError
from index.filing import Filing, Progress
from index.missing import Missing, is_gone, same_file, sort_missing, stored_below
from index.overview import overview
from index.rehearsal import rehearsal
from index.store.database import DATABASE, Database, check_folder
from index.store.local import describe
from index.store.publish import NoSearchFiles, Publisher
from index.store.writer import Writer, write_lock
from index.types import Skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from index.articles import Patterns
    from index.encoder import Encoder
    from index.overview import Overview
    from index.reading.worker import Limits
    from index.store.base import IndexInfo

__all__ = ["BuildReport", "Progress", "build_index", "encoder_of", "update_index"]

_BATCH_PASSAGES = 1024
"""Passages embedded and stored at once, at least: some seconds of work, lost when the process is killed."""

_UNSEARCHED = 10.0
"""Seconds after which who asks finds what was stored, while more is added."""


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
        missing: files that are no longer there, and whose articles stay.
        kept: why they stay although they were to be pruned (`index.missing`); None when nothing was held back.
        seconds: wall time.
        info: what the index holds now.
        articles_copied: added articles that copy another one, exactly or nearly.
        stages: seconds of the wall time that went into reading, embedding and storing.
        dry: whether nothing was written: it says what would be.
        overview: what the index holds, seen from afar; None unless it was asked for.
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
    kept: str | None
    seconds: float
    info: IndexInfo
    articles_copied: int = 0
    stages: Mapping[str, float] = field(default_factory=dict)
    dry: bool = False
    overview: Overview | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values, the field names as keys."""
        values = {name: getattr(self, name) for name in self.__slots__}
        skipped = [{name: getattr(each, name) for name in Skipped.__slots__} for each in self.skipped]
        return {
            **values,
            "skipped": skipped,
            "missing": list(self.missing),
            "info": self.info.to_dict(),
            "stages": dict(self.stages),
            "overview": None if self.overview is None else self.overview.to_dict(),
        }


def build_index(
    paths: Sequence[Path | str],
    index_dir: Path | str,
    *,
    encoder: Encoder | None = None,
    progress: Callable[[Progress], None] | None = None,
    prune: bool = False,
    yes_remove: bool = False,
    patterns: Patterns = EVERYTHING,
    fields: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    dry_run: bool = False,
    with_overview: bool = False,
) -> BuildReport:
    """Index files and folders, or bring an index up to date with them.

    An index that is there already may be asked meanwhile: what is added to it is embedded when others leave it the
    processor (`index.yielding`).

    Args:
        paths: files and folders with articles (`index.articles`).
        index_dir: the index folder; made when it is not there.
        encoder: what embeds the passages; when None the one that the index names, or the default one for a new index.
        progress: called now and then from this thread.
        prune: remove the articles of files below `paths` that are no longer there.
        yes_remove: prune also when suspiciously many articles would go at once (`index.missing`).
        patterns: which files of the folders are read.
        fields: which field of a record holds what, where it has an unusual name: "text", "title", "url", "published",
            "author".
        limits: what reading one document may take, in time and memory; 10 s and 512 MB when None.
        dry_run: only find out what would be done: all is read, split and compared with what is in the index, on a copy
            of it that is thrown away; nothing is embedded, and nothing written.
        with_overview: whether the report looks at all articles of the index (`BuildReport.overview`).

    Raises:
        ArticlesError: when a path is missing, or nothing in them is an article and there is no index yet, or too many
            articles would be pruned; then all else is done. A dry run reports these as kept.
        EncoderMismatch: when the index holds vectors of another encoder.
        StoreLocked: when another process is writing to it.
        StoreError: when it cannot be written; what was reported as stored stays.
    """
    report = _build(
        _roots(paths),
        index_dir,
        encoder=encoder,
        progress=progress,
        changed=None,
        prune=prune,
        yes_remove=yes_remove,
        patterns=patterns,
        fields=fields,
        limits=limits,
        dry_run=dry_run,
        with_overview=with_overview,
    )
    if report.kept is not None and not dry_run:
        raise ArticlesError(report.kept)
    return report


def update_index(
    paths: Sequence[Path | str],
    index_dir: Path | str,
    *,
    encoder: Encoder,
    changed: Collection[Path] | None = None,
    progress: Callable[[Progress], None] | None = None,
    yes_remove: bool = False,
    background: bool = False,
) -> BuildReport:
    """As `build_index` with `prune`, but looks only at what changed, and reports what it keeps without an error.

    Args:
        paths: the files and folders that the index is to be in step with.
        index_dir: as for `build_index`.
        encoder: what embeds the passages.
        changed: absolute paths of files and folders, at or below `paths`, that were added, changed or removed. Files
            named here are compared by content, those in folders named here by size and time. All when None, and when
            there is no index yet.
        progress: as for `build_index`.
        yes_remove: as for `build_index`.
        background: whether the whole session of this process, as of a terminal, stands back while it embeds: when
            nothing in it answers questions.

    Raises:
        ArticlesError, EncoderMismatch, StoreLocked, StoreError: as `build_index`, but not for articles that are kept.
    """
    return _build(
        _roots(paths),
        index_dir,
        encoder=encoder,
        progress=progress,
        changed=changed,
        prune=True,
        yes_remove=yes_remove,
        background=background,
    )


def encoder_of(folder: Path) -> str | None:
    """The encoder that an index names; None where there is no index yet.

    Raises:
        StoreVersionMismatch, StoreDamaged: as `Database.open`.
    """
    if not (folder / DATABASE).exists():
        return None
    database = Database.open(folder)
    try:
        return database.encoder().name
    finally:
        database.close()


def _build(
    roots: Sequence[Path],
    index_dir: Path | str,
    *,
    encoder: Encoder | None,
    progress: Callable[[Progress], None] | None,
    changed: Collection[Path] | None,
    prune: bool,
    yes_remove: bool,
    patterns: Patterns = EVERYTHING,
    fields: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    dry_run: bool = False,
    with_overview: bool = False,
    background: bool = False,
) -> BuildReport:
    started = time.perf_counter()
    folder = Path(index_dir).expanduser()
    fresh = not (folder / DATABASE).exists()
    if fresh:
        changed = None
    found = _find(roots, folder, patterns) if changed is None else []
    check_folder(folder)
    if fresh and not any(isinstance(item, Path) for item in found):
        raise _nothing(roots, [item for item in found if isinstance(item, Skipped)])
    chosen = None if dry_run else load_encoder(encoder_of(folder)) if encoder is None else encoder
    with _database(folder, chosen) as database:
        say = progress or (lambda _: None)
        publisher = Publisher(database, longest=_UNSEARCHED) if chosen is not None else NoSearchFiles(database)
        writer = Writer(database, publisher)
        embeds = chosen if chosen is None or fresh else standing_back(chosen, session=background)
        filing = Filing(writer, embeds, say, batch=_BATCH_PASSAGES, fields=fields, limits=limits)
        if chosen is not None:
            filing.complete()
        if changed is None:
            filing.index(found)
        else:
            linked = map(Path, same_file(database, changed))
            changed = {path for path in (*changed, *linked) if _named(path, roots)}
            found = _find_changed(changed, roots, folder)
            filing.index(found, named=changed)
        missing = _missing(database, roots if changed is None else changed, found)
        if prune:
            sorted_out = sort_missing(database, missing, roots, yes_remove=yes_remove)
            filing.remove(sorted_out.removable)
        else:
            sorted_out = Missing(kept=tuple(missing))
        nothing = fresh and database.counts()["articles"] == 0
        if changed is None and not nothing and not publisher.current():
            say(Progress("writing search files", 0, None))
            publisher.make_again()
        info = describe(database)
        seen = overview(database) if with_overview else None
    if nothing:
        raise _nothing(roots, filing.skipped)
    return BuildReport(
        **filing.counts,
        skipped=tuple(filing.skipped),
        missing=sorted_out.kept,
        kept=sorted_out.reason,
        stages=dict(filing.seconds),
        seconds=time.perf_counter() - started,
        info=info if chosen is not None else _of_the_index(info, folder),
        dry=dry_run,
        overview=seen,
    )


@contextlib.contextmanager
def _database(folder: Path, encoder: Encoder | None) -> Iterator[Database]:
    """The index to write to, under its lock, or, with no encoder, a copy of it that is thrown away."""
    if encoder is None:
        with rehearsal(folder) as database:
            yield database
        return
    with write_lock(folder):
        fresh = not (folder / DATABASE).exists()
        database = _open_or_create(folder, encoder)
        try:
            yield database
            nothing = fresh and database.counts()["articles"] == 0
        finally:
            database.close()
        if nothing:
            (folder / DATABASE).unlink()  # made above, and nothing was stored in it


def _of_the_index(info: IndexInfo, folder: Path) -> IndexInfo:
    """What a copy would hold, with the place and the size of the index that it is of."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.exists() else 0
    return replace(info, path=str(folder), bytes=size)


def _roots(paths: Iterable[Path | str]) -> list[Path]:
    return [absolute(Path(path).expanduser()) for path in paths]


def _find(roots: Iterable[Path], folder: Path, patterns: Patterns) -> list[Path | Skipped]:
    """The files below all roots, each once, in order."""
    return _each_once(((root, find_files(root, patterns)) for root in roots), folder)


def _find_changed(changed: Iterable[Path], roots: Iterable[Path], folder: Path) -> list[Path | Skipped]:
    """The files at and below what changed, each once, in order."""
    named = ((path, root) for path in sorted(changed) for root in _named(path, roots))
    return _each_once(((root, find_changed(path, root)) for path, root in named), folder)


def _named(path: Path, roots: Iterable[Path]) -> list[Path]:
    """Those of the roots that `path` is or lies in."""
    named = frozenset(roots)
    return [root for root in (path, *path.parents) if root in named]


def _each_once(found: Iterable[tuple[Path, Iterable[Path | Skipped]]], folder: Path) -> list[Path | Skipped]:
    """What was found below each root; files of an index that lies among the articles are no articles."""
    own = os.path.join(absolute(folder), "")  # noqa: PTH118 - with a separator at its end
    each: dict[str, Path | Skipped] = {}
    for root, items in found:
        inside = os.path.join(root, "").startswith(own)  # noqa: PTH118
        for item in items:
            path = str(item) if isinstance(item, Path) else item.path
            if inside or not path.startswith(own):
                each.setdefault(path if isinstance(item, Path) else f"{path}\0{item.reason}", item)
    return list(each.values())


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


def _missing(database: Database, paths: Iterable[Path], found: Iterable[Path | Skipped]) -> list[str]:
    """Stored files at and below `paths` that are no longer on disk; a file that went while it was read is not yet."""
    there = {str(item) for item in found if isinstance(item, Path)}
    return [path for path in stored_below(database, paths) if path not in there and is_gone(path)]


def _nothing(roots: Sequence[Path], skipped: Sequence[Skipped]) -> ArticlesError:
    where = ", ".join(str(root) for root in roots) or "no path"
    first = f" (the first of {len(skipped)} left out: {skipped[0].path}: {skipped[0].reason})" if skipped else ""
    return ArticlesError(
        f"no article found in {where}{first}; expected text, web pages, PDF, JSON Lines or the like, with sentences"
    )
