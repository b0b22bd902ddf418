"""Files that hold several articles: how many of their boundaries are found, and how often one article is cut.

    python tests/bench/splitting.py ARTICLES.jsonl[.gz] [--files N] [--alone N] [--json FILE]

Real articles, drawn by the sha256 of their URL, are glued together in groups of 2 to 8 by a generator with a fixed
seed, in each of these styles, and the file is split as a text file without any other sign:

- pages: each as copied from a news page: headline, caption twice, a counter, headline, caption, text;
- gaps: a headline and the text, five line ends between two articles;
- separators: a headline and the text, a line of dashes, asterisks or number signs between;
- press review: a table of contents, then a numbered headline, outlet and date, the text;
- dated list: a line "date | outlet | headline" above each text;
- LexisNexis, classic and new; Factiva, with tags and without; mailbox: with the lines that such exports have.

A boundary is the first line of an article; the first of a file counts where something stands above it. Precision and
recall are over all boundaries of a style, "whole files" is the share of files with exactly the right ones, and "titles"
and "dates" the shares of articles that were cut out rightly whose title (date) is the one that the file states.

Alone: every article, or the first `--alone`, is split as a file of its own, headline and text; "cut" is the share that
comes out in pieces. Those in which the text has a sub-heading, a line that reads like a headline with prose above and
below it, are counted once more for themselves.
"""

from __future__ import annotations

import argparse
import random
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import Report, by_hash, mean, read_lines, say

from index.headlines import headline_like
from index.lines import is_prose, line_spans
from index.split import split_articles
from index.types import Source, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SEED = 11
MONTHS = tuple(date(2000, month, 1).strftime("%B") for month in range(1, 13))


