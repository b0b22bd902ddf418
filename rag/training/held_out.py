"""How a model does, while it is trained, on what it is not trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rag.evaluation.metrics import average_precision, pessimistic_order, token_f1
from rag.evaluation.sentences import sentence_scores
from rag.evaluation.squad import predict
from rag.reader_models import BatchReader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.evaluation.ranking_files import RankedQuestion
    from rag.reader import Reader, Scores
    from rag.reader_models import Tokenizer
    from rag.training.data import DataSet

__all__ = ["ModuleReader", "figures"]


class ModuleReader(BatchReader):
    """A module as `rag.training.model.build` makes it, while it is trained.

    Args:
        model: the module.
        tokenizer: the model's.
    """

    def __init__(self, model: Any, tokenizer: Tokenizer) -> None:
        super().__init__(
            tokenizer, "in training", tokenizer.special("[CLS]"), tokenizer.special("[SEP]"), tokenizer.special("[PAD]")
        )
        self._model = model

    def scores(self, ids: Any, mask: Any, types: Any) -> tuple[Scores, ...]:
        """The scores of a batch; see `BatchReader.scores`."""
        import torch

        device = next(self._model.parameters()).device
        inputs = [torch.from_numpy(each).to(device) for each in (ids, mask, types)]
        with torch.inference_mode():
            scores = self._model(*inputs).float().cpu().numpy()
        return scores[:, :, 0], scores[:, :, 1], scores[:, :, 2]


def figures(
    reader: Reader, sets: Sequence[DataSet], ranked: Sequence[RankedQuestion], *, questions: int = 250
) -> dict[str, float]:
    """The F1 of spans (0 to 1) on data sets, and the mean average precision on questions with marked sentences.

    Args:
        reader: what is measured.
        sets: data sets with spans.
        ranked: questions; those with both right and wrong sentences count.
        questions: of each data set so many are read, evenly spread.
    """
    found: dict[str, float] = {}
    scores = []
    for data in sets:
        answerable = [asked for asked in data.asked if asked.answers]
        for asked in answerable[:: max(1, len(answerable) // questions)]:
            sentences = data.contexts[asked.context].sentences
            predicted, _ = predict(asked.question, sentences, reader)
            golds = [sentences[number][start:end] for number, start, end in asked.answers]
            scores.append(token_f1(predicted, golds))
    if scores:
        found["f1"] = sum(scores) / len(scores)
    precisions = []
    for each in ranked:
        if any(each.labels) and not all(each.labels):
            own = sentence_scores(each.question, each.sentences, reader)
            precisions.append(average_precision(pessimistic_order(own, each.labels)))
    if precisions:
        found["map"] = sum(precisions) / len(precisions)
    return found
