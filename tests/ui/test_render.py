from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from rag.types import Answer, Citation, Excerpt, Place
from ui.render import (
    LONGEST_ECHO,
    also_words,
    answer_markup,
    problem_markup,
    question_markup,
    quote_markup,
    reading_markup,
    reference,
)
from ui.text import escape, link, outlet, visible

ID = "0123456789abcdef0123456789abcdef"
ALLOWED = {"bdi", "blockquote", "button", "details", "div", "h2", "li", "mark", "ol", "p", "span", "summary", "ul"}
ALLOWED_ATTRIBUTES = {"class", "role", "title", "type", "value"}


class Parsed(HTMLParser):
    """Markup as a browser would take it: its elements, and the text in them."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.marked = ""
        self.quotes: list[str] = []
        self._open: list[str] = []
        self.feed(markup)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag == "blockquote":
            self.quotes.append("")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if "mark" in self._open:
            self.marked += data
        if "blockquote" in self._open and "button" not in self._open:
            self.quotes[-1] += data

    def buttons(self, kind: str = "cite") -> list[str | None]:
        return [
            attributes["value"] for tag, attributes in self.elements if tag == "button" and attributes["class"] == kind
        ]


def place(title="The title", source="https://www.example.org/a", published="May 1", start=10, end=20):
    return Place(ID, title, source, published, start, end, "a.txt", 3)


def cited(quote="They met for 90 minutes.", highlight=(13, 23), confidence=0.93, also_in=(), **changes):
    made = place(**changes)
    return Citation(
        made.article_id,
        made.title,
        made.source,
        made.published,
        made.start,
        made.end,
        made.path,
        made.line,
        number=1,
        quote=quote,
        highlight=highlight,
        score=confidence,
        also_in=tuple(also_in),
    )


def answered(*citations, related=()):
    return Answer("How long?", True, 0.93, tuple(citations), tuple(related))


def test_a_quote_that_leans_on_the_sentence_before_shows_it_apart_and_inert():
    bad = 'Putin <img src=x onerror="alert(1)"> met Trump.'
    markup = answer_markup(answered(replace(cited(), context=Excerpt(0, len(bad), bad))))
    parsed = Parsed(markup)
    assert [quote.strip() for quote in parsed.quotes] == ["They met for 90 minutes."]
    assert "<img" not in markup
    assert markup.index("Before it:") < markup.index("&lt;img") < markup.index("<blockquote>")
    assert "Before it:" not in answer_markup(answered(cited()))


def test_an_answer_has_its_quote_its_mark_and_its_place():
    parsed = Parsed(answer_markup(answered(cited())))
    assert [quote.strip() for quote in parsed.quotes] == ["They met for 90 minutes."]
    assert parsed.marked == "90 minutes"
    assert parsed.buttons() == parsed.buttons("unfold") == [f"{ID}:10:20"]
    for shown in ("The title", "example.org", "May 1", "very likely"):
        assert shown in parsed.text
    assert "also in" not in parsed.text
    assert any("93%" in (attributes.get("title") or "") for _, attributes in parsed.elements)


@pytest.mark.parametrize("highlight", [(-1, 4), (4, 4), (9, 3), (0, 999), None])
def test_a_range_outside_the_quote_marks_nothing(highlight):
    assert quote_markup("A <b> quote.", highlight) == "A &lt;b&gt; quote."


@pytest.mark.parametrize(
    "quote", ["<i>&lt;x</i> “one” two", "ab\x00c\u202ed\r\ne", "\U0001f600\U0001f1ee\U0001f1f8 flag & co"]
)
def test_the_mark_stands_at_its_offsets_in_every_text(quote):
    for start in range(len(quote)):
        for end in range(start + 1, len(quote) + 1):
            parsed = Parsed(quote_markup(quote, (start, end)))
            assert parsed.text == visible(quote)
            assert parsed.marked == visible(quote[start:end])


def test_numbers_run_through_citations_and_related():
    markup = answer_markup(answered(cited(), cited(start=30, end=40), related=[cited(start=50, end=60)]))
    parsed = Parsed(markup)
    assert parsed.buttons() == [f"{ID}:10:20", f"{ID}:30:40", f"{ID}:50:60"]
    assert re.findall(r">(\d+)</button>", markup) == ["1", "2", "3"]


OTHER, THIRD = "1" * 32, "2" * 32


@pytest.mark.parametrize(
    ("articles", "words"),
    [
        ([OTHER], "also in 1 other article"),
        ([OTHER, THIRD], "also in 2 other articles"),
        ([OTHER, OTHER, THIRD], "also in 2 other articles, 3 places in all"),
        ([OTHER, ID], "also in 1 other article, 2 places in all"),
        ([ID], "also in 1 other place of this article"),
        ([ID, ID], "also in 2 other places of this article"),
    ],
)
def test_other_articles_are_counted_and_their_places_can_be_opened(articles, words):
    others = [
        replace(place(title=f"Copy {number}", start=100 + number, end=200), article_id=article)
        for number, article in enumerate(articles)
    ]
    citation = cited(also_in=others)
    assert also_words(citation) == words
    parsed = Parsed(answer_markup(answered(citation)))
    assert words in parsed.text
    assert parsed.buttons("cite place") == [reference(other) for other in others]


def test_the_confidence_is_words_with_the_number_for_screen_readers():
    markup = answer_markup(answered(cited()))
    assert "very likely" in Parsed(markup).text
    assert '<span class="spoken">. The probability that the first sentence answers: 93%.</span>' in markup


def test_no_answer_says_so_and_shows_the_closest_sentences():
    parsed = Parsed(answer_markup(Answer("Who?", False, 0.1, (), (cited(), cited(start=1, end=2)))))
    assert "Not in these articles." in parsed.text
    assert "closest sentences" in parsed.text
    assert len(parsed.buttons()) == 2
    assert "confidence" not in parsed.text
    assert parsed.elements[0] == ("div", {"class": "answer unanswered"})
    assert "closest" not in answer_markup(Answer("Who?", False, 0.0))


def test_hostile_text_stays_text(hostile):
    bad = f"{hostile}\x00\x1b[31m\u202eabc\u2066"
    citation = cited(
        quote=bad,
        highlight=(3, 40),
        title=bad,
        source=f"https://example.org/{bad}",
        published=bad,
        also_in=[place(title=bad, source=bad)],
    )
    for markup in (
        answer_markup(answered(citation, related=[citation])),
        answer_markup(Answer(bad, False, 0.1, (), (citation,))),
        question_markup(bad),
        problem_markup(bad),
    ):
        parsed = Parsed(markup)
        assert {tag for tag, _ in parsed.elements} <= ALLOWED
        assert {name for _, attributes in parsed.elements for name in attributes} <= ALLOWED_ATTRIBUTES
        assert visible(bad) in parsed.text
        assert not set(markup) & set("\x00\x1b\u202e\u2066")


def test_a_reference_is_escaped_too():
    broken = Place('"><script>', "t", "s", None, 0, 1, "p", 1)
    assert "<script" not in answer_markup(answered(cited(also_in=[broken])))


def test_a_long_question_is_cut_and_a_surrogate_can_be_sent():
    parsed = Parsed(question_markup("x" * 10_000 + "\ud800"))
    assert len(parsed.text) == LONGEST_ECHO + 2
    question_markup("\ud800").encode()


@pytest.mark.parametrize(
    "source",
    [
        "javascript:alert(1)",
        "JAVASCRIPT://example.org/%0aalert(1)",
        "data:text/html,x",
        "ftp://example.org/",
        "https://",
        "https://user:word@example.org/",
        "https://exa mple.org/",
        "https://example.org/\u202e",
        "https://[::1",
        "//example.org/a",
        "",
    ],
)
def test_only_plain_web_addresses_become_links(source):
    assert link(source) is None
    escape(outlet(source))


def test_outlets():
    assert outlet("https://www.example.org:8080/a/b?c") == "example.org"
    assert outlet("articles/2025/day.txt") == "day.txt"
    assert outlet("C:\\articles\\day.txt") == "day.txt"


def test_a_reading_is_text_with_a_button_that_names_its_turn():
    parsed = Parsed(reading_markup('Who did <b onclick="x">Putin</b> tell?', 12))
    assert 'Who did <b onclick="x">Putin</b> tell?' in parsed.text
    assert ("button", {"type": "button", "class": "again literal", "value": "12"}) in parsed.elements
    assert {tag for tag, _ in parsed.elements} == {"p", "span", "bdi", "button"}
    assert reading_markup(None, 12) == reading_markup(None, 12, literal=True) == ""
    taken_back = Parsed(reading_markup('Who did <b onclick="x">Putin</b> tell?', 12, literal=True))
    assert 'Who did <b onclick="x">Putin</b> tell?' in taken_back.text
    assert ("button", {"type": "button", "class": "again reread", "value": "12"}) in taken_back.elements
    assert {tag for tag, _ in taken_back.elements} == {"p", "span", "bdi", "button"}


def test_a_long_reading_is_cut_like_a_question():
    assert "x" * (LONGEST_ECHO + 1) not in reading_markup("x" * 1000, 0)
