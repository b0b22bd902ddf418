"""The values that pass between the stages of indexing: frozen, slotted, with half-open character spans.

Every span counts characters (Unicode code points, as Python's `str` does) in one *source text*: the decoded
text of a file, or of one record of a file. Nothing edits that text, so `text[span.start:span.end]` is
always, to the letter, what stands in the source.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

__all__ = [
    "Article",
    "Boilerplate",
    "BoilerplateKind",
    "Passage",
    "Sentence",
    "SentenceKind",
    "Skipped",
    "Source",
    "Span",
]

BoilerplateKind = Literal["headline", "repeat", "widget"]
"""`headline`: the title, wherever it stands. `repeat`: a line that stands word for word earlier in the same
article. `widget`: share counters, button labels, "Read more", and other furniture of a web page."""

SentenceKind = Literal["prose", "caption"]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range of characters, `[start, end)`.

    Raises:
        ValueError: unless `0 <= start <= end`.

    >>> Span(4, 9).of("the quick fox")
    'quick'
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"a span needs 0 <= start <= end, found start={self.start}, end={self.end}")

    def __len__(self) -> int:
        return self.end - self.start

    def of(self, text: str) -> str:
        """The characters of `text` that the span covers.

        Raises:
            ValueError: when the span ends behind the end of `text`.
        """
        if self.end > len(text):
            raise ValueError(f"the span {self.start}:{self.end} ends behind a text of {len(text)} characters")
        return text[self.start : self.end]

    def contains(self, other: Span) -> bool:
        """Whether `other` lies inside this span, its ends included."""
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: Span) -> bool:
        """Whether the two share at least one character."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Source:
    """One decoded text and where it was read: a text file, a document, or one record of a file with many.

    Attributes:
        path: the absolute path of the file.
        text: the decoded text, verbatim (a byte order mark is not part of it; line ends are kept). Of a document that
            is no plain text, what its reader takes out of it.
        line: the 1-based line of the record within the file; None when the text is the whole file.
        url, title, published, author: what a record or a document says of itself; None when it does not.
        published_from: where it says when it was published; None for a field that is made for it.
        part: which member of an archive the text is; None when the file is none.
    """

    path: str
    text: str
    line: int | None = None
    url: str | None = None
    title: str | None = None
    published: str | None = None
    author: str | None = None
    published_from: str | None = None
    part: str | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was not indexed, and why, in words for a person.

    Attributes:
        path: the file.
        reason: why.
        line: the 1-based line of the record; None when it is the whole file, or the rest of it.
        unfinished: whether the file breaks off there, as one that is being written does: what is stored of it stays.
    """

    path: str
    reason: str
    line: int | None = None
    unfinished: bool = False


@dataclass(frozen=True, slots=True)
class Article:
    """One article: an extent of a source text, and what the source tells of it.

    Attributes:
        id: 32 hexadecimal digits derived from the content (URL, title, date and the characters of the extent):
            the same article has the same id on every machine.
        source: the text that the article stands in. Spans of sentences and passages count in `source.text`.
        extent: where in that text the article stands; the whole text unless the file holds several.
        title: the headline; the first words of the text where there is none. Never empty.
        title_span: where the title stands in the text; None when it comes from outside the text.
        published: the date as the source writes it; None when unknown.
        published_from: where that is from: "metadata" (a field that is made for it), "address" (the URL) or "text" (a
            line at the head of the article); None when it is unknown.
        place: the place that the dateline names ("WARSAW"); None when there is none.
        agency: the news agency that the text names ("AFP", "Reuters"); None when there is none.
    """

    id: str
    source: Source
    extent: Span
    title: str
    title_span: Span | None = None
    published: str | None = None
    place: str | None = None
    agency: str | None = None
    published_from: str | None = None

    @property
    def text(self) -> str:
        """The whole source text that the spans count in."""
        return self.source.text


@dataclass(frozen=True, slots=True)
class Boilerplate:
    """A line of an article that is no prose to be quoted.

    Attributes:
        span: the line without the white space around it.
        kind: why it is left out.
        original: for `repeat`, the earlier line that says the same; None otherwise.
    """

    span: Span
    kind: BoilerplateKind
    original: Span | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence (or a caption) as it stands in the source text.

    Attributes:
        span: the characters, without white space around them.
        paragraph: the 0-based number of the paragraph (a line with text) within the article.
        kind: `caption` for what stands under a picture.
        copies: the other places of the same article where the same line stands again.
    """

    span: Span
    paragraph: int
    kind: SentenceKind = "prose"
    copies: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of whole sentences of one article, as long as an encoder reads well.

    Raises:
        ValueError: when there is no sentence in it, or they are out of order.
    """

    sentences: tuple[Sentence, ...]

    def __post_init__(self) -> None:
        if not self.sentences:
            raise ValueError("a passage needs at least one sentence")
        spans = [sentence.span for sentence in self.sentences]
        if any(left.end > right.start for left, right in pairwise(spans)):
            raise ValueError("the sentences of a passage must follow each other without overlap")

    @property
    def span(self) -> Span:
        """From the first sentence's start to the last one's end; lines left out may lie between."""
        return Span(self.sentences[0].span.start, self.sentences[-1].span.end)

    def text(self, source_text: str) -> str:
        """The sentences, one space between two: what is embedded and searched, never what is quoted."""
        return " ".join(sentence.span.of(source_text) for sentence in self.sentences)
