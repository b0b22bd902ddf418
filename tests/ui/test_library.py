"""Articles that are added to an index and removed from it while the page asks it; the requests that do so."""

from __future__ import annotations

import asyncio
import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from index.build import build_index
from index.errors import ArticlesError, QuestionError, StoreLocked
from index.scope import Scope
from index.store.writer import write_lock
from rag.engine import Engine
from ui.article_routes import ArticleRoutes, pasted_record
from ui.articles import read_scope
from ui.guard import Gate, Guard
from ui.library import Library, ReadOnly
from ui.uploads import MOST_FILE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FERRY = "The ferry to Lindesnes ran aground on Monday, and all 212 passengers were brought ashore by lifeboats."
FOG = "Its captain said that the fog had come within minutes and that nobody on board was hurt."
MUSEUM = "A museum of glass opened its doors in Murano on Friday to a long line of 400 visitors."
QUESTION = "How many passengers of the ferry were brought ashore?"


@pytest.fixture
def engine(tmp_path: Path, tiny_encoder: Any, tiny_reader: Any) -> Iterator[Engine]:
    (tmp_path / "first.txt").write_text(f"Ferry Aground\n\n{FERRY}\n\n{FOG}\n", "utf-8")
    build_index([tmp_path / "first.txt"], tmp_path / "index", encoder=tiny_encoder)
    with Engine.open(tmp_path / "index", encoder=tiny_encoder, reader=tiny_reader) as engine:
        yield engine


@pytest.fixture
def library(engine: Engine, tmp_path: Path) -> Library:
    return Library(engine, index=tmp_path / "index")


def sent(library: Library, name: str, content: str | bytes) -> str:
    incoming = library.uploads.begin(name)
    library.uploads.write(incoming, content.encode() if isinstance(content, str) else content)
    return library.uploads.finish(incoming)


def kept(tmp_path: Path, index: str = "index") -> dict[str, bytes]:
    folder = tmp_path / f"{index}-articles"
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def test_files_are_kept_word_for_word_and_asked_at_once(library: Library, tmp_path: Path) -> None:
    museum = f"Glass Museum\r\n\r\n{MUSEUM}\r\n".encode()
    steps: list[Any] = []
    report = library.add(
        [
            sent(library, "museum.txt", museum),
            sent(library, "copy.txt", f"Ferry Aground Again\n\n{FERRY}\n\n{FOG}\n"),
            sent(library, "broken.txt", b"\x00\x01" * 50),
        ],
        steps.append,
    )
    assert [(each["title"], each["file"], each["copied"], each["passages"]) for each in report["added"]] == [
        ("Glass Museum", "museum.txt", 0, 1),
        ("Ferry Aground Again", "copy.txt", 1, 1),
    ]
    assert [each["original"] and each["original"]["title"] for each in report["added"]] == [None, "Ferry Aground"]
    assert [(each["file"], "NUL" in each["reason"]) for each in report["skipped"]] == [("broken.txt", True)]
    assert (report["unchanged"], report["total"]) == ([], 3)
    assert steps
    assert kept(tmp_path).keys() == {"museum.txt", "copy.txt"}
    assert kept(tmp_path)["museum.txt"] == museum
    answer = library.ask("How many visitors came to the museum of glass?", min_confidence=0.0)
    assert answer.citations[0].quote == MUSEUM
    only = library.ask(QUESTION, min_confidence=0.0, scope=Scope(frozenset({"copy.txt"})))
    assert {each.path.rpartition("/")[2] for each in only.citations} == {"copy.txt"}


def test_the_same_file_again_and_another_one_of_its_name(library: Library, tmp_path: Path) -> None:
    library.add([sent(library, "a.txt", f"Glass\n\n{MUSEUM}\n")])
    again = library.add([sent(library, "a.txt", f"Glass\n\n{MUSEUM}\n")])
    assert (again["added"], again["unchanged"], again["total"]) == ([], ["a.txt"], 2)
    other = library.add([sent(library, "a.txt", f"Bread\n\n{MUSEUM.replace('glass', 'bread')}\n")])
    assert [each["file"] for each in other["added"]] == ["a-2.txt"]
    assert kept(tmp_path).keys() == {"a.txt", "a-2.txt"}


