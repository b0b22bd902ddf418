"""Files of questions: what is read, what is refused and how that is said, and what makes a sentence right."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from index.errors import EvaluationError
from rag.evaluation.questions import EvaluationQuestion, Part, choose, is_right, part_of, read_questions

if TYPE_CHECKING:
    from pathlib import Path


def written(path: Path, *records: Any) -> Path:
    lines = [record if isinstance(record, str) else json.dumps(record, ensure_ascii=False) for record in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "questions.jsonl"


def test_every_way_to_say_what_is_expected(file: Path) -> None:
    found = read_questions(
        written(
            file,
            {"question": "Who won?", "answer": "Lund"},
            {"question": "Where?", "answers": ["Lund", "Sweden", "Lund"], "id": 7, "date": "2025-03-26", "other": [1]},
            {"question": "How many?", "answer": "30", "answers": ["thirty"], "sources": "https://example.org/a"},
            "",
            {"question": "Who lost?", "answer": None, "articles_with_answer": ["a.txt", "b.txt"]},
            {"question": "Why?", "answers": [], "sources": None},
        )
    )
    assert [each.answers for each in found] == [("Lund",), ("Lund", "Sweden"), ("30", "thirty"), (), ()]
    assert [each.answerable for each in found] == [True, True, True, False, False]
    assert [each.sources for each in found] == [(), (), ("https://example.org/a",), ("a.txt", "b.txt"), ()]
    assert [each.id for each in found] == ["Who won?", "7", "How many?", "Who lost?", "Why?"]
    assert found[1].date == "2025-03-26"
    assert [each.fraction for each in found] == [part_of(each.id) for each in found]


@pytest.mark.parametrize("zipped", [True, False])
def test_marks_and_line_ends_that_files_come_with(file: Path, zipped: bool) -> None:
    record = {"question": "Who\u2028won?", "answer": "Lund"}
    text = "\ufeff" + json.dumps(record, ensure_ascii=False) + "\r\n\r\n"
    data = text.encode()
    file.write_bytes(gzip.compress(data) if zipped else data)
    assert [each.question for each in read_questions(file)] == ["Who\u2028won?"]


def test_a_question_without_id_may_be_asked_twice_and_lies_in_one_part(file: Path) -> None:
    record = {"question": "Who won?", "answer": "Lund"}
    first, second = read_questions(written(file, record, {**record, "answer": "Oslo"}))
    assert first.id != second.id
    assert first.fraction == second.fraction == part_of("Who won?")


@pytest.mark.parametrize(
    ("record", "what"),
    [
        ("{", "no JSON"),
        ("[1]", "list"),
        ({"answer": "x"}, "question is missing"),
        ({"question": 3, "answer": "x"}, "question is no text"),
        ({"question": "  ", "answer": "x"}, "question: the question is empty"),
        ({"question": "x" * 1_001, "answer": "x"}, "1,001 characters"),
        ({"question": "Who?"}, "answer (or answers) is missing"),
        ({"question": "Who?", "answer": 3}, "answer is neither"),
        ({"question": "Who?", "answers": ["a", 3]}, "answers is neither"),
        ({"question": "Who?", "answer": "?!"}, "'?!' has no letter"),
        ({"question": "Who?", "answer": ""}, "'' has no letter"),
        ({"question": "Who?", "answer": "x", "sources": {"a": 1}}, "sources is neither"),
        ({"question": "Who?", "answer": "x", "id": [1]}, "id is neither"),
        ({"question": "Who?", "answer": "x", "id": "good"}, "id is 'good', as in line 1"),
    ],
)
def test_a_bad_line_is_named_with_its_field(file: Path, record: Any, what: str) -> None:
    written(file, {"question": "Who won?", "answer": "Lund", "id": "good"}, "", record)
    with pytest.raises(EvaluationError) as caught:
        read_questions(file)
    assert f"{file}:3: " in str(caught.value)
    assert what in str(caught.value)
    assert str(caught.value).startswith("1 bad line: ")
    assert caught.value.exit_code == 9


def test_all_bad_lines_are_counted_and_the_first_are_named(file: Path) -> None:
    written(file, *[{"question": f"Who {n}?"} for n in range(9)], {"question": "Who won?", "answer": "Lund"})
    with pytest.raises(EvaluationError) as caught:
        read_questions(file)
    message = str(caught.value)
    assert message.startswith("9 bad lines: ")
    assert "and 4 more" in message
    assert [f"{file}:{line}: " in message for line in (1, 5, 6)] == [True, True, False]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "holds no question"),
        (b"\n\n", "holds no question"),
        ("é".encode("latin-1"), "not UTF-8"),
        (gzip.compress(b'{"question": "Who?"}')[:-6], "cannot be read"),
        (b"\x1f\x8b\x08\x00broken", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read(file: Path, data: bytes, what: str) -> None:
    file.write_bytes(data)
    with pytest.raises(EvaluationError, match=what):
        read_questions(file)
    file.unlink()
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_questions(file)


def test_the_questions_on_the_sample_articles_are_such_a_file(
    seed_questions: list[dict[str, Any]], tmp_path: Path
) -> None:
    found = read_questions(written(tmp_path / "seed.jsonl", *seed_questions))
    assert len(found) == len(seed_questions)
    assert {each.answerable for each in found} == {True, False}


# What is right


@pytest.mark.parametrize(
    ("sentence", "answers", "right"),
    [
        ("It lasted 90 minutes.", ["90 minutes"], True),
        ("It lasted 90-minutes.", ["90 MINUTES"], True),
        ("It lasted 190 minutes.", ["90 minutes"], False),
        ("It lasted 90 minutesque.", ["90 minutes"], False),
        ("‘NATO’s’ chief", ["nato's"], True),
        ("In Lund.", ["Oslo", "Lund"], True),
        ("In Lund.", [], False),
        ("In Lund.", ["?"], False),
    ],
)
def test_a_right_sentence_holds_an_answer_as_whole_words(sentence: str, answers: list[str], right: bool) -> None:
    assert is_right(sentence, answers) is right


@pytest.mark.parametrize(
    ("source", "same"),
    [
        ("https://example.org/news/1", True),
        ("https://example.org/news/2", False),
        ("example.org/news/1", False),
        ("news/1", False),
        ("/data/news/day.txt", True),
        ("news/day.txt", True),
        ("./news/day.txt", True),
        ("news\\day.txt", True),
        ("day.txt", True),
        ("/day.txt", True),
        ("ay.txt", False),
        ("other/day.txt", False),
        ("", False),
    ],
)
def test_a_source_is_the_url_or_the_end_of_the_path(source: str, same: bool) -> None:
    places = ["https://example.org/news/1", "/data/news/day.txt"]
    assert is_right("In Lund.", ["Lund"], places=places, sources=["https://nowhere.org", source]) is same
    assert not is_right("In Oslo.", ["Lund"], places=places, sources=[source])


# Parts


def test_parts_share_nothing_and_leave_nothing_out() -> None:
    items = [EvaluationQuestion(str(n), f"Who {n}?", fraction=part_of(str(n))) for n in range(1_000)]
    first, second = (choose(items, part=Part.parse(part)) for part in ("0-0.5", "0.5-1"))
    assert sorted(each.id for each in first + second) == sorted(each.id for each in items)
    assert not {each.id for each in first} & {each.id for each in second}
    assert 440 < len(first) < 560
    assert part_of("7") == int(hashlib.sha256(b"7").hexdigest()[:8], 16) / 2**32


def test_a_limit_takes_the_same_questions_whatever_their_order() -> None:
    items = [EvaluationQuestion(str(n), "Who?", fraction=part_of(str(n))) for n in range(50)]
    few = choose(items, limit=10)
    assert {each.id for each in choose(items[::-1], limit=10)} == {each.id for each in few}
    assert {each.id for each in few} < {each.id for each in choose(items, limit=20)}
    assert [each.id for each in few] == [each.id for each in items if each in few]
    assert max(each.fraction for each in few) < min(each.fraction for each in items if each not in few)


def test_a_part_without_questions_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="no question lies in the part 0-1e-09"):
        choose([EvaluationQuestion("a", "Who?", fraction=0.5)], part=Part(0.0, 1e-9))


@pytest.mark.parametrize("text", ["", "0.5", "0.5-", "a-b", "0.5-0.5", "0.6-0.5", "0-1.1", "-0.5-1", "nan-1", "0-nan"])
def test_what_is_no_part(text: str) -> None:
    with pytest.raises(ValueError, match="expected FROM-TO"):
        Part.parse(text)
