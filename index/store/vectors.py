"""The FAISS accelerator: exact on small collections, in lists on large ones; one immutable file.

A large collection is cut into lists of vectors that lie near each other, `_LISTS` times the square root of their number
(k-means), and the `_PROBED` lists nearest to what is looked for are compared in full: the work grows with the square
root of the collection. An HNSW graph answers in less, but takes many times as long to build, and where vectors lie in
clusters, as those of stories do, it does not find its way into all of them.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from index.encoder import available_cores
from index.errors import StoreDamaged, first_line
from index.store.base import Scored

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["EXACT_LIMIT", "VectorBuilder", "VectorIndex"]

EXACT_LIMIT = 200_000
"""Up to here every vector is compared (fp16, 2.4 ms at 60,000 vectors on one core); beyond, a part of them (8 bits)."""
_LISTS, _PROBED = 4, 256
"""At 82,000 vectors of news that finds .988 of the first hundred; tests/bench/scale.py measures it on made ones."""
_TRAINED_ON, _ROUNDS = 32, 8
"""Of k-means: vectors for each list, and rounds."""


def _faiss() -> Any:
    """FAISS, set to one thread for the thread that calls: a single query is slower on two."""
    import faiss

    faiss.omp_set_num_threads(1)
    return faiss


class VectorIndex:
    """Passage vectors that can be searched by cosine.

    Args:
        index: a FAISS index whose ids are passage numbers and whose metric is the inner product.
    """

    def __init__(self, index: Any) -> None:
        self._index = index
        self._numbers: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
        self._reading = threading.Lock()

    @classmethod
    def build(
        cls, ids: NDArray[np.int64], vectors: NDArray[np.float32], *, exact_limit: int = EXACT_LIMIT
    ) -> VectorIndex:
        """Build from unit vectors.

        Args:
            ids: passage numbers, shape (n,).
            vectors: shape (n, dimension), rows of length 1.
            exact_limit: the number of vectors up to which the search is exact.
        """
        builder = VectorBuilder(int(vectors.shape[1]), len(ids), exact=len(ids) <= exact_limit)
        builder.train(vectors)
        builder.add(ids, vectors)
        return builder.done()

    @classmethod
    def open(cls, path: Path) -> VectorIndex:
        """Read a file of `write`. The caller has compared its hash: FAISS loads many damaged bodies silently.

        Raises:
            StoreDamaged: when FAISS cannot read it, or it is of another kind.
        """
        faiss = _faiss()
        try:
            index = faiss.read_index(str(path))
        except (RuntimeError, MemoryError) as error:
            raise StoreDamaged(f"FAISS cannot read the vector index ({first_line(error)})") from error
        kinds = (faiss.IndexScalarQuantizer, faiss.IndexIVFScalarQuantizer)
        if not isinstance(index, faiss.IndexIDMap) or not isinstance(faiss.downcast_index(index.index), kinds):
            raise StoreDamaged("the vector index is of a kind that this version does not write")
        return cls(index)

    def write(self, path: Path) -> None:
        """Write a file in FAISS's own format, all of it at once; the caller sees to its being durable."""
        path.write_bytes(_faiss().serialize_index(self._index).data)

    def __contains__(self, passage: int) -> bool:
        numbers, _ = self._places()
        at = int(numbers.searchsorted(passage))
        return at < len(numbers) and int(numbers[at]) == passage

    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The numbers of all passages in order, and at which place each stands; looked up when first asked for."""
        with self._reading:
            if self._numbers is None:
                faiss = _faiss()
                numbers = faiss.vector_to_array(self._index.id_map)
                order = numbers.argsort()
                self._numbers = numbers[order], order
                if not self.exact:  # in which list the vector of a place is
                    faiss.downcast_index(self._index.index).make_direct_map()
            return self._numbers

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def exact(self) -> bool:
        """Whether every vector is compared."""
        return self._lists() is None

    def _lists(self) -> int | None:
        """How many lists there are; None where there are none."""
        faiss = _faiss()
        inner = faiss.downcast_index(self._index.index)
        return int(inner.nlist) if isinstance(inner, faiss.IndexIVF) else None

    def search(
        self,
        vector: NDArray[np.float32],
        *,
        top_k: int,
        without: Collection[int] = frozenset(),
        within: NDArray[np.int64] | None = None,
    ) -> list[Scored]:
        """The `top_k` passages nearest to a unit vector of shape (dimension,) by cosine, best first.

        Args:
            vector: what is looked for.
            top_k: how many.
            without: numbers of passages that are not to be found.
            within: numbers of the only passages that are, all of which are compared; all may be found when None.
        """
        if within is not None:
            return self._search_within(vector, within, top_k, without)
        count = min(top_k, len(self))
        if count <= 0:
            return []
        scores, ids = self._index.search(vector.reshape(1, -1), count, params=self._parameters(without))
        return [
            Scored(int(each), float(score))
            for each, score in zip(ids[0].tolist(), scores[0].tolist(), strict=True)
            if each >= 0
        ]

    def cosines(self, vector: NDArray[np.float32], passages: NDArray[np.int64]) -> NDArray[np.float32]:
        """The scores that `search` gives these passages, shape (n,); 0 for one that is not here.

        Args:
            vector: what is looked for, of length 1, shape (dimension,).
            passages: their numbers, shape (n,).
        """
        import numpy as np

        scores = np.zeros(len(passages), dtype=np.float32)
        if not len(self):
            return scores
        numbers, places = self._places()
        at = numbers.searchsorted(passages).clip(max=len(numbers) - 1)
        here = numbers[at] == passages
        if here.any():
            faiss = _faiss()
            own = faiss.downcast_index(self._index.index).reconstruct_batch(places[at[here]])
            scores[here] = own @ vector
        return scores

    def _search_within(
        self, vector: NDArray[np.float32], within: NDArray[np.int64], top_k: int, without: Collection[int]
    ) -> list[Scored]:
        """Compare all of some passages, in whichever list they are."""
        import numpy as np

        faiss = _faiss()
        numbers = faiss.vector_to_array(self._index.id_map)
        mask = np.isin(numbers, within, kind="table" if len(within) else None)
        if without:
            mask &= ~np.isin(numbers, np.fromiter(without, dtype=np.int64))
        count = min(top_k, int(mask.sum()))
        if count <= 0:
            return []
        chosen = np.packbits(mask, bitorder="little")
        only = self._selecting(faiss.IDSelectorBitmap(chosen), probed=None)
        inner = faiss.downcast_index(self._index.index)
        scores, places = inner.search(vector.reshape(1, -1), count, params=only)
        return [
            Scored(int(numbers[place]), float(score))
            for place, score in zip(places[0].tolist(), scores[0].tolist(), strict=True)
            if place >= 0
        ]

    def _parameters(self, without: Collection[int]) -> Any:
        """FAISS's parameters for a search that leaves passages out."""
        import numpy as np

        if not without:
            return self._selecting(None, probed=_PROBED)
        faiss = _faiss()
        left_out = faiss.IDSelectorBatch(np.fromiter(without, dtype=np.int64))
        return self._selecting(faiss.IDSelectorNot(left_out), probed=_PROBED)

    def _selecting(self, selector: Any, *, probed: int | None) -> Any:
        """FAISS's parameters for a search of what `selector` lets through, in so many lists, or in all when None."""
        faiss = _faiss()
        lists = self._lists()
        if lists is None:
            return faiss.SearchParameters(sel=selector)
        return faiss.SearchParametersIVF(sel=selector, nprobe=lists if probed is None else min(probed, lists))


