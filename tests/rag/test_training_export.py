"""A trained reader as ONNX: smoothed, made small, measured, and refused where that costs too much."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from index.errors import TrainingError
from index.quantised import open_session
from rag.model_files import CHECKSUMS_FILE
from rag.reader_models import OnnxReader
from rag.training.export import export_reader, export_run, smoothed, write_graphs
from rag.training.held_out import figures, module_scores
from rag.training.packed_rows import PackedRows
from rag.training.run import read_model, read_plan

if TYPE_CHECKING:
    from pathlib import Path

    from rag.training.packed_rows import Arrays

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def held_out(prepared: Path) -> Arrays:
    return read_plan(prepared).held_out()


@pytest.fixture(scope="module")
def uneven(trained: Path) -> Any:
    """The trained model with a few channels of its inner states fifty times the others; it gives the same scores."""
    import torch

    model = copy.deepcopy(read_model(trained))
    factors = torch.ones(model.shape.width)
    factors[[3, 11]] = 300.0
    with torch.no_grad():
        for layer in model.layers:
            values = slice(2 * model.shape.width, 3 * model.shape.width)
            layer.qkv.weight[values] *= factors[:, None]
            layer.qkv.bias[values] *= factors
            layer.o.weight /= factors
    return model


def scores_of(model: Any, rows: Arrays) -> list[Any]:
    import torch

    packed = PackedRows(rows)
    batches = [packed.batch(cut) for cut in packed.cuts(2_048)]
    with torch.inference_mode():
        return [model(batch.ids.long(), batch.lengths, batch.contexts).numpy() for batch in batches]


def graph_scores(folder: Path, rows: Arrays) -> Any:
    """The scores of each row's tokens, all in a row."""
    import onnx

    session = open_session(onnx.load(folder / "model.onnx").SerializeToString())
    found, at = [], 0
    for length, context in zip(rows["lengths"].tolist(), rows["contexts"].tolist(), strict=True):
        ids = rows["ids"][None, at : at + length].astype(np.int64)
        types = (np.arange(length)[None] >= context).astype(np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": types}
        found.append(np.stack([each[0] for each in session.run(None, inputs)], axis=-1))
        at += length
    return np.concatenate(found)


@pytest.mark.parametrize("alpha", [0.0, 0.65, 0.8, 1.0])
def test_smoothing_changes_no_score(uneven: Any, held_out: Arrays, alpha: float) -> None:
    before = scores_of(uneven, held_out)
    after = scores_of(smoothed(uneven, held_out, alpha=alpha, windows=8), held_out)
    assert all(np.allclose(left, right, atol=1e-3) for left, right in zip(before, after, strict=True))
    again = scores_of(uneven, held_out)
    assert all((left == right).all() for left, right in zip(before, again, strict=True))


def test_smoothed_int8_is_nearer_to_fp32_than_plain_int8(uneven: Any, held_out: Arrays, tmp_path: Path) -> None:
    write_graphs(uneven, tmp_path / "plain")
    write_graphs(smoothed(uneven, held_out, alpha=0.8, windows=16), tmp_path / "smooth")
    full = graph_scores(tmp_path / "plain" / "fp32", held_out)
    assert np.allclose(graph_scores(tmp_path / "smooth" / "fp32", held_out), full, atol=1e-3)
    plain, smooth = (
        float(np.abs(graph_scores(tmp_path / name, held_out) - full).mean()) for name in ("plain", "smooth")
    )
    assert smooth < 0.7 * plain


def test_mpnet_is_exported_with_any_number_of_tokens(held_out: Arrays, tmp_path: Path) -> None:
    import torch

    from rag.training.encoders import Shape, build

    torch.manual_seed(4)
    model = build(Shape("mpnet", 2, 32, 2, 64, 322, 200)).eval()
    torch.nn.init.normal_(model.rel.weight, std=2.0)
    torch.nn.init.normal_(model.head.weight, std=0.5)
    write_graphs(model, tmp_path)
    found = graph_scores(tmp_path / "fp32", held_out)
    packed, at = PackedRows(held_out), 0
    assert packed.highest < 200
    with torch.inference_mode():
        for length in held_out["lengths"].tolist():
            ids = torch.from_numpy(held_out["ids"][at : at + length].astype(np.int64))[None]
            expected = model(ids, torch.tensor([length]), torch.tensor([3]))[0].numpy()
            assert np.allclose(found[at : at + length], expected, atol=1e-4)
            at += length
    assert at == len(found)


def test_a_readers_folder_is_written(trained: Path, towns: Any, tmp_path: Path) -> None:
    path = tmp_path / "towns.json"
    path.write_text(json.dumps(towns(6, first=40)), "utf-8")
    out = tmp_path / "reader"
    lines: list[str] = []
    found = export_run(trained, out, alpha=0.75, check=[path], say=lines.append)
    assert {str(each.relative_to(out)) for each in out.rglob("*") if each.is_file()} == {
        f"{folder}{name}" for folder in ("", "fp32/") for name in ("model.onnx", "tokenizer.json", CHECKSUMS_FILE)
    } | {"README.md"}
    for folder in (out, out / "fp32"):
        sums = json.loads((folder / CHECKSUMS_FILE).read_text("utf-8"))
        assert sums == {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("model.onnx", "tokenizer.json")
        }
    assert set(found) == {"fp32", "int8"}
    assert set(found["int8"]) == {"held-out rows", "towns.json"}
    whole = figures(PackedRows(read_plan_rows(trained)), module_scores(read_model(trained), "cpu"))
    assert whole.f1 is not None
    assert found["fp32"]["held-out rows"]["f1"] == pytest.approx(whole.f1, abs=3.0)  # that is in bf16
    assert found["fp32"]["held-out rows"]["f1"] - found["int8"]["held-out rows"]["f1"] <= 0.7
    text = (out / "README.md").read_text("utf-8")
    assert "60 steps of 1,024 tokens, rate 0.003, dropout 0, seed 1" in text
    assert "smoothed with alpha 0.75 by " in text
    assert f"| towns.json | f1 | {found['int8']['towns.json']['f1']:.1f} |" in text
    assert "60 steps to see" not in text
    assert (trained / "run.log").read_text("utf-8").strip().splitlines()[-1] in text
    assert OnnxReader.load(out).name == str(out)
    assert any(line.startswith("int8, held-out rows: f1 ") for line in lines)
    with pytest.raises(TrainingError, match="is not empty"):
        export_run(trained, out)


def read_plan_rows(trained: Path) -> Arrays:
    from rag.training.packed_rows import read_piece
    from rag.training.run import finished

    facts = finished(trained)
    assert facts is not None
    return read_piece(trained / "held-out.npz.xz", facts["held_out_sha256"])


def test_no_file_is_larger_than_it_may_be(trained: Path, held_out: Arrays, tmp_path: Path) -> None:
    import onnx

    whole, split = tmp_path / "whole", tmp_path / "split"
    model, tokenizer = read_model(trained), trained / "tokenizer.json"
    export_reader(model, whole, tokenizer=tokenizer, held_out=held_out, most_lost=100)
    largest = 40_000
    small = (whole / "model.onnx").stat().st_size
    assert small > largest
    export_reader(model, split, tokenizer=tokenizer, held_out=held_out, most_lost=100, largest=small - 1_000)
    assert (split / "embeddings.bin").exists()
    assert not list(split.glob("weights-*.bin"))
    assert "embeddings.bin" in json.loads((split / CHECKSUMS_FILE).read_text("utf-8"))
    assert list((split / "fp32").glob("weights-1.bin"))
    for folder in (split, split / "fp32"):
        other = whole / folder.relative_to(split)
        assert (graph_scores(folder, held_out) == graph_scores(other, held_out)).all()
        assert max(path.stat().st_size for path in folder.glob("*.*")) <= small - 1_000 or folder.name == "fp32"
    words = [each.name for each in onnx.load(split / "model.onnx", load_external_data=False).graph.initializer
             if each.data_location == onnx.TensorProto.EXTERNAL]  # fmt: skip
    assert len(words) == 1
    assert ".word.weight" in words[0]


def test_where_int8_loses_too_much_nothing_is_left(trained: Path, held_out: Arrays, tmp_path: Path) -> None:
    out = tmp_path / "readers" / "reader"
    options: dict[str, Any] = {"tokenizer": trained / "tokenizer.json", "held_out": held_out}
    # What int8 gains would have to be more than that.
    with pytest.raises(
        TrainingError, match=r"int8 loses .* F1 on held-out rows .*nothing is left: try another --alpha"
    ):
        export_reader(read_model(trained), out, most_lost=-100.0, **options)
    assert list(out.parent.iterdir()) == []
    nothing = {**held_out, "answered": np.zeros_like(held_out["answered"])}
    with pytest.raises(TrainingError, match="no held-out rows with an answer"):
        export_reader(read_model(trained), out, **{**options, "held_out": nothing})


def test_a_state_alone_is_exported_with_rows_that_are_named(trained: Path, prepared: Path, tmp_path: Path) -> None:
    import torch

    from rag.training.encoders import Shape, build

    # An encoder with 12 heads, as all that are common.
    torch.manual_seed(5)
    path = tmp_path / "weights.pt"
    torch.save(build(Shape("bert", 1, 24, 12, 32, 320, 200)).state_dict(), path)
    with pytest.raises(TrainingError, match="with --prepared"):
        export_run(path, tmp_path / "out")
    export_run(path, tmp_path / "out", prepared=prepared, most_lost=100)
    text = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "BERT kind, 1 layers of width 24" in text
    assert "trained by" not in text
    for content in (b"", b"no state", path.read_bytes()[:-500]):
        path.write_bytes(content)
        with pytest.raises(TrainingError, match="cannot be read as a model's state"):
            export_run(path, tmp_path / "other", prepared=prepared)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("run.json", "holds no finished run"),
        ("model.pt", "is missing or damaged"),
        ("held-out.npz.xz", "cannot be read"),
        ("tokenizer.json", "is not there"),
    ],
)
def test_a_run_that_is_not_whole_is_named(trained: Path, tmp_path: Path, name: str, words: str) -> None:
    made = shutil.copytree(trained, tmp_path / "run")
    (made / name).unlink()
    with pytest.raises(TrainingError, match=words) as caught:
        export_run(made, tmp_path / "out")
    assert str(made) in str(caught.value)
    assert not (tmp_path / "out").exists()
