"""A page behind a proxy, under a public name: what is taken for a name, and who is let in by it."""

from __future__ import annotations

import pytest

from index.errors import CitewellError
from tests.ui.wire import Wire
from ui.hosts import public_name

NAME = "news.example.org"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (NAME, NAME),
        ("News.Example.ORG", NAME),
        (f" {NAME}\n", NAME),
        ("box", "box"),
        ("my_box.lan", "my_box.lan"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("3com.example", "3com.example"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
    ],
)
def test_a_name_is_taken_as_a_browser_sends_it(given, name):
    assert public_name(given) == name


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("https://news.example.org/chat", r"address of a page\. Use: --allow-host news\.example\.org$"),
        ("https://news.example.org:8443", r"address of a page\. Use: --allow-host news\.example\.org$"),
        ("news.example.org/", r"address of a page\. Use: --allow-host news\.example\.org$"),
        ("news.example.org:443", r"has a port .*\. Use: --allow-host news\.example\.org$"),
        ("*.example.org", r"is a pattern\. Give each name by itself"),
        ("*", r"is a pattern\. Give each name by itself"),
        ("münchen.example", r"in ASCII: xn--"),
        ("", "which is none"),
        (".", "which is none"),
        ("news..example", "which is none"),
        ("-news.example", "which is none"),
        ("news.example.", "which is none"),
        ("news example", "which is none"),
        ("news.example,other.example", "which is none"),
        ("192.0.2.777", "which is none"),
        ("a" * 64, "which is none"),
        (".".join(["abcdefgh"] * 30), "which is none"),
    ],
)
def test_what_is_no_name_is_refused_in_one_clear_line(given, words):
    with pytest.raises(CitewellError, match=words) as refused:
        public_name(given)
    assert str(refused.value).startswith("--allow-host takes the name of a host, as in news.example.org; found ")
    assert len(str(refused.value)) < 500


@pytest.fixture(scope="module")
def proxied(serve, engine):
    return Wire(serve(engine, allow_hosts=[NAME.upper()]).url)


@pytest.mark.parametrize("host", [NAME, "NEWS.example.org", f"{NAME}:8443", "127.0.0.1", "localhost:1"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_name_is_let_in_by_either_scheme(proxied, host, scheme):
    assert proxied.get("/config", Host=host).status == 200
    assert proxied.get("/config", Host=host, Origin=f"{scheme}://{host}").status == 200


@pytest.mark.parametrize(
    "host",
    [
        "example.org", "evil.example", f"{NAME}.evil.example", f"evil.{NAME}", f"{NAME}.", f".{NAME}", f"{NAME}@evil",
        f"{NAME}:x", "newsXexample.org", "", "192.0.2.1",
    ],
)  # fmt: skip
def test_other_names_stay_outside(proxied, host):
    head = f"GET /config HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    assert proxied.raw(head.encode()).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example", f"https://evil.{NAME}", f"https://{NAME}.evil.example", f"https://{NAME}:8443",
        f"ftp://{NAME}", f"https:{NAME}", NAME, f"https://{NAME}/", "null", f"https://{NAME}@evil.example",
        f"https://evil.example@{NAME}", "http://127.0.0.1", "*",
    ],
)  # fmt: skip
def test_pages_of_other_sites_stay_outside(proxied, origin):
    assert proxied.get("/config", Host=NAME, Origin=origin).status == 403
    assert proxied.post("/gradio_api/queue/join", {}, Host=NAME, Origin=origin).status == 403


def test_what_a_client_says_of_a_proxy_makes_no_name_known(proxied):
    for header in ("X_Forwarded_Host", "X_Host", "X_Original_Host", "Forwarded"):
        value = f"host={NAME}" if header == "Forwarded" else NAME
        assert proxied.get("/config", Host="evil.example", **{header: value}).status == 400
    two = f"GET /config HTTP/1.1\r\nHost: {NAME}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert proxied.raw(two.encode()).startswith(b"HTTP/1.1 400")


def test_the_page_and_its_questions_work_under_the_name(proxied):
    named = Wire(proxied.url, {"Host": NAME, "Origin": f"https://{NAME}", "X-Forwarded-Proto": "https"})
    assert f'"https://{NAME}"' in named.get("/").text  # where the page's script turns to
    assert named.config()["root"] == f"https://{NAME}"
    assert "ovember, the mayor said." in named.ask("When does the harbour close?")


def test_the_secret_goes_over_tls_alone_where_the_proxy_speaks_it(proxied, page_url):
    assert "; Secure" in proxied.get("/", Host=NAME, X_Forwarded_Proto="https").headers["set-cookie"]
    assert "; Secure" not in proxied.get("/", Host=NAME, X_Forwarded_Proto="http").headers["set-cookie"]
    assert "; Secure" not in proxied.get("/", Host=NAME).headers["set-cookie"]
    # Without a proxy that was spoken of, nobody is believed.
    assert "; Secure" not in Wire(page_url).get("/", X_Forwarded_Proto="https").headers["set-cookie"]


def test_a_name_that_is_none_starts_no_server(engine):
    from ui.app import launch

    with pytest.raises(CitewellError, match="is a pattern"):
        launch(engine, port=0, block=False, allow_hosts=["*"])
