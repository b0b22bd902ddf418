"""Which words of a sentence are marked as its answer: a span at natural borders, where there is a likely one at all.

A reader gives spans of characters with scores. Here they are cut at borders that a person would choose, by letters and
a few words alone. What of several spans to mark where a sentence denies one of them: `rag.denial`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from index.analysis import stop_words
from rag.training.names import PERSONS, THINGS, words_of_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["LEAST_MARGIN", "best_spans", "marks_nothing", "natural_span"]

LEAST_MARGIN = -14.0
"""The margin from which words are marked. Of sentences that do answer, on TyDi QA, SQuADShifts, MultiSpanQA and news
questions together, the marked words are right (F1 of at least .5) in .65 of those from -14 to -12, and in .47 of those
below."""
_REACH = 14.0
"""How far a span's score may lie behind the best one's: from there on they are words by chance. A reader that takes the
bait of a denied value can be sure of it, and the affirmed one lies up to 13 behind."""
_PAIRS = (("(", ")"), ("[", "]"), ("“", "”"), ("«", "»"))
_STRAY_FIRST = frozenset(" \t\n\r\f\v\u00a0\u2009\u202f,;:!?–—)]”»")
_STRAY_LAST = frozenset(" \t\n\r\f\v\u00a0\u2009\u202f,;:!?–—([“«")
_SPELT = re.compile(r"(?:\b[A-Z]|\b[ap]\.m|\b(?:[A-Z]\.)+[A-Z]|\b(?:Bros|Co|Corp|Inc|Jr|Ltd|Sr|St|etc))\.$")
"""What ends in a full stop of its own."""
_NUMBER_WORD = r"""(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen
    |seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion
    |trillion|dozen|half)"""
_ENDS_IN_NUMBER = re.compile(rf"(?:\d|\b{_NUMBER_WORD})$", re.IGNORECASE | re.VERBOSE)
_UNIT = re.compile(r"(?:\s?%|[\s-](?:hundred|thousand|million|billion|trillion|percent|per\scent)\b)+", re.IGNORECASE)
_YEAR = r"(?:\b(?:1\d|20)\d\ds?\b(?:\s(?:BCE?|CE|AD)\b)?|\b\d{1,3}\s(?:BCE?|CE|AD)\b)"
_BEHIND_DATE = re.compile(rf".*?{_YEAR}(?=,?\s(?:at|in|during|when|by|with|for|as|where|and\s(?:was|is))\s)", re.DOTALL)
_PREPOSITION = re.compile(r"(?:in|at|on|from)\s+(?!(?:all|average|least|most)\b)(?=\w)", re.IGNORECASE)
_ONE_NAME = re.compile(r"[A-Z][\w-]*")
_NAMES_BEFORE = re.compile(r"(?:(?<!\w)(?:[A-Z]\.|[A-Z][\w-]*\w)\s){1,3}$")
_SENTENCE_OPENS = re.compile(r"(?:^|[.?!]\s|[“\"])\W*$")
_NAME_GOES_ON = re.compile(r"(?:\s[A-Z][\w-]+)?\s([A-Z][\w-]+)\b(?!\s[A-Z])")
_LONGEST_NAME = 60
_HEADS = frozenset(
    """act airport bank bridge church city college company council county court cup hospital house island lake league
    library mountain museum palace park party prize river school stadium station street theater theatre tower university
    """.split()  # noqa: SIM905
)
"""Nouns that a name ends in."""
_NO_NAMES = PERSONS | THINGS | words_of_kind("title") | words_of_kind("no-name") | words_of_kind("credit") | {"former"}
_ENDS_IN_NAME = re.compile(r"(?:^|\s)[A-Z]\w*[a-z][\w-]*$")


def natural_span(text: str, start: int, end: int, kinds: Sequence[str] = ()) -> tuple[int, int]:
    """The span cut at natural borders.

    - It begins and ends with whole words, without white space, stray punctuation or half of a pair of brackets.
    - A number keeps what it counts in: "million", "percent".
    - A single name keeps those before it ("York", "Attenborough"), and a name the noun that it ends in ("Act").
    - A date is cut behind its year, before what happened then; "in", "at", "on" or "from" before a date or a place is
      no part of it.

    Articles, titles, "more than" and "-year" stay in or out as they are: to drop or to add them made the words that a
    reader marks worse.

    Args:
        text: the sentence.
        start: the first character of the span.
        end: the one behind its last.
        kinds: what is asked for (`rag.kinds.kinds_of`).

    Returns:
        A half-open character range in the sentence; the given one where nothing would be left.

    >>> text = "In Lund, David Attenborough paid $2.5 million in 1936 during a call (of 90 minutes)."
    >>> [text[slice(*natural_span(text, *span))] for span in ((15, 27), (33, 37), (63, 82))]
    ['David Attenborough', '$2.5 million', 'call (of 90 minutes)']
    >>> text[slice(*natural_span(text, 46, 65, ("date",)))], text[slice(*natural_span(text, 0, 8, ("place",)))]
    ('1936', 'Lund')
    """
    first, last = _whole_words(text, start, end)
    first, last = _without_strays(text, *_with_pairs(text, first, last))
    if first >= last:
        return start, end
    first, last = _whole_number(text, first, last)
    first, last = _whole_name(text, first, last)
    if "date" in kinds[:1]:
        dated = _BEHIND_DATE.match(text, first, last)
        last = dated.end() if dated is not None else last
    if "date" in kinds or "place" in kinds:
        opening = _PREPOSITION.match(text, first, last)
        first = opening.end() if opening is not None else first
    return first, last


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """The span with the rest of the words that it begins and ends in."""
    while 0 < start < end and text[start].isalnum() and text[start - 1].isalnum():
        start -= 1
    while start < end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    return start, end


def _with_pairs(text: str, start: int, end: int) -> tuple[int, int]:
    """The span with the other half of a bracket when that comes next, or else without what stands in the bracket."""
    for opening, closing in _PAIRS:
        if text.count(opening, start, end) > text.count(closing, start, end):
            at = text.rindex(opening, start, end)
            if text.startswith(closing, end):
                end += 1
            elif opening in "([" and text[start:at].strip():
                end = at
    return start, end


def _without_strays(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without what no span begins or ends with; a full stop goes unless it is a part of the last word."""
    while start < end and text[start] in _STRAY_FIRST:
        start += 1
    while start < end:
        last = text[end - 1]
        pair = next((pair for pair in _PAIRS if pair[1] == last), None)
        alone = pair is not None and text.count(pair[1], start, end) > text.count(pair[0], start, end)
        stop = last == "." and _SPELT.search(text, start, end) is None
        if not (alone or stop or last in _STRAY_LAST):
            break
        end -= 1
    return start, end


