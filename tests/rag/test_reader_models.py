"""The readers there are, on a tiny model of random weights: exported and on ONNX Runtime, and on transformers."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rag.reader_models
from index.errors import ReaderError
from rag.cascade import Cascade
from rag.reader import MAX_TOKENS, Passage, Reading, SentenceReading, SpanReading
from rag.reader_models import SHIPPED, BatchReader, OnnxReader, Tokenizer, TransformersReader, load_reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("one_thread")

QUESTION = "When was the bridge opened?"
PASSAGES = (
    Passage(("The bridge opened on Monday.", "It cost 12 million, the city said.", "Nobody came."), "Bridge Opens"),
    Passage(("Ångström’s «bro» åpnet — naïve façades, 5 °C.", "橋が開いた。 🎉 It opened."), "Ærlig talt"),
    Passage((" ".join(f"The bridge number {number} opened later." for number in range(60)), "Short.", "")),
    Passage(tuple(f"Sentence {number} of a passage that no window holds." for number in range(14)), "Long"),
    Passage(("Late.",)),
)


class ModuleReader(BatchReader):
    """A module of torch as a reader: what its exports are compared with."""

    def __init__(self, model: Any, folder: Path) -> None:
        super().__init__(Tokenizer.load(folder / "tokenizer.json"), "module", 2, 3, 0)
        self._model = model

    def scores(self, ids: Any, mask: Any, types: Any) -> tuple[Any, ...]:
        import torch

        lengths = torch.from_numpy(mask.sum(axis=1))
        with torch.inference_mode():
            found = self._model(torch.from_numpy(ids), lengths, lengths - torch.from_numpy(types.sum(axis=1)))
        return tuple(found[:, :, channel].numpy() for channel in range(3))


@pytest.fixture(scope="module")
def module(bert_folder: Path) -> Any:
    import torch

    from rag.training.encoders import read_encoder

    torch.manual_seed(1)
    model = read_encoder(bert_folder)
    torch.nn.init.normal_(model.head.weight, std=0.5)
    return model.eval()


@pytest.fixture(scope="module")
def folder(module: Any, bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `citewell train export` leaves it: int8, and fp32 in a folder within."""
    from rag.training.export import write_graphs

    made = tmp_path_factory.mktemp("reader")
    write_graphs(module, made)
    for each in (made, made / "fp32"):
        shutil.copyfile(bert_folder / "tokenizer.json", each / "tokenizer.json")
    return made


@pytest.fixture(scope="module")
def reader(folder: Path) -> OnnxReader:
    return OnnxReader.load(folder)


@pytest.fixture
def forgetful() -> Iterator[None]:
    """No reader of another test is remembered, and none of this one's is."""
    load_reader.cache_clear()
    yield
    load_reader.cache_clear()


def check(passages: Sequence[Passage], readings: Sequence[Reading]) -> None:
    """Every sentence has a reading, and every span lies inside its own."""
    assert len(passages) == len(readings)
    for passage, reading in zip(passages, readings, strict=True):
        assert len(passage.sentences) == len(reading.sentences)
        assert np.isfinite(reading.no_answer)
        for text, sentence in zip(passage.sentences, reading.sentences, strict=True):
            if sentence.span is None:
                assert sentence == SentenceReading(None, float("-inf"), float("-inf"))
                continue
            words = text[sentence.span.start : sentence.span.end]
            assert 0 <= sentence.span.start < sentence.span.end <= len(text)
            assert words == words.strip() != ""
            assert np.isfinite([sentence.margin, sentence.score]).all()


def alike(left: Sequence[Reading], right: Sequence[Reading], tolerance: float) -> None:
    """The same spans, and the same scores but for rounding."""
    assert len(left) == len(right)
    for mine, yours in zip(left, right, strict=True):
        assert mine.no_answer == pytest.approx(yours.no_answer, abs=tolerance)
        for own, other in zip(mine.sentences, yours.sentences, strict=True):
            assert (own.span is None) == (other.span is None)
            if own.span is not None and other.span is not None:
                assert (own.span.start, own.span.end) == (other.span.start, other.span.end)
                found = [own.span.score, own.margin, own.score]
                assert found == pytest.approx([other.span.score, other.margin, other.score], abs=tolerance)


# The tokenizer


