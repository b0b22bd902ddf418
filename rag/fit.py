"""How the weights in `rag/data/scoring.json` were made: logistic regressions on questions with known answers.

    python -m rag.fit QUESTIONS.jsonl --index DIR --out rag/data/scoring.json

Each line of QUESTIONS has `question`, `answer` and `articles_with_answer` (URLs). A sentence is right when it holds the
answer's words and its article is one of these. Questions none of whose articles is in the index teach the confidence
what it looks like when the articles do not say.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.analysis import fold
from rag import answer as answering
from rag.question import read_question
from rag.rarity import weights
from rag.scoring import LogisticModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rag.answer import Candidate
    from rag.retrieve import Retriever

__all__ = ["fit_logistic", "is_right"]

_NOT_FOR_CONFIDENCE = frozenset({"first", "length", "short", "asks", "caption"})
"""Features that rank sentences and say nothing more of the question."""


def is_right(text: str, url: str | None, item: Mapping[str, Any]) -> bool:
    """Whether a sentence of the article at `url` holds the answer of a question, case and punctuation folded."""
    return url in item["articles_with_answer"] and f" {fold(str(item['answer']))} " in f" {fold(text)} "


def fit_logistic(
    rows: Sequence[Mapping[str, float]], labels: Sequence[bool], *, strength: float = 1.0
) -> LogisticModel:
    """A logistic regression with an L2 penalty, `strength` being its inverse weight (scikit-learn's C)."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    names = sorted({name for row in rows for name in row})
    matrix = np.array([[row.get(name, 0.0) for name in names] for row in rows])
    fitted = LogisticRegression(C=strength, max_iter=2000).fit(matrix, np.array(labels))
    return LogisticModel(float(fitted.intercept_[0]), dict(zip(names, map(float, fitted.coef_[0]), strict=True)))


def _read(items: Iterable[Mapping[str, Any]], index: Path) -> list[tuple[Mapping[str, Any], Any, list[Candidate]]]:
    """Each item with its question as read, and the candidates that the pipeline scores for it."""
    from rag.pipeline import Engine

    found = []
    with Engine.open(index) as engine:
        store, sentences = engine._store, engine._sentences
        retriever: Retriever = engine._retriever
        for item in items:
            question = read_question(str(item["question"]))
            vector = retriever.encode(question)
            hits = retriever.retrieve(question, vector, top_k=answering.READ_PASSAGES)
            rarity = weights(question.terms, *store.document_frequencies(question.terms))
            found.append((item, question, answering.rank_sentences(question, vector, hits, rarity, sentences)))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit both models and write them."""
    parser = argparse.ArgumentParser(prog="python -m rag.fit", description=__doc__.splitlines()[0])
    parser.add_argument("questions", type=Path, help="JSON Lines: question, answer, articles_with_answer")
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    items = [json.loads(line) for line in given.questions.read_text("utf-8").splitlines()]
    read = _read(items, given.index)
    rows, labels = [], []
    for item, _, ranked in read:
        right = [is_right(each.text, each.passage.article.url, item) for each in ranked]
        if any(right):  # questions without a right sentence teach nothing about ranking
            rows += [dict(each.features) for each in ranked]
            labels += right
    sentence = fit_logistic(rows, labels)
    rows, labels = [], []
    for item, question, ranked in read:
        again = [replace(each, probability=sentence.probability(each.features)) for each in ranked]
        again.sort(key=lambda each: -each.probability)
        if again:
            features = answering.confidence_features(question, again)
            rows.append({name: value for name, value in features.items() if name not in _NOT_FOR_CONFIDENCE})
            labels.append(is_right(again[0].text, again[0].passage.article.url, item))
    confidence = fit_logistic(rows, labels, strength=0.3)
    data = {
        name: {"bias": round(model.bias, 4), "weights": {key: round(each, 4) for key, each in model.weights.items()}}
        for name, model in (("sentence", sentence), ("confidence", confidence))
    }
    given.out.write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    print(f"{len(read)} questions, {sum(labels)} with a right first sentence")


if __name__ == "__main__":
    main()
