"""The articles behind the page: what answers questions of them, and how they become more or fewer."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from index.errors import ArticlesError, CitewellError
from ui.admission import Admission, AdmittingEngine, places
from ui.uploads import MOST_FILES, Uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from index.additions import Addition
    from index.build import Progress
    from index.scope import Scope
    from index.store.base import ArticlePage, ArticleRecord, SourceCount
    from index.types import Skipped
    from rag.types import Answer, ArticleView

__all__ = ["Library", "ListsArticles", "ReadOnly"]

_SHOWN = 200


class ReadOnly(CitewellError):
    """The page was started so that nothing can be added or removed."""


class ListsArticles(Protocol):
    """The engine, as far as the list of articles needs it."""

    def articles(
        self, *, search: str = "", scope: Scope | None = None, limit: int = 50, offset: int = 0
    ) -> ArticlePage:
        """A page of the list."""
        ...

    def sources(self, *, search: str = "", scope: Scope | None = None) -> list[SourceCount]:
        """How many articles are from each outlet."""
        ...


class Library:
    """An engine, and the folder that its index is made of what users add.

    Args:
        engine: answers, lists and shows.
        index: the folder of its index; None: nothing can be added or removed.
        own: where the user's own articles go when the engine's are the sample: into an index of their own, which the
            page asks from then on instead of the sample. None: into `index`.
    """

    def __init__(self, engine: Any, *, index: Path | None = None, own: Path | None = None) -> None:
        self.engine = engine
        """Who answers now."""
        self._opened: Any | None = None
        self._index = index
        self._own = own
        folder = own or index
        self._uploads = None if folder is None else Uploads(folder.with_name(f"{folder.name}-articles"))
        self._changing = threading.Lock()

    # What the page asks for

    def ask(self, question: str, **options: Any) -> Answer:
        """As `rag.engine.Engine.ask`."""
        answer: Answer = self.engine.ask(question, **options)
        return answer

    def article(self, article_id: str) -> ArticleView:
        """As `rag.engine.Engine.article`."""
        view: ArticleView = self.engine.article(article_id)
        return view

    def articles(
        self, *, search: str = "", scope: Scope | None = None, limit: int = 50, offset: int = 0
    ) -> ArticlePage:
        """A page of the list."""
        page: ArticlePage = self.engine.articles(search=search, scope=scope, limit=limit, offset=offset)
        return page

    def sources(self, *, search: str = "", scope: Scope | None = None) -> list[SourceCount]:
        """How many articles are from each outlet."""
        found: list[SourceCount] = self.engine.sources(search=search, scope=scope)
        return found

    def __getattr__(self, name: str) -> Any:
        """Whatever else the page asks of its engine."""
        if name.startswith("_") or name == "engine":
            raise AttributeError(name)
        return getattr(self.engine, name)

    def close(self) -> None:
        """Close the engine that was opened here, if one was; the first one is its opener's."""
        if self._opened is not None:
            self._opened.close()

    # What is said of it

    @property
    def changeable(self) -> bool:
        """Whether articles can be added and removed."""
        return self._uploads is not None

    @property
    def loading(self) -> bool:
        """Whether the models are not there yet; what is asked of them waits."""
        return getattr(self.engine, "status", None) == "loading"

    @property
    def sample(self) -> bool:
        """Whether it is the sample articles that are asked: the first that is added takes their place."""
        return self._own is not None

    @property
    def place(self) -> str | None:
        """The name of the folder where added files are kept."""
        return None if self._uploads is None else self._uploads.folder.name

    @property
    def uploads(self) -> Uploads:
        """Where added files are kept.

        Raises:
            ReadOnly: when nothing can be added.
        """
        if self._uploads is None:
            raise ReadOnly("this page only reads: articles cannot be added or removed here")
        return self._uploads

    # Changes

    def add(self, tokens: Sequence[str], progress: Callable[[Progress], None] | None = None) -> dict[str, Any]:
        """Index files that came in, and say what became of them.

        Args:
            tokens: of files that wait in `uploads`.
            progress: as for `index.build.build_index`.

        Returns:
            `{added, unchanged, skipped, total}`: articles as `{title, outlet, published, file, passages, copied,
            original}`, names of files that were there, and `{file, line, reason}`; at most 200 of each.

        Raises:
            ReadOnly: when nothing can be added.
            ArticlesError: when there is no article in any of the files, or a file has gone.
            StoreLocked: when another process writes to the index.
            StoreError: when it cannot be written.
        """
        from index.additions import articles_of
        from index.build import build_index

        uploads = self.uploads
        if not 0 < len(tokens) <= MOST_FILES:
            raise ArticlesError(f"{len(tokens)} files were to be added at once; expected 1 to {MOST_FILES}")
        with self._changing:
            folder = self._folder()
            kept = dict(uploads.keep(token) for token in dict.fromkeys(tokens))
            paths = list(kept)
            try:
                before = _held(paths, folder)
                report = build_index(paths, folder, encoder=self.engine.encoder, progress=progress)
            except CitewellError:
                # What could not be indexed is not kept either: it may be sent again.
                for path, new in kept.items():
                    if new:
                        uploads.discard(path)
                raise
            found = articles_of(paths, folder)
            for path in set(paths) - {Path(each.article.path) for each in found}:
                if kept[path]:
                    uploads.discard(path)
            if self._own is not None:
                self._opened = self.engine.over(folder)
                self.engine = AdmittingEngine(self._opened, Admission(places=places()))
                self._own, self._index = None, folder
        return {
            "added": [_added(each) for each in found if Path(each.article.path) not in before][:_SHOWN],
            "unchanged": sorted(path.name for path in before),
            "skipped": [_skipped(each) for each in report.skipped[:_SHOWN]],
            "total": report.info.articles,
        }

    def remove(self, articles: Sequence[str]) -> dict[str, Any]:
        """Remove articles by their ids; files that came by way of the page go with the last of their articles.

        Returns:
            `{removed, kept}`: how many articles, and the names of the other files, which stay on the disk.

        Raises:
            ReadOnly: when nothing can be removed, or only the sample is there.
            ArticlesError: when one of them is not in the index.
            StoreLocked, StoreError: as `add`.
        """
        from index.remove import find_removal, remove_articles

        uploads = self.uploads
        if self.sample or self._index is None:
            raise ReadOnly("these are the sample articles: they stay until you add articles of your own")
        with self._changing:
            report = remove_articles(find_removal(articles, self._index), self._index)
            paths = [Path(path) for path in report.files]
            for path in set(paths) - _held(paths, self._index):
                uploads.discard(path)
        return {
            "removed": report.articles_removed,
            "kept": [path.name for path in paths if path.parent != uploads.folder][:_SHOWN],
        }

    def _folder(self) -> Path:
        folder = self._own or self._index
        if folder is None:
            raise ReadOnly("this page only reads: articles cannot be added or removed here")
        return folder


def _held(paths: Sequence[Path], folder: Path) -> set[Path]:
    """Those of the files of which an index holds articles."""
    from index.additions import articles_of
    from index.errors import StoreNotFound

    try:
        return {Path(each.article.path) for each in articles_of(paths, folder)}
    except StoreNotFound:
        return set()


def _added(addition: Addition) -> dict[str, Any]:
    original = addition.original
    return {
        **_named(addition.article),
        "file": Path(addition.article.path).name,
        "passages": addition.passages,
        "copied": addition.copied,
        "original": None if original is None else _named(original),
    }


def _named(article: ArticleRecord) -> dict[str, Any]:
    from index.outlet import outlet

    return {
        "title": article.title,
        "outlet": outlet(article.url or article.path),
        "published": article.published,
    }


def _skipped(skipped: Skipped) -> dict[str, Any]:
    return {"file": Path(skipped.path).name, "line": skipped.line, "reason": skipped.reason}
