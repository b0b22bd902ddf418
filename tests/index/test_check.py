"""Damage of every kind, made behind the index's back: found, named and mended, and nothing wrong is left to quote."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest

from index.build import build_index
from index.check import CheckReport, check_index
from index.errors import StoreDamaged, StoreError, StoreLocked, StoreNotFound
from index.store.database import DATABASE, Database
from index.store.local import LocalStore
from index.store.mend import Mended
from index.store.publish import Publisher
from index.store.rows import seal
from index.store.writer import Writer, write_lock

if TYPE_CHECKING:
    from pathlib import Path

FERRY = [
    "The harbour of Lindesnes was closed on Monday after a ferry ran aground in heavy fog.",
    "Its captain, Ingrid Dahl, said that all 212 passengers were brought ashore by lifeboats.",
    "The coast guard expects to tow the ship to Kristiansand before the end of the week.",
]
MUSEUM = "A museum of glass opened its doors to the public in Murano on Friday, after nine years of work."
BRIDGE = "The old bridge of Lund is closed to lorries until the spring, as its owner said in a letter."
MAYOR = "Mayor Anna Berg said that the town had never seen such a winter, and that roads would be cleared first."


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()

    def write(name: str, title: str, *sentences: str) -> None:
        (folder / name).write_text("\n\n".join([title, *sentences]) + "\n", "utf-8")

    write("a.txt", "Ferry Runs Aground Off Lindesnes", *FERRY)
    write("b.txt", "Glass Museum Opens Its Doors", MUSEUM)
    write("copy.txt", "Ferry Runs Aground Off Lindesnes", *FERRY)
    write("near.txt", "Fog Closes Harbour", *(sentence.replace("Monday", "Tuesday") for sentence in FERRY))
    write("repeats.txt", "Snow Again in the North", MAYOR, "The trains were late for the third day in a row.", MAYOR)
    record = {"url": "https://news.example/1", "title": "Bridge  Closed", "published": "2024/05/01", "text": BRIDGE}
    (folder / "news.jsonl").write_text(json.dumps(record) + "\n", "utf-8")
    return folder


@pytest.fixture
def index(corpus: Path, tmp_path: Path, tiny_encoder) -> Path:
    folder = tmp_path / "index"
    build_index([corpus], folder, encoder=tiny_encoder)
    tiny_encoder.encoded.clear()
    return folder


def change(index: Path, *statements: str) -> None:
    """Damage the database; no trigger notes it, as none notes a flipped bit."""
    connection = sqlite3.connect(index / DATABASE)
    connection.create_function("seal", -1, seal)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        source = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]
        connection.execute(f"DROP TRIGGER {name}")
        statements = (*statements, source)
    for statement in statements:
        assert connection.execute(statement).rowcount, statement
    connection.commit()
    connection.close()


def rows(index: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(index / DATABASE)
    found = connection.execute(sql).fetchall()
    connection.close()
    return found


def contents(index: Path) -> dict[str, object]:
    """All that can be cited, who is whose copy, and what is found, without the store's own numbers."""
    quotes = rows(
        index,
        "SELECT article_id, path, title, url, published, place, agency, articles.start, articles.end, sentences.start,"
        " sentences.end, sentences.line, paragraph, caption, substr(text.text, sentences.start + 1,"
        " sentences.end - sentences.start), (SELECT group_concat(copies.start || '-' || copies.end || ':' ||"
        " copies.line) FROM copies WHERE sentence = sentences.id) FROM sentences"
        " JOIN articles ON articles.id = sentences.article JOIN files ON files.id = file"
        " JOIN texts AS text ON text.id = articles.text ORDER BY path, sentences.start",
    )
    groups: dict[object, set[object]] = {}
    for leader, path, start in rows(
        index,
        "SELECT leader, path, min(sentences.start) FROM passages JOIN articles ON articles.id = passages.article"
        " JOIN files ON files.id = file JOIN sentences ON passage = passages.id GROUP BY passages.id",
    ):
        groups.setdefault(leader, set()).add((path, start))
    articles: dict[object, set[object]] = {}
    for leader, path, line in rows(
        index,
        "SELECT leader, path, line FROM article_groups JOIN articles USING (id) JOIN files ON files.id = file",
    ):
        articles.setdefault(leader, set()).add((path, line))
    store = LocalStore.open(index)
    found = {}
    with store.reading():
        for stem in ("ferri", "glass", "bridg", "mayor", "train"):
            hits = store.search_lexical([stem], top_k=10)
            found[stem] = sorted(
                {place.article.path for hit in hits for place in _places(store, hit.passage)}
                | {passage.article.path for passage in store.passages([hit.passage for hit in hits])}
            )
    store.close()
    return {
        "quotes": quotes,
        "groups": {frozenset(group) for group in groups.values()},
        "articles": {frozenset(group) for group in articles.values()},
        "found": found,
    }


