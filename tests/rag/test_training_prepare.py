"""What a reader learns from is drawn: which documents it never sees, and what each epoch holds."""

from __future__ import annotations

import dataclasses
import json
import logging
import random
from typing import TYPE_CHECKING, Any

import pytest

from index.errors import TrainingError
from rag.evaluation.questions import part_of
from rag.reader import Passage
from rag.reader_models import Tokenizer
from rag.training.data import Asked, Context, DataSet, Ranked
from rag.training.examples import Labelled
from rag.training.prepare import Plan, Sources, epoch_rows, find_data, held_out_rows, prepare, read_sources
from rag.training.retrieved import Retrieved
from rag.training.run import read_plan

if TYPE_CHECKING:
    from pathlib import Path

PLAN = Plan(shares={})


@pytest.fixture(scope="module")
def tokenizer(bert_folder: Path) -> Tokenizer:
    return Tokenizer.load(bert_folder / "tokenizer.json")


@pytest.fixture
def sources() -> Sources:
    data = DataSet("bridges.json")
    for number in range(12):
        sentences = (f"Bridge {number} opened in {1900 + 7 * number}.", "It rained.")
        data.contexts.append(Context(sentences, "", f"document {number}"))
        end = len(sentences[0]) - 1
        data.asked.append(Asked(f"When did bridge {number} open?", number, ((0, end - 4, end),)))
    data.ranked.append(Ranked("Who came?", ("Bob came.", "It rained.", "Fog."), (True, False, False), False))
    return Sources([(data, [[]] * len(data.asked))])


def write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(json.dumps(content), "utf-8")
    return path


# Epochs


def test_an_epoch_is_drawn_by_its_number(tokenizer: Tokenizer, sources: Sources) -> None:
    epochs = [epoch_rows(sources, PLAN, epoch, tokenizer) for epoch in (0, 1)]
    random.seed(1)
    assert epoch_rows(sources, PLAN, 0, tokenizer) == epochs[0] != epochs[1]
    assert epoch_rows(sources, dataclasses.replace(PLAN, seed=2), 0, tokenizer) != epochs[0]
    # The questions of a set, those changed, and the one with marked sentences.
    assert len(sources.sets[0][0].asked) + 1 <= len(epochs[0]) <= 2 * len(sources.sets[0][0].asked) + 1
    groups = [{row.group for row in rows} for rows in epochs[0]]
    assert all(len(group) == 1 for group in groups)
    assert len(set.union(*groups)) == len(epochs[0])
    few = dataclasses.replace(PLAN, shares={"bridg": 2})
    assert len(epoch_rows(sources, few, 0, tokenizer)) <= 5


def test_questions_asked_of_an_index_are_seen_as_often_as_is_planned(tokenizer: Tokenizer) -> None:
    passage = Labelled(Passage(("Bob came.",)), ((0, 0, 3),), True, (True,))
    sources = Sources(retrieved=[Retrieved("Who came?", (passage,))])
    for count in (1, 3):
        assert len(epoch_rows(sources, dataclasses.replace(PLAN, repeat=count), 0, tokenizer)) == count


def test_of_a_question_made_of_the_articles_a_few_passages_are_taken(tokenizer: Tokenizer) -> None:
    right = [Labelled(Passage((f"Bob came {n}.",)), ((0, 0, 3),), True, (True,)) for n in range(10)]
    wrong = [Labelled(Passage((f"Fog {n}.",)), (), False, (False,)) for n in range(10)]
    sources = Sources(made=[Retrieved("Who came?", (*right, *wrong))])
    (rows,) = epoch_rows(sources, PLAN, 0, tokenizer)
    assert sorted(row.answered or False for row in rows) == [False] * 5 + [True] * 2


# What is never learnt from


