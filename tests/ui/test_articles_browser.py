"""The list of articles in a real Chromium: upload, paste, search, removal, and questions limited to what is chosen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from index.build import build_index
from rag.engine import Engine
from ui.library import Library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.browser

FERRY = "The ferry to Lindesnes ran aground on Monday, and all {} passengers were brought ashore by lifeboats."
MARKET = "The market of town {0} opened late on Sunday, since its square was flooded {0} times this year."
MUSEUM = "A museum of glass opened its doors in Murano on Friday to a long line of 417 visitors."
QUESTION = "How many passengers of the ferry were brought ashore?"


@pytest.fixture
def index(tmp_path: Path, tiny_encoder: Any) -> Path:
    """Sixty articles of two outlets; both tell of a ferry, with other figures."""
    records = [
        {
            "url": "https://www.north.example/ferry",
            "published": "May 1, 2024",
            "title": "Ferry",
            "text": FERRY.format(212),
        },
        {"url": "https://south.example/ferry", "published": "2024-05-02", "title": "Boat", "text": FERRY.format(215)},
    ]
    for number in range(58):
        url = f"https://{'north' if number % 2 else 'south'}.example/{number}"
        records.append({"url": url, "title": f"Market {number}", "text": MARKET.format(number)})
    (tmp_path / "news.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records), "utf-8")
    build_index([tmp_path / "news.jsonl"], tmp_path / "index", encoder=tiny_encoder)
    return tmp_path / "index"


@pytest.fixture
def page_of(
    index: Path, tiny_encoder: Any, tiny_reader: Any, serve: Callable[..., Any], open_page: Callable[..., Any]
) -> Iterator[Callable[..., Any]]:
    """Opens the page over a library of the index, with its list shown: `page_of(own=..., changes=True, ...)`."""
    with Engine.open(index, encoder=tiny_encoder, reader=tiny_reader) as engine:
        libraries: list[Library] = []

        def start(*, own: Path | None = None, changes: bool = True, **options: Any) -> Any:
            libraries.append(Library(engine, index=index if changes else None, own=own))
            app = serve(libraries[-1], examples=["Who?"])
            watched = open_page(app.url, **options)
            shown(watched.page)
            return watched

        yield start
        for library in libraries:
            library.close()


def shown(page: Any) -> None:
    """Open the list, and wait until it is there."""
    page.wait_for_function("/\\(/.test(document.querySelector('.open-articles')?.textContent)")
    page.click(".open-articles")
    page.wait_for_selector("dialog[open] .found:has-text('article')")


def found(page: Any, text: str) -> None:
    page.wait_for_function("text => document.querySelector('.found').textContent === text", arg=text)


def titles(page: Any) -> list[str]:
    names: list[str] = page.locator(".rows .name").all_inner_texts()
    return names


def answered(watched: Any, question: str, count: int) -> str:
    watched.ask(question, answers=count)
    text: str = watched.page.locator(".answer").nth(count - 1).evaluate("node => node.textContent")
    return text


def test_files_are_added_and_asked(page_of, tmp_path):
    watched = page_of()
    page = watched.page
    (tmp_path / "museum.txt").write_text(f"Glass Museum\n\n{MUSEUM}\n", "utf-8")
    (tmp_path / "copy.txt").write_text(f"Ferry Again\n\n{FERRY.format(212)}\n", "utf-8")
    (tmp_path / "broken.txt").write_bytes(b"\x00\x01" * 40)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    names = ["museum.txt", "copy.txt", "broken.txt", "picture.png"]
    page.set_input_files(".files", [tmp_path / name for name in names])
    page.wait_for_selector(".report:visible")
    report = page.locator(".report").inner_text()
    assert "2 articles added" in report
    assert "Glass Museum (museum.txt)" in report
    assert "Ferry Again (copy.txt) is a copy of Ferry (north.example)" in report
    assert "broken.txt: not readable as text" in report
    assert "picture.png" in report
    assert "expected one of .txt" in report
    assert not page.locator(".under-way").is_visible()
    found(page, "1 to 50 of 62 articles")
    assert page.locator(".open-articles").inner_text() == "Articles (62)"
    page.keyboard.press("Escape")
    assert not page.locator("dialog.shelf").is_visible()
    watched.ask("How many visitors came to the museum of glass in Murano?")
    assert MUSEUM in page.locator(".answer blockquote bdi").all_inner_texts()
    page.locator(".answer .cite").first.click()
    page.wait_for_selector("#source mark.focus")
    assert page.locator("#source .headline").inner_text() == "Glass Museum"
    assert (watched.outside, watched.errors) == ([], [])


def test_a_text_is_pasted(page_of):
    watched = page_of()
    page = watched.page
    page.get_by_text("Paste a text").click()
    page.fill(".pasted [name=title]", "Glass Museum")
    page.fill(".pasted [name=url]", "javascript:alert(1)")
    page.fill(".pasted [name=published]", "June 3, 2024")
    page.fill(".pasted [name=text]", MUSEUM)
    page.click(".pasted button")
    page.wait_for_selector(".report:visible")
    assert "the URL is no web address" in page.locator(".report").inner_text()
    page.fill(".pasted [name=url]", "https://www.glass.example/1")
    page.click(".pasted button")
    page.wait_for_selector(".report:has-text('1 article added')")
    assert page.input_value(".pasted [name=text]") == ""
    page.fill(".since", "2024-06-01")
    found(page, "1 article")
    assert page.locator(".rows .about").inner_text() == "glass.example · June 3, 2024"


def test_the_list_is_searched_filtered_and_paged(page_of):
    page = page_of().page
    found(page, "1 to 50 of 60 articles")
    assert titles(page)[:2] == ["Boat", "Ferry"]
    page.click(".later")
    found(page, "51 to 60 of 60 articles")
    assert page.locator(".later").is_disabled()
    page.fill(".search", "market 1")
    found(page, "15 articles")
    page.select_option(".source-filter", "south.example")
    found(page, "5 articles")
    page.fill(".search", "")
    page.fill(".since", "2024-05-02")
    found(page, "1 article")
    assert titles(page) == ["Boat"]
    page.fill(".until", "2024-05-01")
    page.wait_for_selector(".state.trouble")
    assert "until must not lie before since" in page.locator(".state").inner_text()


def test_an_article_is_removed_when_that_is_confirmed(page_of):
    watched = page_of()
    page = watched.page
    page.get_by_role("button", name="Remove “Boat”").click()
    page.get_by_role("button", name="Keep").click()
    assert titles(page)[0] == "Boat"
    page.get_by_role("button", name="Remove “Boat”").click()
    page.get_by_role("button", name="Yes, remove “Boat”").click()
    page.wait_for_selector(".report:has-text('1 article removed')")
    assert "news.jsonl" in page.locator(".report").inner_text()  # it stays on the disk
    found(page, "1 to 50 of 59 articles")
    assert titles(page)[0] == "Ferry"
    page.click(".shut")
    text = answered(watched, QUESTION, 1)
    assert "212" in text
    assert "215" not in text


def test_a_list_that_is_drawn_again_keeps_the_question_and_the_focus(page_of):
    page = page_of().page
    page.get_by_role("button", name="Remove “Boat”").click()
    # As when the list that was asked for on opening comes late.
    with page.expect_response(lambda response: "/articles?" in response.url):
        page.evaluate("document.querySelector('.until').dispatchEvent(new Event('change'))")
    page.wait_for_function("document.activeElement.textContent === 'Keep'")
    page.keyboard.press("Enter")
    assert page.get_by_role("button", name="Yes, remove “Boat”").count() == 0
    page.wait_for_function("document.activeElement.getAttribute('aria-label') === 'Remove “Boat”'")


def test_on_a_phone_the_question_leaves_the_title_its_room(page_of):
    page = page_of(width=375, height=720).page

    def box(selector: str) -> dict[str, float]:  # found and measured in one step: the list is drawn again on opening
        return page.evaluate("found => document.querySelector(found).getBoundingClientRect().toJSON()", selector)

    before = box(".rows .name")["width"]
    page.get_by_role("button", name="Remove “Boat”").click()
    assert box(".rows .name")["width"] >= before > 0
    assert box(".rows [data-at^=keep-]")["x"] < 375


def test_questions_are_limited_to_what_is_chosen(page_of):
    watched = page_of()
    page = watched.page
    assert page.locator(".limit").is_disabled()
    page.select_option(".source-filter", "south.example")
    found(page, "30 articles")
    page.click(".limit")
    assert page.locator("#scope li bdi").all_inner_texts() == ["south.example"]
    text = answered(watched, QUESTION, 1)
    assert "215" in text
    assert "212" not in text
    assert page.locator(".asked-of").inner_text() == "Asked only: from south.example"
    page.get_by_role("button", name="Do not limit to south.example").click()
    assert not page.locator("#scope ul").is_visible()
    assert "212" in answered(watched, QUESTION, 2)
    shown(page)
    page.select_option(".source-filter", "")
    page.fill(".until", "2024-05-01")
    found(page, "1 article")
    page.get_by_role("checkbox", name="Choose “Ferry”").check()
    found(page, "1 article, 1 ticked")
    page.click(".limit")
    assert page.locator("#scope li bdi").all_inner_texts() == ["to 2024-05-01", "Ferry"]
    text = answered(watched, QUESTION, 3)
    assert "212" in text
    assert "215" not in text
    page.get_by_role("button", name="Do not limit to Ferry").click()
    assert page.evaluate("document.activeElement.matches('#scope button')")
    shown(page)
    page.fill(".until", "")
    page.fill(".since", "2025-01-01")
    page.get_by_role("checkbox", name="Choose “Ferry”").wait_for(state="detached")
    page.click(".limit")
    watched.ask(QUESTION, answers=4)
    assert "no article of the index lies in what was asked for" in page.locator(".problem").inner_text()
    assert (watched.outside, watched.errors) == ([], [])


def test_own_articles_take_the_place_of_the_sample(page_of, tmp_path):
    watched = page_of(own=tmp_path / "own")
    page = watched.page
    assert "These are the sample articles" in page.locator(".state").inner_text()
    assert page.locator(".rows button").count() == 0
    assert page.locator("#examples").count() == 1
    (tmp_path / "museum.txt").write_text(f"Glass Museum\n\n{MUSEUM}\n", "utf-8")
    page.set_input_files(".files", [tmp_path / "museum.txt"])
    found(page, "1 article")
    assert "“own-articles”" in page.locator(".state").inner_text()
    assert not page.locator("#examples").is_visible()
    page.click(".shut")
    text = answered(watched, QUESTION, 1)
    assert "212" not in text


def test_hostile_names_and_titles_stay_text(page_of, hostile):
    watched = page_of()
    page = watched.page
    page.set_input_files(
        ".files", [{"name": f"{hostile.replace('/', '')}.txt", "mimeType": "text/html", "buffer": MUSEUM.encode()}]
    )
    page.wait_for_selector(".report:has-text('1 article added')")
    page.get_by_text("Paste a text").click()
    page.fill(".pasted [name=title]", hostile)
    page.fill(".pasted [name=published]", f"May 3, 2024 {hostile[:80]}")
    page.fill(".pasted [name=text]", f"{MUSEUM} {hostile} It is free of charge for all who come.")
    page.click(".pasted button")
    page.wait_for_selector(".report:has-text('x.example'), .report:has-text('pasted')")
    assert hostile in page.locator(".report").evaluate("node => node.textContent")
    page.fill(".search", "hacked")
    found(page, "2 articles")
    assert hostile in page.locator(".rows .name").evaluate_all("nodes => nodes.map((node) => node.textContent)")
    page.locator(".rows input").first.check()
    page.locator(".rows input").nth(1).check()
    page.click(".limit")
    assert hostile in page.locator("#scope li bdi").evaluate_all("nodes => nodes.map((node) => node.textContent)")
    watched.ask("How many visitors came to the museum?")
    assert page.locator("#articles img, #articles script, #articles svg, #scope img, #chat img").count() == 0
    assert page.evaluate("window.hacked") is None
    assert (watched.outside, watched.errors) == ([], [])


def test_a_page_that_only_reads_lists_and_limits_and_fits_on_a_phone(page_of):
    page = page_of(changes=False, width=375, height=700).page
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert page.locator(".shelf-body").evaluate("node => node.scrollWidth <= node.clientWidth")
    assert not page.locator(".adding").is_visible()
    assert page.locator(".rows button").count() == 0
    assert "cannot be added or removed" in page.locator(".state").inner_text()
    page.select_option(".source-filter", "north.example")
    found(page, "30 articles")
    assert page.locator(".limit").is_enabled()
    page.click(".shut")
    assert not page.locator("dialog.shelf").is_visible()
    assert page.evaluate("document.activeElement.matches('.open-articles')")