def _places(store: LocalStore, passage: int) -> list:
    (record,) = store.passages([passage])
    return [place for places in store.places(record.sentences).values() for place in places]


def kinds(report: CheckReport) -> set[str]:
    return {problem.kind for problem in report.problems}


OF_FERRY = "(SELECT id FROM articles WHERE title LIKE 'Ferry%' ORDER BY id LIMIT 1)"
OF_BRIDGE = "(SELECT id FROM articles WHERE title LIKE 'Bridge%')"
OF_MUSEUM = "(SELECT id FROM articles WHERE title LIKE 'Glass%')"
VECTOR = f"(SELECT digest FROM passages WHERE article = {OF_MUSEUM})"
TAKEN_OUT = "taken out; the next `citewell index` reads its file again"
MADE_AGAIN = "made the article again from its stored text"
EMBEDDED = "taken out; the next `citewell index` embeds the passage again"

DAMAGE = {
    "a word of a text": (
        ["UPDATE texts SET text = replace(text, 'Friday', 'Sunday') WHERE text LIKE '%Murano%'"],
        {"text": TAKEN_OUT},
    ),
    "bytes that are no UTF-8 in a text": (
        ["UPDATE texts SET text = CAST(x'fffe41' || substr(CAST(text AS BLOB), 4) AS TEXT) WHERE text LIKE '%Murano%'"],
        {"text": TAKEN_OUT},
    ),
    "the digest of a text": (["UPDATE texts SET digest = zeroblob(16) WHERE id = 1"], {"text": TAKEN_OUT}),
    "a title": (["UPDATE articles SET title = 'Bridge Open' WHERE title LIKE 'Bridge%'"], {"article": TAKEN_OUT}),
    "a title that is no UTF-8": (
        [f"UPDATE articles SET title = CAST(x'ff' AS TEXT) WHERE id = {OF_FERRY}"],
        {"article": TAKEN_OUT},
    ),
    "a url": ([f"UPDATE articles SET url = url || '0' WHERE id = {OF_BRIDGE}"], {"article": TAKEN_OUT}),
    "a date": ([f"UPDATE articles SET published = '2025/05/01' WHERE id = {OF_BRIDGE}"], {"article": TAKEN_OUT}),
    "an extent": ([f'UPDATE articles SET "end" = "end" - 9 WHERE id = {OF_FERRY}'], {"article": TAKEN_OUT}),
    "the file of an article": (
        [f"UPDATE articles SET file = (SELECT id FROM files WHERE path LIKE '%b.txt') WHERE id = {OF_BRIDGE}"],
        {"article": TAKEN_OUT},
    ),
    "the text of an article": (
        [f"UPDATE articles SET text = (SELECT text FROM articles WHERE id = {OF_MUSEUM}) WHERE id = {OF_BRIDGE}"],
        {"sentence": TAKEN_OUT},
    ),
    "the path of a file": (["UPDATE files SET path = path || 'x' WHERE path LIKE '%b.txt'"], {"article": TAKEN_OUT}),
    "the beginning of a quote": (
        [f"UPDATE sentences SET start = start + 1 WHERE article = {OF_MUSEUM}"],
        {"sentence": MADE_AGAIN},
    ),
    "the beginning of a quote, of a type that is none": (
        [f"UPDATE sentences SET start = 'x' WHERE article = {OF_MUSEUM}"],
        {"sentence": MADE_AGAIN},
    ),
    "a quote with a seal that fits": (
        [
            (
                "UPDATE sentences SET start = start + 2,"
                ' seal = seal(passage, article, start + 2, "end", line, paragraph, caption, copy_key)'
                f" WHERE article = {OF_MUSEUM}"
            )
        ],
        {"sentence": MADE_AGAIN},
    ),
    "a line": ([f"UPDATE sentences SET line = line + 1 WHERE article = {OF_FERRY}"], {"sentence": MADE_AGAIN}),
    "a sentence in another article": (
        [f"UPDATE sentences SET article = {OF_FERRY} WHERE article = {OF_MUSEUM}"],
        {"sentence": MADE_AGAIN, "passage": MADE_AGAIN},
    ),
    "a lost sentence": (
        ["DELETE FROM sentences WHERE id = (SELECT max(id) FROM sentences WHERE article = " + OF_FERRY + ")"],
        {"passage": MADE_AGAIN},
    ),
    "a quote of an article whose record had another title": (
        [f"UPDATE sentences SET start = start + 1 WHERE article = {OF_BRIDGE}"],
        {"sentence": TAKEN_OUT},
    ),
    "a place where a sentence stands again": (
        ["UPDATE copies SET line = line + 1"],
        {"copy": MADE_AGAIN},
    ),
    "the key of a passage": (
        [f"UPDATE passages SET copy_key = 7 WHERE article = {OF_MUSEUM}"],
        {"passage": MADE_AGAIN},
    ),
    "the digest of a passage": (
        [f"UPDATE passages SET digest = zeroblob(16) WHERE article = {OF_MUSEUM}"],
        {"passage": MADE_AGAIN},
    ),
    "a lost passage": (
        ["PRAGMA foreign_keys = ON", f"DELETE FROM passages WHERE article = {OF_MUSEUM}"],
        {"passage": MADE_AGAIN},
    ),
    "a copy of nothing": (
        [f"UPDATE passages SET leader = 999 WHERE article = {OF_FERRY}"],
        {"leader": "grouped anew"},
    ),
    "a copy of something else": (
        [
            (
                f"UPDATE passages SET leader = (SELECT id FROM passages WHERE article = {OF_BRIDGE})"
                f" WHERE article = {OF_MUSEUM}"
            )
        ],
        {"leader": "grouped anew"},
    ),
    "a copy that stands for itself": (
        ["UPDATE passages SET leader = id WHERE article = (SELECT max(id) FROM articles WHERE title LIKE 'Ferry%')"],
        {"leader": "grouped anew"},
    ),
    "a wording whose first one is not the earliest": (
        [
            (
                "UPDATE wordings SET first = (SELECT max(id) FROM passages WHERE copy_key = wordings.copy_key)"
                " WHERE copy_key IN (SELECT copy_key FROM passages)"
            )
        ],
        {"leader": "grouped anew"},
    ),
    "a wording that no group is led by": (
        ["UPDATE wordings SET leads = 7 WHERE copy_key = (SELECT copy_key FROM passages LIMIT 1)"],
        {"leader": "grouped anew"},
    ),
    "lost wordings": (["DELETE FROM wordings"], {"leader": "grouped anew"}),
    "a wording of nothing": (["INSERT INTO wordings VALUES (7, 1, 7)"], {"leader": "grouped anew"}),
    "a near copy that is later than what it stands for": (
        [
            (
                "UPDATE wordings SET leads = (SELECT max(leads) FROM wordings WHERE copy_key != leads)"
                " WHERE copy_key IN (SELECT leads FROM wordings WHERE copy_key != leads)"
            )
        ],
        {"leader": "grouped anew"},
    ),
    "an article that is a copy of another one": (
        ["UPDATE article_groups SET leader = (SELECT min(id) FROM articles)"],
        {"leader": "grouped anew"},
    ),
    "the key of an article": (
        [f"UPDATE article_groups SET copy_key = 7 WHERE id = {OF_MUSEUM}"],
        {"passage": MADE_AGAIN},
    ),
    "an article that is in no group": ([f"DELETE FROM article_groups WHERE id = {OF_MUSEUM}"], {"passage": MADE_AGAIN}),
    "keys of nothing": (["INSERT INTO bands VALUES (7, 7)"], {"bands": "made again"}),
    "a changed band": (
        ["UPDATE bands SET key = key + 1 WHERE key = (SELECT min(key) FROM bands)"],
        {"bands": "made again"},
    ),
    "lost bands": (["DELETE FROM bands"], {"bands": "made again"}),
    "the outlet that an article is listed by": (
        [f"UPDATE listed SET outlet = 'x.example' WHERE article = {OF_BRIDGE}"],
        {"listing": "made again"},
    ),
    "the day that an article is listed by": (
        [f"UPDATE listed SET day = NULL WHERE article = {OF_BRIDGE}"],
        {"listing": "made again"},
    ),
    "articles that are not listed": (["DELETE FROM listed"], {"listing": "made again"}),
    "an article on the list that is not there": (
        ["INSERT INTO listed VALUES (999, 'x.example', NULL, 'x')"],
        {"reference": "taken out"},
    ),
    "a vector": (
        [f"UPDATE vectors SET vector = CAST(x'0102' || substr(vector, 3) AS BLOB) WHERE digest = {VECTOR}"],
        {"vector": EMBEDDED},
    ),
    "a vector of NaN": (
        [
            f"UPDATE vectors SET vector = CAST(x'007e' || substr(vector, 3) AS BLOB) WHERE digest = {VECTOR}",
            f"UPDATE vectors SET seal = seal(vector) WHERE digest = {VECTOR}",
        ],
        {"vector": EMBEDDED},
    ),
    "a short vector": (
        [
            f"UPDATE vectors SET vector = substr(vector, 3) WHERE digest = {VECTOR}",
            f"UPDATE vectors SET seal = seal(vector) WHERE digest = {VECTOR}",
        ],
        {"vector": EMBEDDED},
    ),
    "a lost vector": ([f"DELETE FROM vectors WHERE digest = {VECTOR}"], {"vector": EMBEDDED}),
    "what is known of a file": (
        ["UPDATE files SET size = 'x' WHERE path LIKE '%b.txt'"],
        {"file": "the next `citewell index` reads it again"},
    ),
    "a sentence of no passage": (
        [f"UPDATE sentences SET passage = 999 WHERE article = {OF_MUSEUM}"],
        {"reference": "taken out", "sentence": MADE_AGAIN, "passage": MADE_AGAIN},
    ),
    "a passage of no article": (
        [f"UPDATE passages SET article = 999 WHERE article = {OF_MUSEUM}"],
        {"reference": "taken out", "sentence": MADE_AGAIN, "passage": MADE_AGAIN},
    ),
    "an article of no file": (
        [f"UPDATE articles SET file = 999 WHERE id = {OF_MUSEUM}"],
        {"reference": "taken out", "article": TAKEN_OUT},
    ),
    "an article of no text": (
        [f"UPDATE articles SET text = 999 WHERE id = {OF_MUSEUM}"],
        {"reference": "taken out", "article": TAKEN_OUT},
    ),
}


