"""What a reader's scores of a batch lack of its labels, and of what a teacher says.

Needs torch, and nothing else that has to be installed; import it where a model is trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from rag.training.packed_rows import Batch

__all__ = ["LABELS_BESIDE_A_TEACHER", "Losses", "Parts", "hard_losses", "parts_of", "soft_losses"]

SENTENCE_WEIGHT = 0.5
"""What each of the two losses of the sentences counts beside that of the spans."""
LABELS_BESIDE_A_TEACHER = 0.3
"""What the labels count beside a teacher."""
_MASKED = -1e4
_FURTHEST = 60.0
"""Of a sentence's score; further out, the sums of a question's exponentials leave float32."""
_TINY = 1e-20


@dataclass(frozen=True, slots=True)
class Parts:
    """A model's scores of a batch, as the losses take them.

    Attributes:
        starts, ends: log probabilities of the first and the last token, over [CLS] and the sentences' tokens; float32,
            (rows, tokens).
        sentences: each sentence's score, the mean of its tokens' relevance; float32, (rows, sentences).
    """

    starts: torch.Tensor
    ends: torch.Tensor
    sentences: torch.Tensor


@dataclass(frozen=True, slots=True)
class Losses:
    """Three losses, each a mean; 0 where nothing in the batch has a part in it.

    Attributes:
        span: of the first and the last token.
        sentence: of each sentence by itself.
        ranking: of a question's sentences beside one another.
    """

    span: torch.Tensor
    sentence: torch.Tensor
    ranking: torch.Tensor

    @property
    def total(self) -> torch.Tensor:
        """What is made small."""
        return self.span + SENTENCE_WEIGHT * (self.sentence + self.ranking)


def parts_of(scores: torch.Tensor, batch: Batch) -> Parts:
    """The scores of a batch's tokens, float32 of shape (rows, tokens, 3), as the losses take them."""
    sentences = batch.sentences.long()
    inside = sentences >= 0
    allowed = inside.clone()
    allowed[:, 0] = True
    starts, ends = (
        torch.log_softmax(scores[:, :, channel].masked_fill(~allowed, _MASKED), dim=1) for channel in (0, 1)
    )
    weights = inside.to(scores.dtype)
    places = sentences.clamp(min=0)
    nothing = scores.new_zeros(batch.right.shape)
    sums = nothing.scatter_add(1, places, scores[:, :, 2] * weights)
    sizes = nothing.scatter_add(1, places, weights)
    return Parts(starts, ends, sums / sizes.clamp(min=1))


def hard_losses(parts: Parts, batch: Batch) -> Losses:
    """What is lacking of the labels.

    - `span`: the negative log of the probability that the chosen first (and last) token is one of an answer's, or
      [CLS] where there is none; the mean of both, over the rows of which it is known.
    - `sentence`: the cross-entropy of each sentence's score, over the sentences that have a label.
    - `ranking`: the negative log of the share of the right sentences in a softmax over all sentences of their question
      in the batch.
    """
    known = (batch.answered >= 0).to(parts.starts.dtype)
    spans = parts.starts.new_zeros(())
    for found, targets in ((parts.starts, batch.starts), (parts.ends, batch.ends)):
        chosen = torch.logsumexp(found.masked_fill(~targets, _MASKED), dim=1)
        spans = spans - _mean(chosen, known) / 2
    labelled = (batch.right >= 0).to(parts.sentences.dtype)
    right = (batch.right > 0).to(parts.sentences.dtype)
    each = functional.binary_cross_entropy_with_logits(parts.sentences, right, reduction="none")
    groups = _numbered(batch.groups)
    mass = parts.sentences.clamp(-_FURTHEST, _FURTHEST).exp() * labelled
    everything, answering = _sums(mass, groups), _sums(mass * right, groups)
    useful = ((answering > 0) & (_sums(labelled, groups) > 1)).to(mass.dtype)
    shares = answering.clamp(min=_TINY).log() - everything.clamp(min=_TINY).log()
    return Losses(spans, _mean(each, labelled), -_mean(shares, useful))


def soft_losses(parts: Parts, teacher: Parts, batch: Batch) -> Losses:
    """What is lacking of what a teacher says, whether there are labels or not.

    - `span`: the divergence (Kullback and Leibler) of the first and the last token, the mean of both.
    - `sentence`: the cross-entropy of each sentence's score with the teacher's probability.
    - `ranking`: the divergence of the softmax over a question's sentences, by question.

    Source: Hinton et al., "Distilling the knowledge in a neural network" (2015).
    """
    span = parts.starts.new_zeros(())
    for found, wanted in ((parts.starts, teacher.starts), (parts.ends, teacher.ends)):
        span = span + (wanted.exp() * (wanted - found)).sum(dim=1).mean() / 2
    there = (batch.right > -2).to(parts.sentences.dtype)
    probabilities = torch.sigmoid(teacher.sentences)
    each = functional.binary_cross_entropy_with_logits(parts.sentences, probabilities, reduction="none")
    groups = _numbered(batch.groups)
    own, theirs = (_log_shares(each.sentences, there, groups) for each in (parts, teacher))
    count = (groups.max() + 1).to(own.dtype)
    return Losses(span, _mean(each, there), (theirs.exp() * (theirs - own) * there).sum() / count)


def _log_shares(sentences: torch.Tensor, there: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    """The log of each sentence's share in a softmax over its question's."""
    scores = sentences.clamp(-_FURTHEST, _FURTHEST)
    sums: torch.Tensor = _sums(scores.exp() * there, groups).clamp(min=_TINY).log()
    return scores - sums[groups][:, None]


def _mean(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return (values * weights).sum() / weights.sum().clamp(min=1)


def _sums(values: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    """By question the sum over its rows' sentences; as many as there are rows, those that are not needed 0."""
    return values.new_zeros(len(groups)).index_add(0, groups, values.sum(dim=1))


def _numbered(groups: torch.Tensor) -> torch.Tensor:
    """Questions numbered from 0 on within the batch; the rows of one stand together.

    >>> _numbered(torch.tensor([7, 7, 3, 9])).tolist()
    [0, 0, 1, 2]
    """
    return torch.cumsum(torch.cat([groups.new_zeros(1), (groups[1:] != groups[:-1]).long()]), dim=0)
