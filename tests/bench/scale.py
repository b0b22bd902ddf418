"""What an index costs as it grows: real articles, and made ones with made vectors, up to a million passages and more.

    python tests/bench/scale.py [--passages 10000 30000 100000] [--questions 200] [--keep FOLDER]
        [--real ARTICLES.jsonl[.gz] --articles 1000 3000 10000 --encoder NAME] [--plot FILE.svg]

Made articles are random words, as rare and as frequent as words are (Zipf), and each text has a vector of its own (a
random point near one of 2,000 centres in 48 of 384 dimensions), so that all but the reading of the encoder runs as it
does with real ones. The vectors of questions are made in the same way. Real articles are taken by the hash of their
URLs, embedded by `--encoder` (the fast one when none is named), and asked with headlines. Each size is measured in
processes of its own.

- build: seconds, passages/s, and the most memory of the process that builds;
- open: seconds until the store can be asked, and how much memory it then holds, and after all questions, more than
  before it was opened;
- retrieval alone (both retrievers, fusing, reading passages and places from SQLite), one core: p50, p95;
- recall@100 of the vector search against the comparison of all vectors, its time beside ours in the same run.

`--plot` draws all of it with matplotlib, which is not installed with the tests.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
import zlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import Report, Worker, peak_megabytes, percentile, say, write_some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

DIMENSION, INNER, CENTRES, SPREAD = 384, 48, 2_000, 0.7
WORDS, PASSAGES_AN_ARTICLE = 50_000, 17
TOP = 100


class MadeEncoder:
    """A vector for each text, from its checksum."""

    def __init__(self) -> None:
        import numpy as np

        from index.encoder import EncoderIdentity

        generator = np.random.default_rng(1)
        self._centres = generator.normal(size=(CENTRES, INNER))
        self._axes = generator.normal(size=(INNER, DIMENSION)).astype(np.float32)
        self.identity = EncoderIdentity("made", "0" * 32, DIMENSION)

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        """Unit vectors, shape (len(texts), DIMENSION)."""
        import numpy as np

        inner = np.empty((len(texts), INNER), dtype=np.float32)
        for row, text in enumerate(texts):
            seed = zlib.crc32(text.encode())
            inner[row] = self._centres[seed % CENTRES] + SPREAD * np.random.default_rng(seed).normal(size=INNER)
        vectors = inner @ self._axes
        if progress is not None:
            progress(len(texts))
        unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


def vocabulary() -> tuple[list[str], Any]:
    """Words, and how probable each is."""
    import numpy as np

    syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "ost")]
    generator = np.random.default_rng(2)
    words = ["".join(generator.choice(syllables, generator.integers(2, 5))) for _ in range(WORDS)]
    weights = 1 / np.arange(10, WORDS + 10)
    return words, weights / weights.sum()


def sentences(count: int, seed: int) -> Iterator[str]:
    """Made sentences of some twenty words."""
    import numpy as np

    words, weights = vocabulary()
    generator = np.random.default_rng(seed)
    for _ in range(0, count, 1000):
        drawn = generator.choice(WORDS, (1000, 22), p=weights)
        for row in drawn.tolist():
            text = " ".join(words[each] for each in row)
            yield f"{text[0].upper()}{text[1:]}."


def write_articles(path: Path, passages: int) -> None:
    """Articles that make about so many passages."""
    each = 5 * PASSAGES_AN_ARTICLE
    articles = passages // PASSAGES_AN_ARTICLE
    told = sentences(articles * each, 3)
    with path.open("w", encoding="utf-8") as file:
        for number in range(articles):
            text = "\n".join(" ".join(next(told) for _ in range(5)) for _ in range(PASSAGES_AN_ARTICLE))
            record = {
                "url": f"https://www.outlet{number % 40}.example/{number}",
                "title": f"Report {number}",
                "published": f"202{number % 5}-0{number % 9 + 1}-1{number % 10}",
                "text": text,
            }
            file.write(json.dumps(record) + "\n")


def encoder_named(name: str | None) -> Any:
    """That encoder, warmed up; the made one for None."""
    if name is None:
        return MadeEncoder()
    from index.encoder import load_encoder

    encoder = load_encoder(name)
    encoder.encode(["What did the minister say about the river?"])
    return encoder


def build(articles: Path, index: Path, encoder_name: str | None) -> dict[str, float]:
    """Build the index; what it cost."""
    from index.build import build_index

    encoder = encoder_named(encoder_name)
    before, start = peak_megabytes(), time.perf_counter()
    report = build_index([articles], index, encoder=encoder)
    seconds = time.perf_counter() - start
    return {
        "articles": report.info.articles,
        "passages": report.info.passages,
        "seconds": seconds,
        "rate": report.info.passages / seconds,
        "memory": peak_megabytes() - before,
        "bytes": report.info.bytes / report.info.passages,
    }


def resident() -> float:
    """Megabytes of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def asked_of(index: Path, count: int, *, made: bool) -> list[str]:
    """Made questions, or headlines of the index."""
    if made:
        return [" ".join(text.split()[:8]) for text in sentences(count, 4)][:count]
    from index.store.database import Database

    database = Database.open(index)
    rows = database.rows("SELECT title FROM articles WHERE title != '' ORDER BY id LIMIT ?", (count,))
    database.close()
    return [title for (title,) in rows]


