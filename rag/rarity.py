"""How much a word tells: inverse passage frequencies, from news at large and from the articles asked.

Two articles are too few to say which words are rare, so the counts start from those of a large news collection, kept
as data, and those of the index are added to them. The data were made by

    python -m rag.count ARTICLES.jsonl.gz --out rag/data/passage_counts.txt.gz
"""

from __future__ import annotations

import functools
import gzip
import math
from importlib.resources import files as package_files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["background", "weights"]


@functools.cache
def background() -> tuple[Mapping[str, int], int]:
    """In how many passages of news each stem stands, and of how many; stems under `rag.count.LEAST` are not listed."""
    data = package_files("rag").joinpath("data", "passage_counts.txt.gz").read_bytes()
    lines = gzip.decompress(data).decode().splitlines()
    counts = {}
    for line in lines[1:]:
        word, count = line.split("\t")
        counts[word] = int(count)
    return counts, int(lines[0])


def weights(terms: Sequence[str], frequencies: Sequence[int], passages: int) -> dict[str, float]:
    """Each term's inverse passage frequency, `ln(1 + (N - n + 0.5) / (n + 0.5))`, at least 0.

    Args:
        terms: stems.
        frequencies: in how many passages of the index each stands.
        passages: how many passages the index searches.

    Source: the idf of BM25, Robertson and Zaragoza, "The Probabilistic Relevance Framework" (2009).
    """
    known, total = background()
    found = {}
    for term, own in zip(terms, frequencies, strict=True):
        count = known.get(term, 0) + own
        found[term] = math.log(1 + (total + passages - count + 0.5) / (count + 0.5))
    return found
