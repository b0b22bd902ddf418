"""Sentences: a table of traps, and what holds for every text."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.boilerplate import mark_boilerplate
from index.lines import line_spans
from index.sentences import MAX_SENTENCE, split_sentences
from index.split import split_articles
from index.types import Article, Sentence, Source, Span


def article_of(text: str, title: str = "A title of its own") -> Article:
    return split_articles(Source(path="/n/a.txt", text=text, line=1, title=title))[0]


def sentences_of(text: str) -> tuple[Article, tuple[Sentence, ...]]:
    article = article_of(text)
    return article, split_sentences(article, mark_boilerplate(article))


def quotes(text: str) -> list[str]:
    article, sentences = sentences_of(text)
    return [sentence.span.of(article.text) for sentence in sentences]


# Each trap: the sentences that are right, a bar between two.
TRAPS = [
    "He met U.S. President Joe Biden on Monday. | They talked for an hour.",
    "She moved to the U.S. in 2010. | She never left.",
    "He was born in the U.S. | He grew up in France.",
    "The U.S. Department of State declined to comment.",
    "Gen. Mark Milley spoke first. | Lt. Col. Ann Smith followed.",
    "Sen. Bernie Sanders, I-Vt., and Rep. Jim Jordan, R-Ohio, disagreed.",
    "Gov. Gavin Newsom signed it. | Mayor Smith did not.",
    "On Jan. 6, 2021, a mob stormed the Capitol. | It was a Wednesday.",
    "It opened on Sept. 11. | Nobody came.",
    "Sales rose by 5.5 million. | Profit fell by 2.1%.",
    "The store opens at 9 a.m. Monday and closes at 5 p.m. on Friday.",
    "It opens at 9 a.m. | Customers wait in line.",
    "It opens at 9 a.m. ET on Tuesday.",
    "It closes at 5 p.m. | The staff go home.",
    "They arrived at 10:30 p.m. Eastern time.",
    '"I am done." | Then he left.',
    "“I am done.” | Then he left.",
    '"We will win," he said. | "We always do."',
    '"Is it over?" he asked. | "No."',
    '"Stop!" she cried. | Nobody did.',
    "He called it “a disgrace.” | The crowd cheered.",
    "“It works,” she said. “But slowly.”".replace(" “But", " | “But"),
    "He said (in 2019) that it was over. | (It was not.) | She agreed.",
    "He left (see below.) and came back.",
    "He thought ... and then he spoke. | She waited.",
    "He paused… then he went on.",
    "It ended there ... | The next day was quiet.",
    "J. K. Rowling and George W. Bush met J.R.R. Tolkien's heirs.",
    "John F. Kennedy was shot in Dallas.",
    "He lives at No. 10 Downing Street. | He likes it.",
    "Was he there? | No. | He was at home.",
    "Yahoo! Inc. said it would sell. | Shares rose.",
    "He worked for Yahoo! in the 1990s. | He left in 2001.",
    "Apple Inc. reported earnings. | Shares of Amazon.com Inc. fell.",
    "He founded Acme Corp. | The company failed.",
    "Johnson & Johnson Co. and Smith Bros. merged.",
    "Dr. Smith and Mrs. Jones met Prof. Lee at St. Mary's Hospital.",
    "Martin Luther King Jr. was born in Atlanta.",
    "Sammy Davis Jr. | He could sing.",
    "It happened in Washington, D.C., on Monday. | It rained.",
    "He lives in Washington, D.C. | His wife lives in Boston.",
    "Augusta, Ga. is hot. | Mobile, Ala., is hotter.",
    "The match ended 3-2. | Real Madrid vs. Barcelona is next.",
    "The price fell to $1.50. | In 2020. it had been $2.".replace(". it", ", it"),
    "Visit example.com for details. | The site is free.",
    "Go to https://example.com/a.b?c=d. | It has more.",
    "It measures 5 ft. 3 in. by 6 ft. | It is heavy.",
    "The Rev. Al Sharpton spoke. | So did Atty. Gen. Merrick Garland.",
    "See p. 12 for the table. | Figures are in Fig. 3.",
    "Approx. 300 people came. | The rest stayed home.",
    "What?! | She left at once.",
    "Wow!!! | What a day.",
    "He chose Plan B. | Then he slept.",
    "It is rich in vitamin C. | The body needs it.",
    "My wife and I. | That is all.",
    "The E.U. and the U.K. agreed. | France did not.",
    "The U.N. Security Council met. | Nothing happened.",
    "The p.m. session was long. | E.g. this sentence.",
    "WARSAW (AFP) - Poland will send troops. | NATO said no.",
    "1. Ukraine fights on",
    "A headline with no full stop",
    "The new iPhone is here. | iPhone sales rose.",
    "He earned a Ph.D. in physics. | He taught at M.I.T. for years.",
    "The ship, H.M.S. Victory, sailed. | It sank.",
    "‘We are ready.’ | She smiled.",
    'He said: "Go home." | They went home.',
    '"It is over," he said. "It is over."'.replace('said. "', 'said. | "'),
    "Mr. Trump Jr. and Ms. Trump met Mr. Kushner.",
    "He works for the F.B.I. | She works for the C.I.A. in Virginia.",
    "The vote was 51-49. | Sens. Manchin and Sinema voted no.",
    "At 6 a.m. the siren sounded. | At 7 a.m. it stopped.",
    "Is that so? | Yes. | It is.",
    "no capitals here. | none at all in this line",
    "He was known as “Mr. Las Vegas” there. | He died.",
    "Donald (D.A.) Henderson has died. | He was 87.",
    "J.D. Vance and C.J. Stroud spoke. | J.K. Rowling did not.",
]
# Known to be wrong, and why: each is an expected failure.
WRONG = {
    "It happened in the U.S. | Critics were not surprised.": "a name follows U.S. as often as a sentence does",
    "He works for the C.I.A. | Officials would not say where.": "initials are taken for those of a name",
    "He left Acme Inc. | Shares fell.": "a noun behind Inc. may be part of the name",
    "She lives on Fifth Ave. | Neighbors like her.": "a name may follow Ave.",
}


@pytest.mark.parametrize(
    "trap",
    [*TRAPS, *(pytest.param(trap, marks=pytest.mark.xfail(reason=why, strict=True)) for trap, why in WRONG.items())],
)
def test_trap(trap: str) -> None:
    right = trap.split(" | ")
    assert quotes(" ".join(right)) == right


NEWS_LIKE = st.text(
    st.sampled_from("aeiou BCT.,!?\"'“”’()[]…-–\n\r\t0159 \u2028\u00a0é") | st.characters(exclude_categories=["Cs"]),
    max_size=400,
)


@settings(deadline=None)
@given(NEWS_LIKE)
def test_spans_of_any_text(text: str) -> None:
    for article in split_articles(Source(path="/n/a.txt", text=text)):
        boilerplate = mark_boilerplate(article)
        sentences = split_sentences(article, boilerplate)
        last = article.extent.start
        for sentence in sentences:
            quote = sentence.span.of(text)
            assert quote == quote.strip()
            assert any(map(str.isalpha, quote))
            assert last <= sentence.span.start
            assert len(quote) <= MAX_SENTENCE
            for copy in sentence.copies:
                assert copy.of(text) == quote
            last = sentence.span.end
        assert last <= article.extent.end
        marked = {mark.span for mark in boilerplate}
        assert all(span not in marked for span in (sentence.span for sentence in sentences))
        for line in line_spans(text, article.extent):
            if line not in marked:
                _check_covered(line, sentences, text)


def _check_covered(line: Span, sentences: tuple[Sentence, ...], text: str) -> None:
    """Every letter of the line is in a sentence; bare links, which are left out, cannot be drawn from this alphabet."""
    covered = {
        i
        for sentence in sentences
        if sentence.span.overlaps(line)
        for i in range(sentence.span.start, sentence.span.end)
    }
    missing = [text[i] for i in range(line.start, line.end) if text[i].isalpha() and i not in covered]
    assert not missing or "www." in line.of(text).lower()


def test_lines_are_never_joined() -> None:
    assert quotes("The minister spoke\nabout it. He left\r\nlate.") == [
        "The minister spoke",
        "about it.",
        "He left",
        "late.",
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_broken_at_a_fixed_width_are_joined(end: str) -> None:
    import textwrap

    paragraphs = [
        " ".join(
            f"The council{'s staff' * (j % 2)} met on day {i}{j} to plan {i * 7}{j}, and none said what {i}{j}0 cost."
            for j in range(5)
        )
        for i in range(4)
    ]
    text = "\n\n".join("\n".join(textwrap.wrap(paragraph, 72)) for paragraph in paragraphs).replace("\n", end)
    found = quotes(text)
    assert len(found) == 20
    assert all(" ".join(quote.split()).startswith("The council") and quote.endswith("cost.") for quote in found)


def test_numbers_and_links_alone_are_left_out() -> None:
    assert quotes("20\n***\nhttps://example.com/a-b\n12.5 %\nSee https://example.com now.") == [
        "See https://example.com now."
    ]


def test_a_caption_is_one_sentence_and_knows_its_copies() -> None:
    text = "It rained. People ran. (AFP)\nThe rest of it.\nIt rained. People ran. (AFP)"
    _, sentences = sentences_of(text)
    assert [(sentence.kind, sentence.paragraph, sentence.span.of(text)) for sentence in sentences] == [
        ("caption", 0, "It rained. People ran. (AFP)"),
        ("prose", 1, "The rest of it."),
    ]
    assert [copy.of(text) for copy in sentences[0].copies] == ["It rained. People ran. (AFP)"]
    assert sentences[0].copies[0].start == 45


def test_repeated_prose_knows_the_copy_of_each_sentence() -> None:
    line = "The minister spoke for an hour. Nobody in the room listened to him."
    text = f"{line}\nThe rest of it.\n{line}"
    _, sentences = sentences_of(text)
    assert [[copy.of(text) for copy in sentence.copies] for sentence in sentences] == [
        ["The minister spoke for an hour."],
        ["Nobody in the room listened to him."],
        [],
    ]


@pytest.mark.parametrize("unit", ["word ", "x", "a. ", ". ", "!", '"', "a,b;", "A.B.", "No. "])
def test_long_lines_are_cut_and_take_no_time(unit: str) -> None:
    text = ("Word " + unit * 60_000)[:60_000]
    start = process_time()
    _, sentences = sentences_of(text)
    assert process_time() - start < 20
    assert all(len(sentence.span) <= MAX_SENTENCE for sentence in sentences)
    assert sum(map(len, (sentence.span for sentence in sentences))) <= len(text)


def test_300_000_line_ends() -> None:
    assert quotes("One line.\n" + "\n" * 300_000 + "Another.") == ["One line.", "Another."]


def test_threads_share_the_tokenizer() -> None:
    texts = [trap.replace(" | ", " ") for trap in TRAPS] * 4
    alone = [quotes(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(quotes, texts)) == alone
