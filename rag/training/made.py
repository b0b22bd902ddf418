"""Questions made of an index's own articles, for a reader to learn what retrieval on them hands over.

Two kinds. A statement at the head of an article with a name or a number taken out, as a weekly quiz asks it: it is
answered where other articles have the name beside most of the statement's rare words. And a property of a name ("How
old is ...?", "Which party does ... belong to?") that some articles give in so many words and most do not: it is these
that teach that a text about somebody is no answer to any question about them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from index.analysis import content_terms, fold
from rag.evaluation.questions import is_right
from rag.reader import as_read
from rag.training.examples import Labelled, unanswered
from rag.training.names import PERSONS, Names, names_in
from rag.training.retrieved import Retrieved, spans_of

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence

    from rag.engine import Engine
    from rag.reader import Passage
    from rag.training.names import Name

__all__ = ["Made", "made_questions", "properties", "retrieve_for_made", "statements"]

_PASSAGES = 40
_HEAD = 3
"""Sentences at the head of an article that questions are made of."""
_SHARED = 0.5
"""The part of a statement's rare words that a passage has to share to count as an answer, and half of it a sentence."""
_COPY = 0.75
"""The part of a statement's words from which a sentence is a copy of it: nothing is learnt from finding it."""
_MOST = 15
"""Questions with the same answer: of some people all the news are full, which is no reason to answer with them."""
_NEVER_ANSWERED = 0.3
"""How many of the statements that no other article answers are kept, for what does not answer them."""


@dataclass(frozen=True, slots=True)
class Made:
    """A question that was made.

    Attributes:
        question: its text.
        answers: what answers it; empty when that is not known.
        statement: the sentence that it was made of; "" for a property.
        subject: words that a sentence has to hold beside the answer; "" for a statement.
        cue: a passage where this is found may give the property, and is no sure negative; None for a statement.
    """

    question: str
    answers: tuple[str, ...]
    statement: str = ""
    subject: str = ""
    cue: re.Pattern[str] | None = None


