"""Whether a question leans on what was said before, by a pronoun, "that" or "the call", and its wording without.

Pure functions on a question. What a word may stand for is `rag.referents`' business, questions that leave words out
are that of `rag.ellipsis`; `rag.conversation` puts them together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from index.analysis import content_terms, stop_words
from rag.mentions import mentions
from rag.phrases import AUXILIARY_PATTERN as _AUX
from rag.phrases import PREPOSITION, about, noun_phrases

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Leaning", "definite_heads", "leaning_words", "names_itself", "put_in", "refers_back"]

_WORDS = re.compile(
    r"\b(?P<he>he|him|his)\b|\b(?P<she>she|her|hers)\b|\b(?P<they>they|them|theirs?)\b|\b(?P<it>its?)\b"
    r"|\b(?P<there>there)\b(?=\W*$|\s+(?:in|on|at|now|for|from|before|after|since)\b)",
    re.IGNORECASE,
)
_POSSESSIVE = frozenset({"his", "their", "its"})
_EXPLETIVE = re.compile(
    r"""\b(?:is|was|isn['’]t|wasn['’]t|be|been)\s+it\s+(?:(?!to\b)\w+\s+){1,3}(?:that|to|for|how|whether|when|if|who|which|where|why)\b
    |\bit\s+(?:is|was|be|will\s+be)\s+(?:(?!to\b)\w+\s+){1,3}(?:that|to|for|how|whether|when|if)\b
    |\b(?:does|did|will|would|do)\s+it\s+(?:\w+\s+)?(?:take|cost|matter|help|rain|snow|feel|seem|pay|make\s+sense)\b.*\b(?:to|that|if|whether|for)\b
    |\b(?:what|which)\s+(?:time|day|year)\s+(?:is|was)\s+it\b|\b(?:go|going|went)\s+it\s+alone\b|\b(?:is|was)\s+it\s+(?:\w+ly\s+)?(?:rain|snow)ing
    |\bmak(?:e|es|ing)\s+it\b(?=\W*$)""",
    re.IGNORECASE | re.VERBOSE,
)
_EXISTS = re.compile(rf"\b(?:{_AUX})\s+there\b(?!\W*$)", re.IGNORECASE)
_THAT = re.compile(
    rf"""(?<!\bdo\s)\b(?:that|this|so)\b(?=\s*(?:happen\w*|mean|work|exactly)?\W*$)|^(?:{_AUX})\s+(?:that|this)\b(?=\s+(?:{_AUX}|\w+ed|true|a)\b)
    |\b(?P<det>(?:that|those)\s+(?P<noun>(?!year|month|week|day|time|way|night|morning)\w+))\W*$""",
    re.IGNORECASE | re.VERBOSE,
)
_SUBORDINATE = re.compile(rf"^(?:before|after|when|while|if|since|although|as)\s+(?!(?:{_AUX})\b)", re.IGNORECASE)
_ASKS_OF = re.compile(
    r"\b(?:which|what|whose|how\s+many)\s+(?!(?:else|did|do|does|is|are|was|were|will|has|have|can)\b)\w+",
    re.IGNORECASE,
)
_TURNS = re.compile(r"\b(?:that|if|when|whether|because|after|before|while|who|which|as|and|or|but)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Leaning:
    """A word of a question that stands for something said before.

    Attributes:
        start, end: half-open character range in the question.
        form: "he", "she", "they", "it" or "there".
        possessive: whether it stands for "somebody's".
    """

    start: int
    end: int
    form: str
    possessive: bool


def leaning_words(question: str) -> tuple[Leaning, ...]:
    """The pronouns of a question, and "there", that nothing in the question itself explains.

    >>> [(word.form, word.possessive) for word in leaning_words("Did he tell of her letters?")]
    [('he', False), ('she', True)]
    >>> leaning_words("Is it clear that Putin said he would come?")
    ()
    """
    hollow = [match.span() for match in (*_EXPLETIVE.finditer(question), *_EXISTS.finditer(question))]
    found: list[Leaning] = []
    for match in _WORDS.finditer(question):
        form = str(match.lastgroup)
        if any(start <= match.start() < end for start, end in hollow):
            continue
        word, behind = match.group().lower(), question[match.end() :]
        follows = re.match(r"\s+([\w’'-]+)", behind)
        possessive = word in _POSSESSIVE or (
            word == "her" and follows is not None and follows[1].lower() not in stop_words()
        )
        before = question[: match.start()]
        owner = possessive or word in {"he", "she", "they"} or _is_subject(word, before, behind)
        if not any(each.form == form for each in found) and _explained(form, before, owner, possessive):
            continue
        found.append(Leaning(match.start(), match.end(), form, possessive))
    return tuple(found)


_OBJECT = frozenset({"her", "hers", "him", "theirs", "them", "there"})
_LONG = 4
"""Words that count before an object ("Which bar has new wrappers to make it green?"), from which one of them is it."""


def _is_subject(word: str, before: str, behind: str) -> bool:
    if word in _OBJECT:
        return False
    return (
        re.match(rf"['’](?:s|ll|d)\b|\s+(?:{_AUX})\b", behind, re.IGNORECASE) is not None
        or re.search(rf"\b(?:{_AUX})\s+$", before, re.IGNORECASE) is not None
    )


def _explained(form: str, before: str, owner: bool, possessive: bool) -> bool:
    """Whether words of the question before a pronoun say what it stands for.

    "Did Putin say that he ...", "Does Europe need its ..."; but nobody "meets him" selves: an object is explained
    only in another clause.
    """
    if form == "there":
        return any(name.kind == "place" for name in mentions(before))
    if re.search(r"\w[.!?;]\s|,\s", before) or _SUBORDINATE.match(before):
        return True  # a sentence or a clause before it tells
    clause = re.search(r"\b(?:and|but)\s+(?:what|when|where|why|how|who)\b", before, re.IGNORECASE)
    if clause is not None and mentions(f"x {before[: clause.start()]}"):
        return True  # two questions in one: the first tells of whom the second asks
    auxiliary = re.search(rf"\b(?:{_AUX})\b", before, re.IGNORECASE)
    behind = before[auxiliary.end() :] if auxiliary is not None else before
    if not owner:
        if _ASKS_OF.search(before) is not None and len(content_terms(before)) >= _LONG:
            return True
        return _TURNS.search(behind) is not None and _names_some(form, before)
    asks_of = _ASKS_OF.search(before) is not None
    if auxiliary is None or (possessive and behind.strip()):
        return asks_of or _names_some(form, before)  # "Which company said it ...", "Which chain is selling its ..."
    # Otherwise what is asked for ("what score does it have") explains nothing.
    return _names_some(form, behind) or (asks_of and bool(behind.strip()) and _WORDS.search(behind) is None)


def _names_some(form: str, text: str) -> bool:
    """Whether words name somebody or something that a pronoun can stand for."""
    names = mentions(f"x {text}")
    if form in {"he", "she"}:
        somebody = re.search(r"\b(?:man|woman|president|minister|leader|person|star|actor|actress)\b", text)
        return any(name.kind not in {"place", "body"} for name in names) or somebody is not None
    phrases = noun_phrases(text)
    if form == "they":
        return bool(names) or any(phrase.plural for phrase in phrases)
    return bool(names) or any(not phrase.plural for phrase in phrases if phrase.text.startswith("the "))


def put_in(question: str, words: Sequence[Leaning], referents: Mapping[str, str]) -> str:
    """The question with each leaning word replaced by what it stands for.

    >>> put_in("Who is his partner?", leaning_words("Who is his partner?"), {"he": "Starmer"})
    "Who is Starmer's partner?"
    """
    for word in sorted(words, key=lambda each: -each.start):
        text = referents.get(word.form)
        if text is None:
            continue
        if word.possessive and not text.endswith(("'s", "’s")):
            text += "'" if text.endswith("s") and text.islower() else "'s"
        elif not word.possessive and word.form != "there":
            text = re.sub(r"['’]s$", "", text)
        elif word.form == "there" and not re.search(rf"\b{PREPOSITION} $", question[: word.start]):
            text = f"in {text}"
        if word.start == 0:
            text = text[0].upper() + text[1:]
        question = question[: word.start] + text + question[word.end :]
    return question


def names_itself(question: str) -> bool:
    """Whether a question names somebody or something, and so needs no other to be understood."""
    return bool(mentions(question)) or re.search(r"\b(?:[1-2]\d{3})\b", question) is not None


def definite_heads(question: str) -> tuple[str, ...]:
    """The nouns of "the call", "that law" in a question that says nothing more of them, as stems.

    >>> definite_heads("How long was the call?"), definite_heads("How long was the call with Peking?")
    (('call',), ())
    """
    if names_itself(question) or len(content_terms(about(question))) > 4:
        return ()
    found = re.findall(r"\b(?:the|that|those|these)\s+([a-z][\w-]+)", question)
    return tuple(stem for word in found if word not in stop_words() for stem in content_terms(word))


def refers_back(question: str) -> bool:
    """Whether "that", "this" or "so" stands for all that was said before.

    >>> refers_back("When did he say that?"), refers_back("What did he say that week?")
    (True, False)
    """
    return _THAT.search(question) is not None
