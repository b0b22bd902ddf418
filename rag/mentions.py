"""Names in a few sentences, and what the sentences say that each is: a person, a place, or a body of people.

By capital letters and the words around them; there is no list of names. What is not said is not guessed: a name may be
of no known kind, and then it agrees with any pronoun.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from index.analysis import stop_words
from rag.training.names import PERSONS, THINGS, words_of_kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["Mention", "gathered", "mentions", "same_name"]

_OFFICES = PERSONS | words_of_kind("title")
_NAMED_BY_OFFICE = words_of_kind("named-by")
"""Offices that are a part of the name: "Pope Francis"."""
_WOMEN, _MEN = words_of_kind("woman"), words_of_kind("man")
_NOT_NAMES = (words_of_kind("no-name") - _OFFICES) | words_of_kind("credit")
_WORD = r"(?:U\.S\.|U\.K\.|[A-Z][\w&]*(?:[.’'-]\w+)*)"
_LINK = r"(?:of the |of |and the |for the |de |van |von der |von |al |bin |& )?"
_RUN = re.compile(rf"(?<![\w’'-]){_WORD}(?: {_LINK}{_WORD})*(?:: {_WORD})?")
_SHOUTED = re.compile(r"[A-Z]{2,}(?: [A-Z]+)+|[A-Z]{7,}")
"""Credits and headlines in capitals."""
_SLASH = re.compile(r" ?/")
"""What stands between the two of a credit: "POOL / AFP"."""
_POSSESSIVE = re.compile(r"[’']s?$")
_BEHIND = re.compile(r",? (?:who|whose)\b|, \d{1,2},|,? (?:an?|the|former) (?:[\w’'-]+ ){0,3}?(?P<office>[a-z]+)\b")
_PLACE_BEFORE = re.compile(
    r"\b(?:in|at|near|outside|into|across|around|enter(?:s|ed|ing)?|leav(?:e|es|ing)) (?:the )?$"
)
_OF_A_BODY = frozenset({"agency", "bank", "company", "corporation", "firm", "group", "maker", "ministry", "party"})
_HE = re.compile(r"\b(he|him|his|himself)\b", re.IGNORECASE)
_SHE = re.compile(r"\b(she|her|hers|herself)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in a text.

    Attributes:
        start: the character it begins at.
        text: the name, without the office before it.
        kind: "person", "place" or "body" where the words around it say so, else "".
        gender: "he" or "she" where the words around it say so, else "".
    """

    start: int
    text: str
    kind: str = ""
    gender: str = ""

    @property
    def end(self) -> int:
        """The character behind it."""
        return self.start + len(self.text)


def same_name(left: str, right: str) -> bool:
    """Whether two names may be one: all words of the shorter stand in the longer, and the last is its last.

    >>> same_name("Putin", "Vladimir Putin"), same_name("Joe Biden", "Jill Biden"), same_name("Sri", "Sri Lanka")
    (True, False, False)
    """
    mine, yours = left.casefold().split(), right.casefold().split()
    return (set(mine) <= set(yours) and mine[-1] == yours[-1]) or (set(yours) <= set(mine) and mine[-1] == yours[-1])


def mentions(text: str, *, known: Collection[str] = ()) -> tuple[Mention, ...]:
    """The names in a sentence or a question, in order.

    A single capitalised word at the beginning of a sentence is none, unless it is `known` to be a name: any sentence
    begins with a capital.

    >>> [(name.text, name.kind) for name in mentions("US President Joe Biden met the EU in Rome.")]
    [('Joe Biden', 'person'), ('EU', 'body'), ('Rome', 'place')]
    """
    found = []
    for match in _RUN.finditer(text):
        start, words = match.start(), match.group().split(" ")
        opens = not re.search(r"[^\W_]", re.split(r"[.?!]\s", text[:start])[-1])
        while words and (_bare(words[0]) in stop_words() or _bare(words[0]) in _NOT_NAMES) and words[0] != "US":
            start += len(words[0]) + 1
            words, opens = words[1:], opens and len(words) == 1
        office = ""
        at = max((at for at, word in enumerate(words[:-1]) if _bare(word) in _OFFICES), default=None)
        if at is not None:
            office = _bare(words[at])
            at += office not in _NAMED_BY_OFFICE
            start += sum(len(word) + 1 for word in words[:at])
            words, opens = words[at:], False
        name = _POSSESSIVE.sub("", " ".join(words))
        if len(name) < 2 or not words or all(_bare(word) in _OFFICES or _bare(word) in _NOT_NAMES for word in words):
            continue
        certain = name in known or name.isupper() or text[start + len(name) :].startswith(("'s", "’s", " and "))
        if opens and " " not in name and not certain:
            continue
        if _SHOUTED.fullmatch(name) or text[max(0, start - 1) : start] == "/":
            continue
        if name.isupper() and (text[:start].endswith("/ ") or _SLASH.match(text, start + len(name))):
            continue
        found.append(_described(Mention(start, name), text, office))
    return tuple(found)


def _described(name: Mention, text: str, office: str) -> Mention:
    """The name with what the words before and behind it say of it."""
    before, behind = text[: name.start], _BEHIND.match(text, name.end)
    last = re.search(r"([a-z]+(?:-general)?),? $", before)
    told = office or (last[1] if last is not None and last[1] in PERSONS | _WOMEN | _MEN else "")
    said = behind["office"] if behind is not None else None
    if told or (behind is not None and (said is None or said in PERSONS)):
        known = {told, said or ""}
        return replace(name, kind="person", gender="she" if known & _WOMEN else "he" if known & _MEN else "")
    parts = {_bare(word) for word in name.text.split()}
    if re.fullmatch(r"[A-Z][A-Z.&-]{1,6}", name.text) or parts & THINGS or said in _OF_A_BODY:
        return replace(name, kind="body")
    if text[name.end :].startswith(" (") and re.match(r" \([A-Z.]{2,6}\)", text[name.end :]):
        return replace(name, kind="body")
    if _PLACE_BEFORE.search(before):
        return replace(name, kind="place")
    return replace(name, kind="body") if before.endswith(("the ", "The ")) else name


def gathered(texts: Iterable[str]) -> list[Mention]:
    """The names of several texts, each once under its shortest wording, with all that the texts say of it.

    In the order of their first mention. A sentence with one person in it and one of "he" and "she" tells which it is.
    """
    found: list[Mention] = []
    texts = list(texts)
    known = {word for text in texts for name in mentions(text) for word in (name.text, name.text.split()[-1])}
    for text in texts:
        own = mentions(text, known=known)
        persons = [name for name in own if name.kind == "person"]
        for name in own:
            he, she = _HE.search(text, name.end) is not None, _SHE.search(text, name.end) is not None
            if len(persons) == 1 and name is persons[0] and he != she and not name.gender:
                name = replace(name, gender="he" if he else "she")
            at = next((at for at, other in enumerate(found) if same_name(name.text, other.text)), None)
            if at is None:
                found.append(name)
                continue
            other = found[at]
            kinds = {name.kind, other.kind}
            kind = "person" if "person" in kinds else other.kind or name.kind
            found[at] = replace(
                other,
                text=min(name.text, other.text, key=len),
                kind=kind,
                gender=other.gender or name.gender,
            )
    return found


def _bare(word: str) -> str:
    """A word in lower case, without its possessive and its full stop."""
    return _POSSESSIVE.sub("", word).rstrip(".").lower()