def test_sources_are_read_split_and_reported(towns: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    plan = Plan(held_out={"measured": 0.3})
    wrong = towns(30, first=100)
    for document in wrong["data"][:8]:
        document["paragraphs"][0]["qas"][0]["answers"][0]["answer_start"] = 0
    paths = [write(tmp_path / "measured_new.json", towns(60)), write(tmp_path / "own.json", wrong)]
    retrieved = [Retrieved("Who?", ())]
    with caplog.at_level(logging.WARNING):
        sources = read_sources(paths, plan, retrieved)
    (measured, near), (own, own_near) = sources.sets
    (held_out,) = sources.held_out
    assert (measured.name, held_out.name, own.name) == ("measured_new.json", "measured_new.json", "own.json")
    assert len(measured.contexts) + len(held_out.contexts) == 240
    assert {each.document for each in held_out.contexts} == {
        each.document for each in [*measured.contexts, *held_out.contexts] if part_of(each.document) < 0.3
    }
    assert len(own.contexts) == 120
    assert (len(near), len(own_near)) == (len(measured.asked), len(own.asked))
    assert all(numbers and each.context not in numbers for each, numbers in zip(own.asked, own_near, strict=True))
    assert sources.retrieved == retrieved
    assert sources.counts() == {
        "measured_new.json": len(measured.asked),
        "own.json": 112,
        "questions asked of the index": 1,
    }
    assert [record.getMessage() for record in caplog.records][-1] == "skipped: 3 more in own.json"
    assert len(caplog.records) == 6


def test_documents_of_a_title_are_kept_out(towns: Any, tokenizer: Tokenizer, tmp_path: Path) -> None:
    paths = [write(tmp_path / "one.json", towns(12)), write(tmp_path / "two.json", towns(12, first=6))]
    plan = Plan(kept_out=("Town_7", "town 11"))
    sources = read_sources(paths, plan)
    assert [{each.title for each in data.contexts} for data in sources.held_out] == [{"Town 7", "Town 11"}] * 2
    learnt = {each.title for data, _ in sources.sets for each in data.contexts}
    assert learnt == {f"Town {number}" for number in range(18)} - {"Town 7", "Town 11"}
    whole = epoch_rows(sources, plan, 0, tokenizer)
    kept = {row.window.ids for rows in held_out_rows(sources, plan, tokenizer) for row in rows if row.answered}
    assert kept
    assert not kept & {row.window.ids for rows in whole for row in rows}
    with pytest.raises(TrainingError, match="no document has the title town 99"):
        read_sources(paths, Plan(kept_out=("Town 7", "Town_99")))


def test_where_nothing_is_to_be_kept_a_few_documents_of_each_set_are(towns: Any, tmp_path: Path) -> None:
    for number, documents in enumerate((2, 3, 200)):
        sources = read_sources([write(tmp_path / f"{number}.json", towns(documents))], Plan())
        ((data, _),), (held_out,) = sources.sets, sources.held_out
        kept = len({each.document for each in held_out.contexts})
        assert 1 <= kept <= max(1, documents // 10)
        assert kept + len({each.document for each in data.contexts}) == documents
    with pytest.raises(TrainingError, match="two documents or more"):
        read_sources([write(tmp_path / "one.json", towns(1))], Plan())


def test_sentences_that_stand_alone_have_no_neighbours(tmp_path: Path) -> None:
    qas = [{"id": "a", "question": "Who came?", "answers": [{"text": "Bob", "answer_start": 0}]}]
    content = {"data": [{"paragraphs": [{"context": "Bob came.", "qas": qas}]}] * 3}
    ((_, near),) = read_sources([write(tmp_path / "own.json", content)], Plan()).sets
    assert near == [[]] * len(near)
    assert near


# The folder


def test_what_is_prepared_is_read_again(prepared: Path, bert_folder: Path) -> None:
    found = read_plan(prepared)
    assert [piece["file"] for piece in found.plan["pieces"]] == ["rows-0-0.npz.xz", "rows-1-0.npz.xz"]
    first, second = found.pieces()
    assert len(first["lengths"]) == found.plan["pieces"][0]["rows"]
    assert first["ids"].tolist() != second["ids"].tolist()
    held_out = found.held_out()
    assert set(held_out["answered"].tolist()) == {0, 1}
    assert len(held_out["lengths"]) == found.plan["held_out"]["rows"]
    assert sum(found.plan["held_out"]["data"].values()) + sum(found.data.values()) == 96
    assert found.plan["plan"]["epochs"] == 2
    assert (prepared / "tokenizer.json").read_bytes() == (bert_folder / "tokenizer.json").read_bytes()
    assert not list(prepared.glob("*.part"))


def test_the_same_is_prepared_every_time_and_never_over_another(
    towns: Any, prepared: Path, bert_folder: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "squadshifts_new_wiki.json", towns(24))
    plan = Plan(epochs=2, held_out={"squadshifts_new_wiki": 0.2})
    assert prepare([path], tmp_path / "out", plan=plan, encoder=bert_folder) == read_plan(prepared).plan
    with pytest.raises(TrainingError, match="is prepared already"):
        prepare([path], tmp_path / "out", plan=plan, encoder=bert_folder)


# Which files


def test_a_named_file_is_learnt_from_and_of_a_folder_the_published_sets_are(tmp_path: Path) -> None:
    folder = tmp_path / "sets"
    folder.mkdir()
    for name in (
        "trecqa_train.xml",
        "squadshifts_new_wiki_v1.0.json.gz",
        "policyqa_dev.json",
        "trecqa_dev.xml",
        "a.txt",
    ):
        (folder / name).write_text("", "utf-8")
    own = write(tmp_path / "own.json", {})
    found = find_data([own, folder, own])
    assert [path.name for path in found] == ["own.json", "squadshifts_new_wiki_v1.0.json.gz", "trecqa_train.xml"]
    assert find_data([folder / "policyqa_dev.json"]) == (folder / "policyqa_dev.json",)
    (folder / "squadshifts_a_folder").mkdir()
    assert find_data([folder]) == found[1:]
    with pytest.raises(TrainingError, match="is not there"):
        find_data([own, folder / "none.json"])
    with pytest.raises(TrainingError, match="holds no data set"):
        find_data([])
