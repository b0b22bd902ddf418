"""What a question gives back: an `Answer` made of `Citation`s, each a verbatim sentence with its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from index.formats.base import is_address
from rag.fragments import text_fragment_url

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MIN_CONFIDENCE", "TOP", "Answer", "ArticleView", "Citation", "Excerpt", "Place"]

TOP = 5
"""Citations at most, unless said otherwise."""
MIN_CONFIDENCE = 0.6
"""Below this probability nothing is cited, unless said otherwise; 85% of what reaches it is right (docs/figures.md)."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place where a sentence stands.

    Attributes:
        article_id: 32 hexadecimal digits.
        title: the article's headline.
        source: the URL if the article has one, else the path of its file.
        published: the date as the source writes it; None when unknown.
        start, end: half-open character range in the source text.
        path: the file that the article was read from.
        line: the 1-based line of that file where the sentence (or, in JSON Lines, its record) starts. Of a document
            that is no plain text, the line of the text that was taken out of it.
        part: the member of the archive `path` that it stands in; None when that is no archive.
        author: who wrote the article, as the source says; None when unknown.
        published_from: where `published` is from (`index.types.Article`); None when unknown.
        wording: for a place where the sentence stands in other words, these words as they stand there; None where they
            are the same but for case and punctuation. `rag.wording.differences` says where they differ.
    """

    article_id: str
    title: str
    source: str
    published: str | None
    start: int
    end: int
    path: str
    line: int
    part: str | None = field(default=None, kw_only=True)
    author: str | None = field(default=None, kw_only=True)
    published_from: str | None = field(default=None, kw_only=True)
    wording: str | None = field(default=None, kw_only=True)

    @property
    def location(self) -> str:
        """`path:line`, as editors open it; `path!part:line` in an archive."""
        return f"{self.path}{'' if self.part is None else f'!{self.part}'}:{self.line}"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some words of an article.

    Attributes:
        start, end: half-open character range in the source text.
        quote: the words, `source_text[start:end]`.
    """

    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Citation(Place):
    """A sentence that answers, word for word, and where it stands.

    Attributes:
        number: 1 for the first citation of the answer, and so on.
        quote: the sentence; `source_text[start:end] == quote`, checked when the citation is made.
        highlight: the half-open range inside `quote` of the words that answer; None when they are not known.
        score: in [0, 1], by which the sentences of one answer are ordered; not calibrated, unlike `Answer.confidence`.
        also_in: the other places where this sentence stands, or another that answers the same.
        context: for a quote that opens with "he" or "the minister", the sentence of the same article that says who it
            is; None when it needs none, or none was found.
        read_by: the name of the reader that marked its words, the last one that read it; None when none did.
    """

    number: int
    quote: str
    highlight: tuple[int, int] | None = None
    score: float = 0.0
    also_in: tuple[Place, ...] = ()
    context: Excerpt | None = None
    read_by: str | None = None

    @property
    def link(self) -> str | None:
        """The address of the page, to be opened at the quote; None when the article has none."""
        return text_fragment_url(self.source, self.quote) if is_address(self.source) else None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question: quotes, or none.

    Attributes:
        question: the question as it was asked (white space folded).
        answered: whether `confidence` reached the minimum asked for.
        confidence: the probability in [0, 1] that the first citation answers the question.
        citations: the sentences that answer, the best first; empty unless `answered`.
        related: the closest sentences that did not qualify; all of them when not answered.
        read_as: the question as it was read in the light of earlier ones; None when as it stands.
        readers: how many passages each reader read last, by its name; of a passage that was read twice, the second one.
        timings: seconds spent in each stage; not part of the answer's equality.
    """

    question: str
    answered: bool
    confidence: float
    citations: tuple[Citation, ...] = ()
    related: tuple[Citation, ...] = ()
    read_as: str | None = None
    readers: Mapping[str, int] = field(default_factory=dict, hash=False)
    timings: Mapping[str, float] = field(default_factory=dict, compare=False, repr=False)

    @property
    def text(self) -> str:
        """The quotes, each followed by its number in brackets; empty when not answered."""
        return " ".join(f"{citation.quote} [{citation.number}]" for citation in self.citations)

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain values for JSON, the field names as in this class; without the timings."""
        return {
            "question": self.question,
            "read_as": self.read_as,
            "answered": self.answered,
            "confidence": self.confidence,
            "readers": dict(self.readers),
            "text": self.text,
            "citations": [_citation_dict(citation) for citation in self.citations],
            "related": [_citation_dict(citation) for citation in self.related],
        }


@dataclass(frozen=True, slots=True)
class ArticleView:
    """An article to be shown: its own characters and where they stand in the source text.

    Attributes:
        article_id, title, source, published, path: as in `Place`.
        place, agency: what the dateline and the credits name; None when they do not.
        text: the article's characters, verbatim: `source_text[start:end]`.
        start, end: the article's extent in the source text. A citation of this article stands at
            `text[citation.start - start : citation.end - start]`.
    """

    article_id: str
    title: str
    source: str
    published: str | None
    path: str
    place: str | None
    agency: str | None
    text: str
    start: int
    end: int


def _place_dict(place: Place) -> dict[str, Any]:
    return {
        "article_id": place.article_id,
        "title": place.title,
        "source": place.source,
        "published": place.published,
        "start": place.start,
        "end": place.end,
        "path": place.path,
        "line": place.line,
        "part": place.part,
        "author": place.author,
        "published_from": place.published_from,
    }


def _excerpt_dict(excerpt: Excerpt) -> dict[str, Any]:
    return {"start": excerpt.start, "end": excerpt.end, "quote": excerpt.quote}


def _citation_dict(citation: Citation) -> dict[str, Any]:
    return {
        "number": citation.number,
        "quote": citation.quote,
        "highlight": list(citation.highlight) if citation.highlight is not None else None,
        **_place_dict(citation),
        "link": citation.link,
        "score": citation.score,
        "also_in": [{**_place_dict(place), "wording": place.wording} for place in citation.also_in],
        "context": _excerpt_dict(citation.context) if citation.context is not None else None,
        "read_by": citation.read_by,
    }
