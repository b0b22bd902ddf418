"""The report of an indexing run: dry or not, as text, as JSON, and as a page on which nothing is markup but its own."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from index.build import build_index
from index.store.database import DATABASE
from index.store.writer import write_lock
from rag.cli import app
from rag.index_plots import articles_over_time, bars, group_sizes, periods
from rag.index_report import report_html

if TYPE_CHECKING:
    from pathlib import Path

WIRE = (
    "The harbour of Lindesnes was closed on Monday after a ferry ran aground in heavy fog. Its captain said that all"
    " 212 passengers were brought ashore by lifeboats before dawn. The coast guard expects to tow the ship to"
    " Kristiansand before the end of the week."
)
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=y>\u202e${x}{{y}}'


def write_records(file: Path, records: list[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    records = [
        {"url": f"https://{outlet}/1", "title": "Ferry Aground", "published": day, "text": text}
        for outlet, day, text in (
            ("one.example", "2024-05-03", WIRE),
            ("www.two.example", "2024-05-01", WIRE.replace("212", "215")),
            ("three.example", "2024-05-02", WIRE + " Nobody was hurt, said the police of the county on Tuesday."),
        )
    ]
    records.append({"title": HOSTILE, "url": f"javascript:{HOSTILE}", "published": HOSTILE, "text": WIRE})
    write_records(folder / "news.jsonl", records)
    (folder / "other.txt").write_text("Museum\n\nA museum of glass opened in Murano on Friday, they said.\n", "utf-8")
    (folder / "bad.txt").write_bytes(bytes(range(256)) * 20)
    return folder


class Markup(HTMLParser):
    """The tags of a page, and the text outside of its style."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_dry_run_says_what_the_run_then_does(corpus: Path, tmp_path: Path, tiny_encoder: Any) -> None:
    index = tmp_path / "index"

    def both(**options: Any) -> Any:
        told = build_index([corpus], index, dry_run=True, with_overview=True, **options)
        done = build_index([corpus], index, encoder=tiny_encoder, with_overview=True, **options)
        names = [name for name in told.__slots__ if name not in {"seconds", "stages", "dry", "info"}]
        assert {name: getattr(told, name) for name in names} == {name: getattr(done, name) for name in names}
        assert (told.info.articles, told.info.passages, told.info.path) == (
            done.info.articles,
            done.info.passages,
            str(index),
        )
        assert (told.dry, done.dry) == (True, False)
        return told

    build_index([corpus], index, dry_run=True)
    assert not index.exists()
    first = both()
    assert (first.articles_added, first.articles_copied, len(first.skipped)) == (5, 3, 1)
    assert first.passages_embedded == 4
    again = both()
    assert (again.articles_added, again.articles_unchanged) == (0, 5)
    records = [json.loads(line) for line in (corpus / "news.jsonl").read_text().splitlines()]
    write_records(corpus / "news.jsonl", records[1:])
    (corpus / "other.txt").unlink()
    changed = both(prune=True)
    assert (changed.articles_added, changed.articles_removed) == (3, 5)


def test_a_dry_run_writes_nothing_and_waits_for_nobody(corpus: Path, tmp_path: Path, tiny_encoder: Any) -> None:
    index = tmp_path / "index"
    build_index([corpus], index, encoder=tiny_encoder)
    tiny_encoder.encoded.clear()
    before = contents(index)
    (corpus / "other.txt").write_text("Museum\n\nThe museum of glass in Murano is closed.\n", "utf-8")
    with write_lock(index):
        held = contents(index)
        report = build_index([corpus], index, dry_run=True)
        assert contents(index) == held
    assert (report.articles_added, report.articles_removed) == (1, 1)
    assert contents(index) == before
    assert tiny_encoder.encoded == []


def test_too_much_that_would_be_pruned_is_told_and_no_error(corpus: Path, tmp_path: Path, tiny_encoder: Any) -> None:
    index = tmp_path / "index"
    build_index([corpus], index, encoder=tiny_encoder)
    for file in corpus.iterdir():
        file.unlink()
    report = build_index([corpus], index, dry_run=True, prune=True)
    assert report.kept is not None
    assert report.info.articles == 5


def test_the_time_of_all_stages_is_the_time_of_the_run(corpus: Path, tmp_path: Path, tiny_encoder: Any) -> None:
    report = build_index([corpus], tmp_path / "index", encoder=tiny_encoder)
    assert set(report.stages) == {"reading", "embedding", "storing"}
    assert all(seconds > 0 for seconds in report.stages.values())
    assert sum(report.stages.values()) <= report.seconds


