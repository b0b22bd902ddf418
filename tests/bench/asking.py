"""People who ask while articles are added: what a whole question costs them, and whether anything goes wrong.

    python tests/bench/asking.py INDEX NEW.jsonl QUESTIONS.jsonl [--readers 8] [--commits 500] [--pause 4]

INDEX is an index folder, which is copied and left as it is. NEW.jsonl holds articles that are not in it, one for each
commit. Readers are threads of one process with one `Engine`, as the chat has them: each asks a question (the encoder,
retrieval, the reader, the citations), looks whether every quote stands in its article, and waits. First nobody writes,
for as many questions; then a process of its own adds one article after the other, a commit each, with half a second
between two. (`concurrency.py` measures the store alone, without models, and tells states apart.)
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import threading
import time
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from common import Report, percentile, read_lines, say

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

    from rag.engine import Engine

BETWEEN = 0.5
"""Seconds between two commits."""


def write(index: Path, articles: list[dict[str, str]], folder: Path, start: Event) -> None:
    """The writer's process: a file and a commit for each article."""
    from index.build import build_index
    from index.encoder import load_encoder

    encoder = load_encoder()
    encoder.encode(["to warm it up"])
    start.set()
    for number, article in enumerate(articles):
        file = folder / f"{number}.jsonl"
        file.write_text(json.dumps(article) + "\n", "utf-8")
        build_index([file], index, encoder=encoder)
        time.sleep(BETWEEN)


def ask(engine: Engine, question: str) -> tuple[float, list[str]]:
    """Seconds, and what was wrong with the answer."""
    begun = time.perf_counter()
    answer = engine.ask(question)
    seconds = time.perf_counter() - begun
    wrong = []
    for each in (*answer.citations, *answer.related):
        view = engine.article(each.article_id)
        if view.text[each.start - view.start : each.end - view.start] != each.quote:
            wrong.append(f"a quote that does not stand in its article: {each.quote!r}")
    return seconds, wrong


def measure(
    engine: Engine, questions: list[str], readers: int, go_on: threading.Event, pause: float
) -> tuple[list[float], list[str]]:
    """Let readers ask until they are told to stop: the seconds of each question, and what went wrong."""
    times: list[float] = []
    wrong: list[str] = []

    def read(number: int) -> None:
        asked = number
        time.sleep(pause * number / readers)
        while go_on.is_set():
            try:
                seconds, found = ask(engine, questions[asked % len(questions)])
            except Exception as error:  # noqa: BLE001 - what comes is what is looked for
                wrong.append(f"{type(error).__name__}: {error}")
                continue
            asked += readers
            times.append(seconds)
            wrong.extend(found)
            time.sleep(pause)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, wrong


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--commits", type=int, default=500)
    parser.add_argument("--pause", type=float, default=4.0, help="seconds between a reader's questions")
    parser.add_argument("--idle", type=float, default=120.0, help="seconds for which nobody writes")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    report = Report.start(given)
    from rag.engine import Engine

    articles = read_lines(given.new)[: given.commits]
    questions = [str(line["question"]) for line in read_lines(given.questions)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shutil.copytree(given.index, folder / "index")
        with Engine.open(folder / "index") as engine:
            engine.ask(questions[-1])
            go_on = threading.Event()
            go_on.set()
            threading.Timer(given.idle, go_on.clear).start()
            say("asking while nobody writes")
            idle, wrong = measure(engine, questions, given.readers, go_on, given.pause)
            context = get_context("spawn")
            started = context.Event()
            writer = context.Process(target=write, args=(folder / "index", articles, folder, started))
            writer.start()
            started.wait()
            go_on.set()

            def wait() -> None:
                writer.join()
                go_on.clear()

            threading.Thread(target=wait).start()
            say("asking while articles are added")
            busy, more = measure(engine, questions, given.readers, go_on, given.pause)
            added = engine.store.info().articles
    rows = [
        [name, len(times), 1000 * percentile(times, 50), 1000 * percentile(times, 95), len(problems)]
        for name, times, problems in (("nobody writes", idle, wrong), ("articles are added", busy, more))
    ]
    rows.append(["ratio", None, rows[1][2] / rows[0][2], rows[1][3] / rows[0][3], None])
    report.table(
        f"{given.readers} readers, {len(articles)} commits (the writer ended with {writer.exitcode}; "
        f"{added:,} articles then)",
        ["", "questions", "p50 ms", "p95 ms", "errors"],
        rows,
    )
    report.finish(given.json)
    for line in (wrong + more)[:5]:
        say(line)


if __name__ == "__main__":
    main()
