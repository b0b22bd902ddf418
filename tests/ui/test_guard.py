"""The guard before applications that behave badly."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

import ui.guard
from ui.guard import MOST_MADE, Gate, Guard
from ui.payload import Calls
from ui.routes import Route

CALLS = Calls({3: ("textbox",)}, {})


def call(app, method="GET", path="/config", body=(), headers=(), gate=None):
    """What comes out of the guard: status, headers and body."""
    chunks = list(body)
    sent = []

    async def receive():
        if not chunks:
            return {"type": "http.disconnect"}
        chunk = chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    async def send(message):
        sent.append(message)

    named = [(b"host", b"localhost"), *headers]
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": named, "client": ("x", 1)}
    with ThreadPoolExecutor(1) as thread:  # where a browser is driven, this one has a loop already
        thread.submit(asyncio.run, Guard(app, gate=gate or Gate(calls=CALLS))(scope, receive, send)).result()
    bodies = [message for message in sent if message["type"] == "http.response.body"]
    assert not bodies[-1].get("more_body", False)
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(message.get("body", b"") for message in bodies)


def test_an_error_behind_is_one_line_for_the_client_and_one_entry_in_the_log(caplog):
    async def app(scope, receive, send):
        raise RuntimeError("the secret of the inside")

    status, headers, body = call(app)
    assert (status, body) == (500, b"Something went wrong. The terminal that runs citewell says what.")
    assert b"content-security-policy" in headers
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "the secret of the inside" in str(record.exc_info[1])


def test_an_error_in_the_middle_of_a_response_ends_it(caplog):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError

    assert call(app)[2] == b"half"
    assert len(caplog.records) == 1


async def echo(scope, receive, send):
    """Gives back what it was sent, and as what."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": scope["headers"]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def upload(monkeypatch):
    route = Route("/upload", post=True, most_bytes=10, streamed=True)
    found = ui.guard.route_of
    monkeypatch.setattr(ui.guard, "route_of", lambda path: route if path == "/upload" else found(path))


def test_a_route_may_take_its_body_as_it_comes_up_to_its_own_length(upload):
    assert call(echo, "POST", "/upload", [b"12345", b"67890"])[::2] == (200, b"1234567890")
    assert call(echo, "POST", "/upload", [b"12345", b"678901"])[0] == 413
    assert call(echo, "POST", "/upload", [b"1"], [(b"content-length", b"11")])[0] == 413
    assert call(echo, "GET", "/upload")[0] == 405


def test_what_is_passed_on_is_what_was_checked():
    sent = b'{"fn_index": 3, "fn_index": 3, "data": ["Why?", 1], "session_hash": "abc", "oauth_token": "x"}'
    kind = [(b"content-type", b"application/json"), (b"authorization", b"Basic eA=="), (b"x-forwarded-host", b"evil")]
    status, headers, body = call(echo, "POST", "/gradio_api/queue/join", [sent], kind)
    assert status == 200
    assert b"oauth_token" not in body
    assert b'"data": ["Why?"]' in body
    assert b'"abc"' not in body  # under a name of the server's own
    assert headers[b"content-length"] == str(len(body)).encode()
    assert not {b"authorization", b"x-forwarded-host"} & headers.keys()


def test_no_more_come_in_at_once_than_it_says(monkeypatch):
    monkeypatch.setattr(ui.guard, "MOST_OPEN", 0)
    status, headers, _ = call(echo)
    assert (status, headers[b"retry-after"]) == (503, b"2")
    assert call(echo, path="/healthz")[0] == 200


def test_pages_are_made_one_after_the_other_and_whoever_reads_slowly_holds_up_nobody():
    making, most, waits = 0, 0, asyncio.Event()

    async def makes(_scope, _receive, send):
        nonlocal making, most
        making += 1
        most = max(most, making)
        for _ in range(10):
            await asyncio.sleep(0)
        making -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"page"})

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def everybody():
        guard = Guard(makes, gate=Gate())
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "query_string": b"",
            "headers": [(b"host", b"localhost")],
        }
        read = []

        async def slowly(message):
            if message["type"] == "http.response.start":
                await waits.wait()

        async def at_once(message):
            read.append(message["type"])

        slow = [asyncio.create_task(guard(dict(scope), receive, slowly)) for _ in range(5)]
        await asyncio.gather(*(guard(dict(scope), receive, at_once) for _ in range(20)))
        assert len(read) == 40
        assert not any(task.done() for task in slow)
        waits.set()
        await asyncio.gather(*slow)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, everybody()).result()
    assert most == MOST_MADE


def test_no_web_socket_is_opened():
    sent = []

    async def send(message):
        sent.append(message)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, Guard(echo, gate=Gate())({"type": "websocket"}, None, send)).result()
    assert sent == [{"type": "websocket.close", "code": 1008}]
