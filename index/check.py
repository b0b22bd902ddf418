"""Is an index as it was written? What is not is found, and mended as far as its own contents allow."""

from __future__ import annotations

import contextlib
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from index.errors import StoreDamaged, StoreError, StoreLocked
from index.filing import Progress
from index.store.behind import behind
from index.store.database import Database
from index.store.findings import Finding
from index.store.mend import Mended, Mender
from index.store.publish import Publisher
from index.store.search import load
from index.store.verify import Verifier
from index.store.writer import write_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence
    from pathlib import Path

    from index.store.findings import Kind

__all__ = ["CheckReport", "Problem", "check_index"]

_LEFT = "could not be mended"
_READ_AGAIN = "taken out; the next `citewell index` reads its file again"
_DONE: dict[Kind, str] = {
    "database": "made its indexes again",
    "reference": "taken out",
    "file": "the next `citewell index` reads it again",
    "text": _READ_AGAIN,
    "article": _READ_AGAIN,
    "sentence": _READ_AGAIN,
    "copy": _READ_AGAIN,
    "passage": _READ_AGAIN,
    "leader": "grouped anew",
    "bands": "made again",
    "listing": "made again",
    "vector": "taken out; the next `citewell index` embeds the passage again",
    "search files": "made again",
}
_OF_ARTICLES = ("sentence", "copy", "passage")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written.

    Attributes:
        kind: what it is: database, reference, file, text, article, listing, sentence, copy, passage, leader, bands,
            vector, or search files.
        what: which one: an article's id and path, a passage's number, a file's name.
        found: what is wrong with it.
        done: what was done about it.
    """

    kind: Kind
    what: str
    found: str
    done: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was looked at, what was wrong, and what was done.

    Attributes:
        path: the index folder.
        articles, sentences, copies, passages, vectors, texts, search_files: how many of each were looked at. A copy is
            a place where a sentence stands again in its article.
        waiting: texts of passages that have no vector: the next indexing embeds them.
        problems: what was wrong, in the order in which it was found.
        mended: whether there was something wrong, and nothing is any more.
        incomplete: the paths of files that are to be read again: `citewell index` does, for those that it is given.
        seconds: wall time.
    """

    path: str
    articles: int
    sentences: int
    copies: int
    passages: int
    vectors: int
    texts: int
    search_files: int
    waiting: int
    problems: tuple[Problem, ...]
    mended: bool
    incomplete: tuple[str, ...]
    seconds: float

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong now."""
        return self.mended or not self.problems

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values, the field names as keys."""
        values = {name: getattr(self, name) for name in self.__slots__}
        problems = [{name: getattr(each, name) for name in Problem.__slots__} for each in self.problems]
        return {**values, "problems": problems, "incomplete": list(self.incomplete)}


def check_index(folder: Path, *, mend: bool = True, progress: Callable[[Progress], None] | None = None) -> CheckReport:
    """Look at every row and every file of an index, and mend what is wrong.

    Sentences, passages and groups of copies are compared with the stored text, quote by quote. What can be made of
    sound rows is made again: search files, groups, and an article of which only sentences or passages are damaged.
    Other articles with a damaged row are taken out, so that nothing wrong can be quoted; their files are noted as
    incomplete, and the next `citewell index` of them brings the articles back.

    Args:
        folder: the index folder. Nobody else may write to it meanwhile; asking goes on.
        mend: False: only report.
        progress: called now and then from this thread.

    Raises:
        StoreNotFound, StoreVersionMismatch: as `Database.open`.
        StoreLocked: when another process is writing to it.
        StoreDamaged: when SQLite itself cannot read the index, or cannot after it was mended.
        StoreError: when something is to be mended and the folder cannot be written to; nothing is mended then.
    """
    started = time.perf_counter()
    database = Database.open(folder)
    try:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(write_lock(folder))
            except StoreLocked:
                raise
            except StoreError:  # where this process cannot write it may still look
                if mend:
                    raise
            return _check(database, mend=mend, progress=progress or (lambda _: None), started=started)
    finally:
        database.close()


