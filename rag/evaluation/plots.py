"""Plots as inline SVG: pure functions from numbers to markup, coloured by the classes of the page they stand in.

Each has a `<title>` and a `<desc>` that say in words what it shows.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from rag.svg import HEIGHT, drawing, label, rectangle, rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag.evaluation.metrics import Bin, CoveragePoint

__all__ = ["confidence_histogram", "latency_bars", "reliability_diagram", "risk_coverage_curve"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 448, 26, 252
"""The edges of the area that is drawn in; the axes' labels stand outside of it."""
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_HISTOGRAM_BINS = 20


def reliability_diagram(bins: Sequence[Bin], *, name: str = "calibration", title: str = "Calibration") -> str:
    """Accuracy against confidence, bin by bin: on the diagonal the confidence is what it says.

    Args:
        bins: the answers by confidence.
        name: of the plot's ids, which no other plot of the page has.
        title: what it is.
    """
    parts = [_grid("confidence", "share that is right"), _line(0, 0, 1, 1, "even")]
    told = []
    for each in bins:
        if each.confidence is None or each.accuracy is None:
            continue
        parts.append(_bar(each.low + 0.006, each.high - 0.006, 0, each.accuracy, "right"))
        parts.append(_dot(each.confidence, each.accuracy, "point"))
        parts.append(label(_x((each.low + each.high) / 2), _y(each.accuracy) - 9, f"{each.count:,}", "number"))
        told.append(f"{each.count:,} of confidence {each.low:.1f} to {each.high:.1f}: {each.accuracy:.0%} right")
    return drawing(name, title, f"Share of right first sentences by confidence. {'; '.join(told)}.", parts)


def risk_coverage_curve(
    points: Sequence[CoveragePoint], *, threshold: float | None = None, old: Sequence[CoveragePoint] = ()
) -> str:
    """The share of wrong answers against the share of questions answered, the surest first.

    Args:
        points: of the run, from the strictest threshold on.
        threshold: the run's, which is marked; none when None.
        old: of another run, drawn behind it.
    """
    parts = [_grid("share of questions answered", "share of answers wrong")]
    for series, kind in ((old, "curve before"), (points, "curve")):
        if series:
            places = " ".join(f"{_x(point.coverage):.1f},{_y(point.risk):.1f}" for point in series)
            if len(series) == 1:
                parts.append(_dot(series[0].coverage, series[0].risk, "point"))
            parts.append(f'<polyline class="{kind}" points="{places}"/>')
    told = "Nothing is answered."
    if points:
        told = f"All answered: {points[-1].risk:.0%} wrong."
    answered = [point for point in points if threshold is not None and point.threshold >= threshold]
    if answered:
        at = answered[-1]
        told += f" At the threshold {threshold:g}: {at.coverage:.0%} answered, {at.risk:.0%} of these wrong."
        parts.append(_dot(at.coverage, at.risk, "point"))
    return drawing("risk", "Risk and coverage", told, parts)


def confidence_histogram(right: Sequence[float], wrong: Sequence[float], *, threshold: float | None = None) -> str:
    """How many answers have which confidence in [0, 1]: right ones below, wrong ones on top of them."""
    rights, wrongs = _counts(right), _counts(wrong)
    most = max((each + other for each, other in zip(rights, wrongs, strict=True)), default=0) or 1
    parts = [_grid("confidence", "questions", top=most)]
    for number, (own, other) in enumerate(zip(rights, wrongs, strict=True)):
        low, high = number / _HISTOGRAM_BINS + 0.004, (number + 1) / _HISTOGRAM_BINS - 0.004
        if own:
            parts.append(_bar(low, high, 0, own / most, "right"))
        if other:
            parts.append(_bar(low, high, own / most, (own + other) / most, "wrong"))
    if threshold is not None:
        parts.append(_line(threshold, 0, threshold, 1, "limit"))
    parts.append(_legend((("right", "first sentence right"), ("wrong", "wrong"))))
    told = f"{len(right):,} questions with a right first sentence, {len(wrong):,} without, by confidence."
    return drawing("histogram", "Confidence of right and wrong", told, parts)


