from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from index.build import build_index
from index.errors import (
    ArticlesError,
    EncoderError,
    EncoderMismatch,
    StoreDamaged,
    StoreError,
    StoreLocked,
    StoreNotFound,
    StoreVersionMismatch,
)
from index.store.database import DATABASE, Database
from index.store.local import LocalStore
from index.store.writer import write_lock

SENTENCES = [
    "The harbour of Lindesnes was closed on Monday after a ferry ran aground in heavy fog.",
    "Its captain, Ingrid Dahl, said that all 212 passengers were brought ashore by lifeboats.",
    "The coast guard expects to tow the ship to Kristiansand before the end of the week.",
]


def write(folder: Path, name: str, *sentences: str, title: str = "Ferry Runs Aground Off Lindesnes") -> Path:
    path = folder / name
    path.write_text(title + "\n\n" + "\n\n".join(sentences) + "\n", "utf-8")
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    write(folder, "a.txt", *SENTENCES)
    write(folder, "b.txt", "A museum of glass opened in Murano on Friday.", title="Glass Museum Opens Its Doors")
    return folder


def contents(index: Path) -> list[tuple[object, ...]]:
    with sqlite3.connect(index / DATABASE) as connection:
        rows = connection.execute(
            "SELECT article_id, files.path, sentences.start, sentences.end, substr(texts.text, sentences.start + 1,"
            " sentences.end - sentences.start) FROM sentences JOIN articles ON articles.id = sentences.article"
            " JOIN texts ON texts.id = articles.text JOIN files ON files.id = articles.file ORDER BY 2, 3"
        ).fetchall()
    connection.close()
    return rows


def test_indexing_twice_changes_nothing(corpus, tmp_path, tiny_encoder):
    index = tmp_path / "index"
    first = build_index([corpus], index, encoder=tiny_encoder)
    assert (first.articles_added, first.files_read, first.info.articles) == (2, 2, 2)
    before = contents(index)
    tiny_encoder.encoded.clear()
    second = build_index([corpus], index, encoder=tiny_encoder)
    assert (second.articles_added, second.articles_removed, second.files_unchanged) == (0, 0, 2)
    assert second.info.change == first.info.change
    assert tiny_encoder.encoded == []
    assert contents(index) == before


def test_a_touched_file_is_not_read_again(corpus, tmp_path, tiny_encoder):
    index = tmp_path / "index"
    build_index([corpus], index, encoder=tiny_encoder)
    os.utime(corpus / "a.txt", (1, 1))
    report = build_index([corpus], index, encoder=tiny_encoder)
    assert (report.files_unchanged, report.files_read) == (2, 0)


def test_changing_one_file_embeds_only_its_new_passages(tmp_path, tiny_encoder):
    corpus = tmp_path / "articles"
    corpus.mkdir()
    long = [
        f"In chapter {n} the {n}th mayor of Tromsø spoke about {'very ' * 40}old bridges and roads." for n in range(6)
    ]
    write(corpus, "a.txt", *long)
    write(corpus, "b.txt", *SENTENCES)
    index = tmp_path / "index"
    before = build_index([corpus], index, encoder=tiny_encoder)
    tiny_encoder.encoded.clear()
    write(
        corpus, "a.txt", *long, "A seventh mayor was elected on Sunday with a majority of 12 votes, the town said. " * 4
    )
    report = build_index([corpus], index, encoder=tiny_encoder)
    assert report.passages_embedded == len(tiny_encoder.encoded) < before.passages_added
    assert any("seventh mayor" in text for text in tiny_encoder.encoded)
    assert not any("ferry" in text for text in tiny_encoder.encoded)
    assert (report.articles_added, report.articles_removed, report.info.articles) == (1, 1, 2)


def test_offsets_lead_to_the_file_itself(corpus, tmp_path, tiny_encoder):
    index = tmp_path / "index"
    build_index([corpus], index, encoder=tiny_encoder)
    rows = contents(index)
    assert {row[4] for row in rows} == {*SENTENCES, "A museum of glass opened in Murano on Friday."}
    for _, path, start, end, quote in rows:
        assert Path(path).read_bytes().decode()[start:end] == quote


