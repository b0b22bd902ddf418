"""The source panel in a real Chromium: along the citations, from links, in long articles, and on a phone."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

QUESTION = "When does the ferry to Lund sail?"
SAILS, RETURNS = "The ferry to Lund sails at nine.", "The ferry to Lund returns at noon."
CARRIES = "The ferry to Lund carries two hundred cars."
HELD = "document.activeElement.closest('#source .next, #source .previous') !== null"
MIDDLE = """() => {
  const mark = document.querySelector('#source mark.focus').getBoundingClientRect();
  const frame = document.querySelector('#source').getBoundingClientRect();
  return ((mark.top + mark.bottom) / 2 - frame.top) / frame.height;
}"""


@pytest.fixture
def watched(library_url, open_page):
    watched = open_page(library_url)
    watched.ask(QUESTION)
    return watched


def place_of(library, quote):
    for article_id, article in library.told.items():
        start = article.text.find(quote)
        if start >= 0:
            return f"{article_id}:{start}:{start + len(quote)}"
    raise LookupError(quote)


def test_all_citations_of_the_answer_are_marked_and_the_clicked_one_is_in_the_middle(watched):
    page = watched.page
    page.locator(".quote .cite").first.click()
    watched.wait_for_source(SAILS)
    assert 0.3 < page.evaluate(MIDDLE) < 0.7
    assert page.locator("#source mark.cited").all_inner_texts() == [RETURNS]
    assert page.locator("#source mark").evaluate_all("marks => marks.map(mark => mark.dataset.number)") == ["1", "2"]
    page.locator("#source mark.cited").click()
    watched.wait_for_source(RETURNS)
    assert page.locator("#source .at").inner_text() == "Citation 2 of 3"
    assert page.locator("#source mark.cited").all_inner_texts() == [SAILS]


def test_next_and_previous_walk_along_the_citations_and_into_other_articles(watched):
    page = watched.page
    page.locator(".quote .cite").first.click()
    watched.wait_for_source(SAILS)
    following, before = page.locator("#source .next"), page.locator("#source .previous")
    assert before.get_attribute("aria-disabled") == "true"
    for number, quote in ((2, RETURNS), (3, CARRIES)):
        following.click()
        watched.wait_for_source(quote)
        assert page.locator("#source .at").inner_text() == f"Citation {number} of 3"
        assert page.evaluate(HELD), "the button that was pressed keeps the focus"
        assert page.locator("button.cite.current").inner_text() == str(number)
    assert following.get_attribute("aria-disabled") == "true"
    headline = page.locator("#source .headline")
    assert headline.evaluate("node => getComputedStyle(node).direction") == "rtl"
    before.click()
    watched.wait_for_source(RETURNS)
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.matches('.quote:nth-child(2) button.cite')")
    assert (watched.outside, watched.errors) == ([], [])


def test_keys_walk_where_the_reader_is_and_nowhere_else(watched):
    page = watched.page
    page.locator(".quote .cite").first.click()
    watched.wait_for_source(SAILS)
    assert page.locator("#source kbd").all_text_contents() == ["[", "]"]
    page.keyboard.press("]")
    watched.wait_for_source(RETURNS)
    assert page.evaluate("document.activeElement.matches('mark.focus')")
    page.keyboard.press("[")
    watched.wait_for_source(SAILS)
    page.locator("#question textarea").focus()
    page.keyboard.type("[]]")
    assert page.input_value("#question textarea") == "[]]"
    assert page.locator("#source mark.focus").inner_text() == SAILS


def test_the_walk_goes_on_when_the_answer_was_drawn_anew(watched):
    page = watched.page
    page.locator(".quote .cite").first.click()
    watched.wait_for_source(SAILS)
    page.evaluate("""() => {
      const answer = document.querySelector('.answer');
      answer.replaceWith(new DOMParser().parseFromString(answer.outerHTML, 'text/html').body.firstChild);
    }""")
    page.keyboard.press("]")
    watched.wait_for_source(RETURNS)
    assert page.locator("button.cite.current").inner_text() == "2"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.matches('.quote:nth-child(2) button.cite')")


def test_the_copies_of_a_sentence_are_a_walk_of_their_own(watched):
    page = watched.page
    page.get_by_text("also in 1 other article").click()
    page.locator(".quote .place").click()
    page.locator("#source .headline").get_by_text("Timetable").wait_for()
    watched.wait_for_source(SAILS)
    assert page.locator("#source .at").inner_text() == "Place 2 of 2"
    page.locator("#source .previous").click()
    page.locator("#source .headline").get_by_text("Ferry to Lund sails again").wait_for()


def test_a_link_opens_the_panel_without_a_click(library_url, open_page, library):
    watched = open_page(library_url)
    page = watched.page
    page.wait_for_function("typeof window.citewellOpen === 'function'")
    page.evaluate("reference => window.citewellOpen(reference)", place_of(library, RETURNS))
    watched.wait_for_source(RETURNS)
    assert not page.locator("#source .walk").is_visible()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.matches('#question textarea')")
    for wrong in ("f" * 32 + ":0:4", "nonsense", "<img src=x onerror=alert(1)>", None, {"a": 1}):
        page.evaluate("reference => window.citewellOpen(reference)", wrong)
        assert page.locator("#source .trouble").is_visible()
        assert not page.locator("#source .article").is_visible()
    # One that the conversation cites opens as if its number had been pressed.
    watched.ask(QUESTION)
    page.evaluate("reference => window.citewellOpen(reference)", place_of(library, RETURNS))
    watched.wait_for_source(RETURNS)
    assert page.locator("#source .at").inner_text() == "Citation 2 of 3"
    assert (watched.outside, watched.errors) == ([], [])


def test_an_article_of_a_million_characters_opens_at_its_sentence(library_url, open_page, library):
    watched = open_page(library_url)
    page = watched.page
    watched.ask("What did the lighthouse keeper count?")
    first, second = "The lighthouse keeper counted 812 ships.", "A second lighthouse keeper counted none."
    page.locator(".quote .cite").first.click()
    watched.wait_for_source(first)
    article = next(article for article in library.told.values() if first in article.text)
    assert len(article.text) > 1_000_000
    assert page.locator("#source .text").evaluate("node => node.textContent") == article.text
    page.wait_for_function(f"() => Math.abs(({MIDDLE})() - 0.5) < 0.2")
    page.keyboard.press("]")
    watched.wait_for_source(second)
    page.wait_for_function(f"() => Math.abs(({MIDDLE})() - 0.5) < 0.2")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_on_a_phone_the_source_is_a_sheet_that_goes_away_again(library_url, open_page):
    watched = open_page(library_url, width=375, height=700)
    page = watched.page
    assert not page.locator("#beside").is_visible()
    watched.ask(QUESTION)
    page.locator(".quote .cite").first.click()
    watched.wait_for_source(SAILS)
    sheet = page.locator("#source .source")
    assert (sheet.get_attribute("role"), sheet.get_attribute("aria-modal")) == ("dialog", "true")
    assert page.locator("#conversation").evaluate("node => node.inert")
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.locator("#source .close").click()
    assert not page.locator("#beside").is_visible()
    assert not page.locator("#conversation").evaluate("node => node.inert")
    assert page.evaluate("document.activeElement.matches('button.cite')")
    assert page.locator(".answer").count() == 1


def test_on_a_phone_the_browsers_way_back_closes_the_sheet_and_no_more(library_url, open_page):
    watched = open_page(library_url, width=375, height=700)
    page = watched.page
    watched.ask(QUESTION)
    length = page.evaluate("history.length")
    page.locator(".quote .cite").first.click()
    watched.wait_for_source(SAILS)
    page.locator("#source .next").click()
    watched.wait_for_source(RETURNS)
    assert page.evaluate("history.length") == length + 1
    page.evaluate("history.back()")
    page.wait_for_function("!document.documentElement.classList.contains('source-open')")
    assert page.locator(".answer").count() == 1
    page.evaluate("history.forward()")
    watched.wait_for_source(RETURNS)
    page.locator("#source .close").click()
    page.wait_for_function("!(history.state && history.state.citewellSource)")
    page.locator(".quote .cite").first.click()
    watched.wait_for_source(SAILS)
    assert page.evaluate("history.length") == length + 1
    page.keyboard.press("Escape")
    page.wait_for_function("!(history.state && history.state.citewellSource)")
    assert page.evaluate("document.activeElement.matches('button.cite')")
    assert watched.errors == []
