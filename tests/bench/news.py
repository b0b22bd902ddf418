"""A collection of real news articles: how long indexing takes, and how often the right sentence comes first.

    python tests/bench/news.py ARTICLES.jsonl[.gz] QUESTIONS.jsonl [--articles N] [--questions N] [--work DIR] [--reuse]

The subset: the first `--questions` questions in the order of the sha256 of their `id`; the articles that answer them
first, then others in the order of the sha256 of their URL, `--articles` in all. It is written as JSON Lines to a folder
of its own in `--work` and indexed there (with `--reuse`, an index of the same subset is kept, and its figures with it).

Indexing runs in a process of its own: wall time of `build_index`, peak resident memory of that process. The encoder is
exported beforehand. Beside it, what the same number of cores does with the plain encoder alone: SentenceTransformer on
torch in fp32 over the first `--plain` of the same passages, once before and once after the build.

Answers: a passage or sentence is right when it holds the answer (case and punctuation folded, whole words) and its
article is one of the question's `articles_with_answer`; where copies are searched as one passage, that is the article
of the one that stands for them, the same for every rival. hit@k is the share of all questions with a right one among
the first k. All rivals get the same index and the same candidates:

- passages: BM25 alone, the encoder alone (100 each), and `rag.retrieve.fuse` of both at several weights;
- sentences: those of BM25's passages as they run on (the first one is the first sentence of its first passage); those
  of the first 25 fused passages by their own cosine with the question, and by the share of the question's words in
  them (the feature "overlap"); ranked by `rag.ranking.rank_by_encoder`; and what `Engine.ask(min_confidence=0)` lists,
  citations before related ones.

Confidence: `Answer.confidence` against whether the first citation is right. AUROC is the probability that a right one
has the greater confidence than a wrong one (ties count half). If the weights in beside the reader were fitted on
some of these questions, the figures flatter by that.

Time: every question is asked once, new to the engine, before anything else is measured; beside it, taking turns at
being first, BM25's first sentence from another store on the same index.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import Report, Worker, by_hash, commit, load_plain_model, mean, peak_megabytes, percentile, read_lines, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from index.store.base import PassageRecord
    from rag.candidates import Candidate

WEIGHTS = (0.3, 0.5, 0.7)
PASSAGE_RANKS = (1, 10, 25, 100)
SENTENCE_RANKS = (1, 5)
WARM_UP = "Which river flows through the town?"


def pick(
    records: list[dict[str, Any]], items: list[dict[str, Any]], articles: int, questions: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The articles and the questions of the subset."""
    chosen = sorted(items, key=lambda item: by_hash(str(item["id"])))[:questions]
    by_url = {record["url"]: record for record in records if record.get("url")}
    wanted = dict.fromkeys(url for item in chosen for url in item["articles_with_answer"] if url in by_url)
    others = (url for url in sorted(by_url, key=by_hash) if url not in wanted)
    return [by_url[url] for url in [*wanted, *others][:articles]], chosen


def export_encoder() -> None:
    """In a worker: load the default encoder once, so that its export is cached."""
    from index.encoder import load_encoder

    load_encoder()


def build(subset: str, index: str) -> dict[str, Any]:
    """In a worker: index the subset from nothing."""
    from index.build import build_index

    start = time.perf_counter()
    report = build_index([subset], index)
    wall = time.perf_counter() - start
    return {
        **report.info.to_dict(),
        "seconds": wall,
        "peak_mb": peak_megabytes(),
        "exact": report.duplicates_exact,
        "near": report.duplicates_near,
        "embedded": report.passages_embedded,
        "boilerplate": report.boilerplate_lines,
        "skipped": len(report.skipped),
        "reasons": dict(Counter(each.reason.split(":")[0] for each in report.skipped).most_common(5)),
        "commit": commit(),
    }


def plain_rate(subset: str, count: int) -> float:
    """In a worker: passages a second of the plain encoder over the subset's first `count` passages."""
    from index.articles import read_file
    from index.prepare import prepare
    from index.types import Source

    texts: list[str] = []
    for source in read_file(Path(subset)):
        if len(texts) >= count:
            break
        if isinstance(source, Source):
            texts += [passage.text for article in prepare(source) for passage in article.passages]
    model = load_plain_model()
    model.encode([WARM_UP] * 8, show_progress_bar=False)
    start = time.perf_counter()
    model.encode(texts[:count], batch_size=32, normalize_embeddings=True, show_progress_bar=False)
    return len(texts[:count]) / (time.perf_counter() - start)


