"""Files of questions with sentences marked right or wrong: TREC QA, WikiQA, JSON Lines."""

from __future__ import annotations

import gzip
import json
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import EvaluationError
from rag.evaluation.ranking_files import RankedQuestion, detokenise, join_tokens, read_ranking_file

if TYPE_CHECKING:
    from pathlib import Path

TREC = """\
<QApairs id='1.4'>
<question>
Who\towns\tAT\t&\tT\t?
WP\tVBZ\tNNP\tCC\tNNP\t.
</question>
<positive>
Bob\t's\tgroup\towns\tAT\t&\tT\t,\t``\tall\tof\tit\t''\t.
NNP\tPOS\tNN\tVBZ\tNNP\tCC\tNNP\t,\t``\tDT\tIN\tPRP\t''\t.
-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-
</positive>
<negative>
It\tdoes\tn't\t-LRB-\tyet\t-RRB-\t.
PRP\tVBZ\tRB\t-LRB-\tRB\t-RRB-\t.
</negative>
</QApairs>
<QApairs id='1.5'>
<question>
Why\t?
WRB\t.
</question>
</QApairs>
"""
OWNS = RankedQuestion(
    "1.4", "Who owns AT & T?", ('Bob\'s group owns AT & T, "all of it".', "It doesn't (yet)."), (True, False)
)
WHY = RankedQuestion("1.5", "Why?", (), ())


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("$ 2.1 billion , or # 20 .", "$2.1 billion, or #20."),
        ("US$ 5 ; 55 % !", "US$5; 55%!"),
        ("`` `` Hi ! '' '' he said ...", '""Hi!"" he said...'),
        ("-LSB- sic -RSB- -lcb- x -rcb-", "[sic] {x}"),
        ("` So ' , they 're here", "'So', they're here"),
        ("the boomers ' aversion", "the boomers' aversion"),
        ('a " b c " d', 'a "b c" d'),
        ("1\\/2 \\* 3 -- yes", "1/2 * 3 -- yes"),
        ("do n’t : Bob ’s", "don’t: Bob’s"),
        ("", ""),
    ],
)
def test_tokens_as_text(tokens: str, text: str) -> None:
    assert detokenise(tokens.split()) == text


@given(
    st.lists(st.sampled_from(["``", "''", "-LRB-", "-RRB-", "n't", "'s", "$", "%", '"', "Lund", "é", "."]), max_size=12)
)
def test_every_token_stands_where_its_span_says(tokens: list[str]) -> None:
    text, spans = join_tokens(tokens)
    meant = {"``": '"', "''": '"', "-LRB-": "(", "-RRB-": ")"}
    assert [text[start:end] for start, end in spans] == [meant.get(token, token) for token in tokens]
    assert text.replace(" ", "") == "".join(meant.get(token, token) for token in tokens)
    assert "  " not in text


