"""What the int8 export of the encoder gains and loses against the original on torch in fp32, on your articles.

    python tests/bench/encoder.py ARTICLES.jsonl[.gz] [--questions Q.jsonl] [--limit N] [--slice N] [--fast]

With `--fast`, the static encoder of `citewell index --fast` takes the place of the export.

The articles are cut into passages as the index does (`index.prepare.prepare`); passages of equal text are encoded
once. Both encoders, the cached export on ONNX Runtime and SentenceTransformer on the CPU, run in processes of their
own and take turns at the same slices of passages, which of them is first changing from slice to slice. Speed is the
median over slices of passages a second (wall time of `Encoder.encode`, tokenising included); the ratio is the median of
the ratios within a slice.

Agreement: the cosine between both vectors of a text; Pearson's correlation of the scores (cosines) of every query with
every passage; the share of a query's first 10 passages that both have. Queries are the questions, and up to 200 of
the passages (each without itself).

Hits: a passage is right when it holds the answer (case and punctuation folded, whole words) and its article is one of
the question's `articles_with_answer`; hit@k is the share of questions with a right passage among the first k by
cosine, by brute force, with each encoder's vectors for questions and passages. Questions without such a passage are
left out, so that every hit could have been found.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from common import Report, Worker, by_hash, cores, load_plain_model, mean, percentile, read_lines, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

RANKS = (1, 10, 100)
NEIGHBOURS = 10
PASSAGE_QUERIES = 200
_WARM_UP = ["The ferry ran aground on Friday.", "Which river flows through the town?"] * 4

_held: dict[str, Any] = {}
"""What a worker's process keeps between slices."""


def open_export() -> str:
    """In its worker: load the export, making it where it is not cached."""
    from index.encoder import OnnxEncoder, default_model_folder
    from index.export import exported

    _held["encoder"] = OnnxEncoder.load()
    encode(_WARM_UP)
    return exported(default_model_folder()).precision


def open_static() -> str:
    """In its worker: load the static encoder, distilling it where it is not cached."""
    from index.static_encoder import StaticEncoder

    _held["encoder"] = StaticEncoder.load()
    encode(_WARM_UP)
    return "static"


def open_original() -> str:
    """In its worker: load the original on the CPU."""
    import torch

    from index.encoder import DEFAULT_ENCODER, EncoderIdentity, TransformersEncoder

    # not TransformersEncoder.load, which takes a GPU where there is one
    model = load_plain_model()
    dimension = model.encode(["dimension"], show_progress_bar=False).shape[1]
    _held["encoder"] = TransformersEncoder(model, EncoderIdentity(DEFAULT_ENCODER, "original", int(dimension)))
    encode(_WARM_UP)
    return f"{str(next(model.parameters()).dtype).removeprefix('torch.')}, {torch.get_num_threads()} threads"


def encode(texts: list[str]) -> tuple[float, Vectors]:
    """In a worker: the seconds it took, and the vectors."""
    start = time.perf_counter()
    vectors = _held["encoder"].encode(texts)
    return time.perf_counter() - start, vectors


def read_passages(path: Path, limit: int | None) -> tuple[dict[str, list[str | None]], int]:
    """The distinct texts of passages, each with the URLs of its articles; and how many records were read.

    With a limit, so many records, in the order of the sha256 of their URL (or path and line).
    """
    from index.articles import read_file
    from index.prepare import prepare
    from index.types import Source

    sources = [item for item in read_file(path) if isinstance(item, Source)]
    if limit is not None:
        sources = sorted(sources, key=lambda source: by_hash(source.url or f"{source.path}:{source.line}"))[:limit]
    passages: dict[str, list[str | None]] = {}
    for source in sources:
        for article in prepare(source):
            for passage in article.passages:
                passages.setdefault(passage.text, []).append(source.url)
    return passages, len(sources)


def right_passages(
    items: Sequence[dict[str, Any]], passages: dict[str, list[str | None]]
) -> list[tuple[dict[str, Any], set[int]]]:
    """The questions that have a right passage, each with the rows of these passages."""
    from rag.evaluation.questions import is_right

    by_url: dict[str | None, list[int]] = {}
    for row, urls in enumerate(passages.values()):
        for url in set(urls):
            by_url.setdefault(url, []).append(row)
    texts = list(passages)
    found = []
    for item in items:
        right = {
            row
            for url in item["articles_with_answer"]
            for row in by_url.get(url, ())
            if is_right(texts[row], [item["answer"]], places=[url or ""], sources=item["articles_with_answer"])
        }
        if right:
            found.append((item, right))
    return found


class Agreement:
    """How much the scores of two encoders agree, gathered a few queries at a time."""

    def __init__(self, left: Vectors, right: Vectors) -> None:
        self._passages = (left, right)
        self._sums = [0.0] * 6
        self._shared: list[float] = []

    def add(self, left: Vectors, right: Vectors, own: Sequence[int] | None = None) -> None:
        """Score queries (a row each, by both encoders) with all passages; `own` rows are no neighbours of theirs."""
        import numpy as np

        for start in range(0, len(left), 32):
            part = slice(start, start + 32)
            scores = [
                queries[part] @ passages.T for queries, passages in zip((left, right), self._passages, strict=True)
            ]
            if own is not None:
                for row, column in enumerate(own[part]):
                    for each in scores:
                        each[row, column] = 0.0  # the same in both; far below the neighbours
            x, y = (each.astype(np.float64) for each in scores)
            more = (x.size, x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum())
            self._sums = [total + float(each) for total, each in zip(self._sums, more, strict=True)]
            count = min(NEIGHBOURS, scores[0].shape[1])
            for rows in zip(*(nearest(each, count) for each in scores), strict=True):
                self._shared.append(len(set(rows[0].tolist()) & set(rows[1].tolist())) / count)

    @property
    def correlation(self) -> float:
        """Pearson's, over all scores."""
        n, x, y, xx, yy, xy = self._sums
        spread = (n * xx - x * x) * (n * yy - y * y)
        return (n * xy - x * y) / spread**0.5 if spread > 0 else float("nan")

    @property
    def shared(self) -> float:
        """The mean share of the first neighbours that both have."""
        return mean(self._shared)