def test_tokens_have_their_places_in_the_text(bert_folder: Path) -> None:
    tokenize = Tokenizer.load(bert_folder / "tokenizer.json")
    text = "Él: 🎉 l’été, naïve"
    (tokens,) = tokenize([text])
    assert "".join(text[start:end] for start, end in tokens.spans) == text.replace(" ", "")
    assert [start for start, _ in tokens.spans] == sorted({start for start, _ in tokens.spans})
    assert (tokenize.special("[CLS]"), tokenize.special("[SEP]")) == (2, 3)
    with pytest.raises(ValueError, match=r"holds no \[MASK\]"):
        tokenize.special("[MASK]")


def test_what_the_file_says_of_truncation_and_padding_is_set_aside(bert_folder: Path, tmp_path: Path) -> None:
    content = json.loads((bert_folder / "tokenizer.json").read_text("utf-8"))
    content["truncation"] = {"max_length": 4, "stride": 0, "strategy": "LongestFirst", "direction": "Right"}
    content["padding"] = {
        "strategy": {"Fixed": 50},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), "utf-8")
    assert [len(each) for each in Tokenizer.load(tmp_path / "tokenizer.json")(["a bridge", ""])] == [7, 0]


def test_a_text_is_tokenised_alike_whether_remembered_or_not(
    bert_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenize = Tokenizer.load(bert_folder / "tokenizer.json")
    words = ["one", "two", "one", "three", "", "four"]
    first = tokenize(words)
    monkeypatch.setattr(rag.reader_models, "_REMEMBERED", 2)
    assert tokenize(words) == tokenize(words[::-1])[::-1] == first
    assert first[0] == first[2] != first[1]


# On ONNX Runtime


def test_the_export_reads_as_the_module_does(
    folder: Path, module: Any, bert_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rag.reader_models, "_TEMPERATURE", 0.0)  # the best span, not the consensus
    full = OnnxReader.load(folder / "fp32").read(QUESTION, PASSAGES)
    check(PASSAGES, full)
    alike(full, ModuleReader(module, bert_folder).read(QUESTION, PASSAGES), 1e-4)


def test_a_batch_reads_as_one_passage_at_a_time_does(module: Any, bert_folder: Path) -> None:
    reader = ModuleReader(module, bert_folder)
    passages = [Passage((f"Bridge {number}.", "and more " * (number % 7))) for number in range(40)]
    together = reader.read(QUESTION, passages)
    alike(together, [reading for each in passages for reading in reader.read(QUESTION, [each])], 1e-4)
    assert len({reading.no_answer for reading in together}) > 30


def test_small_numbers_cost_little(folder: Path, reader: OnnxReader) -> None:
    small, full = reader.read(QUESTION, PASSAGES), OnnxReader.load(folder / "fp32").read(QUESTION, PASSAGES)
    check(PASSAGES, small)
    assert (folder / "model.onnx").stat().st_size < (folder / "fp32" / "model.onnx").stat().st_size
    scores = [
        [each.score for reading in readings for each in reading.sentences if each.span] for readings in (small, full)
    ]
    assert np.corrcoef(*scores)[0, 1] > 0.8


def test_a_question_that_yes_or_no_would_answer_marks_whole_sentences(reader: OnnxReader) -> None:
    whole = reader.read("Did the bridge open?", PASSAGES[:2])
    spans = [each.span for reading in whole for each in reading.sentences]
    texts = [text for passage in PASSAGES[:2] for text in passage.sentences]
    assert [text[span.start : span.end] for text, span in zip(texts, spans, strict=True) if span] == texts
    parts = [each.span for reading in reader.read(QUESTION, PASSAGES[:2]) for each in reading.sentences]
    assert [text[span.start : span.end] for text, span in zip(texts, parts, strict=True) if span] != texts


def test_what_a_passage_says_does_not_depend_on_the_others(reader: OnnxReader) -> None:
    together = reader.read(QUESTION, PASSAGES)
    assert [reading for each in PASSAGES for reading in reader.read(QUESTION, [each])] == together
    assert reader.read(QUESTION, PASSAGES[::-1]) == together[::-1]


def test_threads_read_what_one_reads(reader: OnnxReader) -> None:
    questions = [f"What of number {number}?" for number in range(6)]
    expected = [reader.read(question, PASSAGES) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: [reader.read(question, PASSAGES) for question in questions], range(8)))
    assert found == [expected] * 8
    assert expected[0] != expected[1]


