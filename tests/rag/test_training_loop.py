"""A training on a tiny encoder: its losses, its steps, and how it goes on where it was interrupted."""

from __future__ import annotations

import dataclasses
import json
import logging
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import rag.training.loop
from index.errors import TrainingError
from rag.evaluation.ranking_files import RankedQuestion
from rag.reader import Reading, SentenceReading, SpanReading
from rag.reader_models import Tokenizer
from rag.training.batches import Batch, to_arrays
from rag.training.data import Asked, Context, DataSet, Ranked
from rag.training.held_out import ModuleReader, figures
from rag.training.loop import CHECKPOINT, Plan, Sources, epoch_rows, read_sources, train
from rag.training.model import build, losses
from rag.training.retrieved import Retrieved

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("one_thread")

PLAN = Plan(epochs=2.5, rate=3e-3, tokens=256, shares={})


def bridges(count: int = 12) -> DataSet:
    data = DataSet("bridges.json")
    for number in range(count):
        year = str(1900 + 7 * number)
        sentences = (f"Bridge {number} opened in {year}.", "It rained.")
        data.contexts.append(Context(sentences, "", f"document {number}"))
        data.asked.append(Asked(f"When did bridge {number} open?", number, ((0, len(sentences[0]) - 5, -1),)))
    data.asked = [
        dataclasses.replace(each, answers=((0, each.answers[0][1], each.answers[0][1] + 4),)) for each in data.asked
    ]
    return data


@pytest.fixture
def sources() -> Sources:
    data = bridges()
    data.ranked.append(Ranked("Who came?", ("Bob came.", "It rained.", "Fog."), (True, False, False), False))
    return Sources([(data, [[]] * len(data.asked))])


# Losses


def random_batch(seed: int, *, known: bool = True) -> Batch:
    """Four rows of eight tokens, the last one there to fill up; sentences of three questions in them."""
    generator = np.random.default_rng(seed)
    shape = (4, 8)
    zeros = np.zeros(shape, dtype=np.int64)
    allowed = generator.random(shape) < 0.7
    starts, ends = generator.random((2, *shape)) < 0.3
    allowed[:, 0] = True
    starts[:, 5], ends[:, 6] = True, True
    allowed[:, 5:7] = True
    starts &= allowed
    ends &= allowed
    sentence = np.full(shape, -1, dtype=np.int64)
    for row in range(3):
        sentence[row, 2:4], sentence[row, 4:7] = 2 * row, 2 * row + 1
    return Batch(
        zeros,
        zeros,
        zeros,
        starts,
        ends,
        allowed,
        np.array([known, False, known, False]),
        sentence,
        np.array([1.0, 0.0, -1.0, 1.0, 0.0, 0.0], dtype=np.float32),
        np.array([0, 0, 0, 1, 2, 2], dtype=np.int64),
    )


def log_softmax(values: Any) -> Any:
    return values - values.max() - np.log(np.exp(values - values.max()).sum())


def expected_losses(scores: Any, batch: Batch) -> dict[str, float]:
    """The same by the book, in double precision."""
    span = []
    for channel, targets in ((0, batch.starts), (1, batch.ends)):
        own = []
        for row in np.flatnonzero(batch.answers):
            places = np.flatnonzero(batch.open[row])
            log_probabilities = log_softmax(scores[row, places, channel].astype(np.float64))
            own.append(-np.log(np.exp(log_probabilities[targets[row, places]]).sum()))
        span.append(np.mean(own) if own else 0.0)
    means = [scores[:, :, 2][batch.sentence == number].astype(np.float64).mean() for number in range(len(batch.right))]
    crossed = [
        np.log1p(np.exp(-mean)) if right else np.log1p(np.exp(mean))
        for mean, right in zip(means, batch.right, strict=True)
        if right >= 0
    ]
    lists = []
    for group in set(batch.group.tolist()):
        members = [at for at in range(len(means)) if batch.group[at] == group and batch.right[at] >= 0]
        mass = [np.exp(means[at]) for at in members]
        right = [np.exp(means[at]) for at in members if batch.right[at] == 1]
        if len(members) > 1 and right:
            lists.append(-np.log(sum(right) / sum(mass)))
    return {"span": float(np.mean(span)), "sentence": float(np.mean(crossed)), "list": float(np.mean(lists))}


