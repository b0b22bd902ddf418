"""A running server, called in ways the page never calls it: nothing is read, nothing fails, nothing is logged."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ui.served import CALL, OPEN
from tests.ui.wire import Wire

ROOT = Path(__file__).parents[2]
SECRET = "the-secret-of-the-file"
ANSWER = "ovember, the mayor said."


@dataclass
class Server:
    wire: Wire
    secret: Path
    events: Path
    log: Path

    def noted(self) -> str:
        return self.events.read_text("utf-8") if self.events.exists() else ""

    def check(self) -> None:
        """Nothing was read, called or logged, and the page still answers."""
        assert ANSWER in self.wire.ask("When does the harbour close?", session="afterwards")
        assert not [body for body in self.wire.received if SECRET.encode() in body]
        assert not [body for body in self.wire.received if b"Traceback" in body]
        assert self.noted() == ""
        assert self.log.read_text("utf-8") == ""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forged")
    work, kept = folder / "work", folder / "gradio"
    work.mkdir()
    kept.mkdir()
    secret = work / "secret-of-the-server.txt"
    secret.write_text(SECRET)
    log, events = folder / "log.txt", folder / "events.txt"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GRADIO_TEMP_DIR": str(kept)}
    command = [sys.executable, "-m", "tests.ui.served", str(secret), str(events)]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, cwd=work, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
        url = process.stdout.readline().decode().strip()
        assert url, log.read_text("utf-8")
        yield Server(Wire(url), secret, events, log)
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


@pytest.fixture(autouse=True)
def nothing_happened(server):
    yield
    server.check()


@pytest.fixture
def wire(server):
    return server.wire


def test_the_watch_is_awake(server):
    server.wire.ask(OPEN)
    assert server.secret.name in server.noted()
    server.wire.ask(CALL)
    assert "evil.example" in server.noted()
    server.events.write_text("")


PREFIXES = (
    "/gradio_api/file=",
    "/file=",
    "/gradio_api/file/",
    "/gradio_api/proxy=",
    "/proxy=",
    "/static/",
    "/assets/",
    "/svelte/",
    "/gradio_api/heartbeat/",
    "/gradio_api/custom_component/1/client/component/",
    "/gradio_api/stream/a/b/1/",
    "/",
)


def spellings(secret: Path) -> list[str]:
    """One file, as the ways around a check name it."""
    absolute = str(secret)
    up = "../" * 12 + absolute.lstrip("/")
    return [
        absolute,
        absolute.lstrip("/"),
        "/" + absolute,
        secret.name,
        up,
        up.replace("/", "%2f"),
        up.replace("../", "%2e%2e/"),
        up.replace("../", "%252e%252e%252f"),
        up.replace("../", "..%c0%af"),
        up.replace("../", "....//"),
        up.replace("/", "\\"),
        up.replace("/", "%5c"),
        up + "%00.css",
        "." + "/." * 5 + absolute,
        "file://" + absolute,
        "file:" + absolute,
        absolute + "::$DATA",
        "\\\\127.0.0.1\\share" + absolute,
        absolute.upper(),
        "..;/" * 12 + absolute.lstrip("/"),
    ]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_no_path_reads_a_file(server, prefix):
    for spelling in spellings(server.secret):
        for method in ("GET", "HEAD", "POST"):
            assert server.wire.request(method, prefix + spelling).status in (404, 405, 400, 422), (method, spelling)


@pytest.mark.parametrize("prefix", ["/gradio_api/file=", "/gradio_api/proxy=", "/file=", "/proxy=", "/?url="])
def test_no_address_is_fetched(wire, prefix):
    for target in ("http://127.0.0.1:9/", "http://169.254.169.254/latest", "https://evil.example/x", "//evil.example"):
        reply = wire.get(prefix + target, X_Direct_Url=target)
        assert reply.status == (200 if prefix.startswith("/?") else 404)
        assert "location" not in reply.headers


METHOD_OF_A_COMPONENT = (
    '{{"component_id": 1, "fn_name": "move_resource_to_block_cache", "data": "{secret}", "session_hash": "x"}}'
)
ADDRESS_IN_AN_EVENT = (
    '{{"fn_index": 0, "session_hash": "x", "data": '
    '[{{"path": "http://127.0.0.1:9/", "meta": {{"_type": "gradio.FileData"}}}}, null]}}'
)
# Classes of flaws that Gradio has had, as requests; the names are those of the reports.
REPORTED = {
    "CVE-2023-51449 file route": [("GET", "/file=../../{secret}"), ("GET", "/gradio_api/file={secret}")],
    "CVE-2024-0964 path in JSON": [("POST", "/gradio_api/queue/join", '{{"fn_index": 0, "data": ["{secret}"]}}')],
    "CVE-2024-1183 ports by file route": [
        ("GET", "/file=http://127.0.0.1:22/"),
        ("HEAD", "/file=http://127.0.0.1:22/"),
    ],
    "CVE-2024-1561 any method of a component": [
        ("POST", "/component_server", METHOD_OF_A_COMPONENT),
        ("POST", "/gradio_api/component_server", METHOD_OF_A_COMPONENT),
    ],
    "CVE-2024-1727 upload from elsewhere": [("POST", "/upload", "x"), ("POST", "/gradio_api/upload", "x")],
    "CVE-2024-2206 proxy by header": [
        ("GET", "/proxy=http://127.0.0.1:9/"),
        ("GET", "/gradio_api/proxy=http://a.hf.space/"),
    ],
    "CVE-2024-4325 address in an event": [("POST", "/gradio_api/queue/join", ADDRESS_IN_AN_EVENT)],
    "CVE-2024-4940 redirect": [
        ("GET", "/file=https://evil.example"),
        ("GET", "/gradio_api/login?_target_url=//evil.example"),
        ("GET", "/logout?_target_url=https://evil.example"),
        ("GET", "//evil.example/.."),
    ],
    "CVE-2024-8966 boundary of an upload": [("POST", "/gradio_api/upload", "--" + "-" * 60_000)],
    "CVE-2024-10624 number of seconds": [("POST", "/gradio_api/queue/join", '{{"fn_index": 1e9999, "data": []}}')],
    "CVE-2024-47166 custom component": [("GET", "/gradio_api/custom_component/1/client/component/..%2f..%2f{secret}")],
    "CVE-2024-47168 monitoring": [("GET", "/monitoring"), ("GET", "/monitoring/summary"), ("GET", "/monitoring/x")],
    "CVE-2024-47872 a page among the uploads": [("GET", "/gradio_api/file=evil.html"), ("GET", "/file=evil.svg")],
    "CVE-2025-23042 another case": [("GET", "/gradio_api/FILE={secret}"), ("GET", "/Gradio_Api/file={secret}")],
    "CVE-2025-48889 flagging": [("POST", "/gradio_api/run/flag", '{{"data": [{{"path": "{secret}"}}]}}')],
    "CVE-2026-27167 login of a mocked hub": [
        ("GET", "/login/huggingface"),
        ("GET", "/login/callback"),
        ("GET", "/logout"),
    ],
    "CVE-2026-28414 static on Windows": [("GET", "/static//windows/win.ini"), ("GET", "/static/{secret}")],
    "deep links": [("GET", "/?deep_link=../../{secret}"), ("GET", "/gradio_api/deep_link?session_hash=x")],
    "editing the server's code": [
        ("GET", "/gradio_api/vibe-code"),
        ("POST", "/gradio_api/vibe-edit", '{{"prompt": "x"}}'),
        ("GET", "/gradio_api/dev/reload"),
        ("GET", "/dev/reload"),
    ],
    "calls by name": [
        ("POST", "/gradio_api/run/predict", "{{}}"),
        ("POST", "/run/ask", "{{}}"),
        ("POST", "/api/ask", "{{}}"),
        ("POST", "/gradio_api/call/ask", '{{"data": []}}'),
        ("GET", "/gradio_api/call/ask/1"),
        ("POST", "/gradio_api/call/v2/ask", "{{}}"),
        ("POST", "/gradio_api/api/ask", "{{}}"),
    ],
    "what others did": [
        ("GET", "/gradio_api/queue/status"),
        ("GET", "/gradio_api/runs"),
        ("GET", "/gradio_api/info"),
        ("GET", "/gradio_api/profiling/traces"),
        ("GET", "/gradio_api/upload_progress?upload_id=x"),
        ("GET", "/gradio_api/run-history/records"),
        ("GET", "/gradio_api/app_id"),
        ("GET", "/gradio_api/token"),
        ("GET", "/gradio_api/user"),
        ("GET", "/gradio_api/mcp/sse"),
        ("GET", "/gradio_api/openapi.json"),
    ],
    "start again": [("GET", "/gradio_api/startup-events"), ("POST", "/gradio_api/process_recording", "x")],
}


@pytest.mark.parametrize("name", REPORTED)
def test_what_gradio_once_let_through_is_refused(server, name):
    for method, path, *body in REPORTED[name]:
        filled = path.format(secret=server.secret)
        payload = body[0].format(secret=server.secret) if body else None
        reply = server.wire.request(method, filled, payload, Content_Type="application/json")
        # The page itself is given whatever its query says.
        assert reply.status == 200 if path.startswith("/?") else 400 <= reply.status < 500, (path, reply.status)
        assert "location" not in reply.headers


def files(secret: Path) -> list[object]:
    """A file, as the classes of Gradio's components would take one."""
    file = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}
    stream = {**file, "url": f"file://{secret}", "orig_name": "x.txt", "mime_type": "text/plain", "is_stream": True}
    return [
        file,
        stream,
        [file],
        {"file": file, "alt_text": "x"},
        {"text": "x", "files": [file]},
        {"value": {"video": file, "subtitles": None}},
        [[{"role": "user", "content": {"path": str(secret)}}]],
        [{"role": "user", "content": [{"type": "file", "file": file}]}],
        [[[str(secret)], [str(secret)]]],
        {"__type__": "update", "value": file},
        {"component": "image", "value": file, "constructor_args": {}, "props": {}},
        str(secret),
        f"![x](/gradio_api/file={secret})",
    ]


