from __future__ import annotations

import io
import json
import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from index.build import build_index
from index.errors import StoreDamaged, StoreError, StoreNotFound
from index.records import export_file, export_lines
from index.store.database import DATABASE

HOSTILE = 'The mayor of Łódź said: “No.”\u2028Then “¡sí!” 🙂 she added\x85, and left \\ the "hall" at 9 a.m. on Monday.'


@pytest.fixture
def corpus(tmp_path: Path, seeds: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    (file,) = seeds.glob("*.txt")  # two articles in one file
    (folder / "two.txt").write_bytes(file.read_bytes())
    (folder / "windows.txt").write_bytes(
        f"Ein Titel with Two Words\r\n\r\n{HOSTILE}\r\n\r\nIt rained.\r\n".encode("utf-16")
    )
    records = [
        {"url": "https://n.example/1", "title": "A Ferry  Ran\tAground", "published": "2024/05/01", "text": HOSTILE},
        {"text": "\n\n  WARSAW, March 26, 2025 (AFP) - A record says nothing of itself and opens with spaces. \n"},
    ]
    (folder / "news.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return folder


@pytest.fixture
def index(corpus: Path, tmp_path: Path, tiny_encoder) -> Path:
    build_index([corpus], tmp_path / "index", encoder=tiny_encoder)
    return tmp_path / "index"


def exported(index: Path) -> list[dict]:
    file = io.BytesIO()
    count = export_lines(index, file)
    lines = file.getvalue().decode("utf-8").splitlines()  # which ends lines at U+2028 too
    assert len(lines) == count
    return [json.loads(line) for line in lines]


def quotes(index: Path) -> list[str]:
    connection = sqlite3.connect(index / DATABASE)
    rows = connection.execute(
        "SELECT texts.text, sentences.start, sentences.end FROM sentences JOIN articles ON articles.id = article"
        " JOIN texts ON texts.id = articles.text ORDER BY articles.id, sentences.start"
    ).fetchall()
    connection.close()
    return [text[start:end] for text, start, end in rows]


def test_what_is_exported_stands_in_its_file(index, corpus):
    records = exported(index)
    assert [Path(record["path"]).name for record in records] == [
        "news.jsonl",
        "news.jsonl",
        "two.txt",
        "two.txt",
        "windows.txt",
    ]
    assert [set(record) for record in records] == [
        {
            *("article_id", "title", "url", "published", "published_from", "author", "place", "agency"),
            *("path", "part", "line", "start", "end", "text"),
        }
    ] * 5
    given, bare, first, second, windows = records
    assert (given["url"], given["title"], given["published"]) == (
        "https://n.example/1",
        "A Ferry Ran Aground",
        "2024/05/01",
    )
    assert (given["line"], bare["line"], first["line"], windows["line"]) == (1, 2, 1, 1)
    assert (bare["url"], bare["place"], bare["agency"], bare["start"]) == (None, "WARSAW", "AFP", 4)
    assert given["text"] == HOSTILE
    text = (corpus / "two.txt").read_bytes().decode("utf-8")
    for record in (first, second):
        assert text[record["start"] : record["end"]] == record["text"]
    assert text.count("\n", 0, second["start"]) + 1 == second["line"] > 1
    assert windows["text"] == f"Ein Titel with Two Words\r\n\r\n{HOSTILE}\r\n\r\nIt rained."


def test_there_and_back_gives_the_same_quotes(index, tmp_path, tiny_encoder):
    out = tmp_path / "all.jsonl"
    assert export_file(index, out) == 5
    tiny_encoder.encoded.clear()
    report = build_index([out], tmp_path / "again", encoder=tiny_encoder)
    assert (report.articles_added, report.skipped) == (5, ())
    assert quotes(tmp_path / "again") == quotes(index)
    assert len(quotes(index)) > 30
    second = exported(tmp_path / "again")
    for before, after in zip(exported(index), second, strict=True):
        same = ("title", "url", "published", "place", "agency", "text")
        assert [after[name] for name in same] == [before[name] for name in same]
    # From the second time on nothing changes any more, ids included.
    export_file(tmp_path / "again", tmp_path / "second.jsonl")
    build_index([tmp_path / "second.jsonl"], tmp_path / "third", encoder=tiny_encoder)
    ids = [[record["article_id"] for record in each] for each in (second, exported(tmp_path / "third"))]
    assert ids[0] == ids[1]


def test_it_is_one_state_whatever_is_written_meanwhile(index, corpus, tiny_encoder):
    """The writer commits as soon as the first line is out; that it can tells that the reading does not keep it."""
    before = exported(index)
    committed = threading.Event()

    class Slow(io.BytesIO):
        def write(self, data) -> int:
            if not self.tell():
                thread.start()
                assert committed.wait(30)
            return super().write(data)

    def write() -> None:
        (corpus / "two.txt").unlink()
        (corpus / "late.txt").write_text(f"A Late Story of Some Words\n\n{HOSTILE}\n", "utf-8")
        build_index([corpus], index, encoder=tiny_encoder, prune=True)
        committed.set()

    thread = threading.Thread(target=write)
    file = Slow()
    assert export_lines(index, file) == 5
    thread.join()
    assert [json.loads(line) for line in file.getvalue().splitlines()] == before
    assert [Path(record["path"]).name for record in exported(index)] == [
        "news.jsonl",
        "news.jsonl",
        "windows.txt",
        "late.txt",
    ]


def test_many_articles_come_page_by_page(tmp_path, tiny_encoder, monkeypatch):
    monkeypatch.setattr("index.records._PAGE", 3)
    file = tmp_path / "many.jsonl"
    texts = [f"Report {n} says that lighthouse number {n} was painted in colour {n * 7}." for n in range(10)]
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    build_index([file], tmp_path / "index", encoder=tiny_encoder)
    assert [record["text"] for record in exported(tmp_path / "index")] == texts


def test_the_file_appears_when_it_is_whole(index, tmp_path, monkeypatch):
    out = tmp_path / "out" / "all.jsonl"
    out.parent.mkdir()
    out.write_text("what was there\n")
    connection = sqlite3.connect(index / DATABASE)
    connection.execute("UPDATE articles SET title = 'x' WHERE id = 5")
    connection.commit()
    connection.close()
    with pytest.raises(StoreDamaged, match="citewell check"):
        export_file(index, out)
    assert [path.name for path in out.parent.iterdir()] == ["all.jsonl"]
    assert out.read_text() == "what was there\n"


@pytest.mark.parametrize(
    "statement", ["text = (SELECT min(text) FROM articles)", "text = (SELECT max(text) FROM articles)"]
)
def test_a_text_of_another_article_is_not_exported(index, statement):
    connection = sqlite3.connect(index / DATABASE)
    connection.execute(f"UPDATE articles SET {statement}")
    connection.commit()
    connection.close()
    with pytest.raises(StoreDamaged, match="citewell check"):
        exported(index)


def test_the_file_replaces_another_and_has_an_ordinary_mode(index, tmp_path):
    out = tmp_path / "all.jsonl"
    out.write_text("old")
    export_file(index, out)
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(out.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    assert len(out.read_bytes().splitlines()) == 5


def test_places_that_are_refused(index, tmp_path):
    before = (index / DATABASE).read_bytes()
    for name in (DATABASE, "new.jsonl"):
        with pytest.raises(StoreError, match="index folder"):
            export_file(index, index / name)
    with pytest.raises(StoreError, match="no regular file"):
        export_file(index, tmp_path)
    with pytest.raises(StoreError, match="no regular file"):
        export_file(index, Path(os.devnull))
    with pytest.raises(StoreError, match="cannot be written"):
        export_file(index, tmp_path / "no" / "folder.jsonl")
    with pytest.raises(StoreNotFound):
        export_file(tmp_path / "nowhere", tmp_path / "all.jsonl")
    assert (index / DATABASE).read_bytes() == before
    assert not (index / "new.jsonl").exists()
    assert not (tmp_path / "all.jsonl").exists()
    assert not list(tmp_path.glob(".*"))


def test_nothing_is_left_beside_it(index, tmp_path):
    (tmp_path / "out").mkdir()
    export_file(index, tmp_path / "out" / "all.jsonl")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["all.jsonl"]
