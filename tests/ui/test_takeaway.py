"""What a click may ask for, checked without a browser and over the wire; links that outlive an index."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from http.client import HTTPConnection
from urllib.parse import parse_qs, urlsplit

import pytest

from index.build import build_index
from index.errors import StoreError
from rag.engine import Engine
from rag.feedback import FeedbackFile
from rag.formats import answer_as, conversation_as
from rag.question import read_question
from ui.panel import load_source
from ui.takeaway import asks_the_address, take, takeaway_template, toolbar_markup
from ui.turns import Turn, asker, messages

QUESTION = "When does the harbour close?"


class FullDisk:
    def keep(self, vote):
        raise StoreError("the vote was not kept: no space\u202e is left")


@pytest.fixture
def turns(engine, hostile):
    """A conversation with an answer, a refused question, a hostile answer, and one that is being read."""
    return [
        Turn(QUESTION, answer=engine.ask(QUESTION), number=4),
        Turn("", problem="The question is empty.", number=5),
        Turn(hostile, answer=engine.ask(f"What of the gargoyle? {hostile}"), number=6),
        Turn("pending", number=7),
    ]


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_an_answer_and_the_conversation_in_each_format(turns, form):
    assert take(turns, f"4:{form}", None) == {"text": answer_as(turns[0].answer, form)}
    assert take(turns, f"6:{form}", None) == {"text": answer_as(turns[2].answer, form)}
    whole = take(turns, f"all:{form}", None)["text"]
    assert "The question is empty." in whole
    assert "pending" not in whole
    assert whole.startswith(conversation_as([turns[0].answer], form)[:60])
    assert "<script>" in whole or form == "markdown"


def test_a_link_carries_the_question_and_nothing_else(turns):
    query = take(turns, "6:link", None)["text"]
    assert query.isascii()
    assert not set("<>\"'&# ") & set(query)
    assert parse_qs(query[1:], strict_parsing=True) == {"q": [turns[2].answer.question]}


@pytest.mark.parametrize("wanted", ["3:text", "0:text", "5:text", "7:markdown", "999999999:json", "5:up", "7:link"])
def test_what_is_not_there_any_more_is_said(turns, wanted):
    assert take(turns, wanted, None) == {"error": "This answer is not kept any more. Ask again."}


@pytest.mark.parametrize(
    "wanted",
    [
        None, 4, True, [], {}, {"path": "/etc/passwd"}, "",
        "4", "4:", ":text", "4:html", "04:text", "-4:text", "4:text\n",
        "4:text:text", "٤:text", "all", "all:link", "all:up", "all:", "4:/etc/passwd", "x" * 60_000, "9" * 50 + ":text",
        "4:text\x00", "__class__:text",
    ],
)  # fmt: skip
def test_anything_else_is_refused(turns, wanted):
    assert take(turns, wanted, FullDisk()) == {"error": "This cannot be taken along."}


def test_nothing_to_export():
    assert "nothing to export" in take([], "all:text", None)["error"]
    assert "nothing to export" in take([Turn("pending")], "all:json", None)["error"]


def test_votes_are_kept_replaced_and_taken_back(turns, tmp_path):
    file = FeedbackFile(tmp_path)
    said = take(turns, "4:up", file)
    assert (said["vote"], said["turn"], turns[0].vote) == ("up", 4, "up")
    assert "on the computer that runs citewell" in said["said"]
    take(turns, "6:down", file)
    take(turns, "4:down", file)
    votes, _ = file.read()
    assert [(vote.id, vote.verdict) for vote in votes] == [(turns[2].key, "down"), (turns[0].key, "down")]
    assert votes[1].question == QUESTION
    first = turns[0].answer.citations[0]
    kept = votes[1].citations[0]
    assert (kept.article_id, kept.start, kept.end, kept.quote) == (
        first.article_id,
        first.start,
        first.end,
        first.quote,
    )
    take(turns, "4:none", file)
    assert [vote.id for vote in file.read()[0]] == [turns[2].key]
    assert turns[0].vote == "none"


def test_a_vote_that_is_not_kept_is_not_shown_as_one(turns):
    assert take(turns, "4:up", FullDisk()) == {"error": "the vote was not kept: no space\ufffd is left"}
    assert turns[0].vote == "none"
    assert take(turns, "4:up", None) == {"error": "Votes are not kept here."}


class Buttons(HTMLParser):
    def __init__(self, markup):
        super().__init__()
        self.found = {}
        self.feed(markup)

    def handle_starttag(self, tag, attrs):
        if tag == "button":
            self.found[dict(attrs)["value"]] = dict(attrs)["class"].split()


def test_the_toolbar_shows_the_vote(turns):
    for vote in ("none", "up", "down"):
        found = Buttons(toolbar_markup(7, vote)).found
        assert list(found) == ["7:text", "7:markdown", "7:json", "7:link", "7:up", "7:down"]
        assert [name for name in ("up", "down") if "pressed" in found[f"7:{name}"]] == [vote] * (vote != "none")


def test_only_answers_have_a_toolbar(turns):
    shown = [message["content"][0]["text"] for message in messages(turns) if message["role"] == "assistant"]
    assert ['class="takes"' in each for each in shown] == [True, False, True, False]


def test_the_template_is_no_template():
    for votes in (True, False):
        markup = takeaway_template(votes=votes)
        assert not any(sign in markup for sign in ("${", "{{", "`", "\\", "VOTES"))


# Over the wire


@pytest.fixture(scope="module")
def wire(engine, serve, tmp_path_factory):
    """Calls the events of a served page as its script does: `wire(trigger, data, event_data, session)`."""
    folder = tmp_path_factory.mktemp("votes")
    parts = urlsplit(serve(engine, votes=FeedbackFile(folder)).url)

    def send(method, path, payload=None):
        connection = HTTPConnection(parts.hostname, parts.port, timeout=20)
        try:
            body = None if payload is None else json.dumps(payload)
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    config = json.loads(send("GET", "/config")[1])
    names = {each["id"]: each["props"].get("elem_id") for each in config["components"]}

    def call(target, data, event_data, session):
        part, name = {"take": ("takeaway", "submit"), "ask": ("question", "submit"), "load": (None, "load")}[target]
        event = next(
            each
            for each in config["dependencies"]
            if any(name == on and part in (None, names.get(of)) for of, on in each["targets"])
        )
        payload = {"fn_index": event["id"], "data": data, "session_hash": session, "event_data": event_data}
        status, body = send("POST", "/gradio_api/queue/join", {**payload, "trigger_id": None})
        return body if status != 200 else send("GET", f"/gradio_api/queue/data?session_hash={session}")[1]

    call.folder = folder
    return call


def test_what_is_asked_for_is_given_to_its_own_session_only(wire):
    assert "ovember, the mayor said." in wire("ask", [QUESTION, None, None], None, "mine")
    mine = wire("take", [None], {"what": "0:text", "ticket": 7}, "mine")
    assert "characters 4536-4600" in mine
    assert '"ticket":7' in mine.replace(" ", "")
    other = wire("take", [None], {"what": "0:text", "ticket": 7}, "another")
    assert "not kept any more" in other
    forged = [{"question": "x", "number": 0, "answer": {"question": "planted"}}]
    assert "planted" not in wire("take", [forged], {"what": "0:json", "ticket": 7}, "another")


@pytest.mark.parametrize(
    "event_data",
    [
        None, 7, "1:text", [], {}, {"what": None}, {"what": {"a": []}, "ticket": 1}, {"ticket": "x"},
        {"what": "0:up", "ticket": [1]}, {"what": "0:text", "ticket": True}, {"what": "0:text", "ticket": 1e400},
        {"what": "0:text", "ticket": -1}, {"what": "0:up" * 10_000}, {"_data": 1}, {"what": "all:../../x", "ticket": 1},
    ],
)  # fmt: skip
def test_forged_clicks_get_a_line_and_no_traceback(wire, event_data):
    body = wire("take", [None], event_data, "forger")
    assert "Traceback" not in body
    # A line for the reader, or refused before any of it was read.
    assert len(body) < 100 or ("process_completed" in body and '"success":true' in body.replace(" ", ""))
    assert '"text"' not in body
    assert not list(wire.folder.iterdir())


def test_a_forged_file_in_a_click_is_not_read(wire, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("do-not-read-me")
    file = {"path": str(secret), "url": None, "orig_name": "x", "meta": {"_type": "gradio.FileData"}}
    body = wire("take", [file], {"what": file, "ticket": 1}, "thief")
    assert "do-not-read-me" not in body
    assert "Traceback" not in body
    assert "/gradio_api/file=" not in body


def test_the_address_of_the_page_asks(wire, hostile):
    body = wire("load", [QUESTION, None], None, "address")
    assert "ovember, the mayor said." in body
    body = wire("load", [hostile, None], None, "hostile")
    assert "&lt;script&gt;" in body
    assert "<script" not in body
    for nothing in (None, ""):
        body = wire("load", [nothing, None], None, f"nothing{nothing}")
        assert "process_completed" in body
        assert "asked" not in body


def test_a_question_that_is_too_long_for_the_engine_is_a_line():
    class Strict:
        def ask(self, question, **_):
            return read_question(question)

    *_, last = asks_the_address(asker(Strict()))("x" * 1001, [])
    assert "1,001 characters; expected at most 1,000" in last[0][-1]["content"][0]["text"]


# Links to sentences


def test_a_link_to_a_sentence_outlives_its_index(tmp_path, seeds, tiny_encoder, seed_text):
    """The same articles, read from another place into another index, have the same ids and offsets."""
    moved = tmp_path / "elsewhere" / "deeper"
    moved.mkdir(parents=True)
    for file in seeds.glob("*.txt"):
        (moved / f"renamed {file.name}").write_bytes(file.read_bytes())
    (moved / "another.txt").write_text("Another Article\n\nSomething else happened in Lund on Monday.\n", "utf-8")
    build_index([seeds], tmp_path / "first", encoder=tiny_encoder)
    build_index([tmp_path / "elsewhere"], tmp_path / "second", encoder=tiny_encoder)
    with Engine.open(tmp_path / "first", encoder=tiny_encoder, reader="none") as engine:
        answer = engine.ask("How long was the call between Putin and Trump?", min_confidence=0.0)
    cited = answer.citations + answer.related
    assert len({citation.article_id for citation in cited}) > 1
    with Engine.open(tmp_path / "second", encoder=tiny_encoder, reader="none") as engine:
        for citation in cited:
            opened = load_source(engine, f"{citation.article_id}:{citation.start}:{citation.end}")
            assert opened["quote"] == citation.quote == seed_text[citation.start : citation.end]
        beyond = load_source(engine, f"{cited[0].article_id}:{cited[0].start}:{len(seed_text) + 1}")
        assert beyond == {"error": "This is not a place in these articles."}
        gone = load_source(engine, f"{'0' * 32}:0:5")
        assert "not in the index any more" in gone["error"]
