"""Which words of a sentence are marked: at natural borders, and where there is a likely one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.marks import LEAST_MARGIN, best_spans, marks_nothing, natural_span
from rag.reader import best_span


def natural(text: str, marked: str, *kinds: str) -> str:
    """What is marked in place of the words `marked` of a text."""
    start = text.index(marked)
    return text[slice(*natural_span(text, start, start + len(marked), kinds))]


@pytest.mark.parametrize(
    ("text", "marked", "expected"),
    [
        ("They bought iPhones and a TikTok ad.", "iPhone", "iPhones"),
        ("They bought iPhones and a TikTok ad.", "Tok", "TikTok"),
        ("It has 1,000 seats.", "00", "000"),
        ("He said: no, never!", ": no, never!", "no, never"),
        ("The last — it rained — was 1912.", "— it rained —", "it rained"),
        ("It is 6,259km (3,889mi) long.", "6,259km (3,889mi", "6,259km (3,889mi)"),
        ("Michelle Stafford (other than Sandra Nelson) played.", "Michelle Stafford (other than", "Michelle Stafford"),
        ("Fish (chordates with backbones) swim.", "chordates with backbones)", "chordates with backbones"),
        ("They sang “Hey Jude” twice.", "Jude”", "Jude"),
        ("They sang “Hey Jude” twice.", "“Hey Jude”", "“Hey Jude”"),
        ("It stood in Lund. It rained.", "Lund.", "Lund"),
        ("It stood in the U.S. It rained.", "U.S.", "U.S."),
        ("It met at 5 p.m. on Monday.", "5 p.m.", "5 p.m."),
    ],
)
def test_a_span_ends_where_a_word_or_a_bracket_does(text: str, marked: str, expected: str) -> None:
    assert natural(text, marked) == expected


@pytest.mark.parametrize(
    ("text", "marked", "expected"),
    [
        ("It cost $15 billion.", "$15", "$15 billion"),
        ("It rains on 80 percent of days.", "80", "80 percent"),
        ("Some 12.5 % agreed.", "12.5", "12.5 %"),
        ("They sold two million.", "two", "two million"),
        ("It took 15 rounds.", "15", "15"),
        ("She won her 23-time trophy.", "23", "23"),  # golden answers leave out what is joined by a hyphen
        ("A million people came.", "people", "people"),
    ],
)
def test_a_number_keeps_what_it_counts_in(text: str, marked: str, expected: str) -> None:
    assert natural(text, marked) == expected


@pytest.mark.parametrize(
    ("text", "marked", "expected"),
    [
        ("It landed at the International Space Station today.", "Station", "International Space Station"),
        ("They flew to New York.", "York", "New York"),
        ("They flew to New York City.", "New York", "New York City"),
        ("They signed the Inflation Reduction Act.", "Inflation Reduction", "Inflation Reduction Act"),
        ("The Great Smoky Mountains National Park.", "Smoky Mountains", "Smoky Mountains National Park"),
        ("Yesterday President Biden spoke.", "Biden", "Biden"),  # a title stays in or out
        ("Yesterday President Biden spoke.", "President Biden", "President Biden"),
        ("On Monday Biden spoke.", "Biden", "Biden"),
        ("Today Berg won.", "Berg", "Berg"),  # any sentence opens with a capital
        ("He went. Later Berg won.", "Berg", "Berg"),
        ("He ran Former Starbucks shops.", "Starbucks", "Starbucks"),
        ("The chief of Starbucks CEO club.", "Starbucks", "Starbucks"),
        ("It is the NFL Park.", "NFL", "NFL"),
    ],
)
def test_a_name_that_was_cut_is_completed(text: str, marked: str, expected: str) -> None:
    assert natural(text, marked) == expected


def test_a_date_ends_before_what_happened_then() -> None:
    text = "It was built between 1931 and 1936 during the war and was opened on May 2, 1937 by him."
    whole = text[text.index("between") : text.index(" by him")]
    assert natural(text, whole, "date") == "between 1931 and 1936"
    assert natural(text, whole) == whole
    assert natural("It was built in 537 AD at the beginning of an age.", "537 AD at the beginning", "date") == "537 AD"
    assert natural("He came on May 2, 1937.", "May 2, 1937", "date") == "May 2, 1937"


def test_a_preposition_goes_for_a_date_or_a_place_alone() -> None:
    assert natural("It was in London.", "in London", "place") == "London"
    assert natural("It was On Monday.", "On Monday", "date") == "Monday"
    assert natural("It was in London.", "in London") == "in London"
    assert natural("It was in London.", "in London", "person") == "in London"
    assert natural("It takes at least a week.", "at least a week", "date") == "at least a week"


def test_articles_stay_as_they_are() -> None:
    assert natural("He saw the bridge.", "the bridge") == "the bridge"
    assert natural("He saw the bridge.", "bridge") == "bridge"


@given(
    st.text(alphabet='ab A.,()“”"$€5 %-–million\n', max_size=40),
    st.integers(0, 40),
    st.integers(0, 40),
    st.sampled_from([(), ("date",), ("place",), ("person", "date")]),
)
def test_a_span_stays_in_its_sentence_and_is_never_empty(
    text: str, start: int, end: int, kinds: tuple[str, ...]
) -> None:
    start, end = min(start, len(text)), min(end, len(text))
    if start >= end:
        return
    first, last = natural_span(text, start, end, kinds)
    assert 0 <= first < last <= len(text)
    marked = text[first:last]
    if (first, last) != (start, end):
        assert marked == marked.strip()


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=9))
def test_the_best_spans_are_those_of_a_greedy_search(scores: list[tuple[float, float]]) -> None:
    start, end = (np.array(side, dtype=np.float32) for side in zip(*scores, strict=True))

    def choose(low: int, high: int) -> tuple[int, int, float]:
        first, last, score = best_span(start[low:high], end[low:high])
        return low + first, low + last, score

    found = best_spans(choose, len(scores), most=3, reach=10.0)
    spans = [
        (first, last, float(start[first] + end[last]))
        for first in range(len(scores))
        for last in range(first, len(scores))
    ]
    left = spans
    for count, (first, last, score) in enumerate(found):
        assert score == pytest.approx(max(each[2] for each in left))
        assert count == 0 or score >= found[0][2] - 10.0
        left = [each for each in left if each[1] < first or each[0] > last]
    if len(found) < 3:
        assert not left or max(each[2] for each in left) < found[0][2] - 10.0


def test_nothing_is_marked_where_no_span_is_likely() -> None:
    assert marks_nothing(LEAST_MARGIN - 0.1)
    assert not marks_nothing(LEAST_MARGIN)
    assert marks_nothing(float("-inf"))
