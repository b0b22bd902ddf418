"""Collections of every size: what may be in them, what must not, and that a seed decides."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import ArticlesError, EvaluationError
from rag.engine import Engine
from rag.evaluation.collection_sources import read_articles, squad_collection_source
from rag.evaluation.collections import (
    ArticleText,
    RememberingEncoder,
    build_collection,
    draw_collections,
    look_up,
    near_articles,
)
from rag.evaluation.questions import EvaluationQuestion, Part

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TinyEncoder

TOWNS = ("Lund", "Malmö", "Oslo", "Bergen", "Turku", "Espoo")


def article(number: int, text: str, title: str = "News") -> ArticleText:
    return ArticleText(f"https://example.org/{number}", title, text)


def question(number: int, answers: tuple[str, ...], sources: tuple[int, ...]) -> EvaluationQuestion:
    named = tuple(f"https://example.org/{each}" for each in sources)
    return EvaluationQuestion(str(number), f"Where is bridge {number}?", answers, named)


World = tuple[list[EvaluationQuestion], list[ArticleText], list[list[int]], int]


def world_of(chance: random.Random) -> World:
    """Questions whose answers stand in many articles, a few of which are known to answer, and a size."""
    total = chance.randint(1, 30)
    held = [chance.sample(TOWNS, chance.randint(0, 2)) for _ in range(total)]
    articles = [article(number, f"It is about {' and '.join(own)}.") for number, own in enumerate(held)]
    questions, near = [], []
    for number in range(chance.randint(1, 8)):
        answers = tuple(chance.sample(TOWNS, chance.randint(0, 2)))
        sources = chance.sample(range(total), min(total, chance.randint(0, 3)))
        questions.append(question(number, answers, tuple(sources)))
        near.append(chance.sample(range(total), chance.randint(0, total)))
    return questions, articles, near, chance.randint(1, total + 2)


# Made of one number: drawn piece by piece they take longer to make than to try.
worlds = st.integers(0, 2**32).map(random.Random).map(world_of)


def holds(each: ArticleText, answers: tuple[str, ...]) -> bool:
    return any(answer in each.text for answer in answers)


@given(worlds, st.integers(0, 3))
def test_what_is_in_a_collection_and_what_is_not(world: World, seed: int) -> None:
    questions, articles, near, size = world
    drawn = draw_collections(questions, articles, size, near=near, seed=seed)
    times = {number: [0, 0] for number in range(len(questions))}
    for collection in drawn:
        assert len(set(collection.articles)) == len(collection.articles) == min(size, len(articles))
        assert collection.size == len(collection.articles)
        assert collection.asked
        inside = set(collection.articles) - set(collection.left_out)
        for number, is_known in collection.asked:
            asked = questions[number]
            times[number][is_known] += 1
            sources = {each for each in range(len(articles)) if articles[each].url in asked.sources}
            answering = {each for each in sources if holds(articles[each], asked.answers)}
            if is_known:
                assert inside & answering
            elif asked.answers:
                assert not inside & sources
            if size < len(articles):
                assert not [each for each in inside - sources if holds(articles[each], asked.answers)]
    for number, (without, with_one) in times.items():
        assert with_one <= bool(questions[number].answers)
        assert without <= 1


@given(worlds)
def test_the_seed_decides(world: World) -> None:
    questions, articles, near, size = world
    first, again = (draw_collections(questions, articles, size, near=near, seed=7) for _ in range(2))
    assert first == again


def plain(count: int = 60) -> tuple[list[EvaluationQuestion], list[ArticleText], list[list[int]]]:
    """20 questions, answered by the article of the same number, each with an article of its own near it."""
    articles = [article(number, f"Bridge {number} is in town{number}.") for number in range(count)]
    questions = [question(number, (f"town{number}",), (number,)) for number in range(20)]
    return questions, articles, [[number + 20] for number in range(20)]


@pytest.mark.parametrize("size", [1, 2, 5, 10, 30, 60, 100])
def test_each_question_is_asked_once_with_and_once_without(size: int) -> None:
    questions, articles, near = plain()
    drawn = draw_collections(questions, articles, size, near=near, seed=1)
    asked = [pair for each in drawn for pair in each.asked]
    assert sorted(asked) == [(number, known) for number in range(20) for known in (False, True)]


def test_another_seed_draws_others() -> None:
    questions, articles, near = plain()
    assert draw_collections(questions, articles, 5, near=near, seed=1) != draw_collections(
        questions, articles, 5, near=near, seed=2
    )


def test_a_collection_of_one_is_the_source_and_without_it_the_nearest() -> None:
    questions, articles, near = plain()
    drawn = draw_collections(questions, articles, 1, near=near, seed=1)
    found = {pair: each.articles for each in drawn for pair in each.asked}
    assert all(found[number, True] == (number,) and found[number, False] == (number + 20,) for number in range(20))


@pytest.mark.parametrize("known", [True, False])
def test_near_articles_are_drawn_for_each_question(known: bool) -> None:
    questions, articles, near = plain()
    drawn = draw_collections(questions, articles, 10, near=near, seed=1)
    shared = [each for each in drawn if any(pair[1] is known for pair in each.asked)]
    assert any(len(each.asked) == 3 for each in shared)
    assert all(number + 20 in each.articles for each in shared for number, _ in each.asked)


def test_an_article_that_several_questions_share_makes_one_collection() -> None:
    articles = [article(0, "The bridge in Lund cost 12 million."), article(1, "It rained."), article(2, "It snowed.")]
    questions = [question(0, ("Lund",), (0,)), question(1, ("12 million",), (0,))]
    drawn = draw_collections(questions, articles, 2, near=[[], []], seed=1)
    assert [each.asked for each in drawn if 0 in each.articles] == [((0, True), (1, True))]


def test_all_articles_are_asked_once_and_without_each_source() -> None:
    questions, articles, near = plain()
    whole, *others = draw_collections(questions, articles, 60, near=near, seed=1)
    assert (whole.left_out, len(whole.asked)) == ((), 20)
    assert sorted((each.left_out, each.asked) for each in others) == [
        ((number,), ((number, False),)) for number in range(20)
    ]


def test_one_source_answers_in_a_small_collection_and_all_in_a_large_one() -> None:
    articles = [article(number, "In Lund." if number in (3, 5) else "Rain.") for number in range(1_200)]
    asked = [question(0, ("Lund",), (7, 5, 3))]
    small, _ = draw_collections(asked, articles, 1, near=[[]], seed=1)
    large, _ = draw_collections(asked, articles, 1_000, near=[[]], seed=1)
    assert small.articles == (5,)
    assert {3, 5} <= set(large.articles)


def test_what_has_no_answer_is_asked_once_and_a_trap_with_its_article() -> None:
    articles = [article(number, f"Rain {number}.") for number in range(8)]
    questions = [question(0, (), ()), question(1, (), (4,))]
    drawn = draw_collections(questions, articles, 2, near=[[1], [2]], seed=1)
    found = {pair: each.articles for each in drawn for pair in each.asked}
    assert set(found) == {(0, False), (1, False)}
    assert 4 in found[1, False]
    assert 1 in found[0, False]


def test_a_question_whose_answer_stands_in_no_source_is_not_asked() -> None:
    articles = [article(0, "In Lund."), article(1, "Rain.")]
    asked = [question(0, ("Oslo",), (0,))]
    assert look_up(asked, articles).usable(asked) == []
    assert draw_collections(asked, articles, 1, near=[[]], seed=1) == []


def test_an_answer_is_held_as_whole_words_and_folded() -> None:
    articles = [article(0, "It lasted 90 Minutes."), article(1, "190 minutes"), article(2, "Rain", "90-minutes call")]
    known = look_up([question(0, ("90 minutes",), (0, 1))], articles)
    assert known.holding == (frozenset({0, 2}),)
    assert (known.sources, known.answering) == (((0, 1),), ((0,),))


@pytest.mark.parametrize(("size", "near"), [(0, [[]]), (1, [])])
def test_what_cannot_be_drawn_is_refused(size: int, near: list[list[int]]) -> None:
    with pytest.raises(ValueError, match=r"at least 1, found 0|each of the 1 questions, found 0"):
        draw_collections([question(0, (), ())], [article(0, "Rain.")], size, near=near, seed=1)


def test_near_articles_are_found_by_their_words_and_hold_no_answer() -> None:
    articles = [
        article(0, "The bridge is in Lund."),
        article(1, "A bridge was sold to Lund."),
        article(2, "A bridge fell, and then another bridge."),
        article(3, "It rained."),
    ]
    asked = [EvaluationQuestion("0", "Where is the bridge?", ("Lund",), ("https://example.org/0",))]
    assert near_articles(asked, articles, look_up(asked, articles)) == [[2]]


def test_a_collection_is_an_index_of_its_articles(tmp_path: Path, tiny_encoder: TinyEncoder) -> None:
    texts = ["The new bridge in Lund opened on Monday after years.", "The old ferry to Oslo was sold for scrap."]
    encoder = RememberingEncoder(tiny_encoder)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        index = build_collection([article(at, each) for at, each in enumerate(texts)], tmp_path / name, encoder)
    embedded = [each for each in tiny_encoder.encoded if "bridge" in each]
    assert len(embedded) == 1, "what was embedded for one collection is not embedded for the next"
    with Engine.open(index, encoder=encoder, reader="none") as engine:
        answer = engine.ask("When did the bridge open?", min_confidence=0.0)
        assert (answer.citations[0].quote, answer.citations[0].source) == (texts[0], "https://example.org/0")
        assert engine.info().articles == 2


def test_a_collection_without_a_sentence_is_an_error(tmp_path: Path, tiny_encoder: TinyEncoder) -> None:
    with pytest.raises(ArticlesError):
        build_collection([article(0, "-")], tmp_path, tiny_encoder)


def test_remembered_vectors_are_those_of_the_encoder(tiny_encoder: TinyEncoder) -> None:
    encoder = RememberingEncoder(tiny_encoder)
    texts = ["a bridge", "some rain", "a bridge"]
    done: list[int] = []
    assert encoder.identity == tiny_encoder.identity
    for _ in range(2):
        np.testing.assert_array_equal(encoder.encode(texts, progress=done.append), tiny_encoder.encode(texts))
    assert done[-1] == 3
    assert encoder.encode([]).shape == (0, 64)
    assert tiny_encoder.encoded.count("some rain") == 3, "twice by the test, and once by what remembers"


def test_articles_are_read_and_bad_lines_named(tmp_path: Path) -> None:
    path = tmp_path / "articles.jsonl"
    path.write_text(json.dumps({"url": "u", "title": None, "text": "Rain."}) + '\n{"text": " "}\n', "utf-8")
    assert read_articles(path) == [ArticleText("u", "", "Rain.")]
    path.write_text('{"url": 3, "text": "Rain."}\n{"title": "x"}\n', "utf-8")
    with pytest.raises(EvaluationError, match=r"2 bad lines.*:1: field url is no text.*:2: field text is missing"):
        read_articles(path)
    path.write_text("\n", "utf-8")
    with pytest.raises(EvaluationError, match="holds no article"):
        read_articles(path)


def test_paragraphs_of_a_squad_file_are_articles(tmp_path: Path) -> None:
    def asked(name: str, *answers: str) -> dict[str, object]:
        return {"id": name, "question": f"What {name}?", "answers": [{"text": each} for each in answers]}

    path = tmp_path / "squad.json"
    paragraphs = [
        {"context": "It is in Lund.", "qas": [asked("a", "Lund"), asked("b")]},
        {"context": "It is in Oslo.", "qas": [asked("c", "Oslo"), asked("d", "-"), asked("\u0007", "Oslo")]},
    ]
    path.write_text(json.dumps({"data": [{"title": "Old_bridge", "paragraphs": paragraphs}]}), "utf-8")
    articles, questions = squad_collection_source(path)
    assert [(each.title, each.text) for each in articles] == [
        ("Old bridge", "It is in Lund."),
        ("Old bridge", "It is in Oslo."),
    ]
    urls = [articles[number].url for number in (0, 0, 1)]
    assert [(each.id, each.answers, each.sources) for each in questions] == [
        ("a", ("Lund",), (urls[0],)),
        ("b", (), (urls[1],)),
        ("c", ("Oslo",), (urls[2],)),
    ]
    kept = squad_collection_source(path, part=Part(0.0, 0.6))
    assert kept == (articles, [each for each in questions if each.fraction < 0.6])
    assert 0 < len(kept[1]) < 3