def test_a_sound_index(index):
    before = contents(index)
    for mend in (True, False):
        report = check_index(index, mend=mend)
        assert (report.problems, report.mended, report.sound, report.incomplete) == ((), False, True, ())
        assert (report.articles, report.texts, report.passages, report.vectors) == (6, 5, 6, 5)
        assert (report.sentences, report.copies, report.waiting) == (len(before["quotes"]), 1, 0)
        assert report.search_files == len(json.loads(next(index.glob("search-*/manifest.json")).read_text())["files"])
    assert contents(index) == before
    assert json.loads(json.dumps(report.to_dict()))["articles"] == 6


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found_and_mended(index, corpus, tiny_encoder, name):
    before = contents(index)
    statements, expected = DAMAGE[name]
    change(index, *statements)
    seen = check_index(index, mend=False)
    assert kinds(seen) == set(expected)
    assert (seen.sound, seen.mended, {problem.done for problem in seen.problems}) == (False, False, {"nothing"})
    report = check_index(index)
    assert kinds(report) == set(expected)
    assert (report.sound, report.mended) == (True, True)
    for problem in report.problems:
        assert problem.done == expected[problem.kind]
    again = check_index(index)
    assert (again.problems, again.waiting) == ((), report.waiting)
    assert set(contents(index)["quotes"]) <= set(before["quotes"])
    lost = set(expected.values()) & {TAKEN_OUT, EMBEDDED}
    assert bool(report.incomplete) == bool(lost or name == "what is known of a file")
    if not lost:
        assert contents(index)["quotes"] == before["quotes"]
    built = build_index([corpus], index, encoder=tiny_encoder)
    assert contents(index) == before
    assert built.info.articles == 6
    assert bool(report.waiting) == (EMBEDDED in lost)
    assert lost or not tiny_encoder.encoded
    final = check_index(index)
    assert (final.problems, final.waiting) == ((), 0)


