"""The watch: real files, the system's own notifications, and an index that is asked while it changes."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import index.changes
import index.watch
from index.build import build_index
from index.changes import Changes
from index.errors import ArticlesError, CitewellError, EncoderError, EncoderMismatch, StoreLocked
from index.store.database import DATABASE
from index.store.writer import write_lock
from index.watch import _Watch, watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from index.build import BuildReport
QUIET = 0.05
PATIENCE = 10.0
TOWNS = ("Bergen", "Tromsø", "Molde", "Alta", "Hamar", "Narvik", "Bodø", "Larvik", "Moss", "Halden", "Skien", "Røros")

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="names are bytes only there")
no_links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")


def text(number: int) -> str:
    """An article of its own: no near copy of one with another number."""
    town = TOWNS[number % len(TOWNS)]
    words = " ".join(f"{town.lower()}{number * 7 + step}" for step in range(20))
    return f"The Mayor of {town} Resigns\n\nMayor number {number} of {town} counted {words} before leaving on Monday.\n"


def put(path: Path, number: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(number), "utf-8")
    return path


def stored(index: Path) -> dict[str, set[str]]:
    """The paths of all articles in an index, each with the ids of its articles."""
    found: dict[str, set[str]] = {}
    with closing(sqlite3.connect((index / DATABASE).absolute().as_uri() + "?mode=ro", uri=True)) as connection:
        for path, article in connection.execute("SELECT path, article_id FROM articles JOIN files ON files.id = file"):
            found.setdefault(path, set()).add(article)
    return found


def names(index: Path, root: Path) -> set[str]:
    """The paths of all articles, relative to the folder."""
    return {Path(path).relative_to(root).as_posix() for path in stored(index)}


class Watching:
    """A watch in a thread of its own, and what it reported."""

    def __init__(self, paths: list[Path], index: Path, encoder: Any, **options: Any) -> None:
        self.stop = threading.Event()
        self.updates: list[BuildReport] = []
        self.problems: list[CitewellError] = []
        self.error: BaseException | None = None
        self._news = threading.Condition()
        self._options = {"encoder": encoder, "debounce": QUIET, **options}
        self._paths, self._index = paths, index
        self._thread = threading.Thread(target=self._run)
        self._ready = False

    def __enter__(self) -> Watching:
        self._thread.start()
        if self._ready:
            try:
                self.until(lambda: self.updates)
            except BaseException:
                self.end()
                raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.end()
        if kind is None and self.error is not None:
            raise self.error

    def end(self) -> float:
        """Stop it; returns the seconds that it took to end."""
        self.stop.set()
        begin = time.monotonic()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return time.monotonic() - begin

    def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds, looking whenever the watch reports something."""
        end = time.monotonic() + PATIENCE
        with self._news:
            while not holds():
                assert self._thread.is_alive(), f"the watch ended: {self.error!r}"
                assert time.monotonic() < end, f"waited in vain; {self.updates=} {self.problems=}"
                self._news.wait(0.05)

    def ready(self) -> Watching:
        """Begin the block only when the index is in step."""
        self._ready = True
        return self

    def _run(self) -> None:
        try:
            watch(
                self._paths,
                self._index,
                stop=self.stop,
                on_update=lambda report: self._note(self.updates, report),
                on_problem=lambda error: self._note(self.problems, error),
                **self._options,
            )
        except BaseException as error:  # noqa: BLE001 - raised again by the test's own thread
            self.error = error

    def _note(self, notes: list[Any], note: object) -> None:
        with self._news:
            notes.append(note)
            self._news.notify_all()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    put(folder / "a.txt", 1)
    put(folder / "b.txt", 2)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture(params=["each folder", "a folder with all below", "poll"])
