"""What copies of a sentence say otherwise: where, and in which words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from index.build import build_index
from rag.cli import app
from rag.console import show_answer
from rag.display import difference_words
from rag.engine import Engine
from rag.wording import differences, same_words

if TYPE_CHECKING:
    import pytest

STORY = (
    "The harbour of Lindesnes was closed on Monday after a ferry ran aground in heavy fog. Its captain said that"
    " all 212 passengers were brought ashore by lifeboats before dawn. The coast guard expects to tow the ship to"
    " Kristiansand before the end of the week. Nobody was seriously hurt, the police of the county said."
)
QUESTION = "How many passengers were brought ashore?"
sentences = st.lists(
    st.sampled_from(["All", "all", "212", "215", "came.", "“Then", "—", "it's", "ß", "naïve"]), max_size=9
)


@given(sentences, sentences)
def test_what_lies_outside_of_the_differences_is_the_same(left: list[str], right: list[str]) -> None:
    quote, other = " ".join(left), "  ".join(right)
    found = differences(quote, other)
    rest, others, at, other_at = "", "", 0, 0
    for each in found:
        assert at <= each.start <= each.end <= len(quote)
        assert other_at <= each.other_start <= each.other_end <= len(other)
        assert (each.start, each.other_start) != (each.end, each.other_end)
        rest, at = f"{rest} {quote[at : each.start]}", each.end
        others, other_at = f"{others} {other[other_at : each.other_start]}", each.other_end
    assert same_words(f"{rest} {quote[at:]}", f"{others} {other[other_at:]}")
    assert same_words(quote, other) == (not found)


def test_the_differences_in_words() -> None:
    other = "Its captain said late at night that 215 passengers were brought ashore."
    quote = "Its captain said that all 212 passengers were “brought” ashore."
    assert difference_words(quote, other) == ["+ “late at night”", "“all 212” → “215”"]
    assert difference_words(quote, "captain said that all 212 passengers were brought ashore\x1b") == ["- “Its”"]


def index_of(folder: Path, stories: dict[str, str], encoder: Any) -> Path:
    (folder / "articles").mkdir()
    for name, text in stories.items():
        (folder / "articles" / f"{name}.txt").write_text(text, "utf-8")
    build_index([folder / "articles"], folder / "index", encoder=encoder)
    return folder / "index"


def test_all_near_copies_are_in_also_in_read_or_not(tmp_path: Path, tiny_encoder: Any, tiny_reader: Any) -> None:
    days = ["dawn", "noon", "dusk", "nine", "ten", "four", "five", "six", "seven", "eight", "lunch", "dinner", "tea"]
    stories = {f"{n:02}": f"Town {n}\n\n{STORY.replace('before dawn', f'before {day}')}" for n, day in enumerate(days)}
    stories |= {"exact": f"Town 0\n\n{STORY}", "other": f"Town 20\n\n{STORY.replace('212', '209')}"}
    index = index_of(tmp_path, stories, tiny_encoder)
    for reader in (tiny_reader, "none"):
        with Engine.open(index, encoder=tiny_encoder, reader=reader) as engine:
            answer = engine.ask(QUESTION, min_confidence=0, top=10)
        given = [each for each in (*answer.citations, *answer.related) if "brought ashore" in each.quote]
        told = next(each for each in given if "212" in each.quote)
        assert {Path(place.path).stem for place in (told, *told.also_in)} == set(stories) - {"other"}
        assert len(told.also_in) == len(stories) - 2
        for place in told.also_in:
            stands = Path(place.path).read_text("utf-8")[place.start : place.end]
            assert (place.wording is None) == same_words(stands, told.quote)
            assert place.wording in (None, stands)
        assert any("209" in each.quote for each in given)  # another fact, cited for itself
        words = [place["wording"] for each in answer.to_dict()["citations"] for place in each["also_in"]]
        assert len([each for each in words if each]) >= len(days) - 2


def test_the_command_shows_them_on_request(tmp_path: Path, tiny_encoder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.encoder.load_encoder", lambda *_: tiny_encoder)
    stories = {"a": STORY, "b": STORY.replace("before dawn", "before\x1b noon, he said,")}
    index = index_of(tmp_path, stories, tiny_encoder)
    arguments = ["ask", QUESTION, "--index", str(index), "--reader", "none", "--min-confidence", "0", "--top", "1"]
    plain = CliRunner().invoke(app, arguments)
    assert plain.exit_code == 0, plain.stderr
    assert "also in" in plain.stdout
    assert "there:" not in plain.stdout
    shown = CliRunner().invoke(app, [*arguments, "--differences"]).stdout
    assert "there: Its captain said that all 212 passengers were brought ashore by lifeboats before" in shown
    assert "“dawn” → “noon, he said”" in shown or "“noon, he said” → “dawn”" in shown
    assert "\x1b" not in shown


def test_nothing_is_shown_where_the_words_are_the_same(tmp_path: Path, tiny_encoder: Any) -> None:
    index = index_of(tmp_path, {"a": STORY, "b": STORY.replace("captain", "Captain")}, tiny_encoder)
    with Engine.open(index, encoder=tiny_encoder, reader="none") as engine:
        answer = engine.ask(QUESTION, min_confidence=0, top=1)
    (place,) = answer.citations[0].also_in
    assert place.wording is None
    assert "there:" not in show_answer(answer, width=None, differences=True).plain
