"""Which conditions of a question a sentence leaves open or contradicts."""

from __future__ import annotations

import string
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.analysis import stem
from rag.conditions import condition_features
from rag.question import read_question

NAMES = {
    "denied",
    "asks_rank_missing",
    "asks_place_missing",
    "number_missing",
    "opposite",
    "repeats_question",
    "wrong_type",
}


def found(
    question: str, sentence: str, marked: str | None = None, before: str = "", title: str = ""
) -> dict[str, float]:
    """The features that are not 0, with the words `marked` of the sentence as the span."""
    start = sentence.index(marked) if marked is not None else 0
    span = (start, start + len(marked)) if marked is not None else None
    features = condition_features(read_question(question), sentence, before, title, span)
    assert set(features) == NAMES
    return {name: value for name, value in features.items() if value}


def test_nothing_speaks_against_the_right_sentence() -> None:
    sentence = "Anna Berg won the first race of 1998 in Lund."
    assert found("Who won the first race in Lund in 1998?", sentence, "Anna Berg") == {}


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("Who won the largest race?", "Berg won a race.", {"asks_rank_missing": 1}),
        ("Who won the largest race?", "Berg won the biggest race.", {}),
        ("Who won the inaugural race?", "Berg won the first race.", {}),
        ("Who won the race in Texas?", "Berg won the race in Lund.", {"asks_place_missing": 1}),
        ("Who won the race in Texas?", "Berg won the Texan race.", {}),
        ("Who won in Lund against Malmö?", "Berg won in Lund.", {"asks_place_missing": 0.5}),
        ("Who won in May?", "Berg won.", {}),  # a month is no place
        ("Who won in 1998?", "Berg won in 1997.", {"number_missing": 1}),
        ("Who won from 1998 to 2001?", "Berg won in 1998.", {"number_missing": 0.5}),
        ("Who won all 3 races?", "Berg won all three races.", {}),
        ("Who won the race?", "Berg lost the race.", {"opposite": 1}),
        ("Who won the race?", "Berg won the race that Fries lost.", {}),
        ("Who won or lost the race?", "Berg lost the race.", {}),
        ("When did prices rise?", "Prices fell in May.", {"opposite": 1}),
        ("Who was second in command?", "Berg was third in command.", {"asks_rank_missing": 1, "opposite": 1}),
        ("Who is the mother of Berg?", "His father is Fries.", {"opposite": 1, "asks_place_missing": 1}),
    ],
)
def test_conditions_of_the_question(question: str, sentence: str, expected: dict[str, float]) -> None:
    assert found(question, sentence) == expected


def test_the_sentence_before_and_the_title_count_too() -> None:
    question = "Who won the first race in Lund in 1998?"
    open_left = {"asks_rank_missing", "asks_place_missing", "number_missing"}
    assert set(found(question, "Anna Berg won it.")) == open_left
    assert found(question, "Anna Berg won it.", title="First race of 1998 in Lund") == {}
    assert found(question, "Anna Berg won it.", before="Lund held its first race in 1998.") == {}
    assert found(question, "Berg lost it.", before="Fries won the first race in Lund in 1998.") == {"opposite": 1}


def test_what_the_span_is() -> None:
    strike = "The union denied that it asked for 12 percent; it wants 7 percent."
    assert found("What does the union want?", strike, "12 percent") == {"denied": 1}
    assert found("What does the union want?", strike, "7 percent") == {}
    assert found("What did the union deny?", strike, "12 percent") == {}
    assert found("Who leads the union of dockers?", "The union of dockers is led.", "The union") == {
        "repeats_question": 1
    }
    assert found("Who came?", "He came in March 2019.", "March 2019") == {"wrong_type": 1}
    assert found("When did he come?", "He came to Malmö.", "Malmö") == {"wrong_type": 1}
    assert found("When and where did he come?", "He came to Malmö.", "Malmö") == {}
    assert found("When did he come?", "He came after the war.", "after the war") == {}
    assert found("How many came?", "He said that Anna Berg came.", "Anna Berg") == {"wrong_type": 1}
    assert found("How many came?", "He said that about 20 came.", "20") == {}


@given(
    st.text(alphabet=string.ascii_letters + string.digits + " .,’", min_size=1, max_size=60),
    st.text(alphabet=string.ascii_letters + string.digits + " .,’", max_size=60),
    st.text(max_size=20),
    st.integers(0, 60),
)
def test_features_lie_between_0_and_1(question: str, sentence: str, title: str, cut: int) -> None:
    span = (0, min(cut, len(sentence))) if cut else None
    features = condition_features(read_question(f"Who {question}"), sentence, "", title, span)
    assert set(features) == NAMES
    assert all(0.0 <= value <= 1.0 for value in features.values())


def test_no_word_of_the_list_is_its_own_contrary() -> None:
    lines = files("rag").joinpath("data", "condition_words.txt").read_text("utf-8").splitlines()
    kinds = {line.split(":")[0] for line in lines if not line.startswith("#")}
    assert kinds == {"opposite", "rank"}
    for line in lines:
        kind, _, listed = line.partition(": ")
        sides = [[stem(word) for word in side.split()] for side in listed.split("|")]
        if kind == "opposite":
            left, right = sides
            assert not set(left) & set(right), line
        if kind in {"opposite", "rank"}:
            assert all(len(side) == len(set(side)) and side for side in sides), line