def test_the_groups_of_a_report(corpus: Path, tmp_path: Path, tiny_encoder: Any) -> None:
    seen = build_index([corpus], tmp_path / "index", encoder=tiny_encoder, with_overview=True).overview
    assert seen is not None
    assert (seen.articles, seen.copies, seen.undated) == (5, 3, 2)
    assert seen.days == {"2024-05-01": 1, "2024-05-02": 1, "2024-05-03": 1}
    (group,) = seen.groups
    assert group.size == 4
    assert [(each.outlet, each.exact) for each in group.members][:3] == [
        ("two.example", True),
        ("three.example", False),
        ("one.example", False),
    ]
    assert json.loads(json.dumps(seen.to_dict()))["groups"][0]["members"][1]["outlet"] == "three.example"


def test_the_page_holds_no_markup_of_articles(corpus: Path, tmp_path: Path, tiny_encoder: Any) -> None:
    report = build_index([corpus], tmp_path / "index", encoder=tiny_encoder, with_overview=True)
    page = report_html(report)
    parsed = Markup(page)
    assert not {tag for tag, _ in parsed.tags} & {"script", "img", "iframe", "link", "form", "input", "object"}
    assert all(not name.startswith("on") for _, attributes in parsed.tags for name in attributes)
    links = [attributes["href"] or "" for tag, attributes in parsed.tags if tag == "a"]
    assert [link for link in links if not link.startswith("#")] == [
        "https://www.two.example/1",
        "https://three.example/1",
        "https://one.example/1",
    ]
    assert "default-src 'none'" in page
    assert "\u202e" not in page
    assert "Articles indexed" in parsed.text
    assert "5 articles added" in parsed.text
    assert "bad.txt" in parsed.text
    assert "word for word" in parsed.text
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert not {name for _, attributes in parsed.tags for name in attributes} & {"src", "srcset", "background"}
    assert re.search(r"url\(|@import", page) is None


def test_the_command_writes_all_three(corpus: Path, tmp_path: Path, tiny_encoder: Any) -> None:
    index, page = tmp_path / "index", tmp_path / "report.html"
    arguments = ["index", str(corpus), "--index", str(index), "--dry-run", "--report", str(page)]
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("This is a dry run: nothing was written.\n")
    assert "copies     3 articles; passages: " in result.stdout
    assert result.stdout.endswith(f"Report: {page}\n")
    assert "Articles that would be indexed" in page.read_text("utf-8")
    assert not (index / DATABASE).exists()
    found = json.loads(CliRunner().invoke(app, [*arguments[:5], "--json"]).stdout)
    assert (found["articles_added"], found["dry"], found["overview"]) == (5, True, None)
    assert found["skipped"][0]["path"].endswith("bad.txt")
    result = CliRunner().invoke(app, [*arguments[:-1], str(tmp_path / "no" / "report.html")])
    assert result.exit_code == 2


def test_a_report_without_an_overview_is_refused(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="overview"):
        report_html(build_index([corpus], tmp_path / "index", dry_run=True))


def test_periods_count_every_article_once() -> None:
    for length in (1, 40, 47, 48, 400, 1_400, 9_000):
        first = date(2001, 2, 3)
        days = {(first + timedelta(days=each)).isoformat(): 1 + each % 3 for each in range(0, length, 7)}
        unit, counts = periods(days)
        assert sum(count for _, count in counts) == sum(days.values())
        assert unit in {"day", "month", "year"}
        assert len(counts) <= 60
        assert [name for name, _ in counts] == sorted({name for name, _ in counts})


def test_plots_of_nothing_and_of_much() -> None:
    for svg in (
        articles_over_time({}),
        bars("outlets", "Outlets", {}),
        group_sizes({}),
        bars("outlets", "Outlets", {f"{HOSTILE}{n}": 10**n for n in range(9)} | {f"n{n}": 1 for n in range(20)}),
        articles_over_time({f"{year}-01-01": year for year in range(1900, 2026)}),
        group_sizes({2: 1_000_000, 25: 1}),
    ):
        tags = Markup(svg).tags
        assert tags[0][0] == "svg"
        assert not {tag for tag, _ in tags} - {"svg", "title", "desc", "rect", "line", "text"}
        assert all(0 <= float(attributes["x"] or 0) <= 460 for tag, attributes in tags if tag in {"rect", "text"})
        assert "NaN" not in svg
