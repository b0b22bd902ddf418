"""Files that say themselves that they hold several articles: where these begin, and what the lines above them tell."""

from __future__ import annotations

import pytest

from index.boilerplate import mark_boilerplate
from index.sentences import split_sentences
from index.split import split_articles
from index.types import Article, Source

FIRST = (
    "The council of the town met again on Monday to discuss the plan for the bridge, officials said.\n\n"
    "It would cost four million, and nobody in the hall could say on which day the work might begin.\n\n"
    "“We have waited for it for ten years,” the mayor said, “and we shall wait for another year if need be.”\n\n"
    "A second meeting will be held in June, when the engineers are back from the valley with their report."
)
SECOND = (
    "Farmers in the valley expect the best harvest that anybody can remember, their union said on Friday.\n\n"
    "Rain came late but in time, and the storehouses on the river are being made ready for the first loads.\n\n"
    "“If it stays like this, we shall not know where to put it all,” said the head of the union in the town.\n\n"
    "Prices are falling already, and the mills have begun to buy for the winter, a trader in the port said."
)
TITLES = ["Town Votes on New Bridge", "Valley Awaits Its Best Harvest?"]
TEXTS = [FIRST, SECOND]


def articles_of(text: str) -> tuple[Article, ...]:
    return split_articles(Source("/n/a.txt", text))


def quotes(article: Article) -> list[str]:
    return [each.span.of(article.text) for each in split_sentences(article, mark_boilerplate(article))]


CLASSIC = "\n\n\n".join(
    f"{number} of 2 DOCUMENTS\n\n                The Daily Ferry\n\n            March 2{number}, 2025 Monday\n"
    f"            Final Edition\n\n{title}\n\nBYLINE: By JANE DOE\n\nSECTION: NEWS; Pg. 1\n\nLENGTH: 512 words\n\n"
    f"DATELINE: RIVERTON\n\n{text}\n\nLOAD-DATE: March 29, 2025\n\nLANGUAGE: ENGLISH\n\n"
    "PUBLICATION-TYPE: Newspaper\n\nCopyright 2025 The Daily Ferry\nAll Rights Reserved"
    for number, title, text in zip((1, 2), TITLES, TEXTS, strict=True)
)
NEW = "\n\n\n".join(
    f"{title}\nThe Daily Ferry\nMarch 2{number}, 2025 Monday\n\nCopyright 2025 The Daily Ferry All Rights Reserved\n\n"
    f"Section: NEWS; Pg. 1\nLength: 512 words\nByline: Jane Doe\n\nBody\n\n{text}\n\nLoad-Date: March 29, 2025\n\n"
    "End of Document"
    for number, title, text in zip((1, 2), TITLES, TEXTS, strict=True)
)
TAGGED = "\n\n".join(
    f"HD {title}\nBY Jane Doe\nWC 512 words\nPD March 2{number}, 2025\nSN Reuters News\nSC LBA\nLA English\n"
    f"CY (c) 2025 The Ferry\nLP\n\n{text}\n\nIN imed : Media\nAN\nDocument LBA000002025032{number}el3q0001u"
    for number, title, text in zip((1, 2), TITLES, TEXTS, strict=True)
)
PLAIN = "\n\n".join(
    f"{title}\nJane Doe\n512 words\nMarch 2{number}, 2025\nThe Daily Ferry\nFERR\n1\nEnglish\n"
    f"(Copyright 2025 The Ferry)\n\n{text}\n\nDocument FERR00002025032{number}el3q0001u"
    for number, title, text in zip((1, 2), TITLES, TEXTS, strict=True)
)
MAILBOX = "\n\n".join(
    f"From news@example.com Mon Mar 2{number} 09:15:00 2025\nReceived: by example.com\n"
    f"From: The Ferry <n@example.com>\nTo: desk@example.com\nDate: March 2{number}, 2025\nSubject: {title}\n\n{text}"
    for number, title, text in zip((1, 2), TITLES, TEXTS, strict=True)
)
REVIEW = "Press review\n\n1. Town Votes on New Bridge\n2. Valley Awaits Its Best Harvest?\n\n\n" + "\n\n".join(
    f"{number}. {title}\nThe Daily Ferry, March 2{number}, 2025\n\n{text}"
    for number, title, text in zip((1, 2), TITLES, TEXTS, strict=True)
)
LISTED = "\n\n".join(
    f"March 2{number}, 2025 | The Daily Ferry | {title}\n\n{text}"
    for number, title, text in zip((1, 2), TITLES, TEXTS, strict=True)
)


