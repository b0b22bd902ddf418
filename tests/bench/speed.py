"""How long an answer over the sample articles takes, beside the plain way of doing it, in the same run.

    python tests/bench/speed.py [--rounds N] [--limit N] [--json FILE]
    python tests/bench/speed.py --first [--runs N] [--json FILE]

Without `--first`: the sample articles are indexed into a temporary folder, and the questions of
`tests/data/seed_questions.jsonl` are asked, one by one, through `Engine.ask`. The plain way is what a script of twenty
lines does: SentenceTransformer (the same model, torch fp32), a flat FAISS index over the same passages, the 5 nearest
ones, all of their sentences encoded, the one with the greatest cosine returned. Each runs in a process of its own, and
passes over all questions alternate: citewell, plain, plain, citewell, ... The first pass is reported apart, because
`Engine` remembers the vectors of sentences: "warm" is a question over articles that were asked about before. Times are
wall time in ms around the call; stages as `Answer.timings` gives them. Ratios are medians over rounds of the ratio of
the two p50s.

First sentences count as right when they are among the item's `answers`; citewell's first sentence is its first
citation, or the first of `related` when it does not answer.

With `--first`: wall time of a new Python process that calls `rag.ask` once. Cold: an empty CITEWELL_HOME, so that the
encoder is exported, the sample articles are indexed and the question is answered. Warm: the same home again. Cold and
warm alternate. The operating system's file cache is warm in both.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from common import ROOT, Report, Worker, load_plain_model, percentile, read_lines, say

QUESTIONS = ROOT / "tests" / "data" / "seed_questions.jsonl"
FIRST_QUESTION = "what did Putin demand?"
FIRST_PROGRAM = """
import json, sys
from rag import ask
answer = ask(sys.argv[1])
print(json.dumps({"answered": answer.answered, "quotes": [citation.quote for citation in answer.citations]}))
"""
WARM_UP = "Which river flows through the town?"
PLAIN_PASSAGES = 5

_held: dict[str, Any] = {}
"""What a worker's process keeps between passes."""


def open_citewell(folder: str) -> dict[str, Any]:
    """In its worker: index the sample articles, open the engine, ask one question that is not measured."""
    from index.build import build_index
    from index.encoder import load_encoder
    from rag.engine import Engine
    from rag.locations import seeds_dir

    encoder = load_encoder()
    report = build_index([seeds_dir()], folder, encoder=encoder)
    _held["engine"] = engine = Engine.open(folder, encoder=encoder)
    engine.ask(WARM_UP)
    return {"passages": report.info.passages - report.info.duplicates, "encoder": type(encoder).__name__}


def ask_citewell(questions: list[str]) -> list[dict[str, Any]]:
    """In its worker: ask every question once."""
    engine = _held["engine"]
    asked = []
    for question in questions:
        start = time.perf_counter()
        answer = engine.ask(question)
        whole = time.perf_counter() - start
        first = next(iter((*answer.citations, *answer.related)), None)
        asked.append(
            {
                "whole": whole,
                "stages": dict(answer.timings),
                "answered": answer.answered,
                "first": None if first is None else first.quote,
            }
        )
    return asked


def open_plain() -> int:
    """In its worker: the model, and a flat FAISS index over the passages of the sample articles, each text once."""
    import faiss

    from index.articles import find_files, read_file
    from index.prepare import prepare
    from index.types import Source
    from rag.locations import seeds_dir

    passages: dict[str, list[str]] = {}
    for path in find_files(seeds_dir()):
        for source in read_file(path) if isinstance(path, Path) else ():
            for article in prepare(source) if isinstance(source, Source) else ():
                for passage in article.passages:
                    sentences = [source.text[each.start : each.end] for each in passage.sentences]
                    passages.setdefault(passage.text, sentences)
    model = load_plain_model()
    vectors = model.encode(list(passages), normalize_embeddings=True, show_progress_bar=False)
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(int(vectors.shape[1]))
    index.add(vectors)
    _held.update(model=model, index=index, passages=list(passages.values()))
    ask_plain([WARM_UP])
    return len(passages)


def ask_plain(questions: list[str]) -> list[dict[str, Any]]:
    """In its worker: ask every question once."""
    model, index, passages = _held["model"], _held["index"], _held["passages"]
    asked = []
    for question in questions:
        times = [time.perf_counter()]
        vector = model.encode([question], normalize_embeddings=True, show_progress_bar=False)
        times.append(time.perf_counter())
        _, found = index.search(vector, min(PLAIN_PASSAGES, len(passages)))
        sentences = [sentence for passage in found[0].tolist() for sentence in passages[passage]]
        times.append(time.perf_counter())
        cosines = model.encode(sentences, normalize_embeddings=True, show_progress_bar=False) @ vector[0]
        first = sentences[int(cosines.argmax())]
        times.append(time.perf_counter())
        laps = [after - before for before, after in pairwise(times)]
        asked.append(
            {
                "whole": times[-1] - times[0],
                "stages": dict(zip(("encode", "retrieve", "read"), laps, strict=True)),
                "answered": True,
                "first": first,
            }
        )
    return asked


