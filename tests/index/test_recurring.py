"""Lines that stand in many articles of one source: which ones, and whatever the order in which the articles came."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.recurring import COMPARED, FEW, MANY, Holder, count_stories, is_recurring, source_of
from tests.index.stores import Local, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

    from index.store.local import LocalStore

LABEL = "More stories from the valley"
ADVERT = "The experts at the shop have all your needs covered. Follow them for the latest deals and reviews."
BACKGROUND = "The war between the two towns of the valley began in the spring of last year with an attack at night."


def story(number: int, *lines: str, title: str | None = None) -> str:
    """An article with a headline of its own, its prose, and these lines at its end."""
    headline = title or f"What Town {number} Wants From Valley {number}"
    return "\n\n".join((headline, text_of(number).strip(), *lines)) + "\n"


def recurring(store: LocalStore) -> set[tuple[str, str]]:
    """File and words of each sentence in a recurring line."""
    with store.reading():
        records = store.passages(store.leading_passages()) + store.variants(store.leading_passages())
        left_out = store.recurring(records)
    return {
        (record.article.path, each.span.of(record.text))
        for record in records
        for each in record.sentences
        if each.id in left_out
    }


@pytest.fixture
def local(tmp_path: Path) -> Iterable[Local]:
    made = Local(tmp_path / "index", merged_below=10**6)
    yield made
    made.close()


def lines_left_out(local: Local) -> set[str]:
    store = local.open()
    try:
        return {words for _, words in recurring(store)}
    finally:
        store.close()


def test_below_and_at_the_limit_and_below_again(local: Local) -> None:
    local.put({f"/a/{number}.txt": story(number, LABEL, ADVERT) for number in range(FEW - 1)})
    assert lines_left_out(local) == set()
    local.put({"/a/last.txt": story(FEW, LABEL, ADVERT)})
    assert lines_left_out(local) == {LABEL, *ADVERT.replace(". ", ".\n").split("\n")}
    local.remove(["/a/0.txt"])
    assert lines_left_out(local) == set()


def test_articles_that_were_there_before_are_judged_alike(local: Local) -> None:
    store = None
    for number in range(FEW):
        local.put({f"/a/{number}.txt": story(number, LABEL)})
        store = store or local.open()
        assert len(recurring(store)) == (FEW if number == FEW - 1 else 0) or number == FEW - 1
    assert store is not None
    assert {words for _, words in recurring(store)} == {LABEL}
    store.close()


def test_the_sites_of_the_world_that_print_a_quote(local: Local) -> None:
    local.put({f"/site{number}/a.txt": story(number, ADVERT) for number in range(2 * FEW)})
    assert lines_left_out(local) == set()


@pytest.mark.parametrize("titles", ["alike", "new"])
def test_one_story_that_stands_many_times(local: Local, titles: str) -> None:
    local.put(
        {
            f"/a/{number}.txt": story(
                1, ADVERT, LABEL, title=None if titles == "alike" else f"Town Wants {number} Things"
            )
            for number in range(2 * FEW)
        }
    )
    assert lines_left_out(local) == set()


def test_background_of_an_affair(local: Local) -> None:
    local.put({f"/a/{number}.txt": story(number, BACKGROUND) for number in range(3 * FEW)})
    assert lines_left_out(local) == set()


def test_a_short_sentence_among_others(local: Local) -> None:
    local.put({f"/a/{number}.txt": story(number, f"He did. Then {number} cars came.") for number in range(2 * FEW)})
    assert lines_left_out(local) == set()


def test_what_is_left_out_is_still_in_the_text(local: Local) -> None:
    local.put({f"/a/{number}.txt": story(number, LABEL) for number in range(FEW)})
    store = local.open()
    for record in store.passages(store.leading_passages()):
        assert LABEL in record.text
    store.close()


def test_counting_stories() -> None:
    one, other = frozenset({1, 2, 3, 4}), frozenset({1, 2, 3, 8, 9})
    assert count_stories([]) == 0
    assert count_stories([Holder("a", one), Holder("b", other)]) == 1
    assert count_stories([Holder("a", one), Holder("b", frozenset({3, 4, 8, 9}))]) == 2
    assert count_stories([Holder("a", one), Holder("b", frozenset({4, 5, 6, 7}))]) == 2
    assert count_stories([Holder("a", one), Holder("a", frozenset({4, 5, 6, 7}))]) == 1
    # of three articles, the one in the middle has something of both others
    assert count_stories([Holder("a", one), Holder("b", frozenset({8, 9, 10})), Holder("c", other)]) == 1
    many = [Holder(f"title {number // 2}", one) for number in range(2 * COMPARED)]
    assert count_stories(many) == COMPARED


@given(st.permutations([Holder(f"t{n % 4}", frozenset({n, n + 1, (7 * n) % 5})) for n in range(9)]))
def test_counting_stories_in_any_order(holders: list[Holder]) -> None:
    assert count_stories(holders) == count_stories(
        sorted(holders, key=lambda each: (each.title, sorted(each.sentences)))
    )


@pytest.mark.parametrize(
    ("line", "stories", "expected"),
    [
        (LABEL, FEW - 1, False),
        (LABEL, FEW, True),
        (ADVERT, FEW, True),
        (BACKGROUND, MANY - 1, False),
        (BACKGROUND, MANY, True),
        ("Jane Doe covers the valley for the News.", FEW, True),
        ("This story has been updated with what happened on Monday.", FEW, True),
        ("The editor of the paper was shot in the town on Monday.", FEW, False),
        ("The police follow the latest rules of the town, he said.", FEW, False),
    ],
)
def test_statements_need_many_stories_or_a_sign(line: str, stories: int, expected: bool) -> None:
    assert is_recurring(line, stories) is expected


def test_sources() -> None:
    assert source_of("https://news.example.org:80/a", "/a/b") == "news.example.org"
    assert source_of("no address", "/a/b.txt") == source_of("http://[", "/a/c.jsonl") == "/a"


@settings(max_examples=8, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3), st.booleans()), min_size=1, max_size=8),
        min_size=1,
        max_size=5,
    ),
    st.randoms(use_true_random=False),
)
def test_any_sequence_leaves_out_what_an_index_made_afresh_does(
    changes: list[list[tuple[int, int, bool]]], random: Random
) -> None:
    texts: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        local = Local(Path(folder) / "index", merged_below=10**6)
        for change in changes:
            named = {f"/{'aaab'[number % 4]}/{number}.txt": (number, kind, gone) for number, kind, gone in change}
            put = {
                path: story(number + kind // 2, *[LABEL, ADVERT][: kind + 1])
                for path, (number, kind, gone) in named.items()
                if not gone
            }
            removed = [path for path, (_, _, gone) in named.items() if gone and path in texts]
            local.put(put)
            local.remove(removed)
            texts = {path: text for path, text in (texts | put).items() if path not in removed}
        afresh = Local(Path(folder) / "afresh", merged_below=10**6)
        paths = sorted(texts)
        random.shuffle(paths)
        afresh.put({path: texts[path] for path in paths})
        one, other = local.open(), afresh.open()
        # by the words: which of some copies stands for them depends on the order
        assert {words for _, words in recurring(one)} == {words for _, words in recurring(other)}
        for each in (one, other, local, afresh):
            each.close()
