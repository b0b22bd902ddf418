from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.dedupe import (
    ARTICLES,
    BANDS,
    MIN_WORDS,
    PASSAGES,
    Words,
    article_key,
    band_keys,
    jaccard,
    key,
    longest_new,
)

WORDS = [f"word{n}" for n in range(3000)]


def passage(seed: int, length: int = 90) -> list[str]:
    return random.Random(seed).choices(WORDS, k=length)


def edited(words: list[str], share: float, seed: int) -> list[str]:
    generator = random.Random(seed)
    return [generator.choice(WORDS) if generator.random() < share else word for word in words]


@given(st.lists(st.sampled_from(["Peace", "talks", "in", "Ankara", "5"]), min_size=1, max_size=8))
def test_keys_ignore_case_punctuation_and_spacing_only(found):
    assert key(" ".join(found)) == key("“" + ",  ".join(word.upper() for word in found) + ".”")
    assert key(" ".join(found)) != key(" ".join([*found, "now"]))


def test_keys_fit_sqlite():
    assert all(-(2**63) <= key(f"text {n}") < 2**63 for n in range(200))


def test_short_passages_have_no_shingles():
    assert Words.of("word " * (MIN_WORDS - 1)).shingles == frozenset()
    assert len(Words.of(" ".join(passage(1, MIN_WORDS))).shingles) == MIN_WORDS - 2


@pytest.mark.parametrize(("share", "least"), [(0.0, 1.0), (0.02, 1.0), (0.05, 0.95), (0.1, 0.75)])
def test_lightly_edited_copies_share_a_band(share, least):
    originals = [passage(n) for n in range(200)]
    copies = [edited(words, share, n) for n, words in enumerate(originals)]
    sets = [Words.of(" ".join(words)).shingles for words in (*originals, *copies)]
    keys = [set(each) for each in band_keys(sets)]
    found = sum(bool(keys[n] & keys[200 + n]) for n in range(200)) / 200
    assert found >= least


def test_different_passages_are_not_copies():
    sets = [Words.of(" ".join(passage(n))).shingles for n in range(100)]
    assert max(jaccard(sets[0], other) for other in sets[1:]) < PASSAGES.threshold / 5


def test_an_empty_set_has_no_bands():
    assert list(band_keys([frozenset()])) == [()]


def test_bands_are_the_same_on_every_run():
    (first,) = band_keys([Words.of(" ".join(passage(5))).shingles])
    (second,) = band_keys([Words.of(" ".join(passage(5))).shingles])
    assert first == second
    assert len(first) == BANDS


def test_the_bands_and_keys_of_articles_are_others_than_those_of_passages():
    text = " ".join(passage(5))
    ours, theirs = (set(next(iter(band_keys([Words.of(text).shingles], each)))) for each in (PASSAGES, ARTICLES))
    assert not ours & theirs
    assert key(text) != article_key(text)


def test_a_new_sentence_makes_no_near_copy_and_a_lost_one_does():
    words = passage(1)
    longer, whole = Words.of(" ".join([*words, *passage(2, 9)])), Words.of(" ".join(words))
    assert jaccard(longer.shingles, whole.shingles) > PASSAGES.threshold
    assert PASSAGES.of(longer, whole) == 0
    assert PASSAGES.of(whole, longer) > PASSAGES.threshold
    assert ARTICLES.of(longer, whole) == ARTICLES.of(whole, longer) > ARTICLES.threshold


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=3, max_size=12), st.integers(0, 40))
def test_new_words_are_counted_one_by_one(found, seed):
    generator = random.Random(seed)
    trigrams = [" ".join(found[at : at + 3]) for at in range(len(found) - 2)]
    known = {each for each in trigrams if generator.random() < 0.4}
    covered = [
        any(trigrams[at] in known for at in range(word - 2, word + 1) if 0 <= at < len(trigrams))
        for word in range(len(found))
    ]
    runs = "".join("." if each else "x" for each in covered).split(".")
    assert longest_new(found, known) == max(map(len, runs))
