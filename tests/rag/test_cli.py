"""The command line: what it prints where, and how it ends. The engine behind it is a small false one here."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from index.articles import EVERYTHING, Patterns
from index.errors import (
    ArticlesError,
    CitewellError,
    EncoderError,
    EncoderMismatch,
    MissingExtra,
    QuestionError,
    StoreDamaged,
    StoreLocked,
    StoreNotFound,
    StoreVersionMismatch,
)
from index.types import Skipped
from rag import console, display
from rag.cli import app
from rag.formats import answer_as
from rag.index_text import index_report
from rag.types import Answer, Citation, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from index.scope import Scope

ROOT = Path(__file__).resolve().parents[2]
QUOTE = "Britain expects more than 30 nations to contribute to the coalition in some form."


def citation(number: int = 1, quote: str = QUOTE, **changes: Any) -> Citation:
    values: dict[str, Any] = {
        "article_id": "0" * 32,
        "title": "Military Chiefs Gather",
        "source": "/news/a.txt",
        "published": None,
        "start": 10,
        "end": 10 + len(quote),
        "path": "/news/a.txt",
        "line": 12,
        "number": number,
        "quote": quote,
        "score": 0.9,
    }
    return Citation(**{**values, **changes})


def place(**changes: Any) -> Place:
    values: dict[str, Any] = {
        "article_id": "0" * 32,
        "title": "Military Chiefs Gather",
        "source": "/news/a.txt",
        "published": None,
        "start": 0,
        "end": 5,
        "path": "/news/a.txt",
        "line": 40,
    }
    return Place(**{**values, **changes})


def answered(question: str = "How many?", *citations: Citation) -> Answer:
    return Answer(question, True, 0.876, citations or (citation(highlight=(16, 28)),))


def unanswered(question: str = "Who won?") -> Answer:
    return Answer(question, False, 0.031, (), (citation(), citation(2, "Another sentence.")))


INFO = SimpleNamespace(
    articles=2, sentences=31, passages=9, duplicates=3, encoder="all-MiniLM-L6-v2", bytes=1_234_567, path=Path("/i")
)
INFO.to_dict = lambda: {
    "articles": 2,
    "sentences": 31,
    "passages": 9,
    "duplicates": 3,
    "encoder": "all-MiniLM-L6-v2",
    "bytes": 1_234_567,
    "path": "/i",
}


def report(**changes: Any) -> Any:
    values: dict[str, Any] = {
        "files_read": 1,
        "files_unchanged": 0,
        "articles_added": 2,
        "articles_removed": 0,
        "articles_unchanged": 0,
        "sentences_added": 31,
        "passages_added": 9,
        "passages_embedded": 9,
        "duplicates_exact": 3,
        "duplicates_near": 1,
        "articles_copied": 1,
        "stages": {"reading": 0.2, "embedding": 0.25, "storing": 0.01},
        "dry": False,
        "kept": None,
        "boilerplate_lines": 12,
        "skipped": (),
        "missing": (),
        "seconds": 0.5,
        "info": INFO,
    }
    return SimpleNamespace(**{**values, **changes})


class FalseEngine:
    """Answers "How many?"-like questions; the question's own words say how to fail."""

    def __init__(self, calls: list[dict[str, Any]]) -> None:
        self.calls = calls
        self.closed = False

    def __enter__(self) -> FalseEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def ask(
        self,
        question: str,
        *,
        top: int = 5,
        min_confidence: float = 0.5,
        history: Any = (),
        scope: Scope | None = None,
    ) -> Answer:
        call = {"question": question, "top": top, "min_confidence": min_confidence}
        call |= {} if scope is None else {"scope": scope}
        self.calls.append(call | ({"history": [each.question for each in history]} if history else {}))
        if "\x00" in question:
            raise QuestionError("the question holds a control character (U+0000);\nexpected text")
        if question == "break":
            raise ValueError("what\nhappened \x1b[31m")
        if question == "wait":
            raise KeyboardInterrupt
        return unanswered(question) if question.startswith("Who won") else answered(question)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """What was asked of the parts behind the command line, which are replaced."""
    calls: list[dict[str, Any]] = []

    def open_engine(
        index: Any = None, articles: Any = None, *, encoder: Any = None, reader: Any = None, progress: Any = None
    ) -> Any:
        calls.append({"index": index, "articles": articles, "encoder": encoder, "reader": reader})
        return FalseEngine(calls)

    def build_index(
        paths: Any,
        index_dir: Any,
        *,
        encoder: Any = None,
        progress: Any = None,
        prune: Any = False,
        yes_remove: Any = False,
        dry_run: Any = False,
        with_overview: Any = False,
        patterns: Any = EVERYTHING,
        fields: Any = None,
    ) -> Any:
        given = {"paths": paths, "index": index_dir, "encoder": encoder, "prune": prune, "yes_remove": yes_remove}
        given |= {"patterns": patterns} if patterns != EVERYTHING else {}
        given |= {"fields": fields} if fields else {}
        calls.append(given | {"dry_run": dry_run, "with_overview": with_overview})
        return report()

    def read_info(index: Any) -> Any:
        calls.append({"index": index})
        return INFO

    def module(name: str, **contents: Any) -> None:
        made = ModuleType(name)
        vars(made).update(contents)
        monkeypatch.setitem(sys.modules, name, made)

    module("rag.pipeline", open_engine=open_engine, read_info=read_info)
    module("index.build", build_index=build_index)
    module("index.encoder", FAST_ENCODER="the fast one", load_encoder=lambda name: f"<{name}>")
    monkeypatch.setenv("CITEWELL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CITEWELL_INDEX", raising=False)
    monkeypatch.delenv("CITEWELL_DEBUG", raising=False)
    return calls