@pytest.mark.parametrize("seed", range(5))
def test_losses_are_those_by_the_book(seed: int) -> None:
    import torch

    scores = np.random.default_rng(100 + seed).normal(0, 2, (4, 8, 3)).astype(np.float32)
    batch = random_batch(seed)
    found = {name: float(value) for name, value in losses(torch.from_numpy(scores), batch).items()}
    assert found == pytest.approx(expected_losses(scores, batch), rel=1e-4)
    # What fills a batch up, and rows whose answers are not known, have no part in the spans' loss.
    other = scores.copy()
    other[3], other[1, :, :2] = 7.0, -7.0
    assert {name: float(value) for name, value in losses(torch.from_numpy(other), batch).items()} == pytest.approx(
        found
    )


def test_what_is_not_known_has_no_loss() -> None:
    import torch

    scores = torch.randn(4, 8, 3, requires_grad=True)
    unknown = dataclasses.replace(random_batch(1, known=False), right=np.full(6, -1, dtype=np.float32))
    assert {value.item() for value in losses(scores, unknown).values()} == {0.0}
    alone = dataclasses.replace(random_batch(1), group=np.arange(6))
    assert losses(scores, alone)["list"].item() == 0.0
    assert losses(scores, alone)["sentence"].item() > 0
    none_right = dataclasses.replace(random_batch(1), right=np.zeros(6, dtype=np.float32))
    assert losses(scores, none_right)["list"].item() == 0.0


def test_extreme_scores_have_finite_losses() -> None:
    import torch

    for size in (1e3, -1e3, 1e6):
        scores = (size * torch.randn(4, 8, 3, generator=torch.Generator().manual_seed(1))).requires_grad_()
        total = sum(losses(scores, random_batch(2)).values())
        assert bool(torch.isfinite(total))
        total.backward()
        assert bool(torch.isfinite(scores.grad).all())


# Steps


def loss_of(model: Any, sources: Sources, tokenizer: Tokenizer) -> float:
    import torch

    rows = [row for rows in epoch_rows(sources, PLAN, 0, tokenizer) for row in rows]
    batch = to_arrays(rows, 0)
    with torch.inference_mode():
        scores = model(*(torch.from_numpy(each) for each in (batch.ids, batch.mask, batch.types)))
    return float(sum(losses(scores, batch).values()))


def test_what_is_seen_often_is_learnt(bert_folder: Path, tmp_path: Path, sources: Sources) -> None:
    tokenizer = Tokenizer.load(bert_folder / "tokenizer.json")
    lines: list[str] = []
    plan = dataclasses.replace(PLAN, epochs=20.0)
    before = loss_of(build(bert_folder), sources, tokenizer)
    model = train(sources, bert_folder, tmp_path, plan=plan, say=lines.append)
    assert loss_of(model, sources, tokenizer) < 0.5 * before
    assert "0 done, on " in lines[0]
    assert any("min left" in line and "span" in line for line in lines)
    right = figures(ModuleReader(model, tokenizer), [sources.sets[0][0]], [])
    assert right["f1"] > 0.5


def weights_of(model: Any) -> dict[str, Any]:
    return {name: value.numpy() for name, value in model.state_dict().items()}


def same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return all(np.allclose(left[name], right[name], rtol=0, atol=1e-6) for name in left | right)


def test_an_interrupted_training_ends_as_one_that_was_not(
    bert_folder: Path, tmp_path: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rag.training.loop, "CHECKPOINT_EVERY", -1.0)  # a state behind each step
    called: list[str] = []

    def stopping(at: int) -> Callable[[Any], dict[str, float]]:
        def evaluate(model: Any) -> dict[str, float]:
            called.append("now")
            assert not model.training
            if len(called) == at:
                raise KeyboardInterrupt
            return {"f1": 0.25}

        return evaluate

    lines: list[str] = []
    whole = train(sources, bert_folder, tmp_path / "whole", plan=PLAN, evaluate=stopping(0), say=lines.append)
    assert len(called) in {3, 4}
    assert any(line.endswith("f1 0.250") for line in lines)
    for at in (1, 3):
        called.clear()
        out = tmp_path / f"interrupted-{at}"
        with pytest.raises(KeyboardInterrupt):
            train(sources, bert_folder, out, plan=PLAN, evaluate=stopping(at))
        assert not list(out.glob("*.part"))
        lines.clear()
        again = train(sources, bert_folder, out, plan=PLAN, say=lines.append)
        assert lines[0].startswith("going on from step ")
        assert " 0 done" not in lines[1]
        assert same(weights_of(again), weights_of(whole))
    assert not same(weights_of(build(bert_folder)), weights_of(whole))

    # What is finished is not trained again.
    lines.clear()
    monkeypatch.setattr(rag.training.loop, "_step", None)
    assert same(weights_of(train(sources, bert_folder, out, plan=PLAN, say=lines.append)), weights_of(whole))
    steps = lines[1].split(", ")
    assert steps[1].split()[0] == steps[2].split()[0]


