"""The parts of a question, by its function words: the question word, the auxiliary, what it names.

There is no tagger, and so it is rough: what is taken apart here is put together again as a question that is shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from index.analysis import stop_words

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "AUXILIARIES",
    "AUXILIARY_PATTERN",
    "DOES",
    "PREPOSITION",
    "Parts",
    "Phrase",
    "about",
    "begins_with_and",
    "is_plural",
    "noun_phrases",
    "parts_of",
    "with_topic",
    "without_and",
]

DOES = frozenset({"do", "does", "did", "can", "could", "will", "would", "shall", "should", "may", "might", "must"})
"""Auxiliaries that a verb follows."""
_BE = frozenset({"is", "are", "was", "were", "has", "have", "had", "am", "be", "been"})
AUXILIARIES = DOES | _BE
AUXILIARY_PATTERN = "|".join(sorted(AUXILIARIES))
"""Any of them, for a regular expression that brackets it."""
PREPOSITION = r"(?:in|on|at|by|since|until|for|from|to|with|of|about|during|before|after|under|near|against)"
_DETERMINERS = frozenset(
    {"the", "a", "an", "this", "that", "these", "those", "its", "their", "his", "her", "any", "some"}
)
_LIGHT = frozenset(
    {"much", "many", "kind", "sort", "type", "one", "ones", "else", "also", "now", "still", "yet", "ever"}
)
_TIMES = frozenset({"date", "day", "month", "year", "time", "week", "age", "point"})
_PLURALS = frozenset({"people", "men", "women", "children", "police", "troops"})
_AND = re.compile(r"^\s*(?:(?:and|but|so|or|ok|okay|well|then)\b[,\s]+)+(?:then\s+)?", re.IGNORECASE)
_TOKEN = re.compile(r"[^\W_][\w’'.&:-]*[^\W_]|[^\W_]")
_OPENING = re.compile(
    r"""(?:^|(?<=,\s))(?P<lead>(?:in|on|at|by|since|until|for|from|to|with|of|about)\s+)?
    (?P<wh>how\s+(?:many|much|long|far|old|big|large|often|high|tall|fast|rich)|who(?:m|se)?|what|which|when|where|why|how)
    (?P<and>\s+and\s+(?:when|where|why|how|who))?\b""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words of a question that name something: `question[start:end] == text`."""

    start: int
    end: int
    text: str

    @property
    def plural(self) -> bool:
        """Whether it names several."""
        return is_plural(self.text)


@dataclass(frozen=True, slots=True)
class Parts:
    """A question taken apart at its question word and its auxiliary; each part is "" where there is none.

    Attributes:
        lead: what stands before the question word.
        asked: the question word, "how many" and the like included, with a preposition before it.
        of: what is asked about with it, "oil imports" in "How much of the oil imports did ...".
        auxiliary: the first one behind these.
        rest: everything behind.
    """

    lead: str
    asked: str
    of: str
    auxiliary: str
    rest: str


def parts_of(question: str) -> Parts:
    """Take a question apart.

    >>> parts_of("How many nations does Britain expect to send?")
    Parts(lead='', asked='How many', of='nations', auxiliary='does', rest='Britain expect to send')
    >>> parts_of("Did Putin agree?").auxiliary
    'Did'
    """
    text = question.rstrip("?!. ")
    opening = _OPENING.search(text)
    if opening is None:
        words = text.split(" ")
        if words[0].lower() in AUXILIARIES:
            return Parts("", "", "", words[0], " ".join(words[1:]))
        return Parts("", "", "", "", text)
    behind = text[opening.end() :].strip()
    words = behind.split(" ")
    at = next((at for at, word in enumerate(words) if word.lower() in AUXILIARIES), None)
    if at is None:
        return Parts(text[: opening.start()], opening.group().strip(), "", "", behind)
    of = " ".join(words[:at])
    return Parts(text[: opening.start()], opening.group().strip(), of, words[at], " ".join(words[at + 1 :]))


def noun_phrases(question: str) -> tuple[Phrase, ...]:
    """What a question names, in order: runs of words that count, joined by "of", verbs at their ends left out.

    >>> [phrase.text for phrase in noun_phrases("Who leads the coalition of the willing?")]
    ['the coalition of the willing']
    >>> [phrase.text for phrase in noun_phrases("When will the military chiefs meet in Ukraine?")]
    ['the military chiefs', 'Ukraine']
    """
    found: list[Phrase] = []
    for first, last, tokens in _runs(question):
        kept = _without_verbs(question, first, last, tokens)
        if not kept:
            continue
        start, end = kept[0].start(), kept[-1].end()
        determiner = re.search(r"\b(?:the|an?)\s+(?:first\s+)?$", question[:start], re.IGNORECASE)
        start = determiner.start() if determiner is not None else start
        link = question[found[-1].end : start] if found else ""
        pair = link == " and " and question[found[-1].start :].startswith("the ") and question[start].isupper()
        if link == " of " or pair:
            start = found.pop().start
        found.append(Phrase(start, end, re.sub(r"^An? ", "the ", question[start:end], flags=re.IGNORECASE)))
    return tuple(found)


def _runs(question: str) -> Iterator[tuple[int, int, list[re.Match[str]]]]:
    """Runs of neighbouring words that count: the numbers of the first and the last among all words, and the words."""
    every = list(_TOKEN.finditer(question))
    run: list[int] = []
    for at, token in enumerate(every):
        word = token.group().lower()
        counts = token.group() == "US" or (word not in stop_words() and word not in _LIGHT and word not in AUXILIARIES)
        between = question[every[run[-1]].end() : token.start()] if run else ""
        joined = between in {"", " ", " “", ' "'} or (between == ": " and token.group()[0].isupper())
        if run and (not counts or not joined):
            yield run[0], run[-1], [every[each] for each in run]
            run = []
        if counts:
            run.append(at)
    if run:
        yield run[0], run[-1], [every[each] for each in run]


def _without_verbs(question: str, first: int, last: int, run: list[re.Match[str]]) -> list[re.Match[str]]:
    """The words of a run without the verbs that begin or end it, as the function words around it tell."""
    every = [token.group().lower() for token in _TOKEN.finditer(question)]
    before = every[first - 1] if first else ""
    before_that = every[first - 2] if first > 1 else ""
    subject = before in DOES or (before in _DETERMINERS and before_that in DOES)
    if before in {"who", "what", "to", "not"} or (before in {"he", "she", "it", "they", "there", "you", "we", "i"}):
        run = run[1:] if not run[0].group()[0].isupper() else run
    elif before in {"which", "many", "whose"} and every[min(last + 1, len(every) - 1)] not in AUXILIARIES:
        subject = True
    elif before in AUXILIARIES and not subject and re.search(r"(?:ed|ing)$", run[0].group()):
        run = run[1:]
    if subject and len(run) > 1:
        plural = next(
            (at for at, token in enumerate(run) if is_plural(token.group()) and token.group()[0].islower()), None
        )
        named = next((at for at, token in enumerate(run[:-1]) if _name_ends(run, at)), None)
        # "When did Trump open direct talks with Russia": of a plural that no verb follows, the verb stands before.
        after = every[last + 1] if last + 1 < len(every) else ""
        closed = not after or re.fullmatch(PREPOSITION, after) is not None
        if before in DOES and named is not None and plural == len(run) - 1 > named + 1 and closed:
            plural = None
        if plural is not None:
            run = run[: plural + 1]
        elif named is not None and (before in DOES or any(token.group()[0].isupper() for token in run[named + 2 :])):
            run = run[: named + 1]
        elif run[-1].group()[0].islower():
            run = run[:-1]
    if before == "and" and run[0].group()[0].isupper():
        named = next((at for at, token in enumerate(run[:-1]) if _name_ends(run, at)), None)
        run = run if named is None else run[: named + 1]
    if before in DOES and len(run) > 1 and run[0].group().islower() and not is_plural(run[0].group()):
        # "Which leaders would send troops": the verb, for who sends stands before.
        run = run[1:] if first > 1 and before_that not in stop_words() else run
    if before in _BE or before_that in _BE:
        named = next((at for at, token in enumerate(run[:-1]) if _name_ends(run, at)), None)
        if named is not None and before in _BE:
            run = run[: named + 1]
        while len(run) > 1 and re.search(r"^[a-z].*ing$", run[-1].group()):
            run = run[:-1]
    while len(run) > 1 and re.search(r"^[a-z].*ed$", run[-1].group()):
        run = run[:-1]
    verb = next((at for at, token in enumerate(run) if 0 < at < len(run) - 1 and token.group().endswith("ing")), None)
    run = run[:verb]
    if len(run) == 1 and run[0].group().islower():
        word = run[0].group()
        named_before = every[first - 1] in _DETERMINERS if first else False
        if (
            not named_before
            and not is_plural(word)
            and before not in {"of", "on", "in", "about", "for", "with", "which"}
        ):
            return []
    return run


def _name_ends(run: list[re.Match[str]], at: int) -> bool:
    return run[at].group()[0].isupper() and run[at + 1].group()[0].islower()


def is_plural(phrase: str) -> bool:
    """Whether the last word, or the last before "of", is a plural.

    >>> is_plural("the military chiefs"), is_plural("members of NATO"), is_plural("the crisis")
    (True, True, False)
    """
    words = phrase.split(" of ")[0].split(" ")
    last = words[-1].lower()
    return last in _PLURALS or (len(last) > 3 and re.search(r"(?<![sui'’])s$", last) is not None)


def without_and(question: str) -> str:
    """The question without "And" and the like before it."""
    return _AND.sub("", question)


def about(question: str) -> str:
    """The question without "And" and the like before it, beginning with a capital.

    >>> about("and what then?")
    'What then?'
    """
    text = without_and(question)
    return text[:1].upper() + text[1:]


def begins_with_and(question: str) -> bool:
    """Whether a question is joined to the one before."""
    return _AND.match(question) is not None


def with_topic(question: str, topic: str) -> str:
    """The question with what it is about, in parentheses.

    >>> with_topic("How long was the call?", "Putin")
    'How long was the call (Putin)?'
    """
    return f"{question.rstrip('? ')} ({topic})?"