def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin)


# What is shown of an answer


def test_an_answer_without_a_terminal_has_a_line_for_each_quote_and_location() -> None:
    shown = console.show_answer(answered(), width=None).plain
    assert shown.splitlines() == [
        f"[1] {QUOTE}",
        "    Military Chiefs Gather",
        "    /news/a.txt:12",
        "",
        "Answer: likely (87%)",
    ]


def test_an_answer_is_wrapped_to_a_terminal_and_its_location_is_not() -> None:
    path = "/" + "very-long-name/" * 12 + "a.txt"
    shown = console.show_answer(answered("q", citation(path=path)), width=40).plain.splitlines()
    quote = shown[: shown.index("    Military Chiefs Gather")]
    assert len(quote) > 1
    assert all(len(line) <= 40 for line in quote)
    assert " ".join(line[4:] for line in quote) == QUOTE
    assert f"    {path}:12" in shown


@pytest.mark.parametrize("width", [None, 30])
def test_the_highlight_is_on_its_words(width: int | None) -> None:
    text = console.show_answer(answered(), width=width)
    marked = [text.plain[span.start : span.end] for span in text.spans if "bold yellow" in str(span.style)]
    assert [word for words in marked for word in words.split()] == QUOTE[16:28].split() == ["more", "than", "30"]


def test_outlet_date_and_other_places() -> None:
    url = "https://www.example.com/a/b?c"
    shown = console.show_answer(
        answered(
            "q",
            citation(
                source=url,
                published="2025-03-26",
                also_in=(place(), place(article_id="1" * 32, title="Other", source="/b.txt", path="/b.txt", line=3)),
            ),
        ),
        width=None,
    ).plain
    assert "    Military Chiefs Gather · example.com · 2025-03-26\n" in shown
    assert "    also in /news/a.txt:40\n" in shown
    assert "    also in Other, /b.txt:3\n" in shown


def test_places_on_one_line_of_a_file_are_shown_once() -> None:
    here = place(path="/news.jsonl", line=7, article_id="1" * 32, title="Other")
    more = (here, replace(here, start=9, end=14), replace(here, start=20, end=26, wording="That took long."))
    shown = console.show_answer(answered("q", citation(also_in=more)), width=None, differences=True).plain
    assert shown.count("also in") == 1
    assert "    also in Other, /news.jsonl:7 (3 times)\n" in shown
    assert "there: That took long.\n" in shown


def test_an_unsure_answer_does_not_claim_that_the_articles_are_silent() -> None:
    shown = console.show_answer(replace(unanswered(), confidence=0.46), width=None).plain
    assert shown.startswith("No sentence is a sure answer. Answer: possible (46%)")
    assert "which may answer or not:" in shown


@pytest.mark.parametrize("source", ["http://[", "https://", "://", "C:\\news\\a.txt"])
def test_a_source_that_is_no_url_names_no_outlet(source: str) -> None:
    assert (
        "    Military Chiefs Gather\n" in console.show_answer(answered("q", citation(source=source)), width=None).plain
    )


