"""What the reader is worth on an index of real news: the right sentence, silence when there is none, and the time.

    python tests/bench/reader.py INDEX QUESTIONS [--part 0-0.5] [--reader NAME_OR_FOLDER ...] [--limit N] [--plain N]

INDEX is an index folder, QUESTIONS a file as `citewell evaluate` reads it, with ids and the URLs of the articles that
are known to answer. `--part` chooses questions by a hash of their ids: the shipped reader learnt from 0.7-1, its
weights were fitted on 0.5-0.7, and on 0-0.5 nothing was tuned.

Sentences: hit@k is the share of the questions with a right sentence among the first k; right is one that holds the
answer (case and punctuation folded, whole words) in an article that is known to answer. All rivals ask the same index:

- BM25 alone: the sentences of its passages as they run on;
- encoder alone: the sentences of its first 10 passages by their cosine with the question;
- the whole pipeline with no reader, with each `--reader`, and as shipped: what `Engine.ask` lists.

Passages: the same for whole passages, in each retriever's order, fused, and in the order of the shipped pipeline's
sentences.

Knowing when not: each question is asked twice, with its articles in the index and as if they were not (whatever is
retrieved from them is left out before reading, and the next passages take its place). AUROC is the probability that
the confidence of a question whose articles are in is greater than that of one whose articles are out; the calibration
error takes both kinds together (10 bins of equal width), and right is a right first sentence.

Time: `--plain` questions are asked of the shipped pipeline and, by turns, the plain way: SentenceTransformer (the same
weights, torch fp32), a flat FAISS index over the same passages, and the torch question-answering model of the first
`--reader` folder over the 10 nearest; the sentence of the best span is its answer. Each in a process of its own.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import Report, Worker, load_plain_model, mean, percentile, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from index.store.base import PassageRecord
    from rag.evaluation.questions import EvaluationQuestion

RANKS = (1, 5)
PLAIN_PASSAGES = 10
WARM_UP = "Which river flows through the town?"
SHIPPED = "as shipped"

_held: dict[str, Any] = {}
"""What a worker's process keeps between calls."""


def choose(path: Path, part: str, limit: int | None) -> list[EvaluationQuestion]:
    """The questions of a part."""
    from rag.evaluation.questions import Part, read_questions
    from rag.evaluation.questions import choose as chosen

    return chosen(read_questions(path), part=Part.parse(part), limit=limit)


def right_passage(record: PassageRecord, item: EvaluationQuestion) -> bool:
    """Whether a passage holds the answer, in one of the articles."""
    from rag.evaluation.questions import is_right

    text = " ".join(sentence.span.of(record.text) for sentence in record.sentences)
    return is_right(text, item.answers, places=[record.article.url or ""], sources=item.sources)


def hits(ranked: Sequence[bool]) -> list[bool]:
    """For each of `RANKS` whether a right one is among the first so many."""
    return [any(ranked[:count]) for count in RANKS]


def retrievers(index: str, items: list[EvaluationQuestion]) -> dict[str, list[list[bool]]]:
    """In a worker: the hits of the retrievers alone."""
    from index.encoder import load_encoder
    from index.store.local import LocalStore
    from rag.evaluation.questions import is_right
    from rag.question import read_question
    from rag.retrieve import CANDIDATES, Retriever, fuse

    store, encoder = LocalStore.open(Path(index)), load_encoder()
    retriever = Retriever(store, encoder)
    names = ("BM25 alone", "encoder alone")
    found: dict[str, list[list[bool]]] = {
        f"{kind}: {name}": [] for kind in ("sentences", "passages") for name in (*names, "fused")
    }
    for item in items:
        question = read_question(item.question)
        vector = retriever.encode(question)
        lexical = store.search_lexical(question.terms, top_k=CANDIDATES)
        dense = store.search_vectors(vector, top_k=CANDIDATES)
        ids = list(dict.fromkeys(each.passage for each in (*lexical, *dense)))
        fused = fuse(lexical, dict(zip(ids, store.cosines(vector, ids), strict=True)))
        orders = {
            "BM25 alone": [each.passage for each in lexical],
            "encoder alone": [each.passage for each in dense],
            "fused": sorted(fused, key=lambda passage: (-fused[passage], passage)),
        }
        records = {record.id: record for record in store.passages(ids)}
        for name, order in orders.items():
            found[f"passages: {name}"].append(hits([right_passage(records[each], item) for each in order[: RANKS[-1]]]))
        for name in names:
            read = [records[each] for each in orders[name][:PLAIN_PASSAGES]]
            pairs = [(s.span.of(record.text), record.article.url or "") for record in read for s in record.sentences]
            if name == "encoder alone":
                cosines = encoder.encode([text for text, _ in pairs]) @ vector
                pairs = [pairs[at] for at in (-cosines).argsort(kind="stable")]
            own = [is_right(text, item.answers, places=[url], sources=item.sources) for text, url in pairs[: RANKS[-1]]]
            found[f"sentences: {name}"].append(hits(own))
    store.close()
    return {name: rows for name, rows in found.items() if rows}


