"""Examples as arrays: where the labels point, which rows go together, and what fills a batch up."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.reader import Passage, Tokens, Window
from rag.reader_models import Tokenizer
from rag.training.batches import LENGTHS, Row, make_batches, rows_of, to_arrays
from rag.training.examples import Example, Labelled

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def tokenizer(bert_folder: Path) -> Tokenizer:
    return Tokenizer.load(bert_folder / "tokenizer.json")


def rows(tokenizer: Tokenizer, *examples: Example) -> list[list[Row]]:
    return rows_of(examples, tokenizer, cls=tokenizer.special("[CLS]"), sep=tokenizer.special("[SEP]"))


def answered(sentences: tuple[str, ...], *spans: tuple[int, int, int], title: str = "") -> Labelled:
    right = tuple(at in {number for number, _, _ in spans} for at in range(len(sentences)))
    return Labelled(Passage(sentences, title), spans, bool(spans), right)


def characters(row: Row, position: int) -> tuple[int, int, int]:
    """The sentence that a token of a window stands in, and its characters."""
    for number, at, tokens in row.window.pieces:
        if at <= position < at + len(tokens):
            return number, *tokens.spans[position - at]
    raise AssertionError(f"token {position} stands in no sentence")


def texts(row: Row, passage: Passage) -> list[str]:
    """The answers that the labels point at."""
    found = []
    for first, last in zip(row.starts, row.ends, strict=True):
        number, start, _ = characters(row, first)
        other, _, end = characters(row, last)
        assert number == other
        found.append(passage.sentences[number][start:end])
    return found


# Labels


def test_labels_point_at_the_answers(tokenizer: Tokenizer) -> None:
    sentences = ("Åse’s café opened – in 1962.", "Nobody came.", "«Én» bro, to bruer: 5 °C.")
    wanted = [(0, "in 1962"), (0, "Åse’s café"), (2, "«Én»"), (2, "5")]
    spans = [(at, sentences[at].index(words), sentences[at].index(words) + len(words)) for at, words in wanted]
    passage = answered(sentences, *spans, title="Café")
    ((row,),) = rows(tokenizer, Example("When?", (passage,)))
    assert sorted(texts(row, passage.passage)) == sorted(words for _, words in wanted)
    assert row.answered is True
    assert row.right == (True, False, True)
    arrays = to_arrays([row], 0)
    assert np.flatnonzero(arrays.starts[0]).tolist() == sorted(row.starts)
    assert np.flatnonzero(arrays.ends[0]).tolist() == sorted(row.ends)


@settings(deadline=None)
@given(st.data(), st.lists(st.text("abé1’ -«", min_size=1, max_size=150), min_size=1, max_size=5))
def test_labels_point_at_any_answer(tokenizer: Tokenizer, data: Any, sentences: list[str]) -> None:
    spans = []
    for number, text in enumerate(sentences):
        words = [match.span() for match in re.finditer(r"[^\W_]+|[^\w\s]", text)]
        if words:
            first = data.draw(st.integers(0, len(words) - 1))
            last = data.draw(st.integers(first, min(len(words) - 1, first + 20)))
            spans.append((number, words[first][0], words[last][1]))
    passage = answered(tuple(sentences), *spans)
    (found,) = rows(tokenizer, Example("Where?", (passage,))) or [[]]
    told = {words for row in found for words in texts(row, passage.passage)}
    assert told == {sentences[number][start:end] for number, start, end in spans}
    for row in found:
        assert row.answered == bool(row.starts)
        assert row.right == tuple(passage.right[number] for number, _, _ in row.window.pieces)


def test_of_several_windows_only_those_with_the_answer_are_answered(tokenizer: Tokenizer) -> None:
    sentences = tuple("abcdefgh " * 8 + str(number) for number in range(8))
    passage = answered(sentences, (5, 72, 73))
    (found,) = rows(tokenizer, Example("Where?", (passage,)))
    assert len(found) > 1
    assert sum(bool(row.answered) for row in found) >= 1
    for row in found:
        numbers = [number for number, _, _ in row.window.pieces]
        assert row.answered == (5 in numbers)
        assert texts(row, passage.passage) == (["5"] if 5 in numbers else [])


@pytest.mark.parametrize(("at", "held"), [(30, [False, True, False]), (23, [True, False, False])], ids=["end", "start"])
def test_an_answer_that_a_window_cuts_off_is_not_in_that_window(
    tokenizer: Tokenizer, at: int, held: list[bool]
) -> None:
    # Eight tokens a word. A window has room for 247 of the sentence's; the second one begins with the 187th.
    words = [f"abcdef{number:02}" for number in range(60)]
    text = " ".join(words)
    answer = f"{words[at - 1]} {words[at]}"
    start = text.index(answer)
    end = start + len(answer)
    passage = answered((text,), (0, start, end))
    (found,) = rows(tokenizer, Example("Where?", (passage,)))
    assert [row.answered for row in found] == held
    assert [texts(row, passage.passage) for row in found if row.answered] == [[answer]]
    edges = {
        edge for row in found for edge in (row.window.pieces[0][2].spans[0][0], row.window.pieces[0][2].spans[-1][1])
    }
    assert any(start < edge < end for edge in edges)


@pytest.mark.parametrize("answer", [False, None])
def test_a_passage_without_a_known_answer(tokenizer: Tokenizer, answer: bool | None) -> None:
    right = (False, True) if answer is None else (False, False)
    passage = Labelled(Passage(("It rained.", "It was Lund.")), (), answer, right)
    ((row,),) = rows(tokenizer, Example("Where?", (passage,)))
    assert (row.starts, row.ends, row.answered, row.right) == ((), (), answer, right)
    arrays = to_arrays([row], 0)
    # No answer is an answer at [CLS]; where it is not known, nothing is learnt from the row's tokens.
    expected = [0] if answer is False else []
    assert arrays.answers.tolist() == [answer is False]
    assert np.flatnonzero(arrays.starts[0]).tolist() == np.flatnonzero(arrays.ends[0]).tolist() == expected


def test_a_passage_without_a_token_makes_no_row(tokenizer: Tokenizer) -> None:
    nothing = Labelled(Passage(("", " ")), (), False, (False, False))
    assert rows(tokenizer, Example("Where?", (nothing,))) == []
    found = rows(tokenizer, Example("Where?", (nothing,)), Example("Who?", (answered(("Bob.",), (0, 0, 3)),)))
    assert [[row.group for row in each] for each in found] == [[1]]


# Arrays


def test_a_batch_has_a_fixed_shape_and_what_fills_it_up_has_no_weight(tokenizer: Tokenizer) -> None:
    passage = answered(("It rained.", "It was Lund."), (1, 7, 11), title="Rain")
    wrong = Labelled(Passage(("Fog.",)), (), False, (None,))
    ((first, second),) = rows(tokenizer, Example("Where?", (passage, wrong)))
    batch = to_arrays([first, second], 480)
    assert batch.ids.shape == (10, 48)
    for name in ("mask", "types", "starts", "ends", "open", "sentence"):
        assert getattr(batch, name).shape == (10, 48), name
    for row, each in enumerate((first, second)):
        size = len(each.window.ids)
        assert batch.ids[row, :size].tolist() == list(each.window.ids)
        assert batch.mask[row].tolist() == [1] * size + [0] * (48 - size)
        context = each.window.context
        assert batch.types[row].tolist() == [0] * context + [1] * (size - context) + [0] * (48 - size)
        inside = {at + n for _, at, tokens in each.window.pieces for n in range(len(tokens))}
        assert set(np.flatnonzero(batch.open[row])) == {0, *inside}
        assert set(np.flatnonzero(batch.sentence[row] >= 0)) == inside
    at = first.window.pieces[1][1]
    assert batch.sentence[0, at] == 1
    assert batch.sentence[1].max() == batch.sentence.max() == 2
    assert batch.right.tolist() == [0.0, 1.0, -1.0]
    assert batch.group.tolist() == [0, 0, 0]
    # One token each, which nothing is learnt from.
    assert batch.answers.tolist() == [True, True] + [False] * 8
    assert batch.mask[2:].sum(axis=1).tolist() == [1] * 8
    assert batch.open[2:, 1:].sum() == batch.ids[2:].sum() == batch.types[2:].sum() == 0
    assert (batch.sentence[2:] == -1).all()
    assert batch.starts[2:].sum() == batch.ends[2:].sum() == 0


def row(length: int, group: int) -> Row:
    tokens = Tokens(tuple(range(100, 96 + length)), tuple((n, n + 1) for n in range(length - 4)))
    return Row(Window((2, 5, 3, *tokens.ids, 3), 3, ((0, 3, tokens),)), (), (), False, (False,), group)


SIZES = st.lists(st.lists(st.integers(6, LENGTHS[-1]), min_size=1, max_size=9), min_size=1, max_size=20)


@settings(deadline=None)
@given(sizes=SIZES, tokens=st.sampled_from([100, 256, 768, 3072]), seed=st.integers(0, 5))
def test_every_row_is_in_one_batch_of_one_of_the_shapes(sizes: list[list[int]], tokens: int, seed: int) -> None:
    examples = [[row(length, group) for length in lengths] for group, lengths in enumerate(sizes)]
    batches = make_batches(examples, tokens, random.Random(seed))
    assert sorted(each.group for batch in batches for each in batch) == sorted(
        each.group for rows in examples for each in rows
    )
    assert all(batches)
    for batch in batches:
        arrays = to_arrays(batch, tokens)
        assert arrays.ids.shape[1] in LENGTHS
        assert arrays.ids.shape[0] == max(1, tokens // arrays.ids.shape[1]) >= len(batch)
    # Rows of one question are compared with one another: they are in one batch, where that leaves it half empty.
    for group, rows in enumerate(examples):
        longest = max(len(each.window.ids) for each in rows)
        room = tokens // next(length for length in LENGTHS if longest <= length)
        holding = [batch for batch in batches if any(each.group == group for each in batch)]
        if len(rows) <= room // 2:
            assert len(holding) == 1
    assert make_batches(examples, tokens, random.Random(seed)) == batches


def test_the_order_is_drawn() -> None:
    examples = [[row(20 + number % 200, number)] for number in range(60)]
    orders = {
        tuple(each.group for batch in make_batches(examples, 768, random.Random(seed)) for each in batch)
        for seed in range(5)
    }
    assert len(orders) == 5
    assert make_batches([], 768, random.Random(1)) == []
