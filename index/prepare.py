"""One source text -> articles cut into sentences and passages, with the keys that their copies share. No I/O."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from index.boilerplate import EVERY_RULE, mark_boilerplate
from index.dedupe import ARTICLES, PASSAGES, article_key, band_keys, key, shingles
from index.passages import make_passages
from index.sentences import split_sentences
from index.split import split_articles

if TYPE_CHECKING:
    from collections.abc import Callable

    from index.boilerplate import Rules
    from index.types import Article, Passage, Source

__all__ = ["PreparedArticle", "PreparedPassage", "line_counter", "prepare"]


@dataclass(frozen=True, slots=True)
class PreparedPassage:
    """A passage ready to be embedded and stored.

    Attributes:
        passage: its sentences.
        text: what is embedded and searched.
        copy_key: equal for passages whose folded text is equal.
        bands: what near copies of it share some of (`index.dedupe.band_keys`).
    """

    passage: Passage
    text: str
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
    for article in split_articles(source):
        boilerplate = mark_boilerplate(article, rules=rules)
        passages = make_passages(article, split_sentences(article, boilerplate))
        texts = [passage.text(article.text) for passage in passages]
        bands = band_keys([shingles(text) for text in texts], PASSAGES)
        prepared = [
            PreparedPassage(passage, text, key(text), each)
            for passage, text, each in zip(passages, texts, bands, strict=True)
        ]
        if prepared:
            whole = " ".join(texts)
            (own,) = band_keys([shingles(whole)], ARTICLES)
            found.append(PreparedArticle(article, tuple(prepared), len(boilerplate), article_key(whole), own))
    return tuple(found)


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