def test_nothing_that_was_damaged_can_be_quoted(index):
    change(index, *DAMAGE["a word of a text"][0])
    with pytest.raises(StoreDamaged, match="citewell check"):
        contents(index)
    check_index(index)
    assert not any("Sunday" in str(quote) or "Murano" in str(quote) for quote in contents(index)["quotes"])


def test_what_the_report_names(index, corpus):
    change(index, *DAMAGE["a url"][0], *DAMAGE["a vector"][0], *DAMAGE["the beginning of a quote"][0])
    (number,) = rows(index, f"SELECT article_id FROM articles WHERE id = {OF_MUSEUM}")[0]
    report = check_index(index)
    what = {problem.kind: problem.what for problem in report.problems}
    assert str(corpus / "news.jsonl") in what["article"]
    assert what["vector"] == f"a passage of {number} in {corpus / 'b.txt'}"
    assert what["sentence"].endswith(f"of {number} in {corpus / 'b.txt'}")
    assert report.incomplete == (str(corpus / "b.txt"), str(corpus / "news.jsonl"))


def test_much_damage_at_once(index, corpus, tiny_encoder):
    before = contents(index)
    for name in ("a word of a text", "a url", "a line", "a copy that stands for itself", "lost bands", "a lost vector"):
        change(index, *DAMAGE[name][0])
    shutil.rmtree(next(index.glob("search-*")))
    report = check_index(index)
    assert {"text", "article", "sentence", "bands", "search files"} <= kinds(report)
    assert report.mended
    assert check_index(index).problems == ()
    build_index([corpus], index, encoder=tiny_encoder)
    assert contents(index) == before