def test_the_title_is_read(reader: OnnxReader) -> None:
    bare, titled = reader.read(QUESTION, [Passage(("Late.",)), Passage(("Late.",), "Bridge Opens")])
    assert bare.sentences != titled.sentences
    assert [each.span for each in titled.sentences if each.span is not None and each.span.end > 5] == []


def test_nothing_to_read(reader: OnnxReader) -> None:
    assert reader.read(QUESTION, []) == []
    nothing = reader.read(QUESTION, [Passage(()), Passage((), "Title"), Passage(("", " \n")), PASSAGES[4]])
    assert nothing[0] == nothing[1] == Reading((), 0.0)
    assert nothing[2].sentences == (SentenceReading(None, float("-inf"), float("-inf")),) * 2
    assert nothing[2].best is None
    assert nothing[3] == reader.read(QUESTION, [PASSAGES[4]])[0]


def test_a_very_long_question_and_a_very_long_sentence(reader: OnnxReader) -> None:
    # The model has places for MAX_TOKENS tokens: one more would be an error.
    words = [f"w{number}" for number in range(900)]
    passages = [Passage((" ".join(words), "Short.", "x" * 5_000), " ".join(words))]
    readings = reader.read(" ".join(words), passages)
    check(passages, readings)
    # A word of more than 100 characters is one unknown token.
    assert readings[0].sentences[2].span == SpanReading(0, 5_000, pytest.approx(readings[0].sentences[2].span.score))
    assert MAX_TOKENS == 320


@settings(max_examples=40, deadline=None)
@given(question=st.text(max_size=50), sentences=st.lists(st.text(max_size=60), max_size=4), title=st.text(max_size=20))
def test_spans_of_any_text_lie_in_their_sentences(
    reader: OnnxReader, question: str, sentences: list[str], title: str
) -> None:
    passages = [Passage(tuple(sentences), title)]
    check(passages, reader.read(question, passages))


def test_a_reader_has_a_name_and_a_folder(folder: Path, reader: OnnxReader) -> None:
    assert (reader.name, reader.folder) == (str(folder), folder)
    assert OnnxReader.load(folder, name="ours").name == "ours"


def other_outputs(target: Path) -> None:
    """A graph with one output, as an encoder's export has it."""
    from onnx import TensorProto, helper, save

    shape = ["batch", "tokens"]
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in names]
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, shape)
    node = helper.make_node("Cast", ["input_ids"], ["last_hidden_state"], to=TensorProto.FLOAT)
    graph = helper.make_graph([node], "encoder", inputs, [output])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(target))


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda folder: (folder / "model.onnx").unlink(), "model.onnx"),
        (lambda folder: (folder / "model.onnx").write_bytes(b"no graph"), "model.onnx"),
        (
            lambda folder: (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:2_000]),
            "model.onnx",
        ),
        (lambda folder: other_outputs(folder / "model.onnx"), r"outputs are \['last_hidden_state'\], not start, end"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "with model.onnx and tokenizer.json"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "with model.onnx and tokenizer.json"),
    ],
)
def test_what_is_no_reader(folder: Path, tmp_path: Path, damage: Any, what: str) -> None:
    made = shutil.copytree(folder, tmp_path / "reader")
    OnnxReader.load(made)
    damage(made)
    with pytest.raises(ReaderError, match=what) as caught:
        OnnxReader.load(made)
    assert str(made) in str(caught.value)
    assert "expected a folder that `citewell train` made" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_vocabulary_without_the_special_tokens_is_no_readers(folder: Path, tmp_path: Path) -> None:
    made = shutil.copytree(folder, tmp_path / "reader")
    text = (made / "tokenizer.json").read_text("utf-8").replace("[CLS]", "<s>")
    (made / "tokenizer.json").write_text(text, "utf-8")
    with pytest.raises(ReaderError, match=r"holds no \[CLS\]"):
        OnnxReader.load(made)


# On transformers


