"""Reading files: what is found, what is decoded, and what is left out with a reason."""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import index.formats.base
from index.articles import decode, find_changed, find_files, read_file
from index.errors import ArticlesError
from index.types import Skipped, Source


def one(path: Path) -> Source | Skipped:
    (found,) = read_file(path)
    return found


def reason(path: Path) -> str:
    found = one(path)
    assert isinstance(found, Skipped)
    assert found.path == str(path)
    return found.reason


def test_folder_in_sorted_order_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.jsonl", "a/y.TXT", ".hidden.txt", ".git/c.txt", "c.jsonl.gz", "d.text"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    found = [path.relative_to(tmp_path).as_posix() for path in find_files(tmp_path) if isinstance(path, Path)]
    assert found == ["a/y.TXT", "a/z.jsonl", "b.txt", "c.jsonl.gz", "d.text"]


def test_other_formats_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    (tmp_path / "README").write_text("x")
    reasons = [skipped.reason for skipped in find_files(tmp_path) if isinstance(skipped, Skipped)]
    assert reasons[0].startswith("no suffix; expected .txt")
    assert reasons[1].startswith("unknown format .png; expected .txt")


def test_a_named_file_may_have_any_suffix(tmp_path: Path) -> None:
    path = tmp_path / "story.odd"
    path.write_text("Some text.")
    assert list(find_files(path)) == [path]
    assert one(path) == Source(path=str(path), text="Some text.")


@pytest.mark.parametrize("name", ["missing", "nul\0byte"])
def test_nothing_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArticlesError, match=r"found nothing at .*; expected a file .* or a folder"):
        list(find_files(tmp_path / name))


def test_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("Text.")
    monkeypatch.chdir(tmp_path)
    assert list(find_files(Path("x/../a.txt"))) == [tmp_path / "a.txt"]
    assert one(Path("a.txt")) == Source(path=str(tmp_path / "a.txt"), text="Text.")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_links(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "out.txt").write_text("secret")
    (folder / "a.txt").write_text("a")
    for name, target in (
        ("b.txt", "a.txt"),
        ("c.txt", "../out.txt"),
        ("d.txt", "gone"),
        ("sub/up", ".."),
        ("e.txt", "e.txt"),
    ):
        (folder / name).symlink_to(target)
    found = list(find_files(folder))
    assert [path.name for path in found if isinstance(path, Path)] == ["a.txt", "b.txt"]
    reasons = {Path(skipped.path).name: skipped.reason for skipped in found if isinstance(skipped, Skipped)}
    assert reasons["c.txt"] == "a link that leaves the folder"
    assert reasons["d.txt"] == reasons["e.txt"] == "a link that leads nowhere"
    assert reasons["up"] == "a link to a folder that is read at its own place"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes there")
def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert [type(found) for found in find_files(tmp_path)] == [Skipped]
    assert reason(tmp_path / "pipe.txt") == "not a regular file"


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_the_path_that_is_named_may_be_a_link(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.txt").write_text("a")
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "link.md").symlink_to(folder / "sub" / "a.txt")
    assert list(find_files(tmp_path / "link")) == [tmp_path / "link" / "sub" / "a.txt"]
    assert list(find_files(tmp_path / "link.md")) == [tmp_path / "link.md"]


def test_what_changed_is_found_as_it_is_from_the_top(tmp_path: Path) -> None:
    for name in ("a.txt", "sub/b.txt", "sub/deep/c.txt", "sub/.hidden/d.txt", ".git/e.txt", "notes.odd"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    found = [path for path in find_files(tmp_path) if isinstance(path, Path)]
    for path in (tmp_path, *tmp_path.rglob("*")):
        below = [each for each in found if each.is_relative_to(path)]
        assert [each for each in find_changed(path, tmp_path) if isinstance(each, Path)] == below
    assert list(find_changed(tmp_path / "gone.txt", tmp_path)) == []
    assert list(find_changed(tmp_path / "notes.odd", tmp_path / "notes.odd")) == [tmp_path / "notes.odd"]
    (skipped,) = find_changed(tmp_path / "notes.odd", tmp_path)
    assert isinstance(skipped, Skipped)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_what_changed_behind_a_link_is_not_found(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    for path in (folder / "sub" / "a.txt", tmp_path / "out" / "b.txt"):
        path.write_text("x")
    (folder / "inner").symlink_to("sub")
    (folder / "outer").symlink_to(tmp_path / "out")
    (folder / "loop").symlink_to(".")
    for name in ("inner/a.txt", "outer/b.txt", "loop/sub/a.txt", "loop/loop/sub/a.txt"):
        assert (folder / name).exists()
        assert list(find_changed(folder / name, folder)) == []
    assert [type(each) for name in ("inner", "outer", "loop") for each in find_changed(folder / name, folder)] == [
        Skipped
    ] * 3


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes only there")
def test_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt"))
    path.write_text("Text.")
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9"))
    folder.mkdir()
    (folder / "a.txt").write_text("Text.")
    reason = "its name is not UTF-8 text; rename it"
    expected = [Skipped(f"{tmp_path}/caf\\xe9.txt", reason), Skipped(f"{tmp_path}/\\xe9", reason)]
    assert list(find_files(tmp_path)) == expected
    assert [*find_files(path), *find_files(folder)] == expected
    assert list(find_changed(path, tmp_path)) == expected[:1]
    source = one(path)
    assert isinstance(source, Source)
    source.path.encode("utf-8")


def test_a_name_of_two_lines(tmp_path: Path) -> None:
    path = tmp_path / "two\nlines.txt"
    try:
        path.write_text("Text.")
    except OSError:
        pytest.skip("no such names there")
    assert list(find_files(tmp_path)) == [path]
    assert one(path) == Source(path=str(path), text="Text.")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \r\n\t\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\x00\x01\x02", "NUL"),
        (bytes(range(1, 32)) * 20, "control codes"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(128, 256)), "no"),
        (b"\xff\xfea", "breaks it"),
    ],
)
def test_no_text(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    assert words in reason(path)


def test_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index.formats.base, "MAX_TEXT_BYTES", 100)
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * 100)
    assert isinstance(one(path), Source)
    path.write_bytes(b"x" * 101)
    assert "longer than 100 bytes" in reason(path)
    records = tmp_path / "a.jsonl"
    long = json.dumps({"text": "x" * 500})
    records.write_text(f'{long}\n{{"text": "short"}}\n')
    first, second = read_file(records)
    assert isinstance(first, Skipped)
    assert (first.line, first.reason) == (1, "the line is longer than 100 bytes")
    assert second == Source(path=str(records), text="short", line=2)


