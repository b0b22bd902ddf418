"""Votes: kept or refused as a whole, and what of them an evaluation can use."""

from __future__ import annotations

import json
import resource
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner, Result

import rag.feedback
import rag.pipeline
from index.build import build_index
from index.errors import StoreError
from rag.cli import app
from rag.engine import Engine
from rag.evaluation.feedback import questions_from
from rag.evaluation.questions import read_questions
from rag.feedback import FEEDBACK_FILE, FeedbackFile, Verdict, Vote, vote_on
from rag.types import Answer, Citation, Place

if TYPE_CHECKING:
    from pathlib import Path

QUOTE = "The new bridge in Lund opened on Monday after four years of work, the city said."
ARTICLE = f"""Bridge Opens in Lund

{QUOTE}

It cost 12 million euros, which the city of Malmö paid.
"""


def answer(question: str = "When did the bridge open?", quote: str | None = QUOTE, **changes: Any) -> Answer:
    if quote is None:
        return Answer(question, False, 0.1)
    values: dict[str, Any] = {"highlight": (33, 39) if quote == QUOTE else None, **changes}
    copy = Place("1" * 32, "Copy", "https://example.org/copy", None, 0, len(quote), "all.jsonl", 3)
    cited = Citation(
        "0" * 32, "Bridge", "news/lund.txt", None, 22, 22 + len(quote), "news/lund.txt", 3,
        number=1, quote=quote, also_in=(copy,), **values,
    )  # fmt: skip
    return Answer(question, True, 0.9, (cited,))


def vote(given: Answer, verdict: Verdict, key: str) -> Vote:
    return vote_on(given, verdict, key=key)


@pytest.fixture
def file(tmp_path: Path) -> FeedbackFile:
    return FeedbackFile(tmp_path)


# Keeping them


def test_a_vote_is_read_as_it_was_kept(file: FeedbackFile) -> None:
    hostile = answer("<script>\u202e\u2028 \U0001f600?", 'A "quote"\nwith <b>\x00\ud800 in it.', highlight=(0, 1))
    votes = [vote(hostile, "up", "a"), vote(answer(quote=None), "down", "b")]
    for each in votes:
        file.keep(each)
    assert file.read() == (votes, 0)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert set(json.loads(file.path.read_text("ascii").splitlines()[0])) == {
        "id", "time", "version", "verdict", "question", "answered", "confidence", "citations",
    }  # fmt: skip


def test_a_second_vote_takes_the_place_of_the_first(file: FeedbackFile) -> None:
    for key, verdict in (("a", "up"), ("b", "up"), ("a", "down"), ("b", "none")):
        file.keep(vote(answer(), verdict, key))
    votes, _ = file.read()
    assert [(each.id, each.verdict) for each in votes] == [("a", "down")]


def test_no_file_is_no_votes(file: FeedbackFile) -> None:
    assert file.read() == ([], 0)
    assert list(file.path.parent.iterdir()) == []


@pytest.mark.parametrize("torn", [b'{"id": "x", "ti', b"\xff\xfe\x00", b"[]", b'"x"', b"[" * 100_000, b'{"id": 1}'])
def test_a_line_that_is_no_vote_is_left_out_and_left_there(file: FeedbackFile, torn: bytes) -> None:
    first, second = vote(answer(), "up", "a"), vote(answer(), "up", "b")
    file.keep(first)
    with file.path.open("ab") as out:
        out.write(torn)  # without a line end, as a power cut leaves it
    file.keep(second)
    assert file.read() == ([first, second], 1)
    assert torn in file.path.read_bytes().split(b"\n")


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "maybe"},
        {"verdict": ["up"]},
        {"question": None},
        {"confidence": "high"},
        {"citations": []},
        {"citations": 7},
        {"citations": [{"quote": "x"}]},
        {"answered": False},
    ],
)
def test_a_vote_with_a_field_of_another_kind_is_none(file: FeedbackFile, changes: dict[str, Any]) -> None:
    record = {**vote(answer(), "up", "a").to_dict(), **changes}
    file.path.write_text(json.dumps(record))
    assert file.read() == ([], 1)