def prepare_index(given: argparse.Namespace, folder: Path, records: list[dict[str, Any]]) -> dict[str, Any]:
    """Write and index the subset, or take the index that is there; what the build reported."""
    subset, index, noted = folder / "articles.jsonl", folder / "index", folder / "build.json"
    if given.reuse and noted.is_file() and index.is_dir():
        say(f"the index in {index} is used again")
        return {**json.loads(noted.read_text("utf-8")), "reused": True}
    noted.unlink(missing_ok=True)
    if index.exists():
        shutil.rmtree(index)
    folder.mkdir(parents=True, exist_ok=True)
    with subset.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    with Worker() as worker:
        worker(export_encoder)
    plain = []
    for turn in ("plain", "build", "plain"):
        say({"plain": "encoding some passages the plain way", "build": f"indexing {len(records):,} articles"}[turn])
        if turn == "plain" and given.plain:
            with Worker() as worker:
                plain.append(worker(plain_rate, str(subset), given.plain))
        elif turn == "build":
            with Worker() as worker:
                built = worker(build, str(subset), str(index))
    built["plain"] = plain
    noted.write_text(json.dumps(built, indent=1) + "\n", "utf-8")
    return {**built, "reused": False}


def is_right(text: str, url: str | None, item: dict[str, Any]) -> bool:
    """Whether a text of the article at `url` holds the answer of a question, in one of its articles."""
    from rag.evaluation import questions

    return questions.is_right(text, [str(item["answer"])], places=[url or ""], sources=item["articles_with_answer"])


def sentences_of(passage: PassageRecord) -> list[str]:
    """The sentences of a passage, in order."""
    return [sentence.span.of(passage.text) for sentence in passage.sentences]


class Ranks:
    """For each rival the rank (from 0) of the first right one, None when there is none, question by question."""

    def __init__(self) -> None:
        self.found: dict[str, list[int | None]] = {}

    def add(self, rival: str, right: Iterable[bool]) -> None:
        """Note a question's list of hits and misses, the best ranked first."""
        self.found.setdefault(rival, []).append(next((rank for rank, each in enumerate(right) if each), None))

    def rows(self, limits: Sequence[int], against: str) -> list[list[Any]]:
        """For each rival hit@k, and of the first places those won from and lost to the rival named `against`."""
        rows = []
        for rival, ranks in self.found.items():
            first, theirs = [rank == 0 for rank in ranks], [rank == 0 for rank in self.found[against]]
            won = sum(a and not b for a, b in zip(first, theirs, strict=True))
            lost = sum(b and not a for a, b in zip(first, theirs, strict=True))
            shares = [mean([rank is not None and rank < limit for rank in ranks]) for limit in limits]
            rows.append([rival, *shares, *((None, None) if rival == against else (won, lost))])
        return rows


def ask_all(index: Path, items: list[dict[str, Any]]) -> tuple[list[Any], dict[str, list[float]]]:
    """Ask every question once; the answers, and the seconds of the whole, of each stage, and of BM25 alone."""
    from index.encoder import load_encoder
    from index.store.local import LocalStore
    from rag.engine import Engine
    from rag.question import read_question

    other = LocalStore.open(index)

    def bm25_first(question: str) -> list[str]:
        found = other.search_lexical(read_question(question).terms, top_k=1)
        return [sentences_of(passage)[0] for passage in other.passages([each.passage for each in found])]

    times: dict[str, list[float]] = {"whole": []}
    answers = []
    with Engine.open(index, encoder=load_encoder()) as engine:
        engine.ask(WARM_UP)
        bm25_first(WARM_UP)
        for number, item in enumerate(items):
            for turn in ("ask", "bm25") if number % 2 == 0 else ("bm25", "ask"):
                start = time.perf_counter()
                if turn == "ask":
                    answer = engine.ask(item["question"], min_confidence=0.0)
                    times["whole"].append(time.perf_counter() - start)
                    answers.append(answer)
                    for stage, seconds in answer.timings.items():
                        times.setdefault(stage, []).append(seconds)
                else:
                    bm25_first(item["question"])
                    times.setdefault("bm25", []).append(time.perf_counter() - start)
    other.close()
    return answers, times


