from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.analysis import content_terms, fold, stop_words, words


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("what did Putin demand?", ("putin", "demand")),
        ("How many nations does Britain expect to contribute?", ("mani", "nation", "britain", "expect", "contribut")),
        ("What did the US say?", ("us", "say")),
        ("Who is he?", ("who", "is", "he")),
        ("Who is who?", ("who", "is")),
    ],
)
def test_content_terms(question, terms):
    assert content_terms(question)[-len(terms) :] == terms or content_terms(question) == terms


@given(st.text(max_size=200))
def test_words_stand_where_they_say(text):
    for word in words(text):
        assert text[word.start : word.end].isalnum()
        assert word.stem


def test_fold_keeps_letters_and_digits_of_any_script():
    assert fold("Ålesund – 5.5 million, Київ!") == "ålesund 5 5 million київ"


def test_the_stop_list_is_clean():
    assert {"what", "did", "who"} <= stop_words()
    assert all(word == word.lower().strip() for word in stop_words())
