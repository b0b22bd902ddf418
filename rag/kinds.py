"""What kind of thing a question asks for, and where something of that kind stands in a sentence."""

from __future__ import annotations

import functools
import re

from index.analysis import words

__all__ = ["EXACT_KINDS", "answer_spans", "asks_whether", "kinds_of"]

EXACT_KINDS = frozenset({"age", "amount", "date", "duration"})
"""Kinds whose spans are the answering words themselves, not merely a sign that these are near."""

_NUMBER_WORD = r"""(?:
    one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen
    |nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|trillions?
    |dozens?|half|twice)"""
_NUMBER = rf"(?:[$€£]\s?)?\d(?:[\d,.]*\d)?|\b{_NUMBER_WORD}\b"
_UNIT = r"(?:second|minute|hour|day|night|week|month|year|decade|century|centurie)s?"
_MONTH = r"""(?:January|February|March|April|May|June|July|August|September|October|November|December
    |(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\.)"""
_DAY = r"(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_CAPITALISED = r"[A-Z][\w’'.-]*\w"
_NAME = rf"{_CAPITALISED}(?:\s+(?:(?:of|the|de|van|von|al|bin)\s+)?{_CAPITALISED})*"

_SPANS = {
    "age": r"""(?i:\b\d{1,3}[\s-]+years?[\s-]+old\b|(?<=\baged\s)\d{1,3}\b|(?<=,\s)\d{1,3}(?=,)
        |(?<=\bage\sof\s)\d{1,3}\b)""",
    "amount": rf"(?i:(?:{_NUMBER})(?:[\s-]+(?:{_NUMBER_WORD}|percent|per\s+cent)\b|\s?%)*)",
    "duration": rf"(?i:(?:{_NUMBER})(?:[\s-]+{_NUMBER_WORD})*[\s-]+{_UNIT}\b)",
    "date": rf"""\b(?:
        {_DAY}(?:,?\s+{_MONTH}\s+\d{{1,2}})?
        |\d{{1,2}}\s+{_MONTH}(?:\s+\d{{4}})?
        |{_MONTH}(?:\s+\d{{1,2}}\b)?(?:,?\s+\d{{4}})?
        |(?:1[5-9]|20)\d\d
        |(?i:last|next|this|(?:earlier|later)\s+this)\s+(?:week|weekend|month|year|spring|summer|autumn|fall|winter)
        |(?i:yesterday|today|tomorrow|tonight)
    )(?:\b|(?<=\.))""",
    "person": _NAME,
    "place": rf"(?:(?<=\bin\s)|(?<=\bat\s)|(?<=\bnear\s)|(?<=\bfrom\s)|(?<=\bto\s)|(?<=\boutside\s))(?:the\s+)?{_NAME}",
    "reason": r"""(?i:\b(?:because|due\s+to|since|as\s+a\s+result|after|amid|so\s+that|in\s+order\s+to
        |to\s+(?!the\b|a\b)\w+|over|following|for\s+fear|caus\w+)\b)""",
}
_ANSWERS = {kind: re.compile(pattern, re.VERBOSE) for kind, pattern in _SPANS.items()}

_ASKS = {
    "age": r"\bhow\s+old\b|\b(?:what|which)\s+age\b",
    "duration": r"\bhow\s+long\b",
    "amount": r"\bhow\s+(?:many|much|big|large|far|often|high|tall|fast)\b|\b(?:percentage|proportion|number)\b",
    "date": r"\bwhen\b|\b(?:what|which)\s+(?:day|date|month|year|time)\b",
    "place": r"\bwhere\b|\b(?:what|which)\s+(?:city|country|state|town|place|venue|region)\b",
    "person": r"\bwho(?:m|se)?\b",
    "reason": r"\bwhy\b",
}
_QUESTIONS = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _ASKS.items()}


def kinds_of(question: str) -> tuple[str, ...]:
    """What would answer: "age", "amount", "date", "duration", "person", "place" or "reason"; none when unclear.

    >>> kinds_of("When and where is the NATO summit?")
    ('date', 'place')
    """
    return tuple(kind for kind, pattern in _QUESTIONS.items() if pattern.search(question))


_WHETHER = re.compile(
    r"""(?:^|(?P<aside>,\s+)|[.!?;:]\s+)(?:(?:and|but|so)\s+)?
    (?:is|are|was|were|am|do|does|did|has|have|had|can|could|will|would|should|may|might|must|isn['’]t|aren['’]t|wasn['’]t
    |weren['’]t|don['’]t|doesn['’]t|didn['’]t|hasn['’]t|haven['’]t|can['’]t|won['’]t)\s(?![^?]*\bor\b)[^?.!]*\??\s*$""",
    re.IGNORECASE | re.VERBOSE,
)
_ASKS_FOR = re.compile(r"\b(?:which|what|who(?:m|se)?|how)\b|\b(?:when|where|why)\W*$", re.IGNORECASE)


def asks_whether(question: str) -> bool:
    """Whether yes or no would answer; then no words of a sentence do, only the sentence whole.

    Behind a comma a verb may go on with what was begun before it, so there no word may ask for anything else.

    >>> asks_whether("Did Putin agree?"), asks_whether("What did Putin demand?"), asks_whether("Was it Tom or Sam?")
    (True, False, False)
    >>> asks_whether("When they met, did Putin agree?"), asks_whether("The bridge, built in 1936, is in which town?")
    (True, False)
    """
    found = _WHETHER.search(question)
    return found is not None and (found["aside"] is None or _ASKS_FOR.search(question) is None)


@functools.lru_cache(maxsize=20_000)
def answer_spans(sentence: str, kind: str, known: frozenset[str]) -> tuple[tuple[int, int], ...]:
    """Where in a sentence something of that kind stands that the question does not already name.

    Args:
        sentence: the sentence.
        kind: one of those that `kinds_of` gives.
        known: stems of the question's terms; a span made of these alone tells nothing new.

    Returns:
        Half-open character ranges, in order.

    >>> answer_spans("It was a 90-minute call on Tuesday.", "duration", frozenset())
    ((9, 18),)
    """
    found = []
    for match in _ANSWERS[kind].finditer(sentence):
        if kind in {"person", "place"} or kind in EXACT_KINDS:
            if {word.stem for word in words(match.group())} <= known:
                continue
            if kind == "person" and match.start() == 0 and " " not in match.group():
                continue  # any sentence opens with a capital
        found.append(match.span())
    return tuple(found)