def test_removed_articles_take_their_added_file_along_and_no_other(library: Library, tmp_path: Path) -> None:
    records = "".join(
        json.dumps({"text": f"{MUSEUM} {name}.", "title": name}) + "\n" for name in ("First one", "Second one")
    )
    library.add([sent(library, "two.jsonl.gz", gzip.compress(records.encode()))])
    ids = {each.article.title: each.article.id for each in library.articles().articles}
    assert library.remove([ids["First one"]]) == {"removed": 1, "kept": []}
    assert kept(tmp_path).keys() == {"two.jsonl.gz"}
    assert library.remove([ids["Second one"]])["removed"] == 1
    assert kept(tmp_path) == {}
    assert library.remove([ids["Ferry Aground"]]) == {"removed": 1, "kept": ["first.txt"]}
    assert (tmp_path / "first.txt").exists()
    assert library.articles().total == 0
    assert not library.ask(QUESTION).answered
    with pytest.raises(ArticlesError, match="holds no article"):
        library.remove([ids["First one"]])


def test_another_writer_is_named_and_nothing_is_left(library: Library, tmp_path: Path) -> None:
    token = sent(library, "a.txt", f"Glass\n\n{MUSEUM}\n")
    with write_lock(tmp_path / "index"), pytest.raises(StoreLocked, match="is being written by process"):
        library.add([token])
    assert kept(tmp_path) == {}
    assert library.add([sent(library, "a.txt", f"Glass\n\n{MUSEUM}\n")])["total"] == 2


def test_the_first_own_article_takes_the_place_of_the_sample(engine: Engine, tmp_path: Path) -> None:
    library = Library(engine, index=tmp_path / "index", own=tmp_path / "own")
    assert library.sample
    with pytest.raises(ReadOnly, match="sample"):
        library.remove([library.articles().articles[0].article.id])
    with pytest.raises(ArticlesError, match="no article found"):
        library.add([sent(library, "bad.txt", b"\x00" * 9)])
    assert library.sample
    assert not (tmp_path / "own" / "index.db").exists()
    assert library.add([sent(library, "a.txt", f"Glass\n\n{MUSEUM}\n")])["total"] == 1
    assert not library.sample
    assert [each.article.title for each in library.articles().articles] == ["Glass"]
    assert library.ask("How many visitors came?", min_confidence=0.0).citations[0].quote == MUSEUM
    assert engine.articles().total == 1
    assert kept(tmp_path, "own").keys() == {"a.txt"}
    assert library.remove([library.articles().articles[0].article.id])["removed"] == 1
    library.close()
    assert engine.articles().articles[0].article.title == "Ferry Aground"


def test_what_only_reads_cannot_be_changed(engine: Engine) -> None:
    library = Library(engine)
    assert not library.changeable
    for act in (lambda: library.uploads, lambda: library.add(["0" * 32]), lambda: library.remove(["0" * 32])):
        with pytest.raises(ReadOnly, match="only reads"):
            act()
    assert library.reader == "tiny"


# Requests, through the guard


