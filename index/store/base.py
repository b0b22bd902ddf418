"""What every store offers to those who ask questions, and the records that it hands out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from index.scope import Scope
    from index.types import SentenceKind, Span

__all__ = [
    "ArticlePage",
    "ArticleRecord",
    "IndexInfo",
    "ListedArticle",
    "PassageRecord",
    "Scored",
    "SentencePlace",
    "SentenceRecord",
    "SourceCount",
    "Store",
]


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """What an index holds.

    Attributes:
        path: the index folder.
        articles, sentences, passages: how many can be cited.
        duplicates: passages that are copies of another one; they stay citable.
        encoder: the name of the encoder that made the vectors.
        bytes: the size of all its files on disk.
        change: the number of the last committed change.
        format: the version of the format on disk.
    """

    path: str
    articles: int
    sentences: int
    passages: int
    duplicates: int
    encoder: str
    bytes: int
    change: int
    format: int

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values, the field names as keys."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Scored:
    """A passage found by one retriever. The score's unit is the retriever's: BM25, or cosine in [-1, 1]."""

    passage: int
    score: float


@dataclass(frozen=True, slots=True)
class ArticleRecord:
    """An article as stored.

    Attributes:
        key: the store's own number of the place where the article stands.
        id: 32 hexadecimal digits derived from the content.
        title, url, published, place, agency: as in `index.types.Article` and `index.types.Source`.
        path: the file that it was read from.
        extent: where the article stands in its source text.
        author, published_from, part: as in `index.types.Source` and `index.types.Article`.
        group: the number of the article that stands for it and its copies; None where that is not known.
    """

    key: int
    id: str
    title: str
    url: str | None
    published: str | None
    place: str | None
    agency: str | None
    path: str
    extent: Span
    author: str | None = None
    published_from: str | None = None
    part: str | None = None
    group: int | None = None

    @property
    def story(self) -> int:
        """What it has in common with its copies, and with nothing else: they are one source, not several."""
        return self.key if self.group is None else self.group

    @property
    def places(self) -> tuple[str, ...]:
        """What people call it by: its URL, where it has one, and its path."""
        return (self.path,) if self.url is None else (self.url, self.path)


@dataclass(frozen=True, slots=True)
class SentenceRecord:
    """A sentence as stored.

    Attributes:
        id: the store's number of the sentence.
        span: its place in the source text.
        line: the 1-based line of the file where it (or, in JSON Lines, its record) starts.
        paragraph: the 0-based number of the paragraph within the article.
        kind: prose or caption.
        copy_key: equal for sentences whose folded text is equal (`index.dedupe.key`).
    """

    id: int
    span: Span
    line: int
    paragraph: int
    kind: SentenceKind
    copy_key: int


@dataclass(frozen=True, slots=True)
class PassageRecord:
    """A passage as stored.

    Attributes:
        id: the store's number of the passage.
        group: the number of the passage that stands for it and its copies; its own number if it has none.
        article: the article that it belongs to.
        text: the whole source text that the spans count in.
        sentences: its sentences, in order.
        before: the sentence before the first one in the article; None at the article's beginning.
    """

    id: int
    group: int
    article: ArticleRecord
    text: str
    sentences: tuple[SentenceRecord, ...]
    before: SentenceRecord | None


@dataclass(frozen=True, slots=True)
class SentencePlace:
    """A place where a sentence stands again: the article, the span in its source text, the line of the file."""

    article: ArticleRecord
    span: Span
    line: int


@dataclass(frozen=True, slots=True)
class ListedArticle:
    """An article on the list.

    Attributes:
        article: the article, at one of the places where it stands.
        outlet: who published it (`index.outlet`).
        day: when, as `YYYY-MM-DD` (`index.days`); None when that is not known.
    """

    article: ArticleRecord
    outlet: str
    day: str | None


@dataclass(frozen=True, slots=True)
class ArticlePage:
    """Some of the articles that were asked for, and how many there are in all."""

    articles: tuple[ListedArticle, ...]
    total: int


@dataclass(frozen=True, slots=True)
class SourceCount:
    """An outlet, how many articles are from it, and the first and the last of their days that are known."""

    outlet: str
    articles: int
    since: str | None
    until: str | None


class Store(Protocol):
    """An index that can be searched. Safe to use from several threads."""

    def info(self) -> IndexInfo:
        """What it holds."""
        ...

    def reading(self) -> AbstractContextManager[None]:
        """All that this thread asks inside is answered from one state: the last one when it begins.

        To be held for milliseconds, since a writer's commit may have to wait for it.
        """
        ...

    def search_lexical(self, terms: Sequence[str], *, top_k: int, scope: Scope | None = None) -> list[Scored]:
        """Passages by BM25 over title and text, best first. `terms` are stems (`index.analysis.content_terms`).

        Of a group of copies only the passage that stands for it is found. With a scope, all groups are compared of
        which a passage lies in it, and no others: the one that stands for such a group may lie outside (`within`).
        """
        ...

    def search_vectors(self, vector: NDArray[np.float32], *, top_k: int, scope: Scope | None = None) -> list[Scored]:
        """Passages by cosine with a unit vector, best first; of a group, and with a scope, as `search_lexical`."""
        ...

    def cosines(self, vector: NDArray[np.float32], passages: Sequence[int]) -> list[float]:
        """The scores that `search_vectors` gives these passages, in order; 0.0 for one that it does not find."""
        ...

    def passages(self, ids: Sequence[int]) -> list[PassageRecord]:
        """The passages of these numbers, in order; those that are gone are left out."""
        ...

    def leading_passages(self) -> list[int]:
        """The numbers of all passages that stand for a group, in order: every text once."""
        ...

    def variants(self, leaders: Sequence[int]) -> list[PassageRecord]:
        """The near copies of passages that stand for a group, in order of number: what they say otherwise is citable.

        Exact copies are not among them.
        """
        ...

    def within(self, leaders: Sequence[int], scope: Scope) -> list[PassageRecord]:
        """What lies in a scope of the groups that these passages stand for.

        Of each group, in order, one passage: the one that stands for it where it lies in the scope, else the first
        that does. Behind them, in order of number, those that say it otherwise, each wording once.

        Raises:
            StoreDamaged: when an article is listed by something else than it says of itself.
        """
        ...

    def article(self, article_id: str) -> tuple[ArticleRecord, str] | None:
        """The article of that id, at the first place where it stands, and its source text; None when there is none."""
        ...

    def places(
        self, sentences: Collection[SentenceRecord], *, scope: Scope | None = None
    ) -> Mapping[int, tuple[SentencePlace, ...]]:
        """For each sentence's number, the other places in a scope where it stands (folded text equal), in order.

        At most the first 100 places of each: a line of a newsletter may stand in thousands of articles.
        """
        ...

    def recurring(self, passages: Sequence[PassageRecord]) -> frozenset[int]:
        """The numbers of those sentences of the passages that are no prose: their line stands in many articles.

        In many different ones of the same source, as `index.recurring` says. It follows from what the index holds now.
        """
        ...

    def articles(
        self, *, search: str = "", scope: Scope | None = None, limit: int = 50, offset: int = 0
    ) -> ArticlePage:
        """A page of the list of articles: the latest day first, those without one behind.

        An article that stands at several places is listed with each.

        Args:
            search: words, or parts of them, all of which stand in the title or the outlet.
            scope: which articles; all when None.
            limit: how many at most.
            offset: how many are left out before them.
        """
        ...

    def sources(self, *, search: str = "", scope: Scope | None = None) -> list[SourceCount]:
        """How many of these articles are from each outlet, the most first."""
        ...

    def document_frequencies(self, terms: Sequence[str]) -> tuple[list[int], int]:
        """In how many passages each stem stands, and how many passages there are."""
        ...

    def searched(self, scope: Scope | None = None) -> int:
        """How many passages are searched, copies counted once; of a scope, those that have a copy in it."""
        ...

    def close(self) -> None:
        """Let go of files. The store cannot be used afterwards."""
        ...
