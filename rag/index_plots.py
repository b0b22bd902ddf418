"""Plots of what an index holds: pure functions from numbers to inline SVG, as those of `rag.evaluation.plots`."""

from __future__ import annotations

from datetime import date
from math import ceil, log10
from typing import TYPE_CHECKING

from rag.display import count_of
from rag.svg import HEIGHT, drawing, label, rectangle, rule

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["articles_over_time", "bars", "group_sizes", "periods"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 452, 18, 252
_MOST_PERIODS = 48
_NAMED = 12
"""Bars with a name of their own; what is left over is one more."""
_ROW, _NAMES = 25, 168
_LONGEST_NAME = 27


def periods(days: Mapping[str, int]) -> tuple[str, list[tuple[str, int]]]:
    """Counts by day (`YYYY-MM-DD`) as counts by day, month or year, so that there are not too many; gaps are zeros.

    >>> periods({"2024-05-01": 2, "2024-05-03": 1})
    ('day', [('2024-05-01', 2), ('2024-05-02', 0), ('2024-05-03', 1)])
    >>> periods({"2023-12-31": 1, "2024-05-03": 1})[0], periods({"1998-01-01": 1, "2024-05-03": 1})[1][:2]
    ('month', [('1998', 1), ('1999', 0)])
    """
    if not days:
        return "day", []
    first, last = date.fromisoformat(min(days)), date.fromisoformat(max(days))
    months = 12 * (last.year - first.year) + last.month - first.month + 1
    if (last - first).days < _MOST_PERIODS:
        names = [date.fromordinal(each).isoformat() for each in range(first.toordinal(), last.toordinal() + 1)]
        unit, length = "day", 10
    elif months <= _MOST_PERIODS:
        start = 12 * first.year + first.month - 1
        names = [f"{each // 12:04}-{each % 12 + 1:02}" for each in range(start, start + months)]
        unit, length = "month", 7
    else:
        names = [f"{year:04}" for year in range(first.year, last.year + 1)]
        unit, length = "year", 4
    counts = dict.fromkeys(names, 0)
    for day, count in days.items():
        counts[day[:length]] += count
    return unit, list(counts.items())


def articles_over_time(days: Mapping[str, int]) -> str:
    """How many articles are from each day, month or year."""
    unit, counts = periods(days)
    top = _round_up(max((count for _, count in counts), default=0))
    parts = _scale(top)
    step = (_RIGHT - _LEFT) / max(1, len(counts))
    width = min(step * 0.82, 48)
    every = max(1, ceil(len(counts) / (4 if unit == "day" else 6)))
    for number, (name, count) in enumerate(counts):
        x = _LEFT + (number + 0.5) * step
        height = count / top * (_BOTTOM - _TOP)
        if count:
            parts.append(rectangle(x - width / 2, _BOTTOM - height, width, max(height, 1), "right"))
        if number % every == 0:
            parts.append(label(x, _BOTTOM + 18, name, "number"))
    parts.append(label((_LEFT + _RIGHT) / 2, HEIGHT - 8, f"{unit} of publication", "label middle"))
    told = "No article has a day of publication."
    if counts:
        most = max(counts, key=lambda each: each[1])
        told = f"From {counts[0][0]} to {counts[-1][0]}, by {unit}; the most in {most[0]}: {most[1]:,}."
    return drawing("time", "Articles over time", told, parts)


def bars(name: str, title: str, counts: Mapping[str, int], *, others: str = "others") -> str:
    """Names with their counts as bars, in the order given; those behind the first are put together.

    Args:
        name: of the plot's ids.
        title: what is counted.
        counts: by name.
        others: what those behind the first ones are called; "(12)" follows.
    """
    rows = [(each, count, "right") for each, count in list(counts.items())[:_NAMED]]
    rest = list(counts.values())[_NAMED:]
    if rest:
        rows.append((f"{others} ({len(rest):,})", sum(rest), "stage"))
    longest = max((count for _, count, _ in rows), default=0) or 1
    scale = (_RIGHT - _NAMES - 58) / longest
    parts = []
    for number, (each, count, kind) in enumerate(rows):
        y = 4 + number * _ROW
        parts.append(rectangle(_NAMES, y, max(count * scale, 1), _ROW - 8, kind))
        shown = each if len(each) <= _LONGEST_NAME else f"{each[: _LONGEST_NAME - 1]}…"
        parts.append(label(_NAMES - 8, y + 13, shown, "label end"))
        parts.append(label(_NAMES + count * scale + 7, y + 13, f"{count:,}", "number start"))
    told = "; ".join(f"{each}: {count:,}" for each, count, _ in rows) or "None"
    return drawing(name, title, f"{told}.", parts, height=12 + _ROW * max(1, len(rows)))


def group_sizes(sizes: Mapping[int, int]) -> str:
    """How many groups of copies there are of two articles, of three, and so on."""
    steps = ((2, 2), (3, 3), (4, 4), (5, 5), (6, 10), (11, 20), (21, 10**9))
    names = ("2", "3", "4", "5", "6–10", "11–20", "over 20")
    counts = [sum(count for size, count in sizes.items() if low <= size <= high) for low, high in steps]
    top = _round_up(max(counts))
    parts = _scale(top)
    step = (_RIGHT - _LEFT) / len(names)
    for number, (name, count) in enumerate(zip(names, counts, strict=True)):
        x = _LEFT + (number + 0.5) * step
        height = count / top * (_BOTTOM - _TOP)
        if count:
            parts.append(rectangle(x - 18, _BOTTOM - height, 36, max(height, 1), "right"))
            parts.append(label(x, _BOTTOM - height - 6, f"{count:,}", "number"))
        parts.append(label(x, _BOTTOM + 18, name, "number"))
    parts.append(label((_LEFT + _RIGHT) / 2, HEIGHT - 8, "articles in a group of copies", "label middle"))
    told = "; ".join(
        f"{count_of(count, 'group')} of {name}" for name, count in zip(names, counts, strict=True) if count
    )
    return drawing("groups", "Groups of copies", f"{told or 'No group'}.", parts)


def _scale(top: int) -> list[str]:
    """Horizontal lines from 0 to a count."""
    parts = []
    for tick in range(5):
        y = _BOTTOM - tick / 4 * (_BOTTOM - _TOP)
        parts.append(rule(_LEFT, y, _RIGHT, y, "grid" if tick else "axis"))
        if (top * tick) % 4 == 0:
            parts.append(label(_LEFT - 8, y + 4, f"{top * tick // 4:,}", "number end"))
    return parts


def _round_up(count: int) -> int:
    """A round number that is not smaller, and at least 4.

    >>> [_round_up(each) for each in (0, 3, 17, 240, 1_999)]
    [4, 4, 20, 400, 2000]
    """
    if count <= 4:
        return 4
    unit: int = 10 ** int(log10(count))
    return next(step for step in (unit, 2 * unit, 4 * unit, 8 * unit, 10 * unit) if step >= count)
