"""A running server, asked as an attacker would ask it."""

from __future__ import annotations

import json
import socket
from http.client import HTTPConnection
from threading import Thread
from urllib.parse import urlsplit

import pytest

from index.errors import CitewellError
from ui.exchange import POLICY
from ui.guard import Gate
from ui.hosts import is_loopback
from ui.routes import MOST_BODY_BYTES

SECRET = "do-not-read-me"


@pytest.fixture(scope="module")
def address(page_url):
    parts = urlsplit(page_url)
    return parts.hostname, parts.port


@pytest.fixture
def request_to(address):
    """Sends one request exactly as it is written: (status, headers, body)."""
    host, port = address

    def send(method, path, body=None, **headers):
        connection = HTTPConnection(host, port, timeout=20)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body=body, headers=named)
            response = connection.getresponse()
            return (
                response.status,
                {name.lower(): value for name, value in response.getheaders()},
                response.read(),
            )
        finally:
            connection.close()

    return send


@pytest.fixture
def config(request_to):
    return json.loads(request_to("GET", "/config")[2])


def posted(request_to, path, payload):
    return request_to("POST", path, json.dumps(payload), Content_Type="application/json")


def ask_directly(request_to, config, data, *, trigger="submit", session="attacker"):
    """Calls the event that answers, as the page's script does, with inputs of the attacker's own."""
    call = next(
        each
        for each in config["dependencies"]
        if any(target[1] == trigger for target in each["targets"]) and len(each["inputs"]) == 3
    )
    data = [*data, ""][:3]  # limited to nothing, unless the data say to what
    payload = {"fn_index": call["id"], "data": data, "session_hash": session, "event_data": None, "trigger_id": None}
    joined = posted(request_to, "/gradio_api/queue/join", payload)
    if joined[0] != 200:
        return joined[0], joined[2].decode()
    return 200, request_to("GET", f"/gradio_api/queue/data?session_hash={session}")[2].decode()


def test_every_page_carries_the_policy(request_to):
    for path, wanted in (("/", 200), ("/config", 200), ("/theme.css", 200), ("/nowhere", 404)):
        status, headers, _ = request_to("GET", path)
        assert status == wanted
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_the_page_names_no_outside_host_that_it_would_load(request_to):
    page = request_to("GET", "/")[2].decode()
    assert "fonts.googleapis" not in page
    assert "cdn." not in page
    assert '<link rel="preconnect"' not in page


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "localhost@evil", "", "[::1"]
)
def test_a_foreign_host_is_refused(request_to, host):
    assert request_to("GET", "/", Host=host)[0] == 400


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:80", "[::1]:7860", "LOCALHOST"])
def test_our_own_names_are_served(request_to, host):
    assert request_to("GET", "/theme.css", Host=host)[0] == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1"])
def test_another_sites_page_is_refused(request_to, origin):
    assert request_to("POST", "/gradio_api/queue/join", "{}", Origin=origin)[0] == 403


def test_our_own_page_may_post(request_to, address, engine):
    reference = f"{next(iter(engine.told))}:0:7"
    host, port = address
    payload = {"data": reference, "component_id": -1, "fn_name": "load_source", "session_hash": "x"}
    status, _, _ = request_to(
        "POST",
        "/gradio_api/component_server",
        json.dumps(payload),
        Origin=f"http://{host}:{port}",
        Content_Type="application/json",
    )
    assert status != 403


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=http://127.0.0.1:9/x",
        "/gradio_api/file=https://example.org/",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file%3D/etc/passwd",
        "/gradio_api/file/etc/passwd",
        "/gradio_api//file=/etc/passwd",
        "/assets/../gradio_api/file=/etc/passwd",
        "/file=/etc/passwd",
        "/gradio_api/proxy=https://example.org/",
        "/proxy=https://example.org/",
        "/gradio_api/stream/a/b/1/playlist-file",
        "/gradio_api/custom_component/1/client/component/../../../etc/passwd",
        "/gradio_api/info",
        "/gradio_api/openapi.json",
        "/gradio_api/deep_link",
        "/gradio_api/runs",
        "/gradio_api/vibe-code",
        "/gradio_api/dev/reload",
        "/gradio_api/queue/status",
        "/gradio_api/upload_progress?upload_id=1",
        "/gradio_api/mcp",
        "/monitoring",
        "/monitoring/summary",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/manifest.json",
        "/pwa_icon",
        "/login",
    ],
)
def test_what_the_page_does_not_need_is_not_there(request_to, path):
    assert request_to("GET", path)[0] == 404
    assert request_to("POST", path, "{}")[0] == 404