def ask(index: Path, questions: int, encoder_name: str | None) -> dict[str, float]:
    """Open the index and retrieve for questions, on one core."""
    import numpy as np

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    from index.store.local import LocalStore
    from rag.question import read_question
    from rag.ranking import READ_PASSAGES
    from rag.retrieve import CANDIDATES, Retriever

    encoder = encoder_named(encoder_name)
    asked = [read_question(text) for text in asked_of(index, questions, made=encoder_name is None)]
    vectors = encoder.encode([question.text for question in asked])
    import faiss  # noqa: F401 - what libraries weigh is not the index's
    import tantivy  # noqa: F401

    before, start = resident(), time.perf_counter()
    store = LocalStore.open(index)
    opened, held = time.perf_counter() - start, resident() - before
    retriever = Retriever(store, encoder)
    retriever.retrieve(asked[0], vectors[0], top_k=READ_PASSAGES)
    times = []
    for question, vector in zip(asked, vectors, strict=True):
        start = time.perf_counter()
        retriever.retrieve(question, vector, top_k=READ_PASSAGES)
        times.append(time.perf_counter() - start)
    after = resident() - before
    recall, exact, ours = compare(index, store, vectors, min(CANDIDATES, TOP))
    store.close()
    return {
        "open": opened,
        "held": held,
        "after": after,
        "p50": 1000 * percentile(times, 50),
        "p95": 1000 * percentile(times, 95),
        "recall": recall,
        "exact": 1000 * float(np.median(exact)),
        "ours": 1000 * float(np.median(ours)),
    }


def compare(index: Path, store: Any, vectors: Any, top: int) -> tuple[float, list[float], list[float]]:
    """Recall@top of the store's vector search, and the seconds that comparing all vectors and ours take."""
    import numpy as np

    from index.store.database import Database
    from index.store.vectors import unit_rows

    database = Database.open(index)
    rows = [(row[0], row[3]) for row in database.searchable()]
    database.close()
    ids = np.array([number for number, _ in rows])
    matrix = unit_rows([blob for _, blob in rows], vectors.shape[1]).astype(np.float16)
    del rows
    found, exact, ours = [], [], []
    for vector in vectors[:100]:
        start = time.perf_counter()
        scores = np.concatenate(
            [matrix[at : at + 50_000].astype(np.float32) @ vector for at in range(0, len(ids), 50_000)]
        )
        best = set(ids[np.argpartition(-scores, top)[:top]].tolist())
        exact.append(time.perf_counter() - start)
        start = time.perf_counter()
        hits = store.search_vectors(vector, top_k=top)
        ours.append(time.perf_counter() - start)
        found.append(len(best & {hit.passage for hit in hits}) / top)
    return float(np.mean(found)), exact, ours


