"""The SQLite file: the only truth of an index. Every committed change has a number."""

from __future__ import annotations

import json
from importlib.resources import files as package_files
from typing import TYPE_CHECKING

from index.encoder import EncoderIdentity
from index.errors import EncoderMismatch, StoreDamaged, StoreError, StoreNotFound, StoreVersionMismatch
from index.store.base import ArticleRecord, PassageRecord, SentencePlace, SentenceRecord
from index.store.connections import DATABASE, VARIABLES, Connections, sliced
from index.store.rows import (
    ARTICLE,
    COPY,
    SENTENCE,
    article_of,
    check_quote,
    checked_copy,
    checked_passage,
    checked_text,
    checked_vector,
    sentence_of,
)
from index.store.search import Commit
from index.types import Span

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["APPLICATION_ID", "DATABASE", "FORMAT", "Database", "check_folder"]

APPLICATION_ID = 0x63697465
"""`PRAGMA application_id` of our files: "cite" in ASCII."""
FORMAT = 3
"""`PRAGMA user_version` of our files; another number is refused."""
_PLACES = 100
"""Other places of one sentence that are told."""


def check_folder(folder: Path) -> None:
    """Refuse a folder that is meant for something else than an index.

    Raises:
        StoreError: when it is a file, or holds files and no index.
    """
    if not folder.exists() or (folder / DATABASE).exists():
        return
    if not folder.is_dir():
        raise StoreError(f"{folder} is a file; expected a folder for the index, new or with an index in it")
    strangers = sorted(path.name for path in folder.iterdir() if path.name not in {"writer.lock", "writer.json"})
    if strangers:
        raise StoreError(
            f"{folder} is not empty and holds no index (found {strangers[0]!r}); name a new or empty folder"
        )


