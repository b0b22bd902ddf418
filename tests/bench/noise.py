"""What noise handling and the grouping of copies do to answers on real news.

    python tests/bench/noise.py ARTICLES.jsonl[.gz] QUESTIONS.jsonl [--articles N] [--questions N] [--part 0-0.5]
        [--encoder NAME]

The articles that answer the chosen questions and others by the order of the sha256 of their URL are indexed three
times: with no line marked, with the rules on a document alone, and with these and the grouping of copies; the rules of
the collection act when a question is asked, on the last two. Without grouping, every passage stands for itself.

The questions come by hash from `--part`; on 0-0.5 nothing was tuned (see reader.py). Right is a sentence that holds the
answer in an article that is known to answer, there or in a copy word for word (`rag.evaluation.run.judge`); hit@k is
the share of the questions with a right one among the first k that `Engine.ask` lists; "answered right" is the share of
all questions that are answered at a confidence of 0.5 with a right first citation, and "right of answered" that of
those answered. "recurring" is the share of the listed sentences that stand in a recurring line.

Each row is held against the first: "won" and "lost" count the questions whose first sentence is right now and was not,
and the other way round; "p" is the two-sided sign test of these counts, how often chance alone makes a difference as
great. "better" and "worse", with their own p, count the questions whose right sentences have more or less of the mass
of a softmax over all sentences that were read: that is what the weights are fitted to, and it tells of every question,
not only of the few where two sentences change places.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import Report, by_hash, mean, read_lines, say

from index.boilerplate import EVERY_RULE, Rules
from index.prepare import prepare
from index.store.database import Database
from index.store.local import LocalStore
from index.store.vectors import to_blob
from index.store.writer import FileJob, Writer, write_lock
from index.types import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from index.encoder import Encoder
    from index.prepare import PreparedArticle
    from rag.engine import Engine
    from rag.evaluation.outcomes import Evaluation
    from rag.evaluation.questions import EvaluationQuestion
    from rag.reader import Passage, Reader, Reading

NOTHING = Rules(document=False, collection=False)
DOCUMENT = Rules(collection=False)
BATCH = 200
"""Articles stored at once."""


def pick(records: Sequence[dict[str, Any]], items: Sequence[EvaluationQuestion], articles: int) -> list[dict[str, Any]]:
    """The articles that answer, and others, so many in all."""
    by_url = {record["url"]: record for record in records if record.get("url")}
    wanted = dict.fromkeys(url for item in items for url in item.sources if url in by_url)
    others = (url for url in sorted(by_url, key=by_hash) if url not in wanted)
    return [by_url[url] for url in [*wanted, *others][:articles]]


def build(
    folder: Path,
    records: Sequence[dict[str, Any]],
    encoder: Encoder,
    vectors: dict[str, bytes],
    *,
    rules: Rules,
    grouped: bool,
) -> tuple[int, int, int]:
    """Index the records; how many lines are marked, how many passages there are, and how many of them are copies.

    Args:
        folder: where.
        records: what.
        encoder: embeds what is not in `vectors`.
        vectors: of texts, as stored; added to.
        rules: what marks lines.
        grouped: whether copies are.
    """
    folder.mkdir(parents=True)
    database = Database.create(folder, encoder.identity)
    marked = number = 0
    with write_lock(folder):
        writer = Writer(database)
        for start in range(0, len(records), BATCH):
            prepared: list[PreparedArticle] = []
            for line, record in enumerate(records[start : start + BATCH], start + 1):
                source = Source(
                    "/articles.jsonl", record["text"], line, record["url"], record["title"], record["published"]
                )
                prepared += prepare(source, rules=rules)
            if not grouped:
                for at, article in enumerate(prepared):
                    alone = []
                    for passage in article.passages:
                        number += 1
                        alone.append(replace(passage, copy_key=number, bands=()))
                    prepared[at] = replace(article, passages=tuple(alone), copy_key=-number, bands=())
            marked += sum(article.boilerplate for article in prepared)
            texts = {passage.text for article in prepared for passage in article.passages}
            missing = sorted(texts - vectors.keys())
            if missing:
                made = encoder.encode(missing)
                vectors |= {text: to_blob(vector) for text, vector in zip(missing, made, strict=True)}
            wanted = writer.without_vector(texts)
            job = FileJob("/articles.jsonl", 0, 0, b"", prepared, complete=True)
            writer.write([job], {known_by: vectors[text] for known_by, text in wanted.items()})
    counts = database.counts()
    database.close()
    return marked, counts["passages"], counts["duplicates"]


class Remembering:
    """A reader that reads a passage once for a question; what it makes of it does not depend on other passages.

    Args:
        reader: reads what was not read before.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[tuple[str, Passage], Reading] = {}
        self.name = reader.name
        self.folder = reader.folder

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """Read passages; see `rag.reader.Reader.read`."""
        new = [each for each in dict.fromkeys(passages) if (question, each) not in self._known]
        if new:
            found = self._reader.read(question, new)
            self._known |= {(question, each): reading for each, reading in zip(new, found, strict=True)}
        return [self._known[question, each] for each in passages]