def test_only_the_damaged_vector_is_embedded_again_and_the_article_stays(index, corpus, tiny_encoder):
    before = contents(index)
    change(index, *DAMAGE["a vector"][0])
    assert check_index(index).waiting == 1
    assert contents(index)["quotes"] == before["quotes"]
    assert contents(index)["found"]["glass"] == []
    (corpus / "b.txt").unlink()  # the article itself is in the index
    report = build_index([corpus], index, encoder=tiny_encoder)
    assert tiny_encoder.encoded == [MUSEUM]
    assert report.passages_embedded == 1
    assert contents(index) == before


def test_what_is_embedded_again_is_found_where_search_files_are_in_parts(index, tiny_encoder):
    vector = rows(index, f"SELECT vector FROM vectors WHERE digest = {VECTOR}")[0][0]
    change(index, *DAMAGE["a lost vector"][0])
    check_index(index)
    database = Database.open(index)
    with write_lock(index):
        writer = Writer(database, Publisher(database, merged_below=0))
        assert writer.unembedded() == [MUSEUM]
        writer.embed(dict.fromkeys(writer.without_vector([MUSEUM]), vector))
        assert writer.unembedded() == []
    database.close()
    assert len(contents(index)["found"]["glass"]) == 1
    build_index([index.parent / "articles"], index, encoder=tiny_encoder)
    assert check_index(index).problems == ()