def request(
    library: Library, method: str, path: str, body: bytes = b"", *, query: str = "", chunks: int = 1, **headers: str
) -> tuple[int, list[dict[str, Any]]]:
    """One request as a server hands it on: the status, and the lines of JSON."""

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    app = Guard(ArticleRoutes(behind, library=library), gate=Gate())
    named = {"host": "127.0.0.1:1", "content-type": "application/json", **headers}
    size = max(1, -(-len(body) // chunks))
    parts = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
    coming = [
        {"type": "http.request", "body": part, "more_body": number < len(parts)} for number, part in enumerate(parts, 1)
    ]
    given: list[Any] = []

    async def receive() -> Any:
        return coming.pop(0) if coming else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        given.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items()],
    }

    async def run() -> None:
        # A client that has sent all waits for the answer; it does not hang up.
        async def patient() -> Any:
            return coming.pop(0) if coming else await asyncio.sleep(3600)

        await app(scope, patient if path == "/articles/add" else receive, send)

    with ThreadPoolExecutor(1) as thread:  # Playwright leaves a loop running in this one
        thread.submit(asyncio.run, run()).result()
    text = b"".join(message.get("body", b"") for message in given).decode()
    lines = [json.loads(line) for line in text.splitlines()] if text.startswith("{") else []
    return given[0]["status"], lines


def posted(library: Library, path: str, value: Any) -> tuple[int, Any]:
    status, lines = request(library, "POST", path, json.dumps(value).encode())
    return status, lines[-1] if lines else None


def test_a_file_goes_in_by_parts_and_is_listed_and_goes_again(library: Library) -> None:
    status, (found,) = request(
        library, "POST", "/articles/file", f"Glass\n\n{MUSEUM}\n".encode(), query="name=..%2Fa.txt", chunks=5
    )
    assert status == 200
    status, lines = request(library, "POST", "/articles/add", json.dumps({"files": [found["file"]]}).encode())
    assert status == 200
    assert {"stage", "done", "total"} == lines[0].keys()
    assert [each["file"] for each in lines[-1]["report"]["added"]] == ["a.txt"]
    status, (listed,) = request(library, "GET", "/articles", query="search=glass")
    assert (status, listed["total"], listed["all"], listed["changeable"]) == (200, 1, 2, True)
    assert {each["outlet"] for each in listed["sources"]} == {"a.txt", "first.txt"}
    (article,) = listed["articles"]
    assert posted(library, "/articles/remove", {"articles": [article["id"]]}) == (200, {"removed": 1, "kept": []})
    assert request(library, "GET", "/articles", query="source=a.txt")[1][0]["total"] == 0


def test_a_text_that_was_pasted(library: Library, tmp_path: Path) -> None:
    text = f"{MUSEUM}\n\nIt  is\tfree."
    given = {"title": "Glass <b>", "url": "https://www.x.example/1", "published": "May 1, 2024", "text": text}
    status, found = posted(library, "/articles/text", given)
    assert status == 200
    report = library.add([found["file"]])
    assert (report["added"][0]["title"], report["added"][0]["outlet"]) == ("Glass <b>", "x.example")
    (record,) = (json.loads(content) for content in kept(tmp_path).values())
    assert record == given
    assert library.articles(scope=Scope(since="2024-05-01", until="2024-05-01")).total == 1


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"text": " \n"},
        {"text": 7},
        {"text": "x", "title": ["x"]},
        {"text": "x", "url": "javascript:alert(1)"},
        {"text": "x", "url": "file:///etc/passwd"},
        {"text": "x", "title": "x" * 501},
        {"text": "\ud800"},
    ],
)
def test_what_cannot_be_pasted(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"text|URL|longer|surrogate"):
        pasted_record(given)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/articles/add", {"files": ["../../etc/passwd"]}),
        ("/articles/add", {"files": ["/etc/passwd"] * 3}),
        ("/articles/add", {"files": "0" * 32}),
        ("/articles/add", {"files": []}),
        ("/articles/add", {"files": ["0" * 32] * 51}),
        ("/articles/add", ["x"]),
        ("/articles/add", None),
        ("/articles/remove", {"articles": ["/"]}),
        ("/articles/remove", {"articles": ["first.txt"]}),
        ("/articles/remove", {"articles": [{"path": "/etc/passwd"}]}),
        ("/articles/remove", {"articles": ["0" * 32]}),
        ("/articles/text", {"text": {"path": "/etc/passwd"}}),
        ("/articles/text", "x"),
    ],
)
def test_forged_requests_change_nothing(library: Library, tmp_path: Path, path: str, value: Any) -> None:
    status, found = posted(library, path, value)
    assert status == 400
    assert found.keys() == {"error"}
    assert (library.articles().total, kept(tmp_path)) == (1, {})


