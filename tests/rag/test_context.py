"""What a quote leans on."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from rag.context import leans_back, resolving_sentence

if TYPE_CHECKING:
    from index.store.base import PassageRecord


@pytest.mark.parametrize(
    "sentence",
    [
        "He added that talks would go on.",
        "“They won’t,” said the mayor.",
        "She’s the first to do so.",
        "It cost 12 million.",
        "But he refused.",
        "However, they refused.",
        "Meanwhile, these were sold.",
        "The latter refused.",
        "his hands were tied",
        "The Russian leader told him so.",
    ],
)
def test_what_leans_back(sentence: str) -> None:
    assert leans_back(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Putin added that he would not.",
        "Hector refused.",
        "Italy refused.",
        "Theirs",
        "But Rutte refused.",
        "The president of Chile told him so.",
        "Thisbe and Pyramus met.",
        "",
        "…",
    ],
)
def test_what_does_not(sentence: str) -> None:
    assert not leans_back(sentence)


def resolved(passage: PassageRecord, at: int) -> str | None:
    found = resolving_sentence(passage, passage.sentences[at])
    return None if found is None else found.span.of(passage.text)


def test_the_nearest_sentence_before_that_leans_on_nothing(stored: Any) -> None:
    passage = stored(1, "Åse Dahl won.", "Ingrid lost.", "She wept.", "But she came back.", "Dahl did not.")
    assert resolved(passage, 2) == resolved(passage, 3) == "Ingrid lost."
    assert resolved(passage, 0) is None
    assert resolved(passage, 4) is None, "a name leans on nothing"


def test_the_sentence_in_front_of_a_passage_counts(stored: Any) -> None:
    assert resolved(stored(1, "She won.", before="Åse came."), 0) == "Åse came."
    assert resolved(stored(1, "She won.", before="He came."), 0) is None
    assert resolved(stored(1, "She won."), 0) is None


def test_no_further_back_than_three_sentences(stored: Any) -> None:
    assert resolved(stored(1, "Åse came.", "She won.", "She sang.", "She left."), 3) == "Åse came."
    assert resolved(stored(1, "Åse came.", "She won.", "She sang.", "She left.", "She slept."), 4) is None


def test_what_stands_behind_explains_nothing(stored: Any) -> None:
    assert resolved(stored(1, "She won.", "Åse came."), 0) is None


def test_a_caption_explains_no_prose(stored: Any) -> None:
    passage = stored(1, "Ingrid lost.", "Åse at the finish.", "She wept.")
    first, caption, last = passage.sentences
    caption = dataclasses.replace(caption, kind="caption")
    assert resolved(dataclasses.replace(passage, sentences=(first, caption, last)), 2) == "Ingrid lost."
