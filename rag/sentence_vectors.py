"""The vectors of sentences, remembered: the same ones are compared with many questions."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from index.encoder import Encoder

__all__ = ["SentenceVectors"]

_REMEMBERED = 20_000


class SentenceVectors:
    """The vectors of sentences, those of the last 20,000 remembered."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()

    def __call__(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, shape (len(sentences), dimension), in order."""
        import numpy as np

        with self._lock:
            found = {sentence: self._known[sentence] for sentence in sentences if sentence in self._known}
        missing = list(dict.fromkeys(sentence for sentence in sentences if sentence not in found))
        if missing:
            found.update(zip(missing, self._encoder.encode(missing), strict=True))
        with self._lock:
            for sentence in sentences:
                self._known[sentence] = found[sentence]
                self._known.move_to_end(sentence)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return np.stack([found[sentence] for sentence in sentences])
