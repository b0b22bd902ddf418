"""What the commands that manage an index print: pure functions from reports to text, as those of `rag.console`."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rag.display import SKIPPED_SHOWN, count_of, one_line, size_of, skipped_lines, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from index.backup import BackupReport
    from index.build import BuildReport
    from index.check import CheckReport
    from index.remove import Removal, RemoveReport

__all__ = [
    "backup_text",
    "check_text",
    "exported_text",
    "index_report",
    "reason_kind",
    "removal_question",
    "removed_text",
    "stage_words",
]

SHOWN = 20
_REASONS = 5
"""Reasons that are counted before some examples, where much was skipped."""
_LOOKED_AT = {
    "articles": ("article", "articles"),
    "sentences": ("sentence", "sentences"),
    "copies": ("repeated place", "repeated places"),
    "passages": ("passage", "passages"),
    "vectors": ("vector", "vectors"),
    "texts": ("text", "texts"),
    "search_files": ("search file", "search files"),
}


def index_report(report: BuildReport, *, next_command: str) -> str:
    """What an indexing run did, or would do, on one screen.

    Args:
        report: what `build_index` returned.
        next_command: what to run now.
    """
    info = report.info
    time = f"{report.seconds:,.1f} s"
    if report.passages_embedded and report.seconds > 0 and not report.dry:
        time += f", {_rate(report.passages_embedded, report.seconds)} passages/s"
    stages = stage_words(report)
    files = f"{report.files_read:,} read, {report.files_unchanged:,} unchanged, {len(report.skipped):,} skipped"
    # The report's own count knows only the files that were read again; what is in the index and was not added stayed.
    unchanged = max(0, info.articles - report.articles_added)
    articles = f"{report.articles_added:,} added, {unchanged:,} unchanged, {report.articles_removed:,} removed"
    holds = f"{count_of(info.articles, 'article')}, {count_of(info.passages, 'passage')}, {size_of(info.bytes)}"
    embedded = f"{report.passages_embedded:,} {'to be embedded' if report.dry else 'embedded'}"
    copied = f"{count_of(report.articles_copied, 'article')}; passages: "
    rows = [
        ("articles", articles),
        ("files", files),
        ("sentences", f"{report.sentences_added:,} added"),
        ("passages", f"{report.passages_added:,} added, {embedded}"),
        ("copies", f"{copied}{report.duplicates_exact:,} exact, {report.duplicates_near:,} near"),
        ("left out", count_of(report.boilerplate_lines, "boilerplate line")),
        ("time", f"{time} ({stages})" if stages else time),
        ("index", f"{visible(str(info.path))} ({'would hold ' if report.dry else ''}{holds})"),
    ]
    lines = ["This is a dry run: nothing was written.", ""] if report.dry else []
    lines += [f"{name:<11}{value}" for name, value in rows]
    if report.skipped:
        lines += ["", f"Skipped {count_of(len(report.skipped), 'file or record', 'files or records')}:"]
        kinds = Counter(reason_kind(each.reason) for each in report.skipped)
        if len(report.skipped) > SKIPPED_SHOWN:
            lines += [f"  {count:,} × {one_line(kind)}" for kind, count in kinds.most_common(_REASONS)]
            lines.append("such as")
        lines += skipped_lines(report.skipped)
    if report.missing:
        lines += ["", f"Gone from the disk, their articles are kept ({count_of(len(report.missing), 'file')}):"]
        lines += [f"  {visible(path)}" for path in report.missing[:SKIPPED_SHOWN]]
        if len(report.missing) > SKIPPED_SHOWN:
            lines.append(f"  and {len(report.missing) - SKIPPED_SHOWN:,} more")
        lines.append(f"  {one_line(report.kept)}" if report.kept else "  --prune removes them from the index.")
    return "\n".join([*lines, "", f"Next: {visible(next_command)}", ""])


def stage_words(report: BuildReport) -> str:
    """What the time of an indexing run went into, and how fast each stage was; "" where that was not measured."""
    counts = {
        "reading": (report.articles_added + report.articles_unchanged, "articles"),
        "embedding": (report.passages_embedded, "passages"),
        "storing": (report.passages_added, "passages"),
    }
    told = []
    for stage, seconds in report.stages.items():
        count, unit = counts.get(stage, (0, ""))
        if seconds >= 0.05:
            rate = f", {_rate(count, seconds)} {unit}/s" if count else ""
            told.append(f"{stage} {seconds:,.1f} s{rate}")
    return "; ".join(told)


def reason_kind(reason: str) -> str:
    """Why something was left out, without what is particular to it: that stands behind a colon or in brackets.

    >>> reason_kind("cannot be read: no such file"), reason_kind("a line of 30,000,000 bytes (more than 20,000,000)")
    ('cannot be read', 'a line of # bytes')
    """
    return re.sub(r"\d[\d,.]*", "#", re.split(r": | \(", one_line(reason), maxsplit=1)[0])


def _rate(count: int, seconds: float) -> str:
    rate = count / seconds
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def check_text(report: CheckReport, *, index: Path | None, mend: bool) -> str:
    """What a check found, on one screen.

    Args:
        report: what `check_index` returned.
        index: the index that was named; None for the default one.
        mend: whether it was to be mended.
    """
    looked_at = ", ".join(count_of(getattr(report, name), *words) for name, words in _LOOKED_AT.items())
    rows = [("checked", looked_at), ("problems", _outcome(report, mend=mend))]
    if report.waiting:
        rows.append(("waiting", f"{count_of(report.waiting, 'passage')} that `citewell index` has to embed"))
    rows += [("time", f"{report.seconds:,.1f} s"), ("index", visible(report.path))]
    lines = _table(rows)
    if report.problems:
        width = max(len(each.kind) for each in report.problems)
        shown = [
            f"{each.kind:<{width}}  {visible(each.what)}: {one_line(each.found)}; {one_line(each.done)}"
            for each in report.problems
        ]
        lines += ["", *_some("What was wrong", shown, len(report.problems), "problem")]
    if report.incomplete:
        paths = [
            f"{visible(path)}{'' if Path(path).exists() else ' (gone from the disk)'}" for path in report.incomplete
        ]
        lines += ["", *_some("To be read again", paths, len(paths), "file")]
        named = "" if index is None else f" --index {shlex.quote(str(index))}"
        lines += ["", f"Next: citewell index PATH...{visible(named)}, with the folders of these files"]
    return "\n".join([*lines, ""])


def _outcome(report: CheckReport, *, mend: bool) -> str:
    count = len(report.problems)
    if not count:
        return "none"
    if not mend:
        return f"{count:,} found; nothing was changed, without --no-mend they are mended"
    if report.mended:
        return f"{count:,} found, and all mended"
    left = sum(each.done == "could not be mended" for each in report.problems)
    return f"{count:,} found, {left:,} could not be mended: keep the folder, and index the articles in another one"


def removal_question(removal: Removal, folder: Path) -> str:
    """What is asked before articles are removed."""
    articles = count_of(len(removal.articles), "article")
    if len(removal.keys) != len(removal.articles):
        articles += f" at {count_of(len(removal.keys), 'place')}"
    files = visible(removal.files[0]) if len(removal.files) == 1 else count_of(len(removal.files), "file")
    return f"Remove {articles} ({files}) from the index in {visible(str(folder))}?"


def removed_text(report: RemoveReport) -> str:
    """What was removed, and what brings it back."""
    info = report.info
    holds = f"{count_of(info.articles, 'article')}, {count_of(info.passages, 'passage')}, {size_of(info.bytes)}"
    rows = [
        ("articles", f"{report.articles_removed:,} removed"),
        ("files", f"{len(report.files):,}"),
        ("time", f"{report.seconds:,.1f} s"),
        ("index", f"{visible(info.path)} ({holds})"),
    ]
    lines = _table(rows)
    if report.on_disk:
        lines += ["", *_some("Still on the disk", map(visible, report.on_disk), len(report.on_disk), "file")]
        lines.append("  When `citewell index` reads one of them again, its articles come back: move it away first.")
    return "\n".join([*lines, ""])


def exported_text(count: int, out: Path) -> str:
    """How many articles were exported, and where to."""
    return "\n".join([*_table([("articles", f"{count:,} exported"), ("file", visible(str(out)))]), ""])


def backup_text(report: BackupReport) -> str:
    """What was copied, and where to."""
    searched = "copied" if report.search_files else "not copied: made again when the copy is opened first"
    rows = [
        ("articles", f"{report.articles:,}, as of change {report.change:,}"),
        ("search", searched),
        ("time", f"{report.seconds:,.1f} s"),
        ("copy", f"{visible(report.path)} ({size_of(report.bytes)})"),
    ]
    return "\n".join([*_table(rows), ""])


def _table(rows: Sequence[tuple[str, str]]) -> list[str]:
    return [f"{name:<11}{value}" for name, value in rows]


def _some(title: str, lines: Iterable[str], count: int, one: str) -> list[str]:
    """The first of some lines below a title that says how many there are."""
    shown = [f"  {line}" for line in list(lines)[:SHOWN]]
    more = [f"  and {count - SHOWN:,} more"] if count > SHOWN else []
    return [f"{title} ({count_of(count, one)}):", *shown, *more]