def right_mass(engine: Engine, item: EvaluationQuestion) -> float:
    """The share of the right sentences in a softmax over all that were read, in [0, 1]; 0 when none was."""
    from rag.evaluation.questions import is_right
    from rag.logistic import logit

    evidence = engine.retrieve(item.question)
    ranked = engine.rank(evidence)
    if not ranked:
        return 0.0
    weights = [math.exp(logit(each.probability) - logit(ranked[0].probability)) for each in ranked]
    right = []
    for each in ranked:
        articles = (each.passage.article, *(place.article for place in evidence.places[each.sentence.id]))
        places = [place for article in articles for place in article.places]
        right.append(is_right(each.text, item.answers, places=places, sources=item.sources))
    return sum(weight for weight, is_it in zip(weights, right, strict=True) if is_it) / sum(weights)


def sign_test(up: int, down: int) -> float:
    """How often chance alone makes counts that differ as much, where each of both is as likely: in (0, 1]."""
    both = up + down
    return min(1.0, sum(math.comb(both, each) for each in range(min(up, down) + 1)) / 2 ** (both - 1)) if both else 1.0


def ask(
    folder: Path, items: Sequence[EvaluationQuestion], encoder: Encoder, reader: Reader, rules: Rules
) -> tuple[Evaluation, list[float], float | None]:
    """What came of the questions, the mass on right sentences of each, and the share listed in recurring lines."""
    from rag.engine import Engine
    from rag.evaluation.run import evaluate

    with Engine(LocalStore.open(folder), encoder, reader, rules=rules) as engine:
        run = evaluate(engine, items)
        masses = [right_mass(engine, item) for item in items]
        store = engine.store
        listed = {(each.source, each.quote) for outcome in run.outcomes for each in outcome.ranked}
        recurring = set()
        with store.reading():
            everything = store.leading_passages()
            for start in range(0, len(everything), BATCH):
                records = store.passages(everything[start : start + BATCH])
                left_out = store.recurring(records)
                recurring |= {
                    (record.article.url, each.span.of(record.text))
                    for record in records
                    for each in record.sentences
                    if each.id in left_out
                }
        return run, masses, mean([each in recurring for each in listed])


def changed(before: Sequence[float], now: Sequence[float]) -> tuple[int, int]:
    """How many are greater than before, and how many less."""
    pairs = list(zip(before, now, strict=True))
    return sum(new > old for old, new in pairs), sum(new < old for old, new in pairs)


def measure(given: argparse.Namespace, report: Report, work: Path) -> None:
    """The whole run."""
    from index.encoder import load_encoder
    from rag.evaluation.questions import Part, choose, read_questions
    from rag.reader_models import load_reader

    items = choose(read_questions(given.questions_file), part=Part.parse(given.part), limit=given.questions)
    records = pick(read_lines(given.articles_file), items, given.articles)
    encoder = load_encoder(given.encoder)
    shipped = load_reader(None)
    if shipped is None:
        raise SystemExit("the shipped reader is missing; expected rag/models/quick")
    reader = Remembering(shipped)
    vectors: dict[str, bytes] = {}
    indexes = {}
    for name, rules, grouped in (
        ("plain", NOTHING, False),
        ("document", EVERY_RULE, False),
        ("grouped", EVERY_RULE, True),
    ):
        say(f"indexing {len(records):,} articles: {name}")
        indexes[name] = build(work / name, records, encoder, vectors, rules=rules, grouped=grouped)
    rows: list[list[Any]] = []
    before: tuple[list[bool], list[float]] | None = None
    for label, name, rules in (
        ("nothing", "plain", NOTHING),
        ("document rules", "document", DOCUMENT),
        ("document and collection rules", "document", EVERY_RULE),
        ("the same, and copies grouped", "grouped", EVERY_RULE),
    ):
        say(f"asking {len(items)} questions: {label}")
        run, masses, recurring = ask(work / name, items, encoder, reader, rules)
        figures = run.figures()
        right = [outcome.right for outcome in run.outcomes]
        before = before or (right, masses)
        won, lost = changed(before[0], right)
        better, worse = changed(before[1], masses)
        rows.append(
            [
                label,
                *indexes[name],
                figures["hit_at_1"],
                figures["hit_at_5"],
                mean([outcome.answered and outcome.right for outcome in run.outcomes]),
                figures["accuracy_answered"],
                figures["citation_precision"],
                *(won, lost, sign_test(won, lost)),
                *(mean(masses), better, worse, sign_test(better, worse)),
                recurring,
            ]
        )
    columns = ["with", "marked lines", "passages", "copies", "hit@1", "hit@5", "answered right", "right of answered"]
    columns += ["citations right", "won", "lost", "p", "mass on right", "better", "worse", "p of these", "recurring"]
    report.table(f"{len(items)} questions on {len(records):,} articles", columns, rows)


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles_file", metavar="ARTICLES", type=Path, help="JSON Lines: url, title, published, text")
    parser.add_argument("questions_file", metavar="QUESTIONS", type=Path, help="as `citewell evaluate` reads it")
    parser.add_argument("--articles", type=int, default=1750, help="how many (1750)")
    parser.add_argument("--questions", type=int, default=250, help="how many (250)")
    parser.add_argument("--part", default="0-0.5", help="which questions (0-0.5)")
    parser.add_argument("--encoder", help="the encoder's name; the default one if none")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    report = Report.start(given)
    with tempfile.TemporaryDirectory(prefix="citewell-bench-") as work:
        measure(given, report, Path(work))
    report.finish(given.json)


if __name__ == "__main__":
    main()
