"""How figures are shown: their names for people, their order, their units. One list for the terminal and the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag.evaluation.compare import Comparison

__all__ = ["FIGURES", "Figure", "difference", "evaluation_text", "rows_of", "sentences_text", "shown", "squad_text"]

Unit = Literal["count", "share", "number", "percent", "ms", "threshold"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of an evaluation.

    Attributes:
        group: under which heading it stands.
        key: its name in the JSON.
        label: its name for people.
        unit: how it is written; a share is in [0, 1] and written in percent.
        better: 1 when more is better, -1 when less is, 0 when neither.
        about: what it says, in a few words.
    """

    group: str
    key: str
    label: str
    unit: Unit
    better: int
    about: str


FIGURES = (
    Figure("Questions", "questions", "questions", "count", 0, "asked"),
    Figure("Questions", "answerable", "answerable", "count", 0, "of these have an answer in the articles"),
    Figure("Sentences", "hit_at_1", "hit@1", "share", 1, "answerable questions with a right sentence first"),
    Figure("Sentences", "hit_at_5", "hit@5", "share", 1, "with one among the first five"),
    Figure("Sentences", "mrr", "MRR", "number", 1, "mean of 1 / rank of the first right sentence"),
    Figure("Words", "span_exact_match", "exact match", "share", 1, "highlighted words are the answer"),
    Figure("Words", "span_f1", "F1", "share", 1, "words that the highlight and the answer have in common"),
    Figure("Words", "highlighted", "highlighted", "share", 0, "first sentences with highlighted words"),
    Figure("At the threshold", "min_confidence", "threshold", "threshold", 0, "the confidence from which is answered"),
    Figure("At the threshold", "answered_share", "answered", "share", 0, "of all questions"),
    Figure("At the threshold", "accuracy_answered", "accuracy", "share", 1, "answers whose first citation is right"),
    Figure("At the threshold", "citation_precision", "citation precision", "share", 1, "citations that are right"),
    Figure(
        "At the threshold",
        "wrongly_answered",
        "wrongly answered",
        "share",
        -1,
        "answered of the unanswerable questions",
    ),
    Figure("Confidence", "auroc", "AUROC", "number", 1, "a right first sentence has more confidence than a wrong one"),
    Figure(
        "Confidence", "answerability_auroc", "AUROC answerable", "number", 1, "an answerable question has more than not"
    ),
    Figure(
        "Confidence", "calibration_error", "calibration error", "number", -1, "confidence and accuracy lie apart by"
    ),
    Figure("Confidence", "area_under_risk", "area under risk", "number", -1, "mean share of errors over all coverages"),
    Figure("Confidence", "mean_confidence", "mean confidence", "share", 0, "of all questions"),
    Figure("Time", "latency_p50", "p50", "ms", -1, "a question, half are faster"),
    Figure("Time", "latency_p95", "p95", "ms", -1, "a question, 19 of 20 are faster"),
)

_SQUAD = (
    Figure("", "questions", "questions", "count", 0, "read"),
    Figure("", "answerable", "answerable", "count", 0, "of these have an answer"),
    Figure("", "exact_match", "exact match", "percent", 1, "of the answerable ones' best spans"),
    Figure("", "f1", "F1", "percent", 1, "of the answerable ones' best spans"),
    Figure("", "answerability_auroc", "AUROC answerable", "number", 1, "of the margin"),
    Figure("", "best_exact", "best exact", "percent", 1, "of all, no answer below the best threshold"),
    Figure("", "best_f1", "best F1", "percent", 1, "of all, no answer below the best threshold"),
    Figure("", "malformed", "malformed", "count", 0, "entries left out"),
    Figure("", "misplaced_answers", "misplaced", "count", 0, "answers that do not stand where the file says"),
    Figure("", "questions_per_second", "questions/s", "number", 1, "read"),
)

