"""Examples as rows and packed: where the labels point, what a file holds, and which rows go together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import TrainingError
from rag.reader import Passage, Tokens, Window
from rag.reader_models import Tokenizer
from rag.training.examples import Example, Labelled
from rag.training.packed_rows import (
    LENGTHS,
    PackedRows,
    Row,
    pack,
    pieces_of,
    read_piece,
    rows_of,
    sha256_of,
    write_piece,
)

if TYPE_CHECKING:
    from pathlib import Path

    from rag.training.packed_rows import Batch


@pytest.fixture(scope="module")
def tokenizer(bert_folder: Path) -> Tokenizer:
    return Tokenizer.load(bert_folder / "tokenizer.json")


def rows(tokenizer: Tokenizer, *examples: Example) -> list[list[Row]]:
    return rows_of(examples, tokenizer, cls=tokenizer.special("[CLS]"), sep=tokenizer.special("[SEP]"))


def whole(questions: list[list[Row]]) -> Batch:
    """All rows, of one length, as one batch."""
    packed = PackedRows(pack(questions))
    (cut,) = packed.cuts(10**6)
    return packed.batch(cut)


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
    batch = whole([[row]])
    assert np.flatnonzero(batch.starts[0]).tolist() == sorted(row.starts)
    assert np.flatnonzero(batch.ends[0]).tolist() == sorted(row.ends)


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
    batch = whole([[row]])
    # No answer is an answer at [CLS]; where it is not known, nothing is learnt from the row's tokens.
    expected = [0] if answer is False else []
    assert batch.answered.tolist() == [0 if answer is False else -1]
    assert np.flatnonzero(batch.starts[0]).tolist() == np.flatnonzero(batch.ends[0]).tolist() == expected


def test_a_passage_without_a_token_makes_no_row(tokenizer: Tokenizer) -> None:
    nothing = Labelled(Passage(("", " ")), (), False, (False, False))
    assert rows(tokenizer, Example("Where?", (nothing,))) == []
    found = rows(tokenizer, Example("Where?", (nothing,)), Example("Who?", (answered(("Bob.",), (0, 0, 3)),)))
    assert [[row.group for row in each] for each in found] == [[1]]


# Packed


def test_a_batch_holds_the_rows_and_their_labels(tokenizer: Tokenizer) -> None:
    passage = answered(("It rained.", "It was Lund."), (1, 7, 11), title="Rain")
    wrong = Labelled(Passage(("Fog.",)), (), False, (None,))
    ((first, second),) = rows(tokenizer, Example("Where?", (passage, wrong)))
    batch = whole([[first, second]])
    assert batch.ids.shape == batch.sentences.shape == batch.starts.shape == batch.ends.shape == (2, 48)
    for number, each in enumerate((first, second)):
        size = len(each.window.ids)
        assert batch.ids[number].tolist() == [*each.window.ids, *[0] * (48 - size)]
        assert (int(batch.lengths[number]), int(batch.contexts[number])) == (size, each.window.context)
        for place, (_, at, piece) in enumerate(each.window.pieces):
            assert np.flatnonzero(batch.sentences[number] == place).tolist() == list(range(at, at + len(piece)))
    assert batch.right.tolist() == [[0, 1], [-1, -2]]
    assert batch.answered.tolist() == [1, 0]
    assert batch.groups.tolist() == [0, 0]
    assert np.flatnonzero(batch.starts[1]).tolist() == np.flatnonzero(batch.ends[1]).tolist() == [0]


def row(length: int, group: int) -> Row:
    tokens = Tokens(tuple(range(100, 96 + length)), tuple((n, n + 1) for n in range(length - 4)))
    return Row(Window((2, 5, 3, *tokens.ids, 3), 3, ((0, 3, tokens),)), (), (), False, (False,), group)


SIZES = st.lists(st.lists(st.integers(6, LENGTHS[-1]), min_size=1, max_size=9), min_size=1, max_size=20)


def groups_of(packed: PackedRows, tokens: int, generator: np.random.Generator | None) -> list[list[int]]:
    return [packed.batch(cut).groups.tolist() for cut in packed.cuts(tokens, generator)]


@settings(deadline=None)
@given(sizes=SIZES, tokens=st.sampled_from([100, 256, 768, 3072]), seed=st.integers(0, 5))
def test_every_row_is_in_one_batch_of_one_of_the_shapes(sizes: list[list[int]], tokens: int, seed: int) -> None:
    questions = [[row(length, group) for length in lengths] for group, lengths in enumerate(sizes)]
    packed = PackedRows(pack(questions))
    wanted = sorted(each.group for rows in questions for each in rows)
    assert (packed.count, packed.questions) == (len(wanted), len(questions))
    assert sorted(group for batch in groups_of(packed, tokens, None) for group in batch) == wanted
    drawn = groups_of(packed, tokens, np.random.default_rng(seed))
    assert drawn == groups_of(packed, tokens, np.random.default_rng(seed))
    # In random order what is left over of a length waits for another time: no more than a batch of each.
    found = sorted(group for batch in drawn for group in batch)
    assert not [group for group in set(found) if found.count(group) > wanted.count(group)]
    assert len(wanted) - len(found) < sum(max(1, tokens // length) for length in LENGTHS)
    for cut in packed.cuts(tokens, np.random.default_rng(seed)):
        batch = packed.batch(cut)
        assert batch.ids.shape[1] in LENGTHS
        assert len(batch.ids) <= max(1, tokens // batch.ids.shape[1])
        # The rows of a question are compared with one another: they stand together.
        numbers = batch.groups.tolist()
        assert [number for number, before in zip(numbers[1:], numbers, strict=False) if number != before] == list(
            dict.fromkeys(numbers)
        )[1:]


def test_the_order_is_drawn() -> None:
    packed = PackedRows(pack([[row(20 + number % 200, number)] for number in range(60)]))
    orders = {str(groups_of(packed, 768, np.random.default_rng(seed))) for seed in range(5)}
    assert len(orders) == 5
    nothing = PackedRows(pack([]))
    assert (nothing.count, nothing.tokens, nothing.cuts(768)) == (0, 0, [])


def test_no_piece_is_larger_than_it_may_be(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    questions = []
    for group in range(400):
        each = row(200, group)
        ids = tuple(generator.integers(0, 2**16, len(each.window.ids)).tolist())
        questions.append([Row(Window(ids, 3, each.window.pieces), (4,), (5,), True, (True,), group)])
    pieces = list(pieces_of(questions, most=60_000))
    assert [rows for piece in pieces for rows in piece] == questions
    assert len(pieces) == 4
    for number, piece in enumerate(pieces):
        path = tmp_path / f"{number}.npz.xz"
        sha256 = write_piece(pack(piece), path)
        assert path.stat().st_size < 60_000
        assert sha256 == sha256_of(path)
        again = read_piece(path, sha256)
        assert all((values == again[name]).all() for name, values in pack(piece).items())
    assert not list(tmp_path.glob("*.part"))


def test_a_piece_that_is_damaged_or_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz.xz"
    sha256 = write_piece(pack([[row(20, 0)]]), path)
    content = path.read_bytes()
    for damaged in (content[:-5], content[:40] + bytes([content[40] ^ 1]) + content[41:], b""):
        path.write_bytes(damaged)
        with pytest.raises(TrainingError, match="is damaged: its SHA-256") as caught:
            read_piece(path, sha256)
        assert str(path) in str(caught.value)
    path.unlink()
    with pytest.raises(TrainingError, match="cannot be read"):
        read_piece(path, sha256)
