from __future__ import annotations

import gzip

import pytest

from rag.count import LEAST, count_passages, main
from rag.rarity import background, weights


def test_rare_words_weigh_more_than_common_ones():
    found = weights(["said", "putin", "zugzwang"], [0, 0, 0], 0)
    assert 0 < found["said"] < found["putin"] < found["zugzwang"]


def test_the_words_of_the_collection_count_too():
    before = weights(["zugzwang"], [0], 0)["zugzwang"]
    assert weights(["zugzwang"], [5_000], 10_000)["zugzwang"] < before
    known, total = background()
    assert weights(["putin"], [0], 0)["putin"] > weights(["putin"], [total], total)["putin"]
    assert known["putin"] < total


def test_counting_is_by_passages():
    counts, total = count_passages(["one two two", "two " * 5], words_each=3)
    assert (counts, total) == ({"one": 1, "two": 3}, 3)


def test_the_data_can_be_made_again(tmp_path, capsys):
    articles = tmp_path / "articles.jsonl"
    articles.write_text("".join('{"text": "Bread was sold here."}\n' for _ in range(LEAST)) + '{"text": "Rare."}\n')
    main([str(articles), "--out", str(tmp_path / "counts.gz")])
    lines = gzip.decompress((tmp_path / "counts.gz").read_bytes()).decode().splitlines()
    assert lines[0] == str(LEAST + 1)
    assert f"bread\t{LEAST}" in lines
    assert not any(line.startswith("rare") for line in lines)
    with pytest.raises(SystemExit):
        main([])
    capsys.readouterr()
