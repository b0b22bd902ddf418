"""The turns of a conversation: what the engine is given as history, and a reading taken back."""

from __future__ import annotations

import pytest

from index.errors import QuestionError
from rag.types import Answer
from ui.turns import MOST_TURNS, asker, literal_asker, rereader


class Reads:
    """Reads every question that comes with a history as another; notes what it was given."""

    def __init__(self):
        self.calls = []

    def ask(self, question, *, top=5, min_confidence=0.5, history=(), scope=None):
        self.calls.append((question, [each.question for each in history]))
        if question == "bad":
            raise QuestionError("bad indeed")
        return Answer(question, False, 0.1, read_as=f"<b>{question}</b> of old" if history else None)

    def article(self, article_id):
        raise NotImplementedError


@pytest.fixture
def engine():
    return Reads()


def ask(engine, question, turns):
    *_, (_, turns) = asker(engine)(question, turns)
    return turns


def test_the_answers_before_are_the_history(engine):
    turns = []
    for question in ("one", "bad", "two", "three"):
        turns = ask(engine, question, turns)
    assert engine.calls == [("one", []), ("bad", ["one"]), ("two", ["one"]), ("three", ["one", "two"])]
    assert [turn.number for turn in turns] == [0, 1, 2, 3]
    assert "read-as" not in turns[0].markup
    assert "&lt;b&gt;two&lt;/b&gt; of old" in turns[2].markup
    assert 'class="again literal" value="2"' in turns[2].markup


def test_a_reading_is_taken_back(engine):
    turns = ask(engine, "two", ask(engine, "one", []))
    messages, turns = literal_asker(engine)(1, turns)
    assert engine.calls[-1] == ("two", [])
    assert turns[1].answer.read_as is None
    assert "Asked as it stands, not as:" in turns[1].markup
    assert 'class="again reread" value="1"' in turns[1].markup
    assert messages[-1]["content"][0]["text"].startswith(turns[1].markup)


@pytest.mark.parametrize("number", [0, 7, -1, 1.0, "1", None, True, [1], {"number": 1}, float("nan")])
def test_what_is_no_number_of_such_a_turn_changes_nothing(engine, number):
    turns = ask(engine, "two", ask(engine, "one", []))
    before = list(engine.calls)
    markup = [turn.markup for turn in turns]
    for again in (literal_asker, rereader, literal_asker):
        again(engine)(number, turns)
    rereader(engine)(1, turns)  # which was not taken back
    assert engine.calls == before
    assert [turn.markup for turn in turns] == markup


def test_a_reading_is_taken_back_once(engine):
    turns = ask(engine, "two", ask(engine, "one", []))
    for _ in range(3):
        literal_asker(engine)(1, turns)
    assert len(engine.calls) == 3


def test_a_reading_that_was_taken_back_is_taken_again(engine):
    turns = ask(engine, "two", ask(engine, "one", []))
    reading, key = turns[1].answer.read_as, turns[1].key
    for _ in range(3):
        literal_asker(engine)(1, turns)
        for _ in range(2):  # pressed twice
            messages, turns = rereader(engine)(1, turns)
        assert engine.calls[-1] == (reading, [])
        assert (turns[1].answer.question, turns[1].answer.read_as) == ("two", reading)
        assert 'class="again literal" value="1"' in turns[1].markup
        assert messages[-1]["content"][0]["text"].startswith(turns[1].markup)
    assert len(engine.calls) == 8
    assert turns[1].key != key
    # What follows sees the question as it is read now.
    ask(engine, "three", turns)
    assert engine.calls[-1] == ("three", ["one", "two"])


def test_a_question_that_fails_as_it_stands_can_be_read_again(engine):
    turns = ask(engine, "bad", ask(engine, "one", []))
    assert rereader(engine)(1, turns)[1][1].problem == "bad indeed"  # it never had a reading
    turns = ask(engine, "two", turns)
    turns[2].question = "bad"
    literal_asker(engine)(2, turns)
    assert turns[2].problem == "bad indeed"
    assert turns[2].answer is None
    assert 'class="again reread" value="2"' in turns[2].markup
    rereader(engine)(2, turns)
    assert turns[2].problem is None
    assert turns[2].answer.read_as == "<b>two</b> of old"


def test_numbers_stay_when_the_oldest_turns_go(engine):
    turns = []
    for number in range(MOST_TURNS + 3):
        turns = ask(engine, str(number), turns)
    assert [turn.number for turn in turns] == list(range(3, MOST_TURNS + 3))
    literal_asker(engine)(5, turns)
    assert engine.calls[-1] == ("5", [])
