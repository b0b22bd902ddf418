"""`citewell evaluate sizes`: what is asked of which collection, what is kept of it, and how it is told."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner

import index.encoder
import rag.evaluation.sizes
import rag.reader_models
from index.errors import EvaluationError
from rag.evaluation.cli import app as evaluate_app
from rag.evaluation.collections import ArticleText, Collection, build_collection, look_up
from rag.evaluation.outcomes import Outcome, RankedSentence
from rag.evaluation.questions import EvaluationQuestion
from rag.evaluation.sizes import Asking, SizeOutcome, SizesRun, ask_all, key_of, plan, shared
from rag.evaluation.sizes_report import sizes_html, sizes_text
from rag.evaluation.sizes_saved import Unfinished, read_run, saved_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

    from tests.conftest import TinyEncoder, TinyReader

app = typer.Typer()
app.add_typer(evaluate_app, name="evaluate")

TOWNS = ("Lund", "Oslo", "Bergen", "Turku", "Espoo", "Vaasa")
WHEN = ("at last", "in deep snow", "again", "again", "again", "again")
ARTICLES = [
    ArticleText(
        f"https://example.org/{town}", f"The bridge of {town}", f"The mayor opened the bridge of {town} {when}."
    )
    for town, when in zip(TOWNS, WHEN, strict=True)
]
QUESTIONS = [
    EvaluationQuestion("lund", "Where did the mayor open the old bridge?", ("Lund",), ("https://example.org/Lund",)),
    EvaluationQuestion(
        "oslo", "Which bridge did the mayor open in deep snow?", ("Oslo",), ("https://example.org/Oslo",)
    ),
    EvaluationQuestion("none", "Who won the election in France?"),
    EvaluationQuestion("trap", "Who paid for the bridge of Turku?", (), ("https://example.org/Turku",)),
]


@pytest.fixture
def asking(tiny_encoder: TinyEncoder, tiny_reader: TinyReader) -> Iterator[Asking]:
    known = look_up(QUESTIONS, ARTICLES)
    with Asking(QUESTIONS, ARTICLES, known, tiny_encoder, tiny_reader, min_confidence=0.5) as opened:
        yield opened


def outcome(
    name: str, confidence: float, *, right: bool = False, size: int = 1, kind: str = "with", threshold: float = 0.5
) -> SizeOutcome:
    first = RankedSentence("In Lund.", right, False, None, 0.5, "T", "u", None, "u:1")
    answers = ("Lund",) if kind == "with" else ()
    values = (confidence, confidence >= threshold, (first,), 1, int(right), 0.0, 0.0, 0.1)
    return SizeOutcome(size, kind, Outcome(name, f"{name}?", answers, None, *values, {"read": 0.1}))


def test_the_plan_goes_from_one_article_to_all_and_asks_no_size_twice() -> None:
    drawn = plan(QUESTIONS, ARTICLES, [None, 100, 2, 1], near=[[]] * 4, known=look_up(QUESTIONS, ARTICLES), seed=1)
    asked = Counter((each.size, *pair) for each in drawn for pair in each.asked)
    assert [each.size for each in drawn] == sorted(each.size for each in drawn)
    kinds = [(0, True), (0, False), (1, True), (1, False), (2, False), (3, False)]
    assert asked == Counter((size, *pair) for size in (1, 2, 6) for pair in kinds)
    assert len({key_of(each) for each in drawn}) == len(drawn)


def test_a_collection_is_asked_and_judged(asking: Asking) -> None:
    found = asking(Collection(2, (0, 3), ((0, True), (1, False), (2, False), (3, False))))
    assert [(each.size, each.kind, each.outcome.id) for each in found] == [
        (2, "with", "lund"),
        (2, "without", "oslo"),
        (2, "without", "none"),
        (2, "trap", "trap"),
    ]
    first, *others = (each.outcome for each in found)
    assert (first.answers, first.ranked[0].source) == (("Lund",), "https://example.org/Lund")
    assert first.right
    assert not any(each.answerable or each.right for each in others)
    assert all(len(each.outcome.ranked) == 1 for each in found)
    assert all(0 < each.outcome.confidence < 1 for each in found)


@pytest.mark.parametrize("given", [False, True])
def test_what_is_left_out_is_not_found(
    given: bool, tmp_path: Path, tiny_encoder: TinyEncoder, tiny_reader: TinyReader
) -> None:
    index = build_collection(ARTICLES, tmp_path, tiny_encoder) if given else None
    tiny_encoder.encoded.clear()
    everything = tuple(range(6))
    known = look_up(QUESTIONS, ARTICLES)
    with Asking(QUESTIONS, ARTICLES, known, tiny_encoder, tiny_reader, index=index, min_confidence=0.5) as ask:
        (whole,) = ask(Collection(6, everything, ((1, True),)))
        (without,) = ask(Collection(6, everything, ((1, False),), (1,)))
        (nothing,) = ask(Collection(6, everything, ((1, False),), everything))
    assert whole.outcome.right
    assert without.outcome.ranked[0].source != "https://example.org/Oslo"
    assert (nothing.outcome.confidence, nothing.outcome.ranked) == (0.0, ())
    assert sum("Vaasa" in each for each in tiny_encoder.encoded) == (0 if given else 1), "one index serves all three"


def test_an_index_of_other_articles_is_refused(
    tmp_path: Path, tiny_encoder: TinyEncoder, tiny_reader: TinyReader
) -> None:
    index = build_collection(ARTICLES[3:], tmp_path, tiny_encoder)
    known = look_up(QUESTIONS, ARTICLES)
    with (
        Asking(QUESTIONS, ARTICLES, known, tiny_encoder, tiny_reader, index=index, min_confidence=0.5) as ask,
        pytest.raises(EvaluationError, match=r"lacks 2 of the 3 articles that answer, such as https://ex"),
    ):
        ask(Collection(6, tuple(range(6)), ((0, True),)))


def test_articles_without_a_sentence_answer_nothing(tiny_encoder: TinyEncoder, tiny_reader: TinyReader) -> None:
    articles = [ArticleText("https://example.org/0", "", "-"), *ARTICLES]
    known = look_up(QUESTIONS, articles)
    with Asking(QUESTIONS, articles, known, tiny_encoder, tiny_reader, min_confidence=0.0) as ask:
        (empty,) = ask(Collection(1, (0,), ((0, False),)))
        (found,) = ask(Collection(1, (1,), ((0, True),)))
    assert (empty.outcome.confidence, empty.outcome.answered) == (0.0, False)
    assert found.outcome.answered


def test_what_is_done_is_not_asked_again() -> None:
    collections = [Collection(1, (number,), ((number, True),)) for number in range(3)]
    asked: list[Collection] = []
    kept: dict[str, Any] = {}
    steps: list[tuple[int, int]] = []

    def ask(collection: Collection) -> list[SizeOutcome]:
        asked.append(collection)
        return [outcome(f"new {collection.articles[0]}", 0.5)]

    done = {key_of(collections[1]): [outcome("old", 0.5)]}
    found = ask_all(collections, ask, done=done, keep=kept.__setitem__, progress=lambda *each: steps.append(each))
    assert [each.outcome.id for each in found] == ["new 0", "old", "new 2"]
    assert asked == [collections[0], collections[2]]
    assert list(kept) == [key_of(collections[0]), key_of(collections[2])]
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_figures_of_each_size_and_kind() -> None:
    run = SizesRun(
        (
            outcome("a", 0.8, right=True),
            outcome("b", 0.6),
            outcome("c", 0.4, right=True),
            outcome("a", 0.7, kind="without"),
            outcome("b", 0.1, kind="without"),
            outcome("a", 1.0, right=True, size=10),
        ),
        0.5,
    )
    rows = {(row["size"], row["asked"]): row for row in run.figures()}
    assert list(rows) == [(1, "with"), (1, "without"), (1, "together"), (10, "with"), (10, "together")]
    own = rows[1, "with"]
    assert (own["questions"], own["answered_share"], own["accuracy_answered"]) == (3, pytest.approx(2 / 3), 0.5)
    assert own["auroc"] == 0.5
    assert own["calibration_error"] == pytest.approx((0.2 + 0.6 + 0.6) / 3)
    without = rows[1, "without"]
    assert (without["answered_share"], without["accuracy_answered"], without["auroc"]) == (0.5, None, None)
    assert without["calibration_error"] == pytest.approx(0.4)
    assert rows[1, "together"]["answered_without"] == 0.5
    assert rows[10, "together"]["answered_without"] is None


def test_runs_are_compared_on_what_both_were_asked() -> None:
    new = SizesRun((outcome("a", 0.9), outcome("b", 0.9), outcome("a", 0.9, size=2)), 0.5)
    old = SizesRun((outcome("b", 0.2), outcome("a", 0.2, kind="without"), outcome("a", 0.2, size=2)), 0.5)
    now, before = shared(new, old)
    assert [(each.size, each.outcome.id) for each in now.outcomes] == [(1, "b"), (2, "a")]
    assert [(each.size, each.outcome.id) for each in before.outcomes] == [(1, "b"), (2, "a")]
    with pytest.raises(EvaluationError, match="share no question"):
        shared(new, SizesRun((outcome("z", 0.2),), 0.5))


def test_an_unfinished_run_is_gone_on_with(tmp_path: Path) -> None:
    save = tmp_path / "run.json"
    first = Unfinished(save, {"seed": 1, "date": "today"})
    first.add("a", [outcome("a\u2028", 0.9)])
    first.add("b", [outcome("b", 0.9)])
    whole = first.path.read_bytes()
    for cut in (len(whole) - 1, whole.rfind(b"\n", 0, -1) + 1, whole.rfind(b"\n", 0, -1) + 5):
        first.path.write_bytes(whole[:cut])
        again = Unfinished(save, {"seed": 1, "date": "tomorrow"})
        assert again.done == {"a": [outcome("a\u2028", 0.9)]}
        again.add("b", [outcome("b", 0.9)])
        assert Unfinished(save, {"seed": 1}).done == {"a": [outcome("a\u2028", 0.9)], "b": [outcome("b", 0.9)]}
    first.path.write_bytes(whole[:5])
    assert Unfinished(save, {"seed": 1}).done == {}
    first.remove()
    assert not first.path.exists()


def test_another_run_is_neither_gone_on_with_nor_written_over(tmp_path: Path) -> None:
    save = tmp_path / "run.json"
    unfinished = Unfinished(save, {"seed": 1, "reader": "x"})
    with pytest.raises(EvaluationError, match=r"\.part holds a run with other settings \(seed: 1 there, 2 now"):
        Unfinished(save, {"seed": 2, "reader": "x"})
    unfinished.path.write_text('{"kind": "x", "version": 1}\n')
    with pytest.raises(EvaluationError, match="is no unfinished run"):
        Unfinished(save, {"seed": 1, "reader": "x"})
    assert saved_run(save, {}) is None
    save.write_text("{}")
    with pytest.raises(EvaluationError, match="is no saved run"):
        saved_run(save, {})
    with pytest.raises(EvaluationError, match="cannot be written"):
        Unfinished(tmp_path / "nowhere" / "run.json", {})


def test_a_run_is_told_size_by_size() -> None:
    outcomes = (outcome("a", 0.8, right=True), outcome("a", 0.3, kind="without"), outcome("a", 0.9, size=6))
    run = SizesRun(outcomes, 0.5, {"article_count": 6, "questions": "q&a.jsonl"})
    figures: dict[str, Any] = {"sizes": run.figures(), "threshold": 0.5, "settings": run.settings}
    lines = sizes_text(figures).splitlines()
    assert lines[1].split() == ["1", "with", "1", "100.0%", "100.0%", "0.200", "–", "80.0%"]
    assert lines[2].split() == ["without", "1", "0.0%", "–", "0.300", "–", "30.0%"]
    assert lines[4].split()[:3] == ["all", "6", "with"]
    old = SizesRun((outcome("a", 0.6, right=True),), 0.5, run.settings)
    figures["sizes_before"] = old.figures()
    compared = sizes_text(figures)
    assert "0.200 (−0.200)" in compared
    assert max(map(len, compared.splitlines())) < 160
    page = sizes_html(run, figures)
    assert page.count("<svg") == 2
    assert all(f'id="size-{size}-title"' in page for size in (1, 6))
    assert "0.200 (−0.200)" in page
    assert "q&amp;a.jsonl" in page
    assert "q&a.jsonl" not in page


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    questions, articles = tmp_path / "questions.jsonl", tmp_path / "articles.jsonl.gz"
    lines = [
        {"id": each.id, "question": each.question, "answers": list(each.answers), "sources": list(each.sources)}
        for each in QUESTIONS
    ]
    questions.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    rows = [{"url": each.url, "title": each.title, "text": each.text} for each in ARTICLES]
    articles.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    return questions, articles


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch, tiny_encoder: TinyEncoder, tiny_reader: TinyReader) -> None:
    """The small models for whatever is named."""
    monkeypatch.setattr(index.encoder, "load_encoder", lambda name: tiny_encoder)
    monkeypatch.setattr(rag.reader_models, "load_reader", lambda name: tiny_reader)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["evaluate", "sizes", *map(str, arguments)])


@pytest.mark.usefixtures("models")
def test_the_command_from_files_to_figures(files: tuple[Path, Path], tmp_path: Path) -> None:
    questions, articles = files
    save, report = tmp_path / "run.json", tmp_path / "report.html"
    arguments = (questions, "--articles", articles, "--sizes", "1,2,all", "--save", save)
    result = run(*arguments, "--json", "--report", report)
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert [(row["size"], row["asked"], row["questions"]) for row in figures["sizes"]] == [
        (size, kind, count)
        for size in (1, 2, 6)
        for kind, count in (("with", 2), ("without", 3), ("trap", 1), ("together", 6))
    ]
    assert figures["settings"]["article_count"] == 6
    assert report.read_text("utf-8").count("<svg") == 3
    assert not save.with_name("run.json.part").exists()
    assert [row for row in read_run(save).figures() if row["size"] == 2] == [
        row for row in figures["sizes"] if row["size"] == 2
    ]
    again = run(*arguments, "--compare", save)
    assert "holds this run already" in again.stderr
    assert "(0)" in again.stdout
    refused = run(*arguments, "--limit", "1")
    assert isinstance(refused.exception, EvaluationError)
    assert "limit: None there, 1 now" in str(refused.exception)


@pytest.mark.usefixtures("models")
def test_an_interrupted_command_goes_on(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions, articles = files
    arguments = (questions, "--articles", articles, "--sizes", "1,2", "--save", tmp_path / "run.json")
    plain = json.loads(run(*arguments[:-2], "--json").stdout)
    ask, built = Asking.__call__, list[Collection]()

    def interrupted(self: Asking, collection: Collection) -> list[SizeOutcome]:
        if len(built) == 3:
            raise KeyboardInterrupt
        built.append(collection)
        return ask(self, collection)

    monkeypatch.setattr(rag.evaluation.sizes.Asking, "__call__", interrupted)
    stopped = run(*arguments)
    assert stopped.exit_code != 0
    assert "the same command goes on with it" in stopped.stderr
    assert len((tmp_path / "run.json.part").read_text().splitlines()) == 1 + 3

    def counted(self: Asking, collection: Collection) -> list[SizeOutcome]:
        assert collection not in built[:3]
        return ask(self, collection)

    monkeypatch.setattr(rag.evaluation.sizes.Asking, "__call__", counted)
    assert json.loads(run(*arguments, "--json").stdout)["sizes"] == plain["sizes"]


@pytest.mark.usefixtures("models")
def test_a_squad_file_is_asked_over_its_paragraphs(tmp_path: Path) -> None:
    paragraphs = [
        {"context": each.text, "qas": [{"id": town, "question": "Which bridge?", "answers": [{"text": town}]}]}
        for each, town in zip(ARTICLES, TOWNS, strict=True)
    ]
    paragraphs[0]["qas"].append({"id": "trap", "question": "Who paid for it?", "answers": [], "is_impossible": True})
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"data": [{"title": "Bridges", "paragraphs": paragraphs}]}), "utf-8")
    figures = json.loads(run(path, "--sizes", "1,3", "--json").stdout)
    assert [(row["size"], row["asked"], row["questions"]) for row in figures["sizes"]] == [
        (size, kind, count)
        for size in (1, 3)
        for kind, count in (("with", 6), ("without", 6), ("trap", 1), ("together", 13))
    ]


@pytest.mark.parametrize("sizes", ["", "0", "1,,2", "1,some", "-1", "1.5"])
def test_sizes_that_are_none_are_refused(sizes: str, files: tuple[Path, Path]) -> None:
    result = run(files[0], "--articles", files[1], "--sizes", sizes)
    assert result.exit_code == 2
    assert "expected numbers of articles" in " ".join(result.output.replace("│", " ").split())


@pytest.mark.usefixtures("models")
def test_what_cannot_be_asked_is_said(files: tuple[Path, Path], tmp_path: Path) -> None:
    questions, articles = files
    with_hint = run(questions)
    assert "name the articles with --articles" in str(with_hint.exception)
    stray = {"question": "Where is it?", "answer": "Lund", "sources": ["https://example.org/elsewhere"]}
    path = tmp_path / "stray.jsonl"
    path.write_text(json.dumps(stray), "utf-8")
    assert "none of the 1 questions can be asked" in str(run(path, "--articles", articles).exception)
    path.write_text(f"{json.dumps(stray)}\n{questions.read_text('utf-8')}", "utf-8")
    assert "1 of 5 questions are left out" in run(path, "--articles", articles, "--sizes", "1").stderr
