"""One source text -> articles cut into sentences and passages, with the keys that their copies share. No I/O."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from index.analysis import fold
from index.boilerplate import EVERY_RULE, mark_boilerplate
from index.dedupe import ARTICLES, PASSAGES, Words, band_keys, folded_article_key, folded_key
from index.passages import make_passages
from index.sentences import split_sentences
from index.split import split_articles
from index.store.rows import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from index.boilerplate import Rules
    from index.types import Article, Passage, Sentence, Source

__all__ = ["PreparedArticle", "PreparedPassage", "PreparedSentence", "line_counter", "prepare"]


class PreparedSentence(NamedTuple):
    """A sentence as it is stored.

    Attributes:
        start, end: its characters in the source text.
        line: the 1-based line of the file that it begins in.
        paragraph: as of `index.types.Sentence`.
        caption: 1 for what stands under a picture, else 0.
        copy_key: equal for sentences whose folded text is equal.
        copies: start, end and line of the other places of the article where it stands.
    """

    start: int
    end: int
    line: int
    paragraph: int
    caption: int
    copy_key: int
    copies: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class PreparedPassage:
    """A passage ready to be embedded and stored.

    Attributes:
        sentences: its sentences, in order.
        text: what is embedded and searched.
        digest: what the text is known by (`index.store.rows.digest`).
        copy_key: equal for passages whose folded text is equal.
        bands: what near copies of it share some of (`index.dedupe.band_keys`).
    """

    sentences: tuple[PreparedSentence, ...]
    text: str
    digest: bytes
    copy_key: int
    bands: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PreparedArticle:
    """An article ready to be stored.

    Attributes:
        article: what it is.
        passages: what can be quoted of it.
        boilerplate: how many of its lines are left out.
        copy_key: equal for articles whose passages together have the same folded text.
        bands: what near copies of the whole article share some of (`index.dedupe.band_keys`).
    """

    article: Article
    passages: tuple[PreparedPassage, ...]
    boilerplate: int
    copy_key: int
    bands: tuple[int, ...]

    @property
    def identity(self) -> tuple[str, int | None, int, str | None]:
        """What tells it from the other articles of its file: id, line of the record, start, and part of the archive."""
        return (self.article.id, self.article.source.line, self.article.extent.start, self.article.source.part)


def prepare(source: Source, *, rules: Rules = EVERY_RULE) -> tuple[PreparedArticle, ...]:
    """The articles of a source text; those in which nothing can be quoted are left out.

    Args:
        source: the text.
        rules: what says which lines are no prose.
    """
    found = []
    line_of = line_counter(source)
    for article in split_articles(source):
        boilerplate = mark_boilerplate(article, rules=rules)
        passages = make_passages(article, split_sentences(article, boilerplate))
        if passages:
            found.append(_prepared(article, passages, len(boilerplate), line_of))
    return tuple(found)


def _prepared(
    article: Article, passages: Sequence[Passage], boilerplate: int, line_of: Callable[[int], int]
) -> PreparedArticle:
    """All texts of an article are folded from its sentences, each once: that takes much of the time."""
    texts = [passage.text(article.text) for passage in passages]
    folds = [[fold(each.span.of(article.text)) for each in passage.sentences] for passage in passages]
    folded = [" ".join(filter(None, each)) for each in folds]
    bands = band_keys([Words.folded_already(each).shingles for each in folded], PASSAGES)
    prepared = tuple(
        PreparedPassage(
            tuple(_sentence(*each, line_of) for each in zip(passage.sentences, words, strict=True)),
            text,
            digest(text),
            folded_key(own),
            keys,
        )
        for passage, words, text, own, keys in zip(passages, folds, texts, folded, bands, strict=True)
    )
    whole = " ".join(filter(None, folded))
    (own_bands,) = band_keys([Words.folded_already(whole).shingles], ARTICLES)
    return PreparedArticle(article, prepared, boilerplate, folded_article_key(whole), own_bands)


def _sentence(sentence: Sentence, folded: str, line_of: Callable[[int], int]) -> PreparedSentence:
    return PreparedSentence(
        sentence.span.start,
        sentence.span.end,
        line_of(sentence.span.start),
        sentence.paragraph,
        int(sentence.kind == "caption"),
        folded_key(folded),
        tuple((copy.start, copy.end, line_of(copy.start)) for copy in sentence.copies),
    )


def line_counter(source: Source) -> Callable[[int], int]:
    r"""A function from a character offset to the 1-based line of the file: a record's own line for all of its text.

    >>> from index.types import Source
    >>> line_counter(Source("/a.txt", "one\ntwo"))(4)
    2
    """
    if source.line is not None:
        record: int = source.line
        return lambda _: record
    lines = source.text.split("\n")
    starts = [0, *accumulate(len(line) + 1 for line in lines[:-1])]
    return lambda offset: bisect_right(starts, offset)