@pytest.mark.parametrize("zipped", [True, False])
def test_trec(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / f"dev.xml{'.gz' if zipped else ''}"
    path.write_bytes(gzip.compress(TREC.encode()) if zipped else TREC.replace("\n", "\r\n").encode())
    assert read_ranking_file(path) == [OWNS, WHY]


def test_a_trec_sentence_before_its_question_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "dev.xml"
    path.write_text("<QApairs id='1'>\n<positive>\nIt\tis\n</positive>\n", "utf-8")
    with pytest.raises(EvaluationError, match=r"dev\.xml:3: a <positive> sentence before any <question>"):
        read_ranking_file(path)


def toks(folder: Path, begins: str = "", end: str = "") -> None:
    contents = {
        "a.toks": "who owns it ?\nwho owns it ?\nwhy ?\n",
        "b.toks": "bob 's group .\nnobody -lrb- yet -rrb- .\nno reason .\n",
        "sim.txt": "1\n0\n0\n",
        "id.txt": "2\n2\n3\n",
    }
    for name, text in contents.items():
        data = text.encode()
        (folder / f"{begins}{name}{end}").write_bytes(gzip.compress(data) if end else data)


WIKIQA = [
    RankedQuestion("2", "who owns it?", ("bob's group.", "nobody (yet)."), (True, False)),
    RankedQuestion("3", "why?", ("no reason.",), (False,)),
]


@pytest.mark.parametrize("named", ["dev.a.toks.gz", "dev.b.toks.gz", "dev.sim.txt.gz", "dev.id.txt.gz", "dev.", "dev"])
def test_wikiqa_by_any_of_its_files_or_their_beginning(tmp_path: Path, named: str) -> None:
    toks(tmp_path, "dev.", ".gz")
    assert read_ranking_file(tmp_path / named) == WIKIQA


def test_wikiqa_by_its_folder(tmp_path: Path) -> None:
    toks(tmp_path)
    assert read_ranking_file(tmp_path) == WIKIQA
    assert read_ranking_file(tmp_path / "sim.txt") == WIKIQA


def test_wikiqa_files_that_do_not_fit(tmp_path: Path) -> None:
    toks(tmp_path)
    (tmp_path / "sim.txt").write_text("1\n0\n", "utf-8")
    with pytest.raises(EvaluationError, match=r"a\.toks has 3 lines, b\.toks 3, sim\.txt 2 and id\.txt 3"):
        read_ranking_file(tmp_path)
    (tmp_path / "sim.txt").write_text("1\nx\n0\n", "utf-8")
    with pytest.raises(EvaluationError, match=r":2: the label 'x'"):
        read_ranking_file(tmp_path)
    (tmp_path / "id.txt").unlink()
    with pytest.raises(EvaluationError, match=r"id\.txt is not there"):
        read_ranking_file(tmp_path)


def test_wikiqa_as_published(tmp_path: Path) -> None:
    path = tmp_path / "WikiQA-dev.tsv"
    head = "QuestionID\tQuestion\tDocumentID\tDocumentTitle\tSentenceID\tSentence\tLabel\n"
    path.write_text(f'{head}Q0\twho?\tD1\tT\tD1-0\t"Bob" did.\t1\r\nQ0\twho?\tD1\tT\tD1-1\tNobody.\t0\n', "utf-8")
    assert read_ranking_file(path) == [RankedQuestion("Q0", "who?", ('"Bob" did.', "Nobody."), (True, False))]
    path.write_text(f"{head}Q0\twho?\n", "utf-8")
    with pytest.raises(EvaluationError, match=":2: 2 columns of 7"):
        read_ranking_file(path)
    path.write_text("a\tb\n", "utf-8")
    with pytest.raises(EvaluationError, match="no column questionid"):
        read_ranking_file(path)


def test_json_lines_of_both_shapes(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    records = [
        {"question": "who?", "sentences": ["Bob.", "Nobody."], "labels": [1, False]},
        {"question": "why?", "sentence": "No reason.", "label": 0, "id": 9},
        {"question": "who?", "sentence": "Somebody.", "label": "1"},
    ]
    path.write_text("\n".join(map(json.dumps, records)), "utf-8")
    assert read_ranking_file(path) == [
        RankedQuestion("who?", "who?", ("Bob.", "Nobody.", "Somebody."), (True, False, True)),
        RankedQuestion("9", "why?", ("No reason.",), (False,)),
    ]


def test_one_id_for_two_questions_makes_two(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    records = [{"question": asked, "sentence": "Bob.", "label": 1, "id": 1} for asked in ("who?", "why?")]
    path.write_text("\n".join(map(json.dumps, records)), "utf-8")
    first, second = read_ranking_file(path)
    assert (first.question, second.question) == ("who?", "why?")
    assert first.id != second.id


@pytest.mark.parametrize(
    ("record", "what"),
    [
        ({"sentence": "Bob.", "label": 1}, "field question"),
        ({"question": "who?", "label": 1}, "field sentences"),
        ({"question": "who?", "sentence": "Bob."}, "field labels"),
        ({"question": "who?", "sentence": "Bob.", "label": 2}, "field labels"),
        ({"question": "who?", "sentences": ["Bob."], "labels": [1, 0]}, "1 sentences and 2 labels"),
        ({"question": "who?", "sentences": ["Bob.", " "], "labels": [1, 0]}, "field sentences"),
        ([], "a JSON list"),
    ],
)
def test_a_bad_line_of_json_is_named(tmp_path: Path, record: object, what: str) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text("\n" + json.dumps(record) + "\n", "utf-8")
    with pytest.raises(EvaluationError, match=rf"own\.jsonl:2: .*{what}"):
        read_ranking_file(path)


def test_what_is_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="does not name a file"):
        read_ranking_file(tmp_path / "nothing.jsonl")
    for name, what in (("a.bin", "no known kind"), ("a.jsonl", "holds no question"), ("a.xml", "holds no question")):
        (tmp_path / name).write_bytes(b"\n")
        with pytest.raises(EvaluationError, match=what):
            read_ranking_file(tmp_path / name)
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    with pytest.raises(EvaluationError, match=r"a\.toks is not there"):
        read_ranking_file(tmp_path)
