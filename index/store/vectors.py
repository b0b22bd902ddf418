"""The FAISS accelerator: exact on small collections, a graph on large ones; one immutable file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from index.encoder import available_cores
from index.errors import StoreDamaged, first_line
from index.store.base import Scored

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["EXACT_LIMIT", "VectorBuilder", "VectorIndex"]

EXACT_LIMIT = 200_000
"""Up to here every vector is compared (fp16, 2.4 ms at 60,000 vectors on one core); beyond, there is an HNSW graph over
8-bit vectors."""
_GRAPH_LINKS = 32
_TRAINED_ON = 50_000
_EFFORT, _LEAST_EFFORT = 4, 64
"""How many vectors the graph keeps in sight (efSearch) for each one that is looked for, and at least: at 300,000 made
vectors, .974 of the first 100 are found with 64 in sight, .985 with 128, and .994 with 400 (tests/bench/scale.py)."""


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
        self._ids: NDArray[np.int64] | None = None

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
        builder = VectorBuilder(int(vectors.shape[1]), exact=len(ids) <= exact_limit)
        builder.add(ids, vectors)
        return builder.done()

    @classmethod
    def open(cls, path: Path) -> VectorIndex:
        """Read a file of `write`. The caller has compared its hash: FAISS loads many damaged bodies silently.

        Raises:
            StoreDamaged: when FAISS cannot read it.
        """
        try:
            return cls(_faiss().read_index(str(path)))
        except (RuntimeError, MemoryError) as error:
            raise StoreDamaged(f"FAISS cannot read the vector index ({first_line(error)})") from error

    def write(self, path: Path) -> None:
        """Write a file in FAISS's own format, all of it at once; the caller sees to its being durable."""
        path.write_bytes(_faiss().serialize_index(self._index).data)

    def __contains__(self, passage: int) -> bool:
        import numpy as np

        if self._ids is None:
            self._ids = np.sort(_faiss().vector_to_array(self._index.id_map))
        at = int(np.searchsorted(self._ids, passage))
        return at < len(self._ids) and int(self._ids[at]) == passage

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def exact(self) -> bool:
        """Whether every vector is compared."""
        faiss = _faiss()
        return not isinstance(faiss.downcast_index(self._index.index), faiss.IndexHNSW)

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
        scores, ids = self._index.search(vector.reshape(1, -1), count, params=self._parameters(count, without))
        return [
            Scored(int(each), float(score))
            for each, score in zip(ids[0].tolist(), scores[0].tolist(), strict=True)
            if each >= 0
        ]

    def _search_within(
        self, vector: NDArray[np.float32], within: NDArray[np.int64], top_k: int, without: Collection[int]
    ) -> list[Scored]:
        """Compare all of some passages, in a graph too: its links lead through those that are not meant."""
        import numpy as np

        faiss = _faiss()
        numbers = faiss.vector_to_array(self._index.id_map)
        mask = np.isin(numbers, within, kind="table" if len(within) else None)
        if without:
            mask &= ~np.isin(numbers, np.fromiter(without, dtype=np.int64))
        count = min(top_k, int(mask.sum()))
        if count <= 0:
            return []
        inner = faiss.downcast_index(self._index.index)
        flat = faiss.downcast_index(inner.storage) if isinstance(inner, faiss.IndexHNSW) else inner
        chosen = np.packbits(mask, bitorder="little")
        only = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(chosen))
        scores, places = flat.search(vector.reshape(1, -1), count, params=only)
        return [
            Scored(int(numbers[place]), float(score))
            for place, score in zip(places[0].tolist(), scores[0].tolist(), strict=True)
            if place >= 0
        ]

    def _parameters(self, count: int, without: Collection[int]) -> Any:
        """FAISS's parameters for a search for so many passages that leaves some out; None where it needs none."""
        import numpy as np

        faiss = _faiss()
        selector = None
        if without:
            selector = faiss.IDSelectorNot(faiss.IDSelectorBatch(np.fromiter(without, dtype=np.int64)))
        if not self.exact:
            return faiss.SearchParametersHNSW(sel=selector, efSearch=max(_LEAST_EFFORT, _EFFORT * count))
        return faiss.SearchParameters(sel=selector) if without else None


class VectorBuilder:
    """Builds a `VectorIndex` from a part of the vectors at a time, which may be let go of then.

    Args:
        dimension: of the vectors.
        exact: whether every vector is to be compared, or there is to be a graph.
    """

    def __init__(self, dimension: int, *, exact: bool) -> None:
        faiss = _faiss()
        kind = faiss.ScalarQuantizer
        if exact:
            self._inner = faiss.IndexScalarQuantizer(dimension, kind.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        else:
            self._inner = faiss.IndexHNSWSQ(dimension, kind.QT_8bit, _GRAPH_LINKS, faiss.METRIC_INNER_PRODUCT)
        self._index = faiss.IndexIDMap(self._inner)
        self._exact = exact
        self._waiting: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add unit vectors of shape (n, dimension), and the numbers of their passages, shape (n,)."""
        self._waiting.append((ids, vectors))
        # The range of each of the 8-bit numbers is that of the first vectors; what lies outside is moved to its end.
        if self._index.is_trained or self._exact or sum(len(each) for each, _ in self._waiting) >= _TRAINED_ON:
            self._take_up()

    def done(self) -> VectorIndex:
        """The index of all that was added."""
        self._take_up()
        return VectorIndex(self._index)

    def _take_up(self) -> None:
        import numpy as np

        faiss = _faiss()
        waiting = [each for each in self._waiting if len(each[0])]
        self._waiting = []
        if waiting and not self._index.is_trained:
            self._index.train(np.concatenate([vectors for _, vectors in waiting]))
        faiss.omp_set_num_threads(available_cores())  # of this thread: here they help
        for ids, vectors in waiting:
            self._index.add_with_ids(vectors, ids)
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
