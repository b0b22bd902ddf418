"""Sentences -> passages: runs of whole sentences, as long as an encoder reads well."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from index.types import Article, Passage, Sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["make_passages"]

_WITHIN_PARAGRAPH = 0.05
"""What a break within a paragraph costs: as much as a passage that is 22 % short of full at a paragraph's end."""


def make_passages(article: Article, sentences: Sequence[Sentence], *, max_words: int = 100) -> tuple[Passage, ...]:
    """Every sentence in exactly one passage, in order, each passage of at most `max_words` words.

    Of all ways to cut a run, the one whose passages are fullest and most even, so that no tiny rest is left at the end;
    ends of paragraphs are preferred. A sentence that is longer than `max_words` is a passage of its own. Captions
    stand together with captions only. A word is what stands between white space.

    Raises:
        ValueError: when `max_words` is not positive.
    """
    if max_words < 1:
        raise ValueError(f"max_words must be 1 or more, found {max_words}")
    passages: list[Passage] = []
    for _, group in groupby(sentences, key=lambda sentence: sentence.kind):
        run = tuple(group)
        words = [len(sentence.span.of(article.text).split()) for sentence in run]
        breaks = [a.paragraph != b.paragraph for a, b in pairwise(run)]
        passages.extend(Passage(run[start:end]) for start, end in _cut(words, [*breaks, True], max_words))
    return tuple(passages)


def _cut(words: Sequence[int], ends_paragraph: Sequence[bool], max_words: int) -> Iterator[tuple[int, int]]:
    """The ranges of sentences that make the passages: the cheapest cut, by dynamic programming from the end.

    A passage costs the square of the share of it that is empty, so even passages cost less than full ones and a rest.
    """
    count = len(words)
    cheapest = [0.0] * (count + 1)
    best_end = [count] * count
    for start in range(count - 1, -1, -1):
        total = 0
        best = float("inf")
        for end in range(start + 1, count + 1):
            total += words[end - 1]
            if total > max_words and end > start + 1:
                break
            empty = max(0, max_words - total) / max_words
            cost = empty * empty + (0.0 if ends_paragraph[end - 1] else _WITHIN_PARAGRAPH) + cheapest[end]
            if cost < best:
                best, best_end[start] = cost, end
        cheapest[start] = best
    start = 0
    while start < count:
        yield start, best_end[start]
        start = best_end[start]