@pytest.mark.parametrize(
    "path",
    [
        "/assets/..%2f..%2fpackage.json",
        "/assets/%2e%2e/%2e%2e/package.json",
        "/static/..%2f..%2froutes.py",
        "/svelte/..%2f..%2f__init__.py",
    ],
)
def test_no_path_leaves_its_folder(request_to, path):
    status, _, body = request_to("GET", path)
    assert status == 404
    assert body == b"Not found."


@pytest.mark.parametrize(
    "path", ["/gradio_api/upload", "/gradio_api/run/ask", "/gradio_api/call/ask", "/gradio_api/api/predict"]
)
def test_nothing_can_be_uploaded_or_called_by_name(request_to, path):
    assert request_to("POST", path, "{}", Content_Type="application/json")[0] == 404


def test_a_long_body_is_refused_whatever_its_headers_say(request_to):
    long = b"x" * (MOST_BODY_BYTES + 1)
    assert request_to("POST", "/gradio_api/queue/join", long)[0] == 413
    # An iterator is sent in chunks, with no length given.
    assert request_to("POST", "/gradio_api/queue/join", iter([long]))[0] == 413


def test_a_question_is_answered_over_the_wire(request_to, config):
    status, body = ask_directly(request_to, config, ["When does the harbour close?", None])
    assert status == 200
    assert "ovember, the mayor said." in body


@pytest.mark.parametrize("trigger", ["submit", "click"])
@pytest.mark.parametrize("shape", ["plain", "list", "message"])
def test_a_forged_file_is_not_read(request_to, config, tmp_path, trigger, shape):
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    file = {"path": str(secret), "url": None, "orig_name": "x", "meta": {"_type": "gradio.FileData"}}
    value = {"plain": file, "list": [file], "message": [{"role": "user", "content": [{"type": "file", "file": file}]}]}
    _, body = ask_directly(request_to, config, [value[shape], value[shape]], trigger=trigger)
    assert SECRET not in body
    assert "/gradio_api/file=" not in body


def test_the_browser_cannot_bring_a_conversation(request_to, config):
    forged = [{"question": "x", "markup": "<b>planted</b>"}]
    _, body = ask_directly(request_to, config, ["When does the harbour close?", forged], session="forger")
    assert "planted" not in body
    assert "ovember, the mayor said." in body


@pytest.mark.parametrize("question", [7, {"a": 1}, [], ["x"], True, 1e308, {"path": "/etc/passwd"}])
def test_what_is_no_text_is_no_question(request_to, config, question):
    assert ask_directly(request_to, config, [question, None], session="odd")[0] == 422


@pytest.mark.parametrize("question", [None, "", "\ud800", "\x00", "x" * 50_000])
def test_a_question_of_any_kind_gets_an_answer_and_no_traceback(request_to, config, question):
    status, body = ask_directly(request_to, config, [question, None], session="odd")
    assert status == 200
    assert "Traceback" not in body
    assert "process_completed" in body
    assert '"success":true' in body.replace(" ", "")


@pytest.mark.parametrize(
    "scope", [7, {"path": "/etc/passwd"}, ["x"], '{"since": "May"}', '{"sources": ["no.example"]}']
)
def test_a_forged_scope_gets_a_line_and_no_traceback(request_to, config, scope):
    status, body = ask_directly(request_to, config, ["When does the harbour close?", None, scope], session="limited")
    assert status == (200 if isinstance(scope, str) else 422)
    assert ("process_completed" in body) is isinstance(scope, str)
    assert "Traceback" not in body
    assert "14 November" not in body


AGAIN = pytest.mark.parametrize("again", ["ask-literally", "ask-as-read"])


