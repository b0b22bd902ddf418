"""How the weights of the scores were made: those beside the shipped reader, and those in `rag/data/`.

    python -m rag.fit --news QUESTIONS.jsonl --part 0.5-0.7 --index DIR --squad FILE.json.gz [--reader NAME_OR_FOLDER]
        --out FILE.json

Two kinds of use are learnt from, so that neither a large collection nor a handful of articles is favoured:

- `--news`: questions with answers and the articles that are known to give them (`rag.evaluation.questions`). Each is
  also asked with these articles left out of what is retrieved: so the confidence learns what it looks like when the
  articles do not say.
- `--squad`: SQuAD format. Two articles at a time make a small index of every second paragraph; questions on the others
  have no answer there, and are about the same things. A sentence is right when it stands in the question's paragraph
  and holds one of its answers. With `--held-out`, only the articles that a training with that share did not see.

Sentences are ranked by a softmax over the candidates of a question, fitted to put its mass on the right ones, and the
scores are then scaled to probabilities (Platt 1999). The confidence is a logistic regression on what is known of the
best sentences, for questions that are answered and for those that are not.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.build import build_index
from index.errors import TrainingError
from rag.answer import distinct_facts
from rag.candidates import READ_FEATURES, best_first, rescored
from rag.confidence import confidence_features
from rag.engine import Engine
from rag.evaluation.files import read_text
from rag.evaluation.questions import Part, is_right, part_of, read_questions
from rag.logistic import Again, LogisticModel, Scoring, logit
from rag.ranking import FIRST_READ, MORE_READ, READ_AGAIN, READ_PASSAGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rag.candidates import Candidate
    from rag.evaluation.questions import EvaluationQuestion
    from rag.question import Question

__all__ = [
    "Example",
    "fit",
    "fit_confidence",
    "fit_ranking",
    "main",
    "news_examples",
    "open_unscored",
    "squad_examples",
    "without",
]

QUESTIONS_PER_ARTICLE = 20
"""Of the paragraphs that are indexed, and as many of those that are not."""
_SPARE = 60
"""Passages that are retrieved beyond those that are read, to fill up when articles are left out."""
_PENALTY = 3.0
_CONFIDENCE_STRENGTH = 0.3
_UNSCORED = Scoring(LogisticModel(0.0, {}), LogisticModel(0.0, {}), LogisticModel(0.0, {}), 0.0)
_LOST = 0.02
"""The share of questions whose first sentence may change by not reading all."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question, its candidates, all of them read, and which of them are right.

    Attributes:
        question: what is asked.
        candidates: the sentences, as the first reader read them.
        right: whether each answers.
        searched: how many passages were searched.
        again: those that a second reader read again, as it did.
        right_again: whether each of these answers.
    """

    question: Question
    candidates: Sequence[Candidate]
    right: Sequence[bool]
    searched: int = 1
    again: Sequence[Candidate] = ()
    right_again: Sequence[bool] = ()

    def read_again(self) -> Example:
        """The example of the sentences that were read again alone."""
        return replace(self, candidates=self.again, right=self.right_again, again=(), right_again=())


def fit(examples: Sequence[Example]) -> Scoring:
    """All models, for examples with a reader or without.

    Raises:
        TrainingError: when no question has a right sentence, or every one has it first.
    """
    examples = [example for example in examples if example.candidates]
    if not any(any(example.right) for example in examples):
        raise TrainingError(
            f"none of the {len(examples)} questions has a right sentence among what was retrieved; expected questions "
            "whose articles are in the index"
        )
    sentence = fit_ranking(examples, sorted(examples[0].candidates[0].features))
    names = [name for name in sentence.weights if name not in READ_FEATURES]
    prior = fit_ranking(examples, names)
    ranked = [ranked_by(sentence, example) for example in examples]
    if all(example.right[0] for example in ranked):
        raise TrainingError(
            f"all {len(ranked)} questions have a right sentence first; expected some that are not answered, for the "
            "confidence to learn from"
        )
    scoring = Scoring(sentence, fit_confidence(ranked), prior, fit_reach(ranked, prior))
    return replace(scoring, again=_fit_again(examples, scoring)) if any(each.again for each in examples) else scoring


def _fit_again(examples: Sequence[Example], scoring: Scoring) -> Again:
    """The models for what was read again."""
    twice = [each.read_again() for each in examples if each.again]
    sentence = fit_ranking(twice, sorted(twice[0].candidates[0].features))
    ranked = [ranked_again(sentence, scoring, each) for each in examples]
    ranked = [each for each in ranked if each.candidates and "quick_read" in each.candidates[0].features]
    reach = fit_reach_again(examples, scoring, sentence)
    return Again(sentence, fit_confidence(ranked), reach)


def ranked_again(model: LogisticModel, scoring: Scoring, example: Example) -> Example:
    """The example with what was read again in place of its first reading, ranked as `rag.ranking` does."""
    done = {each.passage.id for each in example.again}
    pairs = [(rescored(each, model), right) for each, right in zip(example.again, example.right_again, strict=True)]
    pairs += [
        (rescored(each, scoring.sentence), right)
        for each, right in zip(example.candidates, example.right, strict=True)
        if each.passage.id not in done
    ]
    pairs.sort(key=lambda pair: best_first(pair[0]))
    return replace(example, candidates=[each for each, _ in pairs], right=[right for _, right in pairs])


def fit_reach_again(examples: Sequence[Example], scoring: Scoring, model: LogisticModel) -> float:
    """The least reach with which all but 2% of the questions get the same first sentence as when all is read again.

    Args:
        examples: with what was read again.
        scoring: the models of the first reading.
        model: that of the second.
    """
    questions = []
    for example in examples:
        before = _best_by_passage(example.candidates, scoring.sentence)
        after = _best_by_passage(example.again, model)
        lined = sorted(((before[number], after[number]) for number in after), key=lambda pair: -pair[0])
        if len(lined) > 1:
            questions.append(lined)
    return _least_reach(questions, first=READ_AGAIN, more=READ_AGAIN)


def _best_by_passage(candidates: Sequence[Candidate], model: LogisticModel) -> dict[int, float]:
    """For the number of each passage the greatest log odds that a model gives a sentence of it."""
    best: dict[int, float] = {}
    for candidate in candidates:
        own = logit(model.probability(candidate.features))
        best[candidate.passage.id] = max(best.get(candidate.passage.id, own), own)
    return best


def fit_ranking(examples: Sequence[Example], names: Sequence[str]) -> LogisticModel:
    """A sentence model of these features: a softmax per question, then one slope and intercept for all."""
    import numpy as np
    from scipy.optimize import minimize
    from sklearn.linear_model import LogisticRegression

    usable = [example for example in examples if any(example.right)]
    matrices = [
        np.array([[candidate.features[name] for name in names] for candidate in example.candidates])
        for example in usable
    ]
    labels = [np.array(example.right) for example in usable]

    def loss(weights: Any) -> tuple[float, Any]:
        total, gradient = _PENALTY / 2 * weights @ weights, _PENALTY * weights
        for matrix, right in zip(matrices, labels, strict=True):
            scores = matrix @ weights
            mass = np.exp(scores - scores.max())
            total -= np.log(mass[right].sum() / mass.sum())
            gradient = gradient - matrix.T @ (mass * right / mass[right].sum() - mass / mass.sum())
        return float(total), gradient

    weights = minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B").x
    scaled = LogisticRegression().fit(
        np.concatenate([each @ weights for each in matrices])[:, None], np.concatenate(labels)
    )
    slope = float(scaled.coef_[0][0])
    return LogisticModel(
        float(scaled.intercept_[0]), {name: slope * float(each) for name, each in zip(names, weights, strict=True)}
    )


def ranked_by(model: LogisticModel, example: Example) -> Example:
    """The example with its candidates scored by a model, the best first."""
    pairs = [
        (rescored(candidate, model), right) for candidate, right in zip(example.candidates, example.right, strict=True)
    ]
    pairs.sort(key=lambda pair: best_first(pair[0]))
    return replace(example, candidates=[each for each, _ in pairs], right=[right for _, right in pairs])


def fit_confidence(ranked: Sequence[Example]) -> LogisticModel:
    """The confidence model, from examples whose candidates are ranked."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    rows, labels = [], []
    for example in ranked:
        if example.candidates:
            rows.append(confidence_features(*distinct_facts(example.candidates), example.searched))
            labels.append(example.right[0])
    names = sorted(rows[0])
    matrix = np.array([[row[name] for name in names] for row in rows])
    center, spread = matrix.mean(axis=0), matrix.std(axis=0) + 1e-9
    fitted = LogisticRegression(C=_CONFIDENCE_STRENGTH, max_iter=5_000).fit((matrix - center) / spread, labels)
    weights = fitted.coef_[0] / spread
    return LogisticModel(
        float(fitted.intercept_[0] - weights @ center), dict(zip(names, map(float, weights), strict=True))
    )


