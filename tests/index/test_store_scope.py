"""What every `Store` promises of scopes and of the list of articles, against what was put in."""

from __future__ import annotations

import itertools
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from index.errors import StoreDamaged
from index.scope import Scope
from index.store import lexical
from index.types import Source
from tests.index.stores import WORDS, Local, text_of, vector_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from index.store.local import LocalStore

HOSTS = ("north.example", "south.example", None)
DAYS = ("March 1, 2024", "2024-03-02T09:00:00Z", "2024/03/03", "some day", None)
ISO = ("2024-03-01", "2024-03-02", "2024-03-03", None, None)
SCOPES = [
    Scope(frozenset(sources), *dates)
    for sources in ((), ("north.example",), ("south.example", "7.txt"), ("nobody.example",))
    for dates in ((None, None), ("2024-03-02", None), (None, "2024-03-02"), ("2024-03-03", "2024-03-03"))
]


@dataclass(frozen=True)
class Put:
    """One article as it was put in; `group` is shared by those that copy each other."""

    path: str
    group: int
    outlet: str
    day: str | None
    source: Source

    def lies_in(self, scope: Scope) -> bool:
        if scope.sources and self.outlet not in scope.sources:
            return False
        if scope.since is None and scope.until is None:
            return True
        return self.day is not None and (scope.since or "") <= self.day <= (scope.until or "9999")


def put_in() -> list[Put]:
    """Articles of all outlets and days; many are exact copies of others, some near ones."""
    found = []
    for number in range(60):
        group = number % 41
        text = text_of(group)
        if number >= 41 and number % 3 == 0:
            text = text.replace("was seen by", "was found by", 1)
        host, published = HOSTS[number % 3], DAYS[number % 5]
        path = f"/a/{number}.txt"
        title = f"{WORDS[number % len(WORDS)].title()} Number {number}"
        url = None if host is None else f"https://www.{host}/{number}"
        source = Source(path, text, line=1, url=url, title=title, published=published)
        found.append(Put(path, group, host or f"{number}.txt", ISO[number % 5], source))
    return found


@pytest.fixture
def filled(local: Local) -> Iterator[tuple[LocalStore, list[Put]]]:
    put = put_in()
    for start in range(0, len(put), 20):
        local.put({each.path: each.source for each in put[start : start + 20]})
    store = local.open()
    yield store, put
    store.close()


def groups_in(put: list[Put], scope: Scope) -> set[int]:
    return {each.group for each in put if each.lies_in(scope)}


@pytest.mark.parametrize("deep", [1, 1000], ids=["left out before", "left out behind"])
def test_a_scope_is_searched_as_if_nothing_else_were_there(
    filled: tuple[LocalStore, list[Put]], monkeypatch: pytest.MonkeyPatch, deep: int
) -> None:
    monkeypatch.setattr(lexical, "_DEEP", deep)
    store, put = filled
    by_path = {each.path: each for each in put}
    vector, terms = vector_of("ferry"), ["ferri", "glass", "town3", "seen"]
    with store.reading():
        all_vectors = store.search_vectors(vector, top_k=1000)
        all_words = store.search_lexical(terms, top_k=1000)
        leaders = {each.id: by_path[each.article.path].group for each in store.passages(store.leading_passages())}
    assert len(leaders) == store.searched() == store.searched(Scope()) == 41
    for scope in SCOPES:
        expected = groups_in(put, scope)
        assert store.searched(scope) == len(expected)
        for top_k in (1, 7, 1000):
            with store.reading():
                vectors = store.search_vectors(vector, top_k=top_k, scope=scope)
                words = store.search_lexical(terms, top_k=top_k, scope=scope)
            assert vectors == [each for each in all_vectors if leaders[each.passage] in expected][:top_k]
            inside = [each for each in all_words if leaders[each.passage] in expected][:top_k]
            assert [each.score for each in words] == pytest.approx([each.score for each in inside])
            assert {leaders[each.passage] for each in words} <= expected
            if top_k == 1000:
                assert {each.passage for each in words} == {each.passage for each in inside}


def test_of_each_group_what_lies_in_the_scope_stands_for_it(filled: tuple[LocalStore, list[Put]]) -> None:
    store, put = filled
    by_path = {each.path: each for each in put}
    elsewhere = 0
    for scope in SCOPES:
        leading = [each.passage for each in store.search_vectors(vector_of("x"), top_k=1000, scope=scope)]
        order = [by_path[each.article.path].group for each in store.passages(leading)]
        found = store.within(leading, scope)
        assert all(by_path[each.article.path].lies_in(scope) for each in found)
        assert [by_path[each.article.path].group for each in found[: len(leading)]] == order
        assert [each.group for each in found[: len(leading)]] == leading
        for leader, group in zip(leading, order, strict=True):
            own = [each for each in put if each.group == group and each.lies_in(scope)]
            wordings = {each.source.text for each in own}
            texts = [each.text for each in found if each.group == leader]
            assert sorted(texts) == sorted(wordings)
            first = next(each for each in found if each.group == leader)
            (leads,) = store.passages([leader])
            inside = by_path[leads.article.path].lies_in(scope)
            assert first.article.path == (leads.article.path if inside else own[0].path)
            elsewhere += first.id != leader
        places = store.places([sentence for each in found for sentence in each.sentences], scope=scope)
        assert all(by_path[place.article.path].lies_in(scope) for each in places.values() for place in each)
    assert elsewhere > 10, "copies stood for groups whose first passage lies outside"


