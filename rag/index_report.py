"""An indexing run as one HTML page: what came in, what copies what, what was left out, and what the index holds now.

As the page of an evaluation (`rag.evaluation.report`), it needs no script and asks nothing of any other host. What
comes from articles and paths is escaped.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rag.display import count_of, size_of
from rag.evaluation.cases import escape
from rag.evaluation.style import STYLE
from rag.index_plots import articles_over_time, bars, group_sizes
from rag.index_text import reason_kind, stage_words
from rag.page import page, web_link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from index.build import BuildReport
    from index.overview import ArticleGroup, GroupMember, Overview
    from index.types import Skipped

__all__ = ["report_html"]

SKIPPED_LISTED = 500
GROUPS_LISTED = 50

_STYLE = """
.copies { list-style: none; margin: 0; padding: 0; }
.copies > li { padding: 1.125rem 0; border-top: 1px solid var(--rule); break-inside: avoid; }
.copies h3 { margin: 0 0 0.375rem; font: 600 1.0625rem/1.45 var(--serif); overflow-wrap: anywhere; }
.copies ol { margin: 0; padding: 0; list-style: none; font-size: 0.875rem; color: var(--soft); }
.copies ol li { display: flex; flex-wrap: wrap; gap: 0 0.75rem; padding: 0.125rem 0; overflow-wrap: anywhere; }
.copies ol li:first-child { color: var(--ink); }
.copies .outlet { flex: 0 0 14rem; font-weight: 600; }
.copies .when { flex: 0 0 8rem; font-variant-numeric: tabular-nums; }
.copies .how { flex: 1 1 12rem; }
.big { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem 2rem; margin: 1.5rem 0 0; }
.big div { border-top: 2px solid var(--ink); padding-top: 0.5rem; }
.big dd { margin: 0; font: 700 2rem/1.1 var(--serif); font-variant-numeric: tabular-nums lining-nums; }
.big dt { font-size: 0.875rem; color: var(--soft); }
td.path { overflow-wrap: anywhere; font-size: 0.875rem; }
@media (max-width: 600px) { .copies .outlet, .copies .when { flex-basis: auto; } }
"""


def report_html(report: BuildReport) -> str:
    """The page.

    Args:
        report: of a run that looked at all articles (`BuildReport.overview`).

    Raises:
        ValueError: when it did not.
    """
    seen = report.overview
    if seen is None:
        raise ValueError("a report as HTML needs an overview; build the index with_overview")
    sections: list[tuple[str, str, int | None, str]] = [
        ("run", "This run", None, _run(report)),
        ("holds", f"What the index {'would hold' if report.dry else 'holds'}", None, _holds(seen)),
        ("copies", "Copies", sum(seen.sizes.values()), _groups(seen)),
    ]
    if report.skipped:
        sections.append(("skipped", "Skipped", len(report.skipped), _skipped(report.skipped)))
    if report.missing:
        sections.append(("missing", "Gone from the disk", len(report.missing), _missing(report)))
    title = "Articles that would be indexed" if report.dry else "Articles indexed"
    return page(
        title,
        _stand(report, seen),
        sections,
        style=STYLE + _STYLE,
        lead=_big(report, seen),
        footer="Copies are articles of which at least half of the word trigrams are the same. The earliest one stands "
        "for its group; the others stay in the index, and can be quoted with their own words.",
    )


def _stand(report: BuildReport, seen: Overview) -> str:
    """The run in two sentences."""
    would = "would be " if report.dry else ""
    told = f"{count_of(report.articles_added, 'article')} {would}added"
    if report.articles_removed:
        told += f", {report.articles_removed:,} {would}removed"
    if report.articles_copied:
        told += f"; {report.articles_copied:,} of them {'tells' if report.articles_copied == 1 else 'tell'} a story "
        told += "that another article tells in nearly the same words"
    outlets = count_of(len(seen.outlets), "outlet")
    return f"{told}. The index {'would hold' if report.dry else 'holds'} {seen.articles:,} from {outlets}."


def _big(report: BuildReport, seen: Overview) -> str:
    independent = seen.articles - seen.copies
    entries = (
        (f"{report.articles_added:,}", "articles added"),
        (f"{seen.articles:,}", "articles in the index"),
        (f"{independent:,}", "of them independent"),
        (f"{report.boilerplate_lines:,}", "lines left out as boilerplate"),
        (f"{len(report.skipped):,}", "files or records skipped"),
    )
    return (
        '<dl class="big">' + "".join(f"<div><dd>{each}</dd><dt>{name}</dt></div>" for each, name in entries) + "</dl>"
    )


def _run(report: BuildReport) -> str:
    info = report.info
    unchanged = max(0, info.articles - report.articles_added)
    embedded = "to be embedded" if report.dry else "embedded"
    passages = f"{count_of(report.duplicates_exact, 'passage')} word for word, {report.duplicates_near:,} nearly so"
    rows = [
        ("Articles", f"{report.articles_added:,} added, {unchanged:,} unchanged, {report.articles_removed:,} removed"),
        ("Files", f"{report.files_read:,} read, {report.files_unchanged:,} unchanged"),
        ("Sentences", f"{report.sentences_added:,} added"),
        ("Passages", f"{report.passages_added:,} added, {report.passages_embedded:,} {embedded}"),
        ("Copies", f"{count_of(report.articles_copied, 'article')}; {passages}"),
        ("Left out", count_of(report.boilerplate_lines, "boilerplate line")),
        ("Time", f"{report.seconds:,.1f} s: {stage_words(report)}"),
        ("Index", f"{info.path} ({size_of(info.bytes)}, encoder {info.encoder or 'none yet'})"),
    ]
    cells = "".join(f'<tr><th scope="row">{name}</th><td class="path">{escape(told)}</td></tr>' for name, told in rows)
    return f'<div class="wide"><table><tbody>{cells}</tbody></table></div>'


def _holds(seen: Overview) -> str:
    undated = f" {count_of(seen.undated, 'article')} without a known day." if seen.undated else ""
    drawn = [
        ("Over time", f"Articles by day of publication.{undated}", articles_over_time(seen.days)),
        (
            "Outlets",
            "Articles by who published them.",
            bars("outlets", "Outlets", seen.outlets, others="other outlets"),
        ),
    ]
    if seen.sizes:
        about = f"{count_of(sum(seen.sizes.values()), 'group')}, by how many articles are in them."
        drawn.append(("Copies", about, group_sizes(seen.sizes)))
    figures = (f"<figure><figcaption><b>{title}</b>{about}</figcaption>{svg}</figure>" for title, about, svg in drawn)
    return f'<div class="plots">{"".join(figures)}</div>'


def _groups(seen: Overview) -> str:
    """The groups of copies, the largest first."""
    if not seen.groups:
        return "<p>No article is a copy of another one.</p>"
    total = sum(seen.sizes.values())
    about = f"{count_of(seen.copies, 'article is a copy', 'articles are copies')} of another one. "
    if total > len(seen.groups):
        about += f"These are the {len(seen.groups):,} largest of {total:,} groups. "
    about += "The earliest article of each comes first, and stands for the others."
    return f'<p>{about}</p><ul class="copies">{"".join(map(_group, seen.groups))}</ul>'


def _group(group: ArticleGroup) -> str:
    members = "".join(_member(member, group.members[0]) for member in group.members)
    more = group.size - len(group.members)
    if more:
        members += f"<li>and {more:,} more</li>"
    return f"<li><h3><bdi>{escape(group.members[0].title)}</bdi></h3><ol>{members}</ol></li>"


def _member(member: GroupMember, first: GroupMember) -> str:
    name = f"<bdi>{escape(member.outlet)}</bdi>"
    how = "stands for them" if member is first else "word for word" if member.exact else "nearly the same"
    if member.title != first.title:
        how += f": <bdi>{escape(member.title)}</bdi>"
    return (
        f'<li><span class="outlet">{web_link(member.url, name)}</span>'
        f'<span class="when">{escape(member.published or "no date")}</span><span class="how">{how}</span></li>'
    )


def _skipped(skipped: Sequence[Skipped]) -> str:
    """Why, how often, and which."""
    kinds = Counter(reason_kind(each.reason) for each in skipped)
    counts = "".join(
        f'<tr><td class="path">{escape(kind)}</td><td class="figure">{count:,}</td></tr>'
        for kind, count in kinds.most_common(20)
    )
    rows = "".join(
        f'<tr><td class="path"><bdi>{escape(each.path if each.line is None else f"{each.path}:{each.line}")}</bdi></td>'
        f'<td class="about"><bdi>{escape(each.reason)}</bdi></td></tr>'
        for each in skipped[:SKIPPED_LISTED]
    )
    more = len(skipped) - SKIPPED_LISTED
    caption = f"The first {SKIPPED_LISTED:,}; {more:,} more are not listed." if more > 0 else "All of them."
    return (
        f'<div class="wide"><table class="narrow"><thead><tr><th scope="col">Why</th><th scope="col" class="figure">'
        f'How many</th></tr></thead><tbody>{counts}</tbody></table></div><div class="wide"><table><caption>{caption}'
        f'</caption><thead><tr><th scope="col">File or record</th><th scope="col" class="about">Why</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _missing(report: BuildReport) -> str:
    rows = "".join(
        f'<tr><td class="path"><bdi>{escape(path)}</bdi></td></tr>' for path in report.missing[:SKIPPED_LISTED]
    )
    return (
        "<p>Their articles stay in the index; <code>citewell index --prune</code> removes them.</p>"
        f'<div class="wide"><table><tbody>{rows}</tbody></table></div>'
    )
