"""Public data sets, each in the form that it is published in, read into one."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from index.errors import TrainingError
from index.sentences import plain_sentences
from rag.training.data import Asked, Context, DataSet, Ranked, read_data_set

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT = "Åse’s café opened in 1962.  It closed – for good – on Monday. Nobody came."
SENTENCES = ("Åse’s café opened in 1962.", "It closed – for good – on Monday.", "Nobody came.")


def squad(*qas: dict[str, Any], context: str = CONTEXT, title: str | None = "New_Café") -> dict[str, Any]:
    entry: dict[str, Any] = {"paragraphs": [{"context": context, "qas": list(qas)}]}
    return {"version": "1.1", "data": [entry if title is None else {**entry, "title": title}]}


def question(name: str, text: str, *answers: str, **more: Any) -> dict[str, Any]:
    found = [{"text": answer, "answer_start": CONTEXT.index(answer)} for answer in answers]
    return {"id": name, "question": text, "answers": found, **more}


def write(path: Path, content: Any) -> Path:
    """JSON, or text as it is; gzipped where the name says so."""
    data = (content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def answers_of(data: DataSet) -> list[tuple[str, list[str]]]:
    """Each question with its answers, cut from their sentences."""
    return [
        (each.question, [data.contexts[each.context].sentences[at][start:end] for at, start, end in each.answers])
        for each in data.asked
    ]


# SQuAD


@pytest.mark.parametrize("name", ["train-v1.1.json", "own.json.gz"])
def test_squad_1(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    content = squad(
        question("a", "When was  it\nopened?", "1962", "in 1962", "1962"), question("b", "When did it close?", "Monday")
    )
    data = read_data_set(write(path, content))
    assert data.contexts == [Context(SENTENCES, "New Café", f"{name}:0")]
    assert answers_of(data) == [("When was it opened?", ["1962", "in 1962"]), ("When did it close?", ["Monday"])]
    assert data.asked[1].answers == ((1, 26, 32),)
    assert (data.name, data.skipped, data.ranked) == (name, [], [])


def test_squad_2(tmp_path: Path) -> None:
    content = squad(
        question("a", "When did it close?", "Monday", is_impossible=False),
        question("b", "Who came?", is_impossible=True, plausible_answers=[{"text": "Nobody", "answer_start": 62}]),
        question("c", "Who closed it?", "Nobody", is_impossible=True),
        question("d", "Who sang?"),
    )
    data = read_data_set(write(tmp_path / "v2.json", content))
    assert answers_of(data) == [
        ("When did it close?", ["Monday"]),
        ("Who came?", []),
        ("Who closed it?", []),
        ("Who sang?", []),
    ]


def test_an_answer_that_does_not_stand_where_the_file_says_is_left_out_and_reported(tmp_path: Path) -> None:
    wrong = {"text": "Monday", "answer_start": 3}
    content = squad(
        {"id": "a", "question": "When?", "answers": [wrong]},
        {"id": "b", "question": "Which day?", "answers": [wrong, *question("", "", "Monday")["answers"]]},
        {"id": "c", "question": "What?", "answers": [{"text": " ", "answer_start": CONTEXT.index(" ")}]},
        {
            "id": "d",
            "question": "And?",
            "answers": [{"text": "me.", "answer_start": -3}, {"text": "ame", "answer_start": -4}],
        },
        {"id": "e", "question": "Where?", "answers": [{"text": "x", "answer_start": 10_000}]},
        {"id": "f", "question": " ", "answers": question("", "", "Monday")["answers"]},
    )
    data = read_data_set(write(tmp_path / "own.json", content))
    assert answers_of(data) == [("Which day?", ["Monday"])]
    assert data.skipped[0] == "own.json, question a: the text at 3 is '’s caf', not the answer 'Monday'"
    assert [reason.partition(":")[0] for reason in data.skipped] == [
        f"own.json, question {name}" for name in ("a", "b", "c", "d", "d", "e")
    ]


def test_white_space_around_an_answer_is_no_part_of_it(tmp_path: Path) -> None:
    found = [(" on Monday", ["on Monday"]), ("1962.  ", ["1962."]), (" It closed ", ["It closed"])]
    content = squad(*(question(text, f"What of{text}?", text) for text, _ in found))
    data = read_data_set(write(tmp_path / "own.json", content))
    assert [words for _, words in answers_of(data)] == [words for _, words in found]


def test_an_answer_across_sentences_ends_with_the_first_one(tmp_path: Path) -> None:
    data = read_data_set(write(tmp_path / "own.json", squad(question("a", "What?", "in 1962.  It closed"))))
    assert answers_of(data) == [("What?", ["in 1962."])]


@pytest.mark.parametrize(
    ("title", "heading"),
    [("New_Café", "New Café"), (None, ""), ("story_12.txt", ""), ("Amazon_Reviews_7", ""), ("B000123", "")],
)
def test_a_file_name_is_no_title(tmp_path: Path, title: str | None, heading: str) -> None:
    data = read_data_set(write(tmp_path / "own.json", squad(question("a", "When?", "Monday"), title=title)))
    assert data.contexts[0].title == heading


def test_a_context_without_a_sentence_is_reported(tmp_path: Path) -> None:
    content = squad(question("a", "When?", "Monday"))
    content["data"].append({"title": "T", "paragraphs": [{"context": " \n ", "qas": [{"question": "Who?"}]}]})
    data = read_data_set(write(tmp_path / "own.json", content))
    assert len(data.asked) == len(data.contexts) == 1
    assert data.skipped == ["own.json:1: a context without a sentence"]


def test_sentences_are_exact_spans() -> None:
    assert tuple(span.of(CONTEXT) for span in plain_sentences(CONTEXT)) == SENTENCES
    assert plain_sentences("") == ()


# The other formats

TOKENS = ["Åse", "-LRB-", "Dahl", "-RRB-", "said", ",", "``", "It", "closed", "on", "Monday", ".", "''"]


def test_multispanqa(tmp_path: Path) -> None:
    context = ["Bob", "and", "Åse", "Dahl", "came", ".", "Then", "came", "Eve", "."]
    labels = dict.fromkeys(range(len(context)), "O") | {0: "B", 2: "B", 3: "I", 8: "B"}
    item = {
        "id": "one",
        "question": ["who", "came"],
        "context": context,
        "num_span": 3,
        "label": [labels[at] for at in range(len(context))],
    }
    none = {**item, "id": "two", "label": ["O"] * len(context)}
    data = read_data_set(write(tmp_path / "multispanqa_valid.json", {"version": 1.0, "data": [item, none]}))
    assert data.contexts[0].sentences == ("Bob and Åse Dahl came.", "Then came Eve.")
    assert answers_of(data) == [("who came", ["Bob", "Åse Dahl", "Eve"])]
    assert data.skipped == ["multispanqa_valid.json, question two: no word is marked as the answer"]


def qamr(folder: Path, *lines: str) -> Path:
    words = f"Wiki1k:wikinews:7:0:1\t{' '.join(TOKENS)}\nWiki1k:wikinews:7:2:0\tNobody came .\n"
    write(folder / "qamr_sentences.tsv.gz", words)
    return write(folder / "qamr_dev.tsv.gz", "\n".join(lines) + "\n")


def test_qamr(tmp_path: Path) -> None:
    path = qamr(
        tmp_path,
        "Wiki1k:wikinews:7:0:1\t0 8\t76\t0\t8\tWhat closed?\t7\t261:7 8\t60:7",
        "Wiki1k:wikinews:7:0:1\t0 8\t76\t0\t8\tWho spoke?\t0\t261:0 1 2 3\t60:0",
        "Wiki1k:wikinews:7:2:0\t0\t76\t0\t0\tWho came?\t0\t261:0\t60:0",
        "Wiki1k:wikinews:7:2:0\t0\t76\t0\t0\tWho else?\t0 2\t261:1 0\t60:",
        "Wiki1k:wikinews:7:2:0\t0\t76\t0\t0\tWho then?\t9\t261:0",
        "Wiki1k:wikinews:8:0:0\t0\t76\t0\t0\tWho knows?\t0\t261:0",
        "Wiki1k:wikinews:7:2:0\t0\t76",
    )
    data = read_data_set(path)
    assert [each.sentences for each in data.contexts] == [
        ('Åse (Dahl) said, "It closed on Monday."',),
        ("Nobody came.",),
    ]
    assert {each.document for each in data.contexts} == {"Wiki1k:wikinews:7"}
    assert answers_of(data) == [
        ("What closed?", ["It", "It closed"]),
        ("Who spoke?", ["Åse", "Åse (Dahl)"]),
        ("Who came?", ["Nobody"]),
    ]
    assert [reason.rpartition(":")[0] for reason in data.skipped] == [
        f"qamr_dev.tsv.gz:{line}" for line in (4, 5, 6, 7)
    ]


def test_qamr_needs_its_sentences(tmp_path: Path) -> None:
    path = qamr(tmp_path, "Wiki1k:wikinews:7:2:0\t0\t76\t0\t0\tWho came?\t0\t261:0")
    (tmp_path / "qamr_sentences.tsv.gz").unlink()
    with pytest.raises(TrainingError, match=r"qamr_dev\.tsv\.gz cannot be read as training data.*qamr_sentences"):
        read_data_set(path)


COLUMNS = ("qasrl_id", "verb_idx", "verb", "question", "is_redundant", "answer_range", "answer")
QASRL = [
    ("Wiki1k:wikinews:7:0:1", "8", "closed", "When did something close?", "False", "9:11", "on Monday"),
    ("Wiki1k:wikinews:7:0:1", "8", "closed", "What closed?", "False", "7:8~!~0:4~!~7:8", "It~!~Åse ( Dahl )"),
    ("Wiki1k:wikinews:7:0:1", "4", "said", "", "False", "", ""),
    ("Wiki1k:wikinews:9:0:1", "4", "said", "Who said something?", "False", "0:1", "Bob"),
    ("Wiki1k:wikinews:7:0:1", "8", "closed", "Why did something close?", "False", "11:99", "rain"),
    ("Wiki1k:wikinews:7:0:1", "8", "closed", "Where did something close?", "False", "here", "here"),
]


def rows(*records: tuple[str, ...], columns: tuple[str, ...] = COLUMNS) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([columns, *records])
    return out.getvalue()


def test_qasrl(tmp_path: Path) -> None:
    words = " ".join(TOKENS)
    write(
        tmp_path / "qasrl_gs_sentences_wikinews.dev.csv.gz",
        rows(("Wiki1k:wikinews:7:0:1", words, words), columns=("qasrl_id", "tokens", "sentence")),
    )
    data = read_data_set(write(tmp_path / "qasrl_gs_wikinews.dev.csv.gz", rows(*QASRL)))
    assert answers_of(data) == [
        ("When did something close?", ["on Monday"]),
        ("What closed?", ["It", "Åse (Dahl)"]),
    ]
    assert len(data.contexts) == 1
    assert data.skipped == [
        "qasrl_gs_wikinews.dev.csv.gz:6: no such words: '11:99'",
        "qasrl_gs_wikinews.dev.csv.gz:7: no such words: 'here'",
    ]


def test_qanom(tmp_path: Path) -> None:
    columns = ("qasrl_id", "sentence", "noun", "is_verbal", "question", "answer_range", "answer")
    told = ("Wiki1k:wikinews:7:1:0", "The sale of the café by Åse ended .")
    records = (
        (*told, "sale", "True", "What was sold?", "3:5", "the café"),
        (*told, "sale", "True", "Who sold something?", "6:7", "Åse"),
        (*told, "café", "False", "", "", ""),
    )
    path = tmp_path / "qanom_dataset.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("annot.train.csv", rows(*records[1:], columns=columns))
        archive.writestr("annot.dev.csv", rows(records[0], columns=columns))
        archive.writestr("dataset_readme.md", "# no data")
    data = read_data_set(path)
    assert answers_of(data) == [("What was sold?", ["the café"]), ("Who sold something?", ["Åse"])]


TREC = """<QApairs id='1.1'>
<question>
Who\tclosed\tit\t?
WP\tVBD\tPRP\t.
</question>
<positive>
Åse\t&\tBob\tclosed\tit\t.
NNP\tCC\tNNP\tVBD\tPRP\t.
</positive>
<negative>
It\twas\training\t.
</negative>
</QApairs>
"""


def test_trec_qa(tmp_path: Path) -> None:
    data = read_data_set(write(tmp_path / "trecqa_train.xml.gz", TREC))
    assert data.ranked == [Ranked("Who closed it?", ("Åse & Bob closed it.", "It was raining."), (True, False), False)]
    assert data.asked == []


def test_wikiqa_stands_in_the_order_of_its_text(tmp_path: Path) -> None:
    parts = {
        "a.toks": "who closed it\nwho closed it\nwhen was that\n",
        "b.toks": "Åse opened it .\nBob closed it .\nNobody knows .\n",
        "sim.txt": "0\n1\n0\n",
        "id.txt": "1\n1\n2\n",
    }
    for name, text in parts.items():
        write(tmp_path / f"wikiqa_train.{name}.gz", text)
    data = read_data_set(tmp_path / "wikiqa_train.a.toks.gz")
    assert data.ranked == [
        Ranked("who closed it", ("Åse opened it.", "Bob closed it."), (False, True), True),
        Ranked("when was that", ("Nobody knows.",), (False,), True),
    ]


# What is none of them


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("own.json", b""),
        ("own.json", b"{"),
        ("own.json", b"[]"),
        ("own.json", b"{}"),
        ("own.json", b'{"data": [1]}'),
        ("own.json", b'{"data": ["paragraphs"]}'),
        ("own.json", b'{"data": [{"paragraphs": [{"context": "x"}]}]}'),
        ("own.json", b'{"data": [{"paragraphs": [{"context": "x", "qas": ["y"]}]}]}'),
        ("own.json", b'{"data": [{"label": ["O", "B"], "context": ["x"], "question": ["y"]}]}'),
        ("own.json", b"\xff\xfe"),
        ("own.json.gz", gzip.compress(json.dumps(squad()).encode())[:-9]),
        ("own.json.gz", gzip.compress(b"{}")[:10] + b"\xff" * 20),
        ("qanom.zip", b"PK"),
        ("qamr_dev.tsv", b"\x00"),
        ("qasrl_gs_x.csv", b"question\n"),
        ("trecqa_train.xml", b""),
        ("trecqa_train.xml", b"\xff\xfe"),
        ("trecqa_train.xml", b"<QApairs id='1'>\n<positive>\nx\n"),
        ("wikiqa_train.a.toks", b"who\n"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TrainingError) as caught:
        read_data_set(path)
    assert str(path) in str(caught.value)
    assert "expected SQuAD" in str(caught.value)


def test_a_row_that_breaks_off_is_reported(tmp_path: Path) -> None:
    words = rows(("Wiki1k:wikinews:7:0:1", " ".join(TOKENS)), columns=("qasrl_id", "tokens"))
    write(tmp_path / "qasrl_gs_sentences_x.csv", words)
    text = rows(QASRL[0]) + "Wiki1k:wikinews:7:0:1,8,closed,What closed?\n"
    data = read_data_set(write(tmp_path / "qasrl_gs_x.csv", text))
    assert [text for text, _ in answers_of(data)] == ["When did something close?"]
    assert data.skipped == ["qasrl_gs_x.csv:3: no such words: None"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot be read as training data"):
        read_data_set(tmp_path / "nothing.json")


@pytest.mark.parametrize("content", [{"data": []}, squad(), squad({"id": "a", "question": "Who?", "answers": [{}]})])
def test_a_file_without_a_question(tmp_path: Path, content: Any) -> None:
    with pytest.raises(TrainingError, match=r"own\.json"):
        read_data_set(write(tmp_path / "own.json", content))


# Parts


def many(documents: int) -> DataSet:
    data = DataSet("many.json", ranked=[Ranked("Who?", ("Bob.",), (True,), False)], skipped=["a reason"])
    for number in range(3 * documents):
        data.contexts.append(Context((f"Text {number}.",), "", f"document {number % documents}"))
        data.asked += [Asked(f"Question {number}-{count}?", number, ((0, 0, 4),)) for count in range(2)]
    return data


def test_a_set_is_split_by_documents_always_the_same_ones() -> None:
    data = many(300)
    learnt, held_out = data.split(0.2)
    assert len(held_out.asked) + len(learnt.asked) == len(data.asked)
    assert 0.12 < len(held_out.asked) / len(data.asked) < 0.28
    documents = [{each.document for each in part.contexts} for part in (learnt, held_out)]
    assert documents[0].isdisjoint(documents[1])
    for part in (learnt, held_out):
        for asked in part.asked:
            number = asked.question.removeprefix("Question ").partition("-")[0]
            assert part.contexts[asked.context].sentences == (f"Text {number}.",)
    assert (learnt.ranked, held_out.ranked) == (data.ranked, [])
    assert (learnt.name, held_out.name, learnt.skipped) == ("many.json", "many.json", ["a reason"])
    again = many(300)
    assert again.split(0.2)[1].asked == held_out.asked
    # More documents change nothing for those that were there, and a greater share keeps what a smaller one kept.
    assert {each.document for each in held_out.contexts} <= {each.document for each in many(300).split(0.5)[1].contexts}
    assert documents[1] == {each.document for each in many(400).split(0.2)[1].contexts} & (documents[0] | documents[1])


def test_nothing_and_everything_held_out() -> None:
    data = many(5)
    assert data.split(0.0)[1].asked == data.split(1.0)[0].asked == []
    assert data.split(0.0)[0].asked == data.split(1.0)[1].asked == data.asked