def test_the_same_article_has_the_same_id_anywhere(corpus, tmp_path, tiny_encoder):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(corpus, elsewhere)
    ids = []
    for number, folder in enumerate((corpus, elsewhere)):
        build_index([folder], tmp_path / f"index-{number}", encoder=tiny_encoder)
        ids.append({row[0] for row in contents(tmp_path / f"index-{number}")})
    assert ids[0] == ids[1]


def test_copies_are_grouped_and_stay_citable(corpus, tmp_path, tiny_encoder):
    write(corpus, "copy.txt", *SENTENCES)
    edited = [sentence.replace("Monday", "Tuesday") for sentence in SENTENCES]
    write(corpus, "near.txt", *edited, title="Fog Closes Harbour")
    report = build_index([corpus], tmp_path / "index", encoder=tiny_encoder)
    assert (report.duplicates_exact, report.duplicates_near, report.info.duplicates) == (1, 1, 2)
    store = LocalStore.open(tmp_path / "index")
    hits = store.search_lexical(["ferri", "aground"], top_k=10)
    assert len(hits) == 1
    (passage,) = store.passages([hits[0].passage])
    places = store.places(passage.sentences)
    assert [Path(place.article.path).name for place in places[passage.sentences[1].id]] == ["copy.txt", "near.txt"]
    assert [Path(place.article.path).name for place in places[passage.sentences[0].id]] == ["copy.txt"]
    (variant,) = store.variants([passage.id])
    assert Path(variant.article.path).name == "near.txt"
    assert variant.group == passage.id
    store.close()


def test_a_copy_takes_over_when_the_first_one_goes(corpus, tmp_path, tiny_encoder):
    write(corpus, "copy.txt", *SENTENCES)
    index = tmp_path / "index"
    build_index([corpus], index, encoder=tiny_encoder)
    (corpus / "a.txt").unlink()
    kept = build_index([corpus], index, encoder=tiny_encoder)
    assert [Path(path).name for path in kept.missing] == ["a.txt"]
    assert kept.info.articles == 3
    tiny_encoder.encoded.clear()
    pruned = build_index([corpus], index, encoder=tiny_encoder, prune=True)
    assert (pruned.articles_removed, pruned.info.articles, pruned.info.duplicates) == (1, 2, 0)
    assert tiny_encoder.encoded == []
    store = LocalStore.open(index)
    (hit,) = store.search_lexical(["ferri"], top_k=5)
    assert Path(store.passages([hit.passage])[0].article.path).name == "copy.txt"
    store.close()


def test_a_file_that_can_no_longer_be_read_keeps_its_articles(corpus, tmp_path, tiny_encoder):
    index = tmp_path / "index"
    build_index([corpus], index, encoder=tiny_encoder)
    (corpus / "a.txt").write_bytes(bytes(range(256)) * 20)
    report = build_index([corpus], index, encoder=tiny_encoder)
    assert [Path(skipped.path).name for skipped in report.skipped] == ["a.txt"]
    assert report.info.articles == 2


def test_an_emptied_folder_loses_nothing(corpus, tmp_path, tiny_encoder):
    index = tmp_path / "index"
    build_index([corpus], index, encoder=tiny_encoder)
    for file in corpus.iterdir():
        file.unlink()
    report = build_index([corpus], index, encoder=tiny_encoder)
    assert (report.info.articles, len(report.missing)) == (2, 2)


def test_json_lines_records_keep_their_url_date_and_line(tmp_path, tiny_encoder):
    file = tmp_path / "news.jsonl"
    records = [
        {"url": f"https://news.example/{n}", "title": f"Story {n}", "published": "2024/05/01", "text": sentence}
        for n, sentence in enumerate(SENTENCES)
    ]
    file.write_text("\n".join(json.dumps(record) for record in records) + "\n{broken\n", "utf-8")
    report = build_index([file], tmp_path / "index", encoder=tiny_encoder)
    assert report.articles_added == 3
    assert [(skipped.line, Path(skipped.path).name) for skipped in report.skipped] == [(4, "news.jsonl")]
    store = LocalStore.open(tmp_path / "index")
    (hit,) = store.search_lexical(["coast", "guard"], top_k=1)
    (passage,) = store.passages([hit.passage])
    assert (passage.article.url, passage.article.published) == ("https://news.example/2", "2024/05/01")
    assert passage.sentences[0].line == 3
    store.close()


