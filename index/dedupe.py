"""Copies of a passage: exact ones by a key over the folded text, near ones by MinHash, banded, then checked.

Signatures are 128 permutations of R-MinHash (rensa) over the word trigrams of the folded text, cut in 16 bands of
8. Passages that share a band are candidates; only those whose trigram sets really overlap (Jaccard index) count.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from index.analysis import fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence, Set

__all__ = ["MIN_WORDS", "THRESHOLD", "band_keys", "jaccard", "key", "shingles"]

PERMUTATIONS = 128
BANDS = 16
SHINGLE_WORDS = 3
SEED = 7
THRESHOLD = 0.7
"""Jaccard index of word trigrams from which two passages are copies: about one word in twenty changed."""
MIN_WORDS = 12
"""Shorter passages are compared exactly only: a few shared trigrams say too little."""


def key(text: str) -> int:
    """A signed 64-bit key of the folded text, for SQLite: equal for texts that differ in case and punctuation only.

    >>> key("He said: “No.”") == key("he said no")
    True
    """
    return int.from_bytes(hashlib.blake2b(fold(text).encode(), digest_size=8).digest(), "big", signed=True)


def shingles(text: str) -> frozenset[str]:
    """The word trigrams of the folded text; empty for texts under `MIN_WORDS` words."""
    folded = fold(text).split()
    if len(folded) < MIN_WORDS:
        return frozenset()
    return frozenset(" ".join(folded[i : i + SHINGLE_WORDS]) for i in range(len(folded) - SHINGLE_WORDS + 1))


def jaccard(left: Set[str], right: Set[str]) -> float:
    """|left and right| / |left or right|, in [0, 1]; 0 when both are empty.

    >>> jaccard({"a", "b", "c"}, {"b", "c", "d"})
    0.5
    """
    union = len(left | right)
    return len(left & right) / union if union else 0.0


def band_keys(shingle_sets: Sequence[Set[str]]) -> Iterator[tuple[int, ...]]:
    """For each set of shingles its 16 band keys, signed 64-bit; none for an empty set.

    Source: Broder, "On the resemblance and containment of documents" (1997); banding as in Leskovec, Rajaraman and
    Ullman, "Mining of Massive Datasets", chapter 3.
    """
    import numpy as np
    import rensa

    digests = rensa.RMinHash.digests_from_token_sets([sorted(each) for each in shingle_sets], PERMUTATIONS, SEED)
    for each, digest in zip(shingle_sets, digests, strict=True):
        if not each:
            yield ()
            continue
        bands = np.asarray(digest, dtype="<u4").reshape(BANDS, PERMUTATIONS // BANDS)
        yield tuple(
            int.from_bytes(
                hashlib.blake2b(number.to_bytes(1, "big") + band.tobytes(), digest_size=8).digest(), "big", signed=True
            )
            for number, band in enumerate(bands)
        )
