"""A follow-up question read in the light of the earlier ones: "Who did he tell?", "What about France?", "Why?".

Rules, and no model: a question that leans on nothing said before stays as it is. One that does is written out in
several ways, with what its pronouns may stand for or with the rest of the question before; each has a cost, and
`Engine.ask` takes the one that the articles answer most confidently, after its cost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from index.analysis import content_terms, stem, words
from rag.ellipsis import adapted, short_question, written_out
from rag.followup import definite_heads, leaning_words, names_itself, put_in, refers_back
from rag.logistic import logit
from rag.mentions import same_name
from rag.phrases import about, begins_with_and, with_topic
from rag.question import MAX_CHARACTERS
from rag.referents import Earlier, names_of, referents, topic_of
from rag.types import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rag.followup import Leaning
    from rag.mentions import Mention

__all__ = ["MOST_READINGS", "Reading", "best_reading", "readings", "remembered"]

MOST_READINGS = 4
"""Ways of reading one question that are tried, the question as it stands among them: each is asked."""
REMEMBERED = 4
"""Earlier turns that a question may lean on."""
AS_IT_STANDS = 2.5
"""What it costs, as log odds, to read a question as it stands that leans on another by a word of its own."""
CONFIDENCE_COUNTS = 0.35
"""What a unit of the log odds of its answer is worth to a reading, beside its cost: another reading may be answered by
chance, and what the words themselves say comes first. Chosen on the development half of the dialogues."""
UNSAID = 0.4
"""What it costs to add to a question that may be whole: "How long was the call?"."""
_FURTHEST = 1.5
"""What a reading may cost more than the likeliest one and still be tried."""
_SUREST = 4.0
"""Log odds that hardly any answer reaches: a confidence of .98."""
_MOST_SENTENCES = 3
_MOST_TERMS = 8
"""Words that count, beyond which a question tells by itself what it is about."""
_EACH_WORDING = 0.3
_LEFT = 1.0
"""What it costs to tell the first pronoun of a question and leave the others: "Why do Starmer and Macron say it?"."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a question.

    Attributes:
        text: the question, written out.
        cost: how much less likely it is than others, before anything is looked up, as log odds.
    """

    text: str
    cost: float = 0.0


def readings(question: str, history: Sequence[Answer | str]) -> tuple[Reading, ...]:
    """The ways to read a question after others, itself first.

    Args:
        question: the question, white space folded.
        history: the earlier answers, or bare earlier questions, oldest first.

    >>> [each.text for each in readings("Who did he tell?", ["What did Putin demand?"])]
    ['Who did he tell?', 'Who did Putin tell?']
    >>> [each.text for each in readings("Who won the World Cup?", ["What did Putin demand?"])]
    ['Who won the World Cup?']
    """
    return _readings(question, remembered(history))


def remembered(history: Sequence[Answer | str]) -> tuple[Earlier, ...]:
    """The last turns as a follow-up sees them; a bare question that leans on those before it is read first."""
    found: list[Earlier] = []
    for turn in history[-REMEMBERED:]:
        if isinstance(turn, Answer):
            found.append(_earlier(turn))
        elif turn.strip():
            ways = _readings(" ".join(turn.split()), found)
            found.append(Earlier(min(ways, key=lambda way: way.cost).text))
    return tuple(found)


def best_reading(ways: Sequence[Reading], confidence: Callable[[str], float]) -> Reading:
    """Which reading is taken: the one with the best odds of its answer, less its cost; of equals the cheaper.

    Args:
        ways: the readings, at least one.
        confidence: gives the confidence in [0, 1] of the answer to a question. The cheapest reading is asked for first,
            and others only as long as they might outdo the best so far.
    """
    cheapest, *others = sorted(ways, key=lambda way: way.cost)
    if not others:
        return cheapest
    best, most = cheapest, CONFIDENCE_COUNTS * logit(confidence(cheapest.text)) - cheapest.cost
    for way in others:
        if CONFIDENCE_COUNTS * _SUREST - way.cost <= most:
            break
        worth = CONFIDENCE_COUNTS * logit(confidence(way.text)) - way.cost
        if worth > most:
            best, most = way, worth
    return best


def _earlier(answer: Answer) -> Earlier:
    cited = answer.citations[:_MOST_SENTENCES] if answer.answered else answer.related[:1]
    sentences = [text for each in cited for text in (each.context.quote if each.context else "", each.quote) if text]
    first = cited[0] if cited else None
    words_of_answer = first.quote[slice(*first.highlight)] if first is not None and first.highlight else None
    return Earlier(answer.read_as or answer.question, words_of_answer, tuple(sentences), answer.answered)


def _readings(question: str, history: Sequence[Earlier]) -> tuple[Reading, ...]:
    if not history:
        return (Reading(question),)
    found = _by_form(question, history)
    whole = min((way.cost for way in found), default=0.0) >= UNSAID and not leaning_words(question)
    unique: dict[str, Reading] = {}
    for way in sorted(found, key=lambda each: each.cost):
        text = " ".join(way.text.split())
        if text != question and len(text) <= MAX_CHARACTERS and text not in unique:
            unique[text] = Reading(text, way.cost)
    if not unique:
        return (Reading(question),)
    likely = [way for way in unique.values() if way.cost <= next(iter(unique.values())).cost + _FURTHEST]
    return (Reading(question, 0.0 if whole else AS_IT_STANDS), *likely[: MOST_READINGS - 1])


def _by_form(question: str, history: Sequence[Earlier]) -> list[Reading]:
    """The readings besides the question itself, by what it leans with: left-out words, pronouns, "the call"."""
    last, names = history[-1], names_of(history)
    short = short_question(question)
    if short is not None:
        return _short(*short, last, names)
    if len(content_terms(question)) > _MOST_TERMS:
        return []
    leaning = leaning_words(question)
    if leaning:
        return _with_referents(question, leaning, history, names)
    if refers_back(question):
        return [Reading(with_topic(question, topic_of(last)))] if topic_of(last) else []
    if names_itself(question):
        return []
    heads = set(definite_heads(question))
    for age, turn in enumerate(reversed(history)):
        told = {word.stem for text in (turn.question, *turn.sentences) for word in words(text)}
        asked = set(content_terms(turn.question))
        if heads & told or (begins_with_and(question) and not age):
            topic = _new_topic(topic_of(turn), question)
            extra = 0.0 if heads & asked else 0.1
            return [Reading(with_topic(about(question), topic), UNSAID + extra)] if topic else []
    return []


def _new_topic(topic: str, question: str) -> str:
    """What of a topic the question does not say itself."""
    said = {word.stem for word in words(question)}
    return ", ".join(part for part in topic.split(", ") if not {stem(each) for each in part.split()} <= said)


def _short(how: str, what: str, last: Earlier, names: Sequence[Mention]) -> list[Reading]:
    if how == "about":
        known = next((name for name in names if same_name(name.text.lower(), what.lower())), None)
        the = "the " if what.lower().startswith("the ") else ""
        wordings = adapted(the + re.sub(r"^the ", "", known.text) if known is not None else what, last.question)
    else:
        wordings = written_out(what, last.question, last.answer if last.answered else None)
        if how == "noun":
            wordings.append(with_topic(what, topic_of(last)))
    return [Reading(text, at * _EACH_WORDING) for at, text in enumerate(wordings)]


def _with_referents(
    question: str, leaning: Sequence[Leaning], history: Sequence[Earlier], names: Sequence[Mention]
) -> list[Reading]:
    """The readings of a question with pronouns; where not all of them can be told, the first of them is."""
    forms = list(dict.fromkeys(word.form for word in leaning))
    choices = {form: referents(history, form, names)[: 4 if len(forms) == 1 else 2] for form in forms}
    known = [form for form in forms if choices[form]]
    if not known:
        return []
    said = {word.stem for word in words(question)}
    found = []
    for combination in product(*(choices[form] for form in known)):
        texts = {form: each.text for form, each in zip(known, combination, strict=True)}
        if _overlap(list(texts.values())):
            continue
        # Nobody meets, tells or leads himself: what the question names besides is not meant.
        if any({word.stem for word in words(re.sub(r"['’]s$", "", text))} <= said for text in texts.values()):
            continue
        topic = next((new for each in combination if (new := _new_topic(each.topic, question))), "")
        text = put_in(question, leaning, texts)
        found.append(Reading(with_topic(text, topic) if topic else text, sum(each.cost for each in combination)))
    if len(known) > 1:
        alone = _with_referents(question, [word for word in leaning if word.form == known[0]], history, names)
        found += [Reading(way.text, way.cost + _LEFT) for way in alone[:1]]
    return found


def _overlap(texts: Sequence[str]) -> bool:
    """Whether one of these is another, or a part of it: "they" and "it" are not the allies of NATO, and NATO."""
    said = [set(text.casefold().split()) for text in texts]
    return any(one <= other for at, one in enumerate(said) for other in (*said[:at], *said[at + 1 :]))