@pytest.mark.parametrize("room", [0, 5, 300])
def test_a_full_disk_leaves_the_file_as_it_was(file: FeedbackFile, room: int) -> None:
    """A file may not grow beyond a limit: Python is told so as it is when the disk is full, after a part is written."""
    kept = vote(answer(), "up", "a")
    file.keep(kept)
    before = file.path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + room, limits[1]))
    try:
        with pytest.raises(StoreError, match=r"the vote was not kept: .*free some space") as caught:
            file.keep(vote(answer(), "down", "b"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value)
    assert file.path.read_bytes() == before
    file.keep(vote(answer(), "down", "a"))
    assert [each.verdict for each in file.read()[0]] == ["down"]


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "gone"):
        with pytest.raises(StoreError, match="the vote was not kept") as caught:
            FeedbackFile(folder).keep(vote(answer(), "up", "a"))
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "gone").exists()
    (tmp_path / FEEDBACK_FILE).mkdir()
    with pytest.raises(StoreError, match="the vote was not kept"):
        FeedbackFile(tmp_path).keep(vote(answer(), "up", "a"))
    with pytest.raises(StoreError, match="cannot be read"):
        FeedbackFile(tmp_path).read()


def keep_many(file: FeedbackFile, count: int) -> None:
    for number in range(count):
        file.keep(vote(answer(), "up", str(number)))


def test_the_file_is_bounded_and_what_counts_stays(tmp_path: Path) -> None:
    file = FeedbackFile(tmp_path, most_bytes=10_000)
    first = vote(answer("The first?"), "up", "first")
    file.keep(first)
    with file.path.open("ab") as out:
        out.write(b"a line of somebody's\n")
    for number in range(50):  # the same vote again and again: there is room, for it counts once
        file.keep(vote(answer(), ("up", "down")[number % 2], "flip"))
    assert file.path.stat().st_size <= 10_000
    votes, others = file.read()
    assert (votes[0], [each.verdict for each in votes], others) == (first, ["up", "down"], 1)
    with pytest.raises(StoreError, match=r"is full .*citewell feedback"):
        keep_many(file, 50)
    votes, others = file.read()
    assert (votes[0], others) == (first, 1)
    assert {path.name for path in tmp_path.iterdir()} <= {FEEDBACK_FILE, ".feedback.lock"}


def test_a_vote_with_endless_quotes_is_refused(file: FeedbackFile) -> None:
    with pytest.raises(StoreError, match="expected at most"):
        file.keep(vote(answer(quote="x" * 300_000), "up", "a"))
    assert file.read() == ([], 0)


def test_votes_at_once_are_all_kept(file: FeedbackFile) -> None:
    others = [FeedbackFile(file.path.parent) for _ in range(3)]
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(others[number % 3].keep, vote(answer(), "up", str(number))) for number in range(60)]
    for job in jobs:
        job.result()
    votes, unreadable = file.read()
    assert ({each.id for each in votes}, unreadable) == ({str(number) for number in range(60)}, 0)


# What they say


def test_a_vote_for_an_answer_expects_its_marked_words_in_its_articles() -> None:
    said = questions_from([vote(answer(), "up", "a"), vote(answer("Who paid?", "Malmö paid."), "up", "b")])
    assert [{**line, "date": ""} for line in said.questions] == [
        {
            "question": "When did the bridge open?",
            "answers": ["Monday"],
            "sources": ["news/lund.txt", "https://example.org/copy"],
            "date": "",
        },
        {
            "question": "Who paid?",
            "answers": ["Malmö paid."],
            "sources": ["news/lund.txt", "https://example.org/copy"],
            "date": "",
        },
    ]
    assert said.left_out == ()


def test_a_mark_without_a_letter_expects_the_quote() -> None:
    (line,) = questions_from([vote(answer(highlight=(3, 4)), "up", "a")]).questions
    assert line["answers"] == [QUOTE]


def test_a_vote_for_silence_expects_no_answer() -> None:
    (line,) = questions_from([vote(answer(quote=None), "up", "a")]).questions
    assert (line["answer"], "sources" in line) == (None, False)