def fit_reach(ranked: Sequence[Example], prior: LogisticModel) -> float:
    """The least reach with which all but 2% of the questions get the same first sentence as when all is read.

    Args:
        ranked: examples whose candidates are ranked.
        prior: the model of what is known before reading.
    """
    questions = [_lines_up(example, prior) for example in ranked if len(example.candidates) > 1]
    return _least_reach(questions, first=FIRST_READ, more=MORE_READ)


def _least_reach(questions: Sequence[Sequence[tuple[float, float]]], *, first: int, more: int) -> float:
    """The least reach with which no more than 2% of the questions lose their best sentence.

    Args:
        questions: of each the passages in the order of reading, with the log odds of the best sentence before and
            after.
        first, more: how many are read in the beginning, and then at a time.
    """
    for tenths in range(0, 200, 5):
        reach = tenths / 10 - 4
        lost = sum(not _found_with(passages, reach, first=first, more=more) for passages in questions)
        if lost <= _LOST * len(questions):
            return reach
    return 20.0


def _lines_up(example: Example, prior: LogisticModel) -> list[tuple[float, float]]:
    """For each passage the greatest log odds of a sentence of it before reading and after, in the order of reading."""
    before = _best_by_passage(example.candidates, prior)
    after: dict[int, float] = {}
    for candidate in example.candidates:
        number = candidate.passage.id
        after[number] = max(after.get(number, float("-inf")), logit(candidate.probability))
    return sorted(((before[number], after[number]) for number in before), key=lambda pair: -pair[0])


