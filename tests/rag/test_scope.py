"""Questions that are limited to some sources, days or articles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from index.build import build_index
from index.errors import ArticlesError
from index.scope import Scope
from rag import pipeline
from rag.cli import app
from rag.engine import Engine
from rag.pipeline import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FERRY = "The ferry to Lindesnes ran aground on Monday, and all {} passengers were brought ashore by lifeboats."
REST = "Its captain said that the fog had come within minutes and that nobody was hurt."
FILLER = "The market of town {0} opened late, since the square was flooded {0} times this year by the river."
QUESTION = "How many passengers of the ferry were brought ashore?"


def record(url: str, published: str | None, *sentences: str) -> str:
    return json.dumps({"url": url, "title": "News", "published": published, "text": "\n\n".join(sentences) + "\n"})


@pytest.fixture(scope="module")
def lines() -> str:
    """A report of a ferry, an exact copy and one with another figure, among 150 other articles of the first outlet."""
    return "\n".join(
        [
            record("https://www.first.example/ferry", "May 1, 2024", FERRY.format(212), REST),
            record("https://second.example/ferry", "2024-05-02", FERRY.format(212), REST),
            record("https://third.example/ferry", "2024-05-03", FERRY.format(215), REST),
            record("https://fourth.example/market", None, FILLER.format("Foss")),
            *(record(f"https://first.example/{each}", "2024-05-04", FILLER.format(each)) for each in range(150)),
        ]
    )


@pytest.fixture
def engine(lines: str, tmp_path: Path, tiny_encoder, tiny_reader) -> Iterator[Engine]:
    (tmp_path / "news.jsonl").write_text(lines + "\n", "utf-8")
    build_index([tmp_path / "news.jsonl"], tmp_path / "index", encoder=tiny_encoder)
    with Engine.open(tmp_path / "index", encoder=tiny_encoder, reader=tiny_reader) as engine:
        yield engine


def outlets(answer) -> set[str]:
    """Who is cited, at all the places that an answer names."""
    citations = (*answer.citations, *answer.related)
    return {place.source.split("/")[2] for each in citations for place in (each, *each.also_in)}


def test_a_copy_inside_the_scope_is_cited_though_its_group_is_led_from_outside(engine: Engine) -> None:
    everywhere = engine.ask(QUESTION, min_confidence=0.0)
    assert {"www.first.example", "second.example"} <= outlets(everywhere)
    second = engine.ask(QUESTION, min_confidence=0.0, scope=Scope(frozenset({"second.example"})))
    assert outlets(second) == {"second.example"}
    assert second.citations[0].quote == FERRY.format(212)
    third = engine.ask(QUESTION, min_confidence=0.0, scope=Scope(since="2024-05-03", until="2024-05-03"))
    assert outlets(third) == {"third.example"}
    assert third.citations[0].quote == FERRY.format(215)
    view = engine.article(third.citations[0].article_id)
    assert view.text[third.citations[0].start : third.citations[0].end] == third.citations[0].quote


def test_the_scope_is_searched_and_not_what_was_found_before(engine: Engine) -> None:
    # Of 154 articles this one is the last for the question; it is all that there is in its scope.
    answer = engine.ask(QUESTION, min_confidence=0.0, scope=Scope(frozenset({"fourth.example"})))
    assert outlets(answer) == {"fourth.example"}
    both = engine.ask(QUESTION, min_confidence=0.0, scope=Scope(frozenset({"fourth.example", "second.example"})))
    assert outlets(both) == {"fourth.example", "second.example"}
    assert both.citations[0].quote == FERRY.format(212)


def test_chosen_articles(engine: Engine) -> None:
    (chosen,) = (each.article.id for each in engine.articles(search="third.example").articles)
    answer = engine.ask(QUESTION, min_confidence=0.0, scope=Scope(articles=frozenset({chosen})))
    assert outlets(answer) == {"third.example"}


def test_no_limit_is_no_scope(engine: Engine) -> None:
    assert engine.ask(QUESTION, scope=Scope()) == engine.ask(QUESTION)


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        (Scope(frozenset({"thrid.example"})), "did you mean third.example?"),
        (Scope(since="2025-01-01"), "since 2025-01-01"),
        (Scope(frozenset({"fourth.example"}), until="2030-01-01"), "from fourth.example, until 2030-01-01"),
        (Scope(frozenset({"zzz"})), "it holds articles from first.example, "),
    ],
)
def test_a_scope_in_which_nothing_lies_is_said(engine: Engine, scope: Scope, said: str) -> None:
    with pytest.raises(ArticlesError, match="no article of the index lies in what was asked for") as caught:
        engine.ask(QUESTION, scope=scope)
    assert said in str(caught.value)


def test_from_python_and_from_the_command_line(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "open_engine", lambda *_, **__: engine)
    pipeline._kept_engine.cache_clear()
    try:
        answer = ask(QUESTION, min_confidence=0.0, sources=["second.example"], since="2024-05-02", until="2024-05-02")
        assert outlets(answer) == {"second.example"}
        assert outlets(ask(QUESTION, min_confidence=0.0, sources="third.example")) == {"third.example"}
        with pytest.raises(ValueError, match="since must be a day"):
            ask(QUESTION, since="May")
    finally:
        pipeline._kept_engine.cache_clear()

    def run(*options: str):
        return CliRunner().invoke(app, ["ask", QUESTION, "--json", "--min-confidence", "0", *options])

    shown = json.loads(run("--source", "second.example", "--source", "fourth.example", "--until", "2024-06-01").stdout)
    assert {each["source"] for each in shown["citations"] + shown["related"]} == {"https://second.example/ferry"}
    wrong = run("--since", "1 May")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "since must be a day such as 2023-05-01" in wrong.stderr
    nothing = run("--source", "nowhere.example")
    assert (nothing.exit_code, nothing.stdout) == (3, "")
    assert "no article of the index" in nothing.stderr
