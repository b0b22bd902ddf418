"""Which lines of an article are no prose: its headline, repeated lines, and the furniture of a web page.

Nothing is removed: lines are marked, and the text stays as it is. A false mark hides a sentence that could be quoted,
so every rule reads a whole line and asks for more than one sign where prose could look alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from index.bundle_heads import read_head
from index.captions import is_caption
from index.headlines import headline_like
from index.lines import fold_line, is_prose, line_spans
from index.types import Article, Boilerplate, BoilerplateKind, Span
from index.widgets import is_byline, is_widget

__all__ = ["EVERY_RULE", "Rules", "mark_boilerplate"]

_SITE = re.compile(r"\s+(?:[|•·]|[-–—])\s+[^|•·]{2,30}$")
_LABEL = re.compile(r"^(?:[A-Z]{1,3}|[\d.,]+ ?[KkMm]?)$")
_DIGITS = re.compile(r"^[\d.,]+ ?[KkMm]?$")
_HEAD_LINES = 15
_BYLINES = 4  # lines from the top
_REPEAT_LENGTH = 30  # characters; below, a refrain or a speaker's name may come again in prose


@dataclass(frozen=True, slots=True)
class Rules:
    """Which rules say what is no prose; all of them, unless their worth is measured.

    Attributes:
        document: those on one article alone (`mark_boilerplate`).
        collection: those on all articles of a source (`index.recurring`).
    """

    document: bool = True
    collection: bool = True


EVERY_RULE = Rules()
"""What is in force unless something else is said."""


def mark_boilerplate(article: Article, *, rules: Rules = EVERY_RULE) -> tuple[Boilerplate, ...]:
    """The lines of the article that are no prose, in order; each line gets at most one mark.

    The first place of a repeated line stays unmarked, and later ones point to it by `original`. An article that holds
    nothing but its headline keeps it, or there would be nothing to quote. Without `rules.document` nothing is marked.
    """
    if not rules.document:
        return ()
    text = article.text
    lines = line_spans(text, article.extent)
    titles = _titles(article)
    source = article.source
    head = read_head(text, lines) if source.line is None and source.url is None and source.title is None else None
    facts = head.facts if head is not None else frozenset()
    first: dict[str, Span] = {}
    marks = []
    in_head = True
    kept = 0
    for number, span in enumerate(lines):
        line = span.of(text)
        kind: BoilerplateKind | None = None
        original = None
        if titles and fold_line(line) in titles:
            kind = "headline"
        elif (
            span in facts
            or is_widget(line)
            or (_LABEL.match(line) and ((in_head and number < _HEAD_LINES) or _beside_a_number(text, lines, number)))
            or (in_head and number < _BYLINES and is_byline(line) and _has_prose(text, lines[number + 1 :]))
        ):
            kind = "widget"
        elif line in first:
            kind, original = "repeat", first[line]
        elif is_caption(line) or (len(line) >= _REPEAT_LENGTH and line.count(" ") >= 4):
            first[line] = span
        if kind is not None:
            marks.append(Boilerplate(span, kind, original))
        else:
            kept += any(map(str.isalpha, line))
            in_head = in_head and (is_caption(line) or not is_prose(line))
    if not kept:
        marks = [mark for mark in marks if mark.kind != "headline"]
    return tuple(marks)


def _titles(article: Article) -> frozenset[str]:
    """The folded forms that a line with the headline may have; none when the title is only the first words."""
    if article.title_span is not None and not headline_like(article.title_span.of(article.text)):
        return frozenset()
    return frozenset(fold_line(title) for title in (article.title, _SITE.sub("", article.title))) - {""}


def _beside_a_number(text: str, lines: tuple[Span, ...], number: int) -> bool:
    """Whether a line and one next to it are a label and a number, as share counters stand in pairs."""
    beside = [span.of(text) for span in lines[max(0, number - 1) : number] + lines[number + 1 : number + 2]]
    if _DIGITS.match(lines[number].of(text)):
        return any(_LABEL.match(line) for line in beside)
    return any(_DIGITS.match(line) for line in beside)


def _has_prose(text: str, lines: tuple[Span, ...]) -> bool:
    return any(is_prose(span.of(text)) for span in lines)