def test_a_file_in_any_place_of_any_event_is_not_read(server):
    numbers = [(each["id"], len(each["inputs"])) for each in server.wire.config()["dependencies"]]
    for (number, inputs), file in itertools.product(numbers, files(server.secret)):
        for place in range(max(inputs, 1)):
            data = [None] * inputs
            data[place : place + 1] = [file]
            reply = server.wire.join(data, event=number, session="files")
            assert reply.status in (200, 422, 503), (number, file)
            reply = server.wire.join([None] * inputs, event=number, session="files", event_data=file)
            assert reply.status in (200, 422, 503)
            if reply.status == 200:
                server.wire.listen("files")


def test_a_file_for_the_panel_is_not_read(server):
    for file in files(server.secret):
        reply = server.wire.panel(file)
        assert reply.status == 422 or list(reply.json()) == ["error"]


def odd_values() -> list[object]:
    deep: object = "x"
    for _ in range(40):
        deep = [deep]
    return [
        None,
        True,
        0,
        -1,
        2**53,
        2**63,
        10**400,
        1e308,
        "",
        "x" * 60_000,
        "\ud800",
        "\x00",
        "../x",
        "__class__",
        [],
        {},
        deep,
        [[]] * 3000,
        {"a" * 5000: 1},
        {"": {"": {"": {}}}},
        {"length": -1},
        ["x"] * 10,
        "constructor",
        "0",
    ]


