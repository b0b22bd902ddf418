"""Conditions of a question that a sentence leaves open or contradicts, as named features for `rag.logistic` to weigh.

A sentence may hold a question's words and a span of the right look, and still answer another question: about another
year, another place, the second instead of the first. What is told here is told by single words, and so it may be wrong
for any one sentence; over many it tells.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib.resources import files as package_files
from typing import TYPE_CHECKING

from index.analysis import stem, stop_words, words
from rag.denial import asks_denied, is_denied
from rag.kinds import EXACT_KINDS, answer_spans
from rag.scoring import answer_key, words_of
from rag.training.names import words_of_kind

if TYPE_CHECKING:
    from rag.question import Question

__all__ = ["CONDITION_FEATURES", "condition_features"]

CONDITION_FEATURES = (
    "denied",
    "asks_rank_missing",
    "asks_place_missing",
    "number_missing",
    "opposite",
    "repeats_question",
    "wrong_type",
)
"""The names of `condition_features`."""

_IN_A_NAME = re.compile(
    r"\b(?:in|of|at|from|near|for|by|with|against|on|under|during|to|after|before)\s+(?:the\s+)?"
    r"(?P<name>[A-Z][\w’'-]*(?:\s+[A-Z][\w’'-]*)*)"
)
_NAME = re.compile(r"(?:[Tt]he\s)?[A-Z][^\W\d]*(?:[\s-](?:(?:of|the|de|van|von|al|bin)\s)*[A-Z][^\W\d]*)*")
_SPELT_OUT = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NOT_NAMES = stop_words() | words_of_kind("no-name")
_SHARED = 4
"""First letters that a name and what is made of it have in common: "Texas", "Texan"."""


@dataclass(frozen=True, slots=True)
class _Conditions:
    """What a question sets as conditions.

    Attributes:
        known: the stems of all its words.
        names: of each name behind a preposition the stems.
        numbers: for each of its numbers and years in digits, how it may be written.
        ranks: for each of its words of rank, the stems that say the same.
        opposites: for each of its words that has a contrary, the stems that say the same and those that say the other.
        negated: whether it asks for what was not so.
    """

    known: frozenset[str]
    names: tuple[frozenset[str], ...]
    numbers: tuple[frozenset[str], ...]
    ranks: tuple[frozenset[str], ...]
    opposites: tuple[tuple[frozenset[str], frozenset[str]], ...]
    negated: bool


def condition_features(
    question: Question, sentence: str, before: str, title: str, span: tuple[int, int] | None
) -> dict[str, float]:
    """Named features of a sentence as an answer, all in [0, 1]; 0 where nothing speaks against it.

    Args:
        question: what is asked.
        sentence: the sentence's text.
        before: the sentence before it, "" at the beginning of an article.
        title: the article's title.
        span: the half-open character range of the words that answer; None when these are not known.

    Returns:
        - `denied`: the sentence denies what stands in the span, and the question does not ask for that.
        - `asks_rank_missing`: the question has a word of rank ("first", "largest"), and none that says the same stands
          in the sentence, the one before it or the title.
        - `asks_place_missing`: the share of the names behind prepositions ("in Texas") that stand in none of these.
        - `number_missing`: the share of the question's numbers and years that stand in none of these.
        - `opposite`: the sentence has the contrary of one of the question's words ("won", "lost") and not the word.
        - `repeats_question`: all words of the span that count stand in the question.
        - `wrong_type`: the span is of another kind than what is asked for: a date for "who", a name for "how many".

    >>> from rag.question import read_question
    >>> asked = read_question("Who won the first race in Lund in 1998?")
    >>> found = condition_features(asked, "In 1997 Anna Berg lost the race in Lund.", "", "", (3, 7))
    >>> [name for name, value in found.items() if value]
    ['asks_rank_missing', 'number_missing', 'opposite', 'wrong_type']
    """
    asked = _conditions(question.text)
    own = {word.stem for word in words_of(sentence)}
    around = own
    if asked.names or asked.numbers or asked.ranks:
        around = own.union((word.stem for word in words_of(before)), (word.stem for word in words_of(title)))
    marked = sentence[slice(*span)] if span is not None else ""
    key = answer_key(marked)
    return {
        "denied": float(span is not None and not asked.negated and is_denied(sentence, *span)),
        "asks_rank_missing": float(any(around.isdisjoint(group) for group in asked.ranks)),
        "asks_place_missing": _share([not _stands(name, around) for name in asked.names]),
        "number_missing": _share([around.isdisjoint(number) for number in asked.numbers]),
        "opposite": float(any(own.isdisjoint(same) and not own.isdisjoint(other) for same, other in asked.opposites)),
        "repeats_question": float(bool(key) and key <= asked.known),
        "wrong_type": float(bool(marked) and _of_another_kind(marked, question.kinds)),
    }


@functools.lru_cache(maxsize=256)
def _conditions(question: str) -> _Conditions:
    found = words(question)
    stems = frozenset(word.stem for word in found)
    names = []
    for match in _IN_A_NAME.finditer(question):
        counting = (word for word in match["name"].split() if word.lower().rstrip(".") not in _NOT_NAMES)
        names.append(frozenset(word.stem for word in words(" ".join(counting))))
    ranks, opposites = _lists()
    return _Conditions(
        stems,
        tuple(name for name in dict.fromkeys(names) if name),
        tuple(_spellings(term) for term in sorted(stems) if any(letter.isdigit() for letter in term)),
        tuple(group for group in ranks if group & stems),
        tuple((same, other) for same, other in opposites if same & stems and not other & stems),
        asks_denied(question),
    )


@functools.cache
def _lists() -> tuple[tuple[frozenset[str], ...], tuple[tuple[frozenset[str], frozenset[str]], ...]]:
    """The words of rank that say the same, and contraries both ways round, as stems; `rag/data/condition_words.txt`."""
    ranks, opposites = [], []
    for line in package_files("rag").joinpath("data", "condition_words.txt").read_text("utf-8").splitlines():
        kind, _, listed = line.partition(": ")
        if kind == "rank":
            ranks.append(_stems(listed))
        elif kind == "opposite":
            left, right = map(_stems, listed.split("|"))
            opposites += [(left, right), (right, left)]
    return tuple(ranks), tuple(opposites)


def _stems(listed: str) -> frozenset[str]:
    return frozenset(map(stem, listed.split()))


def _spellings(number: str) -> frozenset[str]:
    """A number in digits, and in letters when it is a small one.

    >>> sorted(_spellings("3")), sorted(_spellings("1998"))
    (['3', 'three'], ['1998'])
    """
    small = number.isdecimal() and int(number) < len(_SPELT_OUT)
    return frozenset({number, stem(_SPELT_OUT[int(number)])} if small else {number})


def _stands(name: frozenset[str], around: set[str]) -> bool:
    """Whether all words of a name, or words made of the same name, are among those around."""
    return all(
        word in around or (len(word) >= _SHARED and any(each.startswith(word[:_SHARED]) for each in around))
        for word in name
    )


def _share(missing: list[bool]) -> float:
    return sum(missing) / len(missing) if missing else 0.0


@functools.lru_cache(maxsize=20_000)
def _of_another_kind(marked: str, kinds: tuple[str, ...]) -> bool:
    """Whether words that answer are of none of the kinds that are asked for.

    >>> _of_another_kind("March 2019", ("person",)), _of_another_kind("Lund", ("date",))
    (True, True)
    >>> _of_another_kind("the mayor", ("person",)), _of_another_kind("Lund", ("date", "place"))
    (False, False)
    """
    return bool(kinds) and all(_is_not(marked, kind) for kind in kinds)


def _is_not(marked: str, kind: str) -> bool:
    """Whether words are a bare name where a date or a number is asked for, or one of these where a name is."""
    exact = [span for each in ("date", "amount") for span in answer_spans(marked, each, frozenset())]
    if kind in EXACT_KINDS:
        return not exact and _NAME.fullmatch(marked) is not None
    return kind in {"person", "place"} and any(end - start > len(marked) / 2 for start, end in exact)
