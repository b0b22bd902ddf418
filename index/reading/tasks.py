"""What a worker process is asked to do, and how it is done; the same with no worker at all. No processes here."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from index.articles import read_file
from index.formats.registry import libraries_of
from index.prepare import PreparedArticle, prepare
from index.types import Skipped, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["PrepareSources", "Prepared", "ReadFile", "Task"]

Prepared = Skipped | tuple[PreparedArticle, ...]
"""What comes of one document: its articles, or why it was left out."""


class Task(Protocol):
    """Something to be done: documents to be parsed and prepared, one after the other."""

    @property
    def path(self) -> str:
        """The file that it is about."""
        ...

    @property
    def weight(self) -> int:
        """About how many bytes there are to be read."""
        ...

    @property
    def plain(self) -> bool:
        """Whether no parser is needed that a hostile file could lead astray."""
        ...

    @property
    def single(self) -> bool:
        """Whether it is one document."""
        ...

    @property
    def resume(self) -> int:
        """How many documents are passed over."""
        ...

    def load(self) -> None:
        """Load the libraries that it needs, as far as they are installed."""
        ...

    def run(self, on_begin: Callable[[], None]) -> Iterator[Prepared]:
        """Do it.

        Args:
            on_begin: called before each document is parsed.
        """
        ...

    def after(self, begun: int) -> Task | None:
        """What is left to do when it was ended in the document `begun`, counted from 1; None when that is nothing."""
        ...

    def lost(self, begun: int, reason: str) -> Skipped:
        """That it was ended in the document `begun`, and why."""
        ...


@dataclass(frozen=True, slots=True)
class ReadFile:
    """Read a file and prepare what is in it.

    Attributes:
        path: the file, as an absolute path.
        weight: bytes of the file.
        plain: whether no parser is needed that a hostile file could lead astray.
        single: whether it is one document.
        fields: as for `index.articles.read_file`.
        resume: how many of its documents are passed over.
    """

    path: str
    weight: int
    plain: bool
    single: bool
    fields: Mapping[str, str] = field(default_factory=dict)
    resume: int = 0

    def load(self) -> None:
        """Load the libraries of its format; of an archive, which may hold anything, all."""
        for library in libraries_of(self.path):
            with suppress(ImportError):
                import_module(library)

    def run(self, on_begin: Callable[[], None]) -> Iterator[Prepared]:
        """Read and prepare, a document at a time."""
        for item in read_file(Path(self.path), self.fields, resume=self.resume, on_begin=on_begin):
            yield _prepared(item)

    def after(self, begun: int) -> ReadFile | None:
        """The documents behind the one that was lost; nothing where none was begun, for then it is the file itself."""
        return None if self.single or begun <= self.resume else replace(self, resume=begun)

    def lost(self, begun: int, reason: str) -> Skipped:
        """The file, or one document of it; what is stored of the file stays."""
        where = "" if self.single or begun <= self.resume else f"document {begun} of it: "
        return Skipped(self.path, where + reason, unfinished=True)


@dataclass(frozen=True, slots=True)
class PrepareSources:
    """Prepare texts that were read already."""

    sources: tuple[Source, ...]
    plain: ClassVar[bool] = True
    resume: ClassVar[int] = 0

    @property
    def path(self) -> str:
        """The file that they are from."""
        return self.sources[0].path

    @property
    def weight(self) -> int:
        """Characters."""
        return sum(len(source.text) for source in self.sources)

    @property
    def single(self) -> bool:
        """Whether it is one text."""
        return len(self.sources) == 1

    def load(self) -> None:
        """There is nothing to load."""

    def run(self, on_begin: Callable[[], None]) -> Iterator[Prepared]:
        """Prepare each."""
        for source in self.sources:
            on_begin()
            yield _prepared(source)

    def after(self, begun: int) -> PrepareSources | None:
        """Those behind the one that was lost."""
        left = self.sources[max(begun, 1) :]
        return PrepareSources(left) if left else None

    def lost(self, begun: int, reason: str) -> Skipped:
        """One of them."""
        source = self.sources[max(begun, 1) - 1]
        return Skipped(source.path, reason, source.line)


def _prepared(item: Source | Skipped) -> Prepared:
    if isinstance(item, Skipped):
        return item
    articles = prepare(item)
    if articles:
        return articles
    where = "" if item.part is None else f"{item.part}: "
    return Skipped(item.path, f"{where}holds no sentence that could be quoted", item.line)
