"""Which sentences of an index stand in a recurring line (`index.recurring`), by what the index holds now.

Nothing of this is stored, so nothing of it can be out of step: it is counted when it is asked for, from the keys that
sentences are stored with, and remembered until the next commit. Articles that were indexed before a line had come up
often enough are judged by the same count as those that came later.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from index.analysis import fold
from index.recurring import COMPARED, FEW, MANY, Holder, count_stories, source_of, stories_needed
from index.store.rows import SENTENCE, sentence_of
from index.types import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from index.store.base import ArticleRecord, PassageRecord
    from index.store.database import Database
    from index.store.search import Commit

__all__ = ["Recurring"]


class Recurring:
    """The recurring lines of one open index; safe to use from several threads.

    Args:
        database: the truth.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        # By sentence key and source; replaced as a whole, since threads may be at different commits for a moment.
        self._known: tuple[Commit | None, dict[tuple[int, str], int]] = (None, {})

    def sentences(self, passages: Sequence[PassageRecord]) -> frozenset[int]:
        """The numbers of those sentences of the passages that stand in a recurring line of their article's source.

        A line recurs as often as the rarest of its sentences, so a short sentence that many articles have in common
        is no reason to leave it out where it stands among others. The caller reads one state of the index.
        """
        stories = self._stories_now()
        often = self._often({sentence.copy_key for passage in passages for sentence in passage.sentences}, FEW)
        found: set[int] = set()
        judged: dict[tuple[int, int], bool] = {}
        for passage in passages:
            for sentence in passage.sentences:
                if sentence.copy_key not in often:
                    continue
                line = (passage.article.key, sentence.paragraph)
                if line not in judged:
                    judged[line] = self._recurs(passage.article, passage.text, sentence.paragraph, stories)
                if judged[line]:
                    found.add(sentence.id)
        return frozenset(found)

    def _stories_now(self) -> dict[tuple[int, str], int]:
        commit = self._database.committed()
        known = self._known
        if known[0] != commit:
            known = self._known = (commit, {})
        return known[1]

    def _often(self, keys: Iterable[int], least: int) -> frozenset[int]:
        """Those of the keys that stand in at least so many places, whatever their source and story."""
        rows = self._database.rows_for(
            f"SELECT copy_key FROM sentences WHERE copy_key IN (%s) GROUP BY copy_key HAVING count(*) >= {least}",  # noqa: S608
            list(keys),
        )
        return frozenset(row[0] for row in rows)

    def _recurs(self, article: ArticleRecord, text: str, paragraph: int, stories: dict[tuple[int, str], int]) -> bool:
        rows = self._database.rows(
            f"SELECT {SENTENCE} FROM sentences WHERE article = ? AND paragraph = ? ORDER BY start",  # noqa: S608
            (article.key, paragraph),
        )
        line = [sentence_of(row) for row in rows]
        if not line:
            return False
        keys = {sentence.copy_key for sentence in line}
        needed = stories_needed(Span(line[0].span.start, line[-1].span.end).of(text))
        if len(self._often(keys, needed)) < len(keys):
            return False
        source = source_of(article.url, article.path)
        return all(self._stories(key, source, stories) >= needed for key in keys)

    def _stories(self, key: int, source: str, stories: dict[tuple[int, str], int]) -> int:
        """In how many stories of the source the sentence of that key stands; of more than `MANY`, `MANY`."""
        if (key, source) not in stories:
            titles: dict[int, str] = {}
            different: set[str] = set()
            for number, title, url, path in self._database.each(
                "SELECT DISTINCT articles.id, articles.title, articles.url, files.path FROM sentences"
                " JOIN articles ON articles.id = sentences.article JOIN files ON files.id = articles.file"
                " WHERE sentences.copy_key = ?",
                (key,),
            ):
                if source_of(url, path) == source:
                    titles[number] = fold(title)
                    different.add(titles[number])
                if len(different) == MANY:  # and of so many articles only the titles count
                    break
            stories[key, source] = self._count(titles)
        return stories[key, source]

    def _count(self, titles: dict[int, str]) -> int:
        """How many stories articles tell, given by number with their titles; fewer than `FEW` are not looked into."""
        if len(titles) < FEW:
            return len(titles)
        sentences: dict[int, set[int]] = defaultdict(set)
        if len(titles) <= COMPARED:
            for article, key in self._database.rows_for(
                "SELECT article, copy_key FROM sentences WHERE article IN (%s)", list(titles)
            ):
                sentences[article].add(key)
        return count_stories([Holder(title, frozenset(sentences[number])) for number, title in titles.items()])
