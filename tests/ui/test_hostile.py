"""Hostile texts in every place of the page: nothing runs, nothing is fetched, and the text is shown as it is."""

from __future__ import annotations

import hashlib
import re

import pytest

from index.errors import ArticlesError
from index.store.base import ArticlePage, ArticleRecord, ListedArticle, SourceCount
from index.types import Span
from rag.types import Answer, ArticleView, Citation, Place
from tests.ui.hostile import payloads
from ui.render import LONGEST_ECHO
from ui.text import link, outlet, visible

PAYLOADS = payloads()
A_QUESTION = 4
"""Payloads of one question, and articles of its answer."""
GROUPS = 12


class Parade:
    """Answers the question that begins with a number with the articles of that number; each is hostile all over."""

    def __init__(self):
        self.views = {}
        self.numbers = {}
        for number, payload in enumerate(PAYLOADS):
            name = hashlib.sha256(payload.encode()).hexdigest()[:32]
            source = [f"https://example.org/{payload}", f"folder/{payload}.txt", payload][number % 3]
            text = f"Before it {payload}\n\n{payload}\n\nBehind it {payload}\n"
            start = len(f"Before it {payload}\n\n")
            self.numbers[number] = name
            self.views[name] = ArticleView(
                name, f"Title {payload}", source, f"2025 {payload}", source, payload, payload, text, 0, len(text)
            )
            assert text[start : start + len(payload)] == payload

    def ask(self, question, **options):
        first = int(re.match(r"[0-9]+", question)[0])
        citations = []
        for number in range(first, min(first + A_QUESTION, len(PAYLOADS))):
            view, payload = self.views[self.numbers[number]], PAYLOADS[number]
            start = len(f"Before it {payload}\n\n")
            place = (
                view.article_id,
                view.title,
                view.source,
                view.published,
                start,
                start + len(payload),
                view.path,
                1,
            )
            # The answering words are cut out of the middle, where they may split a tag or an entity.
            marked = (len(payload) // 3, len(payload) // 2 + 1)
            also = (Place(*place),)
            found = Citation(
                *place, number=len(citations) + 1, quote=payload, highlight=marked, score=0.9, also_in=also
            )
            citations.append(found)
        return Answer(question, True, 0.9, tuple(citations), tuple(citations[:1]))

    def article(self, article_id):
        if article_id not in self.views:
            raise ArticlesError("no such article")
        return self.views[article_id]

    def articles(self, *, limit=50, offset=0, **_):
        """The list, as hostile: what the button opens."""
        listed = []
        for view in list(self.views.values())[offset : offset + limit]:
            record = ArticleRecord(
                1, view.article_id, view.title, view.source, view.published, None, None, view.path, Span(0, 1)
            )
            listed.append(ListedArticle(record, outlet(view.source), None))
        return ArticlePage(tuple(listed), len(self.views))

    def sources(self, **_):
        return [SourceCount(outlet(view.source), 1, None, None) for view in self.views.values()]


@pytest.fixture(scope="module")
def parade():
    return Parade()


@pytest.fixture(scope="module")
def parade_url(serve, parade):
    return serve(parade, examples=PAYLOADS[:40:8]).url


def test_there_are_many_and_each_is_another():
    assert len(PAYLOADS) >= 200
    assert len(set(PAYLOADS)) == len(PAYLOADS)


SHOWN = """() => {
  const texts = (root, selector) => [...root.querySelectorAll(selector)].map((node) => node.textContent);
  const answers = [...document.querySelectorAll("#chat .answer")];
  const last = answers[answers.length - 1];
  return {
    questions: texts(document, "#chat .asked bdi"),
    quotes: texts(last, "ol.quotes > li > blockquote > bdi"),
    titles: texts(last, "ol.quotes > li > .where .title bdi"),
    outlets: texts(last, "ol.quotes > li > .where .outlet bdi"),
    dates: texts(last, "ol.quotes > li > .where .date bdi"),
    references: [...last.querySelectorAll("ol.quotes > li > blockquote button.cite")].map((node) => node.value),
  };
}"""

# Opens every source of the last answer and tells what the panel shows of it.
SOURCES = """async () => {
  const answers = [...document.querySelectorAll("#chat .answer")];
  const found = [];
  for (const button of answers[answers.length - 1].querySelectorAll("ol.quotes > li > blockquote button.cite")) {
    const before = document.querySelector("#source .text").firstChild;
    button.click();
    await new Promise((resolve, reject) => {
      const until = performance.now() + 60000;
      const look = () => {
        if (document.querySelector("#source .text").firstChild !== before) resolve();
        else if (performance.now() > until) reject(new Error("the panel did not change"));
        else requestAnimationFrame(look);
      };
      look();
    });
    const original = document.querySelector("#source .original");
    found.push({
      headline: document.querySelector("#source .headline").textContent,
      text: document.querySelector("#source .text").textContent,
      focus: document.querySelector("#source mark.focus").textContent,
      href: original && !original.hidden ? original.getAttribute("href") : null,
    });
  }
  return found;
}"""

# Unfolds every quote of the last answer and points at the first one's number: what the preview shows.
AROUND = """async () => {
  const answers = [...document.querySelectorAll("#chat .answer")];
  const last = answers[answers.length - 1];
  const buttons = [...last.querySelectorAll("button.unfold")];
  const cite = last.querySelector("ol.quotes > li > blockquote button.cite");
  const preview = document.querySelector("#preview");
  const wait = (done, what) => new Promise((resolve, reject) => {
    const until = performance.now() + 60000;
    const look = () => {
      if (done()) resolve();
      else if (performance.now() > until) reject(new Error(what));
      else requestAnimationFrame(look);
    };
    look();
  });
  for (const button of buttons) button.click();
  await wait(() => buttons.every((each) => each.closest("li").classList.contains("unfolded")), "nothing unfolds");
  // Only what is in view is previewed, and a preview that was scrolled away wants to be asked for again.
  let pointed = -Infinity;
  await wait(() => {
    if (preview.hidden && performance.now() - pointed > 1000) {
      pointed = performance.now();
      cite.scrollIntoView({ block: "center", behavior: "instant" });
      cite.dispatchEvent(new PointerEvent("pointerover", { bubbles: true, pointerType: "mouse" }));
    }
    return !preview.hidden;
  }, "there is no preview");
  return {
    title: preview.querySelector(".title bdi").textContent,
    said: preview.querySelector(".said").textContent,
    around: [...last.querySelectorAll(".around")].map((each) => each.textContent),
  };
}"""

# Elements that only a payload can have made, where texts from outside stand.
FOREIGN = """() => [...document.querySelectorAll(
  "#chat .answer *, #chat .asked *, #source .text *, #source .headline *, #source .byline *, #preview *")]
  .filter((node) => !/^(A|ARTICLE|BDI|BLOCKQUOTE|BUTTON|DETAILS|DIV|LI|MARK|OL|P|SPAN|SUMMARY|UL)$/.test(node.tagName)
    || [...node.attributes].some((each) => /^on|^src|^srcdoc|^formaction/.test(each.name))
    || /^(?!https?:)/.test(node.getAttribute("href") || "https:"))
  .map((node) => node.outerHTML.slice(0, 200))"""


def as_typed(text):
    """What a text box makes of it: it knows one kind of line end."""
    return re.sub(r"\r\n?", "\n", text)


@pytest.mark.browser
@pytest.mark.parametrize("group", range(GROUPS))
def test_hostile_text_stays_text(parade, parade_url, open_page, group):
    opened = open_page(parade_url)
    page = opened.page
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    size = -(-len(PAYLOADS) // GROUPS)
    firsts = range(group * size, min((group + 1) * size, len(PAYLOADS)), A_QUESTION)
    for turn, first in enumerate(firsts, 1):
        these = range(first, min(first + A_QUESTION, len(PAYLOADS)))
        question = as_typed(f"{first} " + " ".join(PAYLOADS[number] for number in these))
        opened.ask(question, turn)
        shown = page.evaluate(SHOWN)
        echo = question if len(question) <= LONGEST_ECHO else question[:LONGEST_ECHO] + " …"
        assert shown["questions"][-1] == visible(echo)
        views = [parade.views[parade.numbers[number]] for number in these]
        assert shown["quotes"] == [visible(PAYLOADS[number]) for number in these]
        assert shown["titles"] == [visible(view.title) for view in views]
        assert shown["outlets"] == [visible(outlet(view.source)) for view in views]
        assert shown["dates"] == [visible(view.published) for view in views]
        around = page.evaluate(AROUND)
        assert (around["title"], around["said"]) == (visible(views[0].title), visible(PAYLOADS[first]))
        assert len(around["around"]) == 2 * len(these)
        assert page.evaluate(FOREIGN) == []
        for view, source in zip(views, page.evaluate(SOURCES), strict=True):
            assert source["headline"] == visible(view.title)
            assert source["text"] == visible(view.text)
            assert source["href"] == link(view.source)
        assert page.evaluate(FOREIGN) == []
    assert page.evaluate("typeof window.hacked") == "undefined"
    assert (opened.outside, opened.errors, dialogs) == ([], [], [])
    assert page.url == parade_url + "/"
    assert len(page.context.pages) == 1


@pytest.mark.browser
def test_hostile_titles_and_sources_stay_text_on_the_list(parade, parade_url, open_page):
    opened = open_page(parade_url)
    page = opened.page
    page.wait_for_function("/\\(/.test(document.querySelector('.open-articles')?.textContent)")
    page.click(".open-articles")
    views, seen = list(parade.views.values()), 0
    while seen < len(views):
        page.wait_for_function(
            "start => document.querySelector('.found').textContent.startsWith(start + ' to ')", arg=str(seen + 1)
        )
        shown = page.locator(".rows .name").evaluate_all("nodes => nodes.map((node) => node.textContent)")
        about = page.locator(".rows .about").evaluate_all("nodes => nodes.map((node) => node.textContent)")
        these = views[seen : seen + len(shown)]
        assert shown == [visible(view.title) for view in these]
        assert about == [f"{outlet(view.source)} · {visible(view.published)}" for view in these]
        seen += len(shown)
        if seen < len(views):
            page.click(".later")
    options = page.locator(".source-filter option").evaluate_all("nodes => nodes.slice(1).map((node) => node.value)")
    assert options == [outlet(view.source) for view in views][:300]
    assert page.locator("#articles").locator("img, script, svg, iframe, a, object, math").count() == 0
    assert page.evaluate("Object.keys(window).filter((name) => /hacked|pwned/.test(name))") == []
    assert (opened.outside, opened.errors) == ([], [])
