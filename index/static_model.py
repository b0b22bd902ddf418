"""The static model with tokens that are remembered word by word: to cut texts into tokens takes most of its time.

This module imports model2vec; it is imported where a model is loaded.
"""

from __future__ import annotations

from collections import ChainMap
from itertools import chain
from typing import TYPE_CHECKING, Any

from model2vec import StaticModel

from index.encoder import MAX_TOKENS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["WordwiseModel"]

_WORDS = 200_000
"""Words that are remembered: some 30 MB."""
_LONGEST = 40
"""Characters of a word that is remembered: what is longer hardly comes again."""


class WordwiseModel(StaticModel):
    """A `StaticModel` whose tokenizer is of the BERT family: no token goes on behind a space, so words are read alone.

    Safe to use from several threads. Arguments as of `StaticModel`.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._known: dict[str, tuple[int, ...]] = {}

    def tokenize(self, sentences: Sequence[str]) -> list[list[int]]:
        """The numbers of the first `MAX_TOKENS` tokens of each text, unknown ones left out."""
        split = [text.split(" ") for text in sentences]
        if len(self._known) > _WORDS:
            self._known = {}  # another one: other threads may be looking into this one
        known = self._known
        fresh = list({word for words in split for word in words if word not in known})
        read = self.tokenizer.encode_batch_fast(fresh, add_special_tokens=False)
        own = {word: tuple(each.ids) for word, each in zip(fresh, read, strict=True)}
        known.update((word, ids) for word, ids in own.items() if len(word) <= _LONGEST)
        look = ChainMap(own, known) if any(len(word) > _LONGEST for word in fresh) else known
        ids = (list(chain.from_iterable(map(look.__getitem__, words)))[:MAX_TOKENS] for words in split)
        return [[token for token in each if token != self.unk_token_id] for each in ids]