def test_not_answered_says_so_and_dims_what_is_closest() -> None:
    text = console.show_answer(unanswered(), width=80)
    assert text.plain.startswith(
        "Not in these articles. Answer: unlikely (3%)\n\nThe closest sentences, none of which answers:\n\n[1] "
    )
    assert "[2] Another sentence." in text.plain
    dim = [span for span in text.spans if str(span.style) == "dim"]
    where = text.plain.index("Another")
    assert any(span.start <= where < span.end for span in dim)


def test_not_answered_with_nothing_close() -> None:
    shown = console.show_answer(Answer("q", False, 0.0), width=80).plain
    assert shown == "Not in these articles. Answer: unlikely (0%)\n"


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (1.0, "very likely (100%)"),
        (0.999, "very likely (99%)"),
        (0.9, "very likely (90%)"),
        (0.57, "possible (57%)"),
        (0.5, "possible (50%)"),
        (0.4999, "possible (49%)"),
        (0.25, "possible (25%)"),
        (0.001, "unlikely (<1%)"),
        (0.0, "unlikely (0%)"),
    ],
)
def test_confidence_in_words(probability: float, words: str) -> None:
    assert display.confidence_words(probability) == words


HOSTILE = "a\x1b]0;owned\x07b\x9b31mc\rd\ne\u202ef\u2028g\x00h\x7fi\ud800j [bold]k[/] :smile: [link=http://x]l[/link]"


@pytest.mark.parametrize("width", [None, 40])
@pytest.mark.parametrize("force_terminal", [True, False])
def test_nothing_in_an_article_reaches_the_terminal_as_a_command(width: int | None, force_terminal: bool) -> None:
    from io import StringIO

    hostile = citation(quote=HOSTILE, title=HOSTILE, path=HOSTILE, published=HOSTILE, also_in=(place(path=HOSTILE),))
    for answer in (Answer(HOSTILE, True, 0.9, (hostile,)), Answer(HOSTILE, False, 0.1, (), (hostile,))):
        out = StringIO()
        terminal = Console(file=out, force_terminal=force_terminal, width=200, markup=False, color_system=None)
        console.show(terminal, console.show_answer(answer, width=width, title=True))
        console.show(terminal, console.not_asked(HOSTILE, HOSTILE, width=width))
        shown = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()) if force_terminal else out.getvalue()
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)
        assert "[bold]k[/]" in shown
        assert ":smile:" in shown
        assert "�" in shown


def test_what_is_visible_keeps_every_offset() -> None:
    assert len(display.visible(HOSTILE)) == len(HOSTILE)
    assert display.visible("‘It’s’ — naïve 日本 🙂\u200d") == "‘It’s’ — naïve 日本 🙂\u200d"


def test_json_lines_are_one_line_for_every_reader_and_lose_nothing() -> None:
    for encoding in ("utf-8", "ascii", "cp1252"):
        line = display.json_line({"quote": HOSTILE, "é": 1}, encoding=encoding)
        assert len(line.splitlines()) == 1
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]", line)
        assert json.loads(line) == {"quote": HOSTILE, "é": 1}
        line.encode(encoding)
    assert "é" in display.json_line("é")


# What is shown of an indexing run


def test_the_report_fits_one_screen_and_says_everything() -> None:
    skipped = tuple(
        Skipped(f"/news/{n}.bin", "it is\nno text\x1b[1m", line=7 if n == 0 else None) for n in range(1_000)
    )
    missing = tuple(f"/gone/{n}.txt" for n in range(30))
    shown = index_report(report(skipped=skipped, missing=missing), next_command="citewell ask")
    assert len(shown.splitlines()) < 65
    assert "/news/0.bin:7: it is no text�[1m" in shown
    assert "/news/19.bin: " in shown
    assert "/news/20.bin" not in shown
    assert "and 980 more" in shown
    assert "and 10 more" in shown
    assert "--prune" in shown
    assert "1,000 skipped" in shown
    assert "  1,000 × it is no text�[#m\nsuch as\n" in shown


def test_the_report_of_a_dry_run_says_so() -> None:
    shown = index_report(report(dry=True, missing=("/a",), kept="it is\ntoo much"), next_command="x").splitlines()
    assert shown[0] == "This is a dry run: nothing was written."
    assert "passages   9 added, 9 to be embedded" in shown
    assert "index      /i (would hold 2 articles, 9 passages, 1.2 MB)" in shown
    assert "  it is too much" in shown