def means(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The ways in which changes are seen; the second is that of macOS and Windows, and works on Linux as well."""
    if request.param == "a folder with all below":
        monkeypatch.setattr(index.changes, "_EACH_FOLDER", False)
    return {"poll": request.param == "poll"}


def test_files_are_added_changed_renamed_and_removed(root, folder, tiny_encoder, means):
    with Watching([root], folder, tiny_encoder, **means).ready() as watching:
        assert watching.updates[0].articles_added == 2
        put(root / "c.txt", 3)
        watching.until(lambda: names(folder, root) == {"a.txt", "b.txt", "c.txt"})
        before = stored(folder)
        put(root / "c.txt", 4)
        watching.until(lambda: stored(folder)[str(root / "c.txt")] != before[str(root / "c.txt")])
        tiny_encoder.encoded.clear()
        (root / "c.txt").rename(root / "d.txt")
        watching.until(lambda: names(folder, root) == {"a.txt", "b.txt", "d.txt"})
        assert tiny_encoder.encoded == []
        (root / "d.txt").unlink()
        watching.until(lambda: names(folder, root) == {"a.txt", "b.txt"})
        watching.until(lambda: watching.updates[-1].info.articles == 2)
    assert watching.problems == []


def test_folders_are_added_changed_renamed_and_removed(root, folder, tiny_encoder, means):
    with Watching([root], folder, tiny_encoder, **means).ready() as watching:
        put(root / "new" / "deep" / "deeper" / "c.txt", 3)
        put(root / "new" / "d.txt", 4)
        watching.until(lambda: names(folder, root) == {"a.txt", "b.txt", "new/deep/deeper/c.txt", "new/d.txt"})
        put(root / "new" / "deep" / "deeper" / "e.txt", 5)
        watching.until(lambda: len(stored(folder)) == 5)
        tiny_encoder.encoded.clear()
        (root / "new").rename(root / "old")
        moved = {"a.txt", "b.txt", "old/deep/deeper/c.txt", "old/deep/deeper/e.txt", "old/d.txt"}
        watching.until(lambda: names(folder, root) == moved)
        assert tiny_encoder.encoded == []
        put(root / "old" / "deep" / "f.txt", 6)
        watching.until(lambda: names(folder, root) == {*moved, "old/deep/f.txt"})
        shutil.rmtree(root / "old" / "deep")
        watching.until(lambda: names(folder, root) == {"a.txt", "b.txt", "old/d.txt"})
    assert watching.problems == []


def test_a_file_saved_by_renaming_another_one_over_it_is_a_changed_file(root, folder, tiny_encoder):
    with Watching([root], folder, tiny_encoder).ready() as watching:
        before = stored(folder)[str(root / "a.txt")]
        temporary = put(root / "a.txt.tmp", 7)
        temporary.replace(root / "a.txt")
        watching.until(lambda: len(watching.updates) == 2)
        assert stored(folder)[str(root / "a.txt")] != before
    assert {report.info.articles for report in watching.updates} == {2}
    assert (watching.updates[1].articles_added, watching.updates[1].articles_removed) == (1, 1)


def test_files_that_were_named_themselves(root, folder, tiny_encoder):
    notes = put(root / "notes.md", 3)
    with Watching([notes, root / "a.txt"], folder, tiny_encoder).ready() as watching:
        assert names(folder, root) == {"notes.md", "a.txt"}
        before = stored(folder)[str(notes)]
        put(root / "temporary", 4).replace(notes)
        watching.until(lambda: stored(folder)[str(notes)] != before)
        notes.unlink()
        watching.until(lambda: watching.problems)
        assert f"{notes} is gone" in str(watching.problems[0])
        put(root / "a.txt", 5)
        put(notes, 6)
        watching.until(lambda: stored(folder)[str(notes)] not in (before, set()) and len(watching.updates) >= 3)
    assert names(folder, root) == {"notes.md", "a.txt"}


def test_only_what_changed_is_read(root, folder, tiny_encoder, monkeypatch):
    for number in range(10, 30):
        put(root / f"{number}.txt", number)
    with Watching([root], folder, tiny_encoder).ready() as watching:
        put(root / "11.txt", 31)
        (root / "12.txt").unlink()
        watching.until(lambda: sum(report.articles_removed for report in watching.updates) == 2)
    assert len(stored(folder)) == 21
    assert sum(report.files_read for report in watching.updates[1:]) == 1
    assert sum(report.files_unchanged for report in watching.updates[1:]) == 0


def test_what_is_hidden_or_of_another_format_does_not_count(root, folder, tiny_encoder, means):
    with Watching([root], folder, tiny_encoder, **means).ready() as watching:
        put(root / ".git" / "c.txt", 3)
        put(root / ".a.txt.swp", 4)
        put(root / "a.txt~", 5)
        put(root / "z.txt", 6)
        watching.until(lambda: "z.txt" in names(folder, root))
    assert names(folder, root) == {"a.txt", "b.txt", "z.txt"}


def test_many_that_are_gone_at_once_are_kept_until_they_are_back(root, folder, tiny_encoder):
    for number in range(10, 50):
        put(root / ("disk" if number < 22 else "here") / f"{number}.txt", number)
    with Watching([root], folder, tiny_encoder).ready() as watching:
        before = stored(folder)
        tiny_encoder.encoded.clear()
        (root / "disk").rename(root.parent / "elsewhere")
        watching.until(lambda: watching.problems)
        assert "12 of 42 articles" in str(watching.problems[0])
        assert "--yes-remove" in str(watching.problems[0])
        added = put(root / "c.txt", 3)
        (root / "here" / "30.txt").unlink()
        watching.until(lambda: str(added) in stored(folder))
        (root.parent / "elsewhere").rename(root / "disk")
        last = put(root / "d.txt", 4)
        watching.until(lambda: str(last) in stored(folder))
        assert len(watching.problems) == 1
        assert len(tiny_encoder.encoded) == 2
        now = stored(folder)
        assert now.keys() == before.keys() - {str(root / "here" / "30.txt")} | {str(added), str(last)}
        assert all(now[path] == before[path] for path in now.keys() & before.keys())
        (root / "disk").rename(root.parent / "elsewhere")
        watching.until(lambda: len(watching.problems) == 2)  # a new one
    with Watching([root], folder, tiny_encoder, yes_remove=True) as watching:
        watching.until(lambda: len(stored(folder)) == 31)
    assert watching.problems == []


def test_a_path_that_goes_is_waited_for(root, folder, tiny_encoder, means):
    other = root.parent / "others"
    put(other / "o.txt", 3)
    with Watching([root, other], folder, tiny_encoder, **means).ready() as watching:
        root.rename(root.parent / "away")
        watching.until(lambda: watching.problems)
        assert str(watching.problems[0]).startswith(f"{root} is gone")
        put(other / "p.txt", 4)
        watching.until(lambda: str(other / "p.txt") in stored(folder))
        assert len(stored(folder)) == 4
        put(root.parent / "away" / "c.txt", 5)
        (root.parent / "away" / "b.txt").unlink()
        tiny_encoder.encoded.clear()
        (root.parent / "away").rename(root)
        watching.until(
            lambda: names(folder, root.parent) == {"articles/a.txt", "articles/c.txt", "others/o.txt", "others/p.txt"}
        )
        assert len(tiny_encoder.encoded) == 1
        put(root / "d.txt", 6)
        watching.until(lambda: str(root / "d.txt") in stored(folder))
    assert len(watching.problems) == 1


def test_an_emptied_folder_in_the_place_of_a_disk_loses_nothing(root, folder, tiny_encoder):
    with Watching([root], folder, tiny_encoder).ready() as watching:
        root.rename(root.parent / "away")
        root.mkdir()
        watching.until(lambda: watching.problems)
        assert len(stored(folder)) == 2
        root.rmdir()
        (root.parent / "away").rename(root)
        put(root / "c.txt", 3)
        watching.until(lambda: names(folder, root) == {"a.txt", "b.txt", "c.txt"})


def test_a_path_that_is_missing_at_the_start(root, folder, tiny_encoder):
    watching = Watching([root, root / "nowhere"], folder, tiny_encoder)
    with pytest.raises(ArticlesError, match="found nothing at"), watching:
        watching.until(lambda: watching.error)
    assert not folder.exists()


def test_an_empty_folder_is_waited_for(tmp_path, folder, tiny_encoder):
    empty = tmp_path / "empty"
    empty.mkdir()
    with Watching([empty], folder, tiny_encoder) as watching:
        watching.until(lambda: watching.problems)
        assert "no article found" in str(watching.problems[0])
        put(empty / "sub" / "a.txt", 1)
        watching.until(lambda: watching.updates)
        assert names(folder, empty) == {"sub/a.txt"}
    assert len(watching.problems) == 1


HOLD = """
import sys
from pathlib import Path
from index.store.writer import write_lock
with write_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_that_writes_is_waited_for(root, folder, tiny_encoder, monkeypatch):
    monkeypatch.setattr(index.watch, "_RETRY", (0.05, 0.1))
    with Watching([root], folder, tiny_encoder).ready() as watching:
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            put(root / "c.txt", 3)
            watching.until(lambda: watching.problems)
            put(root / "d.txt", 4)
            assert isinstance(watching.problems[0], StoreLocked)
            assert len(stored(folder)) == 2
            holder.communicate()
        watching.until(lambda: names(folder, root) == {"a.txt", "b.txt", "c.txt", "d.txt"})
    assert len(watching.problems) == 1


class Blocking:
    """An encoder that waits, from the moment that it is told to, until it is let go."""

    def __init__(self, encoder: Any) -> None:
        self.identity = encoder.identity
        self.encoder = encoder
        self.at_work = threading.Event()
        self.go = threading.Event()

    def encode(self, texts: Any, *, progress: Any = None) -> Any:
        self.at_work.set()
        assert self.go.wait(PATIENCE)
        return self.encoder.encode(texts, progress=progress)


def test_a_change_while_another_one_is_stored_is_not_missed(root, folder, tiny_encoder):
    encoder = Blocking(tiny_encoder)
    with Watching([root], folder, encoder) as watching:
        assert encoder.at_work.wait(PATIENCE)
        put(root / "a.txt", 3)
        put(root / "c.txt", 4)
        (root / "b.txt").unlink()
        encoder.go.set()
        watching.until(lambda: watching.updates and names(folder, root) == {"a.txt", "c.txt"})
    fresh = folder.parent / "fresh"
    build_index([root], fresh, encoder=tiny_encoder)
    assert stored(fresh) == stored(folder)


def test_it_ends_promptly_and_lets_go_of_the_lock(root, folder, tiny_encoder):
    with Watching([root], folder, tiny_encoder).ready() as watching:
        assert watching.end() < 1
    with write_lock(folder):
        pass
    put(root / "c.txt", 3)
    encoder = Blocking(tiny_encoder)
    with Watching([root], folder, encoder) as watching:
        assert encoder.at_work.wait(PATIENCE)
        watching.stop.set()
        encoder.go.set()
        assert watching.end() < 1
    assert watching.updates == []
    assert len(stored(folder)) == 2
    with write_lock(folder):
        pass


def test_half_a_record_loses_nothing(tmp_path, folder, tiny_encoder):
    file = tmp_path / "news" / "news.jsonl"
    file.parent.mkdir()
    lines = [json.dumps({"url": f"https://news.example/{n}", "text": text(n)}) + "\n" for n in range(1, 5)]
    file.write_text("".join(lines[:3]), "utf-8")
    with Watching([file.parent], folder, tiny_encoder).ready() as watching:
        before = stored(folder)[str(file)]
        tiny_encoder.encoded.clear()
        file.write_text("".join(lines)[: len(lines[0]) + 50], "utf-8")
        watching.until(lambda: watching.updates[-1].skipped)
        assert stored(folder)[str(file)] == before
        file.write_text("".join(lines), "utf-8")
        watching.until(lambda: len(stored(folder)[str(file)]) == 4)
        assert stored(folder)[str(file)] > before
        assert len(tiny_encoder.encoded) == 1
        file.write_text("".join(lines[1:]), "utf-8")
        watching.until(lambda: len(stored(folder)[str(file)]) == 3)


def test_an_index_among_its_articles(root, tiny_encoder):
    folder = root / "index"
    with Watching([root], folder, tiny_encoder).ready() as watching:
        put(root / "c.txt", 3)
        watching.until(lambda: len(stored(folder)) == 3)
        with closing(changes_of([root], folder)) as changes:
            (folder / "note.txt").write_text(text(4), "utf-8")
            put(root / "d.txt", 5)
            assert settled(changes) == {root / "d.txt"}
        watching.until(lambda: len(stored(folder)) == 4)
    assert watching.updates[0].skipped == ()


def changes_of(roots: list[Path], own: Path, *, poll: bool = False) -> Changes:
    def fail(error: CitewellError) -> None:
        raise error

    return Changes(roots, own=own, stop=threading.Event(), quiet=QUIET, poll=poll, on_problem=fail)


def settled(changes: Changes) -> set[Path]:
    """What changed, until nothing does any more; something has."""
    found: set[Path] = set()
    end = time.monotonic() + PATIENCE
    while (more := changes.wait()) or not found:
        found |= more
        assert time.monotonic() < end
    return found


@no_links
def test_links(root, folder, tiny_encoder, means):
    put(root.parent / "out" / "secret.txt", 3)
    (root / "out").symlink_to(root.parent / "out")
    (root / "loop").symlink_to(root)
    (root / "secret.txt").symlink_to(root.parent / "out" / "secret.txt")
    (root / "link.txt").symlink_to("a.txt")
    os.link(root / "b.txt", root / "hard.txt")
    with Watching([root], folder, tiny_encoder, **means).ready() as watching:
        before = stored(folder)
        assert names(folder, root) == {"a.txt", "b.txt", "link.txt", "hard.txt"}
        put(root.parent / "out" / "secret.txt", 4)
        put(root / "a.txt", 5)
        put(root / "b.txt", 6)
        watching.until(lambda: all(stored(folder)[path] != before[path] for path in before))
        assert stored(folder)[str(root / "link.txt")] == stored(folder)[str(root / "a.txt")]
        put(root / "c.txt", 7)
        (root / "a.txt").unlink()
        watching.until(lambda: names(folder, root) == {"b.txt", "hard.txt", "c.txt"})


@no_links
def test_a_path_that_is_a_link_itself(root, folder, tiny_encoder, means):
    link = root.parent / "link"
    link.symlink_to(root)
    with Watching([link], folder, tiny_encoder, **means).ready() as watching:
        put(root / "c.txt", 3)
        watching.until(lambda: names(folder, link) == {"a.txt", "b.txt", "c.txt"})


@linux_only
def test_names_that_are_no_text(root, folder, tiny_encoder):
    def bad(name: bytes) -> str:
        return os.fsdecode(os.fsencode(root) + b"/" + name)

    Path(bad(b"caf\xe9.txt")).write_text(text(3), "utf-8")
    put(root / "two\nlines.txt", 4)
    with Watching([root], folder, tiny_encoder).ready() as watching:
        assert names(folder, root) == {"a.txt", "b.txt", "two\nlines.txt"}
        (skipped,) = watching.updates[0].skipped
        assert (skipped.path, skipped.reason) == (f"{root}/caf\\xe9.txt", "its name is not UTF-8 text; rename it")
        for number in range(2):  # the first time the watch begins again, the second time it looks by itself
            Path(bad(b"\xe9%d" % number)).mkdir()
            put(Path(bad(b"\xe9%d/x.txt" % number)), 5)
            put(root / f"c{number}.txt", 6 + number)
            watching.until(lambda number=number: str(root / f"c{number}.txt") in stored(folder))
        watching.until(lambda: watching.problems)
        assert "does not tell of all changes" in str(watching.problems[0])
        put(root / "d\n\n.txt", 9)
        watching.until(lambda: len(stored(folder)) == 6)
    assert len(watching.problems) == 1


def test_the_system_that_cannot_watch_so_many_folders(root, folder, tiny_encoder, monkeypatch):
    import watchfiles._rust_notify

    def refuse(*_: object) -> None:
        raise FileNotFoundError("OS file watch limit reached")

    monkeypatch.setattr(watchfiles._rust_notify, "RustNotify", refuse)
    with Watching([root], folder, tiny_encoder).ready() as watching:
        assert "limit reached" in str(watching.problems[0])
        put(root / "c.txt", 3)
        watching.until(lambda: names(folder, root) == {"a.txt", "b.txt", "c.txt"})


def test_an_error_of_one_step_passes(root, folder, tiny_encoder, monkeypatch):
    monkeypatch.setattr(index.watch, "_RETRY", (0.05, 0.1))
    with Watching([root], folder, tiny_encoder).ready() as watching:
        encode = tiny_encoder.encode
        fails = threading.Event()
        fails.set()

        def sometimes(texts: Any, *, progress: Any = None) -> Any:
            if fails.is_set():
                raise EncoderError("out of memory")
            return encode(texts, progress=progress)

        monkeypatch.setattr(tiny_encoder, "encode", sometimes)
        put(root / "c.txt", 3)
        watching.until(lambda: watching.problems)
        fails.clear()
        watching.until(lambda: names(folder, root) == {"a.txt", "b.txt", "c.txt"})
    assert [str(problem) for problem in watching.problems] == ["out of memory"]


def test_an_error_that_stays_ends_it(root, folder, tiny_encoder):
    build_index([root], folder, encoder=tiny_encoder)
    watching = Watching([root], folder, type(tiny_encoder)(name="other"))
    with pytest.raises(EncoderMismatch), watching:
        watching.until(lambda: watching.error)


def test_all_is_looked_through_now_and_then(root, folder, tiny_encoder, monkeypatch):
    monkeypatch.setattr(index.watch, "_LOOK", 0.2)
    monkeypatch.setattr(index.watch, "_LOOK_SHARE", 0)
    monkeypatch.setattr(Changes, "_named", lambda self, names: set())  # events that the system has lost
    with Watching([root], folder, tiny_encoder).ready() as watching:
        put(root / "c.txt", 3)
        watching.until(lambda: names(folder, root) == {"a.txt", "b.txt", "c.txt"})


FILES = ("a.txt", "b.txt", "sub/a.txt", "sub/deep/c.txt", "other/a.txt", ".hidden/a.txt", "notes.md")
FOLDERS = ("sub", "sub/deep", "other")
OPERATIONS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(FILES), st.integers(1, 6)),
    st.tuples(st.just("save"), st.sampled_from(FILES), st.integers(1, 6)),
    st.tuples(st.just("move"), st.sampled_from(FILES), st.sampled_from(FILES)),
    st.tuples(st.just("move"), st.sampled_from(FOLDERS), st.sampled_from((*FOLDERS, ".hidden/x"))),
    st.tuples(st.just("remove"), st.sampled_from((*FILES, *FOLDERS)), st.none()),
)


