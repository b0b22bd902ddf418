"""A whole collection indexed at once with `citewell index`: how long it takes, stage by stage, and beside what.

    python tests/bench/bulk.py ARTICLES.jsonl[.gz] [--articles N] [--fast] [--kill] [--keep INDEX] [--plain N]

The command runs as a user would run it, in a process of its own. Beside it, in the same run on the same texts and
cores, before it and after it by turns: `SentenceTransformer.encode` of the default encoder's own weights (torch, fp32,
batches of 32) over `--plain` passages, and our encoder alone over as many, or more where it is fast.

With `--kill` the process is killed (SIGKILL) as soon as half of the articles are stored; what was stored then must be
there, the command is run again, and no article may be stored twice. At the end `citewell check` looks at all of it.

Memory is the proportional set size (PSS) of the process and its workers together, read twice a second (Linux).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import ROOT, Report, Worker, load_plain_model, mean, say, write_some

if TYPE_CHECKING:
    from collections.abc import Iterator

_FAST_TIMES = 40
"""How many times as many passages the fast encoder encodes, so that it takes as long as a measurement should."""


def passage_texts(articles: Path, count: int) -> list[str]:
    """In a worker: the first passages of a collection."""
    from index.articles import read_file
    from index.prepare import prepare
    from index.types import Source

    def texts() -> Iterator[str]:
        for source in read_file(articles):
            if isinstance(source, Source):
                for article in prepare(source):
                    yield from (passage.text for passage in article.passages)

    return list(islice(texts(), count))


def plain_rate(texts: list[str]) -> float:
    """In a worker: passages a second of SentenceTransformer."""
    model = load_plain_model()
    model.encode(texts[:8], show_progress_bar=False)
    start = time.perf_counter()
    model.encode(texts, batch_size=32, normalize_embeddings=True, show_progress_bar=False)
    return len(texts) / (time.perf_counter() - start)


def our_rate(texts: list[str], name: str | None) -> float:
    """In a worker: passages a second of our encoder alone."""
    from index.encoder import load_encoder

    encoder = load_encoder(name)
    encoder.encode(texts[:8])
    start = time.perf_counter()
    encoder.encode(texts)
    return len(texts) / (time.perf_counter() - start)


def memory(process: int) -> float:
    """Megabytes that a process and its children hold; 0 where the system does not say."""
    total = 0.0
    waiting = [process]
    while waiting:
        number = waiting.pop()
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{number}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024 / 1e6
            for thread in Path(f"/proc/{number}/task").iterdir():
                waiting += map(int, (thread / "children").read_text().split())
    return total


def stored(index: Path) -> int:
    """How many articles are stored, as another process sees it."""
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"{index.as_uri()}/index.db?mode=ro", uri=True)) as database,
    ):
        return int(database.execute("SELECT count(*) FROM articles").fetchone()[0])
    return 0


def run(articles: Path, index: Path, *, fast: bool, until: int | None = None) -> dict[str, Any]:
    """`citewell index`, or as much of it as comes before so many articles are stored; then it is killed."""
    command = [sys.executable, "-m", "ui.cli", "index", str(articles), "--index", str(index), "--json"]
    start, peak = time.perf_counter(), 0.0
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(
            [*command, *(["--fast"] if fast else [])], cwd=ROOT, stdout=out, stderr=subprocess.DEVNULL
        )
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
            if process.returncode is not None:
                break
            peak = max(peak, memory(process.pid))
            if until is not None and stored(index) >= until:
                process.send_signal(signal.SIGKILL)
                process.wait()
        wall = time.perf_counter() - start
        if process.returncode == -signal.SIGKILL and until is not None:
            return {"wall": wall, "peak": peak, "articles": stored(index)}
        if process.returncode:
            raise SystemExit(f"citewell index ended with {process.returncode}")
        out.seek(0)
        return {"wall": wall, "peak": peak, **json.load(out)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles_file", metavar="ARTICLES", type=Path, help="JSON Lines: url, title, published, text")
    parser.add_argument("--articles", type=int, help="so many only, by the hash of their URL")
    parser.add_argument("--fast", action="store_true", help="with the fast encoder")
    parser.add_argument("--kill", action="store_true", help="kill it when half is stored, and run it again")
    parser.add_argument("--keep", type=Path, help="where the index is made, and stays")
    parser.add_argument("--plain", type=int, default=256, help="passages for SentenceTransformer, each time (256)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    report = Report.start(given)
    with tempfile.TemporaryDirectory(prefix="citewell-bench-") as temporary:
        articles, index = Path(temporary) / "articles.jsonl", (given.keep or Path(temporary) / "index").absolute()
        records = write_some(given.articles_file, given.articles, articles)
        measure(given, report, articles, index, records)
    report.finish(given.json)


def measure(given: argparse.Namespace, report: Report, articles: Path, index: Path, records: int) -> None:
    """All of it."""
    from index.encoder import FAST_ENCODER

    name = FAST_ENCODER if given.fast else None
    with Worker() as worker:
        texts = worker(passage_texts, articles, given.plain * (_FAST_TIMES if given.fast else 1))
        worker(our_rate, texts[:8], name)  # exports or distils it where that was not done before
    plain: list[float] = []
    alone: list[float] = []

    def beside() -> None:
        say("the encoders alone")
        with Worker() as worker:
            plain.append(worker(plain_rate, texts[: given.plain]))
        with Worker() as worker:
            alone.append(worker(our_rate, texts, name))

    beside()
    killed = None
    if given.kill:
        say(f"indexing {records:,} articles, until half is stored")
        killed = run(articles, index, fast=given.fast, until=records // 2)
        say(f"killed with {killed['articles']:,} articles stored after {killed['wall']:.0f} s")
    say(f"indexing {records:,} articles")
    built = run(articles, index, fast=given.fast)
    beside()
    say("checking")
    checked = subprocess.run(
        [sys.executable, "-m", "ui.cli", "check", "--index", str(index), "--no-mend", "--json"],
        cwd=ROOT, stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    rows: list[list[Any]] = [["records given", records]]
    if killed is not None:
        if built["articles_unchanged"] < killed["articles"]:
            raise SystemExit(f"{killed['articles']} articles were stored, {built['articles_unchanged']} are left")
        rows += [
            ["killed after, s", killed["wall"]],
            ["  articles stored then, and there in the next run", built["articles_unchanged"]],
        ]
    info = built["info"]
    rate = built["passages_added"] / built["wall"]
    rows += [
        ["articles", info["articles"]],
        ["passages", info["passages"]],
        ["skipped", len(built["skipped"])],
        ["seconds, from the command to its end", built["wall"]],
        ["articles/s", built["articles_added"] / built["wall"]],
        ["passages/s", rate],
        *([f"  {stage}: seconds", seconds] for stage, seconds in built["stages"].items()),
        *([f"  {stage}: passages/s", built["passages_added"] / seconds] for stage, seconds in built["stages"].items()),
        ["peak memory with all workers, MB", max(built["peak"], killed["peak"] if killed is not None else 0.0)],
        ["index, MB", info["bytes"] / 1e6],
        ["bytes per passage", info["bytes"] / info["passages"]],
        ["our encoder alone, passages/s", mean(alone)],
        ["SentenceTransformer alone, passages/s", mean(plain)],
        ["  before; after", "; ".join(f"{each:.1f}" for each in plain)],
        ["times SentenceTransformer: our encoder alone", mean(alone) / mean(plain)],
        ["times SentenceTransformer: the whole command", rate / mean(plain)],
        ["citewell check", "no problems" if checked.returncode == 0 else checked.stdout.decode()[:500]],
    ]
    report.table("indexing at once", ["what", "figure"], rows)


if __name__ == "__main__":
    main()