def test_the_seed_decides(bert_folder: Path, tmp_path: Path, sources: Sources) -> None:
    plan = dataclasses.replace(PLAN, epochs=0.5)
    first, again = (train(sources, bert_folder, tmp_path / name, plan=plan) for name in ("a", "b"))
    other = train(sources, bert_folder, tmp_path / "c", plan=dataclasses.replace(plan, seed=2))
    assert same(weights_of(first), weights_of(again))
    assert not same(weights_of(first), weights_of(other))


def test_each_epoch_is_drawn_anew(
    bert_folder: Path, tmp_path: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []

    def drawing(given: Sources, plan: Plan, epoch: int, tokenizer: Any) -> Any:
        drawn.append(epoch)
        return epoch_rows(given, plan, epoch, tokenizer)

    monkeypatch.setattr(rag.training.loop, "epoch_rows", drawing)
    train(sources, bert_folder, tmp_path, plan=PLAN)
    assert drawn == [0, 1, 2]


@pytest.fixture(scope="module")
def finished(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The state of a training of one step."""
    out = tmp_path_factory.mktemp("finished")
    data = bridges(2)
    train(Sources([(data, [[], []])]), bert_folder, out, plan=dataclasses.replace(PLAN, epochs=0.01))
    return (out / CHECKPOINT).read_bytes()


def test_a_training_can_begin_with_the_weights_of_another(
    finished: bytes, bert_folder: Path, tmp_path: Path, sources: Sources
) -> None:
    import torch

    (tmp_path / "first").mkdir()
    (tmp_path / "first" / CHECKPOINT).write_bytes(finished)
    still = dataclasses.replace(PLAN, epochs=0.01, rate=0.0)
    lines: list[str] = []
    begun = train(sources, bert_folder, tmp_path / "out", plan=still, after=tmp_path / "first", say=lines.append)
    assert same(weights_of(begun), torch.load(tmp_path / "first" / CHECKPOINT, weights_only=True)["model"])
    assert lines[0] == f"beginning with the weights in {tmp_path / 'first'}"


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_what_comes_of_two_trainings_is_the_mean_of_their_weights(
    finished: bytes, bert_folder: Path, tmp_path: Path, sources: Sources, share: float
) -> None:
    import torch

    (tmp_path / "first").mkdir()
    (tmp_path / "first" / CHECKPOINT).write_bytes(finished)
    first = torch.load(tmp_path / "first" / CHECKPOINT, weights_only=True)["model"]
    plan = dataclasses.replace(PLAN, epochs=0.5, share=share)
    mean = weights_of(train(sources, bert_folder, tmp_path / "out", plan=plan, after=tmp_path / "first"))
    second = torch.load(tmp_path / "out" / CHECKPOINT, weights_only=True)["model"]
    assert not same(first, second)
    expected = {name: (1 - share) * first[name] + share * second[name] for name in first}
    assert same(mean, expected)


@pytest.mark.parametrize("content", [None, b"", b"no state"])
def test_there_are_no_weights_to_begin_with(
    bert_folder: Path, tmp_path: Path, sources: Sources, content: bytes | None
) -> None:
    (tmp_path / "first").mkdir()
    if content is not None:
        (tmp_path / "first" / CHECKPOINT).write_bytes(content)
    with pytest.raises(TrainingError, match="holds no weights to begin with") as caught:
        train(sources, bert_folder, tmp_path / "out", plan=PLAN, after=tmp_path / "first")
    assert str(tmp_path / "first" / CHECKPOINT) in str(caught.value)


@pytest.mark.parametrize("changes", [{"rate": 1e-3}, {"epochs": 3.0}, {"seed": 2}, {"shares": {"bridges": 3}}])
def test_a_state_is_gone_on_with_under_the_same_settings_only(
    finished: bytes, bert_folder: Path, tmp_path: Path, sources: Sources, changes: dict[str, Any]
) -> None:
    (tmp_path / CHECKPOINT).write_bytes(finished)
    with pytest.raises(TrainingError, match="training with other settings") as caught:
        train(sources, bert_folder, tmp_path, plan=dataclasses.replace(PLAN, **{"epochs": 0.01, **changes}))
    assert str(tmp_path / CHECKPOINT) in str(caught.value)
    assert "name another folder, or remove that file" in str(caught.value)
    assert (tmp_path / CHECKPOINT).read_bytes() == finished


@pytest.mark.parametrize(
    "damage",
    [lambda state: b"", lambda state: b"no state", lambda state: state[: len(state) // 2]],
    ids=["empty", "other", "half"],
)
def test_a_damaged_state_is_named(
    finished: bytes, bert_folder: Path, tmp_path: Path, sources: Sources, damage: Any
) -> None:
    (tmp_path / CHECKPOINT).write_bytes(damage(finished))
    with pytest.raises(TrainingError, match="cannot be read") as caught:
        train(sources, bert_folder, tmp_path, plan=dataclasses.replace(PLAN, epochs=0.01))
    assert str(tmp_path / CHECKPOINT) in str(caught.value)
    assert "remove it to train from the beginning" in str(caught.value)


def test_nothing_to_learn_from(bert_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="nothing to train on"):
        train(Sources(), bert_folder, tmp_path / "out", plan=PLAN)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_no_encoder(bert_folder: Path, tmp_path: Path, sources: Sources) -> None:
    (tmp_path / "tokenizer.json").write_bytes((bert_folder / "tokenizer.json").read_bytes())
    with pytest.raises(TrainingError, match="cannot be trained on") as caught:
        train(sources, tmp_path, tmp_path / "out", plan=PLAN)
    assert str(tmp_path) in str(caught.value)


# What is learnt from


def test_an_epoch_is_drawn_by_its_number(bert_folder: Path, sources: Sources) -> None:
    tokenizer = Tokenizer.load(bert_folder / "tokenizer.json")
    epochs = [epoch_rows(sources, PLAN, epoch, tokenizer) for epoch in (0, 1)]
    assert epoch_rows(sources, PLAN, 0, tokenizer) == epochs[0] != epochs[1]
    # The questions of a set, those changed, and the one with marked sentences.
    assert len(sources.sets[0][0].asked) + 1 <= len(epochs[0]) <= 2 * len(sources.sets[0][0].asked) + 1
    groups = [{row.group for row in rows} for rows in epochs[0]]
    assert all(len(group) == 1 for group in groups)
    assert len(set.union(*groups)) == len(epochs[0])
    few = dataclasses.replace(PLAN, shares={"bridg": 2})
    assert len(epoch_rows(sources, few, 0, tokenizer)) <= 5


def test_questions_asked_of_an_index_are_seen_as_often_as_is_planned(bert_folder: Path) -> None:
    from rag.reader import Passage
    from rag.training.examples import Labelled

    tokenizer = Tokenizer.load(bert_folder / "tokenizer.json")
    passage = Labelled(Passage(("Bob came.",)), ((0, 0, 3),), True, (True,))
    sources = Sources(retrieved=[Retrieved("Who came?", (passage,))])
    assert len(epoch_rows(sources, dataclasses.replace(PLAN, repeat=1), 0, tokenizer)) == 1
    assert len(epoch_rows(sources, dataclasses.replace(PLAN, repeat=3), 0, tokenizer)) == 3


def test_of_a_question_made_of_the_articles_a_few_passages_are_taken(bert_folder: Path) -> None:
    from rag.reader import Passage
    from rag.training.examples import Labelled

    tokenizer = Tokenizer.load(bert_folder / "tokenizer.json")
    right = [Labelled(Passage((f"Bob came {n}.",)), ((0, 0, 3),), True, (True,)) for n in range(10)]
    wrong = [Labelled(Passage((f"Fog {n}.",)), (), False, (False,)) for n in range(10)]
    sources = Sources(made=[Retrieved("Who came?", (*right, *wrong))])
    (rows,) = epoch_rows(sources, PLAN, 0, tokenizer)
    assert sorted(row.answered or False for row in rows) == [False] * 5 + [True] * 2


def squad_file(path: Path, documents: int, *, wrong: int = 0) -> Path:
    """Questions on bridges, one document each, and some whose answers do not stand where they should."""
    data = [
        {
            "title": f"Bridge_{number}",
            "paragraphs": [
                {
                    "context": f"Bridge {number} opened in 1962. It rained.",
                    "qas": [
                        {
                            "id": f"q{number}",
                            "question": f"When did bridge {number} open?",
                            "answers": [
                                {
                                    "text": "1962",
                                    "answer_start": 0 if number < wrong else len(f"Bridge {number} opened in "),
                                }
                            ],
                        },
                        {
                            "id": f"r{number}",
                            "question": "Did it rain?",
                            "answers": [{"text": "It", "answer_start": 24 + len(str(number))}],
                        },
                    ],
                }
            ],
        }
        for number in range(documents)
    ]
    path.write_text(json.dumps({"data": data}), "utf-8")
    return path


def test_sources_are_read_split_and_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    plan = Plan(held_out={"measured": 0.3})
    paths = [squad_file(tmp_path / "measured_new.json", 60), squad_file(tmp_path / "own.json", 30, wrong=8)]
    retrieved = [Retrieved("Who?", ())]
    with caplog.at_level(logging.WARNING):
        sources = read_sources(paths, plan, retrieved)
    (measured, near), (own, own_near) = sources.sets
    (held_out,) = sources.held_out
    assert (measured.name, held_out.name, own.name) == ("measured_new.json", "measured_new.json", "own.json")
    assert len(measured.contexts) + len(held_out.contexts) == 60
    assert 8 <= len(held_out.contexts) <= 28
    assert len(own.contexts) == 30
    assert (len(near), len(own_near)) == (len(measured.asked), len(own.asked))
    assert all(numbers and each.context not in numbers for each, numbers in zip(own.asked, own_near, strict=True))
    assert sources.retrieved == retrieved
    assert [record.getMessage() for record in caplog.records][-1] == "skipped: 3 more in own.json"
    assert len(caplog.records) == 6
    assert "question q0" in caplog.records[0].getMessage()


def test_sentences_that_stand_alone_have_no_neighbours(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    qas = [{"id": "a", "question": "Who came?", "answers": [{"text": "Bob", "answer_start": 0}]}]
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": "Bob came.", "qas": qas}] * 2}]}), "utf-8")
    ((_, near),) = read_sources([path], Plan()).sets
    assert near == [[], []]


# Figures on the way


class ByHand:
    """Reads the words "in 1962" where they stand, and is the surer the earlier they do."""

    def read(self, question: str, passages: Any) -> list[Reading]:
        found = []
        for passage in passages:
            own = []
            for text in passage.sentences:
                at = text.find("in 1962")
                span = SpanReading(at, at + 7, 1.0) if at >= 0 else None
                own.append(SentenceReading(span, -float(at) if at >= 0 else float("-inf"), -float(at)))
            found.append(Reading(tuple(own), 0.0))
        return found


def test_figures_are_the_f1_of_spans_and_the_precision_of_sentences() -> None:
    text = "It opened in 1962."
    data = DataSet(
        "own",
        [Context((text,), "", "a"), Context(("Nobody came.",), "", "b")],
        [Asked("When?", 0, ((0, 13, 17),)), Asked("Who?", 1, ((0, 0, 6),)), Asked("Why?", 1, ())],
    )
    ranked = [
        RankedQuestion("a", "When?", ("and in 1962", "in 1962"), (True, False)),
        RankedQuestion("b", "When?", ("in 1962", "and in 1962"), (True, False)),
        RankedQuestion("c", "When?", ("in 1962",), (True,)),
    ]
    found = figures(ByHand(), [data], ranked)
    assert found == {"f1": pytest.approx((2 / 3 + 0) / 2), "map": pytest.approx((1 / 2 + 1) / 2)}
    assert figures(ByHand(), [], []) == {}
    many = DataSet("own", data.contexts, [data.asked[0]] * 90 + [data.asked[1]] * 10)
    assert figures(ByHand(), [many], [], questions=10) == {"f1": pytest.approx(0.9 * 2 / 3)}


def test_random_order_is_drawn_from_the_seed_alone(bert_folder: Path, sources: Sources) -> None:
    tokenizer = Tokenizer.load(bert_folder / "tokenizer.json")
    random.seed(1)
    first = epoch_rows(sources, PLAN, 0, tokenizer)
    random.seed(2)
    assert epoch_rows(sources, PLAN, 0, tokenizer) == first
