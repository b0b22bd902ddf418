"""Reading answers in a real Chromium: what unfolds, what is previewed, and what is shown meanwhile."""

from __future__ import annotations

from threading import Event

import pytest

pytestmark = pytest.mark.browser

QUESTION = "When does the ferry to Lund sail?"
SAILS = "The ferry to Lund sails at nine."
SHOWN = "#preview:not([hidden])"


@pytest.fixture
def watched(library_url, open_page):
    watched = open_page(library_url)
    watched.ask(QUESTION)
    return watched


def text_of(locator):
    return locator.evaluate("node => node.textContent")


def test_the_context_unfolds_and_folds(watched, library):
    page = watched.page
    first = page.locator(".quote").first
    button = first.get_by_role("button", name="In its context")
    assert button.get_attribute("aria-expanded") == "false"
    button.focus()
    page.keyboard.press("Enter")
    first.locator(".around").first.wait_for()
    around = [text_of(first.locator(kind)) for kind in (".before", ".after")]
    assert around == ["The company told a crowd. It was raining.", "People cheered. Nobody left."]
    text = next(iter(library.told.values())).text
    assert f"{around[0]}\n\n{SAILS} {around[1]}" in text
    assert button.get_attribute("aria-expanded") == "true"
    # It stays as the reader left it when the conversation goes on.
    watched.ask("What of a lighthouse keeper?", answers=2)
    assert first.locator(".around").count() == 2
    button.click()
    first.locator(".around").first.wait_for(state="detached")
    assert button.get_attribute("aria-expanded") == "false"
    assert watched.errors == []


def test_context_that_is_not_there_any_more_is_told(engine, serve, open_page):
    told = next(iter(engine.told.values()))
    going = type(engine)(told)
    watched = open_page(serve(going).url)
    watched.ask("When does the harbour close?")
    going.told.clear()
    watched.page.locator(".unfold").first.click()
    watched.page.get_by_text("This article is not in the index any more.").wait_for()
    watched.page.locator(".cite").first.click()
    watched.page.locator("#source .trouble").get_by_text("not in the index any more").wait_for()
    assert not watched.page.locator("#source .article").is_visible()


def test_the_confidence_is_in_words_and_its_number_on_hover_and_for_screen_readers(watched):
    confidence = watched.page.locator(".confidence")
    assert confidence.inner_text().lower().startswith("likely")
    assert "66%" in confidence.get_attribute("title")
    assert "66%" in confidence.locator(".spoken").text_content()
    box = confidence.locator(".spoken").bounding_box()
    assert (box["width"], box["height"]) == (1, 1)


def test_while_it_is_read_the_page_says_so_and_later_that_it_takes_its_time(engine, serve, open_page):
    class Slow(type(engine)):
        go_on = Event()

        def ask(self, question, **options):
            self.go_on.wait(60)
            return super().ask(question, **options)

    slow = Slow(*engine.told.values())
    try:
        page = (watched := open_page(serve(slow).url)).page
        page.fill("#question textarea", "When does the harbour close?")
        page.click("#send")
        page.locator(".pending .now").wait_for()
        assert page.locator(".asked").inner_text() == "When does the harbour close?"
        later = page.locator(".pending .slow")
        assert not later.is_visible()
        delay = later.evaluate("""node => {
          const [appearing] = node.getAnimations();
          const { delay } = appearing.effect.getTiming();
          appearing.finish();
          return delay;
        }""")
        assert 2_000 <= delay <= 10_000
        assert later.is_visible()
        assert page.evaluate("document.querySelector('.pending').getAnimations({subtree: true}).length") <= 1  # calm
        # The box is free for the next question, which stays in it.
        assert page.input_value("#question textarea") == ""
        page.fill("#question textarea", "When does the harbour close?")
    finally:
        slow.go_on.set()
    watched.wait_for_answers(1)
    assert page.locator(".pending").count() == 0
    assert page.input_value("#question textarea") == "When does the harbour close?"
    page.click("#send")
    watched.wait_for_answers(2)
    assert page.locator(".asked").count() == 2
    assert page.input_value("#question textarea") == ""


def test_pointing_at_a_number_previews_the_quote(watched):
    page = watched.page
    page.locator(".cite").first.hover()
    preview = page.locator(SHOWN)
    preview.wait_for()
    assert preview.get_attribute("role") == "tooltip"
    assert text_of(preview.locator(".said")) == SAILS
    for shown in ("Ferry to Lund sails again", "example.org", "May 1, 2025", "It was raining.", "People cheered."):
        assert shown in preview.inner_text()
    # The mouse may go onto it, and it stays.
    box = preview.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20, steps=4)
    page.wait_for_function("document.querySelector('#preview').matches(':hover')")
    assert page.evaluate("document.getAnimations().length === 0 && !document.querySelector('#preview').hidden")
    page.mouse.move(1200, 700, steps=4)
    preview.wait_for(state="hidden")
    # Another number, another quote; and Escape puts it away and closes nothing else.
    page.locator(".quote .cite:not(.place)").nth(2).hover()
    page.locator(SHOWN).get_by_text("carries two hundred cars").wait_for()
    page.keyboard.press("Escape")
    preview.wait_for(state="hidden")
    assert watched.errors == []


def test_a_preview_lies_within_the_window(library_url, open_page):
    watched = open_page(library_url, width=900, height=420)
    watched.ask(QUESTION)
    page = watched.page
    for index in range(3):
        page.locator(".quote .cite:not(.place)").nth(index).hover()
        quote = page.locator(".quote blockquote bdi").nth(index).inner_text()
        page.locator(f"{SHOWN} .said").get_by_text(quote).wait_for()
        box = page.locator(SHOWN).bounding_box()
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= 900
        assert box["y"] + box["height"] <= 420
        page.keyboard.press("Escape")


def test_the_keyboard_previews_opens_and_returns(watched):
    page = watched.page
    page.locator("#question textarea").focus()
    for _ in range(30):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.matches('.quote button.cite:not(.place)')"):
            break
    cite = page.locator(":focus")
    quote = text_of(page.locator(".quote").last.locator("blockquote bdi"))
    assert cite.get_attribute("aria-label") == "Source 3: show it in the article"
    page.locator(SHOWN).get_by_text(quote).wait_for()
    assert cite.get_attribute("aria-describedby") == "preview"
    page.keyboard.press("Escape")
    page.locator(SHOWN).wait_for(state="hidden")
    assert cite.get_attribute("aria-describedby") is None
    assert page.evaluate("document.activeElement.matches('button.cite')")
    page.keyboard.press("Enter")
    watched.wait_for_source(quote)
    assert page.evaluate("document.activeElement.matches('mark.focus')")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.matches('.quote:last-child button.cite')")
    assert page.locator(SHOWN).count() == 0


def test_touch_opens_and_previews_nothing(library_url, open_page):
    watched = open_page(library_url, has_touch=True)
    watched.ask(QUESTION)
    page = watched.page
    asked = []
    page.on("request", lambda request: asked.append(request.post_data or ""))
    page.locator(".cite").first.tap()
    watched.wait_for_source(SAILS)
    # A mouse's preview comes later than a preview of the touch would have come.
    page.locator(".quote .cite:not(.place)").nth(2).hover()
    page.locator(SHOWN).get_by_text("carries two hundred cars").wait_for()
    assert len([body for body in asked if "load_passage" in body]) == 1
