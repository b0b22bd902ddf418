"""Which words of a sentence are marked as its answer: a span at natural borders, and none that the sentence denies.

A reader gives spans of characters with scores. Here they are cut at borders that a person would choose
(`natural_span`), and where a sentence denies one value and affirms another ("not 12 percent but 7 percent"), the one
that the question asks for is chosen among the reader's best (`best_spans`, `affirmed_span`). All of it is pure, by the
letters alone.

What is denied is told as in NegEx: words that deny, each with a scope that other words end. Source: Chapman et al., "A
Simple Algorithm for Identifying Negated Findings and Diseases in Discharge Summaries" (2001).
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from index.analysis import stop_words
from rag.training.names import PERSONS, THINGS, words_of_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "LEAST_MARGIN",
    "REACH",
    "affirmed_span",
    "asks_denied",
    "best_spans",
    "is_denied",
    "marks_nothing",
    "natural_span",
]

LEAST_MARGIN = -8.0
REACH = 14.0
"""How far a span's score may lie behind the best one's and still be marked in its place, as it is not denied."""

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
_PREPOSITION = re.compile(r"(?:in|at|on|from)\s+(?=\w)", re.IGNORECASE)
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
_NO_NAMES = PERSONS | THINGS | words_of_kind("title") | words_of_kind("no-name") | words_of_kind("credit")
_ENDS_IN_NAME = re.compile(r"(?:^|\s)[A-Z]\w*[a-z][\w-]*$")
_AUXILIARY = r"(?:is|are|was|were|am|be|been|do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must)"
_NOT = r"(?:not|cannot|never|n[o’']t)"
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
_SCOPE_ENDS = re.compile(
    r"""[;!?—–“”"()]|\s--?\s|[:.](?!\d)|,(?!\d)(?!\s(?:or|nor)\b)
    |\b(?:but|although|though|until|unless|except|besides|because|while|whereas|instead)\b|\band\s(?=[a-z])""",
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
    (?:\s+(?:not|cannot|never|no\s+longer)\b|n[’']t\b|\s+(?:{_DENY}|refus(?:e|es|ed)|reject(?:s|ed)?|fail(?:s|ed)?)\b)""",
    re.IGNORECASE | re.VERBOSE,
)
_WHY = re.compile(r"\b(?:why|how)\b", re.IGNORECASE)
_DATE = re.compile(
    r"""\b(?:(?:Jan|Febr)uary|March|April|May|June|July|August|(?:Septem|Octo|Novem|Decem)ber|(?:1[5-9]|20)\d\d
    |(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)\b""",
    re.VERBOSE,
)
_NUMBER = re.compile(rf"\d|\b{_NUMBER_WORD}\b", re.IGNORECASE | re.VERBOSE)


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

    >>> marks_nothing(-12.0), marks_nothing(0.5)
    (True, False)
    """
    return margin < LEAST_MARGIN


def best_spans(
    choose: Callable[[int, int], tuple[int, int, float]], count: int, *, most: int = 4, reach: float = REACH
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


def affirmed_span(text: str, spans: Sequence[tuple[int, int]], question: str) -> int:
    """Which of the best spans of a sentence to mark: the best one that is not denied.

    Where the question is negated, the best one that is. Only a span of the same make as the best one stands in for it:
    a number for a number, a name for a name.

    Args:
        text: the sentence.
        spans: half-open character ranges in it, the likeliest first, at least one.
        question: what is asked.

    Returns:
        The place in `spans`; 0 where no other is better.

    >>> text = "It did not ask for 12 percent but for 7 percent, he said."
    >>> affirmed_span(text, [(19, 29), (38, 47)], "What did it ask for?")
    1
    >>> affirmed_span(text, [(19, 29), (38, 47)], "What did it not ask for?")
    0
    """
    wanted = asks_denied(question)
    if wanted and _WHY.search(question):
        return 0  # a reason for what was not done is itself affirmed
    if is_denied(text, *spans[0]) == wanted:
        return 0
    make = _make(text[slice(*spans[0])])
    others = (
        at
        for at, span in enumerate(spans)
        if at and _make(text[slice(*span)]) == make and is_denied(text, *span) == wanted
    )
    return next(others, 0)


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
    if match is None or _AFFIRMED.match(text, match.end() - 4):
        return False
    rest = _AFFIRMED.search(text, end, match.end() + 24)
    if rest is not None or re.search(r"\buntil\b", text[match.end() :]):
        return False
    return match["who"] is None or re.search(r"[,;]\s", text[match.end() :]) is None


@functools.lru_cache(maxsize=20_000)
def _denied_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """The half-open character ranges that a sentence denies, in order; words that undo each other deny nothing."""
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
    return "name" if re.match(r"\W*(?:the\s+)?[A-Z]", words) else "words"