def latency_bars(latencies: Mapping[str, Mapping[str, float]]) -> str:
    """Milliseconds a question: for each stage a bar up to the median and a line up to the 95th percentile."""
    longest = max((each["p95"] for each in latencies.values()), default=0) or 1
    left, top, step = 92, 8, 34
    scale = (_RIGHT - left - 118) / longest
    parts = []
    for number, (stage, each) in enumerate(latencies.items()):
        y = top + number * step
        middle, median, slow = y + 10, left + each["p50"] * scale, left + each["p95"] * scale
        kind = "right" if stage == "whole" else "stage"
        parts.append(f'<rect class="{kind}" x="{left}" y="{y}" width="{median - left:.1f}" height="20"/>')
        parts.append(f'<line class="slow" x1="{median:.1f}" y1="{middle}" x2="{slow:.1f}" y2="{middle}"/>')
        parts.append(label(left - 8, y + 14, stage, "label end"))
        parts.append(label(slow + 8, y + 14, f"{_ms(each['p50'])}, p95 {_ms(each['p95'])}", "number start"))
    told = "; ".join(f"{stage}: {_ms(each['p50'])} ms, p95 {_ms(each['p95'])} ms" for stage, each in latencies.items())
    height = top + max(len(latencies), 1) * step
    return drawing("latency", "Milliseconds a question", f"Median of {told}.", parts, height=height)


def _counts(confidences: Sequence[float]) -> list[int]:
    counts = [0] * _HISTOGRAM_BINS
    for confidence in confidences:
        counts[min(int(confidence * _HISTOGRAM_BINS), _HISTOGRAM_BINS - 1)] += 1
    return counts


def _ms(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _x(share: float) -> float:
    return _LEFT + share * (_RIGHT - _LEFT)


def _y(share: float) -> float:
    return _BOTTOM - share * (_BOTTOM - _TOP)


def _grid(across: str, up: str, *, top: int | None = None) -> str:
    """The axes from 0 to 1 with their labels; upwards from 0 to the count `top` where there is one."""
    parts = []
    for tick in _TICKS:
        parts.append(_line(0, tick, 1, tick, "axis" if tick == 0 else "grid"))
        parts.append(label(_x(tick), _BOTTOM + 18, f"{tick:g}", "number"))
        if top is None or (tick * top).is_integer():
            parts.append(
                label(_LEFT - 8, _y(tick) + 4, f"{tick:g}" if top is None else f"{tick * top:,.0f}", "number end")
            )
    middle = (_TOP + _BOTTOM) / 2
    parts.append(label((_LEFT + _RIGHT) / 2, HEIGHT - 8, across, "label middle"))
    turned = f'<text class="label middle" transform="translate(13 {middle:.1f}) rotate(-90)">{escape(up)}</text>'
    return "".join([*parts, turned])


def _legend(entries: Sequence[tuple[str, str]]) -> str:
    parts, x = [], _LEFT
    for kind, words in entries:
        parts.append(f'<rect class="{kind}" x="{x}" y="{_TOP - 22}" width="11" height="11"/>')
        parts.append(label(x + 17, _TOP - 12, words, "label"))
        x += 40 + 7 * len(words)
    return "".join(parts)


def _bar(low: float, high: float, bottom: float, top: float, kind: str) -> str:
    return rectangle(_x(low), _y(top), _x(high) - _x(low), _y(bottom) - _y(top), kind)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return rule(_x(x1), _y(y1), _x(x2), _y(y2), kind)


def _dot(x: float, y: float, kind: str) -> str:
    return f'<circle class="{kind}" cx="{_x(x):.1f}" cy="{_y(y):.1f}" r="4"/>'