@pytest.mark.parametrize("text", [CLASSIC, NEW, TAGGED, PLAIN, MAILBOX, REVIEW, LISTED])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_the_lines_say_is_read_and_no_prose(text: str, end: str) -> None:
    text = text.replace("\n", end)
    articles = articles_of(text)[-2:]
    assert [article.title for article in articles] == TITLES
    assert [article.published for article in articles] == ["March 21, 2025", "March 22, 2025"]
    for article, title, own in zip(articles, TITLES, TEXTS, strict=True):
        assert article.title_span is not None
        assert article.title_span.of(text) == title
        assert article.extent.contains(article.title_span)
        found = quotes(article)
        assert "\n\n".join(found).replace("\n\n", " ") == own.replace("\n\n", " ")
    assert " ".join(article.extent.of(text) for article in articles_of(text)).split() == text.split()


def test_an_agency_that_a_database_names() -> None:
    assert [article.agency for article in articles_of(TAGGED.replace("Reuters News", "Reuters"))] == ["Reuters"] * 2


def test_one_article_of_an_export_has_its_head_as_well() -> None:
    (article,) = articles_of(CLASSIC.split("\n\n\n")[0].replace("of 2", "of 1"))
    assert (article.title, article.published, len(quotes(article))) == (TITLES[0], "March 21, 2025", 4)


def test_a_cover_is_no_part_of_the_first_article() -> None:
    cover, *rest = articles_of(REVIEW)
    assert (cover.title, len(rest)) == ("Press review", 2)
    assert rest[0].extent.start == REVIEW.index("1. Town Votes on New Bridge\nThe Daily Ferry")


@pytest.mark.parametrize("line", ["-----", "***", "* * *", "###", "=" * 60, "____", "• • •"])
@pytest.mark.parametrize("above", ["", "The digest of Monday\n\n{}\n\n", "{}\n\n"])
def test_lines_between_articles(line: str, above: str) -> None:
    parts = [f"{title}\n\n{text}" for title, text in zip(TITLES, TEXTS, strict=True)]
    text = above.format(line) + f"\n\n{line}\n\n".join(parts) + f"\n\n{line}\n\nEnd of the digest"
    found = [article for article in articles_of(text) if article.title in TITLES]
    assert [article.title for article in found] == TITLES
    assert [article.extent.start for article in found] == [text.index(part) for part in parts]


@pytest.mark.parametrize(
    "text",
    [
        f"{TITLES[0]}\n\n{FIRST}\n\n***\n\n{SECOND}",  # a break between sections
        f"{TITLES[0]}\n\n{FIRST}\n\n___\n\nAP writer Jane Doe contributed to this report.",
        f"{TITLES[0]}\n\n{FIRST}\n\n***\n\nWhat comes next\n\nNobody knows.",
        f"{TITLES[0]}\n\n1. The bridge costs money\n\n{FIRST}\n\n2. The harvest brings some\n\n{SECOND}",  # a list
        f"Five things on one day\n\n1. Bridge\n{FIRST}\n2. Harvest\n{SECOND}",
        f"{TITLES[0]}\n\nMarch 21, 2025 – The council meets.\n{FIRST}\nMarch 22, 2025 – It rains.\n{SECOND}",
        f"{TITLES[0]}\n\nFrom: the mayor\nTo: the council\n{FIRST}\nSubject: the bridge\n{SECOND}",
        f"{TITLES[0]}\n\n{FIRST}\n\nThe letter is document 3 of 25, and document 4 of 25 is lost.\n\n{SECOND}",
        f"{TITLES[0]}\n\n3 of 25\n\n{FIRST}\n\n7 of 25\n\n{SECOND}",
        f"{TITLES[0]}\n\nIN THE MORNING\n\n{FIRST}\n\nBY NIGHT\n\n{SECOND}",
    ],
)
def test_one_article(text: str) -> None:
    (article,) = articles_of(text)
    assert article.title in (TITLES[0], "Five things on one day")
    assert set(FIRST.split("\n\n")[1::2]) <= set(quotes(article)) or "Document" in text or "***" in text


def test_records_are_taken_as_they_are() -> None:
    (article,) = split_articles(Source("/n/a.jsonl", CLASSIC, line=1, title="Both"))
    assert article.title == "Both"


@pytest.mark.parametrize("unit", ["From: a\n", "1. a\n", "-----\n"])
def test_time_grows_with_the_length(unit: str) -> None:
    """In the square of the length, these would take longer than a test may."""
    (article,) = articles_of(unit * 40_000)
    mark_boilerplate(article)