@pytest.mark.parametrize(
    "field", ["fn_index", "data", "session_hash", "event_data", "trigger_id", "batched", "event_id"]
)
def test_no_field_of_an_event_breaks_anything(wire, field):
    number = wire.event()
    for value in odd_values():
        call = {
            "fn_index": number,
            "data": ["Why?", None, ""],
            "session_hash": "odd",
            "event_data": None,
            "trigger_id": None,
        }
        reply = wire.post("/gradio_api/queue/join", {**call, field: value})
        assert reply.status in (200, 404, 413, 422, 503), (field, repr(value)[:50], reply.text)
        if reply.status == 200:
            session = value if field == "session_hash" else "odd"
            assert "Traceback" not in wire.listen(session)
        del call[field if field in call else "data"]
        without = wire.post("/gradio_api/queue/join", call).status
        assert without in (200, 404, 422, 503)
        if without == 200:
            wire.listen("odd")


@pytest.mark.parametrize("field", ["component_id", "data", "session_hash", "fn_name"])
def test_no_field_of_a_panels_call_breaks_anything(wire, field):
    for value in odd_values():
        call = {"data": "x", "component_id": wire.component(), "fn_name": "load_source", "session_hash": "odd"}
        assert wire.post("/gradio_api/component_server", {**call, field: value}).status in (200, 404, 413, 422)
        del call[field]
        assert wire.post("/gradio_api/component_server/", call).status == 422


@pytest.mark.parametrize("path", ["cancel", "reset"])
def test_nobody_elses_event_is_cancelled(wire, path):
    for value in odd_values():
        for field in ("fn_index", "event_id", "session_hash"):
            call = {"fn_index": wire.event(), "event_id": "0" * 32, "session_hash": "other", field: value}
            assert wire.post(f"/gradio_api/{path}", call).status in (200, 404, 413, 422)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"a":' + b"[" * 30_000,
        b"9" * 60_000,
        b"<xml/>",
        b"a=b",
        b"{}" * 9,
        b"NaN",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_no_json_is_refused(wire, body):
    for path in ("queue/join", "component_server", "cancel", "reset"):
        assert wire.post(f"/gradio_api/{path}", body).status == 422


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp"],
)
def test_only_json_is_taken(wire, kind):
    for path in ("queue/join", "component_server", "cancel", "reset"):
        body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="/etc/x"\r\n\r\ny\r\n--x--\r\n'
        assert wire.post(f"/gradio_api/{path}", body, Content_Type=kind).status == 415


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "OPTIONS", "PROPFIND", "X"])
def test_other_methods_are_refused(wire, method):
    for path in ("/", "/config", "/gradio_api/queue/join", "/gradio_api/component_server", "/healthz", "/assets/x"):
        assert wire.request(method, path).status in (400, 404, 405)


