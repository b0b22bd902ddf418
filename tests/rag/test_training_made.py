"""Questions made of an index's own articles: names, statements with a word out, properties, and their passages."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from index.build import build_index
from rag.engine import Engine
from rag.training.made import Made, made_questions, properties, retrieve_for_made, statements
from rag.training.names import Names, names_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rag.training.examples import Labelled

TOLD = [
    "The airline Nordair said on Monday that it will buy 40 planes for $2 billion.",
    "Last week the airline Nordair cut fares in Lund.",
    "In Oslo the airline Nordair is liked.",
    "The mayor met singer Eva Holm in Lund.",
    "Nobody knew singer Eva Holm in Oslo.",
    "They say that singer Eva Holm will leave Lund.",
    "On stage Eva Holm’s husband, Nils Berg, sang.",
    "Then Eva Holm, 54, left Oslo.",
]


def test_names_and_what_stands_before_them() -> None:
    found = [
        (name.text, name.kind) for name in names_in("The rapper Eve met former President Joe Biden’s aide in Rome.")
    ]
    assert found == [("Eve", "rapper"), ("Joe Biden", "president"), ("Rome", "")]


def test_the_place_of_a_name_is_that_of_its_words() -> None:
    for text in ("French Prime Minister Anna Lind’s plan", "The Bank of England rose, and U.S. Senator Al Ek fell."):
        for name in names_in(text):
            assert text[name.start : name.end] == name.text


@pytest.mark.parametrize("text", ["It rained on Monday.", "BREAKING NEWS TODAY", "in March it rained", ""])
def test_what_is_no_name(text: str) -> None:
    assert list(names_in(text)) == []


def test_a_collection_says_what_its_names_are() -> None:
    names = Names(TOLD)
    assert "Eva Holm" in names
    assert "Nils Berg" not in names, "it stands there once only"
    assert (names.kind("Nordair"), names.kind("Eva Holm"), names.kind("Lund")) == ("airline", "singer", "")
    assert names.common()[0] in {"Eva Holm", "Lund", "Oslo"}


def test_a_statement_is_asked_for_its_names_and_numbers() -> None:
    names = Names(TOLD)
    text = "The airline Nordair said on Monday that it will buy 40 planes from a maker in Lund for $2 billion."
    made = [each for seed in range(60) for each in statements(text, names, random.Random(seed))]
    answers = {each.answers[0] for each in made}
    assert answers == {"Nordair", "40", "$2 billion"}, "of Lund it is not known what it is"
    for each in made:
        assert each.statement == text
        assert each.question.endswith("?")
        assert each.answers[0].lower() not in each.question.lower()
        assert "Monday" not in each.question
    opened = {each.answers[0]: each.question.lower() for each in made}
    assert "airline" in opened["Nordair"]
    assert "how many planes" in opened["40"]
    assert "how much" in opened["$2 billion"]


@pytest.mark.parametrize("text", ["Too short.", "Is it the airline Nordair that will buy all of those planes?"])
def test_a_sentence_that_nothing_is_made_of(text: str) -> None:
    assert list(statements(text, Names(TOLD), random.Random(1))) == []


def test_properties_that_are_given_and_others() -> None:
    made = list(properties(TOLD, Names(TOLD), random.Random(1)))
    given = {each.question: each.answers for each in made if each.answers}
    assert sorted(given.values()) == [("54",), ("Nils Berg",)]
    assert all("Eva Holm" in question for question in given)
    others = [each for each in made if not each.answers]
    assert others
    assert all(each.cue is not None and each.subject for each in made)
    assert not {each.question for each in others} & set(given)


@pytest.fixture
def engine(tmp_path: Path, tiny_encoder: Any) -> Iterator[Engine]:
    told = {
        "one": "Nordair will close its base in Lund in May, the airline said.\n",
        "two": "The airline Nordair will buy 40 planes for its base in Oslo.\n",
        "three": "A bank will close its base in Lund.\n",
        "four": "Singer Eva Holm, 54, has a house in Lund.\n",
        "five": "Singer Eva Holm sang in Oslo.\n",
        "six": "Nordair has 12 planes.\n",
    }
    (tmp_path / "articles").mkdir()
    for name, text in told.items():
        (tmp_path / "articles" / f"{name}.txt").write_text(text, "utf-8")
    build_index([tmp_path / "articles"], tmp_path / "index", encoder=tiny_encoder)
    with Engine.open(tmp_path / "index", encoder=tiny_encoder, reader="none") as opened:
        yield opened


def said(engine: Engine, made: Made) -> dict[str, Labelled]:
    """What is known of each passage, by its text; nothing is left to chance but what no article answers."""
    return {
        " ".join(each.passage.sentences): each
        for found in retrieve_for_made(engine, [made], random.Random(1))
        for each in found.passages
    }


def test_a_statement_is_answered_where_others_say_so(engine: Engine) -> None:
    statement = "Budget airline Nordair announced the end of flights from Lund."
    found = said(engine, Made("Which airline will close its base in Lund?", ("Nordair",), statement=statement))
    right = {text for text, each in found.items() if each.answered}
    wrong = {text for text, each in found.items() if not each.answered}
    assert right == {"Nordair will close its base in Lund in May, the airline said."}
    assert "A bank will close its base in Lund." in wrong
    assert "Nordair has 12 planes." not in right | wrong, "the name, and little of the question: nobody knows"
    (labelled,) = (each for each in found.values() if each.answered)
    ((number, start, end),) = labelled.spans
    assert labelled.passage.sentences[number][start:end] == "Nordair"


def test_a_copy_of_the_statement_teaches_nothing(engine: Engine) -> None:
    statement = "Nordair will close its base in Lund in May, the airline said."
    found = said(engine, Made("Which airline will close its base in Lund?", ("Nordair",), statement=statement))
    assert statement not in found


def test_a_property_that_is_given_and_where_it_is_not(engine: Engine) -> None:
    given = [each for each in properties(TOLD, Names(TOLD), random.Random(1)) if each.answers == ("54",)]
    found = said(engine, given[0])
    assert {text: each.answered for text, each in found.items()} == {
        "Singer Eva Holm, 54, has a house in Lund.": True,
        "Singer Eva Holm sang in Oslo.": False,
    }, "passages without the name are too easy"


def test_a_property_that_nobody_gives(engine: Engine) -> None:
    other = next(each for each in properties(TOLD, Names(TOLD), random.Random(1)) if each.answers == ("54",))
    found = said(engine, Made(other.question, (), subject=other.subject, cue=other.cue))
    assert {text: each.answered for text, each in found.items()} == {"Singer Eva Holm sang in Oslo.": False}


def test_questions_are_made_of_a_whole_index_and_always_the_same(engine: Engine) -> None:
    made = made_questions(engine, random.Random(3), count=50)
    assert made == made_questions(engine, random.Random(3), count=50)
    assert len({each.question for each in made}) == len(made)