@pytest.fixture(scope="module")
def squad_folder(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A question-answering model with places for 64 tokens."""
    import torch
    from transformers import BertConfig, BertForQuestionAnswering

    made = shutil.copytree(bert_folder, tmp_path_factory.mktemp("squad") / "model")
    config = BertConfig.from_pretrained(bert_folder, max_position_embeddings=64, initializer_range=0.3)
    torch.manual_seed(2)
    BertForQuestionAnswering(config).save_pretrained(made)
    return made


def test_a_question_answering_model_of_transformers(squad_folder: Path) -> None:
    import torch
    from transformers import AutoTokenizer, BertForQuestionAnswering

    reader = TransformersReader.load(str(squad_folder))
    assert (reader.name, reader.folder) == (str(squad_folder), None)
    sentence = "It cost 12 million."
    (reading,) = reader.read("Who paid?", [Passage((sentence,))])

    tokenize = AutoTokenizer.from_pretrained(squad_folder)
    inputs = tokenize("Who paid?", sentence, return_tensors="pt", return_token_type_ids=True)
    with torch.inference_mode():
        output = BertForQuestionAnswering.from_pretrained(squad_folder).eval()(**inputs)
    start, end = output.start_logits[0].numpy(), output.end_logits[0].numpy()
    first = int(inputs["token_type_ids"][0].argmax())
    count = len(start) - 1
    best = max(float(start[i] + end[j]) for i in range(first, count) for j in range(i, min(count, i + 30)))
    none = float(start[0] + end[0])
    (found,) = reading.sentences
    assert found.span is not None
    assert found.span.score == pytest.approx(best, abs=1e-4)
    assert reading.no_answer == pytest.approx(none, abs=1e-4)
    assert found.margin == found.score == pytest.approx(best - none, abs=1e-4)


def test_a_model_with_few_places_gets_short_windows(squad_folder: Path) -> None:
    reader = TransformersReader.load(str(squad_folder))
    check(PASSAGES, reader.read("A long question? " * 20, PASSAGES))
    alike(reader.read(QUESTION, PASSAGES)[:1], reader.read(QUESTION, PASSAGES[:1]), 1e-4)


def test_a_model_that_counts_its_places_as_roberta_does(bert_folder: Path, tmp_path: Path) -> None:
    from transformers import RobertaConfig, RobertaForQuestionAnswering

    made = shutil.copytree(bert_folder, tmp_path / "model")
    size = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = RobertaConfig(vocab_size=200, max_position_embeddings=66, type_vocab_size=1, **size)
    RobertaForQuestionAnswering(config).save_pretrained(made)
    check(PASSAGES, TransformersReader.load(str(made)).read("A long question? " * 20, PASSAGES))


def test_a_model_without_a_head_for_spans_is_refused(bert_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ReaderError, match="no trained head for spans") as caught:
        TransformersReader.load(str(bert_folder))
    assert "expected a folder with an extractive question-answering model" in str(caught.value)
    with pytest.raises(ReaderError, match="cannot be loaded"):
        TransformersReader.load(str(tmp_path))


# By name


@pytest.mark.usefixtures("forgetful")
def test_a_reader_is_found_by_its_name(folder: Path, squad_folder: Path) -> None:
    assert load_reader("none") is None
    ours = load_reader(str(folder))
    assert isinstance(ours, OnnxReader)
    assert load_reader(str(folder)) is ours
    assert isinstance(load_reader(str(squad_folder)), TransformersReader)


@pytest.mark.usefixtures("forgetful")
def test_a_name_that_is_no_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    for name in ("citewell-tests/no-such-reader", str(tmp_path / "nowhere"), str(tmp_path)):
        with pytest.raises(ReaderError, match="cannot be loaded") as caught:
            load_reader(name)
        assert name in str(caught.value)


@pytest.mark.usefixtures("forgetful")
def test_the_default_reader_is_both_shipped_ones(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(rag.reader_models, "shipped_folder", lambda name: asked.append(name) or folder)
    default = load_reader()
    assert isinstance(default, Cascade)
    assert (default.name, default.folder) == ("auto", folder)
    assert (default.quick.name, default.sharp) == ("quick", "sharp")
    assert asked == ["quick", "sharp"]
    for name in SHIPPED:
        alone = load_reader(name)
        assert isinstance(alone, OnnxReader)
        assert (alone.name, alone.folder) == (name, folder)
    assert asked == ["quick", "sharp"], "each is loaded once, alone or with the other"
    load_reader.cache_clear()
    monkeypatch.setattr(rag.reader_models, "shipped_folder", lambda _: tmp_path)
    for name in (None, "auto", *SHIPPED):
        with pytest.raises(ReaderError, match="cannot be loaded"):
            load_reader(name)
