"""How well the lines that can be quoted are told from the furniture around them, on labelled articles of real news.

    python tests/bench/boilerplate.py ARTICLES.jsonl[.gz] [--labels FILE] [--json FILE]

The labels (`tests/data/boilerplate_labels.jsonl`) were made by reading all 2,299 lines of 60 articles, drawn by the
sha256 of their URL, so many of each source. Each gives the URL, the first digits of the sha256 of the text, how many
lines with text it has, and the numbers (from 0) of those that are

- `no_prose`: could not be quoted as a statement of the article: buttons and boxes, links to other texts, bylines and
  "CNN -", notes on the author or on the article itself ("This story has been updated"), adverts, page furniture, a line
  that stands above already;
- `captions`: stand under a picture, with a credit or without;
- `headings`: sub-headings and labels of a section ("Alabama"), which say what follows and state nothing.

All others are prose: statements, quotes, and the items of a list that are what the article tells. Headings are
neither missed nor wrong when they are kept, so they are counted for themselves. A line is kept when a sentence that
can be cited stands in it. Precision is the share of the kept lines that are prose or captions, recall the share of the
prose and caption lines that are kept; "marked" is the share of the `no_prose` lines that are not kept, and "as
caption" the share of the captions that are known as such.

The development half, by the last digit of the URL's sha256, was looked at while the rules were made; the other half was
not. Several of its articles are the same empty page of one source, so the last rows leave such pages out.
"""

from __future__ import annotations

import argparse
import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import ROOT, Report, read_lines, say

from index.analysis import fold
from index.boilerplate import Rules, mark_boilerplate
from index.dedupe import key
from index.lines import line_spans
from index.recurring import COMPARED, Holder, count_stories, is_recurring, source_of
from index.sentences import split_sentences
from index.split import split_articles
from index.types import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from index.types import Article, Sentence

LABELS = ROOT / "tests" / "data" / "boilerplate_labels.jsonl"
NOTHING, DOCUMENT, COLLECTION = "no rules", "document rules", "document and collection rules"


@dataclass
class Counts:
    """Labelled lines by what became of them."""

    prose: list[bool] = field(default_factory=list)
    no_prose: list[bool] = field(default_factory=list)
    headings: list[bool] = field(default_factory=list)
    captions: list[bool] = field(default_factory=list)
    as_caption: list[bool] = field(default_factory=list)

    def row(self) -> list[Any]:
        """Precision and recall of the lines kept, and the shares of the other classes."""
        good = self.prose + self.captions
        kept = sum(good) + sum(self.no_prose)
        return [
            len(good) + len(self.no_prose),
            sum(good) / kept if kept else None,
            _share(good),
            _share([not each for each in self.no_prose]),
            _share(self.as_caption),
            _share(self.headings),
        ]


class Collection:
    """All articles as the rules of the collection see them.

    What a store finds in its tables (`index.store.recurring`) is held in memory here, for the same pure functions.
    """

    def __init__(self, articles: Iterable[tuple[Article, Sequence[Sentence]]]) -> None:
        self._holders: list[Holder] = []
        self._standing: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._stories: dict[tuple[str, int], int] = {}
        for number, (article, sentences) in enumerate(articles):
            keys = frozenset(key(each.span.of(article.text)) for each in sentences)
            self._holders.append(Holder(fold(article.title), keys))
            source = source_of(article.source.url, article.source.path)
            for each in keys:
                self._standing[source, each].append(number)

    def prose(self, article: Article, sentences: Sequence[Sentence]) -> list[Sentence]:
        """The sentences whose line is no recurring one."""
        source = source_of(article.source.url, article.source.path)
        lines: dict[int, list[Sentence]] = defaultdict(list)
        for each in sentences:
            lines[each.paragraph].append(each)
        kept = []
        for own in lines.values():
            text = article.text[own[0].span.start : own[-1].span.end]
            stories = min(self._count(source, key(each.span.of(article.text))) for each in own)
            if not is_recurring(text, stories):
                kept += own
        return kept

    def _count(self, source: str, sentence: int) -> int:
        known = self._stories.get((source, sentence))
        if known is None:
            holders = [self._holders[number] for number in self._standing[source, sentence]]
            if len(holders) > COMPARED:
                holders = [Holder(each.title) for each in holders]
            known = self._stories[source, sentence] = count_stories(holders)
        return known


def measure(given: argparse.Namespace, report: Report) -> None:
    """The whole run."""
    records = read_lines(given.articles)
    by_url = {record["url"]: record for record in records if record.get("url")}
    labels = read_lines(given.labels)
    say(f"reading {len(records):,} articles")
    collection = Collection(
        (article, split_sentences(article, mark_boilerplate(article))) for article in map(article_of, records)
    )
    counts: dict[tuple[str, str], Counts] = defaultdict(Counts)
    for label in labels:
        record = by_url[label["url"]]
        if hashlib.sha256(record["text"].encode()).hexdigest()[:16] != label["sha256"]:
            raise SystemExit(f"the text of {label['url']} is not the one that was labelled")
        article = article_of(record)
        half = "held-out half" if int(hashlib.sha256(label["url"].encode()).hexdigest()[-1], 16) % 2 else "development"
        stub = len(label["no_prose"]) == label["lines"]
        plain = split_sentences(article, mark_boilerplate(article, rules=Rules(document=False)))
        ruled = split_sentences(article, mark_boilerplate(article))
        for name, sentences in (
            (NOTHING, plain),
            (DOCUMENT, ruled),
            (COLLECTION, collection.prose(article, ruled)),
        ):
            for part in (half, "both", *(() if stub else ("both, without empty pages",))):
                count(article, sentences, label, counts[name, part])
    rows = [
        [f"{part}: {name}", *counts[name, part].row()]
        for part in ("development", "held-out half", "both", "both, without empty pages")
        for name in (NOTHING, DOCUMENT, COLLECTION)
    ]
    columns = ["lines kept", "lines", "precision", "recall", "marked", "as caption", "headings kept"]
    report.table(f"{len(labels)} labelled articles", columns, rows)


def count(article: Article, sentences: Sequence[Sentence], label: dict[str, Any], into: Counts) -> None:
    """Add the lines of one article."""
    captions = [each.span for each in sentences if each.kind == "caption"]
    spans = [each.span for each in sentences]
    lines = line_spans(article.text, article.extent)
    if len(lines) != label["lines"]:
        raise SystemExit(f"{label['url']} has {len(lines)} lines, and {label['lines']} were labelled")
    for number, line in enumerate(lines):
        kept = any(line.overlaps(span) for span in spans)
        if number in label["no_prose"]:
            into.no_prose.append(kept)
        elif number in label["headings"]:
            into.headings.append(kept)
        elif number in label["captions"]:
            into.captions.append(kept)
            into.as_caption.append(any(line.overlaps(span) for span in captions))
        else:
            into.prose.append(kept)


def article_of(record: dict[str, Any]) -> Article:
    """The one article of a record."""
    (article,) = split_articles(
        Source("/articles.jsonl", record["text"], 1, record.get("url"), record.get("title"), record.get("published"))
    )
    return article


def _share(found: Sequence[bool]) -> float | None:
    return sum(found) / len(found) if found else None


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles", metavar="ARTICLES", type=Path, help="JSON Lines: url, title, published, text")
    parser.add_argument("--labels", type=Path, default=LABELS, help="the labels, JSON Lines")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    report = Report.start(given)
    measure(given, report)
    report.finish(given.json)


if __name__ == "__main__":
    main()
