"""What a pronoun may stand for: names and things of the earlier questions, and of what was cited for them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rag.mentions import gathered, mentions, same_name
from rag.phrases import is_plural, noun_phrases, parts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.mentions import Mention

__all__ = ["Earlier", "Referent", "names_of", "referents", "subject_of", "topic_of"]

_OLDER = 0.8
"""What each turn between costs a referent, as log odds."""
_OTHER, _OTHER_THING = 0.4, 0.15
"""What each referent before it in the same question costs: a name, and a thing ("the call")."""
_ANSWER, _CITED, _UNSURE = 0.3, 0.8, 1.5
"""What it costs not to stand in the question: in the words that answered it, beside them, or beside no answer."""
_ASKED, _ASKED_NAMED = 0.2, 0.5
"""What it costs to be asked for by the question, and that a name answered it."""
_LONGEST_ASKED = 4
_UNNAMED = frozenset({"date", "day", "else", "month", "other", "place", "time", "year"})
"""What a question asks for without meaning a thing."""
_SUBJECT = 0.2
"""What it costs that nothing says that the subject of a question is a person."""
_NOBODY = 2.0
"""What it costs that nothing says so of another name, where there is somebody known to be one."""
_ADJECTIVE = re.compile(
    r"^(?:[A-Z][\w-]*(?:ian|ean|ish|ese|can|-born|-based|-led|-backed)|Western|Eastern|French|German|Dutch|Greek|Swiss|Thai|Czech|Iraqi|Israeli)$"
)
_DATE = re.compile(
    r"""(?:the\s+)?(?:(?:\d[\w.,-]*|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|January|February|March|April|May|June|July
    |August|September|October|November|December|first|last|next|this|week|month|year|weekend|quarter|hour|day|of)s?\s*)+""",
    re.VERBOSE,
)
_PAIR = re.compile(r"\b([A-Z][\w-]+(?: [A-Z][\w-]+)?) and ((?:[A-Z][\w-]+ )?[A-Z][\w-]+)\b")
_ASKS_WHO = re.compile(r"\bwho(?:m|se)?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier turn, as far as a follow-up leans on it.

    Attributes:
        question: as it was read.
        answer: the words that answered it; None when it was not answered, or they are not known.
        sentences: what was cited for it, the sentences before it that say who it speaks of included; when it was not
            answered, the closest sentence.
        answered: whether it was.
    """

    question: str
    answer: str | None = None
    sentences: tuple[str, ...] = ()
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Referent:
    """What a pronoun may stand for.

    Attributes:
        text: as it is put into the question.
        cost: how much less likely it is than the best one may be, as log odds, at least 0.
        topic: what it belongs to, where its text does not tell: "NATO" of "the target".
    """

    text: str
    cost: float
    topic: str = ""


def names_of(history: Sequence[Earlier]) -> list[Mention]:
    """The names of a conversation, with all that its sentences say of each."""
    return gathered(text for turn in history for text in (turn.question, *turn.sentences))


def referents(history: Sequence[Earlier], form: str, names: Sequence[Mention]) -> list[Referent]:
    """What "he", "she", "they", "it" or "there" may stand for, the likeliest first, each once.

    Args:
        history: the earlier turns, oldest first.
        form: the pronoun.
        names: as `names_of` gives them for the history.
    """
    found: dict[str, Referent] = {}

    def add(text: str, cost: float, topic: str = "") -> None:
        key = next((known for known in found if same_name(known, text)), text)
        if key not in found or cost < found[key].cost:
            found[key] = Referent(key, cost, topic)

    for age, turn in enumerate(reversed(history)):
        behind = age * _OLDER
        asked = _asked_for(turn, form)
        if asked is not None:
            add(asked.text, behind + asked.cost, asked.topic)
        for text, cost in _of_turn(turn, form, names):
            add(text, behind + cost)
    if form in {"he", "she"} and any(name.kind == "person" for name in names):
        persons = [name.text for name in names if name.kind == "person"]
        subjects = [subject_of(turn.question) for turn in history]
        for key, each in found.items():
            known = key in subjects or any(same_name(key, person) for person in persons)
            found[key] = replace(each, cost=each.cost + (0.0 if known else _NOBODY))
    return sorted(found.values(), key=lambda each: each.cost)


def subject_of(question: str) -> str | None:
    """The name that a question asks something of: the first behind its auxiliary.

    >>> subject_of("Who did Trump talk to?"), subject_of("What is the price of bitcoin?")
    ('Trump', None)
    """
    rest = parts_of(question).rest
    name = next(iter(mentions(f"x {rest}")), None)
    return name.text if name is not None and name.start <= 2 else None


def _of_turn(turn: Earlier, form: str, names: Sequence[Mention]) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    subject = subject_of(turn.question)
    for place, (text, cost) in enumerate(_in_order(turn.question, form, names)):
        unsaid = form in {"he", "she"} and text == subject and 0.0 < cost < 1.0
        behind = _OTHER_THING if form in {"it", "they"} and text.startswith("the ") else _OTHER
        found.append((text, (_SUBJECT if unsaid else cost) + place * behind))
    names_somebody = _ASKS_WHO.search(turn.question) is not None
    if turn.answer is not None and turn.answered and not (names_somebody and form in {"it", "there"}):
        cost = 0.0 if form in {"he", "she"} and names_somebody and not found else _ANSWER
        found += [(text, cost + more) for text, more in _in_order(turn.answer, form, names, whole=True)]
    rank = 0
    for sentence in turn.sentences:
        for text, cost in _in_order(sentence, form, names, phrases=False):
            found.append((text, cost + (_CITED if turn.answered else _UNSURE) + rank * _OTHER / 2))
            rank += 1
    return found


