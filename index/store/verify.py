"""Looks at every row of an index: is it as it was written, and does it agree with the text that it is about?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from index.dedupe import ARTICLES, PASSAGES, article_key, key
from index.errors import StoreDamaged
from index.store.findings import Finding, Kind
from index.store.groups import GroupVerifier
from index.store.listing import listed_as
from index.store.rows import (
    ARTICLE,
    COPY,
    SENTENCE,
    article_of,
    checked_copy,
    checked_text,
    checked_vector,
    digest,
    sentence_of,
)
from index.types import Passage, Sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from index.store.base import ArticleRecord, SentenceRecord
    from index.store.database import Database

__all__ = ["Verifier"]


class Verifier:
    """Reads all of a database once, and notes what is wrong. Nobody may write to it meanwhile.

    Args:
        database: the open index.
        progress: called with a stage, how much of it is done, and of how much.
    """

    def __init__(self, database: Database, progress: Callable[[str, int, int], None] | None = None) -> None:
        self._database = database
        self._progress = progress or (lambda *_: None)
        self.findings: list[Finding] = []
        """What is wrong, in the order in which it was found."""
        self.counts = {
            table: int(self._rows(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608
            for table in ("articles", "sentences", "copies", "passages", "vectors", "texts")
        }
        """Rows by table: all of them are looked at."""
        self.waiting = 0
        """Texts of passages without a vector, which the next indexing embeds: it reads their files again."""
        # A flipped bit may leave bytes that are no UTF-8: they must be read to be told from the text that was written.
        database.connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        self._bad_texts: set[int] = set()
        self._bad_articles: set[int] = set()
        self._groups = GroupVerifier(database, self._note, self._name)

    def run(self) -> None:
        """Look at everything.

        Raises:
            StoreDamaged: when SQLite cannot read a row, or the index's facts about itself are wrong.
        """
        for table, row, parent, _ in self._rows("PRAGMA foreign_key_check"):
            what = table if row is None else f"{table}, row {row}"
            self._note("reference", what, f"belongs to a row of {parent} that is not there")
        self._files()
        self._texts()
        self._articles()
        self._groups.run(self._bad_articles, sound=not self.findings)
        self._vectors()

    def _note(self, kind: Kind, what: str, found: str, number: int | bytes | None = None) -> None:
        self.findings.append(Finding(kind, what, found, number))

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._database.rows(sql, values)

    def _stream(self, stage: str, total: int, sql: str) -> Iterator[Any]:
        """The rows of a query one by one: together they may be larger than the memory."""
        with self._database.errors():
            for number, row in enumerate(self._database.connection.execute(sql)):
                if number % 100 == 0:
                    self._progress(stage, number, total)
                yield row
        self._progress(stage, total, total)

    def _files(self) -> None:
        for number, path, size, mtime_ns, known_by, complete in self._rows("SELECT * FROM files ORDER BY id"):
            whole = isinstance(path, str) and isinstance(known_by, bytes)
            numbers = isinstance(size, int) and size >= -1 and isinstance(mtime_ns, int)
            if not (path and whole and numbers and complete in (0, 1)):
                self._note("file", str(path), "its row is not as the indexing writes it", number)

    def _texts(self) -> None:
        stage, total = "checking texts", self.counts["texts"]
        for number, text, known_by in self._stream(stage, total, "SELECT id, text, digest FROM texts"):
            try:
                checked_text(text, known_by)
            except StoreDamaged:
                self._bad_texts.add(number)
                what = ", ".join(self._named("articles.text = ?", number)) or f"text {number}"
                self._note("text", what, "the text is not the one that was written", number)

    def _articles(self) -> None:
        text_number, text = -1, ""
        for *row, number in self._stream(
            "checking articles",
            self.counts["articles"],
            f"SELECT {ARTICLE}, articles.text FROM articles LEFT JOIN files ON files.id = file"  # noqa: S608
            " ORDER BY articles.id",
        ):
            if number in self._bad_texts:
                self._bad_articles.add(row[0])
                continue
            if number != text_number:
                texts = self._rows("SELECT text FROM texts WHERE id = ?", (number,))
                text_number, text = number, str(texts[0][0]) if texts else ""
            before = len(self.findings)
            try:
                record = article_of(row)
            except StoreDamaged:
                what = f"{row[1]} in {row[7]}"
                self._note("article", what, "its title, source, date or place is not as it was written", row[0])
                self._bad_articles.add(row[0])
                continue
            self._article(record, text)
            if len(self.findings) > before:
                self._bad_articles.add(row[0])
            else:
                self._listing(record)

    def _listing(self, record: ArticleRecord) -> None:
        """A sound article is listed by what it says of itself."""
        found = self._rows("SELECT outlet, day, words FROM listed WHERE article = ?", (record.key,))
        if found != [listed_as(record.title, record.url or record.path, record.published)]:
            what = f"{record.id} in {record.path}"
            self._note("listing", what, "what it is listed by is not made of its title, source and date", record.key)

    def _article(self, record: ArticleRecord, text: str) -> None:
        """One article whose own row and text are as they were written."""
        what = f"{record.id} in {record.path}"
        if record.extent.end > len(text):
            self._note("article", what, f"it ends behind a text of {len(text):,} characters", record.key)
            return
        passages = {
            row[0]: row
            for row in self._rows(
                "SELECT id, digest, copy_key FROM passages WHERE article = ? ORDER BY id", (record.key,)
            )
        }
        if not passages:
            self._note("passage", what, "it has no passage", record.key)
        copies: dict[int, list[Any]] = {}
        for sentence, *copy in self._rows(
            f"SELECT sentence, {COPY} FROM copies JOIN sentences ON sentences.id = sentence"  # noqa: S608
            " WHERE article = ?",
            (record.key,),
        ):
            copies.setdefault(sentence, []).append(copy)
        sentences: dict[int, list[SentenceRecord]] = {}
        broken: set[int] = set()
        for row in self._rows(
            f"SELECT {SENTENCE} FROM sentences WHERE article = ? ORDER BY start",  # noqa: S608
            (record.key,),
        ):
            wrong = self._sentence(record, row, text, known=row[0] in passages)
            if wrong is None:
                sentence = sentence_of(row)
                sentences.setdefault(row[0], []).append(sentence)
                for copy in copies.get(sentence.id, ()):
                    if not _repeats(copy, sentence, record, text):
                        found = "a place where it stands again is not as it was written"
                        self._note("copy", f"sentence {sentence.id} of {what}", found, record.key)
            else:
                broken.add(row[0])
                self._note("sentence", f"sentence {row[2]} of {what}", wrong, record.key)
        texts: list[tuple[int, str]] = []
        for number, known_by, copy_key in passages.values():
            if number in broken:
                continue
            own = _joined(sentences.get(number, ()), text)
            if own is None or digest(own) != known_by or key(own) != copy_key:
                found = "its sentences are not those that it was made of"
                self._note("passage", f"passage {number} of {what}", found, record.key)
            else:
                texts.append((copy_key, own))
        if len(texts) == len(passages) and texts:
            whole = " ".join(own for _, own in texts)
            copy_key = article_key(whole)
            if self._rows("SELECT copy_key FROM article_groups WHERE id = ?", (record.key,)) != [(copy_key,)]:
                found = "the key that finds its copies is not that of its text"
                self._note("passage", what, found, record.key)
            else:
                self._groups.look_at_bands([(copy_key, whole)], ARTICLES, what)
        self._groups.look_at_bands(texts, PASSAGES, what)

    def _sentence(self, record: ArticleRecord, row: Sequence[Any], text: str, *, known: bool) -> str | None:
        """What is wrong with a sentence; None when nothing is."""
        try:
            sentence = sentence_of(row)
        except StoreDamaged:
            return "its place, line or kind is not as it was written"
        if not record.extent.contains(sentence.span):
            return "it lies outside of its article"
        if key(sentence.span.of(text)) != sentence.copy_key:
            return "the text at its place is not the one that it was made of"
        return None if known else "it belongs to a passage of another article"

    def _vectors(self) -> None:
        import numpy as np

        dimension = self._database.encoder().dimension
        stage, total, short = "checking vectors", self.counts["vectors"], 0
        for known_by, vector, found in self._stream(stage, total, "SELECT digest, vector, seal FROM vectors"):
            try:
                blob = checked_vector(vector, found)
            except StoreDamaged:
                self._bad_vector(known_by, "it is not as it was written")
                continue
            if len(blob) != 2 * dimension:
                short += 1
                self._bad_vector(known_by, f"it has {len(blob)} bytes; expected {2 * dimension}")
            elif not np.isfinite(np.frombuffer(blob, dtype="<f2")).all():
                self._bad_vector(known_by, "it holds NaN or infinity")
        if short and short == total:
            raise StoreDamaged(
                f"the index in {self._database.folder} says that its vectors have {dimension} numbers, and all have "
                "another length: what it says is damaged; keep the folder, and make a new index"
            )
        for known_by, article, complete in self._rows(
            "SELECT passages.digest, articles.id, coalesce(min(files.complete), 1) FROM passages"
            " JOIN articles ON articles.id = passages.article LEFT JOIN files ON files.id = file"
            " WHERE passages.digest NOT IN (SELECT digest FROM vectors) GROUP BY passages.digest"
        ):
            if not complete:
                self.waiting += 1
            elif article not in self._bad_articles:
                self._bad_vector(known_by, "it is not there")

    def _bad_vector(self, known_by: bytes, found: str) -> None:
        named = self._named("articles.id IN (SELECT article FROM passages WHERE digest = ?)", known_by)
        self._note("vector", f"a passage of {', '.join(named) or 'no article'}", found, known_by)

    def _name(self, article: int) -> str:
        return next(iter(self._named("articles.id = ?", article)), f"article {article}")

    def _named(self, condition: str, value: int | bytes) -> list[str]:
        """The first three articles of a condition, for a person."""
        rows = self._rows(
            f"SELECT article_id, path FROM articles LEFT JOIN files ON files.id = file WHERE {condition}"  # noqa: S608
            " ORDER BY articles.id LIMIT 4",
            (value,),
        )
        return [*(f"{number} in {path}" for number, path in rows[:3]), *["others"] * (len(rows) > 3)]


def _repeats(copy: Sequence[Any], sentence: SentenceRecord, record: ArticleRecord, text: str) -> bool:
    """Whether a row of `COPY` is a place in the article where the sentence stands again."""
    try:
        start, end, _ = checked_copy(copy)
    except StoreDamaged:
        return False
    inside = record.extent.start <= start <= end <= record.extent.end
    return inside and key(text[start:end]) == sentence.copy_key


def _joined(sentences: Sequence[SentenceRecord], text: str) -> str | None:
    """The text of a passage with these sentences; None when they make none."""
    try:
        return Passage(tuple(Sentence(each.span, each.paragraph, each.kind) for each in sentences)).text(text)
    except ValueError:
        return None
