"""A run over collections of every size for a person: a table for the terminal, and a page with a plot for each size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rag.evaluation.cases import escape
from rag.evaluation.figures import Figure, difference, shown
from rag.evaluation.metrics import calibration_bins
from rag.evaluation.plots import reliability_diagram
from rag.evaluation.report import settings_markup
from rag.evaluation.sizes import TOGETHER
from rag.evaluation.style import STYLE
from rag.page import page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag.evaluation.sizes import SizesRun

__all__ = ["sizes_html", "sizes_text"]

_COLUMNS = (
    Figure("", "questions", "questions", "count", 0, "asked"),
    Figure("", "answered_share", "answered", "share", 0, "from the threshold on"),
    Figure("", "accuracy_answered", "right", "share", 1, "of the answers"),
    Figure("", "calibration_error", "calib. error", "number", -1, "confidence and accuracy lie apart by"),
    Figure("", "auroc", "AUROC", "number", 1, "a right first sentence has more confidence than a wrong one"),
    Figure("", "mean_confidence", "confidence", "share", 0, "in the mean"),
)
_ASKED = {
    "with": "an article is known to answer",
    "without": "none is",
    "trap": "the article is there, and does not say",
    TOGETHER: "all of these",
}
_WIDTHS = (9, 9, 8, 13, 8, 11)
_WITH_DIFFERENCE = 20


def sizes_text(figures: Mapping[str, Any]) -> str:
    """The figures for a terminal.

    Args:
        figures: `threshold`, `settings`, `sizes` (`SizesRun.figures`) and, where there is an earlier run,
            `sizes_before`: the same of it.
    """
    before = _by_key(figures.get("sizes_before", ()))
    widths = [max(width, _WITH_DIFFERENCE) if before else width for width in _WIDTHS]
    heads = "".join(f"{each.label:>{width}}" for each, width in zip(_COLUMNS, widths, strict=True))
    lines = [f"{'articles':<14}{'asked':<10}{heads}"]
    size = None
    for row in figures["sizes"]:
        name = "" if row["size"] == size else _size_name(row["size"], figures["settings"])
        size = row["size"]
        old = before.get((size, row["asked"]))
        cells = "".join(f"{_cell(row, old, each):>{width}}" for each, width in zip(_COLUMNS, widths, strict=True))
        lines.append(f"{name:<14}{row['asked']:<10}{cells}")
    asked = dict.fromkeys(row["asked"] for row in figures["sizes"])
    told = "; ".join(f"{each}: {_ASKED[each]}" for each in asked)
    lines += ["", f"{told}. Answered: from a confidence of {figures['threshold']:g} on."]
    if before:
        lines.append("In brackets: how far a figure has moved since the run before, over what both were asked.")
    return "\n".join([*lines, ""])


def sizes_html(run: SizesRun, figures: Mapping[str, Any]) -> str:
    """The page.

    Args:
        run: what is reported.
        figures: as for `sizes_text`.
    """
    file = run.settings.get("questions")
    return page(
        "A confidence in collections of every size",
        _stand(figures),
        [
            ("figures", "Figures", None, _table(figures)),
            ("plots", "Reliability", None, _plots(run)),
        ],
        style=STYLE,
        lead=settings_markup(run.settings),
        footer=f"The questions of {file}: each asked with an article in the collection that is known to answer, and "
        "without any. A sentence is right when it holds one of the expected answers as whole words, case and "
        "punctuation folded, and stands in one of the question's sources; without an article that answers none is.",
    )


def _stand(figures: Mapping[str, Any]) -> str:
    """The run in a sentence or two."""
    rows = [row for row in figures["sizes"] if row["asked"] == TOGETHER]
    worst = max(rows, key=lambda row: row["calibration_error"])
    best = min(rows, key=lambda row: row["calibration_error"])
    told = (
        f"Confidence and accuracy lie {shown(best['calibration_error'], 'number')} apart in collections of "
        f"{_size_name(best['size'], figures['settings'])}"
    )
    if worst["size"] == best["size"]:
        return f"{told}."
    return (
        f"{told} and {shown(worst['calibration_error'], 'number')} in those of "
        f"{_size_name(worst['size'], figures['settings'])}, where they agree least."
    )


def _table(figures: Mapping[str, Any]) -> str:
    before = _by_key(figures.get("sizes_before", ()))
    heads = "".join(
        f'<th scope="col" class="figure" title="{escape(each.about)}">{each.label}</th>' for each in _COLUMNS
    )
    groups: dict[int, list[str]] = {}
    for row in figures["sizes"]:
        old = before.get((row["size"], row["asked"]))
        cells = "".join(f'<td class="figure">{_cell(row, old, each)}</td>' for each in _COLUMNS)
        about = f'<td class="about">{_ASKED[row["asked"]]}</td>'
        groups.setdefault(row["size"], []).append(f'<tr><th scope="row">{row["asked"]}</th>{cells}{about}</tr>')
    bodies = "".join(
        f'<tbody><tr class="group"><th scope="rowgroup" colspan="{len(_COLUMNS) + 2}">'
        f"{_articles(size, figures['settings'])}</th></tr>{''.join(rows)}</tbody>"
        for size, rows in groups.items()
    )
    caption = f"Answered from a confidence of {figures['threshold']:g} on."
    if before:
        caption += " In brackets: how far a figure has moved since the run before, over what both were asked."
    return (
        f'<div class="wide"><table><caption>{caption}</caption><thead><tr><th scope="col">Asked</th>{heads}'
        f'<th scope="col" class="about"></th></tr></thead>{bodies}</table></div>'
    )


def _plots(run: SizesRun) -> str:
    parts = []
    for size in sorted({each.size for each in run.outcomes}):
        own = [each.outcome for each in run.outcomes if each.size == size]
        bins = calibration_bins([each.confidence for each in own], [each.right for each in own])
        title = _articles(size, run.settings)
        about = "How often the first sentence is right, by confidence, and of how many; dashed: as it says."
        plot = reliability_diagram(bins, name=f"size-{size}", title=f"Reliability: {title}")
        parts.append(f"<figure><figcaption><b>{title}</b>{about}</figcaption>{plot}</figure>")
    return f'<div class="plots">{"".join(parts)}</div>'


def _by_key(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[int, str], Mapping[str, Any]]:
    return {(row["size"], row["asked"]): row for row in rows}


def _cell(row: Mapping[str, Any], old: Mapping[str, Any] | None, figure: Figure) -> str:
    """A figure, and how far it has moved."""
    value = row[figure.key]
    cell = shown(value, figure.unit)
    if old is None or figure.unit == "count" or value is None:
        return cell
    return f"{cell} ({difference(old[figure.key], value, figure.unit)})"


def _size_name(size: int, settings: Mapping[str, Any]) -> str:
    """A size as it is written.

    >>> _size_name(1000, {"article_count": 11770}), _size_name(11770, {"article_count": 11770})
    ('1,000', 'all 11,770')
    """
    return f"all {size:,}" if size == settings.get("article_count") else f"{size:,}"


def _articles(size: int, settings: Mapping[str, Any]) -> str:
    return f"{_size_name(size, settings)} {'article' if size == 1 else 'articles'}"
