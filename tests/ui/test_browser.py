"""The page in a real Chromium, with everything outside its server cut off and written down."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

QUESTION = "When does the harbour close?"


def test_a_request_to_anywhere_else_is_aborted_and_written_down(page_url, open_page):
    # Without the page's own policy, which lets none begin: the other tests have to notice one that does.
    watched = open_page(page_url, bypass_csp=True)
    address = "https://elsewhere.example/pixel"
    failed = "address => fetch(address).then(() => false, () => true)"
    assert watched.page.evaluate(failed, address)
    assert watched.outside == [address]


def test_from_the_question_to_the_sentence_in_its_article(page_url, open_page):
    watched = open_page(page_url)
    page = watched.page
    assert page.locator("#source .hint").is_visible()
    assert not page.locator("#source .article").is_visible()

    watched.ask(QUESTION)
    assert page.locator(".asked").inner_text() == QUESTION
    quote = page.locator(".answered .quote blockquote bdi").first.inner_text()
    assert quote == "The harbour of Port Ellis closes on 14 November, the mayor said."
    assert page.locator(".answered .quote mark").first.inner_text() in quote
    assert page.input_value("#question textarea") == ""

    page.locator(".cite").first.click()
    watched.wait_for_source()
    assert page.locator("#source mark.focus").inner_text() == quote
    assert page.evaluate("document.activeElement.matches('mark.focus')")
    assert page.locator("#source .headline").inner_text() == "Harbour to close for the winter"
    assert "example.org" in page.locator("#source .byline").inner_text()
    assert page.locator("#source .original").get_attribute("href") == "https://www.example.org/harbour?id=1"
    assert not page.locator("#source .hint").is_visible()
    box = page.locator("#source mark.focus").bounding_box()
    assert 0 < box["y"] < box["y"] + box["height"] < 800
    assert page.evaluate("document.querySelector('#source').scrollTop") > 0
    assert (watched.outside, watched.errors) == ([], [])


def test_the_paragraphs_are_kept(page_url, open_page, engine):
    watched = open_page(page_url)
    watched.ask(QUESTION)
    watched.page.locator(".cite").first.click()
    watched.page.wait_for_selector("#source mark.focus")
    article = next(iter(engine.told.values()))
    assert watched.page.locator("#source .text").evaluate("node => node.textContent") == article.text
    assert watched.page.locator("#source .text").evaluate("node => getComputedStyle(node).whiteSpace") == "pre-wrap"


def test_the_other_places_of_a_sentence_open_too(page_url, open_page):
    watched = open_page(page_url)
    watched.ask(QUESTION)
    watched.page.get_by_text("also in 1 other article").first.click()
    watched.page.locator(".place").first.click()
    watched.wait_for_source()
    assert watched.page.locator("#source .headline").inner_text() == "Port Ellis shuts"


def test_no_answer_looks_different_and_its_sentences_open(page_url, open_page):
    watched = open_page(page_url)
    page = watched.page
    watched.ask("Did anyone photograph unicorns, dragons, mermaids, griffins near harbour buildings yesterday?")
    assert page.locator(".unanswered .silent").inner_text() == "Not in these articles."
    assert page.locator(".answered").count() == 0
    assert page.locator(".related .near").count() > 0
    watched.ask(QUESTION, answers=2)
    colours = [
        page.locator(f"{kind} .cite").first.evaluate("node => getComputedStyle(node).borderLeftColor")
        for kind in (".related", ".quotes")
    ]
    assert colours[0] != colours[1]
    page.locator(".near .cite").first.click()
    watched.wait_for_source()


def test_the_keyboard_is_enough(page_url, open_page):
    watched = open_page(page_url)
    page = watched.page
    page.keyboard.type(QUESTION)  # the question box has the focus from the start
    page.keyboard.press("Enter")
    watched.wait_for_answers(1)
    page.locator(".cite").first.focus()
    page.keyboard.press("Enter")
    watched.wait_for_source()
    assert page.evaluate("document.activeElement.matches('mark.focus')")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.matches('button.cite')")


def test_hostile_text_is_shown_and_never_runs(page_url, open_page, hostile):
    watched = open_page(page_url)
    page = watched.page
    question = f"What of the gargoyle? {hostile}"
    assert page.locator(".chip").nth(1).inner_text() == question
    watched.ask(question)
    assert page.locator(".asked").inner_text() == question
    quote = f"The gargoyle {hostile} stands \ufffdon the\ufffd roof."
    shown = page.locator(".answer blockquote bdi").filter(has_text="The gargoyle").first
    assert shown.evaluate("node => node.textContent") == quote
    page.locator(".answer blockquote").filter(has_text="The gargoyle").first.locator(".cite").click()
    watched.wait_for_source()
    assert page.locator("#source mark.focus").evaluate("node => node.textContent") == quote
    assert page.locator("#source .headline").evaluate("node => node.textContent") == f"Title {hostile}"
    assert not page.locator("#source .original").is_visible()
    assert page.locator("#chat img, #chat script, #source img, #source script, #source svg, #examples img").count() == 0
    assert page.evaluate("window.hacked") is None
    labels = page.evaluate(
        "[...document.querySelectorAll('#chat [aria-label]')].map(n => n.getAttribute('aria-label'))"
    )
    assert labels
    assert not any("<" in label for label in labels)
    assert (watched.outside, watched.errors) == ([], [])


def test_what_cannot_be_asked_is_a_friendly_line(page_url, open_page):
    watched = open_page(page_url)
    page = watched.page
    page.click("#send")
    watched.wait_for_answers(1)
    assert "The question is empty" in page.locator(".problem").inner_text()
    watched.ask("Break, please", answers=2)
    text = page.locator("#chat").inner_text()
    assert "Something went wrong" in text
    assert "secret" not in text
    assert "Traceback" not in text


def test_examples_ask_and_clear_clears(page_url, open_page):
    watched = open_page(page_url)
    page = watched.page
    page.locator(".chip").first.click()
    watched.wait_for_answers(1)
    assert page.locator(".asked").inner_text() == QUESTION
    page.click("#clear")
    watched.wait_for_answers(0)
    watched.ask(QUESTION)
    assert page.locator(".asked").count() == 1


def test_a_follow_up_shows_how_it_was_read_and_one_click_takes_that_back_or_again(page_url, open_page, engine):
    watched = open_page(page_url)
    page = watched.page
    watched.ask(QUESTION)
    assert page.locator(".read-as").count() == 0
    watched.ask("Why did it close?", answers=2)
    assert page.locator(".read-as bdi").inner_text() == "Why did the harbour close?"
    assert page.locator(".answered").count() == 2
    before = len(engine.asked)
    page.locator("button.literal").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("button.literal", state="detached")
    watched.wait_for_answers(2)
    assert engine.asked[before:] == ["Why did it close?"]
    assert page.locator(".read-as").inner_text().startswith("Asked as it stands, not as: Why did the harbour close?")
    assert page.locator(".asked").all_inner_texts() == [QUESTION, "Why did it close?"]
    assert page.evaluate("document.activeElement.matches('#question textarea')")
    # And back to the reading, with one key again.
    again = page.get_by_role("button", name="Read it that way again")
    again.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("button.literal")
    watched.wait_for_answers(2)
    assert engine.asked[before:] == ["Why did it close?", "Why did the harbour close?"]
    assert page.locator(".read-as").inner_text().startswith("Read as: Why did the harbour close?")
    assert page.locator(".asked").all_inner_texts() == [QUESTION, "Why did it close?"]
    assert page.evaluate("document.activeElement.matches('#question textarea')")
    page.locator("button.literal").click()
    again.wait_for()
    # The next question goes on from here.
    watched.ask("When does it reopen in April?", answers=3)
    assert page.locator("button.literal").count() == 1
    assert (watched.outside, watched.errors) == ([], [])


def test_a_reading_made_of_hostile_text_is_inert(page_url, open_page, hostile):
    watched = open_page(page_url)
    page = watched.page
    watched.ask(f"When does the harbour close in {hostile}?")
    watched.ask("Why?", answers=2)
    assert page.locator(".read-as bdi").inner_text() == f"Why does the harbour close in {hostile}?"
    assert page.evaluate("window.hacked") is None
    assert page.locator("#chat img, #chat script, .read-as svg").count() == 0
    assert (watched.outside, watched.errors) == ([], [])


def test_a_new_answer_is_shown_from_its_question_down(page_url, open_page):
    watched = open_page(page_url, height=500)
    for count in (1, 2, 3):
        watched.ask(QUESTION, answers=count)
    watched.page.wait_for_function(
        """() => {
          const asked = [...document.querySelectorAll('.asked')].pop().getBoundingClientRect();
          const chat = document.querySelector('#chat').getBoundingClientRect();
          return asked.top >= chat.top && asked.bottom <= chat.bottom;
        }"""
    )


@pytest.mark.slow
def test_the_real_engine_on_the_articles_that_ship(seed_text, seeds_engine, serve, open_page):
    watched = open_page(serve(seeds_engine).url)
    page = watched.page
    page.locator(".chip").nth(1).click()
    watched.wait_for_answers(1)
    quote = page.locator(".answered .quote blockquote bdi").first.evaluate("node => node.textContent")
    assert quote in seed_text
    assert "90-minute" in quote
    page.locator(".cite").first.click()
    watched.wait_for_source()
    assert page.locator("#source mark.focus").evaluate("node => node.textContent") == quote
    watched.ask("Who won the chess championship in Iceland?", answers=2)
    assert page.locator(".unanswered").count() == 1
    assert (watched.outside, watched.errors) == ([], [])