def pipeline(index: str, items: list[EvaluationQuestion], reader: str | None) -> dict[str, Any]:
    """In a worker: the hits and figures of the whole pipeline with a reader."""
    from rag.engine import Engine
    from rag.evaluation.run import evaluate

    with Engine.open(index, reader=reader, calibrated=False) as engine:
        run = evaluate(engine, items)
        return {
            "hits": [hits([each.right for each in outcome.ranked]) for outcome in run.outcomes],
            "figures": run.figures(),
            "confidence": [outcome.confidence for outcome in run.outcomes],
        }


def knowing(index: str, items: list[EvaluationQuestion], reader: str | None) -> dict[str, Any]:
    """In a worker: confidences with the articles in the index and without, and the hits of passages."""
    from rag.engine import Engine
    from rag.evaluation.questions import is_right
    from rag.fit import without

    found: dict[str, Any] = {"in": [], "out": [], "passages": []}
    with Engine.open(index, reader=reader, calibrated=False) as engine:
        for item in items:
            for kind, left_out in (("in", ()), ("out", item.sources)):
                _, ranked = without(engine, item, left_out, thorough=False)
                first = ranked[0] if ranked else None
                right = first is not None and is_right(
                    first.text, item.answers, places=[first.passage.article.url or ""], sources=item.sources
                )
                found[kind].append((engine.confidence(ranked), right))
                if kind == "in":
                    passages = {each.passage.id: each.passage for each in ranked}
                    order = [right_passage(each, item) for each in list(passages.values())[: RANKS[-1]]]
                    found["passages"].append(hits(order))
    return found


def open_shipped(index: str) -> None:
    """In its worker: an engine that has answered once."""
    from rag.engine import Engine

    _held["engine"] = Engine.open(index)
    _held["engine"].ask(WARM_UP)


def ask_shipped(item: EvaluationQuestion) -> dict[str, Any]:
    """In its worker: ask a question."""
    from rag.evaluation.questions import is_right

    start = time.perf_counter()
    answer = _held["engine"].ask(item.question, min_confidence=0.0)
    seconds = time.perf_counter() - start
    first = answer.citations[0]
    right = is_right(first.quote, item.answers, places=[first.source], sources=item.sources)
    return {"seconds": seconds, "right": right, "stages": dict(answer.timings)}


def open_plain(index: str, reader: str) -> None:
    """In its worker: the model, a flat FAISS index over all passages, and the question-answering model."""
    import torch
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    from index.store.database import Database
    from index.store.local import LocalStore

    model = load_plain_model()
    import faiss
    import numpy as np

    database = Database.open(Path(index))
    vectors = faiss.IndexFlatIP(384)
    numbers: list[int] = []
    block: list[bytes] = []

    def add() -> None:
        vectors.add(np.frombuffer(b"".join(block), dtype=np.float16).reshape(len(block), -1).astype(np.float32))
        block.clear()

    for number, _, _, vector in database.leaders():
        numbers.append(number)
        block.append(vector)
        if len(block) == 10_000:
            add()
    add()
    database.close()
    tokenizer = AutoTokenizer.from_pretrained(reader)
    torch.set_num_threads(2)
    _held.update(
        model=model,
        index=vectors,
        numbers=numbers,
        store=LocalStore.open(Path(index)),
        tokenizer=tokenizer,
        reader=AutoModelForQuestionAnswering.from_pretrained(reader, dtype=torch.float32).eval(),
    )


