"""The files of a model folder against their checksums, and the shipped readers loaded from such folders."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest

import rag.reader_models
from index.errors import ReaderError
from rag.cascade import Cascade
from rag.model_files import CHECKSUMS_FILE, verify, write_checksums
from rag.reader import Passage
from rag.reader_models import OnnxReader, load_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

FILES = {"model.onnx": b"\x00\x01weights", "tokenizer.json": b"{}"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two files and their checksums."""
    made = tmp_path / "model"
    made.mkdir()
    for name, content in FILES.items():
        (made / name).write_bytes(content)
    write_checksums(made, tuple(FILES))
    return made


# Checksums


def test_files_that_are_what_was_written_pass(folder: Path) -> None:
    verify(folder)
    (folder / "README.md").write_text("no file of the model")
    verify(folder)
    digests = json.loads((folder / CHECKSUMS_FILE).read_text("utf-8"))
    assert set(digests) == set(FILES)
    # `printf '{}' | sha256sum`
    assert digests["tokenizer.json"] == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_a_folder_without_checksums_is_let_pass(folder: Path) -> None:
    (folder / CHECKSUMS_FILE).unlink()
    (folder / "model.onnx").write_bytes(b"another")
    verify(folder)


@pytest.mark.parametrize("at", [0, 3, len(FILES["model.onnx"]) - 1])
def test_a_flipped_bit_is_found(folder: Path, at: int) -> None:
    content = bytearray(FILES["model.onnx"])
    content[at] ^= 1
    (folder / "model.onnx").write_bytes(content)
    with pytest.raises(ReaderError, match="is damaged: its SHA-256 begins with") as caught:
        verify(folder)
    assert str(folder / "model.onnx") in str(caught.value)
    assert "install citewell again" in str(caught.value)
    found, expected = re.findall(r"[0-9a-f]{12}", str(caught.value).replace(str(folder), ""))
    assert json.loads((folder / CHECKSUMS_FILE).read_text("utf-8"))["model.onnx"].startswith(expected)
    assert found != expected


@pytest.mark.parametrize("length", [0, 1, len(FILES["model.onnx"]) - 1])
def test_a_file_that_was_cut_is_found(folder: Path, length: int) -> None:
    (folder / "model.onnx").write_bytes(FILES["model.onnx"][:length])
    with pytest.raises(ReaderError, match="is damaged"):
        verify(folder)


@pytest.mark.parametrize("name", list(FILES))
def test_a_file_that_is_missing_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ReaderError, match="cannot be read") as caught:
        verify(folder)
    assert str(folder / name) in str(caught.value)
    assert "`citewell train export` again" in str(caught.value)
    with pytest.raises(OSError, match=re.escape(name)):
        write_checksums(folder, tuple(FILES))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"model.onnx"', b"\xff\xfe"])
def test_checksums_that_cannot_be_read_are_named(folder: Path, content: bytes) -> None:
    (folder / CHECKSUMS_FILE).write_bytes(content)
    with pytest.raises(ReaderError, match="cannot be read") as caught:
        verify(folder)
    assert str(folder / CHECKSUMS_FILE) in str(caught.value)
    assert "\n" not in str(caught.value)


# Readers in such folders