def _check(database: Database, *, mend: bool, progress: Callable[[Progress], None], started: float) -> CheckReport:
    check_facts(database)
    pages = _pages(database)
    if pages and mend:
        with database.errors():
            database.connection.execute("REINDEX")
    first = last = _look(database, progress)
    findings = (*pages, *first.findings)
    mended = Mended(frozenset(), ())
    if findings and mend:
        progress(Progress("mending", 0, None))
        mended = _mend(database, first.findings)
        last = _look(database, progress)
        left = _pages(database)
        if left:
            raise StoreDamaged(
                f"{database.path} is damaged ({left[0].found}) and cannot be mended from its own contents; keep the "
                "folder, and make a new index from the articles in another one"
            )
    remaining = {(each.kind, each.what) for each in last.findings} if mend else set()
    later = [each for each in last.findings if each not in findings]
    return CheckReport(
        path=str(database.folder),
        **first.counts,
        search_files=first.search_files,
        waiting=last.waiting,
        problems=tuple(_problem(each, mended if mend else None, remaining) for each in (*findings, *later)),
        mended=bool(findings) and mend and not last.findings,
        incomplete=mended.incomplete,
        seconds=time.perf_counter() - started,
    )


def check_facts(database: Database) -> None:
    """What the index says of itself.

    Raises:
        StoreDamaged: when its change number or its encoder cannot be read.
    """
    try:
        whole = database.committed().change >= 0 and database.encoder().dimension > 0
    except (ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise StoreDamaged(
            f"the index in {database.folder} does not say which change or which encoder it is of; expected both in the "
            "table meta: keep the folder, and make a new index from the articles in another one"
        )


def check_search_files(database: Database, *, compare: bool) -> tuple[int, Finding | None]:
    """How many search files there are, and what is wrong with them: a hash, or a passage too many or too few.

    Args:
        database: the open index.
        compare: whether their passages are compared with those of the database, which are as they were written.
    """
    commit = database.committed()
    try:
        search = load(database.folder, commit)
    except StoreDamaged as error:
        earlier = behind(database)
        if earlier is not None:  # as after a kill: with the next question they are made
            return len(earlier.seen), None
        return 0, Finding("search files", commit.folder, str(error))
    if not compare:
        return len(search.seen), None
    rows = database.rows(
        "SELECT id FROM passages WHERE leader = id AND digest IN (SELECT digest FROM vectors) ORDER BY id"
    )
    lost = sum(number not in search for (number,) in rows)
    if lost or len(search) != len(rows) or len(search.lexical) != len(rows):
        found = f"{len(search):,} passages stand in them by vector, {len(search.lexical):,} by words"
        return len(search.seen), Finding("search files", commit.folder, f"{found}; expected {len(rows):,}")
    return len(search.seen), None


def _pages(database: Database) -> tuple[Finding, ...]:
    """What SQLite finds wrong with its own pages and indexes."""
    rows = database.rows("PRAGMA integrity_check(20)")
    return tuple(Finding("database", database.path.name, str(found)) for (found,) in rows if found != "ok")


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look at everything saw."""

    counts: Mapping[str, int]
    waiting: int
    search_files: int
    findings: tuple[Finding, ...]


def _look(database: Database, progress: Callable[[Progress], None]) -> _Look:
    verifier = Verifier(database, lambda stage, done, total: progress(Progress(stage, done, total)))
    verifier.run()
    search_files, finding = check_search_files(database, compare=not verifier.findings)
    findings = (*verifier.findings, *([] if finding is None else [finding]))
    return _Look(verifier.counts, verifier.waiting, search_files, findings)


def _mend(database: Database, findings: Sequence[Finding]) -> Mended:
    rows = [finding for finding in findings if finding.kind != "search files"]
    if rows:
        return Mender(database).mend(rows)  # which makes the search files too
    if findings:
        shutil.rmtree(database.folder / database.committed().folder, ignore_errors=True)
        Publisher(database).make_again()
    return Mended(frozenset(), ())


def _problem(finding: Finding, mended: Mended | None, remaining: Container[tuple[str, str]]) -> Problem:
    if mended is None:
        done = "nothing"
    elif (finding.kind, finding.what) in remaining:
        done = _LEFT
    elif finding.kind in _OF_ARTICLES and finding.key in mended.made_again:
        done = "made the article again from its stored text"
    else:
        done = _DONE[finding.kind]
    return Problem(finding.kind, finding.what, finding.found, done)
