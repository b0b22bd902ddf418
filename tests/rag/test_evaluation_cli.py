"""`citewell evaluate`: how it is called, what goes where, and what is refused before anything is asked."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner, Result

import rag.pipeline
import rag.reader_models
from index.build import build_index
from index.errors import EvaluationError
from rag.calibration import load_calibration
from rag.engine import Engine
from rag.evaluation.cli import app as evaluate_app
from rag.evaluation.outcomes import read_evaluation
from rag.reader import Passage, Reading, SentenceReading, SpanReading

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"faiss", "gradio", "numpy", "onnxruntime", "sentence_transformers", "tantivy", "tokenizers", "torch"}

# As the command line has it: a group beside other commands.
app = typer.Typer()
app.add_typer(evaluate_app, name="evaluate")

ARTICLE = """Bridge Opens in Lund

The new bridge in Lund opened on Monday after four years of work, the city said.

It cost 12 million euros, which the city of Malmö paid.
"""
QUESTIONS = [
    {"question": "When did the new bridge in Lund open?", "answer": "Monday", "sources": ["lund.txt"]},
    {"question": "How much did it cost?", "answers": ["12 million"]},
    {"question": "Who won the election in France?", "answer": None},
    {"question": "Who paid?", "answer": "Oslo"},
]


class FirstWordReader:
    """Marks the first word of every sentence, the surer the longer the sentence is."""

    name = "first word"
    folder = None

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        return [
            Reading(
                tuple(
                    SentenceReading(SpanReading(0, len(each.split()[0]), 1.0), float(len(each)), float(len(each)))
                    for each in passage.sentences
                ),
                0.0,
            )
            for passage in passages
        ]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=True)


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text("\n".join(map(json.dumps, QUESTIONS)), "utf-8")
    return path


@pytest.fixture
def opened(tmp_path: Path, tiny_encoder: Any, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """An index made by the tiny encoder, which no name names, in `index`; how it was opened is noted."""
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "lund.txt").write_text(ARTICLE, "utf-8")
    build_index([tmp_path / "articles"], tmp_path / "index", encoder=tiny_encoder)
    calls: list[dict[str, Any]] = []

    def open_engine(index: Path, articles: None, *, progress: Any, calibrated: bool = True, **named: Any) -> Engine:
        calls.append({"index": index, **named})
        return Engine.open(index, encoder=tiny_encoder, reader="none", calibrated=calibrated)

    monkeypatch.setattr(rag.pipeline, "open_engine", open_engine)
    return calls


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The names of the readers that were loaded; "none" is none."""
    names: list[str | None] = []

    def load_reader(name: str | None = None) -> FirstWordReader | None:
        names.append(name)
        return None if name == "none" else FirstWordReader()

    monkeypatch.setattr(rag.reader_models, "load_reader", load_reader)
    return names


