"""Whether two sentences tell the same fact, as an answer to one question: by their words, and by those that answer."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from index.analysis import fold
from index.dedupe import jaccard
from rag.kinds import answer_spans
from rag.scoring import answer_key, words_of

if TYPE_CHECKING:
    from rag.candidates import Candidate

__all__ = ["SAME_FACT", "SAME_SCENE", "alike", "answers_less", "say_the_same"]

SAME_FACT = 0.6
"""Share of common words (Jaccard index) from which two sentences say the same."""
SAME_SCENE = 0.5
"""Share of the shorter sentence's words that are the other's, too, from which both tell of one thing."""
_MAGNITUDES = frozenset({"hundr", "thousand", "million", "billion", "trillion", "percent", "per", "cent"})
"""Stems of words that make another number of a number."""
_SHORT = (
    (re.compile(r"(?<=\d)\s?(?:m|mn|mln)\b", re.IGNORECASE), " million"),
    (re.compile(r"(?<=\d)\s?(?:b|bn)\b", re.IGNORECASE), " billion"),
    (re.compile(r"(?<=\d)\s?(?:tn|trn)\b", re.IGNORECASE), " trillion"),
    (re.compile(r"(?<=\d)\s?%"), " percent"),
)
"""How news write such numbers in short: $787.5M, £7m, 3bn, 5%."""
_BETWEEN = frozenset({"and", "or", "to"})
"""What stands between one answer and another of the same kind."""
_LISTS = re.compile(r"\b(?:and|or)\b|&", re.IGNORECASE)
_VARIANT = re.compile(r"(?:n|an|ian|ese|ish|i|y)")
"""What one form of a name has more than another: Korea and Korean, Japanese, Iraqi, Zelensky and Zelenskyy. Niger and
Nigeria are two names."""
_VARIED = 4
"""Letters that a word must have for such an ending to be one."""
_ADJECTIVE = re.compile(r"i?al")
"""What an adjective has more than its noun without a final e or y: face and facial, industry and industrial."""


def say_the_same(left: Candidate, right: Candidate) -> bool:
    """Whether two sentences tell one fact.

    They do in nearly the same words, unless the numbers differ. Where a reader is sure of both that they answer, it is
    the answering words that count: the same ones are the same fact, and others, with no word in common, are not.
    """
    if left.sentence.copy_key == right.sentence.copy_key:
        return True
    answers = _sure_answers(left, right)
    if answers is not None and answers[0] == answers[1]:
        return True
    if answers is not None and not answers[0] & answers[1]:
        return False
    return alike(left, right)


def alike(left: Candidate, right: Candidate) -> bool:
    """Whether two sentences have nearly the same words, and the same numbers."""
    mine, yours = _stems(left.text), _stems(right.text)
    return jaccard(mine, yours) >= SAME_FACT and not any(any(map(str.isdigit, stem)) for stem in mine ^ yours)


def answers_less(candidate: Candidate, cited: Candidate) -> bool:
    """Whether a sentence answers with no more than one that is cited: the same words, some of them, or a few beside.

    "Finland" repeats a part of "Sweden and Finland", which says more than "Finland"; "10 seconds" says no more than
    "10", but "10 million" does, and "10m" is the same; "May 2023" is a part of "May 6, 2023", and "$5 million a year
    for 9 years" goes on behind "$5 million". A word in another form ("Iranian", "facial") is that word. Where the cited
    sentence itself goes by the answering words of the other, as "held in Simi Valley, California" by "Simi Valley", it
    is enough that the answers have a word in common, or the sentences half of theirs. What people say is not compared
    by single words.
    """
    if candidate.span is None or cited.span is None or candidate.features["spoken"]:
        return False
    answers = [_in_full(each.text[slice(*each.span)]) for each in (candidate, cited) if each.span is not None]
    its = answer_key(answers[1])
    mine = _aligned(answers[0], answers[1])
    if not (mine and its) or (mine ^ its) & _MAGNITUDES:
        return False
    numbers, its_numbers = ({word for word in words if word[0].isdigit()} for words in (mine, its))
    if mine <= its:
        return not numbers or numbers == its_numbers or _is_date(answers[0])
    if _goes_on(answers[0], answers[1]):
        return True
    if not numbers <= its_numbers or _LISTS.search(answers[0]) is not None:
        return False
    if its < mine and numbers == its_numbers:
        return True
    goes_by = f" {fold(answers[0])} " in f" {fold(_in_full(cited.text))} "
    return goes_by and (bool(mine & its) or _shared(candidate.text, cited.text) >= SAME_SCENE)


def _is_date(answer: str) -> bool:
    """Whether an answer is a date, and nothing else.

    >>> _is_date("May 2023"), _is_date("14")
    (True, False)
    """
    return answer_spans(answer, "date", frozenset()) == ((0, len(answer)),)


def _goes_on(answer: str, cited: str) -> bool:
    """Whether an answer opens with another one, of two words or more, and tells more of that, not of another number.

    >>> _goes_on("$5 million a year for 10 years", "$5 million"), _goes_on("5 million–9 million", "5 million")
    (True, False)
    """
    long, short = fold(answer).split(), fold(cited).split()
    if not 2 <= len(short) < len(long) or long[: len(short)] != short:
        return False
    return long[len(short)] not in _BETWEEN and not long[len(short)][0].isdigit()


def _in_full(text: str) -> str:
    """A text with numbers written in short written out.

    >>> _in_full("$787.5M, or 5%")
    '$787.5 million, or 5 percent'
    """
    for short, full in _SHORT:
        text = short.sub(full, text)
    return text


def _aligned(answer: str, other: str) -> frozenset[str]:
    """The key of an answer, with the stems of the other answer's forms in the place of its own.

    >>> _aligned("Iranian", "Iran") == answer_key("Iran"), _aligned("Nigeria", "Niger") == answer_key("Niger")
    (True, False)
    """
    own = answer_key(answer)
    forms = [(other[word.start : word.end].lower(), word.stem) for word in words_of(other)]
    mine = {word.stem: answer[word.start : word.end].lower() for word in words_of(answer) if word.stem in own}
    return frozenset(next((its for form, its in forms if _is_form(word, form)), stem) for stem, word in mine.items())


def _is_form(one: str, other: str) -> bool:
    """Whether two words in small letters are forms of one.

    >>> _is_form("korean", "korea"), _is_form("face", "facial"), _is_form("niger", "nigeria")
    (True, True, False)
    """
    short, long = sorted((one, other), key=len)
    if len(short) < _VARIED:
        return False
    stem = short[:-1] if short.endswith(("e", "y")) else short
    return any(
        long.startswith(opening) and ending.fullmatch(long, len(opening)) is not None
        for opening, ending in ((short, _VARIANT), (stem, _ADJECTIVE))
    )


def _sure_answers(left: Candidate, right: Candidate) -> tuple[frozenset[str], frozenset[str]] | None:
    """The stems of both sentences' answering words; None unless a reader is sure of both."""
    if left.span is None or right.span is None or min(left.features["margin"], right.features["margin"]) <= 0:
        return None
    keys = answer_key(left.text[slice(*left.span)]), answer_key(right.text[slice(*right.span)])
    return keys if all(keys) else None


def _shared(left: str, right: str) -> float:
    """The share of the words of the sentence with fewer that stand in the other one, too, in [0, 1]."""
    mine, yours = _stems(left), _stems(right)
    return len(mine & yours) / max(1, min(len(mine), len(yours)))


@functools.lru_cache(maxsize=20_000)
def _stems(text: str) -> frozenset[str]:
    return frozenset(word.stem for word in words_of(text))
