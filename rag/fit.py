"""How the weights of the scores were made: those beside the shipped readers, and those in `rag/data/`.

    python -m rag.fit --news QUESTIONS.jsonl --part 0.5-0.7 --index DIR [--articles ARTICLES.jsonl]
        [--squad FILE.json.gz ...] [--sizes 1,2,10,30] [--reader NAME_OR_FOLDER] --out FILE

Collections of every size are learnt from, so that neither a large one nor a handful of articles is favoured:

- `--news`: questions with answers and the articles that are known to give them (`rag.evaluation.questions`), asked of
  the whole index, and once more with these articles left out of what is retrieved: so the confidence learns what it
  looks like when the articles do not say.
- `--articles`, `--squad`: the same articles, and paragraphs of files in SQuAD format, drawn into small collections
  (`rag.evaluation.collections`), each question with an article that answers it and without.

Sentences are ranked by a softmax over the candidates of a question, fitted to put its mass on the right ones, and the
scores are then scaled to probabilities (Platt 1999). The confidence is a logistic regression on what is known of the
best sentences, for questions that are answered and for those that are not. With two readers, both are fitted twice: for
what one of them read, and for what both did.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.errors import TrainingError
from rag.answer import distinct_facts
from rag.candidates import READ_FEATURES
from rag.confidence import confidence_features
from rag.cross_validation import cross_validated, ranked_again, ranked_by, table
from rag.evaluation.collection_sources import read_articles, squad_collection_source
from rag.evaluation.questions import Part, choose, read_questions
from rag.fit_examples import Gathering, collection_examples, news_examples
from rag.logistic import Again, LogisticModel, Scoring, logit
from rag.ranking import FIRST_READ, MORE_READ, READ_AGAIN_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.candidates import Candidate
    from rag.fit_examples import Example

__all__ = ["fit", "fit_confidence", "fit_ranking", "fit_reach", "fit_reach_again", "main"]

_PENALTY = 3.0
_CONFIDENCE_STRENGTH = 0.3
_LOST = 0.02
"""The share of questions whose first sentence may change by not reading all."""


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
    return _least_reach(questions, first=READ_AGAIN_AT_ONCE, more=READ_AGAIN_AT_ONCE)


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
    matrix = np.array([[each.features[name] for name in names] for example in usable for each in example.candidates])
    right = np.array([label for example in usable for label in example.right])
    sizes = [len(example.candidates) for example in usable]
    counted = _counted([example.source for example in usable])
    starts, rows = np.cumsum([0, *sizes[:-1]]), np.repeat(np.arange(len(usable)), sizes)

    def loss(weights: Any) -> tuple[float, Any]:
        scores = matrix @ weights
        mass = np.exp(scores - np.maximum.reduceat(scores, starts)[rows])
        every, rights = np.add.reduceat(mass, starts), np.add.reduceat(mass * right, starts)
        gradient = matrix.T @ (counted[rows] * (mass / every[rows] - mass * right / rights[rows]))
        total = counted @ np.log(every / rights) + _PENALTY / 2 * weights @ weights
        return float(total), gradient + _PENALTY * weights

    weights = minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B").x
    scaled = LogisticRegression().fit((matrix @ weights)[:, None], right)
    slope = float(scaled.coef_[0][0])
    return LogisticModel(
        float(scaled.intercept_[0]), {name: slope * float(each) for name, each in zip(names, weights, strict=True)}
    )


def fit_confidence(ranked: Sequence[Example]) -> LogisticModel:
    """The confidence model, from examples whose candidates are ranked."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    rows, labels, sources = [], [], []
    for example in ranked:
        if example.candidates:
            sources.append(example.source)
            rows.append(confidence_features(*distinct_facts(example.candidates), example.searched))
            labels.append(example.right[0])
    names = sorted(rows[0])
    matrix = np.array([[row[name] for name in names] for row in rows])
    center, spread = matrix.mean(axis=0), matrix.std(axis=0) + 1e-9
    fitted = LogisticRegression(C=_CONFIDENCE_STRENGTH, max_iter=5_000).fit(
        (matrix - center) / spread, labels, sample_weight=_counted(sources)
    )
    weights = fitted.coef_[0] / spread
    return LogisticModel(
        float(fitted.intercept_[0] - weights @ center), dict(zip(names, map(float, weights), strict=True))
    )


def _counted(sources: Sequence[str]) -> Any:
    """What each example counts by its source, on average 1: of many examples each counts less than of few."""
    import numpy as np

    counts = Counter(sources)
    found = np.array([counts[source] ** -0.5 for source in sources])
    return found / found.mean()


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
        first: how many are read in the beginning.
        more: how many then at a time.
    """
    # Of what is read whole in any case, nothing can be lost.
    questions = [passages for passages in questions if len(passages) > first]
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit all models and write them."""
    parser = argparse.ArgumentParser(prog="python -m rag.fit", description="Fit the weights of the sentence scores.")
    parser.add_argument("--news", type=Path, required=True, help="JSON Lines: question, answer, articles_with_answer")
    parser.add_argument("--part", type=Part.parse, default=Part(), help="which of them, such as 0.5-0.7")
    parser.add_argument("--index", type=Path, required=True, help="the index of the news articles")
    parser.add_argument("--articles", type=Path, help="the articles of that index, to draw small collections from")
    parser.add_argument("--squad", type=Path, nargs="*", default=[], help="files in SQuAD format, likewise")
    parser.add_argument("--held-out", type=float, default=1.0, help="the share of their articles no training saw")
    parser.add_argument("--sizes", type=_sizes, default=(1, 2, 10, 30), help="of small collections, such as 1,2,10")
    parser.add_argument("--limit", type=int, help="questions at most that are asked of small collections, of each file")
    parser.add_argument("--reader", help="the reader's name or folder, or none")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    items = [item for item in read_questions(given.news) if item.fraction in given.part]
    gathering = Gathering.load(given.reader)
    with gathering.over(given.index) as engine:
        encoder = engine.encoder
        examples = list(news_examples(engine, gathering, items))
    sources = [(path.name, *squad_collection_source(path, held_out=given.held_out)) for path in given.squad]
    if given.articles is not None:
        sources.append((given.articles.name, read_articles(given.articles), items))
    for name, articles, questions in sources:
        asked = choose(questions, limit=given.limit)
        examples += collection_examples(articles, asked, given.sizes, gathering, encoder=encoder, name=name)
    print(table(cross_validated(examples, fit)))
    scoring = fit(examples)
    given.out.write_text(json.dumps(scoring.to_dict(), indent=1) + "\n", "utf-8")
    right = sum(ranked_by(scoring.sentence, example).right[0] for example in examples if example.candidates)
    print(f"{len(examples)} questions, {right} with a right first sentence, reach {scoring.reach}")


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.split(","))


if __name__ == "__main__":
    main()
