"""Groups of copies follow from what is stored alone, whatever was added, changed and removed on the way."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from index.days import day_of
from index.dedupe import ARTICLES, PASSAGES, Words, article_key, band_keys
from index.encoder import EncoderIdentity
from index.prepare import prepare
from index.store.database import Database
from index.store.publish import NoSearchFiles
from index.store.verify import Verifier
from index.store.writer import FileJob, Writer, write_lock
from index.types import Source

if TYPE_CHECKING:
    from index.dedupe import Likeness
    from index.prepare import PreparedArticle
    from index.store.writer import Written

WORDS = [f"word{number}" for number in range(400)]
DAYS = ["2024/05/01", "2024-05-02", "May 3, 2024", None, "soon"]


def sentence(story: int, number: int) -> list[str]:
    return random.Random(100 * story + number).choices(WORDS, k=14)


def text_of(story: int, edits: int, sentences: int) -> str:
    """Some sentences of a story, with so many of its words changed; the more edits, the further from the story."""
    changed = random.Random(edits)
    parts = []
    for number in range(sentences):
        words = sentence(story, number)
        for _ in range(edits):
            words[changed.randrange(len(words))] = changed.choice(WORDS)
        parts.append(f"Then {' '.join(words)} was seen.")
    return "\n\n".join(parts)


def file_of(path: str, story: int, edits: int, sentences: int, day: str | None) -> PreparedArticle:
    (article,) = prepare(Source(path, text_of(story, edits, sentences), title=f"Story {story}", published=day))
    return article


class Index:
    """A database that is written to, one article a file, and what is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database.create(folder, EncoderIdentity("tiny", "0" * 8, 2))
        self.files: dict[str, PreparedArticle] = {}

    def put(self, files: dict[str, PreparedArticle]) -> Written:
        with write_lock(self.folder):
            writer = Writer(self.database, NoSearchFiles(self.database))
            jobs = [
                FileJob(path, 1, 1, b"", [article], list(writer.stored_articles(path).values()), complete=True)
                for path, article in files.items()
            ]
            self.files |= files
            return writer.write(jobs, {})

    def remove(self, paths: list[str]) -> None:
        with write_lock(self.folder):
            Writer(self.database, NoSearchFiles(self.database)).remove_files(paths)
        for path in paths:
            del self.files[path]

    def groups(self, table: str) -> dict[tuple[str, int], tuple[str, int]]:
        """Who stands for whom: each is known by its path and its number within the article."""
        column = "passages.article" if table == "passages" else "article_groups.id"
        rows = self.database.rows(
            f"SELECT {table}.id, leader, path FROM {table} JOIN articles ON articles.id = {column}"
            f" JOIN files ON files.id = file ORDER BY {table}.id"
        )
        names: dict[int, tuple[str, int]] = {}
        for number, _, path in rows:
            names[number] = (path, sum(known == path for known, _ in names.values()))
        return {names[number]: names[leader] for number, leader, _ in rows}


def expected(files: dict[str, PreparedArticle], likeness: Likeness) -> dict[tuple[str, int], tuple[str, int]]:
    """The groups by their definition, all pairs compared."""
    rows = []
    for path, article in files.items():
        day = day_of(article.article.published) or "~"
        texts = [passage.text for passage in article.passages]
        for number, text in enumerate([" ".join(texts)] if likeness is ARTICLES else texts):
            rows.append(((day, path, number), (path, number), article_key(text), text))
    rows.sort()
    first: dict[int, tuple[str, int]] = {}
    leaders: list[tuple[tuple[str, int], Words, set[int]]] = []
    stands_for: dict[tuple[str, int], tuple[str, int]] = {}
    for _, name, key, text in rows:
        if key in first:
            stands_for[name] = stands_for[first[key]]
            continue
        first[key] = name
        words = Words.of(text)
        bands = set(next(iter(band_keys([words.shingles], likeness))))
        near = [(likeness.of(words, other), who) for who, other, its in leaders if bands & its]
        best = max((alike for alike, _ in near), default=0.0)
        if best:
            stands_for[name] = next(who for alike, who in near if alike == best)
        else:
            stands_for[name] = name
            leaders.append((name, words, bands))
    return stands_for


