"""What the source panel asks for: one article, cut where its cited sentences stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from index.errors import ArticlesError, CitewellError
from ui.text import link, outlet, visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from rag.types import ArticleView

__all__ = ["ArticleSource", "load_source", "source_loader"]

MOST_CITED = 50
"""Ranges that one reference may name."""
_LONGEST = 36 + 24 * MOST_CITED
_REFERENCE = re.compile(r"([0-9a-f]{32}):([0-9]{1,10}:[0-9]{1,10}(?:,[0-9]{1,10}:[0-9]{1,10})*)", re.ASCII)
_NO_SUCH_PLACE = "This is not a place in these articles."
_NOT_THERE = "This article is not in the index any more. Ask again to get a fresh citation."


class ArticleSource(Protocol):
    """Whatever gives an article by its id: the panel needs no more of the engine."""

    def article(self, article_id: str) -> ArticleView:
        """The article.

        Raises:
            ArticlesError: there is no such article.
        """
        ...


def load_source(engine: ArticleSource, reference: object) -> dict[str, Any]:
    """The article that `reference` names, as plain values for the page, which sets them with `textContent`.

    Args:
        engine: gives the article.
        reference: `ARTICLEID:START:END`, or `ARTICLEID:START:END,START:END,...`; the id is 32 hexadecimal digits,
            the ranges are half-open character offsets in the source text, and the first is the one clicked. It
            comes from the browser, so it may be anything.

    Returns:
        `{title, outlet, published, place, agency, url, before, quote, after}`, where `quote` is the clicked sentence
        and `before` and `after` are lists of `{text, cited}` in the order of the text; joined, the three are the
        article's text with its control characters made visible. `url` is None unless the source is an http or https
        address. Or `{error}`: one line for the reader.
    """
    parsed = _parse(reference)
    if parsed is None:
        return {"error": _NO_SUCH_PLACE}
    article_id, ranges = parsed
    try:
        view = engine.article(article_id)
    except ArticlesError:
        return {"error": _NOT_THERE}
    except CitewellError as error:
        return {"error": visible(str(error))}
    if any(not view.start <= start < end <= view.end for start, end in ranges):
        return {"error": _NO_SUCH_PLACE}
    text = visible(view.text)
    local = [(start - view.start, end - view.start) for start, end in ranges]
    start, end = local[0]
    return {
        "title": visible(view.title),
        "outlet": visible(outlet(view.source)),
        "published": visible(view.published) if view.published else None,
        "place": visible(view.place) if view.place else None,
        "agency": visible(view.agency) if view.agency else None,
        "url": link(view.source),
        "before": _pieces(text, 0, start, local[1:]),
        "quote": text[start:end],
        "after": _pieces(text, end, len(text), local[1:]),
    }


def source_loader(engine: ArticleSource) -> Callable[[Any], dict[str, Any]]:
    """`load_source` of one engine, under the name by which the panel's script calls it."""

    def load_source_of_engine(reference: Any) -> dict[str, Any]:
        return load_source(engine, reference)

    # Gradio offers the function to the script by its name.
    load_source_of_engine.__name__ = "load_source"
    return load_source_of_engine


def asset(name: str) -> str:
    """The text of a file in `ui/assets`."""
    return (Path(__file__).parent / "assets" / name).read_text(encoding="utf-8")


def _parse(reference: object) -> tuple[str, list[tuple[int, int]]] | None:
    if not isinstance(reference, str) or len(reference) > _LONGEST:
        return None
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        return None
    ranges = []
    for piece in match[2].split(","):
        start, end = piece.split(":")
        ranges.append((int(start), int(end)))
    return (match[1], ranges) if len(ranges) <= MOST_CITED else None


def _pieces(text: str, start: int, end: int, ranges: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """`text[start:end]` cut at the parts of `ranges` that lie in it; overlapping ranges are cut at the first's end."""
    pieces: list[dict[str, Any]] = []
    at = start
    for low, high in sorted(ranges):
        low, high = max(low, at), min(high, end)
        if low >= high:
            continue
        if low > at:
            pieces.append({"text": text[at:low], "cited": False})
        pieces.append({"text": text[low:high], "cited": True})
        at = high
    if at < end:
        pieces.append({"text": text[at:end], "cited": False})
    return pieces
