"""Taking answers along, in a real Chromium: the clipboard, files, addresses and votes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from index.build import build_index
from index.errors import StoreError
from rag.engine import Engine
from rag.feedback import FeedbackFile
from rag.formats import answer_as, conversation_as
from rag.sources import visible

pytestmark = pytest.mark.browser

QUESTION = "When does the harbour close?"
QUOTE = "The harbour of Port Ellis closes on 14 November, the mayor said."
WORDS = {"text": "Text with footnotes", "markdown": "Markdown", "json": "JSON"}


class Switch:
    """Keeps votes in a file, until the disk is full."""

    def __init__(self, folder):
        self.file = FeedbackFile(folder)
        self.full = False

    def keep(self, vote):
        if self.full:
            raise StoreError("the vote was not kept: no space is left")
        self.file.keep(vote)


@pytest.fixture(scope="module")
def votes(tmp_path_factory):
    return Switch(tmp_path_factory.mktemp("votes"))


@pytest.fixture(scope="module")
def url(engine, serve, votes):
    return serve(engine, examples=[], votes=votes).url


@pytest.fixture
def open_with_clipboard(open_page):
    def start(address, **size):
        watched = open_page(address, **size)
        watched.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
        return watched

    return start


def said(page, words):
    """Waits until the page says so, to eyes and, by its role, to screen readers."""
    page.wait_for_function(
        "words => document.querySelector('.take-said[role=status]').textContent.includes(words)", arg=words
    )
    assert page.locator(".take-said").is_visible()


def copied(page, words="Copied"):
    said(page, words)
    return page.evaluate("navigator.clipboard.readText()")


def copy(page, form, turn=1):
    page.locator(".takes").nth(turn - 1).get_by_text("Copy").click()
    page.locator(".takes").nth(turn - 1).get_by_role("button", name=WORDS[form]).click()
    return copied(page)


def test_an_answer_is_copied_in_each_format(url, open_with_clipboard, engine):
    watched = open_with_clipboard(url)
    page = watched.page
    watched.ask(QUESTION)
    for form in WORDS:
        page.evaluate("navigator.clipboard.writeText('before')")
        page.evaluate("document.querySelector('.take-said').textContent = ''")
        assert copy(page, form) == answer_as(engine.ask(QUESTION), form)
        assert page.locator(".take-menu[open]").count() == 0
    assert (watched.outside, watched.errors) == ([], [])


def test_hostile_text_is_copied_and_exported_as_text(url, open_with_clipboard, engine, hostile):
    watched = open_with_clipboard(url)
    page = watched.page
    question = f"What of the gargoyle? {hostile}"
    watched.ask(question)
    answer = engine.ask(question)
    for form in WORDS:
        page.evaluate("document.querySelector('.take-said').textContent = ''")
        assert copy(page, form) == answer_as(answer, form)
        assert export(page, form)[1] == conversation_as([answer], form)
    assert visible(answer.citations[0].quote) in answer_as(answer, "text")
    page.get_by_role("button", name="Link").click()
    page.goto(copied(page, "Copied the link"))
    watched.wait_for_answers(1)
    assert page.locator(".asked").inner_text() == question
    assert page.evaluate("window.hacked") is None
    assert page.locator("#chat img, #chat script, #takeaway img").count() == 0
    assert (watched.outside, watched.errors) == ([], [])


def export(page, form):
    page.locator("#takeaway summary").click()
    with page.expect_download() as download:
        page.locator("#takeaway").get_by_role("button", name=WORDS[form]).click()
    return download.value.suggested_filename, Path(download.value.path()).read_text("utf-8")


def test_the_conversation_is_exported_in_each_format(url, open_page, engine):
    watched = open_page(url)
    page = watched.page
    page.locator("#takeaway summary").click()
    page.locator("#takeaway").get_by_role("button", name="Markdown").click()
    said(page, "nothing to export")
    watched.ask(QUESTION)
    page.click("#send")  # an empty question
    watched.wait_for_answers(2)
    watched.ask("When does it reopen?", answers=3)
    for form, ending in (("text", "txt"), ("markdown", "md"), ("json", "json")):
        name, content = export(page, form)
        assert name.startswith("citewell-")
        assert name.endswith(f".{ending}")
        assert "The question is empty" in content
        assert content.startswith(conversation_as([engine.ask(QUESTION)], form).rstrip("\n]"))
    assert [each["question"] for each in json.loads(content)] == [QUESTION, "", "When does it reopen?"]
    page.click("#clear")
    watched.wait_for_answers(0)
    page.locator("#takeaway summary").click()
    page.evaluate("document.querySelector('.take-said').textContent = ''")
    page.locator("#takeaway").get_by_role("button", name="JSON").click()
    said(page, "nothing to export")


@pytest.mark.parametrize("missing", ["the clipboard", "the clipboard and the command"])
def test_without_a_clipboard_there_is_another_way(url, open_page, engine, missing):
    watched = open_page(url)
    page = watched.page
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    if missing == "the clipboard":
        page.evaluate("document.addEventListener('copy', () => (window.took = getSelection().toString()))")
    else:
        page.evaluate("document.execCommand = () => false")
    watched.ask(QUESTION)
    page.locator(".takes summary").click()
    page.get_by_role("button", name="Markdown").first.click()
    wanted = answer_as(engine.ask(QUESTION), "markdown")
    if missing == "the clipboard":
        said(page, "Copied")
        assert page.evaluate("window.took") == wanted
        assert not page.locator("dialog.take-by-hand").is_visible()
        return
    page.wait_for_selector("dialog.take-by-hand[open]")
    assert page.input_value("dialog.take-by-hand textarea") == wanted
    assert page.evaluate("getSelection().toString()") == wanted
    page.keyboard.press("Escape")
    assert not page.locator("dialog.take-by-hand").is_visible()


def test_the_keyboard_is_enough_to_copy(url, open_with_clipboard, engine):
    watched = open_with_clipboard(url)
    page = watched.page
    watched.ask(QUESTION)
    page.locator(".takes summary").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".takes .take-menu[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector(".takes .take-menu:not([open])")
    assert page.evaluate("document.activeElement.matches('.takes summary')")
    page.keyboard.press("Enter")
    page.wait_for_selector(".takes .take-menu[open]")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert copied(page) == answer_as(engine.ask(QUESTION), "text")
    assert page.evaluate("document.activeElement.matches('.takes summary')")


def test_a_link_asks_the_question_again(url, open_with_clipboard):
    watched = open_with_clipboard(url)
    page = watched.page
    watched.ask(QUESTION)
    page.get_by_role("button", name="Link").click()
    address = copied(page, "Copied the link")
    assert address == f"{url}/?q=When%20does%20the%20harbour%20close%3F"
    page.goto(address)
    watched.wait_for_answers(1)
    assert page.locator(".asked").inner_text() == QUESTION
    assert page.locator(".answered .quote blockquote bdi").first.inner_text() == QUOTE
    page.reload()
    watched.wait_for_answers(1)
    watched.ask("When does it reopen?", answers=2)
    assert page.locator(".asked").all_inner_texts() == [QUESTION, "When does it reopen?"]


def test_a_question_in_the_address_that_cannot_be_asked_is_a_line(url, open_page):
    page = open_page(url).page
    page.goto(f"{url}/?q=%20%0a")
    page.wait_for_selector(".problem")
    assert "The question is empty" in page.locator(".problem").inner_text()


def test_the_link_of_a_sentence_opens_it(url, open_with_clipboard, engine):
    watched = open_with_clipboard(url)
    page = watched.page
    watched.ask(QUESTION)
    page.locator(".cite").first.click()
    page.wait_for_selector("#source mark.focus")
    page.get_by_role("button", name="Copy link to this sentence").click()
    address = copied(page, "Copied the link to the sentence")
    first = engine.ask(QUESTION).citations[0]
    assert address == f"{url}/?article={first.article_id}&start={first.start}&end={first.end}"
    page.goto(address)
    page.wait_for_selector("#source mark.focus")
    assert page.locator("#source mark.focus").inner_text() == QUOTE
    assert page.evaluate("document.activeElement.matches('mark.focus')")
    box = page.locator("#source mark.focus").bounding_box()
    assert 0 < box["y"] < box["y"] + box["height"] < 800
    assert (watched.outside, watched.errors) == ([], [])


def test_a_link_that_fits_nothing_says_so(url, open_page, engine):
    watched = open_page(url)
    page = watched.page
    page.goto(f"{url}/?article=%3Cscript%3Ewindow.hacked=1%3C/script%3E")
    first = next(iter(engine.told))
    lines = {
        "": "not a place in these articles",
        f"{'0' * 32}:1:9": "not in the index any more",
        f"{first}:1:99999999": "not a place in these articles",
        f"{first}:9:2": "not a place in these articles",
    }
    for reference, line in lines.items():
        if reference:
            page.evaluate("reference => window.citewellOpen(reference)", reference)
        page.wait_for_function(
            "line => document.querySelector('#source .trouble')?.textContent.includes(line)", arg=line
        )
        assert page.locator("#source .trouble").is_visible()
    assert page.evaluate("window.hacked") is None
    assert watched.errors == []


def test_links_outlive_an_index(tmp_path, seeds, tiny_encoder, serve, open_page):
    """Both kinds, in the page over another index of the same articles, read from another place."""
    (tmp_path / "elsewhere").mkdir()
    for file in seeds.glob("*.txt"):
        (tmp_path / "elsewhere" / f"renamed {file.name}").write_bytes(file.read_bytes())
    build_index([seeds], tmp_path / "first", encoder=tiny_encoder)
    build_index([tmp_path / "elsewhere"], tmp_path / "second", encoder=tiny_encoder)
    question = "How long was the call between Putin and Trump?"
    with Engine.open(tmp_path / "first", encoder=tiny_encoder, reader="none") as engine:
        cited = engine.ask(question, min_confidence=0.0).citations[0]
    with Engine.open(tmp_path / "second", encoder=tiny_encoder, reader="none") as engine:
        app = serve(engine, examples=[])
        watched = open_page(app.url)
        page = watched.page
        sentence = f"article={cited.article_id}&start={cited.start}&end={cited.end}"
        page.goto(f"{app.url}/?q={question.replace(' ', '+')}&{sentence}")
        page.wait_for_selector("#source mark.focus")
        assert page.locator("#source mark.focus").evaluate("node => node.textContent") == cited.quote
        watched.wait_for_answers(1)
        assert page.locator(".asked").inner_text() == question
        assert page.locator(".thumb:visible").count() == 0  # no place for votes was named
        app.close()


def test_votes_are_kept_replaced_taken_back_and_outlive_a_reload(url, open_page, votes):
    watched = open_page(url)
    page = watched.page
    watched.ask(QUESTION)
    up, down = (page.get_by_role("button", name=f"{word} answer") for word in ("Right", "Wrong"))
    assert (up.get_attribute("aria-pressed"), down.get_attribute("aria-pressed")) == ("false", "false")
    up.click()
    page.wait_for_selector(".thumb.up[aria-pressed=true]")
    said(page, "kept beside the index, on the computer that runs citewell")
    first = votes.file.read()[0][-1]
    assert (first.question, first.verdict, first.citations[0].quote) == (QUESTION, "up", QUOTE)
    down.click()
    page.wait_for_selector(".thumb.down[aria-pressed=true]")
    assert page.locator(".thumb[aria-pressed=true]").count() == 1
    watched.ask("When does it reopen?", answers=2)  # everything is drawn again
    assert page.locator(".thumb[aria-pressed=true]").count() == 1
    assert page.locator(".takes").first.locator(".down").get_attribute("aria-pressed") == "true"
    assert [vote.verdict for vote in votes.file.read()[0] if vote.id == first.id] == ["down"]
    page.reload()
    page.wait_for_selector("#question textarea")
    assert [vote.verdict for vote in votes.file.read()[0] if vote.id == first.id] == ["down"]
    watched.ask(QUESTION)
    up.click()
    page.wait_for_selector(".thumb.up[aria-pressed=true]")
    second = votes.file.read()[0][-1]
    assert second.id != first.id
    up.click()
    page.wait_for_selector(".thumb.up[aria-pressed=false]")
    said(page, "taken back")
    assert second.id not in {vote.id for vote in votes.file.read()[0]}
    assert (watched.outside, watched.errors) == ([], [])


def test_a_vote_that_cannot_be_kept_is_said(url, open_page, votes):
    watched = open_page(url)
    page = watched.page
    watched.ask(QUESTION)
    before = votes.file.read()
    votes.full = True
    try:
        page.get_by_role("button", name="Right answer").click()
        said(page, "the vote was not kept: no space is left")
        assert page.locator(".thumb[aria-pressed=true]").count() == 0
    finally:
        votes.full = False
    assert votes.file.read() == before
    page.get_by_role("button", name="Right answer").click()
    page.wait_for_selector(".thumb.up[aria-pressed=true]")


def test_on_a_phone_everything_is_in_reach(url, open_page, engine):
    watched = open_page(url, width=375, height=700)
    page = watched.page
    watched.ask(QUESTION)
    page.locator(".takes summary").click()
    for name in ("Text with footnotes", "JSON"):
        box = page.locator(".takes").get_by_role("button", name=name).bounding_box()
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 375
    page.locator("#takeaway summary").click()
    assert page.locator(".takes .take-menu[open]").count() == 0
    for name in ("Text with footnotes", "JSON"):
        box = page.locator("#takeaway").get_by_role("button", name=name).bounding_box()
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 375
        assert 0 <= box["y"] <= box["y"] + box["height"] <= 700
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    first = engine.ask(QUESTION).citations[0]
    page.goto(f"{url}/?article={first.article_id}&start={first.start}&end={first.end}")
    page.wait_for_selector("#source mark.focus")
    assert page.locator("#source").is_visible()