def measure_questions(given: argparse.Namespace, report: Report) -> None:
    """Both ways over all questions, in alternating passes, and their tables."""
    items = read_lines(QUESTIONS)[: given.limit]
    questions = [item["question"] for item in items]
    with tempfile.TemporaryDirectory(prefix="citewell-bench-") as folder, Worker() as ours, Worker() as plain:
        say("indexing the sample articles, loading both")
        opened = ours(open_citewell, folder)
        plain_passages = plain(open_plain)
        runs: dict[str, list[list[dict[str, Any]]]] = {"citewell": [], "plain": []}
        for number in range(given.rounds + 1):  # the first round is the one with a cold memory of sentences
            both = [("citewell", ours, ask_citewell), ("plain", plain, ask_plain)]
            for name, worker, function in both if number % 2 == 0 else reversed(both):
                runs[name].append(worker(function, questions))
    first, warm = runs["citewell"][0], runs["citewell"][1:]
    plain_warm = runs["plain"][1:]
    ours_p50, plain_p50 = ([_p50(one) for one in passes] for passes in (warm, plain_warm))
    rows = [
        *_time_rows("citewell, warm", warm),
        *_time_rows("citewell, asked for the first time", [first])[:1],
        *_time_rows("plain, warm", plain_warm),
        ["plain / citewell, warm: ratio", median(b / a for a, b in zip(ours_p50, plain_p50, strict=True)), None],
    ]
    report.table(f"ms a question ({len(items)} questions, {given.rounds} rounds)", ["what", "p50", "p95"], rows)
    answerable = [at for at, item in enumerate(items) if item["answers"]]
    silent = [at for at, item in enumerate(items) if not item["answers"]]

    def counts(asked: list[dict[str, Any]]) -> list[Any]:
        right = {at for at in answerable if asked[at]["first"] in items[at]["answers"]}
        answered = {at for at in answerable if asked[at]["answered"]}
        return [
            len(right) / len(answerable) if answerable else None,
            len(right),
            len(answerable),
            len(answered),
            len(answered & right),
            sum(not asked[at]["answered"] for at in silent),
            len(silent),
        ]

    columns = ["way", "share right", "first right", "of answerable"]
    columns += ["answered", "answered and right", "not answered", "of unanswerable"]
    rows = [["citewell", *counts(warm[-1])], ["plain", *counts(plain_warm[-1])]]
    report.table("answers", columns, rows)
    report.table(
        "what was searched",
        ["way", "passages", "encoder"],
        [["citewell", opened["passages"], opened["encoder"]], ["plain", plain_passages, "torch fp32"]],
    )


def measure_first(given: argparse.Namespace, report: Report) -> None:
    """The first answer of a new process, with an empty home and with the same one again."""
    seconds: dict[str, list[float]] = {"cold": [], "warm": []}
    quotes = []
    for number in range(given.runs):
        say(f"run {number + 1} of {given.runs}")
        with tempfile.TemporaryDirectory(prefix="citewell-bench-") as home:
            environment = {key: value for key, value in os.environ.items() if key != "CITEWELL_INDEX"}
            environment["CITEWELL_HOME"] = home
            for kind, walls in seconds.items():
                start = time.perf_counter()
                done = subprocess.run(
                    [sys.executable, "-c", FIRST_PROGRAM, FIRST_QUESTION],
                    cwd=ROOT,
                    env=environment,
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
                walls.append(time.perf_counter() - start)
                answer = json.loads(done.stdout.splitlines()[-1])
                quotes.append([kind, answer["answered"], len(answer["quotes"]), next(iter(answer["quotes"]), "")[:80]])
    rows = [
        [name, median(walls), min(walls), max(walls), len(walls)]
        for name, walls in (("cold: export, index, answer", seconds["cold"]), ("warm: load, answer", seconds["warm"]))
    ]
    ratio = median(cold / warm for cold, warm in zip(seconds["cold"], seconds["warm"], strict=True))
    rows.append(["cold / warm: ratio", ratio, None, None, None])
    report.table("seconds to the first answer of a new process", ["home", "median", "least", "most", "runs"], rows)
    report.table("answers", ["home", "answered", "citations", "first"], quotes)


def _p50(asked: list[dict[str, Any]]) -> float:
    return percentile([1000 * each["whole"] for each in asked], 50)


def _time_rows(name: str, passes: list[list[dict[str, Any]]]) -> list[list[Any]]:
    """p50 and p95 in ms of the whole and of each stage, over all questions of all passes."""
    asked = [each for one in passes for each in one]
    parts = {f"{name}: whole": [each["whole"] for each in asked]}
    for stage in asked[0]["stages"]:
        parts[f"  {stage}"] = [each["stages"][stage] for each in asked]
    return [
        [part, percentile([1000 * each for each in seconds], 50), percentile([1000 * each for each in seconds], 95)]
        for part, seconds in parts.items()
    ]


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="warm passes over the questions (5)")
    parser.add_argument("--limit", type=int, help="take the first N questions only")
    parser.add_argument("--first", action="store_true", help="measure the first answer of a new process instead")
    parser.add_argument("--runs", type=int, default=3, help="with --first: how often (3)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    report = Report.start(given)
    if given.first:
        measure_first(given, report)
    else:
        measure_questions(given, report)
    report.finish(given.json)


if __name__ == "__main__":
    main()