def test_a_build_that_dies_half_way_goes_on_where_it_was(tmp_path, tiny_encoder, monkeypatch):
    monkeypatch.setattr("index.build._BATCH_PASSAGES", 10)
    file = tmp_path / "news.jsonl"
    with file.open("w") as lines:
        for n in range(200):  # in transactions of 10 and, since they take no time, of 80
            text = f"Report {n} says that the {n}th lighthouse of the coast was painted in colour number {n * 7}."
            lines.write(json.dumps({"url": f"https://news.example/{n}", "text": text}) + "\n")

    class Dying(Exception):
        pass

    calls = 0
    encode = tiny_encoder.encode

    def dies(texts, *, progress=None):
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Dying
        return encode(texts, progress=progress)

    monkeypatch.setattr(tiny_encoder, "encode", dies)
    with pytest.raises(Dying):
        build_index([file], tmp_path / "index", encoder=tiny_encoder)
    monkeypatch.setattr(tiny_encoder, "encode", encode)
    store = LocalStore.open(tmp_path / "index")  # what was committed can be asked
    stored = store.info().articles
    assert 20 <= stored <= 90
    store.close()
    tiny_encoder.encoded.clear()
    report = build_index([file], tmp_path / "index", encoder=tiny_encoder)
    assert (report.articles_unchanged, report.articles_added, report.info.articles) == (stored, 200 - stored, 200)
    assert len(tiny_encoder.encoded) == 200 - stored


@pytest.mark.parametrize("damage", ["missing", "flipped vectors", "flipped lexical", "truncated", "no manifest"])
def test_damaged_search_files_are_made_again_from_the_database(corpus, tmp_path, tiny_encoder, damage):
    index = tmp_path / "index"
    build_index([corpus], index, encoder=tiny_encoder)
    (search,) = index.glob("search-*")
    if damage == "missing":
        shutil.rmtree(search)
    elif damage == "no manifest":
        (search / "manifest.json").unlink()
    elif damage == "truncated":
        data = (search / "vectors-1.faiss").read_bytes()
        (search / "vectors-1.faiss").write_bytes(data[: len(data) // 2])
    else:
        path = search / "vectors-1.faiss" if "vectors" in damage else next((search / "lexical").glob("*.term"))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0x40
        path.write_bytes(data)
    tiny_encoder.encoded.clear()
    store = LocalStore.open(index)
    assert [
        Path(each.article.path).name for each in store.passages([store.search_lexical(["ferri"], top_k=1)[0].passage])
    ] == ["a.txt"]
    vector = tiny_encoder.encode([SENTENCES[0]])[0]
    assert store.search_vectors(vector, top_k=1)[0].score > 0.5
    store.close()
    assert (next(index.glob("search-*")) / "manifest.json").exists()
    assert tiny_encoder.encoded == [SENTENCES[0]]


def test_one_writer_at_a_time(corpus, tmp_path, tiny_encoder):
    index = tmp_path / "index"
    build_index([corpus], index, encoder=tiny_encoder)
    with write_lock(index), pytest.raises(StoreLocked, match=f"process {os.getpid()}"):
        build_index([corpus], index, encoder=tiny_encoder)


def test_another_encoder_is_refused_and_nothing_is_lost(corpus, tmp_path, tiny_encoder):
    index = tmp_path / "index"
    build_index([corpus], index, encoder=tiny_encoder)
    other = type(tiny_encoder)(name="other")
    with pytest.raises(EncoderMismatch, match="'tiny'"):
        build_index([corpus], index, encoder=other)
    assert len(contents(index)) == 4


def test_an_encoder_that_gives_nan_is_refused(corpus, tmp_path, tiny_encoder, monkeypatch):
    monkeypatch.setattr(
        tiny_encoder, "encode", lambda texts, progress=None: np.full((len(texts), 64), np.nan, dtype=np.float32)
    )
    with pytest.raises(EncoderError, match="NaN"):
        build_index([corpus], tmp_path / "index", encoder=tiny_encoder)


def test_another_format_version_is_refused(corpus, tmp_path, tiny_encoder):
    index = tmp_path / "index"
    build_index([corpus], index, encoder=tiny_encoder)
    with sqlite3.connect(index / DATABASE) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreVersionMismatch, match="format 99"):
        LocalStore.open(index)


def test_folders_that_are_no_index(tmp_path, tiny_encoder, corpus):
    with pytest.raises(StoreNotFound, match="citewell index"):
        LocalStore.open(tmp_path / "nowhere")
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk" / DATABASE).write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreDamaged):
        LocalStore.open(tmp_path / "junk")
    (tmp_path / "foreign").mkdir()
    with sqlite3.connect(tmp_path / "foreign" / DATABASE) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(StoreDamaged, match=r"no index of citewell"):
        LocalStore.open(tmp_path / "foreign")
    with pytest.raises(StoreError, match="not empty"):
        build_index([corpus], corpus, encoder=tiny_encoder)
    with pytest.raises(StoreError, match="is a file"):
        build_index([corpus], corpus / "a.txt", encoder=tiny_encoder)


@pytest.mark.parametrize("kind", ["empty folder", "empty file", "binary", "missing"])
def test_nothing_to_index_is_one_clear_error_and_leaves_no_index(tmp_path, tiny_encoder, kind):
    path = tmp_path / "articles"
    if kind != "missing":
        path.mkdir()
    if kind == "empty file":
        (path / "a.txt").touch()
    elif kind == "binary":
        (path / "a.txt").write_bytes(os.urandom(5000))
    with pytest.raises(ArticlesError) as caught:
        build_index([path], tmp_path / "index", encoder=tiny_encoder)
    assert "articles" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "index" / DATABASE).exists()


