"""Rows that were changed behind the index's back: nothing of them is quoted."""

from __future__ import annotations

import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest

from index.errors import StoreDamaged
from index.store.local import LocalStore
from tests.index.stores import Local, articles, prepared, text_of

if TYPE_CHECKING:
    from pathlib import Path

OTHER = "(SELECT max(id) FROM {})"
CHANGES = {
    "a title": "UPDATE articles SET title = title || '!'",
    "an address": "UPDATE articles SET url = 'https://other.example'",
    "a path": "UPDATE files SET path = path || 'x'",
    "where an article begins": "UPDATE articles SET start = start + 1",
    "the line of a record": "UPDATE articles SET line = 7",
    "a text": "UPDATE texts SET text = replace(text, 'seen', 'sold')",
    "where a sentence begins": "UPDATE sentences SET start = start + 1",
    "the line of a sentence": "UPDATE sentences SET line = line + 1",
    "the passage of a sentence": f"UPDATE sentences SET passage = {OTHER.format('passages')} WHERE passage = 1",
    "the article of a sentence": f"UPDATE sentences SET article = {OTHER.format('articles')} WHERE article = 1",
    "the article of a passage": f"UPDATE passages SET article = {OTHER.format('articles')} WHERE article = 1",
    "the text of an article": f"UPDATE articles SET text = {OTHER.format('texts')} WHERE id = 1",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_changed_row_is_never_quoted(tmp_path: Path, change: str) -> None:
    local = Local(tmp_path / "index", merged_below=0)
    local.put(articles(1, 2, 3))
    local.close()
    store = LocalStore.open(tmp_path / "index")
    connection = sqlite3.connect(tmp_path / "index" / "index.db")
    assert connection.execute(change).rowcount > 0
    connection.commit()
    connection.close()
    with pytest.raises(StoreDamaged, match="citewell check"):
        read_all(store)
    store.close()


def read_all(store: LocalStore) -> None:
    """Read all that might be quoted; it is as it was put there."""
    for record in store.passages([1, 2, 3]):
        assert not any(store.places(record.sentences).values())
        assert record.text == text_of(int(record.article.path[3]))
        store.article(record.article.id)


def test_a_changed_vector_is_not_searched(tmp_path: Path) -> None:
    local = Local(tmp_path / "index", merged_below=0)
    local.put(articles(1, 2, 3))
    local.close()
    connection = sqlite3.connect(tmp_path / "index" / "index.db")
    connection.execute("UPDATE vectors SET vector = zeroblob(length(vector))")
    connection.commit()
    connection.close()
    for made in (tmp_path / "index").glob("search-*"):  # of what the vectors were; these would be made of what they are
        shutil.rmtree(made)
    with pytest.raises(StoreDamaged, match="the vector of a passage"):
        LocalStore.open(tmp_path / "index")


def test_what_is_whole_is_quoted(tmp_path: Path) -> None:
    local = Local(tmp_path / "index", merged_below=0)
    local.put(articles(1, 2, 3))
    local.close()
    store = LocalStore.open(tmp_path / "index")
    assert [record.text for record in store.passages([1, 2, 3])] == [text_of(number) for number in (1, 2, 3)]
    (article,) = prepared("/a/2.txt", text_of(2))
    found = store.article(article.article.id)
    assert found is not None
    assert found[1] == text_of(2)
    store.close()
