from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import StoreDamaged
from rag.types import ArticleView
from ui.panel import MOST_CITED, NEIGHBOURS, load_passage, load_source, panel_functions, script, style
from ui.text import visible

ID = "0123456789abcdef0123456789abcdef"
TEXT = "Headline\n\nFirst sentence. Second \u202eone\x00. Third one.\n"
OFFSET = 1000
VIEW = ArticleView(
    ID, "Headline", "https://example.org/a", "May 1", "a.txt", "Oslo", None, TEXT, OFFSET, OFFSET + len(TEXT)
)


class One:
    """An engine with one article, which starts at an offset in its file; it counts what it is asked."""

    def __init__(self, view=VIEW):
        self.view = view
        self.asked = []

    def article(self, article_id):
        from index.errors import ArticlesError

        self.asked.append(article_id)
        if article_id != self.view.article_id:
            raise ArticlesError("secret path /etc")
        return self.view


def at(piece):
    start = TEXT.index(piece) + OFFSET
    return f"{start}:{start + len(piece)}"


def joined(parts):
    return "".join(part["text"] for part in parts)


def test_the_article_is_cut_where_the_sentence_stands():
    source = load_source(One(), f"{ID}:{at('First sentence.')}")
    assert source["quote"] == "First sentence."
    assert joined(source["before"]) + source["quote"] + joined(source["after"]) == visible(TEXT)
    assert (source["title"], source["outlet"], source["published"]) == ("Headline", "example.org", "May 1")
    assert (source["place"], source["agency"], source["url"]) == ("Oslo", None, "https://example.org/a")
    json.dumps(source)


def test_other_cited_sentences_are_marked_lighter():
    source = load_source(One(), f"{ID}:{at('Third one.')},{at('First sentence.')},{at('Third one.')}")
    assert source["quote"] == "Third one."
    assert [part["text"] for part in source["before"] if part["cited"]] == ["First sentence."]
    assert [part["cited"] for part in source["before"] if part["cited"]] == [at("First sentence.")]
    assert not any(part["cited"] for part in source["after"])
    assert joined(source["before"]) + source["quote"] + joined(source["after"]) == visible(TEXT)


def test_overlapping_ranges_lose_no_character():
    ranges = ",".join(
        f"{OFFSET + start}:{OFFSET + end}" for start, end in [(12, 20), (0, 14), (5, 40), (18, 30), (13, 15)]
    )
    source = load_source(One(), f"{ID}:{ranges}")
    assert source["quote"] == visible(TEXT)[12:20]
    assert joined(source["before"]) + source["quote"] + joined(source["after"]) == visible(TEXT)


