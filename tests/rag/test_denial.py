"""What a sentence denies is not marked as its answer, unless the question asks for it."""

from __future__ import annotations

import pytest

from rag.denial import affirmed_span, asks_denied, is_denied
from rag.reader import SpanReading


def denied(text: str, marked: str) -> bool:
    start = text.index(marked)
    return is_denied(text, start, start + len(marked))


@pytest.mark.parametrize(
    ("text", "no", "yes"),
    [
        ("The union denied that it had asked for 12 percent more; it wants 7 percent.", "12 percent", "7 percent"),
        ("It wants not 12 percent more but 7 percent.", "12 percent", "7 percent"),
        ("The police denied that 40 people had died and said that 12 had.", "40", "12"),
        ("Prices rose by 3 percent rather than the 5 percent that was expected.", "5 percent", "3 percent"),
        ("Instead of 5 percent, as was expected, prices rose by 3 percent.", "5 percent", "3 percent"),
        ("They did not ask for 12 percent, they want 7.", "12 percent", "7."),
        ("They didn't ask for 12 percent, they want 7.", "12 percent", "7."),
        ("They did not, he said, ask for 12 percent, they want 7.", "12 percent", "7."),
        ("The mayor rejected reports that the city owes $40 million, and put it at $12 million.", "$40", "$12"),
        ("Anna Berg is no longer captain of the team; Ines Lund took over.", "Anna Berg", "Ines Lund"),
        ("She has never won in Lund, she won in Malmö.", "Lund", "Malmö"),
        ("Berg won ahead of Lotte Fries, who did not win a race this winter.", "Lotte Fries", "Berg"),
        ("Norway signed the treaty, but Denmark did not sign it.", "Denmark", "Norway"),
        ("The figure of 12 is wrong, and 7 is what was meant.", "12", "7"),
        ("There is no evidence that Voss shot him: Lund did.", "Voss", "Lund"),
        ("It did not sink in 1912 but in 1914.", "1912", "1914"),
    ],
)
def test_one_is_denied_and_another_is_not(text: str, no: str, yes: str) -> None:
    assert denied(text, no)
    assert not denied(text, yes)


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("It was won not only by Anna Berg.", "Anna Berg"),
        ("No fewer than 40 people died.", "40"),
        ("She did not deny that 40 people had died.", "40"),
        ("He denied that he had never won in Lund.", "Lund"),
        ("The war did not end until 1918.", "1918"),
        ("It could not open because of the flood in Lund.", "the flood"),
        ("He was denied entry to Lund.", "Lund"),
        ("He pleaded not guilty to 34 counts.", "34"),
        ("Berg, who did not win in May, won in June.", "Berg"),
        ("Berg did not win until 2019.", "Berg"),
        ("They could not contain themselves when Rihanna came.", "Rihanna"),
        ("Whether or not Lund joins is open.", "Lund"),
        ("She noted the knot in Lund.", "Lund"),
    ],
)
def test_what_looks_like_a_denial_and_is_none(text: str, marked: str) -> None:
    assert not denied(text, marked)


def test_a_denial_holds_for_some_words_only() -> None:
    words = " ".join(f"w{number}" for number in range(20))
    assert denied(f"They did not see {words} Lund.", "w5")
    assert not denied(f"They did not see {words} Lund.", "Lund")


def test_what_a_question_denies() -> None:
    for question in (
        "Who has not won a race?",
        "Which town never had a station?",
        "What did he deny?",
        "Who didn't go?",
    ):
        assert asks_denied(question)
    for question in ("Who won a race?", "Which state rejected it?", "What is a knot?", "Who sang Without You?"):
        assert not asks_denied(question)


def spans(text: str, *marked: str, step: float = 3.0) -> list[SpanReading]:
    """Readings of these words, each less likely than the one before."""
    places = [text.index(each) for each in marked]
    return [
        SpanReading(start, start + len(each), 9.0 - step * at)
        for at, (start, each) in enumerate(zip(places, marked, strict=True))
    ]


def chosen(text: str, question: str, *marked: str, step: float = 3.0) -> str:
    found = affirmed_span(text, spans(text, *marked, step=step), question)
    return text[found.start : found.end]


STRIKE = "The union denied that it had asked for 12 percent more; it wants 7 percent, its leader Harald Voss said."
RACE = "Anna Berg won the downhill, ahead of Lotte Fries, who did not win a race this winter."


def test_the_affirmed_value_is_chosen_and_the_denied_one_on_request() -> None:
    marked = ("12 percent more", "Harald Voss", "7 percent")
    assert chosen(STRIKE, "What did the dockers ask for?", *marked) == "7 percent"
    assert chosen(STRIKE, "What did the union deny?", *marked) == "12 percent more"
    assert chosen(STRIKE, "What did the union deny?", *reversed(marked), step=2.0) == "12 percent more"
    assert chosen(RACE, "Who has not won a race?", "Anna Berg", "Lotte Fries") == "Lotte Fries"
    assert chosen(RACE, "Who won the downhill?", "Lotte Fries", "Anna Berg") == "Anna Berg"


def test_only_what_is_alike_and_likely_stands_in() -> None:
    assert chosen(STRIKE, "What did they ask for?", "12 percent more", "Harald Voss") == "12 percent more"
    assert chosen(STRIKE, "Who spoke?", "Harald Voss", "7 percent") == "Harald Voss"
    colours = "The bridge is no longer green; it was painted red."
    assert chosen(colours, "What colour is it?", "green", "red", step=5.0) == "red"
    assert chosen(colours, "What colour is it?", "green", "red", step=9.0) == "green"
    assert chosen(RACE, "Who has not won a race?", "Anna Berg", "Lotte Fries", step=9.0) == "Anna Berg"
    why = "It did not open, as Lund flooded; Malmö did not."
    assert chosen(why, "Why did it not open?", "Lund", "Malmö") == "Lund"