def test_an_article_is_made_again_although_its_file_is_gone(index, corpus):
    before = contents(index)
    for file in corpus.iterdir():
        file.unlink()
    change(index, *DAMAGE["the beginning of a quote"][0], *DAMAGE["a line"][0])
    assert check_index(index).incomplete == ()
    assert contents(index) == before


@pytest.mark.parametrize("damage", ["missing", "vectors", "words", "manifest", "another commit", "too few"])
def test_search_files(index, damage, tiny_encoder):
    before = contents(index)
    (folder,) = index.glob("search-*")
    manifest = folder / "manifest.json"
    if damage == "missing":
        shutil.rmtree(folder)
    elif damage == "manifest":
        manifest.write_text("{}")
    elif damage == "another commit":
        change(index, "UPDATE meta SET value = 'x' WHERE key = 'commit'")
    elif damage == "too few":
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"gone": [1]}))
    else:
        flip(next(folder.glob("vectors-*" if damage == "vectors" else "lexical/*.term")), 0.5)
    assert kinds(check_index(index, mend=False)) == {"search files"}
    report = check_index(index)
    assert [(each.kind, each.done) for each in report.problems] == [("search files", "made again")]
    assert (report.mended, report.incomplete) == (True, ())
    assert check_index(index).problems == ()
    assert contents(index) == before
    assert tiny_encoder.encoded == []


def test_search_files_that_hold_what_the_database_does_not(index):
    change(index, "PRAGMA foreign_keys = ON", f"DELETE FROM articles WHERE id = {OF_MUSEUM}")
    change(index, "DELETE FROM texts WHERE id NOT IN (SELECT text FROM articles)")
    held = "(SELECT copy_key FROM passages UNION SELECT copy_key FROM article_groups)"
    change(
        index, f"DELETE FROM wordings WHERE copy_key NOT IN {held}", f"DELETE FROM bands WHERE wording NOT IN {held}"
    )
    (problem,) = check_index(index).problems
    assert (problem.kind, problem.done) == ("search files", "made again")
    assert "expected 3" in problem.found
    assert contents(index)["found"]["glass"] == []


def flip(path: Path, where: float) -> None:
    """Flip a bit at a share of a file's length."""
    data = bytearray(path.read_bytes())
    data[int(where * len(data))] ^= 0x01
    path.write_bytes(data)


def places_of(index: Path, what: str) -> list[int]:
    data, found = (index / DATABASE).read_bytes(), []
    while (at := data.find(what.encode(), found[-1] + 1 if found else 0)) >= 0:
        found.append(at)
    return found


def test_bits_that_flip_on_the_disk(index, corpus, tiny_encoder):
    """An article's id stands in a table and in an index of it, a title in one place."""
    before = contents(index)
    (number,) = rows(index, f"SELECT article_id FROM articles WHERE id = {OF_MUSEUM}")[0]
    size = (index / DATABASE).stat().st_size
    places = [*places_of(index, number), *places_of(index, "Glass Museum Opens"), *places_of(index, "Murano")]
    assert len(places) >= 4
    index.rename(index.parent / "whole")
    for place in places:
        shutil.rmtree(index, ignore_errors=True)
        shutil.copytree(index.parent / "whole", index)
        flip(index / DATABASE, (place + 0.5) / size)
        report = check_index(index)
        assert kinds(report) <= {"database", "article", "text"}
        assert report.mended
        assert "Murano" in str(contents(index)) or report.incomplete == (str(corpus / "b.txt"),)
        assert check_index(index).problems == ()
        build_index([corpus], index, encoder=tiny_encoder)
        assert contents(index) == before