def ask_plain(item: EvaluationQuestion) -> dict[str, Any]:
    """In its worker: ask a question the plain way."""
    import torch

    from rag.evaluation.questions import is_right

    start = time.perf_counter()
    vector = _held["model"].encode([item.question], normalize_embeddings=True, show_progress_bar=False)
    _, found = _held["index"].search(vector, PLAIN_PASSAGES)
    records = _held["store"].passages([_held["numbers"][at] for at in found[0].tolist()])
    texts = [" ".join(s.span.of(record.text) for s in record.sentences) for record in records]
    encoded = _held["tokenizer"](
        [item.question] * len(texts),
        texts,
        padding=True,
        truncation="only_second",
        max_length=384,
        return_offsets_mapping=True,
        return_tensors="pt",
    )
    offsets = encoded.pop("offset_mapping")
    with torch.inference_mode():
        output = _held["reader"](**encoded)
    best = (float("-inf"), 0, 0)
    for row in range(len(texts)):
        inside = torch.tensor([each == 1 for each in encoded.sequence_ids(row)])
        first = output.start_logits[row].masked_fill(~inside, -1e9)
        last = output.end_logits[row].masked_fill(~inside, -1e9)
        sums = (first[:, None] + last[None, :]).triu().tril(30)
        sums[sums == 0] = -1e9
        at = int(sums.argmax())
        none = float(output.start_logits[row][0] + output.end_logits[row][0])
        best = max(best, (float(sums.flatten()[at]) - none, row, int(offsets[row][at // len(last)][0])))
    seconds = time.perf_counter() - start
    _, row, character = best
    sentence, length = "", 0
    for each in records[row].sentences:
        sentence = each.span.of(records[row].text)
        length += len(sentence) + 1
        if character < length:
            break
    places = [records[row].article.url or ""]
    return {"seconds": seconds, "right": is_right(sentence, item.answers, places=places, sources=item.sources)}


def measure(given: argparse.Namespace, report: Report) -> None:
    """The whole run."""
    from rag.evaluation.metrics import auroc, calibration_error

    index, items = str(given.index), choose(given.questions, given.part, given.limit)
    say(f"{len(items)} questions; the retrievers alone")
    with Worker() as worker:
        alone = worker(retrievers, index, items)
    runs: dict[str, dict[str, Any]] = {}
    for name, reader in (("no reader", "none"), *((each, each) for each in given.reader), (SHIPPED, None)):
        say(f"the pipeline, {name}")
        with Worker() as worker:
            runs[f"pipeline, {Path(name).name}"] = worker(pipeline, index, items, reader)
    say("with the articles, and without")
    with Worker() as worker:
        known = worker(knowing, index, items, None)

    columns = [f"hit@{count}" for count in RANKS]

    def shares(rows: list[list[bool]]) -> list[float]:
        return [mean([row[at] for row in rows]) for at in range(len(RANKS))]

    prefix = "sentences: "
    rows = [[name[len(prefix) :], *shares(found)] for name, found in alone.items() if name.startswith(prefix)]
    rows += [[name, *shares(run["hits"])] for name, run in runs.items()]
    report.table(f"sentence hits of {len(items)} questions", ["sentences by", *columns], rows)
    prefix = "passages: "
    rows = [[name[len(prefix) :], *shares(found)] for name, found in alone.items() if name.startswith(prefix)]
    rows.append([f"pipeline, {SHIPPED}", *shares(known["passages"])])
    report.table("passage hits", ["passages by", *columns], rows)

    figures = runs[f"pipeline, {SHIPPED}"]["figures"]
    pairs = known["in"] + known["out"]
    inside = [True] * len(known["in"]) + [False] * len(known["out"])
    confidences, labels = [each for each, _ in pairs], [label for _, label in pairs]
    sure = [label for each, label in pairs if each >= 0.5]
    report.table(
        f"knowing when not: {len(items)} questions, articles in and out",
        ["what", "figure"],
        [
            ["AUROC, in against out", auroc(confidences, inside)],
            ["AUROC, first right against wrong", auroc(confidences, labels)],
            ["expected calibration error", calibration_error(confidences, labels)],
            ["answered at 0.5, of those in", mean([each >= 0.5 for each, _ in known["in"]])],
            ["answered at 0.5, of those out", mean([each >= 0.5 for each, _ in known["out"]])],
            ["right of those answered, in and out", mean(sure)],
            ["right of those answered, in", mean([label for each, label in known["in"] if each >= 0.5])],
            ["citation precision, in", figures["citation_precision"]],
        ],
    )
    if given.plain and given.reader:
        speed(given, report, items[: given.plain])


def speed(given: argparse.Namespace, report: Report, items: list[EvaluationQuestion]) -> None:
    """Both ways by turns."""
    say("the time, beside the plain way")
    index = str(given.index)
    asked: dict[str, list[dict[str, Any]]] = {"shipped": [], "plain": []}
    with Worker() as ours, Worker() as theirs:
        ours(open_shipped, index)
        theirs(open_plain, index, str(given.reader[0]))
        theirs(ask_plain, items[0])
        for number, item in enumerate(items):
            for way in ("shipped", "plain") if number % 2 == 0 else ("plain", "shipped"):
                worker, function = (ours, ask_shipped) if way == "shipped" else (theirs, ask_plain)
                asked[way].append(worker(function, item))
    rows = []
    for way, label in (("shipped", "Engine.ask"), ("plain", "the plain way")):
        times = [1000 * each["seconds"] for each in asked[way]]
        rows.append([label, percentile(times, 50), percentile(times, 95), mean([each["right"] for each in asked[way]])])
    for stage in asked["shipped"][0]["stages"]:
        times = [1000 * each["stages"][stage] for each in asked["shipped"]]
        rows.append([f"  {stage}", percentile(times, 50), percentile(times, 95), None])
    report.table(f"ms a question ({len(items)}, each new)", ["what", "p50", "p95", "hit@1"], rows)


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", metavar="INDEX", type=Path)
    parser.add_argument("questions", metavar="QUESTIONS", type=Path)
    parser.add_argument("--part", default="0-0.5", help="which questions (0-0.5)")
    parser.add_argument("--reader", action="append", default=[], help="another reader to compare with; again for more")
    parser.add_argument("--limit", type=int, help="at most so many questions")
    parser.add_argument("--plain", type=int, default=100, help="questions for the plain way; 0 leaves it out (100)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    report = Report.start(given)
    measure(given, report)
    report.finish(given.json)


if __name__ == "__main__":
    main()
