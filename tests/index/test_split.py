"""One text, several articles; and what the head of an article says of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.articles import read_file
from index.boilerplate import mark_boilerplate
from index.sentences import split_sentences
from index.split import article_id, split_articles
from index.types import Article, Source

SEEDS = Path(__file__).parents[2] / "seeds"

STORY = "\n\n".join(
    f"The council of the town met again on Monday to discuss the plan for bridge number {number}, officials said."
    for number in range(6)
)
SECOND = "\n\n".join(
    f"Farmers in the valley expect the harvest of year {number} to be the best that anybody can remember, they said."
    for number in range(6)
)


def articles_of(text: str) -> tuple[Article, ...]:
    return split_articles(Source(path="/n/a.txt", text=text))


def page(headline: str, caption: str, story: str) -> str:
    return f"{headline}\n\n{caption}\n{caption}\nTT\n20\n\n{headline}\n\n{caption}\n{caption}\n\n{story}"


def test_seeds() -> None:
    for path in sorted(SEEDS.glob("*.txt")):
        (source,) = read_file(path)
        assert isinstance(source, Source)
        raw = path.read_bytes().decode("utf-8")
        articles = split_articles(source)
        assert [article.title for article in articles] == [
            "Military Chiefs Gather in UK to Discuss Ukraine Protections",
            "‘This Is Not the Time to Go It Alone,’ NATO’s Rutte Tells US and Europe",
        ]
        firsts = ("Dozens of military chiefs from countries", "NATO Secretary-General Mark Rutte warned the United")
        for article, first in zip(articles, firsts, strict=True):
            assert article.agency == "AFP"
            sentences = split_sentences(article, mark_boilerplate(article))
            quotes = [raw[sentence.span.start : sentence.span.end] for sentence in sentences]
            assert not {"TT", "20", article.title} & set(quotes)
            caption, *prose = sentences
            assert (caption.kind, len(caption.copies)) == ("caption", 3)
            assert {copy.of(raw) for copy in caption.copies} == {quotes[0]}
            assert {sentence.kind for sentence in prose} == {"prose"}
            assert quotes[1].startswith(first)
            assert len(set(quotes)) == len(quotes)
            assert all(article.extent.contains(sentence.span) for sentence in sentences)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028"])
@pytest.mark.parametrize("gap", ["\n\n", "\n\n\n\n", "\n\n\n\n\n\n"])
@pytest.mark.parametrize("caption", ["The hall on Monday. (Reuters)", "People walk past the old town hall on Monday."])
def test_headlines_that_come_again(end: str, gap: str, caption: str) -> None:
    first, second = page("Town Votes on New Bridge", caption, STORY), page("Valley Awaits Harvest", caption, SECOND)
    text = (first + gap + second).replace("\n", end)
    articles = articles_of(text)
    assert [article.extent.of(text) for article in articles] == [part.replace("\n", end) for part in (first, second)]
    assert [article.title for article in articles] == ["Town Votes on New Bridge", "Valley Awaits Harvest"]


def test_wide_gaps_between_headlines() -> None:
    parts = [f"Town Votes on New Bridge\n\n{STORY}", f"Valley Awaits Best Harvest\n\n{SECOND}"]
    text = "\n\n\n\n".join(parts)
    assert [article.extent.of(text) for article in articles_of(text)] == parts


@pytest.mark.parametrize(
    "text",
    [
        f"Town Votes on New Bridge\n\n{STORY}\n\nWhat the neighbors say\n\n{SECOND}",  # a sub-heading
        f"Town Votes on New Bridge\n\n{STORY}\n\n\n\n{SECOND}",  # a section gap
        f"Town Votes on New Bridge\n\n{STORY}\n\n\n\nWhat the neighbors say\n\nThey like it.",  # too short a part
        f"{STORY}\n\n\n\nWhat the neighbors say\n\n{SECOND}",  # the file begins without a headline
        f"Town Votes on New Bridge\n\n{STORY}\n\nRead more about it here\n\nRead more about it here\n\n{SECOND}",
        page("Town Votes on New Bridge", "The hall. (AFP)", STORY),
        "\n" * 300_000 + "A word." + "\n" * 300_000 + "Another." + "\n" * 300_000,
    ],
)
def test_one_article(text: str) -> None:
    assert len(articles_of(text)) == 1


def test_records_are_never_split() -> None:
    text = (
        page("Town Votes on New Bridge", "A hall. (AFP)", STORY)
        + "\n\n\n\n"
        + page("Valley Waits for Rain", "X (AP)", SECOND)
    )
    assert len(articles_of(text)) == 2
    for source in (
        Source(path="/n/a", text=text, line=3),
        Source(path="/n/a", text=text, url="https://n.example"),
        Source(path="/n/a", text=text, title="Valley Waits for Rain"),
    ):
        assert len(split_articles(source)) == 1


def test_title_of_a_record_and_its_place() -> None:
    text = f"“Valley  Waits” for Rain\n\n{STORY}"
    (article,) = split_articles(Source(path="/n/a", text=text, title=" 'Valley Waits' for rain "))
    assert article.title == "'Valley Waits' for rain"
    assert article.title_span is not None
    assert article.title_span.of(text) == "“Valley  Waits” for Rain"
    (article,) = split_articles(Source(path="/n/a", text=text, title="Another title"))
    assert article.title_span is None


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("It rained.", "It rained."),
        (
            "The long sentence goes on and on, " * 5 + "and ends.",
            "The long sentence goes on and on, The long sentence goes on and on, The long",
        ),
        ("x" * 200, "x" * 80),
        ("  \n a\n", "a"),
        (f"By Jane Doe\n\nTown Votes on Bridge\n\n{STORY}", "Town Votes on Bridge"),
    ],
)
def test_title_without_a_record(text: str, title: str) -> None:
    (article,) = articles_of(text)
    assert article.title == title
    assert article.title_span is not None
    assert article.title_span.of(text) == title


@pytest.mark.parametrize(
    ("head", "published", "place", "agency"),
    [
        ("WARSAW (AFP) - Poland said so on Monday.", None, "WARSAW", "AFP"),
        ("LONDON, March 20 (Reuters) — Britain said so.", "March 20", "LONDON", "Reuters"),
        ("March 26, 2025\n\nThey met for a long time in the hall.", "March 26, 2025", None, None),
        ("Published: Wednesday, 26 March 2025 14:30 GMT\n\nThey met.", "26 March 2025", None, None),
        ("2025-03-26\n\nThey met.", "2025-03-26", None, None),
        ("LANSING, Mich. – The governor said so.", None, "LANSING, Mich.", None),
        ("NEW YORK (AP) — Stocks fell.", None, "NEW YORK", "AP"),
        ("Seoul, South Korea CNN —\n\nThey met.", None, "Seoul, South Korea", "CNN"),
        ("New York (CNN Business) Stocks fell.", None, "New York", "CNN"),
        ("The minister will resign, Agence France-Presse reported.", None, None, "AFP"),
        ("A view of the hall. JANE DOE / POOL/AFP\n\nThey met.", None, None, "AFP"),
        ("BREAKING — They met.", None, None, None),
        ("He spoke to the Associated Press in May 2020.", None, None, None),
        ("They met on March 26, 2025, in the hall.", None, None, None),
    ],
)
def test_dateline(head: str, published: str | None, place: str | None, agency: str | None) -> None:
    (article,) = articles_of(f"Town Votes on New Bridge\n\n{head}\n\nNothing more was said about it.")
    assert (article.published, article.place, article.agency) == (published, place, agency)


def test_no_text() -> None:
    assert articles_of("") == articles_of(" \r\n\u2028 ") == ()


def test_id_depends_on_content_only() -> None:
    (one,) = split_articles(Source(path="/a", text=f"\n\n{STORY}"))
    (same,) = split_articles(Source(path="/b", text=f"{STORY}\n"))
    assert one.id == same.id
    assert len(one.id) == 32
    assert int(one.id, 16) >= 0
    fields = [
        (None, None, None, "t"),
        ("", None, None, "t"),
        (None, "", None, "t"),
        (None, None, "", "t"),
        ("t", None, None, ""),
    ]
    assert len({article_id(*field) for field in fields}) == len(fields)


@given(st.text(st.sampled_from('aB. \n\r"(\u2028é-') | st.characters(exclude_categories=["Cs"])))
def test_extents_cover_the_text(text: str) -> None:
    articles = articles_of(text)
    assert bool(articles) == bool(text.strip())
    rest, last = [], 0
    for article in articles:
        assert article.title.strip()
        assert article.extent.of(text) == article.extent.of(text).strip()
        if article.title_span is not None:
            assert article.extent.contains(article.title_span)
        rest.append(text[last : article.extent.start])
        last = article.extent.end
    assert not "".join([*rest, text[last:]]).strip()
