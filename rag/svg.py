"""What all plots are made of: markup of inline SVG, coloured by the classes of the page that it stands in."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from rag.display import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["HEIGHT", "WIDTH", "drawing", "label", "rectangle", "rule"]

WIDTH, HEIGHT = 460, 300


def drawing(name: str, title: str, told: str, parts: Sequence[str], *, height: float = HEIGHT) -> str:
    """A plot of `WIDTH`.

    Args:
        name: of its ids, which no other plot of the page has.
        title: what it is.
        told: in words what it shows.
        parts: its markup.
        height: in the unit of `WIDTH`.
    """
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(visible(told))}</desc>'
        f"{''.join(parts)}</svg>"
    )


def label(x: float, y: float, text: str, kind: str) -> str:
    """Some words, escaped; where they begin, or as the class `kind` says."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(visible(text))}</text>'


def rectangle(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A filled rectangle by its upper left corner."""
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def rule(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