def test_the_encoder_is_kept_with_the_index(corpus, tmp_path, tiny_encoder):
    build_index([corpus], tmp_path / "index", encoder=tiny_encoder)
    database = Database.open(tmp_path / "index")
    assert database.encoder() == tiny_encoder.identity
    database.close()


def test_a_file_of_50_mb_and_other_bad_ones_are_left_out_with_their_reasons(corpus, tmp_path, tiny_encoder):
    (corpus / "huge.txt").write_bytes(b"A sentence that is said again and again. " * 1_250_000)
    (corpus / "empty.txt").touch()
    (corpus / "binary.txt").write_bytes(os.urandom(4000))
    (corpus / "scan.pdf").write_bytes(b"%PDF-1.7")
    (corpus / "latin.txt").write_bytes(
        "Le café de la gare a été fermé à Besançon, où l’on dînait à 20 heures.".encode("cp1252")
    )
    (corpus / "bom.txt").write_bytes("The mayor of Łódź resigned on Tuesday after 12 years.".encode("utf-16"))
    report = build_index([corpus], tmp_path / "index", encoder=tiny_encoder)
    reasons = {Path(skipped.path).name: skipped.reason for skipped in report.skipped}
    assert reasons.keys() == {"huge.txt", "empty.txt", "binary.txt", "scan.pdf"}
    assert "20,000,000" in reasons["huge.txt"]
    quotes = {row[4] for row in contents(tmp_path / "index")}
    assert "The mayor of Łódź resigned on Tuesday after 12 years." in quotes
    assert any("Besançon" in quote for quote in quotes)


def test_an_index_of_which_all_was_pruned_can_be_used_and_filled_again(corpus, tmp_path, tiny_encoder):
    index = tmp_path / "index"
    build_index([corpus], index, encoder=tiny_encoder)
    for file in corpus.iterdir():
        file.unlink()
    assert build_index([corpus], index, encoder=tiny_encoder, prune=True, yes_remove=True).info.articles == 0
    store = LocalStore.open(index)
    assert store.search_lexical(["ferri"], top_k=5) == []
    assert store.search_vectors(tiny_encoder.encode(["ferry"])[0], top_k=5) == []
    store.close()
    write(corpus, "a.txt", *SENTENCES)
    assert build_index([corpus], index, encoder=tiny_encoder).info.articles == 1