def test_reading_and_writing_are_not_mixed_up(wire):
    for path in ("/", "/config", "/healthz", "/gradio_api/queue/data", "/theme.css"):
        assert wire.post(path, "{}").status == 405
    for path in ("/gradio_api/queue/join", "/gradio_api/component_server", "/gradio_api/cancel"):
        assert wire.get(path).status == 405


@pytest.mark.parametrize("session", ["", "x", "../x", "a" * 65, "%00", "a&session_hash=b", "a%0d%0aX:y", "nobody"])
def test_a_session_that_is_not_there_is_an_answer_and_no_error(wire, session):
    reply = wire.get(f"/gradio_api/queue/data?session_hash={session}")
    assert reply.status in (200, 422)
    if reply.status == 200:
        assert "Traceback" not in reply.text


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Forwarded_Host": "evil.example"},
        {"X_Forwarded_Proto": "javascript"},
        {"X_Forwarded_Server": "evil.example"},
        {"X_Forwarded_Prefix": "//evil.example"},
        {"X_Gradio_Server": "http://evil.example"},
        {"X_Original_Url": "/gradio_api/file=/etc/passwd"},
        {"X_Rewrite_Url": "/monitoring"},
        {"Forwarded": "host=evil.example"},
        {"X_Forwarded_For": "1.2.3.4"},
        {"X_Http_Method_Override": "DELETE"},
    ],
    ids=str,
)
def test_no_header_changes_where_the_page_believes_to_be(wire, headers):
    for path in ("/", "/config"):
        reply = wire.get(path, **headers)
        assert reply.status == 200
        assert "evil.example" not in reply.text.replace("example.org", "")
    assert wire.get("/config", **headers).json()["root"] == wire.url


def test_a_pages_query_changes_nothing_but_what_the_page_reads(wire):
    assert wire.get("/?view=api&deep_link=x&page=/etc/passwd&" + "a=1&" * 60).status == 200
    assert wire.get("/?q=" + "x" * 9000).status == 414


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"GET http://evil.example/config HTTP/1.1\r\nHost: evil.example\r\n", 400),
        (b"GET /config HTTP/1.1\r\n", 400),
        (b"GET /config HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n", 400),
        (b"GET /config HTTP/1.1\r\nHost: localhost@evil.example\r\n", 400),
        (b"GET /config HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n", 403),
        (
            b"GET /config HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nOrigin: http://evil.example\r\n",
            403,
        ),
        (b"GET /config HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n", 403),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n", 200),
        (
            b"POST /gradio_api/queue/join HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n",
            400,
        ),
    ],
    ids=lambda each: each[:70].decode() if isinstance(each, bytes) else None,
)
def test_a_request_that_no_browser_writes(wire, lines, status):
    got = wire.raw(lines + b"Connection: close\r\n\r\n")
    assert got.split(b" ")[1:2] == [str(status).encode()], got[:200]


def test_another_site_learns_nothing_even_after_asking(wire):
    asked = {"Origin": "https://evil.example", "Access_Control_Request_Method": "POST"}
    wire.request("OPTIONS", "/gradio_api/queue/join", **asked)
    assert wire.get("/config", Origin="https://evil.example").status == 403
    reply = wire.post("/gradio_api/queue/join", {}, Origin="https://evil.example")
    assert (reply.status, reply.json()) == (403, {"detail": "Requests from other sites are refused."})


def test_a_session_holds_no_more_than_a_few_answers_that_nobody_fetches(wire):
    codes = [wire.join(["When does the harbour close?", None], session="hoarder").status for _ in range(20)]
    assert set(codes) == {200, 503}
    wire.listen("hoarder")


def test_health_is_told_to_everybody_and_holds_no_secret(wire):
    reply = wire.get("/healthz")
    assert reply.status == 200
    assert set(reply.json()) == {"status", "version"}
    assert reply.json()["status"] == "ready"
    assert wire.get("/loading").json() == {"status": "ready"}
