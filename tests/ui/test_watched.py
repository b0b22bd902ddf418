"""The running page over a folder that is watched: a new article is quoted without a restart."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest

from index.watch import watch
from rag.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.browser

QUESTION = "How many Lanterns did Marwick hang over the river?"
BEFORE = "The council of Marwick met on Monday.\n\nIt spoke of the bridge over the river and of nothing else.\n"
AFTER = "Marwick hung 417 lanterns over the river on Sunday, the council said.\n\nThey stay until the end of March.\n"


@pytest.fixture
def watched_folder(tmp_path: Path, tiny_encoder: Any) -> Any:
    """A folder that is watched, its index, and what the watch reports of each step."""
    articles, index = tmp_path / "articles", tmp_path / "index"
    articles.mkdir()
    (articles / "first.txt").write_text(BEFORE, "utf-8")
    steps: queue.Queue[Any] = queue.Queue()
    stop = threading.Event()

    def run() -> None:
        try:
            watch(
                [articles],
                index,
                stop=stop,
                encoder=tiny_encoder,
                debounce=0.1,
                on_update=steps.put,
                on_problem=steps.put,
            )
        except BaseException as error:  # noqa: BLE001 - told to the test, which waits for a step
            steps.put(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert steps.get(timeout=60).articles_added == 1
    yield articles, index, steps
    stop.set()
    thread.join(60)


def test_the_page_quotes_an_article_that_came_while_it_was_open(
    watched_folder: Any, tiny_encoder: Any, tiny_reader: Any, serve: Callable[..., Any], open_page: Callable[..., Any]
) -> None:
    articles, index, steps = watched_folder
    with Engine.open(index, encoder=tiny_encoder, reader=tiny_reader) as engine:
        app = serve(engine)
        watched = open_page(app.url)
        watched.ask(QUESTION)
        assert "417" not in watched.page.locator("#chat").inner_text()
        (articles / "second.txt").write_text(AFTER, "utf-8")
        assert steps.get(timeout=60).articles_added == 1
        watched.ask(QUESTION, answers=2)
        quote = AFTER.partition("\n")[0]
        shown = watched.page.locator(".answer").last.locator("blockquote bdi").all_inner_texts()
        assert quote in shown
        watched.page.locator(".answer").last.locator("blockquote").filter(has_text=quote).locator(".cite").click()
        watched.page.wait_for_selector("#source mark.focus")
        assert watched.page.locator("#source mark.focus").inner_text() == quote
        app.close()