def test_an_index_that_sqlite_cannot_read(index):
    data = bytearray((index / DATABASE).read_bytes())
    page = int.from_bytes(data[16:18], "big")
    for at in range(2 * page, len(data), page):
        data[at : at + 8] = b"\xff" * 8
    (index / DATABASE).write_bytes(data)
    kept = (index / DATABASE).read_bytes()
    for mend in (True, False):
        with pytest.raises(StoreDamaged, match="index"):
            check_index(index, mend=mend)
    assert (index / DATABASE).read_bytes() == kept


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE meta SET value = 'x' WHERE key = 'change'",
        "UPDATE meta SET value = '{}' WHERE key = 'encoder'",
        "UPDATE meta SET value = replace(value, '64', '65') WHERE key = 'encoder'",
        "DELETE FROM meta WHERE key = 'encoder'",
    ],
)
def test_facts_that_nothing_else_tells_are_no_reason_to_take_all_out(index, statement):
    change(index, statement)
    with pytest.raises(StoreDamaged) as caught:
        check_index(index)
    assert "make" in str(caught.value)
    assert len(rows(index, "SELECT * FROM vectors")) == 5


def test_an_error_while_mending_leaves_all_as_it_was(index, monkeypatch):
    change(index, *DAMAGE["a title"][0])
    before = (
        rows(index, "SELECT * FROM articles"),
        rows(index, "SELECT * FROM files"),
        rows(index, "SELECT * FROM meta"),
    )
    with monkeypatch.context() as patched:

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        patched.setattr("index.store.publish._write_manifest", full)
        with pytest.raises(StoreError, match="free some space"):
            check_index(index)
    after = rows(index, "SELECT * FROM articles"), rows(index, "SELECT * FROM files"), rows(index, "SELECT * FROM meta")
    assert after == before
    assert check_index(index).mended


def test_what_is_still_damaged_afterwards_is_not_called_mended(index, monkeypatch):
    change(index, *DAMAGE["a changed band"][0])
    monkeypatch.setattr("index.store.mend.Mender.mend", lambda *_: Mended(frozenset(), ()))
    report = check_index(index)
    assert (report.sound, report.mended) == (False, False)
    assert {(each.kind, each.done) for each in report.problems} == {("bands", "could not be mended")}


def test_nobody_writes_meanwhile(index):
    with write_lock(index):
        for mend in (True, False):
            with pytest.raises(StoreLocked, match=f"process {os.getpid()}"):
                check_index(index, mend=mend)


def test_a_folder_that_cannot_be_written_to_can_be_looked_at(index, monkeypatch):
    def refused(_: Path) -> None:
        raise StoreError("the index folder cannot be written to")

    monkeypatch.setattr("index.check.write_lock", refused)
    assert check_index(index, mend=False).problems == ()
    with pytest.raises(StoreError, match="cannot be written to"):
        check_index(index)


def test_no_index(tmp_path):
    with pytest.raises(StoreNotFound, match="citewell index"):
        check_index(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_asking_goes_on_while_it_is_checked(index):
    store = LocalStore.open(index)
    change(index, *DAMAGE["a line"][0])
    assert check_index(index).mended
    assert store.search_lexical(["ferri"], top_k=5)
    store.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_is_added_changed_and_removed_is_sound(tmp_path, tiny_encoder, seed):
    """Texts made of few sentences and slight changes of them: groups form, lose their first, and form anew."""
    drawn = random.Random(seed)

    def text() -> str:
        lines = []
        for sentence in drawn.choices([*FERRY, MUSEUM, MAYOR], k=drawn.randint(1, 2)):
            words = sentence.split()
            words[drawn.randrange(len(words))] = drawn.choice(["other", "The", words[0].upper()])
            lines.append(" ".join(words) if drawn.random() < 0.5 else sentence)
        return "\n\n".join(["A Headline of Some Words", *lines]) + "\n"

    folder = tmp_path / "articles"
    folder.mkdir()
    duplicates = 0
    for _ in range(6):
        for number in drawn.sample(range(10), 4):
            (folder / f"{number}.txt").write_text(text(), "utf-8")
        gone = drawn.choice(sorted(folder.iterdir()))
        gone.unlink()
        report = build_index([folder], tmp_path / "index", encoder=tiny_encoder, prune=True, yes_remove=True)
        duplicates += report.info.duplicates
        assert check_index(tmp_path / "index", mend=False).problems == ()
    assert duplicates > 2


def test_progress_is_told(index):
    stages = []
    check_index(index, progress=lambda progress: stages.append(progress.stage))
    assert list(dict.fromkeys(stages)) == ["checking texts", "checking articles", "checking vectors"]