def _asked_for(turn: Earlier, form: str) -> Referent | None:
    """The thing that a question asks for: "the target" of "What target does NATO have?".

    Where a name answered, that is meant rather.
    """
    of = re.sub(r"^(?:(?:kind|sort|type)s? )?of ", "", parts_of(turn.question).of)
    if form not in {"it", "they"} or not of or len(of.split()) > _LONGEST_ASKED:
        return None
    if set(of.lower().split()) & _UNNAMED or is_plural(of) != (form == "they"):
        return None
    named = turn.answered and turn.answer is not None and bool(mentions(f"x {turn.answer}"))
    text = of if re.match(r"the |[A-Z]", of) else f"the {of}"
    topic = ", ".join(_names_in(turn.question)) if " " not in of else ""  # more words tell by themselves
    return Referent(text, _ASKED_NAMED if named else _ASKED, topic)


def _in_order(
    text: str, form: str, names: Sequence[Mention], *, whole: bool = False, phrases: bool = True
) -> list[tuple[str, float]]:
    """What agrees with a pronoun in a text, in order, each with what its agreement costs."""
    known = {name.text for name in names}
    own = _without_parts(text, [*mentions(text, known=known), *_written_small(text, names)])
    found: list[tuple[int, str, float]] = []
    taken: list[tuple[int, int]] = []
    if form == "they":
        for pair in _PAIR.finditer(text):
            if _ADJECTIVE.match(pair[2]):  # "British and French troops"
                continue
            found.append((pair.start(), pair.group(), 0.0))
            taken.append(pair.span())
    if phrases and form in {"it", "they"}:
        for phrase in noun_phrases(text) if not whole else ():
            if _DATE.fullmatch(phrase.text) or any(phrase.text == name.text for name in own):
                continue
            inside = [name for name in own if phrase.start <= name.start < phrase.end]
            if any(name.kind == "person" and same_name(name.text, phrase.text) for name in inside):
                continue
            if phrase.plural == (form == "they"):
                the = "" if phrase.plural or re.match(r"the |[A-Z]", phrase.text) else "the "
                found.append((phrase.start, the + phrase.text, 0.1 if phrase.text.startswith("the ") else 0.4))
        if whole and not own and len(text.split()) <= 5 and not re.search(r"\d", text) and not _DATE.fullmatch(text):
            found.append((0, text, 0.2))
    for name in own:
        if any(start <= name.start < end for start, end in taken) or _ADJECTIVE.match(name.text):
            continue
        described = next((other for other in names if same_name(other.text, name.text)), name)
        cost = _disagreement(described, form, text)
        if cost is not None:
            found.append((name.start, name.text, cost))
    return [(text, cost) for _, text, cost in sorted(found)]


def _without_parts(text: str, own: list[Mention]) -> list[Mention]:
    """The names that stand by themselves, and not before a noun that they describe ("the NATO summit")."""
    phrases = noun_phrases(text) if text.rstrip().endswith("?") else ()
    return [
        name
        for name in own
        if not any(
            phrase.start <= name.start < phrase.end
            and name.end < phrase.end
            and text[name.end] == " "
            and phrase.text[-1:].islower()
            and phrase.text.split()[-1].islower()
            for phrase in phrases
        )
    ]


def _written_small(text: str, names: Sequence[Mention]) -> list[Mention]:
    """Known names that a question writes without a capital."""
    found = []
    for name in names:
        last = name.text.split()[-1].lower()
        match = re.search(rf"\b{re.escape(last)}\b", text) if len(last) > 3 and text == text.lower() else None
        if match is not None:
            found.append(replace(name, start=match.start()))
    return found


def _disagreement(name: Mention, form: str, text: str) -> float | None:
    """What it costs that a name should be meant by a pronoun; None when it cannot be."""
    words = len(name.text.split())
    if form in {"he", "she"}:
        if name.kind in {"place", "body"} or (name.gender and name.gender != form):
            return None
        if name.kind == "person":
            return 0.0
        if re.search(r"\d", name.text):
            return None
        placed = re.search(rf"\b(?:on|in|at|of|from|near) (?:the )?{re.escape(name.text)}", text) is not None
        return (0.4 if 2 <= words <= 3 else 0.9) + placed
    if name.kind == "person":
        return None
    if form == "there":
        return {"place": 0.0, "body": 1.0}.get(name.kind, 0.6 if words == 1 else 1.2)
    if form == "it":
        return 0.1 if name.kind else 0.5
    return 0.8


def topic_of(turn: Earlier) -> str:
    """What a question is about, in a few words: its names, or else its phrases."""
    names = _names_in(turn.question)
    phrases = [phrase.text for phrase in noun_phrases(turn.question) if not _DATE.fullmatch(phrase.text)]
    return ", ".join(dict.fromkeys(names or phrases[-2:]))


def _names_in(question: str) -> list[str]:
    return [name.text for name in mentions(question) if not _ADJECTIVE.match(name.text)]