def graph(outputs: Sequence[str]) -> bytes:
    """A graph whose outputs all are the numbers of the tokens: of the shape of a reader's, and quick."""
    from onnx import TensorProto, helper

    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", "tokens"]) for name in names]
    nodes = [helper.make_node("Cast", ["input_ids"], [name], to=TensorProto.FLOAT) for name in outputs]
    found = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", "tokens"]) for name in outputs]
    made = helper.make_graph(nodes, "reader", inputs, found)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """The folders of both shipped readers, of tiny ones in their place."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ("[UNK]", "[CLS]", "[SEP]", "Who", "?", "Ada", "knows", ".")
    tokenizer = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    for name in rag.reader_models.SHIPPED:
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.onnx").write_bytes(graph(("start", "end", "relevance")))
        tokenizer.save(str(tmp_path / name / "tokenizer.json"))
        write_checksums(tmp_path / name, tuple(FILES))
    monkeypatch.setattr(rag.reader_models, "shipped_folder", lambda name: tmp_path / name)
    load_reader.cache_clear()
    yield lambda name: tmp_path / name
    load_reader.cache_clear()


def test_both_shipped_readers_read(shipped: Callable[[str], Path]) -> None:
    reader = load_reader()
    assert isinstance(reader, Cascade)
    assert (reader.folder, reader.quick.name, reader.sharp) == (shipped("quick"), "quick", "sharp")
    passages = [Passage(("Ada knows.", "Who?"))]
    (reading,) = reader.read("Who?", passages)
    assert len(reading.sentences) == 2
    assert reader.quick.read("Who?", passages) == reader.read_again("Who?", passages), "of one graph"


@pytest.mark.parametrize("outputs", [("start", "end"), ("end", "start", "relevance"), ("logits",)])
def test_a_folder_whose_model_gives_something_else_is_no_readers(
    shipped: Callable[[str], Path], outputs: tuple[str, ...]
) -> None:
    folder = shipped("sharp")
    (folder / "model.onnx").write_bytes(graph(outputs))
    for name in ("auto", "sharp", str(folder)):
        write_checksums(folder, tuple(FILES))
        with pytest.raises(ReaderError, match=re.escape(f"its outputs are {list(outputs)}, not start, end and")):
            load_reader(name)
    assert isinstance(load_reader("quick"), OnnxReader)


@pytest.mark.parametrize("name", ["quick", "sharp"])
@pytest.mark.parametrize("file", list(FILES))
def test_a_damaged_shipped_reader_is_told_and_not_passed_over(
    shipped: Callable[[str], Path], caplog: pytest.LogCaptureFixture, name: str, file: str
) -> None:
    path = shipped(name) / file
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ReaderError, match="is damaged") as caught:
        load_reader()
    assert str(path) in str(caught.value)
    assert caplog.records == []
    assert load_reader("sharp" if name == "quick" else "quick") is not None


def failing(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    """Let ONNX Runtime fail to open the model of one reader."""
    opened = rag.reader_models.open_model

    def open_model(path: Path) -> Any:
        if path.parent.name == name:
            raise error
        return opened(path)

    monkeypatch.setattr(rag.reader_models, "open_model", open_model)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Exception during initialization: std::bad_alloc"),
        RuntimeError("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 8388608"),
        OSError(12, "Cannot allocate memory"),
    ],
)
@pytest.mark.usefixtures("shipped")
def test_without_memory_for_both_the_quick_one_reads_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    failing(monkeypatch, "sharp", error)
    with caplog.at_level(logging.INFO, logger="rag"):
        reader = load_reader()
        assert load_reader() is reader
    assert isinstance(reader, Cascade)
    assert (reader.name, reader.quick.name, reader.sharp) == ("auto", "quick", None)
    assert reader.read("Who?", [Passage(("Ada knows.",))]) == reader.quick.read("Who?", [Passage(("Ada knows.",))])
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (
        logging.WARNING,
        "there is no memory for the reader 'sharp': 'quick' reads alone",
    )


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("sharp", ValueError("no graph")),
        ("sharp", PermissionError(13, "Permission denied")),
        ("quick", MemoryError()),
    ],
)
@pytest.mark.usefixtures("shipped")
def test_other_failures_are_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, error: Exception
) -> None:
    failing(monkeypatch, name, error)
    with pytest.raises(ReaderError, match="cannot be loaded") as caught:
        load_reader()
    assert caught.value.__cause__ is error
    assert name in str(caught.value)
    assert caplog.records == []


@pytest.mark.usefixtures("shipped")
def test_a_reader_that_is_asked_for_by_name_must_find_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "sharp", MemoryError())
    with pytest.raises(ReaderError, match="cannot be loaded"):
        load_reader("sharp")
