"""What a quote leans on: of a sentence that opens with "he" or "the minister", the one before that says who it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rag.speech import opens_by_office

if TYPE_CHECKING:
    from index.store.base import PassageRecord, SentenceRecord

__all__ = ["leans_back", "resolving_sentence"]

_PRONOUN = re.compile(
    r"""^\W*(?:(?:And|But|Yet|So|Then|Still|However|Instead|Meanwhile|Also|There|Here),?\s+)?
    (?:He|She|They|It|His|Her|Hers|Their|Theirs|Its|Him|Them|This|That|These|Those|Both|Such|The\s+(?:former|latter|two|pair))
    (?:['’](?:s|d|ll|re|ve))?\s(?!(?:comes?|came)\s+(?:amid|after|as|at|days|hours|weeks|less|just|on)\b)""",
    re.IGNORECASE | re.VERBOSE,
)
_FURTHEST = 3
"""Sentences that are looked back."""


def leans_back(sentence: str) -> bool:
    """Whether a sentence opens with a word that another sentence must explain.

    >>> leans_back("He added that talks would go on."), leans_back("Putin added that talks would go on.")
    (True, False)
    >>> leans_back("It comes amid talks in London.")  # says when, and of what: of all that was told before
    False
    """
    return _PRONOUN.match(sentence) is not None or opens_by_office(sentence)


def resolving_sentence(passage: PassageRecord, sentence: SentenceRecord) -> SentenceRecord | None:
    """The nearest sentence before, in its passage or just before it, that does not itself lean back.

    None when the sentence does not lean back, or nothing near explains it.
    """
    if not leans_back(sentence.span.of(passage.text)):
        return None
    known = [each for each in (passage.before, *passage.sentences) if each is not None]
    earlier = [each for each in known if each.span.start < sentence.span.start and each.kind == sentence.kind]
    for candidate in reversed(earlier[-_FURTHEST:]):
        if not leans_back(candidate.span.of(passage.text)):
            return candidate
    return None
