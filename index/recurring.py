"""Lines that stand in many articles of one source, and are therefore no prose of any of them.

What no rule on a document alone can know: "The product experts at X have all your needs covered" is a statement until
it stands below the twentieth story. The marks follow from the articles that an index holds, and from nothing else:
whatever the order in which they came, the same articles give the same marks.

What is repeated is not always furniture. The same story stands twice in one source, so stories are counted, not
articles; a quote goes around the sites of the world, so each source is counted for itself; and the paragraph on what
has happened so far comes again in ten reports of one affair, so a line that reads as a statement must stand in very
many stories, or name a newsletter, an address or the like.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from index.lines import SENTENCE_END
from index.outlet import outlet, web_address

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["COMPARED", "FEW", "MANY", "Holder", "count_stories", "is_recurring", "source_of", "stories_needed"]

FEW = 5
"""Stories of one source from which a line that is no statement, or one that shows a sign of furniture, is no prose."""
MANY = 50
"""The same for any other line: in 11,770 news articles, no paragraph of background stood in more than 11."""
COMPARED = 24
"""Of more articles than these only the titles are compared: nobody prints one story so often."""
_SAME_STORY = 0.5  # of the shorter article's sentences, the share that both have more of
_SAME_TITLE = 0.2  # the same where the titles are equal, too: a live page is written anew under one title

_STATEMENT_WORDS = 7
_SIGNS = re.compile(
    r"""\b(?:
        newsletters? | subscri\w+ | sign(?:ed)?[ ]up | inbox | podcasts? | click | cookies | privacy | copyright
      | follow[ ](?:him|her|them|us|me|every|along|our) | reach[ ](?:him|her|them|me)[ ]at
      | this[ ](?:story|article|column|list|compilation)\b.{0,60}\b(?:updated|appeared|published|corrected|compilation)
      | editor['’]s[ ]note | contributed[ ]to[ ]this | commission | affiliate | all[ ]rights | (?:tick|detailed)[ ]here
      | (?:made[ ]possible|supported)\b.{0,20}\bby | our[ ](?:journalism|reporting|newsroom|coverage|fact-check\w*)
      | need[ ]to[ ]know | take\b.{0,30}\bquiz
    )\b
    | https?:// | \bwww\. | \w@\w | (?:^|\s)@\w | \bhere[.!]?$
    | ^(?-i:[A-Z][\w.]+[ ].{0,30})\b(?:covers|is[ ]an?[ ].{0,50}(?:reporter|editor|correspondent|producer|columnist))\b
    | ^(?-i:[A-Z][A-Z ]{5,}:)
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Holder:
    """An article in which a line stands.

    Attributes:
        title: its title, folded.
        sentences: the keys of its sentences (`index.dedupe.key`); empty when they are not to be compared.
    """

    title: str
    sentences: frozenset[int] = frozenset()


def source_of(url: str | None, path: str) -> str:
    """Who published an article: the outlet of its URL, else the folder of its file.

    >>> source_of("https://www.example.org/news/1", "/a/b.jsonl"), source_of(None, "/a/b.txt")
    ('example.org', '/a')
    """
    return outlet(url) if url is not None and web_address(url) is not None else str(PurePath(path).parent)


def count_stories(holders: Sequence[Holder]) -> int:
    """How many different stories articles tell.

    Those are one that have more than half of their sentences in common, or the title and some of them. Of more than
    `COMPARED` articles, how many titles they have.

    >>> a, b, c = frozenset({1, 2, 3}), frozenset({1, 2, 4}), frozenset({1, 5, 6})
    >>> count_stories([Holder("One", a), Holder("Two", b), Holder("Three", c)])
    2
    """
    if len(holders) > COMPARED:
        return len({holder.title for holder in holders})
    story = list(range(len(holders)))  # of each article the first article that tells the same

    def root(at: int) -> int:
        while story[at] != at:
            at = story[at]
        return at

    for at, one in enumerate(holders):
        for other in range(at):
            if root(at) != root(other) and _same_story(one, holders[other]):
                story[max(root(at), root(other))] = min(root(at), root(other))
    return sum(root(at) == at for at in range(len(holders)))


def is_recurring(line: str, stories: int) -> bool:
    """Whether a line that stands in so many stories of one source is no prose.

    >>> is_recurring("More news to know now", 5), is_recurring("The war began on Feb. 24, 2022, with an attack.", 5)
    (True, False)
    """
    return stories >= stories_needed(line)


def stories_needed(line: str) -> int:
    """In how many stories of one source a line must stand to be no prose: `FEW`, or `MANY` if it reads as a statement.

    >>> stories_needed("More news to know now"), stories_needed("Sign up for the newsletter that tells it all.")
    (5, 5)
    """
    return MANY if _is_statement(line) and _SIGNS.search(line) is None else FEW


def _same_story(one: Holder, other: Holder) -> bool:
    shorter = min(len(one.sentences), len(other.sentences))
    share = _SAME_TITLE if one.title == other.title else _SAME_STORY
    return shorter > 0 and len(one.sentences & other.sentences) > share * shorter


def _is_statement(line: str) -> bool:
    """Whether a line reads as a sentence that could be quoted: some words, and the end of a sentence."""
    return len(line.split()) >= _STATEMENT_WORDS and SENTENCE_END.search(line) is not None
