"""Passages: every sentence once, in order, neither too long nor tiny."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.passages import make_passages
from index.split import split_articles
from index.types import Article, Sentence, Span


def build(
    sizes: list[int], paragraphs: list[int] | None = None, captions: frozenset[int] = frozenset()
) -> tuple[Article, tuple[Sentence, ...]]:
    from index.types import Source

    words, sentences = [], []
    start = 0
    for i, size in enumerate(sizes):
        sentence = " ".join(["word"] * size)
        span = Span(start, start + len(sentence))
        sentences.append(Sentence(span, paragraphs[i] if paragraphs else i, "caption" if i in captions else "prose"))
        words.append(sentence)
        start += len(sentence) + 1
    (article,) = split_articles(Source(path="/n/a", text=" ".join(words), line=1))
    return article, tuple(sentences)


def shape(sizes: list[int], **rest: object) -> list[list[int]]:
    article, sentences = build(sizes, **rest)  # type: ignore[arg-type]
    numbers = {sentence.span: i for i, sentence in enumerate(sentences)}
    return [[numbers[sentence.span] for sentence in passage.sentences] for passage in make_passages(article, sentences)]


def test_short_articles_are_one_passage() -> None:
    assert shape([20, 30, 50]) == [[0, 1, 2]]


def test_no_tiny_rest() -> None:
    # greedily this would be 100 words and a rest of 10
    assert shape([20, 20, 20, 20, 20, 10]) == [[0, 1, 2], [3, 4, 5]]


def test_ends_of_paragraphs_are_preferred() -> None:
    assert shape([40, 40, 40, 40], paragraphs=[0, 0, 1, 1]) == [[0, 1], [2, 3]]
    assert shape([25, 25, 30, 20, 25, 25], paragraphs=[0, 0, 0, 1, 1, 1]) == [[0, 1, 2], [3, 4, 5]]


def test_a_long_sentence_stands_alone() -> None:
    assert shape([10, 300, 10]) == [[0], [1], [2]]


def test_captions_are_not_mixed_into_prose() -> None:
    assert shape([10, 10, 10, 10, 10], captions=frozenset({0, 1, 3})) == [[0, 1], [2], [3], [4]]


def test_no_sentences() -> None:
    article, _ = build([3])
    assert make_passages(article, ()) == ()


def test_max_words_is_checked() -> None:
    article, sentences = build([3])
    with pytest.raises(ValueError, match="max_words must be 1 or more, found 0"):
        make_passages(article, sentences, max_words=0)


@given(
    st.lists(st.tuples(st.integers(1, 130), st.booleans(), st.booleans()), min_size=1, max_size=40), st.integers(1, 120)
)
def test_every_sentence_once(parts: list[tuple[int, bool, bool]], max_words: int) -> None:
    paragraphs = [sum(new for _, new, _ in parts[: i + 1]) for i in range(len(parts))]
    captions = frozenset(i for i, (_, _, caption) in enumerate(parts) if caption)
    article, sentences = build([size for size, _, _ in parts], paragraphs, captions)
    passages = make_passages(article, sentences, max_words=max_words)
    assert [sentence for passage in passages for sentence in passage.sentences] == list(sentences)
    for passage in passages:
        assert len({sentence.kind for sentence in passage.sentences}) == 1
        assert len(passage.sentences) == 1 or len(passage.text(article.text).split()) <= max_words
