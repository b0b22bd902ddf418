"""What the page's script asks for: an article, cut where its cited sentences stand, or a sentence among its neighbours.

The script and the style of reading come from here too; each is several files of `assets`, joined.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from index.errors import ArticlesError, CitewellError
from index.sentences import plain_sentences
from ui.text import link, outlet, visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from rag.types import ArticleView

__all__ = ["ArticleSource", "asset", "load_passage", "load_source", "panel_functions", "script", "style"]

MOST_CITED = 50
"""Ranges that one reference may name."""
NEIGHBOURS = 2
"""Sentences that are shown on each side of a quote."""
_SCRIPTS = ("panel.js", "answers.js", "preview.js", "conversation.js")
_STYLES = ("page.css", "answers.css", "conversation.css", "source.css", "takeaway.css", "loading.css")
_WINDOW = 2_500
"""Characters on each side of a quote in which its neighbours are looked for."""
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
        article's text with its control characters made visible. `cited` is the range that a piece is cited as,
        `START:END` as in the reference, or None. `url` is None unless the source is an http or https address. Or
        `{error}`: one line for the reader.
    """
    found = _find(engine, reference)
    if isinstance(found, str):
        return {"error": found}
    view, local = found
    text = visible(view.text)
    start, end = local[0]
    return {
        "title": visible(view.title),
        "outlet": visible(outlet(view.source)),
        "published": visible(view.published) if view.published else None,
        "place": visible(view.place) if view.place else None,
        "agency": visible(view.agency) if view.agency else None,
        "url": link(view.source),
        "before": _pieces(text, (0, start), local[1:], view.start),
        "quote": text[start:end],
        "after": _pieces(text, (end, len(text)), local[1:], view.start),
    }


def load_passage(engine: ArticleSource, reference: object) -> dict[str, Any]:
    """The sentence that `reference` names, with what stands right before and after it in its article.

    Args:
        engine: gives the article.
        reference: as in `load_source`; only the first range counts.

    Returns:
        `{title, outlet, published, before, quote, after}`, where the last three are consecutive characters of the
        article with its control characters made visible; `before` and `after` hold up to `NEIGHBOURS` sentences, with
        all that stands between them. Or `{error}`.
    """
    found = _find(engine, reference)
    if isinstance(found, str):
        return {"error": found}
    view, [(start, end), *_] = found
    low, high = _neighbours(view.text, start, end)
    return {
        "title": visible(view.title),
        "outlet": visible(outlet(view.source)),
        "published": visible(view.published) if view.published else None,
        "before": visible(view.text[low:start]),
        "quote": visible(view.text[start:end]),
        "after": visible(view.text[end:high]),
    }


def panel_functions(engine: ArticleSource) -> list[Callable[[Any], dict[str, Any]]]:
    """`load_source` and `load_passage` of one engine, under the names by which the page's script calls them."""

    def bound(load: Callable[[ArticleSource, object], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
        def of_engine(reference: Any) -> dict[str, Any]:
            return load(engine, reference)

        # Gradio offers the function to the script by its name.
        of_engine.__name__ = load.__name__
        return of_engine

    return [bound(load_source), bound(load_passage)]


def script() -> str:
    """The script of reading: the source panel, the unfolding of answers, the preview of quotes."""
    return "\n".join(asset(name) for name in _SCRIPTS)


def style() -> str:
    """The style of the page."""
    return "\n".join(asset(name) for name in _STYLES)


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


def _find(engine: ArticleSource, reference: object) -> tuple[ArticleView, list[tuple[int, int]]] | str:
    """The article and the ranges of its own text that `reference` names, or what is wrong with it."""
    parsed = _parse(reference)
    if parsed is None:
        return _NO_SUCH_PLACE
    article_id, ranges = parsed
    try:
        view = engine.article(article_id)
    except ArticlesError:
        return _NOT_THERE
    except CitewellError as error:
        return visible(str(error))
    if any(not view.start <= start < end <= view.end for start, end in ranges):
        return _NO_SUCH_PLACE
    return view, [(start - view.start, end - view.start) for start, end in ranges]


def _neighbours(text: str, start: int, end: int) -> tuple[int, int]:
    """The extent of `text[start:end]` with up to `NEIGHBOURS` sentences on each side."""
    low = max(0, start - _WINDOW)
    # Where the window begins or ends inside of the text, its outermost sentence may be cut.
    before = plain_sentences(text[low:start])[1 if low else 0 :][-NEIGHBOURS:]
    high = min(len(text), end + _WINDOW)
    after = plain_sentences(text[end:high])[: None if high == len(text) else -1][:NEIGHBOURS]
    return (low + before[0].start if before else start), (end + after[-1].end if after else end)


def _pieces(text: str, part: tuple[int, int], ranges: list[tuple[int, int]], offset: int) -> list[dict[str, Any]]:
    """One part of `text` cut where `ranges` lie in it; overlapping ranges are cut at the first's end."""
    pieces: list[dict[str, Any]] = []
    at, end = part
    for start, stop in sorted(ranges):
        low, high = max(start, at), min(stop, end)
        if low >= high:
            continue
        if low > at:
            pieces.append({"text": text[at:low], "cited": None})
        pieces.append({"text": text[low:high], "cited": f"{offset + start}:{offset + stop}"})
        at = high
    if at < end:
        pieces.append({"text": text[at:end], "cited": None})
    return pieces