def test_vanished_and_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No such file" in reason(tmp_path / "gone.txt")
    path = tmp_path / "a.txt"
    path.write_text("x")

    def refuse(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert reason(path) == "cannot be read: Permission denied"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Plain words.\r\nTwo lines.\n", "utf-8"),
        ("“Curly” – naïve\n", "utf-8"),
        ("“Curly” – naïve\n", "utf-8-sig"),
        ("“Curly” – naïve\n", "utf-16"),
        ("“Curly” – naïve\n", "utf-32"),
        ("It was déjà vu, the café’s owner said in “naïve” wonder; the façade had been altered. " * 5, "cp1252"),
        ("Премьер-министр заявил, что переговоры будут продолжены на следующей неделе. " * 5, "cp1251"),
    ],
)
def test_decode(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding))[0] == text


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_utf8_comes_back_verbatim(text: str) -> None:
    assert decode(text.encode()) == (text.removeprefix("\ufeff"), "utf-8")


@given(st.binary(max_size=300))
def test_decode_never_raises_anything_else(data: bytes) -> None:
    try:
        text, _ = decode(data)
    except UnicodeError:
        pytest.fail("an error of the codec came through")
    except ValueError:
        return
    text.encode("utf-8")


BAD_LINES = [
    ("{", "not JSON"),
    ("[1]", "found a list"),
    ('{"title": "t"}', 'found no "text"'),
    ('{"text": "  "}', 'found no "text"'),
    ('{"text": 3}', '"text" is a int'),
    ('{"text": "t", "url": ["u"]}', '"url" is a list'),
    ('{"text": "a \\ud800 b"}', "surrogate"),
    ('{"text": "t", "title": "\\udfff"}', "surrogate"),
    ('{"text": "a\\u0000b"}', "NUL"),
    ("[" * 100_000, "not"),
]


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_records(tmp_path: Path, suffix: str) -> None:
    good = {"url": "https://n.example/1", "title": "T", "published": "2025-03-26", "text": "One\r\ntwo.", "more": 1}
    lines = [
        "\ufeff" + json.dumps(good),
        "",
        *(line for line, _ in BAD_LINES),
        json.dumps({"text": "last", "url": None}),
    ]
    data = "\n".join(lines).encode() + b'\n{"text": "\xe9"}\n'
    path = tmp_path / f"a{suffix}"
    path.write_bytes(gzip.compress(data) if suffix.endswith(".gz") else data)
    first, *bad, last, latin = read_file(path)
    assert first == Source(str(path), "One\r\ntwo.", 1, "https://n.example/1", "T", "2025-03-26")
    assert last == Source(path=str(path), text="last", line=len(lines))
    assert isinstance(latin, Skipped)
    assert "not UTF-8" in latin.reason
    for number, (skipped, (_, words)) in enumerate(zip(bad, BAD_LINES, strict=True), start=3):
        assert isinstance(skipped, Skipped)
        assert skipped.line == number
        assert words in skipped.reason


def test_broken_gzip_keeps_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(b"no gzip at all")
    assert "cannot be read" in reason(path)
    whole = gzip.compress(
        "".join(json.dumps({"text": f"article {i} {os.urandom(50).hex()}"}) + "\n" for i in range(500)).encode()
    )
    path.write_bytes(whole[: len(whole) // 2])
    *sources, end = read_file(path)
    assert len(sources) > 100
    assert all(isinstance(source, Source) for source in sources[:100])
    assert isinstance(end, Skipped)
    assert end.unfinished


@pytest.mark.parametrize(
    ("end", "unfinished"),
    [(b'{"text": "tw', True), (b'{"text": "caf\xc3', True), (b"{broken\n", False), (b'{"text": 2}', False)],
)
def test_a_file_that_ends_in_half_a_record_is_unfinished(tmp_path: Path, end: bytes, unfinished: bool) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "one"}\n{broken\n' + end)
    first, second, last = read_file(path)
    assert first == Source(str(path), "one", 1)
    assert isinstance(second, Skipped)
    assert isinstance(last, Skipped)
    assert (second.line, second.unfinished, last.line, last.unfinished) == (2, False, 3, unfinished)


def test_no_record(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n\n")
    assert reason(path) == "empty: there is no record in it"
