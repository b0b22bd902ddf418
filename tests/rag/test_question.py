from __future__ import annotations

import pytest

from index.errors import QuestionError
from rag.kinds import answer_spans, asks_whether, kinds_of
from rag.question import MAX_CHARACTERS, read_question


@pytest.mark.parametrize(
    ("question", "kinds"),
    [
        ("who said so?", ("person",)),
        ("How long was the call?", ("duration",)),
        ("How many nations?", ("amount",)),
        ("When and where is the summit?", ("date", "place")),
        ("In which city is it?", ("place",)),
        ("How old is he?", ("age",)),
        ("What did Rutte warn against?", ()),
        ("Why are they alarmed?", ("reason",)),
        ("What is a fairer NATO?", ()),
    ],
)
def test_kinds(question, kinds):
    assert kinds_of(question) == kinds


@pytest.mark.parametrize(
    ("question", "whether"),
    [
        ("Did Putin agree?", True),
        ("The call lasted 90 minutes. Did Putin agree?", True),
        ("And was it long?", True),
        ("After the call, did Putin agree?", True),
        ("When they met, did Putin agree?", True),
        ("Did Putin say what he wants?", True),
        ("Was it Tom or Sam?", False),
        ("The ferry, which the captain called safe, was stopped off the coast of which state?", False),
        ("The captain, aged 52, was found after how many years?", False),
        ("Which bank, known for its tower, will close this week?", False),
        ("The mayor, who is 52, was born where?", False),
    ],
)
def test_whether_yes_or_no_would_answer(question, whether):
    assert asks_whether(question) == whether


@pytest.mark.parametrize(
    ("sentence", "kind", "words"),
    [
        ("But during a 90-minute call on Tuesday, Putin spoke.", "duration", ["90-minute"]),
        ("Britain expects more than 30 nations to contribute.", "amount", ["30"]),
        ("It rose 5.5 million or 3%.", "amount", ["5.5 million", "3%"]),
        ("In Warsaw, Poland, on March 26, 2025.", "date", ["March 26, 2025"]),
        ("The summit is next month, on Jan. 6.", "date", ["next month", "Jan. 6"]),
        ("A 45-year-old man was there.", "age", ["45-year-old"]),
        ("Ingrid Dahl, 52, was there.", "age", ["52"]),
        ("It took twenty-five years.", "duration", ["twenty-five years"]),
        ("He met Keir Starmer there.", "person", ["Keir Starmer"]),
        ("They will meet in The Hague.", "place", ["The Hague"]),
        ("Nobody knows.", "amount", []),
    ],
)
def test_answer_spans(sentence, kind, words):
    assert [sentence[start:end] for start, end in answer_spans(sentence, kind, frozenset())] == words


def test_what_the_question_names_is_no_answer():
    known = frozenset(read_question("Who told Putin?").terms)
    assert answer_spans("It was Putin.", "person", known) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        ("?!…", "no letter"),
        ("x" * 10_000, "10,000 characters"),
        ("what\x00 did he say", r"U\+0000"),
        ("what \x1b[31m did he say", r"U\+001B"),
        ("what \ud800 did he say", r"U\+D800"),
    ],
)
def test_what_is_no_question(text, message):
    with pytest.raises(QuestionError, match=message) as caught:
        read_question(text)
    assert "\n" not in str(caught.value)
    assert str(MAX_CHARACTERS)[0] in str(caught.value) or "expected" in str(caught.value)


def test_names_and_pairs():
    question = read_question("How long was the call between Putin and Trump?")
    assert question.names == {"putin", "trump"}
    assert ("call", "putin") in question.pairs


def test_white_space_is_folded_and_nothing_else():
    assert read_question("  what did\nPutin  demand? ").text == "what did Putin demand?"