@pytest.mark.parametrize(
    "forged",
    [
        None,
        7,
        True,
        [],
        {},
        {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
        [f"{ID}:1000:1010"],
        "",
        ID,
        f"{ID}:1000",
        f"{ID}:1000:1010:1020",
        f"{ID}:-1:1010",
        f"{ID}:+1000:1010",
        f"{ID}:1_000:1010",
        f"{ID}:1000:1e3",
        f"{ID}:１０００:1010",
        f"{ID}:1000:1010\n",
        f" {ID}:1000:1010",
        f"{ID.upper()}:1000:1010",
        f"{ID[:-1]}:1000:1010",
        f"{ID}0:1000:1010",
        "../../../../etc/passwd:0:1",
        f"{ID}:1000:99999999999999999999999999",
        f"{ID}:1000:1010,",
        f"{ID}:" + ",".join(["1000:1010"] * (MOST_CITED + 1)),
        f"{ID}:1000:1010" + "," * 100_000,
        "\ud800",
        f"{ID}:1000:1010' OR 1=1 --",
    ],
)
def test_a_forged_reference_never_reaches_the_engine(forged):
    engine = One()
    assert set(load_source(engine, forged)) == {"error"}
    assert set(load_passage(engine, forged)) == {"error"}
    assert engine.asked == []


@pytest.mark.parametrize(
    "ranges",
    [
        "0:10",
        "999:1010",
        "1000:1000",
        "1010:1000",
        "1000:9999999999",
        f"1000:{OFFSET + len(TEXT) + 1}",
        "1000:1010,0:5",
    ],
)
def test_a_range_outside_the_article_is_refused(ranges):
    assert set(load_source(One(), f"{ID}:{ranges}")) == {"error"}
    assert set(load_passage(One(), f"{ID}:{ranges}")) == {"error"}


def test_the_ends_of_the_article_can_be_cited():
    source = load_source(One(), f"{ID}:{OFFSET}:{OFFSET + len(TEXT)}")
    assert (source["before"], source["quote"], source["after"]) == ([], visible(TEXT), [])


def test_an_unknown_article_is_one_friendly_line():
    source = load_source(One(), f"{'f' * 32}:0:1")
    assert set(source) == {"error"}
    assert "secret" not in source["error"]


def test_trouble_with_the_index_is_told():
    class Broken:
        def article(self, article_id):
            raise StoreDamaged("The index is damaged: build it again.\x1b")

    assert load_source(Broken(), f"{ID}:0:1") == {"error": "The index is damaged: build it again.\ufffd"}


def test_a_source_that_is_no_web_address_is_no_link():
    source = load_source(One(replace(VIEW, source="javascript:alert(1)", published=None)), f"{ID}:1000:1008")
    assert source["url"] is None
    assert source["published"] is None


def test_a_passage_is_the_sentence_with_its_neighbours():
    second = at("Second \u202eone\x00.")
    passage = load_passage(One(), f"{ID}:{second}")
    assert passage["quote"] == "Second \ufffdone\ufffd."
    assert passage["before"] == "Headline\n\nFirst sentence. "
    assert passage["after"] == " Third one."
    assert (passage["title"], passage["outlet"], passage["published"]) == ("Headline", "example.org", "May 1")
    json.dumps(passage)


def test_no_more_than_the_neighbours_are_given():
    text = " ".join(f"This is sentence number {number}." for number in range(1_000))
    engine = One(replace(VIEW, text=text, end=OFFSET + len(text)))
    start = text.index("This is sentence number 500.")
    passage = load_passage(engine, f"{ID}:{OFFSET + start}:{OFFSET + start + 28}")
    assert passage["before"] == "This is sentence number 498. This is sentence number 499. "
    assert passage["after"] == " This is sentence number 501. This is sentence number 502."


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=300), st.data())
def test_a_passage_is_always_consecutive_characters_of_its_article(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    engine = One(replace(VIEW, text=text, end=OFFSET + len(text)))
    passage = load_passage(engine, f"{ID}:{OFFSET + start}:{OFFSET + end}")
    assert passage["quote"] == visible(text[start:end])
    low = start - len(passage["before"])
    whole = passage["before"] + passage["quote"] + passage["after"]
    assert low >= 0
    assert whole == visible(text[low : low + len(whole)])


def test_the_longest_sentences_hold_a_passage_short():
    text = "word " * 400_000
    engine = One(replace(VIEW, text=text, end=OFFSET + len(text)))
    passage = load_passage(engine, f"{ID}:{OFFSET + 1_000_000}:{OFFSET + 1_000_004}")
    assert passage["quote"] == "word"
    assert len(passage["before"]) + len(passage["after"]) < 10_000
    assert NEIGHBOURS == 2


def test_the_functions_have_the_names_that_the_script_calls():
    functions = {function.__name__: function for function in panel_functions(One())}
    assert set(functions) == {"load_source", "load_passage"}
    assert functions["load_source"](f"{ID}:1000:1008")["quote"] == "Headline"
    assert functions["load_passage"](f"{ID}:1000:1008")["before"] == ""
    for name in functions:
        assert name in script()


def test_nothing_of_the_page_comes_from_outside():
    assert "http:" not in script()
    assert "innerHTML" not in script()
    assert "@import" not in style()
    assert re.findall(r"url\((?!\"data:)", style()) == []