def _found_with(passages: Sequence[tuple[float, float]], reach: float, *, first: int, more: int) -> bool:
    """Whether reading as `rag.ranking.rank_by_reader` does comes upon the best sentence."""
    best = max(after for _, after in passages)
    read = first
    while read < len(passages):
        found = max(after for _, after in passages[:read])
        if found > passages[read][0] + reach:
            return found >= best
        read += more
    return True


def open_unscored(index: Path, reader: str | None) -> Engine:
    """An engine whose sentences are not yet weighed: what a reader has no weights for can be fitted from it."""
    return Engine.open(index, reader=reader, calibrated=False, scoring=_UNSCORED)


def news_examples(engine: Engine, items: Sequence[EvaluationQuestion]) -> Iterator[Example]:
    """Examples of a large index: each question as it is, and without the articles that answer it."""
    for item in items:
        for left_out in ((), item.sources):
            question, candidates = without(engine, item, left_out)
            right = [
                is_right(each.text, item.answers, places=each.passage.article.places, sources=item.sources)
                for each in candidates
            ]
            yield Example(question, candidates, right)


def without(
    engine: Engine, item: EvaluationQuestion, left_out: Sequence[str], *, thorough: bool = True
) -> tuple[Question, list[Candidate]]:
    """A question and its ranked candidates, as if the articles of some URLs were not in the index.

    Args:
        engine: what is asked.
        item: the question.
        left_out: the URLs.
        thorough: whether all that is retrieved is read.
    """
    evidence = engine.retrieve(item.question, top_k=READ_PASSAGES + (_SPARE if left_out else 0))
    hits = [hit for hit in evidence.hits if hit.passage.article.url not in left_out]
    groups = list(dict.fromkeys(hit.passage.group for hit in hits))[:READ_PASSAGES]
    kept = [hit for hit in hits if hit.passage.group in groups]
    return evidence.question, engine.rank(replace(evidence, hits=kept), thorough=thorough)


