"""Words of a text as the lexical index sees them: folded to lower case and ASCII, and stemmed.

The index, the scoring of sentences and the detection of copies all use these functions, so that "demanded" in an
article and "demand" in a question are one word everywhere.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib.resources import files as package_files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tantivy

__all__ = ["Word", "analyser", "content_terms", "fold", "stem", "stop_words", "words"]

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text: the half-open character range it stands in, and its stem."""

    start: int
    end: int
    stem: str


@functools.cache
def analyser() -> tantivy.TextAnalyzer:
    """The analyser that the lexical index registers, built once: split at non-alphanumerics, fold, stem (English)."""
    import tantivy

    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(80))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


@functools.lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """The stem of one word; the lower-cased word itself where the analyser gives none.

    >>> stem("Demanded"), stem("demands")
    ('demand', 'demand')
    """
    terms = analyser().analyze(word)
    return terms[0] if terms else word.lower()


@functools.cache
def stop_words() -> frozenset[str]:
    """English function words in lower case, from `index/data/stop_words.txt`."""
    lines = package_files("index").joinpath("data", "stop_words.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def words(text: str) -> tuple[Word, ...]:
    """The words of `text` in order, with their places and stems.

    >>> [word.stem for word in words("Putin's demands")]
    ['putin', 's', 'demand']
    """
    return tuple(Word(match.start(), match.end(), stem(match.group())) for match in _WORD.finditer(text))


def content_terms(question: str) -> tuple[str, ...]:
    """The distinct stems of a question's words that are no function words, in order.

    A question of function words alone ("Who is he?") keeps all its words, so that there is something to look for.

    >>> content_terms("What did Putin demand?")
    ('putin', 'demand')
    """
    found = [match.group() for match in _WORD.finditer(question)]
    kept = [word for word in found if word == "US" or word.lower() not in stop_words()] or found
    return tuple(dict.fromkeys(stem(word) for word in kept))


def fold(text: str) -> str:
    """Letters and digits in lower case, one space between words: what is left to compare when typography is not.

    >>> fold("‘This Is Not the Time,’ NATO’s Rutte")
    'this is not the time nato s rutte'
    """
    return " ".join(_WORD.findall(text)).lower()
