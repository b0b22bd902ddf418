"""Conversations that belong to one browser, and end with it."""

from __future__ import annotations

import socket
from threading import Thread
from time import monotonic, sleep

import pytest

from tests.ui.wire import Wire
from ui.sessions import MOST_SESSIONS, new_secret, own_name, secret_in


@pytest.fixture
def browser_of(page_url):
    """A client with the cookie that a browser gets."""

    def start():
        wire = Wire(page_url)
        cookie = wire.get("/").headers["set-cookie"]
        wire.headers["Cookie"] = cookie.partition(";")[0]
        return wire

    return start


def test_the_cookie_is_given_once_and_only_to_the_page(page_url):
    wire = Wire(page_url)
    cookie = wire.get("/").headers["set-cookie"]
    assert all(word in cookie for word in ("citewell=", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert "set-cookie" not in wire.get("/", Cookie=cookie.partition(";")[0]).headers
    assert "set-cookie" in wire.get("/", Cookie="citewell=guessed").headers
    assert "set-cookie" not in wire.get("/config").headers


def test_a_secret_is_its_own():
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    for secret in secrets:
        assert secret_in(f"a=b; citewell={secret}; c=d") == secret
    assert len({own_name("session", secret) for secret in secrets}) == 100


def test_a_session_of_the_same_name_is_not_that_of_another_browser(browser_of):
    ann, bob, nobody = browser_of(), browser_of(), browser_of()
    del nobody.headers["Cookie"]
    ann.ask("When does the harbour close?", session="same")
    for other in (bob, nobody):
        seen = other.ask("And the gargoyle?", session="same")
        assert "harbour" not in seen.partition("And the gargoyle?")[0]
        assert "When does the harbour close?" not in seen
    assert "When does the harbour close?" in ann.ask("And the gargoyle?", session="same")


def test_nobody_else_can_listen_to_a_session(browser_of):
    ann, bob = browser_of(), browser_of()
    assert ann.join(["When does the harbour close?", None], session="mine").status == 200
    overheard = bob.listen("mine")
    assert "session_not_found" in overheard
    assert "harbour" not in overheard
    assert "ovember, the mayor said." in ann.listen("mine")


def test_many_conversations_at_once_are_kept_apart(browser_of):
    words = [f"harbour{number}x" for number in range(12)]
    seen = {}

    def talk(word):
        wire = browser_of()
        for turn in range(2):
            seen[word] = wire.ask(f"When does the {word} close? {turn}", session="same")

    threads = [Thread(target=talk, args=(word,)) for word in words]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    for word in words:
        assert seen[word].count(word) >= 1
        assert not [other for other in words if other != word and other in seen[word]]


@pytest.fixture
def forgetful(serve, engine):
    """A page that forgets at once what was closed."""
    return serve(engine, keep_closed=0.0)


def held(app):
    return app._demo.app.state_holder.session_data


def wait_for(condition):
    until = monotonic() + 60
    while not condition():
        assert monotonic() < until
        sleep(0.01)


def test_closing_the_page_frees_its_conversation(forgetful):
    wire = Wire(forgetful.url)
    with socket.create_connection(wire.address, timeout=30) as heartbeat:
        heartbeat.sendall(b"GET /gradio_api/heartbeat/page HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in heartbeat.recv(4096)
        wire.ask("When does the harbour close?", session="page")
        name = own_name("page", "")
        assert name in held(forgetful)
        assert any(held(forgetful)[name].state_data.values())
    queue = forgetful._demo.app.get_blocks()._queue
    wait_for(lambda: name not in held(forgetful))
    assert name not in queue.pending_event_ids_session
    assert name not in queue.pending_messages_per_session
    # And the page that comes back begins anew.
    assert "ovember, the mayor said." in wire.ask("When does the harbour close?", session="page")


def test_a_long_conversation_makes_no_more_components(serve, engine):
    app = serve(engine)
    wire = Wire(app.url)
    sizes = []
    for _ in range(4):
        wire.ask("When does the harbour close?", session="long")
        session = held(app)[own_name("long", "")]
        sizes.append((len(session.blocks_config.blocks), len(session.config_values)))
    assert len(set(sizes)) == 1


@pytest.mark.browser
def test_closing_the_browser_frees_its_conversation(forgetful, open_page):
    opened = open_page(forgetful.url)
    opened.ask("When does the harbour close?")
    assert held(forgetful)
    opened.page.context.close()
    wait_for(lambda: not held(forgetful))


def test_conversations_are_bounded_in_number(serve, engine):
    app = serve(engine)
    wire = Wire(app.url)
    call = {"component_id": wire.component(), "fn_name": "load_source", "data": "x"}
    for number in range(MOST_SESSIONS + 50):
        assert wire.post("/gradio_api/component_server", {**call, "session_hash": f"s{number}"}).status == 200
    assert len(held(app)) == MOST_SESSIONS
