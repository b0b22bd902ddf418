"""People who ask while articles change: what a whole question costs them, and whether anything goes wrong.

    python tests/bench/asking.py INDEX NEW.jsonl QUESTIONS.jsonl [--readers 8] [--commits 500] [--pause 4]

INDEX is an index folder, which is copied and left as it is. NEW.jsonl holds articles that are not in it. Readers are
threads of one process with one `Engine`, as the chat has them: each asks a question (the encoder, retrieval, the
reader, the citations), looks whether every quote stands in its article, and waits. The writer is `citewell watch` over
a folder of twenty files, in a session of its own, as in another terminal: one file after the other gets another
article, each when the last is in the index and half a second later, so the index is always of one size.

The questions are asked by one reader alone while nobody writes, by all readers, by all while articles change, and by
all once more behind that. (`concurrency.py` measures the store alone, without models, and tells states apart.)
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import ROOT, Report, percentile, read_lines, say

if TYPE_CHECKING:
    from types import TracebackType

    from rag.engine import Engine

BETWEEN = 0.5
"""Seconds between two commits."""
FILES = 20
"""Files of the folder that is watched."""
STAGES = ("encode", "retrieve", "read", "cite")


class Watched:
    """A folder that `citewell watch` keeps in an index, in a session of its own.

    Args:
        folder: the folder, which is made.
        index: the index.
        articles: what goes into its files by turns.
    """

    def __init__(self, folder: Path, index: Path, articles: list[dict[str, Any]]) -> None:
        folder.mkdir()
        self._folder = folder
        self._articles = articles
        self.put = 0
        for _ in range(FILES):
            self._write()
        command = [sys.executable, "-m", "ui.cli", "watch", str(folder), "--index", str(index)]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._wait()

    def change(self) -> None:
        """Put another article in the place of one, and wait until it is in the index."""
        self._write()
        self._wait()

    def close(self) -> int:
        """End the watch; its exit code."""
        self._process.terminate()
        return self._process.wait()

    def __enter__(self) -> Watched:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self) -> None:
        path = self._folder / f"{self.put % FILES}.jsonl"
        part = self._folder.with_suffix(".part")
        part.write_text(json.dumps(self._articles[self.put % len(self._articles)]) + "\n", "utf-8")
        part.rename(path)
        self.put += 1

    def _wait(self) -> None:
        output = self._process.stdout
        if output is None or not output.readline():
            raise RuntimeError(f"the watch ended by itself with {self._process.wait()}")


class Times:
    """What questions took, in seconds: whole, and by stage; and what went wrong."""

    def __init__(self) -> None:
        self.whole: list[float] = []
        self.stages: dict[str, list[float]] = {stage: [] for stage in STAGES}
        self.wrong: list[str] = []

    def ask(self, engine: Engine, question: str) -> None:
        """Ask, and look whether every quote stands in its article."""
        begun = time.perf_counter()
        answer = engine.ask(question)
        self.whole.append(time.perf_counter() - begun)
        for stage in STAGES:
            self.stages[stage].append(answer.timings.get(stage, 0.0))
        for each in (*answer.citations, *answer.related):
            view = engine.article(each.article_id)
            if view.text[each.start - view.start : each.end - view.start] != each.quote:
                self.wrong.append(f"a quote that does not stand in its article: {each.quote!r}")


def measure(engine: Engine, questions: list[str], readers: int, go_on: threading.Event, pause: float) -> Times:
    """Let readers ask until they are told to stop."""
    times = Times()

    def read(number: int) -> None:
        asked = number
        time.sleep(pause * number / readers)
        while go_on.is_set():
            try:
                times.ask(engine, questions[asked % len(questions)])
            except Exception as error:  # noqa: BLE001 - what comes is what is looked for
                times.wrong.append(f"{type(error).__name__}: {error}")
            asked += readers
            time.sleep(pause)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def measure_for(engine: Engine, questions: list[str], readers: int, seconds: float, pause: float) -> Times:
    """Let readers ask for so long."""
    go_on = threading.Event()
    go_on.set()
    threading.Timer(seconds, go_on.clear).start()
    return measure(engine, questions, readers, go_on, pause)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--commits", type=int, default=500)
    parser.add_argument("--pause", type=float, default=4.0, help="seconds between a reader's questions")
    parser.add_argument("--idle", type=float, default=120.0, help="seconds for which nobody writes, before and after")
    parser.add_argument("--longest", type=float, default=480.0, help="seconds after which nothing more is written")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    report = Report.start(given)
    from rag.engine import Engine

    articles = read_lines(given.new)[: given.commits + FILES]
    questions = [str(line["question"]) for line in read_lines(given.questions)]
    rows: list[tuple[str, Times]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shutil.copytree(given.index, folder / "index")
        with (
            Watched(folder / "articles", folder / "index", articles) as watched,
            Engine.open(folder / "index") as engine,
        ):
            engine.ask(questions[-1])
            held = [engine.store.info()]
            say("one reader asks")
            rows.append(("one reader", measure_for(engine, questions, 1, given.idle, given.pause / given.readers)))
            say("all readers ask")
            rows.append(("nobody writes", measure_for(engine, questions, given.readers, given.idle, given.pause)))
            go_on = threading.Event()
            go_on.set()

            def write() -> None:
                try:
                    end = time.monotonic() + given.longest
                    while watched.put < FILES + given.commits and time.monotonic() < end:
                        watched.change()
                        time.sleep(BETWEEN)
                finally:
                    go_on.clear()

            writer = threading.Thread(target=write)
            writer.start()
            say("all readers ask while articles change")
            begun = time.perf_counter()
            rows.append(("articles change", measure(engine, questions, given.readers, go_on, given.pause)))
            seconds = time.perf_counter() - begun
            writer.join()
            held.append(engine.store.info())
            say("all readers ask once more")
            rows.append(("and afterwards", measure_for(engine, questions, given.readers, given.idle, given.pause)))
            ended = watched.close()
    commits = held[1].change - held[0].change
    report.table(
        f"{given.readers} readers; {commits} commits in {seconds:.0f} s (the watch ended with {ended}), "
        f"{held[0].articles:,} articles before and {held[1].articles:,} after",
        ["", "questions", "p50 ms", "p95 ms", *(f"{stage} p95" for stage in STAGES), "errors"],
        [
            [
                name,
                len(times.whole),
                1000 * percentile(times.whole, 50),
                1000 * percentile(times.whole, 95),
                *(1000 * percentile(times.stages[stage], 95) for stage in STAGES),
                len(times.wrong),
            ]
            for name, times in rows
        ],
    )
    _, before, busy, after = (times.whole for _, times in rows)
    report.table(
        "while articles change, against",
        ["", "p50", "p95"],
        [
            [name, *(percentile(busy, share) / percentile(idle, share) for share in (50, 95))]
            for name, idle in (("before", before), ("after", after), ("both", before + after))
        ],
    )
    report.finish(given.json)
    for line in [line for _, times in rows for line in times.wrong][:5]:
        say(line)


if __name__ == "__main__":
    main()
