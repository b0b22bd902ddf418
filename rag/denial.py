"""What a sentence denies, and what it says instead: "not 12 percent but 7 percent".

Told as in NegEx: words that deny, each with a scope that other words end; by the letters alone. Source: Chapman et al.,
"A Simple Algorithm for Identifying Negated Findings and Diseases in Discharge Summaries" (2001).
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.reader import SpanReading

__all__ = ["affirmed_span", "asks_denied", "is_denied"]

_NEAR = 6.0
"""How far a span's score may lie behind the best one's where little speaks for it: words that are neither a date, nor a
number, nor a name, as they may be of another kind; and a denied span that a negated question may ask for."""
_NUMBER_WORD = r"""(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen
    |seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion
    |trillion|dozen|half)"""
_AUXILIARY = r"(?:is|are|was|were|am|be|been|do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must)"
_BELIEF = r"(?:claims?|reports?|suggestions?|allegations?|rumou?rs?|speculation|accusations?|assertions?|the\s+idea)"
_DENY = r"(?:den(?:y|ies|ied|ying)|rul(?:e|es|ed|ing)\s+out)"
_AFFIRMED = re.compile(
    rf"""\bnot\s+(?:only|just|merely|simply|solely|least|alone|guilty|surprisingly|unlike|to\s+mention|long\s+(?:after|before))\b
    |\b(?:no|not|never)\s+(?:more|less|fewer|later|earlier|longer|better|higher|lower)\s+than\b
    |\b(?:or|if|why)\s+not\b
    |(?:\b(?:not|cannot|never)|n[’']t)\s+(?:\w+\s+)?(?:{_DENY}|reject\w*|disput\w+|doubt\w*|exclud\w+)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""What looks like a denial and is none, two that undo each other among it."""
_DENIES = re.compile(
    rf"""\b(?:not|cannot|never|neither|nor|without|unlike|nobody)\b|n[’']t\b|\bno\s+(?:longer|one)\b
    |\b(?:rather|other)\s+than\b|\binstead\s+of\b|\bas\s+opposed\s+to\b|\bfar\s+from\b
    |\bno\s+(?:evidence|proof|signs?|truth|plans?)\b|\b(?:fail(?:s|ed)?|refus(?:es|ed)|declin(?:es|ed)|unable)\s+to\b
    |(?<!\bwas\s)(?<!\bwere\s)(?<!\bbeen\s)(?<!\bis\s)(?<!\bare\s)(?<!\bbeing\s)\b{_DENY}\b
    |\b(?:reject|dismiss|disput|refut|rebut)\w*\s+(?:\w+\s+){{0,2}}?{_BELIEF}\b""",
    re.IGNORECASE | re.VERBOSE,
)
_SIGNS = (
    *("not", "n't", "n’t", "never", "neither", "nor", "without", "unlike", "nobody", "no ", "rather", "other than"),
    *("instead", "opposed", "far from", "fail", "refus", "declin", "unable", "deni", "deny", " out"),
    *("reject", "dismiss", "disput", "refut", "rebut"),
)
"""One of these stands in any sentence that `_DENIES` finds something in; most have none, and are done with at once."""
_SCOPE_ENDS = re.compile(
    r"""[;!?—–“”"()]|\s--?\s|[:.](?!\d)|,(?!\d)(?!\s(?:or|nor)\b)
    |\b(?:but|although|though|until|unless|except|besides|because|while|whereas|instead|when|where
    |after|before|since|if|who|which)\b|\band\s(?=[a-z])""",
    re.VERBOSE,
)
_LONGEST_SCOPE = 12
"""Words within which a denial holds."""
_SCOPE = re.compile(rf"(?:\s*\S+){{1,{_LONGEST_SCOPE}}}")
_DENIED_BEHIND = re.compile(
    rf"""(?P<who>,?\s(?:who|which|that))?\s
    (?:{_AUXILIARY}(?:\s+(?:not|never)\b|n[’']t\b|\s+no\s+longer\b)|(?:never|no\s+longer)\s|cannot\s
    |(?:failed|refused|declined)\s+to\s|(?:is|was|are|were)\s(?:wrong|false|untrue|incorrect|ruled\s+out|fabricated)\b)""",
    re.IGNORECASE | re.VERBOSE,
)
_ASKS_DENIED = re.compile(
    rf"""\b(?:who|what|which|where|when)\b(?:\s+[\w’'-]+){{0,6}}?
    (?:\s+(?:not|cannot|never|no\s+longer)\b|n[’']t\b|\s+{_DENY}\b)""",
    re.IGNORECASE | re.VERBOSE,
)
_WHY = re.compile(r"\b(?:why|how)\b", re.IGNORECASE)
_DATE = re.compile(
    r"""\b(?:(?:Jan|Febr)uary|March|April|May|June|July|August|(?:Septem|Octo|Novem|Decem)ber|(?:1[5-9]|20)\d\d
    |(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)\b""",
    re.VERBOSE,
)
_NAME = re.compile(
    r"(?:[Tt]he\s)?(?:[a-z-]+\s){0,3}[A-Z][\w’'.&-]*(?:\s(?:(?:of|the|and|de|van|von|al|bin|for)\s)*[A-Z][\w’'.&-]*)*"
)
_NUMBER = re.compile(rf"\d|\b{_NUMBER_WORD}\b", re.IGNORECASE | re.VERBOSE)


def affirmed_span(text: str, spans: Sequence[SpanReading], question: str) -> SpanReading:
    """Which of the best spans of a sentence to mark: the best one that is not denied.

    Where the question is negated, the best one that is. Only a span of the same make as the best one stands in for it:
    a date for a date, a number for a number, a name for a name, and other words when they are not much less likely.

    Args:
        text: the sentence.
        spans: spans in it, the likeliest first, at least one.
        question: what is asked.

    Returns:
        One of the spans; the first where no other is better.

    >>> from rag.reader import SpanReading
    >>> text = "It did not ask for 12 percent but for 7 percent, he said."
    >>> more, less = SpanReading(19, 29, 8.0), SpanReading(38, 47, 4.0)
    >>> [affirmed_span(text, [more, less], f"What did it {ask} for?") is less for ask in ("ask", "not ask")]
    [True, False]
    """
    best = spans[0]
    wanted = asks_denied(question)
    if is_denied(text, best.start, best.end) == wanted:
        return best
    if wanted and _WHY.search(question):
        return best  # a reason for what was not done is itself affirmed
    make = _make(text[best.start : best.end])
    for other in spans[1:]:
        near = (make != "words" and not wanted) or other.score > best.score - _NEAR
        if near and _make(text[other.start : other.end]) == make and is_denied(text, other.start, other.end) == wanted:
            return other
    return best


def asks_denied(question: str) -> bool:
    """Whether a question asks for what was not so: a denied span answers it, and an affirmed one does not.

    >>> asks_denied("Who has not won a race?"), asks_denied("Who has won a race?")
    (True, False)
    """
    return _ASKS_DENIED.search(question) is not None


def is_denied(text: str, start: int, end: int) -> bool:
    """Whether a sentence denies what stands in a span: "not 12 percent", "Fries, who did not win a race".

    Args:
        text: the sentence.
        start: the first character of the span.
        end: the one behind its last.

    >>> text = "The union denied that it asked for 12 percent; it wants 7 percent."
    >>> is_denied(text, 35, 45), is_denied(text, 56, 65)
    (True, False)
    >>> is_denied("The race was won by Anna Berg, not only by Lotte Fries.", 43, 54)
    False
    """
    if any(low <= start < high for low, high in _denied_ranges(text)):
        return True
    match = _DENIED_BEHIND.match(text, end)
    if match is None:
        return False
    rest = _AFFIRMED.search(text, end, match.end() + 24)
    if rest is not None or re.search(r"\buntil\b", text[match.end() :]):
        return False
    return match["who"] is None or re.search(r"[,;]\s", text[match.end() :]) is None


@functools.lru_cache(maxsize=20_000)
def _denied_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """The half-open character ranges that a sentence denies, in order; words that undo each other deny nothing."""
    lowered = text.lower()
    if not any(sign in lowered for sign in _SIGNS):
        return ()
    affirmed = [match.span() for match in _AFFIRMED.finditer(text)]
    found: list[tuple[int, int]] = []
    for match in _DENIES.finditer(text):
        if any(low <= match.start() < high for low, high in affirmed):
            continue
        if found and match.start() < found[-1][1]:  # "denied that it had never asked": it had
            found[-1] = (found[-1][0], match.start())
            continue
        begin = match.end()
        if text.startswith(",", begin):  # "did not, he said, ask"
            begin = max(begin, text.find(",", begin + 1) + 1)
        stop = _SCOPE_ENDS.search(text, begin)
        longest = _SCOPE.match(text, begin)
        ends = [each.start() if each is stop else each.end() for each in (stop, longest) if each is not None]
        found.append((begin, min(ends, default=len(text))))
    return tuple(found)


def _make(words: str) -> str:
    """What a span looks like: "date", "number", "name" or "words"."""
    if _DATE.search(words):
        return "date"
    if _NUMBER.search(words):
        return "number"
    return "name" if _NAME.fullmatch(words) else "words"