_SENTENCES = (
    Figure("", "questions", "questions", "count", 0, "in all"),
    Figure("", "ranked", "ranked", "count", 0, "of these have both right and wrong sentences"),
    Figure("", "map", "MAP", "number", 1, "over these"),
    Figure("", "mrr", "MRR", "number", 1, "over these"),
    Figure("", "map_all", "MAP, all", "number", 1, "over all with a right sentence"),
    Figure("", "mrr_all", "MRR, all", "number", 1, "over all with a right sentence"),
    Figure("", "without_right", "without right", "count", 0, "left out: no right sentence"),
    Figure("", "without_wrong", "without wrong", "count", 0, "left out: no wrong sentence"),
    Figure("", "sentences_per_second", "sentences/s", "number", 1, "read"),
)


def shown(value: float | None, unit: Unit) -> str:
    """A figure as it is written.

    >>> shown(0.3456, "share"), shown(0.3456, "number"), shown(1234.0, "ms"), shown(None, "share")
    ('34.6%', '0.346', '1,234 ms', '–')
    """
    if value is None:
        return "–"
    if unit == "count":
        return f"{value:,.0f}"
    if unit == "share":
        return f"{100 * value:.1f}%"
    if unit == "threshold":
        return f"{value:g}"
    if unit == "percent":
        return f"{value:.1f}"
    if unit == "ms":
        return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3f}"


def difference(old: float | None, new: float | None, unit: Unit) -> str:
    """How far a figure has moved, with its sign.

    >>> difference(0.5, 0.475, "share"), difference(1.0, 1.0, "number"), difference(None, 1.0, "number")
    ('−2.5 pp', '0', '–')
    """
    if old is None or new is None:
        return "–"
    size = shown(abs(new - old), unit)
    if not any(digit in "123456789" for digit in size):
        return "0"
    return ("−" if new < old else "+") + (f"{size[:-1]} pp" if unit == "share" else size)


def flat(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures with those of the whole latency beside them, as `FIGURES` names them."""
    whole = figures.get("latency_ms", {}).get("whole", {})
    return {**figures, "latency_p50": whole.get("p50"), "latency_p95": whole.get("p95")}


def rows_of(figures: Mapping[str, Any], names: Sequence[Figure] = FIGURES) -> list[tuple[Figure, float | None]]:
    """The figures there are, in order; those that are not measured at all are left out."""
    values = flat(figures)
    return [(figure, values[figure.key]) for figure in names if values.get(figure.key) is not None]


def evaluation_text(figures: Mapping[str, Any], comparison: Comparison | None = None) -> str:
    """An evaluation's figures for a terminal, and how they differ from another run's if there is one."""
    lines: list[str] = []
    group = ""
    for figure, value in rows_of(figures if comparison is None else comparison.new):
        if figure.group != group:
            group = figure.group
            lines += ["", group] if lines else [group]
        line = f"  {figure.label:<20}{shown(value, figure.unit):>10}"
        if comparison is not None:
            old = flat(comparison.old).get(figure.key)
            line += f"{shown(old, figure.unit):>12}{difference(old, value, figure.unit):>11}"
        lines.append(f"{line}  {figure.about}")
    stages = [name for name in figures["latency_ms"] if name != "whole"]
    if stages:
        each = (f"{name} {shown(figures['latency_ms'][name]['p50'], 'ms')}" for name in stages)
        lines.append(f"  {'p50 of each stage':<20}{', '.join(each)}")
    if comparison is not None:
        header = f"  {'':<20}{'now':>10}{'before':>12}{'difference':>11}"
        lines = [header, *lines, "", comparison.sentence]
    return "\n".join([*lines, ""])


def squad_text(figures: Mapping[str, Any]) -> str:
    """The figures of `evaluate_squad` for a terminal."""
    return _plain(figures, _SQUAD)


def sentences_text(figures: Mapping[str, Any]) -> str:
    """The figures of `evaluate_sentences` for a terminal."""
    return _plain(figures, _SENTENCES)


def _plain(figures: Mapping[str, Any], names: Sequence[Figure]) -> str:
    rows = [
        (figure, value)
        for figure, value in rows_of(figures, names)
        # What can go wrong with a file is only told when it has.
        if value or figure.key not in ("malformed", "misplaced_answers", "without_right", "without_wrong")
    ]
    lines = [f"{figure.label:<18}{shown(value, figure.unit):>10}  {figure.about}" for figure, value in rows]
    return "\n".join([f"{'reader':<18}{figures['reader']}", *lines, ""])
