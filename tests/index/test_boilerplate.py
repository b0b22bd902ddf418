"""Which lines are marked, and which are not: a false mark hides a sentence."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.boilerplate import Rules, mark_boilerplate
from index.captions import is_caption
from index.headlines import headline_like
from index.lines import fold_line
from index.split import split_articles
from index.types import Source
from index.widgets import is_widget

PROSE = "The council of the town met again on Monday to discuss the plan for the bridge, officials said."


def marks(text: str, title: str | None = None) -> list[tuple[str, str]]:
    (article,) = split_articles(Source(path="/n/a", text=text, title=title))
    return [(mark.kind, mark.span.of(text)) for mark in mark_boilerplate(article)]


@pytest.mark.parametrize(
    "line",
    [
        "Read more",
        "READ MORE:",
        "Advertisement",
        "ADVERTISEMENT",
        "Share this article",
        "Share",
        "Comments",
        "12 comments",
        "Sign up for our newsletter",
        "Sign up for our free newsletter to get the news in your inbox",
        "Click here to subscribe.",
        "We use cookies to improve your experience.",
        "By continuing you agree to our use of cookies.",
        "© 2023 Cable News Network. All rights reserved.",
        "Copyright 2021 The Associated Press. All rights reserved.",
        "More:The 50 best shows to watch right now",
        "Related: What to know about the bridge",
        "Story continues below",
        "Follow Jane Doe on Twitter: @janedoe",
        "Contributing: The Associated Press",
        "The Associated Press",
        "USA TODAY",
        "CNN —",
        "New York CNN Business —",
        "By Jane Doe",
        "By JANE DOE and John van Dyke, The Associated Press",
        "Contact Jane Doe at jane@example.com.",
        "Prices were accurate at the time this article was published.",
        "What's everyone talking about? Sign up for our trending newsletter to get the latest news of the day",
        "Purchases you make through our links may earn us a commission.",
        "Support local journalism. Subscribe to example.com today.",
        "Privacy Policy",
        "Skip to main content",
        "WATCH: The minister speaks",
        "Load more...",
        "On the road:Jane Doe begins the last dates of her tour",
        "GRINER IS FREE:Star released in a swap of prisoners",
        "'I needed a break':The actor on his year away",
        "Millennials are about to turn 40:Time for a checkup",
        "Graphic: A look at the damage",
        "Video Ad Feedback The minister speaks 01:54 - Source: CNN",
        "'It was bad': Reporter talks to voters 05:54 - Source: CNN",
        "This story has been updated with additional developments.",
        "Editor’s Note: A version of this story was first published in June 2020.",
        "– CNN’s Jane Doe, John van Dyke and A. B. Smith contributed to this report.",
        "Doe reported from Lima, Peru. AP writer John Dyke in Washington, D.C., contributed to this report.",
        "AP soccer: https://apnews.com/hub/soccer",
        "Jane Doe is a reporter of the News. Reach her at jane@example.com or 555-284-8065.",
        "Subscribe to the Week Get the facts behind the news. SUBSCRIBE & SAVE From our briefing to a letter. Sign up",
    ],
)
def test_widgets(line: str) -> None:
    assert is_widget(line)


@pytest.mark.parametrize(
    "line",
    [
        "Read more slowly, she told the class.",
        "Share prices fell on Monday.",
        "Cookies were baked for the guests.",
        "More than 10,000 people subscribe to the newsletter.",
        "People can sign up for the vaccine at any pharmacy.",
        "By Friday, the army had left.",
        "By then it was over.",
        "Like many people on Twitter, he was angry.",
        "He told CNN.",
        "The Associated Press reported the news first.",
        "We will share the details with parliament.",
        "Copyright law protects songs.",
        "Follow the money, he said.",
        "Get out of the house now!",
        "No.",
        "OK",
        "Print is dead.",
        "Related cases were found in Spain.",
        "“Sign up for our newsletter,” the sign said, and nobody did.",
        "The company may earn a billion dollars this year.",
        "Contact with the ship was lost at 9 a.m.",
        "Comments were few.",
        "The train left at 9:30 and came at noon.",
        "Wilmington:A fish that can weigh 100 pounds was caught in the river on Monday, officials said.",
        "He named one reason:money.",
        "The rain has contributed to the loss of the harvest.",
        "Many in the town contributed to the new field.",
        "The source: a letter of 20:15.",
        "The police told him to stop. Follow him, she said.",
        "She said the address was http://example.com, and hung up.",
        "Jane Doe and John van Dyke",
    ],
)
def test_prose_is_no_widget(line: str) -> None:
    assert not is_widget(line)
    assert not is_caption(line)
    assert marks(f"{PROSE}\n{line}", "A title") == []


@pytest.mark.parametrize(
    "line",
    [
        "The minister speaks in Warsaw, Poland, on March 26, 2025. (AFP)",
        "The minister. JANE DOE / POOL/AFP",
        "A view. (Jane Doe/Reuters)",
        "A view of the city. [Jane Doe/AFP]",
        "Tea leaves in Sri Lanka. Jane Doe/Getty Images",
        "A view. (AP Photo/Jane Doe)",
        "The trophy. Jane Doe via AP",
        "A view. Photo: Jane Doe",
        "The boy. Courtesy Jane Doe",
        "The moon in July. NASA/JPL-Caltech/SwRI",
        "A view of the hall. Getty Images",
        "A view. (Photo by Jane Doe)",
    ],
)
def test_captions(line: str) -> None:
    assert is_caption(line)


@pytest.mark.parametrize(
    "line",
    [
        "He works for the Associated Press (AP).",
        "He spoke to Reuters.",
        "Jane Doe, “The Show” (BBC America)",
        "Artists sue Getty Images",
        "The law (see the photo) was passed.",
        "She was named by the AP",
        "They met (in Warsaw).",
        "The score was 5/4.",
    ],
)
def test_no_captions(line: str) -> None:
    assert not is_caption(line)


def test_the_title_wherever_it_stands() -> None:
    text = f"“Bridge”  Is Closed\n{PROSE}\n'bridge' is closed\nThe bridge is closed."
    assert marks(text, "'Bridge' is closed") == [
        ("headline", "“Bridge”  Is Closed"),
        ("headline", "'bridge' is closed"),
    ]
    assert marks(f"Bridge Is Closed\n{PROSE}", "Bridge is closed | The News") == [("headline", "Bridge Is Closed")]


def test_a_title_of_first_words_hides_nothing() -> None:
    assert marks("It rained.\nIt rained.") == []
    assert marks("Only a headline stands here") == []


def test_repeats_point_to_the_first() -> None:
    text = f"{PROSE}\nNo.\nA hall. (AFP)\nNo.\n{PROSE}\nA hall. (AFP)\n{PROSE}"
    (article,) = split_articles(Source(path="/n/a", text=text, title="A title"))
    found = mark_boilerplate(article)
    assert [mark.kind for mark in found] == ["repeat"] * 3
    for mark in found:
        assert mark.original is not None
        assert mark.original.of(text) == mark.span.of(text)
        assert mark.original.start == text.index(mark.span.of(text)) < mark.span.start


def test_names_above_the_prose_are_bylines() -> None:
    assert marks(f"Jane Doe, John van Dyke and A.B. Smith\nThe News Journal\n{PROSE}\nJane Doe", "A title") == [
        ("widget", "Jane Doe, John van Dyke and A.B. Smith"),
        ("widget", "The News Journal"),
    ]
    assert marks("Jane Doe\nJohn van Dyke", "A title") == []


def test_without_rules_nothing_is_marked() -> None:
    (article,) = split_articles(
        Source(path="/n/a", text=f"A bridge is built\nMore\n{PROSE}\n{PROSE}", title="A bridge is built")
    )
    assert len(mark_boilerplate(article)) == 3
    assert mark_boilerplate(article, rules=Rules(document=False)) == ()


def test_counters_near_the_head_or_beside_a_number() -> None:
    assert marks(f"TT\n20\n{PROSE}\nOK\n{PROSE[4:]}\nFB\n1.2K", "A title") == [
        ("widget", "TT"),
        ("widget", "20"),
        ("widget", "FB"),
        ("widget", "1.2K"),
    ]


def test_headline_like() -> None:
    assert headline_like("Town Votes on New Bridge")
    assert headline_like("Will the Bridge Be Built?")
    for line in (
        PROSE,
        "Monday",
        "1. Ukraine war goes on",
        "– Jane Doe of the News",
        "in small letters here",
        "A view of it (AFP)",
    ):
        assert not headline_like(line)


@given(st.text())
def test_folding_is_stable(line: str) -> None:
    assert fold_line(line) == fold_line(line.strip()) == " ".join(fold_line(line).split())


@pytest.mark.parametrize(
    "unit",
    [
        "By ",
        "By A",
        "A, ",
        "(",
        "[/",
        "sign up ",
        ".sign up:",
        "A/",
        "@",
        "\u2014 A ",
        "a.",
        "A b:",
        "A contributed ",
        "A. ",
        "Jane Doe, ",
        "editor's note ",
    ],
)
def test_no_line_takes_long(unit: str) -> None:
    for length in (500, 100_000):
        line = (unit * length)[:length]
        start = process_time()
        is_widget(line), is_caption(line), headline_like(line)
        assert process_time() - start < 2