def test_chosen_articles_are_a_scope(filled: tuple[LocalStore, list[Put]]) -> None:
    store, _ = filled
    listed = store.articles(limit=1000).articles
    chosen = {each.article.id for each in listed if each.article.path in {"/a/3.txt", "/a/50.txt"}}
    scope = Scope(articles=frozenset(chosen))
    found = store.search_vectors(vector_of("x"), top_k=100, scope=scope)
    assert {each.article.path for each in store.within([one.passage for one in found], scope)} == {
        "/a/3.txt",
        "/a/50.txt",
    }
    nobody = Scope(articles=frozenset({"0" * 32}))
    assert store.search_vectors(vector_of("x"), top_k=100, scope=nobody) == []
    assert store.search_lexical(["seen"], top_k=100, scope=nobody) == []
    assert store.articles(scope=nobody).total == 0


def test_a_scope_knows_of_changes(local: Local) -> None:
    local.put({each.path: each.source for each in put_in()[:6]})
    store = local.open()
    scope = Scope(frozenset({"north.example"}))

    def paths() -> set[str]:
        found = store.search_vectors(vector_of("x"), top_k=100, scope=scope)
        return {each.article.path for each in store.within([one.passage for one in found], scope)}

    assert paths() == {"/a/0.txt", "/a/3.txt"}
    local.put({each.path: each.source for each in put_in()[6:8]})
    assert paths() == {"/a/0.txt", "/a/3.txt", "/a/6.txt"}
    local.remove(["/a/0.txt"])
    assert paths() == {"/a/3.txt", "/a/6.txt"}
    store.close()


def test_the_list(filled: tuple[LocalStore, list[Put]]) -> None:
    store, put = filled
    order = sorted(put, key=lambda each: (each.day or "", int(each.path[3:-4])), reverse=True)
    for scope, search in itertools.product([None, *SCOPES], ["", "number 1", "SOUTH.example", "zebra"]):
        words = search.lower().replace(".", " ").split()
        expected = [
            each
            for each in order
            if (scope is None or each.lies_in(scope))
            and all(word in f"{each.source.title} {each.outlet}".lower().replace(".", " ") for word in words)
        ]
        page = store.articles(search=search, scope=scope, limit=9, offset=4)
        assert page.total == len(expected)
        assert [(each.article.path, each.outlet, each.day) for each in page.articles] == [
            (each.path, each.outlet, each.day) for each in expected[4:13]
        ]
        counts = {each.outlet: each for each in store.sources(search=search, scope=scope)}
        assert counts.keys() == {each.outlet for each in expected}
        for outlet, count in counts.items():
            own = [each for each in expected if each.outlet == outlet]
            days = [each.day for each in own if each.day is not None]
            assert (count.articles, count.since, count.until) == (
                len(own),
                min(days, default=None),
                max(days, default=None),
            )


def test_who_is_listed_by_something_else_is_not_quoted(local: Local) -> None:
    local.put({each.path: each.source for each in put_in()[:6]})
    local.close()
    connection = sqlite3.connect(local.folder / "index.db")
    connection.execute("UPDATE listed SET outlet = 'north.example'")
    connection.commit()
    connection.close()
    store = local.open()
    scope = Scope(frozenset({"north.example"}))
    found = store.search_vectors(vector_of("x"), top_k=100, scope=scope)
    with pytest.raises(StoreDamaged, match="citewell check"):
        store.within([each.passage for each in found], scope)
    store.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"since": "2024"},
        {"since": "2024-02-30"},
        {"until": "20240301"},
        {"since": "2024-03-02", "until": "2024-03-01"},
        {"articles": frozenset({"../x"})},
    ],
)
def test_what_is_no_scope(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must|hexadecimal"):
        Scope(**wrong)  # type: ignore[arg-type]


def test_a_scope_in_words() -> None:
    assert not Scope()
    assert Scope().describe() == ""
    assert Scope(frozenset("abcdefg")).describe() == "from a, b, c, d, e and 2 more"
    assert Scope(since="2024-03-01", until="2024-03-01", articles=frozenset({"0" * 32})).describe() == (
        "of 2024-03-01, 1 chosen article"
    )