BUILDING = {
    "seconds": "seconds",
    "rate": "passages/s",
    "memory": "peak MB",
    "bytes": "bytes a passage",
}
ASKING = {
    "open": "open s",
    "held": "MB open",
    "after": "MB asked",
    "p50": "p50 ms",
    "p95": "p95 ms",
    "recall": "recall@100",
    "exact": "all vectors ms",
    "ours": "ours ms",
}
Sizes = dict[str, list[dict[str, float]]]


def measure(name: str, folder: Path, write: Callable[[Path], object], encoder: str | None, questions: int) -> Any:
    """One size, in processes of its own; what was built is kept in the folder, and taken from there."""
    index, facts = folder / f"index-{name}", folder / f"build-{name}.json"
    if not facts.exists():
        say(f"{name}: writing articles")
        shutil.rmtree(index, ignore_errors=True)  # of a run that was broken off: its time would not be the whole
        write(folder / "articles.jsonl")
        say("building")
        with Worker() as worker:
            facts.write_text(json.dumps(worker(build, folder / "articles.jsonl", index, encoder)), "utf-8")
    say(f"{name}: asking")
    with Worker() as worker:
        return json.loads(facts.read_text("utf-8")) | worker(ask, index, questions, encoder)


def plot(measured: Sizes, file: Path) -> None:
    """Draw what each size costs."""
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise SystemExit("--plot needs matplotlib: pip install matplotlib") from error
    mpl.use("svg")
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    mpl.rcParams.update({"svg.hashsalt": "citewell", "font.size": 9, "axes.spines.top": False})
    mpl.rcParams.update({"axes.spines.right": False, "figure.facecolor": "white"})
    panels = (
        ("Building, seconds", ("seconds",)),
        ("Opening, seconds", ("open",)),
        ("Retrieval on one core, ms", ("p50", "p95")),
        ("Memory of an open index after all questions, MB", ("after",)),
    )
    figure, axes = pyplot.subplots(2, 2, figsize=(8.4, 5.6), layout="constrained")
    for axis, (title, names) in zip(axes.flat, panels, strict=True):
        for (kind, sizes), mark, colour in zip(measured.items(), "os", ("C0", "C1"), strict=False):
            across = [each["passages"] for each in sizes]
            for name, line in zip(names, ("-", "--"), strict=False):
                label = f"{kind}, {name}" if len(names) > 1 else kind
                values = [each[name] for each in sizes]
                axis.plot(across, values, line, color=colour, marker=mark, markersize=4, label=label)
        axis.set(title=title, xscale="log", yscale="log", xlabel="passages")
        axis.xaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.yaxis.set_minor_formatter(NullFormatter())
        axis.grid(alpha=0.3)
        axis.legend(frameon=False, fontsize=8)
    figure.savefig(file, metadata={"Date": None})


def main() -> None:
    """Measure and print."""
    from index.encoder import FAST_ENCODER

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, nargs="*", default=[10_000, 30_000, 100_000])
    parser.add_argument("--real", type=Path, metavar="ARTICLES", help="JSON Lines: url, title, published, text")
    parser.add_argument("--articles", type=int, nargs="*", default=[1000, 3000, 10_000], help="so many of --real")
    parser.add_argument("--encoder", default=FAST_ENCODER, help="of the real articles")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--keep", type=Path, help="where the indexes are kept, and taken from when they are there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it (SVG)")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    report = Report.start(given)
    measured: Sizes = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for count in given.articles if given.real is not None else ():
            write = partial(write_some, given.real, count)
            figures = measure(f"real-{count}", folder, write, given.encoder, given.questions)
            measured.setdefault("real articles", []).append(figures)
        for count in given.passages:
            write = partial(write_articles, passages=count)
            figures = measure(str(count), folder, write, None, given.questions)
            measured.setdefault("made articles", []).append(figures)
    for title, columns in (("Building", BUILDING), ("Asking, one core", ASKING)):
        rows = [
            [f"{kind}: {each['articles']:,}", each["passages"], *(each[name] for name in columns)]
            for kind, sizes in measured.items()
            for each in sizes
        ]
        report.table(title, ["articles", "passages", *columns.values()], rows)
    report.finish(given.json)
    if given.plot is not None:
        plot(measured, given.plot)


if __name__ == "__main__":
    main()