def test_the_report_of_the_ordinary_run() -> None:
    assert index_report(report(), next_command='citewell ask "your question"').splitlines() == [
        "articles   2 added, 0 unchanged, 0 removed",
        "files      1 read, 0 unchanged, 0 skipped",
        "sentences  31 added",
        "passages   9 added, 9 embedded",
        "copies     1 article; passages: 3 exact, 1 near",
        "left out   12 boilerplate lines",
        "time       0.5 s, 18 passages/s (reading 0.2 s, 10 articles/s; embedding 0.2 s, 36 passages/s)",
        "index      /i (2 articles, 9 passages, 1.2 MB)",
        "",
        'Next: citewell ask "your question"',
    ]


def test_the_report_of_a_run_that_found_nothing_new() -> None:
    shown = index_report(report(passages_embedded=0, seconds=0.0), next_command="x")
    assert "passages/s" not in shown


# ask


def test_ask(calls: list[dict[str, Any]]) -> None:
    result = run("ask", "How many?")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"[1] {QUOTE}\n")
    assert "\x1b" not in result.stdout
    assert calls == [
        {"index": None, "articles": None, "encoder": None, "reader": None},
        {"question": "How many?", "top": 5, "min_confidence": 0.6},
    ]


def test_ask_passes_its_options_on(calls: list[dict[str, Any]]) -> None:
    options = "--index i --articles a --top 2 --min-confidence 0.25 --encoder e --reader r --json"
    result = run("ask", "Q", *options.split())
    assert result.exit_code == 0
    assert calls == [
        {"index": Path("i"), "articles": Path("a"), "encoder": "e", "reader": "r"},
        {"question": "Q", "top": 2, "min_confidence": 0.25},
    ]


def test_ask_json_is_the_answer_and_nothing_else(calls: list[dict[str, Any]]) -> None:
    result = run("ask", "How many?", "--json")
    assert result.stdout.count("\n") == 1
    assert json.loads(result.stdout) == answered("How many?").to_dict()
    assert json.loads(run("ask", "Who won?", "--json").stdout) == unanswered().to_dict()


def test_ask_in_a_format_to_take_along(calls: list[dict[str, Any]]) -> None:
    for form in ("text", "markdown", "json"):
        result = run("ask", "How many?", "--format", form)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout == answer_as(answered("How many?"), form)
    assert run("ask", "How many?", "--format", "json", "--json").stdout == run("ask", "How many?", "--json").stdout


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_a_file_of_questions_in_a_format_to_take_along(calls: list[dict[str, Any]], form: Any) -> None:
    result = run("ask", "--file", "-", "--format", form, stdin=b"How many?\nbad \x00 one\nWho won?")
    assert (result.exit_code, result.stderr) == (5, "")
    assert "Not asked: " in result.stdout
    assert result.stdout.startswith(answer_as(answered("How many?"), form) + "\n---\n\n")
    assert result.stdout.endswith("\n---\n\n" + answer_as(unanswered(), form))


def test_not_answered_is_no_error(calls: list[dict[str, Any]]) -> None:
    result = run("ask", "Who won?")
    assert result.exit_code == 0
    assert result.stdout.startswith("Not in these articles.")


QUESTIONS = b"\xef\xbb\xbfHow many?\r\n\n  \nWho won \xe2\x80\xa8?\nbad \x00 one\nnot utf-8 \xff\nHow long?"


@pytest.mark.parametrize("from_stdin", [True, False])
def test_a_file_of_questions_as_json(calls: list[dict[str, Any]], tmp_path: Path, from_stdin: bool) -> None:
    file = tmp_path / "questions.txt"
    file.write_bytes(QUESTIONS)
    name, stdin = ("-", QUESTIONS) if from_stdin else (str(file), None)
    result = run("ask", "--file", name, "--json", stdin=stdin)
    assert (result.exit_code, result.stderr) == (5, "")
    first, second, third, fourth, fifth = (json.loads(line) for line in result.stdout.splitlines())
    assert first == answered("How many?").to_dict()
    assert second == unanswered("Who won \u2028?").to_dict()
    assert third == {
        "question": "bad \x00 one",
        "error": "the question holds a control character (U+0000);\nexpected text",
    }
    assert fourth["question"] == "not utf-8 �"
    assert "not UTF-8" in fourth["error"]
    assert fifth == answered("How long?").to_dict()