# How it is called


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--help",), ("evaluate [OPTIONS]", "QUESTIONS", "--calibrate", "evaluate squad --help")),
        (("squad", "--help"), ("evaluate squad [OPTIONS]", "FILE", "--reader", "SQuAD")),
        (("sentences", "--help"), ("evaluate sentences [OPTIONS]", "FILE", "--reader", "MAP")),
    ],
)
def test_help(arguments: tuple[str, ...], words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    result = run(*arguments)
    assert result.exit_code == 0
    for word in words:
        assert word in result.output


def test_nothing_heavy_is_loaded_for_the_help() -> None:
    program = """
import contextlib, io, json, sys
import typer
from rag.calibration import load_calibration
from rag.evaluation.cli import app
root = typer.Typer()
root.add_typer(app, name="evaluate")
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    root(["evaluate", "--help"])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert not set(json.loads(done.stdout)) & HEAVY


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-file.jsonl",),
        ("squad", "no-such-file.json"),
        ("squad",),
        ("QUESTIONS", "--part", "0.5"),
        ("QUESTIONS", "--part", "0.9-0.1"),
        ("QUESTIONS", "--min-confidence", "nan"),
        ("QUESTIONS", "--limit", "0"),
        ("QUESTIONS", "--report", "no-such-folder/report.html"),
        ("QUESTIONS", "--save", "."),
        ("QUESTIONS", "--compare", "no-such-file.json"),
        ("QUESTIONS", "--unknown"),
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_refused_before_anything_is_opened(
    arguments: tuple[str, ...], questions: Path, opened: list[dict[str, Any]], reader: list[str | None]
) -> None:
    result = run(*(questions if argument == "QUESTIONS" else argument for argument in arguments))
    assert result.exit_code == 2
    assert opened == []
    assert reader == []


def test_a_bad_file_is_refused_before_anything_is_opened(questions: Path, opened: list[dict[str, Any]]) -> None:
    compare = questions.with_name("run.json")
    compare.write_text("{}", "utf-8")
    for arguments in ((questions, "--compare", compare), (compare,)):
        result = run(*arguments)
        assert isinstance(result.exception, EvaluationError)
    assert opened == []


# An index on one's own questions


def test_the_figures_as_json(questions: Path, opened: list[dict[str, Any]], tmp_path: Path) -> None:
    result = run("--index", tmp_path / "index", questions, "--json")
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    figures = json.loads(line)
    assert opened == [{"index": tmp_path / "index", "encoder": None, "reader": None}]
    assert (figures["questions"], figures["answerable"]) == (4, 3)
    assert figures["hit_at_1"] == pytest.approx(2 / 3)
    assert figures["min_confidence"] == 0.6
    assert figures["settings"]["questions"] == "questions.jsonl"
    assert figures["settings"]["index"] == str(tmp_path / "index")
    assert "comparison" not in figures


def test_a_reader_and_an_encoder_are_passed_on(questions: Path, opened: list[dict[str, Any]], tmp_path: Path) -> None:
    run(questions, "--index", tmp_path / "index", "--reader", "none", "--encoder", "tiny")
    assert opened == [{"index": tmp_path / "index", "encoder": "tiny", "reader": "none"}]


def test_the_figures_for_a_person(questions: Path, opened: list[dict[str, Any]], tmp_path: Path) -> None:
    result = run(questions, "--index", tmp_path / "index", "--min-confidence", "0.25")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "  hit@1                    66.7%  answerable questions with a right sentence first" in lines
    assert "  threshold                 0.25  the confidence from which is answered" in lines
    assert result.stderr == ""


def test_parts_and_limits(questions: Path, opened: list[dict[str, Any]], tmp_path: Path) -> None:
    def count(*arguments: str) -> int:
        result = run(questions, "--index", tmp_path / "index", "--json", *arguments)
        return int(json.loads(result.stdout)["questions"])

    assert count("--part", "0-0.5") + count("--part", "0.5-1") == 4
    assert count("--limit", "3") == 3
    assert isinstance(run(questions, "--part", "0-0.0000001").exception, EvaluationError)


def test_a_run_is_saved_reported_and_compared(questions: Path, opened: list[dict[str, Any]], tmp_path: Path) -> None:
    saved, report = tmp_path / "run.json", tmp_path / "report.html"
    arguments = (questions, "--index", tmp_path / "index")
    first = run(*arguments, "--save", saved, "--report", report)
    assert first.exit_code == 0
    assert f"saved       {saved}" in first.stdout.splitlines()
    assert f"report      {report}" in first.stdout.splitlines()
    assert len(read_evaluation(saved).outcomes) == 4
    html = report.read_text("utf-8")
    assert "Who paid?" in html
    assert "Malmö" in html

    again = run(*arguments, "--compare", saved, "--report", report)
    assert "Of 4 shared questions: 0 won, 0 lost (sign test: p = 1.000)." in again.stdout
    assert "Difference" in report.read_text("utf-8")
    figures = json.loads(run(*arguments, "--compare", saved, "--json").stdout)
    assert figures["comparison"] == {"shared": 4, "won": [], "lost": [], "p": 1.0}


def test_a_file_that_cannot_be_written_after_all(
    questions: Path, opened: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    result = run(questions, "--index", tmp_path / "index", "--save", tmp_path / "run.json")
    assert isinstance(result.exception, EvaluationError)
    assert "No space left on device" in str(result.exception)


def test_the_confidence_is_fitted_to_what_came_of_the_questions(
    questions: Path, opened: list[dict[str, Any]], tmp_path: Path
) -> None:
    index, saved = tmp_path / "index", tmp_path / "run.json"
    right = [{"question": f"When did the new bridge in Lund open, reader {n}?", "answer": "Monday"} for n in range(20)]
    wrong = [{"question": f"Who paid {n} euros?", "answer": "Oslo"} for n in range(20)]
    questions.write_text("\n".join(map(json.dumps, right + wrong)), "utf-8")
    first = json.loads(run(questions, "--index", index, "--calibrate", "--json", "--save", saved).stdout)
    kept = load_calibration(index, reader="none")
    assert kept is not None
    assert kept.questions == 40
    assert first["calibration"] == asdict(kept)

    # From now on the engine gives the fitted confidence; fitting again starts from the shipped one, and finds the same.
    now = json.loads(run(questions, "--index", index, "--json", "--compare", saved).stdout)
    raw = [each.confidence for each in read_evaluation(saved).outcomes]
    assert now["mean_confidence"] == pytest.approx(sum(map(kept, raw)) / 40)
    assert "calibration" not in now
    again = run(questions, "--index", index, "--calibrate")
    assert f"calibrated  slope {kept.slope:.3f}, shift {kept.shift:+.3f} of the log odds" in again.stdout.splitlines()
    assert load_calibration(index, reader="none") == kept


def test_too_few_questions_calibrate_nothing_and_are_written_all_the_same(
    questions: Path, opened: list[dict[str, Any]], tmp_path: Path
) -> None:
    saved = tmp_path / "run.json"
    result = run(questions, "--index", tmp_path / "index", "--calibrate", "--save", saved)
    assert isinstance(result.exception, EvaluationError)
    assert "too few to calibrate on" in str(result.exception)
    assert load_calibration(tmp_path / "index", reader="none") is None
    assert len(read_evaluation(saved).outcomes) == 4


# A reader alone


def test_squad(tmp_path: Path, reader: list[str | None]) -> None:
    path = tmp_path / "dev.json"
    context = "Lund is old. The town of Oslo is older."
    asked = [
        {"id": "1", "question": "Which is older?", "answers": [{"text": "The town", "answer_start": 13}]},
        {"id": "2", "question": "Which is old?", "answers": [{"text": "Lund", "answer_start": 3}]},
    ]
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": context, "qas": asked}]}]}), "utf-8")
    result = run("squad", path, "--reader", "x", "--json")
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    figures = json.loads(line)
    assert reader == ["x"]
    assert (figures["exact_match"], figures["f1"], figures["answerability_auroc"]) == (0.0, 0.0, None)
    assert (figures["questions"], figures["reader"], figures["misplaced_answers"]) == (2, "first word", 1)
    assert "data[0].paragraphs[0].qas[1]: the answer 'Lund' does not stand at its place" in result.stderr
    shown = run("squad", path, "--limit", "1").stdout
    assert "reader            first word\nquestions                  1  read\n" in shown
    assert reader == ["x", None]


def test_sentences(tmp_path: Path, reader: list[str | None]) -> None:
    path = tmp_path / "own.jsonl"
    record = {
        "question": "Which?",
        "sentences": ["Short.", "It is long.", "Not as long as this one."],
        "labels": [0, 1, 0],
    }
    path.write_text(json.dumps(record), "utf-8")
    result = run("sentences", path, "--json")
    figures = json.loads(result.stdout)
    assert (figures["map"], figures["mrr"], figures["reader"]) == (0.5, 0.5, "first word")
    assert "MAP                    0.500  over these" in run("sentences", path).stdout


@pytest.mark.parametrize("command", ["squad", "sentences"])
def test_no_reader_is_nothing_to_measure(command: str, tmp_path: Path, reader: list[str | None]) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text("{}", "utf-8")
    result = run(command, path, "--reader", "none")
    assert result.exit_code == 2
    assert "no reader to measure" in result.output
