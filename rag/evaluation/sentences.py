"""A reader alone on answer sentence selection: are the right sentences of a list put first?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rag.evaluation.metrics import average_precision, mean, pessimistic_order, reciprocal_rank
from rag.evaluation.questions import by_hash
from rag.evaluation.ranking_files import read_ranking_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rag.reader import Reader

__all__ = ["evaluate_sentences", "sentence_scores"]


def evaluate_sentences(
    path: Path, reader: Reader, *, limit: int | None = None, progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Measure how a reader ranks sentences, each read as a passage of its own, by `SentenceReading.score`.

    Among sentences with the same score the wrong ones count as ranked first, so that a tie wins nothing.

    Args:
        path: TREC QA, WikiQA or JSON Lines; see `rag.evaluation.ranking_files`.
        reader: what is measured.
        limit: how many questions, the first in the order of the SHA-256 of their ids; all when None.
        progress: called with the number of questions done and of all.

    Returns:
        `map` and `mrr` in [0, 1] over the questions with at least one right and at least one wrong sentence, as is
        usual ("clean"); None when there is none. `map_all` and `mrr_all` over all with at least one right sentence;
        `questions` (all of the file), `ranked` (those of `map`), `without_right` and `without_wrong` (those left out
        of it), `sentences`, `seconds` (of reading alone), `sentences_per_second`, `reader`.

    Raises:
        EvaluationError: when the file cannot be read, has a bad line, or holds no question.
    """
    questions = read_ranking_file(path)
    if limit is not None:
        questions = sorted(questions, key=lambda each: by_hash(each.id))[:limit]
    orders: list[list[bool]] = []
    seconds, sentences, without_right = 0.0, 0, 0
    for done, asked in enumerate(questions, 1):
        if any(asked.labels):
            start = time.perf_counter()
            scores = sentence_scores(asked.question, asked.sentences, reader)
            seconds += time.perf_counter() - start
            sentences += len(asked.sentences)
            orders.append(pessimistic_order(scores, asked.labels))
        else:
            without_right += 1
        if progress is not None:
            progress(done, len(questions))
    clean = [order for order in orders if not all(order)]
    return {
        "map": mean(list(map(average_precision, clean))),
        "mrr": mean(list(map(reciprocal_rank, clean))),
        "map_all": mean(list(map(average_precision, orders))),
        "mrr_all": mean(list(map(reciprocal_rank, orders))),
        "questions": len(questions),
        "ranked": len(clean),
        "without_right": without_right,
        "without_wrong": len(orders) - len(clean),
        "sentences": sentences,
        "seconds": seconds,
        "sentences_per_second": sentences / seconds if seconds else None,
        "reader": reader.name,
    }


def sentence_scores(question: str, sentences: tuple[str, ...], reader: Reader) -> list[float]:
    """The reader's score of each sentence, read as a passage of its own."""
    from rag.reader import Passage

    readings = reader.read(question, [Passage((sentence,)) for sentence in sentences])
    return [reading.sentences[0].score for reading in readings]
