"""Files that come by way of the page: safe names, whole or not at all, and never one over another."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.articles import SUFFIXES
from index.errors import ArticlesError
from ui import uploads
from ui.uploads import MOST_FILES, Uploads, safe_name


def sent(kept: Uploads, name: str, *chunks: bytes) -> str:
    incoming = kept.begin(name)
    for chunk in chunks:
        kept.write(incoming, chunk)
    return kept.finish(incoming)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.txt", "report.txt"),
        ("../../../etc/passwd.txt", "passwd.txt"),
        ("..\\..\\boot.TXT", "boot.txt"),
        ("/etc/cron.d/x.jsonl.gz", "x.jsonl.gz"),
        (".hidden.txt", "hidden.txt"),
        (".txt", "article.txt"),
        ("....txt", "article.txt"),
        ("a\x00b\n\u202ec.txt", "a_b__c.txt"),
        ("CON.txt", "_CON.txt"),
        ("com1.old.txt", "_com1.old.txt"),
        ("Zürich – Bericht (2).txt", "Zürich _ Bericht (2).txt"),
        ("<img src=x onerror=alert(1)>.txt", "_img src_x onerror_alert(1)_.txt"),
        ("x" * 300 + ".txt", "x" * 80 + ".txt"),
        ("字" * 300 + ".txt", "字" * 53 + ".txt"),
    ],
)
def test_names_are_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize("name", ["", "a", "a.exe", "a.txt/", "a.txt.html.php", "..", "a.txt\\..", "a.txt\x00.sh"])
def test_other_kinds_are_refused(name: str) -> None:
    with pytest.raises(ArticlesError, match="expected one of"):
        safe_name(name)


@given(st.text(), st.sampled_from(SUFFIXES))
def test_no_name_leaves_the_folder_or_hides(name: str, suffix: str) -> None:
    safe = safe_name(name + suffix)
    assert PurePosixPath(safe).name == PureWindowsPath(safe).name == safe
    assert not safe.startswith(".")
    assert safe.isprintable()
    assert len(safe.encode()) < 200
    assert safe_name(safe) == safe


def test_a_changed_file_of_the_same_name_gets_a_number(tmp_path: Path) -> None:
    kept = Uploads(tmp_path / "own")
    first, new = kept.keep(sent(kept, "a.txt", b"one ", b"two"))
    assert (first, new, first.read_bytes()) == (tmp_path / "own" / "a.txt", True, b"one two")
    assert kept.keep(sent(kept, "sub/a.txt", b"one two")) == (first, False)
    second, new = kept.keep(sent(kept, "a.txt", b"three"))
    assert (second.name, new, second.read_bytes()) == ("a-2.txt", True, b"three")
    assert kept.keep(sent(kept, "a.txt", b"three")) == (second, False)
    assert kept.keep(sent(kept, "a.txt", b""))[0].name == "a-3.txt"
    assert sorted(path.name for path in kept.folder.iterdir()) == ["a-2.txt", "a-3.txt", "a.txt"]
    assert first.read_bytes() == b"one two"


def test_nothing_is_written_over_a_link(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"secret")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.txt").symlink_to(secret)
    (tmp_path / "own" / "b.txt").symlink_to(tmp_path / "nowhere")
    kept = Uploads(tmp_path / "own")
    assert kept.keep(sent(kept, "a.txt", b"new"))[0].name == "a-2.txt"
    assert kept.keep(sent(kept, "b.txt", b"new"))[0].name == "b-2.txt"
    assert secret.read_bytes() == b"secret"
    assert not (tmp_path / "nowhere").exists()


def test_where_a_disk_has_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(uploads.os, "link", refuses)
    kept = Uploads(tmp_path / "own")
    assert kept.keep(sent(kept, "a.txt", b"one"))[0].read_bytes() == b"one"
    assert kept.keep(sent(kept, "a.txt", b"two"))[0].name == "a-2.txt"


def test_too_long_too_many_and_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_FILE_BYTES", 10)
    kept = Uploads(tmp_path / "own")
    incoming = kept.begin("a.txt")
    kept.write(incoming, b"x" * 10)
    with pytest.raises(ArticlesError, match="longer than 10 bytes"):
        kept.write(incoming, b"x")
    for token in (incoming.token, "0" * 32, "../a.txt"):
        with pytest.raises(ArticlesError, match="not there any more"):
            kept.keep(token)
    assert not (kept.folder / ".incoming").exists()
    tokens = [sent(kept, f"{number}.txt", b"x") for number in range(MOST_FILES)]
    with pytest.raises(ArticlesError, match="wait to be added"):
        kept.begin("more.txt")
    kept.forget(tokens[0])
    unfinished = kept.begin("more.txt")
    with pytest.raises(ArticlesError, match="not there any more"):
        kept.keep(unfinished.token)
    monkeypatch.setattr(uploads, "_FORGOTTEN", -1.0)
    later = kept.begin("later.txt")
    assert [path.name for path in (kept.folder / ".incoming").iterdir()] == [later.token]
    kept.forget(later.token)
    assert list(kept.folder.iterdir()) == []


def test_only_own_files_are_discarded(tmp_path: Path) -> None:
    kept = Uploads(tmp_path / "own")
    other = tmp_path / "other.txt"
    other.write_bytes(b"x")
    path, _ = kept.keep(sent(kept, "a.txt", b"x"))
    kept.discard(other)
    kept.discard(path)
    assert (other.exists(), path.exists()) == (True, False)
