"""A small real engine in memory, a served page over it, and Chromium to look at it with."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from index.analysis import fold
from index.errors import ArticlesError, QuestionError
from index.store.base import ArticlePage, ArticleRecord, ListedArticle, SourceCount
from index.store.listing import covers, listed_as
from index.types import Span
from rag.conversation import readings
from rag.types import Answer, ArticleView, Citation, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from index.scope import Scope

CHROMIUM_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
HOSTILE = (
    '<img src=x onerror="window.hacked=1"><script>window.hacked=2</script>${window.hacked=3}{{value}}'
    "<svg/onload=window.hacked=4></mark></button>'\"&amp; <img src=https://evil.example/pixel.png>"
)


@dataclass(frozen=True)
class Told:
    """One article as the tests tell it."""

    title: str
    text: str
    source: str
    published: str | None = None

    @property
    def article_id(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:32]

    def record(self) -> ArticleRecord:
        url = self.source if "://" in self.source else None
        extent = Span(0, len(self.text))
        return ArticleRecord(1, self.article_id, self.title, url, self.published, None, None, self.source, extent)


FILLER = "\n\n".join(
    f"Paragraph {number} of the report tells what the delegations had for lunch and who sat beside whom, at some "
    "length, so that the page has to scroll before anybody sees the sentence that matters."
    for number in range(1, 25)
)
HARBOUR = Told(
    "Harbour to close for the winter",
    f"Harbour to close for the winter\n\n{FILLER}\n\nThe harbour of Port Ellis closes on 14 November, the mayor said. "
    f"It lasted ninety minutes.\n\n{FILLER}\n\nThe mayor said the harbour reopens in April.\n",
    "https://www.example.org/harbour?id=1",
    "March 20, 2025",
)
COPY = Told(
    "Port Ellis shuts", f"{FILLER}\n\nThe harbour of Port Ellis closes on 14 November, the mayor said.\n", "b/copy.txt"
)
NASTY = Told(
    f"Title {HOSTILE}",
    f"{HOSTILE}\n\n{FILLER}\n\nThe gargoyle {HOSTILE} stands \u202eon the\x00 roof.\n\n{FILLER}\n",
    "javascript:window.hacked=5",
    f"2025 {HOSTILE}",
)


SAILS, RETURNS = "The ferry to Lund sails at nine.", "The ferry to Lund returns at noon."
FERRY = Told(
    "Ferry to Lund sails again",
    f"Ferry to Lund sails again\n\n{FILLER}\n\nThe company told a crowd. It was raining.\n\n{SAILS} People cheered. "
    f"Nobody left.\n\n{FILLER}\n\n{RETURNS}\n\n{FILLER}\n",
    "https://www.example.org/ferry",
    "May 1, 2025",
)
TIMETABLE = Told("Timetable", f"{SAILS}\nThe rest of the timetable is not out yet.\n\n{FILLER}\n", "b/timetable.txt")
CARS = Told(
    "המעבורת ללונד חוזרת",
    f"{FILLER}\n\nThe ferry to Lund carries two hundred cars.\n\n{FILLER}\n",
    "https://news.example.net/cars",
    "May 2, 2025",
)
LONG = Told(
    "A chronicle " + "of very many days and of whatever was seen on each of them " * 6,
    "\n\n".join([FILLER] * 250)
    + "\n\nThe lighthouse keeper counted 812 ships.\n\n"
    + "\n\n".join([FILLER] * 70)
    + "\n\nA second lighthouse keeper counted none.\n\n"
    + "\n\n".join([FILLER] * 30),
    "c/chronicle.txt",
)


def stems(text: str) -> set[str]:
    """The beginnings of the longer words."""
    return {word[:5] for word in re.findall(r"\w{4,}", text.lower())}


class WordOverlap:
    """Answers with the sentences that share the most words with the question; every offset is real."""

    def __init__(self, *articles: Told) -> None:
        self.told = {article.article_id: article for article in articles}
        self.asked: list[str] = []

    def ask(
        self,
        question: str,
        *,
        top: int = 5,
        min_confidence: float = 0.5,
        history: Sequence[Answer | str] = (),
        scope: Scope | None = None,
    ) -> Answer:
        """The answer to the likeliest reading: this engine has no better reason to choose one."""
        self.asked.append(question)
        if question == "Break, please":
            raise RuntimeError("the secret of the inside")
        if not question.strip():
            raise QuestionError("The question is empty: ask something, for example: What happened?")
        likeliest = min(readings(question, history), key=lambda way: way.cost).text
        read_as = likeliest if likeliest != question else None
        words = stems(read_as or question) - stems("What when does")
        found: dict[str, list[Place]] = {}
        for article in self.told.values():
            if scope and not covers(scope, article.record()):
                continue
            for match in re.finditer(r"[^\n.]*[^\n]*?[.](?=\s)", article.text):
                if words & stems(match[0]):
                    place = Place(
                        article.article_id,
                        article.title,
                        article.source,
                        article.published,
                        *match.span(),
                        path=article.source,
                        line=article.text.count("\n", 0, match.start()) + 1,
                    )
                    found.setdefault(match[0], []).append(place)

        def score(quote: str) -> float:
            return len(words & stems(quote)) / max(len(words), 1)

        ranked = sorted(found, key=score, reverse=True)[:top]
        made = [self._citation(number, quote, found[quote], score(quote)) for number, quote in enumerate(ranked, 1)]
        citations = tuple(citation for citation in made if citation.score >= min_confidence)
        related = tuple(citation for citation in made if citation.score < min_confidence)
        best = made[0].score if made else 0.0
        return Answer(question, bool(citations), best, citations, related, read_as)

    def _citation(self, number: int, quote: str, places: list[Place], confidence: float) -> Citation:
        first = places[0]
        middle = len(quote) // 2
        article = self.told[first.article_id]
        assert article.text[first.start : first.end] == quote
        return Citation(
            first.article_id,
            first.title,
            first.source,
            first.published,
            first.start,
            first.end,
            first.path,
            first.line,
            number=number,
            quote=quote,
            highlight=(middle, min(middle + 8, len(quote))),
            score=confidence,
            also_in=tuple(places[1:]),
        )

    def article(self, article_id: str) -> ArticleView:
        if article_id not in self.told:
            raise ArticlesError(f"No article {article_id!r}.")
        told = self.told[article_id]
        return ArticleView(
            article_id, told.title, told.source, told.published, told.source, None, None, told.text, 0, len(told.text)
        )

    def articles(
        self, *, search: str = "", scope: Scope | None = None, limit: int = 50, offset: int = 0
    ) -> ArticlePage:
        found = []
        for told in self.told.values():
            name, day, words = listed_as(told.title, told.source, told.published)
            if all(word in words for word in fold(search).split()) and (not scope or covers(scope, told.record())):
                found.append(ListedArticle(told.record(), name, day))
        return ArticlePage(tuple(found[offset : offset + limit]), len(found))

    def sources(self, *, search: str = "", scope: Scope | None = None) -> list[SourceCount]:
        counts = Counter(each.outlet for each in self.articles(search=search, scope=scope, limit=10**6).articles)
        return [SourceCount(name, count, None, None) for name, count in counts.most_common()]


@pytest.fixture(scope="session")
def engine() -> WordOverlap:
    return WordOverlap(HARBOUR, COPY, NASTY)


@pytest.fixture(scope="session")
def library() -> WordOverlap:
    """Articles that one answer cites together, one of them with a title from right to left; and a very long one."""
    return WordOverlap(FERRY, TIMETABLE, CARS, LONG)


@pytest.fixture(scope="session")
def library_url(library: WordOverlap, serve: Callable[..., Any]) -> str:
    return str(serve(library, examples=["When does the ferry to Lund sail?"]).url)


@pytest.fixture(scope="session")
def hostile() -> str:
    return HOSTILE


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., Any]]:
    """Serves an engine on a free port; everything is closed at the end of the session."""
    # Gradio and what it imports warn of their own future on import and at launch: not ours to mend.
    import warnings

    running: list[Any] = []

    def start(engine: Any, **options: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from ui.app import launch

            running.append(launch(engine, port=0, block=False, **options))
        return running[-1]

    yield start
    for app in running:
        app.close()


@pytest.fixture(scope="session")
def page_url(engine: WordOverlap, serve: Callable[..., Any]) -> str:
    return str(serve(engine, examples=["When does the harbour close?", f"What of the gargoyle? {HOSTILE}"]).url)


def chromium_path() -> str | None:
    """Where Chromium is: the environment's word, Debian's place, the PATH."""
    named = os.environ.get("CHROMIUM_PATH")
    if named:
        return named if Path(named).is_file() else None
    places = ("/usr/bin/chromium", *map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    return next((place for place in places if place and Path(place).is_file()), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium; the tests are skipped without one, and fail without one under CITEWELL_REQUIRE_BROWSER=1."""
    reason = None
    path = chromium_path()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        reason = "playwright is not installed"
    else:
        if path is None:
            reason = "no Chromium found: set CHROMIUM_PATH to one"
    if reason is not None:
        if os.environ.get("CITEWELL_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        yield chromium
        chromium.close()


IN_VIEW = """() => {
  const mark = document.querySelector('#source mark.focus');
  if (!mark) return false;
  const box = mark.getBoundingClientRect();
  const frame = document.querySelector('#source').getBoundingClientRect();
  const top = Math.max(0, frame.top), bottom = Math.min(window.innerHeight, frame.bottom);
  const seen = document.elementFromPoint(box.left + 5, box.top + 8);
  return box.height > 0 && box.top >= top && box.bottom <= bottom && box.left >= 0 && box.right <= window.innerWidth
    && seen === mark;
}"""


class Watched:
    """A page whose requests to anywhere but its server are aborted and written down, and its errors too."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.outside: list[str] = []
        self.errors: list[str] = []

        def abort(intercepted: Any) -> None:
            self.outside.append(intercepted.request.url)
            intercepted.abort()

        # A pattern, and no function: a page makes 150 requests, and each would be brought here to be let go.
        page.route(re.compile(rf"^(?!{re.escape(url)}/|data:|blob:)"), abort)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(url + "/")
        page.wait_for_selector("#question textarea")

    def ask(self, question: str, answers: int = 1) -> None:
        """Sends a question and waits until the chat shows `answers` finished answers."""
        self.page.fill("#question textarea", question)
        self.page.click("#send")
        self.wait_for_answers(answers)

    def wait_for_source(self, quote: str | None = None) -> None:
        """Waits until the sentence in focus, and `quote` where it is given, is in view in the source panel."""
        if quote is not None:
            self.page.wait_for_function(
                "quote => document.querySelector('#source mark.focus')?.textContent === quote", arg=quote
            )
        self.page.wait_for_function(IN_VIEW)

    def wait_for_answers(self, count: int) -> None:
        self.page.wait_for_function(
            "count => document.querySelectorAll('#chat .answer, #chat .problem').length === count", arg=count
        )


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Watched]]:
    """Opens a watched page in a context of its own: `open_page(url, width=1280, height=800, **context_options)`."""
    contexts = []

    def start(url: str, *, width: int = 1280, height: int = 800, **options: Any) -> Watched:
        viewport = {"width": width, "height": height}
        context = browser.new_context(viewport=viewport, reduced_motion="reduce", **options)
        context.set_default_timeout(20_000)
        contexts.append(context)
        return Watched(context.new_page(), url)

    yield start
    for context in contexts:
        context.close()