def _whole_number(text: str, start: int, end: int) -> tuple[int, int]:
    """The span with what the number at its end counts in."""
    unit = _UNIT.match(text, end) if _ENDS_IN_NUMBER.search(text[start:end]) else None
    return start, unit.end() if unit is not None else end


def _whole_name(text: str, start: int, end: int) -> tuple[int, int]:
    """The span with the rest of the name that it is the last word of, or that ends in a noun behind it."""
    if _ONE_NAME.fullmatch(text, start, end):
        before = _NAMES_BEFORE.search(text, max(0, start - _LONGEST_NAME), start)
        words = before.group().split() if before is not None else []
        at = before.start() if before is not None else start
        if words and _SENTENCE_OPENS.search(text[:at]):  # any sentence opens with a capital
            at += len(words[0]) + 1
            words = words[1:]
        if words and not any(_is_no_name(word) for word in words):
            start = at
    behind = _NAME_GOES_ON.match(text, end) if _ENDS_IN_NAME.search(text[start:end]) else None
    if behind is not None and behind[1].lower() in _HEADS:
        end = behind.end()
    return start, end


def _is_no_name(word: str) -> bool:
    bare = word.lower().rstrip(".")
    return bare in _NO_NAMES or bare in stop_words() or (len(word) > 2 and word.isupper())


def marks_nothing(margin: float) -> bool:
    """Whether a reader is so sure of a sentence that it does not answer that none of its words are marked.

    Args:
        margin: by how much the sentence's best span outdoes no answer (`rag.reader.SentenceReading`).

    >>> marks_nothing(-15.0), marks_nothing(0.5)
    (True, False)
    """
    return margin < LEAST_MARGIN


def best_spans(
    choose: Callable[[int, int], tuple[int, int, float]], count: int, *, most: int = 4, reach: float = _REACH
) -> list[tuple[int, int, float]]:
    """The best spans of a sentence, best first, no two of which have a token in common.

    Behind the best one, the best on either side of it, and so on.

    Args:
        choose: gives the first and the last token of the best span among the tokens from its first argument up to its
            second one, and the span's score.
        count: how many tokens there are, at least 1.
        most: how many spans are given at most.
        reach: how far the score of a span may lie behind the best one's.

    Returns:
        Of each the first and the last token, both included, and the score.

    >>> scores = [1.0, 5.0, 0.0, 4.0]
    >>> def choose(low, high):
    ...     at = max(range(low, high), key=lambda each: scores[each])
    ...     return at, at, scores[at]
    >>> best_spans(choose, 4, most=3)
    [(1, 1, 5.0), (3, 3, 4.0), (0, 0, 1.0)]
    """
    found: list[tuple[int, int, float]] = []
    waiting = [(choose(0, count), 0, count)]
    while waiting and len(found) < most:
        best = max(waiting, key=lambda each: each[0][2])
        waiting.remove(best)
        (first, last, score), low, high = best
        if found and score < found[0][2] - reach:
            break
        found.append((first, last, score))
        waiting += [(choose(*side), *side) for side in ((low, first), (last + 1, high)) if side[0] < side[1]]
    return found
