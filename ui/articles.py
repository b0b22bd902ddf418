"""The articles on the page: their list, what adds to it, and the scope of a question that is chosen there."""

from __future__ import annotations

import json
from typing import Any

from index.errors import QuestionError
from index.scope import Scope
from ui.panel import asset
from ui.text import escape

__all__ = ["SCOPED", "articles_view", "read_scope", "scope_input", "scope_markup"]

SCOPED = """(asked, turns, scope) => {
  document.documentElement.dataset.asked = asked;
  return [asked, turns, window.citewellScope ? window.citewellScope() : ''];
}"""
"""Runs in the page before a question is sent: the third input is what was chosen on the list. What is asked is kept for
the script that empties the box."""
_LONGEST = 40_000
_MOST = 500


def articles_view(gr: Any) -> None:
    """Lay out the button that opens the list, and the list."""
    gr.HTML(
        elem_id="articles",
        html_template=f"<style>{asset('articles.css')}</style>{asset('articles.html')}",
        js_on_load=asset("articles.js"),
        apply_default_css=False,
    )


def scope_input(gr: Any) -> Any:
    """Lay out the place of the chips that say what a question is limited to, and what sends it along."""
    gr.HTML(
        '<ul class="scope-chips" aria-label="Asked are only" hidden></ul>',
        elem_id="scope",
        js_on_load=None,
        apply_default_css=False,
    )
    return gr.Textbox(visible=False)


def read_scope(given: object) -> Scope | None:
    """The scope that a browser sent, which may be anything; None when it limits nothing.

    Args:
        given: JSON of an object with `sources`, `articles` (lists of text), `since` and `until`, each optional; or "".

    Raises:
        QuestionError: when it is none.

    >>> read_scope('{"sources": ["bbc.com"], "since": "2023-05-01"}').describe()
    'from bbc.com, since 2023-05-01'
    """
    if given in (None, ""):
        return None
    try:
        if not isinstance(given, str) or len(given) > _LONGEST:
            raise ValueError("too long, or no text")
        found = json.loads(given)
        if not isinstance(found, dict) or found.keys() - {"sources", "articles", "since", "until"}:
            raise ValueError("no such object")
        sources, articles = (_texts(found.get(key, [])) for key in ("sources", "articles"))
        since, until = (_text(found.get(key)) for key in ("since", "until"))
        return Scope(sources, since, until, articles) or None
    except (ValueError, RecursionError) as error:
        raise QuestionError(
            "the sources or dates that the question is limited to cannot be read; choose them again"
        ) from error


def scope_markup(scope: Scope | None) -> str:
    """A line that says what a question was limited to; "" when to nothing."""
    return "" if not scope else f'<p class="asked-of">Asked only: <bdi>{escape(scope.describe())}</bdi></p>'


def _texts(value: object) -> frozenset[str]:
    if not isinstance(value, list) or len(value) > _MOST or not all(isinstance(each, str) for each in value):
        raise ValueError("no list of texts")
    return frozenset(value)


def _text(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError("no text")
    return value or None
