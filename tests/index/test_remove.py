from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from index.build import build_index
from index.check import check_index
from index.errors import ArticlesError, StoreError, StoreLocked, StoreNotFound
from index.remove import find_removal, remove_articles
from index.store.database import DATABASE
from index.store.local import LocalStore
from index.store.writer import write_lock

SENTENCES = {
    "north/ferry.txt": "The harbour of Lindesnes was closed on Monday after a ferry ran aground in heavy fog.",
    "north/copy.txt": "The harbour of Lindesnes was closed on Monday after a ferry ran aground in heavy fog.",
    "north/snow/train.txt": "The night train to Narvik was late for the third day in a row, said its passengers.",
    "north-west/bread.txt": "A baker in Bergen sold ten thousand loaves of rye bread in a single week of May.",
    "south/glass.txt": "A museum of glass opened its doors to the public in Murano on Friday.",
}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for name, sentence in SENTENCES.items():
        path = tmp_path / "articles" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"A Headline of Some Words\n\n{sentence}\n", "utf-8")
    return tmp_path / "articles"


@pytest.fixture
def index(corpus: Path, tmp_path: Path, tiny_encoder) -> Path:
    build_index([corpus], tmp_path / "index", encoder=tiny_encoder)
    return tmp_path / "index"


def rows(index: Path, sql: str) -> list[tuple]:
    connection = sqlite3.connect(index / DATABASE)
    found = connection.execute(sql).fetchall()
    connection.close()
    return found


def names(index: Path) -> set[str]:
    """The files that can be cited, without their folders."""
    return {Path(path).name for (path,) in rows(index, "SELECT path FROM articles JOIN files ON files.id = file")}


def found(index: Path, *stems: str) -> set[str]:
    store = LocalStore.open(index)
    with store.reading():
        hits = store.passages([hit.passage for stem in stems for hit in store.search_lexical([stem], top_k=10)])
    store.close()
    return {Path(hit.article.path).name for hit in hits}


def article(index: Path, name: str) -> str:
    return rows(
        index,
        f"SELECT article_id FROM articles JOIN files ON files.id = file WHERE path LIKE '%{name}'",
    )[0][0]


def remove(index: Path, *what: str | Path):
    return remove_articles(find_removal([str(each) for each in what], index), index)


def test_by_id_at_all_its_places(index, corpus):
    report = remove(index, article(index, "ferry.txt").upper())
    assert report.articles_removed == 2
    assert report.files == report.on_disk == (str(corpus / "north/copy.txt"), str(corpus / "north/ferry.txt"))
    assert names(index) == {"train.txt", "bread.txt", "glass.txt"}
    assert found(index, "ferri") == set()
    assert found(index, "train", "bread", "glass") == {"train.txt", "bread.txt", "glass.txt"}
    assert report.info.articles == 3
    assert check_index(index, mend=False).problems == ()


def test_by_the_path_of_a_file_its_copy_takes_over(index, corpus):
    report = remove(index, corpus / "north" / "ferry.txt")
    assert (report.articles_removed, report.files) == (1, (str(corpus / "north/ferry.txt"),))
    assert found(index, "ferri") == {"copy.txt"}
    assert check_index(index, mend=False).problems == ()


def test_by_the_path_of_a_folder(index, corpus, monkeypatch):
    monkeypatch.chdir(corpus.parent)
    (corpus / "north" / "snow" / "train.txt").unlink()
    report = remove(index, "articles/south/../north/")
    assert report.articles_removed == 3
    assert [Path(path).name for path in report.files] == ["copy.txt", "ferry.txt", "train.txt"]
    assert [Path(path).name for path in report.on_disk] == ["copy.txt", "ferry.txt"]
    assert names(index) == {"bread.txt", "glass.txt"}


def test_by_several_names_in_one_change(index, corpus):
    before = rows(index, "SELECT value FROM meta WHERE key = 'change'")[0][0]
    report = remove(index, article(index, "glass.txt"), corpus / "north-west", corpus / "north-west" / "bread.txt")
    assert report.articles_removed == 2
    assert names(index) == {"ferry.txt", "copy.txt", "train.txt"}
    assert report.info.change == int(before) + 1


@pytest.mark.parametrize(
    "unknown", ["0" * 32, "no/such/file.txt", "", "articles/nor", "ARTICLES/NORTH", "a\udcff", "a%"]
)
def test_one_unknown_name_and_nothing_is_removed(index, corpus, unknown, monkeypatch):
    monkeypatch.chdir(corpus.parent)
    with pytest.raises(ArticlesError, match="nothing was removed") as caught:
        remove(index, corpus / "south" / "glass.txt", unknown)
    assert repr(unknown) in str(caught.value)
    assert len(names(index)) == 5


def test_a_file_of_that_name_of_an_id_is_meant_where_there_is_no_such_article(tmp_path, tiny_encoder, monkeypatch):
    name = "ab" * 16
    (tmp_path / name).write_text(f"A Headline\n\n{SENTENCES['south/glass.txt']}\n")
    build_index([tmp_path / name], tmp_path / "index", encoder=tiny_encoder)
    monkeypatch.chdir(tmp_path)
    assert find_removal([name], tmp_path / "index").files == (str(tmp_path / name),)


def test_it_comes_back_when_its_file_is_indexed_again(index, corpus, tiny_encoder):
    remove(index, corpus / "south", article(index, "train.txt"))
    assert build_index([corpus], index, encoder=tiny_encoder).articles_added == 2
    assert len(names(index)) == 5


def test_all_of_it(index, corpus, tiny_encoder):
    report = remove(index, corpus)
    assert (report.articles_removed, report.info.articles, names(index)) == (5, 0, set())
    assert rows(index, "SELECT count(*) FROM texts")[0][0] == rows(index, "SELECT count(*) FROM vectors")[0][0] == 0
    assert found(index, "ferri", "glass") == set()


def test_an_index_that_changed_meanwhile_is_left_alone(index, corpus, tiny_encoder):
    removal = find_removal([str(corpus / "south")], index)
    (corpus / "new.txt").write_text("A Headline\n\nThe mayor of Narvik opened a bridge over the river on Monday.\n")
    build_index([corpus], index, encoder=tiny_encoder)
    with pytest.raises(StoreError, match="changed since"):
        remove_articles(removal, index)
    assert len(names(index)) == 6


def test_an_error_on_the_way_removes_nothing(index, corpus, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("index.store.publish._write_manifest", full)
        with pytest.raises(StoreError, match="free some space"):
            remove(index, corpus / "north")
    assert len(names(index)) == 5
    assert found(index, "train") == {"train.txt"}


def test_one_writer_at_a_time(index, corpus):
    with write_lock(index), pytest.raises(StoreLocked):
        remove(index, corpus / "south")
    assert len(names(index)) == 5


def test_no_index(tmp_path):
    with pytest.raises(StoreNotFound):
        find_removal(["a.txt"], tmp_path / "nowhere")