@AGAIN
@pytest.mark.parametrize("number", [0, -1, 10**15, 0.5, "0", None, True, [0], {"turn": 0}, "x" * 10_000])
def test_only_a_turn_of_the_own_conversation_is_asked_again(request_to, config, engine, number, again):
    button = next(each["id"] for each in config["components"] if each["props"].get("elem_id") == again)
    call = next(each["id"] for each in config["dependencies"] if [button, "click"] in each["targets"])
    planted = [{"question": "planted", "number": 0, "answer": {"read_as": "planted"}, "markup": "<b>planted</b>"}]
    payload = {"fn_index": call, "data": [number, planted], "session_hash": "literal", "event_data": None}
    before = len(engine.asked)
    assert posted(request_to, "/gradio_api/queue/join", payload | {"trigger_id": None})[0] == 200
    body = request_to("GET", "/gradio_api/queue/data?session_hash=literal")[2].decode()
    assert '"success":true' in body.replace(" ", "")
    assert "planted" not in body
    assert "Traceback" not in body
    assert len(engine.asked) == before


@AGAIN
@pytest.mark.parametrize("number", [10**30, {"path": "/etc/passwd"}])
def test_what_no_page_sends_for_a_turn_is_refused(request_to, config, number, again):
    button = next(each["id"] for each in config["components"] if each["props"].get("elem_id") == again)
    call = next(each["id"] for each in config["dependencies"] if [button, "click"] in each["targets"])
    payload = {"fn_index": call, "data": [number, []], "session_hash": "literal", "event_data": None}
    assert posted(request_to, "/gradio_api/queue/join", payload | {"trigger_id": None})[0] == 422


def panel(request_to, config, data, function="load_source"):
    component = next(each["id"] for each in config["components"] if each["props"].get("elem_id") == "source")
    payload = {"data": data, "component_id": component, "fn_name": function, "session_hash": "panel"}
    return posted(request_to, "/gradio_api/component_server/", payload)


def test_the_panel_gives_articles_of_the_index_only(request_to, config, engine):
    identifier, article = next(iter(engine.told.items()))
    status, _, body = panel(request_to, config, f"{identifier}:0:7")
    assert status == 200
    assert json.loads(body)["quote"] == article.text[:7]
    for forged in ("/etc/passwd", f"{'0' * 32}:0:7", None, {"file": "/etc/passwd"}, [1, 2], f"{identifier}:-1:7"):
        status, _, body = panel(request_to, config, forged)
        assert (status, list(json.loads(body))) == (200, ["error"])


@pytest.mark.parametrize("function", ["load", "get_config", "__init__", "postprocess", "constructor_args"])
def test_no_other_function_can_be_called(request_to, config, function):
    assert panel(request_to, config, "x", function)[0] == 404


def test_a_port_that_is_taken_is_one_clear_line(engine):
    from ui.app import launch

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CitewellError, match=rf"Cannot listen on 127\.0\.0\.1:{port} .*--port") as caught:
            launch(engine, port=port, block=False)
        assert "\n" not in str(caught.value)


def test_an_address_of_another_machine_is_one_clear_line(engine):
    from ui.app import launch

    with pytest.raises(CitewellError, match=r"Cannot listen on 203\.0\.113\.1:7860"):
        launch(engine, host="203.0.113.1", block=False)


def test_closing_frees_the_port_and_may_be_done_twice(serve, engine):
    app = serve(engine)
    waiter = Thread(target=app.wait)
    waiter.start()
    app.close()
    app.close()
    waiter.join(10)
    assert not waiter.is_alive()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", app.port))


def test_two_conversations_at_once_are_kept_apart(request_to, config):
    bodies = {}

    def go(question):
        bodies[question] = ask_directly(request_to, config, [question, None], session=f"apart{len(question)}")[1]

    questions = ("When does the harbour close?", "And the gargoyle?")
    threads = [Thread(target=go, args=(question,)) for question in questions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for question, other in (questions, questions[::-1]):
        assert question in bodies[question]
        assert other not in bodies[question]


@pytest.mark.parametrize(
    ("hosts", "loopback"),
    [
        (("127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"), True),
        (("0.0.0.0", "::", "192.168.1.2", "example.org", "", "127.0.0.1.evil.example"), False),
    ],
)
def test_what_counts_as_this_machine(hosts, loopback):
    assert {is_loopback(host) for host in hosts} == {loopback}


def test_a_server_on_every_address_takes_addresses_but_no_foreign_names():
    gate = Gate(frozenset({"localhost", "box"}), any_address=True)
    assert all(gate.is_ours(host) for host in ("192.168.1.2:7860", "[fe80::1]:7860", "box", "localhost"))
    assert not any(gate.is_ours(host) for host in ("evil.example", "box.evil.example:7860", "", "1.2.3.4.evil.example"))
