"""Lines that read like a headline."""

from __future__ import annotations

import re

from index.captions import is_caption
from index.widgets import is_widget

__all__ = ["headline_like"]


def headline_like(line: str) -> bool:
    """Whether a line reads like a headline: some words, begins like one, and no full stop at its end.

    >>> headline_like("Military Chiefs Gather in London"), headline_like("They met in London on Monday.")
    (True, False)
    """
    words = line.split()
    return (
        12 <= len(line) <= 180
        and 3 <= len(words) <= 30
        and not re.search(r"[.,;:…—–-][”\"’')\]»]*$", line)
        and not re.match(r"[\W_]*(?:\d+[.)]\s|[a-z])|[•·▪■*#>–—-]", line)
        and sum(any(map(str.isalpha, word)) for word in words) >= 3
        and not is_caption(line)
        and not is_widget(line)
    )
