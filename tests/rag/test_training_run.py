"""A run on a tiny encoder: its losses, its steps, how it goes on where it was interrupted, and what it needs."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import rag.training.run
import rag.training.trainer
from index.errors import TrainingError
from rag.training.packed_rows import Batch
from rag.training.run import CHECKPOINT, Settings, finished, read_model, read_plan, run

if TYPE_CHECKING:
    import torch

pytestmark = pytest.mark.usefixtures("one_thread")

ROOT = Path(__file__).resolve().parents[2]


# Losses


def random_batch(seed: int, *, known: bool = True) -> Batch:
    """Four rows of eight tokens; sentences of three questions in them, two a row, and a row without any."""
    import torch

    generator = np.random.default_rng(seed)
    shape = (4, 8)
    sentences = np.full(shape, -1, dtype=np.int16)
    for row in range(3):
        sentences[row, 2:4], sentences[row, 4:7] = 0, 1
    allowed = sentences >= 0
    allowed[:, 0] = True
    starts, ends = generator.random((2, *shape)) < 0.3
    starts[:, 5], ends[:, 6] = True, True
    values = {
        "ids": np.zeros(shape, dtype=np.int32),
        "lengths": np.full(4, 8),
        "contexts": np.full(4, 2),
        "sentences": sentences,
        "starts": starts & allowed,
        "ends": ends & allowed,
        "answered": np.array([1, -1, 0, -1] if known else [-1] * 4, dtype=np.int8),
        "right": np.array([[1, 0], [-1, 1], [0, 0], [-2, -2]], dtype=np.int8),
        "groups": np.array([0, 0, 4, 9]),
    }
    return Batch(**{name: torch.from_numpy(each) for name, each in values.items()})


def log_softmax(values: Any) -> Any:
    return values - values.max() - np.log(np.exp(values - values.max()).sum())


def sentences_of(batch: Batch) -> list[tuple[int, int]]:
    return [(row, number) for row in range(4) for number in range(2) if int(batch.right[row, number]) > -2]


def allowed_in(batch: Batch, row: int) -> Any:
    return np.flatnonzero((batch.sentences[row].numpy() >= 0) | (np.arange(8) == 0))


def means_of(scores: Any, batch: Batch) -> dict[tuple[int, int], float]:
    return {
        (row, number): float(scores[row, batch.sentences[row].numpy() == number, 2].astype(np.float64).mean())
        for row, number in sentences_of(batch)
    }


def expected_losses(scores: Any, batch: Batch) -> list[float]:
    """The same by the book, in double precision."""
    span = []
    for channel, targets in ((0, batch.starts), (1, batch.ends)):
        own = []
        for row in np.flatnonzero(batch.answered.numpy() >= 0):
            places = allowed_in(batch, row)
            log_probabilities = log_softmax(scores[row, places, channel].astype(np.float64))
            own.append(-np.log(np.exp(log_probabilities[targets[row].numpy()[places]]).sum()))
        span.append(np.mean(own) if own else 0.0)
    means = means_of(scores, batch)
    labels = {place: int(batch.right[place]) for place in means}
    crossed = [np.log1p(np.exp(-mean if labels[at] else mean)) for at, mean in means.items() if labels[at] >= 0]
    lists = []
    for group in set(batch.groups.tolist()):
        members = [at for at in means if int(batch.groups[at[0]]) == group and labels[at] >= 0]
        right = [np.exp(means[at]) for at in members if labels[at] == 1]
        if len(members) > 1 and right:
            lists.append(-np.log(sum(right) / sum(np.exp(means[at]) for at in members)))
    return [float(np.mean(span)), float(np.mean(crossed)), float(np.mean(lists))]


def hard(scores: Any, batch: Batch) -> list[float]:
    import torch

    from rag.training.losses import hard_losses, parts_of

    losses = hard_losses(parts_of(torch.from_numpy(scores), batch), batch)
    return [float(losses.span), float(losses.sentence), float(losses.ranking)]


def random_scores(seed: int, size: float = 2.0) -> Any:
    return np.random.default_rng(seed).normal(0, size, (4, 8, 3)).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_losses_are_those_by_the_book(seed: int) -> None:
    scores, batch = random_scores(100 + seed), random_batch(seed)
    found = hard(scores, batch)
    assert found == pytest.approx(expected_losses(scores, batch), rel=1e-4)
    # Rows whose answers are not known have no part in the spans' loss.
    other = scores.copy()
    other[3], other[1, :, :2] = 7.0, -7.0
    assert hard(other, batch) == pytest.approx(found)


def test_what_is_not_known_has_no_loss() -> None:
    import torch

    scores = random_scores(1)
    unknown = dataclasses.replace(random_batch(1, known=False), right=torch.full((4, 2), -1, dtype=torch.int8))
    assert hard(scores, unknown) == [0.0, 0.0, 0.0]
    none_right = dataclasses.replace(random_batch(1), right=torch.zeros((4, 2), dtype=torch.int8))
    assert hard(scores, none_right)[2] == 0.0
    assert hard(scores, none_right)[1] > 0


@pytest.mark.parametrize("size", [1e3, 1e6])
def test_extreme_scores_have_finite_losses(size: float) -> None:
    import torch

    from rag.training.losses import hard_losses, parts_of, soft_losses

    batch = random_batch(2)
    scores = torch.from_numpy(random_scores(1, size)).requires_grad_()
    parts = parts_of(scores, batch)
    teacher = parts_of(torch.from_numpy(random_scores(2, size)), batch)
    total = hard_losses(parts, batch).total + soft_losses(parts, teacher, batch).total
    assert bool(torch.isfinite(total))
    total.backward()
    assert bool(torch.isfinite(scores.grad).all())


@pytest.mark.parametrize("seed", range(3))
def test_what_a_teacher_says_is_learnt_by_the_book(seed: int) -> None:
    import torch

    from rag.training.losses import parts_of, soft_losses

    scores, wanted, batch = random_scores(seed), random_scores(50 + seed), random_batch(seed)
    found = soft_losses(*(parts_of(torch.from_numpy(each), batch) for each in (scores, wanted)), batch)
    span = 0.0
    for channel in (0, 1):
        for row in range(4):
            places = allowed_in(batch, row)
            own, theirs = (log_softmax(each[row, places, channel].astype(np.float64)) for each in (scores, wanted))
            span += float((np.exp(theirs) * (theirs - own)).sum()) / 4 / 2
    own_means, their_means = means_of(scores, batch), means_of(wanted, batch)
    crossed, lists = [], []
    for at, mean in own_means.items():
        likely = 1 / (1 + np.exp(-their_means[at]))
        crossed.append(np.log1p(np.exp(mean)) - likely * mean)
    for group in (0, 4, 9):
        members = [at for at in own_means if int(batch.groups[at[0]]) == group]
        if members:
            own, theirs = (log_softmax(np.array([each[at] for at in members])) for each in (own_means, their_means))
            lists.append(float((np.exp(theirs) * (theirs - own)).sum()))
    expected = [span, float(np.mean(crossed)), sum(lists) / 3]
    assert [float(found.span), float(found.sentence), float(found.ranking)] == pytest.approx(expected, rel=1e-3)


# Steps


def weights_of(out: Path) -> dict[str, torch.Tensor]:
    return read_model(out).state_dict()


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return all(np.allclose(left[name], right[name], rtol=0, atol=1e-6) for name in left | right)


def test_what_is_seen_often_is_learnt(trained: Path, prepared: Path) -> None:
    facts = finished(trained)
    assert facts is not None
    assert facts["figures"]["f1"] > 60
    assert facts["figures"]["auroc"] > 0.6
    assert (facts["steps"], facts["settings"]["tokens"]) == (60, 1_024)
    assert facts["data"] == {"squadshifts_new_wiki.json": 4 * 24 - facts["held_out"]["squadshifts_new_wiki.json"]}
    assert facts["shape"]["layers"] == 2
    lines = (trained / "run.log").read_text("utf-8").splitlines()
    assert sum("held-out rows: F1" in line for line in lines) == 4
    assert sum("no GPU is there" in line for line in lines) <= 1
    spans = [float(line.partition("span ")[2].partition(",")[0]) for line in lines if ": span" in line]
    assert spans[-1] < 0.7 * spans[0]
    assert {path.name for path in trained.iterdir()} == {
        "model.pt", "run.json", "run.log", "held-out.npz.xz", "tokenizer.json"
    }  # fmt: skip


def settings(bert_folder: Path, **changes: Any) -> Settings:
    return Settings(**{"base": bert_folder, "steps": 5, "rate": 1e-3, "tokens": 512, **changes})


def test_an_interrupted_run_ends_as_one_that_was_not(
    prepared: Path, bert_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rag.training.trainer, "CHECKPOINT_EVERY", -1.0)  # a state behind each step
    own = settings(bert_folder, steps=8, dropout=0.1)
    run(prepared, tmp_path / "whole", own)

    def stopping(line: str) -> None:
        if "held-out rows" in line:
            raise KeyboardInterrupt

    out = tmp_path / "interrupted"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(prepared, out, own, say=stopping)
        assert (out / CHECKPOINT).exists()
        assert not list(out.glob("*.part"))
        assert finished(out) is None
    lines: list[str] = []
    run(prepared, out, own, say=lines.append)
    assert any(line.startswith("going on from step ") for line in lines)
    assert same(weights_of(out), weights_of(tmp_path / "whole"))
    assert not (out / CHECKPOINT).exists()

    # What is finished is not trained again.
    monkeypatch.setattr(rag.training.run, "Trainer", None)
    lines.clear()
    run(prepared, out, own, say=lines.append)
    assert lines == [f"{out} holds this run, finished: nothing is left to do"]


def test_the_seed_decides(prepared: Path, bert_folder: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(prepared, tmp_path / name, settings(bert_folder, steps=2, seed=seed))
    assert same(weights_of(tmp_path / "a"), weights_of(tmp_path / "b"))
    assert not same(weights_of(tmp_path / "a"), weights_of(tmp_path / "c"))


def test_a_run_by_the_clock_ends_when_it_is_over(prepared: Path, bert_folder: Path, tmp_path: Path) -> None:
    run(prepared, tmp_path, settings(bert_folder, steps=None, seconds=0.5))
    facts = finished(tmp_path)
    assert facts is not None
    assert facts["steps"] >= 1
    assert facts["seconds"] >= 0.5


def test_without_a_length_all_rows_are_seen_once(prepared: Path, bert_folder: Path, tmp_path: Path) -> None:
    run(prepared, tmp_path, settings(bert_folder, steps=None, tokens=30_000))
    facts = finished(tmp_path)
    assert facts is not None
    rows = sum(piece["rows"] for piece in read_plan(prepared).plan["pieces"])
    assert facts["tokens"] <= rows * 256
    assert facts["tokens"] >= sum(piece["tokens"] for piece in read_plan(prepared).plan["pieces"])


def test_a_student_learns_what_its_teacher_says(
    trained: Path, prepared: Path, bert_folder: Path, tmp_path: Path
) -> None:
    own = settings(bert_folder, teacher=trained, layers=1, steps=30, rate=3e-3)
    lines: list[str] = []
    run(prepared, tmp_path, own, say=lines.append)
    facts = finished(tmp_path)
    assert facts is not None
    assert facts["shape"]["layers"] == 1
    assert facts["settings"]["teacher"]["name"] == "run"
    told = [float(line.partition("of the teacher's ")[2].partition(",")[0]) for line in lines if "teacher's" in line]
    assert told[-1] < told[0]


def test_a_run_can_begin_with_another(trained: Path, prepared: Path, tmp_path: Path) -> None:
    run(prepared, tmp_path, settings(trained, steps=1, rate=0.0))
    assert same(weights_of(tmp_path), weights_of(trained))


# Encoders


def test_bert_reads_as_in_transformers(bert_folder: Path) -> None:
    import torch
    from transformers import BertModel

    from rag.training.encoders import read_encoder

    model = read_encoder(bert_folder)
    ids = torch.randint(4, 100, (3, 20))
    lengths, contexts = torch.tensor([20, 12, 7]), torch.tensor([5, 4, 3])
    mask = (torch.arange(20)[None] < lengths[:, None]).long()
    types = (torch.arange(20)[None] >= contexts[:, None]).long() * mask
    with torch.inference_mode():
        states = BertModel.from_pretrained(bert_folder, add_pooling_layer=False).eval()(ids, mask, types)[0]
        expected, found = model.head(states), model(ids, lengths, contexts)
    for row, length in enumerate(lengths.tolist()):
        assert torch.allclose(found[row, :length], expected[row, :length], atol=1e-4)


@pytest.fixture(scope="module")
def mpnet_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import MPNetConfig, MPNetModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder = tmp_path_factory.mktemp("mpnet")
    size = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}
    torch.manual_seed(3)
    config = MPNetConfig(vocab_size=205, max_position_embeddings=322, initializer_range=0.3, **size)
    MPNetModel(config).save_pretrained(folder)
    return folder


def test_mpnet_reads_as_in_transformers_by_the_numbers_of_berts_vocabulary(mpnet_folder: Path) -> None:
    import torch
    from transformers import MPNetModel

    from rag.training.encoders import fewer_layers, read_encoder

    model = read_encoder(mpnet_folder)
    assert (model.shape.kind, model.shape.vocabulary, model.shape.layers) == ("mpnet", 200, 3)
    ids = torch.randint(104, 200, (2, 300))
    ids[:, 0], ids[:, 9], ids[0, 299], ids[1, 20] = 101, 102, 102, 103
    lengths = torch.tensor([300, 150])
    theirs = ids + 4
    theirs[ids == 101], theirs[ids == 102], theirs[ids == 103] = 0, 2, 204
    mask = (torch.arange(300)[None] < lengths[:, None]).long()
    theirs[mask == 0] = 1
    # Its positions are counted from the padding's number, as RoBERTa's are.
    positions = torch.arange(2, 302)[None].expand(2, -1)
    with torch.inference_mode():
        other = MPNetModel.from_pretrained(mpnet_folder, add_pooling_layer=False).eval()
        expected = model.head(other(theirs, mask, position_ids=positions)[0])
        found = model(ids, lengths, torch.tensor([10, 10]))
    for row, length in enumerate(lengths.tolist()):
        assert torch.allclose(found[row, :length], expected[row, :length], atol=1e-3)
    shallow = fewer_layers(model, 2)
    assert bool((shallow.layers[1].f1.weight == model.layers[2].f1.weight).all())
    with pytest.raises(TrainingError, match="has 3 layers"):
        fewer_layers(model, 4)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "config.json").unlink(), "config.json"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "gpt2"}'), "cannot be trained on"),
        (lambda folder: (folder / "model.safetensors").unlink(), "pytorch_model.bin"),
        (lambda folder: cut(folder / "model.safetensors", 5), "cut off"),
        (lambda folder: cut(folder / "model.safetensors", 60_000), "cut off"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b""), "cannot be trained on"),
    ],
)
def test_an_encoder_that_is_cut_off_is_named(bert_folder: Path, tmp_path: Path, damage: Any, words: str) -> None:
    from rag.training.encoders import read_encoder

    made = shutil.copytree(bert_folder, tmp_path / "encoder")
    read_encoder(made)
    damage(made)
    with pytest.raises(TrainingError, match=words) as caught:
        read_encoder(made)
    assert str(made) in str(caught.value)
    assert "\n" not in str(caught.value)


def cut(path: Path, size: int) -> None:
    """Leave the last bytes of a file out."""
    path.write_bytes(path.read_bytes()[:-size])


def test_weights_that_fit_no_encoder(trained: Path) -> None:
    import torch

    from rag.training.encoders import load_state

    state = torch.load(trained / "model.pt", weights_only=True)
    with pytest.raises(TrainingError, match="are no encoder's"):
        load_state({"head.weight": state["head.weight"]})
    short = {name: values for name, values in state.items() if name != "layers.1.o.bias"}
    with pytest.raises(TrainingError, match=r"do not fit the encoder .*layers\.1\.o\.bias"):
        load_state(short)
    with pytest.raises(TrainingError, match=r"norm\.bias holds what is no number"):
        load_state({**state, "norm.bias": torch.full_like(state["norm.bias"], float("nan"))})


# What is refused


@pytest.mark.parametrize("changes", [{"rate": 2e-3}, {"steps": 6}, {"seed": 2}, {"tokens": 600}, {"layers": 1}])
def test_a_state_is_gone_on_with_under_the_same_settings_only(
    prepared: Path, bert_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    monkeypatch.setattr(rag.training.trainer, "CHECKPOINT_EVERY", -1.0)

    def stop(line: str) -> None:
        if "held-out rows" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(prepared, tmp_path, settings(bert_folder), say=stop)
    state = (tmp_path / CHECKPOINT).read_bytes()
    (name,) = changes
    with pytest.raises(TrainingError, match=f"other settings .*{name}") as caught:
        run(prepared, tmp_path, settings(bert_folder, **changes))
    assert str(tmp_path / CHECKPOINT) in str(caught.value)
    assert (tmp_path / CHECKPOINT).read_bytes() == state


def test_a_finished_run_is_not_trained_over(trained: Path, prepared: Path, bert_folder: Path) -> None:
    model = (trained / "model.pt").read_bytes()
    with pytest.raises(TrainingError, match=r"other settings .*steps 60 and not 5"):
        run(prepared, trained, settings(bert_folder))
    assert (trained / "model.pt").read_bytes() == model


@pytest.mark.parametrize("content", [b"", b"no state"])
def test_a_damaged_state_is_named(prepared: Path, bert_folder: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / CHECKPOINT).write_bytes(content)
    with pytest.raises(TrainingError, match="remove it to train from the beginning") as caught:
        run(prepared, tmp_path, settings(bert_folder))
    assert str(tmp_path / CHECKPOINT) in str(caught.value)


def without_pieces(folder: Path) -> None:
    plan = json.loads((folder / "plan.json").read_text("utf-8"))
    (folder / "plan.json").write_text(json.dumps({**plan, "pieces": []}), "utf-8")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "plan.json").unlink(), "citewell train prepare"),
        (lambda folder: (folder / "plan.json").write_text("{"), "citewell train prepare"),
        (lambda folder: (folder / "rows-0-0.npz.xz").unlink(), "cannot be read"),
        (lambda folder: cut(folder / "rows-1-0.npz.xz", 9), "is damaged: its SHA-256"),
        (lambda folder: cut(folder / "held-out.npz.xz", 9), "is damaged: its SHA-256"),
        (without_pieces, "no rows to learn from"),
    ],
)
def test_rows_that_are_missing_or_damaged_are_named(
    prepared: Path, bert_folder: Path, tmp_path: Path, damage: Any, words: str
) -> None:
    made = shutil.copytree(prepared, tmp_path / "rows")
    damage(made)
    with pytest.raises(TrainingError, match=words) as caught:
        run(made, tmp_path / "out", settings(bert_folder))
    assert str(made) in str(caught.value)
    assert not (tmp_path / "out" / "run.json").exists()


def test_a_teacher_that_is_not_finished_or_damaged_is_named(
    trained: Path, prepared: Path, bert_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="holds no finished run"):
        run(prepared, tmp_path / "out", settings(bert_folder, teacher=tmp_path))
    made = shutil.copytree(trained, tmp_path / "teacher")
    cut(made / "model.pt", 9)
    with pytest.raises(TrainingError, match="is missing or damaged"):
        run(prepared, tmp_path / "out", settings(bert_folder, teacher=made))
    with pytest.raises(TrainingError, match="is of the kind bert, not mpnet"):
        run(prepared, tmp_path / "out", settings(bert_folder, kind="mpnet"))


def test_rows_of_another_vocabulary_are_refused(prepared: Path, mpnet_folder: Path, tmp_path: Path) -> None:
    import torch

    from rag.training.encoders import Shape, build

    made = tmp_path / "base"
    made.mkdir()
    shape = Shape("bert", 1, 8, 2, 8, 320, 50)
    torch.save(build(shape).state_dict(), made / "model.pt")
    facts = {"settings": {}, "shape": shape.to_dict(), "held_out_sha256": ""}
    sha256 = rag.training.run.sha256_of(made / "model.pt")
    (made / "run.json").write_text(json.dumps({**facts, "sha256": sha256}), "utf-8")
    with pytest.raises(TrainingError, match="the model knows 50"):
        run(prepared, tmp_path / "out", settings(made))


# Where nothing but torch and numpy is installed


def test_a_run_needs_torch_and_numpy_alone(prepared: Path, bert_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = f"""
import json, runpy, sys
import torch, numpy
known = set(name.partition(".")[0] for name in sys.modules)
sys.argv = ["run", {str(prepared)!r}, "--out", {str(out)!r}, "--base", {str(bert_folder)!r}, "--steps", "2"]
try:
    runpy.run_module("rag.training.run", run_name="__main__")
except SystemExit as end:
    assert end.code == 0, end.code
print(json.dumps(sorted(set(name.partition(".")[0] for name in sys.modules) - known - set(sys.stdlib_module_names))))
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    # Some of what numpy and torch are made of has no package of its own; sympy, and mpmath with it, are torch's.
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert loaded >= {"index", "rag"}
    assert loaded & set(packages_distributions()) - {"index", "rag", "ui"} <= {"sympy", "mpmath"}
    assert "steps to see each once" in done.stderr
    assert finished(out) is not None


def test_the_module_ends_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rag.training.run.main([str(tmp_path), "--out", str(tmp_path / "out"), "--base", str(tmp_path)]) == 8
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
