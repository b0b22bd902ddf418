"""Copies of passages and of whole articles: exact ones by a key over the folded text, near ones by MinHash and a check.

Signatures are R-MinHash (rensa) over the word trigrams of the folded text, cut in `BANDS` bands of `ROWS`. Texts that
share a band are candidates; only those whose trigram sets really overlap (Jaccard index) count. A passage that copies
another one must also hold nothing that the other lacks: what nobody searches for cannot be found.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from index.analysis import fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence, Set

__all__ = [
    "ARTICLES",
    "BANDS",
    "MIN_WORDS",
    "PASSAGES",
    "ROWS",
    "Likeness",
    "Words",
    "article_key",
    "band_keys",
    "folded_article_key",
    "folded_key",
    "jaccard",
    "key",
    "longest_new",
]

BANDS, ROWS = 24, 4
"""Texts with a Jaccard index of .5 share one of 24 bands of 4 with a probability of .79, of .6 with .96, of .7 with
.999; tests/bench/copies.py compares other shapes."""
SHINGLE_WORDS = 3  # as `_trigrams` takes them
SEED = 7
MIN_WORDS = 12
"""Shorter texts are compared exactly only: a few shared trigrams say too little."""

_WORD = 2**64 - 1
_FACTOR = 0x9E3779B97F4A7C15
"""2 to the 64th by the golden ratio, odd: spreads bits when numbers are multiplied by it (Knuth, volume 3, 6.4)."""


@dataclass(frozen=True, slots=True)
class Words:
    """A text as it is compared: its folded words in order, and their trigrams; a text under `MIN_WORDS` has none."""

    folded: tuple[str, ...]
    shingles: frozenset[str]

    @classmethod
    def of(cls, text: str) -> Words:
        """The words of a text."""
        return cls.folded_already(fold(text))

    @classmethod
    def folded_already(cls, text: str) -> Words:
        """The words of a text that is folded (`index.analysis.fold`)."""
        folded = tuple(text.split())
        return cls(folded, frozenset(_trigrams(folded) if len(folded) >= MIN_WORDS else ()))


@dataclass(frozen=True, slots=True)
class Likeness:
    """What makes a text a near copy of another.

    Attributes:
        name: of what: its bands are no other kind's.
        threshold: the Jaccard index of word trigrams, in [0, 1], from which on it may be one.
        new_words: how many words in a row it may have that stand in no trigram of the other; any number when None.
    """

    name: str
    threshold: float
    new_words: int | None = None

    def of(self, text: Words, other: Words) -> float:
        """How much of both is the same, in [`threshold`, 1]; 0 when `text` is no near copy of `other`."""
        overlap = jaccard(text.shingles, other.shingles)
        if overlap < self.threshold:
            return 0.0
        new = self.new_words
        return overlap if new is None or longest_new(text.folded, other.shingles) <= new else 0.0


PASSAGES = Likeness("passage", 0.5, new_words=8)
"""About one word in ten changed. A sentence of more than eight new words makes a passage one of its own."""
ARTICLES = Likeness("article", 0.5)
"""The same story with a paragraph more or less; at .45 there are reports that a newsroom writes anew every month."""


def key(text: str) -> int:
    """A signed 64-bit key of the folded text, for SQLite: equal for texts that differ in case and punctuation only.

    >>> key("He said: “No.”") == key("he said no")
    True
    """
    return folded_key(fold(text))


def folded_key(folded: str) -> int:
    """As `key`, of a text that is folded."""
    return _number(folded.encode())


def article_key(text: str) -> int:
    """As `key`, for the text of a whole article: another number than that of a passage of the same words."""
    return folded_article_key(fold(text))


def folded_article_key(folded: str) -> int:
    """As `article_key`, of a text that is folded."""
    return _number(b"article\0" + folded.encode())


def jaccard(left: Set[str], right: Set[str]) -> float:
    """|left and right| / |left or right|, in [0, 1]; 0 when both are empty.

    >>> jaccard({"a", "b", "c"}, {"b", "c", "d"})
    0.5
    """
    both = len(left & right)
    union = len(left) + len(right) - both
    return both / union if union else 0.0


def longest_new(folded: Sequence[str], known: Set[str]) -> int:
    """The most words in a row of a folded text that stand in none of the `known` trigrams.

    >>> longest_new("the ferry ran aground on monday off lindesnes".split(), {"the ferry ran", "ferry ran aground"})
    4
    """
    longest, at = 0, 0  # `at`: the first word behind the last trigram that is known
    for number, trigram in enumerate(_trigrams(folded)):
        if trigram in known:
            longest = max(longest, number - at)
            at = number + SHINGLE_WORDS
    return max(longest, len(folded) - at)


def band_keys(shingle_sets: Sequence[Set[str]], likeness: Likeness = PASSAGES) -> Iterator[tuple[int, ...]]:
    """For each set of shingles its `BANDS` band keys, signed 64-bit; none for an empty set.

    Of different bands hardly ever the same key comes; where it does, a candidate too many is compared.

    Source: Broder, "On the resemblance and containment of documents" (1997); banding as in Leskovec, Rajaraman and
    Ullman, "Mining of Massive Datasets", chapter 3.
    """
    import numpy as np
    import rensa

    digests = rensa.RMinHash.digests_from_token_sets([list(each) for each in shingle_sets], BANDS * ROWS, SEED)
    none = [0] * BANDS * ROWS
    numbers = [digest if each else none for each, digest in zip(shingle_sets, digests, strict=True)]
    rows = np.array(numbers, dtype=np.uint64).reshape(len(numbers), BANDS, ROWS)
    # Each band's four numbers mixed into one, from a beginning that no other band and no other kind has.
    begin = [_number(f"{likeness.name} {number}".encode()) & _WORD for number in range(BANDS)]
    mixed = np.broadcast_to(np.array(begin, dtype=np.uint64), (len(rows), BANDS))
    for column in range(ROWS):
        mixed = (mixed ^ rows[:, :, column]) * np.uint64(_FACTOR)
        mixed ^= mixed >> np.uint64(29)
    for each, keys in zip(shingle_sets, mixed.view(np.int64).tolist(), strict=True):
        yield tuple(keys) if each else ()


def _trigrams(folded: Sequence[str]) -> list[str]:
    return [f"{one} {two} {three}" for one, two, three in zip(folded, folded[1:], folded[2:], strict=False)]


def _number(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big", signed=True)
