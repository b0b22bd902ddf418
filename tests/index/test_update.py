"""Bringing an index up to date: what is read again, what goes, and what is kept for safety."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import index.reading.tasks
from index.articles import read_file
from index.build import build_index, update_index
from index.errors import ArticlesError
from index.missing import is_gone
from index.store.database import DATABASE
from index.store.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from index.types import Skipped, Source


def text(number: int) -> str:
    words = " ".join(f"word{number * 30 + step}" for step in range(25))
    return f"Report Number {number} Is Out\n\nThe report of day {number} counted {words} before noon.\n"


def put(path: Path, number: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(number), "utf-8")
    return path


def stored(folder: Path) -> list[str]:
    """The names of the files of all articles, one for each article."""
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        rows = connection.execute("SELECT path FROM articles JOIN files ON files.id = file").fetchall()
    return sorted(Path(row[0]).name for row in rows)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    for number in range(3):
        put(folder / f"{number}.txt", number)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.mark.parametrize(
    ("total", "gone", "goes"),
    [
        (2, 1, True),
        (10, 9, True),
        (60, 10, True),
        (60, 12, True),
        (60, 13, False),
        (20, 11, False),
        (1, 1, False),
        (2, 2, False),
        (8, 8, False),
    ],
)
def test_how_many_may_go_at_once(tmp_path, folder, tiny_encoder, total, gone, goes):
    root = tmp_path / "many"
    for number in range(total):
        put(root / f"{number:02}.txt", number)
    build_index([root], folder, encoder=tiny_encoder)
    for number in range(gone):
        (root / f"{number:02}.txt").unlink()
    if goes:
        report = build_index([root], folder, encoder=tiny_encoder, prune=True)
        assert (report.articles_removed, report.info.articles, report.missing) == (gone, total - gone, ())
        return
    with pytest.raises(ArticlesError, match=f"{gone} of {total} articles .*--yes-remove"):
        build_index([root], folder, encoder=tiny_encoder, prune=True)
    assert len(stored(folder)) == total
    build_index([root], folder, encoder=tiny_encoder, prune=True, yes_remove=True)
    assert len(stored(folder)) == total - gone


def test_what_else_changed_is_stored_when_a_removal_is_refused(root, folder, tiny_encoder):
    build_index([root], folder, encoder=tiny_encoder)
    other = put(root.parent / "others" / "other.txt", 9).parent
    shutil.rmtree(root)
    root.mkdir()
    with pytest.raises(ArticlesError, match="3 of 3 articles"):
        build_index([root, other], folder, encoder=tiny_encoder, prune=True)
    assert stored(folder) == ["0.txt", "1.txt", "2.txt", "other.txt"]
    with closing(LocalStore.open(folder)) as store, store.reading():
        assert store.search_lexical(["word275"], top_k=1)
    assert update_index([root, other], folder, encoder=tiny_encoder).missing == tuple(
        str(root / f"{number}.txt") for number in range(3)
    )


def test_articles_that_stand_elsewhere_as_well_do_not_count(tmp_path, folder, tiny_encoder):
    root = tmp_path / "many"
    for number in range(30):
        put(root / "before" / f"{number}.txt", number)
    build_index([root], folder, encoder=tiny_encoder)
    tiny_encoder.encoded.clear()
    (root / "before").rename(root / "after")
    report = build_index([root], folder, encoder=tiny_encoder, prune=True)
    assert (report.articles_added, report.articles_removed, report.info.articles) == (30, 30, 30)
    assert tiny_encoder.encoded == []


def test_only_what_is_below_the_paths_is_removed(root, folder, tiny_encoder):
    other = put(root.parent / "articles-of-others" / "other.txt", 9)
    build_index([root, other], folder, encoder=tiny_encoder)
    other.unlink()
    (root / "1.txt").unlink()
    assert build_index([root], folder, encoder=tiny_encoder, prune=True).articles_removed == 1
    assert stored(folder) == ["0.txt", "2.txt", "other.txt"]


def test_a_folder_in_the_place_of_a_file(root, folder, tiny_encoder):
    build_index([root], folder, encoder=tiny_encoder)
    (root / "0.txt").unlink()
    put(root / "0.txt" / "inner.txt", 5)
    build_index([root], folder, encoder=tiny_encoder, prune=True)
    assert stored(folder) == ["1.txt", "2.txt", "inner.txt"]


def test_what_may_not_be_looked_at_is_not_gone(tmp_path, monkeypatch):
    assert is_gone(str(tmp_path / "nowhere" / "a.txt"))
    assert is_gone(str(put(tmp_path / "a.txt", 1) / "below"))
    assert not is_gone(str(tmp_path / "a.txt"))

    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "stat", refuse)
    assert not is_gone(str(tmp_path / "nowhere"))


def test_only_what_is_named_is_looked_at(root, folder, tiny_encoder):
    build_index([root], folder, encoder=tiny_encoder)
    put(root / "0.txt", 10)
    put(root / "1.txt", 11)
    (root / "2.txt").unlink()
    put(root / "new" / "3.txt", 3)
    put(root / "new" / "4.txt", 4)
    report = update_index([root], folder, encoder=tiny_encoder, changed=[root / "0.txt", root / "new"])
    assert (report.files_read, report.articles_removed) == (3, 1)
    assert stored(folder) == ["0.txt", "1.txt", "2.txt", "3.txt", "4.txt"]
    put(root.parent / "outside.txt", 5)
    named = [root / "1.txt", root / "2.txt", root / "nowhere", root.parent / "outside.txt"]
    report = update_index([root], folder, encoder=tiny_encoder, changed=named)
    assert (report.files_read, report.articles_removed) == (1, 2)
    assert stored(folder) == ["0.txt", "1.txt", "3.txt", "4.txt"]


def test_a_file_that_is_named_is_compared_by_content(root, folder, tiny_encoder):
    build_index([root], folder, encoder=tiny_encoder)
    path = root / "1.txt"
    before = path.stat()
    path.write_text(text(1).replace("noon", "dawn"), "utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert update_index([root], folder, encoder=tiny_encoder, changed=[root]).files_read == 0
    assert update_index([root], folder, encoder=tiny_encoder, changed=[path]).files_read == 1
    report = update_index([root], folder, encoder=tiny_encoder, changed=[path])
    assert (report.files_read, report.files_unchanged) == (0, 1)


def test_with_no_index_yet_all_is_read(root, folder, tiny_encoder):
    report = update_index([root], folder, encoder=tiny_encoder, changed=[root / "1.txt"])
    assert report.info.articles == 3


def during(monkeypatch: pytest.MonkeyPatch, path: Path, what: Any) -> None:
    """Have something happen while a file is being read."""

    def read(each: Path, *args: Any, **options: Any) -> Iterator[Source | Skipped]:
        yield from read_file(each, *args, **options)
        if each == path:
            what()

    monkeypatch.setattr(index.reading.tasks, "read_file", read)


def test_a_file_that_changes_while_it_is_read_keeps_its_articles_until_the_next_time(
    root, folder, tiny_encoder, monkeypatch
):
    build_index([root], folder, encoder=tiny_encoder)
    path = put(root / "1.txt", 11)
    with monkeypatch.context() as patch:
        during(patch, path, lambda: path.write_text(text(12) + text(13)))
        report = build_index([root], folder, encoder=tiny_encoder)
    assert [each.reason for each in report.skipped] == ["changed while it was read; it is read again the next time"]
    assert (report.articles_added, report.articles_removed) == (0, 0)
    report = build_index([root], folder, encoder=tiny_encoder)
    assert (report.skipped, report.articles_removed) == ((), 1)


@pytest.mark.parametrize("prune", [False, True])
def test_a_file_that_goes_while_it_is_read_keeps_its_articles(root, folder, tiny_encoder, monkeypatch, prune):
    build_index([root], folder, encoder=tiny_encoder)
    path = put(root / "1.txt", 11)
    with monkeypatch.context() as patch:
        during(patch, path, path.unlink)
        report = build_index([root], folder, encoder=tiny_encoder, prune=prune)
    assert [each.path for each in report.skipped] == [str(path)]
    assert report.articles_removed == 0
    assert stored(folder) == ["0.txt", "1.txt", "2.txt"]
    assert build_index([root], folder, encoder=tiny_encoder, prune=True).articles_removed == 1


def test_a_file_that_cannot_be_read_to_its_end_loses_nothing(tmp_path, folder, tiny_encoder):
    path = tmp_path / "news.jsonl.gz"
    records = [json.dumps({"text": text(number), "title": os.urandom(30).hex()}) + "\n" for number in range(200)]
    whole = gzip.compress("".join(records).encode())
    path.write_bytes(whole)
    assert build_index([path], folder, encoder=tiny_encoder).info.articles == 200
    path.write_bytes(gzip.compress("".join(["\n", *records]).encode())[: len(whole) // 2])
    report = build_index([path], folder, encoder=tiny_encoder)
    assert (report.articles_removed, report.info.articles >= 200, len(report.skipped)) == (0, True, 1)
    path.write_bytes(whole)
    report = build_index([path], folder, encoder=tiny_encoder)
    assert (report.info.articles, report.skipped) == (200, ())


def test_an_index_among_its_articles_is_none_of_them(root, tiny_encoder):
    folder = root / "index"
    build_index([root], folder, encoder=tiny_encoder)
    report = build_index([root], folder, encoder=tiny_encoder)
    assert (report.files_unchanged, report.skipped) == (3, ())
    put(folder / "articles" / "4.txt", 4)
    assert build_index([folder / "articles"], folder, encoder=tiny_encoder).articles_added == 1
