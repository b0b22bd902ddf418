"""`citewell train` from data to a reader with weights of its own, on a tiny encoder and tiny data sets."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner, Result

import index.build
import index.encoder
import rag.engine
from index.build import build_index
from rag.cli import app
from rag.evaluation.questions import part_of
from rag.logistic import SCORING_FILE, LogisticModel, Scoring
from rag.reader import Passage
from rag.reader_models import OnnxReader, load_reader
from rag.training.card import card

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SQUAD = "squadshifts_new_wiki_v1.0.json"


@pytest.fixture(autouse=True)
def alone(one_thread: None) -> Iterator[None]:
    """No reader of another test is remembered."""
    load_reader.cache_clear()
    yield
    load_reader.cache_clear()


def train(*arguments: str | Path | int) -> Result:
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


@pytest.fixture
def sets(towns: Any, tmp_path: Path) -> Path:
    """A folder of data sets, one of them under the name that it is published by."""
    folder = tmp_path / "sets"
    folder.mkdir()
    (folder / SQUAD).write_text(json.dumps(towns(24)), "utf-8")
    (folder / "notes.txt").write_text("no data", "utf-8")
    return folder


@pytest.fixture
def museums(tmp_path: Path, tiny_encoder: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path, list[str]]:
    """An index of thirty articles, a file of questions on them, and these questions."""
    for module in (index.encoder, index.build):
        monkeypatch.setattr(module, "load_encoder", lambda name=None: tiny_encoder)
    # What a reader that has no weights of its own is weighed by while they are fitted.
    model = LogisticModel(-2.0, {"read": 1.0, "overlap": 2.0})
    monkeypatch.setattr(rag.engine, "scoring_for", lambda folder, read: Scoring(model, model, model, 0.0))
    (tmp_path / "articles").mkdir()
    items = []
    for number in range(30):
        text = f"News of Place{number}\n\nThe museum of Place{number} was opened in {1900 + number}, people said.\n"
        (tmp_path / "articles" / f"{number}.txt").write_text(text, "utf-8")
        question = f"When was the museum of Place{number} opened?"
        items.append({"question": question, "answer": str(1900 + number), "sources": [f"{number}.txt"]})
    build_index([tmp_path / "articles"], tmp_path / "index", encoder=tiny_encoder)
    questions = tmp_path / "questions.jsonl"
    questions.write_text("\n".join(map(json.dumps, items)), "utf-8")
    return tmp_path / "index", questions, [item["question"] for item in items]


def test_a_reader_is_made_in_four_steps(
    sets: Path, bert_folder: Path, museums: tuple[Path, Path, list[str]], tmp_path: Path
) -> None:
    folder, questions, texts = museums
    rows, done, out = tmp_path / "rows", tmp_path / "run", tmp_path / "reader"
    asked = ("--questions", questions, "--index", folder, "--part", "0.5-1", "--made", 0)
    # Three of the documents are kept out: by their place among all, and by name.
    kept = {number for number in range(24) if part_of(f"{SQUAD}:{number}") < 0.12} | {9}
    result = train(
        "prepare", sets, "--out", rows, "--encoder", bert_folder, "--epochs", 1, "--keep-out", "Town_9", *asked
    )
    assert result.exit_code == 0, result.output
    learnt = sum(part_of(text) >= 0.5 for text in texts)
    assert f"retrieving for {learnt} questions" in result.stderr
    plan = json.loads((rows / "plan.json").read_text("utf-8"))
    assert plan["data"] == {SQUAD: 4 * (24 - len(kept)), "questions asked of the index": learnt}
    assert plan["held_out"]["data"] == {SQUAD: 4 * len(kept)}

    result = train("run", rows, "--out", done, "--base", bert_folder, "--steps", 60, "--rate", 0.003, "--tokens", 1024)
    assert result.exit_code == 0, result.output
    assert "held-out rows: F1 " in result.stderr
    again = train("run", rows, "--out", done, "--base", bert_folder, "--steps", 60, "--rate", 0.003, "--tokens", 1024)
    assert again.exit_code == 0, again.output
    assert "nothing is left to do" in again.stderr
    other = train("run", rows, "--out", done, "--base", bert_folder, "--steps", 61, "--rate", 0.003, "--tokens", 1024)
    assert other.exit_code == 8
    assert "other settings (steps 60 and not 61)" in other.stderr
    assert other.stdout == ""

    result = train("export", done, "--out", out, "--alpha", 0.7)
    assert result.exit_code == 0, result.output
    assert result.stdout == (out / "README.md").read_text("utf-8")
    assert f"| {SQUAD} | {4 * (24 - len(kept))} | SQuADShifts" in result.stdout
    assert f"begun from: {bert_folder.name}" in result.stdout
    assert re.search(r"\| held-out rows \| f1 \| [\d.]+ \| [\d.]+ \|", result.stdout)
    reader = load_reader(str(out))
    assert isinstance(reader, OnnxReader)
    sentences = ("The bridge of Town0 was opened in 1900.", "It rained.")
    (reading,) = reader.read("When was the bridge of Town0 opened?", [Passage(sentences)])
    assert all(each.span is not None for each in reading.sentences)

    fitted = ("--news", questions, "--part", "0-0.5", "--index", folder, "--squad", sets / SQUAD, "--held-out", 0.3)
    result = train("fit", *fitted, "--reader", out, "--out", out / SCORING_FILE)
    assert result.exit_code == 0, result.output
    found = Scoring.load(out / SCORING_FILE)
    assert {"read", "margin", "behind", "agree"} <= set(found.sentence.weights)
    assert not {"read", "margin", "behind", "agree"} & set(found.prior.weights)
    assert {"read", "size", "large:logit"} <= set(found.confidence.weights)
    assert -4 <= found.reach <= 20


# What is refused


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (("prepare", "{own}", "--questions", "{own}"), 2, "go together"),
        (("prepare", "{own}", "--index", "{out}"), 2, "go together"),
        (("prepare", "{own}", "--epochs", "0"), 2, "--epochs"),
        (("prepare", "{own}", "--part", "0.7"), 2, "--part"),
        (("prepare", "{own}", "--encoder", "{nowhere}"), 2, "does not exist"),
        (("prepare", "{nowhere}"), 8, "is not there; expected a data set"),
        (("prepare", "{folder}"), 8, "holds no data set to learn from"),
        (("prepare", "{text}"), 8, "cannot be read as training data"),
        (("prepare", "{own}", "--encoder", "{folder}"), 8, "no tokenizer.json"),
        (("prepare", "{own}", "--keep-out", "Nobody"), 8, "no document has the title nobody"),
        (("run", "{folder}"), 8, "citewell train prepare"),
        (("run", "{folder}", "--steps", "1", "--seconds", "1"), 2, "do not go together"),
        (("run", "{folder}", "--kind", "gpt2"), 2, "expected bert or mpnet"),
        (("export", "{folder}"), 8, "holds no finished run"),
        (("export", "{text}"), 8, "with --prepared"),
        (("export", "{folder}", "--alpha", "2"), 2, "--alpha"),
    ],
)
def test_what_is_refused(towns: Any, tmp_path: Path, arguments: tuple[str, ...], exit_code: int, words: str) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps(towns(4)), "utf-8")
    folder = tmp_path / "empty"
    folder.mkdir()
    text = tmp_path / "data.json"
    text.write_text("no data", "utf-8")
    out = tmp_path / "out"
    named = {"own": own, "out": out, "nowhere": tmp_path / "nowhere", "folder": folder, "text": text}
    result = train(*(each.format(**named) for each in arguments), "--out", out)
    assert result.exit_code == exit_code, result.output
    assert words in " ".join(re.sub(r"[│╭╰─╮╯]", " ", result.stderr).split())
    assert result.stdout == ""
    assert not out.exists()
    if exit_code == 8:
        assert len(result.stderr.strip().splitlines()) == 1


def test_an_encoder_that_has_other_tokens(sets: Path, bert_folder: Path, tmp_path: Path) -> None:
    made = shutil.copytree(bert_folder, tmp_path / "encoder")
    text = (made / "tokenizer.json").read_text("utf-8")
    (made / "tokenizer.json").write_text(text.replace("[CLS]", "<s>"), "utf-8")
    result = train("prepare", sets, "--out", tmp_path / "out", "--encoder", made)
    assert result.exit_code == 8
    assert "holds no [CLS]" in result.stderr


def test_a_card_says_where_all_comes_from() -> None:
    facts: dict[str, Any] = {
        "shape": {"kind": "bert", "layers": 6, "width": 384},
        "settings": {
            "base": {"name": "all-MiniLM-L6-v2"},
            "teacher": {"name": "large"},
            "tokens": 24_576,
            "rate": 2.5e-4,
            "dropout": 0.0,
            "seed": 7,
        },
        "steps": 2_467,
        "seconds": 228.0,
        "machine": "a GPU",
        "data": {"qamr_dev.tsv.gz": 12_345, "own.json": 3, "questions asked of the index": 40},
        "held_out": {"squad2_part.json.gz": 120},
        "log": "\n".join(f"line {number}" for number in range(100)),
        "alpha": 0.8,
        "windows": 96,
        "figures": {
            "int8": {"policyqa_dev": {"exact_match": 41.26, "f1": 0.0}, "trecqa_dev": {"map": 0.81234, "mrr": None}},
            "fp32": {"policyqa_dev": {"exact_match": 42.0, "f1": None}, "trecqa_dev": {"map": 0.82, "mrr": None}},
        },
    }
    text = card(facts, commit="abc1234")
    assert "| qamr_dev.tsv.gz | 12,345 | QAMR (Michael et al. 2018) |" in text
    assert "| questions asked of the index | 40 | RealTimeQA" in text
    assert "| own.json | 3 | the user's own |" in text
    assert "2,467 steps of 24,576 tokens, rate 0.00025, dropout 0, seed 7, in 3.8 minutes on a GPU" in text
    assert "BERT kind, 6 layers of width 384" in text
    assert "taught by: large" in text
    assert "120 of squad2_part.json.gz" in text
    assert "commit: abc1234" in text
    assert "| policyqa_dev | exact_match | 41.3 | 42.0 |" in text
    assert "| policyqa_dev | f1 | 0.000 |  |" in text
    assert "| trecqa_dev | map | 0.812 | 0.820 |" in text
    assert "mrr" not in text
    assert "...\nline 40\n" in text
    assert "line 99" in text
    assert "line 39\n" not in text
    bare = card({name: facts[name] for name in ("alpha", "windows", "figures")}, commit="abc1234")
    assert "trained by" not in bare
    assert "## What it learnt from" not in bare
    assert "## The log" not in bare
