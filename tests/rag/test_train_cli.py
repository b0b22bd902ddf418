"""`citewell train` from end to end on a tiny encoder and tiny data sets."""

from __future__ import annotations

import gzip
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
from index.errors import TrainingError
from rag.cli import app
from rag.evaluation.questions import part_of
from rag.logistic import SCORING_FILE, LogisticModel, Scoring
from rag.reader import Passage
from rag.reader_models import OnnxReader, load_reader
from rag.train import find_data
from rag.training.card import card
from rag.training.loop import CHECKPOINT

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


def train(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


def paragraph(town: str, thing: str, year: int) -> dict[str, Any]:
    context = f"The {thing} of {town} was opened in {year}. It rained on that day."
    question = {"id": f"{town}-{thing}", "question": f"When was the {thing} of {town} opened?"}
    return {
        "context": context,
        "qas": [{**question, "answers": [{"text": str(year), "answer_start": context.index(str(year))}]}],
    }


def squad(documents: int) -> dict[str, Any]:
    things = ("bridge", "harbour", "school", "tower")
    data = []
    for number in range(documents):
        town = f"Town{number}"
        told = [paragraph(town, thing, 1900 + 7 * number + at) for at, thing in enumerate(things)]
        data.append({"title": town, "paragraphs": told})
    return {"data": data}


TREC = """<QApairs id='{0}'>
<question>
Who\tcame\tto\tTown{0}\t?
</question>
<positive>
Bob\tcame\tto\tTown{0}\t.
</positive>
<negative>
It\twas\training\t.
</negative>
</QApairs>
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file of one's own in SQuAD format: six questions."""
    path = tmp_path / "own.json"
    content = squad(2)
    content["data"][0]["paragraphs"] = content["data"][0]["paragraphs"][:2]
    path.write_text(json.dumps(content), "utf-8")
    return path


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A folder of sets under the names that they are published by: three to learn from, two to measure on."""
    folder = tmp_path / "sets"
    folder.mkdir()
    (folder / f"{SQUAD}.gz").write_bytes(gzip.compress(json.dumps(squad(24)).encode()))
    (folder / "policyqa_dev.json").write_text(json.dumps(squad(2)), "utf-8")
    for name, numbers in {"train": range(5), "dev": range(5, 8)}.items():
        (folder / f"trecqa_{name}.xml").write_text("".join(map(TREC.format, numbers)), "utf-8")
    (folder / "notes.txt").write_text("no data", "utf-8")
    return folder


def test_a_reader_is_made(own: Path, bert_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "reader"
    result = train(own, "--out", out, "--encoder", bert_folder, "--epochs", "2", "--rate", "0.001")
    assert result.exit_code == 0, result.output
    text = (out / "README.md").read_text("utf-8")
    assert result.stdout == text
    assert "| own.json | 6 | the user's own |" in text
    assert "2 epochs, rate 0.001, 3,072 tokens a step, seed 1" in text
    assert f"begun from: {bert_folder.name}" in text
    assert re.search(r"in all, 0 done, on c", result.stderr)
    names = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert names == {
        "README.md",
        CHECKPOINT,
        "facts.json",
        "fp32/model.onnx",
        "fp32/tokenizer.json",
        "model.onnx",
        "tokenizer.json",
    }
    reader = load_reader(str(out))
    assert isinstance(reader, OnnxReader)
    sentences = ("The bridge of Town0 was opened in 1900.", "It rained.")
    (reading,) = reader.read("When was the bridge of Town0 opened?", [Passage(sentences)])
    assert all(each.span is not None for each in reading.sentences)

    # Again: nothing is left to train, and the reader is made from the state.
    model = (out / "model.onnx").read_bytes()
    for path in out.rglob("*.onnx"):
        path.unlink()
    again = train(own, "--out", out, "--encoder", bert_folder, "--epochs", "2", "--rate", "0.001")
    assert again.exit_code == 0, again.output
    assert "going on from step" in again.stderr
    assert (out / "model.onnx").read_bytes() == model

    # Under other settings it is refused, and what is there stays.
    other = train(own, "--out", out, "--encoder", bert_folder, "--epochs", "2", "--rate", "0.002")
    assert other.exit_code == 8
    assert other.stdout == ""
    assert "other settings" in other.stderr
    assert (out / "model.onnx").read_bytes() == model


def test_a_reader_is_made_on_from_another(own: Path, bert_folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert train(own, "--out", first, "--encoder", bert_folder, "--epochs", "2").exit_code == 0
    options = ("--encoder", bert_folder, "--epochs", "1", "--rate", "0.001")
    result = train(own, "--out", second, *options, "--after", first)
    assert result.exit_code == 0, result.output
    assert f"beginning with the weights in {first}" in result.stderr
    assert "1 epochs, rate 0.001" in result.stdout
    assert "before that, 2 epochs, rate 0.00015" in result.stdout

    (first / "facts.json").unlink()
    result = train(own, "--out", tmp_path / "third", *options, "--after", first)
    assert result.exit_code == 8
    assert "expected the folder of a training that was finished" in result.stderr
    assert not (tmp_path / "third").exists()


def test_what_is_held_out_is_measured(published: Path, bert_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "reader"
    result = train(published, "--out", out, "--encoder", bert_folder, "--epochs", "0.5")
    assert result.exit_code == 0, result.output
    held_out = [number for number in range(24) if part_of(f"{SQUAD}.gz:{number}") < 0.12]
    assert 0 < len(held_out) < 8
    facts = json.loads((out / "facts.json").read_text("utf-8"))
    assert facts["data"] == {f"{SQUAD}.gz": 4 * (24 - len(held_out)), "trecqa_train.xml": 5}
    measured = {f"{SQUAD}.gz (held out)", "policyqa_dev.json", "trecqa_dev.xml"}
    for precision in ("int8", "fp32"):
        assert set(facts["figures"][precision]) == measured
        assert facts["figures"][precision]["policyqa_dev.json"]["questions"] == 8
        assert 0 < facts["figures"][precision]["trecqa_dev.xml"]["map"] <= 1
    text = (out / "README.md").read_text("utf-8")
    assert "| SQuADShifts" in text
    assert re.search(r"\| trecqa_dev\.xml \| map \| [01]\.\d+ \| [01]\.\d+ \|", text)
    assert re.search(r"\| policyqa_dev\.json \| f1 \| [\d.]+ \| [\d.]+ \|", text)


def test_weights_are_fitted_on_questions_asked_of_an_index(
    published: Path, bert_folder: Path, tmp_path: Path, tiny_encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    out = tmp_path / "reader"
    asked = ("--questions", questions, "--index", tmp_path / "index", "--part", "0.5-1", "--fit-part", "0-0.5")
    result = train(published, "--out", out, "--encoder", bert_folder, "--epochs", "0.5", *asked)
    assert result.exit_code == 0, result.output
    learnt = sum(part_of(item["question"]) >= 0.5 for item in items)
    assert f"retrieving for {learnt} questions" in result.stderr
    assert f"| questions asked of the index | {learnt} |" in result.stdout
    found = Scoring.load(out / SCORING_FILE)
    assert {"read", "margin", "behind", "agree"} <= set(found.sentence.weights)
    assert not {"read", "margin", "behind", "agree"} & set(found.prior.weights)
    assert {"logit", "size", "size:logit"} <= set(found.confidence.weights)
    assert -4 <= found.reach <= 20


# What is refused


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (("{own}", "--questions", "{own}"), 2, "go together"),
        (("{own}", "--index", "{out}"), 2, "go together"),
        (("{own}", "--epochs", "0"), 2, "--epochs"),
        (("{own}", "--part", "0.7"), 2, "--part"),
        (("{own}", "--encoder", "{nowhere}"), 2, "does not exist"),
        (("{nowhere}",), 8, "is not there; expected a data set"),
        (("{folder}",), 8, "holds no data set to learn from"),
        (("{text}",), 8, "cannot be read as training data"),
        (("{own}", "--encoder", "{folder}"), 8, "no tokenizer.json"),
    ],
)
def test_what_is_refused(own: Path, tmp_path: Path, arguments: tuple[str, ...], exit_code: int, words: str) -> None:
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


def test_an_encoder_that_has_other_tokens(own: Path, bert_folder: Path, tmp_path: Path) -> None:
    made = shutil.copytree(bert_folder, tmp_path / "encoder")
    text = (made / "tokenizer.json").read_text("utf-8")
    (made / "tokenizer.json").write_text(text.replace("[CLS]", "<s>"), "utf-8")
    result = train(own, "--out", tmp_path / "out", "--encoder", made)
    assert result.exit_code == 8
    assert "holds no [CLS]" in result.stderr


# Which files


def test_a_named_file_is_learnt_from_and_of_a_folder_the_published_sets_are(published: Path, own: Path) -> None:
    found = find_data([own, published])
    assert [path.name for path in found.learnt] == ["own.json", f"{SQUAD}.gz", "trecqa_train.xml"]
    assert [path.name for path in found.spans] == ["policyqa_dev.json"]
    assert [path.name for path in found.sentences] == ["trecqa_dev.xml"]
    assert find_data([published / "policyqa_dev.json"]).learnt == (published / "policyqa_dev.json",)
    (published / "squadshifts_a_folder").mkdir()
    assert find_data([published]).learnt == found.learnt[1:]
    with pytest.raises(TrainingError, match="is not there"):
        find_data([own, published / "none.json"])
    with pytest.raises(TrainingError, match="holds no data set"):
        find_data([])


def test_a_card_says_where_all_comes_from() -> None:
    facts = {
        "encoder": "all-MiniLM-L6-v2",
        "plan": {"epochs": 2.0, "rate": 1.5e-4, "tokens": 3072, "seed": 7, "share": 0.75},
        "data": {"qamr_dev.tsv.gz": 12_345, "own.json": 3, "questions asked of the index": 40},
        "seconds": 1_830.0,
        "machine": "x86_64, 2 cores",
        "figures": {
            "int8": {"policyqa_dev": {"exact_match": 41.26, "f1": 0.0}, "trecqa_dev": {"map": 0.81234, "mrr": None}},
            "fp32": {"policyqa_dev": {"exact_match": 42.0, "f1": None}, "trecqa_dev": {"map": 0.82, "mrr": None}},
        },
    }
    again = {name: facts[name] for name in ("plan", "seconds", "machine")} | {"seconds": 600.0}
    assert "on x86_64, 2 cores; before that, 2 epochs, rate 0.00015" in card({**facts, "after": again}, commit="abc")
    text = card({**facts, "after": None}, commit="abc1234")
    assert "before that" not in text
    assert "| qamr_dev.tsv.gz | 12,345 | QAMR (Michael et al. 2018) |" in text
    assert "| questions asked of the index | 40 | RealTimeQA" in text
    assert "| own.json | 3 | the user's own |" in text
    assert "2 epochs, rate 0.00015, 3,072 tokens a step, seed 7, in 30 minutes on x86_64, 2 cores" in text
    assert "commit: abc1234" in text
    assert "| policyqa_dev | exact_match | 41.3 | 42.0 |" in text
    assert "| policyqa_dev | f1 | 0.000 |  |" in text
    assert "| trecqa_dev | map | 0.812 | 0.820 |" in text
    assert "mrr" not in text