def squad_examples(path: Path, reader: str | None, *, held_out: float = 1.0) -> Iterator[Example]:
    """Examples of small indexes, made in a temporary folder from two articles at a time.

    Args:
        path: a file in SQuAD format, gzipped or not.
        reader: as `Engine.open` takes it.
        held_out: the share of the articles that are used, always the same ones.
    """
    generator = random.Random(1)  # noqa: S311 - a fixed choice of questions, nothing secret
    articles = json.loads(read_text(path))["data"]
    articles = [each for number, each in enumerate(articles) if part_of(f"{path.name}:{number}") < held_out]
    for start in range(0, len(articles) - 1, 2):
        with tempfile.TemporaryDirectory(prefix="citewell-fit-") as temporary:
            folder = Path(temporary)
            (folder / "articles").mkdir()
            items: list[tuple[str, str, list[str]]] = []
            for number, article in enumerate(articles[start : start + 2]):
                indexed, left_out = article["paragraphs"][::2], article["paragraphs"][1::2]
                texts = [" ".join(paragraph["context"].split()) for paragraph in indexed]
                title = article["title"].replace("_", " ")
                (folder / "articles" / f"{number}.txt").write_text("\n\n".join([title, *texts]) + "\n", "utf-8")
                for paragraphs, answerable in ((indexed, True), (left_out, False)):
                    pairs = [(each, paragraph) for paragraph in paragraphs for each in paragraph["qas"]]
                    pairs = [pair for pair in pairs if len(pair[0]["question"].strip()) > 8]
                    generator.shuffle(pairs)
                    for asked, paragraph in pairs[:QUESTIONS_PER_ARTICLE]:
                        answers = [each["text"] for each in asked["answers"]] if answerable else []
                        items.append((asked["question"], " ".join(paragraph["context"].split()), answers))
            build_index([folder / "articles"], folder / "index")
            with open_unscored(folder / "index", reader) as engine:
                for text, context, answers in items:
                    question, candidates = engine.candidates(text, thorough=True)
                    right = [
                        each.text in context and any(answer in each.text for answer in answers) for each in candidates
                    ]
                    yield Example(question, candidates, right)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit all models and write them."""
    parser = argparse.ArgumentParser(prog="python -m rag.fit", description="Fit the weights of the sentence scores.")
    parser.add_argument("--news", type=Path, required=True, help="JSON Lines: question, answer, articles_with_answer")
    parser.add_argument("--part", type=Part.parse, default=Part(), help="which of them, such as 0.5-0.7")
    parser.add_argument("--index", type=Path, required=True, help="the index of the news articles")
    parser.add_argument("--squad", type=Path, required=True, help="a file in SQuAD format")
    parser.add_argument("--held-out", type=float, default=1.0, help="the share of its articles that no training saw")
    parser.add_argument("--reader", help="the reader's name or folder, or none")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    items = [item for item in read_questions(given.news) if item.fraction in given.part]
    with open_unscored(given.index, given.reader) as engine:
        examples = list(news_examples(engine, items))
    examples += squad_examples(given.squad, given.reader, held_out=given.held_out)
    scoring = fit(examples)
    given.out.write_text(json.dumps(scoring.to_dict(), indent=1) + "\n", "utf-8")
    right = sum(ranked_by(scoring.sentence, example).right[0] for example in examples if example.candidates)
    print(f"{len(examples)} questions, {right} with a right first sentence, reach {scoring.reach}")


if __name__ == "__main__":
    main()