def test_an_unknown_file_is_a_line(library: Library) -> None:
    status, found = posted(library, "/articles/add", {"files": ["0" * 32]})
    assert (status, found) == (200, {"error": "a file that was to be added is not there any more; choose it again"})


@pytest.mark.parametrize("query", ["since=May", "offset=-1", "offset=x", "offset=9999999999", "search=" + "x" * 201])
def test_a_list_that_cannot_be_asked_for(library: Library, query: str) -> None:
    assert request(library, "GET", "/articles", query=query)[0] == 400


def test_what_the_guard_lets_in(library: Library, tmp_path: Path) -> None:
    body = b"x" * 100_000
    assert request(library, "POST", "/articles/file", body, query="name=a.txt")[0] == 200
    assert request(library, "POST", "/articles/add", body)[0] == 413
    assert request(library, "POST", "/articles/file", b"x", content_length=str(MOST_FILE_BYTES + 1))[0] == 413
    long = b"x" * (MOST_FILE_BYTES + 1)
    assert request(library, "POST", "/articles/file", long, query="name=a.txt", chunks=9)[0] in (400, 413)
    assert request(library, "POST", "/articles/file", b"x", query="name=a.exe")[0] == 400
    assert request(library, "POST", "/articles/file", b"x", query="name=a.txt", origin="https://evil.example")[0] == 403
    assert request(library, "GET", "/articles", origin="https://evil.example")[0] == 403
    assert request(library, "GET", "/articles", host="evil.example")[0] == 400
    for method, path in (("GET", "/articles/add"), ("PUT", "/articles/file"), ("POST", "/articles")):
        assert request(library, method, path)[0] == 405
    for path in ("/articles/x", "/articles/../x", "/articlesx", "/articles/file/x"):
        assert request(library, "GET", path)[0] == 404
    assert request(library, "GET", "/config")[0] == 299
    waiting = list((tmp_path / "index-articles" / ".incoming").iterdir())
    assert [path.stat().st_size for path in waiting] == [100_000]


def test_a_page_that_only_reads_takes_nothing(engine: Engine) -> None:
    library = Library(engine)
    for path in ("/articles/file", "/articles/text", "/articles/add", "/articles/remove"):
        assert posted(library, path, {"files": ["0" * 32]})[0] == 403
    assert request(library, "GET", "/articles")[1][0]["changeable"] is False


def test_an_unexpected_error_tells_nothing(library: Library, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError("the secret of the inside")

    monkeypatch.setattr(library, "articles", breaks)
    status, (found,) = request(library, "GET", "/articles")
    assert status == 500
    assert "secret" not in found["error"]
    assert "secret" in caplog.text


@pytest.mark.parametrize(
    "given",
    [
        7,
        ["x"],
        "x",
        "[]",
        '{"sources": "bbc.com"}',
        '{"sources": [7]}',
        '{"since": "May"}',
        '{"until": 7}',
        '{"articles": ["../x"]}',
        '{"path": "/etc/passwd"}',
        "[" * 30_000,
        '"' + "x" * 50_000,
    ],
)
def test_a_forged_scope_is_refused(given: Any) -> None:
    with pytest.raises(QuestionError, match="choose them again"):
        read_scope(given)


def test_scopes_that_are_sent() -> None:
    assert read_scope("") is None
    assert read_scope(None) is None
    assert read_scope("{}") is None
    sent = json.dumps({"sources": ["a.example"], "until": "2024-05-01", "articles": ["0" * 32]})
    assert read_scope(sent) == Scope(frozenset({"a.example"}), None, "2024-05-01", frozenset({"0" * 32}))
