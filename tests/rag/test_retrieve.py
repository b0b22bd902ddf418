from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from index.boilerplate import Rules
from index.build import build_index
from index.recurring import FEW
from index.store.base import Scored
from index.store.local import LocalStore
from rag.question import read_question
from rag.retrieve import Retriever, fuse

SCORES = st.floats(min_value=0.01, max_value=50)
COSINES = st.floats(min_value=-1, max_value=1)


@given(
    st.dictionaries(st.integers(1, 30), SCORES, max_size=10), st.dictionaries(st.integers(1, 30), COSINES, min_size=1)
)
def test_fused_scores_are_in_range_and_monotonic(bm25, cosines):
    lexical = [Scored(passage, score) for passage, score in bm25.items() if passage in cosines]
    fused = fuse(lexical, cosines)
    assert fused.keys() == cosines.keys()
    assert all(0 <= score <= 1 + 1e-9 for score in fused.values())
    known = {hit.passage: hit.score for hit in lexical}
    for left in fused:
        for right in fused:
            if cosines[left] >= cosines[right] and known.get(left, 0) >= known.get(right, 0):
                assert fused[left] >= fused[right] - 1e-9


def test_a_weight_of_one_is_the_encoder_alone():
    fused = fuse([Scored(1, 9.0)], {1: 0.1, 2: 0.5, 3: 0.3}, weight=1.0)
    assert sorted(fused, key=fused.__getitem__, reverse=True) == [2, 3, 1]
    fused = fuse([Scored(1, 9.0), Scored(3, 3.0)], {1: 0.1, 2: 0.5, 3: 0.3}, weight=0.0)
    assert sorted(fused, key=fused.__getitem__, reverse=True) == [1, 3, 2]


def test_nothing_to_fuse():
    assert fuse([], {}) == {}


def test_both_retrievers_bring_passages(tmp_path, tiny_encoder):
    folder = tmp_path / "articles"
    folder.mkdir()
    for name, text in {
        "ferry": "A ferry ran aground off Lindesnes on Monday, and its passengers were brought ashore.",
        "museum": "A museum of glass opened its doors in Murano on Friday to a long line of visitors.",
        "bread": "The price of bread rose by a tenth in Lyon, bakers said, because flour costs more.",
    }.items():
        (folder / f"{name}.txt").write_text(text)
    build_index([folder], tmp_path / "index", encoder=tiny_encoder)
    store = LocalStore.open(tmp_path / "index")
    retriever = Retriever(store, tiny_encoder)
    question = read_question("Where did the ferry run aground?")
    hits = retriever.retrieve(question, retriever.encode(question), top_k=2).hits
    assert hits[0].passage.article.path.endswith("ferry.txt")
    assert len(hits) == 2
    assert hits[0].lexical > 0
    assert hits[0].score == 1.0
    assert hits[1].lexical == 0.0 or hits[1].score < 1.0
    nothing = retriever.retrieve(read_question("zebra"), retriever.encode(read_question("zebra")), top_k=5).hits
    assert all(hit.lexical == 0 for hit in nothing)
    store.close()


def test_sentences_of_recurring_lines_are_no_hits(tmp_path, tiny_encoder):
    folder = tmp_path / "articles"
    folder.mkdir()
    line = "More stories about the ferry"
    for number in range(FEW):
        own = " ".join(f"word{number}{step}" for step in range(20))
        (folder / f"{number}.txt").write_text(
            f"Report Number {number} Is Out\n\nIt counted {own} before noon.\n\n{line}\n"
        )
    build_index([folder], tmp_path / "index", encoder=tiny_encoder)
    store = LocalStore.open(tmp_path / "index")
    question = read_question("What stories are there about the ferry?")

    def found(retriever: Retriever) -> list[str]:
        hits = retriever.retrieve(question, retriever.encode(question), top_k=10).hits
        return [each.span.of(hit.passage.text) for hit in hits for each in hit.passage.sentences]

    assert line in found(Retriever(store, tiny_encoder, rules=Rules(collection=False)))
    without = found(Retriever(store, tiny_encoder))
    assert len(without) == FEW
    assert line not in without
    store.close()
