"""The steps around a reader's forward pass: sentences laid into windows, and scores of tokens made into spans."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from index.store.base import ArticleRecord, PassageRecord, SentenceRecord
from index.types import Span
from rag.reader import (
    MAX_ANSWER_TOKENS,
    MAX_QUESTION_TOKENS,
    MAX_TITLE_TOKENS,
    MAX_TOKENS,
    Passage,
    Reading,
    SentenceReading,
    SpanReading,
    Tokens,
    Window,
    as_read,
    best_span,
    consensus_span,
    decode,
    lay_out,
    merge,
)

CLS, SEP = 101, 102


def tokens(first: int, count: int) -> Tokens:
    """Tokens of ids that no other text has, two characters each with a space behind."""
    return Tokens(tuple(range(first, first + count)), tuple((3 * at, 3 * at + 2) for at in range(count)))


def texts(lengths: list[int]) -> list[Tokens]:
    return [tokens(1_000 * (number + 3), length) for number, length in enumerate(lengths)]


def windows_of(lengths: list[int], *, question: int = 10, title: int = 5, max_tokens: int = MAX_TOKENS) -> list[Window]:
    asked, headed = tokens(1_000, question), tokens(2_000, title)
    return lay_out(asked, headed, texts(lengths), cls=CLS, sep=SEP, max_tokens=max_tokens)


def numbers(window: Window) -> list[int]:
    return [number for number, _, _ in window.pieces]


# Laying out


@settings(deadline=None)
@given(
    lengths=st.lists(st.integers(0, 70), max_size=12),
    question=st.integers(0, 120),
    title=st.integers(0, 60),
    max_tokens=st.integers(16, 80),
)
def test_every_token_stands_in_a_window_and_no_window_is_too_long(
    lengths: list[int], question: int, title: int, max_tokens: int
) -> None:
    sentences = texts(lengths)
    windows = windows_of(lengths, question=question, title=title, max_tokens=max_tokens)
    asked = tokens(1_000, question).ids[: min(MAX_QUESTION_TOKENS, max_tokens // 2 - 2)]
    headed = tokens(2_000, title).ids[: min(MAX_TITLE_TOKENS, max_tokens // 4)]
    head = (CLS, *asked, SEP, *headed)
    seen: dict[int, set[int]] = {number: set() for number in range(len(lengths))}
    for window in windows:
        assert len(window.ids) <= max_tokens
        assert window.ids[: len(head)] == head
        assert window.context == len(asked) + 2
        assert window.pieces
        at = len(head)
        for number, start, piece in window.pieces:
            assert start == at
            at += len(piece)
            assert window.ids[start:at] == piece.ids
            first = sentences[number].ids.index(piece.ids[0])
            assert piece == sentences[number].part(first, first + len(piece))
            seen[number].update(piece.ids)
        assert window.ids[at:] == (SEP,)
        assert numbers(window) == sorted(set(numbers(window)))
    assert [seen[number] for number in seen] == [set(sentence.ids) for sentence in sentences]


@settings(deadline=None)
@given(lengths=st.lists(st.integers(0, 30), max_size=12), max_tokens=st.integers(48, 80))
def test_a_sentence_that_fits_is_never_cut(lengths: list[int], max_tokens: int) -> None:
    # 48 tokens: 10 of the question, 5 of the title and 3 special ones leave room for 30.
    sentences = texts(lengths)
    windows = windows_of(lengths, max_tokens=max_tokens)
    assert all(piece == sentences[number] for window in windows for number, _, piece in window.pieces)
    if sum(lengths) <= max_tokens - 18:
        assert len(windows) == bool(sum(lengths))


def test_a_passage_goes_into_as_few_windows_as_hold_it() -> None:
    assert [numbers(window) for window in windows_of([40, 0, 60])] == [[0, 2]]
    assert windows_of([]) == windows_of([0, 0]) == []
    # Room for 30 tokens: the next window begins with the sentence before, where both fit.
    assert [numbers(each) for each in windows_of([20, 10, 10, 25], max_tokens=48)] == [[0, 1], [1, 2], [3]]
    assert [numbers(each) for each in windows_of([30, 30], max_tokens=48)] == [[0], [1]]


def test_a_sentence_too_long_for_a_window_is_cut_with_an_overlap() -> None:
    room = MAX_TOKENS - 18
    windows = windows_of([5, 700])
    own = [piece for window in windows for number, _, piece in window.pieces if number == 1]
    assert [(piece.ids[0] - 4_000, len(piece)) for piece in own] == [
        (0, room),
        (room - 64, room),
        (2 * (room - 64), 700 - 2 * (room - 64)),
    ]
    # A quarter of a small window's room.
    small = [piece for window in windows_of([70], max_tokens=48) for _, _, piece in window.pieces]
    assert [piece.ids[0] - 3_000 for piece in small] == [0, 23, 46]


def test_a_long_question_and_a_long_title_are_cut() -> None:
    (window,) = windows_of([10], question=500, title=500)
    assert window.context == MAX_QUESTION_TOKENS + 2
    assert window.ids[1 : MAX_QUESTION_TOKENS + 1] == tuple(range(1_000, 1_000 + MAX_QUESTION_TOKENS))
    assert window.pieces[0][1] == window.context + MAX_TITLE_TOKENS
    (small,) = windows_of([3], question=500, title=500, max_tokens=16)
    assert (small.context, small.pieces[0][1], len(small.ids)) == (8, 12, 16)


# Decoding


def brute_force(start: Any, end: Any, longest: int) -> float:
    count = len(start)
    return max(
        float(start[first] + end[last]) for first in range(count) for last in range(first, min(count, first + longest))
    )


scores = arrays(np.float32, 40, elements=st.floats(-20, 20, width=16))


@settings(deadline=None)
@given(start=scores, end=scores, count=st.integers(1, 40), longest=st.integers(1, 45))
def test_the_best_span_is_the_best_of_all(start: Any, end: Any, count: int, longest: int) -> None:
    first, last, score = best_span(start[:count], end[:count], longest=longest)
    assert 0 <= first <= last < min(count, first + longest)
    assert score == float(start[first] + end[last]) == brute_force(start[:count], end[:count], longest)


@settings(deadline=None)
@given(data=st.data(), lengths=st.lists(st.integers(0, 70), min_size=1, max_size=6), with_relevance=st.booleans())
def test_readings_are_those_of_a_search_through_all_spans(data: Any, lengths: list[int], with_relevance: bool) -> None:
    passage = Passage(tuple("x" * 3 * length for length in lengths))
    windows = windows_of(lengths, question=3, title=2, max_tokens=40)
    decoded, no_answers = [], []
    best: dict[int, tuple[float, float]] = {}
    surest, no_answer = float("-inf"), 0.0
    for window in windows:
        shape = (3, len(window.ids))
        start, end, relevance = data.draw(arrays(np.float32, shape, elements=st.floats(-9, 9, width=16)))
        found = decode(window, start, end, relevance if with_relevance else None)
        assert set(found) == set(numbers(window))
        decoded.append(found)
        no_answers.append(float(start[0] + end[0]))
        for number, at, piece in window.pieces:
            stop = at + len(piece)
            margin = brute_force(start[at:stop], end[at:stop], MAX_ANSWER_TOKENS) - no_answers[-1]
            own = float(np.mean(relevance[at:stop], dtype=np.float64)) if with_relevance else margin
            known = best.get(number, (float("-inf"), float("-inf")))
            best[number] = max(known[0], margin), max(known[1], own)
            if margin > surest:
                surest, no_answer = margin, no_answers[-1]
    reading = merge(passage, decoded, no_answers)
    assert len(reading.sentences) == len(lengths)
    for number, sentence in enumerate(reading.sentences):
        if lengths[number] == 0:
            assert sentence == SentenceReading(None, float("-inf"), float("-inf"))
            continue
        margin, own = best[number]
        assert sentence.margin == pytest.approx(margin, abs=1e-5)
        assert sentence.score == pytest.approx(own, abs=1e-5)
        assert sentence.span is not None
        assert 0 <= sentence.span.start < sentence.span.end <= 3 * lengths[number]
        assert sentence.span.start % 3 == 0  # where a token begins
        assert sentence.span.end % 3 == 2  # and where one ends
    assert reading.no_answer == pytest.approx(no_answer, abs=1e-5)
    assert (reading.best is None) == (not any(lengths))
    if reading.best is not None:
        assert reading.sentences[reading.best].margin == max(each.margin for each in reading.sentences)


def expected_f1(span: tuple[int, int], start: Any, end: Any, longest: int, temperature: float) -> float:
    """Of a span when any may be the answer, as likely as their scores say."""
    count, mine = len(start), set(range(span[0], span[1] + 1))
    top = brute_force(start, end, longest)
    total = weight_of_all = 0.0
    for first in range(count):
        for last in range(first, min(count, first + longest)):
            weight = np.exp((float(start[first] + end[last]) - top) / temperature)
            yours = set(range(first, last + 1))
            total += weight * 2 * len(mine & yours) / (len(mine) + len(yours))
            weight_of_all += weight
    return float(total / weight_of_all)


@settings(deadline=None)
@given(
    start=scores,
    end=scores,
    count=st.integers(1, 8),
    longest=st.integers(1, 9),
    temperature=st.sampled_from([0.3, 1.0, 5.0]),
)
def test_the_consensus_has_the_greatest_expected_f1(
    start: Any, end: Any, count: int, longest: int, temperature: float
) -> None:
    start, end = start[:count], end[:count]
    first, last = consensus_span(start, end, temperature=temperature, longest=longest)
    assert 0 <= first <= last < min(count, first + longest)
    found = expected_f1((first, last), start, end, longest, temperature)
    spans = [(one, two) for one in range(count) for two in range(one, min(count, one + longest))]
    best = max(expected_f1(span, start, end, longest, temperature) for span in spans)
    assert found == pytest.approx(best, abs=1e-5)


@settings(deadline=None)
@given(start=scores, end=scores, count=st.integers(1, 40))
def test_a_sure_model_has_one_span(start: Any, end: Any, count: int) -> None:
    start, end = start[:count].copy(), end[:count].copy()
    first, last, _ = best_span(start, end)
    start[first] += 50
    end[last] += 50
    assert consensus_span(start, end, temperature=0.3) == best_span(start, end)[:2] == (first, last)


def test_what_is_marked_changes_no_score() -> None:
    (window,) = windows_of([4, 4], question=2, title=0)
    (_, one, _), (_, two, _) = window.pieces
    start, end = np.zeros((2, len(window.ids)), dtype=np.float32)
    start[one : one + 4] = 1.0, 0.9, 0.8, -9.0  # any of three beginnings
    end[one : one + 4] = -9.0, -9.0, -9.0, 1.0  # and one end
    start[two : two + 4] = end[two : two + 4] = -9.0  # too far behind to be quoted
    start[two + 1] = -8.9
    plain, wavering, whole = (
        decode(window, start, end),
        decode(window, start, end, temperature=1.0),
        decode(window, start, end, whole=True),
    )
    spans = [[each[number].span for number in (0, 1)] for each in (plain, wavering, whole)]
    assert [[(span.start, span.end) for span in own if span is not None] for own in spans] == [
        [(0, 11), (3, 5)],
        [(3, 11), (3, 5)],
        [(0, 11), (0, 11)],
    ]
    scored = [[(each[number].margin, each[number].score) for number in (0, 1)] for each in (plain, wavering, whole)]
    assert scored[0] == scored[1] == scored[2]


def test_a_span_never_reaches_from_one_sentence_into_the_next() -> None:
    (window,) = windows_of([4, 4], question=2, title=0)
    (_, one, _), (_, two, _) = window.pieces
    start, end = np.zeros((2, len(window.ids)), dtype=np.float32)
    start[one + 3], end[two] = 9.0, 9.0  # the last token of the first sentence to the first of the second
    found = decode(window, start, end)
    assert found[0].span == SpanReading(9, 11, 9.0)
    assert found[1].span == SpanReading(0, 2, 9.0)
    assert found[0].margin == found[0].score == 9.0


@pytest.mark.parametrize(
    ("filed", "temperature", "spans"),
    [
        (0, 0.0, [(0, 5), (0, 2)]),
        (5, 0.0, [(6, 8), (0, 2)]),  # two tokens of the first sentence, and none of the second
        (5, 0.5, [(6, 8), (0, 2)]),
        (4, 0.0, [(6, 8), (0, 2)]),  # a token that is cut is one of them
        (99, 0.0, [(0, 5), (0, 2)]),  # there is nothing else to answer with
    ],
)
def test_where_an_article_was_filed_is_no_answer(filed: int, temperature: float, spans: list[tuple[int, int]]) -> None:
    (window,) = windows_of([4, 4], question=2, title=0)
    (_, one, _), (_, two, _) = window.pieces
    start, end = np.zeros((2, len(window.ids)), dtype=np.float32)
    start[one], end[one + 1] = 9.0, 9.0
    start[one + 2] = end[one + 2] = 5.0
    start[two] = end[two] = 7.0
    found = decode(window, start, end, temperature=temperature, filed=filed)
    assert [(each.span.start, each.span.end) for each in found.values() if each.span is not None] == spans
    assert found[1] == decode(window, start, end, temperature=temperature)[1]


def test_the_question_and_the_title_are_never_the_answer() -> None:
    (window,) = windows_of([2], question=2, title=2)
    start, end = np.zeros((2, len(window.ids)), dtype=np.float32)
    start[: window.pieces[0][1]] = end[: window.pieces[0][1]] = 5.0
    found = decode(window, start, end)[0]
    assert found.span is not None
    assert (found.span.score, found.margin) == (0.0, -10.0)


def test_of_a_sentence_in_two_windows_the_better_span_and_the_better_score_are_kept() -> None:
    sure = SentenceReading(SpanReading(0, 2, 5.0), 4.0, -1.0)
    unsure = SentenceReading(SpanReading(6, 8, 9.0), 3.0, 2.0)
    for windows, no_answers in ([{0: sure}, {0: unsure}], [1.0, 6.0]), ([{0: unsure}, {0: sure}], [6.0, 1.0]):
        reading = merge(Passage(("abc def gh", "never read")), windows, no_answers)
        assert reading.sentences[0] == SentenceReading(SpanReading(0, 2, 5.0), 4.0, 2.0)
        assert reading.sentences[1].span is None
        assert (reading.no_answer, reading.best) == (1.0, 0)


def test_nothing_read_has_no_best_sentence() -> None:
    assert merge(Passage(()), [], []) == Reading((), 0.0)
    assert merge(Passage(("",)), [], []).best is None


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_spans_are_cut_verbatim_from_any_text(sentences: list[str], random: Any) -> None:
    tokenised = []
    for number, text in enumerate(sentences):
        spans = tuple(match.span() for match in re.finditer(r"\S", text))
        tokenised.append(Tokens(tuple(range(100 * number, 100 * number + len(spans))), spans))
    windows = lay_out(tokens(7_000, 4), tokens(8_000, 3), tokenised, cls=CLS, sep=SEP, max_tokens=24)
    found = []
    for window in windows:
        start, end = (np.array([random.uniform(-5, 5) for _ in window.ids], dtype=np.float32) for _ in range(2))
        found.append(decode(window, start, end))
    reading = merge(Passage(tuple(sentences)), found, [0.0] * len(windows))
    for text, sentence in zip(sentences, reading.sentences, strict=True):
        assert (sentence.span is None) == (not text.strip())
        if sentence.span is not None:
            words = text[sentence.span.start : sentence.span.end]
            assert words == words.strip() != ""


def test_a_stored_passage_is_read_without_what_lies_between_its_sentences() -> None:
    text = "Title. Én «gång» så.\nShare this\nTwo followed. Ende."
    spans = [Span(7, 20), Span(32, 45)]
    sentences = tuple(SentenceRecord(at, span, 1, 0, "prose", at) for at, span in enumerate(spans))
    article = ArticleRecord(1, "0" * 32, "Tîtle", None, None, None, None, "a.txt", Span(0, len(text)))
    record = PassageRecord(1, 1, article, text, sentences, None)
    assert as_read(record) == Passage(("Én «gång» så.", "Two followed."), "Tîtle")
    filed = replace(article, place="Én")
    assert as_read(replace(record, article=filed)) == Passage(("Én «gång» så.", "Two followed."), "Tîtle", 2)
    later = replace(record, article=filed, sentences=sentences[1:])
    assert as_read(later) == Passage(("Two followed.",), "Tîtle")
    inside = replace(record, article=filed, before=sentences[1])
    assert as_read(inside).filed == 0