def test_the_questions_of_a_file_are_independent_unless_they_follow(calls: list[dict[str, Any]]) -> None:
    lines = "How many?\nbad \x00\nWho won?\nHow long?\n"
    assert run("ask", "--file", "-", stdin=lines).exit_code == 5
    assert not any("history" in call for call in calls)
    calls.clear()
    assert run("ask", "--file", "-", "--follow", "--json", stdin=lines).exit_code == 5
    histories = [call.get("history") for call in calls if "question" in call]
    assert histories == [None, ["How many?"], ["How many?"], ["How many?", "Who won?"]]


def test_how_a_question_was_read_is_shown_above_its_answer() -> None:
    read = replace(answered("How \x1b long?"), read_as="How long \x1b[31m was the call?")
    shown = console.show_answer(read, width=None, title=True).plain
    assert "\nRead as: How long \ufffd[31m was the call?\n\n" in shown
    assert "Read as" not in console.show_answer(answered("How long?"), width=None, title=True).plain
    assert read.to_dict()["read_as"] == "How long \x1b[31m was the call?"
    assert answered("How long?").to_dict()["read_as"] is None


def test_a_file_of_questions_as_text(calls: list[dict[str, Any]]) -> None:
    result = run("ask", "--file", "-", stdin=QUESTIONS)
    assert (result.exit_code, result.stderr) == (5, "")
    assert result.stdout.startswith(f"How many?\n\n[1] {QUOTE}\n")
    assert "bad � one\n\nNot asked: the question holds a control character (U+0000); expected text\n" in result.stdout
    assert result.stdout.count("Answer: ") == 3


def test_a_file_of_good_questions_ends_well(calls: list[dict[str, Any]]) -> None:
    assert run("ask", "--file", "-", stdin="How many?\nWho won?\n").exit_code == 0


def test_a_file_in_utf_16(calls: list[dict[str, Any]]) -> None:
    result = run("ask", "--file", "-", "--json", stdin="How many?\r\nWo wächst’s?\r\n".encode("utf-16"))
    assert [json.loads(line)["question"] for line in result.stdout.splitlines()] == ["How many?", "Wo wächst’s?"]