def rank_all(index: Path, items: list[dict[str, Any]], answers: list[Any]) -> tuple[Ranks, Ranks]:
    """The ranks of right passages and of right sentences, of all rivals."""
    from index.encoder import load_encoder
    from index.store.local import LocalStore
    from rag.logistic import scoring_for
    from rag.question import read_question
    from rag.ranking import ENCODED_PASSAGES, rank_by_encoder
    from rag.retrieve import CANDIDATES, DENSE_WEIGHT, Retriever, fuse

    encoder, scoring = load_encoder(), scoring_for(None, False)
    store = LocalStore.open(index)
    retriever = Retriever(store, encoder)
    passages, sentences = Ranks(), Ranks()
    for number, (item, answer) in enumerate(zip(items, answers, strict=True)):
        question = read_question(item["question"])
        vector = retriever.encode(question)
        lexical = store.search_lexical(question.terms, top_k=CANDIDATES)
        dense = store.search_vectors(vector, top_k=CANDIDATES)
        ids = list(dict.fromkeys(each.passage for each in (*lexical, *dense)))
        cosines = dict(zip(ids, store.cosines(vector, ids), strict=True))
        records = {record.id: record for record in store.passages(ids)}
        right = {
            each: is_right(" ".join(sentences_of(record)), record.article.url, item) for each, record in records.items()
        }
        passages.add("BM25", (right[each.passage] for each in lexical))
        passages.add("encoder", (right[each.passage] for each in dense))
        for weight in sorted({*WEIGHTS, DENSE_WEIGHT}):
            scores = fuse(lexical, cosines, weight=weight)
            order = sorted(scores, key=lambda passage: (-scores[passage], passage))
            name = f"fused, {weight} encoder" + (" (as shipped)" if weight == DENSE_WEIGHT else "")
            passages.add(name, (right[each] for each in order))

        evidence = retriever.retrieve(question, vector, top_k=ENCODED_PASSAGES)
        ranked = rank_by_encoder(evidence, encoder.encode, scoring)
        # the others get every sentence; of equal ones that of the better passage comes first
        place = {hit.passage.id: at for at, hit in enumerate(evidence.hits)}
        every = rank_by_encoder(evidence, encoder.encode, scoring, thorough=True)
        every.sort(key=lambda each: (place[each.passage.id], each.sentence.span.start))

        def right_by(feature: str) -> list[bool]:
            return judged(sorted(every, key=lambda each: -each.features[feature]))  # noqa: B023

        def judged(candidates: Iterable[Candidate]) -> list[bool]:
            return [is_right(each.text, each.passage.article.url, item) for each in candidates]  # noqa: B023

        running = (records[each.passage] for each in lexical)
        sentences.add(
            "BM25's first passage, first sentence",
            [is_right(text, each.article.url, item) for each in running for text in sentences_of(each)],
        )
        sentences.add("best cosine", right_by("cosine"))
        sentences.add("best overlap", right_by("overlap"))
        sentences.add("rank_by_encoder", judged(ranked))
        listed = (*answer.citations, *answer.related)
        sentences.add("Engine.ask", (is_right(each.quote, each.source, item) for each in listed))
        sentences.add(f"any of the sentences of the {ENCODED_PASSAGES} passages", [any(judged(every))])
        if number % 50 == 49:
            say(f"{number + 1} questions ranked")
    store.close()
    return passages, sentences


