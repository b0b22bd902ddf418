from __future__ import annotations

import numpy as np
import pytest

from index.errors import StoreDamaged
from index.store.vectors import VectorBuilder, VectorIndex, check_vectors, from_blobs, to_blob


def unit(count: int, dimension: int = 32, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def brute_force(vectors: np.ndarray, query: np.ndarray, top_k: int) -> list[int]:
    return np.argsort(-(vectors.astype(np.float16).astype(np.float32) @ query), kind="stable")[:top_k].tolist()


def test_exact_search_agrees_with_brute_force():
    vectors, queries = unit(500), unit(20, seed=1)
    ids = np.arange(500, dtype=np.int64) * 3 + 7
    index = VectorIndex.build(ids, vectors)
    for query in queries:
        found = index.search(query, top_k=10)
        assert [hit.passage for hit in found] == [int(ids[row]) for row in brute_force(vectors, query, 10)]
        best = vectors[(found[0].passage - 7) // 3] @ query
        assert found[0].score == pytest.approx(best, abs=2e-3)


def test_the_lists_of_large_collections_find_nearly_all():
    vectors, queries = unit(3000), unit(50, seed=1)
    index = VectorIndex.build(np.arange(3000, dtype=np.int64), vectors, exact_limit=100)
    assert not index.exact
    for top_k, least in ((10, 0.9), (100, 0.95)):
        found = sum(
            len({hit.passage for hit in index.search(query, top_k=top_k)} & set(brute_force(vectors, query, top_k)))
            for query in queries
        )
        assert found / (50 * top_k) >= least


@pytest.mark.parametrize("exact", [True, False])
def test_vectors_may_come_in_parts(exact):
    vectors = unit(600)
    builder = VectorBuilder(32, 600, exact=exact)
    builder.train(vectors[::2])
    for start in range(0, 600, 250):
        part = vectors[start : start + 250]
        builder.add(np.arange(start, start + len(part), dtype=np.int64), part)
    index = builder.done()
    assert len(index) == 600
    for row in (0, 249, 250, 599):
        assert index.search(vectors[row], top_k=1)[0].passage == row


def test_asking_for_more_than_there_is():
    index = VectorIndex.build(np.arange(3, dtype=np.int64), unit(3))
    assert len(index.search(unit(1)[0], top_k=100)) == 3
    empty = VectorIndex.build(np.zeros(0, dtype=np.int64), np.zeros((0, 32), dtype=np.float32))
    assert empty.search(unit(1)[0], top_k=5) == []


def test_a_file_there_and_back(tmp_path):
    vectors = unit(40)
    VectorIndex.build(np.arange(40, dtype=np.int64), vectors).write(tmp_path / "a")
    index = VectorIndex.open(tmp_path / "a")
    assert [hit.passage for hit in index.search(vectors[7], top_k=1)] == [7]
    assert 39 in index
    assert 40 not in index
    (tmp_path / "b").write_bytes(b"no index at all, but long enough to be looked at")
    with pytest.raises(StoreDamaged, match="FAISS"):
        VectorIndex.open(tmp_path / "b")


@pytest.mark.parametrize("limit", [100, 10])
def test_the_cosines_of_given_passages_are_those_that_a_search_gives(limit):
    vectors, ids = unit(60), np.random.default_rng(2).permutation(np.arange(100, 160, dtype=np.int64))
    index = VectorIndex.build(ids, vectors, exact_limit=limit)
    whole = {hit.passage: hit.score for hit in index.search(vectors[7], top_k=60)}
    asked = np.array([99, *ids[:30], 160, 10**12], dtype=np.int64)
    expected = [whole.get(passage, 0.0) for passage in asked.tolist()]
    assert index.cosines(vectors[7], asked) == pytest.approx(expected, abs=1e-5)
    nothing = VectorIndex.build(np.zeros(0, dtype=np.int64), np.zeros((0, 32), dtype=np.float32))
    assert nothing.cosines(vectors[7], asked).tolist() == [0.0] * len(asked)


@pytest.mark.parametrize("limit", [100, 10])
def test_passages_that_are_not_to_be_found(limit):
    vectors = unit(60)
    index = VectorIndex.build(np.arange(100, 160, dtype=np.int64), vectors, exact_limit=limit)
    whole = [hit.passage for hit in index.search(vectors[7], top_k=20)]
    without = frozenset(whole[:10:2])
    found = [hit.passage for hit in index.search(vectors[7], top_k=10, without=without)]
    assert found == [passage for passage in whole if passage not in without][:10]
    assert index.search(vectors[7], top_k=5, without=frozenset(range(100, 160))) == []


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.full((2, 4), np.nan, dtype=np.float32), "NaN"),
        (np.full((2, 4), 7.0, dtype=np.float32), "unit vectors"),
        (np.ones((3, 4), dtype=np.float32) / 2, "shape"),
    ],
)
def test_unusable_vectors_are_refused(vectors, message):
    with pytest.raises(ValueError, match=message):
        check_vectors(vectors, 2, 4)


def test_a_file_of_another_kind_is_refused(tmp_path):
    import faiss

    graph = faiss.IndexIDMap(faiss.IndexHNSWFlat(8, 4, faiss.METRIC_INNER_PRODUCT))
    graph.add_with_ids(unit(5, 8), np.arange(5))
    faiss.write_index(graph, str(tmp_path / "graph.faiss"))
    with pytest.raises(StoreDamaged, match="kind"):
        VectorIndex.open(tmp_path / "graph.faiss")


def test_blobs_there_and_back():
    vectors = unit(5, 8)
    again = from_blobs([to_blob(vector) for vector in vectors], 8)
    assert np.allclose(again, vectors, atol=1e-3)
    with pytest.raises(StoreDamaged):
        from_blobs([b"\0" * 3], 8)