@pytest.mark.parametrize("content", ["", "\n \n\r\n"])
def test_a_file_without_a_question(calls: list[dict[str, Any]], content: str) -> None:
    result = run("ask", "--file", "-", stdin=content)
    assert (result.exit_code, result.stdout) == (5, "")
    assert result.stderr == "citewell: standard input holds no question; expected one a line\n"
    assert calls == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("ask",),
        ("ask", "Q", "--file", "-"),
        ("ask", "--file", "/no/such/file"),
        ("ask", "--file", "/"),
        ("ask", "Q", "extra"),
        ("ask", "Q", "--top", "0"),
        ("ask", "Q", "--top", "some"),
        ("ask", "Q", "--min-confidence", "1.1"),
        ("ask", "Q", "--min-confidence", "-0.1"),
        ("ask", "Q", "--min-confidence", "nan"),
        ("ask", "Q", "--index", "/etc/hostname"),
        ("ask", "Q", "--format", "html"),
        ("ask", "Q", "--format", "text", "--json"),
        ("ask", "Q", "--bogus"),
        ("index",),
        ("bogus",),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_in_2(calls: list[dict[str, Any]], arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage: " in result.stderr
    assert calls == []


# index and info


def test_index(calls: list[dict[str, Any]], tmp_path: Path) -> None:
    result = run("index", "a", "b.txt")
    assert (result.exit_code, result.stderr) == (0, "")
    assert calls == [
        {
            "paths": [Path("a"), Path("b.txt")],
            "index": tmp_path / "home" / "index",
            "encoder": None,
            "prune": False,
            "yes_remove": False,
            "dry_run": False,
            "with_overview": False,
        }
    ]
    assert result.stdout.endswith('Next: citewell ask "your question"\n')


def test_index_passes_its_options_on(calls: list[dict[str, Any]]) -> None:
    result = run("index", "a", "--index", "my index", "--encoder", "e", "--prune", "--yes-remove")
    options = {"encoder": "<e>", "prune": True, "yes_remove": True, "dry_run": False, "with_overview": False}
    assert calls == [{"paths": [Path("a")], "index": Path("my index"), **options}]
    assert result.stdout.endswith("Next: citewell ask \"your question\" --index 'my index' --encoder e\n")


def test_index_passes_on_which_files_and_which_fields(calls: list[dict[str, Any]]) -> None:
    named = ("--include", "*.html", "--include", "*.pdf", "--exclude", "drafts", "--field", "text=body")
    assert run("index", "a", *named).exit_code == 0
    assert calls[0]["patterns"] == Patterns(("*.html", "*.pdf"), ("drafts",))
    assert calls[0]["fields"] == {"text": "body"}
    result = run("index", "a", "--field", "body")
    assert result.exit_code == 2
    assert "expected NAME=FIELD" in result.stderr


@pytest.mark.parametrize(
    ("given", "suffix"),
    [
        (b'{"text": "One."}\n{"text": "Two."}\n', ".jsonl"),
        (b'[{"text": "One."}]', ".json"),
        (b"<!DOCTYPE html><p>One.", ".html"),
        (b'<?xml version="1.0"?>\n<rss version="2.0">', ".xml"),
        (b"%PDF-1.4", ".pdf"),
        (b"Rates rose.", ".txt"),
    ],
)
def test_standard_input_is_kept_and_indexed(
    calls: list[dict[str, Any]], tmp_path: Path, given: bytes, suffix: str
) -> None:
    for _ in range(2):
        assert run("index", "-", stdin=given).exit_code == 0
    (path,) = (tmp_path / "home" / "stdin").iterdir()
    assert [call["paths"] for call in calls] == [[path], [path]]
    assert (path.suffix, path.read_bytes()) == (suffix, given)
    result = run("index", "-", stdin=b"")
    assert result.exit_code != 0
    assert [path] == list((tmp_path / "home" / "stdin").iterdir())


def test_index_fast(calls: list[dict[str, Any]]) -> None:
    assert run("index", "a", "--fast").exit_code == 0
    assert calls[0]["encoder"] == "<the fast one>"
    result = run("index", "a", "--fast", "--encoder", "e")
    assert result.exit_code == 2
    assert "expected either --fast or --encoder" in result.stderr
    assert len(calls) == 1


def test_info(calls: list[dict[str, Any]], tmp_path: Path) -> None:
    result = run("info", "--index", "i")
    assert (result.exit_code, calls) == (0, [{"index": Path("i")}])
    for words in ("articles   2", "sentences  31", "passages   9", "duplicates 3", "all-MiniLM-L6-v2", "1.2 MB"):
        assert words in result.stdout

    assert run("info").exit_code == 0
    assert calls[1] == {"index": tmp_path / "home" / "sample"}


def test_info_json(calls: list[dict[str, Any]]) -> None:
    assert json.loads(run("info", "--json").stdout) == INFO.to_dict()


# How it ends


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (CitewellError, 1),
        (ArticlesError, 3),
        (StoreNotFound, 4),
        (StoreDamaged, 4),
        (StoreVersionMismatch, 4),
        (EncoderMismatch, 4),
        (StoreLocked, 4),
        (QuestionError, 5),
        (EncoderError, 6),
        (MissingExtra, 7),
    ],
)
@pytest.mark.parametrize("arguments", [("ask", "Q"), ("index", "a"), ("info", "--json")], ids=" ".join)
def test_an_error_is_one_line_and_its_exit_code(
    calls: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    kind: type[CitewellError],
    code: int,
    arguments: tuple[str, ...],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise kind("found x\n\x1b[2Jin /a; run `citewell index`")

    for module, name in (
        ("rag.pipeline", "open_engine"),
        ("index.build", "build_index"),
        ("rag.pipeline", "read_info"),
    ):
        monkeypatch.setattr(sys.modules[module], name, fail)
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr == "citewell: found x �[2Jin /a; run `citewell index`\n"


def test_every_exit_code_of_an_error_is_in_the_help() -> None:
    shown = run("--help").stdout
    kinds = [CitewellError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    for code in {kind.exit_code for kind in kinds} | {0, 2, 130, 141}:
        assert re.search(rf"^\s*{code}  \w", shown, flags=re.MULTILINE), code


def test_a_bad_question_is_one_line(calls: list[dict[str, Any]]) -> None:
    result = run("ask", "\x00", "--json")
    assert (result.exit_code, result.stdout) == (5, "")
    assert result.stderr.count("\n") == 1


def test_the_unexpected_is_one_line_with_a_hint(calls: list[dict[str, Any]]) -> None:
    result = run("ask", "break")
    assert (result.exit_code, result.stdout) == (1, "")
    hint = "(citewell --debug, or CITEWELL_DEBUG=1, shows the traceback)"
    assert result.stderr == f"citewell: unexpected ValueError: what happened �[31m {hint}\n"


def test_debug_shows_the_traceback(calls: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Traceback (most recent call last)" in run("--debug", "ask", "break").stderr
    assert "Traceback" not in run("ask", "break").stderr
    monkeypatch.setenv("CITEWELL_DEBUG", "1")
    assert "Traceback (most recent call last)" in run("ask", "break").stderr


def test_interrupted(calls: list[dict[str, Any]]) -> None:
    result = run("ask", "wait")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "citewell: interrupted\n")


def test_version() -> None:
    result = run("--version")
    assert result.exit_code == 0
    assert re.fullmatch(r"citewell \d+\.\d+\.\d+\S*\n", result.stdout)


# In a process of its own

FALSE_PARTS = """
import sys, time, types
sys.path.insert(0, {tests!r})
import importlib.util
spec = importlib.util.spec_from_file_location("false_parts", {file!r})
parts = importlib.util.module_from_spec(spec)
spec.loader.exec_module(parts)

class Engine(parts.FalseEngine):
    def ask(self, question, **options):
        if question == "sleep":
            print("asleep", file=sys.stderr, flush=True)
            time.sleep(60)
        return super().ask(question, **options)

def open_engine(index=None, articles=None, *, encoder=None, reader=None, progress=None):
    if progress is not None:
        for done in range(0, 101, 50):
            progress(types.SimpleNamespace(stage="embed\\x1bding", done=done, total=100))
    return Engine([])

sys.modules["rag.pipeline"] = module = types.ModuleType("rag.pipeline")
module.open_engine = open_engine
from rag.cli import main
main()
"""


def process(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    program = FALSE_PARTS.format(tests=str(Path(__file__).parent), file=str(Path(__file__)))
    environment = {key: value for key, value in os.environ.items() if key not in ("FORCE_COLOR", "CITEWELL_DEBUG")}
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env={**environment, "TERM": "xterm-256color", "COLUMNS": "80", **options.pop("env", {})},
        **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    for options in (["--json"], []):
        with process("ask", "--file", "-", *options) as running:
            assert running.stdin is not None
            assert running.stdout is not None
            assert running.stderr is not None
            running.stdin.write(b"How many?\n" * 5000)
            running.stdin.close()
            assert running.stdout.readline()
            running.stdout.close()
            assert running.stderr.read() == b""
            assert running.wait(timeout=60) == 141


def test_ctrl_c_is_one_line() -> None:
    with process("ask", "sleep") as running:
        assert running.stderr is not None
        assert running.stderr.readline() == b"asleep\n"
        running.send_signal(signal.SIGINT)
        assert running.stderr.read() == b"citewell: interrupted\n"
        assert running.wait(timeout=60) == 130


def test_a_pipe_that_takes_only_ascii_gets_escapes() -> None:
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    with process("ask", "Wo wächst’s?", "--json", env=environment) as running:
        out, error = running.communicate(timeout=60)
    assert (running.returncode, error) == (0, b"")
    assert json.loads(out)["question"] == "Wo wächst’s?"
    with process("ask", "--file", "-", env=environment) as running:
        out, error = running.communicate("Wo wächst’s?\n".encode(), timeout=60)
    assert (running.returncode, error) == (0, b"")
    assert out.startswith(b"Wo w\\xe4chst\\u2019s?\n")


@pytest.fixture
def terminal() -> Iterator[tuple[int, Callable[[], str]]]:
    """A terminal: its end for the process, and a function that reads what was written once the process is done."""
    ours, theirs = pty.openpty()

    def read() -> str:
        seen, until = b"", time.monotonic() + 60
        while select.select([ours], [], [], 0.2)[0] and time.monotonic() < until:
            seen += os.read(ours, 65536)
        return seen.decode()

    yield theirs, read
    os.close(ours)
    os.close(theirs)


def test_a_terminal_gets_colours(terminal: tuple[int, Callable[[], str]]) -> None:
    theirs, read = terminal
    with process("ask", "How many?", stdout=theirs) as running:
        assert running.stderr is not None
        assert running.stderr.read() == b""
        assert running.wait(timeout=60) == 0
    shown = read()
    assert "\x1b[1;33mmore than 30\x1b[0m" in shown
    assert "/news/a.txt:12" in shown


def test_a_terminal_without_colours(terminal: tuple[int, Callable[[], str]]) -> None:
    theirs, read = terminal
    with process("ask", "How many?", stdout=theirs, env={"NO_COLOR": "1"}) as running:
        assert running.wait(timeout=60) == 0
    assert ";33m" not in read()


def test_progress_is_on_the_error_stream_and_goes_away(terminal: tuple[int, Callable[[], str]]) -> None:
    theirs, read = terminal
    with process("ask", "How many?", "--json", stderr=theirs) as running:
        assert running.stdout is not None
        assert json.loads(running.stdout.read()) == answered("How many?").to_dict()
        assert running.wait(timeout=60) == 0
    shown = read()
    assert "embed�ding" in shown
    assert shown.rstrip().endswith("\x1b[2K")  # the last line is cleared


# With everything real


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder that is not the checkout."""
    return tmp_path_factory.mktemp("elsewhere")


def citewell(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    # The data folder is that of the whole test run (`conftest.home`), so that the encoder is exported once; the default
    # index is in this folder, and is not there.
    environment = {**os.environ, "CITEWELL_INDEX": str(folder / "default"), "CITEWELL_DEBUG": "0"}
    return subprocess.run(
        [sys.executable, "-c", "from rag.cli import main; main()", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=240,
        **options,
    )


@pytest.mark.slow
def test_the_first_question_needs_no_preparation(elsewhere: Path) -> None:
    done = citewell(elsewhere, "ask", "what did Putin demand?", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert answer["answered"]
    for cited in answer["citations"]:
        with Path(cited["path"]).open(encoding="utf-8", newline="") as file:
            text = file.read()
        assert text[cited["start"] : cited["end"]] == cited["quote"]
        assert text.count("\n", 0, cited["start"]) + 1 == cited["line"]
    assert "demanded an end to Western military aid" in answer["text"]


@pytest.mark.slow
def test_index_ask_info_from_another_folder(elsewhere: Path) -> None:
    (elsewhere / "my news").mkdir()
    (elsewhere / "my news" / "a.txt").write_text(
        "Bridge Opens in Lund\n\nThe new bridge over the river opened on Monday after four years of work, "
        "the city of Lund said.\n\nIt cost 12 million euros.\n",
        encoding="utf-8",
    )
    (elsewhere / "my news" / "broken.txt").write_bytes(b"\x00\x01\x02" * 400)
    done = citewell(elsewhere, "index", "my news", "--index", "my index")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^articles +1 added, 0 unchanged, 0 removed$", done.stdout, flags=re.MULTILINE)
    assert re.search(r"^  .*broken\.txt: .+$", done.stdout, flags=re.MULTILINE)
    assert "--index 'my index'" in done.stdout

    again = citewell(elsewhere, "index", "my news", "--index", "my index")
    assert again.returncode == 0
    assert re.search(r"^articles +0 added, 1 unchanged, 0 removed$", again.stdout, flags=re.MULTILINE)

    info = json.loads(citewell(elsewhere, "info", "--index", "my index", "--json").stdout)
    assert info["articles"] == 1
    assert {"articles", "sentences", "passages", "duplicates", "encoder", "bytes"} <= set(info)

    asked = citewell(
        elsewhere, "ask", "--file", "-", "--json", "--index", "my index", input="When did the bridge open?\n\x00\n"
    )
    assert (asked.returncode, asked.stderr) == (5, "")
    answer, bad = (json.loads(line) for line in asked.stdout.splitlines())
    closest = [*answer["citations"], *answer["related"]][0]
    assert closest["title"] == "Bridge Opens in Lund"
    assert "opened on Monday" in closest["quote"]
    assert set(bad) == {"question", "error"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("index", "no such folder"), 3),
        (("index", "empty"), 3),
        (("ask", "Q?", "--articles", "empty"), 3),
        (("ask", "Q?", "--index", "empty"), 4),
        (("info", "--index", "empty"), 4),
        (("ask", ""), 5),
        (("ask", "x" * 10_000), 5),
        (("ask", "\x07"), 5),
        (("ask", "Q?", "--encoder", "./no-such-model"), 6),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else str(value),
)
def test_bad_input_is_one_line_and_an_exit_code(elsewhere: Path, arguments: tuple[str, ...], code: int) -> None:
    (elsewhere / "empty").mkdir(exist_ok=True)
    done = citewell(elsewhere, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert re.fullmatch(r"citewell: [^\n]+\n", done.stderr)
    assert "unexpected" not in done.stderr