def perform(root: Path, operation: tuple[str, str, Any]) -> None:
    kind, name, other = operation
    path = root / name
    if kind == "write":
        put(path, other)
    elif kind == "save":
        path.parent.mkdir(parents=True, exist_ok=True)
        put(root / "temporary", other).replace(path)
    elif kind == "move":
        target = root / other
        if path.exists() and not target.is_relative_to(path) and not path.is_relative_to(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_dir():
                shutil.rmtree(target)
            path.replace(target)
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(OPERATIONS, min_size=1, max_size=5), min_size=1, max_size=3),
    st.sampled_from(["each folder", "a folder with all below", "poll"]),
)
def test_the_index_is_what_a_fresh_build_makes(tmp_path_factory, tiny_encoder, batches, means):
    base = tmp_path_factory.mktemp("watch")
    root, folder = base / "articles", base / "index"
    put(root / "first.txt", 100)
    stop = threading.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index.changes, "_EACH_FOLDER", means == "each folder")
        with closing(changes_of([root], folder, poll=means == "poll")) as changes:
            watching = _Watch([root], folder, tiny_encoder, stop, lambda _: None, pytest.fail, None, yes_remove=True)
            watching._step()
            for number, batch in enumerate(batches):
                for operation in batch:
                    perform(root, operation)
                put(root / "last.txt", 200 + number)  # so that there is something to wait for
                watching.waiting |= settled(changes)
                watching._step()
                fresh = base / f"fresh-{number}"
                build_index([root], fresh, encoder=tiny_encoder)
                assert stored(folder) == stored(fresh)