def nearest(scores: Vectors, count: int) -> NDArray[np.int64]:
    """The columns of the `count` greatest scores of each row, the greatest first."""
    import numpy as np

    count = min(count, scores.shape[1])
    best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1)


def hits(queries: Vectors, passages: Vectors, right: Sequence[set[int]]) -> list[float]:
    """hit@k for each k of `RANKS`."""
    found = [0] * len(RANKS)
    for start in range(0, len(queries), 32):
        columns = nearest(queries[start : start + 32] @ passages.T, RANKS[-1]).tolist()
        for row, wanted in zip(columns, right[start : start + 32], strict=True):
            rank = next((at for at, passage in enumerate(row) if passage in wanted), None)
            for at, limit in enumerate(RANKS):
                found[at] += rank is not None and rank < limit
    return [each / len(queries) for each in found]


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles", type=Path, help="JSON Lines: url, title, published, text")
    parser.add_argument("--questions", type=Path, help="JSON Lines: id, question, answer, articles_with_answer")
    parser.add_argument("--limit", type=int, help="so many articles only, by the hash of their URL")
    parser.add_argument("--slice", type=int, default=256, help="passages that one encoder takes before the other (256)")
    parser.add_argument("--fast", action="store_true", help="the static encoder instead of the export")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    report = Report.start(given)
    import numpy as np

    passages, articles = read_passages(given.articles, given.limit)
    if not passages:
        parser.error(f"no article with a sentence in {given.articles}")
    texts = list(passages)
    asked = right_passages(read_lines(given.questions), passages) if given.questions is not None else []
    say(f"{len(texts):,} passages of {articles:,} articles, {len(asked):,} questions")
    ours = "static" if given.fast else "export"
    names = (ours, "original")
    seconds: dict[str, list[float]] = {name: [] for name in names}
    vectors: dict[str, list[Vectors]] = {name: [] for name in names}
    queries: dict[str, Vectors] = {}
    with Worker() as first, Worker() as original:
        workers = dict(zip(names, (first, original), strict=True))
        kinds = {ours: first(open_static if given.fast else open_export), "original": original(open_original)}
        starts = range(0, len(texts), given.slice)
        for number, start in enumerate(starts):
            for name in names if number % 2 == 0 else reversed(names):
                took, found = workers[name](encode, texts[start : start + given.slice])
                seconds[name].append(took)
                vectors[name].append(found)
            if number % 20 == 19:
                say(f"{start + given.slice:,} passages encoded by both")
        if asked:
            lines = [" ".join(item["question"].split()) for item, _ in asked]
            queries = {name: workers[name](encode, lines)[1] for name in names}
    sizes = [len(each) for each in vectors[ours]]
    whole = {name: np.concatenate(vectors[name]) for name in names}

    rates = {name: [size / took for size, took in zip(sizes, seconds[name], strict=True)] for name in names}
    ratio = median(a / b for a, b in zip(rates[ours], rates["original"], strict=True))
    report.table(
        f"speed ({len(texts):,} passages of {articles:,} articles, {len(sizes)} slices, {cores()} cores)",
        ["encoder", "precision", "passages/s", "least", "most", "seconds"],
        [
            *([name, kinds[name], median(rates[name]), min(rates[name]), max(rates[name]), sum(seconds[name])]
              for name in names),
            [f"{ours} / original: ratio", None, ratio, None, None, None],
        ],
    )  # fmt: skip

    rows = []
    picked = sorted(range(len(texts)), key=lambda row: by_hash(texts[row]))[:PASSAGE_QUERIES]
    for name, left, right, sample, own in (
        ("passages", whole[ours], whole["original"], [each[picked] for each in whole.values()], picked),
        ("questions", queries.get(ours), queries.get("original"), list(queries.values()), None),
    ):
        if left is None or right is None:
            continue
        cosines = (left * right).sum(axis=1).tolist()
        agreement = Agreement(whole[ours], whole["original"])
        agreement.add(sample[0], sample[1], own)
        rows.append(
            [
                *(name, len(left), mean(cosines), percentile(cosines, 1), min(cosines)),
                *(len(sample[0]), agreement.correlation, agreement.shared),
            ]
        )
    columns = ["texts", "count", "mean cosine", "p1", "least", "queries", "correlation", f"first {NEIGHBOURS} shared"]
    report.table("agreement of both encoders", columns, rows)

    if asked:
        right_rows = [right for _, right in asked]
        found = {name: hits(queries[name], whole[name], right_rows) for name in names}
        rows = [[name, *found[name]] for name in names]
        rows.append([f"{ours} - original", *(a - b for a, b in zip(found[ours], found["original"], strict=True))])
        report.table(
            f"passage hits of {len(asked):,} questions, by cosine alone",
            ["encoder", *(f"hit@{rank}" for rank in RANKS)],
            rows,
        )
    report.finish(given.json)


if __name__ == "__main__":
    main()
