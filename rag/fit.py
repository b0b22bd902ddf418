"""How the weights in `rag/data/scoring.json` were made.

    python -m rag.fit --news QUESTIONS.jsonl --index DIR --squad FILE.json.gz --out rag/data/scoring.json

Two kinds of use are learnt from, so that neither a large collection nor a handful of articles is favoured:

- `--news`: each line has `question`, `answer` and `articles_with_answer` (URLs). A sentence is right when it holds the
  answer's words and its article is one of these. Questions none of whose articles is in the index teach the confidence
  what it looks like when the articles do not say.
- `--squad`: SQuAD format. Two articles at a time make a small index of every second paragraph; questions on the others
  have no answer there, and are about the same things. A sentence is right when it stands in the question's paragraph
  and holds one of its answers.

Sentences are ranked by a softmax over the candidates of a question, fitted to put its mass on the right ones, and the
scores are then scaled to probabilities (Platt 1999). The confidence is a logistic regression on the first sentence.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.analysis import fold
from index.build import build_index
from rag.answer import confidence_features
from rag.pipeline import Engine
from rag.scoring import LogisticModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rag.answer import Candidate
    from rag.question import Question

__all__ = ["Example", "fit_confidence", "fit_ranking", "is_right", "main"]

QUESTIONS_PER_ARTICLE = 12
"""Of the paragraphs that are indexed, and as many of those that are not."""
_ALL = 1_000
_PENALTY = 3.0
_CONFIDENCE_STRENGTH = 0.3
_NOT_FOR_CONFIDENCE = frozenset({"article", "asks", "first", "length", "lead", "new", "nothing_new", "passage"})
"""Features that rank sentences and say nothing more of the question."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question, its candidates, and which of them are right."""

    question: Question
    candidates: Sequence[Candidate]
    right: Sequence[bool]


def is_right(text: str, url: str | None, item: Mapping[str, Any]) -> bool:
    """Whether a sentence of the article at `url` holds the answer of a question, case and punctuation folded."""
    return url in item["articles_with_answer"] and f" {fold(str(item['answer']))} " in f" {fold(text)} "


def fit_ranking(examples: Sequence[Example]) -> LogisticModel:
    """The sentence model: a softmax per question, then one slope and intercept for all."""
    import numpy as np
    from scipy.optimize import minimize
    from sklearn.linear_model import LogisticRegression

    names = sorted(examples[0].candidates[0].features)
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


def fit_confidence(examples: Sequence[Example], sentence: LogisticModel) -> tuple[LogisticModel, list[bool]]:
    """The confidence model for a sentence model, and for each example whether its first sentence is right."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    rows, labels = [], []
    for example in examples:
        again = [
            (replace(candidate, probability=sentence.probability(candidate.features)), right)
            for candidate, right in zip(example.candidates, example.right, strict=True)
        ]
        if again:
            again.sort(key=lambda pair: -pair[0].probability)
            features = confidence_features(example.question, [candidate for candidate, _ in again])
            rows.append({name: each for name, each in features.items() if name not in _NOT_FOR_CONFIDENCE})
            labels.append(again[0][1])
    names = sorted(rows[0])
    matrix = np.array([[row[name] for name in names] for row in rows])
    fitted = LogisticRegression(C=_CONFIDENCE_STRENGTH, max_iter=2_000).fit(matrix, np.array(labels))
    weights = dict(zip(names, map(float, fitted.coef_[0]), strict=True))
    return LogisticModel(float(fitted.intercept_[0]), weights), labels


def news_examples(questions: Path, index: Path) -> Iterator[Example]:
    """Examples of a large index."""
    with Engine.open(index) as engine:
        for line in questions.read_text("utf-8").splitlines():
            item = json.loads(line)
            question, candidates = engine.candidates(str(item["question"]), read=_ALL)
            right = [is_right(each.text, each.passage.article.url, item) for each in candidates]
            yield Example(question, candidates, right)


def squad_examples(path: Path) -> Iterator[Example]:
    """Examples of small indexes, made in a temporary folder from two articles at a time."""
    generator = random.Random(1)  # noqa: S311 - a fixed choice of questions, nothing secret
    with gzip.open(path, "rt", encoding="utf-8") as file:
        articles = json.load(file)["data"]
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
            with Engine.open(folder / "index") as engine:
                for text, context, answers in items:
                    question, candidates = engine.candidates(text, read=_ALL)
                    right = [
                        each.text in context and any(answer in each.text for answer in answers) for each in candidates
                    ]
                    yield Example(question, candidates, right)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit both models and write them."""
    parser = argparse.ArgumentParser(prog="python -m rag.fit", description="Fit the weights of the sentence scores.")
    parser.add_argument("--news", type=Path, required=True, help="JSON Lines: question, answer, articles_with_answer")
    parser.add_argument("--index", type=Path, required=True, help="the index of the news articles")
    parser.add_argument("--squad", type=Path, required=True, help="a gzipped file in SQuAD format")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    examples = [*news_examples(given.news, given.index), *squad_examples(given.squad)]
    sentence = fit_ranking(examples)
    confidence, right = fit_confidence(examples, sentence)
    data = {
        name: {"bias": round(model.bias, 4), "weights": {key: round(each, 4) for key, each in model.weights.items()}}
        for name, model in (("sentence", sentence), ("confidence", confidence))
    }
    given.out.write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    print(f"{len(examples)} questions, {sum(right)} with a right first sentence")


if __name__ == "__main__":
    main()
