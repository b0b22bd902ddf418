"""What a question asks: its words that count, the names in it, and what kind of thing would answer it."""

from __future__ import annotations

import itertools
import unicodedata
from dataclasses import dataclass

from index.analysis import content_terms, words
from index.errors import QuestionError
from rag.kinds import kinds_of
from rag.speech import speaker_of

__all__ = ["MAX_CHARACTERS", "Question", "read_question"]

MAX_CHARACTERS = 1_000
"""Longer questions are refused: an encoder reads about 1,000 characters, and nobody asks that much at once."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it is understood.

    Attributes:
        text: the question, white space folded.
        terms: stems of its words that count, in order, each once (`index.analysis.content_terms`).
        names: those of the terms that are written with a capital inside the question.
        pairs: neighbouring terms, in order.
        kinds: what kind of thing would answer it (`rag.kinds.kinds_of`).
        speaker: stems of who is asked about when words are asked for (`rag.speech.speaker_of`).
    """

    text: str
    terms: tuple[str, ...]
    names: frozenset[str]
    pairs: tuple[tuple[str, str], ...]
    kinds: tuple[str, ...]
    speaker: frozenset[str]


def read_question(text: str) -> Question:
    """Read a question.

    Raises:
        QuestionError: when it is empty, longer than `MAX_CHARACTERS`, or holds control characters.

    >>> read_question("When and where is the NATO summit?").kinds
    ('date', 'place')
    """
    folded = " ".join(text.split())
    if not folded:
        raise QuestionError('the question is empty; expected some words, such as "what did Putin demand?"')
    if len(folded) > MAX_CHARACTERS:
        raise QuestionError(f"the question has {len(folded):,} characters; expected at most {MAX_CHARACTERS:,}")
    for at, character in enumerate(folded):
        if unicodedata.category(character) in {"Cc", "Cs"}:
            raise QuestionError(
                f"the question holds the control character U+{ord(character):04X} at position {at}; expected plain text"
            )
    if not any(character.isalnum() for character in folded):
        raise QuestionError("the question holds no letter and no digit; expected some words")
    terms = content_terms(folded)
    known = set(terms)
    found = words(folded)
    names = frozenset(word.stem for word in found[1:] if word.stem in known and folded[word.start].isupper())
    in_order = [word.stem for word in found if word.stem in known]
    pairs = tuple(dict.fromkeys(itertools.pairwise(in_order)))
    return Question(folded, terms, names, pairs, kinds_of(folded), speaker_of(folded))
