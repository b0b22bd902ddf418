"""How surely copies are found, and how seldom anything else is taken for one; at both levels.

    python tests/bench/copies.py ARTICLES.jsonl[.gz] [--articles N] [--sample N] [--seed N] [--read N] [--json FILE]

The articles are the first `--articles` in the order of the file, prepared as for an index.

Edits: `--sample` passages, and a tenth as many articles, no two of which are alike; each of their words is replaced,
left out or followed by another one with a probability of 2, 5 and 10%. Recall: the share of the edited ones that share
a band with their original and are its near copy (`index.dedupe.Likeness`). Precision: of the pairs that share a band
and are taken for copies, among all originals and edited ones, the share of those that are an original and its own copy.
Beside it the most that any bands could reach (all pairs compared), and other shapes of bands.

Real copies: every passage of a sample against all passages, and every article against all, by their trigrams in an
inverted list, so that no pair is missed; the pairs that are near copies are the oracle. Recall: the share of these
that share a band.

Cost: seconds of processor time for the signatures and band keys of all passages, and bytes of their rows in SQLite.

`--read N` prints N pairs of the merged ones for reading, the least alike half of them, with the words that differ.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import Report, mean, say

from index.articles import read_file
from index.dedupe import ARTICLES, PASSAGES, SEED, Words, jaccard
from index.prepare import prepare
from index.types import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from index.dedupe import Likeness

RATES = (0.02, 0.05, 0.1)
SHAPES = ((16, 8), (16, 4), (24, 4), (32, 4), (16, 3))
"""Bands and rows; the first one is as it was, the third as it is."""
SHIPPED = (24, 4)


def read_texts(path: Path, count: int) -> tuple[list[str], list[str]]:
    """The texts of passages, and of whole articles, each wording once."""
    passages: dict[int, str] = {}
    articles: dict[str, None] = {}
    found = 0
    for source in read_file(path):
        if found >= count:
            break
        if isinstance(source, Source):
            for article in prepare(source):
                found += 1
                articles[" ".join(passage.text for passage in article.passages)] = None
                for passage in article.passages:
                    passages.setdefault(passage.copy_key, passage.text)
    return list(passages.values()), list(articles)


def bands_of(words: Sequence[Words], shape: tuple[int, int]) -> list[list[tuple[int, bytes]]]:
    """For each text its bands: their number and their part of the signature."""
    import numpy as np
    import rensa

    bands, rows = shape
    digests = rensa.RMinHash.digests_from_token_sets([sorted(each.shingles) for each in words], bands * rows, SEED)
    return [
        [(at, np.asarray(digest[at * rows : (at + 1) * rows], dtype="<u4").tobytes()) for at in range(bands)]
        if each.shingles
        else []
        for each, digest in zip(words, digests, strict=True)
    ]


def sharing(bands: Sequence[Iterable[tuple[int, bytes]]]) -> set[tuple[int, int]]:
    """The pairs, the first number smaller, that share a band."""
    table: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    pairs = set()
    for number, each in enumerate(bands):
        for band in each:
            pairs |= {(other, number) for other in table[band]}
            table[band].append(number)
    return pairs


def edited(text: str, rate: float, words: Sequence[str], generator: random.Random) -> str:
    """The text with some of its words replaced, left out, or followed by others."""
    out = []
    for word in text.split():
        kind = generator.randrange(3) if generator.random() < rate else None
        if kind != 1:
            out.append(word if kind != 0 else generator.choice(words))
        if kind == 2:
            out.append(generator.choice(words))
    return " ".join(out)


def unlike(texts: Sequence[str], count: int, likeness: Likeness, generator: random.Random) -> list[str]:
    """Some of the texts, long enough to be compared, none of which is like another one at all."""
    chosen: list[str] = []
    known: dict[str, list[frozenset[str]]] = defaultdict(list)
    for text in generator.sample(list(texts), len(texts)):
        shingles = Words.of(text).shingles
        others = [other for each in shingles for other in known[each]]
        if not shingles or any(jaccard(shingles, other) > likeness.threshold / 3 for other in others):
            continue
        chosen.append(text)
        for each in shingles:
            known[each].append(shingles)
        if len(chosen) == count:
            break
    return chosen


def measure_edits(report: Report, name: str, texts: Sequence[str], likeness: Likeness, count: int, seed: int) -> None:
    """Recall and precision by rate of word edits."""
    generator = random.Random(seed)
    originals = unlike(texts, count, likeness, generator)
    vocabulary = [word for text in originals for word in text.split()]
    rows: list[list[Any]] = []
    for rate in RATES:
        copies = [edited(text, rate, vocabulary, generator) for text in originals]
        words = [Words.of(text) for text in (*originals, *copies)]
        alike = [likeness.of(words[len(originals) + at], words[at]) > 0 for at in range(len(originals))]
        overlaps = [jaccard(words[at].shingles, words[len(originals) + at].shingles) for at in range(len(originals))]
        for shape in SHAPES:
            pairs = sharing(bands_of(words, shape))
            found = sum((at, len(originals) + at) in pairs and alike[at] for at in range(len(originals)))
            merged = [pair for pair in pairs if likeness.of(words[pair[1]], words[pair[0]])]
            right = sum(second == first + len(originals) for first, second in merged)
            shown = f"{rate:.0%}, {shape[0]} bands of {shape[1]}" + (" (as shipped)" if shape == SHIPPED else "")
            precision = right / len(merged) if merged else None
            rows.append([shown, found / len(originals), precision, mean(alike), mean(overlaps)])
    report.table(
        f"{len(originals)} {name}, words edited",
        ["rate, shape", "recall", "precision", "recall, all pairs compared", "mean Jaccard"],
        rows,
    )


def alike_pairs(words: Sequence[Words], sample: Sequence[int], likeness: Likeness) -> set[tuple[int, int]]:
    """All pairs of near copies of which one is in the sample, by an inverted list of trigrams."""
    wanted = {shingle for number in sample for shingle in words[number].shingles}
    holding: dict[str, list[int]] = defaultdict(list)
    for number, each in enumerate(words):
        for shingle in each.shingles & wanted:
            holding[shingle].append(number)
    pairs = set()
    for number in sample:
        own = words[number].shingles
        shared = Counter(other for shingle in own for other in holding[shingle] if other != number)
        for other, count in shared.items():
            if count / (len(own) + len(words[other].shingles) - count) >= likeness.threshold and (
                likeness.of(words[other], words[number]) or likeness.of(words[number], words[other])
            ):
                pairs.add((min(number, other), max(number, other)))
    return pairs


def measure_real(report: Report, name: str, words: Sequence[Words], likeness: Likeness, count: int, seed: int) -> None:
    """Recall of the near copies that the articles themselves hold."""
    sample = random.Random(seed).sample(range(len(words)), min(count, len(words)))
    oracle = alike_pairs(words, sample, likeness)
    chosen = set(sample)
    rows: list[list[Any]] = []
    for shape in SHAPES:
        pairs = {pair for pair in sharing(bands_of(words, shape)) if chosen & set(pair)}
        shown = f"{shape[0]} bands of {shape[1]}" + (" (as shipped)" if shape == SHIPPED else "")
        share = len(pairs & oracle) / len(oracle) if oracle else None
        rows.append([shown, share, len(pairs - oracle) / len(sample)])
    report.table(
        f"real near copies of {len(sample):,} of {len(words):,} {name}: {len(oracle):,} pairs",
        ["shape", "recall", "other candidates of one"],
        rows,
    )


def measure_cost(report: Report, words: Sequence[Words]) -> None:
    """Seconds and bytes of the bands of all passages."""
    rows: list[list[Any]] = []
    for shape in SHAPES:
        start = time.process_time()
        bands = bands_of(words, shape)
        seconds = time.process_time() - start
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "bands.db"
            connection = sqlite3.connect(file)
            connection.execute(
                "CREATE TABLE bands (key INTEGER, wording INTEGER, PRIMARY KEY (key, wording)) WITHOUT ROWID"
            )
            generator = random.Random(1)
            start = time.process_time()
            for each in bands:
                number = generator.getrandbits(63)
                keys = ((hash(band), number) for band in each)
                connection.executemany("INSERT OR IGNORE INTO bands VALUES (?, ?)", keys)
            connection.commit()
            stored = time.process_time() - start
            connection.close()
            size = file.stat().st_size
        shown = f"{shape[0]} bands of {shape[1]}" + (" (as shipped)" if shape == SHIPPED else "")
        rows.append([shown, 1e6 * seconds / len(words), 1e6 * stored / len(words), size / len(words)])
    report.table(
        f"cost of {len(words):,} passages",
        ["shape", "µs a passage, signatures", "µs a passage, stored", "bytes a passage"],
        rows,
    )


def print_pairs(texts: Sequence[str], words: Sequence[Words], likeness: Likeness, count: int, seed: int) -> None:
    """Pairs to be read: half of them the least alike, half of them any."""
    from difflib import SequenceMatcher

    merged = []
    for first, second in sharing(bands_of(words, SHIPPED)):
        alike = max(likeness.of(words[second], words[first]), likeness.of(words[first], words[second]))
        if alike:
            merged.append((alike, first, second))
    merged.sort()
    near = merged[: count // 2]
    rest = random.Random(seed).sample(merged[len(near) :], min(count - len(near), len(merged) - len(near)))
    print(f"\n{len(merged):,} merged pairs of {likeness.name}s")
    for alike, first, second in (*near, *rest):
        mine, yours = texts[first].split(), texts[second].split()
        out = []
        for kind, start, end, other_start, other_end in SequenceMatcher(
            None, mine, yours, autojunk=False
        ).get_opcodes():
            if kind == "equal":
                same = mine[start:end]
                out.append(" ".join(same if len(same) < 12 else [*same[:5], f"…{len(same) - 10}…", *same[-5:]]))
            else:
                out.append(f"[-{' '.join(mine[start:end])}-]{{+{' '.join(yours[other_start:other_end])}+}}")
        print(f"--- {alike:.2f}\n{' '.join(out)}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles_file", metavar="ARTICLES", type=Path, help="JSON Lines: url, title, published, text")
    parser.add_argument("--articles", type=int, default=2000, help="how many (2000)")
    parser.add_argument("--sample", type=int, default=1000, help="passages that are edited, and looked for (1000)")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--read", type=int, default=0, help="print so many merged pairs")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    report = Report.start(given)
    passages, articles = read_texts(given.articles_file, given.articles)
    words = [Words.of(text) for text in passages]
    say(f"{len(passages):,} passages and {len(articles):,} articles, each wording once")
    measure_edits(report, "passages", passages, PASSAGES, given.sample, given.seed)
    measure_edits(report, "articles", articles, ARTICLES, max(1, given.sample // 10), given.seed)
    say("looking for real copies")
    measure_real(report, "passages", words, PASSAGES, 5 * given.sample, given.seed)
    measure_real(report, "articles", [Words.of(text) for text in articles], ARTICLES, len(articles), given.seed)
    measure_cost(report, words)
    report.finish(given.json)
    if given.read:
        print_pairs(passages, words, PASSAGES, given.read, given.seed)


if __name__ == "__main__":
    main()
