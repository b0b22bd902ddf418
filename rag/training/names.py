"""Names in news prose, and what kind of thing each is, as the articles themselves say: "the airline JetBlue".

Found by capital letters and by the words around them, over a whole collection; no list of names, no model. What it
gives is good enough to make training questions of. (What the names of one conversation are: `rag.mentions`.)
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from importlib.resources import files as package_files
from typing import TYPE_CHECKING, NamedTuple

from index.analysis import stop_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["PERSONS", "THINGS", "Name", "Names", "names_in", "words_of_kind"]


def words_of_kind(kind: str) -> frozenset[str]:
    """The words of a kind in `rag/data/name_words.txt`."""
    lines = package_files("rag").joinpath("data", "name_words.txt").read_text("utf-8").splitlines()
    return frozenset(word for line in lines if line.startswith(f"{kind}:") for word in line.split()[1:])


PERSONS = words_of_kind("person")
"""Nouns that stand before the name of a person."""
THINGS = words_of_kind("thing")
"""Nouns that stand before the name of something else."""
_KINDS = PERSONS | THINGS
_NO_NAMES = words_of_kind("no-name")
_SAME = {"giant": "company", "chain": "company", "firm": "company", "maker": "company", "corporation": "company"}
_LINKS = r"(?:of the |of |and the |for the )?"
_WORD = r"[A-Z][\w&]*(?:[.’'-]\w+)*"
_RUN = re.compile(rf"(?<![\w’'-])(?:{_WORD}|U\.S\.|U\.K\.)(?: {_LINKS}(?:{_WORD}))*")
_POSSESSIVE = re.compile(r"[’']s?$")
_APPOSITION = re.compile(r",? (?:an?|the) (?:[\w’'-]+ ){0,3}?(?P<kind>[a-z]+)\b")
_SHARE = 0.03
"""Of the places where a name stands inside a sentence, in how many its kind must be said for it to be believed."""
_ALL_CAPITALS = re.compile(r"^[A-Z\W]{7,}$")


class Name(NamedTuple):
    """A name in a sentence: where it stands, its words, and the kind that stands before it ("" for none)."""

    start: int
    end: int
    text: str
    kind: str


def names_in(sentence: str) -> Iterator[Name]:
    """The runs of capitalised words in a sentence, a title before a name taken off it as its kind.

    >>> [(name.text, name.kind) for name in names_in("The rapper Eve met President Joe Biden in Rome.")]
    [('Eve', 'rapper'), ('Joe Biden', 'president'), ('Rome', '')]
    """
    for match in _RUN.finditer(sentence):
        start, text = match.start(), match.group()
        kind = ""
        words = text.split(" ")
        while words and (words[0].lower() in stop_words() or words[0].lower() in PERSONS or _titles(words)):
            if words[0].lower() in PERSONS and len(words) > 1:
                kind = words[0].lower()
            start += len(words[0]) + 1
            words = words[1:]
        text = _POSSESSIVE.sub("", " ".join(words))
        if len(text) < 3 or _ALL_CAPITALS.match(text) or words[0].lower().rstrip(".") in _NO_NAMES:
            continue
        if not kind or kind not in PERSONS:
            before = re.search(r"([a-z]+) $", sentence[:start])
            kind = before[1] if before is not None and before[1] in _KINDS else ""
        yield Name(start, start + len(text), text, _SAME.get(kind, kind))


def _titles(words: list[str]) -> bool:
    """Whether words of an office, "French Prime Minister", open a run that goes on with a name."""
    return any(word.lower() in PERSONS for word in words[1:3]) and len(words) > 3


class Names:
    """What the names of a collection are.

    Args:
        sentences: all its sentences.
        least: how often a name must stand inside sentences to be taken for one at their beginning, and how often its
            kind must stand beside it to be believed.
    """

    def __init__(self, sentences: Iterable[str], *, least: int = 3) -> None:
        inside: Counter[str] = Counter()
        kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for sentence in sentences:
            for name in names_in(sentence):
                if name.start > 0:
                    inside[name.text] += 1
                if name.kind:
                    kinds[name.text][name.kind] += 1
                behind = _APPOSITION.match(sentence, name.end)
                if behind is not None and behind["kind"] in _KINDS:
                    kinds[name.text][_SAME.get(behind["kind"], behind["kind"])] += 1
        self._inside: Mapping[str, int] = {name: count for name, count in inside.items() if count >= least}
        self._kinds: dict[str, str] = {}
        for text, counts in kinds.items():
            kind, count = max(sorted(counts.items()), key=lambda item: item[1])
            # Now and then a kind stands before a name by chance ("the airport Friday", "the show Obama hosted").
            if count >= least and count >= _SHARE * max(inside[text], 1):
                self._kinds[text] = kind

    def __contains__(self, name: str) -> bool:
        return name in self._inside

    def kind(self, name: str) -> str:
        """What it is said to be, most often and often enough; "" otherwise."""
        return self._kinds.get(name, "")

    def common(self) -> list[str]:
        """The names that stand inside sentences often enough, the most frequent first."""
        return sorted(self._inside, key=lambda name: (-self._inside[name], name))
