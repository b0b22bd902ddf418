"""Which of the retrieved sentences answers best: by a reader or, without one, by the encoder."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from rag.candidates import best_first, gather, rescored, with_agreement, with_reading, with_second_reading
from rag.cascade import MOST_READ_AGAIN, Cascade
from rag.logistic import logit
from rag.reader import as_read

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rag.candidates import Candidate
    from rag.logistic import Again, Scoring
    from rag.reader import Reader
    from rag.retrieve import Evidence

__all__ = [
    "FIRST_READ",
    "MORE_READ",
    "READ_AGAIN_AT_ONCE",
    "READ_PASSAGES",
    "rank_by_encoder",
    "rank_by_reader",
    "readers_of",
]

READ_PASSAGES = 30
"""Passages that are retrieved to be read; most questions need far fewer (`rank_by_reader`)."""
ENCODED_PASSAGES = 25
"""Of these, the first ones, the sentences of which are scored when there is no reader."""
ENCODED_SENTENCES = 24
"""Sentences that are compared with the question by the encoder, the best by the cheaper features first."""
FIRST_READ, MORE_READ = 10, 2
"""Passages that are read at once: in the beginning, and each time that more may change the answer."""
READ_AGAIN_AT_ONCE = 2
"""Passages that a second reader reads at once."""


def rank_by_encoder(
    evidence: Evidence,
    encode: Callable[[Sequence[str]], NDArray[np.float32]],
    scoring: Scoring,
    *,
    thorough: bool = False,
) -> list[Candidate]:
    """The sentences of the first passages, the most likely answer first, without a reader.

    Args:
        evidence: what was found for the question.
        encode: gives the unit vectors of sentences.
        scoring: the models that score them.
        thorough: whether all sentences are compared by the encoder, not only the likeliest.
    """
    import numpy as np

    model = scoring.sentence
    found = gather(evidence.question, evidence.hits[:ENCODED_PASSAGES], evidence.rarity)
    found = [rescored(each, model, cosine=each.features["passage_cosine"]) for each in found]
    closest = sorted(found, key=best_first)[: None if thorough else ENCODED_SENTENCES]
    if not closest:
        return []
    cosines = np.asarray(encode([candidate.text for candidate in closest]) @ evidence.vector)
    ranked = [rescored(each, model, cosine=cosine) for each, cosine in zip(closest, cosines.tolist(), strict=True)]
    return sorted(ranked, key=best_first)


def rank_by_reader(
    evidence: Evidence, reader: Reader, scoring: Scoring, *, thorough: bool = False, again: bool = True
) -> list[Candidate]:
    """The sentences of the passages that were read, the most likely answer first.

    Passages are read in the order of how likely they look without reading. Ten are read; then two at a time, as
    long as the likeliest of those that are left might yet outdo the best one found: reading seldom raises the odds of a
    sentence by more than `Scoring.reach`.

    With a `Cascade`, the quick reader reads so, and the sharp one then reads the best passages again, two at a time, as
    long as the likeliest of the others might yet outdo the best one found (`Again.reach`) and there is time.

    Args:
        evidence: what was found for the question.
        reader: reads the passages.
        scoring: the models that score their sentences.
        thorough: whether all are read, and as many as may be again.
        again: whether the sharp reader of a `Cascade` reads.
    """
    first = reader.quick if isinstance(reader, Cascade) else reader
    found = [rescored(each, scoring.prior) for each in gather(evidence.question, evidence.hits, evidence.rarity)]
    by_passage: dict[int, list[Candidate]] = {}
    for candidate in found:
        by_passage.setdefault(candidate.passage.id, []).append(candidate)
    likely = {number: max(logit(each.probability) for each in own) for number, own in by_passage.items()}
    order = sorted(likely, key=lambda number: -likely[number])
    read: list[Candidate] = []
    ranked: list[Candidate] = []
    size = len(order) if thorough else FIRST_READ
    while order:
        part, order, size = order[:size], order[size:], MORE_READ
        passages = [as_read(by_passage[number][0].passage) for number in part]
        own = [each for number in part for each in by_passage[number]]
        readings = dict(zip(part, first.read(evidence.question.text, passages), strict=True))
        read += with_reading(evidence.question, own, readings, first.name)
        ranked = sorted((rescored(each, scoring.sentence) for each in with_agreement(read)), key=best_first)
        if order and ranked and logit(ranked[0].probability) > likely[order[0]] + scoring.reach:
            break
    if again and isinstance(reader, Cascade) and reader.sharp is not None and scoring.again is not None:
        return _read_again(
            evidence, ranked, reader, scoring, scoring.again, since=None if thorough else time.perf_counter()
        )
    return ranked


def readers_of(ranked: Sequence[Candidate]) -> dict[str, int]:
    """How many passages each reader read last, by its name; those alone that hold a sentence which might answer."""
    passages = {each.passage.id: each.read_by for each in ranked if each.read_by is not None}
    return dict(sorted(Counter(passages.values()).items()))


def _read_again(
    evidence: Evidence,
    ranked: Sequence[Candidate],
    cascade: Cascade,
    scoring: Scoring,
    again: Again,
    *,
    since: float | None,
) -> list[Candidate]:
    """The sentences of passages that were read, ranked anew after the best passages were read again.

    Both models say how likely a sentence answers, by all that is known of it; so sentences that were read again and
    those that were not are compared by that.

    Args:
        evidence: what was found for the question.
        ranked: the sentences by the first reading.
        cascade: reads again.
        scoring: the models of the first reading.
        again: the model of the second.
        since: when it begins, by `time.perf_counter`; None when neither time nor reach ends it.
    """
    by_passage: dict[int, list[Candidate]] = {}
    for candidate in ranked:
        by_passage.setdefault(candidate.passage.id, []).append(candidate)
    order = list(by_passage)[:MOST_READ_AGAIN]
    likely = {number: logit(by_passage[number][0].probability) for number in order}
    second: list[Candidate] = []
    done: set[int] = set()
    anew = list(ranked)
    text = evidence.question.text
    while order:
        part, order = order[:READ_AGAIN_AT_ONCE], order[READ_AGAIN_AT_ONCE:]
        passages = [as_read(by_passage[number][0].passage) for number in part]
        if since is not None and not cascade.affords(text, passages, since=since):
            break
        own = [each for number in part for each in by_passage[number]]
        readings = dict(zip(part, cascade.read_again(text, passages), strict=True))
        second += with_second_reading(evidence.question, own, readings, str(cascade.sharp))
        done.update(part)
        rest = [each for each in ranked if each.passage.id not in done]
        agreed = with_agreement([*second, *rest])
        anew = [rescored(each, again.sentence) for each in agreed[: len(second)]]
        best = max((logit(each.probability) for each in anew), default=float("-inf"))
        anew += [rescored(each, scoring.sentence) for each in agreed[len(second) :]]
        if since is not None and order and best > likely[order[0]] + again.reach:
            break
    return sorted(anew, key=best_first)
