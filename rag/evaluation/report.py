"""An evaluation as one HTML page: the figures, the plots, and every question that went wrong.

The page needs no script and asks nothing of any other host: its style stands in it, its policy forbids the rest. What
comes from articles, questions and paths is escaped, and what a page must not obey is shown as U+FFFD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rag.evaluation.cases import cases, escape, pairs
from rag.evaluation.figures import FIGURES, difference, flat, shown
from rag.evaluation.metrics import calibration_bins, risk_coverage
from rag.evaluation.plots import confidence_histogram, latency_bars, reliability_diagram, risk_coverage_curve
from rag.evaluation.style import STYLE
from rag.page import page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag.evaluation.compare import Comparison
    from rag.evaluation.figures import Figure
    from rag.evaluation.metrics import CoveragePoint
    from rag.evaluation.outcomes import Evaluation

__all__ = ["report_html", "settings_markup"]


def report_html(run: Evaluation, *, comparison: Comparison | None = None, old: Evaluation | None = None) -> str:
    """The page.

    Args:
        run: what is reported.
        comparison: with an earlier run, if there is one (`rag.evaluation.compare.compare`).
        old: that run.
    """
    figures = run.figures()
    misses = [each for each in run.outcomes if each.answerable and not each.right]
    silent = [each for each in run.outcomes if each.right and not each.answered]
    wrongly = [each for each in run.outcomes if not each.answerable and each.answered]
    sections: list[tuple[str, str, int | None, str]] = [
        ("figures", "Figures", None, _figures(figures, comparison)),
        ("plots", "Plots", None, _plots(run, figures, old)),
        ("thresholds", "Other thresholds", None, _thresholds(figures)),
    ]
    if comparison is not None:
        sections += [
            ("won", "Won", len(comparison.won), pairs(comparison.won, "Right now, and not before.")),
            ("lost", "Lost", len(comparison.lost), pairs(comparison.lost, "Right before, and not any more.")),
        ]
    sections += [
        ("misses", "Misses", len(misses), cases(misses, "The first sentence is not right. The surest come first.")),
        ("silent", "Right, but silent", len(silent), cases(silent, "Right, with less confidence than the threshold.")),
    ]
    if figures["unanswerable"]:
        about = "The articles do not say, and yet an answer is given."
        sections.append(("wrongly", "Wrongly answered", len(wrongly), cases(wrongly, about)))
    file = run.settings.get("questions")
    title = "Answers" if file is None else f"Answers to the questions of {file}"
    return page(
        title,
        _stand(figures),
        sections,
        style=STYLE,
        lead=settings_markup(run.settings),
        footer="A sentence is right when it holds one of the expected answers as whole words, case and punctuation "
        "folded, and, where the file names sources, stands in one of them.",
    )


def _stand(figures: Mapping[str, Any]) -> str:
    """The run in two sentences."""
    asked = (
        f"A right sentence stands first for {shown(figures['hit_at_1'], 'share')} of {figures['answerable']:,} "
        f"answerable questions, and among the first five for {shown(figures['hit_at_5'], 'share')}."
        if figures["answerable"]
        else "No question has an answer in the articles."
    )
    answered = (
        f" At the threshold {figures['min_confidence']:g}, {shown(figures['answered_share'], 'share')} are answered"
    )
    if figures["answered"]:
        answered += f", {shown(figures['accuracy_answered'], 'share')} of these rightly"
    return f"{asked}{answered}."


def settings_markup(settings: Mapping[str, Any]) -> str:
    """What was run on what, as a list; what is None is left out."""
    entries = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>"
        for name, value in settings.items()
        if value is not None
    )
    return f'<dl class="settings">{entries}</dl>' if entries else ""


def _figures(figures: Mapping[str, Any], comparison: Comparison | None) -> str:
    """The table of figures, of both runs where there are two."""
    new = flat(figures if comparison is None else comparison.new)
    old = None if comparison is None else flat(comparison.old)
    names = ["Value"] if old is None else ["Now", "Before", "Difference"]
    heads = "".join(f'<th scope="col" class="figure">{name}</th>' for name in names)
    heads = f'<th scope="col">Figure</th>{heads}<th scope="col" class="about">What it says</th>'
    groups: dict[str, list[str]] = {}
    for figure in FIGURES:
        if new.get(figure.key) is not None or (old is not None and old.get(figure.key) is not None):
            groups.setdefault(figure.group, []).append(_figure_row(figure, new, old))
    width = len(names) + 2
    bodies = "".join(
        f'<tbody><tr class="group"><th scope="rowgroup" colspan="{width}">{group}</th></tr>{"".join(rows)}</tbody>'
        for group, rows in groups.items()
    )
    caption = "A figure that has no meaning for these questions is left out."
    if comparison is not None:
        caption = comparison.sentence
    return f'<div class="wide"><table><caption>{caption}</caption><thead><tr>{heads}</tr></thead>{bodies}</table></div>'


def _figure_row(figure: Figure, new: Mapping[str, Any], old: Mapping[str, Any] | None) -> str:
    value = new.get(figure.key)
    cells = f'<td class="figure">{shown(value, figure.unit)}</td>'
    if old is not None:
        before = old.get(figure.key)
        moved = difference(before, value, figure.unit)
        towards = 0 if moved in ("0", "–") else figure.better * (-1 if moved.startswith("−") else 1)
        kind = {1: " good", -1: " bad"}.get(towards, "")
        cells += f'<td class="figure before">{shown(before, figure.unit)}</td><td class="figure{kind}">{moved}</td>'
    return f'<tr><th scope="row">{figure.label}</th>{cells}<td class="about">{figure.about}</td></tr>'


def _plots(run: Evaluation, figures: Mapping[str, Any], old: Evaluation | None) -> str:
    confidences = [each.confidence for each in run.outcomes]
    right = [each.right for each in run.outcomes]
    before: Sequence[CoveragePoint] = ()
    if old is not None:
        before = risk_coverage([each.confidence for each in old.outcomes], [each.right for each in old.outcomes])
    drawn = (
        (
            "Calibration",
            "How often the first sentence is right, by confidence, and of how many questions; dashed: as it says.",
            reliability_diagram(calibration_bins(confidences, right)),
        ),
        (
            "Risk and coverage",
            f"How many answers are wrong when only the surest are given. {_at_threshold(figures)}"
            + (" Dashed: the run before." if before else ""),
            risk_coverage_curve(risk_coverage(confidences, right), threshold=run.threshold, old=before),
        ),
        (
            "Confidence of right and wrong",
            f"How many questions have which confidence. Dashed: the threshold {run.threshold:g}.",
            confidence_histogram(
                [each.confidence for each in run.outcomes if each.right],
                [each.confidence for each in run.outcomes if not each.right],
                threshold=run.threshold,
            ),
        ),
        (
            "Milliseconds a question",
            "The median of the whole and of each stage; the line goes on to the 95th percentile.",
            latency_bars(figures["latency_ms"]),
        ),
    )
    return (
        '<div class="plots">'
        + "".join(
            f"<figure><figcaption><b>{title}</b>{about}</figcaption>{svg}</figure>" for title, about, svg in drawn
        )
        + "</div>"
    )


def _at_threshold(figures: Mapping[str, Any]) -> str:
    if not figures["answered"]:
        return f"At the threshold {figures['min_confidence']:g} none is."
    wrong = shown(1 - figures["accuracy_answered"], "share")
    share = shown(figures["answered_share"], "share")
    return f"The dot is the threshold {figures['min_confidence']:g}: {share} are answered, {wrong} of these wrongly."


def _thresholds(figures: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row" class="figure">{row["threshold"]:g}</th>'
        f'<td class="figure">{shown(row["answered_share"], "share")}</td>'
        f'<td class="figure">{shown(row["accuracy_answered"], "share")}</td></tr>'
        for row in figures["thresholds"]
    )
    heads = "".join(
        f'<th scope="col" class="figure">{name}</th>' for name in ("Threshold", "Answered", "Of these right")
    )
    caption = "What --min-confidence would come to, of all questions."
    return (
        f'<div class="wide"><table class="narrow"><caption>{caption}</caption><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
