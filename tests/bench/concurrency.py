"""Readers who ask while a writer writes: errors, answers that mix two states, and what the readers lose in speed.

    python tests/bench/concurrency.py [--readers 8] [--commits 500] [--every 0.5]

Each reader is a thread that asks a store for words and for a vector and reads the passages; the writer is a process of
its own. A state is told by its articles: each commit writes the next of twelve files anew. Readers ask independently of
each other, at random times: with pauses of one length, all who ever waited for the same commit would ask together from
then on, and what is measured would be how eight threads share an interpreter. The writer commits as often as `citewell
watch` can, which waits for half a second without a change; `--every 0` commits without a pause.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from index.store.local import LocalStore
from tests.index.stores import SLOTS, Local, file_of, files_behind, vector_of


def write(folder: Path, commits: int, every: float) -> None:
    """The writer."""
    local = Local(folder, merged_below=0)
    for step in range(SLOTS + 1, SLOTS + 1 + commits):
        local.put(file_of(step))
        time.sleep(every)
    local.close()


def ask(store: LocalStore) -> tuple[float, dict[str, str]]:
    """One question's worth of reading: seconds, and the articles that were seen."""
    start = time.perf_counter()
    with store.reading():
        found = store.search_lexical(["seen"], top_k=100)
        near = store.search_vectors(vector_of("ferry"), top_k=100)
        records = store.passages([each.passage for each in found])
    seconds = time.perf_counter() - start
    if {each.passage for each in near} != {each.passage for each in found} or len(records) != len(found):
        raise AssertionError("words and vectors find other passages")
    return seconds, {record.article.path: record.text for record in records}


def measure(store: LocalStore, readers: int, go_on: threading.Event, pause: float) -> tuple[list[float], list[str]]:
    """Let readers ask until they are told to stop, each `pause` seconds on average after its last question.

    Returns:
        Their times in seconds, and what went wrong.
    """
    times: list[float] = []
    wrong: list[str] = []

    def read(generator: random.Random) -> None:
        while go_on.is_set():
            try:
                seconds, seen = ask(store)
            except Exception as error:  # noqa: BLE001 - what comes is what is looked for
                wrong.append(f"{type(error).__name__}: {error}")
                continue
            times.append(seconds)
            newest = max(int(text.split("town")[1].split()[0]) for text in seen.values()) if not seen else None
            steps = [step for step in STATES if STATES[step] == seen]
            if not steps:
                wrong.append(f"a mixed state: {sorted(seen)} {newest}")
            time.sleep(generator.expovariate(1 / pause))

    threads = [threading.Thread(target=read, args=(random.Random(number),)) for number in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, wrong


STATES: dict[int, dict[str, str]] = {}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--commits", type=int, default=500)
    parser.add_argument("--pause", type=float, default=0.1, help="mean seconds between a reader's questions")
    parser.add_argument("--every", type=float, default=0.5, help="seconds between two commits")
    parser.add_argument("--idle", type=float, default=30, help="seconds of asking without a writer")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write(options.write, options.commits, options.every)
        return
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        local = Local(index, merged_below=0)
        local.put(files_behind(SLOTS))
        local.close()
        STATES.update({step: files_behind(step) for step in range(SLOTS, SLOTS + 1 + options.commits)})
        store = LocalStore.open(index)
        go_on = threading.Event()
        go_on.set()
        threading.Timer(options.idle, go_on.clear).start()
        idle, wrong = measure(store, options.readers, go_on, options.pause)
        go_on.set()
        writer = subprocess.Popen(
            [
                sys.executable,
                __file__,
                "--write",
                index,
                "--commits",
                str(options.commits),
                "--every",
                str(options.every),
            ],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        )

        def wait() -> None:
            writer.wait()
            go_on.clear()

        threading.Thread(target=wait).start()
        busy, more = measure(store, options.readers, go_on, options.pause)
        store.close()
    p95_idle, p95_busy = (1000 * float(np.percentile(times, 95)) for times in (idle, busy))
    figures = {
        "readers": options.readers,
        "commits": options.commits,
        "questions idle": len(idle),
        "questions while writing": len(busy),
        "errors and mixed states": len(wrong) + len(more),
        "seconds between commits": options.every,
        "p95 idle, ms": p95_idle,
        "p95 while writing, ms": p95_busy,
        "times idle": p95_busy / p95_idle,
        "writer": writer.returncode,
    }
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    for line in (wrong + more)[:5]:
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