def made_questions(engine: Engine, generator: random.Random, *, count: int) -> list[Made]:
    """Up to `count` questions, a third of them on properties, of the passages of an index."""
    store = engine.store
    ids = store.leading_passages()
    heads: list[tuple[str, ...]] = []
    sentences: list[str] = []
    for start in range(0, len(ids), 2_000):
        for record in store.passages(ids[start : start + 2_000]):
            texts = as_read(record).sentences
            sentences += texts
            if record.before is None:
                heads.append(texts[:_HEAD])
    names = Names(sentences)
    generator.shuffle(heads)
    asked = list(properties(sentences, names, generator))
    generator.shuffle(asked)
    found = asked[: count // 3]
    known = {made.question for made in found}
    asked_for: Counter[str] = Counter()
    for texts in heads:
        # One of an article: the second one would ask for the same story.
        for text in generator.sample(texts, len(texts)):
            made = next(statements(text, names, generator), None)
            if made is None or made.question in known:
                continue
            asked_for[made.answers[0]] += 1
            if asked_for[made.answers[0]] <= _MOST:
                known.add(made.question)
                found.append(made)
                break
        if len(found) >= count:
            break
    return found


# Statements


_DATELINE = re.compile(r"^[A-Z][A-Z ,.]{3,}.{0,30}?(?:\([A-Z][\w ]+\)\s*)?[—–-]+\s*|^\([\w ]+\)\s*[—–-]*\s*")
_PERCENT = re.compile(r"\b\d+(?:\.\d+)?(?:%| percent| per cent)")
_MONEY = re.compile(r"[$£€]\d[\d,.]*\d?(?: (?:thousand|million|billion|trillion))?")
_SMALL = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_COUNT = re.compile(
    rf"(?<![\w$£€.,-])(?P<number>(?:\d[\d,]*|{_SMALL})(?: (?:hundred|thousand|million|billion))?)"
    r"(?P<what> (?:[a-z-]+ )?[a-z-]{3,}s)\b"
)
_YEAR = re.compile(r"1|(?:1[89]|20)\d\d")
_WEEKDAY = re.compile(
    r",? (?:on |early |late )*(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day(?: (?:morning|afternoon|evening|night))?\b"
)
_CLAUSE = re.compile(r"\s*[,;:—–()]\s+|\s*[“”\"]\s*")
_SAYS = re.compile(r"^(?:[\w’'.-]+ ){0,4}(?:said|says|told|according to)\b")
_SHORTEST, _LONGEST = 7, 26
_DROPPED = 0.05
_IN_PLACE = 0.7
"""How often the words that ask stay where the answer was, rather than at the beginning."""
_PREPOSITION = re.compile(r"^(?P<rest>.*?) ?\b(?P<word>in|at|on|with|by|to|from|for|of|against)$", re.IGNORECASE)


def statements(sentence: str, names: Names, generator: random.Random) -> Iterator[Made]:
    """Questions that a sentence answers: each with one name or number of it taken out."""
    text = _DATELINE.sub("", " ".join(sentence.split()))
    if not 8 <= len(text.split()) <= 60 or text.endswith((":", "?")):
        return
    places: list[tuple[int, int, str, str]] = []
    for name in names_in(text):
        asked = _asked(name, text, names, generator)
        if asked:
            places.append((name.start, name.end, name.text, asked))
    places += [(*match.span(), match.group(), "what percentage") for match in _PERCENT.finditer(text)]
    places += [(*match.span(), match.group(), "how much") for match in _MONEY.finditer(text)]
    for match in _COUNT.finditer(text):
        if not _YEAR.fullmatch(match["number"]):
            places.append((match.start(), match.end(), match["number"], f"how many{match['what']}"))
    generator.shuffle(places)
    for start, end, answer, asked in places:
        question = _question(text, start, end, asked, generator)
        if question is not None and answer.lower() not in question.lower():
            yield Made(question, (answer,), statement=text)


def _asked(name: Name, text: str, names: Names, generator: random.Random) -> str:
    """How a name is asked for; "" when it is not known what it is."""
    if name.start == 0 and (name.text not in names or " " not in name.text):
        return ""  # it may be a word like any other
    kind = name.kind or names.kind(name.text)
    person = kind in PERSONS or bool(_SAYS.match(text[name.end :].lstrip()) and " " in name.text)
    if person:
        return f"which {kind}" if kind and generator.random() < 0.4 else "who"
    return f"{generator.choice(('which', 'which', 'what'))} {kind}" if kind else ""


def _question(text: str, start: int, end: int, asked: str, generator: random.Random) -> str | None:
    """The clauses around a place, as a question for it; None when they are too few words to be one."""
    pieces: list[tuple[int, int]] = []
    at = 0
    for match in _CLAUSE.finditer(text):
        pieces.append((at, match.start()))
        at = match.end()
    pieces.append((at, len(text)))
    own = next((n for n, (left, right) in enumerate(pieces) if left <= start and end <= right), None)
    if own is None:
        return None
    first, last = own, own
    while True:
        if len(text[pieces[first][0] : pieces[last][1]].split()) >= _SHORTEST + generator.randrange(8):
            break
        if first > 0 and (last + 1 == len(pieces) or generator.random() < 0.5):
            first -= 1
        elif last + 1 < len(pieces) and not _SAYS.match(text[slice(*pieces[last + 1])]):
            last += 1
        else:
            break
    left, right = pieces[first][0], pieces[last][1]
    front = _WEEKDAY.sub("", text[left:start]).strip(" ,.;:")
    tail = _WEEKDAY.sub(generator.choice(("", " this week")), text[end:right]).strip(" .;:")
    tail = re.sub(r"^[’']s\b", "", tail).strip() if not tail.startswith(("’s ", "'s ")) else tail
    front, tail = _thinned(front, generator), _thinned(tail, generator)
    if not _SHORTEST <= len(f"{front} {tail}".split()) <= _LONGEST:
        return None
    kind = asked.split(" ")[-1]
    if front.lower().endswith(f" {kind}"):
        front = front[: -len(kind)].rstrip()
    if not front:
        return _capital(f"{asked} {tail}?")
    if generator.random() < _IN_PLACE:
        return _capital(f"{front} {asked} {tail}".rstrip(" ,") + "?")
    held = _PREPOSITION.match(front)
    opening = f"{held['word']} {asked}" if held is not None else asked
    rest = held["rest"] if held is not None else front
    return _capital(f"{opening} {rest[:1].lower() + rest[1:]} {tail}".rstrip(" ,") + "?")


def _thinned(text: str, generator: random.Random) -> str:
    """Without some of its words: a question seldom has all the words of what answers it."""
    return " ".join(word for word in text.split() if generator.random() >= _DROPPED)


def _capital(text: str) -> str:
    text = " ".join(text.split())
    return text[:1].upper() + text[1:]


# Properties


_NAME = r"(?P<{0}>[A-Z][\w’'.-]+(?: (?:[A-Z]\. |de |van |bin )?[A-Z][\w’'-]+){{0,3}})"
_TWO = r"(?P<{0}>[A-Z][\w’'-]+ (?:[A-Z]\. )?[A-Z][\w’'-]+)"


@dataclass(frozen=True, slots=True)
class _Property:
    """Questions on a name, the words that give the answer, and the words without which a passage gives none."""

    questions: tuple[str, ...]
    given: tuple[re.Pattern[str], ...]
    cue: re.Pattern[str]
    person: bool


def _property(questions: str, cue: str, *given: str, person: bool = True) -> _Property:
    return _Property(tuple(questions.split("|")), tuple(map(re.compile, given)), re.compile(cue, re.IGNORECASE), person)


_WHO, _WHAT, _TWO_WHO, _TWO_WHAT = (
    _NAME.format("who"), _NAME.format("answer"), _TWO.format("who"), _TWO.format("answer"),
)  # fmt: skip
_HEADS = "chief executive|CEO|president|chairman|chairwoman|founder|co-founder|director|head"
_PROPERTIES = (
    _property(
        "How old is {}?|What is the age of {}?|What is {}'s age?",
        r"\b\d{1,3}\b|\baged?\b|born|birthday",
        rf"{_TWO_WHO}, (?P<answer>\d\d)(?=[,.])",
    ),
    _property(
        "Who is {} married to?|Who is the wife of {}?|Who is {}'s spouse?|Who is the husband of {}?",
        r"marri|\bwed|\bwife|husband|spouse|couple|partner|first lad",
        rf"{_TWO_WHO}(?:’s|'s|,? and his|,? and her) (?:wife|husband),? {_WHAT}",
        rf"{_TWO_WHAT},? (?:and her husband|and his wife),? {_WHO}",
    ),
    _property(
        "Which party does {} belong to?|What is {}'s political party?|Which party is {} a member of?",
        r"\bpart(?:y|ies)\b|republican|democrat|\bgop\b|labou?r|conservative|tor(?:y|ies)|liberal|\([RD]-",
        rf"(?P<answer>Republican|Democratic|Conservative|Labour|Liberal) "
        rf"(?:Sen\.|Rep\.|Gov\.|Senator|MP|leader|Party leader|lawmaker|candidate) {_TWO_WHO}",
        rf"{_TWO_WHO}, (?:a|the) (?P<answer>Republican|Democrat|Conservative|Liberal)\b",
    ),
    _property(
        "Which company does {} run?|What company is {} the head of?|Which organization does {} lead?",
        r"\bC\.?E\.?O|chief|president|chair|founder|director|\bhead|\bled\b|\blead|\bruns?\b|owner",
        rf"{_TWO_WHO}, (?:the )?(?:{_HEADS}) (?:and \w+ )?of (?:the )?{_WHAT}",
        rf"(?P<answer>[A-Z][\w&]+) (?:CEO|chief executive) {_TWO_WHO}",
    ),
    _property(
        "Who is the chief executive of {}?|Who is {}'s CEO?|Who runs {}?|Who heads {}?",
        r"\bC\.?E\.?O|chief|president|chair|founder|director|\bhead|\bled\b|\blead|\bruns?\b|owner|boss",
        rf"{_TWO_WHAT}, (?:the )?(?:chief executive|CEO) of (?:the )?{_WHO}",
        rf"(?P<who>[A-Z][\w&]+) (?:CEO|chief executive) {_TWO_WHAT}",
        person=False,
    ),
    _property(
        "Where is {} based?|In which city is {} headquartered?|Where are the headquarters of {}?",
        r"\bbased\b|headquarter|offices?\b|\bhome\b|-based",
        rf"{_WHO},? (?:which is |a company |is )?(?:based|headquartered) in {_WHAT}",
        person=False,
    ),
    _property(
        "What is the capital of {}?|Which city is the capital of {}?|What is {}'s capital?",
        r"\bcapital\b",
        rf"{_WHO}(?:’s|'s) capital(?: city)?(?:,| of) {_WHAT}",
        rf"{_WHAT}, the capital of {_WHO}",
        person=False,
    ),
    _property(
        "Where was {} born?|In which city was {} born?|What is {}'s birthplace?",
        r"\bborn\b|native|birth|grew up|hometown",
        rf"{_TWO_WHO} was born in {_WHAT}",
    ),
    _property("How many children does {} have?", r"\bchild|\bkids?\b|\bsons?\b|daughter|father|mother|parent"),
    _property("What is {}'s salary?|How much does {} earn?", r"\bpaid\b|salar|earn|\bwage|\bpay\b|[$£€]"),
    _property("Who is {}'s spokesperson?|Who speaks for {}?", r"spokes|press secretary|representative|\bsaid\b"),
    _property("Where did {} go to school?|Which university did {} attend?", r"school|universit|college|graduat|stud"),
    _property("How tall is {}?", r"\b(?:feet|foot|inch|metres?|meters?|tall|height)\b", person=False),
    _property("What is the population of {}?|How many people live in {}?", r"populat|inhabit|resident|people|\blive",
              person=False),
    _property("When was {} founded?|In what year was {} founded?",
              r"found|creat|start|establish|set up|began|\b\d{4}\b", person=False),
    _property("Who founded {}?|Who is the founder of {}?", r"found|creat|start|establish|set up|began|built",
              person=False),
    _property("Who is the president of {}?|Who is the prime minister of {}?|Who leads {}?",
              r"president|premier|minister|leader|\bled\b|\blead|chancellor|king|queen|chief|head", person=False),
    _property("Who paid for {}?|Who is funding {}?", r"\bpa(?:id|ys?|ying)\b|fund|financ|money|cost|[$£€]",
              person=False),
)  # fmt: skip


def properties(sentences: Sequence[str], names: Names, generator: random.Random) -> Iterator[Made]:
    """Questions on properties of names: where a sentence gives one, and as many more on names in general."""
    given: list[tuple[_Property, str, str]] = []
    for sentence in sentences:
        for each in _PROPERTIES:
            if each.cue.search(sentence):
                for pattern in each.given:
                    match = pattern.search(sentence)
                    if match is not None and match["who"] in names:
                        given.append((each, match["who"], re.sub(r"[’']s?$", "", match["answer"])))
    known = {(each.questions, who) for each, who, _ in given}
    for each, who, answer in dict.fromkeys(given):
        yield Made(generator.choice(each.questions).format(who), (answer,), subject=who.split(" ")[-1], cue=each.cue)
    common = names.common()[:6_000]
    for _ in range(2 * len(known)):
        each, who = generator.choice(_PROPERTIES), generator.choice(common)
        person = names.kind(who) in PERSONS
        if (each.questions, who) not in known and (person == each.person or (not each.person and not person)):
            known.add((each.questions, who))
            yield Made(generator.choice(each.questions).format(who), (), subject=who.split(" ")[-1], cue=each.cue)


# What is retrieved for them


def retrieve_for_made(engine: Engine, made: Sequence[Made], generator: random.Random) -> Iterator[Retrieved]:
    """What is retrieved for questions that were made, with what is known of it; nothing for one of no use."""
    for each in made:
        evidence = engine.retrieve(each.question, top_k=_PASSAGES)
        found = []
        for hit in evidence.hits[:_PASSAGES]:
            labelled = _label(each, as_read(hit.passage), evidence.rarity)
            if labelled is not None:
                found.append(labelled)
        right = any(passage.answered for passage in found)
        if found and (right or each.subject or generator.random() < _NEVER_ANSWERED):
            yield Retrieved(evidence.question.text, tuple(found))


def _label(made: Made, passage: Passage, terms: Mapping[str, float]) -> Labelled | None:
    """The passage with what it says of a question; None when that is not sure."""
    whole = " ".join((passage.title, *passage.sentences))
    held = set(content_terms(whole))
    if made.subject and made.subject.lower() not in whole.lower():
        return None  # too easy
    if not made.answers:
        return None if made.cue is None or made.cue.search(whole) else unanswered(passage)
    if not any(held & set(content_terms(answer)) for answer in made.answers):
        return unanswered(passage)
    right = tuple(_answers(made, text, terms) for text in passage.sentences)
    if any(_is_copy(text, made.statement) for text in passage.sentences) or not any(right):
        return None
    if not made.subject and _share(terms, held) < _SHARED:
        return None
    spans = spans_of(passage, made.answers, right)
    if not spans:
        return None
    sure = tuple(
        True if good else (None if is_right(text, made.answers) else False)
        for good, text in zip(right, passage.sentences, strict=True)
    )
    return Labelled(passage, spans, True, sure)


def _answers(made: Made, text: str, terms: Mapping[str, float]) -> bool:
    if not is_right(text, made.answers):
        return False
    if made.subject:
        cue = made.cue
        return made.subject.lower() in text.lower() and cue is not None and cue.search(text) is not None
    return _share(terms, set(content_terms(text))) >= _SHARED / 2


def _share(terms: Mapping[str, float], held: set[str]) -> float:
    """The part of the terms' weight that is held."""
    total = sum(terms.values())
    return sum(weight for term, weight in terms.items() if term in held) / total if total else 0.0


def _is_copy(text: str, statement: str) -> bool:
    own = set(fold(statement).split())
    return bool(own) and len(own & set(fold(text).split())) >= _COPY * len(own)