def test_a_vote_against_says_nothing_that_can_be_measured() -> None:
    votes = [vote(answer(), "down", "a"), vote(answer("Who won?", None), "down", "b")]
    said = questions_from(votes)
    assert (said.questions, said.left_out) == ((), tuple(votes))


def test_several_votes_on_a_question() -> None:
    again = "It opened on Tuesday."
    votes = [
        vote(answer(), "up", "a"),
        vote(answer(quote=again), "up", "b"),
        vote(answer(), "down", "c"),
        vote(answer("Who won?"), "up", "d"),
        vote(answer("Who won?", None), "up", "e"),
    ]
    said = questions_from(votes)
    assert [line.get("answers", line.get("answer")) for line in said.questions] == [[again], None]
    assert said.left_out == (votes[2],)


# The command


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def index(tmp_path: Path, tiny_encoder: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A real index, made and opened with the tiny encoder, which no name names."""
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "lund.txt").write_text(ARTICLE, "utf-8")
    build_index([tmp_path / "articles"], tmp_path / "index", encoder=tiny_encoder)

    def open_engine(index: Path, articles: None, **_: Any) -> Engine:
        return Engine.open(index, encoder=tiny_encoder, reader="none")

    monkeypatch.setattr(rag.pipeline, "open_engine", open_engine)
    return tmp_path / "index"


def test_votes_become_questions_that_evaluate_asks(index: Path, tiny_encoder: Any, tmp_path: Path) -> None:
    file = FeedbackFile(index)
    with Engine.open(index, encoder=tiny_encoder, reader="none") as engine:
        right = engine.ask("When did the new bridge in Lund open?", min_confidence=0.0)
        silent = engine.ask("Who won the election in France?", min_confidence=1.0)
        wrong = engine.ask("How much did Malmö pay?", min_confidence=0.0)
    assert (right.citations[0].quote, silent.answered) == (QUOTE, False)
    for key, given, verdict in (("a", right, "up"), ("b", silent, "up"), ("c", wrong, "down")):
        file.keep(vote(given, verdict, key))

    out = tmp_path / "questions.jsonl"
    done = run("feedback", "--index", index, "--out", out)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "citewell: left out, a vote against the answer: How much did Malmö pay?\n"
    assert [each.question for each in read_questions(out)] == [right.question, silent.question]
    assert run("feedback", "--index", index).stdout == out.read_text("utf-8")

    measured = run("evaluate", out, "--index", index, "--json", "--min-confidence", "0")
    assert measured.exit_code == 0, measured.stderr
    figures = json.loads(measured.stdout)
    assert (figures["questions"], figures["answerable"], figures["hit_at_1"]) == (2, 1, 1.0)


def test_the_votes_themselves_can_be_had(index: Path) -> None:
    given = vote(answer(), "down", "a")
    FeedbackFile(index).keep(given)
    done = run("feedback", "--index", index, "--votes")
    assert (done.exit_code, Vote.from_dict(json.loads(done.stdout))) == (0, given)
    none_to_ask = run("feedback", "--index", index)
    assert (none_to_ask.exit_code, none_to_ask.stdout) == (9, "")
    assert "--votes" in none_to_ask.stderr.splitlines()[-1]


def test_no_votes_are_one_line(index: Path) -> None:
    done = run("feedback", "--index", index)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (9, "", 1)
    assert "holds no votes" in done.stderr
    (index / FEEDBACK_FILE).write_text("not a vote\n")
    assert "1 line is no vote" in run("feedback", "--index", index).stderr


def test_a_copy_of_an_index_has_its_votes(index: Path, tmp_path: Path) -> None:
    given = vote(answer(), "up", "a")
    FeedbackFile(index).keep(given)
    assert run("backup", tmp_path / "copy", "--index", index).exit_code == 0
    assert FeedbackFile(tmp_path / "copy").read() == ([given], 0)
    assert {path.name for path in index.iterdir()} >= {FEEDBACK_FILE, ".feedback.lock"}
    assert not (tmp_path / "copy" / ".feedback.lock").exists()
