"""The report: one page that asks nothing of anybody, shows every miss, and obeys nothing that stands in an article."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest

from rag.evaluation.compare import compare
from rag.evaluation.metrics import calibration_bins, risk_coverage
from rag.evaluation.outcomes import Evaluation, Outcome, RankedSentence
from rag.evaluation.plots import confidence_histogram, latency_bars, reliability_diagram, risk_coverage_curve
from rag.evaluation.report import report_html

HOSTILE = """</style><script>alert(1)</script><img src=x onerror=alert(1)> & "q' </title>\x1b]0;x\x07\u202e\ud800"""
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """What stands in a page: tags with their attributes, text by section, and whether all that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self.open: list[str] = []
        self.section = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "section":
            self.section = str(dict(attrs)["id"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text[self.section] = self.text.get(self.section, "") + data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def sentence(quote: str, right: bool = False, **changes: Any) -> RankedSentence:
    values: dict[str, Any] = {
        "quote": quote,
        "right": right,
        "elsewhere": False,
        "highlight": None,
        "score": 0.5,
        "title": "Bridge Opens",
        "source": "https://www.example.org/news/1",
        "published": "2025-03-26",
        "location": "/news/a.txt:3",
    }
    return RankedSentence(**{**values, **changes})


def outcome(name: str, confidence: float, *ranked: RankedSentence, answers: tuple[str, ...] = ("Lund",)) -> Outcome:
    return Outcome(
        id=name,
        question=f"{name}?",
        answers=answers,
        date="2025-04-01",
        confidence=confidence,
        answered=confidence >= 0.5 and bool(ranked),
        ranked=ranked,
        shown=min(1, len(ranked)),
        shown_right=int(bool(ranked) and ranked[0].right),
        exact=0.0,
        f1=0.0,
        seconds=0.02,
        timings={"encode": 0.005, "read": 0.014},
    )


HIT = outcome("Where was the hit", 0.9, sentence("It was in Lund.", right=True, highlight=(10, 14)))
MISS = outcome(
    "Where was the miss",
    0.7,
    sentence("In Oslo it was.", highlight=(3, 7)),
    sentence("No.", elsewhere=True),
    sentence("In Lund it is.", right=True),
)
BLANK = outcome("Where was nothing", 0.1, sentence("In Rome.", elsewhere=True))
NONE = outcome("Where was no sentence", 0.0)
SILENT = outcome("Where was silence", 0.2, sentence("Lund, quietly.", right=True))
WRONGLY = outcome("Where was no answer", 0.8, sentence("In Bergen, surely."), answers=())
RUN = Evaluation((HIT, MISS, BLANK, NONE, SILENT, WRONGLY), 0.5, {"questions": "q.jsonl", "part": None, "limit": 6})


def test_the_page_is_whole_and_asks_nothing_of_anybody() -> None:
    html = report_html(RUN)
    page = Page(html)
    assert html.startswith("<!doctype html>")
    assert page.open == []
    assert {tag for tag, _ in page.tags} & {"script", "img", "link", "iframe", "object", "form", "base"} == set()
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "src"]
    assert "@import" not in html
    assert "url(" not in html
    (policy,) = [meta["content"] for meta in page.named("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for link in page.named("a"):
        href = str(link["href"])
        assert href.startswith("https://www.example.org/") or href.removeprefix("#") in ids
    assert "prefers-color-scheme: dark" in html


def test_tables_and_plots_say_what_they_are() -> None:
    page = Page(report_html(RUN))
    assert len(page.named("table")) == len(page.named("caption")) == 2
    assert {str(head["scope"]) for head in page.named("th")} == {"col", "row", "rowgroup"}
    assert len(page.named("svg")) == len(page.named("title")) - 1 == len(page.named("desc")) == 4
    assert len(page.named("figcaption")) == 4
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    for drawn in page.named("svg"):
        assert drawn["role"] == "img"
        assert set(str(drawn["aria-labelledby"]).split()) <= ids
    html = page.named("html")
    assert html[0]["lang"] == "en"


def test_every_miss_is_shown_in_its_section_the_surest_first() -> None:
    page = Page(report_html(RUN))
    misses = page.text["misses"]
    for text in (MISS.question, BLANK.question, NONE.question, "In Oslo it was.", "In Rome.", "Expected: Lund"):
        assert text in misses
    assert misses.index(MISS.question) < misses.index(BLANK.question) < misses.index(NONE.question)
    assert "Right, at rank 3In Lund it is." in misses
    assert "None of the 1 sentences given is right." in misses
    assert "No sentence was found." in misses
    assert "First; holds an answer, in an article that is not among the sources" in misses
    assert "answer likely (70%), answered" in misses
    assert "Bridge Opens · example.org · 2025-03-26 · /news/a.txt:3" in misses
    assert "asked 2025-04-01" in misses
    assert HIT.question not in misses
    assert WRONGLY.question not in misses
    assert SILENT.question in page.text["silent"]
    assert HIT.question not in page.text["silent"]
    assert WRONGLY.question in page.text["wrongly"]
    assert "Expected: no answer" in page.text["wrongly"]
    assert "Misses (3)" in page.text[""]


def test_the_highlight_is_marked_and_nothing_else() -> None:
    assert re.findall("<mark>(.*?)</mark>", report_html(RUN)) == ["Oslo"]


def test_the_figures_are_those_of_the_run() -> None:
    figures = Page(report_html(RUN)).text["figures"]
    for words in ("hit@140.0%", "hit@560.0%", "MRR0.467", "threshold0.5", "answered50.0%", "wrongly answered100.0%"):
        assert words in figures
    assert "Before" not in figures
    settings = Page(report_html(RUN)).text[""]
    assert "limit6" in settings
    assert "part" not in settings


def test_nothing_in_an_article_or_question_becomes_markup() -> None:
    hostile = sentence(
        HOSTILE, highlight=(0, 8), title=HOSTILE, source=f"https://e.org/{HOSTILE}", published=HOSTILE, location=HOSTILE
    )
    bad = dataclasses.replace(
        outcome(HOSTILE, 0.9, hostile, answers=(HOSTILE,)), date=HOSTILE, timings={"<b>": 0.1, HOSTILE: 0.2}
    )
    run = Evaluation((bad, dataclasses.replace(bad, answers=(), id="2")), 0.5, {"questions": HOSTILE, HOSTILE: HOSTILE})
    old = Evaluation(tuple(dataclasses.replace(each, ranked=()) for each in run.outcomes), 0.5)
    html = report_html(run, comparison=compare(run, old), old=old)
    html.encode("utf-8")
    page = Page(html)
    assert page.open == []
    assert {tag for tag, _ in page.tags} & {"script", "img"} == set()
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", html)
    assert "<script>alert(1)</script><img src=x onerror=alert(1)> & \"q' </title>" in page.text["misses"]


@pytest.mark.parametrize(
    "source", ["javascript:alert(1)", "/news/a.txt", "http://[", "https://user@e.org/", "https://e.org/ x", "https://"]
)
def test_only_addresses_of_the_web_become_links(source: str) -> None:
    run = Evaluation((outcome("q", 0.9, sentence("x", source=source)),), 0.5)
    assert {str(link["href"])[0] for link in Page(report_html(run)).named("a")} == {"#"}


def test_two_runs_side_by_side() -> None:
    was_right = dataclasses.replace(MISS, ranked=(sentence("In Lund, earlier.", right=True),), confidence=0.3)
    was_wrong = dataclasses.replace(HIT, ranked=(sentence("In Paris, earlier."),), seconds=0.04)
    old = Evaluation((was_wrong, was_right, BLANK, NONE, SILENT, WRONGLY), 0.5)
    page = Page(report_html(RUN, comparison=compare(RUN, old), old=old))
    assert page.open == []
    assert "Of 6 shared questions: 1 won, 1 lost" in page.text["figures"]
    assert "hit@140.0%40.0%0" in page.text["figures"]
    assert HIT.question in page.text["won"]
    assert "Before, answer very likely (90%)In Paris, earlier." in page.text["won"]
    assert "Now, answer very likely (90%)It was in Lund." in page.text["won"]
    assert MISS.question in page.text["lost"]
    classes = {str(attributes.get("class")) for _, attributes in page.tags}
    assert {"curve", "curve before"} <= classes


def test_a_run_with_nothing_wrong_and_one_with_nothing_answerable() -> None:
    good = Page(report_html(Evaluation((HIT,), 0.5)))
    assert "None." in good.text["misses"]
    assert "wrongly" not in good.text
    bad = Page(report_html(Evaluation((WRONGLY, dataclasses.replace(WRONGLY, id="2", answered=False)), 0.5)))
    assert "No question has an answer in the articles." in bad.text[""]
    assert "hit@1" not in bad.text["figures"]
    nothing = Page(report_html(Evaluation((NONE,), 0.5)))
    assert "At the threshold 0.5 none is." in nothing.text["plots"]


# Plots


def svg(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def drawn(text: str, kind: str) -> list[dict[str, str]]:
    return [element.attrib for element in svg(text).iter() if element.get("class") == kind]


def test_the_calibration_has_a_bar_for_each_bin_that_has_answers() -> None:
    bins = calibration_bins([0.05, 0.95, 0.97], [False, True, True])
    text = reliability_diagram(bins)
    low, high = drawn(text, "right")
    assert (float(low["height"]), float(high["height"])) == (0.0, 226.0)
    assert float(low["x"]) < float(high["x"])
    assert "1 of confidence 0.0 to 0.1: 0% right; 2 of confidence 0.9 to 1.0: 100% right" in text


def test_the_curve_goes_from_the_surest_to_all() -> None:
    points = risk_coverage([0.9, 0.6, 0.3, 0.1], [True, False, False, True])
    text = risk_coverage_curve(points, threshold=0.5)
    (curve,) = drawn(text, "curve")
    places = [tuple(map(float, place.split(","))) for place in curve["points"].split()]
    assert [x for x, _ in places] == [151.0, 250.0, 349.0, 448.0]
    assert places[0][1] == 252.0, "no risk"
    (dot,) = drawn(text, "point")
    assert (float(dot["cx"]), float(dot["cy"])) == places[1]
    assert "50% answered, 50% of these wrong" in text
    assert "Nothing is answered." in risk_coverage_curve([], threshold=0.5)
    assert drawn(risk_coverage_curve(points, threshold=0.95), "point") == []


def test_the_histogram_stacks_wrong_on_right() -> None:
    text = confidence_histogram([0.51, 0.52, 1.0], [0.51], threshold=0.5)
    (wrong,) = [each for each in drawn(text, "wrong") if float(each["height"]) > 20]
    right = [each for each in drawn(text, "right") if float(each["height"]) > 20]
    assert len(right) == 2, "and the legend's"
    assert float(wrong["y"]) + float(wrong["height"]) == pytest.approx(float(right[0]["y"]), abs=0.2)
    assert float(right[0]["height"]) == pytest.approx(2 * float(wrong["height"]), abs=0.2)
    svg(confidence_histogram([], []))


def test_the_bars_are_as_long_as_the_stages_take() -> None:
    text = latency_bars({"whole": {"p50": 40.0, "p95": 80.0}, "a<b": {"p50": 10.0, "p95": 20.0}})
    (whole,), (stage,) = drawn(text, "right"), drawn(text, "stage")
    assert float(whole["width"]) == pytest.approx(4 * float(stage["width"]), abs=0.3)
    first, second = drawn(text, "slow")
    assert float(first["x2"]) - float(first["x1"]) == pytest.approx(float(whole["width"]), abs=0.2)
    assert float(second["x2"]) < float(first["x2"])
    assert "a&lt;b" in text
    svg(latency_bars({}))
