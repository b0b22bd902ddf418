"""The evaluation questions over the seed articles name sentences that stand in the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = [
    json.loads(line)
    for line in (ROOT / "tests/data/seed_questions.jsonl").read_text(encoding="utf-8").splitlines()
    if line.strip()
]
SEED_TEXT = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "seeds").glob("*.txt")))
REQUIRED = (
    "what did Putin demand?",
    "How long was the call between Putin and Trump?",
    "What did Rutte warn against?",
    "How many nations does Britain expect to contribute?",
    "When and where is the NATO summit?",
    "Who won the World Cup?",
)


@pytest.mark.parametrize("entry", QUESTIONS, ids=lambda entry: entry["question"])
def test_every_sentence_stands_verbatim_in_the_file(entry: dict[str, Any]) -> None:
    assert set(entry) <= {"question", "answers", "all"}
    assert entry["question"].strip() == entry["question"] != ""
    assert len(set(entry["answers"])) == len(entry["answers"])
    assert set(entry.get("all", [])) <= set(entry["answers"])
    for sentence in entry["answers"]:
        assert sentence in SEED_TEXT
        assert sentence.strip() == sentence != ""
        assert "\n" not in sentence


def test_every_sentence_is_one_as_the_index_cuts_it() -> None:
    from index.articles import read_file
    from index.prepare import prepare
    from index.types import Source

    cut = {
        source.text[sentence.start : sentence.end]
        for path in (ROOT / "seeds").glob("*.txt")
        for source in read_file(path)
        if isinstance(source, Source)
        for prepared in prepare(source)
        for passage in prepared.passages
        for sentence in passage.sentences
    }
    listed = {sentence for entry in QUESTIONS for sentence in entry["answers"]}
    assert listed <= cut


def test_there_are_enough_questions_of_either_kind() -> None:
    answerable = [entry for entry in QUESTIONS if entry["answers"]]
    assert len(answerable) >= 36
    assert len(QUESTIONS) - len(answerable) >= 16
    assert len({entry["question"].casefold() for entry in QUESTIONS}) == len(QUESTIONS)


def test_the_questions_that_must_be_there_are_there() -> None:
    by_question = {entry["question"]: entry for entry in QUESTIONS}
    assert set(REQUIRED) <= set(by_question)
    assert len(by_question["what did Putin demand?"]["all"]) == 3
    assert by_question["Who won the World Cup?"]["answers"] == []
    (summit,) = by_question["When and where is the NATO summit?"]["answers"]
    assert "the alliance's June summit in The Hague" in summit


def test_both_articles_are_asked_about() -> None:
    second = SEED_TEXT.index("‘This Is Not the Time to Go It Alone,’")
    places = [SEED_TEXT.index(sentence) for entry in QUESTIONS for sentence in entry["answers"]]
    assert sum(place < second for place in places) >= 15
    assert sum(place > second for place in places) >= 15