class VectorBuilder:
    """Builds a `VectorIndex` from a part of the vectors at a time, which may be let go of then.

    Args:
        dimension: of the vectors.
        count: about how many there will be.
        exact: whether every vector is to be compared, or there are to be lists.

    Attributes:
        sample: how many vectors `train` asks for; 0 where it needs none.
    """

    def __init__(self, dimension: int, count: int, *, exact: bool) -> None:
        faiss = _faiss()
        kind, inner_product = faiss.ScalarQuantizer, faiss.METRIC_INNER_PRODUCT
        if exact:
            self._inner = faiss.IndexScalarQuantizer(dimension, kind.QT_fp16, inner_product)
            self.sample = 0
        else:
            lists = max(1, round(_LISTS * count**0.5))
            self._centres = faiss.IndexFlatIP(dimension)
            self._inner = faiss.IndexIVFScalarQuantizer(
                self._centres, dimension, lists, kind.QT_8bit, inner_product, False
            )
            self._inner.cp.niter, self._inner.cp.min_points_per_centroid = _ROUNDS, 1
            self.sample = _TRAINED_ON * lists
        self._index = faiss.IndexIDMap(self._inner)

    def train(self, vectors: NDArray[np.float32]) -> None:
        """Learn from unit vectors, drawn from all of them, where the lists lie; to be called before `add`."""
        if self.sample:
            with _all_cores():
                self._index.train(vectors)

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add unit vectors of shape (n, dimension), and the numbers of their passages, shape (n,)."""
        if len(ids):
            with _all_cores():
                self._index.add_with_ids(vectors, ids)

    def done(self) -> VectorIndex:
        """The index of all that was added."""
        return VectorIndex(self._index)


@contextlib.contextmanager
def _all_cores() -> Iterator[None]:
    """Let FAISS use all cores within this thread."""
    faiss = _faiss()
    faiss.omp_set_num_threads(available_cores())
    try:
        yield
    finally:
        faiss.omp_set_num_threads(1)


def check_vectors(vectors: NDArray[np.float32], count: int, dimension: int) -> None:
    """Refuse what no index may take in: another shape, NaN, infinity, rows that are not of length 1.

    Raises:
        ValueError: with what is wrong.
    """
    import numpy as np

    if vectors.shape != (count, dimension):
        raise ValueError(f"expected vectors of shape {(count, dimension)}, found {vectors.shape}")
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.isfinite(lengths).all():
        raise ValueError("some vectors hold NaN or infinity")
    if count and not np.allclose(lengths, 1.0, atol=1e-2):
        raise ValueError(f"expected unit vectors, found lengths from {lengths.min():.3f} to {lengths.max():.3f}")


def to_blob(vector: NDArray[np.float32]) -> bytes:
    """A vector as little-endian fp16."""
    return bytes(vector.astype("<f2").tobytes())


def unit_rows(blobs: Sequence[bytes], dimension: int) -> NDArray[np.float32]:
    """The vectors of `to_blob` at length 1, shape (len(blobs), dimension).

    Raises:
        StoreDamaged: as `from_blobs`.
    """
    import numpy as np

    matrix = from_blobs(blobs, dimension)
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-6)
    return matrix


def from_blobs(blobs: Sequence[bytes], dimension: int) -> NDArray[np.float32]:
    """The vectors of `to_blob`, shape (len(blobs), dimension), float32.

    Raises:
        StoreDamaged: when a blob has another length.
    """
    import numpy as np

    if any(len(blob) != 2 * dimension for blob in blobs):
        raise StoreDamaged(f"a stored vector is not of {dimension} fp16 numbers")
    flat = np.frombuffer(b"".join(blobs), dtype="<f2").astype(np.float32)
    return flat.reshape(len(blobs), dimension)