class Database(Connections):
    """What an index file holds, read row by row into records; a row that is not as it was written is an error.

    Args:
        folder: the index folder, which holds `index.db`.
    """

    @classmethod
    def open(cls, folder: Path) -> Database:
        """Open an existing index.

        Raises:
            StoreNotFound: when there is none.
            StoreVersionMismatch: when another format version wrote it.
            StoreDamaged: when it is no SQLite file of ours.
        """
        database = cls(folder)
        if not database.path.is_file():
            raise StoreNotFound(f"{folder} holds no index; make one with `citewell index PATH --index {folder}`")
        try:
            database._check_format()
        except BaseException:
            database.close()
            raise
        return database

    @classmethod
    def create(cls, folder: Path, encoder: EncoderIdentity) -> Database:
        """Make a new, empty index for the vectors of one encoder in an existing folder without one."""
        database = cls(folder)
        with database.errors():
            connection = database.connect(create=True)
            connection.executescript(
                "BEGIN IMMEDIATE;"
                + package_files("index.store").joinpath("schema.sql").read_text("utf-8")
                + f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT};"
            )
            facts = {"name": encoder.name, "fingerprint": encoder.fingerprint, "dimension": encoder.dimension}
            connection.execute("INSERT INTO meta VALUES ('encoder', ?)", (json.dumps(facts),))
            connection.execute("INSERT INTO meta VALUES ('change', '0'), ('commit', '')")
            connection.execute("COMMIT")
        return database

    def change(self) -> int:
        """The number of the last committed change."""
        return int(self._meta("change"))

    def committed(self) -> Commit:
        """The last commit; inside a change that is under way, still the one before."""
        return Commit(self.change(), self._meta("commit"))

    def encoder(self) -> EncoderIdentity:
        """Whose vectors these are."""
        facts = json.loads(self._meta("encoder"))
        return EncoderIdentity(str(facts["name"]), str(facts["fingerprint"]), int(facts["dimension"]))

    def check_encoder(self, given: EncoderIdentity) -> None:
        """Refuse an encoder whose vectors do not compare with the stored ones.

        Raises:
            EncoderMismatch: with both names.
        """
        stored = self.encoder()
        if (given.fingerprint, given.dimension) != (stored.fingerprint, stored.dimension):
            raise EncoderMismatch(
                f"the index in {self.folder} holds vectors of the encoder {stored.name!r}, which are not comparable "
                f"with those of {given.name!r}; use `--encoder {stored.name}`, or make a new index in another folder"
            )

    def counts(self) -> dict[str, int]:
        """How many articles, sentences, passages, and passages that are copies of another."""
        row = self.row(
            "SELECT (SELECT count(*) FROM articles), (SELECT count(*) FROM sentences),"
            " (SELECT count(*) FROM passages), (SELECT count(*) FROM passages WHERE leader != id)"
        )
        return dict(zip(("articles", "sentences", "passages", "duplicates"), row or (0, 0, 0, 0), strict=True))

    def searchable(self, passages: Sequence[int] | None = None) -> Iterator[tuple[int, str, str, bytes]]:
        """Passages that stand for their group, in order: number, title, text, and vector as fp16.

        Args:
            passages: which; all when None.
        """
        for part in sliced(self.leading_passages() if passages is None else sorted(passages), VARIABLES):
            rows = self.rows_for(
                "SELECT passages.id, article, passages.digest, vectors.vector, vectors.seal FROM passages"
                " JOIN vectors ON vectors.digest = passages.digest"
                " WHERE passages.id IN (%s) AND passages.leader = passages.id ORDER BY passages.id",
                part,
            )
            articles = self.rows_for(
                "SELECT articles.id, title, texts.text FROM articles JOIN texts ON texts.id = articles.text"
                " WHERE articles.id IN (%s)",
                list({row[1] for row in rows}),
            )
            known = {number: (title, text) for number, title, text in articles}
            spans: dict[int, list[tuple[int, int]]] = {}
            for number, start, end in self.rows_for(
                "SELECT passage, start, end FROM sentences WHERE passage IN (%s) ORDER BY passage, start",
                [row[0] for row in rows],
            ):
                spans.setdefault(number, []).append((start, end))
            for number, article, known_by, vector, found in rows:
                title, text = known[article]
                own = checked_passage(" ".join(text[start:end] for start, end in spans.get(number, ())), known_by)
                yield number, title, own, checked_vector(vector, found)

    def touched(self, since: int) -> list[tuple[int, bool]]:
        """The passages that changes after `since` touched, and whether each stands for a group now."""
        rows = self.rows(
            "SELECT passage, leader = passage FROM touched LEFT JOIN passages ON id = passage WHERE change > ?"
            " ORDER BY passage",
            (since,),
        )
        return [(passage, bool(leads)) for passage, leads in rows]

    def vectors(self, passages: Sequence[int]) -> dict[int, bytes]:
        """The fp16 vectors of passages."""
        rows = self.rows_for(
            "SELECT passages.id, vector, seal FROM passages JOIN vectors USING (digest) WHERE passages.id IN (%s)",
            passages,
        )
        return {number: checked_vector(vector, found) for number, vector, found in rows}

    def passages(self, ids: Sequence[int]) -> list[PassageRecord]:
        """The passages of these numbers, in order; those that are gone are left out."""
        rows = {row[0]: row for row in self.rows_for("SELECT id, leader, article FROM passages WHERE id IN (%s)", ids)}
        articles = self.articles({row[2] for row in rows.values()})
        texts = self._texts(list(articles))
        sentences = self._sentences(list(rows))
        found = []
        for number in ids:
            if number not in rows or not sentences.get(number):
                continue
            _, leader, key = rows[number]
            own = sentences[number]
            for sentence in own:
                check_quote(sentence, texts[key])
            found.append(PassageRecord(number, leader, articles[key], texts[key], own, self._before(key, own[0])))
        return found

    def leading_passages(self) -> list[int]:
        """The numbers of all passages that stand for a group, in order."""
        return [row[0] for row in self.rows("SELECT id FROM passages WHERE leader = id ORDER BY id")]

    def variants(self, leaders: Sequence[int]) -> list[PassageRecord]:
        """The near copies of passages that stand for a group, in order of number."""
        rows = self.rows_for(
            "SELECT copy.id FROM passages AS copy JOIN passages AS first ON first.id = copy.leader"
            " WHERE copy.leader IN (%s) AND copy.id != first.id AND copy.copy_key != first.copy_key",
            leaders,
        )
        return self.passages(sorted(row[0] for row in rows))

    def article(self, article_id: str) -> tuple[ArticleRecord, str] | None:
        """The article of that id at the first place where it stands, and its source text."""
        row = self.row("SELECT id FROM articles WHERE article_id = ? ORDER BY id LIMIT 1", (article_id,))
        if row is None:
            return None
        text = self._texts([row[0]])[row[0]]
        for each in self.rows(f"SELECT {SENTENCE} FROM sentences WHERE article = ?", (row[0],)):  # noqa: S608
            check_quote(sentence_of(each), text)
        return self.articles([row[0]])[row[0]], text

    def places(
        self, sentences: Collection[SentenceRecord], inside: Container[int] | None = None
    ) -> Mapping[int, tuple[SentencePlace, ...]]:
        """For each sentence's number, the other places where it stands, in the articles `inside` if given."""
        keys = list({sentence.copy_key for sentence in sentences})
        by_key: dict[int, list[tuple[int, int, int, int, int]]] = {}
        for row in self.rows_for(
            f"SELECT {SENTENCE} FROM sentences WHERE copy_key IN (%s)",  # noqa: S608
            keys,
        ):
            own = sentence_of(row)
            by_key.setdefault(own.copy_key, []).append((row[1], own.span.start, own.span.end, own.line, own.id))
        for copy_key, number, article, *row in self.rows_for(
            f"SELECT copy_key, sentences.id, article, {COPY} FROM sentences"  # noqa: S608
            " JOIN copies ON copies.sentence = sentences.id WHERE copy_key IN (%s)",
            keys,
        ):
            by_key.setdefault(copy_key, []).append((article, *checked_copy(row), number))
        found = {}
        for sentence in sentences:
            others = [
                place
                for place in sorted(by_key.get(sentence.copy_key, ()))
                if (place[4], place[1]) != (sentence.id, sentence.span.start) and (inside is None or place[0] in inside)
            ]
            found[sentence.id] = others[:_PLACES]
        articles = self.articles({place[0] for each in found.values() for place in each})
        return {
            number: tuple(SentencePlace(articles[key], Span(start, end), line) for key, start, end, line, _ in each)
            for number, each in found.items()
        }

    def articles(self, keys: Collection[int]) -> dict[int, ArticleRecord]:
        """Articles by the store's own numbers."""
        rows = self.rows_for(
            f"SELECT {ARTICLE}, leader FROM articles JOIN files ON files.id = articles.file"  # noqa: S608
            " LEFT JOIN article_groups ON article_groups.id = articles.id WHERE articles.id IN (%s)",
            list(keys),
        )
        return {row[0]: article_of(row, group) for *row, group in rows}

    def _texts(self, keys: Sequence[int]) -> dict[int, str]:
        """The source texts of articles, by the store's own numbers."""
        rows = self.rows_for(
            "SELECT articles.id, texts.id, texts.digest FROM articles JOIN texts ON texts.id = articles.text"
            " WHERE articles.id IN (%s)",
            keys,
        )
        known_by = {text: known for _, text, known in rows}
        texts = {
            number: checked_text(text, known_by[number])
            for number, text in self.rows_for("SELECT id, text FROM texts WHERE id IN (%s)", list(known_by))
        }
        return {article: texts[text] for article, text, _ in rows}

    def _before(self, article: int, sentence: SentenceRecord) -> SentenceRecord | None:
        row = self.row(
            f"SELECT {SENTENCE} FROM sentences"  # noqa: S608
            " WHERE article = ? AND start < ? AND caption = 0 ORDER BY start DESC LIMIT 1",
            (article, sentence.span.start),
        )
        return None if row is None else sentence_of(row)

    def _sentences(self, passages: Sequence[int]) -> dict[int, tuple[SentenceRecord, ...]]:
        found: dict[int, list[SentenceRecord]] = {}
        for row in self.rows_for(
            f"SELECT {SENTENCE} FROM sentences"  # noqa: S608
            " WHERE passage IN (%s) ORDER BY passage, start",
            passages,
        ):
            found.setdefault(row[0], []).append(sentence_of(row))
        return {number: tuple(each) for number, each in found.items()}

    def _meta(self, key: str) -> str:
        row = self.row("SELECT value FROM meta WHERE key = ?", (key,))
        if row is None:
            raise StoreDamaged(f"the index in {self.folder} lacks the entry {key!r}; make it anew from the articles")
        return str(row[0])

    def _check_format(self) -> None:
        application = (self.row("PRAGMA application_id") or (0,))[0]
        if application != APPLICATION_ID:
            raise StoreDamaged(
                f"{self.path} is a SQLite file, but no index of citewell's; name another folder with --index"
            )
        version = (self.row("PRAGMA user_version") or (0,))[0]
        if version != FORMAT:
            raise StoreVersionMismatch(
                f"the index in {self.folder} has format {version}, and this version of citewell reads format {FORMAT}; "
                "run the version that wrote it, or make a new index from the articles in another folder"
            )