def index_table(report: Report, built: dict[str, Any], records: int) -> None:
    """What the build was like."""
    passages, seconds = built["passages"], built["seconds"]
    plain = mean(built["plain"])
    rows = [
        ["records given", records],
        ["articles", built["articles"]],
        ["sentences", built["sentences"]],
        ["passages", passages],
        ["duplicate passages", built["duplicates"]],
        ["  exact / near", f"{built['exact']:,} / {built['near']:,}"],
        ["boilerplate lines left out", built["boilerplate"]],
        ["skipped", built["skipped"]],
        *([f"  {reason}", count] for reason, count in built["reasons"].items()),
        ["seconds", seconds],
        ["articles/s", built["articles"] / seconds],
        ["passages/s", passages / seconds],
        ["plain encoder alone, passages/s", plain],
        ["build / plain encoder alone: ratio", passages / seconds / plain],
        ["peak memory, MB", built["peak_mb"]],
        ["index, MB", built["bytes"] / 1e6],
        ["bytes per passage", built["bytes"] / passages],
        ["built at commit", built["commit"] + (" (used again)" if built["reused"] else "")],
    ]
    report.table("indexing", ["what", "figure"], rows)


def measure(given: argparse.Namespace, report: Report, work: Path) -> None:
    """The whole run."""
    from rag.evaluation.metrics import auroc

    records, items = pick(
        read_lines(given.articles_file), read_lines(given.questions_file), given.articles, given.questions
    )
    mark = by_hash("\n".join(json.dumps(record, sort_keys=True) for record in records))[:10]
    folder = work / f"news-{len(records)}-{mark}"
    built = prepare_index(given, folder, records)
    index_table(report, built, len(records))

    say(f"asking {len(items)} questions")
    answers, times = ask_all(folder / "index", items)
    passages, sentences = rank_all(folder / "index", items, answers)
    report.table(
        f"passage hits of {len(items)} questions",
        ["passages by", *(f"hit@{k}" for k in PASSAGE_RANKS), "won from BM25", "lost to BM25"],
        passages.rows(PASSAGE_RANKS, "BM25"),
    )
    report.table(
        f"sentence hits of {len(items)} questions",
        ["sentences by", *(f"hit@{k}" for k in SENTENCE_RANKS), "won from BM25", "lost to BM25"],
        sentences.rows(SENTENCE_RANKS, "BM25's first passage, first sentence"),
    )
    right = [
        bool(answer.citations) and is_right(answer.citations[0].quote, answer.citations[0].source, item)
        for answer, item in zip(answers, items, strict=True)
    ]
    confidences = [answer.confidence for answer in answers]
    sure = [label for label, confidence in zip(right, confidences, strict=True) if confidence >= 0.5]
    report.table(
        "confidence",
        ["what", "figure"],
        [
            ["AUROC for: the first citation is right", auroc(confidences, right)],
            ["share answered at 0.5", len(sure) / len(items) if items else None],
            ["right of those", mean(sure)],
            ["right of all, answered or not", mean(right)],
            ["mean confidence of all", mean(confidences)],
        ],
    )
    milliseconds = {name: [1000 * each for each in seconds] for name, seconds in times.items()}
    labels = {"whole": "Engine.ask: whole", "bm25": "BM25's first sentence: whole"}
    order = sorted(milliseconds, key=lambda name: name == "bm25")
    report.table(
        f"ms a question, each asked once ({len(items)})",
        ["what", "p50", "p95"],
        [
            [labels.get(name, f"  {name}"), percentile(milliseconds[name], 50), percentile(milliseconds[name], 95)]
            for name in order
        ],
    )


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles_file", metavar="ARTICLES", type=Path, help="JSON Lines: url, title, published, text")
    parser.add_argument(
        "questions_file", metavar="QUESTIONS", type=Path, help="JSON Lines: id, question, answer, articles_with_answer"
    )
    parser.add_argument("--articles", type=int, default=2000, help="how many (2000)")
    parser.add_argument("--questions", type=int, default=250, help="how many (250)")
    parser.add_argument("--work", type=Path, help="where the subset and its index are kept; a temporary folder if none")
    parser.add_argument("--reuse", action="store_true", help="keep an index of the same subset in --work")
    parser.add_argument("--plain", type=int, default=256, help="passages for the plain encoder; 0 leaves it out (256)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    report = Report.start(given)
    if given.work is not None:
        measure(given, report, given.work.absolute())
    else:
        with tempfile.TemporaryDirectory(prefix="citewell-bench-") as work:
            measure(given, report, Path(work))
    report.finish(given.json)


if __name__ == "__main__":
    main()
