"""Keeping an index: what ten new articles cost, and what opening it costs.

    python tests/bench/keeping.py INDEX NEW.jsonl [--rounds 5]

INDEX is an index folder, which is copied and left as it is. NEW.jsonl holds articles that are not in it, ten for every
round.

Adding: each round indexes ten of them, in a process with its models loaded, until they can be asked for. Beside it the
plain way in the same rounds: embed the same passages, read the FAISS file, add to it, and write it again, with the
words of all passages indexed anew (Tantivy).

Opening: processes that load the models alone, and processes that open INDEX and answer a first question; medians.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from common import Report, Worker, say

if TYPE_CHECKING:
    from index.encoder import Encoder

ARTICLES = 10
QUESTION = "What did the minister say about the river?"

_held: dict[str, Any] = {}
"""What a worker's process keeps between calls."""


def load() -> None:
    """The models, warmed up."""
    from index.encoder import load_encoder

    _held["encoder"] = load_encoder()
    _held["encoder"].encode([QUESTION])


def add(file: Path, index: Path) -> tuple[float, int, int]:
    """Index a file; seconds, articles and passages added."""
    from index.build import build_index

    start = time.perf_counter()
    report = build_index([file], index, encoder=_held["encoder"])
    return time.perf_counter() - start, report.articles_added, report.passages_added


def add_plainly(file: Path, index: Path, plain: Path) -> float:
    """What a script would do with the same articles; seconds."""
    import faiss
    import numpy as np

    from index.prepare import prepare
    from index.store.database import Database
    from index.store.lexical import LexicalIndex
    from index.types import Source

    vectors = plain / "vectors.faiss"
    database = Database.open(index)
    known = [(row[0], row[1], row[2]) for row in database.searchable()]
    if not vectors.exists():
        from index.store.vectors import unit_rows

        made = faiss.IndexFlatIP(database.encoder().dimension)
        made.add(unit_rows([row[3] for row in database.searchable()], database.encoder().dimension))
        faiss.write_index(made, str(vectors))
    database.close()
    encoder: Encoder = _held["encoder"]
    start = time.perf_counter()
    passages = [
        (article.article.title, passage.text)
        for line in file.read_text("utf-8").splitlines()
        for article in prepare(Source(str(file), json.loads(line)["text"]))
        for passage in article.passages
    ]
    stored = faiss.read_index(str(vectors))
    stored.add(np.ascontiguousarray(encoder.encode([text for _, text in passages])))
    faiss.write_index(stored, str(vectors))
    words = plain / "words"
    shutil.rmtree(words, ignore_errors=True)
    words.mkdir()
    fresh = [(len(known) + at, *passage) for at, passage in enumerate(passages)]
    LexicalIndex.build(iter(known + fresh), words)
    return time.perf_counter() - start


def load_models() -> float:
    """Seconds until a question and a passage have been read by the models alone."""
    start = time.perf_counter()
    from index.encoder import load_encoder
    from rag.reader import Passage
    from rag.reader_models import load_reader

    load_encoder().encode([QUESTION])
    reader = load_reader()
    if reader is None:
        raise RuntimeError("there is no reader")
    reader.read(QUESTION, [Passage(("The minister said the river was calm.",), "A river")] * 10)
    return time.perf_counter() - start


def open_and_ask(index: Path) -> float:
    """Seconds from nothing to the first answer."""
    start = time.perf_counter()
    from rag.engine import Engine

    with Engine.open(index) as engine:
        engine.ask(QUESTION)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    report = Report.start(given)
    lines = given.new.read_text("utf-8").splitlines()
    ours, plainly, articles, passages = [], [], 0, 0
    with tempfile.TemporaryDirectory() as temporary, Worker() as first, Worker() as second:
        folder = Path(temporary)
        say("copying the index")
        shutil.copytree(given.index, folder / "index")
        (folder / "plain").mkdir()
        first(load)
        second(load)
        for number in range(given.rounds):
            file = folder / f"{number}.jsonl"
            file.write_text("\n".join(lines[number * ARTICLES : (number + 1) * ARTICLES]) + "\n", "utf-8")
            os.sync()  # neither waits for what the other has written
            plainly.append(second(add_plainly, file, given.index, folder / "plain"))
            os.sync()
            seconds, added, held = first(add, file, folder / "index")
            say(f"{added} articles, {held} passages: {seconds:.2f} s, plainly {plainly[-1]:.2f} s")
            ours.append(seconds)
            articles, passages = articles + added, passages + held
    opened, models = [], []
    for _ in range(given.rounds):
        with Worker() as worker:
            models.append(worker(load_models))
        with Worker() as worker:
            opened.append(worker(open_and_ask, given.index))
    report.table(
        f"Adding {ARTICLES} articles, seconds ({articles} articles with {passages} passages in all)",
        ["", "median", "greatest"],
        [["citewell", median(ours), max(ours)], ["plain files", median(plainly), max(plainly)]],
    )
    report.table(
        "From nothing to the first answer, seconds",
        ["", "median", "greatest"],
        [
            ["models alone", median(models), max(models)],
            ["open and ask", median(opened), max(opened)],
            ["difference", median(opened) - median(models), None],
        ],
    )
    report.finish(given.json)


if __name__ == "__main__":
    main()