class Changes(RuleBasedStateMachine):
    """Copies of a few stories come, change and go in any order."""

    @initialize()
    def begin(self) -> None:
        self.temporary = tempfile.TemporaryDirectory()
        self.index = Index(Path(self.temporary.name))

    @rule(
        made=st.dictionaries(
            st.integers(0, 11),
            st.tuples(st.integers(0, 1), st.integers(0, 3), st.sampled_from([1, 3, 8, 9]), st.sampled_from(DAYS)),
            min_size=1,
            max_size=4,
        )
    )
    def put(self, made: dict[int, tuple[int, int, int, str | None]]) -> None:
        self.index.put({f"/{name:02}.txt": file_of(f"/{name:02}.txt", *facts) for name, facts in made.items()})

    @precondition(lambda self: self.index.files)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        self.index.remove(
            data.draw(st.lists(st.sampled_from(sorted(self.index.files)), min_size=1, max_size=4, unique=True))
        )

    @invariant()
    def groups_are_those_of_an_index_made_afresh(self) -> None:
        for table, likeness in (("passages", PASSAGES), ("article_groups", ARTICLES)):
            assert self.index.groups(table) == expected(self.index.files, likeness)
        verifier = Verifier(self.index.database)
        verifier.run()
        assert [each for each in verifier.findings if each.kind != "vector"] == []

    def teardown(self) -> None:
        self.index.database.close()
        self.temporary.cleanup()


TestChanges = Changes.TestCase
TestChanges.settings = settings(
    phases=[Phase.reuse, Phase.generate],
    max_examples=20,
    stateful_step_count=7,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_the_earliest_stands_for_its_copies_whenever_it_comes(tmp_path: Path) -> None:
    index = Index(tmp_path)
    named = {
        name: file_of(f"/{name}.txt", 0, edits, 3, day)
        for name, edits, day in (("c", 0, "2024-05-03"), ("b", 1, "2024-05-02"), ("a", 0, None), ("d", 0, "2024-05-01"))
    }
    counted = [index.put({f"/{name}.txt": article}) for name, article in named.items()]
    assert index.groups("article_groups") == {(f"/{name}.txt", 0): ("/d.txt", 0) for name in named}
    assert [(each.duplicates_exact, each.duplicates_near, each.articles_copied) for each in counted] == [
        (0, 0, 0),
        (0, 1, 1),
        (1, 0, 1),
        (1, 0, 1),
    ]
    index.remove(["/d.txt"])
    assert set(index.groups("passages").values()) == {("/b.txt", 0)}
    index.remove(["/b.txt"])
    assert set(index.groups("passages").values()) == {("/c.txt", 0)}


def test_members_of_an_archive_have_an_order_too(tmp_path: Path) -> None:
    index = Index(tmp_path)
    text = text_of(0, 0, 3)
    later, first = (prepare(Source("/a.zip", text, title="Story", part=part))[0] for part in ("b.txt", "a.txt"))
    with write_lock(tmp_path):
        writer = Writer(index.database, NoSearchFiles(index.database))
        writer.write([FileJob("/a.zip", 1, 1, b"", [later, first], [], complete=True)], {})
    rows = index.database.rows("SELECT part, leader = articles.id FROM articles JOIN article_groups USING (id)")
    assert sorted(rows) == [("a.txt", 1), ("b.txt", 0)]


def test_copies_that_come_together_are_counted_once(tmp_path: Path) -> None:
    index = Index(tmp_path)
    names = ["/c.txt", "/b.txt", "/a.txt"]  # each earlier than the one before
    written = index.put({name: file_of(name, 0, 0, 3, None) for name in names})
    assert (written.duplicates_exact, written.duplicates_near, written.articles_copied) == (2, 0, 2)


def test_a_passage_that_says_more_stands_for_itself(tmp_path: Path) -> None:
    index = Index(tmp_path)
    index.put({"/a.txt": file_of("/a.txt", 0, 0, 3, None), "/b.txt": file_of("/b.txt", 0, 0, 4, None)})
    groups = index.groups("passages")
    assert groups["/b.txt", 0] == ("/b.txt", 0)
    assert set(index.groups("article_groups").values()) == {("/a.txt", 0)}
    index.put({"/0.txt": file_of("/0.txt", 0, 0, 4, None)})  # which says it all, and is earlier
    assert set(index.groups("passages").values()) == {("/0.txt", 0)}


def test_a_changed_article_is_no_copy_of_what_it_was(tmp_path: Path) -> None:
    index = Index(tmp_path)
    index.put({"/a.txt": file_of("/a.txt", 0, 0, 3, None)})
    written = index.put({"/a.txt": file_of("/a.txt", 0, 0, 4, None)})
    assert (written.duplicates_exact, written.duplicates_near, written.articles_copied) == (0, 0, 0)