class Story:
    """A real article as the generator needs it."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.title = " ".join(str(record["title"]).split()).removesuffix(" ...").removesuffix(" | CNN")
        self.text = str(record["text"]).strip()
        day = date(*map(int, str(record["published"]).split("/")))
        month = MONTHS[day.month - 1]
        self.american, self.british = f"{month} {day.day}, {day.year}", f"{day.day} {month} {day.year}"
        self.mail = f"{day:%a}, {day.day:02} {month[:3]} {day.year} 09:15:00 +0000"
        self.stamp = f"{day:%a} {month[:3]} {day.day:2} 09:15:00 {day.year}"
        self.outlet = {"usatoday.com": "USA Today", "cnn.com": "CNN Wire"}.get(
            str(record["url"]).split("/")[2].removeprefix("www."), "The Week"
        )
        self.count = len(self.text.split())
        self.caption = f"A view of what is told below, on {day:%A}. (AFP)"


Glued = tuple[str, list[int], list[str]]
"""A file, where its articles begin (characters), and the dates as it states them."""


def glue(stories: Sequence[Story], parts: Sequence[str], between: str, dates: Sequence[str], above: str = "") -> Glued:
    """A file of these parts."""
    text, starts = above, []
    for part in parts:
        if text and part is not parts[0]:
            text += between
        starts.append(len(text))
        text += part
    return text, starts, list(dates)


def pages(stories: Sequence[Story], chance: random.Random) -> Glued:
    """As copied from a news page."""
    parts = [f"{s.title}\n\n{s.caption}\n{s.caption}\nTT\n20\n\n{s.title}\n\n{s.caption}\n\n{s.text}" for s in stories]
    return glue(stories, parts, chance.choice(["\n\n", "\n\n\n"]), [])


def gaps(stories: Sequence[Story], chance: random.Random) -> Glued:
    """Wide gaps between."""
    return glue(stories, [f"{s.title}\n\n{s.text}" for s in stories], "\n" * chance.choice([5, 6]), [])


def separators(stories: Sequence[Story], chance: random.Random) -> Glued:
    """A line of signs between."""
    line = chance.choice(["-----", "***", "* * *", "###", "=" * 40, "_" * 20])
    return glue(stories, [f"{s.title}\n\n{s.text}" for s in stories], f"\n\n{line}\n\n", [])


def press_review(stories: Sequence[Story], chance: random.Random) -> Glued:
    """Numbered, with outlet and date."""
    mark = chance.choice(["{}. ", "{}) ", "[{}] "])
    dated = chance.choice(["{1}, {0}", "{0}, {1}", "{1} - {0}"])
    contents = "".join(f"{mark.format(number)}{s.title}\n" for number, s in enumerate(stories, 1))
    parts = [
        f"{mark.format(number)}{s.title}\n{dated.format(s.british, s.outlet)}\n\n{s.text}"
        for number, s in enumerate(stories, 1)
    ]
    above = f"Press review\n\n{contents}\n\n" if chance.random() < 0.5 else ""
    return glue(stories, parts, "\n\n", [s.british for s in stories], above)


def dated_list(stories: Sequence[Story], chance: random.Random) -> Glued:
    """Date, outlet and headline in a line."""
    sign = chance.choice([" | ", " – "])
    parts = [f"{s.british}{sign}{s.outlet}{sign}{s.title}\n\n{s.text}" for s in stories]
    return glue(stories, parts, "\n\n", [s.british for s in stories])


def nexis_classic(stories: Sequence[Story], chance: random.Random) -> Glued:
    """LexisNexis before its new pages."""
    parts = [
        f"{number} of {len(stories)} DOCUMENTS\n\n{s.outlet}\n\n{s.american} Wednesday\nFinal Edition\n\n{s.title}\n\n"
        f"BYLINE: Jane Doe, {s.outlet}\n\nSECTION: NEWS; Pg. 1A\n\nLENGTH: {s.count} words\n\n{s.text}\n\n"
        f"LOAD-DATE: {s.american}\n\nLANGUAGE: ENGLISH\n\nPUBLICATION-TYPE: NEWSPAPER\n\n"
        f"Copyright 2022 {s.outlet}\nAll Rights Reserved"
        for number, s in enumerate(stories, 1)
    ]
    return glue(stories, parts, "\n\n\n", [s.american for s in stories])


def nexis_new(stories: Sequence[Story], chance: random.Random) -> Glued:
    """LexisNexis now."""
    numbered = chance.random() < 0.5
    parts = [
        (f"Document {number} of {len(stories)}\n\n" if numbered else "")
        + f"{s.title}\n{s.outlet}\n{s.american} Wednesday\n\nCopyright 2022 {s.outlet} All Rights Reserved\n\n"
        f"Section: NEWS; Pg. 1A\nLength: {s.count} words\nByline: Jane Doe\n\nBody\n\n{s.text}\n\n"
        f"Load-Date: {s.american}\n\nEnd of Document"
        for number, s in enumerate(stories, 1)
    ]
    return glue(stories, parts, "\n\n\n", [s.american for s in stories])


def factiva_tags(stories: Sequence[Story], chance: random.Random) -> Glued:
    """Factiva with tags."""
    gap = chance.choice([" ", "\n"])
    parts = [
        f"HD{gap}{s.title}\nBY{gap}Jane Doe\nWC{gap}{s.count} words\nPD{gap}{s.british}\nSN{gap}{s.outlet}\n"
        f"SC{gap}USAT\nLA{gap}English\nCY{gap}(c) 2022 {s.outlet}\nLP\n\n{s.text}\n\nIN{gap}imed : Media\nAN\n"
        f"Document USAT0000{number:04}0220325ei3p0000{number}"
        for number, s in enumerate(stories, 1)
    ]
    return glue(stories, parts, "\n\n", [s.british for s in stories])


def factiva_plain(stories: Sequence[Story], chance: random.Random) -> Glued:
    """Factiva without tags."""
    author = chance.choice(["Jane Doe\n", ""])
    parts = [
        f"{s.title}\n{author}{s.count} words\n{s.british}\n{s.outlet}\nUSAT\nFINAL\n3\nEnglish\n"
        f"(Copyright 2022 {s.outlet})\n\n{s.text}\n\nDocument USAT000020220325ei3p0000{number}"
        for number, s in enumerate(stories, 1)
    ]
    return glue(stories, parts, "\n\n", [s.british for s in stories])


def mailbox(stories: Sequence[Story], chance: random.Random) -> Glued:
    """Messages."""
    line = chance.random() < 0.5
    parts = [
        (f"From news@example.com {s.stamp}\n" if line else "")
        + f"From: {s.outlet} <news@example.com>\nTo: desk@example.com\nDate: {s.mail}\nSubject: {s.title}\n\n{s.text}"
        for s in stories
    ]
    return glue(stories, parts, "\n\n", [s.mail for s in stories])


STYLES: dict[str, Callable[[Sequence[Story], random.Random], Glued]] = {
    "pages": pages,
    "gaps": gaps,
    "separators": separators,
    "press review": press_review,
    "dated list": dated_list,
    "LexisNexis, classic": nexis_classic,
    "LexisNexis, new": nexis_new,
    "Factiva, tags": factiva_tags,
    "Factiva, no tags": factiva_plain,
    "mailbox": mailbox,
}


def glued(stories: Sequence[Story], style: str, files: int) -> list[Any]:
    """The row of a style."""
    chance = random.Random(f"{SEED} {style}")
    right = found = true = 0
    whole, titles, dates = [], [], []
    at = 0
    for _ in range(files):
        size = chance.randint(2, 8)
        group, at = stories[at : at + size], at + size
        text, starts, stated = STYLES[style](group, chance)
        articles = split_articles(Source("/digest.txt", text))
        begun = {article.extent.start: article for article in articles if article.extent.start > 0}
        expected = [start for start in starts if start > 0]
        right += len(begun.keys() & set(expected))
        found += len(begun)
        true += len(expected)
        whole.append(set(expected) == begun.keys())
        ends = {article.extent.start: article for article in articles}
        for number, start in enumerate(starts):
            article = ends.get(start)
            if article is None:
                continue
            titles.append(article.title == " ".join(group[number].title.split()))
            if stated:
                dates.append(article.published == stated[number])
    return [style, files, true, right / found if found else None, right / true, mean(whole), mean(titles), mean(dates)]


def has_subheading(text: str) -> bool:
    """Whether a line that reads like a headline stands between two of prose."""
    lines = [span.of(text) for span in line_spans(text, Span(0, len(text)))]
    return any(
        headline_like(line) and is_prose(above) and is_prose(below)
        for above, line, below in zip(lines, lines[1:], lines[2:], strict=False)
    )


def measure(given: argparse.Namespace, report: Report) -> None:
    """The whole run."""
    records = [
        record
        for record in sorted(read_lines(given.articles), key=lambda each: by_hash(str(each.get("url"))))
        if record.get("title") and record.get("published") and len(record["text"]) >= 600
    ]
    stories = [Story(record) for record in records]
    fit = [story for story in stories if headline_like(story.title) and len(story.title.split()) >= 4]
    say(f"{len(fit):,} of {len(stories):,} articles with a headline to glue")
    columns = ["style", "files", "boundaries", "precision", "recall", "whole files", "titles", "dates"]
    report.table("articles glued together", columns, [glued(fit, style, given.files) for style in STYLES])
    say("articles alone")
    every = {"all": [], "with a sub-heading": []}  # type: dict[str, list[bool]]
    for record in read_lines(given.articles)[: given.alone]:
        text = f"{record['title']}\n\n{record['text']}" if record.get("title") else str(record["text"])
        cut = len(split_articles(Source("/a.txt", text))) > 1
        every["all"].append(cut)
        if has_subheading(str(record["text"])):
            every["with a sub-heading"].append(cut)
    rows = [[name, len(cuts), sum(cuts), mean(cuts)] for name, cuts in every.items()]
    report.table("articles alone", ["articles", "how many", "cut", "share"], rows)


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles", metavar="ARTICLES", type=Path, help="JSON Lines: url, title, published, text")
    parser.add_argument("--files", type=int, default=200, help="files of each style (200)")
    parser.add_argument("--alone", type=int, help="how many articles alone; all if none")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    report = Report.start(given)
    measure(given, report)
    report.finish(given.json)


if __name__ == "__main__":
    main()
